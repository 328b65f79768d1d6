/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Uuids and what is made of them.  Version 5 (RFC 4122) takes SHA-1, which is
 * no secret here: it spreads names, nothing is signed with it. */

#include <config.h>

#include "request/request.h"

#include <errno.h>
#include <stdint.h>
#include <sys/random.h>

#define HASH_BYTES 20
#define BLOCK_BYTES 64

/* virtloom's own namespace: what version 5 makes of "urn:virtloom" in the
 * namespace for URLs.  Never changed: every derived uuid hangs on it. */
static const unsigned char namespace_bytes[16] = { 0x98, 0x0d, 0x74, 0x1f, 0xd9, 0x70, 0x5f, 0xea,
                                                   0x8e, 0xd2, 0x2d, 0xf0, 0x35, 0x62, 0x17, 0xc5 };

struct sha1 {
  uint32_t state[5];
  unsigned char block[BLOCK_BYTES];
  uint64_t length;
};

static uint32_t
rotate (uint32_t x, unsigned n)
{
  return x << n | x >> (32 - n);
}

static void
sha1_block (struct sha1 *sha)
{
  uint32_t w[80], a = sha->state[0], b = sha->state[1], c = sha->state[2], d = sha->state[3],
                  e = sha->state[4];

  for (int i = 0; i < 16; i++)
    w[i] = (uint32_t)sha->block[4 * i] << 24 | (uint32_t)sha->block[4 * i + 1] << 16
           | (uint32_t)sha->block[4 * i + 2] << 8 | sha->block[4 * i + 3];
  for (int i = 16; i < 80; i++)
    w[i] = rotate (w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
  for (int i = 0; i < 80; i++) {
    uint32_t f, k, next;

    if (i < 20) {
      f = (b & c) | (~b & d);
      k = 0x5a827999;
    } else if (i < 40) {
      f = b ^ c ^ d;
      k = 0x6ed9eba1;
    } else if (i < 60) {
      f = (b & c) | (b & d) | (c & d);
      k = 0x8f1bbcdc;
    } else {
      f = b ^ c ^ d;
      k = 0xca62c1d6;
    }
    next = rotate (a, 5) + f + e + k + w[i];
    e = d;
    d = c;
    c = rotate (b, 30);
    b = a;
    a = next;
  }
  sha->state[0] += a;
  sha->state[1] += b;
  sha->state[2] += c;
  sha->state[3] += d;
  sha->state[4] += e;
}

static void
sha1_add (struct sha1 *sha, const void *bytes, size_t n)
{
  const unsigned char *p = bytes;

  while (n) {
    size_t used = sha->length % BLOCK_BYTES, room = BLOCK_BYTES - used, part = n < room ? n : room;

    memcpy (sha->block + used, p, part);
    sha->length += part;
    p += part;
    n -= part;
    if (part == room)
      sha1_block (sha);
  }
}

static void
sha1_end (struct sha1 *sha, unsigned char *hash)
{
  static const unsigned char first = 0x80, zero = 0;
  uint64_t bits = sha->length * 8;
  unsigned char tail[8];

  sha1_add (sha, &first, 1);
  while (sha->length % BLOCK_BYTES != BLOCK_BYTES - sizeof tail)
    sha1_add (sha, &zero, 1);
  for (int i = 0; i < 8; i++)
    tail[i] = (unsigned char)(bits >> (56 - 8 * i));
  sha1_add (sha, tail, sizeof tail);
  for (int i = 0; i < HASH_BYTES; i++)
    hash[i] = (unsigned char)(sha->state[i / 4] >> (24 - 8 * (i % 4)));
}

/* Writes 16 BYTES with VERSION and RFC 4122's variant as text. */
static void
format (unsigned char *bytes, unsigned version, char *out)
{
  static const char digits[] = "0123456789abcdef";

  bytes[6] = (unsigned char)((bytes[6] & 0x0f) | version << 4);
  bytes[8] = (unsigned char)((bytes[8] & 0x3f) | 0x80);
  for (int i = 0; i < 16; i++) {
    if (i == 4 || i == 6 || i == 8 || i == 10)
      *out++ = '-';
    *out++ = digits[bytes[i] >> 4];
    *out++ = digits[bytes[i] & 15];
  }
  *out = '\0';
}

void
vl_uuid_from_text (const char *text, char *out)
{
  struct sha1 sha = { .state = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0 } };
  unsigned char hash[HASH_BYTES];

  sha1_add (&sha, namespace_bytes, sizeof namespace_bytes);
  sha1_add (&sha, text, strlen (text));
  sha1_end (&sha, hash);
  format (hash, 5, out);
}

void
vl_uuid_random (char *out)
{
  unsigned char bytes[16];
  ssize_t got;

  do
    got = getrandom (bytes, sizeof bytes, 0);
  while (got < 0 && errno == EINTR);
  /* Up to 256 bytes come whole or not at all; without them no server could be
   * told from another. */
  if (got != (ssize_t)sizeof bytes)
    abort ();
  format (bytes, 4, out);
}

void
vl_domain_name (const char *uuid, char *out)
{
  size_t n = 3;

  memcpy (out, "vl-", 3);
  for (; *uuid && n < 15; uuid++)
    if (*uuid != '-')
      out[n++] = *uuid;
  out[n] = '\0';
}
