/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Copying and converting images.  A copy that failed leaves nothing behind. */

#include <config.h>

#include "storage/storage.h"

#include "lib/file.h"
#include "storage/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

/* *ST gets what is at PATH, or at the nearest folder above that is there.  The length of that one's
 * name in PATH, 0 where there is none. */
static size_t
nearest (const char *path, struct stat *st)
{
  size_t length = strlen (path);
  VL_AUTOFREE char *name = vl_xstrndup (path, length);

  while (length > 0 && stat (name, st) < 0) {
    while (length > 0 && name[length - 1] != '/')
      length--;
    while (length > 1 && name[length - 1] == '/')
      length--;
    name[length] = '\0';
  }
  return length;
}

const char *
vl_make_room (struct vl_call *call, const char *path)
{
  struct stat st, above;
  VL_AUTOFREE char *real = path ? vl_xstrndup (path, nearest (path, &st)) : NULL;
  VL_AUTOFREE char *name = real && *real ? realpath (real, NULL) : NULL;

  if (name == NULL)
    return "make room on the disk that is full ('df' shows which), then try again";
  /* It is mounted at the last folder on the way up that is on the same device. */
  for (char *slash; (slash = strrchr (name, '/')) && name[1];) {
    char *end = slash == name ? name + 1 : slash, old = *end;

    *end = '\0';
    if (stat (name, &above) < 0 || above.st_dev != st.st_dev) {
      *end = old;
      break;
    }
  }
  return vl_printf (call, "make room in the file system at \"%s\", then try again",
                    vl_shown (call->arena, name));
}

struct vl_errno_said
vl_errno_said (struct vl_call *call, const char *path, int error)
{
  switch (error) {
  case ENOSPC:
  case EDQUOT:
    return (struct vl_errno_said) { VL_ERR_FAILED, "DiskFull", vl_make_room (call, path) };
  case EROFS:
    return (struct vl_errno_said) {
      VL_ERR_NOT_PERMITTED, "ReadOnly",
      "see what made it so (dmesg), then mount it writable: mount -o remount,rw"
    };
  case EIO:
    return (struct vl_errno_said) { VL_ERR_FAILED, "StorageFailed",
                                    "the disk may be failing: see dmesg" };
  case EMFILE:
    return (struct vl_errno_said) { VL_ERR_FAILED, "HostLimit",
                                    "allow a process more open files: ulimit -n" };
  case ENFILE:
    return (struct vl_errno_said) { VL_ERR_FAILED, "HostLimit",
                                    "allow the host more open files: sysctl fs.file-max" };
  case ENOMEM:
    return (struct vl_errno_said) { VL_ERR_FAILED, "HostLimit", "the host has no memory left" };
  }
  return (struct vl_errno_said) { VL_ERR_FAILED, NULL, NULL };
}

int
vl_file_failed (struct vl_call *call, const char *what, const char *path, int error)
{
  struct vl_errno_said said = vl_errno_said (call, path, error);

  if (what == NULL)
    return vl_fault (call, "vl_file_failed is called with NULL where a text is needed");
  return vl_refuse_as (call, said.err, said.code ? said.code : "StorageFailed", NULL, said.hint,
                       "%s%s: %s", what, path ? vl_printf (call, " \"%s\"", path) : "",
                       strerror (error));
}

int
vl_file_room (struct vl_call *call, const char *path, int64_t bytes)
{
  struct statvfs fs;
  int64_t room;

  if (path == NULL)
    return vl_fault (call, "vl_file_room is called with NULL where a path is needed");
  if (statvfs (path, &fs) < 0)
    return vl_file_failed (call, "cannot look at", path, errno);
  room = (int64_t)(fs.f_bavail * fs.f_frsize);
  if (bytes <= room)
    return 0;
  return vl_refuse_as (call, VL_ERR_FAILED, "DiskFull", NULL, vl_make_room (call, path),
                       "\"%s\" may become %" PRId64 " bytes large, and %" PRId64 " are free there",
                       path, bytes, room);
}

/* How many bytes of FILE are on the disk; the others are holes, which read as zeroes. */
static int64_t
data_of (const struct vl_image_file *file)
{
  struct stat st;
  int64_t bytes = fstat (file->fd, &st) == 0 ? (int64_t)st.st_blocks * 512 : file->size;

  return bytes < file->size ? bytes : file->size;
}

/* Copying and the digest are coreutils' part: an essential package, well kept, and run
 * under the same limits as any other tool.  A reflink where the file system can, else data
 * only, so that holes stay holes. */
static int
fill (const struct vl_image_file *file, const char *target, int fd)
{
  static const char *const args[] = { "--reflink=auto", "--sparse=auto", "--",
                                      VL_TOOL_FILE_1,   VL_TOOL_FILE_0,  NULL };
  const struct vl_tool_file files[] = { { .path = target, .fd = fd, .write = 1 },
                                        { .path = file->path, .fd = file->fd } };
  const struct vl_tool tool = { .size = sizeof tool,
                                .name = "cp",
                                .args = args,
                                .files = VL_TABLE (files),
                                .deadline = vl_tool_time_for (data_of (file)),
                                /* Linux refuses to copy nothing at the limit. */
                                .file_size = file->size + 1 };

  vl_progress (file->call, "copying \"%s\"", file->path);
  if (vl_tool_core (file->call, &tool, NULL) < 0)
    return -1;
  return fsync (fd) == 0 && vl_file_sync_folder (target) == 0
             ? 0
             : vl_file_failed (file->call, "cannot write", target, errno);
}

/* A copy of the open FILE at TARGET, which must not exist. */
static int
copy_open (const struct vl_image_file *file, const char *target)
{
  struct stat before, after;
  VL_AUTOCLOSE int fd = open (target, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  int result;

  if (fd < 0 || fstat (file->fd, &before) < 0)
    return vl_file_failed (file->call, "cannot make", target, errno);
  result = vl_file_room (file->call, target, data_of (file)) < 0 ? -1 : fill (file, target, fd);
  if (result == 0
      && (fstat (file->fd, &after) < 0 || after.st_size != before.st_size
          || after.st_mtim.tv_sec != before.st_mtim.tv_sec
          || after.st_mtim.tv_nsec != before.st_mtim.tv_nsec))
    result = vl_refuse_as (file->call, VL_ERR_FAILED, "StorageFailed", NULL, NULL,
                           "\"%s\" changed while it was copied", file->path);
  if (result < 0)
    unlink (target);
  return result;
}

/* Runs TOOL, whose output begins with a digest by KIND, "sha256" or "sha512". */
static const char *
digest_by (struct vl_call *call, const struct vl_tool *tool, const char *kind)
{
  size_t digits = VL_STREQ (kind, "sha512") ? 128 : 64;
  struct vl_tool_result result = { .size = sizeof result };

  if (vl_tool_core (call, tool, &result) < 0)
    return NULL;
  if (strspn (result.out, "0123456789abcdef") == digits)
    return vl_printf (call, "%s:%.*s", kind, (int)digits, result.out);
  vl_refuse_as (call, VL_ERR_FAILED, "ToolFailed", NULL, NULL, "%s answered without a digest",
                tool->name);
  return NULL;
}

/* The digest of the open IMAGE by KIND. */
static const char *
digest (const struct vl_image_file *image, const char *kind)
{
  static const char *const args[] = { "--", VL_TOOL_FILE_0, NULL };
  const struct vl_tool_file file = { .path = image->path, .fd = image->fd };
  int64_t data = data_of (image);
  const struct vl_tool tool = { .size = sizeof tool,
                                .name = vl_printf (image->call, "%ssum", kind),
                                .args = args,
                                .files = { &file, 1, sizeof file },
                                /* Holes are not read, but hashed: at 100 MB/s. */
                                .deadline = vl_tool_time_for (data + (image->size - data) / 5) };

  vl_progress (image->call, "computing the digest of \"%s\"", image->path);
  return digest_by (image->call, &tool, kind);
}

const char *
vl_text_digest (struct vl_call *call, const char *text, size_t length)
{
  static const char *const args[] = { NULL };
  const struct vl_tool tool = {
    .size = sizeof tool, .name = "sha256sum", .args = args, .input = text, .input_length = length
  };

  return digest_by (call, &tool, "sha256");
}

const char *
vl_image_digest (struct vl_call *call, const char *path, const char *kind)
{
  VL_AUTOIMAGE struct vl_image_file file = { .fd = -1 };

  return vl_image_open (call, path, &file) < 0 ? NULL : digest (&file, kind);
}

int
vl_copy (struct vl_call *call, const char *path, const char *target)
{
  VL_AUTOIMAGE struct vl_image_file file = { .fd = -1 };

  return vl_may_act (call, "vl_copy") < 0 || vl_image_open (call, path, &file) < 0
             ? -1
             : copy_open (&file, target);
}

int
vl_image_copy (struct vl_call *call, const char *path, const char *target, const char **checksum)
{
  if (vl_copy (call, path, target) < 0)
    return -1;
  *checksum = vl_image_digest (call, target, "sha256");
  if (*checksum == NULL)
    unlink (target);
  return *checksum ? 0 : -1;
}

/* All of FILE, into FD, which may be a pipe. */
static int
pour (const struct vl_image_file *file, int fd)
{
  char bytes[65536];
  ssize_t got = 0;

  for (off_t at = 0; at < file->size; at += got) {
    got = pread (file->fd, bytes, sizeof bytes, at);
    if (got <= 0)
      return vl_image_unread (file, got < 0 ? errno : ESTALE);
    if (vl_file_write_all (fd, bytes, (size_t)got) < 0)
      return vl_file_failed (file->call, "cannot write", NULL, errno);
  }
  return 0;
}

/* The open FILE must be what CHECKSUM says; else HINT is what to do. */
static int
prove (const struct vl_image_file *file, const char *checksum, const char *hint)
{
  const char *is = digest (file, "sha256");

  if (is == NULL || VL_STREQ (is, checksum))
    return is ? 0 : -1;
  return vl_refuse_as (file->call, VL_ERR_FAILED, "ImageDamaged", NULL,
                       hint ? hint : "the disk may be failing: see dmesg",
                       "\"%s\" is not what is on record: its checksum is %s instead of %s",
                       file->path, is, checksum);
}

int
vl_image_prove (struct vl_call *call, const char *path, const char *checksum, const char *hint)
{
  VL_AUTOIMAGE struct vl_image_file file = { .fd = -1 };

  return vl_image_open (call, path, &file) < 0 ? -1 : prove (&file, checksum, hint);
}

int
vl_image_write (struct vl_call *call, const char *path, const char *checksum, int fd,
                const char *target)
{
  VL_AUTOIMAGE struct vl_image_file file = { .fd = -1 };
  struct vl_image_file copy;

  if (vl_image_open (call, path, &file) < 0)
    return -1;
  if (target == NULL)
    return prove (&file, checksum, NULL) < 0 ? -1 : pour (&file, fd);
  copy = file;
  copy.fd = fd;
  copy.path = target;
  return fill (&file, target, fd) < 0 ? -1 : prove (&copy, checksum, NULL);
}

/* The open IMAGE, a disk of BYTES, as format TO in FD, an empty file at TARGET. */
static int
convert (const struct vl_image_file *image, const char *format, const char *to, const char *target,
         int fd, int64_t bytes)
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

  return vl_tool_core (image->call, &tool, NULL);
}

int
vl_image_convert (struct vl_call *call, const char *path, const char *format, const char *to,
                  const char *target)
{
  struct vl_image_facts facts = { .size = sizeof facts };
  VL_AUTOIMAGE struct vl_image_file file = { .fd = -1 };
  VL_AUTOCLOSE int fd = -1;
  int result;

  if (vl_image_inspect (call, path, format, &facts) < 0 || vl_image_open (call, path, &file) < 0)
    return -1;
  fd = open (target, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0)
    return vl_file_failed (call, "cannot make", target, errno);
  result = vl_file_room (call, target, facts.virtual_size) < 0
               ? -1
               : convert (&file, format, to, target, fd, facts.virtual_size);
  /* qemu-img does not wait for the disk by itself. */
  if (result == 0 && fsync (fd) < 0)
    result = vl_file_failed (call, "cannot write", target, errno);
  if (result < 0)
    unlink (target);
  return result;
}

/* ---- disks of servers ---- */

/* How qemu-img is told to read a disk: by what is on record of it, never by what its bytes say. */
static const char *
disk_spec (struct vl_call *call, const char *format, const char *backing_format)
{
  const char *below = backing_format
                          ? vl_printf (call,
                                       "{\"driver\":\"%s\",\"file\":{\"driver\":\"file\","
                                       "\"filename\":\"" VL_TOOL_FILE_2 "\"}}",
                                       vl_image_qemu_format (backing_format))
                          : "null";

  return vl_printf (call,
                    "json:{\"driver\":\"%s\",\"file\":{\"driver\":\"file\","
                    "\"filename\":\"" VL_TOOL_FILE_0 "\"}%s%s}",
                    format, VL_STREQ (format, "qcow2") ? ",\"backing\":" : "",
                    VL_STREQ (format, "qcow2") ? below : "");
}

/* The open DISK, which lies over the open BELOW (its descriptor is -1: over nothing), in FD. */
static int
flatten (const struct vl_image_file *disk, const char *format, const struct vl_image_file *below,
         const char *backing_format, const char *to, const char *target, int fd)
{
  const char *args[] = { "convert",      "-q",
                         "-O",           to,
                         "--",           disk_spec (disk->call, format, backing_format),
                         VL_TOOL_FILE_1, NULL };
  const struct vl_tool_file files[] = { { .path = disk->path, .fd = disk->fd },
                                        { .path = target, .fd = fd, .write = 1 },
                                        { .path = below->path, .fd = below->fd } };
  int64_t bytes = disk->virtual_size;
  const struct vl_tool tool = { .size = sizeof tool,
                                .name = "qemu-img",
                                .args = args,
                                .files = { files, below->fd >= 0 ? 3 : 2, sizeof files[0] },
                                .deadline = vl_tool_time_for (2 * bytes),
                                .file_size = bytes + bytes / 64 + (64 << 20) };

  vl_progress (disk->call, "copying \"%s\"", disk->path);
  if (vl_tool_core (disk->call, &tool, NULL) < 0)
    return -1;
  return fsync (fd) == 0 ? 0 : vl_file_failed (disk->call, "cannot write", target, errno);
}

int
vl_disk_convert (struct vl_call *call, const char *path, const char *format, const char *backing,
                 const char *backing_format, const char *to, const char *target)
{
  VL_AUTOIMAGE struct vl_image_file disk = { .fd = -1 }, below = { .fd = -1 };
  VL_AUTOCLOSE int fd = -1;
  int result;

  if (vl_image_open (call, path, &disk) < 0
      || vl_disk_verify (&disk, format, backing, backing_format) < 0
      || (backing && vl_image_open (call, backing, &below) < 0))
    return -1;
  if (VL_STREQ (format, "raw"))
    disk.virtual_size = disk.size;
  fd = open (target, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0)
    return vl_file_failed (call, "cannot make", target, errno);
  result = vl_file_room (call, target, disk.virtual_size) < 0
               ? -1
               : flatten (&disk, format, &below, backing ? backing_format : NULL, to, target, fd);
  if (result < 0)
    unlink (target);
  return result;
}

int
vl_volume_grow (const struct vl_image_file *file, const char *format, int64_t bytes)
{
  const char *self = vl_printf (file->call, "/proc/self/fd/%d", file->fd);
  const char *size = vl_printf (file->call, "%" PRId64, bytes);
  /* The very file that was judged, whatever has its name by now. */
  VL_AUTOCLOSE int fd = open (self, O_RDWR | O_CLOEXEC);
  const char *args[] = { "resize", "-q", "-f", format, "--", VL_TOOL_FILE_0, size, NULL };
  const struct vl_tool_file files[] = { { .path = file->path, .fd = fd, .write = 1 } };
  const struct vl_tool tool = { .size = sizeof tool,
                                .name = "qemu-img",
                                .args = args,
                                .files = VL_TABLE (files),
                                .file_size = bytes + bytes / 64 + (64 << 20) };

  if (fd < 0)
    return vl_file_failed (file->call, "cannot write", file->path, errno);
  if (! VL_STREQ (format, "raw")) {
    if (vl_tool_core (file->call, &tool, NULL) < 0)
      return -1;
  } else if (ftruncate (fd, bytes) < 0)
    return vl_file_failed (file->call, "cannot size", file->path, errno);
  return fsync (fd) < 0 ? vl_file_failed (file->call, "cannot write", file->path, errno) : 0;
}
