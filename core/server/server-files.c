/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a guest is going to open, judged each time before it does, by what each file is
 * and not by its name: what is opened here is compared, by the driver, with what the
 * hypervisor has open before the guest runs. */

#include <config.h>

#include "server/record.h"

#include "lib/file.h"
#include "lib/text.h"
#include "request/disks.h"
#include "server/method.h"
#include "server/plan.h"
#include "server/stored.h"
#include "storage/storage.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <inttypes.h>
#include <limits.h>
#include <unistd.h>

struct judging {
  struct vl_app *app;
  const char *state; /* STATE, without links */
  const char *dir;   /* the server's own folder, as the document has it */
  struct vl_trust_guests guests;
  struct vl_judged *files;
  size_t n;
  struct volume *volumes; /* of this machine; room for all disks, and a file below each */
  size_t n_volumes;
  int guests_are_real; /* the driver does not invent its host */
};

struct volume {
  const char *path;
  int shared;
};

/* What an attribute below NODE says, NULL where there is none. */
static const char *
said (const struct vl_xml *node, const char *path, const char *attr)
{
  const struct vl_xml *below = vl_xml_find (node, path);

  return below ? vl_xml_attr (below, attr) : NULL;
}

/* ---- files of our own ---- */

/* Is PATH a disk that was made in the server's folder?  What `connect` links there is not. */
static int
is_own (const struct judging *j, const char *path)
{
  size_t length = strlen (j->dir);

  return VL_STARTS (path, j->dir) && path[length] == '/' && strchr (path + length + 1, '/') == NULL;
}

/* The file in FOLDER, one of ours, that is ID; NULL where there is none. */
static const char *
find_in (struct vl_call *call, const char *folder, struct vl_identity id)
{
  char *const roots[] = { (char *)folder, NULL };
  FTS *tree = fts_open (roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
  const char *found = NULL;

  for (FTSENT *entry; tree && found == NULL && (entry = fts_read (tree));)
    if (entry->fts_info == FTS_F && entry->fts_statp->st_dev == id.device
        && entry->fts_statp->st_ino == id.inode)
      found = vl_arena_strdup (call->arena, entry->fts_path);
  if (tree)
    fts_close (tree);
  return found;
}

/* The open volume FILE must be neither a part of STATE, by whatever name, nor hold it, nor
 * be in use by this host. */
static int
judge_place (const struct judging *j, const struct vl_image_file *file, int readonly)
{
  const char *self = vl_printf (file->call, "/proc/self/fd/%d", file->fd), *found;
  struct vl_file_stack stack = vl_file_stack (self);
  struct stat state, st;
  VL_AUTOCLOSE int fd = -1;

  for (size_t i = 0; i < stack.n; i++) {
    struct vl_identity id = stack.of[i].id;

    found = id.inode ? find_in (file->call, j->state, id) : NULL;
    if (found)
      return vl_image_refuse (file, "give a file of your own; images are given with --image",
                              "is \"%s\", which lies in STATE and is virtloom's own", found);
    if (id.inode == 0 && ! stack.of[i].part && stat (j->state, &state) == 0
        && state.st_dev == id.device)
      return vl_image_bad (file, "is the device that STATE lies on");
  }
  if (readonly || fstat (file->fd, &st) < 0 || ! S_ISBLK (st.st_mode))
    return 0;
  /* Mounted, swapped to, or part of another device: the kernel lends it to nobody else. */
  fd = open (self, O_RDONLY | O_EXCL | O_NONBLOCK | O_CLOEXEC);
  return fd < 0 && errno == EBUSY
             ? vl_image_refuse (file, "see what has it: lsblk", "is in use by this host itself")
             : 0;
}

/* ---- servers of other STATEs ---- */

/* Where the servers of this machine, of whatever STATE, say which volumes they have.  It goes with
 * the boot, as guests do. */
static const char *
held_folder (struct vl_call *call)
{
  return geteuid () == 0 ? "/run/virtloom/volumes"
                         : vl_printf (call, "/run/user/%u/virtloom/volumes", (unsigned)geteuid ());
}

/* What tells STATE from others, whatever it is called. */
static const char *
held_suffix (struct vl_app *app)
{
  struct vl_identity id = vl_file_identity (vl_app_state_dir (app));

  return vl_printf (app->call, ".%" PRIx64 "-%" PRIx64, id.device, id.inode);
}

/* Is volume PATH one that TEXT of LENGTH names: a server's folder, then for each volume 'x', or 's'
 * where its server shares it, and its path? */
static int
is_held (const char *text, size_t length, const char *path, int shared)
{
  for (const char *p = text + strlen (text) + 1; p < text + length; p += strlen (p) + 1)
    if (! (shared && *p == 's') && vl_file_shares (path, p + 1))
      return 1;
  return 0;
}

/* Refuses volume PATH where a server of another STATE has it.  What says so of a server that is
 * gone is removed. */
static int
judge_elsewhere (struct vl_app *app, const char *path, int shared)
{
  const char *folder = held_folder (app->call), *own = held_suffix (app), *file, *why, *slash;
  DIR *dir = opendir (folder);
  size_t length;
  int result = 0;
  struct stat st;

  for (const struct dirent *entry; result == 0 && dir && (entry = readdir (dir));) {
    VL_AUTOFREE char *text = NULL;

    /* One with two dots is not written yet, by a command that may be dead. */
    if (strchr (entry->d_name, '.') == entry->d_name
        || strchr (entry->d_name, '.') != strrchr (entry->d_name, '.'))
      continue;
    file = vl_printf (app->call, "%s/%s", folder, entry->d_name);
    text = vl_file_read (file, 1 << 20, &length, &why);
    if (text && lstat (text, &st) < 0 && (errno == ENOENT || errno == ENOTDIR))
      unlink (file);
    else if (text && ! VL_ENDS (entry->d_name, own) && (slash = strstr (text, "/servers/"))
             && is_held (text, length, path, shared))
      result = vl_refuse_as (app->call, VL_ERR_UNSUPPORTED, "ComputeResourcesUnavailable", NULL,
                             vl_printf (app->call,
                                        "take it away there ('server remove volume'), or delete "
                                        "that server: virtloom --state "
                                        "%.*s server delete %s",
                                        (int)(slash - text), text, slash + 9),
                             "volume '%s' is in use by server %s of another STATE, \"%.*s\"", path,
                             slash + 9, (int)(slash - text), text);
  }
  if (dir)
    closedir (dir);
  return result;
}

/* Refuses the volumes of J that a server of another STATE has. */
static int
judge_volumes (const struct judging *j)
{
  int result = 0;

  for (size_t i = 0; result == 0 && i < j->n_volumes; i++)
    result = judge_elsewhere (j->app, j->volumes[i].path, j->volumes[i].shared);
  return result;
}

/* Says that SERVER has the volumes of J from now on, then looks who else does: of two that do so at
 * once both see it. */
static int
hold_volumes (struct judging *j, const char *server)
{
  struct vl_app *app = j->app;
  const char *folder = held_folder (app->call);
  const char *file = vl_printf (app->call, "%s/%s%s", folder, server, held_suffix (app));
  VL_AUTOSTR struct vl_str text = { 0 };
  int result;

  if (j->n_volumes == 0) {
    /* Those that a rescue leaves out are the server's still. */
    if (vl_db_any (app->store,
                   "SELECT 1 FROM document WHERE server = ? AND role = '" VL_ROLE_RESCUE "'", "s",
                   server)
        == 0)
      unlink (file);
    return 0;
  }
  vl_str_add_n (&text, j->dir, strlen (j->dir) + 1);
  for (size_t i = 0; i < j->n_volumes; i++) {
    vl_str_add (&text, j->volumes[i].shared ? "s" : "x");
    vl_str_add_n (&text, j->volumes[i].path, strlen (j->volumes[i].path) + 1);
  }
  /* Where it cannot be said the hypervisor's own locks are left. */
  if (vl_file_mkdirs (folder, 0755) < 0 || vl_file_write (file, text.text, text.length, 0600) < 0)
    vl_debug (app->call, "cannot write \"%s\": %s", file, strerror (errno));
  result = judge_volumes (j);
  if (result < 0)
    unlink (file);
  return result;
}

/* ---- one file ---- */

/* Notes the open FILE as one that the guest is to have, unless it has it already. */
static int
note (struct judging *j, const struct vl_image_file *file, int shared)
{
  struct vl_judged *files = j->files, *judged;
  struct stat st;

  if (fstat (file->fd, &st) < 0)
    return vl_file_failed (file->call, "cannot look at", file->path, errno);
  for (size_t i = 0; i < j->n; i++)
    if (files[i].device == (S_ISBLK (st.st_mode) ? st.st_rdev : st.st_dev)
        && files[i].inode == (S_ISBLK (st.st_mode) ? 0 : st.st_ino))
      return shared ? 0
                    : vl_image_refuse (file, "a guest has a file once; leave one of them out",
                                       "is the same file as \"%s\", which the guest has already",
                                       files[i].path);
  if (j->n % 16 == 0) {
    files = vl_arena_alloc (file->call->arena, (j->n + 16) * sizeof *files);
    if (j->n)
      memcpy (files, j->files, j->n * sizeof *files);
    j->files = files;
  }
  judged = &files[j->n++];
  judged->path = file->path;
  judged->device = S_ISBLK (st.st_mode) ? st.st_rdev : st.st_dev;
  judged->inode = S_ISBLK (st.st_mode) ? 0 : st.st_ino;
  return 0;
}

/* The format that the image at PATH was stored as, NULL where it is none of ours. */
static const char *
image_format (struct vl_app *app, const char *path)
{
  const char *uuid = strrchr (path, '/'), *format = NULL;

  vl_db_row (app->store, &format, "SELECT disk_format FROM image WHERE uuid = ?", "s",
             uuid ? uuid + 1 : path);
  return format;
}

/* Refuses FILE, the WHAT of DISK, where it is gone. */
static int
judge_there (struct vl_app *app, const char *file, const char *what, const char *disk)
{
  if (access (file, F_OK) == 0 || errno != ENOENT)
    return 0;
  return vl_refuse_as (app->call, VL_ERR_NOT_FOUND, "DiskNotFound", NULL,
                       "put it back under that name; 'virtloom state check' shows what else is not "
                       "there",
                       "the %s \"%s\"%s%s%s is not there", what, disk, file == disk ? "" : ", \"",
                       file == disk ? "" : file, file == disk ? "" : "\",");
}

int
vl_server_disk_there (struct vl_app *app, const char *path)
{
  return judge_there (app, path, "disk", path);
}

/* The images below DISK, whose first is BELOW: <backingStore>. */
static int
judge_backing (struct judging *j, const struct vl_xml *below, const char *disk)
{
  VL_AUTOIMAGE struct vl_image_file file = { .fd = -1 };
  const char *path = said (below, "source", "file");
  const char *format = said (below, "format", "type"), *stored;

  if (path == NULL || format == NULL)
    return 0;
  stored = image_format (j->app, path);
  return judge_there (j->app, path, "base image of disk", disk) < 0
                 || vl_image_open (j->app->call, path, &file) < 0
                 || vl_image_check (&file, stored ? stored : format) < 0
             ? -1
             : note (j, &file, 1);
}

/* The files below a volume, which are no images but the server's own as the volume is; the last one
 * stands alone. */
static int
judge_below (struct judging *j, const struct vl_xml *below)
{
  VL_AUTOIMAGE struct vl_image_file file = { .fd = -1 };
  const char *path = said (below, "source", "file"), *format = said (below, "format", "type");
  const struct vl_xml *next = vl_xml_child (below, "backingStore");
  const char *next_path = next ? said (next, "source", "file") : NULL;

  if (path == NULL || format == NULL)
    return 0;
  if (vl_volume_open (j->app->call, path, 0, &j->guests, &file) < 0 || judge_place (j, &file, 0) < 0
      || vl_disk_verify (&file, format, next_path, next_path ? said (next, "format", "type") : NULL)
             < 0
      || (next_path && judge_below (j, next) < 0))
    return -1;
  j->volumes[j->n_volumes++] = (struct volume) { path, 0 };
  return note (j, &file, 0);
}

static int
judge_disk (struct judging *j, const struct vl_xml *disk)
{
  struct vl_call *call = j->app->call;
  const struct vl_xml *below = vl_xml_find (disk, "backingStore");
  const char *type = vl_xml_attr (disk, "type"), *format = said (disk, "driver", "type");
  const char *path = said (disk, "source", "file");
  VL_AUTOIMAGE struct vl_image_file file = { .fd = -1 };
  int readonly = vl_xml_find (disk, "readonly") != NULL;

  path = path ? path : said (disk, "source", "dev");
  /* A drive that has nothing in it. */
  if (vl_xml_find (disk, "source") == NULL)
    return 0;
  if (path == NULL)
    path = said (disk, "source", "name");
  format = format ? format : "of no format";
  if (path == NULL || type == NULL || ! is_own (j, path)) {
    if (vl_volume_check (call, type ? type : "", format,
                         vl_printf (call, "\"%s\"", path ? path : ""))
        < 0)
      return -1;
    if (VL_STREQ (type, "network") || said (disk, "source", "path"))
      return 0;
    if (vl_volume_open (call, path, VL_STREQ (type, "block"), &j->guests, &file) < 0
        || judge_place (j, &file, readonly) < 0)
      return -1;
    j->volumes[j->n_volumes++] = (struct volume) { path, vl_xml_find (disk, "shareable") != NULL };
    if (below && judge_below (j, below) < 0)
      return -1;
  } else if (vl_server_disk_there (j->app, path) < 0 || vl_image_open (call, path, &file) < 0
             || (below && judge_backing (j, below, path) < 0))
    return -1;
  return vl_disk_verify (&file, format, below ? said (below, "source", "file") : NULL,
                         below ? said (below, "format", "type") : NULL)
                 < 0
             ? -1
             : note (j, &file, 0);
}

/* The kernel and the initial RAM disk, which are read when the guest is started. */
static int
judge_kernel (struct judging *j, const struct vl_xml *domain, const char *element)
{
  const struct vl_xml *node = vl_xml_find (domain, element);
  VL_AUTOIMAGE struct vl_image_file file = { .fd = -1 };
  const char *path = node ? vl_xml_text (node) : NULL, *stored;

  if (path == NULL)
    return 0;
  stored = image_format (j->app, path);
  return vl_image_open (j->app->call, path, &file) < 0
             ? -1
             : vl_image_check (&file, stored ? stored : "raw");
}

int
vl_server_files_judge (struct vl_app *app, const struct vl_record *record, const char *xml,
                       struct vl_table *files)
{
  const struct vl_xml *domain = vl_xml_read (app->call, xml, strlen (xml)), *disk;
  struct vl_plugin *driver = domain ? vl_app_driver_named (app, record->driver) : NULL;
  struct judging j = { .app = app, .dir = vl_server_dir (app, record->uuid), .guests = { -1, -1 } };
  char state[PATH_MAX];
  size_t n = 0;

  if (driver == NULL || j.dir == NULL)
    return -1;
  if (realpath (vl_app_state_dir (app), state) == NULL)
    return vl_file_failed (app->call, "cannot look at", vl_app_state_dir (app), errno);
  j.state = state;
  if (VL_CALL_FN (driver, inventory, get_guest_owner)
      && VL_CALL (app, driver, inventory, get_guest_owner, &j.guests.uid, &j.guests.gid) < 0)
    return -1;
  for (disk = vl_xml_find (domain, "devices/disk"); disk; disk = vl_xml_next (disk, "disk"))
    n++;
  /* Each may lie over other files. */
  j.volumes = vl_arena_alloc (app->call->arena, (VL_CHAIN_MOST * n + 1) * sizeof *j.volumes);
  for (disk = vl_xml_find (domain, "devices/disk"); disk; disk = vl_xml_next (disk, "disk"))
    if (judge_disk (&j, disk) < 0)
      return -1;
  if (judge_kernel (&j, domain, "os/kernel") < 0 || judge_kernel (&j, domain, "os/initrd") < 0)
    return -1;
  if (driver->driver.host_file == NULL
      && (files ? hold_volumes (&j, record->uuid) : judge_volumes (&j)) < 0)
    return -1;
  if (files)
    *files = (struct vl_table) { j.files, (uint32_t)j.n, sizeof *j.files };
  return 0;
}

/* ---- of a plan ---- */

/* What lies below a volume, which is the server's in the same way. */
static int
judge_planned_below (struct judging *j, const struct vl_source *below)
{
  VL_AUTOIMAGE struct vl_image_file file = { .fd = -1 };
  const struct vl_source *next = below->backing;

  return vl_volume_open (j->app->call, below->path, 0, &j->guests, &file) < 0
                 || judge_place (j, &file, 0) < 0
                 || (j->guests_are_real && judge_elsewhere (j->app, below->path, 0) < 0)
                 || vl_disk_verify (&file, below->format, next ? next->path : NULL,
                                    next ? next->format : NULL)
                        < 0
             ? -1
         : next ? judge_planned_below (j, next)
                : 0;
}

/* Volume DISK with SOURCE, as it will be judged when its server is started.  Who guests run
 * as only a connection knows: owner and group of the file itself are taken for that. */
static int
judge_planned (struct judging *j, const struct vl_disk *disk, const struct vl_source *source)
{
  VL_AUTOIMAGE struct vl_image_file file = { .fd = -1 };
  const struct vl_source *below = source->backing;
  struct stat st;

  if (source->path == NULL || (stat (source->path, &st) < 0 && disk->plugin))
    return 0; /* reached over the network, or not connected yet */
  j->guests = (struct vl_trust_guests) { st.st_uid, st.st_gid };
  return vl_volume_open (j->app->call, source->path, VL_STREQ (source->type, "block"), &j->guests,
                         &file)
                     < 0
                 || judge_place (j, &file, disk->readonly) < 0
                 || (j->guests_are_real
                     && judge_elsewhere (j->app, source->path, disk->shareable != 0) < 0)
                 || (below && below->path && judge_planned_below (j, below) < 0)
             ? -1
             : vl_disk_verify (&file, disk->format, below ? below->path : NULL,
                               below ? below->format : NULL);
}

int
vl_plan_volumes_judge (struct vl_app *app, struct vl_plan *plan)
{
  const struct vl_guest *guest = plan->build.guest;
  struct judging j = { .app = app,
                       .guests_are_real = guest && guest->driver->driver.host_file == NULL };
  char state[PATH_MAX];
  int result = 0;

  j.state = realpath (vl_app_state_dir (app), state);
  for (size_t i = 0; plan->call->here && j.state && i < guest->n_disks; i++)
    if (guest->disk_devices[i] && vl_is_volume (guest->disk_devices[i])
        && (guest->disk_devices[i]->path || guest->disks[i].plugin))
      result |= judge_planned (&j, &guest->disks[i], &guest->sources[i]);
  plan->ok = plan->ok && result == 0;
  return result;
}
