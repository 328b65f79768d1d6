/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * virtloom plugin: for those who write plugins.  Conformance of a module, and a
 * first one to start from. */

#include <config.h>

#include "tool.h"

static const struct verb verbs[] = {
  { "check", "FILE", 1, 1, "again request timeout", "table",
    "checks a module, in TAP; exit 1 if it does not conform", "virtloom plugin check ./acme-tpm.so",
    VERB_NO_LOAD, plugin_check },
  { "new", "NAME", 1, 1, "kind", "table json", "makes a folder with a plugin to start from",
    "virtloom plugin new acme-tpm", VERB_READ, plugin_new },
  { .run = NULL },
};

const struct noun plugin_noun = { "plugin", "for those who write plugins", verbs };
