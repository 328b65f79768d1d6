/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * bridge: interfaces on a bridge of this host. */

#include <config.h>

#include <virtloom/network.h>

/* Networks that name no type are on a bridge too. */
static const char *const types[] = { "bridge", "", NULL };
static const struct vl_write writes[] = { { .path = "devices/interface" } };

static int
lay_out (struct vl_call *c, struct vl_nic *nic)
{
  nic->source = vl_nic_info (c, nic, "bridge");
  if (nic->source)
    return 0;
  return vl_refuse (c, VL_ERR_REQUEST, NULL,
                    "name it: \"bridge\": \"br0\"; or ask for \"type\": \"user\"",
                    "$.networks[%d] has type bridge and no bridge", nic->index);
}

static int
describe (struct vl_call *c, const struct vl_nic *nic, struct vl_node *node)
{
  (void)c;
  vl_set (vl_ensure_in (node, "source"), "bridge", nic->source);
  return vl_set (vl_ensure_in (node, "target"), "dev", nic->tap);
}

static const struct vl_network_calls calls = {
  .size = sizeof calls, .types = types, .lay_out = lay_out, .describe = describe
};

VL_FEATURE (bridge, "bridge", .version = VL_VERSION, .summary = "interfaces on a bridge",
            .writes = VL_TABLE (writes), .network = &calls);
