/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What is said of a call that a driver does not have. */

#include <config.h>

#include "server/call.h"

int
vl_call_missing (struct vl_ctx *ctx, const struct vl_plugin *driver, const char *call)
{
  return vl_error (ctx, VL_ERR_UNSUPPORTED, "NotImplemented", NULL,
                   "driver \"%s\" does not have the call \"%s\"", driver->name, call);
}
