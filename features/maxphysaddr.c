/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * maxphysaddr: how many bits a physical address of the guest has.  Guests with
 * more memory than the CPU model's usual width can address need it. */

#include <config.h>

#include <virtloom/feature.h>

#include <inttypes.h>

#define SINCE "8.7.0"

static const char *const modes[] = { "passthrough", "emulate", NULL };

static const struct vl_prop props[] = {
  { .name = "mode",
    .type = VL_CHOICE,
    .rule = VL_MUST_AGREE,
    .choices = modes,
    .flavor_key = "hw:maxphysaddr_mode",
    .image_key = "hw_maxphysaddr_mode",
    .help = "does the guest see the host's address width, or one of its own; unset: libvirt's",
    .since = "0.1.0" },
  { .name = "bits",
    .type = VL_INT,
    .rule = VL_FLAVOR_WINS,
    .min = 32,
    .max = 64,
    .unit = "bits",
    .flavor_key = "hw:maxphysaddr_bits",
    .image_key = "hw_maxphysaddr_bits",
    .help = "width of a physical address; only with mode emulate",
    .since = "0.1.0" },
};

static const struct vl_write writes[] = { { .path = "cpu/maxphysaddr", .since = SINCE } };

static const struct vl_name reads[] = { { .name = VL_GUEST_ARCH },
                                        { .name = "cpu-model.element", .flags = VL_OPTIONAL } };

static int
resolve (struct vl_call *c)
{
  if (vl_has (c, "bits") && ! vl_has (c, "mode"))
    vl_advise (c, "bits", "add hw:maxphysaddr_mode=emulate to the flavor",
               "without a mode the number of bits is ignored");
  return 0;
}

static int
active (struct vl_call *c)
{
  return vl_has (c, "mode");
}

/* libvirt takes no width that is not said, and none that the host has not. */
static int
validate_bits (struct vl_call *c)
{
  const char *key = vl_cap_key (c, "cpu.max-phys-bits");
  int64_t most = INT64_MAX;

  if (! vl_has (c, "bits"))
    return vl_refuse (c, VL_ERR_REQUEST, "mode",
                      "add hw:maxphysaddr_bits to the flavor, for instance 42",
                      "mode 'emulate' takes a number of bits, and none is given");
  if (key && vl_fact_int (c, key, 1, &most) < 0)
    return -1;
  if (vl_int (c, "bits") > most)
    return vl_refuse (c, VL_ERR_UNSUPPORTED, "bits", "take fewer bits, or another host",
                      "'%s' is more than the host's CPU has; accepted: at most %" PRId64,
                      vl_str (c, "bits"), most);
  return 0;
}

static int
validate (struct vl_call *c)
{
  int result = 0;

  if (! vl_bool (c, "cpu-model.element"))
    return vl_refuse (c, VL_ERR_UNSUPPORTED, "mode", NULL,
                      "this guest's domain says nothing of its CPU, so no address width either");
  if (! vl_is (c, VL_GUEST_ARCH, "x86_64") && ! vl_is (c, VL_GUEST_ARCH, "i686"))
    return vl_refuse (c, VL_ERR_UNSUPPORTED, "mode", NULL,
                      "'%s' guests have no address width to set; accepted: x86_64, i686",
                      vl_str (c, VL_GUEST_ARCH));
  if (vl_is (c, "mode", "passthrough") && vl_has (c, "bits"))
    result = vl_refuse (
        c, VL_ERR_REQUEST, "bits", "say hw:maxphysaddr_mode=emulate, or take the bits out",
        "mode 'passthrough' takes the host's width, so no number of bits goes with it");
  if (vl_is (c, "mode", "emulate"))
    result = validate_bits (c);
  switch (vl_fact_at_least (c, "libvirt.version", SINCE)) {
  case 1:
    return result;
  case 0:
    return vl_refuse (c, VL_ERR_UNSUPPORTED, "mode", "take a host with a newer libvirt",
                      "the address width takes libvirt " SINCE "; this host has %s",
                      vl_fact_str (c, "libvirt.version"));
  default:
    return vl_unsaid (c, "mode", "libvirt.version");
  }
}

static int
contribute (struct vl_call *c)
{
  struct vl_node *node = vl_ensure (c, "cpu/maxphysaddr", "mode");

  vl_set_from (node, "mode", "mode");
  return vl_has (c, "bits") ? vl_set_from (node, "bits", "bits") : 0;
}

VL_FEATURE (maxphysaddr, "maxphysaddr", .version = VL_VERSION,
            .summary = "width of the guest's physical addresses", .props = VL_TABLE (props),
            .writes = VL_TABLE (writes), .reads = VL_TABLE (reads), .resolve = resolve,
            .active = active, .validate = validate, .contribute = contribute);
