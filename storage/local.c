/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Disks that are files: overlays with explicit backing format, flat copies, empty
 * disks.  qemu-img writes, always with a format, and opens no backing file. */

#include <config.h>

#include "storage/local.h"

#include "lib/alloc.h"
#include "lib/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#define SECTOR 512
/* A vhd's geometry may round its size up to a whole one. */
#define CYLINDER ((int64_t)16 * 255 * SECTOR)

#define GIB ((int64_t)1 << 30)
#define TOKEN_BYTES 16
/* QEMU's tables of a qcow2 disk's clusters end there, as those of ext2 and ext3 end at 2^32 blocks. */
#define QCOW2_MOST ((int64_t)1 << 51)
#define EXT3_MOST (((int64_t)1 << 44) - 4096)

/* Could VOLUME be made as FORMAT?  One that is there was. */
static int
check_size (struct vl_call *c, const struct vl_volume *volume, const char *format)
{
  const char *blank = volume->blank ? volume->blank : "";
  int raw = VL_STREQ (format, "raw");
  int64_t file = INT64_MAX, most = raw ? INT64_MAX : QCOW2_MOST;
  const char *what = "a disk of format qcow2";

  if (volume->was)
    return 0;
  if (most > EXT3_MOST && (VL_STREQ (blank, "ext2") || VL_STREQ (blank, "ext3"))) {
    most = EXT3_MOST;
    what = vl_printf (c, "a file system %s", blank);
  }
  /* What is put on an empty disk is written to a raw file. */
  if (raw || volume->blank || volume->preallocate) {
    if (vl_fact_int (c, "storage.file_size", 0, &file) < 0)
      return -1;
    if (file < most) {
      most = file;
      what = "a file where servers' disks lie (fact storage.file_size)";
    }
  }
  if (volume->bytes <= most)
    return 0;
  return vl_refuse_as (c, VL_ERR_UNSUPPORTED, "ComputeResourcesUnavailable", NULL,
                       "ask for a smaller disk",
                       "disk '%s' is to have %lld GiB; %s has at most %lld", volume->id,
                       (long long)(volume->bytes / GIB), what, (long long)(most / GIB));
}

int
local_locate (struct vl_call *c, const struct vl_volume *volume, struct vl_source *source,
              const char *format)
{
  source->type = "file";
  source->format = format;
  source->path = vl_printf (c, "%s/%s", volume->dir, volume->name);
  return check_size (c, volume, format);
}

/* ---- files ---- */

/* A new file at PATH, empty, or -1 after a finding. */
static int
make_file (struct vl_call *c, const char *path)
{
  int fd = open (path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

  return fd >= 0 ? fd : vl_file_failed (c, "cannot make", path, errno);
}

/* The file PATH goes where RESULT is -1; answers RESULT. */
static int
keep_if (int result, const char *path)
{
  if (result < 0)
    unlink (path);
  return result;
}

static int
make_raw (struct vl_call *c, const char *path, int64_t bytes)
{
  VL_AUTOCLOSE int fd = make_file (c, path);

  if (fd < 0)
    return -1;
  return ftruncate (fd, bytes) == 0
             ? 0
             : keep_if (vl_file_failed (c, "cannot size", path, errno), path);
}

int
local_preallocate (struct vl_call *c, const struct vl_volume *volume,
                   const struct vl_source *source)
{
  VL_AUTOCLOSE int fd = -1;

  if (! volume->preallocate)
    return 0;
  fd = open (source->path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
  if (fd >= 0
      && (fallocate (fd, FALLOC_FL_KEEP_SIZE, 0, volume->bytes) == 0 || errno == EOPNOTSUPP))
    return 0;
  return keep_if (vl_file_failed (c, "cannot preallocate", source->path, errno), source->path);
}

int
local_capacity (struct vl_call *c, const char *dir, const char **store, int64_t *total,
                int64_t *used)
{
  struct statvfs fs;
  struct stat st;

  if (stat (dir, &st) < 0 || statvfs (dir, &fs) < 0)
    return vl_file_failed (c, "cannot look at", dir, errno);
  *store = vl_printf (c, "filesystem-%" PRIx64, (uint64_t)st.st_dev);
  *total = (int64_t)(fs.f_blocks * fs.f_frsize);
  *used = (int64_t)((fs.f_blocks - fs.f_bfree) * fs.f_frsize);
  return 0;
}

/* ---- programs ---- */

/* A file of SIZE bytes as qcow2 at most takes: all of its clusters, and the tables. */
static int64_t
with_tables (int64_t size)
{
  return size + size / 64 + (64 << 20);
}

uint32_t
local_time_for (int64_t bytes)
{
  int64_t most = 86400000, wanted = 60000 + bytes / 10000;

  return (uint32_t)(wanted < most ? wanted : most);
}

/* Runs program NAME on disk FD, its first file, that may become of MOST bytes, and on
 * IMAGE, its second, if that is not NULL. */
static int
run_on (struct vl_call *c, const char *name, const char *const *args, uint32_t deadline,
        const char *path, int fd, int64_t most, const char *image)
{
  const struct vl_tool_file files[] = { { .path = path, .fd = fd, .write = 1 },
                                        { .path = image, .fd = -1 } };
  const struct vl_tool tool = { .size = sizeof tool,
                                .name = name,
                                .args = args,
                                .files = { files, image ? 2 : 1, sizeof files[0] },
                                .deadline = deadline,
                                .file_size = most };

  return vl_tool_run (c, &tool, NULL);
}

/* -u: the size is known, so the backing file is not opened. */
int
local_make_qcow2 (struct vl_call *c, const char *path, const char *image, const char *image_format,
                  int64_t bytes)
{
  VL_AUTOCLOSE int fd = make_file (c, path);
  const char *text = vl_printf (c, "%" PRId64, bytes);
  const char *overlay[] = { "create", "-q",  "-f", "qcow2",        "-u", "-F", image_format,
                            "-b",     image, "--", VL_TOOL_FILE_0, text, NULL };
  const char *empty[] = { "create", "-q", "-f", "qcow2", "--", VL_TOOL_FILE_0, text, NULL };

  if (fd < 0)
    return -1;
  return keep_if (run_on (c, "qemu-img", image ? overlay : empty, 0, path, fd,
                          with_tables (0) + bytes / 64, NULL),
                  path);
}

/* Grows the disk FD of FORMAT to BYTES.  What lies below a qcow2 disk is not opened: it ends where
 * the disk did, so that what is new reads as zeroes. */
static int
grow (struct vl_call *c, const char *path, int fd, const char *format, int64_t bytes)
{
  static const char alone[] =
      "json:{\"driver\": \"qcow2\", \"backing\": null, \"file\": {\"driver\": \"file\", "
      "\"filename\": \"" VL_TOOL_FILE_0 "\"}}";
  const char *text = vl_printf (c, "%" PRId64, bytes);
  const char *args[] = { "resize", "-q", "--", alone, text, NULL };

  if (! VL_STREQ (format, "raw"))
    return run_on (c, "qemu-img", args, 0, path, fd, with_tables (bytes), NULL);
  return ftruncate (fd, bytes) == 0 ? 0 : vl_file_failed (c, "cannot size", path, errno);
}

int
local_resize (struct vl_call *c, const struct vl_volume *volume, const struct vl_source *source)
{
  VL_AUTOCLOSE int fd = open (source->path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);

  if (fd < 0)
    return vl_file_failed (c, "cannot open", source->path, errno);
  return grow (c, source->path, fd, source->format, volume->bytes);
}

/* The disk IMAGE of format FROM and BYTES as format TO in FD, an empty file. */
static int
convert (struct vl_call *c, const char *image, const char *from, const char *to, const char *path,
         int fd, int64_t bytes)
{
  const char *args[] = { "convert", "-q", "-f",           from,           "-O",
                         to,        "--", VL_TOOL_FILE_1, VL_TOOL_FILE_0, NULL };

  return run_on (c, "qemu-img", args, local_time_for (bytes), path, fd,
                 VL_STREQ (to, "raw") ? bytes + CYLINDER : with_tables (bytes), image);
}

/* ---- disks ---- */

/* The image itself, copied and grown. */
static int
make_of_image (struct vl_call *c, const struct vl_volume *volume, const struct vl_source *source)
{
  VL_AUTOCLOSE int fd = -1;
  int result = 0;

  if (VL_STREQ (volume->image_format, source->format)) {
    if (vl_copy (c, volume->image, source->path) < 0)
      return -1;
    fd = open (source->path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
      result = vl_file_failed (c, "cannot open", source->path, errno);
  } else if ((fd = make_file (c, source->path)) < 0)
    return -1;
  else if ((result = vl_file_room (c, source->path, volume->image_bytes)) == 0)
    result = convert (c, volume->image, volume->image_format, source->format, source->path, fd,
                      volume->image_bytes);
  /* A raw copy may be a whole number of other sectors than was asked for. */
  if (result == 0 && (volume->bytes > volume->image_bytes || VL_STREQ (source->format, "raw")))
    result = grow (c, source->path, fd, source->format, volume->bytes);
  return keep_if (result, source->path);
}

int
local_put_blank (struct vl_call *c, const struct vl_volume *volume, const char *raw)
{
  const char *const swap[] = { VL_TOOL_FILE_0, NULL };
  const char *const ext[] = { "-q", "-F", "-L", volume->label, VL_TOOL_FILE_0, NULL };
  const char *const xfs[] = { "-q", "-f", "-L", volume->label, VL_TOOL_FILE_0, NULL };
  int is_swap = VL_STREQ (volume->blank, "swap"), is_xfs = VL_STREQ (volume->blank, "xfs");
  const char *program = is_swap ? "mkswap" : vl_printf (c, "mkfs-%s", volume->blank);
  VL_AUTOCLOSE int fd = -1;

  if (! vl_tool_there (c, program)) {
    vl_advise (c, NULL,
               vl_printf (c, "apt-get install %s",
                          is_swap  ? "util-linux"
                          : is_xfs ? "xfsprogs"
                                   : "e2fsprogs"),
               "the disk \"%s\" is left empty: what prepares it (%s) is not installed", raw,
               volume->blank);
    return 0;
  }
  fd = open (raw, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0)
    return vl_file_failed (c, "cannot open", raw, errno);
  return run_on (c, program,
                 is_swap  ? swap
                 : is_xfs ? xfs
                          : ext,
                 local_time_for (volume->bytes), raw, fd, volume->bytes, NULL);
}

int
local_convert (struct vl_call *c, const char *raw, const char *to, const char *path, int64_t bytes)
{
  VL_AUTOCLOSE int fd = make_file (c, path);

  return fd < 0 ? -1 : keep_if (convert (c, raw, "raw", to, path, fd, bytes), path);
}

int
local_pour (struct vl_call *c, const struct vl_volume *volume, const char *path, int fd,
            int is_zero)
{
  const char *args[] = { "convert",
                         "-q",
                         "-n",
                         "-t",
                         "writeback",
                         "-f",
                         volume->image_format,
                         "-O",
                         "raw",
                         is_zero ? "--target-is-zero" : "--",
                         VL_TOOL_FILE_1,
                         VL_TOOL_FILE_0,
                         NULL };

  return run_on (c, "qemu-img", args, local_time_for (volume->image_bytes), path, fd,
                 volume->bytes + CYLINDER, volume->image);
}

/* What is put on an empty disk is written to a raw file, which becomes qcow2 after that
 * where SOURCE says so. */
static int
make_blank (struct vl_call *c, const struct vl_volume *volume, const struct vl_source *source)
{
  int flat = VL_STREQ (source->format, "raw");
  const char *raw = flat ? source->path : vl_printf (c, "%s.raw", source->path);
  int result;

  if (make_raw (c, raw, volume->bytes) < 0)
    return -1;
  result = local_put_blank (c, volume, raw);
  if (result == 0 && ! flat)
    result = local_convert (c, raw, "qcow2", source->path, volume->bytes);
  if (result < 0 || ! flat)
    unlink (raw);
  return result;
}

int
local_make (struct vl_call *c, const struct vl_volume *volume, const struct vl_source *source)
{
  int result = volume->image   ? make_of_image (c, volume, source)
               : volume->blank ? make_blank (c, volume, source)
               : VL_STREQ (source->format, "raw")
                   ? make_raw (c, source->path, volume->bytes)
                   : local_make_qcow2 (c, source->path, NULL, NULL, volume->bytes);

  return result == 0 ? local_preallocate (c, volume, source) : -1;
}

/* ---- whose a disk is ---- */

/* What the place beside a disk's first one ends with. */
#define BESIDE ".2"

static int
is_beside (const char *place)
{
  size_t length = strlen (place), end = strlen (BESIDE);

  return length > end && strcmp (place + length - end, BESIDE) == 0;
}

const char *
local_place (struct vl_call *c, const struct vl_volume *volume, const char *first)
{
  if (volume->was_at == NULL)
    return first;
  if (! volume->is_anew)
    return volume->was_at;
  return is_beside (volume->was_at) ? first : vl_printf (c, "%s" BESIDE, first);
}

const char *
local_key (struct vl_call *c, const char *key, const struct vl_volume *volume, const char *place)
{
  return vl_printf (c, "%s.%s%s", key, volume->id, is_beside (place) ? BESIDE : "");
}

const char *
local_token_kept (struct vl_call *c, const struct vl_volume *volume, const char *place)
{
  return vl_kept (c, local_key (c, "token", volume, place));
}

int
local_token_drop (struct vl_call *c, const struct vl_volume *volume, const char *place)
{
  return vl_keep (c, local_key (c, "token", volume, place), NULL);
}

const char *
local_token (struct vl_call *c, const struct vl_volume *volume, const char *place, int *again)
{
  const char *token = local_token_kept (c, volume, place);
  unsigned char bytes[TOKEN_BYTES];
  char text[2 * TOKEN_BYTES + 1];

  *again = token != NULL;
  if (token)
    return token;
  vl_random (bytes, sizeof bytes);
  for (size_t i = 0; i < sizeof bytes; i++)
    snprintf (text + 2 * i, 3, "%02x", bytes[i]);
  token = vl_printf (c, "%s", text);
  return vl_keep (c, local_key (c, "token", volume, place), token) < 0 ? NULL : token;
}
