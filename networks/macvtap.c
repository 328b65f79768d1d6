/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * macvtap: interfaces beside those that the host has on a network card of its own. */

#include <config.h>

#include "local.h"

#include "lib/text.h"

#include <string.h>

static const char *const types[] = { "macvtap", NULL };
static const char *const details[] = { "macvtap_mode", "macvtap_source", NULL };
static const char *const modes[] = { "vepa", "bridge", "private", "passthrough", NULL };
static const struct vl_write writes[] = { { .path = "devices/interface" } };
static const struct vl_name reads[] = { { .name = VL_GUEST_NIC } };

static const char *
mode_of (struct vl_call *c, const struct vl_nic *nic)
{
  const char *mode = vl_nic_info (c, nic, "macvtap_mode");

  return mode ? mode : "vepa";
}

static int
lay_out (struct vl_call *c, struct vl_nic *nic)
{
  if (local_interface (c, nic, "macvtap_source", &nic->source) < 0)
    return -1;
  if (nic->source == NULL)
    return vl_refuse (c, VL_ERR_REQUEST, NULL,
                      "name it: \"details\": {\"macvtap_source\": \"eth0\"}",
                      "$.networks[%d] has type macvtap and no macvtap_source", nic->index);
  if (! vl_text_among (mode_of (c, nic), modes))
    return vl_refuse (c, VL_ERR_REQUEST, NULL, NULL,
                      "$.networks[%d]: '%s' is no macvtap_mode; accepted: vepa bridge private "
                      "passthrough",
                      nic->index, mode_of (c, nic));
  if (! vl_host_is_live (c) || local_has (c, nic->source, NULL))
    return 0;
  return vl_refuse_as (
      c, VL_ERR_UNSUPPORTED, "NoValidHost", NULL, "'ip link show' lists what there is",
      "$.networks[%d]: this host has no network interface '%s'", nic->index, nic->source);
}

/* In mode passthrough the interface below is the guest's alone. */
static int
takes_all (struct vl_call *c, const struct vl_nic *nic)
{
  return strcmp (mode_of (c, nic), "passthrough") == 0;
}

static int
claim (struct vl_call *c)
{
  return local_claim (c, types[0], "MACVTAP_PASSTHROUGH", takes_all);
}

static int
describe (struct vl_call *c, const struct vl_nic *nic, struct vl_node *node)
{
  struct vl_node *source = vl_ensure_in (node, "source");

  vl_set (node, "type", "direct");
  vl_set (source, "dev", nic->source);
  vl_set (source, "mode", mode_of (c, nic));
  return vl_set (vl_ensure_in (node, "target"), "dev", nic->tap);
}

static const struct vl_network_calls calls = {
  .size = sizeof calls, .types = types, .lay_out = lay_out, .describe = describe, .details = details
};

VL_FEATURE (macvtap, "macvtap", .version = VL_VERSION,
            .summary = "interfaces beside the host's own on a network card",
            .writes = VL_TABLE (writes), .reads = VL_TABLE (reads), .claim = claim,
            .network = &calls);
