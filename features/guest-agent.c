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

static const struct vl_write writes[] = { { .path = "devices/channel" } };

static const struct vl_name reads[] = { { .name = VL_GUEST_RUN_DIR },
                                        { .name = VL_GUEST_VIRT_TYPE } };

static int
is_container (struct vl_call *c)
{
  return vl_is (c, VL_GUEST_VIRT_TYPE, "lxc");
}

static int
resolve (struct vl_call *c)
{
  if (vl_bool (c, "enabled") && is_container (c))
    vl_advise (c, "enabled", NULL, "a container has no channel for a guest agent");
  if (vl_bool (c, "require-quiesce") && ! vl_bool (c, "enabled"))
    vl_advise (c, "require-quiesce", "add hw_qemu_guest_agent=yes to the image",
               "snapshots must freeze the guest, which nothing can do without a guest agent");
  return 0;
}

static int
active (struct vl_call *c)
{
  return vl_bool (c, "enabled") && ! is_container (c);
}

static const char *
socket_path (struct vl_call *c)
{
  return vl_printf (c, "%s/qga.sock", vl_str (c, VL_GUEST_RUN_DIR));
}

static int
validate (struct vl_call *c)
{
  size_t length = strlen (socket_path (c));

  if (length > SOCKET_PATH_MAX)
    return vl_refuse (
        c, VL_ERR_UNSUPPORTED, "enabled",
        vl_printf (c, "take a state folder with a path that is %zu bytes shorter",
                   length - SOCKET_PATH_MAX),
        "the agent's socket would have a path of %zu bytes; a UNIX socket takes at most %d", length,
        SOCKET_PATH_MAX);
  if (vl_cap (c, "channel.type", "unix") == 0)
    return vl_refuse (c, VL_ERR_UNSUPPORTED, "enabled", NULL,
                      "the hypervisor of this host offers no channel over a UNIX socket");
  return 0;
}

static int
contribute (struct vl_call *c)
{
  struct vl_node *node = vl_append (c, "devices/channel", "enabled"), *child;

  vl_set (node, "type", "unix");
  child = vl_ensure_in (node, "source");
  vl_set (child, "mode", "bind");
  vl_set_why (child, "path", socket_path (c), VL_GUEST_RUN_DIR);
  child = vl_ensure_in (node, "target");
  vl_set (child, "type", "virtio");
  return vl_set (child, "name", "org.qemu.guest_agent.0");
}

VL_FEATURE (guest_agent, "guest-agent", .version = VL_VERSION,
            .summary = "a channel for the QEMU guest agent", .props = VL_TABLE (props),
            .writes = VL_TABLE (writes), .reads = VL_TABLE (reads), .resolve = resolve,
            .active = active, .validate = validate, .contribute = contribute);
