/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The document: making, values, order, provenance; text that tries to
 * be markup; the same bytes whatever the order of the writers. */

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

START_TEST (ensure_makes_parents_and_never_a_second)
{
  struct vl_plugin *a = LOOM_WRITER (&loom, "a", "features");
  struct vl_plugin *b = LOOM_WRITER (&loom, "b", "features/kvm");
  struct vl_node *kvm = vl_ensure (as (a), NULL, "features/kvm", 0, NULL);

  ck_assert_ptr_eq (vl_ensure (as (b), NULL, "features/kvm", 0, NULL), kvm);
  ck_assert_str_eq (vl_node_name (kvm), "kvm");
  ck_assert_ptr_eq (vl_ensure (as (b), kvm, "hidden", 0, NULL),
                    vl_ensure (as (a), NULL, "features/kvm/hidden", 0, NULL));
  ck_assert_str_eq (loom_seal (&loom), "<domain>\n"
                                       "  <features>\n"
                                       "    <kvm>\n"
                                       "      <hidden/>\n"
                                       "    </kvm>\n"
                                       "  </features>\n"
                                       "</domain>\n");
  ck_assert_str_eq (loom_findings (&loom), "");
}
END_TEST

START_TEST (equal_values_make_co_owners)
{
  struct vl_plugin *a = LOOM_WRITER (&loom, "a", "cpu");
  struct vl_plugin *b = LOOM_WRITER (&loom, "b", "cpu");

  ck_assert_int_eq (
      vl_set (as (b), vl_ensure (as (b), NULL, "cpu", 0, "key-b"), "mode", "custom", "key-b"), 0);
  ck_assert_int_eq (
      vl_set (as (a), vl_ensure (as (a), NULL, "cpu", 0, "key-a"), "mode", "custom", "key-a"), 0);
  ck_assert_ptr_nonnull (loom_seal (&loom));
  ck_assert_str_eq (loom_provenance (&loom), "/domain  <- core, always\n"
                                             "/domain/cpu  <- a, b, key-a; key-b\n"
                                             "/domain/cpu/@mode = custom  <- a, b, key-a; key-b\n");
}
END_TEST

START_TEST (different_values_conflict)
{
  struct vl_plugin *a = LOOM_WRITER (&loom, "a", "cpu");
  struct vl_plugin *b = LOOM_WRITER (&loom, "b", "cpu");

  vl_set (as (b), vl_ensure (as (b), NULL, "cpu", 0, NULL), "mode", "host-model", "key-b");
  vl_set (as (a), vl_ensure (as (a), NULL, "cpu", 0, NULL), "mode", "custom", "key-a");
  ck_assert_ptr_null (loom_seal (&loom));
  ck_assert_str_eq (loom_findings (&loom),
                    "error Conflict a: '/domain/cpu/@mode' is wanted as 'custom' by "
                    "a (key-a), 'host-model' by b (key-b)\n" HINT_CHANGE);
  ck_assert_str_eq (loom.call->findings.items[0].path, "/domain/cpu/@mode");
  ck_assert_int_eq (vl_findings_exit (loom.call, 0), VL_ERR_CONFLICT);
}
END_TEST

START_TEST (texts_conflict_too)
{
  struct vl_plugin *a = LOOM_WRITER (&loom, "a", "os/loader");

  vl_text (as (NULL), vl_ensure (as (NULL), NULL, "os/loader", 0, NULL), "/one", "here");
  vl_text (as (a), vl_ensure (as (a), NULL, "os/loader", 0, NULL), "/two", "there");
  ck_assert_ptr_null (loom_seal (&loom));
  ck_assert_str_eq (loom_findings (&loom),
                    "error Conflict core: '/domain/os/loader' is wanted as '/one' by "
                    "core (here), '/two' by a (there)\n" HINT_CHANGE);
}
END_TEST

START_TEST (a_default_yields)
{
  struct vl_plugin *a = LOOM_WRITER (&loom, "a", "x"), *b = LOOM_WRITER (&loom, "b", "x");
  struct vl_node *x = vl_ensure (as (a), NULL, "x", 0, NULL);

  vl_set_default (as (a), x, "weak", "1", "default");
  vl_set (as (b), x, "weak", "2", "asked");
  vl_set (as (b), x, "first", "2", "asked");
  vl_set_default (as (a), x, "first", "1", "default");
  vl_set_default (as (a), x, "alone", "1", "default");
  vl_set_default (as (b), x, "alone", "1", "default");
  ck_assert_str_eq (loom_seal (&loom),
                    "<domain>\n  <x alone='1' first='2' weak='2'/>\n</domain>\n");
}
END_TEST

START_TEST (two_defaults_conflict)
{
  struct vl_plugin *a = LOOM_WRITER (&loom, "a", "x"), *b = LOOM_WRITER (&loom, "b", "x");
  struct vl_node *x = vl_ensure (as (a), NULL, "x", 0, NULL);

  vl_set_default (as (a), x, "y", "1", "p");
  vl_set_default (as (b), x, "y", "2", "q");
  ck_assert_ptr_null (loom_seal (&loom));
  ck_assert_str_eq (
      loom_findings (&loom),
      "error Conflict a: '/domain/x/@y' is wanted as '1' by a (p), '2' by b (q)\n" HINT_CHANGE);
}
END_TEST

START_TEST (keyed_elements)
{
  struct vl_plugin *a = LOOM_WRITER (&loom, "a", "devices/controller");
  struct vl_plugin *b = LOOM_WRITER (&loom, "b", "devices/controller");
  struct vl_node *two =
      vl_ensure_keyed (as (a), NULL, "devices/controller", "type=usb,index=2", 0, NULL);

  ck_assert_ptr_eq (
      vl_ensure_keyed (as (b), NULL, "devices/controller", "index=2,type=usb", 0, NULL), two);
  vl_ensure_keyed (as (a), NULL, "devices/controller", "type=usb,index=10", 0, NULL);
  vl_set (as (b), two, "model", "nec-xhci", NULL);
  ck_assert_str_eq (loom_seal (&loom), "<domain>\n"
                                       "  <devices>\n"
                                       "    <controller index='2' model='nec-xhci' type='usb'/>\n"
                                       "    <controller index='10' type='usb'/>\n"
                                       "  </devices>\n"
                                       "</domain>\n");
  ck_assert_ptr_nonnull (strstr (loom_provenance (&loom),
                                 "/domain/devices/controller[index=2,type=usb]/@model = nec-xhci"));
}
END_TEST

START_TEST (a_key_cannot_be_changed)
{
  struct vl_plugin *a = LOOM_WRITER (&loom, "a", "cpu/feature");
  struct vl_node *vmx = vl_ensure_keyed (as (a), NULL, "cpu/feature", "name=vmx", 0, "k");

  vl_set (as (a), vmx, "name", "svm", "k");
  ck_assert_ptr_null (loom_seal (&loom));
  ck_assert_ptr_nonnull (
      strstr (loom_findings (&loom), "'/domain/cpu/feature[name=vmx]/@name' is wanted as"));
}
END_TEST

START_TEST (bad_keys)
{
  static const char *const bad[] = { "", "name", "=x", "na me=x", "a=1,b", "<a=1" };
  struct vl_plugin *a = LOOM_WRITER (&loom, "a", "cpu/feature");

  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    struct vl_node *node = vl_ensure_keyed (as (a), NULL, "cpu/feature", bad[i], 0, NULL);

    ck_assert_uint_eq (loom.call->findings.n, i + 1);
    ck_assert_ptr_nonnull (
        strstr (loom_findings (&loom), "is not a key; accepted: attr=value[,attr=value]"));
    ck_assert_int_eq (vl_set (loom.call, node, "policy", "require", NULL), -1);
    ck_assert_uint_eq (loom.call->findings.n, i + 1);
  }
}
END_TEST

START_TEST (lists_are_ordered_by_owner)
{
  struct vl_plugin *a = LOOM_WRITER (&loom, "a", "devices/rng"),
                   *b = LOOM_WRITER (&loom, "b", "devices/rng");

  vl_set (as (b), vl_append (as (b), NULL, "devices/rng", NULL), "n", "b1", NULL);
  vl_set (as (a), vl_append (as (a), NULL, "devices/rng", NULL), "n", "a1", NULL);
  vl_set (as (b), vl_append (as (b), NULL, "devices/rng", NULL), "n", "b2", NULL);
  vl_set (as (NULL), vl_append (as (NULL), NULL, "devices/rng", NULL), "n", "core", NULL);
  ck_assert_str_eq (loom_seal (&loom), "<domain>\n"
                                       "  <devices>\n"
                                       "    <rng n='core'/>\n"
                                       "    <rng n='a1'/>\n"
                                       "    <rng n='b1'/>\n"
                                       "    <rng n='b2'/>\n"
                                       "  </devices>\n"
                                       "</domain>\n");
  ck_assert_ptr_nonnull (
      strstr (loom_provenance (&loom), "/domain/devices/rng[3]/@n = b1  <- b, default\n"));
}
END_TEST

START_TEST (head_of_the_domain)
{
  static const char *const names[] = { "genid", "devices", "name", "cpu", "uuid" };
  const char *xml;

  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    vl_ensure (as (NULL), NULL, names[i], 0, NULL);
  vl_ensure (as (NULL), NULL, "cpu/alpha", 0, NULL);
  vl_ensure (as (NULL), NULL, "cpu/uuid", 0, NULL);
  xml = loom_seal (&loom);
  ck_assert_str_eq (
      xml, "<domain>\n  <uuid/>\n  <name/>\n  <genid/>\n  <cpu>\n    <alpha/>\n    <uuid/>\n"
           "  </cpu>\n  <devices/>\n</domain>\n");
}
END_TEST

START_TEST (a_path_is_one_kind_of_thing)
{
  struct vl_plugin *a = LOOM_WRITER (&loom, "a", "devices/rng"),
                   *b = LOOM_WRITER (&loom, "b", "devices/rng");
  struct vl_plugin *c = LOOM_WRITER (&loom, "c", "devices/rng");

  vl_append (as (c), NULL, "devices/rng", "list");
  vl_ensure (as (b), NULL, "devices/rng", 0, "single");
  vl_ensure_keyed (as (a), NULL, "devices/rng", "model=virtio", 0, "keyed");
  ck_assert_ptr_null (loom_seal (&loom));
  ck_assert_str_eq (
      loom_findings (&loom),
      "error Conflict b: '/domain/devices/rng' is made in more than one way: vl_ensure by b "
      "(single), vl_ensure_keyed by a (keyed), vl_append by c (list)\n"
      "  a path is a singleton, a keyed set or a list for all features alike\n");
}
END_TEST

/* ---- text ---- */

START_TEST (text_stays_text)
{
  static const char *const hostile[] = {
    "</name><devices><disk type='file'/></devices><name>",
    "]]></name><x/>",
    "' onload='x",
    "\" type=\"kvm",
    "<!-- comment --> <?pi?> <![CDATA[x]]>",
    "&amp;&lt;&#60;&unknown;",
    "line\none\ttab\rreturn",
    "  blanks at both ends  ",
    "\xe2\x82\xac \xf0\x9f\x98\x80",
  };
  const char *text = hostile[_i], *xml;
  const struct vl_xml *read;
  VL_AUTOSTR struct vl_str trimmed = { 0 };

  vl_text (as (NULL), vl_ensure (as (NULL), NULL, "name", 0, NULL), text, NULL);
  vl_set (as (NULL), vl_ensure (as (NULL), NULL, "title", 0, NULL), "is", text, NULL);
  xml = loom_seal (&loom);
  ck_assert_ptr_nonnull (xml);
  read = vl_xml_read (loom.call, xml, strlen (xml));
  ck_assert_ptr_nonnull (read);
  ck_assert_str_eq (vl_xml_attr (vl_xml_child (read, "title"), "is"), text);
  vl_str_add (&trimmed, text + strspn (text, " "));
  while (trimmed.text[trimmed.length - 1] == ' ')
    trimmed.text[--trimmed.length] = '\0';
  ck_assert_str_eq (vl_xml_text (vl_xml_child (read, "name")), trimmed.text);
  ck_assert_ptr_null (vl_xml_find (read, "devices"));
  ck_assert_ptr_null (vl_xml_next (vl_xml_next (vl_xml_child (read, NULL), NULL), NULL));
  ck_assert_ptr_null (vl_xml_attr (read, "type"));
}
END_TEST

START_TEST (what_xml_cannot_carry)
{
  static const struct {
    const char *text, *problem;
  } rows[] = {
    { "a\x01", "holds the character U+0001, which XML cannot carry" },
    { "\x1b[31m", "holds the character U+001B, which XML cannot carry" },
    { "ab\xff", "is not UTF-8 at byte 3" },
    { "\xc0\xaf", "is not UTF-8 at byte 1" },
    { "\xed\xa0\x80", "is not UTF-8 at byte 1" },
    { "x\xe2\x82", "is not UTF-8 at byte 2" },
    { "\xf4\x90\x80\x80", "is not UTF-8 at byte 1" },
    { "\xef\xbf\xbf", "holds the character U+FFFF, which XML cannot carry" },
  };

  ck_assert_int_eq (vl_set (as (NULL), NULL, "type", rows[_i].text, "guest.name"), -1);
  ck_assert_uint_eq (loom.call->findings.n, 1);
  ck_assert_str_eq (loom.call->findings.items[0].message,
                    vl_printf (loom.call, "the text for '/domain/@type' %s", rows[_i].problem));
  ck_assert_int_eq (vl_findings_exit (loom.call, 0), VL_ERR_REQUEST);
}
END_TEST

/* ---- provenance ---- */

START_TEST (provenance_rows)
{
  struct vl_plugin *a = LOOM_WRITER (&loom, "a", "features/kvm"),
                   *b = LOOM_WRITER (&loom, "b", "features/pmu");

  vl_text (as (NULL), vl_ensure (as (NULL), NULL, "name", 0, "uuid=1 (request)"), "vl-1",
           "uuid=1 (request)");
  vl_set (as (a), vl_ensure (as (a), NULL, "features/kvm/hidden", 0, "hide"), "state", "on",
          "hide");
  vl_ensure (as (b), NULL, "features/pmu", 0, "pmu");
  ck_assert_ptr_nonnull (loom_seal (&loom));
  ck_assert_str_eq (loom_provenance (&loom), "/domain  <- core, always\n"
                                             "/domain/name = vl-1  <- core, uuid=1 (request)\n"
                                             "/domain/features  <- core, holds what is below it\n"
                                             "/domain/features/kvm  <- a, hide\n"
                                             "/domain/features/kvm/hidden  <- a, hide\n"
                                             "/domain/features/kvm/hidden/@state = on  <- a, hide\n"
                                             "/domain/features/pmu  <- b, pmu\n");
}
END_TEST

/* ---- order ---- */

static void
script_a (struct vl_plugin *p)
{
  vl_set (as (p), vl_append (as (p), NULL, "devices/rng", "ka"), "n", "a", "ka");
  vl_set (as (p), vl_ensure (as (p), NULL, "cpu", 0, "ka"), "mode", "custom", "ka");
  vl_ensure (as (p), NULL, "features/acpi", VL_WEAK, "ka");
}

static void
script_b (struct vl_plugin *p)
{
  vl_set (as (p), vl_append (as (p), NULL, "devices/rng", "kb"), "n", "b", "kb");
  vl_append (as (p), NULL, "devices/rng", "kb2");
  vl_ensure_keyed (as (p), NULL, "cpu/feature", "name=vmx", 0, "kb");
}

static void
script_c (struct vl_plugin *p)
{
  vl_ensure_keyed (as (p), NULL, "cpu/feature", "name=avx", 0, "kc");
  vl_set (as (p), vl_ensure (as (p), NULL, "cpu", 0, "kc"), "mode", "custom", "kc");
  vl_forbid (as (p), "features/acpi", "kc");
}

static void
script_d (struct vl_plugin *p)
{
  vl_set (as (p), vl_ensure_keyed (as (p), NULL, "cpu/feature", "name=vmx", 0, "kd"), "policy",
          "require", "kd");
  vl_set_default (as (p), vl_ensure (as (p), NULL, "cpu", 0, "kd"), "check", "none", "kd");
  vl_ensure (as (p), NULL, "features/pmu", 0, "kd");
}

/* With FIGHT they also disagree, each in its own way. */
static const char *
run_scripts (const int *order, int fight)
{
  static void (*const scripts[]) (struct vl_plugin *) = { script_a, script_b, script_c, script_d };
  static const char *const names[] = { "a", "b", "c", "d" };
  VL_AUTOSTR struct vl_str text = { 0 };
  const char *xml;
  char *copy;

  teardown ();
  loom_start (&loom);
  for (int i = 0; i < 4; i++) {
    struct vl_plugin *p = LOOM_WRITER (&loom, names[order[i]], "cpu", "devices/rng", "features");

    scripts[order[i]](p);
    if (fight) {
      vl_set (as (p), vl_ensure (as (p), NULL, "cpu", 0, NULL), "fight", names[order[i] / 2],
              names[order[i]]);
      if (order[i] % 2)
        vl_append (as (p), NULL, "features/odd", names[order[i]]);
      else
        vl_ensure (as (p), NULL, "features/odd", 0, names[order[i]]);
    }
  }
  xml = loom_seal (&loom);
  vl_str_printf (&text, "%s%s%s", xml ? xml : "", loom_findings (&loom),
                 xml ? loom_provenance (&loom) : "");
  copy = text.text;
  text.text = NULL;
  return copy;
}

START_TEST (any_order_gives_the_same_bytes)
{
  const char *first = NULL;
  int runs = 0;

  for (int n = 0; n < 256; n++) {
    int order[4] = { n & 3, n >> 2 & 3, n >> 4 & 3, n >> 6 };
    const char *text;

    if (1u << order[0] ^ 1u << order[1] ^ 1u << order[2] ^ 1u << order[3] ^ 15u)
      continue;
    text = run_scripts (order, _i);
    if (first == NULL)
      first = text;
    ck_assert_str_eq (text, first);
    if (text != first)
      free ((void *)text);
    runs++;
  }
  ck_assert_int_eq (runs, 24);
  if (_i) {
    ck_assert_ptr_nonnull (strstr (first, "'a' by a (a) and b (b), 'b' by c (c) and d (d)"));
    ck_assert_ptr_nonnull (
        strstr (first, "made in more than one way: vl_ensure by a (a), vl_append by b (b)"));
  } else {
    ck_assert_ptr_null (strstr (first, "acpi"));
    ck_assert_ptr_nonnull (strstr (first, "<feature name='vmx' policy='require'/>"));
  }
  free ((void *)first);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("doc");
  TCase *tests = tcase_create ("doc");
  SRunner *runner;
  int failed;

  tcase_add_checked_fixture (tests, setup, teardown);
  tcase_add_test (tests, ensure_makes_parents_and_never_a_second);
  tcase_add_test (tests, equal_values_make_co_owners);
  tcase_add_test (tests, different_values_conflict);
  tcase_add_test (tests, texts_conflict_too);
  tcase_add_test (tests, a_default_yields);
  tcase_add_test (tests, two_defaults_conflict);
  tcase_add_test (tests, keyed_elements);
  tcase_add_test (tests, a_key_cannot_be_changed);
  tcase_add_test (tests, bad_keys);
  tcase_add_test (tests, lists_are_ordered_by_owner);
  tcase_add_test (tests, head_of_the_domain);
  tcase_add_test (tests, a_path_is_one_kind_of_thing);
  tcase_add_loop_test (tests, text_stays_text, 0, 9);
  tcase_add_loop_test (tests, what_xml_cannot_carry, 0, 8);
  tcase_add_test (tests, provenance_rows);
  tcase_add_loop_test (tests, any_order_gives_the_same_bytes, 0, 2);
  suite_add_tcase (suite, tests);
  runner = srunner_create (suite);
  srunner_set_tap (runner, "-");
  srunner_run_all (runner, CK_SILENT);
  failed = srunner_ntests_failed (runner);
  srunner_free (runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
