/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Another flavor for a server, on this host.  The disks that it has are kept beside the new ones,
 * as further names of the same files, and its document as the one that may come next, until the
 * operator confirms the new flavor or takes the old one back. */

#include <config.h>

#include "server/keep.h"

#include "lib/text.h"
#include "request/disks.h"
#include "server/method.h"
#include "server/undo.h"

#include <virtloom/virtloom.h>

/* In the server's folder. */
#define KEPT "resize"

struct resizing {
  struct vl_app *app;
  struct vl_record record; /* as it is, */
  struct vl_record after;  /* and with the request of the new flavor */
  struct vl_plugin *driver;
  struct vl_hooks current;
  struct vl_plan *plan;
  const char *flavor, *dir;
  uint32_t timeout;
  int runs; /* its guest did, and is to */
};

static struct vl_keeping
keeping (struct vl_app *app, const char *server)
{
  return (struct vl_keeping) { app, server, vl_server_dir (app, server), KEPT };
}

/* ---- the guest ---- */

/* RECORD's server is what its document ROLE says again, with its disks of then; OTHER is the
 * document that it had meanwhile. */
static int
put_back (struct vl_app *app, const struct vl_record *record, const char *role, const char *other,
          uint32_t seconds, int runs)
{
  struct vl_keeping kept = keeping (app, record->uuid);
  struct vl_hooks hooks;
  int result = vl_hooks_load (&hooks, app, record, role);

  if (result == 0)
    result = vl_guest_switch_off (app, hooks.driver, record, seconds);
  if (result == 0 && vl_keep_there (&kept)
      && (vl_server_device_act (app, record, role, NULL, VL_DEVICE_RETURNS) < 0
          || vl_server_disks_drop (app, record, other, role) < 0))
    result = -1;
  if (result == 0)
    result = vl_keep_bring_back (&kept, role, other);
  if (result == 0)
    result = vl_keep_forget (&kept);
  if (result == 0)
    result = vl_guest_become (&hooks, record, runs, VL_BECOME_BEFORE);
  vl_hooks_free (&hooks);
  return result;
}

/* ---- may it be done? ---- */

/* Refuses the flavor for its WHAT, of which the server has WAS and it IS GiB. */
static int
refuse_size (const struct resizing *r, const char *what, int64_t was, int64_t is)
{
  return vl_refuse_as (
      r->app->call, VL_ERR_REQUEST, "ResizeError", NULL,
      vl_printf (r->app->call, "take a flavor that has at least %lld GiB of it", (long long)was),
      "server \"%s\" has %lld GiB of %s, flavor \"%s\" %lld; disks are not made "
      "smaller",
      r->record.name, (long long)was, what, r->flavor, (long long)is);
}

/* No disk gets smaller, and each lies where it can be kept.  A volume is the operator's, of whatever
 * size. */
static int
judge_disks (const struct resizing *r)
{
  const struct vl_guest *guest = r->plan->build.guest;
  const struct vl_request *new = r->plan->request;
  struct vl_request *old = vl_stored_request (
      r->app, r->record.request, vl_printf (r->app->call, "server \"%s\"", r->record.name));
  int result = old ? 0 : -1;

  for (size_t i = 0; i < guest->n_disks && result == 0; i++) {
    const struct vl_recorded_device *was =
        vl_recorded_device (&r->current.stored->was, guest->disks[i].id);

    if (was == NULL || (guest->disk_devices[i] && vl_is_volume (guest->disk_devices[i])))
      continue;
    if (vl_keep_name (r->dir, &was->disk) == NULL && ! vl_server_disk_is_held (r->app, &was->disk))
      result = vl_refuse_as (r->app->call, VL_ERR_UNSUPPORTED, "MigrationPreCheckError", NULL, NULL,
                             "disk '%s' of server \"%s\" is \"%s\", which storage plugin \"%s\" "
                             "could not give back as it was; such disks are not resized",
                             was->disk.id, r->record.name, was->disk.source,
                             was->disk.plugin ? was->disk.plugin : "none");
    else if (VL_STREQ (was->disk.role, "root") && new->flavor.disk < old->flavor.disk)
      result = refuse_size (r, "root disk", old->flavor.disk, new->flavor.disk);
  }
  if (result == 0 && new->flavor.ephemeral < old->flavor.ephemeral)
    result = refuse_size (r, "ephemeral disk", old->flavor.ephemeral, new->flavor.ephemeral);
  vl_request_free (old);
  return result;
}

/* Is the server one that can be resized, and what is on record of it? */
static int
load (struct resizing *r)
{
  struct vl_call *call = r->app->call;

  if (vl_record_unlocked (call, &r->record) < 0
      || VL_HAS_CALL (call, r->driver, migration, finish_migration) < 0
      || VL_HAS_CALL (call, r->driver, migration, finish_revert_migration) < 0
      || vl_server_judge_state (r->app, r->driver, &r->record, "resize") < 0)
    return -1;
  r->dir = vl_server_dir (r->app, r->record.uuid);
  r->runs = VL_STREQ (r->record.status, "ACTIVE");
  if (VL_STREQ (r->record.flavor, r->flavor))
    return vl_refuse_as (call, VL_ERR_REQUEST, "CannotResizeToSameFlavor", NULL,
                         "take another one: virtloom flavor list",
                         "server \"%s\" has flavor \"%s\" already", r->record.name, r->flavor);
  if (vl_hooks_load (&r->current, r->app, &r->record, VL_ROLE_CURRENT) < 0
      || vl_stored_judge (call, &r->record, r->current.stored) < 0)
    return -1;
  return vl_hooks_permit (&r->current, VL_OP_RESIZE, 0);
}

/* ---- resize ---- */

static int
move (const struct resizing *r, const struct vl_hooks *next)
{
  const struct vl_recorded *was = &r->current.stored->was;
  struct vl_keeping kept = keeping (r->app, r->record.uuid);

  return vl_guest_switch_off (r->app, r->driver, &r->record, r->timeout) < 0
                 || vl_keep_begin (&kept) < 0
                 || vl_server_device_act (r->app, &r->record, VL_ROLE_CURRENT, NULL,
                                          VL_DEVICE_HOLDS)
                        < 0
                 || vl_keep_disks (&kept, was) < 0
                 || vl_keep_make (&kept, next, r->plan, was, 0) < 0
                 || vl_keep_switch (&kept, was, r->plan->build.guest) < 0
                 || vl_guest_become (next, &r->after, r->runs, VL_BECOME_NEXT) < 0
             ? -1
             : 0;
}

static int
act (void *opaque)
{
  struct resizing *r = opaque;
  struct vl_call *call = r->app->call;
  struct vl_hooks next;
  int result = vl_hooks_load (&next, r->app, &r->after, VL_ROLE_PENDING);

  if (result == 0)
    result = vl_hooks_permit (&next, VL_OP_RESIZE, 0);
  if (result < 0 || (result = move (r, &next)) == 0) {
    vl_hooks_free (&next);
    return result;
  }
  vl_hooks_free (&next);
  if (put_back (r->app, &r->record, VL_ROLE_CURRENT, VL_ROLE_PENDING, 0, r->runs) < 0
      || vl_event_turn (r->app->store, r->record.uuid, r->runs, r->runs) < 0)
    return VL_UNFINISHED;
  return vl_refuse_as (call, VL_ERR_FAILED, "InstanceFaultRollback", NULL, NULL,
                       "server \"%s\" did not get flavor \"%s\"; it is what it was, with its disks",
                       r->record.name, r->flavor);
}

/* Inside a transaction: the server is one of the new flavor, and what it was is kept. */
static int
take (void *opaque)
{
  /* No server that is rescued is resized, so that name is free on the way. */
  static const char *const change_places[] = {
    "UPDATE document SET role = 'rescue' WHERE server = ? AND role = 'current'",
    "UPDATE document SET role = 'current' WHERE server = ? AND role = 'pending'",
    "UPDATE document SET role = 'pending' WHERE server = ? AND role = 'rescue'",
    "UPDATE claim SET role = 'rescue' WHERE server = ? AND role = 'current'",
    "UPDATE claim SET role = 'current' WHERE server = ? AND role = 'pending'",
    "UPDATE claim SET role = 'pending' WHERE server = ? AND role = 'rescue'",
    NULL,
  };
  struct resizing *r = opaque;
  struct vl_store *store = r->app->store;
  const char *uuid = r->record.uuid;
  VL_AUTOFREE char *json = NULL;

  /* What is secret stays with the flavor. */
  vl_request_forget_secrets (r->plan->build.guest, r->plan->request);
  json = vl_request_to_json (r->plan->request);
  return vl_db_run (store, "INSERT INTO resize VALUES (?, ?, ?, ?)", "ssss", uuid,
                    r->record.request, r->record.flavor, r->record.status)
                     < 0
                 || vl_db_run_all (store, change_places, uuid) < 0
                 || vl_db_run (store, "UPDATE server SET request = ?, flavor = ? WHERE uuid = ?",
                               "sss", json, r->flavor, uuid)
                        < 0
                 || vl_record_set_status (store, uuid, "VERIFY_RESIZE", NULL) < 0
                 || vl_addresses_write (store, uuid) < 0
                 || vl_event_add (store, uuid, VL_EVENT_CHANGED, NULL) < 0
                 || vl_event_turn (store, uuid, r->runs, r->runs) < 0
             ? -1
             : vl_undo_end (store, uuid);
}

/* Swap is made anew: what was in it means nothing to a guest that starts. */
static struct vl_plan *
plan_of (const struct resizing *r)
{
  struct vl_request *request = vl_stored_request (
      r->app, r->after.request, vl_printf (r->app->call, "server \"%s\"", r->record.name));

  if (request)
    request->anew = VL_ANEW_SWAP;
  return vl_record_plan_of (r->app, &r->after, &r->current.stored->was, request);
}

static int
resize (struct resizing *r, const char *const *accept_loss)
{
  struct vl_app *app = r->app;
  const struct vl_replacement how = {
    .kind = VL_OP_SERVER_RESIZE,
    .accepted = accept_loss,
    .see = vl_printf (app->call, "take a flavor that has it, too: virtloom flavor show %s",
                      vl_shell_word (app->call->arena, r->record.flavor)),
    .act = act,
    .opaque = r,
    .take = take
  };
  VL_AUTOFREE char *json = NULL;

  if (load (r) < 0 || (r->runs && vl_record_loader_judge (app->call, &r->record, 0) < 0)
      || (json = vl_request_flavor (app, r->record.request, r->flavor)) == NULL)
    return -1;
  r->after = r->record;
  r->after.flavor = r->flavor;
  r->after.request = vl_arena_strdup (app->call->arena, json);
  r->plan = plan_of (r);
  if (r->plan == NULL || ! r->plan->ok || judge_disks (r) < 0
      || vl_plan_volumes_judge (app, r->plan) < 0
      || vl_keep_judge_all (app, vl_server_dir (app, r->record.uuid), &r->current.stored->was) < 0)
    return -1;
  app->call->host = r->plan->build.host;
  vl_progress (app->call, "resize of \"%s\"", r->record.name);
  return vl_document_replace (app, &r->record, r->current.stored, r->plan, &how);
}

int
vl_server_resize (struct vl_app *app, const char *server, const char *flavor, uint32_t timeout,
                  const char *const *accept_loss)
{
  struct resizing r = { .app = app, .flavor = flavor, .timeout = timeout };
  VL_AUTOLOCK struct vl_lock lock = VL_LOCK_NONE;
  int result = -1;

  if (vl_flavor_find (app, flavor)
      && vl_server_take (app, server, vl_lock_seconds (app), &r.record, &r.driver, &lock) == 0)
    result = resize (&r, accept_loss);
  vl_plan_free (r.plan);
  vl_hooks_free (&r.current);
  vl_lock_drop (&lock);
  vl_events_tell (app);
  return result;
}

/* ---- confirm, revert ---- */

/* What a server was before. */
struct before {
  const char *request, *flavor, *status;
};

/* Inside a transaction: what was kept is forgotten, and the server is what its guest is. */
static int
write_end (struct vl_app *app, const struct vl_record *record, const struct before *before,
           const char *status)
{
  struct vl_store *store = app->store;

  if (vl_db_run (store, "DELETE FROM resize WHERE server = ?", "s", record->uuid) < 0
      || vl_record_set_status (store, record->uuid, status, NULL) < 0)
    return -1;
  if (before == NULL)
    return vl_document_drop (store, record->uuid, VL_ROLE_PENDING, "done", NULL);
  return vl_db_run (store, "UPDATE server SET flavor = ? WHERE uuid = ?", "ss", before->flavor,
                    record->uuid)
                 < 0
             ? -1
             : vl_document_take (store, record->uuid,
                                 vl_event_of_turn (VL_STREQ (before->status, "ACTIVE"),
                                                   VL_STREQ (status, "ACTIVE")));
}

/* Finishes what is on record as begun, from whatever point it had come to.  BEFORE: the server
 * becomes that. */
static int
finish (struct vl_app *app, struct vl_plugin *driver, struct vl_record *record,
        const struct before *before, uint32_t timeout)
{
  struct vl_keeping kept = keeping (app, record->uuid);
  struct vl_info info;
  int result;

  if (before) {
    record->request = before->request;
    result = put_back (app, record, VL_ROLE_PENDING, VL_ROLE_CURRENT, timeout,
                       VL_STREQ (before->status, "ACTIVE"));
  } else
    result = vl_server_device_act (app, record, VL_ROLE_CURRENT, NULL, VL_DEVICE_STAYS) < 0
                     || vl_server_disks_drop (app, record, VL_ROLE_PENDING, VL_ROLE_CURRENT) < 0
                 ? -1
                 : vl_keep_forget (&kept);
  if (result < 0 || vl_server_look (app, driver, record->uuid, &info) < 0
      || vl_db_begin (app->store) < 0)
    return -1;
  return vl_db_finish (app->store,
                       write_end (app, record, before, vl_status_of ("ACTIVE", info.state, 1)));
}

static int
load_before (struct vl_app *app, const char *uuid, struct before *before)
{
  int got = vl_db_row (app->store, before,
                       "SELECT request, flavor, status FROM resize WHERE server = ?", "s", uuid);

  return got == 0 ? vl_refuse_as (app->call, VL_ERR_FAILED, "StoreDamaged", NULL, VL_HINT_STORE,
                                  "what server %s was before it was resized is not on record", uuid)
                  : got - 1;
}

static int
begin_end (struct vl_app *app, const struct vl_record *record, const char *kind,
           const struct before *before)
{
  struct vl_store *store = app->store;

  if (vl_undo_begin (store, record->uuid, kind, record->driver) < 0)
    return -1;
  return before ? vl_undo_plan (store, record->uuid, VL_MADE_REQUEST, before->request) : 0;
}

int
vl_server_resize_end (struct vl_app *app, const char *server, int revert, uint32_t timeout)
{
  const char *kind = revert ? VL_OP_SERVER_RESIZE " revert" : VL_OP_SERVER_RESIZE " confirm";
  VL_AUTOLOCK struct vl_lock lock = VL_LOCK_NONE;
  struct vl_record record;
  struct vl_plugin *driver;
  struct before before;
  size_t first;
  int result;

  /* It gives room back where there may be none. */
  vl_reserve_use (app);
  result = vl_server_take (app, server, vl_lock_seconds (app), &record, &driver, &lock);
  if (result == 0
      && (vl_record_unlocked (app->call, &record) < 0
          || vl_server_judge_state (app, driver, &record, kind + strlen (VL_OP_SERVER)) < 0
          || load_before (app, record.uuid, &before) < 0 || vl_db_begin (app->store) < 0
          || vl_db_finish (app->store, begin_end (app, &record, kind, revert ? &before : NULL))
                 < 0))
    result = -1;
  first = app->call->findings.n;
  if (result == 0) {
    vl_progress (app->call, "%s of \"%s\"", kind + strlen (VL_OP_SERVER), record.name);
    result = finish (app, driver, &record, revert ? &before : NULL, timeout);
    if (result < 0)
      vl_record_set_status (app->store, record.uuid, record.status,
                            vl_fault_text (app->call, first));
  }
  vl_lock_drop (&lock);
  vl_events_tell (app);
  vl_reserve_keep (app);
  return result;
}

/* ---- what a dead command left ---- */

/* A resize that did not end is undone.  Where nothing is kept, and the guest is on, nothing had
 * begun, or all of it is undone. */
static int
mend_resize (struct vl_app *app, struct vl_plugin *driver, const struct vl_record *record)
{
  int runs = VL_STREQ (record->status, "ACTIVE");
  struct vl_keeping kept = keeping (app, record->uuid);
  struct vl_info info;
  int begun;

  if (vl_server_look (app, driver, record->uuid, &info) < 0)
    return -1;
  begun = vl_keep_there (&kept) || info.state != VL_STATE_RUNNING;
  if ((begun && put_back (app, record, VL_ROLE_CURRENT, VL_ROLE_PENDING, 0, runs) < 0)
      || vl_loader_look (app, driver, record, VL_ROLE_CURRENT) < 0 || vl_db_begin (app->store) < 0)
    return -1;
  return vl_db_finish (
      app->store, vl_record_set_status (app->store, record->uuid, record->status, NULL) < 0
                          || vl_addresses_write (app->store, record->uuid) < 0
                          || (begun && vl_event_turn (app->store, record->uuid, runs, runs) < 0)
                      ? -1
                      : vl_document_drop (app->store, record->uuid, VL_ROLE_PENDING, "interrupted",
                                          VL_WAS_KILLED));
}

int
vl_server_resize_mend (struct vl_app *app, const char *uuid, const char *kind)
{
  struct before before;
  struct vl_record record;
  struct vl_plugin *driver;

  if (vl_turn_left (app, uuid, &record, &driver) < 0)
    return -1;
  if (VL_STREQ (kind, VL_OP_SERVER_RESIZE))
    return mend_resize (app, driver, &record);
  if (load_before (app, uuid, &before) < 0)
    return -1;
  return finish (app, driver, &record, VL_ENDS (kind, "revert") ? &before : NULL, 0);
}
