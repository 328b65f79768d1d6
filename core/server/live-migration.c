/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A guest goes to another host while it runs: Nova's calls of that, one by one, each at its own host.
 * At the source the server is MIGRATING before anything is sent, so that whatever dies meanwhile,
 * nobody starts its guest a second time. */

#include <config.h>

#include "server/hooks.h"
#include "server/live-storage.h"
#include "server/method.h"
#include "server/undo.h"

#include "lib/file.h"
#include "lib/text.h"

#include <virtloom/virtloom.h>

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#define WORD "live migration"
#define MIGRATING "MIGRATING"
#define HOST_NAME_BYTES 253
#define MIB ((int64_t)1 << 20)

/* ---- at the destination ---- */

/* What comes from another host names guests and folders here. */
static int
judge_data (struct vl_call *call, const struct vl_migrate_data *data)
{
  if (data->uuid == NULL || ! vl_is_uuid (data->uuid))
    return vl_refuse_as (call, VL_ERR_REQUEST, "InvalidInput", NULL, NULL,
                         "the migrate data have no uuid of a guest; accepted: 36 characters, as "
                         "00000000-0000-4000-8000-000000000001");
  if (data->domain && ! vl_domain_is_ours (data->uuid, data->domain))
    return vl_refuse_as (call, VL_ERR_REQUEST, "InvalidInput", NULL,
                         "give back what check_can_live_migrate_source has filled",
                         "'%s' is not what guest '%s' is called", data->domain, data->uuid);
  return 0;
}

/* The application's driver, about a guest that is on no record here; NULL after a finding. */
static struct vl_plugin *
destination (struct vl_app *app, const struct vl_migrate_data *data)
{
  struct vl_plugin *driver = judge_data (app->call, data) < 0 ? NULL : vl_app_driver_plugin (app);

  if (driver)
    app->call->host = vl_app_host_of (app, driver);
  return driver && app->call->host ? driver : NULL;
}

static int64_t
room (struct vl_app *app, int over_commit)
{
  struct vl_usage usage;
  size_t first = app->call->findings.n;
  int64_t bytes;

  if (vl_host_usage (app, &usage) < 0 || usage.local_free < 0) {
    vl_soften (app->call, first);
    return -1;
  }
  bytes = usage.local_free - (over_commit ? 0 : usage.growth);
  bytes = bytes / MIB - vl_config_int (app->config, "reserved_host_disk_mb");
  return bytes > 0 ? bytes : 0;
}

int
vl_check_can_live_migrate_destination (struct vl_app *app, struct vl_migrate_data *data)
{
  struct vl_plugin *driver = destination (app, data);

  if (driver == NULL
      || VL_HAS_CALL (app->call, driver, migration, check_can_live_migrate_destination) < 0)
    return -1;
  data->disk_available_mb = room (app, data->disk_over_commit != 0);
  app->call->host = vl_app_host_of (app, driver);
  if (VL_CALL (app, driver, migration, check_can_live_migrate_destination, data) < 0)
    return -1;
  data->filename = vl_test_file_make (app);
  return data->filename ? 0 : -1;
}

int
vl_cleanup_live_migration_destination_check (struct vl_app *app, const struct vl_migrate_data *data)
{
  return data->filename ? vl_check_instance_shared_storage_cleanup (app, data->filename) : 0;
}

/* A server of that uuid that is on record here has a guest of its own, or had one. */
static int
judge_record (struct vl_app *app, const char *uuid)
{
  const char *name = vl_server_name (app, uuid);

  return name ? vl_refuse_as (app->call, VL_ERR_REQUEST, "InstanceExists", NULL,
                              "virtloom server list shows it",
                              "server \"%s\" of this host has uuid %s", name, uuid)
              : 0;
}

int
vl_pre_live_migration (struct vl_app *app, const struct vl_migrate_data *data)
{
  struct vl_plugin *driver = destination (app, data);
  const char *folder = driver ? vl_server_dir (app, data->uuid) : NULL;

  /* A STATE that has folders of servers and no records would be taken for one that lost them. */
  if (folder == NULL || vl_app_store (app) == NULL || judge_record (app, data->uuid) < 0
      || VL_HAS_CALL (app->call, driver, migration, pre_live_migration) < 0)
    return -1;
  if (data->is_shared_instance_path != 1 && mkdir (folder, 0711) < 0)
    return errno == EEXIST ? vl_refuse_as (app->call, VL_ERR_FAILED, "DestinationDiskExists", NULL,
                                           "virtloom state check tells whose it is",
                                           "the folder '%s' is there already", folder)
                           : vl_file_failed (app->call, "cannot make", folder, errno);
  return vl_server_run_dir (app, data->uuid) == NULL
                 || VL_CALL (app, driver, migration, pre_live_migration, data) < 0
             ? -1
             : 0;
}

int
vl_post_live_migration_at_destination (struct vl_app *app, const struct vl_migrate_data *data)
{
  struct vl_plugin *driver = destination (app, data);

  return driver ? VL_CALL (app, driver, migration, post_live_migration_at_destination, data) : -1;
}

/* The folder goes that pre_live_migration made, as long as nothing lies in it. */
static int
drop_folder (struct vl_app *app, const char *uuid)
{
  const char *folder = vl_server_dir (app, uuid);

  (void)rmdir (vl_printf (app->call, "%s/run", folder));
  if (rmdir (folder) == 0 || errno == ENOENT)
    return 0;
  return errno == ENOTEMPTY || errno == EEXIST
             ? (vl_warn_as (app->call, "FolderKept", NULL,
                            "remove it where what is in it is needed no more",
                            "the folder '%s' is left, since there are files in it", folder),
                0)
             : vl_remove_failed (app->call, folder);
}

int
vl_rollback_live_migration_at_destination (struct vl_app *app, const struct vl_migrate_data *data)
{
  struct vl_plugin *driver = destination (app, data);

  if (driver == NULL || judge_record (app, data->uuid) < 0
      || VL_CALL (app, driver, migration, rollback_live_migration_at_destination, data) < 0)
    return -1;
  return data->is_shared_instance_path == 1 ? 0 : drop_folder (app, data->uuid);
}

/* ---- at the source ---- */

struct leaving {
  struct vl_app *app;
  struct vl_record record;
  struct vl_plugin *driver;
  struct vl_hooks hooks;
  struct vl_migrate_data data;
  const char *was; /* its status */
};

/* May it go, as it is now?  Who asks for others does not change the record. */
static int
judge (struct leaving *l)
{
  struct vl_app *app = l->app;

  if (VL_HAS_CALL (app->call, l->driver, migration, live_migration) < 0
      || VL_HAS_CALL (app->call, l->driver, migration, rollback_live_migration_at_source) < 0
      || vl_server_judge_state (app, l->driver, &l->record, WORD) < 0
      || vl_hooks_load (&l->hooks, app, &l->record, VL_ROLE_CURRENT) < 0)
    return -1;
  app->call->host = l->hooks.host;
  l->was = l->record.status;
  return vl_hooks_permit (&l->hooks, VL_OP_LIVE_MIGRATE, 0);
}

int
vl_check_can_live_migrate_source (struct vl_app *app, const char *server,
                                  struct vl_migrate_data *data)
{
  struct leaving l = { .app = app };
  VL_AUTOLOCK struct vl_lock lock = VL_LOCK_NONE;
  int result = vl_server_take (app, server, vl_lock_seconds (app), &l.record, &l.driver, &lock);

  if (result == 0)
    result = judge (&l);
  if (result == 0) {
    data->uuid = l.record.uuid;
    result = vl_live_storage_judge (app, &l.record, data);
  }
  if (result == 0)
    result = VL_CALL (app, l.driver, migration, check_can_live_migrate_source, data);
  vl_hooks_free (&l.hooks);
  vl_lock_drop (&lock);
  vl_events_tell (app);
  return result < 0 ? -1 : 0;
}

/* A name of the DNS, or an address of IPv4 or IPv6: it becomes a part of URIs. */
static int
judge_host (struct vl_call *call, const char *dest)
{
  size_t length = strlen (dest);

  if (length > 0 && length <= HOST_NAME_BYTES && dest[0] != '-' && dest[0] != '.'
      && strspn (dest, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._:")
             == length)
    return 0;
  return vl_refuse_as (
      call, VL_ERR_REQUEST, "InvalidHostname", NULL, NULL,
      "'%s' is no name of a host; accepted: a name, or an address without brackets", dest);
}

static int
set_status (struct leaving *l, const char *status, const char *fault)
{
  return vl_record_set_status (l->app->store, l->record.uuid, status, fault);
}

/* Inside a transaction. */
static int
write_begin (struct leaving *l)
{
  return vl_undo_begin (l->app->store, l->record.uuid, VL_OP_SERVER_LIVE_MIGRATION,
                        l->record.driver)
                     < 0
                 || set_status (l, MIGRATING, NULL) < 0
             ? -1
             : 0;
}

static int
begin (struct leaving *l)
{
  return judge (l) < 0 || vl_db_begin (l->app->store) < 0
             ? -1
             : vl_db_finish (l->app->store, write_begin (l));
}

/* Where it is here the server is what it was, as its guest is; where that is not known nothing is said
 * of it. */
static int
end (struct leaving *l, int answer, const char *dest, size_t first)
{
  struct vl_call *call = l->app->call;
  const char *why = answer ? vl_fault_text (call, first) : NULL;
  int bad = answer < 0 ? set_status (l, l->was, why)
            : answer   ? set_status (l, MIGRATING, why)
                       : set_status (l, MIGRATING,
                                     vl_printf (call, "its guest has gone to host '%s'", dest));

  return vl_undo_close (l->app->store, l->record.uuid, answer ? "failed" : "done",
                        answer ? why : dest)
                     < 0
                 || bad < 0
             ? -1
             : 0;
}

int
vl_live_migration (struct vl_app *app, const char *server, const struct vl_migrate_data *data,
                   const char *dest, vl_migration_fn fn, void *opaque)
{
  struct leaving l = { .app = app, .data = *data };
  VL_AUTOLOCK struct vl_lock lock = VL_LOCK_NONE;
  int result = judge_host (app->call, dest);

  if (result == 0)
    result = vl_server_take (app, server, vl_lock_seconds (app), &l.record, &l.driver, &lock);
  if (result == 0)
    result = begin (&l);
  if (result == 0) {
    size_t first = app->call->findings.n;

    l.data.uuid = l.record.uuid;
    l.data.domain = l.record.domain;
    vl_progress (app->call, "\"%s\" goes to %s", l.record.name, dest);
    result = VL_CALL (app, l.driver, migration, live_migration, &l.data, dest, fn, opaque);
    if (end (&l, result, dest, first) < 0)
      result = -1;
  }
  vl_hooks_free (&l.hooks);
  vl_lock_drop (&lock);
  vl_events_tell (app);
  return result ? -1 : 0;
}

/* SERVER's own driver; another process has the server's lock meanwhile. */
static struct vl_plugin *
driver_of (struct vl_app *app, const char *server, const char **uuid)
{
  const struct vl_record *record = vl_record_find (app, server);

  *uuid = record ? record->uuid : NULL;
  return record ? vl_app_driver_named (app, record->driver) : NULL;
}

/* The calls that its driver alone answers, about the guest of SERVER. */
#define OF_GUEST(function, method)                                                                 \
  int function (struct vl_app *app, const char *server)                                            \
  {                                                                                                \
    const char *uuid;                                                                              \
    struct vl_plugin *driver = driver_of (app, server, &uuid);                                     \
                                                                                                   \
    return driver ? VL_CALL (app, driver, migration, method, uuid) : -1;                           \
  }
OF_GUEST (vl_live_migration_abort, live_migration_abort)
OF_GUEST (vl_live_migration_force_complete, live_migration_force_complete)
OF_GUEST (vl_post_live_migration, post_live_migration)
OF_GUEST (vl_post_live_migration_at_source, post_live_migration_at_source)

/* 0 where the guest is here, and the server is what it was; 1 where it is not. */
static int
take_back (struct leaving *l)
{
  struct vl_app *app = l->app;
  int answer =
      VL_CALL (app, l->driver, migration, rollback_live_migration_at_source, l->record.uuid);

  /* What its guest is then its driver says. */
  if (answer == 0 && VL_STREQ (l->record.status, MIGRATING))
    answer = set_status (l, "ACTIVE", NULL);
  return answer;
}

int
vl_rollback_live_migration_at_source (struct vl_app *app, const char *server)
{
  struct leaving l = { .app = app };
  VL_AUTOLOCK struct vl_lock lock = VL_LOCK_NONE;
  int result = vl_server_take (app, server, vl_lock_seconds (app), &l.record, &l.driver, &lock);

  if (result == 0)
    result = take_back (&l);
  return result <= 0 ? result
                     : vl_refuse_as (
                         app->call, VL_ERR_NOT_FOUND, "InstanceNotFound", NULL,
                         "see whether it has come to the other host before anything else is done",
                         "the guest of server \"%s\" is not here", l.record.name);
}

int
vl_live_migration_mend (struct vl_app *app, const char *uuid)
{
  struct leaving l = { .app = app };
  int gone;

  if (vl_record_load (app->store, uuid, &l.record) != 1)
    return -1;
  l.driver = vl_app_driver_named (app, l.record.driver);
  gone = l.driver ? take_back (&l) : -1;
  if (gone < 0)
    return -1;
  return vl_undo_close (app->store, uuid, "interrupted",
                        gone ? "the command that did it was killed; the guest is not here"
                             : "the command that did it was killed; the guest is here");
}
