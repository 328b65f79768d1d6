/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * vtpm: an emulated TPM whose state is encrypted.  The key is a secret of
 * libvirt's that the operator defines; it has the guest's uuid. */

#include <config.h>

#include <virtloom/feature.h>

static const char *const versions[] = { "1.2", "2.0", NULL };
static const char *const models[] = { "tpm-tis", "tpm-crb", NULL };
static const char *const securities[] = { "user", "host", "deployment", NULL };

static const struct vl_prop props[] = {
  { .name = "version",
    .type = VL_CHOICE,
    .rule = VL_MUST_AGREE,
    .choices = versions,
    .flavor_key = "hw:tpm_version",
    .image_key = "hw_tpm_version",
    .help = "version of the TPM; unset: no TPM",
    .since = "0.1.0" },
  { .name = "model",
    .type = VL_CHOICE,
    .rule = VL_MUST_AGREE,
    .deflt = "tpm-tis",
    .choices = models,
    .flavor_key = "hw:tpm_model",
    .image_key = "hw_tpm_model",
    .help = "interface of the TPM; tpm-crb takes version 2.0",
    .since = "0.1.0" },
  { .name = "secret-security",
    .type = VL_CHOICE,
    .deflt = "host",
    .choices = securities,
    .flavor_key = "hw:tpm_secret_security",
    .help = "who keeps the key of the TPM's state; 'host' alone can be had",
    .since = "0.1.0" },
};

static const struct vl_setting settings[] = {
  { .name = "swtpm_enabled",
    .type = VL_BOOL,
    .deflt = "false",
    .nova = "libvirt.swtpm_enabled",
    .help = "may guests have an emulated TPM; the host needs swtpm",
    .since = "0.1.0" },
};

static const struct vl_write writes[] = { { "devices/tpm", NULL } };

static const struct vl_name reads[] = { { VL_GUEST_UUID }, { VL_GUEST_VIRT_TYPE } };

static int
active (const struct vl_guest *guest)
{
  return vl_guest_has (guest, "version");
}

/* A key that is said and does nothing. */
static int
resolve (struct vl_call *call, struct vl_guest *guest, const struct vl_host *host)
{
  (void)host;
  if (! vl_guest_has (guest, "version") && vl_guest_origin (guest, "model") != VL_LAYER_DEFAULT) {
    vl_advice (call, NULL, "model", "a TPM's model without its version gives no TPM");
    vl_hint (call, "add hw:tpm_version=2.0 to the flavor, or hw_tpm_version=2.0 to the image");
  }
  return 0;
}

static int
validate_request (struct vl_call *call, const struct vl_guest *guest)
{
  int result = 0;

  if (vl_guest_is (guest, "model", "tpm-crb") && ! vl_guest_is (guest, "version", "2.0")) {
    result = vl_error (call, VL_ERR_REQUEST, "Invalid", "model",
                       "TPM model 'tpm-crb' takes version 2.0; the version is '%s'",
                       vl_guest_str (guest, "version"));
    vl_hint (call, "say tpm-tis, or version 2.0");
  }
  if (! vl_guest_is (guest, "secret-security", "host")) {
    result = vl_error (call, VL_ERR_UNSUPPORTED, NULL, "secret-security",
                       "'%s' takes a key manager, and there is none; accepted: host",
                       vl_guest_str (guest, "secret-security"));
    vl_hint (call, "say hw:tpm_secret_security=host, or take it out: the key is a libvirt secret");
  }
  return result;
}

/* Old versions of libvirt do not list versions; what is not known is left to them. */
static int
validate_host (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  switch (vl_host_flag (host, "swtpm")) {
  case 1:
    break;
  case 0:
    vl_error (call, VL_ERR_UNSUPPORTED, NULL, "version", "this host has no program 'swtpm'");
    vl_hint (call, "install it (Debian: packages swtpm swtpm-tools)");
    return -1;
  default:
    return vl_host_unknown (call, "version", "swtpm");
  }
  if (vl_host_cap (guest, host, "tpm.backend", "emulator") == 0)
    return vl_error (call, VL_ERR_UNSUPPORTED, NULL, "version",
                     "the hypervisor of this host offers no emulated TPM");
  if (vl_host_cap (guest, host, "tpm.version", vl_guest_str (guest, "version")) == 0)
    return vl_error (call, VL_ERR_UNSUPPORTED, NULL, "version",
                     "the hypervisor of this host offers no TPM of version '%s'",
                     vl_guest_str (guest, "version"));
  if (vl_host_cap (guest, host, "tpm.model", vl_guest_str (guest, "model")) == 0)
    return vl_error (call, VL_ERR_UNSUPPORTED, NULL, "model",
                     "the hypervisor of this host offers no TPM model '%s'",
                     vl_guest_str (guest, "model"));
  return 0;
}

static int
validate (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  int result = validate_request (call, guest);

  if (vl_guest_is (guest, VL_GUEST_VIRT_TYPE, "lxc"))
    return vl_error (call, VL_ERR_UNSUPPORTED, NULL, "version", "a container has no TPM");
  if (! vl_setting_bool (call, "swtpm_enabled")) {
    vl_error (call, VL_ERR_UNSUPPORTED, NULL, "version",
              "guests of this host get no TPM: swtpm_enabled is off");
    vl_hint (call, "set swtpm_enabled = yes in section [settings] of plugins.d/vtpm.conf");
    return -1;
  }
  if (result < 0 || validate_host (call, guest, host) < 0)
    return -1;
  vl_advice (call, NULL, "version",
             "the TPM's state is encrypted with libvirt's secret '%s'; the guest starts only where "
             "it is defined and has a value",
             vl_guest_str (guest, VL_GUEST_UUID));
  vl_hint (call, "virsh secret-define, virsh secret-set-value; a server that is created gets a new "
                 "uuid, so it has no secret yet and is not started");
  return 0;
}

static int
contribute (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  struct vl_node *tpm = vl_append (call, NULL, "devices/tpm", "version"), *backend;

  (void)host;
  vl_set (call, tpm, "model", vl_guest_str (guest, "model"), "model");
  backend = vl_ensure (call, tpm, "backend", 0, "version");
  vl_set (call, backend, "type", "emulator", "version");
  vl_set (call, backend, "version", vl_guest_str (guest, "version"), "version");
  return vl_set (call, vl_ensure (call, backend, "encryption", 0, "secret-security"), "secret",
                 vl_guest_str (guest, VL_GUEST_UUID), "secret-security");
}

/* Is the setting possible here?  What the host does not say is asked per guest. */
static int
ready (struct vl_call *call, const struct vl_host *host)
{
  if (vl_setting_bool (call, "swtpm_enabled") && vl_host_flag (host, "swtpm") == 0) {
    vl_error (call, VL_ERR_UNSUPPORTED, "InvalidConfiguration", NULL,
              "swtpm_enabled is on, and this host has no program 'swtpm'");
    vl_hint (call, "install it (Debian: packages swtpm swtpm-tools), or set swtpm_enabled = no");
    return -1;
  }
  return 0;
}

VL_FEATURE (vtpm, "vtpm", .version = VL_VERSION, .summary = "an emulated TPM, its state encrypted",
            .props = VL_TABLE (props), .settings = VL_TABLE (settings), .writes = VL_TABLE (writes),
            .reads = VL_TABLE (reads), .resolve = resolve, .active = active, .validate = validate,
            .contribute = contribute, .ready = ready);
