/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The files behind a server's disks.  Internal to core/server. */

#ifndef VL_CORE_SERVER_DISKS_H
#define VL_CORE_SERVER_DISKS_H

#include "server/plan.h"

/* Makes every local disk of PLAN in its run-dir, which exists; looks at the
 * volumes, which it never changes.  0, or -1 after a finding: whatever was made
 * lies in the run-dir. */
int vl_server_disks_make (struct vl_app *app, const struct vl_plan *plan);
/* Before a guest is started again: are the disks and the image below them what
 * they were made as?  The guest has had them. */
int vl_server_disks_verify (struct vl_app *app, const struct vl_plan *plan);

#endif
