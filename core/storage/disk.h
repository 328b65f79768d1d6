/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the record keeping needs of images beyond inspect.h. */

#ifndef VL_CORE_DISK_H
#define VL_CORE_DISK_H

#include "storage/inspect.h"

/* May a disk of SIZE bytes (0: the image's own) be made of the open image FILE of FORMAT?
 * 0 with *BYTES that it gets and *IMAGE_BYTES that the image has; -1 after
 * ImageUnacceptable, or FlavorDiskSmallerThanImage. */
int vl_image_admit (struct vl_call *call, const struct vl_image_file *file, const char *format,
                    int64_t size, int64_t *bytes, int64_t *image_bytes);
/* Converts the image PATH of FORMAT into TARGET of format TO (raw, qcow2).
 * TARGET must not exist, and does not after a failure. */
int vl_image_convert (struct vl_call *call, const char *path, const char *format, const char *to,
                      const char *target);
#endif
