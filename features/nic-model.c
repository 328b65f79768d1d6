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
    .deflt = "true",
    .setting = "use_virtio_for_bridges",
    .nova = "libvirt.use_virtio_for_bridges",
    .help = "interfaces are virtio where the image names no model",
    .since = "0.1.0" },
  { .name = "taken",
    .type = VL_STRING,
    .fills = VL_NIC_MODEL,
    .help = "the model that interfaces get; none: the hypervisor's own default",
    .since = "0.1.0" },
};

#define OFFER(model, types)                                                                        \
  {                                                                                                \
    .slot = VL_NIC_MODEL, .name = model, .virt = types                                             \
  }

/* Of the models that an image may name, netfront, sriov and vmxnet are for no
 * domain type that there is. */
static const struct vl_offer offers[] = {
  OFFER ("e1000", "kvm qemu"),   OFFER ("e1000e", "kvm qemu"),     OFFER ("igb", "kvm qemu"),
  OFFER ("lan9118", "qemu"),     OFFER ("ne2k_pci", "kvm qemu"),   OFFER ("pcnet", "kvm qemu"),
  OFFER ("rtl8139", "kvm qemu"), OFFER ("spapr-vlan", "kvm qemu"), OFFER ("virtio", "kvm qemu"),
  OFFER ("vmxnet3", "kvm qemu"), OFFER (NO_MODEL, "kvm qemu"),
};

#define N_OFFERS (sizeof offers / sizeof offers[0])

static const struct vl_name reads[] = { { .name = VL_GUEST_VIRT_TYPE } };

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
  for (size_t i = 0; i < N_OFFERS; i++)
    if (strcmp (offers[i].name, model) == 0 && strstr (offers[i].virt, type))
      return 1;
  return 0;
}

/* The models that a guest of domain TYPE may have. */
static const char *
accepted (struct vl_call *c, const char *type)
{
  const char *names[N_OFFERS];
  size_t n = 0;

  for (size_t i = 0; i < N_OFFERS; i++)
    if (strcmp (offers[i].name, NO_MODEL) && strstr (offers[i].virt, type))
      names[n++] = offers[i].name;
  return n ? vl_join (c, " ", names, n) : "no model at all";
}

static int
resolve (struct vl_call *c)
{
  const char *model = vl_str (c, "model"), *type = vl_str (c, VL_GUEST_VIRT_TYPE);

  if (model && ! is_possible (our_name (model), type))
    return vl_refuse_as (c, VL_ERR_UNSUPPORTED, "UnsupportedHardware", "model",
                         "leave the property out to have the usual model",
                         "a '%s' guest has no interface model '%s'; accepted: %s", type, model,
                         accepted (c, type));
  if (model)
    return vl_put (c, "taken", our_name (model), "model", "what the image asks for");
  if (strcmp (type, "lxc") == 0)
    return 0;
  return vl_put (c, "taken", vl_bool (c, "virtio") ? "virtio" : NO_MODEL, "virtio",
                 "the image names no model");
}

static int
validate (struct vl_call *c)
{
  if (! vl_is (c, "taken", "igb"))
    return 0;
  if (vl_fact_at_least (c, "libvirt.version", "9.3.0") == 0
      || vl_fact_at_least (c, "qemu.version", "8.0.0") == 0)
    return vl_refuse_as (
        c, VL_ERR_UNSUPPORTED, "UnsupportedHardware", "model",
        "'e1000e' is the nearest that this host has",
        "interface model 'igb' needs libvirt 9.3.0 and QEMU 8.0.0; this host has %s and %s",
        vl_fact_str (c, "libvirt.version"), vl_fact_str (c, "qemu.version"));
  return 0;
}

VL_FEATURE (nic_model, "nic-model", .version = VL_VERSION, .summary = "model of network interfaces",
            .props = VL_TABLE (props), .reads = VL_TABLE (reads), .offers = VL_TABLE (offers),
            .resolve = resolve, .validate = validate);
