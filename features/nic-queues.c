/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * nic-queues: the queues of virtio interfaces: how many (one per vCPU where
 * asked for), how long, and whether their rings are packed. */

#include <config.h>

#include <virtloom/feature.h>

#include <inttypes.h>
#include <stdlib.h>
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
    .setting = "max_queues",
    .help = "most queues of an interface",
    .since = "0.1.0" },
  { .name = "rx-size",
    .type = VL_CHOICE,
    .choices = sizes,
    .setting = "rx_queue_size",
    .help = "length of receive queues (KVM)",
    .since = "0.1.0" },
  { .name = "tx-size",
    .type = VL_CHOICE,
    .choices = sizes,
    .setting = "tx_queue_size",
    .help = "length of transmit queues of vhost-user and vDPA interfaces",
    .since = "0.1.0" },
};

static const struct vl_setting settings[] = {
  { .name = "max_queues",
    .type = VL_INT,
    .min = 1,
    .max = 65535,
    .nova = "libvirt.max_queues",
    .help = "most queues of an interface; unset: as many as the host's kernel can serve",
    .since = "0.1.0" },
  { .name = "rx_queue_size",
    .type = VL_CHOICE,
    .choices = sizes,
    .nova = "libvirt.rx_queue_size",
    .help = "length of receive queues; unset: QEMU's default",
    .since = "0.1.0" },
  { .name = "tx_queue_size",
    .type = VL_CHOICE,
    .choices = sizes,
    .nova = "libvirt.tx_queue_size",
    .help = "length of transmit queues of vhost-user and vDPA interfaces; unset: QEMU's default",
    .since = "0.1.0" },
};

static const struct vl_write writes[] = { { "devices/interface/driver", NULL } };

static const struct vl_name reads[] = { { VL_GUEST_NIC },
                                        { VL_GUEST_VCPUS },
                                        { VL_GUEST_VIRT_TYPE } };

/* Queues that a tap device of this host's kernel can have; 0: no limit, -1: not
 * known. */
static int64_t
kernel_limit (const struct vl_host *host)
{
  const char *release = vl_host_str (host, FACT_KERNEL);
  long major = release ? strtol (release, NULL, 10) : 0;

  if (major <= 0)
    return -1;
  if (major <= 2)
    return 1;
  if (major == 3)
    return 8;
  return major == 4 ? 256 : 0;
}

static int
resolve (struct vl_call *call, struct vl_guest *guest, const struct vl_host *host)
{
  int64_t queues = vl_guest_int (guest, VL_GUEST_VCPUS);
  int64_t most = vl_guest_has (guest, "max") ? vl_guest_int (guest, "max") : kernel_limit (host);

  if (! vl_guest_bool (guest, "multiqueue") || queues < 2
      || ! vl_guest_is (guest, VL_GUEST_VIRT_TYPE, "kvm"))
    return 0;
  if (most < 0)
    return vl_host_unknown (call, "multiqueue", FACT_KERNEL);
  if (most > 0 && most < queues)
    return vl_guest_set (call, guest, "queues", vl_printf (call, "%" PRId64, most),
                         vl_guest_has (guest, "max") ? "max" : "multiqueue",
                         vl_printf (call, "no more than %" PRId64 " of %" PRId64, most, queues));
  return vl_guest_set (call, guest, "queues", vl_printf (call, "%" PRId64, queues), "multiqueue",
                       "one for each vCPU");
}

static int
active (const struct vl_guest *guest)
{
  return ! vl_guest_is (guest, VL_GUEST_VIRT_TYPE, "lxc")
         && (vl_guest_bool (guest, "multiqueue") || vl_guest_bool (guest, "packed")
             || vl_guest_has (guest, "rx-size") || vl_guest_has (guest, "tx-size"));
}

static int
validate (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  (void)host;
  if (vl_guest_bool (guest, "multiqueue") && ! vl_guest_has (guest, "queues"))
    vl_advice (call, NULL, "multiqueue",
               "each interface has one queue: more need KVM and two vCPUs");
  if (vl_guest_has (guest, "tx-size"))
    vl_advice (call, NULL, "tx-size",
               "transmit queues keep their length: the guest has no vhost-user or "
               "vDPA interface");
  return 0;
}

static const struct vl_nic *
nic_of (const struct vl_guest *guest, const char *mac)
{
  for (size_t i = 0; mac && i < vl_guest_n_nics (guest); i++)
    if (strcmp (vl_guest_nic (guest, i)->mac, mac) == 0)
      return vl_guest_nic (guest, i);
  return NULL;
}

/* An interface that QEMU serves by itself ("user") has one queue pair, and none
 * that vhost could serve. */
static int
tune_nic (struct vl_call *call, struct vl_node *node, void *opaque)
{
  const struct vl_guest *guest = opaque;
  const struct vl_nic *nic = nic_of (guest, vl_get (call, node, "mac/@address"));
  struct vl_node *driver;
  int kernel;

  if (nic == NULL || nic->model == NULL || strcmp (nic->model, "virtio") != 0)
    return 0;
  kernel = strcmp (nic->type, "user") != 0 && vl_guest_is (guest, VL_GUEST_VIRT_TYPE, "kvm");
  if (vl_guest_bool (guest, "packed")) {
    driver = vl_ensure (call, node, "driver", 0, "packed");
    vl_set (call, driver, "packed", "on", "packed");
  }
  if (kernel && vl_guest_has (guest, "queues")) {
    driver = vl_ensure (call, node, "driver", 0, "queues");
    vl_set (call, driver, "name", "vhost", "queues");
    vl_set (call, driver, "queues", vl_guest_str (guest, "queues"), "queues");
  }
  if (kernel && vl_guest_has (guest, "rx-size")) {
    driver = vl_ensure (call, node, "driver", 0, "rx-size");
    vl_set (call, driver, "name", "vhost", "rx-size");
    vl_set (call, driver, "rx_queue_size", vl_guest_str (guest, "rx-size"), "rx-size");
  }
  return 0;
}

static int
adjust (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  (void)host;
  return vl_each (call, "devices/interface", tune_nic, (void *)guest);
}

VL_FEATURE (nic_queues, "nic-queues", .version = VL_VERSION,
            .summary = "queues of virtio network interfaces", .props = VL_TABLE (props),
            .settings = VL_TABLE (settings), .writes = VL_TABLE (writes), .reads = VL_TABLE (reads),
            .resolve = resolve, .active = active, .validate = validate, .adjust = adjust);
