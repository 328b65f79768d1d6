/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The image cache: the images in STATE, of which those that can be fetched again leave it when
 * no server has used them for a time (Nova's manage_image_cache and cache_image); what uses
 * an image, and writing one out. */

#include <config.h>

#include "server/new-file.h"
#include "server/record.h"
#include "server/undo.h"

#include "lib/file.h"
#include "request/request.h"
#include "server/session.h"
#include "storage/storage.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>

#include <virtloom/virtloom.h>

/* Servers that need the image ?1: their disks lie above it, or they were made of it and are made
 * of it once more when they are rebuilt. */
#define USERS                                                                                      \
  "SELECT name FROM server WHERE image_uuid = ?1 OR uuid IN (SELECT server FROM server_image "     \
  "WHERE image = ?1)"
/* Can be fetched again, and is on record as being here. */
#define CACHED "status = 'active' AND url IS NOT NULL AND url_checksum IS NOT NULL"

/* ---- what uses an image ---- */

static int
names_of (struct vl_store *store, const char *const **names, sqlite3_stmt *query)
{
  const char **list = NULL;
  size_t n = 0;

  if (vl_db_end_rows (store, &list, &n, query) < 0)
    return -1;
  *names = vl_arena_alloc (store->call->arena, (n + 1) * sizeof **names);
  if (n)
    memcpy ((void *)*names, list, n * sizeof **names);
  return 0;
}

int
vl_image_users (struct vl_app *app, const char *name, const char *const **servers,
                const char *const **images)
{
  const struct vl_image_info *image = vl_image_find (app, name);

  if (image == NULL
      || names_of (app->store, servers,
                   vl_db_query (app->store, USERS " ORDER BY name", "s", image->uuid))
             < 0)
    return -1;
  return names_of (app->store, images,
                   vl_db_query (app->store,
                                "SELECT DISTINCT name FROM image JOIN image_property ON image = "
                                "uuid WHERE key IN ('kernel_id', 'ramdisk_id') AND value IN (?, ?) "
                                "ORDER BY name",
                                "ss", image->name, image->uuid));
}

/* ---- having it here ---- */

int
vl_image_was_whole (struct vl_call *call, const struct vl_image_info *image)
{
  if (*image->checksum || vl_image_is_elsewhere (image))
    return 0;
  return vl_refuse_as (call, VL_ERR_REQUEST, "ImageNotActive", NULL,
                       "wait for its download, or go on with it: 'virtloom image list' says how",
                       "image \"%s\" is %s: it has not been downloaded yet", image->name,
                       image->status);
}

int
vl_image_cache (struct vl_app *app, const char *name)
{
  const struct vl_image_info *image = vl_image_find (app, name);

  if (image == NULL || vl_image_was_whole (app->call, image) < 0)
    return -1;
  if (VL_STREQ (image->status, "active"))
    /* What is never dropped needs no time. */
    return image->url && image->url_checksum
               ? vl_db_run (app->store, "UPDATE image SET used = ? WHERE uuid = ?", "ss",
                            vl_now_text (app->call), image->uuid)
               : 0;
  if (vl_image_is_elsewhere (image) && ! VL_STREQ (image->status, "deleting"))
    return vl_image_bring (app, image) < 0 ? -1 : 1;
  if (image->url && image->url_checksum && ! VL_STREQ (image->status, "deleting"))
    return vl_image_fetch_again (app, image) < 0 ? -1 : 1;
  return vl_refuse_as (app->call, VL_ERR_REQUEST, "ImageNotActive", NULL, NULL,
                       "image \"%s\" is %s, and cannot be fetched again", image->name,
                       image->status);
}

/* Can the root disk of REQUEST be cloned from image UUID?  1, 0, -1 after findings. */
static int
is_cloned (struct vl_app *app, const struct vl_request *request, const char *uuid)
{
  const char *type =
      request->disk_kind ? request->disk_kind : vl_config_str (app->config, "storage.images_type");
  struct vl_plugin *plugin =
      type ? vl_registry_answer (app->registry, VL_ANSWER_IMAGES, type) : NULL;
  const struct vl_image_info *image = plugin ? vl_image_find (app, uuid) : NULL;

  return image ? vl_image_clones (app, image, plugin) : 0;
}

static int
judge (struct vl_app *app, const char *uuid, const char *path)
{
  const struct vl_image_info *image = vl_image_find (app, uuid);

  return image ? vl_image_judge_use (app, image, path, NULL, 0) : -1;
}

int
vl_images_ready (struct vl_app *app, const struct vl_request *request, int clones)
{
  const char *const paths[] = { request->image.file, request->image.kernel,
                                request->image.ramdisk };
  int bad = 0, cloned;

  for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
    const char *name = paths[i] ? strrchr (paths[i], '/') : NULL, *path;

    path = name ? vl_image_path (app, name + 1) : NULL;
    /* A file of the user's own is no image in STATE. */
    if (path && VL_STREQ (path, paths[i])
        && vl_db_any (app->store, "SELECT 1 FROM image WHERE uuid = ?", "s", name + 1) > 0
        && ((cloned = clones && i == 0 ? is_cloned (app, request, name + 1) : 0) < 0
            || (cloned == 0 && vl_image_cache (app, name + 1) < 0)
            || judge (app, name + 1, cloned ? NULL : path) < 0))
      bad = -1;
  }
  return bad;
}

/* ---- what leaves it ---- */

struct managing {
  struct vl_app *app;
  struct vl_store *store;
  int dry_run;
  const char *before; /* what was used last by then is old enough */
};

int
vl_image_evict_rest (struct vl_app *app, const char *uuid)
{
  const char *path = vl_image_path (app, uuid);

  if (path == NULL || (unlink (path) < 0 && errno != ENOENT))
    return path ? vl_remove_failed (app->call, path) : -1;
  return vl_undo_end (app->store, uuid);
}

/* In one transaction, as a server takes it in one: whoever is first has it. */
static int
begin_evict (struct managing *m, const char *uuid)
{
  int free = vl_db_any (m->store,
                        "SELECT 1 FROM image WHERE uuid = ?1 AND " CACHED " AND used < ?2 AND NOT "
                        "EXISTS (" USERS ")",
                        "ss", uuid, m->before);

  if (free <= 0)
    return free < 0 ? -1 : 1;
  return vl_db_run (m->store, "UPDATE image SET status = 'queued' WHERE uuid = ?", "s", uuid) < 0
             ? -1
             : vl_undo_begin (m->store, uuid, VL_OP_IMAGE_EVICT, NULL);
}

/* Its file goes, or of a download that nobody goes on with, all that is there.  0; 1 where
 * another command works on it, or has taken it meanwhile; -1 after a finding. */
static int
remove_one (struct managing *m, const char *uuid, int parked)
{
  VL_AUTOLOCK struct vl_lock lock = VL_LOCK_NONE;
  int result = vl_lock_take (m->app, "images", uuid, 0, &lock);

  if (result)
    return result;
  if (vl_undo_mend (m->app, m->store, uuid) < 0)
    return -1;
  if (parked)
    return vl_image_parked (m->store, uuid) == 1 ? vl_image_drop (m->app, m->store, uuid) : 1;
  if (vl_db_begin (m->store) < 0)
    return -1;
  result = begin_evict (m, uuid);
  if (vl_db_finish (m->store, result < 0 ? -1 : 0) < 0)
    return -1;
  return result ? result : vl_image_evict_rest (m->app, uuid);
}

struct row {
  const char *name, *uuid, *status, *used, *begun, *cached, *servers;
};

/* Why the image stays, NULL where it may go. */
static const char *
keeps (const struct managing *m, const struct row *row, int64_t servers)
{
  const char *since = row->begun ? row->begun : row->used;

  if (servers)
    return vl_printf (m->app->call, "%" PRId64 " server%s use%s it", servers,
                      servers == 1 ? "" : "s", servers == 1 ? "s" : "");
  if (VL_STREQ (row->status, "saving"))
    return "it is being downloaded";
  if (row->cached == NULL && row->begun == NULL)
    return VL_STREQ (row->status, "active")
               ? "it is nowhere else: 'virtloom image delete' removes it"
               : "it is fetched when a server needs it";
  if (! vl_config_bool (m->app->config, "storage.remove_unused_base_images"))
    return "remove_unused_base_images is off";
  if (since && strcmp (since, m->before) >= 0)
    return vl_printf (m->app->call,
                      row->begun ? "its download was begun at %s"
                                 : "a server used it, or it was fetched, at %s",
                      since);
  return NULL;
}

static int
manage_one (struct managing *m, const struct row *row, struct vl_cache_entry *entry)
{
  struct stat st;
  int parked = row->begun != NULL, result;

  *entry = (struct vl_cache_entry) { .name = row->name,
                                     .uuid = row->uuid,
                                     .status = row->status,
                                     .servers = strtoll (row->servers, NULL, 10),
                                     .used = row->used };
  if (lstat (vl_image_path (m->app, row->uuid), &st) == 0)
    entry->size = (int64_t)st.st_blocks * 512;
  entry->what = VL_STREQ (row->status, "active") ? "kept" : "absent";
  entry->why = keeps (m, row, entry->servers);
  if (entry->why)
    return 0;
  entry->what = "removable";
  entry->why = parked ? "nobody went on with its download"
                      : "no server uses it, and it can be fetched again";
  if (m->dry_run)
    return 0;
  result = remove_one (m, row->uuid, parked);
  if (result == 0) {
    entry->what = "removed";
    return 0;
  }
  entry->what = "kept";
  entry->why = result < 0 ? "it could not be removed" : "another command works on it";
  return result < 0 ? -1 : 0;
}

int
vl_image_cache_manage (struct vl_app *app, int dry_run,
                       int (*fn) (void *, const struct vl_cache_entry *), void *opaque)
{
  struct managing m = { .app = app, .dry_run = dry_run };
  struct row *rows;
  int bad = 0, result;
  size_t n;

  if (! dry_run)
    vl_reserve_use (app);
  if (vl_app_store_if_any (app, &m.store) < 0)
    return -1;
  if (m.store == NULL)
    return 0;
  vl_recover_images (app, m.store);
  m.before = vl_time_text (
      app->call,
      time (NULL)
          - vl_config_int (app->config, "storage.remove_unused_original_minimum_age_seconds"));
  bad = vl_db_rows (m.store, &rows, &n,
                    "SELECT name, uuid, status, used, iif (status = 'queued', (SELECT begun FROM "
                    "operation WHERE object = image.uuid AND kind = '" VL_OP_IMAGE_DOWNLOAD
                    "'), NULL), iif (" CACHED ", '1', NULL), (SELECT count(*) FROM server WHERE "
                    "image_uuid = image.uuid OR uuid IN (SELECT server FROM server_image WHERE "
                    "image = image.uuid)) FROM image WHERE status <> 'deleting' ORDER BY name",
                    "");
  for (size_t i = 0; i < n; i++) {
    struct vl_cache_entry entry;

    bad |= manage_one (&m, &rows[i], &entry);
    result = fn ? fn (opaque, &entry) : 0;
    if (result)
      return result;
  }
  if (! dry_run)
    vl_reserve_keep (app);
  return bad;
}

/* ---- writing one out ---- */

static int
save_as (struct vl_call *call, const struct vl_image_info *image, const char *path)
{
  VL_AUTONEWFILE struct vl_new_file file = { .fd = -1 };

  return vl_new_file_begin (call, &file, path, 0666) < 0
                 || vl_image_write (call, image->file, image->checksum, file.fd, path) < 0
             ? -1
             : vl_new_file_keep (call, &file);
}

int
vl_image_save (struct vl_app *app, const char *name, const char *file, int fd)
{
  const struct vl_image_info *image = vl_image_find (app, name);

  if (image == NULL || vl_image_cache (app, name) < 0)
    return -1;
  image = vl_image_find (app, name);
  if (image == NULL)
    return -1;
  return file ? save_as (app->call, image, file)
              : vl_image_write (app->call, image->file, image->checksum, fd, NULL);
}
