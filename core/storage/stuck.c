/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Files that are not to be removed or moved: why, and how that is mended. */

#include <config.h>

#include "storage/storage.h"

#include "lib/file.h"
#include "lib/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

/* Does the file system have nobody, not even root, remove PATH or what is in it? */
static int
is_held (const char *path)
{
  struct statx st;

  return statx (AT_FDCWD, path, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_TYPE, &st) == 0
         && (st.stx_attributes & (STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND));
}

/* The first at or below PATH that is held, or NULL. */
static const char *
find_held (struct vl_call *call, const char *path)
{
  const char *held = is_held (path) ? path : NULL;
  int fd = held ? -1 : open (path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  DIR *dir = fd < 0 ? NULL : fdopendir (fd);

  for (struct dirent *entry; dir && held == NULL && (entry = readdir (dir));)
    if (! VL_STREQ (entry->d_name, ".") && ! VL_STREQ (entry->d_name, ".."))
      held = find_held (call, vl_printf (call, "%s/%s", path, entry->d_name));
  if (dir)
    closedir (dir);
  return held;
}

/* What mends it that PATH is not removed or moved for ERROR; NULL: nothing that is of files alone. */
static const char *
hint_of (struct vl_call *call, const char *path, int error)
{
  VL_AUTOFREE char *above = vl_file_folder (path);
  const char *folder = vl_shell_word (call->arena, above);
  const char *file = vl_shell_word (call->arena, path);
  const char *held;

  switch (error) {
  case EXDEV:
  case EBUSY:
    return vl_printf (call, "unmount it: findmnt -R %s shows it", file);
  case EACCES:
    return vl_printf (call, "may this user write there? ls -ld %s %s", folder, file);
  case EPERM:
    held = is_held (above) ? above : find_held (call, path);
    return held ? vl_printf (call, "the file system holds it (chattr +i or +a): chattr -ia %s",
                             vl_shell_word (call->arena, held))
                : vl_printf (call, "whose is it, and may others remove what is there? ls -ld %s %s",
                             folder, file);
  }
  return NULL;
}

int
vl_stuck (struct vl_call *call, const char *what, const char *path)
{
  int error = errno;
  const char *hint = hint_of (call, path, error);

  return hint == NULL ? vl_file_failed (call, what, path, error)
                      : vl_refuse_as (call, VL_ERR_FAILED, "StorageFailed", NULL, hint,
                                      "%s \"%s\": %s", what, path, strerror (error));
}

int
vl_remove_failed (struct vl_call *call, const char *path)
{
  return errno == EXDEV
             ? vl_refuse_as (call, VL_ERR_FAILED, "StorageFailed", NULL,
                             hint_of (call, path, EXDEV),
                             "cannot remove \"%s\": something is mounted there, or below it; "
                             "nothing of it was removed",
                             path)
             : vl_stuck (call, "cannot remove", path);
}
