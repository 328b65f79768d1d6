/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * CPU sets as text. */

#ifndef VL_LIB_CPUSET_H
#define VL_LIB_CPUSET_H

#include "lib/alloc.h"

/* "0-3,^2" in its canonical form, "0-1,3", memory of ARENA; NULL with *WHY. */
const char *vl_cpuset_canonical (struct vl_arena *arena, const char *text, const char **why);

#endif
