/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * qcow2: disks in the server's folder; a root disk is an overlay over the image's copy,
 * which all servers of that image share. */

#include <config.h>

#include "storage/local.h"

/* "overlay" is what records of virtloom 0.1 call it. */
static const char *const image_types[] = { "qcow2", "overlay", NULL };
static const struct vl_name reads[] = { { .name = VL_STORAGE_COW } };
static const struct vl_tool_row tools[] = { LOCAL_TOOLS };

static int
is_default (struct vl_call *c)
{
  return vl_bool (c, VL_STORAGE_COW);
}

static int
locate (struct vl_call *c, const struct vl_volume *volume, struct vl_source *source)
{
  static const struct vl_source image = { .size = sizeof image, .type = "file" };
  struct vl_source *below;

  if (local_locate (c, volume, source, "qcow2") < 0)
    return -1;
  if (volume->image == NULL)
    return 0;
  below = vl_memory (c, sizeof *below);
  *below = image;
  below->format = volume->image_format;
  below->path = volume->image;
  source->backing = below;
  return 0;
}

static int
make (struct vl_call *c, const struct vl_volume *volume, const struct vl_source *source)
{
  if (volume->image == NULL)
    return local_make (c, volume, source);
  if (local_make_qcow2 (c, source->path, volume->image, volume->image_format, volume->bytes) < 0)
    return -1;
  return local_preallocate (c, volume, source);
}

static const struct vl_storage_calls calls = { .size = sizeof calls,
                                               .image_types = image_types,
                                               .is_default = is_default,
                                               .locate = locate,
                                               .make = make,
                                               .resize = local_resize,
                                               .capacity = local_capacity };

VL_FEATURE (qcow2, "qcow2", .version = VL_VERSION, .summary = "disks as qcow2 overlays",
            .reads = VL_TABLE (reads), .tools = VL_TABLE (tools), .storage = &calls);
