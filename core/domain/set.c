/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Writing attributes and text of elements, and forbidding elements.  Each call
 * only notes who wants what; judge.c decides when the phase ends. */

#include <config.h>

#include "domain/node.h"

/* ---- wishes ---- */

static struct vl_slot *
add_slot (struct vl_element *element, const char *attr)
{
  struct vl_slot *slot = vl_element_slot (element, attr);

  if (slot)
    return slot;
  slot = vl_arena_alloc (element->doc->arena, sizeof *slot);
  slot->name = vl_arena_strdup (element->doc->arena, attr);
  slot->next = attr ? element->slots : NULL;
  element->unsorted = 1;
  *(attr ? &element->slots : &element->text) = slot;
  return slot;
}

/* Refuses text that XML cannot carry. */
static int
unfit (struct vl_call *call, const struct vl_element *element, const char *attr,
       const char *problem, const char *why)
{
  struct vl_owner owner = { .plugin = call->plugin, .why = why };
  struct vl_report report = {
    .severity = VL_SEV_ERROR,
    .err = VL_ERR_REQUEST,
    .property = vl_owner_property (call->guest, &owner),
    .path = vl_shape_path (call->arena, element->shape),
    .hint = "write it without that character",
  };

  return vl_report (call, &report, "the text for '%s%s%s' %s", report.path, attr ? "/@" : "",
                    attr ? attr : "", problem);
}

/* The device that row PROP of the running plugin is about for ELEMENT; NULL where the
 * row has one value for the guest. */
static const char *
device_of (struct vl_call *call, const struct vl_element *element, const char *prop)
{
  const char *device = prop && call->plugin && element ? vl_element_device (element) : NULL;
  const struct vl_prop *row = device ? vl_plugin_row (call->plugin, prop) : NULL;

  return row && row->of ? device : NULL;
}

int
vl_element_wish (struct vl_call *call, struct vl_element *element, const char *attr,
                 const char *value, int weak, const char *why)
{
  struct vl_arena *arena = element->doc->arena;
  struct vl_slot *slot = add_slot (element, attr);
  struct vl_wish **place = &slot->wishes, *wish;
  const char *device = device_of (call, element, why), *problem;
  size_t plain;

  if (device)
    why = vl_arena_printf (arena, "%s@%s", why, device);
  while (*place && ((*place)->weak != weak || ! VL_STREQ ((*place)->value, value)))
    place = &(*place)->next;
  if (*place) {
    vl_owner_add (arena, &(*place)->owners, call->plugin, why, 0);
    return 0;
  }
  plain = vl_xml_plain (value);
  problem = plain ? NULL : vl_xml_text_problem (arena, value);
  if (problem)
    return unfit (call, element, attr, problem, why);
  wish = slot->wishes ? vl_arena_alloc (arena, sizeof *wish) : &slot->first;
  wish->value = plain ? vl_arena_strndup (arena, value, plain) : vl_arena_strdup (arena, value);
  wish->plain = plain;
  wish->weak = weak;
  wish->first = (struct vl_owner) { .plugin = call->plugin, .why = why };
  wish->owners = &wish->first;
  *place = wish;
  return 0;
}

/* ---- values ---- */

/* An attribute, or where TEXT is 1 the text.  WHY is borrowed. */
static int
set (const char *verb, struct vl_node *node, int text, const char *attr, const char *value,
     int weak, const char *why)
{
  struct vl_element *element = node->element;
  struct vl_call *call = node->call;

  if (element == NULL || vl_doc_writable (call, verb) == NULL)
    return -1;
  if (value == NULL || (! text && (attr == NULL || ! vl_name_is_good (attr, strlen (attr)))))
    return vl_doc_fault (call, vl_shape_path (call->arena, element->shape), why, NULL,
                         "%s is called with %s", verb,
                         value ? "a name that no attribute can have" : "no value");
  if (vl_shape_right (element->shape, call->plugin) != VL_RIGHT_ALL
      && (text
          || vl_rows_right (call->plugin->writes, call->plugin->n_writes, element->shape, attr)
                 != VL_RIGHT_ALL))
    return vl_doc_outside (call, element->shape, attr, why);
  return vl_element_wish (call, element, attr, value, weak, why);
}

/* WHY in the memory of NODE's document. */
static const char *
kept (const struct vl_node *node, const char *why)
{
  return node->element ? vl_arena_strdup (node->element->doc->arena, why) : why;
}

/* The text of row PROP, for NODE; NULL for one that swallows, which has no call. */
static const char *
text_of (const struct vl_node *node, const char *prop)
{
  const char *device = node->element ? device_of (node->call, node->element, prop) : NULL;

  if (device)
    return vl_of_str (node->call, device, prop);
  return node->element ? vl_str (node->call, prop) : NULL;
}

int
vl_set (struct vl_node *node, const char *attr, const char *value)
{
  return set ("vl_set", node, 0, attr, value, 0, node->why);
}

int
vl_set_from (struct vl_node *node, const char *attr, const char *prop)
{
  return set ("vl_set_from", node, 0, attr, text_of (node, prop), 0, kept (node, prop));
}

int
vl_set_why (struct vl_node *node, const char *attr, const char *value, const char *why)
{
  return set ("vl_set_why", node, 0, attr, value, 0, kept (node, why));
}

int
vl_set_int (struct vl_node *node, const char *attr, int64_t value)
{
  char buffer[24];

  return set ("vl_set_int", node, 0, attr, vl_decimal (buffer, value), 0, node->why);
}

int
vl_set_default (struct vl_node *node, const char *attr, const char *value)
{
  return set ("vl_set_default", node, 0, attr, value, 1, node->why);
}

int
vl_text (struct vl_node *node, const char *value)
{
  return set ("vl_text", node, 1, NULL, value, 0, node->why);
}

int
vl_text_from (struct vl_node *node, const char *prop)
{
  return set ("vl_text_from", node, 1, NULL, text_of (node, prop), 0, kept (node, prop));
}

int
vl_text_why (struct vl_node *node, const char *value, const char *why)
{
  return set ("vl_text_why", node, 1, NULL, value, 0, kept (node, why));
}

int
vl_text_int (struct vl_node *node, int64_t value)
{
  char buffer[24];

  return set ("vl_text_int", node, 1, NULL, vl_decimal (buffer, value), 0, node->why);
}

/* ---- forbidding ---- */

int
vl_forbid (struct vl_call *c, const char *path, const char *why)
{
  struct vl_doc *doc = vl_doc_writable (c, "vl_forbid");
  struct vl_step steps[VL_DOC_MAX_DEPTH], *copy;
  struct vl_forbid_record *record;
  struct vl_shape *shape;
  const char *attr = NULL;
  int n = -1;

  if (doc == NULL)
    return -1;
  if (path && c->phase == VL_PHASE_ADJUST)
    return vl_doc_fault (c, NULL, why, NULL,
                         "vl_forbid of '%s' in adjust; it is judged when contribute ends", path);
  path = vl_arena_strdup (doc->arena, path);
  if (path)
    n = vl_path_read (doc->arena, path, steps, &attr);
  if (n < 1 || attr)
    return vl_doc_fault (c, NULL, why, NULL,
                         "vl_forbid: '%s' is not a path of element names, divided by '/', each "
                         "with or without [attribute=value,...]",
                         path ? path : "NULL");
  shape = &doc->shape;
  for (int i = 0; i < n; i++)
    shape = vl_shape_child (doc, shape, steps[i].name, steps[i].length);
  if (vl_shape_right (shape, c->plugin) != VL_RIGHT_ALL)
    return vl_doc_outside (c, shape, NULL, why);
  copy = vl_arena_copy (doc->arena, steps, (size_t)n * sizeof *copy);
  record = vl_arena_alloc (doc->arena, sizeof *record);
  *record = (struct vl_forbid_record) {
    .path = path,
    .steps = copy,
    .n_steps = n,
    .owner = { .plugin = c->plugin, .why = vl_arena_strdup (doc->arena, why) },
    .next = doc->forbids,
  };
  doc->forbids = record;
  return 0;
}
