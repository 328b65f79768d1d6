/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Records of servers as files: one by one, and kept up to date in a folder that hosts share.  A file is
 * never written over by an older record. */

#include <config.h>

#include "server/exported.h"
#include "server/hooks.h"
#include "server/keep.h"
#include "server/records.h"

#include "lib/file.h"
#include "lib/trust.h"
#include "storage/storage.h"

#include <virtloom/ascii.h>
#include <virtloom/virtloom.h>

#include <errno.h>
#include <fcntl.h>

/* ---- this host ---- */

const char *
vl_host_name_problem (const char *name)
{
  for (const char *p = name; *p; p++)
    if (! vl_ascii_is_alnum (*p) && (p == name || strchr ("-._:", *p) == NULL))
      return "is no name of a host; accepted: letters, digits, and after the first of them - . _ :";
  return *name == '\0'         ? "is empty; accepted: the name of a host"
         : strlen (name) > 253 ? "is too long; accepted: at most 253 bytes"
                               : NULL;
}

const char *
vl_app_host_name (struct vl_app *app)
{
  const char *name = vl_config_str (app->config, "host"), *problem;
  char own[256] = "";

  if (name == NULL || *name == '\0')
    name = gethostname (own, sizeof own - 1) == 0 ? vl_printf (app->call, "%s", own) : "";
  problem = vl_host_name_problem (name);
  if (problem == NULL)
    return name;
  vl_refuse_as (app->call, VL_ERR_REFUSED, "InvalidConfiguration", NULL,
                "set host in virtloom.conf", "the name of this host, '%s', %s",
                vl_shown (app->call->arena, name), problem);
  return NULL;
}

/* ---- from the store ---- */

int
vl_exported_load (struct vl_app *app, const struct vl_record *record, struct vl_exported *exported)
{
  struct vl_store *store = app->store;
  struct vl_stored *stored = vl_stored_load (app, record, VL_ROLE_CURRENT);
  struct vl_recorded *was;
  struct {
    const char *given, *made;
  } more = { NULL, NULL };
  int result = stored ? vl_stored_judge (app->call, record, stored) : -1;

  *exported = (struct vl_exported) { .version = VL_EXPORTED_VERSION, .record = *record };
  exported->host = vl_app_host_name (app);
  if (stored)
    exported->stored = *stored;
  vl_stored_free (stored);
  exported->stored.doc = NULL;
  if (result < 0 || exported->host == NULL
      || vl_db_number (store, &exported->generation, "SELECT generation FROM server WHERE uuid = ?",
                       "s", record->uuid)
             < 0
      || vl_db_row (store, &more,
                    "SELECT given, made FROM server JOIN document ON server = uuid AND role = "
                    "'current' WHERE uuid = ?",
                    "s", record->uuid)
             < 0
      || vl_db_rows (store, &exported->images, &exported->n_images,
                     "SELECT uuid, name, checksum FROM image JOIN server_image ON image = uuid "
                     "WHERE server = ? ORDER BY uuid",
                     "s", record->uuid)
             < 0)
    return -1;
  was = &exported->stored.was;
  exported->given = more.given;
  exported->made = more.made;
  exported->disks = was->devices;
  while (exported->n_disks < was->n_devices && ! was->devices[exported->n_disks].is_nic)
    exported->n_disks++;
  exported->nics = was->devices + exported->n_disks;
  exported->n_nics = was->n_devices - exported->n_disks;
  return vl_db_rows (store, &exported->kept, &exported->n_kept,
                     "SELECT plugin, key FROM kept WHERE server = ? AND key <> '' "
                     "ORDER BY plugin, key",
                     "s", record->uuid);
}

/* ---- files ---- */

static const char *
file_of (struct vl_app *app, const char *folder, const char *uuid)
{
  return vl_printf (app->call, "%s/%s.json", folder, uuid);
}

/* Is FOLDER one that nobody else writes to?  0, or -1 after a finding. */
static int
judge_folder (struct vl_app *app, const char *folder)
{
  struct vl_trust trust = { 0 };
  VL_AUTOCLOSE int fd = vl_trust_open (app->call->arena, folder, O_PATH | O_DIRECTORY, &trust);

  if (fd >= 0)
    return 0;
  if (trust.error)
    return vl_refuse_as (app->call, VL_ERR_FAILED, "RecordsUnreadable", NULL,
                         "mount it, or see records_dir in virtloom.conf",
                         "the folder of records \"%s\" cannot be opened: %s", folder,
                         strerror (trust.error));
  return vl_refuse_as (app->call, VL_ERR_NOT_PERMITTED, "RecordsUnreadable", NULL, trust.hint,
                       "the folder of records \"%s\" cannot be trusted: %s", folder, trust.why);
}

/* The record of server UUID in FOLDER: 1, 0 where there is none, -1 after a finding. */
static int
read_file (struct vl_app *app, const char *folder, const char *uuid, struct vl_exported *exported)
{
  const char *path = file_of (app, folder, uuid), *why;
  VL_AUTOFREE char *text = NULL;
  size_t length;

  if (judge_folder (app, folder) < 0)
    return -1;
  text = vl_file_read (path, VL_EXPORTED_BYTES, &length, &why);
  if (text == NULL && errno == ENOENT)
    return 0;
  if (text == NULL)
    return vl_refuse_as (app->call, VL_ERR_FAILED, "RecordsUnreadable", NULL,
                         "see records_dir in virtloom.conf", "the record \"%s\" cannot be read: %s",
                         path, why);
  return vl_exported_read (app->call, text, length, path, exported) < 0 ? -1 : 1;
}

/* How far the folder of records is behind what is on record of a server. */
struct behind {
  int64_t generation, exported; /* as of table `server` */
};

static int
load_behind (struct vl_app *app, const char *uuid, struct behind *behind)
{
  *behind = (struct behind) { 0, 0 };
  return vl_db_number (app->store, &behind->generation,
                       "SELECT generation FROM server WHERE uuid = ?", "s", uuid)
                     < 0
                 || vl_db_number (
                        app->store, &behind->exported,
                        "SELECT exported FROM server WHERE uuid = ? AND exported IS NOT NULL", "s",
                        uuid)
                        < 0
             ? -1
             : 0;
}

/* A file of another host is that host's server, however often what is on record here has changed
 * meanwhile; but for the very record that the server was taken over with.  0, or -1 after
 * InstanceMoved. */
static int
judge_owner (struct vl_app *app, const struct vl_record *record, const char *folder,
             const char *host, const struct vl_exported *there)
{
  struct behind behind;

  if (VL_STREQ (there->host, host))
    return 0;
  if (load_behind (app, record->uuid, &behind) < 0)
    return -1;
  if (behind.exported < 0 && there->generation <= -behind.exported)
    return 0;
  return vl_refuse_as (
      app->call, VL_ERR_REQUEST, "InstanceMoved", NULL,
      vl_printf (app->call,
                 "start it there; or take it over, once it is off there: virtloom "
                 "server import --replace %s",
                 vl_shell_word (app->call->arena, file_of (app, folder, record->uuid))),
      "server \"%s\" is host \"%s\"'s by \"%s\" (generation %lld)", record->name, there->host,
      file_of (app, folder, record->uuid), (long long)there->generation);
}

/* Whose lock is held writes what is on record of server UUID into FOLDER; *GENERATION is that. */
static int
write_file (struct vl_app *app, const char *uuid, const char *folder, int64_t *generation)
{
  const char *path = file_of (app, folder, uuid);
  struct vl_exported exported, there;
  VL_AUTOFREE char *text = NULL;
  struct vl_record record;
  int got = read_file (app, folder, uuid, &there);

  if (got < 0 || vl_record_load (app->store, uuid, &record) != 1
      || vl_exported_load (app, &record, &exported) < 0
      || (got == 1 && judge_owner (app, &record, folder, exported.host, &there) < 0))
    return -1;
  /* Records that were restored from a copy are today's all the same. */
  if (got == 1 && there.generation > exported.generation) {
    exported.generation = there.generation + 1;
    if (vl_db_run (app->store, "UPDATE server SET generation = ? WHERE uuid = ?", "is",
                   exported.generation, uuid)
        < 0)
      return -1;
  }
  *generation = exported.generation;
  text = vl_exported_write (app->call, &exported);
  if (text == NULL)
    return -1;
  return vl_file_write (path, text, strlen (text), 0600) < 0
             ? vl_file_failed (app->call, "cannot write", path, errno)
             : 0;
}

/* One at a time, so that a file becomes no older. */
static int
export_to (struct vl_app *app, const char *uuid, const char *folder, int64_t *generation)
{
  VL_AUTOLOCK struct vl_lock lock = VL_LOCK_NONE;

  return vl_lock_take (app, "locks", "records", VL_LOCK_OTHER, &lock) < 0
             ? -1
             : write_file (app, uuid, folder, generation);
}

int
vl_server_export (struct vl_app *app, const char *server, const char *folder, const char **text)
{
  const struct vl_record *record = vl_record_find (app, server);
  struct vl_exported exported;
  VL_AUTOFREE char *json = NULL;
  int64_t generation;

  *text = NULL;
  if (record == NULL)
    return -1;
  if (VL_STREQ (record->status, "BUILD") || VL_STREQ (record->status, "DELETING")
      || VL_STREQ (record->status, "MIGRATING"))
    return vl_refuse_as (app->call, VL_ERR_REQUEST, "InstanceInvalidState", NULL,
                         vl_status_way_out (app->call, record->status,
                                            vl_name_word (app->call->arena, record->name)),
                         "server \"%s\" is %s; export is for servers that are there", record->name,
                         record->status);
  if (folder)
    return export_to (app, record->uuid, vl_path_absolute (app->call->arena, folder), &generation);
  if (vl_exported_load (app, record, &exported) < 0)
    return -1;
  json = vl_exported_write (app->call, &exported);
  *text = vl_arena_strdup (app->call->arena, json);
  return json ? 0 : -1;
}

/* ---- the folder that hosts share ---- */

const char *
vl_records_folder (struct vl_app *app)
{
  const char *folder = vl_config_str (app->config, "records_dir");

  return folder && *folder ? vl_path_absolute (app->call->arena, folder) : NULL;
}

/* The file of a server that is gone from here goes, unless it is another host's by now. */
static int
remove_file (struct vl_app *app, const char *uuid, const char *folder)
{
  VL_AUTOLOCK struct vl_lock lock = VL_LOCK_NONE;
  const char *path = file_of (app, folder, uuid), *host = vl_app_host_name (app);
  struct vl_exported there;
  int got = -1;

  if (host && vl_lock_take (app, "locks", "records", VL_LOCK_OTHER, &lock) == 0)
    got = read_file (app, folder, uuid, &there);
  if (got == 1 && VL_STREQ (there.host, host)
      && (unlink (path) < 0 || vl_file_sync_folder (path) < 0))
    return vl_remove_failed (app->call, path);
  return got < 0 ? -1
                 : vl_db_run (app->store, "UPDATE departed SET exported = NULL WHERE server = ?",
                              "s", uuid);
}

void
vl_records_keep (struct vl_app *app)
{
  const char *folder = app->store && ! app->store->read_only ? vl_records_folder (app) : NULL;
  size_t first = app->call->findings.n, n = 0;
  int64_t generation;
  const char **list;

  if (folder == NULL)
    return;
  vl_db_rows (app->store, &list, &n,
              "SELECT uuid FROM server WHERE generation > 0 AND generation IS NOT exported AND "
              "status NOT IN ('BUILD', 'DELETING', 'MIGRATING') ORDER BY uuid",
              "");
  for (size_t i = 0; i < n; i++)
    if (export_to (app, list[i], folder, &generation) == 0)
      vl_db_run (app->store, "UPDATE server SET exported = ? WHERE uuid = ?", "is", generation,
                 list[i]);
  n = 0;
  vl_db_rows (app->store, &list, &n,
              "SELECT server FROM departed WHERE exported IS NOT NULL AND server NOT IN (SELECT "
              "uuid FROM server) ORDER BY server",
              "");
  for (size_t i = 0; i < n; i++)
    remove_file (app, list[i], folder);
  vl_soften (app->call, first);
}

int
vl_records_judge_owner (struct vl_app *app, const struct vl_record *record)
{
  const char *folder = vl_records_folder (app), *host = folder ? vl_app_host_name (app) : NULL;
  struct vl_exported there;
  int got;

  if (folder == NULL)
    return 0;
  got = host ? read_file (app, folder, record->uuid, &there) : -1;
  return got == 1 ? judge_owner (app, record, folder, host, &there) : got;
}

int
vl_records_judge_newest (struct vl_app *app, const struct vl_exported *exported)
{
  const char *folder = vl_records_folder (app), *host = folder ? vl_app_host_name (app) : NULL;
  struct vl_exported there;
  int64_t last = 0, here = 0;
  int got = folder ? host ? read_file (app, folder, exported->record.uuid, &there) : -1 : 0;

  if (got < 0
      || vl_db_number (app->store, &last, "SELECT generation FROM departed WHERE server = ?", "s",
                       exported->record.uuid)
             < 0
      || vl_db_number (app->store, &here, "SELECT generation FROM server WHERE uuid = ?", "s",
                       exported->record.uuid)
             < 0)
    return -1;
  /* What has changed here since the server is another host's is of no server. */
  if (here > last && ! (got == 1 && ! VL_STREQ (there.host, host)))
    last = here;
  if (got == 1 && there.generation > exported->generation)
    return vl_refuse_as (
        app->call, VL_ERR_REQUEST, "RecordTooOld", NULL,
        vl_printf (app->call, "import that: virtloom server import %s",
                   vl_shell_word (app->call->arena, file_of (app, folder, exported->record.uuid))),
        "the record of server \"%s\" is of generation %lld, and the one in the folder "
        "of records is of generation %lld, of host \"%s\"",
        exported->record.name, (long long)exported->generation, (long long)there.generation,
        there.host);
  return exported->generation > last
             ? 0
             : vl_refuse_as (
                 app->call, VL_ERR_REQUEST, "RecordTooOld", NULL,
                 "import what the host exports that had the server last",
                 "the record of server \"%s\" is of generation %lld; when it was on this "
                 "host last it was of generation %lld",
                 exported->record.name, (long long)exported->generation, (long long)last);
}
