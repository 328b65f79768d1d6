/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * permit, prepare and release; what is on record for them.  What a plugin was called for is
 * in table `kept` before the call: the row without a key says that it was prepared. */

#include <config.h>

#include "server/hooks.h"

#include "domain/build.h"
#include "lib/text.h"

int
vl_hooks_load (struct vl_hooks *hooks, struct vl_app *app, const struct vl_record *record,
               const char *role)
{
  *hooks = (struct vl_hooks) { .app = app,
                               .record = record,
                               .driver = vl_app_driver_named (app, record->driver) };
  if (hooks->driver == NULL)
    return -1;
  hooks->stored = vl_stored_load (app, hooks->record, role);
  hooks->host = hooks->stored ? vl_app_host_of (app, hooks->driver) : NULL;
  if (hooks->host == NULL)
    return -1;
  hooks->guest = vl_guest_load (app->call, app->registry, app->config, hooks->driver,
                                &hooks->stored->was, hooks->host);
  vl_call_about (app->call, NULL);
  return 0;
}

void
vl_hooks_free (struct vl_hooks *hooks)
{
  vl_stored_free (hooks->stored);
  hooks->stored = NULL;
}

const struct vl_value *
vl_hooks_value (const struct vl_hooks *hooks, const char *key)
{
  const struct vl_guest *guest = hooks->guest;

  for (size_t i = 0; i < guest->n_props; i++)
    if (vl_text_same (guest->props[i].row->image_key, key))
      return &guest->props[i].value;
  return NULL;
}

/* ---- calling ---- */

static int
call_feature (struct vl_call *call, struct vl_plugin *plugin, const void *what)
{
  const struct vl_feature *feature = &plugin->feature;

  switch (call->phase) {
  case VL_PHASE_PERMIT:
    return feature->permit (call, (enum vl_op) * (const int *)what);
  case VL_PHASE_PREPARE:
    return feature->prepare (call);
  case VL_PHASE_RELEASE:
    return feature->release (call);
  default:
    return feature->event (call, (enum vl_event) * (const int *)what);
  }
}

int
vl_hooks_call (const struct vl_hooks *hooks, struct vl_plugin *plugin, enum vl_phase phase,
               int what)
{
  struct vl_call *call = hooks->app->call, before = *call;
  VL_AUTOLOCK struct vl_lock lock = VL_LOCK_NONE;
  int result;

  if ((phase == VL_PHASE_PREPARE || phase == VL_PHASE_RELEASE)
      && vl_lock_take (hooks->app, "locks", plugin->name, VL_LOCK_OTHER, &lock) < 0)
    return -1;
  /* What others hold by now, with the lock. */
  result = vl_holdings_load (hooks->app, hooks->driver, hooks->record->uuid, call->arena,
                             &call->holdings);
  if (result == 0) {
    vl_call_about (call, hooks->guest);
    call->host = hooks->host;
    result = vl_acting_run (hooks, plugin, phase, vl_phase_name (phase), call_feature, &what);
    vl_call_about (call, before.guest);
    call->host = before.host;
  }
  call->holdings = before.holdings;
  return result;
}

const char *
vl_feature_absent (struct vl_app *app, const char *name)
{
  const struct vl_plugin *plugin = vl_registry_find (app->registry, name);

  if (plugin == NULL)
    return "is not installed";
  if (plugin->state == VL_PLUGIN_LOADED)
    return NULL;
  return vl_printf (app->call, "%s%s%s",
                    plugin->state == VL_PLUGIN_DISABLED ? "is not enabled" : "was refused",
                    plugin->reason ? ": " : "", plugin->reason ? plugin->reason : "");
}

const char *
vl_feature_hint (struct vl_app *app, const char *name)
{
  const struct vl_plugin *plugin = vl_registry_find (app->registry, name);

  return vl_printf (app->call,
                    plugin == NULL                        ? "put '%s' back"
                    : plugin->state == VL_PLUGIN_DISABLED ? "virtloom feature enable %s"
                                                          : "'virtloom feature show %s' tells more",
                    name);
}

/* What was active and is not there any more.  What only wrote into the document is
 * not needed to boot from that. */
static int
judge_features (const struct vl_hooks *hooks, int boots)
{
  const struct vl_recorded *was = &hooks->stored->was;
  struct vl_call *call = hooks->app->call;
  int result = 0;

  for (size_t i = 0; i < was->n_features; i++) {
    const struct vl_recorded_feature *feature = &was->features[i];
    const struct vl_plugin *plugin = vl_registry_find (hooks->app->registry, feature->plugin);
    const char *why = vl_feature_absent (hooks->app, feature->plugin);
    const char *hint =
        plugin && plugin->state == VL_PLUGIN_DISABLED
            ? vl_printf (call, "virtloom feature enable %s", feature->plugin)
            : vl_printf (call,
                         "put '%s' %s back, or take a plan of today: virtloom server "
                         "reboot --hard --update %s",
                         feature->plugin, feature->version,
                         vl_name_word (call->arena, hooks->record->name));

    if (why && (boots ? *feature->acts != '\0' : strstr (feature->acts, "permit") != NULL))
      result =
          vl_refuse_as (call, VL_ERR_REFUSED, "PluginRefused", NULL, hint,
                        "server \"%s\" has feature '%s' %s (%s), which %s", hooks->record->name,
                        feature->plugin, feature->version, feature->acts, why);
    else if (why && boots)
      vl_warn_as (call, "FeatureGone", NULL, hint,
                  "feature '%s' %s of server \"%s\" %s; its guest is made from the record",
                  feature->plugin, feature->version, hooks->record->name, why);
  }
  return result;
}

int
vl_hooks_judge_plugins (const struct vl_hooks *hooks, int boots)
{
  struct vl_app *app = hooks->app;
  int bad = judge_features (hooks, boots);

  bad |= vl_recorded_check (
      app->call, app->registry, &hooks->stored->was, NULL,
      vl_printf (app->call,
                 "put the module of then back, or take a plan of today: virtloom server reboot "
                 "--hard --update %s",
                 vl_name_word (app->call->arena, hooks->record->name)));
  return bad ? -1 : 0;
}

/* ---- permit ---- */

int
vl_hooks_permit (const struct vl_hooks *hooks, enum vl_op op, int anyway)
{
  struct vl_registry *registry = hooks->app->registry;
  struct vl_call *call = hooks->app->call;
  size_t first = call->findings.n;
  int bad = vl_record_unlocked (call, hooks->record);

  for (size_t i = 0; i < registry->n; i++) {
    struct vl_plugin *plugin = registry->plugins[i];
    size_t before = call->findings.n;

    if (plugin->kind != VL_KIND_FEATURE || plugin->state != VL_PLUGIN_LOADED
        || plugin->feature.permit == NULL
        || ! (hooks->guest->active[i] || plugin->critical || plugin->feature.policy))
      continue;
    if (anyway && vl_recorded_check (call, registry, &hooks->stored->was, plugin->name, NULL) < 0)
      vl_findings_drop (call, before, call->findings.n);
    else
      bad |= vl_hooks_call (hooks, plugin, VL_PHASE_PERMIT, (int)op);
  }
  vl_findings_sort (call, first);
  return bad ? -1 : 0;
}

int
vl_hooks_overrule (const struct vl_hooks *hooks, const char *word, size_t first)
{
  struct vl_app *app = hooks->app;
  const char *said = vl_fault_text (app->call, first);

  vl_soften (app->call, first);
  return vl_db_run (
      app->store, "INSERT INTO overruled (server, name, what, said, at) VALUES (?, ?, ?, ?, ?)",
      "sssss", hooks->record->uuid, hooks->record->name, word, said, vl_now_text (app->call));
}

/* ---- prepare ---- */

int
vl_hooks_prepare (const struct vl_hooks *hooks)
{
  struct vl_registry *registry = hooks->app->registry;

  for (size_t i = 0; i < registry->n; i++) {
    struct vl_plugin *plugin = registry->plugins[i];

    if (hooks->guest->active[i] && plugin->feature.prepare
        && (vl_kept_write (hooks, plugin, "", "") < 0
            || vl_hooks_call (hooks, plugin, VL_PHASE_PREPARE, 0) < 0))
      return -1;
  }
  return 0;
}

/* ---- release ---- */

int
vl_hooks_release_device (const struct vl_hooks *hooks)
{
  struct vl_registry *registry = hooks->app->registry;
  int bad = 0;

  for (size_t i = 0; i < registry->n; i++)
    if (hooks->guest->active[i] && registry->plugins[i]->feature.release)
      bad |= vl_hooks_call (hooks, registry->plugins[i], VL_PHASE_RELEASE, 0);
  return bad ? -1 : 0;
}

struct holder {
  const char *plugin, *version;
  const char *keys; /* "'a', 'b'", NULL: none */
};

/* 0 with the *N plugins that hold something for SERVER, in arena memory, or -1. */
static int
find_holders (struct vl_store *store, const char *server, struct holder **list, size_t *n)
{
  return vl_db_rows (store, list, n,
                     "SELECT plugin, max (version), "
                     "group_concat ('''' || key || '''', ', ') FILTER (WHERE key <> '') FROM "
                     "(SELECT * FROM kept WHERE server = ? ORDER BY key) GROUP BY plugin "
                     "ORDER BY plugin DESC",
                     "s", server);
}

enum vl_holding
vl_hooks_holding (struct vl_app *app, const char *server)
{
  struct holder *holders;
  size_t n;

  if (find_holders (app->store, server, &holders, &n) < 0)
    return VL_HOLDING_PRESENT;
  for (size_t i = 0; i < n; i++)
    if (vl_feature_absent (app, holders[i].plugin) == NULL)
      return VL_HOLDING_PRESENT;
  return n ? VL_HOLDING_ABSENT : VL_HOLDING_NONE;
}

static int
forget (struct vl_store *store, const char *server, const char *plugin)
{
  return vl_db_run (store, "DELETE FROM kept WHERE server = ? AND plugin = ?", "ss", server,
                    plugin);
}

static const char *
held_text (struct vl_call *call, const struct holder *holder)
{
  return vl_printf (call, "plugin '%s' holds %s", holder->plugin,
                    holder->keys ? holder->keys : "what it prepared");
}

/* Why HOLDER cannot be called, or NULL. */
static const char *
why_not (const struct vl_hooks *hooks, const struct holder *holder)
{
  struct vl_app *app = hooks->app;
  const char *absent = vl_feature_absent (app, holder->plugin);
  const struct vl_plugin *plugin = vl_registry_find (app->registry, holder->plugin);
  const struct vl_recorded_feature *was = vl_recorded_feature (&hooks->stored->was, holder->plugin);
  size_t first = app->call->findings.n;

  if (absent)
    return absent;
  if (plugin->feature.release == NULL && was && strstr (was->acts, "release"))
    return vl_printf (app->call, "does not know in version %s how to release it", plugin->version);
  if (vl_recorded_check (app->call, app->registry, &hooks->stored->was, holder->plugin, NULL) < 0) {
    const char *why = app->call->findings.items[first].message;

    vl_findings_drop (app->call, first, app->call->findings.n);
    return vl_printf (app->call, "does not take what is on record: %s", why);
  }
  return NULL;
}

/* 0, -1 after errors, or 1 after a warning: HOLDER is not there. */
static int
release_one (const struct vl_hooks *hooks, const struct holder *holder)
{
  const struct vl_record *record = hooks->record;
  struct vl_call *call = hooks->app->call;
  struct vl_plugin *plugin = vl_registry_find (hooks->app->registry, holder->plugin);
  const char *why = why_not (hooks, holder);

  if (why) {
    vl_warn_as (call, "Unfinished", NULL,
                vl_printf (call,
                           "put '%s' %s back, and the next command finishes; to give up what it "
                           "holds: virtloom server delete --abandon %s %s",
                           holder->plugin, holder->version, holder->plugin,
                           vl_name_word (call->arena, record->name)),
                "server \"%s\" stays DELETING: %s, and %s", record->name, held_text (call, holder),
                why);
    return 1;
  }
  if (plugin->feature.release && vl_hooks_call (hooks, plugin, VL_PHASE_RELEASE, 0) < 0)
    return -1;
  return forget (hooks->app->store, record->uuid, holder->plugin);
}

enum vl_holding
vl_hooks_release (struct vl_app *app, const struct vl_record *record)
{
  struct vl_hooks hooks;
  enum vl_holding holding = VL_HOLDING_NONE;
  struct holder *holders;
  size_t n;

  if (find_holders (app->store, record->uuid, &holders, &n) < 0)
    return VL_HOLDING_PRESENT;
  if (n == 0)
    return VL_HOLDING_NONE;
  if (vl_hooks_load (&hooks, app, record, VL_ROLE_CURRENT) < 0)
    holding = VL_HOLDING_PRESENT;
  for (size_t i = 0; i < n && hooks.guest; i++) {
    int result = release_one (&hooks, &holders[i]);

    if (result < 0)
      holding = VL_HOLDING_PRESENT;
    else if (result > 0 && holding == VL_HOLDING_NONE)
      holding = VL_HOLDING_ABSENT;
  }
  vl_hooks_free (&hooks);
  return holding;
}

/* Devices that a plugin which is not there reaches outside of the server's folder. */
struct reached {
  const char *plugin;
  const char *ids; /* "'a', 'b'" */
};

/* 0 with the *N plugins of which SERVER has such devices, in arena memory, or -1. */
static int
find_reached (struct vl_app *app, const char *server, struct reached **list, size_t *n)
{
  size_t all = 0;
  int result =
      vl_db_rows (app->store, list, &all,
                  "SELECT plugin, group_concat ('''' || id || '''', ', ') FROM (SELECT DISTINCT "
                  "plugin, id FROM device WHERE server = ?1 AND plugin IS NOT NULL AND (is_nic OR "
                  "source IS NULL OR substr (source, 1, length (?2)) <> ?2) ORDER BY id) "
                  "GROUP BY plugin ORDER BY plugin",
                  "ss", server, vl_printf (app->call, "%s/", vl_server_dir (app, server)));

  *n = 0;
  for (size_t i = 0; i < all; i++)
    if (vl_feature_absent (app, (*list)[i].plugin))
      (*list)[(*n)++] = (*list)[i];
  return result;
}

/* PLUGIN is not asked to let go of devices of SERVER. */
static int
forget_devices (struct vl_store *store, const char *server, const char *plugin)
{
  return vl_db_run (store, "UPDATE device SET plugin = NULL WHERE server = ? AND plugin = ?", "ss",
                    server, plugin);
}

static void
tell_abandoned (struct vl_call *call, const char *what, const struct vl_record *record)
{
  vl_warn_as (call, "Abandoned", NULL, NULL,
              "%s for server \"%s\", which is given up: what is left of it on this host is for "
              "you to remove",
              what, record->name);
}

int
vl_hooks_abandon (struct vl_app *app, const struct vl_record *record, const char *plugin)
{
  struct vl_call *call = app->call;
  VL_AUTOSTR struct vl_str names = { 0 };
  struct holder *holders;
  struct reached *reached;
  size_t n, n_reached;
  int found = 0;

  if (find_holders (app->store, record->uuid, &holders, &n) < 0
      || find_reached (app, record->uuid, &reached, &n_reached) < 0)
    return -1;
  for (size_t i = n; i-- > 0;) {
    vl_str_printf (&names, "%s'%s'", names.length ? ", " : "", holders[i].plugin);
    if (! VL_STREQ (holders[i].plugin, plugin))
      continue;
    tell_abandoned (call, held_text (call, &holders[i]), record);
    found = 1;
  }
  for (size_t i = 0; i < n_reached; i++) {
    if (names.length == 0
        || strstr (names.text, vl_printf (call, "'%s'", reached[i].plugin)) == NULL)
      vl_str_printf (&names, "%s'%s'", names.length ? ", " : "", reached[i].plugin);
    if (! VL_STREQ (reached[i].plugin, plugin))
      continue;
    tell_abandoned (call,
                    vl_printf (call, "plugin '%s' reaches %s", reached[i].plugin, reached[i].ids),
                    record);
    found = 1;
  }
  if (found)
    return forget (app->store, record->uuid, plugin) < 0
                   || forget_devices (app->store, record->uuid, plugin) < 0
               ? -1
               : 0;
  return vl_refuse_as (call, VL_ERR_NOT_FOUND, "PluginNotFound", NULL, NULL,
                       "no plugin '%s' holds anything for server \"%s\"; accepted: %s", plugin,
                       record->name, names.length ? names.text : "none, since nobody does");
}
