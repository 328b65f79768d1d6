/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Plans of what is stored: of a flavor and an image, of a server as it would be
 * planned today; and what a server has on record instead. */

#include <config.h>

#include "server/plan.h"
#include "server/record.h"
#include "server/hooks.h"

#include <virtloom/virtloom.h>

struct vl_request *
vl_stored_request (struct vl_app *app, const char *json, const char *origin)
{
  struct vl_request *request = vl_request_read (app->call, json, strlen (json), origin);
  const char *state = vl_app_state_dir (app), *uuid;

  if (request == NULL || state == NULL) {
    vl_request_free (request);
    return NULL;
  }
  request->state_dir = vl_arena_strdup (request->arena, state);
  if (request->image.given && request->image.name) {
    struct vl_store *store;
    const char *file;

    uuid = request->image.stored_as;
    file = vl_image_path (app, uuid);
    if (vl_app_store_if_any (app, &store) == 0 && store
        && (access (file, F_OK) == 0
            || vl_db_any (store,
                          "SELECT 1 FROM image WHERE uuid = ? AND status IN ('queued', 'saving') "
                          "AND (checksum <> '' OR (url IS NOT NULL AND url NOT LIKE 'http%'))",
                          "s", uuid)
                   > 0)) {
      request->image.uuid = uuid;
      request->image.file = vl_arena_strdup (request->arena, file);
      if (vl_db_number (store, &request->image.virtual_size,
                        "SELECT virtual_size FROM image WHERE uuid = ?", "s", uuid)
          < 0) {
        vl_request_free (request);
        return NULL;
      }
    }
  }
  return request;
}

int
vl_plan_create (struct vl_app *app, const struct vl_create_options *options, struct vl_plan **plan)
{
  struct vl_plugin *driver = vl_app_driver_plugin (app);
  struct vl_host *host = driver ? vl_app_host_of (app, driver) : NULL;
  VL_AUTOFREE char *json = host ? vl_create_request (app, options, NULL) : NULL;
  struct vl_request *request =
      json ? vl_stored_request (app, json, vl_create_origin (options)) : NULL;

  if (request == NULL) {
    *plan = vl_plan_new (app);
    return -1;
  }
  *plan = vl_plan_build (app, request, driver, host, NULL, 1);
  return vl_plan_finish (app, *plan, options->name);
}

/* A secret is kept nowhere but with the flavor or image that has it: what those say
 * today goes into REQUEST, which lacks it. */
static int
recall_secrets (struct vl_app *app, const struct vl_record *record, const struct vl_recorded *was,
                struct vl_request *request)
{
  struct vl_entry *entries =
      vl_arena_alloc (request->arena, (request->n_entries + was->n_keys + 1) * sizeof *entries);
  size_t n_given = request->n_entries, n, k;

  if (n_given)
    memcpy (entries, request->entries, n_given * sizeof *entries);
  request->entries = entries;
  for (size_t i = 0; i < was->n_keys; i++) {
    const struct vl_entry *key = &was->keys[i];
    int image = key->layer == VL_LAYER_IMAGE;
    const char *id = image ? record->image_uuid : record->flavor;
    const struct vl_property *list;

    for (k = 0; k < n_given; k++)
      if (entries[k].layer == key->layer && VL_STREQ (entries[k].key, key->key))
        break;
    if (k < n_given || id == NULL || (! image && key->layer != VL_LAYER_FLAVOR))
      continue;
    if (vl_properties_load (app->store, image ? &vl_noun_image : &vl_noun_flavor, id, &list, &n)
        < 0)
      return -1;
    for (k = 0; k < n; k++)
      if (VL_STREQ (list[k].key, key->key)) {
        entries[request->n_entries] = *key;
        entries[request->n_entries++].value = list[k].value;
      }
  }
  return 0;
}

struct vl_plan *
vl_record_plan_of (struct vl_app *app, const struct vl_record *record,
                   const struct vl_recorded *was, struct vl_request *request)
{
  struct vl_plugin *driver = vl_app_driver_named (app, record->driver);
  struct vl_host *host = driver ? vl_app_host_of (app, driver) : NULL;

  if (request == NULL || host == NULL || recall_secrets (app, record, was, request) < 0) {
    vl_request_free (request);
    return NULL;
  }
  return vl_plan_build (app, request, driver, host, was, 1);
}

struct vl_plan *
vl_record_plan (struct vl_app *app, const struct vl_record *record, const struct vl_stored *stored)
{
  return vl_record_plan_of (
      app, record, &stored->was,
      vl_stored_request (app, record->request,
                         vl_printf (app->call, "server \"%s\"", record->name)));
}

/* ---- what runs, and what would ---- */

/* A row, in the memory of the application. */
static const struct vl_provenance *
keep_row (struct vl_app *app, const struct vl_provenance *row)
{
  struct vl_arena *arena = app->call->arena;
  struct vl_provenance *copy;

  if (row == NULL)
    return NULL;
  copy = vl_arena_alloc (arena, sizeof *copy);
  *copy = (struct vl_provenance) { .path = vl_arena_strdup (arena, row->path),
                                   .value = vl_arena_strdup (arena, row->value),
                                   .owners = vl_arena_strdup (arena, row->owners),
                                   .cause = vl_arena_strdup (arena, row->cause),
                                   .chain = vl_arena_strdup (arena, row->chain),
                                   .part = row->part,
                                   .device = vl_arena_strdup (arena, row->device),
                                   .guarded = row->guarded };
  return copy;
}

void
vl_changes_keep (struct vl_app *app, struct vl_change *list, size_t n,
                 const struct vl_change **changes, size_t *n_changes)
{
  for (size_t i = 0; i < n; i++)
    list[i] = (struct vl_change) { keep_row (app, list[i].was), keep_row (app, list[i].is) };
  *changes = list;
  *n_changes = n;
}

int
vl_server_diff (struct vl_app *app, const char *server, const struct vl_change **changes, size_t *n)
{
  const struct vl_record *record = vl_record_find (app, server);
  struct vl_stored *stored = record ? vl_stored_load (app, record, VL_ROLE_CURRENT) : NULL;
  struct vl_plan *plan = stored ? vl_record_plan (app, record, stored) : NULL;
  struct vl_change *list = NULL;
  int result = plan && plan->ok ? 0 : -1;

  *n = 0;
  if (result == 0)
    vl_stored_difference (app, stored, plan, &list, n);
  vl_changes_keep (app, list, *n, changes, n);
  vl_plan_free (plan);
  vl_stored_free (stored);
  return result;
}

int
vl_server_provenance (struct vl_app *app, const char *server, const struct vl_provenance **rows,
                      size_t *n)
{
  const struct vl_record *record = vl_record_find (app, server);
  struct vl_stored *stored = record ? vl_stored_load (app, record, VL_ROLE_CURRENT) : NULL;
  struct vl_provenance *list;

  if (stored == NULL)
    return -1;
  list = stored->rows;
  *n = 0;
  for (size_t i = 0; i < stored->n_rows; i++)
    /* As in plans, an element that has a text is one row, the text's. */
    if (i + 1 == stored->n_rows || list[i + 1].part != VL_PART_TEXT)
      list[(*n)++] = list[i];
  if (list == NULL)
    list = vl_doc_provenance (app->call, stored->doc, app->registry, NULL, 0, n);
  *rows = list;
  vl_stored_free (stored);
  return 0;
}
