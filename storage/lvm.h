/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * lvm: what the plan of a disk in a volume group and the acts on it share. */

#ifndef VL_STORAGE_LVM_H
#define VL_STORAGE_LVM_H

#include <virtloom/storage.h>

/* The rows of the outside programs. */
#define LVM_TOOL "lvm"
#define LVM_ZERO "blkdiscard"
#define LVM_SHRED "shred"

/* What the tags of our disks begin with. */
#define LVM_TAG "virtloom."

/* Where the kernel takes orders about logical volumes. */
#define LVM_CONTROL "/dev/mapper/control"
#define LVM_INSTALL "apt-get install lvm2"

/* Why this machine has no logical volumes; NULL where it can have some. */
const char *lvm_missing (struct vl_call *c);

/* lvm-report.c */

/* What lvm2 says of a volume group, in bytes. */
struct lvm_group {
  const char *name;
  int64_t bytes, free;
};
/* What it says of a logical volume. */
struct lvm_volume {
  const char *name, *path; /* "vg0/NAME", "/dev/vg0/NAME" */
  const char *tags, *pool;
  int64_t bytes;
  int is_open, is_active;
};
/* A thin pool, how many of its bytes are taken and how many its thin volumes have been promised. */
struct lvm_pool {
  const char *name;
  int64_t bytes, used, promised;
};

/* Has the kernel load what maps as TARGET ("snapshot", "thin-pool"), which lvm2's program may not, being
 * confined.  Where that fails lvm2 says so. */
void lvm_need_target (const char *target);
/* Runs lvm2's program with ARGS, the first of which is its command.  0, or -1 after a refusal. */
int lvm_run (struct vl_call *c, const char *const *args);
/* Group NAME: 0, or -1 after a refusal where it is not there. */
int lvm_find_group (struct vl_call *c, const char *name, struct lvm_group *group);
/* The volume that lies at PATH, "/dev/GROUP/NAME": 1, 0 with GROUP filled where that has none of the
 * name, or -1 after a refusal. */
int lvm_find_volume (struct vl_call *c, const char *path, struct lvm_volume *volume,
                     struct lvm_group *group);
/* Calls FN for each volume of GROUP that is called as a server's disk.  0, or -1 after a refusal. */
int lvm_each_disk (struct vl_call *c, const char *group,
                   void (*fn) (void *opaque, const char *server, const char *disk), void *opaque);
/* The thin pool of GROUP that new disks take their bytes of: 0, or -1 after a refusal. */
int lvm_find_pool (struct vl_call *c, const char *group, struct lvm_pool *pool);

/* lvm-acts.c: as of struct vl_storage_calls and struct vl_feature. */
int lvm_make (struct vl_call *c, const struct vl_volume *volume, const struct vl_source *source);
int lvm_resize (struct vl_call *c, const struct vl_volume *volume, const struct vl_source *source);
int lvm_remove (struct vl_call *c, const struct vl_volume *volume, const struct vl_source *source);
int lvm_snapshot (struct vl_call *c, const struct vl_volume *volume, const struct vl_source *source,
                  const char *path, const char *format);
int lvm_capacity (struct vl_call *c, const char *dir, const char **store, int64_t *total,
                  int64_t *used);
int lvm_made (struct vl_call *c, void (*fn) (void *opaque, const char *server, const char *disk),
              void *opaque);
int lvm_prepare (struct vl_call *c);

#endif
