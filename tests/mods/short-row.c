/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A table whose rows are shorter than any that were ever built. */

#include "mock.h"

static const struct {
  const char *name;
} rows[] = { { "shade" } };

MOCK_NOTE (short_row, VL_NOTE_MAGIC, VL_ABI, VL_KIND_FEATURE, "short-row", VL_VERSION);
MOCK_BODY (short_row, .summary = "short rows", .props = VL_TABLE (rows));
