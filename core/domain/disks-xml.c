/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The XML of disks: source, target, backing chain, and what the guest boots
 * from.  The whole backing chain is always written and always ended, so that
 * the hypervisor never believes what an image says of its backing file. */

#include <config.h>

#include "domain/node.h"
#include "request/disks.h"

static void
write_backing (const struct vl_source *below, struct vl_node *node)
{
  struct vl_node *store = vl_ensure_in (node, "backingStore");

  if (below == NULL)
    return;
  vl_set (store, "type", below->type);
  vl_set_why (vl_ensure_in (store, "format"), "type", below->format, VL_GUEST_IMAGE);
  vl_set_why (vl_ensure_in (store, "source"), VL_STREQ (below->type, "block") ? "dev" : "file",
              below->path, VL_GUEST_IMAGE);
  write_backing (below->backing, store);
}

static void
set_if (struct vl_node *node, const char *attr, const char *value)
{
  if (value)
    vl_set (node, attr, value);
}

static void
write_encryption (const struct vl_source *from, struct vl_node *source)
{
  struct vl_node *encryption, *secret;

  if (from->luks_secret == NULL)
    return;
  encryption = vl_ensure_in (source, "encryption");
  vl_set (encryption, "format", "luks");
  secret = vl_ensure_in (encryption, "secret");
  vl_set (secret, "type", "passphrase");
  vl_set (secret, "uuid", from->luks_secret);
}

static void
write_source (const struct vl_source *from, struct vl_node *disk)
{
  const struct vl_endpoint *hosts = from->hosts.rows;
  struct vl_node *source = vl_ensure_in (disk, "source"), *part;

  if (from->is_served) {
    vl_set (source, "type", "unix");
    vl_set (source, "path", from->path);
    return;
  }
  write_encryption (from, source);
  if (! VL_STREQ (from->type, "network")) {
    vl_set (source, VL_STREQ (from->type, "block") ? "dev" : "file", from->path);
    return;
  }
  vl_set (source, "protocol", from->protocol);
  set_if (source, "name", from->name);
  if (from->tls_host) {
    vl_set (source, "tls", "yes");
    set_if (source, "tlsHostname", from->tls_host[0] ? from->tls_host : NULL);
  }
  for (size_t i = 0; i < from->hosts.count; i++) {
    part = vl_append_in (source, "host");
    set_if (part, "name", hosts[i].name);
    set_if (part, "port", hosts[i].port);
    set_if (part, "transport", hosts[i].transport);
    set_if (part, "socket", hosts[i].socket);
  }
  if (from->conf)
    vl_set (vl_ensure_in (source, "config"), "file", from->conf);
  if (from->auth_user == NULL)
    return;
  part = vl_ensure_in (disk, "auth");
  vl_set (part, "username", from->auth_user);
  if (from->secret_uuid) {
    part = vl_ensure_in (part, "secret");
    set_if (part, "type", from->auth_type);
    vl_set (part, "uuid", from->secret_uuid);
  }
}

/* The limits that Cinder's QoS sets on a volume; a flavor's are for local disks
 * and a feature's business. */
static void
write_limits (struct vl_call *call, const struct vl_volume *volume, struct vl_node *disk)
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

  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    const char *limit = vl_info (call, volume, vl_printf (call, "data.qos_specs.%s", known[i]));

    if (limit)
      vl_text (vl_ensure_in (disk, vl_printf (call, "iotune/%s", known[i])), limit);
  }
}

/* The slot behind the disk's bus, or what the disk itself is there for. */
static const char *
bus_why (struct vl_call *call, const struct vl_disk *disk, const struct vl_block_device *bdm)
{
  const char *slot = vl_bus_slot (call, disk->device, disk->role);
  int own = bdm && (bdm->disk_bus || bdm->device_name);

  if (own || VL_STREQ (disk->device, "floppy") || VL_STREQ (disk->device, "lun")
      || ! vl_is (call, slot, disk->bus))
    return disk->why;
  return slot;
}

/* Does each disk say when it is booted from?  A rescue disk that is one more is before the first
 * of its kind. */
static int
by_disk (struct vl_call *call, const struct vl_guest *guest)
{
  return guest->request->rescue && guest->request->rescue->stable
         && ! vl_has (call, VL_GUEST_KERNEL);
}

static void
write_disk (struct vl_call *call, const struct vl_guest *guest, size_t i)
{
  const struct vl_disk *disk = &guest->disks[i];
  struct vl_node *node = vl_append (call, "devices/disk", disk->why), *part;

  vl_node_describe (node, disk->id);
  vl_set (node, "type", disk->type);
  vl_set (node, "device", disk->device);
  part = vl_ensure_in (node, "driver");
  vl_set_why (part, "name", "qemu", VL_GUEST_VIRT_TYPE);
  vl_set (part, "type", disk->format);
  /* Of a local disk the settings say it. */
  if (vl_text_same (vl_info (call, &guest->volumes[i], "data.discard"), "true"))
    vl_set (part, "discard", "unmap");
  write_source (&guest->sources[i], node);
  if (! disk->is_served)
    write_backing (guest->sources[i].backing, node);
  part = vl_ensure_in (node, "target");
  vl_set (part, "dev", disk->dev);
  vl_set_why (part, "bus", disk->bus, bus_why (call, disk, guest->disk_devices[i]));
  /* A LUN shows its own serial number, and what another process serves that one's; libvirt takes no
   * other. */
  if (disk->serial && ! VL_STREQ (disk->device, "lun") && ! disk->is_served)
    vl_text (vl_ensure_in (node, "serial"), disk->serial);
  vl_address_write (call, node, disk->id, disk->bus);
  if (disk->readonly)
    vl_ensure_in (node, "readonly");
  if (disk->shareable)
    vl_ensure_in (node, "shareable");
  if (guest->volumes[i].connection)
    write_limits (call, &guest->volumes[i], node);
  if (by_disk (call, guest) && disk->boot) {
    part = vl_ensure_in (node, "boot");
    vl_set (part, "order", vl_printf (call, "%d", (int)disk->boot));
  }
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

  if (vl_has (call, VL_GUEST_KERNEL) || by_disk (call, guest))
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
        vl_set (vl_append (call, "os/boot", disk->why), "dev", rows[k][1]);
      }
}

static void
write_container (struct vl_call *call, const struct vl_disk *disk)
{
  struct vl_node *node = vl_append (call, "devices/filesystem", disk->why);

  vl_node_describe (node, disk->id);
  vl_set (node, "type", "mount");
  vl_set (vl_ensure_in (node, "source"), "dir", disk->source);
  vl_set (vl_ensure_in (node, "target"), "dir", "/");
  vl_text (vl_ensure (call, "os/init", VL_GUEST_VIRT_TYPE), "/sbin/init");
}

void
vl_disks_write (struct vl_call *call, const struct vl_guest *guest)
{
  if (vl_is (call, VL_GUEST_VIRT_TYPE, "lxc")) {
    if (guest->n_disks)
      write_container (call, &guest->disks[0]);
    return;
  }
  for (size_t i = 0; i < guest->n_disks; i++)
    write_disk (call, guest, i);
  write_boot (call, guest);
}
