/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The documents of a server, with what each was made of.  A server is started,
 * explained and asked about by what is stored of it alone.  Internal to
 * core/server. */

#ifndef VL_CORE_STORED_H
#define VL_CORE_STORED_H

#include "request/recorded.h"
#include "server/record.h"

/* The document that the server runs; the next one, while it is being put in place;
 * the one that it is rescued with. */
#define VL_ROLE_CURRENT "current"
#define VL_ROLE_PENDING "pending"
#define VL_ROLE_RESCUE "rescue"

/* In the arena of the application but for DOC. */
struct vl_stored {
  const char *role, *xml;
  struct vl_provenance *rows; /* one for each part, in its order */
  size_t n_rows;              /* 0: of a server of an earlier schema */
  struct vl_recorded was;
  struct vl_doc *doc; /* sealed */
};

/* Inside a transaction: PLAN, which is made, becomes the document ROLE of SERVER in
 * place of what that was.  Claims are not touched. */
int vl_stored_write (struct vl_store *store, const char *server, const char *role,
                     const struct vl_plan *plan);
/* The addresses that were seen when the guest of SERVER was read back are written down
 * with the devices of its current document. */
int vl_addresses_write (struct vl_store *store, const char *server);
/* For the end of what a killed command began: which loader the guest of RECORD, which has its document
 * ROLE, was started with is what vl_addresses_write will write.  0, or -1 after a finding. */
int vl_loader_look (struct vl_app *app, struct vl_plugin *driver, const struct vl_record *record,
                    const char *role);
/* The devices of document ROLE of SERVER, whatever became of the document: *N in
 * arena memory.  0, or -1 after a finding. */
int vl_stored_devices (struct vl_store *store, const char *server, const char *role,
                       struct vl_recorded_device **list, size_t *n);
/* The document ROLE of RECORD's server; a server of an earlier schema has a current
 * one of its XML alone.  vl_stored_free; NULL after a finding. */
struct vl_stored *vl_stored_load (struct vl_app *app, const struct vl_record *record,
                                  const char *role);
void vl_stored_free (struct vl_stored *stored);
/* The disk ID of STORED, or NULL. */
const struct vl_disk *vl_stored_disk (const struct vl_stored *stored, const char *id);
/* The path of the element of `devices` that is the device ID of STORED, or NULL. */
const char *vl_stored_path (const struct vl_stored *stored, const char *id);

#endif
