/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * How much of a host there is for guests, by Nova's options and Placement's rule. */

#include <config.h>

#include "request/guest.h"

#define ONE 10000 /* of a ratio */

/* *NAME is the option that counts. */
static int64_t
ratio_of (const struct vl_guest *guest, const char *what, const char **name)
{
  static const char *const prefixes[] = { "", "initial_" };
  int64_t ratio = 0;

  for (size_t i = 0; guest->config && guest->config->base && ratio == 0 && i < 2; i++) {
    *name = vl_printf (guest->call, "%s%s_allocation_ratio", prefixes[i], what);
    ratio = vl_config_int (guest->config, *name);
  }
  return ratio ? ratio : ONE;
}

/* In the unit of the total. */
static int64_t
reserve_of (const struct vl_guest *guest, const char *what, const char **name)
{
  int ram = VL_STREQ (what, "ram"), disk = VL_STREQ (what, "disk");
  int64_t n = 0;

  *name = ram ? "reserved_host_memory_mb" : disk ? "reserved_host_disk_mb" : "reserved_host_cpus";
  if (guest->config && guest->config->base)
    n = vl_config_int (guest->config, *name);
  return disk ? (n + 1023) / 1024 : n;
}

int64_t
vl_capacity (const struct vl_guest *guest, const char *what, int64_t total, const char **how)
{
  const char *ratio_name = "no ratio", *reserve_name;
  int64_t ratio = ratio_of (guest, what, &ratio_name);
  int64_t reserve = reserve_of (guest, what, &reserve_name);
  int64_t left = total > reserve ? total - reserve : 0;
  __int128 all = (__int128)left * ratio / ONE;

  *how = vl_printf (guest->call, "%lld less %lld (%s), times %lld.%02lld (%s)", (long long)total,
                    (long long)reserve, reserve_name, (long long)(ratio / ONE),
                    (long long)(ratio % ONE / 100), ratio_name);
  return all > INT64_MAX ? INT64_MAX : (int64_t)all;
}

static const char *
cell_key (struct vl_call *call, size_t i, const char *what)
{
  return vl_printf (call, "host.cell.%s.%s", vl_fact_item (call, "host.cells", i), what);
}

int64_t
vl_host_cpus (struct vl_call *call)
{
  size_t n = vl_fact_count (call, "host.cells");
  struct vl_cpuset cell;
  int64_t all = 0;

  for (size_t i = 0; i < n; i++) {
    if (vl_fact_cpus (call, cell_key (call, i, "cpus"), &cell) != 1)
      return -1;
    all += vl_cpuset_count (&cell);
  }
  return n ? all : -1;
}

int64_t
vl_host_memory (struct vl_call *call)
{
  size_t n = vl_fact_count (call, "host.cells");
  int64_t all = 0, kib = 0;

  for (size_t i = 0; i < n; i++)
    if (vl_fact_int (call, cell_key (call, i, "memory"), 0, &kib) != 1
        || __builtin_add_overflow (all, kib, &all))
      return -1;
  return n ? all / 1024 : -1;
}
