/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Laying out disks before there is any XML: bus, device name, source, format
 * and place in the boot order of each, by Nova's rules. */

#include <config.h>

#include "request/disks.h"

#include "lib/text.h"
#include "request/connection.h"

#define IDE_DISKS 4

struct layout {
  struct vl_call *call;
  struct vl_guest *guest;
  const struct vl_request *request;
  struct vl_disk *disks;
  size_t n;      /* laid out so far */
  int64_t limit; /* disks, -1: none */
};

/* ---- bus ---- */

static const char *const guest_buses[] = { "virtio", "scsi", "ide", "usb", "fdc", "sata", NULL };

/* The bus that a device name stands for, as far as it tells. */
static const char *
bus_of_name (const char *name)
{
  static const char *const rows[][2] = {
    { "vd", "virtio" }, { "hd", "ide" }, { "sd", "scsi" }, { "fd", "fdc" }
  };

  for (size_t i = 0; name && i < sizeof rows / sizeof rows[0]; i++)
    if (VL_STARTS (name, rows[i][0]))
      return rows[i][1];
  return NULL;
}

static const char *
slot_bus (struct layout *l, const char *slot)
{
  const char *bus = vl_guest_str (l->guest, slot);

  if (bus == NULL || vl_text_among (bus, guest_buses))
    return bus;
  vl_error (
      l->call, VL_ERR_UNSUPPORTED, "UnsupportedHardware", slot,
      "disk bus '%s' is not supported for '%s' guests; accepted: virtio scsi ide usb fdc sata", bus,
      vl_guest_str (l->guest, VL_GUEST_VIRT_TYPE));
  return NULL;
}

static const char *
bus_of_device (struct layout *l, const char *device)
{
  if (VL_STREQ (device, "floppy"))
    return "fdc";
  if (VL_STREQ (device, "lun"))
    return "scsi";
  return slot_bus (l, VL_STREQ (device, "cdrom") ? VL_CDROM_BUS : VL_DISK_BUS);
}

static const char *
bus_of_bdm (struct layout *l, const struct vl_block_device *bdm, const char *device)
{
  const char *bus;

  if (vl_text_among (bdm->disk_bus, guest_buses))
    return bdm->disk_bus;
  bus = bus_of_name (bdm->device_name);
  return bus ? bus : bus_of_device (l, device);
}

/* ---- name ---- */

static const char *
name_prefix (const char *bus)
{
  if (VL_STREQ (bus, "ide"))
    return "hd";
  if (VL_STREQ (bus, "virtio"))
    return "vd";
  return VL_STREQ (bus, "fdc") ? "fd" : "sd";
}

static int
name_taken (const struct layout *l, const char *name)
{
  for (size_t i = 0; i < l->n; i++)
    if (l->disks[i].dev && VL_STREQ (l->disks[i].dev, name))
      return 1;
  return 0;
}

/* "vda" .. "vdz", "vdaa" ... */
static const char *
nth_name (struct layout *l, const char *prefix, unsigned n)
{
  char letters[8];
  size_t at = sizeof letters;

  letters[--at] = '\0';
  for (n++; n > 0; n = (n - 1) / 26)
    letters[--at] = (char)('a' + (n - 1) % 26);
  return vl_printf (l->call, "%s%s", prefix, letters + at);
}

static const char *
too_many (struct layout *l, int64_t limit, const char *bus)
{
  vl_error (l->call, VL_ERR_REQUEST, "TooManyDiskDevices", NULL,
            "the guest has more disks on bus '%s' than the %lld that are allowed", bus,
            (long long)limit);
  vl_hint (l->call, VL_STREQ (bus, "ide") ? "put some on another bus"
                                          : "ask for fewer, or raise max_disk_devices_to_attach in "
                                            "section [storage] of virtloom.conf");
  return NULL;
}

static const char *
free_name (struct layout *l, const char *bus)
{
  int64_t limit = VL_STREQ (bus, "ide") ? IDE_DISKS : l->limit;
  const char *prefix = name_prefix (bus), *name;

  for (unsigned i = 0; limit < 0 || i < limit; i++) {
    name = nth_name (l, prefix, i);
    if (! name_taken (l, name))
      return name;
  }
  return too_many (l, limit, bus);
}

static const char *
name_of_bdm (struct layout *l, const struct vl_block_device *bdm, const char *bus)
{
  const char *name = bdm->device_name;

  if (name == NULL)
    return free_name (l, bus);
  if (VL_STARTS (name, "/dev/"))
    name += 5;
  if (! VL_STARTS (name, name_prefix (bus)) || name_taken (l, name)) {
    vl_error (l->call, VL_ERR_REQUEST, "InvalidDevicePath", NULL, "device_name '%s' of %s %s",
              bdm->device_name, vl_bdm_path (l->call, l->request, bdm),
              name_taken (l, name) ? "is taken by another disk"
                                   : vl_printf (l->call, "does not fit bus '%s'", bus));
    return NULL;
  }
  return name;
}

/* ---- source ---- */

static const char *
file_name (struct layout *l, const struct vl_wanted_disk *want)
{
  if (VL_STREQ (want->role, "root"))
    return "disk";
  if (VL_STREQ (want->role, "swap"))
    return "disk.swap";
  if (VL_STREQ (want->role, "config"))
    return "disk.config";
  return want->bdm ? vl_printf (l->call, "disk.eph%d", want->number) : "disk.local";
}

static void
local_source (struct layout *l, const struct vl_wanted_disk *want, struct vl_disk *disk)
{
  const char *image = l->request->image.disk_format;

  disk->type = "file";
  disk->source =
      vl_printf (l->call, "%s/%s", vl_guest_str (l->guest, VL_GUEST_RUN_DIR), file_name (l, want));
  if (VL_STREQ (want->role, "config"))
    disk->format = "raw";
  else if (VL_STREQ (want->role, "root") && image)
    disk->format = vl_disk_format (vl_guest_disk_kind (l->guest), image);
  else
    disk->format = vl_disk_format (vl_guest_disk_kind (l->guest), "raw");
}

/* Where nothing says where a volume's bytes are, the plan names the place that
 * its id would have; a server cannot be made of it. */
static int
volume_source (struct layout *l, const struct vl_block_device *bdm, struct vl_disk *disk)
{
  const struct vl_connection *connection;

  disk->serial = vl_volume_id (l->call, l->guest, bdm);
  if (bdm->path) {
    disk->type = VL_STARTS (bdm->path, "/dev/") ? "block" : "file";
    disk->source = bdm->path;
    disk->format = bdm->format ? bdm->format : "raw";
    return 0;
  }
  disk->type = "block";
  disk->format = "raw";
  if (bdm->connection_info == NULL) {
    disk->source = vl_printf (l->call, "/dev/disk/by-id/virtio-%.20s", disk->serial);
    vl_advice (l->call, NULL, NULL, "%s has no connection_info; the plan assumes '%s'",
               vl_bdm_path (l->call, l->request, bdm), disk->source);
    vl_hint (l->call, "give its connection_info, or a file with --volume path=FILE,format=raw");
    return 0;
  }
  connection = vl_connection_read (
      l->call, bdm->connection_info,
      vl_printf (l->call, "%s.connection_info", vl_bdm_path (l->call, l->request, bdm)));
  if (connection == NULL)
    return -1;
  disk->type = connection->type;
  disk->source = connection->source;
  disk->format = connection->format;
  disk->readonly = (uint32_t)connection->readonly;
  disk->shareable = (uint32_t)connection->shareable;
  if (connection->serial && bdm->uuid == NULL)
    disk->serial = connection->serial;
  return 0;
}

/* ---- one disk ---- */

static const char *
device_of (struct layout *l, const struct vl_wanted_disk *want)
{
  static const char *const devices[] = { "disk", "cdrom", "floppy", "lun", NULL };
  const char *drive = vl_config_str (l->guest->config, "storage.config_drive_format");
  const char *image = l->request->image.disk_format;

  if (VL_STREQ (want->role, "config"))
    return drive && VL_STREQ (drive, "vfat") ? "disk" : "cdrom";
  if (want->bdm && vl_is_volume (want->bdm))
    return vl_text_among (want->bdm->device_type, devices) ? want->bdm->device_type : "disk";
  if (VL_STREQ (want->role, "root"))
    return image && VL_STREQ (image, "iso") ? "cdrom" : "disk";
  if (want->bdm && vl_text_among (want->bdm->device_type, devices))
    return want->bdm->device_type;
  return "disk";
}

/* The request's own words for why there is this disk. */
static const char *
reason (struct layout *l, const struct vl_wanted_disk *want)
{
  if (want->bdm)
    return vl_printf (l->call, "%s (request)", vl_bdm_path (l->call, l->request, want->bdm));
  if (VL_STREQ (want->role, "root"))
    return VL_GUEST_IMAGE;
  if (VL_STREQ (want->role, "ephemeral"))
    return vl_printf (l->call, "ephemeral=%lld (flavor)", (long long)l->request->flavor.ephemeral);
  if (VL_STREQ (want->role, "swap"))
    return vl_printf (l->call, "swap=%lld (flavor)", (long long)l->request->flavor.swap);
  return "config_drive=true (request)";
}

static int
lay_out_disk (struct layout *l, const struct vl_wanted_disk *want)
{
  struct vl_disk *disk = &l->disks[l->n];
  int local_root = VL_STREQ (want->role, "root") && ! (want->bdm && vl_is_volume (want->bdm));

  memset (disk, 0, sizeof *disk);
  disk->role = want->role;
  disk->index = (int32_t)l->n;
  disk->why = reason (l, want);
  disk->device = device_of (l, want);
  if (want->bdm && vl_is_volume (want->bdm)) {
    if (volume_source (l, want->bdm, disk) < 0)
      return -1;
  } else {
    local_source (l, want, disk);
  }
  disk->bus = want->bdm && ! local_root ? bus_of_bdm (l, want->bdm, disk->device)
                                        : bus_of_device (l, disk->device);
  if (disk->bus)
    disk->dev = want->bdm ? name_of_bdm (l, want->bdm, disk->bus) : free_name (l, disk->bus);
  if (disk->dev == NULL)
    return -1;
  l->n++;
  return 0;
}

/* ---- boot order ---- */

static int
check_boot_indexes (struct layout *l, const struct vl_wanted_disks *wanted)
{
  size_t booted = 0;

  for (size_t i = 0; i < wanted->n; i++)
    booted += wanted->items[i].boot_index >= 0;
  for (size_t place = 0; place < booted; place++) {
    size_t found = 0;

    for (size_t i = 0; i < wanted->n; i++)
      found += wanted->items[i].boot_index == (int64_t)place;
    if (found != 1) {
      vl_error (l->call, VL_ERR_REQUEST, "InvalidBDMBootSequence", NULL,
                "boot indexes are not in sequence: %s has boot_index %zu",
                found ? "more than one disk" : "no disk", place);
      vl_hint (l->call, "number the disks to boot from 0, 1, 2 ...; -1 or nothing for the others");
      return -1;
    }
  }
  if (booted > 0)
    return 0;
  vl_error (l->call, VL_ERR_REQUEST, "InvalidBDMBootSequence", NULL,
            "there is no disk to boot from");
  vl_hint (l->call, "name an image, or give a block device boot_index 0");
  return -1;
}

/* Nova compares boot indexes as text, so that "10" comes before "2": its users'
 * guests have booted that way ever since. */
static void
set_boot_order (struct layout *l, const struct vl_wanted_disks *wanted)
{
  for (size_t i = 0; i < l->n; i++) {
    char mine[24], other[24];

    if (wanted->items[i].boot_index < 0)
      continue;
    snprintf (mine, sizeof mine, "%lld", (long long)wanted->items[i].boot_index + 1);
    l->disks[i].boot = 1;
    for (size_t k = 0; k < l->n; k++) {
      snprintf (other, sizeof other, "%lld", (long long)wanted->items[k].boot_index + 1);
      l->disks[i].boot += wanted->items[k].boot_index >= 0 && strcmp (other, mine) < 0;
    }
  }
}

/* A container has one file system, unpacked from its image. */
static int
lay_out_container (struct layout *l)
{
  const char *image = l->request->image.disk_format;

  l->disks[0] = (struct vl_disk) {
    .role = "root",
    .device = "disk",
    .type = "file",
    .bus = "lxc",
    .format = vl_disk_format (vl_guest_disk_kind (l->guest), image ? image : "raw"),
    .why = VL_GUEST_IMAGE,
    .source = vl_printf (l->call, "%s/rootfs", vl_guest_str (l->guest, VL_GUEST_RUN_DIR)),
  };
  l->n = 1;
  return 0;
}

/* Block devices that fit no role would be left out in silence. */
static int
check_devices (struct layout *l, const struct vl_wanted_disks *wanted)
{
  int result = 0;

  for (size_t d = 0; d < l->request->n_devices; d++) {
    const struct vl_block_device *bdm = &l->request->devices[d];
    size_t i = 0;

    while (i < wanted->n && wanted->items[i].bdm != bdm)
      i++;
    if (i < wanted->n)
      continue;
    result =
        vl_error (l->call, VL_ERR_REQUEST, "InvalidBDM", NULL,
                  "%s: source_type '%s' with destination_type '%s' and boot_index %lld is no disk",
                  vl_bdm_path (l->call, l->request, bdm), bdm->source_type ? bdm->source_type : "",
                  bdm->destination_type ? bdm->destination_type : "", (long long)bdm->boot_index);
    vl_hint (l->call,
             "accepted: image to local with boot_index 0, blank to local, anything to volume");
  }
  return result;
}

static int
lay_out_all (struct layout *l, const struct vl_wanted_disks *wanted)
{
  int result = check_devices (l, wanted);

  if (result == 0)
    result = check_boot_indexes (l, wanted);
  for (size_t i = 0; i < wanted->n; i++)
    if (lay_out_disk (l, &wanted->items[i]) < 0)
      return -1;
  if (result == 0)
    set_boot_order (l, wanted);
  return result;
}

int
vl_disks_lay_out (struct vl_call *call, struct vl_guest *guest)
{
  struct layout l = { .call = call, .guest = guest, .request = guest->request, .limit = -1 };
  VL_AUTOWANTED struct vl_wanted_disks wanted = { 0 };
  struct vl_plugin *caller = call->plugin;
  int64_t limit;
  int result;

  vl_wanted_disks_list (l.request, &wanted);
  l.disks = vl_arena_alloc (call->arena, (wanted.n + 1) * sizeof *l.disks);
  vl_call_as (call, NULL);
  limit = vl_config_int (guest->config, "storage.max_disk_devices_to_attach");
  if (limit > 0)
    l.limit = limit;
  result = vl_guest_is (guest, VL_GUEST_VIRT_TYPE, "lxc") ? lay_out_container (&l)
                                                          : lay_out_all (&l, &wanted);
  vl_call_as (call, caller);
  guest->disks = l.disks;
  guest->n_disks = result == 0 ? l.n : 0;
  return result;
}
