/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Two notes in one module. */

#include "mock.h"

MOCK_NOTE (first, VL_NOTE_MAGIC, VL_ABI, VL_KIND_FEATURE, "two-notes", VL_VERSION);
MOCK_NOTE (second, VL_NOTE_MAGIC, VL_ABI, VL_KIND_FEATURE, "two-notes", VL_VERSION);
MOCK_BODY (two_notes, .summary = "with two notes");
