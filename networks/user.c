/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * user: interfaces behind QEMU's own network, which needs nothing of the host. */

#include <config.h>

#include <virtloom/network.h>

static const char *const types[] = { "user", NULL };

static int
lay_out (struct vl_call *c, struct vl_nic *nic)
{
  if (nic->mtu == 0)
    return 0;
  return vl_refuse_as (c, VL_ERR_UNSUPPORTED, "UnsupportedHardware", NULL,
                       "leave the mtu out, or use a bridge",
                       "$.networks[%d]: an interface of type user has no mtu", nic->index);
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
            .network = &calls);
