/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * vmcoreinfo: lets the host read the guest kernel's crash notes when it dumps
 * its memory.  A weak element: memory encryption forbids it. */

#include <config.h>

#include <virtloom/feature.h>

static const struct vl_write writes[] = { { .path = "features/vmcoreinfo" } };

static const struct vl_name reads[] = { { .name = VL_GUEST_ARCH },
                                        { .name = VL_GUEST_MACHINE },
                                        { .name = VL_GUEST_VIRT_TYPE } };

static int
active (struct vl_call *c)
{
  return ! vl_is (c, VL_GUEST_VIRT_TYPE, "lxc")
         && (vl_is (c, VL_GUEST_ARCH, "x86_64") || vl_is (c, VL_GUEST_ARCH, "i686")
             || vl_is (c, VL_GUEST_ARCH, "aarch64"));
}

static int
contribute (struct vl_call *c)
{
  if (vl_cap (c, "feature.vmcoreinfo", "true") == 0)
    return 0;
  return vl_set (vl_ensure_weak (c, "features/vmcoreinfo", NULL), "state", "on");
}

VL_FEATURE (vmcoreinfo, "vmcoreinfo", .version = VL_VERSION,
            .summary = "crash notes of the guest kernel in its memory dump",
            .writes = VL_TABLE (writes), .reads = VL_TABLE (reads), .active = active,
            .contribute = contribute);
