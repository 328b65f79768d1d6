/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Locks of objects.  The file is removed by its holder, so whoever gets a lock
 * looks whether the file it locked is still the one that has the name. */

#include <config.h>

#include "server/session.h"
#include "storage/storage.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

static int
still_named (int fd, const char *path)
{
  struct stat ours, named;

  return fstat (fd, &ours) == 0 && stat (path, &named) == 0 && ours.st_dev == named.st_dev
         && ours.st_ino == named.st_ino;
}

/* 0: held, 1: held by another, -1 with errno. */
static int
try_lock (struct vl_lock *lock)
{
  for (;;) {
    lock->fd = open (lock->path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (lock->fd < 0)
      return -1;
    if (flock (lock->fd, LOCK_EX | LOCK_NB) < 0) {
      int error = errno;

      close (lock->fd);
      lock->fd = -1;
      errno = error;
      return error == EWOULDBLOCK ? 1 : -1;
    }
    if (still_named (lock->fd, lock->path)) {
      /* For those who wait; without it they are told less. */
      if (ftruncate (lock->fd, 0) == 0)
        dprintf (lock->fd, "%ld\n", (long)getpid ());
      return 0;
    }
    close (lock->fd);
  }
}

int
vl_lock_take (struct vl_app *app, const char *kind, const char *uuid, unsigned wait,
              struct vl_lock *lock)
{
  const char *state = vl_state_make (app);
  struct vl_wait patience = { .ms = vl_patience (app->call, wait * 1000) };
  int result;

  if (state == NULL)
    return -1;
  lock->fd = -1;
  lock->path = vl_xasprintf ("%s/%s/%s.lock", state, kind, uuid);
  result = try_lock (lock);
  patience.holder = lock->path;
  patience.what = vl_printf (app->call, "another virtloom command that works on %s", uuid);
  while (result == 1 && wait && vl_wait_more (app->call, &patience, -1))
    result = try_lock (lock);
  if (result == 0)
    return 0;
  if (result < 0) {
    int error = errno;
    struct vl_errno_said said = vl_errno_said (app->call, lock->path, error);

    vl_refuse_as (app->call, said.code ? said.err : VL_ERR_NOT_PERMITTED,
                  said.code ? said.code : "StoreFailed", NULL, said.hint, "cannot lock \"%s\": %s",
                  lock->path, strerror (error));
  } else if (wait)
    result = vl_refuse_as (app->call, VL_ERR_UNREACHABLE, "StoreBusy", NULL,
                           wait == VL_LOCK_SERVER ? "with --wait it is waited for" : NULL,
                           "another virtloom command%s has worked on %s for more than %u seconds",
                           vl_wait_holder (app->call, lock->path), uuid, patience.ms / 1000);
  free (lock->path);
  lock->path = NULL;
  return result;
}

void
vl_lock_drop (struct vl_lock *lock)
{
  if (lock->fd >= 0) {
    unlink (lock->path);
    close (lock->fd);
  }
  free (lock->path);
  *lock = (struct vl_lock)VL_LOCK_NONE;
}

void
vl_lock_sweep (struct vl_app *app, const char *kind)
{
  static const char suffix[] = ".lock";
  VL_AUTOFREE char *path = vl_xasprintf ("%s/%s", vl_app_state_dir (app), kind);
  DIR *folder = opendir (path);
  const struct dirent *entry;

  while (folder && (entry = readdir (folder))) {
    VL_AUTOLOCK struct vl_lock lock = VL_LOCK_NONE;
    size_t length = strlen (entry->d_name);

    if (length < sizeof suffix || ! VL_STREQ (entry->d_name + length - (sizeof suffix - 1), suffix))
      continue;
    lock.path = vl_xasprintf ("%s/%s", path, entry->d_name);
    try_lock (&lock);
  }
  if (folder)
    closedir (folder);
}
