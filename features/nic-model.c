/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * nic-model: fills the slot nic.model: what the image asks for, if this kind of
 * guest has it, else virtio unless the operator turned that off. */

#include <config.h>

#include <virtloom/feature.h>

#include <string.h>

/* What the guest's hypervisor chooses; the slot's word for "write no model". */
#define NO_MODEL "none"

static const char *const models[] = { "e1000",
                                      "e1000e",
                                      "igb",
                                      "lan9118",
                                      "ne2k_pci",
                                      "netfront",
                                      "pcnet",
                                      "rtl8139",
                                      "spapr-vlan",
                                      "sriov",
                                      "virtio",
                                      "vmxnet",
                                      "vmxnet3",
                                      "virtuale1000",
                                      "virtuale1000e",
                                      "virtualpcnet32",
                                      "virtualsriovethernetcard",
                                      "virtualvmxnet",
                                      "virtualvmxnet3",
                                      NULL };

static const struct vl_prop props[] = {
  { .name = "model",
    .type = VL_CHOICE,
    .flags = VL_NOCASE,
    .choices = models,
    .image_key = "hw_vif_model",
    .invalid_code = "InvalidRequest",
    .help = "model of network interfaces",
    .since = "0.1.0" },
  { .name = "virtio",
    .type = VL_BOOL,
    .setting = "use_virtio_for_bridges",
    .help = "interfaces are virtio where the image names no model",
    .since = "0.1.0" },
  { .name = "taken",
    .type = VL_STRING,
    .fills = VL_NIC_MODEL,
    .help = "the model that interfaces get; none: the hypervisor's own default",
    .since = "0.1.0" },
};

static const struct vl_setting settings[] = {
  { .name = "use_virtio_for_bridges",
    .type = VL_BOOL,
    .deflt = "yes",
    .nova = "libvirt.use_virtio_for_bridges",
    .help = "interfaces are virtio where the image names no model",
    .since = "0.1.0" },
};

static const struct vl_name reads[] = { { VL_GUEST_VIRT_TYPE } };

/* Images made for VMware call the models otherwise. */
static const char *
our_name (const char *model)
{
  static const char *const names[][2] = {
    { "virtuale1000", "e1000" },   { "virtuale1000e", "e1000e" },
    { "virtualpcnet32", "pcnet" }, { "virtualsriovethernetcard", "sriov" },
    { "virtualvmxnet", "vmxnet" }, { "virtualvmxnet3", "vmxnet3" },
  };

  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if (strcmp (names[i][0], model) == 0)
      return names[i][1];
  return model;
}

static int
is_possible (const char *model, const char *type)
{
  static const char *const never[] = { "netfront", "sriov", "vmxnet", NULL };

  if (strcmp (type, "lxc") == 0)
    return 0;
  if (strcmp (model, "lan9118") == 0)
    return strcmp (type, "qemu") == 0;
  for (const char *const *other = never; *other; other++)
    if (strcmp (model, *other) == 0)
      return 0;
  return 1;
}

static int
resolve (struct vl_call *call, struct vl_guest *guest, const struct vl_host *host)
{
  const char *model = vl_guest_str (guest, "model"),
             *type = vl_guest_str (guest, VL_GUEST_VIRT_TYPE);

  (void)host;
  if (model && ! is_possible (our_name (model), type)) {
    vl_error (call, VL_ERR_UNSUPPORTED, "UnsupportedHardware", "model",
              "a '%s' guest has no interface model '%s'; accepted: %s", type, model,
              strcmp (type, "lxc") == 0
                  ? "no model at all"
                  : "e1000 e1000e igb ne2k_pci pcnet rtl8139 spapr-vlan virtio vmxnet3");
    vl_hint (call, "leave the property out to have the usual model");
    return -1;
  }
  if (model)
    return vl_guest_set (call, guest, "taken", our_name (model), "model",
                         "what the image asks for");
  if (strcmp (type, "lxc") == 0)
    return 0;
  return vl_guest_set (call, guest, "taken", vl_guest_bool (guest, "virtio") ? "virtio" : NO_MODEL,
                       "virtio", "the image names no model");
}

static int
validate (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  if (! vl_guest_is (guest, "taken", "igb"))
    return 0;
  if (vl_host_at_least (host, "libvirt.version", "9.3.0") == 0
      || vl_host_at_least (host, "qemu.version", "8.0.0") == 0) {
    vl_error (call, VL_ERR_UNSUPPORTED, "UnsupportedHardware", "model",
              "interface model 'igb' needs libvirt 9.3.0 and QEMU 8.0.0; this host has %s and %s",
              vl_host_str (host, "libvirt.version"), vl_host_str (host, "qemu.version"));
    vl_hint (call, "'e1000e' is the nearest that this host has");
    return -1;
  }
  return 0;
}

VL_FEATURE (nic_model, "nic-model", .version = VL_VERSION, .summary = "model of network interfaces",
            .props = VL_TABLE (props), .settings = VL_TABLE (settings), .reads = VL_TABLE (reads),
            .resolve = resolve, .validate = validate);
