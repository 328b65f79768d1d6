/* SPDX-License-Identifier: MIT
 *
 * Sets of CPUs, by value, for features that place CPUs.  All of it is compiled
 * into the plugin, so none of it is part of the ABI.  Text of a set is in the
 * canonical form that the core gives: "0-3,6". */

#ifndef VIRTLOOM_CPUSET_H
#define VIRTLOOM_CPUSET_H

#include <virtloom/feature.h>

#include <inttypes.h>
#include <stdlib.h>

/* What a CPU set can name. */
#define VL_CPUSET_MAX 16384

struct vl_cpuset {
  unsigned char in[VL_CPUSET_MAX];
};

static inline void
vl_cpuset_add (struct vl_cpuset *set, const char *text)
{
  char *end;

  while (text && *text) {
    int64_t low = strtoll (text, &end, 10), high = low;

    if (*end == '-')
      high = strtoll (end + 1, &end, 10);
    for (int64_t cpu = low; cpu >= 0 && cpu <= high && cpu < VL_CPUSET_MAX; cpu++)
      set->in[cpu] = 1;
    text = *end == ',' ? end + 1 : NULL;
  }
}

static inline struct vl_cpuset
vl_cpuset_of (const char *text)
{
  struct vl_cpuset set = { { 0 } };

  vl_cpuset_add (&set, text);
  return set;
}

static inline void
vl_cpuset_meet (struct vl_cpuset *set, const struct vl_cpuset *other)
{
  for (int cpu = 0; cpu < VL_CPUSET_MAX; cpu++)
    set->in[cpu] &= other->in[cpu];
}

static inline int
vl_cpuset_count (const struct vl_cpuset *set)
{
  int n = 0;

  for (int cpu = 0; cpu < VL_CPUSET_MAX; cpu++)
    n += set->in[cpu];
  return n;
}

/* NULL for the empty set. */
static inline const char *
vl_cpuset_text (struct vl_call *call, const struct vl_cpuset *set)
{
  const char *text = NULL;

  for (int low = 0, high; low < VL_CPUSET_MAX; low = high + 1) {
    const char *comma = text ? "," : "";

    for (high = low; high < VL_CPUSET_MAX && set->in[high]; high++)
      ;
    if (high > low + 1)
      text = vl_printf (call, "%s%s%d-%d", text ? text : "", comma, low, high - 1);
    else if (high > low)
      text = vl_printf (call, "%s%s%d", text ? text : "", comma, low);
  }
  return text;
}

/* All CPUs in the cells of the host. */
static inline struct vl_cpuset
vl_cpuset_of_host (struct vl_call *call, const struct vl_host *host)
{
  struct vl_cpuset all = { { 0 } };

  for (size_t i = 0; i < vl_host_count (host, "host.cells"); i++)
    vl_cpuset_add (&all, vl_host_str (host, vl_printf (call, "host.cell.%s.cpus",
                                                       vl_host_item (host, "host.cells", i))));
  return all;
}

#endif
