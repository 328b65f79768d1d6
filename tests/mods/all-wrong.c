/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Every field of the note but the magic is wrong. */

#include "mock.h"

MOCK_NOTE (all_wrong, VL_NOTE_MAGIC, 7, 9, "nobody", "0.0.1");
MOCK_BODY (all_wrong, .summary = "all wrong");
