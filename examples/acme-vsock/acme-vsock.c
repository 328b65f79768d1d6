/* SPDX-License-Identifier: MIT
 *
 * An example of a feature that takes something of the host for each guest: a vsock
 * device, by which guest and host talk without a network, with a context id (CID)
 * that no other server of this host has. */

#include <virtloom/feature.h>

/* The kernel keeps the ids 0 to 2 for itself, and the highest one means "any". */
#define FIRST 3
#define LAST 4294967294

/* Everything on this host that gives out CIDs through virtloom takes them from here. */
#define POOL "VSOCK_CID"

static const struct vl_prop props[] = {
  { .name = "wanted",
    .type = VL_BOOL,
    .deflt = "false",
    .flavor_key = "acme:vsock",
    .help = "the guest has a vsock device",
    .since = "0.1" },
  { .name = "cid",
    .type = VL_INT,
    .flags = VL_PUBLIC,
    .help = "the guest's context id, chosen for it",
    .since = "0.1" },
  { .name = "first",
    .type = VL_INT,
    .deflt = "3",
    .min = FIRST,
    .max = LAST,
    .setting = "first_cid",
    .help = "the lowest context id that guests get",
    .since = "0.1" },
  { .name = "last",
    .type = VL_INT,
    .deflt = "4294967294",
    .min = FIRST,
    .max = LAST,
    .setting = "last_cid",
    .help = "the highest context id that guests get",
    .since = "0.1" },
};

static const struct vl_write writes[] = { { .path = "devices/vsock" } };

static int
ready (struct vl_call *c)
{
  if (vl_int (c, "first") <= vl_int (c, "last"))
    return 0;
  return vl_refuse (c, VL_ERR_UNSUPPORTED, "first", "set last_cid to the same or more",
                    "first_cid %s is above last_cid %s", vl_str (c, "first"), vl_str (c, "last"));
}

static int
active (struct vl_call *c)
{
  return vl_bool (c, "wanted");
}

static int
validate (struct vl_call *c)
{
  switch (vl_fact_device (c, "/dev/vhost-vsock")) {
  case 1:
    return 0;
  case 0:
    return vl_refuse (c, VL_ERR_UNSUPPORTED, "wanted",
                      "load the kernel's module vhost_vsock on that host",
                      "this host has no /dev/vhost-vsock");
  default:
    return vl_unsaid (c, "wanted", "device");
  }
}

/* Runs again where the server is recorded, while no other server can be, so the number
 * is nobody else's.  A server that exists keeps the one that it has. */
static int
claim (struct vl_call *c)
{
  int64_t cid =
      vl_claim_number (c, POOL, "guest", vl_int (c, "first"), vl_int (c, "last"), "wanted");

  if (cid < 0)
    return -1;
  return vl_put (c, "cid", vl_printf (c, "%lld", (long long)cid), "wanted",
                 "one that no other server of this host has");
}

static int
contribute (struct vl_call *c)
{
  struct vl_node *vsock = vl_append (c, "devices/vsock", "wanted");
  struct vl_node *cid = vl_ensure_in (vsock, "cid");

  vl_set (vsock, "model", "virtio");
  vl_set (cid, "auto", "no");
  return vl_set_from (cid, "address", "cid");
}

VL_FEATURE (acme_vsock, "acme-vsock", .version = "1.0",
            .summary = "a vsock device with a context id of its own for each guest",
            .props = VL_TABLE (props), .writes = VL_TABLE (writes), .active = active,
            .validate = validate, .claim = claim, .contribute = contribute, .ready = ready);
