/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The child's side of running an outside program.  It confines itself, starts the
 * program as a child of its own, waits for it and says how it ended: so the status
 * is known whatever the caller does with SIGCHLD, and where there is a namespace of
 * processes, all that the program started ends with its keeper.
 *
 * Everything here runs after a fork of a process that may have threads: plain
 * system calls only.  The C library's setresuid and fork would talk to threads
 * that are not there. */

#include <config.h>

#include "storage/tool-child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define MOST_CAPABILITIES 64
/* Steps that can fail in several places. */
#define MAP "could not be given a user namespace"
#define MOUNT "could not be given mounts of its own"
#define FDS "could not be given its descriptors"
#define USER "could not be given a user of its own"
#define CAPABILITIES "could not be rid of its capabilities"
#define LANDLOCK "could not be confined by Landlock"

pid_t
vl_tool_clone (unsigned long flags, int *pidfd)
{
#ifdef __s390x__
  return (pid_t)syscall (SYS_clone, NULL, flags | (pidfd ? CLONE_PIDFD : 0), pidfd, NULL, NULL);
#else
  return (pid_t)syscall (SYS_clone, flags | (pidfd ? CLONE_PIDFD : 0), NULL, pidfd, NULL, NULL);
#endif
}

static void
say (const struct vl_tool_setup *setup, const char *step, int value)
{
  struct vl_tool_report report = { step, value };

  /* A reader that is gone will not miss it. */
  if (write (setup->report, &report, sizeof report) < 0)
    _exit (126);
}

static void
must (const struct vl_tool_setup *setup, const char *step, long result)
{
  if (result >= 0)
    return;
  say (setup, step, errno);
  _exit (126);
}

/* 0, or -1 with errno. */
static int
put (const char *path, const char *text)
{
  int fd = open (path, O_WRONLY | O_CLOEXEC);
  size_t length = strlen (text);
  int result = fd >= 0 && write (fd, text, length) == (ssize_t)length ? 0 : -1;

  if (fd >= 0)
    close (fd);
  return result;
}

/* In a user namespace of its own the caller's user is nobody until it is mapped. */
static void
map_user (const struct vl_tool_setup *setup)
{
  must (setup, MAP, put ("/proc/self/setgroups", "deny"));
  must (setup, MAP, put ("/proc/self/uid_map", setup->uid_map));
  must (setup, MAP, put ("/proc/self/gid_map", setup->gid_map));
}

static void
own_mounts (const struct vl_tool_setup *setup)
{
  const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;

  must (setup, MOUNT, mount ("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
  /* Some containers do not allow it; then the old one goes on telling of processes
   * that cannot be reached. */
  if (setup->namespaces & CLONE_NEWPID)
    mount ("proc", "/proc", "proc", flags, NULL);
  if (! setup->own_run)
    return;
  /* Sockets are found by path: the host's are below /run. */
  must (setup, MOUNT, mount ("tmpfs", "/run", "tmpfs", flags, "size=64k,mode=755"));
  for (unsigned i = 0; i < setup->n_fds; i++)
    if (setup->at[i])
      must (setup, MOUNT, symlink (setup->link[i], setup->at[i]));
}

/* The descriptors in their places, report and rule set above them, all others
 * closed. */
static void
place_fds (struct vl_tool_setup *setup)
{
  int n = (int)setup->n_fds, *from[VL_TOOL_MOST_FDS + 2];

  for (int i = 0; i < n; i++)
    from[i] = &setup->fds[i];
  from[n] = &setup->report;
  from[n + 1] = &setup->ruleset;
  n += setup->ruleset < 0 ? 1 : 2;
  /* Out of the way first: a source may sit where a target belongs. */
  for (int i = 0; i < n; i++)
    must (setup, FDS, *from[i] = fcntl (*from[i], F_DUPFD_CLOEXEC, VL_TOOL_MOST_FDS + 2));
  for (int i = 0; i < n; i++) {
    must (setup, FDS, dup3 (*from[i], i, i < (int)setup->n_fds ? 0 : O_CLOEXEC));
    *from[i] = i;
  }
  must (setup, FDS, close_range ((unsigned)n, ~0U, 0));
}

static void
set_limits (const struct vl_tool_setup *setup)
{
  for (unsigned i = 0; i < setup->n_limits; i++) {
    rlim_t most = setup->limits[i].most;
    struct rlimit old;

    /* A lower hard limit of ours stays; it cannot be raised. */
    if (getrlimit (setup->limits[i].what, &old) == 0 && old.rlim_max < most)
      most = old.rlim_max;
    must (setup, "could not be limited",
          setrlimit (setup->limits[i].what, &(struct rlimit) { most, most }));
  }
}

static void
drop_privileges (const struct vl_tool_setup *setup)
{
  struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
  uint32_t low = (uint32_t)setup->capabilities, high = (uint32_t)(setup->capabilities >> 32);
  struct __user_cap_data_struct data[2] = { { low, low, low }, { high, high, high } };

  must (setup, CAPABILITIES, prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
  /* Without CAP_SETPCAP none can be dropped here, nor gained by what was started. */
  for (unsigned long i = 0; i < MOST_CAPABILITIES; i++)
    if ((setup->capabilities >> i & 1) == 0)
      prctl (PR_CAPBSET_DROP, i, 0, 0, 0);
  if (setup->root) {
    must (setup, CAPABILITIES, prctl (PR_SET_KEEPCAPS, setup->capabilities != 0, 0, 0, 0));
    must (setup, USER, syscall (SYS_setgroups, 0, NULL));
    must (setup, USER, syscall (SYS_setresgid, setup->gid, setup->gid, setup->gid));
    must (setup, USER, syscall (SYS_setresuid, setup->uid, setup->uid, setup->uid));
  }
  must (setup, CAPABILITIES, syscall (SYS_capset, &header, data));
  prctl (PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  for (unsigned long i = 0; i < MOST_CAPABILITIES; i++)
    if (setup->capabilities >> i & 1)
      must (setup, CAPABILITIES, prctl (PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, i, 0, 0));
}

/* Dies with the caller; a change of user has cleared what was asked for before. */
static void
die_with_parent (const struct vl_tool_setup *setup)
{
  struct pollfd report = { setup->report, 0, 0 };

  prctl (PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  /* Nobody reads any more: the caller was gone before. */
  if (poll (&report, 1, 0) > 0 && (report.revents & POLLERR)) {
    errno = ESRCH;
    must (setup, "lost its parent", -1);
  }
}

static void
shut_in (const struct vl_tool_setup *setup)
{
  struct landlock_path_beneath_attr proc = { .allowed_access = setup->proc_access };

  if (setup->ruleset >= 0) {
    /* Here, since /proc may be another than the caller's. */
    must (setup, LANDLOCK, proc.parent_fd = open ("/proc", O_PATH | O_CLOEXEC));
    must (setup, LANDLOCK,
          syscall (SYS_landlock_add_rule, setup->ruleset, LANDLOCK_RULE_PATH_BENEATH, &proc, 0));
    close (proc.parent_fd);
    must (setup, LANDLOCK, syscall (SYS_landlock_restrict_self, setup->ruleset, 0));
    close (setup->ruleset);
  }
  must (setup, "could not be confined by seccomp",
        syscall (SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &setup->filter));
}

static void
start_and_wait (const struct vl_tool_setup *setup)
{
  static const char *const environment[] = { "LC_ALL=C", "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
                                             "MTOOLS_SKIP_CHECK=1", NULL };
  pid_t program = vl_tool_clone (SIGCHLD, NULL), got;
  int status;

  must (setup, "could not be started", program);
  if (program == 0) {
    prctl (PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    execve (setup->program, (char *const *)setup->argv, (char *const *)environment);
    must (setup, "could not be started", -1);
  }
  /* The pipes end when the program's ends do. */
  close_range (0, (unsigned)setup->report - 1, 0);
  do
    got = (pid_t)syscall (SYS_wait4, -1, &status, __WALL, NULL);
  while (got != program && (got >= 0 || errno == EINTR));
  if (got == program)
    say (setup, NULL, status);
}

void
vl_tool_child (struct vl_tool_setup *setup)
{
  struct sigaction plain = { .sa_handler = SIG_DFL };
  sigset_t none;

  for (int i = 1; i < NSIG; i++)
    sigaction (i, &plain, NULL);
  /* A file that may not grow is an error the program can speak of. */
  plain.sa_handler = SIG_IGN;
  sigaction (SIGXFSZ, &plain, NULL);
  sigemptyset (&none);
  sigprocmask (SIG_SETMASK, &none, NULL);
  /* No terminal, and a process group to be killed by. */
  setsid ();
  if (setup->namespaces & CLONE_NEWUSER)
    map_user (setup);
  place_fds (setup);
  if (setup->namespaces & CLONE_NEWNS)
    own_mounts (setup);
  set_limits (setup);
  drop_privileges (setup);
  die_with_parent (setup);
  shut_in (setup);
  start_and_wait (setup);
  _exit (0);
}
