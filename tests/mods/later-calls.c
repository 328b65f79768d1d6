/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Calls what a later virtloom has. */

#include "mock.h"

extern int vl_later (void);

static int
later_calls_active (struct vl_call *c)
{
  return c != NULL && vl_later ();
}

MOCK_NOTE (later_calls, VL_NOTE_MAGIC, VL_ABI, VL_KIND_FEATURE, "later-calls", "0.9.0");
MOCK_BODY (later_calls, .summary = "later calls", .active = later_calls_active);
