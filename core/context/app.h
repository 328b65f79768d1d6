/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One session of an application: configuration, plugins, host, STATE. */

#ifndef VL_CORE_APP_H
#define VL_CORE_APP_H

#include "context/call.h"
#include "plugin/conf.h"
#include "plugin/registry.h"

struct vl_store; /* core/server */

struct vl_app {
  struct vl_app_options options; /* texts owned by the arena of call */
  struct vl_places places;
  struct vl_call *call; /* lives as long as the application */
  struct vl_config *config;
  struct vl_registry *registry;
  struct vl_plugin *driver; /* chosen and loaded, or NULL */
  struct vl_conn *conn;     /* the driver's connection, or NULL */
  struct vl_host *host;     /* NULL until asked for */
  const char *state_dir;    /* NULL until asked for */
  struct vl_store *store;   /* NULL until asked for */
};

/* core/server/app.c */
struct vl_plugin *
vl_app_driver_plugin (struct vl_app *app); /* chosen, loaded; NULL after a finding */
struct vl_plugin *vl_app_driver_named (struct vl_app *app, const char *name); /* a server's own */
/* Opens the driver on STATE; one connection is kept per application. */
struct vl_conn *vl_app_conn (struct vl_app *app, struct vl_plugin *driver);
struct vl_store *vl_app_store (struct vl_app *app);
struct vl_host *vl_app_host_of (struct vl_app *app, struct vl_plugin *driver);

#endif
