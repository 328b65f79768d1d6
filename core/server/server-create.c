/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Making a server: plan, reserve, disks, guest, record.  Each thing is in the
 * undo log before it is made; no transaction is open while a driver works. */

#include <config.h>

#include "request/disks.h"
#include "server/hooks.h"
#include "server/method.h"
#include "server/session.h"
#include "server/record.h"
#include "server/stored.h"
#include "server/undo.h"

#include "storage/storage.h"

#include <errno.h>
#include <sys/stat.h>

struct creation {
  struct vl_app *app;
  struct vl_store *store;
  struct vl_plugin *driver;
  struct vl_plan *plan;
  struct vl_record record;
  struct vl_hooks hooks;
  const char *uuid, *name, *dir;
  char domain[16];
  int given; /* the request says which uuid */
};

/* ---- the record ---- */

/* What the guest's disks are made as is kept with the request: a disk that is there
 * does not change with the settings.  So is what tells its devices apart, which
 * otherwise would follow from their places. */
static void
complete_request (struct creation *c)
{
  const struct vl_guest *guest = c->plan->build.guest;
  struct vl_request *request = c->plan->request;

  request->disk_kind = vl_str (c->plan->call, VL_STORAGE_IMAGES_TYPE);
  for (size_t i = 0; i < guest->n_nics; i++) {
    struct vl_network *network = &request->networks[guest->nics[i].index];

    network->id = guest->nics[i].id;
    network->address = guest->nics[i].mac;
  }
  for (size_t i = 0; i < request->n_devices; i++)
    if (vl_is_volume (&request->devices[i]))
      request->devices[i].uuid = vl_volume_id (c->plan->call, guest, &request->devices[i]);
}

/* The document's keys are written first: they name the secrets, of which the request
 * keeps nothing. */

static int
insert_record (struct creation *c)
{
  struct vl_request *request = c->plan->request;
  VL_AUTOFREE char *json = NULL;

  complete_request (c);
  if (vl_db_run (c->store,
                 "INSERT INTO server (uuid, name, domain, status, flavor, image, image_uuid, "
                 "driver, created, request, xml, properties, facts) "
                 "VALUES (?, ?, ?, 'BUILD', ?, ?, ?, ?, ?, '', '', '', '')",
                 "ssssssss", c->uuid, c->name, c->domain,
                 request->flavor.name ? request->flavor.name : "",
                 request->image.given ? request->image.name : NULL,
                 request->image.given ? request->image.uuid : NULL, c->driver->name,
                 vl_now_text (c->app->call))
          < 0
      || vl_stored_write (c->store, c->uuid, VL_ROLE_CURRENT, c->plan) < 0)
    return -1;
  vl_request_forget_secrets (c->plan->build.guest, request);
  json = vl_request_to_json (request);
  return vl_db_run (
      c->store, "UPDATE server SET request = ?, given = ? WHERE uuid = ?", "sss", json,
      vl_record_given (c->app->call, request->admin_pass, request->files, request->n_files),
      c->uuid);
}

static int
take_image (struct vl_app *app, const char *server, const char *path, const char *what)
{
  const char *uuid = path ? strrchr (path, '/') : NULL;
  int there;

  if (path == NULL)
    return 0;
  uuid = uuid ? uuid + 1 : path;
  if (! VL_STREQ (path, vl_image_path (app, uuid)))
    return 0;
  there =
      vl_db_any (app->store, "SELECT 1 FROM image WHERE uuid = ? AND status = 'active'", "s", uuid);
  if (there < 0)
    return -1;
  if (there == 0)
    return vl_refuse_as (app->call, VL_ERR_NOT_FOUND, "ImageNotFound", NULL, NULL,
                         "the image of the %s was deleted, or left the cache, meanwhile", what);
  return vl_db_run (app->store, "INSERT OR IGNORE INTO server_image VALUES (?, ?)", "ss", server,
                    uuid);
}

int
vl_server_images_take (struct vl_app *app, const char *server, const char *file, const char *what,
                       const struct vl_request_image *image)
{
  return take_image (app, server, file, what) < 0
                 || take_image (app, server, image->kernel, "kernel") < 0
                 || take_image (app, server, image->ramdisk, "ramdisk") < 0
             ? -1
             : 0;
}

int
vl_server_images_leave (struct vl_store *store, const char *server)
{
  /* An image is called by its uuid in what is made of it, but the one that a server is shelved in. */
  return vl_db_run (
      store,
      "DELETE FROM server_image WHERE server = ?1 AND EXISTS (SELECT 1 FROM document "
      "WHERE server = ?1) AND NOT EXISTS (SELECT 1 FROM server WHERE uuid = ?1 AND "
      "status = 'SHELVED_OFFLOADED') AND NOT EXISTS (SELECT 1 FROM document WHERE server = ?1 "
      "AND instr (xml, image) > 0)",
      "s", server);
}

/* The images that the server cannot do without. */
static int
insert_images (struct creation *c)
{
  const struct vl_request *request = c->plan->request;
  const struct vl_guest *guest = c->plan->build.guest;
  const char *file = NULL;

  for (size_t i = 0; i < guest->n_disks; i++)
    for (const struct vl_source *below = guest->sources[i].backing; below; below = below->backing)
      if (below->path && request->image.file && VL_STREQ (below->path, request->image.file))
        file = below->path;
  return vl_server_images_take (c->app, c->uuid, file, "root disk", &request->image);
}

static int
refuse_uuid (struct vl_app *app, const char *what)
{
  return vl_refuse_as (app->call, VL_ERR_REQUEST, "InstanceExists", NULL,
                       "leave the uuid out of the request, or give another one", "%s", what);
}

int
vl_server_judge_free (struct vl_app *app, const char *uuid, const char *name)
{
  const char *other[2] = { NULL, NULL };
  struct vl_store *store;
  char domain[16];
  int there;

  if (vl_app_store_if_any (app, &store) < 0)
    return -1;
  there = store && name ? vl_db_any (store, "SELECT 1 FROM server WHERE name = ?", "s", name) : 0;
  if (there)
    return there < 0 ? -1 : vl_exists (app->call, &vl_noun_server, name);
  vl_domain_name (uuid, domain);
  there = store ? vl_db_row (store, other,
                             "SELECT uuid, name FROM server WHERE uuid = ?1 OR domain = ?2 "
                             "ORDER BY uuid <> ?1",
                             "ss", uuid, domain)
                : 0;
  if (there <= 0)
    return there;
  return refuse_uuid (app, VL_STREQ (other[0], uuid)
                               ? vl_printf (app->call,
                                            "the uuid %s of the request is that of server \"%s\"",
                                            uuid, other[1])
                               : vl_printf (app->call,
                                            "the uuid %s of the request begins with the 12 digits "
                                            "of server \"%s\", and the guest is named by them: %s",
                                            uuid, other[1], domain));
}

/* A uuid that a request gives may be that of a guest which is not ours, and which undoing must
 * not take for ours. */
static int
check_uuid (struct creation *c)
{
  int there = vl_server_judge_free (c->app, c->uuid, NULL);

  if (there == 0)
    there = VL_CALL (c->app, c->driver, inventory, instance_exists, c->uuid);
  return there > 0 ? refuse_uuid (c->app,
                                  vl_printf (c->app->call,
                                             "the uuid %s of the request is that of a guest of the "
                                             "hypervisor that is no server of this STATE",
                                             c->uuid))
                   : there;
}

static int
insert_all (struct creation *c)
{
  if (vl_server_judge_free (c->app, c->uuid, c->name) < 0 || vl_plan_again (c->app, c->plan) < 0
      || insert_record (c) < 0 || insert_images (c) < 0
      || vl_claims_write (c->app, c->uuid, VL_ROLE_CURRENT, c->plan) < 0)
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

  if (vl_driver_spawn (c->app, c->driver, spawn) == 0)
    return 0;
  last = call->findings.n;
  if (c->driver->driver.validates && vl_plan_check_schema (c->app, c->plan) < 0)
    vl_findings_drop (call, first, last);
  return -1;
}

static int
make_guest (struct creation *c)
{
  struct vl_spawn spawn;

  c->app->call->host = c->plan->build.host;
  vl_progress (c->app->call, "making the disks of \"%s\"", c->name);
  if (vl_undo_mkdir (c->store, c->uuid, c->dir) < 0)
    return -1;
  if (vl_server_disks_make (&c->hooks, c->plan) < 0)
    return -1;
  vl_progress (c->app->call, "starting \"%s\"", c->name);
  c->app->call->addresses = NULL;
  c->app->call->host = c->plan->build.host;
  return vl_hooks_prepare (&c->hooks) < 0
                 || vl_record_spawn (c->app, &c->record, c->plan->build.doc, &spawn) < 0
             ? -1
             : spawn_or_blame (c, &spawn);
}

/* The record is there: plugins see the server as they will from now on. */
static int
ask_plugins (struct creation *c)
{
  if (vl_record_load (c->store, c->uuid, &c->record) != 1
      || vl_hooks_load (&c->hooks, c->app, &c->record, VL_ROLE_CURRENT) < 0)
    return -1;
  return vl_hooks_permit (&c->hooks, VL_OP_CREATE, 0);
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
  return vl_db_finish (c->store,
                       vl_record_set_status (c->store, c->uuid, status, NULL) < 0
                               || vl_addresses_write (c->store, c->uuid) < 0
                               || vl_event_add (c->store, c->uuid, VL_EVENT_CREATED, NULL) < 0
                               || vl_event_add (c->store, c->uuid, VL_EVENT_STARTED, NULL) < 0
                           ? -1
                           : vl_undo_end (c->store, c->uuid));
}

/* What cannot be undone now stays in the log, and the record says so. */
static void
take_back (struct creation *c, size_t first_finding)
{
  const char *fault = vl_fault_text (c->app->call, first_finding);

  vl_history_end (c->store, c->uuid, "failed", fault);
  if (vl_undo_roll_back (c->app, c->store, c->uuid) < 0)
    vl_record_set_status (c->store, c->uuid, "ERROR", fault);
  else
    vl_server_forget (c->app, c->uuid, NULL);
}

static int
create (struct creation *c)
{
  VL_AUTOLOCK struct vl_lock lock = VL_LOCK_NONE;
  size_t first = c->app->call->findings.n;

  c->name = c->plan->request->name;
  c->dir = vl_server_dir (c->app, c->uuid);
  vl_domain_name (c->uuid, c->domain);
  if (c->dir == NULL || vl_app_conn (c->app, c->driver) == NULL || (c->given && check_uuid (c) < 0)
      || vl_lock_take (c->app, "servers", c->uuid, VL_LOCK_OTHER, &lock) < 0
      || vl_db_begin (c->store) < 0 || vl_db_finish (c->store, insert_all (c)) < 0)
    return -1;
  if (ask_plugins (c) == 0 && make_guest (c) == 0 && settle (c) == 0) {
    vl_undo_unmark (c->app->call, c->dir);
    return 0;
  }
  take_back (c, first);
  return -1;
}

/* A server is made on the host that it was planned for. */
static struct vl_host *
host_for (struct vl_app *app, struct vl_plugin *driver)
{
  if (app->options.host_file == NULL || driver->driver.host_file)
    return vl_app_host_of (app, driver);
  vl_refuse (app->call, VL_ERR_USAGE, NULL, "leave --host out, or use virtloom plan",
             "driver \"%s\" makes servers on this machine, not on the host of a file",
             driver->name);
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
  request = json ? vl_stored_request (app, json, vl_create_origin (options)) : NULL;
  if (request) {
    c.given = ! VL_STREQ (request->uuid, c.uuid);
    c.uuid = vl_arena_strdup (app->call->arena, request->uuid);
    request->admin_pass = vl_arena_strdup (request->arena, options->password);
    request->files = options->files;
    request->n_files = options->n_files;
  }
  if (request && vl_images_ready (app, request, 1) < 0) {
    vl_request_free (request);
    request = NULL;
  }
  c.plan = request
               ? vl_plan_build (app, request, c.driver, host, NULL, ! c.driver->driver.validates)
               : NULL;
  if (c.plan && vl_plan_check_critical (app, c.plan) == 0)
    result = create (&c);
  vl_hooks_free (&c.hooks);
  vl_events_tell (app);
  vl_plan_free (c.plan);
  if (result == 0 && uuid)
    *uuid = c.uuid;
  return result;
}
