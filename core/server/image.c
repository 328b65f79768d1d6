/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Images on record: found, changed, deleted. */

#include <config.h>

#include "server/hooks.h"
#include "server/undo.h"

#include "lib/text.h"
#include "request/request.h"
#include "server/session.h"

#include <errno.h>

#include <virtloom/virtloom.h>

const char *
vl_image_path (struct vl_app *app, const char *uuid)
{
  const char *state = vl_app_state_dir (app);

  return state ? vl_printf (app->call, "%s/images/%s", state, uuid) : NULL;
}

/* ---- look-up ---- */

#define COLUMNS                                                                                    \
  "name, uuid, disk_format, status, checksum, size, virtual_size, min_ram, min_disk, url, "        \
  "url_checksum, used"

static int
read_row (struct vl_app *app, struct vl_store *store, sqlite3_stmt *stmt,
          struct vl_image_info *image)
{
  image->name = vl_db_keep (store, stmt, 0);
  image->uuid = vl_db_keep (store, stmt, 1);
  image->disk_format = vl_db_keep (store, stmt, 2);
  image->status = vl_db_keep (store, stmt, 3);
  image->checksum = vl_db_keep (store, stmt, 4);
  image->size = vl_db_int (stmt, 5);
  image->virtual_size = vl_db_int (stmt, 6);
  image->min_ram = vl_db_int (stmt, 7);
  image->min_disk = vl_db_int (stmt, 8);
  image->url = vl_db_keep (store, stmt, 9);
  image->url_checksum = vl_db_keep (store, stmt, 10);
  image->used = vl_db_keep (store, stmt, 11);
  image->file = vl_image_path (app, image->uuid);
  return vl_properties_load (store, &vl_noun_image, image->uuid, &image->properties,
                             &image->n_properties);
}

const struct vl_image_info *
vl_image_find (struct vl_app *app, const char *name)
{
  struct vl_image_info *image = vl_arena_alloc (app->call->arena, sizeof *image);
  VL_AUTOQUERY sqlite3_stmt *stmt = NULL;
  struct vl_store *store;
  int got = 0;

  if (vl_app_store_if_any (app, &store) < 0)
    return NULL;
  if (store) {
    stmt = vl_db_query (store,
                        "SELECT " COLUMNS " FROM image WHERE name = ?1 OR uuid = ?1 "
                        "ORDER BY name = ?1 DESC",
                        "s", name);
    got = vl_db_step (store, stmt);
  }
  if (got == 1)
    return read_row (app, store, stmt, image) < 0 ? NULL : image;
  if (got == 0)
    vl_not_found (app->call, store, &vl_noun_image, name);
  return NULL;
}

/* What waits for its download to be gone on with. */
static int
warn_parked (struct vl_app *app, struct vl_store *store)
{
  struct parked {
    const char *name, *again;
  } * list;
  size_t n;

  if (vl_db_rows (store, &list, &n,
                  "SELECT name, used FROM image JOIN operation ON object = uuid WHERE kind = "
                  "'" VL_OP_IMAGE_DOWNLOAD "' AND status = 'queued' ORDER BY name",
                  "")
      < 0)
    return -1;
  for (size_t i = 0; i < n; i++) {
    const char *word = vl_name_word (app->call->arena, list[i].name);

    vl_warn_as (app->call, "DownloadUnfinished", NULL,
                vl_printf (app->call,
                           list[i].again ? "virtloom image cache fetch %s goes on with it"
                                         : "virtloom image create --url ... %s goes on with it, "
                                           "virtloom image delete %s forgets it",
                           word, word),
                "the download of image \"%s\" was interrupted", list[i].name);
  }
  return 0;
}

int
vl_image_each (struct vl_app *app, int (*fn) (void *, const struct vl_image_info *), void *opaque)
{
  VL_AUTOQUERY sqlite3_stmt *stmt = NULL;
  struct vl_image_info image;
  struct vl_store *store;
  int bad = 0, result;

  if (vl_app_store_if_any (app, &store) < 0)
    return -1;
  if (store == NULL)
    return 0;
  vl_recover_images (app, store);
  stmt = vl_db_query (store, "SELECT " COLUMNS " FROM image ORDER BY name", "");
  while (vl_db_next (store, stmt, &bad) == 1) {
    if (read_row (app, store, stmt, &image) < 0)
      return -1;
    result = fn (opaque, &image);
    if (result)
      return result;
  }
  vl_state_warn (app, "images", 0);
  return warn_parked (app, store) < 0 ? -1 : bad;
}

int
vl_image_change (struct vl_app *app, const char *name, const struct vl_property *set, size_t n_set,
                 const char *const *unset)
{
  const struct vl_image_info *image = vl_image_find (app, name);

  if (image == NULL)
    return -1;
  return vl_properties_change (app, &vl_noun_image, image->uuid, set, n_set, unset);
}

/* ---- delete ---- */

/* Is IMAGE the root disk of the server called NAME, which is STATUS? */
static int
is_shelved_as (struct vl_call *call, const char *name, const char *status,
               const struct vl_image_info *image)
{
  struct vl_image_info shelved = { 0 };

  vl_shelved_image_name (call, name, &shelved);
  return VL_STREQ (status, VL_STATUS_SHELVED) && VL_STREQ (shelved.uuid, image->uuid);
}

static int
refuse_use (struct vl_store *store, const struct vl_image_info *image)
{
  VL_AUTOQUERY sqlite3_stmt *stmt = vl_db_query (
      store,
      "SELECT server.name, status FROM server_image JOIN server ON server.uuid = server "
      "WHERE server_image.image = ? ORDER BY server.name",
      "s", image->uuid);
  VL_AUTOSTR struct vl_str names = { NULL, 0, 0 };
  const char *hint = "delete those servers first", *shelved = NULL;
  size_t n = 0;
  int got;

  while ((got = vl_db_step (store, stmt)) == 1) {
    const char *name = vl_db_text (stmt, 0);

    if (++n <= 10)
      vl_str_printf (&names, "%s\"%s\"", n > 1 ? ", " : "", name);
    if (is_shelved_as (store->call, name, vl_db_text (stmt, 1), image))
      shelved = vl_printf (store->call, "virtloom server unshelve %s",
                           vl_name_word (store->call->arena, name));
  }
  if (got < 0 || n == 0)
    return got;
  if (shelved)
    hint = n == 1 ? vl_printf (store->call, "%s takes it out", shelved)
                  : vl_printf (store->call,
                               "delete the servers that are not shelved; then %s takes it out",
                               shelved);
  return vl_refuse_as (store->call, VL_ERR_REQUEST, "ImageInUse", NULL, hint,
                       "image \"%s\" is used by %zu server%s: %s%s", image->name, n,
                       n > 1 ? "s" : "", names.text, n > 10 ? " ..." : "");
}

/* Who has it keeps it; else it is being deleted from here on. */
static int
write_down (struct vl_store *store, const struct vl_image_info *image, const char *status)
{
  int result = refuse_use (store, image);

  if (result == 0 && VL_STREQ (status, "deleting"))
    return 0;
  return result < 0
                 || vl_db_run (store, "UPDATE image SET status = 'deleting' WHERE uuid = ?", "s",
                               image->uuid)
                        < 0
             ? -1
             : vl_undo_begin (store, image->uuid, VL_OP_IMAGE_DELETE, NULL);
}

static int
forget (struct vl_store *store, const char *uuid)
{
  return vl_db_run (store, "DELETE FROM image WHERE uuid = ?", "s", uuid) < 0
             ? -1
             : vl_undo_end (store, uuid);
}

int
vl_image_delete_rest (struct vl_app *app, const char *uuid)
{
  const char *path = vl_image_path (app, uuid);

  if (path == NULL)
    return -1;
  if (unlink (path) < 0 && errno != ENOENT)
    return vl_remove_failed (app->call, path);
  if (vl_db_begin (app->store) == 0 && vl_db_finish (app->store, forget (app->store, uuid)) == 0)
    return 0;
  return vl_refuse_as (app->call, VL_ERR_FAILED, "NotRecorded", NULL,
                       "the next command that can write to STATE forgets it",
                       "image %s was deleted, but is still on record", uuid);
}

int
vl_image_delete (struct vl_app *app, const char *name)
{
  VL_AUTOLOCK struct vl_lock lock = VL_LOCK_NONE;
  const struct vl_image_info *image;
  const char *status;
  int result;

  vl_reserve_use (app);
  image = vl_image_find (app, name);
  if (image == NULL)
    return -1;
  vl_recover (app, app->store);
  if (vl_lock_take (app, "images", image->uuid, VL_LOCK_OTHER, &lock) < 0)
    return -1;
  if (vl_db_any (app->store, "SELECT 1 FROM operation WHERE object = ? AND kind = ?", "ss",
                 image->uuid, VL_OP_IMAGE_DOWNLOAD)
          > 0
      && vl_image_drop (app, app->store, image->uuid) < 0)
    return -1;
  /* Another command, or the mending of what a dead one left, may have deleted it. */
  result =
      vl_db_row (app->store, &status, "SELECT status FROM image WHERE uuid = ?", "s", image->uuid);
  if (result == 1)
    result = vl_db_begin (app->store) < 0
                     || vl_db_finish (app->store, write_down (app->store, image, status)) < 0
                 ? -1
                 : vl_image_delete_rest (app, image->uuid);
  vl_reserve_keep (app);
  return result;
}
