/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the core and virtloom-confine say to each other.  Both are of one build.
 *
 * The program is started with these descriptors: 0 is a sealed file with a struct
 * vl_confine_job and what follows it, 1 a pipe for its answer, 2 is not used, and
 * from VL_CONFINE_FILE_0 on are the files that are handed over.  Its environment says
 * nothing.  With the one argument "lacks" it reads no job and answers with text. */

#ifndef VL_CONFINE_JOB_H
#define VL_CONFINE_JOB_H

#include <virtloom/tool.h>

#define VL_CONFINE_VERSION 1u
#define VL_CONFINE_FILE_0 3
/* Where a row or a run does not say. */
#define VL_CONFINE_OUTPUT ((int64_t)1 << 20)
#define VL_CONFINE_MEMORY ((int64_t)2 << 30)
#define VL_CONFINE_PROCESSES 128u
#define VL_CONFINE_DEADLINE 60000u
/* Bytes that are kept of standard error, and that a problem may have. */
#define VL_CONFINE_SAID 4096
#define VL_CONFINE_PROBLEM 8192

/* The members are those of struct vl_tool_row and struct vl_tool; 0 is the default.
 * Texts follow, each with its NUL: the program's absolute path; the user or "";
 * a file's name for messages and its name below /run or "", for each file; the
 * arguments after the program's name; the paths; the devices.  Then INPUT bytes. */
struct vl_confine_job {
  uint32_t version;
  uint32_t deadline;  /* milliseconds */
  uint32_t flags;     /* VL_TOOL_... */
  uint32_t processes; /* at the same time */
  uint64_t capabilities;
  int64_t memory, output, file_size; /* bytes */
  uint64_t input;                    /* bytes of standard input */
  uint32_t n_files;
  uint32_t writes; /* bit I: file I is handed over for writing */
  uint32_t n_args, n_paths, n_devices;
  uint32_t unused;
};

/* The answer; then PROBLEM, SAID and OUT bytes of what they are in struct
 * vl_tool_result, as the program wrote them.  PROBLEM is 0 where END and STATUS say
 * all. */
struct vl_confine_end {
  uint32_t end;   /* enum vl_tool_end */
  int32_t status; /* exit status or signal, else -1 */
  uint64_t problem, said, out;
};

#endif
