/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A clock that never jumps, for deadlines and durations. */

#ifndef VL_LIB_CLOCK_H
#define VL_LIB_CLOCK_H

#include <stdint.h>

/* Nanoseconds, and milliseconds, since some moment of this boot. */
int64_t vl_clock_ns (void);
int64_t vl_clock_ms (void);

#endif
