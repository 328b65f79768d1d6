/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Claims: amounts are added up and judged, members of a pool are chosen, by what
 * others hold and what this server has; what every guest takes. */

#include <config.h>

#include "loom.h"

#include "request/recorded.h"

#include <check.h>

#define REQUEST                                                                                    \
  "{\"name\": \"n\", \"uuid\": \"fb30f09b-e4c3-51b0-ac98-dc74eae73def\","                          \
  " \"flavor\": {\"name\": \"f\", \"vcpus\": 1, \"ram\": 512, \"disk\": 1},"                       \
  " \"image\": {\"name\": \"i\", \"disk_format\": \"qcow2\"}, \"networks\": []}"

static struct loom loom;

static void
setup (void)
{
  loom_start (&loom);
  loom_driver (&loom, "kvm");
  vl_host_set (loom.host, "host.arch", "x86_64");
}

static void
teardown (void)
{
  loom_end (&loom);
}

/* ---- amounts ---- */

static int
claim_two (struct vl_call *call)
{
  return vl_claim (call, "LOOMS", 2, VL_STREQ (call->plugin->name, "greedy") ? 1 : 4, NULL)
         | vl_claim (call, call->plugin->name, 1, 1, NULL);
}

START_TEST (claims)
{
  static const struct vl_feature feature = { .claim = claim_two };
  const struct vl_claim_info *list;

  loom_feature (&loom, "b", &feature);
  loom_feature (&loom, "a", &feature);
  ck_assert_ptr_nonnull (loom_build (&loom, REQUEST));
  list = loom.build.claims;
  /* Amounts of one resource are added up; the core's own come after those of a and b. */
  ck_assert_uint_gt (loom.build.n_claims, 3);
  ck_assert_str_eq (list[0].plugin, "a");
  ck_assert_str_eq (list[2].plugin, "b");
  ck_assert_str_eq (list[3].plugin, "core");
  ck_assert_str_eq (list[0].resource, "LOOMS");
  ck_assert_str_eq (list[1].resource, "a");
  ck_assert_int_eq (list[0].amount, 4);
  ck_assert_int_eq (list[0].total, 4);
  ck_assert_int_eq (list[0].used, -1);
}
END_TEST

/* Builds with what OTHERS and this server hold. */
static const char *
build_among (struct vl_held *others, size_t n_others, struct vl_held *own, size_t n_own)
{
  static struct vl_holdings all;

  all = (struct vl_holdings) { others, own, n_others, n_own };
  loom.call->holdings = &all;
  return loom_build (&loom, REQUEST);
}

static const char *taken;

static int
claim_pool (struct vl_call *call)
{
  static const char *const members[] = { "1", "2", "3" };
  const char *one = vl_claim_one (call, "POOL", "first", members, 3, NULL);
  const char *two = vl_claim_one (call, "POOL", "second", members, 3, NULL);
  int64_t number = vl_claim_number (call, "POOL", "third", 1, 9, NULL);
  struct vl_cpuset set;

  vl_taken_set (call, "POOL", &set);
  taken = vl_printf (call, "%s %s %lld; %s; others %s, %d, %lld", one, two, (long long)number,
                     vl_claim_one (call, "POOL", "first", members, 3, NULL),
                     vl_cpuset_text (call, &set), vl_taken_one (call, "POOL", "1"),
                     (long long)vl_taken (call, "POOL"));
  return vl_claim_one (call, "POOL", "fourth", members, 3, NULL) ? 0 : -1;
}

START_TEST (claims_of_a_pool)
{
  struct vl_held others[] = { { "s", "POO", "a", "", NULL, 5 },
                              { "s", "POOL", "a", "x", "1", 1 },
                              { "s", "POOL", "a", "y", "x", 1 } };
  static const struct vl_feature feature = { .claim = claim_pool };

  loom_feature (&loom, "a", &feature);
  ck_assert_ptr_null (build_among (others, 3, NULL, 0));
  ck_assert_str_eq (taken, "2 3 4; 2; others 1, 1, 2");
  loom_as (&loom, vl_registry_find (loom.registry, "a"), VL_PHASE_CONTRIBUTE);
  ck_assert_str_eq (vl_claimed (loom.call, "POOL", "second"), "3");
  ck_assert_ptr_null (vl_claimed (loom.call, "POOL", "fourth"));
  ck_assert_str_eq (loom_findings (&loom),
                    "error ComputeResourcesUnavailable a: nothing of 'POOL' is free for 'fourth'\n"
                    "  delete a server that holds some, or use another host\n");
}
END_TEST

static int
claim_again (struct vl_call *call)
{
  static const char *const members[] = { "1", "2", "3", "4", "5" };
  const char *fresh = vl_claim_one (call, "POOL", "a new one", members, 5, NULL);
  const char *kept = vl_claim_one (call, "POOL", "kept", members, 5, NULL);
  const char *gone = vl_claim_one (call, "POOL", "gone", members, 3, NULL);
  int64_t number = vl_claim_number (call, "POOL", "number", 1, 9, NULL);

  taken = vl_printf (call, "%s %s %s %lld", fresh, kept, gone, (long long)number);
  return 0;
}

/* What a holder has is kept if it is a candidate still and nobody's else; what another
 * holder of the server has is not free. */
START_TEST (claims_on_record)
{
  struct vl_held others[] = { { "s", "POOL", "a", "x", "1", 1 } };
  struct vl_held own[] = { { "me", "POOL", "a", "gone", "7", 1 },
                           { "me", "POOL", "a", "kept", "2", 1 },
                           { "me", "POOL", "a", "number", "8", 1 },
                           { "me", "POOL", "b", "kept", "4", 1 } };
  static const struct vl_feature feature = { .claim = claim_again };
  static const struct {
    const char *holder;
    int provisional;
  } expected[] = { { "a new one", 1 }, { "gone", 1 }, { "kept", 0 }, { "number", 0 } };

  loom_feature (&loom, "a", &feature);
  ck_assert_ptr_null (build_among (others, 1, own, 4));
  ck_assert_str_eq (taken, "3 2 (null) 8");
  vl_findings_drop (loom.call, 0, loom.call->findings.n);
  own[0].member = "5";
  others[0].member = "6";
  ck_assert_ptr_nonnull (build_among (others, 1, own, 4));
  ck_assert_str_eq (taken, "1 2 3 8");
  for (size_t i = 0; i < 4; i++) {
    ck_assert_str_eq (loom.build.claims[i].holder, expected[i].holder);
    ck_assert_int_eq (loom.build.claims[i].provisional, expected[i].provisional);
  }
}
END_TEST

START_TEST (claims_beyond_the_total)
{
  static const struct vl_feature feature = { .claim = claim_two };

  loom_feature (&loom, "greedy", &feature);
  ck_assert_ptr_null (loom_build (&loom, REQUEST));
  ck_assert_str_eq (loom_findings (&loom),
                    "error ComputeResourcesUnavailable greedy: the guest needs 2 of "
                    "'LOOMS' and the host has 1\n");
}
END_TEST

static int
claim_other_total (struct vl_call *call)
{
  int64_t total = VL_STREQ (call->plugin->name, "c") ? 8 : 4;

  return vl_claim (call, "LOOMS", 1, total, NULL) | vl_claim (call, "SHUTTLES", 1, 3, NULL)
         | (VL_STREQ (call->plugin->name, "d") ? vl_claim (call, "LOOMS", 1, 5, NULL) : 0);
}

/* Whoever is right: both are named, and no guest is made of the one or the other. */
START_TEST (claims_of_two_totals)
{
  static const struct vl_feature feature = { .claim = claim_other_total };

  loom_feature (&loom, "c", &feature);
  loom_feature (&loom, "b", &feature);
  loom_feature (&loom, "a", &feature);
  ck_assert_ptr_null (loom_build (&loom, REQUEST));
  ck_assert_str_eq (loom_findings (&loom),
                    "error PluginConflict c: 'a' says that the host has 4 of 'LOOMS', and 'c' says "
                    "8\n  turn one of them off: virtloom feature disable c\n");
  ck_assert_int_eq (vl_findings_exit (loom.call, 0), VL_ERR_CONFLICT);
}
END_TEST

START_TEST (claims_of_two_totals_of_one)
{
  static const struct vl_feature feature = { .claim = claim_other_total };

  loom_feature (&loom, "d", &feature);
  ck_assert_ptr_null (loom_build (&loom, REQUEST));
  ck_assert_str_eq (loom_findings (&loom),
                    "error PluginConflict d: 'd' says that the host has 4 of 'LOOMS', and 'd' says "
                    "5\n  this is a fault of the plugin\n");
}
END_TEST

/* By others, by several plugins of one guest, by the guest as it was. */
START_TEST (claims_beyond_what_is_left)
{
  struct vl_held others[] = { { "s", "LOOMS", "a", "", NULL, 2 },
                              { "t", "LOOMS", "a", "", NULL, 1 } };
  struct vl_held own[] = { { "me", "LOOMS", "a", "", NULL, 2 } };
  static const struct vl_feature feature = { .claim = claim_two };

  loom_feature (&loom, "a", &feature);
  ck_assert_ptr_nonnull (build_among (others, 1, NULL, 0));
  ck_assert_int_eq (loom.build.claims[0].used, 2);
  ck_assert_ptr_null (build_among (others, 2, NULL, 0));
  ck_assert_str_eq (loom_findings (&loom),
                    "error ComputeResourcesUnavailable a: the guest needs 2 of 'LOOMS'; 3 of the "
                    "host's 4 are in use\n  delete a server that holds some, or use another "
                    "host\n");
  vl_findings_drop (loom.call, 0, loom.call->findings.n);
  ck_assert_ptr_nonnull (build_among (others, 2, own, 1));
  own[0].amount = 1;
  ck_assert_ptr_null (build_among (others, 2, own, 1));
  vl_findings_drop (loom.call, 0, loom.call->findings.n);
  loom_feature (&loom, "b", &feature);
  ck_assert_ptr_null (build_among (others, 1, NULL, 0));
  ck_assert_str_eq (loom_findings (&loom),
                    "error ComputeResourcesUnavailable a: the guest needs 4 of 'LOOMS'; 2 of the "
                    "host's 4 are in use\n  delete a server that holds some, or use another "
                    "host\n");
}
END_TEST

static int
claim_nonsense (struct vl_call *call)
{
  static const char *const members[] = { "", "2" };

  vl_claim (call, "R", 0, 4, NULL);
  vl_claim (call, "R", -5, 4, NULL);
  vl_claim (call, "R", 1, -4, NULL);
  vl_claim (call, "", 1, 4, NULL);
  vl_claim (call, NULL, 1, 4, NULL);
  vl_claim (call, "a\nb", 1, 4, NULL);
  vl_claim (call, "BIG", INT64_MAX, INT64_MAX, NULL);
  vl_claim (call, "BIG", 1, INT64_MAX, NULL);
  vl_claim_one (call, "P", "h", members, 2, NULL);
  vl_claim_one (call, "P", "h", members + 1, 1, NULL);
  vl_claim_number (call, "P", "h", 3, 4, NULL);
  vl_claim_number (call, "P", "i", 4, 3, NULL);
  vl_claim_number (call, "P", "i", -1, 3, NULL);
  return 0;
}

#define FAULT "\n  this is a fault of the plugin\n"

START_TEST (claims_that_are_none)
{
  static const struct vl_feature feature = { .claim = claim_nonsense };

  loom_feature (&loom, "a", &feature);
  ck_assert_ptr_null (loom_build (&loom, REQUEST));
  ck_assert_str_eq (
      loom_findings (&loom),
      "error PluginFault a: vl_claim of 0 of 'R': an amount is positive" FAULT
      "error PluginFault a: vl_claim of -5 of 'R': an amount is positive" FAULT
      "error PluginFault a: vl_claim of 'R' with a total of -4: a total is not negative" FAULT
      "error PluginFault a: vl_claim of '': a name that is empty" FAULT
      "error PluginFault a: vl_claim of 'NULL': a name that is empty" FAULT
      "error PluginFault a: vl_claim of 'a\\x0ab': a name that has a control character; "
      "accepted: printable text" FAULT
      "error PluginFault a: vl_claim of 'BIG': the amounts add up to more than 64 bits hold" FAULT
      "error PluginFault a: vl_claim_one of '': a name that is empty" FAULT
      "error PluginFault a: vl_claim_number of 'P' for 'h', which has '2' already" FAULT
      "error PluginFault a: vl_claim_number of 'P' from 4 to 3" FAULT
      "error PluginFault a: vl_claim_number of 'P' from -1 to 3" FAULT);
}
END_TEST

/* The build that is recorded ends where it takes too long, and says who was slow. */
START_TEST (claims_in_time)
{
  loom.call->deadline = 1;
  ck_assert_ptr_null (loom_build (&loom, REQUEST));
  ck_assert_str_eq (
      loom_findings (&loom),
      "error BuildTooSlow core: the build that is recorded took more than a second "
      "of processor time, for which all other commands wait; 'core' took longest, in resolve\n"
      "  try again; what takes long shows in: virtloom plan --timing\n");
}
END_TEST

/* A build that is told what the driver said does not ask it. */
START_TEST (claims_without_the_driver)
{
  const struct vl_answer told = { .question = VL_GUEST_VIRT_TYPE, .text = "qemu" };

  ck_assert_ptr_nonnull (loom_build (&loom, REQUEST));
  ck_assert_str_eq (vl_guest_find (loom.build.guest, VL_GUEST_VIRT_TYPE)->value.text, "kvm");
  ck_assert_ptr_nonnull (loom.call->answers);
  loom.call->told = &told;
  ck_assert_ptr_nonnull (loom_build (&loom, REQUEST));
  ck_assert_str_eq (vl_guest_find (loom.build.guest, VL_GUEST_VIRT_TYPE)->value.text, "qemu");
}
END_TEST

/* ---- what every guest takes ---- */

static const char *
core_claims (void)
{
  VL_AUTOSTR struct vl_str text = { 0 };

  for (size_t i = 0; i < loom.build.n_claims; i++) {
    const struct vl_claim_info *claim = &loom.build.claims[i];

    if (claim->member)
      vl_str_printf (&text, "%s %s %s\n", claim->resource, claim->holder, claim->member);
    else
      vl_str_printf (&text, "%s %lld of %lld\n", claim->resource, (long long)claim->amount,
                     (long long)claim->total);
  }
  return vl_arena_strdup (loom.call->arena, text.text);
}

static int
fill (struct vl_call *call)
{
  return vl_put (call, "offered", "6", NULL, "a test")
         | vl_put (call, "counted", "0", NULL, "a test");
}

#define TAKES                                                                                      \
  "{\"flavor\": {\"vcpus\": 3, \"ram\": 512, \"disk\": 2, \"swap\": 100}, "                        \
  "\"image\": {\"disk_format\": \"raw\"}, \"networks\": [{\"bridge\": \"br0\", "                   \
  "\"address\": \"52:54:00:AB:cd:ef\"}], \"block_devices\": [{\"source_type\": \"volume\", "       \
  "\"destination_type\": \"volume\", \"path\": \"/vol\", \"format\": \"raw\", "                    \
  "\"uuid\": \"5a7a4d10-5a9b-4a6e-9d1f-000000000001\"}]}"
#define MAC "MAC nic0 52:54:00:ab:cd:ef\n"
#define VOLUME                                                                                     \
  "VOLUME volume-5a7a4d10-5a9b-4a6e-9d1f-000000000001 /vol\n"                                      \
  "VOLUME_UUID volume-5a7a4d10-5a9b-4a6e-9d1f-000000000001 "                                       \
  "5a7a4d10-5a9b-4a6e-9d1f-000000000001\n"

START_TEST (claims_of_every_guest)
{
  static const struct vl_prop props[] = {
    { .name = "offered", .type = VL_INT, .fills = VL_HOST_VCPUS },
    { .name = "counted", .type = VL_INT, .fills = VL_CLAIM_VCPUS },
  };
  static const struct vl_feature feature = { .props = VL_TABLE (props), .resolve = fill };
  struct vl_held others[] = { { "s", "MEMORY_MB", "core", "", NULL, 7000 } };

  ck_assert_ptr_nonnull (loom_build (&loom, TAKES));
  ck_assert_str_eq (core_claims (),
                    "DISK_GB:state 3 of -1\n" MAC "MEMORY_MB 512 of -1\nVCPU 3 of -1\n" VOLUME);
  vl_host_add (loom.host, "host.cells", "0");
  vl_host_add (loom.host, "host.cells", "1");
  vl_host_set (loom.host, "host.cell.0.cpus", "0-1");
  vl_host_set (loom.host, "host.cell.1.cpus", "2,3");
  vl_host_set (loom.host, "host.cell.0.memory", "4194304");
  vl_host_set (loom.host, "host.cell.1.memory", "4194304");
  vl_host_set (loom.host, "storage.capacity", "10800000000");
  vl_host_sort (loom.host);
  ck_assert_ptr_nonnull (loom_build (&loom, TAKES));
  ck_assert_str_eq (core_claims (),
                    "DISK_GB:state 3 of 10\n" MAC "MEMORY_MB 512 of 8192\nVCPU 3 of 4\n" VOLUME);
  loom_setting (&loom, "initial_cpu_allocation_ratio", "4.0");
  loom_setting (&loom, "initial_ram_allocation_ratio", "1.0");
  loom_setting (&loom, "ram_allocation_ratio", "1.25");
  loom_setting (&loom, "reserved_host_cpus", "1");
  loom_setting (&loom, "reserved_host_memory_mb", "512");
  loom_setting (&loom, "reserved_host_disk_mb", "1025");
  ck_assert_ptr_nonnull (loom_build (&loom, TAKES));
  ck_assert_str_eq (core_claims (),
                    "DISK_GB:state 3 of 8\n" MAC "MEMORY_MB 512 of 9600\nVCPU 3 of 12\n" VOLUME);
  loom_setting (&loom, "cpu_allocation_ratio", "0");
  loom_feature (&loom, "pins", &feature);
  ck_assert_ptr_nonnull (loom_build (&loom, TAKES));
  ck_assert_str_eq (core_claims (), "DISK_GB:state 3 of 8\n" MAC "MEMORY_MB 512 of 9600\n" VOLUME);
  ck_assert_int_eq (vl_guest_find (loom.build.guest, VL_HOST_VCPUS)->value.number, 20);
  loom_setting (&loom, "reserved_host_memory_mb", "9000");
  loom.call->holdings = &(struct vl_holdings) { .others = others, .n_others = 1 };
  ck_assert_ptr_null (loom_build (&loom, TAKES));
  ck_assert_str_eq (
      loom_findings (&loom),
      "error ComputeResourcesUnavailable core: the guest needs 512 of 'MEMORY_MB' and "
      "the host has 0 (ram=512, flavor)\n");
}
END_TEST

START_TEST (claims_of_devices)
{
  struct vl_held others[] = { { "web", "MAC", "core", "nic0", "52:54:00:ab:cd:ef", 1 },
                              { "web", "VOLUME", "core", "root", "/vol", 0 } };

  loom.call->holdings = &(struct vl_holdings) { .others = others, .n_others = 2 };
  ck_assert_ptr_null (loom_build (&loom, TAKES));
  ck_assert_str_eq (
      loom_findings (&loom),
      "error ComputeResourcesUnavailable core: MAC address '52:54:00:ab:cd:ef' of 'nic0' is in use "
      "by server \"web\"\n  give another one, or none to have one made\n"
      "error ComputeResourcesUnavailable core: volume '/vol' of "
      "'volume-5a7a4d10-5a9b-4a6e-9d1f-000000000001' is in use by server \"web\"\n"
      "  take it away there ('virtloom server remove volume'), or delete that server; a volume is "
      "shared where each server's "
      "connection_info says "
      "\"multiattach\": true\n");
}
END_TEST

START_TEST (claims_out_of_place)
{
  static const struct vl_feature feature = { .validate = claim_two };

  loom_feature (&loom, "a", &feature);
  ck_assert_ptr_null (loom_build (&loom, REQUEST));
  ck_assert_str_eq (loom_findings (&loom),
                    "error PluginFault a: vl_claim is called in phase 'validate'; claims "
                    "are stated in claim\n  this is a fault of the plugin\n");
}
END_TEST

int
main (void)
{
  const TTest *const all[] = {
    claims,
    claims_of_a_pool,
    claims_on_record,
    claims_beyond_the_total,
    claims_of_two_totals,
    claims_of_two_totals_of_one,
    claims_beyond_what_is_left,
    claims_that_are_none,
    claims_in_time,
    claims_without_the_driver,
    claims_of_every_guest,
    claims_of_devices,
    claims_out_of_place,
  };
  Suite *suite = suite_create ("claims");
  TCase *tests = tcase_create ("claims");
  SRunner *runner;
  int failed;

  tcase_add_checked_fixture (tests, setup, teardown);
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
    tcase_add_test (tests, all[i]);
  suite_add_tcase (suite, tests);
  runner = srunner_create (suite);
  srunner_set_tap (runner, "-");
  srunner_run_all (runner, CK_SILENT);
  failed = srunner_ntests_failed (runner);
  srunner_free (runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
