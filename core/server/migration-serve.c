/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The host that a server comes to.  It does what the other one asks, one line after another, and holds
 * the server's lock from the moment that it is prepared until it is this host's or is not: whoever gets that
 * lock later knows that nothing is under way any more. */

#include <config.h>

#include "server/migrate.h"
#include "server/records.h"
#include "server/undo.h"

#include "lib/file.h"
#include "lib/text.h"

#include <virtloom/virtloom.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* How long the other host may be silent, and how long its guest may take to shut down. */
#define SILENT_SECONDS 120
#define PREPARED_SECONDS 3600

struct serving {
  struct vl_app *app;
  struct vl_wire wire;
  struct vl_import import;
  int version;  /* 0: not agreed on yet */
  int prepared; /* a server is BUILD, and may be taken */
};

static const char *
text_of (const json_t *message, const char *name)
{
  const char *text = json_string_value (json_object_get (message, name));

  return text && strlen (text) < 4096 ? text : NULL;
}

static int
lacks (const struct serving *s, const char *method, const char *what)
{
  return vl_refuse_as (s->app->call, VL_ERR_REQUEST, "InvalidInput", NULL,
                       "have both hosts run the same virtloom",
                       "the message '%s' of the migration protocol has no %s", method, what);
}

/* ---- messages ---- */

/* The newest version that both speak. */
static int
hello (struct serving *s, const json_t *message, json_t *answer)
{
  json_int_t oldest = json_integer_value (json_object_get (message, "oldest"));
  json_int_t newest = json_integer_value (json_object_get (message, "newest"));
  const char *host = text_of (message, "host"), *own = vl_app_host_name (s->app);

  if (own == NULL)
    return -1;
  if (host == NULL || vl_host_name_problem (host))
    return lacks (s, "hello", "host, which is the name of one");
  s->wire.host = vl_arena_strdup (s->app->call->arena, host);
  if (oldest > VL_WIRE_NEWEST || newest < VL_WIRE_OLDEST || oldest > newest)
    return vl_refuse_as (s->app->call, VL_ERR_UNSUPPORTED, "MigrationPreCheckError", NULL,
                         "have both hosts run the same virtloom",
                         "host \"%s\" speaks versions %lld to %lld of the migration protocol; "
                         "accepted: %d to %d",
                         s->wire.host, (long long)oldest, (long long)newest, VL_WIRE_OLDEST,
                         VL_WIRE_NEWEST);
  s->version = newest < VL_WIRE_NEWEST ? (int)newest : VL_WIRE_NEWEST;
  json_object_set_new (answer, "version", json_integer (s->version));
  json_object_set_new (answer, "host", json_string (own));
  return 0;
}

/* What a file beside a volume says: both hosts have one folder if it is what the other one wrote.  No
 * other file is looked at. */
static int
look (struct serving *s, const json_t *message, json_t *answer)
{
  const char *path = text_of (message, "path"), *name = path ? strrchr (path, '/') : NULL;
  char token[37] = "";
  struct stat st;
  VL_AUTOCLOSE int fd = -1;
  ssize_t n = 0;

  if (path == NULL || path[0] != '/' || name == NULL || ! VL_STARTS (name + 1, VL_PROBE_FILE)
      || ! vl_is_uuid (name + 1 + strlen (VL_PROBE_FILE)))
    return lacks (s, "look", "path, which is that of a file that is there for this");
  fd = open (path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd >= 0 && fstat (fd, &st) == 0 && S_ISREG (st.st_mode))
    n = read (fd, token, sizeof token - 1);
  token[n > 0 ? n : 0] = '\0';
  json_object_set_new (answer, "token", vl_is_uuid (token) ? json_string (token) : json_null ());
  return 0;
}

static json_t *
change_json (const struct vl_change *change)
{
  const struct vl_provenance *row = change->is ? change->is : change->was;

  return json_pack ("{s:s, s:i, s:s, s:s?, s:b, s:b, s:s?, s:s?}", "path", row->path, "part",
                    (int)row->part, "owners", row->owners, "cause", row->cause, "gone",
                    change->is == NULL, "new", change->was == NULL, "was",
                    change->was ? change->was->value : NULL, "is",
                    change->is ? change->is->value : NULL);
}

/* All that can refuse the server is asked; unless that was all, its claims are made, and it is kept
 * free for the other host until that says what becomes of it, or ends. */
static int
prepare (struct serving *s, const json_t *message, json_t *answer)
{
  struct vl_import *m = &s->import;
  json_t *record = json_object_get (message, "record"), *changes = json_array ();
  int dry_run = json_is_true (json_object_get (message, "dry_run"));
  VL_AUTOFREE char *text = json_is_object (record) ? json_dumps (record, 0) : NULL;
  int result;

  json_object_set_new (answer, "changes", changes);
  if (s->prepared)
    return lacks (s, "prepare", "place: a server is prepared");
  if (text == NULL)
    return lacks (s, "prepare", "record");
  *m = (struct vl_import) { .app = s->app,
                            .origin = vl_printf (s->app->call, "host %s", s->wire.host),
                            .lock = VL_LOCK_NONE };
  result = vl_import_judge (m, text, strlen (text));
  for (size_t i = 0; i < m->n && i < VL_WIRE_CHANGES; i++)
    json_array_append_new (changes, change_json (&m->changes[i]));
  if (result == 0 && ! dry_run) {
    result = vl_import_begin (m);
    s->prepared = result == 0;
  }
  if (! s->prepared)
    vl_import_free (m);
  return result;
}

static void
forget (struct serving *s)
{
  vl_import_free (&s->import);
  s->import = (struct vl_import) { .lock = VL_LOCK_NONE };
  s->prepared = 0;
}

static int
commit (struct serving *s, const json_t *message, json_t *answer)
{
  size_t first = s->app->call->findings.n;
  int result;

  (void)message;
  (void)answer;
  if (! s->prepared)
    return lacks (s, "commit", "server that is prepared");
  result = vl_import_end (&s->import);
  if (result < 0)
    vl_import_undo (&s->import, first);
  forget (s);
  vl_events_tell (s->app);
  return result;
}

static int
give_up (struct serving *s, const json_t *message, json_t *answer)
{
  size_t first = s->app->call->findings.n;

  (void)message;
  (void)answer;
  if (! s->prepared)
    return 0;
  vl_refuse_as (s->app->call, VL_ERR_FAILED, "MigrationError", NULL,
                "see there why: virtloom server migration list",
                "host \"%s\" has given up that server \"%s\" comes", s->wire.host,
                s->import.record.name);
  vl_import_undo (&s->import, first);
  vl_findings_forget (s->app, first);
  forget (s);
  return 0;
}

/* Whoever asks has lost its line.  With the server's lock nothing of that line is left. */
static int
resolve (struct serving *s, const json_t *message, json_t *answer)
{
  VL_AUTOLOCK struct vl_lock lock = VL_LOCK_NONE;
  struct vl_app *app = s->app;
  const char *uuid = text_of (message, "uuid");
  json_int_t generation = json_integer_value (json_object_get (message, "generation"));
  struct vl_store *store = vl_app_store (app);
  int there;

  if (uuid == NULL || ! vl_is_uuid (uuid) || generation < 1)
    return lacks (s, "resolve", "uuid and generation");
  if (store == NULL || vl_lock_take (app, "servers", uuid, VL_LOCK_SERVER, &lock) < 0
      || vl_undo_mend (app, store, uuid) < 0)
    return -1;
  there = vl_db_any (store, "SELECT 1 FROM server WHERE uuid = ? AND generation > ?", "si", uuid,
                     (int64_t)generation);
  json_object_set_new (answer, "owner", json_boolean (there > 0));
  return there < 0 ? -1 : 0;
}

static int
start (struct serving *s, const json_t *message, json_t *answer)
{
  const char *uuid = text_of (message, "uuid");

  (void)answer;
  return uuid && vl_is_uuid (uuid) ? vl_server_act (s->app, uuid, VL_SERVER_START, 0, 0)
                                   : lacks (s, "start", "uuid");
}

/* ---- the loop ---- */

static const struct {
  const char *name;
  int (*fn) (struct serving *s, const json_t *message, json_t *answer);
} methods[] = {
  { "hello", hello },   { "look", look },       { "prepare", prepare }, { "commit", commit },
  { "abort", give_up }, { "resolve", resolve }, { "start", start },
};
#define N_METHODS (sizeof methods / sizeof methods[0])

static int
act (struct serving *s, const json_t *message, json_t *answer)
{
  const char *name = text_of (message, "method");

  for (size_t i = 0; name && i < N_METHODS; i++)
    if (VL_STREQ (methods[i].name, name))
      return s->version == 0 && i > 0 ? lacks (s, name, "hello before it")
                                      : methods[i].fn (s, message, answer);
  return vl_refuse_as (s->app->call, VL_ERR_UNSUPPORTED, "MigrationPreCheckError", NULL,
                       "have both hosts run the same virtloom",
                       "the migration protocol has no message '%s'",
                       name ? vl_shown (s->app->call->arena, name) : "");
}

/* Sends what was found, and forgets it. */
static int
reply (struct serving *s, json_t *answer, int done, size_t first)
{
  if (done)
    json_object_set_new (answer, "done", json_true ());
  json_object_set_new (answer, "findings", vl_wire_findings (s->app, first));
  vl_findings_forget (s->app, first);
  return vl_wire_write (&s->wire, answer);
}

int
vl_migration_serve (struct vl_app *app, int in, int out)
{
  struct serving s = { .app = app, .wire = VL_WIRE_NONE, .import = { .lock = VL_LOCK_NONE } };
  int ended = 0, result = 0;

  s.wire.app = app;
  s.wire.host = "?";
  s.wire.in = in;
  s.wire.out = out;
  while (result == 0) {
    size_t first = app->call->findings.n;
    json_t *message =
        vl_wire_read (&s.wire, s.prepared ? PREPARED_SECONDS : SILENT_SECONDS, &ended);
    json_t *answer;

    if (message == NULL && ended)
      break;
    answer = json_object ();
    if (message == NULL) {
      (void)reply (&s, answer, 0, first);
      result = -1;
    } else
      result = reply (&s, answer, act (&s, message, answer) == 0, first);
    json_decref (message);
  }
  (void)give_up (&s, NULL, NULL);
  vl_wire_end (&s.wire);
  return result;
}
