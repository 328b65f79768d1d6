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
    .setting = "shade",
    .help = "a colour",
    .since = "0.1" },
  { .name = "part",
    .type = VL_INT,
    .flags = VL_INDEXED,
    .flavor_key = "good:part.N",
    .help = "numbered parts",
    .since = "0.1" },
};

static const struct vl_setting settings[] = {
  { .name = "shade", .type = VL_CHOICE, .choices = colours, .deflt = "red", .nova = "good.shade" },
  { .name = "parts", .type = VL_LIST, .nova = "good.parts" },
  { .name = "limit", .type = VL_INT, .min = 1, .max = 9, .nova = "good.limit" },
};

static const struct vl_write writes[] = { { .path = "devices/good" } };
static const struct vl_name reads[] = { { "guest.arch" }, { "storage.images-type" } };

VL_FEATURE (good, "good", .version = "1.0", .summary = "a good module", .props = VL_TABLE (props),
            .settings = VL_TABLE (settings), .writes = VL_TABLE (writes),
            .reads = VL_TABLE (reads));
