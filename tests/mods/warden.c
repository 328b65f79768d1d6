/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A policy: never active, asked about every server.  Its setting `forbid` lists the numbers
 * of operations (enum vl_op) that servers with the flavor key `warden:guarded` are not to
 * see. */

#include "mock.h"

#include <string.h>

static const struct vl_prop props[] = {
  { .name = "guarded",
    .type = VL_BOOL,
    .flavor_key = "warden:guarded",
    .help = "is it guarded?",
    .since = "0.1" },
  { .name = "forbid",
    .type = VL_LIST,
    .setting = "forbid",
    .help = "what is not permitted",
    .since = "0.1" },
};

static int
active (struct vl_call *c)
{
  (void)c;
  return 0;
}

static int
is_guarded (struct vl_call *c)
{
  const char *key, *value;
  enum vl_layer layer;

  for (size_t i = 0; vl_key (c, i, &layer, &key, &value); i++)
    if (strcmp (key, "warden:guarded") == 0)
      return 1;
  return 0;
}

static int
permit (struct vl_call *c, enum vl_op op)
{
  const char *number = vl_printf (c, "%d", (int)op);

  for (size_t i = 0; i < vl_count (c, "forbid"); i++)
    if (is_guarded (c) && strcmp (vl_item (c, "forbid", i), number) == 0)
      return vl_refuse (c, VL_ERR_NOT_PERMITTED, "guarded", "ask the warden",
                        "operation %s is not for guarded servers", number);
  return 0;
}

VL_FEATURE (warden, "warden", .version = "1.0", .summary = "a policy", .props = VL_TABLE (props),
            .policy = 1, .active = active, .permit = permit);
