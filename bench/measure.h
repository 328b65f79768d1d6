/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the benches in C measure with. */

#ifndef VL_BENCH_MEASURE_H
#define VL_BENCH_MEASURE_H

#include <stdlib.h>
#include <time.h>

/* Microseconds of a clock that never jumps. */
static inline double
now (void)
{
  struct timespec time;

  clock_gettime (CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

static inline int
compare (const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;

  return (x > y) - (x < y);
}

/* The median of TIMES, which become sorted. */
static inline double
median (double *times, size_t n)
{
  qsort (times, n, sizeof *times, compare);
  return times[n / 2];
}

#endif
