/* SPDX-License-Identifier: MIT
 *
 * Letters and digits of ASCII, whatever the locale: keys, values, facts and
 * formats of files mean the same in every language (in Turkish the capital of 'i' is
 * no 'I').  Bytes from 0x80 on are never letters.  All of it is compiled into
 * the plugin, so none of it is part of the ABI. */

#ifndef VIRTLOOM_ASCII_H
#define VIRTLOOM_ASCII_H

#include <stddef.h>

static inline int
vl_ascii_is_digit (char c)
{
  return c >= '0' && c <= '9';
}

static inline int
vl_ascii_is_lower (char c)
{
  return c >= 'a' && c <= 'z';
}

static inline int
vl_ascii_is_upper (char c)
{
  return c >= 'A' && c <= 'Z';
}

static inline int
vl_ascii_is_alnum (char c)
{
  return vl_ascii_is_lower (c) || vl_ascii_is_upper (c) || vl_ascii_is_digit (c);
}

static inline int
vl_ascii_is_xdigit (char c)
{
  return vl_ascii_is_digit (c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Blank, or one of the five control characters that move on. */
static inline int
vl_ascii_is_space (char c)
{
  return c == ' ' || (c >= '\t' && c <= '\r');
}

static inline char
vl_ascii_lower (char c)
{
  return vl_ascii_is_upper (c) ? (char)(c - 'A' + 'a') : c;
}

static inline char
vl_ascii_upper (char c)
{
  return vl_ascii_is_lower (c) ? (char)(c - 'a' + 'A') : c;
}

/* Below, at or above 0 as A sorts before, with or after B without case; at most N
 * bytes of them. */
static inline int
vl_ascii_ncasecmp (const char *a, const char *b, size_t n)
{
  for (; n > 0; n--, a++, b++) {
    unsigned char x = (unsigned char)vl_ascii_lower (*a), y = (unsigned char)vl_ascii_lower (*b);

    if (x != y || x == '\0')
      return x - y;
  }
  return 0;
}

static inline int
vl_ascii_casecmp (const char *a, const char *b)
{
  return vl_ascii_ncasecmp (a, b, (size_t)-1);
}

#endif
