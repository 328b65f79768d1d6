/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Uuids and what is made of them, random bytes. */

#include <config.h>

#include "request/request.h"

#include <errno.h>
#include <sys/random.h>
#include <uuid.h>

/* virtloom's own namespace: what version 5 makes of "urn:virtloom" in the
 * namespace for URLs.  Never changed: every derived uuid hangs on it. */
static const uuid_t namespace_bytes = { 0x98, 0x0d, 0x74, 0x1f, 0xd9, 0x70, 0x5f, 0xea,
                                        0x8e, 0xd2, 0x2d, 0xf0, 0x35, 0x62, 0x17, 0xc5 };

void
vl_uuid_from_text (const char *text, char *out)
{
  uuid_t uuid;

  uuid_generate_sha1 (uuid, namespace_bytes, text, strlen (text));
  uuid_unparse_lower (uuid, out);
}

void
vl_uuid_random (char *out)
{
  uuid_t uuid;

  uuid_generate_random (uuid);
  uuid_unparse_lower (uuid, out);
}

void
vl_random (void *bytes, size_t length)
{
  unsigned char *p = bytes;

  while (length) {
    ssize_t got = getrandom (p, length, 0);

    /* Without them no server could be told from another, and no secret kept. */
    if (got < 0 && errno != EINTR)
      abort ();
    p += got < 0 ? 0 : got;
    length -= got < 0 ? 0 : (size_t)got;
  }
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
