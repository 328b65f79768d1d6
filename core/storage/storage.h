/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Images: inspection before anything is believed, copies in STATE.  Every tool runs
 * confined (tool.h), and qemu-img never without a format. */

#ifndef VL_CORE_STORAGE_H
#define VL_CORE_STORAGE_H

#include "context/call.h"
#include "plugin/conf.h"

/* vl_copy, with the digest of what was copied.
 * *CHECKSUM is "sha256:HEX" in arena memory. */
int vl_image_copy (struct vl_call *call, const char *path, const char *target,
                   const char **checksum);

/* The config drive: an ISO 9660 or vfat image of metadata and user data. */
int vl_disk_create_config (struct vl_call *call, const struct vl_config *config, const char *target,
                           const char *metadata_json, const char *user_data);

#endif
