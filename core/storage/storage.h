/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Images: our own look at their bytes before any tool sees them, where nothing is
 * followed, nothing is believed and every read is bounded; then copies in STATE.
 * Every tool runs confined (tool.h), and qemu-img never without a format. */

#ifndef VL_CORE_STORAGE_H
#define VL_CORE_STORAGE_H

#include "context/call.h"
#include "lib/trust.h"
#include "request/request.h"
#include "plugin/conf.h"

#include <virtloom/storage.h>

#include <sys/types.h>

#define VL_IMAGE_HEAD 65536

/* An open image or volume. */
struct vl_image_file {
  struct vl_call *call; /* for findings */
  int fd;
  const char *path; /* as the user gave it, for findings */
  const char *noun; /* "image file", "volume" */
  off_t size;
  unsigned char *head; /* its first bytes; zeroes beyond its end; arena memory */
  size_t n_head;
  /* What its header says, once it is checked; arena memory or NULL. */
  int64_t virtual_size; /* 0: not known from the header */
  const char *backing, *backing_format;
};
#define VL_AUTOIMAGE __attribute__ ((cleanup (vl_image_close)))

/* ---- inspect.c ---- */

/* Opens the regular, non-empty file PATH without following a link and without
 * ever opening a device or FIFO, and reads its head.  0, or -1 after
 * ImageUnacceptable.  Close with vl_image_close. */
int vl_image_open (struct vl_call *call, const char *path, struct vl_image_file *file);
void vl_image_close (struct vl_image_file *file);
/* The same of a volume: a file, or with BLOCK a block device, and links are followed.  It
 * and every folder above it may be written by root, the caller and GUESTS alone. */
int vl_volume_open (struct vl_call *call, const char *path, int block,
                    const struct vl_trust_guests *guests, struct vl_image_file *file);
/* 0 if the bytes are what FORMAT says and name no other file, else -1 after
 * ImageUnacceptable.  Only our own parsers. */
int vl_image_check (struct vl_image_file *file, const char *format);
/* Can an image NAME be of FORMAT?  0, or -1 after ImageUnacceptable. */
int vl_image_format_check (struct vl_call *call, const char *name, const char *format);
/* How many bytes an image, and the disk that it is, may have: max_image_size. */
int64_t vl_image_most (struct vl_call *call);
/* What an errno of the file PATH (or NULL) stands for that is nobody's request: its exit code, its code (NULL:
 * none of its own) and what mends it (or NULL). */
struct vl_errno_said {
  enum vl_err err;
  const char *code, *hint;
};
struct vl_errno_said vl_errno_said (struct vl_call *call, const char *path, int error);
/* "WHAT PATH", which is not to be removed or moved, by errno, with how that is mended; answers -1. */
int vl_stuck (struct vl_call *call, const char *what, const char *path);
/* The same of PATH that "cannot remove" and of all that is below it. */
int vl_remove_failed (struct vl_call *call, const char *path);
/* The hint of DiskFull: in which file system, being that of PATH, which need not be there yet; NULL:
 * that is not known. */
const char *vl_make_room (struct vl_call *call, const char *path);
/* A disk of a server, that its guest may have written to: the open FILE must be what we
 * made it, an overlay over BACKING of BACKING_FORMAT, or with BACKING NULL a
 * disk of FORMAT that names no other file. */
int vl_disk_verify (struct vl_image_file *file, const char *format, const char *backing,
                    const char *backing_format);
/* May a disk of SIZE bytes (0: the image's own) be made of the open image FILE of FORMAT?
 * 0 with *BYTES that it gets and FILE->virtual_size; -1 after ImageUnacceptable, or
 * FlavorDiskSmallerThanImage. */
int vl_image_admit (struct vl_image_file *file, const char *format, int64_t size, int64_t *bytes);

/* The same of a disk of BYTES that lies elsewhere: *HAS is what the new one gets. */
int vl_image_admit_bytes (struct vl_call *call, int64_t bytes, int64_t size, int64_t *has);

/* ---- inspect-formats.c: the bytes are known to begin right ---- */

int vl_qcow2_read (struct vl_image_file *file);
int vl_vmdk_read (struct vl_image_file *file);
int vl_vdi_read (struct vl_image_file *file);
int vl_vpc_read (struct vl_image_file *file);
/* Records ImageUnacceptable (exit 3) about FILE with a HINT, or NULL; answers -1. */
int vl_image_refuse (const struct vl_image_file *file, const char *hint, const char *fmt, ...)
    VL_PRINTF (3, 4);
/* It cannot be read, for ERROR: that is seldom its own fault. */
int vl_image_unread (const struct vl_image_file *file, int error);
#define vl_image_bad(file, ...) vl_image_refuse (file, NULL, __VA_ARGS__)

/* ---- copy.c, config-drive.c ---- */

/* vl_copy, with the digest of what was copied.
 * *CHECKSUM is "sha256:HEX" in arena memory. */
int vl_image_copy (struct vl_call *call, const char *path, const char *target,
                   const char **checksum);
/* The digest of the file PATH by KIND, "sha256" or "sha512": "sha256:HEX" in arena memory; NULL
 * after a finding. */
const char *vl_image_digest (struct vl_call *call, const char *path, const char *kind);
/* The digest by sha256 of the LENGTH bytes of TEXT, as vl_image_digest answers. */
const char *vl_text_digest (struct vl_call *call, const char *text, size_t length);
/* 0 if the image PATH is what CHECKSUM, "sha256:HEX", says, else -1 after ImageDamaged with HINT, or
 * with one of our own where that is NULL. */
int vl_image_prove (struct vl_call *call, const char *path, const char *checksum, const char *hint);
/* Writes the image PATH to FD, an empty file that TARGET names; with TARGET NULL to FD, whatever
 * that is, once it has proven to be what CHECKSUM says.  0, or -1 after a finding (ImageDamaged
 * where it is not). */
int vl_image_write (struct vl_call *call, const char *path, const char *checksum, int fd,
                    const char *target);
/* Converts the image PATH of FORMAT into TARGET of format TO (raw, qcow2).
 * TARGET must not exist, and does not after a failure. */
int vl_image_convert (struct vl_call *call, const char *path, const char *format, const char *to,
                      const char *target);
/* What the disk PATH of a server is to its guest, of FORMAT and with BACKING of BACKING_FORMAT below
 * it (NULL: nothing), as a new file TARGET of format TO that stands alone.  Nothing writes to the
 * disk meanwhile.  TARGET does not exist after a failure. */
int vl_disk_convert (struct vl_call *call, const char *path, const char *format,
                     const char *backing, const char *backing_format, const char *to,
                     const char *target);
/* The open volume FILE, a file of FORMAT (raw, qcow2) that nobody uses and that stands alone, gets
 * BYTES, which are more than it has.  0, or -1 after a finding. */
int vl_volume_grow (const struct vl_image_file *file, const char *format, int64_t bytes);
/* Makes TARGET, which must not exist, an empty qcow2 overlay of BYTES over the file BACKING of
 * BACKING_FORMAT, which is not opened.  0, or -1 after a finding: TARGET does not exist then. */
int vl_overlay_make (struct vl_call *call, const char *target, const char *backing,
                     const char *backing_format, int64_t bytes);
/* Of N files, LINKS, each of which lies over the next one, the last over none, and which nobody uses: what
 * is in the first, an overlay, is written into the second.  GUESTS may write to all.  0, or -1 after a
 * finding; then the first over the others is what it was all the same. */
int vl_overlay_merge (struct vl_call *call, const struct vl_link *links, size_t n,
                      const struct vl_trust_guests *guests);
/* The same; all that is in the others is copied into the first, which stands alone then. */
int vl_overlay_pull (struct vl_call *call, const struct vl_link *links, size_t n,
                     const struct vl_trust_guests *guests);
/* The overlay PATH, which nobody uses, names TO as the file below from now on; it named FROM, or does so
 * already. */
int vl_overlay_move (struct vl_call *call, const char *path, const struct vl_link *from,
                     const struct vl_link *to, const struct vl_trust_guests *guests);
/* Does the qcow2 file PATH name BELOW (NULL: none) as the file below?  1 or 0; -1 after a finding. */
int vl_overlay_names (struct vl_call *call, const char *path, const struct vl_link *below,
                      const struct vl_trust_guests *guests);
/* Has some process the file FD open as QEMU has a disk?  1 or 0; -1 with errno. */
int vl_disk_in_use (int fd);
/* A file of a config drive: its path there ("openstack/latest/user_data") and what is in it. */
struct vl_drive_file {
  const char *path, *bytes;
  size_t length;
};
/* Makes the config drive TARGET, which must not exist, and does not after a failure: an ISO 9660
 * or vfat image of N FILES, with volume label config-2. */
int vl_disk_create_config (struct vl_call *call, const struct vl_config *config, const char *target,
                           const struct vl_drive_file *files, size_t n);

#endif
