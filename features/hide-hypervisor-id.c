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
    .deflt = "false",
    .flavor_key = "hw:hide_hypervisor_id",
    .image_key = "img_hide_hypervisor_id",
    .aliases = VL_TABLE (aliases),
    .help = "is the hypervisor's signature hidden from the guest",
    .since = "0.1.0" },
};

static const struct vl_write writes[] = { { "features/kvm/hidden", NULL } };

static const struct vl_name reads[] = { { VL_GUEST_VIRT_TYPE } };

static int
active (const struct vl_guest *guest)
{
  return vl_guest_bool (guest, "hidden") && ! vl_guest_is (guest, VL_GUEST_VIRT_TYPE, "lxc");
}

static int
contribute (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  (void)guest;
  (void)host;
  return vl_set (call, vl_ensure (call, NULL, "features/kvm/hidden", 0, "hidden"), "state", "on",
                 "hidden");
}

VL_FEATURE (hide_hypervisor_id, "hide-hypervisor-id", .version = VL_VERSION,
            .summary = "hides the hypervisor's signature from the guest", .props = VL_TABLE (props),
            .writes = VL_TABLE (writes), .reads = VL_TABLE (reads), .active = active,
            .contribute = contribute);
