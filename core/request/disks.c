/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Laying out disks before there is any XML: bus, device name, source, format
 * and place in the boot order of each, by Nova's rules. */

#include <config.h>

#include "request/disks.h"

#include "lib/text.h"
#include "request/recorded.h"

#define GIB ((int64_t)1 << 30)
#define MIB ((int64_t)1 << 20)

struct offers {
  const struct vl_offer **rows;
  size_t n;
};

struct layout {
  struct vl_call *call;
  struct vl_guest *guest;
  const struct vl_request *request;
  struct vl_disk *disks;
  size_t n;                /* laid out so far */
  int64_t limit;           /* disks, -1: none */
  struct offers offers[2]; /* the buses of disks and of CD-ROM drives */
};

/* ---- bus ---- */

/* The slot that says where DEVICE may be. */
static const char *
slot_of (const char *device)
{
  return VL_STREQ (device, "cdrom") ? VL_CDROM_BUS : VL_DISK_BUS;
}

/* What is known of BUS for such a DEVICE; NULL where nobody offers it. */
static const struct vl_offer *
find_bus (const struct layout *l, const char *device, const char *bus)
{
  const struct offers *offers = &l->offers[VL_STREQ (device, "cdrom")];

  for (size_t i = 0; bus && i < offers->n; i++)
    if (VL_STREQ (offers->rows[i]->name, bus))
      return offers->rows[i];
  return NULL;
}

/* "vda" of "/dev/vda", as both are given. */
static const char *
device_name (const struct vl_block_device *bdm)
{
  const char *name = bdm->device_name;

  return name && VL_STARTS (name, "/dev/") ? name + 5 : name;
}

/* The first bus whose devices are called as NAME is. */
static const struct vl_offer *
bus_of_name (const struct layout *l, const char *device, const char *name)
{
  const struct offers *offers = &l->offers[VL_STREQ (device, "cdrom")];

  for (size_t i = 0; name && i < offers->n; i++)
    if (offers->rows[i]->prefix && VL_STARTS (name, offers->rows[i]->prefix))
      return offers->rows[i];
  return NULL;
}

static const struct vl_offer *
bus_of_device (struct layout *l, const char *device)
{
  const struct offers *offers = &l->offers[VL_STREQ (device, "cdrom")];
  const char *slot = slot_of (device), *bus;
  const struct vl_offer *offer;
  VL_AUTOSTR struct vl_str all = { 0 };

  bus = VL_STREQ (device, "floppy") ? "fdc"
        : VL_STREQ (device, "lun")  ? "scsi"
                                    : vl_str (l->call, slot);
  offer = find_bus (l, device, bus);
  if (offer || bus == NULL)
    return offer;
  for (size_t i = 0; i < offers->n; i++)
    vl_str_printf (&all, " %s", offers->rows[i]->name);
  vl_refuse_as (l->call, VL_ERR_UNSUPPORTED, "UnsupportedHardware", slot, NULL,
                "disk bus '%s' is not supported for '%s' guests; accepted:%s", bus,
                vl_str (l->call, VL_GUEST_VIRT_TYPE), all.length ? all.text : " none");
  return NULL;
}

static const struct vl_offer *
bus_of_bdm (struct layout *l, const struct vl_block_device *bdm, const char *device)
{
  const struct vl_offer *bus = find_bus (l, device, bdm->disk_bus);

  if (bus == NULL)
    bus = bus_of_name (l, device, device_name (bdm));
  return bus ? bus : bus_of_device (l, device);
}

/* ---- name ---- */

static int
name_taken (const struct layout *l, const char *name)
{
  for (size_t i = 0; i < l->n; i++)
    if (l->disks[i].dev && VL_STREQ (l->disks[i].dev, name))
      return 1;
  return 0;
}

/* Is NAME what a disk has that is there, but for the disk ID? */
static int
name_kept (const struct layout *l, const char *name, const char *id)
{
  const struct vl_recorded *was = l->guest->was;

  for (size_t i = 0; was && i < was->n_devices; i++) {
    const struct vl_disk *disk = &was->devices[i].disk;

    if (! was->devices[i].is_nic && disk->dev && VL_STREQ (disk->dev, name)
        && ! VL_STREQ (disk->id, id))
      return 1;
  }
  return 0;
}

/* The name that disk ID has already, if it is on BUS still; NULL otherwise. */
static const char *
kept_name (const struct layout *l, const char *id, const struct vl_offer *bus)
{
  const struct vl_recorded_device *was = vl_recorded_device (l->guest->was, id);

  if (was == NULL || was->is_nic || was->disk.dev == NULL || ! VL_STREQ (was->disk.bus, bus->name)
      || name_taken (l, was->disk.dev))
    return NULL;
  return was->disk.dev;
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
free_name (struct layout *l, const struct vl_offer *bus, const char *id)
{
  int64_t limit = bus->most ? bus->most : l->limit;
  const char *prefix = bus->prefix ? bus->prefix : "sd", *name;

  for (unsigned i = 0; limit < 0 || i < limit; i++) {
    name = nth_name (l, prefix, i);
    if (! name_taken (l, name) && ! name_kept (l, name, id))
      return name;
  }
  vl_refuse_as (l->call, VL_ERR_REQUEST, "TooManyDiskDevices", NULL,
                bus->most ? "put some on another bus"
                          : "ask for fewer, or raise max_disk_devices_to_attach in section "
                            "[storage] of virtloom.conf",
                "the guest has more disks on bus '%s' than the %lld that are allowed", bus->name,
                (long long)limit);
  return NULL;
}

static const char *
name_of (struct layout *l, const struct vl_block_device *bdm, const struct vl_offer *bus,
         const char *id)
{
  const char *name = bdm ? device_name (bdm) : NULL;

  if (name == NULL) {
    name = kept_name (l, id, bus);
    return name ? name : free_name (l, bus, id);
  }
  if ((bus->prefix && ! VL_STARTS (name, bus->prefix)) || name_taken (l, name)) {
    vl_refuse_as (l->call, VL_ERR_REQUEST, "InvalidDevicePath", NULL, NULL,
                  "device_name '%s' of %s %s", bdm->device_name,
                  vl_bdm_path (l->call, l->request, bdm),
                  name_taken (l, name) ? "is taken by another disk"
                                       : vl_printf (l->call, "does not fit bus '%s'", bus->name));
    return NULL;
  }
  return name;
}

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

/* A disk's name among those of its server, for ever. */
static const char *
id_of (struct layout *l, const struct vl_wanted_disk *want)
{
  if (VL_STREQ (want->role, "volume"))
    return vl_printf (l->call, "volume-%s", vl_volume_id (l->call, l->guest, want->bdm));
  if (VL_STREQ (want->role, "ephemeral"))
    return vl_printf (l->call, "ephemeral%d", want->number);
  return want->number ? vl_printf (l->call, "%s%d", want->role, want->number) : want->role;
}

static int
check_id (struct layout *l, const struct vl_wanted_disk *want, const char *id)
{
  for (size_t i = 0; i < l->n; i++)
    if (VL_STREQ (l->disks[i].id, id))
      return vl_refuse_as (l->call, VL_ERR_REQUEST, "InvalidBDM", NULL,
                           "a guest has a volume once; leave one of them out",
                           "%s is the same volume as disk '%s'",
                           vl_bdm_path (l->call, l->request, want->bdm), l->disks[i].dev);
  return 0;
}

static int64_t
size_of (const struct layout *l, const struct vl_wanted_disk *want)
{
  const struct vl_request *request = l->request;

  if (vl_is_of_image (want))
    return request->flavor.disk ? request->flavor.disk * GIB : request->image.virtual_size;
  if (want->bdm)
    return want->bdm->volume_size * GIB;
  if (VL_STREQ (want->role, "ephemeral"))
    return request->flavor.ephemeral * GIB;
  return VL_STREQ (want->role, "swap") ? request->flavor.swap * MIB : 0;
}

static int
lay_out_disk (struct layout *l, const struct vl_wanted_disk *want)
{
  struct vl_disk *disk = &l->disks[l->n];
  int local_root = VL_STREQ (want->role, "root") && ! (want->bdm && vl_is_volume (want->bdm));
  const struct vl_offer *bus;

  memset (disk, 0, sizeof *disk);
  disk->id = id_of (l, want);
  disk->role = want->role;
  disk->size = size_of (l, want);
  disk->index = (int32_t)l->n;
  disk->why = reason (l, want);
  disk->device = device_of (l, want);
  if (check_id (l, want, disk->id) < 0)
    return -1;
  if (vl_disk_locate (l->call, l->n, want, file_name (l, want), disk) < 0)
    return -1;
  bus = want->bdm && ! local_root ? bus_of_bdm (l, want->bdm, disk->device)
                                  : bus_of_device (l, disk->device);
  if (bus == NULL)
    return -1;
  disk->bus = bus->name;
  disk->dev = name_of (l, want->bdm, bus, disk->id);
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
      return vl_refuse_as (
          l->call, VL_ERR_REQUEST, "InvalidBDMBootSequence", NULL,
          "number the disks to boot from 0, 1, 2 ...; -1 or nothing for the others",
          "boot indexes are not in sequence: %s has boot_index %zu",
          found ? "more than one disk" : "no disk", place);
    }
  }
  if (booted > 0)
    return 0;
  return vl_refuse_as (l->call, VL_ERR_REQUEST, "InvalidBDMBootSequence", NULL,
                       "name an image, or give a block device boot_index 0",
                       "there is no disk to boot from");
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
  const struct vl_wanted_disk want = { .role = "root", .boot_index = -1 };

  l->disks[0] = (struct vl_disk) {
    .id = "root", .role = "root", .device = "disk", .bus = "lxc", .why = VL_GUEST_IMAGE
  };
  if (vl_disk_locate (l->call, 0, &want, "rootfs", &l->disks[0]) < 0)
    return -1;
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
    result = vl_refuse_as (
        l->call, VL_ERR_REQUEST, "InvalidBDM", NULL,
        "accepted: image to local with boot_index 0, blank to local, anything to volume",
        "%s: source_type '%s' with destination_type '%s' and boot_index %lld is no disk",
        vl_bdm_path (l->call, l->request, bdm), bdm->source_type ? bdm->source_type : "",
        bdm->destination_type ? bdm->destination_type : "", (long long)bdm->boot_index);
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
  guest->volumes = vl_arena_alloc (call->arena, (wanted.n + 1) * sizeof *guest->volumes);
  guest->sources = vl_arena_alloc (call->arena, (wanted.n + 1) * sizeof *guest->sources);
  vl_call_as (call, NULL);
  for (int cdrom = 0; cdrom < 2; cdrom++)
    l.offers[cdrom].rows = vl_registry_offers (
        guest->registry, call->arena, guest->driver, cdrom ? VL_CDROM_BUS : VL_DISK_BUS,
        vl_str (call, VL_GUEST_VIRT_TYPE), &l.offers[cdrom].n);
  limit = vl_config_int (guest->config, "storage.max_disk_devices_to_attach");
  if (limit > 0)
    l.limit = limit;
  result =
      vl_is (call, VL_GUEST_VIRT_TYPE, "lxc") ? lay_out_container (&l) : lay_out_all (&l, &wanted);
  vl_call_as (call, caller);
  guest->disks = l.disks;
  guest->n_disks = result == 0 ? l.n : 0;
  guest->disk_devices = vl_arena_alloc (call->arena, (l.n + 1) * sizeof *guest->disk_devices);
  for (size_t i = 0; i < l.n && i < wanted.n; i++)
    guest->disk_devices[i] = wanted.items[i].bdm;
  return result;
}
