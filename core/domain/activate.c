/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Which features are active: each says so of itself, or is woken by another;
 * then needs and conflicts are held against the set. */

#include <config.h>

#include "domain/build.h"
#include "domain/node.h"

static size_t
index_of (const struct vl_registry *registry, const char *name)
{
  for (size_t i = 0; i < registry->n; i++)
    if (VL_STREQ (registry->plugins[i]->name, name))
      return i;
  return registry->n;
}

static int
is_candidate (const struct vl_guest *guest, size_t i)
{
  const struct vl_plugin *plugin = guest->registry->plugins[i];

  return plugin->kind == VL_KIND_FEATURE && plugin->state == VL_PLUGIN_LOADED && ! guest->failed[i];
}

static void
ask_all (struct vl_build *build)
{
  struct vl_call *call = build->call;
  struct vl_guest *guest = build->guest;

  for (size_t i = 0; i < guest->registry->n; i++) {
    struct vl_plugin *plugin = guest->registry->plugins[i];

    guest->active[i] = 0;
    guest->active_why[i] = NULL;
    if (! is_candidate (guest, i))
      continue;
    vl_call_as (call, plugin);
    guest->active[i] = plugin->feature.active == NULL || plugin->feature.active (guest) != 0;
  }
  vl_call_as (call, NULL);
}

/* FEATURE depends on NAME, which is not loaded. */
static void
not_loaded (struct vl_build *build, const struct vl_plugin *plugin, const char *name,
            const char *verb)
{
  const struct vl_plugin *other = vl_registry_find (build->guest->registry, name);
  struct vl_report report = {
    .severity = VL_SEV_ERROR,
    .err = VL_ERR_UNSUPPORTED,
    .code = "FeatureUnavailable",
    .plugin = plugin->name,
  };

  vl_report (build->call, &report, "'%s' %s feature '%s', which is not loaded%s%s", plugin->name,
             verb, name, other && other->reason ? ": " : "",
             other && other->reason ? other->reason : "");
  vl_hint (build->call, "virtloom feature enable %s", name);
}

/* Makes NAME active for plugin I; answers 1 where that is news.  Of several
 * wakers the first by name is kept, so that the reason is always the same. */
static int
wake (struct vl_build *build, size_t i, const char *name)
{
  struct vl_guest *guest = build->guest;
  const char *waker = guest->registry->plugins[i]->name;
  size_t other = index_of (guest->registry, name);
  const char *why;
  int news;

  if (other == guest->registry->n || guest->registry->plugins[other]->state != VL_PLUGIN_LOADED) {
    not_loaded (build, guest->registry->plugins[i], name, "wakes");
    return 0;
  }
  if (! is_candidate (guest, other) || (guest->active[other] && guest->active_why[other] == NULL))
    return 0;
  why = vl_printf (build->call, "woken by %s", waker);
  news = ! guest->active[other];
  guest->active[other] = 1;
  if (news || strcmp (why, guest->active_why[other]) < 0)
    guest->active_why[other] = why;
  return news;
}

static void
wake_all (struct vl_build *build)
{
  struct vl_guest *guest = build->guest;
  int news = 1;

  while (news) {
    news = 0;
    for (size_t i = 0; i < guest->registry->n; i++)
      for (const char **name = guest->registry->plugins[i]->wakes;
           guest->active[i] && name && *name; name++)
        news |= wake (build, i, *name);
  }
}

static void
check_need (struct vl_build *build, size_t i, const char *name)
{
  struct vl_guest *guest = build->guest;
  const struct vl_plugin *plugin = guest->registry->plugins[i];
  size_t other = index_of (guest->registry, name);
  struct vl_report report = {
    .severity = VL_SEV_ERROR,
    .err = VL_ERR_REQUEST,
    .code = "FeatureNeeded",
    .plugin = plugin->name,
  };

  if (other == guest->registry->n || guest->registry->plugins[other]->state != VL_PLUGIN_LOADED) {
    not_loaded (build, plugin, name, "needs");
    return;
  }
  if (guest->active[other] || guest->failed[other])
    return;
  vl_report (build->call, &report, "'%s' (%s) needs feature '%s', which nothing asks for",
             plugin->name, vl_active_why (guest, i), name);
  vl_hint (build->call, "virtloom feature show %s lists what asks for it", name);
}

static void
check_conflict (struct vl_build *build, size_t i, const char *name)
{
  struct vl_guest *guest = build->guest;
  size_t other = index_of (guest->registry, name);
  struct vl_report report = { .severity = VL_SEV_ERROR,
                              .err = VL_ERR_CONFLICT,
                              .code = "FeatureConflict" };

  if (other == guest->registry->n || ! guest->active[other] || other == i)
    return;
  /* Both sides may say so; it is one finding, from the first by name. */
  if (strcmp (guest->registry->plugins[i]->name, name) > 0) {
    size_t swap = i;

    i = other;
    other = swap;
  }
  report.plugin = guest->registry->plugins[i]->name;
  vl_report (build->call, &report, "'%s' (%s) and '%s' (%s) exclude each other", report.plugin,
             vl_active_why (guest, i), guest->registry->plugins[other]->name,
             vl_active_why (guest, other));
  vl_hint (build->call, "ask for one of them only");
}

void
vl_build_activate (struct vl_build *build)
{
  struct vl_guest *guest = build->guest;

  ask_all (build);
  wake_all (build);
  for (size_t i = 0; i < guest->registry->n; i++) {
    const struct vl_plugin *plugin = guest->registry->plugins[i];

    if (! guest->active[i])
      continue;
    for (const char **name = plugin->needs; name && *name; name++)
      check_need (build, i, *name);
    for (const char **name = plugin->conflicts; name && *name; name++)
      check_conflict (build, i, *name);
  }
  vl_guest_advise_traits (guest);
}
