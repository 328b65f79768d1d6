/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Host facts: the map and its look-ups, versions, host files and what is wrong
 * with them, libvirt's documents as facts, the CPU map. */

#include <config.h>

#include "host/host.h"

#include <check.h>
#include <stdio.h>

static struct vl_call *call;
static struct vl_host *host;

static void
setup (void)
{
  call = vl_call_new ();
  host = vl_host_new ();
}

static void
teardown (void)
{
  vl_host_free (host);
  vl_call_free (call);
}

/* ---- the map ---- */

START_TEST (look_ups)
{
  vl_host_set (host, "b", "text");
  vl_host_set (host, "a", "true");
  vl_host_set (host, "d", "false");
  vl_host_add (host, "c", "one");
  vl_host_add (host, "c", "two");
  vl_host_add (host, "c", "one");
  ck_assert_int_eq (vl_host_flag (host, "a"), 1);
  ck_assert_int_eq (vl_host_flag (host, "d"), 0);
  ck_assert_int_eq (vl_host_flag (host, "b"), -1);
  ck_assert_int_eq (vl_host_flag (host, "none"), -1);
  ck_assert_int_eq (vl_host_flag (host, NULL), -1);
  ck_assert_str_eq (vl_host_str (host, "b"), "text");
  ck_assert_ptr_null (vl_host_str (host, "none"));
  ck_assert_uint_eq (vl_host_count (host, "c"), 2);
  ck_assert_str_eq (vl_host_item (host, "c", 1), "two");
  ck_assert_ptr_null (vl_host_item (host, "c", 2));
  ck_assert_int_eq (vl_host_offers (host, "c", "two"), 1);
  ck_assert_int_eq (vl_host_offers (host, "c", "three"), 0);
  ck_assert_int_eq (vl_host_offers (host, "none", "x"), -1);
  ck_assert_int_eq (vl_host_offers (host, "b", "text"), 1);
  ck_assert_uint_eq (vl_host_n_facts (host), 4);
  for (size_t i = 0; i < 4; i++)
    ck_assert_int_eq (vl_host_fact_key (host, i)[0], "abcd"[i]);
  ck_assert_ptr_null (vl_host_fact_key (host, 4));
}
END_TEST

START_TEST (kernel_words_are_flags)
{
  static const struct {
    const char *text;
    int flag;
  } words[] = { { "Y", 1 },   { "1", 1 },  { "yes", 1 }, { "On", 1 }, { "N", 0 },  { "0", 0 },
                { "off", 0 }, { "no", 0 }, { "2", -1 },  { "", -1 },  { "yy", -1 } };

  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
    vl_host_set (host, "k", words[i].text);
    ck_assert_msg (vl_host_flag (host, "k") == words[i].flag, "'%s'", words[i].text);
  }
}
END_TEST

START_TEST (numbers)
{
  static const char *const bad[] = { "", " 1", "1 ", "0x10", "ten", "99999999999999999999" };

  int64_t n = 7;

  call->host = host;
  vl_host_set (host, "n", "-12");
  ck_assert_int_eq (vl_fact_int (call, "none", -20, &n), 0);
  ck_assert_int_eq (n, 7);
  ck_assert_int_eq (vl_fact_int (call, "n", -20, &n), 1);
  ck_assert_int_eq (n, -12);
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    vl_host_set (host, "n", bad[i]);
    ck_assert_msg (vl_fact_int (call, "n", -20, &n) == -1, "'%s'", bad[i]);
    ck_assert_int_eq (n, -12);
  }
}
END_TEST

START_TEST (versions)
{
  static const struct {
    const char *have, *atleast;
    int answer;
  } rows[] = {
    { "9.0.0", "9.0.0", 1 },
    { "9.0.0", "8.6.0", 1 },
    { "9.0.0", "9.0.1", 0 },
    { "10.5.0", "9.9.9", 1 },
    { "9", "9.0.0", 1 },
    { "9.0", "9.0.1", 0 },
    { "9.0.0", "9", 1 },
    { "6.1.0-18-amd64", "6.1", 1 },
    { "6.1.0-18-amd64", "6.1.1", 0 },
    { "v9", "1", -1 },
    { "6.18.44-fc-v669", "6.2", 1 },
    { "7.2.22", "7.10", 0 },
  };

  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    vl_host_set (host, "v", rows[i].have);
    ck_assert_msg (vl_host_at_least (host, "v", rows[i].atleast) == rows[i].answer, "%s >= %s",
                   rows[i].have, rows[i].atleast);
  }
  ck_assert_int_eq (vl_host_at_least (host, "none", "1"), -1);
}
END_TEST

START_TEST (devices)
{
  ck_assert_int_eq (vl_host_device (host, "/dev/null"), -1);
  vl_host_add (host, "device", "/dev/somewhere");
  ck_assert_int_eq (vl_host_device (host, "/dev/somewhere"), 1);
  ck_assert_int_eq (vl_host_device (host, "/dev/null"), 0);
  host->live = 1;
  ck_assert_int_eq (vl_host_device (host, "/dev/somewhere"), 0);
  ck_assert_int_eq (vl_host_device (host, "/dev/null"), 1);
}
END_TEST

START_TEST (merging)
{
  struct vl_host *fresh = vl_host_new ();
  size_t first;

  vl_host_set (host, "a", "old");
  vl_host_set (host, "z", "stays");
  vl_fact_put (vl_host_append (fresh, "m", 1), "one");
  vl_fact_put (vl_host_append (fresh, "a", 0), "first");
  vl_fact_put (vl_host_append (fresh, "m", 1), "two");
  vl_fact_put (vl_host_append (fresh, "a", 0), "second");
  vl_host_append (fresh, "empty", 1);
  vl_host_merge (host, fresh);
  vl_host_free (fresh);
  ck_assert_uint_eq (vl_host_n_facts (host), 4);
  ck_assert_str_eq (vl_host_str (host, "a"), "second");
  ck_assert_uint_eq (vl_host_count (host, "m"), 2);
  ck_assert_int_eq (vl_host_offers (host, "empty", "x"), 0);
  ck_assert_str_eq (vl_host_str (host, "z"), "stays");
  ck_assert_uint_eq (vl_host_range (host, "m", &first), 1);
  ck_assert_str_eq (host->facts[first].key, "m");
  ck_assert_uint_eq (vl_host_range (host, "q", &first), 0);
}
END_TEST

/* ---- facts by hand ---- */

START_TEST (import_fact)
{
  vl_host_set (host, "libvirt.version", "7.0.0");
  ck_assert_int_eq (vl_host_import_fact (call, host, "libvirt.version=9.0.0"), 0);
  ck_assert_str_eq (vl_host_str (host, "libvirt.version"), "9.0.0");
  ck_assert_int_eq (vl_host_import_fact (call, host, "x=1"), 0);
  ck_assert_int_eq (vl_host_import_fact (call, host, "x=2"), 0);
  ck_assert_uint_eq (vl_host_count (host, "x"), 2);
  ck_assert_int_eq (vl_host_import_fact (call, host, "y=a=b"), 0);
  ck_assert_str_eq (vl_host_str (host, "y"), "a=b");
  ck_assert_int_eq (vl_host_import_fact (call, host, "device=/dev/kvm"), 0);
  ck_assert_int_eq (vl_host_find (host, "device")->list, 1);
  ck_assert_uint_eq (call->findings.n, 0);
}
END_TEST

START_TEST (import_bad_fact)
{
  static const struct {
    const char *fact, *message;
  } rows[] = {
    { "novalue", "the fact 'novalue' has no '='; accepted: KEY=VALUE" },
    { "=x", "the fact '=x' has no key; accepted: KEY=VALUE" },
    { "a b=x",
      "the fact 'a b=x' has a blank, what is not printable or no UTF-8 in its key; accepted: "
      "KEY=VALUE" },
    { "a=\n", "the fact 'a=\\x0a' has a control character or no UTF-8 in its value; accepted: "
              "KEY=VALUE" },
    { "a=\xff", "the fact 'a=\\xff' has a control character or no UTF-8 in its value; accepted: "
                "KEY=VALUE" },
  };

  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    ck_assert_int_eq (vl_host_import_fact (call, host, rows[i].fact), -1);
    ck_assert_uint_eq (call->findings.n, i + 1);
    ck_assert_str_eq (call->findings.items[i].message, rows[i].message);
    ck_assert_int_eq (call->findings.items[i].err, VL_ERR_USAGE);
  }
}
END_TEST

/* ---- host files ---- */

static struct vl_host *
read_text (const char *text)
{
  return vl_host_from_json (call, text, strlen (text), "file");
}

START_TEST (json_round_trip)
{
  static const char text[] = "{\n"
                             "  \"virtloom_host\": 1,\n"
                             "  \"facts\": {\n"
                             "    \"cells\": [0, 1],\n"
                             "    \"flag\": true,\n"
                             "    \"models\": [\"486\", \"qemu64\"],\n"
                             "    \"none\": [],\n"
                             "    \"odd.key\": \"\\\"quoted\\\\\",\n"
                             "    \"seven\": \"007\",\n"
                             "    \"size\": 1048576,\n"
                             "    \"unknown.fact\": \"kept\"\n"
                             "  }\n"
                             "}\n";
  struct vl_host *read = read_text (text);
  VL_AUTOFREE char *again = NULL;

  ck_assert_ptr_nonnull (read);
  again = vl_host_to_json (read);
  ck_assert_str_eq (again, text);
  ck_assert_str_eq (vl_host_str (read, "size"), "1048576");
  ck_assert_int_eq (vl_host_flag (read, "flag"), 1);
  ck_assert_int_eq (vl_host_offers (read, "none", "x"), 0);
  ck_assert_int_eq (read->live, 0);
  vl_host_free (read);
}
END_TEST

START_TEST (json_used)
{
  struct vl_host *read =
      read_text ("{\"virtloom_host\": 1, \"facts\": {\"b\": 1, \"a\": 2, \"c\": 3}}");
  VL_AUTOFREE char *nothing = NULL, *used = NULL;

  vl_host_str (read, "b");
  used = vl_host_used_json (read);
  ck_assert_str_eq (used, "{\n  \"virtloom_host\": 1,\n  \"facts\": {\n    \"b\": 1\n  }\n}\n");
  vl_host_forget_use (read);
  nothing = vl_host_used_json (read);
  ck_assert_str_eq (nothing, "{\n  \"virtloom_host\": 1,\n  \"facts\": {}\n}\n");
  vl_host_free (read);
}
END_TEST

#define FILE_OF(facts) "{\"virtloom_host\": 1, \"facts\": " facts "}"

START_TEST (json_refused)
{
  static const struct {
    const char *text, *message, *path;
  } rows[] = {
    { "", "the host file is not JSON: line 1, column 0: '[' or '{' expected near end of file",
      NULL },
    { "[]", "$ is not an object", "$" },
    { "{\"virtloom_host\": 1, \"facts\": {}} x",
      "the host file is not JSON: line 1, column 35: end of file expected near 'x'", NULL },
    { "{\"facts\": {}}", "$.virtloom_host is missing; accepted: 1", "$.virtloom_host" },
    { "{\"virtloom_host\": 2, \"facts\": {}}",
      "$.virtloom_host is not a version of host files known here; accepted: 1", "$.virtloom_host" },
    { "{\"virtloom_host\": 1}", "$.facts is missing; accepted: an object of facts", "$.facts" },
    { FILE_OF ("[]"), "$.facts is not an object; accepted: an object of facts", "$.facts" },
    { "{\"virtloom_host\": 1, \"fact\": {}, \"facts\": {}}",
      "$['fact'] is unknown; accepted: virtloom_host, facts, x-...", "$['fact']" },
    { FILE_OF ("{\"a\": null}"), "$.facts['a'] is null; an unknown fact is left out",
      "$.facts['a']" },
    { FILE_OF ("{\"a\": 1.5}"),
      "$.facts['a'] is a number with a fraction; accepted: text, such as \"1.5\"", "$.facts['a']" },
    { FILE_OF ("{\"a\": {}}"),
      "$.facts['a'] is an object; accepted: text, a whole number, true, false, or a list of them",
      "$.facts['a']" },
    { FILE_OF ("{\"a\": [1, [2]]}"), "$.facts['a'][1] is a list in a list", "$.facts['a'][1]" },
    { FILE_OF ("{\"a\": \"x\\ny\"}"),
      "$.facts['a'] has a control character; accepted: printable text", "$.facts['a']" },
    { FILE_OF ("{\"\": 1}"), "$.facts[''] is no key; accepted: 1 to 255 bytes without blanks",
      "$.facts['']" },
    { FILE_OF ("{\"a\": 1, \"a\": 2}"),
      "the host file is not JSON: line 1, column 42: duplicate object key near '\"a\"'", NULL },
    { FILE_OF ("{\"a\": [[[]]]}"), "the host file is nested more than 4 deep", NULL },
  };

  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    const struct vl_finding *finding;

    call->findings.n = 0;
    ck_assert_msg (read_text (rows[i].text) == NULL, "%s", rows[i].text);
    ck_assert_uint_eq (call->findings.n, 1);
    finding = &call->findings.items[0];
    ck_assert_str_eq (finding->message, rows[i].message);
    ck_assert_str_eq (finding->origin, "file");
    ck_assert_str_eq (finding->code, "InvalidHostFile");
    ck_assert_int_eq (finding->err, VL_ERR_REQUEST);
    ck_assert_pstr_eq (finding->path, rows[i].path);
  }
}
END_TEST

START_TEST (json_all_at_once)
{
  ck_assert_ptr_null (read_text ("{\"virtloom_host\": 3, \"y\": 1, \"facts\": {\"a\": null, "
                                 "\"b\": {}}}"));
  ck_assert_uint_eq (call->findings.n, 4);
}
END_TEST

START_TEST (json_huge)
{
  size_t length = (size_t)9 << 20;
  VL_AUTOFREE char *text = vl_xcalloc (length, 1);

  memset (text, ' ', length);
  ck_assert_ptr_null (vl_host_from_json (call, text, length, "file"));
  ck_assert_str_eq (call->findings.items[0].message, "the host file is larger than 8388608 bytes");
}
END_TEST

START_TEST (recorded_hosts)
{
  static const char *const names[] = { "aarch64", "amd-sev",    "amd-snp",
                                       "bare",    "kvm-x86_64", "this-tcg" };
  const char *tree = vl_printf (call, "%s/..", VL_TEST_SRCDIR);

  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    struct vl_host *read = vl_host_load (call, tree, names[i]);

    ck_assert_msg (read != NULL, "%s", names[i]);
    ck_assert_ptr_nonnull (vl_host_str (read, "host.arch"));
    vl_host_free (read);
  }
  ck_assert_ptr_null (vl_host_load (call, tree, "kvm-x86_46"));
  ck_assert_str_eq (call->findings.items[0].code, "HostFileNotFound");
  ck_assert_str_eq (call->findings.items[0].hint, "did you mean \"kvm-x86_64\"?");
}
END_TEST

/* ---- libvirt's documents ---- */

static const char capabilities[] =
    "<capabilities><host><uuid>11111111-2222-3333-4444-555555555555</uuid>"
    "<cpu><arch>x86_64</arch><model>Haswell</model><vendor>Intel</vendor>"
    "<topology sockets='1' cores='2' threads='2'/><feature name='vmx'/>"
    "<feature name='zzz' policy='disable'/>"
    "<pages unit='KiB' size='4'/><pages unit='KiB' size='2048'/></cpu>"
    "<topology><cells num='2'>"
    "<cell id='0'><memory unit='GiB'>4</memory><pages unit='KiB' size='2048'>16</pages>"
    "<cpus num='4'><cpu id='0' siblings='0,4'/><cpu id='4' siblings='0,4'/>"
    "<cpu id='1' siblings='1,5'/><cpu id='2' siblings='2,6'/></cpus></cell>"
    "<cell id='1'><cpus num='1'><cpu id='9'/></cpus></cell></cells></topology></host>"
    "<guest><os_type>hvm</os_type><arch name='x86_64'><emulator>/usr/bin/qemu</emulator>"
    "<machine canonical='pc-q35-7.2' maxCpus='288'>q35</machine>"
    "<machine maxCpus='1'>isapc</machine><domain type='qemu'/>"
    "<domain type='kvm'><machine maxCpus='8'>microvm</machine></domain></arch></guest>"
    "<guest><os_type>xen</os_type><arch name='x86_64'><machine>xenpv</machine></arch></guest>"
    "</capabilities>";

static int
import_capabilities_of (const char *xml)
{
  vl_host_import_into (call, host, NULL);
  return vl_host_import_capabilities (call, xml);
}

static int
import_domcapabilities_of (const char *xml)
{
  vl_host_import_into (call, host, NULL);
  return vl_host_import_domcapabilities (call, xml);
}

START_TEST (import_capabilities)
{
  ck_assert_int_eq (import_capabilities_of (capabilities), 0);
  ck_assert_str_eq (vl_host_str (host, "host.arch"), "x86_64");
  ck_assert_str_eq (vl_host_str (host, "host.cpu.threads"), "2");
  ck_assert_str_eq (vl_host_str (host, "host.cell.0.memory"), "4194304");
  ck_assert_str_eq (vl_host_str (host, "host.cell.0.cpus"), "0-2,4");
  ck_assert_str_eq (vl_host_str (host, "host.cell.1.cpus"), "9");
  ck_assert_uint_eq (vl_host_count (host, "host.cell.0.siblings"), 3);
  ck_assert_str_eq (vl_host_str (host, "host.cell.0.pages.2048"), "16");
  ck_assert_str_eq (vl_host_item (host, "host.page-sizes", 1), "2048");
  ck_assert_str_eq (vl_host_item (host, "host.cells", 1), "1");
  ck_assert_int_eq (vl_host_offers (host, "guest.x86_64.machines", "q35"), 1);
  ck_assert_int_eq (vl_host_offers (host, "guest.x86_64.machines", "pc-q35-7.2"), 1);
  ck_assert_int_eq (vl_host_offers (host, "guest.x86_64.machines", "microvm"), 1);
  ck_assert_int_eq (vl_host_offers (host, "guest.x86_64.machines", "xenpv"), 0);
  ck_assert_str_eq (vl_host_str (host, "guest.x86_64.canonical.q35"), "pc-q35-7.2");
  ck_assert_str_eq (vl_host_str (host, "guest.x86_64.max-vcpus.pc-q35-7.2"), "288");
  ck_assert_int_eq (vl_host_offers (host, "guest.x86_64.types", "kvm"), 1);
}
END_TEST

/* The model's own features stand beside what the host has on top; what QEMU's
 * model lost is not among them. */
START_TEST (cpu_map)
{
  if (access (VL_LIBVIRT_SCHEMAS "/../cpu_map/index.xml", R_OK) < 0)
    return;
  ck_assert_int_eq (import_capabilities_of (capabilities), 0);
  ck_assert_int_eq (vl_host_offers (host, "cpu-model.Haswell.features", "avx2"), 1);
  ck_assert_int_eq (vl_host_offers (host, "cpu-model.Haswell.features", "vmx"), 0);
  ck_assert_str_eq (vl_host_str (host, "cpu-model.Haswell.vendor"), "Intel");
  ck_assert_int_eq (vl_host_offers (host, "host.cpu.features", "vmx"), 1);
  ck_assert_int_eq (vl_host_offers (host, "host.cpu.features", "avx2"), 1);
  ck_assert_int_eq (vl_host_offers (host, "host.cpu.features", "zzz"), 0);
  ck_assert_ptr_null (vl_host_find (host, "cpu-model.EPYC.features"));
}
END_TEST

static const char domain_capabilities[] =
    "<domainCapabilities><domain>kvm</domain><machine>pc-q35-7.2</machine><arch>x86_64</arch>"
    "<vcpu max='288'/><os supported='yes'><enum name='firmware'><value>efi</value></enum>"
    "<loader supported='yes'><value>/a.fd</value><value>/b.fd</value>"
    "<enum name='type'><value>rom</value></enum></loader></os>"
    "<cpu><mode name='host-passthrough' supported='no'/>"
    "<mode name='host-model' supported='yes'><model>EPYC</model><vendor>AMD</vendor>"
    "<maxphysaddr mode='passthrough' limit='46'/>"
    "<feature policy='require' name='x2apic'/><feature policy='disable' name='monitor'/></mode>"
    "<mode name='custom' supported='yes'><model usable='yes'>486</model>"
    "<model usable='no'>EPYC</model></mode></cpu>"
    "<devices><disk supported='yes'><enum name='bus'><value>virtio</value></enum></disk>"
    "<tpm supported='no'/></devices>"
    "<features><gic supported='no'/><vmcoreinfo supported='yes'/>"
    "<sev supported='yes'><cbitpos>51</cbitpos><reducedPhysBits>1</reducedPhysBits>"
    "<maxGuests>15</maxGuests><maxESGuests>8</maxESGuests></sev>"
    "<launchSecurity supported='yes'><enum name='sectype'><value>sev-snp</value></enum>"
    "</launchSecurity></features></domainCapabilities>";

#define CAP "caps.kvm.x86_64.pc-q35-7.2."

START_TEST (import_domcapabilities)
{
  ck_assert_int_eq (import_domcapabilities_of (domain_capabilities), 0);
  ck_assert_str_eq (vl_host_str (host, CAP "max-vcpus"), "288");
  ck_assert_int_eq (vl_host_offers (host, CAP "firmware", "efi"), 1);
  ck_assert_uint_eq (vl_host_count (host, CAP "loader"), 2);
  ck_assert_int_eq (vl_host_offers (host, CAP "loader.type", "pflash"), 0);
  ck_assert_int_eq (vl_host_offers (host, CAP "loader.secure", "yes"), -1);
  ck_assert_uint_eq (vl_host_count (host, CAP "cpu.modes"), 2);
  ck_assert_str_eq (vl_host_str (host, CAP "cpu.host-model"), "EPYC");
  ck_assert_str_eq (vl_host_item (host, CAP "cpu.host-model.features", 1), "-monitor");
  ck_assert_str_eq (vl_host_str (host, CAP "cpu.max-phys-bits"), "46");
  ck_assert_uint_eq (vl_host_count (host, CAP "cpu.models"), 2);
  ck_assert_uint_eq (vl_host_count (host, CAP "cpu.usable"), 1);
  ck_assert_int_eq (vl_host_offers (host, CAP "disk.bus", "ide"), 0);
  /* Denied, and not mentioned. */
  ck_assert_int_eq (vl_host_offers (host, CAP "tpm.model", "tpm-tis"), 0);
  ck_assert_int_eq (vl_host_offers (host, CAP "rng.model", "virtio"), -1);
  ck_assert_int_eq (vl_host_flag (host, CAP "feature.gic"), 0);
  ck_assert_int_eq (vl_host_flag (host, CAP "feature.vmcoreinfo"), 1);
  ck_assert_int_eq (vl_host_flag (host, CAP "feature.backup"), -1);
  ck_assert_str_eq (vl_host_str (host, CAP "sev.cbitpos"), "51");
  ck_assert_str_eq (vl_host_str (host, CAP "sev.max-es-guests"), "8");
  ck_assert_int_eq (vl_host_offers (host, CAP "launch-security", "sev-snp"), 1);
}
END_TEST

START_TEST (import_refused)
{
  static const struct {
    const char *xml, *message;
  } rows[] = {
    { "<domain/>",
      "the document is <domain>; accepted: <domainCapabilities>, as libvirt writes it" },
    { "<domainCapabilities><domain>kvm</domain></domainCapabilities>",
      "the domain capabilities have no <arch>" },
  };

  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    call->findings.n = 0;
    ck_assert_int_eq (import_domcapabilities_of (rows[i].xml), -1);
    ck_assert_str_eq (call->findings.items[0].message, rows[i].message);
  }
  ck_assert_int_eq (import_capabilities_of (domain_capabilities), -1);
  ck_assert_uint_eq (vl_host_n_facts (host), 0);
}
END_TEST

START_TEST (probe)
{
  host->live = 1;
  vl_host_probe_system (call, host);
  ck_assert_ptr_nonnull (vl_host_str (host, "kernel.release"));
  ck_assert_int_ne (vl_host_flag (host, "cgroup.cpu"), -1);
  ck_assert_int_ne (vl_host_flag (host, "swtpm"), -1);
  ck_assert_int_eq (vl_host_offers (host, "device", "/dev/urandom"), 1);
  ck_assert_ptr_nonnull (vl_host_str (host, "module.kvm_intel.nested"));
  vl_host_probe_storage (call, host, "/nowhere/at/all");
  ck_assert_int_eq (vl_host_flag (host, "storage.direct_io"), -1);
  vl_host_probe_storage (call, host, "/tmp");
  ck_assert_int_ne (vl_host_flag (host, "storage.direct_io"), -1);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("host");
  TCase *tcase = tcase_create ("host");
  SRunner *runner = srunner_create (suite);
  int failed;

  tcase_add_checked_fixture (tcase, setup, teardown);
  tcase_add_test (tcase, look_ups);
  tcase_add_test (tcase, kernel_words_are_flags);
  tcase_add_test (tcase, numbers);
  tcase_add_test (tcase, versions);
  tcase_add_test (tcase, devices);
  tcase_add_test (tcase, merging);
  tcase_add_test (tcase, import_fact);
  tcase_add_test (tcase, import_bad_fact);
  tcase_add_test (tcase, json_round_trip);
  tcase_add_test (tcase, json_used);
  tcase_add_test (tcase, json_refused);
  tcase_add_test (tcase, json_all_at_once);
  tcase_add_test (tcase, json_huge);
  tcase_add_test (tcase, recorded_hosts);
  tcase_add_test (tcase, import_capabilities);
  tcase_add_test (tcase, cpu_map);
  tcase_add_test (tcase, import_domcapabilities);
  tcase_add_test (tcase, import_refused);
  tcase_add_test (tcase, probe);
  suite_add_tcase (suite, tcase);
  srunner_set_tap (runner, "-");
  srunner_run_all (runner, CK_SILENT);
  failed = srunner_ntests_failed (runner);
  srunner_free (runner);
  return failed ? 1 : 0;
}
