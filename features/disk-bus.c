/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * disk-bus: fills the slots disk.bus and cdrom.bus with what the image asks
 * for, if this kind of guest and this host's machine have such a bus. */

#include <config.h>

#include <virtloom/feature.h>

#include <string.h>

static const char *const buses[] = { "fdc", "ide", "lxc",    "sata", "scsi",
                                     "uml", "usb", "virtio", "xen",  NULL };

static const struct vl_prop props[] = {
  { .name = "disk",
    .type = VL_CHOICE,
    .choices = buses,
    .image_key = "hw_disk_bus",
    .invalid_code = "InvalidRequest",
    .fills = VL_DISK_BUS,
    .help = "bus of disks",
    .since = "0.1.0" },
  { .name = "cdrom",
    .type = VL_CHOICE,
    .choices = buses,
    .image_key = "hw_cdrom_bus",
    .invalid_code = "InvalidRequest",
    .fills = VL_CDROM_BUS,
    .help = "bus of CD-ROM drives",
    .since = "0.1.0" },
  { .name = "floppy",
    .type = VL_CHOICE,
    .choices = buses,
    .image_key = "hw_floppy_bus",
    .invalid_code = "InvalidRequest",
    .help = "bus of floppy drives; libvirt knows fdc alone",
    .since = "0.1.0" },
};

static const struct vl_name reads[] = { { VL_GUEST_ARCH },
                                        { VL_GUEST_DISK },
                                        { VL_GUEST_MACHINE },
                                        { VL_GUEST_VIRT_TYPE },
                                        { "scsi-controller.adapter" } };

static int
check_bus (struct vl_call *call, const struct vl_guest *guest, const char *prop)
{
  static const char *const none_of_qemu[] = { "lxc", "uml", "xen", NULL };
  const char *bus = vl_guest_str (guest, prop), *type = vl_guest_str (guest, VL_GUEST_VIRT_TYPE);
  int container = strcmp (type, "lxc") == 0, allowed;

  if (bus == NULL)
    return 0;
  allowed = ! container || strcmp (bus, "lxc") == 0;
  for (const char *const *other = none_of_qemu; *other && ! container; other++)
    allowed = allowed && strcmp (bus, *other) != 0;
  if (allowed)
    return 0;
  vl_error (call, VL_ERR_UNSUPPORTED, "UnsupportedHardware", prop,
            "a '%s' guest has no bus '%s'; accepted: %s", type, bus,
            container ? "lxc" : "fdc ide sata scsi usb virtio");
  vl_hint (call, "leave the property out to have the usual bus");
  return -1;
}

/* An image made for another hypervisor names its adapter, not its bus. */
static int
resolve (struct vl_call *call, struct vl_guest *guest, const struct vl_host *host)
{
  const char *adapter = vl_guest_str (guest, "scsi-controller.adapter");
  int disk, cdrom;

  (void)host;
  if (adapter && ! vl_guest_has (guest, "disk")
      && vl_guest_set (call, guest, "disk", strcmp (adapter, "ide") == 0 ? "ide" : "scsi",
                       "scsi-controller.adapter", "the bus of that adapter")
             < 0)
    return -1;
  disk = check_bus (call, guest, "disk");
  cdrom = check_bus (call, guest, "cdrom");
  return disk < 0 || cdrom < 0 ? -1 : 0;
}

static int
active (const struct vl_guest *guest)
{
  return ! vl_guest_is (guest, VL_GUEST_VIRT_TYPE, "lxc");
}

/* Why this machine cannot have DISK where it is, or NULL. */
static const char *
misplaced (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host,
           const struct vl_disk *disk)
{
  if (strcmp (disk->bus, "fdc") == 0 && strcmp (disk->device, "floppy") != 0)
    return "which only has floppies";
  if (strcmp (disk->bus, "virtio") == 0 && strcmp (disk->device, "cdrom") == 0)
    return "which has no CD-ROM drives";
  if (vl_host_cap (guest, host, "disk.bus", disk->bus) == 0)
    return vl_printf (call, "which machine type '%s' does not have on this host",
                      vl_guest_str (guest, VL_GUEST_MACHINE));
  return NULL;
}

static int
validate (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  int result = 0;

  for (size_t i = 0; i < vl_guest_n_disks (guest); i++) {
    const struct vl_disk *disk = vl_guest_disk (guest, i);
    const char *prop = strcmp (disk->device, "cdrom") == 0 ? "cdrom" : "disk";
    const char *why = misplaced (call, guest, host, disk);

    if (strcmp (disk->device, "floppy") == 0 && vl_guest_has (guest, "floppy")
        && ! vl_guest_is (guest, "floppy", disk->bus)) {
      result = vl_error (call, VL_ERR_UNSUPPORTED, "UnsupportedHardware", "floppy",
                         "floppy '%s' cannot be on bus '%s'; accepted: %s", disk->dev,
                         vl_guest_str (guest, "floppy"), disk->bus);
      vl_hint (call, "leave the property out");
      continue;
    }
    if (why == NULL)
      continue;
    result = vl_error (call, VL_ERR_UNSUPPORTED, "UnsupportedHardware",
                       vl_guest_is (guest, prop, disk->bus) ? prop : NULL,
                       "%s '%s' is on bus '%s', %s", disk->device, disk->dev, disk->bus, why);
    vl_hint (call, "buses that every machine has: scsi usb%s",
             strcmp (disk->device, "cdrom") == 0 ? "" : " virtio");
  }
  return result;
}

VL_FEATURE (disk_bus, "disk-bus", .version = VL_VERSION,
            .summary = "buses of disks and CD-ROM drives", .props = VL_TABLE (props),
            .reads = VL_TABLE (reads), .resolve = resolve, .active = active, .validate = validate);
