/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Reading values: by plugins, which must have named what they read, and by the
 * core and the drivers, which may read everything. */

#include <config.h>

#include "request/work.h"

/* Guests are const to those who read them; that a property is resolved by being
 * read is not theirs to know. */
static struct vl_guest *mutable(const struct vl_guest *guest)
{
  return (struct vl_guest *)guest;
}

static const struct vl_plugin *
reader_of (const struct vl_guest *guest)
{
  const struct vl_plugin *plugin = guest->call->plugin;

  return plugin && plugin->kind == VL_KIND_FEATURE ? plugin : NULL;
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

static void
fault (const struct vl_guest *guest, const char *name, const char *what)
{
  vl_error (guest->call, VL_ERR_FAILED, "PluginFault", NULL, "reads '%s', which %s", name, what);
  vl_hint (guest->call, "this is a fault of the plugin");
}

/* Literals of one file are one object: most names are found by address. */
static size_t
find_for (const struct vl_guest *guest, const struct vl_plugin_slot *slot, const char *name)
{
  const struct vl_guest_prop *props = guest->props;

  for (size_t i = slot->first; i < slot->first + slot->n; i++)
    if (props[i].row->name == name)
      return i;
  for (size_t i = 0; i < slot->n_reads; i++)
    if (slot->reads[i].name == name)
      return slot->reads[i].prop;
  for (size_t i = slot->first; i < slot->first + slot->n; i++)
    if (VL_STREQ (props[i].row->name, name) || VL_STREQ (props[i].name, name))
      return i;
  for (size_t i = 0; i < slot->n_reads; i++)
    if (VL_STREQ (slot->reads[i].name, name))
      return slot->reads[i].prop;
  fault (guest, name, "is not in its table of reads");
  return VL_NO_PROP;
}

static size_t
locate (const struct vl_guest *guest, const struct vl_plugin *reader, const char *name)
{
  const struct vl_prop_index *index = guest->work ? guest->work->index : NULL;
  size_t number = vl_guest_number (mutable(guest), reader), found;

  if (index == NULL)
    return VL_NO_PROP;
  if (number == guest->registry->n)
    return vl_index_find (index, name);
  found = find_for (guest, &index->plugins[number], name);
  if (found == VL_NO_PROP && is_misspelt (guest, name))
    fault (guest, name, "no loaded feature has");
  return found < index->n_props ? found : VL_NO_PROP;
}

/* The value of PROP, NULL where it is unset. */
static const struct vl_value *
find_value (const struct vl_guest *guest, const char *name)
{
  const struct vl_plugin *reader = reader_of (guest);
  size_t number = locate (guest, reader, name);

  if (number == VL_NO_PROP || vl_guest_settle (mutable(guest), number, reader) < 0)
    return NULL;
  return guest->props[number].value.set ? &guest->props[number].value : NULL;
}

struct vl_guest_prop *
vl_guest_find (const struct vl_guest *guest, const char *full_name)
{
  size_t number = guest->work ? vl_index_find (guest->work->index, full_name) : VL_NO_PROP;

  return number == VL_NO_PROP ? NULL : &guest->props[number];
}

/* ---- values ---- */

int
vl_guest_has (const struct vl_guest *guest, const char *prop)
{
  return find_value (guest, prop) != NULL;
}

int
vl_guest_bool (const struct vl_guest *guest, const char *prop)
{
  const struct vl_value *value = find_value (guest, prop);

  return value && value->number != 0;
}

int64_t
vl_guest_int (const struct vl_guest *guest, const char *prop)
{
  const struct vl_value *value = find_value (guest, prop);

  return value ? value->number : 0;
}

const char *
vl_guest_str (const struct vl_guest *guest, const char *prop)
{
  const struct vl_value *value = find_value (guest, prop);

  return value ? value->text : NULL;
}

size_t
vl_guest_count (const struct vl_guest *guest, const char *prop)
{
  const struct vl_value *value = find_value (guest, prop);

  return value ? value->n_items : 0;
}

const char *
vl_guest_item (const struct vl_guest *guest, const char *prop, size_t i)
{
  const struct vl_value *value = find_value (guest, prop);

  return value && i < value->n_items ? value->items[i] : NULL;
}

int
vl_guest_is (const struct vl_guest *guest, const char *prop, const char *text)
{
  const struct vl_value *value = find_value (guest, prop);

  return value && value->text && VL_STREQ (value->text, text);
}

enum vl_layer
vl_guest_origin (const struct vl_guest *guest, const char *prop)
{
  const struct vl_plugin *reader = reader_of (guest);
  size_t number = locate (guest, reader, prop);

  if (number == VL_NO_PROP || vl_guest_settle (mutable(guest), number, reader) < 0)
    return VL_LAYER_DEFAULT;
  return guest->props[number].origin;
}

/* ---- layers ---- */

/* What LAYER says of the reader's own PROP; the request counts as the image. */
static const struct vl_value *
find_layer (const struct vl_guest *guest, const char *name, enum vl_layer layer)
{
  const struct vl_plugin *reader = reader_of (guest);
  size_t number = locate (guest, reader, name);
  const struct vl_guest_prop *prop;

  if (number == VL_NO_PROP || (unsigned)layer >= VL_N_LAYERS)
    return NULL;
  prop = &guest->props[number];
  if (reader && prop->plugin != reader) {
    fault (guest, name, "is not its own, by layer");
    return NULL;
  }
  if (layer == VL_LAYER_IMAGE && prop->raw[VL_LAYER_REQUEST])
    layer = VL_LAYER_REQUEST;
  return prop->raw[layer] ? &prop->raw[layer]->value : NULL;
}

int
vl_guest_layer_has (const struct vl_guest *guest, const char *prop, enum vl_layer layer)
{
  return find_layer (guest, prop, layer) != NULL;
}

int
vl_guest_layer_bool (const struct vl_guest *guest, const char *prop, enum vl_layer layer)
{
  const struct vl_value *value = find_layer (guest, prop, layer);

  return value && value->number != 0;
}

int64_t
vl_guest_layer_int (const struct vl_guest *guest, const char *prop, enum vl_layer layer)
{
  const struct vl_value *value = find_layer (guest, prop, layer);

  return value ? value->number : 0;
}

const char *
vl_guest_layer_str (const struct vl_guest *guest, const char *prop, enum vl_layer layer)
{
  const struct vl_value *value = find_layer (guest, prop, layer);

  return value ? value->text : NULL;
}

/* ---- disks and NICs ---- */

/* May the running code read LIST?  1, or 0 after a finding. */
static int
may_read (const struct vl_guest *guest, const char *list, size_t which)
{
  const struct vl_plugin *reader = reader_of (guest);
  const struct vl_plugin_slot *slot;

  if (reader == NULL || guest->work == NULL)
    return 1;
  slot = &guest->work->index->plugins[vl_guest_number (mutable(guest), reader)];
  for (size_t i = 0; i < slot->n_reads; i++)
    if (slot->reads[i].prop == which)
      return 1;
  fault (guest, list, "is not in its table of reads");
  return 0;
}

size_t
vl_guest_n_disks (const struct vl_guest *guest)
{
  if (! may_read (guest, VL_GUEST_DISK, VL_READS_DISKS)
      || vl_guest_settle_disks (mutable(guest), reader_of (guest)) < 0)
    return 0;
  return guest->n_disks;
}

const struct vl_disk *
vl_guest_disk (const struct vl_guest *guest, size_t i)
{
  return i < vl_guest_n_disks (guest) ? &guest->disks[i] : NULL;
}

size_t
vl_guest_n_nics (const struct vl_guest *guest)
{
  if (! may_read (guest, VL_GUEST_NIC, VL_READS_NICS)
      || vl_guest_settle_nics (mutable(guest), reader_of (guest)) < 0)
    return 0;
  return guest->n_nics;
}

const struct vl_nic *
vl_guest_nic (const struct vl_guest *guest, size_t i)
{
  return i < vl_guest_n_nics (guest) ? &guest->nics[i] : NULL;
}
