/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The keeper of an outside program: gives up, one after the other, all that the
 * program may not have, then starts it and waits. */

#include <config.h>

#include "confine/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST_CAPABILITIES 64
#define OPEN_FILES 64u
/* Steps that can fail in several places. */
#define MOUNT "could not be given mounts of its own"
#define FDS "could not be given its descriptors"
#define USER "could not be given a user of its own"
#define CAPABILITIES "could not be rid of its capabilities"
#define START "could not be started"

static void
own_mounts (const struct confine *c)
{
  const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;

  confine_must (MOUNT, mount ("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
  /* Some containers do not allow it; then the old one goes on telling of processes
   * that cannot be reached. */
  mount ("proc", "/proc", "proc", flags, NULL);
  if (! c->own_run)
    return;
  /* Sockets are found by path: the host's are below /run. */
  confine_must (MOUNT, mount ("tmpfs", "/run", "tmpfs", flags, "size=64k,mode=755"));
  for (unsigned i = 0; i < c->job.n_files; i++) {
    char link[64], at[PATH_MAX];

    snprintf (link, sizeof link, "/proc/self/fd/%u", VL_CONFINE_FILE_0 + i);
    snprintf (at, sizeof at, "/run/%s", c->at[i]);
    if (*c->at[i])
      confine_must (MOUNT, symlink (link, at));
  }
}

static void
drop_privileges (const struct confine *c)
{
  uint64_t kept = c->job.capabilities;
  struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
  uint32_t low = (uint32_t)kept, high = (uint32_t)(kept >> 32);
  struct __user_cap_data_struct data[2] = { { low, low, low }, { high, high, high } };

  confine_must (CAPABILITIES, prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
  /* Without CAP_SETPCAP none can be dropped here, nor gained by what was started. */
  for (int i = 0; i < MOST_CAPABILITIES; i++)
    if (! confine_has (c, i))
      prctl (PR_CAPBSET_DROP, i, 0, 0, 0);
  if (c->root) {
    confine_must (CAPABILITIES, prctl (PR_SET_KEEPCAPS, kept != 0, 0, 0, 0));
    confine_must (USER, setgroups (0, NULL));
    confine_must (USER, setresgid (c->gid, c->gid, c->gid));
    confine_must (USER, setresuid (c->uid, c->uid, c->uid));
  }
  confine_must (CAPABILITIES, syscall (SYS_capset, &header, data));
  prctl (PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  for (int i = 0; i < MOST_CAPABILITIES; i++)
    if (confine_has (c, i))
      confine_must (CAPABILITIES, prctl (PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, i, 0, 0));
}

/* Dies with its parent; a change of user has cleared what was asked for before. */
static void
die_with_parent (void)
{
  struct pollfd answer = { confine_answer, 0, 0 };

  prctl (PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  /* Nobody reads any more: the parent was gone before. */
  if (poll (&answer, 1, 0) > 0 && (answer.revents & POLLERR))
    _exit (1);
}

static void
limit (int what, uint64_t most)
{
  struct rlimit old;

  /* A lower hard limit of ours stays; it cannot be raised. */
  if (getrlimit (what, &old) == 0 && old.rlim_max < most)
    most = old.rlim_max;
  confine_must ("could not be limited", setrlimit (what, &(struct rlimit) { most, most }));
}

static void
set_limits (const struct confine *c)
{
  const struct vl_confine_job *job = &c->job;

  /* Processes are counted by user: only one's own can be. */
  if (c->root ? c->uid >= CONFINE_OWN_USERS : c->namespaces & CLONE_NEWUSER)
    limit (RLIMIT_NPROC, (job->processes ? job->processes : VL_CONFINE_PROCESSES) + 1);
  limit (RLIMIT_CPU, (job->deadline + 999) / 1000);
  limit (RLIMIT_CORE, 0);
  limit (RLIMIT_FSIZE, job->file_size > 0 ? (uint64_t)job->file_size : 0);
  limit (RLIMIT_NOFILE, OPEN_FILES);
  limit (RLIMIT_MEMLOCK, 0);
  limit (RLIMIT_AS, (uint64_t)(job->memory ? job->memory : VL_CONFINE_MEMORY));
}

static void
start_and_wait (const struct confine *c)
{
  static const char *const environment[] = { "LC_ALL=C", "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
                                             "MTOOLS_SKIP_CHECK=1", NULL };
  struct vl_confine_end end = { .status = -1 };
  pid_t program = confine_must (START, fork ()), got;
  int status;

  if (program == 0) {
    prctl (PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    execve (c->program, (char *const *)c->argv, (char *const *)environment);
    confine_must (START, -1);
  }
  /* The pipes end when the program's ends do. */
  close_range (0, (unsigned)confine_answer - 1, 0);
  close_range ((unsigned)confine_answer + 1, ~0u, 0);
  do
    got = waitpid (-1, &status, __WALL);
  while (got != program && (got >= 0 || errno == EINTR));
  if (got == program && WIFEXITED (status)) {
    end.end = VL_TOOL_EXITED;
    end.status = WEXITSTATUS (status);
  } else if (got == program) {
    end.end = VL_TOOL_SIGNALLED;
    end.status = WTERMSIG (status);
  }
  if (got == program)
    confine_say (&end, NULL, NULL, NULL);
}

void
confine_keep (struct confine *c, int input, int out, int err)
{
  sigset_t none;

  /* No terminal, and a process group to be killed by. */
  setsid ();
  /* A file that may not grow is an error the program can speak of. */
  signal (SIGXFSZ, SIG_IGN);
  sigemptyset (&none);
  sigprocmask (SIG_SETMASK, &none, NULL);
  confine_must (FDS, dup2 (input, 0));
  confine_must (FDS, dup2 (out, 1));
  confine_must (FDS, dup2 (err, 2));
  if (c->namespaces & CLONE_NEWNS)
    own_mounts (c);
  confine_rules (c);
  drop_privileges (c);
  die_with_parent ();
  if (c->ruleset >= 0)
    confine_must ("could not be confined by Landlock",
                  syscall (SYS_landlock_restrict_self, c->ruleset, 0));
  confine_calls (c);
  set_limits (c);
  start_and_wait (c);
  _exit (0);
}
