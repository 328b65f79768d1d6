/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Plugins and configuration as an application sees them: records, turning on and
 * off in the operator's layer, a folder made from a nova.conf. */

#include <config.h>

#include "rig.h"

#include "server/session.h"
#include "lib/file.h"

#include <check.h>
#include <sys/stat.h>

#define GOOD_KEYS "good:shade good_shade_image good_shade good:part.N"

static struct rig rig;
static struct vl_app app;

static void
setup (void)
{
  rig_start (&rig);
  rig.places.config_dir = rig_path (&rig, "mine");
  ck_assert_int_eq (mkdir (rig.places.config_dir, 0755), 0);
  rig_module (&rig, "good", "good");
  rig_plugin (&rig, "good", GOOD_KEYS);
  rig_module (&rig, "engine", "engine");
  rig_write (&rig, "plugins.d/engine.conf", "[plugin]\nkind = driver\nauto = never\n");
  memset (&app, 0, sizeof app);
}

static void
teardown (void)
{
  rig_end (&rig);
}

static void
load (void)
{
  rig_load (&rig);
  app.call = rig.call;
  app.config = rig.config;
  app.registry = rig.registry;
  app.places = rig.places;
}

static const char *
file_text (const char *path)
{
  const char *why = NULL;
  VL_AUTOFREE char *text = vl_file_read (rig_path (&rig, path), 65536, NULL, &why);

  ck_assert_msg (text != NULL, "%s: %s", path, why);
  return vl_printf (rig.call, "%s", text);
}

START_TEST (records)
{
  const struct vl_plugin_info *info;

  rig_write (&rig, "mine/plugins.d/good.conf", "[settings]\nlimit = 3\n");
  load ();
  ck_assert_uint_eq (vl_plugins_count (&app), 2);
  ck_assert_str_eq (vl_plugins_get (&app, 0)->name, "engine");
  ck_assert_int_eq (vl_plugins_get (&app, 0)->state, VL_PLUGIN_UNUSED);
  info = vl_plugins_find (&app, "good");
  ck_assert_int_eq (info->state, VL_PLUGIN_LOADED);
  ck_assert_str_eq (info->summary, "a good module");
  ck_assert_str_eq (info->keys[3], "good:part.N");
  ck_assert_ptr_null (info->keys[4]);
  ck_assert_uint_eq (info->n_props, 4);
  ck_assert_str_eq (info->values[3].text, "3");
  ck_assert_str_eq (rig_plain (&rig, info->values[3].origin), "DIR/mine/plugins.d/good.conf:2");
  ck_assert_str_eq (info->values[0].text, "red");
  ck_assert_str_eq (info->values[0].origin, "default");
  ck_assert_ptr_null (info->values[2].text);
  ck_assert_str_eq (info->reads[1], "storage.images-type");
  ck_assert_ptr_null (vl_plugins_get (&app, 2));
  ck_assert_ptr_null (vl_plugins_find (&app, "nobody"));
}
END_TEST

START_TEST (driver_tables_on_demand)
{
  load ();
  ck_assert_uint_eq (vl_plugins_find (&app, "engine")->n_props, 0);
  ck_assert_int_eq (vl_plugins_load (&app, "engine"), 0);
  ck_assert_uint_eq (vl_plugins_find (&app, "engine")->n_props, 1);
  ck_assert_int_eq (vl_plugins_load (&app, "engin"), -1);
  ck_assert_str_eq (rig_findings (&rig),
                    "error NotFound core: no plugin is named 'engin'\n  did you mean 'engine'?\n");
}
END_TEST

START_TEST (settings_of_the_running_plugin)
{
  rig_write (&rig, "mine/plugins.d/good.conf", "[settings]\nlimit = 3\nparts = a,b\n");
  load ();
  vl_call_as (rig.call, vl_registry_find (rig.registry, "good"));
  ck_assert_int_eq (vl_int (rig.call, "limit"), 3);
  ck_assert_str_eq (vl_str (rig.call, "shade"), "red");
  ck_assert_uint_eq (vl_count (rig.call, "parts"), 2);
  ck_assert_str_eq (vl_item (rig.call, "parts", 1), "b");
  ck_assert_ptr_null (vl_item (rig.call, "parts", 2));
  ck_assert_str_eq (rig_findings (&rig), "");
  ck_assert_int_eq (vl_has (rig.call, "virt_type"), 0);
  ck_assert_str_eq (rig_findings (&rig),
                    "error PluginFault good: reads 'virt_type', which is no row of its own\n"
                    "  this is a fault of the plugin\n");
  vl_call_as (rig.call, NULL);
}
END_TEST

static const struct {
  const char *before, *after; /* NULL: no file */
} edits[] = {
  { NULL, "[plugin]\nenabled = no\n" },
  { "", "[plugin]\nenabled = no\n" },
  { "[settings]\nlimit = 3", "[settings]\nlimit = 3\n[plugin]\nenabled = no\n" },
  { "# mine\n[plugin] ; c\ncritical = no\n",
    "# mine\n[plugin] ; c\nenabled = no\ncritical = no\n" },
  { "[plugin]\nenabled=on ; why\n# end\n", "[plugin]\nenabled = no\n# end\n" },
};

START_TEST (turning_off)
{
  const char *file = NULL;

  if (edits[_i].before)
    rig_write (&rig, "mine/plugins.d/good.conf", edits[_i].before);
  load ();
  ck_assert_int_eq (vl_plugins_enable (&app, "good", 0, &file), 0);
  ck_assert_str_eq (rig_plain (&rig, file), "DIR/mine/plugins.d/good.conf");
  ck_assert_str_eq (file_text ("mine/plugins.d/good.conf"), edits[_i].after);
}
END_TEST

START_TEST (turning_on_again)
{
  const char *file = NULL;

  load ();
  ck_assert_int_eq (vl_plugins_enable (&app, "good", 0, &file), 0);
  ck_assert_int_eq (vl_plugins_enable (&app, "good", 1, &file), 0);
  ck_assert_str_eq (file_text ("mine/plugins.d/good.conf"), "[plugin]\nenabled = yes\n");
}
END_TEST

START_TEST (not_in_the_tree)
{
  const char *file = NULL;

  load ();
  app.places.config_dir = NULL;
  ck_assert_int_eq (vl_plugins_enable (&app, "good", 0, &file), -1);
  ck_assert_str_eq (rig_findings (&rig),
                    "error Usage core: the build tree's own configuration is not written to\n"
                    "  name a folder of your own with --config DIR\n");
}
END_TEST

START_TEST (bad_file_is_not_edited)
{
  const char *file = NULL;

  load ();
  rig_write (&rig, "mine/plugins.d/good.conf", "junk\n");
  ck_assert_int_eq (vl_plugins_enable (&app, "good", 0, &file), -1);
  ck_assert_str_eq (file_text ("mine/plugins.d/good.conf"), "junk\n");
}
END_TEST

START_TEST (values_with_origin)
{
  const struct vl_config_value *value;

  rig_write (&rig, "mine/virtloom.conf", "[virtloom]\nignored_properties = a\n  b\n");
  load ();
  ck_assert_uint_eq (vl_config_count (&app), 6);
  value = vl_config_get (&app, 5);
  ck_assert_str_eq (value->file_kind, "virtloom.conf");
  ck_assert_str_eq (value->section, "virtloom");
  ck_assert_str_eq (value->key, "ignored_properties");
  ck_assert_str_eq (value->value, "a,b");
  ck_assert_str_eq (rig_plain (&rig, value->origin), "DIR/mine/virtloom.conf:2");
  ck_assert_ptr_null (vl_config_get (&app, 6));
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("config");
  TCase *tests = tcase_create ("config");
  const TTest *const all[] = {
    records,
    driver_tables_on_demand,
    settings_of_the_running_plugin,
    turning_on_again,
    not_in_the_tree,
    bad_file_is_not_edited,
    values_with_origin,
  };
  SRunner *runner;
  int failed;

  tcase_add_checked_fixture (tests, setup, teardown);
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
    tcase_add_test (tests, all[i]);
  tcase_add_loop_test (tests, turning_off, 0, (int)(sizeof edits / sizeof edits[0]));
  suite_add_tcase (suite, tests);
  runner = srunner_create (suite);
  srunner_set_tap (runner, "-");
  srunner_run_all (runner, CK_SILENT);
  failed = srunner_ntests_failed (runner);
  srunner_free (runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
