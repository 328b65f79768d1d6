/* SPDX-License-Identifier: MIT
 *
 * What a feature brings that reaches networks.  See virtloom-storage(3). */

#ifndef VIRTLOOM_NETWORK_H
#define VIRTLOOM_NETWORK_H

#include <virtloom/feature.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Calls answer 0, or -1 after vl_refuse ().  A NULL call is one with nothing to do,
 * but `describe`, which every group has. */
struct vl_network_calls {
  uint32_t size; /* sizeof (struct vl_network_calls) */
  /* The types of networks that this plugin answers for, NULL-terminated, the first is
   * its name; "" stands for networks that name no type.  Two plugins for one type are
   * both refused. */
  const char *const *types;
  /* What Neutron calls the ports that it can serve, NULL-terminated; NULL: "normal". */
  const char *const *vnic_types;
  /* Pure, while the guest is laid out: judges NIC, and sets its source. */
  int (*lay_out) (struct vl_call *, struct vl_nic *);
  /* Pure: fills NODE, the <interface>, which has its mac, model and mtu; its type is
   * NIC's unless this sets another.  Needs `devices/interface` in `writes`. */
  int (*describe) (struct vl_call *, const struct vl_nic *, struct vl_node *node);
  /* Acting, as those of storage.h: before each start of the guest; when it, or the NIC,
   * is gone for ever. */
  int (*plug) (struct vl_call *, const struct vl_nic *);
  int (*unplug) (struct vl_call *, const struct vl_nic *);
  /* New members go below this line only. */
  /* What the `details` of its networks may have, NULL-terminated; NULL: nothing.  Texts,
   * whole numbers and booleans. */
  const char *const *details;
};

/* Member NAME of the request's network that NIC is of ("bridge"), or of its `details`, or
 * ("profile.NAME") of Neutron's binding profile, as text; NULL where it is not given.  While
 * the guest is built. */
VL_EXPORT const char *vl_nic_info (struct vl_call *c, const struct vl_nic *nic, const char *name);

#ifdef __cplusplus
}
#endif

#endif
