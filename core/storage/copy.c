/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Copying images: a reflink where the file system can, else data only, so that
 * holes stay holes.  A copy that failed leaves nothing behind. */

#include <config.h>

#include "lib/file.h"
#include "storage/inspect.h"
#include "storage/storage.h"
#include "storage/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>

#define PIECE ((size_t)8 << 20)

int
vl_file_failed (struct vl_call *call, const char *what, const char *path, int error)
{
  if (what == NULL || path == NULL)
    return vl_fault (call, "vl_file_failed is called with NULL where a text is needed");
  if (error != ENOSPC && error != EDQUOT)
    return vl_refuse_as (call, VL_ERR_FAILED, "StorageFailed", NULL, NULL, "%s \"%s\": %s", what,
                         path, strerror (error));
  return vl_refuse_as (call, VL_ERR_FAILED, "DiskFull", NULL,
                       "make room on the disk that holds the STATE folder, then try again",
                       "%s \"%s\": %s", what, path, strerror (error));
}

/* Copies COUNT bytes at OFFSET by way of a buffer, for file systems between
 * which the kernel does not copy. */
static ssize_t
copy_by_hand (int from, int to, off_t offset, size_t count)
{
  static const size_t size = 1 << 20;
  VL_AUTOFREE char *buffer = vl_xcalloc (1, size);
  ssize_t got = pread (from, buffer, count < size ? count : size, offset);

  for (ssize_t done = 0; done < got;) {
    ssize_t put = pwrite (to, buffer + done, (size_t)(got - done), offset + done);

    if (put < 0 && errno == EINTR)
      continue;
    if (put < 0)
      return -1;
    done += put;
  }
  return got;
}

struct copying {
  struct vl_call *call;
  const char *path;
  int from, to, by_hand;
  off_t size;
  time_t told;
};

static void
tell (struct copying *copying, off_t done)
{
  time_t now = time (NULL);

  if (now == copying->told)
    return;
  copying->told = now;
  vl_progress (copying->call, "copying \"%s\": %d %%", copying->path,
               (int)(done * 100 / copying->size));
}

/* Copies the bytes from START to END.  0, or -1 with errno. */
static int
copy_range (struct copying *copying, off_t start, off_t end)
{
  while (start < end) {
    size_t count = end - start < (off_t)PIECE ? (size_t)(end - start) : PIECE;
    off_t in = start, out = start;
    ssize_t got;

    if (! copying->by_hand) {
      got = copy_file_range (copying->from, &in, copying->to, &out, count, 0);
      if (got < 0
          && (errno == EXDEV || errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP)) {
        copying->by_hand = 1;
        continue;
      }
    } else
      got = copy_by_hand (copying->from, copying->to, start, count);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return -1;
    if (got == 0) {
      errno = ESTALE;
      return -1;
    }
    start += got;
    tell (copying, start);
  }
  return 0;
}

static int
copy_data (struct copying *copying)
{
  off_t at = 0;

  if (ioctl (copying->to, FICLONE, copying->from) == 0)
    return 0;
  if (ftruncate (copying->to, copying->size) < 0)
    return -1;
  while (at < copying->size) {
    off_t data = lseek (copying->from, at, SEEK_DATA), hole;

    if (data < 0 && errno == ENXIO)
      return 0;
    if (data < 0)
      return copy_range (copying, at, copying->size);
    hole = lseek (copying->from, data, SEEK_HOLE);
    if (hole < 0 || hole > copying->size)
      hole = copying->size;
    if (copy_range (copying, data, hole) < 0)
      return -1;
    at = hole;
  }
  return 0;
}

/* A copy of the open FD at TARGET, which must not exist. */
static int
clone (struct vl_call *call, int fd, const char *path, const char *target)
{
  struct copying copying = { call, path, fd, -1, 0, 0, time (NULL) };
  struct stat before, after;
  int error = 0;

  if (fstat (fd, &before) < 0)
    return vl_file_failed (call, "cannot look at", path, errno);
  copying.size = before.st_size;
  copying.to = open (target, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (copying.to < 0)
    return vl_file_failed (call, "cannot make", target, errno);
  if (copy_data (&copying) < 0 || fsync (copying.to) < 0 || fstat (fd, &after) < 0)
    error = errno;
  else if (after.st_size != before.st_size || after.st_mtim.tv_sec != before.st_mtim.tv_sec
           || after.st_mtim.tv_nsec != before.st_mtim.tv_nsec)
    error = ESTALE;
  if (close (copying.to) < 0 && error == 0)
    error = errno;
  if (error == 0 && vl_file_sync_folder (target) < 0)
    error = errno;
  if (error == 0)
    return 0;
  unlink (target);
  if (error == ESTALE)
    return vl_refuse_as (call, VL_ERR_FAILED, "StorageFailed", NULL, NULL,
                         "\"%s\" changed while it was copied", path);
  return vl_file_failed (call, "cannot write", target, error);
}

/* The digest is coreutils' part: an essential package, well kept, and run
 * under the same limits as any other tool. */
static const char *
digest (struct vl_call *call, const char *path)
{
  const char *args[] = { "--", VL_TOOL_FILE_0, NULL };
  VL_AUTOCLOSE int fd = open (path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  const struct vl_tool_file file = { .path = path, .fd = fd };
  struct vl_tool tool = {
    .size = sizeof tool, .name = "sha256sum", .args = args, .files = { &file, 1, sizeof file }
  };
  struct vl_tool_result result = { .size = sizeof result };
  struct stat st;
  size_t n;

  if (fd < 0 || fstat (fd, &st) < 0) {
    vl_file_failed (call, "cannot read", path, errno);
    return NULL;
  }
  vl_progress (call, "computing the digest of \"%s\"", path);
  tool.deadline = vl_tool_time_for (st.st_size);
  if (vl_tool_core (call, &tool, &result) < 0)
    return NULL;
  n = strspn (result.out, "0123456789abcdef");
  if (n != 64) {
    vl_refuse_as (call, VL_ERR_FAILED, "ToolFailed", NULL, NULL,
                  "sha256sum answered without a digest");
    return NULL;
  }
  return vl_arena_printf (call->arena, "sha256:%.64s", result.out);
}

int
vl_copy (struct vl_call *call, const char *path, const char *target)
{
  struct vl_image_file file;
  int result;

  if (vl_may_act (call, "vl_copy") < 0 || vl_image_open (call, path, &file) < 0)
    return -1;
  result = clone (call, file.fd, path, target);
  vl_image_close (&file);
  return result;
}

int
vl_image_copy (struct vl_call *call, const char *path, const char *target, const char **checksum)
{
  if (vl_copy (call, path, target) < 0)
    return -1;
  *checksum = digest (call, target);
  if (*checksum)
    return 0;
  unlink (target);
  return -1;
}
