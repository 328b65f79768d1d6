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
    .flags = VL_PUBLIC,
    .choices = modes,
    .setting = "cpu_mode",
    .nova = "libvirt.cpu_mode",
    .help = "how guests' CPUs follow the host's; unset: host-model, on aarch64 host-passthrough",
    .since = "0.1.0" },
  { .name = "models",
    .type = VL_LIST,
    .setting = "cpu_models",
    .nova = "libvirt.cpu_models",
    .help = "models for cpu_mode = custom, the first that meets a flavor's traits is taken",
    .since = "0.1.0" },
  { .name = "flags",
    .type = VL_LIST,
    .flags = VL_LOWER | VL_PUBLIC,
    .setting = "cpu_model_extra_flags",
    .nova = "libvirt.cpu_model_extra_flags",
    .only = "mode!=none",
    .help = "CPU flags to add (flag or +flag) or to take away (-flag), in every mode but none",
    .since = "0.1.0" },
  { .name = "skip-compare",
    .type = VL_BOOL,
    .deflt = "false",
    .setting = "skip_cpu_compare_at_startup",
    .nova = "workarounds.skip_cpu_compare_at_startup",
    .only = "models; mode!=none flags",
    .help = "take cpu_models and flags without asking whether the host can run them",
    .since = "0.1.0" },
  { .name = "model",
    .type = VL_STRING,
    .flags = VL_PUBLIC,
    .help = "the model that was chosen; unset where the mode says all",
    .since = "0.1.0" },
  { .name = "element",
    .type = VL_BOOL,
    .flags = VL_PUBLIC,
    .help = "has the guest's domain a cpu element",
    .since = "0.1.0" },
};

static const struct vl_write writes[] = {
  { .path = "cpu/@mode" },
  { .path = "cpu/@match" },
  { .path = "cpu/model" },
  { .path = "cpu/feature", .flags = VL_GUARDED },
};

static const struct vl_name reads[] = { { .name = VL_GUEST_ARCH }, { .name = VL_GUEST_VIRT_TYPE } };

/* ---- traits that are CPU flags ---- */

#define PREFIX "HW_CPU_X86_"
#define X86(what)                                                                                  \
  {                                                                                                \
    .name = PREFIX what                                                                            \
  }
#define FOUR(w, x, y, z) X86 (w), X86 (x), X86 (y), X86 (z)

static const struct vl_name traits[] = {
  FOUR ("3DNOW", "ABM", "AESNI", "AMD_SVM"),
  FOUR ("AMXBF16", "AMXINT8", "AMXTILE", "AVX"),
  FOUR ("AVX2", "AVX512BITALG", "AVX512BW", "AVX512CD"),
  FOUR ("AVX512DQ", "AVX512ER", "AVX512F", "AVX512GFNI"),
  FOUR ("AVX512IFMA", "AVX512PF", "AVX512VAES", "AVX512VBMI"),
  FOUR ("AVX512VBMI2", "AVX512VL", "AVX512VNNI", "AVX512VPCLMULQDQ"),
  FOUR ("AVX512VPOPCNTDQ", "BMI", "BMI2", "CLMUL"),
  FOUR ("F16C", "FMA3", "FMA4", "INTEL_VMX"),
  FOUR ("MMX", "MPX", "SHA", "SSE"),
  FOUR ("SSE2", "SSE3", "SSE41", "SSE42"),
  FOUR ("SSE4A", "SSSE3", "SVM", "TBM"),
  X86 ("VMX"),
  X86 ("XOP"),
};

#define N_TRAITS (sizeof traits / sizeof traits[0])
#define MAX_SHOWN 512

/* The traits of the table that flavor and image require; how many. */
static size_t
required_traits (struct vl_call *c, const char **found)
{
  const unsigned layers = 1u << VL_LAYER_FLAVOR | 1u << VL_LAYER_IMAGE;
  const char *trait;
  size_t n = 0;

  for (size_t i = 0; (trait = vl_trait_item (c, PREFIX, layers, i)) != NULL; i++)
    for (size_t k = 0; k < N_TRAITS && n < N_TRAITS; k++)
      if (strcmp (traits[k].name, trait) == 0 && vl_trait_flag (c, trait))
        found[n++] = trait;
  return n;
}

/* ---- models ---- */

static const char *
features_key (struct vl_call *c, const char *model)
{
  return vl_printf (c, "cpu-model.%s.features", model);
}

/* libvirt calls SSE3 "pni", and some of its models have it as "sse3". */
static int
model_has (struct vl_call *c, const char *model, const char *flag)
{
  return vl_fact_offers (c, features_key (c, model), flag) == 1
         || (strcmp (flag, "pni") == 0 && vl_fact_offers (c, features_key (c, model), "sse3") == 1);
}

static int
same_letters (const char *a, const char *b)
{
  for (;
       *a && (*a == *b || ((*a | 0x20) == (*b | 0x20) && (*a | 0x20) >= 'a' && (*a | 0x20) <= 'z'));
       a++, b++)
    ;
  return *a == *b;
}

/* libvirt's spelling of model NAME, or NULL where the host knows no such model.
 * Architectures other than x86 and POWER take names as they are typed. */
static const char *
known_model (struct vl_call *c, const char *arch, const char *name)
{
  int x86 = strcmp (arch, "i686") == 0 || strcmp (arch, "x86_64") == 0;
  const char *key = vl_cap_key (c, "cpu.models");

  if ((! x86 && strncmp (arch, "ppc", 3)) || vl_fact_count (c, key) == 0)
    return name;
  for (size_t i = 0; i < vl_fact_count (c, key); i++)
    if (same_letters (vl_fact_item (c, key, i), name))
      return vl_fact_item (c, key, i);
  return vl_fact_count (c, features_key (c, name)) > 0 ? name : NULL;
}

/* The models that the host can run, else those that it knows, as text. */
static const char *
accepted_models (struct vl_call *c)
{
  const char *key = vl_cap_key (c, "cpu.usable"), *names[MAX_SHOWN];
  size_t n = 0;

  if (vl_fact_count (c, key) == 0)
    key = vl_cap_key (c, "cpu.models");
  for (; n < vl_fact_count (c, key) && n < MAX_SHOWN; n++)
    names[n] = vl_fact_item (c, key, n);
  return n ? vl_join (c, ", ", names, n) : "none that this host names";
}

/* ---- the settings ---- */

/* Can the host run MODEL with the operator's flags?  Nova asks for KVM only, TCG
 * emulates what the host has not; and never on aarch64, where libvirt cannot tell. */
static int
check_model (struct vl_call *c, const char *arch, const char *model)
{
  const char *flags = vl_str (c, "flags"), *key = features_key (c, model), *lacks;

  if (! vl_is (c, VL_GUEST_VIRT_TYPE, "kvm") || strcmp (arch, "aarch64") == 0
      || vl_bool (c, "skip-compare"))
    return 0;
  switch (vl_cpu_lacks (c, model, flags, &lacks)) {
  case 0:
    return 0;
  case 1:
    return vl_refuse_as (c, VL_ERR_UNSUPPORTED, "InvalidCPUInfo", "models",
                         "change cpu_models or cpu_model_extra_flags in cpu-model.conf",
                         "CPU model '%s'%s cannot run on this host, which lacks %s; accepted: %s",
                         model, flags ? vl_printf (c, " with '%s'", flags) : "", lacks,
                         accepted_models (c));
  default:
    return vl_unsaid (c, "models", vl_fact_count (c, key) ? "host.cpu.features" : key);
  }
}

static int
check_models (struct vl_call *c, const char *arch)
{
  int result = 0;

  for (size_t i = 0; i < vl_count (c, "models"); i++) {
    const char *name = vl_item (c, "models", i), *model = known_model (c, arch, name);

    if (model)
      result |= check_model (c, arch, model);
    else
      result = vl_refuse_as (
          c, VL_ERR_UNSUPPORTED, "InvalidCPUInfo", "models", "mend cpu_models in cpu-model.conf",
          "cpu_models names '%s', which is no CPU model; accepted: %s", name, accepted_models (c));
  }
  return result;
}

/* A flag of the list: its name, and in *ON whether it is added or taken away. */
static const char *
flag_name (struct vl_call *c, size_t i, int *on)
{
  const char *item = vl_item (c, "flags", i);

  *on = item[0] != '-';
  return item[0] == '-' || item[0] == '+' ? item + 1 : item;
}

/* A flag is a word that libvirt knows, once, either added or taken away. */
static int
check_flags (struct vl_call *c)
{
  int on, other, result = 0;

  for (size_t i = 0; i < vl_count (c, "flags"); i++) {
    const char *flag = flag_name (c, i, &on);

    if (flag[0] == '\0' || flag[strspn (flag, "abcdefghijklmnopqrstuvwxyz0123456789._-")]) {
      result = vl_refuse_as (c, VL_ERR_REFUSED, "Invalid", "flags", NULL,
                             "cpu_model_extra_flags has '%s'; accepted: flag, +flag or -flag",
                             vl_item (c, "flags", i));
      continue;
    }
    if (vl_fact_offers (c, "cpu-flags", flag) == 0)
      result = vl_refuse_as (c, VL_ERR_UNSUPPORTED, "InvalidCPUInfo", "flags",
                             "'virtloom host show' lists the flags that there are: cpu-flags",
                             "cpu_model_extra_flags has '%s', and '%s' is no CPU flag that libvirt "
                             "knows",
                             vl_item (c, "flags", i), flag);
    for (size_t k = 0; k < i; k++)
      if (strcmp (flag_name (c, k, &other), flag) == 0 && on != other)
        result = vl_refuse_as (c, VL_ERR_REFUSED, "Invalid", "flags", NULL,
                               "cpu_model_extra_flags both adds '%s' and takes it away", flag);
  }
  return result;
}

/* The flags that are added must be there where no model brings them: the host's own, or
 * what the emulator makes. */
static int
check_host_flags (struct vl_call *c, const char *arch)
{
  const char *flags = vl_str (c, "flags"), *lacks;

  if (flags == NULL || vl_is (c, VL_GUEST_VIRT_TYPE, "lxc") || strcmp (arch, "aarch64") == 0
      || vl_bool (c, "skip-compare") || vl_cpu_lacks (c, NULL, flags, &lacks) != 1)
    return 0;
  return vl_refuse_as (c, VL_ERR_UNSUPPORTED, "InvalidCPUInfo", "flags",
                       "take them out of cpu_model_extra_flags in cpu-model.conf",
                       "cpu_model_extra_flags is '%s', and this host lacks %s", flags, lacks);
}

/* With 'none' the guest has the hypervisor's own CPU.  A flag that the operator takes away,
 * mostly for security, would stay in it. */
static int
check_void (struct vl_call *c)
{
  int on, result = 0;

  for (size_t i = 0; vl_is (c, "mode", "none") && i < vl_count (c, "flags"); i++) {
    const char *flag = flag_name (c, i, &on);

    if (! on)
      result = vl_refuse_as (
          c, VL_ERR_REFUSED, "Invalid", "flags",
          "set another cpu_mode in cpu-model.conf, or take the flag out of cpu_model_extra_flags",
          "cpu_model_extra_flags takes '%s' away while cpu_mode is 'none', where guests keep it",
          flag);
  }
  return result;
}

/* As Nova at start-up: the settings by themselves, where a mistake is one of the file, then
 * with what the host can run. */
static int
ready (struct vl_call *c)
{
  const char *mode = vl_str (c, "mode"), *arch = vl_fact_str (c, "host.arch");
  int custom = vl_is (c, "mode", "custom"), result = check_flags (c) | check_void (c);

  if (! custom && vl_count (c, "models") > 0)
    result = vl_refuse_as (
        c, VL_ERR_REFUSED, "Invalid", "models",
        "set cpu_mode = custom in cpu-model.conf, or take cpu_models out",
        "cpu_models is set while cpu_mode is %s; accepted: cpu_models with 'custom' only",
        mode ? vl_printf (c, "'%s'", mode) : "unset");
  if (custom && vl_count (c, "models") == 0)
    result = vl_refuse_as (c, VL_ERR_REFUSED, "Invalid", "mode",
                           "name one or more models in cpu_models, for instance 'Nehalem'",
                           "cpu_mode is 'custom' and cpu_models is empty");
  if (custom && result == 0 && arch && vl_has (c, VL_GUEST_VIRT_TYPE)
      && ! vl_is (c, VL_GUEST_VIRT_TYPE, "lxc"))
    result = check_models (c, arch);
  if (! custom && ! vl_is (c, "mode", "none") && result == 0 && arch)
    result = check_host_flags (c, arch);
  return result;
}

/* ---- the guest ---- */

/* The first of the operator's models that has all flags which the flavor's
 * traits require, as Nova chooses it.  Extra flags do not count. */
static int
choose_model (struct vl_call *c)
{
  const char *wanted[N_TRAITS], *said[N_TRAITS], *names[MAX_SHOWN], *flags;
  size_t n = required_traits (c, wanted), n_models = vl_count (c, "models"), k;

  for (size_t i = 0; i < n; i++) {
    const char *flag = vl_trait_flag (c, wanted[i]);

    said[i] = vl_printf (c, "%s for trait:%s", flag, wanted[i]);
    wanted[i] = flag;
  }
  flags = vl_join (c, ", ", said, n);
  for (size_t i = 0; i < n_models; i++) {
    const char *model = known_model (c, vl_str (c, VL_GUEST_ARCH), vl_item (c, "models", i));

    if (i < MAX_SHOWN)
      names[i] = vl_item (c, "models", i);
    for (k = 0; model && k < n && model_has (c, model, wanted[k]); k++)
      ;
    if (model && k == n)
      return vl_put (c, "model", model, "models",
                     n ? vl_printf (c, "the first of cpu_models that has %s", flags)
                       : "the first of cpu_models");
  }
  if (n == 0)
    return 0;
  return vl_refuse_as (c, VL_ERR_UNSUPPORTED, "InvalidCPUInfo", "models",
                       "add a model with these flags to cpu_models in cpu-model.conf",
                       "no CPU model of cpu_models (%s) has %s",
                       vl_join (c, ", ", names, n_models < MAX_SHOWN ? n_models : MAX_SHOWN),
                       flags);
}

/* A guest of another architecture than the host's, as Nova has it. */
static int
resolve_foreign (struct vl_call *c)
{
  const char *reason = "the host is of another architecture, so the CPU is emulated";
  const char *model = vl_is (c, VL_GUEST_ARCH, "aarch64")   ? "cortex-a57"
                      : vl_is (c, VL_GUEST_ARCH, "ppc64le") ? "POWER8"
                                                            : NULL;

  return vl_put (c, "mode", NULL, VL_GUEST_ARCH, reason)
         | vl_put (c, "flags", NULL, VL_GUEST_ARCH, reason)
         | vl_put (c, "model", model, VL_GUEST_ARCH, reason)
         | vl_put (c, "element", vl_is (c, VL_GUEST_ARCH, "mipsel") ? "false" : "true",
                   VL_GUEST_ARCH, reason);
}

/* What an unset cpu_mode is.  Where libvirt knows that emulation has no such
 * mode (aarch64), QEMU's richest model stands in for it. */
static int
resolve_default (struct vl_call *c)
{
  const char *arch = vl_str (c, VL_GUEST_ARCH);
  const char *mode = strcmp (arch, "aarch64") ? "host-model" : "host-passthrough";

  if (vl_is (c, VL_GUEST_VIRT_TYPE, "qemu") && vl_cap (c, "cpu.modes", mode) == 0
      && vl_cap (c, "cpu.models", "max") == 1)
    return vl_put (c, "mode", "custom", VL_GUEST_ARCH,
                   vl_printf (c, "emulation has no %s here", mode))
           | vl_put (c, "model", "max", VL_GUEST_ARCH, "all that the emulator can do");
  return vl_put (c, "mode", mode, VL_GUEST_ARCH, vl_printf (c, "the usual mode on %s", arch));
}

static int
resolve (struct vl_call *c)
{
  const char *virt = vl_str (c, VL_GUEST_VIRT_TYPE), *arch = vl_str (c, VL_GUEST_ARCH);
  const char *host_arch = vl_fact_str (c, "host.arch");

  if (virt == NULL || arch == NULL)
    return 0;
  if (strcmp (virt, "kvm") && strcmp (virt, "qemu")) {
    if (vl_has (c, "mode") && ! vl_is (c, "mode", "none"))
      return vl_refuse_as (
          c, VL_ERR_UNSUPPORTED, "Invalid", "mode", "take cpu_mode out of cpu-model.conf",
          "cpu_mode is '%s', and '%s' guests have no CPU model; accepted: 'none', unset",
          vl_str (c, "mode"), virt);
    return vl_put (c, "element", "false", VL_GUEST_VIRT_TYPE,
                   "such guests have no CPU of their own");
  }
  /* Under KVM it is the host's own CPU, whatever it runs as. */
  if (host_arch && strcmp (host_arch, arch) && strcmp (virt, "kvm"))
    return resolve_foreign (c);
  if (! vl_has (c, "mode") && resolve_default (c) < 0)
    return -1;
  if (vl_is (c, "mode", "custom") && ! vl_has (c, "model") && choose_model (c) < 0)
    return -1;
  if (vl_is (c, "mode", "none") && vl_count (c, "flags") > 0
      && vl_put (c, "flags", NULL, "mode", "a CPU without a model has no flags") < 0)
    return -1;
  return vl_put (c, "element", "true", VL_GUEST_VIRT_TYPE, "such guests have a CPU");
}

static int
active (struct vl_call *c)
{
  return vl_bool (c, "element");
}

static int
validate (struct vl_call *c)
{
  const char *mode = vl_str (c, "mode"), *wanted[N_TRAITS], *lacks;
  size_t n = required_traits (c, wanted);
  int result = 0;

  if (mode == NULL)
    return 0;
  if (strcmp (mode, "none") && vl_cap (c, "cpu.modes", mode) == 0)
    return vl_refuse_as (c, VL_ERR_UNSUPPORTED, "InvalidCPUInfo", "mode",
                         "set another cpu_mode in cpu-model.conf",
                         "the hypervisor of this host has no CPU mode '%s' for a '%s' guest", mode,
                         vl_str (c, VL_GUEST_VIRT_TYPE));
  /* A custom model has the flags; in the other modes the guest has what the host has. */
  for (size_t i = 0; i < n && strcmp (mode, "custom"); i++)
    if (vl_cpu_lacks (c, NULL, vl_trait_flag (c, wanted[i]), &lacks) == 1)
      result = vl_refuse_as (
          c, VL_ERR_UNSUPPORTED, "NoValidHost", "mode",
          "take a host that has the flag, or cpu_mode = custom with a model that has it",
          "trait:%s is required, and this host does not offer CPU flag '%s'", wanted[i], lacks);
  return result;
}

static int
contribute (struct vl_call *c)
{
  struct vl_node *cpu = vl_ensure (c, "cpu", "element");
  int on;

  if (vl_has (c, "mode") && ! vl_is (c, "mode", "none"))
    vl_set_from (cpu, "mode", "mode");
  vl_set (cpu, "match", "exact");
  if (vl_has (c, "model"))
    vl_text_from (vl_ensure (c, "cpu/model", "model"), "model");
  for (size_t i = 0; i < vl_count (c, "flags"); i++) {
    const char *name = flag_name (c, i, &on);

    vl_set (vl_keyed (c, "cpu/feature", "flags", "name", name, NULL), "policy",
            on ? "require" : "disable");
  }
  return 0;
}

VL_FEATURE (cpu_model, "cpu-model", .version = VL_VERSION,
            .summary = "the mode, model and flags of the guest's CPU", .props = VL_TABLE (props),
            .writes = VL_TABLE (writes), .reads = VL_TABLE (reads), .traits = VL_TABLE (traits),
            .resolve = resolve, .active = active, .validate = validate, .contribute = contribute,
            .ready = ready);
