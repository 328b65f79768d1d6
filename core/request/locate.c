/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Which disks a request asks for, in Nova's order: root, the flavor's ephemeral
 * disk or those of the block device mapping, swap, volumes, config drive; and where they
 * are, which the storage plugins that answer for them are asked. */

#include <config.h>

#include "request/disks.h"
#include "request/recorded.h"

#include <jansson.h>
#include <sys/stat.h>

/* ---- which ---- */

int
vl_is_volume (const struct vl_block_device *bdm)
{
  return bdm->path || vl_text_same (bdm->destination_type, "volume");
}

static int
is_blank (const struct vl_block_device *bdm)
{
  return ! vl_is_volume (bdm) && vl_text_same (bdm->source_type, "blank");
}

static int
is_swap (const struct vl_block_device *bdm)
{
  return is_blank (bdm) && vl_text_same (bdm->guest_format, "swap");
}

static int
is_ephemeral (const struct vl_block_device *bdm)
{
  return is_blank (bdm) && ! is_swap (bdm);
}

int
vl_is_of_image (const struct vl_wanted_disk *want)
{
  return VL_STREQ (want->role, "rescue")
         || (VL_STREQ (want->role, "root")
             && (want->bdm == NULL || (! vl_is_volume (want->bdm) && ! is_blank (want->bdm))));
}

const struct vl_request_image *
vl_image_of (const struct vl_request *request, const char *role)
{
  return request->rescue && VL_STREQ (role, "rescue") ? &request->rescue->image : &request->image;
}

const struct vl_block_device *
vl_root_device (const struct vl_request *request)
{
  for (size_t i = 0; i < request->n_devices; i++)
    if (request->devices[i].boot_index == 0)
      return &request->devices[i];
  return NULL;
}

/* Adds the block devices but ROOT that IS says yes to, or, where there are none and
 * OTHERWISE, one of the flavor's. */
static struct vl_wanted_disk *
add_devices (struct vl_wanted_disk *next, const struct vl_request *request, const char *role,
             int (*is) (const struct vl_block_device *), int otherwise)
{
  const struct vl_block_device *root = vl_root_device (request);
  int n = 0;

  for (const struct vl_block_device *bdm = request->devices;
       bdm < request->devices + request->n_devices; bdm++)
    if (is (bdm) && bdm != root)
      *next++ = (struct vl_wanted_disk) { role, bdm, n++, bdm->boot_index };
  if (n == 0 && otherwise)
    *next++ = (struct vl_wanted_disk) { role, NULL, 0, -1 };
  return next;
}

const struct vl_wanted_disk *
vl_wanted_disks (const struct vl_request *request, size_t *n)
{
  struct vl_wanted_disk *list =
      vl_arena_alloc (request->arena, (request->n_devices + 5) * sizeof *list);
  struct vl_wanted_disk *next = list;
  const struct vl_block_device *root = vl_root_device (request);
  int legacy = request->rescue && ! request->rescue->stable;

  if (legacy)
    *next++ = (struct vl_wanted_disk) { "rescue", NULL, 0, 0 };
  if (root || request->image.given)
    *next++ = (struct vl_wanted_disk) { "root", root, 0, legacy ? -1 : 0 };
  if (! legacy) {
    next = add_devices (next, request, "ephemeral", is_ephemeral, request->flavor.ephemeral > 0);
    next = add_devices (next, request, "swap", is_swap, request->flavor.swap > 0);
    next = add_devices (next, request, "volume", vl_is_volume, 0);
  }
  if (request->config_drive)
    *next++ = (struct vl_wanted_disk) { "config", NULL, 0, -1 };
  if (request->rescue && ! legacy)
    *next++ = (struct vl_wanted_disk) { "rescue", NULL, 0, -1 };
  *n = (size_t)(next - list);
  return list;
}

const char *
vl_bdm_path (struct vl_call *call, const struct vl_request *request,
             const struct vl_block_device *bdm)
{
  return vl_printf (call, "$.block_devices[%zu]", (size_t)(bdm - request->devices));
}

/* The folder LEVELS above the guest's run-dir, STATE/servers/UUID/run: 1 is the server's
 * own, where its disks are; 3 that of all state. */
static const char *
above_run_dir (struct vl_call *call, int levels)
{
  char *folder = vl_arena_strdup (call->arena, vl_str (call, VL_GUEST_RUN_DIR));

  while (folder && levels-- > 0) {
    char *slash = strrchr (folder, '/');

    if (slash)
      *slash = '\0';
  }
  return folder;
}

const char *
vl_volume_id (struct vl_call *call, const struct vl_guest *guest, const struct vl_block_device *bdm)
{
  char id[37];

  if (bdm->uuid)
    return bdm->uuid;
  vl_uuid_from_text (vl_printf (call, "%s volume %zu", vl_str (call, VL_GUEST_UUID),
                                (size_t)(bdm - guest->request->devices)),
                     id);
  return vl_arena_strdup (call->arena, id);
}

/* ---- connection_info ---- */

static int
refuse_info (struct vl_call *call, const struct vl_volume *volume, const char *what)
{
  struct vl_report report = {
    .severity = VL_SEV_ERROR,
    .err = VL_ERR_REQUEST,
    .code = "InvalidBDM",
    .path = volume->where,
    .hint = call->plugin_name
                ? vl_printf (call, "virtloom-feature-%s(7) has what such a volume takes",
                             call->plugin_name)
                : "give {\"driver_volume_type\": \"local\", \"data\": {\"device_path\": "
                  "\"/dev/...\"}}"
  };

  return vl_report (call, &report, "%s: connection_info %s", volume->where, what);
}

/* The member or item of VALUE that the first LENGTH bytes of PATH name. */
static const json_t *
step (const json_t *value, const char *path, size_t length)
{
  VL_AUTOFREE char *name = vl_xstrndup (path, length);

  return json_is_array (value) ? json_array_get (value, strtoul (name, NULL, 10))
                               : json_object_get (value, name);
}

/* What PATH names, NULL where there is none, or after a finding, with *BAD, where it is no
 * name. */
static const char *
info_of (struct vl_call *call, const struct vl_volume *volume, const char *path, int *bad)
{
  json_t *root =
      volume->connection ? json_loads (volume->connection, JSON_REJECT_DUPLICATES, NULL) : NULL;
  const json_t *value = root;
  const char *text = NULL, *problem = NULL;

  if (path == NULL)
    vl_fault (call, "vl_info is called with NULL where a path is needed");
  for (const char *at = path; at && value; at += strcspn (at, ".") + 1) {
    value = step (value, at, strcspn (at, "."));
    if (strchr (at, '.') == NULL)
      break;
  }
  if (json_is_string (value))
    text = vl_arena_strdup (call->arena, json_string_value (value));
  else if (json_is_integer (value))
    text = vl_arena_printf (call->arena, "%" JSON_INTEGER_FORMAT, json_integer_value (value));
  else if (json_is_boolean (value))
    text = json_is_true (value) ? "true" : "false";
  json_decref (root);
  if (text)
    problem = vl_name_problem (text, strlen (text));
  if (problem)
    refuse_info (
        call, volume,
        vl_printf (call, "has '%s' as %s, which %s", vl_shown (call->arena, text), path, problem));
  *bad = problem != NULL;
  return problem ? NULL : text;
}

const char *
vl_info (struct vl_call *call, const struct vl_volume *volume, const char *path)
{
  int bad;

  return info_of (call, volume, path, &bad);
}

const char *
vl_need_info (struct vl_call *call, const struct vl_volume *volume, const char *path)
{
  int bad;
  const char *text = info_of (call, volume, path, &bad);

  if (text == NULL && path && ! bad)
    refuse_info (call, volume, vl_printf (call, "has no %s", path));
  return text;
}

int
vl_connection_check (struct vl_call *call, const struct vl_volume *volume)
{
  json_t *root = json_loads (volume->connection, JSON_REJECT_DUPLICATES, NULL);
  int result = 0;

  if (! json_is_object (root))
    result = refuse_info (call, volume, "is not a JSON object");
  else if (! json_is_object (json_object_get (root, "data"))
           || vl_info (call, volume, "driver_volume_type") == NULL)
    result = refuse_info (call, volume, "has no driver_volume_type or no data");
  json_decref (root);
  return result;
}

/* ---- where ---- */

const char *
vl_image_qemu_format (const char *format)
{
  if (format == NULL || ! vl_glob_any (VL_DISK_FORMATS, format))
    return NULL;
  if (vl_glob_any ("aki ami ari iso", format))
    return "raw";
  return VL_STREQ (format, "vhd") ? "vpc" : format;
}

const char *
vl_image_kept_format (const char *format)
{
  const char *qemu = format ? vl_image_qemu_format (format) : "raw";

  return qemu && VL_STREQ (qemu, "raw") ? "raw" : "qcow2";
}

/* The copy of IMAGE in STATE; a plan without a stored image names the place that
 * an image of this name would have. */
static const char *
image_path (struct vl_call *call, const struct vl_request_image *image)
{
  char id[37];

  if (image->file)
    return image->file;
  if (image->stored_as == NULL)
    vl_uuid_from_text (image->name ? image->name : "", id);
  return vl_printf (call, "%s/images/%s", above_run_dir (call, 3),
                    image->stored_as ? image->stored_as : id);
}

/* Is SOURCE what the document can be made of? */
static int
is_whole (const struct vl_source *source)
{
  if (source->type == NULL || source->format == NULL)
    return 0;
  if (VL_STREQ (source->type, "network"))
    return source->protocol && (source->name || source->identity)
           && (source->hosts.count == 0 || source->hosts.row_size == sizeof (struct vl_endpoint));
  return (VL_STREQ (source->type, "file") || VL_STREQ (source->type, "block") || source->is_served)
         && source->path && source->path[0] == '/'
         && (source->backing == NULL || is_whole (source->backing));
}

/* Has PLUGIN say where the disk that is being laid out is. */
static int
locate (struct vl_call *call, struct vl_plugin *plugin, const struct vl_volume *volume,
        struct vl_source *source, struct vl_disk *disk)
{
  size_t errors = call->findings.n_errors;
  int result;

  disk->plugin = plugin->name;
  vl_call_as (call, plugin);
  call->doing = "locate";
  result = vl_said (call, plugin->feature.storage->locate (call, volume, source), errors);
  if (result == 0 && ! is_whole (source))
    result = vl_fault (call,
                       "locate of disk '%s' answers no whole source; accepted: format and type, "
                       "for file and block an absolute path, for network protocol and name or "
                       "identity",
                       disk->id);
  vl_call_as (call, NULL);
  return result;
}

/* Is the disk of ROLE, which the server has, made anew beside itself? */
static int
is_anew (const struct vl_request *request, const char *role)
{
  return request->anew == VL_ANEW_ALL || (request->anew == VL_ANEW_SWAP && VL_STREQ (role, "swap"));
}

static int
local_source (struct vl_call *call, const struct vl_wanted_disk *want, struct vl_volume *volume,
              struct vl_source *source, struct vl_disk *disk)
{
  const struct vl_recorded_device *was = vl_recorded_device (call->guest->was, disk->id);
  const char *type = vl_str (call, VL_STORAGE_IMAGES_TYPE);
  struct vl_plugin *plugin =
      type ? vl_registry_answer (call->guest->registry, VL_ANSWER_IMAGES, type) : NULL;

  /* Disks lie in the server's folder, which run/ is in. */
  volume->dir = above_run_dir (call, 1);
  if (VL_STREQ (disk->role, "config")) {
    source->type = "file";
    source->format = "raw";
    source->path = vl_printf (call, "%s/%s", volume->dir, volume->name);
    return 0;
  }
  volume->type = type;
  volume->was = was ? was->disk.format : NULL;
  volume->was_at = was ? was->disk.source : NULL;
  volume->is_anew = (uint32_t)(was && is_anew (call->guest->request, disk->role));
  volume->preallocate = (uint32_t)vl_is (call, VL_STORAGE_PREALLOCATE, "space");
  if (vl_is_of_image (want)) {
    const struct vl_request_image *image = vl_image_of (call->guest->request, disk->role);

    volume->image = image_path (call, image);
    volume->image_format = vl_image_kept_format (image->disk_format);
  } else if (VL_STREQ (disk->role, "swap"))
    volume->blank = "swap";
  else if (VL_STREQ (disk->role, "ephemeral")) {
    volume->blank = vl_config_str (call->guest->config, "storage.default_ephemeral_format");
    volume->label = vl_printf (call, "ephemeral%d", want->number);
  }
  /* What images_type says wrong was told when the guest was made. */
  return plugin ? locate (call, plugin, volume, source, disk) : -1;
}

static int
check_mode (struct vl_call *call, const struct vl_volume *volume)
{
  const char *mode = vl_info (call, volume, "data.access_mode");

  if (mode == NULL || VL_STREQ (mode, "rw") || VL_STREQ (mode, "ro"))
    return 0;
  return vl_refuse_as (call, VL_ERR_REQUEST, "InvalidVolumeAccessMode", NULL, NULL,
                       "%s: connection_info has '%s' as data.access_mode; accepted: rw, ro",
                       volume->where, mode);
}

/* What is in a request is on record, and goes to whoever is shown that. */
static int
check_passwords (struct vl_call *call, const struct vl_volume *volume)
{
  static const char *const members[] = { "data.auth_password", "data.discovery_auth_password",
                                         "data.keyring" };
  const char *text;

  for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
    if ((text = vl_info (call, volume, members[i])) && *text)
      return vl_refuse_as (
          call, VL_ERR_REQUEST, "InvalidBDM", NULL,
          "give it to libvirt as a secret (virsh secret-define, virsh secret-set-value), and that "
          "one's uuid as data.secret_uuid",
          "%s: connection_info has a password as %s, which would be on record; accepted: none",
          volume->where, members[i]);
  return 0;
}

static int
connected_source (struct vl_call *call, const struct vl_block_device *bdm, struct vl_volume *volume,
                  struct vl_source *source, struct vl_disk *disk)
{
  struct vl_plugin *plugin;
  const char *format;

  volume->connection = bdm->connection_info;
  volume->where =
      vl_printf (call, "%s.connection_info", vl_bdm_path (call, call->guest->request, bdm));
  if (vl_connection_check (call, volume) < 0 || check_mode (call, volume) < 0
      || check_passwords (call, volume) < 0)
    return -1;
  volume->type = vl_info (call, volume, "driver_volume_type");
  plugin = vl_registry_answer (call->guest->registry, VL_ANSWER_VOLUMES, volume->type);
  if (plugin == NULL)
    return vl_refuse_as (
        call, VL_ERR_UNSUPPORTED, "VolumeDriverNotFound", NULL,
        vl_registry_nearest (call, call->guest->registry, VL_ANSWER_VOLUMES, volume->type, NULL),
        "%s: volumes of type '%s' cannot be attached; accepted:%s", volume->where, volume->type,
        vl_registry_answers (call->guest->registry, call->arena, VL_ANSWER_VOLUMES));
  format = vl_info (call, volume, "data.format");
  source->format = format ? format : "raw";
  source->serial = vl_info (call, volume, "serial");
  source->readonly = vl_text_same (vl_info (call, volume, "data.access_mode"), "ro");
  source->shareable = vl_text_same (vl_info (call, volume, "multiattach"), "true");
  return locate (call, plugin, volume, source, disk);
}

/* The I-th of the files that the volume BDM lies over, and all below it. */
static const struct vl_source *
source_below (struct vl_call *call, const struct vl_block_device *bdm, size_t i)
{
  struct vl_source *below = vl_arena_alloc (call->arena, sizeof *below);

  *below = (struct vl_source) { .size = sizeof *below,
                                .type = "file",
                                .format = i ? bdm->chain[i - 1].format : bdm->backing_format,
                                .path = i ? bdm->chain[i - 1].path : bdm->backing };
  if (i < bdm->n_chain)
    below->backing = source_below (call, bdm, i + 1);
  return below;
}

/* Where nothing says where a volume's bytes are, the plan names the place that
 * its id would have; a server cannot be made of it. */
static int
volume_source (struct vl_call *call, const struct vl_block_device *bdm, struct vl_volume *volume,
               struct vl_source *source, struct vl_disk *disk)
{
  disk->serial = vl_volume_id (call, call->guest, bdm);
  if (bdm->connection_info && bdm->path == NULL)
    return connected_source (call, bdm, volume, source, disk);
  source->format = bdm->path && bdm->format ? bdm->format : "raw";
  source->path =
      bdm->path ? bdm->path : vl_printf (call, "/dev/disk/by-id/virtio-%.20s", disk->serial);
  source->type = VL_STARTS (source->path, "/dev/") ? "block" : "file";
  if (bdm->backing)
    source->backing = source_below (call, bdm, 0);
  if (bdm->path == NULL)
    vl_advise (call, NULL, "give its connection_info, or a file with --volume path=FILE,format=raw",
               "%s has no connection_info; the plan assumes '%s'",
               vl_bdm_path (call, call->guest->request, bdm), source->path);
  return 0;
}

/* What opens the volume, where that is encrypted: a passphrase that libvirt keeps, since what is
 * in a request is on record. */
static int
find_secret (struct vl_call *call, const struct vl_block_device *bdm,
             const struct vl_volume *volume, struct vl_source *source)
{
  const char *where = vl_bdm_path (call, call->guest->request, bdm);
  const char *secret = bdm->encryption_secret_uuid, *format;

  if (secret == NULL)
    secret = vl_info (call, volume, "data.encryption_secret_uuid");
  if (secret == NULL && ! bdm->encrypted
      && ! vl_text_same (vl_info (call, volume, "data.encrypted"), "true"))
    return 0;
  if (secret == NULL || ! vl_is_uuid (secret))
    return vl_refuse_as (
        call, VL_ERR_REQUEST, "InvalidBDM", NULL,
        "give libvirt its passphrase as a secret (virsh secret-define, virsh secret-set-value), "
        "and that one's uuid as encryption_secret_uuid, or with --volume ...,luks=UUID",
        "%s is an encrypted volume, and %s", where,
        secret ? vl_printf (call, "'%s' is no uuid of a secret", secret)
               : "no secret is named that opens it");
  format = vl_info (call, volume, "data.encryption_format");
  if (format && ! VL_STREQ (format, "luks"))
    return vl_refuse_as (call, VL_ERR_UNSUPPORTED, "InvalidBDM", NULL, NULL,
                         "%s is encrypted in format '%s'; accepted: luks", where, format);
  if (! VL_STREQ (source->format, "raw"))
    return vl_refuse_as (call, VL_ERR_REQUEST, "InvalidBDM", NULL, NULL,
                         "%s is an encrypted volume of format \"%s\"; accepted: raw, which is LUKS",
                         where, source->format);
  if (vl_need_secrets (call, NULL,
                       vl_printf (call, "%s is opened with a secret of libvirt's", where))
      < 0)
    return -1;
  source->luks_secret = secret;
  return 0;
}

static int
has_limits (const struct vl_volume *volume)
{
  json_t *root =
      volume->connection ? json_loads (volume->connection, JSON_REJECT_DUPLICATES, NULL) : NULL;
  int has = json_object_size (json_object_get (json_object_get (root, "data"), "qos_specs")) > 0;

  json_decref (root);
  return has;
}

/* QEMU never sees the bytes of what another process serves: that one alone could do such things. */
static int
check_served (struct vl_call *call, const struct vl_volume *volume, const struct vl_source *source,
              const struct vl_disk *disk)
{
  const char *what = ! VL_STREQ (source->format, "raw")  ? "be of a format but raw"
                     : ! VL_STREQ (disk->device, "disk") ? "be anything but a disk"
                     : source->luks_secret               ? "be decrypted"
                     : source->readonly                  ? "be read-only"
                     : source->shareable                 ? "be shared"
                     : vl_text_same (vl_info (call, volume, "data.discard"), "true") ? "discard"
                     : has_limits (volume)                                           ? "be limited"
                                                                                     : NULL;

  if (! source->is_served || what == NULL)
    return 0;
  return vl_refuse_as (call, VL_ERR_UNSUPPORTED, "InvalidBDM", NULL,
                       "leave that out, and say it to the process that serves it",
                       "%s is served by another process, and cannot %s here", disk->why, what);
}

/* A volume is what it is, wherever it lies; one that cannot be looked at, as on another
 * host or before it is connected, is what its path or its plugin says. */
static void
look_at_volume (struct vl_call *call, struct vl_source *source)
{
  struct stat st;

  if (call->here && source->path && stat (source->path, &st) == 0
      && (S_ISBLK (st.st_mode) || S_ISREG (st.st_mode)))
    source->type = S_ISBLK (st.st_mode) ? "block" : "file";
}

int
vl_volume_check (struct vl_call *call, const char *type, const char *format, const char *what)
{
  int network = VL_STREQ (type, "network");

  if (VL_STREQ (format, "raw") || (VL_STREQ (format, "qcow2") && ! network))
    return 0;
  return vl_refuse_as (call, VL_ERR_REQUEST, "InvalidBDM", NULL, NULL,
                       "%s is a %s volume of format \"%s\"; accepted: %s", what, type, format,
                       network ? "raw, since no other can be inspected there" : "raw, qcow2");
}

int
vl_disk_locate (struct vl_call *call, size_t n, const struct vl_wanted_disk *want, const char *name,
                struct vl_disk *disk)
{
  struct vl_volume *volume = &call->guest->volumes[n];
  struct vl_source *source = &call->guest->sources[n];
  int is_volume = want->bdm && vl_is_volume (want->bdm);

  *volume = (struct vl_volume) { .size = sizeof *volume,
                                 .id = disk->id,
                                 .role = disk->role,
                                 .server = vl_str (call, VL_GUEST_UUID),
                                 .bytes = disk->size };
  *source = (struct vl_source) { .size = sizeof *source };
  if (! is_volume)
    volume->name = name;
  if ((is_volume ? volume_source (call, want->bdm, volume, source, disk)
                 : local_source (call, want, volume, source, disk))
      < 0)
    return -1;
  if (is_volume) {
    look_at_volume (call, source);
    if (vl_volume_check (call, source->type, source->format, disk->why) < 0
        || find_secret (call, want->bdm, volume, source) < 0
        || check_served (call, volume, source, disk) < 0)
      return -1;
  }
  disk->type = source->type;
  disk->source = source->path ? source->path : source->identity ? source->identity : source->name;
  disk->format = source->format;
  disk->readonly = source->readonly;
  disk->shareable = source->shareable;
  disk->is_served = source->is_served;
  disk->is_dense = source->is_dense;
  if (source->serial && (! is_volume || want->bdm->uuid == NULL))
    disk->serial = source->serial;
  return 0;
}
