/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * CPU sets: "0-3,^2" and the like, as Nova reads them: numbers, ranges, and with
 * '^' in front what is taken out again at the end, wherever it stands. */

#include <config.h>

#include "lib/cpuset.h"

/* More CPUs than any host that libvirt knows has. */
#define MOST_CPUS 16384

struct cpus {
  unsigned char in[MOST_CPUS / 8], out[MOST_CPUS / 8];
};

static const char *
skip_blanks (const char *p)
{
  return p + strspn (p, " \t");
}

/* Reads a CPU's number at *P.  NULL, or what is wrong. */
static const char *
read_number (const char **p, unsigned *number)
{
  const char *start = skip_blanks (*p);
  size_t n = strspn (start, "0123456789");

  if (n == 0)
    return "is no CPU set; accepted: numbers, ranges and exclusions with a comma between, as in "
           "'0-3,^2,6'";
  *p = skip_blanks (start + n);
  *number = 0;
  for (size_t i = 0; i < n; i++) {
    *number = *number * 10 + (unsigned)(start[i] - '0');
    if (*number >= MOST_CPUS)
      return "names a CPU beyond all hosts; accepted: 0 to 16383";
  }
  return NULL;
}

/* Reads "N", "A-B", "^N" or "^A-B" at *P into CPUS. */
static const char *
read_item (const char **p, struct cpus *cpus)
{
  const char *at = skip_blanks (*p), *problem;
  unsigned char *set = cpus->in;
  unsigned low, high;

  if (*at == '^') {
    set = cpus->out;
    at++;
  }
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
  for (unsigned cpu = low; cpu <= high; cpu++)
    set[cpu / 8] |= (unsigned char)(1u << cpu % 8);
  *p = at;
  return NULL;
}

static int
has (const struct cpus *cpus, unsigned cpu)
{
  return cpu < MOST_CPUS && (cpus->in[cpu / 8] & ~cpus->out[cpu / 8] & 1u << cpu % 8);
}

/* The ranges in rising order, "" where there is none. */
static void
write_ranges (const struct cpus *cpus, struct vl_str *text)
{
  vl_str_add (text, "");
  for (unsigned cpu = 0; cpu < MOST_CPUS; cpu++) {
    unsigned last = cpu;

    if (cpus->in[cpu / 8] == 0) {
      cpu |= 7;
      continue;
    }
    if (! has (cpus, cpu))
      continue;
    while (has (cpus, last + 1))
      last++;
    vl_str_printf (text, "%s%u", text->length ? "," : "", cpu);
    if (last > cpu)
      vl_str_printf (text, "-%u", last);
    cpu = last;
  }
}

const char *
vl_cpuset_canonical (struct vl_arena *arena, const char *text, const char **why)
{
  VL_AUTOSTR struct vl_str ranges = { 0 };
  struct cpus cpus = { 0 };
  const char *p = text;

  for (;;) {
    const char *problem = read_item (&p, &cpus);

    if (problem == NULL && *p && *p != ',')
      problem = "is no CPU set; accepted: numbers, ranges and exclusions with a comma between, as "
                "in '0-3,^2,6'";
    if (problem) {
      *why = vl_arena_strdup (arena, problem);
      return NULL;
    }
    if (*p == '\0')
      break;
    p++;
  }
  write_ranges (&cpus, &ranges);
  if (ranges.length == 0) {
    *why = vl_arena_strdup (arena, "leaves no CPU over; accepted: at least one that is not taken "
                                   "out again");
    return NULL;
  }
  return vl_arena_strdup (arena, ranges.text);
}
