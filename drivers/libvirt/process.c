/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Guests of the embedded driver without libvirt: what it wrote of them when it last
 * looked, and their QEMU processes.  Nothing is held for that. */

#include <config.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <virtloom/storage.h>

#include "lib/alloc.h"
#include "lib/file.h"

#include "virt.h"

#define FILE_BYTES ((size_t)16 * 1024 * 1024)
/* A QEMU that is asked to end writes what it has in its caches; one that does not hear is
 * ended all the same. */
#define POLITE_MS 3000
#define GONE_MS 30000

const char *
virt_name_of (struct vl_call *call, const char *uuid)
{
  return strlen (uuid) == 36 ? vl_printf (call, "vl-%.8s%.4s", uuid, uuid + 9) : "";
}

const char *
virt_root (struct vl_call *call, const struct vl_conn *conn)
{
  return vl_printf (call, "%s/libvirt", conn->state_dir);
}

static const char *
status_path (struct vl_call *call, const struct vl_conn *conn, const char *name)
{
  return vl_printf (call, "%s/libvirt/run/qemu/%s.xml", conn->state_dir, name);
}

static const char *
definition_path (struct vl_call *call, const struct vl_conn *conn, const char *name)
{
  return vl_printf (call, "%s/libvirt/etc/qemu/%s.xml", conn->state_dir, name);
}

char *
virt_definition_read (struct vl_call *call, const struct vl_conn *conn, const char *uuid)
{
  size_t length;
  const char *why;

  return vl_file_read (definition_path (call, conn, virt_name_of (call, uuid)), FILE_BYTES, &length,
                       &why);
}

char *
virt_live_read (struct vl_call *call, const struct vl_conn *conn, const char *uuid)
{
  size_t length;
  const char *why;

  return vl_file_read (status_path (call, conn, virt_name_of (call, uuid)), FILE_BYTES, &length,
                       &why);
}

/* The value of attribute NAME within TEXT, which is one tag, or NULL. */
static const char *
attribute (struct vl_call *call, const char *text, const char *name)
{
  const char *at = strstr (text, vl_printf (call, " %s=", name));
  size_t length;

  if (at == NULL)
    return NULL;
  at += strlen (name) + 2;
  length = *at ? strcspn (at + 1, (char[]) { *at, '\0' }) : 0;
  return length ? vl_printf (call, "%.*s", (int)length, at + 1) : NULL;
}

int
virt_status_read (struct vl_call *call, const char *path, struct virt_status *status)
{
  size_t length;
  const char *why, *uuid, *tag, *pid;
  char *text = vl_file_read (path, FILE_BYTES, &length, &why);

  *status = (struct virt_status) { 0 };
  if (text == NULL)
    return -1;
  uuid = strstr (text, "<uuid>");
  if (uuid)
    status->uuid = vl_printf (call, "%.36s", uuid + strlen ("<uuid>"));
  tag = strstr (text, "<domstatus ");
  if (tag) {
    tag = vl_printf (call, "%.*s", (int)strcspn (tag, ">"), tag);
    status->state = attribute (call, tag, "state");
    status->reason = attribute (call, tag, "reason");
    pid = attribute (call, tag, "pid");
    status->pid = pid ? strtol (pid, NULL, 10) : 0;
  }
  for (tag = text; (tag = strstr (tag, "<watchdog ")); tag++) {
    const char *action =
        attribute (call, vl_printf (call, "%.*s", (int)strcspn (tag, ">"), tag), "action");

    status->exits |= action && strcmp (action, "poweroff") == 0;
  }
  free (text);
  return 0;
}

/* Has the process of this number UUID among its arguments?  -1 with errno: they cannot be read. */
static int
has_uuid (struct vl_call *call, long pid, const char *uuid)
{
  const char *path = vl_printf (call, "/proc/%ld/cmdline", pid);
  int fd = open (path, O_RDONLY | O_CLOEXEC), found = 0;
  size_t length;
  const char *why, *word;
  char *text = fd < 0 ? NULL : vl_file_read_all (fd, FILE_BYTES, &length, &why);

  if (fd < 0)
    return errno == ENOENT ? 0 : -1;
  for (word = text; word && word < text + length && ! found; word += strlen (word) + 1)
    found = strcmp (word, uuid) == 0;
  free (text);
  close (fd);
  return found;
}

int
virt_process_open (struct vl_call *call, const struct virt_status *status)
{
  int fd, found = -1, error;

  if (status->pid <= 0 || status->uuid == NULL)
    return -1;
  fd = (int)syscall (SYS_pidfd_open, status->pid, 0);
  /* There is none, or it is a thread's number by now. */
  if (fd < 0 && (errno == ESRCH || errno == EINVAL))
    return -1;
  /* The number may be another's by now; the descriptor stays this process. */
  if (fd >= 0)
    found = has_uuid (call, status->pid, status->uuid);
  if (found == 1)
    return fd;
  error = errno;
  if (fd >= 0)
    close (fd);
  if (found == 0)
    return -1;
  vl_file_failed (call,
                  vl_printf (call, "cannot find out whether guest '%s' runs, from",
                             virt_name_of (call, status->uuid)),
                  vl_printf (call, "/proc/%ld", status->pid), error);
  return VIRT_UNKNOWN;
}

int
virt_process_of (struct vl_call *call, const struct vl_conn *conn, const char *uuid)
{
  struct virt_status status;

  if (virt_status_read (call, status_path (call, conn, virt_name_of (call, uuid)), &status) < 0
      || status.uuid == NULL || strcmp (status.uuid, uuid) != 0)
    return -1;
  return virt_process_open (call, &status);
}

int
virt_process_ended (int fd)
{
  struct pollfd event = { .fd = fd, .events = POLLIN };

  return fd < 0 || poll (&event, 1, 0) == 1;
}

int
virt_process_kill (struct vl_call *call, const struct vl_conn *conn, const char *uuid, int deaf)
{
  const char *name = virt_name_of (call, uuid);
  int fd = virt_process_of (call, conn, uuid);
  struct vl_wait polite = { .what = vl_printf (call, "guest '%s' to end", name),
                            .ms = deaf ? 0 : vl_patience (call, POLITE_MS) };
  struct vl_wait wait = { .what = polite.what, .ms = GONE_MS };
  int ended;

  if (fd < 0)
    return fd == VIRT_UNKNOWN ? -1 : 0;
  /* Whoever finds it gone, if this process is killed meanwhile, is not to call that a crash. */
  virt_note_asked (call, conn, uuid);
  if (! deaf)
    syscall (SYS_pidfd_send_signal, fd, SIGTERM, NULL, 0);
  while (! virt_process_ended (fd) && vl_wait_more (call, &polite, fd))
    ;
  if (! virt_process_ended (fd))
    syscall (SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0);
  while (! virt_process_ended (fd) && vl_wait_more (call, &wait, fd))
    ;
  ended = virt_process_ended (fd);
  close (fd);
  return ended
             ? 0
             : vl_refuse_as (call, VL_ERR_FAILED, "InstancePowerOffFailure", NULL, VIRT_STUCK_HINT,
                             "guest '%s' was killed, but is still there after %d s", name,
                             GONE_MS / 1000);
}

int
virt_is_known (struct vl_call *call, const struct vl_conn *conn, const char *uuid)
{
  const char *name = virt_name_of (call, uuid);

  return access (definition_path (call, conn, name), F_OK) == 0
         || access (status_path (call, conn, name), F_OK) == 0;
}

/* ---- as last seen ---- */

static enum vl_state
last_state (struct vl_call *call, const struct vl_conn *conn, const char *name, const char *uuid)
{
  const char *save = vl_printf (call, "%s/libvirt/lib/qemu/save/%s.save", conn->state_dir, name);
  struct virt_status status;
  int fd = -1;

  if (virt_status_read (call, status_path (call, conn, name), &status) == 0)
    fd = virt_process_open (call, &status);
  if (fd >= 0)
    close (fd);
  if (fd >= 0 || fd == VIRT_UNKNOWN)
    return status.state && strcmp (status.state, "running") == 0 ? VL_STATE_RUNNING
                                                                 : VL_STATE_PAUSED;
  return access (save, F_OK) == 0        ? VL_STATE_SUSPENDED
         : virt_crash (call, conn, uuid) ? VL_STATE_CRASHED
                                         : VL_STATE_SHUTDOWN;
}

static void
warn_last_seen (struct vl_call *call, const struct vl_conn *conn)
{
  const char *holder =
      vl_wait_holder (call, vl_printf (call, "%s/libvirt/virtloom.lock", conn->state_dir));

  if (conn->no_room)
    vl_warn_as (call, "LastSeen", NULL, NULL,
                "libvirt is not opened, since it stops guests whose state it cannot write (%s): "
                "states are those that it saw last",
                strerror (conn->no_room));
  else
    vl_warn_as (call, "LastSeen", NULL, NULL, "libvirt %s%s: states are those that it saw last",
                *holder ? "is busy with other guests" : "did not answer in time", holder);
}

void
virt_seen_last (struct vl_call *call, const struct vl_conn *conn, const char *uuid,
                struct virt_seen *seen)
{
  *seen = (struct virt_seen) { .known = virt_is_known (call, conn, uuid),
                               .info = { .size = sizeof seen->info, .id = -1 } };
  snprintf (seen->uuid, sizeof seen->uuid, "%s", uuid);
  if (seen->known)
    seen->info.state = last_state (call, conn, virt_name_of (call, uuid), uuid);
}

void
virt_last_seen (struct vl_call *call, const struct vl_conn *conn, const char *uuid,
                struct virt_seen *seen)
{
  virt_seen_last (call, conn, uuid, seen);
  warn_last_seen (call, conn);
}

int
virt_list_last_seen (struct vl_call *call, const struct vl_conn *conn, vl_instance_fn fn,
                     void *opaque)
{
  DIR *dir = opendir (vl_printf (call, "%s/libvirt/etc/qemu", conn->state_dir));
  struct virt_status definition;
  struct dirent *entry;
  int answer = 0;

  warn_last_seen (call, conn);
  while (dir && answer == 0 && (entry = readdir (dir)) != NULL) {
    const char *name = vl_printf (call, "%.*s", (int)strcspn (entry->d_name, "."), entry->d_name);

    if (VL_ENDS (entry->d_name, ".xml")
        && virt_status_read (call, definition_path (call, conn, name), &definition) == 0
        && definition.uuid)
      answer = fn (opaque, definition.uuid, name, last_state (call, conn, name, definition.uuid));
  }
  if (dir)
    closedir (dir);
  return answer;
}
