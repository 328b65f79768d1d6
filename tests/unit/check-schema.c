/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The schema check: what is valid passes, what is not is named as deep as it
 * can be, with its owner; several faults are all found; what only a newer
 * libvirt knows is left out with a word. */

#include <config.h>

#include "loom.h"

#include <check.h>
#include <unistd.h>

static struct loom loom;

#define by(...) loom_in (&loom, __VA_ARGS__)
#define put(...) LOOM_SET (&loom, __VA_ARGS__)
#define put_text(...) LOOM_TEXT (&loom, __VA_ARGS__)
static struct vl_plugin *a, *b;

static struct vl_call *
as (struct vl_plugin *plugin)
{
  loom_as (&loom, plugin, plugin ? VL_PHASE_CONTRIBUTE : VL_PHASE_BEGIN);
  return loom.call;
}

static void
text_at (const char *path, const char *value)
{
  put_text (NULL, vl_ensure (as (NULL), path, "core"), value, "core");
}

static void
add_disk (const char *dev)
{
  struct vl_node *disk = vl_append (as (NULL), "devices/disk", dev);

  put (NULL, disk, "type", "file", NULL);
  put (NULL, disk, "device", "disk", NULL);
  put (NULL, vl_ensure_in (by (NULL, disk, NULL), "source"), "file", "/disk", NULL);
  put (NULL, vl_ensure_in (by (NULL, disk, NULL), "target"), "dev", dev, NULL);
  put (NULL, vl_ensure_in (by (NULL, disk, NULL), "target"), "bus", "virtio", NULL);
}

static void
setup (void)
{
  struct vl_node *type, *server;

  loom_start (&loom);
  a = LOOM_WRITER (&loom, "a", "cpu", "features", "devices/*", "os", "clock");
  b = LOOM_WRITER (&loom, "b", "cpu", "features", "devices/*", "os", "clock");
  put (NULL, NULL, "type", "kvm", NULL);
  text_at ("uuid", "fb30f09b-e4c3-51b0-ac98-dc74eae73def");
  text_at ("name", "vl-fb30f09be4c3");
  text_at ("memory", "524288");
  text_at ("vcpu", "1");
  type = vl_ensure (as (NULL), "os/type", NULL);
  put (NULL, type, "arch", "x86_64", NULL);
  put_text (NULL, type, "hvm", NULL);
  server = vl_ensure (as (NULL), "metadata/vl:server", NULL);
  put (NULL, server, "xmlns:vl", "urn:virtloom:server:1", NULL);
  vl_ensure_in (by (NULL, server, NULL), "vl:name");
  add_disk ("vda");
  add_disk ("vdb");
  vl_ensure (as (a), "features/acpi", NULL);
}

static void
teardown (void)
{
  loom_end (&loom);
}

/* What the check says of the document as written. */
static const char *
check_schema (void)
{
  loom_as (&loom, NULL, VL_PHASE_CONTRIBUTE);
  vl_doc_end_contribute (&loom.build);
  ck_assert_uint_eq (loom.call->findings.n_errors, 0);
  loom_as (&loom, NULL, VL_PHASE_SCHEMA);
  vl_doc_check_schema (&loom.build);
  return loom_findings (&loom);
}

#define REFUSED(owner, path, cause)                                                                \
  "error SchemaInvalid " owner ": " path " is not valid by libvirt's schema; written by " cause    \
  "\n  the installed libvirt does not take it here; see virtloom explain for its reasons\n"

START_TEST (valid_passes)
{
  ck_assert_str_eq (check_schema (), "");
}
END_TEST

START_TEST (unknown_element)
{
  vl_ensure (as (a), "features/warp", "speed");
  ck_assert_str_eq (check_schema (),
                    REFUSED ("a", "'/domain/features/warp' (<warp/>)", "a (speed)"));
  ck_assert_str_eq (loom.call->findings.items[0].path, "/domain/features/warp");
  ck_assert_int_eq (vl_findings_exit (loom.call, 0), VL_ERR_UNSUPPORTED);
}
END_TEST

START_TEST (bad_attribute_value)
{
  put (a, vl_ensure (as (a), "features/pmu", "pmu"), "state", "maybe", "pmu");
  ck_assert_str_eq (check_schema (),
                    REFUSED ("a", "'/domain/features/pmu/@state' = 'maybe'", "a (pmu)"));
}
END_TEST

START_TEST (unknown_attribute_of_a_list_element)
{
  struct vl_node *rng = vl_append (as (a), "devices/rng", "rng");

  put (a, rng, "model", "virtio", "rng");
  put (b, rng, "colour", "red", "paint");
  put_text (a, vl_ensure_in (by (a, rng, "rng"), "backend"), "/dev/random", "rng");
  put (a, vl_ensure_in (by (a, rng, "rng"), "backend"), "model", "random", "rng");
  ck_assert_str_eq (check_schema (),
                    REFUSED ("b", "'/domain/devices/rng[1]/@colour' = 'red'", "b (paint)"));
}
END_TEST

START_TEST (bad_text)
{
  put_text (a, vl_ensure (as (a), "cpu/model", "cpu"), "x", "cpu");
  put (a, vl_ensure (as (a), "cpu", "cpu"), "mode", "custom", "cpu");
  put_text (b, vl_append (as (b), "devices/emulator", "emu"), "not/absolute", "emu");
  ck_assert_str_eq (check_schema (),
                    REFUSED ("b", "'/domain/devices/emulator[1]' = 'not/absolute'", "b (emu)"));
}
END_TEST

START_TEST (several_at_once)
{
  vl_ensure (as (a), "features/warp", "speed");
  vl_ensure (as (b), "features/weft", "cloth");
  vl_ensure (as (b), "os/loom", "os");
  put (a, vl_append (as (a), "devices/watchdog", "dog"), "model", "bulldog", "dog");
  ck_assert_str_eq (
      check_schema (),
      REFUSED ("a", "'/domain/devices/watchdog[1]' (<watchdog model='bulldog'/>)", "a (dog)")
          REFUSED ("a", "'/domain/features/warp' (<warp/>)", "a (speed)")
              REFUSED ("b", "'/domain/features/weft' (<weft/>)", "b (cloth)")
                  REFUSED ("b", "'/domain/os/loom' (<loom/>)", "b (os)"));
}
END_TEST

START_TEST (something_missing)
{
  put (a, vl_append (as (a), "devices/disk", "half"), "type", "file", "half");
  ck_assert_str_eq (check_schema (),
                    REFUSED ("a", "'/domain/devices/disk[3]' (<disk type='file'/>)", "a (half)"));
}
END_TEST

START_TEST (in_a_required_element)
{
  put (b, vl_ensure (as (b), "os", "os"), "firmware", "coreboot", "os");
  ck_assert_str_eq (check_schema (),
                    REFUSED ("b", "'/domain/os/@firmware' = 'coreboot'", "b (os)"));
}
END_TEST

START_TEST (bad_uuid)
{
  teardown ();
  loom_start (&loom);
  put (NULL, NULL, "type", "kvm", NULL);
  text_at ("uuid", "nonsense");
  text_at ("name", "n");
  text_at ("memory", "524288");
  text_at ("os/type", "hvm");
  ck_assert_str_eq (check_schema (),
                    REFUSED ("core", "'/domain/uuid' = 'nonsense'", "core (core)"));
}
END_TEST

START_TEST (bad_domain_attribute)
{
  put (NULL, NULL, "colour", "red", "paint");
  ck_assert_str_eq (check_schema (), REFUSED ("core", "'/domain/@colour' = 'red'", "core (paint)"));
}
END_TEST

static void
contribute_newer (const char *version)
{
  static const struct vl_write writes[] = { { .path = "features/loom", .since = "99.1.0" },
                                            { .path = "features/warp" } };
  const struct vl_feature feature = { .writes = VL_TABLE (writes) };
  struct vl_plugin *c = loom_feature (&loom, "c", &feature);

  if (version)
    vl_host_set (loom.host, "libvirt.version", version);
  put (c, vl_ensure (as (c), "features/loom/shuttle", "new"), "speed", "9", "new");
}

START_TEST (newer_than_the_schema)
{
  contribute_newer ("99.1.0");
  ck_assert_str_eq (
      check_schema (),
      "advice SchemaOlder c: '/domain/features/loom' was not checked: it came with libvirt "
      "99.1.0, which the host has and the installed schema does not know\n");
}
END_TEST

START_TEST (newer_than_the_host)
{
  contribute_newer (_i ? "99.0.9" : NULL);
  ck_assert_str_eq (check_schema (),
                    REFUSED ("c", "'/domain/features/loom' (<loom> and what is in it)", "c (new)"));
}
END_TEST

START_TEST (newer_is_no_excuse_for_others)
{
  contribute_newer ("99.1.0");
  vl_ensure (as (a), "features/warp", "speed");
  ck_assert_str_eq (
      check_schema (),
      "advice SchemaOlder c: '/domain/features/loom' was not checked: it came with libvirt "
      "99.1.0, which the host has and the installed schema does not know\n" REFUSED (
          "a", "'/domain/features/warp' (<warp/>)", "a (speed)"));
}
END_TEST

/* libvirt's own name spaces, declared where they are used, with a prefix, without one, and
 * not at all. */
START_TEST (names_with_a_prefix)
{
  static const struct {
    const char *element, *declaration, *value, *says;
  } rows[] = {
    { "qemu:commandline", "xmlns:qemu", "http://libvirt.org/schemas/domain/qemu/1.0", "" },
    { "commandline", "xmlns", "http://libvirt.org/schemas/domain/qemu/1.0", "" },
    { "other:commandline", "xmlns:other", "http://libvirt.org/schemas/domain/qemu/1.0", "" },
    { "qemu:commandline", "xmlns:qemu", "urn:something-else", "'/domain/qemu:commandline'" },
    { "qemu:commandline", "xmlns:other", "http://libvirt.org/schemas/domain/qemu/1.0",
      "'/domain/qemu:commandline'" },
    { "commandline", "xmlns:qemu", "http://libvirt.org/schemas/domain/qemu/1.0",
      "'/domain/commandline'" },
  };
  struct vl_node *node = vl_ensure (as (NULL), rows[_i].element, "core");

  put (NULL, node, rows[_i].declaration, rows[_i].value, NULL);
  if (*rows[_i].says)
    ck_assert_ptr_nonnull (strstr (check_schema (), rows[_i].says));
  else
    ck_assert_str_eq (check_schema (), "");
}
END_TEST

START_TEST (any_text)
{
  loom_as (&loom, NULL, VL_PHASE_NONE);
  ck_assert_int_eq (vl_xml_validate (loom.call, "domain",
                                     "<domain type='kvm'><name>a</name><memory>1</memory>"
                                     "<os><type>hvm</type></os></domain>"),
                    0);
  ck_assert_str_eq (loom_findings (&loom), "");
  ck_assert_int_eq (
      vl_xml_validate (loom.call, "domain",
                       "<domain type='kvm'><name>a</name><memory>1</memory>"
                       "<os><type>hvm</type></os><devices><warp/></devices></domain>"),
      -1);
  ck_assert_str_eq (
      loom_findings (&loom),
      "error SchemaInvalid core: '/domain/devices/warp' is not valid by the installed libvirt's "
      "schema 'domain'\n");
  ck_assert_int_eq (vl_xml_validate (loom.call, "domain", "<domain"), -1);
  ck_assert_int_eq (vl_xml_validate (loom.call, "../domain", "<domain/>"), -1);
  ck_assert_str_eq (loom.call->findings.items[2].message, "there is no schema '../domain'");
  ck_assert_int_eq (vl_xml_validate (loom.call, "nosuchschema", "<domain/>"), -1);
  ck_assert_str_eq (loom.call->findings.items[3].code, "SchemaUnavailable");
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("schema");
  TCase *tests = tcase_create ("schema");
  SRunner *runner;
  int failed;

  tcase_add_checked_fixture (tests, setup, teardown);
  tcase_add_test (tests, valid_passes);
  tcase_add_test (tests, unknown_element);
  tcase_add_test (tests, bad_attribute_value);
  tcase_add_test (tests, unknown_attribute_of_a_list_element);
  tcase_add_test (tests, bad_text);
  tcase_add_test (tests, several_at_once);
  tcase_add_test (tests, something_missing);
  tcase_add_test (tests, in_a_required_element);
  tcase_add_test (tests, bad_uuid);
  tcase_add_test (tests, bad_domain_attribute);
  tcase_add_test (tests, newer_than_the_schema);
  tcase_add_loop_test (tests, newer_than_the_host, 0, 2);
  tcase_add_test (tests, newer_is_no_excuse_for_others);
  tcase_add_loop_test (tests, names_with_a_prefix, 0, 6);
  tcase_add_test (tests, any_text);
  suite_add_tcase (suite, tests);
  runner = srunner_create (suite);
  srunner_set_tap (runner, "-");
  srunner_run_all (runner, CK_SILENT);
  failed = srunner_ntests_failed (runner);
  srunner_free (runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
