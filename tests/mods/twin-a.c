/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One of two plugins that have the same request key. */

#include "mock.h"

static const struct vl_prop props[] = {
  { .name = "key", .type = VL_BOOL, .flavor_key = "twin:key", .help = "a key", .since = "0.1" },
};

VL_FEATURE (twin_a, "twin-a", .summary = "a twin", .props = VL_TABLE (props));
