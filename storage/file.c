/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * file: volumes that are files: on this host, or on a share that is mounted. */

#include <config.h>

#include <virtloom/storage.h>

static const char *const volume_types[] = { "file", "nfs", NULL };

static int
locate (struct vl_call *c, const struct vl_volume *volume, struct vl_source *source)
{
  source->type = "file";
  source->path = vl_need_info (c, volume, "data.device_path");
  return source->path ? 0 : -1;
}

static const struct vl_storage_calls calls = { .size = sizeof calls,
                                               .volume_types = volume_types,
                                               .locate = locate };

VL_FEATURE (file, "file", .version = VL_VERSION, .summary = "volumes that are files",
            .storage = &calls);
