/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Laying out disks before there is any XML: bus, device name, source, format
 * and place in the boot order of each, by Nova's rules. */

#include <config.h>

#include "request/disks.h"

#include "lib/file.h"
#include "lib/text.h"
#include "request/recorded.h"

#define MIB ((int64_t)1 << 20)

struct layout {
  struct vl_call *call;
  struct vl_guest *guest;
  const struct vl_request *request;
  const struct vl_wanted_disk *wanted;
  size_t n_wanted;
  struct vl_disk *disks;
  size_t n;      /* laid out so far */
  int64_t limit; /* disks, -1: none */
  /* The buses of disks and of CD-ROM drives. */
  struct {
    const struct vl_offer **rows;
    size_t n;
  } offers[2];
};

/* ---- bus ---- */

static int
is_cdrom (const char *device)
{
  return VL_STREQ (device, "cdrom");
}

/* The bus for such a DEVICE that is called BUS, or the first whose devices are called as
 * NAME is; NULL where nobody offers it. */
static const struct vl_offer *
find_bus (const struct layout *l, const char *device, const char *bus, const char *name)
{
  for (size_t i = 0; i < l->offers[is_cdrom (device)].n; i++) {
    const struct vl_offer *offer = l->offers[is_cdrom (device)].rows[i];

    if (vl_text_same (bus, offer->name)
        || (name && offer->prefix && VL_STARTS (name, offer->prefix)))
      return offer;
  }
  return NULL;
}

/* "vda" of "/dev/vda", as both are given. */
static const char *
device_name (const struct vl_block_device *bdm)
{
  const char *name = bdm->device_name;

  return name && VL_STARTS (name, "/dev/") ? name + 5 : name;
}

const char *
vl_bus_slot (struct vl_call *call, const char *device, const char *role)
{
  if (! is_cdrom (device))
    return VL_DISK_BUS;
  return VL_STREQ (role, "config") && vl_has (call, VL_STORAGE_CONFIG_DRIVE_BUS)
             ? VL_STORAGE_CONFIG_DRIVE_BUS
             : VL_CDROM_BUS;
}

static const struct vl_offer *
bus_of_device (struct layout *l, const char *device, const char *role)
{
  const char *slot = vl_bus_slot (l->call, device, role), *bus;
  const struct vl_offer *offer;
  VL_AUTOSTR struct vl_str all = { 0 };

  bus = VL_STREQ (device, "floppy") ? "fdc"
        : VL_STREQ (device, "lun")  ? "scsi"
                                    : vl_str (l->call, slot);
  offer = find_bus (l, device, bus, NULL);
  if (offer || bus == NULL)
    return offer;
  for (size_t i = 0; i < l->offers[is_cdrom (device)].n; i++)
    vl_str_printf (&all, " %s", l->offers[is_cdrom (device)].rows[i]->name);
  vl_refuse_as (l->call, VL_ERR_UNSUPPORTED, "UnsupportedHardware", slot, NULL,
                "disk bus '%s' is not supported for '%s' guests; accepted:%s", bus,
                vl_str (l->call, VL_GUEST_VIRT_TYPE), all.length ? all.text : " none");
  return NULL;
}

/* The bus of a rescue's disk, which its image may name. */
static const struct vl_offer *
bus_of_rescue (struct layout *l, const char *device)
{
  const char *bus = l->request->rescue->bus;
  const struct vl_offer *offer = bus ? find_bus (l, device, bus, NULL) : NULL;
  VL_AUTOSTR struct vl_str all = { 0 };

  if (offer || bus == NULL)
    return offer ? offer : bus_of_device (l, device, "rescue");
  for (size_t i = 0; i < l->offers[is_cdrom (device)].n; i++)
    vl_str_printf (&all, " %s", l->offers[is_cdrom (device)].rows[i]->name);
  vl_refuse_as (l->call, VL_ERR_UNSUPPORTED, "UnsupportedRescueBus", NULL,
                vl_printf (l->call, "virtloom image set --property hw_rescue_bus=BUS %s",
                           vl_name_word (l->call->arena, l->request->rescue->image.name)),
                "image '%s' has hw_rescue_bus '%s', which no rescue disk of a '%s' guest can be "
                "on; accepted:%s",
                l->request->rescue->image.name, bus, vl_str (l->call, VL_GUEST_VIRT_TYPE),
                all.length ? all.text : " none");
  return NULL;
}

/* Is BUS among what the row may be that fills SLOT?  -1 where no row of choices does, and ALL has
 * nothing; else 0 or 1. */
static int
is_choice (struct layout *l, const char *slot, const char *bus, struct vl_str *all,
           struct vl_spell *spell)
{
  const struct vl_registry *registry = l->guest->registry;
  int found = -1;

  for (size_t i = 0; i < registry->n; i++)
    for (size_t k = 0; k < registry->plugins[i]->n_props; k++) {
      const struct vl_prop *row = &registry->plugins[i]->props[k];

      for (const char *const *choice = vl_text_same (row->fills, slot) ? row->choices : NULL;
           choice && *choice; choice++) {
        found = found == 1 || VL_STREQ (*choice, bus);
        vl_spell_offer (spell, *choice);
        vl_str_printf (all, " %s", *choice);
      }
    }
  return found;
}

/* One that this guest cannot have is passed over, as in Nova, and told; one that is none at all is
 * a slip. */
static int
is_no_bus (struct layout *l, const struct vl_block_device *bdm, const char *device)
{
  struct vl_spell spell = { .wanted = bdm->disk_bus };
  VL_AUTOSTR struct vl_str all = { 0 };

  if (bdm->disk_bus == NULL
      || is_choice (l, vl_bus_slot (l->call, device, "volume"), bdm->disk_bus, &all, &spell) != 0)
    return 0;
  vl_refuse_as (l->call, VL_ERR_REQUEST, "InvalidBDM", NULL,
                vl_did_you_mean (l->call, '\'', spell.best, NULL),
                "%s.disk_bus: '%s' is no bus of disks; accepted:%s",
                vl_bdm_path (l->call, l->request, bdm), bdm->disk_bus, all.text);
  return 1;
}

static const struct vl_offer *
bus_of_bdm (struct layout *l, const struct vl_block_device *bdm, const char *device)
{
  const struct vl_offer *bus = find_bus (l, device, bdm->disk_bus, NULL);

  if (bus == NULL && is_no_bus (l, bdm, device))
    return NULL;
  bus = bus ? bus : find_bus (l, device, NULL, device_name (bdm));
  return bus ? bus : bus_of_device (l, device, "volume");
}

/* ---- name ---- */

static int
name_taken (const struct layout *l, const char *name)
{
  for (size_t i = 0; i < l->n; i++)
    if (vl_text_same (l->disks[i].dev, name))
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

    if (! was->devices[i].is_nic && vl_text_same (disk->dev, name) && ! VL_STREQ (disk->id, id))
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

/* What names of disks on BUS begin with; NULL where any will do. */
static const char *
prefix_on (const struct layout *l, const struct vl_offer *bus)
{
  const char *forced = vl_config_str (l->guest->config, "storage.disk_prefix");

  return bus->prefix && forced ? forced : bus->prefix;
}

static const char *
free_name (struct layout *l, const struct vl_offer *bus, const char *id)
{
  int64_t limit = bus->most ? bus->most : l->limit;
  const char *prefix = prefix_on (l, bus), *name;

  for (unsigned i = 0; limit < 0 || i < limit; i++) {
    name = nth_name (l, prefix ? prefix : "sd", i);
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

  if (name == NULL)
    name = kept_name (l, id, bus);
  if (bdm == NULL || bdm->device_name == NULL)
    return name ? name : free_name (l, bus, id);
  if ((bus->prefix && ! VL_STARTS (name, bus->prefix) && ! VL_STARTS (name, prefix_on (l, bus)))
      || name_taken (l, name)) {
    vl_refuse_as (l->call, VL_ERR_REQUEST, "InvalidDevicePath", NULL,
                  "leave the name out, and a free one is taken", "device_name '%s' of %s %s",
                  bdm->device_name, vl_bdm_path (l->call, l->request, bdm),
                  name_taken (l, name) ? "is taken by another disk"
                                       : vl_printf (l->call, "does not fit bus '%s'", bus->name));
    return NULL;
  }
  return name;
}

/* ---- one disk ---- */

static const char *
device_of (struct layout *l, const struct vl_wanted_disk *want)
{
  static const char *const devices[] = { "disk", "cdrom", "floppy", "lun", NULL };
  const char *drive = vl_config_str (l->guest->config, "storage.config_drive_format");
  int root = VL_STREQ (want->role, "root") && ! (want->bdm && vl_is_volume (want->bdm));

  if (VL_STREQ (want->role, "config"))
    return vl_text_same (drive, "vfat") ? "disk" : "cdrom";
  if (VL_STREQ (want->role, "rescue") && l->request->rescue->device)
    return l->request->rescue->device;
  if (root || VL_STREQ (want->role, "rescue"))
    return vl_text_same (vl_image_of (l->request, want->role)->disk_format, "iso") ? "cdrom"
                                                                                   : "disk";
  return want->bdm && vl_text_among (want->bdm->device_type, devices) ? want->bdm->device_type
                                                                      : "disk";
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

/* What the request says of DISK: its size, its own words for why there is this disk; and
 * the name of its file in the server's folder. */
static const char *
describe (struct layout *l, const struct vl_wanted_disk *want, struct vl_disk *disk)
{
  const struct vl_request *request = l->request;
  int ephemeral = VL_STREQ (want->role, "ephemeral"), swap = VL_STREQ (want->role, "swap");
  const char *size = ephemeral || swap ? want->role : NULL;
  int64_t amount = ephemeral ? request->flavor.ephemeral : swap ? request->flavor.swap : 0;

  if (VL_STREQ (want->role, "rescue"))
    disk->size = request->rescue->image.virtual_size;
  else if (vl_is_of_image (want))
    disk->size = request->flavor.disk ? request->flavor.disk * VL_GIB : request->image.virtual_size;
  else
    disk->size = want->bdm ? want->bdm->volume_size * VL_GIB : amount * (swap ? MIB : VL_GIB);
  disk->why = want->bdm
                  ? vl_printf (l->call, "%s (request)", vl_bdm_path (l->call, request, want->bdm))
              : size ? vl_printf (l->call, "%s=%lld (flavor)", size, (long long)amount)
              : VL_STREQ (want->role, "rescue")
                  ? vl_printf (l->call, "image '%s' (rescue)", request->rescue->image.name)
              : VL_STREQ (want->role, "root") ? VL_GUEST_IMAGE
                                              : "config_drive=true (request)";
  if (VL_STREQ (want->role, "root"))
    return "disk";
  if (request->rescue && VL_STREQ (want->role, "config"))
    return "disk.config.rescue";
  if (VL_STREQ (want->role, "rescue"))
    return "disk.rescue";
  if (swap || VL_STREQ (want->role, "config"))
    return vl_printf (l->call, "disk.%s", want->role);
  return want->bdm ? vl_printf (l->call, "disk.eph%d", want->number) : "disk.local";
}

/* What the request says of a disk and no disk can have is told, not dropped. */
static void
tell_dropped (struct layout *l, const struct vl_wanted_disk *want, const struct vl_disk *disk,
              int local_root)
{
  const struct {
    const char *member, *said, *is;
  } wishes[] = { { "disk_bus", want->bdm->disk_bus, disk->bus },
                 { "device_type", want->bdm->device_type, disk->device } };

  for (size_t i = 0; i < sizeof wishes / sizeof wishes[0]; i++)
    if (wishes[i].said && ! VL_STREQ (wishes[i].said, wishes[i].is))
      vl_warn (l->call, NULL,
               local_root ? "of the image's own disk the image says it: hw_disk_bus, hw_cdrom_bus"
                          : NULL,
               "%s.%s '%s' has no effect: the disk's is '%s'",
               vl_bdm_path (l->call, l->request, want->bdm), wishes[i].member, wishes[i].said,
               wishes[i].is);
}

static int
lay_out_disk (struct layout *l, const struct vl_wanted_disk *want)
{
  struct vl_disk *disk = &l->disks[l->n];
  int local_root = VL_STREQ (want->role, "root") && ! (want->bdm && vl_is_volume (want->bdm));
  const struct vl_offer *bus;
  const char *file;

  *disk = (struct vl_disk) {
    .id = id_of (l, want), .role = want->role, .index = (int32_t)l->n, .device = device_of (l, want)
  };
  file = describe (l, want, disk);
  if (check_id (l, want, disk->id) < 0 || vl_disk_locate (l->call, l->n, want, file, disk) < 0)
    return -1;
  if (VL_STREQ (disk->device, "lun") && VL_STREQ (disk->type, "network")
      && ! l->guest->sources[l->n].is_scsi)
    return vl_refuse_as (l->call, VL_ERR_REQUEST, "InvalidBDM", NULL,
                         "leave device_type out, and it is a disk",
                         "%s is a volume that is no SCSI device, and no lun of a guest; accepted: "
                         "disk, cdrom",
                         disk->why);
  bus = VL_STREQ (want->role, "rescue") ? bus_of_rescue (l, disk->device)
        : want->bdm && ! local_root     ? bus_of_bdm (l, want->bdm, disk->device)
                                        : bus_of_device (l, disk->device, disk->role);
  if (bus == NULL)
    return -1;
  disk->bus = bus->name;
  if (disk->is_served && ! VL_STREQ (disk->bus, "virtio"))
    return vl_refuse_as (l->call, VL_ERR_UNSUPPORTED, "UnsupportedHardware", NULL,
                         "give it disk_bus virtio (--volume ...,bus=virtio)",
                         "%s is served by another process, and on bus '%s'; accepted: virtio",
                         disk->why, disk->bus);
  if (want->bdm)
    tell_dropped (l, want, disk, local_root);
  disk->dev = name_of (l, want->bdm, bus, disk->id);
  l->n += disk->dev != NULL;
  return disk->dev ? 0 : -1;
}

/* ---- boot order ---- */

static int
check_boot_indexes (struct layout *l)
{
  size_t booted = 0;

  for (size_t i = 0; i < l->n_wanted; i++)
    booted += l->wanted[i].boot_index >= 0;
  for (size_t place = 0; place < booted; place++) {
    size_t found = 0;

    for (size_t i = 0; i < l->n_wanted; i++)
      found += l->wanted[i].boot_index == (int64_t)place;
    if (found != 1)
      return vl_refuse_as (
          l->call, VL_ERR_REQUEST, "InvalidBDMBootSequence", NULL,
          "number the disks to boot from 0, 1, 2 ...; -1 or nothing for the others",
          "boot indexes are not in sequence: %s has boot_index %zu",
          found ? "more than one disk" : "no disk", place);
  }
  if (booted > 0)
    return 0;
  return vl_refuse_as (
      l->call, VL_ERR_REQUEST, "InvalidBDMBootSequence", NULL,
      "give an image (--image IMAGE), or a block device with boot_index 0 (--volume "
      "path=FILE,format=FORMAT,boot_index=0)",
      "there is no disk to boot from");
}

/* Nova compares boot indexes as text, so that "10" comes before "2": its users'
 * guests have booted that way ever since. */
static void
set_boot_order (struct layout *l)
{
  for (size_t i = 0; i < l->n; i++) {
    char mine[24], other[24];

    if (l->wanted[i].boot_index < 0)
      continue;
    snprintf (mine, sizeof mine, "%lld", (long long)l->wanted[i].boot_index + 1);
    l->disks[i].boot = 1;
    for (size_t k = 0; k < l->n; k++) {
      snprintf (other, sizeof other, "%lld", (long long)l->wanted[k].boot_index + 1);
      l->disks[i].boot += l->wanted[k].boot_index >= 0 && strcmp (other, mine) < 0;
    }
  }
}

/* The disk of a stable rescue is booted from before all others. */
static void
boot_rescue_first (struct layout *l)
{
  for (size_t i = 0; i < l->n; i++)
    if (VL_STREQ (l->disks[i].role, "rescue"))
      l->disks[i].boot = 1;
    else if (l->disks[i].boot)
      l->disks[i].boot++;
}

/* A container has one file system, unpacked from its image. */
static int
lay_out_container (struct layout *l)
{
  const struct vl_wanted_disk want = { .role = "root", .boot_index = -1 };

  if (l->request->rescue)
    return vl_refuse_as (l->call, VL_ERR_UNSUPPORTED, "InstanceNotRescuable", NULL, NULL,
                         "a container has no disk that another could take the place of");
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
check_devices (struct layout *l)
{
  int result = 0;

  for (size_t d = 0; d < l->request->n_devices; d++) {
    const struct vl_block_device *bdm = &l->request->devices[d];
    size_t i = 0;

    while (i < l->n_wanted && l->wanted[i].bdm != bdm)
      i++;
    if (i < l->n_wanted)
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
check_rescue (const struct layout *l)
{
  static const char *const devices[] = { "disk", "cdrom", "floppy", NULL };
  const struct vl_rescue *rescue = l->request->rescue;

  if (rescue == NULL || rescue->device == NULL || vl_text_among (rescue->device, devices))
    return 0;
  return vl_refuse_as (l->call, VL_ERR_UNSUPPORTED, "UnsupportedRescueDevice", NULL,
                       vl_printf (l->call, "virtloom image set --property hw_rescue_device=disk %s",
                                  vl_name_word (l->call->arena, rescue->image.name)),
                       "image '%s' has hw_rescue_device '%s'; accepted: disk, cdrom, floppy",
                       rescue->image.name, rescue->device);
}

static int
lay_out_all (struct layout *l)
{
  const struct vl_rescue *rescue = l->request->rescue;
  /* What a rescue leaves out was judged when the server was made. */
  int result = (rescue == NULL && check_devices (l) < 0) || check_rescue (l) < 0
                   ? -1
                   : check_boot_indexes (l);

  for (size_t i = 0; i < l->n_wanted; i++)
    if (lay_out_disk (l, &l->wanted[i]) < 0)
      return -1;
  if (result == 0)
    set_boot_order (l);
  if (result == 0 && rescue && rescue->stable)
    boot_rescue_first (l);
  return result;
}

int
vl_disks_lay_out (struct vl_call *call, struct vl_guest *guest)
{
  int64_t limit = vl_config_int (guest->config, "storage.max_disk_devices_to_attach");
  struct layout l = {
    .call = call, .guest = guest, .request = guest->request, .limit = limit > 0 ? limit : -1
  };
  struct vl_plugin *caller = call->plugin;
  size_t room;
  int result;

  l.wanted = vl_wanted_disks (l.request, &l.n_wanted);
  room = l.n_wanted + 1;
  l.disks = vl_arena_alloc (call->arena, room * sizeof *l.disks);
  guest->volumes = vl_arena_alloc (call->arena, room * sizeof *guest->volumes);
  guest->sources = vl_arena_alloc (call->arena, room * sizeof *guest->sources);
  guest->disk_devices = vl_arena_alloc (call->arena, room * sizeof *guest->disk_devices);
  vl_call_as (call, NULL);
  for (int cdrom = 0; cdrom < 2; cdrom++)
    l.offers[cdrom].rows = vl_registry_offers (
        guest->registry, call->arena, guest->driver, cdrom ? VL_CDROM_BUS : VL_DISK_BUS,
        vl_str (call, VL_GUEST_VIRT_TYPE), &l.offers[cdrom].n);
  result = vl_is (call, VL_GUEST_VIRT_TYPE, "lxc") ? lay_out_container (&l) : lay_out_all (&l);
  vl_call_as (call, caller);
  guest->disks = l.disks;
  guest->n_disks = result == 0 ? l.n : 0;
  for (size_t i = 0; i < l.n_wanted; i++)
    guest->disk_devices[i] = l.wanted[i].bdm;
  return result;
}
