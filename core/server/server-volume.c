/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A snapshot of a volume, a file: from then on its guest writes to an overlay, and what was on it
 * stays as it is below.  It ends when the overlay is merged into that, or has all that was below pulled into
 * it.  A volume may have several. */

#include <config.h>

#include "server/hooks.h"

#include "lib/file.h"
#include "lib/text.h"
#include "server/chain.h"
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
  const struct vl_disk *disk; /* as it is on record, */
  struct vl_chain chain;      /* and its files, */
  struct vl_chain next;       /* and those that it is to have */
  const char *named;          /* an overlay that is merged, or a file that stays below what pulls */
  int pulls;
  size_t at;        /* the number of the overlay that is merged, or of the first file that stays */
  const char *path; /* the overlay that comes, or goes, or pulls */
  const char *folder; /* where it is made */
  int64_t bytes;      /* of the volume */
  int quiesce;
  int acted; /* the driver was about to be called, after which the journal says what is to be done */
};

int
vl_volume_judge_snapshot (struct vl_call *call, const struct vl_record *record,
                          const struct vl_disk *disk, const char *operation)
{
  struct vl_chain chain = vl_chain_read (call, record->request, disk->source);
  const char *name = vl_name_word (call->arena, record->name);

  if (chain.n < 2)
    return 0;
  return vl_refuse_as (
      call, VL_ERR_REQUEST, "InvalidVolume", NULL,
      vl_printf (call, "merge it first: virtloom server unsnapshot volume %s %s", name, disk->dev),
      "volume '%s' of server \"%s\" has a snapshot, \"%s\"; '%s' is for volumes "
      "without one",
      disk->dev, record->name, disk->source, vl_operation_verb (operation));
}

/* Is the file that the guest writes to the same before and after? */
static int
is_deep (const struct work *w)
{
  return w->way == VL_VOLUME_MERGES && (w->pulls || w->at > 0);
}

/* ---- what it is to be ---- */

/* The request with the volume as it is to be; NULL after a finding. */
static const char *
next_request (struct work *w)
{
  const char *request;

  w->next = w->way == VL_VOLUME_SNAPSHOT ? vl_chain_over (&w->chain, w->path)
            : w->pulls                   ? vl_chain_without (&w->chain, 1, w->at - 1)
                                         : vl_chain_without (&w->chain, w->at, 1);
  request = vl_chain_write (w->app->call, w->record.request, w->disk, &w->next);
  if (request == NULL)
    vl_refuse_as (w->app->call, VL_ERR_UNSUPPORTED, "InvalidVolume", NULL, NULL,
                  "volume '%s' of server \"%s\" was not given as a file; such volumes have no "
                  "snapshots here",
                  w->disk->dev, w->record.name);
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

/* How large it is, which its I-th file says. */
static int
measure (struct work *w, size_t i)
{
  VL_AUTOIMAGE struct vl_image_file file = { .fd = -1 };
  struct vl_disk disk = *w->disk;

  if (i > 0) {
    disk.source = w->chain.of[i].path;
    disk.format = w->chain.of[i].format;
  }
  return vl_volume_measure_over (w->app, w->driver, &disk,
                                 i + 1 < w->chain.n ? &w->chain.of[i + 1] : NULL, &file, &w->bytes);
}

static int
judge_snapshot (struct work *w)
{
  if (w->chain.n >= VL_CHAIN_MOST)
    return vl_refuse_as (
        w->app->call, VL_ERR_REQUEST, "InvalidVolume", NULL,
        vl_printf (w->app->call, "merge one: virtloom server unsnapshot volume %s %s",
                   vl_name_word (w->app->call->arena, w->record.name), w->disk->dev),
        "volume '%s' of server \"%s\" has %zu snapshots; accepted: at most %d", w->disk->dev,
        w->record.name, w->chain.n - 1, VL_CHAIN_MOST - 1);
  if (judge_path (w) < 0
      || (! VL_STREQ (w->record.status, "SHUTOFF")
          && vl_quiesce_judge (&w->current, &w->quiesce) < 0))
    return -1;
  return measure (w, 0);
}

/* Which overlay is merged: that which is named, or the first. */
static int
find_overlay (struct work *w)
{
  if (w->named == NULL)
    return 0;
  w->at = vl_chain_find (&w->chain, w->named);
  if (w->at + 1 < w->chain.n)
    return 0;
  return vl_refuse_as (w->app->call, VL_ERR_NOT_FOUND, "InvalidVolume", NULL,
                       "name one of those, or none: that which the guest writes to",
                       "\"%s\" is no overlay of volume '%s' of server \"%s\"; it has: %s", w->named,
                       w->disk->dev, w->record.name, vl_chain_overlays (w->app->call, &w->chain));
}

/* Down to which file all is copied. */
static int
find_base (struct work *w)
{
  struct vl_call *call = w->app->call;

  w->at = w->named ? vl_chain_find (&w->chain, w->named) : w->chain.n;
  if (w->named && w->at == w->chain.n)
    return vl_refuse_as (call, VL_ERR_NOT_FOUND, "InvalidVolume", NULL,
                         "name one that is to stay below, or none: then nothing is",
                         "\"%s\" is no file of volume '%s' of server \"%s\"", w->named,
                         w->disk->dev, w->record.name);
  if (w->at < 2)
    return vl_refuse_as (
        call, VL_ERR_REQUEST, "InvalidVolume", NULL,
        "name a file further down, or none: then all is copied",
        "there is nothing to pull: volume '%s' of server \"%s\" has no file between "
        "\"%s\" and \"%s\"",
        w->disk->dev, w->record.name, w->disk->source, w->named);
  if (w->named && VL_STREQ (w->record.status, "SHUTOFF"))
    return vl_refuse_as (call, VL_ERR_REQUEST, "InvalidVolume", NULL,
                         "start it first, or pull all: without --base",
                         "server \"%s\" is off; of a part of the files below only QEMU pulls, and "
                         "none has volume '%s' open",
                         w->record.name, w->disk->dev);
  return 0;
}

/* Is the file NUMBER of the volume there?  -1 after a finding: HINT says how to mend it. */
static int
find_file (const struct work *w, size_t number, const char *hint)
{
  const char *path = w->chain.of[number].path;
  struct stat st;

  return lstat (path, &st) == 0 || errno != ENOENT
             ? 0
             : vl_refuse_as (w->app->call, VL_ERR_NOT_FOUND, "DiskNotFound", NULL, hint,
                             "%s \"%s\" of volume '%s' of server \"%s\" is not there",
                             number + 1 < w->chain.n ? "overlay" : "file", path, w->disk->dev,
                             w->record.name);
}

/* A guest that runs has all files open, whatever became of their names; an overlay that it writes to is
 * merged also where it has lost its name.  What stays has to have one, and what QEMU or qemu-img write
 * into a file that has none is lost. */
static int
judge_files (struct work *w)
{
  const struct vl_link *of = w->chain.of;
  struct vl_call *call = w->app->call;
  int off = VL_STREQ (w->record.status, "SHUTOFF");
  size_t lost = ! off && ! w->pulls && ! is_deep (w);

  for (size_t i = lost; i < w->chain.n; i++) {
    const char *hint = off ? "put it back"
                           : "put it back before the guest stops: its QEMU has it open still, in "
                             "/proc/PID/fd";

    if (off && ! w->pulls && i == w->at)
      hint = vl_printf (call,
                        "put it back; where it is lost, an empty one has what was on the "
                        "volume before: qemu-img create -f qcow2 -F %s -b %s %s",
                        of[i + 1].format, vl_shell_word (call->arena, of[i + 1].path),
                        vl_shell_word (call->arena, of[i].path));
    if (find_file (w, i, hint) < 0)
      return -1;
  }
  return measure (w, lost);
}

static int
judge_merge (struct work *w)
{
  if (w->chain.n < 2)
    return vl_refuse_as (w->app->call, VL_ERR_REQUEST, "InvalidVolume", NULL, NULL,
                         "volume '%s' of server \"%s\" has no snapshot; 'server snapshot "
                         "volume' makes one",
                         w->disk->dev, w->record.name);
  if ((w->pulls ? find_base (w) : find_overlay (w)) < 0)
    return -1;
  w->path = w->chain.of[w->pulls ? 0 : w->at].path;
  return judge_files (w);
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
  w->chain = vl_chain_read (call, w->record.request, w->disk->source);
  if (vl_hooks_permit (&w->current, VL_OP_SNAPSHOT, 0) < 0
      || (w->way == VL_VOLUME_SNAPSHOT ? judge_snapshot (w) : judge_merge (w)) < 0)
    return -1;
  w->after = w->record;
  w->after.request = next_request (w);
  return w->after.request ? 0 : -1;
}

/* ---- the overlay ---- */

/* It is made where nobody else comes to it, and gets its name in one step. */
static int
make_overlay (const struct work *w)
{
  struct vl_call *call = w->app->call;
  const char *inside = vl_overlay_inside (call, w->folder);

  if (vl_undo_mkdir (w->app->store, w->record.uuid, w->folder) < 0
      || vl_overlay_make (call, inside, w->disk->source, w->disk->format, w->bytes) < 0)
    return -1;
  return link (inside, w->path) < 0 || vl_file_sync_folder (w->path) < 0
             ? vl_file_failed (call, "cannot make", w->path, errno)
             : 0;
}

/* ---- doing it ---- */

/* Inside a transaction. */
static int
write_begin (const struct work *w)
{
  struct vl_store *store = w->app->store;
  const char *uuid = w->record.uuid;
  struct vl_identity id = vl_file_identity (w->path);

  if (vl_undo_begin (store, uuid, w->kind, w->record.driver) < 0
      || (is_deep (w) && vl_undo_plan (store, uuid, VL_MADE_VOLUME, w->disk->id) < 0))
    return -1;
  if (w->pulls)
    return 0;
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
  const struct vl_link *of = w->chain.of;
  struct vl_call *call = w->app->call;
  struct vl_trust_guests guests;

  if (! VL_STREQ (w->record.status, "SHUTOFF"))
    return 0;
  if (vl_overlay_owner (w->app, w->driver, &guests) < 0)
    return -1;
  if (w->pulls && vl_overlay_pull (call, of, w->chain.n, &guests) < 0)
    return vl_overlay_names (call, of[0].path, &of[1], &guests) > 0 ? -1 : VL_UNFINISHED;
  if (! w->pulls && vl_overlay_merge (call, of + w->at, w->chain.n - w->at, &guests) < 0)
    return -1;
  if (vl_undo_plan (w->app->store, w->record.uuid, VL_MADE_TURN, "merged") < 0)
    return w->pulls ? VL_UNFINISHED : -1;
  return is_deep (w) && ! w->pulls
                 && vl_overlay_move (call, of[w->at - 1].path, &of[w->at], &of[w->at + 1], &guests)
                        < 0
             ? VL_UNFINISHED
             : 0;
}

static int
act (void *opaque)
{
  struct work *w = opaque;
  const struct vl_volume_how how = { .way = w->way,
                                     .quiesce = w->quiesce,
                                     .top = is_deep (w) && ! w->pulls ? w->path : NULL,
                                     .pulls = w->pulls,
                                     .base = w->pulls ? w->named : NULL,
                                     .bytes = w->bytes };
  struct vl_hooks next;
  int result = vl_hooks_load (&next, w->app, &w->after, VL_ROLE_PENDING);

  w->acted = 1;
  if (result == 0 && w->way == VL_VOLUME_MERGES)
    result = merge_here (w);
  if (result == 0)
    result = vl_volume_change (&w->current, &next, w->disk->id, &how);
  /* The next command looks what the files themselves say. */
  if (result == -1 && is_deep (w) && w->app->call->findings.n_errors)
    result = VL_UNFINISHED;
  if (result >= 0 && w->way == VL_VOLUME_MERGES
      && vl_overlay_sync (w->app, w->record.uuid, &w->next) < 0)
    result = 1;
  vl_hooks_free (&next);
  return w->way == VL_VOLUME_SNAPSHOT ? vl_overlay_settle (w->app, w->record.uuid, result) : result;
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

    if (w->way != VL_VOLUME_SNAPSHOT || vl_overlay_undo (app, uuid) == 0)
      vl_undo_close (app->store, uuid, "failed", why);
  }
  /* Where its document is the current one, whatever went wrong. */
  if (w->way == VL_VOLUME_MERGES && w->acted && vl_overlay_is_open (app, uuid)
      && vl_overlay_end (app, uuid, "done") < 0)
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
vl_server_volume_unsnapshot (struct vl_app *app, const char *server, const char *volume,
                             const char *overlay)
{
  struct work w = { .app = app,
                    .word = "unsnapshot volume",
                    .kind = VL_OP_SERVER_VOLUME_MERGE,
                    .way = VL_VOLUME_MERGES,
                    .named = overlay ? vl_path_absolute (app->call->arena, overlay) : NULL };

  return on_volume (&w, server, volume);
}

int
vl_server_volume_pull (struct vl_app *app, const char *server, const char *volume, const char *base)
{
  struct work w = { .app = app,
                    .word = "unsnapshot volume",
                    .kind = VL_OP_SERVER_VOLUME_MERGE,
                    .way = VL_VOLUME_MERGES,
                    .pulls = 1,
                    .named = base ? vl_path_absolute (app->call->arena, base) : NULL };

  return on_volume (&w, server, volume);
}
