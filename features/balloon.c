/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * balloon: the memory balloon, which reports the guest's memory use, gives free
 * pages back to the host and deflates before the guest runs out of memory. */

#include <config.h>

#include <virtloom/feature.h>

static const struct vl_prop props[] = {
  { .name = "period",
    .type = VL_INT,
    .deflt = "10",
    .min = INT32_MIN,
    .max = INT32_MAX,
    .unit = "s",
    .setting = "mem_stats_period_seconds",
    .nova = "libvirt.mem_stats_period_seconds",
    .help = "time between two memory statistics of the balloon; 0 or less: guests have no balloon",
    .since = "0.1.0" },
};

static const struct vl_write writes[] = { { .path = "devices/memballoon" } };

static const struct vl_name reads[] = { { .name = VL_GUEST_VIRT_TYPE } };

static int
active (struct vl_call *c)
{
  return ! vl_is (c, VL_GUEST_VIRT_TYPE, "lxc");
}

static int
contribute (struct vl_call *c)
{
  struct vl_node *balloon = vl_ensure_weak (c, "devices/memballoon", NULL);
  int has = vl_int (c, "period") > 0;

  vl_set_why (balloon, "model", has ? "virtio" : "none", "period");
  vl_set (balloon, "autodeflate", "on");
  vl_set (balloon, "freePageReporting", "on");
  if (has)
    vl_set_from (vl_ensure_weak (c, "devices/memballoon/stats", "period"), "period", "period");
  return 0;
}

VL_FEATURE (balloon, "balloon", .version = VL_VERSION,
            .summary = "memory balloon with statistics and free page reporting",
            .props = VL_TABLE (props), .writes = VL_TABLE (writes), .reads = VL_TABLE (reads),
            .active = active, .contribute = contribute);
