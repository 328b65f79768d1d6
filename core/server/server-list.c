/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Showing servers: records beside what each driver says, one listing per
 * driver. */

#include <config.h>

#include "server/method.h"
#include "server/record.h"
#include "server/undo.h"

#include <virtloom/virtloom.h>

/* Who looks gets an answer within two seconds, if need be of what was seen last. */
#define LOOK_MS 1500

/* What the drivers said, in byte order of the uuid. */
struct seen {
  char uuid[37];
  enum vl_state state;
  struct vl_plugin *driver; /* of a guest with a name of ours, else NULL */
  int shown;                /* its server was */
};

struct listing {
  struct seen *items;
  size_t n, size;
  struct vl_strv asked; /* drivers that answered */
  struct vl_plugin *asking;
};

static int
keep (void *opaque, const char *uuid, const char *domain, enum vl_state state)
{
  struct listing *listing = opaque;
  struct seen *seen;

  VL_GROW (listing->items, listing->n, listing->size);
  seen = &listing->items[listing->n++];
  snprintf (seen->uuid, sizeof seen->uuid, "%s", uuid);
  seen->state = state;
  seen->driver = vl_domain_is_ours (uuid, domain) ? listing->asking : NULL;
  seen->shown = 0;
  return 0;
}

static int
by_uuid (const void *a, const void *b)
{
  return strcmp (((const struct seen *)a)->uuid, ((const struct seen *)b)->uuid);
}

/* What a driver said of server UUID, or NULL. */
static struct seen *
seen_of (const struct listing *listing, const char *uuid)
{
  struct seen wanted;

  snprintf (wanted.uuid, sizeof wanted.uuid, "%s", uuid);
  return listing->n ? bsearch (&wanted, listing->items, listing->n, sizeof wanted, by_uuid) : NULL;
}

/* A driver that cannot be asked is a warning: the records are shown all the
 * same. */
static int
ask_drivers (struct vl_app *app, struct vl_store *store, struct listing *listing)
{
  size_t first = app->call->findings.n, n;
  const char **names;

  if (vl_db_rows (store, &names, &n, "SELECT DISTINCT driver FROM server ORDER BY driver", "") < 0)
    return -1;
  for (size_t i = 0; i < n; i++) {
    struct vl_plugin *driver = vl_app_driver_named (app, names[i]);

    listing->asking = driver;
    if (driver && VL_CALL (app, driver, inventory, list_instances, keep, listing) == 0)
      vl_strv_add (&listing->asked, names[i]);
  }
  vl_soften (app->call, first);
  if (listing->n)
    qsort (listing->items, listing->n, sizeof *listing->items, by_uuid);
  return 0;
}

/* ---- one server ---- */

static void
fill (struct vl_app *app, struct vl_server_info *info, const char *recorded, enum vl_state state,
      int known)
{
  info->status = vl_status_of (recorded, state, known);
  info->power_state = vl_power_state_name (state);
  info->run_dir = vl_printf (app->call, "%s/run", vl_server_dir (app, info->uuid));
  if (known && state == VL_STATE_NONE && info->fault == NULL && VL_STREQ (info->status, "ERROR"))
    info->fault = "its driver does not know the guest any more";
}

static const char *
last_overruled (struct vl_store *store, const char *uuid)
{
  const char *text = NULL;

  vl_db_row (store, &text,
             "SELECT at || ' ' || what || ': ' || said FROM overruled WHERE server = ? "
             "ORDER BY rowid DESC LIMIT 1",
             "s", uuid);
  return text;
}

const struct vl_server_info *
vl_server_find (struct vl_app *app, const char *server)
{
  struct vl_server_info *info = vl_arena_alloc (app->call->arena, sizeof *info);
  struct vl_info now = { .size = sizeof now, .state = VL_STATE_NONE };
  const struct vl_record *record;
  struct vl_plugin *driver;
  struct vl_store *store;
  size_t first;
  int known = -1;

  if (vl_app_store_if_any (app, &store) < 0)
    return NULL;
  vl_patience_set (app->call, LOOK_MS);
  if (store)
    vl_recover (app, store);
  record = vl_record_find (app, server);
  first = app->call->findings.n;
  driver = record ? vl_app_driver_named (app, record->driver) : NULL;
  if (driver)
    known = VL_CALL (app, driver, inventory, instance_exists, record->uuid);
  if (known == 1 && VL_CALL (app, driver, inventory, get_info, record->uuid, &now) < 0)
    known = -1;
  vl_patience_set (app->call, 0);
  if (record == NULL)
    return NULL;
  vl_soften (app->call, first);
  if (known == 1 && ! VL_STREQ (vl_status_of (record->status, now.state, 1), record->status)) {
    vl_server_notice (app, record->uuid);
    record = vl_record_find (app, server);
    if (record == NULL)
      return NULL;
  }
  *info = (struct vl_server_info) { .name = record->name,
                                    .uuid = record->uuid,
                                    .domain = record->domain,
                                    .flavor = record->flavor,
                                    .image = record->image,
                                    .driver = record->driver,
                                    .created = record->created,
                                    .fault = record->fault,
                                    .xml = record->xml,
                                    .overruled = last_overruled (store, record->uuid),
                                    .locked = record->locked,
                                    .description = record->description };
  vl_db_row (store, &info->generation, "SELECT generation FROM server WHERE uuid = ?", "s",
             record->uuid);
  if (record->loader && ! vl_loader_is_left (record->loader))
    info->loader = vl_loader_value (app->call, record->loader, "loader");
  fill (app, info, record->status, known == 1 ? now.state : VL_STATE_NONE, known >= 0);
  return info;
}

/* ---- all servers ---- */

static int
show_all (struct vl_app *app, struct vl_store *store, const struct listing *listing,
          int (*fn) (void *, const struct vl_server_info *), void *opaque)
{
  VL_AUTOQUERY sqlite3_stmt *stmt = vl_db_query (
      store,
      "SELECT name, uuid, domain, flavor, image, driver, created, fault, status, locked, "
      "description "
      "FROM server ORDER BY name",
      "");
  int bad = 0, result;

  while (vl_db_next (store, stmt, &bad) == 1) {
    struct vl_server_info info = { .name = vl_db_text (stmt, 0),
                                   .uuid = vl_db_text (stmt, 1),
                                   .domain = vl_db_text (stmt, 2),
                                   .flavor = vl_db_text (stmt, 3),
                                   .image = vl_db_text (stmt, 4),
                                   .driver = vl_db_text (stmt, 5),
                                   .created = vl_db_text (stmt, 6),
                                   .fault = vl_db_text (stmt, 7),
                                   .locked = vl_db_text (stmt, 9),
                                   .description = vl_db_text (stmt, 10) };
    struct seen *found = seen_of (listing, info.uuid);

    if (found)
      found->shown = 1;
    fill (app, &info, vl_db_text (stmt, 8), found ? found->state : VL_STATE_NONE,
          vl_strv_has (&listing->asked, info.driver));
    result = fn (opaque, &info);
    if (result)
      return result;
  }
  return bad;
}

/* What the drivers said and is not on record is written down. */
static void
notice_all (struct vl_app *app, struct vl_store *store, const struct listing *listing)
{
  struct {
    const char *uuid, *status;
  } * servers;
  size_t n;

  vl_db_rows (store, &servers, &n, "SELECT uuid, status FROM server ORDER BY name", "");
  for (size_t i = 0; i < n; i++) {
    const struct seen *found = seen_of (listing, servers[i].uuid);

    if (found && ! VL_STREQ (vl_status_of (servers[i].status, found->state, 1), servers[i].status))
      vl_server_notice (app, servers[i].uuid);
  }
}

/* Guests with names of ours that no server on record has, and that are still there. */
static size_t
count_strays (struct vl_app *app, const struct listing *listing)
{
  size_t n = 0, first = app->call->findings.n;

  for (size_t i = 0; i < listing->n; i++) {
    const struct seen *seen = &listing->items[i];

    n += seen->driver && ! seen->shown
         && VL_CALL (app, seen->driver, inventory, instance_exists, seen->uuid) == 1;
  }
  vl_findings_drop (app->call, first, app->call->findings.n);
  return n;
}

int
vl_server_each (struct vl_app *app, int (*fn) (void *, const struct vl_server_info *), void *opaque)
{
  struct listing listing = { 0 };
  struct vl_store *store;
  int result;

  if (vl_app_store_if_any (app, &store) < 0)
    return -1;
  if (store == NULL)
    return 0;
  vl_patience_set (app->call, LOOK_MS);
  vl_recover (app, store);
  result = ask_drivers (app, store, &listing);
  vl_patience_set (app->call, 0);
  if (result == 0)
    notice_all (app, store, &listing);
  if (result == 0)
    result = show_all (app, store, &listing, fn, opaque);
  if (result == 0)
    vl_state_warn (app, "servers", count_strays (app, &listing));
  free (listing.items);
  vl_strv_free (&listing.asked);
  return result;
}
