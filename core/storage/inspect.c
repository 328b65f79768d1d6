/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Is an image what it is said to be, and does it name no other file?  First
 * our own parsers, then qemu-img, never without a format: a header that QEMU
 * follows has read and overwritten host files for thirteen years. */

#include <config.h>

#include "storage/storage.h"

#include "lib/text.h"
#include "storage/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <sys/stat.h>

#define SECTOR 512

/* Our own parser of each format, as QEMU names it, that has something to parse. */
static const struct {
  const char *qemu;
  int (*read) (struct vl_image_file *file);
} parsers[] = {
  { "qcow2", vl_qcow2_read },
  { "vmdk", vl_vmdk_read },
  { "vdi", vl_vdi_read },
  { "vpc", vl_vpc_read },
};

/* What a file begins with, or, with FROM_END, ends with. */
static const struct {
  const char *format;
  unsigned offset, from_end, length;
  const char *bytes;
} magics[] = {
  { "qcow2", 0, 0, 4, "QFI\xfb" },
  { "qed", 0, 0, 4, "QED\0" },
  { "vmdk", 0, 0, 4, "KDMV" },
  { "vmdk", 0, 0, 4, "COWD" },
  { "vmdk", 0, 0, 21, "# Disk DescriptorFile" },
  { "vdi", 64, 0, 4, "\x7f\x10\xda\xbe" },
  { "vhdx", 0, 0, 8, "vhdxfile" },
  { "vhd", 0, 0, 8, "conectix" },
  { "vhd", 512, 1, 8, "conectix" },
  { "luks", 0, 0, 6, "LUKS\xba\xbe" },
  { "parallels", 0, 0, 16, "WithoutFreeSpace" },
  { "parallels", 0, 0, 16, "WithouFreSpacExt" },
  { "bochs", 0, 0, 22, "Bochs Virtual HD Image" },
  { "dmg", 512, 1, 4, "koly" },
  { "cloop", 0, 0, 14, "#!/bin/sh\n#V2." },
  { "iso", 0x8001, 0, 5, "CD001" },
};

int
vl_image_refuse (const struct vl_image_file *file, const char *hint, const char *fmt, ...)
{
  va_list args;
  const char *text;

  va_start (args, fmt);
  text = vl_arena_vprintf (file->call->arena, fmt, args);
  va_end (args);
  return vl_refuse_as (file->call, VL_ERR_REQUEST, "ImageUnacceptable", NULL, hint, "%s \"%s\" %s",
                       file->noun, file->path, text);
}

/* ---- opening ---- */

int
vl_image_unread (const struct vl_image_file *file, int error)
{
  struct vl_errno_said said = vl_errno_said (file->call, file->path, error);

  if (error == ENOENT || error == ENOTDIR)
    said = (struct vl_errno_said) { VL_ERR_NOT_FOUND, "DiskNotFound", NULL };
  else if (error == EACCES || error == EPERM)
    said = (struct vl_errno_said) { VL_ERR_NOT_PERMITTED, "NotPermitted", NULL };
  else if (error == ELOOP || error == ENAMETOOLONG)
    said = (struct vl_errno_said) { VL_ERR_REQUEST, "ImageUnacceptable", NULL };
  return vl_refuse_as (file->call, said.err, said.code ? said.code : "StorageFailed", NULL,
                       said.hint, "%s \"%s\" cannot be read: %s", file->noun, file->path,
                       strerror (error));
}

/* Is it a regular file, or with BLOCK a block device? */
static int
judge_kind (const struct vl_image_file *file, const struct stat *st, int block)
{
  const char *kind = block ? "a block device" : "a regular file";

  if (S_ISLNK (st->st_mode))
    return vl_image_refuse (
        file,
        vl_printf (file->call, "give the file that it leads to: readlink -f \"%s\"", file->path),
        "is a symbolic link; accepted: %s", kind);
  if (block ? S_ISBLK (st->st_mode) : S_ISREG (st->st_mode))
    return 0;
  return vl_image_bad (file, "is %s; accepted: %s",
                       S_ISDIR (st->st_mode)    ? "a folder"
                       : S_ISFIFO (st->st_mode) ? "a FIFO"
                       : S_ISSOCK (st->st_mode) ? "a socket"
                       : S_ISREG (st->st_mode)  ? "a regular file"
                       : block                  ? "a character device"
                                                : "a device",
                       kind);
}

/* Opens FILE, which WHERE, opened with O_PATH, is: a FIFO or a device that is not wanted
 * is told apart without being opened. */
static int
take (struct vl_image_file *file, int where, int block)
{
  char self[32];
  struct stat st;
  ssize_t got;

  if (fstat (where, &st) < 0)
    return vl_image_unread (file, errno);
  if (judge_kind (file, &st, block) < 0)
    return -1;
  snprintf (self, sizeof self, "/proc/self/fd/%d", where);
  file->fd = open (self, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  file->size = file->fd < 0 ? -1 : block ? lseek (file->fd, 0, SEEK_END) : st.st_size;
  if (file->size < 0)
    return vl_image_unread (file, errno);
  if (file->size == 0)
    return vl_image_bad (file, "is empty");
  file->head = vl_arena_alloc (file->call->arena, VL_IMAGE_HEAD);
  file->n_head = file->size < VL_IMAGE_HEAD ? (size_t)file->size : VL_IMAGE_HEAD;
  got = pread (file->fd, file->head, file->n_head, 0);
  if (got >= 0 && (size_t)got < file->n_head)
    errno = ESTALE; /* what is not read is not judged */
  return got < 0 || (size_t)got < file->n_head ? vl_image_unread (file, errno) : 0;
}

int
vl_image_open (struct vl_call *call, const char *path, struct vl_image_file *file)
{
  VL_AUTOCLOSE int where = open (path, O_PATH | O_NOFOLLOW | O_CLOEXEC);

  *file = (struct vl_image_file) { .call = call, .fd = -1, .path = path, .noun = "image file" };
  return where < 0 ? vl_image_unread (file, errno) : take (file, where, 0);
}

int
vl_volume_open (struct vl_call *call, const char *path, int block,
                const struct vl_trust_guests *guests, struct vl_image_file *file)
{
  struct vl_trust trust;
  VL_AUTOCLOSE int where = vl_trust_open_volume (call->arena, path, guests, &trust);
  struct stat st;

  *file = (struct vl_image_file) { .call = call, .fd = -1, .path = path, .noun = "volume" };
  /* What cannot be a volume is not to be mended into one. */
  if (stat (path, &st) == 0 && judge_kind (file, &st, block) < 0)
    return -1;
  if (where >= 0)
    return take (file, where, block);
  errno = trust.error;
  if (trust.error)
    return vl_image_unread (file, errno);
  return vl_refuse_as (call, VL_ERR_NOT_PERMITTED, "VolumeNotTrusted", NULL, trust.hint,
                       "volume \"%s\" can be changed while a guest has it: %s", path, trust.why);
}

void
vl_image_close (struct vl_image_file *file)
{
  vl_cleanup_close (&file->fd);
  file->fd = -1;
}

/* ---- our own look ---- */

/* Has our own parser of QEMU's format QEMU read FILE, if there is one. */
static int
parse (struct vl_image_file *file, const char *qemu)
{
  for (size_t i = 0; i < sizeof parsers / sizeof parsers[0]; i++)
    if (VL_STREQ (parsers[i].qemu, qemu))
      return parsers[i].read (file);
  return 0;
}

static int
refuse_format (const struct vl_image_file *file, const char *format)
{
  struct vl_spell spell = { .wanted = format };
  VL_AUTOSTRV struct vl_strv names = { NULL, 0, 0 };
  VL_AUTOFREE char *list = NULL;
  static const char *const others[] = { "bochs",     "cloop", "dmg", "luks",
                                        "parallels", "qcow",  "qed", NULL };
  const char *convert =
      vl_text_among (format, others)
          ? vl_printf (file->call, "convert it: qemu-img convert -f %s -O qcow2 OLD NEW", format)
          : NULL;

  vl_strv_split (&names, VL_DISK_FORMATS, " ");
  for (size_t i = 0; i < names.n; i++)
    vl_spell_offer (&spell, names.items[i]);
  /* "iso9660" is an iso. */
  for (size_t i = 0; i < names.n && spell.best == NULL && convert == NULL; i++)
    if (strncmp (format, names.items[i], strlen (names.items[i])) == 0)
      spell.best = names.items[i];
  list = vl_strv_join (&names, ", ");
  return vl_image_refuse (file, vl_did_you_mean (file->call, '"', spell.best, convert),
                          "cannot be kept: disk format \"%s\" is not one of %s", format, list);
}

int
vl_image_format_check (struct vl_call *call, const char *name, const char *format)
{
  const struct vl_image_file file = { .call = call, .path = name, .noun = "image" };

  return vl_image_qemu_format (format) ? 0 : refuse_format (&file, format);
}

static int
has_magic (const struct vl_image_file *file, size_t i)
{
  size_t length = magics[i].length;
  char tail[32];

  if (! magics[i].from_end)
    return file->n_head >= magics[i].offset + length
           && memcmp (file->head + magics[i].offset, magics[i].bytes, length) == 0;
  return file->size >= (off_t)magics[i].offset
         && pread (file->fd, tail, length, file->size - (off_t)magics[i].offset) == (ssize_t)length
         && memcmp (tail, magics[i].bytes, length) == 0;
}

/* QEMU also takes a text for a VMDK whose first line after comments says
 * "version=". */
static int
is_vmdk_text (const struct vl_image_file *file)
{
  const char *p = (const char *)file->head, *end = p + file->n_head;

  while (p < end && (*p == '#' || *p == ' ' || *p == '\n' || *p == '\r')) {
    const char *line_end = memchr (p, '\n', (size_t)(end - p));

    if (line_end == NULL)
      return 0;
    p = line_end + 1;
  }
  return end - p > 8 && memcmp (p, "version=", 8) == 0;
}

/* Compares what the bytes look like with what the user said. */
static int
judge_magic (const struct vl_image_file *file, const char *format)
{
  const char *qemu = vl_image_qemu_format (format);
  int found = 0;

  for (size_t i = 0; i <= sizeof magics / sizeof magics[0]; i++) {
    int text = i == sizeof magics / sizeof magics[0];
    const char *looks = text ? "vmdk" : magics[i].format;
    const char *looks_qemu = vl_image_qemu_format (looks);

    if (text ? ! is_vmdk_text (file) : ! has_magic (file, i))
      continue;
    if (looks_qemu == NULL || ! VL_STREQ (looks_qemu, qemu))
      return vl_image_refuse (
          file,
          looks_qemu && ! VL_STREQ (looks, "iso")
              ? vl_printf (file->call, "if that is what it is: --disk-format %s", looks)
              : "an image that two formats claim is never accepted",
          "was given as %s, but its bytes are those of %s", format, looks);
    found = found || VL_STREQ (looks, format) || ! VL_STREQ (looks, "iso");
  }
  if (! found && (! VL_STREQ (qemu, "raw") || VL_STREQ (format, "iso")))
    return vl_image_refuse (file, "say what it is with --disk-format; a plain disk image is raw",
                            "was given as %s, but its bytes are not those of %s", format, format);
  return 0;
}

int
vl_image_check (struct vl_image_file *file, const char *format)
{
  const char *qemu = vl_image_qemu_format (format);

  file->virtual_size = 0;
  file->backing = file->backing_format = NULL;
  if (qemu == NULL)
    return refuse_format (file, format);
  if (VL_STREQ (qemu, "raw"))
    file->virtual_size = (file->size + SECTOR - 1) / SECTOR * SECTOR;
  if (judge_magic (file, format) < 0 || parse (file, qemu) < 0)
    return -1;
  if (file->backing)
    return vl_image_refuse (
        file,
        vl_printf (file->call,
                   "where you trust that file: qemu-img convert -f %1$s -O %1$s %2$s NEW", qemu,
                   vl_shell_word (file->call->arena, file->path)),
        "names a backing file \"%s\"; accepted: an image that stands alone", file->backing);
  return 0;
}

int
vl_disk_verify (struct vl_image_file *file, const char *format, const char *backing,
                const char *backing_format)
{
  /* The bytes of a raw disk are the guest's own; they are never probed. */
  if (VL_STREQ (format, "qcow2") && (judge_magic (file, format) < 0 || vl_qcow2_read (file) < 0))
    return -1;
  if (! vl_text_same (file->backing, backing))
    return vl_image_bad (file, "names backing file \"%s\" instead of \"%s\"",
                         file->backing ? file->backing : "none", backing ? backing : "none");
  if (backing && ! vl_text_same (file->backing_format, backing_format))
    return vl_image_bad (file, "says that its backing file is %s instead of %s",
                         file->backing_format ? file->backing_format : "of no format",
                         backing_format);
  return 0;
}

int64_t
vl_image_most (struct vl_call *call)
{
  return call->image_limits.max_size ? call->image_limits.max_size : (int64_t)1 << 40;
}

/* 0 if FILE and the disk of VIRTUAL_SIZE bytes that it is are no larger than
 * max_image_size, else -1 after ImageUnacceptable. */
static int
bound (const struct vl_image_file *file, int64_t virtual_size)
{
  int64_t most = vl_image_most (file->call);
  int disk = virtual_size > most;

  if (! disk && file->size <= most)
    return 0;
  return vl_image_refuse (
      file, "where such images are wanted, set a larger max_image_size in virtloom.conf",
      "is a %s of %" PRId64 " bytes; accepted: at most %" PRId64
      ", the max_image_size of [storage]",
      disk ? "disk" : "file", disk ? virtual_size : (int64_t)file->size, most);
}

/* ---- qemu-img's look ---- */

/* What qemu-img says, JSON, must agree and must name no other file. */
static int
judge_info (const struct vl_image_file *file, const char *qemu, const json_t *info,
            struct vl_image_facts *facts)
{
  const char *format = json_string_value (json_object_get (info, "format"));
  const json_t *virtual_size = json_object_get (info, "virtual-size");
  const json_t *special = json_object_get (json_object_get (info, "format-specific"), "data");
  size_t i;
  json_t *extent;

  if (format == NULL || ! json_is_integer (virtual_size))
    return vl_refuse_as (file->call, VL_ERR_FAILED, "ToolFailed", NULL, NULL,
                         "qemu-img info answered without a format and a virtual size");
  if (! VL_STREQ (format, qemu))
    return vl_image_bad (file, "is %s in qemu-img's eyes, not %s", format, qemu);
  if (json_object_get (info, "backing-filename") || json_object_get (info, "full-backing-filename"))
    return vl_image_bad (file, "names a backing file; accepted: an image that stands alone");
  if (json_object_get (special, "data-file"))
    return vl_image_bad (file, "keeps its data in another file");
  if (json_is_true (json_object_get (info, "encrypted")))
    return vl_image_bad (file, "is encrypted");
  json_array_foreach (json_object_get (special, "extents"), i, extent)
  {
    const char *name = json_string_value (json_object_get (extent, "filename"));

    if (name == NULL || ! VL_STREQ (name, VL_TOOL_FILE_0))
      return vl_image_bad (file, "has an extent outside itself");
  }
  facts->virtual_size = json_integer_value (virtual_size);
  facts->actual_size = json_integer_value (json_object_get (info, "actual-size"));
  return facts->virtual_size <= 0 ? vl_image_bad (file, "is a disk of no size")
                                  : bound (file, facts->virtual_size);
}

static int
ask_qemu_img (const struct vl_image_file *file, struct vl_image_facts *facts)
{
  struct vl_call *call = file->call;
  const char *qemu = facts->format;
  const char *args[] = { "info", "-f", qemu, "--output=json", "--", VL_TOOL_FILE_0, NULL };
  const struct vl_tool_file image = { .path = file->path, .fd = file->fd };
  unsigned seconds = call->image_limits.seconds;
  const struct vl_tool tool = { .size = sizeof tool,
                                .name = "qemu-img",
                                .args = args,
                                .files = { &image, 1, sizeof image },
                                .deadline = seconds ? 1000 * seconds : 30000 };
  struct vl_tool_result answer = { .size = sizeof answer };
  size_t first = call->findings.n;
  json_t *info;
  int result;

  if (vl_tool_core (call, &tool, &answer) < 0) {
    /* What qemu-img does not take is the image's fault, not the tool's. */
    if (answer.end == VL_TOOL_NOT_STARTED || answer.end == VL_TOOL_UNKNOWN)
      return -1;
    vl_findings_drop (call, first, call->findings.n);
    return vl_image_bad (file, "was refused by qemu-img as %s: %s", qemu, answer.problem);
  }
  info = json_loads (answer.out, 0, NULL);
  result = judge_info (file, qemu, info, facts);
  json_decref (info);
  return result;
}

int
vl_image_inspect (struct vl_call *call, const char *path, const char *format,
                  struct vl_image_facts *facts)
{
  struct vl_image_facts seen = { .size = sizeof seen, .format = vl_image_qemu_format (format) };
  VL_AUTOIMAGE struct vl_image_file file = { .fd = -1 };
  int result = vl_may_act (call, "vl_image_inspect") < 0 || vl_image_open (call, path, &file) < 0
                       || vl_image_check (&file, format) < 0 || bound (&file, file.virtual_size) < 0
                   ? -1
                   : ask_qemu_img (&file, &seen);

  if (facts && facts->size < seen.size)
    seen.size = facts->size;
  if (facts)
    memcpy (facts, &seen, seen.size);
  return result;
}

int
vl_image_admit_bytes (struct vl_call *call, int64_t bytes, int64_t size, int64_t *has)
{
  *has = size ? size : (bytes + SECTOR - 1) / SECTOR * SECTOR;
  if (*has >= bytes)
    return 0;
  return vl_refuse_as (call, VL_ERR_REQUEST, "FlavorDiskSmallerThanImage", NULL,
                       vl_printf (call,
                                  "take a flavor with a disk of at least %" PRId64
                                  " GiB, or of 0 for the image's own",
                                  (bytes + (1 << 30) - 1) >> 30),
                       "the flavor's disk of %" PRId64
                       " bytes is too small for the image, a disk of %" PRId64 " bytes",
                       size, bytes);
}

int
vl_image_admit (struct vl_image_file *file, const char *format, int64_t size, int64_t *bytes)
{
  struct vl_image_facts facts = { .size = sizeof facts };

  if (vl_image_check (file, format) < 0)
    return -1;
  /* A format that has no parser of ours. */
  if (file->virtual_size == 0 && vl_image_inspect (file->call, file->path, format, &facts) < 0)
    return -1;
  if (file->virtual_size == 0)
    file->virtual_size = facts.virtual_size;
  if (bound (file, file->virtual_size) < 0)
    return -1;
  return vl_image_admit_bytes (file->call, file->virtual_size, size, bytes);
}
