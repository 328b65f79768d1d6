/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The config drive: OpenStack's layout, volume label config-2, as an ISO 9660
 * or vfat image made by the tools of the system. */

#include <config.h>

#include "storage/storage.h"

#include "lib/file.h"
#include "storage/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

/* As Nova: room for what a guest may be told later. */
#define VFAT_SIZE ((off_t)64 << 20)

static int
write_tree (struct vl_call *call, const char *folder, const struct vl_drive_file *files, size_t n)
{
  for (size_t i = 0; i < n; i++) {
    const char *file = vl_printf (call, "%s/%s", folder, files[i].path);
    const char *parent = vl_printf (call, "%.*s", (int)(strrchr (file, '/') - file), file);

    if (vl_file_mkdirs (parent, 0700) < 0)
      return vl_file_failed (call, "cannot make", parent, errno);
    if (vl_file_write (file, files[i].bytes, files[i].length, 0600) < 0)
      return vl_file_failed (call, "cannot write", file, errno);
  }
  return 0;
}

/* The drive is what the program says: xorriso writes to no file that it finds by a
 * link, as a descriptor's name is. */
static int
make_iso (struct vl_call *call, const char *folder, const char *target, int fd)
{
  /* As Nova's: a guest that knows neither Rock Ridge nor Joliet finds the names, too. */
  static const char *const args[] = { "-as",
                                      "mkisofs",
                                      "-quiet",
                                      "-J",
                                      "-r",
                                      "-V",
                                      "config-2",
                                      "-l",
                                      "-ldots",
                                      "-allow-lowercase",
                                      "-allow-multidot",
                                      "-graft-points",
                                      "ec2=" VL_TOOL_FILE_0 "/ec2",
                                      "openstack=" VL_TOOL_FILE_0 "/openstack",
                                      NULL };
  const struct vl_tool_file tree = { .path = folder, .fd = -1 };
  int xorriso = vl_tool_find (call, "genisoimage") == NULL && vl_tool_find (call, "xorriso");
  const struct vl_tool tool = { .size = sizeof tool,
                                .name = xorriso ? "xorriso" : "genisoimage",
                                .args = args + (xorriso ? 0 : 2),
                                .files = { &tree, 1, sizeof tree } };
  struct vl_tool_result drive = { .size = sizeof drive };

  if (vl_tool_core (call, &tool, &drive) < 0)
    return -1;
  return vl_file_write_all (fd, drive.out, drive.length) < 0
             ? vl_file_failed (call, "cannot write", target, errno)
             : 0;
}

static int
make_vfat (struct vl_call *call, const char *folder, const char *target, int fd)
{
  static const char *const format[] = { "-n", "config-2", VL_TOOL_FILE_0, NULL };
  static const char *const copy[] = {
    "-s", "-i", VL_TOOL_FILE_0, VL_TOOL_FILE_1 "/ec2", VL_TOOL_FILE_1 "/openstack", "::", NULL
  };
  const struct vl_tool_file files[] = { { .path = target, .fd = fd, .write = 1 },
                                        { .path = folder, .fd = -1 } };
  struct vl_tool tool = { .size = sizeof tool,
                          .name = "mkfs.vfat",
                          .args = format,
                          .files = VL_TABLE (files),
                          .file_size = VFAT_SIZE };

  if (ftruncate (fd, VFAT_SIZE) < 0)
    return vl_file_failed (call, "cannot size", target, errno);
  if (vl_tool_core (call, &tool, NULL) < 0)
    return -1;
  tool.name = "mcopy";
  tool.args = copy;
  return vl_tool_core (call, &tool, NULL);
}

int
vl_disk_create_config (struct vl_call *call, const struct vl_config *config, const char *target,
                       const struct vl_drive_file *files, size_t n)
{
  const char *kind = vl_config_str (config, "storage.config_drive_format");
  const char *folder = vl_printf (call, "%s.tree", target);
  VL_AUTOCLOSE int fd = open (target, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  int result;

  if (fd < 0)
    return vl_file_failed (call, "cannot make", target, errno);
  if (mkdir (folder, 0700) < 0) {
    vl_file_failed (call, "cannot make", folder, errno);
    unlink (target);
    return -1;
  }
  result = write_tree (call, folder, files, n);
  if (result == 0)
    result = kind && VL_STREQ (kind, "vfat") ? make_vfat (call, folder, target, fd)
                                             : make_iso (call, folder, target, fd);
  if (vl_file_remove_tree (folder) < 0 && result == 0)
    result = vl_remove_failed (call, folder);
  if (result < 0)
    unlink (target);
  return result;
}
