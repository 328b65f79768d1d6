/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A feature with a device that libvirt does not know. */

#include "mock.h"

static const struct vl_prop props[] = {
  { .name = "drive",
    .type = VL_BOOL,
    .flavor_key = "warp:drive",
    .help = "a device of another age",
    .since = "0.1" },
};

static const struct vl_write writes[] = { { .path = "devices/warp" } };

static int
warp_active (struct vl_call *c)
{
  return vl_bool (c, "drive");
}

static int
warp_contribute (struct vl_call *c)
{
  return vl_append (c, "devices/warp", "drive") ? 0 : -1;
}

VL_FEATURE (warp, "warp", .version = "1.0", .summary = "a device that libvirt does not know",
            .props = VL_TABLE (props), .writes = VL_TABLE (writes), .active = warp_active,
            .contribute = warp_contribute);
