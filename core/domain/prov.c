/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Provenance: one row per element, attribute and text of a sealed document, in its
 * order, with the owners, the cause and the chain of reasons below it. */

#include <config.h>

#include "domain/node.h"

struct rows {
  struct vl_arena *arena;
  const struct vl_registry *registry;
  const struct vl_guest *guest;
  struct vl_provenance *items;
  size_t n, size;
};

static int
has_line (const char *text, const char *line, const char *between)
{
  size_t length = strlen (line);

  for (const char *at = strstr (text, line); at; at = strstr (at + 1, line)) {
    int starts = at == text || at[-1] == between[strlen (between) - 1];
    int ends = at[length] == '\0' || at[length] == between[0];

    if (starts && ends)
      return 1;
  }
  return 0;
}

static void
add_once (struct vl_str *text, const char *line, const char *between)
{
  if (line == NULL || *line == '\0' || (text->length && has_line (text->text, line, between)))
    return;
  if (text->length)
    vl_str_add (text, between);
  vl_str_add (text, line);
}

static void
add_row (struct rows *rows, const struct vl_element *node, enum vl_part part,
         const struct vl_slot *slot, const struct vl_owner *owners)
{
  VL_AUTOSTR struct vl_str cause = { 0 };
  VL_AUTOSTR struct vl_str chain = { 0 };
  const char *attr = slot ? slot->name : NULL;
  struct vl_provenance *row;

  for (const struct vl_owner *o = owners; o; o = o->next) {
    const char *below = NULL;

    add_once (&cause, vl_owner_cause (rows->guest, o, &below), "; ");
    add_once (&chain, below, "\n");
  }
  VL_GROW (rows->items, rows->n, rows->size);
  row = &rows->items[rows->n++];
  *row = (struct vl_provenance) {
    .path = vl_element_path (rows->arena, node, attr),
    .value = slot ? slot->value : NULL,
    .owners = owners ? vl_owners_names (rows->arena, owners) : "core",
    .cause = owners ? vl_arena_strdup (rows->arena, cause.text) : "holds what is below it",
    .chain = vl_arena_strdup (rows->arena, chain.text),
    .part = part,
    .keys = node->keys,
    .n_keys = node->n_keys,
    .device = vl_element_device (node),
    .guarded = vl_element_guarded (node, attr, rows->registry),
  };
}

static void
add_element (struct rows *rows, struct vl_element *node, int all)
{
  static const struct vl_owner core = { .why = NULL };

  node->row = rows->n;
  if (all || node->text == NULL)
    add_row (rows, node, VL_PART_ELEMENT, NULL, node->parent ? vl_element_owners (node) : &core);
  if (node->text)
    add_row (rows, node, VL_PART_TEXT, node->text, vl_slot_owners (rows->arena, node->text));
  for (const struct vl_slot *slot = node->slots; slot; slot = slot->next)
    add_row (rows, node, VL_PART_ATTRIBUTE, slot, vl_slot_owners (rows->arena, slot));
  for (struct vl_element *child = node->first; child; child = child->next)
    add_element (rows, child, all);
}

struct vl_provenance *
vl_doc_provenance (struct vl_call *call, const struct vl_doc *doc,
                   const struct vl_registry *registry, const struct vl_guest *guest, int all,
                   size_t *n)
{
  struct rows rows = { .arena = call->arena, .registry = registry, .guest = guest };
  struct vl_provenance *copy;

  add_element (&rows, doc->root, all);
  copy = vl_arena_copy (call->arena, rows.items, rows.n * sizeof *copy);
  free (rows.items);
  *n = rows.n;
  return copy;
}
