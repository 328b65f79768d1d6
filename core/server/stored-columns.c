/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Which rows are on record of a document: their columns, and where those are in memory. */

#include <config.h>

#include "server/stored-columns.h"

#define OF(type, column, member, what)                                                             \
  {                                                                                                \
    column, offsetof (type, member), offsetof (type, member), what                                 \
  }
#define DEVICE(column, disk, nic, what)                                                            \
  {                                                                                                \
    column, disk, nic, what                                                                        \
  }
#define IN_DISK(member) offsetof (struct vl_recorded_device, disk.member)
#define IN_NIC(member) offsetof (struct vl_recorded_device, nic.member)
#define TABLE(name, type, columns)                                                                 \
  {                                                                                                \
    name, columns, sizeof (columns) / sizeof (columns)[0], sizeof (type)                           \
  }

static const struct vl_column part_columns[] = {
  OF (struct vl_provenance, "path", path, VL_COLUMN_TEXT),
  OF (struct vl_provenance, "kind", part, VL_COLUMN_INT),
  OF (struct vl_provenance, "keys", keys, VL_COLUMN_PAIRS),
  OF (struct vl_provenance, "value", value, VL_COLUMN_TEXT),
  OF (struct vl_provenance, "device", device, VL_COLUMN_TEXT),
  OF (struct vl_provenance, "owner", owners, VL_COLUMN_TEXT),
  OF (struct vl_provenance, "cause", cause, VL_COLUMN_TEXT),
  OF (struct vl_provenance, "chain", chain, VL_COLUMN_TEXT),
  OF (struct vl_provenance, "guarded", guarded, VL_COLUMN_INT),
};
const struct vl_table_of vl_stored_parts =
    TABLE ("document_part", struct vl_provenance, part_columns);

static const struct vl_column property_columns[] = {
  OF (struct vl_recorded_prop, "name", name, VL_COLUMN_TEXT),
  OF (struct vl_recorded_prop, "device", device, VL_COLUMN_TEXT),
  OF (struct vl_recorded_prop, "type", type, VL_COLUMN_TEXT),
  OF (struct vl_recorded_prop, "value", value, VL_COLUMN_TEXT),
  OF (struct vl_recorded_prop, "cause", cause, VL_COLUMN_TEXT),
};
const struct vl_table_of vl_stored_properties =
    TABLE ("document_property", struct vl_recorded_prop, property_columns);

static const struct vl_column feature_columns[] = {
  OF (struct vl_recorded_feature, "plugin", plugin, VL_COLUMN_TEXT),
  OF (struct vl_recorded_feature, "version", version, VL_COLUMN_TEXT),
  OF (struct vl_recorded_feature, "acts", acts, VL_COLUMN_TEXT),
  OF (struct vl_recorded_feature, "cause", cause, VL_COLUMN_TEXT),
};
const struct vl_table_of vl_stored_features =
    TABLE ("document_feature", struct vl_recorded_feature, feature_columns);

static const struct vl_column key_columns[] = {
  OF (struct vl_entry, "layer", layer, VL_COLUMN_INT),
  OF (struct vl_entry, "key", key, VL_COLUMN_TEXT),
  OF (struct vl_entry, "value", value, VL_COLUMN_TEXT),
  OF (struct vl_entry, "origin", origin, VL_COLUMN_TEXT),
};
const struct vl_table_of vl_stored_keys = TABLE ("document_key", struct vl_entry, key_columns);

/* The first says which of both the others are of. */
static const struct vl_column device_columns[] = {
  OF (struct vl_recorded_device, "is_nic", is_nic, VL_COLUMN_INT),
  DEVICE ("id", IN_DISK (id), IN_NIC (id), VL_COLUMN_TEXT),
  DEVICE ("place", IN_DISK (index), IN_NIC (index), VL_COLUMN_INT),
  DEVICE ("type", IN_DISK (type), IN_NIC (type), VL_COLUMN_TEXT),
  DEVICE ("source", IN_DISK (source), IN_NIC (source), VL_COLUMN_TEXT),
  DEVICE ("why", IN_DISK (why), IN_NIC (why), VL_COLUMN_TEXT),
  DEVICE ("purpose", IN_DISK (role), VL_NOWHERE, VL_COLUMN_TEXT),
  DEVICE ("device", IN_DISK (device), VL_NOWHERE, VL_COLUMN_TEXT),
  DEVICE ("format", IN_DISK (format), VL_NOWHERE, VL_COLUMN_TEXT),
  DEVICE ("bus", IN_DISK (bus), VL_NOWHERE, VL_COLUMN_TEXT),
  DEVICE ("target", IN_DISK (dev), VL_NOWHERE, VL_COLUMN_TEXT),
  DEVICE ("size", IN_DISK (size), VL_NOWHERE, VL_COLUMN_LONG),
  DEVICE ("boot", IN_DISK (boot), VL_NOWHERE, VL_COLUMN_INT),
  DEVICE ("serial", IN_DISK (serial), VL_NOWHERE, VL_COLUMN_TEXT),
  DEVICE ("readonly", IN_DISK (readonly), VL_NOWHERE, VL_COLUMN_INT),
  DEVICE ("shareable", IN_DISK (shareable), VL_NOWHERE, VL_COLUMN_INT),
  DEVICE ("model", VL_NOWHERE, IN_NIC (model), VL_COLUMN_TEXT),
  DEVICE ("mac", VL_NOWHERE, IN_NIC (mac), VL_COLUMN_TEXT),
  DEVICE ("vnic_type", VL_NOWHERE, IN_NIC (vnic_type), VL_COLUMN_TEXT),
  DEVICE ("mtu", VL_NOWHERE, IN_NIC (mtu), VL_COLUMN_INT),
  DEVICE ("tap", VL_NOWHERE, IN_NIC (tap), VL_COLUMN_TEXT),
  OF (struct vl_recorded_device, "unit", unit, VL_COLUMN_TEXT),
  OF (struct vl_recorded_device, "address", address, VL_COLUMN_TEXT),
  DEVICE ("plugin", IN_DISK (plugin), IN_NIC (plugin), VL_COLUMN_TEXT),
};
const struct vl_table_of vl_stored_device_rows =
    TABLE ("device", struct vl_recorded_device, device_columns);

void *
vl_column_member (const struct vl_table_of *table, void *row, const struct vl_column *column)
{
  int nic = table == &vl_stored_device_rows && ((struct vl_recorded_device *)row)->is_nic;
  size_t at = nic ? column->nic : column->at;

  return at == VL_NOWHERE ? NULL : (char *)row + at;
}

json_t *
vl_pairs_write (const struct vl_provenance *row)
{
  json_t *object = json_object ();

  for (size_t i = 0; i < row->n_keys; i++)
    json_object_set_new (object, row->keys[i].name, json_string (row->keys[i].value));
  return object;
}

void
vl_pairs_read (struct vl_arena *arena, const json_t *object, struct vl_provenance *row)
{
  struct vl_pair *pairs = vl_arena_alloc (arena, (json_object_size (object) + 1) * sizeof *pairs);
  const char *name;
  json_t *value;

  json_object_foreach ((json_t *)object, name, value)
  {
    pairs[row->n_keys].name = vl_arena_strdup (arena, name);
    pairs[row->n_keys++].value = vl_arena_strdup (arena, json_string_value (value));
  }
  row->keys = pairs;
}
