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
  struct vl_provenance *provenance;
  size_t n_provenance;
  int ok;
};
/* An empty plan: what is asked for is known to have failed before there was a
 * request, its findings are the application's already. */
struct vl_plan *vl_plan_new (struct vl_app *app);
/* Checks the document of PLAN, built without that, by the schema.  0, or -1 with
 * findings in the application's context. */
int vl_plan_check_schema (struct vl_app *app, struct vl_plan *plan);
/* Builds the plan of REQUEST (taken) for DRIVER on HOST; findings are moved to
 * the application's context. */
struct vl_plan *vl_plan_build (struct vl_app *app, struct vl_request *request,
                               struct vl_plugin *driver, const struct vl_host *host,
                               int check_schema);
/* Holds the claims of a new guest's PLAN against what live servers hold, and
 * notes that in the claims.  0, or -1 with findings in the application's context,
 * also where the plan had failed before.  A server that exists already holds its
 * own: its plans are not asked. */
int vl_plan_check_use (struct vl_app *app, struct vl_plan *plan);

#endif
