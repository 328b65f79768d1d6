/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A feature that gives a guest a TPM whose state is encrypted with the libvirt secret that
 * the flavor names. */

#include "mock.h"

static const struct vl_prop props[] = {
  { .name = "secret",
    .type = VL_STRING,
    .flavor_key = "tpm:secret",
    .help = "uuid of a libvirt secret",
    .since = "0.1" },
};

static const struct vl_write writes[] = { { .path = "devices/tpm" } };

static int
tpm_active (struct vl_call *c)
{
  return vl_has (c, "secret");
}

static int
tpm_contribute (struct vl_call *c)
{
  struct vl_node *tpm = vl_append (c, "devices/tpm", "secret");
  struct vl_node *backend = vl_ensure_in (tpm, "backend");

  vl_set (tpm, "model", "tpm-crb");
  vl_set (backend, "type", "emulator");
  vl_set (backend, "version", "2.0");
  return vl_set_from (vl_ensure_in (backend, "encryption"), "secret", "secret");
}

VL_FEATURE (tpm, "tpm", .version = "1.0", .summary = "a TPM whose key the flavor names",
            .props = VL_TABLE (props), .writes = VL_TABLE (writes), .active = tpm_active,
            .contribute = tpm_contribute);
