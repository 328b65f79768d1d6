/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The loader that a hypervisor chose: it takes the place of the wish for one in later definitions, as
 * long as the document asks for what it was chosen for. */

#include <config.h>

#include "loom.h"

#include "domain/node.h"

#include <virtloom/driver.h>

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

/* A document that leaves the loader of MACHINE to the hypervisor, with secure boot or without, and
 * with FEATURES where that is 1. */
static const struct vl_doc *
document (const char *machine, int secure, int features)
{
  struct vl_plugin *a = LOOM_WRITER (&loom, "a", "*");
  struct vl_node *node;

  loom_as (&loom, a, VL_PHASE_CONTRIBUTE);
  vl_text (vl_ensure (loom.call, "name", NULL), "  <os >");
  node = vl_ensure (loom.call, "os/type", NULL);
  vl_set (node, "machine", machine);
  vl_text (node, "hvm");
  vl_set (vl_ensure (loom.call, "os", NULL), "firmware", "efi");
  node = vl_keyed (loom.call, "os/firmware/feature", NULL, "name", "secure-boot", NULL);
  vl_set (node, "enabled", secure ? "yes" : "no");
  if (secure)
    vl_set (vl_ensure (loom.call, "os/loader", NULL), "secure", "yes");
  if (features)
    vl_ensure (loom.call, "features/acpi", NULL);
  ck_assert_ptr_nonnull (loom_seal (&loom));
  return loom.build.doc;
}

#define CODE "/usr/share/OVMF/OVMF_CODE_4M.fd"
#define VARS "/usr/share/OVMF/OVMF_VARS_4M.fd"
#define PLAIN "loader=" CODE " readonly=yes type=pflash template=" VARS " machine=q35"
#define SECURE                                                                                     \
  "loader=" CODE " readonly=yes secure=yes type=pflash template=" VARS " smm=on machine=q35"

/* What stands between FROM and TO of TEXT. */
static const char *
between (const char *text, const char *from, const char *to)
{
  const char *begin = strstr (text, from), *end = begin ? strstr (begin, to) : NULL;

  ck_assert_msg (end != NULL, "no %s ... %s in %s", from, to, text);
  return vl_printf (loom.call, "%.*s", (int)(end + strlen (to) - begin), begin);
}

START_TEST (it_takes_the_place_of_the_wish)
{
  const struct vl_doc *doc = document ("q35", 0, 1);
  const char *xml = vl_doc_xml_chosen (loom.call, doc, PLAIN);

  ck_assert_str_eq (between (xml, "\n  <os>", "</os>\n"),
                    "\n  <os>\n"
                    "    <type machine='q35'>hvm</type>\n"
                    "    <loader readonly='yes' type='pflash'>" CODE "</loader>\n"
                    "    <nvram template='" VARS "'/>\n"
                    "  </os>\n");
  ck_assert_ptr_null (strstr (xml, "smm"));
  ck_assert_ptr_null (strstr (xml, "firmware"));
  ck_assert_str_eq (between (xml, "<name>", "</name>"), "<name>  &lt;os &gt;</name>");
  ck_assert_ptr_nonnull (vl_xml_read (loom.call, xml, strlen (xml)));
  ck_assert_ptr_nonnull (strstr (vl_doc_xml (doc), "<os firmware='efi'>"));
}
END_TEST

/* The loop: with features in the document, and without. */
START_TEST (secure_boot_has_smm)
{
  const struct vl_doc *doc = document ("q35", 1, _i);
  const char *xml = vl_doc_xml_chosen (loom.call, doc, SECURE);

  ck_assert_str_eq (between (xml, "\n  <os>", "</os>\n"),
                    "\n  <os>\n"
                    "    <type machine='q35'>hvm</type>\n"
                    "    <loader readonly='yes' secure='yes' type='pflash'>" CODE "</loader>\n"
                    "    <nvram template='" VARS "'/>\n"
                    "  </os>\n");
  ck_assert_str_eq (between (xml, "  <features>\n", "</features>\n"),
                    _i ? "  <features>\n    <smm state='on'/>\n    <acpi/>\n  </features>\n"
                       : "  <features>\n    <smm state='on'/>\n  </features>\n");
  ck_assert_ptr_nonnull (vl_xml_read (loom.call, xml, strlen (xml)));
}
END_TEST

/* Records of what was chosen for something else. */
static const char *const others[] = {
  NULL,
  "left " PLAIN,
  "loader=" CODE " type=pflash template=" VARS " machine=pc",
  "loader=" CODE " type=pflash template=" VARS " machine=-",
  "loader=" CODE " type=pflash template=" VARS,
  "loader=" CODE " type=pflash secure=yes template=" VARS " machine=q35",
  "loader=" CODE " type=pflash stateless=yes machine=q35",
};

START_TEST (it_is_chosen_anew)
{
  const struct vl_doc *doc = document ("q35", 0, 1);

  ck_assert_str_eq (vl_doc_xml_chosen (loom.call, doc, others[_i]), vl_doc_xml (doc));
}
END_TEST

/* What is started of a document with another machine, and what is told of its variables. */
START_TEST (another_machine_is_told_by_its_template)
{
  static const char xml[] = "<domain type='kvm'><os><type machine='pc-q35-7.2'>hvm</type>"
                            "<loader type='pflash' readonly='yes'>/fw/other.fd</loader>"
                            "<nvram template='%s'>/state/vars.fd</nvram></os></domain>";
  const struct vl_doc *doc = document ("pc-q35-7.2", 0, 1);
  const char *same = vl_printf (loom.call, xml, VARS);
  const char *other = vl_printf (loom.call, xml, "/fw/other-vars.fd");

  ck_assert_str_eq (vl_doc_xml_chosen (loom.call, doc, PLAIN), vl_doc_xml (doc));
  ck_assert_int_eq (vl_loader_differs (loom.call, doc, PLAIN, same), 0);
  ck_assert_int_eq (vl_loader_differs (loom.call, doc, PLAIN, other), 1);
  ck_assert_int_eq (vl_loader_differs (loom.call, doc, NULL, other), 0);
  ck_assert_int_eq (vl_loader_differs (loom.call, doc, "loader=/a type=pflash", other), 0);
  ck_assert_int_eq (vl_loader_differs (loom.call, doc, PLAIN, "<domain"), 0);
}
END_TEST

START_TEST (a_value_is_found_by_its_whole_name)
{
  ck_assert_str_eq (vl_loader_value (loom.call, SECURE, "template"), VARS);
  ck_assert_str_eq (vl_loader_value (loom.call, "template-format=qcow2 template=/v", "template"),
                    "/v");
  ck_assert_str_eq (vl_loader_value (loom.call, "loader=", "loader"), "");
  ck_assert_ptr_null (vl_loader_value (loom.call, PLAIN, "smm"));
  ck_assert_ptr_null (vl_loader_value (loom.call, NULL, "loader"));
  ck_assert_int_eq (vl_loader_is_left ("left " PLAIN), 1);
  ck_assert_int_eq (vl_loader_is_left (PLAIN), 0);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("loader");
  TCase *tests = tcase_create ("loader");
  SRunner *runner;
  int failed;

  tcase_add_checked_fixture (tests, setup, teardown);
  tcase_add_test (tests, it_takes_the_place_of_the_wish);
  tcase_add_loop_test (tests, secure_boot_has_smm, 0, 2);
  tcase_add_loop_test (tests, it_is_chosen_anew, 0, (int)(sizeof others / sizeof others[0]));
  tcase_add_test (tests, another_machine_is_told_by_its_template);
  tcase_add_test (tests, a_value_is_found_by_its_whole_name);
  suite_add_tcase (suite, tests);
  runner = srunner_create (suite);
  srunner_set_tap (runner, "-");
  srunner_run_all (runner, CK_SILENT);
  failed = srunner_ntests_failed (runner);
  srunner_free (runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
