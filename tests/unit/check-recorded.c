/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What is kept of a guest and comes back: its document, whoever of its owners is
 * there; its values; what its devices are called.  And what two documents differ in. */

#include <config.h>

#include "domain/node.h"
#include "loom.h"
#include "request/recorded.h"

#include <check.h>

static struct loom loom;
/* Of builds whose guests are still looked at. */
static struct vl_request *requests[8];
static size_t n_requests;

static void
setup (void)
{
  loom_start (&loom);
  vl_host_set (loom.host, "host.arch", "x86_64");
  vl_host_set (loom.host, "guest.x86_64.emulator", "/usr/bin/qemu");
}

static void
teardown (void)
{
  while (n_requests)
    vl_request_free (requests[--n_requests]);
  loom_end (&loom);
}

/* ---- documents ---- */

static const struct vl_provenance *
rows_of (const struct vl_doc *doc, size_t *n)
{
  return vl_doc_provenance (loom.call, doc, loom.registry, loom.build.guest, 1, n);
}

/* A single, keyed and listed elements, attributes, text, and odd characters. */
static const struct vl_doc *
write_document (struct vl_plugin *a, struct vl_plugin *b)
{
  struct vl_node *node;

  loom_as (&loom, a, VL_PHASE_CONTRIBUTE);
  node = vl_append (loom.call, "devices/panic", "why & how");
  vl_set (node, "model", "isa");
  node = vl_keyed (loom.call, "devices/entry", NULL, "name", "a, 'b'/[c]", "kind", "x", NULL);
  vl_text (node, "<text> & \"more\"\n");
  loom_as (&loom, b, VL_PHASE_CONTRIBUTE);
  vl_set (vl_append (loom.call, "devices/panic", NULL), "model", "hyperv");
  vl_text_why (vl_ensure (loom.call, "features/pae", NULL), "on", "b.prop");
  ck_assert_ptr_nonnull (loom_seal (&loom));
  return loom.build.doc;
}

START_TEST (a_document_comes_back)
{
  struct vl_plugin *a = LOOM_WRITER (&loom, "a", "devices", "features");
  struct vl_plugin *b = LOOM_WRITER (&loom, "b", "devices", "features");
  const struct vl_doc *doc = write_document (a, b);
  size_t n, again;
  const struct vl_provenance *rows = rows_of (doc, &n), *loaded_rows;
  struct vl_doc *loaded;

  /* B is gone. */
  loom.registry->n--;
  loaded = vl_doc_load (loom.call, loom.registry, vl_doc_xml (doc), rows, n);
  ck_assert_msg (loaded != NULL, "%s", loom_findings (&loom));
  ck_assert_str_eq (vl_doc_xml (loaded), vl_doc_xml (doc));
  loaded_rows = vl_doc_provenance (loom.call, loaded, loom.registry, NULL, 1, &again);
  ck_assert_uint_eq (again, n);
  for (size_t i = 0; i < n; i++) {
    ck_assert_str_eq (loaded_rows[i].path, rows[i].path);
    ck_assert_pstr_eq (loaded_rows[i].value, rows[i].value);
    ck_assert_str_eq (loaded_rows[i].owners, rows[i].owners);
    ck_assert_str_eq (loaded_rows[i].cause, rows[i].cause);
    ck_assert_int_eq (loaded_rows[i].part, rows[i].part);
    ck_assert_uint_eq (loaded_rows[i].n_keys, rows[i].n_keys);
  }
  ck_assert_int_eq (vl_doc_read_back (loom.call, loaded, vl_doc_xml (doc), 1), 0);
  ck_assert_int_eq (vl_doc_read_back (loom.call, loaded, "<domain/>", 1), -1);
  ck_assert_ptr_nonnull (strstr (loom_findings (&loom),
                                 "error ReadBackMismatch b: '/domain/features' is missing from the "
                                 "running domain; written by b\n"));
  vl_doc_free (loaded);
}
END_TEST

START_TEST (a_damaged_document_is_refused)
{
  struct vl_plugin *a = LOOM_WRITER (&loom, "a", "devices", "features");
  const struct vl_doc *doc = write_document (a, a);
  static const char said[] =
      "error StoreDamaged core: the document on record is damaged: its parts do not make up its "
      "XML\n  put a copy of STATE back, or give the server up: virtloom server delete --force\n";
  size_t n;
  struct vl_provenance *rows = (struct vl_provenance *)rows_of (doc, &n);

  for (int way = 0; way < 3; way++) {
    struct vl_provenance saved = rows[2];

    vl_findings_drop (loom.call, 0, loom.call->findings.n);
    if (way == 0)
      rows[2].path = "/domain/elsewhere/below";
    else if (way == 1)
      rows[2].part = VL_PART_TEXT;
    ck_assert_ptr_null (
        vl_doc_load (loom.call, loom.registry, vl_doc_xml (doc), rows, way == 2 ? n - 1 : n));
    ck_assert_str_eq (loom_findings (&loom), said);
    rows[2] = saved;
  }
}
END_TEST

START_TEST (a_document_of_xml_alone)
{
  static const char xml[] = "<domain type='kvm' xmlns:qemu='urn:q'>\n"
                            "  <a x='1'>text</a>\n"
                            "  <b><c y='&lt;'/><c/></b>\n"
                            "  <qemu:arg value='-x'/>\n"
                            "</domain>\n";
  struct vl_doc *loaded = vl_doc_load (loom.call, loom.registry, xml, NULL, 0);
  VL_AUTOSTR struct vl_str text = { 0 };
  const struct vl_provenance *rows;
  size_t n;

  ck_assert_ptr_nonnull (loaded);
  ck_assert_str_eq (vl_doc_xml (loaded), xml);
  rows = vl_doc_provenance (loom.call, loaded, loom.registry, NULL, 0, &n);
  for (size_t i = 0; i < n; i++)
    vl_str_printf (&text, "%s%s%s\n", rows[i].path, rows[i].value ? " = " : "",
                   rows[i].value ? rows[i].value : "");
  ck_assert_str_eq (text.text, "/domain\n/domain/@xmlns:qemu = urn:q\n/domain/@type = kvm\n"
                               "/domain/a = text\n/domain/a/@x = 1\n/domain/b\n"
                               "/domain/b/c[1]\n/domain/b/c[1]/@y = <\n/domain/b/c[2]\n"
                               "/domain/qemu:arg\n/domain/qemu:arg/@value = -x\n");
  ck_assert_str_eq (rows[3].owners, "unknown");
  ck_assert_int_eq (vl_doc_read_back (loom.call, loaded, xml, 1), 0);
  vl_doc_free (loaded);
  ck_assert_ptr_null (vl_doc_load (loom.call, loom.registry, "<domain", NULL, 0));
}
END_TEST

/* ---- differences ---- */

/* "+path=value -path=value ~path=was>is", in order, of XML documents. */
static const char *
difference (const char *a, const char *b)
{
  struct vl_doc *one = vl_doc_load (loom.call, loom.registry, a, NULL, 0);
  struct vl_doc *two = vl_doc_load (loom.call, loom.registry, b, NULL, 0);
  const struct vl_provenance *rows, *others;
  VL_AUTOSTR struct vl_str text = { 0 };
  struct vl_change *changes;
  size_t n;

  rows = vl_doc_provenance (loom.call, one, loom.registry, NULL, 1, &n);
  others = vl_doc_provenance (loom.call, two, loom.registry, NULL, 1, &n);
  vl_doc_difference (loom.call, one, rows, two, others, &changes, &n);
  vl_str_add (&text, "");
  for (size_t i = 0; i < n; i++) {
    const struct vl_provenance *was = changes[i].was, *is = changes[i].is;

    vl_str_printf (&text, "%s%c%s", i ? " " : "",
                   was && is ? '~'
                   : is      ? '+'
                             : '-',
                   (is ? is : was)->path + sizeof "/domain" - 1);
    if (was && was->value)
      vl_str_printf (&text, "=%s", was->value);
    if (is && is->value)
      vl_str_printf (&text, "%s%s", was ? ">" : "=", is->value);
  }
  vl_doc_free (one);
  vl_doc_free (two);
  return vl_arena_strdup (loom.call->arena, text.text);
}

#define D(text) "<domain>" text "</domain>"

static const struct {
  const char *a, *b, *changes;
} differences[] = {
  { D ("<a x='1'>t</a>"), D ("<a x='1'>t</a>"), "" },
  { D ("<a x='1' y='2'/>"), D ("<a x='3' z='2'/>"), "~/a/@x=1>3 -/a/@y=2 +/a/@z=2" },
  { D ("<a>t</a>"), D ("<a>u</a>"), "~/a=t>u" },
  { D ("<a>t</a>"), D ("<a/>"), "-/a=t" },
  { D ("<a/>"), D ("<a>t</a>"), "+/a=t" },
  { D ("<a/>"), D ("<b><c v='1'>t</c></b>"), "-/a +/b +/b/c=t +/b/c/@v=1" },
  /* Of a list what is the same stays the same, and what is left goes by order. */
  { D ("<a v='1'/><a v='2'/><a v='3'/>"), D ("<a v='1'/><a v='3'/>"), "-/a[2] -/a[2]/@v=2" },
  { D ("<a v='1'/><a v='2'/>"), D ("<a v='0'/><a v='1'/><a v='3'/>"),
    "~/a[1]/@v=2>0 +/a[3] +/a[3]/@v=3" },
  { D ("<a v='1'/>"), D ("<a v='1'/><a v='2'/>"), "+/a[2] +/a[2]/@v=2" },
};

START_TEST (what_differs)
{
  ck_assert_str_eq (difference (differences[_i].a, differences[_i].b), differences[_i].changes);
}
END_TEST

/* ---- devices ---- */

#define VOLUME(uuid)                                                                               \
  "{\"source_type\": \"volume\", \"destination_type\": \"volume\", \"uuid\": \"" uuid              \
  "\", \"path\": \"/v/" uuid "\", \"format\": \"raw\"}"
#define ONE "11111111-2222-3333-4444-000000000001"
#define TWO "11111111-2222-3333-4444-000000000002"
#define NEW "11111111-2222-3333-4444-000000000003"
#define ROOT "{\"source_type\": \"image\", \"destination_type\": \"local\", \"boot_index\": 0}"

/* A guest with these volumes and networks. */
static const char *
build (const char *volumes, const char *networks)
{
  const char *xml;

  if (loom.driver == NULL)
    loom_driver (&loom, "kvm");
  xml = loom_build (
      &loom, vl_printf (loom.call,
                        "{\"name\": \"n\", \"uuid\": \"fb30f09b-e4c3-51b0-ac98-dc74eae73def\","
                        " \"flavor\": {\"name\": \"f\", \"vcpus\": 1, \"ram\": 512, \"disk\": 1},"
                        " \"image\": {\"name\": \"i\", \"disk_format\": \"qcow2\"},"
                        " \"block_devices\": [" ROOT "%s], \"networks\": [%s]}",
                        volumes, networks));

  ck_assert_msg (xml != NULL, "%s", loom_findings (&loom));
  requests[n_requests++] = loom.request;
  loom.request = NULL;
  return xml;
}

/* "id=dev" of each disk, "id=mac" of each NIC, and all that is called "tap...". */
static const char *
devices (const char *xml)
{
  VL_AUTOSTR struct vl_str text = { 0 };
  const struct vl_guest *guest = loom.build.guest;

  vl_str_add (&text, "");
  for (size_t i = 0; i < guest->n_disks; i++)
    vl_str_printf (&text, "%.*s=%s ", 8, guest->disks[i].id + strlen (guest->disks[i].id) / 2,
                   guest->disks[i].dev);
  for (size_t i = 0; i < guest->n_nics; i++)
    vl_str_printf (&text, "%s=%s ", guest->nics[i].id, guest->nics[i].mac);
  for (const char *tap = xml; (tap = strstr (tap, "'tap")) != NULL; tap++)
    vl_str_printf (&text, "%.14s ", tap + 1);
  return vl_arena_strdup (loom.call->arena, text.text);
}

/* What is now built is on record from now on, with ADDRESS for each device. */
static void
record (const char *address)
{
  const struct vl_guest *guest = loom.build.guest;
  struct vl_recorded *was = vl_arena_alloc (loom.call->arena, sizeof *was);

  was->devices =
      vl_arena_alloc (loom.call->arena, (guest->n_disks + guest->n_nics) * sizeof *was->devices);
  for (size_t i = 0; i < guest->n_disks; i++)
    was->devices[was->n_devices++] =
        (struct vl_recorded_device) { .disk = guest->disks[i], .address = address };
  for (size_t i = 0; i < guest->n_nics; i++) {
    was->devices[was->n_devices++] =
        (struct vl_recorded_device) { .is_nic = 1, .nic = guest->nics[i], .address = address };
  }
  was->props = vl_arena_alloc (loom.call->arena, 2 * sizeof *was->props);
  was->props[was->n_props++] =
      (struct vl_recorded_prop) { VL_GUEST_ARCH, "", "string", "x86_64", NULL };
  was->props[was->n_props++] =
      (struct vl_recorded_prop) { VL_GUEST_MACHINE, "", "string",
                                  vl_guest_find (guest, VL_GUEST_MACHINE)->value.text, NULL };
  loom.was = was;
}

START_TEST (devices_keep_what_they_are_called)
{
  const char *first = devices (
      build ("," VOLUME (ONE) "," VOLUME (TWO), "{\"bridge\": \"b\"}, {\"bridge\": \"b\"}"));
  const char *mac = strstr (first, "nic1="), *taps = strstr (first, "tap"), *after;

  ck_assert_ptr_nonnull (strstr (first, "vdc"));
  record (NULL);
  /* The first volume and the first NIC go. */
  after = devices (build ("," VOLUME (TWO), "{\"bridge\": \"b\", \"id\": \"nic1\"}"));
  ck_assert_ptr_nonnull (strstr (after, "vdc"));
  ck_assert_ptr_null (strstr (after, "vdb"));
  ck_assert_ptr_nonnull (strstr (after, vl_printf (loom.call, "%.22s", mac)));
  ck_assert_str_eq (strstr (after, "tap"), taps + strlen ("tapxxxxxxxx-xx "));
  record (NULL);
  /* Others come: nothing that is there moves. */
  after = devices (build ("," VOLUME (NEW) "," VOLUME (TWO),
                          "{\"bridge\": \"b\"}, {\"bridge\": \"b\", \"id\": \"nic1\"}"));
  ck_assert_ptr_nonnull (strstr (after, "=vda "));
  ck_assert_ptr_nonnull (strstr (strstr (after, "=vdb "), "=vdc "));
  ck_assert_ptr_nonnull (strstr (after, vl_printf (loom.call, "%.22s", mac)));
  ck_assert_ptr_nonnull (strstr (after, taps + strlen ("tapxxxxxxxx-xx ")));
}
END_TEST

START_TEST (addresses_are_seen_and_given_back)
{
  static const char address[] = "  <address bus='0x00' domain='0x0000' function='0x0' slot='0x05' "
                                "type='pci'/>\n";
  const char *xml = build ("", ""), *live, *end = strstr (xml, "</disk>");

  ck_assert_ptr_null (strstr (xml, "<address"));
  live = vl_printf (loom.call, "%.*s%s%s", (int)(end - xml), xml, address, end);
  ck_assert_int_eq (vl_doc_read_back (loom.call, loom.build.doc, live, 0), 0);
  ck_assert_ptr_null (loom.call->addresses);
  ck_assert_int_eq (vl_doc_read_back (loom.call, loom.build.doc, live, 1), 0);
  ck_assert_ptr_nonnull (loom.call->addresses);
  ck_assert_str_eq (loom.call->addresses->device, "root");
  ck_assert_str_eq (loom.call->addresses->text,
                    "type=pci bus=0x00 domain=0x0000 function=0x0 slot=0x05");
  ck_assert_ptr_null (loom.call->addresses->next);
  record (loom.call->addresses->text);
  ck_assert_ptr_nonnull (strstr (build ("", ""), address + 2));
  ck_assert_ptr_nonnull (strstr (loom_provenance (&loom),
                                 "/domain/devices/disk[1]/address/@slot = 0x05  <- core, "
                                 "the hypervisor's choice\n"));
  /* Another machine has other places. */
  ((struct vl_recorded *)loom.was)->props[1].value = "another";
  ck_assert_ptr_null (strstr (build ("", ""), "<address"));
}
END_TEST

/* ---- values ---- */

static const char *const levels[] = { "low", "high", NULL };
static const struct vl_prop rows_of_then[] = {
  { .name = "number", .type = VL_INT },
  { .name = "many", .type = VL_INT, .flags = VL_INDEXED },
  { .name = "level", .type = VL_CHOICE, .choices = levels },
  { .name = "new", .type = VL_STRING, .deflt = "x" },
};

static struct vl_recorded_prop values[] = {
  { "f.gone", "", "bool", "true", NULL },
  { "f.level", "", "choice", "high", "a:level=high (flavor)" },
  { "f.many", "", "int.N", "4 5", "many" },
  { "f.number", "", "int", "7", "a:number=7 (flavor)" },
};
static struct vl_recorded_feature features[] = { { "f", "1.0", "permit", "f.level" } };
static struct vl_entry keys[] = {
  { .key = "trait:CUSTOM_X", .value = "required", .layer = VL_LAYER_FLAVOR },
  { .key = "no such key", .value = "", .layer = VL_LAYER_FLAVOR }
};

START_TEST (a_guest_comes_back)
{
  const struct vl_feature feature = { .version = "2.0", .props = VL_TABLE (rows_of_then) };
  struct vl_plugin *f = loom_feature (&loom, "f", &feature);
  struct vl_disk disk = { .id = "root", .dev = "vda" };
  struct vl_recorded_device device = { .disk = disk };
  struct vl_recorded was = { .props = values,
                             .n_props = 4,
                             .features = features,
                             .n_features = 1,
                             .keys = keys,
                             .n_keys = 2,
                             .devices = &device,
                             .n_devices = 1 };
  struct vl_guest *guest;

  f->version = "2.0";
  ck_assert_int_eq (vl_recorded_check (loom.call, loom.registry, &was, NULL, "mend it"), 0);
  guest = vl_guest_load (loom.call, loom.registry, loom.config, NULL, &was, loom.host);
  ck_assert_str_eq (loom_findings (&loom), "");
  for (size_t i = 0; i < loom.registry->n; i++)
    ck_assert_int_eq (guest->active[i], loom.registry->plugins[i] == f);
  loom_as (&loom, f, VL_PHASE_NONE);
  ck_assert_int_eq (vl_int (loom.call, "number"), 7);
  ck_assert_int_eq (vl_item_int (loom.call, "many", 1), 5);
  ck_assert_int_eq (vl_is (loom.call, "level", "high"), 1);
  ck_assert_int_eq (vl_has (loom.call, "new"), 0);
  ck_assert_int_eq (vl_trait (loom.call, "CUSTOM_X", 1u << VL_LAYER_FLAVOR), 1);
  loom_as (&loom, NULL, VL_PHASE_NONE);
  ck_assert_str_eq (vl_disk (loom.call, 0)->dev, "vda");
  ck_assert_str_eq (vl_guest_cause (guest, "f.number", NULL), "a:number=7 (flavor)");
  ck_assert_str_eq (loom_findings (&loom), "");
}
END_TEST

static const struct {
  size_t value;
  const char *type, *text, *said;
} changes[] = {
  { 3, "choice", "7",
    "'f.number' is on record as choice '7', by 'f' 1.0; 'f' 2.0 takes int there" },
  { 2, "int", "4", "'f.many' is on record as int '4', by 'f' 1.0; 'f' 2.0 takes int.N there" },
  { 1, "choice", "middle",
    "'f.level' is on record as choice 'middle', by 'f' 1.0; 'f' 2.0 takes other values there" },
};

START_TEST (a_value_that_is_not_taken_any_more)
{
  const struct vl_feature feature = { .version = "2.0", .props = VL_TABLE (rows_of_then) };
  struct vl_recorded_prop saved = values[changes[_i].value];
  struct vl_recorded was = { .props = values, .n_props = 4, .features = features, .n_features = 1 };

  loom_feature (&loom, "f", &feature)->version = "2.0";
  values[changes[_i].value].type = changes[_i].type;
  values[changes[_i].value].value = changes[_i].text;
  ck_assert_int_eq (vl_recorded_check (loom.call, loom.registry, &was, NULL, "mend it"), -1);
  ck_assert_str_eq (
      loom_findings (&loom),
      vl_printf (loom.call, "error PluginRefused f: %s\n  mend it\n", changes[_i].said));
  ck_assert_int_eq (vl_findings_exit (loom.call, 0), VL_ERR_REFUSED);
  /* It reads as unset. */
  vl_guest_load (loom.call, loom.registry, loom.config, NULL, &was, loom.host);
  loom_as (&loom, loom.registry->plugins[0], VL_PHASE_NONE);
  ck_assert_int_eq (vl_has (loom.call, values[changes[_i].value].name + 2), 0);
  values[changes[_i].value] = saved;
  /* Who was not active is not asked for what it had. */
  vl_findings_drop (loom.call, 0, loom.call->findings.n);
  was.n_features = 0;
  ck_assert_int_eq (vl_recorded_check (loom.call, loom.registry, &was, NULL, "mend it"), 0);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("recorded");
  TCase *tests = tcase_create ("recorded");
  SRunner *runner;
  int failed;

  tcase_add_checked_fixture (tests, setup, teardown);
  tcase_add_test (tests, a_document_comes_back);
  tcase_add_test (tests, a_damaged_document_is_refused);
  tcase_add_test (tests, a_document_of_xml_alone);
  tcase_add_loop_test (tests, what_differs, 0, sizeof differences / sizeof differences[0]);
  tcase_add_test (tests, devices_keep_what_they_are_called);
  tcase_add_test (tests, addresses_are_seen_and_given_back);
  tcase_add_test (tests, a_guest_comes_back);
  tcase_add_loop_test (tests, a_value_that_is_not_taken_any_more, 0,
                       sizeof changes / sizeof changes[0]);
  suite_add_tcase (suite, tests);
  runner = srunner_create (suite);
  srunner_set_tap (runner, "-");
  srunner_run_all (runner, CK_SILENT);
  failed = srunner_ntests_failed (runner);
  srunner_free (runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
