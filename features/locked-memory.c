/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * locked-memory: keeps the guest's memory in the host's RAM.  It takes a page
 * size, because only then the memory is counted per NUMA node of the host. */

#include <config.h>

#include <virtloom/feature.h>

#include <inttypes.h>

static const struct vl_prop props[] = {
  { .name = "locked",
    .type = VL_TRISTATE,
    .rule = VL_MUST_AGREE,
    .flavor_key = "hw:locked_memory",
    .image_key = "hw_locked_memory",
    .conflict_code = "FlavorImageLockedMemoryConflict",
    .help = "is the guest's memory locked into the host's",
    .since = "0.1.0" },
};

static const struct vl_write writes[] = { { "memoryBacking/locked", NULL } };

static const struct vl_name reads[] = { { VL_GUEST_MEMORY },
                                        { VL_GUEST_VIRT_TYPE },
                                        { "memory-pages.size" } };

static int
active (const struct vl_guest *guest)
{
  return vl_guest_bool (guest, "locked");
}

static int
validate (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  (void)host;
  if (vl_guest_is (guest, VL_GUEST_VIRT_TYPE, "lxc"))
    return vl_error (call, VL_ERR_UNSUPPORTED, NULL, "locked",
                     "the memory of a container cannot be locked");
  if (! vl_guest_has (guest, "memory-pages.size")) {
    vl_error (call, VL_ERR_REQUEST, "LockMemoryForbidden", "locked",
              "memory is locked only together with a page size: without one nothing counts it per "
              "NUMA node of the host");
    vl_hint (call, "add hw:mem_page_size to the flavor; accepted: small, large, any, a size in KiB "
                   "such as 2048, or '2MB'");
    return -1;
  }
  vl_advice (call, NULL, "locked",
             "%" PRId64 " MiB of the host's memory are this guest's as long as it runs: never "
             "swapped, shared or overcommitted",
             vl_guest_int (guest, VL_GUEST_MEMORY) / 1024);
  return 0;
}

static int
contribute (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  (void)guest;
  (void)host;
  vl_ensure (call, NULL, "memoryBacking/locked", 0, "locked");
  return 0;
}

VL_FEATURE (locked_memory, "locked-memory", .version = VL_VERSION,
            .summary = "guest memory that the host never swaps out", .props = VL_TABLE (props),
            .writes = VL_TABLE (writes), .reads = VL_TABLE (reads), .active = active,
            .validate = validate, .contribute = contribute);
