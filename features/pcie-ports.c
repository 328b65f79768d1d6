/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * pcie-ports: free PCI Express root ports, so that devices can be plugged into
 * a running q35 or ARM virt guest. */

#include <config.h>

#include <virtloom/feature.h>

#include <inttypes.h>
#include <string.h>

static const struct vl_prop props[] = {
  { .name = "ports",
    .type = VL_INT,
    .setting = "num_pcie_ports",
    .help = "number of root ports",
    .since = "0.1.0" },
};

static const struct vl_setting settings[] = {
  { .name = "num_pcie_ports",
    .type = VL_INT,
    .deflt = "0",
    .min = 0,
    .max = 28,
    .nova = "libvirt.num_pcie_ports",
    .help = "number of PCI Express root ports of q35 and ARM virt guests; 0: as libvirt sees fit",
    .since = "0.1.0" },
};

static const struct vl_write writes[] = { { "devices/controller", NULL } };

static const struct vl_name reads[] = { { VL_GUEST_ARCH },
                                        { VL_GUEST_MACHINE },
                                        { VL_GUEST_VIRT_TYPE } };

static int
has_pcie (const struct vl_guest *guest)
{
  const char *machine = vl_guest_str (guest, VL_GUEST_MACHINE);

  if (machine == NULL || vl_guest_is (guest, VL_GUEST_VIRT_TYPE, "lxc"))
    return 0;
  if (vl_guest_is (guest, VL_GUEST_ARCH, "aarch64"))
    return strncmp (machine, "virt", 4) == 0;
  return vl_guest_is (guest, VL_GUEST_ARCH, "x86_64") && strstr (machine, "q35");
}

static int
active (const struct vl_guest *guest)
{
  return vl_guest_int (guest, "ports") > 0 && has_pcie (guest);
}

static int
contribute (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  struct vl_node *port =
      vl_ensure_keyed (call, NULL, "devices/controller", "type=pci,index=0", 0, "ports");

  (void)host;
  vl_set (call, port, "model", "pcie-root", "ports");
  for (int64_t i = 1; i <= vl_guest_int (guest, "ports"); i++) {
    port = vl_ensure_keyed (call, NULL, "devices/controller",
                            vl_printf (call, "type=pci,index=%" PRId64, i), 0, "ports");
    vl_set (call, port, "model", "pcie-root-port", "ports");
  }
  return 0;
}

VL_FEATURE (pcie_ports, "pcie-ports", .version = VL_VERSION,
            .summary = "free PCI Express root ports", .props = VL_TABLE (props),
            .settings = VL_TABLE (settings), .writes = VL_TABLE (writes), .reads = VL_TABLE (reads),
            .active = active, .contribute = contribute);
