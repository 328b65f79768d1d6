/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Flavors: sizes and extra specs under a name. */

#include <config.h>

#include "server/record.h"
#include "server/session.h"

#include <virtloom/virtloom.h>

/* As in a request file. */
#define MOST INT32_MAX

static int
check (struct vl_app *app, const struct vl_flavor_info *flavor)
{
  struct vl_call *call = app->call;
  int bad = vl_name_check (call, &vl_noun_flavor, flavor->name);

  bad |= vl_range_check (call, "a flavor's number of vcpus", "", flavor->vcpus, 1, MOST);
  bad |= vl_range_check (call, "a flavor's ram", " MiB", flavor->ram, 1, MOST);
  bad |= vl_range_check (call, "a flavor's disk", " GiB", flavor->disk, 0, MOST);
  bad |= vl_range_check (call, "a flavor's ephemeral disk", " GiB", flavor->ephemeral, 0, MOST);
  bad |= vl_range_check (call, "a flavor's swap disk", " MiB", flavor->swap, 0, MOST);
  bad |= vl_properties_check (app, &vl_noun_flavor, flavor->properties, flavor->n_properties);
  return bad;
}

static int
insert (struct vl_store *store, const struct vl_flavor_info *flavor)
{
  int there = vl_db_any (store, "SELECT 1 FROM flavor WHERE name = ?", "s", flavor->name);

  if (there)
    return there < 0 ? -1 : vl_exists (store->call, &vl_noun_flavor, flavor->name);
  if (vl_db_run (store, "INSERT INTO flavor VALUES (?, ?, ?, ?, ?, ?)", "siiiii", flavor->name,
                 flavor->vcpus, flavor->ram, flavor->disk, flavor->ephemeral, flavor->swap)
      < 0)
    return -1;
  return vl_properties_store (store, &vl_noun_flavor, flavor->name, flavor->properties,
                              flavor->n_properties);
}

int
vl_flavor_create (struct vl_app *app, const struct vl_flavor_info *flavor)
{
  struct vl_store *store;

  if (check (app, flavor) < 0)
    return -1;
  store = vl_app_store (app);
  if (store == NULL || vl_db_begin (store) < 0)
    return -1;
  return vl_db_finish (store, insert (store, flavor));
}

#define COLUMNS "name, vcpus, ram, disk, ephemeral, swap"

static int
read_row (struct vl_store *store, sqlite3_stmt *stmt, struct vl_flavor_info *flavor)
{
  flavor->name = vl_db_keep (store, stmt, 0);
  flavor->vcpus = vl_db_int (stmt, 1);
  flavor->ram = vl_db_int (stmt, 2);
  flavor->disk = vl_db_int (stmt, 3);
  flavor->ephemeral = vl_db_int (stmt, 4);
  flavor->swap = vl_db_int (stmt, 5);
  return vl_properties_load (store, &vl_noun_flavor, flavor->name, &flavor->properties,
                             &flavor->n_properties);
}

const struct vl_flavor_info *
vl_flavor_find (struct vl_app *app, const char *name)
{
  struct vl_flavor_info *flavor = vl_arena_alloc (app->call->arena, sizeof *flavor);
  VL_AUTOQUERY sqlite3_stmt *stmt = NULL;
  struct vl_store *store;
  int got = 0;

  if (vl_app_store_if_any (app, &store) < 0)
    return NULL;
  if (store) {
    stmt = vl_db_query (store, "SELECT " COLUMNS " FROM flavor WHERE name = ?", "s", name);
    got = vl_db_step (store, stmt);
  }
  if (got == 1)
    return read_row (store, stmt, flavor) < 0 ? NULL : flavor;
  if (got == 0)
    vl_not_found (app->call, store, &vl_noun_flavor, name);
  return NULL;
}

int
vl_flavor_each (struct vl_app *app, int (*fn) (void *, const struct vl_flavor_info *), void *opaque)
{
  VL_AUTOQUERY sqlite3_stmt *stmt = NULL;
  struct vl_flavor_info flavor;
  struct vl_store *store;
  int got, result;

  if (vl_app_store_if_any (app, &store) < 0)
    return -1;
  if (store == NULL)
    return 0;
  stmt = vl_db_query (store, "SELECT " COLUMNS " FROM flavor ORDER BY name", "");
  while ((got = vl_db_step (store, stmt)) == 1) {
    if (read_row (store, stmt, &flavor) < 0)
      return -1;
    result = fn (opaque, &flavor);
    if (result)
      return result;
  }
  return got;
}

int
vl_flavor_change (struct vl_app *app, const char *name, const struct vl_property *set, size_t n_set,
                  const char *const *unset)
{
  if (vl_flavor_find (app, name) == NULL)
    return -1;
  return vl_properties_change (app, &vl_noun_flavor, name, set, n_set, unset);
}

int
vl_flavor_delete (struct vl_app *app, const char *name)
{
  vl_reserve_use (app);
  /* Servers keep their own copy of what it said. */
  if (vl_flavor_find (app, name) == NULL)
    return -1;
  return vl_db_run (app->store, "DELETE FROM flavor WHERE name = ?", "s", name);
}
