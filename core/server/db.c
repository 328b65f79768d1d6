/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * SQLite: opening, binding, waiting.  WAL lets readers go on while one command
 * writes; synchronous=FULL makes the undo log durable before the act. */

#include <config.h>

#include "server/db.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>

#define WAIT_STEP_MS 10
#define TELL_AFTER_MS 1000
#define GIVE_UP_MS 60000

static int
failed (struct vl_store *store, const char *what)
{
  int code = sqlite3_extended_errcode (store->db);
  struct vl_call *call = store->call;
  enum vl_err err = VL_ERR_FAILED;

  switch (code & 0xff) {
  case SQLITE_BUSY:
  case SQLITE_LOCKED:
    return vl_refuse_as (call, VL_ERR_UNREACHABLE, "StoreBusy", NULL, NULL,
                         "\"%s\" was held by other virtloom commands for %d seconds", store->path,
                         GIVE_UP_MS / 1000);
  case SQLITE_FULL:
    return vl_refuse_as (call, VL_ERR_FAILED, "DiskFull", NULL,
                         "make room on the disk that holds the STATE folder, then try again",
                         "%s \"%s\": no space left on device", what, store->path);
  case SQLITE_CORRUPT:
  case SQLITE_NOTADB:
    return vl_refuse_as (call, VL_ERR_FAILED, "StoreDamaged", NULL, NULL, "\"%s\" is damaged: %s",
                         store->path, sqlite3_errmsg (store->db));
  case SQLITE_PERM:
  case SQLITE_READONLY:
  case SQLITE_AUTH:
  case SQLITE_CANTOPEN:
    err = VL_ERR_NOT_PERMITTED;
  }
  return vl_refuse_as (call, err, "StoreFailed", NULL, NULL, "%s \"%s\": %s", what, store->path,
                       sqlite3_errmsg (store->db));
}

static int
wait_a_little (void *opaque, int times)
{
  struct vl_store *store = opaque;

  if (times * WAIT_STEP_MS >= GIVE_UP_MS)
    return 0;
  if (times * WAIT_STEP_MS >= TELL_AFTER_MS && ! store->told) {
    store->told = 1;
    vl_progress (store->call, "waiting for another virtloom command");
  }
  nanosleep (&(struct timespec) { 0, WAIT_STEP_MS * 1000000L }, NULL);
  return 1;
}

struct vl_store *
vl_store_open (struct vl_call *call, const char *path, int create)
{
  struct vl_store *store = VL_NEW (struct vl_store);
  int code, fd;

  store->call = call;
  store->path = vl_arena_strdup (call->arena, path);
  /* SQLite would make it readable by others; its other files get the mode of this one.  Of a
   * file that is there no descriptor is opened: closing it would end SQLite's locks. */
  fd = create ? open (path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600) : -1;
  if (fd >= 0)
    close (fd);
  code = sqlite3_open_v2 (path, &store->db,
                          SQLITE_OPEN_READWRITE | (create ? SQLITE_OPEN_CREATE : 0), NULL);
  if (code == SQLITE_OK) {
    sqlite3_busy_handler (store->db, wait_a_little, store);
    if (vl_db_run (store, "PRAGMA foreign_keys = ON", "") == 0
        && vl_db_run (store, "PRAGMA synchronous = FULL", "") == 0 && vl_schema_update (store) == 0)
      return store;
  } else
    failed (store, "cannot open");
  vl_store_close (store);
  return NULL;
}

void
vl_store_close (struct vl_store *store)
{
  if (store == NULL)
    return;
  sqlite3_close_v2 (store->db);
  free (store);
}

sqlite3_stmt *
vl_db_query (struct vl_store *store, const char *sql, const char *types, ...)
{
  sqlite3_stmt *stmt = NULL;
  int code = sqlite3_prepare_v2 (store->db, sql, -1, &stmt, NULL);
  va_list args;

  va_start (args, types);
  for (int i = 0; code == SQLITE_OK && types[i]; i++)
    code = types[i] == 's'
               ? sqlite3_bind_text (stmt, i + 1, va_arg (args, const char *), -1, SQLITE_TRANSIENT)
               : sqlite3_bind_int64 (stmt, i + 1, va_arg (args, int64_t));
  va_end (args);
  if (code == SQLITE_OK)
    return stmt;
  failed (store, "cannot use");
  sqlite3_finalize (stmt);
  return NULL;
}

int
vl_db_step (struct vl_store *store, sqlite3_stmt *stmt)
{
  int code;

  if (stmt == NULL)
    return -1;
  code = sqlite3_step (stmt);
  if (code == SQLITE_ROW)
    return 1;
  return code == SQLITE_DONE ? 0 : failed (store, "cannot use");
}

void
vl_db_end (sqlite3_stmt **stmt)
{
  sqlite3_finalize (*stmt);
  *stmt = NULL;
}

int
vl_db_end_run (struct vl_store *store, sqlite3_stmt *query)
{
  VL_AUTOQUERY sqlite3_stmt *stmt = query;
  int result;

  do
    result = vl_db_step (store, stmt);
  while (result > 0);
  return result;
}

int
vl_db_run_all (struct vl_store *store, const char *const *statements, const char *arg)
{
  for (; *statements; statements++)
    if (vl_db_run (store, *statements, arg ? "s" : "", arg) < 0)
      return -1;
  return 0;
}

int
vl_db_end_number (struct vl_store *store, int64_t *n, sqlite3_stmt *query)
{
  VL_AUTOQUERY sqlite3_stmt *stmt = query;
  int got = vl_db_step (store, stmt);

  if (got == 1)
    *n = vl_db_int (stmt, 0);
  return got;
}

/* The row that STMT is at, as texts in arena memory. */
static void
keep_row (struct vl_store *store, sqlite3_stmt *stmt, const char **members)
{
  for (int i = 0; i < sqlite3_column_count (stmt); i++)
    members[i] = vl_db_keep (store, stmt, i);
}

int
vl_db_end_row (struct vl_store *store, void *row, sqlite3_stmt *query)
{
  VL_AUTOQUERY sqlite3_stmt *stmt = query;
  int got = vl_db_step (store, stmt);

  if (got == 1)
    keep_row (store, stmt, row);
  return got;
}

int
vl_db_end_rows (struct vl_store *store, void *list, size_t *n, sqlite3_stmt *query)
{
  VL_AUTOQUERY sqlite3_stmt *stmt = query;
  size_t width = (size_t)sqlite3_column_count (stmt), size = 0;
  const char **rows = NULL;
  int got;

  for (*n = 0; (got = vl_db_step (store, stmt)) == 1; ++*n) {
    if (*n == size) {
      const char **more;

      size = size ? 2 * size : 8;
      more = vl_arena_alloc (store->call->arena, size * width * sizeof *rows);
      if (*n)
        memcpy (more, rows, *n * width * sizeof *rows);
      rows = more;
    }
    keep_row (store, stmt, rows + *n * width);
  }
  *(const char ***)list = rows;
  if (got < 0)
    *n = 0;
  return got;
}

const char *
vl_db_text (sqlite3_stmt *stmt, int i)
{
  return (const char *)sqlite3_column_text (stmt, i);
}

const char *
vl_db_keep (struct vl_store *store, sqlite3_stmt *stmt, int i)
{
  return vl_arena_strdup (store->call->arena, vl_db_text (stmt, i));
}

int64_t
vl_db_int (sqlite3_stmt *stmt, int i)
{
  return sqlite3_column_int64 (stmt, i);
}

/* While another command does the same SQLite answers BUSY without asking the
 * handler: both would wait for the other's lock. */
int
vl_db_use_wal (struct vl_store *store)
{
  int code;

  for (int times = 0;; times++) {
    code = sqlite3_exec (store->db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL);
    if ((code & 0xff) != SQLITE_BUSY || ! wait_a_little (store, times))
      break;
  }
  return code == SQLITE_OK ? 0 : failed (store, "cannot use");
}

int
vl_db_begin (struct vl_store *store)
{
  return vl_db_run (store, "BEGIN IMMEDIATE", "");
}

int
vl_db_commit (struct vl_store *store)
{
  return vl_db_run (store, "COMMIT", "");
}

int
vl_db_finish (struct vl_store *store, int result)
{
  if (result == 0 && vl_db_commit (store) == 0)
    return 0;
  /* An error may have ended the transaction already. */
  if (! sqlite3_get_autocommit (store->db))
    sqlite3_exec (store->db, "ROLLBACK", NULL, NULL, NULL);
  return -1;
}
