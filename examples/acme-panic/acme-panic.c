/* SPDX-License-Identifier: MIT
 *
 * An example of a vendor's feature: a panic device, by which a guest tells the
 * hypervisor that its kernel crashed.  Copy it, rename it, make it yours. */

#include <virtloom/feature.h>

static const char *const models[] = { "isa", "hyperv", NULL };

static const struct vl_prop props[] = {
  { .name = "model",
    .type = VL_CHOICE,
    .choices = models,
    .flavor_key = "acme:panic",
    .setting = "panic_model",
    .help = "model of the panic device; unset: no device",
    .since = "0.1" },
};

static const struct vl_write writes[] = { { .path = "devices/panic" } };

static const struct vl_name reads[] = { { .name = VL_GUEST_ARCH } };

static int
active (struct vl_call *c)
{
  return vl_has (c, "model");
}

/* Both models are devices of PC-like machines. */
static int
validate (struct vl_call *c)
{
  if (vl_is (c, VL_GUEST_ARCH, "x86_64") || vl_is (c, VL_GUEST_ARCH, "i686"))
    return 0;
  return vl_refuse (
      c, VL_ERR_UNSUPPORTED, "model", "leave acme:panic out of flavors for other machines",
      "a panic device of model '%s' needs an x86 guest, this one is '%s'", vl_str (c, "model"),
      vl_has (c, VL_GUEST_ARCH) ? vl_str (c, VL_GUEST_ARCH) : "unknown");
}

static int
contribute (struct vl_call *c)
{
  return vl_set_from (vl_append (c, "devices/panic", "model"), "model", "model");
}

VL_FEATURE (acme_panic, "acme-panic", .version = "1.0",
            .summary = "a panic device, to notice a crashed guest kernel",
            .props = VL_TABLE (props), .writes = VL_TABLE (writes), .reads = VL_TABLE (reads),
            .active = active, .validate = validate, .contribute = contribute);
