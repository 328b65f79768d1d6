/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the plugins share that connect guests to interfaces of this host. */

#include <config.h>

#include "local.h"

#include "lib/text.h"

#include <string.h>
#include <unistd.h>

int
local_interface (struct vl_call *c, const struct vl_nic *nic, const char *name, const char **value)
{
  const char *problem;

  *value = vl_nic_info (c, nic, name);
  problem = *value ? vl_interface_problem (*value) : NULL;
  return problem
             ? vl_refuse (c, VL_ERR_REQUEST, NULL, NULL, "$.networks[%d].details['%s']: '%s' %s",
                          nic->index, name, *value, problem)
             : 0;
}

int
local_has (struct vl_call *c, const char *name, const char *what)
{
  return access (vl_printf (c, "/sys/class/net/%s%s%s", name, what ? "/" : "", what ? what : ""),
                 F_OK)
         == 0;
}

void
local_filter (struct vl_call *c, const struct vl_nic *nic, struct vl_node *node)
{
  const char *filter = vl_nic_info (c, nic, "filter");

  if (filter)
    vl_set (vl_ensure_in (node, "filterref"), "filter", filter);
}

int
local_claim (struct vl_call *c, const char *type, const char *pool,
             int (*takes) (struct vl_call *c, const struct vl_nic *nic))
{
  int result = 0;

  for (size_t i = 0; i < vl_n_nics (c); i++) {
    const struct vl_nic *nic = vl_nic (c, i);

    if (strcmp (nic->type, type) == 0 && nic->source && (takes == NULL || takes (c, nic))
        && vl_claim_one (c, pool, nic->id, &nic->source, 1, NULL) == NULL)
      result = -1;
  }
  return result;
}
