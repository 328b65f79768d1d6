/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A run path that begins where the module lies. */

#include "mock.h"

VL_FEATURE (bad_path, "bad-path", .summary = "run path");
