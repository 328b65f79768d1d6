/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Paths: reading them, finding elements by them, and saying where one is. */

#include <config.h>

#include "domain/node.h"

struct vl_slot *
vl_element_slot (const struct vl_element *node, const char *name)
{
  struct vl_slot *slot = node->slots;

  if (name == NULL)
    return node->text;
  while (slot && ! VL_STREQ (slot->name, name))
    slot = slot->next;
  return slot;
}

const char *
vl_element_value (const struct vl_element *node, const char *name)
{
  const struct vl_slot *slot = vl_element_slot (node, name);

  return slot ? slot->value : NULL;
}

const char *
vl_element_device (const struct vl_element *node)
{
  while (node && node->device == NULL)
    node = node->parent;
  return node ? node->device : NULL;
}

int
vl_element_visible (const struct vl_element *node)
{
  return ! node->gone && ! (node->adjusted && node->doc->adjusting);
}

/* ---- writing ---- */

/* A value of a key stands bare where it can be read back so.  In quotes, a quote of
 * its own is written twice. */
static void
add_key_value (struct vl_str *path, const char *value)
{
  if (*value && strpbrk (value, ",[]'\"") == NULL) {
    vl_str_add (path, value);
    return;
  }
  vl_str_add_n (path, "'", 1);
  for (; *value; value++)
    vl_str_add_n (path, *value == '\'' ? "''" : value, *value == '\'' ? 2 : 1);
  vl_str_add_n (path, "'", 1);
}

static void
add_step (struct vl_str *path, const struct vl_element *node)
{
  if (node->parent == NULL) {
    vl_str_add (path, "/domain");
    return;
  }
  add_step (path, node->parent);
  vl_str_add_n (path, "/", 1);
  vl_str_add (path, node->shape->name);
  for (size_t i = 0; i < node->n_keys; i++) {
    vl_str_printf (path, "%s%s=", i ? "," : "[", node->keys[i].name);
    add_key_value (path, node->keys[i].value);
  }
  if (node->n_keys)
    vl_str_add_n (path, "]", 1);
  if (node->kind == VL_ELEMENT_LISTED)
    vl_str_printf (path, "[%u]", node->place);
}

const char *
vl_element_path (struct vl_arena *arena, const struct vl_element *node, const char *attr)
{
  VL_AUTOSTR struct vl_str path = { 0 };

  add_step (&path, node);
  if (attr)
    vl_str_printf (&path, "/@%s", attr);
  return vl_arena_strndup (arena, path.text, path.length);
}

/* ---- reading ---- */

/* Reads the value of a key at TEXT into *VALUE; what follows, or NULL. */
static const char *
read_key_value (struct vl_arena *arena, const char *text, const char **value)
{
  size_t length = strcspn (text, ",[]'\"");
  char quote = *text, *to;

  if (length > 0) {
    *value = vl_arena_strndup (arena, text, length);
    return text + length;
  }
  if (quote != '\'' && quote != '"')
    return NULL;
  *value = to = vl_arena_strdup (arena, ++text);
  for (; *text; text++) {
    if (*text == quote && *++text != quote) {
      *to = '\0';
      return text;
    }
    *to++ = *text;
  }
  return NULL;
}

/* Reads the step at PATH; what follows it, or NULL. */
static const char *
read_step (struct vl_arena *arena, const char *path, struct vl_step *step)
{
  step->name = path;
  step->length = strcspn (path, "/[");
  step->n_keys = 0;
  path += step->length;
  /* "[*]" is any element, as in `writes`. */
  if (step->length == 0 && VL_STARTS (path, "[*]")) {
    step->name = "*";
    step->length = 1;
    return path + 3;
  }
  if (step->length == 0 || *path != '[')
    return step->length ? path : NULL;
  do {
    struct vl_pair *pair = &step->keys[step->n_keys];
    size_t name = strcspn (++path, "=]/");

    if (step->n_keys++ == VL_MAX_KEYS || path[name] != '=' || name == 0)
      return NULL;
    pair->name = vl_arena_strndup (arena, path, name);
    path = read_key_value (arena, path + name + 1, &pair->value);
  } while (path && *path == ',');
  return path && *path == ']' ? path + 1 : NULL;
}

int
vl_path_read (struct vl_arena *arena, const char *path, struct vl_step *steps, const char **attr)
{
  int n = 0;

  for (*attr = NULL; *path; path++) {
    if (*path == '@') {
      *attr = path + 1;
      return path[1] ? n : -1;
    }
    if (n == VL_DOC_MAX_DEPTH)
      return -1;
    path = read_step (arena, path, &steps[n++]);
    if (path == NULL || (*path && (*path != '/' || path[1] == '\0')))
      return -1;
    if (*path == '\0')
      break;
  }
  return n;
}

int
vl_element_is (const struct vl_element *node, const struct vl_step *step)
{
  if (! (step->length == 1 && step->name[0] == '*')
      && (strncmp (node->shape->name, step->name, step->length) != 0
          || node->shape->name[step->length] != '\0'))
    return 0;
  for (size_t i = 0; i < step->n_keys; i++) {
    const struct vl_slot *slot = vl_element_slot (node, step->keys[i].name);
    const char *value = slot == NULL ? NULL : slot->value ? slot->value : slot->wishes->value;

    if (value == NULL || ! VL_STREQ (value, step->keys[i].value))
      return 0;
  }
  return 1;
}

int
vl_element_match (struct vl_element *node, const struct vl_step *steps, int n, vl_match_fn fn,
                  void *opaque)
{
  struct vl_element *next;
  int answer = 0;

  if (n == 0)
    return fn (node, opaque);
  for (struct vl_element *child = node->first; child && answer == 0; child = next) {
    next = child->next;
    if (vl_element_visible (child) && vl_element_is (child, steps))
      answer = vl_element_match (child, steps + 1, n - 1, fn, opaque);
  }
  return answer;
}
