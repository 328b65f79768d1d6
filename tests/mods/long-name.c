/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A note whose name is not terminated. */

#include "mock.h"

MOCK_NOTE (long_name, VL_NOTE_MAGIC, VL_ABI, VL_KIND_FEATURE, { [0 ... 31] = (char)0x61 }, "1");
MOCK_BODY (long_name, .summary = "of a name without end");
