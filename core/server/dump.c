/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A guest that hangs is looked into: by an interrupt that has its own system write a crash dump,
 * or by its memory in a file of the host's. */

#include <config.h>

#include "server/hooks.h"
#include "server/method.h"
#include "server/new-file.h"
#include "server/undo.h"

#include "lib/file.h"

#include <virtloom/virtloom.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

struct dump {
  struct vl_app *app;
  struct vl_record record;
  struct vl_plugin *driver;
  struct vl_hooks hooks;
  const char *path;   /* what is to come, or NULL: an interrupt */
  const char *folder; /* where it is made, which nobody else can enter, beside PATH */
  const char *inside;
  int runs; /* its guest does, and stands still while PATH is written */
};

/* The folder that a file comes to is nobody else's to write to, so that no link can be put where
 * root writes; PATH is not there yet. */
static int
judge_path (struct dump *dump)
{
  struct vl_call *call = dump->app->call;

  dump->folder = vl_undo_folder_of (call, dump->path, dump->record.uuid);
  dump->inside = vl_printf (call, "%s/memory", dump->folder);
  return vl_new_file_judge (call, dump->path, dump->folder, "dump",
                            "the memory of a guest is not written into");
}

static int
check_status (struct dump *dump)
{
  struct vl_info info;
  const char *status;

  if (vl_server_look (dump->app, dump->driver, dump->record.uuid, &info) < 0)
    return -1;
  dump->runs = info.state == VL_STATE_RUNNING;
  status = vl_status_of (dump->record.status, info.state, 1);
  return vl_record_accepts (dump->app->call, &dump->record, status, "dump");
}

/* Inside a transaction. */
static int
write_begin (struct dump *dump)
{
  struct vl_store *store = dump->app->store;
  const char *uuid = dump->record.uuid;

  if (vl_undo_begin (store, uuid, VL_OP_SERVER_DUMP, dump->record.driver) < 0)
    return -1;
  if (dump->path == NULL)
    return 0;
  return vl_undo_plan (store, uuid, VL_MADE_FOLDER, dump->folder) < 0
                 || (dump->runs && vl_undo_plan (store, uuid, VL_MADE_STILL, uuid) < 0)
             ? -1
             : 0;
}

static int
begin (struct dump *dump)
{
  struct vl_app *app = dump->app;

  if (check_status (dump) < 0 || (dump->path && judge_path (dump) < 0)
      || vl_hooks_load (&dump->hooks, app, &dump->record, VL_ROLE_CURRENT) < 0)
    return -1;
  app->call->host = dump->hooks.host;
  if (vl_hooks_permit (&dump->hooks, VL_OP_CRASH_DUMP, 1) < 0 || vl_db_begin (app->store) < 0)
    return -1;
  return vl_db_finish (app->store, write_begin (dump));
}

static int
failed (struct vl_call *call, const char *what, const char *path)
{
  return vl_file_failed (call, what, path, errno);
}

/* The hypervisor may have given the file to whom QEMU runs as, as it does with a guest's disks;
 * nobody comes to it before it is the caller's again. */
static int
take_file (struct dump *dump)
{
  struct vl_call *call = dump->app->call;
  int fd = open (dump->inside, O_RDONLY | O_NOFOLLOW | O_CLOEXEC), ok;

  if (fd < 0)
    return failed (call, "cannot read", dump->inside);
  ok = fchown (fd, geteuid (), getegid ()) == 0 && fchmod (fd, 0600) == 0 && fsync (fd) == 0;
  if (! ok)
    failed (call, "cannot keep", dump->inside);
  close (fd);
  if (! ok)
    return -1;
  return renameat2 (AT_FDCWD, dump->inside, AT_FDCWD, dump->path, RENAME_NOREPLACE) < 0
                 || vl_file_sync_folder (dump->path) < 0
             ? failed (call, "cannot make", dump->path)
             : 0;
}

static int
write_memory (struct dump *dump)
{
  struct vl_app *app = dump->app;
  int fd;

  if (vl_undo_mkdir (app->store, dump->record.uuid, dump->folder) < 0)
    return -1;
  fd = open (dump->inside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0)
    return failed (app->call, "cannot make", dump->inside);
  close (fd);
  vl_progress (app->call, "writing the memory of \"%s\"", dump->record.name);
  return VL_CALL (app, dump->driver, power, dump_memory, dump->record.uuid, dump->inside) < 0
             ? -1
             : take_file (dump);
}

static int
act (struct dump *dump)
{
  struct vl_app *app = dump->app;

  if (dump->path)
    return write_memory (dump);
  if (VL_CALL_FN (dump->driver, power, trigger_crash_dump))
    return VL_CALL (app, dump->driver, power, trigger_crash_dump, dump->record.uuid);
  return vl_refuse_as (app->call, VL_ERR_UNSUPPORTED, "NMINotSupported", NULL, NULL,
                       "driver \"%s\" cannot interrupt guests", dump->driver->name);
}

/* A guest that ran before goes on, where a dump that did not come to its end has left it. */
static int
go_on (struct vl_app *app, struct vl_plugin *driver, const char *uuid)
{
  int ran = vl_db_any (
      app->store, "SELECT 1 FROM undo WHERE object = ? AND kind = '" VL_MADE_STILL "'", "s", uuid);
  struct vl_info info;

  if (ran <= 0)
    return ran;
  if (vl_server_look (app, driver, uuid, &info) < 0)
    return -1;
  return info.state == VL_STATE_PAUSED ? VL_CALL (app, driver, power, unpause, uuid) : 0;
}

/* Ends the operation in one transaction; the guest, and the folder, which is empty by now or to go
 * with what is in it, first. */
static int
end (struct vl_app *app, struct vl_plugin *driver, const char *uuid, const char *result,
     const char *reason)
{
  return go_on (app, driver, uuid) < 0 || vl_undo_drop_folders (app, app->store, uuid) < 0
             ? -1
             : vl_undo_close (app->store, uuid, result, reason);
}

int
vl_server_dump (struct vl_app *app, const char *server, const char *path)
{
  struct dump dump = { .app = app,
                       .path = path ? vl_path_absolute (app->call->arena, path) : NULL };
  VL_AUTOLOCK struct vl_lock lock = VL_LOCK_NONE;
  int result =
      vl_server_take (app, server, vl_lock_seconds (app), &dump.record, &dump.driver, &lock);

  if (result == 0)
    result = begin (&dump);
  if (result == 0) {
    size_t first = app->call->findings.n;

    result = act (&dump);
    if (end (app, dump.driver, dump.record.uuid, result < 0 ? "failed" : "done",
             result < 0 ? vl_fault_text (app->call, first) : dump.path)
        < 0)
      result = -1;
  }
  vl_hooks_free (&dump.hooks);
  return result;
}

int
vl_server_dump_mend (struct vl_app *app, const char *uuid)
{
  const char *folder = NULL, *inside;
  struct vl_plugin *driver;
  struct vl_record record;
  int done;

  if (vl_record_load (app->store, uuid, &record) != 1)
    return -1;
  driver = vl_app_driver_named (app, record.driver);
  if (driver == NULL || vl_undo_planned (app->store, uuid, VL_MADE_FOLDER, &folder) < 0)
    return -1;
  inside = vl_printf (app->call, "%s/memory", folder ? folder : "");
  /* The last step is that the file leaves its folder. */
  done = folder && access (folder, F_OK) == 0 && access (inside, F_OK) < 0
         && access (vl_undo_target_of (app->call, folder, uuid), F_OK) == 0;
  return end (app, driver, uuid, done ? "done" : "interrupted",
              done     ? NULL
              : folder ? VL_WAS_KILLED
                       : "the command that did it was killed; the guest may have been interrupted");
}
