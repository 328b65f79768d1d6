/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * After a boot of the host: guests that ran before it are started again, once. */

#include <config.h>

#include "server/record.h"
#include "server/undo.h"

#include "lib/file.h"
#include "lib/text.h"

#include <virtloom/virtloom.h>

#include <time.h>

#define BOOT_ID "/proc/sys/kernel/random/boot_id"

/* When the host was booted, as the history writes times. */
static const char *
boot_time (struct vl_call *call)
{
  struct timespec up;

  clock_gettime (CLOCK_BOOTTIME, &up);
  return vl_time_text (call, time (NULL) - up.tv_sec);
}

static int
resume (struct vl_app *app, const char *name, const char *uuid)
{
  const struct vl_server_info *server = vl_server_find (app, uuid);
  int resized = server && VL_STREQ (server->status, "VERIFY_RESIZE");

  if (server == NULL)
    return -1;
  if (VL_STREQ (server->power_state, "RUNNING") || VL_STREQ (server->power_state, "PAUSED"))
    return 0;
  if (! resized && ! VL_STREQ (server->status, "SHUTOFF"))
    return vl_refuse_as (app->call, VL_ERR_FAILED, "InstanceInvalidState", NULL,
                         vl_printf (app->call, "virtloom server reboot --hard %s",
                                    vl_name_word (app->call->arena, name)),
                         "server \"%s\" was ACTIVE before the host's boot and is %s%s%s", name,
                         server->status, server->fault ? ": " : "",
                         server->fault ? server->fault : "");
  if (vl_server_act (app, uuid, VL_SERVER_BOOT, 0, 0) == 0)
    return 1;
  /* The wish stays: it is tried again by the next call. */
  (void)vl_db_run (app->store,
                   "UPDATE server SET status = 'ACTIVE' WHERE uuid = ? AND status = 'SHUTOFF'", "s",
                   uuid);
  return vl_refuse_as (app->call, VL_ERR_FAILED, "NotStarted", NULL,
                       "the next 'virtloom host resume' tries it again",
                       "server \"%s\" %s before the host's boot and could not be started", name,
                       resized ? "ran" : "was ACTIVE");
}

int
vl_host_resume (struct vl_app *app, int (*fn) (void *, const char *), void *opaque)
{
  struct {
    const char *name, *uuid;
  } * rows;
  VL_AUTOFREE char *boot = NULL;
  struct vl_store *store;
  const char *why;
  size_t n;
  int result, fresh;

  if (! vl_config_bool (app->config, "resume_guests_state_on_host_boot"))
    return 1;
  if (vl_app_store_if_any (app, &store) < 0)
    return -1;
  if (store == NULL)
    return 0;
  boot = vl_file_read (BOOT_ID, 64, NULL, &why);
  if (boot == NULL)
    return vl_refuse (app->call, VL_ERR_FAILED, NULL, NULL, "\"%s\": %s", BOOT_ID, why);
  boot[strcspn (boot, "\n")] = '\0';
  fresh = vl_db_any (store, "SELECT 1 FROM setting WHERE key = 'resumed' AND value = ?", "s", boot);
  if (fresh != 0)
    return fresh < 0 ? -1 : 0;
  vl_recover (app, store);
  /* A record is ACTIVE until somebody looks at the server: what was off since the boot, and
   * nobody has acted on since, ran before it. */
  result =
      vl_db_rows (store, &rows, &n,
                  "SELECT name, uuid FROM server WHERE status = 'ACTIVE' OR (status = 'SHUTOFF'"
                  " AND EXISTS (SELECT 1 FROM action WHERE action.server = server.uuid"
                  " AND action = 'stopped' AND result = 'seen' AND at >= ?1"
                  " AND n = (SELECT max (n) FROM action WHERE action.server = server.uuid)))"
                  /* No command stops one that is to be confirmed: it runs since it was resized. */
                  " OR (status = 'VERIFY_RESIZE' AND EXISTS (SELECT 1 FROM resize WHERE"
                  " resize.server = server.uuid AND resize.status = 'ACTIVE'))"
                  " ORDER BY name",
                  "s", boot_time (store->call));
  for (size_t i = 0; i < n; i++) {
    int started = resume (app, rows[i].name, rows[i].uuid);

    result |= started < 0 || (started && fn (opaque, rows[i].name)) ? -1 : 0;
  }
  if (result == 0)
    result = vl_db_run (store, "INSERT OR REPLACE INTO setting VALUES ('resumed', ?)", "s", boot);
  return result;
}
