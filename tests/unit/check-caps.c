/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Domain capabilities as a feature sees them: the facts of the guest's own
 * machine, by whichever name libvirt called it. */

#include <config.h>

#include "loom.h"

#include <check.h>

#define REQUEST                                                                                    \
  "{\"flavor\": {\"name\": \"m\", \"vcpus\": 1, \"ram\": 64, \"disk\": 1},"                        \
  " \"image\": {\"name\": \"i\", \"disk_format\": \"qcow2\"}}"

static struct loom loom;
static int cap, other, flag, any, unknown;
static const char *key;

static int
ask (struct vl_call *call)
{
  cap = vl_cap (call, "rng.model", "virtio");
  other = vl_cap (call, "rng.model", "egd");
  flag = vl_cap (call, "feature.genid", NULL);
  any = vl_cap_any (call, "loader.secure", "yes");
  key = vl_cap_key (call, "max-vcpus");
  unknown = vl_cap (call, "tpm.model", "tpm-tis");
  return unknown < 0 ? vl_unsaid (call, NULL, "caps.tpm.model") : 0;
}

static const struct vl_feature asking = { .body_size = sizeof asking,
                                          .summary = "asks",
                                          .validate = ask };

static const struct vl_prop machine_props[] = {
  { .name = "machine",
    .type = VL_STRING,
    .deflt = "pc-i440fx-7.2",
    .fills = "guest.machine",
    .help = "the machine" },
};
static const struct vl_feature versioned = { .body_size = sizeof versioned,
                                             .summary = "fills",
                                             .props = VL_TABLE (machine_props) };

static void
setup (void)
{
  loom_start (&loom);
  loom_driver (&loom, "kvm");
  loom_feature (&loom, "asking", &asking);
  vl_host_set (loom.host, "host.arch", "x86_64");
  vl_host_set (loom.host, "guest.x86_64.canonical.pc", "pc-i440fx-7.2");
  vl_host_set (loom.host, "guest.x86_64.canonical.q35", "pc-q35-7.2");
}

static void
teardown (void)
{
  loom_end (&loom);
}

/* Facts of MACHINE, and of another one that differs in all of them. */
static void
offer (const char *machine)
{
  const char *prefix = vl_printf (loom.call, "caps.kvm.x86_64.%s", machine);

  vl_host_add (loom.host, vl_printf (loom.call, "%s.rng.model", prefix), "virtio");
  vl_host_set (loom.host, vl_printf (loom.call, "%s.feature.genid", prefix), "true");
  vl_host_add (loom.host, vl_printf (loom.call, "%s.loader.secure", prefix), "no");
  vl_host_add (loom.host, "caps.kvm.x86_64.pc-q35-7.2.rng.model", "egd");
  vl_host_add (loom.host, "caps.kvm.x86_64.pc-q35-7.2.loader.secure", "yes");
  vl_host_add (loom.host, "caps.qemu.x86_64.pc.rng.model", "egd");
}

static void
expect (const char *expected_key)
{
  loom_build (&loom, REQUEST);
  ck_assert_int_eq (cap, 1);
  ck_assert_int_eq (other, 0);
  ck_assert_int_eq (flag, 1);
  ck_assert_int_eq (any, 1);
  ck_assert_int_eq (unknown, -1);
  ck_assert_str_eq (key, expected_key);
  ck_assert_str_eq (loom_findings (&loom),
                    "error HostFactUnknown asking: the host file does not say caps.tpm.model\n  "
                    "add it where the host file is made: virtloom host import ... "
                    "--domcapabilities FILE\n");
}

START_TEST (own_name)
{
  offer ("pc");
  expect ("caps.kvm.x86_64.pc.max-vcpus");
}
END_TEST

START_TEST (alias_to_canonical)
{
  offer ("pc-i440fx-7.2");
  expect ("caps.kvm.x86_64.pc-i440fx-7.2.max-vcpus");
}
END_TEST

START_TEST (canonical_to_alias)
{
  loom_feature (&loom, "versioned", &versioned);
  offer ("pc");
  expect ("caps.kvm.x86_64.pc.max-vcpus");
}
END_TEST

START_TEST (nothing_known)
{
  loom_build (&loom, REQUEST);
  ck_assert_int_eq (cap, -1);
  ck_assert_int_eq (flag, -1);
  ck_assert_int_eq (any, -1);
  ck_assert_str_eq (key, "caps.kvm.x86_64.pc.max-vcpus");
}
END_TEST

/* What a build asked for is recorded with its plan; what it did not is not. */
START_TEST (use_is_recorded)
{
  VL_AUTOFREE char *used = NULL;

  offer ("pc");
  vl_host_set (loom.host, "never.asked", "1");
  vl_host_forget_use (loom.host);
  loom_build (&loom, REQUEST);
  used = vl_host_used_json (loom.host);
  ck_assert_ptr_nonnull (strstr (used, "caps.kvm.x86_64.pc.rng.model"));
  ck_assert_ptr_null (strstr (used, "never.asked"));
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("caps");
  TCase *tests = tcase_create ("caps");
  SRunner *runner = srunner_create (suite);
  int failed;

  tcase_add_checked_fixture (tests, setup, teardown);
  tcase_add_test (tests, own_name);
  tcase_add_test (tests, alias_to_canonical);
  tcase_add_test (tests, canonical_to_alias);
  tcase_add_test (tests, nothing_known);
  tcase_add_test (tests, use_is_recorded);
  suite_add_tcase (suite, tests);
  srunner_set_tap (runner, "-");
  srunner_run_all (runner, CK_SILENT);
  failed = srunner_ntests_failed (runner);
  srunner_free (runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
