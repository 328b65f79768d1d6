/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One of two plugins that fill the same slot. */

#include "mock.h"

static const struct vl_prop props[] = {
  { .name = "bus",
    .type = VL_STRING,
    .image_key = "slot_b",
    .fills = "disk.bus",
    .help = "a bus",
    .since = "0.1" },
};

VL_FEATURE (slot_b, "slot-b", .summary = "fills a slot", .props = VL_TABLE (props));
