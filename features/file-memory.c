/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * file-memory: the memory of guests lies in files, so that a host has as much of it as there is
 * room for these.  Nova's [libvirt] file_backed_memory, and its rules. */

#include <config.h>

#include <virtloom/feature.h>

#include <inttypes.h>
#include <string.h>

static const struct vl_prop props[] = {
  { .name = "mib",
    .type = VL_INT,
    .flags = VL_PUBLIC,
    .deflt = "0",
    .min = 0,
    .max = INT32_MAX,
    .unit = "MiB",
    .setting = "file_backed_memory",
    .nova = "libvirt.file_backed_memory",
    .help = "guests' memory in files, all together; 0: it lies in the host's own memory",
    .since = "0.1.0" },
  { .name = "total",
    .type = VL_INT,
    .fills = VL_HOST_MEMORY,
    .help = "what guests may have in files, where their memory lies there",
    .since = "0.1.0" },
};

static const struct vl_write writes[] = { { .path = "memoryBacking/source" },
                                          { .path = "memoryBacking/access" },
                                          { .path = "memoryBacking/allocation" },
                                          { .path = "memoryBacking/discard" } };

static const struct vl_name reads[] = { { .name = VL_GUEST_VIRT_TYPE },
                                        { .name = VL_HOST_MEMORY },
                                        { .name = "numa.huge-pages", .flags = VL_OPTIONAL } };

static int
active (struct vl_call *c)
{
  return vl_int (c, "mib") > 0 && ! vl_is (c, VL_GUEST_VIRT_TYPE, "lxc");
}

static int
resolve (struct vl_call *c)
{
  int64_t mib = vl_int (c, "mib");

  return mib > 0 ? vl_put (c, "total", vl_printf (c, "%" PRId64, mib), "mib", "all of the files")
                 : 0;
}

/* Does a cell of the guest have pages of a size of its own? */
static int
has_huge_pages (struct vl_call *c)
{
  for (size_t i = 0; i < vl_count (c, "numa.huge-pages"); i++)
    if (strcmp (vl_item (c, "numa.huge-pages", i), "0") != 0)
      return 1;
  return 0;
}

static int
validate (struct vl_call *c)
{
  int64_t mib = vl_int (c, "mib"), offered = vl_int (c, VL_HOST_MEMORY);
  int result = 0;

  if (has_huge_pages (c))
    result =
        vl_refuse_as (c, VL_ERR_REQUEST, "MemoryPagesUnsupported", "mib",
                      "take the page size out of flavor and image, or file_backed_memory out "
                      "of this host's settings",
                      "guests whose memory lies in files have no pages of a size of their own");
  if (offered > mib)
    result =
        vl_refuse_as (c, VL_ERR_UNSUPPORTED, "NoValidHost", "mib",
                      "say ram_allocation_ratio = 1.0 in section [virtloom] of virtloom.conf",
                      "memory in files is not overcommitted, and guests would be given %" PRId64
                      " MiB of %" PRId64,
                      offered, mib);
  if (offered == 0)
    result = vl_refuse_as (c, VL_ERR_UNSUPPORTED, "NoValidHost", "mib",
                           "make file_backed_memory larger than reserved_host_memory_mb",
                           "of the %" PRId64 " MiB in files nothing is left for guests", mib);
  return result;
}

static int
contribute (struct vl_call *c)
{
  vl_set (vl_ensure (c, "memoryBacking/source", "mib"), "type", "file");
  vl_set (vl_ensure (c, "memoryBacking/access", "mib"), "mode", "shared");
  vl_set (vl_ensure (c, "memoryBacking/allocation", "mib"), "mode", "immediate");
  vl_ensure (c, "memoryBacking/discard", "mib");
  return 0;
}

VL_FEATURE (file_memory, "file-memory", .version = VL_VERSION,
            .summary = "guest memory that lies in files", .props = VL_TABLE (props),
            .writes = VL_TABLE (writes), .reads = VL_TABLE (reads), .active = active,
            .resolve = resolve, .validate = validate, .contribute = contribute);
