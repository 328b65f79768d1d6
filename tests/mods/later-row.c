/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A row's member behind those that we know says something. */

#include "mock.h"

struct later_prop {
  struct vl_prop prop;
  const char *later;
};

static const struct later_prop props[] = {
  { .prop = { .name = "one", .type = VL_BOOL, .help = "one", .since = "0.1" } },
  { .prop = { .name = "two", .type = VL_BOOL, .help = "two", .since = "9.0" }, .later = "x" },
};

MOCK_NOTE (later_row, VL_NOTE_MAGIC, VL_ABI, VL_KIND_FEATURE, "later-row", "9.0.0");
MOCK_BODY (later_row, .summary = "from the future", .props = VL_TABLE (props));
