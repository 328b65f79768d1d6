/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * flat: disks in the server's folder that stand alone; a root disk is a copy of its
 * image. */

#include <config.h>

#include "storage/local.h"

#include <string.h>

static const char *const image_types[] = { "flat", "raw", NULL };
static const struct vl_name reads[] = { { .name = VL_STORAGE_COW }, { .name = VL_STORAGE_RAW } };
static const struct vl_tool_row tools[] = { LOCAL_TOOLS };

static int
is_default (struct vl_call *c)
{
  return ! vl_bool (c, VL_STORAGE_COW);
}

/* A disk that is there keeps its format; else force_raw_images decides, where the image
 * is one that QEMU can write to. */
static int
locate (struct vl_call *c, const struct vl_volume *volume, struct vl_source *source)
{
  int keeps =
      volume->image && strcmp (volume->image_format, "qcow2") == 0 && ! vl_bool (c, VL_STORAGE_RAW);

  return local_locate (c, volume, source, volume->was ? volume->was : keeps ? "qcow2" : "raw");
}

static const struct vl_storage_calls calls = { .size = sizeof calls,
                                               .image_types = image_types,
                                               .is_default = is_default,
                                               .locate = locate,
                                               .make = local_make,
                                               .resize = local_resize,
                                               .capacity = local_capacity };

VL_FEATURE (flat, "flat", .version = VL_VERSION, .summary = "disks as files that stand alone",
            .reads = VL_TABLE (reads), .tools = VL_TABLE (tools), .storage = &calls);
