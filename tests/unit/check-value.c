/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Text to typed value: what each type takes, what canonical text it becomes, and
 * what is said of the rest. */

#include <config.h>

#include "context/call.h"
#include "plugin/registry.h"
#include "lib/text.h"

#include <check.h>
#include <inttypes.h>

static const char *const colours[] = { "red", "Green", "none", NULL };

#define BOOL_WHY "is not a boolean; accepted: 1 t true on y yes / 0 f false off n no, in any case"
#define SIZE_WHY                                                                                   \
  "is not a size; accepted: a whole number of bytes, or one with a suffix K M G T (or KiB MiB "    \
  "GiB "                                                                                           \
  "TiB)"
#define EMPTY_WHY "is empty; leave the key out to have it unset"

/* TEXT of a type becomes CANONICAL (NULL: unset) and NUMBER; or, where WHY is
 * set, is refused with it. */
static const struct {
  struct vl_prop spec;
  const char *text, *canonical, *why;
  int64_t number;
} cases[] = {
  { { .type = VL_BOOL }, "1", "true", NULL, 1 },
  { { .type = VL_BOOL }, "T", "true", NULL, 1 },
  { { .type = VL_BOOL }, "True", "true", NULL, 1 },
  { { .type = VL_BOOL }, "oN", "true", NULL, 1 },
  { { .type = VL_BOOL }, "y", "true", NULL, 1 },
  { { .type = VL_BOOL }, "YES", "true", NULL, 1 },
  { { .type = VL_BOOL }, "0", "false", NULL, 0 },
  { { .type = VL_BOOL }, "f", "false", NULL, 0 },
  { { .type = VL_BOOL }, "FALSE", "false", NULL, 0 },
  { { .type = VL_BOOL }, "off", "false", NULL, 0 },
  { { .type = VL_BOOL }, "N", "false", NULL, 0 },
  { { .type = VL_BOOL }, "no", "false", NULL, 0 },
  { { .type = VL_TRISTATE }, "no", "false", NULL, 0 },
  { { .type = VL_BOOL }, "tru", NULL, BOOL_WHY, 0 },
  { { .type = VL_BOOL }, " yes", NULL, BOOL_WHY, 0 },
  { { .type = VL_BOOL }, "2", NULL, BOOL_WHY, 0 },
  { { .type = VL_BOOL },
    "",
    NULL,
    "is empty; accepted: 1 t true on y yes / 0 f false off n no, in any case",
    0 },
  { { .type = VL_BOOL, .flags = VL_EMPTY_UNSET }, "", NULL, NULL, 0 },
  { { .type = VL_INT }, "0", "0", NULL, 0 },
  { { .type = VL_INT }, "-12", "-12", NULL, -12 },
  { { .type = VL_INT }, "007", "7", NULL, 7 },
  { { .type = VL_INT }, "9223372036854775807", "9223372036854775807", NULL, INT64_MAX },
  { { .type = VL_INT },
    "9223372036854775808",
    NULL,
    "is out of range; accepted: a decimal number",
    0 },
  { { .type = VL_INT, .unit = "ms" },
    "x",
    NULL,
    "is not a whole number; accepted: a decimal number of ms",
    0 },
  { { .type = VL_INT, .min = 1, .max = 9, .unit = "ms" },
    "10",
    NULL,
    "is out of range; accepted: 1 to 9 ms",
    0 },
  { { .type = VL_INT, .min = 1, .max = 9 }, "9", "9", NULL, 9 },
  { { .type = VL_INT, .min = 1, .max = 9 }, "", NULL, "is empty; accepted: 1 to 9", 0 },
  { { .type = VL_INT }, "1.5", NULL, "is not a whole number; accepted: a decimal number", 0 },
  { { .type = VL_INT }, "+1", NULL, "is not a whole number; accepted: a decimal number", 0 },
  { { .type = VL_INT }, "0x10", NULL, "is not a whole number; accepted: a decimal number", 0 },
  { { .type = VL_INT }, "-", NULL, "is not a whole number; accepted: a decimal number", 0 },
  { { .type = VL_INT }, "1 ", NULL, "is not a whole number; accepted: a decimal number", 0 },
  { { .type = VL_SIZE }, "512", "512", NULL, 512 },
  { { .type = VL_SIZE }, "2M", "2097152", NULL, 2097152 },
  { { .type = VL_SIZE }, "2MB", "2097152", NULL, 2097152 },
  { { .type = VL_SIZE }, "2MiB", "2097152", NULL, 2097152 },
  { { .type = VL_SIZE }, "4k", "4096", NULL, 4096 },
  { { .type = VL_SIZE }, "1Gi", "1073741824", NULL, 1073741824 },
  { { .type = VL_SIZE }, "1T", "1099511627776", NULL, INT64_C (1099511627776) },
  { { .type = VL_SIZE }, "7B", "7", NULL, 7 },
  { { .type = VL_SIZE }, "2Mb", NULL, SIZE_WHY, 0 },
  { { .type = VL_SIZE }, "2X", NULL, SIZE_WHY, 0 },
  { { .type = VL_SIZE }, "-1", NULL, SIZE_WHY, 0 },
  { { .type = VL_SIZE }, "M", NULL, SIZE_WHY, 0 },
  { { .type = VL_SIZE }, "8388608T", NULL, "is out of range; accepted: less than 8 EiB", 0 },
  { { .type = VL_SIZE },
    "99999999999999999999",
    NULL,
    "is out of range; accepted: less than 8 EiB",
    0 },
  { { .type = VL_SIZE, .min = 0, .max = 1024 }, "1K", "1024", NULL, 1024 },
  { { .type = VL_SIZE, .min = 0, .max = 1024 },
    "2K",
    NULL,
    "is out of range; accepted: 0 to 1024",
    0 },
  { { .type = VL_STRING }, "a b \xc3\xa9", "a b \xc3\xa9", NULL, 0 },
  { { .type = VL_STRING, .flags = VL_LOWER }, "Ab", "ab", NULL, 0 },
  { { .type = VL_STRING }, "", NULL, EMPTY_WHY, 0 },
  { { .type = VL_STRING, .flags = VL_EMPTY_OK }, "", "", NULL, 0 },
  { { .type = VL_STRING }, "a\nb", NULL, "has a control character; accepted: printable text", 0 },
  { { .type = VL_STRING }, "a\x7f", NULL, "has a control character; accepted: printable text", 0 },
  { { .type = VL_STRING },
    "\xc2\x9b",
    NULL,
    "has a control character; accepted: printable text",
    0 },
  { { .type = VL_STRING }, "\xc0\xaf", NULL, "is not UTF-8 text", 0 },
  { { .type = VL_STRING }, "\xed\xa0\x80", NULL, "is not UTF-8 text", 0 },
  { { .type = VL_STRING }, "\xf4\x90\x80\x80", NULL, "is not UTF-8 text", 0 },
  { { .type = VL_STRING }, "\xe2\x82", NULL, "is not UTF-8 text", 0 },
  { { .type = VL_CHOICE, .choices = colours }, "red", "red", NULL, 0 },
  { { .type = VL_CHOICE, .choices = colours },
    "RED",
    NULL,
    "is not among the choices; accepted: red Green none; did you mean 'red'?",
    0 },
  { { .type = VL_CHOICE, .choices = colours, .flags = VL_NOCASE }, "gREEN", "Green", NULL, 0 },
  { { .type = VL_CHOICE, .choices = colours },
    "purple",
    NULL,
    "is not among the choices; accepted: red Green none",
    0 },
  { { .type = VL_CHOICE, .choices = colours }, "", NULL, "is empty; accepted: red Green none", 0 },
  { { .type = VL_LIST }, "a, b ,c", "a,b,c", NULL, 0 },
  { { .type = VL_LIST, .flags = VL_LOWER }, "A,B", "a,b", NULL, 0 },
  { { .type = VL_LIST },
    "a,,b",
    NULL,
    "has an empty item; accepted: items with a comma between",
    0 },
  { { .type = VL_LIST }, "a,", NULL, "has an empty item; accepted: items with a comma between", 0 },
  { { .type = VL_LIST }, ",", NULL, "has an empty item; accepted: items with a comma between", 0 },
  { { .type = VL_LIST }, "", NULL, EMPTY_WHY, 0 },
  { { .type = VL_LIST, .flags = VL_EMPTY_OK }, "", "", NULL, 0 },
  { { .type = VL_LIST, .choices = colours },
    "red,blue",
    NULL,
    "has an item 'blue' that is not among the choices; accepted: red Green none",
    0 },
  { { .type = VL_CPUSET }, "0-3,^2", "0-1,3", NULL, 0 },
  { { .type = (enum vl_type)77 },
    "x",
    NULL,
    "is of a type (77) that this virtloom does not know",
    0 },
};

START_TEST (parses)
{
  struct vl_arena *arena = vl_arena_new ();
  struct vl_value value;
  const char *why = NULL;
  int result = vl_value_parse (arena, &cases[_i].spec, cases[_i].text, &value, &why);

  if (cases[_i].why) {
    ck_assert_int_eq (result, -1);
    ck_assert_str_eq (why, cases[_i].why);
    ck_assert_int_eq (value.set, 0);
  } else {
    ck_assert_msg (result == 0, "'%s': %s", cases[_i].text, why);
    ck_assert_int_eq (value.set, cases[_i].canonical != NULL);
    ck_assert_pstr_eq (value.text, cases[_i].canonical);
    ck_assert_int_eq (value.number, cases[_i].number);
  }
  vl_arena_free (arena);
}
END_TEST

START_TEST (list_items)
{
  struct vl_arena *arena = vl_arena_new ();
  struct vl_prop spec = { .type = VL_LIST };
  struct vl_value value;
  const char *why;

  ck_assert_int_eq (vl_value_parse (arena, &spec, "x86_64=q35 , b", &value, &why), 0);
  ck_assert_uint_eq (value.n_items, 2);
  ck_assert_str_eq (value.items[0], "x86_64=q35");
  ck_assert_str_eq (value.items[1], "b");
  vl_arena_free (arena);
}
END_TEST

START_TEST (too_long)
{
  struct vl_arena *arena = vl_arena_new ();
  struct vl_prop spec = { .type = VL_STRING };
  struct vl_value value;
  char text[4098];
  const char *why = NULL;

  memset (text, 'x', sizeof text);
  text[4096] = '\0';
  ck_assert_int_eq (vl_value_parse (arena, &spec, text, &value, &why), 0);
  text[4096] = 'x';
  text[4097] = '\0';
  ck_assert_int_eq (vl_value_parse (arena, &spec, text, &value, &why), -1);
  ck_assert_str_eq (why, "is longer than 4096 bytes");
  vl_arena_free (arena);
}
END_TEST

START_TEST (names_and_keys)
{
  ck_assert_int_eq (vl_plugin_name_ok ("sev"), 1);
  ck_assert_int_eq (vl_plugin_name_ok ("a-2"), 1);
  ck_assert_int_eq (vl_plugin_name_ok (""), 0);
  ck_assert_int_eq (vl_plugin_name_ok ("2a"), 0);
  ck_assert_int_eq (vl_plugin_name_ok ("-a"), 0);
  ck_assert_int_eq (vl_plugin_name_ok ("a_b"), 0);
  ck_assert_int_eq (vl_plugin_name_ok ("A"), 0);
  ck_assert_int_eq (vl_plugin_name_ok ("../a"), 0);
  ck_assert_int_eq (vl_plugin_name_ok ("abcdefghijabcdefghijabcdefghija"), 1);
  ck_assert_int_eq (vl_plugin_name_ok ("abcdefghijabcdefghijabcdefghijab"), 0);
  ck_assert_int_eq (vl_key_matches ("hw:a.N", "hw:a.0"), 1);
  ck_assert_int_eq (vl_key_matches ("hw:a.N", "hw:a.127"), 1);
  ck_assert_int_eq (vl_key_matches ("hw:a.N", "hw:a."), 0);
  ck_assert_int_eq (vl_key_matches ("hw:a.N", "hw:a.1x"), 0);
  ck_assert_int_eq (vl_key_matches ("hw:a.N", "hw:a"), 0);
  ck_assert_int_eq (vl_key_matches ("hw:a", "hw:a"), 1);
  ck_assert_int_eq (vl_key_matches ("hw:a", "hw:a.0"), 0);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("value");
  TCase *tests = tcase_create ("value");
  SRunner *runner;
  int failed;

  tcase_add_loop_test (tests, parses, 0, (int)(sizeof cases / sizeof cases[0]));
  tcase_add_test (tests, list_items);
  tcase_add_test (tests, too_long);
  tcase_add_test (tests, names_and_keys);
  suite_add_tcase (suite, tests);
  runner = srunner_create (suite);
  srunner_set_tap (runner, "-");
  srunner_run_all (runner, CK_SILENT);
  failed = srunner_ntests_failed (runner);
  srunner_free (runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
