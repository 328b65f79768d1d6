/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * viommu: an IOMMU for the guest, which it needs to pass devices on to guests
 * of its own.  The attributes are Nova's. */

#include <config.h>

#include <virtloom/feature.h>

#include <string.h>

/* Libvirt that knows model virtio. */
#define VIRTIO_SINCE "8.3.0"

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

static const struct vl_write writes[] = { { "devices/iommu", NULL }, { "features/ioapic", NULL } };

static const struct vl_name reads[] = { { VL_GUEST_ARCH },
                                        { VL_GUEST_MACHINE },
                                        { VL_GUEST_VIRT_TYPE } };

static int
is_x86 (const struct vl_guest *guest)
{
  return vl_guest_is (guest, VL_GUEST_ARCH, "x86_64") || vl_guest_is (guest, VL_GUEST_ARCH, "i686");
}

static int
is_arm (const struct vl_guest *guest)
{
  return vl_guest_is (guest, VL_GUEST_ARCH, "aarch64");
}

static int
machine_has (const struct vl_guest *guest, const char *part)
{
  const char *machine = vl_guest_str (guest, VL_GUEST_MACHINE);

  return machine && strstr (machine, part) != NULL;
}

/* QEMU has extended interrupt mode under KVM only, and libvirt for q35 only. */
static int
can_eim (const struct vl_guest *guest)
{
  return machine_has (guest, "q35") && vl_guest_is (guest, VL_GUEST_VIRT_TYPE, "kvm");
}

static int
resolve (struct vl_call *call, struct vl_guest *guest, const struct vl_host *host)
{
  if (! vl_guest_is (guest, "model", "auto") || (! is_x86 (guest) && ! is_arm (guest)))
    return 0;
  switch (vl_host_at_least (host, "libvirt.version", VIRTIO_SINCE)) {
  case 1:
    return vl_guest_set (call, guest, "model", "virtio", "model",
                         "libvirt " VIRTIO_SINCE " and later have it");
  case 0:
    return vl_guest_set (call, guest, "model", is_arm (guest) ? "smmuv3" : "intel", "model",
                         "libvirt before " VIRTIO_SINCE " has no virtio IOMMU");
  default:
    return 0;
  }
}

static int
active (const struct vl_guest *guest)
{
  return vl_guest_has (guest, "model");
}

static int
validate_machine (struct vl_call *call, const struct vl_guest *guest)
{
  const char *needed = is_arm (guest) ? "virt" : "q35";

  if (! is_arm (guest) && ! is_x86 (guest)) {
    vl_error (call, VL_ERR_UNSUPPORTED, "InvalidVIOMMUArchitecture", "model",
              "there is no IOMMU for guests of architecture '%s'; accepted: x86_64, i686, aarch64",
              vl_guest_str (guest, VL_GUEST_ARCH));
    vl_hint (call, "take hw:viommu_model and hw_viommu_model out");
    return -1;
  }
  if (! machine_has (guest, needed)) {
    vl_error (call, VL_ERR_REQUEST, "InvalidVIOMMUMachineType", "model",
              "machine type '%s' cannot have an IOMMU; accepted: %s",
              vl_guest_str (guest, VL_GUEST_MACHINE), needed);
    vl_hint (call, "add hw_machine_type=%s to the image", needed);
    return -1;
  }
  return 0;
}

static int
validate (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  const char *other = is_arm (guest) ? "intel" : "smmuv3";
  int newer;

  if (vl_guest_is (guest, VL_GUEST_VIRT_TYPE, "lxc"))
    return vl_error (call, VL_ERR_UNSUPPORTED, NULL, "model", "a container has no IOMMU");
  if (validate_machine (call, guest) < 0)
    return -1;
  if (vl_guest_is (guest, "model", other)) {
    vl_error (call, VL_ERR_REQUEST, "UnsupportedHardware", "model",
              "there is no '%s' IOMMU for '%s' guests; accepted: %s, virtio, auto", other,
              vl_guest_str (guest, VL_GUEST_ARCH), is_arm (guest) ? "smmuv3" : "intel");
    vl_hint (call, "'auto' takes a model that fits");
    return -1;
  }
  if (vl_guest_is (guest, "model", "intel"))
    return 0;
  newer = vl_host_at_least (host, "libvirt.version", VIRTIO_SINCE);
  if (newer < 0)
    return vl_host_unknown (call, "model", "libvirt.version");
  if (newer == 0 && vl_guest_is (guest, "model", "virtio")) {
    vl_error (call, VL_ERR_UNSUPPORTED, NULL, "model",
              "IOMMU model 'virtio' takes libvirt " VIRTIO_SINCE "; this host has %s",
              vl_host_str (host, "libvirt.version"));
    vl_hint (call, "say 'auto', which takes what this host has");
    return -1;
  }
  return 0;
}

/* Nova gives these to every model; libvirt takes them on intel's alone. */
static void
write_driver (struct vl_call *call, const struct vl_guest *guest, struct vl_node *iommu)
{
  struct vl_node *driver = vl_ensure (call, iommu, "driver", 0, "model");

  vl_set (call, driver, "intremap", "on", "model");
  vl_set (call, driver, "caching_mode", "on", "model");
  vl_set (call, driver, "aw_bits", "48", "model");
  vl_set (call, driver, "eim", can_eim (guest) ? "on" : "off", "model");
  vl_set (call, driver, "iotlb", "on", "model");
}

static int
contribute (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  struct vl_node *iommu = vl_append (call, NULL, "devices/iommu", "model");

  (void)host;
  vl_set (call, iommu, "model", vl_guest_str (guest, "model"), "model");
  if (vl_guest_is (guest, "model", "intel"))
    write_driver (call, guest, iommu);
  if (! is_x86 (guest))
    return 0;
  return vl_set (call, vl_ensure (call, NULL, "features/ioapic", 0, "model"), "driver", "qemu",
                 "model");
}

VL_FEATURE (viommu, "viommu", .version = VL_VERSION, .summary = "an IOMMU for the guest",
            .props = VL_TABLE (props), .writes = VL_TABLE (writes), .reads = VL_TABLE (reads),
            .resolve = resolve, .active = active, .validate = validate, .contribute = contribute);
