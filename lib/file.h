/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Files: bounded reading, atomic writing, folders. */

#ifndef VL_LIB_FILE_H
#define VL_LIB_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

/* The bytes of a GiB, in which Nova counts disks. */
#define VL_GIB (INT64_C (1) << 30)

/* Reads a regular file of at most LIMIT bytes, NUL-terminated; *LENGTH without
 * the NUL.  The caller frees.  NULL with errno, EINVAL for what is no regular file: *WHY says why ("No such file or
 * directory", "is not a regular file", "is larger than N bytes"). */
char *vl_file_read (const char *path, size_t limit, size_t *length, const char **why);
char *vl_file_read_fd (int fd, size_t limit, size_t *length, const char **why);

/* The same from what is open as FD, whatever it is, up to its end; errno is
 * EFBIG where that is beyond LIMIT. */
char *vl_file_read_all (int fd, size_t limit, size_t *length, const char **why);

/* Does ERROR of what reads say that the file is there, but none that is taken? */
int vl_file_is_odd (int error);

/* Writes all LENGTH bytes to FD.  0, or -1 with errno. */
int vl_file_write_all (int fd, const char *text, size_t length);
/* The folder that PATH is in, in malloc memory: "/" and "." as dirname has them. */
char *vl_file_folder (const char *path);
/* fsync of the folder that PATH is in.  0, or -1 with errno. */
int vl_file_sync_folder (const char *path);
/* Temp file, fsync, rename, fsync of the folder.  0, or -1 with errno. */
int vl_file_write (const char *path, const char *text, size_t length, mode_t mode);

/* The kind of the file system that PATH lies on ("nfs"), where other hosts may have it too; NULL: of
 * this host alone, or it cannot be told.  What FUSE shows ("fuse") may be either. */
const char *vl_file_network (const char *path);

/* mkdir -p; each new folder gets MODE.  0, or -1 with errno. */
int vl_file_mkdirs (const char *path, mode_t mode);
/* rm -r of PATH, whose last component is a name: by descriptors from the folder above it on,
 * never following a link.  Where something is mounted at or below it, of the same file
 * system too, it removes nothing: EXDEV.  0, or -1 with errno; a PATH that is not there
 * is 0. */
int vl_file_remove_tree (const char *path);

/* What a file or block device is, whatever its name: two with the same bytes have the
 * same.  A loop device is the file that it shows. */
struct vl_identity {
  uint64_t device, inode; /* of a block device its number, and 0 */
};
/* Of what PATH leads to; all 0 where nothing can be said. */
struct vl_identity vl_file_identity (const char *path);
/* What PATH leads to, first, and what that stands on: the disk of a partition, the file or device
 * that a loop device shows, what a device of the device mapper or of md is made of. */
struct vl_file_stack {
  size_t n;
  struct {
    struct vl_identity id;
    int part; /* PATH is some of it only */
  } of[16];
};
struct vl_file_stack vl_file_stack (const char *path);
/* Have the files or devices at A and B bytes in common?  They stand on one another, or on the same.
 * Two parts of one disk are none.  0 where one of them cannot be looked at. */
int vl_file_shares (const char *a, const char *b);

#endif
