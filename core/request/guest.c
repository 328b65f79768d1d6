/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Making a guest: a copy of the registry's template with the request laid over
 * it, and the image judged against the flavor, as Nova's API does before anything is
 * built.  Everything is in the context's arena. */

#include <config.h>

#include "lib/file.h"
#include "request/disks.h"
#include "request/work.h"

#include <inttypes.h>

/* Refuses MEMBER of PART, which is VALUE. */
static void
refuse (struct vl_guest *guest, const char *code, const char *part, const char *member,
        const char *value, const char *hint, const char *message)
{
  const struct vl_report report = {
    .severity = VL_SEV_ERROR,
    .err = VL_ERR_REQUEST,
    .code = code,
    .origin = vl_printf (guest->call, "%s=%s, %s", member, value, part),
    .hint = hint,
  };

  vl_report (guest->call, &report, "%s", message);
}

static const char *
number (struct vl_guest *guest, int64_t n)
{
  return vl_printf (guest->call, "%" PRId64, n);
}

static void
check_image (struct vl_guest *guest)
{
  const struct vl_request *request = guest->request;
  struct vl_call *call = guest->call;
  const char *status = request->image.status;

  if (status && ! VL_STREQ (status, "active")) {
    status = vl_shown (call->arena, status);
    refuse (guest, "ImageNotActive", "image", "status", status,
            "wait until the image is active, or take another one",
            vl_printf (call, "the image is '%s'; accepted: active", status));
  }
  if (request->flavor.ram < request->image.min_ram)
    refuse (guest, "FlavorMemoryTooSmall", "image", "min_ram",
            number (guest, request->image.min_ram), "take a flavor with more memory",
            vl_printf (call, "the image needs %" PRId64 " MiB of memory, the flavor has %" PRId64,
                       request->image.min_ram, request->flavor.ram));
}

/* The image on a disk: a volume, or NULL for the flavor's disk, where 0 GiB means as large
 * as the image.  A volume has a size of its own; one that is yet to be made must not be
 * less than the image asks for. */
static void
check_disk (struct vl_guest *guest, const struct vl_block_device *volume)
{
  const struct vl_request *request = guest->request;
  int64_t disk = volume ? volume->volume_size : request->flavor.disk;
  int64_t size = request->image.size > request->image.virtual_size ? request->image.size
                                                                   : request->image.virtual_size;

  if (disk == 0)
    return;
  if (! volume && size > disk * VL_GIB)
    refuse (guest, "FlavorDiskSmallerThanImage", "flavor", "disk", number (guest, disk),
            "take a flavor with a larger disk",
            vl_printf (guest->call,
                       "the image has %" PRId64 " bytes, the flavor's disk has %" PRId64, size,
                       disk * VL_GIB));
  if (request->image.min_disk > disk)
    refuse (guest, volume ? "VolumeSmallerThanMinDisk" : "FlavorDiskSmallerThanMinDisk", "image",
            "min_disk", number (guest, request->image.min_disk),
            volume ? "ask for a larger volume" : "take a flavor with a larger disk",
            vl_printf (guest->call,
                       "the image needs a disk of %" PRId64 " GiB, the %s has %" PRId64,
                       request->image.min_disk, volume ? "volume" : "flavor", disk));
}

static void
check_request (struct vl_guest *guest)
{
  const struct vl_block_device *root = vl_root_device (guest->request);

  if (! guest->request->image.given)
    return;
  check_image (guest);
  check_disk (guest, root && vl_is_volume (root) ? root : NULL);
}

/* ---- the guest ---- */

static struct vl_guest_work *
new_work (struct vl_guest *guest)
{
  struct vl_arena *arena = guest->call->arena;
  struct vl_guest_work *work = vl_arena_alloc (arena, sizeof *work);
  size_t n = guest->registry->n;

  work->index = vl_index_get (guest->registry);
  work->words = n / 64 + 1;
  work->readers = vl_arena_alloc (arena, (n + 1) * work->words * sizeof *work->readers);
  work->tainted = vl_arena_alloc (arena, (n + 1) * sizeof *work->tainted);
  return work;
}

/* Does the image or the operator insist on a config drive? */
static int
wants_config_drive (const struct vl_guest *guest)
{
  const struct vl_guest_prop *prop = vl_guest_find (guest, "guest.config-drive");

  return (prop->value.set && VL_STREQ (prop->value.text, "mandatory"))
         || vl_config_bool (guest->config, "storage.force_config_drive");
}

struct vl_guest *
vl_guest_blank (struct vl_call *call, struct vl_registry *registry, const struct vl_config *config,
                struct vl_plugin *driver, const struct vl_host *host)
{
  struct vl_guest *guest = vl_arena_alloc (call->arena, sizeof *guest);
  const struct vl_prop_index *index;
  size_t n = registry->n;

  guest->call = call;
  guest->registry = registry;
  guest->host = host;
  guest->config = config;
  guest->driver = driver;
  guest->work = new_work (guest);
  index = guest->work->index;
  guest->n_props = index->n_props;
  guest->props = vl_arena_copy (call->arena, index->props, index->n_props * sizeof *guest->props);
  guest->resolution = vl_arena_alloc (call->arena, (n + 1) * sizeof *guest->resolution);
  guest->failed = vl_arena_alloc (call->arena, (n + 1) * sizeof *guest->failed);
  guest->active = vl_arena_alloc (call->arena, (n + 1) * sizeof *guest->active);
  guest->active_why = vl_arena_alloc (call->arena, (n + 1) * sizeof *guest->active_why);
  /* Each feature, slot and list is in it once at most. */
  guest->chain = vl_arena_alloc (call->arena, (n + index->n_props + 2) * sizeof *guest->chain);
  vl_call_about (call, guest);
  call->host = host;
  call->driver = driver;
  return guest;
}

struct vl_guest *
vl_guest_new (struct vl_call *call, struct vl_registry *registry, const struct vl_config *config,
              struct vl_plugin *driver, const struct vl_request *request,
              const struct vl_host *host)
{
  struct vl_guest *guest = vl_guest_blank (call, registry, config, driver, host);
  struct vl_plugin *caller = call->plugin;

  guest->request = request;
  vl_call_as (call, NULL);
  vl_guest_parse (guest);
  if (wants_config_drive (guest))
    ((struct vl_request *)request)->config_drive = 1;
  vl_core_set (guest);
  check_request (guest);
  vl_call_as (call, caller);
  return guest;
}
