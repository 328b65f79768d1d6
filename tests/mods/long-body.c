/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The body and the rows of a module from the future: longer than ours, without saying
 * anything there. */

#include "mock.h"

struct later_prop {
  struct vl_prop prop;
  const char *later[4];
};

static const struct later_prop props[] = {
  { .prop = { .name = "one",
              .type = VL_BOOL,
              .flavor_key = "long:one",
              .help = "one",
              .since = "0.1" } },
  { .prop = { .name = "two",
              .type = VL_BOOL,
              .flavor_key = "long:two",
              .help = "two",
              .since = "9.0" } },
};

struct later_feature {
  struct vl_feature feature;
  const char *later[8];
};

MOCK_NOTE (long_body, VL_NOTE_MAGIC, VL_ABI, VL_KIND_FEATURE, "long-body", "9.0.0");
VL_EXPORT extern const struct later_feature long_body_LTX_virtloom_module;
const struct later_feature long_body_LTX_virtloom_module = {
  .feature = { .body_size = sizeof (struct later_feature),
               .version = "9.0",
               .summary = "from the future",
               .props = VL_TABLE (props) },
};
