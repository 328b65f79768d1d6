/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the record keeping needs of disks beyond storage.h. */

#ifndef VL_CORE_DISK_H
#define VL_CORE_DISK_H

#include "storage/storage.h"

/* A swap disk of SIZE bytes with the swap signature, where mkswap is there. */
int vl_disk_create_swap (struct vl_call *call, const struct vl_config *config, const char *target,
                         const char *format, int64_t size);
/* An ephemeral disk: with the file system of default_ephemeral_format, labelled
 * ephemeralNUMBER, where that is set; else empty. */
int vl_disk_create_ephemeral (struct vl_call *call, const struct vl_config *config,
                              const char *target, const char *format, int64_t size, int number);
/* Converts the image PATH of FORMAT into TARGET of format TO (raw, qcow2).
 * TARGET must not exist, and does not after a failure. */
int vl_image_convert (struct vl_call *call, const char *path, const char *format, const char *to,
                      const char *target);
#endif
