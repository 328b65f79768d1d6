/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a request asks that changes nothing, because of what else it asks: rows with `only`. */

#include <config.h>

#include "plugin/idle.h"
#include "request/work.h"

/* Where a condition of a row of PLUGIN is judged. */
struct place {
  const struct vl_guest *guest;
  const struct vl_plugin *plugin;
};

static const char *
value_of (void *opaque, const char *name, const struct vl_prop **row)
{
  const struct place *place = opaque;
  struct vl_call *call = place->guest->call;
  const struct vl_guest_prop *prop = vl_guest_find (
      place->guest,
      strchr (name, '.') ? name : vl_printf (call, "%s.%s", place->plugin->name, name));

  *row = prop ? prop->row : NULL;
  return prop && prop->value.set ? prop->value.text : NULL;
}

/* What somebody sets who wants another value of ROW, called NAME. */
static const char *
shown (const struct vl_prop *row, const char *name)
{
  return row == NULL       ? name
         : row->flavor_key ? row->flavor_key
         : row->image_key  ? row->image_key
         : row->setting    ? row->setting
         /* One of the core's, whose help says who sets it. */
         : strchr (row->name, '.') && row->help ? row->help
                                                : name;
}

/* The layer of a request that PROP's value is of, or VL_LAYER_DEFAULT. */
static enum vl_layer
asked_in (const struct vl_guest_prop *prop)
{
  static const enum vl_layer layers[] = { VL_LAYER_REQUEST, VL_LAYER_IMAGE, VL_LAYER_FLAVOR };

  for (size_t i = 0; i < sizeof layers / sizeof layers[0]; i++)
    if (prop->raw[layers[i]] && prop->raw[layers[i]]->key)
      return layers[i];
  return VL_LAYER_DEFAULT;
}

void
vl_guest_tell_idle (struct vl_guest *guest)
{
  const struct vl_prop_index *index = guest->work ? guest->work->index : NULL;

  for (size_t i = 0; index && i < index->n_conditional; i++) {
    const struct vl_guest_prop *prop = &guest->props[index->conditional[i]];
    struct place place = { guest, prop->plugin };
    enum vl_layer layer = asked_in (prop);
    struct vl_only failed;
    const char *name;
    struct vl_report report = { .severity = VL_SEV_WARNING, .code = VL_NO_EFFECT };

    if (layer == VL_LAYER_DEFAULT
        || vl_only_holds (guest->call, prop->row->only, value_of, &place, &failed))
      continue;
    name = shown (failed.row, failed.name);
    report.plugin = prop->plugin->name;
    report.property = prop->name;
    report.origin = vl_raw_origin (guest->call->arena, prop->raw[layer], layer);
    report.hint = vl_printf (guest->call, "leave it out, or %s",
                             vl_only_remedy (guest->call, &failed, name, "="));
    vl_report (guest->call, &report, "%s has no effect: %s", prop->raw[layer]->key,
               vl_only_state (guest->call, &failed, name));
  }
}
