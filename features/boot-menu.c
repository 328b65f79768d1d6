/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * boot-menu: the firmware waits for a key and shows what it can boot from. */

#include <config.h>

#include <virtloom/feature.h>

static const struct vl_prop props[] = {
  { .name = "enable",
    .type = VL_BOOL,
    .rule = VL_IMAGE_WINS,
    .deflt = "false",
    .flavor_key = "hw:boot_menu",
    .image_key = "hw_boot_menu",
    .help = "the firmware offers a boot menu",
    .since = "0.1.0" },
};

static const struct vl_write writes[] = { { .path = "os/bootmenu" } };

static const struct vl_name reads[] = { { .name = VL_GUEST_VIRT_TYPE } };

static int
active (struct vl_call *c)
{
  return vl_bool (c, "enable") && ! vl_is (c, VL_GUEST_VIRT_TYPE, "lxc");
}

static int
contribute (struct vl_call *c)
{
  return vl_set (vl_ensure (c, "os/bootmenu", "enable"), "enable", "yes");
}

VL_FEATURE (boot_menu, "boot-menu", .version = VL_VERSION, .summary = "boot menu of the firmware",
            .props = VL_TABLE (props), .writes = VL_TABLE (writes), .reads = VL_TABLE (reads),
            .active = active, .contribute = contribute);
