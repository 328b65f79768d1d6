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
  int timed;                     /* each phase of each plugin is */
  size_t ready_first, ready_end; /* the findings of `ready`, which came before the build */
  struct vl_claim_info *claims;
  size_t n_claims, claims_size;
  struct vl_total {
    const char *resource, *plugin;
    int64_t total;
  } * totals; /* what each plugin says that the host has, not -1 */
  size_t n_totals, totals_size;
  struct {
    const char *phase, *plugin;
    int64_t ns;
  } * timings;
  size_t n_timings, timings_size;
};

struct vl_doc *vl_doc_new (struct vl_call *call);
void vl_doc_free (struct vl_doc *doc);
/* Steps of a build; what is wrong is a finding of its call.  At the end of contribute
 * weak and forbidden elements are settled, and what is made from then on is not seen
 * before the end of adjust, which judges again. */
void vl_doc_end_contribute (struct vl_build *build);
void vl_doc_end_adjust (struct vl_build *build);
/* Can the driver carry out the whole document, and does the host's libvirt know it? */
void vl_doc_check_able (struct vl_build *build);
/* The Relax-NG check, with the culprit named. */
void vl_doc_check_schema (struct vl_build *build);
/* Reads the schema that it takes, if it has not been: for call->spare. */
void vl_schema_prepare (void);
/* The text is made; after it nothing can be written. */
void vl_doc_seal (struct vl_build *build);
/* Provenance rows in document order; arena memory of CALL.  An element that has a
 * text is one row, the text's; with ALL it has one of its own before that.  GUEST is
 * NULL for a document that was loaded. */
struct vl_provenance *vl_doc_provenance (struct vl_call *call, const struct vl_doc *doc,
                                         const struct vl_registry *registry,
                                         const struct vl_guest *guest, int all, size_t *n);

/* The reason of an address that the hypervisor gave a device, and that it keeps. */
#define VL_WHY_ADDRESS "the hypervisor's choice"

/* The sealed document that is on record as XML and its N ROWS, as vl_doc_provenance
 * gave them with ALL: the same bytes, with the same owners, whether those are there
 * or not.  N is 0 where no rows are on record.  Vl_doc_free; NULL after a finding. */
struct vl_doc *vl_doc_load (struct vl_call *call, const struct vl_registry *registry,
                            const char *xml, const struct vl_provenance *rows, size_t n);
#define VL_HINT_DAMAGED                                                                            \
  "put a copy of STATE back, or give the server up: virtloom server delete --force"
/* What A must lose, get and change to become B: rows of A and B, which are those of
 * vl_doc_provenance with ALL.  Elements that stand for one device are one, whatever
 * their place.  Arena memory of CALL. */
void vl_doc_difference (struct vl_call *call, const struct vl_doc *a,
                        const struct vl_provenance *a_rows, const struct vl_doc *b,
                        const struct vl_provenance *b_rows, struct vl_change **changes, size_t *n);

/* visible.c: does the guest not see what is at PATH ("/domain/devices/disk[2]/source/@file"), so that it may
 * be other than it was on another host? */
int vl_path_is_unseen (const char *path);

/* The element of DOC, which is sealed, at PATH ("/domain/devices/disk[2]") as text of its own, in
 * arena memory of CALL; NULL where there is none. */
const char *vl_doc_part_xml (struct vl_call *call, const struct vl_doc *doc, const char *path);

/* For trials of drivers: makes DOC, which is sealed, one whose XML a hypervisor cannot carry out. */
enum vl_planted {
  VL_PLANT_LOSS = 1,    /* more VCPUs are wanted than its XML has */
  VL_PLANT_INVALID = 2, /* its XML has an element that no schema allows */
};
void vl_doc_plant (struct vl_doc *doc, enum vl_planted planted);

/* loader.c: under what device's name call->addresses has the loader, and what a record of one
 * begins with that shall be chosen anew. */
#define VL_LOADER_DEVICE " loader"
#define VL_LOADER_LEFT "left "
/* What LOADER, a record of one or NULL, says of NAME ("loader", "template"), or NULL. */
const char *vl_loader_value (struct vl_call *call, const char *loader, const char *name);
int vl_loader_is_left (const char *loader);
/* What the guest whose XML is DOMAIN got for DOC, which leaves it to the hypervisor, is noted as the
 * address of VL_LOADER_DEVICE. */
void vl_loader_note (struct vl_call *call, const struct vl_doc *doc, const struct vl_xml *domain);

/* The core's own contributions; CALL in phase begin, plugin NULL. */
void vl_begin_write (struct vl_call *call);
void vl_disks_write (struct vl_call *call, const struct vl_guest *guest);
void vl_nics_write (struct vl_call *call, const struct vl_guest *guest);

/* What is below a disk is held by the id of that with this behind it. */
#define VL_HOLDER_BELOW ".below"
/* The core's own claims: CPUs, memory, disk space, MAC addresses, volumes. */
void vl_core_claim (struct vl_build *build);
/* One member that the core must have.  SHARED: others may have it too that share it. */
struct vl_wanted_member {
  const char *pool, *holder, *member;
  int shared;
  int (*same) (const char *, const char *); /* do both name one thing?  NULL: by their text */
  const char *what, *hint;                  /* for the refusal where somebody has it */
  const char *own_hint;                     /* where that is this server; NULL: HINT */
};
int vl_claim_member (struct vl_call *call, const struct vl_wanted_member *want);
/* An AMOUNT of the core; a TOTAL of -1 is not known, and is not judged. */
int vl_claim_amount (struct vl_call *call, const char *resource, int64_t amount, int64_t total,
                     const char *why);
/* Holds what is claimed against what there is and what others hold.  A server that
 * exists keeps what it has even where that is too much. */
void vl_claims_judge (struct vl_build *build);

/* Runs every phase.  The document is in build->doc, sealed, where 0 comes
 * back; -1 with findings otherwise. */
int vl_build_run (struct vl_build *build);
/* Driver's and features' `ready` on this host. */
int vl_build_ready (struct vl_call *call, struct vl_registry *registry, struct vl_plugin *driver,
                    const struct vl_host *host);

#endif
