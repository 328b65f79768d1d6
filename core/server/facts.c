/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Facts of this machine.  A hypervisor takes tens of milliseconds to say what it
 * can do, and says the same until something is installed, loaded or plugged in:
 * its answer is kept in STATE with a stamp of what it rests on. */

#include <config.h>

#include "server/session.h"

#include "server/db.h"
#include "server/method.h"

/* NULL: the driver's facts cannot be kept. */
static char *
stamp_of (struct vl_app *app, struct vl_plugin *driver, const char *state)
{
  VL_AUTOFREE char *module = driver->path ? realpath (driver->path, NULL) : NULL;
  struct vl_open open = { .size = sizeof open, .state_dir = state };
  struct vl_stamp stamp = { { NULL, 0, 0 } };

  if (driver->driver.stamp == NULL)
    return NULL;
  vl_stamp_system (&stamp);
  if (module)
    vl_stamp_file (&stamp, module);
  if (VL_AS (app->call, driver, "stamp", driver->driver.stamp (app->call, &open, &stamp)) == 0)
    return stamp.text.text;
  vl_str_free (&stamp.text);
  return NULL;
}

static struct vl_host *
recall (struct vl_app *app, struct vl_plugin *driver, const char *stamp)
{
  VL_AUTOQUERY sqlite3_stmt *stmt = NULL;
  size_t first = app->call->findings.n;
  struct vl_host *host = NULL;
  struct vl_store *store;

  if (vl_app_store_if_any (app, &store) == 0 && store) {
    stmt = vl_db_query (store, "SELECT facts FROM host_facts WHERE driver = ? AND stamp = ?", "ss",
                        driver->name, stamp);
    if (vl_db_step (store, stmt) == 1)
      host = vl_host_from_lines (vl_db_text (stmt, 0));
  }
  /* Who needs more of a damaged store than this is told by it. */
  vl_soften (app->call, first);
  return host;
}

/* That facts cannot be kept is no reason not to use them. */
static void
keep (struct vl_app *app, struct vl_plugin *driver, const char *stamp, const struct vl_host *host)
{
  VL_AUTOFREE char *facts = vl_host_to_lines (host);
  size_t first = app->call->findings.n;
  struct vl_store *store = facts ? vl_app_store (app) : NULL;

  if (store)
    vl_db_run (store, "INSERT OR REPLACE INTO host_facts VALUES (?, ?, ?)", "sss", driver->name,
               stamp, facts);
  vl_soften (app->call, first);
}

static struct vl_host *
ask (struct vl_app *app, struct vl_plugin *driver, const char *state)
{
  struct vl_conn *conn = vl_app_conn (app, driver);
  VL_AUTOFREE char *stamp = NULL;
  size_t errors = app->call->findings.n_errors;
  struct vl_host *host;
  int result = 0;

  if (conn == NULL)
    return NULL;
  /* To open is to write what is missing; before the question is early enough. */
  stamp = stamp_of (app, driver, state);
  host = vl_host_new ();
  vl_host_import_into (app->call, host, NULL);
  if (driver->driver.probe)
    result = VL_AS (app->call, driver, "probe",
                    vl_said (app->call, driver->driver.probe (app->call, conn), errors));
  vl_host_import_into (app->call, NULL, NULL);
  if (result == 0) {
    if (stamp)
      keep (app, driver, stamp, host);
    return host;
  }
  vl_host_free (host);
  return NULL;
}

/* What is looked at each time: it is quick, or changes under way. */
static int
look (struct vl_app *app, struct vl_host *host, const char *state)
{
  size_t errors = app->call->findings.n_errors;
  int result = 0;

  host->live = 1;
  vl_host_import_into (app->call, host, NULL);
  vl_host_probe_system (app->call, host);
  vl_host_probe_storage (app->call, host, state);
  for (size_t i = 0; i < app->registry->n && result == 0; i++) {
    struct vl_plugin *plugin = app->registry->plugins[i];

    if (plugin->kind == VL_KIND_FEATURE && plugin->state == VL_PLUGIN_LOADED
        && plugin->feature.probe)
      result = VL_AS (app->call, plugin, "probe",
                      vl_said (app->call, plugin->feature.probe (app->call), errors));
  }
  vl_host_import_into (app->call, NULL, NULL);
  return result;
}

struct vl_host *
vl_facts_probe (struct vl_app *app, struct vl_plugin *driver, int anew)
{
  const char *state = vl_app_state_dir (app);
  VL_AUTOFREE char *stamp = state && ! anew ? stamp_of (app, driver, state) : NULL;
  struct vl_host *host = stamp ? recall (app, driver, stamp) : NULL;

  if (host == NULL && state)
    host = ask (app, driver, state);
  if (host && look (app, host, state) == 0)
    return host;
  vl_host_free (host);
  return NULL;
}
