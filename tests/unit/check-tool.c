/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Outside programs: what they can and cannot do, tried from inside, how their end
 * is told, and that nothing of them is left. */

#include <config.h>

#include "room.h"

#include "lib/file.h"
#include "plugin/load.h"
#include "storage/tool-child.h"
#include "storage/tool.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static struct vl_tool_row row;
static struct vl_tool tool;
static struct vl_tool_result result;

static void
setup (void)
{
  room_setup ();
  row = (struct vl_tool_row) { .name = "shell", .program = "sh" };
  result = (struct vl_tool_result) { .size = sizeof result };
  tool = (struct vl_tool) { .size = sizeof tool, .name = "shell", .deadline = 120000 };
}

/* Runs SCRIPT by the shell as ROW and TOOL say. */
static int
shell (const char *script)
{
  const char *args[] = { "-c", script, NULL };

  tool.args = args;
  return vl_tool_try (call, &row, "/bin/sh", &tool, &result);
}

/* The script prints exactly TEXT. */
static void
says (const char *script, const char *text)
{
  ck_assert_msg (shell (script) == 0, "%s: %s", script, result.problem);
  ck_assert_str_eq (result.out, text);
}

static void
problem (const char *script, enum vl_tool_end end, const char *text)
{
  ck_assert_int_eq (shell (script), -1);
  ck_assert_str_eq (result.problem, text);
  ck_assert_int_eq (result.end, end);
}

/* How many users this process's user namespace has. */
static unsigned
users (void)
{
  VL_AUTOFCLOSE FILE *map = fopen ("/proc/self/uid_map", "re");
  unsigned n = 0;

  return map && fscanf (map, "%*u %*u %u", &n) == 1 ? n : 0;
}

/* Root of a namespace without other users is a user like any. */
static int
is_root (void)
{
  return geteuid () == 0 && users () > 65534;
}

static int
has_namespaces (void)
{
  const char *lacks = vl_tool_lacks (call);

  return lacks == NULL || strstr (lacks, "namespaces") == NULL;
}

/* ---- what it is ---- */

static const char *
status (const char *field)
{
  const char *at = strstr (result.out, vl_printf (call, "\n%s:\t", field));

  ck_assert_msg (at != NULL, "%s", field);
  at += strlen (field) + 3;
  return vl_printf (call, "%.*s", (int)strcspn (at, "\n"), at);
}

START_TEST (who_it_is)
{
  static const char *const none[] = { "CapInh", "CapPrm", "CapEff", "CapAmb" };

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
    if (users () == 4294967295u)
      ck_assert_str_eq (status ("Uid"), vl_printf (call, "%1$u\t%1$u\t%1$u\t%1$u",
                                                   0x70000000u + (unsigned)gettid ()));
    else
      ck_assert_str_eq (status ("Uid"), "65534\t65534\t65534\t65534");
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

  tool.deadline = 6500;
  says (script, "64\n0\n2097152\n7\n0\n0\n");
  row.memory = (int64_t)3 << 30;
  tool.file_size = 1 << 20;
  says (script, "64\n0\n3145728\n7\n2048\n0\n");
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
  if (has_namespaces ()) {
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
static int
probe (const char *word, const char *more)
{
  const char *args[] = { word, more, NULL }, *why;
  const char *program = path ("probe");
  size_t length;
  VL_AUTOFREE char *bytes =
      vl_file_read (VL_TEST_BUILDDIR "/unit/tool-probe", 64 * MIB, &length, &why);

  ck_assert_msg (bytes != NULL, "%s", why);
  ck_assert_int_eq (chmod (rig.dir, 0711), 0);
  ck_assert_int_eq (vl_file_write (program, bytes, length, 0755), 0);
  tool.args = args;
  return vl_tool_try (call, &row, program, &tool, &result);
}

START_TEST (namespaces)
{
  static const char *const spaces[] = { "pid", "mnt", "ipc" };

  for (size_t i = 0; has_namespaces () && i < 3; i++) {
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
    const char *expected = VL_STARTS (line, "getpid")   ? ": done"
                           : VL_STARTS (line, "clone3") ? ": Function not implemented"
                                                        : ": Operation not permitted";

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
  if (vl_tool_landlock () == 0)
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
    if (is_root () && has_namespaces ()
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
  if (has_namespaces ())
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

  if (! is_root () || vl_tool_landlock () == 0 || unshare (CLONE_NEWNS) < 0)
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

/* ---- how it ends ---- */

/* How many processes have MARK among their words. */
static int
left_of (const char *mark)
{
  DIR *proc = opendir ("/proc");
  struct dirent *entry;
  int n = 0;

  while ((entry = readdir (proc))) {
    char words[4096];
    int fd = open (vl_printf (call, "/proc/%s/cmdline", entry->d_name), O_RDONLY);
    ssize_t got = fd < 0 ? 0 : read (fd, words, sizeof words);

    n += got > 0 && memmem (words, (size_t)got, mark, strlen (mark)) != NULL;
    if (fd >= 0)
      close (fd);
  }
  closedir (proc);
  return n;
}

/* All are gone: at once where they had a namespace of processes, else as soon as the
 * kernel has come to it. */
static void
gone (const char *mark)
{
  for (int i = 0; ! has_namespaces () && left_of (mark) && i < 600; i++)
    usleep (100000);
  ck_assert_int_eq (left_of (mark), 0);
}

START_TEST (ends)
{
  VL_AUTOSTR struct vl_str cut = { 0 };

  problem ("echo out; echo 'bad\tthing' >&2; exit 3", VL_TOOL_EXITED, "bad\\x09thing");
  ck_assert_str_eq (result.out, "out\n");
  ck_assert_int_eq (result.status, 3);
  problem ("exit 4", VL_TOOL_EXITED, "exited with 4");
  problem ("kill -9 $$", VL_TOOL_SIGNALLED, "was ended by signal 9 (Killed)");
  ck_assert_int_eq (result.status, 9);
  problem ("echo oops >&2; kill -SEGV $$", VL_TOOL_SIGNALLED,
           "was ended by signal 11 (Segmentation fault): oops");
  problem ("printf 'a\\033[2J\\233b\\302\\233c\\303\\244\\nnext\\001\\n' >&2; exit 1",
           VL_TOOL_EXITED, "a\\x1b[2J\\x9bb\\xc2\\x9bc\303\244");
  ck_assert_str_eq (result.said, "a\\x1b[2J\\x9bb\\xc2\\x9bc\303\244\nnext\\x01\n");
  for (size_t i = 0; i < 200; i++)
    vl_str_add (&cut, "\303\244");
  vl_str_add (&cut, "...");
  problem ("i=0; while [ $i -lt 300 ]; do printf '\\303\\244' >&2; i=$((i+1)); done; exit 1",
           VL_TOOL_EXITED, cut.text);
  problem ("head -c 3000000 /dev/zero", VL_TOOL_TOO_LOUD, "said more than 1048576 bytes");
  row.output = 5;
  problem ("echo 12345", VL_TOOL_TOO_LOUD, "said more than 5 bytes");
  says ("echo 1234", "1234\n");
  says ("head -c 3000000 /dev/zero >&2", "");
  ck_assert_uint_le (strlen (result.said), 4 * 4096);
  tool.args = NULL;
  ck_assert_int_eq (vl_tool_try (call, &row, "/nonexistent/tool", &tool, &result), -1);
  ck_assert_str_eq (result.problem, "could not be started: No such file or directory");
  ck_assert_int_eq (result.end, VL_TOOL_NOT_STARTED);
}
END_TEST

/* From here on there are no namespaces to be had, nor mounts. */
static void
without_sys_admin (void)
{
  struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
  struct __user_cap_data_struct data[2];

  ck_assert_int_eq ((int)syscall (SYS_capget, &header, data), 0);
  data[0].effective &= ~(1u << CAP_SYS_ADMIN);
  data[0].permitted &= ~(1u << CAP_SYS_ADMIN);
  ck_assert_int_eq ((int)syscall (SYS_capset, &header, data), 0);
}

START_TEST (deadline)
{
  const char *mark = vl_printf (call, "86400.%d", (int)getpid ());

  if (_i)
    without_sys_admin ();

  tool.deadline = 1000;
  problem (vl_printf (call, "sleep %s & sh -c 'trap \"\" TERM; setsid sleep %s; sleep %s'", mark,
                      mark, mark),
           VL_TOOL_TOO_LONG, "took longer than 1 seconds");
  gone (mark);
  tool.deadline = 300;
  problem (vl_printf (call, "exec >&- 2>&-; sleep %s", mark), VL_TOOL_TOO_LONG,
           "took longer than 0.3 seconds");
  gone (mark);
  /* What it leaves behind ends with it, also if that holds its output open. */
  tool.deadline = 300000;
  says (vl_printf (call, "sleep %s & echo done", mark), "done\n");
  gone (mark);
}
END_TEST

START_TEST (fork_bomb)
{
  const char *mark = vl_printf (call, "bomb-%d", (int)getpid ());

  if (! is_root () && (geteuid () == 0 || ! has_namespaces ()))
    return; /* root's are not counted, and a user's are, but all together */
  row.processes = 20;
  tool.deadline = 3000;
  ck_assert_int_eq (
      shell (vl_printf (call, "bomb () { : %s; bomb | bomb & }; bomb; sleep 100", mark)), -1);
  ck_assert_ptr_nonnull (
      strstr (vl_printf (call, "%s%s", result.said, result.problem), "Cannot fork"));
  gone (mark);
}
END_TEST

static volatile sig_atomic_t heard;

static void
hear (int signal)
{
  (void)signal;
  heard++;
}

START_TEST (sigchld)
{
  signal (SIGCHLD, SIG_IGN);
  problem ("exit 3", VL_TOOL_EXITED, "exited with 3");
  says ("echo good", "good\n");
  signal (SIGCHLD, hear);
  says ("echo good", "good\n");
  problem ("exit 3", VL_TOOL_EXITED, "exited with 3");
  ck_assert_int_eq (heard, 0);
  ck_assert_int_eq (waitpid (-1, NULL, __WALL), -1);
  ck_assert_int_eq (errno, ECHILD);
}
END_TEST

/* Ends every child of this process, once there is one. */
static void *
end_children (void *stop)
{
  const char *name = stop;
  VL_AUTOFREE char *children = NULL;

  for (;;) {
    FILE *file = fopen (name, "re");
    int pid = 0;

    if (file && fscanf (file, "%d", &pid) == 1)
      kill (pid, SIGKILL);
    if (file)
      fclose (file);
    if (pid)
      return NULL;
    sched_yield ();
  }
}

START_TEST (fate_unknown)
{
  pthread_t thread;
  const char *name = vl_printf (call, "/proc/%d/task/%d/children", (int)getpid (), (int)gettid ());

  if (access (name, R_OK) < 0)
    return; /* a kernel without CONFIG_PROC_CHILDREN */
  ck_assert_int_eq (pthread_create (&thread, NULL, end_children, (void *)name), 0);
  problem ("sleep 100", VL_TOOL_UNKNOWN, "could not be waited for: its keeper was killed");
  pthread_join (thread, NULL);
}
END_TEST

/* A lock of the C library that another thread holds at the fork stays locked in the
 * child. */
static void *
allocate (void *stop)
{
  while (! *(volatile int *)stop) {
    void *p = malloc (1000);

    fclose (fopen ("/dev/null", "r"));
    free (p);
  }
  return NULL;
}

START_TEST (threads)
{
  pthread_t others[4];
  volatile int stop = 0;

  for (int i = 0; i < 4; i++)
    ck_assert_int_eq (pthread_create (&others[i], NULL, allocate, (void *)&stop), 0);
  for (int i = 0; i < 50; i++)
    says ("echo good", "good\n");
  stop = 1;
  for (int i = 0; i < 4; i++)
    pthread_join (others[i], NULL);
}
END_TEST

/* ---- rows, findings ---- */

START_TEST (rows_refused)
{
  static const char *const tun[] = { "/dev/net/tun", NULL };
  static const char *const slash[] = { "/etc/ceph", "etc", NULL };
  static const struct {
    struct vl_tool_row row;
    const char *problem;
  } bad[] = {
    { { .program = "rbd", .flags = VL_TOOL_TENANT | VL_TOOL_WRITES }, NULL },
    { { .program = NULL },
      "names no program; accepted: the name of one in the system's folders, or an absolute path" },
    { { .program = "bin/rbd" },
      "names no program; accepted: the name of one in the system's folders, or an absolute path" },
    { { .program = "rbd", .flags = 0x80 },
      "has flags 0x80, which virtloom " PACKAGE_VERSION " does not know" },
    { { .program = "rbd", .capabilities = (uint64_t)1 << 50 },
      "asks for capabilities 0x4000000000000, which virtloom " PACKAGE_VERSION " does not know" },
    { { .program = "rbd", .paths = slash }, "lists a path that is not absolute" },
    { { .program = "rbd", .devices = slash }, "lists a path that is not absolute" },
    { { .program = "rbd", .memory = -1 }, "has a limit below 0" },
    { { .program = "rbd", .flags = VL_TOOL_TENANT | VL_TOOL_CONNECT },
      "reads what tenants made, and asks for the network as well; accepted: VL_TOOL_WRITES alone "
      "beside VL_TOOL_TENANT" },
    { { .program = "rbd", .flags = VL_TOOL_TENANT, .capabilities = 1 },
      "reads what tenants made, and asks for capabilities as well; accepted: VL_TOOL_WRITES alone "
      "beside VL_TOOL_TENANT" },
    { { .program = "rbd", .flags = VL_TOOL_TENANT, .user = "root" },
      "reads what tenants made, and asks for a user as well; accepted: VL_TOOL_WRITES alone beside "
      "VL_TOOL_TENANT" },
    { { .program = "rbd", .flags = VL_TOOL_TENANT, .devices = tun },
      "reads what tenants made, and asks for devices as well; accepted: VL_TOOL_WRITES alone "
      "beside "
      "VL_TOOL_TENANT" },
  };

  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    ck_assert_pstr_eq (vl_tool_row_problem (call->arena, &bad[i].row), bad[i].problem);
}
END_TEST

START_TEST (declared_only)
{
  const struct vl_tool_row rows[] = {
    { .name = "list", .program = "ls" },
    { .name = "gone", .program = "no-such-tool", .package = "some-package" },
    { .name = "false", .program = "false" },
    { .name = "loose", .program = path ("loose") },
    { .name = "capable", .program = "true", .capabilities = 1 << CAP_CHOWN },
    { .name = "nobody's", .program = "true", .user = "no-such-user" },
  };
  struct vl_plugin plugin = { .name = "acme", .tools = rows, .n_tools = 6 };
  const char *args[] = { "/proc/self/fd", NULL };

  rig_write (&rig, "loose", "#!/bin/sh\n");
  ck_assert_int_eq (chmod (path ("loose"), 0777), 0);
  tool.name = "list";
  tool.args = args;
  ck_assert_int_eq (vl_tool_run (call, &tool, NULL), -1);
  vl_call_as (call, &plugin);
  call->phase = VL_PHASE_CONTRIBUTE;
  ck_assert_int_eq (vl_tool_run (call, &tool, NULL), -1);
  call->phase = VL_PHASE_NONE;
  ck_assert_int_eq (vl_tool_run (call, &tool, &result), 0);
  ck_assert_str_eq (result.out, "0\n1\n2\n3\n");
  tool.args = NULL;
  for (size_t i = 1; i < 4; i++) {
    tool.name = rows[i].name;
    ck_assert_int_eq (vl_tool_run (call, &tool, NULL), -1);
  }
  tool.name = "other";
  ck_assert_int_eq (vl_tool_run (call, &tool, NULL), -1);
  ck_assert_str_eq (
      rig_findings (&rig),
      "error PluginFault core: vl_tool_run is called in phase 'none'; programs are run in prepare, "
      "release and the acting calls of a group\n"
      "error PluginFault acme: vl_tool_run is called in phase 'contribute'; programs are run in "
      "prepare, release and the acting calls of a group\n"
      "error ToolMissing acme: the program \"no-such-tool\" is not installed\n"
      "  apt-get install some-package\n"
      "error ToolFailed acme: the program \"false\" failed: exited with 1\n"
      "error ToolFailed acme: the program \"DIR/loose\" is not run: it is writable by its group\n"
      "error PluginFault acme: vl_tool_run of 'other', which is not in its table of tools\n");
  if (is_root ()) {
    tool.name = "capable";
    ck_assert_int_eq (vl_tool_run (call, &tool, NULL), 0);
    tool.name = "nobody's";
    ck_assert_int_eq (vl_tool_run (call, &tool, &result), -1);
    ck_assert_str_eq (result.problem, "there is no user \"no-such-user\" on this host");
  }
  vl_call_as (call, NULL);
}
END_TEST

START_TEST (capabilities)
{
  if (! is_root ())
    return;
  row.capabilities = 1 << CAP_NET_ADMIN;
  ck_assert_int_eq (shell ("cat /proc/self/status"), 0);
  ck_assert_str_eq (status ("CapEff"), "0000000000001000");
  ck_assert_str_eq (status ("CapBnd"), "0000000000001000");
  row.user = "root";
  row.capabilities = 0;
  ck_assert_int_eq (shell ("cat /proc/self/status"), 0);
  ck_assert_str_eq (status ("Uid"), "0\t0\t0\t0");
  ck_assert_str_eq (status ("CapEff"), "0000000000000000");
  ck_assert_str_eq (status ("CapBnd"), "0000000000000000");
}
END_TEST

/* Mounts that are declared are the host's. */
START_TEST (mounting)
{
  const char *script;
  struct stat before, after;

  if (! is_root () || unshare (CLONE_NEWNS) < 0)
    return;
  ck_assert_int_eq (mount ("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
  ck_assert_int_eq (mkdir (path ("mnt"), 0700), 0);
  ck_assert_int_eq (stat (path ("mnt"), &before), 0);
  script = vl_printf (call, "mount -t tmpfs none %s", path ("mnt"));
  row.user = "root";
  ck_assert_int_eq (shell (script), -1);
  row.capabilities = (uint64_t)1 << CAP_SYS_ADMIN;
  ck_assert_msg (shell (script) == 0, "%s", result.problem);
  ck_assert_int_eq (stat (path ("mnt"), &after), 0);
  ck_assert_uint_ne (before.st_dev, after.st_dev);
  ck_assert_int_eq (umount (path ("mnt")), 0);
}
END_TEST

START_TEST (disk_full)
{
  const struct vl_tool_row rows[] = { { .name = "shell", .program = "sh" } };
  struct vl_plugin plugin = { .name = "acme", .tools = rows, .n_tools = 1 };
  const char *args[] = { "-c", "echo x: No space left on device >&2; exit 1", NULL };

  vl_call_as (call, &plugin);
  tool.args = args;
  ck_assert_int_eq (vl_tool_run (call, &tool, NULL), -1);
  vl_call_as (call, NULL);
  ck_assert_str_eq (rig_findings (&rig),
                    "error DiskFull acme: the program \"sh\" failed: x: No space left on device\n"
                    "  make room on the disk that holds the STATE folder, then try again\n");
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("tool");
  TCase *tests = tcase_create ("tool");
  SRunner *runner;
  int failed;

  tcase_set_timeout (tests, 240);
  tcase_add_checked_fixture (tests, setup, room_teardown);
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
  tcase_add_test (tests, file_size);
  tcase_add_test (tests, ends);
  tcase_add_loop_test (tests, deadline, 0, 2);
  tcase_add_test (tests, fork_bomb);
  tcase_add_test (tests, sigchld);
  tcase_add_test (tests, fate_unknown);
  tcase_add_test (tests, threads);
  tcase_add_test (tests, rows_refused);
  tcase_add_test (tests, declared_only);
  tcase_add_test (tests, capabilities);
  tcase_add_test (tests, mounting);
  tcase_add_test (tests, disk_full);
  suite_add_tcase (suite, tests);
  runner = srunner_create (suite);
  srunner_set_tap (runner, "-");
  srunner_run_all (runner, CK_SILENT);
  failed = srunner_ntests_failed (runner);
  srunner_free (runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
