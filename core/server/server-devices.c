/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Disks and NICs that come to a server, or go from it.  The document of a build with the
 * device takes the place of the one on record, from which it may differ by the device and a
 * controller for it; the guest gets, or loses, just those. */

#include <config.h>

#include "server/hooks.h"

#include "lib/text.h"
#include "request/disks.h"
#include "server/method.h"
#include "server/undo.h"

#include <virtloom/virtloom.h>

#define TOLD 5 /* so many changes that are in the way are told */

/* What is done: the words of the operation's kind after "server ". */
static const struct operation {
  const char *kind;
  enum vl_device_kind of;
  int gone;
} operations[] = {
  { VL_OP_SERVER_ATTACH "volume", VL_DEVICE_VOLUME, 0 },
  { VL_OP_SERVER_DETACH "volume", VL_DEVICE_VOLUME, 1 },
  { VL_OP_SERVER_ATTACH "interface", VL_DEVICE_INTERFACE, 0 },
  { VL_OP_SERVER_DETACH "interface", VL_DEVICE_INTERFACE, 1 },
};
#define N_OPERATIONS (sizeof operations / sizeof operations[0])

struct work {
  struct vl_app *app;
  const struct operation *what;
  struct vl_record record;
  struct vl_record after; /* the same, with the next request */
  struct vl_plugin *driver;
  struct vl_hooks current;
  const struct vl_hooks *next; /* in act only */
  struct vl_plan *plan;
  const char *device; /* its id */
  int off;            /* the guest neither runs nor stands still */
  int alone;          /* all that changes is due to the device: of a guest that is off it may */
};

/* The row of the state machine that W is. */
static const struct vl_operation *
rule (const struct work *w)
{
  return vl_operation_find (w->what->kind + strlen (VL_OP_SERVER));
}

/* ---- what changes ---- */

/* The length of the part of PATH that names an element of `devices`, 0 where it is none. */
static size_t
device_length (const char *path)
{
  static const char devices[] = "/domain/devices/";
  size_t length = sizeof devices - 1;

  return strncmp (path, devices, length) == 0 ? length + strcspn (path + length, "/") : 0;
}

/* Is ROW a whole element of `devices`, the device ID or a controller? */
static int
is_part (const struct vl_provenance *row, const char *id)
{
  size_t length = device_length (row->path);

  return length && row->path[length] == '\0' && row->part == VL_PART_ELEMENT
         && (row->device ? VL_STREQ (row->device, id)
                         : VL_STARTS (row->path, "/domain/devices/controller"));
}

/* The next of the N CHANGES from *AT on that is not of a whole part that comes, or with GONE goes;
 * NULL at the end.  PART is called with each part. */
static const struct vl_change *
next_other (const struct vl_change *changes, size_t n, size_t *at, int gone, const char *id,
            void (*part) (void *, const struct vl_provenance *), void *opaque)
{
  while (*at < n) {
    const struct vl_change *change = &changes[(*at)++];
    const struct vl_provenance *row = gone ? change->was : change->is;
    size_t length = row ? device_length (row->path) : 0;

    if (row == NULL || (gone ? change->is : change->was) || ! is_part (row, id))
      return change;
    if (part)
      part (opaque, row);
    /* All of it follows. */
    while (*at < n) {
      const struct vl_provenance *more = gone ? changes[*at].was : changes[*at].is;

      if ((gone ? changes[*at].is : changes[*at].was) || strncmp (more->path, row->path, length)
          || more->path[length] != '/')
        break;
      ++*at;
    }
  }
  return NULL;
}

/* Refuses what else would change; DRIFT: without the device it would, too. */
static int
refuse_changes (const struct work *w, const struct vl_change *changes, size_t n, int drift)
{
  struct vl_call *call = w->app->call;
  const char *verb = vl_operation_verb (rule (w)->word);
  const char *name = vl_name_word (call->arena, w->record.name);
  VL_AUTOSTR struct vl_str text = { 0 };
  const struct vl_change *change;
  size_t at = 0, others = 0;

  while ((change = next_other (changes, n, &at, w->what->gone, w->device, NULL, NULL)))
    if (others++ < TOLD)
      vl_str_printf (&text, "%s%s", text.length ? "; " : "", vl_change_text (call, change));
  if (others > TOLD)
    vl_str_printf (&text, "; and %zu more", others - TOLD);
  return vl_refuse_as (call, VL_ERR_REQUEST, "GuestWouldChange", NULL,
                       drift ? vl_printf (call,
                                          "take a plan of today first: virtloom server diff %s "
                                          "shows it, virtloom server reboot --hard --update %s "
                                          "takes it",
                                          name, name)
                             : vl_printf (call, "stop it first: virtloom server stop %s", name),
                       "%s of server \"%s\" would change more than the device: %s", verb,
                       w->record.name, text.text);
}

/* The judge of the replacement, inside its transaction. */
static int
judge (void *opaque, const struct vl_change *changes, size_t n)
{
  const struct work *w = opaque;
  size_t at = 0;

  return w->alone || next_other (changes, n, &at, w->what->gone, w->device, NULL, NULL) == NULL
             ? 0
             : refuse_changes (w, changes, n, 1);
}

/* The same before it: more than the device may change where the guest is off, and none of it would
 * without the device. */
static int
judge_plan (struct work *w)
{
  struct vl_change *changes;
  size_t n, at = 0;
  int drift;

  vl_stored_difference (w->app, w->current.stored, w->plan, &changes, &n);
  if (next_other (changes, n, &at, w->what->gone, w->device, NULL, NULL) == NULL)
    return 0;
  drift = vl_record_drifts (w->app, &w->record, w->current.stored);
  w->alone = w->off && ! drift;
  return w->alone ? 0 : refuse_changes (w, changes, n, drift);
}

/* ---- the driver ---- */

struct parts {
  struct vl_call *call;
  const struct vl_doc *doc;
  struct vl_device_part *list;
  size_t n;
};

static void
add_part (void *opaque, const struct vl_provenance *row)
{
  struct parts *parts = opaque;

  parts->list[parts->n++] =
      (struct vl_device_part) { row->device, vl_doc_part_xml (parts->call, parts->doc, row->path) };
}

/* Controllers come before what they drive, and go after it. */
static struct vl_table
sort_parts (const struct parts *parts, int gone)
{
  struct vl_device_part *sorted =
      vl_arena_alloc (parts->call->arena, (parts->n + 1) * sizeof *sorted);
  size_t n = 0;

  for (int turn = 0; turn < 2; turn++)
    for (size_t i = 0; i < parts->n; i++)
      if ((parts->list[i].id != NULL) == (turn != gone))
        sorted[n++] = parts->list[i];
  return (struct vl_table) { sorted, (uint32_t)n, sizeof *sorted };
}

/* What the document of AFTER has more than that of BEFORE; with GONE, what it has less. */
static struct vl_table
parts_of (const struct work *w, const struct vl_stored *before, const struct vl_stored *after,
          int gone)
{
  struct vl_call *call = w->app->call;
  struct parts parts = { .call = call, .doc = gone ? before->doc : after->doc };
  struct vl_change *changes;
  size_t n, at = 0;

  vl_doc_difference (call, before->doc, before->rows, after->doc, after->rows, &changes, &n);
  parts.list = vl_arena_alloc (call->arena, (n + 1) * sizeof *parts.list);
  while (next_other (changes, n, &at, gone, w->device, add_part, &parts))
    ;
  return sort_parts (&parts, gone);
}

/* Has the driver make the guest of document BEFORE one of AFTER: attach, or with GONE detach. */
static int
call_driver (const struct work *w, const struct vl_hooks *before, const struct vl_hooks *after,
             int gone, int once)
{
  struct vl_app *app = w->app;
  struct vl_spawn spawn;
  const struct vl_device_change change = { .size = sizeof change,
                                           .once = (uint32_t)once,
                                           .parts =
                                               parts_of (w, before->stored, after->stored, gone),
                                           .after = &spawn };
  int result;

  if (vl_record_spawn (app, &w->record, after->stored->doc, &spawn) < 0)
    return -1;
  app->call->host = after->host;
  app->call->addresses = NULL;
  if (gone)
    return w->what->of == VL_DEVICE_VOLUME
               ? VL_CALL (app, w->driver, devices, detach_volume, &change)
               : VL_CALL (app, w->driver, devices, detach_interface, &change);
  app->call->seen_back = (struct vl_seen_back) { 0 };
  result = w->what->of == VL_DEVICE_VOLUME
               ? VL_CALL (app, w->driver, devices, attach_volume, &change)
               : VL_CALL (app, w->driver, devices, attach_interface, &change);
  /* Nobody knows what the guest has then. */
  return result == 0 && vl_driver_looked (app, w->driver, "attach", 0) < 0 ? 1 : result;
}

/* 0 after a finding where the driver lacks the call, or what takes back what it did: else 1. */
static int
has_calls (const struct work *w)
{
#define HAS(member) (VL_HAS_CALL (w->app->call, w->driver, devices, member) == 0)
  if (w->what->of == VL_DEVICE_VOLUME)
    return (w->what->gone || HAS (attach_volume)) && HAS (detach_volume);
  return (w->what->gone || HAS (attach_interface)) && HAS (detach_interface);
}

/* ---- attach ---- */

/* Connects the volume or plugs the NIC, which is then undone by undo_host. */
static int
make_ready (const struct work *w)
{
  return vl_server_device_act (w->app, &w->after, VL_ROLE_PENDING, w->device, VL_DEVICE_COMES) < 0
                 || vl_hooks_prepare (w->next) < 0
             ? -1
             : 0;
}

static int
undo_host (const struct work *w, const struct vl_hooks *hooks, const struct vl_record *record,
           const char *role)
{
  int bad = vl_hooks_release_device (hooks);

  bad |= vl_server_device_act (w->app, record, role, w->device, VL_DEVICE_GOES);
  return bad ? -1 : 0;
}

/* Was the last error of CALL, from number FIRST on, that the guest does not let go? */
static int
is_held (const struct vl_call *call, size_t first)
{
  for (size_t i = call->findings.n; i-- > first;)
    if (call->findings.items[i].severity == VL_SEV_ERROR)
      return VL_STREQ (call->findings.items[i].code, "DeviceDetachFailed");
  return 0;
}

/* The guest did not get the device, or is not what it should be: it loses what it has of it. */
static int
take_back (const struct work *w)
{
  size_t first = w->app->call->findings.n;

  if (call_driver (w, w->next, &w->current, 1, 1) < 0)
    return is_held (w->app->call, first) ? 1 : VL_UNFINISHED;
  /* What cannot be undone has been told. */
  (void)undo_host (w, w->next, &w->after, VL_ROLE_PENDING);
  return -1;
}

static int
attach (const struct work *w)
{
  if (make_ready (w) < 0) {
    (void)undo_host (w, w->next, &w->after, VL_ROLE_PENDING);
    return -1;
  }
  return call_driver (w, &w->current, w->next, 0, 0) == 0 ? 0 : take_back (w);
}

/* ---- detach ---- */

/* The volume is the server's, and stays connected, until the guest has let go. */
static int
detach (const struct work *w, int once)
{
  return call_driver (w, &w->current, w->next, 1, once) < 0
                 || undo_host (w, &w->current, &w->record, VL_ROLE_CURRENT) < 0
             ? -1
             : 0;
}

/* ---- both ---- */

static int
act (void *opaque)
{
  struct work *w = opaque;
  struct vl_hooks next;
  int result = vl_hooks_load (&next, w->app, &w->after, VL_ROLE_PENDING);

  w->next = &next;
  if (result == 0 && ! w->what->gone)
    result = vl_hooks_permit (&next, rule (w)->op, 0);
  if (result == 0)
    result = w->what->gone ? detach (w, 0) : attach (w);
  vl_hooks_free (&next);
  return result;
}

/* Is the server in a state in which it can be done, and what is on record of it? */
static int
load (struct work *w)
{
  struct vl_call *call = w->app->call;
  struct vl_info info;
  const char *status;

  if (vl_record_unlocked (call, &w->record) < 0
      || vl_server_look (w->app, w->driver, w->record.uuid, &info) < 0)
    return -1;
  status = vl_status_of (w->record.status, info.state, 1);
  if (vl_record_accepts (call, &w->record, status, rule (w)->word) < 0)
    return -1;
  w->off = VL_STREQ (status, "SHUTOFF");
  if (vl_hooks_load (&w->current, w->app, &w->record, VL_ROLE_CURRENT) < 0)
    return -1;
  if (w->current.stored->was.earlier)
    return vl_refuse_as (call, VL_ERR_REQUEST, "GuestWouldChange", NULL,
                         vl_printf (call, "virtloom server reboot --hard --update %s",
                                    vl_name_word (call->arena, w->record.name)),
                         "server \"%s\" was made before devices were on record", w->record.name);
  return vl_hooks_judge_plugins (&w->current, ! w->what->gone);
}

/* Plans the server with REQUEST, which has the device or has it no more, and judges what that would
 * change. */
static int
plan_with (struct work *w, const char *request)
{
  w->after = w->record;
  w->after.request = request;
  w->plan = vl_record_plan (w->app, &w->after, w->current.stored);
  return w->plan && w->plan->ok ? judge_plan (w) : -1;
}

/* Takes JSON, the request with or without the device. */
static int
replace (struct work *w, char *json)
{
  struct vl_app *app = w->app;
  const struct vl_replacement how = {
    .kind = w->what->kind,
    .judge = judge,
    .act = act,
    .opaque = w,
    .request = vl_arena_strdup (app->call->arena, json),
    .event = rule (w)->event,
  };

  free (json);
  if (plan_with (w, how.request) < 0)
    return -1;
  app->call->host = w->plan->build.host;
  vl_progress (app->call, "%s of \"%s\"", vl_operation_verb (rule (w)->word), w->record.name);
  return vl_document_replace (app, &w->record, w->current.stored, w->plan, &how);
}

/* Finds SERVER and has FN do OPERATION to it. */
static int
on_server (struct vl_app *app, const char *server, enum vl_device_kind of, int gone,
           int (*fn) (struct work *, const void *), const void *arg, const char **id)
{
  struct work w = { .app = app, .what = operations };
  VL_AUTOLOCK struct vl_lock lock = VL_LOCK_NONE;
  int result = -1;

  while (w.what < operations + N_OPERATIONS && (w.what->of != of || w.what->gone != gone))
    w.what++;
  if (w.what == operations + N_OPERATIONS)
    return vl_refuse (app->call, VL_ERR_USAGE, NULL, NULL, "there is no kind of device %d",
                      (int)of);
  app->call->spare = vl_schema_prepare;
  if (vl_server_take (app, server, vl_lock_seconds (app), &w.record, &w.driver, &lock) == 0
      && has_calls (&w) && load (&w) == 0)
    result = fn (&w, arg);
  app->call->spare = NULL;
  app->call->op_device = NULL;
  if (result == 0 && id)
    *id = w.device;
  vl_plan_free (w.plan);
  vl_hooks_free (&w.current);
  vl_lock_drop (&lock);
  vl_events_tell (app);
  return result;
}

struct wish {
  const char *spec, *name;
  const char **called; /* where what a volume would be called goes, of one that is not attached */
};

/* The request JSON of the server with WISH, malloc; NULL after a finding. */
static char *
wished (struct work *w, const struct wish *wish)
{
  char *json = vl_request_add (w->app, w->record.request, w->what->of == VL_DEVICE_INTERFACE,
                               wish->spec, wish->name, &w->device);

  if (json)
    w->app->call->op_device = w->device;
  return json;
}

static int
attach_one (struct work *w, const void *arg)
{
  char *json = wished (w, arg);

  return json ? replace (w, json) : -1;
}

int
vl_server_attach (struct vl_app *app, const char *server, enum vl_device_kind kind,
                  const char *spec, const char *name, const char **id)
{
  const struct wish wish = { spec, name, NULL };

  return on_server (app, server, kind, 0, attach_one, &wish, id);
}

/* Judges the attachment as it would be judged, and tells what the disk would be called. */
static int
name_one (struct work *w, const void *arg)
{
  const struct wish *wish = arg;
  VL_AUTOFREE char *json = wished (w, wish);
  const struct vl_disk *disk = NULL;

  if (json == NULL || plan_with (w, json) < 0 || vl_hooks_permit (&w->current, rule (w)->op, 0) < 0)
    return -1;
  for (size_t i = 0; disk == NULL && i < vl_plan_n_disks (w->plan); i++)
    if (VL_STREQ (vl_plan_disk (w->plan, i)->id, w->device))
      disk = vl_plan_disk (w->plan, i);
  if (disk == NULL || disk->dev == NULL)
    return vl_fault (w->app->call, "a volume that was planned has no name");
  *wish->called = vl_arena_strdup (w->app->call->arena, disk->dev);
  w->after.request = w->record.request; /* JSON goes now */
  /* Of one that is not connected yet there is nothing to look at. */
  return disk->plugin && access (disk->source, F_OK) < 0
             ? 0
             : vl_server_files_judge (w->app, &w->record, vl_plan_xml (w->plan), NULL);
}

int
vl_server_device_name (struct vl_app *app, const char *server, const char *spec, const char *name,
                       const char **device)
{
  const struct wish wish = { spec, name, device };

  *device = NULL;
  return on_server (app, server, VL_DEVICE_VOLUME, 0, name_one, &wish, NULL);
}

static int
detach_one (struct work *w, const void *arg)
{
  const struct vl_disk *disk;
  char *json;

  w->device = vl_device_named (w->app->call, &w->record, &w->current.stored->was,
                               w->what->of == VL_DEVICE_INTERFACE, arg);
  if (w->device == NULL)
    return -1;
  w->app->call->op_device = w->device;
  if ((disk = vl_stored_disk (w->current.stored, w->device))
      && vl_volume_judge_snapshot (w->app->call, &w->record, disk, rule (w)->word) < 0)
    return -1;
  if (vl_hooks_permit (&w->current, rule (w)->op, 0) < 0)
    return -1;
  json = vl_request_drop (w->app->call, w->record.request, w->what->of == VL_DEVICE_INTERFACE,
                          w->device);
  return json ? replace (w, json) : -1;
}

int
vl_server_detach (struct vl_app *app, const char *server, enum vl_device_kind kind,
                  const char *device)
{
  return on_server (app, server, kind, 1, detach_one, device, NULL);
}

/* ---- what a dead command left ---- */

/* The device that one of both documents has and the other has not; NULL: there is none. */
static const char *
find_changed (const struct vl_recorded *with, const struct vl_recorded *without)
{
  for (size_t i = 0; i < with->n_devices; i++) {
    const struct vl_recorded_device *device = &with->devices[i];
    const char *id = device->is_nic ? device->nic.id : device->disk.id;

    if (vl_recorded_device (without, id) == NULL)
      return id;
  }
  return NULL;
}

int
vl_device_mend (const struct vl_hooks *hooks, const struct vl_hooks *next, const char *kind,
                enum vl_event *event)
{
  struct work w = { .app = hooks->app,
                    .what = operations,
                    .record = *hooks->record,
                    .after = *hooks->record,
                    .driver = hooks->driver,
                    .current = *hooks,
                    .next = next };
  struct vl_call *call = w.app->call;
  int result;

  while (w.what < operations + N_OPERATIONS && ! VL_STREQ (w.what->kind, kind))
    w.what++;
  if (w.what == operations + N_OPERATIONS
      || vl_undo_planned (w.app->store, w.record.uuid, VL_MADE_REQUEST, &w.after.request) < 0
      || w.after.request == NULL)
    return vl_refuse_as (call, VL_ERR_FAILED, "StoreDamaged", NULL, VL_HINT_STORE,
                         "there is no operation \"%s\" that can be finished", kind);
  w.device = w.what->gone ? find_changed (&hooks->stored->was, &next->stored->was)
                          : find_changed (&next->stored->was, &hooks->stored->was);
  call->op_device = w.device;
  *event = rule (&w)->event;
  result = w.what->gone ? detach (&w, 1) : attach (&w);
  call->op_device = NULL;
  return result;
}
