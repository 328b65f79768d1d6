/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a feature may touch: its `writes` rows against the shape of a path.
 * The core itself is not restricted. */

#include <config.h>

#include "domain/node.h"

/* The names from the domain (left out) down to SHAPE; answers their number. */
static size_t
shape_names (const struct vl_shape *shape, const char *names[VL_DOC_MAX_DEPTH])
{
  size_t n = 0;

  for (const struct vl_shape *s = shape; s->parent; s = s->parent)
    n++;
  for (size_t i = n; i-- > 0; shape = shape->parent)
    names[i] = shape->name;
  return n;
}

static int
part_is (const char *part, size_t length, const char *name)
{
  if ((length == 1 && part[0] == '*') || (length == 3 && strncmp (part, "[*]", 3) == 0))
    return 1;
  return strncmp (part, name, length) == 0 && name[length] == '\0';
}

/* How far PATTERN and the N names agree: ALL where PATTERN ends at or above the
 * last name, THROUGH where the names end first.  *REST is what is left of the
 * pattern then. */
static enum vl_right
compare (const char *pattern, const char *const *names, size_t n, const char **rest)
{
  const char *part = pattern;

  for (size_t i = 0; i < n; i++) {
    size_t length = strcspn (part, "/");

    if (part[0] == '@' || ! part_is (part, length, names[i]))
      return VL_RIGHT_NONE;
    part += length;
    if (*part == '\0')
      return VL_RIGHT_ALL;
    part++;
  }
  *rest = part;
  return VL_RIGHT_THROUGH;
}

enum vl_right
vl_shape_right (struct vl_shape *shape, const struct vl_plugin *plugin)
{
  const char *names[VL_DOC_MAX_DEPTH], *rest;
  enum vl_right right = VL_RIGHT_NONE;
  size_t n;

  if (plugin == NULL)
    return VL_RIGHT_ALL;
  if (shape->asked == plugin)
    return (enum vl_right)shape->right;
  n = shape_names (shape, names);
  for (size_t i = 0; i < plugin->n_writes && right != VL_RIGHT_ALL; i++) {
    enum vl_right here = compare (plugin->writes[i].path, names, n, &rest);

    if (here > right)
      right = here;
  }
  shape->asked = plugin;
  shape->right = (int)right;
  return right;
}

int
vl_shape_attr_right (const struct vl_shape *shape, const struct vl_plugin *plugin, const char *name)
{
  const char *names[VL_DOC_MAX_DEPTH], *rest;
  size_t n = shape_names (shape, names);

  for (size_t i = 0; i < plugin->n_writes; i++)
    if (compare (plugin->writes[i].path, names, n, &rest) == VL_RIGHT_THROUGH && rest[0] == '@'
        && VL_STREQ (rest + 1, name))
      return 1;
  return 0;
}

int
vl_shape_matches (const struct vl_shape *shape, const char *pattern)
{
  const char *names[VL_DOC_MAX_DEPTH], *rest;

  return compare (pattern, names, shape_names (shape, names), &rest) == VL_RIGHT_ALL;
}

const struct vl_write *
vl_shape_since (const struct vl_shape *shape, const struct vl_plugin *plugin)
{
  for (size_t i = 0; plugin && i < plugin->n_writes; i++)
    if (plugin->writes[i].since && vl_shape_matches (shape, plugin->writes[i].path))
      return &plugin->writes[i];
  return NULL;
}

const char *
vl_shape_path (struct vl_arena *arena, const struct vl_shape *shape)
{
  const char *names[VL_DOC_MAX_DEPTH];
  VL_AUTOSTR struct vl_str path = { 0 };
  size_t n = shape_names (shape, names);

  vl_str_add (&path, "/domain");
  for (size_t i = 0; i < n; i++)
    vl_str_printf (&path, "/%s", names[i]);
  return vl_arena_strdup (arena, path.text);
}
