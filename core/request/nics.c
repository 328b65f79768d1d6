/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Laying out network interfaces before there is any XML. */

#include <config.h>

#include "request/disks.h"
#include "request/recorded.h"

#define TAP_NAME_BYTES 14 /* IFNAMSIZ 16 less the NUL, and one to spare as Nova does */

/* RFC 791: what every IPv4 host takes. */
#define LEAST_MTU 68

/* What the slot says where an interface shall have no model of its own. */
#define NO_MODEL "none"

/* Its own, or the first that no other network has. */
static const char *
id_of (struct vl_call *call, const struct vl_request *request, size_t i)
{
  const char *id = request->networks[i].id;

  for (size_t number = i; id == NULL; number++) {
    id = vl_printf (call, "nic%zu", number);
    for (size_t k = 0; id && k < request->n_networks; k++)
      if (vl_text_same (request->networks[k].id, id))
        id = NULL;
  }
  return id;
}

/* The port's own where the id has it, as "nic-UUID". */
static const char *
port_of (struct vl_call *call, const char *id)
{
  char uuid[37];

  if (VL_STARTS (id, "nic-") && vl_uuid_problem (id + 4) == NULL)
    return id + 4;
  vl_uuid_from_text (vl_printf (call, "%s nic %s", vl_str (call, VL_GUEST_UUID), id), uuid);
  return vl_arena_strdup (call->arena, uuid);
}

/* Nova's name for the tap of a port: no other server's interface has it, and a NIC keeps it. */
static const char *
tap_name (struct vl_call *call, const char *port)
{
  return vl_printf (call, "tap%.*s", TAP_NAME_BYTES - 3, port);
}

/* The plugin that serves the I-th network, its type and port in NIC; NULL after a
 * finding. */
static struct vl_plugin *
plugin_of (struct vl_call *call, const struct vl_guest *guest, size_t i, struct vl_nic *nic)
{
  static const char *const normal[] = { "normal", NULL };
  const struct vl_network *network = &guest->request->networks[i];
  struct vl_plugin *plugin =
      vl_registry_answer (guest->registry, VL_ANSWER_NETWORKS, network->type ? network->type : "");
  const char *const *ports;
  VL_AUTOSTR struct vl_str all = { 0 };

  if (plugin == NULL) {
    vl_refuse_as (call, VL_ERR_UNSUPPORTED, "UnsupportedHardware", NULL,
                  vl_registry_nearest (call, guest->registry, VL_ANSWER_NETWORKS,
                                       network->type ? network->type : "",
                                       "$.networks[0] is the first interface; 'virtloom server "
                                       "create --help' has how --network is written"),
                  "$.networks[%zu]: type '%s' is not supported; accepted:%s", i,
                  network->type ? network->type : "",
                  vl_registry_answers (guest->registry, call->arena, VL_ANSWER_NETWORKS));
    return NULL;
  }
  nic->type = network->type ? network->type : vl_plugin_answers (plugin, VL_ANSWER_NETWORKS)[0];
  nic->plugin = plugin->name;
  ports = plugin->feature.network->vnic_types ? plugin->feature.network->vnic_types : normal;
  nic->vnic_type = network->vnic_type ? network->vnic_type : ports[0];
  for (const char *const *port = ports; *port; port++) {
    if (VL_STREQ (*port, nic->vnic_type))
      return plugin;
    vl_str_printf (&all, " %s", *port);
  }
  vl_refuse_as (call, VL_ERR_UNSUPPORTED, "UnsupportedHardware", NULL, NULL,
                "$.networks[%zu]: vnic_type '%s' is not supported; accepted:%s", i, nic->vnic_type,
                all.length ? all.text : " none");
  return NULL;
}

/* A model that a network names must be one that somebody offers. */
static int
check_model (struct vl_call *call, const struct vl_guest *guest, const char *model, size_t i)
{
  const char *type = vl_str (call, VL_GUEST_VIRT_TYPE);
  VL_AUTOSTR struct vl_str all = { 0 };
  const struct vl_offer **offers;
  size_t n;

  if (model == NULL)
    return 0;
  offers = vl_registry_offers (guest->registry, call->arena, guest->driver, VL_NIC_MODEL, type, &n);
  for (size_t k = 0; k < n; k++) {
    if (VL_STREQ (offers[k]->name, model))
      return 0;
    vl_str_printf (&all, " %s", offers[k]->name);
  }
  return vl_refuse_as (call, VL_ERR_UNSUPPORTED, "UnsupportedHardware", NULL,
                       "leave the model out to have the usual one",
                       "$.networks[%zu]: a '%s' guest has no interface model '%s'; accepted:%s", i,
                       type, model, n ? all.text : " none");
}

static int
lay_out (struct vl_call *call, struct vl_guest *guest, size_t i, struct vl_nic *nic)
{
  const struct vl_network *network = &guest->request->networks[i];
  size_t errors = call->findings.n_errors;
  struct vl_plugin *plugin = plugin_of (call, guest, i, nic);
  const struct vl_recorded_device *was;
  int (*settle) (struct vl_call *, struct vl_nic *) =
      plugin ? plugin->feature.network->lay_out : NULL;
  int result = 0;

  if (network->mtu > 0 && network->mtu < LEAST_MTU)
    return vl_refuse (call, VL_ERR_REQUEST, NULL, "leave the mtu out to have the network's own",
                      "$.networks[%zu]: an mtu of %d is too small; accepted: %d to 65535", i,
                      (int)network->mtu, LEAST_MTU);
  if (plugin == NULL || check_model (call, guest, network->model, i) < 0)
    return -1;
  if (vl_details_judge (call, network->details, plugin->feature.network->details, i) < 0)
    return -1;
  nic->id = id_of (call, guest->request, i);
  nic->model = network->model ? network->model : vl_str (call, VL_NIC_MODEL);
  if (vl_text_same (nic->model, NO_MODEL))
    nic->model = NULL;
  was = vl_recorded_device (guest->was, nic->id);
  was = was && was->is_nic ? was : NULL;
  /* A NIC that is there has the address that it had. */
  nic->mac = was && network->address == NULL ? was->nic.mac : network->mac;
  nic->mtu = (int32_t)network->mtu;
  nic->index = (int32_t)i;
  nic->port = port_of (call, nic->id);
  nic->tap = was && was->nic.tap ? was->nic.tap
             : network->devname  ? network->devname
                                 : tap_name (call, nic->port);
  nic->why = vl_printf (call, "$.networks[%zu] (request)", i);
  if (settle) {
    vl_call_as (call, plugin);
    call->doing = "lay_out";
    result = vl_said (call, settle (call, nic), errors);
    vl_call_as (call, NULL);
  }
  return nic->mac ? result : -1;
}

int
vl_nics_lay_out (struct vl_call *call, struct vl_guest *guest)
{
  size_t n = guest->request->n_networks;
  struct vl_plugin *caller = call->plugin;
  int result = 0;

  vl_call_as (call, NULL);
  guest->nics = vl_arena_alloc (call->arena, (n + 1) * sizeof *guest->nics);
  guest->n_nics = 0;
  for (size_t i = 0; i < n; i++) {
    if (lay_out (call, guest, i, &guest->nics[guest->n_nics]) < 0)
      result = -1;
    else
      guest->n_nics++;
  }
  vl_call_as (call, caller);
  return result;
}

const char *
vl_nic_info (struct vl_call *call, const struct vl_nic *nic, const char *name)
{
  const struct vl_request *request = call->guest ? call->guest->request : NULL;

  if (name == NULL)
    vl_fault (call, "vl_nic_info is called with NULL where a name is needed");
  return name && request && nic->index >= 0 && (size_t)nic->index < request->n_networks
             ? vl_network_member (call, &request->networks[nic->index], name)
             : NULL;
}
