/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * bench-run TREE: what it costs to run an outside program, confined, in a process of
 * usual size and in one with 512 MiB of memory, as `name value unit`; and the same by
 * posix_spawn, which confines nothing. */

#include <config.h>

#include "measure.h"
#include "storage/tool.h"

#include <spawn.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#define RUNS 201
#define PROGRAM "/bin/true"

static struct vl_call *call;

/* CPU time of this process and of those it has waited for, in milliseconds. */
static double
cpu (void)
{
  struct rusage own, others;

  getrusage (RUSAGE_SELF, &own);
  getrusage (RUSAGE_CHILDREN, &others);
  return (double)(own.ru_utime.tv_sec + own.ru_stime.tv_sec + others.ru_utime.tv_sec
                  + others.ru_stime.tv_sec)
             * 1000
         + (double)(own.ru_utime.tv_usec + own.ru_stime.tv_usec + others.ru_utime.tv_usec
                    + others.ru_stime.tv_usec)
               / 1000;
}

static void
confined (void)
{
  static const struct vl_tool_row row = { .name = "true", .program = PROGRAM };
  const struct vl_tool tool = { .size = sizeof tool, .name = "true" };
  struct vl_tool_result result = { .size = sizeof result };

  if (vl_tool_try (call, &row, PROGRAM, &tool, &result) < 0) {
    fprintf (stderr, "bench-run: %s\n", result.problem);
    exit (1);
  }
}

static void
spawned (void)
{
  char *argv[] = { (char *)PROGRAM, NULL };
  pid_t pid;
  int status;

  if (posix_spawn (&pid, PROGRAM, NULL, NULL, argv, argv + 1) != 0
      || waitpid (pid, &status, 0) != pid || status != 0)
    exit (1);
}

static void
measure (const char *name, void (*run) (void))
{
  double times[RUNS], before = cpu ();

  for (size_t i = 0; i < RUNS; i++) {
    double from = now ();

    run ();
    times[i] = (now () - from) / 1000;
  }
  before = cpu () - before;
  printf ("%s %.3f ms\n%s_cpu %.3f ms\n", name, median (times, RUNS), name, before / RUNS);
}

int
main (int argc, char **argv)
{
  size_t size = (size_t)512 << 20;
  char *large;

  if (argc != 2)
    return 2;
  call = vl_call_new ();
  call->tree = argv[1];
  measure ("spawn_true", spawned);
  measure ("run_true", confined);
  large = malloc (size);
  if (large == NULL)
    return 1;
  memset (large, 1, size);
  measure ("run_true_of_a_large_process", confined);
  free (large);
  vl_call_free (call);
  return 0;
}
