/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a server's document may become, and putting another in its place.
 * Internal to core/server. */

#ifndef VL_CORE_REPLACE_H
#define VL_CORE_REPLACE_H

#include "server/stored.h"

/* The plan of RECORD's server as it would be made today, of what it is, STORED;
 * NULL after findings. */
struct vl_plan *vl_record_plan (struct vl_app *app, const struct vl_record *record,
                                const struct vl_stored *stored);
/* What the document of PLAN differs in from STORED, but for addresses that the
 * hypervisor gave: of both documents, for as long as both are there. */
void vl_stored_difference (struct vl_app *app, const struct vl_stored *stored,
                           const struct vl_plan *plan, struct vl_change **changes, size_t *n);
/* Does nothing that is guarded go with CHANGES but what is at or below one of the
 * paths ACCEPTED (NULL-terminated, or NULL)?  0, or -1 after a refusal for each. */
int vl_loss_check (struct vl_app *app, const struct vl_record *record,
                   const struct vl_change *changes, size_t n, const char *const *accepted);

/* The document of PLAN takes the place of STORED, the current one of RECORD's server,
 * whose lock is held: in one transaction it is built again, what it loses is judged by
 * ACCEPTED as above, it is written down as pending with its claims, and operation KIND
 * begins; ACT makes the guest one of it; it becomes the current one.  Where ACT fails
 * the current one stays.  0, or -1 after findings. */
int vl_document_replace (struct vl_app *app, const struct vl_record *record,
                         const struct vl_stored *stored, const char *const *accepted,
                         const char *kind, struct vl_plan *plan, int (*act) (void *opaque),
                         void *opaque);
/* Mends a VL_OP_SERVER_UPDATE whose command died: the guest, which was to be booted
 * anew, is booted from the current document. */
int vl_document_mend (struct vl_app *app, struct vl_store *store, const char *server);

#endif
