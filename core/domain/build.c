/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The phases of a build, one after another over all features, with all problems
 * found in one run. */

#include <config.h>

#include "domain/build.h"
#include "domain/node.h"

#include <time.h>

int64_t
vl_now (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void
vl_build_time (struct vl_build *build, const char *phase, const char *plugin, int64_t since)
{
  VL_GROW (build->timings, build->n_timings, build->timings_size);
  build->timings[build->n_timings].phase = phase;
  build->timings[build->n_timings].plugin = plugin;
  build->timings[build->n_timings++].ns = vl_now () - since;
}

/* An insertion sort: it is stable, and findings are few. */
void
vl_findings_sort (struct vl_call *call, size_t first)
{
  struct vl_finding *items = call->findings.items;

  for (size_t i = first + 1; i < call->findings.n; i++) {
    struct vl_finding finding = items[i];
    size_t place = i;

    for (; place > first && strcmp (items[place - 1].plugin, finding.plugin) > 0; place--)
      items[place] = items[place - 1];
    items[place] = finding;
  }
}

/* ---- one phase over all active features ---- */

typedef int (*build_fn) (struct vl_call *, const struct vl_guest *, const struct vl_host *);

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
  struct vl_report report = { .severity = VL_SEV_ERROR,
                              .err = VL_ERR_FAILED,
                              .code = "PluginFault" };
  int result;

  vl_call_as (call, plugin);
  result = fn (call, build->guest, build->host);
  if (vl_guest_spoilt (build->guest, plugin))
    return -1;
  if (result == 0)
    return call->findings.n_errors > errors ? -1 : 0;
  if (call->findings.n_errors == errors)
    vl_report (call, &report, "'%s' failed in %s without saying why", plugin->name,
               vl_phase_name (call->phase));
  return -1;
}

/* Failures count from the next phase on: who is called later in this one must
 * not depend on who was called before. */
static void
run_phase (struct vl_build *build, enum vl_phase phase)
{
  struct vl_call *call = build->call;
  struct vl_guest *guest = build->guest;
  size_t first = call->findings.n, n = guest->registry->n;
  VL_AUTOFREE char *failed = vl_xcalloc (n, 1);
  int64_t since = vl_now ();

  call->phase = phase;
  for (size_t i = 0; i < n; i++) {
    struct vl_plugin *plugin = guest->registry->plugins[i];
    build_fn fn = callback_of (&plugin->feature, phase);

    if (fn == NULL || ! guest->active[i] || guest->failed[i])
      continue;
    failed[i] = call_plugin (build, plugin, fn) < 0;
    vl_build_time (build, vl_phase_name (phase), plugin->name, since);
    since += build->timings[build->n_timings - 1].ns;
  }
  vl_call_as (call, NULL);
  for (size_t i = 0; i < n; i++)
    if (failed[i])
      vl_guest_fail (guest, guest->registry->plugins[i]);
  vl_findings_sort (call, first);
}

/* ---- the core's own steps ---- */

static void
run_core (struct vl_build *build, enum vl_phase phase, void (*step) (struct vl_build *))
{
  size_t first = build->call->findings.n;
  int64_t since = vl_now ();

  build->call->phase = phase;
  vl_call_as (build->call, NULL);
  step (build);
  vl_findings_sort (build->call, first);
  vl_build_time (build, vl_phase_name (phase), "core", since);
}

static void
resolve (struct vl_build *build)
{
  vl_guest_resolve (build->guest);
}

static void
begin (struct vl_build *build)
{
  build->doc = vl_doc_new (build->call);
  vl_begin_write (build->call, build->guest, build->host);
  vl_disks_write (build->call, build->guest, build->host);
  vl_nics_write (build->call, build->guest, build->host);
}

static void
end_contribute (struct vl_build *build)
{
  vl_doc_end_contribute (build->call, build->doc);
}

static void
end_adjust (struct vl_build *build)
{
  vl_doc_end_adjust (build->call, build->doc);
}

static void
check_schema (struct vl_build *build)
{
  vl_doc_check_schema (build->call, build->doc, build->host);
}

static void
seal (struct vl_build *build)
{
  vl_doc_seal (build->call, build->doc);
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
    run_core (build, VL_PHASE_CONTRIBUTE, end_contribute);
  if (! is_clean (build))
    return -1;
  vl_doc_begin_adjust (build->call, build->doc);
  run_phase (build, VL_PHASE_ADJUST);
  run_core (build, VL_PHASE_ADJUST, end_adjust);
  if (! is_clean (build))
    return -1;
  run_phase (build, VL_PHASE_CHECK);
  if (is_clean (build) && build->check_schema)
    run_core (build, VL_PHASE_SCHEMA, check_schema);
  if (! is_clean (build))
    return -1;
  run_core (build, VL_PHASE_SEALED, seal);
  return 0;
}

int
vl_build_run (struct vl_build *build)
{
  struct vl_call *call = build->call;
  int result = -1;

  call->build = build;
  vl_call_about (call, build->guest);
  run_core (build, VL_PHASE_RESOLVE, resolve);
  run_core (build, VL_PHASE_ACTIVATE, vl_build_activate);
  run_phase (build, VL_PHASE_VALIDATE);
  run_phase (build, VL_PHASE_CLAIM);
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

const char *
vl_ready_virt_type (const struct vl_call *call)
{
  return call->ready_virt_type;
}

/* Whatever code a plugin chose: what its settings ask for is impossible on this
 * host, which is exit 4. */
static void
mark_unsupported (struct vl_call *call, size_t first)
{
  for (size_t i = first; i < call->findings.n; i++)
    if (call->findings.items[i].severity == VL_SEV_ERROR)
      call->findings.items[i].err = VL_ERR_UNSUPPORTED;
}

int
vl_build_ready (struct vl_call *call, struct vl_registry *registry, struct vl_plugin *driver,
                const struct vl_host *host)
{
  struct vl_plugin *caller = call->plugin;
  size_t first = call->findings.n, errors = call->findings.n_errors;
  int result = 0;

  vl_call_as (call, driver);
  call->ready_virt_type =
      driver && driver->driver.virt_type ? driver->driver.virt_type (call, host) : NULL;
  if (driver && driver->driver.ready)
    result |= driver->driver.ready (call, host);
  for (size_t i = 0; i < registry->n; i++) {
    struct vl_plugin *plugin = registry->plugins[i];

    if (plugin->kind != VL_KIND_FEATURE || plugin->state != VL_PLUGIN_LOADED
        || plugin->feature.ready == NULL)
      continue;
    vl_call_as (call, plugin);
    result |= plugin->feature.ready (call, host);
  }
  vl_call_as (call, caller);
  if (call->findings.n > first)
    vl_findings_sort (call, first);
  mark_unsupported (call, first);
  return result < 0 || call->findings.n_errors > errors ? -1 : 0;
}

/* ---- claims ---- */

int
vl_claim (struct vl_call *call, const char *resource, int64_t amount, int64_t total,
          const char *why)
{
  struct vl_build *build = call->build;
  struct vl_claim_info *claim;
  size_t place;

  if (build == NULL || call->phase != VL_PHASE_CLAIM || call->plugin == NULL)
    return vl_error (call, VL_ERR_FAILED, "PluginFault", why,
                     "vl_claim is called in phase '%s'; claims are stated in claim",
                     vl_phase_name (call->phase));
  if (amount > total) {
    vl_error (call, VL_ERR_UNSUPPORTED, "ComputeResourcesUnavailable", why,
              "the guest needs %lld of '%s' and the host has %lld", (long long)amount, resource,
              (long long)total);
    return -1;
  }
  VL_GROW (build->claims, build->n_claims, build->claims_size);
  for (place = build->n_claims++; place > 0; place--) {
    if (strcmp (build->claims[place - 1].plugin, call->plugin_name) <= 0)
      break;
    build->claims[place] = build->claims[place - 1];
  }
  claim = &build->claims[place];
  claim->resource = vl_arena_strdup (call->arena, resource);
  claim->plugin = call->plugin_name;
  claim->amount = amount;
  claim->total = total;
  claim->used = -1;
  return 0;
}
