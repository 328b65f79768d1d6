/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The document as text.  This is the one place where markup is written, so
 * escaping is in one place too; what XML cannot carry was refused when it was
 * written into the document. */

#include <config.h>

#include "domain/node.h"

#include "lib/text.h"

#include <limits.h>

/* What stands for C, or NULL where that is C itself.  Line ends and tabs in an attribute
 * become references: a reader turns raw ones into blanks. */
static const char *
reference_of (char c, int attribute)
{
  return c == '&'      ? "&amp;"
         : c == '<'    ? "&lt;"
         : c == '>'    ? "&gt;"
         : c == '\r'   ? "&#13;"
         : ! attribute ? NULL
         : c == '\''   ? "&apos;"
         : c == '"'    ? "&quot;"
         : c == '\n'   ? "&#10;"
         : c == '\t'   ? "&#9;"
                       : NULL;
}

/* Letters and digits are most of what is written: C stands for itself, wherever it is. */
static int
is_plain (char c)
{
  static const char plain[UCHAR_MAX + 1] = {
    [' '] = 1,
    ['(' ... ';'] = 1,
    ['='] = 1,
    ['?' ... '~'] = 1,
  };

  return plain[(unsigned char)c];
}

size_t
vl_xml_plain (const char *text)
{
  const char *s = text;

  while (is_plain (*s))
    s++;
  return *s ? 0 : (size_t)(s - text);
}

void
vl_xml_add_escaped (struct vl_str *out, const char *text, size_t n, int attribute)
{
  const char *plain = text, *end = text + n;

  for (; text < end; text++) {
    const char *reference = is_plain (*text) ? NULL : reference_of (*text, attribute);

    if (reference == NULL)
      continue;
    vl_str_add_n (out, plain, (size_t)(text - plain));
    vl_str_add (out, reference);
    plain = text + 1;
  }
  vl_str_add_n (out, plain, (size_t)(text - plain));
}

static void
add_text (struct vl_str *out, const struct vl_slot *slot)
{
  if (slot->plain)
    vl_str_add_n (out, slot->value, slot->plain);
  else
    vl_xml_add_escaped (out, slot->value, strlen (slot->value), 0);
}

static void
add_attribute (struct vl_str *out, const struct vl_slot *slot)
{
  size_t n = strlen (slot->name);
  char *to = vl_str_room (out, n + 3 + slot->plain);

  *to = ' ';
  memcpy (to + 1, slot->name, n);
  memcpy (to + 1 + n, "='", 2);
  memcpy (to + 3 + n, slot->value, slot->plain);
  if (slot->plain == 0)
    vl_xml_add_escaped (out, slot->value, strlen (slot->value), 1);
  vl_str_add_n (out, "'", 1);
}

static void
render_node (const struct vl_element *node, int depth, struct vl_str *out)
{
  const struct vl_slot *text = node->text && node->text->value ? node->text : NULL;
  const char *name = node->shape->name;
  size_t length = strlen (name), indent = 2 * (size_t)depth;
  char *to = vl_str_room (out, indent + 1 + length);

  memset (to, ' ', indent);
  to[indent] = '<';
  memcpy (to + indent + 1, name, length);
  for (const struct vl_slot *slot = node->slots; slot; slot = slot->next)
    if (slot->value)
      add_attribute (out, slot);
  if (text == NULL && node->first == NULL) {
    vl_str_add_n (out, "/>\n", 3);
    return;
  }
  vl_str_add_n (out, ">", 1);
  if (text)
    add_text (out, text);
  if (node->first)
    vl_str_add_n (out, "\n", 1);
  else
    indent = 0;
  for (const struct vl_element *child = node->first; child; child = child->next)
    render_node (child, depth + 1, out);
  to = vl_str_room (out, indent + length + 4);
  memset (to, ' ', indent);
  memcpy (to + indent, "</", 2);
  memcpy (to + indent + 2, name, length);
  memcpy (to + indent + 2 + length, ">\n", 2);
}

void
vl_doc_render (const struct vl_doc *doc, struct vl_str *out)
{
  /* Hardly a document is longer. */
  vl_str_reserve (out, 4096);
  render_node (doc->root, 0, out);
}

/* The element at PATH at or below NODE, or NULL. */
static const struct vl_element *
find_at (struct vl_arena *arena, const struct vl_element *node, const char *path)
{
  const char *own = vl_element_path (arena, node, NULL);
  const struct vl_element *found = NULL;
  size_t length = strlen (own);

  if (strncmp (path, own, length) != 0 || (path[length] && path[length] != '/'))
    return NULL;
  if (path[length] == '\0')
    return node;
  for (const struct vl_element *child = node->first; child && found == NULL; child = child->next)
    found = find_at (arena, child, path);
  return found;
}

const char *
vl_doc_part_xml (struct vl_call *call, const struct vl_doc *doc, const char *path)
{
  const struct vl_element *node = find_at (call->arena, doc->root, path);
  VL_AUTOSTR struct vl_str text = { 0 };

  if (node == NULL)
    return NULL;
  render_node (node, 0, &text);
  return vl_arena_strdup (call->arena, text.text);
}

const char *
vl_xml_text_problem (struct vl_arena *arena, const char *text)
{
  const char *s = text;
  uint32_t point;

  for (;;) {
    size_t n;

    /* What is plain is most of it. */
    while (*s >= ' ' && *s <= '~')
      s++;
    if (*s == '\0')
      return NULL;
    n = vl_utf8_read (s, strlen (s), &point);
    if (n == 0)
      return vl_arena_printf (arena, "is not UTF-8 at byte %zu", (size_t)(s - text) + 1);
    if ((point < 0x20 && point != '\t' && point != '\n' && point != '\r') || point == 0xfffe
        || point == 0xffff)
      return vl_arena_printf (arena, "holds the character U+%04X, which XML cannot carry", point);
    s += n;
  }
}
