/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * cpu-pinning: which of the host's CPUs the guest's run on.  Dedicated ones get
 * a CPU of their own, the others float over the shared ones of their NUMA cell.
 * Owns vcpu/@cpuset and the pins in cputune; the cells are numa's. */

#include <config.h>

#include <virtloom/feature.h>
#include <virtloom/cpuset.h>

#include <inttypes.h>
#include <string.h>

/* The most CPUs of a guest that has NUMA cells. */
#define MAX_VCPUS 4096

static const char *const policies[] = { "shared", "dedicated", "mixed", NULL };
static const char *const thread_policies[] = { "prefer", "isolate", "require", NULL };
static const char *const emulator_policies[] = { "share", "isolate", NULL };

static const struct vl_prop props[] = {
  { .name = "policy",
    .type = VL_CHOICE,
    .rule = VL_BY_FEATURE,
    .choices = policies,
    .flavor_key = "hw:cpu_policy",
    .image_key = "hw_cpu_policy",
    .invalid_code = "InvalidCPUAllocationPolicy",
    .help = "which of the guest's CPUs have a host CPU of their own",
    .since = "0.1.0" },
  { .name = "thread-policy",
    .type = VL_CHOICE,
    .rule = VL_BY_FEATURE,
    .choices = thread_policies,
    .flavor_key = "hw:cpu_thread_policy",
    .image_key = "hw_cpu_thread_policy",
    .invalid_code = "InvalidCPUThreadAllocationPolicy",
    .help = "how dedicated CPUs use the threads of the host's cores",
    .since = "0.1.0" },
  { .name = "dedicated-mask",
    .type = VL_STRING,
    .flavor_key = "hw:cpu_dedicated_mask",
    .help = "the guest's dedicated CPUs under policy mixed; '^0' is all but CPU 0",
    .since = "0.1.0" },
  { .name = "emulator-threads",
    .type = VL_CHOICE,
    .choices = emulator_policies,
    .flavor_key = "hw:emulator_threads_policy",
    .invalid_code = "InvalidEmulatorThreadsPolicy",
    .help = "where QEMU's own threads run; unset: beside the guest's CPUs",
    .since = "0.1.0" },
  { .name = "chosen",
    .type = VL_CHOICE,
    .choices = policies,
    .help = "the policy of flavor, image and requested resources together",
    .since = "0.1.0" },
  { .name = "chosen-threads",
    .type = VL_CHOICE,
    .choices = thread_policies,
    .help = "the thread policy of flavor, image and traits together",
    .since = "0.1.0" },
  { .name = "pinned",
    .type = VL_CPUSET,
    .invalid_code = "InvalidMixedInstanceDedicatedMask",
    .help = "the guest's CPUs that have a host CPU of their own",
    .since = "0.1.0" },
  { .name = "pool",
    .type = VL_CPUSET,
    .help = "the host's CPUs that may be given to one guest CPU alone",
    .since = "0.1.0" },
  { .name = "shared",
    .type = VL_CPUSET,
    .help = "the host's CPUs that others may use; unset: all",
    .since = "0.1.0" },
  { .name = "reserved",
    .type = VL_INT,
    .help = "host CPUs for QEMU's own threads, in the first cell",
    .since = "0.1.0" },
};

static const struct vl_setting settings[] = {
  { .name = "cpu_dedicated_set",
    .type = VL_CPUSET,
    .nova = "compute.cpu_dedicated_set",
    .help = "the host's CPUs for dedicated guest CPUs",
    .since = "0.1.0" },
  { .name = "cpu_shared_set",
    .type = VL_CPUSET,
    .nova = "compute.cpu_shared_set",
    .help = "the host's CPUs for all other guest CPUs",
    .since = "0.1.0" },
};

static const struct vl_write writes[] = {
  { "vcpu/@cpuset", NULL },
  { "cputune/vcpupin", NULL },
  { "cputune/emulatorpin", NULL },
  { "cputune/iothreadpin", NULL },
};

static const struct vl_name reads[] = {
  { VL_GUEST_VCPUS },    { "realtime.cpus" },   { "numa.nodes" },
  { "numa.vcpu-cells" }, { "numa.host-cells" }, { "memory-pages.wanted" },
};

static const struct vl_name traits[] = { { "HW_CPU_HYPERTHREADING" } };

/* ---- what is asked for ---- */

static const char *
layer (const struct vl_guest *guest, const char *prop, enum vl_layer which)
{
  return vl_guest_layer_has (guest, prop, which) ? vl_guest_layer_str (guest, prop, which) : NULL;
}

static int
same (const char *a, const char *b)
{
  return a && strcmp (a, b) == 0;
}

/* The policy as resources:PCPU and resources:VCPU say it, which go together with
 * no hw:cpu_policy and not with each other. */
static int
check_resources (struct vl_call *call, const struct vl_guest *guest, const char *policy)
{
  int64_t vcpu = vl_guest_resource (guest, "VCPU"), pcpu = vl_guest_resource (guest, "PCPU");
  int64_t want = vl_guest_int (guest, VL_GUEST_VCPUS);

  if (policy && (vcpu || pcpu)) {
    vl_error (call, VL_ERR_REQUEST, "InvalidRequest", "policy",
              "a CPU policy and resources:VCPU or resources:PCPU exclude each other");
    vl_hint (call, "take out one of the two");
    return -1;
  }
  if (vcpu && pcpu)
    return vl_error (call, VL_ERR_REQUEST, "InvalidRequest", NULL,
                     "resources:VCPU and resources:PCPU exclude each other");
  want += vl_guest_is (guest, "emulator-threads", "isolate");
  if (pcpu && pcpu != want) {
    vl_error (call, VL_ERR_REQUEST, "InvalidRequest", NULL,
              "resources:PCPU is %" PRId64 ", and the guest needs %" PRId64, pcpu, want);
    vl_hint (call,
             "say resources:PCPU=%" PRId64 ": one for each of the guest's CPUs, and one more "
             "where the emulator threads are isolated",
             want);
    return -1;
  }
  return 0;
}

/* Which layers may overrule which, as Nova has it. */
static int
choose_policy (struct vl_call *call, struct vl_guest *guest, const char **policy)
{
  const char *flavor = layer (guest, "policy", VL_LAYER_FLAVOR);
  const char *image = layer (guest, "policy", VL_LAYER_IMAGE);

  if ((same (flavor, "shared") && (same (image, "dedicated") || same (image, "mixed")))
      || (same (flavor, "mixed") && same (image, "dedicated"))) {
    vl_error (call, VL_ERR_REQUEST, "ImageCPUPinningForbidden", "policy",
              "the image asks for CPU policy '%s', and the flavor says '%s'", image, flavor);
    vl_hint (call, "take hw_cpu_policy out of the image, or use a flavor that allows it");
    return -1;
  }
  *policy = flavor ? flavor : image;
  if (check_resources (call, guest, *policy) < 0)
    return -1;
  if (vl_guest_resource (guest, "PCPU")) {
    *policy = "dedicated";
    return vl_guest_set (call, guest, "chosen", *policy, NULL, "resources:PCPU asks for it");
  }
  if (*policy == NULL)
    return 0;
  return vl_guest_set (call, guest, "chosen", *policy, "policy",
                       flavor ? "the flavor says so" : "the image says so");
}

static int
choose_threads (struct vl_call *call, struct vl_guest *guest)
{
  const char *flavor = layer (guest, "thread-policy", VL_LAYER_FLAVOR);
  const char *image = layer (guest, "thread-policy", VL_LAYER_IMAGE);
  int trait =
      vl_guest_trait (guest, "HW_CPU_HYPERTHREADING", 1u << VL_LAYER_FLAVOR | 1u << VL_LAYER_IMAGE);

  if (flavor && ! same (flavor, "prefer") && image && strcmp (image, flavor)) {
    vl_error (call, VL_ERR_REQUEST, "ImageCPUThreadPolicyForbidden", "thread-policy",
              "the image asks for CPU thread policy '%s', and the flavor says '%s'", image, flavor);
    vl_hint (call, "take hw_cpu_thread_policy out of the image");
    return -1;
  }
  if (trait && (flavor || image))
    return vl_error (call, VL_ERR_REQUEST, "InvalidRequest", "thread-policy",
                     "a CPU thread policy and trait:HW_CPU_HYPERTHREADING exclude each other");
  if (trait)
    return vl_guest_set (call, guest, "chosen-threads", "require", NULL,
                         "trait:HW_CPU_HYPERTHREADING asks for it");
  if (flavor == NULL && image == NULL)
    return 0;
  return vl_guest_set (call, guest, "chosen-threads", image ? image : flavor, "thread-policy",
                       image ? "the image says so" : "the flavor says so");
}

/* What only a guest with dedicated CPUs may ask for. */
static int
check_floating (struct vl_call *call, const struct vl_guest *guest)
{
  static const char hint[] = "add hw:cpu_policy=dedicated to the flavor";

  if (vl_guest_has (guest, "thread-policy")) {
    vl_error (call, VL_ERR_REQUEST, "CPUThreadPolicyConfigurationInvalid", "thread-policy",
              "a CPU thread policy needs CPU policy 'dedicated' or 'mixed'");
    vl_hint (call, hint);
    return -1;
  }
  if (vl_guest_is (guest, "emulator-threads", "isolate")) {
    vl_error (call, VL_ERR_REQUEST, "BadRequirementEmulatorThreadsPolicy", "emulator-threads",
              "isolated emulator threads need CPU policy 'dedicated' or 'mixed'");
    vl_hint (call, hint);
    return -1;
  }
  return 0;
}

/* The CPUs that are pinned under policy mixed: those of the mask, or the realtime
 * ones. */
static int
choose_mixed (struct vl_call *call, struct vl_guest *guest)
{
  int mask = vl_guest_has (guest, "dedicated-mask"), real = vl_guest_has (guest, "realtime.cpus");
  int64_t vcpus = vl_guest_int (guest, VL_GUEST_VCPUS);
  const char *text = vl_guest_str (guest, "dedicated-mask");
  struct vl_cpuset set;
  int n;

  if (mask == real) {
    vl_error (
        call, VL_ERR_REQUEST, "RequiredMixedOrRealtimeCPUMask", mask ? "dedicated-mask" : "policy",
        "CPU policy 'mixed' needs one of hw:cpu_dedicated_mask and hw:cpu_realtime, and has %s",
        mask ? "both" : "neither");
    vl_hint (call,
             mask ? "take out hw:cpu_dedicated_mask"
                  : "say which CPUs are dedicated: hw:cpu_dedicated_mask=^0 is all but the first");
    return -1;
  }
  if (real)
    return vl_guest_set (call, guest, "pinned", vl_guest_str (guest, "realtime.cpus"),
                         "realtime.cpus", "the realtime CPUs");
  if (text[0] == '^')
    text = vl_printf (call, "0-%" PRId64 ",%s", vcpus - 1, text);
  if (vl_guest_set (call, guest, "pinned", text, "dedicated-mask", "as the mask says") < 0)
    return -1;
  set = vl_cpuset_of (vl_guest_str (guest, "pinned"));
  n = vl_cpuset_count (&set);
  for (int64_t cpu = vcpus; cpu < VL_CPUSET_MAX; cpu++)
    if (set.in[cpu])
      n = 0;
  if (n == 0 || n >= vcpus) {
    vl_error (call, VL_ERR_REQUEST, "InvalidMixedInstanceDedicatedMask", "dedicated-mask",
              "the mask must name some of the guest's CPUs, and not all; accepted: 0 to %" PRId64,
              vcpus - 1);
    vl_hint (call, "for all CPUs say hw:cpu_policy=dedicated");
    return -1;
  }
  return 0;
}

/* ---- what the host has for it ---- */

/* Keeps of POOL what the thread policy can use: one CPU of each core that is
 * wholly in it, or the cores that have more than one there. */
static int
apply_threads (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host,
               struct vl_cpuset *pool)
{
  int isolate = vl_guest_is (guest, "chosen-threads", "isolate");
  struct vl_cpuset kept = { { 0 } };

  if (! isolate && ! vl_guest_is (guest, "chosen-threads", "require"))
    return 0;
  for (size_t i = 0; i < vl_host_count (host, "host.cells"); i++) {
    const char *key =
        vl_printf (call, "host.cell.%s.siblings", vl_host_item (host, "host.cells", i));

    if (vl_host_count (host, key) == 0)
      return vl_host_unknown (call, "chosen-threads", key);
    for (size_t k = 0; k < vl_host_count (host, key); k++) {
      struct vl_cpuset core = vl_cpuset_of (vl_host_item (host, key, k));
      int whole = vl_cpuset_count (&core), n;

      vl_cpuset_meet (&core, pool);
      n = vl_cpuset_count (&core);
      if (isolate ? n < whole : n < 2)
        continue;
      for (int cpu = 0; cpu < VL_CPUSET_MAX; cpu++)
        if (core.in[cpu]) {
          kept.in[cpu] = 1;
          if (isolate)
            break;
        }
    }
  }
  *pool = kept;
  return 0;
}

static int
refuse_pool (struct vl_call *call, int64_t need, const struct vl_cpuset *pool)
{
  vl_error (call, VL_ERR_UNSUPPORTED, "ComputeResourcesUnavailable", "pinned",
            "the guest needs %" PRId64 " dedicated CPUs, and this host has %d that fit", need,
            vl_cpuset_count (pool));
  vl_hint (call,
           "add CPUs to cpu_dedicated_set in plugins.d/cpu-pinning.conf; cpu_shared_set alone "
           "leaves none, and a thread policy narrows the choice");
  return -1;
}

static int
choose_pool (struct vl_call *call, struct vl_guest *guest, const struct vl_host *host)
{
  struct vl_cpuset pinned = vl_cpuset_of (vl_guest_str (guest, "pinned")),
                   pool = vl_cpuset_of_host (call, host), set;
  int64_t reserved = vl_guest_is (guest, "emulator-threads", "isolate");

  if (vl_cpuset_count (&pool) == 0)
    return vl_host_unknown (call, "pinned", "host.cells");
  if (vl_setting_has (call, "cpu_dedicated_set") || vl_setting_has (call, "cpu_shared_set")) {
    set = vl_cpuset_of (vl_setting_str (call, "cpu_dedicated_set"));
    vl_cpuset_meet (&pool, &set);
  }
  if (apply_threads (call, guest, host, &pool) < 0)
    return -1;
  if (vl_cpuset_count (&pool) < vl_cpuset_count (&pinned) + reserved)
    return refuse_pool (call, vl_cpuset_count (&pinned) + reserved, &pool);
  if (reserved
      && vl_guest_set (call, guest, "reserved", "1", "emulator-threads", "isolated threads") < 0)
    return -1;
  return vl_guest_set (call, guest, "pool", vl_cpuset_text (call, &pool), NULL,
                       vl_setting_has (call, "cpu_dedicated_set") ? "cpu_dedicated_set"
                                                                  : "all of the host");
}

/* The shared set, as far as the host has it. */
static int
choose_shared (struct vl_call *call, struct vl_guest *guest, const struct vl_host *host)
{
  struct vl_cpuset all = vl_cpuset_of_host (call, host), shared;
  const char *text;

  if (! vl_setting_has (call, "cpu_shared_set"))
    return 0;
  shared = vl_cpuset_of (vl_setting_str (call, "cpu_shared_set"));
  if (vl_cpuset_count (&all))
    vl_cpuset_meet (&shared, &all);
  text = vl_cpuset_text (call, &shared);
  if (text == NULL) {
    vl_error (call, VL_ERR_UNSUPPORTED, "Invalid", NULL,
              "the host has none of the CPUs of cpu_shared_set, '%s'",
              vl_setting_str (call, "cpu_shared_set"));
    vl_hint (call, "change cpu_shared_set in plugins.d/cpu-pinning.conf");
    return -1;
  }
  return vl_guest_set (call, guest, "shared", text, NULL, "cpu_shared_set");
}

/* The callback ready: a CPU is in one set at most. */
static int
check_sets (struct vl_call *call, const struct vl_host *host)
{
  struct vl_cpuset shared = vl_cpuset_of (vl_setting_str (call, "cpu_shared_set"));
  struct vl_cpuset dedicated = vl_cpuset_of (vl_setting_str (call, "cpu_dedicated_set"));

  (void)host;
  vl_cpuset_meet (&shared, &dedicated);
  if (vl_cpuset_count (&shared) == 0)
    return 0;
  vl_error (call, VL_ERR_UNSUPPORTED, "InvalidConfiguration", NULL,
            "CPUs '%s' are in cpu_dedicated_set and in cpu_shared_set",
            vl_cpuset_text (call, &shared));
  vl_hint (call, "take them out of one of the two in plugins.d/cpu-pinning.conf");
  return -1;
}

static int
resolve (struct vl_call *call, struct vl_guest *guest, const struct vl_host *host)
{
  int64_t vcpus = vl_guest_int (guest, VL_GUEST_VCPUS);
  const char *policy;
  int pins, mixed;

  if (choose_policy (call, guest, &policy) < 0 || choose_threads (call, guest) < 0
      || choose_shared (call, guest, host) < 0)
    return -1;
  mixed = same (policy, "mixed");
  pins = mixed || same (policy, "dedicated");
  if (! pins && check_floating (call, guest) < 0)
    return -1;
  if (! mixed && vl_guest_has (guest, "dedicated-mask")) {
    vl_error (call, VL_ERR_REQUEST, "RequiredMixedInstancePolicy", "dedicated-mask",
              "a mask of dedicated CPUs needs CPU policy 'mixed'");
    vl_hint (call, "say hw:cpu_policy=mixed, or take the mask out");
    return -1;
  }
  if ((mixed || ! pins) && vl_setting_has (call, "cpu_dedicated_set")
      && ! vl_guest_has (guest, "shared")) {
    vl_error (call, VL_ERR_UNSUPPORTED, "ComputeResourcesUnavailable", mixed ? "policy" : NULL,
              "the guest has CPUs that are not dedicated, and this host has none for them");
    vl_hint (call, "set cpu_shared_set in plugins.d/cpu-pinning.conf: with cpu_dedicated_set alone "
                   "no CPU is shared");
    return -1;
  }
  if (! pins)
    return 0;
  if (mixed ? choose_mixed (call, guest) < 0
            : vl_guest_set (call, guest, "pinned", vl_printf (call, "0-%" PRId64, vcpus - 1),
                            "chosen", "all of the guest's CPUs")
                  < 0)
    return -1;
  return choose_pool (call, guest, host);
}

static int
active (const struct vl_guest *guest)
{
  return vl_guest_has (guest, "pinned") || vl_guest_has (guest, "shared")
         || vl_guest_has (guest, "numa.nodes") || vl_guest_has (guest, "memory-pages.wanted");
}

/* ---- which CPU for which ---- */

/* The host CPU of each of the guest's, -1: it floats; and QEMU's own, or -1. */
struct pins {
  int n, reserved;
  int cpu[MAX_VCPUS];
};

/* The CPUs of SET in CELL of the host, core by core, so that neighbours in the
 * guest are threads of one core.  Answers how many. */
static int
in_order (struct vl_call *call, const struct vl_host *host, const char *cell, struct vl_cpuset set,
          int *order)
{
  const char *key = vl_printf (call, "host.cell.%s.siblings", cell);
  const char *cpus = vl_host_str (host, vl_printf (call, "host.cell.%s.cpus", cell));
  size_t cores = vl_host_count (host, key);
  int n = 0;

  for (size_t k = 0; k <= cores; k++) {
    struct vl_cpuset core = vl_cpuset_of (k < cores ? vl_host_item (host, key, k) : cpus);

    for (int cpu = 0; cpu < VL_CPUSET_MAX; cpu++)
      if (core.in[cpu] && set.in[cpu]) {
        set.in[cpu] = 0;
        order[n++] = cpu;
      }
  }
  return n;
}

/* The lowest CPUs of the cells that numa chose. */
static void
make_pins (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host,
           struct pins *pins)
{
  struct vl_cpuset pinned = vl_cpuset_of (vl_guest_str (guest, "pinned"));
  struct vl_cpuset pool = vl_cpuset_of (vl_guest_str (guest, "pool"));
  int order[VL_CPUSET_MAX];

  pins->n = (int)vl_guest_count (guest, "numa.vcpu-cells");
  pins->reserved = -1;
  for (size_t cell = 0; cell < vl_guest_count (guest, "numa.host-cells"); cell++) {
    int n = in_order (call, host, vl_guest_item (guest, "numa.host-cells", cell), pool, order);
    int next = 0;

    for (int i = 0; i < pins->n; i++)
      if (strtoul (vl_guest_item (guest, "numa.vcpu-cells", (size_t)i), NULL, 10) == cell)
        pins->cpu[i] = pinned.in[i] && next < n ? order[next++] : -1;
    if (cell == 0 && vl_guest_int (guest, "reserved") && next < n)
      pins->reserved = order[next];
  }
}

/* Each dedicated CPU, so that no two guests have the same; isolated ones with
 * the other threads of their core. */
static int
claim (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  struct vl_cpuset taken = { { 0 } };
  struct pins pins;
  int result = 0;

  if (! vl_guest_has (guest, "pinned"))
    return 0;
  make_pins (call, guest, host, &pins);
  for (int i = 0; i < pins.n; i++)
    if (pins.cpu[i] >= 0)
      taken.in[pins.cpu[i]] = 1;
  if (pins.reserved >= 0)
    taken.in[pins.reserved] = 1;
  for (size_t i = 0; vl_guest_is (guest, "chosen-threads", "isolate")
                     && i < vl_guest_count (guest, "numa.host-cells");
       i++) {
    const char *key =
        vl_printf (call, "host.cell.%s.siblings", vl_guest_item (guest, "numa.host-cells", i));

    for (size_t k = 0; k < vl_host_count (host, key); k++) {
      struct vl_cpuset core = vl_cpuset_of (vl_host_item (host, key, k));

      vl_cpuset_meet (&core, &taken);
      if (vl_cpuset_count (&core))
        vl_cpuset_add (&taken, vl_host_item (host, key, k));
    }
  }
  for (int cpu = 0; cpu < VL_CPUSET_MAX; cpu++)
    if (taken.in[cpu])
      result |= vl_claim (call, vl_printf (call, "PCPU:cpu-%d", cpu), 1, 1, "pinned");
  return result;
}

/* The set that CPU I floats over: the shared CPUs of its cell. */
static const char *
floats_over (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host, int i)
{
  size_t cell = strtoul (vl_guest_item (guest, "numa.vcpu-cells", (size_t)i), NULL, 10);
  struct vl_cpuset set = vl_cpuset_of (vl_host_str (
      host, vl_printf (call, "host.cell.%s.cpus", vl_guest_item (guest, "numa.host-cells", cell))));
  struct vl_cpuset shared = vl_cpuset_of (vl_guest_str (guest, "shared"));

  if (vl_guest_has (guest, "shared"))
    vl_cpuset_meet (&set, &shared);
  return vl_cpuset_text (call, &set);
}

static int
contribute (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  const char *own = vl_guest_has (guest, "pinned") ? "pinned" : NULL, *text;
  int cells =
      own || vl_guest_has (guest, "numa.nodes") || vl_guest_has (guest, "memory-pages.wanted");
  struct vl_cpuset real = vl_cpuset_of (vl_guest_str (guest, "realtime.cpus")), rest = { { 0 } };
  const char *threads = vl_guest_has (guest, "emulator-threads") ? "emulator-threads" : own;
  struct pins pins;

  if (! cells || vl_guest_count (guest, "numa.host-cells") == 0) {
    if (vl_guest_has (guest, "shared"))
      vl_set (call, vl_ensure (call, NULL, "vcpu", 0, "shared"), "cpuset",
              vl_guest_str (guest, "shared"), "shared");
    return 0;
  }
  make_pins (call, guest, host, &pins);
  for (int i = 0; i < pins.n; i++) {
    const char *why = pins.cpu[i] >= 0                 ? own
                      : vl_guest_has (guest, "shared") ? "shared"
                                                       : "numa.host-cells";

    text =
        pins.cpu[i] >= 0 ? vl_printf (call, "%d", pins.cpu[i]) : floats_over (call, guest, host, i);
    if (text == NULL)
      continue;
    vl_set (call,
            vl_ensure_keyed (call, NULL, "cputune/vcpupin", vl_printf (call, "vcpu=%d", i), 0, why),
            "cpuset", text, why);
    if (! real.in[i] || vl_guest_is (guest, "emulator-threads", "share"))
      vl_cpuset_add (&rest, text);
  }
  text = vl_cpuset_text (call, &rest);
  if (pins.reserved >= 0)
    text = vl_printf (call, "%d", pins.reserved);
  else if (vl_guest_is (guest, "emulator-threads", "share") && vl_guest_has (guest, "shared"))
    text = vl_guest_str (guest, "shared");
  if (text == NULL)
    return 0;
  if (threads == NULL)
    threads = vl_guest_has (guest, "shared") ? "shared" : "numa.host-cells";
  vl_set (call, vl_ensure (call, NULL, "cputune/emulatorpin", 0, threads), "cpuset", text, threads);
  return 0;
}

/* The I/O thread runs where QEMU's own threads do, if the guest has one. */
static int
adjust (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  const char *text = vl_get (call, NULL, "cputune/emulatorpin/@cpuset");
  const char *why = vl_guest_has (guest, "pinned") ? "pinned" : NULL;

  (void)host;
  if (text && vl_get (call, NULL, "iothreads"))
    vl_set (call, vl_ensure_keyed (call, NULL, "cputune/iothreadpin", "iothread=1", 0, why),
            "cpuset", text, why);
  return 0;
}

VL_FEATURE (cpu_pinning, "cpu-pinning", .version = VL_VERSION,
            .summary = "which of the host's CPUs the guest's run on", .props = VL_TABLE (props),
            .settings = VL_TABLE (settings), .writes = VL_TABLE (writes), .reads = VL_TABLE (reads),
            .traits = VL_TABLE (traits), .resolve = resolve, .active = active, .claim = claim,
            .contribute = contribute, .adjust = adjust, .ready = check_sets);
