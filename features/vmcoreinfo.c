/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * vmcoreinfo: lets the host read the guest kernel's crash notes when it dumps
 * its memory.  A weak element: memory encryption forbids it. */

#include <config.h>

#include <virtloom/feature.h>

static const struct vl_write writes[] = { { "features/vmcoreinfo", NULL } };

static const struct vl_name reads[] = { { VL_GUEST_ARCH },
                                        { VL_GUEST_MACHINE },
                                        { VL_GUEST_VIRT_TYPE } };

static int
active (const struct vl_guest *guest)
{
  return ! vl_guest_is (guest, VL_GUEST_VIRT_TYPE, "lxc")
         && (vl_guest_is (guest, VL_GUEST_ARCH, "x86_64")
             || vl_guest_is (guest, VL_GUEST_ARCH, "i686")
             || vl_guest_is (guest, VL_GUEST_ARCH, "aarch64"));
}

static int
contribute (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  if (vl_host_flag (host, vl_host_cap_key (guest, host, "feature.vmcoreinfo")) != 0)
    vl_set (call, vl_ensure (call, NULL, "features/vmcoreinfo", VL_WEAK, NULL), "state", "on",
            NULL);
  return 0;
}

VL_FEATURE (vmcoreinfo, "vmcoreinfo", .version = VL_VERSION,
            .summary = "crash notes of the guest kernel in its memory dump",
            .writes = VL_TABLE (writes), .reads = VL_TABLE (reads), .active = active,
            .contribute = contribute);
