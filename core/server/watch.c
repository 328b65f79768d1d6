/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What hypervisors tell by themselves: heard by one process for all, and written down like what
 * commands do. */

#include <config.h>

#include "server/hooks.h"
#include "server/method.h"
#include "server/undo.h"

#include <virtloom/virtloom.h>

/* A guest makes events as it likes: the same one again within a minute, and more than so many of
 * one server, are not recorded. */
#define QUIET_SECONDS 60
#define MOST_A_MINUTE 20

/* ---- listening ---- */

struct listening {
  int (*fn) (void *, const struct vl_guest_event *);
  void *opaque;
};

static int
pass_ours (void *opaque, const struct vl_guest_event *event)
{
  const struct listening *listening = opaque;

  return event == NULL || vl_domain_is_ours (event->uuid, event->domain)
             ? listening->fn (listening->opaque, event)
             : 0;
}

int
vl_host_listen (struct vl_app *app, int (*fn) (void *, const struct vl_guest_event *), void *opaque)
{
  struct listening listening = { fn, opaque };
  VL_AUTOLOCK struct vl_lock lock = VL_LOCK_NONE;
  struct vl_plugin *driver = vl_app_driver_plugin (app);
  int taken;

  if (driver == NULL || vl_app_conn (app, driver) == NULL)
    return -1;
  taken = vl_lock_take (app, "locks", "listen", 0, &lock);
  if (taken != 0)
    return taken > 0 ? VL_LISTEN_TAKEN : -1;
  return VL_CALL (app, driver, events, listen, pass_ours, &listening);
}

/* ---- writing down ---- */

/* That a device goes is an operation of ours where a detach, or an attach that is undone, was at
 * work in that second; no other operation is asked, so that what goes by itself right after one
 * is told. */
static int
is_ours (struct vl_store *store, const struct vl_guest_event *event)
{
  const char *at = vl_time_text (store->call, (time_t)event->at);

  return event->devices ? vl_db_any (
             store,
             "SELECT 1 FROM action WHERE server = ?1 AND user IS NOT NULL AND at <= ?2 "
             "AND (ended IS NULL OR ended >= ?2) "
             "AND (action LIKE 'attach %' OR action LIKE 'detach %')",
             "ss", event->uuid, at)
                        : 0;
}

/* Has the server told enough of late?  What is on record of times to come was written by a clock
 * that was wrong, and says nothing about now. */
static int
is_noise (struct vl_store *store, const struct vl_guest_event *event)
{
  const char *since = vl_time_text (store->call, (time_t)event->at - QUIET_SECONDS);
  const char *now = vl_now_text (store->call);
  int64_t n = 0;
  int same =
      vl_db_any (store,
                 "SELECT 1 FROM (SELECT action, reason, at FROM action WHERE server = ?1 ORDER BY "
                 "n DESC LIMIT 1) WHERE action = ?2 AND reason IS ?3 AND at BETWEEN ?4 AND ?5",
                 "sssss", event->uuid, event->word, event->detail, since, now);

  if (same)
    return same;
  if (vl_db_number (store, &n,
                    "SELECT count (*) FROM action WHERE server = ? AND user IS NULL AND at BETWEEN "
                    "? AND ?",
                    "sss", event->uuid, since, now)
      < 0)
    return -1;
  return n >= MOST_A_MINUTE;
}

/* Inside a transaction. */
static int
write_event (struct vl_store *store, const struct vl_guest_event *event)
{
  int passed_over = is_ours (store, event);

  if (passed_over == 0)
    passed_over = is_noise (store, event);
  if (passed_over)
    return passed_over < 0 ? -1 : 0;
  return vl_history_happened (store, event->uuid, event->word, event->detail) < 0
                 || (event->what && vl_event_add (store, event->uuid, event->what, NULL) < 0)
             ? -1
             : 0;
}

static int
look_at_all (struct vl_app *app)
{
  struct {
    const char *uuid;
  } * servers;
  size_t n;

  if (vl_db_rows (app->store, &servers, &n, "SELECT uuid FROM server ORDER BY name", "") < 0)
    return -1;
  for (size_t i = 0; i < n; i++)
    vl_server_notice (app, servers[i].uuid);
  return 0;
}

int
vl_event_record (struct vl_app *app, const struct vl_guest_event *event)
{
  struct vl_store *store;
  int known, taken = 0;

  if (vl_app_store_if_any (app, &store) < 0)
    return -1;
  if (store == NULL)
    return 0;
  vl_recover (app, store);
  if (event == NULL)
    return look_at_all (app);
  known = vl_db_any (store, "SELECT 1 FROM server WHERE uuid = ?", "s", event->uuid);
  if (known <= 0)
    return known;
  if (event->word) {
    VL_AUTOLOCK struct vl_lock lock = VL_LOCK_NONE;

    taken = vl_lock_take (app, "servers", event->uuid, 0, &lock);
    if (taken == 0)
      taken = vl_db_begin (store) < 0 ? -1 : vl_db_finish (store, write_event (store, event));
  }
  return taken == 0 && event->looks ? vl_server_notice (app, event->uuid) : taken;
}

int
vl_events_tell_all (struct vl_app *app)
{
  struct vl_store *store;

  if (vl_app_store_if_any (app, &store) < 0)
    return -1;
  vl_events_tell (app);
  return 0;
}
