/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Copies and disks: what a copy keeps, what a disk is made as, what is found of
 * one that changed, what is in a config drive. */

#include <config.h>

#include "groups.h"
#include "room.h"

#include "lib/file.h"
#include "storage/storage.h"
#include "storage/tool.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

/* ---- copies ---- */

START_TEST (copies_sparse)
{
  const char *checksum;
  struct stat st;
  int fd = open (path ("image"), O_WRONLY | O_CREAT, 0600);

  ck_assert_int_eq (ftruncate (fd, 64 * MIB), 0);
  ck_assert_int_eq (pwrite (fd, "abc", 3, 32 * MIB), 3);
  close (fd);
  ck_assert_int_eq (vl_image_copy (call, path ("image"), path ("copy"), &checksum), 0);
  ck_assert_str_eq (checksum,
                    "sha256:95fe357a7a22bbd35583c5d89605a77cfa5f176b9e0bde85893ff354901492c8");
  ck_assert_int_eq (stat (path ("copy"), &st), 0);
  ck_assert_int_eq (st.st_size, 64 * MIB);
  ck_assert_int_lt (st.st_blocks * 512, MIB);
  ck_assert_uint_eq (st.st_mode & 07777, 0600);
}
END_TEST

START_TEST (copy_keeps_what_is_there)
{
  const char *checksum, *why;
  VL_AUTOFREE char *kept = NULL;

  rig_write (&rig, "image", "new");
  rig_write (&rig, "copy", "old");
  ck_assert_int_eq (vl_image_copy (call, path ("image"), path ("copy"), &checksum), -1);
  ck_assert_str_eq (rig_findings (&rig),
                    "error StorageFailed core: cannot make \"DIR/copy\": File exists\n");
  kept = vl_file_read (path ("copy"), 10, NULL, &why);
  ck_assert_str_eq (kept, "old");
}
END_TEST

/* ---- disks ---- */

/* As a disk of a server, by the plugin that answers for TYPE: what a plan says, what is
 * judged, what is made. */
struct made {
  const char *type, *format; /* images_type; of the disk */
  int preallocate;
};
static const struct made overlays = { "qcow2", "qcow2", 0 }, copies = { "flat", "raw", 0 };

static struct vl_plugin *
plugin_for (const char *type)
{
  struct vl_registry *registry = rig.registry;

  if (vl_registry_answer (registry, VL_ANSWER_IMAGES, type) == NULL)
    groups_add (call, registry);
  return vl_registry_answer (registry, VL_ANSWER_IMAGES, type);
}

static int
make_disk (const struct made *made, struct vl_volume *volume, const char *target)
{
  struct vl_plugin *plugin = plugin_for (made->type);
  struct vl_source source = {
    .size = sizeof source, .type = "file", .format = made->format, .path = target
  };
  int result;

  volume->preallocate = (uint32_t)made->preallocate;
  vl_call_as (call, plugin);
  call->phase = VL_PHASE_GROUP;
  result = plugin->feature.storage->make (call, volume, &source);
  call->phase = VL_PHASE_NONE;
  vl_call_as (call, NULL);
  return result;
}

static int
make_from (const struct made *made, const char *image, const char *format, const char *target,
           int64_t size)
{
  struct vl_volume volume = { .size = sizeof volume,
                              .image = image,
                              .image_format = vl_image_qemu_format (format) };
  struct vl_image_file file;
  int result;

  if (vl_image_open (call, image, &file) < 0)
    return -1;
  result = vl_image_admit (&file, format, size, &volume.bytes);
  volume.image_bytes = file.virtual_size;
  if (result == 0)
    result = make_disk (made, &volume, target);
  vl_image_close (&file);
  return result;
}

static int
make_empty (const struct made *made, const char *target, int64_t size, const char *blank)
{
  struct vl_volume volume = {
    .size = sizeof volume, .bytes = size, .blank = blank, .label = "ephemeral2"
  };

  return make_disk (made, &volume, target);
}

static const char *
info (const char *file, const char *format)
{
  const char *argv[] = { "/usr/bin/qemu-img", "info", "-f", format, file, NULL };

  return rig_plain (&rig, run (argv));
}

static int
verify (const char *disk, const char *format, const char *backing, const char *backing_format)
{
  VL_AUTOIMAGE struct vl_image_file file;

  return vl_image_open (call, disk, &file) < 0
             ? -1
             : vl_disk_verify (&file, format, backing, backing_format);
}

START_TEST (overlay)
{
  const char *image = make ("image", "qcow2", "16M"), *said;

  ck_assert_int_eq (make_from (&overlays, image, "qcow2", path ("disk"), 32 * MIB), 0);
  said = info (path ("disk"), "qcow2");
  ck_assert_ptr_nonnull (strstr (said, "backing file: DIR/image\n"));
  ck_assert_ptr_nonnull (strstr (said, "backing file format: qcow2\n"));
  ck_assert_ptr_nonnull (strstr (said, "virtual size: 32 MiB"));
  ck_assert_int_eq (verify (path ("disk"), "qcow2", image, "qcow2"), 0);
  ck_assert_int_eq (make_from (&overlays, image, "qcow2", path ("own"), 0), 0);
  ck_assert_ptr_nonnull (strstr (info (path ("own"), "qcow2"), "virtual size: 16 MiB"));
  ck_assert_uint_eq (call->findings.n, 0);
  /* What was there is not touched. */
  ck_assert_int_eq (make_from (&overlays, image, "qcow2", path ("disk"), 0), -1);
  ck_assert_ptr_nonnull (strstr (info (path ("disk"), "qcow2"), "virtual size: 32 MiB"));
}
END_TEST

START_TEST (too_small)
{
  const char *image = make ("image", "raw", "3G");

  ck_assert_int_eq (make_from (&overlays, image, "raw", path ("disk"), 1 << 30), -1);
  ck_assert_str_eq (
      rig_findings (&rig),
      "error FlavorDiskSmallerThanImage core: the flavor's disk of 1073741824 bytes is "
      "too small for the image, a disk of 3221225472 bytes\n"
      "  take a flavor with a disk of at least 3 GiB, or of 0 for the image's own\n");
  ck_assert_int_eq (call->findings.items[0].err, VL_ERR_REQUEST);
  ck_assert_int_eq (access (path ("disk"), F_OK), -1);
}
END_TEST

/* An image whose header names a canary: no disk is made over it, and nothing
 * opens the canary (it is a FIFO: an opener would hang). */
START_TEST (canary_below)
{
  const char *image = make ("image", "qcow2", "16M");

  ck_assert_int_eq (mkfifo (path ("canary"), 0600), 0);
  qemu_img ("create", "-qfqcow2", "-uFraw", vl_printf (call, "-b%s", path ("canary")),
            path ("evil"), "16M", NULL);
  ck_assert_int_eq (rename (path ("evil"), image), 0);
  ck_assert_int_eq (make_from (&overlays, image, "qcow2", path ("disk"), 0), -1);
  ck_assert_str_eq (call->findings.items[0].code, "ImageUnacceptable");
  ck_assert_int_eq (access (path ("disk"), F_OK), -1);
}
END_TEST

START_TEST (disk_that_changed)
{
  const char *image = make ("image", "qcow2", "16M"), *disk = path ("disk");

  ck_assert_int_eq (make_from (&overlays, image, "qcow2", disk, 0), 0);
  ck_assert_int_eq (verify (disk, "qcow2", NULL, NULL), -1);
  ck_assert_int_eq (verify (disk, "qcow2", image, "raw"), -1);
  ck_assert_int_eq (verify (disk, "qcow2", "/etc/passwd", "qcow2"), -1);
  ck_assert_str_eq (
      rig_findings (&rig),
      "error ImageUnacceptable core: image file \"DIR/disk\" names backing file \"DIR/image\" "
      "instead of \"none\"\n"
      "error ImageUnacceptable core: image file \"DIR/disk\" says that its backing file is qcow2 "
      "instead of raw\n"
      "error ImageUnacceptable core: image file \"DIR/disk\" names backing file \"DIR/image\" "
      "instead of \"/etc/passwd\"\n");
  /* A raw disk's bytes are its guest's. */
  ck_assert_int_eq (verify (disk, "raw", NULL, NULL), 0);
}
END_TEST

START_TEST (flat)
{
  const char *image;
  struct stat st;

  image = make ("raw", "raw", "16M");
  ck_assert_int_eq (make_from (&copies, image, "raw", path ("a"), 32 * MIB), 0);
  ck_assert_int_eq (stat (path ("a"), &st), 0);
  ck_assert_int_eq (st.st_size, 32 * MIB);
  image = make ("qcow2", "qcow2", "16M");
  ck_assert_int_eq (make_from (&copies, image, "qcow2", path ("b"), 32 * MIB), 0);
  ck_assert_int_eq (stat (path ("b"), &st), 0);
  ck_assert_int_eq (st.st_size, 32 * MIB);
  image = make ("vdi", "vdi", "16M");
  ck_assert_int_eq (make_from (&copies, image, "vdi", path ("c"), 0), 0);
  ck_assert_int_eq (stat (path ("c"), &st), 0);
  ck_assert_int_eq (st.st_size, 16 * MIB);
}
END_TEST

START_TEST (flat_qcow2)
{
  static const struct made kept = { "flat", "qcow2", 0 };
  const char *image;

  image = make ("qcow2", "qcow2", "16M");
  ck_assert_int_eq (make_from (&kept, image, "qcow2", path ("b"), 32 * MIB), 0);
  ck_assert_ptr_nonnull (strstr (info (path ("b"), "qcow2"), "virtual size: 32 MiB"));
  ck_assert_ptr_null (strstr (info (path ("b"), "qcow2"), "backing"));
  ck_assert_int_eq (verify (path ("b"), "qcow2", NULL, NULL), 0);
}
END_TEST

START_TEST (preallocated)
{
  static const struct made taken = { "flat", "raw", 1 };
  struct stat st;

  ck_assert_int_eq (make_empty (&taken, path ("disk"), 4 * MIB, NULL), 0);
  ck_assert_int_eq (stat (path ("disk"), &st), 0);
  ck_assert_int_ge (st.st_blocks * 512, 4 * MIB);
  ck_assert_int_eq (st.st_size, 4 * MIB);
}
END_TEST

START_TEST (swap)
{
  const char *why;
  VL_AUTOFREE char *bytes = NULL;

  ck_assert_int_eq (make_empty (&copies, path ("swap"), 4 * MIB, "swap"), 0);
  bytes = vl_file_read (path ("swap"), 8 * MIB, NULL, &why);
  ck_assert_mem_eq (bytes + 4096 - 10, "SWAPSPACE2", 10);
  ck_assert_int_eq (make_empty (&overlays, path ("swap2"), 4 * MIB, "swap"), 0);
  ck_assert_ptr_nonnull (strstr (info (path ("swap2"), "qcow2"), "virtual size: 4 MiB"));
  ck_assert_int_eq (access (path ("swap2.raw"), F_OK), -1);
}
END_TEST

START_TEST (ephemeral)
{
  const char *why;
  VL_AUTOFREE char *bytes = NULL;

  ck_assert_int_eq (make_empty (&copies, path ("plain"), 8 * MIB, NULL), 0);
  bytes = vl_file_read (path ("plain"), 8 * MIB, NULL, &why);
  ck_assert_mem_eq (bytes + 1024 + 56, "\0\0", 2);
  ck_assert_int_eq (make_empty (&copies, path ("disk"), 8 * MIB, "ext4"), 0);
  if (vl_tool_find (call, "mkfs.ext4")) {
    VL_AUTOFREE char *ext4 = vl_file_read (path ("disk"), 8 * MIB, NULL, &why);

    ck_assert_mem_eq (ext4 + 1024 + 56, "\x53\xef", 2);
    ck_assert_str_eq (ext4 + 1024 + 120, "ephemeral2");
    ck_assert_uint_eq (call->findings.n, 0);
  } else
    ck_assert_str_eq (call->findings.items[0].hint, "apt-get install e2fsprogs");
}
END_TEST

START_TEST (config_drive)
{
  const char *isoinfo = vl_tool_find (call, "isoinfo"), *why;
  const char *list[] = { isoinfo, "-f", "-R", "-i", path ("config"), NULL };
  const char *read[] = { isoinfo,         "-R", "-x", "/openstack/latest/meta_data.json", "-i",
                         path ("config"), NULL };
  /* What a guest is given may have any bytes. */
  static const struct vl_drive_file files[] = {
    { "ec2/latest/meta-data.json", "{}", 2 },
    { "openstack/latest/meta_data.json", "{\"uuid\":\"u\"}", 12 },
    { "openstack/content/0000", "a\0b\r\n", 5 },
  };
  const char *const target = path ("config");
  VL_AUTOFREE char *bytes = NULL;
  size_t length;

  if (isoinfo == NULL) /* genisoimage is not installed; then this says so */
    ck_assert_int_eq (vl_disk_create_config (call, rig.config, target, files, 3), -1);
  else {
    ck_assert_int_eq (vl_disk_create_config (call, rig.config, target, files, 3), 0);
    ck_assert_ptr_nonnull (strstr (run (list), "/openstack/content/0000"));
    ck_assert_ptr_nonnull (strstr (run (list), "/ec2/latest/meta-data.json"));
    ck_assert_str_eq (run (read), "{\"uuid\":\"u\"}");
    bytes = vl_file_read (target, 8 * MIB, &length, &why);
    ck_assert_mem_eq (bytes + 0x8028, "config-2", 8);
    ck_assert_ptr_nonnull (memmem (bytes, length, "a\0b\r\n", 5));
  }
  room_teardown ();
  room_start ("[storage]\nconfig_drive_format = vfat\n");
  ck_assert_msg (vl_disk_create_config (call, rig.config, path ("vfat"), files, 3) == 0
                     || VL_STREQ (call->findings.items[0].code, "ToolMissing"),
                 "%s", rig_findings (&rig));
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("disk");
  TCase *tests = tcase_create ("disk");
  SRunner *runner;
  int failed;

  tcase_set_timeout (tests, 600);
  tcase_add_checked_fixture (tests, room_setup, room_teardown);
  tcase_add_test (tests, copies_sparse);
  tcase_add_test (tests, copy_keeps_what_is_there);
  tcase_add_test (tests, overlay);
  tcase_add_test (tests, too_small);
  tcase_add_test (tests, canary_below);
  tcase_add_test (tests, disk_that_changed);
  tcase_add_test (tests, flat);
  tcase_add_test (tests, flat_qcow2);
  tcase_add_test (tests, preallocated);
  tcase_add_test (tests, swap);
  tcase_add_test (tests, ephemeral);
  tcase_add_test (tests, config_drive);
  suite_add_tcase (suite, tests);
  runner = srunner_create (suite);
  srunner_set_tap (runner, "-");
  srunner_run_all (runner, CK_SILENT);
  failed = srunner_ntests_failed (runner);
  srunner_free (runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
