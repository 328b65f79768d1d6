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
  const char *state_dir;  /* NULL until asked for */
  struct vl_store *store; /* NULL until asked for */
  int recovered;          /* dead operations were looked for */
  enum vl_severity told;  /* the least of the findings that a user is told */
  const char *accepted;   /* the object of which what is not proven is removed, or NULL */
  void (*on_process) (void *, const struct vl_process *); /* or NULL */
  void *process_opaque;
  struct vl_lock *console; /* of the serial console that is held, or NULL */
};

/* ---- app.c ---- */
/* PATH from the working folder on, in memory of ARENA. */
const char *vl_path_absolute (struct vl_arena *arena, const char *path);
/* STATE as a folder that exists, with its subfolders; NULL after a finding. */
const char *vl_state_make (struct vl_app *app);
struct vl_store *vl_app_store (struct vl_app *app);
/* A new one, whatever lies beside it. */
struct vl_store *vl_app_store_anew (struct vl_app *app);
/* The store if there is one: 0 with *STORE, NULL where STATE has none yet; -1
 * after a finding.  Makes nothing. */
int vl_app_store_if_any (struct vl_app *app, struct vl_store **store);
/* Errors from finding FIRST on become warnings: they are not about what was
 * asked for. */
void vl_soften (struct vl_call *call, size_t first);

/* ---- state.c ---- */
/* STATE has a file that is nothing but room.  A deletion uses it where there is no other,
 * before it opens the store, and whoever writes puts it back where there is room again. */
void vl_reserve_use (struct vl_app *app);
void vl_reserve_keep (struct vl_app *app);
/* A copy of the store, where the last is older than a day.  What goes wrong is a warning. */
void vl_state_backup_daily (struct vl_app *app);
/* PATH is where a store should be, and is none, or an empty file.  0; -1 after a finding where
 * there are servers or images beside it. */
int vl_state_lost (struct vl_call *call, const char *path);
/* Each uuid that names something in FOLDER ("servers", "images") of STATE; with OTHERS each name
 * that is none. */
struct vl_strv vl_state_list (const char *state, const char *folder, int others);
/* state-check.c: a warning where FOLDER has what is on no record, and for GUESTS that many
 * of the hypervisor. */
void vl_state_warn (struct vl_app *app, const char *folder, size_t guests);

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

/* ---- facts.c ---- */
/* The facts of this machine as DRIVER sees it.  What the hypervisor says is kept
 * in STATE, and taken from there without a connection while nothing that it
 * rests on has changed; ANEW 1: it is asked all the same.  The rest is looked
 * at each time.  The caller frees; NULL after a finding. */
struct vl_host *vl_facts_probe (struct vl_app *app, struct vl_plugin *driver, int anew);

/* ---- lock.c ---- */
struct vl_lock {
  int fd; /* -1: not held */
  char *path;
};
#define VL_LOCK_NONE                                                                               \
  {                                                                                                \
    -1, NULL                                                                                       \
  }
#define VL_AUTOLOCK __attribute__ ((cleanup (vl_lock_drop)))

/* Seconds for which another command is waited for: on a server without and with
 * options.wait, and on anything else. */
#define VL_LOCK_SERVER 60
#define VL_LOCK_DAY 86400
#define VL_LOCK_OTHER 600
#define vl_lock_seconds(app) ((app)->options.wait ? VL_LOCK_DAY : VL_LOCK_SERVER)
/* Takes the lock of object UUID under KIND ("servers", "images", "locks"), waiting up to WAIT
 * seconds.  0: held.  1: another command holds it (only where WAIT is 0).  -1 after a
 * finding.
 *
 * A driver may let one process in at a time, and for as long as it lives: so the
 * driver is opened first (vl_app_conn), the lock taken second.  Whoever has the
 * lock of a server then needs nothing more that another could hold. */
int vl_lock_take (struct vl_app *app, const char *kind, const char *uuid, unsigned wait,
                  struct vl_lock *lock);
/* Lets go and removes the file. */
void vl_lock_drop (struct vl_lock *lock);
/* Removes the files under KIND whose holder died before it wrote down what it
 * was about to do. */
void vl_lock_sweep (struct vl_app *app, const char *kind);

#endif
