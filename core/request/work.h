/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the files of core/request share about one guest. */

#ifndef VL_CORE_WORK_H
#define VL_CORE_WORK_H

#include "request/guest.h"

/* ---- index.c: what is the same for every guest of one registry, worked out once: a
 * template of all properties with their lowest layers parsed, the request keys, who reads
 * what.  A guest is a copy of the template with the request laid over it. ---- */

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
  size_t first, n;            /* its properties in the template */
  struct vl_read_slot *reads; /* what it may read: its own rows, and what it says */
  size_t n_reads;
  struct vl_read_slot *by_address; /* READS by the hash of where their names are */
  int address_bits;                /* there are two to the power of it */
};

struct vl_prop_index {
  struct vl_guest_prop *props; /* in byte order of the name */
  size_t n_props;
  size_t *conditional; /* the numbers of those that have an effect only under a condition */
  size_t n_conditional;
  uint32_t *table; /* 1 + the number of a property, by the hash of its name; 0: empty */
  size_t table_size;
  struct vl_key_slot *keys; /* flavor keys, then image keys, each in byte order */
  size_t n_keys;
  struct vl_plugin_slot *plugins; /* as in the registry */
  size_t n_plugins;
};

/* The index of REGISTRY as it is now; made anew when plugins were loaded or
 * refused since the last time. */
const struct vl_prop_index *vl_index_get (struct vl_registry *registry);

/* The place in BY_ADDRESS of the row whose name is at the address NAME, or the empty one
 * that it would take.  Literals of one file are one object: most names are found so. */
static inline size_t
vl_address_place (const struct vl_plugin_slot *slot, const char *name)
{
  size_t mask = ((size_t)1 << slot->address_bits) - 1;
  size_t at = (uint64_t)(uintptr_t)name * 0x9e3779b97f4a7c15 >> (64 - slot->address_bits);

  while (slot->by_address[at].name && slot->by_address[at].name != name)
    at = (at + 1) & mask;
  return at;
}

/* The number of property NAME, or VL_NO_PROP. */
size_t vl_index_find (const struct vl_prop_index *index, const char *name);
/* The slot of KEY in flavors (IMAGE 0) or images; "a.3" finds "a.N" with *NUMBER
 * 3, -1 where the key has no number.  NULL if there is none. */
const struct vl_key_slot *vl_index_key (const struct vl_prop_index *index, const char *key,
                                        int image, long *number);

/* core.c: the core's own properties, all named by their full names. */
const struct vl_prop *vl_core_props (size_t *n);

/* ---- one guest ---- */

/* A trait that the flavor or the image asks for or forbids. */
struct vl_trait {
  const char *name;
  const struct vl_entry *entry;
  int forbidden, grouped;
};

/* What some key says of one property in one layer, before it is parsed. */
struct vl_said {
  size_t prop;
  enum vl_layer layer;
  const struct vl_entry *entry;
  const char *text;             /* the value, through the alias's map */
  const struct vl_alias *alias; /* or NULL */
  long number;                  /* of an indexed key, else -1 */
};

struct vl_guest_work {
  const struct vl_prop_index *index;
  struct vl_said *said;
  size_t n_said;
  struct vl_trait *traits; /* in byte order of the name */
  size_t n_traits;
  const struct vl_entry **resources; /* amounts are whole numbers */
  size_t n_resources;
  const char **unanswered; /* keys of the image that are nothing to anyone */
  size_t n_unanswered;
  /* caps.c's: what all keys of the guest's domain capabilities begin with, and those of any
   * machine of its architecture; for the host, type, architecture and machine that follow. */
  const char *caps_own, *caps_any;
  const struct vl_host *caps_host;
  const char *caps_virt_type, *caps_arch, *caps_machine;
  struct vl_device_value *devices; /* devices.c's: the latest in front */
  /* readers + owner * words: which plugins read a property of OWNER. */
  uint64_t *readers;
  size_t words;
  /* By plugin; number n is the core: the first finding after it read a failed
   * property, 0: it did not. */
  size_t *tainted;
};

/* guest.c: a guest without a request, as the guest of CALL. */
struct vl_guest *vl_guest_blank (struct vl_call *call, struct vl_registry *registry,
                                 const struct vl_config *config, struct vl_plugin *driver,
                                 const struct vl_host *host);
/* parse.c: lays the request over the template; findings for what is wrong. */
void vl_guest_parse (struct vl_guest *guest);
/* What SAID says, parsed; NULL where that is nothing or, after a finding, wrong. */
struct vl_raw *vl_said_parse (struct vl_guest *guest, const struct vl_said *said);
/* An error about SAID; what it is of has failed. */
void vl_said_refuse (struct vl_guest *guest, const struct vl_said *said, const char *code,
                     const char *hint, const char *fmt, ...) VL_PRINTF (5, 6);
/* keys.c: who answers for ENTRY: its slot, *NUMBER and, through *KEY, the name it
 * goes by today.  NULL where nobody does, after a finding if that is wrong. */
const struct vl_key_slot *vl_key_find (struct vl_guest *guest, const struct vl_entry *entry,
                                       long *number);
/* A finding about ENTRY, said by PLUGIN (NULL: the core); an advice where ERR is 0.
 * Answers -1. */
int vl_entry_say (struct vl_guest *guest, const struct vl_entry *entry,
                  const struct vl_plugin *plugin, enum vl_err err, const char *code,
                  const char *hint, const char *fmt, ...) VL_PRINTF (7, 8);
/* Refuses ENTRY, which the conf of PLUGIN claims, whose code is not there to answer for it;
 * with ERR where that is because it was refused. */
int vl_entry_unavailable (struct vl_guest *guest, const struct vl_entry *entry,
                          const struct vl_plugin *plugin, enum vl_err err);
/* Says in one advice which properties of the image nobody answers for. */
void vl_keys_advise (struct vl_guest *guest);
/* devices.c: types what the request says of each device. */
void vl_devices_parse (struct vl_guest *guest);
/* Why PROP, a row with `of`, has its value for DEVICE; NULL: as the guest has it. */
const char *vl_device_cause (const struct vl_guest *guest, const struct vl_guest_prop *prop,
                             const char *device);
/* What PROP, a row with `of`, has of DEVICE's own, apart from the guest's; or NULL. */
const struct vl_value *vl_device_value (const struct vl_guest *guest,
                                        const struct vl_guest_prop *prop, const char *device);
/* A loaded guest's PROP is VALUE for DEVICE (borrowed), with REASON. */
void vl_devices_put (struct vl_guest *guest, const struct vl_guest_prop *prop, const char *device,
                     const struct vl_value *value, const char *reason);
/* Defines PREFIXhas, PREFIXbool, PREFIXint and PREFIXstr with PARAMETERS, of the value
 * that FOUND answers, NULL where it is unset. */
#define VL_READERS(prefix, parameters, found)                                                      \
  int prefix##has parameters                                                                       \
  {                                                                                                \
    return (found) != NULL;                                                                        \
  }                                                                                                \
  int prefix##bool parameters                                                                      \
  {                                                                                                \
    const struct vl_value *value = (found);                                                        \
                                                                                                   \
    return value && value->number != 0;                                                            \
  }                                                                                                \
  int64_t prefix##int parameters                                                                   \
  {                                                                                                \
    const struct vl_value *value = (found);                                                        \
                                                                                                   \
    return value ? value->number : 0;                                                              \
  }                                                                                                \
  const char *prefix##str parameters                                                               \
  {                                                                                                \
    const struct vl_value *value = (found);                                                        \
                                                                                                   \
    return value ? value->text : NULL;                                                             \
  }

/* reads.c: the feature that is running, NULL: the core or a driver, who may read all. */
const struct vl_plugin *vl_guest_reader (const struct vl_call *call);
/* The number of property NAME as the running code may read it, VL_NO_PROP
 * after a PluginFault or where there is none; its owner is resolved. */
size_t vl_guest_locate (struct vl_call *call, const char *name);
/* resolve.c: the running plugin's own PROP, which it may set now; NULL after a
 * PluginFault. */
struct vl_guest_prop *vl_guest_own (struct vl_call *call, const char *prop);
/* Makes VALUE of TEXT, NULL for unset, by the type of PROP.  0, or -1 after a
 * finding. */
int vl_guest_take (struct vl_call *call, const struct vl_guest_prop *prop, const char *text,
                   struct vl_value *value);
/* traits.c: 1 where ENTRY is one of the core's open keys, after a finding if it
 * is wrong; else 0. */
int vl_open_key (struct vl_guest *guest, const struct vl_entry *entry);
void vl_traits_sort (struct vl_guest *guest);
/* core.c: sets the core's own properties. */
void vl_core_set (struct vl_guest *guest);
/* Are the core's own settings possible with the plugins that are loaded?  0; -1 after a
 * finding. */
int vl_core_ready (struct vl_call *call, struct vl_registry *registry,
                   const struct vl_config *config);

/* resolve.c */
/* Makes *VALUE of TEXT, which stands for all items of an indexed row, by the type of
 * ROW.  0, or -1 with *WRONG. */
int vl_row_take (struct vl_arena *arena, const struct vl_prop *row, const char *text,
                 struct vl_value *value, const char **wrong);
/* Makes sure that property NUMBER has its value; WHO asks is the number of a plugin, the
 * registry's n: the core.  0, or -1 where it failed. */
int vl_guest_settle_other (struct vl_guest *guest, size_t number, size_t who);
static inline int
vl_guest_settle (struct vl_guest *guest, size_t number, size_t who)
{
  const struct vl_guest_prop *prop = &guest->props[number];

  /* With its own a feature may do what it likes. */
  return prop->plugin && prop->owner == who ? 0 : vl_guest_settle_other (guest, number, who);
}
/* The same for the list of all DISKS, 0: NICs, that READER asks for, NULL: the core. */
int vl_guest_settle_list (struct vl_guest *guest, int disks, const struct vl_plugin *reader);
/* The number of PLUGIN in the registry; its n for NULL and for drivers. */
static inline size_t
vl_guest_number (const struct vl_guest *guest, const struct vl_plugin *plugin)
{
  const struct vl_registry *registry = guest->registry;

  /* A guest that was not made by vl_guest_new has no properties and no readers. */
  return guest->work && plugin && plugin->kind != VL_KIND_DRIVER && plugin->number < registry->n
                 && registry->plugins[plugin->number] == plugin
             ? plugin->number
             : registry->n;
}

/* idle.c */
/* Tells of what the request asks that changes nothing beside the rest of it. */
void vl_guest_tell_idle (struct vl_guest *guest);

/* cause.c */
/* "key=value, layer[, file:line]". */
const char *vl_raw_origin (struct vl_arena *arena, const struct vl_raw *raw, enum vl_layer layer);
const char *vl_entry_origin (struct vl_arena *arena, const struct vl_entry *entry);
/* keys.c: is ENTRY a value of a secret row? */
int vl_entry_is_secret (const struct vl_guest *guest, const struct vl_entry *entry);
const char *vl_layer_name (enum vl_layer layer);

#endif
