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

/* Is PLUGIN active, which says nothing of it itself?  One that reaches disks or networks
 * is where it reaches one. */
static int
is_used (const struct vl_guest *guest, const struct vl_plugin *plugin)
{
  for (size_t i = 0; plugin->feature.storage && i < guest->n_disks; i++)
    if (guest->disks[i].plugin && VL_STREQ (guest->disks[i].plugin, plugin->name))
      return 1;
  for (size_t i = 0; plugin->feature.network && i < guest->n_nics; i++)
    if (VL_STREQ (guest->nics[i].plugin, plugin->name))
      return 1;
  return plugin->feature.storage == NULL && plugin->feature.network == NULL;
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
    guest->active[i] =
        plugin->feature.active ? plugin->feature.active (call) != 0 : is_used (guest, plugin);
  }
  vl_call_as (call, NULL);
}

/* FEATURE depends on NAME, which is not loaded. */
static void
not_loaded (struct vl_build *build, const struct vl_plugin *plugin, const char *name,
            const char *verb)
{
  const struct vl_plugin *other = vl_registry_find (build->guest->registry, name);
  int refused = other && other->state == VL_PLUGIN_REFUSED;
  struct vl_report report = {
    .severity = VL_SEV_ERROR,
    .err = refused ? VL_ERR_REFUSED : VL_ERR_UNSUPPORTED,
    .code = refused ? "PluginRefused" : "FeatureUnavailable",
    .plugin = plugin->name,
    .hint = vl_printf (build->call,
                       refused ? "'virtloom feature show %s' tells what to mend"
                               : "virtloom feature enable %s",
                       name),
  };

  vl_report (build->call, &report, "'%s' %s feature '%s', which is not loaded%s%s", plugin->name,
             verb, name, other && other->reason ? ": " : "",
             other && other->reason ? other->reason : "");
}

/* May the feature that row ROW of TABLE names be absent? */
static int
is_optional (const struct vl_table *table, size_t row)
{
  const struct vl_name *name = (const void *)((const char *)table->rows + row * table->row_size);

  return (name->flags & VL_OPTIONAL) != 0;
}

static int
is_loaded (const struct vl_guest *guest, size_t i)
{
  return i < guest->registry->n && guest->registry->plugins[i]->state == VL_PLUGIN_LOADED;
}

/* Makes NAME active for plugin I; answers 1 where that is news.  Of several
 * wakers the first by name is kept, so that the reason is always the same. */
static int
wake (struct vl_build *build, size_t i, const char *name, int optional)
{
  struct vl_guest *guest = build->guest;
  const char *waker = guest->registry->plugins[i]->name;
  size_t other = index_of (guest->registry, name);
  const char *why;
  int news;

  if (! is_loaded (guest, other)) {
    if (! optional)
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
    for (size_t i = 0; i < guest->registry->n; i++) {
      const struct vl_plugin *plugin = guest->registry->plugins[i];

      for (size_t w = 0; guest->active[i] && plugin->wakes && plugin->wakes[w]; w++)
        news |= wake (build, i, plugin->wakes[w], is_optional (&plugin->feature.wakes, w));
    }
  }
}

static void
check_need (struct vl_build *build, size_t i, const char *name, int optional)
{
  struct vl_guest *guest = build->guest;
  const struct vl_plugin *plugin = guest->registry->plugins[i];
  size_t other = index_of (guest->registry, name);
  struct vl_report report = {
    .severity = VL_SEV_ERROR,
    .err = VL_ERR_REQUEST,
    .code = "FeatureNeeded",
    .plugin = plugin->name,
    .hint = vl_printf (build->call, "virtloom feature show %s lists what asks for it", name),
  };

  if (! is_loaded (guest, other)) {
    if (! optional)
      not_loaded (build, plugin, name, "needs");
    return;
  }
  if (guest->active[other] || guest->failed[other])
    return;
  vl_report (build->call, &report, "'%s' (%s) needs feature '%s', which nothing asks for",
             plugin->name, vl_active_why (guest, i), name);
}

static void
check_conflict (struct vl_build *build, size_t i, const char *name)
{
  struct vl_guest *guest = build->guest;
  size_t other = index_of (guest->registry, name);
  struct vl_report report = { .severity = VL_SEV_ERROR,
                              .err = VL_ERR_CONFLICT,
                              .code = "FeatureConflict",
                              .hint = "ask for one of them only" };

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
    for (size_t k = 0; plugin->needs && plugin->needs[k]; k++)
      check_need (build, i, plugin->needs[k], is_optional (&plugin->feature.needs, k));
    for (const char **name = plugin->conflicts; name && *name; name++)
      check_conflict (build, i, *name);
  }
  vl_guest_judge_traits (guest);
}
