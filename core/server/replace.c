/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Replacing a server's document.  Until the new one is the current one, its server
 * holds the larger of both claims. */

#include <config.h>

#include "server/replace.h"

#include "server/hooks.h"
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

void
vl_stored_difference (struct vl_app *app, const struct vl_stored *stored,
                      const struct vl_plan *plan, struct vl_change **changes, size_t *n)
{
  const struct vl_provenance *old = stored->rows, *now;
  size_t rows, kept = 0;

  if (old == NULL)
    old = vl_doc_provenance (app->call, stored->doc, app->registry, NULL, 1, &rows);
  now = vl_doc_provenance (plan->call, plan->build.doc, app->registry, plan->build.guest, 1, &rows);
  vl_doc_difference (app->call, stored->doc, old, plan->build.doc, now, changes, n);
  for (size_t i = 0; i < *n; i++)
    if (! is_kept_address (&(*changes)[i]))
      (*changes)[kept++] = (*changes)[i];
  *n = kept;
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

static void
refuse_loss (struct vl_app *app, const struct vl_record *record, const struct vl_change *change)
{
  const struct vl_provenance *was = change->was;
  struct vl_report report = {
    .severity = VL_SEV_ERROR,
    .err = VL_ERR_REQUEST,
    .code = "GuardedLoss",
    .plugin = was->owners,
    .path = was->path,
    .hint = vl_printf (app->call,
                       "see what made it go with: virtloom server diff \"%s\"; if it shall go: "
                       "--accept-loss '%s'",
                       record->name, was->path),
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
vl_loss_check (struct vl_app *app, const struct vl_record *record, const struct vl_change *changes,
               size_t n, const char *const *accepted)
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
    refuse_loss (app, record, &changes[i]);
  }
  return result;
}

/* ---- replacing ---- */

static int
write_pending (struct vl_app *app, const struct vl_record *record, const struct vl_stored *stored,
               const char *const *accepted, const char *kind, struct vl_plan *plan)
{
  struct vl_change *changes;
  size_t n;

  if (vl_plan_again (app, plan) < 0)
    return -1;
  vl_stored_difference (app, stored, plan, &changes, &n);
  if (vl_loss_check (app, record, changes, n, accepted) < 0
      || vl_stored_write (app->store, record->uuid, VL_ROLE_PENDING, plan) < 0
      || vl_claims_write (app, record->uuid, VL_ROLE_PENDING, plan) < 0)
    return -1;
  return vl_undo_begin (app->store, record->uuid, kind, record->driver);
}

/* Inside a transaction: of both roles KEPT stays, as the current one. */
static int
end_pending (struct vl_store *store, const char *server, const char *kept)
{
  static const char *const tables[] = { "document", "claim" };
  int made = VL_STREQ (kept, VL_ROLE_PENDING);

  for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
    if (vl_db_run (
            store,
            vl_printf (store->call, "DELETE FROM %s WHERE server = ? AND role = ?", tables[i]),
            "ss", server, made ? VL_ROLE_CURRENT : VL_ROLE_PENDING)
            < 0
        || (made
            && vl_db_run (store,
                          vl_printf (store->call,
                                     "UPDATE %s SET role = ? WHERE server = ? AND role = ?",
                                     tables[i]),
                          "sss", VL_ROLE_CURRENT, server, VL_ROLE_PENDING)
                   < 0))
      return -1;
  }
  /* From now on the document alone says what the guest is. */
  if (made
      && vl_db_run (store, "UPDATE server SET xml = '', properties = '', facts = '' WHERE uuid = ?",
                    "s", server)
             < 0)
    return -1;
  if (made
      && (vl_addresses_write (store, server) < 0
          || vl_event_add (store, server, VL_EVENT_CHANGED) < 0))
    return -1;
  return vl_undo_end (store, server);
}

static int
settle (struct vl_store *store, const char *server, const char *kept)
{
  return vl_db_begin (store) < 0 ? -1 : vl_db_finish (store, end_pending (store, server, kept));
}

int
vl_document_replace (struct vl_app *app, const struct vl_record *record,
                     const struct vl_stored *stored, const char *const *accepted, const char *kind,
                     struct vl_plan *plan, int (*act) (void *opaque), void *opaque)
{
  struct vl_store *store = app->store;

  if (vl_db_begin (store) < 0
      || vl_db_finish (store, write_pending (app, record, stored, accepted, kind, plan)) < 0)
    return -1;
  if (act (opaque) == 0) {
    if (settle (store, record->uuid, VL_ROLE_PENDING) == 0)
      return 0;
    return vl_refuse_as (app->call, VL_ERR_FAILED, "NotRecorded", NULL,
                         "the next command boots it from the document on record",
                         "server \"%s\" runs its new document, which is not on record as the one "
                         "that it runs",
                         record->name);
  }
  settle (store, record->uuid, VL_ROLE_CURRENT);
  return -1;
}

int
vl_document_mend (struct vl_app *app, struct vl_store *store, const char *server)
{
  struct vl_spawn spawn = { .size = sizeof spawn, .power_on = 1, .uuid = server };
  struct vl_hooks hooks = { .app = app };
  struct vl_record record;
  int result;

  if (vl_record_load (store, server, &record) != 1)
    return -1;
  hooks.record = &record;
  hooks.driver = vl_app_driver_named (app, record.driver);
  result = vl_hooks_load (&hooks, VL_ROLE_CURRENT);
  if (result == 0)
    result = vl_hooks_prepare (&hooks);
  if (result == 0) {
    spawn.domain = record.domain;
    spawn.run_dir = vl_server_run_dir (app, server);
    spawn.doc = hooks.stored->doc;
    app->call->host = hooks.host;
    result =
        spawn.run_dir ? VL_CALL (app, hooks.driver, power, reboot, &spawn, VL_REBOOT_HARD) : -1;
  }
  vl_hooks_free (&hooks);
  return result < 0 ? -1 : settle (store, server, VL_ROLE_CURRENT);
}
