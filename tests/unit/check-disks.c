/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the core itself writes: the beginning, disks, boot order, interfaces; and
 * what it refuses. */

#include <config.h>

#include "loom.h"

#include <check.h>

static struct loom loom;

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
  loom_end (&loom);
}

/* A request with MORE members; FLAVOR and IMAGE add to those objects. */
static const char *
request (const char *flavor, const char *image, const char *more)
{
  return vl_printf (loom.call,
                    "{\"name\": \"n\", \"uuid\": \"fb30f09b-e4c3-51b0-ac98-dc74eae73def\","
                    " \"flavor\": {\"name\": \"f\", \"vcpus\": 2, \"ram\": 512, \"disk\": 1%s},"
                    " \"image\": {\"name\": \"i\"%s}%s}",
                    flavor, image, more);
}

/* "bus dev device boot format" of each disk, then "| " and the boot list. */
static const char *
disks (void)
{
  struct vl_call *call = loom.call;
  VL_AUTOSTR struct vl_str text = { 0 };

  vl_str_add (&text, "");
  for (size_t i = 0; i < vl_n_disks (call); i++) {
    const struct vl_disk *disk = vl_disk (call, i);

    vl_str_printf (&text, "%s%s:%s,%s,%s,%d,%s", i ? " " : "", disk->role, disk->bus, disk->dev,
                   disk->device, disk->boot, disk->format);
  }
  return vl_arena_strdup (loom.call->arena, text.text);
}

static const char *
boots (const char *xml)
{
  const struct vl_xml *root = vl_xml_read (loom.call, xml, strlen (xml));
  const struct vl_xml *boot = vl_xml_find (root, "os/boot");
  VL_AUTOSTR struct vl_str text = { 0 };

  vl_str_add (&text, "");
  for (; boot; boot = vl_xml_next (boot, "boot"))
    vl_str_printf (&text, "%s%s", text.length ? " " : "", vl_xml_attr (boot, "dev"));
  return vl_arena_strdup (loom.call->arena, text.text);
}

struct row {
  const char *flavor, *image, *more;
  const char *disks, *boots; /* BOOTS NULL: DISKS is the code of the refusal */
};

#define QCOW ", \"disk_format\": \"qcow2\""
#define IMAGE_ROOT                                                                                 \
  "{\"source_type\": \"image\", \"destination_type\": \"local\", \"boot_index\": 0}"
#define VOLUME(rest) "{\"source_type\": \"volume\", \"destination_type\": \"volume\"" rest "}"
#define DEVICES(list) ", \"block_devices\": [" list "]"

static const struct row rows[] = {
  { "", QCOW, "", "root:virtio,vda,disk,1,qcow2", "hd" },
  { "", ", \"disk_format\": \"raw\"", "", "root:virtio,vda,disk,1,qcow2", "hd" },
  { "", ", \"disk_format\": \"iso\"", "", "root:ide,hda,cdrom,1,qcow2", "cdrom" },
  { ", \"ephemeral\": 2, \"swap\": 64", QCOW, ", \"config_drive\": true",
    "root:virtio,vda,disk,1,qcow2 ephemeral:virtio,vdb,disk,0,qcow2 "
    "swap:virtio,vdc,disk,0,qcow2 "
    "config:ide,hda,cdrom,0,raw",
    "hd" },
  { "", QCOW, DEVICES (IMAGE_ROOT "," VOLUME ("")),
    "root:virtio,vda,disk,1,qcow2 volume:virtio,vdb,disk,0,raw", "hd" },
  { "", QCOW,
    DEVICES (IMAGE_ROOT
             "," VOLUME (", \"boot_index\": 1, \"disk_bus\": \"ide\", \"device_type\": \"cdrom\"")),
    "root:virtio,vda,disk,1,qcow2 volume:ide,hda,cdrom,2,raw", "hd cdrom" },
  { "", QCOW,
    DEVICES (IMAGE_ROOT
             "," VOLUME (", \"disk_bus\": \"scsi\", \"device_type\": \"lun\", \"boot_index\": 1")),
    "root:virtio,vda,disk,1,qcow2 volume:scsi,sda,lun,2,raw", "hd" },
  /* a bus that no guest has is derived from the type */
  { "", QCOW, DEVICES (IMAGE_ROOT "," VOLUME (", \"disk_bus\": \"xen\"")),
    "root:virtio,vda,disk,1,qcow2 volume:virtio,vdb,disk,0,raw", "hd" },
  { "", QCOW, DEVICES (IMAGE_ROOT "," VOLUME (", \"device_type\": \"floppy\"")),
    "root:virtio,vda,disk,1,qcow2 volume:fdc,fda,floppy,0,raw", "hd" },
  { "", QCOW,
    DEVICES (IMAGE_ROOT
             "," VOLUME (", \"disk_bus\": \"usb\"") "," VOLUME (", \"disk_bus\": \"sata\"")),
    "root:virtio,vda,disk,1,qcow2 volume:usb,sda,disk,0,raw volume:sata,sdb,disk,0,raw", "hd" },
  /* booted from a volume */
  { "", QCOW, DEVICES (VOLUME (", \"boot_index\": 0")), "root:virtio,vda,disk,1,raw", "hd" },
  { "", QCOW,
    DEVICES (IMAGE_ROOT
             ","
             "{\"source_type\": \"blank\", \"destination_type\": \"local\", \"volume_size\": 1},"
             "{\"source_type\": \"blank\", \"destination_type\": \"local\", \"guest_format\": "
             "\"swap\"}"),
    "root:virtio,vda,disk,1,qcow2 ephemeral:virtio,vdb,disk,0,qcow2 "
    "swap:virtio,vdc,disk,0,qcow2",
    "hd" },
  /* refused */
  { "", QCOW, DEVICES (IMAGE_ROOT "," VOLUME (", \"boot_index\": 2")), "InvalidBDMBootSequence",
    NULL },
  { "", QCOW, DEVICES (IMAGE_ROOT "," VOLUME (", \"boot_index\": 0")), "InvalidBDMBootSequence",
    NULL },
  { "", QCOW,
    DEVICES (IMAGE_ROOT ","
                        "{\"source_type\": \"image\", \"destination_type\": \"local\"}"),
    "InvalidBDM", NULL },
  { "", QCOW,
    DEVICES (IMAGE_ROOT "," VOLUME (", \"disk_bus\": \"ide\"") "," VOLUME (
        ", \"disk_bus\": "
        "\"ide\"") "," VOLUME (", \"disk_bus\": \"ide\"") "," VOLUME (", \"disk_bus\": "
                                                                      "\"ide\"") "," VOLUME (", "
                                                                                             "\"dis"
                                                                                             "k_"
                                                                                             "bus\""
                                                                                             ": "
                                                                                             "\"ide"
                                                                                             "\"")),
    "TooManyDiskDevices", NULL },
  { "", QCOW,
    DEVICES (IMAGE_ROOT "," VOLUME (
        ", \"connection_info\": {\"driver_volume_type\": \"floppynet\", \"data\": {}}")),
    "VolumeDriverNotFound", NULL },
  { "", QCOW,
    DEVICES (IMAGE_ROOT "," VOLUME (
        ", \"connection_info\": {\"driver_volume_type\": \"iscsi\", \"data\": {}}")),
    "InvalidBDM", NULL },
};

START_TEST (layout)
{
  const struct row *row = &rows[_i];
  const char *xml;

  loom_driver (&loom, "kvm");
  xml = loom_build (&loom, request (row->flavor, row->image, row->more));
  if (row->boots == NULL) {
    ck_assert_ptr_null (xml);
    ck_assert_msg (strstr (loom_findings (&loom), vl_printf (loom.call, "error %s ", row->disks))
                       != NULL,
                   "%s: %s", row->disks, loom_findings (&loom));
    return;
  }
  ck_assert_msg (xml != NULL, "%s", loom_findings (&loom));
  ck_assert_str_eq (disks (), row->disks);
  ck_assert_str_eq (boots (xml), row->boots);
  ck_assert_int_eq (vl_xml_validate (loom.call, "domain", xml), 0);
}
END_TEST

#define UUID "11111111-2222-4333-8444-555555555555"

START_TEST (ids_and_sizes)
{
  VL_AUTOSTR struct vl_str text = { 0 };
  const char *xml;

  loom_driver (&loom, "kvm");
  xml = loom_build (
      &loom, request (", \"swap\": 64", ", \"disk_format\": \"qcow2\"",
                      ", \"config_drive\": true, \"networks\": "
                      "[{\"type\": \"user\"}, {\"type\": \"user\"}]" DEVICES (
                          IMAGE_ROOT
                          ", {\"source_type\": \"blank\", \"destination_type\": "
                          "\"local\", \"volume_size\": 2},"
                          "{\"source_type\": \"blank\", \"destination_type\": "
                          "\"local\", \"volume_size\": 3}," VOLUME (
                              ", \"uuid\": \"" UUID "\", \"volume_size\": 4") "," VOLUME (""))));
  ck_assert_msg (xml != NULL, "%s", loom_findings (&loom));
  for (size_t i = 0; i < vl_n_disks (loom.call); i++)
    vl_str_printf (&text, "%.15s=%lld ", vl_disk (loom.call, i)->id,
                   (long long)vl_disk (loom.call, i)->size);
  for (size_t i = 0; i < vl_n_nics (loom.call); i++)
    vl_str_printf (&text, "%s ", vl_nic (loom.call, i)->id);
  ck_assert_str_eq (text.text,
                    "root=1073741824 ephemeral0=2147483648 ephemeral1=3221225472 swap=67108864 "
                    "volume-11111111=4294967296 volume-90abfc02=0 config=0 nic0 nic1 ");
  ck_assert_str_eq (vl_disk (loom.call, 4)->id, "volume-" UUID);
}
END_TEST

START_TEST (the_same_volume_twice)
{
  loom_driver (&loom, "kvm");
  ck_assert_ptr_null (loom_build (
      &loom, request ("", QCOW,
                      DEVICES (IMAGE_ROOT "," VOLUME (", \"uuid\": \"" UUID "\"") "," VOLUME (
                          ", \"uuid\": \"" UUID "\"")))));
  ck_assert_ptr_nonnull (
      strstr (loom_findings (&loom),
              "error InvalidBDM core: $.block_devices[2] is the same volume as disk 'vdb'\n"
              "  a guest has a volume once; leave one of them out\n"));
}
END_TEST

/* A feature's list stands for the driver's. */
static const struct vl_offer loom_offers[] = {
  { .slot = VL_DISK_BUS, .name = "shuttle", .prefix = "sh", .most = 2, .virt = "qemu kvm" },
  { .slot = VL_DISK_BUS, .name = "virtio", .prefix = "vd", .virt = "kvm" },
  { .slot = VL_DISK_BUS, .name = "xen", .prefix = "xvd", .virt = "xen kv" },
};
static const struct vl_feature with_offers = { .offers = VL_TABLE (loom_offers) };

#define ON(bus) VOLUME (", \"disk_bus\": \"" bus "\"")

START_TEST (buses_that_a_feature_offers)
{
  const char *xml;

  loom_driver (&loom, "kvm");
  loom_feature (&loom, "loom", &with_offers);
  xml = loom_build (&loom, request ("", QCOW,
                                    DEVICES (IMAGE_ROOT "," ON ("shuttle") "," ON (
                                        "xen") "," VOLUME (", \"device_name\": \"/dev/shq\""))));
  ck_assert_msg (xml != NULL, "%s", loom_findings (&loom));
  ck_assert_str_eq (disks (), "root:virtio,vda,disk,1,qcow2 volume:shuttle,sha,disk,0,raw "
                              "volume:virtio,vdb,disk,0,raw volume:shuttle,shq,disk,0,raw");
}
END_TEST

START_TEST (more_than_a_bus_has)
{
  loom_driver (&loom, "kvm");
  loom_feature (&loom, "loom", &with_offers);
  ck_assert_ptr_null (loom_build (&loom, request ("", QCOW,
                                                  DEVICES (IMAGE_ROOT "," ON ("shuttle") "," ON (
                                                      "shuttle") "," ON ("shuttle")))));
  ck_assert_ptr_nonnull (strstr (loom_findings (&loom),
                                 "error TooManyDiskDevices core: the guest has more disks on "
                                 "bus 'shuttle' than the 2 that are allowed\n"
                                 "  put some on another bus\n"));
}
END_TEST

START_TEST (a_bus_that_nobody_offers)
{
  loom_driver (&loom, "qemu");
  loom_feature (&loom, "loom", &with_offers);
  ck_assert_ptr_null (loom_build (&loom, request ("", QCOW, "")));
  ck_assert_str_eq (loom_findings (&loom),
                    "error UnsupportedHardware core: disk bus 'virtio' is not supported for 'qemu' "
                    "guests; accepted: shuttle\n");
  ck_assert_int_eq (vl_findings_exit (loom.call, 0), VL_ERR_UNSUPPORTED);
}
END_TEST

START_TEST (at_most_so_many)
{
  loom_driver (&loom, "kvm");
  loom_setting (&loom, "storage.max_disk_devices_to_attach", "1");
  ck_assert_ptr_null (loom_build (&loom, request (", \"ephemeral\": 1, \"swap\": 64", QCOW, "")));
  ck_assert_str_eq (
      loom_findings (&loom),
      "error TooManyDiskDevices core: the guest has more disks on bus 'virtio' than the 1 that "
      "are allowed\n  ask for fewer, or raise max_disk_devices_to_attach in section [storage] of "
      "virtloom.conf\n");
}
END_TEST

START_TEST (names_with_a_prefix_of_the_operators)
{
  loom_driver (&loom, "kvm");
  loom_setting (&loom, "storage.disk_prefix", "sd");
  ck_assert_ptr_nonnull (
      loom_build (&loom, request (", \"swap\": 64", QCOW, ", \"config_drive\": true")));
  ck_assert_str_eq (disks (), "root:virtio,sda,disk,1,qcow2 swap:virtio,sdb,disk,0,qcow2 "
                              "config:ide,sdc,cdrom,0,raw");
}
END_TEST

START_TEST (a_name_of_the_request_beside_a_prefix)
{
  static const struct {
    const char *name, *disk;
  } names[] = { { "vdc", "vdc" }, { "sdc", "sdc" }, { "xvdc", NULL } };

  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    const char *name = vl_printf (loom.call, ", \"device_name\": \"/dev/%s\"", names[i].name);

    loom_driver (&loom, "kvm");
    loom_setting (&loom, "storage.disk_prefix", "sd");
    loom_build (&loom, request ("", QCOW,
                                vl_printf (loom.call,
                                           DEVICES (IMAGE_ROOT "," VOLUME (", \"disk_bus\": "
                                                                           "\"virtio\"%s")),
                                           name)));
    if (names[i].disk)
      ck_assert_str_eq (disks (), vl_printf (loom.call,
                                             "root:virtio,sda,disk,1,qcow2 "
                                             "volume:virtio,%s,disk,0,raw",
                                             names[i].disk));
    else
      ck_assert_ptr_nonnull (strstr (loom_findings (&loom),
                                     "error InvalidDevicePath core: device_name '/dev/xvdc' of "
                                     "$.block_devices[1] does not fit bus 'virtio'\n"
                                     "  leave the name out, and a free one is taken\n"));
    teardown ();
    setup ();
  }
}
END_TEST

START_TEST (config_drive_as_a_disk)
{
  loom_driver (&loom, "kvm");
  loom_setting (&loom, "storage.config_drive_format", "vfat");
  ck_assert_ptr_nonnull (loom_build (&loom, request ("", QCOW, ", \"config_drive\": true")));
  ck_assert_str_eq (disks (), "root:virtio,vda,disk,1,qcow2 config:virtio,vdb,disk,0,raw");
}
END_TEST

/* ---- XML ---- */

static const char *
part (const char *xml, const char *from, const char *to)
{
  const char *start = strstr (xml, from), *end;

  ck_assert_ptr_nonnull (start);
  end = strstr (start, to);
  ck_assert_ptr_nonnull (end);
  return vl_arena_strndup (loom.call->arena, start, (size_t)(end - start) + strlen (to));
}

START_TEST (overlay_names_its_whole_chain)
{
  const char *xml, *disk;

  loom_driver (&loom, "kvm");
  xml = loom_build (&loom, request ("", QCOW, ""));
  ck_assert_ptr_nonnull (xml);
  disk = part (xml, "<disk", "</disk>");
  ck_assert_ptr_nonnull (strstr (disk, "      <backingStore type='file'>\n"
                                       "        <backingStore/>\n"
                                       "        <format type='qcow2'/>\n"
                                       "        <source file='"));
  ck_assert_ptr_nonnull (strstr (disk, "/images/"));
  ck_assert_ptr_nonnull (strstr (disk, "/servers/fb30f09b-e4c3-51b0-ac98-dc74eae73def/disk'/>"));
}
END_TEST

START_TEST (a_flat_disk_has_no_chain)
{
  const char *xml, *disk;

  loom_driver (&loom, "kvm");
  loom_setting (&loom, "storage.images_type", "flat");
  xml = loom_build (&loom, request ("", ", \"disk_format\": \"raw\"", ""));
  ck_assert_ptr_nonnull (xml);
  disk = part (xml, "<disk", "</disk>");
  ck_assert_ptr_nonnull (strstr (disk, "      <backingStore/>\n"));
  ck_assert_ptr_null (strstr (disk, "<format"));
  ck_assert_ptr_nonnull (strstr (disk, "<driver name='qemu' type='raw'/>"));
}
END_TEST

START_TEST (volumes)
{
  const char *xml;

  loom_driver (&loom, "kvm");
  xml = loom_build (&loom, request ("", QCOW,
                                    DEVICES (IMAGE_ROOT "," VOLUME (
                                        ", \"connection_info\": {\"driver_volume_type\": "
                                        "\"local\", \"serial\": "
                                        "\"668b80ae-aa21-5377-8671-bf76bec2bb6c\", "
                                        "\"data\": {\"device_path\": \"/dev/q\", "
                                        "\"access_mode\": \"ro\", \"qos_specs\": "
                                        "{\"write_iops_sec\": \"10\", "
                                        "\"read_bytes_sec\": \"4096\", \"unknown\": "
                                        "\"x\"}}}") "," VOLUME (", \"connection_info\": "
                                                                "{\"driver_volume_type\": "
                                                                "\"rbd\", \"data\": "
                                                                "{\"name\": "
                                                                "\"pool/vol\", \"hosts\": "
                                                                "[\"192.0.2.1\"], "
                                                                "\"ports\": [\"6789\"], "
                                                                "\"auth_enabled\": "
                                                                "true, \"auth_username\": "
                                                                "\"cinder\", "
                                                                "\"secret_uuid\": "
                                                                "\"668b80ae-aa21-5377-8671-"
                                                                "bf76bec2bb6d\"}}"))));
  ck_assert_msg (xml != NULL, "%s", loom_findings (&loom));
  ck_assert_ptr_nonnull (strstr (xml,
                                 "    <disk device='disk' type='block'>\n"
                                 "      <backingStore/>\n"
                                 "      <driver name='qemu' type='raw'/>\n"
                                 "      <iotune>\n"
                                 "        <read_bytes_sec>4096</read_bytes_sec>\n"
                                 "        <write_iops_sec>10</write_iops_sec>\n"
                                 "      </iotune>\n"
                                 "      <readonly/>\n"
                                 "      <serial>668b80ae-aa21-5377-8671-bf76bec2bb6c</serial>\n"
                                 "      <source dev='/dev/q'/>\n"
                                 "      <target bus='virtio' dev='vdb'/>\n"
                                 "    </disk>\n"));
  ck_assert_ptr_nonnull (strstr (xml, "      <source name='pool/vol' protocol='rbd'>\n"
                                      "        <host name='192.0.2.1' port='6789'/>\n"
                                      "      </source>\n"));
  ck_assert_ptr_nonnull (strstr (xml, "<auth username='cinder'>\n"));
  ck_assert_int_eq (vl_xml_validate (loom.call, "domain", xml), 0);
}
END_TEST

START_TEST (interfaces)
{
  const char *xml;

  loom_driver (&loom, "kvm");
  xml = loom_build (&loom, request ("", QCOW,
                                    ", \"macs\": [\"fa:16:3e:00:00:01\", \"fa:16:3e:00:00:02\"],"
                                    " \"networks\": [{\"bridge\": \"br0\", \"mtu\": 9000}, "
                                    "{\"type\": \"user\", \"model\": \"e1000\"}]"));
  ck_assert_msg (xml != NULL, "%s", loom_findings (&loom));
  ck_assert_str_eq (part (xml, "<interface type='user'>", "</interface>"),
                    "<interface type='user'>\n"
                    "      <mac address='fa:16:3e:00:00:02'/>\n"
                    "      <model type='e1000'/>\n"
                    "    </interface>");
  ck_assert_ptr_nonnull (strstr (xml, "      <mac address='fa:16:3e:00:00:01'/>\n"
                                      "      <model type='virtio'/>\n"
                                      "      <mtu size='9000'/>\n"
                                      "      <source bridge='br0'/>\n"
                                      "      <target dev='tap"));
  ck_assert_int_eq (vl_xml_validate (loom.call, "domain", xml), 0);
}
END_TEST

static const struct {
  const char *network, *finding;
} bad_networks[] = {
  { "{\"bridge\": \"br0\", \"vnic_type\": \"direct\"}",
    "error UnsupportedHardware core: $.networks[0]: vnic_type 'direct' is not supported; accepted: "
    "normal\n" },
  { "{\"type\": \"user\", \"mtu\": 9000}",
    "error UnsupportedHardware user: $.networks[0]: an interface of type user has no mtu\n"
    "  leave the mtu out, or use a bridge\n" },
  { "{\"type\": \"loom\"}", "error UnsupportedHardware core: $.networks[0]: type 'loom' is not "
                            "supported; accepted: bridge macvtap network ovs tap user vhostuser\n"
                            "  $.networks[0] is the first interface; 'virtloom server create "
                            "--help' has how --network is written\n" },
  { "{\"type\": \"user\", \"model\": \"loom\"}",
    "error UnsupportedHardware core: $.networks[0]: a 'kvm' guest has no interface model 'loom'; "
    "accepted: virtio e1000\n  leave the model out to have the usual one\n" },
};

START_TEST (refused_interfaces)
{
  loom_driver (&loom, "kvm");
  ck_assert_ptr_null (loom_build (
      &loom,
      request ("", QCOW, vl_printf (loom.call, ", \"networks\": [%s]", bad_networks[_i].network))));
  ck_assert_ptr_nonnull (strstr (loom_findings (&loom), bad_networks[_i].finding));
  ck_assert_int_eq (vl_findings_exit (loom.call, 0), VL_ERR_UNSUPPORTED);
}
END_TEST

START_TEST (the_beginning)
{
  const char *xml;

  loom_driver (&loom, "kvm");
  xml = loom_build (&loom, request ("", QCOW, ""));
  ck_assert_msg (xml != NULL, "%s", loom_findings (&loom));
  ck_assert (VL_STARTS (xml, "<domain type='kvm'>\n"
                             "  <uuid>fb30f09b-e4c3-51b0-ac98-dc74eae73def</uuid>\n"
                             "  <name>vl-fb30f09be4c3</name>\n"
                             "  <devices>\n"));
  ck_assert_ptr_nonnull (strstr (xml, "    <emulator>/usr/bin/qemu</emulator>\n"));
  ck_assert_ptr_nonnull (strstr (xml, "  <memory unit='KiB'>524288</memory>\n"
                                      "  <metadata>\n"
                                      "    <vl:server xmlns:vl='urn:virtloom:server:1'>\n"
                                      "      <vl:flavor>f</vl:flavor>\n"
                                      "      <vl:image>i</vl:image>\n"
                                      "      <vl:name>n</vl:name>\n"
                                      "    </vl:server>\n"
                                      "  </metadata>\n"
                                      "  <os>\n"
                                      "    <boot dev='hd'/>\n"
                                      "    <type arch='x86_64' machine='pc'>hvm</type>\n"
                                      "  </os>\n"
                                      "  <vcpu>2</vcpu>\n"
                                      "</domain>\n"));
}
END_TEST

START_TEST (a_container)
{
  const char *xml;

  loom_driver (&loom, "lxc");
  xml = loom_build (&loom, request ("", QCOW, ", \"networks\": [{\"bridge\": \"br0\"}]"));
  ck_assert_msg (xml != NULL, "%s", loom_findings (&loom));
  ck_assert_ptr_nonnull (strstr (xml, "    <init>/sbin/init</init>\n    <type>exe</type>\n"));
  ck_assert_ptr_nonnull (strstr (xml, "/rootfs'/>\n      <target dir='/'/>\n    </filesystem>\n"));
  ck_assert_ptr_null (strstr (xml, "<disk"));
  ck_assert_ptr_null (strstr (xml, "<emulator"));
  ck_assert_ptr_null (strstr (xml, "<model"));
  ck_assert_int_eq (vl_xml_validate (loom.call, "domain", xml), 0);
}
END_TEST

START_TEST (text_that_would_close_an_element)
{
  static const char name[] = "x</vl:name></vl:server></metadata><devices><disk/></devices>";
  const struct vl_xml *root;
  const char *xml;

  loom_driver (&loom, "kvm");
  xml = loom_build (
      &loom,
      vl_printf (loom.call,
                 "{\"name\": \"%s\", \"flavor\": {\"name\": \"%s\", \"vcpus\": 1, \"ram\": 64,"
                 " \"disk\": 1}, \"image\": {\"name\": \"%s\", \"disk_format\": \"raw\"}}",
                 name, name, name));
  ck_assert_msg (xml != NULL, "%s", loom_findings (&loom));
  root = vl_xml_read (loom.call, xml, strlen (xml));
  ck_assert_str_eq (vl_xml_text (vl_xml_find (root, "metadata/vl:server/vl:name")), name);
  ck_assert_str_eq (vl_xml_text (vl_xml_find (root, "metadata/vl:server/vl:flavor")), name);
  ck_assert_str_eq (vl_xml_text (vl_xml_find (root, "metadata/vl:server/vl:image")), name);
  ck_assert_ptr_null (vl_xml_next (vl_xml_child (root, "devices"), "devices"));
  ck_assert_int_eq (vl_xml_validate (loom.call, "domain", xml), 0);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("disks");
  TCase *tests = tcase_create ("disks");
  SRunner *runner;
  int failed;

  tcase_add_checked_fixture (tests, setup, teardown);
  tcase_add_loop_test (tests, layout, 0, (int)(sizeof rows / sizeof rows[0]));
  tcase_add_test (tests, ids_and_sizes);
  tcase_add_test (tests, the_same_volume_twice);
  tcase_add_test (tests, buses_that_a_feature_offers);
  tcase_add_test (tests, more_than_a_bus_has);
  tcase_add_test (tests, a_bus_that_nobody_offers);
  tcase_add_test (tests, at_most_so_many);
  tcase_add_test (tests, names_with_a_prefix_of_the_operators);
  tcase_add_test (tests, a_name_of_the_request_beside_a_prefix);
  tcase_add_test (tests, config_drive_as_a_disk);
  tcase_add_test (tests, overlay_names_its_whole_chain);
  tcase_add_test (tests, a_flat_disk_has_no_chain);
  tcase_add_test (tests, volumes);
  tcase_add_test (tests, interfaces);
  tcase_add_loop_test (tests, refused_interfaces, 0, 3);
  tcase_add_test (tests, the_beginning);
  tcase_add_test (tests, a_container);
  tcase_add_test (tests, text_that_would_close_an_element);
  suite_add_tcase (suite, tests);
  runner = srunner_create (suite);
  srunner_set_tap (runner, "-");
  srunner_run_all (runner, CK_SILENT);
  failed = srunner_ntests_failed (runner);
  srunner_free (runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
