/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * lib/: letters, files. */

#include <config.h>

#include <virtloom/ascii.h>

#include "lib/alloc.h"
#include "lib/file.h"
#include "lib/text.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>

static char folder[] = "/tmp/check-base-XXXXXX";

START_TEST (letters)
{
  ck_assert_int_eq (vl_ascii_casecmp ("VIRTIO", "virtio"), 0);
  ck_assert_int_lt (vl_ascii_casecmp ("a", "B"), 0);
  ck_assert_int_gt (vl_ascii_casecmp ("ab", "A"), 0);
  ck_assert_int_eq (vl_ascii_ncasecmp ("RW 63", "rwx", 2), 0);
  ck_assert_int_ne (vl_ascii_ncasecmp ("RW 63", "rwx", 3), 0);
  ck_assert_int_gt (vl_ascii_casecmp ("\xc3\xa9", "z"), 0);
  /* The neighbours of the letters and digits. */
  for (const char *p = "/:@[`{\x7f\xc1\xe1"; *p; p++) {
    ck_assert_int_eq (vl_ascii_is_alnum (*p), 0);
    ck_assert_int_eq (vl_ascii_is_xdigit (*p), 0);
    ck_assert_int_eq (vl_ascii_lower (*p), *p);
    ck_assert_int_eq (vl_ascii_upper (*p), *p);
  }
  for (const char *p = "09azAZ"; *p; p++)
    ck_assert_int_eq (vl_ascii_is_alnum (*p), 1);
  for (const char *p = " \t\n\v\f\r"; *p; p++)
    ck_assert_int_eq (vl_ascii_is_space (*p), 1);
  ck_assert_int_eq (vl_ascii_is_space ('\x08'), 0);
}
END_TEST

/* A file of /proc says that it has no bytes. */
START_TEST (passwords_of_uris)
{
  static const char *const rows[][2] = {
    { "qemu+tcp://u:p@h/system", "qemu+tcp://u:***@h/system" },
    { "a 'x://u:p@q@h' b://:z@ c", "a 'x://u:***@h' b://:***@ c" },
    { "x://u:p:q@h,y://v:r@i", "x://u:***@i" },
    { "qemu+ssh://root@h:22/x", NULL },
    { "https://h:80/a b@c", NULL },
    { "://", NULL },
    { "u:p@h", NULL },
  };
  struct vl_arena *arena = vl_arena_new ();

  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    ck_assert_str_eq (vl_passwordless (arena, rows[i][0]), rows[i][rows[i][1] != NULL]);
  ck_assert_ptr_null (vl_passwordless (arena, NULL));
  vl_arena_free (arena);
}
END_TEST

START_TEST (files_are_read_to_their_end)
{
  const char *why = NULL;
  size_t n = 0;
  VL_AUTOFREE char *text = vl_file_read ("/proc/self/status", 65536, &n, &why);

  ck_assert_ptr_nonnull (text);
  ck_assert_uint_gt (n, 100);
  ck_assert_uint_eq (strlen (text), n);
}
END_TEST

START_TEST (the_limit_is_met)
{
  VL_AUTOFREE char *path = vl_xasprintf ("%s/file", folder), *text = NULL, *large = NULL;
  const char *why = NULL;
  size_t n = 0;

  ck_assert_int_eq (vl_file_write (path, "0123456789", 10, 0600), 0);
  text = vl_file_read (path, 10, &n, &why);
  ck_assert_str_eq (text, "0123456789");
  ck_assert_uint_eq (n, 10);
  errno = 0;
  large = vl_file_read (path, 9, &n, &why);
  ck_assert_ptr_null (large);
  ck_assert_int_eq (errno, EFBIG);
  ck_assert_str_eq (why, "is larger than 9 bytes");
  ck_assert_ptr_null (vl_file_read (folder, 9, &n, &why));
  ck_assert_str_eq (why, "is not a regular file");
}
END_TEST

/* Nor is a descriptor lost. */
START_TEST (trees_are_removed)
{
  VL_AUTOFREE char *deep = vl_xasprintf ("%s/a/b/c", folder), *top = vl_xasprintf ("%s/a", folder);
  VL_AUTOFREE char *link = vl_xasprintf ("%s/a/link", folder);
  int before = open ("/", O_RDONLY | O_CLOEXEC), after;

  close (before);
  ck_assert_int_eq (vl_file_mkdirs (deep, 0700), 0);
  ck_assert_int_eq (symlink ("/etc", link), 0);
  ck_assert_int_eq (vl_file_remove_tree (top), 0);
  ck_assert_int_ne (access (top, F_OK), 0);
  ck_assert_int_eq (access ("/etc/passwd", F_OK), 0);
  ck_assert_int_eq (vl_file_remove_tree (top), 0);
  after = open ("/", O_RDONLY | O_CLOEXEC);
  close (after);
  ck_assert_int_eq (before, after);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("base");
  TCase *tests = tcase_create ("base");
  SRunner *runner;
  int failed;

  if (mkdtemp (folder) == NULL)
    return EXIT_FAILURE;
  tcase_add_test (tests, letters);
  tcase_add_test (tests, passwords_of_uris);
  tcase_add_test (tests, files_are_read_to_their_end);
  tcase_add_test (tests, the_limit_is_met);
  tcase_add_test (tests, trees_are_removed);
  suite_add_tcase (suite, tests);
  runner = srunner_create (suite);
  srunner_set_tap (runner, "-");
  srunner_run_all (runner, CK_SILENT);
  failed = srunner_ntests_failed (runner);
  srunner_free (runner);
  vl_file_remove_tree (folder);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
