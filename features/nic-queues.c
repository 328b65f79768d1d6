/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * nic-queues: the queues of virtio interfaces: how many (one per vCPU where
 * asked for), how long, and whether their rings are packed. */

#include <config.h>

#include <virtloom/feature.h>

#include <inttypes.h>
#include <string.h>

#define FACT_KERNEL "kernel.release"

static const char *const sizes[] = { "256", "512", "1024", NULL };

static const struct vl_prop props[] = {
  { .name = "multiqueue",
    .type = VL_BOOL,
    .rule = VL_MUST_AGREE,
    .deflt = "false",
    .flavor_key = "hw:vif_multiqueue_enabled",
    .image_key = "hw_vif_multiqueue_enabled",
    .help = "virtio interfaces have a queue for each vCPU (KVM)",
    .since = "0.1.0" },
  { .name = "packed",
    .type = VL_BOOL,
    .rule = VL_MUST_AGREE,
    .deflt = "false",
    .flavor_key = "hw:virtio_packed_ring",
    .image_key = "hw_virtio_packed_ring",
    .help = "the rings of virtio interfaces are packed",
    .since = "0.1.0" },
  { .name = "queues",
    .type = VL_INT,
    .help = "queues of each virtio interface; unset: one",
    .since = "0.1.0" },
  { .name = "max",
    .type = VL_INT,
    .min = 1,
    .max = 65535,
    .setting = "max_queues",
    .nova = "libvirt.max_queues",
    .help = "most queues of an interface; unset: as many as the host's kernel can serve",
    .since = "0.1.0" },
  { .name = "rx-size",
    .type = VL_CHOICE,
    .choices = sizes,
    .setting = "rx_queue_size",
    .nova = "libvirt.rx_queue_size",
    .help = "length of receive queues (KVM); unset: QEMU's default",
    .since = "0.1.0" },
  { .name = "tx-size",
    .type = VL_CHOICE,
    .choices = sizes,
    .setting = "tx_queue_size",
    .nova = "libvirt.tx_queue_size",
    .help = "length of transmit queues of vhost-user and vDPA interfaces; unset: QEMU's default",
    .since = "0.1.0" },
};

static const struct vl_write writes[] = { { .path = "devices/interface/driver" } };

static const struct vl_name reads[] = { { .name = VL_GUEST_NIC },
                                        { .name = VL_GUEST_VCPUS },
                                        { .name = VL_GUEST_VIRT_TYPE } };

/* Queues that a tap device of this host's kernel can have; 0: no limit, -1: not
 * known. */
static int64_t
kernel_limit (struct vl_call *c)
{
  static const struct {
    const char *since;
    int64_t limit;
  } kernels[] = { { "5", 0 }, { "4", 256 }, { "3", 8 }, { "1", 1 } };

  for (size_t i = 0; i < sizeof kernels / sizeof kernels[0]; i++)
    if (vl_fact_at_least (c, FACT_KERNEL, kernels[i].since) == 1)
      return kernels[i].limit;
  return -1;
}

static int
resolve (struct vl_call *c)
{
  int64_t queues = vl_int (c, VL_GUEST_VCPUS);
  int64_t most = vl_has (c, "max") ? vl_int (c, "max") : kernel_limit (c);

  if (! vl_bool (c, "multiqueue") || queues < 2 || ! vl_is (c, VL_GUEST_VIRT_TYPE, "kvm"))
    return 0;
  if (most < 0)
    return vl_unsaid (c, "multiqueue", FACT_KERNEL);
  if (most > 0 && most < queues)
    return vl_put (c, "queues", vl_printf (c, "%" PRId64, most),
                   vl_has (c, "max") ? "max" : "multiqueue",
                   vl_printf (c, "no more than %" PRId64 " of %" PRId64, most, queues));
  return vl_put (c, "queues", vl_printf (c, "%" PRId64, queues), "multiqueue", "one for each vCPU");
}

static int
active (struct vl_call *c)
{
  return ! vl_is (c, VL_GUEST_VIRT_TYPE, "lxc")
         && (vl_bool (c, "multiqueue") || vl_bool (c, "packed") || vl_has (c, "rx-size")
             || vl_has (c, "tx-size"));
}

/* Does another process serve one of the interfaces? */
static int
has_vhost_user (struct vl_call *c)
{
  for (size_t i = 0; i < vl_n_nics (c); i++)
    if (vl_nic (c, i)->carrier == VL_CARRIER_PROCESS)
      return 1;
  return 0;
}

static int
validate (struct vl_call *c)
{
  if (vl_bool (c, "multiqueue") && ! vl_has (c, "queues"))
    vl_advise (c, "multiqueue", NULL, "each interface has one queue: more need KVM and two vCPUs");
  if (vl_has (c, "tx-size") && ! has_vhost_user (c))
    vl_advise (c, "tx-size", NULL,
               "transmit queues keep their length: the guest has no vhost-user or "
               "vDPA interface");
  return 0;
}

static int
tune_nic (struct vl_call *c, struct vl_node *node, void *opaque)
{
  const struct vl_nic *nic = vl_node_nic (node);
  struct vl_node *driver;
  int kernel, process;

  (void)opaque;
  if (nic == NULL || nic->model == NULL || strcmp (nic->model, "virtio") != 0)
    return 0;
  process = nic->carrier == VL_CARRIER_PROCESS;
  kernel = nic->carrier == VL_CARRIER_HOST && vl_is (c, VL_GUEST_VIRT_TYPE, "kvm");
  if (vl_bool (c, "packed")) {
    driver = vl_ensure_in (vl_because (node, "packed"), "driver");
    vl_set (driver, "packed", "on");
  }
  if ((kernel || process) && vl_has (c, "queues")) {
    driver = vl_ensure_in (vl_because (node, "queues"), "driver");
    if (kernel)
      vl_set (driver, "name", "vhost");
    vl_set_from (driver, "queues", "queues");
  }
  if ((kernel || process) && vl_has (c, "rx-size")) {
    driver = vl_ensure_in (vl_because (node, "rx-size"), "driver");
    if (kernel)
      vl_set (driver, "name", "vhost");
    vl_set_from (driver, "rx_queue_size", "rx-size");
  }
  if (process && vl_has (c, "tx-size"))
    vl_set_from (vl_ensure_in (vl_because (node, "tx-size"), "driver"), "tx_queue_size", "tx-size");
  return 0;
}

static int
adjust (struct vl_call *c)
{
  return vl_each (c, "devices/interface", tune_nic, NULL);
}

VL_FEATURE (nic_queues, "nic-queues", .version = VL_VERSION,
            .summary = "queues of virtio network interfaces", .props = VL_TABLE (props),
            .writes = VL_TABLE (writes), .reads = VL_TABLE (reads), .resolve = resolve,
            .active = active, .validate = validate, .adjust = adjust);
