/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Facts as plugins ask for them.  A fact is text from a file: whoever wants a
 * number is told where it is none. */

#include <config.h>

#include "host/host.h"
#include "lib/cpuset.h"

#include <inttypes.h>

/* Is TEXT there?  0 after a PluginFault. */
static int
is_named (struct vl_call *call, const char *text)
{
  if (text)
    return 1;
  vl_fault (call, "asks for a fact of the host: NULL where a name is needed");
  return 0;
}

/* The same of the KEY of a fact that is asked for. */
static int
is_key (struct vl_call *call, const char *key)
{
  if (key && call->on_fact && call->plugin_name)
    call->on_fact (call->on_fact_opaque, call->plugin_name, key);
  return is_named (call, key);
}

int
vl_fact_flag (struct vl_call *call, const char *key)
{
  return is_key (call, key) ? vl_host_flag (call->host, key) : -1;
}

int
vl_fact_offers (struct vl_call *call, const char *key, const char *value)
{
  return is_key (call, key) && is_named (call, value) ? vl_host_offers (call->host, key, value)
                                                      : -1;
}

int
vl_fact_at_least (struct vl_call *call, const char *key, const char *atleast)
{
  return is_key (call, key) && is_named (call, atleast)
             ? vl_host_at_least (call->host, key, atleast)
             : -1;
}

int
vl_fact_device (struct vl_call *call, const char *path)
{
  return is_named (call, path) && call->host ? vl_host_device (call->host, path) : -1;
}

const char *
vl_fact_str (struct vl_call *call, const char *key)
{
  return is_key (call, key) ? vl_host_str (call->host, key) : NULL;
}

size_t
vl_fact_count (struct vl_call *call, const char *key)
{
  return is_key (call, key) ? vl_host_count (call->host, key) : 0;
}

const char *
vl_fact_item (struct vl_call *call, const char *key, size_t i)
{
  return is_key (call, key) ? vl_host_item (call->host, key, i) : NULL;
}

int
vl_host_probed (const struct vl_host *host)
{
  return host->live;
}

int
vl_host_is_live (struct vl_call *call)
{
  return call->host && call->host->live;
}

/* ---- judged ---- */

/* Refuses TEXT, which is no value of fact KEY. */
static int
refuse (struct vl_call *call, const char *key, const char *text, const char *accepted)
{
  return vl_refuse_as (call, VL_ERR_REQUEST, "InvalidHostFile", NULL,
                       "record the host anew with `host show`, or give the right `--fact`",
                       "fact %s of the host is '%s'; accepted: %s", key, text, accepted);
}

/* Value I of fact KEY as a number: 1, 0 where it is not there, -1 after a refusal. */
static int
read_int (struct vl_call *call, const char *key, size_t i, int64_t least, int64_t *n)
{
  const struct vl_prop number = { .type = VL_INT, .min = least, .max = INT64_MAX };
  const char *text = vl_host_item (call->host, key, i), *why;
  struct vl_value value;

  if (text == NULL)
    return 0;
  if (vl_value_parse (call->arena, &number, text, &value, &why) < 0)
    return refuse (call, key, text, vl_printf (call, "a whole number of at least %" PRId64, least));
  *n = value.number;
  return 1;
}

int
vl_fact_item_int (struct vl_call *call, const char *key, size_t i, int64_t least, int64_t *n)
{
  return is_key (call, key) ? read_int (call, key, i, least, n) : -1;
}

int
vl_fact_int (struct vl_call *call, const char *key, int64_t least, int64_t *n)
{
  if (! is_key (call, key))
    return -1;
  if (vl_host_count (call->host, key) > 1)
    return refuse (call, key, "a list", "one number");
  return read_int (call, key, 0, least, n);
}

int
vl_fact_item_cpus (struct vl_call *call, const char *key, size_t i, struct vl_cpuset *set)
{
  const char *text = is_key (call, key) ? vl_host_item (call->host, key, i) : NULL;

  memset (set, 0, sizeof *set);
  if (text == NULL)
    return key ? 0 : -1;
  if (vl_cpuset_read (text, set) == NULL)
    return 1;
  memset (set, 0, sizeof *set);
  return refuse (call, key, text, "a set of CPUs, as in '0-3,6'");
}

int
vl_fact_cpus (struct vl_call *call, const char *key, struct vl_cpuset *set)
{
  return vl_fact_item_cpus (call, key, 0, set);
}

/* The option of `host import` that adds KEY: what libvirt says is not for people to write. */
static const char *
option_for (struct vl_call *call, const char *key, const char *example)
{
  return VL_STARTS (key, "caps.") || VL_STARTS (key, "cpu-model.") ? "--domcapabilities FILE"
         : VL_STARTS (key, "guest.") || VL_STARTS (key, "host.")
             ? "--capabilities FILE"
             : vl_printf (call, "--fact %s=%s", key, example);
}

/* Refuses that the host does not say KEY, on behalf of PROP; EXAMPLE is a value of its kind. */
static int
unsaid (struct vl_call *call, const char *prop, const char *key, const char *example)
{
  int live = call->host && call->host->live;

  if (! is_key (call, key))
    return -1;
  return vl_refuse_as (call, VL_ERR_UNSUPPORTED, "HostFactUnknown", prop,
                       vl_printf (call, "%s: virtloom host import ... %s",
                                  live ? "record it in a host file, and give that with --host"
                                       : "add it where the host file is made",
                                  option_for (call, key, example)),
                       "%s does not say %s", live ? "this host" : "the host file", key);
}

int
vl_need_int (struct vl_call *call, const char *prop, const char *key, int64_t least, int64_t *n)
{
  int said = vl_fact_int (call, key, least, n);

  return said ? said : unsaid (call, prop, key, "NUMBER");
}

int
vl_need_flag (struct vl_call *call, const char *prop, const char *key)
{
  int said = vl_fact_flag (call, key);
  const char *text = said < 0 && key ? vl_host_str (call->host, key) : NULL;

  if (said >= 0 || key == NULL)
    return said;
  return text ? refuse (call, key, text, "true, false")
              : unsaid (call, prop, key, "true (or false)");
}

int
vl_unsaid (struct vl_call *call, const char *prop, const char *key)
{
  return unsaid (call, prop, key, "VALUE");
}

/* ---- probe ---- */

/* May the running code add fact KEY?  1, or 0 after a PluginFault. */
static int
may_add (struct vl_call *call, const char *key, const char *value)
{
  const struct vl_plugin *plugin = call->plugin;
  size_t length = plugin ? strlen (plugin->name) : 0;

  if (! is_named (call, key) || ! is_named (call, value))
    return 0;
  if (call->probing == NULL)
    vl_fault (call, "sets fact %s outside of probe", key);
  /* What the hypervisor says of itself has names of its own. */
  else if (plugin == NULL || plugin->kind == VL_KIND_DRIVER
           || (strncmp (key, plugin->name, length) == 0 && key[length] == '.'))
    return 1;
  else
    vl_fault (call, "sets fact %s, which does not begin with '%s.'", key, plugin->name);
  return 0;
}

void
vl_fact_set (struct vl_call *call, const char *key, const char *value)
{
  if (may_add (call, key, value))
    vl_host_set (call->probing, key, value);
}

void
vl_fact_add (struct vl_call *call, const char *key, const char *value)
{
  if (may_add (call, key, value))
    vl_host_add (call->probing, key, value);
}
