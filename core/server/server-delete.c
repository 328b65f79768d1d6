/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Deleting a server: written down first, so that a deletion once begun is
 * always finished, by this command or by the next. */

#include <config.h>

#include "server/lock.h"
#include "server/record.h"
#include "server/undo.h"

#include "lib/file.h"

#include <errno.h>

int
vl_server_delete_rest (struct vl_app *app, struct vl_store *store, const char *uuid,
                       const char *driver)
{
  const char *dir = vl_server_dir (app, uuid);

  if (dir == NULL || vl_guest_remove (app, driver, uuid) < 0)
    return -1;
  if (vl_file_remove_tree (dir) < 0)
    return vl_error (app->call, VL_ERR_FAILED, NULL, NULL, "cannot remove \"%s\": %s", dir,
                     strerror (errno));
  if (vl_db_begin (store) < 0)
    return -1;
  return vl_db_finish (store, vl_db_run (store, "DELETE FROM server WHERE uuid = ?", "s", uuid) < 0
                                  ? -1
                                  : vl_undo_end (store, uuid));
}

static int
begin (struct vl_store *store, const struct vl_record *record)
{
  if (vl_db_begin (store) < 0)
    return -1;
  return vl_db_finish (
      store, vl_record_set_status (store, record->uuid, "DELETING", record->fault) < 0
                 ? -1
                 : vl_undo_begin (store, record->uuid, VL_OP_SERVER_DELETE, record->driver));
}

/* The driver would not: the server stays, says why, and can be deleted again. */
static void
give_up (struct vl_store *store, const char *uuid, const char *fault)
{
  if (vl_db_begin (store) < 0)
    return;
  vl_db_finish (store, vl_record_set_status (store, uuid, "ERROR", fault) < 0
                           ? -1
                           : vl_undo_end (store, uuid));
}

int
vl_server_delete (struct vl_app *app, const char *server)
{
  VL_AUTOLOCK struct vl_lock lock = VL_LOCK_NONE;
  const struct vl_record *record = vl_record_find (app, server);
  struct vl_plugin *driver;
  struct vl_record now;
  size_t first;
  int got;

  if (record == NULL)
    return -1;
  vl_recover (app, app->store);
  driver = vl_app_driver_named (app, record->driver);
  if (driver == NULL || vl_app_conn (app, driver) == NULL)
    return -1;
  if (vl_lock_take (app, "servers", record->uuid, 1, &lock) < 0)
    return -1;
  /* Whoever held it, or the mending of what a dead command left, may have done
   * the work. */
  got = vl_record_load (app->store, record->uuid, &now);
  if (got <= 0)
    return got;
  first = app->call->findings.n;
  vl_progress (app->call, "deleting \"%s\"", now.name);
  if (vl_db_number (app->store, 0, "SELECT count(*) FROM operation WHERE object = ?", "s", now.uuid)
      && vl_undo_end (app->store, now.uuid) < 0)
    return -1;
  if (begin (app->store, &now) < 0)
    return -1;
  if (vl_server_delete_rest (app, app->store, now.uuid, now.driver) == 0)
    return 0;
  give_up (app->store, now.uuid, vl_fault_text (app->call, first));
  return -1;
}
