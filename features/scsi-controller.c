/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * scsi-controller: the SCSI adapter that the image names (slot scsi.model) and,
 * on virtio-scsi, where each SCSI disk sits on it. */

#include <config.h>

#include <virtloom/feature.h>

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
    .flags = VL_NOCASE,
    .choices = adapters,
    .image_key = "vmware_adaptertype",
    .invalid_code = "InvalidRequest",
    .help = "disk adapter of an image made for VMware: ide, or a SCSI adapter",
    .since = "0.1.0" },
};

static const struct vl_write writes[] = { { "devices/controller", NULL },
                                          { "devices/disk/address", NULL } };

static const struct vl_name reads[] = { { VL_GUEST_BOOT_FROM_VOLUME },
                                        { VL_GUEST_DISK },
                                        { VL_GUEST_VIRT_TYPE } };

/* VMware's name of a model, or MODEL. */
static const char *
our_name (const char *model)
{
  if (strcmp (model, "lsilogicsas") == 0)
    return "lsisas1068";
  return strcmp (model, "paravirtual") == 0 ? "vmpvscsi" : model;
}

static int
resolve (struct vl_call *call, struct vl_guest *guest, const struct vl_host *host)
{
  const char *model = vl_guest_str (guest, "model"), *adapter = vl_guest_str (guest, "adapter");

  (void)host;
  if (model && strcmp (our_name (model), model) != 0)
    return vl_guest_set (call, guest, "model", our_name (model), "model", "VMware's name of it");
  if (model == NULL && adapter && strcmp (adapter, "ide") != 0)
    return vl_guest_set (call, guest, "model", our_name (adapter), "adapter",
                         "the image is made for it");
  return 0;
}

static int
active (const struct vl_guest *guest)
{
  return vl_guest_has (guest, "model") && ! vl_guest_is (guest, VL_GUEST_VIRT_TYPE, "lxc");
}

static int
validate (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  (void)host;
  if (vl_guest_is (guest, "model", "buslogic")) {
    vl_error (call, VL_ERR_UNSUPPORTED, "UnsupportedHardware", "model",
              "libvirt gives QEMU guests no SCSI adapter 'buslogic'; accepted: ibmvscsi lsilogic "
              "lsisas1068 lsisas1078 virtio-scsi vmpvscsi");
    vl_hint (call, "'virtio-scsi' works on every machine");
    return -1;
  }
  return 0;
}

static int
contribute (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  struct vl_node *controller =
      vl_ensure_keyed (call, NULL, "devices/controller", "type=scsi,index=0", 0, "model");

  (void)host;
  vl_set (call, controller, "model", vl_guest_str (guest, "model"), "model");
  return 0;
}

/* Where a disk sits on the adapter: in their order, but the volume that the
 * guest boots from comes first, as it did before it had company. */
static int
unit_of (const struct vl_guest *guest, const char *dev)
{
  int from_volume = vl_guest_bool (guest, VL_GUEST_BOOT_FROM_VOLUME), unit = from_volume;

  for (size_t i = 0; i < vl_guest_n_disks (guest); i++) {
    const struct vl_disk *disk = vl_guest_disk (guest, i);
    int boots = from_volume && disk->boot == 1 && disk->serial;

    if (strcmp (disk->bus, "scsi") != 0)
      continue;
    if (strcmp (disk->dev, dev) == 0)
      return boots ? 0 : unit;
    unit += ! boots;
  }
  return -1;
}

static int
place_disk (struct vl_call *call, struct vl_node *disk, void *opaque)
{
  const char *dev = vl_get (call, disk, "target/@dev");
  int unit = dev ? unit_of (opaque, dev) : -1;
  struct vl_node *address;

  if (unit < 0)
    return 0;
  address = vl_ensure (call, disk, "address", 0, "model");
  vl_set (call, address, "type", "drive", "model");
  vl_set (call, address, "controller", "0", "model");
  vl_set (call, address, "unit", vl_printf (call, "%d", unit), "model");
  return 0;
}

static int
adjust (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  (void)host;
  if (! vl_guest_is (guest, "model", "virtio-scsi"))
    return 0;
  return vl_each (call, "devices/disk", place_disk, (void *)guest);
}

VL_FEATURE (scsi_controller, "scsi-controller", .version = VL_VERSION,
            .summary = "SCSI adapter, and the disks' places on it", .props = VL_TABLE (props),
            .writes = VL_TABLE (writes), .reads = VL_TABLE (reads), .resolve = resolve,
            .active = active, .validate = validate, .contribute = contribute, .adjust = adjust);
