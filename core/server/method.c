/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What is said of a method that a driver does not have. */

#include <config.h>

#include "server/method.h"

int
vl_call_missing (struct vl_call *call, const struct vl_plugin *driver, const char *method)
{
  return vl_refuse_as (call, VL_ERR_UNSUPPORTED, "NotImplemented", NULL, NULL,
                       "driver \"%s\" does not have the call \"%s\"", driver->name, method);
}
