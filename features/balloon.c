/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * balloon: the memory balloon, which reports the guest's memory use, gives free
 * pages back to the host and deflates before the guest runs out of memory. */

#include <config.h>

#include <virtloom/feature.h>

#include <inttypes.h>

static const struct vl_prop props[] = {
  { .name = "period",
    .type = VL_INT,
    .unit = "s",
    .setting = "mem_stats_period_seconds",
    .help = "time between two memory statistics; 0 or less: no balloon",
    .since = "0.1.0" },
};

static const struct vl_setting settings[] = {
  { .name = "mem_stats_period_seconds",
    .type = VL_INT,
    .deflt = "10",
    .min = INT32_MIN,
    .max = INT32_MAX,
    .unit = "s",
    .nova = "libvirt.mem_stats_period_seconds",
    .help = "time between two memory statistics of the balloon; 0 or less: guests have no balloon",
    .since = "0.1.0" },
};

static const struct vl_write writes[] = { { "devices/memballoon", NULL } };

static const struct vl_name reads[] = { { VL_GUEST_VIRT_TYPE } };

static int
active (const struct vl_guest *guest)
{
  return ! vl_guest_is (guest, VL_GUEST_VIRT_TYPE, "lxc");
}

static int
contribute (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  int64_t period = vl_guest_int (guest, "period");
  struct vl_node *balloon = vl_ensure (call, NULL, "devices/memballoon", VL_WEAK, NULL);

  (void)host;
  vl_set (call, balloon, "model", period > 0 ? "virtio" : "none", "period");
  vl_set (call, balloon, "autodeflate", "on", NULL);
  vl_set (call, balloon, "freePageReporting", "on", NULL);
  if (period > 0)
    vl_set (call, vl_ensure (call, balloon, "stats", VL_WEAK, "period"), "period",
            vl_printf (call, "%" PRId64, period), "period");
  return 0;
}

VL_FEATURE (balloon, "balloon", .version = VL_VERSION,
            .summary = "memory balloon with statistics and free page reporting",
            .props = VL_TABLE (props), .settings = VL_TABLE (settings), .writes = VL_TABLE (writes),
            .reads = VL_TABLE (reads), .active = active, .contribute = contribute);
