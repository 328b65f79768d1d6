/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * virtloom server event list --follow: what is on record of a server, and what comes. */

#include <config.h>

#include "server.h"
#include "watch.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct follow {
  const char *uuid, *store;
  struct stat seen[2]; /* the store and its log, when they were read last */
  struct shared {
    int64_t last, running; /* rows that were printed; one that had not ended then */
    int gone;              /* the server */
    int behind;            /* its reader takes no more for now */
    int unwritten;         /* the error for which no more can be printed */
  } * shared;
  struct tool *tool;
};

static void
print (struct follow *follow, const struct vl_action_info *action)
{
  json_t *object = server_action_json (action);

  if (follow->tool->json) {
    char *text = json_dumps (object, JSON_COMPACT);

    printf ("%s\n", text);
    free (text);
  } else {
    char *reason = vl_text_clean (action->reason ? action->reason : "");

    printf ("%s  %s  %s  %s%s%s\n", action->at, action->action, action->user ? action->user : "-",
            action->result, *reason ? "  " : "", reason);
    free (reason);
  }
  json_decref (object);
}

/* Does the reader take a line?  One of PIPE_BUF bytes is taken whole then. */
static int
is_writable (void)
{
  struct pollfd polled = { .fd = STDOUT_FILENO, .events = POLLOUT };

  return poll (&polled, 1, 0) > 0;
}

/* Prints what is new, the first first.  What has not ended is printed again when it has.  A line
 * counts when it is out: the rest waits for a reader that stands still. */
static void
print_new (struct vl_app *app, void *opaque)
{
  struct follow *follow = opaque;
  struct shared *shared = follow->shared;
  const struct vl_action_info *actions;
  size_t n;

  if (vl_server_history (app, follow->uuid, &actions, &n) < 0)
    return;
  shared->behind = 1;
  for (size_t i = n; i-- > 0 && ! shared->unwritten;) {
    int64_t number = strtoll (actions[i].n, NULL, 10);
    int runs = strcmp (actions[i].result, "running") == 0;

    if (number > shared->last || (number == shared->running && ! runs)) {
      if (! is_writable ())
        return;
      print (follow, &actions[i]);
      errno = 0;
      if (fflush (stdout) != 0 || ferror (stdout))
        shared->unwritten = errno ? errno : EIO;
    }
    if (runs)
      shared->running = number;
    else if (number == shared->running)
      shared->running = 0;
    shared->last = number > shared->last ? number : shared->last;
  }
  shared->behind = 0;
  shared->gone =
      n && strcmp (actions[0].result, "done") == 0 && strcmp (actions[0].action, "delete") == 0;
}

/* Has somebody written to the store? */
static int
has_changed (struct follow *follow)
{
  static const char *const files[] = { "", "-wal" };
  int changed = 0;

  for (size_t i = 0; i < 2; i++) {
    char *path = vl_xasprintf ("%s%s", follow->store, files[i]);
    struct stat now = { 0 }, *seen = &follow->seen[i];

    (void)stat (path, &now);
    changed |= now.st_ino != seen->st_ino || now.st_size != seen->st_size
               || now.st_mtim.tv_sec != seen->st_mtim.tv_sec
               || now.st_mtim.tv_nsec != seen->st_mtim.tv_nsec;
    *seen = now;
    free (path);
  }
  return changed;
}

static int
tick (struct watch *watch, int taken, int lost)
{
  struct follow *follow = watch->opaque;

  (void)taken;
  (void)lost;
  if (has_changed (follow))
    follow->shared->behind = 1;
  if (follow->shared->behind && is_writable ())
    (void)watch_apart (watch, print_new, follow);
  return output_is_deaf () || follow->shared->unwritten || follow->shared->gone;
}

int
server_follow_events (struct tool *tool)
{
  const struct vl_server_info *server = vl_server_find (tool->app, tool->args->words[0]);
  struct follow follow = { .tool = tool };
  struct watch watch = { .tool = tool, .tick = tick, .opaque = &follow };
  char *uuid, *driver, *store;
  int result;

  if (server == NULL)
    return -1;
  uuid = vl_xstrdup (server->uuid);
  driver = vl_xstrdup (server->driver);
  store = vl_xasprintf ("%s/state.db", vl_app_state_dir (tool->app));
  /* Nothing is open here while others work. */
  vl_app_free (tool->app);
  tool->app = vl_app_new (&(struct vl_app_options) { .quiet = 1 });
  tool->call = vl_app_call (tool->app);
  tool->printed = 1;
  watch.driver = driver;
  follow.uuid = uuid;
  follow.store = store;
  follow.shared = watch_share (sizeof *follow.shared);
  result = watch_run (&watch);
  if (follow.shared->unwritten)
    result = vl_refuse (tool->call, VL_ERR_FAILED, NULL, NULL, "the answer cannot be written: %s",
                        strerror (follow.shared->unwritten));
  watch_unshare (follow.shared, sizeof *follow.shared);
  free (uuid);
  free (driver);
  free (store);
  return result < 0 ? -1 : 0;
}
