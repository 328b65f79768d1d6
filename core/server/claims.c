/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What servers take of the host: read for each build, written with the record. */

#include <config.h>

#include "server/stored.h"
#include "server/record.h"

/* The host that DRIVER acts on, as claims name it: '' for this machine, the driver's
 * name where it stands for a host of its own. */
static const char *
host_of (const struct vl_plugin *driver)
{
  return driver && driver->driver.host_file ? driver->name : "";
}

/* The same of driver NAME of a record that does not say.  That the driver is gone is
 * told elsewhere: what it made is on this machine as far as anybody knows. */
static const char *
host_of_name (struct vl_app *app, const char *name)
{
  size_t first = app->call->findings.n;
  const char *host = host_of (vl_app_driver_named (app, name));

  vl_findings_drop (app->call, first, app->call->findings.n);
  return host;
}

#define HELD                                                                                       \
  "SELECT uuid = ?, coalesce (host, ''), host IS NULL, driver, name, resource, plugin, holder, "   \
  "member, max (held), count (*) OVER () FROM (SELECT uuid, driver, name, role, host, resource, "  \
  "min (plugin) AS "                                                                               \
  "plugin, holder, member, sum (amount) AS held FROM claim JOIN server ON uuid = claim.server "    \
  "GROUP BY uuid, role, host, resource, holder, member) GROUP BY uuid, host, resource, holder, "   \
  "member ORDER BY resource, name, holder"

/* What the row that STMT is at says. */
static struct vl_held
read_held (struct vl_arena *arena, sqlite3_stmt *stmt)
{
  return (struct vl_held) { .server = vl_arena_strdup (arena, vl_db_text (stmt, 4)),
                            .resource = vl_arena_strdup (arena, vl_db_text (stmt, 5)),
                            .plugin = vl_arena_strdup (arena, vl_db_text (stmt, 6)),
                            .holder = vl_arena_strdup (arena, vl_db_text (stmt, 7)),
                            .member = vl_arena_strdup (arena, vl_db_text (stmt, 8)),
                            .amount = vl_db_int (stmt, 9) };
}

int
vl_holdings_load (struct vl_app *app, const struct vl_plugin *driver, const char *uuid,
                  struct vl_arena *arena, const struct vl_holdings **held)
{
  struct vl_holdings *all = vl_arena_alloc (arena, sizeof *all);
  VL_AUTOQUERY sqlite3_stmt *stmt = NULL;
  const char *host = host_of (driver);
  struct vl_store *store;
  int got;

  *held = NULL;
  if (app->options.host_file)
    return 0;
  if (vl_app_store_if_any (app, &store) < 0)
    return -1;
  if (store == NULL)
    return 0;
  stmt = vl_db_query (store, HELD, "s", uuid ? uuid : "");
  while ((got = vl_db_step (store, stmt)) == 1) {
    const char *of =
        vl_db_int (stmt, 2) ? host_of_name (app, vl_db_text (stmt, 3)) : vl_db_text (stmt, 1);

    if (all->own == NULL) {
      all->own = vl_arena_alloc (arena, (size_t)vl_db_int (stmt, 10) * sizeof *all->own);
      all->others = vl_arena_alloc (arena, (size_t)vl_db_int (stmt, 10) * sizeof *all->others);
    }
    if (! VL_STREQ (of, host))
      continue;
    if (vl_db_int (stmt, 0))
      all->own[all->n_own++] = read_held (arena, stmt);
    else
      all->others[all->n_others++] = read_held (arena, stmt);
  }
  *held = all;
  return got;
}

int
vl_claims_write (struct vl_app *app, const char *server, const char *role,
                 const struct vl_plan *plan)
{
  const struct vl_build *build = &plan->build;
  int result =
      vl_db_run (app->store, "DELETE FROM claim WHERE server = ? AND role = ?", "ss", server, role);

  for (size_t i = 0; app->options.host_file == NULL && i < build->n_claims && result == 0; i++) {
    const struct vl_claim_info *claim = &build->claims[i];

    result =
        vl_db_run (app->store,
                   "INSERT INTO claim (server, role, host, resource, plugin, holder, member, "
                   "amount) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                   "sssssssi", server, role, host_of (build->guest->driver), claim->resource,
                   claim->plugin, claim->holder ? claim->holder : "", claim->member, claim->amount);
  }
  return result;
}
