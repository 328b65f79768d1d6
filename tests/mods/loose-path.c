/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A run path that anybody may make. */

#include "mock.h"

VL_FEATURE (loose_path, "loose-path", .summary = "run path");
