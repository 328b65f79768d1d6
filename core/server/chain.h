/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The files of a volume that has snapshots, by the request of its server.  Internal to core/server. */

#ifndef VL_CORE_CHAIN_H
#define VL_CORE_CHAIN_H

#include "request/request.h"
#include "server/hooks.h"

/* That which the guest writes to comes first; each lies over the next one. */
struct vl_chain {
  struct vl_link of[VL_CHAIN_MOST];
  size_t n; /* 0: no such volume was given as a file */
};

/* The files of the volume whose first is PATH, by REQUEST; in the memory of CALL. */
struct vl_chain vl_chain_read (struct vl_call *call, const char *request, const char *path);
/* The number of PATH in CHAIN, or its length. */
size_t vl_chain_find (const struct vl_chain *chain, const char *path);
/* CHAIN with one file more, or without the N from number AT on. */
struct vl_chain vl_chain_over (const struct vl_chain *chain, const char *path);
struct vl_chain vl_chain_without (const struct vl_chain *chain, size_t at, size_t n);
/* REQUEST with the files of CHAIN in place of those of DISK, whose name stays; in the memory of CALL.  NULL
 * where DISK is none that was given as a file. */
const char *vl_chain_write (struct vl_call *call, const char *request, const struct vl_disk *disk,
                            const struct vl_chain *chain);
/* Is PATH any file of a volume of REQUEST? */
int vl_chain_has (const char *request, const char *path);
/* All but the last, "a", "b", for findings. */
const char *vl_chain_overlays (struct vl_call *call, const struct vl_chain *chain);

/* ---- volume-mend.c ---- */
struct vl_trust_guests;
/* The name of an overlay in the FOLDER where it is made. */
const char *vl_overlay_inside (struct vl_call *call, const char *folder);
/* No guest has the overlay that the operation on UUID was to put over a volume: what was made of it
 * goes. */
int vl_overlay_undo (struct vl_app *app, const char *uuid);
/* After RESULT, as vl_replacement's act answers. */
int vl_overlay_settle (struct vl_app *app, const char *uuid, int result);
/* The overlay that was merged goes, once neither guest nor record has it: then the operation is
 * over. */
int vl_overlay_end (struct vl_app *app, const char *uuid, const char *result);
/* The files of CHAIN, which have what was merged or copied, are on their disk, whatever becomes of this host.
 * 0, or -1 after a finding: then the overlay that was merged by the operation on UUID will not be
 * removed. */
int vl_overlay_sync (struct vl_app *app, const char *uuid, const struct vl_chain *chain);
/* Has the operation on UUID all but its end, since there is no next document any more? */
int vl_overlay_is_open (struct vl_app *app, const char *uuid);
/* To whom the files of DRIVER's guests belong; -1 each where that is who asks. */
int vl_overlay_owner (struct vl_app *app, struct vl_plugin *driver, struct vl_trust_guests *guests);

#endif
