/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * CPU sets: "0-3,^2" and the like, as Nova reads them: numbers, ranges, and with
 * '^' in front what is taken out again at the end, wherever it stands. */

#include <config.h>

#include "lib/cpuset.h"

#include <inttypes.h>

#define NO_SET                                                                                     \
  "is no CPU set; accepted: numbers, ranges and exclusions with a comma between, as in '0-3,^2,6'"

static const char *
skip_blanks (const char *p)
{
  return p + strspn (p, " \t");
}

/* Reads a CPU's number at *P.  NULL, or what is wrong. */
static const char *
read_number (const char **p, int64_t *number)
{
  const char *start = skip_blanks (*p);
  size_t n = strspn (start, "0123456789");

  if (n == 0)
    return NO_SET;
  *p = skip_blanks (start + n);
  *number = 0;
  for (size_t i = 0; i < n; i++) {
    *number = *number * 10 + (start[i] - '0');
    if (*number >= VL_CPUSET_MAX)
      return "names a CPU beyond all hosts; accepted: 0 to 16383";
  }
  return NULL;
}

/* Reads "N", "A-B", "^N" or "^A-B" at *P: into IN, or OUT behind a '^'. */
static const char *
read_item (const char **p, struct vl_cpuset *in, struct vl_cpuset *out)
{
  const char *at = skip_blanks (*p), *problem;
  struct vl_cpuset *set = *at == '^' ? out : in;
  int64_t low, high;

  at += *at == '^';
  problem = read_number (&at, &low);
  high = low;
  if (problem == NULL && *at == '-') {
    at++;
    problem = read_number (&at, &high);
  }
  if (problem)
    return problem;
  if (high < low)
    return "has a range that runs backwards; accepted: the lower number first";
  for (; low <= high; low++)
    vl_cpuset_add (set, low);
  *p = at;
  return NULL;
}

const char *
vl_cpuset_read (const char *text, struct vl_cpuset *set)
{
  struct vl_cpuset out = { { 0 } };

  memset (set, 0, sizeof *set);
  for (const char *p = text;; p++) {
    const char *problem = read_item (&p, set, &out);

    if (problem == NULL && *p && *p != ',')
      problem = NO_SET;
    if (problem)
      return problem;
    if (*p == '\0')
      break;
  }
  if (strchr (text, '^'))
    vl_cpuset_without (set, &out);
  return vl_cpuset_next (set, 0) >= 0 ? NULL
                                      : "leaves no CPU over; accepted: at least one that is not "
                                        "taken out again";
}

const char *
vl_cpuset_write (struct vl_arena *arena, const struct vl_cpuset *set)
{
  VL_AUTOSTR struct vl_str text = { 0 };

  for (int64_t first = vl_cpuset_next (set, 0), last; first >= 0;
       first = vl_cpuset_next (set, last + 1)) {
    for (last = first; vl_cpuset_has (set, last + 1);)
      last++;
    vl_str_printf (&text, "%s%" PRId64, text.length ? "," : "", first);
    if (last > first)
      vl_str_printf (&text, "-%" PRId64, last);
  }
  return vl_arena_strdup (arena, text.text);
}

const char *
vl_cpuset_canonical (struct vl_arena *arena, const char *text, const char **why)
{
  struct vl_cpuset set;

  *why = vl_cpuset_read (text, &set);
  return *why ? NULL : vl_cpuset_write (arena, &set);
}
