/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Images and disks: inspection before anything is believed, copies in STATE,
 * root disks as overlays or flat copies.  Every tool runs confined (tool.h), and
 * qemu-img never without a format. */

#ifndef VL_CORE_STORAGE_H
#define VL_CORE_STORAGE_H

#include "context/call.h"
#include "plugin/conf.h"

struct vl_image_facts {
  int64_t virtual_size, actual_size; /* bytes */
  const char *format;
};

/* Inspects the regular file PATH as FORMAT.  0, or -1 after ImageUnacceptable. */
int vl_image_inspect (struct vl_call *call, const char *path, const char *format,
                      struct vl_image_facts *facts);
/* Copies PATH to TARGET (reflink where possible), which must not exist; fsynced.
 * *CHECKSUM is "sha256:HEX" in arena memory. */
int vl_image_copy (struct vl_call *call, const char *path, const char *target,
                   const char **checksum);

/* Makes a server's root disk at TARGET from IMAGE of FORMAT: a qcow2 overlay
 * with explicit backing format, or a flat copy, by images_type (qcow2, flat,
 * raw, default), grown to SIZE bytes (0: the image's own).  TARGET must not
 * exist.  FlavorDiskSmallerThanImage where SIZE is less than the image. */
int vl_disk_create (struct vl_call *call, const struct vl_config *config, const char *image,
                    const char *format, const char *target, int64_t size);
/* An empty disk: ephemeral, swap. */
int vl_disk_create_empty (struct vl_call *call, const struct vl_config *config, const char *target,
                          const char *format, int64_t size);
/* The config drive: an ISO 9660 or vfat image of metadata and user data. */
int vl_disk_create_config (struct vl_call *call, const struct vl_config *config, const char *target,
                           const char *metadata_json, const char *user_data);

#endif
