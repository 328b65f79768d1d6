/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * user: interfaces behind QEMU's own network, which needs nothing of the host. */

#include <config.h>

#include <virtloom/network.h>

static const char *const types[] = { "user", NULL };

static const struct vl_prop props[] = {
  { .name = "acknowledged",
    .type = VL_BOOL,
    .deflt = "false",
    .setting = "host_loopback_acknowledged",
    .help = "the operator knows that such guests reach what listens on the host's loopback",
    .since = "0.1.0" },
};

static int
lay_out (struct vl_call *c, struct vl_nic *nic)
{
  nic->carrier = VL_CARRIER_QEMU;
  if (nic->mtu == 0)
    return 0;
  return vl_refuse_as (c, VL_ERR_UNSUPPORTED, "UnsupportedHardware", NULL,
                       "leave the mtu out, or use a bridge",
                       "$.networks[%d]: an interface of type user has no mtu", nic->index);
}

/* QEMU's network hands what a guest sends to 10.0.2.2 to the host's own 127.0.0.1, and
 * libvirt 9.0 has no switch against it.  Told once for all interfaces of a guest. */
static int
validate (struct vl_call *c)
{
  if (! vl_bool (c, "acknowledged"))
    vl_warn_as (c, "HostLoopbackReachable", "acknowledged",
                "take a bridge; or see to it that what listens there asks for a password, and set "
                "host_loopback_acknowledged = yes in plugins.d/user.conf",
                "through a network of type user this guest reaches what listens on the host's "
                "loopback address, as 10.0.2.2");
  return 0;
}

/* An interface of this type has nothing but what all have. */
static int
describe (struct vl_call *c, const struct vl_nic *nic, struct vl_node *node)
{
  (void)c;
  (void)nic;
  (void)node;
  return 0;
}

static const struct vl_network_calls calls = {
  .size = sizeof calls, .types = types, .lay_out = lay_out, .describe = describe
};

VL_FEATURE (user, "user", .version = VL_VERSION, .summary = "interfaces on QEMU's user network",
            .props = VL_TABLE (props), .validate = validate, .network = &calls);
