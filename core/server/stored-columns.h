/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The rows that are on record of a document, by the table of their members.  Internal to core/server. */

#ifndef VL_SERVER_STORED_COLUMNS_H
#define VL_SERVER_STORED_COLUMNS_H

#include "server/stored.h"

#include <jansson.h>

enum vl_column_type { VL_COLUMN_TEXT, VL_COLUMN_INT, VL_COLUMN_LONG, VL_COLUMN_PAIRS };

/* A member: its column, where it is in the row (of a NIC, at the second place), and
 * what it is. */
struct vl_column {
  const char *name;
  size_t at, nic;
  enum vl_column_type type;
};
#define VL_NOWHERE ((size_t)-1)

struct vl_table_of {
  const char *name;
  const struct vl_column *columns;
  size_t n_columns, size;
};
/* Of struct vl_provenance, vl_recorded_prop, vl_recorded_feature, vl_entry and vl_recorded_device. */
extern const struct vl_table_of vl_stored_parts, vl_stored_properties, vl_stored_features,
    vl_stored_keys, vl_stored_device_rows;

/* Where the member of COLUMN is in ROW, NULL where that has none. */
void *vl_column_member (const struct vl_table_of *table, void *row, const struct vl_column *column);

/* The keys of ROW, an element, as an object whose members keep their order; for json_decref. */
json_t *vl_pairs_write (const struct vl_provenance *row);
/* And back, of OBJECT (NULL: none) whose values are texts, in memory of ARENA. */
void vl_pairs_read (struct vl_arena *arena, const json_t *object, struct vl_provenance *row);

#endif
