/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What earlier processes of libvirt's embedded driver left in its root folder and the
 * next one would believe: guests whose process never was, is gone, or is another's by now.
 * The root is held, so nobody is about to start one. */

#include <config.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/alloc.h"
#include "lib/file.h"

#include "../libvirt/virt.h"
#include "embed.h"

#define FILE_BYTES ((size_t)16 * 1024 * 1024)
/* No process has this number, on any kernel. */
#define NOBODY "2147483647"

/* libvirt tidies up after a guest whose process is not there.  Of process 0 it thinks that
 * it is about to be started, for ever; a number that another process has now it would
 * kill; one that ended and is still to be reaped it would wait for. */
static void
forget_process (struct vl_call *call, const char *path)
{
  size_t length;
  const char *why, *changed;
  char *text = vl_file_read (path, FILE_BYTES, &length, &why);
  char *tag = text ? strstr (text, "<domstatus ") : NULL;
  char *pid = tag ? strstr (tag, " pid=") : NULL;
  char *end = pid ? strpbrk (pid + strlen (" pid=") + 1, "'\"") : NULL;

  if (end && end < tag + strcspn (tag, ">")) {
    changed =
        vl_printf (call, "%.*s" NOBODY "%s", (int)(pid + strlen (" pid=") + 1 - text), text, end);
    vl_file_write (path, changed, strlen (changed), 0600);
  }
  free (text);
}

/* Is this another boot than the one in which the root was used last? */
static int
is_new_boot (struct vl_call *call, const char *root)
{
  const char *path = vl_printf (call, "%s/boot", root), *why;
  size_t length;
  char *now = vl_file_read ("/proc/sys/kernel/random/boot_id", 256, &length, &why);
  char *then = vl_file_read (path, 256, &length, &why);
  int differs = now && (then == NULL || strcmp (now, then) != 0), is_new = differs && then;

  if (differs)
    vl_file_write (path, now, strlen (now), 0600);
  free (now);
  free (then);
  return is_new;
}

/* What a process left that was killed while it saved or restored the memory of a guest that
 * runs: as soon as the guest is off, it would be taken for suspended, with a memory that
 * does not fit its disks. */
static void
forget_memory (struct vl_call *call, const char *root, const struct virt_status *status)
{
  if (status->state && strcmp (status->state, "running") == 0)
    unlink (vl_printf (call, "%s/lib/qemu/save/%s.save", root, virt_name_of (call, status->uuid)));
}

/* 0, or -1 after a finding: a guest of which nothing is known is left as it is. */
static int
look_at (struct vl_call *call, const char *root, const char *path, int new_boot)
{
  struct virt_status status;
  int fd;

  if (new_boot) {
    unlink (path);
    return 0;
  }
  if (virt_status_read (call, path, &status) < 0)
    return 0;
  fd = virt_process_open (call, &status);
  if (fd == VIRT_UNKNOWN)
    return -1;
  if (! virt_process_ended (fd)) {
    forget_memory (call, root, &status);
    close (fd);
    return 0;
  }
  if (fd >= 0)
    close (fd);
  /* A guest whose start was broken off has not crashed; nor, as far as can be told, one
   * whose watchdog switches it off. */
  if (status.pid > 0 && ! status.exits
      && (status.reason == NULL || strcmp (status.reason, "starting up") != 0) && status.uuid
      && strcmp (vl_printf (call, "%ld", status.pid), NOBODY) != 0)
    virt_note_crash (call, root, status.uuid);
  forget_process (call, path);
  return 0;
}

/* Ends a QEMU that libvirt, in a process that was killed, asked in FOLDER what it can do: it waits
 * for more questions for ever.  One that is still beginning ends by itself without its folder. */
static void
end_question (struct vl_call *call, const char *folder)
{
  /* The file of its number is among its arguments. */
  struct virt_status status = { .uuid = vl_printf (call, "%s/qmp.pid", folder) };
  size_t length;
  const char *why;
  char *text = vl_file_read (status.uuid, 64, &length, &why);
  int fd;

  status.pid = text ? strtol (text, NULL, 10) : 0;
  free (text);
  fd = virt_process_open (call, &status);
  if (fd >= 0) {
    syscall (SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0);
    close (fd);
  }
  (void)vl_file_remove_tree (folder);
}

static void
end_questions (struct vl_call *call, const char *root)
{
  const char *folder = vl_printf (call, "%s/lib/qemu", root);
  DIR *dir = opendir (folder);

  for (struct dirent *entry; dir && (entry = readdir (dir)) != NULL;)
    if (VL_STARTS (entry->d_name, "qmp-"))
      end_question (call, vl_printf (call, "%s/%s", folder, entry->d_name));
  if (dir)
    closedir (dir);
}

int
embed_scrub (struct vl_call *call, const char *root)
{
  const char *folder = vl_printf (call, "%s/run/qemu", root);
  int new_boot = is_new_boot (call, root);
  DIR *dir = opendir (folder);
  struct dirent *entry;
  int result = 0;

  while (dir && (entry = readdir (dir)) != NULL)
    if (VL_ENDS (entry->d_name, ".xml"))
      result |= look_at (call, root, vl_printf (call, "%s/%s", folder, entry->d_name), new_boot);
  if (dir)
    rewinddir (dir);
  /* The file of the process number is left where libvirt was killed between the two. */
  while (dir && (entry = readdir (dir)) != NULL)
    if (VL_ENDS (entry->d_name, ".pid") && strcmp (entry->d_name, "driver.pid") != 0
        && faccessat (dirfd (dir),
                      vl_printf (call, "%.*s.xml", (int)strlen (entry->d_name) - 4, entry->d_name),
                      F_OK, 0)
               < 0)
      unlinkat (dirfd (dir), entry->d_name, 0);
  if (dir)
    closedir (dir);
  end_questions (call, root);
  return result;
}
