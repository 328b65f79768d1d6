/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A shared object that is no virtloom module. */

#include "mock.h"

MOCK_BODY (no_note, .summary = "without a note");
