/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Locks, the undo log, and what the next command makes of one that was killed. */

#include <config.h>

#include "room.h"

#include "lib/file.h"
#include "server/session.h"
#include "server/record.h"
#include "server/db.h"
#include "server/undo.h"
#include "storage/storage.h"

#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

static void
insert_server (const char *uuid, const char *name)
{
  ck_assert_int_eq (vl_db_run (app->store,
                               "INSERT INTO server VALUES (?, ?, ?, 'SHUTOFF', 'f', NULL, NULL, "
                               "'none', '', NULL, '', '', '', '')",
                               "sss", uuid, name, uuid),
                    0);
}

/* ---- locks and the undo log ---- */

/* Runs FN in a process that says so when FN is done, then sleeps until it is
 * killed. */
static pid_t
in_another (int (*fn) (struct vl_app *))
{
  int pipes[2];
  char byte = 0;
  pid_t child;

  ck_assert_int_eq (pipe (pipes), 0);
  child = fork ();
  if (child == 0) {
    struct vl_app *other = open_app (path ("state"));

    byte = fn (other) == 0 ? 'y' : 'n';
    if (write (pipes[1], &byte, 1) == 1)
      pause ();
    _exit (0);
  }
  ck_assert_int_eq (read (pipes[0], &byte, 1), 1);
  ck_assert_int_eq (byte, 'y');
  close (pipes[0]);
  close (pipes[1]);
  return child;
}

static void
kill_it (pid_t child)
{
  ck_assert_int_eq (kill (child, SIGKILL), 0);
  ck_assert_int_eq (waitpid (child, NULL, 0), child);
}

static struct vl_lock held = VL_LOCK_NONE;

static int
take_lock (struct vl_app *other)
{
  return vl_lock_take (other, "servers", "u1", 1, &held);
}

START_TEST (locks)
{
  struct vl_lock lock = VL_LOCK_NONE, second = VL_LOCK_NONE;
  pid_t child;

  ck_assert_int_eq (vl_lock_take (app, "servers", "u1", 1, &lock), 0);
  ck_assert_int_eq (vl_lock_take (app, "servers", "u1", 0, &second), 1);
  ck_assert_int_eq (exists ("state/servers/u1.lock"), 1);
  vl_lock_drop (&lock);
  ck_assert_int_eq (exists ("state/servers/u1.lock"), 0);
  child = in_another (take_lock);
  ck_assert_int_eq (vl_lock_take (app, "servers", "u1", 0, &lock), 1);
  kill_it (child);
  ck_assert_int_eq (vl_lock_take (app, "servers", "u1", 0, &lock), 0);
  vl_lock_drop (&lock);
  ck_assert_str_eq (listing ("state/servers"), "");
}
END_TEST

/* An operation that made one folder and noted it, made one and was killed
 * before it could, and was about to make two that others then made. */
static int
half_an_operation (struct vl_app *other)
{
  struct vl_store *store = vl_app_store (other);
  const char *names[] = { path ("state/noted"), path ("state/unnoted"), path ("state/theirs"),
                          path ("state/replaced") };

  if (store == NULL || take_lock (other) < 0 || vl_db_begin (store) < 0
      || vl_undo_begin (store, "u1", VL_OP_SERVER_CREATE, NULL) < 0)
    return -1;
  for (size_t i = 0; i < 4; i++)
    if (vl_undo_plan (store, "u1", VL_MADE_FOLDER, names[i]) < 0)
      return -1;
  if (vl_db_commit (store) < 0 || mkdir (names[0], 0700) < 0
      || vl_undo_done (store, "u1", VL_MADE_FOLDER, names[0], NULL) < 0
      || mkdir (vl_printf (other->call, "%s/below", names[0]), 0700) < 0
      || mkdir (names[1], 0700) < 0 || mkdir (names[3], 0700) < 0
      || vl_undo_done (store, "u1", VL_MADE_FOLDER, names[3], NULL) < 0)
    return -1;
  return 0;
}

START_TEST (recovers_what_was_killed)
{
  struct vl_app *again;
  pid_t child;

  ck_assert_ptr_nonnull (vl_app_store (app));
  insert_server ("u1", "half");
  child = in_another (half_an_operation);
  rig_write (&rig, "state/theirs/file", "precious");
  ck_assert_int_eq (rename (path ("state/replaced"), path ("state/moved")), 0);
  rig_write (&rig, "state/replaced/file", "precious");
  /* Its process lives: nobody else's business. */
  vl_recover (app, app->store);
  ck_assert_int_eq (exists ("state/noted/below"), 1);
  ck_assert_int_eq (number (app->store, "SELECT count(*) FROM server"), 1);
  kill_it (child);
  again = open_app (path ("state"));
  vl_recover (again, vl_app_store (again));
  ck_assert_str_eq (findings (again), "");
  vl_app_free (again);
  ck_assert_int_eq (exists ("state/noted"), 0);
  ck_assert_int_eq (exists ("state/unnoted"), 0);
  ck_assert_int_eq (exists ("state/theirs/file"), 1);
  ck_assert_int_eq (exists ("state/replaced/file"), 1);
  ck_assert_int_eq (number (app->store, "SELECT count(*) FROM server"), 0);
  ck_assert_int_eq (number (app->store, "SELECT count(*) FROM operation"), 0);
  ck_assert_int_eq (number (app->store, "SELECT count(*) FROM undo"), 0);
  ck_assert_str_eq (listing ("state/servers"), "");
}
END_TEST

static int
deletion_of_an_image (struct vl_app *other)
{
  struct vl_store *store = vl_app_store (other);
  const char *file = path ("state/images/i1");

  if (vl_lock_take (other, "images", "i1", 1, &held) < 0 || vl_db_begin (store) < 0
      || vl_undo_begin (store, "i1", VL_OP_IMAGE_DELETE, NULL) < 0
      || vl_undo_plan (store, "i1", VL_MADE_FILE, file) < 0
      || vl_undo_done (store, "i1", VL_MADE_FILE, file, NULL) < 0)
    return -1;
  return vl_db_commit (store);
}

START_TEST (finishes_a_deletion)
{
  ck_assert_ptr_nonnull (vl_app_store (app));
  rig_write (&rig, "state/images/i1", "bytes");
  kill_it (in_another (deletion_of_an_image));
  vl_recover (app, app->store);
  ck_assert_str_eq (listing ("state/images"), "");
  ck_assert_int_eq (number (app->store, "SELECT count(*) FROM operation"), 0);
}
END_TEST

/* The driver of a half-made server is gone: it is said, it is kept for later,
 * and the command at hand goes on. */
static int
server_of_no_driver (struct vl_app *other)
{
  struct vl_store *store = vl_app_store (other);

  if (take_lock (other) < 0 || vl_db_begin (store) < 0
      || vl_undo_begin (store, "u1", VL_OP_SERVER_CREATE, "gone") < 0
      || vl_undo_plan (store, "u1", VL_MADE_DOMAIN, "u1") < 0)
    return -1;
  return vl_db_commit (store);
}

START_TEST (keeps_what_it_cannot_mend)
{
  const char *said;

  ck_assert_ptr_nonnull (vl_app_store (app));
  insert_server ("u1", "half");
  kill_it (in_another (server_of_no_driver));
  vl_recover (app, app->store);
  ck_assert_int_eq (vl_findings_exit_code (app), 0);
  said = findings (app);
  ck_assert_ptr_nonnull (strstr (said, "warning DriverNotFound core: there is no driver \"gone\""));
  ck_assert_ptr_nonnull (strstr (said, "warning Unfinished core: "));
  ck_assert_int_eq (number (app->store, "SELECT count(*) FROM operation"), 1);
  ck_assert_int_eq (number (app->store, "SELECT count(*) FROM server"), 1);
}
END_TEST

/* Where nobody can tell whether a command is at work, nothing is mended; and it is
 * no error of the command at hand. */
START_TEST (a_lock_that_cannot_be_opened)
{
  ck_assert_ptr_nonnull (vl_app_store (app));
  rig_write (&rig, "state/images/i1", "bytes");
  kill_it (in_another (deletion_of_an_image));
  ck_assert_int_eq (unlink (path ("state/images/i1.lock")), 0);
  ck_assert_int_eq (mkdir (path ("state/images/i1.lock"), 0700), 0);
  vl_recover (app, app->store);
  ck_assert_int_eq (vl_findings_exit_code (app), 0);
  ck_assert_str_eq (findings (app), "warning StoreFailed core: cannot lock "
                                    "\"DIR/state/images/i1.lock\": Is a directory\n");
  ck_assert_int_eq (number (app->store, "SELECT count(*) FROM operation"), 1);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("undo");
  TCase *tests = tcase_create ("undo");
  SRunner *runner;
  int failed;

  tcase_set_timeout (tests, 60);
  tcase_add_checked_fixture (tests, room_app_setup, room_app_teardown);
  tcase_add_test (tests, locks);
  tcase_add_test (tests, recovers_what_was_killed);
  tcase_add_test (tests, finishes_a_deletion);
  tcase_add_test (tests, keeps_what_it_cannot_mend);
  tcase_add_test (tests, a_lock_that_cannot_be_opened);
  suite_add_tcase (suite, tests);
  runner = srunner_create (suite);
  srunner_set_tap (runner, "-");
  srunner_run_all (runner, CK_SILENT);
  failed = srunner_ntests_failed (runner);
  srunner_free (runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
