/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * How the layers of one property combine: Nova's rules,
 * applied to parsed values.  What the request itself says counts as the image's
 * and lies above it. */

#include <config.h>

#include "request/name.h"
#include "request/work.h"

static void
take (struct vl_guest_prop *prop, enum vl_layer layer)
{
  prop->value = prop->raw[layer]->value;
  prop->origin = layer;
}

/* Takes the first of LAYERS (ended by the default) that says something. */
static void
take_first (struct vl_guest_prop *prop, const enum vl_layer *layers)
{
  for (; *layers != VL_LAYER_DEFAULT; layers++)
    if (prop->raw[*layers])
      break;
  if (prop->raw[*layers])
    take (prop, *layers);
}

static int
same_value (const struct vl_raw *a, const struct vl_raw *b)
{
  if (a->value.n_items != b->value.n_items || ! VL_STREQ (a->value.text, b->value.text))
    return 0;
  for (size_t i = 0; i < a->value.n_items; i++)
    if (! VL_STREQ (a->value.items[i], b->value.items[i]))
      return 0;
  return 1;
}

static const char *
written (struct vl_guest *guest, const struct vl_raw *raw, enum vl_layer layer)
{
  return vl_printf (guest->call, "'%s' of the %s", vl_shown (guest->call->arena, raw->text),
                    vl_layer_name (layer));
}

/* HIGH and LOW, two layers of PROP, cannot both be had. */
static void
conflict (struct vl_guest *guest, struct vl_guest_prop *prop, enum vl_layer high, enum vl_layer low,
          const char *what, const char *hint)
{
  const struct vl_raw *a = prop->raw[high], *b = prop->raw[low];
  struct vl_report report = {
    .severity = VL_SEV_ERROR,
    .err = VL_ERR_REQUEST,
    .code = prop->row->conflict_code ? prop->row->conflict_code : "FlavorImageConflict",
    .plugin = prop->plugin ? prop->plugin->name : NULL,
    .property = prop->name,
    .origin = vl_printf (guest->call, "%s; %s", vl_raw_origin (guest->call->arena, a, high),
                         vl_raw_origin (guest->call->arena, b, low)),
  };

  report.hint = hint;
  vl_report (guest->call, &report, "%s %s %s", written (guest, a, high), what,
             written (guest, b, low));
  if (prop->plugin)
    vl_guest_fail (guest, prop->plugin);
  else
    prop->state = VL_FAILED;
}

static void
must_agree (struct vl_guest *guest, struct vl_guest_prop *prop)
{
  static const enum vl_layer layers[] = { VL_LAYER_REQUEST, VL_LAYER_IMAGE, VL_LAYER_FLAVOR };

  for (int i = 0; i < 3; i++)
    for (int k = i + 1; k < 3; k++)
      if (prop->raw[layers[i]] && prop->raw[layers[k]]
          && ! same_value (prop->raw[layers[i]], prop->raw[layers[k]])) {
        conflict (guest, prop, layers[i], layers[k], "contradicts",
                  "give both the same value, or leave one out");
        return;
      }
}

static void
flavor_wins (struct vl_guest *guest, struct vl_guest_prop *prop)
{
  /* Whoever asks for something with the server itself is told that it is not to
   * be had; an image is made for many flavors. */
  if (prop->raw[VL_LAYER_REQUEST] && prop->raw[VL_LAYER_FLAVOR]
      && ! same_value (prop->raw[VL_LAYER_REQUEST], prop->raw[VL_LAYER_FLAVOR]))
    conflict (guest, prop, VL_LAYER_REQUEST, VL_LAYER_FLAVOR, "cannot replace",
              "the flavor decides here; leave the property out, or take another flavor");
}

/* The number must not be more than the flavor's. */
static void
image_narrows (struct vl_guest *guest, struct vl_guest_prop *prop)
{
  const struct vl_raw *flavor = prop->raw[VL_LAYER_FLAVOR];

  for (int layer = VL_LAYER_REQUEST; flavor && layer >= VL_LAYER_IMAGE; layer--)
    if (prop->raw[layer] && prop->raw[layer]->value.number > flavor->value.number) {
      conflict (guest, prop, (enum vl_layer)layer, VL_LAYER_FLAVOR, "is more than",
                "ask for as much or less; only the flavor may allow more");
      return;
    }
}

/* True anywhere is true, and the highest layer that says so is the reason. */
static void
either (struct vl_guest_prop *prop)
{
  for (int layer = VL_LAYER_REQUEST; layer >= VL_LAYER_DEFAULT; layer--)
    if (prop->raw[layer] && prop->raw[layer]->value.number) {
      take (prop, (enum vl_layer)layer);
      return;
    }
}

void
vl_rule_apply (struct vl_guest *guest, struct vl_guest_prop *prop)
{
  static const enum vl_layer image_first[] = { VL_LAYER_REQUEST, VL_LAYER_IMAGE, VL_LAYER_FLAVOR,
                                               VL_LAYER_SETTING, VL_LAYER_DEFAULT };
  static const enum vl_layer flavor_first[] = { VL_LAYER_FLAVOR, VL_LAYER_REQUEST, VL_LAYER_IMAGE,
                                                VL_LAYER_SETTING, VL_LAYER_DEFAULT };
  enum vl_rule rule = prop->row->rule;

  take_first (prop, rule == VL_FLAVOR_WINS ? flavor_first : image_first);
  if (rule == VL_MUST_AGREE)
    must_agree (guest, prop);
  else if (rule == VL_FLAVOR_WINS)
    flavor_wins (guest, prop);
  else if (rule == VL_IMAGE_NARROWS)
    image_narrows (guest, prop);
  else if (rule == VL_EITHER)
    either (prop);
}
