/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Run paths of root, one of which is not there. */

#include "mock.h"

VL_FEATURE (two_paths, "two-paths", .summary = "run path");
