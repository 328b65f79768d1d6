/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a guest is told by its config drive. */

#ifndef VL_CORE_METADATA_H
#define VL_CORE_METADATA_H

#include "request/guest.h"
#include "storage/storage.h"

/* The *N files of the config drive of GUEST, which was asked for as REQUEST and whose disks and
 * NICs are laid out: Nova's, all versions, in the array *FILES that the caller frees; their texts
 * are in memory of CALL and REQUEST.  0, or -1 after InvalidConfiguration: the operator's vendor
 * data cannot be read. */
int vl_drive_files (struct vl_call *call, const struct vl_config *config,
                    const struct vl_request *request, const struct vl_guest *guest,
                    struct vl_drive_file **files, size_t *n);

#endif
