/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * rbd: volumes in a Ceph cluster, which QEMU opens itself. */

#include <config.h>

#include <virtloom/storage.h>

#include <string.h>

static const char *const volume_types[] = { "rbd", NULL };
static const struct vl_name reads[] = { { .name = VL_DRIVER_NAME }, { .name = VL_DRIVER_SECRETS } };

static int
add_hosts (struct vl_call *c, const struct vl_volume *volume, struct vl_source *source)
{
  struct vl_endpoint *hosts;
  size_t n = 0;

  while (vl_info (c, volume, vl_printf (c, "data.hosts.%zu", n)))
    n++;
  hosts = vl_memory (c, (n + 1) * sizeof *hosts);
  for (size_t i = 0; i < n; i++) {
    hosts[i].name = vl_info (c, volume, vl_printf (c, "data.hosts.%zu", i));
    hosts[i].port = vl_info (c, volume, vl_printf (c, "data.ports.%zu", i));
  }
  source->hosts = (struct vl_table) { hosts, (uint32_t)n, sizeof *hosts };
  return 0;
}

static int
locate (struct vl_call *c, const struct vl_volume *volume, struct vl_source *source)
{
  const char *auth = vl_info (c, volume, "data.auth_enabled");

  source->type = "network";
  source->protocol = "rbd";
  source->name = vl_need_info (c, volume, "data.name");
  if (source->name == NULL)
    return -1;
  if (auth && strcmp (auth, "true") == 0) {
    source->auth_user = vl_info (c, volume, "data.auth_username");
    source->auth_type = "ceph";
    source->secret_uuid = vl_info (c, volume, "data.secret_uuid");
    if (vl_need_secrets (c, NULL, "the volume takes a secret of libvirt's (auth_enabled)") < 0)
      return -1;
  }
  return add_hosts (c, volume, source);
}

static const struct vl_storage_calls calls = { .size = sizeof calls,
                                               .volume_types = volume_types,
                                               .locate = locate };

VL_FEATURE (rbd, "rbd", .version = VL_VERSION, .summary = "volumes in a Ceph cluster",
            .reads = VL_TABLE (reads), .storage = &calls);
