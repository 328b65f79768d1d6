/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The XML of network interfaces. */

#include <config.h>

#include "domain/doc.h"

#define TAP_NAME_BYTES 14 /* IFNAMSIZ 16 less the NUL, and one to spare as Nova does */

/* A name that no other server's interface has, and that is the same each time
 * the same server is planned. */
static const char *
tap_name (struct vl_call *call, const struct vl_guest *guest, const struct vl_nic *nic)
{
  char id[37];

  vl_uuid_from_text (
      vl_printf (call, "%s port %d", vl_guest_str (guest, VL_GUEST_UUID), nic->index), id);
  return vl_printf (call, "tap%.*s", TAP_NAME_BYTES - 3, id);
}

static void
write_nic (struct vl_call *call, const struct vl_guest *guest, const struct vl_nic *nic)
{
  struct vl_node *node = vl_append (call, NULL, "devices/interface", nic->why);
  const char *model_why = guest->request->networks[nic->index].model ? nic->why : VL_NIC_MODEL;

  vl_set (call, node, "type", nic->type, nic->why);
  vl_set (call, vl_ensure (call, node, "mac", 0, nic->why), "address", nic->mac, nic->why);
  if (nic->model)
    vl_set (call, vl_ensure (call, node, "model", 0, model_why), "type", nic->model, model_why);
  if (nic->mtu)
    vl_set (call, vl_ensure (call, node, "mtu", 0, nic->why), "size",
            vl_printf (call, "%d", nic->mtu), nic->why);
  if (nic->source == NULL)
    return;
  vl_set (call, vl_ensure (call, node, "source", 0, nic->why), "bridge", nic->source, nic->why);
  vl_set (call, vl_ensure (call, node, "target", 0, nic->why), "dev", tap_name (call, guest, nic),
          nic->why);
}

int
vl_nics_write (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  size_t errors = call->findings.n_errors;

  (void)host;
  for (size_t i = 0; i < guest->n_nics; i++)
    write_nic (call, guest, &guest->nics[i]);
  return call->findings.n_errors > errors ? -1 : 0;
}
