/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The calls of plugins: refusing about own rows, facts that are judged, secrets,
 * everything that was asked, rows where there is no guest, CPU sets, what a CPU
 * model lacks. */

#include <config.h>

#include "swatch.h"

#include <check.h>

static struct swatch s;
static struct vl_plugin *plugin;

static const struct vl_prop props[] = {
  { .name = "mode", .type = VL_STRING, .setting = "odd_mode", .flavor_key = "odd:mode" },
  { .name = "token",
    .type = VL_STRING,
    .rule = VL_IMAGE_WINS,
    .flags = VL_SECRET | VL_LOWER,
    .flavor_key = "odd:token",
    .image_key = "odd_token",
    .setting = "odd_token" },
  { .name = "pin", .type = VL_INT, .flags = VL_SECRET, .flavor_key = "odd:pin" },
  { .name = "cpus", .type = VL_CPUSET, .deflt = "0-3,8", .setting = "odd_cpus" },
  { .name = "list", .type = VL_LIST, .deflt = "3,x,12" },
  { .name = "long", .type = VL_STRING },
};
static const struct vl_name reads[] = { { .name = VL_GUEST_ARCH }, { .name = "gone.text" } };

static const struct vl_prop driver_props[] = {
  { .name = "wait", .type = VL_INT, .deflt = "7", .setting = "wait" },
};

static void
setup (void)
{
  static const struct vl_feature feature = { .props = VL_TABLE (props), .reads = VL_TABLE (reads) };

  swatch_start (&s);
  plugin = swatch_feature (&s, "odd", &feature);
  vl_call_as (s.call, plugin);
  s.call->host = s.host;
  s.call->driver = s.driver;
}

static void
teardown (void)
{
  swatch_end (&s);
}

#define FAULT "\n  this is a fault of the plugin"

START_TEST (refusing_about_rows)
{
  ck_assert_int_eq (vl_refuse (s.call, VL_ERR_REQUEST, "mode", "mend it", "it is %d", 1), -1);
  vl_warn_as (s.call, "Odd", VL_GUEST_ARCH, NULL, "a row of another");
  vl_advise (s.call, "odd.mode", NULL, "by its full name");
  ck_assert_int_eq (vl_refuse (s.call, VL_ERR_REQUEST, "hint and prop swapped", "mode", "no"), -1);
  ck_assert_int_eq (vl_refuse (s.call, VL_ERR_REQUEST, "mod", NULL, "misspelt"), -1);
  ck_assert_int_eq (vl_refuse_as (s.call, VL_ERR_CONFLICT, "Odd", NULL, NULL, "nothing named"), -1);
  ck_assert_str_eq (
      swatch_findings (&s),
      "error Invalid odd: it is 1\n  mend it\n"
      "warning Odd odd: a row of another\n"
      "advice Advice odd: by its full name\n"
      "error PluginFault odd: refuses 'hint and prop swapped', which it has neither as a row nor "
      "in its table of reads" FAULT "\n"
      "error Invalid odd: no\n  mode\n"
      "error PluginFault odd: refuses 'mod', which it has neither as a row nor in its table of "
      "reads; did you mean 'mode'?" FAULT "\n"
      "error Invalid odd: misspelt\n"
      "error Odd odd: nothing named");
  ck_assert_str_eq (s.call->findings.items[0].property, "odd.mode");
  ck_assert_ptr_null (s.call->findings.items[4].property);
}
END_TEST

/* The same finding twice is one, and its hint is its own. */
START_TEST (hints_stay_where_they_belong)
{
  vl_refuse (s.call, VL_ERR_REQUEST, NULL, "mend the first", "first");
  vl_refuse (s.call, VL_ERR_REQUEST, NULL, "mend the second", "second");
  vl_refuse (s.call, VL_ERR_REQUEST, NULL, "mend the first", "first");
  ck_assert_str_eq (swatch_findings (&s), "error Invalid odd: first\n  mend the first\n"
                                          "error Invalid odd: second\n  mend the second");
}
END_TEST

START_TEST (rows_without_a_guest)
{
  struct vl_cpuset set;

  swatch_setting (&s, plugin, "odd_mode", "loud");
  ck_assert_str_eq (vl_str (s.call, "mode"), "loud");
  ck_assert_int_eq (vl_origin (s.call, "mode"), VL_LAYER_SETTING);
  ck_assert_int_eq (vl_origin (s.call, "list"), VL_LAYER_DEFAULT);
  ck_assert_int_eq (vl_has (s.call, "long"), 0);
  ck_assert_uint_eq (vl_count (s.call, "list"), 3);
  ck_assert_int_eq (vl_item_int (s.call, "list", 2), 12);
  ck_assert_int_eq (vl_item_int (s.call, "list", 1), 0);
  ck_assert_int_eq (vl_item_int (s.call, "list", 3), 0);
  vl_cpus (s.call, "cpus", &set);
  ck_assert_int_eq (vl_cpuset_count (&set), 5);
  vl_cpuset_remove (&set, 1);
  ck_assert_str_eq (vl_cpuset_text (s.call, &set), "0,2-3,8");
  vl_item_cpus (s.call, "list", 2, &set);
  ck_assert_str_eq (vl_cpuset_text (s.call, &set), "12");
  s.call->ready_virt_type = "kvm";
  ck_assert_int_eq (vl_is (s.call, VL_GUEST_VIRT_TYPE, "kvm"), 1);
  ck_assert_str_eq (vl_str (s.call, VL_DRIVER_NAME), "loomy");
  ck_assert_int_eq (vl_bool (s.call, VL_DRIVER_SECRETS), 1);
  vl_refuse (s.call, VL_ERR_UNSUPPORTED, "mode", NULL, "too loud");
  ck_assert_ptr_null (vl_str (s.call, VL_GUEST_ARCH));
  ck_assert_ptr_null (vl_str (s.call, "mood"));
  ck_assert_ptr_null (vl_str (s.call, NULL));
  ck_assert_str_eq (
      swatch_findings (&s),
      "error Unsupported odd: too loud (odd_mode=loud, setting, FILE:3)\n"
      "error PluginFault odd: reads 'guest.arch' where there is no guest; accepted: own rows, "
      "guest.virt-type, driver.name, driver.secrets" FAULT "\n"
      "error PluginFault odd: reads 'mood', which is no row of its own; did you mean 'mode'?" FAULT
      "\n"
      "error PluginFault odd: reads no property: NULL where a name is needed" FAULT);
}
END_TEST

START_TEST (rows_of_a_driver)
{
  s.driver->props = driver_props;
  s.driver->n_props = 1;
  s.driver->base = vl_arena_alloc (s.registry->arena, sizeof *s.driver->base);
  swatch_setting (&s, s.driver, "wait", "9");
  vl_call_as (s.call, s.driver);
  ck_assert_int_eq (vl_int (s.call, "wait"), 9);
  swatch_resolve (&s, NULL, NULL, NULL);
  vl_call_as (s.call, s.driver);
  ck_assert_int_eq (vl_int (s.call, "wait"), 9);
  ck_assert_str_eq (vl_str (s.call, VL_GUEST_ARCH), "x86_64");
  ck_assert_str_eq (swatch_findings (&s), "");
}
END_TEST

START_TEST (judged_facts)
{
  struct vl_cpuset set;
  int64_t n = -5;

  vl_host_set (s.host, "a.number", "12");
  vl_host_set (s.host, "a.text", "2M");
  vl_host_set (s.host, "a.flag", "maybe");
  vl_host_add (s.host, "a.list", "0");
  vl_host_add (s.host, "a.list", "4");
  vl_host_set (s.host, "a.cpus", "0-1,5");
  ck_assert_int_eq (vl_fact_int (s.call, "a.number", 1, &n), 1);
  ck_assert_int_eq (n, 12);
  ck_assert_int_eq (vl_fact_int (s.call, "a.none", 1, &n), 0);
  ck_assert_int_eq (vl_fact_item_int (s.call, "a.list", 1, 1, &n), 1);
  ck_assert_int_eq (n, 4);
  ck_assert_int_eq (vl_fact_item_int (s.call, "a.list", 2, 1, &n), 0);
  ck_assert_int_eq (vl_fact_cpus (s.call, "a.cpus", &set), 1);
  ck_assert_int_eq (vl_cpuset_count (&set), 3);
  ck_assert_int_eq (vl_fact_cpus (s.call, "a.none", &set), 0);
  ck_assert_int_eq (vl_cpuset_count (&set), 0);
  ck_assert_str_eq (swatch_findings (&s), "");
  ck_assert_int_eq (vl_fact_int (s.call, "a.text", 1, &n), -1);
  ck_assert_int_eq (vl_fact_item_int (s.call, "a.list", 0, 1, &n), -1);
  ck_assert_int_eq (vl_fact_int (s.call, "a.list", 1, &n), -1);
  ck_assert_int_eq (vl_fact_cpus (s.call, "a.text", &set), -1);
  ck_assert_int_eq (vl_need_int (s.call, "mode", "a.none", 0, &n), -1);
  ck_assert_int_eq (vl_need_flag (s.call, "mode", "a.flag"), -1);
  ck_assert_int_eq (vl_fact_int (s.call, NULL, 0, &n), -1);
#define RECORD "\n  record the host anew with `host show`, or give the right `--fact`\n"
  ck_assert_str_eq (
      swatch_findings (&s),
      "error InvalidHostFile odd: fact a.text of the host is '2M'; accepted: a whole number of at "
      "least 1" RECORD "error InvalidHostFile odd: fact a.list of the host is '0'; accepted: a "
      "whole number of at least 1" RECORD
      "error InvalidHostFile odd: fact a.list of the host is 'a list'; accepted: one number" RECORD
      "error InvalidHostFile odd: fact a.text of the host is '2M'; accepted: a set of CPUs, as in "
      "'0-3,6'" RECORD "error HostFactUnknown odd: the host file does not say a.none\n"
      "  add it where the host file is made: virtloom host import ... --fact a.none=NUMBER\n"
      "error InvalidHostFile odd: fact a.flag of the host is 'maybe'; accepted: true, false" RECORD
      "error PluginFault odd: asks for a fact of the host: NULL where a name is needed" FAULT);
  ck_assert_int_eq (n, 4);
}
END_TEST

START_TEST (facts_are_added_in_probe_below_the_own_name)
{
  vl_fact_set (s.call, "odd.a", "1");
  s.call->probing = s.host;
  vl_fact_set (s.call, "odd.a", "1");
  vl_fact_add (s.call, "odd.b", "2");
  vl_fact_set (s.call, "oddly.c", "3");
  ck_assert_str_eq (vl_fact_str (s.call, "odd.a"), "1");
  ck_assert_uint_eq (vl_fact_count (s.call, "odd.b"), 1);
  ck_assert_ptr_null (vl_fact_str (s.call, "oddly.c"));
  ck_assert_str_eq (
      swatch_findings (&s),
      "error PluginFault odd: sets fact odd.a outside of probe" FAULT "\n"
      "error PluginFault odd: sets fact oddly.c, which does not begin with 'odd.'" FAULT);
}
END_TEST

START_TEST (secrets_are_not_shown)
{
  enum vl_layer layer;
  const char *key, *value;

  swatch_setting (&s, plugin, "odd_token", "SETTING");
  swatch_resolve (&s, NULL, NULL, NULL);
  ck_assert_str_eq (swatch_value (&s, "odd.token"), "setting");
  ck_assert_str_eq (swatch_cause (&s, "odd.token"), "odd_token=*** (setting, FILE:3)");
  swatch_resolve (&s, "\"odd:token\":\"Flavor\",\"odd:mode\":\"m\"", "\"odd_token\":\"Image\"",
                  NULL);
  ck_assert_str_eq (swatch_cause (&s, "odd.token"), "odd_token=*** (image)");
  vl_call_as (s.call, plugin);
  vl_refuse (s.call, VL_ERR_REQUEST, "token", NULL, "no");
  ck_assert_str_eq (swatch_findings (&s), "error Invalid odd: no (odd_token=***, image)");
  for (size_t i = 0; i < 3; i++) {
    ck_assert_int_eq (vl_key (s.call, i, &layer, &key, &value), 1);
    ck_assert_str_eq (value, VL_STREQ (key, "odd:mode") ? "m" : "");
    ck_assert_int_eq (layer, VL_STREQ (key, "odd_token") ? VL_LAYER_IMAGE : VL_LAYER_FLAVOR);
  }
  ck_assert_int_eq (vl_key (s.call, 3, &layer, &key, &value), 0);
  swatch_parse (&s, "\"odd:pin\":\"tell nobody\"", NULL, NULL);
  ck_assert_str_eq (swatch_findings (&s),
                    "error Invalid odd: '***' is not a whole number; accepted: a decimal number "
                    "(odd:pin=***, flavor)");
}
END_TEST

START_TEST (metadata_is_asked_too)
{
  enum vl_layer layer;
  const char *key, *value;

  swatch_parse_json (&s, "{\"name\":\"n\",\"flavor\":{\"vcpus\":1,\"ram\":64},"
                         "\"metadata\":{\"who\":\"me\"}}");
  ck_assert_int_eq (vl_key (s.call, 0, &layer, &key, &value), 1);
  ck_assert_str_eq (key, "who");
  ck_assert_str_eq (value, "me");
  ck_assert_int_eq (layer, VL_LAYER_METADATA);
  ck_assert_int_eq (vl_key (s.call, 1, &layer, &key, &value), 0);
}
END_TEST

/* What a plugin worked out may be longer than what a user may write. */
START_TEST (long_values_are_put)
{
  VL_AUTOSTR struct vl_str text = { 0 };

  for (int i = 0; i < 5000; i++)
    vl_str_add (&text, "x");
  swatch_parse (&s, NULL, NULL, NULL);
  vl_call_as (s.call, plugin);
  s.call->phase = VL_PHASE_CLAIM;
  ck_assert_int_eq (vl_put (s.call, "long", text.text, "mode", "worked out"), 0);
  ck_assert_str_eq (vl_str (s.call, "long"), text.text);
  ck_assert_str_eq (swatch_findings (&s), "");
}
END_TEST

START_TEST (what_a_cpu_model_lacks)
{
  const char *lacks;

  s.call->ready_virt_type = "kvm";
  vl_host_add (s.host, "guest.x86_64.machines", "pc");
  vl_host_add (s.host, "guest.x86_64.machines", "q35");
  ck_assert_int_eq (vl_cpu_lacks (s.call, NULL, "avx", &lacks), -1);
  vl_host_add (s.host, "caps.kvm.x86_64.q35.cpu.models", "Haswell");
  vl_host_add (s.host, "caps.kvm.x86_64.q35.cpu.models", "Nehalem");
  vl_host_add (s.host, "caps.kvm.x86_64.q35.cpu.usable", "Nehalem");
  vl_host_set (s.host, "caps.kvm.x86_64.q35.cpu.host-model", "Nehalem");
  vl_host_add (s.host, "caps.kvm.x86_64.q35.cpu.host-model.features", "+pcid");
  vl_host_add (s.host, "caps.kvm.x86_64.q35.cpu.host-model.features", "-hle");
  vl_host_add (s.host, "cpu-model.Nehalem.features", "sse4.2");
  vl_host_add (s.host, "cpu-model.Haswell.features", "sse4.2");
  vl_host_add (s.host, "cpu-model.Haswell.features", "avx");
  vl_host_add (s.host, "cpu-model.Haswell.features", "hle");
  ck_assert_int_eq (vl_cpu_lacks (s.call, "nehalem", NULL, &lacks), 0);
  ck_assert_str_eq (lacks, "");
  ck_assert_int_eq (vl_cpu_lacks (s.call, "Nehalem", "pcid,+sse4.2", &lacks), 0);
  ck_assert_int_eq (vl_cpu_lacks (s.call, "haswell", "vmx", &lacks), 1);
  ck_assert_str_eq (lacks, "avx, hle, vmx");
  ck_assert_int_eq (vl_cpu_lacks (s.call, "Haswell", "-avx,-hle", &lacks), 0);
  ck_assert_int_eq (vl_cpu_lacks (s.call, "Unheard", NULL, &lacks), -1);
  ck_assert_str_eq (vl_cap_key (s.call, "cpu.models"), "caps.kvm.x86_64.q35.cpu.models");
  ck_assert_int_eq (vl_cap (s.call, "cpu.models", "Haswell"), 1);
  ck_assert_str_eq (swatch_findings (&s), "");
}
END_TEST

START_TEST (joining)
{
  static const char *const items[] = { "a", "", "c" };

  ck_assert_str_eq (vl_join (s.call, ", ", items, 3), "a, , c");
  ck_assert_str_eq (vl_join (s.call, ", ", items, 1), "a");
  ck_assert_str_eq (vl_join (s.call, ", ", NULL, 0), "");
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("calls");
  TCase *tests = tcase_create ("calls");
  SRunner *runner = srunner_create (suite);
  int failed;

  tcase_add_checked_fixture (tests, setup, teardown);
  tcase_add_test (tests, refusing_about_rows);
  tcase_add_test (tests, hints_stay_where_they_belong);
  tcase_add_test (tests, rows_without_a_guest);
  tcase_add_test (tests, rows_of_a_driver);
  tcase_add_test (tests, judged_facts);
  tcase_add_test (tests, facts_are_added_in_probe_below_the_own_name);
  tcase_add_test (tests, secrets_are_not_shown);
  tcase_add_test (tests, metadata_is_asked_too);
  tcase_add_test (tests, long_values_are_put);
  tcase_add_test (tests, what_a_cpu_model_lacks);
  tcase_add_test (tests, joining);
  suite_add_tcase (suite, tests);
  srunner_set_tap (runner, "-");
  srunner_run_all (runner, CK_SILENT);
  failed = srunner_ntests_failed (runner);
  srunner_free (runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
