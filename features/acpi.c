/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * acpi: ACPI tables and APIC, which every emulated guest has unless another
 * feature forbids them.  Owns features/acpi and features/apic. */

#include <config.h>

#include <virtloom/feature.h>

static const struct vl_prop props[] = {
  { .name = "no-apic",
    .type = VL_BOOL,
    .setting = "libvirt_disable_apic",
    .help = "the guest has no APIC",
    .since = "0.1.0" },
};

static const struct vl_setting settings[] = {
  { .name = "libvirt_disable_apic",
    .type = VL_BOOL,
    .deflt = "no",
    .nova = "workarounds.libvirt_disable_apic",
    .help = "leave the APIC out of every guest",
    .since = "0.1.0" },
};

static const struct vl_write writes[] = { { "features/acpi", NULL }, { "features/apic", NULL } };

static const struct vl_name reads[] = { { VL_GUEST_ARCH },
                                        { VL_GUEST_VIRT_TYPE },
                                        { "firmware.type" } };

/* The machines of these have neither; libvirt refuses a guest that asks. */
static int
without_acpi (const struct vl_guest *guest)
{
  static const char *const archs[] = { "ppc", "ppc64", "ppc64le", "s390", "s390x", NULL };

  for (const char *const *arch = archs; *arch; arch++)
    if (vl_guest_is (guest, VL_GUEST_ARCH, *arch))
      return 1;
  return 0;
}

static int
active (const struct vl_guest *guest)
{
  return ! vl_guest_is (guest, VL_GUEST_VIRT_TYPE, "lxc") && ! without_acpi (guest);
}

/* libvirt refuses ACPI to aarch64 guests without UEFI. */
static int
has_acpi (const struct vl_guest *guest)
{
  return ! vl_guest_is (guest, VL_GUEST_ARCH, "aarch64")
         || vl_guest_is (guest, "firmware.type", "uefi");
}

static int
contribute (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  (void)host;
  if (has_acpi (guest))
    vl_ensure (call, NULL, "features/acpi", VL_WEAK, NULL);
  if (! vl_guest_bool (guest, "no-apic"))
    vl_ensure (call, NULL, "features/apic", VL_WEAK, "no-apic");
  return 0;
}

VL_FEATURE (acpi, "acpi", .version = VL_VERSION, .summary = "ACPI and APIC",
            .props = VL_TABLE (props), .settings = VL_TABLE (settings), .writes = VL_TABLE (writes),
            .reads = VL_TABLE (reads), .active = active, .contribute = contribute);
