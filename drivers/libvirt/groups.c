/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Control groups of guests that are gone.  libvirt removes them where the process
 * that started a guest also stops it; the embedded driver of a later process does
 * not find them again, and leaves them until the machine is booted. */

#include <config.h>

#include <dirent.h>
#include <fcntl.h>
#include <mntent.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "virt.h"

/* Below a guest's group are those of its parts, and with version 2 one between. */
#define MAX_DEPTH 3

/* Removes the groups in folder FD whose name has PART, NULL: all, with those below.
 * The kernel keeps each that has a process. */
static void
remove_below (int fd, const char *part, int depth)
{
  DIR *dir = fdopendir (fd);
  struct dirent *entry;

  if (dir == NULL) {
    close (fd);
    return;
  }
  while ((entry = readdir (dir))) {
    int below;

    if (entry->d_type != DT_DIR || entry->d_name[0] == '.'
        || (part && strstr (entry->d_name, part) == NULL))
      continue;
    below = depth < MAX_DEPTH ? openat (dirfd (dir), entry->d_name,
                                        O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
                              : -1;
    if (below >= 0)
      remove_below (below, NULL, depth + 1);
    unlinkat (dirfd (dir), entry->d_name, AT_REMOVEDIR);
  }
  closedir (dir);
}

void
virt_forget_groups (struct vl_call *call, const char *name)
{
  FILE *mounts = setmntent ("/proc/self/mounts", "re");
  const char *part = vl_printf (call, "-%s.", name);
  struct mntent entry;
  char text[4096];

  while (mounts && getmntent_r (mounts, &entry, text, sizeof text)) {
    int fd;

    if (strcmp (entry.mnt_type, "cgroup") != 0 && strcmp (entry.mnt_type, "cgroup2") != 0)
      continue;
    fd = open (vl_printf (call, "%s/machine", entry.mnt_dir),
               O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0)
      remove_below (fd, part, 1);
  }
  if (mounts)
    endmntent (mounts);
}
