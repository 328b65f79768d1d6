/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The part of the schema that a document can meet judges it as the whole does: a document
 * with much in it, and each that comes of it by taking away, doubling or renaming one thing.
 * What a schema may have that is not understood makes no part. */

#include <config.h>

#include "domain/xml.h"

#include "lib/file.h"

#include <check.h>
#include <libxml/parser.h>
#include <libxml/relaxng.h>

static const char rich[] =
    "<domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>"
    "<name>a</name><uuid>fb30f09b-e4c3-51b0-ac98-dc74eae73def</uuid>"
    "<metadata><vl:server xmlns:vl='urn:v'><vl:name>b</vl:name></vl:server></metadata>"
    "<memory unit='KiB'>524288</memory><vcpu>2</vcpu>"
    "<iothreads>1</iothreads>"
    "<os><type arch='x86_64' machine='pc'>hvm</type><boot dev='hd'/><smbios mode='sysinfo'/></os>"
    "<sysinfo type='smbios'><system><entry name='serial'>1</entry></system></sysinfo>"
    "<features><acpi/><apic/><hyperv mode='custom'><spinlocks state='on' retries='8191'/></hyperv>"
    "<pmu state='off'/></features>"
    "<cpu mode='host-model' match='exact'><topology sockets='2' cores='1' threads='1'/>"
    "<feature policy='require' name='pcid'/></cpu>"
    "<clock offset='utc'><timer name='hpet' present='no'/>"
    "<timer name='rtc' tickpolicy='catchup'/></clock>"
    "<devices><emulator>/usr/bin/qemu</emulator>"
    "<disk type='file' device='disk'><driver name='qemu' type='qcow2' cache='none'/>"
    "<source file='/a'/><backingStore type='file'><format type='raw'/><source file='/b'/>"
    "<backingStore/></backingStore><target dev='vda' bus='virtio'/>"
    "<iotune><total_iops_sec>10</total_iops_sec></iotune></disk>"
    "<disk type='network' device='disk'><driver name='qemu' type='raw'/>"
    "<source protocol='rbd' name='p/i'><host name='h' port='1'/></source>"
    "<auth username='u'><secret type='ceph' uuid='fb30f09b-e4c3-51b0-ac98-dc74eae73def'/></auth>"
    "<target dev='vdb' bus='virtio'/></disk>"
    "<controller type='usb' index='0' model='qemu-xhci'/>"
    "<interface type='bridge'><mac address='52:54:00:00:00:01'/><source bridge='br0'/>"
    "<model type='virtio'/><mtu size='1450'/></interface>"
    "<serial type='pty'><log file='/c' append='off'/></serial>"
    "<channel type='unix'><source mode='bind' path='/d'/><target type='virtio' name='e'/></channel>"
    "<input type='tablet' bus='usb'/><graphics type='vnc' port='-1' autoport='yes'>"
    "<listen type='address' address='127.0.0.1'/></graphics>"
    "<video><model type='virtio'/></video>"
    "<watchdog model='i6300esb' action='reset'/>"
    "<memballoon model='virtio'><stats period='10'/></memballoon>"
    "<rng model='virtio'><rate bytes='1' period='1'/><backend model='random'>/dev/random</backend>"
    "</rng></devices>"
    "<qemu:commandline><qemu:arg value='-x'/></qemu:commandline></domain>";

/* ---- the two judges ---- */

static void __attribute__ ((format (printf, 2, 3))) ignore (void *opaque, const char *fmt, ...)
{
  (void)opaque;
  (void)fmt;
}

static xmlRelaxNGPtr
grammar (xmlRelaxNGParserCtxtPtr parser)
{
  xmlRelaxNGPtr rng;

  ck_assert_ptr_nonnull (parser);
  xmlRelaxNGSetParserErrors (parser, ignore, ignore, NULL);
  rng = xmlRelaxNGParse (parser);
  xmlRelaxNGFreeParserCtxt (parser);
  ck_assert_ptr_nonnull (rng);
  return rng;
}

static int
valid_by (xmlRelaxNGPtr rng, xmlDocPtr doc)
{
  xmlRelaxNGValidCtxtPtr validator = xmlRelaxNGNewValidCtxt (rng);
  int valid;

  xmlRelaxNGSetValidErrors (validator, ignore, ignore, NULL);
  valid = xmlRelaxNGValidateDoc (validator, doc) == 0;
  xmlRelaxNGFreeValidCtxt (validator);
  return valid;
}

static char *
part_for (const char *folder, const char *name, xmlDocPtr doc)
{
  struct vl_schema_names names = { 0 };
  char *text;

  vl_schema_names (doc, &names);
  text = vl_schema_part (folder, name, &names);
  vl_schema_names_free (&names);
  return text;
}

/* ---- what comes of a document ---- */

static xmlNodePtr
next_element (xmlNodePtr node)
{
  do {
    if (node->children && node->type == XML_ELEMENT_NODE)
      node = node->children;
    else {
      while (node && node->next == NULL)
        node = node->parent && node->parent->type == XML_ELEMENT_NODE ? node->parent : NULL;
      node = node ? node->next : NULL;
    }
  } while (node && node->type != XML_ELEMENT_NODE);
  return node;
}

/* Changes one thing of the element NODE; 0: there is no CHANGE of that number. */
static int
change_element (xmlNodePtr node, int change)
{
  static const char *const others[] = { "disk", "source", "target", "tpm", "unheard-of" };
  int n_others = sizeof others / sizeof others[0];

  if (change == 0) {
    xmlUnlinkNode (node);
    xmlFreeNode (node);
  } else if (change == 1)
    xmlAddNextSibling (node, xmlCopyNode (node, 1));
  else if (change == 2)
    xmlNewChild (node, NULL, BAD_CAST "address", NULL);
  else if (change - 3 < n_others)
    xmlNodeSetName (node, BAD_CAST others[change - 3]);
  else
    return 0;
  return 1;
}

static int
change_attribute (xmlAttrPtr attr, int change)
{
  static const char *const names[] = { "type", "name", "index", "unheard-of" };
  static const char *const values[] = { "", "none", "file", "12" };

  if (change == 0)
    xmlRemoveProp (attr);
  else if (change <= 4)
    xmlNodeSetName ((xmlNodePtr)attr, BAD_CAST names[change - 1]);
  else if (change <= 8)
    xmlSetProp (attr->parent, attr->name, BAD_CAST values[change - 5]);
  else
    return 0;
  return 1;
}

/* The rich document with the change of number N; NULL: there are no more. */
static xmlDocPtr
changed (int n)
{
  xmlDocPtr doc = xmlReadMemory (rich, (int)strlen (rich), NULL, NULL, 0);
  xmlNodePtr root = xmlDocGetRootElement (doc);

  for (xmlNodePtr node = root; node; node = next_element (node)) {
    if (n < 8 && node != root) {
      ck_assert_int_eq (change_element (node, n), 1);
      return doc;
    }
    n -= node == root ? 0 : 8;
    for (xmlAttrPtr attr = node->properties; attr; attr = attr->next, n -= 9)
      if (n >= 0 && n < 9) {
        ck_assert_int_eq (change_attribute (attr, n), 1);
        return doc;
      }
  }
  xmlFreeDoc (doc);
  return NULL;
}

/* ---- tests ---- */

START_TEST (part_judges_as_the_whole)
{
  VL_AUTOFREE char *path = vl_xasprintf ("%s/domain.rng", VL_LIBVIRT_SCHEMAS);
  xmlRelaxNGPtr whole = grammar (xmlRelaxNGNewParserCtxt (path));
  int n_valid = 0, n_invalid = 0;
  xmlDocPtr doc = xmlReadMemory (rich, (int)strlen (rich), NULL, NULL, 0);

  ck_assert_int_eq (valid_by (whole, doc), 1);
  for (int n = 0; doc; doc = changed (n++)) {
    VL_AUTOFREE char *text = part_for (VL_LIBVIRT_SCHEMAS, "domain", doc);
    xmlRelaxNGPtr part;
    int valid = valid_by (whole, doc);

    ck_assert_ptr_nonnull (text);
    ck_assert_uint_lt (strlen (text), 120000);
    part = grammar (xmlRelaxNGNewMemParserCtxt (text, (int)strlen (text)));
    ck_assert_msg (valid_by (part, doc) == valid, "change %d: %d", n, valid);
    *(valid ? &n_valid : &n_invalid) += 1;
    xmlRelaxNGFree (part);
    xmlFreeDoc (doc);
  }
  ck_assert_int_gt (n_valid, 150);
  ck_assert_int_gt (n_invalid, 700);
  xmlRelaxNGFree (whole);
}
END_TEST

#define BEGIN "<grammar xmlns='http://relaxng.org/ns/structure/1.0'>"
#define OTHER "<element xmlns='http://relaxng.org/ns/structure/1.0' name='a'><empty/></element>"

/* What is made of small schemas for <a b='1'><c/></a>; NULL: no part. */
static const struct {
  const char *schema, *part;
} small[] = {
  { BEGIN "<start><element name='a'><optional><attribute name='x'><data type='int'/></attribute>"
          "</optional></element></start></grammar>",
    BEGIN "<start><element name='a'><empty/></element></start></grammar>" },
  { BEGIN "<start><ref name='d'/></start><define name='e'><text/></define>"
          "<define name='d'><element name='z'><ref name='e'/></element></define></grammar>",
    BEGIN "<start><ref name='d'></ref></start>"
          "<define name='d'><element name='z'><empty/></element></define></grammar>" },
  /* In a choice what is optional stays, and a value of a type of its own does. */
  { BEGIN "<start><element name='a'><choice><optional><element name='z'><text/></element>"
          "</optional><value type='string'> 1 &amp; &lt;2&gt; </value></choice></element></start>"
          "</grammar>",
    BEGIN "<start><element name='a'><choice><optional><element name='z'><empty/></element>"
          "</optional><value type='string'> 1 &amp; &lt;2&gt; </value></choice></element></start>"
          "</grammar>" },
  /* Values, blanks aside; what cannot do without one goes with it, over definitions too. */
  { BEGIN
    "<start><element name='a'><attribute name='b'><choice><value> 1 </value>"
    "<value>2</value><list><value>3</value></list></choice></attribute><choice>"
    "<group><attribute name='b'><value>4</value></attribute><text/></group>"
    "<ref name='d'/><ref name='e'/></choice></element></start>"
    "<define name='d'><oneOrMore><element name='z'><text/></element></oneOrMore></define>"
    "<define name='e'><element name='c'><optional><ref name='e'/></optional></element></define>"
    "</grammar>",
    BEGIN "<start><element name='a'><attribute name='b'><choice><value> 1 </value>"
          "<list><value>3</value></list></choice></attribute><choice>"
          "<ref name='e'></ref></choice></element></start>"
          "<define name='e'><element name='c'><optional><ref name='e'></ref></optional></element>"
          "</define></grammar>" },
  /* What is excepted stays as it is. */
  { BEGIN "<start><element name='a'><attribute name='b'><data type='string'><except><choice>"
          "<value>1</value><value>2</value></choice></except></data></attribute></element></start>"
          "</grammar>",
    BEGIN "<start><element name='a'><attribute name='b'><data type='string'><except><choice>"
          "<value>1</value><value>2</value></choice></except></data></attribute></element></start>"
          "</grammar>" },
  { BEGIN "<start><element name='a'><data type='string'><except><ref name='d'/></except></data>"
          "</element></start><define name='d'><value>2</value></define></grammar>",
    NULL },
  /* An attribute may be anywhere; so may one that is named in another way. */
  { BEGIN "<start><element><anyName/><attribute name='x'><text/></attribute></element></start>"
          "<x:remark xmlns:x='urn:x'>no <start/> is here</x:remark></grammar>",
    BEGIN "<start><element><anyName></anyName><attribute name='x'></attribute></element></start>"
          "</grammar>" },
  { BEGIN "<start combine='choice'><ref name='d'/></start>"
          "<define name='d' combine='choice'><element name='c'><empty/></element></define>"
          "<define name='d' combine='choice'><element name='a'><empty/></element></define>"
          "</grammar>",
    BEGIN "<start combine='choice'><ref name='d'></ref></start>"
          "<define name='d' combine='choice'><element name='c'><empty></empty></element></define>"
          "<define name='d' combine='choice'><element name='a'><empty></empty></element></define>"
          "</grammar>" },
  { OTHER, NULL },
  { BEGIN "<start><ref name='nowhere'/></start></grammar>", NULL },
  { BEGIN "<start><element name='a'><externalRef href='x.rng'/></element></start></grammar>",
    NULL },
  { BEGIN "<div><start><text/></start></div></grammar>", NULL },
  { BEGIN "<include href='small.rng'/><start><text/></start></grammar>", NULL },
  { BEGIN "<include href='../x.rng'/><start><text/></start></grammar>", NULL },
  { BEGIN "<include href='no.rng'/><start><text/></start></grammar>", NULL },
  { BEGIN "<include href='b.rng'><start><text/></start></include></grammar>", NULL },
  { "<!DOCTYPE grammar [<!ENTITY x 'y'>]>" BEGIN "<start><text/></start></grammar>", NULL },
  { "<grammar xmlns='http://relaxng.org/ns/structure/1.0' ns='urn:x'><start><text/></start>"
    "</grammar>",
    NULL },
  { BEGIN "<start><text/></start>", NULL },
};
#define N_SMALL (int)(sizeof small / sizeof small[0])

START_TEST (small_schemas)
{
  char folder[] = "/tmp/check-schema-part-XXXXXX";
  xmlDocPtr doc = xmlReadMemory ("<a b='1'><c/></a>", 17, NULL, NULL, 0);
  VL_AUTOFREE char *path = NULL, *other = NULL, *text = NULL;

  ck_assert_ptr_nonnull (mkdtemp (folder));
  path = vl_xasprintf ("%s/small.rng", folder);
  other = vl_xasprintf ("%s/b.rng", folder);
  ck_assert_int_eq (vl_file_write (path, small[_i].schema, strlen (small[_i].schema), 0600), 0);
  ck_assert_int_eq (vl_file_write (other, BEGIN "</grammar>", strlen (BEGIN "</grammar>"), 0600),
                    0);
  text = part_for (folder, "small", doc);
  if (small[_i].part)
    ck_assert_str_eq (text, small[_i].part);
  else
    ck_assert_ptr_null (text);
  xmlFreeDoc (doc);
  ck_assert_int_eq (vl_file_remove_tree (folder), 0);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("schema-part");
  TCase *tests = tcase_create ("schema-part");
  SRunner *runner;
  int failed;

  tcase_set_timeout (tests, 300);
  tcase_add_test (tests, part_judges_as_the_whole);
  tcase_add_loop_test (tests, small_schemas, 0, N_SMALL);
  suite_add_tcase (suite, tests);
  runner = srunner_create (suite);
  srunner_set_tap (runner, "-");
  srunner_run_all (runner, CK_SILENT);
  failed = srunner_ntests_failed (runner);
  srunner_free (runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
