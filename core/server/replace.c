/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Replacing a server's document.  Until the new one is the current one, its server
 * holds the larger of both claims. */

#include <config.h>

#include "server/hooks.h"

#include "lib/text.h"
#include "server/method.h"
#include "server/undo.h"

/* ---- what changes ---- */

/* An address that the hypervisor gave is written down for it to keep: that is no
 * change. */
static int
is_kept_address (const struct vl_change *change)
{
  return change->was == NULL && change->is->cause && VL_STREQ (change->is->cause, VL_WHY_ADDRESS);
}

/* The parts of STORED, *N of them. */
static const struct vl_provenance *
rows_of (struct vl_app *app, const struct vl_stored *stored, size_t *n)
{
  *n = stored->n_rows;
  return stored->rows ? stored->rows
                      : vl_doc_provenance (app->call, stored->doc, app->registry, NULL, 1, n);
}

void
vl_stored_difference (struct vl_app *app, const struct vl_stored *stored,
                      const struct vl_plan *plan, struct vl_change **changes, size_t *n)
{
  const struct vl_provenance *old, *now;
  size_t rows, kept = 0;

  old = rows_of (app, stored, &rows);
  now = vl_doc_provenance (plan->call, plan->build.doc, app->registry, plan->build.guest, 1, &rows);
  vl_doc_difference (app->call, stored->doc, old, plan->build.doc, now, changes, n);
  for (size_t i = 0; i < *n; i++)
    if (! is_kept_address (&(*changes)[i]))
      (*changes)[kept++] = (*changes)[i];
  *n = kept;
}

const char *
vl_change_text (struct vl_call *call, const struct vl_change *change)
{
  const struct vl_provenance *row = change->is ? change->is : change->was;

  if (change->was && change->is)
    return vl_printf (call, "'%s' from '%s' to '%s'", row->path,
                      change->was->value ? change->was->value : "", row->value ? row->value : "");
  return vl_printf (call, "'%s'%s%s%s, which is %s", row->path, row->value ? " '" : "",
                    row->value ? row->value : "", row->value ? "'" : "",
                    change->is ? "new" : "gone");
}

int
vl_record_drifts (struct vl_app *app, const struct vl_record *record,
                  const struct vl_stored *stored)
{
  struct vl_plan *plan = vl_record_plan (app, record, stored);
  struct vl_change *changes;
  size_t n = 1;

  if (plan && plan->ok)
    vl_stored_difference (app, stored, plan, &changes, &n);
  vl_plan_free (plan);
  return n > 0;
}

/* ---- what may not go ---- */

/* Is PATH at or below TOP? */
static int
is_below (const char *path, const char *top)
{
  size_t length = strlen (top);

  return strncmp (path, top, length) == 0 && (path[length] == '\0' || strchr ("/[", path[length]));
}

static int
is_accepted (const char *path, const char *const *accepted)
{
  for (; accepted && *accepted; accepted++)
    if (is_below (path, *accepted))
      return 1;
  return 0;
}

/* Refuses WORD, which nothing of the server is called that SPELL was offered. */
static int
refuse_unknown (struct vl_app *app, const struct vl_record *record, const struct vl_spell *spell,
                const char *what)
{
  return vl_refuse (app->call, VL_ERR_REQUEST, NULL,
                    spell->best ? vl_printf (app->call, "did you mean '%s'?", spell->best) : NULL,
                    "--accept-loss '%s' is nothing that server \"%s\" has; accepted: %s",
                    spell->wanted, record->name, what);
}

int
vl_losses_check (struct vl_app *app, const struct vl_record *record, const struct vl_stored *stored,
                 const char *const *accepted)
{
  const struct vl_provenance *rows;
  size_t n = 0;
  int result = 0;

  rows = accepted && *accepted ? rows_of (app, stored, &n) : NULL;
  for (; accepted && *accepted; accepted++) {
    struct vl_spell spell = { .wanted = *accepted };
    int known = 0;

    for (size_t i = 0; i < n && ! known; i++) {
      known = is_below (rows[i].path, *accepted);
      vl_spell_offer (&spell, rows[i].path);
    }
    if (! known)
      result = refuse_unknown (app, record, &spell, "a path of its document, as diff shows them");
  }
  return result;
}

int
vl_losses_check_disks (struct vl_app *app, const struct vl_record *record,
                       const struct vl_stored *stored, const char *const *accepted)
{
  int result = 0;

  for (; accepted && *accepted; accepted++) {
    struct vl_spell spell = { .wanted = *accepted };

    for (size_t i = 0; i < stored->was.n_devices; i++)
      if (! stored->was.devices[i].is_nic)
        vl_spell_offer (&spell, stored->was.devices[i].disk.id);
    if (vl_stored_disk (stored, *accepted) == NULL)
      result = refuse_unknown (app, record, &spell, "the id of a disk, as show has them");
  }
  return result;
}

static void
refuse_loss (struct vl_app *app, const struct vl_record *record, const struct vl_change *change,
             const char *see)
{
  const struct vl_provenance *was = change->was;
  struct vl_report report = {
    .severity = VL_SEV_ERROR,
    .err = VL_ERR_REQUEST,
    .code = "GuardedLoss",
    .plugin = was->owners,
    .path = was->path,
    .hint =
        vl_printf (app->call, "%s; if it shall go: --accept-loss %s",
                   see ? see
                       : vl_printf (app->call, "see what made it go with: virtloom server diff %s",
                                    vl_name_word (app->call->arena, record->name)),
                   vl_shell_word (app->call->arena, was->path)),
  };
  const char *value = was->value ? vl_printf (app->call, " = '%s'", was->value) : "";

  if (change->is)
    vl_report (app->call, &report, "'%s'%s guards server \"%s\" and would become '%s'", was->path,
               value, record->name, change->is->value);
  else
    vl_report (app->call, &report, "'%s'%s guards server \"%s\" and would go", was->path, value,
               record->name);
}

int
vl_changes_judge (struct vl_app *app, const struct vl_record *record,
                  const struct vl_change *changes, size_t n, const char *const *accepted,
                  const char *see)
{
  const char *last = NULL;
  int result = 0;

  for (size_t i = 0; i < n; i++) {
    const struct vl_provenance *was = changes[i].was;

    if (was == NULL || ! was->guarded || is_accepted (was->path, accepted))
      continue;
    result = -1;
    /* What goes goes with all that is below it. */
    if (last && changes[i].is == NULL && is_below (was->path, last))
      continue;
    last = was->path;
    refuse_loss (app, record, &changes[i], see);
  }
  return result;
}

/* ---- replacing ---- */

static int
write_pending (struct vl_app *app, const struct vl_record *record, const struct vl_stored *stored,
               struct vl_plan *plan, const struct vl_replacement *how)
{
  struct vl_change *changes;
  size_t n;

  if (vl_plan_again (app, plan) < 0)
    return -1;
  vl_stored_difference (app, stored, plan, &changes, &n);
  if ((how->judge ? how->judge (how->opaque, changes, n)
                  : vl_changes_judge (app, record, changes, n, how->accepted, how->see))
          < 0
      || vl_stored_write (app->store, record->uuid, VL_ROLE_PENDING, plan) < 0
      || vl_claims_write (app, record->uuid, VL_ROLE_PENDING, plan) < 0
      || (! how->begun && vl_undo_begin (app->store, record->uuid, how->kind, record->driver) < 0))
    return -1;
  return how->request ? vl_undo_plan (app->store, record->uuid, VL_MADE_REQUEST, how->request) : 0;
}

/* What was merged is removed once that is durable. */
static int
end_unless_merged (struct vl_store *store, const char *server)
{
  const char *merged;

  if (vl_undo_planned (store, server, VL_MADE_MERGED, &merged) < 0)
    return -1;
  return merged ? 0 : vl_undo_end (store, server);
}

/* The id of the device that SERVER gets, or loses, when its pending document is the current one;
 * NULL: none.  0, or -1 after a finding. */
static int
find_change (struct vl_store *store, const char *server, enum vl_event event, const char **id)
{
  struct {
    const char *id;
  } row = { NULL };
  int got = 0;

  if (event == VL_EVENT_ATTACHED || event == VL_EVENT_DETACHED)
    got = vl_db_row (store, &row,
                     "SELECT id FROM device WHERE server = ?1 AND role = ?2 AND id NOT IN "
                     "(SELECT id FROM device WHERE server = ?1 AND role = ?3)",
                     "sss", server, event == VL_EVENT_ATTACHED ? VL_ROLE_PENDING : VL_ROLE_CURRENT,
                     event == VL_EVENT_ATTACHED ? VL_ROLE_CURRENT : VL_ROLE_PENDING);
  *id = row.id;
  return got < 0 ? -1 : 0;
}

/* From now on the document alone says what the guest is. */
int
vl_document_take (struct vl_store *store, const char *server, enum vl_event event)
{
  static const char *const steps[] = {
    "DELETE FROM document WHERE server = ? AND role = 'current'",
    "UPDATE document SET role = 'current' WHERE server = ? AND role = 'pending'",
    "DELETE FROM claim WHERE server = ? AND role = 'current'",
    "UPDATE claim SET role = 'current' WHERE server = ? AND role = 'pending'",
    "UPDATE server SET xml = '', properties = '', facts = '', request = coalesce ((SELECT name "
    "FROM undo WHERE object = uuid AND kind = '" VL_MADE_REQUEST "'), request) WHERE uuid = ?",
    NULL,
  };

  const char *device;

  return find_change (store, server, event, &device) < 0 || vl_db_run_all (store, steps, server) < 0
                 || vl_addresses_write (store, server) < 0
                 || vl_event_add (store, server, VL_EVENT_CHANGED, NULL) < 0
                 || (event && vl_event_add (store, server, event, device) < 0)
             ? -1
             : end_unless_merged (store, server);
}

/* The same after operation KIND.  Where a device is that came to a guest goes into the document, too,
 * so that it is there after the next start. */
static int
take_with_addresses (struct vl_app *app, const char *server, const char *kind, enum vl_event event)
{
  struct vl_store *store = app->store;
  size_t first = app->call->findings.n, n = 1;
  struct vl_stored *stored = NULL;
  struct vl_plan *plan = NULL;
  struct vl_change *changes;
  struct vl_record record;
  int result = vl_document_take (store, server, event);

  if (result < 0 || ! VL_STARTS (kind, VL_OP_SERVER_ATTACH))
    return result;
  if (vl_record_load (store, server, &record) == 1)
    stored = vl_stored_load (app, &record, VL_ROLE_CURRENT);
  if (stored)
    plan = vl_record_plan (app, &record, stored);
  if (plan && plan->ok)
    vl_stored_difference (app, stored, plan, &changes, &n);
  /* It was said when the device was planned. */
  vl_findings_drop (app->call, first, app->call->findings.n);
  if (n == 0)
    result = vl_stored_write (store, server, VL_ROLE_CURRENT, plan);
  vl_plan_free (plan);
  vl_stored_free (stored);
  return result;
}

int
vl_document_drop (struct vl_store *store, const char *server, const char *role, const char *result,
                  const char *why)
{
  return vl_db_run (store, "DELETE FROM document WHERE server = ? AND role = ?", "ss", server, role)
                     < 0
                 || vl_db_run (store, "DELETE FROM claim WHERE server = ? AND role = ?", "ss",
                               server, role)
                        < 0
                 || vl_server_images_leave (store, server) < 0
                 || vl_history_end (store, server, result, why) < 0
             ? -1
             : vl_undo_end (store, server);
}

/* Inside a transaction: the guest has what the new document says, but something went wrong. */
static int
keep_pending (struct vl_store *store, const struct vl_record *record, enum vl_event event,
              const char *result, const char *why)
{
  return vl_history_end (store, record->uuid, result, why) < 0
                 || vl_record_set_status (store, record->uuid, record->status, why) < 0
             ? -1
             : vl_document_take (store, record->uuid, event);
}

int
vl_document_replace (struct vl_app *app, const struct vl_record *record,
                     const struct vl_stored *stored, struct vl_plan *plan,
                     const struct vl_replacement *how)
{
  struct vl_store *store = app->store;
  const char *fault;
  size_t first;
  int done;

  if (vl_losses_check (app, record, stored, how->accepted) < 0 || vl_db_begin (store) < 0
      || vl_db_finish (store, write_pending (app, record, stored, plan, how)) < 0)
    return -1;
  first = app->call->findings.n;
  done = how->act (how->opaque);
  if (done == 0) {
    if (vl_db_begin (store) == 0
        && vl_db_finish (store,
                         how->take ? how->take (how->opaque)
                                   : take_with_addresses (app, record->uuid, how->kind, how->event))
               == 0)
      return 0;
    return vl_refuse_as (app->call, VL_ERR_FAILED, "NotRecorded", NULL,
                         how->request ? "the next command finishes it"
                                      : "the next command boots it from the document on record",
                         "server \"%s\" runs its new document, which is not on record as the one "
                         "that it runs",
                         record->name);
  }
  fault = vl_fault_text (app->call, first);
  if (done == VL_UNFINISHED)
    vl_record_set_status (store, record->uuid, record->status, fault);
  else if (vl_db_begin (store) == 0)
    vl_db_finish (
        store, done > 0 ? keep_pending (store, record, how->event, "failed", fault)
                        : vl_document_drop (store, record->uuid, VL_ROLE_PENDING, "failed", fault));
  return -1;
}

/* The guest of HOOKS is booted from the current document. */
static int
boot_again (const struct vl_hooks *hooks)
{
  struct vl_app *app = hooks->app;
  struct vl_spawn spawn;

  if (vl_hooks_prepare (hooks) < 0
      || vl_record_spawn (app, hooks->record, hooks->stored->doc, &spawn) < 0)
    return -1;
  app->call->host = hooks->host;
  app->call->addresses = NULL;
  return VL_CALL (app, hooks->driver, power, reboot, &spawn, VL_REBOOT_HARD, 0);
}

/* An attach, a detach or a change of a guest that runs is finished, or taken back. */
static int
mend_device (const struct vl_hooks *hooks, const char *kind)
{
  struct vl_app *app = hooks->app;
  size_t first = app->call->findings.n;
  const char *server = hooks->record->uuid;
  enum vl_event event = VL_EVENT_CHANGED;
  const struct vl_volume_how swaps = { .way = VL_VOLUME_SWAPS };
  struct vl_hooks next;
  const char *why = VL_WAS_KILLED;
  int done = vl_hooks_load (&next, app, hooks->record, VL_ROLE_PENDING);

  app->call->addresses = NULL;
  if (done == 0)
    done = VL_STREQ (kind, VL_OP_SERVER_LIVE)   ? vl_live_change (hooks, &next)
           : VL_STREQ (kind, VL_OP_SERVER_SWAP) ? vl_volume_change_mend (hooks, &next, NULL, &swaps)
           : VL_STREQ (kind, VL_OP_SERVER_VOLUME_SNAPSHOT) ? vl_volume_snapshot_mend (hooks, &next)
           : VL_STREQ (kind, VL_OP_SERVER_VOLUME_MERGE)
               ? vl_volume_merge_mend (hooks, &next)
               : vl_device_mend (hooks, &next, kind, &event);
  vl_hooks_free (&next);
  if (done > 0 || app->call->findings.n > first)
    why = vl_printf (app->call, "%s: %s", VL_WAS_KILLED, vl_fault_text (app->call, first));
  if (done == VL_UNFINISHED || vl_db_begin (app->store) < 0)
    return -1;
  /* That it had not been finished is no fault any more. */
  if (vl_record_set_status (app->store, server, hooks->record->status, NULL) < 0)
    done = VL_UNFINISHED;
  return vl_db_finish (
      app->store, done == VL_UNFINISHED ? -1
                  : done == 0           ? take_with_addresses (app, server, kind, event)
                  : done > 0
                      ? keep_pending (app->store, hooks->record, event, "interrupted", why)
                      : vl_document_drop (app->store, server, VL_ROLE_PENDING, "interrupted", why));
}

int
vl_document_mend (struct vl_app *app, struct vl_store *store, const char *server, const char *kind)
{
  struct vl_hooks hooks;
  struct vl_record record;
  int result;

  if (vl_record_load (store, server, &record) != 1)
    return -1;
  result = vl_hooks_load (&hooks, app, &record, VL_ROLE_CURRENT);
  if (result == 0 && ! VL_STREQ (kind, VL_OP_SERVER_UPDATE))
    result = mend_device (&hooks, kind);
  else if (result == 0 && (result = boot_again (&hooks)) == 0)
    result = vl_db_begin (store) < 0
                 ? -1
                 : vl_db_finish (store, vl_addresses_write (store, server) < 0
                                            ? -1
                                            : vl_document_drop (store, server, VL_ROLE_PENDING,
                                                                "interrupted", VL_WAS_KILLED));
  vl_hooks_free (&hooks);
  return result;
}
