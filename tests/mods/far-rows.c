/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A table that ends beyond the module. */

#include "mock.h"

static const struct vl_write writes[] = { { .path = "devices/far" } };

MOCK_NOTE (far_rows, VL_NOTE_MAGIC, VL_ABI, VL_KIND_FEATURE, "far-rows", VL_VERSION);
MOCK_BODY (far_rows, .summary = "far rows", .writes = { writes, 1000, 4096 });
