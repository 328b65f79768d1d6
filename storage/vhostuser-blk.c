/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * vhostuser-blk: volumes that another process serves (SPDK, qemu-storage-daemon), from the
 * guest's own memory. */

#include <config.h>

#include "storage/net.h"

static const struct vl_prop props[] = {
  { .name = "directories",
    .type = VL_LIST,
    .deflt = "/run/vhostuser-blk",
    .setting = "socket_directories",
    .help = "folders of the host that may have the sockets of what serves volumes",
    .since = "0.1.0" },
};

static const char *const volume_types[] = { "vhostuser", NULL };
static const char *const volume_keys[] = { "socket", NULL };

static int
check_socket (struct vl_call *c, const struct vl_volume *volume, const char *path)
{
  const char *accepted = vl_socket_accepted (c, "directories", path);

  if (accepted == NULL)
    return 0;
  return vl_refuse_as (
      c, VL_ERR_REQUEST, "InvalidBDM", NULL,
      "socket_directories in plugins.d/vhostuser-blk.conf says which folders there are",
      "%s: '%s' is no socket of what serves volumes; accepted: %s", volume->where, path, accepted);
}

static int
locate (struct vl_call *c, const struct vl_volume *volume, struct vl_source *source)
{
  source->path = vl_need_info (c, volume, "data.socket");
  if (source->path == NULL || check_socket (c, volume, source->path) < 0)
    return -1;
  source->type = volume_types[0];
  source->is_served = 1;
  return 0;
}

static int
connect_volume (struct vl_call *c, const struct vl_volume *volume, const struct vl_source *source)
{
  (void)volume;
  return net_probe_socket (c, source->path);
}

static const struct vl_storage_calls calls = { .size = sizeof calls,
                                               .volume_types = volume_types,
                                               .volume_keys = volume_keys,
                                               .locate = locate,
                                               .connect = connect_volume };

VL_FEATURE (vhostuser_blk, "vhostuser-blk", .version = VL_VERSION,
            .summary = "volumes that another process serves", .props = VL_TABLE (props),
            .storage = &calls);
