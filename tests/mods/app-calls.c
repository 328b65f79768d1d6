/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Calls what is for applications. */

#include "mock.h"

#include <virtloom/virtloom.h>

static int
app_calls_active (struct vl_call *c)
{
  return c != NULL && vl_app_new (NULL) != NULL;
}

VL_FEATURE (app_calls, "app-calls", .summary = "calls of applications", .active = app_calls_active);
