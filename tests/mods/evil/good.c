/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The name of a good module, in a folder that only the environment names. */

#include "../mock.h"

VL_FEATURE (good, "good", .version = "evil", .summary = "from the environment");
