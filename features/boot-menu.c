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

static const struct vl_write writes[] = { { "os/bootmenu", NULL } };

static const struct vl_name reads[] = { { VL_GUEST_VIRT_TYPE } };

static int
active (const struct vl_guest *guest)
{
  return vl_guest_bool (guest, "enable") && ! vl_guest_is (guest, VL_GUEST_VIRT_TYPE, "lxc");
}

static int
contribute (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  (void)guest;
  (void)host;
  vl_set (call, vl_ensure (call, NULL, "os/bootmenu", 0, "enable"), "enable", "yes", "enable");
  return 0;
}

VL_FEATURE (boot_menu, "boot-menu", .version = VL_VERSION, .summary = "boot menu of the firmware",
            .props = VL_TABLE (props), .writes = VL_TABLE (writes), .reads = VL_TABLE (reads),
            .active = active, .contribute = contribute);
