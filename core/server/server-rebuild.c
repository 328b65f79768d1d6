/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A server's own disks are made anew from an image, which may be another one.  Those that it had
 * are kept beside the new ones, as further names of the same files, until the driver has the new
 * guest.  Disks that lie elsewhere than in the server's folder are made at another place, and which of
 * both is the server's follows from its document. */

#include <config.h>

#include "server/keep.h"

#include "lib/text.h"
#include "request/disks.h"
#include "server/method.h"
#include "server/undo.h"

#include <virtloom/virtloom.h>

struct rebuilding {
  struct vl_turning *turning;
  struct vl_record after; /* with the request of the image */
  const char *request;    /* of it from then on */
  int runs;               /* its guest is to */
};

static struct vl_keeping
keeping (struct vl_app *app, const char *server)
{
  return (struct vl_keeping) { app, server, vl_server_dir (app, server), VL_KEPT_REBUILT, 1 };
}

/* ---- may it be done? ---- */

/* The request JSON of the server with its image, malloc; NULL after a finding. */
static char *
request_of (struct rebuilding *r)
{
  const char *image =
      r->turning->options->image ? r->turning->options->image : r->turning->record.image;
  int drive = r->turning->options->password || r->turning->options->n_files;
  VL_AUTOFREE char *json = NULL;

  if (r->turning->options->image && r->turning->record.image == NULL) {
    vl_refuse_as (r->turning->app->call, VL_ERR_REQUEST, "ImageUnacceptable", NULL,
                  "leave --image out: then its volumes stay, and its own disks are made anew",
                  "server \"%s\" boots from a volume, which no image takes the place of",
                  r->turning->record.name);
    return NULL;
  }
  json = vl_request_image (r->turning->app, r->turning->record.request, image, drive);
  return json ? vl_request_rebuild (r->turning->app, json, r->turning->options) : NULL;
}

/* What is kept of REQUEST has no secrets. */
static const char *
open_request (const struct rebuilding *r, const char *json)
{
  struct vl_request *request = vl_stored_request (r->turning->app, json, r->turning->record.name);
  VL_AUTOFREE char *text = NULL;

  if (request == NULL)
    return NULL;
  vl_request_forget_secrets (r->turning->plan->build.guest, request);
  text = vl_request_to_json (request);
  vl_request_free (request);
  return vl_arena_strdup (r->turning->app->call->arena, text);
}

/* Does DISK lie at another place than the one on record, outside of the server's folder? */
static int
is_beside (const struct rebuilding *r, const struct vl_disk *disk)
{
  const struct vl_recorded_device *was =
      vl_recorded_device (&r->turning->current.stored->was, disk->id);

  return vl_server_disk_is_elsewhere (r->turning->app, &r->turning->record, disk)
         && ! (was && vl_text_same (was->disk.source, disk->source));
}

/* Each disk that is made anew lies where the one that it takes the place of can be kept. */
static int
judge_disks (const struct rebuilding *r)
{
  const struct vl_guest *guest = r->turning->plan->build.guest;
  const char *dir = vl_server_dir (r->turning->app, r->turning->record.uuid);

  for (size_t i = 0; i < guest->n_disks; i++)
    if (! (guest->disk_devices[i] && vl_is_volume (guest->disk_devices[i]))
        && vl_keep_name (dir, &guest->disks[i]) == NULL && ! is_beside (r, &guest->disks[i]))
      return vl_refuse_as (r->turning->app->call, VL_ERR_UNSUPPORTED, "InstanceDeployFailure", NULL,
                           NULL,
                           "disk '%s' of server \"%s\" is \"%s\", and storage plugin \"%s\" makes "
                           "no other beside it; such disks are not made anew",
                           guest->disks[i].id, r->turning->record.name, guest->disks[i].source,
                           guest->disks[i].plugin ? guest->disks[i].plugin : "none");
  return 0;
}

static int
plan (struct rebuilding *r)
{
  struct vl_app *app = r->turning->app;
  struct vl_arena *arena = app->call->arena;
  VL_AUTOFREE char *json = request_of (r);
  struct vl_request *request =
      json ? vl_stored_request (app, json,
                                vl_printf (app->call, "server \"%s\"", r->turning->record.name))
           : NULL;

  if (request && vl_images_ready (app, request, 0) < 0) {
    vl_request_free (request);
    request = NULL;
  }
  if (request == NULL)
    return -1;
  request->admin_pass = vl_arena_strdup (request->arena, r->turning->options->password);
  request->files = r->turning->options->files;
  request->n_files = r->turning->options->n_files;
  request->anew = VL_ANEW_ALL;
  r->after = r->turning->record;
  r->after.image = vl_arena_strdup (arena, request->image.given ? request->image.name : NULL);
  r->after.image_uuid = vl_arena_strdup (arena, request->image.given ? request->image.uuid : NULL);
  r->turning->plan = vl_record_plan_of (app, &r->after, &r->turning->current.stored->was, request);
  if (r->turning->plan == NULL || ! r->turning->plan->ok
      || vl_plan_check_critical (app, r->turning->plan) < 0 || judge_disks (r) < 0
      || vl_plan_volumes_judge (app, r->turning->plan) < 0
      || (r->turning->on
          && vl_keep_judge_all (app, vl_server_dir (app, r->turning->record.uuid),
                                &r->turning->current.stored->was)
                 < 0))
    return -1;
  r->request = r->after.request = open_request (r, json);
  return r->request ? 0 : -1;
}

/* ---- the way there ---- */

/* What the config drive had and has no more is told: it is on no record, but that it was there is.
 * GIVEN is what was. */
static void
tell_dropped (const struct rebuilding *r, const char *given)
{
  const struct vl_rebuild_options *options = r->turning->options;
  struct vl_call *call = r->turning->app->call;
  VL_AUTOSTR struct vl_str what = { 0 }, how = { 0 };
  const char *end;

  for (; given && *given; given = end + 1) {
    size_t length = strcspn (given, "\n"), i = 0;
    const char *each = vl_printf (call, "%.*s", (int)length, given);
    int password = VL_STREQ (each, VL_GIVEN_PASSWORD);

    end = given + length;
    while (i < options->n_files && ! VL_STREQ (options->files[i].path, each))
      i++;
    if (password ? options->password == NULL : i == options->n_files) {
      vl_str_printf (&what, "%s%s%s", what.length ? ", " : "",
                     password ? "the administrator's password" : "file ", password ? "" : each);
      vl_str_printf (
          &how, " %s",
          password ? "--password FILE"
                   : vl_printf (call, "--file %s",
                                vl_shell_word (call->arena, vl_printf (call, "%s=FILE", each))));
    }
    if (*end == '\0')
      break;
  }
  if (what.length)
    vl_warn_as (call, "ConfigDriveRebuilt", NULL,
                vl_printf (call, "give it again: virtloom server rebuild%s %s", how.text,
                           vl_name_word (call->arena, r->turning->record.name)),
                "the config drive of server \"%s\" was made anew, without what it was given before "
                "and nothing else keeps: %s",
                r->turning->record.name, what.text);
}

/* The disks that are made anew, "root, swap". */
static const char *
lost_disks (const struct rebuilding *r)
{
  const struct vl_guest *guest = r->turning->plan->build.guest;
  VL_AUTOSTR struct vl_str names = { 0 };

  for (size_t i = 0; i < guest->n_disks; i++)
    if (! (guest->disk_devices[i] && vl_is_volume (guest->disk_devices[i]))
        && ! VL_STREQ (guest->disks[i].role, "config")
        && vl_recorded_device (&r->turning->current.stored->was, guest->disks[i].id))
      vl_str_printf (&names, "%s%s", names.length ? ", " : "", guest->disks[i].id);
  return names.length ? vl_arena_strdup (r->turning->app->call->arena, names.text) : NULL;
}

static int
move (const struct rebuilding *r, const struct vl_hooks *next)
{
  const struct vl_rebuild_options *options = r->turning->options;
  const char *given =
      vl_record_given (r->turning->app->call, options->password, options->files, options->n_files);
  const struct vl_recorded *was = &r->turning->current.stored->was;
  struct vl_keeping kept = keeping (r->turning->app, r->turning->record.uuid);
  struct vl_store *store = r->turning->app->store;

  /* Until all is there that can be made, the guest goes on as it is. */
  return (given && vl_undo_plan (store, r->turning->record.uuid, VL_MADE_GIVEN, given) < 0)
                 || vl_keep_begin (&kept) < 0
                 || vl_keep_make (&kept, next, r->turning->plan, was, 1) < 0
                 || vl_undo_plan (store, r->turning->record.uuid, VL_MADE_TURN,
                                  r->turning->on ? "on" : "off")
                        < 0
                 || vl_guest_switch_off (r->turning->app, r->turning->driver, &r->turning->record,
                                         r->turning->options->timeout)
                        < 0
                 || vl_keep_disks (&kept, was) < 0
                 || vl_keep_switch (&kept, was, r->turning->plan->build.guest) < 0
                 || vl_guest_become (next, &r->after, r->runs, VL_BECOME_REBUILT) < 0
             ? -1
             : vl_undo_plan (store, r->turning->record.uuid, VL_MADE_TURN, "done");
}

/* RECORD's server is what it was, with its disks of then. */
static int
put_back (struct vl_app *app, const struct vl_record *record, const char *turn)
{
  struct vl_keeping kept = keeping (app, record->uuid);
  struct vl_hooks hooks;
  int result;

  if (turn == NULL)
    return vl_server_disks_drop (app, record, VL_ROLE_PENDING, VL_ROLE_CURRENT) < 0
               ? -1
               : vl_keep_forget (&kept);
  result = vl_hooks_load (&hooks, app, record, VL_ROLE_CURRENT);
  if (result == 0)
    result = vl_guest_switch_off (app, hooks.driver, record, 0);
  if (result == 0)
    result = vl_keep_bring_back (&kept, VL_ROLE_CURRENT, VL_ROLE_PENDING);
  if (result == 0)
    result = vl_server_disks_drop (app, record, VL_ROLE_PENDING, VL_ROLE_CURRENT);
  if (result == 0)
    result = vl_guest_become (&hooks, record, VL_STREQ (turn, "on"), VL_BECOME_UNBUILT);
  if (result == 0)
    result = vl_keep_forget (&kept);
  vl_hooks_free (&hooks);
  return result;
}

/* The guest is the new one, and the disks that it had go. */
static int
let_go (struct vl_app *app, const struct vl_record *record)
{
  struct vl_keeping kept = keeping (app, record->uuid);

  return vl_server_disks_drop (app, record, VL_ROLE_CURRENT, VL_ROLE_PENDING) < 0
             ? -1
             : vl_keep_forget (&kept);
}

static int
act (void *opaque)
{
  struct rebuilding *r = opaque;
  struct vl_app *app = r->turning->app;
  const char *turn = NULL;
  struct vl_hooks next;
  int result = vl_hooks_load (&next, app, &r->after, VL_ROLE_PENDING);

  if (result == 0)
    result = vl_hooks_permit (&next, VL_OP_REBUILD, 0);
  if (result == 0)
    result = move (r, &next);
  vl_hooks_free (&next);
  if (result == 0)
    return let_go (app, &r->turning->record) < 0 ? VL_UNFINISHED : 0;
  if (vl_undo_planned (app->store, r->turning->record.uuid, VL_MADE_TURN, &turn) < 0
      || put_back (app, &r->turning->record, turn) < 0
      || (turn
          && vl_event_turn (app->store, r->turning->record.uuid, r->turning->on, r->turning->on)
                 < 0))
    return VL_UNFINISHED;
  return vl_refuse_as (app->call, VL_ERR_FAILED, "InstanceFaultRollback", NULL, NULL,
                       "server \"%s\" was not rebuilt; it is what it was, with its disks",
                       r->turning->record.name);
}

/* Inside a transaction: RECORD's server is what was made, of IMAGE, and STATUS. */
static int
write_end (struct vl_app *app, const struct vl_record *record, const struct vl_request_image *image,
           const char *status)
{
  struct vl_store *store = app->store;
  const char *uuid = record->uuid;

  /* That no server uses an image any more counts from now. */
  return (record->image_uuid
          && vl_db_run (store, "UPDATE image SET used = ? WHERE uuid = ?", "ss",
                        vl_now_text (store->call), record->image_uuid)
                 < 0)
                 || (image->given
                     && vl_db_run (store,
                                   "UPDATE server SET image = ?, image_uuid = ? WHERE uuid = ?",
                                   "sss", image->name, image->uuid, uuid)
                            < 0)
                 || vl_record_set_status (store, uuid, status, NULL) < 0
                 || vl_db_run (
                        store,
                        "UPDATE server SET given = (SELECT name FROM undo WHERE object = uuid "
                        "AND kind = '" VL_MADE_GIVEN "') WHERE uuid = ?",
                        "s", uuid)
                        < 0
                 || vl_document_take (store, uuid,
                                      vl_event_of_turn (VL_STREQ (record->status, "ACTIVE"),
                                                        VL_STREQ (status, "ACTIVE")))
                        < 0
             ? -1
             : vl_server_images_leave (store, uuid);
}

static int
take (void *opaque)
{
  struct rebuilding *r = opaque;

  return write_end (r->turning->app, &r->turning->record, &r->turning->plan->request->image,
                    r->runs ? "ACTIVE" : "SHUTOFF");
}

/* Inside the transaction in which it begins: the new image stays here meanwhile. */
static int
judge (void *opaque, const struct vl_change *changes, size_t n)
{
  struct rebuilding *r = opaque;
  const struct vl_request_image *image = &r->turning->plan->request->image;

  return vl_changes_judge (
             r->turning->app, &r->turning->record, changes, n, r->turning->options->accept_loss,
             r->turning->options->image ? "take an image that asks for it, too: virtloom image list"
                                        : NULL)
                     < 0
                 || vl_server_images_take (r->turning->app, r->turning->record.uuid, image->file,
                                           "root disk", image)
                        < 0
             ? -1
             : 0;
}

static int
rebuild (struct vl_turning *turning)
{
  struct rebuilding r = { .turning = turning, .after = turning->record };
  struct vl_replacement how = { .kind = VL_OP_SERVER_REBUILD,
                                .accepted = turning->options->accept_loss,
                                .judge = judge,
                                .act = act,
                                .opaque = &r,
                                .take = take };
  struct vl_app *app = turning->app;
  const char *lost, *given;

  if (vl_guest_files_check (app->call, turning->options->files, turning->options->n_files) < 0
      || VL_HAS_CALL (app->call, turning->driver, power, rebuild) < 0
      || VL_HAS_CALL (app->call, turning->driver, migration, finish_revert_migration) < 0
      || vl_turn_load (turning, "rebuild") < 0
      || vl_record_loader_judge (app->call, &turning->record, 1) < 0 || plan (&r) < 0
      || vl_db_row (app->store, &given, "SELECT given FROM server WHERE uuid = ?", "s",
                    turning->record.uuid)
             < 0)
    return -1;
  r.runs = ! VL_STREQ (turning->record.status, "SHUTOFF");
  how.request = r.request;
  lost = lost_disks (&r);
  app->call->host = turning->plan->build.host;
  vl_progress (app->call, "rebuild of \"%s\"", turning->record.name);
  if (vl_document_replace (app, &turning->record, turning->current.stored, turning->plan, &how) < 0)
    return -1;
  if (lost)
    vl_warn_as (app->call, "DisksRebuilt", NULL, NULL,
                "disks of server \"%s\" were made anew, and what was on them is gone: %s",
                turning->record.name, lost);
  tell_dropped (&r, given);
  return 0;
}

int
vl_server_rebuild (struct vl_app *app, const char *server, const struct vl_rebuild_options *options)
{
  return vl_turn (app, server, options, rebuild);
}

/* ---- what a dead command left ---- */

/* The guest is the new one: what is left to do is on record. */
static int
finish (struct vl_app *app, struct vl_plugin *driver, const struct vl_record *record)
{
  struct vl_request *request;
  const char *json = NULL;
  struct vl_info info;
  int result = -1;

  if (vl_undo_planned (app->store, record->uuid, VL_MADE_REQUEST, &json) < 0)
    return -1;
  if (json == NULL)
    return vl_refuse_as (app->call, VL_ERR_FAILED, "StoreDamaged", NULL, VL_HINT_STORE,
                         "what server \"%s\" was rebuilt as is not on record", record->name);
  request = vl_stored_request (app, json, record->name);
  if (request && let_go (app, record) == 0 && vl_server_look (app, driver, record->uuid, &info) == 0
      && vl_loader_look (app, driver, record, VL_ROLE_PENDING) == 0
      && vl_db_begin (app->store) == 0)
    result = vl_db_finish (app->store, write_end (app, record, &request->image,
                                                  vl_status_of ("ACTIVE", info.state, 1)));
  vl_request_free (request);
  return result;
}

int
vl_server_rebuild_mend (struct vl_app *app, const char *uuid)
{
  struct vl_store *store = app->store;
  struct vl_record record;
  struct vl_plugin *driver;
  const char *turn;

  if (vl_turn_left (app, uuid, &record, &driver) < 0
      || vl_undo_planned (store, uuid, VL_MADE_TURN, &turn) < 0)
    return -1;
  if (turn && VL_STREQ (turn, "done"))
    return finish (app, driver, &record);
  if (put_back (app, &record, turn) < 0
      || vl_loader_look (app, driver, &record, VL_ROLE_CURRENT) < 0 || vl_db_begin (store) < 0)
    return -1;
  return vl_db_finish (
      store,
      vl_record_set_status (store, uuid, record.status, NULL) < 0
              || vl_addresses_write (store, uuid) < 0
              || (turn
                  && vl_event_turn (store, uuid, VL_STREQ (turn, "on"), VL_STREQ (turn, "on")) < 0)
          ? -1
          : vl_document_drop (store, uuid, VL_ROLE_PENDING, "interrupted", VL_WAS_KILLED));
}
