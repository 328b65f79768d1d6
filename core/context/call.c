/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The context and its findings. */

#include <config.h>

#include "context/call.h"

#include "lib/text.h"

const char *
vl_phase_name (enum vl_phase phase)
{
  static const char *const names[] = {
    "none",  "declare",    "parse",  "resolve", "activate", "validate", "claim",
    "begin", "contribute", "adjust", "check",   "schema",   "sealed",
  };

  return names[phase];
}

const char *
vl_severity_name (enum vl_severity severity)
{
  static const char *const names[] = { "", "error", "warning", "advice" };

  return names[severity];
}

struct vl_call *
vl_call_new (void)
{
  struct vl_call *call = VL_NEW (struct vl_call);

  call->arena = vl_arena_new ();
  return call;
}

void
vl_call_free (struct vl_call *call)
{
  if (call == NULL)
    return;
  free (call->findings.items);
  vl_arena_free (call->arena);
  free (call);
}

static const char *
default_code (enum vl_severity severity, enum vl_err err)
{
  static const char *const codes[] = {
    [VL_ERR_FAILED] = "Failed",
    [VL_ERR_USAGE] = "Usage",
    [VL_ERR_REQUEST] = "Invalid",
    [VL_ERR_UNSUPPORTED] = "Unsupported",
    [VL_ERR_NOT_FOUND] = "NotFound",
    [VL_ERR_CONFLICT] = "Conflict",
    [VL_ERR_REFUSED] = "PluginRefused",
    [VL_ERR_UNREACHABLE] = "HypervisorUnavailable",
    [VL_ERR_NOT_PERMITTED] = "NotPermitted",
  };

  if (severity == VL_SEV_ADVICE)
    return "Advice";
  if (severity == VL_SEV_WARNING)
    return "Warning";
  return codes[err];
}

static int
same_finding (const struct vl_finding *a, const struct vl_finding *b)
{
  return a->severity == b->severity && a->err == b->err && vl_text_same (a->code, b->code)
         && vl_text_same (a->plugin, b->plugin) && vl_text_same (a->property, b->property)
         && vl_text_same (a->origin, b->origin) && vl_text_same (a->path, b->path)
         && vl_text_same (a->message, b->message);
}

static void VL_PRINTF (3, 0)
    record (struct vl_call *call, const struct vl_report *report, const char *fmt, va_list args)
{
  struct vl_findings *all = &call->findings;
  struct vl_finding finding = { .severity = report->severity, .err = report->err };
  struct vl_arena *arena = call->arena;

  finding.code = vl_arena_strdup (
      arena, report->code ? report->code : default_code (report->severity, report->err));
  finding.plugin = vl_arena_strdup (arena, report->plugin      ? report->plugin
                                           : call->plugin_name ? call->plugin_name
                                                               : "core");
  finding.property = report->property ? vl_full_name (call, report->property) : NULL;
  finding.origin = vl_arena_strdup (arena, report->origin);
  if (finding.origin == NULL && finding.property && call->guest)
    finding.origin = call->origin_text (call, call->guest, finding.property);
  finding.path = vl_arena_strdup (arena, report->path);
  finding.message = vl_arena_vprintf (arena, fmt, args);
  for (size_t i = 0; i < all->n; i++)
    if (same_finding (&all->items[i], &finding))
      return;
  VL_GROW (all->items, all->n, all->size);
  all->items[all->n++] = finding;
  if (finding.severity == VL_SEV_ERROR)
    all->n_errors++;
}

int
vl_report (struct vl_call *call, const struct vl_report *report, const char *fmt, ...)
{
  va_list args;

  va_start (args, fmt);
  record (call, report, fmt, args);
  va_end (args);
  return -1;
}

int
vl_error (struct vl_call *call, enum vl_err err, const char *code, const char *prop,
          const char *fmt, ...)
{
  struct vl_report report = {
    .severity = VL_SEV_ERROR, .err = err, .code = code, .property = prop
  };
  va_list args;

  va_start (args, fmt);
  record (call, &report, fmt, args);
  va_end (args);
  return -1;
}

void
vl_warning (struct vl_call *call, const char *code, const char *prop, const char *fmt, ...)
{
  struct vl_report report = { .severity = VL_SEV_WARNING, .code = code, .property = prop };
  va_list args;

  va_start (args, fmt);
  record (call, &report, fmt, args);
  va_end (args);
}

void
vl_advice (struct vl_call *call, const char *code, const char *prop, const char *fmt, ...)
{
  struct vl_report report = { .severity = VL_SEV_ADVICE, .code = code, .property = prop };
  va_list args;

  va_start (args, fmt);
  record (call, &report, fmt, args);
  va_end (args);
}

void
vl_hint (struct vl_call *call, const char *fmt, ...)
{
  va_list args;

  if (call->findings.n == 0)
    return;
  va_start (args, fmt);
  call->findings.items[call->findings.n - 1].hint = vl_arena_vprintf (call->arena, fmt, args);
  va_end (args);
}

void
vl_debug (struct vl_call *call, const char *fmt, ...)
{
  va_list args;

  if (! call->verbose)
    return;
  fprintf (stderr, "debug %s: ", call->plugin_name ? call->plugin_name : "core");
  va_start (args, fmt);
  vfprintf (stderr, fmt, args);
  va_end (args);
  fputc ('\n', stderr);
}

void
vl_progress (struct vl_call *call, const char *fmt, ...)
{
  VL_AUTOFREE char *text = NULL;
  va_list args;

  if (call->quiet || call->progress == NULL)
    return;
  va_start (args, fmt);
  text = vl_xvasprintf (fmt, args);
  va_end (args);
  call->progress (call->progress_opaque, text);
}

const char *
vl_printf (struct vl_call *call, const char *fmt, ...)
{
  va_list args;
  char *text;

  va_start (args, fmt);
  text = vl_arena_vprintf (call->arena, fmt, args);
  va_end (args);
  return text;
}

const char *
vl_full_name (struct vl_call *call, const char *prop)
{
  if (strchr (prop, '.') || call->plugin_name == NULL)
    return vl_arena_strdup (call->arena, prop);
  return vl_arena_printf (call->arena, "%s.%s", call->plugin_name, prop);
}

void
vl_findings_drop (struct vl_call *call, size_t from, size_t to)
{
  struct vl_findings *f = &call->findings;

  for (size_t i = from; i < to; i++)
    f->n_errors -= f->items[i].severity == VL_SEV_ERROR;
  if (from < to)
    memmove (&f->items[from], &f->items[to], (f->n - to) * sizeof *f->items);
  f->n -= to - from;
}

int
vl_findings_exit (const struct vl_call *call, size_t first)
{
  static const enum vl_err weight[] = { VL_ERR_REQUEST, VL_ERR_CONFLICT, VL_ERR_UNSUPPORTED };
  int code = 0;

  if (call->critical_refused)
    return VL_ERR_REFUSED;
  for (size_t i = first; i < call->findings.n && code == 0; i++)
    if (call->findings.items[i].severity == VL_SEV_ERROR)
      code = (int)call->findings.items[i].err;
  for (size_t w = sizeof weight / sizeof weight[0]; code && w-- > 0;)
    for (size_t i = first; i < call->findings.n; i++)
      if (call->findings.items[i].severity == VL_SEV_ERROR
          && call->findings.items[i].err == weight[w])
        code = (int)weight[w];
  return code;
}
