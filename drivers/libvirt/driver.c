/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the libvirt drivers do alike before there is a connection: their settings, and
 * whether this machine has what all of them need. */

#include <config.h>

#include <sys/utsname.h>
#include <unistd.h>

#include "virt.h"

int
virt_setting (struct vl_call *call, const struct virt_driver *driver, struct virt_uri *uri)
{
  const char *why;

  if (virt_uri_read (call, driver, uri, &why) == 0)
    return 0;
  return vl_refuse_as (call, VL_ERR_UNSUPPORTED, "InvalidConfiguration", NULL,
                       vl_printf (call,
                                  "accepted: %sqemu:///system, qemu:///session, "
                                  "qemu+unix:///system?socket=PATH, "
                                  "qemu+unix:///session?socket=PATH; set it in plugins.d/%s.conf",
                                  driver->embeds ? "qemu:///embed, " : "", driver->name),
                       "%s", why);
}

/* Where Debian and Fedora have the emulator of ARCH. */
static int
has_emulator (struct vl_call *call, const char *arch)
{
  return access (vl_printf (call, "/usr/bin/qemu-system-%s", arch), X_OK) == 0
         || access (vl_printf (call, "/usr/local/bin/qemu-system-%s", arch), X_OK) == 0
         || access ("/usr/libexec/qemu-kvm", X_OK) == 0;
}

int
virt_usable (struct vl_call *call, const struct virt_uri *uri, const char **why)
{
  struct utsname self;

  if (! virt_uri_answers (call, uri, why))
    return 0;
  if (uname (&self) < 0 || has_emulator (call, self.machine))
    return 1;
  *why = vl_printf (call, "qemu-system-%s is not installed", self.machine);
  return 0;
}

int
virt_begin (struct vl_call *call, const struct virt_driver *driver, const struct vl_open *open,
            struct virt_uri *uri, struct virt_open *how)
{
  if (virt_setting (call, driver, uri) < 0)
    return -1;
  *how = (struct virt_open) {
    .driver = driver,
    .uri = uri->text,
    .state_dir = open->state_dir,
    .soft_reboot_wait = (uint32_t)vl_int (call, "soft-reboot-wait"),
    .detach_attempts = (uint32_t)vl_int (call, "detach-attempts"),
    .detach_timeout = (uint32_t)vl_int (call, "detach-timeout"),
    .own_loop = open->own_event_loop != 0,
    .apart = open->own_event_loop == 0,
    .embedded = uri->where == VIRT_EMBED,
    .hint = VIRT_DAEMON_HINT,
  };
  return virt_judge_guests (call, driver, open->state_dir, uri->text, how->embedded);
}
