/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Waiting for what others have or do: by the clock, with an end, and with a word about
 * what for. */

#include <config.h>

#include "context/call.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <time.h>

#include "lib/clock.h"
#include "lib/text.h"

#define STEP_MS 20
#define TELL_AFTER_MS 1000
/* So much of the command line of who is in the way is shown. */
#define COMMAND_BYTES 240

/* At most SIZE - 1 bytes of PATH, NUL-terminated; how many. */
static size_t
read_some (const char *path, char *text, size_t size)
{
  VL_AUTOCLOSE int fd = open (path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  ssize_t n = fd < 0 ? -1 : read (fd, text, size - 1);

  text[n < 0 ? 0 : n] = '\0';
  return n < 0 ? 0 : (size_t)n;
}

/* " (process 123, since 2026-11-27T10:00:00Z: its command line)". */
static const char *
process_text (struct vl_call *call, long pid, time_t since)
{
  char command[COMMAND_BYTES + 1];
  VL_AUTOFREE char *clean = NULL;
  char time[VL_TIME_BYTES];
  const char *base;
  size_t n = read_some (vl_printf (call, "/proc/%ld/cmdline", pid), command, sizeof command);

  while (n > 0 && command[n - 1] == '\0')
    n--;
  base = memrchr (command, '/', strlen (command));
  for (size_t i = 0; i < n; i++)
    if (command[i] == '\0')
      command[i] = ' ';
  clean = vl_text_clean (n == 0 ? "ended" : base ? base + 1 : command);
  return vl_printf (call, " (process %ld, since %s: %s)", pid, vl_text_time (time, since), clean);
}

const char *
vl_wait_holder (struct vl_call *call, const char *path)
{
  char text[16], *end;
  struct stat st;
  size_t n = path && stat (path, &st) == 0 ? read_some (path, text, sizeof text) : 0;
  long pid = n > 0 && text[n - 1] == '\n' ? strtol (text, &end, 10) : 0;

  return pid > 0 && pid != getpid () && *end == '\n' ? process_text (call, pid, st.st_mtime) : "";
}

/* The application is told TEXT, which is waited for. */
static void
tell (struct vl_call *call, const char *text)
{
  if (call->on_wait && ! call->quiet)
    call->on_wait (call->on_wait_opaque, text);
  else
    vl_progress (call, "%s", text);
}

int
vl_wait_more (struct vl_call *call, struct vl_wait *wait, int fd)
{
  struct pollfd event = { .fd = fd, .events = POLLIN };
  int64_t now = vl_clock_ms (), left;

  if (wait->begun == 0)
    wait->begun = now;
  left = wait->begun + wait->ms - now;
  if (left <= 0)
    return 0;
  /* Who only looks is told instead, soon, that it is what was seen last. */
  if (! wait->told && call->patience == 0 && now - wait->begun >= TELL_AFTER_MS) {
    wait->told = 1;
    tell (call,
          vl_printf (call, "waiting for %s%s", wait->what, vl_wait_holder (call, wait->holder)));
  }
  poll (&event, 1, left < STEP_MS ? (int)left : STEP_MS);
  return 1;
}

void
vl_patience_set (struct vl_call *call, unsigned ms)
{
  call->patience = ms ? vl_clock_ms () + ms : 0;
}

unsigned
vl_patience (struct vl_call *call, unsigned ms)
{
  int64_t left = call->patience ? call->patience - vl_clock_ms () : (int64_t)ms;

  return left < 1 ? 1 : left < (int64_t)ms ? (unsigned)left : ms;
}

void
vl_spare (struct vl_call *call)
{
  void (*spare) (void) = call->spare;

  call->spare = NULL;
  if (spare)
    spare ();
}
