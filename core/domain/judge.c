/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The judgement at the end of contribute and of adjust: one value per attribute
 * or a conflict that names both sides, what is forbidden and weak goes, a path
 * is one kind of thing. */

#include <config.h>

#include "domain/node.h"

/* ---- values ---- */

static int
compare_wishes (const struct vl_wish *a, const struct vl_wish *b)
{
  int order = vl_plugin_compare (a->owners->plugin, b->owners->plugin);

  return order ? order : strcmp (a->value, b->value);
}

/* Wishes in byte order of their first owner, so that a message is the same
 * whoever wrote first. */
static void
sort_wishes (struct vl_slot *slot)
{
  struct vl_wish *sorted = NULL;

  while (slot->wishes) {
    struct vl_wish *wish = slot->wishes, **place = &sorted;

    slot->wishes = wish->next;
    while (*place && compare_wishes (*place, wish) < 0)
      place = &(*place)->next;
    wish->next = *place;
    *place = wish;
  }
  slot->wishes = sorted;
}

static int
conflict (struct vl_call *call, const struct vl_element *node, const struct vl_slot *slot, int weak)
{
  struct vl_report report = {
    .severity = VL_SEV_ERROR,
    .err = VL_ERR_CONFLICT,
    .path = vl_element_path (call->arena, node, slot->name),
    .hint = "change one of them; no side silently wins",
  };
  VL_AUTOSTR struct vl_str text = { 0 };

  for (const struct vl_wish *wish = slot->wishes; wish; wish = wish->next) {
    if (wish->weak != weak)
      continue;
    if (text.length == 0) {
      report.plugin = vl_owner_name (wish->owners);
      report.property = vl_owner_property (call->guest, wish->owners);
    }
    vl_str_printf (&text, "%s'%s' by %s", text.length ? ", " : "", wish->value,
                   vl_owners_text (call->guest, wish->owners));
  }
  return vl_report (call, &report, "'%s' is wanted as %s", report.path, text.text);
}

/* The one value among the wishes that are WEAK or not; NULL: none; *TWICE: more
 * than one. */
static const char *
only_value (const struct vl_slot *slot, int weak, int *twice)
{
  const char *value = NULL;

  for (const struct vl_wish *wish = slot->wishes; wish; wish = wish->next)
    if (wish->weak == weak) {
      *twice = value != NULL;
      value = wish->value;
    }
  return value;
}

static void
judge_slot (struct vl_call *call, const struct vl_element *node, struct vl_slot *slot)
{
  const char *value;
  int twice = 0, weak = 0;

  slot->plain = 0;
  if (slot->wishes->next == NULL) {
    slot->value = slot->wishes->value;
    slot->plain = slot->wishes->plain;
    return;
  }
  sort_wishes (slot);
  value = only_value (slot, 0, &twice);
  if (value == NULL) {
    weak = 1;
    value = only_value (slot, 1, &twice);
  }
  if (twice)
    conflict (call, node, slot, weak);
  else
    slot->value = value;
}

static void
judge_values (struct vl_call *call, struct vl_element *node)
{
  for (struct vl_slot *slot = node->slots; slot; slot = slot->next)
    judge_slot (call, node, slot);
  if (node->text)
    judge_slot (call, node, node->text);
  for (struct vl_element *child = node->first; child; child = child->next)
    judge_values (call, child);
}

/* ---- kinds ---- */

static void
judge_shape (struct vl_call *call, const struct vl_shape *shape)
{
  static const char *const calls[] = { "vl_ensure", "vl_keyed", "vl_append" };
  struct vl_report report = {
    .severity = VL_SEV_ERROR,
    .err = VL_ERR_CONFLICT,
    .hint = "a path is a singleton, a keyed set or a list for all features alike",
  };
  VL_AUTOSTR struct vl_str text = { 0 };

  for (int kind = 0; kind < VL_N_ELEMENT_KINDS; kind++)
    if (shape->kinds & 1u << kind) {
      const struct vl_owner *user = &shape->users[kind];

      if (text.length == 0)
        report.plugin = vl_owner_name (user);
      vl_str_printf (&text, "%s%s by %s (%s)", text.length ? ", " : "", calls[kind],
                     vl_owner_name (user), vl_owner_cause (call->guest, user, NULL));
    }
  report.path = vl_shape_path (call->arena, shape);
  vl_report (call, &report, "'%s' is made in more than one way: %s", report.path, text.text);
}

/* In byte order of the names, which is not the order in which shapes came. */
static void
judge_shapes (struct vl_call *call, const struct vl_shape *shape)
{
  const struct vl_shape *done = NULL, *next;

  for (;;) {
    next = NULL;
    for (const struct vl_shape *child = shape->first; child; child = child->next)
      if ((done == NULL || strcmp (child->name, done->name) > 0)
          && (next == NULL || strcmp (child->name, next->name) < 0))
        next = child;
    if (next == NULL)
      return;
    if (next->kinds & (next->kinds - 1))
      judge_shape (call, next);
    judge_shapes (call, next);
    done = next;
  }
}

static int
any_mixed (const struct vl_shape *shape)
{
  for (const struct vl_shape *child = shape->first; child; child = child->next)
    if ((child->kinds & (child->kinds - 1)) || any_mixed (child))
      return 1;
  return 0;
}

/* ---- what is forbidden ---- */

static int
owns (const struct vl_owner *owners, const struct vl_plugin *plugin)
{
  for (; owners; owners = owners->next)
    if (owners->plugin == plugin)
      return 1;
  return 0;
}

/* Who wants NODE, which stands at or below TOP, in spite of a forbid; NULL where
 * nobody does.  What the makers of a weak element put into it goes with it. */
static const struct vl_owner *
strong_owner (const struct vl_element *top, const struct vl_element *node)
{
  for (const struct vl_owner *o = node->owners; o; o = o->next)
    if (! o->weak && (node == top || ! owns (top->owners, o->plugin)))
      return o;
  for (const struct vl_element *child = node->first; child; child = child->next) {
    const struct vl_owner *o = child->gone ? NULL : strong_owner (top, child);

    if (o)
      return o;
  }
  return NULL;
}

struct forbidding {
  struct vl_call *call;
  const struct vl_forbid_record *record;
  int some_gone;
};

static int
forbid_element (struct vl_element *node, void *opaque)
{
  struct forbidding *f = opaque;
  const struct vl_guest *guest = f->call->guest;
  const struct vl_owner *strong = strong_owner (node, node), *by = &f->record->owner;
  struct vl_report report = {
    .severity = VL_SEV_ERROR,
    .err = VL_ERR_CONFLICT,
    .plugin = vl_owner_name (by),
    .hint = "change one of them; no side silently wins",
  };

  if (strong == NULL) {
    node->gone = f->some_gone = 1;
    return 0;
  }
  report.property = vl_owner_property (guest, by);
  report.path = vl_element_path (f->call->arena, node, NULL);
  vl_report (f->call, &report, "'%s' is forbidden by %s (%s) and wanted by %s (%s)", report.path,
             report.plugin, vl_owner_cause (guest, by, NULL), vl_owner_name (strong),
             vl_owner_cause (guest, strong, NULL));
  return 0;
}

/* Takes what is gone out of NODE.  1: NODE stood only for that, and goes too. */
static int
sweep (struct vl_element *node)
{
  struct vl_element **place = &node->first;
  int lost = 0;

  for (node->last = NULL; *place;) {
    struct vl_element *child = *place;

    if (child->gone || sweep (child)) {
      child->gone = lost = node->unsorted = 1;
      *place = child->next;
    } else {
      node->last = child;
      place = &child->next;
    }
  }
  return lost && node->first == NULL && node->parent && node->owners == NULL && node->slots == NULL
         && node->text == NULL;
}

static int
compare_forbids (const struct vl_forbid_record *a, const struct vl_forbid_record *b)
{
  int order = strcmp (vl_owner_name (&a->owner), vl_owner_name (&b->owner));

  return order ? order : strcmp (a->path, b->path);
}

static void
judge_forbids (struct vl_call *call, struct vl_doc *doc)
{
  struct vl_forbid_record *sorted = NULL;
  struct forbidding f = { .call = call };

  while (doc->forbids) {
    struct vl_forbid_record *record = doc->forbids, **place = &sorted;

    doc->forbids = record->next;
    while (*place && compare_forbids (*place, record) < 0)
      place = &(*place)->next;
    record->next = *place;
    *place = record;
  }
  doc->forbids = sorted;
  for (f.record = sorted; f.record; f.record = f.record->next)
    vl_element_match (doc->root, f.record->steps, f.record->n_steps, forbid_element, &f);
  if (f.some_gone)
    sweep (doc->root);
}

/* ---- ends of phases ---- */

static void
judge (struct vl_call *call, struct vl_doc *doc)
{
  struct vl_plugin *caller = call->plugin;

  vl_call_as (call, NULL);
  vl_element_sort (doc->root);
  if (any_mixed (&doc->shape))
    judge_shapes (call, &doc->shape);
  judge_forbids (call, doc);
  judge_values (call, doc->root);
  vl_call_as (call, caller);
}

void
vl_doc_end_contribute (struct vl_build *build)
{
  judge (build->call, build->doc);
  build->doc->adjusting = 1;
}

void
vl_doc_end_adjust (struct vl_build *build)
{
  build->doc->adjusting = 0;
  judge (build->call, build->doc);
}

void
vl_doc_seal (struct vl_build *build)
{
  vl_doc_render (build->doc, &build->doc->xml);
  build->doc->sealed = 1;
}
