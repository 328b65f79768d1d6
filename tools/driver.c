/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * virtloom driver: which driver plugins there are, what each can do, on and off. */

#include <config.h>

#include "call.h"

static int
driver_list (struct tool *tool)
{
  return plugins_list (tool, VL_KIND_DRIVER);
}

static int
driver_show (struct tool *tool)
{
  return plugins_show (tool, VL_KIND_DRIVER);
}

static int
driver_enable (struct tool *tool)
{
  return plugins_switch (tool, VL_KIND_DRIVER, 1);
}

static int
driver_disable (struct tool *tool)
{
  return plugins_switch (tool, VL_KIND_DRIVER, 0);
}

static const struct verb verbs[] = {
  { "list", NULL, 0, 0, "long " TABLE_OPTIONS, TABLE_FORMATS,
    "lists all drivers; --long: keys, why not loaded", "virtloom driver list --long",
    VERB_READ | VERB_WATCHED, driver_list },
  { "show", "DRIVER", 1, 1, TABLE_OPTIONS, TABLE_FORMATS,
    "shows what a driver declares, and its settings", "virtloom driver show qemu-tcg", VERB_WATCHED,
    driver_show },
  { "enable", "DRIVER...", 1, -1, NULL, "table json",
    "writes enabled = yes into the operator's layer", "virtloom driver enable qemu-tcg", VERB_READ,
    driver_enable },
  { "disable", "DRIVER...", 1, -1, NULL, "table json",
    "writes enabled = no into the operator's layer", "virtloom driver disable qemu-tcg", VERB_READ,
    driver_disable },
  { "call", "[METHOD]", 0, 1, "arguments list wait " TABLE_OPTIONS, "json table value",
    "does a method of Nova's ComputeDriver: a JSON object in, one out; --list shows all methods",
    "virtloom driver call get_info < arguments.json", VERB_JSON, driver_call },
  { .run = NULL },
};

const struct noun driver_noun = { "driver", "plugins that talk to hypervisors", verbs };
