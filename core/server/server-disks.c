/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * From the disks and NICs that a plan lays out to what is behind them: the plugins that
 * reach them are called.  The layout and the list of wanted disks go in step: the same
 * request, the same order. */

#include <config.h>

#include "server/hooks.h"

#include "lib/file.h"
#include "request/disks.h"
#include "server/metadata.h"
#include "server/undo.h"

struct disk_work {
  const struct vl_hooks *hooks;
  struct vl_app *app;
  const struct vl_request *request;
  const struct vl_guest *guest;
  const struct vl_disk *disk;
  struct vl_volume volume;
  const struct vl_source *source;
};

/* ---- calls of storage plugins ---- */

typedef int (*storage_fn) (struct vl_call *, const struct vl_volume *, const struct vl_source *);

/* What is to be called: of a storage plugin with VOLUME and SOURCE, or of a network
 * plugin with NIC. */
struct order {
  const char *name;
  storage_fn fn;
  const struct vl_volume *volume;
  const struct vl_source *source;
  const char *path; /* of a snapshot, which is made there */
  int (*nic_fn) (struct vl_call *, const struct vl_nic *);
  const struct vl_nic *nic;
};

static int
obey (struct vl_call *call, struct vl_plugin *plugin, const void *arg)
{
  const struct order *order = arg;

  if (order->path)
    return plugin->feature.storage->snapshot (call, order->volume, order->source, order->path,
                                              order->source->format);
  return order->fn ? order->fn (call, order->volume, order->source)
                   : order->nic_fn (call, order->nic);
}

/* Has PLUGIN do ORDER for the server of HOOKS. */
static int
act (const struct vl_hooks *hooks, struct vl_plugin *plugin, const struct order *order)
{
  if (order->fn == NULL && order->nic_fn == NULL && order->path == NULL)
    return vl_refuse_as (hooks->app->call, VL_ERR_UNSUPPORTED, "NotImplemented", NULL, NULL,
                         "storage plugin \"%s\" does not have the call \"%s\"", plugin->name,
                         order->name);
  return vl_acting_run (hooks, plugin, VL_PHASE_GROUP, order->name, obey, order);
}

/* The plugin NAME, which reaches DEVICE; GONE: of a server that is deleted, or loses it. */
static struct vl_plugin *
plugin_named (const struct vl_hooks *hooks, const char *name, int network, const char *device,
              int gone)
{
  struct vl_app *app = hooks->app;
  struct vl_plugin *plugin = vl_registry_find (app->registry, name);
  const char *absent = vl_feature_absent (app, name), *hint = vl_feature_hint (app, name);

  if (absent == NULL && (network ? (const void *)plugin->feature.network : plugin->feature.storage))
    return plugin;
  if (gone && hooks->record && VL_STREQ (hooks->record->status, "DELETING"))
    hint = vl_printf (app->call,
                      "%s; to give up what it reaches: virtloom server delete --abandon %s %s",
                      hint, name, vl_name_word (app->call->arena, hooks->record->name));
  vl_refuse_as (app->call, VL_ERR_REFUSED, "FeatureUnavailable", NULL, hint,
                "plugin \"%s\", which reaches '%s', %s", name, device,
                absent    ? absent
                : network ? "reaches no networks any more"
                          : "reaches no disks any more");
  return NULL;
}

static int
act_on (const struct disk_work *w, struct vl_plugin *plugin, const char *name, storage_fn fn)
{
  return act (
      w->hooks, plugin,
      &(struct order) { .name = name, .fn = fn, .volume = &w->volume, .source = w->source });
}

/* Has its plugin plug NIC in, or with GONE unplug it; no call is nothing to do. */
static int
act_nic (const struct vl_hooks *hooks, const struct vl_nic *nic, int gone)
{
  struct vl_plugin *plugin = plugin_named (hooks, nic->plugin, 1, nic->id, gone);
  struct order order = { .name = gone ? "unplug" : "plug", .nic = nic };

  if (plugin == NULL)
    return -1;
  order.nic_fn = gone ? plugin->feature.network->unplug : plugin->feature.network->plug;
  return order.nic_fn ? act (hooks, plugin, &order) : 0;
}

/* ---- making ---- */

/* The image that the disk can be cloned from: 1, with *INFO; 0: it is a file; -1 after findings. */
static int
find_clone (struct disk_work *w, struct vl_plugin *plugin, const struct vl_request_image *image,
            const struct vl_image_info **info)
{
  const char *name = image->file ? strrchr (image->file, '/') : NULL;

  if (! VL_STREQ (w->disk->role, "root") || name == NULL
      || vl_db_any (w->app->store, "SELECT 1 FROM image WHERE uuid = ? AND url IS NOT NULL", "s",
                    name + 1)
             <= 0)
    return 0;
  *info = vl_image_find (w->app, name + 1);
  return *info ? vl_image_clones (w->app, *info, plugin) : -1;
}

static int
make_clone (struct disk_work *w, struct vl_plugin *plugin, const struct vl_image_info *info,
            int64_t size)
{
  w->volume.image = NULL;
  w->volume.image_url = info->url;
  w->volume.image_bytes = info->virtual_size;
  return vl_image_admit_bytes (w->app->call, info->virtual_size, size, &w->volume.bytes) < 0
             ? -1
             : act_on (w, plugin, "make", plugin->feature.storage->make);
}

/* The image is judged here, and the plugin gets the very file that was. */
static int
make_of_image (struct disk_work *w, struct vl_plugin *plugin)
{
  const struct vl_request_image *image = vl_image_of (w->request, w->disk->role);
  /* The disk of a rescue is as large as its image. */
  int64_t size = VL_STREQ (w->disk->role, "rescue") ? 0 : w->request->flavor.disk * VL_GIB;
  struct vl_call *call = w->app->call;
  VL_AUTOIMAGE struct vl_image_file file = { .fd = -1 };
  const struct vl_image_info *info = NULL;
  int clone = find_clone (w, plugin, image, &info);

  if (clone)
    return clone < 0 ? -1 : make_clone (w, plugin, info, size);
  if (image->file == NULL)
    return vl_refuse_as (call, VL_ERR_NOT_FOUND, "ImageNotFound", NULL, NULL,
                         "image \"%s\" is not in STATE", image->name ? image->name : "");
  if (vl_image_open (call, image->file, &file) < 0
      || vl_image_admit (&file, image->disk_format, size, &w->volume.bytes) < 0)
    return -1;
  w->volume.image_bytes = file.virtual_size;
  return act_on (w, plugin, "make", plugin->feature.storage->make);
}

static int
make_local (struct disk_work *w)
{
  struct vl_plugin *plugin = plugin_named (w->hooks, w->disk->plugin, 0, w->disk->id, 0);

  if (plugin == NULL)
    return -1;
  if (w->volume.image)
    return make_of_image (w, plugin);
  if (w->volume.bytes <= 0)
    return vl_refuse_as (w->app->call, VL_ERR_REQUEST, "InvalidBDM", NULL, NULL,
                         "%s is a disk without a volume_size", w->disk->why);
  return act_on (w, plugin, "make", plugin->feature.storage->make);
}

static int
make_config (struct disk_work *w)
{
  VL_AUTOFREE struct vl_drive_file *files = NULL;
  size_t n;

  return vl_drive_files (w->app->call, w->app->config, w->request, w->guest, &files, &n) < 0
             ? -1
             : vl_disk_create_config (w->app->call, w->app->config, w->disk->source, files, n);
}

/* A volume is not ours: it is connected, never made and never removed. */
static int
connect_volume (struct disk_work *w)
{
  struct vl_call *call = w->app->call;
  struct vl_plugin *plugin;

  if (w->disk->plugin) {
    plugin = plugin_named (w->hooks, w->disk->plugin, 0, w->disk->id, 0);
    if (plugin == NULL
        || (plugin->feature.storage->connect
            && act_on (w, plugin, "connect", plugin->feature.storage->connect) < 0))
      return -1;
  } else if (w->guest->disk_devices[w->disk->index]->path == NULL)
    return vl_refuse_as (call, VL_ERR_REQUEST, "InvalidBDM", NULL,
                         "give its connection_info, or a file with --volume path=FILE,format=raw",
                         "%s does not say where the volume is", w->disk->why);
  return 0;
}

int
vl_server_disks_make (const struct vl_hooks *hooks, const struct vl_plan *plan)
{
  const struct vl_guest *guest = plan->build.guest;
  struct vl_app *app = hooks->app;
  struct disk_work w = { hooks, app, .request = plan->request, .guest = guest };
  int result = 0;

  vl_call_about (app->call, plan->build.guest);
  for (size_t i = 0; i < guest->n_disks && result == 0; i++) {
    w.disk = &guest->disks[i];
    w.volume = guest->volumes[i];
    w.source = &guest->sources[i];
    /* What is written down first is undone wherever this ends. */
    if (w.disk->plugin)
      result = vl_undo_plan (app->store, plan->request->uuid, VL_MADE_DEVICE, w.disk->id);
    if (result == 0)
      result = guest->disk_devices[i] && vl_is_volume (guest->disk_devices[i]) ? connect_volume (&w)
               : w.disk->plugin                                                ? make_local (&w)
                                                                               : make_config (&w);
  }
  for (size_t i = 0; i < guest->n_nics && result == 0; i++) {
    result = vl_undo_plan (app->store, plan->request->uuid, VL_MADE_DEVICE, guest->nics[i].id);
    if (result == 0)
      result = act_nic (hooks, &guest->nics[i], 0);
  }
  vl_call_about (app->call, NULL);
  return result;
}

int
vl_server_disk_make (const struct vl_hooks *hooks, const struct vl_plan *plan, size_t i,
                     const char *path, int grow)
{
  const struct vl_guest *guest = plan->build.guest;
  struct vl_disk disk = guest->disks[i];
  struct vl_source source = guest->sources[i];
  struct disk_work w = { .hooks = hooks,
                         .app = hooks->app,
                         .request = plan->request,
                         .guest = guest,
                         .disk = &disk,
                         .volume = guest->volumes[i],
                         .source = &source };
  struct vl_plugin *plugin;
  int result = -1;

  if (path)
    disk.source = source.path = path;
  vl_call_about (hooks->app->call, plan->build.guest);
  if (disk.plugin == NULL)
    result = make_config (&w);
  else if (! grow)
    result = make_local (&w);
  else if ((plugin = plugin_named (hooks, disk.plugin, 0, disk.id, 0)))
    result = act_on (&w, plugin, "resize", plugin->feature.storage->resize);
  vl_call_about (hooks->app->call, NULL);
  return result;
}

/* ---- of a server that is on record ---- */

/* DISK on record, of HOOKS's server, as its plugin is told of it. */
static struct vl_volume
volume_of (const struct vl_hooks *hooks, const struct vl_disk *disk)
{
  return (struct vl_volume) { .size = sizeof (struct vl_volume),
                              .id = disk->id,
                              .role = disk->role,
                              .server = hooks->record->uuid,
                              .dir = vl_server_dir (hooks->app, hooks->record->uuid),
                              .bytes = disk->size,
                              .was = disk->format,
                              .was_at = disk->source };
}

static struct vl_source
source_of (const struct vl_disk *disk)
{
  int network = VL_STREQ (disk->type, "network");

  return (struct vl_source) { .size = sizeof (struct vl_source),
                              .type = disk->type,
                              .format = disk->format,
                              .path = network ? NULL : disk->source,
                              .name = network ? disk->source : NULL };
}

int
vl_server_disk_is_read (struct vl_app *app, const struct vl_disk *disk)
{
  const struct vl_plugin *plugin =
      disk->plugin ? vl_registry_find (app->registry, disk->plugin) : NULL;

  return plugin && plugin->state == VL_PLUGIN_LOADED && VL_GROUP_FN (plugin, storage, snapshot);
}

int
vl_server_disk_read (const struct vl_hooks *hooks, const struct vl_disk *disk, const char *path)
{
  struct vl_plugin *plugin = plugin_named (hooks, disk->plugin, 0, disk->id, 0);
  const struct vl_volume volume = volume_of (hooks, disk);
  const struct vl_source source = source_of (disk);

  return plugin == NULL
             ? -1
             : act (hooks, plugin,
                    &(struct order) {
                        .name = "snapshot", .volume = &volume, .source = &source, .path = path });
}

/* Does HOW to the volume that DISK on record is; BDM is what it was asked for with. */
static int
act_recorded (const struct vl_hooks *hooks, const struct vl_disk *disk,
              const struct vl_block_device *bdm, enum vl_device_way how)
{
  /* By enum vl_device_way. */
  static const char *const of_volume[] = { "connect", "disconnect", "extend", NULL, NULL, NULL };
  static const char *const of_disk[] = { NULL, "remove", NULL, "checkpoint", "rollback", "commit" };
  int is_volume = bdm && vl_is_volume (bdm);
  const struct vl_source source = source_of (disk);
  struct vl_volume volume = volume_of (hooks, disk);
  struct order order = { .name = of_volume[how], .volume = &volume, .source = &source };
  const struct vl_storage_calls *calls;
  struct vl_plugin *plugin;

  if ((is_volume ? of_volume : of_disk)[how] == NULL)
    return 0;
  volume.connection = is_volume ? bdm->connection_info : NULL;
  plugin = plugin_named (hooks, disk->plugin, 0, disk->id, how == VL_DEVICE_GOES);
  if (plugin == NULL)
    return -1;
  calls = plugin->feature.storage;
  if (! is_volume)
    order.name = of_disk[how];
  order.fn = how == VL_DEVICE_HOLDS     ? VL_GROUP_FN (plugin, storage, checkpoint)
             : how == VL_DEVICE_RETURNS ? VL_GROUP_FN (plugin, storage, rollback)
             : how == VL_DEVICE_STAYS   ? VL_GROUP_FN (plugin, storage, commit)
             : ! is_volume              ? calls->remove
             : how == VL_DEVICE_GOES    ? calls->disconnect
             : how == VL_DEVICE_EXTENDS ? calls->extend
                                        : calls->connect;
  /* Who keeps nothing has nothing to let go of. */
  return order.fn == NULL && (is_volume || how > VL_DEVICE_HOLDS) ? 0 : act (hooks, plugin, &order);
}

/* Is there something to do for DISK?  What lies in the server's folder DIR comes and goes
 * with that. */
static int
is_elsewhere (const struct vl_disk *disk, const char *dir)
{
  return disk->plugin && ! (VL_STARTS (disk->source, dir) && disk->source[strlen (dir)] == '/');
}

/* The same for all devices of document ROLE of RECORD, or the one with id ID. */
static int
each_recorded (struct vl_app *app, const struct vl_record *record, const char *role, const char *id,
               enum vl_device_way how)
{
  const struct vl_wanted_disk *wanted = NULL;
  const struct vl_hooks hooks = { .app = app, .record = record };
  const char *dir = vl_server_dir (app, record->uuid);
  struct vl_recorded_device *devices;
  struct vl_request *request = NULL;
  size_t n, n_wanted = 0;
  int result = 0;

  if (vl_stored_devices (app->store, record->uuid, role, &devices, &n) < 0)
    return -1;
  for (size_t i = 0; i < n; i++) {
    const struct vl_disk *disk = &devices[i].disk;

    if (id && ! VL_STREQ (id, devices[i].is_nic ? devices[i].nic.id : disk->id))
      continue;
    if (devices[i].is_nic && devices[i].nic.plugin && how <= VL_DEVICE_GOES)
      result |= act_nic (&hooks, &devices[i].nic, how == VL_DEVICE_GOES);
    if (devices[i].is_nic || ! is_elsewhere (disk, dir))
      continue;
    if (request == NULL) {
      request = vl_stored_request (app, record->request,
                                   vl_printf (app->call, "server \"%s\"", record->name));
      if (request == NULL)
        return -1;
      wanted = vl_wanted_disks (request, &n_wanted);
    }
    if (disk->index >= 0 && (size_t)disk->index < n_wanted)
      result |= act_recorded (&hooks, disk, wanted[disk->index].bdm, how);
  }
  vl_request_free (request);
  return result;
}

int
vl_server_devices_connect (struct vl_app *app, const struct vl_record *record)
{
  return each_recorded (app, record, VL_ROLE_CURRENT, NULL, VL_DEVICE_COMES);
}

int
vl_server_devices_undo (struct vl_app *app, struct vl_store *store, const char *server,
                        const char *device)
{
  struct vl_record record;
  int got = vl_record_load (store, server, &record);

  return got == 1 ? each_recorded (app, &record, VL_ROLE_CURRENT, device, VL_DEVICE_GOES) : got;
}

int
vl_server_device_act (struct vl_app *app, const struct vl_record *record, const char *role,
                      const char *device, enum vl_device_way how)
{
  return each_recorded (app, record, role, device, how);
}

int
vl_server_disk_is_elsewhere (struct vl_app *app, const struct vl_record *record,
                             const struct vl_disk *disk)
{
  return is_elsewhere (disk, vl_server_dir (app, record->uuid));
}

int
vl_server_disk_is_held (struct vl_app *app, const struct vl_disk *disk)
{
  const struct vl_plugin *plugin =
      disk->plugin ? vl_registry_find (app->registry, disk->plugin) : NULL;

  return plugin && plugin->state == VL_PLUGIN_LOADED && VL_GROUP_FN (plugin, storage, checkpoint);
}

int
vl_server_disks_drop (struct vl_app *app, const struct vl_record *record, const char *role,
                      const char *other)
{
  const struct vl_hooks hooks = { .app = app, .record = record };
  const char *dir = vl_server_dir (app, record->uuid);
  struct vl_recorded_device *list, *kept;
  size_t n, n_kept, k;
  int result = 0;

  if (vl_stored_devices (app->store, record->uuid, role, &list, &n) < 0
      || vl_stored_devices (app->store, record->uuid, other, &kept, &n_kept) < 0)
    return -1;
  for (size_t i = 0; i < n; i++) {
    if (list[i].is_nic || VL_STREQ (list[i].disk.role, "volume")
        || ! is_elsewhere (&list[i].disk, dir))
      continue;
    for (k = 0; k < n_kept; k++)
      if (! kept[k].is_nic && vl_text_same (kept[k].disk.source, list[i].disk.source))
        break;
    if (k == n_kept)
      result |= act_recorded (&hooks, &list[i].disk, NULL, VL_DEVICE_GOES);
  }
  return result;
}
