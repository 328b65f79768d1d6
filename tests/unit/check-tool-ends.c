/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Outside programs: how their end is told, that nothing of them is left, and what
 * rows may ask for. */

#include <config.h>

#include "tool-rig.h"

#include "confine/job.h"
#include "lib/file.h"
#include "plugin/load.h"

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
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>

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
  for (int i = 0; ! has ("namespaces") && left_of (mark) && i < 600; i++)
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
           VL_TOOL_EXITED, "a\\x1b[2J\\x9bb\\xc2\\x9bc\303\244; next\\x01");
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
  /* Root has all again after an exec that are not gone from here. */
  if (geteuid () == 0)
    ck_assert_int_eq (prctl (PR_CAPBSET_DROP, CAP_SYS_ADMIN, 0, 0, 0), 0);
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
  int refused = 0;

  if (! is_root () && (geteuid () == 0 || ! has ("namespaces")))
    return; /* root's are not counted, and a user's are, but all together */
  row.processes = 20;
  /* On a busy machine the bomb takes longer. */
  for (tool.deadline = 3000; ! refused && tool.deadline < 1000000; tool.deadline *= 10) {
    ck_assert_int_eq (
        shell (vl_printf (call, "bomb () { : %s; bomb | bomb & }; bomb; sleep 10000", mark)), -1);
    refused = strstr (vl_printf (call, "%s%s", result.said, result.problem), "Cannot fork") != NULL;
  }
  ck_assert_int_eq (refused, 1);
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
  ck_assert_int_eq (chmod (path ("loose"), 0757), 0);
  tool.name = "list";
  tool.args = args;
  ck_assert_int_eq (vl_tool_run (call, &tool, NULL), -1);
  vl_call_as (call, &plugin);
  call->phase = VL_PHASE_CONTRIBUTE;
  ck_assert_int_eq (vl_tool_run (call, &tool, NULL), -1);
  call->phase = VL_PHASE_PREPARE;
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
      vl_printf (
          call,
          "error PluginFault core: vl_tool_run of 'list', which is not in its table of tools\n"
          "  this is a fault of the plugin\n"
          "error PluginFault acme: vl_tool_run is called in phase 'contribute'; a feature acts on "
          "the host in prepare, release, event and the acting calls of a group\n"
          "  this is a fault of the plugin\n"
          "error ToolMissing acme: the program \"no-such-tool\" is not installed\n"
          "  apt-get install some-package\n"
          "error ToolFailed acme: the program \"false\" failed: exited with 1\n"
          "error ToolFailed acme: the program \"DIR/loose\" is not run: 'DIR/loose' is writable by "
          "everyone (owner %u, group %u, mode 0757); accepted: owned by root or by the caller, and "
          "writable by nobody else\n  chmod o-w DIR/loose\n"
          "error PluginFault acme: vl_tool_run of 'other', which is not in its table of tools\n  "
          "this is a fault of the plugin\n",
          (unsigned)geteuid (), (unsigned)getegid ()));
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

/* Without the program that confines others nothing is run. */
START_TEST (not_confined)
{
  const struct vl_tool_row rows[] = { { .name = "shell", .program = "sh" } };
  struct vl_plugin plugin = { .name = "acme", .tools = rows, .n_tools = 1 };
  const char *lacks;

  ck_assert_int_eq (unlink (path ("confine")), 0);
  vl_call_as (call, &plugin);
  call->phase = VL_PHASE_RELEASE;
  ck_assert_int_eq (vl_tool_run (call, &tool, &result), -1);
  ck_assert_int_eq (result.end, VL_TOOL_NOT_STARTED);
  ck_assert_str_eq (result.problem, "there is nothing that confines it");
  rig_write (&rig, "confine/virtloom-confine", "#!/bin/sh\n");
  ck_assert_int_eq (chmod (path ("confine/virtloom-confine"), 0757), 0);
  ck_assert_int_eq (vl_tool_run (call, &tool, NULL), -1);
  vl_call_as (call, NULL);
  ck_assert_int_eq (vl_tool_lacks (call, &lacks), -1);
  ck_assert_str_eq (
      rig_findings (&rig),
      vl_printf (
          call,
          "error ToolFailed acme: the program \"DIR/confine/virtloom-confine\" is not run: "
          "'DIR/confine': No such file or directory\n"
          "  it runs all others: make, or install virtloom once more\n"
          "error ToolFailed acme: the program \"DIR/confine/virtloom-confine\" is not run: "
          "'DIR/confine/virtloom-confine' is writable by everyone (owner %1$u, group %2$u, mode "
          "0757); accepted: owned by root or by the caller, and writable by nobody else\n"
          "  chmod o-w DIR/confine/virtloom-confine\n"
          "error ToolFailed core: the program \"DIR/confine/virtloom-confine\" is not run: "
          "'DIR/confine/virtloom-confine' is writable by everyone (owner %1$u, group %2$u, mode "
          "0757); accepted: owned by root or by the caller, and writable by nobody else\n"
          "  chmod o-w DIR/confine/virtloom-confine\n",
          (unsigned)geteuid (), (unsigned)getegid ()));
}
END_TEST

/* What virtloom-confine answers to a job of LENGTH bytes. */
static struct vl_confine_end
answer_to (const void *job, size_t length)
{
  struct vl_confine_end end = { .end = VL_TOOL_EXITED };
  int file = memfd_create ("job", MFD_CLOEXEC), pair[2];
  pid_t pid;

  ck_assert_int_eq (write (file, job, length), (ssize_t)length);
  ck_assert_int_eq (pipe (pair), 0);
  pid = fork ();
  if (pid == 0) {
    dup2 (file, 0);
    dup2 (pair[1], 1);
    close_range (2, ~0u, 0);
    execl (path ("confine/virtloom-confine"), "virtloom-confine", NULL);
    _exit (1);
  }
  close (pair[1]);
  ck_assert_int_eq (read (pair[0], &end, sizeof end), sizeof end);
  ck_assert_int_eq (waitpid (pid, NULL, 0), pid);
  close (pair[0]);
  close (file);
  return end;
}

/* A job that is cut short, too long or of another version starts nothing. */
START_TEST (damaged_job)
{
  struct {
    struct vl_confine_job head;
    char texts[64];
  } job = { .head = { .version = VL_CONFINE_VERSION, .n_args = 1, .n_paths = 1, .input = 2 } };
  static const char texts[] = "/bin/true\0\0word\0/etc/passwd\0in";
  size_t length = sizeof job.head + sizeof texts - 1;

  memcpy (job.texts, texts, sizeof texts);
  ck_assert_int_eq (answer_to (&job, length).end, VL_TOOL_EXITED);
  ck_assert_int_eq (answer_to (&job, length + 1).end, VL_TOOL_NOT_STARTED);
  for (size_t i = 0; i < length; i++)
    ck_assert_int_eq (answer_to (&job, i).end, VL_TOOL_NOT_STARTED);
  job.head.n_args = ~0u;
  ck_assert_int_eq (answer_to (&job, length).end, VL_TOOL_NOT_STARTED);
  job.head.n_args = 1;
  /* The descriptors are not there. */
  for (job.head.n_files = 1; job.head.n_files < 100; job.head.n_files++)
    ck_assert_int_eq (answer_to (&job, length).end, VL_TOOL_NOT_STARTED);
  job.head.n_files = 0;
  job.head.version++;
  ck_assert_int_eq (answer_to (&job, length).end, VL_TOOL_NOT_STARTED);
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
  call->phase = VL_PHASE_RELEASE;
  tool.args = args;
  ck_assert_int_eq (vl_tool_run (call, &tool, NULL), -1);
  vl_call_as (call, NULL);
  ck_assert_str_eq (rig_findings (&rig),
                    "error DiskFull acme: the program \"sh\" failed: x: No space left on device\n"
                    "  make room on the disk that is full ('df' shows which), then try again\n");
}
END_TEST

static void
add (TCase *tests)
{
  tcase_add_test (tests, ends);
  tcase_add_loop_test (tests, deadline, 0, 2);
  tcase_add_test (tests, fork_bomb);
  tcase_add_test (tests, sigchld);
  tcase_add_test (tests, fate_unknown);
  tcase_add_test (tests, threads);
  tcase_add_test (tests, rows_refused);
  tcase_add_test (tests, declared_only);
  tcase_add_test (tests, not_confined);
  tcase_add_test (tests, damaged_job);
  tcase_add_test (tests, capabilities);
  tcase_add_test (tests, mounting);
  tcase_add_test (tests, disk_full);
}

int
main (void)
{
  return tool_suite (add);
}
