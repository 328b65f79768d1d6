/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A plugin that is compiled against the frozen headers beside it, never against
 * today's, and loaded by every later core of the same ABI. */

#include <virtloom/feature.h>

static const char *const shades[] = { "light", "dark", NULL };

static const struct vl_alias aliases[] = {
  { .key = "old_shade", .image = 1, .deprecated = 1, .value_map = "pale=light" },
};

static const struct vl_prop props[] = {
  { .name = "shade",
    .type = VL_CHOICE,
    .rule = VL_IMAGE_WINS,
    .flags = VL_NOCASE,
    .choices = shades,
    .flavor_key = "old:shade",
    .image_key = "old_shade_image",
    .aliases = VL_TABLE (aliases),
    .setting = "shade",
    .help = "a shade",
    .since = "0.1" },
  { .name = "count",
    .type = VL_INT,
    .min = 1,
    .max = 8,
    .flavor_key = "old:count",
    .help = "a number",
    .since = "0.1" },
};

static const struct vl_setting settings[] = {
  { .name = "shade",
    .type = VL_CHOICE,
    .choices = shades,
    .deflt = "light",
    .help = "the lowest layer",
    .since = "0.1" },
};

static const struct vl_write writes[] = { { .path = "devices/memballoon", .since = "9.0.0" } };
static const struct vl_name reads[] = { { VL_GUEST_ARCH } };

static int
oldplug_active (const struct vl_guest *guest)
{
  return guest != NULL;
}

VL_FEATURE (oldplug, "oldplug", .version = "1.0", .summary = "built against 0.1",
            .props = VL_TABLE (props), .settings = VL_TABLE (settings), .writes = VL_TABLE (writes),
            .reads = VL_TABLE (reads), .active = oldplug_active);
