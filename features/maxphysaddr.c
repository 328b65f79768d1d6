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

static const struct vl_write writes[] = { { "cpu/maxphysaddr", SINCE } };

static const struct vl_name reads[] = { { VL_GUEST_ARCH }, { "cpu-model.element" } };

static int
resolve (struct vl_call *call, struct vl_guest *guest, const struct vl_host *host)
{
  (void)host;
  if (vl_guest_has (guest, "bits") && ! vl_guest_has (guest, "mode")) {
    vl_advice (call, NULL, "bits", "without a mode the number of bits is ignored");
    vl_hint (call, "add hw:maxphysaddr_mode=emulate to the flavor");
  }
  return 0;
}

static int
active (const struct vl_guest *guest)
{
  return vl_guest_has (guest, "mode");
}

/* libvirt takes no width that is not said, and none that the host has not. */
static int
validate_bits (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  int64_t most = vl_host_int (host, vl_host_cap_key (guest, host, "cpu.max-phys-bits"), 0);

  if (! vl_guest_has (guest, "bits")) {
    vl_error (call, VL_ERR_REQUEST, "Invalid", "mode",
              "mode 'emulate' takes a number of bits, and none is given");
    vl_hint (call, "add hw:maxphysaddr_bits to the flavor, for instance 42");
    return -1;
  }
  if (most > 0 && vl_guest_int (guest, "bits") > most) {
    vl_error (call, VL_ERR_UNSUPPORTED, NULL, "bits",
              "'%s' is more than the host's CPU has; accepted: at most %" PRId64,
              vl_guest_str (guest, "bits"), most);
    vl_hint (call, "take fewer bits, or another host");
    return -1;
  }
  return 0;
}

static int
validate (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  int result = 0;

  if (! vl_guest_bool (guest, "cpu-model.element"))
    return vl_error (call, VL_ERR_UNSUPPORTED, NULL, "mode",
                     "this guest's domain says nothing of its CPU, so no address width either");
  if (! vl_guest_is (guest, VL_GUEST_ARCH, "x86_64")
      && ! vl_guest_is (guest, VL_GUEST_ARCH, "i686"))
    return vl_error (call, VL_ERR_UNSUPPORTED, NULL, "mode",
                     "'%s' guests have no address width to set; accepted: x86_64, i686",
                     vl_guest_str (guest, VL_GUEST_ARCH));
  if (vl_guest_is (guest, "mode", "passthrough") && vl_guest_has (guest, "bits")) {
    result = vl_error (call, VL_ERR_REQUEST, "Invalid", "bits",
                       "mode 'passthrough' takes the host's width, so no number of bits goes "
                       "with it");
    vl_hint (call, "say hw:maxphysaddr_mode=emulate, or take the bits out");
  }
  if (vl_guest_is (guest, "mode", "emulate"))
    result |= validate_bits (call, guest, host);
  switch (vl_host_at_least (host, "libvirt.version", SINCE)) {
  case 1:
    return result;
  case 0:
    vl_error (call, VL_ERR_UNSUPPORTED, NULL, "mode",
              "the address width takes libvirt " SINCE "; this host has %s",
              vl_host_str (host, "libvirt.version"));
    vl_hint (call, "take a host with a newer libvirt");
    return -1;
  default:
    return vl_host_unknown (call, "mode", "libvirt.version");
  }
}

static int
contribute (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  struct vl_node *node = vl_ensure (call, NULL, "cpu/maxphysaddr", 0, "mode");

  (void)host;
  vl_set (call, node, "mode", vl_guest_str (guest, "mode"), "mode");
  if (vl_guest_has (guest, "bits"))
    vl_set (call, node, "bits", vl_guest_str (guest, "bits"), "bits");
  return 0;
}

VL_FEATURE (maxphysaddr, "maxphysaddr", .version = VL_VERSION,
            .summary = "width of the guest's physical addresses", .props = VL_TABLE (props),
            .writes = VL_TABLE (writes), .reads = VL_TABLE (reads), .resolve = resolve,
            .active = active, .validate = validate, .contribute = contribute);
