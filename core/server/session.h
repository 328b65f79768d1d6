/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One session of an application: configuration, plugins, STATE, and the drivers
 * that were opened, each with its connection and its host. */

#ifndef VL_CORE_SESSION_H
#define VL_CORE_SESSION_H

#include "host/host.h"
#include "plugin/conf.h"
#include "plugin/registry.h"

struct vl_store; /* server/db.h */

struct vl_open_driver {
  struct vl_plugin *plugin;
  struct vl_conn *conn; /* NULL: not connected */
  struct vl_host *host; /* NULL: not asked for */
};

struct vl_app {
  struct vl_app_options options; /* texts owned by the arena of call */
  struct vl_places places;
  struct vl_call *call; /* lives as long as the application */
  struct vl_config *config;
  struct vl_registry *registry;
  struct vl_plugin *driver; /* chosen and loaded, or NULL */
  struct vl_open_driver *drivers;
  size_t n_drivers, drivers_size;
  const char *state_dir;                                  /* NULL until asked for */
  struct vl_store *store;                                 /* NULL until asked for */
  int recovered;                                          /* dead operations were looked for */
  void (*on_process) (void *, const struct vl_process *); /* or NULL */
  void *process_opaque;
};

/* ---- app.c ---- */
/* STATE as a folder that exists, with its subfolders; NULL after a finding. */
const char *vl_state_make (struct vl_app *app);
struct vl_store *vl_app_store (struct vl_app *app);
/* The store if there is one: 0 with *STORE, NULL where STATE has none yet; -1
 * after a finding.  Makes nothing. */
int vl_app_store_if_any (struct vl_app *app, struct vl_store **store);
/* Errors from finding FIRST on become warnings: they are not about what was
 * asked for. */
void vl_soften (struct vl_call *call, size_t first);

/* ---- app-driver.c ---- */
/* The driver that was chosen, loaded; NULL after a finding. */
struct vl_plugin *vl_app_driver_plugin (struct vl_app *app);
/* A server's own driver. */
struct vl_plugin *vl_app_driver_named (struct vl_app *app, const char *name);
/* Opens the driver on STATE; one connection is kept per application. */
struct vl_conn *vl_app_conn (struct vl_app *app, struct vl_plugin *driver);
struct vl_host *vl_app_host_of (struct vl_app *app, struct vl_plugin *driver);
/* Closes every connection. */
void vl_app_disconnect (struct vl_app *app);
/* The candidates of `auto`, best first; the first usable one, or NULL, *WHY
 * saying of each why not (arena memory). */
struct vl_plugin *vl_driver_auto (struct vl_app *app, const char **why);
/* The driver that settings name, or "auto". */
const char *vl_driver_wanted (struct vl_app *app);

#endif
