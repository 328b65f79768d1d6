/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The driver qemu-tcg: QEMU without hardware help, through libvirt's own driver
 * in this process.  No daemon, no /dev/kvm, no privileges.  Guests outlive the
 * process; the next command finds them below STATE/libvirt.  Where the operator
 * says so, through a libvirt daemon of this machine instead. */

#include <config.h>

#include <stdio.h>
#include <string.h>

#include "../libvirt/live.h"
#include "../offers.h"
#include "embed.h"

#define EMBED "qemu:///embed"

static const struct virt_driver qemu_tcg = {
  .name = "qemu-tcg",
  .type = "qemu",
  .notes = "guests",
  .embeds = 1,
};

static const struct vl_prop props[] = {
  VIRT_PROP_URI (EMBED,
                 "libvirt's driver in this process, or the daemon of this machine that runs the "
                 "guests"),
  VIRT_PROP_SOFT_REBOOT_WAIT,
  VIRT_PROPS_DETACH,
  VIRT_PROPS_LIVE_MIGRATION,
  { .name = "open-timeout",
    .type = VL_INT,
    .deflt = "120",
    .min = 0,
    .max = 86400,
    .unit = "s",
    .setting = "open_timeout",
    .only = "connection-uri=qemu:///embed",
    .help = "how long a command waits for another one that has the guests open",
    .since = "0.1" },
  { .name = "console-log-bytes",
    .type = VL_INT,
    .deflt = "1048576",
    .min = 262144,
    .max = 1073741824,
    .unit = "B",
    .setting = "console_log_bytes",
    .only = "connection-uri=qemu:///embed",
    .help = "how much is kept of what a guest writes on its console, where no virtlogd does that",
    .since = "0.1" },
};

static const char *
qemu_tcg_virt_type (struct vl_call *call)
{
  (void)call;
  return qemu_tcg.type;
}

static int
qemu_tcg_usable (struct vl_call *call, const char **why)
{
  struct virt_uri uri;
  const char *user;

  if (virt_uri_read (call, &qemu_tcg, &uri, why) < 0 || ! virt_usable (call, &uri, why))
    return 0;
  user = uri.where == VIRT_EMBED ? embed_missing_user () : NULL;
  if (user)
    *why = vl_printf (call,
                      "the user and group '%s', without which libvirt does not run as root, "
                      "are not there",
                      user);
  return user == NULL;
}

/* A fact that the host file does not have is not held against it here: what
 * needs it says so itself. */
static int
qemu_tcg_ready (struct vl_call *call)
{
  const char *arch = vl_fact_str (call, "host.arch");
  const char *key = arch ? vl_printf (call, "guest.%s.types", arch) : NULL;
  struct virt_uri uri;

  if (virt_setting (call, &qemu_tcg, &uri) < 0)
    return -1;
  if (key == NULL || vl_fact_offers (call, key, "qemu") != 0)
    return 0;
  return vl_refuse_as (call, VL_ERR_UNSUPPORTED, "HypervisorUnavailable", NULL,
                       "install qemu-system-x86 (or the one of its architecture) on that host",
                       "this host has no QEMU that can emulate '%s' (%s has no 'qemu')", arch, key);
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

static const char *
root_of (struct vl_call *call, const struct vl_open *open)
{
  return vl_printf (call, "%s/libvirt", open->state_dir);
}

static int
open_embedded (struct vl_call *call, const char *root, struct virt_open *how, struct vl_conn **conn)
{
  const char *user = embed_missing_user ();
  struct embed embed;
  char escaped[512];

  if (user)
    return vl_refuse_as (
        call, VL_ERR_UNREACHABLE, "HypervisorUnavailable", NULL,
        vl_printf (call,
                   "apt-get install libvirt-daemon-system, or: adduser --system --group "
                   "--no-create-home --home /var/lib/libvirt %s",
                   user),
        "libvirt does not run as root without the user and group '%s'", user);
  if (embed_prepare (call, root, &embed) < 0)
    return -1;
  how->guest_uid = embed.guests.uid;
  how->guest_gid = embed.guests.gid;
  how->log_bytes = embed.plain_logs ? vl_int (call, "console-log-bytes") : 0;
  /* An application that has libvirt's event loop to itself has libvirt, too. */
  how->take = how->apart ? embed_take : embed_stay;
  how->environment = embed_environment (call, root);
  escape (root, escaped, sizeof escaped);
  how->uri = vl_printf (call, EMBED "?root=%s", escaped);
  how->hint = vl_printf (call,
                         "libvirt-daemon-driver-qemu and qemu-system have to be installed; "
                         "libvirt's own messages are in %s/libvirt.log",
                         root);
  return virt_open (call, how, conn);
}

static int
qemu_tcg_open (struct vl_call *call, const struct vl_open *open, struct vl_conn **conn)
{
  struct virt_open how;
  struct virt_uri uri;

  if (virt_begin (call, &qemu_tcg, open, &uri, &how) < 0)
    return -1;
  how.open_timeout = (uint32_t)vl_int (call, "open-timeout");
  if (how.embedded)
    return open_embedded (call, root_of (call, open), &how, conn);
  how.hint = VIRT_DAEMON_HINT "; or set connection_uri = " EMBED
                              " in plugins.d/qemu-tcg.conf, which needs no daemon";
  return virt_open (call, &how, conn);
}

/* Threads of libvirt's own driver run until the process ends, which is a child unless the
 * application has libvirt's event loop. */
static int
qemu_tcg_process (struct vl_call *call, const struct vl_open *open, struct vl_process *process)
{
  struct virt_uri uri;

  if (virt_setting (call, &qemu_tcg, &uri) < 0)
    return -1;
  if (uri.where != VIRT_EMBED || ! open->own_event_loop)
    return 0;
  process->quick_exit = 1;
  process->environment = embed_environment (call, root_of (call, open));
  return 0;
}

static int
qemu_tcg_probe (struct vl_call *call, struct vl_conn *conn)
{
  if (conn->embedded && ! embed_knows_qemu (call, vl_printf (call, "%s/libvirt", conn->state_dir)))
    vl_progress (call, "asking QEMU what it can do; this takes some seconds, once");
  return virt_probe (call, conn);
}

/* libvirt's embedded driver has no secrets for its guests; a daemon has.  The connection
 * decides, not the fact libvirt.secrets, which a recorded host may have of another one. */
static const char *
qemu_tcg_slot_default (struct vl_call *call, const char *slot)
{
  struct virt_uri uri;
  const char *why;

  if (strcmp (slot, VL_DRIVER_SECRETS) != 0 || virt_uri_read (call, &qemu_tcg, &uri, &why) < 0)
    return NULL;
  return uri.where == VIRT_EMBED ? "false" : NULL;
}

static int
qemu_tcg_stamp (struct vl_call *call, const struct vl_open *open, struct vl_stamp *stamp)
{
  struct virt_uri uri;
  const char *why;

  if (virt_uri_read (call, &qemu_tcg, &uri, &why) < 0)
    return -1;
  return virt_stamp (call, stamp, &uri, open->state_dir);
}

VL_DRIVER (qemu_tcg, "qemu-tcg", .version = VL_VERSION,
           .summary = "QEMU without hardware help, through libvirt in this process or its daemon",
           .props = VL_TABLE (props), .offers = VL_TABLE (driver_offers), .reads_back = 1,
           .virt_type = qemu_tcg_virt_type, .slot_default = qemu_tcg_slot_default,
           .usable = qemu_tcg_usable, .ready = qemu_tcg_ready, .open = qemu_tcg_open,
           .close = virt_close, .probe = qemu_tcg_probe, .power = &virt_power_calls,
           .inventory = &virt_inventory_calls, .devices = &virt_devices_calls,
           .console = &virt_console_calls, .stamp = qemu_tcg_stamp, .validates = 1,
           .secrets = &virt_secrets_calls, .events = &virt_event_calls, .process = qemu_tcg_process,
           .migration = &virt_migration_calls, .images = &virt_image_calls,
           .guest = &virt_guest_calls, .live = virt_live);
