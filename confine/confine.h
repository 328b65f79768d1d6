/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * virtloom-confine: one run of an outside program, and what its parts share. */

#ifndef VL_CONFINE_H
#define VL_CONFINE_H

#include "confine/job.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Users that nobody has: above the ranges of people and of containers, and as many
 * as there may be processes. */
#define CONFINE_OWN_USERS 0x70000000u

struct confine {
  struct vl_confine_job job;
  const char *program;
  const char *user; /* "": none is asked for */
  const char *names[VL_TOOL_MOST_FILES], *at[VL_TOOL_MOST_FILES];
  const char **argv, **paths, **devices; /* NULL-terminated */
  const char *input;                     /* JOB.input bytes */
  int root;                              /* this is root, and there are other users */
  int owner;                             /* UID is that of a file that cannot be lent otherwise */
  uid_t uid;                             /* whom the program runs as */
  gid_t gid;
  unsigned long namespaces; /* CLONE_NEW...: those it runs in */
  int own_run;              /* an empty /run */
  int ruleset;              /* Landlock's, or -1 */
};

/* Where CONFINE_say writes: the core's pipe, and in the keeper the one to its parent. */
extern int confine_answer;
/* Writes an answer; 0, or -1 with errno. */
int confine_say (const struct vl_confine_end *end, const char *problem, const char *said,
                 const char *out);
/* Says that the program was not started, and why, and ends this process. */
void confine_fail (const char *fmt, ...) __attribute__ ((format (printf, 1, 2), noreturn));
/* Does so with STEP and errno where RESULT is negative; answers RESULT. */
int confine_must (const char *step, long result);
/* Is capability NUMBER (CAP_...) declared? */
int confine_has (const struct confine *c, int number);

/* files.c: puts descriptors of the files in their places that have nothing but the
 * rights they are handed over with, and that the user C->uid can open again by their
 * names below /proc/self/fd.  Where a file's permissions do not let that user, the
 * descriptor is on a mount of its own on which the user is the owner.  Where the file
 * system has no such mounts, and Landlock stands guard, the file's owner becomes the
 * user that the program runs as, and all are lent to that one. */
void confine_lend (struct confine *c);
/* files.c: makes C->ruleset, of what the program may open by name. */
void confine_rules (struct confine *c);
/* files.c: the version of Landlock that this kernel has on, 0 for none. */
int confine_landlock (void);

/* calls.c: forbids this process the system calls that the program may not make. */
void confine_calls (const struct confine *c);

/* keeper.c: in a child of its own, confines itself as C says, starts the program with
 * INPUT, OUT and ERR, waits for it and answers how it ended.  So all that the program
 * started ends with its keeper, where there is a namespace of processes. */
void confine_keep (struct confine *c, int input, int out, int err) __attribute__ ((noreturn));

#endif
