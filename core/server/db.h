/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * SQLite behind a few calls: typed binding, findings instead of codes, a
 * message while another command holds the file.  Internal to core/server. */

#ifndef VL_CORE_DB_H
#define VL_CORE_DB_H

#include "context/call.h"

#include <sqlite3.h>

struct vl_store {
  struct vl_call *call;
  sqlite3 *db;
  const char *path;
  struct vl_wait wait; /* for other commands */
  size_t n_damaged;    /* rows that were not handed out */
  int read_only;       /* STATE cannot be written: what is there can be read */
  int anew;            /* it may be empty although servers lie beside it */
  int cause;           /* errno of what failed last, 0: not known */
};
#define VL_HINT_STORE                                                                              \
  "'virtloom state check' shows what is damaged, 'virtloom state repair' and 'virtloom state "     \
  "restore' mend it"

/* Opens STATE/state.db and brings its schema up to date; CREATE 0: it must exist; 2: a new one
 * is made whatever lies beside it.  NULL after a finding. */
struct vl_store *vl_store_open (struct vl_call *call, const char *path, int create);
/* Opens the file at PATH as it is: of whatever schema that this program knows, and, but for
 * WRITING, as a file that nobody else has open.  NULL after a finding. */
struct vl_store *vl_store_look (struct vl_call *call, const char *path, int writing);
void vl_store_close (struct vl_store *store);
/* Is the file whole?  0, or -1 after StoreDamaged. */
int vl_store_judge (struct vl_store *store);
/* A copy of it at PATH, in the place of what was there, whose folder is made.  0, or -1 after
 * a finding. */
int vl_store_copy (struct vl_store *store, const char *path);

/* A statement with its arguments bound.  TYPES has one letter for each: 's'
 * const char * (NULL is NULL), 'i' int64_t.  NULL after a finding.  End with
 * vl_db_end; texts of a row live until the next step. */
sqlite3_stmt *vl_db_query (struct vl_store *store, const char *sql, const char *types, ...);
/* 1 a row, 0 no more, -1 after a finding.  A row in which a uuid, a name of a server or
 * guest, or an id is none is StoreDamaged. */
int vl_db_step (struct vl_store *store, sqlite3_stmt *stmt);
/* The same, but goes on behind a row that is damaged: *BAD becomes -1 then, as after any
 * other finding, and is left alone else. */
int vl_db_next (struct vl_store *store, sqlite3_stmt *stmt, int *bad);
void vl_db_end (sqlite3_stmt **stmt);
#define VL_AUTOQUERY __attribute__ ((cleanup (vl_db_end)))
/* What follows takes a query (NULL: a finding was made of it) with its arguments, and ends
 * it.  A statement without rows.  0, or -1 after a finding. */
#define vl_db_run(store, ...) vl_db_end_run ((store), vl_db_query ((store), __VA_ARGS__))
int vl_db_end_run (struct vl_store *store, sqlite3_stmt *query);
/* Each of STATEMENTS (NULL-terminated) with the one argument ARG, NULL: with none. */
int vl_db_run_all (struct vl_store *store, const char *const *statements, const char *arg);
/* The number that a query of one column answers with its first row: 1 with *N, 0
 * where there is no row and *N is as it was, -1 after a finding. */
#define vl_db_number(store, n, ...)                                                                \
  vl_db_end_number ((store), (n), vl_db_query ((store), __VA_ARGS__))
int vl_db_end_number (struct vl_store *store, int64_t *n, sqlite3_stmt *query);
/* Does the query have a row?  1, 0, -1 after a finding. */
#define vl_db_any(store, ...) vl_db_number ((store), &(int64_t) { 0 }, __VA_ARGS__)
/* All rows of a query whose columns are the members, texts all, of the struct that *LIST is
 * an array of: 0 with *N of them in arena memory, -1 after a finding with those that could be
 * read. */
#define vl_db_rows(store, list, n, ...)                                                            \
  vl_db_end_rows ((store), (list), (n), vl_db_query ((store), __VA_ARGS__))
int vl_db_end_rows (struct vl_store *store, void *list, size_t *n, sqlite3_stmt *query);
/* The first row of such a query as the struct ROW: 1, 0 where there is none, -1 after a
 * finding. */
#define vl_db_row(store, row, ...)                                                                 \
  vl_db_end_row ((store), (row), vl_db_query ((store), __VA_ARGS__))
int vl_db_end_row (struct vl_store *store, void *row, sqlite3_stmt *query);
/* Column I of a row: borrowed until the next step; arena memory. */
const char *vl_db_text (sqlite3_stmt *stmt, int i);
const char *vl_db_keep (struct vl_store *store, sqlite3_stmt *stmt, int i);
int64_t vl_db_int (sqlite3_stmt *stmt, int i);

/* Makes the file one with a write-ahead log, which it then stays. */
int vl_db_use_wal (struct vl_store *store);
/* BEGIN IMMEDIATE, COMMIT. */
int vl_db_begin (struct vl_store *store);
int vl_db_commit (struct vl_store *store);
/* Commits where RESULT is 0, else rolls back; answers with what came of it. */
int vl_db_finish (struct vl_store *store, int result);

/* ---- schema.c ---- */
/* Brings the file from its version to ours, in one transaction.  0, or -1 after
 * a finding; a file of a later virtloom is refused and left alone. */
int vl_schema_update (struct vl_store *store);
/* Which version the file is of: 0 or more, where this program knows that; 0: nothing is in
 * it.  -1 after a finding. */
int vl_schema_of (struct vl_store *store);

#endif
