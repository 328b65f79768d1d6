/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Writing the document: making elements, setting attributes and text.  Each
 * call only notes who wants what; judge.c decides when the phase ends. */

#include <config.h>

#include "domain/node.h"

#include "lib/text.h"

#include <limits.h>

/* ---- handles ---- */

/* Swallows what is written to it; the same one for every document. */
static struct vl_node dead;

struct vl_node *
vl_node_of (struct vl_call *call, struct vl_element *element, const char *why)
{
  struct vl_node *node;

  if (element == NULL)
    return &dead;
  node = vl_arena_alloc (element->doc->arena, sizeof *node);
  node->call = call;
  node->element = element;
  node->why = why;
  return node;
}

void
vl_node_describe (struct vl_node *node, const char *device)
{
  if (node->element)
    node->element->device = device;
}

struct vl_node *
vl_because (struct vl_node *node, const char *why)
{
  return node->element ? vl_node_of (node->call, node->element,
                                     vl_arena_strdup (node->element->doc->arena, why))
                       : node;
}

/* ---- elements by parent, shape and key ---- */

static uint32_t
hash_of (const struct vl_element *parent, const struct vl_shape *shape, const struct vl_pair *keys,
         size_t n)
{
  uint32_t hash = VL_HASH_START ^ parent->seq ^ (uint32_t)((uintptr_t)shape >> 4);

  for (size_t i = 0; i < n; i++)
    hash = vl_hash (hash, keys[i].value, strlen (keys[i].value) + 1);
  return hash;
}

int
vl_element_has_keys (const struct vl_element *element, const struct vl_pair *keys, size_t n)
{
  for (size_t i = 0; i < n && element->n_keys == n; i++)
    if (! VL_STREQ (element->keys[i].name, keys[i].name)
        || ! VL_STREQ (element->keys[i].value, keys[i].value))
      return 0;
  return element->n_keys == n;
}

static struct vl_element *
find_child (const struct vl_element *parent, const struct vl_shape *shape,
            const struct vl_pair *keys, size_t n)
{
  uint32_t hash = hash_of (parent, shape, keys, n);
  struct vl_element *e = parent->doc->buckets[hash % VL_DOC_BUCKETS];

  while (e
         && (e->hash != hash || e->parent != parent || e->shape != shape || e->gone
             || ! vl_element_has_keys (e, keys, n)))
    e = e->chain;
  return e;
}

struct vl_element *
vl_element_new (struct vl_doc *doc, struct vl_element *parent, struct vl_shape *shape,
                enum vl_element_kind kind, const struct vl_pair *keys, size_t n_keys)
{
  struct vl_element *element = vl_arena_alloc (doc->arena, sizeof *element);

  element->doc = doc;
  element->parent = parent;
  element->shape = shape;
  element->kind = kind;
  element->adjusted = doc->adjusting;
  element->seq = ++doc->seq;
  element->depth = parent ? parent->depth + 1 : 1;
  if (n_keys) {
    struct vl_pair *copy = vl_arena_alloc (doc->arena, n_keys * sizeof *copy);

    for (size_t i = 0; i < n_keys; i++)
      copy[i] = (struct vl_pair) { vl_arena_strdup (doc->arena, keys[i].name),
                                   vl_arena_strdup (doc->arena, keys[i].value) };
    element->keys = copy;
    element->n_keys = n_keys;
  }
  if (parent == NULL)
    return element;
  *(parent->last ? &parent->last->next : &parent->first) = element;
  parent->last = element;
  parent->unsorted = 1;
  if (kind != VL_ELEMENT_LISTED) {
    struct vl_element **bucket;

    element->hash = hash_of (parent, shape, keys, n_keys);
    bucket = &doc->buckets[element->hash % VL_DOC_BUCKETS];
    element->chain = *bucket;
    *bucket = element;
  }
  return element;
}

struct vl_doc *
vl_doc_new (struct vl_call *call)
{
  struct vl_doc *doc = VL_NEW (struct vl_doc);

  doc->call = call;
  doc->arena = call->arena;
  doc->shape.name = "domain";
  doc->root = vl_element_new (doc, NULL, &doc->shape, VL_ELEMENT_SINGLE, NULL, 0);
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

int
vl_doc_fault (struct vl_call *call, const char *path, const char *why, const char *hint,
              const char *fmt, ...)
{
  struct vl_owner owner = { .plugin = call->plugin, .why = why };
  struct vl_report report = {
    .severity = VL_SEV_ERROR,
    .err = VL_ERR_FAILED,
    .code = "PluginFault",
    .property = vl_owner_property (call->guest, &owner),
    .path = path,
    .hint = hint,
  };
  va_list args;

  va_start (args, fmt);
  vl_vreport (call, &report, fmt, args);
  va_end (args);
  return -1;
}

struct vl_doc *
vl_doc_writable (struct vl_call *call, const char *verb)
{
  struct vl_doc *doc = call->build ? call->build->doc : NULL;
  int ours = call->plugin == NULL && call->phase == VL_PHASE_BEGIN;

  if (doc && ! doc->sealed
      && (ours || call->phase == VL_PHASE_CONTRIBUTE || call->phase == VL_PHASE_ADJUST))
    return doc;
  vl_doc_fault (call, NULL, NULL, NULL,
                "%s is called in phase '%s'; the document is written in contribute and adjust",
                verb, vl_phase_name (call->phase));
  return NULL;
}

int
vl_doc_outside (struct vl_call *call, const struct vl_shape *shape, const char *attr,
                const char *why)
{
  const char *path = vl_shape_path (call->arena, shape);

  if (attr)
    path = vl_arena_printf (call->arena, "%s/@%s", path, attr);
  return vl_doc_fault (
      call, path, why,
      vl_printf (call, "list '%s' (or an element above it) in the feature's `writes`",
                 path + sizeof "/domain/" - 1),
      "'%s' writes '%s', which is not in its writes table", call->plugin->name, path);
}

/* ---- shapes and elements ---- */

int
vl_name_is_good (const char *name, size_t length)
{
  enum { INNER = 1, FIRST = 2 };
  static const char places[UCHAR_MAX + 1] = {
    ['-'] = INNER,         ['.'] = INNER,         [':'] = INNER, ['0' ... '9'] = INNER,
    ['A' ... 'Z'] = FIRST, ['a' ... 'z'] = FIRST, ['_'] = FIRST,
  };

  if (length == 0 || length > 64 || places[(unsigned char)*name] != FIRST)
    return 0;
  while (length > 0 && places[(unsigned char)name[length - 1]])
    length--;
  return length == 0;
}

static struct vl_shape *
find_shape (const struct vl_shape *shape, const char *name, size_t length)
{
  struct vl_shape *child = shape->first;

  while (
      child
      && (*child->name != *name || strncmp (child->name, name, length) != 0 || child->name[length]))
    child = child->next;
  return child;
}

static struct vl_shape *
add_shape (struct vl_doc *doc, struct vl_shape *shape, const char *name, size_t length)
{
  struct vl_shape *child = vl_arena_alloc (doc->arena, sizeof *child);

  child->name = vl_arena_strndup (doc->arena, name, length);
  child->parent = shape;
  child->next = shape->first;
  shape->first = child;
  vl_shape_rank (child);
  return child;
}

struct vl_shape *
vl_shape_child (struct vl_doc *doc, struct vl_shape *shape, const char *name, size_t length)
{
  struct vl_shape *child = find_shape (shape, name, length);

  return child ? child : add_shape (doc, shape, name, length);
}

/* Someone goes through ELEMENT without a right to it of their own. */
static void
pass_through (struct vl_element *element, const struct vl_plugin *plugin, const char *why)
{
  if (! element->passed) {
    element->passed = 1;
    element->through.plugin = plugin;
    element->through.why = why;
  } else if (element->through.plugin != plugin) {
    element->shared = 1;
  }
}

/* What a call wants made. */
struct making {
  struct vl_call *call;
  const char *verb, *why;
  enum vl_element_kind kind;
  unsigned weak;
  struct vl_pair *keys; /* sorted by name; room for VL_MAX_KEYS */
  size_t n_keys;
};

/* The first by name of those who use a path as this kind is kept: that is
 * enough for a message, and does not depend on who came first. */
static void
use_as (const struct making *m, struct vl_shape *shape, enum vl_element_kind kind)
{
  const struct vl_plugin *plugin = m->call->plugin;
  struct vl_owner *user = &shape->users[kind];

  if (shape->kinds & 1u << kind)
    if (user->plugin == plugin || user->plugin == NULL
        || (plugin && strcmp (user->plugin->name, plugin->name) < 0))
      return;
  shape->kinds |= 1u << kind;
  user->plugin = plugin;
  user->why = m->why;
}

/* Walks to the element that holds the last name of PATH, making parents on the
 * way; *LAST is the shape of that name in it.  NULL after a finding. */
static struct vl_element *
walk (const struct making *m, struct vl_element *element, const char *path, struct vl_shape **last)
{
  const char *whole = path;

  for (;;) {
    size_t length = (size_t)(strchrnul (path, '/') - path);
    struct vl_shape *shape = find_shape (element->shape, path, length);
    struct vl_element *child;

    if ((shape == NULL && ! vl_name_is_good (path, length)) || element->depth >= VL_DOC_MAX_DEPTH) {
      vl_doc_fault (m->call, NULL, m->why, NULL,
                    "%s: '%s' is not a path of element names, divided by '/'", m->verb, whole);
      return NULL;
    }
    if (shape == NULL)
      shape = add_shape (element->doc, element->shape, path, length);
    if (path[length] == '\0') {
      *last = shape;
      return element;
    }
    if (vl_shape_right (shape, m->call->plugin) == VL_RIGHT_NONE) {
      vl_doc_outside (m->call, shape, NULL, m->why);
      return NULL;
    }
    child = find_child (element, shape, NULL, 0);
    if (child == NULL)
      child = vl_element_new (element->doc, element, shape, VL_ELEMENT_SINGLE, NULL, 0);
    use_as (m, shape, VL_ELEMENT_SINGLE);
    pass_through (child, m->call->plugin, m->why);
    element = child;
    path += length + 1;
  }
}

static struct vl_element *
make_below (const struct making *m, struct vl_element *element, const char *path)
{
  struct vl_doc *doc = element->doc;
  struct vl_element *made = NULL;
  struct vl_shape *shape;
  enum vl_right right;

  element = walk (m, element, path, &shape);
  if (element == NULL)
    return NULL;
  right = vl_shape_right (shape, m->call->plugin);
  if (right == VL_RIGHT_NONE || (right == VL_RIGHT_THROUGH && m->kind != VL_ELEMENT_SINGLE)) {
    vl_doc_outside (m->call, shape, NULL, m->why);
    return NULL;
  }
  use_as (m, shape, m->kind);
  if (m->kind != VL_ELEMENT_LISTED)
    made = find_child (element, shape, m->keys, m->n_keys);
  if (made == NULL)
    made = vl_element_new (doc, element, shape, m->kind, m->keys, m->n_keys);
  if (right == VL_RIGHT_THROUGH)
    pass_through (made, m->call->plugin, m->why);
  else
    vl_owner_add (doc->arena, &made->owners, m->call->plugin, m->why, m->weak);
  return made;
}

/* Makes what M says at PATH below PARENT, NULL: below the domain. */
static struct vl_node *
make (struct making *m, const struct vl_node *parent, const char *path)
{
  struct vl_doc *doc;
  struct vl_element *made;

  if (parent && parent->element == NULL)
    return &dead;
  doc = vl_doc_writable (m->call, m->verb);
  if (doc == NULL)
    return &dead;
  if (path == NULL) {
    vl_doc_fault (m->call, NULL, m->why, NULL, "%s is called without a path", m->verb);
    return &dead;
  }
  if (parent == NULL)
    m->why = vl_arena_strdup (doc->arena, m->why);
  made = make_below (m, parent ? parent->element : doc->root, path);
  for (size_t i = 0; made && i < m->n_keys; i++)
    if (vl_element_wish (m->call, made, m->keys[i].name, m->keys[i].value, 0, m->why) < 0)
      made = NULL;
  return vl_node_of (m->call, made, m->why);
}

struct vl_node *
vl_domain (struct vl_call *c)
{
  struct vl_doc *doc = c->build ? c->build->doc : NULL;

  if (doc == NULL)
    vl_doc_fault (c, NULL, NULL, NULL,
                  "vl_domain is called in phase '%s'; there is no document yet",
                  vl_phase_name (c->phase));
  return vl_node_of (c, doc ? doc->root : NULL, NULL);
}

struct vl_node *
vl_ensure (struct vl_call *c, const char *path, const char *why)
{
  struct making m = { .call = c, .verb = "vl_ensure", .why = why };

  return make (&m, NULL, path);
}

struct vl_node *
vl_ensure_weak (struct vl_call *c, const char *path, const char *why)
{
  struct making m = { .call = c, .verb = "vl_ensure_weak", .why = why, .weak = 1 };

  return make (&m, NULL, path);
}

struct vl_node *
vl_ensure_in (struct vl_node *node, const char *path)
{
  struct making m = { .call = node->call, .verb = "vl_ensure_in", .why = node->why };

  return make (&m, node, path);
}

/* ---- lists ---- */

static struct vl_node *
append (struct making *m, const struct vl_node *parent, const char *path)
{
  if (m->call && m->call->phase == VL_PHASE_ADJUST && path) {
    vl_doc_fault (m->call, NULL, m->why, "append it in contribute",
                  "%s of '%s' in adjust, which appends to no list", m->verb, path);
    return &dead;
  }
  return make (m, parent, path);
}

struct vl_node *
vl_append (struct vl_call *c, const char *path, const char *why)
{
  struct making m = { .call = c, .verb = "vl_append", .why = why, .kind = VL_ELEMENT_LISTED };

  return append (&m, NULL, path);
}

struct vl_node *
vl_append_in (struct vl_node *node, const char *path)
{
  struct making m = {
    .call = node->call, .verb = "vl_append_in", .why = node->why, .kind = VL_ELEMENT_LISTED
  };

  return append (&m, node, path);
}

/* ---- elements with a key ---- */

/* Reads the pairs of a call into M, sorted by name.  0, or -1 after a finding. */
static int
read_pairs (struct making *m, const char *path, const char *attr, const char *value, va_list args)
{
  for (; attr; attr = va_arg (args, const char *)) {
    size_t place = m->n_keys;

    if (m->n_keys > 0)
      value = va_arg (args, const char *);
    while (place > 0 && strcmp (m->keys[place - 1].name, attr) >= 0)
      place--;
    if (value == NULL || m->n_keys == VL_MAX_KEYS || ! vl_name_is_good (attr, strlen (attr))
        || (place < m->n_keys && VL_STREQ (m->keys[place].name, attr)))
      return vl_doc_fault (
          m->call, NULL, m->why, NULL,
          "%s of '%s': '%s' = '%s' is no part of a key; accepted: up to %d pairs of the "
          "name of an attribute and its value",
          m->verb, path ? path : "", attr, value ? value : "NULL", VL_MAX_KEYS);
    memmove (&m->keys[place + 1], &m->keys[place], (m->n_keys - place) * sizeof m->keys[0]);
    m->keys[place] = (struct vl_pair) { attr, value };
    m->n_keys++;
  }
  if (m->n_keys == 0)
    return vl_doc_fault (m->call, NULL, m->why, NULL, "%s of '%s' is called without a key", m->verb,
                         path ? path : "");
  return 0;
}

static struct vl_node *
keyed (struct making *m, const struct vl_node *parent, const char *path, const char *attr,
       const char *value, va_list args)
{
  m->kind = VL_ELEMENT_KEYED;
  if (parent && parent->element == NULL)
    return &dead;
  return path && read_pairs (m, path, attr, value, args) < 0 ? &dead : make (m, parent, path);
}

struct vl_node *
vl_keyed (struct vl_call *c, const char *path, const char *why, const char *attr, const char *value,
          ...)
{
  struct vl_pair keys[VL_MAX_KEYS];
  struct making m = { .call = c, .verb = "vl_keyed", .why = why, .keys = keys };
  struct vl_node *node;
  va_list args;

  va_start (args, value);
  node = keyed (&m, NULL, path, attr, value, args);
  va_end (args);
  return node;
}

struct vl_node *
vl_keyed_weak (struct vl_call *c, const char *path, const char *why, const char *attr,
               const char *value, ...)
{
  struct vl_pair keys[VL_MAX_KEYS];
  struct making m = { .call = c, .verb = "vl_keyed_weak", .why = why, .weak = 1, .keys = keys };
  struct vl_node *node;
  va_list args;

  va_start (args, value);
  node = keyed (&m, NULL, path, attr, value, args);
  va_end (args);
  return node;
}

struct vl_node *
vl_keyed_in (struct vl_node *node, const char *path, const char *attr, const char *value, ...)
{
  struct vl_pair keys[VL_MAX_KEYS];
  struct making m = { .call = node->call, .verb = "vl_keyed_in", .why = node->why, .keys = keys };
  struct vl_node *made;
  va_list args;

  va_start (args, value);
  made = keyed (&m, node, path, attr, value, args);
  va_end (args);
  return made;
}
