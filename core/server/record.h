/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A server's record.  Internal to core/server. */

#ifndef VL_CORE_RECORD_H
#define VL_CORE_RECORD_H

#include "server/db.h"
#include "server/plan.h"
#include "server/session.h"

struct vl_record {
  const char *uuid, *name, *domain, *status, *flavor, *image, *image_uuid, *driver, *created;
  const char *fault;
  const char *request, *xml; /* JSON, XML */
};

/* STATE/images/UUID and STATE/servers/UUID. */
const char *vl_image_path (struct vl_app *app, const char *uuid);
const char *vl_server_dir (struct vl_app *app, const char *uuid);

/* The record of SERVER, a name or uuid: 1, 0 where there is none, -1 after a
 * finding.  Arena memory. */
int vl_record_load (struct vl_store *store, const char *server, struct vl_record *record);
/* The same, with the store: NULL after InstanceNotFound. */
const struct vl_record *vl_record_find (struct vl_app *app, const char *server);
/* How much of RESOURCE live servers (records, not a counter) have claimed; -1
 * where there is no STATE yet. */
int64_t vl_store_claimed (struct vl_app *app, const char *resource);
int vl_record_set_status (struct vl_store *store, const char *uuid, const char *status,
                          const char *fault);
/* The text of the findings from number FIRST on, for the record's fault. */
const char *vl_fault_text (struct vl_call *call, size_t first);

/* What the user is shown, from what is on record and what the driver says. */
const char *vl_status_of (const char *recorded, enum vl_state state, int known);
const char *vl_power_state_name (enum vl_state state);

/* server-request.c: the request JSON of a server that is to be made, its uuid
 * UUID or NULL (derived).  malloc; NULL after a finding. */
char *vl_create_request (struct vl_app *app, const struct vl_create_options *options,
                         const char *uuid);
/* Reads request JSON and adds where its image is in STATE. */
struct vl_request *vl_stored_request (struct vl_app *app, const char *json, const char *origin);
/* The plan of a record as it would be made now; NULL after findings. */
struct vl_plan *vl_record_plan (struct vl_app *app, const struct vl_record *record);

#endif
