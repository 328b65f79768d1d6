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

static const struct vl_write writes[] = { { .path = "features/pmu" } };

static const struct vl_name reads[] = { { .name = VL_GUEST_VIRT_TYPE } };

static int
resolve (struct vl_call *c)
{
  if (vl_has (c, "state") && vl_is (c, VL_GUEST_VIRT_TYPE, "lxc"))
    vl_advise (c, "state", NULL, "a container uses the host's performance monitoring unit");
  return 0;
}

static int
active (struct vl_call *c)
{
  return vl_has (c, "state") && ! vl_is (c, VL_GUEST_VIRT_TYPE, "lxc");
}

static int
contribute (struct vl_call *c)
{
  return vl_set (vl_ensure (c, "features/pmu", "state"), "state",
                 vl_bool (c, "state") ? "on" : "off");
}

VL_FEATURE (pmu, "pmu", .version = VL_VERSION,
            .summary = "the guest's performance monitoring unit, on or off",
            .props = VL_TABLE (props), .writes = VL_TABLE (writes), .reads = VL_TABLE (reads),
            .resolve = resolve, .active = active, .contribute = contribute);
