/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The overlay of a volume that comes or goes, and what a dead command left of that. */

#include <config.h>

#include "server/hooks.h"

#include "lib/file.h"
#include "lib/text.h"
#include "server/chain.h"
#include "server/method.h"
#include "server/undo.h"
#include "storage/storage.h"

#include <virtloom/virtloom.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *
vl_overlay_inside (struct vl_call *call, const char *folder)
{
  return vl_printf (call, "%s/overlay", folder);
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

int
vl_overlay_undo (struct vl_app *app, const char *uuid)
{
  const char *folder = NULL;
  struct stat st;

  if (vl_undo_planned (app->store, uuid, VL_MADE_FOLDER, &folder) < 0)
    return -1;
  if (folder && lstat (vl_overlay_inside (app->call, folder), &st) == 0
      && remove_overlay (app->call, vl_undo_target_of (app->call, folder, uuid), &st) < 0)
    return -1;
  return vl_undo_drop_folders (app, app->store, uuid);
}

int
vl_overlay_settle (struct vl_app *app, const char *uuid, int result)
{
  if (result == VL_UNFINISHED)
    return result;
  if (result < 0)
    return vl_overlay_undo (app, uuid) < 0 ? VL_UNFINISHED : result;
  return vl_undo_drop_folders (app, app->store, uuid) < 0 ? VL_UNFINISHED : result;
}

int
vl_overlay_end (struct vl_app *app, const char *uuid, const char *result)
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

int
vl_overlay_sync (struct vl_app *app, const char *uuid, const struct vl_chain *chain)
{
  for (size_t i = 0; i < chain->n; i++) {
    const char *path = chain->of[i].path;
    VL_AUTOCLOSE int fd = open (path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

    if (fd >= 0 && fsync (fd) == 0)
      continue;
    vl_refuse_as (app->call, VL_ERR_FAILED, "StorageFailed", NULL,
                  "see what ails that disk (dmesg) before you remove any file of the volume",
                  "\"%s\" may not be on its disk: %s; no overlay is removed", path,
                  strerror (errno));
    (void)vl_db_run (
        app->store, "DELETE FROM undo WHERE object = ? AND kind = '" VL_MADE_MERGED "'", "s", uuid);
    return -1;
  }
  return 0;
}

int
vl_overlay_is_open (struct vl_app *app, const char *uuid)
{
  return vl_db_any (
             app->store,
             "SELECT 1 FROM operation WHERE object = ?1 AND NOT EXISTS (SELECT 1 FROM document "
             "WHERE server = ?1 AND role = '" VL_ROLE_PENDING "')",
             "s", uuid)
         > 0;
}

int
vl_overlay_owner (struct vl_app *app, struct vl_plugin *driver, struct vl_trust_guests *guests)
{
  *guests = (struct vl_trust_guests) { -1, -1 };
  return VL_CALL_FN (driver, inventory, get_guest_owner)
             ? VL_CALL (app, driver, inventory, get_guest_owner, &guests->uid, &guests->gid)
             : 0;
}

/* ---- what a dead command left ---- */

int
vl_volume_snapshot_mend (const struct vl_hooks *current, const struct vl_hooks *next)
{
  const struct vl_volume_how how = { .way = VL_VOLUME_SNAPSHOT, .quiesce = VL_QUIESCE_TRY };

  return vl_overlay_settle (current->app, current->record->uuid,
                            vl_volume_change_mend (current, next, NULL, &how));
}

/* The first of CHAIN that does not lie over in NEXT what it does in CHAIN; their number is not the same. */
static size_t
first_moved (const struct vl_chain *chain, const struct vl_chain *next)
{
  size_t i = 0;

  while (i + 1 < chain->n && i + 1 < next->n
         && VL_STREQ (chain->of[i + 1].path, next->of[i + 1].path))
    i++;
  return i;
}

/* The files say that it is done: overlay AT of CHAIN lies over TO.  A QEMU that has ended since then may have
 * died with a part of what it copied in its memory alone, so that what it merged is merged again, and what it
 * pulled lies over the others again.  None that runs is without the first file.  0, -1: it is not done, or
 * VL_UNFINISHED. */
static int
make_sure (const struct vl_hooks *current, const struct vl_chain *chain, size_t at,
           const struct vl_link *to, const struct vl_volume_how *how,
           const struct vl_trust_guests *guests)
{
  static const struct vl_link none = { NULL, NULL };
  struct vl_call *call = current->app->call;
  const char *first = chain->of[0].path;
  VL_AUTOCLOSE int fd = open (first, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  int used = fd < 0 ? -1 : vl_disk_in_use (fd);

  if (used < 0) {
    vl_file_failed (call, "cannot look at", first, errno);
    return VL_UNFINISHED;
  }
  if (used && ! VL_STREQ (current->record->status, "SHUTOFF"))
    return 0;
  if (how->pulls)
    return vl_overlay_move (call, first, to ? to : &none, &chain->of[1], guests) < 0 ? VL_UNFINISHED
                                                                                     : -1;
  return vl_overlay_merge (call, chain->of + at + 1, chain->n - at - 1, guests) < 0 ? VL_UNFINISHED
                                                                                    : 0;
}

/* The volume ID has the same first file before and after, so that the overlay which gets another file
 * below says how far it came, where no QEMU has it open.  MERGED: what it does not lie over any more was
 * merged, or pulled, by the core. */
static int
mend_deep (const struct vl_hooks *current, const struct vl_hooks *next, const char *id,
           const char *merged, const struct vl_volume_how *how)
{
  struct vl_app *app = current->app;
  struct vl_call *call = app->call;
  const struct vl_disk *disk = vl_stored_disk (current->stored, id);
  struct vl_chain was = vl_chain_read (call, current->record->request, disk ? disk->source : NULL);
  struct vl_chain is = { .n = 0 };
  const struct vl_link *to;
  struct vl_trust_guests guests;
  struct vl_volume_how off;
  const char *request;
  int result;
  size_t at;

  if (vl_undo_planned (app->store, current->record->uuid, VL_MADE_REQUEST, &request) < 0)
    return VL_UNFINISHED;
  if (request)
    is = vl_chain_read (call, request, disk ? disk->source : NULL);
  if (was.n < 2 || is.n == 0)
    return VL_UNFINISHED;
  at = first_moved (&was, &is);
  to = at + 1 < is.n ? &is.of[at + 1] : NULL;
  if (! VL_STREQ (current->record->status, "SHUTOFF")) {
    result = vl_volume_change_mend (current, next, id, how);
    /* A libvirt that gives a job up may not know that QEMU had ended it. */
    if (result != -1)
      return result;
  }
  if (vl_overlay_owner (app, current->driver, &guests) < 0)
    return VL_UNFINISHED;
  if (merged && to)
    result = vl_overlay_move (call, was.of[at].path, &was.of[at + 1], to, &guests) < 0 ? -1 : 1;
  else
    result = vl_overlay_names (call, was.of[at].path, to, &guests);
  if (result < 0)
    return VL_UNFINISHED;
  if (result == 0)
    return -1;
  result = merged ? 0 : make_sure (current, &was, at, to, how, &guests);
  if (result == VL_UNFINISHED)
    return result;
  off = *how;
  off.off = 1;
  return vl_volume_change (current, result < 0 ? current : next, id, &off) < 0 ? VL_UNFINISHED
                                                                               : result;
}

static int
mend_merge (const struct vl_hooks *current, const struct vl_hooks *next)
{
  struct vl_store *store = current->app->store;
  const char *uuid = current->record->uuid, *turn, *id, *top, *path;
  struct vl_volume_how how = { .way = VL_VOLUME_MERGES };

  if (vl_undo_planned (store, uuid, VL_MADE_TURN, &turn) < 0
      || vl_undo_planned (store, uuid, VL_MADE_VOLUME, &id) < 0
      || vl_undo_planned (store, uuid, VL_MADE_MERGED, &top) < 0)
    return VL_UNFINISHED;
  if (id) {
    path = top ? strchr (top, ' ') : NULL;
    how.top = path ? path + 1 : NULL;
    how.pulls = top == NULL;
    return mend_deep (current, next, id, turn, &how);
  }
  /* The definition is as it was as long as the core has not merged all. */
  if (VL_STREQ (current->record->status, "SHUTOFF") && turn == NULL)
    return -1;
  return vl_volume_change_mend (current, next, NULL, &how);
}

int
vl_volume_merge_mend (const struct vl_hooks *current, const struct vl_hooks *next)
{
  const char *uuid = current->record->uuid, *request = NULL;
  struct vl_app *app = current->app;
  int result = mend_merge (current, next);

  if (result == 0 && vl_undo_planned (app->store, uuid, VL_MADE_REQUEST, &request) < 0)
    return VL_UNFINISHED;
  for (size_t i = 0; request && i < next->stored->was.n_devices; i++) {
    const struct vl_recorded_device *device = &next->stored->was.devices[i];
    struct vl_chain chain = { .n = 0 };

    if (! device->is_nic)
      chain = vl_chain_read (app->call, request, device->disk.source);
    if (vl_overlay_sync (app, uuid, &chain) < 0)
      break;
  }
  return result;
}

/* The command died before the next document was written, or after it became the current one. */
static int
mend_outside (struct vl_app *app, const struct vl_record *record)
{
  const char *uuid = record->uuid, *merged = NULL, *path;

  if (vl_overlay_undo (app, uuid) < 0
      || vl_undo_planned (app->store, uuid, VL_MADE_MERGED, &merged) < 0)
    return -1;
  path = merged ? strchr (merged, ' ') : NULL;
  if (path == NULL)
    return vl_undo_close (app->store, uuid, "interrupted", VL_WAS_KILLED);
  return vl_chain_has (record->request, path + 1)
             ? vl_undo_close (app->store, uuid, "interrupted", VL_WAS_KILLED)
             : vl_overlay_end (app, uuid, "done");
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
  if (! vl_overlay_is_open (app, uuid))
    return 0;
  return vl_record_load (app->store, uuid, &record) == 1 ? mend_outside (app, &record) : -1;
}
