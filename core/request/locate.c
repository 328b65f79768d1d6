/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Where disks are: the storage plugins that answer for them are asked. */

#include <config.h>

#include "request/disks.h"
#include "request/recorded.h"

/* The N-th disk, which is being laid out. */
struct layout {
  struct vl_call *call;
  struct vl_guest *guest;
  const struct vl_request *request;
  size_t n;
};

/* What QEMU calls the format of an image. */
static const char *
qemu_format (const char *format)
{
  static const char *const rows[][2] = {
    { "aki", "raw" }, { "ami", "raw" }, { "ari", "raw" }, { "iso", "raw" }, { "vhd", "vpc" },
  };

  for (size_t i = 0; format && i < sizeof rows / sizeof rows[0]; i++)
    if (VL_STREQ (format, rows[i][0]))
      return rows[i][1];
  return format ? format : "raw";
}

/* The image's copy in STATE; a plan without a stored image names the place that
 * an image of this name would have. */
static const char *
image_path (struct layout *l)
{
  const struct vl_request *request = l->request;
  char id[37];

  if (request->image.file)
    return request->image.file;
  vl_uuid_from_text (request->image.name ? request->image.name : "", id);
  return vl_printf (l->call, "%s/images/%s", vl_state_of (l->call), id);
}

/* Is SOURCE what the document can be made of? */
static int
is_whole (const struct vl_source *source)
{
  if (source->type == NULL || source->format == NULL)
    return 0;
  if (VL_STREQ (source->type, "network"))
    return source->protocol && source->name
           && (source->hosts.count == 0 || source->hosts.row_size == sizeof (struct vl_endpoint));
  return (VL_STREQ (source->type, "file") || VL_STREQ (source->type, "block")) && source->path
         && source->path[0] == '/' && (source->backing == NULL || is_whole (source->backing));
}

/* Has PLUGIN say where the disk that is being laid out is. */
static int
locate (struct layout *l, struct vl_plugin *plugin, struct vl_disk *disk)
{
  struct vl_source *source = &l->guest->sources[l->n];
  size_t errors = l->call->findings.n_errors;
  int result;

  disk->plugin = plugin->name;
  vl_call_as (l->call, plugin);
  result = plugin->feature.storage->locate (l->call, &l->guest->volumes[l->n], source);
  if (result < 0 && l->call->findings.n_errors == errors)
    vl_fault (l->call, "'%s' failed in locate without saying why", plugin->name);
  else if (result == 0 && ! is_whole (source))
    result = vl_fault (l->call,
                       "locate of disk '%s' answers no whole source; accepted: format and type, "
                       "for file and block an absolute path, for network protocol and name",
                       disk->id);
  vl_call_as (l->call, NULL);
  return result;
}

static int
local_source (struct layout *l, const struct vl_wanted_disk *want, const char *name,
              struct vl_disk *disk)
{
  struct vl_volume *volume = &l->guest->volumes[l->n];
  const struct vl_recorded_device *was = vl_recorded_device (l->guest->was, disk->id);
  const char *type = vl_str (l->call, VL_STORAGE_IMAGES_TYPE);
  struct vl_plugin *plugin =
      type ? vl_registry_answer (l->guest->registry, VL_ANSWER_IMAGES, type) : NULL;

  volume->dir = vl_above_run_dir (l->call, 1);
  volume->name = name;
  if (VL_STREQ (disk->role, "config")) {
    l->guest->sources[l->n].type = "file";
    l->guest->sources[l->n].format = "raw";
    l->guest->sources[l->n].path = vl_printf (l->call, "%s/%s", volume->dir, name);
    return 0;
  }
  volume->type = type;
  volume->was = was ? was->disk.format : NULL;
  volume->preallocate = (uint32_t)vl_is (l->call, VL_STORAGE_PREALLOCATE, "space");
  if (vl_is_of_image (want)) {
    volume->image = image_path (l);
    volume->image_format = qemu_format (l->request->image.disk_format);
  } else if (VL_STREQ (disk->role, "swap"))
    volume->blank = "swap";
  else if (VL_STREQ (disk->role, "ephemeral")) {
    volume->blank = vl_config_str (l->guest->config, "storage.default_ephemeral_format");
    volume->label = vl_printf (l->call, "ephemeral%d", want->number);
  }
  /* What images_type says wrong was told when the guest was made. */
  return plugin ? locate (l, plugin, disk) : -1;
}

static int
connected_source (struct layout *l, const struct vl_block_device *bdm, struct vl_disk *disk)
{
  struct vl_volume *volume = &l->guest->volumes[l->n];
  struct vl_source *source = &l->guest->sources[l->n];
  struct vl_plugin *plugin;
  const char *format, *mode;

  volume->connection = bdm->connection_info;
  volume->where = vl_printf (l->call, "%s.connection_info", vl_bdm_path (l->call, l->request, bdm));
  if (vl_connection_check (l->call, volume) < 0)
    return -1;
  volume->type = vl_info (l->call, volume, "driver_volume_type");
  plugin = vl_registry_answer (l->guest->registry, VL_ANSWER_VOLUMES, volume->type);
  if (plugin == NULL)
    return vl_refuse_as (
        l->call, VL_ERR_UNSUPPORTED, "VolumeDriverNotFound", NULL, NULL,
        "%s: volumes of type '%s' cannot be attached; accepted:%s", volume->where, volume->type,
        vl_registry_answers (l->guest->registry, l->call->arena, VL_ANSWER_VOLUMES));
  format = vl_info (l->call, volume, "data.format");
  source->format = format ? format : "raw";
  source->serial = vl_info (l->call, volume, "serial");
  mode = vl_info (l->call, volume, "data.access_mode");
  source->readonly = mode && VL_STREQ (mode, "ro");
  mode = vl_info (l->call, volume, "multiattach");
  source->shareable = mode && VL_STREQ (mode, "true");
  return locate (l, plugin, disk);
}

/* Where nothing says where a volume's bytes are, the plan names the place that
 * its id would have; a server cannot be made of it. */
static int
volume_source (struct layout *l, const struct vl_block_device *bdm, struct vl_disk *disk)
{
  struct vl_source *source = &l->guest->sources[l->n];

  disk->serial = vl_volume_id (l->call, l->guest, bdm);
  if (bdm->connection_info && bdm->path == NULL)
    return connected_source (l, bdm, disk);
  source->format = bdm->path && bdm->format ? bdm->format : "raw";
  source->path =
      bdm->path ? bdm->path : vl_printf (l->call, "/dev/disk/by-id/virtio-%.20s", disk->serial);
  source->type = VL_STARTS (source->path, "/dev/") ? "block" : "file";
  if (bdm->path == NULL)
    vl_advise (l->call, NULL,
               "give its connection_info, or a file with --volume path=FILE,format=raw",
               "%s has no connection_info; the plan assumes '%s'",
               vl_bdm_path (l->call, l->request, bdm), source->path);
  return 0;
}

int
vl_disk_locate (struct vl_call *call, size_t n, const struct vl_wanted_disk *want, const char *name,
                struct vl_disk *disk)
{
  struct layout l = { call, call->guest, call->guest->request, n };
  const struct vl_source *source = &l.guest->sources[l.n];
  int volume = want->bdm && vl_is_volume (want->bdm);

  l.guest->volumes[l.n] = (struct vl_volume) { .size = sizeof (struct vl_volume),
                                               .id = disk->id,
                                               .role = disk->role,
                                               .server = vl_str (l.call, VL_GUEST_UUID),
                                               .bytes = disk->size };
  l.guest->sources[l.n] = (struct vl_source) { .size = sizeof *source };
  if ((volume ? volume_source (&l, want->bdm, disk) : local_source (&l, want, name, disk)) < 0)
    return -1;
  disk->type = source->type;
  disk->source = source->path ? source->path : source->name;
  disk->format = source->format;
  disk->readonly = source->readonly;
  disk->shareable = source->shareable;
  if (source->serial && (! volume || want->bdm->uuid == NULL))
    disk->serial = source->serial;
  return 0;
}
