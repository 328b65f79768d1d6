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

static const struct vl_name reads[] = { { .name = VL_GUEST_ARCH },
                                        { .name = VL_GUEST_DISK },
                                        { .name = VL_GUEST_MACHINE },
                                        { .name = VL_GUEST_VIRT_TYPE },
                                        { .name = VL_STORAGE_CONFIG_DRIVE_BUS },
                                        { .name = "scsi-controller.adapter",
                                          .flags = VL_OPTIONAL } };

/* One row for each slot: disks and CD-ROM drives share the buses. */
#define BUS(...)                                                                                   \
  { .slot = VL_DISK_BUS, .virt = "kvm qemu", __VA_ARGS__ },                                        \
  {                                                                                                \
    .slot = VL_CDROM_BUS, .virt = "kvm qemu", __VA_ARGS__                                          \
  }

/* An IDE machine has two channels of two devices; a floppy controller drives two. */
static const struct vl_offer offers[] = {
  BUS (.name = "virtio", .prefix = "vd"),         BUS (.name = "scsi", .prefix = "sd"),
  BUS (.name = "ide", .prefix = "hd", .most = 4), BUS (.name = "usb", .prefix = "sd"),
  BUS (.name = "fdc", .prefix = "fd", .most = 2), BUS (.name = "sata", .prefix = "sd"),
};

static int
is_offered (const char *bus)
{
  for (size_t i = 0; i < sizeof offers / sizeof offers[0]; i++)
    if (strcmp (offers[i].name, bus) == 0)
      return 1;
  return 0;
}

static int
check_bus (struct vl_call *c, const char *prop)
{
  const char *bus = vl_str (c, prop);
  int container = vl_is (c, VL_GUEST_VIRT_TYPE, "lxc");

  if (bus == NULL || (container ? strcmp (bus, "lxc") == 0 : is_offered (bus)))
    return 0;
  return vl_refuse_as (c, VL_ERR_UNSUPPORTED, "UnsupportedHardware", prop,
                       "leave the property out to have the usual bus",
                       "a '%s' guest has no bus '%s'; accepted: %s", vl_str (c, VL_GUEST_VIRT_TYPE),
                       bus, container ? "lxc" : "fdc ide sata scsi usb virtio");
}

/* An image made for another hypervisor names its adapter, not its bus. */
static int
resolve (struct vl_call *c)
{
  const char *adapter = vl_str (c, "scsi-controller.adapter");
  int disk, cdrom;

  if (adapter && ! vl_has (c, "disk")
      && vl_put (c, "disk", strcmp (adapter, "ide") == 0 ? "ide" : "scsi",
                 "scsi-controller.adapter", "the bus of that adapter")
             < 0)
    return -1;
  disk = check_bus (c, "disk");
  cdrom = check_bus (c, "cdrom");
  return disk < 0 || cdrom < 0 ? -1 : 0;
}

static int
active (struct vl_call *c)
{
  return ! vl_is (c, VL_GUEST_VIRT_TYPE, "lxc");
}

/* Why this machine cannot have DISK where it is, or NULL. */
static const char *
misplaced (struct vl_call *c, const struct vl_disk *disk)
{
  if (strcmp (disk->bus, "fdc") == 0 && strcmp (disk->device, "floppy") != 0)
    return "which only has floppies";
  if (strcmp (disk->bus, "virtio") == 0 && strcmp (disk->device, "cdrom") == 0)
    return "which has no CD-ROM drives";
  if (vl_cap (c, "disk.bus", disk->bus) == 0)
    return vl_printf (c, "which machine type '%s' does not have on this host",
                      vl_str (c, VL_GUEST_MACHINE));
  return NULL;
}

/* Nova's guests meet this too: Debian's cloud kernel drives no SATA, so that cloud-init finds
 * nothing and switches itself off without a word. */
static void
advise_on_config_drive (struct vl_call *c, const struct vl_disk *disk)
{
  if (strcmp (disk->role, "config") == 0 && strcmp (disk->bus, "sata") == 0 && ! vl_has (c, "cdrom")
      && ! vl_has (c, VL_STORAGE_CONFIG_DRIVE_BUS))
    vl_advise (c, NULL,
               "give the image hw_cdrom_bus=scsi and hw_scsi_model=virtio-scsi; or for all guests "
               "say config_drive_bus = scsi or config_drive_format = vfat in section [storage] of "
               "virtloom.conf",
               "the config drive is a CD-ROM on SATA, which guests whose kernel has no AHCI driver "
               "do not see, as Debian's cloud kernel");
}

static int
validate (struct vl_call *c)
{
  int result = 0;

  for (size_t i = 0; i < vl_n_disks (c); i++) {
    const struct vl_disk *disk = vl_disk (c, i);
    const char *why = misplaced (c, disk);
    int cdrom = strcmp (disk->device, "cdrom") == 0;
    const char *prop = cdrom ? "cdrom" : "disk";

    advise_on_config_drive (c, disk);
    if (strcmp (disk->device, "floppy") == 0 && vl_has (c, "floppy")
        && ! vl_is (c, "floppy", disk->bus))
      result =
          vl_refuse_as (c, VL_ERR_UNSUPPORTED, "UnsupportedHardware", "floppy",
                        "leave the property out", "floppy '%s' cannot be on bus '%s'; accepted: %s",
                        disk->dev, vl_str (c, "floppy"), disk->bus);
    else if (why)
      result = vl_refuse_as (
          c, VL_ERR_UNSUPPORTED, "UnsupportedHardware", vl_is (c, prop, disk->bus) ? prop : NULL,
          vl_printf (c, "buses that every machine has: scsi usb%s", cdrom ? "" : " virtio"),
          "%s '%s' is on bus '%s', %s", disk->device, disk->dev, disk->bus, why);
  }
  return result;
}

VL_FEATURE (disk_bus, "disk-bus", .version = VL_VERSION,
            .summary = "buses of disks and CD-ROM drives", .props = VL_TABLE (props),
            .reads = VL_TABLE (reads), .offers = VL_TABLE (offers), .resolve = resolve,
            .active = active, .validate = validate);
