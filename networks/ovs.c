/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * ovs: interfaces on a bridge of Open vSwitch. */

#include <config.h>

#include "local.h"

#include <virtloom/ascii.h>

#include <stdlib.h>
#include <string.h>

#define LAST_VLAN 4094 /* IEEE 802.1Q; 4095 is reserved */

static const char *const types[] = { "ovs", NULL };
static const char *const details[] = { "bridge_name",     "datapath_type", "ovs_hybrid_plug",
                                       "ovs_interfaceid", "vlan",          NULL };
static const struct vl_write writes[] = { { .path = "devices/interface" } };

static int
check_bridge (struct vl_call *c, const struct vl_nic *nic)
{
  int other = local_has (c, nic->source, "bridge");

  if (! other && local_has (c, nic->source, NULL))
    return 0;
  return vl_refuse_as (
      c, VL_ERR_UNSUPPORTED, "NoValidHost", NULL,
      other
          ? "leave the type out, or name a bridge of Open vSwitch: 'ovs-vsctl list-br' lists what "
            "there is"
          : vl_printf (c, "make it: ovs-vsctl add-br %s; 'ovs-vsctl list-br' lists what there is",
                       nic->source),
      "$.networks[%d]: this host has %s '%s'", nic->index,
      other ? "a bridge that is not Open vSwitch's, called" : "no bridge", nic->source);
}

/* 0 where VLAN is none. */
static int
vlan_of (const char *vlan)
{
  return strlen (vlan) <= 4 && vlan[strspn (vlan, "0123456789")] == '\0' ? atoi (vlan) : 0;
}

/* What the details say besides the bridge. */
static int
check_details (struct vl_call *c, const struct vl_nic *nic)
{
  const char *hybrid = vl_nic_info (c, nic, "ovs_hybrid_plug"),
             *id = vl_nic_info (c, nic, "ovs_interfaceid"), *vlan = vl_nic_info (c, nic, "vlan");

  if (vlan && (vlan_of (vlan) < 1 || vlan_of (vlan) > LAST_VLAN))
    return vl_refuse (c, VL_ERR_REQUEST, NULL, "leave it out to have what the bridge does",
                      "$.networks[%d]: '%s' is no VLAN; accepted: 1 to %d", nic->index, vlan,
                      LAST_VLAN);
  if (id && ! vl_is_uuid (id))
    return vl_refuse (c, VL_ERR_REQUEST, NULL, "leave it out to have the port's uuid",
                      "$.networks[%d]: ovs_interfaceid '%s' is no uuid; accepted: 8-4-4-4-12 "
                      "hexadecimal digits",
                      nic->index, id);
  if (hybrid == NULL || strcmp (hybrid, "false") == 0)
    return 0;
  return vl_refuse_as (c, VL_ERR_UNSUPPORTED, "UnsupportedHardware", NULL,
                       "let Neutron filter in Open vSwitch itself: firewall_driver = openvswitch",
                       "$.networks[%d]: a bridge of Linux between guest and Open vSwitch "
                       "(ovs_hybrid_plug) is not supported",
                       nic->index);
}

static int
lay_out (struct vl_call *c, struct vl_nic *nic)
{
  const char *named;

  if (local_interface (c, nic, "bridge_name", &named) < 0)
    return -1;
  nic->source = vl_nic_info (c, nic, "bridge");
  nic->source = nic->source ? nic->source : named;
  if (nic->source == NULL)
    return vl_refuse (c, VL_ERR_REQUEST, NULL, "name it: \"bridge\": \"br-int\"",
                      "$.networks[%d] has type ovs and no bridge", nic->index);
  if (named && strcmp (nic->source, named))
    return vl_refuse (c, VL_ERR_REQUEST, NULL, "leave one of them out",
                      "$.networks[%d] is on bridge '%s' and has bridge_name '%s'", nic->index,
                      nic->source, named);
  if (check_details (c, nic) < 0)
    return -1;
  return vl_host_is_live (c) ? check_bridge (c, nic) : 0;
}

static int
describe (struct vl_call *c, const struct vl_nic *nic, struct vl_node *node)
{
  const char *id = vl_nic_info (c, nic, "ovs_interfaceid"), *vlan = vl_nic_info (c, nic, "vlan");
  struct vl_node *port = vl_ensure_in (node, "virtualport");

  vl_set (node, "type", "bridge");
  vl_set (vl_ensure_in (node, "source"), "bridge", nic->source);
  vl_set (port, "type", "openvswitch");
  vl_set (vl_ensure_in (port, "parameters"), "interfaceid", id ? id : nic->port);
  if (vlan)
    vl_set_int (vl_ensure_in (vl_ensure_in (node, "vlan"), "tag"), "id", vlan_of (vlan));
  return vl_set (vl_ensure_in (node, "target"), "dev", nic->tap);
}

static const struct vl_network_calls calls = {
  .size = sizeof calls, .types = types, .lay_out = lay_out, .describe = describe, .details = details
};

VL_FEATURE (ovs, "ovs", .version = VL_VERSION, .summary = "interfaces on a bridge of Open vSwitch",
            .writes = VL_TABLE (writes), .network = &calls);
