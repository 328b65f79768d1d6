/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Domain capabilities as a guest sees them: which facts are about its domain
 * type, architecture and machine, whatever name of the machine libvirt used. */

#include <config.h>

#include "request/guest.h"

struct scope {
  const char *virt_type, *arch, *machine;
};

/* Read by the core, not by the plugin that asks about the host: what that
 * plugin itself reads is in its table all the same. */
static int
scope_of (const struct vl_guest *guest, struct scope *scope)
{
  struct vl_call *call = guest->call;
  struct vl_plugin *asking = call->plugin;

  vl_call_as (call, NULL);
  scope->virt_type = vl_guest_str (guest, VL_GUEST_VIRT_TYPE);
  scope->arch = vl_guest_str (guest, VL_GUEST_ARCH);
  scope->machine = vl_guest_str (guest, VL_GUEST_MACHINE);
  vl_call_as (call, asking);
  return scope->virt_type && scope->arch ? 0 : -1;
}

static int
has_caps (const struct vl_host *host, const struct scope *scope, const char *machine)
{
  VL_AUTOFREE char *prefix =
      vl_xasprintf ("caps.%s.%s.%s.", scope->virt_type, scope->arch, machine);
  size_t first;

  return vl_host_range (host, prefix, &first) > 0;
}

/* Another name of the machine for which there are domain capabilities, or the
 * machine's own name. */
static const char *
known_name (const struct vl_host *host, const struct scope *scope)
{
  VL_AUTOFREE char *aliases = NULL, *key = NULL;
  const char *canonical;
  size_t first, n;

  if (has_caps (host, scope, scope->machine))
    return scope->machine;
  aliases = vl_xasprintf ("guest.%s.canonical.", scope->arch);
  key = vl_xasprintf ("%s%s", aliases, scope->machine);
  canonical = vl_host_str (host, key);
  if (canonical && has_caps (host, scope, canonical))
    return canonical;
  if (canonical == NULL)
    canonical = scope->machine;
  n = vl_host_range (host, aliases, &first);
  for (size_t i = first; i < first + n; i++) {
    const char *alias = host->facts[i].key + strlen (aliases);

    if (host->facts[i].n == 1 && VL_STREQ (host->facts[i].values[0], canonical)
        && has_caps (host, scope, alias))
      return alias;
  }
  return scope->machine;
}

const char *
vl_host_cap_key (const struct vl_guest *guest, const struct vl_host *host, const char *what)
{
  struct scope scope;

  if (scope_of (guest, &scope) < 0 || scope.machine == NULL)
    return NULL;
  return vl_printf (guest->call, "caps.%s.%s.%s.%s", scope.virt_type, scope.arch,
                    known_name (host, &scope), what);
}

static int
answer (const struct vl_host *host, const char *key, const char *value)
{
  return value ? vl_host_offers (host, key, value) : vl_host_flag (host, key);
}

int
vl_host_cap (const struct vl_guest *guest, const struct vl_host *host, const char *what,
             const char *value)
{
  return answer (host, vl_host_cap_key (guest, host, what), value);
}

int
vl_host_cap_any (const struct vl_guest *guest, const struct vl_host *host, const char *what,
                 const char *value)
{
  VL_AUTOFREE char *prefix = NULL, *suffix = NULL;
  size_t first, n, prefix_length, suffix_length;
  struct scope scope;
  int best = -1;

  if (scope_of (guest, &scope) < 0)
    return -1;
  prefix = vl_xasprintf ("caps.%s.%s.", scope.virt_type, scope.arch);
  suffix = vl_xasprintf (".%s", what);
  prefix_length = strlen (prefix);
  suffix_length = strlen (suffix);
  n = vl_host_range (host, prefix, &first);
  for (size_t i = first; i < first + n && best < 1; i++) {
    const char *key = host->facts[i].key;
    size_t length = strlen (key);

    if (length > prefix_length + suffix_length && VL_STREQ (key + length - suffix_length, suffix)) {
      int one = answer (host, key, value);

      if (one > best)
        best = one;
    }
  }
  return best;
}

int
vl_host_unknown (struct vl_call *call, const char *prop, const char *key)
{
  const struct vl_host *host = call->guest ? call->guest->host : NULL;

  if (key == NULL)
    key = "what this guest's machine can do";
  if (host && host->live)
    return vl_error (call, VL_ERR_UNSUPPORTED, "HostFactUnknown", prop,
                     "this host does not say %s; record it with `host show`, add `--fact` with "
                     "`host import`, and give the file with --host",
                     key);
  return vl_error (call, VL_ERR_UNSUPPORTED, "HostFactUnknown", prop,
                   "the host file does not say %s; record it with `host show` or `--fact`", key);
}
