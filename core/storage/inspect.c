/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Is an image what it is said to be, and does it name no other file?  First
 * our own parsers, then qemu-img, never without a format: a header that QEMU
 * follows has read and overwritten host files for thirteen years. */

#include <config.h>

#include "storage/inspect.h"
#include "lib/text.h"

#include "lib/spell.h"
#include "storage/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <sys/stat.h>

static const struct {
  const char *name, *qemu;
} accepted[] = {
  { "raw", "raw" }, { "qcow2", "qcow2" }, { "iso", "raw" }, { "vmdk", "vmdk" },
  { "vdi", "vdi" }, { "vhd", "vpc" },     { "vpc", "vpc" }, { "vhdx", "vhdx" },
  { "ami", "raw" }, { "aki", "raw" },     { "ari", "raw" },
};
#define N_ACCEPTED (sizeof accepted / sizeof accepted[0])

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
vl_image_refuse (struct vl_call *call, const struct vl_image_file *file, const char *hint,
                 const char *fmt, ...)
{
  va_list args;
  const char *text;

  va_start (args, fmt);
  text = vl_arena_vprintf (call->arena, fmt, args);
  va_end (args);
  return vl_refuse_as (call, VL_ERR_REQUEST, "ImageUnacceptable", NULL, hint,
                       "image file \"%s\" %s", file->path, text);
}

static int
refuse_open (struct vl_call *call, const char *path, int error)
{
  enum vl_err err = error == ENOENT || error == ENOTDIR ? VL_ERR_NOT_FOUND
                    : error == EACCES || error == EPERM ? VL_ERR_NOT_PERMITTED
                                                        : VL_ERR_REQUEST;

  return vl_refuse_as (call, err, "ImageUnacceptable", NULL, NULL,
                       "image file \"%s\" cannot be read: %s", path, strerror (error));
}

static int
judge_kind (struct vl_call *call, const struct vl_image_file *file, const struct stat *st)
{
  if (S_ISLNK (st->st_mode)) {
    return vl_image_refuse (
        call, file,
        vl_printf (call, "give the file that it leads to: readlink -f \"%s\"", file->path),
        "is a symbolic link; accepted: a regular file");
  }
  if (! S_ISREG (st->st_mode))
    return vl_image_refuse (call, file, NULL, "is %s; accepted: a regular file",
                            S_ISDIR (st->st_mode)    ? "a folder"
                            : S_ISFIFO (st->st_mode) ? "a FIFO"
                            : S_ISSOCK (st->st_mode) ? "a socket"
                                                     : "a device");
  if (st->st_size == 0)
    return vl_image_refuse (call, file, NULL, "is empty");
  return 0;
}

static ssize_t
read_at (int fd, unsigned char *buffer, size_t length, off_t offset)
{
  size_t n = 0;

  while (n < length) {
    ssize_t got = pread (fd, buffer + n, length - n, offset + (off_t)n);

    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return -1;
    if (got == 0)
      break;
    n += (size_t)got;
  }
  return (ssize_t)n;
}

int
vl_image_open (struct vl_call *call, const char *path, struct vl_image_file *file)
{
  /* O_PATH first: a FIFO or a device is told apart without being opened. */
  VL_AUTOCLOSE int where = open (path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  char self[32];
  struct stat st;
  ssize_t got;

  *file = (struct vl_image_file) { .fd = -1, .path = path };
  if (where < 0 || fstat (where, &st) < 0)
    return refuse_open (call, path, errno);
  if (judge_kind (call, file, &st) < 0)
    return -1;
  snprintf (self, sizeof self, "/proc/self/fd/%d", where);
  file->fd = open (self, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (file->fd < 0)
    return refuse_open (call, path, errno);
  file->size = st.st_size;
  file->head = vl_xcalloc (1, VL_IMAGE_HEAD);
  got = read_at (file->fd, file->head, VL_IMAGE_HEAD, 0);
  if (got < 0) {
    int error = errno;

    vl_image_close (file);
    return refuse_open (call, path, error);
  }
  file->n_head = (size_t)got;
  return 0;
}

void
vl_image_close (struct vl_image_file *file)
{
  if (file->fd >= 0)
    close (file->fd);
  free (file->head);
  file->fd = -1;
  file->head = NULL;
}

const char *
vl_image_qemu_format (const char *format)
{
  for (size_t i = 0; i < N_ACCEPTED; i++)
    if (VL_STREQ (accepted[i].name, format))
      return accepted[i].qemu;
  return NULL;
}

static int
refuse_format (struct vl_call *call, const struct vl_image_file *file, const char *format)
{
  struct vl_spell spell = { .wanted = format };
  VL_AUTOSTRV struct vl_strv names = { NULL, 0, 0 };
  VL_AUTOFREE char *list = NULL;

  for (size_t i = 0; i < N_ACCEPTED; i++) {
    vl_strv_add (&names, accepted[i].name);
    vl_spell_offer (&spell, accepted[i].name);
  }
  list = vl_strv_join (&names, ", ");
  return vl_image_refuse (
      call, file,
      vl_did_you_mean (
          call, '"', spell.best,
          vl_printf (call, "convert it: qemu-img convert -f %s -O qcow2 OLD NEW", format)),
      "cannot be kept: disk format \"%s\" is not one of %s", format, list);
}

static int
has_magic (const struct vl_image_file *file, size_t i)
{
  unsigned char tail[512];

  if (! magics[i].from_end)
    return file->n_head >= magics[i].offset + magics[i].length
           && memcmp (file->head + magics[i].offset, magics[i].bytes, magics[i].length) == 0;
  return file->size >= (off_t)sizeof tail
         && read_at (file->fd, tail, sizeof tail, file->size - (off_t)magics[i].offset)
                == (ssize_t)sizeof tail
         && memcmp (tail, magics[i].bytes, magics[i].length) == 0;
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
judge_magic (struct vl_call *call, const struct vl_image_file *file, const char *format)
{
  const char *qemu = vl_image_qemu_format (format);
  int found = 0;

  for (size_t i = 0; i <= sizeof magics / sizeof magics[0]; i++) {
    int text = i == sizeof magics / sizeof magics[0];
    const char *looks = text ? "vmdk" : magics[i].format;
    const char *looks_qemu = vl_image_qemu_format (looks);

    if (text ? ! is_vmdk_text (file) : ! has_magic (file, i))
      continue;
    if (looks_qemu && VL_STREQ (looks_qemu, qemu)) {
      found = found || VL_STREQ (looks, format) || ! VL_STREQ (looks, "iso");
      continue;
    }
    return vl_image_refuse (call, file,
                            looks_qemu && ! VL_STREQ (looks, "iso")
                                ? vl_printf (call, "if that is what it is: --disk-format %s", looks)
                                : "an image that two formats claim is never accepted",
                            "was given as %s, but its bytes are those of %s", format, looks);
  }
  if (! found && (! VL_STREQ (qemu, "raw") || VL_STREQ (format, "iso"))) {
    return vl_image_refuse (call, file,
                            "say what it is with --disk-format; a plain disk image is raw",
                            "was given as %s, but its bytes are not those of %s", format, format);
  }
  return 0;
}

/* Our own parser of each format that has something to parse. */
static int
read_header (struct vl_call *call, const struct vl_image_file *file, const char *qemu,
             struct vl_image_header *header)
{
  static const struct {
    const char *qemu;
    int (*read) (struct vl_call *, const struct vl_image_file *, struct vl_image_header *);
  } readers[] = {
    { "qcow2", vl_qcow2_read },
    { "vmdk", vl_vmdk_read },
    { "vdi", vl_vdi_read },
    { "vpc", vl_vpc_read },
  };

  if (VL_STREQ (qemu, "raw"))
    header->virtual_size = (file->size + 511) / 512 * 512;
  for (size_t i = 0; i < sizeof readers / sizeof readers[0]; i++)
    if (VL_STREQ (readers[i].qemu, qemu))
      return readers[i].read (call, file, header);
  return 0;
}

int
vl_image_check (struct vl_call *call, const struct vl_image_file *file, const char *format,
                struct vl_image_header *header)
{
  const char *qemu = vl_image_qemu_format (format);

  *header = (struct vl_image_header) { 0 };
  if (qemu == NULL)
    return refuse_format (call, file, format);
  if (judge_magic (call, file, format) < 0 || read_header (call, file, qemu, header) < 0)
    return -1;
  if (header->backing) {
    return vl_image_refuse (
        call, file,
        vl_printf (call, "where you trust that file: qemu-img convert -f %s -O %s \"%s\" NEW", qemu,
                   qemu, file->path),
        "names a backing file \"%s\"; accepted: an image that stands alone", header->backing);
  }
  return 0;
}

int
vl_image_check_path (struct vl_call *call, const char *path, const char *format,
                     struct vl_image_header *header)
{
  struct vl_image_file file;
  int result;

  if (vl_image_open (call, path, &file) < 0)
    return -1;
  result = vl_image_check (call, &file, format, header);
  vl_image_close (&file);
  return result;
}

int
vl_disk_verify (struct vl_call *call, const char *path, const char *format, const char *backing,
                const char *backing_format)
{
  struct vl_image_header header = { 0 };
  struct vl_image_file file;
  int result = 0;

  if (vl_image_open (call, path, &file) < 0)
    return -1;
  /* The bytes of a raw disk are the guest's own; they are never probed. */
  if (VL_STREQ (format, "qcow2"))
    result = judge_magic (call, &file, format) < 0 ? -1 : vl_qcow2_read (call, &file, &header);
  if (result == 0 && ! vl_text_same (header.backing, backing))
    result = vl_image_refuse (call, &file, NULL, "names backing file \"%s\" instead of \"%s\"",
                              header.backing ? header.backing : "none", backing ? backing : "none");
  if (result == 0 && backing && ! vl_text_same (header.backing_format, backing_format))
    result = vl_image_refuse (call, &file, NULL, "says that its backing file is %s instead of %s",
                              header.backing_format ? header.backing_format : "of no format",
                              backing_format);
  vl_image_close (&file);
  return result;
}

int
vl_image_bound (struct vl_call *call, const struct vl_image_file *file, int64_t virtual_size)
{
  int64_t most = call->image_limits.max_size ? call->image_limits.max_size : (int64_t)1 << 40;
  int disk = virtual_size > most;

  if (! disk && file->size <= most)
    return 0;
  return vl_image_refuse (
      call, file, "where such images are wanted, set a larger max_image_size in virtloom.conf",
      "is a %s of %" PRId64 " bytes; accepted: at most %" PRId64
      ", the max_image_size of [storage]",
      disk ? "disk" : "file", disk ? virtual_size : (int64_t)file->size, most);
}

/* What qemu-img says, JSON, must agree and must name no other file. */
static int
judge_info (struct vl_call *call, const struct vl_image_file *file, const char *qemu,
            const json_t *info, struct vl_image_facts *facts)
{
  const char *format = json_string_value (json_object_get (info, "format"));
  const json_t *virtual_size = json_object_get (info, "virtual-size");
  const json_t *special = json_object_get (json_object_get (info, "format-specific"), "data");
  size_t i;
  json_t *extent;

  if (format == NULL || ! json_is_integer (virtual_size))
    return vl_refuse_as (call, VL_ERR_FAILED, "ToolFailed", NULL, NULL,
                         "qemu-img info answered without a format and a virtual size");
  if (! VL_STREQ (format, qemu))
    return vl_image_refuse (call, file, NULL, "is %s in qemu-img's eyes, not %s", format, qemu);
  if (json_object_get (info, "backing-filename") || json_object_get (info, "full-backing-filename"))
    return vl_image_refuse (call, file, NULL,
                            "names a backing file; accepted: an image that stands alone");
  if (json_object_get (special, "data-file"))
    return vl_image_refuse (call, file, NULL, "keeps its data in another file");
  if (json_is_true (json_object_get (info, "encrypted")))
    return vl_image_refuse (call, file, NULL, "is encrypted");
  json_array_foreach (json_object_get (special, "extents"), i, extent)
  {
    const char *name = json_string_value (json_object_get (extent, "filename"));

    if (name == NULL || ! VL_STREQ (name, VL_TOOL_FILE_0))
      return vl_image_refuse (call, file, NULL, "has an extent outside itself");
  }
  facts->virtual_size = json_integer_value (virtual_size);
  facts->actual_size = json_integer_value (json_object_get (info, "actual-size"));
  if (facts->virtual_size <= 0)
    return vl_image_refuse (call, file, NULL, "is a disk of no size");
  return vl_image_bound (call, file, facts->virtual_size);
}

static int
ask_qemu_img (struct vl_call *call, const struct vl_image_file *file, const char *qemu,
              struct vl_image_facts *facts)
{
  const char *args[] = { "info", "-f", qemu, "--output=json", "--", VL_TOOL_FILE_0, NULL };
  const struct vl_tool_file image = { .path = file->path, .fd = file->fd };
  const struct vl_tool tool = { .size = sizeof tool,
                                .name = "qemu-img",
                                .args = args,
                                .files = { &image, 1, sizeof image },
                                .deadline = vl_tool_inspect_time (call) };
  struct vl_tool_result answer = { .size = sizeof answer };
  size_t first = call->findings.n;
  json_t *info;
  int result;

  if (vl_tool_core (call, &tool, &answer) < 0) {
    /* What qemu-img does not take is the image's fault, not the tool's. */
    if (answer.end == VL_TOOL_NOT_STARTED || answer.end == VL_TOOL_UNKNOWN)
      return -1;
    vl_findings_drop (call, first, call->findings.n);
    return vl_image_refuse (call, file, NULL, "was refused by qemu-img as %s: %s", qemu,
                            answer.problem);
  }
  info = json_loads (answer.out, 0, NULL);
  result = judge_info (call, file, qemu, info, facts);
  json_decref (info);
  return result;
}

int
vl_image_inspect (struct vl_call *call, const char *path, const char *format,
                  struct vl_image_facts *facts)
{
  struct vl_image_facts seen = { .size = sizeof seen };
  struct vl_image_header header;
  struct vl_image_file file;
  int result;

  if (vl_may_act (call, "vl_image_inspect") < 0 || vl_image_open (call, path, &file) < 0)
    return -1;
  result = vl_image_check (call, &file, format, &header);
  if (result == 0)
    result = vl_image_bound (call, &file, header.virtual_size);
  if (result == 0)
    result = ask_qemu_img (call, &file, vl_image_qemu_format (format), &seen);
  seen.format = vl_image_qemu_format (format);
  vl_image_close (&file);
  if (facts && facts->size < seen.size)
    seen.size = facts->size;
  if (facts)
    memcpy (facts, &seen, seen.size);
  return result;
}
