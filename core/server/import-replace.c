/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A server comes back to a host that still has its record of before.  The guest gets the newer
 * document beside the disks, the firmware's variables and whatever else it has here; the record is
 * replaced in the one transaction that ends it, so that a command that dies before has done nothing. */

#include <config.h>

#include "server/import.h"
#include "server/keep.h"
#include "server/method.h"
#include "server/records.h"
#include "server/undo.h"

#include "lib/text.h"

#include <virtloom/virtloom.h>

/* What is on record here says where the guest was, not what it is. */
int
vl_import_judge_local (struct vl_import *m)
{
  static const char accepted[] = "ACTIVE SHUTOFF PAUSED ERROR MIGRATING";
  struct vl_call *call = m->app->call;
  const struct vl_record *local = &m->local;
  const char *name = vl_name_word (call->arena, local->name);
  int on;

  if (vl_record_unlocked (call, local) < 0)
    return -1;
  if (! VL_STREQ (local->driver, m->exported.record.driver))
    return vl_refuse_as (call, VL_ERR_REQUEST, "InstanceInvalidState", NULL,
                         vl_printf (call, "virtloom server show %s", name),
                         "server \"%s\" has driver \"%s\" on this host, and \"%s\" by its record",
                         local->name, local->driver, m->exported.record.driver);
  if (! vl_glob_any (accepted, local->status))
    return vl_refuse_as (call, VL_ERR_REQUEST, "InstanceInvalidState", NULL,
                         vl_status_way_out (call, local->status, name),
                         "server \"%s\" is %s on this host; accepted: %s", local->name,
                         local->status, accepted);
  on = vl_guest_is_on (m->app, m->driver, local);
  return on <= 0 ? on
                 : vl_refuse_as (call, VL_ERR_REQUEST, "InstanceInvalidState", NULL,
                                 vl_printf (call, "virtloom server stop %s", name),
                                 "the guest of server \"%s\" is on, on this host", local->name);
}

/* Each difference from the record that comes has been judged; those from the older one are its changes. */
static int
accept_all (void *opaque, const struct vl_change *changes, size_t n)
{
  (void)opaque;
  (void)changes;
  (void)n;
  return 0;
}

/* The guest is what its current document says again. */
static int
put_back (struct vl_app *app, const struct vl_record *record)
{
  struct vl_hooks hooks;
  int result = vl_import_define (app, record, VL_ROLE_CURRENT, 1, &hooks);

  vl_hooks_free (&hooks);
  return result;
}

static int
act (void *opaque)
{
  struct vl_import *m = opaque;
  struct vl_hooks next;
  int result = vl_import_define (m->app, &m->record, VL_ROLE_PENDING, 0, &next);

  vl_hooks_free (&next);
  if (result < 0)
    return put_back (m->app, &m->local) < 0 ? VL_UNFINISHED : -1;
  return 0;
}

/* Inside a transaction. */
static int
take (void *opaque)
{
  const struct vl_import *m = opaque;
  struct vl_store *store = m->app->store;
  const struct vl_record *r = &m->record;

  return vl_db_run (
             store,
             "UPDATE server SET name = ?, flavor = ?, image = ?, image_uuid = ?, created = ?, "
             "request = ?, locked = ?, description = ?, loader = ?, given = ? WHERE uuid = ?",
             "sssssssssss", r->name, r->flavor, r->image, r->image_uuid, r->created, r->request,
             r->locked, r->description, r->loader, m->exported.given,
             r->uuid) < 0
                 || vl_record_set_status (store, r->uuid, "SHUTOFF", NULL) < 0
                 || vl_db_run (store, "DELETE FROM server_image WHERE server = ?", "s", r->uuid) < 0
                 || vl_import_images (m) < 0
                 || vl_event_add (store, r->uuid, VL_EVENT_MIGRATED, NULL) < 0
                 || vl_document_take (store, r->uuid, 0) < 0
                 || vl_db_run (
                        store,
                        "UPDATE server SET generation = max (generation, ?1) + 1, exported = "
                        "-?1 WHERE uuid = ?2",
                        "is", m->exported.generation, r->uuid)
                        < 0
             ? -1
             : 0;
}

int
vl_import_replace (struct vl_import *m)
{
  struct vl_app *app = m->app;
  const struct vl_replacement how = {
    .kind = VL_OP_SERVER_REPLACE, .judge = accept_all, .act = act, .opaque = m, .take = take
  };
  struct vl_stored *stored = vl_stored_load (app, &m->local, VL_ROLE_CURRENT);
  int result = stored ? vl_document_replace (app, &m->local, stored, m->plan, &how) : -1;

  vl_stored_free (stored);
  return result;
}

int
vl_import_replace_mend (struct vl_app *app, const char *uuid)
{
  struct vl_record record;
  struct vl_plugin *driver;

  if (vl_turn_left (app, uuid, &record, &driver) < 0 || put_back (app, &record) < 0
      || vl_db_begin (app->store) < 0)
    return -1;
  return vl_db_finish (app->store, vl_document_drop (app->store, uuid, VL_ROLE_PENDING,
                                                     "interrupted", VL_WAS_KILLED));
}
