/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * cpu-model: which CPU the guest sees: the mode, the model and the flags that
 * the operator sets for the host; in custom mode the first model that has all
 * CPU flags which the flavor's traits require. */

#include <config.h>

#include <virtloom/ascii.h>
#include <virtloom/feature.h>

#include <string.h>

static const char *const modes[] = { "host-model", "host-passthrough", "custom", "none", NULL };

static const struct vl_prop props[] = {
  { .name = "mode",
    .type = VL_CHOICE,
    .choices = modes,
    .setting = "cpu_mode",
    .help = "how the guest's CPU follows the host's; unset for a guest of another architecture",
    .since = "0.1.0" },
  { .name = "models",
    .type = VL_LIST,
    .setting = "cpu_models",
    .help = "models that a custom CPU may have, in order of preference",
    .since = "0.1.0" },
  { .name = "flags",
    .type = VL_LIST,
    .flags = VL_LOWER,
    .setting = "cpu_model_extra_flags",
    .help = "CPU flags added to the model, or with '-' taken from it",
    .since = "0.1.0" },
  { .name = "model",
    .type = VL_STRING,
    .help = "the model that was chosen; unset where the mode says all",
    .since = "0.1.0" },
  { .name = "element",
    .type = VL_BOOL,
    .help = "has the guest's domain a cpu element",
    .since = "0.1.0" },
};

static const struct vl_setting settings[] = {
  { .name = "cpu_mode",
    .type = VL_CHOICE,
    .choices = modes,
    .nova = "libvirt.cpu_mode",
    .help = "how guests' CPUs follow the host's; unset: host-model, on aarch64 host-passthrough",
    .since = "0.1.0" },
  { .name = "cpu_models",
    .type = VL_LIST,
    .nova = "libvirt.cpu_models",
    .help = "models for cpu_mode = custom, the first that meets a flavor's traits is taken",
    .since = "0.1.0" },
  { .name = "cpu_model_extra_flags",
    .type = VL_LIST,
    .flags = VL_LOWER,
    .nova = "libvirt.cpu_model_extra_flags",
    .help = "CPU flags to add (flag or +flag) or to take away (-flag), in every mode but none",
    .since = "0.1.0" },
  { .name = "skip_cpu_compare_at_startup",
    .type = VL_BOOL,
    .deflt = "false",
    .nova = "workarounds.skip_cpu_compare_at_startup",
    .help = "take cpu_models and flags without asking whether the host can run them",
    .since = "0.1.0" },
};

static const struct vl_write writes[] = {
  { "cpu/@mode", NULL },
  { "cpu/@match", NULL },
  { "cpu/model", NULL },
  { "cpu/feature", NULL },
};

static const struct vl_name reads[] = { { VL_GUEST_ARCH }, { VL_GUEST_VIRT_TYPE } };

/* CPU flags by trait, in byte order of the trait, as Nova maps them.  libvirt
 * calls SSE3 "pni". */
static const struct trait_flag {
  const char *trait, *flag, *other;
} trait_flags[] = {
#define X86(t, f)                                                                                  \
  {                                                                                                \
    "HW_CPU_X86_" t, f, NULL                                                                       \
  }
  X86 ("3DNOW", "3dnow"),
  X86 ("ABM", "abm"),
  X86 ("AESNI", "aes"),
  X86 ("AMD_SVM", "svm"),
  X86 ("AMXBF16", "amx-bf16"),
  X86 ("AMXINT8", "amx-int8"),
  X86 ("AMXTILE", "amx-tile"),
  X86 ("AVX", "avx"),
  X86 ("AVX2", "avx2"),
  X86 ("AVX512BITALG", "avx512bitalg"),
  X86 ("AVX512BW", "avx512bw"),
  X86 ("AVX512CD", "avx512cd"),
  X86 ("AVX512DQ", "avx512dq"),
  X86 ("AVX512ER", "avx512er"),
  X86 ("AVX512F", "avx512f"),
  X86 ("AVX512GFNI", "gfni"),
  X86 ("AVX512IFMA", "avx512ifma"),
  X86 ("AVX512PF", "avx512pf"),
  X86 ("AVX512VAES", "vaes"),
  X86 ("AVX512VBMI", "avx512vbmi"),
  X86 ("AVX512VBMI2", "avx512vbmi2"),
  X86 ("AVX512VL", "avx512vl"),
  X86 ("AVX512VNNI", "avx512vnni"),
  X86 ("AVX512VPCLMULQDQ", "vpclmulqdq"),
  X86 ("AVX512VPOPCNTDQ", "avx512-vpopcntdq"),
  X86 ("BMI", "bmi1"),
  X86 ("BMI2", "bmi2"),
  X86 ("CLMUL", "pclmuldq"),
  X86 ("F16C", "f16c"),
  X86 ("FMA3", "fma"),
  X86 ("FMA4", "fma4"),
  X86 ("INTEL_VMX", "vmx"),
  X86 ("MMX", "mmx"),
  X86 ("MPX", "mpx"),
  X86 ("SHA", "sha-ni"),
  X86 ("SSE", "sse"),
  X86 ("SSE2", "sse2"),
  { "HW_CPU_X86_SSE3", "pni", "sse3" },
  X86 ("SSE41", "sse4.1"),
  X86 ("SSE42", "sse4.2"),
  X86 ("SSE4A", "sse4a"),
  X86 ("SSSE3", "ssse3"),
  X86 ("SVM", "svm"),
  X86 ("TBM", "tbm"),
  X86 ("VMX", "vmx"),
  X86 ("XOP", "xop"),
#undef X86
};

#define N_TRAITS (sizeof trait_flags / sizeof trait_flags[0])

/* Where the look-ups below look: the host's facts for one domain type. */
struct view {
  struct vl_call *call;
  const struct vl_host *host;
  const char *virt, *arch;
  const char *machine; /* the first one whose domain capabilities are known */
  int looked;          /* for the machine */
};

/* The key of the fact caps.VIRT.ARCH.MACHINE.WHAT, or NULL where it is not
 * known.  CPU models do not depend on the machine, so any will do. */
static const char *
caps_key (struct view *view, const char *what)
{
  const char *machines, *key;

  if (! view->looked) {
    machines = vl_printf (view->call, "guest.%s.machines", view->arch);
    for (size_t i = 0; i < vl_host_count (view->host, machines) && view->machine == NULL; i++) {
      const char *machine = vl_host_item (view->host, machines, i);

      key = vl_printf (view->call, "caps.%s.%s.%s.cpu.modes", view->virt, view->arch, machine);
      view->machine = vl_host_count (view->host, key) > 0 ? machine : NULL;
    }
    view->looked = 1;
  }
  if (view->machine == NULL)
    return NULL;
  key = vl_printf (view->call, "caps.%s.%s.%s.%s", view->virt, view->arch, view->machine, what);
  return vl_host_count (view->host, key) > 0 ? key : NULL;
}

static const char *
features_key (struct view *view, const char *model)
{
  return vl_printf (view->call, "cpu-model.%s.features", model);
}

/* libvirt's spelling of model NAME, or NULL where the host knows no such model.
 * Architectures other than x86 and POWER take names as they are typed. */
static const char *
known_model (struct view *view, const char *name)
{
  int x86 = strcmp (view->arch, "i686") == 0 || strcmp (view->arch, "x86_64") == 0;
  const char *key = caps_key (view, "cpu.models");

  if ((! x86 && strncmp (view->arch, "ppc", 3)) || key == NULL)
    return name;
  for (size_t i = 0; i < vl_host_count (view->host, key); i++)
    if (vl_ascii_casecmp (vl_host_item (view->host, key, i), name) == 0)
      return vl_host_item (view->host, key, i);
  return vl_host_count (view->host, features_key (view, name)) > 0 ? name : NULL;
}

/* The models that the host can run, else those that it knows, as text. */
static const char *
accepted_models (struct view *view)
{
  const char *key = caps_key (view, "cpu.usable"), *text = "";
  size_t n;

  if (key == NULL)
    key = caps_key (view, "cpu.models");
  n = key ? vl_host_count (view->host, key) : 0;
  for (size_t i = 0; i < n; i++)
    text = vl_printf (view->call, "%s%s%s", text, i ? ", " : "", vl_host_item (view->host, key, i));
  return n ? text : "none that this host names";
}

/* Can a guest on this host have FLAG?  1, 0, or -1 where no fact says anything
 * of CPU flags.  What the hypervisor takes from its host-model no guest gets. */
static int
host_has_flag (struct view *view, const char *flag)
{
  const char *models[] = { vl_host_str (view->host, "host.cpu.model"), NULL };
  const char *key = caps_key (view, "cpu.host-model");
  const char *extra = caps_key (view, "cpu.host-model.features");
  int known = vl_host_count (view->host, "host.cpu.features") > 0, added = 0;

  models[1] = key ? vl_host_str (view->host, key) : NULL;
  for (size_t i = 0; extra && i < vl_host_count (view->host, extra); i++) {
    const char *item = vl_host_item (view->host, extra, i);

    known = 1;
    if (strcmp (item + 1, flag))
      continue;
    if (item[0] == '-')
      return 0;
    added = 1;
  }
  if (added || vl_host_offers (view->host, "host.cpu.features", flag) == 1)
    return 1;
  for (size_t i = 0; i < sizeof models / sizeof models[0]; i++)
    if (models[i] && vl_host_count (view->host, features_key (view, models[i])) > 0) {
      known = 1;
      if (vl_host_offers (view->host, features_key (view, models[i]), flag) == 1)
        return 1;
    }
  return known ? 0 : -1;
}

/* A flag of the list: its name, and in *ON whether it is added or taken away. */
static const char *
flag_name (const char *item, int *on)
{
  *on = item[0] != '-';
  return item[0] == '-' || item[0] == '+' ? item + 1 : item;
}

/* Does the operator's list take FLAG away? */
static int
flag_is_off (struct vl_call *call, const char *flag)
{
  int on;

  for (size_t i = 0; i < vl_setting_count (call, "cpu_model_extra_flags"); i++) {
    const char *name = flag_name (vl_setting_item (call, "cpu_model_extra_flags", i), &on);

    if (! on && strcmp (name, flag) == 0)
      return 1;
  }
  return 0;
}

/* The flags that MODEL with the operator's list needs and the host lacks, as
 * text; "" if none, NULL after a finding where no fact says. */
static const char *
lacking_flags (struct view *view, const char *model)
{
  const char *key = features_key (view, model), *usable = caps_key (view, "cpu.usable"), *text = "";
  int proven = usable && vl_host_offers (view->host, usable, model) == 1, on;
  size_t n = proven ? 0 : vl_host_count (view->host, key);
  size_t m = vl_setting_count (view->call, "cpu_model_extra_flags");

  if (! proven && n == 0) {
    vl_host_unknown (view->call, "models", key);
    return NULL;
  }
  for (size_t i = 0; i < n + m; i++) {
    const char *flag;

    on = 1;
    if (i < n)
      flag = vl_host_item (view->host, key, i);
    else
      flag = flag_name (vl_setting_item (view->call, "cpu_model_extra_flags", i - n), &on);
    if (! on || (i < n && flag_is_off (view->call, flag)))
      continue;
    switch (host_has_flag (view, flag)) {
    case 0:
      text = vl_printf (view->call, "%s%s%s", text, text[0] ? ", " : "", flag);
      break;
    case -1:
      vl_host_unknown (view->call, "models", "host.cpu.features");
      return NULL;
    default:
      break;
    }
  }
  return text;
}

/* " with '+pcid,-hle'", or "" without flags. */
static const char *
with_flags (struct vl_call *call)
{
  size_t n = vl_setting_count (call, "cpu_model_extra_flags");
  const char *text = "";

  for (size_t i = 0; i < n; i++)
    text = vl_printf (call, "%s%s%s", text, i ? "," : " with '",
                      vl_setting_item (call, "cpu_model_extra_flags", i));
  return n ? vl_printf (call, "%s'", text) : "";
}

/* Can the host run each of the operator's models with the operator's flags?
 * Nova asks for KVM only, TCG emulates what the host has not; and never on
 * aarch64, where libvirt cannot tell. */
static int
check_models (struct view *view)
{
  int result = 0;

  for (size_t i = 0; i < vl_setting_count (view->call, "cpu_models"); i++) {
    const char *name = vl_setting_item (view->call, "cpu_models", i);
    const char *model = known_model (view, name), *lacking;

    if (model == NULL) {
      result = vl_error (view->call, VL_ERR_UNSUPPORTED, "InvalidCPUInfo", "models",
                         "cpu_models names '%s', which is no CPU model; accepted: %s", name,
                         accepted_models (view));
      vl_hint (view->call, "mend cpu_models in cpu-model.conf");
      continue;
    }
    if (strcmp (view->virt, "kvm") || strcmp (view->arch, "aarch64") == 0
        || vl_setting_bool (view->call, "skip_cpu_compare_at_startup"))
      continue;
    lacking = lacking_flags (view, model);
    if (lacking && lacking[0]) {
      vl_error (view->call, VL_ERR_UNSUPPORTED, "InvalidCPUInfo", "models",
                "CPU model '%s'%s cannot run on this host, which lacks %s; accepted: %s", model,
                with_flags (view->call), lacking, accepted_models (view));
      vl_hint (view->call, "change cpu_models or cpu_model_extra_flags in cpu-model.conf");
    }
    if (lacking == NULL || lacking[0])
      result = -1;
  }
  return result;
}

/* A flag is a word, once, either added or taken away. */
static int
check_flags (struct vl_call *call)
{
  size_t n = vl_setting_count (call, "cpu_model_extra_flags");
  int on, other, result = 0;

  for (size_t i = 0; i < n; i++) {
    const char *item = vl_setting_item (call, "cpu_model_extra_flags", i);
    const char *flag = flag_name (item, &on);

    if (flag[0] == '\0' || flag[strspn (flag, "abcdefghijklmnopqrstuvwxyz0123456789._-")]) {
      result = vl_error (call, VL_ERR_UNSUPPORTED, "Invalid", "flags",
                         "cpu_model_extra_flags has '%s'; accepted: flag, +flag or -flag", item);
      continue;
    }
    for (size_t k = 0; k < i; k++)
      if (strcmp (flag_name (vl_setting_item (call, "cpu_model_extra_flags", k), &other), flag) == 0
          && on != other)
        result = vl_error (call, VL_ERR_UNSUPPORTED, "Invalid", "flags",
                           "cpu_model_extra_flags both adds '%s' and takes it away", flag);
  }
  return result;
}

/* As Nova at start-up: the settings by themselves, then with what the host can
 * run. */
static int
ready (struct vl_call *call, const struct vl_host *host)
{
  const char *mode = vl_setting_str (call, "cpu_mode");
  int custom = mode && strcmp (mode, "custom") == 0, result = check_flags (call);
  struct view view = { call, host, vl_ready_virt_type (call), vl_host_str (host, "host.arch"),
                       NULL, 0 };

  if (! custom && vl_setting_count (call, "cpu_models") > 0) {
    result = vl_error (call, VL_ERR_UNSUPPORTED, "Invalid", "models",
                       "cpu_models is set while cpu_mode is %s%s%s; accepted: cpu_models with "
                       "'custom' only",
                       mode ? "'" : "", mode ? mode : "unset", mode ? "'" : "");
    vl_hint (call, "set cpu_mode = custom in cpu-model.conf, or take cpu_models out");
  }
  if (custom && vl_setting_count (call, "cpu_models") == 0) {
    result = vl_error (call, VL_ERR_UNSUPPORTED, "Invalid", "models",
                       "cpu_mode is 'custom' and cpu_models is empty");
    vl_hint (call, "name one or more models in cpu_models, for instance 'Nehalem'");
  }
  if (custom && result == 0 && view.virt && view.arch && strcmp (view.virt, "lxc"))
    result = check_models (&view);
  return result;
}

/* The rows of the table whose traits the flavor requires; how many. */
static size_t
required_flags (const struct vl_guest *guest, const struct trait_flag **found)
{
  const char *trait;
  size_t n = 0;

  for (size_t i = 0;
       (trait = vl_guest_trait_item (guest, "HW_CPU_X86_", 1u << VL_LAYER_FLAVOR, i)) != NULL; i++)
    for (size_t k = 0; k < N_TRAITS; k++)
      if (strcmp (trait_flags[k].trait, trait) == 0 && n < N_TRAITS)
        found[n++] = &trait_flags[k];
  return n;
}

static int
model_has (struct view *view, const char *model, const struct trait_flag *row)
{
  const char *key = features_key (view, model);

  return vl_host_offers (view->host, key, row->flag) == 1
         || (row->other && vl_host_offers (view->host, key, row->other) == 1);
}

/* The first of the operator's models that has all flags which the flavor's
 * traits require, as Nova chooses it.  Extra flags do not count. */
static int
choose_model (struct view *view, struct vl_guest *guest)
{
  const struct trait_flag *wanted[N_TRAITS];
  size_t n = required_flags (guest, wanted), n_models = vl_guest_count (guest, "models"), k;
  const char *flags = "", *models = "";

  for (size_t i = 0; i < n; i++)
    flags = vl_printf (view->call, "%s%s%s for trait:%s", flags, i ? ", " : "", wanted[i]->flag,
                       wanted[i]->trait);
  for (size_t i = 0; i < n_models; i++) {
    const char *item = vl_guest_item (guest, "models", i), *model = known_model (view, item);

    models = vl_printf (view->call, "%s%s%s", models, i ? ", " : "", item);
    if (model == NULL)
      continue;
    for (k = 0; k < n && model_has (view, model, wanted[k]); k++)
      ;
    if (k == n)
      return vl_guest_set (view->call, guest, "model", model, "models",
                           n ? vl_printf (view->call, "the first of cpu_models that has %s", flags)
                             : "the first of cpu_models");
  }
  if (n == 0)
    return 0;
  vl_error (view->call, VL_ERR_UNSUPPORTED, "InvalidCPUInfo", "models",
            "no CPU model of cpu_models (%s) has %s", models, flags);
  vl_hint (view->call, "add a model with these flags to cpu_models in cpu-model.conf");
  return -1;
}

/* A guest of another architecture than the host's, as Nova has it. */
static int
resolve_foreign (struct vl_call *call, struct vl_guest *guest, const char *arch)
{
  const char *reason = "the host is of another architecture, so the CPU is emulated";
  const char *model = strcmp (arch, "aarch64") == 0   ? "cortex-a57"
                      : strcmp (arch, "ppc64le") == 0 ? "POWER8"
                                                      : NULL;

  return vl_guest_set (call, guest, "mode", NULL, VL_GUEST_ARCH, reason)
         | vl_guest_set (call, guest, "flags", NULL, VL_GUEST_ARCH, reason)
         | vl_guest_set (call, guest, "model", model, VL_GUEST_ARCH, reason)
         | vl_guest_set (call, guest, "element", strcmp (arch, "mipsel") ? "true" : "false",
                         VL_GUEST_ARCH, reason);
}

/* What an unset cpu_mode is.  Where libvirt knows that emulation has no such
 * mode (aarch64), QEMU's richest model stands in for it. */
static int
resolve_default (struct view *view, struct vl_guest *guest)
{
  const char *mode = strcmp (view->arch, "aarch64") ? "host-model" : "host-passthrough";

  if (strcmp (view->virt, "qemu") == 0 && vl_host_cap (guest, view->host, "cpu.modes", mode) == 0
      && vl_host_cap (guest, view->host, "cpu.models", "max") == 1)
    return vl_guest_set (view->call, guest, "mode", "custom", VL_GUEST_ARCH,
                         vl_printf (view->call, "emulation has no %s here", mode))
           | vl_guest_set (view->call, guest, "model", "max", VL_GUEST_ARCH,
                           "all that the emulator can do");
  return vl_guest_set (view->call, guest, "mode", mode, VL_GUEST_ARCH,
                       vl_printf (view->call, "the usual mode on %s", view->arch));
}

static int
resolve (struct vl_call *call, struct vl_guest *guest, const struct vl_host *host)
{
  const char *host_arch = vl_host_str (host, "host.arch");
  struct view view = {
    call, host, vl_guest_str (guest, VL_GUEST_VIRT_TYPE), vl_guest_str (guest, VL_GUEST_ARCH),
    NULL, 0
  };

  if (view.virt == NULL || view.arch == NULL)
    return 0;
  if (strcmp (view.virt, "kvm") && strcmp (view.virt, "qemu")) {
    if (vl_guest_has (guest, "mode") && ! vl_guest_is (guest, "mode", "none")) {
      vl_error (call, VL_ERR_UNSUPPORTED, "Invalid", "mode",
                "cpu_mode is '%s', and '%s' guests have no CPU model; accepted: 'none', unset",
                vl_guest_str (guest, "mode"), view.virt);
      vl_hint (call, "take cpu_mode out of cpu-model.conf");
      return -1;
    }
    return vl_guest_set (call, guest, "element", "false", VL_GUEST_VIRT_TYPE,
                         "such guests have no CPU of their own");
  }
  if (host_arch && strcmp (host_arch, view.arch))
    return resolve_foreign (call, guest, view.arch);
  if (! vl_guest_has (guest, "mode") && resolve_default (&view, guest) < 0)
    return -1;
  if (vl_guest_is (guest, "mode", "custom") && ! vl_guest_has (guest, "model")
      && choose_model (&view, guest) < 0)
    return -1;
  if (vl_guest_is (guest, "mode", "none") && vl_guest_count (guest, "flags") > 0
      && vl_guest_set (call, guest, "flags", NULL, "mode", "a CPU without a model has no flags")
             < 0)
    return -1;
  return vl_guest_set (call, guest, "element", "true", VL_GUEST_VIRT_TYPE,
                       "such guests have a CPU");
}

static int
active (const struct vl_guest *guest)
{
  return vl_guest_bool (guest, "element");
}

/* In the other modes the guest has what the host has. */
static void
advise_traits (struct view *view, const struct vl_guest *guest)
{
  const struct trait_flag *wanted[N_TRAITS];
  size_t n = required_flags (guest, wanted);

  for (size_t i = 0; i < n; i++)
    if (host_has_flag (view, wanted[i]->flag) == 0) {
      vl_advice (view->call, NULL, "mode",
                 "the flavor requires trait:%s, and this host does not offer CPU flag '%s'",
                 wanted[i]->trait, wanted[i]->flag);
      vl_hint (view->call,
               "take a host that has the flag, or cpu_mode = custom with a model that has it");
    }
}

static int
validate (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  const char *mode = vl_guest_str (guest, "mode");
  struct view view = {
    call, host, vl_guest_str (guest, VL_GUEST_VIRT_TYPE), vl_guest_str (guest, VL_GUEST_ARCH),
    NULL, 0
  };

  if (mode == NULL || strcmp (mode, "none") == 0)
    return 0;
  if (vl_host_cap (guest, host, "cpu.modes", mode) == 0) {
    vl_error (call, VL_ERR_UNSUPPORTED, "InvalidCPUInfo", "mode",
              "the hypervisor of this host has no CPU mode '%s' for a '%s' guest", mode, view.virt);
    vl_hint (call, "set another cpu_mode in cpu-model.conf");
    return -1;
  }
  if (strcmp (mode, "custom"))
    advise_traits (&view, guest);
  return 0;
}

static int
contribute (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  struct vl_node *cpu = vl_ensure (call, NULL, "cpu", 0, "element");

  (void)host;
  if (vl_guest_has (guest, "mode") && ! vl_guest_is (guest, "mode", "none"))
    vl_set (call, cpu, "mode", vl_guest_str (guest, "mode"), "mode");
  vl_set (call, cpu, "match", "exact", "element");
  if (vl_guest_has (guest, "model"))
    vl_text (call, vl_ensure (call, cpu, "model", 0, "model"), vl_guest_str (guest, "model"),
             "model");
  for (size_t i = 0; i < vl_guest_count (guest, "flags"); i++) {
    int on;
    const char *name = flag_name (vl_guest_item (guest, "flags", i), &on);
    struct vl_node *node =
        vl_ensure_keyed (call, cpu, "feature", vl_printf (call, "name=%s", name), 0, "flags");

    vl_set (call, node, "policy", on ? "require" : "disable", "flags");
  }
  return 0;
}

VL_FEATURE (cpu_model, "cpu-model", .version = VL_VERSION,
            .summary = "the mode, model and flags of the guest's CPU", .props = VL_TABLE (props),
            .settings = VL_TABLE (settings), .writes = VL_TABLE (writes), .reads = VL_TABLE (reads),
            .traits = VL_TABLE (trait_flags), .resolve = resolve, .active = active,
            .validate = validate, .contribute = contribute, .ready = ready);
