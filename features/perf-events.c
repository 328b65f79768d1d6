/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * perf-events: hardware and software events that libvirt counts for each guest
 * on the host. */

#include <config.h>

#include <virtloom/feature.h>

#include <string.h>

static const struct vl_prop props[] = {
  { .name = "events",
    .type = VL_LIST,
    .setting = "enabled_perf_events",
    .nova = "libvirt.enabled_perf_events",
    .help = "names of libvirt perf events that are counted for each guest",
    .since = "0.1.0" },
};

static const struct vl_write writes[] = { { .path = "perf" } };

static const struct vl_name reads[] = { { .name = VL_GUEST_VIRT_TYPE } };

/* Linux 4.14 took cmt, mbmt and mbml away. */
static int
is_known (const char *event)
{
  static const char *const events[] = { "alignment_faults",
                                        "branch_instructions",
                                        "branch_misses",
                                        "bus_cycles",
                                        "cache_misses",
                                        "cache_references",
                                        "context_switches",
                                        "cpu_clock",
                                        "cpu_cycles",
                                        "cpu_migrations",
                                        "emulation_faults",
                                        "instructions",
                                        "page_faults",
                                        "page_faults_maj",
                                        "page_faults_min",
                                        "ref_cpu_cycles",
                                        "stalled_cycles_backend",
                                        "stalled_cycles_frontend",
                                        "task_clock" };

  for (size_t i = 0; i < sizeof events / sizeof events[0]; i++)
    if (strcmp (events[i], event) == 0)
      return 1;
  return 0;
}

static int
active (struct vl_call *c)
{
  return vl_count (c, "events") > 0 && ! vl_is (c, VL_GUEST_VIRT_TYPE, "lxc");
}

static int
validate (struct vl_call *c)
{
  for (size_t i = 0; i < vl_count (c, "events"); i++) {
    const char *event = vl_item (c, "events", i);

    if (! is_known (event))
      vl_warn (c, "events", "virtloom-feature-perf-events(7) lists the events",
               "'%s' is passed over: it is no event that can be counted", event);
  }
  return 0;
}

static int
contribute (struct vl_call *c)
{
  for (size_t i = 0; i < vl_count (c, "events"); i++) {
    const char *event = vl_item (c, "events", i);

    if (is_known (event))
      vl_set (vl_keyed (c, "perf/event", "events", "name", event, NULL), "enabled", "yes");
  }
  return 0;
}

VL_FEATURE (perf_events, "perf-events", .version = VL_VERSION,
            .summary = "performance events counted for guests", .props = VL_TABLE (props),
            .writes = VL_TABLE (writes), .reads = VL_TABLE (reads), .active = active,
            .validate = validate, .contribute = contribute);
