/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What has to be done from time to time, and by nobody else. */

#include <config.h>

#include "server/hooks.h"
#include "server/method.h"
#include "server/undo.h"

#include <virtloom/virtloom.h>

#include <time.h>

struct tending {
  struct vl_app *app;
  int (*fn) (void *, const char *);
  void *opaque;
};

static int
pass_over (void *opaque, const struct vl_server_info *server)
{
  (void)opaque;
  (void)server;
  return 0;
}

/* The command that rebooted SERVER died, and its guest went off, and nobody has started it since. */
#define STUCK                                                                                      \
  "SELECT name, uuid FROM server WHERE status = 'SHUTOFF' AND locked IS NULL AND EXISTS (SELECT "  \
  "1 "                                                                                             \
  "FROM action WHERE action.server = server.uuid AND action = 'reboot' AND result = "              \
  "'interrupted' AND at <= ?1 AND n = (SELECT max (n) FROM action WHERE action.server = "          \
  "server.uuid AND user IS NOT NULL)) ORDER BY name"

/* Nova's _poll_rebooting_instances: the driver's own, then a soft reboot that is older than the
 * timeout becomes a hard one. */
static int
poll_reboots (struct tending *t, uint32_t timeout)
{
  struct vl_app *app = t->app;
  struct {
    const char *name, *uuid;
  } * rows;
  const char **drivers;
  int bad = 0;
  size_t n;

  if (vl_db_rows (app->store, &drivers, &n, "SELECT DISTINCT driver FROM server ORDER BY driver",
                  "")
      < 0)
    return -1;
  for (size_t i = 0; i < n; i++) {
    struct vl_plugin *driver = vl_app_driver_named (app, drivers[i]);

    if (driver == NULL
        || (VL_CALL_FN (driver, power, poll_rebooting_instances)
            && VL_CALL (app, driver, power, poll_rebooting_instances, timeout) < 0))
      bad = -1;
  }
  if (vl_db_rows (app->store, &rows, &n, STUCK, "s",
                  vl_time_text (app->call, time (NULL) - (time_t)timeout))
      < 0)
    return -1;
  for (size_t i = 0; i < n; i++)
    if (vl_server_act (app, rows[i].uuid, VL_SERVER_REBOOT_HARD, 0, 0) < 0
        || t->fn (t->opaque, rows[i].name))
      bad = -1;
  return bad;
}

int
vl_host_tend (struct vl_app *app, int (*fn) (void *, const char *), void *opaque)
{
  struct tending t = { app, fn, opaque };
  int64_t timeout = vl_config_int (app->config, "reboot_timeout");
  VL_AUTOLOCK struct vl_lock lock = VL_LOCK_NONE;
  struct vl_store *store;
  int result;

  if (vl_app_store_if_any (app, &store) < 0)
    return -1;
  if (store == NULL)
    return 0;
  result = vl_lock_take (app, "locks", "tend", 0, &lock);
  if (result != 0)
    return result;
  /* This mends and notices, too, and warns of guests and folders without a record. */
  result = vl_server_each (app, pass_over, NULL);
  vl_state_warn (app, "images", 0);
  if (vl_image_cache_manage (app, 0, NULL, NULL) < 0)
    result = -1;
  if (timeout > 0 && poll_reboots (&t, (uint32_t)timeout) < 0)
    result = -1;
  vl_events_tell (app);
  return result;
}
