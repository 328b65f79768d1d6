/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * vhost-net: do virtio interfaces go through the host kernel's vhost?  libvirt
 * takes it for KVM guests where the host has it; emulated guests never may. */

#include <config.h>

#include <virtloom/feature.h>

#include <string.h>

#define DEVICE "/dev/vhost-net"

static const struct vl_prop props[] = {
  { .name = "used",
    .type = VL_BOOL,
    .help = "do the guest's virtio interfaces use the host kernel's vhost; unset: the host does "
            "not say",
    .since = "0.1.0" },
};

static const struct vl_write writes[] = { { "devices/interface/driver", NULL } };

static const struct vl_name reads[] = { { VL_GUEST_NIC }, { VL_GUEST_VIRT_TYPE } };

/* An interface of type user is served by QEMU alone. */
static int
could_use_vhost (const struct vl_nic *nic)
{
  return nic->model && strcmp (nic->model, "virtio") == 0 && strcmp (nic->type, "user");
}

static int
has_such_nic (const struct vl_guest *guest)
{
  for (size_t i = 0; i < vl_guest_n_nics (guest); i++)
    if (could_use_vhost (vl_guest_nic (guest, i)))
      return 1;
  return 0;
}

static int
resolve (struct vl_call *call, struct vl_guest *guest, const struct vl_host *host)
{
  int there;

  if (! has_such_nic (guest))
    return 0;
  if (! vl_guest_is (guest, VL_GUEST_VIRT_TYPE, "kvm"))
    return vl_guest_set (call, guest, "used", "false", VL_GUEST_VIRT_TYPE,
                         "emulation has no vhost");
  there = vl_host_device (host, DEVICE);
  if (there < 0)
    return 0;
  return vl_guest_set (call, guest, "used", there ? "true" : "false", NULL,
                       there ? "the host has " DEVICE : "the host has no " DEVICE);
}

static int
active (const struct vl_guest *guest)
{
  return vl_guest_has (guest, "used") && ! vl_guest_is (guest, VL_GUEST_VIRT_TYPE, "lxc");
}

static int
validate (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  (void)host;
  if (vl_guest_is (guest, VL_GUEST_VIRT_TYPE, "kvm") && ! vl_guest_bool (guest, "used")) {
    vl_advice (call, NULL, "used", "virtio interfaces do without vhost: the host has no " DEVICE);
    vl_hint (call, "modprobe vhost_net");
  }
  return 0;
}

static int
forbid_vhost (struct vl_call *call, struct vl_node *node, void *opaque)
{
  const struct vl_guest *guest = opaque;
  const char *mac = vl_get (call, node, "mac/@address");

  for (size_t i = 0; mac && i < vl_guest_n_nics (guest); i++)
    if (strcmp (vl_guest_nic (guest, i)->mac, mac) == 0
        && could_use_vhost (vl_guest_nic (guest, i)))
      vl_set (call, vl_ensure (call, node, "driver", 0, "used"), "name", "qemu", "used");
  return 0;
}

/* libvirt takes vhost for an emulated guest too, where it is not told not to. */
static int
adjust (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  (void)host;
  if (! vl_guest_is (guest, VL_GUEST_VIRT_TYPE, "qemu"))
    return 0;
  return vl_each (call, "devices/interface", forbid_vhost, (void *)guest);
}

/* A KVM host that lacks the module is slow rather than wrong. */
static int
probe (struct vl_call *call, struct vl_host *host)
{
  (void)call;
  vl_host_set (host, "vhost-net.usable", vl_host_device (host, DEVICE) == 1 ? "true" : "false");
  return 0;
}

VL_FEATURE (vhost_net, "vhost-net", .version = VL_VERSION,
            .summary = "virtio interfaces through the host kernel's vhost",
            .props = VL_TABLE (props), .writes = VL_TABLE (writes), .reads = VL_TABLE (reads),
            .resolve = resolve, .active = active, .validate = validate, .adjust = adjust,
            .probe = probe);
