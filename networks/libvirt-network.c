/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * libvirt-network: interfaces on a network that libvirt knows by name. */

#include <config.h>

#include "local.h"

static const char *const types[] = { "network", NULL };
static const char *const details[] = { "filter", "network", "portgroup", NULL };
static const struct vl_write writes[] = { { .path = "devices/interface" } };

static int
lay_out (struct vl_call *c, struct vl_nic *nic)
{
  nic->source = vl_nic_info (c, nic, "network");
  if (nic->source)
    return 0;
  return vl_refuse (
      c, VL_ERR_REQUEST, NULL,
      "name it: \"details\": {\"network\": \"default\"}; 'virsh net-list --all' lists "
      "what there is",
      "$.networks[%d] has type network and no network", nic->index);
}

static int
describe (struct vl_call *c, const struct vl_nic *nic, struct vl_node *node)
{
  const char *group = vl_nic_info (c, nic, "portgroup");

  vl_set (vl_ensure_in (node, "source"), "network", nic->source);
  if (group)
    vl_set (vl_ensure_in (node, "source"), "portgroup", group);
  local_filter (c, nic, node);
  return vl_set (vl_ensure_in (node, "target"), "dev", nic->tap);
}

static const struct vl_network_calls calls = {
  .size = sizeof calls, .types = types, .lay_out = lay_out, .describe = describe, .details = details
};

VL_FEATURE (libvirt_network, "libvirt-network", .version = VL_VERSION,
            .summary = "interfaces on a network of libvirt's", .writes = VL_TABLE (writes),
            .network = &calls);
