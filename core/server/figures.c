/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Figures of the host and of guests, where guests' consoles are reached, and what is to be seen
 * there. */

#include <config.h>

#include "server/hooks.h"
#include "server/method.h"
#include "server/new-file.h"
#include "server/record.h"

#include "lib/file.h"
#include "lib/text.h"

#include <virtloom/virtloom.h>

#include <errno.h>
#include <sys/stat.h>

/* Who looks gets an answer within two seconds. */
#define LOOK_MS 1500
/* The operation, as the state machine has it. */
#define FIGURES "show diagnostics"

/* What the disks of servers may still grow by, in bytes: Nova's over-commit. */
static int
measure_growth (struct vl_app *app, int64_t *bytes)
{
  struct {
    const char *source, *size;
  } * disks;
  const char *state = vl_app_state_dir (app);
  struct vl_store *store;
  size_t n = 0;

  *bytes = 0;
  if (vl_app_store_if_any (app, &store) < 0)
    return -1;
  if (store
      && vl_db_rows (store, &disks, &n,
                     "SELECT source, size FROM device WHERE role = 'current' AND NOT is_nic AND "
                     "type = 'file' AND size > 0",
                     "")
             < 0)
    return -1;
  for (size_t i = 0; i < n; i++) {
    int64_t size = strtoll (disks[i].size, NULL, 10), used;
    struct stat st;

    /* Volumes are not of this disk, and nobody says that they grow. */
    if (disks[i].source == NULL || ! VL_STARTS (disks[i].source, state)
        || stat (disks[i].source, &st) < 0)
      continue;
    used = (int64_t)st.st_blocks * 512;
    *bytes += size > used ? size - used : 0;
  }
  return 0;
}

/* The capability flags of DRIVER that follow from its calls, as traits. */
static const char *const *
traits_of (struct vl_call *call, const struct vl_plugin *driver)
{
  const struct {
    const char *trait;
    int has;
  } flags[] = {
    { "COMPUTE_NODE", 1 },
    { "COMPUTE_NET_ATTACH_INTERFACE", VL_CALL_FN (driver, devices, attach_interface) != NULL },
  };
  const char **traits = vl_memory (call, (sizeof flags / sizeof flags[0] + 1) * sizeof *traits);
  size_t n = 0;

  for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
    if (flags[i].has)
      traits[n++] = flags[i].trait;
  return traits;
}

struct room {
  struct vl_app *app;
  const char *store;
  int64_t total, used;
};

static int
ask_capacity (struct vl_call *call, struct vl_plugin *plugin, void *arg)
{
  struct room *room = arg;

  return plugin->feature.storage->capacity (call, vl_app_state_dir (room->app), &room->store,
                                            &room->total, &room->used);
}

/* New disks may be made elsewhere than beside STATE: then that is the room which counts.  Where it is
 * not known, after a warning, no room is. */
static void
measure_store (struct vl_app *app, struct vl_resources *resources)
{
  const char *type = vl_config_str (app->config, "storage.images_type");
  struct vl_plugin *plugin =
      type ? vl_registry_answer (app->registry, VL_ANSWER_IMAGES, type) : NULL;
  struct room room = { .app = app, .total = -1, .used = -1 };
  size_t first = app->call->findings.n;

  if (plugin == NULL || VL_GROUP_FN (plugin, storage, capacity) == NULL)
    return;
  if (vl_group_run (app, plugin, "capacity", ask_capacity, &room) < 0)
    room.total = room.used = -1;
  vl_soften (app->call, first);
  resources->local_bytes = room.total;
  resources->local_bytes_used = room.used;
}

int
vl_host_usage (struct vl_app *app, struct vl_usage *usage)
{
  struct vl_plugin *driver = vl_app_driver_plugin (app);
  struct vl_host *host = driver ? vl_app_host_of (app, driver) : NULL;
  size_t first = app->call->findings.n;
  int64_t growth;

  *usage = (struct vl_usage) { .host = host, .uptime = -1 };
  usage->resources = (struct vl_resources) {
    .size = sizeof usage->resources, -1, -1, -1, -1, NULL, NULL, -1, -1, -1, -1
  };
  usage->cpu = (struct vl_host_cpu) { .size = sizeof usage->cpu };
  if (host == NULL || measure_growth (app, &growth) < 0)
    return -1;
  usage->traits = traits_of (app->call, driver);
  app->call->host = host;
  vl_patience_set (app->call, LOOK_MS);
  VL_CALL (app, driver, inventory, get_available_resource, &usage->resources);
  VL_CALL (app, driver, inventory, get_host_cpu_stats, &usage->cpu);
  VL_CALL (app, driver, inventory, get_host_uptime, &usage->uptime);
  vl_patience_set (app->call, 0);
  app->call->host = NULL;
  measure_store (app, &usage->resources);
  /* What is known is shown beside what is not. */
  if (usage->resources.local_bytes >= 0 || usage->uptime >= 0)
    vl_soften (app->call, first);
  usage->local_free = usage->resources.local_bytes < 0
                          ? -1
                          : usage->resources.local_bytes - usage->resources.local_bytes_used;
  usage->growth = growth;
  return app->call->findings.n_errors ? -1 : 0;
}

/* ---- guests ---- */

struct asking {
  const struct vl_record *record; /* of the server that is asked about, NULL: all guests */
  const char *status;             /* as that server is found to be */
  vl_diagnostics_fn fn;
  void *opaque;
};

static int
only_accepted (void *opaque, const struct vl_diagnostics *d)
{
  struct asking *asking = opaque;

  if (asking->record)
    asking->status = vl_status_of (asking->record->status, d->state, 1);
  return asking->status && ! vl_operation_is_for (vl_operation_find (FIGURES), asking->status)
             ? 0
             : asking->fn (asking->opaque, d);
}

int
vl_server_diagnostics (struct vl_app *app, const char *server, vl_diagnostics_fn fn, void *opaque)
{
  const struct vl_record *record = server ? vl_record_find (app, server) : NULL;
  struct vl_plugin *driver = record   ? vl_app_driver_named (app, record->driver)
                             : server ? NULL
                                      : vl_app_driver_plugin (app);
  struct asking asking = { record, NULL, fn, opaque };
  int result;

  if (driver == NULL)
    return -1;
  result = VL_CALL (app, driver, inventory, get_instance_diagnostics, record ? record->uuid : NULL,
                    only_accepted, &asking);
  return result == 0 && asking.status
             ? vl_record_accepts (app->call, record, asking.status, FIGURES)
             : result;
}

const char *
vl_server_name (struct vl_app *app, const char *uuid)
{
  struct vl_store *store;
  const char *name = NULL;

  if (vl_app_store_if_any (app, &store) < 0 || store == NULL)
    return NULL;
  vl_db_row (store, &name, "SELECT name FROM server WHERE uuid = ?", "s", uuid);
  return name;
}

/* ---- volumes ---- */

struct volume_row {
  const char *server, *uuid, *id, *source, *target;
};
struct counting {
  const struct volume_row *rows;
  size_t n;
  vl_volume_usage_fn fn;
  void *opaque;
};

/* Nothing is known of a disk whose figures the hypervisor does not have. */
static int
count_volumes (void *opaque, const struct vl_diagnostics *d)
{
  const struct counting *counting = opaque;
  int result = 0;

  for (size_t i = 0; i < counting->n && result == 0; i++) {
    const struct volume_row *row = &counting->rows[i];

    for (size_t k = 0; VL_STREQ (row->uuid, d->uuid) && k < d->n_disks && result == 0; k++)
      if (VL_STREQ (d->disks[k].target, row->target) && d->disks[k].read_requests >= 0)
        result = counting->fn (counting->opaque,
                               &(struct vl_volume_usage) { row->server, row->uuid, row->id,
                                                           row->source, &d->disks[k] });
  }
  return result;
}

int
vl_host_volume_usage (struct vl_app *app, vl_volume_usage_fn fn, void *opaque)
{
  struct vl_plugin *driver = vl_app_driver_plugin (app);
  struct counting counting = { .fn = fn, .opaque = opaque };
  struct volume_row *rows = NULL;
  struct vl_store *store;

  if (driver == NULL || vl_app_store_if_any (app, &store) < 0)
    return -1;
  if (store
      && vl_db_rows (store, &rows, &counting.n,
                     "SELECT server.name, uuid, device.id, source, target FROM device JOIN server "
                     "ON server = uuid WHERE role = 'current' AND NOT is_nic AND purpose = "
                     "'volume' AND driver = ? ORDER BY server.name, target",
                     "s", driver->name)
             < 0)
    return -1;
  counting.rows = rows;
  return VL_CALL (app, driver, inventory, get_instance_diagnostics, NULL, count_volumes, &counting);
}

/* ---- consoles ---- */

enum console { CONSOLE_NONE, CONSOLE_VNC, CONSOLE_SPICE, CONSOLE_SERIAL };

/* Nova's names for them, and those that no guest here has. */
static const struct {
  const char *name;
  enum console console;
} consoles[] = {
  { "vnc", CONSOLE_VNC },           { "novnc", CONSOLE_VNC },          { "spice", CONSOLE_SPICE },
  { "spice-html5", CONSOLE_SPICE }, { "spice-direct", CONSOLE_SPICE }, { "serial", CONSOLE_SERIAL },
  { "rdp", CONSOLE_NONE },          { "rdp-html5", CONSOLE_NONE },     { "webmks", CONSOLE_NONE },
  { "xvpvnc", CONSOLE_NONE },
};

/* 0 with *CONSOLE, or -1 after a finding. */
static int
console_named (struct vl_call *call, const char *type, enum console *console)
{
  for (size_t i = 0; i < sizeof consoles / sizeof consoles[0]; i++)
    if (VL_STREQ (consoles[i].name, type)) {
      *console = consoles[i].console;
      return *console != CONSOLE_NONE
                 ? 0
                 : vl_refuse_as (call, VL_ERR_UNSUPPORTED, "ConsoleTypeUnavailable", NULL,
                                 "accepted: vnc, spice, serial",
                                 "no guest here has a console of type %s", type);
    }
  return vl_refuse_as (call, VL_ERR_USAGE, "ConsoleTypeInvalid", NULL, NULL,
                       "there is no console of type '%s'; accepted: vnc, spice, serial", type);
}

int
vl_server_console (struct vl_app *app, const char *server, const char *type,
                   struct vl_console *found)
{
  const struct vl_record *record = NULL;
  const struct vl_server_info *info;
  struct vl_plugin *driver;
  enum console console;

  *found = (struct vl_console) { .size = sizeof *found };
  if (console_named (app->call, type, &console) < 0)
    return -1;
  info = vl_server_find (app, server);
  record = info ? vl_record_find (app, info->uuid) : NULL;
  driver = record ? vl_app_driver_named (app, record->driver) : NULL;
  if (driver == NULL)
    return -1;
  if (vl_record_accepts (app->call, record, info->status, "console") < 0)
    return -1;
  switch (console) {
  case CONSOLE_VNC:
    return VL_CALL (app, driver, console, get_vnc_console, record->uuid, found);
  case CONSOLE_SPICE:
    return VL_CALL (app, driver, console, get_spice_console, record->uuid, found);
  default:
    return VL_CALL (app, driver, console, get_serial_console, record->uuid, found);
  }
}

/* Takes no job: to look holds up nobody. */
static int
take_picture (struct vl_app *app, const char *server, const void **png, size_t *length)
{
  const struct vl_server_info *info = vl_server_find (app, server);
  const struct vl_record *record = info ? vl_record_find (app, info->uuid) : NULL;
  struct vl_plugin *driver = record ? vl_app_driver_named (app, record->driver) : NULL;

  return driver == NULL || vl_record_accepts (app->call, record, info->status, "screenshot") < 0
             ? -1
             : VL_CALL (app, driver, console, screenshot, record->uuid, png, length);
}

int
vl_server_screenshot (struct vl_app *app, const char *server, const char *file, int fd)
{
  VL_AUTONEWFILE struct vl_new_file new = { .fd = -1 };
  struct vl_call *call = app->call;
  const void *png = NULL;
  size_t length = 0;

  if ((file && vl_new_file_begin (call, &new, file, 0600) < 0)
      || take_picture (app, server, &png, &length) < 0)
    return -1;
  if (vl_file_write_all (file ? new.fd : fd, png, length) < 0)
    return vl_file_failed (call, "cannot write", file ? file : "stdout", errno);
  return file ? vl_new_file_keep (call, &new) : 0;
}

int
vl_server_console_hold (struct vl_app *app, const char *server)
{
  const struct vl_record *record = vl_record_find (app, server);
  const char *name = record ? vl_printf (app->call, "console-%s", record->uuid) : NULL;
  struct vl_lock lock = VL_LOCK_NONE;
  int got = record && app->console == NULL ? vl_lock_take (app, "locks", name, 0, &lock) : -1;

  if (got == 0) {
    app->console = VL_NEW (struct vl_lock);
    *app->console = lock;
  }
  if (got <= 0)
    return got;
  return vl_refuse_as (app->call, VL_ERR_UNREACHABLE, "ConsoleInUse", NULL,
                       vl_printf (app->call,
                                  "end that one, or look: virtloom server console --follow "
                                  "%s",
                                  vl_name_word (app->call->arena, record->name)),
                       "the serial console of server \"%s\" is in use%s", record->name,
                       vl_wait_holder (app->call, vl_printf (app->call, "%s/locks/%s.lock",
                                                             vl_app_state_dir (app), name)));
}
