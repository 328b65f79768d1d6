/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * nic-qos: the flavor's limits on what network interfaces receive (inbound) and
 * send (outbound). */

#include <config.h>

#include <virtloom/feature.h>

#include <string.h>

#define LIMIT(prop, key, what, measure)                                                            \
  {                                                                                                \
    .name = prop, .type = VL_INT, .min = 1, .max = UINT32_MAX, .unit = measure,                    \
    .flavor_key = "quota:vif_" key, .help = what, .since = "0.1.0"                                 \
  }

static const struct vl_prop props[] = {
  LIMIT ("inbound-average", "inbound_average", "average rate that an interface receives", "KiB/s"),
  LIMIT ("inbound-burst", "inbound_burst", "how much may come in at peak rate", "KiB"),
  LIMIT ("inbound-peak", "inbound_peak", "highest rate that an interface receives", "KiB/s"),
  LIMIT ("outbound-average", "outbound_average", "average rate that an interface sends", "KiB/s"),
  LIMIT ("outbound-burst", "outbound_burst", "how much may go out at peak rate", "KiB"),
  LIMIT ("outbound-peak", "outbound_peak", "highest rate that an interface sends", "KiB/s"),
};

static const struct vl_write writes[] = { { "devices/interface/bandwidth", NULL } };

static const struct vl_name reads[] = { { VL_GUEST_NIC } };

static int
active (const struct vl_guest *guest)
{
  for (size_t i = 0; i < sizeof props / sizeof props[0]; i++)
    if (vl_guest_has (guest, props[i].name))
      return 1;
  return 0;
}

static int
validate (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  static const char *const averages[] = { "inbound-average", "outbound-average" };

  (void)host;
  for (size_t i = 0; i < sizeof props / sizeof props[0]; i++) {
    const char *name = props[i].name, *average = averages[name[0] == 'o'];

    if (! vl_guest_has (guest, name) || vl_guest_has (guest, average))
      continue;
    vl_warning (call, NULL, name, "a limit without an average has no effect");
    vl_hint (call, "set quota:vif_%s_average too", name[0] == 'o' ? "outbound" : "inbound");
  }
  for (size_t i = 0; i < vl_guest_n_nics (guest); i++)
    if (strcmp (vl_guest_nic (guest, i)->type, "user") == 0) {
      vl_warning (call, NULL, NULL,
                  "network %zu is of type 'user', whose traffic cannot be limited", i);
      vl_hint (call, "connect it to a bridge");
    }
  return 0;
}

static int
limit_nic (struct vl_call *call, struct vl_node *node, void *opaque)
{
  const struct vl_guest *guest = opaque;

  if (strcmp (vl_get (call, node, "@type"), "user") == 0)
    return 0;
  for (size_t i = 0; i < sizeof props / sizeof props[0]; i++) {
    const char *name = props[i].name, *dash = strchr (name, '-');
    const char *direction = vl_printf (call, "%.*s", (int)(dash - name), name);

    if (vl_guest_has (guest, name)
        && vl_guest_has (guest, vl_printf (call, "%s-average", direction)))
      vl_set (call, vl_ensure (call, node, vl_printf (call, "bandwidth/%s", direction), 0, name),
              dash + 1, vl_guest_str (guest, name), name);
  }
  return 0;
}

static int
adjust (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  (void)host;
  return vl_each (call, "devices/interface", limit_nic, (void *)guest);
}

VL_FEATURE (nic_qos, "nic-qos", .version = VL_VERSION,
            .summary = "limits on the traffic of network interfaces", .props = VL_TABLE (props),
            .writes = VL_TABLE (writes), .reads = VL_TABLE (reads), .active = active,
            .validate = validate, .adjust = adjust);
