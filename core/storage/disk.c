/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Images as they are judged before a disk is made of one, and converted before they are
 * kept.  What an image says of itself is read by our own parser each time. */

#include <config.h>

#include "storage/disk.h"

#include "storage/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>

#define SECTOR 512

/* The size of an image of a format that has no parser of ours. */
static int
ask_size (struct vl_call *call, const char *image, const char *format,
          struct vl_image_header *header)
{
  struct vl_image_facts facts = { .size = sizeof facts };

  if (header->virtual_size == 0) {
    if (vl_image_inspect (call, image, format, &facts) < 0)
      return -1;
    header->virtual_size = facts.virtual_size;
  }
  return 0;
}

int
vl_image_admit (struct vl_call *call, const struct vl_image_file *file, const char *format,
                int64_t size, int64_t *bytes, int64_t *image_bytes)
{
  struct vl_image_header header;

  if (vl_image_check (call, file, format, &header) < 0
      || ask_size (call, file->path, format, &header) < 0
      || vl_image_bound (call, file, header.virtual_size) < 0)
    return -1;
  *image_bytes = header.virtual_size;
  *bytes = size ? size : (header.virtual_size + SECTOR - 1) / SECTOR * SECTOR;
  if (*bytes >= header.virtual_size)
    return 0;
  return vl_refuse_as (call, VL_ERR_REQUEST, "FlavorDiskSmallerThanImage", NULL,
                       vl_printf (call,
                                  "take a flavor with a disk of at least %" PRId64
                                  " GiB, or of 0 for the image's own",
                                  (header.virtual_size + (1 << 30) - 1) >> 30),
                       "the flavor's disk of %" PRId64
                       " bytes is too small for the image, a disk of %" PRId64 " bytes",
                       size, header.virtual_size);
}

/* The open IMAGE, a disk of BYTES, as format TO in FD, an empty file at TARGET. */
static int
convert (struct vl_call *call, const struct vl_image_file *image, const char *format,
         const char *to, const char *target, int fd, int64_t bytes)
{
  const char *args[] = { "convert",      "-q", "-f", vl_image_qemu_format (format),
                         "-O",           to,   "--", VL_TOOL_FILE_1,
                         VL_TOOL_FILE_0, NULL };
  const struct vl_tool_file files[] = { { .path = target, .fd = fd, .write = 1 },
                                        { .path = image->path, .fd = image->fd } };
  const struct vl_tool tool = { .size = sizeof tool,
                                .name = "qemu-img",
                                .args = args,
                                .files = VL_TABLE (files),
                                .deadline = vl_tool_time_for (bytes),
                                /* All clusters and the tables of a qcow2. */
                                .file_size = bytes + bytes / 64 + (64 << 20) };

  return vl_tool_core (call, &tool, NULL);
}

int
vl_image_convert (struct vl_call *call, const char *path, const char *format, const char *to,
                  const char *target)
{
  struct vl_image_facts facts = { .size = sizeof facts };
  struct vl_image_file file;
  VL_AUTOCLOSE int fd = -1;
  int result;

  if (vl_image_inspect (call, path, format, &facts) < 0 || vl_image_open (call, path, &file) < 0)
    return -1;
  fd = open (target, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  result = fd < 0 ? vl_file_failed (call, "cannot make", target, errno)
                  : convert (call, &file, format, to, target, fd, facts.virtual_size);
  vl_image_close (&file);
  /* qemu-img does not wait for the disk by itself. */
  if (result == 0 && fsync (fd) < 0)
    result = vl_file_failed (call, "cannot write", target, errno);
  if (result < 0 && fd >= 0)
    unlink (target);
  return result;
}
