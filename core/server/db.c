/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * SQLite: opening, binding, waiting.  WAL lets readers go on while one command
 * writes; synchronous=FULL makes the undo log durable before the act. */

#include <config.h>

#include "server/db.h"

#include "lib/file.h"
#include "lib/text.h"
#include "request/request.h"
#include "storage/storage.h"
#include "storage/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#define GIVE_UP_MS 60000
/* Bytes: what SQLite needs at once for the memory that commands share. */
#define LEAST_ROOM 65536u

/* What the system has against the file at PATH, as errno: what SQLite was answered, or what
 * the file system is known to answer; 0: nothing is known. */
static int
cause_of (struct vl_store *store, int code)
{
  int error = sqlite3_system_errno (store->db), primary = code & 0xff;
  VL_AUTOFREE char *folder = vl_file_folder (store->path);
  struct statvfs fs;

  if (primary == SQLITE_FULL)
    return ENOSPC;
  if (primary != SQLITE_IOERR && primary != SQLITE_CANTOPEN && primary != SQLITE_READONLY)
    return 0;
  /* SQLite tells what it tried last, which may be something else. */
  if (statvfs (folder, &fs) == 0) {
    if (fs.f_flag & ST_RDONLY)
      return EROFS;
    if (primary == SQLITE_IOERR && fs.f_bavail < LEAST_ROOM / fs.f_frsize)
      return ENOSPC;
  }
  return error == EDQUOT ? ENOSPC : error;
}

static int
failed (struct vl_store *store, const char *what)
{
  int code = sqlite3_extended_errcode (store->db);
  struct vl_call *call = store->call;
  struct vl_errno_said said;

  store->cause = cause_of (store, code);
  said = vl_errno_said (call, store->path, store->cause);
  switch (code & 0xff) {
  case SQLITE_BUSY:
  case SQLITE_LOCKED:
    return vl_refuse_as (call, VL_ERR_UNREACHABLE, "StoreBusy", NULL, "try it again",
                         "\"%s\" was held by other virtloom commands for %u seconds", store->path,
                         store->wait.ms / 1000);
  case SQLITE_CORRUPT:
  case SQLITE_NOTADB:
    return vl_refuse_as (call, VL_ERR_FAILED, "StoreDamaged", NULL, VL_HINT_STORE,
                         "\"%s\" is damaged: %s", store->path, sqlite3_errmsg (store->db));
  }
  if (said.code)
    return vl_refuse_as (call, said.err, said.code, NULL,
                         store->cause == ENOSPC ? vl_printf (
                             call, "%s; servers and images can be deleted all the same", said.hint)
                                                : said.hint,
                         "%s \"%s\": %s", what, store->path, strerror (store->cause));
  return vl_refuse_as (
      call, store->cause == EACCES || store->cause == EPERM ? VL_ERR_NOT_PERMITTED : VL_ERR_FAILED,
      "StoreFailed", NULL, NULL, "%s \"%s\": %s%s%s%s", what, store->path,
      sqlite3_errmsg (store->db), store->cause ? " (" : "",
      store->cause ? strerror (store->cause) : "", store->cause ? ")" : "");
}

static int
wait_a_little (void *opaque, int times)
{
  struct vl_store *store = opaque;

  if (times == 0)
    store->wait = (struct vl_wait) { .what = "another virtloom command",
                                     .ms = vl_patience (store->call, GIVE_UP_MS) };
  return vl_wait_more (store->call, &store->wait, -1);
}

/* PATH as SQLite's URI of a file that nobody changes. */
static const char *
immutable_uri (struct vl_call *call, const char *path)
{
  VL_AUTOSTR struct vl_str uri = { NULL, 0, 0 };

  vl_str_add (&uri, "file:");
  for (const char *p = path; *p; p++)
    vl_str_printf (&uri, strchr ("%?#", *p) ? "%%%02X" : "%c", (unsigned char)*p);
  vl_str_add (&uri, "?immutable=1");
  return vl_arena_strdup (call->arena, uri.text);
}

/* How a file is opened: as usual; where there is no room for the memory that commands share,
 * alone; where nothing can be written, as it is. */
enum how { SHARED, ALONE, READ_ONLY };

static int
connect_as (struct vl_store *store, enum how how, int create)
{
  const char *path = how == READ_ONLY ? immutable_uri (store->call, store->path) : store->path;
  int flags = how == READ_ONLY
                  ? SQLITE_OPEN_READONLY | SQLITE_OPEN_URI
                  : SQLITE_OPEN_READWRITE | (create && how == SHARED ? SQLITE_OPEN_CREATE : 0);

  struct stat st;

  sqlite3_close_v2 (store->db);
  store->db = NULL;
  store->cause = 0;
  store->read_only = how == READ_ONLY;
  /* A FIFO would be waited for, and of a device anything could be read. */
  if (stat (store->path, &st) == 0 && ! S_ISREG (st.st_mode))
    return vl_refuse_as (store->call, VL_ERR_FAILED, "StoreFailed", NULL, NULL,
                         "\"%s\" is not a regular file", store->path);
  if (sqlite3_open_v2 (path, &store->db, flags, NULL) != SQLITE_OK)
    return failed (store, "cannot open");
  sqlite3_busy_handler (store->db, wait_a_little, store);
  if ((how == ALONE && vl_db_run (store, "PRAGMA locking_mode = EXCLUSIVE", "") < 0)
      || vl_db_run (store, "PRAGMA foreign_keys = ON", "") < 0
      || vl_db_run (store, "PRAGMA synchronous = FULL", "") < 0)
    return -1;
  return 0;
}

static int
open_as (struct vl_store *store, enum how how, int create)
{
  return connect_as (store, how, create) < 0 ? -1 : vl_schema_update (store);
}

/* Is something in the log of the file that is not in the file itself? */
static int
has_log (struct vl_store *store)
{
  struct stat st;

  return stat (vl_printf (store->call, "%s-wal", store->path), &st) == 0 && st.st_size > 0;
}

struct vl_store *
vl_store_open (struct vl_call *call, const char *path, int create)
{
  struct vl_store *store = VL_NEW (struct vl_store);
  size_t first = call->findings.n;
  int fd, result;

  store->call = call;
  store->path = vl_arena_strdup (call->arena, path);
  store->anew = create == 2;
  /* SQLite would make it readable by others; its other files get the mode of this one.  Of a
   * file that is there no descriptor is opened: closing it would end SQLite's locks. */
  fd = create ? open (path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600) : -1;
  if (fd >= 0)
    close (fd);
  result = open_as (store, SHARED, create);
  if (result < 0 && (store->cause == ENOSPC || (store->cause == EROFS && ! has_log (store)))) {
    size_t last = call->findings.n;

    result = open_as (store, store->cause == ENOSPC ? ALONE : READ_ONLY, 0);
    vl_findings_drop (call, result < 0 ? last : first, result < 0 ? call->findings.n : last);
  }
  if (result == 0)
    return store;
  vl_store_close (store);
  return NULL;
}

struct vl_store *
vl_store_look (struct vl_call *call, const char *path, int writing)
{
  struct vl_store *store = VL_NEW (struct vl_store);

  store->call = call;
  store->path = vl_arena_strdup (call->arena, path);
  if (connect_as (store, writing ? SHARED : READ_ONLY, 0) == 0 && vl_schema_of (store) >= 0)
    return store;
  vl_store_close (store);
  return NULL;
}

int
vl_store_judge (struct vl_store *store)
{
  const char *said = NULL;

  /* SQLite 3.40 sees NULL where there is none, in tables without rowid whose key does not come
   * first. */
  if (vl_db_row (store, &said,
                 "SELECT quick_check FROM pragma_quick_check (1000000) WHERE quick_check NOT LIKE "
                 "'NULL value in %' AND quick_check <> 'ok'",
                 "")
      < 0)
    return -1;
  return said ? vl_refuse_as (store->call, VL_ERR_FAILED, "StoreDamaged", NULL, VL_HINT_STORE,
                              "\"%s\" is damaged: %s", store->path, said)
              : 0;
}

int
vl_store_copy (struct vl_store *store, const char *path)
{
  const char *temp = vl_printf (store->call, "%s.%d", path, (int)getpid ());
  VL_AUTOFREE char *folder = vl_file_folder (path);
  VL_AUTOCLOSE int fd = -1;

  if (vl_file_mkdirs (folder, 0700) < 0)
    return vl_file_failed (store->call, "cannot make", folder, errno);
  unlink (temp);
  /* Only then others cannot read it: SQLite writes into a file that is empty. */
  fd = open (temp, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0)
    return vl_file_failed (store->call, "cannot make", temp, errno);
  if (vl_db_run (store, "VACUUM INTO ?", "s", temp) < 0) {
    unlink (temp);
    return -1;
  }
  if (fsync (fd) == 0 && rename (temp, path) == 0 && vl_file_sync_folder (path) == 0)
    return 0;
  vl_file_failed (store->call, "cannot make", path, errno);
  unlink (temp);
  return -1;
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

/* ---- what is read is judged ---- */

static const char *
domain_problem (const char *text)
{
  size_t n = VL_STARTS (text, "vl-") ? strspn (text + 3, "0123456789abcdefABCDEF") : 0;

  return n && n <= 12 && text[3 + n] == '\0'
             ? NULL
             : "is no name of a guest; accepted: 'vl-' and up to 12 hexadecimal digits";
}

/* An id of a disk or NIC, which names a link in the server's folder. */
static const char *
id_problem (const char *text)
{
  size_t n = strlen (text);

  return n && n <= 255 && text[0] != '.' && strchr (text, '/') == NULL
             ? vl_text_problem (text, n)
             : "is no id of a device; accepted: 1 to 255 bytes without '/' and leading '.'";
}

static const char *
name_problem (const char *text)
{
  return *text ? vl_text_problem (text, strlen (text)) : "is empty; accepted: a name";
}

/* Columns that become names of files, folders and guests.  The store is a file that may
 * have been damaged, or edited: a row that has something else there is never handed out,
 * whoever asks for it, so that no query has to remember. */
static const struct {
  const char *column;
  const char *(*problem) (const char *text);
} judged[] = {
  { "uuid", vl_uuid_problem },  { "object", vl_uuid_problem }, { "image_uuid", vl_uuid_problem },
  { "domain", domain_problem }, { "id", id_problem },          { "name", name_problem },
};
#define N_JUDGED (sizeof judged / sizeof judged[0])

static int
judge_column (struct vl_store *store, sqlite3_stmt *stmt, int i)
{
  const char *column = sqlite3_column_name (stmt, i), *text, *problem = NULL;
  size_t k = 0;

  while (k < N_JUDGED && ! VL_STREQ (judged[k].column, column))
    k++;
  text = k < N_JUDGED ? vl_db_text (stmt, i) : NULL;
  if (text == NULL)
    return 0;
  /* A NUL byte would hide what is behind it. */
  if (strlen (text) != (size_t)sqlite3_column_bytes (stmt, i))
    problem = "has a NUL byte";
  if (problem == NULL)
    problem = judged[k].problem (text);
  if (problem == NULL)
    return 0;
  store->n_damaged++;
  return vl_refuse_as (store->call, VL_ERR_FAILED, "StoreDamaged", NULL, VL_HINT_STORE,
                       "\"%s\" is damaged: the %s '%.64s' on record %s", store->path, column, text,
                       problem);
}

int
vl_db_step (struct vl_store *store, sqlite3_stmt *stmt)
{
  int code, result = 1;

  if (stmt == NULL)
    return -1;
  code = sqlite3_step (stmt);
  for (int i = 0; code == SQLITE_ROW && result == 1 && i < sqlite3_column_count (stmt); i++)
    if (judge_column (store, stmt, i) < 0)
      result = -1;
  return code == SQLITE_ROW ? result : code == SQLITE_DONE ? 0 : failed (store, "cannot use");
}

int
vl_db_next (struct vl_store *store, sqlite3_stmt *stmt, int *bad)
{
  for (;;) {
    size_t before = store->n_damaged;
    int got = vl_db_step (store, stmt);

    if (got < 0)
      *bad = -1;
    if (got >= 0 || store->n_damaged == before)
      return got;
  }
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
  int bad = 0;

  for (*n = 0; vl_db_next (store, stmt, &bad) == 1; ++*n) {
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
  return bad;
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
