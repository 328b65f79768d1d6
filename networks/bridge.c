/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * bridge: interfaces on a bridge of this host. */

#include <config.h>

#include "local.h"

/* Networks that name no type are on a bridge too. */
static const char *const types[] = { "bridge", "", NULL };
static const char *const details[] = { "filter", NULL };
static const struct vl_write writes[] = { { .path = "devices/interface" } };

static int
check_bridge (struct vl_call *c, const struct vl_nic *nic)
{
  int there = local_has (c, nic->source, NULL);

  if (local_has (c, nic->source, "bridge"))
    return 0;
  return vl_refuse_as (
      c, VL_ERR_UNSUPPORTED, "NoValidHost", NULL,
      vl_printf (c,
                 there ? "'ip link show type bridge' lists what there is"
                       : "make it: ip link add %1$s type bridge && ip link set %1$s up; 'ip "
                         "link show type bridge' lists what there is",
                 nic->source),
      "$.networks[%d]: this host has %s '%s'", nic->index,
      there ? "a network interface that is no bridge, called" : "no bridge", nic->source);
}

static int
lay_out (struct vl_call *c, struct vl_nic *nic)
{
  nic->source = vl_nic_info (c, nic, "bridge");
  if (nic->source)
    return vl_host_is_live (c) ? check_bridge (c, nic) : 0;
  return vl_refuse (c, VL_ERR_REQUEST, NULL,
                    "name it: --network bridge=br0, in a request \"bridge\": \"br0\"; or ask for "
                    "type user",
                    "$.networks[%d] has type bridge and no bridge", nic->index);
}

static int
describe (struct vl_call *c, const struct vl_nic *nic, struct vl_node *node)
{
  local_filter (c, nic, node);
  vl_set (vl_ensure_in (node, "source"), "bridge", nic->source);
  return vl_set (vl_ensure_in (node, "target"), "dev", nic->tap);
}

static const struct vl_network_calls calls = {
  .size = sizeof calls, .types = types, .lay_out = lay_out, .describe = describe, .details = details
};

VL_FEATURE (bridge, "bridge", .version = VL_VERSION, .summary = "interfaces on a bridge",
            .writes = VL_TABLE (writes), .network = &calls);
