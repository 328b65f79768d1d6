/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * locked-memory: keeps the guest's memory in the host's RAM.  It takes a page
 * size, because only then the memory is counted per NUMA node of the host. */

#include <config.h>

#include <virtloom/feature.h>

#include <inttypes.h>
#include <string.h>

static const struct vl_prop props[] = {
  { .name = "locked",
    .type = VL_TRISTATE,
    .rule = VL_MUST_AGREE,
    .flags = VL_PUBLIC,
    .flavor_key = "hw:locked_memory",
    .image_key = "hw_locked_memory",
    .conflict_code = "FlavorImageLockedMemoryConflict",
    .help = "is the guest's memory locked into the host's",
    .since = "0.1.0" },
};

static const struct vl_write writes[] = { { .path = "memoryBacking/locked", .flags = VL_GUARDED } };

static const struct vl_name reads[] = { { .name = VL_GUEST_MEMORY },
                                        { .name = VL_GUEST_VIRT_TYPE },
                                        { .name = "memory-pages.size", .flags = VL_OPTIONAL } };

static int
active (struct vl_call *c)
{
  return vl_bool (c, "locked");
}

static int
validate (struct vl_call *c)
{
  const char *limit;

  if (vl_is (c, VL_GUEST_VIRT_TYPE, "lxc"))
    return vl_refuse (c, VL_ERR_UNSUPPORTED, "locked", NULL,
                      "the memory of a container cannot be locked");
  if (! vl_has (c, "memory-pages.size"))
    return vl_refuse_as (
        c, VL_ERR_REQUEST, "LockMemoryForbidden", "locked",
        "add hw:mem_page_size to the flavor; accepted: small, large, any, a size in KiB such as "
        "2048, or '2MB'",
        "memory is locked only together with a page size: without one nothing counts it per NUMA "
        "node of the host");
  limit = vl_fact_str (c, "limit.memlock");
  if (limit && strcmp (limit, "unlimited"))
    return vl_refuse_as (
        c, VL_ERR_UNSUPPORTED, "NoValidHost", "locked",
        "give virtloom CAP_SYS_RESOURCE, or an unlimited hard limit (ulimit -H -l)",
        "the guest's memory cannot be locked: on this host no more than %s bytes may be", limit);
  vl_advise (c, "locked", NULL,
             "%" PRId64 " MiB of the host's memory are this guest's as long as it runs: never "
             "swapped, shared or overcommitted",
             vl_int (c, VL_GUEST_MEMORY) / 1024);
  return 0;
}

static int
contribute (struct vl_call *c)
{
  vl_ensure (c, "memoryBacking/locked", "locked");
  return 0;
}

VL_FEATURE (locked_memory, "locked-memory", .version = VL_VERSION,
            .summary = "guest memory that the host never swaps out", .props = VL_TABLE (props),
            .writes = VL_TABLE (writes), .reads = VL_TABLE (reads), .active = active,
            .validate = validate, .contribute = contribute);
