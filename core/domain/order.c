/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The one order of a document: uuid, name, genid first and together (the
 * schema's nested interleave needs it), then by element name (limits of disks by
 * what they limit, for the same reason); keyed elements by key, appended ones the
 * core's first, then by feature, then as appended. */

#include <config.h>

#include "domain/node.h"

static int
head_rank (const struct vl_node *node)
{
  static const char *const head[] = { "uuid", "name", "genid" };

  if (node->parent->parent)
    return 3;
  for (int i = 0; i < 3; i++)
    if (VL_STREQ (node->shape->name, head[i]))
      return i;
  return 3;
}

/* In <iotune> "read_bytes_sec" and "write_bytes_sec" stand together. */
static const char *
sort_name (const struct vl_node *node)
{
  const char *name = node->shape->name;

  if (! VL_STREQ (node->parent->shape->name, "iotune"))
    return name;
  return VL_STARTS (name, "read_") || VL_STARTS (name, "write_") ? strchr (name, '_') : name;
}

static int
compare_listed (const struct vl_node *a, const struct vl_node *b)
{
  const struct vl_plugin *pa = a->owners->plugin, *pb = b->owners->plugin;

  if (pa != pb)
    return pa == NULL ? -1 : pb == NULL ? 1 : strcmp (pa->name, pb->name);
  return a->seq < b->seq ? -1 : 1;
}

static int
compare_nodes (const struct vl_node *a, const struct vl_node *b)
{
  int order;

  if (a->shape != b->shape) {
    order = head_rank (a) - head_rank (b);
    if (order == 0)
      order = strcmp (sort_name (a), sort_name (b));
    return order ? order : strcmp (a->shape->name, b->shape->name);
  }
  if (a->kind != b->kind)
    return (int)a->kind - (int)b->kind;
  if (a->kind == VL_NODE_KEYED)
    return strverscmp (a->key, b->key);
  return a->kind == VL_NODE_LISTED ? compare_listed (a, b) : 0;
}

static struct vl_node *
merge (struct vl_node *a, struct vl_node *b)
{
  struct vl_node *first = NULL, **end = &first;

  while (a && b) {
    struct vl_node **taken = compare_nodes (a, b) <= 0 ? &a : &b;

    *end = *taken;
    *taken = (*taken)->next;
    end = &(*end)->next;
  }
  *end = a ? a : b;
  return first;
}

static struct vl_node *
sort_list (struct vl_node *list)
{
  struct vl_node *slow = list, *fast, *half;

  if (list == NULL || list->next == NULL)
    return list;
  for (fast = list->next; fast && fast->next; fast = fast->next->next)
    slow = slow->next;
  half = slow->next;
  slow->next = NULL;
  return merge (sort_list (list), sort_list (half));
}

static int
is_sorted (const struct vl_node *list)
{
  for (; list && list->next; list = list->next)
    if (compare_nodes (list, list->next) > 0)
      return 0;
  return 1;
}

static void
sort_slots (struct vl_node *node)
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

void
vl_node_sort (struct vl_node *node)
{
  sort_slots (node);
  if (! is_sorted (node->first)) {
    node->first = sort_list (node->first);
    for (node->last = node->first; node->last->next; node->last = node->last->next)
      ;
  }
  for (struct vl_node *child = node->first; child; child = child->next)
    vl_node_sort (child);
}
