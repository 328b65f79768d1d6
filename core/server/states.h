/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The state machine of servers: statuses, operations, events.  docs/states.md is made of it by
 * build-aux/states, and tests/test-state-machine.sh tries each pair.  Internal to core/server. */

#ifndef VL_CORE_STATES_H
#define VL_CORE_STATES_H

#include <virtloom/driver.h>

/* What is done to a server that exists: one row for each. */
struct vl_operation {
  const char *word; /* as it is on record: "hard reboot" */
  /* The statuses of servers that it is for, "ACTIVE, PAUSED"; "any", or "not BUILD, DELETING". */
  const char *from;
  /* What they are then: one status for all, or as many as FROM has, in that order; "" as the guest
   * is then; NULL as before. */
  const char *to;
  enum vl_op op;       /* what features are asked about; 0: they are not */
  enum vl_event event; /* what happens when it is done, or 0 */
};

/* What has happened if a server that WAS on record is IS: its guest acted by itself. */
struct vl_happening {
  const char *was, *is, *word;
  enum vl_event event;
};

/* The row of WORD, NULL where there is none. */
const struct vl_operation *vl_operation_find (const char *word);
/* The verb of `virtloom server` that does WORD, as the history and refusals call it; WORD itself
 * where that is one, or nobody's. */
const char *vl_operation_verb (const char *word);
/* Is OPERATION for servers that are STATUS? */
int vl_operation_is_for (const struct vl_operation *operation, const char *status);
/* Is STATUS one that OPERATION, which says so, leads to? */
int vl_operation_leads_to (const struct vl_operation *operation, const char *status);
/* NULL where that is nothing to be told. */
const struct vl_happening *vl_happening_find (const char *was, const char *is);

/* What helps SERVER, a word of the shell, which is STATUS out of it: a command, and maybe what else
 * does; NULL where nothing has to. */
const char *vl_status_way_out (struct vl_call *call, const char *status, const char *server);
/* What the user is shown, from what is on RECORD and what the driver says. */
const char *vl_status_of (const char *recorded, enum vl_state state, int known);
const char *vl_power_state_name (enum vl_state state);

#endif
