/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Who may write what and when; what adjust sees and changes; what is forbidden
 * goes or is a conflict. */

#include <config.h>

#include "loom.h"

#include <check.h>

static struct loom loom;

static void
setup (void)
{
  loom_start (&loom);
}

static void
teardown (void)
{
  loom_end (&loom);
}

static struct vl_call *
as (struct vl_plugin *plugin)
{
  loom_as (&loom, plugin, plugin ? VL_PHASE_CONTRIBUTE : VL_PHASE_BEGIN);
  return loom.call;
}

#define HINT_CHANGE "  change one of them; no side silently wins\n"

/* ---- writes ---- */

START_TEST (outside_its_writes)
{
  struct vl_plugin *a = LOOM_WRITER (&loom, "a", "features/kvm", "os/@firmware");
  struct vl_node *dead;

  vl_ensure (as (a), NULL, "features", 0, NULL); /* a parent comes free */
  vl_ensure (as (a), NULL, "features/kvm/hidden", 0, NULL);
  vl_set (as (a), vl_ensure (as (a), NULL, "os", 0, NULL), "firmware", "efi", NULL);
  ck_assert_str_eq (loom_findings (&loom), "");
  dead = vl_ensure (as (a), NULL, "features/pmu", 0, NULL);
  ck_assert_str_eq (
      loom_findings (&loom),
      "error PluginFault a: 'a' writes '/domain/features/pmu', which is not in its writes table\n"
      "  list 'features/pmu' (or an element above it) in the feature's `writes`\n");
  ck_assert_str_eq (loom.call->findings.items[0].path, "/domain/features/pmu");
  /* What follows on the dead node says nothing more. */
  ck_assert_int_eq (vl_set (as (a), dead, "state", "on", NULL), -1);
  ck_assert_int_eq (vl_text (as (a), vl_ensure (as (a), dead, "x/y", 0, NULL), "t", NULL), -1);
  ck_assert_int_eq (vl_set (as (a), vl_append (as (a), dead, "z", NULL), "k", "v", NULL), -1);
  ck_assert_uint_eq (loom.call->findings.n, 1);
  ck_assert_int_eq (vl_set (as (a), vl_ensure (as (a), NULL, "os", 0, NULL), "x", "1", NULL), -1);
  ck_assert_ptr_nonnull (strstr (loom_findings (&loom), "'a' writes '/domain/os/@x'"));
  ck_assert_int_eq (vl_set (as (a), NULL, "type", "kvm", NULL), -1);
  ck_assert_int_eq (vl_text (as (a), vl_ensure (as (a), NULL, "features", 0, NULL), "t", NULL), -1);
  ck_assert_int_eq (vl_forbid (as (a), "features/acpi", NULL), -1);
  ck_assert_uint_eq (loom.call->findings.n, 5);
  ck_assert_int_eq (vl_set (as (a), vl_append (as (a), NULL, "features", NULL), "k", "v", NULL),
                    -1);
}
END_TEST

START_TEST (a_star_is_any_one_element)
{
  struct vl_plugin *a = LOOM_WRITER (&loom, "a", "devices/*/driver/@iommu");
  struct vl_plugin *b = LOOM_WRITER (&loom, "b", "devices/[*]/driver");

  vl_set (as (a), vl_ensure (as (a), NULL, "devices/memballoon/driver", 0, NULL), "iommu", "on",
          NULL);
  vl_set (as (b), vl_ensure (as (b), NULL, "devices/memballoon/driver", 0, NULL), "packed", "on",
          NULL);
  ck_assert_str_eq (loom_findings (&loom), "");
  vl_set (as (a), vl_ensure (as (a), NULL, "devices/memballoon/driver", 0, NULL), "packed", "on",
          NULL);
  ck_assert_uint_eq (loom.call->findings.n, 1);
  vl_ensure (as (b), NULL, "devices/memballoon/target/driver", 0, NULL);
  ck_assert_uint_eq (loom.call->findings.n, 2);
  vl_ensure (as (b), NULL, "device/memballoon/driver", 0, NULL);
  ck_assert_uint_eq (loom.call->findings.n, 3);
}
END_TEST

START_TEST (bad_paths)
{
  static const char *const bad[] = { "",      "/",  "a//b",   "a/", "/a",       "a b",
                                     "a/<b>", "1a", "a/../b", "-a", "a[x=1]/b", "caf\xc3\xa9" };
  struct vl_plugin *a = LOOM_WRITER (&loom, "a", "*");

  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    vl_ensure (as (a), NULL, bad[i], 0, NULL);
    ck_assert_uint_eq (loom.call->findings.n, i + 1);
    ck_assert_ptr_nonnull (strstr (loom_findings (&loom), "is not a path of element names"));
  }
  ck_assert_int_eq (vl_set (as (NULL), NULL, "a='b' c", "x", NULL), -1);
  ck_assert_int_eq (vl_set (as (NULL), NULL, "a", NULL, NULL), -1);
  ck_assert_int_eq (vl_set (as (NULL), NULL, NULL, "x", NULL), -1);
}
END_TEST

START_TEST (too_deep)
{
  struct vl_plugin *a = LOOM_WRITER (&loom, "a", "x");
  struct vl_node *node = vl_ensure (as (a), NULL, "x", 0, NULL);

  for (int i = 0; i < 100; i++)
    node = vl_ensure (as (a), node, "x", 0, NULL);
  ck_assert_uint_eq (loom.call->findings.n, 1);
}
END_TEST

/* ---- phases ---- */

START_TEST (written_only_in_its_phases)
{
  static const enum vl_phase wrong[] = { VL_PHASE_NONE,   VL_PHASE_RESOLVE, VL_PHASE_VALIDATE,
                                         VL_PHASE_CLAIM,  VL_PHASE_BEGIN,   VL_PHASE_CHECK,
                                         VL_PHASE_SCHEMA, VL_PHASE_SEALED };
  struct vl_plugin *a = LOOM_WRITER (&loom, "a", "x");

  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    const char *text;

    loom_as (&loom, a, wrong[i]);
    vl_ensure (loom.call, NULL, "x", 0, NULL);
    text = vl_printf (loom.call,
                      "error PluginFault a: vl_ensure is called in phase '%s'; the document is "
                      "written in contribute and adjust\n",
                      vl_phase_name (wrong[i]));
    ck_assert_ptr_nonnull (strstr (loom_findings (&loom), text));
    ck_assert_int_eq (vl_set (loom.call, NULL, "x", "y", NULL), -1);
    ck_assert_int_eq (vl_forbid (loom.call, "x", NULL), -1);
  }
}
END_TEST

START_TEST (read_only_in_its_phases)
{
  struct vl_plugin *a = LOOM_WRITER (&loom, "a", "x");

  vl_set (as (NULL), NULL, "type", "kvm", NULL);
  ck_assert_ptr_null (vl_get (as (a), NULL, "@type"));
  ck_assert_str_eq (loom_findings (&loom),
                    "error PluginFault a: vl_get is called in phase 'contribute'; the "
                    "document is read in adjust and check\n");
  ck_assert_int_eq (vl_each (as (a), "x", NULL, NULL), -1);
  ck_assert_uint_eq (loom.call->findings.n, 2);
}
END_TEST

static int
set_iommu (struct vl_call *call, struct vl_node *node, void *opaque)
{
  ++*(int *)opaque;
  return vl_set (call, vl_ensure (call, node, "driver", 0, NULL), "iommu", "on", NULL);
}

static int
count_driver (struct vl_call *call, struct vl_node *node, void *opaque)
{
  const char *iommu = vl_get (call, node, "driver/@iommu");

  *(int *)opaque += iommu != NULL;
  return 0;
}

START_TEST (adjust_sees_what_contribute_left)
{
  struct vl_plugin *a = LOOM_WRITER (&loom, "a", "devices/*/driver"),
                   *b = LOOM_WRITER (&loom, "b", "x");
  int disks = 0, seen = 0;

  vl_set (as (NULL), vl_append (as (NULL), NULL, "devices/disk", NULL), "type", "file", NULL);
  vl_ensure (as (NULL), vl_append (as (NULL), NULL, "devices/disk", NULL), "driver", 0, NULL);
  vl_append (as (NULL), NULL, "devices/rng", NULL);
  loom_as (&loom, NULL, VL_PHASE_CONTRIBUTE);
  ck_assert_int_eq (vl_doc_end_contribute (loom.call, loom.build.doc), 0);
  vl_doc_begin_adjust (loom.call, loom.build.doc);
  loom_as (&loom, a, VL_PHASE_ADJUST);
  ck_assert_int_eq (vl_each (loom.call, "devices/disk", set_iommu, &disks), 0);
  ck_assert_int_eq (disks, 2);
  loom_as (&loom, b, VL_PHASE_ADJUST);
  ck_assert_int_eq (vl_each (loom.call, "devices/*", count_driver, &seen), 0);
  ck_assert_int_eq (seen, 0);
  ck_assert_str_eq (vl_get (loom.call, NULL, "devices/disk[type=file]/@type"), "file");
  loom_as (&loom, NULL, VL_PHASE_ADJUST);
  ck_assert_int_eq (vl_doc_end_adjust (loom.call, loom.build.doc), 0);
  loom_as (&loom, b, VL_PHASE_CHECK);
  ck_assert_int_eq (vl_each (loom.call, "devices/*", count_driver, &seen), 0);
  ck_assert_int_eq (seen, 2);
  ck_assert_str_eq (loom_findings (&loom), "");
}
END_TEST

START_TEST (adjust_appends_and_forbids_nothing)
{
  struct vl_plugin *a = LOOM_WRITER (&loom, "a", "devices/rng");

  loom_as (&loom, a, VL_PHASE_ADJUST);
  vl_append (loom.call, NULL, "devices/rng", NULL);
  vl_forbid (loom.call, "devices/rng", NULL);
  ck_assert_str_eq (
      loom_findings (&loom),
      "error PluginFault a: vl_append of 'devices/rng' in adjust, which appends to no list\n"
      "  append it in contribute\n"
      "error PluginFault a: vl_forbid of 'devices/rng' in adjust; it is judged when contribute "
      "ends\n");
}
END_TEST

START_TEST (adjust_is_judged_once)
{
  struct vl_plugin *a = LOOM_WRITER (&loom, "a", "x"), *b = LOOM_WRITER (&loom, "b", "x");
  struct vl_node *x;

  x = vl_ensure (as (NULL), NULL, "x", 0, NULL);
  vl_set_default (as (NULL), x, "d", "weak", "w");
  vl_set (as (NULL), x, "k", "1", "one");
  loom_as (&loom, NULL, VL_PHASE_CONTRIBUTE);
  ck_assert_int_eq (vl_doc_end_contribute (loom.call, loom.build.doc), 0);
  vl_doc_begin_adjust (loom.call, loom.build.doc);
  loom_as (&loom, a, VL_PHASE_ADJUST);
  vl_set (loom.call, x, "d", "strong", NULL);
  vl_set (loom.call, x, "k", "2", "two");
  loom_as (&loom, b, VL_PHASE_ADJUST);
  ck_assert_str_eq (vl_get (loom.call, x, "@d"), "weak");
  vl_set (loom.call, x, "k", "3", "three");
  loom_as (&loom, NULL, VL_PHASE_ADJUST);
  ck_assert_int_eq (vl_doc_end_adjust (loom.call, loom.build.doc), -1);
  ck_assert_str_eq (loom_findings (&loom),
                    "error Conflict core: '/domain/x/@k' is wanted as '1' by core (one), "
                    "'2' by a (two), '3' by b (three)\n" HINT_CHANGE);
  loom_as (&loom, b, VL_PHASE_CHECK);
  ck_assert_str_eq (vl_get (loom.call, x, "@d"), "strong");
}
END_TEST

START_TEST (sealed_is_sealed)
{
  struct vl_plugin *a = LOOM_WRITER (&loom, "a", "x");

  ck_assert_ptr_null (vl_doc_xml (loom.build.doc));
  ck_assert_ptr_nonnull (loom_seal (&loom));
  ck_assert_int_eq (vl_set (as (a), NULL, "x", "y", NULL), -1);
  ck_assert_uint_eq (loom.call->findings.n, 1);
}
END_TEST

/* ---- absence ---- */

START_TEST (weak_elements_go)
{
  struct vl_plugin *a = LOOM_WRITER (&loom, "a", "features/acpi", "devices/memballoon");
  struct vl_plugin *b = LOOM_WRITER (&loom, "b", "features/acpi", "devices/memballoon");
  struct vl_node *balloon = vl_ensure (as (a), NULL, "devices/memballoon", VL_WEAK, NULL);

  vl_set (as (a), balloon, "model", "virtio", NULL);
  vl_set (as (a), vl_ensure (as (a), balloon, "stats", 0, NULL), "period", "10", NULL);
  vl_ensure (as (a), NULL, "features/acpi", VL_WEAK, NULL);
  vl_forbid (as (b), "features/acpi", "why");
  vl_forbid (as (b), "devices/memballoon", "why");
  ck_assert_str_eq (loom_seal (&loom), "<domain/>\n");
  ck_assert_str_eq (loom_findings (&loom), "");
}
END_TEST

START_TEST (strong_elements_stay)
{
  struct vl_plugin *a = LOOM_WRITER (&loom, "a", "features/acpi"),
                   *b = LOOM_WRITER (&loom, "b", "features/acpi");
  struct vl_plugin *c = LOOM_WRITER (&loom, "c", "features/acpi");

  vl_ensure (as (c), NULL, "features/acpi", VL_WEAK, NULL);
  vl_forbid (as (a), "features/acpi", "no=acpi");
  vl_ensure (as (b), NULL, "features/acpi", 0, "yes=acpi");
  ck_assert_ptr_null (loom_seal (&loom));
  ck_assert_str_eq (loom_findings (&loom),
                    "error Conflict a: '/domain/features/acpi' is forbidden by a "
                    "(no=acpi) and wanted by b (yes=acpi)\n" HINT_CHANGE);
}
END_TEST

START_TEST (what_another_put_into_a_weak_element_keeps_it)
{
  struct vl_plugin *a = LOOM_WRITER (&loom, "a", "x"), *b = LOOM_WRITER (&loom, "b", "x/y");
  struct vl_plugin *c = LOOM_WRITER (&loom, "c", "x");

  vl_ensure (as (a), NULL, "x", VL_WEAK, NULL);
  vl_ensure (as (b), NULL, "x/y", 0, "needed");
  vl_forbid (as (c), "x", "unwanted");
  ck_assert_ptr_null (loom_seal (&loom));
  ck_assert_str_eq (loom_findings (&loom),
                    "error Conflict c: '/domain/x' is forbidden by c (unwanted) and "
                    "wanted by b (needed)\n" HINT_CHANGE);
}
END_TEST

START_TEST (forbidden_by_key)
{
  struct vl_plugin *a = LOOM_WRITER (&loom, "a", "devices/controller");
  struct vl_plugin *b = LOOM_WRITER (&loom, "b", "devices/controller");

  vl_ensure_keyed (as (a), NULL, "devices/controller", "type=usb,index=0", VL_WEAK, NULL);
  vl_ensure_keyed (as (a), NULL, "devices/controller", "type=usb,index=1", VL_WEAK, NULL);
  vl_ensure_keyed (as (a), NULL, "devices/controller", "type=scsi,index=0", 0, NULL);
  vl_forbid (as (b), "devices/controller[type=usb]", NULL);
  ck_assert_str_eq (loom_seal (&loom),
                    "<domain>\n  <devices>\n    <controller index='0' type='scsi'/>\n"
                    "  </devices>\n</domain>\n");
}
END_TEST

START_TEST (forbidden_and_made_in_adjust)
{
  struct vl_plugin *a = LOOM_WRITER (&loom, "a", "x"), *b = LOOM_WRITER (&loom, "b", "x");

  vl_forbid (as (a), "x", "no");
  loom_as (&loom, NULL, VL_PHASE_CONTRIBUTE);
  ck_assert_int_eq (vl_doc_end_contribute (loom.call, loom.build.doc), 0);
  vl_doc_begin_adjust (loom.call, loom.build.doc);
  loom_as (&loom, b, VL_PHASE_ADJUST);
  vl_ensure (loom.call, NULL, "x", 0, "yes");
  loom_as (&loom, NULL, VL_PHASE_ADJUST);
  ck_assert_int_eq (vl_doc_end_adjust (loom.call, loom.build.doc), -1);
  ck_assert_str_eq (
      loom_findings (&loom),
      "error Conflict a: '/domain/x' is forbidden by a (no) and wanted by b (yes)\n" HINT_CHANGE);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("judge");
  TCase *tests = tcase_create ("judge");
  SRunner *runner;
  int failed;

  tcase_add_checked_fixture (tests, setup, teardown);
  tcase_add_test (tests, outside_its_writes);
  tcase_add_test (tests, a_star_is_any_one_element);
  tcase_add_test (tests, bad_paths);
  tcase_add_test (tests, too_deep);
  tcase_add_test (tests, written_only_in_its_phases);
  tcase_add_test (tests, read_only_in_its_phases);
  tcase_add_test (tests, adjust_sees_what_contribute_left);
  tcase_add_test (tests, adjust_appends_and_forbids_nothing);
  tcase_add_test (tests, adjust_is_judged_once);
  tcase_add_test (tests, sealed_is_sealed);
  tcase_add_test (tests, weak_elements_go);
  tcase_add_test (tests, strong_elements_stay);
  tcase_add_test (tests, what_another_put_into_a_weak_element_keeps_it);
  tcase_add_test (tests, forbidden_by_key);
  tcase_add_test (tests, forbidden_and_made_in_adjust);
  suite_add_tcase (suite, tests);
  runner = srunner_create (suite);
  srunner_set_tap (runner, "-");
  srunner_run_all (runner, CK_SILENT);
  failed = srunner_ntests_failed (runner);
  srunner_free (runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
