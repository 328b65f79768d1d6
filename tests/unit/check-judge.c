/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Who may write what and when; what adjust sees and changes; what is forbidden
 * goes or is a conflict. */

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

/* ---- writes ---- */

START_TEST (outside_its_writes)
{
  struct vl_plugin *a = LOOM_WRITER (&loom, "a", "features/kvm", "os/@firmware");
  struct vl_node *dead;

  vl_ensure (as (a), "features", NULL); /* a parent comes free */
  vl_ensure (as (a), "features/kvm/hidden", NULL);
  put (a, vl_ensure (as (a), "os", NULL), "firmware", "efi", NULL);
  ck_assert_str_eq (loom_findings (&loom), "");
  dead = vl_ensure (as (a), "features/pmu", NULL);
  ck_assert_str_eq (
      loom_findings (&loom),
      "error PluginFault a: 'a' writes '/domain/features/pmu', which is not in its writes table\n"
      "  list 'features/pmu' (or an element above it) in the feature's `writes`\n");
  ck_assert_str_eq (loom.call->findings.items[0].path, "/domain/features/pmu");
  /* What follows on the dead node says nothing more. */
  ck_assert_int_eq (put (a, dead, "state", "on", NULL), -1);
  ck_assert_int_eq (put_text (a, vl_ensure_in (by (a, dead, NULL), "x/y"), "t", NULL), -1);
  ck_assert_int_eq (put (a, vl_append_in (by (a, dead, NULL), "z"), "k", "v", NULL), -1);
  ck_assert_uint_eq (loom.call->findings.n, 1);
  ck_assert_int_eq (put (a, vl_ensure (as (a), "os", NULL), "x", "1", NULL), -1);
  ck_assert_ptr_nonnull (strstr (loom_findings (&loom), "'a' writes '/domain/os/@x'"));
  ck_assert_int_eq (put (a, NULL, "type", "kvm", NULL), -1);
  ck_assert_int_eq (put_text (a, vl_ensure (as (a), "features", NULL), "t", NULL), -1);
  ck_assert_int_eq (vl_forbid (as (a), "features/acpi", NULL), -1);
  ck_assert_uint_eq (loom.call->findings.n, 5);
  ck_assert_int_eq (put (a, vl_append (as (a), "features", NULL), "k", "v", NULL), -1);
}
END_TEST

START_TEST (a_star_is_any_one_element)
{
  struct vl_plugin *a = LOOM_WRITER (&loom, "a", "devices/*/driver/@iommu");
  struct vl_plugin *b = LOOM_WRITER (&loom, "b", "devices/[*]/driver");

  put (a, vl_ensure (as (a), "devices/memballoon/driver", NULL), "iommu", "on", NULL);
  put (b, vl_ensure (as (b), "devices/memballoon/driver", NULL), "packed", "on", NULL);
  ck_assert_str_eq (loom_findings (&loom), "");
  put (a, vl_ensure (as (a), "devices/memballoon/driver", NULL), "packed", "on", NULL);
  ck_assert_uint_eq (loom.call->findings.n, 1);
  vl_ensure (as (b), "devices/memballoon/target/driver", NULL);
  ck_assert_uint_eq (loom.call->findings.n, 2);
  vl_ensure (as (b), "device/memballoon/driver", NULL);
  ck_assert_uint_eq (loom.call->findings.n, 3);
}
END_TEST

START_TEST (bad_paths)
{
  static const char *const bad[] = { "",      "/",  "a//b",   "a/", "/a",       "a b",
                                     "a/<b>", "1a", "a/../b", "-a", "a[x=1]/b", "caf\xc3\xa9" };
  struct vl_plugin *a = LOOM_WRITER (&loom, "a", "*");

  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    vl_ensure (as (a), bad[i], NULL);
    ck_assert_uint_eq (loom.call->findings.n, i + 1);
    ck_assert_ptr_nonnull (strstr (loom_findings (&loom), "is not a path of element names"));
  }
  ck_assert_int_eq (put (NULL, NULL, "a='b' c", "x", NULL), -1);
  ck_assert_int_eq (put (NULL, NULL, "a", NULL, NULL), -1);
  ck_assert_int_eq (put (NULL, NULL, NULL, "x", NULL), -1);
}
END_TEST

START_TEST (too_deep)
{
  struct vl_plugin *a = LOOM_WRITER (&loom, "a", "x");
  struct vl_node *node = vl_ensure (as (a), "x", NULL);

  for (int i = 0; i < 100; i++)
    node = vl_ensure_in (by (a, node, NULL), "x");
  ck_assert_uint_eq (loom.call->findings.n, 1);
}
END_TEST

/* ---- phases ---- */

START_TEST (written_only_in_its_phases)
{
  static const enum vl_phase wrong[] = { VL_PHASE_NONE,   VL_PHASE_RESOLVE, VL_PHASE_VALIDATE,
                                         VL_PHASE_CLAIM,  VL_PHASE_BEGIN,   VL_PHASE_CHECK,
                                         VL_PHASE_SCHEMA, VL_PHASE_SEALED };
  struct vl_plugin *a = LOOM_WRITER (&loom, "a", "x");

  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    const char *text;

    loom_as (&loom, a, wrong[i]);
    vl_ensure (loom.call, "x", NULL);
    text = vl_printf (loom.call,
                      "error PluginFault a: vl_ensure is called in phase '%s'; the document is "
                      "written in contribute and adjust\n",
                      vl_phase_name (wrong[i]));
    ck_assert_ptr_nonnull (strstr (loom_findings (&loom), text));
    ck_assert_int_eq (vl_set_why (vl_domain (loom.call), "x", "y", NULL), -1);
    ck_assert_int_eq (vl_forbid (loom.call, "x", NULL), -1);
  }
}
END_TEST

START_TEST (read_only_in_its_phases)
{
  struct vl_plugin *a = LOOM_WRITER (&loom, "a", "x");

  put (NULL, NULL, "type", "kvm", NULL);
  ck_assert_ptr_null (vl_get (vl_domain (as (a)), "@type"));
  ck_assert_str_eq (loom_findings (&loom),
                    "error PluginFault a: vl_get is called in phase 'contribute'; the "
                    "document is read in adjust and check\n");
  ck_assert_int_eq (vl_each (as (a), "x", NULL, NULL), -1);
  ck_assert_uint_eq (loom.call->findings.n, 2);
}
END_TEST

static int
set_iommu (struct vl_call *call, struct vl_node *node, void *opaque)
{
  (void)call;
  ++*(int *)opaque;
  return vl_set_why (vl_ensure_in (node, "driver"), "iommu", "on", NULL);
}

static int
count_driver (struct vl_call *call, struct vl_node *node, void *opaque)
{
  const char *iommu = vl_get (node, "driver/@iommu");

  (void)call;
  *(int *)opaque += iommu != NULL;
  return 0;
}

START_TEST (adjust_sees_what_contribute_left)
{
  struct vl_plugin *a = LOOM_WRITER (&loom, "a", "devices/*/driver"),
                   *b = LOOM_WRITER (&loom, "b", "x");
  int disks = 0, seen = 0;

  put (NULL, vl_append (as (NULL), "devices/disk", NULL), "type", "file", NULL);
  vl_ensure_in (by (NULL, vl_append (as (NULL), "devices/disk", NULL), NULL), "driver");
  vl_append (as (NULL), "devices/rng", NULL);
  loom_as (&loom, NULL, VL_PHASE_CONTRIBUTE);
  vl_doc_end_contribute (&loom.build);
  ck_assert_uint_eq (loom.call->findings.n_errors, 0);
  loom_as (&loom, a, VL_PHASE_ADJUST);
  ck_assert_int_eq (vl_each (loom.call, "devices/disk", set_iommu, &disks), 0);
  ck_assert_int_eq (disks, 2);
  loom_as (&loom, b, VL_PHASE_ADJUST);
  ck_assert_int_eq (vl_each (loom.call, "devices/*", count_driver, &seen), 0);
  ck_assert_int_eq (seen, 0);
  ck_assert_str_eq (vl_get (vl_domain (loom.call), "devices/disk[type=file]/@type"), "file");
  loom_as (&loom, NULL, VL_PHASE_ADJUST);
  vl_doc_end_adjust (&loom.build);
  ck_assert_uint_eq (loom.call->findings.n_errors, 0);
  loom_as (&loom, b, VL_PHASE_CHECK);
  ck_assert_int_eq (vl_each (loom.call, "devices/*", count_driver, &seen), 0);
  ck_assert_int_eq (seen, 2);
  ck_assert_str_eq (loom_findings (&loom), "");
}
END_TEST

START_TEST (adjust_appends_and_forbids_nothing)
{
  struct vl_plugin *a = LOOM_WRITER (&loom, "a", "devices/rng");

  loom_as (&loom, a, VL_PHASE_ADJUST);
  vl_append (loom.call, "devices/rng", NULL);
  vl_forbid (loom.call, "devices/rng", NULL);
  ck_assert_str_eq (
      loom_findings (&loom),
      "error PluginFault a: vl_append of 'devices/rng' in adjust, which appends to no list\n"
      "  append it in contribute\n"
      "error PluginFault a: vl_forbid of 'devices/rng' in adjust; it is judged when contribute "
      "ends\n");
}
END_TEST

START_TEST (adjust_is_judged_once)
{
  struct vl_plugin *a = LOOM_WRITER (&loom, "a", "x"), *b = LOOM_WRITER (&loom, "b", "x");
  struct vl_node *x;

  x = vl_ensure (as (NULL), "x", NULL);
  vl_set_default (by (NULL, x, "w"), "d", "weak");
  put (NULL, x, "k", "1", "one");
  loom_as (&loom, NULL, VL_PHASE_CONTRIBUTE);
  vl_doc_end_contribute (&loom.build);
  ck_assert_uint_eq (loom.call->findings.n_errors, 0);
  loom_as (&loom, a, VL_PHASE_ADJUST);
  vl_set_why (x, "d", "strong", NULL);
  vl_set_why (x, "k", "2", "two");
  loom_as (&loom, b, VL_PHASE_ADJUST);
  ck_assert_str_eq (vl_get (x, "@d"), "weak");
  vl_set_why (x, "k", "3", "three");
  loom_as (&loom, NULL, VL_PHASE_ADJUST);
  vl_doc_end_adjust (&loom.build);
  ck_assert_str_eq (loom_findings (&loom),
                    "error Conflict core: '/domain/x/@k' is wanted as '1' by core (one), "
                    "'2' by a (two), '3' by b (three)\n" HINT_CHANGE);
  loom_as (&loom, b, VL_PHASE_CHECK);
  ck_assert_str_eq (vl_get (x, "@d"), "strong");
}
END_TEST

START_TEST (sealed_is_sealed)
{
  struct vl_plugin *a = LOOM_WRITER (&loom, "a", "x");

  ck_assert_ptr_null (vl_doc_xml (loom.build.doc));
  ck_assert_ptr_nonnull (loom_seal (&loom));
  ck_assert_int_eq (put (a, NULL, "x", "y", NULL), -1);
  ck_assert_uint_eq (loom.call->findings.n, 1);
}
END_TEST

/* ---- absence ---- */

START_TEST (weak_elements_go)
{
  struct vl_plugin *a = LOOM_WRITER (&loom, "a", "features/acpi", "devices/memballoon");
  struct vl_plugin *b = LOOM_WRITER (&loom, "b", "features/acpi", "devices/memballoon");
  struct vl_node *balloon = vl_ensure_weak (as (a), "devices/memballoon", NULL);

  put (a, balloon, "model", "virtio", NULL);
  put (a, vl_ensure_in (by (a, balloon, NULL), "stats"), "period", "10", NULL);
  vl_ensure_weak (as (a), "features/acpi", NULL);
  vl_forbid (as (b), "features/acpi", "why");
  vl_forbid (as (b), "devices/memballoon", "why");
  ck_assert_str_eq (loom_seal (&loom), "<domain/>\n");
  ck_assert_str_eq (loom_findings (&loom), "");
}
END_TEST

START_TEST (strong_elements_stay)
{
  struct vl_plugin *a = LOOM_WRITER (&loom, "a", "features/acpi"),
                   *b = LOOM_WRITER (&loom, "b", "features/acpi");
  struct vl_plugin *c = LOOM_WRITER (&loom, "c", "features/acpi");

  vl_ensure_weak (as (c), "features/acpi", NULL);
  vl_forbid (as (a), "features/acpi", "no=acpi");
  vl_ensure (as (b), "features/acpi", "yes=acpi");
  ck_assert_ptr_null (loom_seal (&loom));
  ck_assert_str_eq (loom_findings (&loom),
                    "error Conflict a: '/domain/features/acpi' is forbidden by a "
                    "(no=acpi) and wanted by b (yes=acpi)\n" HINT_CHANGE);
}
END_TEST

START_TEST (what_another_put_into_a_weak_element_keeps_it)
{
  struct vl_plugin *a = LOOM_WRITER (&loom, "a", "x"), *b = LOOM_WRITER (&loom, "b", "x/y");
  struct vl_plugin *c = LOOM_WRITER (&loom, "c", "x");

  vl_ensure_weak (as (a), "x", NULL);
  vl_ensure (as (b), "x/y", "needed");
  vl_forbid (as (c), "x", "unwanted");
  ck_assert_ptr_null (loom_seal (&loom));
  ck_assert_str_eq (loom_findings (&loom),
                    "error Conflict c: '/domain/x' is forbidden by c (unwanted) and "
                    "wanted by b (needed)\n" HINT_CHANGE);
}
END_TEST

START_TEST (forbidden_by_key)
{
  struct vl_plugin *a = LOOM_WRITER (&loom, "a", "devices/controller");
  struct vl_plugin *b = LOOM_WRITER (&loom, "b", "devices/controller");

  vl_keyed_weak (as (a), "devices/controller", NULL, "type", "usb", "index", "0", NULL);
  vl_keyed_weak (as (a), "devices/controller", NULL, "type", "usb", "index", "1", NULL);
  vl_keyed (as (a), "devices/controller", NULL, "type", "scsi", "index", "0", NULL);
  vl_forbid (as (b), "devices/controller[type=usb]", NULL);
  ck_assert_str_eq (loom_seal (&loom),
                    "<domain>\n  <devices>\n    <controller index='0' type='scsi'/>\n"
                    "  </devices>\n</domain>\n");
}
END_TEST

START_TEST (forbidden_by_a_key_of_any_text)
{
  struct vl_plugin *a = LOOM_WRITER (&loom, "a", "x"), *b = LOOM_WRITER (&loom, "b", "x");

  vl_keyed_weak (as (a), "x/y", NULL, "k", "0-1,4-5", "l", "it's ]", NULL);
  vl_keyed_weak (as (a), "x/y", NULL, "k", "0-1,4-5", "l", "it's", NULL);
  vl_keyed_weak (as (a), "x/y", NULL, "k", "0-1", "l", "it's ]", NULL);
  vl_keyed_weak (as (a), "x/z", NULL, "k", "\"", NULL);
  ck_assert_int_eq (vl_forbid (as (b), "x/y[k='0-1,4-5',l=\"it's ]\"]", NULL), 0);
  ck_assert_int_eq (vl_forbid (as (b), "x/y[l='it''s ]',k=0-1]", NULL), 0);
  ck_assert_int_eq (vl_forbid (as (b), "x/z[k=\"\"\"\"]", NULL), 0);
  ck_assert_str_eq (loom_seal (&loom),
                    "<domain>\n  <x>\n    <y k='0-1,4-5' l='it&apos;s'/>\n  </x>\n</domain>\n");
  ck_assert_str_eq (loom_findings (&loom), "");
}
END_TEST

START_TEST (forbids_that_are_no_path)
{
  static const char *const bad[] = { "",        "x/",    "/x",     "x[k",     "x[k=1",
                                     "x[k=1]y", "x[=1]", "x[k='1", "x[k=1,]", "x[k=[]]",
                                     "x[k=]",   "x/@k",  "x//y",   "x[1]",    "x[k='1'2]" };
  struct vl_plugin *a = LOOM_WRITER (&loom, "a", "*");

  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    ck_assert_int_eq (vl_forbid (as (a), bad[i], NULL), -1);
    ck_assert_uint_eq (loom.call->findings.n, i + 1);
    ck_assert_str_eq (loom.call->findings.items[i].message,
                      vl_printf (loom.call,
                                 "vl_forbid: '%s' is not a path of element names, divided by '/', "
                                 "each with or without [attribute=value,...]",
                                 bad[i]));
  }
}
END_TEST

START_TEST (paths_that_cannot_be_read)
{
  struct vl_plugin *a = LOOM_WRITER (&loom, "a", "x");

  vl_ensure (as (a), "x", NULL);
  loom_as (&loom, a, VL_PHASE_CHECK);
  ck_assert_ptr_null (vl_get (vl_domain (loom.call), "x[/@k"));
  ck_assert_ptr_null (vl_get (vl_domain (loom.call), NULL));
  ck_assert_int_eq (vl_each (loom.call, "x/@k", NULL, NULL), -1);
  ck_assert_str_eq (loom_findings (&loom),
                    "error PluginFault a: vl_get: 'x[/@k' is not a path\n"
                    "error PluginFault a: vl_get: 'NULL' is not a path\n"
                    "error PluginFault a: vl_each: 'x/@k' is the path of an attribute\n");
}
END_TEST

/* ---- disks and interfaces ---- */

static int
name_device (struct vl_call *call, struct vl_node *node, void *opaque)
{
  const char *device = vl_node_device (node);

  (void)call;
  vl_str_printf (opaque, "%s=%s ", vl_node_name (node), device ? device : "none");
  return 0;
}

START_TEST (devices_have_names)
{
  VL_AUTOSTR struct vl_str text = { 0 };
  struct vl_node *disk = vl_append (as (NULL), "devices/disk", NULL);

  vl_node_describe (disk, "volume-1");
  vl_ensure_in (disk, "driver");
  vl_append (as (NULL), "devices/rng", NULL);
  ck_assert_ptr_nonnull (loom_seal (&loom));
  loom_as (&loom, NULL, VL_PHASE_CHECK);
  vl_each (loom.call, "devices/*", name_device, &text);
  vl_each (loom.call, "devices/disk/driver", name_device, &text);
  ck_assert_str_eq (text.text, "disk=volume-1 rng=none driver=volume-1 ");
}
END_TEST

/* ---- what driver and host can do ---- */

static const char *
check_able (const char *libvirt)
{
  vl_host_set (loom.host, "libvirt.version", libvirt);
  loom.call->host = loom.host;
  ck_assert_ptr_nonnull (loom_seal (&loom));
  loom_as (&loom, NULL, VL_PHASE_CHECK);
  vl_doc_check_able (&loom.build);
  return loom_findings (&loom);
}

static void
write_for_driver (uint32_t reads_back)
{
  static const struct vl_write understands[] = { { .path = "@type" },
                                                 { .path = "name" },
                                                 { .path = "devices/*/driver/@name" } };
  struct vl_plugin *a = LOOM_WRITER (&loom, "a", "devices", "features");
  struct vl_node *disk;

  loom_driver (&loom, "kvm");
  loom.driver->driver.reads_back = reads_back;
  loom.driver->writes = understands;
  loom.driver->n_writes = sizeof understands / sizeof understands[0];
  loom.call->driver = loom.driver;
  put (NULL, NULL, "type", "kvm", NULL);
  put_text (NULL, vl_ensure (as (NULL), "name", NULL), "n", NULL);
  disk = vl_append (as (NULL), "devices/disk", "image");
  vl_set (vl_ensure_in (disk, "driver"), "name", "qemu");
  put (a, vl_ensure_in (by (a, disk, "cache=none"), "driver"), "cache", "none", "cache=none");
  vl_set (vl_ensure (as (a), "features/pmu", "pmu=off"), "state", "off");
  put_text (a, vl_append (as (a), "devices/rng", "rng=yes"), "t", "rng=yes");
}

#define DRIVER(plugin, path, by)                                                                   \
  "error UnsupportedByDriver " plugin ": driver 'mock' does not carry out '" path                  \
  "'; written by " by "\n  leave out what asks for it, or use another driver\n"

START_TEST (what_the_driver_does_not_carry_out)
{
  write_for_driver (0);
  ck_assert_str_eq (check_able ("9.0.0"),
                    DRIVER ("a", "/domain/devices/disk[1]/driver/@cache", "a (cache=none)")
                        DRIVER ("a", "/domain/devices/rng[1]", "a (rng=yes)")
                            DRIVER ("a", "/domain/features/pmu", "a (pmu=off)"));
  ck_assert_str_eq (loom.call->findings.items[0].path, "/domain/devices/disk[1]/driver/@cache");
  ck_assert_int_eq (vl_findings_exit (loom.call, 0), VL_ERR_UNSUPPORTED);
}
END_TEST

START_TEST (values_that_the_driver_carries_out)
{
  static const struct vl_write understands[] = { { .path = "@type" },
                                                 { .path = "name" },
                                                 { .path = "devices/disk/driver[name=qemu]/@name" },
                                                 { .path = "devices/disk/driver[cache=writeback]" },
                                                 { .path = "devices/rng" },
                                                 { .path = "features/pmu[state=off]" } };

  write_for_driver (0);
  loom.driver->writes = understands;
  loom.driver->n_writes = sizeof understands / sizeof understands[0];
  ck_assert_str_eq (check_able ("9.0.0"),
                    DRIVER ("a", "/domain/devices/disk[1]/driver/@cache", "a (cache=none)"));
}
END_TEST

START_TEST (who_reads_back_carries_out_everything)
{
  write_for_driver (1);
  ck_assert_str_eq (check_able ("9.0.0"), "");
}
END_TEST

#define NEWER(path, version)                                                                       \
  "error Unsupported c: '" path "' needs libvirt " version                                         \
  ", this host has 10.0.0; written by c (why)\n"                                                   \
  "  leave out what asks for it, or use a host with a newer libvirt\n"

START_TEST (newer_than_the_host)
{
  static const struct vl_write writes[] = {
    { .path = "features/old", .since = "9.9.0" },
    { .path = "features/new", .since = "10.4.0" },
    { .path = "features/old/@x", .since = "10.0.1" },
    { .path = "features/old/new", .since = "11" },
    { .path = "features[a=1]/old", .since = "11" },
    { .path = "features/key[k='a,b',l=1]", .since = "12" },
    { .path = "features" },
  };
  static const struct vl_feature feature = { .writes = VL_TABLE (writes) };
  struct vl_plugin *c = loom_feature (&loom, "c", &feature);
  struct vl_node *old = vl_ensure (as (c), "features/old", "why");

  vl_set (old, "x", "1");
  vl_set (old, "y", "1");
  vl_ensure_in (old, "new");
  vl_set (vl_ensure_in (vl_ensure (as (c), "features/new", "why"), "below"), "z", "1");
  vl_set (vl_keyed (as (c), "features/key", "why", "k", "a,b", NULL), "l", "2");
  vl_set (vl_keyed (as (c), "features/key", "why", "k", "a,b", "l", "1", NULL), "m", "1");
  ck_assert_str_eq (check_able ("10.0.0"), NEWER ("/domain/features/key[k='a,b',l=1]", "12")
                                               NEWER ("/domain/features/new", "10.4.0")
                                                   NEWER ("/domain/features/old/@x", "10.0.1")
                                                       NEWER ("/domain/features/old/new", "11"));
  ck_assert_int_eq (vl_findings_exit (loom.call, 0), VL_ERR_UNSUPPORTED);
}
END_TEST

START_TEST (forbidden_and_made_in_adjust)
{
  struct vl_plugin *a = LOOM_WRITER (&loom, "a", "x"), *b = LOOM_WRITER (&loom, "b", "x");

  vl_forbid (as (a), "x", "no");
  loom_as (&loom, NULL, VL_PHASE_CONTRIBUTE);
  vl_doc_end_contribute (&loom.build);
  ck_assert_uint_eq (loom.call->findings.n_errors, 0);
  loom_as (&loom, b, VL_PHASE_ADJUST);
  vl_ensure (loom.call, "x", "yes");
  loom_as (&loom, NULL, VL_PHASE_ADJUST);
  vl_doc_end_adjust (&loom.build);
  ck_assert_str_eq (
      loom_findings (&loom),
      "error Conflict a: '/domain/x' is forbidden by a (no) and wanted by b (yes)\n" HINT_CHANGE);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("judge");
  TCase *tests = tcase_create ("judge");
  SRunner *runner;
  int failed;

  tcase_add_checked_fixture (tests, setup, teardown);
  tcase_add_test (tests, outside_its_writes);
  tcase_add_test (tests, a_star_is_any_one_element);
  tcase_add_test (tests, bad_paths);
  tcase_add_test (tests, too_deep);
  tcase_add_test (tests, written_only_in_its_phases);
  tcase_add_test (tests, read_only_in_its_phases);
  tcase_add_test (tests, adjust_sees_what_contribute_left);
  tcase_add_test (tests, adjust_appends_and_forbids_nothing);
  tcase_add_test (tests, adjust_is_judged_once);
  tcase_add_test (tests, sealed_is_sealed);
  tcase_add_test (tests, weak_elements_go);
  tcase_add_test (tests, strong_elements_stay);
  tcase_add_test (tests, what_another_put_into_a_weak_element_keeps_it);
  tcase_add_test (tests, forbidden_by_key);
  tcase_add_test (tests, forbidden_by_a_key_of_any_text);
  tcase_add_test (tests, forbids_that_are_no_path);
  tcase_add_test (tests, paths_that_cannot_be_read);
  tcase_add_test (tests, forbidden_and_made_in_adjust);
  tcase_add_test (tests, devices_have_names);
  tcase_add_test (tests, what_the_driver_does_not_carry_out);
  tcase_add_test (tests, values_that_the_driver_carries_out);
  tcase_add_test (tests, who_reads_back_carries_out_everything);
  tcase_add_test (tests, newer_than_the_host);
  suite_add_tcase (suite, tests);
  runner = srunner_create (suite);
  srunner_set_tap (runner, "-");
  srunner_run_all (runner, CK_SILENT);
  failed = srunner_ntests_failed (runner);
  srunner_free (runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
