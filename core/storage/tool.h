/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The one place that runs outside programs, confined: the core's own, and those
 * of plugins by their tables (vl_tool_run in <virtloom/tool.h>). */

#ifndef VL_CORE_TOOL_H
#define VL_CORE_TOOL_H

#include "context/call.h"

#include <virtloom/tool.h>

/* As vl_tool_run, of a program that the core itself runs, whatever plugin is running;
 * it reads what tenants made, and may be handed files for writing. */
int vl_tool_core (struct vl_call *call, const struct vl_tool *tool, struct vl_tool_result *result);
/* Runs TOOL as ROW; RESULT->problem says what went wrong.  PROGRAM is its absolute
 * path.  0 if it exited with 0, else -1: without a finding, unless virtloom-confine
 * is missing or not to be trusted (ToolFailed). */
int vl_tool_try (struct vl_call *call, const struct vl_tool_row *row, const char *program,
                 const struct vl_tool *tool, struct vl_tool_result *result);

/* As vl_tool_find; NULL after a finding that names the Debian PACKAGE. */
const char *vl_tool_need (struct vl_call *call, const char *name, const char *package);

/* A deadline in milliseconds for reading or writing BYTES once. */
unsigned vl_tool_time_for (int64_t bytes);

#endif
