/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A module whose headers or dynamic section are damaged: the gate refuses it, or the
 * dynamic linker can do with it. */

#include <config.h>

#include "rig.h"

#include "lib/file.h"
#include "plugin/note.h"

#include <check.h>
#include <dlfcn.h>
#include <sys/mman.h>
#include <sys/wait.h>

static struct rig rig;

static void
setup (void)
{
  rig_start (&rig);
}

static void
teardown (void)
{
  rig_end (&rig);
}

/* The module's bytes from where the test damages them, as the program headers say. */
struct part {
  size_t from, to;
};

static size_t
parts_of (const char *bytes, struct part parts[2])
{
  ElfW (Ehdr) header;
  size_t n = 0;

  memcpy (&header, bytes, sizeof header);
  parts[n++] = (struct part) { 0, header.e_phoff + header.e_phnum * sizeof (ElfW (Phdr)) };
  for (size_t i = 0; i < header.e_phnum; i++) {
    ElfW (Phdr) segment;

    memcpy (&segment, bytes + header.e_phoff + i * sizeof segment, sizeof segment);
    if (segment.p_type == PT_DYNAMIC)
      parts[n++] = (struct part) { segment.p_offset, segment.p_offset + segment.p_filesz };
  }
  return n;
}

/* Where the linker would begin to run code: any address in code is as good to the
 * gate as the right one. */
static int
says_where_code_begins (const char *bytes, const struct part *part, size_t at)
{
  ElfW (Dyn) row;

  if (part->from == 0)
    return 0;
  memcpy (&row, bytes + part->from + (at - part->from) / sizeof row * sizeof row, sizeof row);
  return row.d_tag == DT_INIT || row.d_tag == DT_FINI;
}

static int
opens_without_a_crash (int fd)
{
  pid_t child = fork ();
  int status;

  if (child == 0) {
    alarm (60);
    (void)dlopen (vl_printf (rig.call, "/proc/self/fd/%d", fd), RTLD_NOW | RTLD_LOCAL);
    _exit (0);
  }
  return waitpid (child, &status, 0) == child && WIFEXITED (status) && WEXITSTATUS (status) == 0;
}

/* Each byte of the headers and of the dynamic section, damaged in three ways: what
 * the gate lets in, the dynamic linker opens or refuses. */
START_TEST (damaged)
{
  static const unsigned char masks[] = { 0x01, 0x80, 0xff };
  const char *why;
  size_t length, span;
  VL_AUTOFREE char *bytes =
      vl_file_read (vl_printf (rig.call, "%s/good.so", VL_TEST_MODS), 1 << 26, &length, &why);
  VL_AUTOCLOSE int fd = memfd_create ("good", 0);
  struct part parts[2];
  unsigned refused = 0;

  ck_assert_ptr_nonnull (bytes);
  ck_assert_uint_eq (parts_of (bytes, parts), 2);
  for (size_t p = 0; p < 2; p++)
    for (size_t at = parts[p].from; at < parts[p].to; at++)
      for (int k = 0; k < 3; k++) {
        char right = bytes[at];
        struct vl_note_desc desc;

        if (says_where_code_begins (bytes, &parts[p], at))
          continue;
        bytes[at] = (char)(right ^ masks[k]);
        ck_assert_int_eq (pwrite (fd, bytes, length, 0), (ssize_t)length);
        if (vl_note_read (rig.call->arena, fd, length, &desc, &span, &why) < 0) {
          ck_assert_ptr_nonnull (why);
          refused++;
        } else
          ck_assert_msg (opens_without_a_crash (fd), "byte %#zx, ^%#x", at, masks[k]);
        bytes[at] = right;
      }
  ck_assert_uint_gt (refused, 500);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("damage");
  TCase *tests = tcase_create ("damage");
  SRunner *runner = srunner_create (suite);
  int failed;

  tcase_add_checked_fixture (tests, setup, teardown);
  tcase_set_timeout (tests, 600);
  tcase_add_test (tests, damaged);
  suite_add_tcase (suite, tests);
  srunner_set_tap (runner, "-");
  srunner_run_all (runner, CK_SILENT);
  failed = srunner_ntests_failed (runner);
  srunner_free (runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
