/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Reading back what a hypervisor made of a document: each contribution that is
 * dropped or changed is found and named; what means the same is taken.  The
 * other spellings are those that libvirt 9.0 was seen to use. */

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

/* ---- a document of numbered writes, of which one can be left out ---- */

struct script {
  struct loom *loom;
  struct vl_plugin *plugin;
  int skip, step, doing; /* SKIP: the write to leave out, from 1; DOING: this one is done */
};

static struct vl_call *
turn (struct script *s)
{
  loom_as (s->loom, s->plugin, VL_PHASE_CONTRIBUTE);
  s->doing = ++s->step != s->skip;
  return s->loom->call;
}

static void
set (struct script *s, struct vl_node *node, const char *attr, const char *value)
{
  struct vl_call *call = turn (s);

  if (s->doing)
    ck_assert_int_eq (vl_set (node ? node : vl_domain (call), attr, value), 0);
}

static void
text (struct script *s, struct vl_node *node, const char *value)
{
  turn (s);
  if (s->doing)
    ck_assert_int_eq (vl_text (node, value), 0);
}

/* Elements that are left out go with what is in them: the node answered is then
 * one that the rest is written to in vain. */
static struct vl_node *
one (struct script *s, struct vl_node *node, const char *path)
{
  struct vl_call *call = turn (s);

  if (! s->doing)
    return NULL;
  return node ? vl_ensure_in (node, path) : vl_ensure (call, path, NULL);
}

static struct vl_node *
another (struct script *s, const char *path)
{
  struct vl_call *call = turn (s);

  return s->doing ? vl_append (call, path, NULL) : NULL;
}

static struct vl_node *
named (struct script *s, const char *path, const char *name)
{
  struct vl_call *call = turn (s);

  return s->doing ? vl_keyed (call, path, NULL, "name", name, NULL) : NULL;
}

static void
write_disk (struct script *s, const char *file, const char *dev)
{
  struct vl_node *disk = another (s, "devices/disk"), *part;

  if (disk == NULL)
    return;
  set (s, disk, "type", "file");
  part = one (s, disk, "source");
  if (part)
    set (s, part, "file", file);
  part = one (s, disk, "target");
  if (part)
    set (s, part, "dev", dev);
  one (s, disk, "readonly");
}

static void
write_all (struct script *s)
{
  struct vl_node *node;

  set (s, NULL, "type", "kvm");
  node = one (s, NULL, "memory");
  if (node) {
    set (s, node, "unit", "MiB");
    text (s, node, "128");
  }
  node = one (s, NULL, "os");
  if (node)
    set (s, node, "firmware", "efi");
  named (s, "cpu/feature", "aes");
  named (s, "cpu/feature", "vmx");
  write_disk (s, "/a", "vda");
  write_disk (s, "/b", "vdb");
  write_disk (s, "/c", "vdc");
}

/* How many writes there are; the XML of the document without write SKIP, and
 * what it was. */
static int
write_without (struct loom *other, int skip)
{
  struct script s = { .loom = other, .skip = skip };

  s.plugin = LOOM_WRITER (other, "writer", "@type", "memory", "os", "cpu", "devices");
  write_all (&s);
  ck_assert_ptr_nonnull (loom_seal (other));
  return s.step;
}

START_TEST (every_dropped_contribution_is_found)
{
  struct loom other;
  int n = write_without (&loom, 0);

  ck_assert_int_ge (n, 25);
  ck_assert_int_eq (vl_doc_read_back (loom.call, loom.build.doc, vl_doc_xml (loom.build.doc), 0),
                    0);
  ck_assert_str_eq (loom_findings (&loom), "");
  for (int i = 1; i <= n; i++) {
    size_t before = loom.call->findings.n;
    const struct vl_finding *finding;

    loom_start (&other);
    write_without (&other, i);
    ck_assert_int_eq (vl_doc_read_back (loom.call, loom.build.doc, vl_doc_xml (other.build.doc), 0),
                      -1);
    ck_assert_uint_eq (loom.call->findings.n, before + 1);
    finding = &loom.call->findings.items[before];
    ck_assert_str_eq (finding->code, "ReadBackMismatch");
    ck_assert_str_eq (finding->plugin, "writer");
    ck_assert_int_eq (finding->err, VL_ERR_FAILED);
    loom_end (&other);
  }
}
END_TEST

START_TEST (each_is_named)
{
  const char *findings;

  write_without (&loom, 0);
  vl_doc_read_back (loom.call, loom.build.doc,
                    "<domain type='qemu'><memory unit='KiB'>131073</memory><os/>"
                    "<cpu><feature name='aes'/></cpu><devices>"
                    "<disk type='file'><source file='/c'/><target dev='vdc'/><readonly/></disk>"
                    "<disk type='file'><source file='/x'/><target dev='vda'/><readonly/></disk>"
                    "</devices></domain>",
                    0);
  findings = loom_findings (&loom);
#define HINT "\n  this hypervisor dropped or changed it\n"
#define ERROR "error ReadBackMismatch writer: "
  ck_assert_str_eq (
      findings, ERROR
      "'/domain/@type' is 'qemu' in the defined domain and should be 'kvm'; written by writer" HINT
          ERROR
      "'/domain/cpu/feature[name=vmx]' is missing from the defined domain; written by writer" HINT
          ERROR
      "'/domain/devices/disk[1]/source/@file' is '/x' in the defined domain and should be '/a'; "
      "written by writer" HINT ERROR
      "'/domain/devices/disk[2]' is missing from the defined domain; written by writer" HINT ERROR
      "'/domain/memory/@unit' is 'KiB' in the defined domain and should be 'MiB'; written by "
      "writer" HINT ERROR "'/domain/memory' is '131073' in the defined domain and should be '128'; "
      "written by writer" HINT ERROR
      "'/domain/os/@firmware' = 'efi' is missing from the defined domain; written by writer" HINT);
}
END_TEST

START_TEST (not_a_domain)
{
  write_without (&loom, 0);
  ck_assert_int_eq (vl_doc_read_back (loom.call, loom.build.doc, "<network/>", 0), -1);
  ck_assert_int_eq (vl_doc_read_back (loom.call, loom.build.doc, "<domain", 0), -1);
  ck_assert_uint_eq (loom.call->findings.n, 2);
}
END_TEST

/* ---- one contribution, and renderings of it ---- */

struct meaning {
  const char *path, *attr, *value; /* what was written; ATTR NULL: text */
  const char *attr2, *value2;      /* another attribute of the element, or NULL */
  const char *xml;                 /* inside <domain> */
  int live, same;
};

static const struct meaning meanings[] = {
  /* units */
  { "memory", NULL, "128", "unit", "MiB", "<memory unit='KiB'>131072</memory>", 0, 1 },
  { "memory", NULL, "131072", "unit", "KiB", "<memory>131072</memory>", 0, 1 },
  { "memory", NULL, "128", "unit", "MiB", "<memory unit='KiB'>131071</memory>", 0, 0 },
  { "memory", NULL, "128", "unit", "MiB", "<memory unit='parsec'>131072</memory>", 0, 0 },
  { "memory", NULL, "128", "unit", "MiB", "<memory unit='MiB'/>", 0, 0 },
  /* memory devices, which libvirt counts */
  { "memory", NULL, "128", "unit", "MiB",
    "<memory unit='KiB'>393216</memory><devices><memory model='dimm'><target><size "
    "unit='KiB'>131072</size></target></memory><memory model='virtio-mem'><target><size "
    "unit='MiB'>128</size><requested unit='KiB'>0</requested></target></memory></devices>",
    0, 1 },
  { "memory", NULL, "262144", NULL, NULL,
    "<memory unit='KiB'>393216</memory><devices><memory "
    "model='dimm'><target><size>131072</size></target></memory></devices>",
    1, 1 },
  { "memory", NULL, "128", "unit", "MiB",
    "<memory unit='KiB'>393216</memory><devices><memory model='dimm'><target><size "
    "unit='KiB'>131072</size></target></memory></devices>",
    0, 0 },
  { "memory", NULL, "128", "unit", "MiB",
    "<memory unit='KiB'>262144</memory><devices><memory model='dimm'><target/></memory></devices>",
    0, 0 },
  { "currentMemory", NULL, "128", "unit", "MiB",
    "<currentMemory unit='KiB'>262144</currentMemory><devices><memory model='dimm'><target><size "
    "unit='MiB'>128</size></target></memory></devices>",
    0, 0 },
  { "features/tcg/tb-cache", NULL, "64", "unit", "MiB",
    "<features><tcg><tb-cache unit='KiB'>65536</tb-cache></tcg></features>", 0, 1 },
  { "memoryBacking/hugepages/page", "size", "2", "unit", "MiB",
    "<memoryBacking><hugepages><page size='2048' unit='KiB'/></hugepages></memoryBacking>", 0, 1 },
  { "memoryBacking/hugepages/page", "size", "2", "unit", "MiB",
    "<memoryBacking><hugepages><page size='1048576' unit='KiB'/></hugepages></memoryBacking>", 0,
    0 },
  /* numbers, CPU lists, case of hexadecimal digits, blanks */
  { "launchSecurity/policy", NULL, "0x0033", NULL, NULL,
    "<launchSecurity><policy>0x33</policy></launchSecurity>", 0, 1 },
  { "launchSecurity/policy", NULL, "51", NULL, NULL,
    "<launchSecurity><policy>0x0033</policy></launchSecurity>", 0, 1 },
  { "launchSecurity/policy", NULL, "0x0033", NULL, NULL,
    "<launchSecurity><policy>0x0032</policy></launchSecurity>", 0, 0 },
  { "vcpu", "cpuset", "0,1,2", NULL, NULL, "<vcpu cpuset='0-2'/>", 0, 1 },
  { "vcpu", "cpuset", "0-3,^2", NULL, NULL, "<vcpu cpuset='0-1,3'/>", 0, 1 },
  { "vcpu", "cpuset", "0-3", NULL, NULL, "<vcpu cpuset='0-1,3'/>", 0, 0 },
  { "devices/mac", "address", "FA:16:3E:00:00:01", NULL, NULL,
    "<devices><mac address='fa:16:3e:00:00:01'/></devices>", 0, 1 },
  { "devices/mac", "address", "FA:16:3E:00:00:01", NULL, NULL,
    "<devices><mac address='fa:16:3e:00:00:02'/></devices>", 0, 0 },
  { "uuid", NULL, "FB30F09B-E4C3-51B0-AC98-DC74EAE73DEF", NULL, NULL,
    "<uuid>fb30f09b-e4c3-51b0-ac98-dc74eae73def</uuid>", 0, 1 },
  { "name", NULL, "VL-1", NULL, NULL, "<name>vl-1</name>", 0, 0 },
  { "os/cmdline", NULL, " root=/dev/vda ", NULL, NULL, "<os><cmdline>root=/dev/vda</cmdline></os>",
    0, 1 },
  { "os/cmdline", NULL, "root=/dev/vda ro", NULL, NULL, "<os><cmdline>root=/dev/vda</cmdline></os>",
    0, 0 },
  /* machine */
  { "os/type", "machine", "pc", "arch", "x86_64",
    "<os><type arch='x86_64' machine='pc-i440fx-7.2'>hvm</type></os>", 0, 1 },
  { "os/type", "machine", "pc", "arch", "x86_64",
    "<os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type></os>", 0, 0 },
  { "os/type", "machine", "none", "arch", "x86_64",
    "<os><type arch='x86_64' machine='pc-i440fx-7.2'>hvm</type></os>", 0, 0 },
  /* left out because it is the default */
  { "cpu", "match", "exact", "mode", "host-model", "<cpu mode='host-model' check='partial'/>", 0,
    1 },
  { "cpu", "match", "strict", "mode", "host-model", "<cpu mode='host-model' check='partial'/>", 0,
    0 },
  { "devices/disk/driver", "cache", "default", NULL, NULL,
    "<devices><disk><driver name='qemu'/></disk></devices>", 0, 1 },
  { "devices/disk/driver", "cache", "none", NULL, NULL,
    "<devices><disk><driver name='qemu'/></disk></devices>", 0, 0 },
  /* the CPU of a running guest */
  { "cpu", "mode", "host-model", NULL, NULL,
    "<cpu mode='custom' match='exact' check='full'><model>EPYC</model></cpu>", 1, 1 },
  { "cpu", "mode", "host-model", NULL, NULL,
    "<cpu mode='custom' match='exact' check='full'><model>EPYC</model></cpu>", 0, 0 },
  { "cpu", "mode", "host-passthrough", NULL, NULL, "<cpu mode='custom'/>", 1, 0 },
  { "cpu", "check", "partial", "mode", "custom", "<cpu mode='custom' check='full'/>", 1, 1 },
  { "cpu", "check", "partial", "mode", "custom", "<cpu mode='custom' check='full'/>", 0, 0 },
  { "cpu/model", "fallback", "allow", NULL, NULL, "<cpu><model fallback='forbid'>x</model></cpu>",
    1, 1 },
  { "cpu/model", NULL, "Nehalem", NULL, NULL, "<cpu><model fallback='forbid'>EPYC</model></cpu>", 1,
    0 },
  { "cpu/feature", "policy", "require", "name", "svm",
    "<cpu><model>EPYC</model><feature name='svm' policy='force'/></cpu>", 1, 1 },
  { "cpu/feature", "policy", "require", "name", "svm",
    "<cpu><model>EPYC</model><feature name='svm' policy='disable'/></cpu>", 1, 0 },
  { "cpu/feature", "policy", "require", "name", "svm", "<cpu><model>EPYC</model></cpu>", 1, 1 },
  { "cpu/feature", "policy", "require", "name", "svm", "<cpu><model>EPYC</model></cpu>", 0, 0 },
  { "cpu/feature", "policy", "require", "name", "vmx", "<cpu><model>EPYC</model></cpu>", 1, 0 },
  { "cpu/feature", "policy", "disable", "name", "vmx", "<cpu><model>EPYC</model></cpu>", 1, 1 },
  { "cpu/feature", "policy", "disable", "name", "svm", "<cpu><model>EPYC</model></cpu>", 1, 0 },
  { "cpu/feature", "policy", "require", "name", "vmx", "<cpu><model>unknown</model></cpu>", 1, 0 },
  { "cpu/feature", "policy", "disable", "name", "vmx", "<cpu><model>unknown</model></cpu>", 1, 0 },
  { "cpu/feature", "policy", "optional", "name", "hypervisor",
    "<cpu><model>EPYC</model><feature name='hypervisor' policy='require'/></cpu>", 1, 1 },
  { "cpu/feature", "policy", "optional", "name", "hypervisor", "<cpu><model>EPYC</model></cpu>", 1,
    1 },
  /* firmware that libvirt chose */
  { "os", "firmware", "efi", NULL, NULL,
    "<os><loader readonly='yes' type='pflash'>/OVMF_CODE.fd</loader></os>", 1, 1 },
  { "os", "firmware", "efi", NULL, NULL,
    "<os><loader readonly='yes' type='pflash'>/OVMF_CODE.fd</loader></os>", 0, 1 },
  { "os", "firmware", "efi", NULL, NULL, "<os><loader readonly='yes' type='pflash'/></os>", 0, 0 },
  { "os", "firmware", "efi", NULL, NULL, "<os><loader type='rom'>/bios</loader></os>", 1, 0 },
  { "os/firmware/feature", "enabled", "yes", "name", "secure-boot",
    "<os><loader secure='yes' type='pflash'>/OVMF_CODE.fd</loader></os>", 1, 1 },
  { "os/firmware/feature", "enabled", "yes", "name", "secure-boot",
    "<os><loader type='pflash'>/OVMF_CODE.fd</loader></os>", 1, 0 },
  { "os/firmware/feature", "enabled", "no", "name", "secure-boot",
    "<os><loader type='pflash'>/OVMF_CODE.fd</loader></os>", 1, 1 },
  { "os/firmware/feature", "enabled", "no", "name", "secure-boot",
    "<os><loader secure='yes' type='pflash'>/OVMF_CODE.fd</loader></os>", 1, 0 },
};

START_TEST (meaning)
{
  const struct meaning *m = &meanings[_i];
  struct vl_plugin *a = LOOM_WRITER (&loom, "a", "*");
  const char *xml = vl_printf (loom.call, "<domain>%s</domain>", m->xml);
  struct vl_node *node;

  vl_host_set (loom.host, "guest.x86_64.canonical.pc", "pc-i440fx-7.2");
  vl_host_add (loom.host, "cpu-model.EPYC.features", "svm");
  vl_host_add (loom.host, "cpu-model.EPYC.features", "aes");
  loom_as (&loom, a, VL_PHASE_CONTRIBUTE);
  node = m->attr2 && VL_STREQ (m->attr2, "name")
             ? vl_keyed (loom.call, m->path, NULL, "name", m->value2, NULL)
             : vl_ensure (loom.call, m->path, NULL);
  if (m->attr2)
    vl_set (node, m->attr2, m->value2);
  if (m->attr)
    vl_set (node, m->attr, m->value);
  else
    vl_text (node, m->value);
  ck_assert_ptr_nonnull (loom_seal (&loom));
  ck_assert_int_eq (vl_doc_read_back (loom.call, loom.build.doc, xml, m->live), m->same ? 0 : -1);
  ck_assert_int_eq (loom.call->findings.n == 0, m->same);
}
END_TEST

START_TEST (what_was_added_is_no_fault)
{
  struct vl_plugin *a = LOOM_WRITER (&loom, "a", "*");

  loom_as (&loom, a, VL_PHASE_CONTRIBUTE);
  vl_set (vl_append (loom.call, "devices/input", NULL), "type", "tablet");
  ck_assert_ptr_nonnull (loom_seal (&loom));
  ck_assert_int_eq (
      vl_doc_read_back (
          loom.call, loom.build.doc,
          "<domain type='kvm' id='3'><name>x</name><devices><input type='mouse' bus='ps2'/>"
          "<input type='tablet' bus='usb'><alias name='input0'/></input></devices></domain>",
          1),
      0);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("readback");
  TCase *tests = tcase_create ("readback");
  SRunner *runner;
  int failed;

  tcase_add_checked_fixture (tests, setup, teardown);
  tcase_add_test (tests, every_dropped_contribution_is_found);
  tcase_add_test (tests, each_is_named);
  tcase_add_test (tests, not_a_domain);
  tcase_add_loop_test (tests, meaning, 0, (int)(sizeof meanings / sizeof meanings[0]));
  tcase_add_test (tests, what_was_added_is_no_fault);
  suite_add_tcase (suite, tests);
  runner = srunner_create (suite);
  srunner_set_tap (runner, "-");
  srunner_run_all (runner, CK_SILENT);
  failed = srunner_ntests_failed (runner);
  srunner_free (runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
