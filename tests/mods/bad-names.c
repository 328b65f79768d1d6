/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Names what is not there, in each table of names, beside what may be absent. */

#include "mock.h"

static const struct vl_name reads[] = {
  { .name = "guest.vcpuz" },
  { .name = "goof.shade" },
  { .name = "good.shadow" },
  { .name = "good.part" },
  { .name = "guest" },
  { .name = "good.shade" },
  { .name = "none.such", .flags = VL_OPTIONAL },
  { .name = "good.such", .flags = VL_OPTIONAL },
};
static const struct vl_name wakes[] = { { .name = "goood" }, { .name = "bad-names" } };
static const struct vl_name needs[] = { { .name = "engine" } };
static const struct vl_name conflicts[] = {
  { .name = "nobody" },
  { .name = "elsewhere", .flags = VL_OPTIONAL },
};
static const struct vl_name traits[] = { { .name = "HW_CPU_X86_*" }, { .name = "not-a-trait" } };

VL_FEATURE (bad_names, "bad-names", .summary = "bad names", .reads = VL_TABLE (reads),
            .wakes = VL_TABLE (wakes), .needs = VL_TABLE (needs), .conflicts = VL_TABLE (conflicts),
            .traits = VL_TABLE (traits));
