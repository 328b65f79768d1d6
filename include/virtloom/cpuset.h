/* SPDX-License-Identifier: MIT
 *
 * Sets of CPUs and of other numbered things, by value.  The functions in capital
 * terms of the ABI are three (vl_cpuset_text, vl_fact_cpus, vl_taken_set); all
 * others are compiled into the plugin. */

#ifndef VIRTLOOM_CPUSET_H
#define VIRTLOOM_CPUSET_H

#include <virtloom/feature.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The members are 0 to VL_CPUSET_MAX - 1. */
#define VL_CPUSET_MAX 16384

struct vl_cpuset {
  uint64_t word[VL_CPUSET_MAX / 64];
};

/* "0-3,6"; NULL for the empty set.  Lives as long as the call. */
VL_EXPORT const char *vl_cpuset_text (struct vl_call *c, const struct vl_cpuset *set);
/* The set that row PROP (VL_CPUSET), or item I of an indexed one, names; empty where
 * it is unset. */
VL_EXPORT void vl_cpus (struct vl_call *c, const char *prop, struct vl_cpuset *set);
VL_EXPORT void vl_item_cpus (struct vl_call *c, const char *prop, size_t i, struct vl_cpuset *set);
/* The set in fact KEY, or its item I: 1, 0 where the host does not say (SET is
 * empty then), -1 after refusing what is no set. */
VL_EXPORT int vl_fact_cpus (struct vl_call *c, const char *key, struct vl_cpuset *set);
VL_EXPORT int vl_fact_item_cpus (struct vl_call *c, const char *key, size_t i,
                                 struct vl_cpuset *set);
/* The numbered members of POOL that other servers hold; see vl_claim_number (). */
VL_EXPORT void vl_taken_set (struct vl_call *c, const char *pool, struct vl_cpuset *set);

static inline void
vl_cpuset_add (struct vl_cpuset *set, int64_t cpu)
{
  if (cpu >= 0 && cpu < VL_CPUSET_MAX)
    set->word[cpu / 64] |= (uint64_t)1 << cpu % 64;
}

static inline void
vl_cpuset_remove (struct vl_cpuset *set, int64_t cpu)
{
  if (cpu >= 0 && cpu < VL_CPUSET_MAX)
    set->word[cpu / 64] &= ~((uint64_t)1 << cpu % 64);
}

static inline int
vl_cpuset_has (const struct vl_cpuset *set, int64_t cpu)
{
  return cpu >= 0 && cpu < VL_CPUSET_MAX && (int)(set->word[cpu / 64] >> cpu % 64 & 1);
}

static inline void
vl_cpuset_join (struct vl_cpuset *set, const struct vl_cpuset *other)
{
  for (int i = 0; i < VL_CPUSET_MAX / 64; i++)
    set->word[i] |= other->word[i];
}

static inline void
vl_cpuset_meet (struct vl_cpuset *set, const struct vl_cpuset *other)
{
  for (int i = 0; i < VL_CPUSET_MAX / 64; i++)
    set->word[i] &= other->word[i];
}

static inline void
vl_cpuset_without (struct vl_cpuset *set, const struct vl_cpuset *other)
{
  for (int i = 0; i < VL_CPUSET_MAX / 64; i++)
    set->word[i] &= ~other->word[i];
}

static inline int
vl_cpuset_count (const struct vl_cpuset *set)
{
  int n = 0;

  for (int i = 0; i < VL_CPUSET_MAX / 64; i++)
    if (set->word[i])
      n += __builtin_popcountll (set->word[i]);
  return n;
}

/* How many members both sets have. */
static inline int
vl_cpuset_common (const struct vl_cpuset *a, const struct vl_cpuset *b)
{
  int n = 0;

  for (int i = 0; i < VL_CPUSET_MAX / 64; i++)
    n += __builtin_popcountll (a->word[i] & b->word[i]);
  return n;
}

/* The first member from FROM on, or -1:
 *   for (int64_t cpu = vl_cpuset_next (&set, 0); cpu >= 0; cpu = vl_cpuset_next (&set, cpu + 1)) */
static inline int64_t
vl_cpuset_next (const struct vl_cpuset *set, int64_t from)
{
  for (int64_t i = from / 64; from >= 0 && i < VL_CPUSET_MAX / 64; i++) {
    uint64_t word = set->word[i];

    if (i == from / 64)
      word &= ~(uint64_t)0 << from % 64;
    if (word)
      return i * 64 + __builtin_ctzll (word);
  }
  return -1;
}

#ifdef __cplusplus
}
#endif

#endif
