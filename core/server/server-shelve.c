/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A server that takes nothing of the host but room for an image.  Its root disk becomes that image;
 * only when that is whole, and on record as used by the server, do the server's own disks go.  The
 * definition of its guest stays with the hypervisor, which keeps the variables of the firmware and what
 * a TPM holds with it; so does the config drive, since the password and the files on it are kept nowhere
 * else.  The image goes once the guest that was made of it is on record as one that runs. */

#include <config.h>

#include "server/keep.h"

#include "lib/file.h"
#include "lib/text.h"
#include "request/disks.h"
#include "server/method.h"
#include "server/undo.h"

#include <errno.h>
#include <unistd.h>

#include <virtloom/virtloom.h>

/* In the server's folder: the disks that are made for it again. */
#define MADE "unshelve"
/* The images_type of disks with nothing below them. */
#define ALONE "raw"

struct shelving {
  struct vl_turning *turning;
  struct vl_request *request; /* NULL where it is not loaded */
  struct vl_image_info image; /* its name and uuid; NULL ones where it boots from a volume */
  struct vl_record after;     /* of unshelve: with the request from then on */
  const char *lost;           /* of shelve: disks that are in no image, or NULL */
  const char *done;           /* of unshelve: the image that is to be removed, or NULL */
};

/* ---- shelve ---- */

static int
is_accepted (const char *const *accepted, const char *id)
{
  for (; accepted && *accepted; accepted++)
    if (VL_STREQ (*accepted, id))
      return 1;
  return 0;
}

/* Is DEVICE a disk of the server's own, but its config drive? */
static int
is_local (const struct shelving *s, const struct vl_recorded_device *device)
{
  const struct vl_wanted_disk *wanted;
  size_t n;

  if (device->is_nic || VL_STREQ (device->disk.role, "config"))
    return 0;
  wanted = vl_wanted_disks (s->request, &n);
  return device->disk.index < 0 || (size_t)device->disk.index >= n
         || wanted[device->disk.index].bdm == NULL
         || ! vl_is_volume (wanted[device->disk.index].bdm);
}

/* Each local disk lies where it is removed and made anew, and the one that stays is there. */
static int
judge_disks (const struct shelving *s)
{
  const struct vl_recorded *was = &s->turning->current.stored->was;
  const struct vl_record *record = &s->turning->record;
  struct vl_app *app = s->turning->app;
  const char *dir = vl_server_dir (app, record->uuid);

  for (size_t i = 0; i < was->n_devices; i++) {
    const struct vl_disk *disk = &was->devices[i].disk;

    if (is_local (s, &was->devices[i]) && vl_keep_name (dir, disk) == NULL
        && ! vl_server_disk_is_read (app, disk))
      return vl_refuse_as (
          app->call, VL_ERR_UNSUPPORTED, "ImageUnacceptable", NULL, NULL,
          "disk '%s' of server \"%s\" is \"%s\", no file in its folder, and nobody "
          "reads it; servers with such disks are not shelved",
          disk->id, record->name, disk->source);
    if (! was->devices[i].is_nic && ! vl_shelved_disk_goes (dir, disk)
        && vl_keep_judge (app, dir, disk) < 0)
      return -1;
  }
  return 0;
}

/* The disks that go and are in no image, "ephemeral0"; what was in swap means nothing to a guest that
 * starts. */
static int
find_lost (struct shelving *s)
{
  const struct vl_recorded *was = &s->turning->current.stored->was;
  struct vl_call *call = s->turning->app->call;
  VL_AUTOSTR struct vl_str names = { 0 }, words = { 0 };

  for (size_t i = 0; i < was->n_devices; i++) {
    const struct vl_disk *disk = &was->devices[i].disk;

    if (! is_local (s, &was->devices[i]) || VL_STREQ (disk->role, "root")
        || VL_STREQ (disk->role, "swap"))
      continue;
    vl_str_printf (&names, "%s%s", names.length ? ", " : "", disk->id);
    if (! is_accepted (s->turning->options->accept_loss, disk->id))
      vl_str_printf (&words, " --accept-loss %s", vl_shell_word (call->arena, disk->id));
  }
  if (names.length)
    s->lost = vl_arena_strdup (call->arena, names.text);
  if (words.length == 0)
    return 0;
  return vl_refuse_as (call, VL_ERR_REQUEST, "GuardedLoss", NULL,
                       vl_printf (call, "copy what is on them; if they shall go:%s", words.text),
                       "disks of server \"%s\" would be in no image, and what is on them would be "
                       "gone: %s",
                       s->turning->record.name, names.text);
}

static int
judge_shelve (struct shelving *s)
{
  struct vl_turning *t = s->turning;
  const struct vl_block_device *root;

  if (VL_HAS_CALL (t->app->call, t->driver, migration, finish_migration) < 0
      || VL_HAS_CALL (t->app->call, t->driver, migration, finish_revert_migration) < 0
      || vl_turn_load (t, "shelve") < 0
      || vl_losses_check_disks (t->app, &t->record, t->current.stored, t->options->accept_loss) < 0)
    return -1;
  t->app->call->host = t->current.host;
  s->request = vl_stored_request (t->app, t->record.request,
                                  vl_printf (t->app->call, "server \"%s\"", t->record.name));
  if (s->request == NULL || judge_disks (s) < 0 || find_lost (s) < 0)
    return -1;
  root = vl_root_device (s->request);
  if (root && vl_is_volume (root))
    return 0;
  return vl_shelved_image_judge (t->app->call, t->record.name, &s->image) < 0
             ? -1
             : vl_snapshot_judge (&t->current, s->request, &s->image);
}

static int
write_begin (const struct shelving *s)
{
  struct vl_store *store = s->turning->app->store;
  const struct vl_record *record = &s->turning->record;
  int there = s->image.name ? vl_db_any (store, "SELECT 1 FROM image WHERE name = ? OR uuid = ?",
                                         "ss", s->image.name, s->image.uuid)
                            : 0;

  if (there)
    return there < 0 ? -1 : vl_exists (store->call, &vl_noun_image, s->image.name);
  return vl_undo_begin (store, record->uuid, VL_OP_SERVER_SHELVE, record->driver) < 0
             ? -1
             : vl_undo_plan (store, record->uuid, VL_MADE_TURN, s->turning->on ? "on" : "off");
}

/* Inside a transaction: from here on the disks may go. */
static int
write_made (struct vl_app *app, const char *uuid, const struct vl_image_info *image)
{
  /* Its kernel and ramdisk have been its own since it was made. */
  const struct vl_request_image none = { 0 };

  return (image->uuid
          && vl_server_images_take (app, uuid, vl_image_path (app, image->uuid), "root disk", &none)
                 < 0)
             ? -1
             : vl_undo_plan (app->store, uuid, VL_MADE_TURN, "done");
}

static int
write_shelved (struct vl_store *store, const struct vl_record *record)
{
  const char *uuid = record->uuid;

  /* Its volumes and addresses stay its own, so that nobody takes them meanwhile. */
  return vl_db_run (store,
                    "DELETE FROM claim WHERE server = ? AND (holder = '' OR resource = 'PCPU')",
                    "s", uuid)
                     < 0
                 || vl_record_set_status (store, uuid, VL_STATUS_SHELVED, NULL) < 0
                 || vl_event_turn (store, uuid, ! VL_STREQ (record->status, "SHUTOFF"), 0) < 0
             ? -1
             : vl_undo_end (store, uuid);
}

/* Goes on from where the image is whole, or where there is none, and the guest of RECORD is off. */
static int
finish_shelve (struct vl_app *app, const struct vl_record *record)
{
  if (vl_server_devices_undo (app, app->store, record->uuid, NULL) < 0
      || vl_shelved_disks_drop (app, record->uuid, VL_ROLE_CURRENT) < 0
      || vl_db_begin (app->store) < 0)
    return -1;
  return vl_db_finish (app->store, write_shelved (app->store, record));
}

/* The server of RECORD is what it was, TURN. */
static int
put_back (struct vl_app *app, struct vl_plugin *driver, const struct vl_record *record,
          const char *turn, const char *result, const char *why)
{
  struct vl_hooks hooks;
  struct vl_info info;
  int bad = vl_server_look (app, driver, record->uuid, &info);
  int boots = bad == 0 && turn && VL_STREQ (turn, "on") && info.state != VL_STATE_RUNNING
              && info.state != VL_STATE_PAUSED;

  if (boots) {
    bad = vl_hooks_load (&hooks, app, record, VL_ROLE_CURRENT) < 0
          || vl_guest_become (&hooks, record, 1, VL_BECOME_BEFORE) < 0
          || vl_server_look (app, driver, record->uuid, &info) < 0;
    vl_hooks_free (&hooks);
  }
  if (bad || vl_db_begin (app->store) < 0)
    return -1;
  return vl_db_finish (app->store,
                       vl_record_set_status (app->store, record->uuid,
                                             vl_status_of (record->status, info.state, 1), NULL)
                                   < 0
                               || vl_history_end (app->store, record->uuid, result, why) < 0
                               || vl_event_turn (app->store, record->uuid, boots, boots) < 0
                           ? -1
                           : vl_undo_end (app->store, record->uuid));
}

static int
do_shelve (struct shelving *s)
{
  struct vl_turning *t = s->turning;
  struct vl_store *store = t->app->store;
  size_t first = t->app->call->findings.n;
  const char *fault;

  vl_progress (t->app->call, "shelve of \"%s\"", t->record.name);
  if (vl_guest_switch_off (t->app, t->driver, &t->record, t->options->timeout) < 0
      || (s->image.uuid && vl_snapshot_cold (&t->current, s->request, &s->image) < 0)
      || vl_db_begin (store) < 0
      || vl_db_finish (store, write_made (t->app, t->record.uuid, &s->image)) < 0) {
    fault = vl_fault_text (t->app->call, first);
    if (put_back (t->app, t->driver, &t->record, t->on ? "on" : "off", "failed", fault) < 0)
      vl_record_set_status (store, t->record.uuid, t->record.status, fault);
    return -1;
  }
  if (finish_shelve (t->app, &t->record) == 0) {
    if (s->lost)
      vl_warn_as (t->app->call, "DisksDropped", NULL, NULL,
                  "disks of server \"%s\" are in no image, and what was on them is gone: %s",
                  t->record.name, s->lost);
    return 0;
  }
  vl_record_set_status (store, t->record.uuid, t->record.status,
                        vl_fault_text (t->app->call, first));
  return -1;
}

static int
shelve (struct vl_turning *turning)
{
  struct shelving s = { .turning = turning };
  struct vl_store *store = turning->app->store;
  int result = judge_shelve (&s);

  if (result == 0)
    result = vl_db_begin (store) < 0 ? -1 : vl_db_finish (store, write_begin (&s));
  if (result == 0)
    result = do_shelve (&s);
  vl_request_free (s.request);
  return result;
}

int
vl_server_shelve (struct vl_app *app, const char *server, uint32_t timeout,
                  const char *const *accept_loss)
{
  const struct vl_rebuild_options options = { .timeout = timeout, .accept_loss = accept_loss };

  return vl_turn (app, server, &options, shelve);
}

/* An image that is whole, of a guest that is off, is what was asked for; else the server is what
 * it was.  A guest that runs has written to its disks since, whoever started it. */
int
vl_server_shelve_mend (struct vl_app *app, const char *uuid)
{
  struct vl_image_info image = { 0 };
  struct vl_store *store = app->store;
  const char *turn, *gone = NULL;
  struct vl_plugin *driver;
  struct vl_record record;
  int made, on;

  if (vl_turn_left (app, uuid, &record, &driver) < 0
      || vl_undo_planned (store, uuid, VL_MADE_TURN, &turn) < 0)
    return -1;
  vl_shelved_image_name (app->call, record.name, &image);
  made = vl_shelved_image_made (store, uuid, &image);
  on = vl_guest_is_on (app, driver, &record);
  if (made < 0 || on < 0)
    return -1;
  if (! on && turn && VL_STREQ (turn, "done"))
    return finish_shelve (app, &record);
  if (! on && made)
    return vl_db_begin (store) < 0 || vl_db_finish (store, write_made (app, uuid, &image)) < 0
               ? -1
               : finish_shelve (app, &record);
  if (made
      && (vl_db_begin (store) < 0
          || vl_db_finish (store, vl_shelved_image_leave (store, uuid, image.uuid, &gone)) < 0
          || vl_shelved_image_remove (app, gone) < 0))
    return -1;
  return put_back (app, driver, &record, turn, "interrupted", VL_WAS_KILLED);
}

/* ---- unshelve ---- */

/* What is below the root disk of REQUEST goes with the image: its disks, if they are files, stand alone
 * from now on. */
static void
stand_alone (const struct shelving *s, struct vl_request *request)
{
  struct vl_registry *registry = s->turning->app->registry;
  const struct vl_recorded_device *root =
      vl_recorded_device (&s->turning->current.stored->was, "root");
  const char *kind = request->disk_kind;

  if (s->image.uuid && root
      && vl_keep_name (vl_server_dir (s->turning->app, s->turning->record.uuid), &root->disk)
      && (kind == NULL
          || vl_registry_answer (registry, VL_ANSWER_IMAGES, kind)
                 != vl_registry_answer (registry, VL_ANSWER_IMAGES, ALONE)))
    request->disk_kind = ALONE;
}

static struct vl_request *
request_of (const struct shelving *s)
{
  struct vl_app *app = s->turning->app;

  return vl_stored_request (app, s->turning->record.request,
                            vl_printf (app->call, "server \"%s\"", s->turning->record.name));
}

/* Finds the image, if the server has one. */
static int
find_image (struct shelving *s)
{
  struct vl_turning *t = s->turning;
  const struct vl_block_device *root;
  struct vl_image_info image = { 0 };
  struct {
    const char *format, *checksum;
  } row;

  s->request = request_of (s);
  if (s->request == NULL)
    return -1;
  root = vl_root_device (s->request);
  if (root && vl_is_volume (root))
    return 0;
  vl_shelved_image_name (t->app->call, t->record.name, &image);
  if (vl_db_row (t->app->store, &row,
                 "SELECT disk_format, checksum FROM image JOIN server_image ON image = uuid WHERE "
                 "uuid = ? "
                 "AND server = ? AND status = 'active'",
                 "ss", image.uuid, t->record.uuid)
      != 1)
    return vl_refuse_as (t->app->call, VL_ERR_FAILED, "ImageNotFound", NULL, VL_HINT_STORE,
                         "image \"%s\", which is the root disk of server \"%s\", is not on record",
                         image.name, t->record.name);
  s->image = image;
  s->image.disk_format = row.format;
  s->image.checksum = row.checksum;
  s->image.file = vl_image_path (t->app, image.uuid);
  return 0;
}

static int
plan (struct shelving *s)
{
  struct vl_turning *t = s->turning;
  VL_AUTOFREE char *json = NULL;
  struct vl_request *request;

  if (find_image (s) < 0)
    return -1;
  request = request_of (s);
  if (request)
    stand_alone (s, request);
  if (request && s->image.uuid) {
    request->image.file = s->image.file;
    request->image.disk_format = s->image.disk_format;
  }
  t->plan =
      request ? vl_record_plan_of (t->app, &t->record, &t->current.stored->was, request) : NULL;
  if (t->plan == NULL || ! t->plan->ok || vl_plan_check_critical (t->app, t->plan) < 0)
    return -1;
  stand_alone (s, s->request);
  vl_request_forget_secrets (t->plan->build.guest, s->request);
  json = vl_request_to_json (s->request);
  s->after = t->record;
  s->after.request = vl_arena_strdup (t->app->call->arena, json);
  return 0;
}

static struct vl_keeping
making (struct vl_app *app, const char *server)
{
  return (struct vl_keeping) { app, server, vl_server_dir (app, server), MADE };
}

/* The guest of RECORD is off, and what was made for it is gone. */
static int
take_back (struct vl_app *app, struct vl_plugin *driver, const struct vl_record *record)
{
  const struct vl_keeping made = making (app, record->uuid);

  /* What is half gone is nothing to start a guest from. */
  return vl_db_run (app->store, "DELETE FROM undo WHERE object = ? AND kind = '" VL_MADE_TURN "'",
                    "s", record->uuid)
                     < 0
                 || vl_guest_switch_off (app, driver, record, 0) < 0
                 || vl_server_devices_undo (app, app->store, record->uuid, NULL) < 0
                 || (vl_keep_there (&made) && vl_keep_forget (&made) < 0)
             ? -1
             : vl_shelved_disks_drop (app, record->uuid, VL_ROLE_PENDING);
}

/* Beside their places first: what makes a disk may leave more than that when it dies. */
static int
make_disks (const struct shelving *s, const struct vl_hooks *next)
{
  struct vl_app *app = s->turning->app;
  const struct vl_keeping made = making (app, s->turning->record.uuid);
  const struct vl_plan *plan = s->turning->plan;
  const struct vl_guest *guest = plan->build.guest;

  if (vl_keep_begin (&made) < 0)
    return -1;
  for (size_t i = 0; i < guest->n_disks; i++) {
    const struct vl_disk *disk = &guest->disks[i];
    const char *path;

    if (VL_STREQ (disk->role, "config")
        || (guest->disk_devices[i] && vl_is_volume (guest->disk_devices[i])))
      continue;
    if (vl_keep_name (made.dir, disk) == NULL) {
      if (vl_server_disk_make (next, plan, i, NULL, 0) < 0)
        return -1;
      continue;
    }
    path = vl_printf (app->call, "%s/%s/%s", made.dir, MADE, vl_keep_name (made.dir, disk));
    if (vl_server_disk_make (next, plan, i, path, 0) < 0)
      return -1;
    if (rename (path, disk->source) < 0)
      return vl_stuck (app->call, "cannot move", disk->source);
  }
  if (vl_file_sync_folder (vl_printf (app->call, "%s/x", made.dir)) < 0)
    return vl_file_failed (app->call, "cannot write", made.dir, errno);
  return vl_keep_forget (&made);
}

static int
act (void *opaque)
{
  struct shelving *s = opaque;
  struct vl_turning *t = s->turning;
  struct vl_hooks next;
  int result = vl_hooks_load (&next, t->app, &s->after, VL_ROLE_PENDING);

  if (result == 0)
    result = vl_hooks_permit (&next, VL_OP_UNSHELVE, 0);
  if (result == 0)
    result = make_disks (s, &next);
  /* From here on the guest may have written to them. */
  if (result == 0)
    result = vl_undo_plan (t->app->store, t->record.uuid, VL_MADE_TURN, "done");
  if (result == 0)
    result = vl_guest_become (&next, &s->after, 1, VL_BECOME_NEXT);
  vl_hooks_free (&next);
  if (result == 0)
    return 0;
  if (take_back (t->app, t->driver, &t->record) < 0)
    return VL_UNFINISHED;
  return vl_refuse_as (t->app->call, VL_ERR_FAILED, "InstanceFaultRollback", NULL, NULL,
                       "server \"%s\" was not unshelved; it is what it was", t->record.name);
}

/* Inside a transaction: the guest of RECORD runs, and its image may go. */
static int
write_unshelved (struct vl_store *store, const struct vl_record *record, const char **gone)
{
  const char *image;

  *gone = NULL;
  return vl_shelved_image_find (store, record, &image) < 0
                 || vl_record_set_status (store, record->uuid, "ACTIVE", NULL) < 0
                 || vl_document_take (store, record->uuid, VL_EVENT_STARTED) < 0
                 || (image && vl_shelved_image_leave (store, record->uuid, image, gone) < 0)
             ? -1
             : vl_server_images_leave (store, record->uuid);
}

static int
take (void *opaque)
{
  struct shelving *s = opaque;

  return write_unshelved (s->turning->app->store, &s->turning->record, &s->done);
}

static int
do_unshelve (struct shelving *s)
{
  struct vl_turning *t = s->turning;
  struct vl_replacement how = { .kind = VL_OP_SERVER_UNSHELVE,
                                .accepted = t->options->accept_loss,
                                .act = act,
                                .opaque = s,
                                .take = take };

  if (VL_HAS_CALL (t->app->call, t->driver, migration, finish_migration) < 0
      || vl_turn_load (t, "unshelve") < 0
      || vl_record_loader_judge (t->app->call, &t->record, 0) < 0 || plan (s) < 0
      || (s->image.uuid && vl_shelved_image_prove (t->app->call, &s->image) < 0))
    return -1;
  how.request = s->after.request;
  t->app->call->host = t->plan->build.host;
  vl_progress (t->app->call, "unshelve of \"%s\"", t->record.name);
  if (vl_document_replace (t->app, &t->record, t->current.stored, t->plan, &how) < 0)
    return -1;
  return vl_shelved_image_remove (t->app, s->done);
}

static int
unshelve (struct vl_turning *turning)
{
  struct shelving s = { .turning = turning };
  int result = do_unshelve (&s);

  vl_request_free (s.request);
  return result;
}

int
vl_server_unshelve (struct vl_app *app, const char *server, const char *const *accept_loss)
{
  const struct vl_rebuild_options options = { .accept_loss = accept_loss };

  return vl_turn (app, server, &options, unshelve);
}

/* The guest of RECORD runs from the disks that were made for it. */
static int
start_again (struct vl_app *app, const struct vl_record *record)
{
  struct vl_hooks next;
  int result = vl_hooks_load (&next, app, record, VL_ROLE_PENDING);

  if (result == 0)
    result = vl_guest_become (&next, record, 1, VL_BECOME_NEXT);
  vl_hooks_free (&next);
  return result;
}

/* A guest that may have run from its new disks goes on with them, for what it wrote is nowhere else. */
int
vl_server_unshelve_mend (struct vl_app *app, const char *uuid)
{
  struct vl_store *store = app->store;
  const char *turn, *gone = NULL;
  struct vl_plugin *driver;
  struct vl_record record;
  int on;

  if (vl_turn_left (app, uuid, &record, &driver) < 0
      || vl_undo_planned (store, uuid, VL_MADE_TURN, &turn) < 0
      || (on = vl_guest_is_on (app, driver, &record)) < 0)
    return -1;
  if (turn ? ! on && start_again (app, &record) < 0 : take_back (app, driver, &record) < 0)
    return -1;
  app->call->addresses = NULL;
  if ((turn && vl_loader_look (app, driver, &record, VL_ROLE_PENDING) < 0)
      || vl_db_begin (store) < 0
      || vl_db_finish (store, turn ? write_unshelved (store, &record, &gone)
                                   : vl_document_drop (store, uuid, VL_ROLE_PENDING, "interrupted",
                                                       VL_WAS_KILLED))
             < 0)
    return -1;
  return vl_shelved_image_remove (app, gone);
}
