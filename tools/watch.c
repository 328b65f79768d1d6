/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Listening: a session of an application for each connection, a queue of what was heard, and a
 * child process for each piece of work. */

#include <config.h>

#include "watch.h"

#include "lib/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Nova's: a guest that stopped may be one that is rebooted. */
#define STOPPED_MS 15000
/* Another command works on the server: it is tried again. */
#define AGAIN_MS 1000
#define PAUSE_SECONDS 1
/* What one piece of work may take, and how often it is tried after it died. */
#define WORK_SECONDS 120
#define TRIES 3
/* Of one server: as many as its history keeps, so that a guest that is noisy pushes none of another's
 * out. */
#define MOST_WAITING 100

struct happened {
  struct vl_guest_event event; /* its texts are malloc memory */
  int64_t due;
  unsigned died;
};

/* ---- work in a child ---- */

static struct vl_app *
new_session (const struct watch *watch)
{
  struct vl_app_options options = watch->tool->options;
  struct vl_app *app;

  if (watch->driver)
    options.driver = watch->driver;
  app = vl_app_new (&options);
  (void)vl_app_load (app);
  return app;
}

int
watch_apart (struct watch *watch, void (*fn) (struct vl_app *app, void *opaque), void *opaque)
{
  pid_t child;
  int status = 0;

  fflush (NULL);
  child = fork ();
  if (child == 0) {
    struct vl_app *app;

    alarm (WORK_SECONDS);
    app = new_session (watch);
    fn (app, opaque);
    findings_print (app, stderr);
    vl_app_free (app);
    fflush (NULL);
    _exit (0);
  }
  while (child > 0 && waitpid (child, &status, 0) < 0 && errno == EINTR)
    ;
  return child > 0 && WIFEXITED (status) && WEXITSTATUS (status) == 0;
}

void *
watch_share (size_t size)
{
  void *memory =
      mmap (NULL, size ? size : 1, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

  if (memory == MAP_FAILED)
    abort ();
  return memory;
}

void
watch_unshare (void *memory, size_t size)
{
  munmap (memory, size ? size : 1);
}

/* ---- the queue ---- */

static char *
copy (const char *text)
{
  return text ? vl_xstrdup (text) : NULL;
}

static void
drop (struct watch *watch, size_t i)
{
  struct vl_guest_event *event = &watch->queue[i].event;

  free ((char *)event->uuid);
  free ((char *)event->domain);
  free ((char *)event->word);
  free ((char *)event->detail);
  memmove (&watch->queue[i], &watch->queue[i + 1], (--watch->n - i) * sizeof *watch->queue);
}

/* Makes room for one more event of SERVER with a word: the oldest goes. */
static void
make_room (struct watch *watch, const char *server)
{
  size_t n = 0, oldest = 0;

  for (size_t i = watch->n; i-- > 0;)
    if (watch->queue[i].event.word && strcmp (watch->queue[i].event.uuid, server) == 0) {
      oldest = i;
      n++;
    }
  if (n >= MOST_WAITING)
    drop (watch, oldest);
}

/* A guest is looked at once, and for what it is at last. */
static void
add (struct watch *watch, const struct vl_guest_event *event)
{
  struct happened *item;

  for (size_t i = watch->n; event->looks && i-- > 0;)
    if (watch->queue[i].event.word == NULL && strcmp (watch->queue[i].event.uuid, event->uuid) == 0)
      drop (watch, i);
  if (event->word)
    make_room (watch, event->uuid);
  VL_GROW (watch->queue, watch->n, watch->size);
  item = &watch->queue[watch->n++];
  *item = (struct happened) { .event = *event };
  item->event.uuid = copy (event->uuid);
  item->event.domain = copy (event->domain);
  item->event.word = copy (event->word);
  item->event.detail = copy (event->detail);
  item->due = vl_clock_ms () + (event->passes ? STOPPED_MS : 0);
}

enum outcome { DIED, BUSY, RECORDED };

struct batch {
  const struct watch *watch;
  int64_t now;
  unsigned char *outcomes; /* enum outcome of each in the queue */
};

static void
record (struct vl_app *app, void *opaque)
{
  const struct batch *batch = opaque;

  for (size_t i = 0; i < batch->watch->n; i++)
    if (batch->watch->queue[i].due <= batch->now)
      batch->outcomes[i] =
          vl_event_record (app, &batch->watch->queue[i].event) == 1 ? BUSY : RECORDED;
  (void)vl_events_tell_all (app);
}

static void
look (struct vl_app *app, void *opaque)
{
  (void)opaque;
  (void)vl_event_record (app, NULL);
  (void)vl_events_tell_all (app);
}

/* Records what is due. */
static void
flush (struct watch *watch)
{
  struct batch batch = { .watch = watch, .now = vl_clock_ms () };
  size_t n = watch->n, due = 0;

  for (size_t i = 0; i < n; i++)
    due += watch->queue[i].due <= batch.now;
  if (due == 0)
    return;
  batch.outcomes = watch_share (n);
  (void)watch_apart (watch, record, &batch);
  for (size_t i = n; i-- > 0;) {
    struct happened *item = &watch->queue[i];

    if (item->due > batch.now)
      continue;
    item->due = batch.now + AGAIN_MS;
    if (batch.outcomes[i] == RECORDED || (batch.outcomes[i] == DIED && ++item->died == TRIES))
      drop (watch, i);
  }
  watch_unshare (batch.outcomes, n);
}

/* ---- listening ---- */

static int
hear (void *opaque, const struct vl_guest_event *event)
{
  struct watch *watch = opaque;

  if (event) {
    add (watch, event);
    return 0;
  }
  if (! watch->looked)
    (void)watch_apart (watch, look, NULL);
  watch->looked = 1;
  watch->told = 0;
  flush (watch);
  return watch->tick (watch, 0, 0);
}

/* Says once that the hypervisor is gone, for the reason that is among the findings of APP. */
static void
say_lost (struct watch *watch, struct vl_app *app, int reached)
{
  if (watch->told)
    return;
  watch->told = 1;
  if (! reached)
    findings_print (app, stderr);
  fprintf (stderr, "the hypervisor has gone; it is tried again until it is there\n");
}

int
watch_run (struct watch *watch)
{
  const struct timespec pause = { .tv_sec = PAUSE_SECONDS };
  int result = 0;

  while (result == 0) {
    struct vl_app *app = new_session (watch);
    int lost = 0;

    watch->looked = 0;
    result = vl_host_listen (app, hear, watch);
    if (result == -1 && vl_findings_exit_code (app) != VL_ERR_UNREACHABLE)
      findings_copy (watch->tool->app, app, VL_SEV_ERROR);
    else if (result <= 0) {
      lost = result != VL_LISTEN_TAKEN;
      if (lost)
        say_lost (watch, app, result == 0);
      result = watch->tick (watch, ! lost, lost);
    }
    vl_app_free (app);
    if (result == 0)
      nanosleep (&pause, NULL);
  }
  while (watch->n > 0)
    drop (watch, watch->n - 1);
  free (watch->queue);
  return result;
}
