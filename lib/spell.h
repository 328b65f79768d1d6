/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Nearest spelling, for "did you mean". */

#ifndef VL_LIB_SPELL_H
#define VL_LIB_SPELL_H

#include <stddef.h>

/* Insertions, deletions, replacements and swaps of neighbours between A and B;
 * without case.  Texts over 128 bytes are as far apart as can be. */
unsigned vl_spell_distance (const char *a, const char *b);

/* Keeps the nearest of many: zero-initialise, offer each, read BEST. */
struct vl_spell {
  const char *wanted;
  const char *best; /* NULL: nothing near enough (a third of the length, at least 2) */
  unsigned distance;
};
void vl_spell_offer (struct vl_spell *spell, const char *candidate);

#endif
