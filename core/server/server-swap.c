/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Another file takes the place of a volume.  A guest that runs goes on: the hypervisor copies what
 * is on the old one, and then uses the new one.  The volume keeps its id, so that the guest sees the
 * disk that it had. */

#include <config.h>

#include "server/hooks.h"

#include "lib/text.h"
#include "request/disks.h"
#include "server/method.h"
#include "server/undo.h"
#include "storage/storage.h"

#include <virtloom/virtloom.h>

#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#define SWAP "swap volume" /* in the state machine */

struct swapping {
  struct vl_app *app;
  struct vl_record record;
  struct vl_record after; /* the same, with the next request */
  struct vl_plugin *driver;
  struct vl_hooks current;
  struct vl_plan *plan;
  const struct vl_disk *disk; /* as it is on record */
};

/* ---- what it is to be ---- */

/* The number of the volume DISK among the block devices that are asked for; -1 after a finding. */
static int
find_number (const struct swapping *s)
{
  struct vl_request *request = vl_stored_request (
      s->app, s->record.request, vl_printf (s->app->call, "server \"%s\"", s->record.name));
  const struct vl_wanted_disk *wanted = NULL;
  size_t n = 0, index = (size_t)s->disk->index;
  int number = -1;

  if (request == NULL)
    return -1;
  wanted = vl_wanted_disks (request, &n);
  if (index < n && wanted[index].bdm && wanted[index].bdm->path)
    number = (int)(wanted[index].bdm - request->devices);
  vl_request_free (request);
  return number >= 0 ? number
                     : vl_refuse_as (s->app->call, VL_ERR_UNSUPPORTED, "InvalidVolume", NULL,
                                     "add the other one, copy in the guest, and remove this one: "
                                     "virtloom server add volume --help",
                                     "volume '%s' of server \"%s\" was not given as a file; such "
                                     "volumes are not swapped",
                                     s->disk->dev, s->record.name);
}

/* The request with the file of SPEC in place of the volume's; NULL after a finding. */
static const char *
request_with (const struct swapping *s, const char *spec)
{
  struct vl_call *call = s->app->call;
  const char *id, *request = NULL;
  VL_AUTOFREE char *added = NULL;
  int number = find_number (s);
  json_t *root, *list, *device, *new;

  if (number < 0
      || (added = vl_request_add (s->app, s->record.request, 0, spec, NULL, &id)) == NULL)
    return NULL;
  root = json_loads (added, 0, NULL);
  list = json_object_get (root, "block_devices");
  device = json_array_get (list, (size_t)number);
  new = json_array_get (list, json_array_size (list) - 1);
  if (json_object_get (new, "disk_bus") || json_object_get (new, "boot_index")
      || json_object_get (new, "tag"))
    vl_refuse (
        call, VL_ERR_USAGE, NULL, NULL,
        "volume \"%s\" takes the place of another one, whose bus, boot order and tag it has; "
        "accepted: path=, format=",
        spec);
  else {
    json_object_set (device, "path", json_object_get (new, "path"));
    json_object_set (device, "format", json_object_get (new, "format"));
    json_array_remove (list, json_array_size (list) - 1);
    request = vl_request_other_file (call, root, device, s->disk);
  }
  json_decref (root);
  return request;
}

/* ---- may it be done? ---- */

int
vl_volume_is_encrypted (const struct vl_hooks *hooks, const struct vl_disk *disk)
{
  const struct vl_stored *stored = hooks->stored;
  const char *xml =
      vl_doc_part_xml (hooks->app->call, stored->doc, vl_stored_path (stored, disk->id));
  const struct vl_xml *root = xml ? vl_xml_read (hooks->app->call, xml, strlen (xml)) : NULL;

  return root && vl_xml_find (root, "source/encryption") != NULL;
}

int
vl_volume_judge_kind (const struct vl_hooks *hooks, const struct vl_disk *disk,
                      const char *otherwise)
{
  const struct vl_record *record = hooks->record;
  struct vl_call *call = hooks->app->call;
  const char *why = disk->readonly                         ? "is read-only"
                    : disk->shareable                      ? "is shared with other servers"
                    : ! VL_STREQ (disk->type, "file")      ? "is no file"
                    : vl_volume_is_encrypted (hooks, disk) ? "is encrypted"
                                                           : NULL;

  return why == NULL ? 0
                     : vl_refuse_as (call, VL_ERR_UNSUPPORTED, "InvalidVolume", NULL, NULL,
                                     "volume '%s' of server \"%s\" %s; such volumes %s", disk->dev,
                                     record->name, why, otherwise);
}

/* NEW is as large, and larger only while the guest is off: QEMU copies to a file of the very same
 * size alone. */
static int
judge_sizes (const struct swapping *s, const struct vl_disk *new)
{
  VL_AUTOIMAGE struct vl_image_file old_file = { .fd = -1 };
  VL_AUTOIMAGE struct vl_image_file new_file = { .fd = -1 };
  int off = VL_STREQ (s->record.status, "SHUTOFF");
  int64_t old_bytes, new_bytes;

  if (vl_volume_measure (s->app, s->driver, s->disk, &old_file, &old_bytes) < 0
      || vl_volume_measure (s->app, s->driver, new, &new_file, &new_bytes) < 0)
    return -1;
  if (new_bytes == old_bytes || (off && new_bytes > old_bytes))
    return 0;
  return vl_refuse_as (s->app->call, VL_ERR_REQUEST, "VolumeRebaseFailed", NULL,
                       off ? "give a file that is as large, or larger"
                           : "give a file of the same size; 'server extend volume' makes a volume "
                             "larger before that, or afterwards",
                       "volume \"%s\" has %" PRId64 " bytes, volume '%s' of server \"%s\" %" PRId64,
                       new->source, new_bytes, s->disk->dev, s->record.name, old_bytes);
}

int
vl_volume_change_judge (struct vl_call *call, const struct vl_record *record, const char *operation,
                        const char *id, const struct vl_change *changes, size_t n)
{
  const char *name = vl_name_word (call->arena, record->name);

  for (size_t i = 0; i < n; i++) {
    const struct vl_provenance *row = changes[i].is ? changes[i].is : changes[i].was;

    if (row->device == NULL || ! VL_STREQ (row->device, id))
      return vl_refuse_as (call, VL_ERR_REQUEST, "GuestWouldChange", NULL,
                           vl_printf (call,
                                      "take a plan of today first: virtloom server diff %s shows "
                                      "it, virtloom server reboot --hard --update %s takes it",
                                      name, name),
                           "%s of server \"%s\" would change more than the volume: %s", operation,
                           record->name, vl_change_text (call, &changes[i]));
  }
  return 0;
}

/* The judge of the replacement: nothing changes but the disk. */
static int
judge (void *opaque, const struct vl_change *changes, size_t n)
{
  const struct swapping *s = opaque;

  return vl_volume_change_judge (s->app->call, &s->record, SWAP, s->disk->id, changes, n);
}

static int
judge_plan (struct swapping *s)
{
  const struct vl_guest *guest;
  struct vl_change *changes;
  size_t n, i = 0;

  s->plan = vl_record_plan (s->app, &s->after, s->current.stored);
  if (s->plan == NULL || ! s->plan->ok)
    return -1;
  vl_stored_difference (s->app, s->current.stored, s->plan, &changes, &n);
  if (n == 0)
    return vl_refuse_as (s->app->call, VL_ERR_REQUEST, "InvalidVolume", NULL, "give another file",
                         "volume '%s' of server \"%s\" is \"%s\" already", s->disk->dev,
                         s->record.name, s->disk->source);
  if (judge (s, changes, n) < 0)
    return -1;
  guest = s->plan->build.guest;
  while (i < guest->n_disks && ! VL_STREQ (guest->disks[i].id, s->disk->id))
    i++;
  if (i == guest->n_disks)
    return vl_refuse (s->app->call, VL_ERR_FAILED, NULL, NULL, "the plan has no disk '%s'",
                      s->disk->id);
  return judge_sizes (s, &guest->disks[i]);
}

static int
load (struct swapping *s, const char *volume, const char *spec)
{
  struct vl_call *call = s->app->call;
  const char *id;

  if (VL_HAS_CALL (call, s->driver, devices, swap_volume) < 0
      || vl_record_unlocked (call, &s->record) < 0
      || vl_server_judge_state (s->app, s->driver, &s->record, SWAP) < 0
      || vl_hooks_load (&s->current, s->app, &s->record, VL_ROLE_CURRENT) < 0)
    return -1;
  id = vl_device_named (call, &s->record, &s->current.stored->was, 0, volume);
  s->disk = id ? vl_stored_disk (s->current.stored, id) : NULL;
  if (s->disk == NULL || vl_volume_judge_kind (&s->current, s->disk, "are not swapped") < 0
      || vl_volume_judge_snapshot (call, &s->record, s->disk, SWAP) < 0)
    return -1;
  call->op_device = id;
  s->after = s->record;
  s->after.request = request_with (s, spec);
  return s->after.request && judge_plan (s) == 0 ? 0 : -1;
}

/* ---- doing it ---- */

/* The guest will have no file open that the document of SPAWN does not name. */
static void
leave_out (struct vl_call *call, struct vl_spawn *spawn)
{
  const struct vl_judged *files = spawn->files.rows;
  struct vl_judged *kept = vl_arena_alloc (call->arena, (spawn->files.count + 1) * sizeof *kept);
  const char *xml = vl_doc_xml (spawn->doc);
  uint32_t n = 0;

  for (uint32_t i = 0; i < spawn->files.count; i++)
    if (strstr (xml, vl_printf (call, "'%s'", files[i].path)))
      kept[n++] = files[i];
  spawn->files.rows = kept;
  spawn->files.count = n;
}

static int
call_driver (const struct vl_hooks *before, const struct vl_hooks *after, const char *id,
             const struct vl_volume_how *how, int settle)
{
  const struct vl_disk *disk = vl_stored_disk (after->stored, id);
  struct vl_app *app = before->app;
  VL_AUTOIMAGE struct vl_image_file file = { .fd = -1 };
  int off = how->off || VL_STREQ (before->record->status, "SHUTOFF");
  /* Of a guest that runs the files are what they were until the hypervisor has changed them. */
  int deep = (how->pulls || how->top) && ! off;
  struct vl_spawn spawn;
  struct vl_volume_swap swap = { .size = sizeof swap,
                                 .settle = (uint32_t)settle,
                                 .off = (uint32_t)off,
                                 .id = id,
                                 .target = disk->dev,
                                 .source = disk->source,
                                 .bytes = how->bytes,
                                 .after = &spawn,
                                 .quiesce = (uint32_t)how->quiesce,
                                 .pulls = (uint32_t)how->pulls,
                                 .top = how->top,
                                 .base = how->base };
  enum vl_volume_way way = how->way;

  /* Of what is only to be settled the new file may be gone. */
  if (! settle && way == VL_VOLUME_SWAPS
      && vl_volume_measure (app, before->driver, disk, &file, &swap.bytes) < 0)
    return -1;
  if (settle)
    spawn = (struct vl_spawn) { .size = sizeof spawn,
                                .uuid = before->record->uuid,
                                .domain = before->record->domain,
                                .run_dir = vl_server_run_dir (app, before->record->uuid),
                                .doc = after->stored->doc };
  else if (vl_record_spawn (app, before->record, (deep ? before : after)->stored->doc, &spawn) < 0)
    return -1;
  spawn.doc = after->stored->doc;
  if (deep)
    leave_out (app->call, &spawn);
  swap.xml = vl_doc_part_xml (app->call, after->stored->doc, vl_stored_path (after->stored, id));
  app->call->host = after->host;
  app->call->addresses = NULL;
  return way == VL_VOLUME_SNAPSHOT
             ? VL_CALL (app, before->driver, devices, volume_snapshot_create, &swap)
         : way == VL_VOLUME_MERGES
             ? VL_CALL (app, before->driver, devices, volume_snapshot_delete, &swap)
             : VL_CALL (app, before->driver, devices, swap_volume, &swap);
}

/* Whatever had begun ends, now: 0 where the guest has the new one, else as vl_replacement's act
 * answers. */
static int
settle (const struct vl_hooks *before, const struct vl_hooks *after, const char *id,
        const struct vl_volume_how *how)
{
  int result = call_driver (before, after, id, how, 1);

  return result == 0 ? 0 : result > 0 ? -1 : VL_UNFINISHED;
}

int
vl_volume_change (const struct vl_hooks *before, const struct vl_hooks *after, const char *id,
                  const struct vl_volume_how *how)
{
  int result = 0;

  if (call_driver (before, after, id, how, 0) < 0) {
    result = settle (before, after, id, how);
    result = result == 0 ? 1 : result;
  }
  return result;
}

static int
act (void *opaque)
{
  const struct vl_volume_how how = { .way = VL_VOLUME_SWAPS };
  const struct swapping *s = opaque;
  struct vl_hooks next;
  int result = vl_hooks_load (&next, s->app, &s->after, VL_ROLE_PENDING);

  if (result == 0)
    result = vl_hooks_permit (&next, VL_OP_SWAP_VOLUME, 0);
  if (result == 0)
    result = vl_volume_change (&s->current, &next, s->disk->id, &how);
  vl_hooks_free (&next);
  return result;
}

int
vl_server_swap (struct vl_app *app, const char *server, const char *volume, const char *spec)
{
  struct swapping s = { .app = app };
  VL_AUTOLOCK struct vl_lock lock = VL_LOCK_NONE;
  int result = -1;

  if (vl_server_take (app, server, vl_lock_seconds (app), &s.record, &s.driver, &lock) == 0
      && load (&s, volume, spec) == 0) {
    const struct vl_replacement how = { .kind = VL_OP_SERVER_SWAP,
                                        .judge = judge,
                                        .act = act,
                                        .opaque = &s,
                                        .request = s.after.request };

    app->call->host = s.plan->build.host;
    vl_progress (app->call, SWAP " of \"%s\"", s.record.name);
    result = vl_document_replace (app, &s.record, s.current.stored, s.plan, &how);
  }
  app->call->op_device = NULL;
  vl_plan_free (s.plan);
  vl_hooks_free (&s.current);
  vl_lock_drop (&lock);
  vl_events_tell (app);
  return result;
}

/* ---- what a dead command left ---- */

/* The volume of BEFORE whose file AFTER has not, NULL: there is none. */
static const char *
find_swapped (const struct vl_stored *before, const struct vl_stored *after)
{
  for (size_t i = 0; i < before->was.n_devices; i++) {
    const struct vl_recorded_device *device = &before->was.devices[i];
    const struct vl_disk *new = device->is_nic ? NULL : vl_stored_disk (after, device->disk.id);

    if (new && ! vl_text_same (new->source, device->disk.source))
      return device->disk.id;
  }
  return NULL;
}

/* A copy is not waited for, since whoever mends it may only want to look: it is given up, unless
 * the guest has the new one already. */
int
vl_volume_change_mend (const struct vl_hooks *current, const struct vl_hooks *next, const char *id,
                       const struct vl_volume_how *how)
{
  if (id == NULL)
    id = find_swapped (current->stored, next->stored);
  return id ? settle (current, next, id, how) : 0;
}
