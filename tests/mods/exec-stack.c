/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Linked so that the whole process would get an executable stack. */

#include "mock.h"

VL_FEATURE (exec_stack, "exec-stack", .summary = "executable stack");
