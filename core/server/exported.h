/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A server's record as one JSON document, which goes from host to host: what it is, what it was asked
 * for, the document that it runs with the reasons of that, its disks by reference, and which of its secrets
 * there are, never what they are.  Internal to core/server. */

#ifndef VL_SERVER_EXPORTED_H
#define VL_SERVER_EXPORTED_H

#include "server/record.h"
#include "server/stored.h"

/* The version of the form: one that is read by other versions grows by members that they may pass over,
 * whose names begin with x-; whatever else changes is another version. */
#define VL_EXPORTED_VERSION 1
/* A record of a guest with a hundred disks has 300 KiB. */
#define VL_EXPORTED_BYTES ((size_t)4 << 20)

/* An image that the server's disks lie on. */
struct vl_exported_image {
  const char *uuid, *name, *checksum;
};
/* Under KEY its PLUGIN keeps something for the server on the host that it is of. */
struct vl_exported_kept {
  const char *plugin, *key;
};

/* In memory of the call. */
struct vl_exported {
  int64_t version, generation;
  const char *checksum, *host, *given, *made;
  struct vl_record record; /* but for `domain`, `fault`, `xml` and `properties` */
  struct vl_stored stored; /* of the current document; its DOC is not there until it is loaded */
  struct vl_recorded_device *disks, *nics; /* those of stored.was, apart */
  size_t n_disks, n_nics;
  struct vl_exported_image *images;
  size_t n_images;
  struct vl_exported_kept *kept;
  size_t n_kept;
};

/* TEXT of LENGTH bytes, which ORIGIN ("web.json") is for the findings.  Whatever is not as this version writes
 * it is refused, but for its checksum.  0, or -1 after findings. */
int vl_exported_read (struct vl_call *call, const char *text, size_t length, const char *origin,
                      struct vl_exported *exported);
/* Is the checksum of TEXT, which EXPORTED was read from, right?  0, or -1 after RecordDamaged. */
int vl_exported_prove (struct vl_call *call, const char *text, size_t length, const char *origin,
                       const struct vl_exported *exported);
/* EXPORTED as text with a checksum, which becomes its own; malloc, NULL after a finding. */
char *vl_exported_write (struct vl_call *call, struct vl_exported *exported);
/* server-export.c: what is on record of RECORD's server.  0; -1 after findings, GuestWouldChange where it was
 * made before devices were on record. */
int vl_exported_load (struct vl_app *app, const struct vl_record *record,
                      struct vl_exported *exported);

#endif
