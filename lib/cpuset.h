/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * CPU sets as text: "0-3,^2". */

#ifndef VL_LIB_CPUSET_H
#define VL_LIB_CPUSET_H

#include <virtloom/cpuset.h>

#include "lib/alloc.h"

/* Reads TEXT, which names one CPU at least, into SET.  NULL, or what is wrong. */
const char *vl_cpuset_read (const char *text, struct vl_cpuset *set);
/* SET as ranges in rising order, in ARENA; NULL where it is empty. */
const char *vl_cpuset_write (struct vl_arena *arena, const struct vl_cpuset *set);

/* TEXT in the canonical form; NULL with *WHY. */
const char *vl_cpuset_canonical (struct vl_arena *arena, const char *text, const char **why);

#endif
