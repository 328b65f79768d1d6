/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Events: one row for each plugin that is to be told, from the transaction that records
 * what happened until the plugin was called. */

#include <config.h>

#include "server/hooks.h"
#include "server/method.h"
#include "server/records.h"

struct event {
  const char *n, *event, *plugin, *device;
};
/* A server that has some. */
struct listener {
  const char *uuid, *driver;
};

int
vl_event_add (struct vl_store *store, const char *server, enum vl_event event, const char *device)
{
  return vl_db_run (store,
                    "INSERT INTO event (server, plugin, event, at, device) "
                    "SELECT server, plugin, ?2, ?3, ?4 "
                    "FROM document_feature WHERE server = ?1 AND role = 'current' "
                    "AND ' ' || acts || ' ' LIKE '% event %' ORDER BY plugin",
                    "siss", server, (int64_t)event, vl_now_text (store->call), device);
}

enum vl_event
vl_event_of_turn (int was, int is)
{
  return was && is ? VL_EVENT_REBOOTED : is ? VL_EVENT_STARTED : was ? VL_EVENT_STOPPED : 0;
}

int
vl_event_turn (struct vl_store *store, const char *server, int was, int is)
{
  enum vl_event event = vl_event_of_turn (was, is);

  return event ? vl_event_add (store, server, event, NULL) : 0;
}

/* The events of SERVER whose plugins are there: how many, in *LIST (arena memory).  A
 * plugin that has no callback any more has nothing to do. */
static size_t
find_events (struct vl_app *app, const char *server, struct event **list)
{
  size_t n, kept = 0;

  vl_db_rows (app->store, list, &n,
              "SELECT n, event, plugin, device FROM event WHERE server = ? ORDER BY n", "s",
              server);
  for (size_t i = 0; i < n; i++)
    if (vl_feature_absent (app, (*list)[i].plugin) == NULL)
      (*list)[kept++] = (*list)[i];
  return kept;
}

static void
tell (const struct vl_hooks *hooks, const struct event *event)
{
  struct vl_app *app = hooks->app;
  struct vl_plugin *plugin = vl_registry_find (app->registry, event->plugin);
  const char *before;

  /* What its module does not understand any more waits for one that does. */
  if (vl_recorded_check (app->call, app->registry, &hooks->stored->was, event->plugin, NULL) < 0)
    return;
  before = app->call->op_device;
  app->call->op_device = event->device;
  if (plugin->feature.event)
    vl_hooks_call (hooks, plugin, VL_PHASE_EVENT, atoi (event->event));
  app->call->op_device = before;
  vl_db_run (app->store, "DELETE FROM event WHERE n = ?", "s", event->n);
}

/* The server's lock is held. */
static void
tell_server (struct vl_app *app, const char *server, const struct event *events, size_t n)
{
  struct vl_hooks hooks;
  struct vl_record record;

  if (vl_record_load (app->store, server, &record) != 1)
    return;
  if (vl_hooks_load (&hooks, app, &record, VL_ROLE_CURRENT) == 0)
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
  struct event *events;
  size_t n = find_events (app, server, &events);
  struct vl_plugin *driver = n ? vl_app_driver_named (app, driver_name) : NULL;

  if (driver == NULL || vl_app_conn (app, driver) == NULL
      || vl_lock_take (app, "servers", server, 0, &lock) != 0)
    return;
  /* Another command may have told some. */
  n = find_events (app, server, &events);
  if (n)
    tell_server (app, server, events, n);
}

void
vl_events_tell (struct vl_app *app)
{
  size_t first = app->call->findings.n, n;
  struct listener *servers;

  if (app->store == NULL)
    return;
  vl_db_rows (app->store, &servers, &n,
              "SELECT DISTINCT uuid, driver FROM event JOIN server ON uuid = server "
              "ORDER BY uuid",
              "");
  for (size_t i = 0; i < n; i++)
    tell_if_free (app, servers[i].uuid, servers[i].driver);
  vl_soften (app->call, first);
  vl_records_keep (app);
}
