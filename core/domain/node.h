/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the document is made of, for core/domain alone: shapes (what a path is),
 * elements, and for each attribute and text the wishes of all who wrote it.
 * Wishes are only judged when a phase ends, so no result depends on who wrote
 * first.  All of it lives in the arena of the build's context. */

#ifndef VL_CORE_NODE_H
#define VL_CORE_NODE_H

#include "domain/doc.h"

enum vl_node_kind {
  VL_NODE_SINGLE = 0, /* ensure: one per parent */
  VL_NODE_KEYED = 1,  /* ensure_keyed: one per key */
  VL_NODE_LISTED = 2, /* append: any number */
};
#define VL_N_NODE_KINDS 3

/* Someone behind an element or value, and the property that made them do it. */
struct vl_owner {
  const struct vl_plugin *plugin; /* NULL: the core */
  const char *why;                /* as given, or NULL */
  unsigned weak;
  struct vl_owner *next;
};

/* "devices/disk/driver", whatever the keys on the way. */
struct vl_shape {
  const char *name;
  struct vl_shape *parent, *first, *next;
  struct vl_owner users[VL_N_NODE_KINDS]; /* one who uses it as this, the first by name */
  unsigned kinds;                         /* bits: as what it is used */
  const struct vl_plugin *asked;          /* whose right is kept here */
  int right;
};

/* A value that someone wants. */
struct vl_wish {
  const char *value;
  int weak;
  struct vl_owner *owners;
  struct vl_wish *next;
};

/* An attribute, or (name NULL) the text of an element. */
struct vl_slot {
  const char *name;
  const char *value; /* as judged; NULL: not yet */
  struct vl_wish *wishes;
  struct vl_slot *next;
};

struct vl_node {
  struct vl_doc *doc;
  struct vl_shape *shape;
  struct vl_node *parent, *first, *last, *next;
  const char *key; /* keyed: "index=0,type=usb", sorted by attribute */
  struct vl_slot *slots;
  struct vl_slot *text;
  struct vl_owner *owners; /* who asked for the element itself */
  struct vl_owner through; /* the first who only went through it */
  enum vl_node_kind kind;
  uint32_t seq;       /* listed: order of the appends */
  int passed, shared; /* gone through by one, by several plugins */
  int adjusted;       /* made in adjust */
  int dead;           /* swallows what is written */
};

struct vl_forbid_record {
  const char *path;
  struct vl_owner owner;
  struct vl_forbid_record *next;
};

struct vl_doc {
  struct vl_arena *arena;
  struct vl_call *call;
  struct vl_node *root;
  struct vl_shape shape; /* of the domain */
  struct vl_forbid_record *forbids;
  uint32_t seq;
  int adjusting; /* elements made from now on are not seen yet */
  int sealed;
  struct vl_str xml;
};

#define VL_DOC_MAX_DEPTH 32

/* Swallows what is written to it; the same one for every document. */
struct vl_node *vl_dead_node (void);

/* ---- rights.c ---- */
enum vl_right { VL_RIGHT_NONE = 0, VL_RIGHT_THROUGH = 1, VL_RIGHT_ALL = 2 };
enum vl_right vl_shape_right (struct vl_shape *shape, const struct vl_plugin *plugin);
/* May PLUGIN write attribute NAME of an element that it does not cover? */
int vl_shape_attr_right (const struct vl_shape *shape, const struct vl_plugin *plugin,
                         const char *name);
/* The `writes` row of PLUGIN with a `since` that covers SHAPE, or NULL. */
const struct vl_write *vl_shape_since (const struct vl_shape *shape,
                                       const struct vl_plugin *plugin);
/* Does SHAPE lie at or below PATTERN? */
int vl_shape_matches (const struct vl_shape *shape, const char *pattern);
/* "/domain/devices/disk", without keys. */
const char *vl_shape_path (struct vl_arena *arena, const struct vl_shape *shape);

/* ---- path.c ---- */
/* "/domain/devices/disk[1]"; ATTR (or NULL) adds "/@attr".  Needs sorted children. */
const char *vl_node_path (struct vl_arena *arena, const struct vl_node *node, const char *attr);
struct vl_slot *vl_node_slot (const struct vl_node *node, const char *name);
/* The judged value of attribute NAME (NULL: the text), or NULL. */
const char *vl_node_value (const struct vl_node *node, const char *name);
int vl_node_visible (const struct vl_node *node);
/* Calls FN for each visible element that PATH ("a/b[x=y]", '*' any) matches below
 * NODE; stops at the first answer that is not 0. */
typedef int (*vl_match_fn) (struct vl_node *node, void *opaque);
int vl_node_match (struct vl_node *node, const char *path, vl_match_fn fn, void *opaque);

/* ---- order.c ---- */
void vl_node_sort (struct vl_node *node);

/* ---- render.c ---- */
void vl_doc_render (const struct vl_doc *doc, struct vl_str *out);
/* Why XML cannot carry TEXT ("holds the control character 0x01"), or NULL. */
const char *vl_xml_text_problem (struct vl_arena *arena, const char *text);

/* ---- owner.c ---- */
const char *vl_owner_name (const struct vl_owner *owner);
/* The property behind OWNER by its full name, or NULL. */
const char *vl_owner_property (const struct vl_guest *guest, const struct vl_owner *owner);
/* "hw:pmu=false (flavor)"; *CHAIN (may be NULL) as vl_guest_cause. */
const char *vl_owner_cause (const struct vl_guest *guest, const struct vl_owner *owner,
                            const char **chain);
/* What made feature I of the registry active. */
const char *vl_active_why (const struct vl_guest *guest, size_t i);
void vl_owner_add (struct vl_arena *arena, struct vl_owner **list, const struct vl_plugin *plugin,
                   const char *why, unsigned weak);
/* "a (cause) and b (cause)", in byte order of the names. */
const char *vl_owners_text (const struct vl_guest *guest, const struct vl_owner *owners);
/* "a, b"; all of those whose value stands where SLOT is given. */
const char *vl_owners_names (struct vl_arena *arena, const struct vl_owner *owners);
/* The owners of the value that SLOT has: a new list in ARENA. */
struct vl_owner *vl_slot_owners (struct vl_arena *arena, const struct vl_slot *slot);
/* Those who asked for NODE, else who went through it; NULL where it is shared. */
struct vl_owner *vl_node_owners (const struct vl_node *node);

#endif
