/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A body that is shorter than any that was ever built. */

#include "mock.h"

MOCK_NOTE (short_body, VL_NOTE_MAGIC, VL_ABI, VL_KIND_FEATURE, "short-body", VL_VERSION);
VL_EXPORT extern const struct vl_feature short_body_LTX_virtloom_module;
const struct vl_feature short_body_LTX_virtloom_module = { .body_size = 24,
                                                           .version = "1.0",
                                                           .summary = "short" };
