/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The path rule: one row per way in which a component of a path may be somebody
 * else's, judged as root and, in a child, as a caller who is not root. */

#include <config.h>

#include "rig.h"

#include "lib/trust.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#define ME 4711    /* the caller who is not root */
#define OTHER 4712 /* somebody else, and a group of somebody else */
#define ACCEPTED "; accepted: owned by root or by the caller, and writable by nobody else"

static struct rig rig;

static void
setup (void)
{
  rig_start (&rig);
  /* mkdtemp makes it 0700; the caller who is not root has to come through. */
  ck_assert_int_eq (chmod (rig.dir, 0755), 0);
}

static void
teardown (void)
{
  rig_end (&rig);
}

/* One thing below the test's folder: a folder by a last '/', a link by its TARGET, a block
 * device by the target "block", else a file. */
struct thing {
  const char *name, *target;
  unsigned mode, uid, gid;
};

static const struct row {
  uid_t caller;
  const char *path; /* "DIR" stands for the test's folder */
  const char *why;  /* NULL: it is opened */
  const char *hint;
  struct thing things[4];
  int volume; /* 1: for guests, who run as OTHER */
} rows[] = {
  { 0, "DIR/a/f", NULL, NULL, { { "a/", NULL, 0755, 0, 0 }, { "a/f", NULL, 0644, 0, 0 } } },
  { 0, "DIR//a/./../a/f", NULL, NULL, { { "a/", NULL, 0755, 0, 0 }, { "a/f", NULL, 0644, 0, 0 } } },
  { ME, "DIR/a/f", NULL, NULL, { { "a/", NULL, 0755, ME, 0 }, { "a/f", NULL, 0644, 0, 0 } } },
  { ME, "DIR/a/f", NULL, NULL, { { "a/", NULL, 0755, 0, 0 }, { "a/f", NULL, 0600, ME, ME } } },
  /* Owners. */
  { 0,
    "DIR/a/f",
    "'DIR/a' is owned by another user (owner 4712, group 0, mode 0755)" ACCEPTED,
    "chown root DIR/a",
    { { "a/", NULL, 0755, OTHER, 0 }, { "a/f", NULL, 0644, 0, 0 } } },
  { 0,
    "DIR/a/f",
    "'DIR/a/f' is owned by another user (owner 4711, group 0, mode 0600)" ACCEPTED,
    "chown root DIR/a/f",
    { { "a/", NULL, 0755, 0, 0 }, { "a/f", NULL, 0600, ME, 0 } } },
  { ME,
    "DIR/a/f",
    "'DIR/a/f' is owned by another user (owner 4712, group 4711, mode 0644)" ACCEPTED,
    "chown root DIR/a/f",
    { { "a/", NULL, 0755, ME, ME }, { "a/f", NULL, 0644, OTHER, ME } } },
  { 0,
    "DIR/a/f",
    "'DIR/a' is owned by another user (owner 65534, group 0, mode 0755)" ACCEPTED,
    "chown root DIR/a",
    { { "a/", NULL, 0755, 65534, 0 }, { "a/f", NULL, 0644, 0, 0 } } },
  /* Others. */
  { 0,
    "DIR/a/b/f",
    "'DIR/a' is writable by everyone (owner 0, group 0, mode 0757)" ACCEPTED,
    "chmod o-w DIR/a",
    { { "a/", NULL, 0757, 0, 0 }, { "a/b/", NULL, 0755, 0, 0 }, { "a/b/f", NULL, 0644, 0, 0 } } },
  { 0,
    "DIR/a/f",
    "'DIR/a/f' is writable by everyone (owner 0, group 0, mode 0666)" ACCEPTED,
    "chmod o-w DIR/a/f",
    { { "a/", NULL, 0755, 0, 0 }, { "a/f", NULL, 0666, 0, 0 } } },
  { 0,
    "DIR/a",
    "'DIR/a' is writable by its group and by everyone (owner 0, group 4712, mode 0777)" ACCEPTED,
    "chmod go-w DIR/a",
    { { "a/", NULL, 0777, 0, OTHER } } },
  { 0,
    "DIR/it's a $f",
    "'DIR/it's a $f' is writable by everyone (owner 0, group 0, mode 0646)" ACCEPTED,
    "chmod o-w 'DIR/it'\\''s a $f'",
    { { "it's a $f", NULL, 0646, 0, 0 } } },
  /* Sticky folders: root's, and on the way only. */
  { 0, "DIR/t/f", NULL, NULL, { { "t/", NULL, 01777, 0, 0 }, { "t/f", NULL, 0644, 0, 0 } } },
  { ME, "DIR/t/f", NULL, NULL, { { "t/", NULL, 01777, 0, OTHER }, { "t/f", NULL, 0644, ME, 0 } } },
  { 0,
    "DIR/t",
    "'DIR/t' is writable by everyone (owner 0, group 0, mode 1777)" ACCEPTED,
    "leave it as it is, and take a folder of your own in it: mkdir -m 700 DIR/t/virtloom",
    { { "t/", NULL, 01777, 0, 0 } } },
  { 0,
    "DIR/t/f",
    "'DIR/t/f' is owned by another user (owner 4711, group 0, mode 0644)" ACCEPTED,
    "chown root DIR/t/f",
    { { "t/", NULL, 01777, 0, 0 }, { "t/f", NULL, 0644, ME, 0 } } },
  { ME,
    "DIR/t/f",
    "'DIR/t' is writable by everyone (owner 4711, group 0, mode 1777)" ACCEPTED,
    "chmod o-w DIR/t",
    { { "t/", NULL, 01777, ME, 0 }, { "t/f", NULL, 0644, ME, 0 } } },
  { 0,
    "DIR/f",
    "'DIR/f' is writable by everyone (owner 0, group 0, mode 1646)" ACCEPTED,
    "chmod o-w DIR/f",
    { { "f", NULL, 01646, 0, 0 } } },
  /* Groups. */
  { 0, "DIR/a/f", NULL, NULL, { { "a/", NULL, 0775, 0, 0 }, { "a/f", NULL, 0664, 0, 0 } } },
  { ME, "DIR/a/f", NULL, NULL, { { "a/", NULL, 0775, 0, 0 }, { "a/f", NULL, 0664, ME, ME } } },
  { ME, "DIR/a/f", NULL, NULL, { { "a/", NULL, 0775, ME, ME }, { "a/f", NULL, 0664, 0, ME } } },
  { 0,
    "DIR/a/f",
    "'DIR/a' is writable by its group (owner 0, group 4711, mode 2775)" ACCEPTED,
    "chmod g-w DIR/a",
    { { "a/", NULL, 02775, 0, ME }, { "a/f", NULL, 0664, 0, 0 } } },
  { ME,
    "DIR/a/f",
    "'DIR/a/f' is writable by its group (owner 4711, group 4712, mode 0664)" ACCEPTED,
    "chmod g-w DIR/a/f",
    { { "a/", NULL, 0755, ME, ME }, { "a/f", NULL, 0664, ME, OTHER } } },
  /* Links: the link's owner, then what it points to. */
  { 0,
    "DIR/l/f",
    NULL,
    NULL,
    { { "a/", NULL, 0755, 0, 0 }, { "a/f", NULL, 0644, 0, 0 }, { "l", "a", 0, 0, 0 } } },
  { 0,
    "DIR/a/l",
    NULL,
    NULL,
    { { "a/", NULL, 0755, 0, 0 }, { "f", NULL, 0644, 0, 0 }, { "a/l", "../f", 0, 0, 0 } } },
  { 0,
    "DIR/l/a/f",
    NULL,
    NULL,
    { { "a/", NULL, 0755, 0, 0 }, { "a/f", NULL, 0644, 0, 0 }, { "l", "DIR", 0, 0, 0 } } },
  { 0,
    "DIR/l/f",
    "the symbolic link 'DIR/l' is owned by another user (owner 4711, group 0, mode 0777)" ACCEPTED,
    "chown -h root DIR/l",
    { { "a/", NULL, 0755, 0, 0 }, { "a/f", NULL, 0644, 0, 0 }, { "l", "a", 0, ME, 0 } } },
  { 0,
    "DIR/l/f",
    "'DIR/w' is writable by everyone (owner 0, group 0, mode 0757)" ACCEPTED,
    "chmod o-w DIR/w",
    { { "w/", NULL, 0757, 0, 0 },
      { "w/a/", NULL, 0755, 0, 0 },
      { "w/a/f", NULL, 0644, 0, 0 },
      { "l", "DIR/w/a", 0, 0, 0 } } },
  { 0,
    "DIR/a/l",
    "'DIR/f' is owned by another user (owner 4711, group 0, mode 0644)" ACCEPTED,
    "chown root DIR/f",
    { { "a/", NULL, 0755, 0, 0 }, { "f", NULL, 0644, ME, 0 }, { "a/l", "../f", 0, 0, 0 } } },
  { 0, "DIR/l", "'DIR/l': Too many levels of symbolic links", NULL, { { "l", "l", 0, 0, 0 } } },
  { 0, "DIR/l", "'DIR/none': No such file or directory", NULL, { { "l", "none", 0, 0, 0 } } },
  /* Volumes: the file may be the guests', a folder or a link not. */
  { 0,
    "DIR/a/f",
    NULL,
    NULL,
    { { "a/", NULL, 0755, 0, 0 }, { "a/f", NULL, 0660, OTHER, OTHER } },
    1 },
  { ME,
    "DIR/a/f",
    NULL,
    NULL,
    { { "a/", NULL, 0755, ME, 0 }, { "a/f", NULL, 0600, OTHER, ME } },
    1 },
  { 0,
    "DIR/a/f",
    "'DIR/a' is owned by another user (owner 4712, group 0, mode 0755)" ACCEPTED,
    "chown root DIR/a",
    { { "a/", NULL, 0755, OTHER, 0 }, { "a/f", NULL, 0644, 0, 0 } },
    1 },
  { 0,
    "DIR/a/f",
    "'DIR/a' is writable by its group (owner 0, group 4712, mode 0775)" ACCEPTED,
    "chmod g-w DIR/a",
    { { "a/", NULL, 0775, 0, OTHER }, { "a/f", NULL, 0644, 0, 0 } },
    1 },
  { 0,
    "DIR/l",
    "the symbolic link 'DIR/l' is owned by another user (owner 4712, group 0, mode 0777)" ACCEPTED,
    "chown -h root DIR/l",
    { { "f", NULL, 0644, OTHER, 0 }, { "l", "f", 0, OTHER, 0 } },
    1 },
  { 0,
    "DIR/f",
    "'DIR/f' is owned by another user (owner 4711, group 0, mode 0644)" ACCEPTED,
    "chown root DIR/f",
    { { "f", NULL, 0644, ME, 0 } },
    1 },
  { 0,
    "DIR/f",
    "'DIR/f' is writable by its group (owner 4712, group 4711, mode 0664)" ACCEPTED,
    "chmod g-w DIR/f",
    { { "f", NULL, 0664, OTHER, ME } },
    1 },
  { 0,
    "DIR/f",
    "'DIR/f' is writable by everyone (owner 4712, group 4712, mode 0666)" ACCEPTED,
    "chmod o-w DIR/f",
    { { "f", NULL, 0666, OTHER, OTHER } },
    1 },
  { 0, "DIR/b", NULL, NULL, { { "b", "block", 0660, 0, ME } }, 1 },
  { 0, "DIR/b", NULL, NULL, { { "b", "block", 0660, OTHER, ME } }, 1 },
  { 0,
    "DIR/b",
    "'DIR/b' is writable by everyone (owner 0, group 0, mode 0666)" ACCEPTED,
    "chmod o-w DIR/b",
    { { "b", "block", 0666, 0, 0 } },
    1 },
  { 0,
    "DIR/b",
    "'DIR/b' is writable by its group (owner 0, group 4711, mode 0660)" ACCEPTED,
    "chmod g-w DIR/b",
    { { "b", "block", 0660, 0, ME } },
    0 },
  /* What is not there. */
  { 0, "DIR/none/f", "'DIR/none': No such file or directory", NULL, { { NULL, NULL, 0, 0, 0 } } },
  { 0, "DIR/f/g", "'DIR/f/g': Not a directory", NULL, { { "f", NULL, 0644, 0, 0 } } },
};

/* TEXT with the test's folder in place of DIR. */
static const char *
whole (const char *text)
{
  VL_AUTOSTR struct vl_str all = { 0 };
  const char *dir;

  for (; (dir = strstr (text, "DIR")); text = dir + 3) {
    vl_str_add_n (&all, text, (size_t)(dir - text));
    vl_str_add (&all, rig.dir);
  }
  vl_str_add (&all, text);
  return vl_printf (rig.call, "%s", all.text);
}

static void
make (const struct thing *thing)
{
  const char *path = rig_path (&rig, thing->name);
  int folder = thing->name[strlen (thing->name) - 1] == '/';

  int block = thing->target && VL_STREQ (thing->target, "block");

  if (block)
    ck_assert_int_eq (mknod (path, S_IFBLK | 0600, makedev (7, 0)), 0);
  else if (thing->target)
    ck_assert_int_eq (symlink (whole (thing->target), path), 0);
  else if (folder)
    ck_assert_int_eq (mkdir (path, 0700), 0);
  else
    rig_write (&rig, thing->name, "x");
  ck_assert_int_eq (
      lchown (folder ? vl_printf (rig.call, "%s.", path) : path, thing->uid, thing->gid), 0);
  if (thing->target == NULL || block)
    ck_assert_int_eq (chmod (path, thing->mode), 0);
}

static const char *
judged (const char *path, struct vl_trust *trust)
{
  int fd = vl_trust_open (rig.call->arena, path, O_RDONLY, trust);

  if (fd >= 0)
    close (fd);
  return fd >= 0 ? NULL : rig_plain (&rig, trust->why);
}

static const char *
judged_for_guests (const char *path, struct vl_trust *trust)
{
  static const struct vl_trust_guests guests = { OTHER, OTHER };
  int fd = vl_trust_open_volume (rig.call->arena, path, &guests, trust);

  if (fd >= 0)
    close (fd);
  return fd >= 0 ? NULL : rig_plain (&rig, trust->why);
}

static int
differ (const char *a, const char *b)
{
  if (a && b ? VL_STREQ (a, b) : a == b)
    return 0;
  fprintf (stderr, "# expected %s\n# have     %s\n", b ? b : "none", a ? a : "none");
  return 1;
}

START_TEST (judges)
{
  const struct row *row = &rows[_i];
  const char *path = whole (row->path);
  struct vl_trust trust;
  pid_t child;
  int status;

  if (geteuid () != 0)
    return; /* only root can make these */
  for (const struct thing *thing = row->things; thing < row->things + 4 && thing->name; thing++)
    make (thing);
  child = fork ();
  if (child == 0) {
    int bad = row->caller && (setresgid (ME, ME, ME) < 0 || setresuid (ME, ME, ME) < 0);

    bad |=
        differ (row->volume ? judged_for_guests (path, &trust) : judged (path, &trust), row->why);
    bad |= differ (trust.hint ? rig_plain (&rig, trust.hint) : NULL, row->hint);
    _exit (bad);
  }
  ck_assert_int_eq (waitpid (child, &status, 0), child);
  ck_assert_msg (status == 0, "row %d: %s", _i, row->path);
}
END_TEST

/* A primary group of another number than the user's is not private. */
START_TEST (shared_primary_group)
{
  static const struct thing file = { "f", NULL, 0664, ME, OTHER };
  struct vl_trust trust;
  int status;

  if (geteuid () != 0)
    return;
  make (&file);
  if (fork () == 0) {
    int bad = setresgid (OTHER, OTHER, OTHER) < 0 || setresuid (ME, ME, ME) < 0;

    _exit (
        bad
        | differ (judged (rig_path (&rig, "f"), &trust),
                  "'DIR/f' is writable by its group (owner 4711, group 4712, mode 0664)" ACCEPTED));
  }
  ck_assert_int_ne (wait (&status), -1);
  ck_assert_int_eq (status, 0);
}
END_TEST

/* In a namespace that maps nobody, root's own folders are shown as somebody's. */
START_TEST (unmapped_owner)
{
  struct vl_trust trust;
  int status;

  rig_write (&rig, "f", "x");
  if (fork () == 0) {
    if (unshare (CLONE_NEWUSER) < 0)
      _exit (0); /* not allowed here */
    _exit (differ (judged ("/", &trust),
                   "'/' is owned by somebody whom this user namespace does not "
                   "map, or by nobody (owner 65534, group 65534, mode 0755)" ACCEPTED)
           | differ (trust.hint,
                     "run virtloom where that owner is mapped; /proc/self/uid_map lists "
                     "those that are"));
  }
  ck_assert_int_ne (wait (&status), -1);
  ck_assert_int_eq (status, 0);
}
END_TEST

/* Of what is not there yet, the rule says who could make it. */
START_TEST (absent)
{
  static const struct thing sticky = { "t/", NULL, 01777, 0, 0 };
  struct vl_trust trust;

  ck_assert_int_eq (vl_trust_open (rig.call->arena, rig_path (&rig, "a"), O_RDONLY, &trust), -1);
  ck_assert_int_eq (trust.error, ENOENT);
  ck_assert_int_eq (trust.shared, 0);
  if (geteuid () != 0)
    return;
  make (&sticky);
  ck_assert_int_eq (vl_trust_open (rig.call->arena, rig_path (&rig, "t/a"), O_RDONLY, &trust), -1);
  ck_assert_int_eq (trust.error, ENOENT);
  ck_assert_int_eq (trust.shared, 1);
}
END_TEST

/* A relative path is judged from the root folder on, too. */
START_TEST (relative)
{
  static const struct thing loose = { "w/", NULL, 0757, 0, 0 };
  struct vl_trust trust;

  if (geteuid () != 0)
    return;
  make (&loose);
  rig_write (&rig, "w/f", "x");
  ck_assert_int_eq (chdir (rig_path (&rig, "w")), 0);
  ck_assert_str_eq (judged ("f", &trust),
                    "'DIR/w' is writable by everyone (owner 0, group 0, mode 0757)" ACCEPTED);
}
END_TEST

/* A folder that is remembered is judged again each time; the way to it is not walked. */
START_TEST (remembered)
{
  const char *before = rig_path (&rig, "a/f"), *after = rig_path (&rig, "b/f");
  struct vl_trust trust;
  int fd;

  rig_write (&rig, "a/f", "x");
  rig_write (&rig, "a/loose", "x");
  ck_assert_int_eq (chmod (rig_path (&rig, "a/loose"), 0646), 0);
  vl_trust_remember (1);
  for (int i = 0; i < 2; i++) {
    fd = vl_trust_open (rig.call->arena, before, O_RDONLY, &trust);
    ck_assert_msg (fd >= 0, "%s", trust.why);
    close (fd);
    ck_assert_int_eq (vl_trust_open (rig.call->arena, rig_path (&rig, "a/loose"), O_RDONLY, &trust),
                      -1);
    ck_assert_str_eq (trust.hint, vl_printf (rig.call, "chmod o-w %s/a/loose", rig.dir));
    /* More folders than are remembered, and back. */
    for (int k = 0; k < 6; k++) {
      const char *name = vl_printf (rig.call, "d%d/f", k);

      rig_write (&rig, name, "x");
      fd = vl_trust_open (rig.call->arena, rig_path (&rig, name), O_RDONLY, &trust);
      ck_assert_msg (fd >= 0, "%s", trust.why);
      close (fd);
    }
  }
  fd = vl_trust_open (rig.call->arena, before, O_RDONLY, &trust);
  ck_assert_int_ge (fd, 0);
  close (fd);
  ck_assert_int_eq (chmod (rig_path (&rig, "a"), 0757), 0);
  ck_assert_int_eq (vl_trust_open (rig.call->arena, before, O_RDONLY, &trust), -1);
  ck_assert_str_eq (trust.hint, vl_printf (rig.call, "chmod o-w %s/a", rig.dir));
  ck_assert_int_eq (chmod (rig_path (&rig, "a"), 0755), 0);
  ck_assert_int_eq (rename (rig_path (&rig, "a"), rig_path (&rig, "b")), 0);
  fd = vl_trust_open (rig.call->arena, before, O_RDONLY, &trust);
  ck_assert_int_ge (fd, 0);
  close (fd);
  vl_trust_remember (0);
  ck_assert_int_eq (vl_trust_open (rig.call->arena, before, O_RDONLY, &trust), -1);
  ck_assert_int_eq (trust.error, ENOENT);
  fd = vl_trust_open (rig.call->arena, after, O_RDONLY, &trust);
  ck_assert_int_ge (fd, 0);
  close (fd);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("trust");
  TCase *tests = tcase_create ("trust");
  SRunner *runner = srunner_create (suite);
  int failed;

  tcase_add_checked_fixture (tests, setup, teardown);
  tcase_add_loop_test (tests, judges, 0, (int)(sizeof rows / sizeof rows[0]));
  tcase_add_test (tests, shared_primary_group);
  tcase_add_test (tests, unmapped_owner);
  tcase_add_test (tests, absent);
  tcase_add_test (tests, relative);
  tcase_add_test (tests, remembered);
  suite_add_tcase (suite, tests);
  srunner_set_tap (runner, "-");
  srunner_run_all (runner, CK_SILENT);
  failed = srunner_ntests_failed (runner);
  srunner_free (runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
