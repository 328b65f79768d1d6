/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Reading the document, in adjust (as contribute left it) and check. */

#include <config.h>

#include "domain/node.h"

static struct vl_doc *
readable (struct vl_call *call, const char *verb)
{
  struct vl_report report = { .severity = VL_SEV_ERROR,
                              .err = VL_ERR_FAILED,
                              .code = "PluginFault" };

  if (call->build && call->build->doc
      && (call->phase == VL_PHASE_ADJUST || call->phase >= VL_PHASE_CHECK))
    return call->build->doc;
  vl_report (call, &report, "%s is called in phase '%s'; the document is read in adjust and check",
             verb, vl_phase_name (call->phase));
  return NULL;
}

const char *
vl_node_name (const struct vl_node *node)
{
  return node == NULL || node->dead ? "domain" : node->shape->name;
}

static int
keep_node (struct vl_node *node, void *opaque)
{
  *(struct vl_node **)opaque = node;
  return 1;
}

const char *
vl_get (struct vl_call *call, const struct vl_node *node, const char *path)
{
  struct vl_doc *doc = readable (call, "vl_get");
  const char *attr = strrchr (path, '@');
  VL_AUTOFREE char *elements = NULL;
  struct vl_node *found = NULL;

  if (doc == NULL || (node && node->dead))
    return NULL;
  if (attr && strpbrk (attr, "/]"))
    attr = NULL;
  found = node ? (struct vl_node *)node : doc->root;
  if (attr == path)
    return vl_node_value (found, attr + 1);
  if (*path == '\0')
    return vl_node_value (found, NULL);
  elements = vl_xstrndup (path, attr ? (size_t)(attr - path) - 1 : strlen (path));
  if (! vl_node_match (found, elements, keep_node, &found))
    return NULL;
  return vl_node_value (found, attr ? attr + 1 : NULL);
}

struct each {
  struct vl_node **nodes;
  size_t n, size;
};

static int
collect_node (struct vl_node *node, void *opaque)
{
  struct each *each = opaque;

  VL_GROW (each->nodes, each->n, each->size);
  each->nodes[each->n++] = node;
  return 0;
}

int
vl_each (struct vl_call *call, const char *path, vl_each_fn fn, void *opaque)
{
  struct vl_doc *doc = readable (call, "vl_each");
  struct each each = { 0 };
  int answer = 0;

  if (doc == NULL)
    return -1;
  /* Collected first: FN may add elements while we walk. */
  vl_node_match (doc->root, path, collect_node, &each);
  for (size_t i = 0; i < each.n && answer == 0; i++)
    answer = fn (call, each.nodes[i], opaque);
  free (each.nodes);
  return answer;
}
