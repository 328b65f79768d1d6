/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * scsi-controller: the SCSI adapter that the image names (slot scsi.model) and,
 * on virtio-scsi, where each SCSI disk sits on it. */

#include <config.h>

#include <virtloom/feature.h>

#include <stdlib.h>
#include <string.h>

static const char *const models[] = { "buslogic",    "ibmvscsi",    "lsilogic", "lsisas1068",
                                      "lsisas1078",  "virtio-scsi", "vmpvscsi", "lsilogicsas",
                                      "paravirtual", NULL };
static const char *const adapters[] = { "ide",         "buslogic",    "ibmvscsi",    "lsilogic",
                                        "lsisas1068",  "lsisas1078",  "virtio-scsi", "vmpvscsi",
                                        "lsilogicsas", "paravirtual", NULL };

static const struct vl_prop props[] = {
  { .name = "model",
    .type = VL_CHOICE,
    .flags = VL_NOCASE,
    .choices = models,
    .image_key = "hw_scsi_model",
    .invalid_code = "InvalidRequest",
    .fills = VL_SCSI_MODEL,
    .help = "model of the SCSI adapter",
    .since = "0.1.0" },
  { .name = "adapter",
    .type = VL_CHOICE,
    .flags = VL_NOCASE | VL_PUBLIC,
    .choices = adapters,
    .image_key = "vmware_adaptertype",
    .invalid_code = "InvalidRequest",
    .help = "disk adapter of an image made for VMware: ide, or a SCSI adapter",
    .since = "0.1.0" },
};

static const struct vl_write writes[] = { { .path = "devices/controller" },
                                          { .path = "devices/disk/address" } };

#define OFFER(adapter)                                                                             \
  {                                                                                                \
    .slot = VL_SCSI_MODEL, .name = adapter, .virt = "kvm qemu"                                     \
  }

static const struct vl_offer offers[] = {
  OFFER ("ibmvscsi"),   OFFER ("lsilogic"),    OFFER ("lsisas1068"),
  OFFER ("lsisas1078"), OFFER ("virtio-scsi"), OFFER ("vmpvscsi"),
};

static const struct vl_name reads[] = { { .name = VL_GUEST_BOOT_FROM_VOLUME },
                                        { .name = VL_STORAGE_CONFIG_DRIVE_BUS },
                                        { .name = VL_GUEST_DISK },
                                        { .name = VL_GUEST_VIRT_TYPE } };

/* VMware's name of a model, or MODEL. */
static const char *
our_name (const char *model)
{
  if (strcmp (model, "lsilogicsas") == 0)
    return "lsisas1068";
  return strcmp (model, "paravirtual") == 0 ? "vmpvscsi" : model;
}

static int
resolve (struct vl_call *c)
{
  const char *model = vl_str (c, "model"), *adapter = vl_str (c, "adapter");

  if (model && strcmp (our_name (model), model) != 0)
    return vl_put (c, "model", our_name (model), "model", "VMware's name of it");
  if (model == NULL && adapter && strcmp (adapter, "ide") != 0)
    return vl_put (c, "model", our_name (adapter), "adapter", "the image is made for it");
  if (model == NULL && vl_is (c, VL_STORAGE_CONFIG_DRIVE_BUS, "scsi"))
    return vl_put (c, "model", "virtio-scsi", VL_STORAGE_CONFIG_DRIVE_BUS,
                   "the adapter that every cloud image drives");
  return 0;
}

static int
active (struct vl_call *c)
{
  return vl_has (c, "model") && ! vl_is (c, VL_GUEST_VIRT_TYPE, "lxc");
}

static int
validate (struct vl_call *c)
{
  if (vl_is (c, "model", "buslogic"))
    return vl_refuse_as (
        c, VL_ERR_UNSUPPORTED, "UnsupportedHardware", "model",
        "'virtio-scsi' works on every machine",
        "libvirt gives QEMU guests no SCSI adapter 'buslogic'; accepted: ibmvscsi lsilogic "
        "lsisas1068 lsisas1078 virtio-scsi vmpvscsi");
  return 0;
}

static int
contribute (struct vl_call *c)
{
  return vl_set_from (
      vl_keyed (c, "devices/controller", "model", "type", "scsi", "index", "0", NULL), "model",
      "model");
}

/* The unit that the SCSI disk NODE has on record; -1: it has none. */
static int
kept_unit (struct vl_node *node)
{
  const char *unit = vl_get (node, "address/@unit"), *bus = vl_get (node, "target/@bus");

  return unit && bus && strcmp (bus, "scsi") == 0 ? (int)strtol (unit, NULL, 10) : -1;
}

static int
has_unit (struct vl_call *c, struct vl_node *node, void *opaque)
{
  (void)c;
  return kept_unit (node) == *(const int *)opaque;
}

/* The next unit from UNIT on that no disk has kept. */
static int
free_unit (struct vl_call *c, int unit)
{
  while (vl_each (c, "devices/disk", has_unit, &unit))
    unit++;
  return unit;
}

/* Disks that have no unit yet get the free ones in their order, from *OPAQUE on; but the volume that
 * the guest boots from gets the first, as it did before it had company. */
static int
place_disk (struct vl_call *c, struct vl_node *node, void *opaque)
{
  const struct vl_disk *disk = vl_node_disk (node);
  int from_volume = vl_bool (c, VL_GUEST_BOOT_FROM_VOLUME), unit = kept_unit (node), boots;
  int *next = opaque;
  struct vl_node *address;

  if (disk == NULL || strcmp (disk->bus, "scsi") != 0)
    return 0;
  boots = from_volume && disk->boot == 1 && disk->serial;
  if (unit < 0) {
    unit = free_unit (c, boots ? 0 : *next);
    *next = boots ? *next : unit + 1;
  }
  address = vl_ensure_in (vl_because (node, "model"), "address");
  vl_set (address, "type", "drive");
  vl_set_int (address, "controller", 0);
  return vl_set_int (address, "unit", unit);
}

static int
adjust (struct vl_call *c)
{
  int next = vl_bool (c, VL_GUEST_BOOT_FROM_VOLUME);

  return vl_is (c, "model", "virtio-scsi") ? vl_each (c, "devices/disk", place_disk, &next) : 0;
}

VL_FEATURE (scsi_controller, "scsi-controller", .version = VL_VERSION,
            .summary = "SCSI adapter, and the disks' places on it", .props = VL_TABLE (props),
            .writes = VL_TABLE (writes), .reads = VL_TABLE (reads), .offers = VL_TABLE (offers),
            .resolve = resolve, .active = active, .validate = validate, .contribute = contribute,
            .adjust = adjust);
