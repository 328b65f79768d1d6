/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The system calls that an outside program may not make.  The list forbids: a
 * program is any version of any program, and what it needs is not known; what none
 * of them needs is. */

#include <config.h>

#include "confine/confine.h"

#include <errno.h>
#include <linux/capability.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define HIGHEST_FAMILY 64u

static const char *const forbidden[] = {
  "acct", "add_key", "adjtimex", "bpf", "chroot", "clock_adjtime", "clock_settime", "delete_module",
  "fanotify_init", "finit_module", "init_module", "io_uring_enter", "io_uring_register",
  "io_uring_setup", "ioperm", "iopl", "kcmp", "kexec_file_load", "kexec_load", "keyctl",
  "lookup_dcookie", "migrate_pages", "move_pages", "name_to_handle_at", "nfsservctl",
  "open_by_handle_at", "perf_event_open", "pidfd_getfd", "pivot_root", "process_madvise",
  "process_vm_readv", "process_vm_writev", "ptrace", "quotactl", "quotactl_fd", "reboot",
  "request_key", "setdomainname", "sethostname", "setns", "settimeofday", "setpgid", "setsid",
  "stime", "swapoff", "swapon", "syslog", "unshare", "uselib", "userfaultfd", "vhangup",
  /* The last ones, for which CAP_SYS_ADMIN may be declared. */
  "fsconfig", "fsmount", "fsopen", "fspick", "mount", "mount_setattr", "move_mount", "open_tree",
  "umount", "umount2"
};
#define N_FORBIDDEN (sizeof forbidden / sizeof forbidden[0])
#define N_MOUNTING 10

static int
forbid (scmp_filter_ctx filter, const char *name, int error)
{
  int call = seccomp_syscall_resolve_name (name);

  /* What the library does not know by name, or this machine has not. */
  if (call == __NR_SCMP_ERROR)
    return 0;
  return seccomp_rule_add (filter, SCMP_ACT_ERRNO ((uint32_t)error), call, 0);
}

static int
forbid_if (scmp_filter_ctx filter, const char *name, struct scmp_arg_cmp when)
{
  return seccomp_rule_add (filter, SCMP_ACT_ERRNO (EPERM), seccomp_syscall_resolve_name (name), 1,
                           when);
}

static int
forbid_sockets (scmp_filter_ctx filter, uint32_t flags)
{
  int result = forbid_if (filter, "socket", SCMP_A0 (SCMP_CMP_GE, HIGHEST_FAMILY));

  for (unsigned family = 0; family < HIGHEST_FAMILY; family++) {
    if (family == AF_UNIX && ! (flags & VL_TOOL_TENANT))
      continue;
    /* Resolving a name asks the kernel for its addresses, by netlink. */
    if ((flags & VL_TOOL_CONNECT)
        && (family == AF_INET || family == AF_INET6 || family == AF_NETLINK))
      continue;
    result |= forbid_if (filter, "socket", SCMP_A0 (SCMP_CMP_EQ, family));
  }
  return result;
}

static int
add_rules (scmp_filter_ctx filter, const struct confine *c)
{
  static const unsigned long spaces[] = { CLONE_NEWNS,  CLONE_NEWCGROUP, CLONE_NEWUTS,
                                          CLONE_NEWIPC, CLONE_NEWUSER,   CLONE_NEWPID,
                                          CLONE_NEWNET };
  int result = 0;

  for (size_t i = 0; i < N_FORBIDDEN - (confine_has (c, CAP_SYS_ADMIN) ? N_MOUNTING : 0); i++)
    result |= forbid (filter, forbidden[i], EPERM);
  for (size_t i = 0; i < sizeof spaces / sizeof spaces[0]; i++)
#ifdef __s390x__
    result |= forbid_if (filter, "clone", SCMP_A1 (SCMP_CMP_MASKED_EQ, spaces[i], spaces[i]));
#else
    result |= forbid_if (filter, "clone", SCMP_A0 (SCMP_CMP_MASKED_EQ, spaces[i], spaces[i]));
#endif
  /* Its flags lie in memory, where no filter looks; the C library then takes clone. */
  result |= forbid (filter, "clone3", ENOSYS);
  result |= forbid_if (filter, "ioctl", SCMP_A1 (SCMP_CMP_MASKED_EQ, 0xffffffffu, TIOCSTI));
  return result | forbid_sockets (filter, c->job.flags);
}

void
confine_calls (const struct confine *c)
{
  scmp_filter_ctx filter = seccomp_init (SCMP_ACT_ALLOW);
  int result = filter ? add_rules (filter, c) : -1;

  if (result < 0)
    confine_fail ("its filter of system calls cannot be made");
  result = seccomp_load (filter);
  if (result < 0) {
    errno = -result;
    confine_must ("could not be confined by seccomp", -1);
  }
  seccomp_release (filter);
}
