/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Do two hosts have a guest's disks in common?  Internal to core/server. */

#ifndef VL_CORE_LIVE_STORAGE_H
#define VL_CORE_LIVE_STORAGE_H

#include "server/record.h"

/* Makes a file in the folder of disks that nobody else has made; its name, or NULL after a finding. */
const char *vl_test_file_make (struct vl_app *app);
/* Fills what DATA says of the disks of RECORD's server.  0, or -1 after a finding. */
int vl_live_storage_judge (struct vl_app *app, const struct vl_record *record,
                           struct vl_migrate_data *data);

#endif
