/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * os-type: what runs in the guest.  Windows gets the Hyper-V enlightenments
 * here, and local time from clock, which reads the property. */

#include <config.h>

#include <virtloom/feature.h>

static const char *const types[] = { "linux", "windows", NULL };

static const struct vl_prop props[] = {
  { .name = "type",
    .type = VL_CHOICE,
    .flags = VL_NOCASE,
    .choices = types,
    .image_key = "os_type",
    .invalid_code = "InvalidRequest",
    .help = "operating system of the guest",
    .since = "0.1.0" },
};

static const struct vl_write writes[] = { { "features/hyperv", NULL } };

static const struct vl_name reads[] = { { VL_GUEST_ARCH },
                                        { VL_GUEST_VIRT_TYPE },
                                        { "hide-hypervisor-id.hidden" } };

/* QEMU has the Hyper-V interface for x86 under KVM alone; libvirt does not start a
 * guest that lacks what it was promised. */
static int
active (const struct vl_guest *guest)
{
  return vl_guest_is (guest, "type", "windows") && vl_guest_is (guest, VL_GUEST_VIRT_TYPE, "kvm")
         && (vl_guest_is (guest, VL_GUEST_ARCH, "x86_64")
             || vl_guest_is (guest, VL_GUEST_ARCH, "i686"));
}

static int
contribute (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  static const char *const lights[] = { "relaxed",  "vapic", "spinlocks", "vpindex",
                                        "runtime",  "synic", "reset",     "frequencies",
                                        "tlbflush", "ipi",   NULL };
  struct vl_node *hyperv = vl_ensure (call, NULL, "features/hyperv", 0, "type"), *node;

  (void)host;
  for (const char *const *light = lights; *light; light++)
    vl_set (call, vl_ensure (call, hyperv, *light, 0, "type"), "state", "on", "type");
  vl_set (call, vl_ensure (call, hyperv, "spinlocks", 0, "type"), "retries", "8191", "type");
  if (vl_guest_bool (guest, "hide-hypervisor-id.hidden")) {
    node = vl_ensure (call, hyperv, "vendor_id", 0, "hide-hypervisor-id.hidden");
    vl_set (call, node, "state", "on", "hide-hypervisor-id.hidden");
    vl_set (call, node, "value", "1234567890ab", "hide-hypervisor-id.hidden");
  }
  return 0;
}

VL_FEATURE (os_type, "os-type", .version = VL_VERSION,
            .summary = "operating system of the guest; Hyper-V enlightenments for Windows",
            .props = VL_TABLE (props), .writes = VL_TABLE (writes), .reads = VL_TABLE (reads),
            .active = active, .contribute = contribute);
