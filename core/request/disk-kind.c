/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The words for what a server's disks are made as. */

#include <config.h>

#include "request/disks.h"

static int
is_flat (const struct vl_config *config)
{
  const char *type = vl_config_str (config, "storage.images_type");

  if (type == NULL)
    return 0;
  if (VL_STREQ (type, "default"))
    return ! vl_config_bool (config, "storage.use_cow_images");
  return VL_STREQ (type, "flat") || VL_STREQ (type, "raw");
}

const char *
vl_disk_kind (const struct vl_config *config)
{
  if (! is_flat (config))
    return "overlay";
  return vl_config_bool (config, "storage.force_raw_images") ? "raw" : "flat";
}

const char *
vl_disk_kind_problem (const char *kind)
{
  return VL_STREQ (kind, "overlay") || VL_STREQ (kind, "flat") || VL_STREQ (kind, "raw")
             ? NULL
             : "is no kind of disks; accepted: overlay, flat, raw";
}

int
vl_disk_is_overlay (const char *kind)
{
  return VL_STREQ (kind, "overlay");
}

const char *
vl_disk_format (const char *kind, const char *image_format)
{
  if (vl_disk_is_overlay (kind))
    return "qcow2";
  return VL_STREQ (image_format, "qcow2") && VL_STREQ (kind, "flat") ? "qcow2" : "raw";
}

const char *
vl_guest_disk_kind (const struct vl_guest *guest)
{
  return guest->request->disk_kind ? guest->request->disk_kind : vl_disk_kind (guest->config);
}
