/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A volume of a server gets larger, and its guest is told.  Who has it open grows it: the
 * hypervisor where the guest runs, else this process. */

#include <config.h>

#include "server/hooks.h"

#include "lib/file.h"
#include "lib/text.h"
#include "server/method.h"
#include "server/undo.h"
#include "storage/storage.h"

#include <virtloom/virtloom.h>

#include <inttypes.h>

#define EXTEND "extend volume" /* in the state machine */

struct extending {
  struct vl_app *app;
  struct vl_record record;
  struct vl_plugin *driver;
  struct vl_hooks hooks;
  const struct vl_disk *disk; /* on record */
  int64_t bytes;              /* that it is to have */
};

/* ---- the volume ---- */

int
vl_volume_measure_over (struct vl_app *app, struct vl_plugin *driver, const struct vl_disk *disk,
                        const struct vl_link *below, struct vl_image_file *file, int64_t *has)
{
  struct vl_trust_guests guests = { -1, -1 };

  if (VL_CALL_FN (driver, inventory, get_guest_owner)
      && VL_CALL (app, driver, inventory, get_guest_owner, &guests.uid, &guests.gid) < 0)
    return -1;
  if (vl_volume_open (app->call, disk->source, VL_STREQ (disk->type, "block"), &guests, file) < 0
      || vl_disk_verify (file, disk->format, below ? below->path : NULL,
                         below ? below->format : NULL)
             < 0)
    return -1;
  *has = VL_STREQ (disk->format, "raw") ? (int64_t)file->size : file->virtual_size;
  return 0;
}

int
vl_volume_measure (struct vl_app *app, struct vl_plugin *driver, const struct vl_disk *disk,
                   struct vl_image_file *file, int64_t *has)
{
  return vl_volume_measure_over (app, driver, disk, NULL, file, has);
}

static int
refuse_volume (const struct extending *e, const char *code, const char *hint, const char *why)
{
  return vl_refuse_as (e->app->call, VL_ERR_UNSUPPORTED, code, NULL, hint,
                       "volume '%s' of server \"%s\" %s", e->disk->dev, e->record.name, why);
}

/* Can such a volume get larger? */
static int
judge_kind (const struct extending *e)
{
  const struct vl_disk *disk = e->disk;

  if (VL_STREQ (disk->type, "network"))
    return refuse_volume (e, "ExtendVolumeNotSupported", NULL,
                          "is reached over the network, so that nobody here sees its size");
  if (vl_volume_is_encrypted (&e->hooks, disk))
    return refuse_volume (e, "ExtendVolumeNotSupported", NULL,
                          "is encrypted, so that its guest has less of it than it has bytes; such "
                          "volumes do not grow");
  if (disk->readonly)
    return refuse_volume (e, "InvalidVolume", NULL, "is read-only; such volumes do not grow");
  if (disk->shareable)
    return refuse_volume (e, "InvalidVolume", NULL,
                          "is shared with other servers, whose guests would not be told");
  if (e->bytes && (disk->plugin || ! VL_STREQ (disk->type, "file")))
    return refuse_volume (e, "ExtendVolumeNotSupported",
                          "grow it where it is kept, then say this again without a size",
                          "is no file that virtloom could grow");
  return 0;
}

/* Its size as it is now, and as it is to be. */
static int
judge_size (struct extending *e)
{
  VL_AUTOIMAGE struct vl_image_file file = { .fd = -1 };
  struct vl_call *call = e->app->call;
  int64_t has;

  if (vl_volume_measure (e->app, e->driver, e->disk, &file, &has) < 0)
    return -1;
  if (e->bytes && e->bytes < has)
    return vl_refuse_as (
        call, VL_ERR_REQUEST, "VolumeExtendFailed", NULL,
        vl_printf (call, "give at least %" PRId64 " GiB", (has + VL_GIB - 1) / VL_GIB),
        "volume '%s' of server \"%s\" has %" PRId64 " bytes, which are more than %" PRId64
        "; volumes are not made smaller",
        e->disk->dev, e->record.name, has, e->bytes);
  if (e->bytes == 0)
    e->bytes = has;
  return 0;
}

/* ---- doing it ---- */

/* The volume grows, whatever of that a command that died had done. */
static int
grow (struct extending *e)
{
  struct vl_volume_size size = {
    .size = sizeof size, .uuid = e->record.uuid, .id = e->disk->id, .target = e->disk->dev
  };
  VL_AUTOIMAGE struct vl_image_file file = { .fd = -1 };
  int64_t has;
  int open;

  if (e->disk->plugin
      && vl_server_device_act (e->app, &e->record, VL_ROLE_CURRENT, e->disk->id, VL_DEVICE_EXTENDS)
             < 0)
    return -1;
  if (vl_volume_measure (e->app, e->driver, e->disk, &file, &has) < 0)
    return -1;
  /* Where it has grown further meanwhile a hypervisor would make it smaller. */
  if (has > e->bytes)
    e->bytes = has;
  size.bytes = e->bytes;
  open = VL_CALL (e->app, e->driver, devices, extend_volume, &size);
  if (open <= 0)
    return open;
  return has < e->bytes ? vl_volume_grow (&file, e->disk->format, e->bytes) : 0;
}

/* Inside a transaction. */
static int
write_begin (const struct extending *e)
{
  struct vl_store *store = e->app->store;
  const char *size = vl_printf (e->app->call, "%" PRId64 " %s", e->bytes, e->disk->id);

  return vl_undo_begin (store, e->record.uuid, VL_OP_SERVER_EXTEND, e->record.driver) < 0
             ? -1
             : vl_undo_plan (store, e->record.uuid, VL_MADE_SIZE, size);
}

/* "vdb: 2147483648 bytes". */
static const char *
told (const struct extending *e)
{
  return vl_printf (e->app->call, "%s: %" PRId64 " bytes", e->disk->dev, e->bytes);
}

static int
load (struct extending *e, const char *volume)
{
  struct vl_call *call = e->app->call;
  const char *id;

  if (VL_HAS_CALL (call, e->driver, devices, extend_volume) < 0
      || vl_record_unlocked (call, &e->record) < 0
      || vl_server_judge_state (e->app, e->driver, &e->record, EXTEND) < 0
      || vl_hooks_load (&e->hooks, e->app, &e->record, VL_ROLE_CURRENT) < 0)
    return -1;
  id = vl_device_named (call, &e->record, &e->hooks.stored->was, 0, volume);
  e->disk = id ? vl_stored_disk (e->hooks.stored, id) : NULL;
  if (e->disk == NULL)
    return -1;
  call->host = e->hooks.host;
  call->op_device = id;
  return judge_kind (e) < 0 || vl_volume_judge_snapshot (call, &e->record, e->disk, EXTEND) < 0
                 || judge_size (e) < 0 || vl_hooks_permit (&e->hooks, VL_OP_EXTEND_VOLUME, 0) < 0
             ? -1
             : 0;
}

static int
extend (struct extending *e)
{
  struct vl_app *app = e->app;
  size_t first;
  int result;

  if (vl_db_begin (app->store) < 0 || vl_db_finish (app->store, write_begin (e)) < 0)
    return -1;
  first = app->call->findings.n;
  vl_progress (app->call, EXTEND " of \"%s\"", e->record.name);
  result = grow (e);
  if (vl_undo_close (e->app->store, e->record.uuid, result < 0 ? "failed" : "done",
                     result < 0 ? vl_fault_text (app->call, first) : told (e))
      < 0)
    return -1;
  return result;
}

int
vl_server_extend (struct vl_app *app, const char *server, const char *volume, int64_t bytes,
                  int64_t *now)
{
  struct extending e = { .app = app, .bytes = bytes };
  VL_AUTOLOCK struct vl_lock lock = VL_LOCK_NONE;
  int result = -1;

  if (bytes < 0)
    return vl_refuse (app->call, VL_ERR_USAGE, NULL, NULL, "a volume cannot have %" PRId64 " bytes",
                      bytes);
  if (vl_server_take (app, server, vl_lock_seconds (app), &e.record, &e.driver, &lock) == 0
      && load (&e, volume) == 0)
    result = extend (&e);
  app->call->op_device = NULL;
  if (result == 0 && now)
    *now = e.bytes;
  vl_hooks_free (&e.hooks);
  vl_lock_drop (&lock);
  vl_events_tell (app);
  return result;
}

/* ---- what a dead command left ---- */

/* What grew stays so, as no guest could do with less: it grows to its end. */
static int
mend (struct extending *e)
{
  struct vl_call *call = e->app->call;
  size_t first = call->findings.n;
  const char *size = NULL;
  struct vl_info info;
  char *id = NULL;

  if (vl_undo_planned (e->app->store, e->record.uuid, VL_MADE_SIZE, &size) < 0
      || vl_hooks_load (&e->hooks, e->app, &e->record, VL_ROLE_CURRENT) < 0
      || vl_server_look (e->app, e->driver, e->record.uuid, &info) < 0)
    return -1;
  e->bytes = size ? strtoll (size, &id, 10) : 0;
  e->disk = id && *id ? vl_stored_disk (e->hooks.stored, id + 1) : NULL;
  call->host = e->hooks.host;
  if (e->disk && grow (e) == 0)
    return vl_undo_close (e->app->store, e->record.uuid, "done", told (e));
  /* Nothing but the volume's end is missing, and the operator can say it again. */
  return vl_undo_close (e->app->store, e->record.uuid, "interrupted",
                        vl_printf (call, "the command that did it was killed: %s",
                                   call->findings.n > first ? vl_fault_text (call, first)
                                                            : "the volume is not on record"));
}

int
vl_server_extend_mend (struct vl_app *app, const char *uuid)
{
  struct extending e = { .app = app };
  int result = -1;

  if (vl_record_load (app->store, uuid, &e.record) == 1
      && (e.driver = vl_app_driver_named (app, e.record.driver)))
    result = mend (&e);
  vl_hooks_free (&e.hooks);
  return result;
}
