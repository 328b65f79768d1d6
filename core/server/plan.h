/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Plans. */

#ifndef VL_CORE_PLAN_H
#define VL_CORE_PLAN_H

#include "domain/doc.h"
#include "server/session.h"

/* A plan, as virtloom.h shows it. */
struct vl_plan {
  struct vl_call *call; /* its own, with the build's memory and findings */
  struct vl_request *request;
  struct vl_build build;
  struct vl_provenance *provenance; /* NULL until it is asked for */
  size_t n_provenance;
  size_t told_first, told_end; /* the findings as they were handed to the application */
  int ok;
};
/* An empty plan: what is asked for is known to have failed before there was a
 * request, its findings are the application's already. */
struct vl_plan *vl_plan_new (struct vl_app *app);
/* Checks the document of PLAN, built without that, by the schema.  0, or -1 with
 * findings in the application's context. */
int vl_plan_check_schema (struct vl_app *app, struct vl_plan *plan);
/* Builds the plan of REQUEST (taken) for DRIVER on HOST, of a server that is WAS on record
 * (borrowed; NULL: it is new); findings are moved to
 * the application's context. */
struct vl_plan *vl_plan_build (struct vl_app *app, struct vl_request *request,
                               struct vl_plugin *driver, const struct vl_host *host,
                               const struct vl_recorded *was, int check_schema);
/* No guest may be made where a critical plugin was refused: PLAN is none then.  0, or -1
 * with findings, also where the plan had failed before. */
int vl_plan_check_critical (struct vl_app *app, struct vl_plan *plan);
/* Builds PLAN, which is made, anew in its place: with what servers hold now, inside the
 * transaction that records it, so that no driver is called and the build has a second.
 * Its findings take the place of the first build's.  0 or -1. */
int vl_plan_again (struct vl_app *app, struct vl_plan *plan);
/* Opens the volumes of PLAN that are on this machine, and judges them as each start of a server
 * does.  0, or -1 with findings, and PLAN has failed. */
int vl_plan_volumes_judge (struct vl_app *app, struct vl_plan *plan);
/* The end of a PLAN of which no server is made: judges critical plugins, volumes, and whether uuid
 * and NAME (NULL: not asked) are free, and advises that what was chosen is not kept for it.  0, or
 * -1 where the plan has failed. */
int vl_plan_finish (struct vl_app *app, struct vl_plan *plan, const char *name);

#endif
