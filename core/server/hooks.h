/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What plugins do beside a build: they permit, prepare, release and are told events, all
 * of a server as it is on record and of the host as it is today.  Internal to
 * core/server. */

#ifndef VL_CORE_HOOKS_H
#define VL_CORE_HOOKS_H

#include "server/stored.h"

/* A server that plugins are called about. */
struct vl_hooks {
  struct vl_app *app;
  const struct vl_record *record;
  struct vl_plugin *driver;
  struct vl_stored *stored;
  struct vl_guest *guest; /* made of STORED */
  const struct vl_host *host;
};

/* Fills HOOKS, whose first three members are set, from the document ROLE.  0, or -1 after
 * findings.  vl_hooks_free in either case. */
int vl_hooks_load (struct vl_hooks *hooks, const char *role);
void vl_hooks_free (struct vl_hooks *hooks);

/* Asks the active features, and every loaded one that is critical or a policy, whether OP
 * may be done, so that all that stands against it is said.  ANYWAY: a feature whose
 * values on record its module does not take any more is passed over.
 * 0, or -1 after findings. */
int vl_hooks_permit (const struct vl_hooks *hooks, enum vl_op op, int anyway);
/* Findings from number FIRST on, which stood against WORD ("stop"), become warnings; that
 * they were overruled is recorded.  0, or -1 after a finding. */
int vl_hooks_overrule (const struct vl_hooks *hooks, const char *word, size_t first);

/* Calls prepare of the active features, one after another up to the first that fails.
 * Each is on record before it is called, until it is released.  0 or -1. */
int vl_hooks_prepare (const struct vl_hooks *hooks);
/* Whose release can be called now for SERVER? */
enum vl_holding {
  VL_HOLDING_NONE,    /* nobody holds anything */
  VL_HOLDING_ABSENT,  /* only plugins that are not there do */
  VL_HOLDING_PRESENT, /* at least one that is there does */
};
enum vl_holding vl_hooks_holding (struct vl_app *app, const char *server);
/* The guest of RECORD's server is gone: calls release of every feature that was prepared
 * or keeps something, the last in byte order first, and forgets what it kept.  Where one
 * fails or is not there the others are called all the same.  VL_HOLDING_NONE; where
 * something is left, _PRESENT after errors, else _ABSENT after a warning for each plugin. */
enum vl_holding vl_hooks_release (struct vl_app *app, const struct vl_record *record);
/* Forgets with a warning what PLUGIN keeps of RECORD's server, so that nobody waits for
 * it.  0, or -1 after a finding where that is nothing. */
int vl_hooks_abandon (struct vl_app *app, const struct vl_record *record, const char *plugin);

/* Inside a transaction: EVENT has happened to SERVER. */
int vl_event_add (struct vl_store *store, const char *server, enum vl_event event);
/* Tells what no plugin was told yet, of all servers that nobody works on.  What goes
 * wrong is a warning. */
void vl_events_tell (struct vl_app *app);

#endif
