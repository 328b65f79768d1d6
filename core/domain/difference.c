/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What two documents differ in.  An element is the same one in both if its key or
 * its device says so; else lists are matched by what their elements hold, and what
 * then is left in the order in which it stands. */

#include <config.h>

#include "domain/node.h"

struct difference {
  const struct vl_provenance *a, *b;
  struct vl_change *items;
  size_t n, size;
};

static void
add_change (struct difference *d, const struct vl_provenance *was, const struct vl_provenance *is)
{
  VL_GROW (d->items, d->n, d->size);
  d->items[d->n++] = (struct vl_change) { was, is };
}

/* ---- who is who ---- */

static size_t
count_children (const struct vl_element *e)
{
  size_t n = 0;

  for (const struct vl_element *child = e->first; child; child = child->next)
    n++;
  return n;
}

static int
same_content (const struct vl_element *a, const struct vl_element *b)
{
  const struct vl_slot *x = a->slots, *y = b->slots;
  const struct vl_element *p = a->first, *q = b->first;
  const char *text = vl_element_value (a, NULL), *other = vl_element_value (b, NULL);

  if (a->shape->name != b->shape->name && ! VL_STREQ (a->shape->name, b->shape->name))
    return 0;
  if ((text == NULL) != (other == NULL) || (text && ! VL_STREQ (text, other)))
    return 0;
  for (; x && y && VL_STREQ (x->name, y->name) && VL_STREQ (x->value, y->value); y = y->next)
    x = x->next;
  if (x || y)
    return 0;
  for (; p && q && same_content (p, q); q = q->next)
    p = p->next;
  return p == NULL && q == NULL;
}

static int
same_identity (const struct vl_element *a, const struct vl_element *b)
{
  if (a->device || b->device)
    return a->device && b->device && VL_STREQ (a->device, b->device);
  return a->kind == b->kind && a->kind != VL_ELEMENT_LISTED
         && vl_element_has_keys (a, b->keys, b->n_keys);
}

/* In a document without rows on record every list is one of kind LISTED. */
static int
same_list (const struct vl_element *a, const struct vl_element *b)
{
  int told = (a->device && b->device) || (a->n_keys && b->n_keys);

  return ! told && (a->kind == VL_ELEMENT_LISTED || b->kind == VL_ELEMENT_LISTED);
}

/* For each of the N children of A its like of the M of B, in PARTNERS; those of B
 * that have one are NULL in OTHERS. */
static void
match (const struct vl_element *const *children, size_t n, const struct vl_element **others,
       size_t m, const struct vl_element **partners)
{
  static int (*const ways[]) (const struct vl_element *,
                              const struct vl_element *) = { same_identity, same_content,
                                                             same_list };

  for (size_t way = 0; way < sizeof ways / sizeof ways[0]; way++)
    for (size_t i = 0; i < n; i++)
      for (size_t k = 0; k < m && partners[i] == NULL; k++)
        if (others[k] && VL_STREQ (children[i]->shape->name, others[k]->shape->name)
            && ways[way](children[i], others[k])) {
          partners[i] = others[k];
          others[k] = NULL;
        }
}

/* ---- rows ---- */

/* The row of SLOT, which is number PLACE of the attributes of E or its text. */
static const struct vl_provenance *
row_of (const struct vl_provenance *rows, const struct vl_element *e, const struct vl_slot *slot,
        size_t place)
{
  return &rows[e->row + 1 + (slot->name ? (e->text != NULL) + place : 0)];
}

/* All of E, one change for each part; an element that has a text is one, its text. */
static void
add_whole (struct difference *d, const struct vl_element *e, int is_new)
{
  const struct vl_provenance *row = &(is_new ? d->b : d->a)[e->row];
  size_t n = 1 + (e->text != NULL);

  for (const struct vl_slot *slot = e->slots; slot; slot = slot->next)
    n++;
  for (size_t i = e->text != NULL; i < n; i++)
    add_change (d, is_new ? NULL : row + i, is_new ? row + i : NULL);
  for (const struct vl_element *child = e->first; child; child = child->next)
    add_whole (d, child, is_new);
}

static void
compare_slots (struct difference *d, const struct vl_element *a, const struct vl_element *b)
{
  size_t place = 0;

  if (a->text && b->text && ! VL_STREQ (a->text->value, b->text->value))
    add_change (d, row_of (d->a, a, a->text, 0), row_of (d->b, b, b->text, 0));
  else if ((a->text == NULL) != (b->text == NULL))
    add_change (d, a->text ? row_of (d->a, a, a->text, 0) : NULL,
                b->text ? row_of (d->b, b, b->text, 0) : NULL);
  for (const struct vl_slot *slot = a->slots; slot; slot = slot->next, place++) {
    const struct vl_slot *other = vl_element_slot (b, slot->name);
    size_t k = 0;

    for (const struct vl_slot *s = b->slots; s && s != other; s = s->next)
      k++;
    if (other == NULL || ! VL_STREQ (slot->value, other->value))
      add_change (d, row_of (d->a, a, slot, place), other ? row_of (d->b, b, other, k) : NULL);
  }
  place = 0;
  for (const struct vl_slot *slot = b->slots; slot; slot = slot->next, place++)
    if (vl_element_slot (a, slot->name) == NULL)
      add_change (d, NULL, row_of (d->b, b, slot, place));
}

static void
compare (struct difference *d, const struct vl_element *a, const struct vl_element *b)
{
  size_t n = count_children (a), m = count_children (b), i = 0;
  VL_AUTOFREE const struct vl_element **children = vl_xcalloc (n + 1, sizeof *children);
  VL_AUTOFREE const struct vl_element **partners = vl_xcalloc (n + 1, sizeof *partners);
  VL_AUTOFREE const struct vl_element **others = vl_xcalloc (m + 1, sizeof *others);

  compare_slots (d, a, b);
  for (const struct vl_element *child = a->first; child; child = child->next)
    children[i++] = child;
  i = 0;
  for (const struct vl_element *child = b->first; child; child = child->next)
    others[i++] = child;
  match (children, n, others, m, partners);
  for (i = 0; i < n; i++)
    if (partners[i])
      compare (d, children[i], partners[i]);
    else
      add_whole (d, children[i], 0);
  for (i = 0; i < m; i++)
    if (others[i])
      add_whole (d, others[i], 1);
}

void
vl_doc_difference (struct vl_call *call, const struct vl_doc *a, const struct vl_provenance *a_rows,
                   const struct vl_doc *b, const struct vl_provenance *b_rows,
                   struct vl_change **changes, size_t *n)
{
  struct difference d = { .a = a_rows, .b = b_rows };

  compare (&d, a->root, b->root);
  *n = d.n;
  *changes = vl_arena_alloc (call->arena, (d.n + 1) * sizeof **changes);
  if (d.n)
    memcpy (*changes, d.items, d.n * sizeof **changes);
  free (d.items);
}
