/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A clock that never jumps. */

#include <config.h>

#include "lib/clock.h"

#include <time.h>

int64_t
vl_clock_ns (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t
vl_clock_ms (void)
{
  return vl_clock_ns () / 1000000;
}
