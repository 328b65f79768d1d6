/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The short list of ways in which libvirt says the same in other words.  Each
 * entry is there because a libvirt was seen to do it, and has a test. */

#include <config.h>

#include "domain/meaning.h"

#include "lib/cpuset.h"

#include <virtloom/ascii.h>

#include <errno.h>

/* Is SHAPE exactly PATH ('*' is any one element)? */
static int
shape_is (const struct vl_shape *shape, const char *path)
{
  size_t depth = 0, names = 1;

  for (const struct vl_shape *s = shape; s->parent; s = s->parent)
    depth++;
  for (const char *c = path; *c; c++)
    names += *c == '/';
  return depth == names && vl_shape_matches (shape, path);
}

/* Is NAME of NODE the attribute PATH ("os/type/@machine")? */
static int
attr_is (const struct vl_element *node, const char *name, const char *path)
{
  const char *attr = strchr (path, '@');
  VL_AUTOFREE char *element = vl_xstrndup (path, (size_t)(attr - path) - 1);

  return name && VL_STREQ (name, attr + 1) && shape_is (node->shape, element);
}

/* ---- spelling ---- */

static int
number (const char *text, unsigned long long *value)
{
  int hex = text[0] == '0' && (text[1] | 0x20) == 'x';
  const char *digits = text + (hex ? 2 : 0);
  char *end;

  if (strspn (digits, hex ? "0123456789abcdefABCDEF" : "0123456789") != strlen (digits)
      || *digits == '\0')
    return 0;
  errno = 0;
  *value = strtoull (digits, &end, hex ? 16 : 10);
  return errno == 0;
}

static int
same_number (const char *a, const char *b)
{
  unsigned long long x, y;

  return number (a, &x) && number (b, &y) && x == y;
}

/* "0-3" and "0,1,2,3"; both must look like CPU lists. */
static int
same_cpus (const struct vl_reading *r, const char *a, const char *b)
{
  static const char letters[] = "0123456789,-^ ";
  const char *why, *x, *y;

  if (strspn (a, letters) != strlen (a) || strspn (b, letters) != strlen (b) || ! *a || ! *b)
    return 0;
  x = vl_cpuset_canonical (r->call->arena, a, &why);
  y = vl_cpuset_canonical (r->call->arena, b, &why);
  return x && y && VL_STREQ (x, y);
}

/* The reader has no blanks at either end of a text. */
static int
same_trimmed (const char *want, const char *got)
{
  static const char blanks[] = " \t\r\n";
  size_t length = strlen (got);

  want += strspn (want, blanks);
  return strncmp (want, got, length) == 0 && want[length + strspn (want + length, blanks)] == '\0';
}

static int
same_spelling (const struct vl_reading *r, const struct vl_element *node, const char *name,
               const char *want, const char *got)
{
  if (VL_STREQ (want, got) || (name == NULL && same_trimmed (want, got)) || same_number (want, got)
      || same_cpus (r, want, got))
    return 1;
  /* Hexadecimal digits of ids and addresses have no case. */
  if ((name == NULL && shape_is (node->shape, "uuid")) || (name && VL_STREQ (name, "address")))
    return vl_ascii_casecmp (want, got) == 0;
  return 0;
}

/* ---- units ---- */

static int
unit_factor (const char *unit, unsigned long long *factor)
{
  static const struct {
    const char *name;
    unsigned long long factor;
  } units[] = {
    { "b", 1 },
    { "bytes", 1 },
    { "k", 1ull << 10 },
    { "KiB", 1ull << 10 },
    { "KB", 1000 },
    { "M", 1ull << 20 },
    { "MiB", 1ull << 20 },
    { "MB", 1000000 },
    { "G", 1ull << 30 },
    { "GiB", 1ull << 30 },
    { "GB", 1000000000 },
    { "T", 1ull << 40 },
    { "TiB", 1ull << 40 },
    { "TB", 1000000000000ull },
  };

  for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
    if (vl_ascii_casecmp (units[i].name, unit) == 0) {
      *factor = units[i].factor;
      return 1;
    }
  return 0;
}

static int
bytes (const char *text, const char *unit, unsigned long long *value)
{
  unsigned long long factor;

  return unit_factor (unit ? unit : "KiB", &factor) && number (text, value)
         && ! __builtin_mul_overflow (*value, factor, value);
}

/* Sizes with their units; an absent unit is KiB, as libvirt has it. */
static int
same_size (const struct vl_element *node, const char *name, const char *want,
           const struct vl_xml *actual, const char *got)
{
  const char *want_unit = vl_element_value (node, "unit"), *got_unit = vl_xml_attr (actual, "unit");
  unsigned long long x, y;

  if (name && ! VL_STREQ (name, "size") && ! VL_STREQ (name, "memory"))
    return 0;
  if (want_unit == NULL && got_unit == NULL)
    return 0;
  return bytes (want, want_unit, &x) && bytes (got, got_unit, &y) && x == y;
}

/* libvirt's <memory> counts what is plugged in: with the document's own number it is the
 * sum of that and of the sizes of all memory devices that are there. */
static int
same_memory (const struct vl_reading *r, const struct vl_element *node, const char *want,
             const struct vl_xml *actual)
{
  const struct vl_xml *device = vl_xml_child (vl_xml_child (r->domain, "devices"), "memory");
  const char *want_unit = vl_element_value (node, "unit");
  unsigned long long total, got, size;

  if (! shape_is (node->shape, "memory") || device == NULL || ! bytes (want, want_unit, &total)
      || ! bytes (vl_xml_text (actual), vl_xml_attr (actual, "unit"), &got))
    return 0;
  for (; device; device = vl_xml_next (device, "memory")) {
    const struct vl_xml *target = vl_xml_find (device, "target/size");

    if (target == NULL || ! bytes (vl_xml_text (target), vl_xml_attr (target, "unit"), &size)
        || __builtin_add_overflow (total, size, &total))
      return 0;
  }
  return total == got;
}

/* The unit is there if what it measures is. */
static int
unit_stands (const struct vl_reading *r, const struct vl_element *node, const struct vl_xml *actual)
{
  static const char *const measured[] = { NULL, "size", "memory" };

  for (size_t i = 0; i < sizeof measured / sizeof measured[0]; i++) {
    const char *want = vl_element_value (node, measured[i]);
    const char *got = measured[i] ? vl_xml_attr (actual, measured[i]) : vl_xml_text (actual);

    if (want && got)
      return same_size (node, measured[i], want, actual, got)
             || (measured[i] == NULL && same_memory (r, node, want, actual));
  }
  return 0;
}

/* ---- machine, firmware ---- */

static int
same_machine (const struct vl_reading *r, const struct vl_element *node, const char *want,
              const char *got)
{
  const char *arch = vl_element_value (node, "arch"), *canonical;

  if (r->host == NULL || arch == NULL)
    return 0;
  canonical = vl_host_str (r->host, vl_printf (r->call, "guest.%s.canonical.%s", arch, want));
  return canonical && VL_STREQ (canonical, got);
}

/* A guest that was started has the file that libvirt chose instead of the wish for it. */
static const struct vl_xml *
chosen_loader (const struct vl_reading *r)
{
  const struct vl_xml *loader = vl_xml_find (r->domain, "os/loader");
  const char *type = vl_xml_attr (loader, "type");

  return type && VL_STREQ (type, "pflash") && *vl_xml_text (loader) ? loader : NULL;
}

static int
loader_means (const struct vl_xml *loader, const struct vl_element *node)
{
  const char *secure = vl_xml_attr (loader, "secure");
  const char *name = vl_element_value (node, "name"), *enabled = vl_element_value (node, "enabled");

  if (! shape_is (node->shape, "os/firmware/feature") || name == NULL || enabled == NULL
      || ! VL_STREQ (name, "secure-boot"))
    return 1;
  return (secure && VL_STREQ (secure, "yes")) == VL_STREQ (enabled, "yes");
}

/* ---- CPU ---- */

/* Is FEATURE part of the model that the domain names?  -1: not known. */
static int
model_has (const struct vl_reading *r, const char *feature)
{
  const char *model = vl_xml_text (vl_xml_find (r->domain, "cpu/model"));

  if (r->host == NULL || *model == '\0')
    return -1;
  return vl_host_offers (r->host, vl_printf (r->call, "cpu-model.%s.features", model), feature);
}

static int
policy_is_on (const char *policy)
{
  return VL_STREQ (policy, "require") || VL_STREQ (policy, "force");
}

/* A feature of a running guest's CPU: listed by itself, or part of the model. */
static int
same_policy (const char *want, const char *got)
{
  if (VL_STREQ (want, "optional"))
    return 1;
  return policy_is_on (want) == policy_is_on (got);
}

static int
feature_meant (const struct vl_reading *r, const struct vl_element *node)
{
  const char *policy = vl_element_value (node, "policy"), *name = vl_element_value (node, "name");

  if (! r->live || name == NULL)
    return 0;
  if (policy == NULL)
    policy = "require";
  if (VL_STREQ (policy, "optional"))
    return 1;
  return model_has (r, name) == policy_is_on (policy);
}

static int
same_live_cpu (const struct vl_element *node, const char *name, const char *want, const char *got)
{
  if (shape_is (node->shape, "cpu")) {
    if (VL_STREQ (name, "mode"))
      return VL_STREQ (want, "host-model") && VL_STREQ (got, "custom");
    return VL_STREQ (name, "check") || VL_STREQ (name, "match");
  }
  if (shape_is (node->shape, "cpu/model"))
    return VL_STREQ (name, "fallback");
  return shape_is (node->shape, "cpu/feature") && VL_STREQ (name, "policy")
         && same_policy (want, got);
}

/* ---- what is left out because it is the default ---- */

static const struct {
  const char *path, *value;
} defaults[] = {
  { "cpu/@match", "exact" }, /* of host-model and host-passthrough */
  { "devices/disk/driver/@cache", "default" },
};

static int
is_default (const struct vl_element *node, const char *name, const char *want)
{
  for (size_t i = 0; i < sizeof defaults / sizeof defaults[0]; i++)
    if (VL_STREQ (defaults[i].value, want) && attr_is (node, name, defaults[i].path))
      return 1;
  return 0;
}

/* ---- together ---- */

static int
absent_means (const struct vl_reading *r, const struct vl_element *node, const char *name,
              const char *want)
{
  if (is_default (node, name, want))
    return 1;
  return attr_is (node, name, "os/@firmware") && chosen_loader (r);
}

int
vl_same_value (const struct vl_reading *r, const struct vl_element *node, const char *name,
               const char *want, const struct vl_xml *actual)
{
  const char *got = name ? vl_xml_attr (actual, name) : vl_xml_text (actual);

  if (name && VL_STREQ (name, "unit"))
    return (got && vl_ascii_casecmp (want, got) == 0) || unit_stands (r, node, actual);
  if (got == NULL)
    return absent_means (r, node, name, want);
  if (same_spelling (r, node, name, want, got) || same_size (node, name, want, actual, got))
    return 1;
  if (name == NULL && same_memory (r, node, want, actual))
    return 1;
  if (attr_is (node, name, "os/type/@machine"))
    return same_machine (r, node, want, got);
  return r->live && name && same_live_cpu (node, name, want, got);
}

int
vl_meant_anyway (const struct vl_reading *r, const struct vl_element *node)
{
  const struct vl_xml *loader = chosen_loader (r);

  if (shape_is (node->shape, "cpu/feature"))
    return feature_meant (r, node);
  if (loader
      && (shape_is (node->shape, "os/firmware") || shape_is (node->shape, "os/firmware/feature"))) {
    for (const struct vl_element *child = node->first; child; child = child->next)
      if (! loader_means (loader, child))
        return 0;
    return loader_means (loader, node);
  }
  return 0;
}
