/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What every guest starts with, whatever the driver: type, name, uuid, memory,
 * vcpu, os/type, emulator, metadata.  Everything else is a feature's, a disk or
 * a network interface. */

#include <config.h>

#include "domain/doc.h"

#define METADATA_NAMESPACE "urn:virtloom:server:1"

/* An element with the text of PROP; nothing where that is unset. */
static void
write_text (struct vl_call *call, const char *path, const char *prop)
{
  if (vl_has (call, prop))
    vl_text_from (vl_ensure (call, path, prop), prop);
}

static void
write_os (struct vl_call *call)
{
  struct vl_node *type = vl_ensure (call, "os/type", VL_GUEST_VIRT_TYPE);

  /* A container has an operating system but no machine. */
  if (vl_is (call, VL_GUEST_VIRT_TYPE, "lxc")) {
    vl_text (type, "exe");
    return;
  }
  vl_text (type, "hvm");
  if (vl_has (call, VL_GUEST_ARCH))
    vl_set_from (type, "arch", VL_GUEST_ARCH);
  if (vl_has (call, VL_GUEST_MACHINE))
    vl_set_from (type, "machine", VL_GUEST_MACHINE);
}

static void
write_emulator (struct vl_call *call)
{
  const char *arch = vl_str (call, VL_GUEST_ARCH), *key, *emulator;

  if (arch == NULL || vl_is (call, VL_GUEST_VIRT_TYPE, "lxc"))
    return;
  key = vl_printf (call, "guest.%s.emulator", arch);
  emulator = vl_fact_str (call, key);
  if (emulator)
    vl_text (vl_ensure (call, "devices/emulator", vl_printf (call, "%s (host)", key)), emulator);
}

void
vl_begin_write (struct vl_call *call)
{
  struct vl_node *node;
  char name[16];

  vl_set_from (vl_domain (call), "type", VL_GUEST_VIRT_TYPE);
  vl_domain_name (vl_str (call, VL_GUEST_UUID), name);
  vl_text (vl_ensure (call, "name", VL_GUEST_UUID), name);
  write_text (call, "uuid", VL_GUEST_UUID);
  node = vl_ensure (call, "memory", VL_GUEST_MEMORY);
  vl_set (node, "unit", "KiB");
  vl_text_from (node, VL_GUEST_MEMORY);
  write_text (call, "vcpu", VL_GUEST_VCPUS);
  write_os (call);
  write_emulator (call);
  node = vl_ensure (call, "metadata/vl:server", VL_GUEST_NAME);
  vl_set (node, "xmlns:vl", METADATA_NAMESPACE);
  write_text (call, "metadata/vl:server/vl:name", VL_GUEST_NAME);
  write_text (call, "metadata/vl:server/vl:flavor", VL_GUEST_FLAVOR);
  write_text (call, "metadata/vl:server/vl:image", VL_GUEST_IMAGE);
}
