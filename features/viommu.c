/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * viommu: an IOMMU for the guest, which it needs to pass devices on to guests
 * of its own.  The attributes are Nova's. */

#include <config.h>

#include <virtloom/feature.h>

#include <inttypes.h>
#include <string.h>

/* Libvirt that knows model virtio, and that adds an IOMMU by itself where one must be. */
#define VIRTIO_SINCE "8.3.0"
#define ADDED_SINCE "10.10.0"
#define MOST_WITHOUT_EIM 255

static const char *const models[] = { "intel", "smmuv3", "virtio", "auto", NULL };

static const struct vl_prop props[] = {
  { .name = "model",
    .type = VL_CHOICE,
    .rule = VL_FLAVOR_WINS,
    .choices = models,
    .flavor_key = "hw:viommu_model",
    .image_key = "hw_viommu_model",
    .help = "model of the guest's IOMMU; auto: what host and machine can; unset: none",
    .since = "0.1.0" },
};

static const struct vl_write writes[] = { { .path = "devices/iommu" },
                                          { .path = "features/ioapic" } };

static const struct vl_name reads[] = { { .name = VL_GUEST_ARCH },
                                        { .name = VL_GUEST_MACHINE },
                                        { .name = VL_GUEST_VCPUS },
                                        { .name = VL_GUEST_VIRT_TYPE } };

static int
is_x86 (struct vl_call *c)
{
  return vl_is (c, VL_GUEST_ARCH, "x86_64") || vl_is (c, VL_GUEST_ARCH, "i686");
}

static int
is_arm (struct vl_call *c)
{
  return vl_is (c, VL_GUEST_ARCH, "aarch64");
}

static int
machine_has (struct vl_call *c, const char *part)
{
  const char *machine = vl_str (c, VL_GUEST_MACHINE);

  return machine && strstr (machine, part) != NULL;
}

/* QEMU has extended interrupt mode under KVM only, and libvirt for q35 only. */
static int
can_eim (struct vl_call *c)
{
  return machine_has (c, "q35") && vl_is (c, VL_GUEST_VIRT_TYPE, "kvm");
}

static int
resolve (struct vl_call *c)
{
  if (! vl_is (c, "model", "auto") || (! is_x86 (c) && ! is_arm (c)))
    return 0;
  switch (vl_fact_at_least (c, "libvirt.version", VIRTIO_SINCE)) {
  case 1:
    return vl_put (c, "model", "virtio", "model", "libvirt " VIRTIO_SINCE " and later have it");
  case 0:
    return vl_put (c, "model", is_arm (c) ? "smmuv3" : "intel", "model",
                   "libvirt before " VIRTIO_SINCE " has no virtio IOMMU");
  default:
    return 0;
  }
}

/* Interrupts reach the CPUs beyond these by an IOMMU with extended interrupt mode only. */
static int
beyond_apic (struct vl_call *c)
{
  return is_x86 (c) && machine_has (c, "q35") && vl_int (c, VL_GUEST_VCPUS) > MOST_WITHOUT_EIM
         && ! vl_is (c, VL_GUEST_VIRT_TYPE, "lxc");
}

static int
active (struct vl_call *c)
{
  return vl_has (c, "model")
         || (beyond_apic (c) && vl_fact_at_least (c, "libvirt.version", ADDED_SINCE) != 1);
}

static int
validate_machine (struct vl_call *c)
{
  const char *needed = is_arm (c) ? "virt" : "q35";

  if (! is_arm (c) && ! is_x86 (c))
    return vl_refuse_as (
        c, VL_ERR_UNSUPPORTED, "InvalidVIOMMUArchitecture", "model",
        "take hw:viommu_model and hw_viommu_model out",
        "there is no IOMMU for guests of architecture '%s'; accepted: x86_64, i686, aarch64",
        vl_str (c, VL_GUEST_ARCH));
  if (! machine_has (c, needed))
    return vl_refuse_as (c, VL_ERR_REQUEST, "InvalidVIOMMUMachineType", "model",
                         vl_printf (c, "add hw_machine_type=%s to the image", needed),
                         "machine type '%s' cannot have an IOMMU; accepted: %s",
                         vl_str (c, VL_GUEST_MACHINE), needed);
  return 0;
}

static int
validate (struct vl_call *c)
{
  const char *other = is_arm (c) ? "intel" : "smmuv3";
  int newer;

  if (vl_is (c, VL_GUEST_VIRT_TYPE, "lxc"))
    return vl_refuse (c, VL_ERR_UNSUPPORTED, "model", NULL, "a container has no IOMMU");
  if (beyond_apic (c) && ! (vl_is (c, "model", "intel") && can_eim (c)))
    return vl_refuse_as (c, VL_ERR_UNSUPPORTED, "NoValidHost", VL_GUEST_VCPUS,
                         vl_is (c, VL_GUEST_VIRT_TYPE, "kvm")
                             ? "say hw_viommu_model=intel in the image, or take a flavor with fewer"
                             : "take a host with KVM, or a flavor with fewer",
                         "the guest has %" PRId64
                         " vCPUs, and more than %d take KVM and an IOMMU of model 'intel'",
                         vl_int (c, VL_GUEST_VCPUS), MOST_WITHOUT_EIM);
  if (validate_machine (c) < 0)
    return -1;
  if (vl_is (c, "model", other))
    return vl_refuse_as (c, VL_ERR_REQUEST, "UnsupportedHardware", "model",
                         "'auto' takes a model that fits",
                         "there is no '%s' IOMMU for '%s' guests; accepted: %s, virtio, auto",
                         other, vl_str (c, VL_GUEST_ARCH), is_arm (c) ? "smmuv3" : "intel");
  if (vl_is (c, "model", "intel"))
    return 0;
  newer = vl_fact_at_least (c, "libvirt.version", VIRTIO_SINCE);
  if (newer < 0)
    return vl_unsaid (c, "model", "libvirt.version");
  if (newer == 0 && vl_is (c, "model", "virtio"))
    return vl_refuse (c, VL_ERR_UNSUPPORTED, "model", "say 'auto', which takes what this host has",
                      "IOMMU model 'virtio' takes libvirt " VIRTIO_SINCE "; this host has %s",
                      vl_fact_str (c, "libvirt.version"));
  return 0;
}

/* Nova gives these to every model; libvirt takes them on intel's alone. */
static void
write_driver (struct vl_call *c, struct vl_node *iommu)
{
  struct vl_node *driver = vl_ensure_in (iommu, "driver");

  vl_set (driver, "intremap", "on");
  vl_set (driver, "caching_mode", "on");
  vl_set_int (driver, "aw_bits", 48);
  vl_set (driver, "eim", can_eim (c) ? "on" : "off");
  vl_set (driver, "iotlb", "on");
}

static int
contribute (struct vl_call *c)
{
  struct vl_node *iommu = vl_append (c, "devices/iommu", "model");

  vl_set_from (iommu, "model", "model");
  if (vl_is (c, "model", "intel"))
    write_driver (c, iommu);
  if (! is_x86 (c))
    return 0;
  return vl_set (vl_ensure (c, "features/ioapic", "model"), "driver", "qemu");
}

VL_FEATURE (viommu, "viommu", .version = VL_VERSION, .summary = "an IOMMU for the guest",
            .props = VL_TABLE (props), .writes = VL_TABLE (writes), .reads = VL_TABLE (reads),
            .resolve = resolve, .active = active, .validate = validate, .contribute = contribute);
