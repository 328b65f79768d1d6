/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * realtime: CPUs of the guest that run under the host's realtime scheduler, on
 * host CPUs of their own, with memory that is locked and never shared. */

#include <config.h>

#include <virtloom/feature.h>

#include <inttypes.h>
#include <stdlib.h>
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
    .rule = VL_IMAGE_WINS,
    .flavor_key = "hw:cpu_realtime_mask",
    .image_key = "hw_cpu_realtime_mask",
    .invalid_code = MASK_CODE,
    .help = "the realtime CPUs; '^0' is all but CPU 0; unset: all",
    .since = "0.1.0" },
  { .name = "cpus",
    .type = VL_CPUSET,
    .invalid_code = MASK_CODE,
    .help = "the guest's realtime CPUs; unset: it has none",
    .since = "0.1.0" },
};

static const struct vl_setting settings[] = {
  { .name = "realtime_scheduler_priority",
    .type = VL_INT,
    .deflt = "1",
    .min = 1,
    .max = 99,
    .nova = "libvirt.realtime_scheduler_priority",
    .help = "priority of realtime CPUs in the host's fifo scheduler",
    .since = "0.1.0" },
};

static const struct vl_write writes[] = {
  { "memoryBacking/locked", NULL },
  { "memoryBacking/nosharepages", NULL },
  { "cputune/vcpusched", NULL },
};

static const struct vl_name reads[] = {
  { VL_GUEST_VCPUS },       { VL_GUEST_VIRT_TYPE },
  { "cpu-pinning.chosen" }, { "cpu-pinning.emulator-threads" },
  { "cpu-pinning.shared" },
};

static int
resolve (struct vl_call *call, struct vl_guest *guest, const struct vl_host *host)
{
  int64_t vcpus = vl_guest_int (guest, VL_GUEST_VCPUS);
  const char *mask = vl_guest_str (guest, "mask"), *last;

  (void)host;
  if (! vl_guest_bool (guest, "enabled")) {
    if (mask) {
      vl_advice (call, NULL, "mask", "the guest has no realtime CPUs, so the mask has no effect");
      vl_hint (call, "add hw:cpu_realtime=yes to the flavor");
    }
    return 0;
  }
  if (mask == NULL)
    return vl_guest_set (call, guest, "cpus", vl_printf (call, "0-%" PRId64, vcpus - 1), "enabled",
                         "all of the guest's CPUs");
  if (mask[0] == '^')
    mask = vl_printf (call, "0-%" PRId64 ",%s", vcpus - 1, mask);
  if (vl_guest_set (call, guest, "cpus", mask, "mask", "as the mask says") < 0)
    return -1;
  mask = vl_guest_str (guest, "cpus");
  last = mask + strlen (mask);
  while (last > mask && last[-1] >= '0' && last[-1] <= '9')
    last--;
  if (strtoll (last, NULL, 10) < vcpus)
    return 0;
  return vl_error (call, VL_ERR_REQUEST, MASK_CODE, "mask",
                   "CPU %s is none of the guest's; accepted: 0 to %" PRId64, last, vcpus - 1);
}

static int
active (const struct vl_guest *guest)
{
  return vl_guest_has (guest, "cpus");
}

/* Realtime CPUs never yield, so something must be left for QEMU's own threads. */
static int
validate (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  int64_t vcpus = vl_guest_int (guest, VL_GUEST_VCPUS);
  const char *all = vcpus == 1 ? "0" : vl_printf (call, "0-%" PRId64, vcpus - 1);

  (void)host;
  if (vl_guest_is (guest, VL_GUEST_VIRT_TYPE, "lxc"))
    return vl_error (call, VL_ERR_UNSUPPORTED, NULL, "enabled", "a container has no realtime CPUs");
  if (! vl_guest_is (guest, "cpu-pinning.chosen", "dedicated")
      && ! vl_guest_is (guest, "cpu-pinning.chosen", "mixed")) {
    vl_error (call, VL_ERR_REQUEST, "RealtimeConfigurationInvalid", "enabled",
              "realtime CPUs need CPU policy 'dedicated' or 'mixed'");
    vl_hint (call, "add hw:cpu_policy=dedicated to the flavor");
    return -1;
  }
  if (vl_guest_is (guest, "cpu-pinning.emulator-threads", "share")
      && ! vl_guest_has (guest, "cpu-pinning.shared")) {
    vl_error (call, VL_ERR_REQUEST, MASK_CODE, "cpu-pinning.emulator-threads",
              "QEMU's own threads are to share CPUs, and this host has no CPUs to share");
    vl_hint (call, "set cpu_shared_set in plugins.d/cpu-pinning.conf, or say "
                   "hw:emulator_threads_policy=isolate");
    return -1;
  }
  if (vl_guest_is (guest, "cpus", all) && ! vl_guest_has (guest, "cpu-pinning.emulator-threads")) {
    vl_error (call, VL_ERR_REQUEST, MASK_CODE, vl_guest_has (guest, "mask") ? "mask" : "enabled",
              "all of the guest's CPUs are realtime, and none is left for QEMU's own threads");
    vl_hint (call, "say hw:cpu_realtime_mask=^0, or hw:emulator_threads_policy=isolate");
    return -1;
  }
  return 0;
}

static int
contribute (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  struct vl_node *node;

  (void)host;
  vl_ensure (call, NULL, "memoryBacking/locked", 0, "enabled");
  vl_ensure (call, NULL, "memoryBacking/nosharepages", 0, "enabled");
  node = vl_ensure_keyed (call, NULL, "cputune/vcpusched",
                          vl_printf (call, "vcpus=%s", vl_guest_str (guest, "cpus")), 0, "cpus");
  vl_set (call, node, "scheduler", "fifo", "cpus");
  vl_set (call, node, "priority",
          vl_printf (call, "%" PRId64, vl_setting_int (call, "realtime_scheduler_priority")),
          "cpus");
  return 0;
}

VL_FEATURE (realtime, "realtime", .version = VL_VERSION, .summary = "realtime CPUs of the guest",
            .props = VL_TABLE (props), .settings = VL_TABLE (settings), .writes = VL_TABLE (writes),
            .reads = VL_TABLE (reads), .resolve = resolve, .active = active, .validate = validate,
            .contribute = contribute);
