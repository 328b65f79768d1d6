/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A driver by its note, where the conf says feature. */

#include "mock.h"

MOCK_NOTE (other_kind, VL_NOTE_MAGIC, VL_ABI, VL_KIND_DRIVER, "other-kind", VL_VERSION);
MOCK_BODY (other_kind, .summary = "of another kind");
