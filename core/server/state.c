/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The folder STATE as a whole: the room that is kept in it for deletions. */

#include <config.h>

#include "server/session.h"

#include <fcntl.h>
#include <sys/statvfs.h>

/* Bytes of the file that is given up where a deletion finds no room, and what has to be free
 * for a deletion to go on. */
#define RESERVE ((off_t)1 << 20)

static const char *
reserve_path (struct vl_app *app)
{
  const char *state = vl_app_state_dir (app);

  return state ? vl_printf (app->call, "%s/reserve", state) : NULL;
}

void
vl_reserve_use (struct vl_app *app)
{
  const char *path = reserve_path (app);
  struct statvfs fs;

  if (path && statvfs (vl_app_state_dir (app), &fs) == 0
      && fs.f_bavail < (fsblkcnt_t)RESERVE / fs.f_frsize)
    unlink (path);
}

void
vl_reserve_keep (struct vl_app *app)
{
  const char *path = reserve_path (app);
  VL_AUTOCLOSE int fd =
      path ? open (path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600) : -1;

  /* Where there is no room for it now, a later command finds some. */
  if (fd >= 0 && posix_fallocate (fd, 0, RESERVE) != 0)
    unlink (path);
}
