/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The undo log: plan, act, done; rolling back; finding what dead commands
 * left. */

#include <config.h>

#include "server/states.h"
#include "server/undo.h"

#include "lib/file.h"
#include "lib/text.h"
#include "request/request.h"
#include "server/hooks.h"
#include "server/method.h"
#include "server/migrate.h"
#include "server/record.h"
#include "server/session.h"
#include "storage/storage.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

int
vl_undo_begin (struct vl_store *store, const char *object, const char *kind, const char *driver)
{
  if (VL_STARTS (kind, VL_OP_SERVER)
      && vl_history_begin (store, object, kind + strlen (VL_OP_SERVER)) < 0)
    return -1;
  return vl_db_run (store,
                    "INSERT INTO operation (object, kind, driver, begun) VALUES (?, ?, ?, ?)",
                    "ssss", object, kind, driver, vl_now_text (store->call));
}

/* Is what is planned of KIND a name?  A request may have any character, and a list has new lines. */
static int
is_name (const char *kind)
{
  return ! VL_STREQ (kind, VL_MADE_REQUEST) && ! VL_STREQ (kind, VL_MADE_GIVEN);
}

int
vl_undo_plan (struct vl_store *store, const char *object, const char *kind, const char *name)
{
  const char *problem = is_name (kind) ? vl_text_problem (name, strlen (name)) : NULL;
  char token[37];

  /* The store hands out no such name, so what has one could never be undone. */
  if (problem)
    return vl_refuse_as (store->call, VL_ERR_REQUEST, "Invalid", NULL, NULL,
                         "\"%s\" cannot be made: its name %s", name, problem);
  vl_uuid_random (token);
  return vl_db_run (store, "INSERT INTO undo (object, kind, name, identity) VALUES (?, ?, ?, ?)",
                    "ssss", object, kind, name, VL_STREQ (kind, VL_MADE_FOLDER) ? token : NULL);
}

/* What the operation on OBJECT marks folders with: 1, 0 where it makes none, -1. */
static int
load_token (struct vl_store *store, const char *object, const char **token)
{
  return vl_db_row (store, token,
                    "SELECT identity FROM undo WHERE object = ? AND kind = '" VL_MADE_FOLDER "'",
                    "s", object);
}

/* In a folder that an operation made: a link to the operation's token.  It is made in one
 * step, and stays what it is when disks get other numbers, or STATE is copied. */
#define MARK ".operation"

int
vl_undo_mkdir (struct vl_store *store, const char *object, const char *path)
{
  const char *mark = vl_printf (store->call, "%s/" MARK, path), *token = NULL;
  int got = load_token (store, object, &token);

  if (got <= 0 || token == NULL)
    return got < 0 ? -1 : vl_fault (store->call, "a folder is made that was not planned");
  if (mkdir (path, 0700) < 0 || symlink (token, mark) < 0 || vl_file_sync_folder (mark) < 0)
    return vl_file_failed (store->call, "cannot make", path, errno);
  return 0;
}

int
vl_undo_moves (struct vl_store *store, const char *object)
{
  return vl_db_run (
      store, "UPDATE undo SET identity = 'moves' WHERE object = ? AND kind = '" VL_MADE_FILE "'",
      "s", object);
}

int
vl_undo_moved (struct vl_store *store, const char *object)
{
  return vl_db_run (store, "DELETE FROM undo WHERE object = ? AND kind = '" VL_MADE_FILE "'", "s",
                    object);
}

void
vl_undo_unmark (struct vl_call *call, const char *path)
{
  /* Whose it was matters to nobody any more. */
  (void)unlink (vl_printf (call, "%s/" MARK, path));
}

int
vl_undo_planned (struct vl_store *store, const char *object, const char *kind, const char **name)
{
  /* The store judges what it hands out by the name of the column. */
  const char *query =
      is_name (kind) ? "SELECT name FROM undo WHERE object = ? AND kind = ? ORDER BY name LIMIT 1"
                     : "SELECT name AS request FROM undo WHERE object = ? AND kind = ? LIMIT 1";

  *name = NULL;
  return vl_db_row (store, name, query, "ss", object, kind) < 0 ? -1 : 0;
}

int
vl_undo_end (struct vl_store *store, const char *object)
{
  return vl_history_end (store, object, "done", NULL) < 0
             ? -1
             : vl_db_run (store, "DELETE FROM operation WHERE object = ?", "s", object);
}

int
vl_undo_close (struct vl_store *store, const char *object, const char *result, const char *reason)
{
  if (vl_db_begin (store) < 0)
    return -1;
  return vl_db_finish (
      store, vl_history_end (store, object, result, reason) < 0 ? -1 : vl_undo_end (store, object));
}

/* ---- rolling back ---- */

struct made {
  const char *kind, *name, *identity, *driver, *operation;
};

/* Where what the operation on OBJECT made lies.  Of the path on record the last component
 * counts, and has to be one that the operation can have made; NULL after a finding. */
static const char *
path_of (struct vl_app *app, const char *object, const struct made *made)
{
  const char *top = VL_STARTS (made->operation, "server ") ? vl_server_dir (app, object)
                                                           : vl_image_path (app, object);
  const char *name = strrchr (made->name, '/');

  name = name ? name + 1 : made->name;
  if (VL_STREQ (name, object))
    return top;
  if (VL_STREQ (name, vl_printf (app->call, "%s.new", object)))
    return vl_printf (app->call, "%s.new", top);
  vl_refuse_as (app->call, VL_ERR_FAILED, "StoreDamaged", NULL, VL_HINT_STORE,
                "\"%s\" is damaged: an operation on %s has made the %s '%.64s', it says",
                app->store->path, object, made->kind, made->name);
  return NULL;
}

/* Does the folder at PATH have the mark TOKEN? */
static int
is_marked (struct vl_call *call, const char *path, const char *token)
{
  char text[40];
  ssize_t n = readlink (vl_printf (call, "%s/" MARK, path), text, sizeof text - 1);

  text[n < 0 ? 0 : n] = '\0';
  return token && VL_STREQ (text, token);
}

/* Whose it is is not proven: it goes only where that was accepted. */
static int
remove_unproven (struct vl_app *app, const char *object, const char *path)
{
  if (app->accepted && VL_STREQ (app->accepted, object))
    return vl_file_remove_tree (path) < 0 ? vl_remove_failed (app->call, path) : 0;
  return vl_refuse_as (app->call, VL_ERR_FAILED, "NotProven", NULL,
                       vl_printf (app->call,
                                  "look at it; move it away, or have it removed: virtloom state "
                                  "repair --accept-loss %s",
                                  vl_shell_word (app->call->arena, object)),
                       "\"%s\" has not the mark of the operation that began to make it: it may be "
                       "somebody else's, and stays",
                       path);
}

/* A folder that has no mark yet was just made, so it is empty: rmdir can take nothing that
 * is not ours. */
static int
remove_folder (struct vl_app *app, const char *object, const char *path, const char *token)
{
  struct stat st;

  /* Asked first, since rmdir() fails where nothing can be written, though nothing is there. */
  if (lstat (path, &st) < 0 && (errno == ENOENT || errno == ENAMETOOLONG))
    return 0;
  if (is_marked (app->call, path, token))
    return vl_file_remove_tree (path) < 0 ? vl_remove_failed (app->call, path) : 0;
  if (rmdir (path) == 0 || errno == ENOENT)
    return 0;
  return errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR
             ? remove_unproven (app, object, path)
             : vl_remove_failed (app->call, path);
}

/* A file is made in the marked folder beside it and then moved, never over another.  Where
 * that began, and the folder has the file no more, the one at PATH is ours. */
static int
remove_file (struct vl_app *app, const char *object, const char *path)
{
  const char *folder = vl_printf (app->call, "%s.new", path), *token = NULL;

  if (access (vl_printf (app->call, "%s/" VL_MADE_INSIDE, folder), F_OK) == 0)
    return 0;
  if (load_token (app->store, object, &token) < 0)
    return -1;
  if (! is_marked (app->call, folder, token))
    return remove_unproven (app, object, path);
  return unlink (path) < 0 && errno != ENOENT ? vl_remove_failed (app->call, path) : 0;
}

static int
remove_made (struct vl_app *app, const char *object, const struct made *made)
{
  const char *path = path_of (app, object, made);
  struct stat st;

  if (path == NULL)
    return -1;
  if (lstat (path, &st) < 0 && errno == ENOENT)
    return 0;
  if (VL_STREQ (made->kind, VL_MADE_FOLDER))
    return remove_folder (app, object, path, made->identity);
  return made->identity ? remove_file (app, object, path) : 0;
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
  if (vl_db_rows (
          store, &made, &n,
          "SELECT undo.kind, name, identity, driver, operation.kind FROM undo JOIN operation USING "
          "(object) WHERE object = ? ORDER BY undo.kind, name",
          "s", object)
      < 0)
    return -1;
  for (size_t i = 0; i < n; i++) {
    if (VL_STREQ (made[i].kind, VL_MADE_DOMAIN))
      bad |= vl_guest_remove (app, made[i].driver, object);
    else if (VL_STREQ (made[i].kind, VL_MADE_DEVICE))
      bad |= bad ? -1 : vl_server_devices_undo (app, store, object, made[i].name);
    else if (bad == 0)
      bad |= remove_made (app, object, &made[i]);
  }
  return bad ? -1 : 0;
}

int
vl_undo_drop_folders (struct vl_app *app, struct vl_store *store, const char *object)
{
  struct made *made;
  int bad = 0;
  size_t n;

  if (vl_db_rows (store, &made, &n,
                  "SELECT kind, name, identity, NULL, NULL FROM undo WHERE object = ? AND kind = "
                  "'" VL_MADE_FOLDER "'",
                  "s", object)
      < 0)
    return -1;
  for (size_t i = 0; i < n; i++)
    bad |= remove_folder (app, object, made[i].name, made[i].identity);
  return bad;
}

/* ---- new files beside others ---- */

const char *
vl_undo_folder_of (struct vl_call *call, const char *path, const char *uuid)
{
  const char *name = strrchr (path, '/') + 1;

  return vl_printf (call, "%.*s.%s.%s", (int)(name - path), path, name, uuid);
}

/* "/var/crash/web1" of "/var/crash/.web1.UUID". */
const char *
vl_undo_target_of (struct vl_call *call, const char *folder, const char *uuid)
{
  const char *name = strrchr (folder, '/');
  size_t length = strlen (folder), extra = strlen (uuid) + 1;

  if (name == NULL || name[1] != '.' || length - (size_t)(name - folder) <= extra + 2)
    return "";
  return vl_printf (call, "%.*s%.*s", (int)(name + 1 - folder), folder,
                    (int)(length - (size_t)(name + 2 - folder) - extra), name + 2);
}

/* ---- what dead commands left ---- */

struct left {
  const char *object, *kind, *driver;
};
#define LEFT "SELECT object, kind, driver FROM operation"

/* Does KIND begin with a record that is not there before? */
static int
makes_record (const char *kind)
{
  return VL_STREQ (kind, VL_OP_SERVER_CREATE) || VL_STREQ (kind, VL_OP_SERVER_IMPORT);
}

static int
mend (struct vl_app *app, struct vl_store *store, const struct left *left)
{
  if (VL_STREQ (left->kind, VL_OP_SERVER_DELETE))
    return vl_server_delete_rest (app, left->object, left->driver);
  if (VL_STREQ (left->kind, VL_OP_SERVER_RELEASE))
    return vl_server_forget (app, left->object, NULL);
  if (VL_STREQ (left->kind, VL_OP_SERVER_UPDATE) || VL_STARTS (left->kind, VL_OP_SERVER_ATTACH)
      || VL_STARTS (left->kind, VL_OP_SERVER_DETACH) || VL_STREQ (left->kind, VL_OP_SERVER_LIVE)
      || VL_STREQ (left->kind, VL_OP_SERVER_SWAP))
    return vl_document_mend (app, store, left->object, left->kind);
  if (VL_STARTS (left->kind, VL_OP_SERVER_RESIZE))
    return vl_server_resize_mend (app, left->object, left->kind);
  if (VL_STREQ (left->kind, VL_OP_SERVER_RESCUE) || VL_STREQ (left->kind, VL_OP_SERVER_UNRESCUE))
    return vl_server_rescue_mend (app, left->object, left->kind);
  if (VL_STREQ (left->kind, VL_OP_SERVER_REBUILD))
    return vl_server_rebuild_mend (app, left->object);
  if (VL_STREQ (left->kind, VL_OP_SERVER_SHELVE))
    return vl_server_shelve_mend (app, left->object);
  if (VL_STREQ (left->kind, VL_OP_SERVER_UNSHELVE))
    return vl_server_unshelve_mend (app, left->object);
  if (VL_STREQ (left->kind, VL_OP_SERVER_VOLUME_SNAPSHOT)
      || VL_STREQ (left->kind, VL_OP_SERVER_VOLUME_MERGE))
    return vl_server_volume_mend (app, left->object, left->kind);
  if (VL_STREQ (left->kind, VL_OP_SERVER_DUMP))
    return vl_server_dump_mend (app, left->object);
  if (VL_STREQ (left->kind, VL_OP_SERVER_SNAPSHOT))
    return vl_server_snapshot_mend (app, left->object);
  if (VL_STREQ (left->kind, VL_OP_SERVER_PASSWORD))
    return vl_server_password_mend (app, left->object);
  if (VL_STREQ (left->kind, VL_OP_SERVER_LIVE_MIGRATION))
    return vl_live_migration_mend (app, left->object);
  if (VL_STREQ (left->kind, VL_OP_SERVER_MIGRATE))
    return vl_migrate_mend (app, left->object);
  if (VL_STREQ (left->kind, VL_OP_SERVER_REPLACE))
    return vl_import_replace_mend (app, left->object);
  if (VL_STREQ (left->kind, VL_OP_SERVER_EXTEND))
    return vl_server_extend_mend (app, left->object);
  if (VL_STARTS (left->kind, VL_OP_SERVER) && ! makes_record (left->kind))
    return vl_server_act_mend (app, left->object, left->kind);
  if (VL_STREQ (left->kind, VL_OP_IMAGE_DELETE))
    return vl_image_delete_rest (app, left->object);
  if (VL_STREQ (left->kind, VL_OP_IMAGE_DOWNLOAD))
    return vl_image_download_mend (app, store, left->object);
  if (VL_STREQ (left->kind, VL_OP_IMAGE_EVICT))
    return vl_image_evict_rest (app, left->object);
  if (vl_undo_roll_back (app, store, left->object) < 0
      || vl_history_end (store, left->object, "interrupted", VL_WAS_KILLED) < 0)
    return -1;
  /* A server's record is made with its operation, an image's at its end. */
  return makes_record (left->kind) ? vl_server_forget (app, left->object, NULL)
                                   : vl_undo_end (store, left->object);
}

/* What is typed to do KIND, "server add volume". */
static const char *
verb_of (struct vl_call *call, const char *kind)
{
  return VL_STARTS (kind, VL_OP_SERVER)
             ? vl_printf (call, VL_OP_SERVER "%s", vl_operation_verb (kind + strlen (VL_OP_SERVER)))
             : kind;
}

int
vl_undo_mend (struct vl_app *app, struct vl_store *store, const char *object)
{
  struct left left;
  int got = vl_db_row (store, &left, LEFT " WHERE object = ?", "s", object);

  if (got <= 0)
    return got;
  vl_progress (app->call, "mending what an interrupted \"%s\" left",
               verb_of (app->call, left.kind));
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
  size_t first = app->call->findings.n;
  struct vl_plugin *driver;

  if (is_alive (app, server ? "servers" : "images", left->object))
    return;
  /* It waits for plugins that are still not there. */
  if (VL_STREQ (left->kind, VL_OP_SERVER_RELEASE)
      && vl_hooks_holding (app, left->object) == VL_HOLDING_ABSENT)
    return;
  if (VL_STREQ (left->kind, VL_OP_IMAGE_DOWNLOAD) && vl_image_parked (store, left->object))
    return;
  /* The driver before the lock, as everywhere. */
  driver = left->driver ? vl_app_driver_named (app, left->driver) : NULL;
  if (driver)
    vl_app_conn (app, driver);
  if (vl_lock_take (app, server ? "servers" : "images", left->object, 0, &lock) == 0
      /* It may have ended by itself before we had its lock. */
      && vl_undo_mend (app, store, left->object) < 0) {
    vl_db_run (store,
               "UPDATE server SET fault = ?, status = iif (status = 'BUILD', 'ERROR', status) "
               "WHERE uuid = ?",
               "ss", vl_fault_text (app->call, first), left->object);
    vl_warn_as (app->call, "Unfinished", NULL, NULL,
                "an interrupted \"%s\" of %s could not be mended now; it is tried again later",
                verb_of (app->call, left->kind), left->object);
  }
}

/* Mends what dead commands left of operations whose kinds begin with KIND. */
static void
recover (struct vl_app *app, struct vl_store *store, const char *kind)
{
  struct left *list;
  size_t n;

  vl_db_rows (store, &list, &n, LEFT " ORDER BY begun, object", "");
  for (size_t i = 0; i < n; i++)
    if (VL_STARTS (list[i].kind, kind))
      mend_if_dead (app, store, &list[i]);
}

void
vl_recover (struct vl_app *app, struct vl_store *store)
{
  size_t first = app->call->findings.n;

  if (app->recovered || store->read_only)
    return;
  app->recovered = 1;
  recover (app, store, "");
  vl_lock_sweep (app, "servers");
  vl_lock_sweep (app, "images");
  vl_lock_sweep (app, "locks");
  /* None of it is about what was asked for. */
  vl_soften (app->call, first);
}

void
vl_recover_images (struct vl_app *app, struct vl_store *store)
{
  size_t first = app->call->findings.n;

  if (app->recovered || store->read_only)
    return;
  recover (app, store, "image ");
  vl_soften (app->call, first);
}
