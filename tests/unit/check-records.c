/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a child process recorded, and waits. */

#include <config.h>

#include "room.h"

#include "host/host.h"

#include <check.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>

/* ---- what comes back ---- */

static void
record (struct vl_call *c)
{
  struct vl_address *seen = vl_arena_alloc (c->arena, sizeof *seen);

  *seen = (struct vl_address) { "disk0", "type=pci", NULL };
  c->addresses = seen;
  vl_fact_set (c, "a.b", "1");
  vl_fact_add (c, "a.list", "x");
  vl_fact_add (c, "a.list", "y");
  vl_warn_as (c, "Odd", NULL, "mend it", "a warning about %s", "it");
  vl_refuse_as (c, VL_ERR_UNREACHABLE, "Gone", NULL, NULL, "it is gone");
}

/* What another call recorded, of which the first finding is of no interest. */
static FILE *
records (void)
{
  struct vl_call *other = vl_call_new ();
  struct vl_host *host = vl_host_new ();
  FILE *file = tmpfile ();
  size_t first;

  ck_assert_ptr_nonnull (file);
  vl_host_import_into (other, host, NULL);
  vl_warn (other, NULL, NULL, "known");
  first = vl_records_count (other);
  record (other);
  vl_records_write (other, first, file);
  vl_call_free (other);
  vl_host_free (host);
  rewind (file);
  return file;
}

START_TEST (all_comes_back)
{
  struct vl_host *host = vl_host_new ();
  FILE *file = records ();
  const struct vl_finding *found;

  vl_host_import_into (call, host, NULL);
  ck_assert_int_eq (vl_records_read (call, file), 0);
  vl_host_import_into (call, NULL, NULL);
  ck_assert_int_eq (fgetc (file), EOF);
  ck_assert_uint_eq (call->findings.n, 2);
  found = call->findings.items;
  ck_assert_str_eq (found[0].message, "a warning about it");
  ck_assert_str_eq (found[0].code, "Odd");
  ck_assert_str_eq (found[0].hint, "mend it");
  ck_assert_int_eq (found[0].severity, VL_SEV_WARNING);
  ck_assert_str_eq (found[1].message, "it is gone");
  ck_assert_int_eq (found[1].err, VL_ERR_UNREACHABLE);
  ck_assert_uint_eq (call->findings.n_errors, 1);
  ck_assert_str_eq (call->addresses->device, "disk0");
  ck_assert_str_eq (call->addresses->text, "type=pci");
  ck_assert_ptr_null (call->addresses->next);
  ck_assert_str_eq (vl_host_find (host, "a.b")->values[0], "1");
  ck_assert_uint_eq (vl_host_find (host, "a.list")->n, 2);
  vl_host_free (host);
  fclose (file);
}
END_TEST

/* A process that was killed while it wrote: whatever is there, it is a finding. */
START_TEST (what_is_cut_off_is_told)
{
  FILE *file = records ();
  long length;

  fseek (file, 0, SEEK_END);
  length = ftell (file);
  for (long left = length - 1; left >= 0; left--) {
    size_t before = call->findings.n_errors;

    ck_assert_int_eq (ftruncate (fileno (file), left), 0);
    rewind (file);
    ck_assert_int_eq (vl_records_read (call, file), -1);
    ck_assert_uint_le (before, call->findings.n_errors);
    ck_assert_str_eq (call->findings.items[call->findings.n - 1].message,
                      "what a child process recorded is incomplete");
    vl_findings_drop (call, 0, call->findings.n);
  }
  fclose (file);
}
END_TEST

/* ---- waits ---- */

static char told[4][256];
static size_t n_told;

static void
tell (void *opaque, const char *text)
{
  (void)opaque;
  ck_assert_uint_lt (n_told, 4);
  snprintf (told[n_told++], sizeof told[0], "%s", text);
}

/* A wait ends by the clock, is told once, and names who is in the way; what only looks says
 * nothing. */
START_TEST (waits_are_told)
{
  VL_AUTOFREE char *holder = vl_xasprintf ("%s/holder", path ("."));
  struct vl_wait wait = { .what = "a thing", .holder = holder, .ms = 1500 }, again = wait;
  FILE *file = fopen (holder, "w");
  pid_t other = fork (); /* a process does not wait for itself */

  while (other == 0)
    pause ();
  ck_assert_ptr_nonnull (file);
  fprintf (file, "%ld\n", (long)other);
  fclose (file);
  call->on_wait = tell;
  n_told = 0;
  while (vl_wait_more (call, &wait, -1))
    ;
  vl_patience_set (call, 60000);
  while (vl_wait_more (call, &again, -1))
    ;
  kill (other, SIGKILL);
  waitpid (other, NULL, 0);
  ck_assert_uint_eq (n_told, 1);
  ck_assert_ptr_nonnull (strstr (told[0], "waiting for a thing (process "));
  ck_assert_ptr_nonnull (strstr (told[0], "check-records"));
}
END_TEST

START_TEST (patience_is_the_callers)
{
  struct vl_wait wait = { .what = "a thing" };

  ck_assert_uint_eq (vl_patience (call, 5000), 5000);
  vl_patience_set (call, 100);
  ck_assert_uint_le (vl_patience (call, 5000), 100);
  wait.ms = vl_patience (call, 5000);
  while (vl_wait_more (call, &wait, -1))
    ;
  ck_assert_uint_eq (vl_patience (call, 5000), 1);
  vl_patience_set (call, 0);
  ck_assert_uint_eq (vl_patience (call, 5000), 5000);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("records");
  TCase *tests = tcase_create ("records");
  SRunner *runner;
  int failed;

  tcase_set_timeout (tests, 600);
  tcase_add_checked_fixture (tests, room_setup, room_teardown);
  tcase_add_test (tests, all_comes_back);
  tcase_add_test (tests, what_is_cut_off_is_told);
  tcase_add_test (tests, waits_are_told);
  tcase_add_test (tests, patience_is_the_callers);
  suite_add_tcase (suite, tests);
  runner = srunner_create (suite);
  srunner_set_tap (runner, "-");
  srunner_run_all (runner, CK_SILENT);
  failed = srunner_ntests_failed (runner);
  srunner_free (runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
