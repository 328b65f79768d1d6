/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Stands for a later libvirtloom when a module is linked. */

#include "mock.h"

VL_EXPORT extern int vl_later (void);
int
vl_later (void)
{
  return 1;
}
