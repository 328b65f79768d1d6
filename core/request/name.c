/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What names and addresses of a request may look like, uuids and what is made of
 * them, random bytes. */

#include <config.h>

#include "request/work.h"

#include <virtloom/ascii.h>

#include <errno.h>
#include <sys/random.h>
#include <sys/un.h>
#include <uuid.h>

#define TAG_BYTES 60
#define NAME_BYTES 255
#define PATH_BYTES 4095 /* PATH_MAX less the NUL */

const char *
vl_server_name_problem (const char *name)
{
  size_t n = strlen (name);

  if (n == 0)
    return "is empty; accepted: 1 to 255 bytes";
  if (n > NAME_BYTES)
    return "is too long; accepted: 1 to 255 bytes";
  return vl_name_problem (name, n);
}

const char *
vl_hostname_problem (const char *name)
{
  static const char accepted[] =
      "is no host name; accepted: letters, digits and '-' in labels of 1 "
      "to 63 with '.' between them, at most 253 in all";
  size_t label = 0;

  for (const char *p = name;; p++) {
    int end = *p == '\0' || *p == '.';

    if (end ? label == 0 || label > 63 || p[-1] == '-' : ! vl_ascii_is_alnum (*p) && *p != '-')
      return accepted;
    if (*p == '-' && label == 0)
      return accepted;
    label = end ? 0 : label + 1;
    if (*p == '\0')
      return p - name > 253 ? accepted : NULL;
  }
}

const char *
vl_text_name_problem (const char *text)
{
  size_t n = strlen (text);

  if (n == 0)
    return "is empty; leave the member out where it does not apply";
  if (n > NAME_BYTES)
    return "is too long; accepted: at most 255 bytes";
  return vl_name_problem (text, n);
}

const char *
vl_nic_id_problem (const char *id)
{
  static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-";

  if (VL_STARTS (id, "nic") && strlen (id) <= 64 && id[strspn (id, letters)] == '\0')
    return NULL;
  return "is no id of a NIC; accepted: 'nic', then letters, digits and '-'";
}

/* Is a component of PATH ".."? */
static int
climbs (const char *path)
{
  for (const char *p = path; (p = strstr (p, "..")) != NULL; p += 2)
    if ((p == path || p[-1] == '/') && (p[2] == '\0' || p[2] == '/'))
      return 1;
  return 0;
}

const char *
vl_path_problem (const char *path)
{
  size_t n = strlen (path);

  if (path[0] != '/')
    return "is no absolute path; accepted: '/' and what follows";
  if (n > PATH_BYTES)
    return "is too long; accepted: at most 4095 bytes";
  if (climbs (path))
    return "has a '..' in it; accepted: a path without";
  return vl_name_problem (path, n);
}

const char *
vl_image_ref_problem (const char *text)
{
  if (text[0] == '/')
    return vl_path_problem (text);
  if (text[0] == '-' || strchr (text, '/') || climbs (text))
    return "is neither an absolute path nor the name of an image, which has no '/' and no leading "
           "'-'";
  return vl_text_name_problem (text);
}

const char *
vl_tag_problem (const char *text)
{
  size_t n = strlen (text);

  return n == 0 || n > TAG_BYTES || text[strcspn (text, ",/")] || vl_name_problem (text, n)
             ? "is no tag; accepted: 1 to 60 printable bytes without ',' and '/'"
             : NULL;
}

const char *
vl_uuid_problem (const char *text)
{
  uuid_t uuid;

  return uuid_parse (text, uuid) == 0 ? NULL
                                      : "is no uuid; accepted: 8-4-4-4-12 hexadecimal digits";
}

int
vl_is_uuid (const char *text)
{
  return text && vl_uuid_problem (text) == NULL;
}

const char *
vl_socket_accepted (struct vl_call *call, const char *prop, const char *path)
{
  const size_t longest = sizeof ((struct sockaddr_un *)NULL)->sun_path - 1;
  VL_AUTOSTR struct vl_str all = { 0 };

  if (prop == NULL || path == NULL) {
    vl_fault (call, "vl_socket_accepted is called with NULL where a text is needed");
    return "none";
  }
  if (strlen (path) > longest)
    return vl_printf (call, "a path of at most %zu bytes", longest);
  for (size_t i = 0; i < vl_count (call, prop); i++) {
    if (vl_text_in_folder (path, vl_item (call, prop, i)))
      return NULL;
    vl_str_printf (&all, " %s", vl_item (call, prop, i));
  }
  return vl_printf (call, "a name of letters, digits, '.', '_' and '-' in one of%s",
                    all.length ? all.text : " no folder");
}

const char *
vl_mac_problem (const char *text)
{
  size_t n = strlen (text);
  unsigned first;

  for (size_t i = 0; n == 17 && i < n; i++)
    if (i % 3 == 2 ? text[i] != ':' : ! vl_ascii_is_xdigit (text[i]))
      n = 0;
  if (n != 17)
    return "is no MAC address; accepted: six bytes in hexadecimal, '52:54:00:12:34:56'";
  first = (unsigned)strtoul (text, NULL, 16);
  if (first & 1)
    return "is a multicast address; accepted: one whose first byte is even";
  if (strspn (text, "0:") == n)
    return "is the zero address; accepted: any other";
  return NULL;
}

/* ---- uuids ---- */

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
