/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * realtime: CPUs of the guest that run under the host's realtime scheduler, on
 * host CPUs of their own, with memory that is locked and never shared. */

#include <config.h>

#include <virtloom/cpuset.h>

#include <inttypes.h>
#include <string.h>

#define MASK_CODE "RealtimeMaskNotFoundOrInvalid"

static const struct vl_prop props[] = {
  { .name = "enabled",
    .type = VL_BOOL,
    .flavor_key = "hw:cpu_realtime",
    .help = "does the guest have realtime CPUs",
    .since = "0.1.0" },
  { .name = "mask",
    .type = VL_STRING,
    .flags = VL_MASK,
    .rule = VL_IMAGE_WINS,
    .flavor_key = "hw:cpu_realtime_mask",
    .image_key = "hw_cpu_realtime_mask",
    .only = "enabled=true",
    .invalid_code = MASK_CODE,
    .help = "the realtime CPUs; '^0' is all but CPU 0; unset: all",
    .since = "0.1.0" },
  { .name = "cpus",
    .type = VL_CPUSET,
    .flags = VL_PUBLIC,
    .invalid_code = MASK_CODE,
    .help = "the guest's realtime CPUs; unset: it has none",
    .since = "0.1.0" },
  { .name = "priority",
    .type = VL_INT,
    .deflt = "1",
    .min = 1,
    .max = 99,
    .setting = "realtime_scheduler_priority",
    .nova = "libvirt.realtime_scheduler_priority",
    .help = "priority of realtime CPUs in the host's fifo scheduler",
    .since = "0.1.0" },
};

static const struct vl_write writes[] = {
  { .path = "memoryBacking/locked", .flags = VL_GUARDED },
  { .path = "memoryBacking/nosharepages" },
  { .path = "cputune/vcpusched" },
};

static const struct vl_name reads[] = {
  { .name = VL_GUEST_VCPUS },
  { .name = VL_GUEST_VIRT_TYPE },
  { .name = "cpu-pinning.chosen", .flags = VL_OPTIONAL },
  { .name = "cpu-pinning.emulator-threads", .flags = VL_OPTIONAL },
  { .name = "cpu-pinning.shared", .flags = VL_OPTIONAL },
};

static int
resolve (struct vl_call *c)
{
  int64_t vcpus = vl_int (c, VL_GUEST_VCPUS), out;
  const char *mask = vl_str (c, "mask");
  struct vl_cpuset cpus;

  if (! vl_bool (c, "enabled"))
    return 0;
  if (mask == NULL)
    return vl_put (c, "cpus", vl_printf (c, "0-%" PRId64, vcpus - 1), "enabled",
                   "all of the guest's CPUs");
  if (mask[0] == '^')
    mask = vl_printf (c, "0-%" PRId64 ",%s", vcpus - 1, mask);
  if (vl_put (c, "cpus", mask, "mask", "as the mask says") < 0)
    return -1;
  vl_cpus (c, "cpus", &cpus);
  out = vl_cpuset_next (&cpus, vcpus);
  if (out < 0)
    return 0;
  return vl_refuse_as (c, VL_ERR_REQUEST, MASK_CODE, "mask", NULL,
                       "CPU %" PRId64 " is none of the guest's; accepted: 0 to %" PRId64, out,
                       vcpus - 1);
}

static int
active (struct vl_call *c)
{
  return vl_has (c, "cpus");
}

/* Realtime CPUs never yield, so something must be left for QEMU's own threads. */
static int
validate (struct vl_call *c)
{
  int64_t vcpus = vl_int (c, VL_GUEST_VCPUS);
  struct vl_cpuset cpus;
  const char *limit;

  if (vl_is (c, VL_GUEST_VIRT_TYPE, "lxc"))
    return vl_refuse (c, VL_ERR_UNSUPPORTED, "enabled", NULL, "a container has no realtime CPUs");
  if (! vl_is (c, "cpu-pinning.chosen", "dedicated") && ! vl_is (c, "cpu-pinning.chosen", "mixed"))
    return vl_refuse_as (c, VL_ERR_REQUEST, "RealtimeConfigurationInvalid", "enabled",
                         "add hw:cpu_policy=dedicated to the flavor",
                         "realtime CPUs need CPU policy 'dedicated' or 'mixed'");
  if (vl_is (c, "cpu-pinning.emulator-threads", "share") && ! vl_has (c, "cpu-pinning.shared"))
    return vl_refuse_as (
        c, VL_ERR_REQUEST, MASK_CODE, "cpu-pinning.emulator-threads",
        "set cpu_shared_set in plugins.d/cpu-pinning.conf, or say "
        "hw:emulator_threads_policy=isolate",
        "QEMU's own threads are to share CPUs, and this host has no CPUs to share");
  limit = vl_fact_str (c, "limit.memlock");
  if (limit && strcmp (limit, "unlimited"))
    return vl_refuse_as (
        c, VL_ERR_UNSUPPORTED, "NoValidHost", "enabled",
        "give virtloom CAP_SYS_RESOURCE, or an unlimited hard limit (ulimit -H -l)",
        "the guest's memory is locked for its realtime CPUs, and on this host no more than %s "
        "bytes may be",
        limit);
  vl_cpus (c, "cpus", &cpus);
  if (vl_cpuset_count (&cpus) == vcpus && ! vl_has (c, "cpu-pinning.emulator-threads"))
    return vl_refuse_as (
        c, VL_ERR_REQUEST, MASK_CODE, vl_has (c, "mask") ? "mask" : "enabled",
        "say hw:cpu_realtime_mask=^0, or hw:emulator_threads_policy=isolate",
        "all of the guest's CPUs are realtime, and none is left for QEMU's own threads");
  return 0;
}

static int
contribute (struct vl_call *c)
{
  struct vl_node *node =
      vl_keyed (c, "cputune/vcpusched", "cpus", "vcpus", vl_str (c, "cpus"), NULL);

  vl_ensure (c, "memoryBacking/locked", "enabled");
  vl_ensure (c, "memoryBacking/nosharepages", "enabled");
  vl_set (node, "scheduler", "fifo");
  return vl_set (node, "priority", vl_str (c, "priority"));
}

VL_FEATURE (realtime, "realtime", .version = VL_VERSION, .summary = "realtime CPUs of the guest",
            .props = VL_TABLE (props), .writes = VL_TABLE (writes), .reads = VL_TABLE (reads),
            .resolve = resolve, .active = active, .validate = validate, .contribute = contribute);
