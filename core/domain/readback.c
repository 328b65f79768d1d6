/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Is everything that was asked for in what the hypervisor made of it?  Hypervisors
 * drop what they do not know without a word, so each element, attribute and text
 * of the sealed document is looked for, by meaning. */

#include <config.h>

#include "domain/meaning.h"

#include "lib/text.h"

/* Children of one element that are already somebody's. */
struct taken {
  const struct vl_xml **items;
  size_t n, size;
};

static int
is_taken (const struct taken *taken, const struct vl_xml *xml)
{
  for (size_t i = 0; i < taken->n; i++)
    if (taken->items[i] == xml)
      return 1;
  return 0;
}

static void
mismatch (const struct vl_reading *r, const struct vl_element *node, const struct vl_slot *slot,
          const char *got)
{
  const struct vl_owner *owners =
      slot ? vl_slot_owners (r->call->arena, slot) : vl_element_owners (node);
  struct vl_report report = {
    .severity = VL_SEV_ERROR,
    .err = VL_ERR_FAILED,
    .code = "ReadBackMismatch",
    .plugin = owners ? vl_owner_name (owners) : "core",
    .path = vl_element_path (r->call->arena, node, slot ? slot->name : NULL),
    .hint = "this hypervisor dropped or changed it",
  };
  const char *by = owners ? vl_owners_names (r->call->arena, owners) : "core";

  if (slot && got)
    vl_report (r->call, &report, "'%s' is '%s' in the %s domain and should be '%s'; written by %s",
               report.path, got, r->live ? "running" : "defined", slot->value, by);
  else if (slot)
    vl_report (r->call, &report, "'%s' = '%s' is missing from the %s domain; written by %s",
               report.path, slot->value, r->live ? "running" : "defined", by);
  else
    vl_report (r->call, &report, "'%s' is missing from the %s domain; written by %s", report.path,
               r->live ? "running" : "defined", by);
}

static size_t match_node (const struct vl_reading *r, const struct vl_element *node,
                          const struct vl_xml *actual, int say);

static size_t
match_slot (const struct vl_reading *r, const struct vl_element *node, const struct vl_slot *slot,
            const struct vl_xml *actual, int say)
{
  if (slot->value == NULL || vl_same_value (r, node, slot->name, slot->value, actual))
    return 0;
  if (say)
    mismatch (r, node, slot, slot->name ? vl_xml_attr (actual, slot->name) : vl_xml_text (actual));
  return 1;
}

/* Does ACTUAL have the key of NODE? */
static int
same_key (const struct vl_reading *r, const struct vl_element *node, const struct vl_xml *actual)
{
  for (size_t i = 0; i < node->n_keys; i++)
    if (! vl_same_value (r, node, node->keys[i].name, node->keys[i].value, actual))
      return 0;
  return 1;
}

/* The child of ACTUAL that stands for NODE: of a list, the best of those that
 * are free; with PERFECT, only one with nothing wrong. */
static const struct vl_xml *
counterpart (const struct vl_reading *r, const struct vl_element *node, const struct vl_xml *actual,
             const struct taken *taken, int perfect)
{
  const struct vl_xml *best = NULL;
  size_t least = 0;

  for (const struct vl_xml *xml = vl_xml_child (actual, node->shape->name); xml;
       xml = vl_xml_next (xml, node->shape->name)) {
    size_t wrong;

    if (is_taken (taken, xml) || (node->kind == VL_ELEMENT_KEYED && ! same_key (r, node, xml)))
      continue;
    if (node->kind != VL_ELEMENT_LISTED)
      return xml;
    wrong = match_node (r, node, xml, 0);
    if (perfect && wrong)
      continue;
    if (best == NULL || wrong < least) {
      best = xml;
      least = wrong;
    }
    if (wrong == 0)
      break;
  }
  return best;
}

static void
take (struct taken *taken, const struct vl_xml *xml)
{
  VL_GROW (taken->items, taken->n, taken->size);
  taken->items[taken->n++] = xml;
}

/* Elements of lists that are there as they should be are set aside first, so
 * that one that was changed is not taken for its neighbour. */
static size_t
match_children (const struct vl_reading *r, const struct vl_element *node,
                const struct vl_xml *actual, int say)
{
  struct taken done = { 0 }, taken = { 0 };
  size_t wrong = 0, at = 0;

  for (const struct vl_element *child = node->first; child; child = child->next) {
    const struct vl_xml *xml =
        child->kind == VL_ELEMENT_LISTED ? counterpart (r, child, actual, &taken, 1) : NULL;

    take (&done, xml);
    if (xml)
      take (&taken, xml);
    if (xml && child->device && say && r->live)
      vl_address_note (r->call, child->device, xml);
  }
  for (const struct vl_element *child = node->first; child; child = child->next) {
    const struct vl_xml *xml = done.items[at++];

    if (xml)
      continue;
    xml = counterpart (r, child, actual, &taken, 0);
    if (xml) {
      take (&taken, xml);
      if (child->device && say && r->live)
        vl_address_note (r->call, child->device, xml);
      wrong += match_node (r, child, xml, say);
    } else if (! vl_meant_anyway (r, child)) {
      wrong++;
      if (say)
        mismatch (r, child, NULL, NULL);
    }
  }
  free (done.items);
  free (taken.items);
  return wrong;
}

/* How many contributions to NODE and below are not in ACTUAL. */
static size_t
match_node (const struct vl_reading *r, const struct vl_element *node, const struct vl_xml *actual,
            int say)
{
  size_t wrong = 0;

  for (const struct vl_slot *slot = node->slots; slot; slot = slot->next)
    wrong += match_slot (r, node, slot, actual, say);
  if (node->text)
    wrong += match_slot (r, node, node->text, actual, say);
  return wrong + match_children (r, node, actual, say);
}

int
vl_doc_read_back (struct vl_call *call, const struct vl_doc *doc, const char *xml, int live)
{
  struct vl_reading r = { .call = call, .doc = doc, .host = call->host, .live = live };

  r.domain = vl_xml_read (call, xml, strlen (xml));
  if (r.domain == NULL)
    return -1;
  if (! VL_STREQ (vl_xml_name (r.domain), "domain"))
    return vl_refuse_as (call, VL_ERR_FAILED, "ReadBackMismatch", NULL, NULL,
                         "the hypervisor gave a '%s' where a domain was asked for",
                         vl_xml_name (r.domain));
  if (live)
    vl_loader_note (call, doc, r.domain);
  if (match_node (&r, doc->root, r.domain, 1))
    return -1;
  call->seen_back.times++;
  call->seen_back.live += live != 0;
  call->seen_back.own += VL_STREQ (xml, vl_doc_xml (doc));
  return 0;
}

void
vl_doc_plant (struct vl_doc *doc, enum vl_planted planted)
{
  static const char end[] = "</domain>", unknown[] = "  <unknown-to-every-schema/>\n";
  struct vl_element *vcpu = doc->root->first;
  char *last = strstr (doc->xml.text, end);

  if (planted == VL_PLANT_INVALID && last) {
    VL_AUTOFREE char *rest = vl_xasprintf ("%s", last);

    doc->xml.length = (size_t)(last - doc->xml.text);
    vl_str_printf (&doc->xml, "%s%s", unknown, rest);
  }
  while (vcpu && ! VL_STREQ (vcpu->shape->name, "vcpu"))
    vcpu = vcpu->next;
  if (planted == VL_PLANT_LOSS && vcpu && vcpu->text)
    vcpu->text->value = vl_arena_printf (doc->arena, "1%s", vcpu->text->value);
}
