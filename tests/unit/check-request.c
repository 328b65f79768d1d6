/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Requests: what is read and what is derived, the canonical JSON, and the exact
 * words of every refusal. */

#include <config.h>

#include "request/request.h"
#include "request/request.h"

#include <check.h>

#define FLAVOR "\"flavor\":{\"ram\":64,\"vcpus\":1}"

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

static struct vl_request *
read_text (const char *text)
{
  return vl_request_read (call, text, strlen (text), "FILE");
}

/* The request of TEXT, which must be good. */
static struct vl_request *
good (const char *text)
{
  struct vl_request *request = read_text (text);

  ck_assert_msg (request != NULL, "%s: %s", text,
                 call->findings.n ? call->findings.items[0].message : "?");
  return request;
}

/* "CODE message" and "  hint" of each finding on a line. */
static const char *
findings (void)
{
  VL_AUTOSTR struct vl_str text = { 0 };

  vl_str_add (&text, "");
  for (size_t i = 0; i < call->findings.n; i++) {
    const struct vl_finding *finding = &call->findings.items[i];

    vl_str_printf (&text, "%s%s %s", text.length ? "\n" : "", finding->code, finding->message);
    if (finding->hint)
      vl_str_printf (&text, "\n  %s", finding->hint);
    ck_assert_str_eq (finding->origin, "FILE");
    ck_assert_ptr_nonnull (finding->path);
  }
  return vl_arena_strdup (call->arena, text.text);
}

/* ---- reading ---- */

/* Everything that a request can say, in canonical form. */
static const char whole[] =
    "{\"block_devices\":[{\"boot_index\":0,\"connection_info\":{\"data\":{\"device_path\":\"/dev/"
    "x\"},"
    "\"driver_volume_type\":\"local\"},\"destination_type\":\"volume\",\"device_name\":\"vda\","
    "\"device_type\":\"disk\",\"disk_bus\":\"virtio\",\"guest_format\":\"ext4\","
    "\"source_type\":\"volume\",\"uuid\":\"bd69af1a-1e6c-4b9b-9d0c-50b7e4a1b1b1\",\"volume_size\":"
    "3},"
    "{\"format\":\"raw\",\"path\":\"/tmp/x\",\"source_type\":\"volume\"}],"
    "\"config_drive\":true,"
    "\"flavor\":{\"disk\":1,\"ephemeral\":2,\"extra_specs\":{\"a\":\"1\",\"b:c\":\"\"},\"name\":"
    "\"f\","
    "\"ram\":512,\"swap\":3,\"vcpus\":2},"
    "\"hostname\":\"h.example\","
    "\"image\":{\"disk_format\":\"qcow2\",\"kernel\":\"aki-1\",\"min_disk\":1,\"min_ram\":64,"
    "\"name\":\"i\",\"properties\":{\"hw_x\":\"y\\\"\\\\\"},\"ramdisk\":\"/boot/"
    "initrd\",\"size\":9,"
    "\"status\":\"active\"},"
    "\"macs\":[\"52:54:00:00:00:01\",\"fa:16:3e:00:00:02\"],"
    "\"metadata\":{\"k\":\"v\"},\"name\":\"s\","
    "\"networks\":[{\"address\":\"52:54:00:00:00:01\",\"bridge\":\"br0\",\"model\":\"e1000\","
    "\"mtu\":9000,\"type\":\"bridge\",\"vnic_type\":\"normal\"},{\"type\":\"user\"}],"
    "\"properties\":{\"hw_z\":\"1\"},\"public_keys\":{\"k\":\"ssh-rsa "
    "A\"},\"user_data\":\"#!/bin/sh\\n\","
    "\"uuid\":\"fb30f09b-e4c3-51b0-ac98-dc74eae73def\"}";

START_TEST (whole_request)
{
  struct vl_request *request = good (whole);
  VL_AUTOFREE char *json = vl_request_to_json (request);

  ck_assert_str_eq (json, whole);
  ck_assert_int_eq (request->flavor.ram, 512);
  ck_assert_int_eq (request->flavor.vcpus, 2);
  ck_assert_int_eq (request->image.given, 1);
  ck_assert_int_eq (request->n_entries, 4);
  ck_assert_int_eq (request->entries[2].layer, VL_LAYER_IMAGE);
  ck_assert_str_eq (request->entries[1].path, "$.flavor.extra_specs['b:c']");
  ck_assert_str_eq (request->entries[3].origin, "request");
  ck_assert_str_eq (request->devices[0].connection_info,
                    "{\"data\":{\"device_path\":\"/dev/x\"},\"driver_volume_type\":\"local\"}");
  ck_assert_int_eq (request->devices[1].boot_index, -1);
  ck_assert_str_eq (request->networks[1].mac, "fa:16:3e:00:00:02");
  ck_assert_str_eq (request->user_data, "#!/bin/sh\n");
  ck_assert_str_eq (request->hostname, "h.example");
  ck_assert_str_eq (request->public_keys[0].value, "ssh-rsa A");
  ck_assert_uint_eq (call->findings.n, 0);
  vl_request_free (request);
}
END_TEST

START_TEST (one_request_written_in_two_ways)
{
  struct vl_request *one = good ("{" FLAVOR ",\"name\":\"n\",\"networks\":[{\"bridge\":\"b\"}]}");
  struct vl_request *two =
      good ("{\"name\": \"n\", \"x-note\": {\"y\": [1]}, \"image\": null, \"block_devices\": [],"
            " \"networks\": [{\"mtu\": 0, \"bridge\": \"b\", \"address\": null}],"
            " \"config_drive\": false, \"metadata\": {},"
            " \"flavor\": {\"vcpus\": 1, \"disk\": 0, \"ram\": 64, \"extra_specs\": {}}}");
  VL_AUTOFREE char *a = vl_request_to_json (one), *b = vl_request_to_json (two);
  struct vl_request *again = good (a);
  VL_AUTOFREE char *c = vl_request_to_json (again);

  ck_assert_str_eq (a, b);
  ck_assert_str_eq (a, c);
  ck_assert_int_eq (one->uuid[14], '5');
  /* Both by another implementation of version 5. */
  ck_assert_str_eq (a, "{\"flavor\":{\"ram\":64,\"vcpus\":1},\"macs\":[\"52:54:00:12:84:b5\"],"
                       "\"name\":\"n\",\"networks\":[{\"bridge\":\"b\"}],"
                       "\"uuid\":\"79ae4a76-2d2d-56d9-8c54-147a072649d0\"}");
  vl_request_free (one);
  vl_request_free (two);
  vl_request_free (again);
}
END_TEST

START_TEST (other_requests_have_other_uuids)
{
  struct vl_request *one = good ("{" FLAVOR "}");
  struct vl_request *two = good ("{" FLAVOR ",\"config_drive\":true}");

  ck_assert_str_ne (one->uuid, two->uuid);
  ck_assert_ptr_null (one->name);
  ck_assert_int_eq (one->image.given, 0);
  vl_request_free (one);
  vl_request_free (two);
}
END_TEST

START_TEST (addresses)
{
  struct vl_request *request =
      good ("{" FLAVOR
            ",\"uuid\":\"FB30F09B-e4c3-51b0-ac98-dc74eae73def\",\"macs\":[\"52:54:00:AA:bb:cc\"],"
            "\"networks\":[{\"bridge\":\"b\"},{\"bridge\":\"b\",\"address\":\"02:00:00:00:00:AF\"},"
            "{\"bridge\":\"b\"},{\"bridge\":\"b\"}]}");

  ck_assert_str_eq (request->uuid, "fb30f09b-e4c3-51b0-ac98-dc74eae73def");
  ck_assert_uint_eq (request->n_networks, 4);
  ck_assert_str_eq (request->networks[0].mac, "52:54:00:aa:bb:cc");
  ck_assert_str_eq (request->networks[1].mac, "02:00:00:00:00:af");
  ck_assert_int_eq (strncmp (request->networks[2].mac, "52:54:00:", 9), 0);
  ck_assert_str_ne (request->networks[2].mac, request->networks[3].mac);
  for (size_t i = 0; i < 4; i++)
    ck_assert_ptr_null (vl_mac_problem (request->networks[i].mac));
  vl_request_free (request);
}
END_TEST

START_TEST (boot_indexes)
{
  static const struct {
    const char *json;
    int64_t index;
  } rows[] = { { "0", 0 },       { "\"1\"", 1 }, { "10", 10 }, { "-1", -1 },
               { "\"-1\"", -1 }, { "null", -1 }, { "-7", -1 } };
  struct vl_request *request =
      good (vl_printf (call,
                       "{" FLAVOR ",\"block_devices\":[{\"source_type\":\"blank\","
                       "\"boot_index\":%s}]}",
                       rows[_i].json));

  ck_assert_int_eq (request->devices[0].boot_index, rows[_i].index);
  vl_request_free (request);
}
END_TEST

START_TEST (members_without_effect)
{
  vl_request_free (good ("{" FLAVOR
                         ",\"block_devices\":[{\"source_type\":\"blank\",\"volume_type\":\"t\","
                         "\"delete_on_termination\":true}]}"));
  ck_assert_str_eq (findings (),
                    "Warning $.block_devices[0].volume_type: has no effect on a guest and is "
                    "passed over\n"
                    "Warning $.block_devices[0].delete_on_termination: has no effect on a guest "
                    "and is passed over");
}
END_TEST

/* ---- refusing ---- */

#define WITH(members) "{" FLAVOR "," members "}"
#define MEMBERS                                                                                    \
  "name uuid macs flavor image networks block_devices properties config_drive metadata user_data " \
  "hostname public_keys disk_kind"
#define OWN "\n  members whose name begins with 'x-' are yours and are passed over"

static const struct {
  const char *json, *findings;
} refusals[] = {
  { "", "InvalidRequest $: is not JSON: '[' or '{' expected near end of file (line 1, column 0)" },
  { "{" FLAVOR "} x", "InvalidRequest $: is not JSON: end of file expected near 'x' (line 1, "
                      "column 33)" },
  { "{\"name\":\"a\",\"name\":\"a\"}",
    "InvalidRequest $: is not JSON: duplicate object key near '\"name\"' (line 1, column 18)\n"
    "  each member may stand once" },
  { "{\"name\":\"\\u0000\"}",
    "InvalidRequest $: is not JSON: a text has a NUL (line 1, column 16)" },
  { "{\"name\":\"\xff\"}",
    "InvalidRequest $: is not JSON: unable to decode byte 0xff near '\"' (line 1, column 9)" },
  { "\xef\xbb\xbf{}", "InvalidRequest $: is not JSON: unreadable bytes (line 1, column 1)" },
  { "[]", "InvalidRequest $: is a list; accepted: an object" },
  { "{}", "InvalidRequest $.flavor: is missing" },
  { "{\"flavor\":1}", "InvalidRequest $.flavor: is a number; accepted: an object" },
  { "{\"flavor\":{}}", "InvalidRequest $.flavor.vcpus: is missing\n"
                       "InvalidRequest $.flavor.ram: is missing" },
  { "{\"flavor\":{\"vcpus\":0,\"ram\":\"64\",\"disk\":1.5,\"swap\":-1,\"ephemeral\":2147483648}}",
    "InvalidRequest $.flavor.vcpus: 0 is out of range; accepted: a whole number from 1 to "
    "2147483647\n"
    "InvalidRequest $.flavor.ram: is text; accepted: a whole number from 1 to 2147483647, without "
    "quotes\n"
    "InvalidRequest $.flavor.disk: is a number; accepted: a whole number from 0 to 2147483647\n"
    "InvalidRequest $.flavor.swap: -1 is out of range; accepted: a whole number from 0 to "
    "2147483647\n"
    "InvalidRequest $.flavor.ephemeral: 2147483648 is out of range; accepted: a whole number from "
    "0 to 2147483647" },
  { "{\"flavor\":{\"vcpus\":99999999999999999999}}",
    "InvalidRequest $: is not JSON: too big integer near '99999999999999999999' (line 1, "
    "column 39)" },
  { WITH ("\"nmae\":\"x\""),
    "InvalidRequest $.nmae: unknown member; accepted: " MEMBERS "\n  did you mean 'name'?" },
  { WITH ("\"scheduler hints\":{}"),
    "InvalidRequest $['scheduler hints']: unknown member; accepted: " MEMBERS OWN },
  { WITH ("\"a\\u0001\":{}"),
    "InvalidRequest $['a\\x01']: unknown member; accepted: " MEMBERS OWN },
  { WITH ("\"name\":\"a\\u001bb\",\"uuid\":\"x\""),
    "InvalidName $.name: 'a\\x1bb' has a control character; accepted: printable text\n"
    "InvalidUUID $.uuid: 'x' is no uuid; accepted: 8-4-4-4-12 hexadecimal digits" },
  { WITH ("\"config_drive\":\"yes\""),
    "InvalidRequest $.config_drive: is text; accepted: true or false, without quotes" },
  { WITH ("\"properties\":{\"a\":1,\"b\":true,\"c\":1.25,\"d\":null,\"e\":{}}"),
    "InvalidRequest $.properties['a']: is a number; accepted: text, \"1\"\n"
    "  write \"1\", with the quotes\n"
    "InvalidRequest $.properties['b']: is a boolean; accepted: text, \"true\"\n"
    "  write \"true\", with the quotes\n"
    "InvalidRequest $.properties['c']: is a number; accepted: text, \"1.25\"\n"
    "  write \"1.25\", with the quotes\n"
    "InvalidRequest $.properties['d']: is null; accepted: text\n"
    "  leave the key out to have it unset\n"
    "InvalidRequest $.properties['e']: is an object; accepted: text" },
  { WITH ("\"properties\":{\"\":\"x\",\"k\\n\":\"x\",\"v\":\"\\t\"}"),
    "InvalidRequest $.properties['']: the key '' is empty; accepted: at least one byte\n"
    "InvalidRequest $.properties['k\\x0a']: the key 'k\\x0a' has a control character; accepted: "
    "printable text\n"
    "InvalidRequest $.properties['v']: '\\x09' has a control character; accepted: printable text" },
  { WITH ("\"metadata\":[],\"networks\":{},\"block_devices\":\"x\",\"macs\":1,\"image\":[]"),
    "InvalidRequest $.image: is a list; accepted: an object\n"
    "InvalidRequest $.networks: is an object; accepted: a list\n"
    "InvalidRequest $.block_devices: is text; accepted: a list\n"
    "InvalidRequest $.metadata: is a list; accepted: an object\n"
    "InvalidRequest $.macs: is a number; accepted: a list" },
  { WITH ("\"image\":{\"name\":\"\",\"disk_format\":\"exe\",\"kernel\":\"../k\",\"ramdisk\":\"/a/"
          "../b\"}"),
    "InvalidName $.image.name: '' is empty; accepted: 1 to 255 bytes\n"
    "InvalidDiskFormat $.image.disk_format: 'exe' is no disk format; accepted: raw qcow2 iso "
    "vmdk vdi vhd vpc vhdx ami aki ari\n"
    "InvalidRequest $.image.kernel: '../k' is neither an absolute path nor the name of an image, "
    "which has no '/' and no leading '-'\n"
    "InvalidRequest $.image.ramdisk: '/a/../b' has a '..' in it; accepted: a path without" },
  { WITH ("\"networks\":[{\"id\":\"root\"},{\"id\":\"nic-7\"},{\"id\":\"nic-7\"},"
          "{\"id\":\"nic/7\"}]"),
    "InvalidRequest $.networks[0].id: 'root' is no id of a NIC; accepted: 'nic', then letters, "
    "digits and '-'\n"
    "InvalidRequest $.networks[2].id: 'nic-7' is the id of $.networks[1] too\n"
    "InvalidRequest $.networks[3].id: 'nic/7' is no id of a NIC; accepted: 'nic', then letters, "
    "digits and '-'" },
  { WITH ("\"networks\":[{\"bridge\":\"..\"},{\"bridge\":\"-b\"},{\"bridge\":\"a/b\"},"
          "{\"bridge\":\"abcdefghijklmnop\"},{\"mtu\":65536},{\"adress\":\"\"}]"),
    "InvalidRequest $.networks[0].bridge: '..' is no name of a network interface; accepted: names "
    "as 'br0', without a leading '-'\n"
    "InvalidRequest $.networks[1].bridge: '-b' is no name of a network interface; accepted: names "
    "as 'br0', without a leading '-'\n"
    "InvalidRequest $.networks[2].bridge: 'a/b' is no name of a network interface; accepted: "
    "printable ASCII without blank, '/' and ':'\n"
    "InvalidRequest $.networks[3].bridge: 'abcdefghijklmnop' is no name of a network interface; "
    "accepted: 1 to 15 bytes\n"
    "InvalidRequest $.networks[4].mtu: 65536 is out of range; accepted: a whole number from 0 to "
    "65535\n"
    "InvalidRequest $.networks[5].adress: unknown member; accepted: id type bridge mtu address "
    "vnic_type model tag details profile devname ovs_interfaceid properties\n"
    "  did you mean 'address'?" },
  { WITH ("\"networks\":[{\"tag\":\"a,b\"},{\"tag\":\"\"}],\"block_devices\":[{\"source_type\":"
          "\"blank\",\"tag\":\"a/b\"}]"),
    "InvalidRequest $.networks[0].tag: 'a,b' is no tag; accepted: 1 to 60 printable bytes without "
    "',' and '/'\n"
    "InvalidRequest $.networks[1].tag: '' is no tag; accepted: 1 to 60 printable bytes without ',' "
    "and '/'\n"
    "InvalidBDM $.block_devices[0].tag: 'a/b' is no tag; accepted: 1 to 60 printable bytes without "
    "',' and '/'" },
  { WITH ("\"networks\":[{\"address\":\"52:54:00:00:00:01\"},{\"address\":\"52:54:00:00:00:01\"},"
          "{\"address\":\"01:00:5e:00:00:01\"},{\"address\":\"00:00:00:00:00:00\"},"
          "{\"address\":\"52-54-00-00-00-01\"}]"),
    "InvalidRequest $.networks[1].address: '52:54:00:00:00:01' is the address of $.networks[0] "
    "too\n"
    "  give another one, or none to have one made\n"
    "InvalidRequest $.networks[2].address: '01:00:5e:00:00:01' is a multicast address; accepted: "
    "one whose first byte is even\n"
    "InvalidRequest $.networks[3].address: '00:00:00:00:00:00' is the zero address; accepted: any "
    "other\n"
    "InvalidRequest $.networks[4].address: '52-54-00-00-00-01' is no MAC address; accepted: six "
    "bytes in hexadecimal, '52:54:00:12:34:56'" },
  { WITH ("\"networks\":[{\"address\":\"52:54:00:00:00:01\"},{}],"
          "\"macs\":[\"52:54:00:00:00:02\",\"52:54:00:00:00:02\"]"),
    "InvalidRequest $.macs[0]: '52:54:00:00:00:02' is not the address of $.networks[0], "
    "'52:54:00:00:00:01'\n"
    "InvalidRequest $.macs[1]: '52:54:00:00:00:02' is another network's address too" },
  { WITH ("\"macs\":[\"52:54:00:00:00:02\"]"),
    "InvalidRequest $.macs: has 1 addresses for 0 networks; accepted: at most one for each" },
  { WITH ("\"block_devices\":[3,{},{\"source_type\":\"disk\",\"destination_type\":\"x\","
          "\"device_type\":\"y\",\"boot_index\":\"x\",\"device_name\":\"/dev/../x\","
          "\"uuid\":\"1\",\"connection_info\":\"{}\",\"path\":\"x\",\"format\":\"vmdk\"}]"),
    "InvalidRequest $.block_devices[0]: is a number; accepted: an object\n"
    "InvalidBDM $.block_devices[1]: has no source_type; accepted: blank image snapshot volume\n"
    "InvalidBDM $.block_devices[2].source_type: 'disk' is no source; accepted: blank image "
    "snapshot volume\n"
    "InvalidBDM $.block_devices[2].destination_type: 'x' is no destination; accepted: local "
    "volume\n"
    "InvalidBDM $.block_devices[2].device_type: 'y' is no type of device; accepted: cdrom disk "
    "floppy lun\n"
    "InvalidBDM $.block_devices[2].boot_index: is no place in the boot order; accepted: 0 and up, "
    "-1 or null for none\n"
    "InvalidBDM $.block_devices[2].device_name: '/dev/../x' is no device name; accepted: names as "
    "'vdb' or '/dev/vdb'\n"
    "InvalidBDM $.block_devices[2].uuid: '1' is no uuid; accepted: 8-4-4-4-12 hexadecimal digits\n"
    "InvalidBDM $.block_devices[2].connection_info: is text; accepted: an object\n"
    "InvalidBDM $.block_devices[2].path: 'x' is no absolute path; accepted: '/' and what follows\n"
    "InvalidBDM $.block_devices[2].format: 'vmdk' is no format of a volume; accepted: qcow2 raw" },
};

START_TEST (refused)
{
  ck_assert_ptr_null (read_text (refusals[_i].json));
  ck_assert_str_eq (findings (), refusals[_i].findings);
  ck_assert_int_eq (vl_findings_exit (call, 0), VL_ERR_REQUEST);
}
END_TEST

/* ---- limits ---- */

static void
fill (struct vl_str *text, const char *part, size_t n)
{
  for (size_t i = 0; i < n; i++)
    vl_str_add (text, part);
}

START_TEST (too_large)
{
  VL_AUTOSTR struct vl_str text = { 0 };

  fill (&text, " ", ((size_t)1 << 20) + 1);
  ck_assert_ptr_null (read_text (text.text));
  ck_assert_str_eq (findings (), "InvalidRequest $: has 1048577 bytes; accepted: at most 1048576");
}
END_TEST

START_TEST (too_deep)
{
  VL_AUTOSTR struct vl_str text = { 0 };
  size_t deep = _i ? 5000 : 32;

  vl_str_add (&text, "{" FLAVOR ",\"x-a\":");
  fill (&text, "[", deep);
  fill (&text, "]", deep);
  vl_str_add (&text, "}");
  ck_assert_ptr_null (read_text (text.text));
  ck_assert_str_eq (findings (),
                    _i ? "InvalidRequest $: is not JSON: maximum parsing depth reached near '[' "
                         "(line 1, column 2085)"
                       : "InvalidRequest $: is nested more than 32 deep");
}
END_TEST

START_TEST (deep_enough)
{
  VL_AUTOSTR struct vl_str text = { 0 };

  vl_str_add (&text, "{" FLAVOR ",\"x-a\":");
  fill (&text, "[", 31);
  fill (&text, "]", 31);
  vl_str_add (&text, "}");
  vl_request_free (good (text.text));
}
END_TEST

START_TEST (too_many)
{
  VL_AUTOSTR struct vl_str text = { 0 };

  vl_str_add (&text, "{\"networks\":[{}");
  fill (&text, ",{}", 256);
  vl_str_add (&text, "]," FLAVOR ",\"properties\":{\"a\":\"\"");
  for (int i = 0; i < 1024; i++)
    vl_str_printf (&text, ",\"%d\":\"\"", i);
  vl_str_add (&text, "}}");
  ck_assert_ptr_null (read_text (text.text));
  ck_assert_str_eq (findings (),
                    "InvalidRequest $.networks: has 257 items; accepted: at most 256\n"
                    "InvalidRequest $.properties: has 1025 members; accepted: at most 1024");
}
END_TEST

START_TEST (long_names)
{
  VL_AUTOSTR struct vl_str text = { 0 };

  vl_str_add (&text, "{" FLAVOR ",\"name\":\"");
  fill (&text, "n", 10240);
  vl_str_add (&text, "\",\"properties\":{\"");
  fill (&text, "k", 256);
  vl_str_add (&text, "\":\"\"},\"user_data\":\"");
  fill (&text, "u", 65536);
  vl_str_add (&text, "\"}");
  ck_assert_ptr_null (read_text (text.text));
#define N64 "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
#define K64 "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"
#define U64 "uuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu"
  ck_assert_str_eq (findings (),
                    "InvalidName $.name: '" N64 "...' is too long; accepted: 1 to 255 bytes\n"
                    "InvalidRequest $.user_data: '" U64 "...' is too long; accepted: at most 65535 "
                    "bytes\n"
                    "InvalidRequest $.properties['" K64 "...']: the key '" K64 "...' is too long; "
                    "accepted: at most 255 bytes");
}
END_TEST

#define N(rows) (int)(sizeof (rows) / sizeof ((rows)[0]))

int
main (void)
{
  Suite *suite = suite_create ("request");
  TCase *tests = tcase_create ("request");
  SRunner *runner;
  int failed;

  tcase_add_checked_fixture (tests, setup, teardown);
  tcase_add_test (tests, whole_request);
  tcase_add_test (tests, one_request_written_in_two_ways);
  tcase_add_test (tests, other_requests_have_other_uuids);
  tcase_add_test (tests, addresses);
  tcase_add_loop_test (tests, boot_indexes, 0, 7);
  tcase_add_test (tests, members_without_effect);
  tcase_add_loop_test (tests, refused, 0, N (refusals));
  tcase_add_test (tests, too_large);
  tcase_add_loop_test (tests, too_deep, 0, 2);
  tcase_add_test (tests, deep_enough);
  tcase_add_test (tests, too_many);
  tcase_add_test (tests, long_names);
  suite_add_tcase (suite, tests);
  runner = srunner_create (suite);
  srunner_set_tap (runner, "-");
  srunner_run_all (runner, CK_SILENT);
  failed = srunner_ntests_failed (runner);
  srunner_free (runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
