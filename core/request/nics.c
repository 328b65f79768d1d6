/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Laying out network interfaces before there is any XML. */

#include <config.h>

#include "request/disks.h"

/* What Neutron calls a port that a plain bridge can serve. */
#define VNIC_NORMAL "normal"

/* What the slot says where an interface shall have no model of its own. */
#define NO_MODEL "none"

static const char *
mac_of (struct vl_call *call, const struct vl_request *request, size_t i)
{
  if (request->networks[i].mac)
    return request->networks[i].mac;
  if (i < request->n_macs)
    return request->macs[i];
  vl_error (call, VL_ERR_REQUEST, NULL, NULL, "$.networks[%zu] has no MAC address", i);
  vl_hint (call, "give as many \"macs\" as \"networks\", or none");
  return NULL;
}

static int
check_network (struct vl_call *call, const struct vl_network *network, size_t i)
{
  if (network->vnic_type && ! VL_STREQ (network->vnic_type, VNIC_NORMAL)) {
    vl_error (call, VL_ERR_UNSUPPORTED, "UnsupportedHardware", NULL,
              "$.networks[%zu]: vnic_type '%s' is not supported; accepted: normal", i,
              network->vnic_type);
    return -1;
  }
  if (network->type && ! VL_STREQ (network->type, "bridge") && ! VL_STREQ (network->type, "user")) {
    vl_error (call, VL_ERR_UNSUPPORTED, "UnsupportedHardware", NULL,
              "$.networks[%zu]: type '%s' is not supported; accepted: bridge user", i,
              network->type);
    return -1;
  }
  if (network->mtu && network->type && VL_STREQ (network->type, "user")) {
    vl_error (call, VL_ERR_UNSUPPORTED, "UnsupportedHardware", NULL,
              "$.networks[%zu]: an interface of type user has no mtu", i);
    vl_hint (call, "leave the mtu out, or use a bridge");
    return -1;
  }
  if (network->bridge == NULL && ! (network->type && VL_STREQ (network->type, "user"))) {
    vl_error (call, VL_ERR_REQUEST, NULL, NULL, "$.networks[%zu] has type bridge and no bridge", i);
    vl_hint (call, "name it: \"bridge\": \"br0\"; or ask for \"type\": \"user\"");
    return -1;
  }
  return 0;
}

int
vl_nics_lay_out (struct vl_call *call, struct vl_guest *guest)
{
  const struct vl_request *request = guest->request;
  struct vl_plugin *caller = call->plugin;
  int result = 0;

  vl_call_as (call, NULL);
  guest->nics = vl_arena_alloc (call->arena, (request->n_networks + 1) * sizeof *guest->nics);
  guest->n_nics = 0;
  for (size_t i = 0; i < request->n_networks; i++) {
    const struct vl_network *network = &request->networks[i];
    struct vl_nic *nic = &guest->nics[guest->n_nics];
    int user = network->type && VL_STREQ (network->type, "user");

    if (check_network (call, network, i) < 0) {
      result = -1;
      continue;
    }
    nic->type = user ? "user" : "bridge";
    nic->source = user ? NULL : network->bridge;
    nic->model = network->model ? network->model : vl_guest_str (guest, VL_NIC_MODEL);
    if (nic->model && VL_STREQ (nic->model, NO_MODEL))
      nic->model = NULL;
    nic->mac = mac_of (call, request, i);
    nic->vnic_type = VNIC_NORMAL;
    nic->mtu = (int32_t)network->mtu;
    nic->index = (int32_t)i;
    nic->why = vl_printf (call, "$.networks[%zu] (request)", i);
    guest->n_nics++;
    if (nic->mac == NULL)
      result = -1;
  }
  vl_call_as (call, caller);
  return result;
}
