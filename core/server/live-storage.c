/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Do two hosts have a guest's disks in common?  A file that one of them makes in the folder of
 * disks is there for the other, or is not. */

#include <config.h>

#include "server/live-storage.h"

#include "lib/file.h"
#include "lib/text.h"
#include "request/request.h"
#include "storage/storage.h"

#include <virtloom/virtloom.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* What its name begins with; a uuid follows. */
#define TEST_FILE "migrate-"
#define MIB ((int64_t)1 << 20)

static const char *
path_of (struct vl_app *app, const char *name)
{
  return vl_printf (app->call, "%s/servers/%s", vl_app_state_dir (app), name);
}

/* A name from elsewhere names nothing but such a file. */
static int
judge_name (struct vl_call *call, const char *name)
{
  return VL_STARTS (name, TEST_FILE) && vl_is_uuid (name + strlen (TEST_FILE))
             ? 0
             : vl_refuse_as (call, VL_ERR_REQUEST, "InvalidInput", NULL, NULL,
                             "'%s' is no test file of shared storage; accepted: " TEST_FILE "UUID",
                             name);
}

const char *
vl_test_file_make (struct vl_app *app)
{
  const char *state = vl_state_make (app), *name, *path;
  char uuid[37];
  int fd;

  if (state == NULL)
    return NULL;
  vl_uuid_random (uuid);
  name = vl_printf (app->call, TEST_FILE "%s", uuid);
  path = path_of (app, name);
  fd = open (path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0) {
    (void)vl_file_failed (app->call, "cannot make", path, errno);
    return NULL;
  }
  close (fd);
  return name;
}

int
vl_check_instance_shared_storage_remote (struct vl_app *app, const char *name)
{
  struct stat st;

  if (judge_name (app->call, name) < 0)
    return -1;
  /* A client of NFS believes what it has heard of a folder until that has changed. */
  (void)utimensat (AT_FDCWD, path_of (app, ""), NULL, 0);
  if (lstat (path_of (app, name), &st) == 0)
    return 1;
  return errno == ENOENT ? 0
                         : vl_file_failed (app->call, "cannot look at", path_of (app, name), errno);
}

int
vl_check_instance_shared_storage_cleanup (struct vl_app *app, const char *name)
{
  if (judge_name (app->call, name) < 0)
    return -1;
  return unlink (path_of (app, name)) < 0 && errno != ENOENT
             ? vl_remove_failed (app->call, path_of (app, name))
             : 0;
}

/* ---- a guest's disks ---- */

struct local_disk {
  const char *target, *source, *size, *readonly;
};
#define IS_LOCAL                                                                                   \
  "FROM device WHERE server = ? AND role = 'current' AND NOT is_nic AND type IN ('file', "         \
  "'block') AND purpose IS NOT 'volume'"

/* Those that are neither volumes nor reached by the network. */
static int
load_disks (struct vl_app *app, const char *uuid, struct local_disk **disks, size_t *n)
{
  struct vl_store *store = vl_app_store (app);

  return store ? vl_db_rows (store, disks, n,
                             "SELECT target, source, size, readonly " IS_LOCAL " ORDER BY place",
                             "s", uuid)
               : -1;
}

int
vl_check_instance_shared_storage_local (struct vl_app *app, const char *server, const char **name)
{
  const struct vl_record *record = vl_record_find (app, server);
  struct local_disk *disks;
  size_t n = 0;

  *name = NULL;
  if (record == NULL || load_disks (app, record->uuid, &disks, &n) < 0)
    return -1;
  if (n)
    *name = vl_test_file_make (app);
  return n && *name == NULL ? -1 : 0;
}

/* Bytes that the copies take: what the disks take now where that may be over-committed. */
static int64_t
bytes_of (const struct local_disk *disks, size_t n, int as_used)
{
  int64_t bytes = 0;

  for (size_t i = 0; i < n; i++) {
    struct stat st;

    if (as_used && stat (disks[i].source, &st) == 0)
      bytes += (int64_t)st.st_blocks * 512;
    else
      bytes += disks[i].size ? strtoll (disks[i].size, NULL, 10) : 0;
  }
  return bytes;
}

static int
judge_copy (struct vl_call *call, const struct vl_record *record, const struct local_disk *disks,
            size_t n, struct vl_migrate_data *data)
{
  int64_t needed = (bytes_of (disks, n, data->disk_over_commit != 0) + MIB - 1) / MIB;
  const char **names = vl_memory (call, (n + 1) * sizeof *names);
  size_t k = 0;

  if (data->disk_available_mb >= 0 && needed > data->disk_available_mb)
    return vl_refuse_as (
        call, VL_ERR_UNSUPPORTED, "MigrationPreCheckError", NULL,
        "another host, or disk_over_commit, so that what its disks take now counts",
        "the disks of server \"%s\" take %lld MiB, and the destination has %lld", record->name,
        (long long)needed, (long long)data->disk_available_mb);
  /* libvirt copies what can be written to. */
  for (size_t i = 0; i < n; i++)
    if (disks[i].readonly == NULL || VL_STREQ (disks[i].readonly, "0"))
      names[k++] = disks[i].target;
  names[k] = NULL;
  data->migrate_disks = names;
  return 0;
}

int
vl_live_storage_judge (struct vl_app *app, const struct vl_record *record,
                       struct vl_migrate_data *data)
{
  struct vl_call *call = app->call;
  struct local_disk *disks = NULL;
  size_t n = 0;
  int shared, common;

  if (load_disks (app, record->uuid, &disks, &n) < 0)
    return -1;
  shared = data->filename ? vl_check_instance_shared_storage_remote (app, data->filename) : 0;
  if (shared < 0)
    return -1;
  data->is_shared_instance_path = shared;
  data->is_shared_block_storage = common = shared || n == 0;
  if (data->block_migration < 0)
    data->block_migration = ! common;
  if (data->block_migration && common)
    return vl_refuse_as (
        call, VL_ERR_REQUEST, "InvalidLocalStorage", NULL, "leave block_migration away",
        "the disks of server \"%s\" are to be copied, and both hosts have them", record->name);
  if (! data->block_migration && ! common)
    return vl_refuse_as (
        call, VL_ERR_REQUEST, "InvalidSharedStorage", NULL,
        "block_migration copies them; or share STATE/servers",
        "the disks of server \"%s\" are on this host alone, and are not to be copied",
        record->name);
  return data->block_migration ? judge_copy (call, record, disks, n, data) : 0;
}
