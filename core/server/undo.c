/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The undo log: plan, act, done; rolling back; finding what dead commands
 * left. */

#include <config.h>

#include "server/undo.h"

#include "lib/file.h"
#include "server/hooks.h"
#include "server/method.h"
#include "server/session.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>

int
vl_undo_begin (struct vl_store *store, const char *object, const char *kind, const char *driver)
{
  return vl_db_run (store,
                    "INSERT INTO operation (object, kind, driver, begun) VALUES (?, ?, ?, ?)",
                    "ssss", object, kind, driver, vl_now_text (store->call));
}

int
vl_undo_plan (struct vl_store *store, const char *object, const char *kind, const char *name)
{
  return vl_db_run (store, "INSERT INTO undo (object, kind, name) VALUES (?, ?, ?)", "sss", object,
                    kind, name);
}

/* "DEVICE:INODE" of what NAME is now, without following a link; NULL: nothing. */
static const char *
identity_of (struct vl_call *call, const char *name)
{
  struct stat st;

  if (lstat (name, &st) < 0)
    return NULL;
  return vl_arena_printf (call->arena, "%" PRIu64 ":%" PRIu64, (uint64_t)st.st_dev,
                          (uint64_t)st.st_ino);
}

int
vl_undo_done (struct vl_store *store, const char *object, const char *kind, const char *name,
              const char *at)
{
  const char *identity = identity_of (store->call, at ? at : name);

  if (identity == NULL)
    return vl_refuse (store->call, VL_ERR_FAILED, NULL, NULL, "\"%s\" was made and is gone: %s",
                      name, strerror (errno));
  return vl_db_run (store,
                    "UPDATE undo SET identity = ? WHERE object = ? AND kind = ? AND name = ?",
                    "ssss", identity, object, kind, name);
}

int
vl_undo_end (struct vl_store *store, const char *object)
{
  return vl_db_run (store, "DELETE FROM operation WHERE object = ?", "s", object);
}

/* ---- rolling back ---- */

struct made {
  const char *kind, *name, *identity, *driver;
};

/* A folder or file is ours if it is the very inode that was written down.  A
 * folder whose identity never got into the log was just made, so it is empty:
 * rmdir can take nothing that is not ours. */
static int
remove_made (struct vl_call *call, const struct made *made)
{
  const char *now = identity_of (call, made->name);
  int folder = VL_STREQ (made->kind, VL_MADE_FOLDER);
  int result = 0;

  if (now == NULL)
    return 0;
  if (made->identity == NULL)
    result = folder && rmdir (made->name) < 0 && errno != ENOTEMPTY && errno != EEXIST
                     && errno != ENOTDIR
                 ? -1
                 : 0;
  else if (VL_STREQ (now, made->identity))
    result = folder ? vl_file_remove_tree (made->name) : unlink (made->name);
  if (result < 0)
    return vl_refuse (call, VL_ERR_FAILED, NULL, NULL, "cannot remove \"%s\": %s", made->name,
                      strerror (errno));
  return 0;
}

int
vl_guest_remove (struct vl_app *app, const char *driver_name, const char *uuid)
{
  struct vl_plugin *driver = driver_name ? vl_app_driver_named (app, driver_name) : NULL;

  if (driver == NULL)
    return -1;
  if (VL_CALL (app, driver, power, destroy, uuid) < 0)
    return -1;
  /* Not every driver has something left to clean. */
  return VL_CALL_FN (driver, power, cleanup) ? VL_CALL (app, driver, power, cleanup, uuid) : 0;
}

int
vl_undo_roll_back (struct vl_app *app, struct vl_store *store, const char *object)
{
  struct made *made;
  int bad = 0;
  size_t n;

  /* No driver is called and nothing removed while the statement is open.  The
   * order of the kinds is that of the alphabet: domain, equipment, file, folder. */
  if (vl_db_rows (store, &made, &n,
                  "SELECT undo.kind, name, identity, driver FROM undo JOIN operation USING "
                  "(object) WHERE object = ? ORDER BY undo.kind, name",
                  "s", object)
      < 0)
    return -1;
  for (size_t i = 0; i < n; i++) {
    if (VL_STREQ (made[i].kind, VL_MADE_DOMAIN))
      bad |= vl_guest_remove (app, made[i].driver, made[i].name);
    else if (VL_STREQ (made[i].kind, VL_MADE_DEVICE))
      bad |= bad ? -1 : vl_server_devices_undo (app, store, object, made[i].name);
    else if (bad == 0)
      bad |= remove_made (app->call, &made[i]);
  }
  return bad ? -1 : 0;
}

/* ---- what dead commands left ---- */

struct left {
  const char *object, *kind, *driver;
};
#define LEFT "SELECT object, kind, driver FROM operation"

static int
mend (struct vl_app *app, struct vl_store *store, const struct left *left)
{
  if (VL_STREQ (left->kind, VL_OP_SERVER_DELETE))
    return vl_server_delete_rest (app, left->object, left->driver);
  if (VL_STREQ (left->kind, VL_OP_SERVER_RELEASE))
    return vl_server_forget (app, left->object, NULL);
  if (VL_STREQ (left->kind, VL_OP_SERVER_UPDATE))
    return vl_document_mend (app, store, left->object);
  if (VL_STARTS (left->kind, VL_OP_SERVER) && ! VL_STREQ (left->kind, VL_OP_SERVER_CREATE))
    return vl_server_act_mend (app, left->object, left->kind);
  if (vl_undo_roll_back (app, store, left->object) < 0)
    return -1;
  /* A server's record is made with its operation, an image's at its end. */
  return VL_STREQ (left->kind, VL_OP_SERVER_CREATE) ? vl_server_forget (app, left->object, NULL)
                                                    : vl_undo_end (store, left->object);
}

int
vl_undo_mend (struct vl_app *app, struct vl_store *store, const char *object)
{
  struct left left;
  int got = vl_db_row (store, &left, LEFT " WHERE object = ?", "s", object);

  if (got <= 0)
    return got;
  vl_progress (app->call, "mending what an interrupted \"%s\" left", left.kind);
  return mend (app, store, &left);
}

/* Is somebody at work on it?  Only a look: no driver is opened for that.  Where
 * the look fails, after a finding, it may be so. */
static int
is_alive (struct vl_app *app, const char *kind, const char *object)
{
  VL_AUTOLOCK struct vl_lock lock = VL_LOCK_NONE;

  return vl_lock_take (app, kind, object, 0, &lock) != 0;
}

static void
mend_if_dead (struct vl_app *app, struct vl_store *store, const struct left *left)
{
  VL_AUTOLOCK struct vl_lock lock = VL_LOCK_NONE;
  int server = VL_STARTS (left->kind, "server ");
  struct vl_plugin *driver;

  if (is_alive (app, server ? "servers" : "images", left->object))
    return;
  /* It waits for plugins that are still not there. */
  if (VL_STREQ (left->kind, VL_OP_SERVER_RELEASE)
      && vl_hooks_holding (app, left->object) == VL_HOLDING_ABSENT)
    return;
  /* The driver before the lock, as everywhere. */
  driver = left->driver ? vl_app_driver_named (app, left->driver) : NULL;
  if (driver)
    vl_app_conn (app, driver);
  if (vl_lock_take (app, server ? "servers" : "images", left->object, 0, &lock) == 0
      /* It may have ended by itself before we had its lock. */
      && vl_undo_mend (app, store, left->object) < 0)
    vl_warn_as (app->call, "Unfinished", NULL, NULL,
                "an interrupted \"%s\" of %s could not be mended now; it is tried again later",
                left->kind, left->object);
}

void
vl_recover (struct vl_app *app, struct vl_store *store)
{
  size_t n, first = app->call->findings.n;
  struct left *list;

  if (app->recovered)
    return;
  app->recovered = 1;
  vl_db_rows (store, &list, &n, LEFT " ORDER BY begun, object", "");
  for (size_t i = 0; i < n; i++)
    mend_if_dead (app, store, &list[i]);
  vl_lock_sweep (app, "servers");
  vl_lock_sweep (app, "images");
  vl_lock_sweep (app, "locks");
  /* None of it is about what was asked for. */
  vl_soften (app->call, first);
}
