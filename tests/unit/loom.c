/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Mock features in this process. */

#include <config.h>

#include "loom.h"

#include "groups.h"
#include "severity.h"

#include "../../drivers/offers.h"
#include "plugin/load.h"
#include "request/work.h"

/* A guest that nobody asked for: it has the core's properties, all unset. */
static void
start_guest (struct loom *loom)
{
  struct vl_guest_work *work = vl_arena_alloc (loom->call->arena, sizeof *work);
  struct vl_guest *guest = &loom->guest;

  work->index = vl_index_get (loom->registry);
  guest->call = loom->call;
  guest->registry = loom->registry;
  guest->host = loom->host;
  guest->work = work;
  guest->n_props = work->index->n_props;
  guest->props = vl_arena_alloc (loom->call->arena, guest->n_props * sizeof *guest->props);
  memcpy (guest->props, work->index->props, guest->n_props * sizeof *guest->props);
}

void
loom_start (struct loom *loom)
{
  memset (loom, 0, sizeof *loom);
  loom->call = vl_call_new ();
  loom->registry = vl_registry_new ();
  loom->host = vl_host_new ();
  loom->config = vl_config_new ();
  groups_add (loom->call, loom->registry);
  start_guest (loom);
  loom->build.call = loom->call;
  loom->build.guest = &loom->guest;
  loom->build.host = loom->host;
  loom->build.timed = 1;
  loom->build.doc = vl_doc_new (loom->call);
  loom->call->build = &loom->build;
  vl_call_about (loom->call, &loom->guest);
  loom->call->host = loom->host;
}

void
loom_end (struct loom *loom)
{
  vl_doc_free (loom->build.doc);
  vl_request_free (loom->request);
  vl_config_free (loom->config);
  free (loom->build.claims);
  free (loom->build.totals);
  free (loom->build.timings);
  vl_host_free (loom->host);
  vl_registry_free (loom->registry);
  vl_call_free (loom->call);
}

static const char **
names (struct vl_arena *arena, const struct vl_table *table)
{
  const struct vl_name *rows = table->rows;
  const char **list = vl_arena_alloc (arena, (table->count + 1) * sizeof *list);

  for (uint32_t i = 0; i < table->count; i++)
    list[i] = rows[i].name;
  return list;
}

struct vl_plugin *
loom_feature (struct loom *loom, const char *name, const struct vl_feature *feature)
{
  struct vl_arena *arena = loom->registry->arena;
  struct vl_plugin *plugin = vl_arena_alloc (arena, sizeof *plugin);

  plugin->arena = arena;
  plugin->name = vl_arena_strdup (arena, name);
  plugin->kind = VL_KIND_FEATURE;
  plugin->state = VL_PLUGIN_LOADED;
  plugin->enabled = 1;
  plugin->feature = *feature;
  plugin->props = feature->props.rows;
  plugin->n_props = feature->props.count;
  plugin->writes = feature->writes.rows;
  plugin->n_writes = feature->writes.count;
  plugin->offers = feature->offers.rows;
  plugin->n_offers = feature->offers.count;
  plugin->reads = names (arena, &feature->reads);
  plugin->wakes = names (arena, &feature->wakes);
  plugin->needs = names (arena, &feature->needs);
  plugin->conflicts = names (arena, &feature->conflicts);
  plugin->traits = plugin->claims = names (arena, &feature->traits);
  vl_plugin_configure (loom->call, plugin, NULL);
  VL_GROW (loom->registry->plugins, loom->registry->n, loom->registry->size);
  loom->registry->plugins[loom->registry->n++] = plugin;
  return plugin;
}

struct vl_plugin *
loom_writer (struct loom *loom, const char *name, const char *const *paths, size_t n)
{
  struct vl_write *rows = vl_arena_alloc (loom->registry->arena, n * sizeof *rows);
  struct vl_feature feature = { .writes = { rows, (uint32_t)n, sizeof *rows } };

  for (size_t i = 0; i < n; i++)
    rows[i].path = paths[i];
  return loom_feature (loom, name, &feature);
}

static const char *
type_kvm (struct vl_call *call)
{
  (void)call;
  return "kvm";
}

static const char *
type_qemu (struct vl_call *call)
{
  (void)call;
  return "qemu";
}

static const char *
type_lxc (struct vl_call *call)
{
  (void)call;
  return "lxc";
}

void
loom_driver (struct loom *loom, const char *virt_type)
{
  struct vl_plugin *driver = vl_arena_alloc (loom->registry->arena, sizeof *driver);

  driver->name = "mock";
  driver->kind = VL_KIND_DRIVER;
  driver->state = VL_PLUGIN_LOADED;
  driver->enabled = 1;
  driver->reads = driver->wakes = driver->needs = driver->conflicts = driver->traits =
      driver->claims = vl_arena_alloc (loom->registry->arena, sizeof *driver->reads);
  driver->driver.virt_type = VL_STREQ (virt_type, "kvm")    ? type_kvm
                             : VL_STREQ (virt_type, "qemu") ? type_qemu
                                                            : type_lxc;
  driver->driver.reads_back = 1;
  driver->offers = driver_offers;
  driver->n_offers = sizeof driver_offers / sizeof driver_offers[0];
  loom->driver = driver;
  VL_GROW (loom->registry->plugins, loom->registry->n, loom->registry->size);
  loom->registry->plugins[loom->registry->n++] = driver;
}

void
loom_setting (struct loom *loom, const char *key, const char *text)
{
  struct vl_config *config = loom->config;
  size_t n;
  const struct vl_prop *rows = vl_config_table (&n);
  const struct vl_conf_entry entry = { .key = key, .value = text, .path = "FILE", .line = 3 };
  const char *written, *why;

  if (config->base == NULL)
    config->base = vl_arena_alloc (config->arena, n * sizeof *config->base);
  for (size_t i = 0; i < n; i++)
    if (VL_STREQ (rows[i].setting, key)
        && vl_base_read (config->arena, &rows[i], &entry, &config->base[i], &written, &why) == 0)
      return;
  abort ();
}

const char *
loom_build (struct loom *loom, const char *json)
{
  vl_doc_free (loom->build.doc);
  loom->build.doc = NULL;
  loom->build.n_claims = 0;
  loom_as (loom, NULL, VL_PHASE_PARSE);
  loom->call->build = NULL;
  vl_call_about (loom->call, NULL);
  vl_request_free (loom->request);
  loom->request = vl_request_read (loom->call, json, strlen (json), "test");
  if (loom->request == NULL)
    return NULL;
  loom->build.guest = vl_guest_new (loom->call, loom->registry, loom->config, loom->driver,
                                    loom->request, loom->host);
  loom->build.guest->was = loom->was;
  vl_call_about (loom->call, loom->build.guest);
  return vl_build_run (&loom->build) == 0 ? vl_doc_xml (loom->build.doc) : NULL;
}

void
loom_as (struct loom *loom, struct vl_plugin *plugin, enum vl_phase phase)
{
  vl_call_as (loom->call, plugin);
  loom->call->phase = phase;
}

struct vl_node *
loom_in (struct loom *loom, struct vl_plugin *plugin, struct vl_node *node, const char *why)
{
  loom_as (loom, plugin, plugin ? VL_PHASE_CONTRIBUTE : VL_PHASE_BEGIN);
  return vl_because (node ? node : vl_domain (loom->call), why);
}

const char *
loom_seal (struct loom *loom)
{
  size_t errors = loom->call->findings.n_errors;

  loom_as (loom, NULL, VL_PHASE_CONTRIBUTE);
  vl_doc_end_contribute (&loom->build);
  if (loom->call->findings.n_errors > errors)
    return NULL;
  loom_as (loom, NULL, VL_PHASE_ADJUST);
  vl_doc_end_adjust (&loom->build);
  if (loom->call->findings.n_errors > errors)
    return NULL;
  loom_as (loom, NULL, VL_PHASE_SEALED);
  vl_doc_seal (&loom->build);
  return vl_doc_xml (loom->build.doc);
}

const char *
loom_findings (struct loom *loom)
{
  VL_AUTOSTR struct vl_str text = { 0 };

  vl_str_add (&text, "");
  for (size_t i = 0; i < loom->call->findings.n; i++) {
    const struct vl_finding *f = &loom->call->findings.items[i];

    vl_str_printf (&text, "%s %s %s: %s", severities[f->severity], f->code, f->plugin, f->message);
    if (f->origin)
      vl_str_printf (&text, " (%s)", f->origin);
    vl_str_add (&text, "\n");
    if (f->hint)
      vl_str_printf (&text, "  %s\n", f->hint);
  }
  return vl_arena_strdup (loom->call->arena, text.text);
}

const char *
loom_provenance (struct loom *loom)
{
  VL_AUTOSTR struct vl_str text = { 0 };
  size_t n;
  const struct vl_provenance *rows =
      vl_doc_provenance (loom->call, loom->build.doc, loom->registry, loom->build.guest, 0, &n);

  vl_str_add (&text, "");
  for (size_t i = 0; i < n; i++)
    vl_str_printf (&text, "%s%s%s  <- %s, %s\n", rows[i].path, rows[i].value ? " = " : "",
                   rows[i].value ? rows[i].value : "", rows[i].owners, rows[i].cause);
  return vl_arena_strdup (loom->call->arena, text.text);
}
