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
  int told; /* "waiting for another virtloom command" was said */
};

/* Opens STATE/state.db and brings its schema up to date; CREATE 0: it must
 * exist.  NULL after a finding. */
struct vl_store *vl_store_open (struct vl_call *call, const char *path, int create);
void vl_store_close (struct vl_store *store);

/* A statement with its arguments bound.  TYPES has one letter for each: 's'
 * const char * (NULL is NULL), 'i' int64_t.  NULL after a finding.  End with
 * vl_db_end; texts of a row live until the next step. */
sqlite3_stmt *vl_db_query (struct vl_store *store, const char *sql, const char *types, ...);
/* 1 a row, 0 no more, -1 after a finding. */
int vl_db_step (struct vl_store *store, sqlite3_stmt *stmt);
void vl_db_end (sqlite3_stmt **stmt);
#define VL_AUTOQUERY __attribute__ ((cleanup (vl_db_end)))
/* A statement without rows.  0, or -1 after a finding. */
int vl_db_run (struct vl_store *store, const char *sql, const char *types, ...);
/* The number that a query of one column answers with its first row: 1 with *N, 0
 * where there is no row and *N is as it was, -1 after a finding. */
int vl_db_number (struct vl_store *store, int64_t *n, const char *sql, const char *types, ...);
/* Does the query have a row?  1, 0, -1 after a finding. */
#define vl_db_any(store, ...) vl_db_number ((store), &(int64_t) { 0 }, __VA_ARGS__)
/* Column I of a row: borrowed until the next step; arena memory. */
const char *vl_db_text (sqlite3_stmt *stmt, int i);
const char *vl_db_keep (struct vl_store *store, sqlite3_stmt *stmt, int i);
int64_t vl_db_int (sqlite3_stmt *stmt, int i);

/* Makes the file one with a write-ahead log, which it then stays. */
int vl_db_use_wal (struct vl_store *store);
/* BEGIN IMMEDIATE, COMMIT, ROLLBACK. */
int vl_db_begin (struct vl_store *store);
int vl_db_commit (struct vl_store *store);
void vl_db_rollback (struct vl_store *store);
/* Commits where RESULT is 0, else rolls back; answers with what came of it. */
int vl_db_finish (struct vl_store *store, int result);

#endif
