/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Plans: a build with a context of its own, kept until the application frees
 * it.  Its findings are copied to the application's context, so that they outlive
 * it. */

#include <config.h>

#include "server/plan.h"

#include "domain/build.h"
#include "domain/node.h"
#include "server/record.h"

struct vl_plan *
vl_plan_new (struct vl_app *app)
{
  struct vl_plan *plan = VL_NEW (struct vl_plan);

  plan->call = vl_call_new ();
  plan->call->quiet = app->call->quiet;
  plan->call->verbose = app->call->verbose;
  plan->call->progress = app->call->progress;
  plan->call->progress_opaque = app->call->progress_opaque;
  plan->build.call = plan->call;
  return plan;
}

static void
hand_over_findings (struct vl_app *app, const struct vl_plan *plan, size_t first)
{
  const struct vl_findings *from = &plan->call->findings;

  for (size_t i = first; i < from->n; i++) {
    const struct vl_finding *f = &from->items[i];
    struct vl_report report = {
      .severity = f->severity,
      .err = f->err,
      .code = f->code,
      .plugin = f->plugin,
      .property = f->property,
      .origin = f->origin,
      .path = f->path,
    };
    size_t before = app->call->findings.n;

    vl_report (app->call, &report, "%s", f->message);
    if (f->hint && app->call->findings.n > before)
      vl_hint (app->call, "%s", f->hint);
  }
}

struct vl_plan *
vl_plan_build (struct vl_app *app, struct vl_request *request, struct vl_plugin *driver,
               const struct vl_host *host, int check_schema)
{
  struct vl_plan *plan = vl_plan_new (app);
  struct vl_build *build = &plan->build;
  int64_t since = vl_now ();

  plan->request = request;
  build->host = host;
  build->check_schema = check_schema;
  /* What a build looks at is recorded with the plan, in the facts themselves. */
  vl_host_forget_use ((struct vl_host *)host);
  plan->call->phase = VL_PHASE_PARSE;
  build->guest = vl_guest_new (plan->call, app->registry, app->config, driver, request, host);
  vl_build_time (build, vl_phase_name (VL_PHASE_PARSE), "core", since);
  plan->call->phase = VL_PHASE_NONE;
  vl_build_ready (plan->call, app->registry, driver, host);
  plan->ok = vl_build_run (build) == 0;
  if (plan->ok)
    plan->provenance =
        vl_doc_provenance (plan->call, build->doc, build->guest, &plan->n_provenance);
  hand_over_findings (app, plan, 0);
  return plan;
}

int
vl_plan_check_schema (struct vl_app *app, struct vl_plan *plan)
{
  size_t first = plan->call->findings.n;
  int result;

  plan->call->phase = VL_PHASE_SCHEMA;
  result = vl_doc_check_schema (plan->call, plan->build.doc, plan->build.host);
  plan->call->phase = VL_PHASE_NONE;
  hand_over_findings (app, plan, first);
  return result;
}

int
vl_plan_check_use (struct vl_app *app, struct vl_plan *plan)
{
  size_t first = plan->call->findings.n;

  for (size_t i = 0; i < plan->build.n_claims; i++) {
    struct vl_claim_info *claim = &plan->build.claims[i];
    struct vl_report report = {
      .severity = VL_SEV_ERROR,
      .err = VL_ERR_UNSUPPORTED,
      .code = "ComputeResourcesUnavailable",
      .plugin = claim->plugin,
    };

    claim->used = vl_store_claimed (app, claim->resource);
    if (claim->used < 0 || claim->used + claim->amount <= claim->total)
      continue;
    vl_report (
        plan->call, &report, "the guest needs %lld of '%s'; %lld of the host's %lld are in use",
        (long long)claim->amount, claim->resource, (long long)claim->used, (long long)claim->total);
    vl_hint (plan->call, "delete a server that holds some, or use another host");
    plan->ok = 0;
  }
  hand_over_findings (app, plan, first);
  return plan->ok ? 0 : -1;
}

int
vl_plan_request (struct vl_app *app, const char *text, size_t length, const char *origin,
                 struct vl_plan **plan)
{
  struct vl_request *request = NULL;
  struct vl_plugin *driver = vl_app_driver_plugin (app);
  const struct vl_host *host = driver ? vl_app_host (app) : NULL;
  const char *state = vl_app_state_dir (app);

  *plan = NULL;
  if (driver && host && state)
    request = vl_request_read (app->call, text, length, origin);
  if (request == NULL) {
    *plan = vl_plan_new (app);
    return -1;
  }
  if (request->state_dir == NULL)
    request->state_dir = vl_arena_strdup (request->arena, state);
  *plan = vl_plan_build (app, request, driver, host, 1);
  return vl_plan_check_use (app, *plan);
}

void
vl_plan_free (struct vl_plan *plan)
{
  if (plan == NULL)
    return;
  vl_doc_free (plan->build.doc);
  free (plan->build.claims);
  free (plan->build.timings);
  vl_request_free (plan->request);
  vl_call_free (plan->call);
  free (plan);
}

/* ---- looking at it ---- */

const char *
vl_plan_xml (const struct vl_plan *plan)
{
  return plan->ok ? vl_doc_xml (plan->build.doc) : NULL;
}

size_t
vl_plan_n_provenance (const struct vl_plan *plan)
{
  return plan->n_provenance;
}

const struct vl_provenance *
vl_plan_provenance (const struct vl_plan *plan, size_t i)
{
  return i < plan->n_provenance ? &plan->provenance[i] : NULL;
}

size_t
vl_plan_n_claims (const struct vl_plan *plan)
{
  return plan->build.n_claims;
}

const struct vl_claim_info *
vl_plan_claim (const struct vl_plan *plan, size_t i)
{
  return i < plan->build.n_claims ? &plan->build.claims[i] : NULL;
}

static size_t
is_active (const struct vl_guest *guest, size_t i)
{
  return guest->active && guest->active[i] && ! guest->failed[i];
}

size_t
vl_plan_n_active (const struct vl_plan *plan)
{
  const struct vl_guest *guest = plan->build.guest;
  size_t n = 0;

  for (size_t i = 0; guest && i < guest->registry->n; i++)
    n += is_active (guest, i);
  return n;
}

const char *
vl_plan_active (const struct vl_plan *plan, size_t i, const char **why)
{
  const struct vl_guest *guest = plan->build.guest;

  for (size_t k = 0; guest && k < guest->registry->n; k++)
    if (is_active (guest, k) && i-- == 0) {
      *why = vl_active_why (guest, k);
      return guest->registry->plugins[k]->name;
    }
  return NULL;
}

size_t
vl_plan_n_timings (const struct vl_plan *plan)
{
  return plan->build.n_timings;
}

const char *
vl_plan_timing (const struct vl_plan *plan, size_t i, const char **phase, int64_t *ns)
{
  if (i >= plan->build.n_timings)
    return NULL;
  *phase = plan->build.timings[i].phase;
  *ns = plan->build.timings[i].ns;
  return plan->build.timings[i].plugin;
}
