/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A server moves to another host that reaches all of its disks.  It is this host's until the other one has
 * it on record as its own, which is one transaction there; from then on it is the other one's.  Where
 * nobody knows whether that was done the other host is asked, and until it answers nothing starts here. */

#include <config.h>

#include "server/keep.h"
#include "server/method.h"
#include "server/migrate.h"
#include "server/records.h"
#include "server/undo.h"

#include "lib/file.h"
#include "lib/text.h"
#include "request/json-members.h"

#include <virtloom/virtloom.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define WORD "migrate"
#define MIGRATING "MIGRATING"
/* What changes here of a record on its way; its generation there is so much later. */
#define ON_THE_WAY 1000
#define LOOK_SECONDS 60
#define PREPARE_SECONDS 300
#define COMMIT_SECONDS 300
#define START_SECONDS 600

struct moving {
  struct vl_app *app;
  const char *host;
  struct vl_record record;
  struct vl_plugin *driver;
  struct vl_hooks hooks;
  struct vl_exported exported;
  struct vl_wire wire;
  const char *was; /* its status */
  int on;          /* its guest was */
  int lost;        /* the line was, and the other host has been asked over another one */
  uint32_t timeout;
  struct vl_change *changes;
  size_t n;
};

/* ---- may it go? ---- */

static int
refuse_disk (const struct moving *m, const struct vl_disk *disk, const char *why)
{
  return vl_refuse_as (
      m->app->call, VL_ERR_UNSUPPORTED, "InvalidSharedStorage", NULL,
      "volumes move that both hosts reach: files of a folder that they share, and what "
      "is reached by the network",
      "disk '%s' of server \"%s\", \"%s\", does not move: %s", disk->id, m->record.name,
      disk->source ? disk->source : "", why);
}

/* All that says at once that a disk is this host's. */
static int
judge_disks (const struct moving *m)
{
  const char *state = vl_printf (m->app->call, "%s/", vl_app_state_dir (m->app));
  int result = 0;

  for (size_t i = 0; i < m->exported.n_disks; i++) {
    const struct vl_disk *disk = &m->exported.disks[i].disk;

    if (disk->source == NULL || VL_STREQ (disk->type, "network"))
      continue;
    if (VL_STREQ (disk->type, "file") ? strncmp (disk->source, state, strlen (state)) == 0
                                      : disk->plugin == NULL)
      result =
          refuse_disk (m, disk,
                       VL_STREQ (disk->type, "file") ? "it is in STATE, which is this host's alone"
                                                     : "it is a device of this host");
    else if (! VL_STREQ (disk->type, "file") && ! VL_STREQ (disk->role, "volume"))
      result = refuse_disk (m, disk, "whether the other host has that device is not known");
  }
  return result;
}

static int
judge (struct moving *m)
{
  struct vl_app *app = m->app;

  if (vl_record_unlocked (app->call, &m->record) < 0
      || VL_HAS_CALL (app->call, m->driver, migration, finish_revert_migration) < 0
      || vl_server_judge_state (app, m->driver, &m->record, WORD) < 0
      || vl_records_judge_owner (app, &m->record) < 0
      || vl_hooks_load (&m->hooks, app, &m->record, VL_ROLE_CURRENT) < 0)
    return -1;
  m->was = m->record.status;
  m->on = vl_guest_is_on (app, m->driver, &m->record);
  app->call->host = m->hooks.host;
  return m->on < 0 || vl_hooks_permit (&m->hooks, VL_OP_MIGRATE, 0) < 0
                 || vl_exported_load (app, &m->record, &m->exported) < 0 || judge_disks (m) < 0
             ? -1
             : 0;
}

/* ---- is a folder one that both hosts have? ---- */

/* Makes the file PATH, which says TOKEN. */
static int
write_probe (struct vl_app *app, const char *path, const char *token)
{
  VL_AUTOCLOSE int fd = open (path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);

  if (fd < 0)
    return vl_file_failed (app->call, "cannot make", path, errno);
  return write (fd, token, 36) == 36 && fsync (fd) == 0
             ? 0
             : vl_file_failed (app->call, "cannot write", path, errno);
}

/* Does the other host see in FOLDER what is made in it here?  1, 0, -1. */
static int
is_shared (struct moving *m, const char *folder)
{
  char name[37], token[37];
  const char *path;
  json_t *answer = NULL;
  int result = -1;

  vl_uuid_random (name);
  vl_uuid_random (token);
  path = vl_printf (m->app->call, "%s/" VL_PROBE_FILE "%s", folder, name);
  if (write_probe (m->app, path, token) == 0
      && vl_wire_ask (&m->wire, json_pack ("{s:s, s:s}", "method", "look", "path", path),
                      LOOK_SECONDS, &answer)
             == 0) {
    const char *seen = json_string_value (json_object_get (answer, "token"));

    result = seen && VL_STREQ (seen, token);
  }
  json_decref (answer);
  return unlink (path) < 0 && errno != ENOENT ? vl_remove_failed (m->app->call, path) : result;
}

static int
judge_shared (struct moving *m)
{
  int result = 0;

  for (size_t i = 0; i < m->exported.n_disks; i++) {
    const struct vl_disk *disk = &m->exported.disks[i].disk;
    const char *slash = disk->source ? strrchr (disk->source, '/') : NULL;
    int shared;

    if (! VL_STREQ (disk->type, "file") || disk->plugin || slash == NULL)
      continue;
    shared =
        is_shared (m, vl_printf (m->app->call, "%.*s", (int)(slash - disk->source), disk->source));
    if (shared < 0)
      return -1;
    if (shared == 0)
      result = refuse_disk (m, disk,
                            vl_printf (m->app->call, "host \"%s\" has not that folder", m->host));
  }
  return result;
}

/* ---- what the other host says ---- */

static struct vl_provenance *
part_of (struct vl_arena *arena, const json_t *item, const char *value)
{
  struct vl_provenance *part = vl_arena_alloc (arena, sizeof *part);
  const char *owners = json_string_value (json_object_get (item, "owners"));
  const char *cause = json_string_value (json_object_get (item, "cause"));
  const char *text = json_string_value (json_object_get (item, value));
  json_int_t kind = json_integer_value (json_object_get (item, "part"));

  part->path = vl_arena_strdup (arena, json_string_value (json_object_get (item, "path")));
  part->owners = vl_arena_strdup (arena, owners ? owners : "");
  part->cause = vl_arena_strdup (arena, cause);
  part->value = vl_arena_strdup (arena, text);
  part->part =
      kind >= VL_PART_ELEMENT && kind <= VL_PART_TEXT ? (enum vl_part)kind : VL_PART_ELEMENT;
  return part;
}

static void
take_changes (struct moving *m, const json_t *list)
{
  size_t n = json_array_size (list);

  if (n > VL_WIRE_CHANGES)
    n = VL_WIRE_CHANGES;
  m->changes = vl_memory (m->app->call, (n + 1) * sizeof *m->changes);
  for (size_t i = 0; i < n; i++) {
    const json_t *item = json_array_get (list, i);
    struct vl_change *change = &m->changes[m->n];

    if (! json_is_string (json_object_get (item, "path")))
      continue;
    *change = (struct vl_change) { NULL, NULL };
    if (! json_is_true (json_object_get (item, "new")))
      change->was = part_of (m->app->call->arena, item, "was");
    if (! json_is_true (json_object_get (item, "gone")))
      change->is = part_of (m->app->call->arena, item, "is");
    m->n += change->was || change->is;
  }
}

static int
prepare (struct moving *m, int dry_run)
{
  VL_AUTOFREE char *text = NULL;
  json_t *record, *answer = NULL;
  int result;

  m->exported.generation += ON_THE_WAY;
  text = vl_exported_write (m->app->call, &m->exported);
  record = text ? json_loads (text, 0, NULL) : NULL;
  if (record == NULL)
    return -1;
  result = vl_wire_ask (
      &m->wire,
      json_pack ("{s:s, s:b, s:o}", "method", "prepare", "dry_run", dry_run, "record", record),
      PREPARE_SECONDS, &answer);
  take_changes (m, json_object_get (answer, "changes"));
  json_decref (answer);
  return result < 0 ? -1 : 0;
}

/* Whose is server UUID, which was on its way to HOST with GENERATION?  1: HOST's; 0: this one's, and it
 * does not go any more; -1 after findings: nobody can tell. */
static int
ask_owner (struct vl_app *app, const char *host, const char *uuid, int64_t generation)
{
  VL_AUTOWIRE struct vl_wire wire = VL_WIRE_NONE;
  json_t *answer = NULL, *owner;
  int result = -1;

  if (vl_wire_begin (app, host, &wire) == 0
      && vl_wire_ask (&wire,
                      json_pack ("{s:s, s:s, s:I}", "method", "resolve", "uuid", uuid, "generation",
                                 (json_int_t)generation),
                      PREPARE_SECONDS, &answer)
             == 0) {
    owner = json_object_get (answer, "owner");
    if (json_is_boolean (owner))
      result = json_is_true (owner);
    else
      (void)vl_refuse_as (app->call, VL_ERR_UNREACHABLE, "MigrationError", NULL,
                          "have both hosts run the same virtloom",
                          "host \"%s\" does not say whose server %s is", host, uuid);
  }
  json_decref (answer);
  return result;
}

/* ---- the steps here, each on record before it is taken ---- */

static int
write_begin (struct moving *m)
{
  struct vl_store *store = m->app->store;
  const char *uuid = m->record.uuid;

  return vl_undo_begin (store, uuid, VL_OP_SERVER_MIGRATE, m->record.driver) < 0
                 || vl_undo_plan (store, uuid, VL_MADE_TURN, m->on ? "on" : "off") < 0
                 || vl_undo_plan (store, uuid, VL_MOVES_TO, m->host) < 0
                 || vl_undo_plan (
                        store, uuid, VL_MOVES_WITH,
                        vl_printf (m->app->call, "%lld", (long long)m->exported.generation))
                        < 0
                 || vl_undo_plan (store, uuid, VL_MOVES_FROM, m->was) < 0
                 || vl_record_set_status (store, uuid, MIGRATING, NULL) < 0
             ? -1
             : 0;
}

/* What only the guest that was here has left.  Whatever else lies in the folder is told, and stays. */
static int
drop_folder (struct vl_app *app, const char *uuid)
{
  const char *folder = vl_server_dir (app, uuid);

  if (folder == NULL)
    return -1;
  if (vl_file_remove_tree (vl_printf (app->call, "%s/run", folder)) < 0 && errno != ENOENT)
    return vl_remove_failed (app->call, folder);
  if (rmdir (folder) == 0 || errno == ENOENT)
    return 0;
  if (errno != ENOTEMPTY && errno != EEXIST)
    return vl_remove_failed (app->call, folder);
  vl_warn_as (app->call, "FolderKept", NULL, "remove it where what is in it is needed no more",
              "the folder '%s' is left, since there are files in it", folder);
  return 0;
}

/* The server is the other host's, which is on record: here it is forgotten. */
static int
leave (struct vl_app *app, const struct vl_record *record)
{
  return vl_guest_remove (app, record->driver, record->uuid) < 0
                 || vl_server_devices_undo (app, app->store, record->uuid, NULL) < 0
                 || drop_folder (app, record->uuid) < 0
             ? -1
             : vl_server_forget (app, record->uuid, NULL);
}

static int
gone (struct vl_app *app, const struct vl_record *record)
{
  return vl_undo_plan (app->store, record->uuid, VL_MADE_TURN, "done") < 0 ? -1
                                                                           : leave (app, record);
}

/* The server is this host's, and its guest what it was. */
static int
back (struct vl_app *app, const struct vl_record *record, const char *was, int on,
      const char *result, const char *why)
{
  struct vl_hooks hooks;
  int bad = vl_hooks_load (&hooks, app, record, VL_ROLE_CURRENT);

  if (bad == 0 && on)
    bad = vl_guest_is_on (app, hooks.driver, record);
  /* 1: it was never switched off. */
  if (bad == 0 && on)
    bad = vl_guest_become (&hooks, record, 1, VL_BECOME_BEFORE);
  vl_hooks_free (&hooks);
  return bad < 0 || vl_record_set_status (app->store, record->uuid, was, NULL) < 0
             ? -1
             : vl_undo_close (app->store, record->uuid, result, why);
}

static int
act (struct moving *m)
{
  struct vl_app *app = m->app;
  size_t first = app->call->findings.n;
  json_t *answer = NULL;
  int owner = 0, result;

  result = vl_guest_switch_off (app, m->driver, &m->record, m->timeout);
  if (result == 0)
    result = vl_server_devices_undo (app, app->store, m->record.uuid, NULL);
  if (result == 0) {
    result =
        vl_wire_ask (&m->wire, json_pack ("{s:s}", "method", "commit"), COMMIT_SECONDS, &answer);
    json_decref (answer);
    m->lost = result == VL_WIRE_LOST;
    owner = m->lost ? ask_owner (app, m->host, m->record.uuid, m->exported.generation) : ! result;
    /* It is known after all. */
    if (m->lost && owner >= 0)
      vl_soften (app->call, first);
  }
  if (owner > 0)
    return gone (app, &m->record);
  if (owner < 0)
    return vl_refuse_as (
        app->call, VL_ERR_UNREACHABLE, "MigrationError", NULL,
        "each command on it asks again: virtloom server migration list",
        "whether server \"%s\" is on host \"%s\" is not known: it is MIGRATING until that answers",
        m->record.name, m->host);
  if (back (app, &m->record, m->was, m->on, "failed", vl_fault_text (app->call, first)) < 0)
    return -1;
  return vl_refuse_as (app->call, VL_ERR_FAILED, "InstanceFaultRollback", NULL,
                       "it is moved again when that is mended",
                       "server \"%s\" did not move to host \"%s\"; it is what it was",
                       m->record.name, m->host);
}

/* It runs there as it did here. */
static int
start_there (struct moving *m)
{
  json_t *answer = NULL;
  int result = 0;

  if (m->lost) {
    vl_wire_end (&m->wire);
    result = vl_wire_begin (m->app, m->host, &m->wire);
  }
  if (result == 0)
    result =
        vl_wire_ask (&m->wire, json_pack ("{s:s, s:s}", "method", "start", "uuid", m->record.uuid),
                     START_SECONDS, &answer);
  json_decref (answer);
  return result == 0
             ? 0
             : vl_refuse_as (m->app->call, VL_ERR_FAILED, "MigrationError", NULL, "start it there",
                             "server \"%s\" is host \"%s\"'s now, and its guest is not "
                             "known to run",
                             m->record.name, m->host);
}

static int
migrate (struct moving *m, int dry_run)
{
  struct vl_app *app = m->app;

  if (judge (m) < 0 || vl_wire_begin (app, m->host, &m->wire) < 0 || judge_shared (m) < 0
      || prepare (m, dry_run) < 0)
    return -1;
  if (dry_run)
    return 0;
  if (vl_db_begin (app->store) < 0 || vl_db_finish (app->store, write_begin (m)) < 0)
    return -1;
  vl_progress (app->call, "\"%s\" moves to %s", m->record.name, m->host);
  if (act (m) < 0)
    return -1;
  return m->on ? start_there (m) : 0;
}

int
vl_server_migrate (struct vl_app *app, const char *server, const char *host, unsigned flags,
                   uint32_t timeout, const struct vl_change **changes, size_t *n)
{
  struct moving m = { .app = app, .host = host, .timeout = timeout, .wire = VL_WIRE_NONE };
  VL_AUTOLOCK struct vl_lock lock = VL_LOCK_NONE;
  int result = vl_wire_judge_host (app->call, host);

  if (result == 0)
    result = vl_server_take (app, server, vl_lock_seconds (app), &m.record, &m.driver, &lock);
  if (result == 0)
    result = migrate (&m, ! ! (flags & VL_MIGRATE_DRY_RUN));
  *changes = m.changes;
  *n = m.n;
  vl_wire_end (&m.wire);
  vl_hooks_free (&m.hooks);
  vl_lock_drop (&lock);
  if (app->store)
    vl_events_tell (app);
  return result < 0 ? -1 : 0;
}

/* ---- what a dead command left ---- */

int
vl_migrate_mend (struct vl_app *app, const char *uuid)
{
  const char *host, *turn, *generation, *was;
  struct vl_record record;
  struct vl_plugin *driver;
  int owner;

  if (vl_turn_left (app, uuid, &record, &driver) < 0
      || vl_undo_planned (app->store, uuid, VL_MADE_TURN, &turn) < 0
      || vl_undo_planned (app->store, uuid, VL_MOVES_TO, &host) < 0
      || vl_undo_planned (app->store, uuid, VL_MOVES_WITH, &generation) < 0
      || vl_undo_planned (app->store, uuid, VL_MOVES_FROM, &was) < 0)
    return -1;
  if (turn == NULL || host == NULL || generation == NULL || was == NULL)
    return vl_refuse_as (app->call, VL_ERR_FAILED, "StoreDamaged", NULL, VL_HINT_STORE,
                         "where server %s moves is not on record", uuid);
  if (VL_STREQ (turn, "done"))
    return leave (app, &record);
  owner = ask_owner (app, host, uuid, strtoll (generation, NULL, 10));
  if (owner < 0)
    return -1;
  return owner ? gone (app, &record)
               : back (app, &record, was, VL_STREQ (turn, "on"), "interrupted", VL_WAS_KILLED);
}

/* ---- those on their way ---- */

int
vl_migration_each (struct vl_app *app,
                   int (*fn) (void *opaque, const struct vl_migration_info *migration),
                   void *opaque)
{
  struct row {
    const char *server, *uuid, *kind, *host, *status, *begun, *fault;
  } * rows;
  struct vl_store *store;
  size_t n = 0;
  int result = 0;

  if (vl_app_store_if_any (app, &store) < 0
      || (store
          && vl_db_rows (store, &rows, &n,
                         "SELECT server.name, object, iif (kind = '" VL_OP_SERVER_MIGRATE
                         "', 'cold', 'live'), (SELECT undo.name FROM undo WHERE undo.object = "
                         "operation.object AND undo.kind = '" VL_MOVES_TO
                         "'), status, begun, fault FROM operation JOIN server ON uuid = object "
                         "WHERE kind IN ('" VL_OP_SERVER_MIGRATE "', '" VL_OP_SERVER_LIVE_MIGRATION
                         "') ORDER BY begun, object",
                         "")
                 < 0))
    return -1;
  for (size_t i = 0; i < n && result == 0; i++)
    result = fn (opaque, &(struct vl_migration_info) { rows[i].server, rows[i].uuid, rows[i].kind,
                                                       rows[i].host, rows[i].status, rows[i].begun,
                                                       rows[i].fault });
  return result;
}
