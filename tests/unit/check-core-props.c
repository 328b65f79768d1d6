/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the core itself makes of a request: its own properties, its own keys,
 * traits and resources, image against flavor. */

#include <config.h>

#include "swatch.h"

#include <check.h>

static struct swatch s;

static void
setup (void)
{
  swatch_start (&s);
}

static void
teardown (void)
{
  swatch_end (&s);
}

/* ---- core properties ---- */

#define UUID "fb30f09b-e4c3-51b0-ac98-dc74eae73def"

START_TEST (what_a_request_gives)
{
  static const char *const rows[][3] = {
    { "guest.name", "web", "name=web (request)" },
    { "guest.uuid", UUID, "uuid=" UUID " (request)" },
    { "guest.vcpus", "2", "vcpus=2 (flavor)" },
    { "guest.memory", "524288", "ram=512 (flavor)" },
    { "guest.flavor", "f", "name=f (flavor)" },
    { "guest.image", "i", "name=i (image)" },
    { "guest.kernel", "/boot/k", "kernel=/boot/k (image)" },
    { "guest.run-dir", "/st/servers/" UUID "/run",
      "guest.run-dir=/st/servers/" UUID "/run (the server's folder) < uuid=" UUID " (request)" },
    { "guest.boot-from-volume", "false", "block_devices (request)" },
    { "guest.arch", "x86_64", "host.arch=x86_64 (host)" },
    { "guest.virt-type", "kvm",
      "guest.virt-type=kvm (what driver 'loomy' makes) < driver=loomy (chosen)" },
    { "driver.name", "loomy", "driver=loomy (chosen)" },
    { "storage.images-type", "qcow2", "storage.images_type=default (default)" },
  };
  const struct vl_guest_prop *ramdisk;
  char uuid[37];

  swatch_parse_json (&s,
                     "{\"name\":\"web\",\"uuid\":\"" UUID "\",\"flavor\":{\"name\":\"f\","
                     "\"vcpus\":2,\"ram\":512},\"image\":{\"name\":\"i\",\"kernel\":\"/boot/k\","
                     "\"ramdisk\":\"ari-1\"}}");
  s.request->state_dir = "/st";
  s.guest = vl_guest_new (s.call, s.registry, s.config, s.driver, s.request, s.host);
  ck_assert_str_eq (swatch_findings (&s), "");
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    ck_assert_str_eq (swatch_value (&s, rows[i][0]), rows[i][1]);
    ck_assert_str_eq (swatch_cause (&s, rows[i][0]), rows[i][2]);
  }
  vl_uuid_from_text ("ari-1", uuid);
  ramdisk = vl_guest_find (s.guest, "guest.ramdisk");
  ck_assert_str_eq (ramdisk->value.text, vl_printf (s.call, "/st/images/%s", uuid));
}
END_TEST

START_TEST (boot_from_volume)
{
  swatch_parse_json (&s, "{\"flavor\":{\"vcpus\":1,\"ram\":64},\"block_devices\":[{\"source_type\":"
                         "\"volume\",\"destination_type\":\"volume\",\"boot_index\":0}]}");
  ck_assert_str_eq (swatch_value (&s, "guest.boot-from-volume"), "true");
  ck_assert_ptr_null (swatch_value (&s, "guest.image"));
  ck_assert_ptr_null (swatch_value (&s, "guest.name"));
}
END_TEST

/* ---- architecture, hypervisor, mode ---- */

static const struct {
  const char *image, *arch, *virt_type, *findings;
} archs[] = {
  { "\"hw_architecture\":\"x86_64\"", "x86_64", "kvm", "" },
  { "\"hw_architecture\":\"AMD64\"", "x86_64", "kvm", "" },
  { "\"architecture\":\"i586\"", "i686", "qemu",
    "warning Warning core: the guest is emulated, which is many times slower: this 'x86_64' host "
    "has no KVM for 'i686' (architecture=i586, image)\n"
    "  take a host of that architecture" },
  { "\"hw_architecture\":\"x86_64\",\"architecture\":\"vax\"", "x86_64", "kvm", "" },
  { "\"hw_architecture\":\"x86_64\",\"hw_emulation_architecture\":\"aarch64\"", "aarch64", "qemu",
    "warning Warning core: the guest is emulated, which is many times slower: this 'x86_64' host "
    "has no KVM for 'aarch64' (hw_emulation_architecture=aarch64, image)\n"
    "  take a host of that architecture" },
  { "\"hw_architecture\":\"vax\"", NULL, NULL,
    "error InvalidArchitectureName core: 'vax' is no architecture; accepted: names as 'x86_64', "
    "'aarch64', 'ppc64le', 's390x', 'riscv64' (hw_architecture=vax, image)" },
  { "\"hw_emulation_architecture\":\"\"", NULL, NULL,
    "error InvalidArchitectureName core: '' is empty; leave the key out to have it unset "
    "(hw_emulation_architecture=, image)" },
  { "\"img_hv_type\":\"QEMU\",\"hw_vm_mode\":\"HVM\"", "x86_64", "kvm", "" },
  { "\"hypervisor_type\":\"kvm\",\"vm_mode\":\"hv\"", "x86_64", "kvm", "" },
  { "\"img_hv_type\":\"xen\"", "x86_64", "kvm",
    "error NoValidHost core: the image is for hypervisor 'xen', and driver 'loomy' makes 'kvm' "
    "guests; accepted: kvm qemu (img_hv_type=xen, image)\n"
    "  choose a driver for such images with --driver, or another image" },
  { "\"hw_vm_mode\":\"xen\"", "x86_64", "kvm",
    "warning Warning core: mode 'xen' has no effect: 'kvm' guests run in mode 'hvm' "
    "(hw_vm_mode=xen, image)" },
  { "\"hw_vm_mode\":\"vm\"", "x86_64", "kvm",
    "error InvalidVirtualMachineMode core: 'vm' is not among the choices; accepted: baremetal exe "
    "hv hvm pv uml xen; did you mean 'hvm'? (hw_vm_mode=vm, image)" },
};

START_TEST (architecture)
{
  swatch_parse (&s, NULL, archs[_i].image, NULL);
  ck_assert_str_eq (swatch_findings (&s), archs[_i].findings);
  ck_assert_pstr_eq (swatch_value (&s, "guest.arch"), archs[_i].arch);
  if (archs[_i].virt_type)
    ck_assert_str_eq (swatch_value (&s, "guest.virt-type"), archs[_i].virt_type);
}
END_TEST

START_TEST (emulated_guests_say_why)
{
  swatch_parse (&s, NULL, "\"hw_architecture\":\"aarch64\"", NULL);
  ck_assert_str_eq (swatch_cause (&s, "guest.virt-type"),
                    "guest.virt-type=qemu (a 'x86_64' host emulates other architectures) < "
                    "hw_architecture=aarch64 (image)");
}
END_TEST

START_TEST (a_host_that_does_not_say_its_architecture)
{
  vl_host_free (s.host);
  s.host = vl_host_new ();
  swatch_parse (&s, NULL, NULL, NULL);
  ck_assert_str_eq (
      swatch_findings (&s),
      "error HostFactUnknown core: the host file does not say host.arch\n"
      "  add it where the host file is made: virtloom host import ... --capabilities FILE");
  swatch_parse (&s, NULL, "\"hw_architecture\":\"x86_64\"", NULL);
  ck_assert_str_eq (swatch_findings (&s), "");
}
END_TEST

/* ---- config drive ---- */

START_TEST (config_drive)
{
  swatch_parse (&s, NULL, "\"img_config_drive\":\"optional\"", NULL);
  ck_assert_int_eq (s.request->config_drive, 0);
  swatch_parse (&s, NULL, "\"img_config_drive\":\"mandatory\"", NULL);
  ck_assert_int_eq (s.request->config_drive, 1);
  swatch_parse (&s, NULL, "\"img_config_drive\":\"always\"", NULL);
  ck_assert_str_eq (swatch_findings (&s),
                    "error InvalidImageConfigDrive core: 'always' is not among the choices; "
                    "accepted: mandatory optional (img_config_drive=always, image)");
}
END_TEST

/* ---- traits and resources ---- */

#define BOTH (1u << VL_LAYER_FLAVOR | 1u << VL_LAYER_IMAGE)

START_TEST (traits)
{
  static const struct vl_name honoured[] = { { .name = "HW_B" } };
  static const struct vl_feature feature = { .traits = VL_TABLE (honoured) };

  swatch_feature (&s, "keen", &feature);
  swatch_parse (&s,
                "\"trait:HW_C\":\"required\",\"trait_x:HW_B\":\"required\",\"trait2:HW_C\":"
                "\"forbidden\",\"trait:NOT\":\"forbidden\",\"trait:OTHER\":\"required\"",
                "\"trait:HW_A\":\"required\"", "\"trait:HW_D\":\"required\"");
  ck_assert_str_eq (swatch_findings (&s), "");
  ck_assert_int_eq (vl_trait (s.call, "HW_C", BOTH), 1);
  ck_assert_int_eq (vl_trait (s.call, "HW_C", 1u << VL_LAYER_IMAGE), 0);
  ck_assert_int_eq (vl_trait (s.call, "HW_D", 1u << VL_LAYER_IMAGE), 1);
  ck_assert_int_eq (vl_trait (s.call, "NOT", BOTH), 0);
  ck_assert_str_eq (vl_trait_item (s.call, "HW_", BOTH, 0), "HW_A");
  ck_assert_str_eq (vl_trait_item (s.call, "HW_", BOTH, 3), "HW_D");
  ck_assert_ptr_null (vl_trait_item (s.call, "HW_", BOTH, 4));
  ck_assert_str_eq (vl_trait_item (s.call, "HW_", 1u << VL_LAYER_FLAVOR, 0), "HW_B");
}
END_TEST

/* What the host has: by virtloom.conf, by its facts, by rule. */
static const struct {
  const char *specs, *findings;
} judged[] = {
  { "\"trait:HW_B\":\"required\",\"trait:CUSTOM_SAID\":\"required\",\"trait:CUSTOM_FACT\":"
    "\"required\",\"trait:HW_ARCH_X86_64\":\"required\",\"trait:HW_CPU_X86_AVX2\":\"required\","
    "\"trait:COMPUTE_STORAGE_BUS_VIRTIO\":\"required\",\"trait:COMPUTE_NODE\":\"required\","
    "\"trait:COMPUTE_NET_VIRTIO_PACKED\":\"required\",\"trait:COMPUTE_ARCH_X86_64\":\"required\","
    "\"trait:COMPUTE_SOUND_MODEL_VIRTIO\":\"required\",\"trait:CUSTOM_OTHER\":\"required\"",
    "" },
  { "\"trait:A\":\"required\",\"trait1:B\":\"required\"",
    "error NoValidHost core: the flavor requires trait 'A', which this host has not, and no active "
    "feature looks at it (trait:A=required, flavor)\n"
    "  take a host that has it, or say 'traits += A' in virtloom.conf where this one has\n"
    "error NoValidHost core: the flavor requires trait 'B', which this host has not, and no active "
    "feature looks at it (trait1:B=required, flavor)\n"
    "  take a host that has it, or say 'traits += B' in virtloom.conf where this one has" },
  { "\"trait:CUSTOM_GONE\":\"required\"",
    "error NoValidHost core: the flavor requires trait 'CUSTOM_GONE', which this host has not, and "
    "no active feature looks at it (trait:CUSTOM_GONE=required, flavor)\n"
    "  take a host that has it, or say 'traits += CUSTOM_GONE' in virtloom.conf where this one "
    "has" },
  { "\"trait:HW_CPU_X86_AVX512F\":\"required\"",
    "error NoValidHost core: the flavor requires trait 'HW_CPU_X86_AVX512F', which this host has "
    "not, and no active feature looks at it (trait:HW_CPU_X86_AVX512F=required, flavor)\n"
    "  take a host that has it, or say 'traits += HW_CPU_X86_AVX512F' in virtloom.conf where this "
    "one has" },
  { "\"trait:COMPUTE_STORAGE_BUS_UML\":\"required\"",
    "error NoValidHost core: the flavor requires trait 'COMPUTE_STORAGE_BUS_UML', which this host "
    "has not, and no active feature looks at it (trait:COMPUTE_STORAGE_BUS_UML=required, flavor)\n"
    "  take a host that has it, or say 'traits += COMPUTE_STORAGE_BUS_UML' in virtloom.conf where "
    "this one has" },
  { "\"trait:CUSTOM_FACT\":\"forbidden\",\"trait:CUSTOM_GONE\":\"forbidden\"",
    "error NoValidHost core: the flavor forbids trait 'CUSTOM_FACT', which this host has "
    "(trait:CUSTOM_FACT=forbidden, flavor)\n  take a host that has it not\n"
    "advice Advice core: the flavor forbids trait 'CUSTOM_GONE', which this host has not "
    "(trait:CUSTOM_GONE=forbidden, flavor)" },
  { "\"resources:KEEN\":\"1\",\"resources:MEMORY_MB\":\"9\",\"resources:VGPU\":\"0\"", "" },
  { "\"resources:IDLE\":\"1\"",
    "error NotSupported core: 'resources:IDLE' gives the guest nothing: no feature that takes such "
    "resources is active (resources:IDLE=1, flavor)\n"
    "  ask for what needs it by its own key, or take it out" },
  { "\"resources:VGPU\":\"1\"",
    "error NotSupported core: 'resources:VGPU' is not supported: no plugin gives guests resources "
    "of class 'VGPU' (resources:VGPU=1, flavor)\n  take it out of the flavor" },
  { "\"trait:DOZE\":\"required\",\"trait1:DOZE\":\"forbidden\"",
    "error FeatureUnavailable sleepy: 'trait:DOZE' is for feature 'sleepy' "
    "(plugins.d/sleepy.conf), "
    "which is turned off: enabled = no in sleepy.conf:4 (trait:DOZE=required, flavor)\n"
    "  virtloom feature enable sleepy\n"
    "advice Advice core: the flavor forbids trait 'DOZE', which this host has not "
    "(trait1:DOZE=forbidden, flavor)" },
};

START_TEST (traits_of_the_host)
{
  static const struct vl_name honoured[] = { { .name = "HW_B" },
                                             { .name = "KEEN" },
                                             { .name = "CUSTOM_O*" } };
  static const struct vl_name ignored[] = { { .name = "IDLE" }, { .name = "A" } };
  static const struct vl_feature feature = { .traits = VL_TABLE (honoured) };
  static const struct vl_feature idle = { .traits = VL_TABLE (ignored) };
  static const char *asleep[] = { "DOZE", NULL };

  swatch_feature (&s, "keen", &feature);
  swatch_feature (&s, "idle", &idle);
  swatch_absent (&s, "sleepy", VL_PLUGIN_DISABLED, "hw:doze", "enabled = no in sleepy.conf:4")
      ->claims = asleep;
  swatch_main (&s, "traits", "CUSTOM_SAID CUSTOM_GONE, -CUSTOM_GONE");
  vl_host_set (s.host, "trait.CUSTOM_FACT", "true");
  vl_host_set (s.host, "trait.CUSTOM_GONE", "true");
  vl_host_set (s.host, "libvirt.version", "10.4.1");
  vl_host_set (s.host, "qemu.version", "8.2.0");
  vl_host_set (s.host, "guest.x86_64.emulator", "/usr/bin/qemu");
  vl_host_add (s.host, "host.cpu.features", "avx2");
  swatch_resolve (&s, judged[_i].specs, NULL, NULL);
  for (size_t i = 0; i < s.registry->n; i++)
    s.guest->active[i] = VL_STREQ (s.registry->plugins[i]->name, "keen");
  vl_guest_judge_traits (s.guest);
  ck_assert_str_eq (swatch_findings (&s), judged[_i].findings);
}
END_TEST

START_TEST (resources)
{
  swatch_parse (&s, "\"resources:PCPU\":\"2\",\"resources1:PCPU\":\"3\",\"resources:VCPU\":\"0\"",
                NULL, NULL);
  ck_assert_str_eq (swatch_findings (&s), "");
  ck_assert_int_eq (vl_resource (s.call, "PCPU"), 5);
  ck_assert_int_eq (vl_resource (s.call, "VCPU"), 0);
  ck_assert_int_eq (vl_resource (s.call, "VGPU"), 0);
}
END_TEST

static const struct {
  const char *specs, *image, *findings;
} open_keys[] = {
  { "\"trait:A\":\"yes\"", NULL,
    "error Invalid core: 'yes' is no value of 'trait:A'; accepted: required forbidden "
    "(trait:A=yes, flavor)" },
  { "\"trait:a\":\"required\"", NULL,
    "error Invalid core: 'a' is no name; accepted: capital letters, digits and '_' "
    "(trait:a=required, flavor)" },
  { NULL, "\"trait:A\":\"forbidden\"",
    "error Invalid core: 'forbidden' is no value of 'trait:A'; accepted: required "
    "(trait:A=forbidden, image)" },
  { "\"trait:A\":\"forbidden\"", "\"trait:A\":\"required\"",
    "error FlavorImageConflict core: trait 'A' is forbidden here and required by the image "
    "(trait:A=forbidden, flavor)\n  take out one of the two" },
  { "\"resources:A\":\"-1\"", NULL,
    "error Invalid core: '-1' is no value of 'resources:A'; accepted: a whole number "
    "(resources:A=-1, flavor)" },
  { "\"resources:\":\"1\"", NULL,
    "error Invalid core: '' is no name; accepted: capital letters, digits and '_' (resources:=1, "
    "flavor)" },
};

START_TEST (bad_open_keys)
{
  swatch_parse (&s, open_keys[_i].specs, open_keys[_i].image, NULL);
  ck_assert_str_eq (swatch_findings (&s), open_keys[_i].findings);
}
END_TEST

/* ---- image against flavor ---- */

static const struct {
  const char *flavor, *image, *more, *findings;
} checks[] = {
  { "\"ram\":64,\"disk\":1",
    "\"min_ram\":64,\"min_disk\":1,\"size\":1073741824,"
    "\"status\":\"active\"",
    "", "" },
  { "\"ram\":64,\"disk\":0", "\"size\":10737418240,\"min_disk\":9", "", "" },
  { "\"ram\":64,\"disk\":1", "\"min_ram\":65", "",
    "error FlavorMemoryTooSmall core: the image needs 65 MiB of memory, the flavor has 64 "
    "(min_ram=65, image)\n  take a flavor with more memory" },
  { "\"ram\":64,\"disk\":1", "\"size\":1073741825", "",
    "error FlavorDiskSmallerThanImage core: the image has 1073741825 bytes, the flavor's disk has "
    "1073741824 (disk=1, flavor)\n  take a flavor with a larger disk" },
  { "\"ram\":64,\"disk\":1", "\"min_disk\":2", "",
    "error FlavorDiskSmallerThanMinDisk core: the image needs a disk of 2 GiB, the flavor has 1 "
    "(min_disk=2, image)\n  take a flavor with a larger disk" },
  { "\"ram\":64,\"disk\":1", "\"status\":\"queued\"", "",
    "error ImageNotActive core: the image is 'queued'; accepted: active (status=queued, image)\n"
    "  wait until the image is active, or take another one" },
  { "\"ram\":64,\"disk\":1", "\"min_disk\":4,\"size\":4294967296",
    ",\"block_devices\":[{\"source_type\":\"image\",\"destination_type\":\"volume\","
    "\"boot_index\":0,\"volume_size\":3}]",
    "error VolumeSmallerThanMinDisk core: the image needs a disk of 4 GiB, the volume has 3 "
    "(min_disk=4, image)\n  ask for a larger volume" },
};

START_TEST (image_against_flavor)
{
  swatch_parse_json (&s, vl_printf (s.call, "{\"flavor\":{\"vcpus\":1,%s},\"image\":{%s}%s}",
                                    checks[_i].flavor, checks[_i].image, checks[_i].more));
  ck_assert_str_eq (swatch_findings (&s), checks[_i].findings);
}
END_TEST

START_TEST (the_disk_in_the_image_counts)
{
  swatch_parse (&s, NULL, NULL, NULL);
  s.request->image.virtual_size = (int64_t)2 << 30;
  s.guest = vl_guest_new (s.call, s.registry, s.config, s.driver, s.request, s.host);
  ck_assert_str_eq (s.call->findings.items[0].code, "FlavorDiskSmallerThanImage");
}
END_TEST

#define N(rows) (int)(sizeof (rows) / sizeof ((rows)[0]))

int
main (void)
{
  Suite *suite = suite_create ("core-props");
  TCase *tests = tcase_create ("core-props");
  SRunner *runner;
  int failed;

  tcase_add_checked_fixture (tests, setup, teardown);
  tcase_add_test (tests, what_a_request_gives);
  tcase_add_test (tests, boot_from_volume);
  tcase_add_loop_test (tests, architecture, 0, N (archs));
  tcase_add_test (tests, emulated_guests_say_why);
  tcase_add_test (tests, a_host_that_does_not_say_its_architecture);
  tcase_add_test (tests, config_drive);
  tcase_add_test (tests, traits);
  tcase_add_loop_test (tests, traits_of_the_host, 0, N (judged));
  tcase_add_test (tests, resources);
  tcase_add_loop_test (tests, bad_open_keys, 0, N (open_keys));
  tcase_add_loop_test (tests, image_against_flavor, 0, N (checks));
  tcase_add_test (tests, the_disk_in_the_image_counts);
  suite_add_tcase (suite, tests);
  runner = srunner_create (suite);
  srunner_set_tap (runner, "-");
  srunner_run_all (runner, CK_SILENT);
  failed = srunner_ntests_failed (runner);
  srunner_free (runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
