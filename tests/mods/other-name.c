/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A module whose note has another name than its file. */

#include "mock.h"

MOCK_NOTE (other_name, VL_NOTE_MAGIC, VL_ABI, VL_KIND_FEATURE, "someone", VL_VERSION);
MOCK_BODY (other_name, .summary = "of another name");
