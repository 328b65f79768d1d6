/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Which disks a request asks for, of which kind, and where they are laid out:
 * all that is known of them before there is any XML. */

#ifndef VL_CORE_DISKS_H
#define VL_CORE_DISKS_H

#include "request/guest.h"

struct vl_wanted_disk {
  const char *role;                  /* as in struct vl_disk */
  const struct vl_block_device *bdm; /* or NULL: by flavor, image or request */
  int number;                        /* of its role, from 0 */
  int64_t boot_index;                /* -1: not booted from */
};

struct vl_wanted_disks {
  struct vl_wanted_disk *items; /* in the order in which names are given */
  size_t n, size;
};
#define VL_AUTOWANTED __attribute__ ((cleanup (vl_wanted_disks_free)))
void vl_wanted_disks_free (struct vl_wanted_disks *wanted);

/* The same list for the same request, every time. */
void vl_wanted_disks_list (const struct vl_request *request, struct vl_wanted_disks *wanted);
/* Is BDM a volume (or a local file given as one)? */
int vl_is_volume (const struct vl_block_device *bdm);
/* "$.block_devices[2]". */
const char *vl_bdm_path (struct vl_call *call, const struct vl_request *request,
                         const struct vl_block_device *bdm);
/* What kind of disks servers get by images_type and force_raw_images: "overlay",
 * "flat" (copies in the image's own format where QEMU can write that) or "raw".
 * It is kept with a server, whose disks do not change with the settings. */
const char *vl_disk_kind (const struct vl_config *config);
/* NULL if KIND is one, else what is wrong. */
const char *vl_disk_kind_problem (const char *kind);
/* "qcow2" or "raw": what a root disk of an image of IMAGE_FORMAT is; used by plan
 * and create alike. */
const char *vl_disk_format (const char *kind, const char *image_format);
/* 1 where a root disk is an overlay whose backing file is the image's copy. */
int vl_disk_is_overlay (const char *kind);
/* The kind of the guest's disks (vl_disk_kind): what it was made with, or by the
 * settings. */
const char *vl_guest_disk_kind (const struct vl_guest *guest);
/* The folder of all state, from the guest's run-dir (STATE/servers/UUID). */
const char *vl_state_of (struct vl_call *call, const struct vl_guest *guest);
/* The id that a volume has for the guest: its own, else one made of the
 * server's uuid and its place. */
const char *vl_volume_id (struct vl_call *call, const struct vl_guest *guest,
                          const struct vl_block_device *bdm);

/* Lay out guest->disks, guest->nics.  0 or -1. */
int vl_disks_lay_out (struct vl_call *call, struct vl_guest *guest);
int vl_nics_lay_out (struct vl_call *call, struct vl_guest *guest);

#endif
