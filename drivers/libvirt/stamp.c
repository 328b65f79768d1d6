/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What libvirt's answers rest on: its own library, the emulators, the firmware and
 * its descriptions.  libvirt asks QEMU anew for the same reasons. */

#include <config.h>

#include <dlfcn.h>
#include <string.h>

#include "virt.h"

/* Where programs of guests are that PATH does not name. */
static const char *const program_folders[] = { "/usr/libexec", "/usr/lib/qemu" };

/* Where firmware and its descriptions come to. */
static const char *const firmware_folders[] = {
  "/usr/share/AAVMF",     "/usr/share/OVMF", "/usr/share/edk2",
  "/usr/share/edk2/ovmf", "/usr/share/qemu", "/usr/share/qemu-efi-aarch64",
};
static const char *const description_folders[] = { "/etc/qemu/firmware",
                                                   "/usr/share/qemu/firmware" };

/* The library that is loaded, and beside it the driver that will be.  Its version
 * is not asked for: that would start its log before it has been told where to. */
static void
stamp_library (struct vl_call *call, struct vl_stamp *stamp)
{
  const char *slash;
  Dl_info self;

  if (dladdr ((void *)&virConnectOpen, &self) == 0 || self.dli_fname == NULL)
    return;
  slash = strrchr (self.dli_fname, '/');
  vl_stamp_file (stamp, self.dli_fname);
  if (slash) {
    int length = (int)(slash - self.dli_fname);

    vl_stamp_folder (stamp,
                     vl_printf (call, "%.*s/libvirt/connection-driver", length, self.dli_fname),
                     "libvirt_driver_qemu.so");
    vl_stamp_folder (stamp, vl_printf (call, "%.*s/qemu", length, self.dli_fname), NULL);
  }
}

/* Emulators by themselves; other programs by the folder that they come to. */
static void
stamp_programs (struct vl_call *call, struct vl_stamp *stamp)
{
  const char *path = getenv ("PATH");
  char *rest = (char *)vl_printf (call, "%s", path ? path : "/usr/bin:/bin"), *folder;

  while ((folder = strsep (&rest, ":")))
    vl_stamp_folder (stamp, folder, "qemu-system-*");
  for (size_t i = 0; i < sizeof program_folders / sizeof program_folders[0]; i++)
    vl_stamp_folder (stamp, program_folders[i], "qemu-kvm");
}

/* Who answers, and the qemu.conf that it reads.  A daemon that was started again has made
 * its socket anew, unless systemd keeps that; its programs count in any case. */
static void
stamp_daemon (struct vl_call *call, struct vl_stamp *stamp, const struct virt_uri *uri,
              const char *state_dir, const char *own_config)
{
  static const char *const programs[] = { "/usr/sbin/libvirtd", "/usr/sbin/virtqemud" };
  const char *config = "/etc/libvirt";

  if (uri->where == VIRT_EMBED)
    config = vl_printf (call, "%s/libvirt/etc", state_dir);
  else if (uri->where == VIRT_SESSION)
    config = vl_printf (call, "%s/libvirt", own_config);
  vl_stamp_file (stamp, vl_printf (call, "%s/qemu.conf", config));
  vl_stamp_word (stamp, "connection_uri", uri->text);
  if (uri->where == VIRT_EMBED)
    vl_stamp_word (stamp, "limit.memlock", virt_memlock (call));
  if (uri->socket)
    vl_stamp_file (stamp, uri->socket);
  for (size_t i = 0; uri->where != VIRT_EMBED && i < sizeof programs / sizeof programs[0]; i++)
    vl_stamp_file (stamp, programs[i]);
}

int
virt_stamp (struct vl_call *call, struct vl_stamp *stamp, const struct virt_uri *uri,
            const char *state_dir)
{
  const char *home = getenv ("HOME"), *own = getenv ("XDG_CONFIG_HOME");
  const char *config = own ? own : vl_printf (call, "%s/.config", home ? home : "");

  stamp_library (call, stamp);
  stamp_programs (call, stamp);
  for (size_t i = 0; i < sizeof firmware_folders / sizeof firmware_folders[0]; i++)
    vl_stamp_folder (stamp, firmware_folders[i], NULL);
  for (size_t i = 0; i < sizeof description_folders / sizeof description_folders[0]; i++)
    vl_stamp_folder (stamp, description_folders[i], "*.json");
  if (own || home)
    vl_stamp_folder (stamp, vl_printf (call, "%s/qemu/firmware", config), "*.json");
  stamp_daemon (call, stamp, uri, state_dir, config);
  return 0;
}
