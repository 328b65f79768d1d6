/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The document: making, values, order, provenance; text that tries to
 * be markup; the same bytes whatever the order of the writers. */

#include <config.h>

#include "loom.h"

#include "domain/node.h"

#include <check.h>

static struct loom loom;

#define by(...) loom_in (&loom, __VA_ARGS__)
#define put(...) LOOM_SET (&loom, __VA_ARGS__)
#define put_text(...) LOOM_TEXT (&loom, __VA_ARGS__)

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
  struct vl_node *kvm = vl_ensure (as (a), "features/kvm", NULL);

  ck_assert_ptr_eq (vl_ensure (as (b), "features/kvm", NULL)->element, kvm->element);
  ck_assert_str_eq (vl_node_name (kvm), "kvm");
  ck_assert_ptr_eq (vl_ensure_in (by (b, kvm, NULL), "hidden")->element,
                    vl_ensure (as (a), "features/kvm/hidden", NULL)->element);
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

  ck_assert_int_eq (put (b, vl_ensure (as (b), "cpu", "key-b"), "mode", "custom", "key-b"), 0);
  ck_assert_int_eq (put (a, vl_ensure (as (a), "cpu", "key-a"), "mode", "custom", "key-a"), 0);
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

  put (b, vl_ensure (as (b), "cpu", NULL), "mode", "host-model", "key-b");
  put (a, vl_ensure (as (a), "cpu", NULL), "mode", "custom", "key-a");
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

  put_text (NULL, vl_ensure (as (NULL), "os/loader", NULL), "/one", "here");
  put_text (a, vl_ensure (as (a), "os/loader", NULL), "/two", "there");
  ck_assert_ptr_null (loom_seal (&loom));
  ck_assert_str_eq (loom_findings (&loom),
                    "error Conflict core: '/domain/os/loader' is wanted as '/one' by "
                    "core (here), '/two' by a (there)\n" HINT_CHANGE);
}
END_TEST

START_TEST (a_default_yields)
{
  struct vl_plugin *a = LOOM_WRITER (&loom, "a", "x"), *b = LOOM_WRITER (&loom, "b", "x");
  struct vl_node *x = vl_ensure (as (a), "x", NULL);

  vl_set_default (by (a, x, "default"), "weak", "1");
  put (b, x, "weak", "2", "asked");
  put (b, x, "first", "2", "asked");
  vl_set_default (by (a, x, "default"), "first", "1");
  vl_set_default (by (a, x, "default"), "alone", "1");
  vl_set_default (by (b, x, "default"), "alone", "1");
  ck_assert_str_eq (loom_seal (&loom),
                    "<domain>\n  <x alone='1' first='2' weak='2'/>\n</domain>\n");
}
END_TEST

START_TEST (two_defaults_conflict)
{
  struct vl_plugin *a = LOOM_WRITER (&loom, "a", "x"), *b = LOOM_WRITER (&loom, "b", "x");
  struct vl_node *x = vl_ensure (as (a), "x", NULL);

  vl_set_default (by (a, x, "p"), "y", "1");
  vl_set_default (by (b, x, "q"), "y", "2");
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
      vl_keyed (as (a), "devices/controller", NULL, "type", "usb", "index", "2", NULL);

  ck_assert_ptr_eq (
      vl_keyed (as (b), "devices/controller", NULL, "index", "2", "type", "usb", NULL)->element,
      two->element);
  vl_keyed (as (a), "devices/controller", NULL, "type", "usb", "index", "10", NULL);
  put (b, two, "model", "nec-xhci", NULL);
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
  struct vl_node *vmx = vl_keyed (as (a), "cpu/feature", "k", "name", "vmx", NULL);

  put (a, vmx, "name", "svm", "k");
  ck_assert_ptr_null (loom_seal (&loom));
  ck_assert_ptr_nonnull (
      strstr (loom_findings (&loom), "'/domain/cpu/feature[name=vmx]/@name' is wanted as"));
}
END_TEST

#define MANY(n) "a" #n, "1", "b" #n, "1", "c" #n, "1"

START_TEST (bad_keys)
{
  struct vl_plugin *a = LOOM_WRITER (&loom, "a", "cpu/feature");
  struct vl_node *bad[] = {
    vl_keyed (as (a), "cpu/feature", NULL, "", "x", NULL),
    vl_keyed (as (a), "cpu/feature", NULL, "na me", "x", NULL),
    vl_keyed (as (a), "cpu/feature", NULL, "<a", "1", NULL),
    vl_keyed (as (a), "cpu/feature", NULL, "b", "1", "c", NULL),
    vl_keyed (as (a), "cpu/feature", NULL, "d", "1", "d", "2", NULL),
    vl_keyed (as (a), "cpu/feature", NULL, MANY (1), MANY (2), MANY (3), NULL),
  };

  ck_assert_uint_eq (loom.call->findings.n, 6);
  ck_assert_str_eq (loom.call->findings.items[3].message,
                    "vl_keyed of 'cpu/feature': 'c' = 'NULL' is no part of a key; accepted: up to "
                    "8 pairs of the name of an attribute and its value");
  for (size_t i = 0; i < 6; i++) {
    ck_assert_str_eq (loom.call->findings.items[i].code, "PluginFault");
    ck_assert_int_eq (vl_set (bad[i], "policy", "require"), -1);
  }
  vl_keyed (as (a), "cpu/feature", NULL, NULL, NULL, NULL);
  ck_assert_str_eq (loom.call->findings.items[6].message,
                    "vl_keyed of 'cpu/feature' is called without a key");
  ck_assert_uint_eq (loom.call->findings.n, 7);
}
END_TEST

/* What a key says is data: no mark in it means anything. */
static const struct {
  const char *value, *shown;
} key_values[] = {
  { "0-1,4-5", "'0-1,4-5'" }, { "a=b", "a=b" },
  { "a'b", "'a''b'" },        { "\"a\"", "'\"a\"'" },
  { "x][y", "'x][y'" },       { "", "''" },
  { "/dev/x", "/dev/x" },     { "it's \"both\", [a=b]", "'it''s \"both\", [a=b]'" },
};

START_TEST (keys_are_data)
{
  struct vl_plugin *a = LOOM_WRITER (&loom, "a", "cputune/vcpusched");
  const char *value = key_values[_i].value, *path;
  struct vl_node *one = vl_keyed (as (a), "cputune/vcpusched", "k", "vcpus", value, NULL);

  vl_keyed (as (a), "cputune/vcpusched", "k", "vcpus", "other", NULL);
  ck_assert_ptr_eq (vl_keyed (as (a), "cputune/vcpusched", "k", "vcpus", value, NULL)->element,
                    one->element);
  ck_assert_ptr_nonnull (loom_seal (&loom));
  path = vl_printf (loom.call, "/domain/cputune/vcpusched[vcpus=%s]", key_values[_i].shown);
  ck_assert_str_eq (vl_element_path (loom.call->arena, one->element, NULL), path);
  loom_as (&loom, a, VL_PHASE_CHECK);
  ck_assert_str_eq (vl_get (vl_domain (loom.call),
                            vl_printf (loom.call, "%s/@vcpus", path + strlen ("/domain/"))),
                    value);
  ck_assert_str_eq (loom_findings (&loom), "");
}
END_TEST

/* ---- reasons ---- */

START_TEST (nodes_remember_why)
{
  struct vl_plugin *a = LOOM_WRITER (&loom, "a", "x");
  struct vl_node *x = vl_ensure (as (a), "x", "made");

  vl_set (x, "a", "1");
  vl_set_why (x, "b", "2", "named");
  vl_set_int (vl_because (x, "because"), "c", -3);
  vl_text (vl_append_in (x, "y"), "below");
  vl_text_int (vl_keyed_in (x, "z", "k", "v", NULL), 7);
  vl_text_why (vl_ensure_in (vl_because (x, NULL), "w"), "t", "other");
  ck_assert_ptr_nonnull (loom_seal (&loom));
  ck_assert_str_eq (loom_provenance (&loom), "/domain  <- core, always\n"
                                             "/domain/x  <- a, made\n"
                                             "/domain/x/@a = 1  <- a, made\n"
                                             "/domain/x/@b = 2  <- a, named\n"
                                             "/domain/x/@c = -3  <- a, because\n"
                                             "/domain/x/w = t  <- a, other\n"
                                             "/domain/x/y[1] = below  <- a, made\n"
                                             "/domain/x/z[k=v] = 7  <- a, made\n"
                                             "/domain/x/z[k=v]/@k = v  <- a, made\n");
  ck_assert_str_eq (loom_findings (&loom), "");
}
END_TEST

START_TEST (no_value_and_no_path)
{
  struct vl_node *domain = vl_domain (as (NULL));

  ck_assert_int_eq (vl_set_from (domain, "type", "guest.kernel"), -1);
  ck_assert_int_eq (vl_text_from (domain, "guest.kernel"), -1);
  ck_assert_int_eq (vl_set (domain, NULL, "x"), -1);
  ck_assert_int_eq (vl_set (vl_ensure (loom.call, NULL, NULL), "x", "y"), -1);
  ck_assert_int_eq (vl_forbid (loom.call, NULL, NULL), -1);
  ck_assert_str_eq (
      loom_findings (&loom),
      "error PluginFault core: vl_set_from is called with no value\n"
      "error PluginFault core: vl_text_from is called with no value\n"
      "error PluginFault core: vl_set is called with a name that no attribute can have\n"
      "error PluginFault core: vl_ensure is called without a path\n"
      "error PluginFault core: vl_forbid: 'NULL' is not a path of element names, divided by '/', "
      "each with or without [attribute=value,...]\n");
}
END_TEST

START_TEST (what_swallows_takes_all_that_is_written)
{
  struct vl_plugin *a = LOOM_WRITER (&loom, "a", "devices/rng");
  struct vl_node *node = vl_append (as (a), "devices/shmem", NULL);

  ck_assert_int_eq (vl_set_from (node, "x", "guest.kernel"), -1);
  ck_assert_int_eq (vl_text_from (vl_ensure_in (node, "size"), "guest.kernel"), -1);
  ck_assert_str_eq (loom_findings (&loom),
                    "error PluginFault a: 'a' writes '/domain/devices/shmem', which is not in its "
                    "writes table\n  list 'devices/shmem' (or an element above it) in the "
                    "feature's `writes`\n");
}
END_TEST

START_TEST (lists_are_ordered_by_owner)
{
  struct vl_plugin *a = LOOM_WRITER (&loom, "a", "devices/rng"),
                   *b = LOOM_WRITER (&loom, "b", "devices/rng");

  put (b, vl_append (as (b), "devices/rng", NULL), "n", "b1", NULL);
  put (a, vl_append (as (a), "devices/rng", NULL), "n", "a1", NULL);
  put (b, vl_append (as (b), "devices/rng", NULL), "n", "b2", NULL);
  put (NULL, vl_append (as (NULL), "devices/rng", NULL), "n", "core", NULL);
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
    vl_ensure (as (NULL), names[i], NULL);
  vl_ensure (as (NULL), "cpu/alpha", NULL);
  vl_ensure (as (NULL), "cpu/uuid", NULL);
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

  vl_append (as (c), "devices/rng", "list");
  vl_ensure (as (b), "devices/rng", "single");
  vl_keyed (as (a), "devices/rng", "keyed", "model", "virtio", NULL);
  ck_assert_ptr_null (loom_seal (&loom));
  ck_assert_str_eq (
      loom_findings (&loom),
      "error Conflict b: '/domain/devices/rng' is made in more than one way: vl_ensure by b "
      "(single), vl_keyed by a (keyed), vl_append by c (list)\n"
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

  put_text (NULL, vl_ensure (as (NULL), "name", NULL), text, NULL);
  put (NULL, vl_ensure (as (NULL), "title", NULL), "is", text, NULL);
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

  ck_assert_int_eq (put (NULL, NULL, "type", rows[_i].text, "guest.name"), -1);
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

  put_text (NULL, vl_ensure (as (NULL), "name", "uuid=1 (request)"), "vl-1", "uuid=1 (request)");
  put (a, vl_ensure (as (a), "features/kvm/hidden", "hide"), "state", "on", "hide");
  vl_ensure (as (b), "features/pmu", "pmu");
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

START_TEST (provenance_for_the_record)
{
  static const struct vl_write guarded[] = { { .path = "x/name[b='2,3']", .flags = VL_GUARDED },
                                             { .path = "x/y/@k", .flags = VL_GUARDED },
                                             { .path = "x" } };
  static const struct vl_feature feature = { .writes = VL_TABLE (guarded) };
  struct vl_plugin *a = loom_feature (&loom, "a", &feature);
  struct vl_node *disk = vl_append (as (NULL), "x/y", "core"), *name;
  const struct vl_provenance *rows;
  size_t n;

  vl_node_describe (disk, "root");
  vl_set (disk, "k", "v");
  name = vl_keyed (as (a), "x/name", "why", "a,", "1", NULL);
  ck_assert_int_eq (vl_set (name, "x", "y"), -1); /* "a," is no attribute */
  name = vl_keyed (as (a), "x/name", "why", "b", "2,3", "a", "1", NULL);
  vl_text (name, "text");
  vl_findings_drop (loom.call, 0, loom.call->findings.n);
  ck_assert_ptr_nonnull (loom_seal (&loom));
  rows = vl_doc_provenance (loom.call, loom.build.doc, loom.registry, loom.build.guest, 1, &n);
  ck_assert_uint_eq (n, 8);
  ck_assert_str_eq (rows[2].path, "/domain/x/name[a=1,b='2,3']");
  ck_assert_int_eq (rows[2].part, VL_PART_ELEMENT);
  ck_assert_uint_eq (rows[2].n_keys, 2);
  ck_assert_str_eq (rows[2].keys[1].value, "2,3");
  ck_assert_int_eq (rows[2].guarded, 1);
  ck_assert_ptr_null (rows[2].device);
  ck_assert_str_eq (rows[3].path, rows[2].path);
  ck_assert_int_eq (rows[3].part, VL_PART_TEXT);
  ck_assert_str_eq (rows[3].value, "text");
  ck_assert_int_eq (rows[4].part, VL_PART_ATTRIBUTE);
  ck_assert_str_eq (rows[6].path, "/domain/x/y[1]");
  ck_assert_str_eq (rows[6].device, "root");
  ck_assert_int_eq (rows[6].guarded, 0);
  ck_assert_str_eq (rows[7].device, "root");
  ck_assert_int_eq (rows[7].guarded, 1); /* what the core wrote is guarded too */
}
END_TEST

/* ---- order ---- */

static void
script_a (struct vl_plugin *p)
{
  put (p, vl_append (as (p), "devices/rng", "ka"), "n", "a", "ka");
  put (p, vl_ensure (as (p), "cpu", "ka"), "mode", "custom", "ka");
  vl_ensure_weak (as (p), "features/acpi", "ka");
}

static void
script_b (struct vl_plugin *p)
{
  put (p, vl_append (as (p), "devices/rng", "kb"), "n", "b", "kb");
  vl_append (as (p), "devices/rng", "kb2");
  vl_keyed (as (p), "cpu/feature", "kb", "name", "vmx", NULL);
}

static void
script_c (struct vl_plugin *p)
{
  vl_keyed (as (p), "cpu/feature", "kc", "name", "avx", NULL);
  put (p, vl_ensure (as (p), "cpu", "kc"), "mode", "custom", "kc");
  vl_forbid (as (p), "features/acpi", "kc");
}

static void
script_d (struct vl_plugin *p)
{
  put (p, vl_keyed (as (p), "cpu/feature", "kd", "name", "vmx", NULL), "policy", "require", "kd");
  vl_set_default (vl_ensure (as (p), "cpu", "kd"), "check", "none");
  vl_ensure (as (p), "features/pmu", "kd");
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
      put (p, vl_ensure (as (p), "cpu", NULL), "fight", names[order[i] / 2], names[order[i]]);
      if (order[i] % 2)
        vl_append (as (p), "features/odd", names[order[i]]);
      else
        vl_ensure (as (p), "features/odd", names[order[i]]);
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
  tcase_add_loop_test (tests, keys_are_data, 0, (int)(sizeof key_values / sizeof key_values[0]));
  tcase_add_test (tests, nodes_remember_why);
  tcase_add_test (tests, no_value_and_no_path);
  tcase_add_test (tests, what_swallows_takes_all_that_is_written);
  tcase_add_test (tests, lists_are_ordered_by_owner);
  tcase_add_test (tests, head_of_the_domain);
  tcase_add_test (tests, a_path_is_one_kind_of_thing);
  tcase_add_loop_test (tests, text_stays_text, 0, 9);
  tcase_add_loop_test (tests, what_xml_cannot_carry, 0, 8);
  tcase_add_test (tests, provenance_rows);
  tcase_add_test (tests, provenance_for_the_record);
  tcase_add_loop_test (tests, any_order_gives_the_same_bytes, 0, 2);
  suite_add_tcase (suite, tests);
  runner = srunner_create (suite);
  srunner_set_tap (runner, "-");
  srunner_run_all (runner, CK_SILENT);
  failed = srunner_ntests_failed (runner);
  srunner_free (runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
