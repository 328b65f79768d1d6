/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Writing the document: making elements, setting attributes and text.  Each
 * call only notes who wants what; judge.c decides when the phase ends. */

#include <config.h>

#include "domain/node.h"

struct vl_node *
vl_dead_node (void)
{
  /* Never written: every call tests `dead` first. */
  static struct vl_node dead = { .dead = 1 };

  return &dead;
}

static struct vl_node *
new_node (struct vl_doc *doc, struct vl_node *parent, struct vl_shape *shape,
          enum vl_node_kind kind)
{
  struct vl_node *node = vl_arena_alloc (doc->arena, sizeof *node);

  node->doc = doc;
  node->parent = parent;
  node->shape = shape;
  node->kind = kind;
  node->adjusted = doc->adjusting;
  node->seq = ++doc->seq;
  if (parent == NULL)
    return node;
  if (parent->last)
    parent->last->next = node;
  else
    parent->first = node;
  parent->last = node;
  return node;
}

struct vl_doc *
vl_doc_new (struct vl_call *call)
{
  struct vl_doc *doc = VL_NEW (struct vl_doc);

  doc->call = call;
  doc->arena = call->arena;
  doc->shape.name = "domain";
  doc->root = new_node (doc, NULL, &doc->shape, VL_NODE_SINGLE);
  return doc;
}

void
vl_doc_free (struct vl_doc *doc)
{
  if (doc == NULL)
    return;
  vl_str_free (&doc->xml);
  free (doc);
}

const char *
vl_doc_xml (const struct vl_doc *doc)
{
  return doc && doc->sealed ? doc->xml.text : NULL;
}

/* ---- who may, and when ---- */

static int
fault (struct vl_call *call, const char *path, const char *why, const char *fmt, const char *a,
       const char *b)
{
  struct vl_report report = {
    .severity = VL_SEV_ERROR,
    .err = VL_ERR_FAILED,
    .code = "PluginFault",
    .property = why && call->guest && call->plugin && strchr (why, '.') == NULL ? why : NULL,
    .path = path,
  };

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
  return vl_report (call, &report, fmt, a, b);
#pragma GCC diagnostic pop
}

/* The document that CALL may write to now, or NULL after a finding. */
static struct vl_doc *
writable (struct vl_call *call, const char *verb)
{
  struct vl_doc *doc = call->build ? call->build->doc : NULL;
  int ours = call->plugin == NULL && call->phase == VL_PHASE_BEGIN;

  if (doc && ! doc->sealed
      && (ours || call->phase == VL_PHASE_CONTRIBUTE || call->phase == VL_PHASE_ADJUST))
    return doc;
  fault (call, NULL, NULL,
         "%s is called in phase '%s'; the document is written in contribute and adjust", verb,
         vl_phase_name (call->phase));
  return NULL;
}

static struct vl_node *
outside (struct vl_call *call, const struct vl_shape *shape, const char *attr, const char *why)
{
  const char *path = vl_shape_path (call->arena, shape);

  if (attr)
    path = vl_arena_printf (call->arena, "%s/@%s", path, attr);
  fault (call, path, why, "'%s' writes '%s', which is not in its writes table", call->plugin->name,
         path);
  vl_hint (call, "list '%s' (or an element above it) in the feature's `writes`",
           path + sizeof "/domain/" - 1);
  return vl_dead_node ();
}

/* ---- shapes and elements ---- */

/* Element and attribute names are the plugins' own text: letters, digits and
 * "_-.:" only, so that no path can smuggle markup. */
static int
good_name (const char *name, size_t length)
{
  static const char more[] = "_-.:";

  if (length == 0 || length > 64)
    return 0;
  for (size_t i = 0; i < length; i++) {
    int letter = (name[i] | 0x20) >= 'a' && (name[i] | 0x20) <= 'z';
    int other = (name[i] >= '0' && name[i] <= '9') || memchr (more, name[i], sizeof more - 1);

    if (! letter && ! (other && (i > 0 || name[i] == '_')))
      return 0;
  }
  return 1;
}

static struct vl_shape *
shape_child (struct vl_doc *doc, struct vl_shape *shape, const char *name, size_t length)
{
  struct vl_shape *child;

  for (child = shape->first; child; child = child->next)
    if (strncmp (child->name, name, length) == 0 && child->name[length] == '\0')
      return child;
  child = vl_arena_alloc (doc->arena, sizeof *child);
  child->name = vl_arena_strndup (doc->arena, name, length);
  child->parent = shape;
  child->next = shape->first;
  shape->first = child;
  return child;
}

static void
pass_through (struct vl_node *node, const struct vl_plugin *plugin, const char *why)
{
  if (! node->passed) {
    node->passed = 1;
    node->through.plugin = plugin;
    node->through.why = vl_arena_strdup (node->doc->arena, why);
  } else if (node->through.plugin != plugin) {
    node->shared = 1;
  }
}

static struct vl_node *
find_child (struct vl_node *parent, const struct vl_shape *shape, enum vl_node_kind kind,
            const char *key)
{
  for (struct vl_node *child = parent->first; child; child = child->next)
    if (child->shape == shape && child->kind == kind && (key == NULL || VL_STREQ (child->key, key)))
      return child;
  return NULL;
}

/* What a call wants made. */
struct making {
  struct vl_call *call;
  struct vl_doc *doc;
  const char *verb, *why;
  enum vl_node_kind kind;
  unsigned flags;
  const char *key; /* sorted */
};

/* The first by name of those who use a path as this kind is kept: that is
 * enough for a message, and does not depend on who came first. */
static void
use_as (const struct making *m, struct vl_shape *shape, enum vl_node_kind kind)
{
  const struct vl_plugin *plugin = m->call->plugin;
  struct vl_owner *user = &shape->users[kind];

  if (shape->kinds & 1u << kind)
    if (user->plugin == plugin || user->plugin == NULL
        || (plugin && strcmp (user->plugin->name, plugin->name) < 0))
      return;
  shape->kinds |= 1u << kind;
  user->plugin = plugin;
  user->why = vl_arena_strdup (m->doc->arena, m->why);
}

/* Walks to the element that holds the last name of PATH, making parents on the
 * way; *NAME is that last name.  NULL after a finding. */
static struct vl_node *
walk (const struct making *m, struct vl_node *node, const char *path, const char **name)
{
  const char *whole = path;
  int depth = 2;

  if (node == NULL)
    node = m->doc->root;
  for (struct vl_node *n = node; n->parent; n = n->parent)
    depth++;
  for (;; depth++) {
    size_t length = strcspn (path, "/");
    struct vl_shape *shape;
    struct vl_node *child;

    if (! good_name (path, length) || depth > VL_DOC_MAX_DEPTH) {
      fault (m->call, NULL, m->why, "%s: '%s' is not a path of element names, divided by '/'",
             m->verb, whole);
      return NULL;
    }
    *name = path;
    if (path[length] == '\0')
      return node;
    shape = shape_child (m->doc, node->shape, path, length);
    if (vl_shape_right (shape, m->call->plugin) == VL_RIGHT_NONE) {
      outside (m->call, shape, NULL, m->why);
      return NULL;
    }
    child = find_child (node, shape, VL_NODE_SINGLE, NULL);
    if (child == NULL)
      child = new_node (m->doc, node, shape, VL_NODE_SINGLE);
    use_as (m, shape, VL_NODE_SINGLE);
    pass_through (child, m->call->plugin, m->why);
    node = child;
    path += length + 1;
  }
}

static struct vl_node *
make (const struct making *m, struct vl_node *node, const char *path)
{
  const char *name;
  struct vl_shape *shape;
  struct vl_node *made;
  enum vl_right right;

  if (node && node->dead)
    return node;
  node = walk (m, node, path, &name);
  if (node == NULL)
    return vl_dead_node ();
  shape = shape_child (m->doc, node->shape, name, strlen (name));
  right = vl_shape_right (shape, m->call->plugin);
  if (right == VL_RIGHT_NONE || (right == VL_RIGHT_THROUGH && m->kind != VL_NODE_SINGLE))
    return outside (m->call, shape, NULL, m->why);
  use_as (m, shape, m->kind);
  made = m->kind == VL_NODE_LISTED ? NULL : find_child (node, shape, m->kind, m->key);
  node = made ? made : new_node (m->doc, node, shape, m->kind);
  node->key = m->key;
  if (right == VL_RIGHT_THROUGH)
    pass_through (node, m->call->plugin, m->why);
  else
    vl_owner_add (m->doc->arena, &node->owners, m->call->plugin, m->why, m->flags & VL_WEAK);
  return node;
}

struct vl_node *
vl_ensure (struct vl_call *call, struct vl_node *node, const char *path, unsigned flags,
           const char *why)
{
  struct making m = { call, writable (call, "vl_ensure"), "vl_ensure", why, VL_NODE_SINGLE, flags,
                      NULL };

  return m.doc ? make (&m, node, path) : vl_dead_node ();
}

struct vl_node *
vl_append (struct vl_call *call, struct vl_node *node, const char *path, const char *why)
{
  struct making m = {
    call, writable (call, "vl_append"), "vl_append", why, VL_NODE_LISTED, 0, NULL
  };

  if (m.doc == NULL)
    return vl_dead_node ();
  if (call->phase == VL_PHASE_ADJUST) {
    fault (call, NULL, why, "vl_append of '%s' in adjust, which appends to no list%s", path, "");
    vl_hint (call, "append it in contribute");
    return vl_dead_node ();
  }
  return make (&m, node, path);
}

/* ---- values ---- */

static int
wish (struct vl_call *call, struct vl_node *node, struct vl_slot *slot, const char *value, int weak,
      const char *why)
{
  struct vl_arena *arena = node->doc->arena;
  struct vl_wish **place = &slot->wishes;

  while (*place && ((*place)->weak != weak || ! VL_STREQ ((*place)->value, value)))
    place = &(*place)->next;
  if (*place == NULL) {
    const char *problem = vl_xml_text_problem (arena, value);

    if (problem) {
      struct vl_owner owner = { .plugin = call->plugin, .why = why };
      struct vl_report report = {
        .severity = VL_SEV_ERROR,
        .err = VL_ERR_REQUEST,
        .property = vl_owner_property (call->guest, &owner),
        .path = vl_shape_path (arena, node->shape),
      };

      vl_report (call, &report, "the text for '%s%s%s' %s", report.path, slot->name ? "/@" : "",
                 slot->name ? slot->name : "", problem);
      vl_hint (call, "write it without that character");
      return -1;
    }
    *place = vl_arena_alloc (arena, sizeof **place);
    (*place)->value = vl_arena_strdup (arena, value);
    (*place)->weak = weak;
  }
  vl_owner_add (arena, &(*place)->owners, call->plugin, why, 0);
  return 0;
}

static struct vl_slot *
add_slot (struct vl_node *node, const char *attr)
{
  struct vl_slot *slot = vl_node_slot (node, attr);

  if (slot)
    return slot;
  slot = vl_arena_alloc (node->doc->arena, sizeof *slot);
  slot->name = vl_arena_strdup (node->doc->arena, attr);
  slot->next = attr ? node->slots : NULL;
  *(attr ? &node->slots : &node->text) = slot;
  return slot;
}

static int
set (struct vl_call *call, const char *verb, struct vl_node *node, const char *attr,
     const char *value, int weak, const char *why)
{
  struct vl_doc *doc = writable (call, verb);

  if (doc == NULL || (node && node->dead))
    return -1;
  if (node == NULL)
    node = doc->root;
  if (value == NULL || (attr && ! good_name (attr, strlen (attr))))
    return fault (call, vl_shape_path (call->arena, node->shape), why, "%s is called with %s", verb,
                  value ? "a name that no attribute can have" : "no value");
  if (vl_shape_right (node->shape, call->plugin) != VL_RIGHT_ALL
      && (attr == NULL || ! vl_shape_attr_right (node->shape, call->plugin, attr))) {
    outside (call, node->shape, attr, why);
    return -1;
  }
  return wish (call, node, add_slot (node, attr), value, weak, why);
}

int
vl_set (struct vl_call *call, struct vl_node *node, const char *attr, const char *value,
        const char *why)
{
  return set (call, "vl_set", node, attr ? attr : "", value, 0, why);
}

int
vl_set_default (struct vl_call *call, struct vl_node *node, const char *attr, const char *value,
                const char *why)
{
  return set (call, "vl_set_default", node, attr ? attr : "", value, 1, why);
}

int
vl_text (struct vl_call *call, struct vl_node *node, const char *value, const char *why)
{
  return set (call, "vl_text", node, NULL, value, 0, why);
}

/* ---- elements with a key ---- */

#define MAX_KEYS 8

struct pair {
  const char *name, *value;
};

/* Splits KEY into at most MAX_KEYS pairs, sorted by name; 0 where it is not
 * "attr=value[,attr=value]". */
static size_t
split_key (struct vl_arena *arena, const char *key, struct pair *pairs)
{
  char *copy = vl_arena_strdup (arena, key), *save = NULL;
  size_t n = 0;

  for (char *item = strtok_r (copy, ",", &save); item; item = strtok_r (NULL, ",", &save)) {
    char *value = strchr (item, '=');
    size_t place = n;

    if (value == NULL || n == MAX_KEYS || ! good_name (item, (size_t)(value - item)))
      return 0;
    *value++ = '\0';
    for (; place > 0 && strcmp (pairs[place - 1].name, item) > 0; place--)
      pairs[place] = pairs[place - 1];
    pairs[place] = (struct pair) { item, value };
    n++;
  }
  return n;
}

struct vl_node *
vl_ensure_keyed (struct vl_call *call, struct vl_node *node, const char *path, const char *key,
                 unsigned flags, const char *why)
{
  struct making m = {
    call, writable (call, "vl_ensure_keyed"), "vl_ensure_keyed", why, VL_NODE_KEYED, flags, NULL
  };
  VL_AUTOSTR struct vl_str sorted = { 0 };
  struct pair pairs[MAX_KEYS];
  size_t n;

  if (m.doc == NULL)
    return vl_dead_node ();
  n = split_key (m.doc->arena, key, pairs);
  if (n == 0) {
    fault (call, NULL, why,
           "vl_ensure_keyed of '%s': '%s' is not a key; accepted: attr=value[,attr=value]", path,
           key);
    return vl_dead_node ();
  }
  for (size_t i = 0; i < n; i++)
    vl_str_printf (&sorted, "%s%s=%s", i ? "," : "", pairs[i].name, pairs[i].value);
  m.key = vl_arena_strdup (m.doc->arena, sorted.text);
  node = make (&m, node, path);
  for (size_t i = 0; i < n && ! node->dead; i++)
    if (wish (call, node, add_slot (node, pairs[i].name), pairs[i].value, 0, why) < 0)
      return vl_dead_node ();
  return node;
}

int
vl_forbid (struct vl_call *call, const char *path, const char *why)
{
  struct vl_doc *doc = writable (call, "vl_forbid");
  struct vl_forbid_record *record;
  struct vl_shape *shape;

  if (doc == NULL)
    return -1;
  if (call->phase == VL_PHASE_ADJUST)
    return fault (call, NULL, why,
                  "vl_forbid of '%s' in adjust; it is judged when contribute ends%s", path, "");
  shape = &doc->shape;
  for (const char *part = path; *part;) {
    size_t name = strcspn (part, "/[");

    shape = shape_child (doc, shape, part, name);
    part += name;
    part += *part == '[' ? strcspn (part, "]") + (strchr (part, ']') != NULL) : 0;
    part += *part == '/';
  }
  if (vl_shape_right (shape, call->plugin) != VL_RIGHT_ALL) {
    outside (call, shape, NULL, why);
    return -1;
  }
  record = vl_arena_alloc (doc->arena, sizeof *record);
  record->path = vl_arena_strdup (doc->arena, path);
  record->owner.plugin = call->plugin;
  record->owner.why = vl_arena_strdup (doc->arena, why);
  record->next = doc->forbids;
  doc->forbids = record;
  return 0;
}
