/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Plans, for the rest of the core. */

#ifndef VL_CORE_PLAN_H
#define VL_CORE_PLAN_H

#include "context/app.h"
#include "domain/doc.h"

/* Holds the claims of a new guest's PLAN against what live servers hold, and
 * notes that in the claims.  0, or -1 with findings in the application's context,
 * also where the plan had failed before.  A server that exists already holds its
 * own: its plans are not asked. */
int vl_plan_check_use (struct vl_app *app, struct vl_plan *plan);

#endif
