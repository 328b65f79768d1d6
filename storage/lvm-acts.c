/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * lvm: what is done with disks in volume groups.  A volume gets a tag with a token of ours in the
 * same transaction of lvm2's that makes it, and the token is written down before: what has not the
 * tag is never removed. */

#include <config.h>

#include "storage/lvm.h"

#include "storage/local.h"

#include "lib/alloc.h"
#include "lib/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MIB ((int64_t)1 << 20)
/* A volume that was just closed is still looked at by udev: how many seconds that is waited for. */
#define PATIENCE 10

static const char *
tag_of (struct vl_call *c, const char *token)
{
  return vl_printf (c, LVM_TAG "%s", token);
}

/* Is TAG one of TAGS, which lvm2 lists with commas? */
static int
has_tag (const char *tags, const char *tag)
{
  size_t length = strlen (tag);

  for (const char *at = tags; at && *at; at += strcspn (at, ","), at += *at == ',')
    if (strncmp (at, tag, length) == 0 && (at[length] == ',' || at[length] == '\0'))
      return 1;
  return 0;
}

static const char *
group_of (struct vl_call *c, const char *path)
{
  path += strlen ("/dev/");
  return vl_printf (c, "%.*s", (int)strcspn (path, "/"), path);
}

/* ---- devices ---- */

/* The volume PATH, open for writing: *DEVICE is what its name stands for, *BYTES its size.  A plain
 * file below /dev, which would take all that is written to it, is none.  -1 after a refusal. */
static int
open_device (struct vl_call *c, const char *path, const char **device, int64_t *bytes)
{
  VL_AUTOFREE char *real = realpath (path, NULL);
  VL_AUTOCLOSE int fd = real ? open (real, O_RDWR | O_NOFOLLOW | O_CLOEXEC) : -1;
  struct stat st;
  int kept;

  if (fd < 0 || fstat (fd, &st) < 0)
    return vl_file_failed (c, "cannot open", path, errno);
  *bytes = lseek (fd, 0, SEEK_END);
  if (! S_ISBLK (st.st_mode) || *bytes < 0)
    return vl_refuse_as (c, VL_ERR_FAILED, "StorageFailed", NULL, "look at it with: ls -lL, lvs",
                         "\"%s\" is no block device", path);
  *device = vl_printf (c, "%s", real);
  kept = fd;
  fd = -1;
  return kept;
}

static int
run_on (struct vl_call *c, const char *name, const char *const *args, const char *device, int fd,
        int64_t bytes)
{
  const struct vl_tool_file files[] = { { .path = device, .fd = fd, .write = 1 } };
  const struct vl_tool tool = { .size = sizeof tool,
                                .name = name,
                                .args = args,
                                .files = VL_TABLE (files),
                                .deadline = local_time_for (bytes),
                                .file_size = bytes };

  return vl_tool_run (c, &tool, NULL);
}

/* Zeroes from byte FROM up to END, in steps between which it can be ended. */
static int
zero (struct vl_call *c, const char *device, int fd, int64_t from, int64_t end)
{
  const char *offset = vl_printf (c, "%" PRId64, from);
  const char *length = vl_printf (c, "%" PRId64, end - from);
  const char *args[] = { "-f",   "-z", "-o",        offset,         "-l",
                         length, "-p", "268435456", VL_TOOL_FILE_0, NULL };

  return from < end ? run_on (c, LVM_ZERO, args, device, fd, end) : 0;
}

static int
sync_device (struct vl_call *c, const char *path, int fd)
{
  return fsync (fd) == 0 ? 0 : vl_file_failed (c, "cannot write", path, errno);
}

/* ---- making ---- */

static int
refuse_room (struct vl_call *c, const char *what, int64_t bytes, const char *where, int64_t has)
{
  return vl_refuse_as (c, VL_ERR_FAILED, "DiskFull", NULL,
                       "remove what is not needed, or vgextend and lvextend it",
                       "%s takes %" PRId64 " MiB, and %s has %" PRId64 " MiB free", what,
                       (bytes + MIB - 1) / MIB, where, has / MIB);
}

/* A thick volume. */
static int
create_thick (struct vl_call *c, const struct vl_volume *volume, const struct lvm_group *group,
              const char *name, const char *tag)
{
  const char *size = vl_printf (c, "%" PRId64 "b", volume->bytes);
  /* What lies in its place is not looked at, and not asked about: all of it is written over. */
  const char *args[] = { "lvcreate", "--name",    name,     "--size", size,
                         "--addtag", tag,         "--zero", "y",      "--wipesignatures",
                         "n",        group->name, NULL };

  if (volume->bytes > group->free)
    return refuse_room (c, vl_printf (c, "disk '%s'", volume->id), volume->bytes,
                        vl_printf (c, "volume group '%s'", group->name), group->free);
  return lvm_run (c, args);
}

/* A volume of a thin pool, which must have room for the image at least; what is promised beyond the
 * pool's size is told. */
static int
create_thin (struct vl_call *c, const struct vl_volume *volume, const struct lvm_group *whole,
             const char *name, const char *tag)
{
  const char *size = vl_printf (c, "%" PRId64 "b", volume->bytes);
  const char *group = whole->name;
  struct lvm_pool pool;

  lvm_need_target ("thin-pool");
  if (lvm_find_pool (c, group, &pool) < 0)
    return -1;
  if (volume->image && volume->image_bytes > pool.bytes - pool.used)
    return refuse_room (c, vl_printf (c, "disk '%s'", volume->id), volume->image_bytes,
                        vl_printf (c, "thin pool '%s/%s'", group, pool.name),
                        pool.bytes - pool.used);
  if (pool.promised + volume->bytes > pool.bytes)
    vl_warn_as (c, "Overcommitted", NULL,
                vl_printf (c,
                           "lvextend %s/%s, or have dmeventd do so: thin_pool_autoextend_threshold "
                           "in lvm.conf",
                           group, pool.name),
                "thin pool '%s/%s' of %" PRId64 " MiB has promised %" PRId64
                " MiB: guests stop when it is full",
                group, pool.name, pool.bytes / MIB, (pool.promised + volume->bytes) / MIB);
  {
    const char *args[] = { "lvcreate", "--name",   name, "--virtualsize",    size, "--thinpool",
                           pool.name,  "--addtag", tag,  "--wipesignatures", "n",  group,
                           NULL };

    return lvm_run (c, args);
  }
}

/* Writes what VOLUME begins with to the new volume PATH.  Of a thick one all is written, since what
 * others wrote lies in its place. */
static int
fill (struct vl_call *c, const struct vl_volume *volume, const char *path, int is_thin)
{
  const char *device;
  int64_t bytes, image = volume->image ? volume->image_bytes / MIB * MIB : 0;
  VL_AUTOCLOSE int fd = open_device (c, path, &device, &bytes);

  if (fd < 0 || (! is_thin && zero (c, device, fd, image, bytes) < 0)
      || (volume->image && local_pour (c, volume, device, fd, is_thin) < 0)
      || (volume->blank && local_put_blank (c, volume, device) < 0))
    return -1;
  return sync_device (c, path, fd);
}

int
lvm_make (struct vl_call *c, const struct vl_volume *volume, const struct vl_source *source)
{
  int again, there, is_thin = vl_bool (c, "sparse");
  struct lvm_group group;
  struct lvm_volume other;
  const char *token, *name;

  if (! VL_STREQ (source->type, "block"))
    return local_make (c, volume, source);
  name = strrchr (source->path, '/') + 1;
  there = lvm_find_volume (c, source->path, &other, &group);
  if (there < 0)
    return -1;
  if (there)
    return vl_refuse_as (
        c, VL_ERR_FAILED, "StorageFailed", NULL,
        vl_printf (c, "look at it with lvs %s, and remove or rename it", other.name),
        "logical volume \"%s\" is there already", other.name);
  token = local_token (c, volume, source->path, &again);
  if (token == NULL
      || (is_thin ? create_thin : create_thick) (c, volume, &group, name, tag_of (c, token)) < 0)
    return -1;
  return fill (c, volume, source->path, is_thin);
}

int
lvm_resize (struct vl_call *c, const struct vl_volume *volume, const struct vl_source *source)
{
  const char *size = vl_printf (c, "%" PRId64 "b", volume->bytes), *device;
  const char *name = source->path + strlen ("/dev/");
  const char *args[] = { "lvextend", "--size", size, name, NULL };
  struct lvm_volume now;
  struct lvm_group group;
  int64_t bytes;
  int there;

  if (! VL_STREQ (source->type, "block"))
    return local_resize (c, volume, source);
  there = lvm_find_volume (c, source->path, &now, &group);
  if (there <= 0)
    return there < 0 ? -1 : vl_file_failed (c, "cannot open", source->path, ENOENT);
  if (now.bytes >= volume->bytes)
    return 0;
  if (lvm_run (c, args) < 0)
    return -1;
  if (*now.pool)
    return 0;
  {
    VL_AUTOCLOSE int fd = open_device (c, source->path, &device, &bytes);

    return fd < 0 || zero (c, device, fd, now.bytes, bytes) < 0 ? -1
                                                                : sync_device (c, source->path, fd);
  }
}

/* ---- removing ---- */

/* Fills *NOW with the volume PATH, once nobody has it open or it was asked for long: 1, 0 where it is
 * not there, or -1. */
static int
find_closed (struct vl_call *c, const char *path, struct lvm_volume *now)
{
  const struct timespec between = { 0, 250000000 };
  int there = lvm_find_volume (c, path, now, &(struct lvm_group) { 0 });
  struct timespec end, at;

  clock_gettime (CLOCK_MONOTONIC, &end);
  end.tv_sec += PATIENCE;
  while (there > 0 && now->is_open && clock_gettime (CLOCK_MONOTONIC, &at) == 0
         && at.tv_sec < end.tv_sec) {
    nanosleep (&between, NULL);
    there = lvm_find_volume (c, path, now, &(struct lvm_group) { 0 });
  }
  return there;
}

/* The bytes of a disk that goes are written over, as volume_clear says.  A thin pool zeroes each block
 * before it hands it out again, and one that is written over would fill it. */
static int
wipe (struct vl_call *c, const struct lvm_volume *now)
{
  int64_t most = vl_int (c, "clear-size") * MIB, bytes;
  const char *device;
  VL_AUTOCLOSE int fd = -1;

  if (vl_is (c, "clear", "none") || *now->pool)
    return 0;
  fd = open_device (c, now->path, &device, &bytes);
  if (fd < 0)
    return -1;
  if (most > 0 && most < bytes)
    bytes = most;
  vl_progress (c, "writing over \"%s\"", now->name);
  if (vl_is (c, "clear", "zero")) {
    if (zero (c, device, fd, 0, bytes) < 0)
      return -1;
  } else {
    const char *args[] = {
      "-n", "3", "-s", vl_printf (c, "%" PRId64, bytes), VL_TOOL_FILE_0, NULL
    };

    if (run_on (c, LVM_SHRED, args, device, fd, 3 * bytes) < 0)
      return -1;
  }
  return sync_device (c, now->path, fd);
}

/* Fills *NOW with the volume PATH, where it has TAG and nobody has it open: 1, 0 where it is not there,
 * or -1 after a refusal: then it stays. */
static int
find_ours (struct vl_call *c, const char *path, const char *tag, struct lvm_volume *now)
{
  const char *name = path + strlen ("/dev/");
  int there = find_closed (c, path, now);

  if (there <= 0)
    return there;
  if (! has_tag (now->tags, tag))
    return vl_refuse_as (
        c, VL_ERR_FAILED, "NotProven", NULL,
        vl_printf (c, "look at it with lvs -o +lv_tags %s, and remove or rename it", name),
        "logical volume \"%s\" has not the mark of what this server made: it may "
        "be somebody else's, and stays",
        name);
  if (now->is_open)
    return vl_refuse_as (c, VL_ERR_FAILED, "StorageFailed", NULL,
                         vl_printf (c,
                                    "lsof %s and lsblk %s show what has it; end that, and the next "
                                    "command tries again",
                                    path, path),
                         "logical volume \"%s\" is in use, and is not removed", name);
  return 1;
}

/* Removes the volume PATH, which has TAG, and its bytes. */
static int
drop (struct vl_call *c, const char *path, const char *tag)
{
  const char *name = path + strlen ("/dev/");
  const char *on[] = { "lvchange", "--activate", "y", "--ignoreactivationskip", name, NULL };
  const char *off[] = { "lvchange", "--activate", "n", name, NULL };
  const char *gone[] = { "lvremove", name, NULL };
  struct lvm_volume now;
  int there = find_ours (c, path, tag, &now);

  if (there <= 0)
    return there;
  if ((! now.is_active && lvm_run (c, on) < 0) || wipe (c, &now) < 0)
    return -1;
  /* It is switched off by itself: that fails where somebody opened it meanwhile, and what is off goes
   * without a question. */
  return lvm_run (c, off) < 0 ? -1 : lvm_run (c, gone);
}

/* The snapshot of the disk at PLACE that a command is reading, or that one which died was. */
static int
drop_snapshot (struct vl_call *c, const struct vl_volume *volume, const char *place,
               const char *tag)
{
  const char *key = local_key (c, "snapshot", volume, place), *path = vl_kept (c, key);
  /* That of a thick volume is not switched off alone: what is asked is whether it goes though it is
   * active, and nobody misses its bytes. */
  const char *gone[] = { "lvremove", "--yes", path ? path + strlen ("/dev/") : NULL, NULL };
  struct lvm_volume now;
  int there;

  if (path == NULL)
    return 0;
  there = find_ours (c, path, tag, &now);
  return there < 0 || (there && lvm_run (c, gone) < 0) ? -1 : vl_keep (c, key, NULL);
}

int
lvm_remove (struct vl_call *c, const struct vl_volume *volume, const struct vl_source *source)
{
  const char *place = source->path;
  const char *token = place ? local_token_kept (c, volume, place) : NULL, *tag;

  /* Nothing had begun. */
  if (token == NULL)
    return 0;
  tag = tag_of (c, token);
  return drop_snapshot (c, volume, place, tag) < 0 || drop (c, place, tag) < 0
             ? -1
             : local_token_drop (c, volume, place);
}

/* ---- starting ---- */

/* Is DISK one of ours, of the guest that is about to start? */
static int
is_ours (const struct vl_disk *disk)
{
  return disk->plugin && VL_STREQ (disk->plugin, "lvm") && VL_STREQ (disk->type, "block");
}

static int
activate (struct vl_call *c, const char *path)
{
  const char *args[] = {
    "lvchange", "--activate", "y", "--ignoreactivationskip", path + strlen ("/dev/"), NULL
  };
  struct stat st;

  if (stat (path, &st) == 0 && S_ISBLK (st.st_mode))
    return 0;
  lvm_need_target ("thin-pool");
  return lvm_run (c, args);
}

/* A snapshot that a command left which died would take each of the guest's writes as well. */
int
lvm_prepare (struct vl_call *c)
{
  for (size_t i = 0; i < vl_n_disks (c); i++) {
    const struct vl_disk *disk = vl_disk (c, i);
    const struct vl_volume volume = { .size = sizeof volume, .id = disk->id };
    const char *token = is_ours (disk) ? local_token_kept (c, &volume, disk->source) : NULL;

    if (is_ours (disk)
        && (activate (c, disk->source) < 0
            || (token && drop_snapshot (c, &volume, disk->source, tag_of (c, token)) < 0)))
      return -1;
  }
  return 0;
}

/* ---- reading ---- */

/* Makes SNAP, a snapshot of the volume NOW, with TAG.  That of a thick one takes as many bytes as may be
 * written meanwhile: the whole if the group has them. */
static int
freeze (struct vl_call *c, const struct lvm_volume *now, const char *snap, const char *tag)
{
  const char *group = group_of (c, now->path), *name = strrchr (snap, '/') + 1;
  const char *thin[] = { "lvcreate", "--snapshot",          "--name", name,      "--addtag",
                         tag,        "--setactivationskip", "n",      now->name, NULL };
  const char *thick[] = { "lvcreate", "--snapshot", "--name", name,      "--addtag",
                          tag,        "--size",     NULL,     now->name, NULL };
  struct lvm_group has;
  int64_t size = now->bytes + now->bytes / 64 + 8 * MIB;

  if (*now->pool)
    return lvm_run (c, thin);
  lvm_need_target ("snapshot");
  if (lvm_find_group (c, group, &has) < 0)
    return -1;
  /* A tenth is what a guest hardly writes while its disk is read. */
  if (has.free < now->bytes / 10 + 8 * MIB)
    return refuse_room (c, vl_printf (c, "a snapshot of \"%s\", whose guest runs,", now->name),
                        now->bytes / 10 + 8 * MIB, vl_printf (c, "volume group '%s'", group),
                        has.free);
  thick[7] = vl_printf (c, "%" PRId64 "b", size < has.free ? size : has.free);
  return lvm_run (c, thick);
}

static int
read_out (struct vl_call *c, const char *from, const char *path)
{
  const char *folder = vl_printf (c, "%.*s", (int)(strrchr (path, '/') - path), path);
  const char *device;
  int64_t bytes;
  VL_AUTOCLOSE int fd = open_device (c, from, &device, &bytes);

  if (fd < 0 || vl_file_room (c, folder, bytes) < 0)
    return -1;
  return local_convert (c, device, "raw", path, bytes);
}

/* The same while its guest runs: of a snapshot, which is written down before and gone afterwards. */
static int
read_frozen (struct vl_call *c, const struct vl_volume *volume, const struct lvm_volume *now,
             const char *tag, const char *path)
{
  const char *snap = vl_printf (c, "%s.snap", now->path);
  int result;

  if (vl_keep (c, local_key (c, "snapshot", volume, now->path), snap) < 0)
    return -1;
  result = freeze (c, now, snap, tag) < 0 ? -1 : read_out (c, snap, path);
  if (drop_snapshot (c, volume, now->path, tag) < 0 && result == 0) {
    unlink (path);
    result = -1;
  }
  return result;
}

int
lvm_snapshot (struct vl_call *c, const struct vl_volume *volume, const struct vl_source *source,
              const char *path, const char *format)
{
  const char *token = local_token_kept (c, volume, source->path);
  const char *tag = tag_of (c, token ? token : "");
  struct lvm_group group;
  struct lvm_volume now;
  int there;

  if (! VL_STREQ (format, "raw"))
    return vl_refuse (c, VL_ERR_UNSUPPORTED, NULL, NULL,
                      "a disk in a volume group is written as '%s'; accepted: raw", format);
  /* A command that died may have left one. */
  if (drop_snapshot (c, volume, source->path, tag) < 0)
    return -1;
  there = lvm_find_volume (c, source->path, &now, &group);
  if (there <= 0)
    return there < 0 ? -1 : vl_file_failed (c, "cannot open", source->path, ENOENT);
  return now.is_open ? read_frozen (c, volume, &now, tag, path) : read_out (c, source->path, path);
}

int
lvm_capacity (struct vl_call *c, const char *dir, const char **store, int64_t *total, int64_t *used)
{
  const char *name = vl_str (c, "group");
  struct lvm_group group;
  struct lvm_pool pool;

  (void)dir;
  if (name == NULL)
    return vl_refuse_as (c, VL_ERR_UNSUPPORTED, "InvalidConfiguration", "group",
                         "set images_volume_group in plugins.d/lvm.conf: vgs shows which there are",
                         "images_type = lvm takes a volume group, and images_volume_group is not "
                         "set");
  if (lvm_find_group (c, name, &group) < 0)
    return -1;
  *store = vl_printf (c, "lvm-%s", name);
  *total = group.bytes;
  *used = group.bytes - group.free;
  if (! vl_bool (c, "sparse"))
    return 0;
  if (lvm_find_pool (c, name, &pool) < 0)
    return -1;
  *total = pool.bytes;
  *used = pool.used;
  return 0;
}

int
lvm_made (struct vl_call *c, void (*fn) (void *opaque, const char *server, const char *disk),
          void *opaque)
{
  const char *group = vl_str (c, "group");

  return group ? lvm_each_disk (c, group, fn, opaque) : 0;
}
