/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A plugin that is being called about a server on record: which server, and what it has
 * taken until the callback returns.  Internal to core/server. */

#ifndef VL_CORE_ACTING_H
#define VL_CORE_ACTING_H

#include "server/hooks.h"
#include "server/lock.h"

struct vl_acting {
  const struct vl_hooks *hooks;
  struct vl_lock *locks;
  size_t n, size;
};

/* hooks.c: calls PLUGIN in PHASE, which says which callback; WHAT is the vl_op or
 * vl_event.  Prepare and release run for one server at a time.  0, or -1 after
 * findings. */
int vl_hooks_call (const struct vl_hooks *hooks, struct vl_plugin *plugin, enum vl_phase phase,
                   int what);
/* hooks.c: why feature NAME cannot be called: "is not installed", "is not enabled", "was
 * refused: ..."; NULL: it can. */
const char *vl_feature_absent (struct vl_app *app, const char *name);

/* Takes lock NAME of STATE/locks, once, until vl_acting_end.  0, or -1 after a finding. */
int vl_acting_lock (struct vl_acting *acting, const char *name);
void vl_acting_end (struct vl_acting *acting);
/* Writes down that PLUGIN keeps TEXT (NULL: nothing any more) under KEY.  0 or -1. */
int vl_kept_write (const struct vl_hooks *hooks, const struct vl_plugin *plugin, const char *key,
                   const char *text);

#endif
