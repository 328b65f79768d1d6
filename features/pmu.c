/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * pmu: switches the guest's performance monitoring unit on or off.  Unset, the
 * hypervisor decides and nothing is written. */

#include <config.h>

#include <virtloom/feature.h>

static const struct vl_prop props[] = {
  { .name = "state",
    .type = VL_TRISTATE,
    .rule = VL_MUST_AGREE,
    .flavor_key = "hw:pmu",
    .image_key = "hw_pmu",
    .help = "has the guest a performance monitoring unit; unset: the hypervisor decides",
    .since = "0.1.0" },
};

static const struct vl_write writes[] = { { "features/pmu", NULL } };

static const struct vl_name reads[] = { { VL_GUEST_VIRT_TYPE } };

static int
resolve (struct vl_call *call, struct vl_guest *guest, const struct vl_host *host)
{
  (void)host;
  if (vl_guest_has (guest, "state") && vl_guest_is (guest, VL_GUEST_VIRT_TYPE, "lxc"))
    vl_advice (call, NULL, "state", "a container uses the host's performance monitoring unit");
  return 0;
}

static int
active (const struct vl_guest *guest)
{
  return vl_guest_has (guest, "state") && ! vl_guest_is (guest, VL_GUEST_VIRT_TYPE, "lxc");
}

static int
contribute (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  (void)host;
  return vl_set (call, vl_ensure (call, NULL, "features/pmu", 0, "state"), "state",
                 vl_guest_bool (guest, "state") ? "on" : "off", "state");
}

VL_FEATURE (pmu, "pmu", .version = VL_VERSION,
            .summary = "the guest's performance monitoring unit, on or off",
            .props = VL_TABLE (props), .writes = VL_TABLE (writes), .reads = VL_TABLE (reads),
            .resolve = resolve, .active = active, .contribute = contribute);
