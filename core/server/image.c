/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Images: inspected, copied into STATE, their format written down and never
 * asked of the bytes again. */

#include <config.h>

#include "server/record.h"
#include "server/undo.h"

#include "lib/file.h"
#include "request/request.h"
#include "server/session.h"
#include "storage/storage.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <virtloom/virtloom.h>

/* As in a request file. */
#define MOST INT32_MAX

const char *
vl_image_path (struct vl_app *app, const char *uuid)
{
  const char *state = vl_app_state_dir (app);

  return state ? vl_printf (app->call, "%s/images/%s", state, uuid) : NULL;
}

/* ---- look-up ---- */

#define COLUMNS "name, uuid, disk_format, status, checksum, size, virtual_size, min_ram, min_disk"

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
  return bad;
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

/* ---- create ---- */

struct arrival {
  struct vl_app *app;
  struct vl_store *store;
  const struct vl_image_info *image; /* as asked for */
  const char *file, *uuid;
  const char *format; /* in which it is kept */
  const char *folder, *copy, *target;
  const char *checksum;
  struct vl_image_facts facts; /* of the copy */
  struct stat st;              /* of the copy */
};

static int
check (struct vl_app *app, const struct vl_image_info *image)
{
  struct vl_call *call = app->call;
  int bad = vl_name_check (call, &vl_noun_image, image->name);

  if (image->disk_format == NULL) {
    bad = vl_refuse (call, VL_ERR_USAGE, NULL,
                     "say what it is, --disk-format qcow2 or raw; it is never guessed",
                     "the image's disk format is missing");
  }
  bad |= vl_range_check (call, "an image's min_ram", " MiB", image->min_ram, 0, MOST);
  bad |= vl_range_check (call, "an image's min_disk", " GiB", image->min_disk, 0, MOST);
  bad |= vl_properties_check (app, &vl_noun_image, image->properties, image->n_properties);
  return bad;
}

/* In what format an image is kept: guests are given raw and qcow2 only, so that
 * QEMU never runs a parser of the others on behalf of a guest. */
static const char *
kept_format (const char *format)
{
  return VL_STREQ (vl_image_kept_format (format), "raw") ? format : "qcow2";
}

static int
begin (struct arrival *a)
{
  struct vl_store *store = a->store;
  int result;

  if (vl_db_begin (store) < 0)
    return -1;
  result = vl_db_any (store, "SELECT 1 FROM image WHERE name = ? OR uuid = ?", "ss", a->image->name,
                      a->uuid);
  if (result == 1)
    result = vl_exists (store->call, &vl_noun_image, a->image->name);
  else if (result < 0 || vl_undo_begin (store, a->uuid, VL_OP_IMAGE_CREATE, NULL) < 0
           || vl_undo_plan (store, a->uuid, VL_MADE_FOLDER, a->folder) < 0)
    result = -1;
  else
    result = vl_undo_plan (store, a->uuid, VL_MADE_FILE, a->target);
  return vl_db_finish (store, result);
}

static int
fetch (struct arrival *a)
{
  struct vl_call *call = a->app->call;
  const char *format = a->image->disk_format;
  const char *first =
      VL_STREQ (a->format, format) ? a->copy : vl_printf (call, "%s.as-given", a->copy);

  if (vl_undo_mkdir (a->store, a->uuid, a->folder) < 0
      || vl_image_copy (call, a->file, first, &a->checksum) < 0)
    return -1;
  if (first != a->copy && vl_image_convert (call, first, format, a->format, a->copy) < 0)
    return -1;
  /* What counts is the copy: FILE may have changed since it was looked at. */
  if (vl_image_inspect (call, a->copy, a->format, &a->facts) < 0)
    return -1;
  if (chmod (a->copy, 0400) < 0 || stat (a->copy, &a->st) < 0)
    return vl_file_failed (call, "cannot look at", a->copy, errno);
  return 0;
}

static int
insert (struct arrival *a)
{
  const struct vl_image_info *image = a->image;

  if (vl_db_run (a->store,
                 "INSERT INTO image (" COLUMNS ") VALUES (?, ?, ?, 'active', ?, ?, ?, ?, ?)",
                 "ssssiiii", image->name, a->uuid, a->format, a->checksum, (int64_t)a->st.st_size,
                 a->facts.virtual_size, image->min_ram, image->min_disk)
          < 0
      || vl_properties_store (a->store, &vl_noun_image, a->uuid, image->properties,
                              image->n_properties)
             < 0)
    return -1;
  return vl_undo_moved (a->store, a->uuid);
}

/* Moves the copy to its place and makes the record.  RENAME_NOREPLACE: a file
 * that is there already is not ours to replace. */
static int
settle (struct arrival *a)
{
  if (vl_undo_moves (a->store, a->uuid) < 0)
    return -1;
  if (renameat2 (AT_FDCWD, a->copy, AT_FDCWD, a->target, RENAME_NOREPLACE) < 0)
    return errno == EEXIST
               ? vl_refuse_as (a->app->call, VL_ERR_FAILED, "StorageFailed", NULL, VL_HINT_STORE,
                               "\"%s\" is there already, but no image of that uuid is on record",
                               a->target)
               : vl_file_failed (a->app->call, "cannot make", a->target, errno);
  if (vl_file_sync_folder (a->target) < 0)
    return vl_file_failed (a->app->call, "cannot make", a->target, errno);
  return vl_db_begin (a->store) < 0 ? -1 : vl_db_finish (a->store, insert (a));
}

/* The image is made: what is left is the folder that it was made in. */
static void
tidy (struct arrival *a)
{
  size_t first = a->app->call->findings.n;

  if (vl_file_remove_tree (a->folder) < 0)
    vl_remove_failed (a->app->call, a->folder);
  else
    vl_undo_end (a->store, a->uuid);
  /* The next command goes on with it. */
  vl_soften (a->app->call, first);
}

int
vl_image_create (struct vl_app *app, const char *file, const struct vl_image_info *image)
{
  VL_AUTOLOCK struct vl_lock lock = VL_LOCK_NONE;
  struct arrival a = { .app = app, .image = image, .file = file, .facts.size = sizeof a.facts };
  char uuid[37];

  if (check (app, image) < 0
      || vl_image_inspect (app->call, file, image->disk_format, &a.facts) < 0)
    return -1;
  a.store = vl_app_store (app);
  if (a.store == NULL)
    return -1;
  vl_recover (app, a.store);
  /* A plan that knows only the image's name comes to the same path. */
  vl_uuid_from_text (image->name, uuid);
  a.uuid = uuid;
  a.format = kept_format (image->disk_format);
  a.target = vl_image_path (app, uuid);
  a.folder = vl_printf (app->call, "%s.new", a.target);
  a.copy = vl_printf (app->call, "%s/" VL_MADE_INSIDE, a.folder);
  if (vl_lock_take (app, "images", uuid, VL_LOCK_OTHER, &lock) < 0
      || vl_undo_mend (app, a.store, uuid) < 0 || begin (&a) < 0)
    return -1;
  if (fetch (&a) == 0 && settle (&a) == 0) {
    tidy (&a);
    if (! VL_STREQ (a.format, image->disk_format)) {
      vl_advise (app->call, NULL, NULL, "image \"%s\" was given as %s and is kept as %s",
                 image->name, image->disk_format, a.format);
    }
    return 0;
  }
  if (vl_undo_roll_back (app, a.store, uuid) == 0)
    vl_undo_end (a.store, uuid);
  return -1;
}

/* ---- delete ---- */

static int
refuse_use (struct vl_store *store, const struct vl_image_info *image)
{
  VL_AUTOQUERY sqlite3_stmt *stmt =
      vl_db_query (store,
                   "SELECT server.name FROM server_image JOIN server ON server.uuid = server "
                   "WHERE server_image.image = ? ORDER BY server.name",
                   "s", image->uuid);
  VL_AUTOSTR struct vl_str names = { NULL, 0, 0 };
  size_t n = 0;
  int got;

  while ((got = vl_db_step (store, stmt)) == 1)
    if (++n <= 10)
      vl_str_printf (&names, "%s\"%s\"", n > 1 ? ", " : "", vl_db_text (stmt, 0));
  if (got < 0 || n == 0)
    return got;
  return vl_refuse_as (store->call, VL_ERR_REQUEST, "ImageInUse", NULL,
                       "delete those servers first", "image \"%s\" is used by %zu server%s: %s%s",
                       image->name, n, n > 1 ? "s" : "", names.text, n > 10 ? " ..." : "");
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
