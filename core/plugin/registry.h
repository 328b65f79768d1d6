/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The registry: every plugin that a conf names, loaded or not, in byte order of
 * its name.  Tables are copied into rows of today's size when a module is
 * loaded, so that the rest of the core walks plain arrays. */

#ifndef VL_CORE_REGISTRY_H
#define VL_CORE_REGISTRY_H

#include "context/call.h"

/* A typed value: what a property or setting is after parsing. */
struct vl_value {
  int set;
  enum vl_type type;
  int64_t number;     /* bool, tristate, int, size (bytes) */
  const char *text;   /* canonical text of every type; what vl_*_str answers */
  const char **items; /* VL_LIST and indexed rows */
  size_t n_items;
};

struct vl_setting_slot {
  const struct vl_setting *row;
  struct vl_value value;
  const char *origin; /* "FILE:LINE" or "default" */
};

struct vl_plugin {
  const char *name;
  enum vl_kind kind;
  enum vl_plugin_state state;
  const char *reason;
  const char *module; /* as in the conf */
  const char *path;   /* of the file that was opened */
  const char *conf;   /* path of the first conf file that names it */
  const char *built_for;
  int enabled, critical, auto_rank;
  const char **keys; /* claimed, NULL-terminated */

  /* Of loaded modules, zero otherwise. */
  struct vl_feature feature;
  struct vl_driver driver;
  const char *version, *summary;
  const struct vl_prop *props;
  size_t n_props;
  struct vl_setting_slot *settings;
  size_t n_settings;
  const struct vl_write *writes;
  size_t n_writes;
  const struct vl_tool_row *tools;
  size_t n_tools;
  const char **reads, **wakes, **needs, **conflicts, **traits; /* NULL-terminated */

  struct vl_plugin_info info; /* filled by vl_plugins_get */
};

/* A request key of a loaded feature. */
struct vl_key_ref {
  const char *key;
  int image;
  struct vl_plugin *plugin;
  const struct vl_prop *row;
};

struct vl_registry {
  struct vl_arena *arena;
  struct vl_plugin **plugins;
  size_t n, size;
  const struct vl_config *config; /* that it was read from; borrowed */
  struct vl_key_ref *keys;        /* sorted by key, then flavor before image */
  size_t n_keys, keys_size;
  const struct vl_prop_index *prop_index; /* core/request/index.c; in ARENA */
};

/* What is said in CALL from now on, PLUGIN says (NULL: the core). */
static inline void
vl_call_as (struct vl_call *call, struct vl_plugin *plugin)
{
  call->plugin = plugin;
  call->plugin_name = plugin ? plugin->name : NULL;
}

struct vl_config; /* core/plugin/conf.h */

/* Where modules and configuration come from. */
struct vl_places {
  const char *tree;       /* --tree DIR, or NULL */
  const char *config_dir; /* --config DIR, or NULL */
};

/* Reads the layers of plugins.d, makes a record of every plugin, loads the
 * enabled feature modules (drivers are loaded by vl_registry_load).  What was
 * refused is a finding and a record with its reason; -1 only if a critical one
 * was. */
struct vl_registry *vl_registry_new (void);
void vl_registry_free (struct vl_registry *registry);
int vl_registry_read (struct vl_call *call, struct vl_registry *registry,
                      const struct vl_config *config, const struct vl_places *places);
/* Loads one plugin that is not loaded yet. */
int vl_registry_load (struct vl_call *call, struct vl_registry *registry, struct vl_plugin *plugin,
                      const struct vl_places *places);

struct vl_plugin *vl_registry_find (const struct vl_registry *registry, const char *name);
/* The loaded feature whose table has request key KEY (aliases and ".N" keys
 * too), *ROW its row; NULL if none. */
struct vl_plugin *vl_registry_key (const struct vl_registry *registry, const char *key, int image,
                                   const struct vl_prop **row);
/* The plugin, loaded or not, whose conf claims KEY; NULL if none. */
struct vl_plugin *vl_registry_claim (const struct vl_registry *registry, const char *key);
/* The loaded feature that fills slot SLOT, *ROW its row; NULL if none. */
struct vl_plugin *vl_registry_slot (const struct vl_registry *registry, const char *slot,
                                    const struct vl_prop **row);

/* Parses TEXT by type.  0, or -1 with in *WHY (arena memory) what is accepted:
 * "is not a boolean; accepted: 1 t true on y yes 0 f false off n no". */
struct vl_type_spec {
  enum vl_type type;
  uint32_t flags;
  const char *const *choices;
  int64_t min, max;
  const char *unit;
};
int vl_value_parse (struct vl_arena *arena, const struct vl_type_spec *spec, const char *text,
                    struct vl_value *value, const char **why);

#endif
