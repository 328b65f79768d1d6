/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Between the two sides of the runner of outside programs: what the parent
 * prepares (tool.c, tool-files.c, tool-filter.c) and the child carries out
 * (tool-child.c). */

#ifndef VL_CORE_TOOL_CHILD_H
#define VL_CORE_TOOL_CHILD_H

#include "context/call.h"

#include <linux/filter.h>
#include <sys/resource.h>
#include <virtloom/tool.h>

#define VL_TOOL_MOST_FDS (3 + VL_TOOL_MOST_FILES)

/* All that the child needs.  It makes no memory and reads no text of its own: the
 * parent may have threads, and another of them may hold any lock at the fork. */
struct vl_tool_setup {
  const char *program;
  const char *const *argv;
  int fds[VL_TOOL_MOST_FDS]; /* become 0, 1, 2 ... */
  unsigned n_fds;
  const char *at[VL_TOOL_MOST_FDS]; /* "/run/NAME", a link to the descriptor; or NULL */
  const char *link[VL_TOOL_MOST_FDS];
  int report;                    /* the writing end of a pipe for struct vl_tool_report */
  unsigned long namespaces;      /* CLONE_NEW...: those it was made in */
  int own_run;                   /* an empty /run */
  char uid_map[32], gid_map[32]; /* of its user namespace, where it has a new one */
  int root;                      /* the caller is root, and there are other users */
  int owner;                     /* USER is that of a file that cannot be lent otherwise */
  uid_t uid;
  gid_t gid;
  uint64_t capabilities;
  int ruleset;          /* Landlock's, or -1 */
  uint64_t proc_access; /* what it allows below /proc */
  struct sock_fprog filter;
  struct {
    int what;
    rlim_t most;
  } limits[8];
  unsigned n_limits;
};

/* What the child says: how the program ended, or which step failed and why.  The
 * text is the parent's too, which the child is a copy of. */
struct vl_tool_report {
  const char *step; /* "could not be limited"; NULL: it ended */
  int32_t value;    /* errno, or a status as of waitpid */
};

/* fork with FLAGS (CLONE_NEW..., the exit signal), without the C library's locks
 * and handlers; *PIDFD gets a descriptor of the child, which is closed on exec. */
pid_t vl_tool_clone (unsigned long flags, int *pidfd);
/* In the child: becomes the keeper of the program, which it starts and waits for. */
void vl_tool_child (struct vl_tool_setup *setup) __attribute__ ((noreturn));

/* ---- prepared by the parent ---- */

/* A descriptor on FILE with nothing but the rights it is handed over with, that
 * the user of SETUP can open again by its name below /proc/self/fd.  Where its
 * permissions do not let that user, the descriptor is on a mount of its own on
 * which the user is the owner.  Where the file system has no such mounts, and
 * Landlock stands guard, the user of SETUP becomes the file's owner, OWNER is set,
 * and what was lent before has to be lent again.  -1: *WHY says what is in the way. */
int vl_tool_lend (struct vl_call *call, struct vl_tool_setup *setup,
                  const struct vl_tool_file *file, const char **why);
/* Landlock's rules of ROW for FDS of SETUP.  -1: *WHY is set. */
int vl_tool_rules (struct vl_call *call, struct vl_tool_setup *setup, const struct vl_tool_row *row,
                   const uint32_t *writes, const char **why);
/* The version of Landlock that this kernel has on, 0 for none. */
int vl_tool_landlock (void);
/* The system calls that ROW's program may not make, a program for seccomp in memory
 * of CALL.  -1: *WHY is set. */
int vl_tool_filter (struct vl_call *call, const struct vl_tool_row *row, struct sock_fprog *filter,
                    const char **why);

#endif
