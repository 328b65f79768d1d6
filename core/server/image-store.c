/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Images that lie in a store which a plugin reaches.  One is registered without a copy of it:
 * a disk in the same store is cloned from it, and for any other it is fetched first, once. */

#include <config.h>

#include "server/hooks.h"
#include "server/record.h"
#include "server/undo.h"

#include "lib/text.h"
#include "request/request.h"
#include "server/session.h"
#include "storage/storage.h"

#include <virtloom/virtloom.h>

/* What a plugin is asked, and what it answers. */
struct question {
  const char *word, *url;
  int (*look) (struct vl_call *, const char *, struct vl_image_place *);
  int (*fetch) (struct vl_call *, const char *, const char *path);
  const char *path;
  struct vl_image_place place;
};

struct vl_plugin *
vl_image_store_of (struct vl_app *app, const char *url)
{
  const char *colon = url ? strchr (url, ':') : NULL;

  return colon ? vl_registry_answer (app->registry, VL_ANSWER_STORES,
                                     vl_printf (app->call, "%.*s", (int)(colon - url), url))
               : NULL;
}

int
vl_image_is_elsewhere (const struct vl_image_info *image)
{
  return image->url && ! VL_STARTS (image->url, "http:") && ! VL_STARTS (image->url, "https:");
}

int
vl_image_comes (const struct vl_image_info *image)
{
  return ((*image->checksum && image->url_checksum) || vl_image_is_elsewhere (image))
         && ! VL_STREQ (image->status, "deleting");
}

/* The store of URL; NULL after a finding. */
static struct vl_plugin *
need_store (struct vl_app *app, const char *url)
{
  struct vl_plugin *plugin = vl_image_store_of (app, url);

  if (plugin == NULL)
    vl_refuse_as (app->call, VL_ERR_REFUSED, "FeatureUnavailable", NULL,
                  "enable the storage plugin that answers for it",
                  "no loaded plugin reaches images like \"%s\"", url);
  return plugin;
}

/* 0, or -1 after a finding. */
static int
put (struct vl_call *call, struct vl_plugin *plugin, void *question)
{
  struct question *q = question;

  (void)plugin;
  return q->look ? q->look (call, q->url, &q->place) : q->fetch (call, q->url, q->path);
}

static int
ask (struct vl_app *app, struct vl_plugin *plugin, struct question *q)
{
  return vl_group_run (app, plugin, q->word, put, q);
}

/* ---- registering ---- */

static int
insert (struct vl_store *store, const struct vl_image_info *image, const char *uuid,
        const struct vl_image_place *place)
{
  int there =
      vl_db_any (store, "SELECT 1 FROM image WHERE name = ? OR uuid = ?", "ss", image->name, uuid);

  if (there)
    return there < 0 ? -1 : vl_exists (store->call, &vl_noun_image, image->name);
  if (vl_db_run (store,
                 "INSERT INTO image (name, uuid, disk_format, status, checksum, size, "
                 "virtual_size, min_ram, min_disk, url, url_format, used) VALUES (?1, ?2, 'raw', "
                 "'queued', '', 0, ?3, ?4, ?5, ?6, 'raw', ?7)",
                 "ssiiiss", image->name, uuid, place->bytes, image->min_ram, image->min_disk,
                 place->url, vl_now_text (store->call))
      < 0)
    return -1;
  return vl_properties_store (store, &vl_noun_image, uuid, image->properties, image->n_properties);
}

int
vl_image_register (struct vl_app *app, const char *url, const struct vl_image_info *image)
{
  struct vl_plugin *plugin = need_store (app, url);
  struct question q = { .word = "image_look", .url = url, .place.size = sizeof q.place };
  VL_AUTOLOCK struct vl_lock lock = VL_LOCK_NONE;
  struct vl_store *store;
  char uuid[37];

  if (plugin == NULL || vl_image_judge (app, image) < 0)
    return -1;
  if (! VL_STREQ (image->disk_format, "raw"))
    return vl_refuse_as (
        app->call, VL_ERR_REQUEST, "ImageUnacceptable", NULL,
        "convert it there, or give a file of it with --file",
        "image \"%s\" lies in a store, where '%s' cannot be inspected; accepted: raw", image->name,
        image->disk_format);
  q.look = VL_GROUP_FN (plugin, storage, image_look);
  store = vl_app_store (app);
  if (store == NULL || q.look == NULL)
    return -1;
  vl_recover (app, store);
  vl_uuid_from_text (image->name, uuid);
  if (ask (app, plugin, &q) < 0 || vl_lock_take (app, "images", uuid, VL_LOCK_OTHER, &lock) < 0
      || vl_undo_mend (app, store, uuid) < 0 || vl_db_begin (store) < 0)
    return -1;
  return vl_db_finish (store, insert (store, image, uuid, &q.place));
}

/* ---- using ---- */

int
vl_image_clones (struct vl_app *app, const struct vl_image_info *image, struct vl_plugin *plugin)
{
  struct question q = { .word = "image_clones", .url = image->url, .place.size = sizeof q.place };

  if (! vl_image_is_elsewhere (image) || vl_image_store_of (app, image->url) != plugin
      || (q.look = VL_GROUP_FN (plugin, storage, image_clones)) == NULL)
    return 0;
  return ask (app, plugin, &q) < 0 ? -1 : q.place.url != NULL;
}

static int
fetch (void *opaque, const char *path)
{
  const struct vl_image_info *image = ((void **)opaque)[1];
  struct vl_app *app = ((void **)opaque)[0];
  struct vl_plugin *plugin = need_store (app, image->url);
  struct question q = { .word = "image_fetch", .url = image->url, .path = path };

  if (plugin == NULL)
    return -1;
  q.fetch = VL_GROUP_FN (plugin, storage, image_fetch);
  if (q.fetch == NULL)
    return vl_refuse_as (app->call, VL_ERR_UNSUPPORTED, "NotImplemented", NULL, NULL,
                         "storage plugin \"%s\" does not have the call \"image_fetch\"",
                         plugin->name);
  vl_progress (app->call, "fetching image \"%s\"", image->name);
  return ask (app, plugin, &q);
}

int
vl_image_bring (struct vl_app *app, const struct vl_image_info *image)
{
  void *opaque[] = { app, (void *)image };

  return vl_image_fill_again (app, image, fetch, opaque);
}
