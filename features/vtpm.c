/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * vtpm: an emulated TPM whose state is encrypted.  The key is a secret of
 * libvirt's that has the guest's uuid; it is made before the guest starts for the
 * first time and lives as long as the guest. */

#include <config.h>

#include <virtloom/feature.h>

#include <string.h>

/* What is kept: the uuid of the guest's secret, before it is made; that it was made. */
#define SECRET "secret"
#define MADE "made"
#define KEY_BYTES 32

#define INSTALL "install it (Debian: packages swtpm swtpm-tools)"

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
  { .name = "swtpm-enabled",
    .type = VL_BOOL,
    .deflt = "false",
    .setting = "swtpm_enabled",
    .nova = "libvirt.swtpm_enabled",
    .help = "may guests have an emulated TPM; the host needs swtpm",
    .since = "0.1.0" },
};

static const struct vl_write writes[] = { { .path = "devices/tpm", .flags = VL_GUARDED } };

static const struct vl_name reads[] = { { .name = VL_DRIVER_NAME },
                                        { .name = VL_DRIVER_SECRETS },
                                        { .name = VL_GUEST_UUID },
                                        { .name = VL_GUEST_VIRT_TYPE } };

static int
active (struct vl_call *c)
{
  return vl_has (c, "version");
}

/* A key that is said and does nothing. */
static int
resolve (struct vl_call *c)
{
  if (! vl_has (c, "version") && vl_origin (c, "model") != VL_LAYER_DEFAULT)
    vl_advise (c, "model",
               "add hw:tpm_version=2.0 to the flavor, or hw_tpm_version=2.0 to the image",
               "a TPM's model without its version gives no TPM");
  return 0;
}

static int
validate_request (struct vl_call *c)
{
  int result = 0;

  if (vl_is (c, "model", "tpm-crb") && ! vl_is (c, "version", "2.0"))
    result = vl_refuse (c, VL_ERR_REQUEST, "model", "say tpm-tis, or version 2.0",
                        "TPM model 'tpm-crb' takes version 2.0; the version is '%s'",
                        vl_str (c, "version"));
  if (! vl_is (c, "secret-security", "host"))
    result =
        vl_refuse (c, VL_ERR_UNSUPPORTED, "secret-security",
                   "say hw:tpm_secret_security=host, or take it out: the key is a libvirt secret",
                   "'%s' takes a key manager, and there is none; accepted: host",
                   vl_str (c, "secret-security"));
  return result;
}

/* Old versions of libvirt do not list versions; what is not known is left to them. */
static int
validate_host (struct vl_call *c)
{
  switch (vl_fact_flag (c, "swtpm")) {
  case 1:
    break;
  case 0:
    return vl_refuse (c, VL_ERR_UNSUPPORTED, "version", INSTALL,
                      "this host has no program 'swtpm'");
  default:
    return vl_need_flag (c, "version", "swtpm");
  }
  if (vl_cap (c, "tpm.backend", "emulator") == 0)
    return vl_refuse (c, VL_ERR_UNSUPPORTED, "version", NULL,
                      "the hypervisor of this host offers no emulated TPM");
  if (vl_cap (c, "tpm.version", vl_str (c, "version")) == 0)
    return vl_refuse (c, VL_ERR_UNSUPPORTED, "version", NULL,
                      "the hypervisor of this host offers no TPM of version '%s'",
                      vl_str (c, "version"));
  if (vl_cap (c, "tpm.model", vl_str (c, "model")) == 0)
    return vl_refuse (c, VL_ERR_UNSUPPORTED, "model", NULL,
                      "the hypervisor of this host offers no TPM model '%s'", vl_str (c, "model"));
  return 0;
}

static int
validate (struct vl_call *c)
{
  int result = validate_request (c);

  if (vl_is (c, VL_GUEST_VIRT_TYPE, "lxc"))
    return vl_refuse (c, VL_ERR_UNSUPPORTED, "version", NULL, "a container has no TPM");
  if (! vl_bool (c, "swtpm-enabled"))
    return vl_refuse (c, VL_ERR_UNSUPPORTED, "version",
                      "set swtpm_enabled = yes in section [settings] of plugins.d/vtpm.conf",
                      "guests of this host get no TPM: swtpm_enabled is off");
  if (vl_need_secrets (c, "version", "the TPM's state is encrypted with a secret of libvirt's") < 0)
    return -1;
  return result < 0 ? -1 : validate_host (c);
}

static int
contribute (struct vl_call *c)
{
  struct vl_node *tpm = vl_append (c, "devices/tpm", "version"), *backend;

  vl_set_from (tpm, "model", "model");
  backend = vl_ensure_in (tpm, "backend");
  vl_set (backend, "type", "emulator");
  vl_set_from (backend, "version", "version");
  return vl_set (vl_ensure_in (vl_because (backend, "secret-security"), "encryption"), "secret",
                 vl_str (c, VL_GUEST_UUID));
}

/* Is the setting possible here?  What the host does not say is asked per guest. */
static int
ready (struct vl_call *c)
{
  if (vl_bool (c, "swtpm-enabled") && vl_fact_flag (c, "swtpm") == 0)
    return vl_refuse_as (c, VL_ERR_UNSUPPORTED, "InvalidConfiguration", NULL,
                         INSTALL ", or set swtpm_enabled = no",
                         "swtpm_enabled is on, and this host has no program 'swtpm'");
  return 0;
}

/* The key is text, since a program on its way to the TPM may take a zero byte or the end
 * of a line for the end of the key. */
static int
make_secret (struct vl_call *c, const char *uuid)
{
  static const char digits[] = "0123456789abcdef";
  unsigned char bytes[KEY_BYTES];
  char key[2 * KEY_BYTES];
  int result;

  vl_random (bytes, sizeof bytes);
  for (size_t i = 0; i < sizeof key; i++)
    key[i] = digits[bytes[i / 2] >> (i % 2 ? 0 : 4) & 15];
  result =
      vl_secret_put (c, uuid, "vtpm", vl_printf (c, "virtloom vtpm %s", uuid), key, sizeof key);
  explicit_bzero (bytes, sizeof bytes);
  explicit_bzero (key, sizeof key);
  return result;
}

/* A secret that is there stays as it is: another key would not open the state that the TPM
 * has.  For the same reason none is made in place of one that was lost. */
static int
prepare (struct vl_call *c)
{
  const char *uuid = vl_str (c, VL_GUEST_UUID);
  int there = vl_secret_has (c, uuid);

  if (there < 0)
    return -1;
  if (there == 0 && vl_kept (c, MADE))
    return vl_refuse (c, VL_ERR_FAILED, "version",
                      vl_printf (c, "give libvirt the secret '%s' back with its old value", uuid),
                      "libvirt has lost the secret that opens what the TPM of this guest keeps; "
                      "with another one all of that would be lost");
  if (there == 0 && (vl_keep (c, SECRET, uuid) < 0 || make_secret (c, uuid) < 0))
    return -1;
  return vl_keep (c, MADE, "yes");
}

/* As in Nova: the TPM of a guest would measure what is not its own, or be that of another. */
static int
permit (struct vl_call *c, enum vl_op op)
{
  const char *what = op == VL_OP_RESCUE    ? "rescued"
                     : op == VL_OP_REBUILD ? "rebuilt"
                     : op == VL_OP_SHELVE  ? "shelved"
                                           : NULL;

  if (what == NULL)
    return 0;
  return vl_refuse_as (c, VL_ERR_REQUEST, "OperationNotSupportedForVTPM", "version", NULL,
                       "a guest with a TPM is not %s: what its TPM keeps is sealed to its own disk",
                       what);
}

/* The secret goes with the guest, not with one of its devices. */
static int
release (struct vl_call *c)
{
  return vl_op_device (c) ? 0 : vl_secret_drop (c, vl_str (c, VL_GUEST_UUID));
}

VL_FEATURE (vtpm, "vtpm", .version = VL_VERSION, .summary = "an emulated TPM, its state encrypted",
            .props = VL_TABLE (props), .writes = VL_TABLE (writes), .reads = VL_TABLE (reads),
            .resolve = resolve, .active = active, .validate = validate, .contribute = contribute,
            .ready = ready, .prepare = prepare, .release = release, .permit = permit);
