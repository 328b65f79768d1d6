/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The folder STATE as a whole: the room that is kept in it for deletions, and copies of the
 * store. */

#include <config.h>

#include "server/session.h"

#include "lib/file.h"
#include "request/request.h"
#include "server/record.h"
#include "server/undo.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/statvfs.h>
#include <time.h>

#include <virtloom/virtloom.h>

/* Bytes of the file that is given up where a deletion finds no room, and what has to be free
 * for a deletion to go on. */
#define RESERVE ((off_t)1 << 20)

static const char *
reserve_path (struct vl_app *app)
{
  const char *state = vl_app_state_dir (app);

  return state ? vl_printf (app->call, "%s/reserve", state) : NULL;
}

void
vl_reserve_use (struct vl_app *app)
{
  const char *path = reserve_path (app);
  struct statvfs fs;

  if (path && statvfs (vl_app_state_dir (app), &fs) == 0
      && fs.f_bavail < (fsblkcnt_t)RESERVE / fs.f_frsize)
    unlink (path);
}

void
vl_reserve_keep (struct vl_app *app)
{
  const char *path = reserve_path (app);
  VL_AUTOCLOSE int fd =
      path ? open (path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600) : -1;

  /* Where there is no room for it now, a later command finds some. */
  if (fd >= 0 && posix_fallocate (fd, 0, RESERVE) != 0)
    unlink (path);
}

/* ---- copies of the store ---- */

#define DAY (24 * 60 * 60)

int
vl_state_backup (struct vl_app *app, const char **file)
{
  const char *state = vl_app_state_dir (app), *copy;
  struct vl_store *store;

  if (state == NULL || vl_app_store_if_any (app, &store) < 0)
    return -1;
  if (store == NULL)
    return vl_refuse_as (app->call, VL_ERR_NOT_FOUND, "StoreNotFound", NULL, NULL,
                         "there is nothing on record in \"%s\"", state);
  copy = vl_printf (app->call, "%s/backup/state.db", state);
  if (vl_store_judge (store) < 0 || vl_store_copy (store, copy) < 0)
    return -1;
  if (file)
    *file = copy;
  return 0;
}

void
vl_state_backup_daily (struct vl_app *app)
{
  const char *copy = vl_printf (app->call, "%s/backup/state.db", app->state_dir);
  size_t first = app->call->findings.n;
  struct stat st;

  if (stat (copy, &st) == 0 && st.st_mtime + DAY > time (NULL) && st.st_mtime <= time (NULL))
    return;
  /* What was asked for is done all the same. */
  (void)vl_state_backup (app, NULL);
  vl_soften (app->call, first);
}

/* What was under way when the copy was made has ended since, one way or the other. */
static const char *const calm_down[] = {
  "DELETE FROM operation WHERE kind = '" VL_OP_SERVER_IMPORT "'",
  "DELETE FROM server WHERE generation <= 0",
  "UPDATE server SET status = 'ERROR', fault = 'restored from a copy that was made while it was "
  "being made' WHERE status = 'BUILD'",
  "DELETE FROM document WHERE role = 'pending' AND server NOT IN (SELECT server FROM resize)",
  "DELETE FROM claim WHERE role = 'pending' AND server NOT IN (SELECT server FROM resize)",
  "DELETE FROM operation WHERE kind IN ('" VL_OP_SERVER_CREATE "', '" VL_OP_SERVER_UPDATE "')"
  " OR kind GLOB '" VL_OP_SERVER_ATTACH "*' OR kind GLOB '" VL_OP_SERVER_DETACH "*'",
  NULL,
};

/* Moves the store that is there away, as KEPT.  Nobody may have it open. */
static int
put_away (struct vl_app *app, const char *path, const char *kept)
{
  static const char *const suffixes[] = { "", "-wal", "-shm" };
  size_t first = app->call->findings.n;
  struct vl_store *old = access (path, F_OK) == 0 ? vl_store_look (app->call, path, 1) : NULL;
  int busy = old && vl_db_run (old, "BEGIN EXCLUSIVE", "") < 0
             && VL_STREQ (app->call->findings.items[app->call->findings.n - 1].code, "StoreBusy");

  vl_store_close (old);
  if (busy)
    return -1;
  /* That it is damaged is why it is replaced. */
  vl_findings_drop (app->call, first, app->call->findings.n);
  for (size_t i = 0; i < 3; i++)
    if (rename (vl_printf (app->call, "%s%s", path, suffixes[i]),
                vl_printf (app->call, "%s%s", kept, suffixes[i]))
            < 0
        && errno != ENOENT)
      return vl_stuck (app->call, "cannot move", path);
  return 0;
}

#define HINT_COPY "without FILE it is the last copy; STATE/backup has others"

/* A copy that is none of ours is not called damaged: nothing mends it.  0, or -1 after a finding. */
static int
looks_like_copy (struct vl_call *call, const char *file)
{
  char head[16] = "";
  VL_AUTOCLOSE int fd = open (file, O_RDONLY | O_CLOEXEC);
  ssize_t got = fd < 0 ? -1 : read (fd, head, sizeof head);

  if (got < (ssize_t)sizeof head || memcmp (head, "SQLite format 3", sizeof head) == 0)
    return 0;
  return vl_refuse_as (call, VL_ERR_REQUEST, "BackupNotFound", NULL, HINT_COPY,
                       "\"%s\" is no backup: it is no SQLite file", file);
}

int
vl_state_restore (struct vl_app *app, const char *file, const char **kept)
{
  const char *state = vl_state_make (app), *path, *copy;
  struct vl_store *from;
  struct stat st;
  int result;

  if (state == NULL)
    return -1;
  path = vl_printf (app->call, "%s/state.db", state);
  copy = vl_printf (app->call, "%s.new", path);
  if (file == NULL)
    file = vl_printf (app->call, "%s/backup/state.db", state);
  if (access (file, R_OK) < 0)
    return vl_refuse_as (
        app->call, vl_read_err (errno), "BackupNotFound", NULL,
        "'virtloom state backup' makes one, and so does the first command of a day "
        "that changes something",
        "the backup \"%s\" cannot be read: %s", file, strerror (errno));
  if (stat (file, &st) == 0 && ! S_ISREG (st.st_mode))
    return vl_refuse (app->call, VL_ERR_REQUEST, NULL, NULL,
                      "the backup \"%s\" is not a regular file", file);
  if (looks_like_copy (app->call, file) < 0)
    return -1;
  from = vl_store_look (app->call, file, 0);
  if (from && vl_schema_of (from) == 0)
    result = vl_refuse_as (app->call, VL_ERR_REQUEST, "BackupNotFound", NULL, HINT_COPY,
                           "\"%s\" is no backup: it has nothing on record", file);
  else
    result = from == NULL || vl_store_judge (from) < 0 ? -1 : vl_store_copy (from, copy);
  vl_store_close (from);
  if (result < 0)
    return -1;
  *kept = vl_printf (app->call, "%s/backup/replaced-%s.db", state, vl_now_text (app->call));
  if (vl_file_mkdirs (vl_printf (app->call, "%s/backup", state), 0700) < 0
      || put_away (app, path, *kept) < 0)
    return -1;
  if (rename (copy, path) < 0 || vl_file_sync_folder (path) < 0)
    return vl_file_failed (app->call, "cannot make", path, errno);
  if (vl_app_store (app) == NULL || vl_db_begin (app->store) < 0)
    return -1;
  return vl_db_finish (app->store, vl_db_run_all (app->store, calm_down, NULL));
}

/* ---- what is there ---- */

struct vl_strv
vl_state_list (const char *state, const char *folder, int others)
{
  VL_AUTOFREE char *path = vl_xasprintf ("%s/%s", state, folder);
  DIR *dir = opendir (path);
  struct vl_strv names = { 0 };

  for (const struct dirent *entry; dir && (entry = readdir (dir));)
    if ((vl_uuid_problem (entry->d_name) != NULL) == others && ! VL_STREQ (entry->d_name, ".")
        && ! VL_STREQ (entry->d_name, ".."))
      vl_strv_add (&names, entry->d_name);
  if (dir)
    closedir (dir);
  return names;
}

int
vl_state_lost (struct vl_call *call, const char *path)
{
  VL_AUTOFREE char *state = vl_file_folder (path);
  VL_AUTOSTRV struct vl_strv servers = vl_state_list (state, "servers", 0);
  VL_AUTOSTRV struct vl_strv images = vl_state_list (state, "images", 0);

  if (servers.n + images.n == 0)
    return 0;
  vl_refuse_as (call, VL_ERR_FAILED, "StoreLost", NULL,
                "virtloom state restore; 'virtloom state check' shows what is there",
                "\"%s\" %s, but the folders beside it have %zu server%s and %zu image%s", path,
                access (path, F_OK) == 0 ? "is empty" : "is missing", servers.n,
                servers.n == 1 ? "" : "s", images.n, images.n == 1 ? "" : "s");
  return -1;
}
