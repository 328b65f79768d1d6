/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Resolve: on demand, in no order; cycles; who fails with whom; slots; what may
 * be read and set, by whom and when; the chain of reasons. */

#include <config.h>

#include "swatch.h"

#include "request/work.h"

#include <check.h>

static struct swatch s;
static int calls;

static void
setup (void)
{
  calls = 0;
  swatch_start (&s);
}

static void
teardown (void)
{
  swatch_end (&s);
}

/* Runs FN as PLUGIN would. */
static void
as (struct vl_plugin *plugin)
{
  vl_call_as (s.call, plugin);
}

/* ---- a chain of features: able reads baker reads charlie ---- */

static const struct vl_prop text_prop[] = {
  { .name = "text", .type = VL_STRING, .flavor_key = "able:text" }
};
static const struct vl_prop baker_prop[] = { { .name = "text", .type = VL_STRING } };
static const struct vl_prop charlie_prop[] = { { .name = "text",
                                                 .type = VL_CHOICE,
                                                 .choices =
                                                     (const char *const[]) { "x", "y", NULL },
                                                 .flavor_key = "charlie:text" } };
static const struct vl_name reads_baker[] = { { .name = "baker.text" } };
static const struct vl_name reads_charlie[] = { { .name = "charlie.text" },
                                                { .name = "absent.text" } };

static int
resolve_able (struct vl_call *call)
{
  calls++;
  if (! vl_has (call, "baker.text"))
    return vl_refuse (call, VL_ERR_REQUEST, "text", NULL, "baker has no text");
  return vl_put (call, "text", vl_str (call, "baker.text"), "baker.text", "baker's");
}

static int
resolve_baker (struct vl_call *call)
{
  calls++;
  if (vl_has (call, "absent.text"))
    return vl_refuse (call, VL_ERR_REQUEST, NULL, NULL, "absent is there");
  if (! vl_has (call, "charlie.text"))
    return 0;
  return vl_put (call, "text", vl_printf (call, "(%s)", vl_str (call, "charlie.text")),
                 "charlie.text", "in brackets");
}

static const struct vl_feature able = { .props = VL_TABLE (text_prop),
                                        .reads = VL_TABLE (reads_baker),
                                        .resolve = resolve_able };
static const struct vl_feature baker = { .props = VL_TABLE (baker_prop),
                                         .reads = VL_TABLE (reads_charlie),
                                         .resolve = resolve_baker };
static const struct vl_feature charlie = { .props = VL_TABLE (charlie_prop) };

START_TEST (on_demand)
{
  /* The same whichever is resolved first. */
  swatch_feature (&s, _i ? "able" : "zebra", &able);
  swatch_feature (&s, "baker", &baker);
  swatch_feature (&s, "charlie", &charlie);
  swatch_resolve (&s, "\"charlie:text\":\"x\"", NULL, NULL);
  ck_assert_str_eq (swatch_findings (&s), "");
  ck_assert_int_eq (calls, 2);
  ck_assert_str_eq (swatch_value (&s, "baker.text"), "(x)");
  ck_assert_str_eq (swatch_value (&s, _i ? "able.text" : "zebra.text"), "(x)");
  ck_assert_str_eq (swatch_cause (&s, _i ? "able.text" : "zebra.text"),
                    _i ? "able.text=(x) (baker's) < baker.text=(x) (in brackets) < "
                         "charlie:text=x (flavor)"
                       : "zebra.text=(x) (baker's) < baker.text=(x) (in brackets) < "
                         "charlie:text=x (flavor)");
}
END_TEST

START_TEST (who_fails_with_whom)
{
  struct vl_plugin *a = swatch_feature (&s, "able", &able);
  struct vl_plugin *b = swatch_feature (&s, "baker", &baker);
  struct vl_plugin *c = swatch_feature (&s, "charlie", &charlie);

  swatch_resolve (&s, "\"charlie:text\":\"z\"", NULL, NULL);
  /* One finding: what able and baker miss follows from it. */
  ck_assert_str_eq (swatch_findings (&s),
                    "error Invalid charlie: 'z' is not among the choices; accepted: x y "
                    "(charlie:text=z, flavor)");
  ck_assert_int_eq (has_failed (s.guest, a), 1);
  ck_assert_int_eq (has_failed (s.guest, b), 1);
  ck_assert_int_eq (has_failed (s.guest, c), 1);
  ck_assert_uint_eq (s.call->findings.n_errors, 1);
}
END_TEST

START_TEST (failing_later_takes_readers_along)
{
  struct vl_plugin *a = swatch_feature (&s, "able", &able);
  struct vl_plugin *b = swatch_feature (&s, "baker", &baker);
  struct vl_plugin *c = swatch_feature (&s, "charlie", &charlie);

  swatch_resolve (&s, "\"charlie:text\":\"y\"", NULL, NULL);
  vl_guest_fail (s.guest, b);
  ck_assert_int_eq (has_failed (s.guest, a), 1);
  ck_assert_int_eq (has_failed (s.guest, b), 1);
  ck_assert_int_eq (has_failed (s.guest, c), 0);
}
END_TEST

START_TEST (spoilt_in_a_later_phase)
{
  struct vl_plugin *b = swatch_feature (&s, "baker", &baker);
  struct vl_plugin *c = swatch_feature (&s, "charlie", &charlie);

  swatch_resolve (&s, NULL, NULL, NULL);
  ck_assert_int_eq (vl_guest_spoilt (s.guest, b), 0);
  /* Charlie fails, but nobody is told: baker meets it when it reads. */
  s.guest->failed[vl_guest_number (s.guest, c)] = 1;
  as (b);
  vl_refuse (s.call, VL_ERR_REQUEST, NULL, NULL, "mine alone");
  ck_assert_ptr_null (vl_str (s.call, "charlie.text"));
  vl_refuse (s.call, VL_ERR_REQUEST, NULL, NULL, "there is no text");
  as (NULL);
  ck_assert_int_eq (vl_guest_spoilt (s.guest, b), 1);
  ck_assert_str_eq (swatch_findings (&s), "error Invalid baker: mine alone");
  ck_assert_int_eq (has_failed (s.guest, b), 1);
}
END_TEST

/* ---- cycles ---- */

static const struct vl_prop round_prop[] = { { .name = "p", .type = VL_BOOL } };
static const struct vl_name reads_second[] = { { .name = "second.p" } };
static const struct vl_name reads_third[] = { { .name = "third.p" } };
static const struct vl_name reads_first[] = { { .name = "first.p" } };

static int
resolve_first (struct vl_call *call)
{
  return vl_bool (call, "second.p")
             ? 0
             : vl_refuse (call, VL_ERR_REQUEST, NULL, NULL, "second.p is needed");
}

static int
resolve_second (struct vl_call *call)
{
  return vl_put (call, "p", vl_bool (call, "third.p") ? "true" : "false", NULL, NULL);
}

static int
resolve_third (struct vl_call *call)
{
  (void)call;
  vl_has (call, "first.p");
  return 0;
}

START_TEST (a_cycle_names_its_chain)
{
  static const struct vl_feature first = { .props = VL_TABLE (round_prop),
                                           .reads = VL_TABLE (reads_second),
                                           .resolve = resolve_first };
  static const struct vl_feature second = { .props = VL_TABLE (round_prop),
                                            .reads = VL_TABLE (reads_third),
                                            .resolve = resolve_second };
  static const struct vl_feature third = { .props = VL_TABLE (round_prop),
                                           .reads = VL_TABLE (reads_first),
                                           .resolve = resolve_third };

  swatch_feature (&s, "first", &first);
  swatch_feature (&s, "second", &second);
  swatch_feature (&s, "third", &third);
  swatch_resolve (&s, NULL, NULL, NULL);
  ck_assert_str_eq (swatch_findings (&s),
                    "error PropertyCycle third: properties depend on themselves: first -> second "
                    "-> third -> first\n"
                    "  turn one of these features off; the cycle is a fault of theirs");
  ck_assert_int_eq (vl_findings_exit (s.call, 0), VL_ERR_CONFLICT);
  for (size_t i = 0; i < s.registry->n; i++)
    if (s.registry->plugins[i]->feature.resolve && s.registry->plugins[i]->feature.network == NULL)
      ck_assert_int_eq (s.guest->failed[i], 1);
}
END_TEST

/* ---- slots ---- */

static const struct vl_prop filler_prop[] = { { .name = "bus",
                                                .type = VL_CHOICE,
                                                .choices =
                                                    (const char *const[]) { "ide", "scsi", NULL },
                                                .image_key = "hw_bus",
                                                .fills = VL_DISK_BUS } };
static const struct vl_name reads_bus[] = { { .name = VL_DISK_BUS }, { .name = VL_GUEST_DISK } };

static const char *
slot_default (struct vl_call *call, const char *slot)
{
  if (VL_STREQ (slot, VL_DISK_BUS))
    return vl_is (call, VL_GUEST_ARCH, "x86_64") ? "sata" : "usb";
  return VL_STREQ (slot, VL_GUEST_MACHINE) ? "pc" : NULL;
}

START_TEST (slots)
{
  static const struct vl_offer offers[] = {
    { .slot = VL_DISK_BUS, .name = "scsi", .prefix = "sd" }
  };
  static const struct vl_feature filler = { .props = VL_TABLE (filler_prop),
                                            .offers = VL_TABLE (offers) };
  static const struct vl_feature reader = { .reads = VL_TABLE (reads_bus) };
  struct vl_plugin *plugin = swatch_feature (&s, "reader", &reader);

  s.driver->driver.slot_default = slot_default;
  swatch_resolve (&s, NULL, NULL, NULL);
  ck_assert_str_eq (swatch_value (&s, VL_DISK_BUS), "sata");
  ck_assert_str_eq (swatch_cause (&s, VL_DISK_BUS), "disk.bus=sata (default of driver 'loomy')");
  ck_assert_str_eq (swatch_value (&s, VL_NIC_MODEL), "virtio");
  swatch_feature (&s, "filler", &filler);
  swatch_resolve (&s, NULL, "\"hw_bus\":\"scsi\"", NULL);
  as (plugin);
  ck_assert_str_eq (vl_str (s.call, VL_DISK_BUS), "scsi");
  ck_assert_uint_eq (vl_n_disks (s.call), 1);
  ck_assert_str_eq (vl_disk (s.call, 0)->bus, "scsi");
  ck_assert_ptr_null (vl_disk (s.call, 1));
  as (NULL);
  ck_assert_str_eq (swatch_cause (&s, VL_DISK_BUS), "hw_bus=scsi (image)");
  ck_assert_str_eq (vl_origin_text (s.call, VL_DISK_BUS), "hw_bus=scsi, image");
  swatch_resolve (&s, NULL, NULL, NULL);
  ck_assert_str_eq (swatch_value (&s, VL_DISK_BUS), "sata");
}
END_TEST

START_TEST (a_slot_fails_with_what_fills_it)
{
  static const struct vl_feature filler = { .props = VL_TABLE (filler_prop) };

  swatch_feature (&s, "filler", &filler);
  swatch_resolve (&s, NULL, "\"hw_bus\":\"ida\"", NULL);
  ck_assert_str_eq (swatch_findings (&s),
                    "error Invalid filler: 'ida' is not among the choices; accepted: ide scsi; did "
                    "you mean 'ide'? (hw_bus=ida, image)");
  ck_assert_int_eq (s.guest->disks_state, VL_FAILED);
  ck_assert_uint_eq (vl_n_disks (s.call), 0);
}
END_TEST

static int
resolve_by_disks (struct vl_call *call)
{
  (void)call;
  vl_n_disks (call);
  return 0;
}

START_TEST (a_filler_that_reads_the_disks)
{
  static const struct vl_feature filler = { .props = VL_TABLE (filler_prop),
                                            .reads = VL_TABLE (reads_bus),
                                            .resolve = resolve_by_disks };
  struct vl_plugin *plugin = swatch_feature (&s, "filler", &filler);

  swatch_resolve (&s, NULL, NULL, NULL);
  ck_assert_str_eq (swatch_findings (&s),
                    "error PropertyCycle core: properties depend on themselves: filler -> "
                    "guest.disk -> disk.bus -> filler\n"
                    "  turn one of these features off; the cycle is a fault of theirs");
  ck_assert_int_eq (has_failed (s.guest, plugin), 1);
}
END_TEST

/* ---- reading and setting by the rules ---- */

static const struct vl_prop odd_props[] = {
  { .name = "number", .type = VL_INT, .min = 1, .max = 9, .invalid_code = "OddNumber" },
  { .name = "list", .type = VL_LIST },
  { .name = "many", .type = VL_INT, .flags = VL_INDEXED, .flavor_key = "odd:many.N" },
  { .name = "both",
    .type = VL_INT,
    .rule = VL_BY_FEATURE,
    .flavor_key = "odd:both",
    .image_key = "odd_both" },
};

static int
resolve_odd (struct vl_call *call)
{
  vl_put (call, "list", "a, b", NULL, NULL);
  vl_put (call, "odd.many", "3 1", "number", NULL);
  vl_put (call, "both", "7", "both", "the flavor's and more");
  return vl_put (call, "number", "5", "host.arch", "as the host has it");
}

static int
resolve_wrong (struct vl_call *call)
{
  vl_put (call, "nothing", "1", NULL, NULL);
  vl_has (call, "other.thing");
  vl_n_disks (call);
  return vl_put (call, "number", "10", NULL, NULL);
}

static int
resolve_silently (struct vl_call *call)
{
  (void)call;
  return -1;
}

START_TEST (values_set_in_resolve)
{
  static const struct vl_feature odd = { .props = VL_TABLE (odd_props), .resolve = resolve_odd };
  struct vl_plugin *plugin = swatch_feature (&s, "odd", &odd);

  swatch_resolve (&s, "\"odd:both\":\"2\"", "\"odd_both\":\"3\"", "\"odd_both\":\"4\"");
  ck_assert_str_eq (swatch_findings (&s), "");
  as (plugin);
  ck_assert_int_eq (vl_int (s.call, "number"), 5);
  ck_assert_uint_eq (vl_count (s.call, "list"), 2);
  ck_assert_str_eq (vl_item (s.call, "list", 1), "b");
  ck_assert_ptr_null (vl_item (s.call, "list", 2));
  ck_assert_uint_eq (vl_count (s.call, "many"), 2);
  ck_assert_str_eq (vl_item (s.call, "odd.many", 0), "3");
  ck_assert_int_eq (vl_int (s.call, "both"), 7);
  ck_assert_int_eq (vl_origin (s.call, "both"), VL_LAYER_RESOLVED);
  ck_assert_int_eq (vl_layer_int (s.call, "both", VL_LAYER_FLAVOR), 2);
  ck_assert_int_eq (vl_layer_int (s.call, "both", VL_LAYER_IMAGE), 4);
  ck_assert_str_eq (vl_layer_str (s.call, "both", VL_LAYER_REQUEST), "4");
  ck_assert_int_eq (vl_layer_has (s.call, "both", VL_LAYER_SETTING), 0);
  ck_assert_int_eq (vl_layer_has (s.call, "number", VL_LAYER_RESOLVED), 0);
  /* Too late: the guest is frozen. */
  ck_assert_int_eq (vl_put (s.call, "number", "1", NULL, NULL), -1);
  as (NULL);
  ck_assert_str_eq (swatch_findings (&s),
                    "error PluginFault odd: vl_put of 'number': properties are set in "
                    "resolve and claim only\n"
                    "  this is a fault of the plugin");
  ck_assert_str_eq (swatch_cause (&s, "odd.number"),
                    "odd.number=5 (as the host has it) < host.arch=x86_64 (host)");
  ck_assert_str_eq (swatch_cause (&s, "odd.both"),
                    "odd.both=7 (the flavor's and more) < odd_both=4 (request)");
  ck_assert_str_eq (vl_origin_text (s.call, "odd.both"), "odd_both=4, request");
  ck_assert_str_eq (swatch_cause (&s, "odd.nothing"), "nothing");
}
END_TEST

START_TEST (what_a_plugin_may_not)
{
  static const struct vl_feature odd = { .props = VL_TABLE (odd_props), .resolve = resolve_wrong };
  struct vl_plugin *plugin = swatch_feature (&s, "odd", &odd);

  swatch_resolve (&s, NULL, NULL, NULL);
  ck_assert_str_eq (
      swatch_findings (&s),
      "error PluginFault odd: vl_put of 'nothing': it has no such property of its own\n"
      "  this is a fault of the plugin\n"
      "error PluginFault odd: reads 'other.thing', which is not in its table of reads\n"
      "  this is a fault of the plugin\n"
      "error PluginFault odd: reads 'guest.disk', which is not in its table of reads\n"
      "  this is a fault of the plugin\n"
      "error OddNumber odd: '10' is out of range; accepted: 1 to 9");
  ck_assert_int_eq (has_failed (s.guest, plugin), 1);
}
END_TEST

START_TEST (others_layers_are_not_to_be_read)
{
  struct vl_plugin *b = swatch_feature (&s, "baker", &baker);

  swatch_feature (&s, "charlie", &charlie);
  swatch_resolve (&s, "\"charlie:text\":\"x\"", NULL, NULL);
  as (b);
  ck_assert_int_eq (vl_layer_has (s.call, "charlie.text", VL_LAYER_FLAVOR), 0);
  ck_assert_int_eq (vl_is (s.call, "charlie.text", "x"), 1);
  as (NULL);
  ck_assert_str_eq (
      swatch_findings (&s),
      "error PluginFault baker: reads 'charlie.text', which is not its own, by layer\n"
      "  this is a fault of the plugin");
}
END_TEST

START_TEST (a_property_that_a_loaded_feature_has_not)
{
  static const struct vl_name typo[] = { { .name = "charlie.txet" } };
  static const struct vl_feature reader = { .reads = VL_TABLE (typo) };
  struct vl_plugin *plugin = swatch_feature (&s, "reader", &reader);

  swatch_feature (&s, "charlie", &charlie);
  swatch_resolve (&s, NULL, NULL, NULL);
  as (plugin);
  ck_assert_int_eq (vl_has (s.call, "charlie.txet"), 0);
  as (NULL);
  ck_assert_str_eq (swatch_findings (&s),
                    "error PluginFault reader: reads 'charlie.txet', which no loaded feature has\n"
                    "  this is a fault of the plugin");
}
END_TEST

/* ---- a value for each device ---- */

static const struct vl_prop of_props[] = {
  { .name = "cache",
    .type = VL_CHOICE,
    .choices = (const char *const[]) { "none", "all", "some", NULL },
    .deflt = "none",
    .of = "disk",
    .image_key = "hw_of_cache",
    .invalid_code = "BadCache" },
  { .name = "rate", .type = VL_INT, .of = "nic", .image_key = "hw_of_rate" },
  { .name = "plain", .type = VL_INT, .image_key = "hw_of_plain" },
};
static const struct vl_name reads_devices[] = { { .name = VL_GUEST_DISK },
                                                { .name = VL_GUEST_NIC } };

static int
resolve_of (struct vl_call *call)
{
  if (vl_of_int (call, "nic0", "rate") == 5)
    return vl_put_of (call, "nic0", "rate", "7", "plain", "a little more");
  return 0;
}

static const struct vl_feature of_feature = { .props = VL_TABLE (of_props),
                                              .reads = VL_TABLE (reads_devices),
                                              .resolve = resolve_of };

#define OF_REQUEST(image, volume, network)                                                         \
  "{\"name\":\"n\",\"flavor\":{\"vcpus\":1,\"ram\":64,\"disk\":1},\"image\":{\"name\":\"i\","      \
  "\"disk_format\":\"raw\",\"properties\":{" image "}},\"block_devices\":[{\"source_type\":"       \
  "\"image\",\"destination_type\":\"local\",\"boot_index\":0},{\"source_type\":\"volume\","        \
  "\"path\":"                                                                                      \
  "\"/v\",\"properties\":{" volume "}}],\"networks\":[{\"type\":\"user\",\"properties\":{" network \
  "}},{\"type\":\"user\"}]}"

START_TEST (a_value_for_each_device)
{
  struct vl_plugin *plugin = swatch_feature (&s, "of", &of_feature);
  const char *volume;

  swatch_parse_json (&s, OF_REQUEST ("\"hw_of_cache\":\"all\"", "\"hw_of_cache\":\"some\"",
                                     "\"hw_of_rate\":\"5\""));
  s.call->phase = VL_PHASE_RESOLVE;
  vl_guest_resolve (s.guest);
  ck_assert_str_eq (swatch_findings (&s), "");
  as (plugin);
  volume = vl_disk (s.call, 1)->id;
  ck_assert_str_eq (vl_of_str (s.call, "root", "cache"), "all");
  ck_assert_str_eq (vl_of_str (s.call, volume, "cache"), "some");
  ck_assert_int_eq (vl_of_int (s.call, "nic0", "rate"), 7);
  ck_assert_int_eq (vl_of_has (s.call, "nic1", "rate"), 0);
  ck_assert_ptr_null (vl_of_str (s.call, "root", "plain"));
  ck_assert_ptr_null (vl_of_str (s.call, "sdz", "cache"));
  ck_assert_ptr_null (vl_of_str (s.call, NULL, "cache"));
  as (NULL);
  ck_assert_str_eq (
      swatch_findings (&s),
      "error PluginFault of: reads 'of.plain' of a device: that row has one value for the guest\n"
      "  this is a fault of the plugin\n"
      "error PluginFault of: asks for 'of.cache' of 'sdz', which is no disk of this guest\n"
      "  this is a fault of the plugin\n"
      "error PluginFault of: reads a property of a device: NULL where a name is needed, or no "
      "guest\n"
      "  this is a fault of the plugin");
  ck_assert_str_eq (swatch_cause (&s, "of.cache"), "hw_of_cache=all (image)");
  ck_assert_str_eq (swatch_cause (&s, vl_printf (s.call, "of.cache@%s", volume)),
                    "hw_of_cache=some ($.block_devices[1].properties['hw_of_cache'])");
  ck_assert_str_eq (swatch_cause (&s, "of.rate@nic0"), "of.rate=7 (a little more, of.plain)");
}
END_TEST

START_TEST (refused_for_a_device)
{
  swatch_feature (&s, "of", &of_feature);
  swatch_parse_json (&s, OF_REQUEST ("", "\"hw_of_cache\":\"much\",\"hw_of_plain\":\"1\"",
                                     "\"hw_of_cache\":\"all\",\"hw_of_caches\":\"all\""));
  ck_assert_str_eq (
      swatch_findings (&s),
      "error BadCache of: 'much' is not among the choices; accepted: none all some "
      "(hw_of_cache=much, request)\n"
      "error ValidationError of: 'hw_of_plain' is no property of a disk; it is one of images and "
      "servers (hw_of_plain=1, request)\n"
      "error ValidationError of: 'hw_of_cache' is no property of a network; it is one of disks "
      "(hw_of_cache=all, request)\n"
      "error ValidationError core: no plugin answers for property 'hw_of_caches' "
      "(hw_of_caches=all, "
      "request)\n"
      "  did you mean 'hw_of_cache'?");
}
END_TEST

START_TEST (failing_in_silence)
{
  static const struct vl_feature silent = { .resolve = resolve_silently };

  swatch_feature (&s, "silent", &silent);
  swatch_resolve (&s, NULL, NULL, NULL);
  ck_assert_str_eq (swatch_findings (&s),
                    "error PluginFault silent: 'silent' failed in resolve without saying why\n"
                    "  this is a fault of the plugin");
}
END_TEST

START_TEST (a_registry_that_changes)
{
  struct vl_plugin *plugin = swatch_feature (&s, "charlie", &charlie);

  swatch_resolve (&s, "\"charlie:text\":\"x\"", NULL, NULL);
  ck_assert_str_eq (swatch_value (&s, "charlie.text"), "x");
  plugin->state = VL_PLUGIN_REFUSED;
  plugin->reason = "of the test";
  plugin->conf = "charlie.conf";
  swatch_resolve (&s, "\"charlie:text\":\"x\"", NULL, NULL);
  ck_assert_str_eq (swatch_findings (&s),
                    "error PluginRefused charlie: 'charlie:text' is for feature 'charlie' "
                    "(charlie.conf), which is refused: of the test (charlie:text=x, flavor)\n"
                    "  'virtloom feature show charlie' tells what to mend");
  ck_assert_ptr_null (vl_guest_find (s.guest, "charlie.text"));
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("resolve");
  TCase *tests = tcase_create ("resolve");
  SRunner *runner;
  int failed;

  tcase_add_checked_fixture (tests, setup, teardown);
  tcase_add_loop_test (tests, on_demand, 0, 2);
  tcase_add_test (tests, who_fails_with_whom);
  tcase_add_test (tests, failing_later_takes_readers_along);
  tcase_add_test (tests, spoilt_in_a_later_phase);
  tcase_add_test (tests, a_cycle_names_its_chain);
  tcase_add_test (tests, slots);
  tcase_add_test (tests, a_slot_fails_with_what_fills_it);
  tcase_add_test (tests, a_filler_that_reads_the_disks);
  tcase_add_test (tests, values_set_in_resolve);
  tcase_add_test (tests, what_a_plugin_may_not);
  tcase_add_test (tests, others_layers_are_not_to_be_read);
  tcase_add_test (tests, a_property_that_a_loaded_feature_has_not);
  tcase_add_test (tests, a_value_for_each_device);
  tcase_add_test (tests, refused_for_a_device);
  tcase_add_test (tests, failing_in_silence);
  tcase_add_test (tests, a_registry_that_changes);
  suite_add_tcase (suite, tests);
  runner = srunner_create (suite);
  srunner_set_tap (runner, "-");
  srunner_run_all (runner, CK_SILENT);
  failed = srunner_ntests_failed (runner);
  srunner_free (runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
