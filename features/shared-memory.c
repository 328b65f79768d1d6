/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * shared-memory: memory that another process can map, for guests whose interfaces or disks one
 * serves. */

#include <config.h>

#include <virtloom/feature.h>

static const struct vl_prop props[] = {
  { .name = "process",
    .type = VL_BOOL,
    .help = "does another process map the guest's memory",
    .since = "0.1.0" },
};

static const struct vl_name reads[] = { { .name = VL_GUEST_DISK },
                                        { .name = VL_GUEST_NIC },
                                        { .name = "file-memory.mib", .flags = VL_OPTIONAL } };
static const struct vl_write writes[] = { { .path = "memoryBacking/access" },
                                          { .path = "memoryBacking/source" } };

static int
resolve (struct vl_call *c)
{
  for (size_t i = 0; i < vl_n_nics (c); i++)
    if (vl_nic (c, i)->carrier == VL_CARRIER_PROCESS)
      return vl_put (c, "process", "true", NULL, "what serves an interface reads and writes it");
  for (size_t i = 0; i < vl_n_disks (c); i++)
    if (vl_disk (c, i)->is_served)
      return vl_put (c, "process", "true", NULL, "what serves a disk reads and writes it");
  return 0;
}

/* Huge pages, where the guest has them, are memfd's too.  Memory that lies in files is shared as it is. */
static int
contribute (struct vl_call *c)
{
  if (! vl_has (c, "process") || vl_int (c, "file-memory.mib") > 0)
    return 0;
  vl_set (vl_ensure (c, "memoryBacking/source", "process"), "type", "memfd");
  return vl_set (vl_ensure (c, "memoryBacking/access", "process"), "mode", "shared");
}

VL_FEATURE (shared_memory, "shared-memory", .version = VL_VERSION,
            .summary = "guest memory that another process maps", .props = VL_TABLE (props),
            .writes = VL_TABLE (writes), .reads = VL_TABLE (reads), .resolve = resolve,
            .contribute = contribute);
