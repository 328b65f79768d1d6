/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Disks that are files in a server's folder: what the plugins that make such files
 * share. */

#ifndef VL_STORAGE_LOCAL_H
#define VL_STORAGE_LOCAL_H

#include <virtloom/storage.h>

/* Rows of the outside programs that these functions run. */
#define LOCAL_TOOLS                                                                                \
  { .name = "qemu-img",                                                                            \
    .program = "qemu-img",                                                                         \
    .package = "qemu-utils",                                                                       \
    .help = "disks are made and grown",                                                            \
    .flags = VL_TOOL_TENANT | VL_TOOL_WRITES },                                                    \
      LOCAL_MAKER ("mkswap", "mkswap", "util-linux"),                                              \
      LOCAL_MAKER ("mkfs-ext2", "mkfs.ext2", "e2fsprogs"),                                         \
      LOCAL_MAKER ("mkfs-ext3", "mkfs.ext3", "e2fsprogs"),                                         \
      LOCAL_MAKER ("mkfs-ext4", "mkfs.ext4", "e2fsprogs"),                                         \
      LOCAL_MAKER ("mkfs-xfs", "mkfs.xfs", "xfsprogs")
#define LOCAL_MAKER(row, its_program, its_package)                                                 \
  {                                                                                                \
    .name = (row), .program = (its_program), .package = (its_package),                             \
    .help = "swap and ephemeral disks are prepared", .flags = VL_TOOL_WRITES                       \
  }

/* Where VOLUME lies: SOURCE is the file of its name in the server's folder, of FORMAT.  0, or -1
 * after a refusal where it is new and more than format or file system take. */
int local_locate (struct vl_call *c, const struct vl_volume *volume, struct vl_source *source,
                  const char *format);
/* A file that has VOLUME's image for its own, or is empty but for what VOLUME->blank puts
 * on it. */
int local_make (struct vl_call *c, const struct vl_volume *volume, const struct vl_source *source);
/* The new file PATH, a qcow2 disk of BYTES; over IMAGE of IMAGE_FORMAT if that is not
 * NULL. */
int local_make_qcow2 (struct vl_call *c, const char *path, const char *image,
                      const char *image_format, int64_t bytes);
/* Takes all blocks of the file where VOLUME says so.  Removes it where that fails. */
int local_preallocate (struct vl_call *c, const struct vl_volume *volume,
                       const struct vl_source *source);
int local_resize (struct vl_call *c, const struct vl_volume *volume,
                  const struct vl_source *source);
/* The new file PATH of format TO, raw or qcow2: the raw disk RAW of BYTES, a file or a block
 * device.  It is not there after a failure. */
int local_convert (struct vl_call *c, const char *raw, const char *to, const char *path,
                   int64_t bytes);
/* Writes VOLUME's image, raw, to the block device FD at PATH, which is large enough; what the image
 * has no bytes for is written as zeroes, or with IS_ZERO left as it is. */
int local_pour (struct vl_call *c, const struct vl_volume *volume, const char *path, int fd,
                int is_zero);
/* Puts on the raw disk RAW, a file or a block device, what VOLUME->blank says; where the program that
 * does so is not installed, it stays empty and that is said. */
int local_put_blank (struct vl_call *c, const struct vl_volume *volume, const char *raw);
/* Milliseconds for reading or writing BYTES once, at 10 MB/s, and to begin with; a day is enough. */
uint32_t local_time_for (int64_t bytes);
/* Where VOLUME, a disk of a server's that lies elsewhere, is: where it was, or FIRST, or, where it is made
 * anew, that one of FIRST and another place beside it which the disk it takes the place of has not. */
const char *local_place (struct vl_call *c, const struct vl_volume *volume, const char *first);
/* KEY of what is kept for VOLUME at PLACE: "token.root", and beside that "token.root.2". */
const char *local_key (struct vl_call *c, const char *key, const struct vl_volume *volume,
                       const char *place);
/* By which a disk that VOLUME's server made elsewhere, at PLACE, is told from what others made: 32 hex
 * digits, kept for the server before they are used.  *AGAIN is whether they were before.  NULL after a
 * refusal. */
const char *local_token (struct vl_call *c, const struct vl_volume *volume, const char *place,
                         int *again);
/* The same where it was kept; NULL: nothing had begun. */
const char *local_token_kept (struct vl_call *c, const struct vl_volume *volume, const char *place);
/* Forgets it. */
int local_token_drop (struct vl_call *c, const struct vl_volume *volume, const char *place);
int local_capacity (struct vl_call *c, const char *dir, const char **store, int64_t *total,
                    int64_t *used);

#endif
