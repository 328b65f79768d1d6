/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * firmware: BIOS or UEFI, secure boot, and firmware without a variable store.
 * Which file it is libvirt selects by itself from what is asked for. */

#include <config.h>

#include <virtloom/feature.h>

#include <string.h>

static const char *const types[] = { "bios", "uefi", NULL };
static const char *const policies[] = { "disabled", "optional", "required", NULL };

static const struct vl_prop props[] = {
  { .name = "type",
    .type = VL_CHOICE,
    .choices = types,
    .image_key = "hw_firmware_type",
    .help = "firmware of the guest; unset: uefi on aarch64, else bios",
    .since = "0.1.0" },
  { .name = "secure-boot",
    .type = VL_CHOICE,
    .rule = VL_MUST_AGREE,
    .deflt = "disabled",
    .choices = policies,
    .flavor_key = "os:secure_boot",
    .image_key = "os_secure_boot",
    .help = "does the guest boot signed code only; 'optional' (image): where the host can",
    .since = "0.1.0" },
  { .name = "stateless",
    .type = VL_BOOL,
    .deflt = "false",
    .image_key = "hw_firmware_stateless",
    .help = "UEFI without a variable store, which forgets its settings",
    .since = "0.1.0" },
  { .name = "secure",
    .type = VL_BOOL,
    .help = "is secure boot on; unset without UEFI",
    .since = "0.1.0" },
};

static const struct vl_write writes[] = {
  { "os/@firmware", NULL },
  { "os/firmware", NULL },
  { "os/loader", NULL },
};

static const struct vl_name reads[] = {
  { VL_GUEST_ARCH },
  { VL_GUEST_MACHINE },
  { VL_GUEST_VIRT_TYPE },
};

/* Libvirt that knows loader/@stateless. */
#define STATELESS_SINCE "8.6.0"

static int
is_uefi (const struct vl_guest *guest)
{
  return vl_guest_is (guest, "type", "uefi");
}

/* Secure boot of x86 takes system management mode, which q35 alone has. */
static int
machine_can_secure (const struct vl_guest *guest)
{
  const char *machine = vl_guest_str (guest, VL_GUEST_MACHINE);

  if (! vl_guest_is (guest, VL_GUEST_ARCH, "x86_64"))
    return 1;
  return machine && strstr (machine, "q35") != NULL;
}

/* Does any machine of the guest's architecture have WHAT = VALUE, as Nova asks?
 * The firmware files are the same for KVM and emulation, so what is known of one
 * is known of the other. */
static int
host_offers (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host,
             const char *what, const char *value)
{
  static const char *const kinds[] = { "kvm", "qemu" };
  const char *arch = vl_guest_str (guest, VL_GUEST_ARCH);
  const char *machines = vl_printf (call, "guest.%s.machines", arch);
  int best = vl_host_cap_any (guest, host, what, value);

  for (size_t k = 0; best < 0 && k < sizeof kinds / sizeof kinds[0]; k++)
    for (size_t i = 0; best < 1 && i < vl_host_count (host, machines); i++) {
      int one = vl_host_offers (host,
                                vl_printf (call, "caps.%s.%s.%s.%s", kinds[k], arch,
                                           vl_host_item (host, machines, i), what),
                                value);

      best = one > best ? one : best;
    }
  return best;
}

static const char *
package (const struct vl_guest *guest)
{
  return vl_guest_is (guest, VL_GUEST_ARCH, "aarch64") ? "qemu-efi-aarch64" : "ovmf";
}

static int
resolve_type (struct vl_call *call, struct vl_guest *guest)
{
  int arm = vl_guest_is (guest, VL_GUEST_ARCH, "aarch64");

  if (vl_guest_has (guest, "type") || vl_guest_is (guest, VL_GUEST_VIRT_TYPE, "lxc"))
    return 0;
  return vl_guest_set (call, guest, "type", arm ? "uefi" : "bios", VL_GUEST_ARCH,
                       arm ? "aarch64 machines have UEFI" : "the usual firmware");
}

static int
resolve (struct vl_call *call, struct vl_guest *guest, const struct vl_host *host)
{
  const char *reason;
  int on;

  if (resolve_type (call, guest) < 0)
    return -1;
  if (vl_guest_layer_has (guest, "secure-boot", VL_LAYER_FLAVOR)
      && strcmp (vl_guest_layer_str (guest, "secure-boot", VL_LAYER_FLAVOR), "optional") == 0) {
    vl_error (call, VL_ERR_REQUEST, "Invalid", "secure-boot",
              "'optional' is for images; accepted in a flavor: required, disabled");
    vl_hint (call, "say os_secure_boot=optional in the image");
    return -1;
  }
  if (! is_uefi (guest)) {
    if (vl_guest_bool (guest, "stateless")) {
      vl_warning (call, NULL, "stateless", "only UEFI can be stateless; the guest has BIOS");
      vl_hint (call, "add hw_firmware_type=uefi to the image");
    }
    return 0;
  }
  if (vl_guest_is (guest, "secure-boot", "optional")) {
    on = machine_can_secure (guest) && host_offers (call, guest, host, "loader.secure", "yes") == 1;
    reason = on ? "host and machine type can do it" : "host or machine type cannot do it";
  } else {
    on = vl_guest_is (guest, "secure-boot", "required");
    reason = vl_guest_origin (guest, "secure-boot") == VL_LAYER_DEFAULT ? "nobody asks for it"
                                                                        : "as asked for";
  }
  return vl_guest_set (call, guest, "secure", on ? "true" : "false", "secure-boot", reason);
}

static int
active (const struct vl_guest *guest)
{
  return is_uefi (guest) || vl_guest_is (guest, "secure-boot", "required");
}

/* A guest that must boot signed code only never starts without. */
static int
validate_secure (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  if (! is_uefi (guest)) {
    vl_error (call, VL_ERR_REQUEST, "SecureBootNotSupported", "secure-boot",
              "secure boot is required, and the guest has no UEFI");
    vl_hint (call, "add hw_firmware_type=uefi to the image");
    return -1;
  }
  if (! machine_can_secure (guest)) {
    vl_error (call, VL_ERR_REQUEST, "SecureBootNotSupported", "secure-boot",
              "secure boot is required, and machine type '%s' cannot do it; accepted: q35",
              vl_guest_str (guest, VL_GUEST_MACHINE));
    vl_hint (call, "add hw_machine_type=q35 to the image");
    return -1;
  }
  switch (host_offers (call, guest, host, "loader.secure", "yes")) {
  case 1:
    return 0;
  case 0:
    vl_error (call, VL_ERR_UNSUPPORTED, "SecureBootNotSupported", "secure-boot",
              "secure boot is required, and this host has no UEFI firmware that can do it");
    vl_hint (call, "install such firmware on the host (Debian: package %s), or take another host",
             package (guest));
    return -1;
  default:
    return vl_host_unknown (call, "secure-boot", vl_host_cap_key (guest, host, "loader.secure"));
  }
}

static int
validate_uefi (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  switch (host_offers (call, guest, host, "loader.type", "pflash")) {
  case 1:
    return 0;
  case 0:
    vl_error (call, VL_ERR_UNSUPPORTED, "UEFINotSupported", "type",
              "this host has no UEFI firmware for '%s' guests",
              vl_guest_str (guest, VL_GUEST_ARCH));
    vl_hint (call, "install it (Debian: package %s), or say hw_firmware_type=bios",
             package (guest));
    return -1;
  default:
    return vl_host_unknown (call, "type", vl_host_cap_key (guest, host, "loader.type"));
  }
}

static int
validate (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  int result = 0;

  if (vl_guest_is (guest, VL_GUEST_VIRT_TYPE, "lxc"))
    return vl_error (call, VL_ERR_UNSUPPORTED, NULL, is_uefi (guest) ? "type" : "secure-boot",
                     "a container has no firmware");
  if (is_uefi (guest))
    result |= validate_uefi (call, guest, host);
  if (vl_guest_is (guest, "secure-boot", "required"))
    result |= validate_secure (call, guest, host);
  if (is_uefi (guest) && vl_guest_bool (guest, "stateless")
      && vl_host_at_least (host, "libvirt.version", STATELESS_SINCE) == 0) {
    result |= vl_error (call, VL_ERR_UNSUPPORTED, NULL, "stateless",
                        "stateless firmware takes libvirt " STATELESS_SINCE "; this host has %s",
                        vl_host_str (host, "libvirt.version"));
    vl_hint (call, "take a host with a newer libvirt");
  }
  return result;
}

/* libvirt 9.0 refuses loader/@secure='no' where it selects the firmware, so the
 * feature says yes or no, and the attribute is written for yes alone. */
static int
contribute (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  int secure = vl_guest_bool (guest, "secure");

  (void)host;
  if (! is_uefi (guest))
    return 0;
  vl_set (call, vl_ensure (call, NULL, "os", 0, "type"), "firmware", "efi", "type");
  vl_set (call,
          vl_ensure_keyed (call, NULL, "os/firmware/feature", "name=secure-boot", 0, "secure"),
          "enabled", secure ? "yes" : "no", "secure");
  if (secure)
    vl_set (call, vl_ensure (call, NULL, "os/loader", 0, "secure"), "secure", "yes", "secure");
  if (vl_guest_bool (guest, "stateless"))
    vl_set (call, vl_ensure (call, NULL, "os/loader", 0, "stateless"), "stateless", "yes",
            "stateless");
  return 0;
}

VL_FEATURE (firmware, "firmware", .version = VL_VERSION,
            .summary = "BIOS or UEFI, secure boot, stateless firmware", .props = VL_TABLE (props),
            .writes = VL_TABLE (writes), .reads = VL_TABLE (reads), .resolve = resolve,
            .active = active, .validate = validate, .contribute = contribute);
