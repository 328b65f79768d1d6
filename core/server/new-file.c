/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * New files for the user: written over nothing, and there whole or not at all. */

#include <config.h>

#include "server/new-file.h"

#include "lib/file.h"
#include "lib/trust.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int
refuse_there (struct vl_call *call, const char *path)
{
  return vl_refuse_as (call, VL_ERR_REQUEST, "FileExists", NULL, "give a name that is free",
                       "\"%s\" is there already, and nothing is written over it", path);
}

int
vl_new_file_judge (struct vl_call *call, const char *path, const char *beside, const char *noun,
                   const char *otherwise)
{
  VL_AUTOFREE char *folder = vl_file_folder (path);
  const char *name = strrchr (path, '/') + 1;
  struct vl_trust trust = { 0 };
  VL_AUTOCLOSE int fd =
      *name ? vl_trust_open (call->arena, folder, O_PATH | O_DIRECTORY, &trust) : -1;
  struct stat st;

  if (*name == '\0')
    return vl_refuse_as (call, VL_ERR_USAGE, "Invalid", NULL, NULL,
                         "\"%s\" names a folder, not a file for the %s", path, noun);
  if (fd < 0)
    return vl_refuse_as (call, VL_ERR_NOT_PERMITTED, "FileNotTrusted", NULL, trust.hint,
                         "%s \"%s\": %s", otherwise, folder, trust.why);
  if (lstat (path, &st) == 0)
    return vl_refuse_as (call, VL_ERR_REQUEST, "FileExists", NULL, "give the name of a new file",
                         "\"%s\" is there already; the %s takes no file's place", path, noun);
  if (lstat (beside, &st) < 0 && errno == ENAMETOOLONG)
    return vl_refuse_as (
        call, VL_ERR_REQUEST, "InvalidName", NULL,
        vl_printf (call, "take a shorter name: it is made as \"%s\" first", beside),
        "the name of the %s is too long for the file system of \"%s\": \"%s\"", noun, folder, name);
  return 0;
}

int
vl_new_file_begin (struct vl_call *call, struct vl_new_file *file, const char *path, mode_t mode)
{
  VL_AUTOFREE char *folder = vl_file_folder (path);

  *file = (struct vl_new_file) { .path = path, .fd = -1 };
  /* Told before hours of copying, and looked at again after it. */
  if (access (path, F_OK) == 0)
    return refuse_there (call, path);
  file->fd = open (folder, O_TMPFILE | O_RDWR | O_CLOEXEC, mode);
  if (file->fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR)) {
    file->name = vl_arena_printf (call->arena, "%s.XXXXXX", path);
    file->fd = mkostemp (file->name, O_CLOEXEC);
    if (file->fd < 0)
      file->name = NULL;
  }
  return file->fd < 0 ? vl_file_failed (call, "cannot make", path, errno) : 0;
}

int
vl_new_file_keep (struct vl_call *call, struct vl_new_file *file)
{
  int kept = file->name ? renameat2 (AT_FDCWD, file->name, AT_FDCWD, file->path, RENAME_NOREPLACE)
                        : linkat (AT_FDCWD, vl_printf (call, "/proc/self/fd/%d", file->fd),
                                  AT_FDCWD, file->path, AT_SYMLINK_FOLLOW);

  if (kept < 0)
    return errno == EEXIST ? refuse_there (call, file->path)
                           : vl_file_failed (call, "cannot make", file->path, errno);
  file->name = NULL;
  return vl_file_sync_folder (file->path) == 0
             ? 0
             : vl_file_failed (call, "cannot write", file->path, errno);
}

void
vl_new_file_end (struct vl_new_file *file)
{
  if (file->name)
    unlink (file->name);
  if (file->fd >= 0)
    close (file->fd);
  *file = (struct vl_new_file) { .fd = -1 };
}
