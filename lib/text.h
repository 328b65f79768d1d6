/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Small judgements on text: UTF-8, control characters, the form of names, "did you
 * mean". */

#ifndef VL_LIB_TEXT_H
#define VL_LIB_TEXT_H

#include "lib/alloc.h"

#include <stdint.h>
#include <time.h>

/* How many bytes a UTF-8 character has that begins with FIRST; 0: none does. */
size_t vl_utf8_length (unsigned char first);
/* Bytes of the UTF-8 character at TEXT, at most N, and the character in *CODE; 0
 * where it is none (overlong forms, surrogates, beyond U+10FFFF, cut off). */
size_t vl_utf8_read (const char *text, size_t n, uint32_t *code);
/* What is wrong with TEXT as printable UTF-8 ("has a control character"), or
 * NULL.  This is the one rule for what virtloom keeps or shows. */
const char *vl_text_problem (const char *text, size_t length);
/* The same for a name or a key, of which two must not look alike: no character that is
 * not drawn, no blank but U+0020, and none around it either.  Nova's rule for names
 * (api/validation/parameter_types.py) lets other blanks pass. */
const char *vl_name_problem (const char *text, size_t length);
/* The same for a network interface of the host. */
const char *vl_interface_problem (const char *name);
/* TEXT by the same rule, each byte of what is not printable as "\x1b".  The
 * caller frees. */
char *vl_text_clean (const char *text);
char *vl_text_clean_n (const char *text, size_t length);
/* The same for a message, which shows what a name may not have, too, and no password of a URI: cut
 * to 64 bytes and "..." where it is longer. */
const char *vl_shown (struct vl_arena *arena, const char *text);
/* TEXT (NULL: NULL) with "***" for the password of each URI in it: what stands between the first ':'
 * behind "://" and the last '@' of the word.  TEXT itself where it has no URI. */
const char *vl_passwordless (struct vl_arena *arena, const char *text);
/* TEXT as one word of the shell, for a command that a hint offers: bare where it has nothing
 * that a shell looks at, else in quotes.  The caller frees the first. */
char *vl_shell_quote (const char *text);
const char *vl_shell_word (struct vl_arena *arena, const char *text);
/* The same for the NAME of a server, image or flavor, as the last word of a command of virtloom:
 * "-- -x" where it would be taken for an option. */
char *vl_name_quote (const char *name);
const char *vl_name_word (struct vl_arena *arena, const char *name);
/* Does the NAME of a setting or option say that its value is a secret ("rbd_password")? */
int vl_name_is_secret (const char *name);
/* TIME in UTC, as "2026-11-27T10:00:00Z", in TEXT. */
#define VL_TIME_BYTES 32
const char *vl_text_time (char text[VL_TIME_BYTES], time_t time);
/* FNV-1a: HASH, VL_HASH_START at first, carried on over N bytes. */
#define VL_HASH_START 2166136261u
uint32_t vl_hash (uint32_t hash, const void *bytes, size_t n);
/* Are A and B equal, or both NULL? */
int vl_text_same (const char *a, const char *b);
/* Is TEXT (NULL: no) in LIST, which ends with NULL? */
int vl_text_among (const char *text, const char *const *list);
/* Is TEXT numbers with single dots between, "10.4.0"? */
int vl_text_is_version (const char *text);
/* Is PATH a name of letters, digits, '.', '_' and '-' in FOLDER, and not in one below, nor hidden? */
int vl_text_in_folder (const char *path, const char *folder);

/* Dotted numbers, missing ones 0, text after a number ignored ("6.1.0-18-amd64"):
 * -1, 0, 1 as A is older than, as old as, newer than B. */
int vl_version_compare (const char *a, const char *b);

/* [a-z][a-z0-9-]{0,30}: a plugin's name. */
int vl_plugin_name_ok (const char *name);

/* Does KEY match PATTERN, a row's or claim's key, where a last ".N" of PATTERN
 * stands for ".0", ".1" ... (and for itself)? */
int vl_key_matches (const char *pattern, const char *key);

/* Keeps the nearest of many to WANTED, without case: zero-initialise, offer each, read
 * BEST.  No text over 128 bytes is near. */
struct vl_spell {
  const char *wanted;
  const char *best; /* NULL: nothing near enough (a third of the length, at least 2,
                        of three letters 1) */
  unsigned distance;
};
void vl_spell_offer (struct vl_spell *spell, const char *candidate);

#endif
