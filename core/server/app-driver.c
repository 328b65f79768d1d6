/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Which driver acts, its connection, and the host that it stands on. */

#include <config.h>

#include "server/session.h"

#include "domain/doc.h"
#include "lib/text.h"
#include "request/work.h"
#include "server/method.h"
#include "server/db.h"

static struct vl_open_driver *
slot_of (struct vl_app *app, struct vl_plugin *plugin)
{
  for (size_t i = 0; i < app->n_drivers; i++)
    if (app->drivers[i].plugin == plugin)
      return &app->drivers[i];
  VL_GROW (app->drivers, app->n_drivers, app->drivers_size);
  app->drivers[app->n_drivers] = (struct vl_open_driver) { .plugin = plugin };
  return &app->drivers[app->n_drivers++];
}

void
vl_app_disconnect (struct vl_app *app)
{
  for (size_t i = 0; i < app->n_drivers; i++) {
    struct vl_open_driver *open = &app->drivers[i];

    if (open->conn && open->plugin->driver.close) {
      struct vl_plugin *before = app->call->plugin;

      vl_call_as (app->call, open->plugin);
      app->call->doing = "close";
      open->plugin->driver.close (open->conn);
      vl_call_as (app->call, before);
    }
    open->conn = NULL;
  }
}

/* ---- choosing ---- */

const char *
vl_driver_wanted (struct vl_app *app)
{
  const char *name = app->options.driver;

  if (name == NULL)
    name = vl_config_str (app->config, "driver");
  return name ? name : "auto";
}

static int
by_rank (const void *a, const void *b)
{
  const struct vl_plugin *const *x = a, *const *y = b;

  return (*x)->auto_rank > (*y)->auto_rank   ? -1
         : (*x)->auto_rank < (*y)->auto_rank ? 1
                                             : strcmp ((*x)->name, (*y)->name);
}

/* Is PLUGIN usable?  Loading it is what asking takes; that it cannot be loaded
 * is a reason like any other here. */
static int
try_driver (struct vl_app *app, struct vl_plugin *plugin, const char **why)
{
  *why = "cannot be used on this machine";
  if (plugin->state != VL_PLUGIN_LOADED
      && vl_registry_load (app->call, app->registry, plugin, &app->places) < 0) {
    *why = plugin->reason ? plugin->reason : "was refused";
    return 0;
  }
  if (plugin->driver.usable == NULL)
    return 1;
  return VL_AS (app->call, plugin, "usable", plugin->driver.usable (app->call, why)) == 1;
}

int
vl_plugins_usable (struct vl_app *app, const char *name, const char **why)
{
  struct vl_plugin *plugin = vl_registry_find (app->registry, name);

  *why = "is no driver";
  return plugin && plugin->kind == VL_KIND_DRIVER && try_driver (app, plugin, why);
}

struct vl_plugin *
vl_driver_auto (struct vl_app *app, const char **why)
{
  VL_AUTOFREE struct vl_plugin **list = vl_xcalloc (app->registry->n + 1, sizeof *list);
  VL_AUTOSTR struct vl_str reasons = { NULL, 0, 0 };
  struct vl_plugin *chosen = NULL;
  const char *reason;
  size_t n = 0;

  for (size_t i = 0; i < app->registry->n; i++) {
    struct vl_plugin *plugin = app->registry->plugins[i];

    if (plugin->kind == VL_KIND_DRIVER && plugin->auto_rank > 0
        && (plugin->state == VL_PLUGIN_UNUSED || plugin->state == VL_PLUGIN_LOADED))
      list[n++] = plugin;
  }
  qsort (list, n, sizeof *list, by_rank);
  for (size_t i = 0; i < n && chosen == NULL; i++)
    if (try_driver (app, list[i], &reason))
      chosen = list[i];
    else
      vl_str_printf (&reasons, "%s%s: %s", reasons.length ? "; " : "", list[i]->name, reason);
  *why = vl_arena_strdup (app->call->arena,
                          reasons.length ? reasons.text : "no driver is enabled for auto");
  return chosen;
}

/* Is NAME the first or the last word of CANDIDATE, with a dash between? */
static int
is_end_of (const char *name, const char *candidate)
{
  size_t n = strlen (name), length = strlen (candidate);

  return n && n < length
         && ((candidate[length - n - 1] == '-' && VL_STREQ (candidate + length - n, name))
             || (candidate[n] == '-' && VL_STARTS (candidate, name)));
}

/* A name that the command line did not give is a mistake in a file, which is told with its
 * line and ends as any other there. */
static int
refuse_name (struct vl_app *app, const char *name)
{
  const struct vl_conf_entry *entry =
      app->options.driver == NULL && app->config
          ? vl_config_find (app->config, "virtloom.conf", "virtloom", "driver")
          : NULL;
  int in_file = entry && VL_STREQ (entry->value, name);
  struct vl_report report = { .severity = VL_SEV_ERROR,
                              .err = in_file ? VL_ERR_REFUSED : VL_ERR_NOT_FOUND,
                              .code = "DriverNotFound" };
  struct vl_spell spell = { .wanted = name };
  VL_AUTOSTRV struct vl_strv names = { NULL, 0, 0 };
  VL_AUTOFREE char *list = NULL;

  for (size_t i = 0; i < app->registry->n; i++)
    if (app->registry->plugins[i]->kind == VL_KIND_DRIVER) {
      vl_strv_add (&names, app->registry->plugins[i]->name);
      vl_spell_offer (&spell, app->registry->plugins[i]->name);
    }
  for (size_t i = 0; i < names.n && spell.best == NULL; i++)
    if (is_end_of (name, names.items[i]))
      spell.best = vl_arena_strdup (app->call->arena, names.items[i]);
  vl_strv_add (&names, "auto");
  list = vl_strv_join (&names, ", ");
  if (in_file)
    report.origin = vl_printf (app->call, "%s:%d", entry->path, entry->line);
  report.hint = vl_did_you_mean (app->call, '"', spell.best, NULL);
  return vl_report (app->call, &report, "there is no driver \"%s\"; accepted: %s", name, list);
}

struct vl_plugin *
vl_app_driver_named (struct vl_app *app, const char *name)
{
  struct vl_plugin *plugin = vl_registry_find (app->registry, name);

  if (plugin == NULL || plugin->kind != VL_KIND_DRIVER) {
    refuse_name (app, name);
    return NULL;
  }
  if (plugin->state == VL_PLUGIN_DISABLED) {
    vl_refuse_as (app->call, VL_ERR_UNSUPPORTED, "DriverUnavailable", NULL,
                  vl_printf (app->call, "virtloom driver enable %s", name),
                  "driver \"%s\" is not enabled (%s)", name, plugin->conf);
    return NULL;
  }
  if (plugin->state == VL_PLUGIN_LOADED)
    return plugin;
  if (plugin->state == VL_PLUGIN_REFUSED) {
    vl_refuse_as (app->call, VL_ERR_REFUSED, "PluginRefused", NULL, NULL,
                  "driver \"%s\" was refused: %s", name,
                  plugin->reason ? plugin->reason : "no reason is known");
    return NULL;
  }
  return vl_registry_load (app->call, app->registry, plugin, &app->places) < 0 ? NULL : plugin;
}

/* The driver that `auto` chose at the first server, or NULL. */
static const char *
kept_choice (struct vl_app *app)
{
  const char *choice = NULL;
  struct vl_store *store;

  if (vl_app_store_if_any (app, &store) == 0 && store)
    vl_db_row (store, &choice, "SELECT value FROM setting WHERE key = 'driver'", "");
  return choice;
}

static struct vl_plugin *
choose (struct vl_app *app)
{
  const char *wanted = vl_driver_wanted (app), *why;
  struct vl_plugin *plugin;

  if (VL_STREQ (wanted, "auto"))
    wanted = kept_choice (app);
  if (wanted)
    return vl_app_driver_named (app, wanted);
  plugin = vl_driver_auto (app, &why);
  if (plugin == NULL) {
    vl_refuse_as (app->call, VL_ERR_UNSUPPORTED, "DriverUnavailable", NULL, "virtloom host check",
                  "no driver can be used on this machine: %s", why);
  }
  return plugin;
}

struct vl_plugin *
vl_app_driver_plugin (struct vl_app *app)
{
  if (app->driver == NULL)
    app->driver = choose (app);
  return app->driver;
}

const char *
vl_app_driver (struct vl_app *app)
{
  struct vl_plugin *plugin = vl_app_driver_plugin (app);

  return plugin ? plugin->name : NULL;
}

/* ---- connection and host ---- */

/* What the driver needs of the process is the application's to do, and before the driver
 * starts threads. */
static int
tell_process (struct vl_app *app, const struct vl_plugin *driver, const struct vl_open *open)
{
  struct vl_process process = { .size = sizeof process };

  if (driver->driver.process == NULL || app->on_process == NULL)
    return 0;
  if (driver->driver.process (app->call, open, &process) < 0)
    return -1;
  app->on_process (app->process_opaque, &process);
  return 0;
}

struct vl_conn *
vl_app_conn (struct vl_app *app, struct vl_plugin *driver)
{
  struct vl_open_driver *slot = slot_of (app, driver);
  struct vl_open open = { .size = sizeof open, .own_event_loop = app->options.own_event_loop != 0 };
  struct vl_plugin *before = app->call->plugin;
  size_t errors = app->call->findings.n_errors;

  if (slot->conn)
    return slot->conn;
  open.state_dir = vl_state_make (app);
  if (open.state_dir == NULL)
    return NULL;
  vl_call_as (app->call, driver);
  app->call->doing = "open";
  if (driver->driver.open == NULL || tell_process (app, driver, &open) < 0
      || driver->driver.open (app->call, &open, &slot->conn) < 0)
    slot->conn = NULL;
  if (slot->conn == NULL && app->call->findings.n_errors == errors)
    vl_refuse (app->call, VL_ERR_UNREACHABLE, NULL, NULL, "driver \"%s\" did not open",
               driver->name);
  vl_call_as (app->call, before);
  return slot->conn;
}

static struct vl_host *
host_of (struct vl_app *app, struct vl_plugin *driver, int anew)
{
  struct vl_open_driver *slot = slot_of (app, driver);
  const char *file = app->options.host_file;

  if (anew) {
    vl_host_free (slot->host);
    slot->host = NULL;
  }
  if (slot->host == NULL) {
    if (file == NULL && driver->driver.host_file)
      file = VL_AS (app->call, driver, "host_file", driver->driver.host_file (app->call));
    slot->host = file ? vl_host_load (app->call, app->places.tree, file)
                      : vl_facts_probe (app, driver, anew);
  }
  return slot->host;
}

struct vl_host *
vl_app_host_of (struct vl_app *app, struct vl_plugin *driver)
{
  return host_of (app, driver, 0);
}

const struct vl_host *
vl_app_host (struct vl_app *app)
{
  struct vl_plugin *driver = vl_app_driver_plugin (app);

  return driver ? host_of (app, driver, 0) : NULL;
}

const struct vl_host *
vl_app_host_anew (struct vl_app *app)
{
  struct vl_plugin *driver = vl_app_driver_plugin (app);

  return driver ? host_of (app, driver, 1) : NULL;
}

int
vl_app_ready (struct vl_app *app, const struct vl_host *host)
{
  struct vl_plugin *driver = host ? vl_app_driver_plugin (app) : NULL;
  int result = vl_core_ready (app->call, app->registry, app->config);

  return vl_build_ready (app->call, app->registry, driver, host) | result;
}

int
vl_call_missing (struct vl_call *call, const struct vl_plugin *driver, const char *method)
{
  return vl_refuse_as (call, VL_ERR_UNSUPPORTED, "NotImplemented", NULL, NULL,
                       "driver \"%s\" does not have the call \"%s\"", driver->name, method);
}
