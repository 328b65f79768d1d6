/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Says that its body is larger than the module. */

#include "mock.h"

MOCK_NOTE (huge_body, VL_NOTE_MAGIC, VL_ABI, VL_KIND_FEATURE, "huge-body", VL_VERSION);
VL_EXPORT extern const struct vl_feature huge_body_LTX_virtloom_module;
const struct vl_feature huge_body_LTX_virtloom_module = { .body_size = 0xffffffff,
                                                          .summary = "huge" };
