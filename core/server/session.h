/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a session keeps beyond vl_app: the drivers it opened, each with its
 * connection and its host.  Internal to core/server. */

#ifndef VL_CORE_SESSION_H
#define VL_CORE_SESSION_H

#include "context/app.h"
#include "host/host.h"

struct vl_open_driver {
  struct vl_plugin *plugin;
  struct vl_conn *conn; /* NULL: not connected */
  struct vl_host *host; /* NULL: not asked for */
};

struct vl_session {
  struct vl_app app; /* first: every vl_app is one of these */
  struct vl_open_driver *drivers;
  size_t n, size;
  int recovered; /* dead operations were looked for */
};

/* STATE as a folder that exists, with its subfolders; NULL after a finding. */
const char *vl_state_make (struct vl_app *app);
/* The store if there is one: 0 with *STORE, NULL where STATE has none yet; -1
 * after a finding.  Makes nothing. */
int vl_app_store_if_any (struct vl_app *app, struct vl_store **store);
/* Closes every connection. */
void vl_app_disconnect (struct vl_app *app);
/* The candidates of `auto`, best first; the first usable one, or NULL, *WHY
 * saying of each why not (arena memory). */
struct vl_plugin *vl_driver_auto (struct vl_app *app, const char **why);
/* The driver that settings name, or "auto". */
const char *vl_driver_wanted (struct vl_app *app);
/* Errors from finding FIRST on become warnings: they are not about what was
 * asked for. */
void vl_soften (struct vl_call *call, size_t first);

#endif
