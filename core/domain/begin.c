/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What every guest starts with, whatever the driver: type, name, uuid, memory,
 * vcpu, os/type, emulator, metadata.  Everything else is a feature's, a disk or
 * a network interface. */

#include <config.h>

#include "domain/doc.h"

#define METADATA_NAMESPACE "urn:virtloom:server:1"

static void
text_at (struct vl_call *call, struct vl_node *node, const char *path, const char *value,
         const char *why)
{
  vl_text (call, vl_ensure (call, node, path, 0, why), value, why);
}

static void
write_os (struct vl_call *call, const struct vl_guest *guest)
{
  struct vl_node *type = vl_ensure (call, NULL, "os/type", 0, VL_GUEST_VIRT_TYPE);
  const char *arch = vl_guest_str (guest, VL_GUEST_ARCH);
  const char *machine = vl_guest_str (guest, VL_GUEST_MACHINE);

  /* A container has an operating system but no machine. */
  if (vl_guest_is (guest, VL_GUEST_VIRT_TYPE, "lxc")) {
    vl_text (call, type, "exe", VL_GUEST_VIRT_TYPE);
    return;
  }
  vl_text (call, type, "hvm", VL_GUEST_VIRT_TYPE);
  if (arch)
    vl_set (call, type, "arch", arch, VL_GUEST_ARCH);
  if (machine)
    vl_set (call, type, "machine", machine, VL_GUEST_MACHINE);
}

static void
write_emulator (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  const char *arch = vl_guest_str (guest, VL_GUEST_ARCH), *key, *emulator;

  if (arch == NULL || vl_guest_is (guest, VL_GUEST_VIRT_TYPE, "lxc"))
    return;
  key = vl_printf (call, "guest.%s.emulator", arch);
  emulator = vl_host_str (host, key);
  if (emulator)
    text_at (call, NULL, "devices/emulator", emulator, vl_printf (call, "%s (host)", key));
}

static void
write_metadata (struct vl_call *call, const struct vl_guest *guest)
{
  struct vl_node *server = vl_ensure (call, NULL, "metadata/vl:server", 0, VL_GUEST_NAME);
  const char *flavor = vl_guest_str (guest, VL_GUEST_FLAVOR);
  const char *image = vl_guest_str (guest, VL_GUEST_IMAGE);

  vl_set (call, server, "xmlns:vl", METADATA_NAMESPACE, VL_GUEST_NAME);
  if (vl_guest_has (guest, VL_GUEST_NAME))
    text_at (call, server, "vl:name", vl_guest_str (guest, VL_GUEST_NAME), VL_GUEST_NAME);
  if (flavor)
    text_at (call, server, "vl:flavor", flavor, VL_GUEST_FLAVOR);
  if (image)
    text_at (call, server, "vl:image", image, VL_GUEST_IMAGE);
}

int
vl_begin_write (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  const char *uuid = vl_guest_str (guest, VL_GUEST_UUID);
  size_t errors = call->findings.n_errors;
  struct vl_node *memory;
  char name[16];

  vl_set (call, NULL, "type", vl_guest_str (guest, VL_GUEST_VIRT_TYPE), VL_GUEST_VIRT_TYPE);
  vl_domain_name (uuid, name);
  text_at (call, NULL, "name", name, VL_GUEST_UUID);
  text_at (call, NULL, "uuid", uuid, VL_GUEST_UUID);
  memory = vl_ensure (call, NULL, "memory", 0, VL_GUEST_MEMORY);
  vl_set (call, memory, "unit", "KiB", VL_GUEST_MEMORY);
  vl_text (call, memory, vl_guest_str (guest, VL_GUEST_MEMORY), VL_GUEST_MEMORY);
  text_at (call, NULL, "vcpu", vl_guest_str (guest, VL_GUEST_VCPUS), VL_GUEST_VCPUS);
  write_os (call, guest);
  write_emulator (call, guest, host);
  write_metadata (call, guest);
  return call->findings.n_errors > errors ? -1 : 0;
}
