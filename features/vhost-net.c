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

static const struct vl_write writes[] = { { .path = "devices/interface/driver" } };

static const struct vl_name reads[] = { { .name = VL_GUEST_NIC }, { .name = VL_GUEST_VIRT_TYPE } };

static int
could_use_vhost (const struct vl_nic *nic)
{
  return nic->model && strcmp (nic->model, "virtio") == 0 && nic->carrier == VL_CARRIER_HOST;
}

static int
has_such_nic (struct vl_call *c)
{
  for (size_t i = 0; i < vl_n_nics (c); i++)
    if (could_use_vhost (vl_nic (c, i)))
      return 1;
  return 0;
}

static int
resolve (struct vl_call *c)
{
  int there;

  if (! has_such_nic (c))
    return 0;
  if (! vl_is (c, VL_GUEST_VIRT_TYPE, "kvm"))
    return vl_put (c, "used", "false", VL_GUEST_VIRT_TYPE, "emulation has no vhost");
  there = vl_fact_device (c, DEVICE);
  if (there < 0)
    return 0;
  return vl_put (c, "used", there ? "true" : "false", NULL,
                 there ? "the host has " DEVICE : "the host has no " DEVICE);
}

static int
active (struct vl_call *c)
{
  return vl_has (c, "used") && ! vl_is (c, VL_GUEST_VIRT_TYPE, "lxc");
}

static int
validate (struct vl_call *c)
{
  if (vl_is (c, VL_GUEST_VIRT_TYPE, "kvm") && ! vl_bool (c, "used"))
    vl_advise (c, "used", "modprobe vhost_net",
               "virtio interfaces do without vhost: the host has no " DEVICE);
  return 0;
}

static int
forbid_vhost (struct vl_call *c, struct vl_node *node, void *opaque)
{
  const struct vl_nic *nic = vl_node_nic (node);

  (void)c;
  (void)opaque;
  if (nic && could_use_vhost (nic))
    vl_set (vl_ensure_in (vl_because (node, "used"), "driver"), "name", "qemu");
  return 0;
}

/* libvirt takes vhost for an emulated guest too, where it is not told not to. */
static int
adjust (struct vl_call *c)
{
  if (! vl_is (c, VL_GUEST_VIRT_TYPE, "qemu"))
    return 0;
  return vl_each (c, "devices/interface", forbid_vhost, NULL);
}

/* A KVM host that lacks the module is slow rather than wrong. */
static int
probe (struct vl_call *c)
{
  vl_fact_set (c, "vhost-net.usable", vl_fact_device (c, DEVICE) == 1 ? "true" : "false");
  return 0;
}

VL_FEATURE (vhost_net, "vhost-net", .version = VL_VERSION,
            .summary = "virtio interfaces through the host kernel's vhost",
            .props = VL_TABLE (props), .writes = VL_TABLE (writes), .reads = VL_TABLE (reads),
            .resolve = resolve, .active = active, .validate = validate, .adjust = adjust,
            .probe = probe);
