/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * vhostuser: interfaces that a switch in another process serves, from the guest's own memory. */

#include <config.h>

#include "local.h"

#include "lib/text.h"

#include <string.h>

static const struct vl_prop props[] = {
  { .name = "directories",
    .type = VL_LIST,
    .deflt = "/run/openvswitch,/var/run/openvswitch,/run/vhostuser",
    .setting = "socket_directories",
    .help = "folders of the host that may have the sockets of switches",
    .since = "0.1.0" },
};

static const char *const types[] = { "vhostuser", NULL };
static const char *const details[] = {
  "vhostuser_fp_plug", "vhostuser_mode",         "vhostuser_ovs_plug",
  "vhostuser_socket",  "vhostuser_vrouter_plug", NULL,
};
/* Those of Nova's that add a port to a switch. */
static const char *const plugs[] = { "vhostuser_fp_plug", "vhostuser_ovs_plug",
                                     "vhostuser_vrouter_plug", NULL };
static const char *const modes[] = { "client", "server", NULL };
static const struct vl_write writes[] = { { .path = "devices/interface" } };
static const struct vl_name reads[] = { { .name = VL_GUEST_NIC }, { .name = VL_GUEST_VIRT_TYPE } };

/* What QEMU is to the switch. */
static const char *
mode_of (struct vl_call *c, const struct vl_nic *nic)
{
  const char *mode = vl_nic_info (c, nic, "vhostuser_mode");

  return mode ? mode : "server";
}

static int
check_plugs (struct vl_call *c, const struct vl_nic *nic)
{
  for (const char *const *plug = plugs; *plug; plug++) {
    const char *value = vl_nic_info (c, nic, *plug);

    if (value && strcmp (value, "false"))
      return vl_refuse_as (c, VL_ERR_UNSUPPORTED, "UnsupportedHardware", NULL,
                           "make the port yourself, and leave this out",
                           "$.networks[%d]: ports of a switch in user space are not made here (%s)",
                           nic->index, *plug);
  }
  return 0;
}

static int
lay_out (struct vl_call *c, struct vl_nic *nic)
{
  nic->carrier = VL_CARRIER_PROCESS;
  nic->source = vl_nic_info (c, nic, "vhostuser_socket");
  if (nic->source == NULL)
    return vl_refuse_as (c, VL_ERR_REQUEST, "VifDetailsMissingVhostuserSockPath", NULL,
                         "name it: \"details\": {\"vhostuser_socket\": \"/run/vhostuser/web\"}",
                         "$.networks[%d] has type vhostuser and no vhostuser_socket", nic->index);
  if (! vl_text_among (mode_of (c, nic), modes))
    return vl_refuse (c, VL_ERR_REQUEST, NULL, NULL,
                      "$.networks[%d]: '%s' is no vhostuser_mode; accepted: client server",
                      nic->index, mode_of (c, nic));
  if (nic->model == NULL || strcmp (nic->model, "virtio"))
    return vl_refuse_as (c, VL_ERR_UNSUPPORTED, "UnsupportedHardware", NULL,
                         "leave the model out, or ask for virtio",
                         "$.networks[%d]: a switch in user space serves virtio only, not '%s'",
                         nic->index, nic->model ? nic->model : "none");
  return check_plugs (c, nic);
}

static int
check_socket (struct vl_call *c, const struct vl_nic *nic)
{
  const char *accepted = vl_socket_accepted (c, "directories", nic->source);

  if (accepted == NULL)
    return 0;
  return vl_refuse (c, VL_ERR_REQUEST, "directories",
                    "socket_directories in plugins.d/vhostuser.conf says which folders there are",
                    "$.networks[%d]: '%s' is no socket of a switch; accepted: %s", nic->index,
                    nic->source, accepted);
}

static int
is_ours (const struct vl_nic *nic)
{
  return strcmp (nic->type, types[0]) == 0;
}

static int
validate (struct vl_call *c)
{
  int result = 0, some = 0;

  for (size_t i = 0; i < vl_n_nics (c); i++)
    if (is_ours (vl_nic (c, i))) {
      some = 1;
      if (check_socket (c, vl_nic (c, i)) < 0)
        result = -1;
    }
  /* It masks a vector that only KVM has given it. */
  if (some && vl_is (c, VL_GUEST_VIRT_TYPE, "qemu"))
    vl_warn_as (c, "EmulatedVhostUser", NULL, "use KVM, or boot the guest with pci=nomsi",
                "QEMU 7.2 crashes when it emulates a guest that uses MSI-X on an interface of type "
                "vhostuser");
  return result;
}

static int
claim (struct vl_call *c)
{
  return local_claim (c, types[0], "VHOSTUSER", NULL);
}

static int
describe (struct vl_call *c, const struct vl_nic *nic, struct vl_node *node)
{
  struct vl_node *source = vl_ensure_in (node, "source");

  vl_set (source, "type", "unix");
  vl_set (source, "path", nic->source);
  return vl_set (source, "mode", mode_of (c, nic));
}

static const struct vl_network_calls calls = {
  .size = sizeof calls, .types = types, .lay_out = lay_out, .describe = describe, .details = details
};

VL_FEATURE (vhostuser, "vhostuser", .version = VL_VERSION,
            .summary = "interfaces that a switch in user space serves", .props = VL_TABLE (props),
            .writes = VL_TABLE (writes), .reads = VL_TABLE (reads), .validate = validate,
            .claim = claim, .network = &calls);
