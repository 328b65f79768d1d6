/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Overlays of volumes: made over a file that is there, and merged into it.  What lies below is what
 * is on record, never what an overlay says. */

#include <config.h>

#include "storage/storage.h"

#include "lib/file.h"
#include "storage/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>

int
vl_overlay_make (struct vl_call *call, const char *target, const char *backing,
                 const char *backing_format, int64_t bytes)
{
  VL_AUTOCLOSE int fd = open (target, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  const char *size = vl_printf (call, "%" PRId64, bytes);
  const char *args[] = { "create", "-q",    "-f", "qcow2",        "-u", "-F", backing_format,
                         "-b",     backing, "--", VL_TOOL_FILE_0, size, NULL };
  const struct vl_tool_file files[] = { { .path = target, .fd = fd, .write = 1 } };
  const struct vl_tool tool = { .size = sizeof tool,
                                .name = "qemu-img",
                                .args = args,
                                .files = VL_TABLE (files),
                                .file_size = bytes / 64 + (64 << 20) };
  int result;

  if (fd < 0)
    return vl_file_failed (call, "cannot make", target, errno);
  result = vl_tool_core (call, &tool, NULL);
  if (result == 0 && fsync (fd) < 0)
    result = vl_file_failed (call, "cannot write", target, errno);
  if (result < 0)
    unlink (target);
  return result;
}

/* The very file that was judged, whatever has its name by now. */
static int
open_again (const struct vl_image_file *file)
{
  int fd = open (vl_printf (file->call, "/proc/self/fd/%d", file->fd), O_RDWR | O_CLOEXEC);

  return fd >= 0 ? fd : vl_file_failed (file->call, "cannot write", file->path, errno);
}

/* Merges the open TOP into the open BELOW of FORMAT. */
static int
merge (const struct vl_image_file *top, const struct vl_image_file *below, const char *format)
{
  struct vl_call *call = top->call;
  VL_AUTOCLOSE int top_fd = open_again (top);
  VL_AUTOCLOSE int below_fd = open_again (below);
  const char *spec =
      vl_printf (call,
                 "json:{\"driver\":\"qcow2\",\"file\":{\"driver\":\"file\","
                 "\"filename\":\"" VL_TOOL_FILE_0 "\"},\"backing\":{\"driver\":"
                 "\"%s\"%s,\"file\":{\"driver\":\"file\",\"filename\":\"" VL_TOOL_FILE_1 "\"}}}",
                 format, VL_STREQ (format, "qcow2") ? ",\"backing\":null" : "");
  const char *args[] = { "commit", "-q", "-d", "--", spec, NULL };
  const struct vl_tool_file files[] = { { .path = top->path, .fd = top_fd, .write = 1 },
                                        { .path = below->path, .fd = below_fd, .write = 1 } };
  int64_t bytes = top->virtual_size;
  const struct vl_tool tool = { .size = sizeof tool,
                                .name = "qemu-img",
                                .args = args,
                                .files = VL_TABLE (files),
                                .deadline = vl_tool_time_for (2 * bytes),
                                .file_size = bytes + bytes / 64 + (64 << 20) };

  if (top_fd < 0 || below_fd < 0)
    return -1;
  vl_progress (call, "merging \"%s\" into \"%s\"", top->path, below->path);
  if (vl_tool_core (call, &tool, NULL) < 0)
    return -1;
  return fsync (below_fd) == 0 ? 0 : vl_file_failed (call, "cannot write", below->path, errno);
}

int
vl_overlay_merge (struct vl_call *call, const char *path, const char *backing,
                  const char *backing_format, const struct vl_trust_guests *guests)
{
  VL_AUTOIMAGE struct vl_image_file top = { .fd = -1 }, below = { .fd = -1 };

  return vl_volume_open (call, path, 0, guests, &top) < 0
                 || vl_disk_verify (&top, "qcow2", backing, backing_format) < 0
                 || vl_volume_open (call, backing, 0, guests, &below) < 0
                 || vl_disk_verify (&below, backing_format, NULL, NULL) < 0
             ? -1
             : merge (&top, &below, backing_format);
}

/* QEMU has locks on single bytes of each disk that it has open. */
int
vl_disk_in_use (int fd)
{
  struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

  return fcntl (fd, F_OFD_GETLK, &lock) < 0 ? -1 : lock.l_type != F_UNLCK;
}
