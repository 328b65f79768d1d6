/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What is behind a server's disks and NICs.  Internal to core/server. */

#ifndef VL_CORE_SERVER_DISKS_H
#define VL_CORE_SERVER_DISKS_H

#include "server/hooks.h"

/* Makes every local disk of PLAN in its run-dir, which exists; looks at the
 * volumes, which it never changes.  0, or -1 after a finding: what was made lies in the
 * run-dir, or is in the undo log. */
int vl_server_disks_make (const struct vl_hooks *hooks, const struct vl_plan *plan);
/* Before a guest is started again: connects the volumes and plugs the NICs on RECORD. */
int vl_server_devices_connect (struct vl_app *app, const struct vl_record *record);
/* The guest of SERVER is gone: removes what was made for its disks outside of its folder,
 * disconnects its volumes and unplugs its NICs; DEVICE is the id of one, NULL for all.
 * Success where there is nothing. */
int vl_server_devices_undo (struct vl_app *app, struct vl_store *store, const char *server,
                            const char *device);
/* Before a guest is started again: are the files that its document XML names as
 * disks, and the images below them, what they were made as?  The guest has had them. */
int vl_server_disks_verify (struct vl_app *app, const char *xml);

#endif
