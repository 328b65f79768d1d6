/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A server is booted from a disk of another image, so that its own can be mended.  Its document
 * and its disks stay what they are: what it is rescued with is a document of its own, and files of
 * their own in its folder. */

#include <config.h>

#include "server/keep.h"

#include "lib/file.h"
#include "lib/text.h"
#include "request/disks.h"
#include "server/method.h"
#include "server/undo.h"

#include <virtloom/virtloom.h>

#include <errno.h>
#include <unistd.h>

/* ---- what it is to be ---- */

static const char *
key_of (const struct vl_request *request, const char *key)
{
  for (size_t i = 0; i < request->n_entries; i++)
    if (request->entries[i].layer == VL_LAYER_IMAGE && VL_STREQ (request->entries[i].key, key))
      return request->entries[i].value;
  return NULL;
}

static struct vl_request_image
copy_image (struct vl_arena *arena, const struct vl_request_image *image)
{
  struct vl_request_image copy = *image;

  copy.name = vl_arena_strdup (arena, image->name);
  copy.uuid = vl_arena_strdup (arena, image->uuid);
  copy.disk_format = vl_arena_strdup (arena, image->disk_format);
  copy.status = vl_arena_strdup (arena, image->status);
  copy.kernel = vl_arena_strdup (arena, image->kernel);
  copy.ramdisk = vl_arena_strdup (arena, image->ramdisk);
  copy.stored_as = vl_arena_strdup (arena, image->stored_as);
  copy.file = vl_arena_strdup (arena, image->file);
  return copy;
}

/* REQUEST, of the server with the image that it is rescued from, becomes the one that has both:
 * that image's properties, kernel and needs of memory, and the root disk that is there. */
static void
rescue_legacy (struct vl_request *request, const struct vl_request *own, struct vl_rescue *rescue)
{
  struct vl_request_image image = copy_image (request->arena, &own->image);

  rescue->image = request->image;
  image.kernel = request->image.kernel;
  image.ramdisk = request->image.ramdisk;
  image.min_ram = request->image.min_ram;
  request->image = image;
  request->rescue = rescue;
}

static int
refuse_volume (const struct vl_turning *r, const char *image)
{
  return vl_refuse_as (
      r->app->call, VL_ERR_REQUEST, "InstanceNotRescuable", NULL,
      vl_printf (
          r->app->call,
          "virtloom image set --property hw_rescue_device=disk %s; then its disk is one more",
          vl_name_word (r->app->call->arena, image)),
      "server \"%s\" boots from a volume, whose place no rescue disk takes", r->record.name);
}

/* The request of the server as it is rescued from IMAGE; NULL after a finding. */
static struct vl_request *
make_request (struct vl_turning *r, const char *image)
{
  const char *origin = vl_printf (r->app->call, "server \"%s\"", r->record.name);
  int drive = r->options->password != NULL;
  VL_AUTOFREE char *json = vl_request_image (r->app, r->record.request, image, drive);
  struct vl_request *other = json ? vl_stored_request (r->app, json, origin) : NULL;
  struct vl_request *own = other ? vl_stored_request (r->app, r->record.request, origin) : NULL;
  struct vl_rescue *rescue;
  int bad = own == NULL || vl_images_ready (r->app, other, 0) < 0;
  const struct vl_block_device *root = own ? vl_root_device (own) : NULL;

  if (bad) {
    vl_request_free (other);
    vl_request_free (own);
    return NULL;
  }
  rescue = vl_arena_alloc (other->arena, sizeof *rescue);
  rescue->device = key_of (other, "hw_rescue_device");
  rescue->bus = key_of (other, "hw_rescue_bus");
  rescue->stable = rescue->device || rescue->bus;
  if (rescue->stable) {
    struct vl_rescue *kept = vl_arena_alloc (own->arena, sizeof *kept);

    *kept = (struct vl_rescue) { .stable = 1,
                                 .image = copy_image (own->arena, &other->image),
                                 .device = vl_arena_strdup (own->arena, rescue->device),
                                 .bus = vl_arena_strdup (own->arena, rescue->bus) };
    own->rescue = kept;
    /* A kernel that is given is booted instead of any disk. */
    own->image.kernel = own->image.ramdisk = NULL;
    own->config_drive |= drive;
    vl_request_free (other);
    return own;
  }
  if (root && vl_is_volume (root)) {
    vl_request_free (own);
    vl_request_free (other);
    refuse_volume (r, image);
    return NULL;
  }
  rescue_legacy (other, own, rescue);
  vl_request_free (own);
  return other;
}

/* What there is on record of it, as a plan of the rescue may have it: where the rescue disk takes
 * the place of the root disk, the disks are given theirs anew. */
static const struct vl_recorded *
before (struct vl_turning *r, const struct vl_request *request)
{
  struct vl_arena *arena = r->app->call->arena;
  const struct vl_recorded *was = &r->current.stored->was;
  struct vl_recorded *copy;

  if (request->rescue->stable)
    return was;
  copy = vl_arena_alloc (arena, sizeof *copy);
  *copy = *was;
  copy->devices = vl_arena_alloc (arena, (was->n_devices + 1) * sizeof *copy->devices);
  copy->n_devices = 0;
  for (size_t i = 0; i < was->n_devices; i++)
    if (was->devices[i].is_nic)
      copy->devices[copy->n_devices++] = was->devices[i];
  return copy;
}

/* Is DISK one that a rescue makes? */
static int
is_made (const struct vl_disk *disk)
{
  return VL_STREQ (disk->role, "rescue") || VL_STREQ (disk->role, "config");
}

static int
judge_disks (const struct vl_turning *r)
{
  const struct vl_guest *guest = r->plan->build.guest;
  const char *dir = vl_server_dir (r->app, r->record.uuid);

  for (size_t i = 0; i < guest->n_disks; i++) {
    if (! is_made (&guest->disks[i]) && vl_keep_judge (r->app, dir, &guest->disks[i]) < 0)
      return -1;
    if (is_made (&guest->disks[i]) && vl_keep_name (dir, &guest->disks[i]) == NULL)
      return vl_refuse_as (r->app->call, VL_ERR_UNSUPPORTED, "InstanceNotRescuable", NULL, NULL,
                           "the rescue disk of server \"%s\" would be \"%s\", no file in its "
                           "folder; such servers are not rescued",
                           r->record.name, guest->disks[i].source);
  }
  return vl_plan_volumes_judge (r->app, r->plan);
}

static int
plan (struct vl_turning *r)
{
  const char *set = vl_config_str (r->app->config, "storage.rescue_image_id");
  const char *image = r->options->image ? r->options->image : set ? set : r->record.image;
  struct vl_request *request;

  if (image == NULL)
    return vl_refuse_as (r->app->call, VL_ERR_REQUEST, "InstanceNotRescuable", NULL,
                         "say which image: --image IMAGE",
                         "server \"%s\" has no image that it could be rescued from",
                         r->record.name);
  request = make_request (r, image);
  if (request == NULL)
    return -1;
  request->admin_pass = vl_arena_strdup (request->arena, r->options->password);
  r->plan = vl_record_plan_of (r->app, &r->record, before (r, request), request);
  return r->plan && r->plan->ok && vl_plan_check_critical (r->app, r->plan) == 0 ? judge_disks (r)
                                                                                 : -1;
}

/* ---- the way there, and back ---- */

/* Where its disks are made, before they get their places in the server's folder. */
static struct vl_keeping
making (struct vl_app *app, const char *server)
{
  return (struct vl_keeping) { app, server, vl_server_dir (app, server), "rescue" };
}

/* Removes what a rescue has made in the folder of server UUID. */
static int
forget_files (struct vl_app *app, const char *uuid)
{
  static const char *const files[] = { "disk.rescue", "disk.config.rescue", NULL };
  struct vl_keeping made = making (app, uuid);

  for (size_t i = 0; files[i]; i++) {
    const char *path = vl_printf (app->call, "%s/%s", made.dir, files[i]);

    if (unlink (path) < 0 && errno != ENOENT)
      return vl_remove_failed (app->call, path);
  }
  return vl_keep_forget (&made);
}

/* The guest of RECORD is what its own document says again, and is ON or not. */
static int
become_itself (struct vl_app *app, const struct vl_record *record, int on)
{
  struct vl_hooks hooks;
  int result = vl_hooks_load (&hooks, app, record, VL_ROLE_CURRENT);

  if (result == 0)
    result = vl_guest_switch_off (app, hooks.driver, record, 0);
  if (result == 0)
    result = vl_guest_become (&hooks, record, on, VL_BECOME_ITSELF);
  vl_hooks_free (&hooks);
  return result;
}

/* A rescue that did not come to its end is undone; RESULT ("failed") for reason WHY. */
static int
put_back (struct vl_app *app, const struct vl_record *record, const char *result, const char *why)
{
  struct vl_store *store = app->store;
  const char *turn = NULL;

  if (vl_undo_planned (store, record->uuid, VL_MADE_TURN, &turn) < 0
      || (turn && become_itself (app, record, VL_STREQ (turn, "on")) < 0)
      || forget_files (app, record->uuid) < 0 || vl_db_begin (store) < 0)
    return -1;
  return vl_db_finish (store,
                       vl_record_set_status (store, record->uuid, record->status, NULL) < 0
                               || (turn
                                   && vl_event_turn (store, record->uuid, VL_STREQ (turn, "on"),
                                                     VL_STREQ (turn, "on"))
                                          < 0)
                           ? -1
                           : vl_document_drop (store, record->uuid, VL_ROLE_RESCUE, result, why));
}

static int
make_disks (const struct vl_turning *r, const struct vl_hooks *next)
{
  const struct vl_guest *guest = r->plan->build.guest;
  struct vl_keeping made = making (r->app, r->record.uuid);

  if (vl_keep_begin (&made) < 0)
    return -1;
  for (size_t i = 0; i < guest->n_disks; i++) {
    const char *place = guest->disks[i].source, *path;

    if (! is_made (&guest->disks[i]))
      continue;
    path = vl_printf (r->app->call, "%s/%s/%s", made.dir, made.folder,
                      vl_keep_name (made.dir, &guest->disks[i]));
    if (vl_server_disk_make (next, r->plan, i, path, 0) < 0)
      return -1;
    if (rename (path, place) < 0)
      return vl_stuck (r->app->call, "cannot move", place);
  }
  return vl_file_sync_folder (vl_printf (r->app->call, "%s/x", made.dir)) < 0
             ? vl_file_failed (r->app->call, "cannot write", made.dir, errno)
             : vl_keep_forget (&made);
}

static int
act (struct vl_turning *r)
{
  struct vl_hooks next;
  int result = vl_hooks_load (&next, r->app, &r->record, VL_ROLE_RESCUE);

  if (result == 0)
    result = vl_hooks_permit (&next, VL_OP_RESCUE, 0);
  if (result == 0)
    result = make_disks (r, &next);
  /* From here on the guest is not what it was. */
  if (result == 0)
    result = vl_undo_plan (r->app->store, r->record.uuid, VL_MADE_TURN, r->on ? "on" : "off");
  if (result == 0)
    result = vl_guest_switch_off (r->app, r->driver, &r->record, r->options->timeout);
  if (result == 0)
    result = vl_guest_become (&next, &r->record, 1, VL_BECOME_RESCUED);
  vl_hooks_free (&next);
  return result;
}

/* Inside a transaction: the operation begins, with all that it needs. */
static int
begin (struct vl_turning *r)
{
  struct vl_store *store = r->app->store;
  const char *uuid = r->record.uuid;

  if (vl_plan_again (r->app, r->plan) < 0)
    return -1;
  return vl_stored_write (store, uuid, VL_ROLE_RESCUE, r->plan) < 0
                 || vl_claims_write (r->app, uuid, VL_ROLE_RESCUE, r->plan) < 0
                 || vl_server_images_take (r->app, uuid, r->plan->request->rescue->image.file,
                                           "rescue disk", &r->plan->request->image)
                        < 0
             ? -1
             : vl_undo_begin (store, uuid, VL_OP_SERVER_RESCUE, r->record.driver);
}

/* Inside a transaction: it is rescued. */
static int
take (struct vl_turning *r)
{
  struct vl_store *store = r->app->store;

  return vl_record_set_status (store, r->record.uuid, "RESCUE", NULL) < 0
                 || vl_event_turn (store, r->record.uuid, r->on, 1) < 0
             ? -1
             : vl_undo_end (store, r->record.uuid);
}

static int
rescue (struct vl_turning *r)
{
  struct vl_store *store = r->app->store;
  struct vl_call *call = r->app->call;
  const char *fault;
  size_t first;

  if (VL_HAS_CALL (call, r->driver, power, rescue) < 0
      || VL_HAS_CALL (call, r->driver, power, unrescue) < 0 || vl_turn_load (r, "rescue") < 0
      || vl_record_loader_judge (call, &r->record, 0) < 0 || plan (r) < 0)
    return -1;
  call->host = r->plan->build.host;
  if (vl_db_begin (store) < 0 || vl_db_finish (store, begin (r)) < 0)
    return -1;
  vl_progress (call, "rescue of \"%s\"", r->record.name);
  first = call->findings.n;
  if (act (r) == 0 && vl_db_begin (store) == 0 && vl_db_finish (store, take (r)) == 0)
    return 0;
  fault = vl_fault_text (call, first);
  if (put_back (r->app, &r->record, "failed", fault) < 0) {
    vl_record_set_status (store, r->record.uuid, r->record.status, vl_fault_text (call, first));
    return -1;
  }
  return vl_refuse_as (call, VL_ERR_FAILED, "InstanceNotRescuable", NULL, NULL,
                       "server \"%s\" was not rescued; it is what it was, with its disks",
                       r->record.name);
}

int
vl_server_rescue (struct vl_app *app, const char *server, const struct vl_rebuild_options *options)
{
  return vl_turn (app, server, options, rescue);
}

/* ---- unrescue ---- */

/* Inside a transaction: what it was rescued with is forgotten. */
static int
write_end (struct vl_app *app, const struct vl_record *record, const char *status)
{
  struct vl_store *store = app->store;

  return vl_record_set_status (store, record->uuid, status, NULL) < 0
                 || vl_addresses_write (store, record->uuid) < 0
                 || vl_event_add (store, record->uuid, VL_EVENT_REBOOTED, NULL) < 0
             ? -1
             : vl_document_drop (store, record->uuid, VL_ROLE_RESCUE, "done", NULL);
}

/* Finishes what is on record as begun, from whatever point it had come to. */
static int
finish (struct vl_app *app, struct vl_plugin *driver, const struct vl_record *record)
{
  struct vl_info info;

  if (become_itself (app, record, 1) < 0 || forget_files (app, record->uuid) < 0
      || vl_server_look (app, driver, record->uuid, &info) < 0 || vl_db_begin (app->store) < 0)
    return -1;
  return vl_db_finish (app->store, write_end (app, record, vl_status_of ("ACTIVE", info.state, 1)));
}

/* May it be done? */
static int
judge_end (struct vl_app *app, struct vl_plugin *driver, struct vl_record *record)
{
  struct vl_hooks hooks;
  int result;

  if (vl_record_unlocked (app->call, record) < 0
      || VL_HAS_CALL (app->call, driver, power, unrescue) < 0
      || vl_server_judge_state (app, driver, record, "unrescue") < 0)
    return -1;
  result = vl_hooks_load (&hooks, app, record, VL_ROLE_CURRENT);
  if (result == 0)
    result = vl_hooks_permit (&hooks, VL_OP_UNRESCUE, 0);
  vl_hooks_free (&hooks);
  return result;
}

int
vl_server_unrescue (struct vl_app *app, const char *server)
{
  VL_AUTOLOCK struct vl_lock lock = VL_LOCK_NONE;
  struct vl_record record;
  struct vl_plugin *driver;
  int result = vl_server_take (app, server, vl_lock_seconds (app), &record, &driver, &lock);
  size_t first;

  if (result == 0
      && (judge_end (app, driver, &record) < 0 || vl_db_begin (app->store) < 0
          || vl_db_finish (app->store, vl_undo_begin (app->store, record.uuid,
                                                      VL_OP_SERVER_UNRESCUE, record.driver))
                 < 0))
    result = -1;
  first = app->call->findings.n;
  if (result == 0) {
    vl_progress (app->call, "unrescue of \"%s\"", record.name);
    result = finish (app, driver, &record);
    if (result < 0)
      vl_record_set_status (app->store, record.uuid, record.status,
                            vl_fault_text (app->call, first));
  }
  vl_lock_drop (&lock);
  vl_events_tell (app);
  return result;
}

/* ---- what a dead command left ---- */

int
vl_server_rescue_mend (struct vl_app *app, const char *uuid, const char *kind)
{
  struct vl_record record;
  struct vl_plugin *driver;

  if (vl_turn_left (app, uuid, &record, &driver) < 0)
    return -1;
  return VL_STREQ (kind, VL_OP_SERVER_UNRESCUE)
             ? finish (app, driver, &record)
             : put_back (app, &record, "interrupted", VL_WAS_KILLED);
}
