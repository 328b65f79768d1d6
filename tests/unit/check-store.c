/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * STATE and its records: where it is, its schema, flavors and images, locks, the
 * undo log, and what the next command makes of one that was killed. */

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

/* ---- STATE ---- */

START_TEST (state_is_judged)
{
  const struct vl_holdings *all;
  char longest[80];
  struct vl_app *other;
  struct stat st;

  memset (longest, 'x', sizeof longest);
  longest[0] = '/';
  longest[50] = '\0';
  other = open_app (longest);
  ck_assert_ptr_null (vl_app_state_dir (other));
  ck_assert_int_eq (vl_findings_exit_code (other), VL_ERR_USAGE);
  ck_assert_ptr_nonnull (
      strstr (findings (other), "has 50 bytes in its name; accepted: at most 49"));
  vl_app_free (other);
  longest[49] = '\0';
  other = open_app (longest);
  ck_assert_str_eq (vl_app_state_dir (other), longest);
  vl_app_free (other);

  ck_assert_int_eq (mkdir (path ("loose"), 0700), 0);
  ck_assert_int_eq (chmod (path ("loose"), 0707), 0);
  other = open_app (path ("loose"));
  ck_assert_ptr_null (vl_app_state_dir (other));
  ck_assert_int_eq (vl_findings_exit_code (other), VL_ERR_NOT_PERMITTED);
  ck_assert_ptr_nonnull (strstr (findings (other), "/loose' is writable by everyone (owner "));
  vl_app_free (other);

  /* Looking makes nothing; writing makes it, for nobody else to see. */
  ck_assert_ptr_null (vl_flavor_find (app, "m1"));
  ck_assert_int_eq (vl_flavor_each (app, NULL, NULL), 0);
  ck_assert_int_eq (vl_holdings_load (app, NULL, "u", app->call->arena, &all), 0);
  ck_assert_ptr_null (all);
  ck_assert_int_eq (exists ("state"), 0);
  ck_assert_ptr_nonnull (vl_app_store (app));
  ck_assert_int_eq (stat (path ("state"), &st), 0);
  ck_assert_uint_eq (st.st_mode & 07777, 0700);
  ck_assert_int_eq (stat (path ("state/state.db"), &st), 0);
  ck_assert_uint_eq (st.st_mode & 07777, 0600);
}
END_TEST

START_TEST (schema_versions)
{
  struct vl_app *other = open_app (path ("state"));

  ck_assert_int_eq (number (vl_app_store (app), "SELECT version FROM schema"), 8);
  ck_assert_int_eq (number (app->store, "PRAGMA foreign_keys"), 1);
  ck_assert_int_eq (vl_db_run (app->store, "UPDATE schema SET version = 99", ""), 0);
  ck_assert_ptr_null (vl_app_store (other));
  ck_assert_ptr_nonnull (
      strstr (findings (other), "was written by a later virtloom (schema 99; this one knows"));
  vl_app_free (other);
  rig_write (&rig, "damaged/state.db", "this is no database, whatever its name says of it ...");
  other = open_app (path ("damaged"));
  ck_assert_ptr_null (vl_app_store (other));
  ck_assert_ptr_nonnull (strstr (findings (other), "error StoreDamaged core: "));
  vl_app_free (other);
}
END_TEST

/* What a query fails for is said, and is no number. */
START_TEST (a_damaged_store_is_told)
{
  struct vl_app *other = open_app (path ("state"));
  int64_t n = 7;

  ck_assert_int_eq (vl_db_run (vl_app_store (app), "DELETE FROM schema", ""), 0);
  ck_assert_ptr_null (vl_app_store (other));
  ck_assert_str_eq (findings (other),
                    "error StoreDamaged core: \"DIR/state/state.db\" is damaged: its table "
                    "\"schema\" does not say of which version it is\n"
                    "  put a copy of the file back, or use another folder with --state\n");
  vl_app_free (other);
  ck_assert_int_eq (vl_db_number (app->store, &n, "SELECT n FROM nowhere", ""), -1);
  ck_assert_int_eq (n, 7);
  ck_assert_ptr_nonnull (strstr (findings (app), "no such table: nowhere"));
  ck_assert_int_eq (vl_db_any (app->store, "SELECT 1 FROM flavor", ""), 0);
}
END_TEST

/* Ten commands that find no STATE make it, all at once. */
START_TEST (first_opened_by_many)
{
  pid_t children[10];
  int status;

  for (size_t i = 0; i < 10; i++) {
    children[i] = fork ();
    if (children[i] == 0) {
      struct vl_flavor_info flavor = { .name = vl_printf (app->call, "f%zu", i),
                                       .vcpus = 1,
                                       .ram = 64 };

      _exit (vl_flavor_create (app, &flavor) == 0 ? 0 : 1);
    }
  }
  for (size_t i = 0; i < 10; i++) {
    ck_assert_int_eq (waitpid (children[i], &status, 0), children[i]);
    ck_assert_int_eq (status, 0);
  }
  ck_assert_int_eq (number (vl_app_store (app), "SELECT count(*) FROM flavor"), 10);
}
END_TEST

static int told;

static void
tell (void *opaque, const char *text)
{
  const int *to_child = opaque;

  if (! VL_STREQ (text, "waiting for another virtloom command"))
    return;
  told++;
  ck_assert_int_eq (write (*to_child, "x", 1), 1);
}

START_TEST (waits_for_another)
{
  struct vl_flavor_info flavor = { .name = "m1", .vcpus = 1, .ram = 64 };
  struct vl_app *other;
  int pipes[2], told_it[2];
  pid_t child;
  char byte;

  ck_assert_ptr_nonnull (vl_app_store (app));
  ck_assert_int_eq (pipe (pipes) | pipe (told_it), 0);
  child = fork ();
  if (child == 0) {
    other = open_app (path ("state"));
    /* Holds the store until the other says that it waits. */
    _exit (vl_db_begin (vl_app_store (other)) < 0 || write (pipes[1], "x", 1) != 1
           || read (told_it[0], &byte, 1) != 1);
  }
  ck_assert_int_eq (read (pipes[0], &byte, 1), 1);
  vl_app_on_progress (app, tell, &told_it[1]);
  ck_assert_int_eq (vl_flavor_create (app, &flavor), 0);
  ck_assert_int_eq (told, 1);
  waitpid (child, NULL, 0);
}
END_TEST

/* ---- flavors ---- */

/* Keys are judged when they are set, and each is given once. */
START_TEST (properties_that_are_set)
{
  struct vl_property twice[] = { { "hw:a", "1" }, { "hw:a", "2" } };
  struct vl_property unknown[] = { { "hw:a", "1" }, { "shelf", "2" } };
  struct vl_flavor_info flavor = { .name = "f", .vcpus = 1, .ram = 1, .properties = twice, 2 };

  ck_assert_int_eq (vl_flavor_create (app, &flavor), -1);
  ck_assert_int_eq (vl_findings_exit_code (app), VL_ERR_USAGE);
  ck_assert_str_eq (findings (app), "error Usage core: the property key \"hw:a\" is given twice\n"
                                    "  give each key once\n");
  flavor.properties = unknown;
  ck_assert_int_eq (vl_flavor_create (app, &flavor), -1);
  ck_assert_int_eq (vl_findings_exit_code (app), VL_ERR_REQUEST);
  ck_assert_str_eq (
      findings (app),
      "error ValidationError core: no plugin answers for extra spec 'shelf' (shelf=2, "
      "flavor)\n  'virtloom feature list --long' shows the keys that are known, and "
      "ignored_extra_specs of virtloom.conf names those to pass over\n");
  flavor.n_properties = 1;
  ck_assert_int_eq (vl_flavor_create (app, &flavor), 0);
  ck_assert_int_eq (vl_flavor_change (app, "f", unknown + 1, 1, NULL), -1);
  ck_assert_int_eq (vl_flavor_change (app, "f", twice, 2, NULL), -1);
  findings (app);
  ck_assert_uint_eq (vl_flavor_find (app, "f")->n_properties, 1);
}
END_TEST

START_TEST (flavors)
{
  struct vl_property props[] = { { "hw:b", "2" }, { "hw:a", "1" } };
  struct vl_flavor_info flavor = {
    .name = "m1.small", .vcpus = 2, .ram = 512, .disk = 1, .properties = props, 2
  };
  const struct vl_flavor_info *found;
  const char *const unset[] = { "hw:b", NULL }, *const wrong[] = { "hw:aa", NULL };

  ck_assert_int_eq (vl_flavor_create (app, &flavor), 0);
  ck_assert_int_eq (vl_flavor_create (app, &flavor), -1);
  ck_assert_int_eq (vl_findings_exit_code (app), VL_ERR_REQUEST);
  ck_assert_str_eq (findings (app),
                    "error FlavorExists core: there is already a flavor \"m1.small\"\n"
                    "  take another name, or delete it first: virtloom flavor delete m1.small\n");
  found = vl_flavor_find (app, "m1.small");
  ck_assert_int_eq (found->ram, 512);
  ck_assert_uint_eq (found->n_properties, 2);
  ck_assert_str_eq (found->properties[0].key, "hw:a");
  ck_assert_int_eq (
      vl_flavor_change (app, "m1.small", &(struct vl_property) { "hw:c", "3" }, 1, unset), 0);
  found = vl_flavor_find (app, "m1.small");
  ck_assert_uint_eq (found->n_properties, 2);
  ck_assert_str_eq (found->properties[1].key, "hw:c");
  /* All or nothing. */
  ck_assert_int_eq (
      vl_flavor_change (app, "m1.small", &(struct vl_property) { "hw:d", "4" }, 1, wrong), -1);
  ck_assert_str_eq (findings (app),
                    "error PropertyNotFound core: the flavor has no property \"hw:aa\"\n"
                    "  did you mean \"hw:a\"?\n");
  ck_assert_uint_eq (vl_flavor_find (app, "m1.small")->n_properties, 2);
  ck_assert_ptr_null (vl_flavor_find (app, "m1.smal"));
  ck_assert_int_eq (vl_findings_exit_code (app), VL_ERR_NOT_FOUND);
  ck_assert_str_eq (findings (app), "error FlavorNotFound core: there is no flavor \"m1.smal\"\n"
                                    "  did you mean \"m1.small\"?\n");
  ck_assert_int_eq (vl_flavor_delete (app, "m1.small"), 0);
  ck_assert_int_eq (vl_flavor_delete (app, "m1.small"), -1);
  ck_assert_int_eq (number (app->store, "SELECT count(*) FROM flavor_property"), 0);
}
END_TEST

START_TEST (bad_flavors)
{
  struct vl_property bad[] = { { "a\nb", "x" }, { "k", "\x01" }, { "", "x" }, { "u", "\xff" } };
  struct vl_flavor_info flavor = {
    .name = "a\tb", .vcpus = 0, .ram = -1, .disk = -1, .properties = bad, 4
  };

  ck_assert_int_eq (vl_flavor_create (app, &flavor), -1);
  ck_assert_uint_eq (app->call->findings.n, 8);
  ck_assert_int_eq (vl_findings_exit_code (app), VL_ERR_REQUEST);
  ck_assert_int_eq (exists ("state"), 0);
}
END_TEST

/* ---- images ---- */

static int
add_image (const char *name, const char *file, const char *format)
{
  struct vl_image_info image = { .name = name, .disk_format = format };

  return vl_image_create (app, file, &image);
}

START_TEST (images)
{
  const struct vl_image_info *image;
  struct stat st;

  ck_assert_int_eq (add_image ("cirros", make ("a", "qcow2", "8M"), "qcow2"), 0);
  ck_assert_int_eq (add_image ("cirros", path ("a"), "qcow2"), -1);
  ck_assert_ptr_nonnull (
      strstr (findings (app), "error ImageExists core: there is already an image \""));
  image = vl_image_find (app, "cirros");
  ck_assert_str_eq (image->disk_format, "qcow2");
  ck_assert_str_eq (image->status, "active");
  ck_assert_int_eq (image->virtual_size, 8 << 20);
  ck_assert_int_eq (stat (image->file, &st), 0);
  ck_assert_int_eq (st.st_size, image->size);
  ck_assert_uint_eq (st.st_mode & 07777, 0400);
  ck_assert_int_eq (strncmp (image->checksum, "sha256:", 7), 0);
  ck_assert_str_eq (vl_image_find (app, image->uuid)->name, "cirros");
  ck_assert_str_eq (listing ("state/images"), vl_printf (rig.call, "%s\n", image->uuid));
  ck_assert_int_eq (vl_image_delete (app, "cirros"), 0);
  ck_assert_str_eq (listing ("state/images"), "");
  ck_assert_int_eq (vl_image_delete (app, "cirros"), -1);
  ck_assert_int_eq (vl_findings_exit_code (app), VL_ERR_NOT_FOUND);
}
END_TEST

START_TEST (image_is_kept_as)
{
  ck_assert_int_eq (add_image ("v", make ("v", "vmdk", "8M"), "vmdk"), 0);
  ck_assert_str_eq (findings (app),
                    "advice Advice core: image \"v\" was given as vmdk and is kept as qcow2\n");
  ck_assert_str_eq (vl_image_find (app, "v")->disk_format, "qcow2");
  ck_assert_int_eq (vl_image_find (app, "v")->virtual_size, 8 << 20);
  ck_assert_int_eq (add_image ("bad", path ("v"), "raw"), -1);
  ck_assert_ptr_null (strstr (listing ("state/images"), "new"));
}
END_TEST

/* A file that stands where the image would go is somebody else's. */
START_TEST (foreign_file_stays)
{
  VL_AUTOFREE char *kept = NULL;
  char uuid[37];
  const char *why;

  ck_assert_int_eq (add_image ("other", make ("a", "qcow2", "8M"), "qcow2"), 0);
  vl_uuid_from_text ("cirros", uuid);
  rig_write (&rig, vl_printf (rig.call, "state/images/%s", uuid), "precious");
  ck_assert_int_eq (add_image ("cirros", path ("a"), "qcow2"), -1);
  kept = vl_file_read (path (vl_printf (rig.call, "state/images/%s", uuid)), 20, NULL, &why);
  ck_assert_str_eq (kept, "precious");
  ck_assert_int_eq (number (app->store, "SELECT count(*) FROM operation"), 0);
  ck_assert_int_eq (exists (vl_printf (rig.call, "state/images/%s.new", uuid)), 0);
  /* The same for the folder that it is copied into. */
  vl_findings_clear (app);
  vl_uuid_from_text ("third", uuid);
  rig_write (&rig, vl_printf (rig.call, "state/images/%s.new/mine", uuid), "precious");
  ck_assert_int_eq (add_image ("third", path ("a"), "qcow2"), -1);
  ck_assert_int_eq (exists (vl_printf (rig.call, "state/images/%s.new/mine", uuid)), 1);
}
END_TEST

#define U0 "00000000-0000-4000-8000-000000000000"
#define U1 "11111111-0000-4000-8000-000000000000"
#define U2 "22222222-0000-4000-8000-000000000000"

static void
insert_server (const char *uuid, const char *name, const char *image)
{
  ck_assert_int_eq (vl_db_run (app->store,
                               "INSERT INTO server (uuid, name, domain, status, flavor, driver, "
                               "created, request, xml, properties, facts) "
                               "VALUES (?, ?, ?, 'SHUTOFF', 'f', 'none', '', '', '', '', '')",
                               "sss", uuid, name, vl_printf (app->call, "vl-%.8s", uuid)),
                    0);
  if (image)
    ck_assert_int_eq (
        vl_db_run (app->store, "INSERT INTO server_image VALUES (?, ?)", "ss", uuid, image), 0);
}

START_TEST (image_in_use)
{
  const struct vl_image_info *image;

  ck_assert_int_eq (add_image ("cirros", make ("a", "qcow2", "8M"), "qcow2"), 0);
  image = vl_image_find (app, "cirros");
  insert_server (U1, "web", image->uuid);
  insert_server (U2, "db", image->uuid);
  ck_assert_int_eq (vl_image_delete (app, "cirros"), -1);
  ck_assert_int_eq (vl_findings_exit_code (app), VL_ERR_REQUEST);
  ck_assert_str_eq (findings (app),
                    "error ImageInUse core: image \"cirros\" is used by 2 servers: \"db\", "
                    "\"web\"\n  delete those servers first\n");
  ck_assert_int_eq (access (image->file, F_OK), 0);
  ck_assert_int_eq (vl_db_run (app->store, "DELETE FROM server", ""), 0);
  ck_assert_int_eq (vl_image_delete (app, "cirros"), 0);
}
END_TEST

static const char *
no_file (struct vl_call *c)
{
  (void)c;
  return NULL;
}

/* What server UUID sees on the host of driver NAME, which has one OF_ITS_OWN. */
static const char *
held (const char *uuid, const char *name, int of_its_own)
{
  struct vl_plugin driver = { .name = name, .driver.host_file = of_its_own ? no_file : NULL };
  const struct vl_holdings *all;
  VL_AUTOSTR struct vl_str text = { 0 };

  ck_assert_int_eq (vl_holdings_load (app, &driver, uuid, app->call->arena, &all), 0);
  for (size_t i = 0; all && i < all->n_others + all->n_own; i++) {
    const struct vl_held *part = i < all->n_others ? &all->others[i] : &all->own[i - all->n_others];

    vl_str_printf (&text, "%s%s %s %s %lld; ", i < all->n_others ? "" : "own ", part->server,
                   part->resource, part->member ? part->member : "-", (long long)part->amount);
  }
  return all ? vl_arena_strdup (app->call->arena, text.text ? text.text : "") : NULL;
}

START_TEST (claims_are_counted_from_records)
{
  ck_assert_ptr_null (held (U1, "m", 0));
  ck_assert_ptr_nonnull (vl_app_store (app));
  ck_assert_str_eq (held (U1, "m", 0), "");
  insert_server (U1, "a", NULL);
  insert_server (U2, "b", NULL);
  ck_assert_int_eq (
      vl_db_run (app->store,
                 "INSERT INTO claim (server, role, host, resource, plugin, holder, member, amount) "
                 "VALUES ('" U1 "', 'current', '', 'R', 'p', '', NULL, 2), "
                 "('" U1 "', 'pending', '', 'R', 'p', '', NULL, 1), "
                 "('" U2 "', 'current', '', 'R', 'p', '', NULL, 1), "
                 "('" U2 "', 'current', '', 'R', 'q', '', NULL, 2), "
                 "('" U2 "', 'current', '', 'P', 'q', 'x', '7', 1), "
                 "('" U2 "', 'pending', '', 'P', 'q', 'x', '8', 1), "
                 /* Of a host of its own, and of an earlier schema with a driver that is gone. */
                 "('" U2 "', 'current', 'far', 'R', 'r', '', NULL, 9), "
                 "('" U1 "', 'current', NULL, 'OLD', 'q', '', NULL, 4)",
                 ""),
      0);
  ck_assert_str_eq (held (U0, "m", 0), "a OLD - 4; b P 7 1; b P 8 1; a R - 2; b R - 3; ");
  ck_assert_str_eq (held (U1, "m", 0), "b P 7 1; b P 8 1; b R - 3; own a OLD - 4; own a R - 2; ");
  ck_assert_str_eq (held (U1, "far", 1), "b R - 9; ");
  ck_assert_str_eq (findings (app), "");
  ck_assert_int_eq (vl_db_run (app->store, "DELETE FROM server WHERE uuid = '" U2 "'", ""), 0);
  ck_assert_str_eq (held (U0, "far", 0), "a OLD - 4; a R - 2; ");
}
END_TEST

START_TEST (statuses)
{
  ck_assert_str_eq (vl_status_of ("ACTIVE", VL_STATE_RUNNING, 1), "ACTIVE");
  ck_assert_str_eq (vl_status_of ("ACTIVE", VL_STATE_SHUTDOWN, 1), "SHUTOFF");
  ck_assert_str_eq (vl_status_of ("ACTIVE", VL_STATE_CRASHED, 1), "SHUTOFF");
  ck_assert_str_eq (vl_status_of ("SHUTOFF", VL_STATE_PAUSED, 1), "PAUSED");
  ck_assert_str_eq (vl_status_of ("SUSPENDED", VL_STATE_SHUTDOWN, 1), "SUSPENDED");
  ck_assert_str_eq (vl_status_of ("SUSPENDED", VL_STATE_RUNNING, 1), "ACTIVE");
  ck_assert_str_eq (vl_status_of ("ACTIVE", VL_STATE_NONE, 1), "ERROR");
  ck_assert_str_eq (vl_status_of ("ACTIVE", VL_STATE_NONE, 0), "ACTIVE");
  ck_assert_str_eq (vl_status_of ("BUILD", VL_STATE_RUNNING, 1), "BUILD");
  ck_assert_str_eq (vl_status_of ("ERROR", VL_STATE_RUNNING, 1), "ERROR");
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("store");
  TCase *tests = tcase_create ("store");
  SRunner *runner;
  int failed;

  tcase_set_timeout (tests, 600);
  tcase_add_checked_fixture (tests, room_app_setup, room_app_teardown);
  tcase_add_test (tests, state_is_judged);
  tcase_add_test (tests, schema_versions);
  tcase_add_test (tests, a_damaged_store_is_told);
  tcase_add_test (tests, first_opened_by_many);
  tcase_add_test (tests, waits_for_another);
  tcase_add_test (tests, properties_that_are_set);
  tcase_add_test (tests, flavors);
  tcase_add_test (tests, bad_flavors);
  tcase_add_test (tests, images);
  tcase_add_test (tests, image_is_kept_as);
  tcase_add_test (tests, foreign_file_stays);
  tcase_add_test (tests, image_in_use);
  tcase_add_test (tests, claims_are_counted_from_records);
  tcase_add_test (tests, statuses);
  suite_add_tcase (suite, tests);
  runner = srunner_create (suite);
  srunner_set_tap (runner, "-");
  srunner_run_all (runner, CK_SILENT);
  failed = srunner_ntests_failed (runner);
  srunner_free (runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
