/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A note, but no symbol. */

#include "mock.h"

MOCK_NOTE (no_symbol, VL_NOTE_MAGIC, VL_ABI, VL_KIND_FEATURE, "no-symbol", VL_VERSION);

VL_EXPORT extern const int virtloom_module;
const int virtloom_module = 1;
