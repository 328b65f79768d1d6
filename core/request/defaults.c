/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What an empty slot takes under libvirt, by Nova's built-in defaults, and how much of a
 * host there is for guests, by Nova's options and Placement's rule. */

#include <config.h>

#include "request/guest.h"

#define ONE 10000 /* of a ratio */

/* *NAME is the option that counts. */
static int64_t
ratio_of (const struct vl_guest *guest, const char *what, const char **name)
{
  static const char *const prefixes[] = { "", "initial_" };
  int64_t ratio = 0;

  for (size_t i = 0; ratio == 0 && i < 2; i++) {
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
  int64_t n;

  *name = ram ? "reserved_host_memory_mb" : disk ? "reserved_host_disk_mb" : "reserved_host_cpus";
  n = vl_config_int (guest->config, *name);
  return disk ? (n + 1023) / 1024 : n;
}

int64_t
vl_capacity (const struct vl_guest *guest, const char *what, int64_t total, const char **how)
{
  const char *ratio_name, *reserve_name;
  int64_t ratio = ratio_of (guest, what, &ratio_name);
  int64_t reserve = reserve_of (guest, what, &reserve_name);
  int64_t left = total > reserve ? total - reserve : 0;
  __int128 all = (__int128)left * ratio / ONE;

  *how = vl_printf (guest->call, "%lld less %lld (%s), times %lld.%s%lld (%s)", (long long)total,
                    (long long)reserve, reserve_name, (long long)(ratio / ONE),
                    ratio % ONE / 100 < 10 ? "0" : "", (long long)(ratio % ONE / 100), ratio_name);
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

/* ---- slots ---- */

struct default_row {
  const char *prefix, *value;
};

static const char *
by_arch (const struct default_row *rows, size_t n, const char *arch)
{
  for (size_t i = 0; arch && i < n; i++)
    if (VL_STARTS (arch, rows[i].prefix))
      return rows[i].value;
  return NULL;
}

/* Nova's default machine types; other architectures have none. */
static const char *
default_machine (struct vl_call *call)
{
  static const struct default_row rows[] = {
    { "x86_64", "pc" },   { "i686", "pc" },         { "aarch64", "virt" },
    { "armv7l", "virt" }, { "ppc64le", "pseries" }, { "s390", "s390-ccw-virtio" },
  };

  if (vl_is (call, VL_GUEST_VIRT_TYPE, "lxc"))
    return NULL;
  return by_arch (rows, sizeof rows / sizeof rows[0], vl_str (call, VL_GUEST_ARCH));
}

static const char *
default_cdrom_bus (struct vl_call *call)
{
  static const struct default_row rows[] = { { "ppc", "scsi" },
                                             { "s390", "scsi" },
                                             { "aarch64", "scsi" } };
  const char *machine = vl_str (call, VL_GUEST_MACHINE);
  const char *bus = by_arch (rows, sizeof rows / sizeof rows[0], vl_str (call, VL_GUEST_ARCH));

  if (bus)
    return bus;
  return machine && strstr (machine, "q35") ? "sata" : "ide";
}

const char *
vl_slot_default (struct vl_call *call, const char *slot)
{
  int lxc = vl_is (call, VL_GUEST_VIRT_TYPE, "lxc");
  int64_t n;

  if (VL_STREQ (slot, VL_GUEST_MACHINE))
    return default_machine (call);
  if (VL_STREQ (slot, VL_DISK_BUS))
    return lxc ? "lxc" : "virtio";
  if (VL_STREQ (slot, VL_CDROM_BUS))
    return lxc ? NULL : default_cdrom_bus (call);
  if (VL_STREQ (slot, VL_NIC_MODEL))
    return lxc ? NULL : "virtio";
  if (VL_STREQ (slot, VL_CLAIM_VCPUS))
    return vl_str (call, VL_GUEST_VCPUS);
  n = VL_STREQ (slot, VL_CLAIM_MEMORY)  ? vl_int (call, VL_GUEST_MEMORY) / 1024
      : VL_STREQ (slot, VL_HOST_VCPUS)  ? vl_host_cpus (call)
      : VL_STREQ (slot, VL_HOST_MEMORY) ? vl_host_memory (call)
                                        : -1;
  return n < 0 ? NULL : vl_printf (call, "%lld", (long long)n);
}
