/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the document is made of, for core/domain alone: shapes (what a path is),
 * elements, and for each attribute and text the wishes of all who wrote it.
 * Wishes are only judged when a phase ends, so no result depends on who wrote
 * first.  All of it lives in the arena of the build's context. */

#ifndef VL_CORE_NODE_H
#define VL_CORE_NODE_H

#include "domain/doc.h"

#define VL_MAX_KEYS 8
#define VL_DOC_BUCKETS 128

enum vl_element_kind {
  VL_ELEMENT_SINGLE = 0, /* ensure: one per parent */
  VL_ELEMENT_KEYED = 1,  /* keyed: one per key */
  VL_ELEMENT_LISTED = 2, /* append: any number */
};
#define VL_N_ELEMENT_KINDS 3

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
  struct vl_owner users[VL_N_ELEMENT_KINDS]; /* one who uses it as this, the first by name */
  unsigned kinds;                            /* bits: as what it is used */
  const struct vl_plugin *asked;             /* whose right is kept here */
  int right;
  int rank; /* where it stands among its siblings: by this, then by this name, then by its own */
  const char *sort_name;
};

/* A value that someone wants. */
struct vl_wish {
  const char *value;
  size_t plain; /* its length, where it is written as it stands; else 0 */
  int weak;
  struct vl_owner *owners;
  struct vl_wish *next;
  struct vl_owner first; /* room for one of OWNERS: hardly a wish has more */
};

/* An attribute, or (name NULL) the text of an element. */
struct vl_slot {
  const char *name;
  const char *value; /* as judged; NULL: not yet */
  size_t plain;      /* as of a wish */
  struct vl_wish *wishes;
  struct vl_slot *next;
  struct vl_wish first; /* room for one of WISHES */
};

struct vl_element {
  struct vl_doc *doc;
  struct vl_shape *shape;
  struct vl_element *parent, *first, *last, *next;
  struct vl_element *chain;   /* of the same bucket */
  const struct vl_pair *keys; /* keyed: what it is found by, sorted by attribute */
  size_t n_keys;
  const char *device; /* the id of the disk or NIC that it describes, or NULL */
  struct vl_slot *slots;
  struct vl_slot *text;
  struct vl_owner *owners; /* who asked for the element itself */
  struct vl_owner through; /* the first who only went through it */
  enum vl_element_kind kind;
  uint32_t hash;
  uint32_t seq;       /* listed: order of the appends */
  uint32_t place;     /* listed: its number among its like, from 1, once sorted */
  size_t row;         /* the number of its first row of provenance, once asked for */
  int depth;          /* of the domain: 1 */
  int passed, shared; /* gone through by one, by several plugins */
  int adjusted;       /* made in adjust */
  int gone;           /* forbidden */
  int unsorted;       /* got an attribute or lost or got a child since it was sorted */
};

/* An element as one plugin sees it. */
struct vl_node {
  struct vl_call *call;
  struct vl_element *element; /* NULL: what is written is dropped */
  const char *why;            /* the reason for what is written without one */
};

/* One step of a path as it is written: "disk", "*" or "[*]", which is any one
 * element, "controller[type=usb,model='a, b']". */
struct vl_step {
  const char *name;
  size_t length;
  struct vl_pair keys[VL_MAX_KEYS];
  size_t n_keys;
};
#define VL_DOC_MAX_DEPTH 32

struct vl_forbid_record {
  const char *path;
  const struct vl_step *steps;
  int n_steps;
  struct vl_owner owner;
  struct vl_forbid_record *next;
};

struct vl_doc {
  struct vl_arena *arena;
  struct vl_call *call;
  struct vl_element *root;
  struct vl_shape shape; /* of the domain */
  struct vl_forbid_record *forbids;
  struct vl_element *buckets[VL_DOC_BUCKETS]; /* all but listed elements, by hash */
  uint32_t seq;
  int adjusting; /* elements made from now on are not seen yet */
  int sealed;
  struct vl_str xml;
};

/* ---- doc.c ---- */
/* A handle of ELEMENT (NULL: one that drops what is written to it). */
struct vl_node *vl_node_of (struct vl_call *call, struct vl_element *element, const char *why);
/* One more child of PARENT (NULL: the domain itself), which KEYS (copied) tell from
 * others. */
struct vl_element *vl_element_new (struct vl_doc *doc, struct vl_element *parent,
                                   struct vl_shape *shape, enum vl_element_kind kind,
                                   const struct vl_pair *keys, size_t n_keys);
/* Are the N KEYS all that ELEMENT is found by? */
int vl_element_has_keys (const struct vl_element *element, const struct vl_pair *keys, size_t n);
/* NODE describes the disk or NIC whose id is DEVICE. */
void vl_node_describe (struct vl_node *node, const char *device);
/* Records a PluginFault; WHY and HINT may be NULL.  Answers -1. */
int vl_doc_fault (struct vl_call *call, const char *path, const char *why, const char *hint,
                  const char *fmt, ...) VL_PRINTF (5, 6);
/* The document that CALL may write to now, or NULL after a finding. */
struct vl_doc *vl_doc_writable (struct vl_call *call, const char *verb);
/* The plugin of CALL has no right to SHAPE; answers -1. */
int vl_doc_outside (struct vl_call *call, const struct vl_shape *shape, const char *attr,
                    const char *why);
/* Element and attribute names are the plugins' own text: letters, digits and
 * "_-.:" only, so that no path can smuggle markup. */
int vl_name_is_good (const char *name, size_t length);
struct vl_shape *vl_shape_child (struct vl_doc *doc, struct vl_shape *shape, const char *name,
                                 size_t length);

/* ---- set.c ---- */
/* CALL wants attribute ATTR (NULL: the text) of ELEMENT to be VALUE.  WHY is
 * borrowed.  0, or -1 after refusing what XML cannot carry. */
int vl_element_wish (struct vl_call *call, struct vl_element *element, const char *attr,
                     const char *value, int weak, const char *why);

/* ---- address.c ---- */
/* The address that the hypervisor gave device ID, which is NODE, goes in again if its
 * guest is the same machine and the device is on BUS (or is that model) still. */
void vl_address_write (struct vl_call *call, struct vl_node *node, const char *id, const char *bus);
/* Notes the address that XML, a hypervisor's rendering of device ID, has. */
void vl_address_note (struct vl_call *call, const char *id, const struct vl_xml *xml);

/* Notes TEXT of device ID in place of what was noted of it. */
void vl_address_keep (struct vl_call *call, const char *id, const char *text);

/* ---- rights.c ---- */
enum vl_right { VL_RIGHT_NONE = 0, VL_RIGHT_THROUGH = 1, VL_RIGHT_ALL = 2 };
/* How far the N ROWS cover SHAPE or, with ATTR, that attribute of it: wholly, or
 * only something below it. */
enum vl_right vl_rows_right (const struct vl_write *rows, size_t n, const struct vl_shape *shape,
                             const char *attr);
/* What PLUGIN may do to SHAPE. */
enum vl_right vl_shape_right (struct vl_shape *shape, const struct vl_plugin *plugin);
/* The `writes` row of PLUGIN that covers ELEMENT (ATTR as above) and needs the newest
 * libvirt; NULL where none says that it needs one. */
const struct vl_write *vl_element_since (const struct vl_element *element, const char *attr,
                                         const struct vl_plugin *plugin);
/* Does a row of a loaded feature that covers ELEMENT (ATTR as above) say VL_GUARDED? */
int vl_element_guarded (const struct vl_element *element, const char *attr,
                        const struct vl_registry *registry);
/* Does SHAPE lie at or below PATTERN? */
int vl_shape_matches (const struct vl_shape *shape, const char *pattern);
/* "/domain/devices/disk", without keys. */
const char *vl_shape_path (struct vl_arena *arena, const struct vl_shape *shape);

/* ---- path.c ---- */
/* "/domain/devices/disk[1]"; ATTR (or NULL) adds "/@attr".  Needs sorted children. */
const char *vl_element_path (struct vl_arena *arena, const struct vl_element *element,
                             const char *attr);
struct vl_slot *vl_element_slot (const struct vl_element *element, const char *name);
/* The judged value of attribute NAME (NULL: the text), or NULL. */
const char *vl_element_value (const struct vl_element *element, const char *name);
/* The id of the disk or NIC that ELEMENT describes or is part of, or NULL. */
const char *vl_element_device (const struct vl_element *element);
int vl_element_visible (const struct vl_element *element);
/* Reads PATH into STEPS, of which there are VL_DOC_MAX_DEPTH; *ATTR is the name of
 * a last step "@name", else NULL.  The number of steps, or -1: PATH is no path. */
int vl_path_read (struct vl_arena *arena, const char *path, struct vl_step *steps,
                  const char **attr);
/* Is ELEMENT what STEP says?  Values that are not judged yet count as first written. */
int vl_element_is (const struct vl_element *element, const struct vl_step *step);
/* Calls FN for each visible element that the N STEPS match below ELEMENT; stops at
 * the first answer that is not 0. */
typedef int (*vl_match_fn) (struct vl_element *element, void *opaque);
int vl_element_match (struct vl_element *element, const struct vl_step *steps, int n,
                      vl_match_fn fn, void *opaque);

/* ---- order.c ---- */
void vl_element_sort (struct vl_element *element);
/* Notes in SHAPE, which is new, where its elements stand. */
void vl_shape_rank (struct vl_shape *shape);

/* ---- render.c ---- */
void vl_doc_render (const struct vl_doc *doc, struct vl_str *out);
/* The length of TEXT where it is written as it stands; 0 where some of it has to be replaced,
 * or may be nothing that XML can carry. */
size_t vl_xml_plain (const char *text);
/* Adds N bytes of TEXT to OUT as the text of an element, or (ATTRIBUTE) the value of an attribute in
 * quotes of either kind. */
void vl_xml_add_escaped (struct vl_str *out, const char *text, size_t n, int attribute);
/* Why XML cannot carry TEXT ("holds the control character 0x01"), or NULL. */
const char *vl_xml_text_problem (struct vl_arena *arena, const char *text);

/* ---- owner.c ---- */
/* By byte order of the names, the core (NULL) first. */
int vl_plugin_compare (const struct vl_plugin *a, const struct vl_plugin *b);
const char *vl_owner_name (const struct vl_owner *owner);
/* The property behind OWNER by its full name, or NULL. */
const char *vl_owner_property (const struct vl_guest *guest, const struct vl_owner *owner);
/* "hw:pmu=false (flavor)"; *CHAIN (may be NULL) as vl_guest_cause. */
const char *vl_owner_cause (const struct vl_guest *guest, const struct vl_owner *owner,
                            const char **chain);
/* What made feature I of the registry active. */
const char *vl_active_why (const struct vl_guest *guest, size_t i);
/* WHY, which lives as long as ARENA, is borrowed. */
void vl_owner_add (struct vl_arena *arena, struct vl_owner **list, const struct vl_plugin *plugin,
                   const char *why, unsigned weak);
/* "a (cause) and b (cause)", in byte order of the names. */
const char *vl_owners_text (const struct vl_guest *guest, const struct vl_owner *owners);
/* "a, b"; all of those whose value stands where SLOT is given. */
const char *vl_owners_names (struct vl_arena *arena, const struct vl_owner *owners);
/* The owners of the value that SLOT has: a new list in ARENA. */
struct vl_owner *vl_slot_owners (struct vl_arena *arena, const struct vl_slot *slot);
/* Those who asked for ELEMENT, else who went through it; NULL where it is shared. */
struct vl_owner *vl_element_owners (const struct vl_element *element);

#endif
