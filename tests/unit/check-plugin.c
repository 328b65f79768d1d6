/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The gate, the loader and the registry: one module per refusal, the exact
 * sentence of each, and what must be loaded all the same. */

#include <config.h>

#include "rig.h"

#include "lib/file.h"

#include <check.h>
#include <dlfcn.h>
#include <sys/stat.h>

static struct rig rig;

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

#define GOOD_KEYS "good:shade good_shade_image good_shade good:part.N"

static struct vl_plugin *
loaded (const char *name)
{
  struct vl_plugin *plugin = vl_registry_find (rig.registry, name);

  ck_assert_ptr_nonnull (plugin);
  ck_assert_msg (plugin->state == VL_PLUGIN_LOADED, "%s: %s", name, rig_findings (&rig));
  return plugin;
}

/* Loads, and expects that of plugin NAME only REASON is said, with exit code ERR. */
static void
expect_refused (const char *name, enum vl_err err, const char *reason)
{
  struct vl_plugin *plugin;

  rig_load (&rig);
  plugin = vl_registry_find (rig.registry, name);
  ck_assert_ptr_nonnull (plugin);
  ck_assert_int_eq (plugin->state, VL_PLUGIN_REFUSED);
  ck_assert_str_eq (rig_plain (&rig, plugin->reason), reason);
  ck_assert_int_eq (vl_findings_exit (rig.call, 0), err);
  ck_assert_uint_eq (plugin->n_props, 0);
}

/* One module, refused for REASON after "module 'PATH' ". */
static void
expect_module_refused (const char *name, const char *reason)
{
  rig_module (&rig, name, name);
  rig_plugin (&rig, name, NULL);
  expect_refused (name, VL_ERR_REFUSED,
                  vl_printf (rig.call, "module 'DIR/features/.libs/%s.so' %s", name, reason));
}

/* ---- what loads ---- */

START_TEST (good_loads)
{
  struct vl_plugin *plugin;
  const struct vl_prop *row = NULL;

  rig_module (&rig, "good", "good");
  rig_write (&rig, "plugins.d/good.conf",
             "[plugin]\nkind = feature\nmodule = good.so ; a comment\n"
             "keys = good:shade good_shade_image\n  good_shade good:part.N\n"
             "[settings]\nshade = green\nparts = a,\n  b\n  c\n");
  rig_load (&rig);
  plugin = loaded ("good");
  ck_assert_str_eq (rig_findings (&rig), "");
  ck_assert_str_eq (plugin->summary, "a good module");
  ck_assert_str_eq (rig_plain (&rig, plugin->path), "DIR/features/.libs/good.so");
  ck_assert_uint_eq (plugin->n_props, 4);
  ck_assert_str_eq (plugin->base[0].setting->value.text, "green");
  ck_assert_str_eq (plugin->base[0].deflt->value.text, "red");
  ck_assert_str_eq (rig_plain (&rig, plugin->base[0].setting->origin), "DIR/plugins.d/good.conf:7");
  ck_assert_str_eq (plugin->base[2].setting->value.text, "a,b,c");
  ck_assert_ptr_null (plugin->base[3].setting);
  ck_assert_ptr_eq (vl_registry_key (rig.registry, "good:shade", 0, &row), plugin);
  ck_assert_str_eq (row->name, "shade");
  ck_assert_ptr_eq (vl_registry_key (rig.registry, "good_shade", 0, &row), plugin);
  ck_assert_ptr_null (vl_registry_key (rig.registry, "good:shade", 1, &row));
  ck_assert_ptr_eq (vl_registry_key (rig.registry, "good:part.12", 0, &row), plugin);
  ck_assert_str_eq (row->name, "part");
  ck_assert_ptr_null (vl_registry_key (rig.registry, "good:part.x", 0, &row));
  ck_assert_ptr_null (vl_registry_key (rig.registry, "good:part.", 0, &row));
  ck_assert_ptr_eq (vl_registry_claim (rig.registry, "good:part.3"), plugin);
  ck_assert_ptr_null (vl_registry_claim (rig.registry, "good:part"));
}
END_TEST

/* With a closed and reused descriptor, dlopen would answer with the first
 * plugin's handle for the second. */
START_TEST (two_are_two)
{
  rig_module (&rig, "good", "good");
  rig_plugin (&rig, "good", GOOD_KEYS);
  rig_module (&rig, "long-body", "long-body");
  rig_plugin (&rig, "long-body", "long:one long:two");
  rig_load (&rig);
  ck_assert_str_eq (loaded ("good")->summary, "a good module");
  ck_assert_str_eq (loaded ("long-body")->summary, "from the future");
}
END_TEST

START_TEST (longer_body_is_taken)
{
  struct vl_plugin *plugin;

  rig_module (&rig, "long-body", "long-body");
  rig_plugin (&rig, "long-body", "long:one long:two");
  rig_load (&rig);
  plugin = loaded ("long-body");
  ck_assert_uint_eq (plugin->n_props, 2);
  ck_assert_str_eq (plugin->props[1].name, "two");
  ck_assert_str_eq (plugin->props[1].flavor_key, "long:two");
  ck_assert_str_eq (plugin->built_for, "9.0.0");
}
END_TEST

START_TEST (run_path_of_root)
{
  rig_module (&rig, "two-paths", "two-paths");
  rig_plugin (&rig, "two-paths", NULL);
  rig_load (&rig);
  loaded ("two-paths");
}
END_TEST

/* main() puts tests/mods/evil, where another good.so lies, into both variables
 * before this program starts anew. */
START_TEST (environment_does_not_decide)
{
  ck_assert_ptr_nonnull (strstr (getenv ("LD_LIBRARY_PATH"), "/evil"));
  ck_assert_ptr_nonnull (strstr (getenv ("LTDL_LIBRARY_PATH"), "/evil"));
  rig_module (&rig, "good", "good");
  rig_plugin (&rig, "good", GOOD_KEYS);
  rig_load (&rig);
  ck_assert_str_eq (loaded ("good")->version, "1.0");
}
END_TEST

START_TEST (environment_does_not_find)
{
  rig_plugin (&rig, "good", GOOD_KEYS);
  expect_refused ("good", VL_ERR_REFUSED, "module 'good.so' is not in DIR/*/.libs");
}
END_TEST

/* A .la file beside the module sends libltdl elsewhere; ours looks at neither. */
START_TEST (la_beside_is_not_followed)
{
  rig_module (&rig, "good", "good");
  rig_write (&rig, "features/.libs/good.la",
             vl_printf (rig.call,
                        "# Generated by libtool\ndlname='../evil/.libs/good.so'\n"
                        "library_names='good.so good.so good.so'\ninstalled=yes\n"
                        "libdir='%s/evil/.libs'\n",
                        VL_TEST_MODS));
  rig_plugin (&rig, "good", GOOD_KEYS);
  rig_load (&rig);
  ck_assert_str_eq (loaded ("good")->version, "1.0");
}
END_TEST

/* ---- what is refused for its file ---- */

START_TEST (not_elf)
{
  rig_write (&rig, "features/.libs/text.so",
             "#!/bin/sh\necho this is a long enough shell script, "
             "longer than an ELF header\n");
  rig_plugin (&rig, "text", NULL);
  expect_refused ("text", VL_ERR_REFUSED, "module 'DIR/features/.libs/text.so' is not an ELF file");
}
END_TEST

START_TEST (empty_file)
{
  rig_write (&rig, "features/.libs/empty.so", "");
  rig_plugin (&rig, "empty", NULL);
  expect_refused ("empty", VL_ERR_REFUSED,
                  "module 'DIR/features/.libs/empty.so' is not an ELF file");
}
END_TEST

/* Cut at many places: a sentence each time, never a crash. */
START_TEST (cut_off)
{
  const char *why;
  VL_AUTOFREE char *bytes = NULL;
  size_t length;

  rig_module (&rig, "good", "good");
  rig_plugin (&rig, "good", GOOD_KEYS);
  bytes = vl_file_read (rig_path (&rig, "features/.libs/good.so"), 64 * 1024 * 1024, &length, &why);
  ck_assert_ptr_nonnull (bytes);
  rig_load (&rig);
  for (size_t n = 0; n < 4000; n += n < 64 ? 1 : 97) {
    rig_write_n (&rig, "features/.libs/good.so", bytes, n);
    vl_registry_free (rig.registry);
    rig.registry = vl_registry_new ();
    vl_registry_read (rig.call, rig.registry, rig.config);
    vl_registry_load_all (rig.call, rig.registry, &rig.places);
    ck_assert_msg (vl_registry_find (rig.registry, "good")->state == VL_PLUGIN_REFUSED,
                   "cut at %zu of %zu", n, length);
  }
}
END_TEST

START_TEST (other_machine)
{
  VL_AUTOFREE char *bytes = NULL;
  const char *why;
  size_t length;

  rig_module (&rig, "good", "good");
  rig_plugin (&rig, "good", GOOD_KEYS);
  bytes = vl_file_read (rig_path (&rig, "features/.libs/good.so"), 64 * 1024 * 1024, &length, &why);
  ck_assert_ptr_nonnull (bytes);
  bytes[18] = (char)0xf3; /* e_machine: RISC-V */
  bytes[19] = 0;
  rig_write_n (&rig, "features/.libs/good.so", bytes, length);
  rig_load (&rig);
  ck_assert_ptr_nonnull (
      strstr (vl_registry_find (rig.registry, "good")->reason,
              "is an ELF file for another machine: it has class 2, byte order 1, "
              "machine 243; virtloom has class "));
}
END_TEST

START_TEST (no_file)
{
  rig_plugin (&rig, "absent", NULL);
  expect_refused ("absent", VL_ERR_REFUSED, "module 'absent.so' is not in DIR/*/.libs");
}
END_TEST

/* The path rule itself is tested in check-trust.c. */
START_TEST (writable)
{
  rig_module (&rig, "good", "good");
  rig_plugin (&rig, "good", GOOD_KEYS);
  ck_assert_int_eq (chmod (rig_path (&rig, "features/.libs"), 0757), 0);
  expect_refused (
      "good", VL_ERR_REFUSED,
      vl_printf (rig.call,
                 "module 'DIR/features/.libs/good.so' cannot be trusted: 'DIR/features/.libs' is "
                 "writable by everyone (owner %u, group %u, mode 0757); accepted: owned by root or "
                 "by the caller, and writable by nobody else; mend it with: chmod o-w "
                 "DIR/features/.libs",
                 (unsigned)geteuid (), (unsigned)getegid ()));
}
END_TEST

START_TEST (symbolic_link)
{
  rig_module (&rig, "good", "real");
  rig_plugin (&rig, "good", GOOD_KEYS);
  ck_assert_int_eq (symlink ("real.so", rig_path (&rig, "features/.libs/good.so")), 0);
  rig_load (&rig);
  loaded ("good");
}
END_TEST

START_TEST (not_regular)
{
  rig_write (&rig, "features/.libs/x", "");
  ck_assert_int_eq (mkfifo (rig_path (&rig, "features/.libs/good.so"), 0644), 0);
  rig_plugin (&rig, "good", GOOD_KEYS);
  expect_refused ("good", VL_ERR_REFUSED,
                  "module 'DIR/features/.libs/good.so' is not a regular file");
}
END_TEST

/* ---- what is refused by the gate; none of these modules runs ---- */

static const struct {
  const char *name, *reason;
} gate[] = {
  { "no-note", "has no virtloom note: it is not a virtloom module" },
  { "wrong-magic", "has note magic 0x12345678, virtloom has 0x4d4f4f4c" },
  { "other-abi", "has ABI 2 (built for virtloom 9.0.0), virtloom " PACKAGE_VERSION " has ABI 1" },
  { "other-kind", "is a driver (2), its conf says feature (1)" },
  { "other-name", "is named 'someone' by its note, 'other-name' by its file and conf" },
  { "all-wrong", "has ABI 7 (built for virtloom 0.0.1), virtloom " PACKAGE_VERSION " has ABI 1; "
                 "is a unknown kind (9), its conf says feature (1); is named 'nobody' by its note, "
                 "'all-wrong' by its file and conf" },
  { "long-name", "has a virtloom note whose texts are not terminated or not printable" },
  { "short-note", "has a virtloom note of 4 bytes; accepted: at least 76" },
  { "two-notes", "has two virtloom notes; a module holds one plugin" },
  { "exec-stack", "wants an executable stack; link it with -Wl,-z,noexecstack" },
  { "text-reloc", "has text relocations; compile it with -fPIC" },
  { "bad-path", "has run path '$ORIGIN/../lib'; accepted: absolute paths without '$'" },
  { "loose-path", "has run path '/tmp/virtloom-none', which cannot be trusted: "
                  "'/tmp/virtloom-none': No such file or directory" },
  { "app-calls", "calls 'vl_app_new' (VIRTLOOM_APP_1), which is for applications; accepted: the "
                 "calls of types.h, feature.h and driver.h" },
  { "later-calls", "needs virtloom 0.9.0: it calls 'vl_later' (VIRTLOOM_PLUGIN_1.1), which "
                   "virtloom " PACKAGE_VERSION " lacks" },
  { "undefined", "cannot be opened: undefined symbol: vl_function_that_is_nowhere" },
  { "no-symbol",
    "has no symbol 'no_symbol_LTX_virtloom_module'; VL_FEATURE or VL_DRIVER makes it" },
};

START_TEST (refused_at_the_gate)
{
  expect_module_refused (gate[_i].name, gate[_i].reason);
}
END_TEST

START_TEST (constructor_does_not_run)
{
  const char *trace = rig_path (&rig, "trace");

  setenv ("VL_TEST_TRACE", trace, 1);
  expect_module_refused ("other-abi", gate[2].reason);
  ck_assert_int_ne (access (trace, F_OK), 0);
}
END_TEST

/* The same constructor does leave its trace where the module is opened: the test
 * above would notice. */
START_TEST (constructor_would_leave_a_trace)
{
  const char *trace = rig_path (&rig, "trace");

  setenv ("VL_TEST_TRACE", trace, 1);
  ck_assert_ptr_nonnull (
      dlopen (vl_printf (rig.call, "%s/other-abi.so", VL_TEST_MODS), RTLD_NOW | RTLD_LOCAL));
  ck_assert_int_eq (access (trace, F_OK), 0);
}
END_TEST

START_TEST (renamed_file)
{
  rig_module (&rig, "good", "renamed");
  rig_plugin (&rig, "renamed", NULL);
  expect_refused (
      "renamed", VL_ERR_REFUSED,
      "module 'DIR/features/.libs/renamed.so' is named 'good' by its note, 'renamed' by "
      "its file and conf");
}
END_TEST

/* ---- what is refused for its tables ---- */

START_TEST (short_body)
{
  rig_module (&rig, "short-body", "short-body");
  rig_plugin (&rig, "short-body", NULL);
  expect_refused ("short-body", VL_ERR_REFUSED,
                  vl_printf (rig.call, "its body has 24 bytes, the first version of ABI 1 had %zu",
                             offsetof (struct vl_feature, network) + sizeof (void (*) (void))));
}
END_TEST

START_TEST (short_row)
{
  rig_module (&rig, "short-row", "short-row");
  rig_plugin (&rig, "short-row", NULL);
  expect_refused ("short-row", VL_ERR_REFUSED,
                  vl_printf (rig.call,
                             "its table of properties has 1 rows of 8 bytes; accepted: at "
                             "most 1024 rows of %zu to 4096 bytes",
                             offsetof (struct vl_prop, since) + sizeof (char *)));
}
END_TEST

static const struct {
  const char *name, *reason;
} bodies[] = {
  { "later-body", "it needs virtloom 9.0.0: its body says something that virtloom " PACKAGE_VERSION
                  " does not know" },
  { "later-row",
    "it needs virtloom 9.0.0: row 1 of its properties says something that virtloom " PACKAGE_VERSION
    " does not know" },
  { "huge-body", "its body has 4294967295 bytes; accepted: at most 4096, within the module" },
  { "far-rows", "its table of writes lies outside of the module" },
};

START_TEST (bad_body)
{
  rig_module (&rig, bodies[_i].name, bodies[_i].name);
  rig_plugin (&rig, bodies[_i].name, NULL);
  expect_refused (bodies[_i].name, VL_ERR_REFUSED, bodies[_i].reason);
}
END_TEST

/* A plugin of such a name would speak for the core; its module is not looked for. */
START_TEST (reserved_name)
{
  rig_plugin (&rig, "guest", NULL);
  expect_refused ("guest", VL_ERR_REFUSED,
                  "the name 'guest' is reserved: the core's own values begin with it");
}
END_TEST

START_TEST (bad_tables)
{
  rig_module (&rig, "bad-tables", "bad-tables");
  rig_plugin (&rig, "bad-tables", "bad:rule bad_rule");
  rig_load (&rig);
  ck_assert_str_eq (
      rig_findings (&rig),
      vl_printf (
          rig.call,
          "error PluginRefused bad-tables: its property 'typeless' is of type 99, which "
          "virtloom %s does not know (DIR/plugins.d/bad-tables.conf)\n"
          "error PluginRefused bad-tables: its property 'choiceless' is a choice without "
          "choices (DIR/plugins.d/bad-tables.conf)\n"
          "error PluginRefused bad-tables: its property 'default' has default 'maybe', which "
          "is not a boolean; accepted: 1 t true on y yes / 0 f false off n no, in any case "
          "(DIR/plugins.d/bad-tables.conf)\n"
          "error PluginRefused bad-tables: its property 'ruleless' has a flavor key and an "
          "image key, but no rule between them (DIR/plugins.d/bad-tables.conf)\n"
          "error PluginRefused bad-tables: its property 'filler' fills 'disk.colour', which "
          "is no slot (DIR/plugins.d/bad-tables.conf)\n"
          "error PluginRefused bad-tables: it has property 'settled' twice "
          "(DIR/plugins.d/bad-tables.conf)\n"
          "error PluginRefused bad-tables: its tool 'convert' reads what tenants made, and asks "
          "for "
          "the network as well; accepted: VL_TOOL_WRITES alone beside VL_TOOL_TENANT "
          "(DIR/plugins.d/bad-tables.conf)\n"
          "error PluginRefused bad-tables: row 1 of its tools has no proper name "
          "(DIR/plugins.d/bad-tables.conf)\n"
          "error PluginRefused bad-tables: it has tool 'convert' twice "
          "(DIR/plugins.d/bad-tables.conf)\n",
          PACKAGE_VERSION));
}
END_TEST

/* A name that nobody has would read as unset for ever. */
START_TEST (bad_names)
{
  rig_module (&rig, "good", "good");
  rig_plugin (&rig, "good", GOOD_KEYS);
  rig_module (&rig, "bad-names", "bad-names");
  rig_write (
      &rig, "plugins.d/bad-names.conf",
      "[plugin]\nkind = feature\nmodule = bad-names.so\ntraits = HW_CPU_X86_* not-a-trait\n");
  rig_write (&rig, "plugins.d/engine.conf", "[plugin]\nkind = driver\n");
  rig_load (&rig);
  loaded ("good");
#define AT " (DIR/plugins.d/bad-names.conf)\n"
#define BAD "error PluginRefused bad-names: it "
  ck_assert_str_eq (
      rig_findings (&rig), BAD
      "reads 'guest.vcpuz', which the core does not have" AT "  did you mean 'guest.vcpus'?\n" BAD
      "reads 'goof.shade', and no configuration names a feature 'goof'" AT
      "  did you mean 'good'?\n" BAD "reads 'good.shadow', which that feature does not have" AT
      "  did you mean 'shade'?\n" BAD
      "reads 'good.part', which is not public: its plugin may rename it" AT BAD
      "reads 'guest', which is no property; accepted: PLUGIN.PROPERTY" AT BAD
      "wakes 'goood', and no configuration names a feature 'goood'" AT
      "  did you mean 'good'?\n" BAD "wakes 'bad-names', which is itself" AT BAD
      "needs 'engine', which is a driver; accepted: features" AT BAD
      "conflicts with 'nobody', and no configuration names a feature 'nobody'" AT BAD
      "honours trait 'not-a-trait', which is no trait; accepted: capitals, digits and '_', "
      "'*' at the end" AT);
}
END_TEST

static Suite *
plugin_suite (void)
{
  Suite *suite = suite_create ("plugin");
  TCase *tests = tcase_create ("plugin");
  const TTest *const all[] = {
    good_loads,
    two_are_two,
    run_path_of_root,
    longer_body_is_taken,
    environment_does_not_decide,
    environment_does_not_find,
    la_beside_is_not_followed,
    not_elf,
    empty_file,
    cut_off,
    other_machine,
    no_file,
    writable,
    symbolic_link,
    not_regular,
    constructor_does_not_run,
    constructor_would_leave_a_trace,
    renamed_file,
    short_body,
    short_row,
    bad_tables,
    reserved_name,
    bad_names,
  };

  tcase_add_checked_fixture (tests, setup, teardown);
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
    tcase_add_test (tests, all[i]);
  tcase_add_loop_test (tests, refused_at_the_gate, 0, (int)(sizeof gate / sizeof gate[0]));
  tcase_add_loop_test (tests, bad_body, 0, (int)(sizeof bodies / sizeof bodies[0]));
  suite_add_tcase (suite, tests);
  return suite;
}

/* Starts this program again with a hostile environment: LD_LIBRARY_PATH is read
 * by the dynamic linker once, at the start. */
static void
poison (char **argv)
{
  const char *before = getenv ("LD_LIBRARY_PATH");
  VL_AUTOFREE char *path =
      vl_xasprintf ("%s/evil/.libs%s%s", VL_TEST_MODS_DIR, before ? ":" : "", before ? before : "");

  if (getenv ("LTDL_LIBRARY_PATH"))
    return;
  setenv ("LD_LIBRARY_PATH", path, 1);
  setenv ("LTDL_LIBRARY_PATH", path, 1);
  execv ("/proc/self/exe", argv);
  perror ("execv");
  exit (99);
}

int
main (int argc, char **argv)
{
  SRunner *runner;
  int failed;

  (void)argc;
  poison (argv);
  runner = srunner_create (plugin_suite ());
  srunner_set_tap (runner, "-");
  srunner_run_all (runner, CK_SILENT);
  failed = srunner_ntests_failed (runner);
  srunner_free (runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
