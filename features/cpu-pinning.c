/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * cpu-pinning: which of the host's CPUs the guest's run on.  Dedicated ones get
 * a CPU of their own, the others float over the shared ones of their NUMA cell.
 * Owns vcpu/@cpuset and the pins in cputune; the cells are numa's. */

#include <config.h>

#include <virtloom/cpuset.h>

#include <inttypes.h>
#include <string.h>

static const char *const policies[] = { "shared", "dedicated", "mixed", NULL };
static const char *const thread_policies[] = { "prefer", "isolate", "require", NULL };
static const char *const emulator_policies[] = { "share", "isolate", NULL };

#define ROW(row, text, ...)                                                                        \
  {                                                                                                \
    .name = row, .help = text, .since = "0.1.0", __VA_ARGS__                                       \
  }

static const struct vl_prop props[] = {
  ROW ("policy", "which of the guest's CPUs have a host CPU of their own", .type = VL_CHOICE,
       .rule = VL_BY_FEATURE, .choices = policies, .flavor_key = "hw:cpu_policy",
       .image_key = "hw_cpu_policy", .invalid_code = "InvalidCPUAllocationPolicy"),
  ROW ("thread-policy", "how dedicated CPUs use the threads of the host's cores", .type = VL_CHOICE,
       .rule = VL_BY_FEATURE, .choices = thread_policies, .flavor_key = "hw:cpu_thread_policy",
       .image_key = "hw_cpu_thread_policy", .invalid_code = "InvalidCPUThreadAllocationPolicy"),
  ROW ("dedicated-mask", "the guest's dedicated CPUs under policy mixed; '^0' is all but CPU 0",
       .type = VL_STRING, .flags = VL_MASK, .flavor_key = "hw:cpu_dedicated_mask",
       .invalid_code = "InvalidMixedInstanceDedicatedMask"),
  ROW ("emulator-threads", "where QEMU's own threads run; unset: beside the guest's CPUs",
       .type = VL_CHOICE, .flags = VL_PUBLIC, .choices = emulator_policies,
       .flavor_key = "hw:emulator_threads_policy", .invalid_code = "InvalidEmulatorThreadsPolicy"),
  ROW ("chosen", "the policy of flavor, image and requested resources together", .type = VL_CHOICE,
       .flags = VL_PUBLIC, .choices = policies),
  ROW ("chosen-threads", "the thread policy of flavor, image and traits together",
       .type = VL_CHOICE, .choices = thread_policies),
  ROW ("cpu-dedicated-set", "the host's CPUs for dedicated guest CPUs", .type = VL_CPUSET,
       .setting = "cpu_dedicated_set", .nova = "compute.cpu_dedicated_set"),
  ROW ("cpu-shared-set", "the host's CPUs for all other guest CPUs", .type = VL_CPUSET,
       .setting = "cpu_shared_set", .nova = "compute.cpu_shared_set"),
  ROW ("pinned", "the guest's CPUs that have a host CPU of their own", .type = VL_CPUSET,
       .flags = VL_PUBLIC, .invalid_code = "InvalidMixedInstanceDedicatedMask",
       .fills = VL_GUEST_DEDICATED_CPUS),
  ROW ("pool", "the host's CPUs that may be given to one guest CPU alone, and that no server has",
       .type = VL_CPUSET, .flags = VL_PUBLIC),
  ROW ("shared", "the host's CPUs that others may use; unset: all", .type = VL_CPUSET,
       .flags = VL_PUBLIC),
  ROW ("reserved", "host CPUs for QEMU's own threads, in the first cell", .type = VL_INT,
       .flags = VL_PUBLIC),
  ROW ("pins",
       "the host CPUs of each of the guest's, then of QEMU's own threads if they are isolated",
       .type = VL_CPUSET, .flags = VL_INDEXED | VL_PUBLIC),
  ROW ("claimed", "CPUs of the guest that are not dedicated", .type = VL_INT,
       .fills = VL_CLAIM_VCPUS),
  ROW ("offered", "shared CPUs of the host", .type = VL_INT, .fills = VL_HOST_VCPUS),
};

static const struct vl_write writes[] = { { .path = "vcpu/@cpuset" },
                                          { .path = "cputune/vcpupin" },
                                          { .path = "cputune/emulatorpin" },
                                          { .path = "cputune/iothreadpin" } };

static const struct vl_name reads[] = {
  { .name = VL_GUEST_VCPUS },
  { .name = "realtime.cpus", .flags = VL_OPTIONAL },
  { .name = "numa.nodes", .flags = VL_OPTIONAL },
  { .name = "numa.cell-cpus", .flags = VL_OPTIONAL },
  { .name = "numa.host-cells", .flags = VL_OPTIONAL },
  { .name = "memory-pages.wanted", .flags = VL_OPTIONAL },
};

static const struct vl_name traits[] = { { .name = "HW_CPU_HYPERTHREADING" }, { .name = "PCPU" } };

/* ---- what is asked for ---- */

/* What flavor and image say, and what is chosen of it. */
struct wishes {
  const char *flavor, *image, *policy;
  const char *flavor_threads, *image_threads, *threads;
  int64_t vcpu, pcpu; /* amounts of resources that are asked for, 0: none */
  int trait, isolate; /* hyperthreading; of the emulator's threads */
  int mixed, pins;
};

static int
same (const char *a, const char *b)
{
  return a && strcmp (a, b) == 0;
}

static struct wishes
read_wishes (struct vl_call *c)
{
  struct wishes w = {
    .flavor = vl_layer_str (c, "policy", VL_LAYER_FLAVOR),
    .image = vl_layer_str (c, "policy", VL_LAYER_IMAGE),
    .flavor_threads = vl_layer_str (c, "thread-policy", VL_LAYER_FLAVOR),
    .image_threads = vl_layer_str (c, "thread-policy", VL_LAYER_IMAGE),
    .vcpu = vl_resource (c, "VCPU"),
    .pcpu = vl_resource (c, "PCPU"),
    .trait = vl_trait (c, "HW_CPU_HYPERTHREADING", 1u << VL_LAYER_FLAVOR | 1u << VL_LAYER_IMAGE),
    .isolate = vl_is (c, "emulator-threads", "isolate"),
  };

  w.policy = w.pcpu ? "dedicated" : w.flavor ? w.flavor : w.image;
  w.threads = w.trait ? "require" : w.image_threads ? w.image_threads : w.flavor_threads;
  w.mixed = same (w.policy, "mixed");
  w.pins = w.mixed || same (w.policy, "dedicated");
  return w;
}

/* Nova's rules of what goes with what: the first that is broken is refused. */
static int
check_wishes (struct vl_call *c, const struct wishes *w)
{
  static const char dedicated[] = "add hw:cpu_policy=dedicated to the flavor";
  int64_t need = vl_int (c, VL_GUEST_VCPUS) + w->isolate;
  const char *image = w->image ? w->image : "", *threads = w->image_threads ? w->image_threads : "";
  const struct {
    int broken;
    const char *code, *prop, *hint, *text;
  } rules[] = {
    { (same (w->flavor, "shared") && *image && strcmp (image, "shared"))
          || (same (w->flavor, "mixed") && same (image, "dedicated")),
      "ImageCPUPinningForbidden", "policy",
      "take hw_cpu_policy out of the image, or use a flavor that allows it",
      vl_printf (c, "the image asks for CPU policy '%s', and the flavor says '%s'", image,
                 w->flavor ? w->flavor : "") },
    { (w->flavor || w->image) && (w->vcpu || w->pcpu), "InvalidRequest", "policy",
      "take out one of the two",
      "a CPU policy and resources:VCPU or resources:PCPU exclude each other" },
    { w->vcpu && w->pcpu, "InvalidRequest", NULL, NULL,
      "resources:VCPU and resources:PCPU exclude each other" },
    { w->pcpu && w->pcpu != need, "InvalidRequest", NULL,
      vl_printf (c,
                 "say resources:PCPU=%" PRId64 ": one for each of the guest's CPUs, and one more "
                 "where the emulator threads are isolated",
                 need),
      vl_printf (c, "resources:PCPU is %" PRId64 ", and the guest needs %" PRId64, w->pcpu, need) },
    { w->flavor_threads && ! same (w->flavor_threads, "prefer") && *threads
          && strcmp (threads, w->flavor_threads),
      "ImageCPUThreadPolicyForbidden", "thread-policy",
      "take hw_cpu_thread_policy out of the image",
      vl_printf (c, "the image asks for CPU thread policy '%s', and the flavor says '%s'", threads,
                 w->flavor_threads ? w->flavor_threads : "") },
    { w->trait && (w->flavor_threads || *threads), "InvalidRequest", "thread-policy", NULL,
      "a CPU thread policy and trait:HW_CPU_HYPERTHREADING exclude each other" },
    { ! w->pins && (w->flavor_threads || *threads), "CPUThreadPolicyConfigurationInvalid",
      "thread-policy", dedicated, "a CPU thread policy needs CPU policy 'dedicated' or 'mixed'" },
    { ! w->pins && w->isolate, "BadRequirementEmulatorThreadsPolicy", "emulator-threads", dedicated,
      "isolated emulator threads need CPU policy 'dedicated' or 'mixed'" },
    { ! w->mixed && vl_has (c, "dedicated-mask"), "RequiredMixedInstancePolicy", "dedicated-mask",
      "say hw:cpu_policy=mixed, or take the mask out",
      "a mask of dedicated CPUs needs CPU policy 'mixed'" },
  };

  for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
    if (rules[i].broken)
      return vl_refuse_as (c, VL_ERR_REQUEST, rules[i].code, rules[i].prop, rules[i].hint, "%s",
                           rules[i].text);
  return 0;
}

static int
publish_wishes (struct vl_call *c, const struct wishes *w)
{
  int result = 0;

  if (w->policy)
    result = vl_put (c, "chosen", w->policy, w->pcpu ? NULL : "policy",
                     w->pcpu     ? "resources:PCPU asks for it"
                     : w->flavor ? "the flavor says so"
                                 : "the image says so");
  if (w->threads)
    result |= vl_put (c, "chosen-threads", w->threads, w->trait ? NULL : "thread-policy",
                      w->trait           ? "trait:HW_CPU_HYPERTHREADING asks for it"
                      : w->image_threads ? "the image says so"
                                         : "the flavor says so");
  return result;
}

/* The CPUs that are pinned under policy mixed: those of the mask, or the realtime
 * ones. */
static int
choose_mixed (struct vl_call *c)
{
  int mask = vl_has (c, "dedicated-mask"), n;
  int64_t vcpus = vl_int (c, VL_GUEST_VCPUS);
  const char *text = vl_str (c, "dedicated-mask");
  struct vl_cpuset set;

  if (mask == vl_has (c, "realtime.cpus"))
    return vl_refuse_as (
        c, VL_ERR_REQUEST, "RequiredMixedOrRealtimeCPUMask", mask ? "dedicated-mask" : "policy",
        mask ? "take out hw:cpu_dedicated_mask"
             : "say which CPUs are dedicated: hw:cpu_dedicated_mask=^0 is all but the first",
        "CPU policy 'mixed' needs one of hw:cpu_dedicated_mask and hw:cpu_realtime, and has %s",
        mask ? "both" : "neither");
  if (! mask)
    return vl_put (c, "pinned", vl_str (c, "realtime.cpus"), "realtime.cpus", "the realtime CPUs");
  if (text[0] == '^')
    text = vl_printf (c, "0-%" PRId64 ",%s", vcpus - 1, text);
  if (vl_put (c, "pinned", text, "dedicated-mask", "as the mask says") < 0)
    return -1;
  vl_cpus (c, "pinned", &set);
  n = vl_cpuset_count (&set);
  if (n > 0 && n < vcpus && vl_cpuset_next (&set, vcpus) < 0)
    return 0;
  return vl_refuse_as (
      c, VL_ERR_REQUEST, "InvalidMixedInstanceDedicatedMask", "dedicated-mask",
      "for all CPUs say hw:cpu_policy=dedicated",
      "the mask must name some of the guest's CPUs, and not all; accepted: 0 to %" PRId64,
      vcpus - 1);
}

/* ---- what the host has for it ---- */

static const char *
cell_key (struct vl_call *c, const char *cell, const char *what)
{
  return vl_printf (c, "host.cell.%s.%s", cell, what);
}

/* All CPUs in the cells of the host.  0, or -1 after a refusal. */
static int
host_cpus (struct vl_call *c, struct vl_cpuset *all)
{
  struct vl_cpuset cell;

  *all = (struct vl_cpuset) { { 0 } };
  for (size_t i = 0; i < vl_fact_count (c, "host.cells"); i++) {
    if (vl_fact_cpus (c, cell_key (c, vl_fact_item (c, "host.cells", i), "cpus"), &cell) < 0)
      return -1;
    vl_cpuset_join (all, &cell);
  }
  return 0;
}

/* Keeps of POOL what the thread policy can use: one CPU of each core that is
 * wholly in it, or the cores that have more than one there. */
static int
apply_threads (struct vl_call *c, struct vl_cpuset *pool)
{
  int isolate = vl_is (c, "chosen-threads", "isolate");
  struct vl_cpuset kept = { { 0 } }, core;

  if (! isolate && ! vl_is (c, "chosen-threads", "require"))
    return 0;
  for (size_t i = 0; i < vl_fact_count (c, "host.cells"); i++) {
    const char *key = cell_key (c, vl_fact_item (c, "host.cells", i), "siblings");

    if (vl_fact_count (c, key) == 0)
      return vl_unsaid (c, "chosen-threads", key);
    for (size_t k = 0; k < vl_fact_count (c, key); k++) {
      int whole, n;

      if (vl_fact_item_cpus (c, key, k, &core) < 0)
        return -1;
      whole = vl_cpuset_count (&core);
      vl_cpuset_meet (&core, pool);
      n = vl_cpuset_count (&core);
      if (isolate && n == whole)
        vl_cpuset_add (&kept, vl_cpuset_next (&core, 0));
      else if (! isolate && n > 1)
        vl_cpuset_join (&kept, &core);
    }
  }
  *pool = kept;
  return 0;
}

static int
choose_pool (struct vl_call *c)
{
  struct vl_cpuset pool, set;
  int reserved = vl_is (c, "emulator-threads", "isolate"), need, taken;

  if (host_cpus (c, &pool) < 0)
    return -1;
  if (vl_cpuset_count (&pool) == 0)
    return vl_unsaid (c, "pinned", "host.cells");
  if (vl_has (c, "cpu-dedicated-set") || vl_has (c, "cpu-shared-set")) {
    vl_cpus (c, "cpu-dedicated-set", &set);
    vl_cpuset_meet (&pool, &set);
  }
  vl_taken_set (c, "PCPU", &set);
  taken = vl_cpuset_common (&pool, &set);
  vl_cpuset_without (&pool, &set);
  if (apply_threads (c, &pool) < 0)
    return -1;
  vl_cpus (c, "pinned", &set);
  need = vl_cpuset_count (&set) + reserved;
  if (vl_cpuset_count (&pool) < need)
    return vl_refuse_as (
        c, VL_ERR_UNSUPPORTED, "ComputeResourcesUnavailable", "pinned",
        taken ? "delete a server that has some, or use another host; a thread policy narrows the "
                "choice"
              : "add CPUs to cpu_dedicated_set in plugins.d/cpu-pinning.conf; cpu_shared_set alone "
                "leaves none, and a thread policy narrows the choice",
        "the guest needs %d dedicated CPUs, and this host has %d that fit%s", need,
        vl_cpuset_count (&pool), taken ? " and that no other server has" : "");
  if (reserved && vl_put (c, "reserved", "1", "emulator-threads", "isolated threads") < 0)
    return -1;
  return vl_put (c, "pool", vl_cpuset_text (c, &pool), NULL,
                 vl_has (c, "cpu-dedicated-set") ? "cpu_dedicated_set" : "all of the host");
}

/* The shared set, as far as the host has it. */
static int
choose_shared (struct vl_call *c)
{
  struct vl_cpuset all, shared;

  if (! vl_has (c, "cpu-shared-set"))
    return 0;
  if (host_cpus (c, &all) < 0)
    return -1;
  vl_cpus (c, "cpu-shared-set", &shared);
  if (vl_cpuset_count (&all))
    vl_cpuset_meet (&shared, &all);
  if (vl_cpuset_count (&shared) == 0)
    return vl_refuse_as (c, VL_ERR_UNSUPPORTED, "Invalid", NULL,
                         "change cpu_shared_set in plugins.d/cpu-pinning.conf",
                         "the host has none of the CPUs of cpu_shared_set, '%s'",
                         vl_str (c, "cpu-shared-set"));
  return vl_put (c, "shared", vl_cpuset_text (c, &shared), NULL, "cpu_shared_set")
         | vl_put (c, "offered", vl_printf (c, "%d", vl_cpuset_count (&shared)), "shared",
                   "cpu_shared_set");
}

/* The callback ready: a CPU is in one set at most. */
static int
check_sets (struct vl_call *c)
{
  struct vl_cpuset shared, dedicated;

  vl_cpus (c, "cpu-shared-set", &shared);
  vl_cpus (c, "cpu-dedicated-set", &dedicated);
  vl_cpuset_meet (&shared, &dedicated);
  if (vl_cpuset_count (&shared) == 0)
    return 0;
  return vl_refuse_as (c, VL_ERR_REFUSED, "InvalidConfiguration", "cpu-dedicated-set",
                       "take them out of one of the two in plugins.d/cpu-pinning.conf",
                       "CPUs '%s' are in cpu_dedicated_set and in cpu_shared_set",
                       vl_cpuset_text (c, &shared));
}

static int
resolve (struct vl_call *c)
{
  int64_t vcpus = vl_int (c, VL_GUEST_VCPUS);
  struct wishes w = read_wishes (c);
  struct vl_cpuset set;

  if (check_wishes (c, &w) < 0 || publish_wishes (c, &w) < 0 || choose_shared (c) < 0)
    return -1;
  if ((w.mixed || ! w.pins) && vl_has (c, "cpu-dedicated-set") && ! vl_has (c, "shared"))
    return vl_refuse_as (
        c, VL_ERR_UNSUPPORTED, "ComputeResourcesUnavailable", w.mixed ? "policy" : NULL,
        "set cpu_shared_set in plugins.d/cpu-pinning.conf: with cpu_dedicated_set alone no CPU is "
        "shared",
        "the guest has CPUs that are not dedicated, and this host has none for them");
  if (! w.pins)
    return 0;
  if (w.mixed ? choose_mixed (c) < 0
              : vl_put (c, "pinned", vl_printf (c, "0-%" PRId64, vcpus - 1), "chosen",
                        "all of the guest's CPUs")
                    < 0)
    return -1;
  vl_cpus (c, "pinned", &set);
  if (vl_put (c, "claimed", vl_printf (c, "%" PRId64, vcpus - vl_cpuset_count (&set)), "pinned",
              "all but the dedicated ones")
      < 0)
    return -1;
  return choose_pool (c);
}

static int
active (struct vl_call *c)
{
  return vl_has (c, "pinned") || vl_has (c, "shared") || vl_has (c, "numa.nodes")
         || vl_has (c, "memory-pages.wanted");
}

/* ---- which CPU for which ---- */

static int
has_cells (struct vl_call *c)
{
  return (vl_has (c, "pinned") || vl_has (c, "numa.nodes") || vl_has (c, "memory-pages.wanted"))
         && vl_count (c, "numa.host-cells") > 0;
}

/* The row behind the pins of CPUs that float. */
static const char *
others (struct vl_call *c)
{
  return vl_has (c, "shared") ? "shared" : "numa.host-cells";
}

/* The CPUs of SET as text, core by core, so that neighbours in the guest are threads of
 * one core; how many, or -1 after a refusal. */
static int
in_order (struct vl_call *c, const char *cell, struct vl_cpuset set, const char **order)
{
  const char *key = cell_key (c, cell, "siblings");
  size_t cores = vl_fact_count (c, key);
  int n = 0;

  for (size_t k = 0; k <= cores; k++) {
    struct vl_cpuset core = set;

    if (k < cores && vl_fact_item_cpus (c, key, k, &core) < 0)
      return -1;
    vl_cpuset_meet (&core, &set);
    vl_cpuset_without (&set, &core);
    for (int64_t cpu = vl_cpuset_next (&core, 0); cpu >= 0; cpu = vl_cpuset_next (&core, cpu + 1))
      order[n++] = vl_printf (c, "%" PRId64, cpu);
  }
  return n;
}

/* PINS for the CPUs in CELL of the guest: what each has already, or else the first that
 * nobody has; the shared ones for those that float. */
static int
pin_cell (struct vl_call *c, size_t cell, const char **pins)
{
  const char *id = vl_item (c, "numa.host-cells", cell), *order[VL_CPUSET_MAX];
  int64_t vcpus = vl_int (c, VL_GUEST_VCPUS);
  struct vl_cpuset who, pinned, set, host;
  int n, next = 0;

  vl_item_cpus (c, "numa.cell-cpus", cell, &who);
  vl_cpus (c, "pinned", &pinned);
  if (cell == 0 && vl_int (c, "reserved")) {
    vl_cpuset_add (&who, vcpus);
    vl_cpuset_add (&pinned, vcpus);
  }
  if (vl_fact_cpus (c, cell_key (c, id, "cpus"), &host) < 0)
    return -1;
  vl_cpus (c, "pool", &set);
  vl_cpuset_meet (&set, &host);
  n = in_order (c, id, set, order);
  if (n < 0)
    return -1;
  if (vl_has (c, "shared")) {
    vl_cpus (c, "shared", &set);
    vl_cpuset_meet (&host, &set);
  }
  for (int64_t i = vl_cpuset_next (&who, 0); i >= 0; i = vl_cpuset_next (&who, i + 1)) {
    const char *holder = i < vcpus ? vl_printf (c, "vcpu.%" PRId64, i) : "emulator.0";

    if (! vl_cpuset_has (&pinned, i)) {
      pins[i] = vl_cpuset_text (c, &host);
      continue;
    }
    pins[i] = vl_claim_one (c, "PCPU", holder, order + next, (size_t)(n - next), "pinned");
    if (pins[i] == NULL)
      return -1;
    /* A new server takes one after another; one that exists may have any of them. */
    if (vl_was (c, "pins") == NULL)
      next++;
  }
  return 0;
}

/* Under isolation the other threads of the cores of USED are nobody's. */
static int
claim_siblings (struct vl_call *c, const struct vl_cpuset *used)
{
  struct vl_cpuset core;

  for (size_t cell = 0; cell < vl_count (c, "numa.host-cells"); cell++) {
    const char *key = cell_key (c, vl_item (c, "numa.host-cells", cell), "siblings");

    for (size_t k = 0; k < vl_fact_count (c, key); k++) {
      if (vl_fact_item_cpus (c, key, k, &core) < 0)
        return -1;
      if (vl_cpuset_common (&core, used) == 0)
        continue;
      vl_cpuset_without (&core, used);
      for (int64_t s = vl_cpuset_next (&core, 0); s >= 0; s = vl_cpuset_next (&core, s + 1))
        if (vl_claim_number (c, "PCPU", vl_printf (c, "sibling.%" PRId64, s), s, s, "pinned") < 0)
          return -1;
    }
  }
  return 0;
}

static int
claim (struct vl_call *c)
{
  size_t vcpus = (size_t)vl_int (c, VL_GUEST_VCPUS), n = vcpus + (size_t)vl_int (c, "reserved");
  const char *pins[VL_CPUSET_MAX + 1] = { NULL };
  struct vl_cpuset pinned, used = { { 0 } }, set;

  if (vl_has (c, "pinned") && ! has_cells (c))
    return vl_refuse_as (
        c, VL_ERR_UNSUPPORTED, "FeatureUnavailable", "pinned", "enable the feature 'numa'",
        "dedicated CPUs are chosen in cells of the host, which the feature 'numa' gives");
  for (size_t cell = 0; has_cells (c) && cell < vl_count (c, "numa.host-cells"); cell++)
    if (pin_cell (c, cell, pins) < 0)
      return -1;
  /* A host that does not say which CPUs its cells have pins none. */
  for (size_t i = 0; i < n; i++)
    if (pins[i] == NULL)
      return 0;
  if (vl_put (c, "pins", vl_join (c, " ", pins, n), vl_has (c, "pinned") ? "pinned" : others (c),
              "the first CPUs of the cells that no server has")
      < 0)
    return -1;
  vl_cpus (c, "pinned", &pinned);
  for (size_t i = 0; i < n; i++)
    if (i >= vcpus || vl_cpuset_has (&pinned, (int64_t)i)) {
      vl_item_cpus (c, "pins", i, &set);
      vl_cpuset_join (&used, &set);
    }
  return vl_is (c, "chosen-threads", "isolate") ? claim_siblings (c, &used) : 0;
}

static int
contribute (struct vl_call *c)
{
  const char *text, *why = vl_has (c, "emulator-threads") ? "emulator-threads"
                           : vl_has (c, "pinned")         ? "pinned"
                                                          : others (c);
  size_t vcpus = (size_t)vl_int (c, VL_GUEST_VCPUS);
  int shares = vl_is (c, "emulator-threads", "share");
  struct vl_cpuset pinned, real, set, rest = { { 0 } };

  if (! has_cells (c))
    return vl_has (c, "shared") ? vl_set_from (vl_ensure (c, "vcpu", "shared"), "cpuset", "shared")
                                : 0;
  vl_cpus (c, "pinned", &pinned);
  vl_cpus (c, "realtime.cpus", &real);
  for (size_t i = 0; i < vcpus && vl_has (c, "pins"); i++) {
    vl_set (vl_keyed (c, "cputune/vcpupin",
                      vl_cpuset_has (&pinned, (int64_t)i) ? "pinned" : others (c), "vcpu",
                      vl_printf (c, "%zu", i), NULL),
            "cpuset", vl_item (c, "pins", i));
    vl_item_cpus (c, "pins", i, &set);
    if (shares || ! vl_cpuset_has (&real, (int64_t)i))
      vl_cpuset_join (&rest, &set);
  }
  text = vl_cpuset_text (c, &rest);
  if (vl_int (c, "reserved"))
    text = vl_item (c, "pins", vcpus);
  else if (shares && vl_has (c, "shared"))
    text = vl_str (c, "shared");
  return text ? vl_set (vl_ensure (c, "cputune/emulatorpin", why), "cpuset", text) : 0;
}

/* The I/O thread runs where QEMU's own threads do, if the guest has one. */
static int
adjust (struct vl_call *c)
{
  const char *text = vl_get (vl_domain (c), "cputune/emulatorpin/@cpuset");
  const char *why = vl_has (c, "pinned") ? "pinned" : NULL;

  if (text && vl_get (vl_domain (c), "iothreads"))
    vl_set (vl_keyed (c, "cputune/iothreadpin", why, "iothread", "1", NULL), "cpuset", text);
  return 0;
}

VL_FEATURE (cpu_pinning, "cpu-pinning", .version = VL_VERSION,
            .summary = "which of the host's CPUs the guest's run on", .props = VL_TABLE (props),
            .writes = VL_TABLE (writes), .reads = VL_TABLE (reads), .traits = VL_TABLE (traits),
            .resolve = resolve, .active = active, .claim = claim, .contribute = contribute,
            .adjust = adjust, .ready = check_sets);
