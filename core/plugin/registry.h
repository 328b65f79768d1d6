/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The registry: every plugin that a conf names, loaded or not, in byte order of
 * its name.  Tables are copied into rows of today's size when a module is
 * loaded, so that the rest of the core walks plain arrays. */

#ifndef VL_CORE_REGISTRY_H
#define VL_CORE_REGISTRY_H

#include "context/call.h"

#include <virtloom/network.h>
#include <virtloom/storage.h>

/* A typed value: what a property or setting is after parsing. */
struct vl_value {
  int set;
  enum vl_type type;
  int64_t number;     /* bool, tristate, int, size (bytes) */
  const char *text;   /* canonical text of every type; what vl_*_str answers */
  const char **items; /* VL_LIST and indexed rows */
  size_t n_items;
};

/* What is shown of the value of a secret row. */
#define VL_HIDDEN "***"

/* What one layer says of a row. */
struct vl_raw {
  struct vl_value value;
  const char *key, *text, *origin; /* what was written where; key NULL: a default */
};

/* What a row is where no request says more. */
struct vl_base {
  const struct vl_raw *deflt, *setting; /* NULL: nothing is said there */
};

struct vl_plugin {
  struct vl_arena *arena; /* the registry's */
  const char *name;
  enum vl_kind kind;
  enum vl_plugin_state state;
  const char *reason;
  const char *module; /* as in the conf */
  const char *path;   /* of the file that was opened */
  const char *conf;   /* path of the first conf file that names it */
  const char *built_for;
  int enabled, critical, auto_rank;
  size_t number;                 /* in the registry, as its prop_index was made */
  int given;                     /* its module is one of vl_places.modules */
  int unclaimed;                 /* no conf says what it claims: it claims what it has */
  const char **keys;             /* claimed by its conf, NULL-terminated */
  const char **claims;           /* traits and resource classes claimed by it; one may end in '*' */
  const char *version, *summary; /* of a module that was opened */

  /* Of loaded modules, zero otherwise. */
  struct vl_feature feature;
  struct vl_driver driver;
  const struct vl_prop *props;
  struct vl_base *base; /* parallel to PROPS */
  size_t n_props;
  const struct vl_write *writes; /* what a feature writes, what a driver understands */
  size_t n_writes;
  const struct vl_tool_row *tools;
  size_t n_tools;
  const struct vl_offer *offers;
  size_t n_offers;
  const char **reads, **wakes, **needs, **conflicts, **traits; /* NULL-terminated */

  struct vl_plugin_info info; /* filled by vl_plugins_get */
};

struct vl_registry {
  struct vl_arena *arena;
  struct vl_plugin **plugins;
  size_t n, size;
  const struct vl_config *config;         /* that it was read from; borrowed */
  const struct vl_prop_index *prop_index; /* core/request/index.c; in ARENA */
};

/* What is said and done in CALL from now on, PLUGIN says and does (NULL: the core).
 * Whoever calls it outside of a build's phases sets CALL->doing after that. */
static inline void
vl_call_as (struct vl_call *call, struct vl_plugin *plugin)
{
  call->plugin = plugin;
  call->plugin_name = plugin ? plugin->name : NULL;
  call->module = plugin ? plugin->path : NULL;
  call->doing = NULL;
}

struct vl_config; /* core/plugin/conf.h */

/* Where modules and configuration come from. */
struct vl_places {
  const char *tree;       /* --tree DIR, or NULL */
  const char *config_dir; /* --config DIR, or NULL */
  /* Told the plugin whose module is loaded next, and NULL when that is over; or NULL. */
  void (*on_load) (void *opaque, const char *plugin);
  void *opaque;
  /* --plugin FILE: modules that are not installed; NULL-terminated, or NULL. */
  const char *const *modules;
};

struct vl_registry *vl_registry_new (void);
void vl_registry_free (struct vl_registry *registry);
/* Makes a record of every plugin that CONFIG names; a conf that was refused is a record
 * with its reason.  Opens no module. */
void vl_registry_read (struct vl_call *call, struct vl_registry *registry,
                       const struct vl_config *config);
/* Loads the features that are enabled, and holds them against each other.  Each that is
 * refused is a finding and a record with its reason. */
void vl_registry_load_all (struct vl_call *call, struct vl_registry *registry,
                           const struct vl_places *places);
/* Loads one plugin that is not loaded yet; drivers are loaded in no other way. */
int vl_registry_load (struct vl_call *call, struct vl_registry *registry, struct vl_plugin *plugin,
                      const struct vl_places *places);

/* Is NAME one that the core keeps for itself? */
int vl_plugin_name_reserved (const char *name);
/* Why no plugin can be called NAME, or NULL: what is reserved, or what its keys would begin with. */
const char *vl_plugin_name_problem (const char *name);
/* What the keys of flavors and requests are made of. */
#define VL_KEY_LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:-"
/* Where the name begins in KEY, "WORD[GROUP]:NAME", with which a flavor or image requires a trait or
 * asks for a resource; NULL where it is none.  *GROUPED: it has a group. */
const char *vl_required_name (const char *key, const char *word, int *grouped);
/* Why no plugin can have the request key KEY of an IMAGE or a flavor, or NULL. */
const char *vl_key_problem (const char *key, int image);
/* Between reading and loading: the modules of PLACES stand in for plugins of their names.
 * 0, or -1 after findings. */
int vl_registry_given (struct vl_call *call, struct vl_registry *registry,
                       const struct vl_places *places);
/* After loading: 0, or -1 where one of those was refused. */
int vl_registry_given_loaded (struct vl_call *call, const struct vl_registry *registry);
struct vl_plugin *vl_registry_find (const struct vl_registry *registry, const char *name);
/* The plugin, loaded or not, whose conf claims KEY; NULL if none. */
struct vl_plugin *vl_registry_claim (const struct vl_registry *registry, const char *key);

/* What a plugin with a group of calls answers for. */
enum vl_answers { VL_ANSWER_IMAGES, VL_ANSWER_VOLUMES, VL_ANSWER_NETWORKS, VL_ANSWER_STORES };
#define VL_N_ANSWERS 4
/* What PLUGIN answers for, NULL-terminated; is NAME among it? */
const char *const *vl_plugin_answers (const struct vl_plugin *plugin, enum vl_answers what);
int vl_plugin_has_answer (const struct vl_plugin *plugin, enum vl_answers what, const char *name);
/* The loaded feature that answers for NAME, or NULL. */
struct vl_plugin *vl_registry_answer (const struct vl_registry *registry, enum vl_answers what,
                                      const char *name);
/* " a b c": all that plugins answer for, in byte order, or " none"; memory of ARENA. */
const char *vl_registry_answers (const struct vl_registry *registry, struct vl_arena *arena,
                                 enum vl_answers what);
/* The hint for NAME, for which no plugin answers: the nearest for which one does, or OTHERWISE. */
const char *vl_registry_nearest (struct vl_call *call, const struct vl_registry *registry,
                                 enum vl_answers what, const char *name, const char *otherwise);
/* What details networks of any loaded feature may have, sorted and each once, NULL-terminated; in
 * ARENA. */
const char *const *vl_registry_details (const struct vl_registry *registry, struct vl_arena *arena);
/* " nbd:server": how --volume names volumes that plugins reach, in byte order; memory of ARENA. */
const char *vl_registry_volume_forms (const struct vl_registry *registry, struct vl_arena *arena);
/* The loaded feature that images_type = default stands for; NULL after a finding. */
struct vl_plugin *vl_registry_default (struct vl_call *call, const struct vl_registry *registry);

/* Call MEMBER of GROUP (storage, network) of PLUGIN, NULL where it has none. */
#define VL_GROUP_FN(plugin_, group, member)                                                        \
  ((plugin_)->feature.group ? (plugin_)->feature.group->member : NULL)

/* What may stand in SLOT of a guest of domain type VIRT: what the loaded features
 * offer or, where none does, DRIVER (or NULL).  A list in ARENA of *N rows, in the
 * order of the tables. */
const struct vl_offer **vl_registry_offers (const struct vl_registry *registry,
                                            struct vl_arena *arena, const struct vl_plugin *driver,
                                            const char *slot, const char *virt, size_t *n);

/* A flag of the core's own rows: the items of a list may stand with blanks between. */
#define VL_WORDS 0x80000000u
/* Parses TEXT by the type, flags, choices and range of ROW.  0, or -1 with in *WHY
 * (arena memory) what is accepted: "is not a boolean; accepted: 1 t true on y yes
 * 0 f false off n no".  vl_value_take is for what the core or a plugin worked out:
 * it may be as long as it likes. */
int vl_value_parse (struct vl_arena *arena, const struct vl_prop *row, const char *text,
                    struct vl_value *value, const char **why);
int vl_value_take (struct vl_arena *arena, const struct vl_prop *row, const char *text,
                   struct vl_value *value, const char **why);

/* "; did you mean 'ROW'?" with the row of its own or of its reads that the running plugin can have
 * meant by NAME; "" where none is near. */
const char *vl_near_row (struct vl_call *call, const char *name);

/* The row of PLUGIN that is called PROP, by its short or its full name, or NULL. */
const struct vl_prop *vl_plugin_row (const struct vl_plugin *plugin, const char *prop);
/* What the settings or the default say of ROW, which is one of PLUGIN's; NULL if
 * nothing. */
const struct vl_raw *vl_plugin_base (const struct vl_plugin *plugin, const struct vl_prop *row);
/* May the running code name PROP, which it has as a row or in its table of reads?
 * The core may name everything.  1, or 0 after a PluginFault that begins with
 * VERB ("reads"). */
int vl_may_name (struct vl_call *call, const char *verb, const char *prop);
/* May the running code, which calls VERB, act on the host?  The core and drivers may,
 * features in prepare, release, event and the acting calls of a group.  0, or -1 after
 * a PluginFault. */
int vl_may_act (struct vl_call *call, const char *verb);
/* Records that what the plugin did is a mistake in it; answers -1. */
int vl_fault (struct vl_call *call, const char *fmt, ...) VL_PRINTF (2, 3);
/* RESULT is what a callback of CALL's plugin answered, when there were ERRORS before it:
 * a failure of which nothing was said is the plugin's fault.  Answers RESULT. */
int vl_said (struct vl_call *call, int result, size_t errors);

#endif
