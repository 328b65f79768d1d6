/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Deleting a server: written down first, so that a deletion once begun is
 * always finished, by this command or by the next. */

#include <config.h>

#include "server/hooks.h"
#include "server/session.h"
#include "server/undo.h"

#include "lib/file.h"

#include <errno.h>

static int
forget (struct vl_store *store, const char *uuid)
{
  return vl_db_run (store, "DELETE FROM server WHERE uuid = ?", "s", uuid) < 0
             ? -1
             : vl_undo_end (store, uuid);
}

/* Of the server nothing is left but what plugins hold, with what they claimed for it. */
static int
wait_for_plugins (struct vl_store *store, const char *uuid, const char *fault)
{
  static const char *const steps[] = {
    "DELETE FROM claim WHERE server = ?1 AND plugin NOT IN (SELECT plugin FROM kept "
    "WHERE server = ?1)",
    "DELETE FROM server_image WHERE server = ?1",
    "UPDATE operation SET kind = '" VL_OP_SERVER_RELEASE "' WHERE object = ?1",
    NULL,
  };

  return vl_db_run_all (store, steps, uuid) < 0
             ? -1
             : vl_record_set_status (store, uuid, "DELETING", fault);
}

/* The messages of findings from number FIRST on. */
static const char *
said_since (struct vl_call *call, size_t first)
{
  VL_AUTOSTR struct vl_str text = { NULL, 0, 0 };

  vl_str_add (&text, "");
  for (size_t i = first; i < call->findings.n; i++)
    vl_str_printf (&text, "%s%s", text.length ? "; " : "", call->findings.items[i].message);
  return vl_arena_strdup (call->arena, text.text);
}

/* Inside a transaction: the image that server UUID was shelved in goes with it.  *GONE: as of
 * vl_shelved_image_leave. */
static int
leave_shelved (struct vl_store *store, const char *uuid, const char **gone)
{
  const char *image;

  if (vl_undo_planned (store, uuid, VL_MADE_SNAPSHOT, &image) < 0)
    return -1;
  return image == NULL
                 || (vl_shelved_image_leave (store, uuid, image, gone) == 0
                     && vl_db_run (store,
                                   "DELETE FROM undo WHERE object = ? AND kind = '" VL_MADE_SNAPSHOT
                                   "'",
                                   "s", uuid)
                            == 0)
             ? 0
             : -1;
}

int
vl_server_forget (struct vl_app *app, const char *uuid, const char *dir)
{
  struct vl_store *store = app->store;
  size_t first = app->call->findings.n;
  const char *gone = NULL;
  struct vl_record record;
  enum vl_holding holding;
  int got = vl_record_load (store, uuid, &record);

  if (got <= 0)
    return got < 0 ? -1 : vl_undo_end (store, uuid);
  holding = vl_hooks_release (app, &record);
  if (dir && vl_file_remove_tree (dir) < 0)
    return vl_remove_failed (app->call, dir);
  if (vl_db_begin (store) == 0
      && vl_db_finish (store, leave_shelved (store, uuid, &gone) < 0 ? -1
                              : holding == VL_HOLDING_NONE
                                  ? forget (store, uuid)
                                  : wait_for_plugins (store, uuid, said_since (app->call, first)))
             == 0)
    return vl_shelved_image_remove (app, gone) < 0 || holding == VL_HOLDING_PRESENT ? -1 : 0;
  return vl_refuse_as (app->call, VL_ERR_FAILED, "NotRecorded", NULL,
                       "the next command that can write to STATE forgets it",
                       "server \"%s\" was deleted, but is still on record", record.name);
}

int
vl_server_delete_rest (struct vl_app *app, const char *uuid, const char *driver)
{
  const char *dir = vl_server_dir (app, uuid);
  struct vl_record record;

  /* Of one that was resized there may be disks that only its document of before has. */
  if (dir == NULL || vl_guest_remove (app, driver, uuid) < 0
      || vl_server_devices_undo (app, app->store, uuid, NULL) < 0
      || (vl_record_load (app->store, uuid, &record) == 1
          && vl_server_disks_drop (app, &record, VL_ROLE_PENDING, VL_ROLE_CURRENT) < 0))
    return -1;
  return vl_server_forget (app, uuid, dir);
}

/* ---- the command ---- */

struct deletion {
  struct vl_app *app;
  struct vl_record record;
  struct vl_plugin *driver;
  int force;
  const char *const *abandon; /* NULL-terminated, or NULL */
};

/* May it be deleted?  What began is finished without asking again. */
static int
ask (const struct deletion *d)
{
  struct vl_hooks hooks;
  size_t first = d->app->call->findings.n;
  int result;

  if (VL_STREQ (d->record.status, "DELETING"))
    return 0;
  result = vl_hooks_load (&hooks, d->app, &d->record, VL_ROLE_CURRENT);
  if (result == 0)
    result = vl_hooks_permit (&hooks, VL_OP_DELETE, 1);
  if (result < 0 && d->force)
    result = vl_hooks_overrule (&hooks, "delete", first);
  vl_hooks_free (&hooks);
  return result;
}

/* Whatever was under way on the server is part of what the deletion removes. */
static int
write_down (const struct deletion *d)
{
  struct vl_store *store = d->app->store;
  const struct vl_record *record = &d->record;
  const char *image = NULL;

  if (vl_shelved_image_find (store, record, &image) < 0
      || vl_history_end (store, record->uuid, "interrupted", "the server was deleted") < 0
      || vl_undo_end (store, record->uuid) < 0
      || vl_record_set_status (store, record->uuid, "DELETING", record->fault) < 0
      || vl_undo_begin (store, record->uuid, VL_OP_SERVER_DELETE, record->driver) < 0
      || (image && vl_undo_plan (store, record->uuid, VL_MADE_SNAPSHOT, image) < 0))
    return -1;
  for (const char *const *name = d->abandon; name && *name; name++)
    if (vl_hooks_abandon (d->app, record, *name) < 0)
      return -1;
  return 0;
}

/* A server whose creation was never finished: its folder is removed only where it is proven
 * that the creation made it. */
static int
undo_creation (const struct deletion *d)
{
  struct vl_store *store = d->app->store;
  int begun = vl_db_any (
      store, "SELECT 1 FROM operation WHERE object = ? AND kind = '" VL_OP_SERVER_CREATE "'", "s",
      d->record.uuid);

  return begun == 1 ? vl_undo_roll_back (d->app, store, d->record.uuid) : begun;
}

/* A dump that was not finished is made in a folder that is not the server's.  One that cannot be
 * removed is told, and stays. */
static void
undo_dump (const struct deletion *d)
{
  struct vl_app *app = d->app;
  size_t first = app->call->findings.n;

  if (vl_db_any (app->store,
                 "SELECT 1 FROM operation WHERE object = ? AND kind = '" VL_OP_SERVER_DUMP "'", "s",
                 d->record.uuid)
      > 0)
    (void)vl_undo_drop_folders (app, app->store, d->record.uuid);
  vl_soften (app->call, first);
}

static int
delete_locked (struct deletion *d)
{
  struct vl_store *store = d->app->store;
  size_t first = d->app->call->findings.n;
  int begun;

  begun = vl_db_any (
      store, "SELECT 1 FROM operation WHERE object = ? AND kind = '" VL_OP_SERVER_IMPORT "'", "s",
      d->record.uuid);
  /* The disks of a server that is not this host's yet were there before. */
  if (begun != 0)
    return begun < 0 ? -1 : vl_undo_mend (d->app, store, d->record.uuid);
  if (ask (d) < 0 || undo_creation (d) < 0)
    return -1;
  undo_dump (d);
  vl_progress (d->app->call, "deleting \"%s\"", d->record.name);
  if (vl_db_begin (store) < 0 || vl_db_finish (store, write_down (d)) < 0)
    return -1;
  if (vl_server_delete_rest (d->app, d->record.uuid, d->record.driver) == 0)
    return 0;
  /* It stays in the log: the next command goes on with it. */
  vl_record_set_status (store, d->record.uuid, "DELETING", vl_fault_text (d->app->call, first));
  return -1;
}

int
vl_server_delete (struct vl_app *app, const char *server, int force, const char *const *abandon)
{
  struct deletion d = { .app = app, .force = force, .abandon = abandon };
  const struct vl_record *record;
  int got = -1;

  vl_reserve_use (app);
  record = vl_record_find (app, server);
  if (record == NULL)
    return -1;
  /* What is to be given up is not asked for once more. */
  if (abandon == NULL || *abandon == NULL)
    vl_recover (app, app->store);
  d.driver = vl_app_driver_named (app, record->driver);
  if (d.driver == NULL || vl_app_conn (app, d.driver) == NULL)
    return -1;
  {
    VL_AUTOLOCK struct vl_lock lock = VL_LOCK_NONE;

    if (vl_lock_take (app, "servers", record->uuid, vl_lock_seconds (app), &lock) == 0)
      got = vl_record_load (app->store, record->uuid, &d.record);
    /* Its disks may be those of a guest elsewhere. */
    if (got == 1 && vl_record_accepts (app->call, &d.record, d.record.status, "delete") < 0)
      got = -1;
    /* Whoever held it, or the mending of what a dead command left, may have done
     * the work. */
    if (got == 1)
      got = delete_locked (&d);
  }
  if (got == 0)
    vl_events_tell (app);
  vl_reserve_keep (app);
  return got;
}
