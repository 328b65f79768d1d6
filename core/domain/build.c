/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The phases of a build, one after another over all features, with all problems
 * found in one run. */

#include <config.h>

#include "domain/build.h"
#include "domain/node.h"

#include "lib/clock.h"
#include "plugin/idle.h"
#include "request/work.h"

int64_t
vl_build_time (struct vl_build *build, const char *phase, const char *plugin, int64_t since)
{
  int64_t now = build->timed ? vl_clock_ns () : 0;

  if (! build->timed || phase == NULL)
    return now;
  VL_GROW (build->timings, build->n_timings, build->timings_size);
  build->timings[build->n_timings].phase = phase;
  build->timings[build->n_timings].plugin = plugin;
  build->timings[build->n_timings++].ns = now - since;
  return now;
}

/* A merge sort, which is stable; SPARE has room for N. */
static void
sort_findings (struct vl_finding *items, struct vl_finding *spare, size_t n)
{
  size_t half = n / 2, a = 0, b = half;

  if (n < 2)
    return;
  sort_findings (items, spare, half);
  sort_findings (items + half, spare, n - half);
  memcpy (spare, items, n * sizeof *items);
  for (size_t i = 0; i < n; i++)
    items[i] = b == n || (a < half && strcmp (spare[a].plugin, spare[b].plugin) <= 0) ? spare[a++]
                                                                                      : spare[b++];
}

void
vl_findings_sort (struct vl_call *call, size_t first)
{
  size_t n = call->findings.n - first;
  VL_AUTOFREE struct vl_finding *spare = NULL;

  if (n < 2)
    return;
  spare = vl_xcalloc (n, sizeof *spare);
  sort_findings (call->findings.items + first, spare, n);
  vl_findings_moved (call);
}

/* A build that others wait for ends where it takes too long.  The time of the processor
 * counts: on a busy machine a second of the clock is soon over. */
static void
check_deadline (struct vl_build *build)
{
  struct vl_report report = {
    .severity = VL_SEV_ERROR,
    .err = VL_ERR_FAILED,
    .code = "BuildTooSlow",
    .plugin = "core",
    .hint = "try again; what takes long shows in: virtloom plan --timing",
  };
  size_t slow = 0;

  if (build->call->deadline == 0 || clock () <= build->call->deadline)
    return;
  build->call->deadline = 0;
  for (size_t i = 0; i < build->n_timings; i++)
    if (build->timings[i].ns > build->timings[slow].ns)
      slow = i;
  vl_report (build->call, &report,
             "the build that is recorded took more than a second of processor time, for which all "
             "other commands wait; '%s' took longest, in %s",
             build->timings[slow].plugin, build->timings[slow].phase);
}

/* ---- one phase over all active features ---- */

typedef int (*build_fn) (struct vl_call *);

static build_fn
callback_of (const struct vl_feature *feature, enum vl_phase phase)
{
  switch (phase) {
  case VL_PHASE_VALIDATE:
    return feature->validate;
  case VL_PHASE_CLAIM:
    return feature->claim;
  case VL_PHASE_CONTRIBUTE:
    return feature->contribute;
  case VL_PHASE_ADJUST:
    return feature->adjust;
  default:
    return feature->check;
  }
}

static int
call_plugin (struct vl_build *build, struct vl_plugin *plugin, build_fn fn)
{
  struct vl_call *call = build->call;
  size_t errors = call->findings.n_errors;
  int result;

  vl_call_as (call, plugin);
  result = fn (call);
  if (vl_guest_spoilt (build->guest, plugin))
    return -1;
  return vl_said (call, result ? -1 : 0, errors) < 0 || call->findings.n_errors > errors ? -1 : 0;
}

/* Failures count from the next phase on: who is called later in this one must
 * not depend on who was called before. */
static void
run_phase (struct vl_build *build, enum vl_phase phase)
{
  struct vl_call *call = build->call;
  struct vl_guest *guest = build->guest;
  size_t first = call->findings.n, n = guest->registry->n, n_failed = 0;
  VL_AUTOFREE char *failed = vl_xcalloc (n, 1);
  int64_t since = vl_build_time (build, NULL, NULL, 0);

  call->phase = phase;
  for (size_t i = 0; i < n; i++) {
    struct vl_plugin *plugin = guest->registry->plugins[i];
    build_fn fn;

    if (! guest->active[i] || guest->failed[i])
      continue;
    fn = callback_of (&plugin->feature, phase);
    if (fn == NULL)
      continue;
    failed[i] = call_plugin (build, plugin, fn) < 0;
    n_failed += (size_t)failed[i];
    vl_call_as (call, NULL);
    since = vl_build_time (build, vl_phase_name (phase), plugin->name, since);
    check_deadline (build);
  }
  for (size_t i = 0; n_failed && i < n; i++)
    if (failed[i])
      vl_guest_fail (guest, guest->registry->plugins[i]);
  vl_findings_sort (call, first);
}

/* ---- what `ready` has said ---- */

/* Whose settings `ready` has refused in finding I: the number of a feature, or of none. */
static size_t
refused_by_ready (const struct vl_build *build, size_t i)
{
  const struct vl_finding *finding = &build->call->findings.items[i];
  const struct vl_registry *registry = build->guest->registry;
  size_t who = 0;

  while (who < registry->n
         && (registry->plugins[who]->kind != VL_KIND_FEATURE
             || ! VL_STREQ (registry->plugins[who]->name, finding->plugin)))
    who++;
  return finding->severity == VL_SEV_ERROR ? who : registry->n;
}

/* The settings of a feature that has no part in the guest stop no plan of it: its errors become
 * warnings, once it is known which features have. */
static void
soften_ready (struct vl_build *build)
{
  const struct vl_guest *guest = build->guest;

  for (size_t i = build->ready_first; i < build->ready_end; i++) {
    size_t who = refused_by_ready (build, i);

    if (who < guest->registry->n && ! guest->active[who] && ! guest->failed[who]
        && ! guest->registry->plugins[who]->critical) {
      build->call->findings.items[i].severity = VL_SEV_WARNING;
      build->call->findings.n_errors--;
    }
  }
}

/* One that has a part says what else is wrong, but claims and writes nothing: there it may rely on
 * settings that are possible. */
static void
heed_ready (struct vl_build *build)
{
  struct vl_guest *guest = build->guest;

  for (size_t i = build->ready_first; i < build->ready_end; i++) {
    size_t who = refused_by_ready (build, i);

    if (who < guest->registry->n)
      vl_guest_fail (guest, guest->registry->plugins[who]);
  }
}

/* ---- the core's own steps ---- */

static void
run_core (struct vl_build *build, enum vl_phase phase, void (*step) (struct vl_build *))
{
  size_t first = build->call->findings.n;
  int64_t since = vl_build_time (build, NULL, NULL, 0);

  build->call->phase = phase;
  vl_call_as (build->call, NULL);
  step (build);
  vl_findings_sort (build->call, first);
  vl_build_time (build, vl_phase_name (phase), "core", since);
  check_deadline (build);
}

static void
resolve (struct vl_build *build)
{
  vl_guest_resolve (build->guest);
}

static void
tell_idle (struct vl_build *build)
{
  vl_guest_tell_idle (build->guest);
}

static void
begin (struct vl_build *build)
{
  build->doc = vl_doc_new (build->call);
  vl_begin_write (build->call);
  vl_disks_write (build->call, build->guest);
  vl_nics_write (build->call, build->guest);
}

static int
is_clean (const struct vl_build *build)
{
  return build->call->findings.n_errors == 0;
}

static int
write_document (struct vl_build *build)
{
  run_core (build, VL_PHASE_BEGIN, begin);
  if (is_clean (build))
    run_phase (build, VL_PHASE_CONTRIBUTE);
  if (is_clean (build))
    run_core (build, VL_PHASE_CONTRIBUTE, vl_doc_end_contribute);
  if (! is_clean (build))
    return -1;
  run_phase (build, VL_PHASE_ADJUST);
  run_core (build, VL_PHASE_ADJUST, vl_doc_end_adjust);
  if (! is_clean (build))
    return -1;
  run_phase (build, VL_PHASE_CHECK);
  run_core (build, VL_PHASE_CHECK, vl_doc_check_able);
  if (is_clean (build) && build->check_schema)
    run_core (build, VL_PHASE_SCHEMA, vl_doc_check_schema);
  if (! is_clean (build))
    return -1;
  run_core (build, VL_PHASE_SEALED, vl_doc_seal);
  return 0;
}

int
vl_build_run (struct vl_build *build)
{
  struct vl_call *call = build->call;
  int result = -1;

  call->build = build;
  vl_call_about (call, build->guest);
  call->host = build->host;
  call->driver = build->guest->driver;
  run_core (build, VL_PHASE_RESOLVE, resolve);
  run_core (build, VL_PHASE_ACTIVATE, vl_build_activate);
  soften_ready (build);
  run_core (build, VL_PHASE_ACTIVATE, tell_idle);
  run_phase (build, VL_PHASE_VALIDATE);
  heed_ready (build);
  run_phase (build, VL_PHASE_CLAIM);
  run_core (build, VL_PHASE_CLAIM, vl_core_claim);
  run_core (build, VL_PHASE_CLAIM, vl_claims_judge);
  if (is_clean (build))
    result = write_document (build);
  if (result < 0) {
    vl_doc_free (build->doc);
    build->doc = NULL;
  }
  call->phase = result == 0 ? VL_PHASE_SEALED : VL_PHASE_NONE;
  return result;
}

/* ---- ready ---- */

/* Whatever code a plugin chose: what its settings ask for is impossible on this host, which is
 * exit 4, unless it says that they are wrong by themselves, on any host. */
static void
mark_unsupported (struct vl_call *call, size_t first)
{
  for (size_t i = first; i < call->findings.n; i++)
    if (call->findings.items[i].severity == VL_SEV_ERROR
        && call->findings.items[i].err != VL_ERR_REFUSED)
      call->findings.items[i].err = VL_ERR_UNSUPPORTED;
}

int
vl_build_ready (struct vl_call *call, struct vl_registry *registry, struct vl_plugin *driver,
                const struct vl_host *host)
{
  struct vl_plugin *caller = call->plugin;
  const struct vl_host *host_before = call->host;
  const struct vl_plugin *driver_before = call->driver;
  size_t first = call->findings.n, errors = call->findings.n_errors, errors_before;
  int result = 0;

  vl_call_as (call, driver);
  call->doing = "ready";
  call->driver = driver;
  call->host = host;
  call->ready_virt_type =
      driver && driver->driver.virt_type ? driver->driver.virt_type (call) : NULL;
  if (driver && driver->driver.ready)
    result |= vl_said (call, driver->driver.ready (call), errors);
  for (size_t i = 0; i < registry->n; i++) {
    struct vl_plugin *plugin = registry->plugins[i];

    if (plugin->state != VL_PLUGIN_LOADED)
      continue;
    errors_before = call->findings.n_errors;
    if (plugin->kind == VL_KIND_FEATURE && plugin->feature.ready) {
      vl_call_as (call, plugin);
      call->doing = "ready";
      result |= vl_said (call, plugin->feature.ready (call) ? -1 : 0, errors_before);
    }
    if (call->findings.n_errors == errors_before
        && (plugin->kind == VL_KIND_FEATURE || plugin == driver || driver == NULL))
      vl_idle_rows (call, registry, plugin);
  }
  vl_call_as (call, caller);
  call->driver = driver_before;
  call->host = host_before;
  call->ready_virt_type = NULL;
  if (call->findings.n > first)
    vl_findings_sort (call, first);
  mark_unsupported (call, first);
  return result < 0 || call->findings.n_errors > errors ? -1 : 0;
}
