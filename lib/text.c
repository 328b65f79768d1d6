/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Small judgements on text. */

#include <config.h>

#include "lib/text.h"

#include <stdint.h>
#include <string.h>

/* Bytes of the UTF-8 character at P, at most N; 0 where it is none (overlong
 * forms, surrogates and what lies beyond U+10FFFF included). */
static size_t
utf8_length (const unsigned char *p, size_t n)
{
  static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
  size_t length = *p < 0x80 ? 1 : *p < 0xc2 ? 0 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : *p < 0xf5 ? 4 : 0;
  uint32_t code = length < 2 ? *p : *p & (0x7fu >> length);

  if (length == 0 || length > n)
    return 0;
  for (size_t i = 1; i < length; i++) {
    if ((p[i] & 0xc0) != 0x80)
      return 0;
    code = code << 6 | (p[i] & 0x3fu);
  }
  if (code < least[length] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
    return 0;
  return length;
}

const char *
vl_text_problem (const char *text, size_t length)
{
  const unsigned char *p = (const unsigned char *)text, *end = p + length;

  while (p < end) {
    size_t n = utf8_length (p, (size_t)(end - p));

    if (n == 0)
      return "is not UTF-8 text";
    /* C0, DEL, and the C1 set, which terminals obey too. */
    if (*p < 0x20 || *p == 0x7f || (n == 2 && p[0] == 0xc2 && p[1] < 0xa0))
      return "has a control character; accepted: printable text";
    p += n;
  }
  return NULL;
}

int
vl_plugin_name_ok (const char *name)
{
  size_t n = strlen (name);

  return n >= 1 && n <= 31 && name[0] >= 'a' && name[0] <= 'z'
         && strspn (name, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

int
vl_key_matches (const char *pattern, const char *key)
{
  size_t n = strlen (pattern);
  const char *digits;

  if (strcmp (pattern, key) == 0)
    return 1;
  if (n < 3 || strcmp (pattern + n - 2, ".N") != 0 || strncmp (pattern, key, n - 1) != 0)
    return 0;
  digits = key + n - 1;
  return *digits && digits[strspn (digits, "0123456789")] == '\0';
}
