/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The document: elements made by the core and by features, each element,
 * attribute and text with its owners and causes. */

#ifndef VL_CORE_DOC_H
#define VL_CORE_DOC_H

#include "context/call.h"
#include "request/guest.h"

struct vl_doc;

/* A build: the guest, the document, the phase.  call->build points to it. */
struct vl_build {
  struct vl_call *call;
  struct vl_guest *guest;
  const struct vl_host *host;
  struct vl_doc *doc;
  int check_schema;
  struct vl_claim_info *claims;
  size_t n_claims, claims_size;
  struct {
    const char *phase, *plugin;
    int64_t ns;
  } * timings;
  size_t n_timings, timings_size;
};

struct vl_doc *vl_doc_new (struct vl_call *call);
void vl_doc_free (struct vl_doc *doc);
/* End of contribute: weak and forbidden elements are settled.  0 or -1. */
int vl_doc_end_contribute (struct vl_call *call, struct vl_doc *doc);
/* Adjust writes are collected; this judges them, once per attribute. */
void vl_doc_begin_adjust (struct vl_call *call, struct vl_doc *doc);
int vl_doc_end_adjust (struct vl_call *call, struct vl_doc *doc);
/* Canonical order, serialised; after it nothing can be written. */
int vl_doc_seal (struct vl_call *call, struct vl_doc *doc);
/* The Relax-NG check, with the culprit named.  0 or -1. */
int vl_doc_check_schema (struct vl_call *call, struct vl_doc *doc, const struct vl_host *host);
/* Provenance rows in document order; arena memory of CALL. */
struct vl_provenance *vl_doc_provenance (struct vl_call *call, const struct vl_doc *doc,
                                         const struct vl_guest *guest, size_t *n);

/* The core's own contributions; CALL in phase begin, plugin NULL. */
int vl_begin_write (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host);
int vl_disks_write (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host);
int vl_nics_write (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host);

/* Runs every phase.  The document is in build->doc, sealed, where 0 comes
 * back; -1 with findings otherwise. */
int vl_build_run (struct vl_build *build);
/* Driver's and features' `ready` on this host. */
int vl_build_ready (struct vl_call *call, struct vl_registry *registry, struct vl_plugin *driver,
                    const struct vl_host *host);

#endif
