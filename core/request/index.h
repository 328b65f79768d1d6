/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What is the same for every guest of one registry, worked out once: a template
 * of all properties with their lowest layers parsed, the request keys, who reads
 * what.  A guest is a copy of the template with the request laid over it. */

#ifndef VL_CORE_INDEX_H
#define VL_CORE_INDEX_H

#include "request/guest.h"

/* A property, disks, NICs, or nothing, by its name in a feature's `reads`. */
#define VL_NO_PROP ((size_t)-1)
#define VL_READS_DISKS ((size_t)-2)
#define VL_READS_NICS ((size_t)-3)

/* A request key of a loaded feature or of the core. */
struct vl_key_slot {
  const char *key; /* as in its row; indexed ones end in ".N" */
  int image;
  size_t prop;                  /* its number in the template */
  const struct vl_alias *alias; /* NULL: the row's own key */
};

struct vl_read_slot {
  const char *name;
  size_t prop; /* VL_NO_PROP: of a feature that is not loaded */
};

/* One plugin of the registry. */
struct vl_plugin_slot {
  const struct vl_plugin *plugin;
  enum vl_plugin_state state; /* when the index was made */
  const struct vl_prop *props;
  size_t first, n; /* its properties in the template */
  struct vl_read_slot *reads;
  size_t n_reads;
};

struct vl_prop_index {
  struct vl_guest_prop *props; /* in byte order of the name */
  size_t n_props;
  struct vl_key_slot *keys; /* flavor keys, then image keys, each in byte order */
  size_t n_keys;
  struct vl_plugin_slot *plugins; /* as in the registry */
  size_t n_plugins;
};

/* The index of REGISTRY as it is now; made anew when plugins were loaded or
 * refused since the last time. */
const struct vl_prop_index *vl_index_get (struct vl_registry *registry);

/* The number of property NAME, or VL_NO_PROP. */
size_t vl_index_find (const struct vl_prop_index *index, const char *name);
/* The slot of KEY in flavors (IMAGE 0) or images; "a.3" finds "a.N" with *NUMBER
 * 3, -1 where the key has no number.  NULL if there is none. */
const struct vl_key_slot *vl_index_key (const struct vl_prop_index *index, const char *key,
                                        int image, long *number);

/* core.c: the core's own properties, all named by their full names. */
const struct vl_prop *vl_core_props (size_t *n);

#endif
