/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A feature that only writes into the document. */

#include "mock.h"

static const struct vl_prop props[] = {
  { .name = "text",
    .type = VL_STRING,
    .flavor_key = "scribe:text",
    .help = "a description",
    .since = "0.1" },
};

static const struct vl_write writes[] = { { .path = "description" } };

static int
active (struct vl_call *c)
{
  return vl_has (c, "text");
}

static int
contribute (struct vl_call *c)
{
  return vl_text_from (vl_ensure (c, "description", "text"), "text");
}

VL_FEATURE (scribe, "scribe", .version = "1.0", .summary = "a scribe", .props = VL_TABLE (props),
            .writes = VL_TABLE (writes), .active = active, .contribute = contribute);
