/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * guest-agent: a virtio channel over which the host talks to the QEMU guest
 * agent inside the guest.  The channel says nothing of whether an agent runs. */

#include <config.h>

#include <virtloom/feature.h>

#include <string.h>

/* sun_path of a UNIX socket, without the end of the text. */
#define SOCKET_PATH_MAX 107

static const struct vl_prop props[] = {
  { .name = "enabled",
    .type = VL_BOOL,
    .deflt = "false",
    .image_key = "hw_qemu_guest_agent",
    .help = "has the guest a channel for the QEMU guest agent",
    .since = "0.1.0" },
  { .name = "require-quiesce",
    .type = VL_BOOL,
    .deflt = "false",
    .image_key = "os_require_quiesce",
    .help = "is a snapshot to fail where the agent cannot freeze the file systems",
    .since = "0.1.0" },
  { .name = "admin-user",
    .type = VL_STRING,
    .image_key = "os_admin_user",
    .help = "user whose password the agent sets; unset: root, or Administrator under Windows",
    .since = "0.1.0" },
};

static const struct vl_write writes[] = { { "devices/channel", NULL } };

static const struct vl_name reads[] = { { VL_GUEST_RUN_DIR }, { VL_GUEST_VIRT_TYPE } };

static int
is_container (const struct vl_guest *guest)
{
  return vl_guest_is (guest, VL_GUEST_VIRT_TYPE, "lxc");
}

static int
resolve (struct vl_call *call, struct vl_guest *guest, const struct vl_host *host)
{
  (void)host;
  if (vl_guest_bool (guest, "enabled") && is_container (guest))
    vl_advice (call, NULL, "enabled", "a container has no channel for a guest agent");
  if (vl_guest_bool (guest, "require-quiesce") && ! vl_guest_bool (guest, "enabled")) {
    vl_advice (call, NULL, "require-quiesce",
               "snapshots must freeze the guest, which nothing can do without a guest agent");
    vl_hint (call, "add hw_qemu_guest_agent=yes to the image");
  }
  return 0;
}

static int
active (const struct vl_guest *guest)
{
  return vl_guest_bool (guest, "enabled") && ! is_container (guest);
}

static const char *
socket_path (struct vl_call *call, const struct vl_guest *guest)
{
  return vl_printf (call, "%s/qga.sock", vl_guest_str (guest, VL_GUEST_RUN_DIR));
}

static int
validate (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  size_t length = strlen (socket_path (call, guest));

  if (length > SOCKET_PATH_MAX) {
    vl_error (call, VL_ERR_UNSUPPORTED, NULL, "enabled",
              "the agent's socket would have a path of %zu bytes; a UNIX socket takes at most %d",
              length, SOCKET_PATH_MAX);
    vl_hint (call, "take a state folder with a path that is %zu bytes shorter",
             length - SOCKET_PATH_MAX);
    return -1;
  }
  if (vl_host_cap (guest, host, "channel.type", "unix") == 0)
    return vl_error (call, VL_ERR_UNSUPPORTED, NULL, "enabled",
                     "the hypervisor of this host offers no channel over a UNIX socket");
  return 0;
}

static int
contribute (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  struct vl_node *node = vl_append (call, NULL, "devices/channel", "enabled"), *child;

  (void)host;
  vl_set (call, node, "type", "unix", "enabled");
  child = vl_ensure (call, node, "source", 0, "enabled");
  vl_set (call, child, "mode", "bind", "enabled");
  vl_set (call, child, "path", socket_path (call, guest), VL_GUEST_RUN_DIR);
  child = vl_ensure (call, node, "target", 0, "enabled");
  vl_set (call, child, "type", "virtio", "enabled");
  return vl_set (call, child, "name", "org.qemu.guest_agent.0", "enabled");
}

VL_FEATURE (guest_agent, "guest-agent", .version = VL_VERSION,
            .summary = "a channel for the QEMU guest agent", .props = VL_TABLE (props),
            .writes = VL_TABLE (writes), .reads = VL_TABLE (reads), .resolve = resolve,
            .active = active, .validate = validate, .contribute = contribute);
