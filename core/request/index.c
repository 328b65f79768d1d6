/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What is the same for every guest of one registry, worked out once.  It lives
 * in the registry's arena; one that is out of date stays there until the end,
 * since guests may still point into it. */

#include <config.h>

#include "request/work.h"

#include "lib/text.h"

static int
is_loaded_feature (const struct vl_plugin *plugin)
{
  return plugin->kind == VL_KIND_FEATURE && plugin->state == VL_PLUGIN_LOADED;
}

/* ---- the template ---- */

static int
compare_props (const void *a, const void *b)
{
  return strcmp (((const struct vl_guest_prop *)a)->name, ((const struct vl_guest_prop *)b)->name);
}

/* The place in the table of property NAME, or the empty one that it would take. */
static uint32_t *
place_of (const struct vl_prop_index *index, const char *name)
{
  size_t at = vl_hash (VL_HASH_START, name, strlen (name)) & (index->table_size - 1);

  while (index->table[at] && ! VL_STREQ (index->props[index->table[at] - 1].name, name))
    at = (at + 1) & (index->table_size - 1);
  return &index->table[at];
}

size_t
vl_index_find (const struct vl_prop_index *index, const char *name)
{
  uint32_t number = *place_of (index, name);

  return number ? number - 1 : VL_NO_PROP;
}

static void
add_props (struct vl_arena *arena, struct vl_prop_index *index, struct vl_plugin *plugin,
           size_t owner, const struct vl_prop *rows, size_t n)
{
  for (size_t i = 0; i < n; i++) {
    struct vl_guest_prop *prop = &index->props[index->n_props++];

    prop->name =
        plugin ? vl_arena_printf (arena, "%s.%s", plugin->name, rows[i].name) : rows[i].name;
    prop->row = &rows[i];
    prop->plugin = plugin;
    prop->owner = (uint32_t)owner;
    prop->value.type = rows[i].type;
  }
}

static void
add_all_props (struct vl_registry *registry, struct vl_prop_index *index)
{
  size_t n_core, n;
  const struct vl_prop *core = vl_core_props (&n_core);

  n = n_core;
  for (size_t i = 0; i < registry->n; i++)
    n += is_loaded_feature (registry->plugins[i]) ? registry->plugins[i]->n_props : 0;
  index->props = vl_arena_alloc (registry->arena, n * sizeof *index->props);
  add_props (registry->arena, index, NULL, registry->n, core, n_core);
  for (size_t i = 0; i < registry->n; i++)
    if (is_loaded_feature (registry->plugins[i]))
      add_props (registry->arena, index, registry->plugins[i], i, registry->plugins[i]->props,
                 registry->plugins[i]->n_props);
  qsort (index->props, index->n_props, sizeof *index->props, compare_props);
  index->conditional = vl_arena_alloc (registry->arena, n * sizeof *index->conditional);
  for (size_t i = 0; i < n; i++)
    if (index->props[i].plugin && index->props[i].row->only)
      index->conditional[index->n_conditional++] = i;
  for (index->table_size = 64; index->table_size < 2 * index->n_props;)
    index->table_size *= 2;
  index->table = vl_arena_alloc (registry->arena, index->table_size * sizeof *index->table);
  for (size_t i = 0; i < index->n_props; i++)
    *place_of (index, index->props[i].name) = (uint32_t)i + 1;
}

/* ---- the lowest layers, and slots ---- */

static void
add_lowest_layers (struct vl_arena *arena, struct vl_prop_index *index)
{
  for (size_t i = 0; i < index->n_props; i++) {
    struct vl_guest_prop *prop = &index->props[i];
    const struct vl_raw *raw = prop->plugin ? vl_plugin_base (prop->plugin, prop->row) : NULL;
    size_t slot =
        prop->plugin && prop->row->fills ? vl_index_find (index, prop->row->fills) : VL_NO_PROP;
    const struct vl_raw **layers = vl_arena_alloc (arena, VL_N_LAYERS * sizeof (void *));
    const struct vl_base *base;

    prop->raw = layers;
    if (slot != VL_NO_PROP)
      index->props[slot].filler = (uint32_t)i + 1;
    if (raw == NULL)
      continue;
    base = &prop->plugin->base[prop->row - prop->plugin->props];
    prop->origin = raw == base->setting ? VL_LAYER_SETTING : VL_LAYER_DEFAULT;
    layers[VL_LAYER_DEFAULT] = base->deflt;
    layers[prop->origin] = raw;
    prop->value = raw->value;
  }
}

/* ---- request keys ---- */

static int
compare_keys (const void *a, const void *b)
{
  const struct vl_key_slot *x = a, *y = b;

  return x->image != y->image ? x->image - y->image : strcmp (x->key, y->key);
}

static void
add_keys (struct vl_arena *arena, struct vl_prop_index *index)
{
  size_t room = 0;

  for (size_t i = 0; i < index->n_props; i++)
    room += 2 + index->props[i].row->aliases.count;
  index->keys = vl_arena_alloc (arena, room * sizeof *index->keys);
  for (size_t i = 0; i < index->n_props; i++) {
    const struct vl_prop *row = index->props[i].row;
    const struct vl_alias *aliases = row->aliases.rows;

    if (row->flavor_key)
      index->keys[index->n_keys++] = (struct vl_key_slot) { row->flavor_key, 0, i, NULL };
    if (row->image_key)
      index->keys[index->n_keys++] = (struct vl_key_slot) { row->image_key, 1, i, NULL };
    for (size_t j = 0; j < row->aliases.count; j++)
      index->keys[index->n_keys++] =
          (struct vl_key_slot) { aliases[j].key, aliases[j].image != 0, i, &aliases[j] };
  }
  qsort (index->keys, index->n_keys, sizeof *index->keys, compare_keys);
}

static const struct vl_key_slot *
find_key (const struct vl_prop_index *index, const char *key, int image)
{
  struct vl_key_slot wanted = { .key = key, .image = image };

  return bsearch (&wanted, index->keys, index->n_keys, sizeof wanted, compare_keys);
}

const struct vl_key_slot *
vl_index_key (const struct vl_prop_index *index, const char *key, int image, long *number)
{
  const struct vl_key_slot *slot = find_key (index, key, image);
  const char *dot = strrchr (key, '.');
  char pattern[256];
  size_t stem;

  *number = -1;
  /* The pattern itself is how a row is written, not how a request is. */
  if (slot && index->props[slot->prop].row->flags & VL_INDEXED)
    return NULL;
  if (slot || dot == NULL)
    return slot;
  stem = (size_t)(dot - key) + 1;
  if (stem + 2 > sizeof pattern || dot[1] == '\0' || dot[1 + strspn (dot + 1, "0123456789")]
      || (dot[1] == '0' && dot[2]) || strlen (dot + 1) > 9)
    return NULL;
  memcpy (pattern, key, stem);
  strcpy (pattern + stem, "N");
  slot = find_key (index, pattern, image);
  if (slot == NULL || ! (index->props[slot->prop].row->flags & VL_INDEXED))
    return NULL;
  *number = strtol (dot + 1, NULL, 10);
  return slot;
}

/* ---- plugins ---- */

static size_t
read_of (const struct vl_prop_index *index, const char *name)
{
  if (VL_STREQ (name, VL_GUEST_DISK))
    return VL_READS_DISKS;
  if (VL_STREQ (name, VL_GUEST_NIC))
    return VL_READS_NICS;
  return vl_index_find (index, name);
}

/* Makes the table of addresses; it always has room for one more. */
static void
add_addresses (struct vl_arena *arena, struct vl_plugin_slot *slot)
{
  slot->address_bits = 2;
  while ((size_t)1 << slot->address_bits < 2 * (slot->n_reads + 1))
    slot->address_bits++;
  slot->by_address = vl_arena_alloc (arena, sizeof *slot->by_address << slot->address_bits);
  for (size_t i = 0; i < slot->n_reads; i++) {
    size_t at = vl_address_place (slot, slot->reads[i].name);

    if (slot->by_address[at].name == NULL)
      slot->by_address[at] = slot->reads[i];
  }
}

static void
add_plugins (struct vl_registry *registry, struct vl_prop_index *index)
{
  struct vl_plugin_slot *core;

  index->n_plugins = registry->n;
  index->plugins = vl_arena_alloc (registry->arena, (registry->n + 1) * sizeof *index->plugins);
  for (size_t i = index->n_props; i-- > 0;) {
    struct vl_plugin_slot *slot = &index->plugins[index->props[i].owner];

    slot->first = i;
    slot->n++;
  }
  /* The core's properties are not in one place; nothing asks for them so. */
  core = &index->plugins[registry->n];
  core->reads = vl_arena_alloc (registry->arena, core->n * sizeof *core->reads);
  for (size_t i = 0; i < index->n_props; i++)
    if (index->props[i].owner == registry->n)
      core->reads[core->n_reads++] = (struct vl_read_slot) { index->props[i].name, i };
  core->n = 0;
  add_addresses (registry->arena, core);
  for (size_t i = 0; i < registry->n; i++) {
    struct vl_plugin *plugin = registry->plugins[i];
    struct vl_plugin_slot *slot = &index->plugins[i];
    size_t n = 0;

    plugin->number = i;
    slot->plugin = plugin;
    slot->state = plugin->state;
    slot->props = plugin->props;
    while (plugin->reads[n])
      n++;
    slot->reads = vl_arena_alloc (registry->arena, (slot->n + n + 1) * sizeof *slot->reads);
    for (size_t k = slot->first; k < slot->first + slot->n; k++)
      slot->reads[slot->n_reads++] = (struct vl_read_slot) { index->props[k].row->name, k };
    for (size_t k = 0; k < n; k++)
      slot->reads[slot->n_reads++] =
          (struct vl_read_slot) { plugin->reads[k], read_of (index, plugin->reads[k]) };
    add_addresses (registry->arena, slot);
  }
}

/* ---- the index ---- */

static int
is_current (const struct vl_registry *registry, const struct vl_prop_index *index)
{
  if (index == NULL || index->n_plugins != registry->n)
    return 0;
  for (size_t i = 0; i < registry->n; i++) {
    const struct vl_plugin_slot *slot = &index->plugins[i];

    if (slot->plugin != registry->plugins[i] || slot->state != registry->plugins[i]->state
        || slot->props != registry->plugins[i]->props)
      return 0;
  }
  return 1;
}

const struct vl_prop_index *
vl_index_get (struct vl_registry *registry)
{
  struct vl_prop_index *index;

  if (is_current (registry, registry->prop_index))
    return registry->prop_index;
  index = vl_arena_alloc (registry->arena, sizeof *index);
  add_all_props (registry, index);
  add_lowest_layers (registry->arena, index);
  add_keys (registry->arena, index);
  add_plugins (registry, index);
  registry->prop_index = index;
  return index;
}
