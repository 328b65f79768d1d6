/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The one order of a document: uuid, name, genid first and together (the
 * schema's nested interleave needs it), then by element name (limits of disks by
 * what they limit, for the same reason); keyed elements by key, appended ones the
 * core's first, then by feature, then as appended. */

#include <config.h>

#include "domain/node.h"

static int
head_rank (const struct vl_shape *shape)
{
  static const char *const head[] = { "uuid", "name", "genid" };

  if (shape->parent->parent)
    return 3;
  for (int i = 0; i < 3; i++)
    if (VL_STREQ (shape->name, head[i]))
      return i;
  return 3;
}

/* In <iotune> "read_bytes_sec" and "write_bytes_sec" stand together. */
static const char *
sort_name (const struct vl_shape *shape)
{
  const char *name = shape->name;

  if (! VL_STREQ (shape->parent->name, "iotune"))
    return name;
  return VL_STARTS (name, "read_") || VL_STARTS (name, "write_") ? strchr (name, '_') : name;
}

void
vl_shape_rank (struct vl_shape *shape)
{
  shape->rank = head_rank (shape);
  shape->sort_name = sort_name (shape);
}

static int
compare_listed (const struct vl_element *a, const struct vl_element *b)
{
  int order = vl_plugin_compare (a->owners->plugin, b->owners->plugin);

  return order ? order : a->seq < b->seq ? -1 : 1;
}

static int
compare_keys (const struct vl_element *a, const struct vl_element *b)
{
  int order = 0;

  for (size_t i = 0; order == 0 && i < a->n_keys && i < b->n_keys; i++) {
    order = strcmp (a->keys[i].name, b->keys[i].name);
    if (order == 0)
      order = strverscmp (a->keys[i].value, b->keys[i].value);
  }
  return order ? order : (int)a->n_keys - (int)b->n_keys;
}

static int
compare_nodes (const struct vl_element *a, const struct vl_element *b)
{
  int order;

  if (a->shape != b->shape) {
    order = a->shape->rank - b->shape->rank;
    if (order == 0)
      order = strcmp (a->shape->sort_name, b->shape->sort_name);
    return order ? order : strcmp (a->shape->name, b->shape->name);
  }
  if (a->kind != b->kind)
    return (int)a->kind - (int)b->kind;
  if (a->kind == VL_ELEMENT_KEYED)
    return compare_keys (a, b);
  return a->kind == VL_ELEMENT_LISTED ? compare_listed (a, b) : 0;
}

static struct vl_element *
merge (struct vl_element *a, struct vl_element *b)
{
  struct vl_element *first = NULL, **end = &first;

  while (a && b) {
    struct vl_element **taken = compare_nodes (a, b) <= 0 ? &a : &b;

    *end = *taken;
    *taken = (*taken)->next;
    end = &(*end)->next;
  }
  *end = a ? a : b;
  return first;
}

static struct vl_element *
sort_list (struct vl_element *list)
{
  struct vl_element *slow = list, *fast, *half;

  if (list == NULL || list->next == NULL)
    return list;
  for (fast = list->next; fast && fast->next; fast = fast->next->next)
    slow = slow->next;
  half = slow->next;
  slow->next = NULL;
  return merge (sort_list (list), sort_list (half));
}

static void
sort_slots (struct vl_element *node)
{
  struct vl_slot *sorted = NULL;

  while (node->slots) {
    struct vl_slot *slot = node->slots, **place = &sorted;

    node->slots = slot->next;
    while (*place && strcmp ((*place)->name, slot->name) < 0)
      place = &(*place)->next;
    slot->next = *place;
    *place = slot;
  }
  node->slots = sorted;
}

static void
sort_children (struct vl_element *node)
{
  node->last = NULL;
  node->first = sort_list (node->first);
  for (struct vl_element *child = node->first; child; child = child->next) {
    const struct vl_element *before = node->last;

    child->place = before && before->shape == child->shape && before->kind == child->kind
                       ? before->place + 1
                       : 1;
    node->last = child;
  }
}

void
vl_element_sort (struct vl_element *node)
{
  if (node->unsorted) {
    sort_slots (node);
    sort_children (node);
    node->unsorted = 0;
  }
  for (struct vl_element *child = node->first; child; child = child->next)
    vl_element_sort (child);
}
