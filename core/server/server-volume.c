/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A snapshot of a volume, a file: from then on its guest writes to an overlay, and what was on it
 * stays as it is below.  It ends when the overlay is merged into that.  A volume has one at a time. */

#include <config.h>

#include "server/hooks.h"

#include "lib/file.h"
#include "lib/text.h"
#include "server/method.h"
#include "server/new-file.h"
#include "server/undo.h"
#include "storage/storage.h"

#include <virtloom/virtloom.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <sys/stat.h>

struct work {
  struct vl_app *app;
  const char *word; /* of states.c */
  const char *kind; /* of the operation */
  enum vl_volume_way way;
  struct vl_record record;
  struct vl_record after; /* the same, with the next request */
  struct vl_plugin *driver;
  struct vl_hooks current;
  struct vl_plan *plan;
  const struct vl_disk *disk;       /* as it is on record */
  const char *below, *below_format; /* the file under it, or NULL */
  const char *path;                 /* the overlay that comes, or goes */
  const char *folder;               /* where it is made */
  int64_t bytes;                    /* of the volume */
  int quiesce;
  int acted; /* the driver was about to be called, after which the journal says what is to be done */
};

/* ---- what is on record ---- */

/* The block device of the request ROOT whose file is PATH, or NULL. */
static json_t *
device_of (const json_t *root, const char *path)
{
  json_t *device;
  size_t i;

  json_array_foreach (json_object_get (root, "block_devices"), i, device)
  {
    if (vl_text_same (json_string_value (json_object_get (device, "path")), path))
      return device;
  }
  return NULL;
}

/* What the volume PATH of RECORD's server lies over, in the memory of CALL: NULL, nothing. */
static const char *
below_of (struct vl_call *call, const struct vl_record *record, const char *path,
          const char **format)
{
  json_t *root = path ? json_loads (record->request, 0, NULL) : NULL;
  const json_t *device = root ? device_of (root, path) : NULL;
  const char *below = json_string_value (json_object_get (device, "backing"));

  if (below) {
    *format = vl_arena_strdup (call->arena,
                               json_string_value (json_object_get (device, "backing_format")));
    below = vl_arena_strdup (call->arena, below);
  }
  json_decref (root);
  return below;
}

int
vl_volume_judge_snapshot (struct vl_call *call, const struct vl_record *record,
                          const struct vl_disk *disk, const char *operation)
{
  const char *format, *name = vl_name_word (call->arena, record->name);

  if (below_of (call, record, disk->source, &format) == NULL)
    return 0;
  return vl_refuse_as (
      call, VL_ERR_REQUEST, "InvalidVolume", NULL,
      vl_printf (call, "merge it first: virtloom server unsnapshot volume %s %s", name, disk->dev),
      "volume '%s' of server \"%s\" has a snapshot, \"%s\"; '%s' is for volumes "
      "without one",
      disk->dev, record->name, disk->source, vl_operation_verb (operation));
}

/* ---- what it is to be ---- */

/* The request with the volume as it is to be; NULL after a finding. */
static const char *
next_request (const struct work *w)
{
  json_t *root = json_loads (w->record.request, 0, NULL);
  json_t *device = device_of (root, w->disk->source);
  const char *request = NULL;

  if (device == NULL)
    vl_refuse_as (w->app->call, VL_ERR_UNSUPPORTED, "InvalidVolume", NULL, NULL,
                  "volume '%s' of server \"%s\" was not given as a file; such volumes have no "
                  "snapshots here",
                  w->disk->dev, w->record.name);
  else {
    if (w->way == VL_VOLUME_SNAPSHOT) {
      json_object_set_new (device, "path", json_string (w->path));
      json_object_set_new (device, "format", json_string ("qcow2"));
      json_object_set_new (device, "backing", json_string (w->disk->source));
      json_object_set_new (device, "backing_format", json_string (w->disk->format));
    } else {
      json_object_set_new (device, "path", json_string (w->below));
      json_object_set_new (device, "format", json_string (w->below_format));
      json_object_del (device, "backing");
      json_object_del (device, "backing_format");
    }
    request = vl_request_other_file (w->app->call, root, device, w->disk);
  }
  json_decref (root);
  return request;
}

/* ---- may it be done? ---- */

/* The overlay comes to a folder that is nobody else's to write to, nor goes with the server, and takes
 * no file's place. */
static int
judge_path (struct work *w)
{
  struct vl_call *call = w->app->call;
  VL_AUTOFREE char *folder = vl_file_folder (w->path), *real = NULL;
  VL_AUTOFREE char *state = realpath (vl_app_state_dir (w->app), NULL);
  size_t length = state ? strlen (state) : 0;

  w->folder = vl_undo_folder_of (call, w->path, w->record.uuid);
  if (vl_new_file_judge (call, w->path, w->folder, "overlay", "no overlay is made in") < 0)
    return -1;
  real = realpath (folder, NULL);
  if (state == NULL || real == NULL)
    return vl_file_failed (call, "cannot look at", folder, errno);
  if (! VL_STARTS (real, state) || (real[length] != '/' && real[length] != '\0'))
    return 0;
  return vl_refuse_as (
      call, VL_ERR_REQUEST, "ImageUnacceptable", NULL, "give the name of a file elsewhere",
      "no overlay is made in \"%s\": it lies in STATE and is virtloom's own", folder);
}

static int
judge_snapshot (struct work *w)
{
  VL_AUTOIMAGE struct vl_image_file file = { .fd = -1 };

  if (vl_volume_judge_snapshot (w->app->call, &w->record, w->disk, w->word) < 0
      || judge_path (w) < 0
      || (! VL_STREQ (w->record.status, "SHUTOFF")
          && vl_quiesce_judge (&w->current, &w->quiesce) < 0))
    return -1;
  return vl_volume_measure (w->app, w->driver, w->disk, &file, &w->bytes);
}

static int
judge_merge (struct work *w)
{
  struct vl_call *call = w->app->call;
  struct stat st;

  w->below = below_of (call, &w->record, w->disk->source, &w->below_format);
  w->path = w->disk->source;
  if (w->below == NULL)
    return vl_refuse_as (call, VL_ERR_REQUEST, "InvalidVolume", NULL, NULL,
                         "volume '%s' of server \"%s\" has no snapshot; 'server snapshot "
                         "volume' makes one",
                         w->disk->dev, w->record.name);
  /* A guest that runs has it open, whatever became of its name. */
  if (! VL_STREQ (w->record.status, "SHUTOFF") || lstat (w->path, &st) == 0 || errno != ENOENT)
    return 0;
  return vl_refuse_as (call, VL_ERR_NOT_FOUND, "DiskNotFound", NULL,
                       vl_printf (call,
                                  "put it back; where it is lost, an empty one has what was on the "
                                  "volume before: qemu-img create -f qcow2 -F %s -b %s %s",
                                  w->below_format, vl_shell_word (call->arena, w->below),
                                  vl_shell_word (call->arena, w->path)),
                       "overlay \"%s\" of volume '%s' of server \"%s\" is not there", w->path,
                       w->disk->dev, w->record.name);
}

/* The judge of the replacement: nothing changes but the disk. */
static int
judge (void *opaque, const struct vl_change *changes, size_t n)
{
  const struct work *w = opaque;

  return vl_volume_change_judge (w->app->call, &w->record, w->word, w->disk->id, changes, n);
}

static int
judge_plan (struct work *w)
{
  struct vl_change *changes;
  size_t n;

  w->plan = vl_record_plan (w->app, &w->after, w->current.stored);
  if (w->plan == NULL || ! w->plan->ok)
    return -1;
  vl_stored_difference (w->app, w->current.stored, w->plan, &changes, &n);
  return judge (w, changes, n);
}

static int
has_calls (const struct work *w)
{
  return w->way == VL_VOLUME_SNAPSHOT
             ? VL_HAS_CALL (w->app->call, w->driver, devices, volume_snapshot_create)
             : VL_HAS_CALL (w->app->call, w->driver, devices, volume_snapshot_delete);
}

static int
load (struct work *w, const char *volume)
{
  struct vl_call *call = w->app->call;
  const char *id;

  if (has_calls (w) < 0 || vl_record_unlocked (call, &w->record) < 0
      || vl_server_judge_state (w->app, w->driver, &w->record, w->word) < 0
      || vl_hooks_load (&w->current, w->app, &w->record, VL_ROLE_CURRENT) < 0)
    return -1;
  id = vl_device_named (call, &w->record, &w->current.stored->was, 0, volume);
  w->disk = id ? vl_stored_disk (w->current.stored, id) : NULL;
  if (w->disk == NULL || vl_volume_judge_kind (&w->current, w->disk, "have no snapshots here") < 0)
    return -1;
  call->host = w->current.host;
  call->op_device = id;
  if (vl_hooks_permit (&w->current, VL_OP_SNAPSHOT, 0) < 0
      || (w->way == VL_VOLUME_SNAPSHOT ? judge_snapshot (w) : judge_merge (w)) < 0)
    return -1;
  w->after = w->record;
  w->after.request = next_request (w);
  return w->after.request ? 0 : -1;
}

/* ---- the overlay ---- */

static const char *
inside_of (struct vl_call *call, const char *folder)
{
  return vl_printf (call, "%s/overlay", folder);
}

/* It is made where nobody else comes to it, and gets its name in one step. */
static int
make_overlay (const struct work *w)
{
  struct vl_call *call = w->app->call;
  const char *inside = inside_of (call, w->folder);

  if (vl_undo_mkdir (w->app->store, w->record.uuid, w->folder) < 0
      || vl_overlay_make (call, inside, w->disk->source, w->disk->format, w->bytes) < 0)
    return -1;
  return link (inside, w->path) < 0 || vl_file_sync_folder (w->path) < 0
             ? vl_file_failed (call, "cannot make", w->path, errno)
             : 0;
}

/* Removes the overlay PATH, which is FILE.  One that a process has open, whatever the hypervisor says
 * of its guest, may be where that writes to. */
static int
remove_overlay (struct vl_call *call, const char *path, const struct stat *file)
{
  VL_AUTOCLOSE int fd = open (path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  struct stat st;
  int used;

  /* What a link of the user's leads to is the user's. */
  if (fd < 0)
    return errno == ENOENT || errno == ELOOP ? 0 : vl_remove_failed (call, path);
  if (fstat (fd, &st) < 0 || st.st_dev != file->st_dev || st.st_ino != file->st_ino)
    return 0;
  used = vl_disk_in_use (fd);
  if (used > 0)
    return vl_refuse_as (call, VL_ERR_FAILED, "VolumeInUse", NULL,
                         vl_printf (call, "see which process has it: fuser -v \"%s\"", path),
                         "overlay \"%s\" is not removed: a process has it open, although the guest "
                         "has another file",
                         path);
  return used < 0 || unlink (path) < 0 || vl_file_sync_folder (path) < 0
             ? vl_remove_failed (call, path)
             : 0;
}

/* No guest has the overlay that the operation on UUID was to put over a volume: what was made of it
 * goes. */
static int
undo_overlay (struct vl_app *app, const char *uuid)
{
  const char *folder = NULL;
  struct stat st;

  if (vl_undo_planned (app->store, uuid, VL_MADE_FOLDER, &folder) < 0)
    return -1;
  if (folder && lstat (inside_of (app->call, folder), &st) == 0
      && remove_overlay (app->call, vl_undo_target_of (app->call, folder, uuid), &st) < 0)
    return -1;
  return vl_undo_drop_folders (app, app->store, uuid);
}

/* After RESULT, as vl_replacement's act answers. */
static int
settle_overlay (struct vl_app *app, const char *uuid, int result)
{
  if (result == VL_UNFINISHED)
    return result;
  if (result < 0)
    return undo_overlay (app, uuid) < 0 ? VL_UNFINISHED : result;
  return vl_undo_drop_folders (app, app->store, uuid) < 0 ? VL_UNFINISHED : result;
}

/* The overlay that was merged goes, once neither guest nor record has it: then the operation is
 * over. */
static int
end_merge (struct vl_app *app, const char *uuid, const char *result)
{
  const char *merged = NULL, *path;
  uint64_t device, inode;
  struct stat st = { 0 };

  if (vl_undo_planned (app->store, uuid, VL_MADE_MERGED, &merged) < 0)
    return -1;
  path = merged ? strchr (merged, ' ') : NULL;
  if (path && sscanf (merged, "%" SCNx64 ":%" SCNx64, &device, &inode) == 2) {
    st.st_dev = (dev_t)device;
    st.st_ino = (ino_t)inode;
    if (remove_overlay (app->call, path + 1, &st) < 0)
      return -1;
  }
  return vl_undo_close (app->store, uuid, result, NULL);
}

/* Has the operation on UUID all but its end, since there is no next document any more? */
static int
is_open (struct vl_app *app, const char *uuid)
{
  return vl_db_any (
             app->store,
             "SELECT 1 FROM operation WHERE object = ?1 AND NOT EXISTS (SELECT 1 FROM document "
             "WHERE server = ?1 AND role = '" VL_ROLE_PENDING "')",
             "s", uuid)
         > 0;
}

/* ---- doing it ---- */

/* Inside a transaction. */
static int
write_begin (const struct work *w)
{
  struct vl_store *store = w->app->store;
  const char *uuid = w->record.uuid;
  struct vl_identity id = vl_file_identity (w->path);

  if (vl_undo_begin (store, uuid, w->kind, w->record.driver) < 0)
    return -1;
  return w->way == VL_VOLUME_SNAPSHOT
             ? vl_undo_plan (store, uuid, VL_MADE_FOLDER, w->folder)
             : vl_undo_plan (store, uuid, VL_MADE_MERGED,
                             vl_printf (w->app->call, "%" PRIx64 ":%" PRIx64 " %s", id.device,
                                        id.inode, w->path));
}

/* Of a guest that is off.  That it was done is written down, since of such a guest nobody else could
 * tell. */
static int
merge_here (const struct work *w)
{
  struct vl_trust_guests guests = { -1, -1 };

  if (! VL_STREQ (w->record.status, "SHUTOFF"))
    return 0;
  if (VL_CALL_FN (w->driver, inventory, get_guest_owner)
      && VL_CALL (w->app, w->driver, inventory, get_guest_owner, &guests.uid, &guests.gid) < 0)
    return -1;
  return vl_overlay_merge (w->app->call, w->path, w->below, w->below_format, &guests) < 0
             ? -1
             : vl_undo_plan (w->app->store, w->record.uuid, VL_MADE_TURN, "merged");
}

static int
act (void *opaque)
{
  struct work *w = opaque;
  struct vl_hooks next;
  int result = vl_hooks_load (&next, w->app, &w->after, VL_ROLE_PENDING);

  w->acted = 1;
  if (result == 0 && w->way == VL_VOLUME_MERGES)
    result = merge_here (w);
  if (result == 0)
    result = vl_volume_change (&w->current, &next, w->disk->id, w->way, w->quiesce);
  vl_hooks_free (&next);
  return w->way == VL_VOLUME_SNAPSHOT ? settle_overlay (w->app, w->record.uuid, result) : result;
}

/* The operation has begun. */
static int
replace (struct work *w)
{
  const struct vl_replacement how = { .kind = w->kind,
                                      .begun = 1,
                                      .judge = judge,
                                      .act = act,
                                      .opaque = w,
                                      .request = w->after.request };

  if ((w->way == VL_VOLUME_SNAPSHOT && make_overlay (w) < 0) || judge_plan (w) < 0)
    return -1;
  w->app->call->host = w->plan->build.host;
  return vl_document_replace (w->app, &w->record, w->current.stored, w->plan, &how);
}

static int
run (struct work *w)
{
  struct vl_app *app = w->app;
  const char *uuid = w->record.uuid;
  size_t first;
  int result;

  if (vl_db_begin (app->store) < 0 || vl_db_finish (app->store, write_begin (w)) < 0)
    return -1;
  first = app->call->findings.n;
  vl_progress (app->call, "%s of \"%s\"", w->word, w->record.name);
  result = replace (w);
  if (result < 0 && ! w->acted) {
    /* What it failed for is told first. */
    const char *why = vl_fault_text (app->call, first);

    if (w->way != VL_VOLUME_SNAPSHOT || undo_overlay (app, uuid) == 0)
      vl_undo_close (app->store, uuid, "failed", why);
  }
  /* Where its document is the current one, whatever went wrong. */
  if (w->way == VL_VOLUME_MERGES && w->acted && is_open (app, uuid)
      && end_merge (app, uuid, "done") < 0)
    return -1;
  return result;
}

static int
on_volume (struct work *w, const char *server, const char *volume)
{
  struct vl_app *app = w->app;
  VL_AUTOLOCK struct vl_lock lock = VL_LOCK_NONE;
  int result = -1;

  if (vl_server_take (app, server, vl_lock_seconds (app), &w->record, &w->driver, &lock) == 0
      && load (w, volume) == 0)
    result = run (w);
  app->call->op_device = NULL;
  vl_plan_free (w->plan);
  vl_hooks_free (&w->current);
  vl_lock_drop (&lock);
  vl_events_tell (app);
  return result;
}

int
vl_server_volume_snapshot (struct vl_app *app, const char *server, const char *volume,
                           const char *path)
{
  struct work w = { .app = app,
                    .word = "snapshot volume",
                    .kind = VL_OP_SERVER_VOLUME_SNAPSHOT,
                    .way = VL_VOLUME_SNAPSHOT,
                    .path = vl_path_absolute (app->call->arena, path) };

  return on_volume (&w, server, volume);
}

int
vl_server_volume_unsnapshot (struct vl_app *app, const char *server, const char *volume)
{
  struct work w = { .app = app,
                    .word = "unsnapshot volume",
                    .kind = VL_OP_SERVER_VOLUME_MERGE,
                    .way = VL_VOLUME_MERGES };

  return on_volume (&w, server, volume);
}

/* ---- what a dead command left ---- */

int
vl_volume_snapshot_mend (const struct vl_hooks *current, const struct vl_hooks *next)
{
  return settle_overlay (current->app, current->record->uuid,
                         vl_volume_change_mend (current, next, VL_VOLUME_SNAPSHOT));
}

int
vl_volume_merge_mend (const struct vl_hooks *current, const struct vl_hooks *next)
{
  const char *turn;

  if (vl_undo_planned (current->app->store, current->record->uuid, VL_MADE_TURN, &turn) < 0)
    return VL_UNFINISHED;
  /* The definition is as it was as long as the core has not merged all. */
  if (VL_STREQ (current->record->status, "SHUTOFF") && turn == NULL)
    return -1;
  return vl_volume_change_mend (current, next, VL_VOLUME_MERGES);
}

/* The command died before the next document was written, or after it became the current one. */
static int
mend_outside (struct vl_app *app, const struct vl_record *record)
{
  const char *uuid = record->uuid, *merged = NULL, *path;
  json_t *root;
  int has;

  if (undo_overlay (app, uuid) < 0
      || vl_undo_planned (app->store, uuid, VL_MADE_MERGED, &merged) < 0)
    return -1;
  path = merged ? strchr (merged, ' ') : NULL;
  if (path == NULL)
    return vl_undo_close (app->store, uuid, "interrupted", VL_WAS_KILLED);
  root = json_loads (record->request, 0, NULL);
  has = device_of (root, path + 1) != NULL;
  json_decref (root);
  return has ? vl_undo_close (app->store, uuid, "interrupted", VL_WAS_KILLED)
             : end_merge (app, uuid, "done");
}

int
vl_server_volume_mend (struct vl_app *app, const char *uuid, const char *kind)
{
  struct vl_record record;
  int pending = vl_db_any (
      app->store, "SELECT 1 FROM document WHERE server = ? AND role = '" VL_ROLE_PENDING "'", "s",
      uuid);

  if (pending < 0 || (pending && vl_document_mend (app, app->store, uuid, kind) < 0))
    return -1;
  if (! is_open (app, uuid))
    return 0;
  return vl_record_load (app->store, uuid, &record) == 1 ? mend_outside (app, &record) : -1;
}
