/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Our own look at an image's bytes, before any tool sees them.  Nothing is
 * followed, nothing is believed, every read is bounded. */

#ifndef VL_CORE_INSPECT_H
#define VL_CORE_INSPECT_H

#include "storage/storage.h"

#include <virtloom/storage.h>

#include <sys/types.h>

/* An open image. */
struct vl_image_file {
  int fd;
  const char *path; /* as the user gave it, for findings */
  off_t size;
  unsigned char *head; /* its first bytes; zeroes beyond its end */
  size_t n_head;
};
#define VL_IMAGE_HEAD 65536

/* What a header says. */
struct vl_image_header {
  int64_t virtual_size;       /* 0: not known from the header */
  const char *backing;        /* arena memory, or NULL */
  const char *backing_format; /* or NULL */
};

/* Opens the regular, non-empty file PATH without following a link and without
 * ever opening a device or FIFO, and reads its head.  0, or -1 after
 * ImageUnacceptable.  Close with vl_image_close. */
int vl_image_open (struct vl_call *call, const char *path, struct vl_image_file *file);
void vl_image_close (struct vl_image_file *file);

/* qemu's name of disk format FORMAT ("iso" is "raw", "vhd" is "vpc"), or NULL
 * for one that is not accepted. */
const char *vl_image_qemu_format (const char *format);
/* 0 if the bytes are what FORMAT says and name no other file, else -1 after
 * ImageUnacceptable.  Only our own parsers. */
int vl_image_check (struct vl_call *call, const struct vl_image_file *file, const char *format,
                    struct vl_image_header *header);
/* The same, opening PATH. */
int vl_image_check_path (struct vl_call *call, const char *path, const char *format,
                         struct vl_image_header *header);
/* 0 if FILE and the disk of VIRTUAL_SIZE bytes that it is are no larger than
 * max_image_size, else -1 after ImageUnacceptable. */
int vl_image_bound (struct vl_call *call, const struct vl_image_file *file, int64_t virtual_size);
/* A disk of a server, that its guest may have written to: PATH must be what we
 * made it, an overlay over BACKING of BACKING_FORMAT, or with BACKING NULL a
 * disk of FORMAT that names no other file. */
int vl_disk_verify (struct vl_call *call, const char *path, const char *format, const char *backing,
                    const char *backing_format);

/* inspect-formats.c: one format each; the bytes are known to begin right. */
int vl_qcow2_read (struct vl_call *call, const struct vl_image_file *file,
                   struct vl_image_header *header);
int vl_vmdk_read (struct vl_call *call, const struct vl_image_file *file,
                  struct vl_image_header *header);
int vl_vdi_read (struct vl_call *call, const struct vl_image_file *file,
                 struct vl_image_header *header);
int vl_vpc_read (struct vl_call *call, const struct vl_image_file *file,
                 struct vl_image_header *header);
/* Records ImageUnacceptable (exit 3) about FILE; answers -1. */
int vl_image_refuse (struct vl_call *call, const struct vl_image_file *file, const char *hint,
                     const char *fmt, ...) VL_PRINTF (4, 5);

#endif
