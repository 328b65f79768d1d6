/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The XML of network interfaces: what all have is written here, the rest by the
 * plugin that reaches the network. */

#include <config.h>

#include "domain/node.h"

static void
write_nic (struct vl_call *call, const struct vl_guest *guest, const struct vl_nic *nic)
{
  struct vl_node *node = vl_append (call, "devices/interface", nic->why);
  const char *model_why = guest->request->networks[nic->index].model ? nic->why : VL_NIC_MODEL;
  struct vl_plugin *plugin = vl_registry_find (guest->registry, nic->plugin);
  size_t errors = call->findings.n_errors;

  vl_node_describe (node, nic->id);
  vl_set (vl_ensure_in (node, "mac"), "address", nic->mac);
  if (nic->model)
    vl_set (vl_ensure_in (vl_because (node, model_why), "model"), "type", nic->model);
  if (nic->mtu)
    vl_set_int (vl_ensure_in (node, "mtu"), "size", nic->mtu);
  vl_address_write (call, node, nic->id, nic->model);
  /* The plugin may write as in contribute, and no other time before that. */
  call->phase = VL_PHASE_CONTRIBUTE;
  vl_call_as (call, plugin);
  call->doing = "describe";
  (void)vl_said (call, plugin->feature.network->describe (call, nic, node), errors);
  vl_call_as (call, NULL);
  call->phase = VL_PHASE_BEGIN;
  if (vl_element_slot (node->element, "type") == NULL)
    vl_set (node, "type", nic->type);
}

void
vl_nics_write (struct vl_call *call, const struct vl_guest *guest)
{
  for (size_t i = 0; i < guest->n_nics; i++)
    write_nic (call, guest, &guest->nics[i]);
}
