/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Running the phases; what build.c and activate.c share. */

#ifndef VL_CORE_BUILD_H
#define VL_CORE_BUILD_H

#include "domain/doc.h"

/* Writes down how long PHASE of PLUGIN took since then, where builds are timed.  The time
 * now, for the next; with PHASE NULL that is all. */
int64_t vl_build_time (struct vl_build *build, const char *phase, const char *plugin,
                       int64_t since);

/* Decides guest->active: what features say of themselves, what they wake, need
 * and exclude. */
void vl_build_activate (struct vl_build *build);

/* Findings from number FIRST on, by plugin: a phase says the same whatever the
 * order in which features were called. */
void vl_findings_sort (struct vl_call *call, size_t first);

#endif
