/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Who is behind an element or a value, and the request key, setting or default
 * behind them.  Lists are kept in byte order of the plugins' names, the core
 * first, so that they do not depend on who wrote first. */

#include <config.h>

#include "domain/node.h"

#include "lib/text.h"

int
vl_plugin_compare (const struct vl_plugin *a, const struct vl_plugin *b)
{
  if (a == b)
    return 0;
  if (a == NULL || b == NULL)
    return a ? 1 : -1;
  return strcmp (a->name, b->name);
}

void
vl_owner_add (struct vl_arena *arena, struct vl_owner **list, const struct vl_plugin *plugin,
              const char *why, unsigned weak)
{
  struct vl_owner *owner;

  while (*list && vl_plugin_compare ((*list)->plugin, plugin) < 0)
    list = &(*list)->next;
  for (; *list && (*list)->plugin == plugin; list = &(*list)->next)
    if (vl_text_same ((*list)->why, why)) {
      (*list)->weak &= weak;
      return;
    }
  owner = vl_arena_alloc (arena, sizeof *owner);
  owner->plugin = plugin;
  owner->why = why;
  owner->weak = weak;
  owner->next = *list;
  *list = owner;
}

const char *
vl_owner_name (const struct vl_owner *owner)
{
  return owner->plugin ? owner->plugin->name : "core";
}

const char *
vl_owner_property (const struct vl_guest *guest, const struct vl_owner *owner)
{
  const char *name = owner->why;
  const struct vl_guest_prop *prop;

  if (name == NULL || guest == NULL)
    return NULL;
  if (owner->plugin && strchr (name, '.') == NULL)
    name = vl_arena_printf (guest->call->arena, "%s.%s", owner->plugin->name, name);
  prop = vl_guest_find (guest, name);
  return prop ? prop->name : NULL;
}

/* The property of PLUGIN that a request gave, else one that its configuration
 * gave, else "default". */
static const char *
plugin_cause (const struct vl_guest *guest, const struct vl_plugin *plugin, const char **chain)
{
  const struct vl_guest_prop *setting = NULL;

  for (size_t i = 0; i < guest->n_props; i++) {
    const struct vl_guest_prop *prop = &guest->props[i];

    if (prop->plugin != plugin || ! prop->value.set)
      continue;
    if (prop->origin >= VL_LAYER_FLAVOR && prop->origin <= VL_LAYER_REQUEST)
      return vl_guest_cause (guest, prop->name, chain);
    if (prop->origin == VL_LAYER_SETTING && setting == NULL)
      setting = prop;
  }
  return setting ? vl_guest_cause (guest, setting->name, chain) : "default";
}

static const char *
active_cause (const struct vl_guest *guest, const struct vl_plugin *plugin, const char **chain)
{
  for (size_t i = 0; i < guest->registry->n; i++)
    if (guest->registry->plugins[i] == plugin && guest->active_why && guest->active_why[i])
      return guest->active_why[i];
  return plugin_cause (guest, plugin, chain);
}

const char *
vl_active_why (const struct vl_guest *guest, size_t i)
{
  return active_cause (guest, guest->registry->plugins[i], NULL);
}

const char *
vl_owner_cause (const struct vl_guest *guest, const struct vl_owner *owner, const char **chain)
{
  const char *prop = vl_owner_property (guest, owner);
  const char *ignored = NULL, *cause;

  if (chain == NULL)
    chain = &ignored;
  *chain = NULL;
  if (prop) {
    if (strchr (owner->why, '@'))
      prop = vl_arena_printf (guest->call->arena, "%s%s", prop, strchr (owner->why, '@'));
    cause = vl_guest_cause (guest, prop, chain);
    return cause ? cause : prop;
  }
  if (owner->why)
    return owner->why;
  if (owner->plugin && guest)
    return active_cause (guest, owner->plugin, chain);
  return "always";
}

const char *
vl_owners_names (struct vl_arena *arena, const struct vl_owner *owners)
{
  VL_AUTOSTR struct vl_str text = { 0 };

  vl_str_add (&text, "");
  for (const struct vl_owner *o = owners, *before = NULL; o; before = o, o = o->next)
    if (before == NULL || before->plugin != o->plugin)
      vl_str_printf (&text, "%s%s", before ? ", " : "", vl_owner_name (o));
  return vl_arena_strdup (arena, text.text);
}

const char *
vl_owners_text (const struct vl_guest *guest, const struct vl_owner *owners)
{
  VL_AUTOSTR struct vl_str text = { 0 };

  vl_str_add (&text, "");
  for (const struct vl_owner *o = owners; o; o = o->next)
    vl_str_printf (&text, "%s%s (%s)", text.length ? " and " : "", vl_owner_name (o),
                   vl_owner_cause (guest, o, NULL));
  return vl_arena_strdup (guest->call->arena, text.text);
}

struct vl_owner *
vl_slot_owners (struct vl_arena *arena, const struct vl_slot *slot)
{
  struct vl_owner *owners = NULL;

  for (const struct vl_wish *wish = slot->wishes; wish; wish = wish->next)
    if (slot->value && VL_STREQ (wish->value, slot->value))
      for (const struct vl_owner *o = wish->owners; o; o = o->next)
        vl_owner_add (arena, &owners, o->plugin, o->why, o->weak);
  return owners;
}

struct vl_owner *
vl_element_owners (const struct vl_element *node)
{
  if (node->owners)
    return node->owners;
  if (node->passed && ! node->shared)
    return (struct vl_owner *)&node->through;
  return NULL;
}
