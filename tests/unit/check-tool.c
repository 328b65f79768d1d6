/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Outside programs: what they are, reach and are handed, tried from inside. */

#include <config.h>

#include "tool-rig.h"

#include "lib/file.h"
#include "plugin/load.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/loop.h>
#include <linux/magic.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* ---- what it is ---- */

START_TEST (who_it_is)
{
  static const char *const none[] = { "CapInh", "CapPrm", "CapEff", "CapAmb" };
  unsigned uid;

  if (is_root ())
    ck_assert_int_eq (setgroups (2, (const gid_t[]) { 1, 2 }), 0);
  row.flags = VL_TOOL_TENANT * (unsigned)_i;
  ck_assert_int_eq (shell ("cat /proc/self/status"), 0);
  for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
    ck_assert_str_eq (status (none[i]), "0000000000000000");
  ck_assert_str_eq (status ("NoNewPrivs"), "1");
  ck_assert_str_eq (status ("Seccomp"), "2");
  if (is_root ()) {
    ck_assert_str_eq (status ("CapBnd"), "0000000000000000");
    ck_assert_str_eq (status ("Groups"), " ");
    uid = users () == 4294967295u ? (unsigned)strtoul (status ("Uid"), NULL, 10) : 65534;
    ck_assert (uid == 65534 || (uid > 0x70000000u && uid < 0x70000000u + (1 << 22)));
    ck_assert_str_eq (status ("Uid"), vl_printf (call, "%1$u\t%1$u\t%1$u\t%1$u", uid));
    ck_assert_str_eq (status ("Uid"), status ("Gid"));
  }
}
END_TEST

START_TEST (environment)
{
  int leaked[40];

  for (int i = 0; i < 40; i++)
    leaked[i] = open ("/dev/null", O_RDONLY);

  setenv ("VIRTLOOM_SECRET", "x", 1);
  says ("env | grep -v -e ^PWD= -e ^SHLVL= -e ^_= -e ^OLDPWD= | sort",
        "LC_ALL=C\nMTOOLS_SKIP_CHECK=1\nPATH=/usr/sbin:/usr/bin:/sbin:/bin\n");
  says ("cat; ls /proc/$$/fd", "0\n1\n2\n");
  says ("ps_tty=$(cut -d' ' -f7 /proc/$$/stat); echo $ps_tty", "0\n");
  tool.input = "what it is given";
  tool.input_length = 16;
  says ("cat", "what it is given");
  for (int i = 0; i < 40; i++)
    close (leaked[i]);
}
END_TEST

START_TEST (limits)
{
  static const char script[] = "ulimit -n; ulimit -c; ulimit -v; ulimit -t; ulimit -f; ulimit -l";

  tool.deadline = 650500;
  says (script, "64\n0\n2097152\n651\n0\n0\n");
  row.memory = (int64_t)3 << 30;
  tool.file_size = 1 << 20;
  says (script, "64\n0\n3145728\n651\n2048\n0\n");
}
END_TEST

/* ---- what it reaches ---- */

/* Something that is in FOLDER. */
static const char *
some_entry (const char *folder)
{
  DIR *dir = opendir (folder);
  struct dirent *entry;
  const char *name = "";

  while (dir && (entry = readdir (dir)))
    if (entry->d_name[0] != '.')
      name = vl_printf (call, "%s", entry->d_name);
  closedir (dir);
  return name;
}

START_TEST (network)
{
  static const char script[] = "readlink /proc/self/ns/net";
  char ours[64] = "";

  ck_assert_int_gt (readlink ("/proc/self/ns/net", ours, sizeof ours - 1), 0);
  if (has ("namespaces")) {
    ck_assert_int_eq (shell (script), 0);
    ck_assert_str_ne (result.out, vl_printf (call, "%s\n", ours));
    says ("grep -c : /proc/net/dev", "1\n");
    says (vl_printf (call, "test -e /run/%s || echo hidden", some_entry ("/run")), "hidden\n");
  }
  row.flags = VL_TOOL_CONNECT;
  says (script, vl_printf (call, "%s\n", ours));
}
END_TEST

/* The probe, where a user without rights of ours can run it. */

START_TEST (namespaces)
{
  static const char *const spaces[] = { "pid", "mnt", "ipc" };

  for (size_t i = 0; has ("namespaces") && i < 3; i++) {
    const char *name = vl_printf (call, "/proc/self/ns/%s", spaces[i]);
    char ours[64] = "";

    ck_assert_int_gt (readlink (name, ours, sizeof ours - 1), 0);
    ck_assert_int_eq (shell (vl_printf (call, "readlink %s", name)), 0);
    ck_assert_str_ne (result.out, vl_printf (call, "%s\n", ours));
  }
}
END_TEST

START_TEST (connecting)
{
  struct sockaddr_in address = { .sin_family = AF_INET,
                                 .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  socklen_t length = sizeof address;
  int listener = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const char *port;

  ck_assert_int_eq (bind (listener, (struct sockaddr *)&address, length), 0);
  ck_assert_int_eq (listen (listener, 5), 0);
  ck_assert_int_eq (getsockname (listener, (struct sockaddr *)&address, &length), 0);
  port = vl_printf (call, "%u", ntohs (address.sin_port));
  ck_assert_msg (probe ("connect", port) == 0, "%s", result.problem);
  ck_assert_str_eq (result.out, "connect: Operation not permitted\n");
  row.flags = VL_TOOL_CONNECT;
  ck_assert_int_eq (probe ("connect", port), 0);
  ck_assert_str_eq (result.out, "connect: done\n");
  close (listener);
}
END_TEST

START_TEST (sockets)
{
  static const struct {
    uint32_t flags;
    const char *says;
  } rows[] = {
    { 0, "unix: done\ninet: no\ninet6: no\nnetlink: no\npacket: no\nvsock: no\n" },
    { VL_TOOL_TENANT, "unix: no\ninet: no\ninet6: no\nnetlink: no\npacket: no\nvsock: no\n" },
    { VL_TOOL_CONNECT,
      "unix: done\ninet: done\ninet6: done\nnetlink: done\npacket: no\nvsock: no\n" },
  };
  VL_AUTOSTR struct vl_str said = { 0 };
  const char *refused = "Operation not permitted";

  row.flags = rows[_i].flags;
  ck_assert_int_eq (probe ("sockets", NULL), 0);
  for (const char *p = result.out; *p;) {
    int no = VL_STARTS (p, refused);

    vl_str_add_n (&said, no ? "no" : p, no ? 2 : 1);
    p += no ? strlen (refused) : 1;
  }
  ck_assert_str_eq (said.text, rows[_i].says);
}
END_TEST

START_TEST (system_calls)
{
  ck_assert_msg (probe ("calls", NULL) == 0, "%s", result.problem);
  for (char *line = strtok (vl_arena_strdup (call->arena, result.out), "\n"); line;
       line = strtok (NULL, "\n")) {
    const char *expected = VL_STARTS (line, "getpid") ? ": done"
                           : VL_STARTS (line, "clone3")
                               ? vl_printf (call, ": %s", strerror (ENOSYS))
                               : vl_printf (call, ": %s", strerror (EPERM));

    ck_assert_msg (strstr (line, expected) != NULL, "%s", line);
  }
  ck_assert_ptr_nonnull (strstr (result.out, "getpid: done\n"));
}
END_TEST

START_TEST (other_files)
{
  ck_assert_int_eq (chmod (rig.dir, 0711), 0);
  rig_write (&rig, "open", "everybody may read and write this\n");
  ck_assert_int_eq (chmod (path ("open"), 0666), 0);
  problem ("cat /etc/shadow > /dev/null", VL_TOOL_EXITED, "cat: /etc/shadow: Permission denied");
  if (! has ("Landlock"))
    return;
  problem (vl_printf (call, "cat %s", path ("open")), VL_TOOL_EXITED,
           vl_printf (call, "cat: %s: Permission denied", path ("open")));
  ck_assert_int_eq (shell (vl_printf (call, "echo x >> %s", path ("open"))), -1);
  ck_assert_ptr_nonnull (strstr (result.problem, "Permission denied"));
  ck_assert_int_eq (shell ("echo x > /tmp/virtloom-check-tool"), -1);
  ck_assert_ptr_nonnull (strstr (result.problem, "Permission denied"));
  row.paths = (const char *[]) { path ("open"), NULL };
  says (vl_printf (call, "cat %s", path ("open")), "everybody may read and write this\n");
}
END_TEST

/* ---- what it is handed ---- */

/* A host without both ways to lend a file that others may not read.  Where Linux has
 * mounts with mapped users since 5.12, those are taken. */
static int
cannot_lend (void)
{
  struct statfs fs;

  if (shell ("grep ^Uid /proc/self/status") == 0) {
    ck_assert_int_eq (statfs (rig.dir, &fs), 0);
    if (is_root () && has ("namespaces")
        && (fs.f_type == EXT4_SUPER_MAGIC || fs.f_type == XFS_SUPER_MAGIC))
      ck_assert_ptr_null (strstr (result.out, "\t0\t"));
    return 0;
  }
  ck_assert_str_eq (
      result.problem,
      vl_printf (call,
                 "\"%s\" cannot be handed to it: neither a mount with mapped users nor "
                 "Landlock is to be had; accepted: one of them, or a file that everybody "
                 "may read",
                 ((const struct vl_tool_file *)tool.files.rows)->path));
  return 1;
}

START_TEST (files)
{
  struct vl_tool_file handed[3] = { { .path = path ("in"), .fd = -1 },
                                    { .path = path ("out"), .fd = -1, .write = 1 },
                                    { .path = path ("folder"), .fd = -1, .write = 1 } };
  const char *why;
  VL_AUTOFREE char *out = NULL, *made = NULL;
  struct stat st;

  rig_write (&rig, "in", "secret\n");
  rig_write (&rig, "out", "");
  ck_assert_int_eq (mkdir (path ("folder"), 0700), 0);
  ck_assert_int_eq (chmod (path ("in"), 0400), 0);
  ck_assert_int_eq (chmod (path ("out"), 0600), 0);
  tool.files = (struct vl_table) { handed, 3, sizeof handed[0] };
  tool.file_size = MIB;
  row.flags = VL_TOOL_TENANT | VL_TOOL_WRITES;
  if (cannot_lend ())
    return;
  row.flags = 0;
  problem ("true", VL_TOOL_NOT_STARTED,
           "a file is handed to it for writing, which its row does not ask for");
  row.flags = VL_TOOL_TENANT | VL_TOOL_WRITES;
  says ("cat " VL_TOOL_FILE_0 "; cat <&3; cat " VL_TOOL_FILE_0 " > " VL_TOOL_FILE_1
        "; echo made > /proc/self/fd/5/new; ls /proc/self/fd/5",
        "secret\nsecret\nnew\n");
  ck_assert_int_eq (shell ("echo x > " VL_TOOL_FILE_0), -1);
  ck_assert_int_eq (shell ("echo x >&3"), -1);
  out = vl_file_read (path ("out"), 100, NULL, &why);
  made = vl_file_read (path ("folder/new"), 100, NULL, &why);
  ck_assert_str_eq (out, "secret\n");
  ck_assert_str_eq (made, "made\n");
  ck_assert_int_eq (stat (path ("folder/new"), &st), 0);
  ck_assert_uint_eq (st.st_uid, geteuid ());
  ck_assert_int_eq (stat (path ("out"), &st), 0);
  ck_assert_uint_eq (st.st_uid, geteuid ());
  ck_assert_uint_eq (st.st_mode & 07777, 0600);
  handed[0].path = path ("none");
  problem (
      "true", VL_TOOL_NOT_STARTED,
      vl_printf (call, "\"%s\" cannot be handed to it: No such file or directory", path ("none")));
  ck_assert_int_eq (symlink (path ("in"), path ("none")), 0);
  ck_assert_int_eq (shell ("true"), -1);
}
END_TEST

START_TEST (files_below_run)
{
  struct vl_tool_file handed = { .path = path ("in"), .fd = -1, .at = "ceph.conf" };

  rig_write (&rig, "in", "mon_host = a\n");
  tool.files = (struct vl_table) { &handed, 1, sizeof handed };
  if (has ("namespaces"))
    says ("cat /run/ceph.conf", "mon_host = a\n");
  row.flags = VL_TOOL_CONNECT;
  problem (
      "true", VL_TOOL_NOT_STARTED,
      "a file cannot be put below its /run: that takes a namespace of mounts, and a row without "
      "VL_TOOL_CONNECT");
}
END_TEST

/* A file system without mapped users: the program is the file's owner, without a
 * capability, and Landlock alone keeps it from what else that user may read. */
START_TEST (no_mapped_users)
{
  struct vl_tool_file handed[2] = { { .path = path ("readable"), .fd = -1 },
                                    { .path = path ("ram/in"), .fd = -1 } };

  if (! is_root () || ! has ("Landlock") || unshare (CLONE_NEWNS) < 0)
    return;
  ck_assert_int_eq (mount ("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
  ck_assert_int_eq (mkdir (path ("ram"), 0700), 0);
  ck_assert_int_eq (mount ("none", path ("ram"), "ramfs", 0, NULL), 0);
  rig_write (&rig, "readable", "one\n");
  rig_write (&rig, "ram/in", "two\n");
  ck_assert_int_eq (chmod (path ("ram/in"), 0600), 0);
  tool.files = (struct vl_table) { handed, 2, sizeof handed[0] };
  says ("cat " VL_TOOL_FILE_0 " " VL_TOOL_FILE_1
        "; grep -e ^Uid -e ^CapEff -e ^CapBnd /proc/self/status",
        "one\ntwo\nUid:\t0\t0\t0\t0\nCapEff:\t0000000000000000\nCapBnd:\t0000000000000000\n");
  problem ("cat /etc/shadow", VL_TOOL_EXITED, "cat: /etc/shadow: Permission denied");
  umount (path ("ram"));
}
END_TEST

/* A loop device of the file NAME, which goes when its descriptor is closed; -1 where this machine has
 * none to give. */
static int
loop_of (const char *name, const char **device)
{
  struct loop_config config = { .info = { .lo_flags = LO_FLAGS_AUTOCLEAR } };
  VL_AUTOCLOSE int control = open ("/dev/loop-control", O_RDWR | O_CLOEXEC);
  VL_AUTOCLOSE int file = open (path (name), O_RDWR | O_CLOEXEC);
  int number = control < 0 ? -1 : ioctl (control, LOOP_CTL_GET_FREE), loop;

  *device = vl_printf (call, "/dev/loop%d", number);
  loop = number < 0 ? -1 : open (*device, O_RDWR | O_CLOEXEC);
  config.fd = (uint32_t)file;
  if (loop >= 0 && ioctl (loop, LOOP_CONFIGURE, &config) < 0) {
    close (loop);
    return -1;
  }
  return loop;
}

/* Its size is asked by ioctl, and that it is to be zeroed. */
START_TEST (block_device)
{
  struct vl_tool_file handed = { .fd = -1, .write = 1 };
  VL_AUTOCLOSE int loop = -1;

  rig_write (&rig, "disk", "a tenant's");
  ck_assert_int_eq (truncate (path ("disk"), MIB), 0);
  if (! is_root () || ! has ("Landlock") || (loop = loop_of ("disk", &handed.path)) < 0)
    return;
  tool.files = (struct vl_table) { &handed, 1, sizeof handed };
  row.flags = VL_TOOL_TENANT | VL_TOOL_WRITES;
  says ("head -c 10 " VL_TOOL_FILE_0 "; echo; blockdev --getsize64 " VL_TOOL_FILE_0
        " && blkdiscard -f -z " VL_TOOL_FILE_0 " && tr -d '\\0' < " VL_TOOL_FILE_0,
        "a tenant's\n1048576\n");
  problem ("cat /dev/loop-control", VL_TOOL_EXITED, "cat: /dev/loop-control: Permission denied");
}
END_TEST

START_TEST (file_size)
{
  struct vl_tool_file handed = { .path = path ("out"), .fd = -1, .write = 1 };
  struct stat st;

  rig_write (&rig, "out", "");
  row.flags = VL_TOOL_WRITES;
  tool.files = (struct vl_table) { &handed, 1, sizeof handed };
  if (cannot_lend ())
    return;
  tool.file_size = 8192;
  problem ("exec head -c 100000 /dev/zero > " VL_TOOL_FILE_0, VL_TOOL_EXITED,
           "head: error writing 'standard output': File too large");
  ck_assert_int_eq (stat (path ("out"), &st), 0);
  ck_assert_int_eq (st.st_size, 8192);
  /* A hole counts as what it spans. */
  ck_assert_int_eq (shell ("truncate -s 1T " VL_TOOL_FILE_0), -1);
}
END_TEST

static void
add (TCase *tests)
{
  tcase_add_loop_test (tests, who_it_is, 0, 2);
  tcase_add_test (tests, environment);
  tcase_add_test (tests, limits);
  tcase_add_test (tests, network);
  tcase_add_test (tests, namespaces);
  tcase_add_test (tests, connecting);
  tcase_add_loop_test (tests, sockets, 0, 3);
  tcase_add_test (tests, system_calls);
  tcase_add_test (tests, other_files);
  tcase_add_test (tests, files);
  tcase_add_test (tests, files_below_run);
  tcase_add_test (tests, no_mapped_users);
  tcase_add_test (tests, block_device);
  tcase_add_test (tests, file_size);
}

int
main (void)
{
  return tool_suite (add);
}
