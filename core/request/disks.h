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

/* The disks of REQUEST, *N, in the order in which names are given, in its memory; the
 * same list for the same request, every time. */
const struct vl_wanted_disk *vl_wanted_disks (const struct vl_request *request, size_t *n);
/* The block device that is booted from first, or NULL. */
const struct vl_block_device *vl_root_device (const struct vl_request *request);
/* Is BDM a volume (or a local file given as one)? */
int vl_is_volume (const struct vl_block_device *bdm);
/* Is it a disk that is made of an image: a root disk, or the one of a rescue? */
int vl_is_of_image (const struct vl_wanted_disk *want);
/* Which image a disk of ROLE is made of. */
const struct vl_request_image *vl_image_of (const struct vl_request *request, const char *role);
/* "$.block_devices[2]". */
const char *vl_bdm_path (struct vl_call *call, const struct vl_request *request,
                         const struct vl_block_device *bdm);
/* Is the connection_info of VOLUME an object with a driver_volume_type and data?  0, or
 * -1 after a finding. */
int vl_connection_check (struct vl_call *call, const struct vl_volume *volume);
/* The id that a volume has for the guest: its own, else one made of the
 * server's uuid and its place. */
const char *vl_volume_id (struct vl_call *call, const struct vl_guest *guest,
                          const struct vl_block_device *bdm);

/* Has DISK, the N-th of the guest of CALL, located: fills its type, source and format, and
 * the guest's volumes and sources.  NAME is that of a file in the server's folder.  0, or
 * -1 after a finding. */
int vl_disk_locate (struct vl_call *call, size_t n, const struct vl_wanted_disk *want,
                    const char *name, struct vl_disk *disk);
/* May a guest be given WHAT, a volume of TYPE (file, block, network) and FORMAT?  One that
 * cannot be inspected here is raw, whose bytes nobody interprets.  0, or -1 after
 * InvalidBDM. */
int vl_volume_check (struct vl_call *call, const char *type, const char *format, const char *what);
/* The core property that says on which bus a DEVICE (disk, cdrom ...) of ROLE is. */
const char *vl_bus_slot (struct vl_call *call, const char *device, const char *role);
/* Lay out guest->disks, guest->nics.  0 or -1. */
int vl_disks_lay_out (struct vl_call *call, struct vl_guest *guest);
int vl_nics_lay_out (struct vl_call *call, struct vl_guest *guest);

#endif
