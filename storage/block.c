/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * block: volumes that are block devices of this host. */

#include <config.h>

#include <virtloom/storage.h>

static const char *const volume_types[] = { "fibre_channel", "iser", "local", "nvmeof", NULL };

static int
locate (struct vl_call *c, const struct vl_volume *volume, struct vl_source *source)
{
  source->type = "block";
  source->path = vl_need_info (c, volume, "data.device_path");
  return source->path ? 0 : -1;
}

static const struct vl_storage_calls calls = { .size = sizeof calls,
                                               .volume_types = volume_types,
                                               .locate = locate };

VL_FEATURE (block, "block", .version = VL_VERSION, .summary = "volumes that are block devices",
            .storage = &calls);
