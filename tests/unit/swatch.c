/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Made-up features and guests of them.  Tables are the test's; all else is in
 * the arenas of registry and context. */

#include <config.h>

#include "swatch.h"

#include "groups.h"
#include "severity.h"

#include "../../drivers/offers.h"
#include "plugin/load.h"

#include <check.h>

static const char *
loomy_virt_type (struct vl_call *call)
{
  (void)call;
  return "kvm";
}

void
swatch_start (struct swatch *swatch)
{
  memset (swatch, 0, sizeof *swatch);
  swatch->call = vl_call_new ();
  swatch->call->origin_text = vl_origin_text;
  swatch->registry = vl_registry_new ();
  swatch->config = vl_config_new ();
  groups_add (swatch->call, swatch->registry);
  ck_assert_int_eq (vl_known_read (swatch->call, swatch->config,
                                   VL_TEST_BUILDDIR "/../packaging/nova-names.conf"),
                    0);
  swatch->host = vl_host_new ();
  vl_host_set (swatch->host, "host.arch", "x86_64");
  swatch->driver = vl_registry_add (swatch->registry, "loomy", VL_KIND_DRIVER);
  swatch->driver->state = VL_PLUGIN_LOADED;
  swatch->driver->driver.virt_type = loomy_virt_type;
  swatch->driver->driver.reads_back = 1;
  swatch->driver->offers = driver_offers;
  swatch->driver->n_offers = sizeof driver_offers / sizeof driver_offers[0];
}

void
swatch_end (struct swatch *swatch)
{
  vl_request_free (swatch->request);
  vl_host_free (swatch->host);
  vl_config_free (swatch->config);
  vl_registry_free (swatch->registry);
  vl_call_free (swatch->call);
}

static const char **
names (struct vl_arena *arena, const struct vl_table *table)
{
  const char **list = vl_arena_alloc (arena, (table->count + 1) * sizeof *list);
  const struct vl_name *rows = table->rows;

  for (size_t i = 0; i < table->count; i++)
    list[i] = rows[i].name;
  return list;
}

static const char **
claims (struct vl_arena *arena, const struct vl_plugin *plugin)
{
  size_t room = 1, n = 0;
  const char **keys;

  for (size_t i = 0; i < plugin->n_props; i++)
    room += 2 + plugin->props[i].aliases.count;
  keys = vl_arena_alloc (arena, room * sizeof *keys);
  for (size_t i = 0; i < plugin->n_props; i++) {
    const struct vl_prop *row = &plugin->props[i];
    const struct vl_alias *aliases = row->aliases.rows;

    if (row->flavor_key)
      keys[n++] = row->flavor_key;
    if (row->image_key)
      keys[n++] = row->image_key;
    for (size_t k = 0; k < row->aliases.count; k++)
      keys[n++] = aliases[k].key;
  }
  return keys;
}

struct vl_plugin *
swatch_feature (struct swatch *swatch, const char *name, const struct vl_feature *feature)
{
  struct vl_plugin *plugin = vl_registry_add (swatch->registry, name, VL_KIND_FEATURE);
  struct vl_arena *arena = swatch->registry->arena;

  plugin->state = VL_PLUGIN_LOADED;
  plugin->feature = *feature;
  plugin->props = feature->props.rows;
  plugin->n_props = feature->props.count;
  plugin->offers = feature->offers.rows;
  plugin->n_offers = feature->offers.count;
  vl_plugin_configure (swatch->call, plugin, NULL);
  plugin->reads = names (arena, &feature->reads);
  plugin->traits = plugin->claims = names (arena, &feature->traits);
  plugin->keys = claims (arena, plugin);
  return plugin;
}

struct vl_plugin *
swatch_absent (struct swatch *swatch, const char *name, enum vl_plugin_state state,
               const char *keys, const char *reason)
{
  struct vl_plugin *plugin = vl_registry_add (swatch->registry, name, VL_KIND_FEATURE);
  struct vl_arena *arena = swatch->registry->arena;
  char *copy = vl_arena_strdup (arena, keys), *state_of = NULL;
  size_t n = 0;

  plugin->state = state;
  plugin->reason = reason;
  plugin->conf = vl_arena_printf (arena, "plugins.d/%s.conf", name);
  plugin->keys = vl_arena_alloc (arena, (strlen (keys) + 2) * sizeof *plugin->keys);
  for (char *key = strtok_r (copy, " ", &state_of); key; key = strtok_r (NULL, " ", &state_of))
    plugin->keys[n++] = key;
  return plugin;
}

/* Sets the row of ROWS whose setting is NAME to TEXT, in BASE, which is parallel. */
static void
set_row (struct vl_arena *arena, const struct vl_prop *rows, size_t n, struct vl_base *base,
         const char *name, const char *text)
{
  const struct vl_conf_entry entry = { .key = name, .value = text, .path = "FILE", .line = 3 };
  const char *written, *why = "";

  for (size_t i = 0; i < n; i++)
    if (rows[i].setting && VL_STREQ (rows[i].setting, name)) {
      ck_assert_msg (vl_base_read (arena, &rows[i], &entry, &base[i], &written, &why) == 0,
                     "%s: %s", text, why);
      return;
    }
  ck_abort_msg ("no setting %s", name);
}

void
swatch_setting (struct swatch *swatch, struct vl_plugin *plugin, const char *name, const char *text)
{
  set_row (swatch->registry->arena, plugin->props, plugin->n_props, plugin->base, name, text);
}

void
swatch_main (struct swatch *swatch, const char *name, const char *text)
{
  struct vl_config *config = swatch->config;
  size_t n;
  const struct vl_prop *rows = vl_config_table (&n);

  if (config->base == NULL)
    config->base = vl_arena_alloc (config->arena, n * sizeof *config->base);
  set_row (config->arena, rows, n, config->base, name, text);
}

void
swatch_parse_json (struct swatch *swatch, const char *json)
{
  vl_request_free (swatch->request);
  swatch->call->findings.n = swatch->call->findings.n_errors = 0;
  swatch->request = vl_request_read (swatch->call, json, strlen (json), "FILE");
  ck_assert_msg (swatch->request != NULL, "%s: %s", json, swatch_findings (swatch));
  swatch->call->phase = VL_PHASE_PARSE;
  swatch->guest = vl_guest_new (swatch->call, swatch->registry, swatch->config, swatch->driver,
                                swatch->request, swatch->host);
}

void
swatch_parse (struct swatch *swatch, const char *specs, const char *image, const char *properties)
{
  swatch_parse_json (
      swatch, vl_printf (swatch->call,
                         "{\"name\":\"n\",\"flavor\":{\"vcpus\":2,\"ram\":64,\"disk\":1,"
                         "\"extra_specs\":{%s}},\"image\":{\"name\":\"i\","
                         "\"properties\":{%s}},\"properties\":{%s}}",
                         specs ? specs : "", image ? image : "", properties ? properties : ""));
}

void
swatch_resolve (struct swatch *swatch, const char *specs, const char *image, const char *properties)
{
  swatch_parse (swatch, specs, image, properties);
  swatch->call->phase = VL_PHASE_RESOLVE;
  vl_guest_resolve (swatch->guest);
}

const char *
swatch_findings (struct swatch *swatch)
{
  VL_AUTOSTR struct vl_str text = { 0 };

  vl_str_add (&text, "");
  for (size_t i = 0; i < swatch->call->findings.n; i++) {
    const struct vl_finding *f = &swatch->call->findings.items[i];

    vl_str_printf (&text, "%s%s %s %s: %s", i ? "\n" : "", severities[f->severity], f->code,
                   f->plugin, f->message);
    if (f->origin)
      vl_str_printf (&text, " (%s)", f->origin);
    if (f->hint)
      vl_str_printf (&text, "\n  %s", f->hint);
  }
  return vl_arena_strdup (swatch->call->arena, text.text);
}

const char *
swatch_value (struct swatch *swatch, const char *name)
{
  const struct vl_guest_prop *prop = vl_guest_find (swatch->guest, name);

  ck_assert_msg (prop != NULL, "no property %s", name);
  return prop->value.set ? prop->value.text : NULL;
}

const char *
swatch_cause (struct swatch *swatch, const char *name)
{
  const char *chain = NULL, *cause = vl_guest_cause (swatch->guest, name, &chain);
  VL_AUTOSTR struct vl_str text = { 0 };

  vl_str_add (&text, cause ? cause : "nothing");
  for (const char *line = chain; line && *line;) {
    size_t length = strcspn (line, "\n");

    vl_str_printf (&text, " < %.*s", (int)length, line);
    line += length + (line[length] == '\n');
  }
  return vl_arena_strdup (swatch->call->arena, text.text);
}
