/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Provenance: one row per element and attribute of a sealed document, in its
 * order, with the owners, the cause and the chain of reasons below it. */

#include <config.h>

#include "domain/node.h"

struct rows {
  struct vl_arena *arena;
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
add_row (struct rows *rows, const char *path, const char *value, const struct vl_owner *owners)
{
  VL_AUTOSTR struct vl_str cause = { 0 };
  VL_AUTOSTR struct vl_str chain = { 0 };
  struct vl_provenance *row;

  for (const struct vl_owner *o = owners; o; o = o->next) {
    const char *below = NULL;

    add_once (&cause, vl_owner_cause (rows->guest, o, &below), "; ");
    add_once (&chain, below, "\n");
  }
  VL_GROW (rows->items, rows->n, rows->size);
  row = &rows->items[rows->n++];
  row->path = path;
  row->value = value;
  row->owners = owners ? vl_owners_names (rows->arena, owners) : "core";
  row->cause = owners ? vl_arena_strdup (rows->arena, cause.text) : "holds what is below it";
  row->chain = vl_arena_strdup (rows->arena, chain.text);
}

static void
add_node (struct rows *rows, const struct vl_node *node)
{
  const struct vl_owner *owners = vl_node_owners (node);

  if (node->parent == NULL) {
    static const struct vl_owner core = { .why = NULL };

    owners = &core;
  }
  if (node->text)
    add_row (rows, vl_node_path (rows->arena, node, NULL), node->text->value,
             vl_slot_owners (rows->arena, node->text));
  else
    add_row (rows, vl_node_path (rows->arena, node, NULL), NULL, owners);
  for (const struct vl_slot *slot = node->slots; slot; slot = slot->next)
    add_row (rows, vl_node_path (rows->arena, node, slot->name), slot->value,
             vl_slot_owners (rows->arena, slot));
  for (const struct vl_node *child = node->first; child; child = child->next)
    add_node (rows, child);
}

struct vl_provenance *
vl_doc_provenance (struct vl_call *call, const struct vl_doc *doc, const struct vl_guest *guest,
                   size_t *n)
{
  struct rows rows = { .arena = call->arena, .guest = guest };
  struct vl_provenance *copy;

  add_node (&rows, doc->root);
  copy = vl_arena_alloc (call->arena, rows.n * sizeof *copy);
  memcpy (copy, rows.items, rows.n * sizeof *copy);
  free (rows.items);
  *n = rows.n;
  return copy;
}
