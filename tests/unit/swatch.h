/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A registry of made-up features in this process, and guests of it: requests are
 * parsed and resolved, nothing is written. */

#ifndef VL_TESTS_SWATCH_H
#define VL_TESTS_SWATCH_H

#include "request/guest.h"
#include "request/work.h"

struct swatch {
  struct vl_call *call;
  struct vl_registry *registry;
  struct vl_config *config;
  struct vl_host *host;
  struct vl_plugin *driver;
  struct vl_request *request;
  struct vl_guest *guest;
};

/* A driver 'loomy' that makes kvm guests, an x86_64 host, no feature. */
void swatch_start (struct swatch *swatch);
void swatch_end (struct swatch *swatch);
/* Adds FEATURE as NAME, loaded, with the keys of its table claimed and the
 * settings of its table unset. */
struct vl_plugin *swatch_feature (struct swatch *swatch, const char *name,
                                  const struct vl_feature *feature);
/* Adds a feature that is not loaded, with KEYS (blank between) claimed. */
struct vl_plugin *swatch_absent (struct swatch *swatch, const char *name,
                                 enum vl_plugin_state state, const char *keys, const char *reason);
/* Gives setting NAME of PLUGIN the value TEXT from "FILE:3". */
void swatch_setting (struct swatch *swatch, struct vl_plugin *plugin, const char *name,
                     const char *text);
/* Gives setting NAME of virtloom.conf the value TEXT. */
void swatch_main (struct swatch *swatch, const char *name, const char *text);

/* Has PLUGIN failed? */
static inline int
has_failed (struct vl_guest *guest, const struct vl_plugin *plugin)
{
  return guest->failed[vl_guest_number (guest, plugin)];
}

/* Makes the guest of a request with these members of extra_specs, image
 * properties and properties ("\"a\":\"b\"", NULL: none), or of all of JSON. */
void swatch_parse (struct swatch *swatch, const char *specs, const char *image,
                   const char *properties);
void swatch_parse_json (struct swatch *swatch, const char *json);
/* The same, resolved. */
void swatch_resolve (struct swatch *swatch, const char *specs, const char *image,
                     const char *properties);

/* "error CODE plugin: message (origin)" and "  hint" lines of all findings. */
const char *swatch_findings (struct swatch *swatch);
/* The text of property NAME, NULL where it is unset. */
const char *swatch_value (struct swatch *swatch, const char *name);
/* The cause of property NAME and its chain, " < " between the steps. */
const char *swatch_cause (struct swatch *swatch, const char *name);

#endif
