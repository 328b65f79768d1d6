/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Reading XML that a hypervisor gave, and what is refused. */

#include <config.h>

#include "loom.h"

#include <check.h>

static struct vl_call *call;

static void
setup (void)
{
  call = vl_call_new ();
}

static void
teardown (void)
{
  vl_call_free (call);
}

static const struct vl_xml *
read_text (const char *text)
{
  return vl_xml_read (call, text, strlen (text));
}

START_TEST (elements_attributes_text)
{
  const struct vl_xml *root = read_text ("<?xml version='1.0'?>\n"
                                         "<domain type='kvm' id=\"3\">\n"
                                         "  <!-- comment -->\n"
                                         "  <name> a&amp;b <![CDATA[<c>]]> </name>\n"
                                         "  <devices><disk n='1'/><rng/><disk n='2'/></devices>\n"
                                         "  <devices><sound/></devices>\n"
                                         "</domain>\n");
  const struct vl_xml *disk;

  ck_assert_ptr_nonnull (root);
  ck_assert_str_eq (vl_xml_name (root), "domain");
  ck_assert_str_eq (vl_xml_attr (root, "type"), "kvm");
  ck_assert_str_eq (vl_xml_attr (root, "id"), "3");
  ck_assert_ptr_null (vl_xml_attr (root, "none"));
  ck_assert_str_eq (vl_xml_text (root), "");
  ck_assert_str_eq (vl_xml_text (vl_xml_child (root, "name")), "a&b <c>");
  disk = vl_xml_find (root, "devices/disk");
  ck_assert_str_eq (vl_xml_attr (disk, "n"), "1");
  ck_assert_str_eq (vl_xml_name (vl_xml_next (disk, NULL)), "rng");
  disk = vl_xml_next (disk, "disk");
  ck_assert_str_eq (vl_xml_attr (disk, "n"), "2");
  ck_assert_ptr_null (vl_xml_next (disk, "disk"));
  ck_assert_ptr_nonnull (vl_xml_find (root, "devices/sound"));
  ck_assert_ptr_null (vl_xml_find (root, "devices/none"));
  ck_assert_ptr_null (vl_xml_find (NULL, "a"));
  ck_assert_str_eq (vl_xml_text (NULL), "");
  ck_assert_ptr_null (vl_xml_child (NULL, NULL));
}
END_TEST

START_TEST (namespaces_are_spelt_out)
{
  const struct vl_xml *root = read_text (
      "<metadata><vl:server xmlns:vl='urn:x'><vl:name vl:a='b'>n</vl:name></vl:server></metadata>");

  ck_assert_str_eq (vl_xml_attr (vl_xml_child (root, "vl:server"), "xmlns:vl"), "urn:x");
  ck_assert_str_eq (vl_xml_text (vl_xml_find (root, "vl:server/vl:name")), "n");
  ck_assert_str_eq (vl_xml_attr (vl_xml_find (root, "vl:server/vl:name"), "vl:a"), "b");
}
END_TEST

START_TEST (refused)
{
  static const struct {
    const char *text, *message;
  } rows[] = {
    { "", "XML is not well-formed: line 1: " },
    { "plain", "XML is not well-formed: line 1: " },
    { "<a>\n<b></a>", "XML is not well-formed: line 2: " },
    { "<a/><b/>", "XML is not well-formed: line 1: " },
    { "<a b='1' b='2'/>", "XML is not well-formed: line 1: " },
    { "<a>\x01</a>", "XML is not well-formed: line 1: " },
    { "<a>&x;</a>", "XML is not well-formed: line 1: " },
    { "<!DOCTYPE a><a/>", "XML has a document type, which is not accepted" },
    { "<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>",
      "XML has a document type, which is not accepted" },
    { "<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>",
      "XML has a document type, which is not accepted" },
    { "<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>",
      "XML has a document type, which is not accepted" },
    { "<!DOCTYPE l [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;'>"
      "<!ENTITY c '&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;'>]><l>&c;&c;&c;&c;</l>",
      "XML has a document type, which is not accepted" },
  };

  ck_assert_ptr_null (read_text (rows[_i].text));
  ck_assert_uint_eq (call->findings.n, 1);
  ck_assert_str_eq (call->findings.items[0].code, "InvalidXML");
  ck_assert (VL_STARTS (call->findings.items[0].message, rows[_i].message));
  ck_assert_ptr_null (strchr (call->findings.items[0].message, '\n'));
}
END_TEST

static const char *
nested (int depth)
{
  VL_AUTOSTR struct vl_str text = { 0 };

  for (int i = 0; i < depth; i++)
    vl_str_add (&text, "<a>");
  for (int i = 0; i < depth; i++)
    vl_str_add (&text, "</a>");
  return vl_arena_strdup (call->arena, text.text);
}

START_TEST (nested_too_deep)
{
  ck_assert_ptr_nonnull (read_text (nested (100)));
  ck_assert_ptr_null (read_text (nested (101)));
  ck_assert_str_eq (call->findings.items[0].message, "XML is nested deeper than the 100 accepted");
  ck_assert_ptr_null (read_text (nested (100000)));
}
END_TEST

START_TEST (too_large)
{
  size_t length = (size_t)16 * 1024 * 1024 + 1;
  VL_AUTOFREE char *text = vl_xcalloc (length + 1, 1);

  memset (text, ' ', length);
  ck_assert_ptr_null (vl_xml_read (call, text, length));
  ck_assert_str_eq (call->findings.items[0].message,
                    "XML of 16777217 bytes is larger than the 16777216 accepted");
}
END_TEST

START_TEST (length_counts_not_the_nul)
{
  ck_assert_ptr_nonnull (vl_xml_read (call, "<a/>garbage", 4));
  ck_assert_ptr_null (vl_xml_read (call, "<a/>\0<b/>", 9));
  ck_assert_str_eq (call->findings.items[0].message, "XML holds a NUL byte");
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("xmlread");
  TCase *tests = tcase_create ("xmlread");
  SRunner *runner;
  int failed;

  tcase_add_checked_fixture (tests, setup, teardown);
  tcase_add_test (tests, elements_attributes_text);
  tcase_add_test (tests, namespaces_are_spelt_out);
  tcase_add_loop_test (tests, refused, 0, 12);
  tcase_add_test (tests, nested_too_deep);
  tcase_add_test (tests, too_large);
  tcase_add_test (tests, length_counts_not_the_nul);
  suite_add_tcase (suite, tests);
  runner = srunner_create (suite);
  srunner_set_tap (runner, "-");
  srunner_run_all (runner, CK_SILENT);
  failed = srunner_ntests_failed (runner);
  srunner_free (runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
