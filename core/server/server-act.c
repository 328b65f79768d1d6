/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What is done to a server that exists.  The state is read under the server's
 * lock; every (action, state) pair is in one table. */

#include <config.h>

#include "server/hooks.h"
#include "server/method.h"
#include "server/records.h"
#include "server/undo.h"

#include "lib/clock.h"
#include "lib/text.h"

#include <virtloom/virtloom.h>

#include <sys/stat.h>

/* How an operation of the state machine is done.  BOOTS: the guest is made anew or put back,
 * so its document is needed; STARTS: what is on the host for it may be gone.  STRICT: not
 * without the features that have something to say. */
static const struct {
  enum vl_server_action action;
  const char *word;
  unsigned boots, starts, strict;
} actions[] = {
  { VL_SERVER_START, "start", 1, 1, 1 },
  { VL_SERVER_STOP, "stop", 0, 0, 0 },
  { VL_SERVER_REBOOT_SOFT, "reboot", 1, 0, 1 },
  { VL_SERVER_REBOOT_HARD, "hard reboot", 1, 1, 1 },
  { VL_SERVER_PAUSE, "pause", 0, 0, 0 },
  { VL_SERVER_UNPAUSE, "unpause", 0, 0, 0 },
  { VL_SERVER_SUSPEND, "suspend", 0, 0, 1 },
  { VL_SERVER_RESUME, "resume", 1, 1, 1 },
  { VL_SERVER_BOOT, "start after a boot of the host", 1, 1, 1 },
};
#define N_ACTIONS (sizeof actions / sizeof actions[0])

struct act {
  struct vl_app *app;
  struct vl_record record;
  struct vl_plugin *driver;
  struct vl_hooks hooks;
  struct vl_plan *plan;    /* of today; NULL: not asked for */
  size_t what;             /* in actions */
  uint32_t asked, timeout; /* for all that were asked; what is left of it */
  const char *reason;      /* what the history says of it when it is done, or NULL */
  int force;
};

/* ---- may it be done? ---- */

/* The row of the state machine that ACT is. */
static const struct vl_operation *
rule (const struct act *act)
{
  return vl_operation_find (actions[act->what].word);
}

/* Inside a transaction: the server of RECORD is STATUS by now; what that tells has happened. */
static int
note_change (struct vl_app *app, const struct vl_record *record, const char *status,
             const struct vl_info *info)
{
  const struct vl_happening *happening = vl_happening_find (record->status, status);
  struct vl_store *store = app->store;
  int crashed = info->state == VL_STATE_CRASHED;
  const char *reason = vl_guest_reason (app, record->uuid, info), *fault = record->fault;

  if (happening == NULL)
    return 0;
  if (crashed)
    fault = vl_printf (store->call, "crashed: %s", reason);
  return vl_record_set_status (store, record->uuid, status, fault) < 0
                 || vl_history_happened (store, record->uuid, crashed ? "crashed" : happening->word,
                                         reason)
                        < 0
             ? -1
             : vl_event_add (store, record->uuid, crashed ? VL_EVENT_CRASHED : happening->event,
                             NULL);
}

int
vl_server_judge_state (struct vl_app *app, struct vl_plugin *driver, struct vl_record *record,
                       const char *word)
{
  struct vl_store *store = app->store;
  struct vl_info info;
  const char *status;

  if (vl_server_look (app, driver, record->uuid, &info) < 0)
    return -1;
  status = vl_status_of (record->status, info.state, 1);
  if (! VL_STREQ (status, record->status)) {
    if (vl_db_begin (store) < 0
        || vl_db_finish (store, note_change (app, record, status, &info)) < 0)
      return -1;
    record->status = status;
  }
  /* What replaces a guest, or takes that back, starts one; it is not begun where that will be refused. */
  return vl_record_accepts (app->call, record, status, word) < 0
                 || ((vl_glob_any ("rescue unrescue rebuild resize unshelve", word)
                      || VL_STREQ (word, "resize revert"))
                     && vl_records_judge_owner (app, record) < 0)
             ? -1
             : 0;
}

static int
check_state (struct act *act)
{
  return vl_server_judge_state (act->app, act->driver, &act->record, rule (act)->word);
}

/* ---- what is on record ---- */

/* Loads what is on record, and asks who has to be asked. */
static int
load_record (struct act *act)
{
  unsigned strict = actions[act->what].strict;
  size_t first = act->app->call->findings.n;
  int result;

  /* That the host comes up is nothing that is done to the server. */
  if (actions[act->what].action == VL_SERVER_BOOT)
    act->record.locked = NULL;
  result = vl_hooks_load (&act->hooks, act->app, &act->record, VL_ROLE_CURRENT);

  act->app->call->host = act->hooks.host;
  if (result == 0 && strict)
    result = vl_hooks_judge_plugins (&act->hooks, actions[act->what].boots != 0);
  if (result == 0)
    result = vl_hooks_permit (&act->hooks, rule (act)->op, ! strict);
  if (result < 0 && act->force && actions[act->what].action == VL_SERVER_STOP)
    result = vl_hooks_overrule (&act->hooks, actions[act->what].word, first);
  if (result < 0 || ! actions[act->what].boots)
    return result;
  return vl_server_devices_connect (act->app, &act->record);
}

/* ---- doing it ---- */

const char *
vl_server_tell_pulled (struct vl_call *call, const struct vl_record *record, unsigned seconds)
{
  vl_warn_as (call, "ShutdownTimeout", NULL, NULL,
              "the guest of server \"%s\" did not shut down in %u s; the plug was pulled",
              record->name, seconds);
  return vl_printf (call, "not shut down in %u s, plug pulled", seconds);
}

/* RESULT of the driver, which is over 0 where the plug was pulled on a guest that ran (of a reboot,
 * the seconds that it was given): that is told, where the guest was to shut down. */
static int
tell_pulled (struct act *act, int result)
{
  struct vl_call *call = act->app->call;
  unsigned given = actions[act->what].action == VL_SERVER_STOP ? act->asked : (unsigned)result;

  /* One that stands still cannot be asked. */
  if (result <= 0 || given == 0 || VL_STREQ (act->record.status, "PAUSED"))
    return result < 0 ? -1 : 0;
  act->reason = vl_server_tell_pulled (call, &act->record, given);
  return 0;
}

static int
call_driver (struct act *act, const struct vl_doc *doc)
{
  struct vl_app *app = act->app;
  struct vl_plugin *driver = act->driver;
  const char *uuid = act->record.uuid;
  struct vl_spawn spawn = { 0 };

  /* What only stops a guest makes nothing. */
  if (actions[act->what].boots && vl_record_spawn (app, &act->record, doc, &spawn) < 0)
    return -1;
  app->call->addresses = NULL;
  switch (actions[act->what].action) {
  case VL_SERVER_START:
    return VL_CALL (app, driver, power, power_on, &spawn);
  case VL_SERVER_STOP:
    return tell_pulled (act,
                        VL_CALL (app, driver, power, power_off, uuid, act->timeout, VL_ASK_AGAIN));
  case VL_SERVER_REBOOT_SOFT:
    return tell_pulled (act,
                        VL_CALL (app, driver, power, reboot, &spawn, VL_REBOOT_SOFT, act->timeout));
  case VL_SERVER_REBOOT_HARD:
    return VL_CALL (app, driver, power, reboot, &spawn, VL_REBOOT_HARD, 0);
  case VL_SERVER_PAUSE:
    return VL_CALL (app, driver, power, pause, uuid);
  case VL_SERVER_UNPAUSE:
    return VL_CALL (app, driver, power, unpause, uuid);
  case VL_SERVER_SUSPEND:
    return VL_CALL (app, driver, power, suspend, uuid);
  case VL_SERVER_RESUME:
    return VL_CALL (app, driver, power, resume, &spawn);
  case VL_SERVER_BOOT:
    return VL_CALL (app, driver, power, resume_state_on_host_boot, &spawn);
  }
  return -1;
}

/* Inside a transaction: it was done.  An operation of its own ends with it. */
static int
write_down (const struct act *act, const char *status)
{
  struct vl_store *store = act->app->store;
  const char *uuid = act->record.uuid;

  if (vl_record_set_status (store, uuid, status, NULL) < 0
      || vl_event_add (store, uuid, rule (act)->event, NULL) < 0)
    return -1;
  if (act->plan)
    return 0;
  return vl_addresses_write (store, uuid) < 0
                 || vl_history_end (store, uuid, "done", act->reason) < 0
             ? -1
             : vl_undo_end (store, uuid);
}

/* The status that a guest in STATE gives a server that was acted on: what was on record (an error,
 * a suspension) is over. */
static const char *
found_after (const struct act *act, enum vl_state state)
{
  return vl_status_of (actions[act->what].action == VL_SERVER_SUSPEND ? "SUSPENDED" : "ACTIVE",
                       state, 1);
}

/* The status of that server.  A resize that is to be confirmed is not over. */
static const char *
status_after (const struct act *act, enum vl_state state)
{
  return VL_STREQ (act->record.status, "VERIFY_RESIZE") ? act->record.status
                                                        : found_after (act, state);
}

static int
settle (const struct act *act)
{
  struct vl_store *store = act->app->store;
  struct vl_info info = { .size = sizeof info, .state = VL_STATE_NONE };

  if (VL_CALL (act->app, act->driver, inventory, get_info, act->record.uuid, &info) == 0
      && vl_db_begin (store) == 0
      && vl_db_finish (store, write_down (act, status_after (act, info.state))) == 0)
    return 0;
  return vl_refuse_as (act->app->call, VL_ERR_FAILED, "NotRecorded", NULL,
                       "the next command looks what became of it, and records that",
                       "the %s of server \"%s\" was done, but is not on record",
                       actions[act->what].word, act->record.name);
}

/* Inside a transaction: it was not done, for the reasons in FAULT. */
static int
write_failure (const struct act *act, const char *fault)
{
  struct vl_store *store = act->app->store;

  return vl_record_set_status (store, act->record.uuid, act->record.status, fault) < 0
                 || vl_history_end (store, act->record.uuid, "failed", fault) < 0
             ? -1
             : vl_undo_end (store, act->record.uuid);
}

static int
do_it (struct act *act, const struct vl_hooks *hooks, const struct vl_doc *doc)
{
  if (actions[act->what].starts && vl_hooks_prepare (hooks) < 0)
    return -1;
  return call_driver (act, doc);
}

/* Judges and writes down what is about to be done. */
static int
begin (struct act *act)
{
  struct vl_store *store = act->app->store;

  if (check_state (act) < 0
      || (actions[act->what].boots && vl_record_loader_judge (act->app->call, &act->record, 0) < 0)
      || load_record (act) < 0 || vl_db_begin (store) < 0)
    return -1;
  return vl_db_finish (
      store, vl_undo_begin (store, act->record.uuid,
                            vl_printf (act->app->call, VL_OP_SERVER "%s", actions[act->what].word),
                            act->record.driver));
}

static int
finish (struct act *act)
{
  struct vl_store *store = act->app->store;
  struct vl_call *call = act->app->call;
  size_t first = call->findings.n;

  vl_progress (call, "%s of \"%s\"", vl_operation_verb (actions[act->what].word), act->record.name);
  if (do_it (act, &act->hooks, act->hooks.stored ? act->hooks.stored->doc : NULL) == 0)
    return settle (act);
  if (vl_db_begin (store) == 0)
    vl_db_finish (store, write_failure (act, vl_fault_text (call, first)));
  return -1;
}

static size_t
number_of (enum vl_server_action action)
{
  size_t i = 0;

  while (i < N_ACTIONS && actions[i].action != action)
    i++;
  return i;
}

int
vl_server_act (struct vl_app *app, const char *server, enum vl_server_action action,
               uint32_t timeout, int force)
{
  struct act act = { .app = app, .what = number_of (action), .force = force };
  VL_AUTOLOCK struct vl_lock lock = VL_LOCK_NONE;
  int result;

  act.timeout = act.asked = timeout;
  if (act.what == N_ACTIONS)
    return vl_refuse (app->call, VL_ERR_USAGE, NULL, NULL, "there is no server action %d",
                      (int)action);
  result = vl_server_take (app, server, vl_lock_seconds (app), &act.record, &act.driver, &lock) < 0
                   || begin (&act) < 0
               ? -1
               : finish (&act);
  vl_hooks_free (&act.hooks);
  vl_lock_drop (&lock);
  vl_events_tell (app);
  return result;
}

/* ---- stopping several ---- */

struct stopping {
  struct act act;
  struct vl_lock lock;
  int result; /* 1: another command works on it */
};

/* A guest that cannot be asked is stopped all the same, when its turn comes. */
static int
ask_to_stop (struct stopping *s, const char *server)
{
  struct vl_app *app = s->act.app;
  int result = vl_server_take (app, server, 0, &s->act.record, &s->act.driver, &s->lock);

  if (result == 0)
    result = begin (&s->act);
  if (result == 0 && VL_CALL_FN (s->act.driver, power, shut_down))
    VL_CALL (app, s->act.driver, power, shut_down, s->act.record.uuid);
  return result;
}

int
vl_server_stop (struct vl_app *app, const char *const *servers, size_t n, uint32_t timeout,
                int force)
{
  VL_AUTOFREE struct stopping *all = vl_xcalloc (n, sizeof *all);
  int64_t deadline = vl_clock_ms () + (int64_t)timeout * 1000, left;
  size_t what = number_of (VL_SERVER_STOP);
  int bad = 0;

  for (size_t i = 0; i < n; i++) {
    all[i] = (struct stopping) { { .app = app, .what = what, .force = force }, VL_LOCK_NONE, 1 };
    all[i].act.asked = timeout;
    if (n > 1 && timeout > 0)
      all[i].result = ask_to_stop (&all[i], servers[i]);
    bad |= all[i].result < 0;
  }
  for (size_t i = 0; i < n; i++) {
    left = deadline - vl_clock_ms ();
    all[i].act.timeout = left > 0 ? (uint32_t)((left + 999) / 1000) : 0;
    if (all[i].result == 0)
      bad |= finish (&all[i].act) < 0;
    vl_hooks_free (&all[i].act.hooks);
    vl_lock_drop (&all[i].lock);
  }
  /* Nothing is held any more while others are waited for. */
  for (size_t i = 0; i < n; i++)
    if (all[i].result == 1)
      bad |= vl_server_act (app, servers[i], VL_SERVER_STOP, timeout, force) < 0;
  vl_events_tell (app);
  return bad ? -1 : 0;
}

/* ---- what a dead command left ---- */

/* Inside a transaction: what the guest was found to be, which shows whether it was
 * done. */
static int
write_found (const struct act *act, const struct vl_info *info)
{
  const char *before = vl_status_of (act->record.status, info->state, 1);

  if (vl_operation_leads_to (rule (act), found_after (act, info->state)))
    return write_down (act, status_after (act, info->state));
  return note_change (act->app, &act->record, before, info) < 0
                 || vl_history_end (act->app->store, act->record.uuid, "interrupted",
                                    "the command that did it was killed before it was done")
                        < 0
             ? -1
             : vl_undo_end (act->app->store, act->record.uuid);
}

int
vl_server_act_mend (struct vl_app *app, const char *uuid, const char *kind)
{
  struct act act = { .app = app };
  struct vl_info info;

  while (act.what < N_ACTIONS && ! VL_STREQ (kind + strlen (VL_OP_SERVER), actions[act.what].word))
    act.what++;
  if (act.what == N_ACTIONS)
    return vl_refuse_as (app->call, VL_ERR_FAILED, "StoreDamaged", NULL, NULL,
                         "there is no operation \"%s\"", kind);
  if (vl_record_load (app->store, uuid, &act.record) != 1)
    return -1;
  act.driver = vl_app_driver_named (app, act.record.driver);
  if (act.driver == NULL || vl_server_look (app, act.driver, uuid, &info) < 0
      || vl_loader_look (app, act.driver, &act.record, VL_ROLE_CURRENT) < 0
      || vl_db_begin (app->store) < 0)
    return -1;
  return vl_db_finish (app->store, write_found (&act, &info));
}

int
vl_server_notice (struct vl_app *app, const char *uuid)
{
  struct act act = { .app = app };
  VL_AUTOLOCK struct vl_lock lock = VL_LOCK_NONE;
  size_t first = app->call->findings.n;
  int taken = vl_lock_take (app, "servers", uuid, 0, &lock);
  struct vl_info info;

  if (taken == 0
      && vl_db_any (app->store, "SELECT 1 FROM operation WHERE object = ?", "s", uuid) == 0
      && vl_record_load (app->store, uuid, &act.record) == 1
      && (act.driver = vl_app_driver_named (app, act.record.driver))
      && vl_server_look (app, act.driver, uuid, &info) == 0 && vl_db_begin (app->store) == 0)
    vl_db_finish (app->store, note_change (app, &act.record,
                                           vl_status_of (act.record.status, info.state, 1), &info));
  /* Whoever only looks is not told that it could not be written down. */
  vl_findings_drop (app->call, first, app->call->findings.n);
  return taken;
}

/* Of update: the next document is on record: it is prepared for, and who has to be asked sees what it
 * is made of. */
static int
boot_plan (void *opaque)
{
  struct act *act = opaque;
  struct vl_hooks next;
  int result = vl_hooks_load (&next, act->app, &act->record, VL_ROLE_PENDING);

  if (result == 0)
    result = vl_hooks_permit (&next, VL_OP_UPDATE, 0);
  if (result == 0)
    result = do_it (act, &next, act->plan->build.doc);
  vl_hooks_free (&next);
  return result;
}

static int
update (struct act *act, const char *const *accept_loss)
{
  struct vl_app *app = act->app;
  const struct vl_replacement how = {
    .kind = VL_OP_SERVER_UPDATE, .accepted = accept_loss, .act = boot_plan, .opaque = act
  };
  size_t first;

  if (check_state (act) < 0 || vl_record_loader_judge (app->call, &act->record, 0) < 0
      || vl_hooks_load (&act->hooks, app, &act->record, VL_ROLE_CURRENT) < 0
      || vl_hooks_permit (&act->hooks, VL_OP_UPDATE, 1) < 0)
    return -1;
  act->plan = vl_record_plan (app, &act->record, act->hooks.stored);
  if (act->plan == NULL || ! act->plan->ok)
    return -1;
  app->call->host = act->plan->build.host;
  first = app->call->findings.n;
  if (vl_document_replace (app, &act->record, act->hooks.stored, act->plan, &how) == 0)
    return settle (act);
  vl_record_set_status (app->store, act->record.uuid, act->record.status,
                        vl_fault_text (app->call, first));
  return -1;
}

int
vl_server_update (struct vl_app *app, const char *server, const char *const *accept_loss)
{
  struct act act = { .app = app, .what = number_of (VL_SERVER_REBOOT_HARD) };
  VL_AUTOLOCK struct vl_lock lock = VL_LOCK_NONE;
  int result =
      vl_server_take (app, server, vl_lock_seconds (app), &act.record, &act.driver, &lock) < 0
          ? -1
          : update (&act, accept_loss);

  vl_plan_free (act.plan);
  vl_hooks_free (&act.hooks);
  vl_lock_drop (&lock);
  vl_events_tell (app);
  return result;
}
