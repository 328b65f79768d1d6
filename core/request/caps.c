/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Domain capabilities as a guest sees them: which facts are about its domain
 * type, architecture and machine, whatever name of the machine libvirt used; and
 * what of a CPU model the host has. */

#include <config.h>

#include "request/work.h"

#include <virtloom/ascii.h>

struct scope {
  const char *virt_type, *arch, *machine;
};

/* Read by the core, not by the plugin that asks about the host: what that
 * plugin itself reads is in its table all the same.  Where there is no guest, what
 * the driver's guests will be. */
static int
scope_of (struct vl_call *call, struct scope *scope)
{
  struct vl_plugin *asking = call->plugin;

  vl_call_as (call, NULL);
  scope->virt_type = vl_str (call, VL_GUEST_VIRT_TYPE);
  scope->arch = call->guest ? vl_str (call, VL_GUEST_ARCH) : vl_host_str (call->host, "host.arch");
  scope->machine = call->guest ? vl_str (call, VL_GUEST_MACHINE) : NULL;
  vl_call_as (call, asking);
  return call->host && scope->virt_type && scope->arch ? 0 : -1;
}

/* What the keys of the domain capabilities of MACHINE begin with. */
static const char *
prefix_of (struct vl_call *call, const struct scope *scope, const char *machine)
{
  return vl_printf (call, "caps.%s.%s.%s.", scope->virt_type, scope->arch, machine);
}

/* The same of the guest's own machine, by whichever of its names there are domain
 * capabilities. */
static const char *
find_own (struct vl_call *call, const struct scope *scope)
{
  const char *own = prefix_of (call, scope, scope->machine), *aliases, *canonical, *prefix;
  const struct vl_host *host = call->host;
  size_t first, n;

  if (vl_host_has_any (host, own))
    return own;
  aliases = vl_printf (call, "guest.%s.canonical.", scope->arch);
  canonical = vl_host_str (host, vl_printf (call, "%s%s", aliases, scope->machine));
  if (canonical) {
    prefix = prefix_of (call, scope, canonical);
    if (vl_host_has_any (host, prefix))
      return prefix;
  } else
    canonical = scope->machine;
  n = vl_host_range (host, aliases, &first);
  for (size_t i = first; i < first + n; i++)
    if (host->facts[i].n == 1 && VL_STREQ (host->facts[i].values[0], canonical)) {
      prefix = prefix_of (call, scope, host->facts[i].key + strlen (aliases));
      if (vl_host_has_any (host, prefix))
        return prefix;
    }
  return own;
}

/* The same of the first machine of the guest's architecture whose domain capabilities are
 * known, or NULL. */
static const char *
find_any (struct vl_call *call, const struct scope *scope)
{
  const char *key = vl_printf (call, "guest.%s.machines", scope->arch);
  const struct vl_fact *machines = vl_host_find (call->host, key);

  for (size_t i = 0; machines && i < machines->n; i++) {
    const char *prefix = prefix_of (call, scope, machines->values[i]);

    if (vl_host_has_any (call->host, prefix))
      return prefix;
  }
  return NULL;
}

/* Either, looked for once for each guest: what makes up its scope is settled, and stays
 * where it is. */
static const char *
known_prefix (struct vl_call *call, const struct scope *scope,
              const char *(*find) (struct vl_call *, const struct scope *))
{
  struct vl_guest_work *work = call->guest ? call->guest->work : NULL;
  const char **known;

  if (work == NULL)
    return find (call, scope);
  if (work->caps_host != call->host || work->caps_arch != scope->arch
      || work->caps_machine != scope->machine || work->caps_virt_type != scope->virt_type) {
    work->caps_host = call->host;
    work->caps_virt_type = scope->virt_type;
    work->caps_arch = scope->arch;
    work->caps_machine = scope->machine;
    work->caps_own = work->caps_any = NULL;
  }
  known = find == find_own ? &work->caps_own : &work->caps_any;
  if (*known == NULL)
    *known = vl_arena_strdup (call->guest->call->arena, find (call, scope));
  return *known;
}

const char *
vl_cap_key (struct vl_call *call, const char *what)
{
  struct scope scope;
  const char *prefix = NULL;

  if (what == NULL) {
    vl_fault (call, "asks for a capability: NULL where a name is needed");
    return "?";
  }
  if (scope_of (call, &scope) == 0)
    prefix = known_prefix (call, &scope, scope.machine ? find_own : find_any);
  /* A key that no host has, and that reads well behind "does not say". */
  return prefix ? vl_printf (call, "%s%s", prefix, what) : "what this guest's machine can do";
}

static int
answer (const struct vl_host *host, const char *key, const char *value)
{
  return value ? vl_host_offers (host, key, value) : vl_host_flag (host, key);
}

int
vl_cap (struct vl_call *call, const char *what, const char *value)
{
  return answer (call->host, vl_cap_key (call, what), value);
}

int
vl_cap_any (struct vl_call *call, const char *what, const char *value)
{
  VL_AUTOFREE char *prefix = NULL, *suffix = NULL;
  size_t first, n, prefix_length, suffix_length;
  struct scope scope;
  int best = -1;

  if (what == NULL)
    return vl_fault (call, "asks for a capability: NULL where a name is needed");
  if (scope_of (call, &scope) < 0)
    return -1;
  prefix = vl_xasprintf ("caps.%s.%s.", scope.virt_type, scope.arch);
  suffix = vl_xasprintf (".%s", what);
  prefix_length = strlen (prefix);
  suffix_length = strlen (suffix);
  n = vl_host_range (call->host, prefix, &first);
  for (size_t i = first; i < first + n && best < 1; i++) {
    const char *key = call->host->facts[i].key;
    size_t length = strlen (key);

    if (length > prefix_length + suffix_length && VL_STREQ (key + length - suffix_length, suffix)) {
      int one = answer (call->host, key, value);

      if (one > best)
        best = one;
    }
  }
  return best;
}

/* ---- what a CPU model needs ---- */

/* Fact WHAT of the domain capabilities, or NULL where it is not known.  CPU models
 * do not depend on the machine, so any will do. */
static const struct vl_fact *
cpu_fact (struct vl_call *call, const char *what)
{
  const char *prefix;
  struct scope scope;

  if (scope_of (call, &scope) < 0 || (prefix = known_prefix (call, &scope, find_any)) == NULL)
    return NULL;
  return vl_host_find (call->host, vl_printf (call, "%s%s", prefix, what));
}

static const struct vl_fact *
features_of (struct vl_call *call, const char *model)
{
  return vl_host_find (call->host, vl_printf (call, "cpu-model.%s.features", model));
}

/* libvirt's spelling of model NAME. */
static const char *
model_name (struct vl_call *call, const char *name)
{
  const struct vl_fact *models = cpu_fact (call, "cpu.models");

  for (size_t i = 0; models && i < models->n; i++)
    if (vl_ascii_casecmp (models->values[i], name) == 0)
      return models->values[i];
  return name;
}

static int
is_emulated (struct vl_call *call)
{
  struct scope scope;

  return scope_of (call, &scope) == 0 && VL_STREQ (scope.virt_type, "qemu");
}

/* Can a guest on this host have FLAG?  1, 0, or -1 where no fact says anything of
 * CPU flags.  What the hypervisor takes from its host-model no guest gets. */
static int
has_flag (struct vl_call *call, const char *flag)
{
  const struct vl_fact *extra = cpu_fact (call, "cpu.host-model.features");
  /* What is emulated is the host-model of the emulator, whatever the host itself has. */
  int emulated = is_emulated (call) && extra != NULL;
  const struct vl_fact *own = emulated ? NULL : vl_host_find (call->host, "host.cpu.features");
  const struct vl_fact *models[] = { emulated ? NULL : vl_host_find (call->host, "host.cpu.model"),
                                     cpu_fact (call, "cpu.host-model") };
  int known = own != NULL || extra != NULL;

  for (size_t i = 0; extra && i < extra->n; i++)
    if (VL_STREQ (extra->values[i] + 1, flag))
      return extra->values[i][0] != '-';
  if (vl_fact_has (own, flag))
    return 1;
  for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
    const struct vl_fact *features =
        models[i] && models[i]->n ? features_of (call, models[i]->values[0]) : NULL;

    known |= features != NULL;
    if (vl_fact_has (features, flag))
      return 1;
  }
  return known ? 0 : -1;
}

int
vl_cpu_lacks (struct vl_call *call, const char *model, const char *flags, const char **lacks)
{
  const struct vl_fact *usable = cpu_fact (call, "cpu.usable"), *features = NULL;
  VL_AUTOSTRV struct vl_strv given = { 0 }, wanted = { 0 }, lacking = { 0 };
  VL_AUTOFREE char *text = NULL;

  *lacks = "";
  if (model && ! vl_fact_has (usable, model = model_name (call, model))) {
    features = features_of (call, model);
    if (features == NULL || features->n == 0)
      return -1;
  }
  vl_strv_split (&given, flags ? flags : "", ", ");
  for (size_t i = 0; features && i < features->n; i++)
    if (! vl_strv_has (&given, vl_printf (call, "-%s", features->values[i])))
      vl_strv_add (&wanted, features->values[i]);
  for (size_t i = 0; i < given.n; i++)
    if (given.items[i][0] != '-')
      vl_strv_add (&wanted, given.items[i] + (given.items[i][0] == '+'));
  for (size_t i = 0; i < wanted.n; i++)
    switch (has_flag (call, wanted.items[i])) {
    case -1:
      return -1;
    case 0:
      vl_strv_add (&lacking, wanted.items[i]);
    }
  text = vl_strv_join (&lacking, ", ");
  *lacks = vl_arena_strdup (call->arena, text);
  return lacking.n > 0;
}
