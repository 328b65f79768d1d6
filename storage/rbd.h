/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * rbd: what the plan of a disk in Ceph and the acts on it share. */

#ifndef VL_STORAGE_RBD_H
#define VL_STORAGE_RBD_H

#include <virtloom/storage.h>

#define RBD_CONF "/etc/ceph/ceph.conf"
/* The row of the program that reaches Ceph. */
#define RBD_TOOL "virtloom-rbd"

/* The user and the ceph.conf of servers' disks, by the settings. */
const char *rbd_user (struct vl_call *c);
const char *rbd_conf (struct vl_call *c);
/* Is TEXT fit for a name in Ceph, that is given on as it is?  1 or 0. */
int rbd_is_name (const char *text);

/* rbd-acts.c: as of struct vl_storage_calls. */
int rbd_make (struct vl_call *c, const struct vl_volume *volume, const struct vl_source *source);
int rbd_resize (struct vl_call *c, const struct vl_volume *volume, const struct vl_source *source);
int rbd_remove (struct vl_call *c, const struct vl_volume *volume, const struct vl_source *source);
int rbd_checkpoint (struct vl_call *c, const struct vl_volume *volume,
                    const struct vl_source *source);
int rbd_rollback (struct vl_call *c, const struct vl_volume *volume,
                  const struct vl_source *source);
int rbd_commit (struct vl_call *c, const struct vl_volume *volume, const struct vl_source *source);
int rbd_snapshot (struct vl_call *c, const struct vl_volume *volume, const struct vl_source *source,
                  const char *path, const char *format);
int rbd_image_look (struct vl_call *c, const char *url, struct vl_image_place *place);
int rbd_image_clones (struct vl_call *c, const char *url, struct vl_image_place *place);
int rbd_image_fetch (struct vl_call *c, const char *url, const char *path);
int rbd_capacity (struct vl_call *c, const char *dir, const char **store, int64_t *total,
                  int64_t *used);

#endif
