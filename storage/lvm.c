/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * lvm: disks that are logical volumes of a volume group, thick or in a thin pool.  This says where
 * they are, of any host; what is done with them lvm2's own program does (lvm-acts.c). */

#include <config.h>

#include "storage/lvm.h"

#include "storage/local.h"

#include <linux/capability.h>
#include <string.h>
#include <unistd.h>

#define CAP(name) ((uint64_t)1 << (name))

static const char *const types[] = { "lvm", NULL };
static const char *const clears[] = { "zero", "shred", "none", NULL };
static const struct vl_name reads[] = { { .name = VL_GUEST_DISK } };

/* lvm2 reads the groups' own metadata, never what lies on a disk of a guest's (lvm-report.c); what
 * does has no capability. */
static const struct vl_tool_row tools[] = {
  LOCAL_TOOLS,
  { .name = LVM_TOOL,
    .program = "lvm",
    .package = "lvm2",
    .help = "logical volumes are made, grown and removed",
    .user = "root",
    .capabilities = CAP (CAP_SYS_ADMIN) | CAP (CAP_IPC_LOCK) },
  { .name = LVM_ZERO,
    .program = "blkdiscard",
    .package = "util-linux",
    .help = "zeroes are written to a new disk, and to one that goes",
    .flags = VL_TOOL_TENANT | VL_TOOL_WRITES },
  { .name = LVM_SHRED,
    .program = "shred",
    .package = "coreutils",
    .help = "a disk that goes is overwritten",
    .flags = VL_TOOL_TENANT | VL_TOOL_WRITES },
};

#define ROW(name_, key_, help_, ...)                                                               \
  {                                                                                                \
    .name = (name_), .setting = (key_), .nova = "libvirt." key_, .help = (help_),                  \
    .since = "0.1.0", __VA_ARGS__                                                                  \
  }
static const struct vl_prop props[] = {
  ROW ("group", "images_volume_group", "the volume group that servers' disks are made in",
       .type = VL_STRING, .flags = VL_EMPTY_UNSET),
  ROW ("sparse", "sparse_logical_volumes",
       "are new disks made in a thin pool, where they take bytes as they are written",
       .type = VL_BOOL, .deflt = "false"),
  { .name = "pool",
    .setting = "images_thin_pool",
    .help = "the thin pool of that group; unset: the only one that it has",
    .since = "0.1.0",
    .type = VL_STRING,
    .flags = VL_EMPTY_UNSET,
    .only = "sparse=true" },
  ROW ("clear", "volume_clear", "what is written to a disk that goes", .type = VL_CHOICE,
       .choices = clears, .deflt = "zero"),
  ROW ("clear-size", "volume_clear_size", "how much of it, from its beginning; 0: all",
       .type = VL_INT, .deflt = "0", .max = (int64_t)1 << 32, .unit = "MiB"),
};

/* ---- names ---- */

/* As lvm2 takes them; a name begins with no hyphen, which would make an option of it. */
static int
is_name (const char *text)
{
  static const char bytes[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.+-";
  size_t length = strlen (text);

  return length > 0 && length <= 60 && strspn (text, bytes) == length && *text != '-'
         && strcmp (text, ".") != 0 && strcmp (text, "..") != 0;
}

static int
check_name (struct vl_call *c, const char *prop, const char *what)
{
  const char *text = vl_str (c, prop);

  if (text == NULL || is_name (text))
    return 0;
  return vl_refuse_as (c, VL_ERR_UNSUPPORTED, "InvalidConfiguration", prop, NULL,
                       "'%s' is no name of %s; accepted: 1 to 60 of A-Z a-z 0-9 _ . + -, the first "
                       "no hyphen",
                       text, what);
}

/* ---- servers' disks ---- */

/* The disk of a rescue is a file: it is gone soon, and may be needed because the group has no room.
 * What is on record stays where it is, whatever the group is now. */
static int
locate (struct vl_call *c, const struct vl_volume *volume, struct vl_source *source)
{
  size_t group;

  if (strcmp (volume->role, "rescue") == 0)
    return local_locate (c, volume, source, volume->was ? volume->was : "raw");
  if (check_name (c, "group", "a volume group") < 0 || check_name (c, "pool", "a thin pool") < 0)
    return -1;
  if ((volume->was_at == NULL || volume->is_anew) && ! vl_has (c, "group"))
    return vl_refuse_as (c, VL_ERR_UNSUPPORTED, "InvalidConfiguration", "group",
                         "set images_volume_group in plugins.d/lvm.conf: vgs shows which there are",
                         "images_type = lvm takes a volume group, and images_volume_group is not "
                         "set");
  source->type = "block";
  source->format = "raw";
  source->path =
      local_place (c, volume,
                   vl_printf (c, "/dev/%s/%s_%s", vl_has (c, "group") ? vl_str (c, "group") : "",
                              volume->server, volume->name));
  if (strncmp (source->path, "/dev/", 5) != 0
      || source->path[5 + strcspn (source->path + 5, "/")] == '\0')
    return vl_refuse_as (c, VL_ERR_UNSUPPORTED, "StorageFailed", NULL, NULL,
                         "\"%s\", which disk '%s' has on record, is no logical volume; accepted: "
                         "/dev/GROUP/NAME",
                         source->path, volume->id);
  source->is_dense = (uint32_t)! vl_bool (c, "sparse");
  group = strcspn (source->path + 5, "/");
  source->store = vl_printf (c, "lvm-%.*s", (int)group, source->path + 5);
  return 0;
}

/* ---- the host ---- */

const char *
lvm_missing (struct vl_call *c)
{
  if (access (LVM_CONTROL, F_OK) < 0)
    return "this host's kernel has no device mapper (" LVM_CONTROL ")";
  return vl_tool_there (c, LVM_TOOL) ? NULL : "lvm2 is not installed";
}

/* It may be planned where it cannot be made. */
static int
ready (struct vl_call *c)
{
  const char *missing = vl_has (c, "group") && vl_host_is_live (c) ? lvm_missing (c) : NULL;

  if (missing)
    vl_warn_as (c, "StorageFailed", "group", LVM_INSTALL " and modprobe dm-mod",
                "images_volume_group is set, and no disk can be made in one: %s", missing);
  return 0;
}

static const struct vl_storage_calls calls = { .size = sizeof calls,
                                               .image_types = types,
                                               .locate = locate,
                                               .make = lvm_make,
                                               .resize = lvm_resize,
                                               .remove = lvm_remove,
                                               .snapshot = lvm_snapshot,
                                               .capacity = lvm_capacity,
                                               .made = lvm_made };

VL_FEATURE (lvm, "lvm", .version = VL_VERSION, .summary = "disks in volume groups",
            .props = VL_TABLE (props), .reads = VL_TABLE (reads), .tools = VL_TABLE (tools),
            .ready = ready, .prepare = lvm_prepare, .storage = &calls);
