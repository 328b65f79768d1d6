/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A server of another host's record: planned anew of it and of what this host is, so that the guest
 * sees what it saw.  Its disks are there already: none is made, and none is removed where this fails. */

#include <config.h>

#include "server/import.h"
#include "server/method.h"
#include "server/records.h"
#include "server/undo.h"

#include "domain/doc.h"
#include "lib/text.h"

#include <virtloom/virtloom.h>

#include <errno.h>
#include <unistd.h>

/* ---- may it be? ---- */

static int
judge_status (const struct vl_import *m)
{
  static const char accepted[] = "ACTIVE SHUTOFF PAUSED ERROR";
  const struct vl_exported *e = &m->exported;

  return vl_glob_any (accepted, e->record.status)
             ? 0
             : vl_refuse_as (
                 m->app->call, VL_ERR_REQUEST, "InstanceInvalidState", NULL,
                 vl_printf (m->app->call, "end that on host %s, and export it again", e->host),
                 "server \"%s\" is %s by its record; accepted: %s", e->record.name,
                 e->record.status, accepted);
}

/* A guest that was not off when the record was written may run there still, and two would write to its disks.
 * Of a host of that name nobody has to say so: the hypervisor is asked. */
static int
judge_fenced (const struct vl_import *m)
{
  const struct vl_exported *e = &m->exported;
  const char *host = vl_app_host_name (m->app);

  if (host == NULL)
    return -1;
  return VL_STREQ (e->record.status, "SHUTOFF") || VL_STREQ (e->host, host)
             ? 0
             : vl_refuse_as (m->app->call, VL_ERR_REQUEST, "ComputeServiceInUse", NULL,
                             vl_printf (m->app->call,
                                        "stop it there and import what is exported then; or, where "
                                        "host %s is off for certain, say so: --fenced",
                                        e->host),
                             "server \"%s\" is %s on host \"%s\" by its record, and may run there",
                             e->record.name, e->record.status, e->host);
}

/* Neither uuid nor name, nor what the guest is called by, may be another server's; of the one that is
 * replaced they are. */
static int
judge_free (const struct vl_import *m)
{
  struct vl_app *app = m->app;
  const char *uuid = m->exported.record.uuid, *name = m->exported.record.name, *other = NULL;
  struct vl_store *store = app->store;
  int there;

  if (m->local.uuid) {
    there =
        vl_db_any (store, "SELECT 1 FROM server WHERE name = ? AND uuid <> ?", "ss", name, uuid);
    return there > 0 ? vl_exists (app->call, &vl_noun_server, name) : there;
  }
  there = vl_db_row (store, &other, "SELECT name FROM server WHERE uuid = ?", "s", uuid);
  if (there == 1)
    return vl_refuse_as (
        app->call, VL_ERR_REQUEST, "InstanceExists", NULL,
        vl_printf (app->call,
                   "virtloom server show %s; if it was on another host meanwhile, and is off "
                   "there: virtloom server import --replace %s",
                   vl_name_word (app->call->arena, other),
                   vl_shell_word (app->call->arena, m->origin)),
        "server %s is on record here, as \"%s\"; a record is imported where its server "
        "is not",
        uuid, other);
  if (there == 0)
    there = vl_server_judge_free (app, uuid, name);
  return there;
}

/* What a plugin keeps on the host of before, like the state of a TPM, is in no record. */
static int
judge_kept (const struct vl_import *m)
{
  const struct vl_exported *e = &m->exported;
  int result = 0;

  for (size_t i = 0; i < e->n_kept; i++)
    result = vl_refuse_as (m->app->call, VL_ERR_UNSUPPORTED, "HeldByHost", NULL,
                           vl_printf (m->app->call, "start it on host %s", e->host),
                           "plugin \"%s\" keeps \"%s\" for server \"%s\" on host \"%s\", which a "
                           "record does not have",
                           e->kept[i].plugin, e->kept[i].key, e->record.name, e->host);
  return result;
}

/* An overlay over other bytes than those that it was made over is damaged beyond repair. */
static int
judge_images (const struct vl_import *m)
{
  struct vl_call *call = m->app->call;
  const struct vl_exported *e = &m->exported;
  int result = 0;

  for (size_t i = 0; i < e->n_images; i++) {
    const struct vl_exported_image *image = &e->images[i];
    const char *name = image->name ? image->name : image->uuid, *is = NULL;
    int got = vl_db_row (m->app->store, &is, "SELECT checksum FROM image WHERE uuid = ?", "s",
                         image->uuid);

    if (got < 0)
      return -1;
    if (got == 0)
      result = vl_refuse_as (
          call, VL_ERR_NOT_FOUND, "ImageNotFound", NULL,
          vl_printf (call, "virtloom image save on host %s, virtloom image create here", e->host),
          "image \"%s\" (%s), on which disks of server \"%s\" lie, is not in STATE", name,
          image->uuid, e->record.name);
    else if (! VL_STREQ (is, image->checksum ? image->checksum : ""))
      result = vl_refuse_as (
          call, VL_ERR_REQUEST, "ImageDiffers", NULL,
          vl_printf (call, "only the image of host %s is what the disks were made over", e->host),
          "image \"%s\", on which disks of server \"%s\" lie, is another one here: its checksum is "
          "%s instead of %s",
          name, e->record.name, is, image->checksum ? image->checksum : "not known");
  }
  return result;
}

/* ---- the plan, and what the guest would see of it ---- */

static void
refuse_change (const struct vl_import *m, const struct vl_change *change)
{
  const struct vl_provenance *row = change->is ? change->is : change->was;
  struct vl_report report = { .severity = VL_SEV_ERROR,
                              .err = VL_ERR_UNSUPPORTED,
                              .code = "GuestWouldChange",
                              .plugin = row->owners,
                              .path = row->path,
                              .hint = vl_printf (
                                  m->app->call,
                                  "configure this host as host %s is; or let the "
                                  "guest change there first: virtloom server reboot "
                                  "--hard --update %s",
                                  m->exported.host,
                                  vl_name_word (m->app->call->arena, m->exported.record.name)) };

  vl_report (m->app->call, &report,
             "on this host server \"%s\" would change in what its guest sees: %s",
             m->exported.record.name, vl_change_text (m->app->call, change));
}

static int
judge_changes (struct vl_import *m)
{
  struct vl_app *app = m->app;
  struct vl_stored *stored = &m->exported.stored;
  size_t first = app->call->findings.n;
  int result = 0;

  stored->doc = vl_doc_load (app->call, app->registry, stored->xml, stored->rows, stored->n_rows);
  if (stored->doc == NULL) {
    vl_findings_drop (app->call, first, app->call->findings.n);
    return vl_refuse_as (app->call, VL_ERR_REQUEST, "RecordDamaged", NULL,
                         vl_printf (app->call, "export it again on host %s", m->exported.host),
                         "the document in \"%s\" is damaged: its parts do not make up its XML",
                         m->origin);
  }
  vl_stored_difference (app, stored, m->plan, &m->changes, &m->n);
  for (size_t i = 0; i < m->n; i++)
    if (! vl_path_is_unseen ((m->changes[i].is ? m->changes[i].is : m->changes[i].was)->path)) {
      refuse_change (m, &m->changes[i]);
      result = -1;
    }
  return result;
}

/* Each disk that is a file must be there and be what it is said to be; where a volume has to be
 * connected first that is judged when the guest starts. */
static int
judge_disks (const struct vl_import *m)
{
  const struct vl_guest *guest = m->plan->build.guest;
  int files = 1, result = 0;

  for (size_t i = 0; i < guest->n_disks; i++)
    if (! VL_STREQ (guest->disks[i].type, "file"))
      files = 0;
    else if (guest->disks[i].source && vl_server_disk_there (m->app, guest->disks[i].source) < 0)
      result = -1;
  return result == 0 && files
             ? vl_server_files_judge (m->app, &m->record, vl_doc_xml (m->plan->build.doc), NULL)
             : result;
}

static int
make_plan (struct vl_import *m)
{
  struct vl_app *app = m->app;
  struct vl_request *request = vl_stored_request (app, m->record.request, m->origin);

  if (request
      && (! VL_STREQ (request->uuid, m->record.uuid)
          || ! VL_STREQ (request->name, m->record.name))) {
    vl_refuse_as (app->call, VL_ERR_REQUEST, "InvalidRequest", NULL,
                  vl_printf (app->call, "export it again on host %s", m->exported.host),
                  "$.request: is that of server \"%s\" (%s), not of the record's",
                  request->name ? request->name : "", request->uuid);
    vl_request_free (request);
    return -1;
  }
  m->plan = request ? vl_record_plan_of (app, &m->record, &m->exported.stored.was, request) : NULL;
  if (m->plan == NULL || ! m->plan->ok || vl_plan_check_critical (app, m->plan) < 0)
    return -1;
  return judge_changes (m) < 0 || judge_disks (m) < 0 ? -1 : vl_plan_volumes_judge (app, m->plan);
}

/* All that can be said before anything is written down. */
static int
judge (struct vl_import *m)
{
  struct vl_app *app = m->app;

  if (judge_status (m) < 0 || judge_free (m) < 0 || judge_kept (m) < 0
      || vl_records_judge_newest (app, &m->exported) < 0 || judge_images (m) < 0)
    return -1;
  if (m->local.uuid && vl_import_judge_local (m) < 0)
    return -1;
  m->driver = vl_app_driver_named (app, m->record.driver);
  if (m->driver == NULL || vl_app_conn (app, m->driver) == NULL
      || VL_HAS_CALL (app->call, m->driver, migration, finish_migration) < 0)
    return -1;
  m->dir = vl_server_dir (app, m->record.uuid);
  m->makes_dir = m->dir && access (m->dir, F_OK) < 0 && errno == ENOENT;
  return m->dir ? make_plan (m) : -1;
}

/* ---- the record ---- */

/* Below 0: the server is not this host's before all is done, and leaves nothing behind where it is not. */
#define NOT_YET INT64_C (-1000000)

int
vl_import_images (const struct vl_import *m)
{
  for (size_t i = 0; i < m->exported.n_images; i++)
    if (vl_db_run (m->app->store, "INSERT INTO server_image VALUES (?, ?)", "ss", m->record.uuid,
                   m->exported.images[i].uuid)
        < 0)
      return -1;
  return 0;
}

static int
insert (struct vl_import *m)
{
  struct vl_store *store = m->app->store;
  const struct vl_record *r = &m->record;
  const char *uuid = r->uuid;

  if (judge_free (m) < 0 || vl_records_judge_newest (m->app, &m->exported) < 0
      || vl_plan_again (m->app, m->plan) < 0
      || vl_db_run (
             store,
             "INSERT INTO server (uuid, name, domain, status, flavor, image, image_uuid, "
             "driver, created, request, xml, properties, facts, locked, description, loader, "
             "given, generation) VALUES (?, ?, ?, 'BUILD', ?, ?, ?, ?, ?, ?, '', '', '', ?, ?, ?, "
             "?, "
             "?)",
             "sssssssssssssi", uuid, r->name, r->domain, r->flavor, r->image, r->image_uuid,
             r->driver, r->created, r->request, r->locked, r->description, r->loader,
             m->exported.given, NOT_YET)
             < 0
      || vl_stored_write (store, uuid, VL_ROLE_CURRENT, m->plan) < 0
      || vl_claims_write (m->app, uuid, VL_ROLE_CURRENT, m->plan) < 0)
    return -1;
  if (vl_import_images (m) < 0 || vl_undo_begin (store, uuid, VL_OP_SERVER_IMPORT, r->driver) < 0
      || (m->makes_dir && vl_undo_plan (store, uuid, VL_MADE_FOLDER, m->dir) < 0))
    return -1;
  return vl_undo_plan (store, uuid, VL_MADE_DOMAIN, uuid);
}

/* ---- the acts ---- */

int
vl_import_define (struct vl_app *app, const struct vl_record *record, const char *role, int back,
                  struct vl_hooks *hooks)
{
  struct vl_spawn spawn;

  if (vl_hooks_load (hooks, app, record, role) < 0
      || (! back && vl_hooks_permit (hooks, VL_OP_MIGRATE, 0) < 0)
      || vl_record_spawn_off (app, record, hooks->stored->doc, &spawn) < 0)
    return -1;
  app->call->host = hooks->host;
  app->call->addresses = NULL;
  return back ? VL_CALL (app, hooks->driver, migration, finish_revert_migration, &spawn)
              : VL_CALL (app, hooks->driver, migration, finish_migration, &spawn);
}

static int
define (struct vl_import *m)
{
  if (m->makes_dir && vl_undo_mkdir (m->app->store, m->record.uuid, m->dir) < 0)
    return -1;
  return vl_import_define (m->app, &m->record, VL_ROLE_CURRENT, 0, &m->hooks);
}

/* Inside a transaction: from now on the server is this host's. */
static int
take (const struct vl_import *m)
{
  struct vl_store *store = m->app->store;
  const char *uuid = m->record.uuid;

  return vl_record_set_status (store, uuid, "SHUTOFF", NULL) < 0
                 || vl_event_add (store, uuid, VL_EVENT_MIGRATED, NULL) < 0
                 || vl_db_run (store,
                               "UPDATE server SET generation = ?1 + 1, exported = -?1 WHERE uuid = "
                               "?2",
                               "is", m->exported.generation, uuid)
                        < 0
             ? -1
             : vl_undo_end (store, uuid);
}

void
vl_import_undo (struct vl_import *m, size_t first)
{
  struct vl_app *app = m->app;
  const char *fault = vl_fault_text (app->call, first);

  vl_history_end (app->store, m->record.uuid, "failed", fault);
  if (vl_undo_roll_back (app, app->store, m->record.uuid) < 0)
    vl_record_set_status (app->store, m->record.uuid, "ERROR", fault);
  else
    vl_server_forget (app, m->record.uuid, NULL);
}

int
vl_import_begin (struct vl_import *m)
{
  struct vl_app *app = m->app;
  int there;

  if (vl_lock_take (app, "servers", m->record.uuid, VL_LOCK_OTHER, &m->lock) < 0)
    return -1;
  there = VL_CALL (app, m->driver, inventory, instance_exists, m->record.uuid);
  if (there > 0)
    return vl_refuse_as (
        app->call, VL_ERR_REQUEST, "InstanceExists", NULL,
        "remove the guest with the hypervisor's own tools, if it is none that runs",
        "the hypervisor has a guest %s that is no server of this STATE", m->record.uuid);
  return there < 0 || vl_db_begin (app->store) < 0 ? -1 : vl_db_finish (app->store, insert (m));
}

int
vl_import_end (struct vl_import *m)
{
  struct vl_app *app = m->app;

  if (define (m) < 0 || vl_db_begin (app->store) < 0 || vl_db_finish (app->store, take (m)) < 0)
    return -1;
  if (m->makes_dir)
    vl_undo_unmark (app->call, m->dir);
  return 0;
}

static int
import (struct vl_import *m)
{
  size_t first = m->app->call->findings.n;

  if (vl_import_begin (m) < 0)
    return -1;
  if (vl_import_end (m) == 0)
    return 0;
  vl_import_undo (m, first);
  return -1;
}

/* The variables of UEFI lie with the hypervisor of the host of before. */
static void
tell_firmware (const struct vl_import *m)
{
  if (m->record.loader)
    vl_warn_as (m->app->call, "FirmwareVariables", NULL,
                "where the guest needs them, copy them before it starts",
                "the firmware's variables of server \"%s\", like its boot entries, are not in its "
                "record: it "
                "starts with new ones",
                m->record.name);
}

/* With VL_IMPORT_REPLACE: the server on record here, if there is one, with its lock. */
static int
find_local (struct vl_import *m)
{
  struct vl_app *app = m->app;
  const char *uuid = m->exported.record.uuid;
  int there =
      m->replaces ? vl_db_any (app->store, "SELECT 1 FROM server WHERE uuid = ?", "s", uuid) : 0;

  return there <= 0
             ? there
             : vl_server_take (app, uuid, vl_lock_seconds (app), &m->local, &m->driver, &m->lock);
}

/* What is to be known of it, of M's `exported`. */
static int
look (struct vl_import *m)
{
  char *domain = vl_arena_alloc (m->app->call->arena, 16);

  m->record = m->exported.record;
  vl_domain_name (m->record.uuid, domain);
  m->record.domain = domain;
  m->record.status = "SHUTOFF";
  if (find_local (m) < 0 || judge (m) < 0)
    return -1;
  tell_firmware (m);
  return 0;
}

int
vl_import_judge (struct vl_import *m, const char *text, size_t length)
{
  struct vl_app *app = m->app;
  struct vl_store *store = vl_app_store (app);

  if (store == NULL)
    return -1;
  vl_recover (app, store);
  return vl_exported_read (app->call, text, length, m->origin, &m->exported) < 0
                 || vl_exported_prove (app->call, text, length, m->origin, &m->exported) < 0
             ? -1
             : look (m);
}

void
vl_import_free (struct vl_import *m)
{
  vl_doc_free (m->exported.stored.doc);
  vl_hooks_free (&m->hooks);
  vl_plan_free (m->plan);
  vl_lock_drop (&m->lock);
}

int
vl_server_import (struct vl_app *app, const char *text, size_t length, const char *origin,
                  unsigned flags, const struct vl_change **changes, size_t *n)
{
  struct vl_import m = {
    .app = app, .origin = origin, .replaces = ! ! (flags & VL_IMPORT_REPLACE), .lock = VL_LOCK_NONE
  };
  int result = vl_import_judge (&m, text, length);

  if (result == 0 && ! (flags & VL_IMPORT_FENCED))
    result = judge_fenced (&m);
  /* The plan is built again. */
  vl_changes_keep (app, m.changes, m.n, changes, n);
  if (result == 0 && ! (flags & VL_IMPORT_DRY_RUN))
    result = m.local.uuid ? vl_import_replace (&m) : import (&m);
  vl_import_free (&m);
  if (app->store)
    vl_events_tell (app);
  return result;
}
