/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What is done to a server that exists.  The state is read under the server's
 * lock; every (action, state) pair is in one table. */

#include <config.h>

#include "server/method.h"
#include "server/lock.h"
#include "server/record.h"
#include "server/server-disks.h"
#include "server/undo.h"

#include <virtloom/virtloom.h>

/* Seconds between two requests to shut down, within the caller's timeout. */
#define ASK_AGAIN 10u

#define ACTIVE 0x1u
#define SHUTOFF 0x2u
#define PAUSED 0x4u
#define SUSPENDED 0x8u
#define FAULTY 0x10u

static const struct {
  const char *status;
  unsigned bit;
} statuses[] = { { "ACTIVE", ACTIVE },
                 { "SHUTOFF", SHUTOFF },
                 { "PAUSED", PAUSED },
                 { "SUSPENDED", SUSPENDED },
                 { "ERROR", FAULTY } };
#define N_STATUSES (sizeof statuses / sizeof statuses[0])

/* Nova's table of which action is for which state.  PLANNED: the guest is made
 * anew or put back, so its plan is needed.  PERMIT: what features are asked. */
static const struct {
  enum vl_server_action action;
  const char *word;
  unsigned from;
  int planned;
  enum vl_op permit;
} actions[] = {
  { VL_SERVER_START, "start", SHUTOFF, 1, 0 },
  { VL_SERVER_STOP, "stop", ACTIVE | PAUSED | FAULTY, 0, 0 },
  { VL_SERVER_REBOOT_SOFT, "reboot", ACTIVE, 1, 0 },
  { VL_SERVER_REBOOT_HARD, "hard reboot", ACTIVE | SHUTOFF | PAUSED | SUSPENDED | FAULTY, 1, 0 },
  { VL_SERVER_PAUSE, "pause", ACTIVE, 0, 0 },
  { VL_SERVER_UNPAUSE, "unpause", PAUSED, 0, 0 },
  { VL_SERVER_SUSPEND, "suspend", ACTIVE, 0, VL_OP_SUSPEND },
  { VL_SERVER_RESUME, "resume", SUSPENDED, 1, VL_OP_RESUME },
};
#define N_ACTIONS (sizeof actions / sizeof actions[0])

struct act {
  struct vl_app *app;
  struct vl_record record;
  struct vl_plugin *driver;
  struct vl_plan *plan; /* NULL: not needed */
  size_t what;          /* in actions */
  uint32_t timeout;
};

/* ---- may it be done? ---- */

static const char *
list_statuses (struct vl_call *call, unsigned bits)
{
  VL_AUTOSTR struct vl_str text = { NULL, 0, 0 };

  for (size_t i = 0; i < N_STATUSES; i++)
    if (bits & statuses[i].bit)
      vl_str_printf (&text, "%s%s", text.length ? ", " : "", statuses[i].status);
  return vl_arena_strdup (call->arena, text.text);
}

static int
refuse_state (const struct act *act, const char *status)
{
  struct vl_call *call = act->app->call;
  const char *name = act->record.name;

  vl_error (call, VL_ERR_REQUEST, "InstanceInvalidState", NULL,
            "server \"%s\" is %s; %s is for servers that are %s", name, status,
            actions[act->what].word, list_statuses (call, actions[act->what].from));
  if (VL_STREQ (status, "SHUTOFF"))
    vl_hint (call, "virtloom server start \"%s\"", name);
  else if (VL_STREQ (status, "PAUSED"))
    vl_hint (call, "virtloom server unpause \"%s\"", name);
  else if (VL_STREQ (status, "SUSPENDED"))
    vl_hint (call, "virtloom server resume \"%s\"", name);
  else if (VL_STREQ (status, "ERROR"))
    vl_hint (call, "virtloom server reboot --hard \"%s\", or delete it", name);
  return -1;
}

static int
check_state (const struct act *act)
{
  struct vl_info info = { .size = sizeof info, .state = VL_STATE_NONE };
  const char *uuid = act->record.uuid, *status;
  int known = VL_CALL (act->app, act->driver, inventory, instance_exists, uuid);

  if (known < 0 || (known && VL_CALL (act->app, act->driver, inventory, get_info, uuid, &info) < 0))
    return -1;
  status = vl_status_of (act->record.status, info.state, 1);
  for (size_t i = 0; i < N_STATUSES; i++)
    if (VL_STREQ (status, statuses[i].status) && (actions[act->what].from & statuses[i].bit))
      return 0;
  return refuse_state (act, status);
}

static int
someone_permits (const struct vl_registry *registry)
{
  for (size_t i = 0; i < registry->n; i++)
    if (registry->plugins[i]->kind == VL_KIND_FEATURE
        && registry->plugins[i]->state == VL_PLUGIN_LOADED && registry->plugins[i]->feature.permit)
      return 1;
  return 0;
}

/* Asks every active feature, so that all that stands against it is said. */
static int
ask_features (const struct act *act)
{
  struct vl_call *call = act->app->call;
  struct vl_registry *registry = act->app->registry;
  struct vl_guest *guest = act->plan->build.guest, *before_guest = call->guest;
  struct vl_call *own = guest->call;
  struct vl_plugin *before = call->plugin;
  int bad = 0;

  /* The guest knows by its context who reads it: short names are that plugin's. */
  guest->call = call;
  vl_call_about (call, guest);
  for (size_t i = 0; i < registry->n; i++) {
    struct vl_plugin *plugin = registry->plugins[i];

    if (plugin->kind != VL_KIND_FEATURE || plugin->state != VL_PLUGIN_LOADED
        || plugin->feature.permit == NULL || ! guest->active[i])
      continue;
    vl_call_as (call, plugin);
    bad |= plugin->feature.permit (call, guest, actions[act->what].permit);
  }
  vl_call_as (call, before);
  vl_call_about (call, before_guest);
  guest->call = own;
  return bad;
}

/* ---- the plan, once more ---- */

static size_t
line_length (const char *text)
{
  return strcspn (text, "\n");
}

/* Where the plan of today is not the one on record, the first line that differs
 * is shown, old and new. */
static void
show_change (const struct act *act, const char *now)
{
  const char *old = act->record.xml;

  if (VL_STREQ (old, now))
    return;
  while (*old && *now && line_length (old) == line_length (now)
         && strncmp (old, now, line_length (old)) == 0) {
    old += line_length (old) + (old[line_length (old)] == '\n');
    now += line_length (now) + (now[line_length (now)] == '\n');
  }
  old += strspn (old, " ");
  now += strspn (now, " ");
  vl_warning (act->app->call, "GuestChanged", NULL,
              "server \"%s\" is planned differently today: was \"%.*s\", is \"%.*s\"",
              act->record.name, (int)line_length (old), old, (int)line_length (now), now);
  vl_hint (act->app->call,
           "the configuration or the host changed since; virtloom server show has the old plan, "
           "virtloom explain the new one");
}

static int
make_plan (struct act *act)
{
  int permit = actions[act->what].permit && someone_permits (act->app->registry);

  if (! actions[act->what].planned && ! permit)
    return 0;
  act->plan = vl_record_plan (act->app, &act->record);
  if (act->plan == NULL || ! act->plan->ok)
    return -1;
  if (permit && ask_features (act) < 0)
    return -1;
  if (! actions[act->what].planned)
    return 0;
  show_change (act, vl_doc_xml (act->plan->build.doc));
  return vl_server_disks_verify (act->app, act->plan);
}

/* ---- doing it ---- */

static int
call_driver (const struct act *act)
{
  struct vl_app *app = act->app;
  struct vl_plugin *driver = act->driver;
  const char *uuid = act->record.uuid;
  struct vl_spawn spawn = { .size = sizeof spawn,
                            .power_on = 1,
                            .uuid = uuid,
                            .domain = act->record.domain,
                            .run_dir = vl_server_dir (app, uuid),
                            .doc = act->plan ? act->plan->build.doc : NULL,
                            .host = act->plan ? act->plan->build.host : NULL };

  switch (actions[act->what].action) {
  case VL_SERVER_START:
    return VL_CALL (app, driver, power, power_on, &spawn);
  case VL_SERVER_STOP:
    return VL_CALL (app, driver, power, power_off, uuid, act->timeout, ASK_AGAIN);
  case VL_SERVER_REBOOT_SOFT:
    return VL_CALL (app, driver, power, reboot, &spawn, VL_REBOOT_SOFT);
  case VL_SERVER_REBOOT_HARD:
    return VL_CALL (app, driver, power, reboot, &spawn, VL_REBOOT_HARD);
  case VL_SERVER_PAUSE:
    return VL_CALL (app, driver, power, pause, uuid);
  case VL_SERVER_UNPAUSE:
    return VL_CALL (app, driver, power, unpause, uuid);
  case VL_SERVER_SUSPEND:
    return VL_CALL (app, driver, power, suspend, uuid);
  case VL_SERVER_RESUME:
    return VL_CALL (app, driver, power, resume, &spawn);
  }
  return -1;
}

static int
settle (const struct act *act)
{
  struct vl_info info = { .size = sizeof info, .state = VL_STATE_NONE };
  const char *uuid = act->record.uuid;
  /* What was on record (an error, a suspension) is over. */
  const char *status = actions[act->what].action == VL_SERVER_SUSPEND ? "SUSPENDED" : "ACTIVE";

  if (VL_CALL (act->app, act->driver, inventory, get_info, uuid, &info) < 0)
    return -1;
  status = vl_status_of (status, info.state, 1);
  return vl_db_run (act->app->store,
                    "UPDATE server SET status = ?, fault = NULL, xml = coalesce (?, xml) "
                    "WHERE uuid = ?",
                    "sss", status,
                    actions[act->what].planned ? vl_doc_xml (act->plan->build.doc) : NULL, uuid);
}

static int
act_on (struct act *act)
{
  size_t first;

  if (check_state (act) < 0 || make_plan (act) < 0)
    return -1;
  vl_progress (act->app->call, "%s of \"%s\"", actions[act->what].word, act->record.name);
  first = act->app->call->findings.n;
  if (call_driver (act) == 0 && settle (act) == 0)
    return 0;
  vl_record_set_status (act->app->store, act->record.uuid, act->record.status,
                        vl_fault_text (act->app->call, first));
  return -1;
}

/* Finds SERVER, opens its driver and takes its lock; its record as it is then is
 * in ACT. */
static int
lock_server (struct act *act, const char *server, struct vl_lock *lock)
{
  const struct vl_record *record = vl_record_find (act->app, server);
  int got;

  if (record == NULL)
    return -1;
  vl_recover (act->app, act->app->store);
  act->driver = vl_app_driver_named (act->app, record->driver);
  if (act->driver == NULL || vl_app_conn (act->app, act->driver) == NULL)
    return -1;
  if (vl_lock_take (act->app, "servers", record->uuid, 1, lock) < 0)
    return -1;
  got = vl_record_load (act->app->store, record->uuid, &act->record);
  if (got == 0)
    vl_error (act->app->call, VL_ERR_NOT_FOUND, "InstanceNotFound", NULL,
              "server \"%s\" was deleted meanwhile", server);
  return got == 1 ? 0 : -1;
}

int
vl_server_act (struct vl_app *app, const char *server, enum vl_server_action action,
               uint32_t timeout)
{
  VL_AUTOLOCK struct vl_lock lock = VL_LOCK_NONE;
  struct act act = { .app = app, .timeout = timeout, .what = N_ACTIONS };
  int result;

  for (size_t i = 0; i < N_ACTIONS; i++)
    if (actions[i].action == action)
      act.what = i;
  if (act.what == N_ACTIONS)
    return vl_error (app->call, VL_ERR_USAGE, NULL, NULL, "there is no server action %d",
                     (int)action);
  if (lock_server (&act, server, &lock) < 0)
    return -1;
  result = act_on (&act);
  vl_plan_free (act.plan);
  return result;
}

int
vl_server_log (struct vl_app *app, const char *server, const char **text, size_t *length)
{
  const struct vl_record *record = vl_record_find (app, server);
  struct vl_plugin *driver = record ? vl_app_driver_named (app, record->driver) : NULL;

  if (driver == NULL)
    return -1;
  return VL_CALL (app, driver, console, get_console_output, record->uuid, text, length);
}
