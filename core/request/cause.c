/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Why a value is what it is: from the value down to a request key, a setting or
 * a fact of the host. */

#include <config.h>

#include "request/work.h"

/* Steps are properties that were derived from each other; no real chain is as
 * long. */
#define MOST_STEPS 16

const char *
vl_layer_name (enum vl_layer layer)
{
  static const char *const names[] = { "default", "setting",  "flavor",  "image",
                                       "request", "resolved", "metadata" };

  return names[layer];
}

/* "setting, FILE:LINE"; the origin of most layers says no more than their name. */
static const char *
place (struct vl_arena *arena, enum vl_layer layer, const char *origin)
{
  const char *name = vl_layer_name (layer);

  if (origin == NULL || VL_STREQ (origin, name))
    return name;
  return vl_arena_printf (arena, "%s, %s", name, origin);
}

const char *
vl_raw_origin (struct vl_arena *arena, const struct vl_raw *raw, enum vl_layer layer)
{
  return vl_arena_printf (arena, "%s=%s, %s", raw->key, vl_shown (arena, raw->text),
                          place (arena, layer, raw->origin));
}

const char *
vl_entry_origin (struct vl_arena *arena, const struct vl_entry *entry)
{
  return vl_arena_printf (arena, "%s=%s, %s", vl_shown (arena, entry->key),
                          vl_shown (arena, entry->value),
                          place (arena, entry->layer, entry->origin));
}

/* ---- one step ---- */

/* The highest layer that says something of PROP; VL_LAYER_RESOLVED: none. */
static enum vl_layer
said_by (const struct vl_guest_prop *prop)
{
  for (int layer = VL_LAYER_REQUEST; layer > VL_LAYER_DEFAULT; layer--)
    if (prop->raw[layer])
      return (enum vl_layer)layer;
  return prop->raw[VL_LAYER_DEFAULT] ? VL_LAYER_DEFAULT : VL_LAYER_RESOLVED;
}

/* "hw:key=true (flavor)", "plugin.key=value (default)". */
static const char *
layer_step (struct vl_arena *arena, const struct vl_guest_prop *prop, enum vl_layer layer)
{
  const struct vl_raw *raw = prop->raw[layer];

  if (raw == NULL)
    return NULL;
  if (layer == VL_LAYER_DEFAULT || raw->key == NULL)
    return vl_arena_printf (arena, "%s=%s (default)", prop->name, vl_shown (arena, raw->text));
  return vl_arena_printf (arena, "%s=%s (%s)", raw->key, vl_shown (arena, raw->text),
                          place (arena, layer, raw->origin));
}

/* What is no property: a request key, a fact of the host, or words. */
static const char *
other_step (const struct vl_guest *guest, const char *why, const char *reason)
{
  struct vl_arena *arena = guest->call->arena;
  const struct vl_fact *fact = guest->host ? vl_host_find (guest->host, why) : NULL;

  for (size_t i = 0; i < guest->request->n_entries; i++) {
    const struct vl_entry *entry = &guest->request->entries[i];

    if (VL_STREQ (entry->key, why))
      return vl_arena_printf (arena, "%s=%s (%s)", vl_shown (arena, entry->key),
                              vl_entry_is_secret (guest, entry) ? VL_HIDDEN
                                                                : vl_shown (arena, entry->value),
                              place (arena, entry->layer, entry->origin));
  }
  if (fact)
    return vl_arena_printf (arena, "%s=%s (host)", why,
                            fact->n == 1 ? vl_shown (arena, fact->values[0]) : "...");
  return reason ? vl_arena_printf (arena, "%s (%s)", why, reason) : why;
}

/* The property that stands for PROP: of a slot the one that fills it, of the
 * core's own the one that it was taken from. */
static const struct vl_guest_prop *
behind (const struct vl_guest *guest, const struct vl_guest_prop *prop)
{
  const struct vl_guest_prop *other;

  for (int i = 0; i < MOST_STEPS && prop->plugin == NULL && prop->why && prop->reason == NULL;
       i++) {
    other = vl_guest_find (guest, prop->why);
    if (other == NULL || other == prop)
      break;
    prop = other;
  }
  return prop;
}

/* The step of PROP and, in *NEXT, what is below it, NULL where nothing is. */
static const char *
step_of (const struct vl_guest *guest, const struct vl_guest_prop *prop, const char **next)
{
  struct vl_arena *arena = guest->call->arena;
  const char *text = prop->row->flags & VL_SECRET ? VL_HIDDEN
                     : prop->value.text           ? prop->value.text
                                                  : "";

  *next = NULL;
  if (prop->origin != VL_LAYER_RESOLVED) {
    const char *step = layer_step (arena, prop, prop->origin);

    return step ? step : vl_arena_printf (arena, "%s (unset)", prop->name);
  }
  if (prop->plugin == NULL && prop->why && vl_guest_find (guest, prop->why) == NULL)
    return other_step (guest, prop->why, prop->reason);
  *next = prop->why;
  return vl_arena_printf (arena, "%s=%s (%s)", prop->name, vl_shown (arena, text),
                          prop->reason ? prop->reason : "resolved");
}

/* ---- the chain ---- */

const char *
vl_guest_cause (const struct vl_guest *guest, const char *name, const char **chain)
{
  const struct vl_guest_prop *prop = vl_guest_find (guest, name);
  VL_AUTOSTR struct vl_str lines = { 0 };
  const char *next, *cause;

  if (chain)
    *chain = NULL;
  if (prop == NULL)
    return NULL;
  if (guest->loaded)
    return prop->reason;
  if (strchr (name, '@') && (cause = vl_device_cause (guest, prop, strchr (name, '@') + 1)))
    return cause;
  prop = behind (guest, prop);
  cause = step_of (guest, prop, &next);
  for (int i = 0; chain && next && i < MOST_STEPS; i++) {
    const struct vl_guest_prop *below = vl_guest_find (guest, next);
    const char *step, *why = next;

    below = below ? behind (guest, below) : NULL;
    next = NULL;
    if (below == NULL)
      step = other_step (guest, why, NULL);
    else if (below == prop) /* A value that was made of what its own layers say. */
      step = layer_step (guest->call->arena, prop, said_by (prop));
    else
      step = step_of (guest, prop = below, &next);
    if (step)
      vl_str_printf (&lines, "%s%s", lines.length ? "\n" : "", step);
  }
  if (chain && lines.length)
    *chain = vl_arena_strdup (guest->call->arena, lines.text);
  return cause;
}

/* What a setting says of the running plugin's row NAME; NULL if nothing. */
static const char *
setting_origin (struct vl_call *call, const char *name)
{
  const struct vl_prop *row = call->plugin ? vl_plugin_row (call->plugin, name) : NULL;
  const struct vl_raw *raw = row ? vl_plugin_base (call->plugin, row) : NULL;

  return raw && raw->key ? vl_raw_origin (call->arena, raw, VL_LAYER_SETTING) : NULL;
}

const char *
vl_origin_text (struct vl_call *call, const char *name)
{
  const struct vl_guest *guest = call->guest;
  const struct vl_guest_prop *prop = guest ? vl_guest_find (guest, name) : NULL;

  if (prop == NULL)
    return setting_origin (call, name);
  if (guest->loaded)
    return prop->reason;
  for (int i = 0; prop && i < MOST_STEPS; i++) {
    enum vl_layer layer;

    prop = behind (guest, prop);
    layer = prop->origin == VL_LAYER_RESOLVED ? said_by (prop) : prop->origin;
    if (layer != VL_LAYER_RESOLVED && layer != VL_LAYER_DEFAULT && prop->raw[layer])
      return vl_raw_origin (call->arena, prop->raw[layer], layer);
    if (prop->why == NULL)
      return NULL;
    if (prop->plugin == NULL && vl_guest_find (guest, prop->why) == NULL)
      return prop->reason ? vl_printf (call, "%s, %s", prop->why, prop->reason)
                          : other_step (guest, prop->why, NULL);
    prop = vl_guest_find (guest, prop->why);
  }
  return NULL;
}

void
vl_call_about (struct vl_call *call, struct vl_guest *guest)
{
  call->guest = guest;
  call->origin_text = vl_origin_text;
}
