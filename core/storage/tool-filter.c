/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The system calls that an outside program may not make.  The list forbids: a
 * program is any version of any program, and what it needs is not known; what none
 * of them needs is. */

#include <config.h>

#include "storage/tool-child.h"

#include <errno.h>
#include <linux/capability.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

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
add_rules (scmp_filter_ctx filter, const struct vl_tool_row *row)
{
  static const unsigned long spaces[] = { CLONE_NEWNS,  CLONE_NEWCGROUP, CLONE_NEWUTS,
                                          CLONE_NEWIPC, CLONE_NEWUSER,   CLONE_NEWPID,
                                          CLONE_NEWNET };
  int admin = (row->capabilities >> CAP_SYS_ADMIN & 1) != 0, result = 0;

  for (size_t i = 0; i < N_FORBIDDEN - (admin ? N_MOUNTING : 0); i++)
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
  return result | forbid_sockets (filter, row->flags);
}

int
vl_tool_filter (struct vl_call *call, const struct vl_tool_row *row, struct sock_fprog *program,
                const char **why)
{
  scmp_filter_ctx filter = seccomp_init (SCMP_ACT_ALLOW);
  VL_AUTOCLOSE int file = memfd_create ("filter", MFD_CLOEXEC);
  struct stat st;
  int good = filter && file >= 0 && add_rules (filter, row) == 0
             && seccomp_export_bpf (filter, file) == 0 && fstat (file, &st) == 0;

  if (good) {
    program->len = (unsigned short)((size_t)st.st_size / sizeof *program->filter);
    program->filter = vl_arena_alloc (call->arena, (size_t)st.st_size);
    good = pread (file, program->filter, (size_t)st.st_size, 0) == st.st_size;
  }
  seccomp_release (filter);
  if (! good)
    *why = "its filter of system calls cannot be made";
  return good ? 0 : -1;
}
