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

#include <time.h>

/* How long the build that is recorded may take. */
#define RECORD_SECONDS 1

struct vl_plan *
vl_plan_new (struct vl_app *app)
{
  struct vl_plan *plan = VL_NEW (struct vl_plan);

  plan->call = vl_call_new ();
  plan->call->quiet = app->call->quiet;
  plan->call->verbose = app->call->verbose;
  plan->call->tree = app->call->tree;
  plan->call->progress = app->call->progress;
  plan->call->progress_opaque = app->call->progress_opaque;
  plan->call->on_fact = app->call->on_fact;
  plan->call->on_fact_opaque = app->call->on_fact_opaque;
  plan->build.call = plan->call;
  return plan;
}

/* Findings from number FIRST up to END of CALL, kept as they are. */
static void
copy_findings (struct vl_call *to, const struct vl_call *from, size_t first, size_t end)
{
  for (size_t i = first; i < end; i++) {
    const struct vl_finding *f = &from->findings.items[i];
    struct vl_report report = {
      .severity = f->severity,
      .err = f->err,
      .code = f->code,
      .plugin = f->plugin,
      .property = f->property,
      .origin = f->origin,
      .path = f->path,
      .hint = f->hint,
    };

    vl_report (to, &report, "%s", f->message);
  }
}

/* All findings of PLAN become the application's. */
static void
tell_findings (struct vl_app *app, struct vl_plan *plan)
{
  plan->told_first = app->call->findings.n;
  copy_findings (app->call, plan->call, 0, plan->call->findings.n);
  plan->told_end = app->call->findings.n;
}

/* Builds PLAN of its request, a second time where there is a FIRST. */
static void
build_plan (struct vl_app *app, struct vl_plan *plan, struct vl_plugin *driver,
            const struct vl_recorded *was, const struct vl_plan *first)
{
  struct vl_build *build = &plan->build;
  struct vl_call *call = plan->call;
  int64_t since;

  build->timed = app->options.timed || call->deadline;
  since = vl_build_time (build, NULL, NULL, 0);
  call->here = app->options.host_file == NULL;
  call->phase = VL_PHASE_PARSE;
  build->guest =
      vl_guest_new (call, app->registry, app->config, driver, plan->request, build->host);
  build->guest->was = was;
  vl_build_time (build, vl_phase_name (VL_PHASE_PARSE), "core", since);
  call->phase = VL_PHASE_NONE;
  if (vl_holdings_load (app, driver, plan->request->uuid, call->arena, &call->holdings) < 0)
    return;
  build->ready_first = call->findings.n;
  if (first)
    copy_findings (call, first->call, first->build.ready_first, first->build.ready_end);
  else
    vl_build_ready (call, app->registry, driver, build->host);
  build->ready_end = call->findings.n;
  plan->ok = vl_build_run (build) == 0;
}

struct vl_plan *
vl_plan_build (struct vl_app *app, struct vl_request *request, struct vl_plugin *driver,
               const struct vl_host *host, const struct vl_recorded *was, int check_schema)
{
  struct vl_plan *plan = vl_plan_new (app);

  plan->request = request;
  plan->build.host = host;
  plan->build.check_schema = check_schema;
  /* What a build looks at is recorded with the plan, in the facts themselves. */
  vl_host_forget_use ((struct vl_host *)host);
  build_plan (app, plan, driver, was, NULL);
  tell_findings (app, plan);
  return plan;
}

/* All of PLAN but its request. */
static void
free_build (struct vl_plan *plan)
{
  vl_doc_free (plan->build.doc);
  free (plan->build.claims);
  free (plan->build.totals);
  free (plan->build.timings);
  vl_call_free (plan->call);
}

int
vl_plan_again (struct vl_app *app, struct vl_plan *plan)
{
  struct vl_plan *fresh = vl_plan_new (app);
  const struct vl_guest *guest = plan->build.guest;
  int anew;

  fresh->request = plan->request;
  fresh->build.host = plan->build.host;
  fresh->call->told = plan->call->answers;
  fresh->call->deadline = clock () + (clock_t)RECORD_SECONDS * CLOCKS_PER_SEC;
  build_plan (app, fresh, guest->driver, guest->was, plan);
  fresh->call->told = NULL;
  fresh->call->answers = NULL;
  fresh->call->deadline = 0;
  /* What was judged is judged again where it is not the same. */
  fresh->build.check_schema = plan->build.check_schema;
  anew = fresh->ok && plan->ok && plan->build.check_schema
         && ! VL_STREQ (vl_doc_xml (fresh->build.doc), vl_doc_xml (plan->build.doc));
  vl_findings_drop (app->call, plan->told_first, plan->told_end);
  free_build (plan);
  *plan = *fresh;
  plan->call->build = &plan->build;
  free (fresh);
  tell_findings (app, plan);
  return plan->ok && (! anew || vl_plan_check_schema (app, plan) == 0) ? 0 : -1;
}

int
vl_plan_check_schema (struct vl_app *app, struct vl_plan *plan)
{
  size_t first = plan->call->findings.n, errors = plan->call->findings.n_errors;

  plan->call->phase = VL_PHASE_SCHEMA;
  vl_doc_check_schema (&plan->build);
  plan->call->phase = VL_PHASE_NONE;
  copy_findings (app->call, plan->call, first, plan->call->findings.n);
  return plan->call->findings.n_errors > errors ? -1 : 0;
}

/* Advises that what PLAN chose is not kept for it.  0, or -1 where the plan had failed. */
static int
tell_choices (struct vl_app *app, const struct vl_plan *plan)
{
  VL_AUTOSTR struct vl_str pools = { 0 };
  const char *last = "";

  for (size_t i = 0; i < plan->build.n_claims; i++) {
    const struct vl_claim_info *claim = &plan->build.claims[i];

    if (! claim->provisional || VL_STREQ (claim->resource, last))
      continue;
    last = claim->resource;
    vl_str_printf (&pools, "%s%s", pools.length ? ", " : "", last);
  }
  if (plan->ok && pools.length && plan->call->holdings)
    vl_advise (app->call, NULL, NULL,
               "what the plan took of %s is what is free now; it is chosen when the server is made",
               pools.text);
  return plan->ok ? 0 : -1;
}

/* The refusal of PLUGIN, told as a warning so far, stands in the way now. */
static void
harden (struct vl_call *call, const struct vl_plugin *plugin)
{
  struct vl_report report = {
    .severity = VL_SEV_ERROR, .err = VL_ERR_REFUSED, .plugin = plugin->name, .origin = plugin->conf
  };
  struct vl_finding *last = NULL;

  for (size_t i = 0; i < call->findings.n; i++) {
    struct vl_finding *finding = &call->findings.items[i];

    if (! VL_STREQ (finding->plugin, plugin->name)
        || (finding->err != VL_ERR_REFUSED && finding->err != VL_ERR_CONFLICT))
      continue;
    call->findings.n_errors += finding->severity == VL_SEV_WARNING;
    finding->severity = VL_SEV_ERROR;
    finding->err = VL_ERR_REFUSED;
    last = finding;
  }
  vl_findings_moved (call);
  if (last == NULL) {
    vl_report (call, &report, "%s", plugin->reason);
    last = &call->findings.items[call->findings.n - 1];
  }
  if (last->hint == NULL)
    last->hint =
        vl_printf (call, "mend it; or, if guests may be made without it: virtloom %s disable %s",
                   plugin->kind == VL_KIND_DRIVER ? "driver" : "feature", plugin->name);
}

int
vl_plan_check_critical (struct vl_app *app, struct vl_plan *plan)
{
  for (size_t i = 0; i < app->registry->n; i++)
    if (app->registry->plugins[i]->critical
        && app->registry->plugins[i]->state == VL_PLUGIN_REFUSED) {
      harden (app->call, app->registry->plugins[i]);
      plan->ok = 0;
    }
  return plan->ok ? 0 : -1;
}

int
vl_plan_finish (struct vl_app *app, struct vl_plan *plan, const char *name)
{
  int bad = plan->call->here ? vl_server_judge_free (app, plan->request->uuid, name) : 0;

  plan->ok = plan->ok && bad == 0;
  return vl_plan_check_critical (app, plan) < 0 || vl_plan_volumes_judge (app, plan) < 0
             ? -1
             : tell_choices (app, plan);
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
  *plan = vl_plan_build (app, request, driver, host, NULL, 1);
  return vl_plan_finish (app, *plan, NULL);
}

void
vl_plan_free (struct vl_plan *plan)
{
  if (plan == NULL)
    return;
  vl_request_free (plan->request);
  free_build (plan);
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
  struct vl_plan *own = (struct vl_plan *)plan;
  const struct vl_guest *guest = plan->build.guest;

  /* Most plans are never explained, and a quarter of the time would go there. */
  if (plan->ok && plan->provenance == NULL)
    own->provenance = vl_doc_provenance (plan->call, plan->build.doc, guest->registry, guest, 0,
                                         &own->n_provenance);
  return plan->n_provenance;
}

const struct vl_provenance *
vl_plan_provenance (const struct vl_plan *plan, size_t i)
{
  return i < vl_plan_n_provenance (plan) ? &plan->provenance[i] : NULL;
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
vl_plan_n_disks (const struct vl_plan *plan)
{
  return plan->build.guest ? plan->build.guest->n_disks : 0;
}

const struct vl_disk *
vl_plan_disk (const struct vl_plan *plan, size_t i)
{
  return i < vl_plan_n_disks (plan) ? &plan->build.guest->disks[i] : NULL;
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
