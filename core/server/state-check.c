/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What is in STATE without a record, and on record without being there. */

#include <config.h>

#include "server/hooks.h"
#include "server/method.h"
#include "server/record.h"
#include "server/undo.h"

#include "lib/file.h"
#include "request/request.h"

#include <errno.h>

#include <virtloom/virtloom.h>

#define STORE "state.db"

struct checking {
  struct vl_app *app;
  const char *state;
  struct vl_store *store;      /* NULL: it is lost */
  const char *const *accepted; /* ids, NULL-terminated */
  int mend;
  int (*fn) (void *, const struct vl_state_fault *);
  void *opaque;
  int result;       /* of FN, or -1 after a finding */
  const char **ids; /* in order, what was on record when that was asked first; NULL: it was not */
  size_t n_ids;
};

/* Tells of a fault of ID, NULL where it cannot be mended here.  LOSS is what mending takes,
 * which has to be accepted by ID.  1: it shall be mended now. */
static int VL_PRINTF (5, 6) tell (struct checking *c, const char *kind, const char *id,
                                  const char *loss, const char *fmt, ...)
{
  struct vl_state_fault fault = { .kind = kind, .id = id, .loss = loss };
  va_list args;
  size_t i = 0;

  va_start (args, fmt);
  fault.text = vl_arena_vprintf (c->app->call->arena, fmt, args);
  va_end (args);
  while (id && c->accepted && c->accepted[i] && ! VL_STREQ (c->accepted[i], id))
    i++;
  fault.mended = c->mend && id && (loss == NULL || (c->accepted && c->accepted[i]))
                 && (c->store || VL_STREQ (id, STORE));
  if (c->result == 0)
    c->result = c->fn (c->opaque, &fault);
  return fault.mended && c->result == 0;
}

/* Findings from number FIRST on become faults of KIND. */
static int
tell_findings (struct checking *c, size_t first, const char *kind, const char *id, const char *loss)
{
  struct vl_call *call = c->app->call;
  int mend = 0;

  for (size_t i = first; i < call->findings.n; i++)
    mend |= tell (c, kind, id, loss, "%s", call->findings.items[i].message);
  vl_findings_drop (call, first, call->findings.n);
  return mend;
}

/* RESULT of reading rows: those that are damaged were told. */
static void
note (struct checking *c, int result)
{
  struct vl_call *call = c->app->call;
  size_t last = call->findings.n;

  while (result < 0 && last && VL_STREQ (call->findings.items[last - 1].code, "StoreDamaged"))
    last--;
  if (result < 0 && last == call->findings.n)
    c->result = -1;
  vl_findings_drop (call, last, call->findings.n);
}

static int
compare_ids (const void *id, const void *member)
{
  return strcmp (id, *(const char *const *)member);
}

/* Was ID on record when all that is was read?  A thousand are asked about. */
static int
was_known (struct checking *c, const char *id)
{
  size_t first = c->app->call->findings.n;

  if (c->ids == NULL
      && vl_db_rows (c->store, &c->ids, &c->n_ids,
                     "SELECT uuid FROM server UNION SELECT uuid FROM image UNION SELECT object "
                     "FROM operation ORDER BY 1",
                     "")
             < 0) {
    static const char *none;

    /* Whoever asks for a row that is damaged is told. */
    vl_findings_drop (c->app->call, first, c->app->call->findings.n);
    c->ids = &none;
    c->n_ids = 0;
  }
  return bsearch (id, c->ids, c->n_ids, sizeof *c->ids, compare_ids) != NULL;
}

/* Is ID a server or image on record, or the object of an operation? */
static int
is_known (struct checking *c, const char *id)
{
  int known = 0;

  if (c->store && was_known (c, id))
    return 1;
  if (c->store)
    known = vl_db_any (c->store,
                       "SELECT 1 FROM server WHERE uuid = ?1 UNION SELECT 1 FROM image "
                       "WHERE uuid = ?1 UNION SELECT 1 FROM operation WHERE object = ?1",
                       "s", id);
  if (known < 0)
    c->result = -1;
  return known != 0;
}

/* ---- without a record ---- */

static void
check_folder (struct checking *c, const char *folder)
{
  VL_AUTOSTRV struct vl_strv names = vl_state_list (c->state, folder, 0);
  int server = VL_STREQ (folder, "servers");

  vl_strv_sort (&names);
  for (size_t i = 0; i < names.n; i++) {
    const char *name = vl_printf (c->app->call, "%s", names.items[i]);
    const char *path = vl_printf (c->app->call, "%s/%s/%s", c->state, folder, name);

    /* What another command has removed meanwhile was known. */
    if (is_known (c, name) || access (path, F_OK) < 0
        || ! tell (c, server ? "folder" : "file", name, server ? "the disks in it" : "the image",
                   "\"%s\" is of no %s on record", path, server ? "server" : "image"))
      continue;
    if ((server ? vl_file_remove_tree (path) : unlink (path)) < 0)
      c->result = vl_remove_failed (c->app->call, path);
  }
}

/* What virtloom did not make. */
static void
check_strangers (struct checking *c, const char *folder)
{
  VL_AUTOSTRV struct vl_strv names = vl_state_list (c->state, folder, 1);

  vl_strv_sort (&names);
  for (size_t i = 0; i < names.n; i++) {
    const char *name = names.items[i];
    const char *uuid = vl_printf (c->app->call, "%.36s", name);
    const char *path = vl_printf (c->app->call, "%s/%s/%s", c->state, folder, name);
    const char *rest = vl_uuid_problem (uuid) ? "" : name + strlen (uuid);

    /* Locks come and go, an image is copied beside its place, and a file system has its own. */
    if (! VL_STREQ (rest, ".lock") && ! (VL_STREQ (rest, ".new") && is_known (c, uuid))
        && ! VL_STREQ (name, "lost+found") && access (path, F_OK) == 0)
      tell (c, "stranger", NULL, NULL,
            "\"%s\" is not of virtloom: look what it is, and move it away", path);
  }
}

static int
keep_guest (void *opaque, const char *uuid, const char *domain, enum vl_state state)
{
  (void)state;
  if (vl_domain_is_ours (uuid, domain))
    vl_strv_add (opaque, uuid);
  return 0;
}

struct row {
  const char *uuid, *name;
};

static void
check_guests (struct checking *c, const char *name)
{
  VL_AUTOSTRV struct vl_strv guests = { 0 };
  struct vl_call *call = c->app->call;
  size_t first = call->findings.n, n = 0;
  struct vl_plugin *driver = vl_app_driver_named (c->app, name);
  struct row *rows = NULL;

  if (driver == NULL
      || VL_CALL (c->app, driver, inventory, list_instances, keep_guest, &guests) < 0) {
    tell_findings (c, first, "driver", NULL, NULL);
    return;
  }
  if (c->store)
    note (c, vl_db_rows (c->store, &rows, &n,
                         "SELECT uuid, name FROM server WHERE driver = ? AND status NOT IN "
                         "('BUILD', 'DELETING') AND uuid NOT IN (SELECT object FROM operation) "
                         "ORDER BY name",
                         "s", name));
  for (size_t i = 0; i < n; i++)
    if (! vl_strv_has (&guests, rows[i].uuid))
      tell (c, "server", NULL, NULL,
            "driver \"%s\" does not know the guest of server \"%s\": virtloom server reboot --hard "
            "%s makes it anew",
            name, rows[i].name, vl_name_word (call->arena, rows[i].name));
  vl_strv_sort (&guests);
  for (size_t i = 0; i < guests.n; i++) {
    const char *uuid = vl_printf (call, "%s", guests.items[i]);

    if (! is_known (c, uuid)
        && tell (c, "guest", uuid, "the guest", "guest %s of driver \"%s\" is on no record", uuid,
                 name)
        && vl_guest_remove (c->app, name, uuid) < 0)
      c->result = -1;
  }
}

/* Each driver that has a server, and the one that is chosen. */
static void
check_drivers (struct checking *c)
{
  struct vl_plugin *chosen = vl_app_driver_plugin (c->app);
  const char **names = NULL;
  size_t n = 0;
  int asked = 0;

  if (c->store)
    note (c, vl_db_rows (c->store, &names, &n, "SELECT DISTINCT driver FROM server ORDER BY driver",
                         ""));
  for (size_t i = 0; i < n; i++) {
    check_guests (c, names[i]);
    asked |= chosen && VL_STREQ (chosen->name, names[i]);
  }
  if (chosen && ! asked)
    check_guests (c, chosen->name);
}

static void
check_made (void *opaque, const char *server, const char *disk)
{
  struct checking *c = opaque;

  if (! is_known (c, server))
    tell (c, "disk", NULL, NULL, "%s is of no server on record", disk);
}

static int
ask_made (struct vl_call *call, struct vl_plugin *plugin, void *arg)
{
  return plugin->feature.storage->made (call, check_made, arg);
}

/* What plugins made outside of servers' folders. */
static void
check_disks (struct checking *c)
{
  struct vl_app *app = c->app;
  size_t first = app->call->findings.n;

  if (c->store == NULL || vl_app_load (app) < 0)
    return;
  for (size_t i = 0; i < app->registry->n; i++) {
    struct vl_plugin *plugin = app->registry->plugins[i];

    if (plugin->state == VL_PLUGIN_LOADED && VL_GROUP_FN (plugin, storage, made)
        && vl_group_run (app, plugin, "made", ask_made, c) < 0)
      tell_findings (c, first, "storage", NULL, NULL);
  }
}

/* ---- on record ---- */

static void
check_records (struct checking *c)
{
  struct row *rows;
  size_t n;

  note (c, vl_db_rows (c->store, &rows, &n,
                       "SELECT uuid, name FROM server WHERE status NOT IN ('BUILD', 'DELETING') "
                       "ORDER BY name",
                       ""));
  for (size_t i = 0; i < n; i++)
    if (access (vl_server_dir (c->app, rows[i].uuid), F_OK) < 0)
      tell (c, "server", NULL, NULL,
            "server \"%s\" has no folder \"%s\" any more: virtloom server delete %s "
            "forgets it",
            rows[i].name, vl_server_dir (c->app, rows[i].uuid),
            vl_name_word (c->app->call->arena, rows[i].name));
  note (c, vl_db_rows (c->store, &rows, &n,
                       "SELECT uuid, name FROM image WHERE status = 'active' ORDER BY name", ""));
  for (size_t i = 0; i < n; i++)
    if (access (vl_image_path (c->app, rows[i].uuid), F_OK) < 0)
      tell (c, "image", NULL, NULL,
            "image \"%s\" has no file \"%s\" any more: put it back, or delete the image",
            rows[i].name, vl_image_path (c->app, rows[i].uuid));
}

struct waiting {
  const char *object, *kind, *driver;
};

/* 0: the lock of what W is on is held; else somebody is at work on it. */
static int
lock_it (struct checking *c, const struct waiting *w, struct vl_lock *lock)
{
  return vl_lock_take (c->app, VL_STARTS (w->kind, "server ") ? "servers" : "images", w->object, 0,
                       lock);
}

static void
check_operation (struct checking *c, const struct waiting *w)
{
  VL_AUTOLOCK struct vl_lock lock = VL_LOCK_NONE;
  struct vl_plugin *driver;

  if (lock_it (c, w, &lock) != 0)
    return;
  vl_lock_drop (&lock);
  if (VL_STREQ (w->kind, VL_OP_SERVER_RELEASE)) {
    tell (c, "operation", NULL, NULL,
          "server %s is deleted but for what plugins hold that are not there: put them back, or "
          "virtloom server delete --abandon",
          w->object);
    return;
  }
  if (! tell (c, "operation", w->object, "what it made, whether that is proven or not",
              "an interrupted \"%s\" of %s waits to be mended", w->kind, w->object))
    return;
  /* The driver before the lock, as everywhere. */
  driver = w->driver ? vl_app_driver_named (c->app, w->driver) : NULL;
  if ((driver && vl_app_conn (c->app, driver) == NULL) || lock_it (c, w, &lock) != 0)
    return;
  c->app->accepted = w->object;
  if (vl_undo_mend (c->app, c->store, w->object) < 0)
    c->result = -1;
  c->app->accepted = NULL;
}

static void
check_operations (struct checking *c)
{
  struct waiting *rows;
  size_t n;

  if (c->mend)
    vl_recover (c->app, c->store);
  note (c, vl_db_rows (c->store, &rows, &n,
                       "SELECT object, kind, driver FROM operation ORDER BY object", ""));
  for (size_t i = 0; i < n && ! c->store->read_only; i++)
    check_operation (c, &rows[i]);
}

/* ---- the store ---- */

#define H4 "[0-9a-fA-F][0-9a-fA-F][0-9a-fA-F][0-9a-fA-F]"
#define UUID "GLOB '" H4 H4 "-" H4 "-" H4 "-" H4 "-" H4 H4 H4 "'"

#define ORPHANS(table) "DELETE FROM " table " WHERE server NOT IN (SELECT uuid FROM server)"
#define PARTS(table)                                                                               \
  "DELETE FROM " table " WHERE (server, role) NOT IN (SELECT server, role FROM document)"

static const char *const forget_damaged[] = {
  "DELETE FROM server WHERE uuid NOT " UUID,
  "DELETE FROM image WHERE uuid NOT " UUID,
  "DELETE FROM operation WHERE object NOT " UUID,
  ORPHANS ("server_image"),
  ORPHANS ("claim"),
  ORPHANS ("document"),
  ORPHANS ("kept"),
  ORPHANS ("event"),
  ORPHANS ("resize"),
  PARTS ("document_part"),
  PARTS ("document_property"),
  PARTS ("document_feature"),
  PARTS ("document_key"),
  PARTS ("device"),
  "DELETE FROM flavor_property WHERE flavor NOT IN (SELECT name FROM flavor)",
  "DELETE FROM image_property WHERE image NOT IN (SELECT uuid FROM image)",
  "DELETE FROM undo WHERE object NOT IN (SELECT object FROM operation)",
  "UPDATE server SET domain = 'vl-' || substr (replace (uuid, '-', ''), 1, 12)",
  NULL,
};

/* The rows that are never handed out.  0, or -1: the store as a whole is damaged. */
static int
check_rows (struct checking *c)
{
  static const char *const queries[] = {
    "SELECT uuid, domain, name FROM server",
    "SELECT uuid, name FROM image",
    "SELECT object FROM operation",
    "SELECT name FROM flavor",
    "SELECT id FROM device",
  };
  const char **orphans = NULL;
  size_t first = c->app->call->findings.n, n = 0;
  int mend;

  if (vl_store_judge (c->store) < 0) {
    tell_findings (c, first, "store", NULL, NULL);
    return -1;
  }
  for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++) {
    VL_AUTOQUERY sqlite3_stmt *stmt = vl_db_query (c->store, queries[i], "");
    int bad = 0;

    while (vl_db_next (c->store, stmt, &bad) == 1)
      ;
  }
  mend = tell_findings (c, first, "row", STORE, "what is on record there");
  note (c, vl_db_rows (c->store, &orphans, &n,
                       "SELECT DISTINCT \"table\" FROM pragma_foreign_key_check ORDER BY 1", ""));
  for (size_t i = 0; i < n; i++)
    mend |=
        tell (c, "row", STORE, "what is on record there",
              "\"%s\" has rows of what is not there in its table %s", c->store->path, orphans[i]);
  if (mend
      && (vl_db_begin (c->store) < 0
          || vl_db_finish (c->store, vl_db_run_all (c->store, forget_damaged, NULL)) < 0))
    c->result = -1;
  return 0;
}

/* 0, or -1 where there is no store to compare with. */
static int
check_store (struct checking *c)
{
  struct vl_app *app = c->app;
  size_t first = app->call->findings.n;
  int lost;

  if (vl_app_store_if_any (app, &c->store) == 0)
    return c->store ? check_rows (c) : -1;
  lost = VL_STREQ (app->call->findings.items[first].code, "StoreLost");
  if (tell_findings (c, first, "store", lost ? STORE : NULL, lost ? "what was on record" : NULL)) {
    c->store = vl_app_store_anew (app);
    if (c->store == NULL)
      c->result = -1;
  }
  return lost ? 0 : -1;
}

int
vl_state_check (struct vl_app *app, int mend, const char *const *accepted,
                int (*fn) (void *, const struct vl_state_fault *), void *opaque)
{
  struct checking c = {
    .app = app, .mend = mend, .accepted = accepted, .fn = fn, .opaque = opaque
  };

  c.state = vl_app_state_dir (app);
  if (c.state == NULL)
    return -1;
  if (check_store (&c) < 0)
    return c.result;
  if (c.store) {
    check_operations (&c);
    check_records (&c);
  }
  check_folder (&c, "servers");
  check_folder (&c, "images");
  check_strangers (&c, "servers");
  check_strangers (&c, "images");
  check_drivers (&c);
  check_disks (&c);
  return c.result;
}

/* ---- what lists say ---- */

static int
count (void *opaque, const struct vl_state_fault *fault)
{
  (void)fault;
  ++*(size_t *)opaque;
  return 0;
}

void
vl_state_warn (struct vl_app *app, const char *folder, size_t guests)
{
  size_t n = 0;
  struct checking c = {
    .app = app, .state = app->state_dir, .store = app->store, .fn = count, .opaque = &n
  };
  int server = VL_STREQ (folder, "servers");

  check_folder (&c, folder);
  if (n)
    vl_warn_as (app->call, "Unrecorded", NULL, "virtloom state check",
                server ? "%zu folder%s in \"%s/%s\" belong%s to no server on record"
                       : "%zu file%s in \"%s/%s\" belong%s to no image on record",
                n, n == 1 ? "" : "s", app->state_dir, folder, n == 1 ? "s" : "");
  if (guests)
    vl_warn_as (app->call, "Unrecorded", NULL, "virtloom state check",
                "%zu guest%s with a name of ours belong%s to no server on record", guests,
                guests == 1 ? "" : "s", guests == 1 ? "s" : "");
}
