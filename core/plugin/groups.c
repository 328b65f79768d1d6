/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Groups of calls that features bring, by the names that they answer for. */

#include <config.h>

#include "plugin/registry.h"

#include "lib/text.h"

const char *const *
vl_plugin_answers (const struct vl_plugin *plugin, enum vl_answers what)
{
  static const char *const none[] = { NULL };
  const char *const *names =
      what == VL_ANSWER_NETWORKS ? VL_GROUP_FN (plugin, network, types)
      : what == VL_ANSWER_STORES ? VL_GROUP_FN (plugin, storage, image_schemes)
      : what == VL_ANSWER_IMAGES ? VL_GROUP_FN (plugin, storage, image_types)
                                 : VL_GROUP_FN (plugin, storage, volume_types);

  return names ? names : none;
}

int
vl_plugin_has_answer (const struct vl_plugin *plugin, enum vl_answers what, const char *name)
{
  return vl_text_among (name, vl_plugin_answers (plugin, what));
}

struct vl_plugin *
vl_registry_answer (const struct vl_registry *registry, enum vl_answers what, const char *name)
{
  for (size_t i = 0; i < registry->n; i++)
    if (registry->plugins[i]->state == VL_PLUGIN_LOADED
        && vl_plugin_has_answer (registry->plugins[i], what, name))
      return registry->plugins[i];
  return NULL;
}

const char *
vl_registry_nearest (struct vl_call *call, const struct vl_registry *registry, enum vl_answers what,
                     const char *name, const char *otherwise)
{
  struct vl_spell spell = { .wanted = name };

  for (size_t i = 0; i < registry->n; i++)
    for (const char *const *answer = vl_plugin_answers (registry->plugins[i], what); *answer;
         answer++)
      vl_spell_offer (&spell, *answer);
  return vl_did_you_mean (call, '\'', spell.best, otherwise);
}

const char *
vl_registry_answers (const struct vl_registry *registry, struct vl_arena *arena,
                     enum vl_answers what)
{
  VL_AUTOSTRV struct vl_strv names = { 0 };
  VL_AUTOFREE char *all = NULL;

  for (size_t i = 0; i < registry->n; i++)
    for (const char *const *name = vl_plugin_answers (registry->plugins[i], what); *name; name++)
      if (**name)
        vl_strv_add (&names, *name);
  if (names.n == 0)
    return " none";
  vl_strv_sort (&names);
  all = vl_strv_join (&names, " ");
  return vl_arena_printf (arena, " %s", all);
}

const char *const *
vl_registry_details (const struct vl_registry *registry, struct vl_arena *arena)
{
  VL_AUTOSTRV struct vl_strv names = { 0 };
  const char **list;
  size_t n = 0;

  for (size_t i = 0; i < registry->n; i++) {
    const char *const *name = VL_GROUP_FN (registry->plugins[i], network, details);

    for (; name && *name && registry->plugins[i]->state == VL_PLUGIN_LOADED; name++)
      vl_strv_add (&names, *name);
  }
  vl_strv_sort (&names);
  list = vl_arena_alloc (arena, (names.n + 1) * sizeof *list);
  for (size_t i = 0; i < names.n; i++)
    if (i == 0 || ! VL_STREQ (names.items[i], names.items[i - 1]))
      list[n++] = vl_arena_strdup (arena, names.items[i]);
  return list;
}

const char *
vl_registry_volume_forms (const struct vl_registry *registry, struct vl_arena *arena)
{
  VL_AUTOSTRV struct vl_strv forms = { 0 };
  VL_AUTOFREE char *all = NULL;

  for (size_t i = 0; i < registry->n; i++) {
    const struct vl_plugin *plugin = registry->plugins[i];
    const char *const *keys = VL_GROUP_FN (plugin, storage, volume_keys);

    if (plugin->state != VL_PLUGIN_LOADED || keys == NULL || keys[0] == NULL)
      continue;
    for (const char *const *type = vl_plugin_answers (plugin, VL_ANSWER_VOLUMES); *type; type++)
      vl_strv_add (&forms, vl_arena_printf (arena, " %s:%s", *type, keys[0]));
  }
  vl_strv_sort (&forms);
  all = vl_strv_join (&forms, "");
  return vl_arena_strdup (arena, all);
}

struct vl_plugin *
vl_registry_default (struct vl_call *call, const struct vl_registry *registry)
{
  struct vl_plugin *found = NULL, *caller = call->plugin;

  for (size_t i = 0; i < registry->n; i++) {
    struct vl_plugin *plugin = registry->plugins[i];
    int (*ask) (struct vl_call *) = VL_GROUP_FN (plugin, storage, is_default);
    int is;

    if (ask == NULL || plugin->state != VL_PLUGIN_LOADED)
      continue;
    vl_call_as (call, plugin);
    call->doing = "is_default";
    is = ask (call);
    vl_call_as (call, caller);
    if (is && found) {
      vl_refuse_as (call, VL_ERR_CONFLICT, "PluginConflict", NULL,
                    "name one of them as images_type in virtloom.conf",
                    "plugins '%s' and '%s' both stand for images_type default", found->name,
                    plugin->name);
      return NULL;
    }
    found = is ? plugin : found;
  }
  if (found == NULL)
    vl_refuse_as (call, VL_ERR_UNSUPPORTED, "FeatureUnavailable", NULL,
                  "enable a storage plugin, or name one as images_type in virtloom.conf",
                  "no loaded plugin stands for images_type default; there are:%s",
                  vl_registry_answers (registry, call->arena, VL_ANSWER_IMAGES));
  return found;
}
