/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Image against flavor, as Nova's API does before anything is built. */

#include <config.h>

#include "request/work.h"

#include "request/name.h"

#include <inttypes.h>

#define GIB ((int64_t)1 << 30)

static void
refuse (struct vl_guest *guest, const char *code, const char *origin, const char *message,
        const char *hint)
{
  struct vl_report report = {
    .severity = VL_SEV_ERROR, .err = VL_ERR_REQUEST, .code = code, .origin = origin
  };

  report.hint = hint;
  vl_report (guest->call, &report, "%s", message);
}

static const struct vl_block_device *
root_volume (const struct vl_request *request)
{
  for (size_t i = 0; i < request->n_devices; i++) {
    const struct vl_block_device *device = &request->devices[i];

    if (device->boot_index == 0
        && (device->path
            || (device->destination_type && VL_STREQ (device->destination_type, "volume"))))
      return device;
  }
  return NULL;
}

static void
check_image (struct vl_guest *guest)
{
  const struct vl_request *request = guest->request;
  struct vl_call *call = guest->call;

  if (request->image.status && ! VL_STREQ (request->image.status, "active"))
    refuse (guest, "ImageNotActive",
            vl_printf (call, "status=%s, image", vl_shown (call->arena, request->image.status)),
            vl_printf (call, "the image is '%s'; accepted: active",
                       vl_shown (call->arena, request->image.status)),
            "wait until the image is active, or take another one");
  if (request->flavor.ram < request->image.min_ram)
    refuse (guest, "FlavorMemoryTooSmall",
            vl_printf (call, "min_ram=%" PRId64 ", image", request->image.min_ram),
            vl_printf (call, "the image needs %" PRId64 " MiB of memory, the flavor has %" PRId64,
                       request->image.min_ram, request->flavor.ram),
            "take a flavor with more memory");
}

/* A volume has a size of its own; one that is yet to be made must not be less
 * than the image asks for. */
static void
check_volume (struct vl_guest *guest, const struct vl_block_device *volume)
{
  const struct vl_request *request = guest->request;

  if (volume->volume_size > 0 && request->image.min_disk > volume->volume_size)
    refuse (guest, "VolumeSmallerThanMinDisk",
            vl_printf (guest->call, "min_disk=%" PRId64 ", image", request->image.min_disk),
            vl_printf (guest->call,
                       "the image needs a disk of %" PRId64 " GiB, the volume has %" PRId64,
                       request->image.min_disk, volume->volume_size),
            "ask for a larger volume");
}

/* 0 GiB in the flavor means as large as the image. */
static void
check_disk (struct vl_guest *guest)
{
  const struct vl_request *request = guest->request;
  struct vl_call *call = guest->call;
  int64_t size = request->image.size, disk = request->flavor.disk;

  if (disk == 0)
    return;
  if (request->image.virtual_size > size)
    size = request->image.virtual_size;
  if (size > disk * GIB)
    refuse (guest, "FlavorDiskSmallerThanImage", vl_printf (call, "disk=%" PRId64 ", flavor", disk),
            vl_printf (call, "the image has %" PRId64 " bytes, the flavor's disk has %" PRId64,
                       size, disk * GIB),
            "take a flavor with a larger disk");
  if (request->image.min_disk > disk)
    refuse (guest, "FlavorDiskSmallerThanMinDisk",
            vl_printf (call, "min_disk=%" PRId64 ", image", request->image.min_disk),
            vl_printf (call, "the image needs a disk of %" PRId64 " GiB, the flavor has %" PRId64,
                       request->image.min_disk, disk),
            "take a flavor with a larger disk");
}

void
vl_request_check (struct vl_guest *guest)
{
  const struct vl_block_device *volume = root_volume (guest->request);

  if (! guest->request->image.given)
    return;
  check_image (guest);
  if (volume)
    check_volume (guest, volume);
  else
    check_disk (guest);
}
