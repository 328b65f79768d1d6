/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The words of findings, as tests write them. */

#ifndef VL_TESTS_SEVERITY_H
#define VL_TESTS_SEVERITY_H

static const char *const severities[] = { "", "error", "warning", "advice" };

#endif
