/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a libvirt daemon says has happened to its guests.  A child process has the connection, and
 * writes each event into a pipe: a daemon that hangs or dies ends the child, not the listener.
 * With an application's own loop the events come from there into the same pipe. */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <virtloom/storage.h>

#include "virt.h"

/* How often the listener hears that nothing is new, and the connection is looked at; and how soon
 * behind an event, where no other follows. */
#define TICK_MS 1000
#define PAUSE_MS 50
/* What the pipe holds while the listener is at work: about two thousand events. */
#define PIPE_BYTES (1 << 20)

/* One write of it is whole, being shorter than PIPE_BUF. */
struct message {
  char uuid[VIR_UUID_STRING_BUFLEN], domain[64], word[24], detail[320];
  int64_t at;
  enum vl_event what;
  int looks, passes, devices;
};

/* Where the events of a connection go. */
struct source {
  int fd;
};

/* ---- from libvirt into the pipe ---- */

static void
send_event (const struct source *source, virDomainPtr domain, struct message *message)
{
  const char *name = virDomainGetName (domain);
  ssize_t n;

  snprintf (message->domain, sizeof message->domain, "%s", name ? name : "");
  message->at = time (NULL);
  if (virDomainGetUUIDString (domain, message->uuid) < 0)
    return;
  do
    n = write (source->fd, message, sizeof *message);
  while (n < 0 && errno == EINTR);
}

static struct message
message_of (const char *word, enum vl_event what, int devices)
{
  struct message message = { .what = what, .devices = devices };

  snprintf (message.word, sizeof message.word, "%s", word);
  return message;
}

/* A guest that stops may be started again at once, which is a reboot; one that has crashed has
 * crashed. */
static int
on_lifecycle (virConnectPtr virt, virDomainPtr domain, int event, int detail, void *opaque)
{
  struct message message = { .looks = 1 };

  (void)virt;
  switch (event) {
  case VIR_DOMAIN_EVENT_STOPPED:
    message.passes =
        detail != VIR_DOMAIN_EVENT_STOPPED_CRASHED && detail != VIR_DOMAIN_EVENT_STOPPED_FAILED;
    break;
  case VIR_DOMAIN_EVENT_STARTED:
  case VIR_DOMAIN_EVENT_SUSPENDED:
  case VIR_DOMAIN_EVENT_RESUMED:
  case VIR_DOMAIN_EVENT_PMSUSPENDED:
  case VIR_DOMAIN_EVENT_CRASHED:
    break;
  default:
    return 0;
  }
  send_event (opaque, domain, &message);
  return 0;
}

static void
on_reboot (virConnectPtr virt, virDomainPtr domain, void *opaque)
{
  struct message message = message_of ("rebooted", VL_EVENT_REBOOTED, 0);

  (void)virt;
  snprintf (message.detail, sizeof message.detail, "by itself");
  send_event (opaque, domain, &message);
}

static void
on_watchdog (virConnectPtr virt, virDomainPtr domain, int action, void *opaque)
{
  static const char *const actions[] = {
    [VIR_DOMAIN_EVENT_WATCHDOG_NONE] = "none",
    [VIR_DOMAIN_EVENT_WATCHDOG_PAUSE] = "pause",
    [VIR_DOMAIN_EVENT_WATCHDOG_RESET] = "reset",
    [VIR_DOMAIN_EVENT_WATCHDOG_POWEROFF] = "poweroff",
    [VIR_DOMAIN_EVENT_WATCHDOG_SHUTDOWN] = "shutdown",
    [VIR_DOMAIN_EVENT_WATCHDOG_DEBUG] = "debug",
    [VIR_DOMAIN_EVENT_WATCHDOG_INJECTNMI] = "inject-nmi",
  };
  struct message message = message_of ("watchdog", VL_EVENT_WATCHDOG, 0);
  int known = action >= 0 && (size_t)action < sizeof actions / sizeof actions[0];

  (void)virt;
  snprintf (message.detail, sizeof message.detail, "%s", known ? actions[action] : "unknown");
  send_event (opaque, domain, &message);
}

static void
on_io_error (virConnectPtr virt, virDomainPtr domain, const char *path, const char *alias,
             int action, const char *reason, void *opaque)
{
  static const char *const actions[] = {
    [VIR_DOMAIN_EVENT_IO_ERROR_NONE] = "the guest goes on",
    [VIR_DOMAIN_EVENT_IO_ERROR_PAUSE] = "the guest is paused",
    [VIR_DOMAIN_EVENT_IO_ERROR_REPORT] = "the guest is told",
  };
  struct message message = message_of ("I/O error", VL_EVENT_IO_ERROR, 0);
  int known = action >= 0 && (size_t)action < sizeof actions / sizeof actions[0];

  (void)virt;
  snprintf (message.detail, sizeof message.detail, "%s%s%.200s: %s%s%s", alias ? alias : "",
            alias && path && *path ? ", " : "", path ? path : "", reason ? reason : "",
            reason && *reason ? "; " : "", known ? actions[action] : "unknown");
  send_event (opaque, domain, &message);
}

static void
on_agent (virConnectPtr virt, virDomainPtr domain, int state, int reason, void *opaque)
{
  struct message message = message_of ("agent", VL_EVENT_AGENT, 0);

  (void)virt;
  /* That there is a channel, and nobody at it yet, belongs to each start. */
  if (reason == VIR_CONNECT_DOMAIN_EVENT_AGENT_LIFECYCLE_REASON_DOMAIN_STARTED)
    return;
  snprintf (message.detail, sizeof message.detail, "%s",
            state == VIR_CONNECT_DOMAIN_EVENT_AGENT_LIFECYCLE_STATE_CONNECTED ? "connected"
                                                                              : "disconnected");
  send_event (opaque, domain, &message);
}

static void
on_block_job (virConnectPtr virt, virDomainPtr domain, const char *disk, int type, int status,
              void *opaque)
{
  static const char *const types[] = { "unknown job", "pull",          "copy",
                                       "commit",      "active commit", "backup" };
  static const char *const ends[] = { "completed", "failed", "canceled", "ready" };
  struct message message = message_of ("block job", VL_EVENT_BLOCK_JOB, 0);

  (void)virt;
  snprintf (message.detail, sizeof message.detail, "%s of %s: %s",
            types[type > 0 && (size_t)type < sizeof types / sizeof types[0] ? type : 0], disk,
            status >= 0 && (size_t)status < sizeof ends / sizeof ends[0] ? ends[status]
                                                                         : "unknown");
  send_event (opaque, domain, &message);
}

static void
on_removed (virConnectPtr virt, virDomainPtr domain, const char *alias, void *opaque)
{
  struct message message = message_of ("device removed", VL_EVENT_DETACHED, 1);

  (void)virt;
  snprintf (message.detail, sizeof message.detail, "%s", alias);
  send_event (opaque, domain, &message);
}

static void
on_not_removed (virConnectPtr virt, virDomainPtr domain, const char *alias, void *opaque)
{
  struct message message = message_of ("device not removed", 0, 1);

  (void)virt;
  snprintf (message.detail, sizeof message.detail, "%s", alias);
  send_event (opaque, domain, &message);
}

static const struct {
  int id;
  virConnectDomainEventGenericCallback fn;
} kinds[] = {
  { VIR_DOMAIN_EVENT_ID_LIFECYCLE, VIR_DOMAIN_EVENT_CALLBACK (on_lifecycle) },
  { VIR_DOMAIN_EVENT_ID_REBOOT, VIR_DOMAIN_EVENT_CALLBACK (on_reboot) },
  { VIR_DOMAIN_EVENT_ID_WATCHDOG, VIR_DOMAIN_EVENT_CALLBACK (on_watchdog) },
  { VIR_DOMAIN_EVENT_ID_IO_ERROR_REASON, VIR_DOMAIN_EVENT_CALLBACK (on_io_error) },
  { VIR_DOMAIN_EVENT_ID_AGENT_LIFECYCLE, VIR_DOMAIN_EVENT_CALLBACK (on_agent) },
  { VIR_DOMAIN_EVENT_ID_BLOCK_JOB_2, VIR_DOMAIN_EVENT_CALLBACK (on_block_job) },
  { VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED, VIR_DOMAIN_EVENT_CALLBACK (on_removed) },
  { VIR_DOMAIN_EVENT_ID_DEVICE_REMOVAL_FAILED, VIR_DOMAIN_EVENT_CALLBACK (on_not_removed) },
};
#define N_KINDS (sizeof kinds / sizeof kinds[0])

static void
deregister (virConnectPtr virt, const int *ids, size_t n)
{
  while (n-- > 0)
    virConnectDomainEventDeregisterAny (virt, ids[n]);
  virResetLastError ();
}

static int
register_all (virConnectPtr virt, struct source *source, int *ids)
{
  for (size_t i = 0; i < N_KINDS; i++) {
    ids[i] = virConnectDomainEventRegisterAny (virt, NULL, kinds[i].id, kinds[i].fn, source, NULL);
    if (ids[i] < 0) {
      deregister (virt, ids, i);
      return -1;
    }
  }
  return 0;
}

/* ---- the child that has the connection ---- */

/* An empty message says that it listens; its end is the end of the pipe. */
static void
be_source (struct vl_call *call, struct vl_conn *conn, struct source *source)
{
  static const struct message begun;
  int ids[N_KINDS];

  signal (SIGPIPE, SIG_DFL);
  alarm (VIRT_QUICK_MS / 1000);
  if (virt_connect (call, conn) == 0 && register_all (conn->virt, source, ids) == 0
      && write (source->fd, &begun, sizeof begun) == (ssize_t)sizeof begun) {
    alarm (0);
    while (virConnectIsAlive (conn->virt) == 1)
      virt_sleep (TICK_MS);
  }
  _exit (0);
}

static pid_t
fork_source (struct vl_call *call, struct vl_conn *conn, const int *fds)
{
  pid_t parent = getpid (), child = fork ();
  struct source source = { fds[1] };

  if (child == 0) {
    prctl (PR_SET_PDEATHSIG, SIGKILL);
    signal (SIGALRM, SIG_DFL);
    setpgid (0, 0);
    close (fds[0]);
    if (getppid () == parent)
      be_source (call, conn, &source);
    _exit (VL_ERR_FAILED);
  }
  if (child < 0)
    virt_no_process (call);
  return child;
}

/* ---- from the pipe to the listener ---- */

/* What FN answers where that is not 0; 0 at the end of the pipe, or where CONN has lost its
 * daemon. */
static int
pass_on (struct vl_conn *conn, int fd, vl_guest_event_fn fn, void *opaque)
{
  struct pollfd ready = { .fd = fd, .events = POLLIN };
  int64_t ticked = 0;
  int begun = conn->virt != NULL, pending = 0, result;

  for (;;) {
    struct message message = { .what = 0 };
    struct vl_guest_event event = { .size = sizeof event };
    int got = poll (&ready, 1, pending ? PAUSE_MS : TICK_MS);

    if (got > 0 && read (fd, &message, sizeof message) != (ssize_t)sizeof message)
      return 0;
    if (got <= 0 && conn->virt && virConnectIsAlive (conn->virt) != 1)
      return 0;
    begun = begun || got > 0;
    if (! begun)
      continue;
    event.looks = (uint32_t)message.looks;
    event.passes = (uint32_t)message.passes;
    event.devices = (uint32_t)message.devices;
    event.what = message.what;
    event.at = message.at;
    event.uuid = message.uuid;
    event.domain = message.domain;
    event.word = *message.word ? message.word : NULL;
    event.detail = *message.detail ? message.detail : NULL;
    pending = *message.uuid != '\0';
    result = pending ? fn (opaque, &event) : 0;
    if (result == 0 && (! pending || vl_clock_ms () - ticked >= TICK_MS)) {
      ticked = vl_clock_ms ();
      result = fn (opaque, NULL);
    }
    if (result)
      return result;
  }
}

static int
listen_apart (struct vl_call *call, struct vl_conn *conn, int *fds, vl_guest_event_fn fn,
              void *opaque)
{
  pid_t child = fork_source (call, conn, fds);
  int result;

  if (child < 0)
    return -1;
  close (fds[1]);
  fds[1] = -1;
  result = pass_on (conn, fds[0], fn, opaque);
  kill (child, SIGKILL);
  while (waitpid (child, NULL, 0) < 0 && errno == EINTR)
    ;
  return result;
}

static int
listen_here (struct vl_call *call, struct vl_conn *conn, const int *fds, vl_guest_event_fn fn,
             void *opaque)
{
  struct source source = { fds[1] };
  int ids[N_KINDS], result;

  if (register_all (conn->virt, &source, ids) < 0)
    return virt_error (call, "cannot listen to libvirt at '%s'", conn->uri);
  result = fn (opaque, NULL);
  if (result == 0)
    result = pass_on (conn, fds[0], fn, opaque);
  deregister (conn->virt, ids, N_KINDS);
  return result;
}

static int
virt_listen (struct vl_call *call, struct vl_conn *conn, vl_guest_event_fn fn, void *opaque)
{
  const struct virt_job job = { .blind = 1, .work_ms = VIRT_QUICK_MS };
  int fds[2], result;

  if (conn->embedded)
    return vl_refuse_as (
        call, VL_ERR_UNSUPPORTED, "EventsNotAvailable", NULL,
        vl_printf (call,
                   "set connection_uri = qemu:///system in plugins.d/%s.conf for a daemon that "
                   "tells events; until then each command records what it finds changed",
                   conn->driver->name),
        "'qemu:///embed' has no listener: libvirt's driver is in the process that uses it, and "
        "lets one command in at a time");
  /* Where the daemon cannot be reached, this tells why. */
  if (virt_do (call, conn, virt_is_there, &job) < 0)
    return -1;
  if (pipe2 (fds, O_CLOEXEC) < 0)
    return vl_refuse (call, VL_ERR_FAILED, NULL, "allow a process more open files: ulimit -n",
                      "cannot make a pipe: %s", strerror (errno));
  /* Without it there is less room. */
  fcntl (fds[0], F_SETPIPE_SZ, PIPE_BYTES);
  result = conn->apart ? listen_apart (call, conn, fds, fn, opaque)
                       : listen_here (call, conn, fds, fn, opaque);
  close (fds[0]);
  if (fds[1] >= 0)
    close (fds[1]);
  return result;
}

const struct vl_events_calls virt_event_calls = {
  .size = sizeof (struct vl_events_calls),
  .listen = virt_listen,
};
