/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A member behind those that we know says something. */

#include "mock.h"

struct later_feature {
  struct vl_feature feature;
  int (*mandatory) (struct vl_call *);
};

static int
mandatory (struct vl_call *call)
{
  return call != NULL;
}

MOCK_NOTE (later_body, VL_NOTE_MAGIC, VL_ABI, VL_KIND_FEATURE, "later-body", "9.0.0");
VL_EXPORT extern const struct later_feature later_body_LTX_virtloom_module;
const struct later_feature later_body_LTX_virtloom_module = {
  .feature = { .body_size = sizeof (struct later_feature), .summary = "from the future" },
  .mandatory = mandatory,
};
