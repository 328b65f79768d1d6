/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Reading the document, in adjust (as contribute left it) and check. */

#include <config.h>

#include "domain/node.h"

/* Why the document cannot be read now is a finding; 0 then. */
static int
is_readable (struct vl_call *call, const char *verb)
{
  if (call->build && call->build->doc
      && (call->phase == VL_PHASE_ADJUST
          || (call->phase >= VL_PHASE_CHECK && call->phase <= VL_PHASE_SEALED)))
    return 1;
  vl_doc_fault (call, NULL, NULL, NULL,
                "%s is called in phase '%s'; the document is read in adjust and check", verb,
                vl_phase_name (call->phase));
  return 0;
}

/* Reads PATH for VERB; -1 after a finding. */
static int
read_path (struct vl_call *call, const char *verb, const char *path, struct vl_step *steps,
           const char **attr)
{
  int n = -1;

  if (! is_readable (call, verb))
    return -1;
  if (path)
    n = vl_path_read (call->arena, path, steps, attr);
  if (n < 0)
    vl_doc_fault (call, NULL, NULL, NULL, "%s: '%s' is not a path", verb, path ? path : "NULL");
  return n;
}

const char *
vl_node_name (const struct vl_node *node)
{
  return node->element ? node->element->shape->name : "";
}

const char *
vl_node_device (const struct vl_node *node)
{
  return node->element ? vl_element_device (node->element) : NULL;
}

const struct vl_disk *
vl_node_disk (const struct vl_node *node)
{
  const char *id = vl_node_device (node);

  for (size_t i = 0; id && i < vl_n_disks (node->call); i++)
    if (VL_STREQ (vl_disk (node->call, i)->id, id))
      return vl_disk (node->call, i);
  return NULL;
}

const struct vl_nic *
vl_node_nic (const struct vl_node *node)
{
  const char *id = vl_node_device (node);

  for (size_t i = 0; id && i < vl_n_nics (node->call); i++)
    if (VL_STREQ (vl_nic (node->call, i)->id, id))
      return vl_nic (node->call, i);
  return NULL;
}

static int
keep_element (struct vl_element *element, void *opaque)
{
  *(struct vl_element **)opaque = element;
  return 1;
}

const char *
vl_get (const struct vl_node *node, const char *path)
{
  struct vl_step steps[VL_DOC_MAX_DEPTH];
  struct vl_element *found = NULL;
  const char *attr = NULL;
  int n;

  if (node->element == NULL)
    return NULL;
  n = read_path (node->call, "vl_get", path, steps, &attr);
  if (n < 0 || ! vl_element_match (node->element, steps, n, keep_element, &found))
    return NULL;
  return vl_element_value (found, attr);
}

struct each {
  struct vl_element **elements;
  size_t n, size;
};

static int
collect (struct vl_element *element, void *opaque)
{
  struct each *each = opaque;

  VL_GROW (each->elements, each->n, each->size);
  each->elements[each->n++] = element;
  return 0;
}

int
vl_each (struct vl_call *c, const char *path, vl_each_fn fn, void *opaque)
{
  struct vl_step steps[VL_DOC_MAX_DEPTH];
  struct each each = { 0 };
  const char *attr = NULL;
  int answer = 0, n = read_path (c, "vl_each", path, steps, &attr);

  if (n < 0)
    return -1;
  if (attr)
    return vl_doc_fault (c, NULL, NULL, NULL, "vl_each: '%s' is the path of an attribute", path);
  /* Collected first: FN may add elements while we walk. */
  vl_element_match (c->build->doc->root, steps, n, collect, &each);
  for (size_t i = 0; i < each.n && answer == 0; i++)
    answer = fn (c, vl_node_of (c, each.elements[i], NULL), opaque);
  free (each.elements);
  return answer;
}
