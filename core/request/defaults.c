/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What an empty slot takes under libvirt: Nova's built-in defaults. */

#include <config.h>

#include "request/guest.h"

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

static const char *
number_or_none (struct vl_call *call, int64_t n)
{
  return n < 0 ? NULL : vl_printf (call, "%lld", (long long)n);
}

const char *
vl_slot_default (struct vl_call *call, const char *slot)
{
  int lxc = vl_is (call, VL_GUEST_VIRT_TYPE, "lxc");

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
  if (VL_STREQ (slot, VL_CLAIM_MEMORY))
    return vl_printf (call, "%lld", (long long)vl_int (call, VL_GUEST_MEMORY) / 1024);
  if (VL_STREQ (slot, VL_HOST_VCPUS))
    return number_or_none (call, vl_host_cpus (call));
  if (VL_STREQ (slot, VL_HOST_MEMORY))
    return number_or_none (call, vl_host_memory (call));
  return NULL;
}
