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
    .deflt = "0",
    .min = 0,
    .max = 28,
    .setting = "num_pcie_ports",
    .nova = "libvirt.num_pcie_ports",
    .help = "number of PCI Express root ports of q35 and ARM virt guests; 0: as libvirt sees fit",
    .since = "0.1.0" },
};

static const struct vl_write writes[] = { { .path = "devices/controller" } };

static const struct vl_name reads[] = { { .name = VL_GUEST_ARCH },
                                        { .name = VL_GUEST_MACHINE },
                                        { .name = VL_GUEST_VIRT_TYPE } };

static int
has_pcie (struct vl_call *c)
{
  const char *machine = vl_str (c, VL_GUEST_MACHINE);

  if (machine == NULL || vl_is (c, VL_GUEST_VIRT_TYPE, "lxc"))
    return 0;
  if (vl_is (c, VL_GUEST_ARCH, "aarch64"))
    return strncmp (machine, "virt", 4) == 0;
  return vl_is (c, VL_GUEST_ARCH, "x86_64") && strstr (machine, "q35");
}

static int
active (struct vl_call *c)
{
  return vl_int (c, "ports") > 0 && has_pcie (c);
}

static int
contribute (struct vl_call *c)
{
  for (int64_t i = 0; i <= vl_int (c, "ports"); i++)
    vl_set (vl_keyed (c, "devices/controller", "ports", "type", "pci", "index",
                      vl_printf (c, "%" PRId64, i), NULL),
            "model", i ? "pcie-root-port" : "pcie-root");
  return 0;
}

VL_FEATURE (pcie_ports, "pcie-ports", .version = VL_VERSION,
            .summary = "free PCI Express root ports", .props = VL_TABLE (props),
            .writes = VL_TABLE (writes), .reads = VL_TABLE (reads), .active = active,
            .contribute = contribute);
