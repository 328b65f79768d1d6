/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Events of fake guests: each change of a guest's file, whoever makes it, and whatever a file
 * that is put into STATE/fake/events says: "UUID watchdog reset", or "gone" where the
 * hypervisor is to be lost. */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "fake.h"

#define TICK_MS 1000
#define LINE_BYTES 400

static const struct {
  const char *name, *word;
  enum vl_event what;
  uint32_t devices;
} kinds[] = {
  { "rebooted", "rebooted", VL_EVENT_REBOOTED, 0 },
  { "watchdog", "watchdog", VL_EVENT_WATCHDOG, 0 },
  { "io-error", "I/O error", VL_EVENT_IO_ERROR, 0 },
  { "agent", "agent", VL_EVENT_AGENT, 0 },
  { "block-job", "block job", VL_EVENT_BLOCK_JOB, 0 },
  { "device-removed", "device removed", VL_EVENT_DETACHED, 1 },
  { "device-not-removed", "device not removed", 0, 1 },
};

struct listener {
  struct vl_call *call;
  struct vl_conn *conn;
  vl_guest_event_fn fn;
  void *opaque;
  int guests; /* the watch of STATE/fake/guests; the other is of events */
};
#define GONE (-2)

static int
tell (const struct listener *listener, struct vl_guest_event *event)
{
  struct fake_guest guest;

  event->size = sizeof *event;
  event->at = time (NULL);
  if (fake_load (listener->call, listener->conn, event->uuid, &guest) <= 0)
    return 0;
  event->domain = guest.domain;
  event->passes = event->looks && guest.state == VL_STATE_SHUTDOWN;
  return listener->fn (listener->opaque, event);
}

/* The file NAME has been put into events. */
static int
tell_file (const struct listener *listener, const char *name)
{
  const char *path = vl_printf (listener->call, "%s/events/%s", listener->conn->dir, name);
  struct vl_guest_event event = { .looks = 0 };
  char text[LINE_BYTES], *rest = text;
  const char *word;
  int fd = open (path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  ssize_t n = fd < 0 ? -1 : read (fd, text, sizeof text - 1);

  if (fd >= 0)
    close (fd);
  unlink (path);
  text[n > 0 ? n : 0] = '\0';
  text[strcspn (text, "\n")] = '\0';
  if (strcmp (text, "gone") == 0)
    return GONE;
  event.uuid = strsep (&rest, " ");
  word = rest ? strsep (&rest, " ") : "";
  event.detail = rest;
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
    if (strcmp (kinds[i].name, word) == 0) {
      event.word = kinds[i].word;
      event.what = kinds[i].what;
      event.devices = kinds[i].devices;
    }
  return event.word ? tell (listener, &event) : 0;
}

/* What FN answered, GONE, or 0. */
static int
tell_all (const struct listener *listener, int fd)
{
  char buffer[8192] __attribute__ ((aligned (__alignof__(struct inotify_event))));
  ssize_t n = read (fd, buffer, sizeof buffer);
  int result = 0;

  for (ssize_t at = 0; at < n && result == 0;) {
    const struct inotify_event *change = (const void *)(buffer + at);
    struct vl_guest_event event = { .looks = 1, .uuid = change->name };

    at += (ssize_t)(sizeof *change + change->len);
    if (change->len == 0 || strstr (change->name, ".new"))
      continue;
    result = change->wd == listener->guests ? tell (listener, &event)
                                            : tell_file (listener, change->name);
  }
  return result;
}

static int
fake_listen (struct vl_call *call, struct vl_conn *conn, vl_guest_event_fn fn, void *opaque)
{
  struct listener listener = { call, conn, fn, opaque, -1 };
  const char *guests = vl_printf (call, "%s/guests", conn->dir);
  const char *events = vl_printf (call, "%s/events", conn->dir);
  struct pollfd ready = { .fd = -1, .events = POLLIN };
  int result;

  if (fake_pass (call, conn, "listen") < 0)
    return -1;
  ready.fd = inotify_init1 (IN_CLOEXEC);
  if (ready.fd < 0 || (mkdir (events, 0700) < 0 && errno != EEXIST)
      || (listener.guests = inotify_add_watch (ready.fd, guests, IN_MOVED_TO)) < 0
      || inotify_add_watch (ready.fd, events, IN_MOVED_TO | IN_CLOSE_WRITE) < 0) {
    int error = errno;

    if (ready.fd >= 0)
      close (ready.fd);
    return vl_refuse (call, VL_ERR_FAILED, NULL, NULL, "cannot watch '%s': %s", conn->dir,
                      strerror (error));
  }
  for (result = fn (opaque, NULL); result == 0;)
    if (poll (&ready, 1, TICK_MS) <= 0 || (result = tell_all (&listener, ready.fd)) == 0)
      result = fn (opaque, NULL);
  close (ready.fd);
  return result == GONE ? 0 : result;
}

const struct vl_events_calls fake_events = {
  .size = sizeof fake_events,
  .listen = fake_listen,
};
