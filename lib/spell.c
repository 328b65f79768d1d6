/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Nearest spelling by optimal string alignment. */

#include <config.h>

#include "lib/spell.h"

#include <virtloom/ascii.h>

#include <limits.h>
#include <string.h>

#define LONGEST 128

static unsigned
least (unsigned a, unsigned b, unsigned c)
{
  unsigned m = a < b ? a : b;

  return m < c ? m : c;
}

static int
same (char a, char b)
{
  return vl_ascii_lower (a) == vl_ascii_lower (b);
}

unsigned
vl_spell_distance (const char *a, const char *b)
{
  unsigned rows[3][LONGEST + 1];
  unsigned *before = rows[0], *last = rows[1], *now = rows[2];
  size_t n = strlen (a), m = strlen (b);

  if (n > LONGEST || m > LONGEST)
    return UINT_MAX;
  for (size_t j = 0; j <= m; j++)
    last[j] = (unsigned)j;
  for (size_t i = 1; i <= n; i++) {
    unsigned *spare;

    now[0] = (unsigned)i;
    for (size_t j = 1; j <= m; j++) {
      unsigned cost = ! same (a[i - 1], b[j - 1]);

      now[j] = least (last[j] + 1, now[j - 1] + 1, last[j - 1] + cost);
      if (i > 1 && j > 1 && same (a[i - 1], b[j - 2]) && same (a[i - 2], b[j - 1])
          && before[j - 2] + 1 < now[j])
        now[j] = before[j - 2] + 1;
    }
    spare = before;
    before = last;
    last = now;
    now = spare;
  }
  return last[m];
}

void
vl_spell_offer (struct vl_spell *spell, const char *candidate)
{
  size_t length = strlen (spell->wanted);
  unsigned allowed = length < 6 ? 2 : (unsigned)(length / 3);
  unsigned distance = vl_spell_distance (spell->wanted, candidate);

  if (distance > allowed || distance >= strlen (candidate))
    return;
  /* Of equally near ones the first in byte order, whatever the order of offers. */
  if (spell->best == NULL || distance < spell->distance
      || (distance == spell->distance && strcmp (candidate, spell->best) < 0)) {
    spell->best = candidate;
    spell->distance = distance;
  }
}
