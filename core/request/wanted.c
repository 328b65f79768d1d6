/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Which disks a request asks for, in Nova's order: root, the flavor's ephemeral
 * disk or those of the block device mapping, swap, volumes, config drive. */

#include <config.h>

#include "request/disks.h"

void
vl_wanted_disks_free (struct vl_wanted_disks *wanted)
{
  vl_cleanup_free (&wanted->items);
}

int
vl_is_volume (const struct vl_block_device *bdm)
{
  return bdm->path || (bdm->destination_type && VL_STREQ (bdm->destination_type, "volume"));
}

int
vl_is_of_image (const struct vl_wanted_disk *want)
{
  const struct vl_block_device *bdm = want->bdm;

  return VL_STREQ (want->role, "root")
         && (bdm == NULL
             || (! vl_is_volume (bdm)
                 && (bdm->source_type == NULL || ! VL_STREQ (bdm->source_type, "blank"))));
}

static int
is_swap (const struct vl_block_device *bdm)
{
  return ! vl_is_volume (bdm) && bdm->source_type && VL_STREQ (bdm->source_type, "blank")
         && bdm->guest_format && VL_STREQ (bdm->guest_format, "swap");
}

static int
is_ephemeral (const struct vl_block_device *bdm)
{
  return ! vl_is_volume (bdm) && bdm->source_type && VL_STREQ (bdm->source_type, "blank")
         && ! is_swap (bdm);
}

static void
add (struct vl_wanted_disks *wanted, const char *role, const struct vl_block_device *bdm,
     int number)
{
  VL_GROW (wanted->items, wanted->n, wanted->size);
  wanted->items[wanted->n++] = (struct vl_wanted_disk) {
    .role = role,
    .bdm = bdm,
    .number = number,
    .boot_index = bdm ? bdm->boot_index : -1,
  };
}

/* Adds the block devices but ROOT that IS says yes to; answers how many there
 * were. */
static int
add_devices (struct vl_wanted_disks *wanted, const struct vl_request *request,
             const struct vl_block_device *root, const char *role,
             int (*is) (const struct vl_block_device *))
{
  int n = 0;

  for (size_t i = 0; i < request->n_devices; i++)
    if (is (&request->devices[i]) && &request->devices[i] != root)
      add (wanted, role, &request->devices[i], n++);
  return n;
}

void
vl_wanted_disks_list (const struct vl_request *request, struct vl_wanted_disks *wanted)
{
  const struct vl_block_device *root = NULL;

  for (size_t i = 0; i < request->n_devices && root == NULL; i++)
    if (request->devices[i].boot_index == 0)
      root = &request->devices[i];
  if (root || request->image.given) {
    add (wanted, "root", root, 0);
    wanted->items[0].boot_index = 0;
  }
  if (add_devices (wanted, request, root, "ephemeral", is_ephemeral) == 0
      && request->flavor.ephemeral > 0)
    add (wanted, "ephemeral", NULL, 0);
  if (add_devices (wanted, request, root, "swap", is_swap) == 0 && request->flavor.swap > 0)
    add (wanted, "swap", NULL, 0);
  add_devices (wanted, request, root, "volume", vl_is_volume);
  if (request->config_drive)
    add (wanted, "config", NULL, 0);
}

const char *
vl_bdm_path (struct vl_call *call, const struct vl_request *request,
             const struct vl_block_device *bdm)
{
  return vl_printf (call, "$.block_devices[%zu]", (size_t)(bdm - request->devices));
}

const char *
vl_above_run_dir (struct vl_call *call, int levels)
{
  char *folder = vl_arena_strdup (call->arena, vl_str (call, VL_GUEST_RUN_DIR));

  while (folder && levels-- > 0) {
    char *slash = strrchr (folder, '/');

    if (slash)
      *slash = '\0';
  }
  return folder;
}

const char *
vl_state_of (struct vl_call *call)
{
  return vl_above_run_dir (call, 3);
}

const char *
vl_volume_id (struct vl_call *call, const struct vl_guest *guest, const struct vl_block_device *bdm)
{
  char id[37];

  if (bdm->uuid)
    return bdm->uuid;
  vl_uuid_from_text (vl_printf (call, "%s volume %zu", vl_str (call, VL_GUEST_UUID),
                                (size_t)(bdm - guest->request->devices)),
                     id);
  return vl_arena_strdup (call->arena, id);
}
