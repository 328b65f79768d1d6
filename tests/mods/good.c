/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A module with nothing wrong: one property, one key pair, settings of each kind. */

#include "mock.h"

static const char *const colours[] = { "red", "green", NULL };

static const struct vl_alias aliases[] = {
  { .key = "good_shade", .deprecated = 1 },
};

static const struct vl_prop props[] = {
  { .name = "shade",
    .type = VL_CHOICE,
    .rule = VL_IMAGE_WINS,
    .choices = colours,
    .flavor_key = "good:shade",
    .image_key = "good_shade_image",
    .aliases = VL_TABLE (aliases),
    .deflt = "red",
    .setting = "shade",
    .flags = VL_PUBLIC,
    .nova = "good.shade",
    .help = "a colour",
    .since = "0.1" },
  { .name = "part",
    .type = VL_INT,
    .flags = VL_INDEXED,
    .flavor_key = "good:part.N",
    .help = "numbered parts",
    .since = "0.1" },
  { .name = "parts",
    .type = VL_LIST,
    .setting = "parts",
    .nova = "good.parts",
    .help = "a list",
    .since = "0.1" },
  { .name = "limit",
    .type = VL_INT,
    .min = 1,
    .max = 9,
    .setting = "limit",
    .nova = "good.limit",
    .help = "a number",
    .since = "0.1" },
};

static const struct vl_write writes[] = { { .path = "devices/good" } };
static const struct vl_name reads[] = { { .name = VL_GUEST_ARCH },
                                        { .name = VL_STORAGE_IMAGES_TYPE } };

VL_FEATURE (good, "good", .version = "1.0", .summary = "a good module", .props = VL_TABLE (props),
            .writes = VL_TABLE (writes), .reads = VL_TABLE (reads));
