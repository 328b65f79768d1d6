/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Events: one row for each plugin that is to be told, from the transaction that records
 * what happened until the plugin was called. */

#include <config.h>

#include "server/acting.h"
#include "server/method.h"

struct event {
  int64_t n, event;
  const char *plugin;
};

int
vl_event_add (struct vl_store *store, const char *server, enum vl_event event)
{
  return vl_db_run (store,
                    "INSERT INTO event (server, plugin, event, at) SELECT server, plugin, ?2, ?3 "
                    "FROM document_feature WHERE server = ?1 AND role = 'current' "
                    "AND ' ' || acts || ' ' LIKE '% event %' ORDER BY plugin",
                    "sis", server, (int64_t)event, vl_now_text (store->call));
}

/* Is PLUGIN there to be told?  One that has no callback any more has nothing to do. */
static const struct vl_plugin *
listener (struct vl_app *app, const char *plugin)
{
  return vl_feature_absent (app, plugin) ? NULL : vl_registry_find (app->registry, plugin);
}

/* The events of SERVER whose plugins are there: how many, in *LIST (free ()). */
static size_t
find_events (struct vl_app *app, const char *server, struct event **list)
{
  VL_AUTOQUERY sqlite3_stmt *stmt = vl_db_query (
      app->store, "SELECT n, event, plugin FROM event WHERE server = ? ORDER BY n", "s", server);
  size_t n = 0, size = 0;

  *list = NULL;
  while (vl_db_step (app->store, stmt) == 1) {
    const char *plugin = vl_db_text (stmt, 2);

    if (listener (app, plugin) == NULL)
      continue;
    VL_GROW (*list, n, size);
    (*list)[n++] = (struct event) { vl_db_int (stmt, 0), vl_db_int (stmt, 1),
                                    vl_db_keep (app->store, stmt, 2) };
  }
  return n;
}

static void
tell (const struct vl_hooks *hooks, const struct event *event)
{
  struct vl_app *app = hooks->app;
  struct vl_plugin *plugin = vl_registry_find (app->registry, event->plugin);

  /* What its module does not understand any more waits for one that does. */
  if (vl_recorded_check (app->call, app->registry, &hooks->stored->was, event->plugin, NULL) < 0)
    return;
  if (plugin->feature.event)
    vl_hooks_call (hooks, plugin, VL_PHASE_EVENT, (int)event->event);
  vl_db_run (app->store, "DELETE FROM event WHERE n = ?", "i", event->n);
}

/* The server's lock is held. */
static void
tell_server (struct vl_app *app, const char *server, const struct event *events, size_t n)
{
  struct vl_hooks hooks = { .app = app };
  struct vl_record record;

  if (vl_record_load (app->store, server, &record) != 1)
    return;
  hooks.record = &record;
  hooks.driver = vl_app_driver_named (app, record.driver);
  if (vl_hooks_load (&hooks, VL_ROLE_CURRENT) == 0)
    for (size_t i = 0; i < n; i++)
      tell (&hooks, &events[i]);
  vl_hooks_free (&hooks);
}

/* The driver before the lock, as everywhere; none is opened for a server that has no
 * event to be told, or on which another command works. */
static void
tell_if_free (struct vl_app *app, const char *server, const char *driver_name)
{
  VL_AUTOLOCK struct vl_lock lock = VL_LOCK_NONE;
  VL_AUTOFREE struct event *events = NULL;
  size_t n = find_events (app, server, &events);
  struct vl_plugin *driver = n ? vl_app_driver_named (app, driver_name) : NULL;

  if (driver == NULL || vl_app_conn (app, driver) == NULL
      || vl_lock_take (app, "servers", server, 0, &lock) != 0)
    return;
  /* Another command may have told some. */
  free (events);
  n = find_events (app, server, &events);
  if (n)
    tell_server (app, server, events, n);
}

void
vl_events_tell (struct vl_app *app)
{
  VL_AUTOQUERY sqlite3_stmt *stmt = NULL;
  VL_AUTOSTRV struct vl_strv servers = { NULL, 0, 0 };
  size_t first = app->call->findings.n;

  if (app->store == NULL)
    return;
  stmt = vl_db_query (app->store,
                      "SELECT DISTINCT uuid, driver FROM event JOIN server ON uuid = server "
                      "ORDER BY uuid",
                      "");
  while (vl_db_step (app->store, stmt) == 1) {
    vl_strv_add (&servers, vl_db_text (stmt, 0));
    vl_strv_add (&servers, vl_db_text (stmt, 1));
  }
  vl_db_end (&stmt);
  for (size_t i = 0; i < servers.n; i += 2)
    tell_if_free (app, servers.items[i], servers.items[i + 1]);
  vl_soften (app->call, first);
}
