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
    .flags = VL_NOCASE | VL_PUBLIC,
    .choices = types,
    .image_key = "os_type",
    .invalid_code = "InvalidRequest",
    .help = "operating system of the guest",
    .since = "0.1.0" },
};

static const struct vl_write writes[] = { { .path = "features/hyperv" } };

static const struct vl_name reads[] = { { .name = VL_GUEST_ARCH },
                                        { .name = VL_GUEST_VIRT_TYPE },
                                        { .name = "hide-hypervisor-id.hidden",
                                          .flags = VL_OPTIONAL } };

/* QEMU has the Hyper-V interface for x86 under KVM alone; libvirt does not start a
 * guest that lacks what it was promised. */
static int
active (struct vl_call *c)
{
  return vl_is (c, "type", "windows") && vl_is (c, VL_GUEST_VIRT_TYPE, "kvm")
         && (vl_is (c, VL_GUEST_ARCH, "x86_64") || vl_is (c, VL_GUEST_ARCH, "i686"));
}

static int
contribute (struct vl_call *c)
{
  static const char *const lights[] = { "relaxed",  "vapic", "spinlocks", "vpindex",
                                        "runtime",  "synic", "reset",     "frequencies",
                                        "tlbflush", "ipi",   NULL };
  struct vl_node *hyperv = vl_ensure (c, "features/hyperv", "type"), *vendor;

  for (const char *const *light = lights; *light; light++)
    vl_set (vl_ensure_in (hyperv, *light), "state", "on");
  vl_set (vl_ensure_in (hyperv, "spinlocks"), "retries", "8191");
  if (vl_bool (c, "hide-hypervisor-id.hidden")) {
    vendor = vl_ensure_in (vl_because (hyperv, "hide-hypervisor-id.hidden"), "vendor_id");
    vl_set (vendor, "state", "on");
    vl_set (vendor, "value", "1234567890ab");
  }
  return 0;
}

VL_FEATURE (os_type, "os-type", .version = VL_VERSION,
            .summary = "operating system of the guest; Hyper-V enlightenments for Windows",
            .props = VL_TABLE (props), .writes = VL_TABLE (writes), .reads = VL_TABLE (reads),
            .active = active, .contribute = contribute);
