/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * tap: interfaces that are a tap device and no more: what it is connected to is another program's
 * affair. */

#include <config.h>

#include "local.h"

static const char *const types[] = { "tap", NULL };
static const char *const details[] = { "dev", NULL };
static const struct vl_write writes[] = { { .path = "devices/interface" } };
static const struct vl_name reads[] = { { .name = VL_GUEST_NIC } };

static int
lay_out (struct vl_call *c, struct vl_nic *nic)
{
  if (local_interface (c, nic, "dev", &nic->source) < 0)
    return -1;
  if (nic->source == NULL || ! vl_host_is_live (c) || local_has (c, nic->source, "tun_flags"))
    return 0;
  return vl_refuse_as (
      c, VL_ERR_UNSUPPORTED, "NoValidHost", NULL,
      vl_printf (c, "make it: ip tuntap add dev %s mode tap; or leave dev out to have one made",
                 nic->source),
      "$.networks[%d]: this host has %s '%s'", nic->index,
      local_has (c, nic->source, NULL) ? "a network interface that is no tap, called" : "no tap",
      nic->source);
}

static int
claim (struct vl_call *c)
{
  return local_claim (c, types[0], "TAP", NULL);
}

/* libvirt makes a tap, and it goes with its guest, unless it is told that it is there. */
static int
describe (struct vl_call *c, const struct vl_nic *nic, struct vl_node *node)
{
  struct vl_node *target = vl_ensure_in (node, "target");

  (void)c;
  vl_set (node, "type", "ethernet");
  if (nic->source)
    vl_set (target, "managed", "no");
  return vl_set (target, "dev", nic->source ? nic->source : nic->tap);
}

static const struct vl_network_calls calls = {
  .size = sizeof calls, .types = types, .lay_out = lay_out, .describe = describe, .details = details
};

VL_FEATURE (tap, "tap", .version = VL_VERSION, .summary = "interfaces that are a bare tap device",
            .writes = VL_TABLE (writes), .reads = VL_TABLE (reads), .claim = claim,
            .network = &calls);
