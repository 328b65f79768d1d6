/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a plugin says: refusals, warnings, advice, about rows that it has; and what
 * is said of a plugin that makes a mistake. */

#include <config.h>

#include "plugin/registry.h"

#include "lib/text.h"

const struct vl_prop *
vl_plugin_row (const struct vl_plugin *plugin, const char *prop)
{
  size_t length = strlen (plugin->name);

  /* Literals of one file are one object: most names are found by address. */
  for (size_t i = 0; i < plugin->n_props; i++)
    if (plugin->props[i].name == prop)
      return &plugin->props[i];
  if (strncmp (prop, plugin->name, length) == 0 && prop[length] == '.')
    prop += length + 1;
  for (size_t i = 0; i < plugin->n_props; i++)
    if (VL_STREQ (plugin->props[i].name, prop))
      return &plugin->props[i];
  return NULL;
}

const struct vl_raw *
vl_plugin_base (const struct vl_plugin *plugin, const struct vl_prop *row)
{
  const struct vl_base *base = plugin->base ? &plugin->base[row - plugin->props] : NULL;
  const struct vl_raw *raw = base && base->setting && base->setting->value.set ? base->setting
                             : base                                            ? base->deflt
                                                                               : NULL;

  return raw && raw->value.set ? raw : NULL;
}

int
vl_fault (struct vl_call *call, const char *fmt, ...)
{
  static const struct vl_report report = { .severity = VL_SEV_ERROR,
                                           .err = VL_ERR_FAILED,
                                           .code = "PluginFault",
                                           .hint = "this is a fault of the plugin" };
  va_list args;

  va_start (args, fmt);
  vl_vreport (call, &report, fmt, args);
  va_end (args);
  return -1;
}

int
vl_said (struct vl_call *call, int result, size_t errors)
{
  if (result < 0 && call->findings.n_errors == errors && ! call->findings.repeated)
    vl_fault (call, "'%s' failed in %s without saying why", call->plugin_name,
              call->doing ? call->doing : vl_phase_name (call->phase));
  call->findings.repeated = 0;
  return result;
}

const char *
vl_near_row (struct vl_call *call, const char *name)
{
  const struct vl_plugin *plugin = call->plugin;
  struct vl_spell spell = { .wanted = name };

  for (size_t i = 0; plugin && i < plugin->n_props; i++)
    vl_spell_offer (&spell, plugin->props[i].name);
  for (const char **read = plugin ? plugin->reads : NULL; read && *read; read++)
    vl_spell_offer (&spell, *read);
  return spell.best ? vl_printf (call, "; did you mean '%s'?", spell.best) : "";
}

int
vl_may_name (struct vl_call *call, const char *verb, const char *prop)
{
  const struct vl_plugin *plugin = call->plugin;

  if (prop == NULL) {
    vl_fault (call, "%s no property: NULL where a name is needed", verb);
    return 0;
  }
  if (plugin == NULL || vl_plugin_row (plugin, prop))
    return 1;
  /* A driver has no table of reads, and may name what is the core's. */
  if (plugin->kind == VL_KIND_DRIVER && strchr (prop, '.') && strchr (prop, ' ') == NULL)
    return 1;
  for (const char **name = plugin->reads; name && *name; name++)
    if (VL_STREQ (*name, prop))
      return 1;
  vl_fault (call, "%s '%s', which it has neither as a row nor in its table of reads%s", verb, prop,
            vl_near_row (call, prop));
  return 0;
}

int
vl_may_act (struct vl_call *call, const char *verb)
{
  if (call->plugin == NULL || call->plugin->kind == VL_KIND_DRIVER
      || call->phase >= VL_PHASE_PREPARE)
    return 0;
  return vl_fault (call,
                   "%s is called in phase '%s'; a feature acts on the host in prepare, release, "
                   "event and the acting calls of a group",
                   verb, vl_phase_name (call->phase));
}

/* Records what a plugin says of its row REPORT->property, or NULL. */
static int VL_PRINTF (3, 0)
    say (struct vl_call *call, struct vl_report *report, const char *fmt, va_list args)
{
  if (report->property && ! vl_may_name (call, "refuses", report->property))
    report->property = NULL;
  return vl_vreport (call, report, fmt, args);
}

#define SAY(call, fmt, ...)                                                                        \
  do {                                                                                             \
    struct vl_report report_ = { __VA_ARGS__ };                                                    \
    va_list args_;                                                                                 \
                                                                                                   \
    va_start (args_, fmt);                                                                         \
    say ((call), &report_, (fmt), args_);                                                          \
    va_end (args_);                                                                                \
  } while (0)

int
vl_refuse (struct vl_call *call, enum vl_err err, const char *prop, const char *hint,
           const char *fmt, ...)
{
  SAY (call, fmt, .severity = VL_SEV_ERROR, .err = err, .property = prop, .hint = hint);
  return -1;
}

int
vl_refuse_as (struct vl_call *call, enum vl_err err, const char *code, const char *prop,
              const char *hint, const char *fmt, ...)
{
  SAY (call, fmt, .severity = VL_SEV_ERROR, .err = err, .code = code, .property = prop,
       .hint = hint);
  return -1;
}

void
vl_warn (struct vl_call *call, const char *prop, const char *hint, const char *fmt, ...)
{
  SAY (call, fmt, .severity = VL_SEV_WARNING, .property = prop, .hint = hint);
}

void
vl_warn_as (struct vl_call *call, const char *code, const char *prop, const char *hint,
            const char *fmt, ...)
{
  SAY (call, fmt, .severity = VL_SEV_WARNING, .code = code, .property = prop, .hint = hint);
}

void
vl_advise (struct vl_call *call, const char *prop, const char *hint, const char *fmt, ...)
{
  SAY (call, fmt, .severity = VL_SEV_ADVICE, .property = prop, .hint = hint);
}
