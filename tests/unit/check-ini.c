/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Bad INI: a sentence with file and line for each thing that inih itself would
 * split, cut, merge or pass over.  And the values of every type. */

#include <config.h>

#include "rig.h"

#include "plugin/ini.h"

#include <check.h>
#include <sys/stat.h>

static struct rig rig;
static struct vl_ini ini;

static void
setup (void)
{
  rig_start (&rig);
}

static void
teardown (void)
{
  rig_end (&rig);
}

static int
parse_n (const char *text, size_t length)
{
  return vl_ini_parse (rig.call, rig.call->arena, "p", "F", text, length, &ini);
}

static int
parse (const char *text)
{
  return parse_n (text, strlen (text));
}

/* ---- what is read ---- */

START_TEST (values_and_lines)
{
  ck_assert_int_eq (parse ("# c\n; c\n[a]\nk = v ; comment\nu=x;y\n\n  ; indented comment\n"
                           "[b] ; c\nk =\nl = one\n  two\n\tthree ; c\nm=a=b:c\n"),
                    0);
  ck_assert_str_eq (rig_findings (&rig), "");
  ck_assert_uint_eq (ini.n, 5);
  ck_assert_str_eq (ini.entries[0].section, "a");
  ck_assert_str_eq (ini.entries[0].value, "v");
  ck_assert_int_eq (ini.entries[0].line, 4);
  ck_assert_str_eq (ini.entries[1].value, "x;y");
  ck_assert_str_eq (ini.entries[2].value, "");
  ck_assert_str_eq (ini.entries[3].value, "one\ntwo\nthree");
  ck_assert_int_eq (ini.entries[3].line, 10);
  ck_assert_int_eq (ini.entries[3].continued, 11);
  ck_assert_str_eq (ini.entries[4].value, "a=b:c");
  ck_assert_int_eq (ini.entries[4].continued, 0);
  ck_assert_uint_eq (ini.n_sections, 2);
  ck_assert_int_eq (ini.sections[1].line, 8);
}
END_TEST

START_TEST (empty_text)
{
  ck_assert_int_eq (parse (""), 0);
  ck_assert_uint_eq (ini.n, 0);
  ck_assert_int_eq (parse ("\n\n"), 0);
  ck_assert_int_eq (parse ("[a]\nk = no newline at the end"), 0);
  ck_assert_str_eq (ini.entries[0].value, "no newline at the end");
}
END_TEST

/* inih would make a key of the tail of a line of 199 bytes. */
START_TEST (longest_line)
{
  char line[256] = "[a]\nk = ";

  memset (line + 8, 'x', 198 - 4);
  strcpy (line + 8 + 194, "\n");
  ck_assert_int_eq (parse (line), 0);
  ck_assert_uint_eq (strlen (ini.entries[0].value), 194);
  strcpy (line + 8 + 194, "y\n");
  ck_assert_int_eq (parse (line), -1);
  ck_assert_str_eq (rig_findings (&rig),
                    "error PluginRefused p: a line of 199 bytes; accepted: at most 198 (a list may "
                    "go on in indented lines) (F:2)\n");
}
END_TEST

/* ---- what is refused ---- */

static const struct {
  const char *text, *said;
  size_t length; /* 0: up to the NUL */
} bad[] = {
  { "[a]\nk = a\0evil = 1\n", "a NUL byte (F:2)", 18 },
  { "[a]\r\nk = v\r\n", "a carriage return; accepted: lines that end with a line feed alone (F:1)",
    0 },
  { "\xef\xbb\xbf[a]\nk = v\n", "a byte order mark; save the file as plain UTF-8 (F:1)", 0 },
  { "[a]\nk = \x01\n", "the line has a control character; accepted: printable text (F:2)", 0 },
  { "[a]\nk = \x1b[2J\n", "the line has a control character; accepted: printable text (F:2)", 0 },
  { "[a]\nk = \xff\n", "the line is not UTF-8 text (F:2)", 0 },
  { "[a]\nk = 1\nk = 2\n", "key 'k' a second time in [a]; the first is in line 2 (F:3)", 0 },
  { "[a]\nk = 1\n[b]\n[a]\nj = 2\n", "section [a] a second time; the first is in line 1 (F:4)", 0 },
  { "k = 1\n", "key 'k' stands before any [section] (F:1)", 0 },
  { "[a]\n  k = 1\n",
    "an indented line 'k = 1' that follows no list; accepted: no blanks before a key (F:2)", 0 },
  { "[a]\nk = 1\n\n  2\n",
    "an indented line '2' that follows no list; accepted: no blanks before a key (F:4)", 0 },
  { "[a]\nk = 1\n  [b]\n", "an indented section; accepted: '[' at the beginning of the line (F:3)",
    0 },
  { "[a\nk = 1\n", "a section that ']' does not end; accepted: [name] (F:1)", 0 },
  { "[]\n", "section name ''; accepted: letters, digits, '_', '.' and '-' (F:1)", 0 },
  { "[a b]\n", "section name 'a b'; accepted: letters, digits, '_', '.' and '-' (F:1)", 0 },
  { "[a] k = 1\n", "'k = 1' after a section; accepted: nothing but a comment (F:1)", 0 },
  { "[aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeee]\n",
    "a section name longer than 48 bytes (F:1)", 0 },
  { "[a]\naaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeee = 1\n",
    "a key longer than 48 bytes (F:2)", 0 },
  { "[a]\njust words\n", "'just words' is neither [section] nor key = value nor a comment (F:2)",
    0 },
  { "[a]\nhw:pmu = yes\n", "':' after 'hw'; accepted: key = value (F:2)", 0 },
  { "[a]\n= 1\n", "'=' without a key before it; accepted: key = value (F:2)", 0 },
  { "[a]\nk ;x = 1\n", "key 'k ;x'; accepted: letters, digits, '_', '.' and '-' (F:2)", 0 },
};

START_TEST (refused)
{
  size_t length = bad[_i].length ? bad[_i].length : strlen (bad[_i].text);

  ck_assert_int_eq (parse_n (bad[_i].text, length), -1);
  ck_assert_uint_eq (ini.n, 0);
  ck_assert_str_eq (rig_findings (&rig),
                    vl_printf (rig.call, "error PluginRefused p: %s\n", bad[_i].said));
  ck_assert_int_eq (vl_findings_exit (rig.call, 0), VL_ERR_REFUSED);
}
END_TEST

START_TEST (all_at_once)
{
  ck_assert_int_eq (parse ("k = 1\n[a\njunk\n"), -1);
  ck_assert_uint_eq (rig.call->findings.n, 3);
}
END_TEST

START_TEST (too_many)
{
  VL_AUTOSTR struct vl_str text = { 0 };

  vl_str_add (&text, "[a]\n");
  for (int i = 0; i < 1001; i++)
    vl_str_printf (&text, "k%d = 1\n", i);
  ck_assert_int_eq (parse (text.text), -1);
  ck_assert_str_eq (rig_findings (&rig), "error PluginRefused p: more than 1000 keys (F:1002)\n");
}
END_TEST

START_TEST (bad_lines_end)
{
  VL_AUTOSTR struct vl_str text = { 0 };

  for (int i = 0; i < 3000; i++)
    vl_str_printf (&text, "line %d\n", i);
  ck_assert_int_eq (parse (text.text), -1);
  ck_assert_uint_eq (rig.call->findings.n, 20);
}
END_TEST

/* ---- files ---- */

static const char *
read_path (const char *path)
{
  int result = vl_ini_read (rig.call, rig.call->arena, "p", rig_path (&rig, path), &ini);

  ck_assert_int_eq (result, -1);
  return rig_findings (&rig);
}

START_TEST (large_file)
{
  VL_AUTOSTR struct vl_str text = { 0 };

  while (text.length < 65537)
    vl_str_add (&text, "#\n");
  rig_write (&rig, "f", text.text);
  ck_assert_str_eq (read_path ("f"), "error PluginRefused p: is larger than 65536 bytes (DIR/f)\n");
}
END_TEST

START_TEST (writable_file)
{
  rig_write (&rig, "f", "[a]\n");
  ck_assert_int_eq (chmod (rig_path (&rig, "f"), 0646), 0);
  ck_assert_str_eq (
      read_path ("f"),
      vl_printf (rig.call,
                 "error PluginRefused p: cannot be trusted: 'DIR/f' is writable by everyone (owner "
                 "%u, group %u, mode 0646); accepted: owned by root or by the caller, and writable "
                 "by nobody else (DIR/f)\n  chmod o-w DIR/f\n",
                 (unsigned)geteuid (), (unsigned)getegid ()));
}
END_TEST

START_TEST (fifo)
{
  ck_assert_int_eq (mkfifo (rig_path (&rig, "f"), 0644), 0);
  ck_assert_str_eq (read_path ("f"), "error PluginRefused p: is not a regular file (DIR/f)\n");
}
END_TEST

START_TEST (folder_in_place_of_a_file)
{
  rig_write (&rig, "f/x", "");
  ck_assert_str_eq (read_path ("f"), "error PluginRefused p: is not a regular file (DIR/f)\n");
}
END_TEST

START_TEST (no_file)
{
  ck_assert_int_eq (vl_ini_read (rig.call, rig.call->arena, "p", rig_path (&rig, "f"), &ini), 1);
  ck_assert_uint_eq (rig.call->findings.n, 0);
}
END_TEST

/* ---- virtloom.conf ---- */

START_TEST (main_layers)
{
  size_t n;

  rig.places.config_dir = rig_path (&rig, "mine");
  rig_write (&rig, "packaging/virtloom.conf",
             "[virtloom]\nignored_properties = a_*,\n  b\n[storage]\nimages_type = flat\n"
             "use_cow_images = no\n");
  rig_write (&rig, "mine/virtloom.conf", "[storage]\nimages_type = raw\n");
  rig_load (&rig);
  ck_assert_str_eq (rig_findings (&rig), "");
  ck_assert_int_eq (rig.config_result, 0);
  ck_assert_str_eq (vl_config_str (rig.config, "storage.images_type"), "raw");
  ck_assert_int_eq (vl_config_bool (rig.config, "storage.use_cow_images"), 0);
  ck_assert_int_eq (vl_config_int (rig.config, "storage.max_disk_devices_to_attach"), -1);
  ck_assert_str_eq (vl_config_str (rig.config, "driver"), "auto");
  ck_assert_ptr_null (vl_config_str (rig.config, "state_dir"));
  ck_assert_str_eq (vl_config_items (rig.config, "ignored_properties", &n)[1], "b");
  ck_assert_uint_eq (n, 2);
  ck_assert_int_eq (vl_config_find (rig.config, "virtloom.conf", "storage", "images_type")->line,
                    2);
}
END_TEST

START_TEST (lists_are_added_to)
{
  size_t n;

  rig.places.config_dir = rig_path (&rig, "mine");
  rig_write (&rig, "packaging/virtloom.conf",
             "[virtloom]\nignored_properties = a b,\n  c\ntraits += A\n");
  rig_write (&rig, "mine/virtloom.conf",
             "[virtloom]\nignored_properties += d\n  e f\ntraits += -B\n"
             "ignored_extra_specs = x:*\n");
  rig_load (&rig);
  ck_assert_str_eq (rig_findings (&rig), "");
  ck_assert_str_eq (vl_config_str (rig.config, "ignored_properties"), "a,b,c,d,e,f");
  ck_assert_str_eq (vl_config_str (rig.config, "traits"), "A,-B");
  ck_assert_str_eq (vl_config_items (rig.config, "ignored_extra_specs", &n)[0], "x:*");
}
END_TEST

static const struct {
  const char *text, *said;
} bad_main[] = {
  { "[virtloom]\ndriver += fake\n",
    "driver = 'fake' is added with '+='; accepted: that only of a list "
    "(DIR/packaging/virtloom.conf:2)" },
  { "[virtloom]\ntraits = A\ntraits += B\n",
    "key 'traits' a second time in [virtloom]; the first is in line 2 "
    "(DIR/packaging/virtloom.conf:3)" },
  { "[virtloom]\ntraits = A,+b\n",
    "traits: '+b'; accepted: capital letters, digits and '_', with a '-' in front where the host "
    "has it not (DIR/packaging/virtloom.conf:2)" },
  { "[storage]\nimage_type = flat\n",
    "unknown key 'image_type' in [storage]; accepted: images_type use_cow_images force_raw_images "
    "preallocate_images config_drive_format config_drive_skip_versions vendordata_jsonfile_path "
    "config_drive_bus force_config_drive rescue_image_id default_ephemeral_format "
    "max_disk_devices_to_attach disk_prefix images_cpu_time_limit images_address_space_limit "
    "max_image_size "
    "image_proxy image_ca_file remove_unused_base_images "
    "remove_unused_original_minimum_age_seconds "
    "(DIR/packaging/virtloom.conf:2)\n  did you mean 'images_type'?" },
  { "[storag]\n",
    "unknown section [storag]; accepted: virtloom storage (DIR/packaging/virtloom.conf:1)\n"
    "  did you mean 'storage'?" },
  { "[virtloom]\ndriver = a\n  b\n",
    "driver = 'a' goes on in the indented line 3; accepted: that only of a list "
    "(DIR/packaging/virtloom.conf:2)" },
};

START_TEST (main_refused)
{
  rig_write (&rig, "packaging/virtloom.conf", bad_main[_i].text);
  rig_load (&rig);
  ck_assert_int_eq (rig.config_result, -1);
  ck_assert_str_eq (rig_findings (&rig),
                    vl_printf (rig.call, "error PluginRefused core: %s\n", bad_main[_i].said));
}
END_TEST

static const struct {
  const char *text, *said;
} bad_names[] = {
  { "[alias]\na = b\n[not-supported.x]\nkeys = a\n",
    "section [alias]; accepted: aliases, trait-flags, traits, and not-supported.NAME with 'keys' "
    "and 'why' (DIR/packaging/nova-names.conf:1)\n"
    "error PluginRefused core: section [not-supported.x]; accepted: aliases, trait-flags, traits, "
    "and not-supported.NAME with 'keys' and 'why' (DIR/packaging/nova-names.conf:3)" },
  { NULL, "is not there; it is a part of virtloom and tells the names of Nova "
          "(DIR/packaging/nova-names.conf)\n  install virtloom's files again" },
};

START_TEST (names_refused)
{
  if (bad_names[_i].text)
    rig_write (&rig, "packaging/nova-names.conf", bad_names[_i].text);
  else
    ck_assert_int_eq (unlink (rig_path (&rig, "packaging/nova-names.conf")), 0);
  rig_load (&rig);
  ck_assert_int_eq (rig.config_result, -1);
  ck_assert_str_eq (rig_findings (&rig),
                    vl_printf (rig.call, "error PluginRefused core: %s\n", bad_names[_i].said));
}
END_TEST

START_TEST (no_such_folder)
{
  rig.places.config_dir = rig_path (&rig, "nowhere");
  rig_load (&rig);
  ck_assert_int_eq (rig.config_result, -1);
  ck_assert_str_eq (rig_findings (&rig),
                    "error Usage core: configuration folder 'DIR/nowhere': No such file or "
                    "directory\n");
}
END_TEST

static Suite *
ini_suite (void)
{
  Suite *suite = suite_create ("ini");
  TCase *tests = tcase_create ("ini");
  const TTest *const all[] = {
    values_and_lines,
    empty_text,
    longest_line,
    all_at_once,
    too_many,
    bad_lines_end,
    large_file,
    writable_file,
    fifo,
    no_file,
    main_layers,
    lists_are_added_to,
    folder_in_place_of_a_file,
    no_such_folder,
  };

  tcase_add_checked_fixture (tests, setup, teardown);
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
    tcase_add_test (tests, all[i]);
  tcase_add_loop_test (tests, refused, 0, (int)(sizeof bad / sizeof bad[0]));
  tcase_add_loop_test (tests, main_refused, 0, (int)(sizeof bad_main / sizeof bad_main[0]));
  tcase_add_loop_test (tests, names_refused, 0, (int)(sizeof bad_names / sizeof bad_names[0]));
  suite_add_tcase (suite, tests);
  return suite;
}

int
main (void)
{
  SRunner *runner = srunner_create (ini_suite ());
  int failed;

  srunner_set_tap (runner, "-");
  srunner_run_all (runner, CK_SILENT);
  failed = srunner_ntests_failed (runner);
  srunner_free (runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
