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

#define U1 "11111111-0000-4000-8000-000000000000"
#define U2 "22222222-0000-4000-8000-000000000000"
#define U3 "33333333-0000-4000-8000-000000000000"
#define U4 "44444444-0000-4000-8000-000000000000"
#define I1 "11111111-1111-4000-8000-000000000000"
#define I2 "22222222-1111-4000-8000-000000000000"

static void
insert_server (const char *uuid, const char *name)
{
  ck_assert_int_eq (vl_db_run (app->store,
                               "INSERT INTO server (uuid, name, domain, status, flavor, driver, "
                               "created, request, xml, properties, facts) "
                               "VALUES (?, ?, ?, 'SHUTOFF', 'f', 'none', '', '', '', '', '')",
                               "sss", uuid, name, vl_printf (app->call, "vl-%.8s", uuid)),
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
  return vl_lock_take (other, "servers", U1, VL_LOCK_SERVER, &held);
}

START_TEST (locks)
{
  struct vl_lock lock = VL_LOCK_NONE, second = VL_LOCK_NONE;
  const struct vl_finding *busy;
  char who[64];
  pid_t child;

  ck_assert_int_eq (vl_lock_take (app, "servers", U1, VL_LOCK_SERVER, &lock), 0);
  ck_assert_int_eq (vl_lock_take (app, "servers", U1, 0, &second), 1);
  ck_assert_int_eq (exists ("state/servers/" U1 ".lock"), 1);
  vl_lock_drop (&lock);
  ck_assert_int_eq (exists ("state/servers/" U1 ".lock"), 0);
  child = in_another (take_lock);
  snprintf (who, sizeof who, "another virtloom command (process %ld, since 20", (long)child);
  ck_assert_int_eq (vl_lock_take (app, "servers", U1, 0, &lock), 1);
  vl_patience_set (vl_app_call (app), 20);
  ck_assert_int_eq (vl_lock_take (app, "servers", U1, VL_LOCK_SERVER, &lock), -1);
  vl_patience_set (vl_app_call (app), 0);
  busy = vl_findings_get (app, vl_findings_count (app) - 1);
  ck_assert_str_eq (busy->code, "StoreBusy");
  ck_assert_str_eq (busy->hint, "with --wait it is waited for");
  ck_assert_ptr_eq (strstr (busy->message, who), busy->message);
  kill_it (child);
  ck_assert_int_eq (vl_lock_take (app, "servers", U1, 0, &lock), 0);
  vl_lock_drop (&lock);
  ck_assert_str_eq (listing ("state/servers"), "");
}
END_TEST

/* Servers of which one had made its folder and marked it, one was killed before it could,
 * and two were about to make what others then made. */
static const char *const halves[] = { U1, U2, U3, U4 };

static int
half_an_operation (struct vl_app *other)
{
  struct vl_store *store = vl_app_store (other);

  for (size_t i = 0; i < 4; i++) {
    static struct vl_lock theirs[4] = { VL_LOCK_NONE, VL_LOCK_NONE, VL_LOCK_NONE, VL_LOCK_NONE };
    const char *dir = vl_server_dir (other, halves[i]);

    if (store == NULL || vl_lock_take (other, "servers", halves[i], 1, &theirs[i]) < 0
        || vl_undo_begin (store, halves[i], VL_OP_SERVER_CREATE, NULL) < 0
        || vl_undo_plan (store, halves[i], VL_MADE_FOLDER, dir) < 0)
      return -1;
    if (i % 3 == 0 && vl_undo_mkdir (store, halves[i], dir) < 0)
      return -1;
    if (i == 1 && mkdir (dir, 0700) < 0)
      return -1;
  }
  return mkdir (vl_printf (other->call, "%s/below", vl_server_dir (other, U1)), 0700);
}

#define UNPROVEN(uuid)                                                                             \
  "warning NotProven core: \"DIR/state/servers/" uuid                                              \
  "\" has not the mark of the operation that began to make it: it may be somebody else's, and "    \
  "stays\n  look at it; move it away, or have it removed: virtloom state repair "                  \
  "--accept-loss " uuid "\n"                                                                       \
  "warning Unfinished core: an interrupted \"server create\" of " uuid                             \
  " could not be mended now; it is tried again later\n"

START_TEST (recovers_what_was_killed)
{
  struct vl_app *again;
  pid_t child;

  ck_assert_ptr_nonnull (vl_app_store (app));
  for (size_t i = 0; i < 4; i++)
    insert_server (halves[i], halves[i] + 24 + i);
  ck_assert_int_eq (vl_db_run (app->store, "UPDATE server SET status = 'BUILD'", ""), 0);
  child = in_another (half_an_operation);
  rig_write (&rig, "state/servers/" U3 "/file", "precious");
  ck_assert_int_eq (rename (path ("state/servers/" U4), path ("state/moved")), 0);
  rig_write (&rig, "state/servers/" U4 "/file", "precious");
  /* Its process lives: nobody else's business. */
  vl_recover (app, app->store);
  ck_assert_int_eq (exists ("state/servers/" U1 "/below"), 1);
  ck_assert_int_eq (number (app->store, "SELECT count(*) FROM server"), 4);
  kill_it (child);
  /* What is not proven to be ours stays, and the operation with it, each time. */
  for (int times = 0; times < 2; times++) {
    again = open_app (path ("state"));
    vl_recover (again, vl_app_store (again));
    ck_assert_str_eq (findings (again), UNPROVEN (U3) UNPROVEN (U4));
    vl_app_free (again);
    ck_assert_str_eq (listing ("state/servers"), U3 "\n" U4 "\n");
    ck_assert_int_eq (number (app->store, "SELECT count(*) FROM server WHERE status = 'ERROR' AND "
                                          "fault LIKE 'NotProven: %'"),
                      2);
    ck_assert_int_eq (number (app->store, "SELECT count(*) FROM operation"), 2);
  }
  /* Once they are moved away nothing is left to be undone. */
  ck_assert_int_eq (rename (path ("state/servers/" U3), path ("state/a")), 0);
  ck_assert_int_eq (rename (path ("state/servers/" U4), path ("state/b")), 0);
  again = open_app (path ("state"));
  vl_recover (again, vl_app_store (again));
  ck_assert_str_eq (findings (again), "");
  vl_app_free (again);
  ck_assert_int_eq (number (app->store, "SELECT count(*) FROM server"), 0);
  ck_assert_int_eq (number (app->store, "SELECT count(*) FROM operation"), 0);
  ck_assert_int_eq (number (app->store, "SELECT count(*) FROM undo"), 0);
}
END_TEST

/* An image that is half made: WHERE its bytes are, in its folder or moved to their place,
 * and whether that place is somebody else's. */
static const struct {
  int copied, begun, moved, foreign, marked;
  const char *left;
} arrivals[] = {
  { 0, 0, 0, 0, 1, "" },
  { 1, 0, 0, 0, 1, "" },
  { 1, 1, 0, 0, 1, "" },
  { 1, 1, 1, 0, 1, "" },
  { 0, 0, 0, 1, 1, I1 "\n" },
  { 1, 0, 0, 1, 1, I1 "\n" },
  { 1, 1, 0, 1, 1, I1 "\n" },
  /* Moved, and the folder was replaced since. */
  { 1, 1, 1, 0, 0, I1 "\n" I1 ".new\n" },
};
static size_t arrival;

static int
half_an_image (struct vl_app *other)
{
  struct vl_store *store = vl_app_store (other);
  const char *image = vl_image_path (other, I1), *folder = path ("state/images/" I1 ".new");
  const char *copy = path ("state/images/" I1 ".new/image");

  if (vl_lock_take (other, "images", I1, 1, &held) < 0
      || vl_undo_begin (store, I1, VL_OP_IMAGE_CREATE, NULL) < 0
      || vl_undo_plan (store, I1, VL_MADE_FOLDER, folder) < 0
      || vl_undo_plan (store, I1, VL_MADE_FILE, image) < 0 || vl_undo_mkdir (store, I1, folder) < 0
      || (arrivals[arrival].copied && vl_file_write (copy, "bytes", 5, 0600) < 0)
      || (arrivals[arrival].begun && vl_undo_moves (store, I1) < 0)
      || (arrivals[arrival].foreign && vl_file_write (image, "precious", 8, 0600) < 0)
      || (arrivals[arrival].moved && rename (copy, image) < 0))
    return -1;
  if (! arrivals[arrival].marked
      && (unlink (path ("state/images/" I1 ".new/.operation")) < 0 || mkdir (copy, 0700) < 0
          || rename (copy, path ("state/images/" I1 ".new/other")) < 0))
    return -1;
  return 0;
}

START_TEST (takes_half_an_image_back)
{
  struct vl_app *again;

  arrival = (size_t)_i;
  ck_assert_ptr_nonnull (vl_app_store (app));
  kill_it (in_another (half_an_image));
  again = open_app (path ("state"));
  vl_recover (again, vl_app_store (again));
  ck_assert_int_eq (strstr (findings (again), "NotProven") != NULL, ! arrivals[arrival].marked);
  vl_app_free (again);
  ck_assert_str_eq (listing ("state/images"), arrivals[arrival].left);
  ck_assert_int_eq (number (app->store, "SELECT count(*) FROM operation"),
                    ! arrivals[arrival].marked);
}
END_TEST

/* ---- what the store says is no path ---- */

/* The record of a server or image is edited behind our back; what is outside stays. */
static void
refused (const char *said)
{
  struct vl_app *again = open_app (path ("state"));
  const char *text;

  vl_app_store (again);
  vl_recover (again, again->store);
  ck_assert_int_eq (vl_server_delete (again, "web", 0, NULL), -1);
  ck_assert_int_eq (vl_findings_exit_code (again), VL_ERR_FAILED);
  text = findings (again);
  ck_assert_msg (strstr (text, said) != NULL, "no \"%s\" in: %s", said, text);
  ck_assert_int_eq (vl_image_delete (again, "disk"), -1);
  ck_assert_int_eq (vl_findings_exit_code (again), VL_ERR_FAILED);
  text = findings (again);
  ck_assert_msg (strstr (text, said) != NULL, "no \"%s\" in: %s", said, text);
  vl_app_free (again);
  ck_assert_int_eq (exists ("state/servers/" U2 "/disk"), 1);
  ck_assert_int_eq (exists ("state/images/" I2), 1);
  ck_assert_int_eq (exists ("x/file"), 1);
}

START_TEST (what_is_on_record_is_no_path)
{
  static const struct {
    const char *uuid, *said;
  } bad[] = {
    { "", "error StoreDamaged core: \"DIR/state/state.db\" is damaged: the uuid '' on record is no "
          "uuid; accepted: 8-4-4-4-12 hexadecimal digits\n  'virtloom state check' shows what is "
          "damaged, 'virtloom state repair' and 'virtloom state restore' mend it\n" },
    { "../../x", "is damaged: the uuid '../../x' on record is no uuid; " },
    { "..", "is damaged: the uuid '..' on record is no uuid; " },
    { "/etc", "is damaged: the uuid '/etc' on record is no uuid; " },
    { U1 "/", "is damaged: the uuid '" U1 "/' on record is no uuid; " },
  };
  struct vl_store *store = vl_app_store (app);

  ck_assert_ptr_nonnull (store);
  insert_server (U1, "web");
  rig_write (&rig, "state/servers/" U2 "/disk", "precious");
  rig_write (&rig, "state/images/" I2, "precious");
  rig_write (&rig, "x/file", "precious");
  ck_assert_int_eq (vl_db_run (store,
                               "INSERT INTO image (uuid, name, disk_format, status, checksum, "
                               "size, virtual_size, min_ram, min_disk) VALUES ('" I1
                               "', 'disk', 'raw', 'active', '', "
                               "0, 0, 0, 0)",
                               ""),
                    0);
  vl_db_run (store, "PRAGMA foreign_keys = OFF", "");
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    vl_db_run (store, "UPDATE server SET uuid = ?", "s", bad[i].uuid);
    vl_db_run (store, "UPDATE image SET uuid = ?", "s", bad[i].uuid);
    refused (bad[i].said);
  }
}
END_TEST

START_TEST (nor_is_what_an_operation_made)
{
  static const char *const bad[] = {
    "", "..", "../../x", "/", "/etc", "state/servers/" U2, U1 "/x"
  };
  struct vl_store *store = vl_app_store (app);

  rig_write (&rig, "state/servers/" U2 "/disk", "precious");
  rig_write (&rig, "x/file", "precious");
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    ck_assert_int_eq (vl_undo_begin (store, U1, VL_OP_SERVER_CREATE, NULL), 0);
    ck_assert_int_eq (vl_undo_plan (store, U1, VL_MADE_FOLDER, bad[i]), 0);
    ck_assert_int_eq (vl_undo_roll_back (app, store, U1), -1);
    ck_assert_ptr_nonnull (strstr (findings (app), "error StoreDamaged core: "));
    ck_assert_int_eq (number (store, "SELECT count(*) FROM undo"), 1);
    ck_assert_int_eq (vl_undo_end (store, U1), 0);
  }
  ck_assert_int_eq (vl_undo_begin (store, "../../x", VL_OP_SERVER_DELETE, NULL), 0);
  vl_recover (app, store);
  ck_assert_str_eq (findings (app),
                    "warning StoreDamaged core: \"DIR/state/state.db\" is damaged: the object "
                    "'../../x' on record is no uuid; accepted: 8-4-4-4-12 hexadecimal digits\n"
                    "  'virtloom state check' shows what is damaged, 'virtloom state repair' and "
                    "'virtloom state restore' mend it\n");
  ck_assert_int_eq (exists ("state/servers/" U2 "/disk"), 1);
  ck_assert_int_eq (exists ("x/file"), 1);
}
END_TEST

static int
deletion_of_an_image (struct vl_app *other)
{
  struct vl_store *store = vl_app_store (other);

  return vl_lock_take (other, "images", I1, VL_LOCK_OTHER, &held) < 0
                 || vl_undo_begin (store, I1, VL_OP_IMAGE_DELETE, NULL) < 0
             ? -1
             : 0;
}

START_TEST (finishes_a_deletion)
{
  ck_assert_ptr_nonnull (vl_app_store (app));
  rig_write (&rig, "state/images/" I1, "bytes");
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
      || vl_undo_begin (store, U1, VL_OP_SERVER_CREATE, "gone") < 0
      || vl_undo_plan (store, U1, VL_MADE_DOMAIN, U1) < 0)
    return -1;
  return vl_db_commit (store);
}

START_TEST (keeps_what_it_cannot_mend)
{
  const char *said;

  ck_assert_ptr_nonnull (vl_app_store (app));
  insert_server (U1, "half");
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
  rig_write (&rig, "state/images/" I1, "bytes");
  kill_it (in_another (deletion_of_an_image));
  ck_assert_int_eq (unlink (path ("state/images/" I1 ".lock")), 0);
  ck_assert_int_eq (mkdir (path ("state/images/" I1 ".lock"), 0700), 0);
  vl_recover (app, app->store);
  ck_assert_int_eq (vl_findings_exit_code (app), 0);
  ck_assert_str_eq (findings (app), "warning StoreFailed core: cannot lock "
                                    "\"DIR/state/images/" I1 ".lock\": Is a directory\n");
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

  tcase_set_timeout (tests, 600);
  tcase_add_checked_fixture (tests, room_app_setup, room_app_teardown);
  tcase_add_test (tests, locks);
  tcase_add_test (tests, recovers_what_was_killed);
  tcase_add_loop_test (tests, takes_half_an_image_back, 0, sizeof arrivals / sizeof arrivals[0]);
  tcase_add_test (tests, what_is_on_record_is_no_path);
  tcase_add_test (tests, nor_is_what_an_operation_made);
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
