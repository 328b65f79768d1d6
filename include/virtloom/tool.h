/* SPDX-License-Identifier: MIT
 *
 * Running outside programs: what a program may have is a row of the module's
 * table, so that it can be read before anything runs; what one run hands over is
 * given with the call.  See "OUTSIDE PROGRAMS" in virtloom-feature(3). */

#ifndef VIRTLOOM_TOOL_H
#define VIRTLOOM_TOOL_H

#include <virtloom/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a program may have.  A program has nothing that its row does not name. */
#define VL_TOOL_TENANT 0x1u  /* reads bytes that a tenant made: then no more than VL_TOOL_WRITES */
#define VL_TOOL_WRITES 0x2u  /* files and folders may be handed to it for writing */
#define VL_TOOL_CONNECT 0x4u /* may use the network */

/* A row of a module's table `tools`. */
struct vl_tool_row {
  const char *name;           /* "mkfs", by which vl_tool_run finds the row */
  const char *program;        /* "mkfs.ext4", in the system's folders, or an absolute path */
  const char *package;        /* the Debian package that brings it; NULL: none */
  const char *help;           /* one line: what it is run for */
  uint32_t flags;             /* VL_TOOL_... */
  uint32_t processes;         /* processes and threads at the same time; 0: 128 */
  const char *user;           /* "root" or another; NULL: an unprivileged one */
  uint64_t capabilities;      /* 1 << CAP_... of <linux/capability.h> */
  const char *const *paths;   /* files and folders that it may read; NULL-terminated, or NULL */
  const char *const *devices; /* device nodes that it may open; NULL-terminated, or NULL */
  int64_t memory;             /* bytes of address space; 0: 2 GiB */
  int64_t output;             /* bytes that it may say; 0: 1 MiB */
  /* New members go below this line only. */
};

/* A file or folder that is handed over with one run. */
struct vl_tool_file {
  const char *path; /* opened by the core if FD is -1, without following a last link */
  int fd;           /* else this descriptor is, and PATH only names it in findings */
  uint32_t write;   /* 1: for reading and writing; 0: for reading */
  const char *at;   /* "ceph.conf": the program finds it as /run/ceph.conf too; NULL: it does not */
};
#define VL_TOOL_MOST_FILES 16
/* How the program finds the first files that it was handed; the I-th, counted from
 * 0, is descriptor 3 + I. */
#define VL_TOOL_FILE_0 "/proc/self/fd/3"
#define VL_TOOL_FILE_1 "/proc/self/fd/4"
#define VL_TOOL_FILE_2 "/proc/self/fd/5"

struct vl_tool {
  uint32_t size;           /* sizeof (struct vl_tool) */
  uint32_t deadline;       /* milliseconds of wall clock and of CPU; 0: 60000 */
  const char *name;        /* of the row */
  const char *const *args; /* after the program's name; NULL-terminated */
  struct vl_table files;   /* struct vl_tool_file */
  int64_t file_size;       /* bytes that each file written may have; 0: nothing is written */
  const void *input;       /* INPUT_LENGTH bytes of standard input; NULL: /dev/null */
  size_t input_length;
  /* New members go below this line only. */
  uint32_t quiet; /* 1: that it ran and did not exit with 0 is no finding, RESULT says it */
};

/* How a program ended.  What is not known is not success. */
enum vl_tool_end {
  VL_TOOL_UNKNOWN = 0,     /* it could not be waited for */
  VL_TOOL_NOT_STARTED = 1, /* nothing of it ran */
  VL_TOOL_EXITED = 2,      /* with STATUS */
  VL_TOOL_SIGNALLED = 3,   /* by signal STATUS */
  VL_TOOL_TOO_LONG = 4,    /* the deadline passed: it and all it started was killed */
  VL_TOOL_TOO_LOUD = 5,    /* it said more than it may, and was killed */
};

struct vl_tool_result {
  uint32_t size; /* sizeof (struct vl_tool_result) */
  enum vl_tool_end end;
  int32_t status;      /* exit status or signal, else -1 */
  const char *out;     /* what it wrote to standard output, never NULL; lives as long as the call */
  size_t length;       /* of OUT, in bytes */
  const char *said;    /* first lines of standard error, made printable; "" if none */
  const char *problem; /* what went wrong, in a few words; NULL: it exited with 0 */
  /* New members go below this line only. */
};

/* Is the program of row NAME installed?  1 or 0. */
VL_EXPORT int vl_tool_there (struct vl_call *call, const char *name);
/* Runs a program that the calling plugin's table `tools` declares, and waits for it.
 * To be called in prepare and release and in the acting calls of a group, not while
 * a guest is built.
 *
 * The program gets a fixed environment, no terminal, the descriptors it is handed
 * and no other, and a user of its own where the caller is root; it cannot gain
 * privileges, sees no network and no process but its own, and opens no file but
 * the system's programs and libraries and what row and call name.  When it ends,
 * or the deadline passes, all that it started is killed.  What of this the kernel
 * does not have is said by `host check`.
 *
 * RESULT may be NULL.  0 if the program exited with 0, else -1 after a finding
 * (ToolMissing, ToolFailed, DiskFull; PluginFault in another phase, and for a name
 * that is not in the table). */
VL_EXPORT int vl_tool_run (struct vl_call *call, const struct vl_tool *tool,
                           struct vl_tool_result *result);

#ifdef __cplusplus
}
#endif

#endif
