/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the files of core/request share about one guest. */

#ifndef VL_CORE_WORK_H
#define VL_CORE_WORK_H

#include "request/guest.h"
#include "request/index.h"

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
  /* readers + owner * words: which plugins read a property of OWNER. */
  uint64_t *readers;
  size_t words;
  size_t last; /* the plugin that read last */
  /* By plugin; number n is the core: the first finding after it read a failed
   * property, 0: it did not. */
  size_t *tainted;
};

/* parse.c: lays the request over the template; findings for what is wrong. */
void vl_guest_parse (struct vl_guest *guest);
/* keys.c: who answers for ENTRY: its slot, *NUMBER and, through *KEY, the name it
 * goes by today.  NULL where nobody does, after a finding if that is wrong. */
const struct vl_key_slot *vl_key_find (struct vl_guest *guest, const struct vl_entry *entry,
                                       long *number);
/* traits.c: 1 where ENTRY is one of the core's open keys, after a finding if it
 * is wrong; else 0. */
int vl_open_key (struct vl_guest *guest, const struct vl_entry *entry);
void vl_traits_sort (struct vl_guest *guest);
/* rules.c: combines the layers of PROP into its value. */
void vl_rule_apply (struct vl_guest *guest, struct vl_guest_prop *prop);
/* core.c: sets the core's own properties. */
void vl_core_set (struct vl_guest *guest);
/* checks.c: image against flavor. */
void vl_request_check (struct vl_guest *guest);

/* resolve.c */
/* Makes sure that property NUMBER has its value; READER is who asks, NULL: the
 * core.  0, or -1 where it failed. */
int vl_guest_settle (struct vl_guest *guest, size_t number, const struct vl_plugin *reader);
int vl_guest_settle_disks (struct vl_guest *guest, const struct vl_plugin *reader);
int vl_guest_settle_nics (struct vl_guest *guest, const struct vl_plugin *reader);
/* The number of PLUGIN in the registry; its n for NULL and for drivers. */
size_t vl_guest_number (struct vl_guest *guest, const struct vl_plugin *plugin);

/* cause.c */
/* "key=value, layer[, file:line]". */
const char *vl_raw_origin (struct vl_arena *arena, const struct vl_raw *raw, enum vl_layer layer);
const char *vl_entry_origin (struct vl_arena *arena, const struct vl_entry *entry);
const char *vl_layer_name (enum vl_layer layer);

#endif
