/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Finding elements by path, and saying where one is. */

#include <config.h>

#include "domain/node.h"

struct vl_slot *
vl_node_slot (const struct vl_node *node, const char *name)
{
  struct vl_slot *slot = node->slots;

  if (name == NULL)
    return node->text;
  while (slot && ! VL_STREQ (slot->name, name))
    slot = slot->next;
  return slot;
}

const char *
vl_node_value (const struct vl_node *node, const char *name)
{
  const struct vl_slot *slot = vl_node_slot (node, name);

  return slot ? slot->value : NULL;
}

int
vl_node_visible (const struct vl_node *node)
{
  return ! (node->adjusted && node->doc->adjusting);
}

static void
add_step (struct vl_str *path, const struct vl_node *node)
{
  size_t index = 1;

  if (node->parent == NULL) {
    vl_str_add (path, "/domain");
    return;
  }
  add_step (path, node->parent);
  vl_str_printf (path, "/%s", node->shape->name);
  if (node->kind == VL_NODE_KEYED) {
    vl_str_printf (path, "[%s]", node->key);
  } else if (node->kind == VL_NODE_LISTED) {
    for (const struct vl_node *n = node->parent->first; n && n != node; n = n->next)
      index += n->shape == node->shape && n->kind == VL_NODE_LISTED;
    vl_str_printf (path, "[%zu]", index);
  }
}

const char *
vl_node_path (struct vl_arena *arena, const struct vl_node *node, const char *attr)
{
  VL_AUTOSTR struct vl_str path = { 0 };

  add_step (&path, node);
  if (attr)
    vl_str_printf (&path, "/@%s", attr);
  return vl_arena_strdup (arena, path.text);
}

/* Does NODE have every "attr=value" of SELECTOR ("a=b,c=d]...")? */
static int
selected (const struct vl_node *node, const char *selector)
{
  while (*selector && *selector != ']') {
    size_t name = strcspn (selector, "=]"), value;
    const struct vl_slot *slot = node->slots;
    const char *text;

    if (selector[name] != '=')
      return 0;
    value = strcspn (selector + name + 1, ",]");
    while (slot && (strncmp (slot->name, selector, name) != 0 || slot->name[name] != '\0'))
      slot = slot->next;
    text = slot == NULL ? NULL : slot->value ? slot->value : slot->wishes->value;
    if (text == NULL || strncmp (text, selector + name + 1, value) != 0 || text[value] != '\0')
      return 0;
    selector += name + 1 + value;
    selector += *selector == ',';
  }
  return 1;
}

int
vl_node_match (struct vl_node *node, const char *path, vl_match_fn fn, void *opaque)
{
  size_t name = strcspn (path, "/["), end = name;
  int any = (name == 1 && path[0] == '*') || (name == 0 && strncmp (path, "[*]", 3) == 0);
  const char *selector = "";
  struct vl_node *next;
  int answer = 0;

  if (any && name == 0) {
    end = 3;
  } else if (path[end] == '[') {
    selector = path + end + 1;
    end += strcspn (path + end, "]");
    end += path[end] == ']';
  }
  for (struct vl_node *child = node->first; child && answer == 0; child = next) {
    next = child->next;
    if (! vl_node_visible (child) || ! selected (child, selector))
      continue;
    if (! any
        && (strncmp (child->shape->name, path, name) != 0 || child->shape->name[name] != '\0'))
      continue;
    if (path[end] == '\0')
      answer = fn (child, opaque);
    else
      answer = vl_node_match (child, path + end + 1, fn, opaque);
  }
  return answer;
}
