/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * firmware: BIOS or UEFI, secure boot, and firmware without a variable store.
 * Which file it is libvirt selects by itself from what is asked for. */

#include <config.h>

#include <virtloom/feature.h>

#include <glob.h>
#include <stdio.h>
#include <string.h>

static const char *const types[] = { "bios", "uefi", NULL };
static const char *const policies[] = { "disabled", "optional", "required", NULL };

static const struct vl_prop props[] = {
  { .name = "type",
    .type = VL_CHOICE,
    .flags = VL_PUBLIC,
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
    .flags = VL_PUBLIC,
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
  { .path = "os/@firmware" },
  { .path = "os/firmware" },
  { .path = "os/loader", .flags = VL_GUARDED },
};

static const struct vl_name reads[] = {
  { .name = VL_GUEST_ARCH },
  { .name = VL_GUEST_MACHINE },
  { .name = VL_GUEST_VIRT_TYPE },
};

/* Libvirt that knows loader/@stateless. */
#define FACT_STATELESS "firmware.stateless"
#define STATELESS_SINCE "8.6.0"

static int
is_uefi (struct vl_call *c)
{
  return vl_is (c, "type", "uefi");
}

/* Secure boot of x86 takes system management mode, which q35 alone has. */
static int
machine_can_secure (struct vl_call *c)
{
  const char *machine = vl_str (c, VL_GUEST_MACHINE);

  if (! vl_is (c, VL_GUEST_ARCH, "x86_64"))
    return 1;
  return machine && strstr (machine, "q35") != NULL;
}

/* Does any machine of the guest's architecture have WHAT = VALUE, as Nova asks?
 * The firmware files are the same for KVM and emulation, so what is known of one
 * is known of the other. */
static int
host_offers (struct vl_call *c, const char *what, const char *value)
{
  static const char *const kinds[] = { "kvm", "qemu" };
  const char *arch = vl_str (c, VL_GUEST_ARCH);
  const char *machines = vl_printf (c, "guest.%s.machines", arch);
  int best = vl_cap_any (c, what, value);

  for (size_t k = 0; best < 0 && k < sizeof kinds / sizeof kinds[0]; k++)
    for (size_t i = 0; best < 1 && i < vl_fact_count (c, machines); i++) {
      int one = vl_fact_offers (
          c, vl_printf (c, "caps.%s.%s.%s.%s", kinds[k], arch, vl_fact_item (c, machines, i), what),
          value);

      best = one > best ? one : best;
    }
  return best;
}

static const char *
package (struct vl_call *c)
{
  return vl_is (c, VL_GUEST_ARCH, "aarch64") ? "qemu-efi-aarch64" : "ovmf";
}

static int
resolve_type (struct vl_call *c)
{
  int arm = vl_is (c, VL_GUEST_ARCH, "aarch64");

  if (vl_has (c, "type") || vl_is (c, VL_GUEST_VIRT_TYPE, "lxc"))
    return 0;
  return vl_put (c, "type", arm ? "uefi" : "bios", VL_GUEST_ARCH,
                 arm ? "aarch64 machines have UEFI" : "the usual firmware");
}

static int
resolve (struct vl_call *c)
{
  const char *reason;
  int on;

  if (resolve_type (c) < 0)
    return -1;
  if (vl_layer_has (c, "secure-boot", VL_LAYER_FLAVOR)
      && strcmp (vl_layer_str (c, "secure-boot", VL_LAYER_FLAVOR), "optional") == 0)
    return vl_refuse_as (c, VL_ERR_REQUEST, "Invalid", "secure-boot",
                         "say os_secure_boot=optional in the image",
                         "'optional' is for images; accepted in a flavor: required, disabled");
  if (! is_uefi (c)) {
    if (vl_bool (c, "stateless"))
      vl_warn (c, "stateless", "add hw_firmware_type=uefi to the image",
               "only UEFI can be stateless; the guest has BIOS");
    return 0;
  }
  if (vl_is (c, "secure-boot", "optional")) {
    on = machine_can_secure (c) && host_offers (c, "loader.secure", "yes") == 1;
    reason = on ? "host and machine type can do it" : "host or machine type cannot do it";
  } else {
    on = vl_is (c, "secure-boot", "required");
    reason =
        vl_origin (c, "secure-boot") == VL_LAYER_DEFAULT ? "nobody asks for it" : "as asked for";
  }
  return vl_put (c, "secure", on ? "true" : "false", "secure-boot", reason);
}

static int
active (struct vl_call *c)
{
  return is_uefi (c) || vl_is (c, "secure-boot", "required");
}

/* A guest that must boot signed code only never starts without. */
static int
validate_secure (struct vl_call *c)
{
  static const char code[] = "SecureBootNotSupported";

  if (! is_uefi (c))
    return vl_refuse_as (c, VL_ERR_REQUEST, code, "secure-boot",
                         "add hw_firmware_type=uefi to the image",
                         "secure boot is required, and the guest has no UEFI");
  if (! machine_can_secure (c))
    return vl_refuse_as (
        c, VL_ERR_REQUEST, code, "secure-boot", "add hw_machine_type=q35 to the image",
        "secure boot is required, and machine type '%s' cannot do it; accepted: q35",
        vl_str (c, VL_GUEST_MACHINE));
  switch (host_offers (c, "loader.secure", "yes")) {
  case 1:
    return 0;
  case 0:
    return vl_refuse_as (
        c, VL_ERR_UNSUPPORTED, code, "secure-boot",
        vl_printf (c,
                   "install such firmware on the host (Debian: package %s), or take another host",
                   package (c)),
        "secure boot is required, and this host has no UEFI firmware that can do it");
  default:
    return vl_unsaid (c, "secure-boot", vl_cap_key (c, "loader.secure"));
  }
}

static int
validate_uefi (struct vl_call *c)
{
  switch (host_offers (c, "loader.type", "pflash")) {
  case 1:
    return 0;
  case 0:
    return vl_refuse_as (
        c, VL_ERR_UNSUPPORTED, "UEFINotSupported", "type",
        vl_printf (c, "install it (Debian: package %s), or say hw_firmware_type=bios", package (c)),
        "this host has no UEFI firmware for '%s' guests", vl_str (c, VL_GUEST_ARCH));
  default:
    return vl_unsaid (c, "type", vl_cap_key (c, "loader.type"));
  }
}

static int
validate_stateless (struct vl_call *c)
{
  if (vl_fact_at_least (c, "libvirt.version", STATELESS_SINCE) == 0)
    return vl_refuse (c, VL_ERR_UNSUPPORTED, "stateless", "take a host with a newer libvirt",
                      "stateless firmware takes libvirt " STATELESS_SINCE "; this host has %s",
                      vl_fact_str (c, "libvirt.version"));
  if (vl_fact_flag (c, FACT_STATELESS) == 0)
    return vl_refuse (c, VL_ERR_UNSUPPORTED, "stateless",
                      "take a host with such firmware, or take hw_firmware_stateless out",
                      "this host describes no UEFI firmware that is stateless");
  return 0;
}

static int
validate (struct vl_call *c)
{
  int result = 0;

  if (vl_is (c, VL_GUEST_VIRT_TYPE, "lxc"))
    return vl_refuse (c, VL_ERR_UNSUPPORTED, is_uefi (c) ? "type" : "secure-boot", NULL,
                      "a container has no firmware");
  if (is_uefi (c))
    result |= validate_uefi (c);
  if (vl_is (c, "secure-boot", "required"))
    result |= validate_secure (c);
  if (is_uefi (c) && vl_bool (c, "stateless"))
    result |= validate_stateless (c);
  return result;
}

/* Does the description of firmware PATH have the word "stateless", which is its mode? */
static int
is_stateless (const char *path)
{
  FILE *file = fopen (path, "re");
  char line[4096];
  int found = 0;

  while (file && ! found && fgets (line, sizeof line, file))
    found = strstr (line, "\"stateless\"") != NULL;
  if (file)
    fclose (file);
  return found;
}

/* libvirt selects firmware by these descriptions. */
static int
probe (struct vl_call *c)
{
  static const char *const patterns[] = { "/usr/share/qemu/firmware/*.json",
                                          "/etc/qemu/firmware/*.json" };
  int found = 0;

  for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
    glob_t paths = { 0 };

    if (glob (patterns[i], 0, NULL, &paths) == 0)
      for (size_t k = 0; k < paths.gl_pathc; k++)
        found |= is_stateless (paths.gl_pathv[k]);
    globfree (&paths);
  }
  vl_fact_set (c, FACT_STATELESS, found ? "true" : "false");
  return 0;
}

/* libvirt 9.0 refuses loader/@secure='no' where it selects the firmware, so the
 * feature says yes or no, and the attribute is written for yes alone. */
static int
contribute (struct vl_call *c)
{
  int secure = vl_bool (c, "secure");

  if (! is_uefi (c))
    return 0;
  vl_set (vl_ensure (c, "os", "type"), "firmware", "efi");
  vl_set (vl_keyed (c, "os/firmware/feature", "secure", "name", "secure-boot", NULL), "enabled",
          secure ? "yes" : "no");
  if (secure)
    vl_set (vl_ensure (c, "os/loader", "secure"), "secure", "yes");
  if (vl_bool (c, "stateless"))
    vl_set (vl_ensure (c, "os/loader", "stateless"), "stateless", "yes");
  return 0;
}

VL_FEATURE (firmware, "firmware", .version = VL_VERSION,
            .summary = "BIOS or UEFI, secure boot, stateless firmware", .props = VL_TABLE (props),
            .writes = VL_TABLE (writes), .reads = VL_TABLE (reads), .resolve = resolve,
            .active = active, .validate = validate, .contribute = contribute, .probe = probe);
