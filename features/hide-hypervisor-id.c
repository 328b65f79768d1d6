/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hide-hypervisor-id: keeps KVM's signature out of the guest's CPUID.  For
 * Windows guests os-type reads the property and replaces the Hyper-V vendor. */

#include <config.h>

#include <virtloom/feature.h>

static const struct vl_alias aliases[] = {
  { .key = "hide_hypervisor_id", .image = 0, .deprecated = 1 },
};

static const struct vl_prop props[] = {
  { .name = "hidden",
    .type = VL_BOOL,
    .rule = VL_EITHER,
    .flags = VL_PUBLIC,
    .deflt = "false",
    .flavor_key = "hw:hide_hypervisor_id",
    .image_key = "img_hide_hypervisor_id",
    .aliases = VL_TABLE (aliases),
    .help = "is the hypervisor's signature hidden from the guest",
    .since = "0.1.0" },
};

static const struct vl_write writes[] = { { .path = "features/kvm/hidden" } };

static const struct vl_name reads[] = { { .name = VL_GUEST_VIRT_TYPE } };

static int
active (struct vl_call *c)
{
  return vl_bool (c, "hidden") && ! vl_is (c, VL_GUEST_VIRT_TYPE, "lxc");
}

static int
contribute (struct vl_call *c)
{
  return vl_set (vl_ensure (c, "features/kvm/hidden", "hidden"), "state", "on");
}

VL_FEATURE (hide_hypervisor_id, "hide-hypervisor-id", .version = VL_VERSION,
            .summary = "hides the hypervisor's signature from the guest", .props = VL_TABLE (props),
            .writes = VL_TABLE (writes), .reads = VL_TABLE (reads), .active = active,
            .contribute = contribute);
