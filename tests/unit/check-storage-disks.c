/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Copies and disks: what a copy keeps, what a disk is made as, what is found of
 * one that changed, what is in a config drive. */

#include <config.h>

#include "room.h"

#include "lib/file.h"
#include "request/disks.h"
#include "storage/disk.h"
#include "storage/inspect.h"
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

static const char *
info (const char *file, const char *format)
{
  const char *argv[] = { "/usr/bin/qemu-img", "info", "-f", format, file, NULL };

  return rig_plain (&rig, run (argv));
}

START_TEST (overlay)
{
  const char *image = make ("image", "qcow2", "16M"), *said;

  ck_assert_int_eq (vl_disk_is_overlay (vl_disk_kind (rig.config)), 1);
  ck_assert_str_eq (vl_disk_format (vl_disk_kind (rig.config), "raw"), "qcow2");
  ck_assert_int_eq (vl_disk_create (call, rig.config, image, "qcow2", path ("disk"), 32 * MIB), 0);
  said = info (path ("disk"), "qcow2");
  ck_assert_ptr_nonnull (strstr (said, "backing file: DIR/image\n"));
  ck_assert_ptr_nonnull (strstr (said, "backing file format: qcow2\n"));
  ck_assert_ptr_nonnull (strstr (said, "virtual size: 32 MiB"));
  ck_assert_int_eq (vl_disk_verify (call, path ("disk"), "qcow2", image, "qcow2"), 0);
  ck_assert_int_eq (vl_disk_create (call, rig.config, image, "qcow2", path ("own"), 0), 0);
  ck_assert_ptr_nonnull (strstr (info (path ("own"), "qcow2"), "virtual size: 16 MiB"));
  ck_assert_uint_eq (call->findings.n, 0);
  /* What was there is not touched. */
  ck_assert_int_eq (vl_disk_create (call, rig.config, image, "qcow2", path ("disk"), 0), -1);
  ck_assert_ptr_nonnull (strstr (info (path ("disk"), "qcow2"), "virtual size: 32 MiB"));
}
END_TEST

START_TEST (too_small)
{
  const char *image = make ("image", "raw", "3G");

  ck_assert_int_eq (vl_disk_create (call, rig.config, image, "raw", path ("disk"), 1 << 30), -1);
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
  ck_assert_int_eq (vl_disk_create (call, rig.config, image, "qcow2", path ("disk"), 0), -1);
  ck_assert_str_eq (call->findings.items[0].code, "ImageUnacceptable");
  ck_assert_int_eq (access (path ("disk"), F_OK), -1);
}
END_TEST

START_TEST (disk_that_changed)
{
  const char *image = make ("image", "qcow2", "16M"), *disk = path ("disk");

  ck_assert_int_eq (vl_disk_create (call, rig.config, image, "qcow2", disk, 0), 0);
  ck_assert_int_eq (vl_disk_verify (call, disk, "qcow2", NULL, NULL), -1);
  ck_assert_int_eq (vl_disk_verify (call, disk, "qcow2", image, "raw"), -1);
  ck_assert_int_eq (vl_disk_verify (call, disk, "qcow2", "/etc/passwd", "qcow2"), -1);
  ck_assert_str_eq (
      rig_findings (&rig),
      "error ImageUnacceptable core: image file \"DIR/disk\" names backing file \"DIR/image\" "
      "instead of \"none\"\n"
      "error ImageUnacceptable core: image file \"DIR/disk\" says that its backing file is qcow2 "
      "instead of raw\n"
      "error ImageUnacceptable core: image file \"DIR/disk\" names backing file \"DIR/image\" "
      "instead of \"/etc/passwd\"\n");
  /* A raw disk's bytes are its guest's. */
  ck_assert_int_eq (vl_disk_verify (call, disk, "raw", NULL, NULL), 0);
}
END_TEST

START_TEST (flat)
{
  const char *image;
  struct stat st;

  room_teardown ();
  room_start ("[storage]\nuse_cow_images = no\n");
  ck_assert_int_eq (vl_disk_is_overlay (vl_disk_kind (rig.config)), 0);
  ck_assert_str_eq (vl_disk_format (vl_disk_kind (rig.config), "raw"), "raw");
  ck_assert_str_eq (vl_disk_format (vl_disk_kind (rig.config), "iso"), "raw");
  ck_assert_str_eq (vl_disk_format (vl_disk_kind (rig.config), "qcow2"), "raw");
  image = make ("raw", "raw", "16M");
  ck_assert_int_eq (vl_disk_create (call, rig.config, image, "raw", path ("a"), 32 * MIB), 0);
  ck_assert_int_eq (stat (path ("a"), &st), 0);
  ck_assert_int_eq (st.st_size, 32 * MIB);
  image = make ("qcow2", "qcow2", "16M");
  ck_assert_int_eq (vl_disk_create (call, rig.config, image, "qcow2", path ("b"), 32 * MIB), 0);
  ck_assert_int_eq (stat (path ("b"), &st), 0);
  ck_assert_int_eq (st.st_size, 32 * MIB);
  image = make ("vdi", "vdi", "16M");
  ck_assert_int_eq (vl_disk_create (call, rig.config, image, "vdi", path ("c"), 0), 0);
  ck_assert_int_eq (stat (path ("c"), &st), 0);
  ck_assert_int_eq (st.st_size, 16 * MIB);
}
END_TEST

START_TEST (flat_qcow2)
{
  const char *image;

  room_teardown ();
  room_start ("[storage]\nimages_type = flat\nforce_raw_images = no\n");
  ck_assert_str_eq (vl_disk_format (vl_disk_kind (rig.config), "raw"), "raw");
  ck_assert_str_eq (vl_disk_format (vl_disk_kind (rig.config), "qcow2"), "qcow2");
  image = make ("qcow2", "qcow2", "16M");
  ck_assert_int_eq (vl_disk_create (call, rig.config, image, "qcow2", path ("b"), 32 * MIB), 0);
  ck_assert_ptr_nonnull (strstr (info (path ("b"), "qcow2"), "virtual size: 32 MiB"));
  ck_assert_ptr_null (strstr (info (path ("b"), "qcow2"), "backing"));
  ck_assert_int_eq (vl_disk_verify (call, path ("b"), "qcow2", NULL, NULL), 0);
}
END_TEST

START_TEST (preallocated)
{
  struct stat st;

  room_teardown ();
  room_start ("[storage]\npreallocate_images = space\n");
  ck_assert_int_eq (vl_disk_create_empty (call, rig.config, path ("disk"), "raw", 4 * MIB), 0);
  ck_assert_int_eq (stat (path ("disk"), &st), 0);
  ck_assert_int_ge (st.st_blocks * 512, 4 * MIB);
  ck_assert_int_eq (st.st_size, 4 * MIB);
}
END_TEST

START_TEST (swap)
{
  const char *why;
  VL_AUTOFREE char *bytes = NULL;

  ck_assert_int_eq (vl_disk_create_swap (call, rig.config, path ("swap"), "raw", 4 * MIB), 0);
  bytes = vl_file_read (path ("swap"), 8 * MIB, NULL, &why);
  ck_assert_mem_eq (bytes + 4096 - 10, "SWAPSPACE2", 10);
  ck_assert_int_eq (vl_disk_create_swap (call, rig.config, path ("swap2"), "qcow2", 4 * MIB), 0);
  ck_assert_ptr_nonnull (strstr (info (path ("swap2"), "qcow2"), "virtual size: 4 MiB"));
  ck_assert_int_eq (access (path ("swap2.raw"), F_OK), -1);
}
END_TEST

START_TEST (ephemeral)
{
  const char *why;
  VL_AUTOFREE char *bytes = NULL;

  ck_assert_int_eq (vl_disk_create_ephemeral (call, rig.config, path ("plain"), "raw", 8 * MIB, 0),
                    0);
  bytes = vl_file_read (path ("plain"), 8 * MIB, NULL, &why);
  ck_assert_mem_eq (bytes + 1024 + 56, "\0\0", 2);
  room_teardown ();
  room_start ("[storage]\ndefault_ephemeral_format = ext4\n");
  ck_assert_int_eq (vl_disk_create_ephemeral (call, rig.config, path ("disk"), "raw", 8 * MIB, 2),
                    0);
  if (vl_tool_find (call, "mkfs.ext4")) {
    VL_AUTOFREE char *ext4 = vl_file_read (path ("disk"), 8 * MIB, NULL, &why);

    ck_assert_mem_eq (ext4 + 1024 + 56, "\x53\xef", 2);
    ck_assert_str_eq (ext4 + 1024 + 120, "ephemeral2");
    ck_assert_uint_eq (call->findings.n, 0);
  } else
    ck_assert_str_eq (call->findings.items[0].code, "ToolMissing");
}
END_TEST

START_TEST (config_drive)
{
  const char *isoinfo = vl_tool_find (call, "isoinfo"), *why;
  const char *list[] = { isoinfo, "-f", "-R", "-i", path ("config"), NULL };
  const char *read[] = { isoinfo,         "-R", "-x", "/openstack/latest/meta_data.json", "-i",
                         path ("config"), NULL };
  VL_AUTOFREE char *bytes = NULL;

  if (isoinfo == NULL) /* genisoimage is not installed; then this says so */
    ck_assert_int_eq (vl_disk_create_config (call, rig.config, path ("config"), "{}", NULL), -1);
  else {
    ck_assert_int_eq (vl_disk_create_config (call, rig.config, path ("config"), "{\"uuid\":\"u\"}",
                                             "#cloud-config\n"),
                      0);
    ck_assert_ptr_nonnull (strstr (run (list), "/openstack/latest/user_data"));
    ck_assert_str_eq (run (read), "{\"uuid\":\"u\"}");
    bytes = vl_file_read (path ("config"), 8 * MIB, NULL, &why);
    ck_assert_mem_eq (bytes + 0x8028, "config-2", 8);
  }
  room_teardown ();
  room_start ("[storage]\nconfig_drive_format = vfat\n");
  ck_assert_msg (vl_disk_create_config (call, rig.config, path ("vfat"), "{}", NULL) == 0
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

  tcase_set_timeout (tests, 60);
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
