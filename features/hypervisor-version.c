/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hypervisor-version: compares the version of QEMU with what the image asks for, as Nova's
 * ImagePropertiesFilter does (oslo.utils, VersionPredicate). */

#include <config.h>

#include <virtloom/feature.h>

#include <stdlib.h>
#include <string.h>

#define FACT_VERSION "qemu.version"

static const struct vl_prop props[] = {
  { .name = "requested",
    .type = VL_LIST,
    .image_key = "img_hv_requested_version",
    .help = "versions of QEMU that the image's guests need, as '>=6.0, !=7.1'",
    .since = "0.1.0" },
};

static const char *const signs[] = { "<=", ">=", "!=", "==", "<", ">", NULL };

/* Is TEXT numbers with dots between them? */
static int
is_version (const char *text)
{
  size_t digits = strspn (text, "0123456789");

  return digits > 0 && digits < 10
         && (text[digits] == '\0' || (text[digits] == '.' && is_version (text + digits + 1)));
}

/* A negative number, 0 or a positive one; numbers that are not there are 0. */
static long
compare (const char *a, const char *b)
{
  for (char *end; *a || *b; a = end + (*end == '.')) {
    long first = strtol (a, &end, 10), second = 0;

    if (*b) {
      char *rest;

      second = strtol (b, &rest, 10);
      b = rest + (*rest == '.');
    }
    if (first != second)
      return first - second;
  }
  return 0;
}

/* The version that ITEM compares with, and *SIGN, how; NULL where it is no comparison. */
static const char *
read_item (const char *item, const char **sign)
{
  for (size_t i = 0; signs[i]; i++) {
    const char *version = item + strlen (signs[i]);

    if (strncmp (item, signs[i], strlen (signs[i])) != 0)
      continue;
    *sign = signs[i];
    version += strspn (version, " \t");
    return is_version (version) ? version : NULL;
  }
  return NULL;
}

static int
holds (const char *sign, long order)
{
  switch (sign[0]) {
  case '<':
    return order < 0 || (sign[1] && order == 0);
  case '>':
    return order > 0 || (sign[1] && order == 0);
  case '!':
    return order != 0;
  default:
    return order == 0;
  }
}

static int
active (struct vl_call *c)
{
  return vl_count (c, "requested") > 0;
}

static int
validate (struct vl_call *c)
{
  const char *have = vl_fact_str (c, FACT_VERSION);
  int result = 0;

  for (size_t i = 0; i < vl_count (c, "requested"); i++) {
    const char *item = vl_item (c, "requested", i), *sign, *version = read_item (item, &sign);

    if (version == NULL)
      result =
          vl_refuse (c, VL_ERR_REQUEST, "requested", NULL,
                     "'%s' is no comparison with a version; accepted: < <= > >= == or != and a "
                     "version such as 7.2, several with commas between them",
                     item);
    else if (have == NULL)
      return vl_unsaid (c, "requested", FACT_VERSION);
    else if (! holds (sign, compare (have, version)))
      result =
          vl_refuse_as (c, VL_ERR_UNSUPPORTED, "NoValidHost", "requested", NULL,
                        "the image needs QEMU %s%s, and this host has %s", sign, version, have);
  }
  return result;
}

VL_FEATURE (hypervisor_version, "hypervisor-version", .version = VL_VERSION,
            .summary = "the version of QEMU that an image asks for", .props = VL_TABLE (props),
            .active = active, .validate = validate);
