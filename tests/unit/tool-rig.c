/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the tests of outside programs share. */

#include <config.h>

#include "tool-rig.h"

#include "lib/file.h"

#include <stdlib.h>
#include <sys/stat.h>

struct vl_tool_row row;
struct vl_tool tool;
struct vl_tool_result result;

void
tool_setup (void)
{
  room_setup ();
  row = (struct vl_tool_row) { .name = "shell", .program = "sh" };
  result = (struct vl_tool_result) { .size = sizeof result };
  tool = (struct vl_tool) { .size = sizeof tool, .name = "shell", .deadline = 120000 };
}

int
shell (const char *script)
{
  const char *args[] = { "-c", script, NULL };

  tool.args = args;
  return vl_tool_try (call, &row, "/bin/sh", &tool, &result);
}

void
says (const char *script, const char *text)
{
  ck_assert_msg (shell (script) == 0, "%s: %s", script, result.problem);
  ck_assert_str_eq (result.out, text);
}

void
problem (const char *script, enum vl_tool_end end, const char *text)
{
  ck_assert_int_eq (shell (script), -1);
  ck_assert_str_eq (result.problem, text);
  ck_assert_int_eq (result.end, end);
}

unsigned
users (void)
{
  VL_AUTOFCLOSE FILE *map = fopen ("/proc/self/uid_map", "re");
  unsigned n = 0;

  return map && fscanf (map, "%*u %*u %u", &n) == 1 ? n : 0;
}

int
is_root (void)
{
  return geteuid () == 0 && users () > 65534;
}

int
has (const char *what)
{
  const char *lacks;

  ck_assert_int_eq (vl_tool_lacks (call, &lacks), 0);
  return lacks == NULL || strstr (lacks, what) == NULL;
}

int
probe (const char *word, const char *more)
{
  const char *args[] = { word, more, NULL }, *why;
  const char *program = path ("probe");
  size_t length;
  VL_AUTOFREE char *bytes =
      vl_file_read (VL_TEST_BUILDDIR "/unit/tool-probe", 64 * MIB, &length, &why);

  ck_assert_msg (bytes != NULL, "%s", why);
  ck_assert_int_eq (chmod (rig.dir, 0711), 0);
  ck_assert_int_eq (vl_file_write (program, bytes, length, 0755), 0);
  tool.args = args;
  return vl_tool_try (call, &row, program, &tool, &result);
}

const char *
status (const char *field)
{
  const char *at = strstr (result.out, vl_printf (call, "\n%s:\t", field));

  ck_assert_msg (at != NULL, "%s", field);
  at += strlen (field) + 3;
  return vl_printf (call, "%.*s", (int)strcspn (at, "\n"), at);
}

int
tool_suite (void (*add) (TCase *tests))
{
  Suite *suite = suite_create ("tool");
  TCase *tests = tcase_create ("tool");
  SRunner *runner;
  int failed;

  tcase_set_timeout (tests, 600);
  tcase_add_checked_fixture (tests, tool_setup, room_teardown);
  add (tests);
  suite_add_tcase (suite, tests);
  runner = srunner_create (suite);
  srunner_set_tap (runner, "-");
  srunner_run_all (runner, CK_SILENT);
  failed = srunner_ntests_failed (runner);
  srunner_free (runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
