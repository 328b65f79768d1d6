/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A server's disks: overlays with explicit backing format, flat copies, empty
 * disks.  What an image says of itself is read by our own parser each time;
 * qemu-img writes, always with a format, and opens no backing file. */

#include <config.h>

#include "storage/disk.h"

#include "request/disks.h"
#include "storage/inspect.h"
#include "storage/storage.h"
#include "storage/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>

#define SECTOR 512
/* A vhd's geometry may round its size up to a whole one. */
#define CYLINDER ((int64_t)16 * 255 * SECTOR)

static int64_t
whole_sectors (int64_t size)
{
  return (size + SECTOR - 1) / SECTOR * SECTOR;
}

/* preallocate_images = space: the disk's blocks are taken now, so that a full
 * disk is noticed before the guest runs. */
static int
preallocate (struct vl_call *call, const struct vl_config *config, const char *path, int64_t size)
{
  const char *how = vl_config_str (config, "storage.preallocate_images");
  VL_AUTOCLOSE int fd = -1;

  if (how == NULL || ! VL_STREQ (how, "space"))
    return 0;
  fd = open (path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0 || (fallocate (fd, FALLOC_FL_KEEP_SIZE, 0, size) < 0 && errno != EOPNOTSUPP))
    return vl_storage_failed (call, "cannot preallocate", path, errno);
  return 0;
}

/* A sparse raw file of SIZE bytes. */
static int
make_raw (struct vl_call *call, const char *target, int64_t size)
{
  VL_AUTOCLOSE int fd = open (target, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

  if (fd < 0)
    return vl_storage_failed (call, "cannot make", target, errno);
  if (ftruncate (fd, size) == 0)
    return 0;
  vl_storage_failed (call, "cannot size", target, errno);
  unlink (target);
  return -1;
}

/* ---- qemu-img ---- */

/* A file of SIZE bytes as qcow2 at most takes: all of its clusters, and the tables. */
static int64_t
with_tables (int64_t size)
{
  return size + size / 64 + (64 << 20);
}

/* Runs program NAME for up to DEADLINE milliseconds on disk FD, its first file, that
 * may become of MOST bytes, and on IMAGE, its second, if that is not NULL. */
static int
run_on (struct vl_call *call, const char *name, const char *const *args, unsigned deadline,
        const char *path, int fd, int64_t most, const struct vl_image_file *image)
{
  const struct vl_tool_file files[] = { { .path = path, .fd = fd, .write = 1 },
                                        { .path = image ? image->path : NULL,
                                          .fd = image ? image->fd : -1 } };
  const struct vl_tool tool = { .size = sizeof tool,
                                .name = name,
                                .args = args,
                                .files = { files, image ? 2 : 1, sizeof files[0] },
                                .deadline = deadline,
                                .file_size = most };

  return vl_tool_core (call, &tool, NULL);
}

/* A new file at TARGET, empty, or -1 after a finding. */
static int
make_file (struct vl_call *call, const char *target)
{
  int fd = open (target, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

  return fd >= 0 ? fd : vl_storage_failed (call, "cannot make", target, errno);
}

/* qemu-img create; with IMAGE an overlay over it.  -u: the size is known, so
 * the backing file is not opened. */
static int
make_qcow2 (struct vl_call *call, const char *target, const char *image, const char *image_format,
            int64_t size)
{
  VL_AUTOCLOSE int fd = make_file (call, target);
  const char *text = vl_arena_printf (call->arena, "%" PRId64, size);
  const char *overlay[] = { "create", "-q",  "-f", "qcow2",        "-u", "-F", image_format,
                            "-b",     image, "--", VL_TOOL_FILE_0, text, NULL };
  const char *empty[] = { "create", "-q", "-f", "qcow2", "--", VL_TOOL_FILE_0, text, NULL };

  if (fd < 0)
    return -1;
  if (run_on (call, "qemu-img", image ? overlay : empty, 0, target, fd, with_tables (0) + size / 64,
              NULL)
      == 0)
    return 0;
  unlink (target);
  return -1;
}

static int
resize_qcow2 (struct vl_call *call, const char *target, int fd, int64_t size)
{
  const char *text = vl_arena_printf (call->arena, "%" PRId64, size);
  const char *args[] = { "resize", "-q", "-f", "qcow2", "--", VL_TOOL_FILE_0, text, NULL };

  return run_on (call, "qemu-img", args, 0, target, fd, with_tables (size), NULL);
}

/* IMAGE of format FROM, a disk of SIZE bytes, as format TO in FD, an empty file. */
static int
convert (struct vl_call *call, const struct vl_image_file *image, const char *from, const char *to,
         const char *target, int fd, int64_t size)
{
  const char *args[] = { "convert", "-q", "-f",           from,           "-O",
                         to,        "--", VL_TOOL_FILE_1, VL_TOOL_FILE_0, NULL };

  return run_on (call, "qemu-img", args, vl_tool_time_for (size), target, fd,
                 VL_STREQ (to, "raw") ? size + CYLINDER : with_tables (size), image);
}

/* The image itself as FORMAT, raw or qcow2, copied and grown to SIZE. */
static int
make_flat (struct vl_call *call, const struct vl_image_file *file, const char *qemu,
           const char *format, const char *target, int64_t old_size, int64_t size)
{
  VL_AUTOCLOSE int fd = -1;
  int result = 0;

  if (VL_STREQ (qemu, format)) {
    if (vl_file_clone (call, file->fd, file->path, target) < 0)
      return -1;
    fd = open (target, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
  } else if ((fd = make_file (call, target)) < 0)
    return -1;
  else
    result = convert (call, file, qemu, format, target, fd, old_size);
  if (result == 0 && VL_STREQ (format, "qcow2"))
    result = size > old_size ? resize_qcow2 (call, target, fd, size) : 0;
  else if (result == 0 && ftruncate (fd, size) < 0)
    result = vl_storage_failed (call, "cannot size", target, errno);
  if (result < 0)
    unlink (target);
  return result;
}

/* The size of an image of a format that has no parser of ours. */
static int
ask_size (struct vl_call *call, const char *image, const char *format,
          struct vl_image_header *header)
{
  struct vl_image_facts facts;

  if (header->virtual_size == 0) {
    if (vl_image_inspect (call, image, format, &facts) < 0)
      return -1;
    header->virtual_size = facts.virtual_size;
  }
  return 0;
}

static int
create_from (struct vl_call *call, const struct vl_config *config, const struct vl_image_file *file,
             const char *format, const char *target, int64_t size)
{
  const char *qemu = vl_image_qemu_format (format);
  struct vl_image_header header;
  int result;

  if (vl_image_check (call, file, format, &header) < 0
      || ask_size (call, file->path, format, &header) < 0)
    return -1;
  if (vl_image_bound (call, file, header.virtual_size) < 0)
    return -1;
  if (size == 0)
    size = whole_sectors (header.virtual_size);
  if (size < header.virtual_size) {
    vl_error (call, VL_ERR_REQUEST, "FlavorDiskSmallerThanImage", NULL,
              "the flavor's disk of %" PRId64
              " bytes is too small for the image, a disk of %" PRId64 " bytes",
              size, header.virtual_size);
    vl_hint (call,
             "take a flavor with a disk of at least %" PRId64 " GiB, or of 0 for the image's own",
             (header.virtual_size + (1 << 30) - 1) >> 30);
    return -1;
  }
  result = ! vl_disk_is_overlay (vl_disk_kind (config))
               ? make_flat (call, file, qemu, vl_disk_format (vl_disk_kind (config), format),
                            target, header.virtual_size, size)
               : make_qcow2 (call, target, file->path, qemu, size);
  if (result == 0 && preallocate (call, config, target, size) < 0) {
    unlink (target);
    return -1;
  }
  return result;
}

int
vl_disk_create (struct vl_call *call, const struct vl_config *config, const char *image,
                const char *format, const char *target, int64_t size)
{
  struct vl_image_file file;
  int result;

  if (vl_image_open (call, image, &file) < 0)
    return -1;
  result = create_from (call, config, &file, format, target, size);
  vl_image_close (&file);
  return result;
}

int
vl_disk_create_empty (struct vl_call *call, const struct vl_config *config, const char *target,
                      const char *format, int64_t size)
{
  int result = VL_STREQ (format, "raw") ? make_raw (call, target, size)
                                        : make_qcow2 (call, target, NULL, NULL, size);

  if (result == 0 && preallocate (call, config, target, size) < 0) {
    unlink (target);
    return -1;
  }
  return result;
}

/* Runs the PROGRAM of PACKAGE that puts a file system or swap signature on RAW;
 * where it is not installed, the disk stays empty and that is said. */
static int
put_on (struct vl_call *call, const char *program, const char *package, const char *const *options,
        const char *raw, int64_t size)
{
  const char *args[8];
  VL_AUTOCLOSE int fd = -1;
  size_t n = 0;

  if (vl_tool_find (call, program) == NULL) {
    vl_advice (call, "ToolMissing", NULL,
               "the disk \"%s\" is left empty: the program \"%s\" is not installed", raw, program);
    vl_hint (call, "apt-get install %s", package);
    return 0;
  }
  fd = open (raw, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0)
    return vl_storage_failed (call, "cannot open", raw, errno);
  while (*options)
    args[n++] = *options++;
  args[n++] = VL_TOOL_FILE_0;
  args[n] = NULL;
  return run_on (call, program, args, vl_tool_time_for (size), raw, fd, size, NULL);
}

/* The raw disk RAW as qcow2 at TARGET. */
static int
make_converted (struct vl_call *call, const char *raw, const char *target, int64_t size)
{
  struct vl_image_file file;
  VL_AUTOCLOSE int fd = -1;
  int result;

  if (vl_image_open (call, raw, &file) < 0)
    return -1;
  fd = make_file (call, target);
  result = fd < 0 ? -1 : convert (call, &file, "raw", "qcow2", target, fd, size);
  vl_image_close (&file);
  return result;
}

/* An empty disk at TARGET that PROGRAM has been at.  It writes on a raw file,
 * which becomes qcow2 after that where FORMAT says so. */
static int
make_prepared (struct vl_call *call, const struct vl_config *config, const char *target,
               const char *format, int64_t size, const char *program, const char *package,
               const char *const *options)
{
  int flat = VL_STREQ (format, "raw");
  const char *raw = flat ? target : vl_arena_printf (call->arena, "%s.raw", target);
  int result;

  if (make_raw (call, raw, size) < 0)
    return -1;
  result = put_on (call, program, package, options, raw, size);
  if (result == 0 && ! flat)
    result = make_converted (call, raw, target, size);
  if (result == 0)
    result = preallocate (call, config, target, size);
  if (! flat)
    unlink (raw);
  if (result < 0)
    unlink (target);
  return result;
}

int
vl_disk_create_swap (struct vl_call *call, const struct vl_config *config, const char *target,
                     const char *format, int64_t size)
{
  static const char *const none[] = { NULL };

  return make_prepared (call, config, target, format, size, "mkswap", "util-linux", none);
}

int
vl_disk_create_ephemeral (struct vl_call *call, const struct vl_config *config, const char *target,
                          const char *format, int64_t size, int number)
{
  const char *filesystem = vl_config_str (config, "storage.default_ephemeral_format");
  const char *label = vl_arena_printf (call->arena, "ephemeral%d", number);
  const char *const ext[] = { "-q", "-F", "-L", label, NULL };
  const char *const xfs[] = { "-q", "-f", "-L", label, NULL };
  int is_xfs = filesystem && VL_STREQ (filesystem, "xfs");

  if (filesystem == NULL)
    return vl_disk_create_empty (call, config, target, format, size);
  return make_prepared (call, config, target, format, size,
                        vl_arena_printf (call->arena, "mkfs.%s", filesystem),
                        is_xfs ? "xfsprogs" : "e2fsprogs", is_xfs ? xfs : ext);
}

int
vl_image_convert (struct vl_call *call, const char *path, const char *format, const char *to,
                  const char *target)
{
  struct vl_image_facts facts;
  struct vl_image_file file;
  VL_AUTOCLOSE int fd = -1;
  int result;

  if (vl_image_inspect (call, path, format, &facts) < 0 || vl_image_open (call, path, &file) < 0)
    return -1;
  fd = make_file (call, target);
  result = fd < 0 ? -1
                  : convert (call, &file, vl_image_qemu_format (format), to, target, fd,
                             facts.virtual_size);
  vl_image_close (&file);
  /* qemu-img does not wait for the disk by itself. */
  if (result == 0 && fsync (fd) < 0)
    result = vl_storage_failed (call, "cannot write", target, errno);
  if (result < 0 && fd >= 0)
    unlink (target);
  return result;
}
