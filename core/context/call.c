/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The context and its findings. */

#include <config.h>

#include "context/call.h"

#include "lib/file.h"
#include "lib/text.h"

#include <errno.h>
#include <libxml/parser.h>
#include <pthread.h>

const char *
vl_phase_name (enum vl_phase phase)
{
  static const char *const names[] = {
    "none",   "declare", "parse",      "resolve", "activate", "validate",
    "claim",  "begin",   "contribute", "adjust",  "check",    "schema",
    "sealed", "permit",  "prepare",    "release", "event",    "group",
  };

  return names[phase];
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct vl_call *newest;
/* What tells a thread from others is where it has this. */
static _Thread_local char this_thread;

struct vl_call *
vl_call_new (void)
{
  struct vl_call *call = VL_NEW (struct vl_call);

  call->arena = vl_arena_new ();
  call->thread = &this_thread;
  pthread_mutex_lock (&lock);
  /* Before there can be two threads that need it. */
  if (newest == NULL)
    xmlInitParser ();
  call->older = newest;
  newest = call;
  pthread_mutex_unlock (&lock);
  return call;
}

/* The newest call that a plugin's code runs in: of this thread, or of ANY. */
static const struct vl_call *
running (int any)
{
  const struct vl_call *call = newest;

  while (call && (call->plugin_name == NULL || (! any && call->thread != &this_thread)))
    call = call->older;
  return call;
}

/* In a signal handler, where no lock is to be had: while a plugin's code runs nobody
 * makes or frees a call, in a process that keeps to one thread. */
int
vl_app_fault (struct vl_fault *fault)
{
  const struct vl_call *call = running (0);

  /* A plugin may have threads of its own. */
  call = call ? call : running (1);
  if (call == NULL)
    return 0;
  fault->plugin = call->plugin_name;
  fault->phase = call->doing ? call->doing : vl_phase_name (call->phase);
  fault->module = call->module ? call->module : "";
  return 1;
}

void
vl_call_free (struct vl_call *call)
{
  struct vl_call **place = &newest;

  if (call == NULL)
    return;
  pthread_mutex_lock (&lock);
  while (*place && *place != call)
    place = &(*place)->older;
  if (*place)
    *place = call->older;
  pthread_mutex_unlock (&lock);
  free (call->findings.items);
  free (call->findings.table);
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

/* What is changed in a finding after it was recorded does not count. */
static size_t
hash_finding (const struct vl_finding *f)
{
  const char *const texts[] = { f->plugin, f->message, f->path, f->code };
  uint32_t hash = VL_HASH_START;

  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
    if (texts[i])
      hash = vl_hash (hash, texts[i], strlen (texts[i]));
  return hash;
}

/* The place in the table of FINDING, or of one that says the same. */
static uint32_t *
find_place (struct vl_findings *all, const struct vl_finding *finding)
{
  size_t at = hash_finding (finding) & (all->table_size - 1);

  while (all->table[at] && ! same_finding (&all->items[all->table[at] - 1], finding))
    at = (at + 1) & (all->table_size - 1);
  return &all->table[at];
}

/* Keeps the table true, and at most half full. */
static void
make_table (struct vl_findings *all)
{
  size_t size = 64;

  if (all->n == all->n_listed && 2 * (all->n + 1) <= all->table_size)
    return;
  while (size < 4 * (all->n + 1))
    size *= 2;
  free (all->table);
  all->table = vl_xcalloc (size, sizeof *all->table);
  all->table_size = size;
  all->n_listed = all->n;
  for (size_t i = 0; i < all->n; i++)
    *find_place (all, &all->items[i]) = (uint32_t)i + 1;
}

void
vl_findings_moved (struct vl_call *call)
{
  call->findings.n_listed = SIZE_MAX;
}

int
vl_vreport (struct vl_call *call, const struct vl_report *report, const char *fmt, va_list args)
{
  struct vl_findings *all = &call->findings;
  struct vl_finding finding = { .severity = report->severity, .err = report->err };
  struct vl_arena *arena = call->arena;
  uint32_t *place;

  finding.code = vl_arena_strdup (
      arena, report->code ? report->code : default_code (report->severity, report->err));
  finding.plugin = vl_arena_strdup (arena, report->plugin      ? report->plugin
                                           : call->plugin_name ? call->plugin_name
                                                               : "core");
  finding.property = report->property ? vl_full_name (call, report->property) : NULL;
  finding.origin = vl_arena_strdup (arena, report->origin);
  if (finding.origin == NULL && finding.property && call->origin_text)
    finding.origin = call->origin_text (call, finding.property);
  if (finding.origin == NULL)
    finding.origin = vl_arena_strdup (arena, call->origin);
  finding.path = vl_arena_strdup (arena, report->path);
  finding.hint = vl_passwordless (arena, vl_arena_strdup (arena, report->hint));
  finding.message = vl_passwordless (arena, vl_arena_vprintf (arena, fmt, args));
  make_table (all);
  place = find_place (all, &finding);
  if (*place) {
    all->repeated |= finding.severity == VL_SEV_ERROR;
    return -1;
  }
  *place = (uint32_t)all->n + 1;
  VL_GROW (all->items, all->n, all->size);
  all->items[all->n++] = finding;
  all->n_listed++;
  all->n_errors += finding.severity == VL_SEV_ERROR;
  return -1;
}

int
vl_report (struct vl_call *call, const struct vl_report *report, const char *fmt, ...)
{
  va_list args;

  va_start (args, fmt);
  vl_vreport (call, report, fmt, args);
  va_end (args);
  return -1;
}

int
vl_findings_add (struct vl_call *call, const struct vl_finding *finding)
{
  return vl_report (call,
                    &(struct vl_report) { finding->severity, finding->err, finding->code,
                                          finding->plugin, finding->property, finding->origin,
                                          finding->path, finding->hint },
                    "%s", finding->message);
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

void *
vl_memory (struct vl_call *call, size_t length)
{
  return vl_arena_alloc (call->arena, length);
}

const char *
vl_did_you_mean (struct vl_call *call, char quote, const char *best, const char *otherwise)
{
  return best ? vl_printf (call, "did you mean %c%s%c?", quote, best, quote) : otherwise;
}

const char *
vl_join (struct vl_call *call, const char *between, const char *const *items, size_t n)
{
  VL_AUTOSTR struct vl_str text = { 0 };

  vl_str_add (&text, "");
  for (size_t i = 0; i < n; i++) {
    if (i && between)
      vl_str_add (&text, between);
    vl_str_add (&text, items[i]);
  }
  return vl_arena_strdup (call->arena, text.text);
}

const char *
vl_op_device (struct vl_call *call)
{
  return call->op_device;
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
  vl_findings_moved (call);
}

int
vl_findings_exit (const struct vl_call *call, size_t first)
{
  static const enum vl_err weight[] = { VL_ERR_REFUSED, VL_ERR_REQUEST, VL_ERR_CONFLICT,
                                        VL_ERR_UNSUPPORTED };
  int code = 0;

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

enum vl_err
vl_read_err (int error)
{
  if (vl_file_is_odd (error))
    return VL_ERR_REQUEST;
  return error == EACCES ? VL_ERR_NOT_PERMITTED : VL_ERR_NOT_FOUND;
}
