/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Running outside tools: one wrapper with limits, a clean environment and a
 * deadline, so that neither a hostile image nor a hung tool holds us up. */

#ifndef VL_CORE_TOOL_H
#define VL_CORE_TOOL_H

#include "context/call.h"

/* How a tool names the descriptor that it was handed. */
#define VL_TOOL_FD_PATH "/proc/self/fd/3"

struct vl_tool {
  const char *const *argv; /* absolute program first, NULL-terminated */
  unsigned deadline;       /* seconds, of wall clock and of CPU */
  int fd;                  /* is VL_TOOL_FD_PATH in the tool; -1: none */
};

struct vl_tool_answer {
  const char *out;     /* stdout, arena memory, never NULL */
  const char *problem; /* of a failure: what happened, in a few words */
  int no_space;        /* the failure was a full disk */
};

/* Runs TOOL without recording a finding.  0 if it exited with 0, else -1. */
int vl_tool_try (struct vl_call *call, const struct vl_tool *tool, struct vl_tool_answer *answer);
/* vl_tool_run with a descriptor handed over. */
int vl_tool_run_on (struct vl_call *call, const char *const *argv, unsigned deadline, int fd,
                    const char **out);
/* The absolute path of NAME in the system's own folders (the environment has
 * no say), or NULL. */
const char *vl_tool_find (struct vl_call *call, const char *name);
/* The same; NULL after a finding that names the Debian PACKAGE. */
const char *vl_tool_need (struct vl_call *call, const char *name, const char *package);
/* What inspecting an image may take, for the whole process: seconds of CPU and
 * GiB of address space; 0 leaves one as it is. */
void vl_tool_set_limits (unsigned seconds, unsigned gib);
unsigned vl_tool_inspect_time (void);
/* A deadline for reading or writing BYTES once, seconds. */
unsigned vl_tool_time_for (int64_t bytes);

#endif
