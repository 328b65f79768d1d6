/* SPDX-License-Identifier: MIT
 *
 * An example of a vendor's feature: a panic device, by which a guest tells the
 * hypervisor that its kernel crashed.  Copy it, rename it, make it yours. */

#include <virtloom/feature.h>

#include <string.h>

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

static const struct vl_setting settings[] = {
  { .name = "panic_model",
    .type = VL_CHOICE,
    .choices = models,
    .help = "panic device of guests whose flavor does not say",
    .since = "0.1" },
};

static const struct vl_write writes[] = { { .path = "devices/panic" } };

static const struct vl_name reads[] = { { VL_GUEST_ARCH } };

static int
acme_panic_active (const struct vl_guest *guest)
{
  return vl_guest_has (guest, "acme-panic.model");
}

/* Both models are devices of PC-like machines. */
static int
acme_panic_validate (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  const char *arch = vl_guest_str (guest, VL_GUEST_ARCH);

  (void)host;
  if (arch && (strcmp (arch, "x86_64") == 0 || strcmp (arch, "i686") == 0))
    return 0;
  vl_error (call, VL_ERR_UNSUPPORTED, NULL, "model",
            "a panic device of model '%s' needs an x86 guest, this one is '%s'",
            vl_guest_str (guest, "acme-panic.model"), arch ? arch : "unknown");
  vl_hint (call, "leave acme:panic out of flavors for other machines");
  return -1;
}

static int
acme_panic_contribute (struct vl_call *call, const struct vl_guest *guest,
                       const struct vl_host *host)
{
  struct vl_node *panic = vl_append (call, NULL, "devices/panic", "acme-panic.model");

  (void)host;
  return vl_set (call, panic, "model", vl_guest_str (guest, "acme-panic.model"),
                 "acme-panic.model");
}

VL_FEATURE (acme_panic, "acme-panic", .version = "1.0",
            .summary = "a panic device, to notice a crashed guest kernel",
            .props = VL_TABLE (props), .settings = VL_TABLE (settings), .writes = VL_TABLE (writes),
            .reads = VL_TABLE (reads), .active = acme_panic_active, .validate = acme_panic_validate,
            .contribute = acme_panic_contribute);
