/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * nic-qos: the flavor's limits on what network interfaces receive (inbound) and
 * send (outbound). */

#include <config.h>

#include <virtloom/feature.h>

#include <string.h>

#define LIMIT(prop, key, what, measure, ...)                                                       \
  {                                                                                                \
    .name = prop, .type = VL_INT, .min = 1, .max = UINT32_MAX, .unit = measure,                    \
    .flavor_key = "quota:vif_" key, .help = what, .since = "0.1.0", __VA_ARGS__                    \
  }

static const struct vl_prop props[] = {
  LIMIT ("inbound-average", "inbound_average", "average rate that an interface receives",
         "KiB/s", ),
  LIMIT ("inbound-burst", "inbound_burst", "how much may come in at peak rate", "KiB",
         .only = "inbound-average"),
  LIMIT ("inbound-peak", "inbound_peak", "highest rate that an interface receives", "KiB/s",
         .only = "inbound-average"),
  LIMIT ("outbound-average", "outbound_average", "average rate that an interface sends", "KiB/s", ),
  LIMIT ("outbound-burst", "outbound_burst", "how much may go out at peak rate", "KiB",
         .only = "outbound-average"),
  LIMIT ("outbound-peak", "outbound_peak", "highest rate that an interface sends", "KiB/s",
         .only = "outbound-average"),
};

static const struct vl_write writes[] = { { .path = "devices/interface/bandwidth" } };

static const struct vl_name reads[] = { { .name = VL_GUEST_NIC } };

static int
active (struct vl_call *c)
{
  for (size_t i = 0; i < sizeof props / sizeof props[0]; i++)
    if (vl_has (c, props[i].name))
      return 1;
  return 0;
}

static int
validate (struct vl_call *c)
{
  for (size_t i = 0; i < vl_n_nics (c); i++)
    if (vl_nic (c, i)->carrier != VL_CARRIER_HOST)
      vl_warn (c, NULL, "connect it to a bridge",
               "network %zu is of type '%s', whose traffic cannot be limited", i,
               vl_nic (c, i)->type);
  return 0;
}

static int
limit_nic (struct vl_call *c, struct vl_node *node, void *opaque)
{
  const struct vl_nic *nic = vl_node_nic (node);

  (void)opaque;
  if (nic == NULL || nic->carrier != VL_CARRIER_HOST)
    return 0;
  for (size_t i = 0; i < sizeof props / sizeof props[0]; i++) {
    const char *name = props[i].name, *dash = strchr (name, '-');
    const char *direction = vl_printf (c, "%.*s", (int)(dash - name), name);

    if (vl_has (c, name) && vl_has (c, vl_printf (c, "%s-average", direction)))
      vl_set_from (vl_ensure_in (vl_because (node, name), vl_printf (c, "bandwidth/%s", direction)),
                   dash + 1, name);
  }
  return 0;
}

static int
adjust (struct vl_call *c)
{
  return vl_each (c, "devices/interface", limit_nic, NULL);
}

VL_FEATURE (nic_qos, "nic-qos", .version = VL_VERSION,
            .summary = "limits on the traffic of network interfaces", .props = VL_TABLE (props),
            .writes = VL_TABLE (writes), .reads = VL_TABLE (reads), .active = active,
            .validate = validate, .adjust = adjust);
