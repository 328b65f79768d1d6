/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Room for libvirt's embedded driver.  When it opens it writes the state of each guest that
 * runs anew, and a guest whose state it cannot write it stops.  So the room is taken first,
 * and given back right before libvirt opens. */

#include <config.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <virtloom/storage.h>

#include "lib/alloc.h"

#include "virt.h"

/* For what else libvirt writes before it comes to the guests, and for states that grow. */
#define SLACK ((off_t)64 * 1024)
#define BLOCK ((off_t)4096)

static const char *
folder_of (struct vl_call *call, const struct vl_conn *conn)
{
  return vl_printf (call, "%s/run/qemu", virt_root (call, conn));
}

static const char *
room_of (struct vl_call *call, const struct vl_conn *conn)
{
  return vl_printf (call, "%s/.room", folder_of (call, conn));
}

/* Bytes that all states in FOLDER take a second time; 0 where no guest runs. */
static off_t
bytes_of_states (const char *folder)
{
  DIR *dir = opendir (folder);
  struct dirent *entry;
  off_t bytes = 0;
  struct stat st;

  while (dir && (entry = readdir (dir)) != NULL)
    if (VL_ENDS (entry->d_name, ".xml")
        && fstatat (dirfd (dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
      bytes += st.st_size + BLOCK;
  if (dir)
    closedir (dir);
  return bytes;
}

int
virt_take_room (struct vl_call *call, const struct vl_conn *conn)
{
  off_t bytes = bytes_of_states (folder_of (call, conn));
  int fd, error;

  if (! conn->embedded || bytes == 0)
    return 0;
  fd = open (room_of (call, conn), O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
  error = fd < 0 ? errno : posix_fallocate (fd, 0, bytes + SLACK);
  if (fd >= 0)
    close (fd);
  if (error == 0)
    return 0;
  virt_give_room (call, conn);
  return error;
}

void
virt_give_room (struct vl_call *call, const struct vl_conn *conn)
{
  if (conn->embedded)
    unlink (room_of (call, conn));
}

int
virt_prove_room (struct vl_call *call, const struct vl_conn *conn)
{
  const char *folder = folder_of (call, conn);
  int fd = conn->embedded ? open (folder, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600) : -1, error;

  /* Not every file system has files without a name. */
  if (fd < 0)
    return 0;
  error = posix_fallocate (fd, 0, SLACK);
  close (fd);
  return error ? vl_file_failed (call,
                                 "the guest is not ended, since it could not be started again: "
                                 "there is no room for its state in",
                                 folder, error)
               : 0;
}

int
virt_no_room (struct vl_call *call, const struct vl_conn *conn, int error)
{
  return vl_file_failed (
      call, "libvirt is not opened, since it stops guests whose state it cannot write to",
      folder_of (call, conn), error);
}
