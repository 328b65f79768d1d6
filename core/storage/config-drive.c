/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The config drive: OpenStack's layout, volume label config-2, as an ISO 9660
 * or vfat image made by the tools of the system. */

#include <config.h>

#include "lib/file.h"
#include "storage/inspect.h"
#include "storage/storage.h"
#include "storage/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#define DEADLINE 60u
/* As Nova: room for what a guest may be told later. */
#define VFAT_SIZE ((off_t)64 << 20)

static int
write_tree (struct vl_call *call, const char *folder, const char *metadata_json,
            const char *user_data)
{
  const char *latest = vl_arena_printf (call->arena, "%s/openstack/latest", folder);
  const char *file = vl_arena_printf (call->arena, "%s/meta_data.json", latest);

  if (vl_file_mkdirs (latest, 0700) < 0)
    return vl_storage_failed (call, "cannot make", latest, errno);
  if (vl_file_write (file, metadata_json, strlen (metadata_json), 0600) < 0)
    return vl_storage_failed (call, "cannot write", file, errno);
  if (user_data == NULL)
    return 0;
  file = vl_arena_printf (call->arena, "%s/user_data", latest);
  if (vl_file_write (file, user_data, strlen (user_data), 0600) < 0)
    return vl_storage_failed (call, "cannot write", file, errno);
  return 0;
}

static int
make_iso (struct vl_call *call, const char *folder, const char *target)
{
  const char *genisoimage = vl_tool_find (call, "genisoimage");
  const char *xorriso = genisoimage ? NULL : vl_tool_find (call, "xorriso");
  const char *argv[20];
  size_t n = 0;

  if (genisoimage == NULL && xorriso == NULL)
    return vl_tool_need (call, "genisoimage", "genisoimage") ? 0 : -1;
  argv[n++] = genisoimage ? genisoimage : xorriso;
  if (xorriso) {
    argv[n++] = "-as";
    argv[n++] = "mkisofs";
  }
  argv[n++] = "-quiet";
  argv[n++] = "-J";
  argv[n++] = "-r";
  argv[n++] = "-V";
  argv[n++] = "config-2";
  argv[n++] = "-o";
  argv[n++] = target;
  argv[n++] = folder;
  argv[n] = NULL;
  return vl_tool_run (call, argv, DEADLINE, NULL);
}

static int
make_vfat (struct vl_call *call, const char *folder, const char *target)
{
  const char *mkfs = vl_tool_need (call, "mkfs.vfat", "dosfstools");
  const char *mcopy = mkfs ? vl_tool_need (call, "mcopy", "mtools") : NULL;
  const char *tree = vl_arena_printf (call->arena, "%s/openstack", folder);
  const char *format[] = { mkfs, "-n", "config-2", target, NULL };
  const char *copy[] = { mcopy, "-s", "-i", target, tree, "::", NULL };

  if (mcopy == NULL)
    return -1;
  if (truncate (target, VFAT_SIZE) < 0)
    return vl_storage_failed (call, "cannot size", target, errno);
  return vl_tool_run (call, format, DEADLINE, NULL) < 0 ? -1
                                                        : vl_tool_run (call, copy, DEADLINE, NULL);
}

int
vl_disk_create_config (struct vl_call *call, const struct vl_config *config, const char *target,
                       const char *metadata_json, const char *user_data)
{
  const char *kind = vl_config_str (config, "storage.config_drive_format");
  const char *folder = vl_arena_printf (call->arena, "%s.tree", target);
  VL_AUTOCLOSE int fd = open (target, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  int result;

  if (fd < 0)
    return vl_storage_failed (call, "cannot make", target, errno);
  if (mkdir (folder, 0700) < 0) {
    vl_storage_failed (call, "cannot make", folder, errno);
    unlink (target);
    return -1;
  }
  result = write_tree (call, folder, metadata_json, user_data);
  if (result == 0)
    result = kind && VL_STREQ (kind, "vfat") ? make_vfat (call, folder, target)
                                             : make_iso (call, folder, target);
  if (vl_file_remove_tree (folder) < 0 && result == 0)
    result = vl_storage_failed (call, "cannot remove", folder, errno);
  if (result < 0)
    unlink (target);
  return result;
}
