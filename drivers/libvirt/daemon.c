/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A note in STATE of which libvirt daemon has which guests, so that they are not lost
 * sight of when the connection is changed. */

#include <config.h>

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "virt.h"

static const char *
note_of (struct vl_call *call, const struct vl_conn *conn, const char *uuid)
{
  return vl_printf (call, "%s/libvirt/%s/%s", conn->state_dir, conn->driver->notes, uuid);
}

int
virt_note_guest (struct vl_call *call, const struct vl_conn *conn, const char *uuid)
{
  const char *note = note_of (call, conn, uuid);

  if (conn->embedded)
    return 0;
  if ((mkdir (vl_printf (call, "%s/libvirt", conn->state_dir), 0700) < 0 && errno != EEXIST)
      || (mkdir (vl_printf (call, "%s/libvirt/%s", conn->state_dir, conn->driver->notes), 0700) < 0
          && errno != EEXIST)
      || (symlink (conn->uri, note) < 0 && errno != EEXIST))
    return vl_refuse (call, VL_ERR_FAILED, NULL, NULL, "cannot make '%s': %s", note,
                      strerror (errno));
  return 0;
}

void
virt_forget_guest (struct vl_call *call, const struct vl_conn *conn, const char *uuid)
{
  const char *note = note_of (call, conn, uuid);

  if (! conn->embedded && unlink (note) < 0 && errno != ENOENT)
    vl_warn (call, NULL, NULL, "cannot remove '%s': %s", note, strerror (errno));
}

static int
refuse_guest (struct vl_call *call, const char *guest, const char *its, const char *uri)
{
  return vl_refuse_as (
      call, VL_ERR_UNSUPPORTED, "InvalidConfiguration", NULL,
      vl_printf (call, "set connection_uri = %s until its server is deleted, or use another STATE",
                 its),
      "guest '%s' of this STATE is run by '%s', and connection_uri is '%s', where it could be "
      "neither seen nor stopped",
      guest, its, uri);
}

/* The first name in FOLDER that matches PATTERN, or NULL; with LINK, one whose link is not
 * to URI, and where it points. */
static const char *
stranger (struct vl_call *call, const char *folder, const char *pattern, const char *uri,
          const char **its)
{
  DIR *dir = opendir (folder);
  const char *found = NULL;
  struct dirent *entry;

  while (dir && found == NULL && (entry = readdir (dir))) {
    char link[512];
    ssize_t n;

    if (entry->d_name[0] == '.' || fnmatch (pattern, entry->d_name, 0) != 0)
      continue;
    if (uri) {
      n = readlinkat (dirfd (dir), entry->d_name, link, sizeof link - 1);
      if (n < 0)
        continue;
      link[n] = '\0';
      if (strcmp (link, uri) == 0)
        continue;
      *its = vl_printf (call, "%s", link);
    }
    found = vl_printf (call, "%s", entry->d_name);
  }
  if (dir)
    closedir (dir);
  return found;
}

int
virt_judge_guests (struct vl_call *call, const struct virt_driver *driver, const char *state_dir,
                   const char *uri, int embedded)
{
  const char *its = "qemu:///embed", *guest = NULL;

  if (driver->embeds && ! embedded)
    guest =
        stranger (call, vl_printf (call, "%s/libvirt/etc/qemu", state_dir), "vl-*.xml", NULL, NULL);
  if (guest)
    return refuse_guest (call, vl_printf (call, "%.*s", (int)strlen (guest) - 4, guest), its, uri);
  guest =
      stranger (call, vl_printf (call, "%s/libvirt/%s", state_dir, driver->notes), "*", uri, &its);
  return guest ? refuse_guest (call, guest, its, uri) : 0;
}
