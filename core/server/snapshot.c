/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A server's root disk as an image.  Of a guest that is off, or whose memory lies on disk, it is
 * read where it lies; of one that runs the hypervisor writes down what it is at one moment, into a
 * file in the server's folder.  The image is made of either by qemu-img, which is confined: no
 * process of a guest's has ever had it open. */

#include <config.h>

#include "server/hooks.h"

#include "lib/file.h"
#include "lib/text.h"
#include "request/disks.h"
#include "server/method.h"
#include "server/undo.h"
#include "storage/storage.h"

#include <virtloom/virtloom.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* In the server's folder: what the hypervisor writes. */
#define COPY "snapshot"

struct snapshot {
  struct vl_app *app;
  struct vl_record record;
  struct vl_plugin *driver;
  struct vl_hooks hooks;
  struct vl_request *request;
  const struct vl_disk *disk;
  const char *backing, *backing_format; /* below DISK, or NULL */
  int64_t bytes;                        /* of the disk that it is to the guest */
  struct vl_image_info image;           /* to be made */
  int elsewhere;                        /* DISK is no file: its plugin reads it */
  int live;
  struct vl_snapshot job; /* of the driver, if LIVE and not ELSEWHERE */
};

static const char *
copy_of (struct vl_app *app, const char *uuid)
{
  return vl_printf (app->call, "%s/" COPY, vl_server_dir (app, uuid));
}

/* ---- which disk ---- */

static int
refuse_disk (const struct snapshot *s, const char *what)
{
  return vl_refuse_as (s->app->call, VL_ERR_UNSUPPORTED, "ImageUnacceptable", NULL,
                       "volumes are copied where they are kept",
                       "server \"%s\" %s; no image is made of that", s->record.name, what);
}

/* What the current document has below the disk. */
static void
find_backing (struct snapshot *s)
{
  const struct vl_xml *domain = vl_xml_read (s->app->call, s->record.xml, strlen (s->record.xml));
  const struct vl_xml *disk = domain ? vl_xml_find (domain, "devices/disk") : NULL;

  for (; disk; disk = vl_xml_next (disk, "disk")) {
    const struct vl_xml *source = vl_xml_child (disk, "source");
    const struct vl_xml *file = vl_xml_find (disk, "backingStore/source");
    const struct vl_xml *format = vl_xml_find (disk, "backingStore/format");

    if (source && file && format && vl_text_same (vl_xml_attr (source, "file"), s->disk->source)) {
      s->backing = vl_xml_attr (file, "file");
      s->backing_format = vl_xml_attr (format, "type");
    }
  }
}

static int
find_disk (struct snapshot *s)
{
  const struct vl_block_device *root = vl_root_device (s->request);
  const struct vl_recorded *was = &s->hooks.stored->was;
  VL_AUTOIMAGE struct vl_image_file file = { .fd = -1 };
  const char *dir = vl_server_dir (s->app, s->record.uuid);

  for (size_t i = 0; i < was->n_devices; i++)
    if (! was->devices[i].is_nic && VL_STREQ (was->devices[i].disk.role, "root"))
      s->disk = &was->devices[i].disk;
  if (s->disk == NULL || (root && vl_is_volume (root)))
    return refuse_disk (s, "boots from a volume");
  if (! VL_STREQ (s->disk->type, "file") && vl_server_disk_is_read (s->app, s->disk)) {
    s->elsewhere = 1;
    s->bytes = s->disk->size;
    return 0;
  }
  if (! VL_STREQ (s->disk->type, "file") || ! VL_STARTS (s->disk->source, dir)
      || s->disk->source[strlen (dir)] != '/')
    return refuse_disk (s, vl_printf (s->app->call,
                                      "has \"%s\" for its root disk, no file in its folder",
                                      s->disk->source ? s->disk->source : "none"));
  find_backing (s);
  if (vl_image_open (s->app->call, s->disk->source, &file) < 0
      || vl_disk_verify (&file, s->disk->format, s->backing, s->backing_format) < 0)
    return -1;
  s->bytes = VL_STREQ (s->disk->format, "raw") ? (file.size + 511) / 512 * 512 : file.virtual_size;
  return 0;
}

/* ---- what the image is ---- */

/* Does the new image say for itself what the server's own said for its KEY? */
static int
is_own (const char *key)
{
  static const char *const own[] = { "base_image_ref",
                                     "boot_roles",
                                     "cache_in_nova",
                                     "bittorrent",
                                     "image_location",
                                     "image_state",
                                     "image_type",
                                     "img_signature",
                                     "img_signature_certificate_uuid",
                                     "img_signature_hash_method",
                                     "img_signature_key_type",
                                     "instance_uuid",
                                     "kernel_id",
                                     "ramdisk_id",
                                     NULL };

  return vl_text_among (key, own);
}

/* Sets KEY in LIST of *N, which has room. */
static void
put (struct vl_property *list, size_t *n, const char *key, const char *value)
{
  size_t i = 0;

  if (value == NULL)
    return;
  while (i < *n && ! VL_STREQ (list[i].key, key))
    i++;
  list[i] = (struct vl_property) { key, value };
  *n += i == *n;
}

/* As Nova derives them: those of the server's image, and what says where it comes from; above them
 * what the caller gave. */
static void
describe (struct snapshot *s)
{
  const struct vl_request *request = s->request;
  const struct vl_image_info *given = &s->image;
  struct vl_property *list = vl_arena_alloc (
      s->app->call->arena, (request->n_entries + given->n_properties + 5) * sizeof *list);
  size_t n = 0;

  for (size_t i = 0; i < request->n_entries; i++)
    if (request->entries[i].layer == VL_LAYER_IMAGE && ! is_own (request->entries[i].key))
      put (list, &n, request->entries[i].key, request->entries[i].value);
  put (list, &n, "image_type", "snapshot");
  put (list, &n, "base_image_ref", s->record.image_uuid);
  put (list, &n, "instance_uuid", s->record.uuid);
  put (list, &n, "kernel_id", request->image.kernel);
  put (list, &n, "ramdisk_id", request->image.ramdisk);
  for (size_t i = 0; i < given->n_properties; i++)
    put (list, &n, given->properties[i].key, given->properties[i].value);
  s->image.properties = list;
  s->image.n_properties = n;
  s->image.disk_format = s->disk->format;
  s->image.min_ram = request->image.min_ram;
  s->image.min_disk = request->flavor.disk > 0 ? request->flavor.disk : request->image.min_disk;
  if (s->image.min_disk * VL_GIB < s->bytes)
    s->image.min_disk = (s->bytes + VL_GIB - 1) / VL_GIB;
}

/* ---- frozen for a moment ---- */

static int
says (const struct vl_hooks *hooks, const char *key)
{
  const struct vl_value *value = vl_hooks_value (hooks, key);

  return value && value->number != 0;
}

int
vl_quiesce_judge (const struct vl_hooks *hooks, int *quiesce)
{
  struct vl_call *call = hooks->app->call;
  int must = says (hooks, "os_require_quiesce"), agent = says (hooks, "hw_qemu_guest_agent");
  const char *name = hooks->record->name;

  *quiesce = VL_QUIESCE_NO;
  if (must && ! agent)
    return vl_refuse_as (call, VL_ERR_REQUEST, "QemuGuestAgentNotEnabled", NULL,
                         "stop it first; a guest that is off needs no freeze",
                         "server \"%s\" is to be frozen while its disk is copied "
                         "(os_require_quiesce), but has no guest agent (hw_qemu_guest_agent)",
                         name);
  if (must && VL_STREQ (hooks->record->status, "PAUSED"))
    return vl_refuse_as (
        call, VL_ERR_REQUEST, "InstanceQuiesceFailed", NULL,
        vl_printf (call, "virtloom server unpause %s", vl_name_word (call->arena, name)),
        "server \"%s\" is to be frozen while its disk is copied "
        "(os_require_quiesce), but is paused, so that its agent cannot answer",
        name);
  if (agent && VL_STREQ (hooks->record->status, "ACTIVE"))
    *quiesce = must ? VL_QUIESCE_MUST : VL_QUIESCE_TRY;
  return 0;
}

/* ---- the bytes ---- */

/* What lies elsewhere stands still there while it is read, whether or not the guest runs. */
static int
judge_frozen (const struct snapshot *s, int quiesce)
{
  if (! s->elsewhere || quiesce != VL_QUIESCE_MUST)
    return 0;
  return vl_refuse_as (s->app->call, VL_ERR_UNSUPPORTED, "InstanceQuiesceFailed", NULL,
                       "stop it first; a guest that is off needs no freeze",
                       "server \"%s\" is to be frozen while its disk is copied "
                       "(os_require_quiesce), and \"%s\" is copied by plugin '%s', which freezes "
                       "no guest",
                       s->record.name, s->disk->source, s->disk->plugin);
}

/* An empty file that the hypervisor may fill. */
static int
make_copy (const struct snapshot *s)
{
  struct vl_call *call = s->app->call;
  VL_AUTOCLOSE int fd = -1;

  if (vl_file_room (call, s->disk->source, s->bytes) < 0)
    return -1;
  if (unlink (s->job.target) < 0 && errno != ENOENT)
    return vl_remove_failed (call, s->job.target);
  fd = open (s->job.target, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  return fd >= 0 && ftruncate (fd, s->bytes) == 0
             ? 0
             : vl_file_failed (call, "cannot make", s->job.target, errno);
}

static int
fill (void *opaque, const char *path)
{
  struct snapshot *s = opaque;
  struct vl_call *call = s->app->call;

  if (s->elsewhere)
    return vl_server_disk_read (&s->hooks, s->disk, path);
  if (! s->live)
    return vl_disk_convert (call, s->disk->source, s->disk->format, s->backing, s->backing_format,
                            s->disk->format, path);
  if (make_copy (s) < 0)
    return -1;
  vl_progress (call, "copying the disk of \"%s\", which goes on", s->record.name);
  if (VL_CALL (s->app, s->driver, images, snapshot, &s->job) < 0
      || vl_disk_convert (call, s->job.target, "raw", NULL, NULL, s->disk->format, path) < 0)
    return -1;
  return unlink (s->job.target) < 0 ? vl_remove_failed (call, s->job.target) : 0;
}

/* ---- of a server that is shelved ---- */

/* Makes *S the image of the root disk of HOOKS's server, of which IMAGE has name and uuid.
 * 0, or -1 after a finding. */
static int
begin_cold (const struct vl_hooks *hooks, struct vl_request *request,
            const struct vl_image_info *image, struct snapshot *s)
{
  *s = (struct snapshot) { .app = hooks->app,
                           .record = *hooks->record,
                           .driver = hooks->driver,
                           .hooks = *hooks,
                           .request = request,
                           .image = *image };
  if (find_disk (s) < 0)
    return -1;
  describe (s);
  return 0;
}

int
vl_snapshot_judge (const struct vl_hooks *hooks, struct vl_request *request,
                   const struct vl_image_info *image)
{
  struct snapshot s;

  if (begin_cold (hooks, request, image, &s) < 0)
    return -1;
  /* Nobody's guest is switched off for an image that has no room in STATE. */
  return vl_image_judge (s.app, &s.image) < 0
             ? -1
             : vl_file_room (s.app->call,
                             s.elsewhere ? vl_server_dir (s.app, s.record.uuid) : s.disk->source,
                             s.bytes);
}

int
vl_snapshot_cold (const struct vl_hooks *hooks, struct vl_request *request,
                  const struct vl_image_info *image)
{
  struct snapshot s;

  return begin_cold (hooks, request, image, &s) < 0 ? -1
                                                    : vl_image_fill_in (s.app, &s.image, fill, &s);
}

/* ---- the operation ---- */

/* Nobody writes to the copy any more, and it is gone. */
static int
tidy (struct vl_app *app, struct vl_plugin *driver, const struct vl_snapshot *job)
{
  if (access (job->target, F_OK) < 0 && errno == ENOENT)
    return 0;
  if (VL_CALL (app, driver, images, snapshot_end, job) < 0)
    return -1;
  return unlink (job->target) < 0 && errno != ENOENT ? vl_remove_failed (app->call, job->target)
                                                     : 0;
}

static int
write_begin (const struct snapshot *s)
{
  struct vl_store *store = s->app->store;
  int there = vl_db_any (store, "SELECT 1 FROM image WHERE name = ? OR uuid = ?", "ss",
                         s->image.name, s->image.uuid);

  if (there)
    return there < 0 ? -1 : vl_exists (s->app->call, &vl_noun_image, s->image.name);
  return vl_undo_begin (store, s->record.uuid, VL_OP_SERVER_SNAPSHOT, s->record.driver) < 0
             ? -1
             : vl_undo_plan (store, s->record.uuid, VL_MADE_SNAPSHOT, s->image.uuid);
}

/* Judges all that can be judged before, and writes down what is about to be done. */
static int
begin (struct snapshot *s)
{
  struct vl_app *app = s->app;
  struct vl_call *call = app->call;
  int quiesce = 0;

  if (vl_server_judge_state (app, s->driver, &s->record, "create image") < 0)
    return -1;
  s->live = VL_STREQ (s->record.status, "ACTIVE") || VL_STREQ (s->record.status, "PAUSED");
  s->request =
      vl_stored_request (app, s->record.request, vl_printf (call, "server \"%s\"", s->record.name));
  /* Nothing is done to the server, so that a lock does not stand against it. */
  s->record.locked = NULL;
  if (s->request == NULL || vl_hooks_load (&s->hooks, app, &s->record, VL_ROLE_CURRENT) < 0)
    return -1;
  call->host = s->hooks.host;
  if (vl_hooks_permit (&s->hooks, VL_OP_SNAPSHOT, 0) < 0 || find_disk (s) < 0
      || (s->live && ! s->elsewhere
          && (VL_HAS_CALL (call, s->driver, images, snapshot) < 0
              || VL_HAS_CALL (call, s->driver, images, snapshot_end) < 0))
      || (s->live && vl_quiesce_judge (&s->hooks, &quiesce) < 0) || judge_frozen (s, quiesce) < 0)
    return -1;
  s->job.quiesce = (enum vl_quiesce)quiesce;
  describe (s);
  s->job.uuid = s->record.uuid;
  s->job.source = s->disk->source;
  s->job.target = copy_of (app, s->record.uuid);
  if (vl_image_judge (app, &s->image) < 0 || vl_db_begin (app->store) < 0)
    return -1;
  return vl_db_finish (app->store, write_begin (s));
}

int
vl_server_snapshot (struct vl_app *app, const char *server, const struct vl_image_info *image)
{
  struct snapshot s = { .app = app, .image = *image, .job.size = sizeof s.job };
  VL_AUTOLOCK struct vl_lock lock = VL_LOCK_NONE;
  char uuid[37];
  size_t first;
  int result = vl_name_check (app->call, &vl_noun_image, image->name);

  if (result == 0)
    result = vl_server_take (app, server, vl_lock_seconds (app), &s.record, &s.driver, &lock);
  if (result == 0) {
    vl_uuid_from_text (image->name, uuid);
    s.image.uuid = uuid;
    result = begin (&s);
  }
  first = app->call->findings.n;
  if (result == 0) {
    result = vl_image_fill_in (app, &s.image, fill, &s);
    /* Where that fails the next command ends it. */
    if (tidy (app, s.driver, &s.job) < 0
        || vl_undo_close (app->store, s.record.uuid, result < 0 ? "failed" : "done",
                          result < 0 ? vl_fault_text (app->call, first) : s.image.name)
               < 0)
      result = -1;
  }
  vl_request_free (s.request);
  vl_hooks_free (&s.hooks);
  vl_lock_drop (&lock);
  vl_events_tell (app);
  return result;
}

/* ---- what a dead command left ---- */

int
vl_server_snapshot_mend (struct vl_app *app, const char *uuid)
{
  struct vl_snapshot job = { .size = sizeof job, .quiesce = VL_QUIESCE_TRY, .uuid = uuid };
  struct vl_plugin *driver;
  struct vl_record record;
  const char *image = NULL;
  int done;

  if (vl_record_load (app->store, uuid, &record) != 1)
    return -1;
  driver = vl_app_driver_named (app, record.driver);
  job.target = copy_of (app, uuid);
  if (driver == NULL || tidy (app, driver, &job) < 0
      || vl_db_row (app->store, &image,
                    "SELECT image.name FROM undo JOIN image ON image.uuid = undo.name WHERE "
                    "object = ? AND undo.kind = '" VL_MADE_SNAPSHOT "' AND status = 'active'",
                    "s", uuid)
             < 0)
    return -1;
  done = image != NULL;
  return vl_undo_close (app->store, uuid, done ? "done" : "interrupted",
                        done ? image : VL_WAS_KILLED);
}
