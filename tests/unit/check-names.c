/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Uuids, names, values in messages, CPU sets: what is made and what is accepted. */

#include <config.h>

#include "lib/cpuset.h"
#include "lib/text.h"
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

/* Every class that Unicode has of what is not seen or is another blank: first, last and one
 * beyond of each range; whether a value may have it. */
static const struct {
  uint32_t first, last;
  const char *what;
  int value;
} unseen[] = {
#define CONTROL "has a control character; accepted: printable text"
#define HIDDEN "has a character that is not seen; accepted: printable text"
#define BLANK "has a blank other than U+0020; accepted: printable text"
  { 0x1, 0x1f, CONTROL, 0 },        /* Cc */
  { 0x7f, 0x9f, CONTROL, 0 },       /* Cc */
  { 0xa0, 0xa0, BLANK, 1 },         /* Zs */
  { 0xad, 0xad, HIDDEN, 0 },        /* Cf: soft hyphen */
  { 0x34f, 0x34f, HIDDEN, 1 },      /* Mn: joiner of graphemes */
  { 0x600, 0x605, HIDDEN, 1 },      /* Cf: Arabic signs */
  { 0x61c, 0x61c, HIDDEN, 0 },      /* Cf: Arabic letter mark */
  { 0x6dd, 0x6dd, HIDDEN, 1 },      /* Cf */
  { 0x70f, 0x70f, HIDDEN, 1 },      /* Cf */
  { 0x890, 0x891, HIDDEN, 1 },      /* Cf */
  { 0x8e2, 0x8e2, HIDDEN, 1 },      /* Cf */
  { 0x115f, 0x1160, HIDDEN, 1 },    /* Lo: Hangul fillers */
  { 0x1680, 0x1680, BLANK, 1 },     /* Zs: Ogham */
  { 0x17b4, 0x17b5, HIDDEN, 1 },    /* Mn: Khmer inherent vowels */
  { 0x180b, 0x180d, HIDDEN, 1 },    /* Mn: Mongolian variation selectors */
  { 0x180e, 0x180e, HIDDEN, 0 },    /* Cf */
  { 0x180f, 0x180f, HIDDEN, 1 },    /* Mn */
  { 0x2000, 0x200a, BLANK, 1 },     /* Zs */
  { 0x200b, 0x200f, HIDDEN, 0 },    /* Cf: zero width, marks of direction */
  { 0x2028, 0x2028, HIDDEN, 0 },    /* Zl */
  { 0x2029, 0x2029, HIDDEN, 0 },    /* Zp */
  { 0x202a, 0x202e, HIDDEN, 0 },    /* Cf: embeddings and overrides */
  { 0x202f, 0x202f, BLANK, 1 },     /* Zs */
  { 0x205f, 0x205f, BLANK, 1 },     /* Zs */
  { 0x2060, 0x206f, HIDDEN, 0 },    /* Cf: word joiner, isolates */
  { 0x2800, 0x2800, BLANK, 1 },     /* So: Braille without a dot */
  { 0x3000, 0x3000, BLANK, 1 },     /* Zs */
  { 0x3164, 0x3164, HIDDEN, 1 },    /* Lo: Hangul filler */
  { 0xe000, 0xf8ff, HIDDEN, 0 },    /* Co */
  { 0xfdd0, 0xfdef, HIDDEN, 0 },    /* Cn: no characters */
  { 0xfe00, 0xfe0f, HIDDEN, 1 },    /* Mn: variation selectors */
  { 0xfeff, 0xfeff, HIDDEN, 0 },    /* Cf */
  { 0xffa0, 0xffa0, HIDDEN, 1 },    /* Lo: halfwidth Hangul filler */
  { 0xfff0, 0xfff8, HIDDEN, 1 },    /* Cn, default ignorable */
  { 0xfff9, 0xfffb, HIDDEN, 0 },    /* Cf: annotations */
  { 0xfffe, 0xffff, HIDDEN, 0 },    /* Cn: no characters */
  { 0x110bd, 0x110bd, HIDDEN, 1 },  /* Cf */
  { 0x110cd, 0x110cd, HIDDEN, 1 },  /* Cf */
  { 0x13430, 0x1343f, HIDDEN, 0 },  /* Cf: of hieroglyphs */
  { 0x1bca0, 0x1bca3, HIDDEN, 0 },  /* Cf: of shorthand */
  { 0x1d173, 0x1d17a, HIDDEN, 0 },  /* Cf: of music */
  { 0x1fffe, 0x1ffff, HIDDEN, 0 },  /* Cn: no characters */
  { 0xe0000, 0xe007f, HIDDEN, 0 },  /* Cf: tags, and those between that are unassigned */
  { 0xe0080, 0xe0fff, HIDDEN, 1 },  /* Mn: more variation selectors */
  { 0xf0000, 0x10ffff, HIDDEN, 0 }, /* Co */
};

/* CODE between two letters; the bytes of it in OUT. */
static size_t
between_letters (uint32_t code, char *out)
{
  size_t n = 0;

  out[n++] = 'a';
  if (code < 0x80)
    out[n++] = (char)code;
  else {
    int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;

    out[n++] = (char)((0xff00 >> (more + 1) & 0xff) | code >> 6 * more);
    while (more--)
      out[n++] = (char)(0x80 | (code >> 6 * more & 0x3f));
  }
  out[n++] = 'b';
  out[n] = '\0';
  return n;
}

/* All of Unicode: what is in the table is refused for its own reason, all else accepted. */
START_TEST (unseen_names)
{
  size_t row = 0, rows = sizeof unseen / sizeof unseen[0];

  for (uint32_t code = 1; code < 0x110000; code++) {
    const char *what = NULL, *got;
    char text[8];
    size_t n;

    if (code >= 0xd800 && code <= 0xdfff)
      continue;
    while (row < rows && code > unseen[row].last)
      row++;
    if (row < rows && code >= unseen[row].first)
      what = unseen[row].what;
    else if ((code & 0xfffe) == 0xfffe)
      what = HIDDEN;
    n = between_letters (code, text);
    got = vl_name_problem (text, n);
    /* Two million assertions would be noted one by one. */
    if (! vl_text_same (got, what))
      ck_abort_msg ("U+%04X: %s", code, got ? got : "accepted");
    got = vl_text_problem (text, n);
    if (row < rows && code >= unseen[row].first && unseen[row].value)
      what = NULL;
    if (! vl_text_same (got, what))
      ck_abort_msg ("U+%04X in a value: %s", code, got ? got : "accepted");
  }
}
END_TEST

START_TEST (shown_values)
{
  char large[80];

  memset (large, 'a', sizeof large);
  memcpy (large + 63, "\xc3\xa9zz", 5);
  ck_assert_str_eq (vl_shown (call->arena, "a\xff\xe2\x80\xae"), "a\\xff\\xe2\\x80\\xae");
  ck_assert_str_eq (vl_shown (call->arena, "a\xc2\xa0\xe3\x85\xa4"), "a\\xc2\\xa0\\xe3\\x85\\xa4");
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
  tcase_set_timeout (tests, 600);
  tcase_add_loop_test (tests, uuids_of_text, 0, 4);
  tcase_add_test (tests, random_uuids);
  tcase_add_test (tests, domain_names);
  tcase_add_loop_test (tests, server_names, 0, 12);
  tcase_add_test (tests, unseen_names);
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
