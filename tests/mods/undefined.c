/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Calls a function that exists nowhere; bound lazily, it would load. */

#include "mock.h"

extern int vl_function_that_is_nowhere (void);

static int
undefined_active (struct vl_call *c)
{
  return c && vl_function_that_is_nowhere ();
}

VL_FEATURE (undefined, "undefined", .summary = "undefined", .active = undefined_active);
