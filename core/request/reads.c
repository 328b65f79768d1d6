/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Reading values: by plugins, which must have named what they read, and by the
 * core and the drivers, which may read everything. */

#include <config.h>

#include "request/work.h"

const struct vl_plugin *
vl_guest_reader (const struct vl_call *call)
{
  return call->plugin && call->plugin->kind == VL_KIND_FEATURE ? call->plugin : NULL;
}

/* ---- by name ---- */

/* Is NAME of a loaded plugin, or the core's, and there is none such? */
static int
is_misspelt (const struct vl_guest *guest, const char *name)
{
  size_t length = strcspn (name, ".");

  for (size_t i = 0; i < guest->registry->n; i++) {
    const struct vl_plugin *plugin = guest->registry->plugins[i];

    if (strlen (plugin->name) == length && strncmp (plugin->name, name, length) == 0)
      return plugin->state == VL_PLUGIN_LOADED;
  }
  return VL_STARTS (name, "guest.");
}

static size_t
find_for (struct vl_guest *guest, const struct vl_plugin_slot *slot, const char *name)
{
  for (size_t i = 0; i < slot->n_reads; i++)
    if (VL_STREQ (slot->reads[i].name, name))
      return slot->reads[i].prop;
  for (size_t i = slot->first; i < slot->first + slot->n; i++)
    if (VL_STREQ (guest->props[i].name, name))
      return i;
  vl_fault (guest->call, "reads '%s', which is not in its table of reads%s", name,
            vl_near_row (guest->call, name));
  return VL_NO_PROP;
}

/* The property that SLOT reads by this very NAME, wherever else that text stands; VL_NO_PROP
 * where it has to be looked for. */
static inline size_t
find_by_address (const struct vl_prop_index *index, const struct vl_plugin_slot *slot,
                 const char *name)
{
  const struct vl_read_slot *read = &slot->by_address[vl_address_place (slot, name)];

  return read->name && read->prop < index->n_props ? read->prop : VL_NO_PROP;
}

/* The same by what NAME says; WHO as below. */
static size_t
find_by_text (struct vl_guest *guest, size_t who, const char *name)
{
  const struct vl_prop_index *index = guest->work->index;
  size_t found;

  if (who >= index->n_plugins)
    return vl_index_find (index, name);
  found = find_for (guest, &index->plugins[who], name);
  if (found == VL_NO_PROP && is_misspelt (guest, name))
    vl_fault (guest->call, "reads '%s', which no loaded feature has", name);
  return found < index->n_props ? found : VL_NO_PROP;
}

/* The number of property NAME as WHO may read it: a plugin's number in the registry, or any
 * behind the last for who may read everything. */
static inline size_t
locate (struct vl_guest *guest, size_t who, const char *name)
{
  const struct vl_prop_index *index = guest->work ? guest->work->index : NULL;
  size_t found;

  if (index == NULL)
    return VL_NO_PROP;
  found = find_by_address (index, &index->plugins[who < index->n_plugins ? who : index->n_plugins],
                           name);
  return found == VL_NO_PROP ? find_by_text (guest, who, name) : found;
}

struct vl_guest_prop *
vl_guest_find (const struct vl_guest *guest, const char *full_name)
{
  /* "PROP@DEVICE" is PROP as one device has it. */
  const char *at = strchr (full_name, '@');
  VL_AUTOFREE char *name = at ? vl_xstrndup (full_name, (size_t)(at - full_name)) : NULL;
  size_t number;

  if (guest->work == NULL)
    return NULL;
  number = locate ((struct vl_guest *)guest, SIZE_MAX, name ? name : full_name);
  return number == VL_NO_PROP ? NULL : &guest->props[number];
}

/* ---- values ---- */

/* Of the core's properties those that are known without a guest. */
static const struct vl_value *
find_core (struct vl_call *call, const char *name)
{
  struct vl_value *value = vl_arena_alloc (call->arena, sizeof *value);

  value->type = VL_STRING;
  if (VL_STREQ (name, VL_GUEST_VIRT_TYPE))
    value->text = call->ready_virt_type;
  else if (VL_STREQ (name, VL_DRIVER_NAME))
    value->text = call->driver ? call->driver->name : NULL;
  else if (VL_STREQ (name, VL_DRIVER_SECRETS)) {
    value->text = vl_driver_secrets (call, call->driver);
    value->number = VL_STREQ (value->text, "true");
  } else
    vl_fault (call, "reads '%s' where there is no guest; accepted: own rows, %s, %s, %s", name,
              VL_GUEST_VIRT_TYPE, VL_DRIVER_NAME, VL_DRIVER_SECRETS);
  return value->text ? value : NULL;
}

/* What a row of a driver, or any row where there is no guest, is set to. */
static const struct vl_value *
find_base (struct vl_call *call, const char *name)
{
  const struct vl_prop *row = call->plugin ? vl_plugin_row (call->plugin, name) : NULL;
  const struct vl_raw *raw = row ? vl_plugin_base (call->plugin, row) : NULL;

  if (row == NULL && (call->plugin == NULL || strchr (name, '.')))
    return find_core (call, name);
  if (row == NULL)
    vl_fault (call, "reads '%s', which is no row of its own%s", name, vl_near_row (call, name));
  return raw ? &raw->value : NULL;
}

/* Is NAME there?  0 after a PluginFault. */
static int
is_named (struct vl_call *call, const char *name)
{
  if (name)
    return 1;
  vl_fault (call, "reads no property: NULL where a name is needed");
  return 0;
}

static inline size_t
locate_settled (struct vl_call *call, const char *name)
{
  struct vl_guest *guest = call->guest;
  size_t who = vl_guest_number (guest, call->plugin);
  size_t number = locate (guest, who, name);

  return number == VL_NO_PROP || vl_guest_settle (guest, number, who) < 0 ? VL_NO_PROP : number;
}

size_t
vl_guest_locate (struct vl_call *call, const char *name)
{
  return locate_settled (call, name);
}

/* Does the running code read a row of its own settings, or is there no guest? */
static int
reads_base (const struct vl_call *call, const char *name)
{
  return call->guest == NULL
         || (call->plugin && call->plugin->kind == VL_KIND_DRIVER
             && vl_plugin_row (call->plugin, name));
}

/* The value of PROP, NULL where it is unset. */
static const struct vl_value *
find_value (struct vl_call *call, const char *name)
{
  size_t number;

  if (! is_named (call, name))
    return NULL;
  if (reads_base (call, name))
    return find_base (call, name);
  number = locate_settled (call, name);
  return number != VL_NO_PROP && call->guest->props[number].value.set
             ? &call->guest->props[number].value
             : NULL;
}

VL_READERS (vl_, (struct vl_call * call, const char *prop), find_value (call, prop))

int
vl_is (struct vl_call *call, const char *prop, const char *text)
{
  const struct vl_value *value = find_value (call, prop);

  return value && value->text && text && VL_STREQ (value->text, text);
}

size_t
vl_count (struct vl_call *call, const char *prop)
{
  const struct vl_value *value = find_value (call, prop);

  return value ? value->n_items : 0;
}

const char *
vl_item (struct vl_call *call, const char *prop, size_t i)
{
  const struct vl_value *value = find_value (call, prop);

  return value && i < value->n_items ? value->items[i] : NULL;
}

int64_t
vl_item_int (struct vl_call *call, const char *prop, size_t i)
{
  static const struct vl_prop number = { .type = VL_INT };
  const char *item = vl_item (call, prop, i), *why;
  struct vl_value value;

  return item && vl_value_parse (call->arena, &number, item, &value, &why) == 0 ? value.number : 0;
}

enum vl_layer
vl_origin (struct vl_call *call, const char *prop)
{
  const struct vl_value *value;
  size_t number;

  if (! is_named (call, prop))
    return VL_LAYER_DEFAULT;
  if (! reads_base (call, prop)) {
    number = vl_guest_locate (call, prop);
    return number == VL_NO_PROP ? VL_LAYER_DEFAULT : call->guest->props[number].origin;
  }
  value = find_base (call, prop);
  for (size_t i = 0; value && call->plugin && i < call->plugin->n_props; i++)
    if (call->plugin->base[i].setting && &call->plugin->base[i].setting->value == value)
      return VL_LAYER_SETTING;
  return VL_LAYER_DEFAULT;
}

/* ---- layers ---- */

/* What LAYER says of the reader's own PROP; the request counts as the image. */
static const struct vl_value *
find_layer (struct vl_call *call, const char *name, enum vl_layer layer)
{
  struct vl_guest *guest = call->guest;
  const struct vl_plugin *reader = vl_guest_reader (call);
  const struct vl_guest_prop *prop;
  size_t number;

  if (! is_named (call, name) || (unsigned)layer >= VL_N_LAYERS || guest == NULL)
    return NULL;
  number = locate (guest, vl_guest_number (guest, reader), name);
  if (number == VL_NO_PROP)
    return NULL;
  prop = &guest->props[number];
  if (reader && prop->plugin != reader) {
    vl_fault (call, "reads '%s', which is not its own, by layer", name);
    return NULL;
  }
  if (layer == VL_LAYER_IMAGE && prop->raw[VL_LAYER_REQUEST])
    layer = VL_LAYER_REQUEST;
  return prop->raw[layer] ? &prop->raw[layer]->value : NULL;
}

VL_READERS (vl_layer_, (struct vl_call * call, const char *prop, enum vl_layer layer),
            find_layer (call, prop, layer))

/* ---- CPU sets ---- */

static void
read_set (const char *text, struct vl_cpuset *set)
{
  memset (set, 0, sizeof *set);
  if (text && *text)
    vl_cpuset_read (text, set);
}

void
vl_cpus (struct vl_call *call, const char *prop, struct vl_cpuset *set)
{
  read_set (vl_str (call, prop), set);
}

void
vl_item_cpus (struct vl_call *call, const char *prop, size_t i, struct vl_cpuset *set)
{
  read_set (vl_item (call, prop, i), set);
}

const char *
vl_cpuset_text (struct vl_call *call, const struct vl_cpuset *set)
{
  return vl_cpuset_write (call->arena, set);
}

/* ---- disks and NICs ---- */

/* May the running code read the list of DISKS, 0: NICs, and are they laid out?  1, or 0
 * after a finding. */
static int
may_read (struct vl_call *call, int disks)
{
  const struct vl_plugin *reader = vl_guest_reader (call);
  struct vl_guest *guest = call->guest;
  const struct vl_plugin_slot *slot = NULL;
  size_t i = 0;

  if (guest == NULL)
    return 0;
  if (guest->work && reader)
    slot = &guest->work->index->plugins[vl_guest_number (guest, reader)];
  while (slot && i < slot->n_reads
         && slot->reads[i].prop != (disks ? VL_READS_DISKS : VL_READS_NICS))
    i++;
  if (slot && i == slot->n_reads) {
    vl_fault (call, "reads '%s', which is not in its table of reads",
              disks ? VL_GUEST_DISK : VL_GUEST_NIC);
    return 0;
  }
  return vl_guest_settle_list (guest, disks, reader) == 0;
}

size_t
vl_n_disks (struct vl_call *call)
{
  return may_read (call, 1) ? call->guest->n_disks : 0;
}

const struct vl_disk *
vl_disk (struct vl_call *call, size_t i)
{
  return i < vl_n_disks (call) ? &call->guest->disks[i] : NULL;
}

size_t
vl_n_nics (struct vl_call *call)
{
  return may_read (call, 0) ? call->guest->n_nics : 0;
}

const struct vl_nic *
vl_nic (struct vl_call *call, size_t i)
{
  return i < vl_n_nics (call) ? &call->guest->nics[i] : NULL;
}

/* ---- everything that was asked ---- */

int
vl_key (struct vl_call *call, size_t i, enum vl_layer *layer, const char **key, const char **value)
{
  const struct vl_guest *guest = call->guest;
  const struct vl_request *request = guest ? guest->request : NULL;
  const struct vl_entry *entry;

  if (request == NULL || i >= request->n_entries + request->n_metadata)
    return 0;
  entry =
      i < request->n_entries ? &request->entries[i] : &request->metadata[i - request->n_entries];
  *layer = entry->layer;
  *key = entry->key;
  *value = vl_entry_is_secret (guest, entry) ? "" : entry->value;
  return 1;
}
