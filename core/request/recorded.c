/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A guest from what is on record of it.  Nothing is resolved: values are taken by
 * the type of today's row, and only where that is the type they were written by. */

#include <config.h>

#include "request/recorded.h"

#include "request/work.h"

const char *
vl_row_type (const struct vl_prop *row)
{
  static const char *const names[][2] = {
    { NULL, NULL },
    { "bool", "bool.N" },
    { "tristate", "tristate.N" },
    { "int", "int.N" },
    { "size", "size.N" },
    { "string", "string.N" },
    { "choice", "choice.N" },
    { "list", "list.N" },
    { "cpuset", "cpuset.N" },
    { "decimal", "decimal.N" },
  };

  return names[row->type][(row->flags & VL_INDEXED) != 0];
}

/* ---- what a plugin does beside the build ---- */

const char *
vl_plugin_acts (struct vl_call *call, const struct vl_plugin *plugin)
{
  const struct vl_feature *feature = &plugin->feature;
  const struct {
    const char *word;
    int has;
  } acts[] = {
    { "event", feature->event != NULL },     { "judge_image", feature->judge_image != NULL },
    { "network", feature->network != NULL }, { "permit", feature->permit != NULL },
    { "prepare", feature->prepare != NULL }, { "release", feature->release != NULL },
    { "storage", feature->storage != NULL },
  };
  VL_AUTOSTR struct vl_str text = { 0 };

  vl_str_add (&text, "");
  for (size_t i = 0; i < sizeof acts / sizeof acts[0]; i++)
    if (acts[i].has)
      vl_str_printf (&text, "%s%s", text.length ? " " : "", acts[i].word);
  return vl_arena_strdup (call->arena, text.text);
}

/* ---- secrets ---- */

/* The N ENTRIES that are no secrets, copied; their number in *N. */
static struct vl_entry *
open_entries (const struct vl_guest *guest, struct vl_request *request,
              const struct vl_entry *entries, size_t *n)
{
  struct vl_entry *list = vl_arena_alloc (request->arena, (*n + 1) * sizeof *list);
  size_t kept = 0;

  for (size_t i = 0; i < *n; i++)
    if (! vl_entry_is_secret (guest, &entries[i]))
      list[kept++] = entries[i];
  *n = kept;
  return list;
}

void
vl_request_forget_secrets (const struct vl_guest *guest, struct vl_request *request)
{
  request->entries = open_entries (guest, request, request->entries, &request->n_entries);
  for (size_t i = 0; i < request->n_devices; i++)
    request->devices[i].properties = open_entries (guest, request, request->devices[i].properties,
                                                   &request->devices[i].n_properties);
  for (size_t i = 0; i < request->n_networks; i++)
    request->networks[i].properties = open_entries (guest, request, request->networks[i].properties,
                                                    &request->networks[i].n_properties);
}

/* ---- values ---- */

const struct vl_recorded_device *
vl_recorded_device (const struct vl_recorded *was, const char *id)
{
  for (size_t i = 0; was && i < was->n_devices; i++) {
    const struct vl_recorded_device *device = &was->devices[i];

    if (VL_STREQ (device->is_nic ? device->nic.id : device->disk.id, id))
      return device;
  }
  return NULL;
}

const struct vl_recorded_feature *
vl_recorded_feature (const struct vl_recorded *was, const char *plugin)
{
  for (size_t i = 0; was && i < was->n_features; i++)
    if (VL_STREQ (was->features[i].plugin, plugin))
      return &was->features[i];
  return NULL;
}

/* The value of RECORDED by the type of ROW: 1, or 0 where it is none of that. */
static int
take_value (struct vl_call *call, const struct vl_prop *row,
            const struct vl_recorded_prop *recorded, struct vl_value *value)
{
  const char *wrong;

  return (recorded->type == NULL || VL_STREQ (vl_row_type (row), recorded->type))
         && vl_row_take (call->arena, row, recorded->value, value, &wrong) == 0;
}

int
vl_recorded_check (struct vl_call *call, struct vl_registry *registry,
                   const struct vl_recorded *was, const char *only, const char *hint)
{
  const struct vl_prop_index *index = vl_index_get (registry);
  struct vl_value value;
  int result = 0;

  for (size_t i = 0; i < was->n_props; i++) {
    const struct vl_recorded_prop *recorded = &was->props[i];
    size_t number = vl_index_find (index, recorded->name);
    const struct vl_guest_prop *prop = number == VL_NO_PROP ? NULL : &index->props[number];
    const struct vl_recorded_feature *feature =
        prop && prop->plugin ? vl_recorded_feature (was, prop->plugin->name) : NULL;
    struct vl_report report = {
      .severity = VL_SEV_ERROR, .err = VL_ERR_REFUSED, .code = "PluginRefused", .hint = hint
    };

    if (feature == NULL || (only && ! VL_STREQ (only, feature->plugin))
        || take_value (call, prop->row, recorded, &value))
      continue;
    report.plugin = feature->plugin;
    result = vl_report (
        call, &report, "'%s' is on record as %s '%s', by '%s' %s; '%s' %s takes %s there",
        recorded->name, recorded->type, recorded->value, feature->plugin, feature->version,
        feature->plugin, prop->plugin->version,
        VL_STREQ (vl_row_type (prop->row), recorded->type) ? "other values"
                                                           : vl_row_type (prop->row));
  }
  return result;
}

/* What a feature that the guest never had is told by its operator alone (what a policy
 * forbids) is as it is today. */
static int
is_of_today (const struct vl_recorded *was, const struct vl_guest_prop *prop)
{
  return ! was->earlier && prop->plugin && prop->row->setting && prop->row->flavor_key == NULL
         && prop->row->image_key == NULL && vl_recorded_feature (was, prop->plugin->name) == NULL;
}

static void
fill_props (struct vl_guest *guest, const struct vl_recorded *was)
{
  for (size_t i = 0; i < guest->n_props; i++) {
    struct vl_guest_prop *prop = &guest->props[i];
    const struct vl_raw *base =
        is_of_today (was, prop) ? vl_plugin_base (prop->plugin, prop->row) : NULL;

    prop->value = base ? base->value : (struct vl_value) { .type = prop->row->type };
    prop->origin = VL_LAYER_RESOLVED;
    prop->state = VL_RESOLVED;
  }
  for (size_t i = 0; i < was->n_props; i++) {
    const struct vl_recorded_prop *recorded = &was->props[i];
    struct vl_guest_prop *prop = vl_guest_find (guest, recorded->name);
    struct vl_value value;

    if (prop == NULL || is_of_today (was, prop)
        || ! take_value (guest->call, prop->row, recorded, &value))
      continue;
    if (*recorded->device && prop->row->of) {
      vl_devices_put (guest, prop, recorded->device, &value, recorded->cause);
    } else if (*recorded->device == '\0') {
      prop->value = value;
      prop->reason = recorded->cause;
    }
  }
}

/* Traits and resources are read off the keys.  What today's rules say against a key
 * of then is not asked. */
static void
fill_keys (struct vl_guest *guest, const struct vl_recorded *was)
{
  struct vl_request *request = vl_arena_alloc (guest->call->arena, sizeof *request);
  struct vl_findings *findings = &guest->call->findings;
  size_t first = findings->n;

  request->arena = guest->call->arena;
  request->name = vl_guest_find (guest, VL_GUEST_NAME)->value.text;
  request->uuid = vl_guest_find (guest, VL_GUEST_UUID)->value.text;
  request->entries = was->keys;
  request->n_entries = was->n_keys;
  guest->request = request;
  for (size_t i = 0; i < was->n_keys; i++)
    if (was->keys[i].layer != VL_LAYER_METADATA)
      vl_open_key (guest, &was->keys[i]);
  vl_traits_sort (guest);
  vl_findings_drop (guest->call, first, findings->n);
}

static void
fill_devices (struct vl_guest *guest, const struct vl_recorded *was)
{
  struct vl_arena *arena = guest->call->arena;

  guest->disks = vl_arena_alloc (arena, (was->n_devices + 1) * sizeof *guest->disks);
  guest->nics = vl_arena_alloc (arena, (was->n_devices + 1) * sizeof *guest->nics);
  for (size_t i = 0; i < was->n_devices; i++)
    if (was->devices[i].is_nic)
      guest->nics[guest->n_nics++] = was->devices[i].nic;
    else
      guest->disks[guest->n_disks++] = was->devices[i].disk;
  guest->disks_state = guest->nics_state = VL_RESOLVED;
}

static void
activate (struct vl_guest *guest)
{
  struct vl_call *call = guest->call;
  struct vl_registry *registry = guest->registry;
  struct vl_plugin *caller = call->plugin;

  for (size_t i = 0; i < registry->n; i++) {
    struct vl_plugin *plugin = registry->plugins[i];
    const struct vl_recorded_feature *feature = vl_recorded_feature (guest->was, plugin->name);

    guest->resolution[i] = VL_RESOLVED;
    guest->active_why[i] = feature ? feature->cause : NULL;
    if (plugin->kind != VL_KIND_FEATURE || plugin->state != VL_PLUGIN_LOADED)
      continue;
    guest->active[i] = feature != NULL;
    if (! guest->was->earlier)
      continue;
    vl_call_as (call, plugin);
    guest->active[i] = plugin->feature.active == NULL || plugin->feature.active (call) != 0;
  }
  vl_call_as (call, caller);
}

struct vl_guest *
vl_guest_load (struct vl_call *call, struct vl_registry *registry, const struct vl_config *config,
               struct vl_plugin *driver, const struct vl_recorded *was, const struct vl_host *host)
{
  struct vl_guest *guest = vl_guest_blank (call, registry, config, driver, host);

  guest->was = was;
  guest->loaded = 1;
  fill_props (guest, was);
  fill_keys (guest, was);
  fill_devices (guest, was);
  guest->frozen = 1;
  activate (guest);
  return guest;
}
