/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Facts that are kept between commands, and the stamps of what they rest on. */

#include <config.h>

#include "host/host.h"

#include <virtloom/driver.h>

#include <check.h>
#include <stdio.h>

START_TEST (kept_lines)
{
  VL_AUTOFREE char *lines = NULL, *before = NULL, *after = NULL;
  struct vl_host *host = vl_host_new (), *again;

  vl_host_set (host, "flag", "true");
  vl_host_set (host, "empty", "");
  vl_host_set (host, "text", "with blanks, and *");
  vl_host_add (host, "list", "one");
  vl_host_add (host, "list", "two");
  vl_host_add (host, "one-of-list", "486");
  vl_host_sort (host);
  lines = vl_host_to_lines (host);
  ck_assert_str_eq (lines, "empty\t\nflag\ttrue\n*list\tone\ttwo\n*one-of-list\t486\n"
                           "text\twith blanks, and *\n");
  again = vl_host_from_lines (lines);
  before = vl_host_to_json (host);
  after = vl_host_to_json (again);
  ck_assert_str_eq (after, before);
  vl_host_free (again);
  vl_host_set (host, "text", "a\tb");
  ck_assert_ptr_null (vl_host_to_lines (host));
  vl_host_free (host);
}
END_TEST

static char *
stamp_of (const char *folder)
{
  VL_AUTOFREE char *file = vl_xasprintf ("%s/some.json", folder);
  struct vl_stamp stamp = { { NULL, 0, 0 } };

  vl_stamp_file (&stamp, file);
  vl_stamp_folder (&stamp, folder, "*.json");
  vl_stamp_word (&stamp, "folder", folder);
  return stamp.text.text;
}

static void
write_text (const char *path, const char *text)
{
  FILE *file = fopen (path, "a");

  ck_assert_ptr_nonnull (file);
  fputs (text, file);
  fclose (file);
}

START_TEST (stamps)
{
  char folder[] = "/tmp/check-host.XXXXXX";
  VL_AUTOFREE char *file = NULL, *none = NULL, *made = NULL, *same = NULL, *grown = NULL;

  ck_assert_ptr_nonnull (mkdtemp (folder));
  file = vl_xasprintf ("%s/some.json", folder);
  none = stamp_of (folder);
  write_text (file, "one");
  made = stamp_of (folder);
  same = stamp_of (folder);
  write_text (file, "two");
  grown = stamp_of (folder);
  ck_assert_ptr_nonnull (strstr (none, "some.json -\n"));
  ck_assert_str_ne (made, none);
  ck_assert_str_eq (same, made);
  ck_assert_str_ne (grown, made);
  unlink (file);
  rmdir (folder);
}
END_TEST

START_TEST (system_stamp)
{
  struct vl_stamp one = { { NULL, 0, 0 } }, two = { { NULL, 0, 0 } };

  vl_stamp_system (&one);
  vl_stamp_system (&two);
  ck_assert_str_eq (one.text.text, two.text.text);
  ck_assert_ptr_nonnull (strstr (one.text.text, "/proc/sys/kernel/random/boot_id="));
  ck_assert_ptr_nonnull (strstr (one.text.text, "/proc/meminfo=MemTotal:"));
  ck_assert_ptr_nonnull (strstr (one.text.text, "\nuser="));
  vl_str_free (&one.text);
  vl_str_free (&two.text);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("facts");
  TCase *tcase = tcase_create ("facts");
  SRunner *runner = srunner_create (suite);
  int failed;

  tcase_add_test (tcase, kept_lines);
  tcase_add_test (tcase, stamps);
  tcase_add_test (tcase, system_stamp);
  suite_add_tcase (suite, tcase);
  srunner_set_tap (runner, "-");
  srunner_run_all (runner, CK_SILENT);
  failed = srunner_ntests_failed (runner);
  srunner_free (runner);
  return failed ? 1 : 0;
}
