/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Small judgements on text: UTF-8, control characters, the form of names. */

#ifndef VL_LIB_TEXT_H
#define VL_LIB_TEXT_H

#include <stddef.h>

/* What is wrong with TEXT as printable UTF-8 ("has a control character"), or
 * NULL. */
const char *vl_text_problem (const char *text, size_t length);

/* [a-z][a-z0-9-]{0,30}: a plugin's name. */
int vl_plugin_name_ok (const char *name);

/* Does KEY match PATTERN, a row's or claim's key, where a last ".N" of PATTERN
 * stands for ".0", ".1" ... (and for itself)? */
int vl_key_matches (const char *pattern, const char *key);

#endif
