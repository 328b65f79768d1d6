/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Images: what is refused, and in which words. */

#include <config.h>

#include "room.h"

#include "lib/file.h"
#include "storage/storage.h"
#include "storage/tool.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

/* Overwrites bytes of FILE. */
static void
patch (const char *file, off_t offset, const void *bytes, size_t n)
{
  int fd = open (file, O_WRONLY);

  ck_assert_int_ge (fd, 0);
  ck_assert_int_eq (pwrite (fd, bytes, n, offset), (ssize_t)n);
  close (fd);
}

/* The file is refused as FORMAT, and the first finding is MESSAGE, with the
 * rig's folder as DIR. */
static void
refused (const char *file, const char *format, enum vl_err err, const char *message)
{
  struct vl_image_facts facts = { .size = sizeof facts };
  size_t first = call->findings.n;

  ck_assert_int_eq (vl_image_inspect (call, file, format, &facts), -1);
  ck_assert_uint_gt (call->findings.n, first);
  ck_assert_str_eq (call->findings.items[first].code,
                    err == VL_ERR_NOT_FOUND ? "DiskNotFound" : "ImageUnacceptable");
  ck_assert_str_eq (rig_plain (&rig, call->findings.items[first].message), message);
  ck_assert_int_eq (call->findings.items[first].err, err);
}

START_TEST (tool_missing)
{
  ck_assert_ptr_null (vl_tool_need (call, "no-such-tool", "some-package"));
  ck_assert_str_eq (rig_findings (&rig),
                    "error ToolMissing core: the program \"no-such-tool\" is not installed\n"
                    "  apt-get install some-package\n");
}
END_TEST

/* ---- inspection ---- */

START_TEST (accepts)
{
  static const char *const formats[][2] = { { "raw", "raw" },   { "qcow2", "qcow2" },
                                            { "vmdk", "vmdk" }, { "vdi", "vdi" },
                                            { "vpc", "vhd" },   { "vhdx", "vhdx" },
                                            { "raw", "ami" } };
  struct vl_image_facts facts = { .size = sizeof facts };
  const char *file;

  for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
    file = make (vl_printf (call, "good-%zu", i), formats[i][0], "16M");
    ck_assert_msg (vl_image_inspect (call, file, formats[i][1], &facts) == 0, "%s",
                   rig_findings (&rig));
    ck_assert_int_ge (facts.virtual_size, 16 * MIB);
    ck_assert_str_eq (facts.format, formats[i][0]);
  }
  file = path ("stream");
  qemu_img ("convert", "-qfraw", "-Ovmdk", "-osubformat=streamOptimized", path ("good-0"), file,
            NULL);
  ck_assert_int_eq (vl_image_inspect (call, file, "vmdk", &facts), 0);
  ck_assert_uint_eq (call->findings.n, 0);
}
END_TEST

START_TEST (refuses_kinds)
{
  ck_assert_int_eq (mkfifo (path ("fifo"), 0600), 0);
  ck_assert_int_eq (symlink ("/etc/passwd", path ("link")), 0);
  rig_write (&rig, "empty", "");
  refused (path ("none"), "raw", VL_ERR_NOT_FOUND,
           "image file \"DIR/none\" cannot be read: No such file or directory");
  refused (path ("fifo"), "raw", VL_ERR_REQUEST,
           "image file \"DIR/fifo\" is a FIFO; accepted: a regular file");
  refused (path ("link"), "raw", VL_ERR_REQUEST,
           "image file \"DIR/link\" is a symbolic link; accepted: a regular file");
  refused (rig.dir, "raw", VL_ERR_REQUEST,
           "image file \"DIR\" is a folder; accepted: a regular file");
  refused ("/dev/zero", "raw", VL_ERR_REQUEST,
           "image file \"/dev/zero\" is a device; accepted: a regular file");
  refused (path ("empty"), "raw", VL_ERR_REQUEST, "image file \"DIR/empty\" is empty");
  rig_write (&rig, "text", "hello");
  refused (
      path ("text"), "qcow3", VL_ERR_REQUEST,
      "image file \"DIR/text\" cannot be kept: disk format \"qcow3\" is not one of raw, qcow2, "
      "iso, vmdk, vdi, vhd, vpc, vhdx, ami, aki, ari");
  refused (path ("text"), "qcow2", VL_ERR_REQUEST,
           "image file \"DIR/text\" was given as qcow2, but its bytes are not those of qcow2");
  refused (path ("text"), "iso", VL_ERR_REQUEST,
           "image file \"DIR/text\" was given as iso, but its bytes are not those of iso");
}
END_TEST

START_TEST (refuses_mislabelled)
{
  static const struct {
    const char *make, *as, *looks;
  } rows[] = { { "qcow2", "raw", "qcow2" },
               { "vmdk", "raw", "vmdk" },
               { "vdi", "raw", "vdi" },
               { "vhdx", "raw", "vhdx" },
               { "vpc", "raw", "vhd" },
               { "qed", "raw", "qed" },
               { "parallels", "raw", "parallels" },
               { "vmdk", "qcow2", "vmdk" },
               { "qcow2", "iso", "qcow2" },
               { "qcow", "qcow2", NULL } };

  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    const char *name = vl_printf (call, "bad-%zu", i);

    make (name, rows[i].make, "16M");
    if (rows[i].looks)
      refused (path (name), rows[i].as, VL_ERR_REQUEST,
               vl_printf (call,
                          "image file \"DIR/%s\" was given as %s, but its bytes are those of %s",
                          name, rows[i].as, rows[i].looks));
    else
      refused (
          path (name), rows[i].as, VL_ERR_REQUEST,
          vl_printf (call, "image file \"DIR/%s\" is qcow2 of version 1; accepted: 2, 3", name));
  }
  rig_write (&rig, "descriptor",
             "# Disk DescriptorFile\nversion=1\ncreateType=\"monolithicFlat\"\n"
             "RW 10 FLAT \"/etc/passwd\" 0\n");
  refused (path ("descriptor"), "raw", VL_ERR_REQUEST,
           "image file \"DIR/descriptor\" was given as raw, but its bytes are those of vmdk");
  refused (path ("descriptor"), "vmdk", VL_ERR_REQUEST,
           "image file \"DIR/descriptor\" is a vmdk whose data lies elsewhere; accepted: "
           "monolithicSparse, streamOptimized");
  rig_write (&rig, "hidden", "# a comment\n\n  \nversion=1\ncreateType=\"monolithicFlat\"\n");
  refused (path ("hidden"), "raw", VL_ERR_REQUEST,
           "image file \"DIR/hidden\" was given as raw, but its bytes are those of vmdk");
}
END_TEST

START_TEST (refuses_other_files)
{
  make ("base", "qcow2", "16M");
  qemu_img ("create", "-q", "-f", "qcow2", "-Fqcow2", vl_printf (call, "-b%s", path ("base")),
            path ("overlay"));
  refused (path ("overlay"), "qcow2", VL_ERR_REQUEST,
           "image file \"DIR/overlay\" names a backing file \"DIR/base\"; accepted: an image that "
           "stands alone");
  qemu_img ("create", "-q", "-f", "qcow2", "-Fraw", "-bjson:{\"file.filename\":\"/etc/passwd\"}",
            path ("json"));
  refused (path ("json"), "qcow2", VL_ERR_REQUEST,
           "image file \"DIR/json\" names a backing file "
           "\"json:{\"file.filename\":\"/etc/passwd\"}\"; accepted: an image that stands alone");
  qemu_img ("create", "-q", "-f", "qcow2", vl_printf (call, "-odata_file=%s", path ("data")),
            path ("external"), "16M");
  refused (path ("external"), "qcow2", VL_ERR_REQUEST,
           "image file \"DIR/external\" keeps its data in an external file");
  qemu_img ("create", "-q", "-f", "vmdk", "-osubformat=monolithicFlat", path ("flat"), "16M");
  refused (path ("flat"), "vmdk", VL_ERR_REQUEST,
           "image file \"DIR/flat\" is a vmdk whose data lies elsewhere; accepted: "
           "monolithicSparse, streamOptimized");
}
END_TEST

/* One changed place of a good qcow2 each. */
static const struct {
  off_t offset;
  const char *bytes;
  size_t n;
  const char *message;
} damages[] = {
  { 4, "\0\0\0\7", 4, "is qcow2 of version 7; accepted: 2, 3" },
  { 20, "\0\0\0\5", 4, "has clusters of 2^5 bytes; accepted: 2^9 to 2^21" },
  { 20, "\xff\xff\xff\xff", 4, "has clusters of 2^4294967295 bytes; accepted: 2^9 to 2^21" },
  { 8, "\0\0\0\0\0\0\1\0\0\0\0\0", 12, "names a backing file in a way that cannot be read" },
  { 8, "\0\0\0\0\xff\xff\xff\xff\0\0\0\5", 12,
    "names a backing file in a way that cannot be read" },
  { 8, "\0\0\0\0\0\0\1\0\xff\xff\xff\xff", 12,
    "names a backing file in a way that cannot be read" },
  { 32, "\0\0\0\1", 4, "is encrypted" },
  { 24, "\x7f\xff\xff\xff\xff\xff\xff\xff", 8,
    "says that it is a disk of 9223372036854775807 bytes; accepted: up to 1 PiB" },
  { 24, "\0\0\0\0\0\0\0\0", 8, "is a disk of no size" },
  { 79, "\2", 1, "is marked corrupt" },
  { 79, "\4", 1, "keeps its data in an external file" },
  { 95, "\2", 1, "keeps its data in an external file" },
  { 72, "\x80", 1, "needs features that are not known (bits 0x8000000000000000)" },
  { 100, "\0\0\0\0", 4, "has a header of 0 bytes" },
  { 100, "\xff\xff\xff\xf8", 4, "has a header of 4294967288 bytes" },
  { 112, "\x44\x41\x54\x41\0\0\0\4", 8, "names an external data file" },
  { 112, "\x05\x37\xbe\x77\0\0\0\4", 8, "is encrypted" },
  { 112, "\x11\x11\x11\x11\xff\xff\xff\xff", 8, "has a header extension that leaves its header" },
};

START_TEST (refuses_damage)
{
  const char *file = make ("image", "qcow2", "16M");

  patch (file, damages[_i].offset, damages[_i].bytes, damages[_i].n);
  refused (file, "qcow2", VL_ERR_REQUEST,
           vl_printf (call, "image file \"DIR/image\" %s", damages[_i].message));
}
END_TEST

static const struct {
  const char *from, *to, *message;
} descriptors[] = {
  { "createType=\"monolithicSparse\"", "createType=\"monolithicFlat\"  ",
    "is of create type \"monolithicFlat\"; accepted: monolithicSparse, streamOptimized" },
  { "parentCID=ffffffff", "parentCID=00000000",
    "names a parent; accepted: an image that stands alone" },
  { " SPARSE \"", " FLAT  \"/", "has an extent outside itself" },
  { " SPARSE \"", " SPARSE \"/", "has an extent outside itself" },
  { "createType", "CREATEtype", NULL },
  { "# The Disk Data Base",
    "#parentFileNameHint=", "names a parent; accepted: an image that stands alone" },
  { "# The Disk Data Base", "x PARENTfilenameHINT",
    "names a parent; accepted: an image that stands alone" },
};

/* What the header says, as words that are changed, and where. */
static const struct {
  off_t offset;
  const char *bytes, *message;
} vmdk_headers[] = {
  { 28, "\2\0\0\0\0\0\0\0", "says that its descriptor is at sector 2; accepted: 1" },
  { 28, "\0\0\0\0\0\0\0\0", "says that its descriptor is at sector 0; accepted: 1" },
  { 28, "\1\0\0\0\0\0\0\x80",
    "says that its descriptor is at sector 9223372036854775809; accepted: 1" },
  { 12, "\0\0\0\0\0\0\0\0", "has a vmdk header that cannot be true" },
  /* How long the descriptor is said to be is not asked: QEMU reads 20 sectors. */
  { 36, "\0\0\0\0\0\0\0\0", NULL },
};

START_TEST (refuses_vmdk_header)
{
  const char *file = make ("image", "vmdk", "16M");
  struct vl_image_facts facts = { .size = sizeof facts };

  patch (file, vmdk_headers[_i].offset, vmdk_headers[_i].bytes, 8);
  if (vmdk_headers[_i].message)
    refused (file, "vmdk", VL_ERR_REQUEST,
             vl_printf (call, "image file \"DIR/image\" %s", vmdk_headers[_i].message));
  else
    ck_assert_int_eq (vl_image_inspect (call, file, "vmdk", &facts), 0);
}
END_TEST

/* The last words that QEMU reads, beyond what the header calls the descriptor. */
START_TEST (refuses_vmdk_parent_anywhere)
{
  const char *file = make ("image", "vmdk", "16M");

  patch (file, 36, "\1\0\0\0\0\0\0\0", 8);
  patch (file, 512 + 20 * 512 - 18, "parentFileNameHint", 18);
  refused (file, "vmdk", VL_ERR_REQUEST,
           "image file \"DIR/image\" names a parent; accepted: an image that stands alone");
}
END_TEST

START_TEST (refuses_vmdk_text)
{
  const char *file = make ("image", "vmdk", "16M"), *why;
  struct vl_image_facts facts = { .size = sizeof facts };
  size_t length;
  VL_AUTOFREE char *bytes = vl_file_read (file, 8 * MIB, &length, &why);
  char *found = memmem (bytes, length, descriptors[_i].from, strlen (descriptors[_i].from));

  ck_assert_ptr_nonnull (found);
  patch (file, found - bytes, descriptors[_i].to, strlen (descriptors[_i].to));
  if (descriptors[_i].message)
    refused (file, "vmdk", VL_ERR_REQUEST,
             vl_printf (call, "image file \"DIR/image\" %s", descriptors[_i].message));
  else
    ck_assert_int_eq (vl_image_inspect (call, file, "vmdk", &facts), 0);
}
END_TEST

/* A bomb: a small file that is a large disk. */
START_TEST (refuses_large)
{
  static const char *const formats[][2] = {
    { "qcow2", "qcow2" }, { "vmdk", "vmdk" }, { "vdi", "vdi" }, { "vpc", "vhd" }, { "vhdx", "vhdx" }
  };
  int fd = open (path ("sparse"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  struct vl_image_facts facts;

  call->image_limits.max_size = 256 * MIB;
  ck_assert_int_eq (ftruncate (fd, 257 * MIB), 0);
  close (fd);
  refused (path ("sparse"), "raw", VL_ERR_REQUEST,
           "image file \"DIR/sparse\" is a disk of 269484032 bytes; accepted: at most 268435456, "
           "the max_image_size of [storage]");
  ck_assert_str_eq (call->findings.items[0].hint,
                    "where such images are wanted, set a larger max_image_size in virtloom.conf");
  for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
    const char *file = make (vl_printf (call, "large-%zu", i), formats[i][0], "1G");

    ck_assert_int_eq (vl_image_inspect (call, file, formats[i][1], &facts), -1);
    ck_assert_ptr_nonnull (
        strstr (call->findings.items[call->findings.n - 1].message, "at most 268435456"));
  }
}
END_TEST

START_TEST (refuses_every_truncation)
{
  const char *file = make ("image", "qcow2", "16M");
  struct vl_image_facts facts = { .size = sizeof facts };
  const char *why;
  size_t length;
  VL_AUTOFREE char *bytes = vl_file_read (file, 8 * MIB, &length, &why);

  for (size_t n = 1; n <= 1024; n += n < 128 ? 1 : 61) {
    rig_write_n (&rig, "cut", bytes, n);
    ck_assert_msg (vl_image_inspect (call, path ("cut"), "qcow2", &facts) == -1, "%zu bytes", n);
  }
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("storage");
  TCase *tests = tcase_create ("storage");
  SRunner *runner;
  int failed;

  tcase_set_timeout (tests, 600);
  tcase_add_checked_fixture (tests, room_setup, room_teardown);
  tcase_add_test (tests, tool_missing);
  tcase_add_test (tests, accepts);
  tcase_add_test (tests, refuses_kinds);
  tcase_add_test (tests, refuses_mislabelled);
  tcase_add_test (tests, refuses_other_files);
  tcase_add_loop_test (tests, refuses_damage, 0, (int)(sizeof damages / sizeof damages[0]));
  tcase_add_loop_test (tests, refuses_vmdk_text, 0,
                       (int)(sizeof descriptors / sizeof descriptors[0]));
  tcase_add_loop_test (tests, refuses_vmdk_header, 0,
                       (int)(sizeof vmdk_headers / sizeof vmdk_headers[0]));
  tcase_add_test (tests, refuses_vmdk_parent_anywhere);
  tcase_add_test (tests, refuses_large);
  tcase_add_test (tests, refuses_every_truncation);
  suite_add_tcase (suite, tests);
  runner = srunner_create (suite);
  srunner_set_tap (runner, "-");
  srunner_run_all (runner, CK_SILENT);
  failed = srunner_ntests_failed (runner);
  srunner_free (runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
