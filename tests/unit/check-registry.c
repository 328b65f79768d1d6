/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The registry: what a conf may say, layers, settings, claimed keys, and the
 * rules between plugins. */

#include <config.h>

#include "rig.h"

#include <check.h>

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

/* ---- what is refused for its conf ---- */

static void
expect_conf_refused (const char *conf, const char *reason)
{
  rig_module (&rig, "good", "good");
  rig_write (&rig, "plugins.d/good.conf", conf);
  expect_refused ("good", VL_ERR_REFUSED, reason);
}

START_TEST (module_with_slash)
{
  expect_conf_refused ("[plugin]\nkind = feature\nmodule = ../good.so\n",
                       "DIR/plugins.d/good.conf:3: module '../good.so' has a slash; accepted: a "
                       "file in the modules' folder, 'good.so'");
}
END_TEST

START_TEST (module_is_la)
{
  expect_conf_refused ("[plugin]\nkind = feature\nmodule = good.la\n",
                       "DIR/plugins.d/good.conf:3: module 'good.la' is a libtool archive, which "
                       "only points at a module; accepted: 'good.so'");
}
END_TEST

START_TEST (module_of_another_name)
{
  expect_conf_refused ("[plugin]\nkind = feature\nmodule = better.so\n",
                       "DIR/plugins.d/good.conf:3: module 'better.so' is not named as its plugin; "
                       "accepted: 'good.so'");
}
END_TEST

START_TEST (bad_kind)
{
  expect_conf_refused ("[plugin]\nkind = featur\n",
                       "DIR/plugins.d/good.conf:2: kind = 'featur' is not among the choices; "
                       "accepted: feature driver; did you mean 'feature'?");
}
END_TEST

START_TEST (no_kind)
{
  expect_conf_refused ("[settings]\nshade = red\n",
                       "no configuration layer says what 'good' is; accepted: kind = feature or "
                       "driver in [plugin]");
}
END_TEST

START_TEST (unknown_key)
{
  expect_conf_refused ("[plugin]\nkind = feature\nenabeld = no\n",
                       "DIR/plugins.d/good.conf:3: unknown key 'enabeld' in [plugin]; accepted: "
                       "auto critical enabled keys kind module traits");
  ck_assert_str_eq (rig.call->findings.items[0].hint, "did you mean 'enabled'?");
}
END_TEST

START_TEST (unknown_section)
{
  expect_conf_refused ("[plugin]\nkind = feature\n[setings]\nshade = red\n",
                       "DIR/plugins.d/good.conf:3: unknown section [setings]; accepted: plugin "
                       "settings");
  ck_assert_str_eq (rig.call->findings.items[0].hint, "did you mean 'settings'?");
}
END_TEST

START_TEST (unknown_setting)
{
  expect_conf_refused ("[plugin]\nkind = feature\nkeys = " GOOD_KEYS "\n[settings]\nshad = red\n",
                       "unknown setting 'shad'; accepted: shade parts limit");
  ck_assert_str_eq (rig_findings (&rig),
                    "error PluginRefused good: unknown setting 'shad'; accepted: shade parts limit "
                    "(DIR/plugins.d/good.conf:5)\n  did you mean 'shade'?\n");
}
END_TEST

START_TEST (bad_settings_all_at_once)
{
  expect_conf_refused ("[plugin]\nkind = feature\nkeys = " GOOD_KEYS "\n"
                       "[settings]\nshade = blue\nlimit = 10\nparts = a,,b\n",
                       "setting 'shade' = 'blue' is not among the choices; accepted: red green");
  ck_assert_str_eq (
      rig_findings (&rig),
      "error PluginRefused good: setting 'shade' = 'blue' is not among the choices; accepted: red "
      "green (DIR/plugins.d/good.conf:5)\n"
      "error PluginRefused good: setting 'parts' = 'a,,b' has an empty item; accepted: items with "
      "a comma between (DIR/plugins.d/good.conf:7)\n"
      "error PluginRefused good: setting 'limit' = '10' is out of range; accepted: 1 to 9 "
      "(DIR/plugins.d/good.conf:6)\n");
}
END_TEST

START_TEST (indent_after_no_list)
{
  expect_conf_refused ("[plugin]\nkind = feature\nkeys = " GOOD_KEYS
                       "\n[settings]\nshade = red\n  green\n",
                       "setting 'shade' = 'red' goes on in the indented line 6; accepted: that "
                       "only of a list");
}
END_TEST

START_TEST (traits_differ)
{
  rig_module (&rig, "good", "good");
  rig_write (&rig, "plugins.d/good.conf",
             "[plugin]\nkind = feature\nmodule = good.so\n"
             "keys = good:shade good:part.N good_shade good_shade_image\ntraits = GOOD\n");
  expect_refused ("good", VL_ERR_REFUSED,
                  "the traits of its conf and of its tables differ: the tables do not have 'GOOD'");
}
END_TEST

START_TEST (keys_differ)
{
  rig_module (&rig, "good", "good");
  rig_plugin (&rig, "good", "good:shade good:hue good_shade good:part.N");
  expect_refused ("good", VL_ERR_REFUSED,
                  "the keys of its conf and of its tables differ: the conf does not claim "
                  "'good_shade_image'; the tables do not have 'good:hue'");
  ck_assert_str_eq (rig.call->findings.items[0].hint,
                    "keys = good:part.N good:shade good_shade good_shade_image");
}
END_TEST

START_TEST (disabled_keeps_its_claims)
{
  struct vl_plugin *plugin;

  rig_plugin (&rig, "good", GOOD_KEYS);
  rig.places.config_dir = rig_path (&rig, "mine");
  rig_write (&rig, "mine/plugins.d/good.conf", "[plugin]\nenabled = no\n");
  rig_load (&rig);
  plugin = vl_registry_claim (rig.registry, "good:shade");
  ck_assert_ptr_nonnull (plugin);
  ck_assert_int_eq (plugin->state, VL_PLUGIN_DISABLED);
  ck_assert_str_eq (rig_plain (&rig, plugin->reason),
                    "enabled = no in DIR/mine/plugins.d/good.conf:2");
  ck_assert_str_eq (rig_findings (&rig), "");
}
END_TEST

START_TEST (bad_file_above_keeps_the_claims_below)
{
  rig_module (&rig, "good", "good");
  rig_plugin (&rig, "good", GOOD_KEYS);
  rig.places.config_dir = rig_path (&rig, "mine");
  rig_write (&rig, "mine/plugins.d/good.conf", "[plugin]\nenabled no\n");
  expect_refused ("good", VL_ERR_REFUSED,
                  "DIR/mine/plugins.d/good.conf:2: 'enabled no' is neither [section] nor key = "
                  "value nor a comment");
  ck_assert_ptr_nonnull (vl_registry_claim (rig.registry, "good:shade"));
}
END_TEST

START_TEST (misnamed_files_are_reported)
{
  rig_write (&rig, "plugins.d/Good.conf", "");
  rig.places.config_dir = rig_path (&rig, "mine");
  rig_write (&rig, "mine/plugins.d/good.conf~", "");
  rig_load (&rig);
  ck_assert_str_eq (rig_findings (&rig),
                    "warning Warning core: 'Good.conf' is not read; accepted: files named "
                    "[a-z][a-z0-9-]*.conf, at most 31 characters before the dot "
                    "(DIR/plugins.d/Good.conf)\n"
                    "warning Warning core: 'good.conf~' is not read; accepted: files named "
                    "[a-z][a-z0-9-]*.conf, at most 31 characters before the dot "
                    "(DIR/mine/plugins.d/good.conf~)\n");
  ck_assert_uint_eq (rig.registry->n, 0);
}
END_TEST

/* ---- what is refused between plugins ---- */

static void
load_pair (const char *a, const char *a_keys, const char *b, const char *b_keys)
{
  rig_module (&rig, a, a);
  rig_plugin (&rig, a, a_keys);
  rig_module (&rig, b, b);
  rig_plugin (&rig, b, b_keys);
  rig_module (&rig, "good", "good");
  rig_plugin (&rig, "good", GOOD_KEYS);
}

START_TEST (one_key_two_plugins)
{
  load_pair ("twin-a", "twin:key", "twin-b", "twin:key");
  expect_refused ("twin-a", VL_ERR_CONFLICT,
                  "plugins 'twin-a' and 'twin-b' both have request key 'twin:key', so both are "
                  "refused");
  ck_assert_int_eq (vl_registry_find (rig.registry, "twin-b")->state, VL_PLUGIN_REFUSED);
  ck_assert_str_eq (vl_registry_find (rig.registry, "twin-b")->reason,
                    "plugins 'twin-b' and 'twin-a' both have request key 'twin:key', so both are "
                    "refused");
  loaded ("good");
}
END_TEST

START_TEST (one_slot_two_plugins)
{
  load_pair ("slot-a", "slot_a", "slot-b", "slot_b");
  expect_refused ("slot-a", VL_ERR_CONFLICT,
                  "plugins 'slot-a' and 'slot-b' both fill slot 'disk.bus', so both are refused");
  ck_assert_int_eq (vl_registry_find (rig.registry, "slot-b")->state, VL_PLUGIN_REFUSED);
}
END_TEST

/* With one of a pair off, the other is what it is without it. */
START_TEST (one_of_a_pair_off)
{
  load_pair ("slot-a", "slot_a", "slot-b", "slot_b");
  rig.places.config_dir = rig_path (&rig, "mine");
  rig_write (&rig, "mine/plugins.d/slot-b.conf", "[plugin]\nenabled = off\n");
  rig_load (&rig);
  ck_assert_str_eq (loaded ("slot-a")->props[0].fills, "disk.bus");
}
END_TEST

/* ---- drivers ---- */

START_TEST (driver_is_loaded_on_demand)
{
  struct vl_plugin *plugin;

  rig_module (&rig, "engine", "engine");
  rig_write (&rig, "plugins.d/engine.conf", "[plugin]\nkind = driver\nauto = 20\n");
  rig_load (&rig);
  plugin = vl_registry_find (rig.registry, "engine");
  ck_assert_int_eq (plugin->state, VL_PLUGIN_UNUSED);
  ck_assert_int_eq (plugin->auto_rank, 20);
  ck_assert_int_eq (vl_registry_load (rig.call, rig.registry, plugin, &rig.places), 0);
  ck_assert_str_eq (loaded ("engine")->base[0].deflt->value.text, "kvm");
  ck_assert_str_eq (plugin->driver.virt_type (rig.call), "kvm");
}
END_TEST

START_TEST (torn_driver)
{
  struct vl_plugin *plugin;

  rig_module (&rig, "torn-driver", "torn-driver");
  rig_write (&rig, "plugins.d/torn-driver.conf", "[plugin]\nkind = driver\n");
  rig_load (&rig);
  plugin = vl_registry_find (rig.registry, "torn-driver");
  ck_assert_int_eq (vl_registry_load (rig.call, rig.registry, plugin, &rig.places), -1);
#define TORN " (DIR/plugins.d/torn-driver.conf)\n"
#define IT "error PluginRefused torn-driver: it"
  ck_assert_str_eq (
      rig_findings (&rig),
      IT "s understands 'devices/rng' are since libvirt 'v10.4', which is no version; accepted: "
         "10.4.0" TORN IT "s group of power calls has 0 bytes; accepted: 4 to 4096, within the "
         "module" TORN IT "s group of inventory calls lies outside of the module" TORN IT
         " needs virtloom " VL_VERSION
         ": its secrets calls say something that virtloom " PACKAGE_VERSION " does not know" TORN);
}
END_TEST

START_TEST (driver_of_bad_rank)
{
  rig_write (&rig, "plugins.d/engine.conf", "[plugin]\nkind = driver\nauto = always\n");
  expect_refused ("engine", VL_ERR_REFUSED,
                  "DIR/plugins.d/engine.conf:3: auto = 'always' is not a whole number; accepted: 1 "
                  "to 1000, or never");
}
END_TEST

START_TEST (feature_has_no_rank)
{
  rig_write (&rig, "plugins.d/good.conf", "[plugin]\nkind = feature\nauto = 3\n");
  expect_refused ("good", VL_ERR_REFUSED, "'auto' ranks drivers; 'good' is a feature");
}
END_TEST

static Suite *
registry_suite (void)
{
  Suite *suite = suite_create ("registry");
  TCase *tests = tcase_create ("registry");
  const TTest *const all[] = {
    module_with_slash,
    module_is_la,
    module_of_another_name,
    bad_kind,
    no_kind,
    unknown_key,
    unknown_section,
    unknown_setting,
    bad_settings_all_at_once,
    indent_after_no_list,
    keys_differ,
    traits_differ,
    disabled_keeps_its_claims,
    bad_file_above_keeps_the_claims_below,
    misnamed_files_are_reported,
    one_key_two_plugins,
    one_slot_two_plugins,
    one_of_a_pair_off,
    driver_is_loaded_on_demand,
    torn_driver,
    driver_of_bad_rank,
    feature_has_no_rank,
  };

  tcase_add_checked_fixture (tests, setup, teardown);
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
    tcase_add_test (tests, all[i]);
  suite_add_tcase (suite, tests);
  return suite;
}

int
main (void)
{
  SRunner *runner = srunner_create (registry_suite ());
  int failed;

  srunner_set_tap (runner, "-");
  srunner_run_all (runner, CK_SILENT);
  failed = srunner_ntests_failed (runner);
  srunner_free (runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
