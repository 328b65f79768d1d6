/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A note of somebody else who took our name. */

#include "mock.h"

MOCK_NOTE (wrong_magic, 0x12345678u, VL_ABI, VL_KIND_FEATURE, "wrong-magic", VL_VERSION);
MOCK_BODY (wrong_magic, .summary = "with another magic");
