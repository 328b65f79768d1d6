/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Making a server: plan, reserve, disks, guest, record.  Each thing is in the
 * undo log before it is made; no transaction is open while a driver works. */

#include <config.h>

#include "request/disks.h"
#include "server/method.h"
#include "server/lock.h"
#include "server/properties.h"
#include "server/record.h"
#include "server/server-disks.h"
#include "server/undo.h"

#include "storage/inspect.h"

#include <errno.h>
#include <jansson.h>
#include <sys/stat.h>
#include <time.h>

struct creation {
  struct vl_app *app;
  struct vl_store *store;
  struct vl_plugin *driver;
  struct vl_plan *plan;
  const char *uuid, *name, *dir;
  char domain[16];
};

/* ---- the record ---- */

/* {"PLUGIN.PROPERTY": {"value": TEXT, "cause": TEXT}, ...} */
static char *
properties_json (const struct vl_guest *guest)
{
  json_t *all = json_object ();
  char *text;

  for (size_t i = 0; i < guest->n_props; i++) {
    const struct vl_guest_prop *prop = &guest->props[i];
    const char *chain, *cause;
    json_t *one;

    if (! prop->value.set || prop->value.text == NULL)
      continue;
    cause = vl_guest_cause (guest, prop->name, &chain);
    one = json_object ();
    json_object_set_new (one, "value", json_string (prop->value.text));
    if (cause)
      json_object_set_new (one, "cause", json_string (cause));
    json_object_set_new (all, prop->name, one);
  }
  text = json_dumps (all, JSON_COMPACT | JSON_SORT_KEYS);
  json_decref (all);
  return text;
}

static int
is_given (const struct vl_request *request, const char *key)
{
  for (size_t i = 0; i < request->n_entries; i++)
    if (request->entries[i].layer >= VL_LAYER_IMAGE && VL_STREQ (request->entries[i].key, key))
      return 1;
  return 0;
}

/* Into its place: properties of a request are in byte order. */
static void
add_property (struct vl_request *request, const char *key, const char *value)
{
  size_t place = request->n_entries++;

  for (; place > 0 && request->entries[place - 1].layer == VL_LAYER_REQUEST
         && strcmp (request->entries[place - 1].key, key) > 0;
       place--)
    request->entries[place] = request->entries[place - 1];
  request->entries[place] =
      (struct vl_entry) { .key = key, .value = value, .layer = VL_LAYER_REQUEST };
}

/* What a slot took from settings or defaults is kept with the request, as if the
 * server had been asked for with it, and so is the kind of its disks: a later change
 * of configuration does not change the machine type, the buses or the disks of a
 * guest that is there. */
static void
remember_settings (struct creation *c)
{
  const struct vl_guest *guest = c->plan->build.guest;
  struct vl_request *request = c->plan->request;
  struct vl_entry *entries = vl_arena_alloc (
      c->plan->call->arena, (request->n_entries + guest->n_props) * sizeof *entries);

  if (request->n_entries)
    memcpy (entries, request->entries, request->n_entries * sizeof *entries);
  request->entries = entries;
  request->disk_kind = vl_disk_kind (c->app->config);
  for (size_t i = 0; i < guest->n_props; i++) {
    const struct vl_guest_prop *slot = &guest->props[i];
    const char *key = slot->filler ? guest->props[slot->filler - 1].row->image_key : NULL;

    if (key && slot->value.set && ! is_given (request, key))
      add_property (request, key, slot->value.text);
  }
}

static int
insert_record (struct creation *c)
{
  const struct vl_request *request = c->plan->request;
  VL_AUTOFREE char *json = vl_request_to_json (request);
  VL_AUTOFREE char *properties = properties_json (c->plan->build.guest);
  VL_AUTOFREE char *facts = vl_host_used_json (c->plan->build.host);
  char now[32];
  time_t t = time (NULL);
  struct tm tm;

  strftime (now, sizeof now, "%Y-%m-%dT%H:%M:%SZ", gmtime_r (&t, &tm));
  return vl_db_run (c->store,
                    "INSERT INTO server (uuid, name, domain, status, flavor, image, image_uuid, "
                    "driver, created, request, xml, properties, facts) "
                    "VALUES (?, ?, ?, 'BUILD', ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    "ssssssssssss", c->uuid, c->name, c->domain, request->flavor.name,
                    request->image.given ? request->image.name : NULL,
                    request->image.given ? request->image.uuid : NULL, c->driver->name, now, json,
                    vl_doc_xml (c->plan->build.doc), properties, facts);
}

/* The images that the server cannot do without.  They are looked up in the same
 * transaction: one that was deleted since the plan was made is noticed. */
static int
insert_image (struct creation *c, const char *path, const char *what)
{
  const char *uuid = strrchr (path, '/');

  uuid = uuid ? uuid + 1 : path;
  if (! VL_STREQ (path, vl_image_path (c->app, uuid)))
    return 0;
  if (vl_db_number (c->store, 0, "SELECT count(*) FROM image WHERE uuid = ?", "s", uuid) != 1)
    return vl_error (c->app->call, VL_ERR_NOT_FOUND, "ImageNotFound", NULL,
                     "the image of the %s was deleted meanwhile", what);
  return vl_db_run (c->store, "INSERT OR IGNORE INTO server_image VALUES (?, ?)", "ss", c->uuid,
                    uuid);
}

static int
insert_images (struct creation *c)
{
  const struct vl_request *request = c->plan->request;
  int bad = 0;

  if (request->image.file && vl_disk_is_overlay (vl_disk_kind (c->app->config)))
    bad |= insert_image (c, request->image.file, "root disk");
  if (request->image.kernel)
    bad |= insert_image (c, request->image.kernel, "kernel");
  if (request->image.ramdisk)
    bad |= insert_image (c, request->image.ramdisk, "ramdisk");
  return bad;
}

/* Counted from the records of live servers, in the transaction that adds one. */
static int
reserve (struct creation *c, const struct vl_claim_info *claim)
{
  int64_t used =
      vl_db_number (c->store, -1, "SELECT coalesce (sum (amount), 0) FROM claim WHERE resource = ?",
                    "s", claim->resource);

  if (used < 0)
    return -1;
  if (used + claim->amount > claim->total) {
    vl_error (c->app->call, VL_ERR_UNSUPPORTED, "ComputeResourcesUnavailable", NULL,
              "the server needs %lld of %s; this host has %lld, and other servers have taken %lld",
              (long long)claim->amount, claim->resource, (long long)claim->total, (long long)used);
    vl_hint (c->app->call, "delete a server that holds %s, or use another host", claim->resource);
    return -1;
  }
  return vl_db_run (c->store, "INSERT INTO claim VALUES (?, ?, ?, ?)", "ssis", c->uuid,
                    claim->resource, claim->amount, claim->plugin);
}

static int
insert_all (struct creation *c)
{
  const struct vl_build *build = &c->plan->build;

  if (vl_db_number (c->store, 0, "SELECT count(*) FROM server WHERE name = ?", "s", c->name))
    return vl_exists (c->app->call, &vl_noun_server, c->name);
  if (insert_record (c) < 0 || insert_images (c) < 0)
    return -1;
  for (size_t i = 0; i < build->n_claims; i++)
    if (reserve (c, &build->claims[i]) < 0)
      return -1;
  if (VL_STREQ (vl_driver_wanted (c->app), "auto")
      && vl_db_run (c->store, "INSERT OR IGNORE INTO setting VALUES ('driver', ?)", "s",
                    c->driver->name)
             < 0)
    return -1;
  if (vl_undo_begin (c->store, c->uuid, VL_OP_SERVER_CREATE, c->driver->name) < 0
      || vl_undo_plan (c->store, c->uuid, VL_MADE_FOLDER, c->dir) < 0)
    return -1;
  return vl_undo_plan (c->store, c->uuid, VL_MADE_DOMAIN, c->uuid);
}

/* ---- the acts ---- */

/* libvirt says that a document is not valid, but not what in it: then our finding
 * takes the place of the driver's. */
static int
spawn_or_blame (struct creation *c, const struct vl_spawn *spawn)
{
  struct vl_call *call = c->app->call;
  size_t first = call->findings.n, last;

  if (VL_CALL (c->app, c->driver, power, spawn, spawn) == 0)
    return 0;
  last = call->findings.n;
  if (c->driver->driver.validates && vl_plan_check_schema (c->app, c->plan) < 0)
    vl_findings_drop (call, first, last);
  return -1;
}

static int
make_guest (struct creation *c)
{
  struct vl_spawn spawn = { .size = sizeof spawn,
                            .power_on = 1,
                            .uuid = c->uuid,
                            .domain = c->domain,
                            .run_dir = c->dir,
                            .doc = c->plan->build.doc,
                            .host = c->plan->build.host };

  vl_progress (c->app->call, "making the disks of \"%s\"", c->name);
  if (mkdir (c->dir, 0700) < 0)
    return vl_storage_failed (c->app->call, "cannot make", c->dir, errno);
  if (vl_undo_done (c->store, c->uuid, VL_MADE_FOLDER, c->dir, NULL) < 0
      || vl_server_disks_make (c->app, c->plan) < 0)
    return -1;
  vl_progress (c->app->call, "starting \"%s\"", c->name);
  return spawn_or_blame (c, &spawn);
}

static int
settle (struct creation *c)
{
  struct vl_info info = { .size = sizeof info };
  const char *status;

  if (VL_CALL (c->app, c->driver, inventory, get_info, c->uuid, &info) < 0)
    return -1;
  status = vl_status_of ("ACTIVE", info.state, 1);
  if (vl_db_begin (c->store) < 0)
    return -1;
  return vl_db_finish (c->store, vl_record_set_status (c->store, c->uuid, status, NULL) < 0
                                     ? -1
                                     : vl_undo_end (c->store, c->uuid));
}

/* What cannot be undone now stays in the log, and the record says so. */
static void
take_back (struct creation *c, size_t first_finding)
{
  const char *fault = vl_fault_text (c->app->call, first_finding);
  int result = vl_undo_roll_back (c->app, c->store, c->uuid);

  if (result < 0) {
    vl_record_set_status (c->store, c->uuid, "ERROR", fault);
    return;
  }
  if (vl_db_begin (c->store) < 0)
    return;
  result = vl_db_run (c->store, "DELETE FROM server WHERE uuid = ?", "s", c->uuid);
  vl_db_finish (c->store, result < 0 ? -1 : vl_undo_end (c->store, c->uuid));
}

static int
create (struct creation *c)
{
  VL_AUTOLOCK struct vl_lock lock = VL_LOCK_NONE;
  size_t first = c->app->call->findings.n;

  remember_settings (c);
  c->name = c->plan->request->name;
  c->dir = vl_server_dir (c->app, c->uuid);
  vl_domain_name (c->uuid, c->domain);
  if (c->dir == NULL || vl_app_conn (c->app, c->driver) == NULL
      || vl_lock_take (c->app, "servers", c->uuid, 1, &lock) < 0 || vl_db_begin (c->store) < 0
      || vl_db_finish (c->store, insert_all (c)) < 0)
    return -1;
  if (make_guest (c) == 0 && settle (c) == 0)
    return 0;
  take_back (c, first);
  return -1;
}

/* A server is made on the host that it was planned for. */
static struct vl_host *
host_for (struct vl_app *app, struct vl_plugin *driver)
{
  if (app->options.host_file == NULL || driver->driver.host_file)
    return vl_app_host_of (app, driver);
  vl_error (app->call, VL_ERR_USAGE, NULL, NULL,
            "driver \"%s\" makes servers on this machine, not on the host of a file", driver->name);
  vl_hint (app->call, "leave --host out, or use virtloom plan");
  return NULL;
}

int
vl_server_create (struct vl_app *app, const struct vl_create_options *options, const char **uuid)
{
  struct creation c = { .app = app };
  VL_AUTOFREE char *json = NULL;
  struct vl_request *request;
  struct vl_host *host;
  char text[37];
  int result = -1;

  if (vl_name_check (app->call, &vl_noun_server, options->name) < 0)
    return -1;
  c.store = vl_app_store (app);
  if (c.store == NULL)
    return -1;
  vl_recover (app, c.store);
  c.driver = vl_app_driver_plugin (app);
  host = c.driver ? host_for (app, c.driver) : NULL;
  if (host == NULL)
    return -1;
  vl_uuid_random (text);
  c.uuid = vl_arena_strdup (app->call->arena, text);
  vl_host_forget_use (host);
  json = vl_create_request (app, options, c.uuid);
  request = json ? vl_stored_request (app, json, "the command line") : NULL;
  c.plan =
      request ? vl_plan_build (app, request, c.driver, host, ! c.driver->driver.validates) : NULL;
  if (c.plan && c.plan->ok)
    result = create (&c);
  vl_plan_free (c.plan);
  if (result == 0 && uuid)
    *uuid = c.uuid;
  return result;
}
