/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * virtloom host watch, the listener as a service, and virtloom host tend, what is periodic. */

#include <config.h>

#include "watch.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* ---- the service manager ---- */

/* Tells systemd STATE ("READY=1"), as sd_notify(3) does; without one it does nothing. */
static void
notify (const char *state)
{
  const char *path = getenv ("NOTIFY_SOCKET");
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  size_t length = path ? strlen (path) : 0;
  int fd;

  if (length < 2 || length >= sizeof address.sun_path || strchr ("/@", path[0]) == NULL)
    return;
  memcpy (address.sun_path, path, length);
  /* An abstract name. */
  if (path[0] == '@')
    address.sun_path[0] = '\0';
  fd = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return;
  /* Nobody to tell is no fault of what is told. */
  (void)! sendto (fd, state, strlen (state), MSG_NOSIGNAL, (const struct sockaddr *)&address,
                  (socklen_t)(offsetof (struct sockaddr_un, sun_path) + length));
  close (fd);
}

/* ---- watch ---- */

static volatile sig_atomic_t stopped;

static void
on_stop (int number)
{
  (void)number;
  stopped = 1;
}

static const char *const states[] = {
  NULL,
  "READY=1\nSTATUS=listening",
  "READY=1\nSTATUS=another process listens; it is waited for",
  "STATUS=the hypervisor has gone; it is tried again",
};
static const char *const words[] = { NULL, "listening", "another process listens", NULL };

static int
tick (struct watch *watch, int taken, int lost)
{
  size_t *before = watch->opaque, now = lost ? 3 : taken ? 2 : 1;

  if (now != *before) {
    notify (states[now]);
    if (words[now] && ! watch->tool->quiet) {
      printf ("%s\n", words[now]);
      fflush (stdout);
    }
  }
  *before = now;
  notify ("WATCHDOG=1");
  return stopped;
}

int
host_watch (struct tool *tool)
{
  struct sigaction action = { .sa_handler = on_stop };
  size_t before = 0;
  struct watch watch = { .tool = tool, .tick = tick, .opaque = &before };
  int result;

  /* Without SA_RESTART, so that who waits sees it. */
  sigaction (SIGTERM, &action, NULL);
  sigaction (SIGINT, &action, NULL);
  result = watch_run (&watch);
  notify ("STOPPING=1");
  return result < 0 ? -1 : 0;
}

/* ---- tend ---- */

static int
add_rebooted (void *opaque, const char *name)
{
  struct tool *tool = opaque;
  char *clean = vl_text_clean (name);

  if (! tool->json)
    printf ("rebooted %s\n", clean);
  free (clean);
  return json_array_append_new (json_object_get (tool->data, "rebooted"), json_text (name));
}

int
host_tend (struct tool *tool)
{
  int result;

  json_object_set_new (tool->data, "rebooted", json_array ());
  result = vl_host_tend (tool->app, add_rebooted, tool);
  if (result == 1)
    tool_done (tool, "another process is at it");
  return result < 0 ? -1 : 0;
}
