/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * acpi: ACPI tables and APIC, which every emulated guest has unless another
 * feature forbids them.  Owns features/acpi and features/apic. */

#include <config.h>

#include <virtloom/feature.h>

static const struct vl_prop props[] = {
  { .name = "no-apic",
    .type = VL_BOOL,
    .deflt = "false",
    .setting = "libvirt_disable_apic",
    .nova = "workarounds.libvirt_disable_apic",
    .help = "leave the APIC out of every guest",
    .since = "0.1.0" },
};

static const struct vl_write writes[] = { { .path = "features/acpi" },
                                          { .path = "features/apic" } };

static const struct vl_name reads[] = { { .name = VL_GUEST_ARCH },
                                        { .name = VL_GUEST_VIRT_TYPE },
                                        { .name = "firmware.type", .flags = VL_OPTIONAL } };

/* The machines of these architectures have neither; libvirt refuses a guest that asks. */
static int
active (struct vl_call *c)
{
  static const char *const without[] = { "ppc", "ppc64", "ppc64le", "s390", "s390x", NULL };

  for (const char *const *arch = without; *arch; arch++)
    if (vl_is (c, VL_GUEST_ARCH, *arch))
      return 0;
  return ! vl_is (c, VL_GUEST_VIRT_TYPE, "lxc");
}

/* libvirt refuses ACPI to aarch64 guests without UEFI. */
static int
contribute (struct vl_call *c)
{
  if (! vl_is (c, VL_GUEST_ARCH, "aarch64") || vl_is (c, "firmware.type", "uefi"))
    vl_ensure_weak (c, "features/acpi", NULL);
  if (! vl_bool (c, "no-apic"))
    vl_ensure_weak (c, "features/apic", "no-apic");
  return 0;
}

VL_FEATURE (acpi, "acpi", .version = VL_VERSION, .summary = "ACPI and APIC",
            .props = VL_TABLE (props), .writes = VL_TABLE (writes), .reads = VL_TABLE (reads),
            .active = active, .contribute = contribute);
