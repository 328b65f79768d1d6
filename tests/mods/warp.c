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
warp_active (const struct vl_guest *guest)
{
  return vl_guest_bool (guest, "warp.drive");
}

static int
warp_contribute (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  (void)guest;
  (void)host;
  return vl_append (call, NULL, "devices/warp", "warp.drive") ? 0 : -1;
}

VL_FEATURE (warp, "warp", .version = "1.0", .summary = "a device that libvirt does not know",
            .props = VL_TABLE (props), .writes = VL_TABLE (writes), .active = warp_active,
            .contribute = warp_contribute);
