/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * virtloom feature: which feature plugins there are, what each can do, on and off. */

#include <config.h>

#include "tool.h"

static int
feature_list (struct tool *tool)
{
  return plugins_list (tool, VL_KIND_FEATURE);
}

static int
feature_show (struct tool *tool)
{
  return plugins_show (tool, VL_KIND_FEATURE);
}

static int
feature_enable (struct tool *tool)
{
  return plugins_switch (tool, VL_KIND_FEATURE, 1);
}

static int
feature_disable (struct tool *tool)
{
  return plugins_switch (tool, VL_KIND_FEATURE, 0);
}

static const struct verb verbs[] = {
  { "list", NULL, 0, 0, "long " TABLE_OPTIONS, TABLE_FORMATS,
    "lists all features; --long: keys, why not loaded", "virtloom feature list --long",
    VERB_WATCHED, feature_list },
  { "show", "FEATURE", 1, 1, TABLE_OPTIONS, TABLE_FORMATS,
    "shows what a feature declares, and its settings", "virtloom feature show watchdog",
    VERB_WATCHED, feature_show },
  { "which", "KEY", 1, 1, TABLE_OPTIONS, TABLE_FORMATS,
    "shows which plugin answers for a key, setting, trait or property",
    "virtloom feature which hw:watchdog_action", VERB_WATCHED, plugins_which },
  { "enable", "FEATURE...", 1, -1, NULL, "table json",
    "writes enabled = yes into the operator's layer", "virtloom feature enable watchdog", VERB_READ,
    feature_enable },
  { "disable", "FEATURE...", 1, -1, NULL, "table json",
    "writes enabled = no into the operator's layer", "virtloom feature disable watchdog", VERB_READ,
    feature_disable },
  { .run = NULL },
};

const struct noun feature_noun = { "feature", "plugins that configure guests", verbs };
