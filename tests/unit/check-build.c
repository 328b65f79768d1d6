/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Whole builds with mock features: the phases, what wakes and excludes what, all
 * problems in one run, readiness, and the same bytes in any order. */

#include <config.h>

#include "loom.h"

#include <check.h>

#define REQUEST                                                                                    \
  "{\"name\": \"n\", \"uuid\": \"fb30f09b-e4c3-51b0-ac98-dc74eae73def\","                          \
  " \"flavor\": {\"name\": \"f\", \"vcpus\": 1, \"ram\": 512, \"disk\": 1},"                       \
  " \"image\": {\"name\": \"i\", \"disk_format\": \"qcow2\"}, \"networks\": []}"

static struct loom loom;
static struct vl_str calls;

static void
setup (void)
{
  loom_start (&loom);
  loom_driver (&loom, "kvm");
  vl_host_set (loom.host, "host.arch", "x86_64");
  vl_str_add (&calls, "");
}

static void
teardown (void)
{
  loom_end (&loom);
  vl_str_free (&calls);
}

/* ---- mock callbacks ---- */

static int
note (struct vl_call *call)
{
  vl_str_printf (&calls, "%s %s\n", call->plugin->name, vl_phase_name (call->phase));
  return 0;
}

static int
refuse (struct vl_call *call)
{
  note (call);
  return vl_refuse (call, VL_ERR_REQUEST, NULL, NULL, "%s does not like this", call->plugin->name);
}

static int
fail_silently (struct vl_call *call)
{
  (void)call;
  return -1;
}

static int
never (struct vl_call *call)
{
  (void)call;
  return 0;
}

#define ALL .validate = note, .claim = note, .contribute = note, .adjust = note, .check = note

/* ---- phases ---- */

START_TEST (phases_come_one_after_another)
{
  static const struct vl_feature feature = { ALL };

  loom_feature (&loom, "a", &feature);
  loom_feature (&loom, "b", &feature);
  ck_assert_ptr_nonnull (loom_build (&loom, REQUEST));
  ck_assert_str_eq (calls.text,
                    "a validate\nb validate\na claim\nb claim\na contribute\nb contribute\n"
                    "a adjust\nb adjust\na check\nb check\n");
  ck_assert_str_eq (loom_findings (&loom), "");
  ck_assert_uint_ge (loom.build.n_timings, 10);
}
END_TEST

START_TEST (inactive_features_are_not_called)
{
  static const struct vl_feature feature = { .active = never, ALL };

  loom_feature (&loom, "a", &feature);
  ck_assert_ptr_nonnull (loom_build (&loom, REQUEST));
  ck_assert_str_eq (calls.text, "");
}
END_TEST

START_TEST (all_problems_in_one_run)
{
  static const struct vl_feature in_validate = { .validate = refuse,
                                                 .claim = note,
                                                 .contribute = note };
  static const struct vl_feature in_claim = { .validate = note,
                                              .claim = refuse,
                                              .contribute = note };

  loom_feature (&loom, "c", &in_claim);
  loom_feature (&loom, "b", &in_validate);
  loom_feature (&loom, "a", &in_validate);
  ck_assert_ptr_null (loom_build (&loom, REQUEST));
  ck_assert_str_eq (calls.text, "c validate\nb validate\na validate\nc claim\n");
  ck_assert_str_eq (loom_findings (&loom), "error Invalid a: a does not like this\n"
                                           "error Invalid b: b does not like this\n"
                                           "error Invalid c: c does not like this\n");
  ck_assert_ptr_null (loom.build.doc);
}
END_TEST

START_TEST (contribute_to_the_end_then_stop)
{
  static const struct vl_feature bad = { .contribute = refuse, .adjust = note };
  static const struct vl_feature good = { ALL };

  loom_feature (&loom, "a", &bad);
  loom_feature (&loom, "b", &good);
  ck_assert_ptr_null (loom_build (&loom, REQUEST));
  ck_assert_str_eq (calls.text, "b validate\nb claim\na contribute\nb contribute\n");
}
END_TEST

START_TEST (silence_is_a_fault)
{
  static const struct vl_feature feature = { .validate = fail_silently };

  loom_feature (&loom, "a", &feature);
  ck_assert_ptr_null (loom_build (&loom, REQUEST));
  ck_assert_str_eq (loom_findings (&loom),
                    "error PluginFault a: 'a' failed in validate without saying why\n"
                    "  this is a fault of the plugin\n");
}
END_TEST

/* ---- who is active ---- */

static const char *
why_active (const char *name)
{
  const struct vl_guest *guest = loom.build.guest;

  for (size_t i = 0; i < guest->registry->n; i++)
    if (VL_STREQ (guest->registry->plugins[i]->name, name))
      return guest->active[i] ? guest->active_why[i] : "inactive";
  return "unknown";
}

START_TEST (waking)
{
  static const struct vl_name wakes_c[] = { { .name = "c" } }, wakes_d[] = { { .name = "d" } };
  static const struct vl_feature waker = { .wakes = VL_TABLE (wakes_c) };
  static const struct vl_feature sleeper = { .active = never, .wakes = VL_TABLE (wakes_d), ALL };
  static const struct vl_feature last = { .active = never, ALL };

  loom_feature (&loom, "d", &last);
  loom_feature (&loom, "c", &sleeper);
  loom_feature (&loom, "b", &waker);
  loom_feature (&loom, "a", &waker);
  loom_feature (&loom, "e", &last);
  ck_assert_ptr_nonnull (loom_build (&loom, REQUEST));
  ck_assert_str_eq (why_active ("c"), "woken by a");
  ck_assert_str_eq (why_active ("d"), "woken by c");
  ck_assert_str_eq (why_active ("e"), "inactive");
  ck_assert_ptr_nonnull (strstr (calls.text, "d contribute"));
}
END_TEST

START_TEST (what_is_not_loaded_cannot_be_woken)
{
  static const struct vl_name gone[] = { { .name = "gone" } };
  static const struct vl_feature waker = { .wakes = VL_TABLE (gone) },
                                 needer = { .needs = VL_TABLE (gone) };
  static const struct vl_feature empty = { .summary = "" };
  struct vl_plugin *plugin = loom_feature (&loom, "gone", &empty);

  plugin->state = VL_PLUGIN_DISABLED;
  plugin->reason = "enabled = no in x.conf";
  loom_feature (&loom, "a", &waker);
  loom_feature (&loom, "b", &needer);
  ck_assert_ptr_null (loom_build (&loom, REQUEST));
  ck_assert_str_eq (
      loom_findings (&loom),
      "error FeatureUnavailable a: 'a' wakes feature 'gone', which is not loaded: enabled = no in "
      "x.conf\n  virtloom feature enable gone\n"
      "error FeatureUnavailable b: 'b' needs feature 'gone', which is not loaded: enabled = no in "
      "x.conf\n  virtloom feature enable gone\n");
  ck_assert_int_eq (vl_findings_exit (loom.call, 0), VL_ERR_UNSUPPORTED);
}
END_TEST

START_TEST (what_may_be_absent)
{
  static const struct vl_name gone[] = { { .name = "gone", .flags = VL_OPTIONAL } };
  static const struct vl_feature feature = { .wakes = VL_TABLE (gone), .needs = VL_TABLE (gone) };

  loom_feature (&loom, "a", &feature);
  ck_assert_ptr_nonnull (loom_build (&loom, REQUEST));
  ck_assert_str_eq (loom_findings (&loom), "");
}
END_TEST

START_TEST (needing)
{
  static const struct vl_name other[] = { { .name = "other" } };
  static const struct vl_feature needer = { .needs = VL_TABLE (other) },
                                 asleep = { .active = never };

  loom_feature (&loom, "a", &needer);
  loom_feature (&loom, "other", &asleep);
  ck_assert_ptr_null (loom_build (&loom, REQUEST));
  ck_assert_str_eq (
      loom_findings (&loom),
      "error FeatureNeeded a: 'a' (default) needs feature 'other', which nothing asks for\n"
      "  virtloom feature show other lists what asks for it\n");
}
END_TEST

START_TEST (excluding)
{
  static const struct vl_name is_a[] = { { .name = "a" } }, is_b[] = { { .name = "b" } };
  static const struct vl_feature against_b = { .conflicts = VL_TABLE (is_b) };
  static const struct vl_feature against_a = { .conflicts = VL_TABLE (is_a) };
  static const struct vl_feature plain = { .summary = "" };

  loom_feature (&loom, "b", &against_a);
  loom_feature (&loom, "a", _i ? &against_b : &plain);
  ck_assert_ptr_null (loom_build (&loom, REQUEST));
  ck_assert_str_eq (loom_findings (&loom),
                    "error FeatureConflict a: 'a' (default) and 'b' (default) exclude each "
                    "other\n  ask for one of them only\n");
  ck_assert_int_eq (vl_findings_exit (loom.call, 0), VL_ERR_CONFLICT);
}
END_TEST

/* ---- readiness ---- */

static int
not_ready (struct vl_call *call)
{
  return vl_refuse_as (call, VL_ERR_REQUEST, "InvalidCPUInfo", NULL, NULL, "not on this host");
}

START_TEST (ready)
{
  static const struct vl_feature feature = { .ready = not_ready }, other = { .summary = "" };

  loom_feature (&loom, "b", &feature);
  loom_feature (&loom, "a", &other);
  ck_assert_int_eq (vl_build_ready (loom.call, loom.registry, loom.driver, loom.host), -1);
  ck_assert_str_eq (loom_findings (&loom), "error InvalidCPUInfo b: not on this host\n");
  ck_assert_int_eq (vl_findings_exit (loom.call, 0), VL_ERR_UNSUPPORTED);
  ck_assert_ptr_null (loom.call->plugin);
}
END_TEST

/* ---- any order ---- */

static int
write_list (struct vl_call *call)
{
  struct vl_node *rng = vl_append (call, "devices/rng", NULL);

  vl_set (rng, "by", call->plugin->name);
  vl_keyed (call, "cpu/feature", NULL, "name", call->plugin->name, NULL);
  return vl_set (vl_ensure (call, "cpu", NULL), "mode", "custom");
}

static int
mark (struct vl_call *call, struct vl_node *node, void *opaque)
{
  (void)opaque;
  return vl_set (vl_ensure_in (node, "driver"), call->plugin->name, "on");
}

static int
adjust_list (struct vl_call *call)
{
  return vl_each (call, "devices/*", mark, NULL);
}

static int
complain (struct vl_call *call)
{
  vl_warn (call, NULL, NULL, "%s was here", call->plugin->name);
  vl_advise (call, NULL, NULL, "%s was here twice", call->plugin->name);
  return 0;
}

static char *
build_in_order (const int *order, int n)
{
  static const char *const names[] = { "a", "b", "c", "d", "e" };
  static const struct vl_write writes[] = { { .path = "cpu" },
                                            { .path = "devices/rng" },
                                            { .path = "devices/*/driver" } };
  static const struct vl_feature feature = { .writes = VL_TABLE (writes),
                                             .validate = complain,
                                             .contribute = write_list,
                                             .adjust = adjust_list };
  VL_AUTOSTR struct vl_str text = { 0 };
  const char *xml;

  teardown ();
  setup ();
  for (int i = 0; i < n; i++)
    loom_feature (&loom, names[order[i]], &feature);
  xml = loom_build (&loom, REQUEST);
  ck_assert_ptr_nonnull (xml);
  vl_str_printf (&text, "%s%s%s", xml, loom_findings (&loom), loom_provenance (&loom));
  return VL_STEAL (text.text);
}

/* Heap's algorithm; 0 where every order has been. */
static int
next_order (int *order, int *state, int n, int *k)
{
  int other, moved;

  while (*k < n && state[*k] >= *k)
    state[(*k)++] = 0;
  if (*k >= n)
    return 0;
  other = *k % 2 ? state[*k] : 0;
  moved = order[other];
  order[other] = order[*k];
  order[*k] = moved;
  state[*k]++;
  *k = 1;
  return 1;
}

START_TEST (the_same_bytes_in_every_order)
{
  int order[5] = { 0, 1, 2, 3, 4 }, state[5] = { 0 }, k = 1, runs = 1;
  VL_AUTOFREE char *first = build_in_order (order, 5);

  ck_assert_ptr_nonnull (
      strstr (first, "<rng by='c'>\n      <driver a='on' b='on' c='on' d='on' e='on'/>"));
  while (next_order (order, state, 5, &k)) {
    VL_AUTOFREE char *text = build_in_order (order, 5);

    ck_assert_str_eq (text, first);
    runs++;
  }
  ck_assert_int_eq (runs, 120);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("build");
  TCase *tests = tcase_create ("build");
  SRunner *runner;
  int failed;

  tcase_add_checked_fixture (tests, setup, teardown);
  tcase_add_test (tests, phases_come_one_after_another);
  tcase_add_test (tests, inactive_features_are_not_called);
  tcase_add_test (tests, all_problems_in_one_run);
  tcase_add_test (tests, contribute_to_the_end_then_stop);
  tcase_add_test (tests, silence_is_a_fault);
  tcase_add_test (tests, waking);
  tcase_add_test (tests, what_is_not_loaded_cannot_be_woken);
  tcase_add_test (tests, what_may_be_absent);
  tcase_add_test (tests, needing);
  tcase_add_loop_test (tests, excluding, 0, 2);
  tcase_add_test (tests, ready);
  tcase_add_test (tests, the_same_bytes_in_every_order);
  suite_add_tcase (suite, tests);
  runner = srunner_create (suite);
  srunner_set_tap (runner, "-");
  srunner_run_all (runner, CK_SILENT);
  failed = srunner_ntests_failed (runner);
  srunner_free (runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
