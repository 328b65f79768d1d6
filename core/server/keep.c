/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Other disks and another document for the guest of a server, with the way back. */

#include <config.h>

#include "server/keep.h"

#include "lib/file.h"
#include "lib/text.h"
#include "request/disks.h"
#include "server/method.h"
#include "server/undo.h"
#include "storage/storage.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

/* What a new disk is called until it takes its place. */
#define SUFFIX ".new"
/* What says of a disk that it was gone before. */
#define LOST ".lost"

/* ---- disks ---- */

const char *
vl_keep_name (const char *dir, const struct vl_disk *disk)
{
  size_t length = strlen (dir);
  const char *source = disk->source ? disk->source : "";

  return VL_STARTS (source, dir) && source[length] == '/' ? source + length + 1 : NULL;
}

static const char *
kept (const struct vl_keeping *k, const char *name, const char *suffix)
{
  return vl_printf (k->app->call, "%s/%s/%s%s", k->dir, k->folder, name, suffix);
}

/* What was done in the server's folder, and where it is kept, lasts. */
static int
sync_folders (const struct vl_keeping *k)
{
  const char *inside = kept (k, "", "");

  return vl_file_sync_folder (inside) == 0 && vl_file_sync_folder (kept (k, "x", "")) == 0
             ? 0
             : vl_file_failed (k->app->call, "cannot write", k->dir, errno);
}

int
vl_keep_judge (struct vl_app *app, const char *dir, const struct vl_disk *disk)
{
  VL_AUTOIMAGE struct vl_image_file file = { .fd = -1 };

  return vl_keep_name (dir, disk) == NULL
                 || (vl_server_disk_there (app, disk->source) == 0
                     && vl_image_open (app->call, disk->source, &file) == 0)
             ? 0
             : -1;
}

int
vl_keep_judge_all (struct vl_app *app, const char *dir, const struct vl_recorded *was)
{
  for (size_t i = 0; i < was->n_devices; i++)
    if (! was->devices[i].is_nic && vl_keep_judge (app, dir, &was->devices[i].disk) < 0)
      return -1;
  return 0;
}

int
vl_keep_begin (const struct vl_keeping *k)
{
  const char *folder = vl_printf (k->app->call, "%s/%s", k->dir, k->folder);

  return mkdir (folder, 0700) < 0 ? vl_file_failed (k->app->call, "cannot make", folder, errno) : 0;
}

static int
keep_disk (const struct vl_keeping *k, const char *source, const char *name)
{
  if (link (source, kept (k, name, "")) == 0
      || (k->anew && errno == ENOENT && vl_file_write (kept (k, name, LOST), "", 0, 0600) == 0))
    return 0;
  return vl_file_failed (k->app->call, "cannot keep", source, errno);
}

int
vl_keep_disks (const struct vl_keeping *k, const struct vl_recorded *was)
{
  const char *name;

  for (size_t i = 0; i < was->n_devices; i++)
    if (! was->devices[i].is_nic && (name = vl_keep_name (k->dir, &was->devices[i].disk))
        && keep_disk (k, was->devices[i].disk.source, name) < 0)
      return -1;
  return sync_folders (k);
}

int
vl_keep_make (const struct vl_keeping *k, const struct vl_hooks *next, const struct vl_plan *plan,
              const struct vl_recorded *was, int anew)
{
  const struct vl_guest *guest = plan->build.guest;
  struct vl_call *call = k->app->call;

  for (size_t i = 0; i < guest->n_disks; i++) {
    const struct vl_disk *disk = &guest->disks[i];
    const struct vl_recorded_device *old = anew ? NULL : vl_recorded_device (was, disk->id);
    const char *name = vl_keep_name (k->dir, disk), *path;
    int64_t bytes = guest->volumes[i].bytes;

    if (guest->disk_devices[i] && vl_is_volume (guest->disk_devices[i]))
      continue;
    path = name ? kept (k, name, SUFFIX) : NULL;
    if (old == NULL || VL_STREQ (disk->role, "swap")) {
      if (vl_server_disk_make (next, plan, i, path, 0) < 0)
        return -1;
    } else if ((path && vl_copy (call, old->disk.source, path) < 0)
               || (disk->plugin && bytes > 0 && bytes != old->disk.size
                   && vl_server_disk_make (next, plan, i, path, 1) < 0))
      return -1;
  }
  return 0;
}

int
vl_keep_switch (const struct vl_keeping *k, const struct vl_recorded *was,
                const struct vl_guest *guest)
{
  struct vl_call *call = k->app->call;
  const char *name;

  for (size_t i = 0; i < was->n_devices; i++)
    if (! was->devices[i].is_nic && vl_keep_name (k->dir, &was->devices[i].disk)
        && unlink (was->devices[i].disk.source) < 0 && ! (k->anew && errno == ENOENT))
      return vl_remove_failed (call, was->devices[i].disk.source);
  for (size_t i = 0; i < guest->n_disks; i++)
    if ((name = vl_keep_name (k->dir, &guest->disks[i]))
        && rename (kept (k, name, SUFFIX), guest->disks[i].source) < 0)
      return vl_stuck (call, "cannot move", guest->disks[i].source);
  return sync_folders (k);
}

int
vl_keep_there (const struct vl_keeping *k)
{
  return access (vl_printf (k->app->call, "%s/%s", k->dir, k->folder), F_OK) == 0;
}

int
vl_keep_forget (const struct vl_keeping *k)
{
  const char *folder = vl_printf (k->app->call, "%s/%s", k->dir, k->folder);

  return vl_file_remove_tree (folder) < 0 ? vl_remove_failed (k->app->call, folder) : 0;
}

int
vl_keep_bring_back (const struct vl_keeping *keeping, const char *old, const char *new)
{
  struct vl_app *app = keeping->app;
  struct vl_recorded_device *was, *is;
  struct vl_call *call = app->call;
  size_t n_was, n_is, k;
  const char *name;

  if (! vl_keep_there (keeping))
    return 0;
  if (vl_stored_devices (app->store, keeping->server, old, &was, &n_was) < 0
      || vl_stored_devices (app->store, keeping->server, new, &is, &n_is) < 0)
    return -1;
  for (size_t i = 0; i < n_was; i++) {
    if (was[i].is_nic || (name = vl_keep_name (keeping->dir, &was[i].disk)) == NULL)
      continue;
    if (access (kept (keeping, name, LOST), F_OK) == 0) {
      if (unlink (was[i].disk.source) < 0 && errno != ENOENT)
        return vl_remove_failed (call, was[i].disk.source);
      continue;
    }
    /* Of two names of one file rename leaves both. */
    if (rename (kept (keeping, name, ""), was[i].disk.source) < 0 && errno != ENOENT)
      return vl_stuck (call, "cannot move", was[i].disk.source);
  }
  for (size_t i = 0; i < n_is; i++) {
    for (k = 0; k < n_was; k++)
      if (! was[k].is_nic && vl_text_same (was[k].disk.source, is[i].disk.source))
        break;
    if (k == n_was && ! is[i].is_nic && vl_keep_name (keeping->dir, &is[i].disk)
        && unlink (is[i].disk.source) < 0 && errno != ENOENT)
      return vl_remove_failed (call, is[i].disk.source);
  }
  return sync_folders (keeping);
}

/* ---- the server ---- */

int
vl_turn (struct vl_app *app, const char *server, const struct vl_rebuild_options *options,
         int (*fn) (struct vl_turning *turning))
{
  struct vl_turning turning = { .app = app, .options = options };
  VL_AUTOLOCK struct vl_lock lock = VL_LOCK_NONE;
  int result =
      vl_server_take (app, server, vl_lock_seconds (app), &turning.record, &turning.driver, &lock)
              < 0
          ? -1
          : fn (&turning);

  vl_plan_free (turning.plan);
  vl_hooks_free (&turning.current);
  vl_lock_drop (&lock);
  vl_events_tell (app);
  return result;
}

int
vl_turn_load (struct vl_turning *turning, const char *word)
{
  struct vl_record *record = &turning->record;
  struct vl_call *call = turning->app->call;

  if (vl_record_unlocked (call, record) < 0
      || vl_server_judge_state (turning->app, turning->driver, record, word) < 0
      || (turning->on = vl_guest_is_on (turning->app, turning->driver, record)) < 0
      || vl_hooks_load (&turning->current, turning->app, record, VL_ROLE_CURRENT) < 0
      || vl_stored_judge (call, record, turning->current.stored) < 0)
    return -1;
  return vl_hooks_permit (&turning->current, vl_operation_find (word)->op, 0);
}

int
vl_turn_left (struct vl_app *app, const char *uuid, struct vl_record *record,
              struct vl_plugin **driver)
{
  if (vl_record_load (app->store, uuid, record) != 1)
    return -1;
  *driver = vl_app_driver_named (app, record->driver);
  return *driver ? 0 : -1;
}

int
vl_stored_judge (struct vl_call *call, const struct vl_record *record,
                 const struct vl_stored *stored)
{
  if (! stored->was.earlier)
    return 0;
  return vl_refuse_as (call, VL_ERR_REQUEST, "GuestWouldChange", NULL,
                       vl_printf (call, "virtloom server reboot --hard --update %s",
                                  vl_name_word (call->arena, record->name)),
                       "server \"%s\" was made before devices were on record", record->name);
}

/* ---- the guest ---- */

static int
call_driver (const struct vl_hooks *hooks, const struct vl_spawn *spawn, enum vl_becoming how)
{
  struct vl_app *app = hooks->app;
  struct vl_plugin *driver = hooks->driver;

  switch (how) {
  case VL_BECOME_NEXT:
    return VL_CALL (app, driver, migration, finish_migration, spawn);
  case VL_BECOME_BEFORE:
  case VL_BECOME_UNBUILT:
    return VL_CALL (app, driver, migration, finish_revert_migration, spawn);
  case VL_BECOME_RESCUED:
    return VL_CALL (app, driver, power, rescue, spawn);
  case VL_BECOME_ITSELF:
    return VL_CALL (app, driver, power, unrescue, spawn);
  case VL_BECOME_REBUILT:
    return VL_CALL (app, driver, power, rebuild, spawn);
  }
  return -1;
}

int
vl_guest_become (const struct vl_hooks *hooks, const struct vl_record *record, int runs,
                 enum vl_becoming how)
{
  struct vl_app *app = hooks->app;
  struct vl_spawn spawn;

  if (runs && (vl_server_devices_connect (app, record) < 0 || vl_hooks_prepare (hooks) < 0))
    return -1;
  /* What stays off, as it was, may lack a disk, as it did; it is judged when it is started. */
  if (how == VL_BECOME_UNBUILT && ! runs
          ? vl_record_spawn_off (app, record, hooks->stored->doc, &spawn) < 0
          : vl_record_spawn (app, record, hooks->stored->doc, &spawn) < 0)
    return -1;
  spawn.power_on = (uint32_t)runs;
  if (how == VL_BECOME_REBUILT || how == VL_BECOME_UNBUILT)
    spawn.kept = vl_printf (app->call, "%s/" VL_KEPT_REBUILT, vl_server_dir (app, record->uuid));
  app->call->host = hooks->host;
  app->call->addresses = NULL;
  return call_driver (hooks, &spawn, how);
}

int
vl_guest_is_on (struct vl_app *app, struct vl_plugin *driver, const struct vl_record *record)
{
  struct vl_info info;

  if (vl_server_look (app, driver, record->uuid, &info) < 0)
    return -1;
  return info.state == VL_STATE_RUNNING || info.state == VL_STATE_PAUSED;
}

int
vl_guest_switch_off (struct vl_app *app, struct vl_plugin *driver, const struct vl_record *record,
                     uint32_t seconds)
{
  int on = vl_guest_is_on (app, driver, record), pulled;

  if (on <= 0)
    return on;
  pulled = VL_CALL (app, driver, power, power_off, record->uuid, seconds, VL_ASK_AGAIN);
  if (pulled > 0 && seconds > 0)
    (void)vl_server_tell_pulled (app->call, record, seconds);
  return pulled < 0 ? -1 : 0;
}
