/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Bounded readers of image headers.  Each looks for what makes QEMU open a
 * second file or trust a number, and refuses it; the rest is qemu-img's part. */

#include <config.h>

#include "storage/storage.h"

#include "lib/text.h"

#include <virtloom/ascii.h>

#include <errno.h>

/* No disk of a guest is larger; a header that says so is a lie. */
#define LARGEST ((uint64_t)1 << 50)
#define QCOW2_NAME_LIMIT 1023u
/* Where QEMU reads a descriptor, and how much of it, whatever the header says. */
#define VMDK_TEXT_SECTOR 1
#define VMDK_TEXT_SIZE (20 * 512)

static uint64_t
be (const unsigned char *p, unsigned n)
{
  uint64_t value = 0;

  for (unsigned i = 0; i < n; i++)
    value = value << 8 | p[i];
  return value;
}

static uint64_t
le (const unsigned char *p, unsigned n)
{
  uint64_t value = 0;

  while (n--)
    value = value << 8 | p[n];
  return value;
}
#define be32(p) ((uint32_t)be (p, 4))
#define be64(p) be (p, 8)
#define le32(p) ((uint32_t)le (p, 4))
#define le64(p) le (p, 8)

/* LENGTH bytes at OFFSET as printable text in the arena, or NULL beyond the end
 * of the file. */
static const char *
text_at (const struct vl_image_file *file, uint64_t offset, size_t length)
{
  char *text = vl_arena_alloc (file->call->arena, length + 1);
  VL_AUTOFREE char *clean = NULL;

  if (offset > (uint64_t)file->size || length > (uint64_t)file->size - offset
      || pread (file->fd, text, length, (off_t)offset) != (ssize_t)length)
    return NULL;
  clean = vl_text_clean_n (text, length);
  return vl_arena_strdup (file->call->arena, clean);
}

static int
take_size (struct vl_image_file *file, uint64_t size)
{
  if (size == 0)
    return vl_image_bad (file, "is a disk of no size");
  if (size > LARGEST)
    return vl_image_bad (file, "says that it is a disk of %llu bytes; accepted: up to 1 PiB",
                         (unsigned long long)size);
  file->virtual_size = (int64_t)size;
  return 0;
}

/* ---- qcow2: docs/interop/qcow2.txt of QEMU ---- */

#define QCOW2_CORRUPT 0x2u
#define QCOW2_DATA_FILE 0x4u
#define QCOW2_KNOWN 0x1fu       /* dirty, corrupt, data file, compression, extended L2 */
#define QCOW2_RAW_EXTERNAL 0x2u /* autoclear */

#define QCOW2_EXT_END 0u
#define QCOW2_EXT_BACKING_FORMAT 0xe2792acau
#define QCOW2_EXT_DATA_FILE 0x44415441u
#define QCOW2_EXT_ENCRYPTION 0x0537be77u

/* Walks the header extensions, from after the header to the first cluster's end. */
static int
qcow2_extensions (struct vl_image_file *file, size_t start)
{
  unsigned bits = be32 (file->head + 20);
  size_t end = (size_t)1 << bits;

  if (end > file->n_head)
    end = file->n_head;
  for (size_t p = start; p + 8 <= end;) {
    uint32_t type = be32 (file->head + p), length = be32 (file->head + p + 4);

    if (type == QCOW2_EXT_END)
      return 0;
    if (length > end - p - 8)
      return vl_image_bad (file, "has a header extension that leaves its header");
    if (type == QCOW2_EXT_DATA_FILE)
      return vl_image_bad (file, "names an external data file");
    if (type == QCOW2_EXT_ENCRYPTION)
      return vl_image_bad (file, "is encrypted");
    if (type == QCOW2_EXT_BACKING_FORMAT)
      file->backing_format = text_at (file, p + 8, length);
    p += 8 + ((size_t)length + 7) / 8 * 8;
  }
  return 0;
}

static int
qcow2_backing (struct vl_image_file *file)
{
  uint64_t offset = be64 (file->head + 8);
  uint32_t length = be32 (file->head + 16);

  if (offset == 0 && length == 0)
    return 0;
  if (offset == 0 || length == 0 || length > QCOW2_NAME_LIMIT
      || (file->backing = text_at (file, offset, length)) == NULL)
    return vl_image_bad (file, "names a backing file in a way that cannot be read");
  return 0;
}

static int
qcow2_features (const struct vl_image_file *file)
{
  uint64_t bits = be64 (file->head + 72), unknown = bits & ~(uint64_t)QCOW2_KNOWN;

  if ((bits & QCOW2_DATA_FILE) || (be64 (file->head + 88) & QCOW2_RAW_EXTERNAL))
    return vl_image_refuse (file, "accepted: an image that stands alone",
                            "keeps its data in an external file");
  if (bits & QCOW2_CORRUPT)
    return vl_image_bad (file, "is marked corrupt");
  if (unknown)
    return vl_image_bad (file, "needs features that are not known (bits 0x%llx)",
                         (unsigned long long)unknown);
  return 0;
}

int
vl_qcow2_read (struct vl_image_file *file)
{
  const unsigned char *head = file->head;
  uint32_t version = be32 (head + 4), bits = be32 (head + 20);
  uint32_t length = version == 2 ? 72 : be32 (head + 100);
  uint64_t end = (uint64_t)file->size, l1 = be64 (head + 40), l1_bytes = be32 (head + 36) * 8ull;

  if (file->n_head < 72 || (version != 2 && file->n_head < 104))
    return vl_image_bad (file, "ends inside its header");
  if (version != 2 && version != 3)
    return vl_image_bad (file, "is qcow2 of version %u; accepted: 2, 3", version);
  if (bits < 9 || bits > 21)
    return vl_image_bad (file, "has clusters of 2^%u bytes; accepted: 2^9 to 2^21", bits);
  if (version == 3
      && (length < 104 || length % 8 || length > file->n_head || length > (uint32_t)1 << bits))
    return vl_image_bad (file, "has a header of %u bytes", length);
  if (be32 (head + 32) != 0)
    return vl_image_bad (file, "is encrypted");
  if (version == 3 && qcow2_features (file) < 0)
    return -1;
  /* The tables that everything else hangs on. */
  if (be64 (head + 48) >= end || l1 > end || l1_bytes > end - l1)
    return vl_image_bad (file, "is cut short: its tables lie beyond its end");
  if (qcow2_extensions (file, length) < 0 || qcow2_backing (file) < 0)
    return -1;
  return take_size (file, be64 (head + 24));
}

/* ---- vmdk ---- */

/* `KEY = "VALUE"` as QEMU and VMware write it; the value in VALUE, at most SIZE
 * bytes.  1 if LINE is about KEY. */
static int
vmdk_line (const char *line, const char *key, char *value, size_t size)
{
  size_t n = strlen (key);

  if (vl_ascii_ncasecmp (line, key, n) != 0)
    return 0;
  line += n;
  line += strspn (line, " \t");
  if (*line++ != '=')
    return 0;
  line += strspn (line, " \t\"");
  snprintf (value, size, "%.*s", (int)strcspn (line, "\"\r\n"), line);
  return 1;
}

/* An extent line: "RW 20480 SPARSE "disk.vmdk"".  1 if it is one; *BAD if it is
 * not the image itself. */
static int
vmdk_extent (const char *line, int *bad)
{
  char access[16], type[32];
  unsigned long long sectors;

  if (vl_ascii_ncasecmp (line, "RW", 2) != 0 && vl_ascii_ncasecmp (line, "RDONLY", 6) != 0
      && vl_ascii_ncasecmp (line, "NOACCESS", 8) != 0)
    return 0;
  *bad = sscanf (line, "%15s %llu %31s", access, &sectors, type) != 3
         || vl_ascii_casecmp (type, "SPARSE") != 0 || strchr (line, '/') != NULL;
  return 1;
}

static int
vmdk_descriptor (const struct vl_image_file *file, char *text)
{
  unsigned types = 0, extents = 0;
  char *state = NULL, value[64];
  int bad = 0;

  for (char *line = strtok_r (text, "\n", &state); line; line = strtok_r (NULL, "\n", &state)) {
    line += strspn (line, " \t\r");
    if (vmdk_line (line, "createType", value, sizeof value)) {
      if (++types > 1)
        return vl_image_bad (file, "says its create type twice");
      if (! VL_STREQ (value, "monolithicSparse") && ! VL_STREQ (value, "streamOptimized"))
        return vl_image_bad (
            file, "is of create type \"%s\"; accepted: monolithicSparse, streamOptimized", value);
    } else if (vmdk_line (line, "parentCID", value, sizeof value)
               && vl_ascii_casecmp (value, "ffffffff") != 0)
      return vl_image_bad (file, "names a parent; accepted: an image that stands alone");
    else if (vmdk_extent (line, &bad) && (bad || ++extents > 1))
      return vl_image_bad (file, "has an extent outside itself");
  }
  if (types == 0 || extents == 0)
    return vl_image_bad (file, "has no create type or no extent in its descriptor");
  return 0;
}

int
vl_vmdk_read (struct vl_image_file *file)
{
  static const char hint[] = "parentFileNameHint";
  char text[VMDK_TEXT_SIZE + 1] = "";
  uint64_t sectors, offset;

  if (file->n_head < 512 || memcmp (file->head, "KDMV", 4) != 0)
    return vl_image_bad (file, "is a vmdk whose data lies elsewhere; accepted: "
                               "monolithicSparse, streamOptimized");
  sectors = le64 (file->head + 12);
  offset = le64 (file->head + 28);
  /* QEMU takes a capacity of 0 for "the extents are in the descriptor". */
  if (sectors == 0 || sectors > LARGEST / 512)
    return vl_image_bad (file, "has a vmdk header that cannot be true");
  if (offset != VMDK_TEXT_SECTOR)
    return vl_image_bad (file, "says that its descriptor is at sector %llu; accepted: 1",
                         (unsigned long long)offset);
  if (pread (file->fd, text, VMDK_TEXT_SIZE, VMDK_TEXT_SECTOR * 512) < 0)
    return vl_image_unread (file, errno);
  /* QEMU asks for no line and no quotes, only for these words. */
  for (size_t i = 0; i + sizeof hint <= sizeof text; i++)
    if (vl_ascii_ncasecmp (text + i, hint, sizeof hint - 1) == 0)
      return vl_image_bad (file, "names a parent; accepted: an image that stands alone");
  file->virtual_size = (int64_t)sectors * 512;
  return vmdk_descriptor (file, text);
}

/* ---- vdi, vhd ---- */

#define VDI_DYNAMIC 1u
#define VDI_STATIC 2u

int
vl_vdi_read (struct vl_image_file *file)
{
  static const unsigned char none[16];
  uint32_t type;

  if (file->n_head < 512)
    return vl_image_bad (file, "ends inside its header");
  type = le32 (file->head + 76);
  if (type != VDI_DYNAMIC && type != VDI_STATIC)
    return vl_image_bad (file, "is a vdi of type %u; accepted: 1 (dynamic), 2 (static)", type);
  if (memcmp (file->head + 424, none, sizeof none) != 0)
    return vl_image_bad (file, "names a parent; accepted: an image that stands alone");
  return take_size (file, le64 (file->head + 368));
}

#define VPC_FIXED 2u
#define VPC_DYNAMIC 3u

int
vl_vpc_read (struct vl_image_file *file)
{
  unsigned char footer[512];
  uint32_t type;

  if (file->size < (off_t)sizeof footer
      || pread (file->fd, footer, sizeof footer, file->size - (off_t)sizeof footer)
             != (ssize_t)sizeof footer
      || memcmp (footer, "conectix", 8) != 0)
    return vl_image_bad (file, "has no vhd footer");
  type = be32 (footer + 60);
  if (type != VPC_FIXED && type != VPC_DYNAMIC)
    return vl_image_bad (file, "is a vhd of type %u; accepted: 2 (fixed), 3 (dynamic)", type);
  /* QEMU believes the copy at the front. */
  if (memcmp (file->head, "conectix", 8) == 0 && be32 (file->head + 60) != type)
    return vl_image_bad (file, "says two different things of its type");
  return take_size (file, be64 (footer + 48));
}
