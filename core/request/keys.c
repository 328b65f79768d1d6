/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Who answers for a request key.  Keys are claimed by configuration files, so
 * that a wish is never dropped because a plugin did not load; what nobody claims
 * is an error wherever it may be a misspelt wish. */

#include <config.h>

#include "request/work.h"

#include "lib/spell.h"
#include "request/name.h"

#include <virtloom/ascii.h>

#include <fnmatch.h>

/* Image properties of old, by what Nova calls them today. */
static const struct {
  const char *old, *now;
} legacy[] = {
  { "architecture", "hw_architecture" },
  { "auto_disk_config", "hw_auto_disk_config" },
  { "bdm_v2", "img_bdm_v2" },
  { "bittorrent", "img_bittorrent" },
  { "block_device_mapping", "img_block_device_mapping" },
  { "cache_in_nova", "img_cache_in_nova" },
  { "hypervisor_type", "img_hv_type" },
  { "hypervisor_version_requires", "img_hv_requested_version" },
  { "ipxe_boot", "hw_ipxe_boot" },
  { "mappings", "img_mappings" },
  { "owner_id", "img_owner_id" },
  { "root_device_name", "img_root_device_name" },
  { "vm_mode", "hw_vm_mode" },
  { "vmware_disktype", "hw_disk_type" },
  { "vmware_image_version", "img_version" },
  { "vmware_linked_clone", "img_linked_clone" },
  { "vmware_ostype", "os_distro" },
  { "xenapi_device_id", "hw_device_id" },
  { "xenapi_image_compression_level", "img_compression_level" },
  { "xenapi_skip_agent_inject_files_at_boot", "os_skip_agent_inject_files_at_boot" },
  { "xenapi_skip_agent_inject_ssh", "os_skip_agent_inject_ssh" },
  { "xenapi_use_agent", "img_use_agent" },
};

static const char *
todays_name (const char *key)
{
  for (size_t i = 0; i < sizeof legacy / sizeof legacy[0]; i++)
    if (VL_STREQ (legacy[i].old, key))
      return legacy[i].now;
  return NULL;
}

static int
is_given (const struct vl_guest *guest, const char *key, enum vl_layer layer)
{
  for (size_t i = 0; i < guest->request->n_entries; i++)
    if (guest->request->entries[i].layer == layer && VL_STREQ (guest->request->entries[i].key, key))
      return 1;
  return 0;
}

static int
is_ignored (const struct vl_guest *guest, const char *key)
{
  size_t n = 0;
  const char *const *globs =
      guest->config ? vl_config_items (guest->config, "ignored_properties", &n) : NULL;

  for (size_t i = 0; globs && i < n; i++)
    if (fnmatch (globs[i], key, 0) == 0)
      return 1;
  return 0;
}

/* ---- findings ---- */

static struct vl_report
report_of (struct vl_guest *guest, const struct vl_entry *entry, enum vl_err err, const char *code)
{
  return (struct vl_report) { .severity = VL_SEV_ERROR,
                              .err = err,
                              .code = code,
                              .origin = vl_entry_origin (guest->call->arena, entry),
                              .path = entry->path };
}

/* "extra spec" of a flavor, "property" of an image or of the server. */
static const char *
noun (const struct vl_entry *entry)
{
  return entry->layer == VL_LAYER_FLAVOR ? "extra spec" : "property";
}

static void
hint_at (struct vl_guest *guest, const char *key)
{
  vl_hint (guest->call, "did you mean '%s'?", key);
}

/* The nearest key of all plugins, loaded or not, and of the core. */
static const char *
nearest (struct vl_guest *guest, const char *key, int image)
{
  struct vl_spell spell = { .wanted = key };
  const struct vl_prop_index *index = guest->work->index;
  const struct vl_registry *registry = guest->registry;

  for (size_t i = 0; i < index->n_keys; i++)
    if (index->keys[i].image == image)
      vl_spell_offer (&spell, index->keys[i].key);
  for (size_t i = 0; i < registry->n; i++)
    for (const char **claim = registry->plugins[i]->keys;
         registry->plugins[i]->state != VL_PLUGIN_LOADED && *claim; claim++)
      vl_spell_offer (&spell, *claim);
  return spell.best;
}

static void
unknown (struct vl_guest *guest, const struct vl_entry *entry)
{
  struct vl_report report = report_of (guest, entry, VL_ERR_REQUEST, "ValidationError");
  const char *best = nearest (guest, entry->key, entry->layer != VL_LAYER_FLAVOR);

  vl_report (guest->call, &report, "no plugin answers for %s '%s'", noun (entry),
             vl_shown (guest->call->arena, entry->key));
  if (best)
    hint_at (guest, best);
  else
    vl_hint (guest->call, "'virtloom feature list' shows the keys that are known");
}

/* PLUGIN's conf claims the key, and its code is not there to answer for it. */
static void
unavailable (struct vl_guest *guest, const struct vl_entry *entry, const struct vl_plugin *plugin)
{
  struct vl_report report = report_of (guest, entry, VL_ERR_UNSUPPORTED, "FeatureUnavailable");

  report.plugin = plugin->name;
  vl_report (guest->call, &report, "'%s' is for feature '%s' (%s), which is %s: %s",
             vl_shown (guest->call->arena, entry->key), plugin->name,
             plugin->conf ? plugin->conf : "",
             plugin->state == VL_PLUGIN_DISABLED ? "turned off" : "not loaded",
             plugin->reason ? plugin->reason : "no reason is known");
  vl_hint (guest->call,
           plugin->state == VL_PLUGIN_DISABLED ? "virtloom feature enable %s"
                                               : "'virtloom feature show %s' tells what to mend",
           plugin->name);
}

/* A key of a loaded plugin that is for the other layer, or whose number is none. */
static void
misplaced (struct vl_guest *guest, const struct vl_entry *entry, const struct vl_plugin *plugin)
{
  struct vl_report report = report_of (guest, entry, VL_ERR_REQUEST, "ValidationError");
  int image = entry->layer != VL_LAYER_FLAVOR;
  const struct vl_prop *row = NULL;
  const char *twin;

  report.plugin = plugin->name;
  if (vl_registry_key (guest->registry, entry->key, ! image, &row) == NULL) {
    vl_report (guest->call, &report,
               "'%s' is no key by itself; accepted: a number from 0 to 127 "
               "without leading zeros at its end",
               vl_shown (guest->call->arena, entry->key));
    return;
  }
  twin = image ? row->image_key : row->flavor_key;
  vl_report (guest->call, &report, "'%s' is %s, not %s", entry->key,
             image ? "an extra spec of flavors" : "a property of images",
             image ? (entry->layer == VL_LAYER_IMAGE ? "a property of images"
                                                     : "a property that a server may be given")
                   : "an extra spec of flavors");
  if (twin)
    vl_hint (guest->call, "write '%s' here", twin);
  else
    vl_hint (guest->call, "set it in the %s", image ? "flavor" : "image");
}

/* ---- what nobody claims ---- */

/* Does some plugin claim a key in the namespace of KEY ("hw:")?  Without case,
 * so that a wish in capitals is not passed over. */
static int
namespace_claimed (const struct vl_guest *guest, const char *key)
{
  size_t length = (size_t)(strchr (key, ':') - key) + 1;

  for (size_t i = 0; i < guest->registry->n; i++)
    for (const char **claim = guest->registry->plugins[i]->keys; *claim; claim++)
      if (vl_ascii_ncasecmp (*claim, key, length) == 0)
        return 1;
  return 0;
}

/* Letters and digits of a key, without a leading "hw", for comparing "hw:pmu",
 * "hw_foo" and "foo". */
static void
bare_key (const char *key, char *bare, size_t size)
{
  size_t n = 0;

  if (vl_ascii_ncasecmp (key, "hw", 2) == 0 && (key[2] == ':' || key[2] == '_'))
    key += 3;
  for (; *key && n + 1 < size; key++)
    if (*key != ':' && *key != '_' && *key != '-')
      bare[n++] = *key;
  bare[n] = '\0';
}

/* Flavors carry all sorts of words for schedulers.  One without a namespace is
 * taken for a misspelt key only where it is very near to one. */
static int
near_miss (struct vl_guest *guest, const char *key)
{
  const char *best = nearest (guest, key, 0);
  char wanted[256], found[256];
  const struct vl_prop_index *index = guest->work->index;

  if (best && strlen (key) >= 6 && vl_spell_distance (key, best) <= 2)
    return 1;
  bare_key (key, wanted, sizeof wanted);
  for (size_t i = 0; i < index->n_keys; i++) {
    bare_key (index->keys[i].key, found, sizeof found);
    if (vl_ascii_casecmp (wanted, found) == 0)
      return 1;
  }
  return 0;
}

static void
unclaimed_spec (struct vl_guest *guest, const struct vl_entry *entry)
{
  if (strchr (entry->key, ':') ? namespace_claimed (guest, entry->key)
                               : near_miss (guest, entry->key))
    unknown (guest, entry);
}

static void
unclaimed_property (struct vl_guest *guest, const struct vl_entry *entry, const char *now)
{
  struct vl_report report = report_of (guest, entry, VL_ERR_REQUEST, NULL);
  const char *best;

  if (is_ignored (guest, entry->key) || (now && is_ignored (guest, now)))
    return;
  if (VL_STARTS (entry->key, "hw_") || VL_STARTS (entry->key, "os_")
      || (strchr (entry->key, ':') && namespace_claimed (guest, entry->key))
      || entry->layer == VL_LAYER_REQUEST) {
    unknown (guest, entry);
    return;
  }
  report.severity = VL_SEV_WARNING;
  vl_report (guest->call, &report, "no plugin answers for property '%s'; it has no effect",
             vl_shown (guest->call->arena, entry->key));
  best = nearest (guest, entry->key, 1);
  if (best)
    hint_at (guest, best);
  else
    vl_hint (guest->call, "name it in ignored_properties of virtloom.conf to have it passed over");
}

/* ---- the look-up ---- */

const struct vl_key_slot *
vl_key_find (struct vl_guest *guest, const struct vl_entry *entry, long *number)
{
  int image = entry->layer != VL_LAYER_FLAVOR;
  const struct vl_prop_index *index = guest->work->index;
  const struct vl_key_slot *slot = vl_index_key (index, entry->key, image, number);
  const char *now = slot == NULL && image ? todays_name (entry->key) : NULL;
  const struct vl_plugin *plugin;

  if (slot)
    return slot;
  if (now) {
    if (is_given (guest, now, entry->layer))
      return NULL;
    slot = vl_index_key (index, now, image, number);
    if (slot)
      return slot;
  }
  plugin = vl_registry_claim (guest->registry, entry->key);
  if (plugin == NULL && now)
    plugin = vl_registry_claim (guest->registry, now);
  if (plugin && plugin->state != VL_PLUGIN_LOADED)
    unavailable (guest, entry, plugin);
  else if (plugin)
    misplaced (guest, entry, plugin);
  else if (image)
    unclaimed_property (guest, entry, now);
  else
    unclaimed_spec (guest, entry);
  return NULL;
}
