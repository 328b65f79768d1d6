/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The XML of disks: source, target, backing chain, and what the guest boots
 * from.  The whole backing chain is always written and always ended, so that
 * the hypervisor never believes what an image says of its backing file. */

#include <config.h>

#include "domain/doc.h"
#include "request/connection.h"
#include "request/disks.h"

static struct vl_node *
element (struct vl_call *call, struct vl_node *node, const char *path, const char *why)
{
  return vl_ensure (call, node, path, 0, why);
}

/* What QEMU calls the format of an image. */
static const char *
qemu_format (const char *format)
{
  static const char *const rows[][2] = {
    { "aki", "raw" }, { "ami", "raw" }, { "ari", "raw" }, { "iso", "raw" }, { "vhd", "vpc" },
  };

  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    if (VL_STREQ (format, rows[i][0]))
      return rows[i][1];
  return format;
}

/* The image's copy in STATE; a plan without a stored image names the place that
 * an image of this name would have. */
static const char *
image_path (struct vl_call *call, const struct vl_guest *guest)
{
  const struct vl_request *request = guest->request;
  char id[37];

  if (request->image.file)
    return request->image.file;
  vl_uuid_from_text (request->image.name ? request->image.name : "", id);
  return vl_printf (call, "%s/images/%s", vl_state_of (call, guest), id);
}

static void
write_backing (struct vl_call *call, const struct vl_guest *guest, const struct vl_disk *disk,
               struct vl_node *node, int overlay)
{
  struct vl_node *store = element (call, node, "backingStore", disk->why);
  const char *format = guest->request->image.disk_format;

  if (! overlay)
    return;
  vl_set (call, store, "type", "file", disk->why);
  vl_set (call, element (call, store, "format", disk->why), "type",
          qemu_format (format ? format : "raw"), VL_GUEST_IMAGE);
  vl_set (call, element (call, store, "source", disk->why), "file", image_path (call, guest),
          VL_GUEST_IMAGE);
  element (call, store, "backingStore", disk->why);
}

static void
write_network_source (struct vl_call *call, const struct vl_connection *connection,
                      const struct vl_disk *disk, struct vl_node *node)
{
  struct vl_node *source = element (call, node, "source", disk->why), *part;

  vl_set (call, source, "protocol", connection->protocol, disk->why);
  vl_set (call, source, "name", connection->source, disk->why);
  for (size_t i = 0; i < connection->n_hosts; i++) {
    part = vl_append (call, source, "host", disk->why);
    vl_set (call, part, "name", connection->hosts[i], disk->why);
    if (connection->ports[i])
      vl_set (call, part, "port", connection->ports[i], disk->why);
  }
  if (connection->auth_user == NULL)
    return;
  part = element (call, node, "auth", disk->why);
  vl_set (call, part, "username", connection->auth_user, disk->why);
  if (connection->secret) {
    part = element (call, part, "secret", disk->why);
    vl_set (call, part, "type", "ceph", disk->why);
    vl_set (call, part, "uuid", connection->secret, disk->why);
  }
}

static void
write_source (struct vl_call *call, const struct vl_disk *disk, struct vl_node *node)
{
  struct vl_node *source = element (call, node, "source", disk->why);

  vl_set (call, source, VL_STREQ (disk->type, "block") ? "dev" : "file", disk->source, disk->why);
}

/* The limits that Cinder's QoS sets on a volume; a flavor's are for local disks
 * and a feature's business. */
static void
write_limits (struct vl_call *call, const struct vl_connection *connection,
              const struct vl_disk *disk, struct vl_node *node)
{
  static const char *const known[] = {
    "group_name",
    "read_bytes_sec",
    "read_bytes_sec_max",
    "read_bytes_sec_max_length",
    "read_iops_sec",
    "read_iops_sec_max",
    "read_iops_sec_max_length",
    "size_iops_sec",
    "total_bytes_sec",
    "total_bytes_sec_max",
    "total_bytes_sec_max_length",
    "total_iops_sec",
    "total_iops_sec_max",
    "total_iops_sec_max_length",
    "write_bytes_sec",
    "write_bytes_sec_max",
    "write_bytes_sec_max_length",
    "write_iops_sec",
    "write_iops_sec_max",
    "write_iops_sec_max_length",
  };

  for (size_t i = 0; i < connection->n_limits; i++)
    for (size_t k = 0; k < sizeof known / sizeof known[0]; k++)
      if (VL_STREQ (connection->limits[i].key, known[k]))
        vl_text (call, element (call, node, vl_printf (call, "iotune/%s", known[k]), disk->why),
                 connection->limits[i].value, disk->why);
}

static const struct vl_connection *
connection_of (struct vl_call *call, const struct vl_request *request,
               const struct vl_wanted_disk *want)
{
  const struct vl_block_device *bdm = want->bdm;

  if (bdm == NULL || bdm->path || bdm->connection_info == NULL || ! vl_is_volume (bdm))
    return NULL;
  return vl_connection_read (call, bdm->connection_info, vl_bdm_path (call, request, bdm));
}

/* The slot behind the disk's bus, or what the disk itself is there for. */
static const char *
bus_why (const struct vl_guest *guest, const struct vl_disk *disk,
         const struct vl_wanted_disk *want)
{
  const char *slot = VL_STREQ (disk->device, "cdrom") ? VL_CDROM_BUS : VL_DISK_BUS;
  int own = want->bdm && (want->bdm->disk_bus || want->bdm->device_name);

  if (own || VL_STREQ (disk->device, "floppy") || VL_STREQ (disk->device, "lun")
      || ! vl_guest_is (guest, slot, disk->bus))
    return disk->why;
  return slot;
}

static void
write_disk (struct vl_call *call, const struct vl_guest *guest, const struct vl_disk *disk,
            const struct vl_wanted_disk *want)
{
  const struct vl_connection *connection = connection_of (call, guest->request, want);
  struct vl_node *node = vl_append (call, NULL, "devices/disk", disk->why), *part;
  int volume = want->bdm && vl_is_volume (want->bdm);
  int overlay =
      VL_STREQ (disk->role, "root") && ! volume && vl_disk_is_overlay (vl_guest_disk_kind (guest));

  vl_set (call, node, "type", disk->type, disk->why);
  vl_set (call, node, "device", disk->device, disk->why);
  part = element (call, node, "driver", disk->why);
  vl_set (call, part, "name", "qemu", VL_GUEST_VIRT_TYPE);
  vl_set (call, part, "type", disk->format, disk->why);
  if (connection && VL_STREQ (disk->type, "network"))
    write_network_source (call, connection, disk, node);
  else
    write_source (call, disk, node);
  write_backing (call, guest, disk, node, overlay);
  part = element (call, node, "target", disk->why);
  vl_set (call, part, "dev", disk->dev, disk->why);
  vl_set (call, part, "bus", disk->bus, bus_why (guest, disk, want));
  /* A LUN shows its own serial number; libvirt takes no other. */
  if (disk->serial && ! VL_STREQ (disk->device, "lun"))
    vl_text (call, element (call, node, "serial", disk->why), disk->serial, disk->why);
  if (disk->readonly)
    element (call, node, "readonly", disk->why);
  if (disk->shareable)
    element (call, node, "shareable", disk->why);
  if (connection)
    write_limits (call, connection, disk, node);
}

/* <boot dev=>: one entry per kind of device, in the order in which disks are
 * booted from.  A guest with a kernel boots from nothing else. */
static void
write_boot (struct vl_call *call, const struct vl_guest *guest)
{
  static const char *const rows[][2] = {
    { "disk", "hd" }, { "lun", "hd" }, { "cdrom", "cdrom" }, { "floppy", "fd" }
  };
  unsigned done = 0;

  if (vl_guest_has (guest, VL_GUEST_KERNEL))
    return;
  for (int32_t place = 1; place <= (int32_t)guest->n_disks; place++)
    for (size_t i = 0; i < guest->n_disks; i++)
      for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++) {
        const struct vl_disk *disk = &guest->disks[i];
        /* Disks and LUNs are one kind. */
        unsigned bit = 1u << (k == 1 ? 0 : k);

        if (disk->boot != place || ! VL_STREQ (disk->device, rows[k][0]) || (done & bit))
          continue;
        done |= bit;
        vl_set (call, vl_append (call, NULL, "os/boot", disk->why), "dev", rows[k][1], disk->why);
      }
}

static void
write_container (struct vl_call *call, const struct vl_disk *disk)
{
  struct vl_node *node = vl_append (call, NULL, "devices/filesystem", disk->why);

  vl_set (call, node, "type", "mount", disk->why);
  vl_set (call, element (call, node, "source", disk->why), "dir", disk->source, disk->why);
  vl_set (call, element (call, node, "target", disk->why), "dir", "/", disk->why);
  vl_text (call, element (call, NULL, "os/init", VL_GUEST_VIRT_TYPE), "/sbin/init",
           VL_GUEST_VIRT_TYPE);
}

int
vl_disks_write (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  VL_AUTOWANTED struct vl_wanted_disks wanted = { 0 };
  size_t errors = call->findings.n_errors;

  (void)host;
  vl_wanted_disks_list (guest->request, &wanted);
  if (vl_guest_is (guest, VL_GUEST_VIRT_TYPE, "lxc")) {
    if (guest->n_disks)
      write_container (call, &guest->disks[0]);
  } else {
    for (size_t i = 0; i < guest->n_disks && i < wanted.n; i++)
      write_disk (call, guest, &guest->disks[i], &wanted.items[i]);
    write_boot (call, guest);
  }
  return call->findings.n_errors > errors ? -1 : 0;
}
