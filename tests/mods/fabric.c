/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A network plugin that writes down its acting calls, fails one as it is told, and sets a
 * type of its own. */

#include <virtloom/network.h>
#include <virtloom/storage.h>

#include <errno.h>
#include <stdio.h>

static const struct vl_prop props[] = {
  { .name = "trace", .type = VL_STRING, .setting = "trace", .help = "a file", .since = "0.1" },
  { .name = "fails",
    .type = VL_STRING,
    .setting = "fails",
    .help = "the call that fails",
    .since = "0.1" },
};
static const struct vl_write writes[] = { { .path = "devices/interface" } };
static const char *const types[] = { "fabric", NULL };
static const char *const vnic_types[] = { "direct", "normal", NULL };

static int
describe (struct vl_call *c, const struct vl_nic *nic, struct vl_node *node)
{
  (void)c;
  vl_set (node, "type", "ethernet");
  return vl_set (vl_ensure_in (node, "target"), "dev", nic->tap);
}

static int
note (struct vl_call *c, const char *call, const struct vl_nic *nic)
{
  FILE *trace = fopen (vl_str (c, "trace"), "a");

  if (trace == NULL)
    return vl_file_failed (c, "cannot write", "trace", errno);
  fprintf (trace, "%s %s %s %s\n", call, nic->id, nic->vnic_type, nic->tap);
  fclose (trace);
  return vl_is (c, "fails", call)
             ? vl_refuse (c, VL_ERR_FAILED, "fails", NULL, "%s fails as it is told", call)
             : 0;
}

static int
plug (struct vl_call *c, const struct vl_nic *nic)
{
  return note (c, "plug", nic);
}

static int
unplug (struct vl_call *c, const struct vl_nic *nic)
{
  return note (c, "unplug", nic);
}

static const struct vl_network_calls calls = { .size = sizeof calls,
                                               .types = types,
                                               .vnic_types = vnic_types,
                                               .describe = describe,
                                               .plug = plug,
                                               .unplug = unplug };

VL_FEATURE (fabric, "fabric", .summary = "a fabric", .props = VL_TABLE (props),
            .writes = VL_TABLE (writes), .network = &calls);
