/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The driver qemu-tcg: QEMU without hardware help, through libvirt's own driver
 * in this process.  No daemon, no /dev/kvm, no privileges.  Guests outlive the
 * process; the next command finds them below STATE/libvirt. */

#include <config.h>

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "../libvirt/virt.h"
#include "embed.h"

static const struct vl_setting settings[] = {
  { .name = "wait_soft_reboot_seconds",
    .type = VL_INT,
    .deflt = "120",
    .min = 0,
    .max = 86400,
    .unit = "s",
    .nova = "libvirt.wait_soft_reboot_seconds",
    .help = "how long a soft reboot waits for the guest before it becomes a hard one",
    .since = "0.1" },
  { .name = "open_timeout",
    .type = VL_INT,
    .deflt = "120",
    .min = 0,
    .max = 86400,
    .unit = "s",
    .help = "how long a command waits for another one that has the guests open",
    .since = "0.1" },
};

static const char *
qemu_tcg_virt_type (struct vl_call *call, const struct vl_host *host)
{
  (void)call;
  (void)host;
  return "qemu";
}

/* Where Debian and Fedora have the emulator of ARCH. */
static int
has_emulator (struct vl_call *call, const char *arch)
{
  return access (vl_printf (call, "/usr/bin/qemu-system-%s", arch), X_OK) == 0
         || access (vl_printf (call, "/usr/local/bin/qemu-system-%s", arch), X_OK) == 0
         || access ("/usr/libexec/qemu-kvm", X_OK) == 0;
}

static int
qemu_tcg_usable (struct vl_call *call, const char **why)
{
  const char *user = embed_missing_user ();
  struct utsname self;

  if (user) {
    *why = vl_printf (call,
                      "the user and group '%s', without which libvirt does not run as root, "
                      "are not there",
                      user);
    return 0;
  }
  if (uname (&self) == 0 && ! has_emulator (call, self.machine)) {
    *why = vl_printf (call, "qemu-system-%s is not installed", self.machine);
    return 0;
  }
  return 1;
}

/* A fact that the host file does not have is not held against it here: what
 * needs it says so itself. */
static int
qemu_tcg_ready (struct vl_call *call, const struct vl_host *host)
{
  const char *arch = vl_host_str (host, "host.arch");
  const char *key = arch ? vl_printf (call, "guest.%s.types", arch) : NULL;

  if (key == NULL || vl_host_offers (host, key, "qemu") != 0)
    return 0;
  vl_error (call, VL_ERR_UNSUPPORTED, "HypervisorUnavailable", NULL,
            "this host has no QEMU that can emulate '%s' (%s has no 'qemu')", arch, key);
  vl_hint (call, "install qemu-system-x86 (or the one of its architecture) on that host");
  return -1;
}

/* The root as part of a URI. */
static void
escape (const char *path, char *text, size_t size)
{
  static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/-._~";
  size_t n = 0;

  for (; *path && n + 4 < size; path++)
    if (strchr (plain, *path))
      text[n++] = *path;
    else
      n += (size_t)snprintf (text + n, size - n, "%%%02X", (unsigned char)*path);
  text[n] = '\0';
}

static int
qemu_tcg_open (struct vl_call *call, const struct vl_open *open, struct vl_conn **conn)
{
  const char *user = embed_missing_user ();
  const char *root = vl_printf (call, "%s/libvirt", open->state_dir);
  struct virt_open how = {
    .type = "qemu",
    .embedded = 1,
    .soft_reboot_wait = (uint32_t)vl_setting_int (call, "wait_soft_reboot_seconds"),
  };
  char escaped[512];

  if (user) {
    vl_error (call, VL_ERR_UNREACHABLE, "HypervisorUnavailable", NULL,
              "libvirt does not run as root without the user and group '%s'", user);
    vl_hint (call,
             "apt-get install libvirt-daemon-system, or: adduser --system --group "
             "--no-create-home --home /var/lib/libvirt %s",
             user);
    return -1;
  }
  if (embed_take (call, root, (unsigned)vl_setting_int (call, "open_timeout")) < 0)
    return -1;
  escape (root, escaped, sizeof escaped);
  how.uri = vl_printf (call, "qemu:///embed?root=%s", escaped);
  if (virt_open (call, &how, conn) == 0)
    return 0;
  vl_hint (call,
           "libvirt-daemon-driver-qemu and qemu-system have to be installed; libvirt's own "
           "messages are in %s/libvirt.log",
           root);
  return -1;
}

static int
qemu_tcg_probe (struct vl_call *call, struct vl_conn *conn, struct vl_host *host)
{
  if (! embed_knows_qemu (call))
    vl_progress (call, "asking QEMU what it can do; this takes some seconds, once");
  return virt_probe (call, conn, host);
}

static int
qemu_tcg_stamp (struct vl_call *call, const struct vl_open *open, struct vl_stamp *stamp)
{
  return virt_stamp (call, stamp, vl_printf (call, "%s/libvirt/etc", open->state_dir));
}

VL_DRIVER (qemu_tcg, "qemu-tcg", .version = VL_VERSION,
           .summary = "QEMU without hardware help, through libvirt's driver in this process",
           .settings = VL_TABLE (settings), .virt_type = qemu_tcg_virt_type,
           .usable = qemu_tcg_usable, .ready = qemu_tcg_ready, .open = qemu_tcg_open,
           .close = virt_close, .probe = qemu_tcg_probe, .power = &virt_power_calls,
           .inventory = &virt_inventory_calls, .console = &virt_console_calls,
           .stamp = qemu_tcg_stamp, .validates = 1);
