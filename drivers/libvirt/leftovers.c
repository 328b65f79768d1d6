/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What is kept of a guest of the embedded driver beside what libvirt keeps: that it
 * crashed, or was asked to shut down; and what libvirt leaves of one that is off. */

#include <config.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/text.h"

#include "virt.h"

/* ---- crashes: a file for each guest, empty for one that was asked to shut down ---- */

static const char *
note_path (struct vl_call *call, const char *root, const char *uuid)
{
  return vl_printf (call, "%s/crashed/%s", root, uuid);
}

/* Where there is a note already it stays. */
static void
write_note (struct vl_call *call, const char *root, const char *uuid, const char *text)
{
  const char *folder = vl_printf (call, "%s/crashed", root);
  int fd;

  if (strspn (uuid, "0123456789abcdef-") != strlen (uuid)
      || (mkdir (folder, 0700) < 0 && errno != EEXIST))
    return;
  fd = open (note_path (call, root, uuid), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
             0600);
  if (fd < 0)
    return;
  vl_file_write_all (fd, text, strlen (text));
  close (fd);
}

void
virt_note_crash (struct vl_call *call, const char *root, const char *uuid)
{
  char now[VL_TIME_BYTES];

  write_note (call, root, uuid, vl_text_time (now, time (NULL)));
}

void
virt_note_asked (struct vl_call *call, const struct vl_conn *conn, const char *uuid)
{
  write_note (call, virt_root (call, conn), uuid, "");
}

const char *
virt_crash (struct vl_call *call, const struct vl_conn *conn, const char *uuid)
{
  const char *root = virt_root (call, conn), *why, *text = NULL;
  size_t length = 0;
  char *when;

  if (! conn->embedded)
    return "its QEMU process ended by itself";
  when = vl_file_read (note_path (call, root, uuid), 64, &length, &why);
  if (when && length > 0)
    text =
        vl_printf (call,
                   "its QEMU process ended by itself, as was seen at %s; what it said last is in "
                   "%s/log/qemu/%s.log",
                   when, root, virt_name_of (call, uuid));
  free (when);
  return text;
}

void
virt_forget_crash (struct vl_call *call, const struct vl_conn *conn, const char *uuid)
{
  if (conn->embedded)
    unlink (note_path (call, virt_root (call, conn), uuid));
}

/* ---- files ---- */

/* Is ENTRY something of guest NAME: "NAME", "NAME.pid", "NAME_VARS.fd", or "domain-12-NAME"? */
static int
is_of (const char *entry, const char *name)
{
  size_t n = strlen (entry), m = strlen (name);

  if (strncmp (entry, name, m) == 0 && strchr ("._", entry[m]))
    return 1;
  return n > m + 1 && strncmp (entry, "domain-", 7) == 0 && entry[n - m - 1] == '-'
         && strcmp (entry + n - m, name) == 0;
}

static void
remove_in (struct vl_call *call, const char *folder, const char *name)
{
  DIR *dir = opendir (folder);
  struct dirent *entry;

  while (dir && (entry = readdir (dir)) != NULL)
    if (is_of (entry->d_name, name)
        && vl_file_remove_tree (vl_printf (call, "%s/%s", folder, entry->d_name)) < 0)
      vl_warn (call, NULL, NULL, "cannot remove '%s/%s': %s", folder, entry->d_name,
               strerror (errno));
  if (dir)
    closedir (dir);
}

void
virt_forget_files (struct vl_call *call, const struct vl_conn *conn, const char *name, int all)
{
  static const struct {
    const char *name;
    int last; /* only in the way once the guest is gone for ever */
  } folders[] = { { "run/qemu", 0 },
                  { "lib/qemu", 0 },
                  { "lib/qemu/channel/target", 0 },
                  { "lib/qemu/save", 1 },
                  { "lib/qemu/nvram", 1 },
                  { "lib/qemu/snapshot", 1 },
                  { "lib/qemu/checkpoint", 1 },
                  { "log/qemu", 1 },
                  { "etc/qemu", 1 } };

  for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++)
    if (all || ! folders[i].last)
      remove_in (call, vl_printf (call, "%s/libvirt/%s", conn->state_dir, folders[i].name), name);
}
