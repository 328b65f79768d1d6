/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The acting calls of a storage plugin, held against what storage.h says of them: over real disks of
 * a server that is on record and never used again, in good order and in bad. */

#include <config.h>

#include "server/keep.h"
#include "server/method.h"
#include "server/plan.h"
#include "server/record.h"

#include "lib/text.h"
#include "request/disks.h"
#include "request/request.h"
#include "storage/storage.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define MARK "virtloom was here"
#define MORE ((int64_t)16 << 20)

struct trying {
  struct vl_app *app;
  struct vl_plugin *plugin;
  struct vl_hooks hooks;
  struct vl_plan *plan; /* of the server as it is */
  vl_storage_told_fn fn;
  void *opaque;
};

/* One disk of the server. */
struct disk_trial {
  struct trying *t;
  size_t i; /* in the plan's guest */
  const struct vl_disk *disk;
  const struct vl_source *source;
  struct vl_volume *volume;
  const char *path; /* of a disk that is a file, else NULL */
  int elsewhere;    /* it does not go with the server's folder */
  int64_t asked;    /* how large it is made */
};

/* ---- what is told ---- */

static void
tell (const struct trying *t, const char *word, const char *why)
{
  t->fn (t->opaque, word, why);
}

/* Calls DISK's WORD good where WHY is NULL; answers that. */
static int
judge (const struct disk_trial *d, const char *word, const char *why)
{
  tell (d->t, word, why ? vl_printf (d->t->app->call, "disk '%s': %s", d->disk->id, why) : NULL);
  return why == NULL;
}

/* Has EXPRESSION failed with a reason?  What it says then was wanted; a fault of the plugin stays. */
#define REFUSES(t, expression)                                                                     \
  __extension__({                                                                                  \
    struct vl_call *refuses_call_ = (t)->app->call;                                                \
    size_t refuses_first_ = refuses_call_->findings.n;                                             \
    int refuses_ = (expression) < 0;                                                               \
    if (refuses_)                                                                                  \
      forget (refuses_call_, refuses_first_);                                                      \
    refuses_;                                                                                      \
  })

static void
forget (struct vl_call *call, size_t first)
{
  for (size_t i = first; i < call->findings.n; i++)
    if (VL_STREQ (call->findings.items[i].code, "PluginFault"))
      return;
  vl_findings_drop (call, first, call->findings.n);
}

/* ---- files ---- */

/* What a file that nobody has written to or replaced keeps. */
struct look {
  int there;
  ino_t ino;
  off_t size;
  struct timespec time;
};

static struct look
look_at (const char *path)
{
  struct stat st;

  return path && lstat (path, &st) == 0 ? (struct look) { 1, st.st_ino, st.st_size, st.st_mtim }
                                        : (struct look) { 0 };
}

static int
same_look (const struct look *a, const char *path)
{
  struct look b = look_at (path);

  return a->there == b.there && a->ino == b.ino && a->size == b.size
         && a->time.tv_sec == b.time.tv_sec && a->time.tv_nsec == b.time.tv_nsec;
}

/* Writes a file that is nobody's to PATH, which is free. */
static int
plant (const char *path)
{
  VL_AUTOCLOSE int fd = open (path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

  return fd >= 0 && write (fd, MARK, sizeof MARK) == sizeof MARK ? 0 : -1;
}

/* Writes a mark into the raw disk PATH, or asks whether it is there. */
static int
mark (const char *path, int set)
{
  VL_AUTOCLOSE int fd = open (path, (set ? O_WRONLY : O_RDONLY) | O_CLOEXEC);
  char text[sizeof MARK] = "";

  if (fd < 0)
    return 0;
  return set ? pwrite (fd, MARK, sizeof MARK, 4096) == sizeof MARK
             : pread (fd, text, sizeof MARK, 4096) == sizeof MARK && VL_STREQ (text, MARK);
}

/* How large a disk the file PATH of FORMAT is over BELOW; -1 where it is none. */
static int64_t
measure (struct disk_trial *d, const char *path, const char *format, const struct vl_source *below)
{
  VL_AUTOIMAGE struct vl_image_file file = { .fd = -1 };

  if (vl_image_open (d->t->app->call, path, &file) < 0
      || vl_disk_verify (&file, format, below ? below->path : NULL, below ? below->format : NULL)
             < 0)
    return -1;
  return file.virtual_size ? file.virtual_size : (int64_t)file.size;
}

/* ---- one disk ---- */

/* The disk at its place, of its image or empty, or grown. */
static int
make (struct disk_trial *d, int grow)
{
  /* Its place has been found; for the plugin it is new. */
  d->volume->was = d->volume->was_at = NULL;
  return vl_server_disk_make (&d->t->hooks, d->t->plan, d->i, d->source->path, grow);
}

static int
remove_it (struct disk_trial *d)
{
  if (d->elsewhere)
    return vl_server_device_act (d->t->app, d->t->hooks.record, VL_ROLE_CURRENT, d->disk->id,
                                 VL_DEVICE_GOES);
  return d->path == NULL || unlink (d->path) == 0 || errno == ENOENT ? 0 : -1;
}

/* It is there, and of the size that was asked for. */
static const char *
judge_size (struct disk_trial *d)
{
  int64_t has;

  if (d->path == NULL)
    return NULL;
  if (access (d->path, F_OK) < 0)
    return "it answers 0, and nothing is where locate says";
  has = measure (d, d->path, d->source->format, d->source->backing);
  return has < 0                  ? "what is there is no disk of the format that locate says"
         : has < d->volume->bytes ? "the disk is smaller than it was asked for"
         : has >= d->volume->bytes + MORE ? "the disk is larger than it was asked for"
                                          : NULL;
}

static int
try_make_again (struct disk_trial *d)
{
  struct look before = look_at (d->path);

  (void)REFUSES (d->t, make (d, 0));
  return judge (d, "make",
                same_look (&before, d->path) ? NULL : "a disk that is there is written over");
}

static int
try_resize (struct disk_trial *d)
{
  int raw = d->path && VL_STREQ (d->source->format, "raw") && mark (d->path, 1);
  const char *why;
  struct look then;

  if (VL_GROUP_FN (d->t->plugin, storage, resize) == NULL)
    return 1;
  d->volume->bytes += MORE;
  why = make (d, 1) < 0 ? "it is not grown" : judge_size (d);
  if (why == NULL && raw && ! mark (d->path, 0))
    why = "what was on the disk is gone";
  then = look_at (d->path);
  if (why == NULL && make (d, 1) < 0)
    why = "growing it to what it has fails";
  if (why == NULL && then.there && then.size != look_at (d->path).size)
    why = "growing it to what it has changes its size";
  return judge (d, "resize", why);
}

static int
snapshot (struct disk_trial *d, const char *path)
{
  return vl_server_disk_read (&d->t->hooks, d->disk, path);
}

static int
try_snapshot (struct disk_trial *d)
{
  const char *path = vl_printf (d->t->app->call, "%s/trial.snapshot", d->volume->dir), *why = NULL;
  struct look before = look_at (d->path), made;

  if (VL_GROUP_FN (d->t->plugin, storage, snapshot) == NULL)
    return 1;
  if (snapshot (d, path) < 0)
    why = "it is not written to a file";
  else if (access (path, F_OK) < 0)
    why = "it answers 0, and there is no file";
  else if (measure (d, path, d->source->format, NULL) < d->volume->bytes)
    why = "the file is no disk of its size and format that stands alone";
  else if (! same_look (&before, d->path))
    why = "the disk is changed";
  made = look_at (path);
  if (why == NULL && ! REFUSES (d->t, snapshot (d, path)))
    why = "a file that is there is no reason to refuse";
  if (why == NULL && ! same_look (&made, path))
    why = "a file that is there is written over";
  (void)unlink (path);
  return judge (d, "snapshot", why);
}

/* Of a disk that is gone. */
static int
try_absent (struct disk_trial *d)
{
  const char *path = vl_printf (d->t->app->call, "%s/trial.snapshot", d->volume->dir);
  int good = 1;

  if (VL_GROUP_FN (d->t->plugin, storage, resize))
    good &= judge (d, "resize",
                   ! REFUSES (d->t, make (d, 1)) ? "it grows a disk that is not there"
                   : look_at (d->path).there     ? "it makes a disk that is not there"
                                                 : NULL);
  if (VL_GROUP_FN (d->t->plugin, storage, snapshot)) {
    good &= judge (d, "snapshot",
                   ! REFUSES (d->t, snapshot (d, path)) ? "it copies a disk that is not there"
                   : access (path, F_OK) == 0 ? "it leaves a file of a disk that is not there"
                                              : NULL);
    (void)unlink (path);
  }
  return good;
}

/* Something that is nobody's lies where the disk is to be. */
static int
try_foreign (struct disk_trial *d)
{
  struct look before;
  int good;

  if (d->path == NULL || plant (d->path) < 0)
    return 1;
  before = look_at (d->path);
  good = judge (d, "make",
                ! REFUSES (d->t, make (d, 0))    ? "something that is there is no reason to refuse"
                : ! same_look (&before, d->path) ? "something that is not its own is gone"
                                                 : NULL);
  /* What the core calls then, wherever MAKE ended. */
  if (good && d->elsewhere) {
    (void)REFUSES (d->t, remove_it (d));
    good = judge (d, "remove",
                  same_look (&before, d->path) ? NULL : "something that is not its own is gone");
  }
  (void)unlink (d->path);
  return good;
}

static int
try_remove (struct disk_trial *d)
{
  const char *why = remove_it (d) < 0         ? "it is not removed"
                    : look_at (d->path).there ? "it answers 0, and the disk is still there"
                    : remove_it (d) < 0       ? "it fails of a disk that is gone"
                                              : NULL;

  return d->elsewhere ? judge (d, "remove", why) : why == NULL;
}

struct counted {
  const char *server;
  size_t n;
};

static void
count_made (void *opaque, const char *server, const char *disk)
{
  struct counted *counted = opaque;

  counted->n += server && disk && *disk && VL_STREQ (server, counted->server);
}

static int
ask_made (struct vl_call *call, struct vl_plugin *plugin, void *counted)
{
  return plugin->feature.storage->made (call, count_made, counted);
}

/* Does it tell of WANTED disks of the server? */
static int
try_made (const struct trying *t, size_t wanted)
{
  struct counted counted = { .server = t->hooks.record->uuid };
  const char *why;

  if (VL_GROUP_FN (t->plugin, storage, made) == NULL)
    return 1;
  why = vl_group_run (t->app, t->plugin, "made", ask_made, &counted) < 0 ? "it fails"
        : counted.n < wanted ? "it does not tell of a disk that is there"
        : counted.n > wanted ? "it tells of a disk that is not there"
                             : NULL;
  tell (t, "made", why);
  return why == NULL;
}

/* All of it, of disk I, which is there; at the end it is again. */
static void
try_disk (struct trying *t, size_t i, size_t elsewhere)
{
  struct vl_guest *guest = t->plan->build.guest;
  struct disk_trial d = { .t = t,
                          .i = i,
                          .disk = &guest->disks[i],
                          .source = &guest->sources[i],
                          .volume = &guest->volumes[i] };

  d.asked = d.volume->bytes;
  d.path = VL_STREQ (d.source->type, "file") ? d.source->path : NULL;
  d.elsewhere = ! (d.path && vl_keep_name (d.volume->dir, d.disk));
  if (judge (&d, "make", judge_size (&d)) && try_make_again (&d) && try_resize (&d)
      && try_snapshot (&d) && try_remove (&d) && try_made (t, elsewhere - (size_t)d.elsewhere)
      && try_absent (&d) && try_foreign (&d)) {
    d.volume->bytes = d.asked;
    judge (&d, "make", make (&d, 0) < 0 ? "it is not made again" : judge_size (&d));
  }
}

/* ---- the store ---- */

struct room {
  const char *dir, *store;
  int64_t total, used;
};

static int
ask_capacity (struct vl_call *call, struct vl_plugin *plugin, void *arg)
{
  struct room *room = arg;

  return plugin->feature.storage->capacity (call, room->dir, &room->store, &room->total,
                                            &room->used);
}

/* STORE: what locate said that the disks are taken of, or NULL. */
static void
try_capacity (struct trying *t, const char *store)
{
  struct room rooms[2];
  const char *why = NULL;

  if (VL_GROUP_FN (t->plugin, storage, capacity) == NULL)
    return;
  for (size_t i = 0; i < 2 && why == NULL; i++) {
    struct room *room = &rooms[i];

    *room = (struct room) { .dir = vl_app_state_dir (t->app), .total = -1, .used = -1 };
    if (vl_group_run (t->app, t->plugin, "capacity", ask_capacity, room) < 0)
      why = "it fails";
    else if (room->store == NULL || *room->store == '\0'
             || vl_name_problem (room->store, strlen (room->store)))
      why = "it does not say which store it counts";
    else if (room->total <= 0 || room->used < 0 || room->used > room->total)
      why = "its numbers cannot be: total is not above 0, or used not from 0 to total";
    else if (store && ! VL_STREQ (store, room->store))
      why = "it counts another store than locate says";
  }
  if (why == NULL
      && (rooms[0].total != rooms[1].total || ! VL_STREQ (rooms[0].store, rooms[1].store)))
    why = "asked twice it says something else";
  tell (t, "capacity", why);
}

/* ---- images ---- */

struct asked {
  const char *url, *path;
  int (*look) (struct vl_call *, const char *, struct vl_image_place *);
  struct vl_image_place place;
};

static int
ask_image (struct vl_call *call, struct vl_plugin *plugin, void *arg)
{
  struct asked *asked = arg;

  return asked->look ? asked->look (call, asked->url, &asked->place)
                     : plugin->feature.storage->image_fetch (call, asked->url, asked->path);
}

/* Of an image that is not there. */
static void
try_images (struct trying *t)
{
  const char *const *scheme = VL_GROUP_FN (t->plugin, storage, image_schemes);
  struct asked asked = { .path = vl_printf (t->app->call, "%s/trial.image",
                                            vl_app_state_dir (t->app)) };

  for (; scheme && *scheme; scheme++) {
    asked.url = vl_printf (t->app->call, "%s:virtloom-trial/none@none", *scheme);
    asked.place = (struct vl_image_place) { .size = sizeof asked.place };
    if ((asked.look = VL_GROUP_FN (t->plugin, storage, image_look)))
      tell (t, "image_look",
            REFUSES (t, vl_group_run (t->app, t->plugin, "image_look", ask_image, &asked))
                ? NULL
                : "it finds an image that is not there");
    if ((asked.look = VL_GROUP_FN (t->plugin, storage, image_clones))) {
      asked.place.url = NULL;
      tell (t, "image_clones",
            REFUSES (t, vl_group_run (t->app, t->plugin, "image_clones", ask_image, &asked))
                    || asked.place.url == NULL
                ? NULL
                : "it would clone an image that is not there");
    }
    asked.look = NULL;
    if (VL_GROUP_FN (t->plugin, storage, image_fetch))
      tell (t, "image_fetch",
            ! REFUSES (t, vl_group_run (t->app, t->plugin, "image_fetch", ask_image, &asked))
                ? "it fetches an image that is not there"
            : access (asked.path, F_OK) == 0 ? "it leaves a file of an image that is not there"
                                             : NULL);
    (void)unlink (asked.path);
  }
}

/* ---- volumes ---- */

static int
act (const struct trying *t, const char *id, enum vl_device_way how)
{
  return vl_server_device_act (t->app, t->hooks.record, VL_ROLE_CURRENT, id, how);
}

/* A volume of a server that is connected; at the end it is again. */
static void
try_volume (struct trying *t, const struct vl_disk *disk)
{
  const char *path = VL_STREQ (disk->type, "file") ? disk->source : NULL;
  const char *link = vl_printf (t->app->call, "%s/dev/%s",
                                vl_server_dir (t->app, t->hooks.record->uuid), disk->id);
  struct look before = look_at (path);

#define CALL(name, ...)                                                                            \
  (VL_GROUP_FN (t->plugin, storage, name) ? tell (t, #name, __VA_ARGS__) : (void)0)
  CALL (connect,
        act (t, disk->id, VL_DEVICE_COMES) < 0 ? "it fails of a volume that is connected" : NULL);
  CALL (extend, act (t, disk->id, VL_DEVICE_EXTENDS) < 0 || act (t, disk->id, VL_DEVICE_EXTENDS) < 0
                    ? "it fails of a volume that has the size which it is told of"
                    : NULL);
  CALL (disconnect, act (t, disk->id, VL_DEVICE_GOES) < 0   ? "it fails"
                    : look_at (link).there                  ? "it leaves the link dev/ID"
                    : act (t, disk->id, VL_DEVICE_GOES) < 0 ? "it fails of a volume that is not "
                                                              "connected"
                    : ! same_look (&before, path) ? "the volume's bytes are not what they were"
                                                  : NULL);
  CALL (connect, act (t, disk->id, VL_DEVICE_COMES) < 0 ? "it fails after a disconnect"
                 : ! same_look (&before, path) ? "the volume's bytes are not what they were"
                                               : NULL);
#undef CALL
}

/* ---- all of it ---- */

static void
try_all (struct trying *t)
{
  struct vl_guest *guest = t->plan->build.guest;
  const char *store = NULL;
  size_t elsewhere = 0;

#define IS_OURS(i) vl_text_same (guest->disks[i].plugin, t->plugin->name)
#define IS_VOLUME(i) (guest->disk_devices[i] && vl_is_volume (guest->disk_devices[i]))
  for (size_t i = 0; i < guest->n_disks; i++)
    if (IS_OURS (i) && ! IS_VOLUME (i)) {
      store = guest->sources[i].store ? guest->sources[i].store : store;
      elsewhere += vl_keep_name (guest->volumes[i].dir, &guest->disks[i]) == NULL;
    }
  if (! try_made (t, elsewhere))
    return;
  for (size_t i = 0; i < guest->n_disks; i++)
    if (IS_OURS (i) && IS_VOLUME (i))
      try_volume (t, &guest->disks[i]);
    else if (IS_OURS (i))
      try_disk (t, i, elsewhere);
#undef IS_OURS
#undef IS_VOLUME
  try_capacity (t, store);
  try_images (t);
}

static void
tell_calls (const struct trying *t)
{
#define TELL(name) (VL_GROUP_FN (t->plugin, storage, name) ? tell (t, #name, NULL) : (void)0)
  TELL (make);
  TELL (resize);
  TELL (remove);
  TELL (snapshot);
  TELL (capacity);
  TELL (connect);
  TELL (disconnect);
  TELL (extend);
  TELL (image_look);
  TELL (image_clones);
  TELL (image_fetch);
  TELL (made);
#undef TELL
}

const char *
vl_plugins_images_type (const struct vl_app *app, const char *name)
{
  const struct vl_plugin *plugin = vl_registry_find (app->registry, name);
  const char *const *types =
      plugin && plugin->state == VL_PLUGIN_LOADED && plugin->kind == VL_KIND_FEATURE
          ? VL_GROUP_FN (plugin, storage, image_types)
          : NULL;

  return types ? *types : NULL;
}

int
vl_plugins_try_storage (struct vl_app *app, const char *name, const char *server,
                        vl_storage_told_fn fn, void *opaque)
{
  struct vl_plugin *plugin = vl_registry_find (app->registry, name);
  struct trying t = { .app = app, .plugin = plugin, .fn = fn, .opaque = opaque };
  const struct vl_record *record;

  if (plugin == NULL || plugin->state != VL_PLUGIN_LOADED || plugin->kind != VL_KIND_FEATURE
      || plugin->feature.storage == NULL)
    return vl_refuse (app->call, VL_ERR_NOT_FOUND, NULL, "which are there: virtloom feature list",
                      "no storage plugin '%s' is loaded", name);
  if (server == NULL) {
    tell_calls (&t);
    return 0;
  }
  record = vl_record_find (app, server);
  if (record == NULL)
    return -1;
  if (vl_hooks_load (&t.hooks, app, record, VL_ROLE_CURRENT) == 0
      && (t.plan = vl_record_plan (app, record, t.hooks.stored)) && t.plan->ok) {
    app->call->host = t.plan->build.host;
    try_all (&t);
    app->call->host = NULL;
  }
  vl_plan_free (t.plan);
  vl_hooks_free (&t.hooks);
  return t.plan ? 0 : -1;
}
