/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Built for an ABI to come; its constructor must not run. */

#include "mock.h"

#include <stdio.h>
#include <stdlib.h>

MOCK_TRACE

MOCK_NOTE (other_abi, VL_NOTE_MAGIC, VL_ABI + 1, VL_KIND_FEATURE, "other-abi", "9.0.0");
MOCK_BODY (other_abi, .summary = "of another ABI");
