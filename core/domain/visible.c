/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Which parts of a document a guest does not see, so that they may be others on another host. */

#include <config.h>

#include "domain/doc.h"

#include "lib/text.h"

/* With all that is below.  Where the bytes of a disk and the frames of an interface go, where its
 * displays and consoles are reached, on which processors it runs, and files of this host. */
static const char *const unseen[] = {
  "/domain/cputune/cachetune",
  "/domain/cputune/emulatorpin",
  "/domain/cputune/iothreadpin",
  "/domain/cputune/vcpupin",
  "/domain/devices/channel/source",
  "/domain/devices/console/log",
  "/domain/devices/console/source",
  "/domain/devices/disk/backingStore",
  "/domain/devices/disk/source",
  "/domain/devices/emulator",
  "/domain/devices/graphics",
  "/domain/devices/interface/@type",
  "/domain/devices/interface/source",
  "/domain/devices/interface/target",
  "/domain/devices/interface/virtualport",
  "/domain/devices/rng/backend",
  "/domain/devices/serial/log",
  "/domain/devices/serial/source",
  "/domain/metadata",
  "/domain/numatune",
  "/domain/os/initrd",
  "/domain/os/kernel",
  "/domain/os/nvram",
  "/domain/vcpu/@cpuset",
};

/* Where a disk is found, not what it is: a block device may be a file, or lie in a network. */
#define DISK_TYPE "/domain/devices/disk/@type"

int
vl_path_is_unseen (const char *path)
{
  VL_AUTOSTR struct vl_str plain = { 0 };

  vl_str_add (&plain, "");
  /* "/domain/devices/disk[2]" is any of them; what stands in brackets may have some in quotes. */
  for (const char *p = path; *p;) {
    size_t n = strcspn (p, "[");

    vl_str_printf (&plain, "%.*s", (int)n, p);
    p += n;
    if (*p)
      for (char quote = 0; *p && (*p != ']' || quote); p++)
        if (*p == '\'' || *p == '"')
          quote = quote == *p ? 0 : quote ? quote : *p;
    p += *p == ']';
  }
  if (VL_STREQ (plain.text, DISK_TYPE))
    return 1;
  for (size_t i = 0; i < sizeof unseen / sizeof unseen[0]; i++) {
    size_t length = strlen (unseen[i]);

    if (strncmp (plain.text, unseen[i], length) == 0
        && (plain.text[length] == '\0' || plain.text[length] == '/'))
      return 1;
  }
  return 0;
}
