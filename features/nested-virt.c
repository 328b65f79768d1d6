/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * nested-virt: can the guest run KVM guests of its own?  Works out from the
 * host's kernel parameter and the CPU mode whether it sees vmx or svm, and where
 * the flavor says so makes sure that it does, or does not. */

#include <config.h>

#include <virtloom/feature.h>

#include <string.h>

#define LOAD_NESTED "load the kernel module with nested=1, in /etc/modprobe.d"
#define OTHER_MODE "set another cpu_mode in cpu-model.conf"

static const char *const wishes[] = { "required", "optional", "disabled", NULL };

static const struct vl_prop props[] = {
  { .name = "wanted",
    .type = VL_CHOICE,
    .choices = wishes,
    .flavor_key = "hw:nested_virt",
    .help = "must the guest be able to run KVM guests, may it, or must it not; unset: as the CPU "
            "mode has it",
    .since = "0.1.0" },
  { .name = "flag",
    .type = VL_STRING,
    .help = "the CPU flag that nested virtualization takes on this host: vmx or svm",
    .since = "0.1.0" },
  { .name = "exposed", .type = VL_BOOL, .help = "does the guest see that flag", .since = "0.1.0" },
};

static const struct vl_write writes[] = { { .path = "cpu/feature" } };

static const struct vl_name reads[] = {
  { .name = VL_GUEST_ARCH },
  { .name = VL_GUEST_VIRT_TYPE },
  { .name = VL_GUEST_MACHINE },
  { .name = "cpu-model.mode", .flags = VL_OPTIONAL },
  { .name = "cpu-model.model", .flags = VL_OPTIONAL },
  { .name = "cpu-model.flags", .flags = VL_OPTIONAL },
};

static int
wants (struct vl_call *c, const char *what)
{
  return vl_is (c, "wanted", what);
}

static int
is_mode (struct vl_call *c, const char *mode)
{
  return vl_is (c, "cpu-model.mode", mode);
}

static int
is_x86 (struct vl_call *c)
{
  return vl_is (c, VL_GUEST_ARCH, "x86_64") || vl_is (c, VL_GUEST_ARCH, "i686");
}

static int
is_kvm (struct vl_call *c)
{
  return vl_is (c, VL_GUEST_VIRT_TYPE, "kvm");
}

/* Emulation knows AMD's way alone. */
static int
is_amd (struct vl_call *c)
{
  const char *vendor = vl_fact_str (c, "host.cpu.vendor");

  if (! is_kvm (c))
    return 1;
  return vendor ? strcmp (vendor, "AMD") == 0 : vl_fact_str (c, "module.kvm_amd.nested") != NULL;
}

static const char *
flag_of (struct vl_call *c)
{
  return is_amd (c) ? "svm" : "vmx";
}

static const char *
parameter (struct vl_call *c)
{
  return is_amd (c) ? "module.kvm_amd.nested" : "module.kvm_intel.nested";
}

/* The kernel's parameter: 1, 0, or -1 where the host does not say. */
static int
host_nests (struct vl_call *c)
{
  return vl_fact_flag (c, parameter (c));
}

/* Does the operator's list add the flag (1), take it away (-1), or neither? */
static int
operators_say (struct vl_call *c, const char *flag)
{
  for (size_t i = 0; i < vl_count (c, "cpu-model.flags"); i++) {
    const char *item = vl_item (c, "cpu-model.flags", i);
    int sign = item[0] == '-' ? -1 : 1;

    if (strcmp (item + (item[0] == '-' || item[0] == '+'), flag) == 0)
      return sign;
  }
  return 0;
}

/* Would the guest see the flag by its CPU mode alone?  In *REASON why, or why
 * not. */
static int
mode_exposes (struct vl_call *c, const char *flag, const char **reason)
{
  const char *model = vl_str (c, "cpu-model.model"), *lacks;
  int said = operators_say (c, flag);

  if (said) {
    *reason = vl_printf (c, "cpu_model_extra_flags has %c%s", said > 0 ? '+' : '-', flag);
    return said > 0;
  }
  if (is_mode (c, "host-passthrough")) {
    *reason = "host-passthrough shows all that the host has";
    return 1;
  }
  if (is_mode (c, "none")) {
    *reason = "the hypervisor's default CPU model decides";
    return strcmp (flag, "svm") == 0;
  }
  if (is_mode (c, "host-model")) {
    *reason = vl_printf (c, "host-model of this host with or without %s", flag);
    return vl_cpu_lacks (c, NULL, flag, &lacks) == 0;
  }
  *reason = vl_printf (c, "CPU model '%s' with or without %s", model ? model : "", flag);
  return model && vl_fact_offers (c, vl_printf (c, "cpu-model.%s.features", model), flag) == 1;
}

/* Are flags added for this guest?  There is no adding to a CPU without model. */
static int
adds_flags (struct vl_call *c)
{
  return wants (c, "required")
         || (wants (c, "optional") && host_nests (c) == 1 && ! is_mode (c, "none"));
}

static int
resolve (struct vl_call *c)
{
  const char *flag = flag_of (c), *why = "cpu-model.mode", *reason;
  int on;

  if (! is_kvm (c) || ! is_x86 (c)) {
    if (wants (c, "optional"))
      vl_advise (c, "wanted", NULL, "the guest cannot run KVM guests: that takes KVM on x86");
    return 0;
  }
  on = mode_exposes (c, flag, &reason);
  if (vl_has (c, "wanted")) {
    why = "wanted";
    reason = "as asked for";
    on = wants (c, "required") || adds_flags (c);
  }
  if (on && host_nests (c) != 1) {
    reason = vl_printf (c, "the host does not nest: fact %s", parameter (c));
    on = 0;
  }
  return vl_put (c, "flag", flag, NULL, "the CPU of the host")
         | vl_put (c, "exposed", on ? "true" : "false", why, reason);
}

static int
active (struct vl_call *c)
{
  return vl_has (c, "wanted") || vl_bool (c, "exposed");
}

static int
validate_required (struct vl_call *c)
{
  if (! is_kvm (c) || ! is_x86 (c))
    return vl_refuse (c, VL_ERR_UNSUPPORTED, "wanted",
                      "say hw:nested_virt=optional, or take another host",
                      "nested virtualization takes KVM on x86; this is a '%s' guest for '%s'",
                      vl_str (c, VL_GUEST_VIRT_TYPE), vl_str (c, VL_GUEST_ARCH));
  switch (host_nests (c)) {
  case 1:
    return 0;
  case 0:
    return vl_refuse (c, VL_ERR_UNSUPPORTED, "wanted", LOAD_NESTED,
                      "nested virtualization is switched off on this host (fact %s)",
                      parameter (c));
  default:
    return vl_unsaid (c, "wanted", parameter (c));
  }
}

/* Why an optional wish does not come true. */
static void
advise_optional (struct vl_call *c)
{
  if (host_nests (c) == 1)
    vl_advise (c, "wanted", OTHER_MODE,
               "nothing is done for it: cpu_mode is 'none', which has no flags");
  else
    vl_advise (c, "wanted", LOAD_NESTED,
               "the guest cannot run KVM guests: the host does not %s (fact %s)",
               host_nests (c) == 0 ? "nest" : "say that it nests", parameter (c));
}

static int
validate (struct vl_call *c)
{
  int shows = adds_flags (c);

  if (wants (c, "required") && validate_required (c) < 0)
    return -1;
  if (wants (c, "optional") && vl_has (c, "flag") && ! shows)
    advise_optional (c);
  if (is_mode (c, "none") && (shows || (wants (c, "disabled") && is_amd (c))))
    return vl_refuse (
        c, VL_ERR_UNSUPPORTED, "wanted", OTHER_MODE,
        "cpu_mode is 'none', and a CPU without a model can neither be given nor refused '%s'",
        flag_of (c));
  if (shows)
    vl_advise (c, "wanted", NULL,
               "while the guest runs guests of its own it cannot be migrated live, and resuming it "
               "after a suspend fails");
  return 0;
}

static void
say_flag (struct vl_call *c, const char *flag, const char *policy)
{
  vl_set (vl_keyed (c, "cpu/feature", "wanted", "name", flag, NULL), "policy", policy);
}

/* host-passthrough shows the flag by itself; nothing is said without a model. */
static int
contribute (struct vl_call *c)
{
  const char *flag = flag_of (c);

  if (is_mode (c, "none") || ! vl_has (c, "cpu-model.mode") || ! is_x86 (c))
    return 0;
  if (wants (c, "disabled"))
    say_flag (c, flag, "disable");
  else if (adds_flags (c) && ! is_mode (c, "host-passthrough")) {
    say_flag (c, flag, "require");
    if (is_mode (c, "custom") && strcmp (flag, "vmx") == 0)
      say_flag (c, "pcid", "require");
  }
  return 0;
}

static int
permit (struct vl_call *c, enum vl_op op)
{
  const char *what = op == VL_OP_LIVE_MIGRATE ? "live migration"
                     : op == VL_OP_SUSPEND    ? "the resume after this suspend"
                     : op == VL_OP_RESUME     ? "this resume"
                                              : NULL;

  if (what && vl_bool (c, "exposed"))
    vl_advise (c, "exposed", NULL, "%s fails if the guest runs guests of its own", what);
  return 0;
}

VL_FEATURE (nested_virt, "nested-virt", .version = VL_VERSION,
            .summary = "may the guest run KVM guests of its own", .props = VL_TABLE (props),
            .writes = VL_TABLE (writes), .reads = VL_TABLE (reads), .resolve = resolve,
            .active = active, .validate = validate, .contribute = contribute, .permit = permit);
