/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * nested-virt: can the guest run KVM guests of its own?  Works out from the
 * host's kernel parameter and the CPU mode whether it sees vmx or svm, and where
 * the flavor says so makes sure that it does, or does not. */

#include <config.h>

#include <virtloom/feature.h>

#include <string.h>

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

static const struct vl_write writes[] = { { "cpu/feature", NULL } };

static const struct vl_name reads[] = {
  { VL_GUEST_ARCH },    { VL_GUEST_VIRT_TYPE }, { VL_GUEST_MACHINE },
  { "cpu-model.mode" }, { "cpu-model.model" },  { "cpu-model.flags" },
};

static int
wants (const struct vl_guest *guest, const char *what)
{
  return vl_guest_is (guest, "wanted", what);
}

static int
is_mode (const struct vl_guest *guest, const char *mode)
{
  return vl_guest_is (guest, "cpu-model.mode", mode);
}

static int
is_x86 (const struct vl_guest *guest)
{
  return vl_guest_is (guest, VL_GUEST_ARCH, "x86_64") || vl_guest_is (guest, VL_GUEST_ARCH, "i686");
}

static int
is_kvm (const struct vl_guest *guest)
{
  return vl_guest_is (guest, VL_GUEST_VIRT_TYPE, "kvm");
}

/* Emulation knows AMD's way alone. */
static int
is_amd (const struct vl_guest *guest, const struct vl_host *host)
{
  const char *vendor = vl_host_str (host, "host.cpu.vendor");

  if (! is_kvm (guest))
    return 1;
  return vendor ? strcmp (vendor, "AMD") == 0 : vl_host_str (host, "module.kvm_amd.nested") != NULL;
}

static const char *
parameter (const struct vl_guest *guest, const struct vl_host *host)
{
  return is_amd (guest, host) ? "module.kvm_amd.nested" : "module.kvm_intel.nested";
}

/* The kernel's parameter: 1, 0, or -1 where the host does not say. */
static int
host_nests (const struct vl_guest *guest, const struct vl_host *host)
{
  return vl_host_flag (host, parameter (guest, host));
}

/* Does the operator's list add the flag (1), take it away (-1), or neither? */
static int
operators_say (const struct vl_guest *guest, const char *flag)
{
  for (size_t i = 0; i < vl_guest_count (guest, "cpu-model.flags"); i++) {
    const char *item = vl_guest_item (guest, "cpu-model.flags", i);
    int sign = item[0] == '-' ? -1 : 1;

    if (strcmp (item + (item[0] == '-' || item[0] == '+'), flag) == 0)
      return sign;
  }
  return 0;
}

/* Would the guest see the flag by its CPU mode alone?  In *REASON why, or why
 * not. */
static int
mode_exposes (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host,
              const char *flag, const char **reason)
{
  const char *model = vl_guest_str (guest, "cpu-model.model");
  int said = operators_say (guest, flag);

  if (said) {
    *reason = vl_printf (call, "cpu_model_extra_flags has %c%s", said > 0 ? '+' : '-', flag);
    return said > 0;
  }
  if (is_mode (guest, "host-passthrough")) {
    *reason = "host-passthrough shows all that the host has";
    return 1;
  }
  if (is_mode (guest, "none")) {
    *reason = "the hypervisor's default CPU model decides";
    return strcmp (flag, "svm") == 0;
  }
  if (is_mode (guest, "host-model")) {
    *reason = vl_printf (call, "host-model of this host with or without %s", flag);
    model = vl_host_cap_key (guest, host, "cpu.host-model");
    model = model ? vl_host_str (host, model) : NULL;
    if (vl_host_cap (guest, host, "cpu.host-model.features", vl_printf (call, "+%s", flag)) == 1)
      return 1;
  } else
    *reason = vl_printf (call, "CPU model '%s' with or without %s", model ? model : "", flag);
  return model
         && vl_host_offers (host, vl_printf (call, "cpu-model.%s.features", model), flag) == 1;
}

/* Are flags added for this guest?  There is no adding to a CPU without model. */
static int
adds_flags (const struct vl_guest *guest, const struct vl_host *host)
{
  return wants (guest, "required")
         || (wants (guest, "optional") && host_nests (guest, host) == 1
             && ! is_mode (guest, "none"));
}

static int
resolve (struct vl_call *call, struct vl_guest *guest, const struct vl_host *host)
{
  const char *flag = is_amd (guest, host) ? "svm" : "vmx", *why = "cpu-model.mode", *reason;
  int on;

  if (! is_kvm (guest) || ! is_x86 (guest)) {
    if (wants (guest, "optional"))
      vl_advice (call, NULL, "wanted", "the guest cannot run KVM guests: that takes KVM on x86");
    return 0;
  }
  on = mode_exposes (call, guest, host, flag, &reason);
  if (vl_guest_has (guest, "wanted")) {
    why = "wanted";
    reason = "as asked for";
    on = wants (guest, "required") || adds_flags (guest, host);
  }
  if (on && host_nests (guest, host) != 1) {
    reason = vl_printf (call, "the host does not nest: fact %s", parameter (guest, host));
    on = 0;
  }
  return vl_guest_set (call, guest, "flag", flag, NULL, "the CPU of the host")
         | vl_guest_set (call, guest, "exposed", on ? "true" : "false", why, reason);
}

static int
active (const struct vl_guest *guest)
{
  return vl_guest_has (guest, "wanted") || vl_guest_bool (guest, "exposed");
}

static int
validate_required (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  if (! is_kvm (guest) || ! is_x86 (guest)) {
    vl_error (call, VL_ERR_UNSUPPORTED, NULL, "wanted",
              "nested virtualization takes KVM on x86; this is a '%s' guest for '%s'",
              vl_guest_str (guest, VL_GUEST_VIRT_TYPE), vl_guest_str (guest, VL_GUEST_ARCH));
    vl_hint (call, "say hw:nested_virt=optional, or take another host");
    return -1;
  }
  switch (host_nests (guest, host)) {
  case 1:
    return 0;
  case 0:
    vl_error (call, VL_ERR_UNSUPPORTED, NULL, "wanted",
              "nested virtualization is switched off on this host (fact %s)",
              parameter (guest, host));
    vl_hint (call, "load the kernel module with nested=1, in /etc/modprobe.d");
    return -1;
  default:
    return vl_host_unknown (call, "wanted", parameter (guest, host));
  }
}

/* Why an optional wish does not come true. */
static void
advise_optional (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  if (host_nests (guest, host) == 1) {
    vl_advice (call, NULL, "wanted",
               "nothing is done for it: cpu_mode is 'none', which has no flags");
    vl_hint (call, "set another cpu_mode in cpu-model.conf");
    return;
  }
  vl_advice (call, NULL, "wanted",
             "the guest cannot run KVM guests: the host does not %s (fact %s)",
             host_nests (guest, host) == 0 ? "nest" : "say that it nests", parameter (guest, host));
  vl_hint (call, "load the kernel module with nested=1, in /etc/modprobe.d");
}

static int
validate (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  int shows = adds_flags (guest, host);

  if (wants (guest, "required") && validate_required (call, guest, host) < 0)
    return -1;
  if (wants (guest, "optional") && vl_guest_has (guest, "flag") && ! shows)
    advise_optional (call, guest, host);
  if (is_mode (guest, "none") && (shows || (wants (guest, "disabled") && is_amd (guest, host)))) {
    vl_error (call, VL_ERR_UNSUPPORTED, NULL, "wanted",
              "cpu_mode is 'none', and a CPU without a model can neither be given nor refused '%s'",
              is_amd (guest, host) ? "svm" : "vmx");
    vl_hint (call, "set another cpu_mode in cpu-model.conf");
    return -1;
  }
  if (shows)
    vl_advice (call, NULL, "wanted",
               "while the guest runs guests of its own it cannot be migrated live, and resuming it "
               "after a suspend fails");
  return 0;
}

static void
say_flag (struct vl_call *call, const char *flag, const char *policy)
{
  vl_set (
      call,
      vl_ensure_keyed (call, NULL, "cpu/feature", vl_printf (call, "name=%s", flag), 0, "wanted"),
      "policy", policy, "wanted");
}

/* host-passthrough shows the flag by itself; nothing is said without a model. */
static int
contribute (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  const char *flag = is_amd (guest, host) ? "svm" : "vmx";

  if (is_mode (guest, "none") || ! vl_guest_has (guest, "cpu-model.mode") || ! is_x86 (guest))
    return 0;
  if (wants (guest, "disabled"))
    say_flag (call, flag, "disable");
  else if (adds_flags (guest, host) && ! is_mode (guest, "host-passthrough")) {
    say_flag (call, flag, "require");
    if (is_mode (guest, "custom") && strcmp (flag, "vmx") == 0)
      say_flag (call, "pcid", "require");
  }
  return 0;
}

static int
permit (struct vl_call *call, const struct vl_guest *guest, enum vl_op op)
{
  const char *what = op == VL_OP_LIVE_MIGRATE ? "live migration"
                     : op == VL_OP_SUSPEND    ? "the resume after this suspend"
                     : op == VL_OP_RESUME     ? "this resume"
                                              : NULL;

  if (what && vl_guest_bool (guest, "exposed"))
    vl_advice (call, NULL, "exposed", "%s fails if the guest runs guests of its own", what);
  return 0;
}

VL_FEATURE (nested_virt, "nested-virt", .version = VL_VERSION,
            .summary = "may the guest run KVM guests of its own", .props = VL_TABLE (props),
            .writes = VL_TABLE (writes), .reads = VL_TABLE (reads), .resolve = resolve,
            .active = active, .validate = validate, .contribute = contribute, .permit = permit);
