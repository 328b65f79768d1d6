/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the tests of outside programs share: one row, one run, its result. */

#ifndef VL_TEST_TOOL_RIG_H
#define VL_TEST_TOOL_RIG_H

#include "room.h"

#include "storage/tool.h"

#include <check.h>

extern struct vl_tool_row row;
extern struct vl_tool tool;
extern struct vl_tool_result result;

/* A room, and a row and a run of the shell that ask for nothing. */
void tool_setup (void);
/* Runs SCRIPT by the shell as ROW and TOOL say. */
int shell (const char *script);
/* The script prints exactly TEXT. */
void says (const char *script, const char *text);
/* The script ends as END, with TEXT as the problem. */
void problem (const char *script, enum vl_tool_end end, const char *text);
/* Runs the program tool-probe with WORD and MORE, which may be NULL. */
int probe (const char *word, const char *more);
/* What FIELD is in the /proc/self/status that the program printed. */
const char *status (const char *field);
/* How many users this process's user namespace has. */
unsigned users (void);
/* Root of a namespace without other users is a user like any. */
int is_root (void);
/* "Landlock", "namespaces". */
int has (const char *what);
/* Runs the tests that ADD adds; for main. */
int tool_suite (void (*add) (TCase *tests));

#endif
