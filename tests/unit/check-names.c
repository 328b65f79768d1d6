/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Uuids, names, values in messages, CPU sets: what is made and what is accepted. */

#include <config.h>

#include "lib/cpuset.h"
#include "request/guest.h"
#include "request/request.h"
#include "request/request.h"

#include <check.h>

static struct vl_call *call;

static void
setup (void)
{
  call = vl_call_new ();
}

static void
teardown (void)
{
  vl_call_free (call);
}

START_TEST (uuids_of_text)
{
  /* By another implementation of version 5, around the edges of SHA-1's blocks. */
  static const struct {
    size_t n;
    const char *uuid;
  } rows[] = {
    { 0, "52d23726-9b78-5568-8810-db97d7afdbf7" },
    { 55, "e1892cf3-b83b-5feb-90b2-ad34cb50b1a3" },
    { 64, "48dbf21a-9c55-5231-bdcd-456fa676c4a2" },
    { 119, "b38a82f8-c9b6-5c6f-a8af-77cc9b431fee" },
  };
  char text[128], uuid[37];

  memset (text, 'x', sizeof text);
  text[rows[_i].n] = '\0';
  vl_uuid_from_text (text, uuid);
  ck_assert_str_eq (uuid, rows[_i].uuid);
}
END_TEST

START_TEST (random_uuids)
{
  char one[37], two[37];

  vl_uuid_random (one);
  vl_uuid_random (two);
  ck_assert_str_ne (one, two);
  ck_assert_ptr_null (vl_uuid_problem (one));
  ck_assert_int_eq (one[14], '4');
  ck_assert_ptr_nonnull (strchr ("89ab", one[19]));
}
END_TEST

START_TEST (domain_names)
{
  char name[16];

  vl_domain_name ("fb30f09b-e4c3-51b0-ac98-dc74eae73def", name);
  ck_assert_str_eq (name, "vl-fb30f09be4c3");
}
END_TEST

START_TEST (server_names)
{
  static const struct {
    const char *name, *problem;
  } rows[] = {
    { "a", NULL },
    { "../etc/-x \xc3\xa9", NULL },
    { "", "is empty; accepted: 1 to 255 bytes" },
    { "a\nb", "has a control character; accepted: printable text" },
    { "a\x7f", "has a control character; accepted: printable text" },
    { "a\xc2\x9b", "has a control character; accepted: printable text" },
    { "a\xe2\x80\xae", "has a character that is not seen; accepted: printable text" },
    { "a\xc2\xad", "has a character that is not seen; accepted: printable text" },
    { "\xed\xa0\x80", "is not UTF-8 text" },
    { "\xc3", "is not UTF-8 text" },
    { " a", "begins or ends with a blank; accepted: text without blanks around it" },
    { "a ", "begins or ends with a blank; accepted: text without blanks around it" },
  };
  const char *problem = vl_server_name_problem (rows[_i].name);
  char large[257];

  if (rows[_i].problem)
    ck_assert_str_eq (problem, rows[_i].problem);
  else
    ck_assert_ptr_null (problem);
  memset (large, 'n', sizeof large);
  large[256] = '\0';
  ck_assert_str_eq (vl_server_name_problem (large), "is too long; accepted: 1 to 255 bytes");
  large[255] = '\0';
  ck_assert_ptr_null (vl_server_name_problem (large));
}
END_TEST

START_TEST (shown_values)
{
  char large[80];

  memset (large, 'a', sizeof large);
  memcpy (large + 63, "\xc3\xa9zz", 5);
  ck_assert_str_eq (vl_shown (call->arena, "a\xff\xe2\x80\xae"), "a\\xff\\xe2\\x80\\xae");
  ck_assert_str_eq (vl_shown (call->arena, "a\tb\x1b[1m\xc2\x9b\xc3\xa9"),
                    "a\\x09b\\x1b[1m\\xc2\\x9b\xc3\xa9");
  ck_assert_int_eq (strlen (vl_shown (call->arena, large)), 63 + 3);
}
END_TEST

START_TEST (cpu_sets)
{
#define GRAMMAR                                                                                    \
  "is no CPU set; accepted: numbers, ranges and exclusions with a comma between, as in "           \
  "'0-3,^2,6'"
  static const struct {
    const char *text, *canonical, *why;
  } rows[] = {
    { "0", "0", NULL },
    { "3,1,2", "1-3", NULL },
    { "0-3,^2", "0-1,3", NULL },
    { "^2,0-3", "0-1,3", NULL },
    { " 0 - 1 , ^ 0 ", "1", NULL },
    { "^0-1,0-3", "2-3", NULL },
    { "0,2,4", "0,2,4", NULL },
    { "7-9,8-12", "7-12", NULL },
    { "16383", "16383", NULL },
    { "0-16383", "0-16383", NULL },
    { "", NULL, GRAMMAR },
    { "a", NULL, GRAMMAR },
    { "1,", NULL, GRAMMAR },
    { "1,,2", NULL, GRAMMAR },
    { "1-", NULL, GRAMMAR },
    { "-1", NULL, GRAMMAR },
    { "1-2-3", NULL, GRAMMAR },
    { "0x1", NULL, GRAMMAR },
    { "1 2", NULL, GRAMMAR },
    { "^", NULL, GRAMMAR },
    { "3-1", NULL, "has a range that runs backwards; accepted: the lower number first" },
    { "16384", NULL, "names a CPU beyond all hosts; accepted: 0 to 16383" },
    { "99999999999999999999", NULL, "names a CPU beyond all hosts; accepted: 0 to 16383" },
    { "^0", NULL, "leaves no CPU over; accepted: at least one that is not taken out again" },
    { "1,^1", NULL, "leaves no CPU over; accepted: at least one that is not taken out again" },
  };

  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    const char *why = NULL, *canonical = vl_cpuset_canonical (call->arena, rows[i].text, &why);

    ck_assert_pstr_eq (canonical, rows[i].canonical);
    ck_assert_pstr_eq (why, rows[i].why);
  }
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("names");
  TCase *tests = tcase_create ("names");
  SRunner *runner;
  int failed;

  tcase_add_checked_fixture (tests, setup, teardown);
  tcase_add_loop_test (tests, uuids_of_text, 0, 4);
  tcase_add_test (tests, random_uuids);
  tcase_add_test (tests, domain_names);
  tcase_add_loop_test (tests, server_names, 0, 12);
  tcase_add_test (tests, shown_values);
  tcase_add_test (tests, cpu_sets);
  suite_add_tcase (suite, tests);
  runner = srunner_create (suite);
  srunner_set_tap (runner, "-");
  srunner_run_all (runner, CK_SILENT);
  failed = srunner_ntests_failed (runner);
  srunner_free (runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
