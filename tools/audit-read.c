/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Catalogues: flavors and images as OpenStack's client, its API, and virtloom print them.
 * Members are found by name without case, "Disk Format" being "disk_format". */

#include <config.h>

#include "audit.h"

#include <virtloom/ascii.h>

#include <errno.h>

#define CATALOGUE_LIMIT ((size_t)64 << 20)

/* ---- members ---- */

static int
same_name (const char *a, const char *b, size_t length)
{
  size_t i = 0;

  for (; i < length && a[i]; i++)
    if (vl_ascii_lower (a[i] == ' ' ? '_' : a[i]) != b[i])
      return 0;
  return i == length && a[i] == '\0';
}

/* The first member of OBJECT that has one of NAMES, with blanks between; or NULL. */
static const json_t *
member (const json_t *object, const char *names)
{
  const char *key;
  json_t *value;

  for (size_t n; *names; names += n + (names[n] == ' ')) {
    n = strcspn (names, " ");
    json_object_foreach ((json_t *)object, key, value) if (same_name (key, names, n)) return value;
  }
  return NULL;
}

/* A number, also where it is a text; an empty text, as of no swap, is 0. */
static int
put_number (json_t *part, const char *name, const json_t *value)
{
  const char *text = json_string_value (value);
  json_int_t number = json_integer_value (value);
  char *end = NULL;

  if (value == NULL || json_is_null (value))
    return 0;
  errno = 0;
  if (text)
    number = strtoll (text, &end, 10);
  if ((! text && ! json_is_integer (value)) || (text && (*end || errno)))
    return -1;
  json_object_set_new (part, name, json_integer (number));
  return 0;
}

/* ---- properties ---- */

/* The end of a value in "k='v', l='w'" that begins at TEXT: its last quote. */
static const char *
value_end (const char *text)
{
  for (const char *quote = strchr (text, '\''); quote; quote = strchr (quote + 1, '\'')) {
    const char *next = quote + 1;

    if (*next == '\0')
      return quote;
    if (strncmp (next, ", ", 2) == 0 && VL_STARTS (next + 2 + strcspn (next + 2, "=' "), "='"))
      return quote;
  }
  return NULL;
}

/* "k='v', l='w'", as older clients print a dictionary.  0, or -1 where it is none. */
static int
split_properties (json_t *properties, const char *text)
{
  while (*text) {
    const char *value = strstr (text, "='"), *end = value ? value_end (value + 2) : NULL;
    char *key;

    if (end == NULL || value == text)
      return -1;
    key = vl_xstrndup (text, (size_t)(value - text));
    json_object_set_new (properties, key, json_stringn (value + 2, (size_t)(end - value) - 2));
    free (key);
    text = end + 1;
    text += strspn (text, ", ");
  }
  return 0;
}

static void
put_property (json_t *properties, const char *key, const json_t *value)
{
  char *text;

  if (json_is_string (value))
    json_object_set (properties, key, (json_t *)value);
  else if (json_is_boolean (value))
    json_object_set_new (properties, key, json_string (json_is_true (value) ? "True" : "False"));
  else if (! json_is_null (value)) {
    text = json_dumps (value, JSON_ENCODE_ANY | JSON_COMPACT);
    json_object_set_new (properties, key, json_string (text));
    free (text);
  }
}

/* The properties that ITEM has, as member NAME of PART.  1: it has no place for any; 0;
 * -1: they cannot be read. */
static int
put_properties (json_t *part, const char *name, const json_t *item)
{
  const json_t *from = member (item, "properties extra_specs");
  json_t *properties = json_object (), *value;
  int result = from ? 0 : 1;
  const char *key;

  json_object_set_new (part, name, properties);
  if (json_is_string (from))
    return split_properties (properties, json_string_value (from));
  if (from && ! json_is_object (from) && ! json_is_null (from))
    return -1;
  /* The API has an image's properties among its other members. */
  json_object_foreach ((json_t *)(from ? from : item), key,
                       value) if (from || VL_STARTS (key, "hw_") || VL_STARTS (key, "os_")
                                  || VL_STARTS (key, "img_") || VL_STARTS (key, "trait:"))
  {
    put_property (properties, key, value);
    result = 0;
  }
  return result;
}

/* ---- items ---- */

/* A member of a part and the names that it has in catalogues. */
struct amount {
  const char *name, *names;
};
static const struct amount flavor_amounts[] = {
  { "vcpus", "vcpus" },        { "ram", "ram ram_mib" },
  { "disk", "disk disk_gib" }, { "ephemeral", "ephemeral ephemeral_gib os-flv-ext-data:ephemeral" },
  { "swap", "swap swap_mib" }, { NULL, NULL },
};
static const struct amount image_amounts[] = {
  { "size", "size" },
  { "min_ram", "min_ram min_ram_mib" },
  { "min_disk", "min_disk min_disk_gib" },
  { NULL, NULL },
};

struct reading {
  struct tool *tool;
  const char *path;
  struct audit_list *list;
  int images;
};

static int
refuse (const struct reading *r, const char *name, const char *why)
{
  return vl_refuse (r->tool->call, VL_ERR_REQUEST, NULL, NULL, "%s, %s '%s': %s", r->path,
                    r->images ? "image" : "flavor", name, why);
}

static int
read_item (const struct reading *r, const json_t *item)
{
  const struct amount *amount = r->images ? image_amounts : flavor_amounts;
  const char *name = json_string_value (member (item, "name id uuid"));
  json_t *part = json_object ();
  int result, bad = 0;

  if (name)
    json_object_set_new (part, "name", json_string (name));
  else
    bad = refuse (r, vl_printf (r->tool->call, "%zu", r->list->n + 1), "has neither name nor id");
  name = vl_printf (r->tool->call, "%s", name ? name : "");
  for (; amount->name; amount++)
    if (put_number (part, amount->name, member (item, amount->names)) < 0)
      bad = refuse (r, name, vl_printf (r->tool->call, "%s is no whole number", amount->name));
  if (! r->images && (! json_object_get (part, "vcpus") || ! json_object_get (part, "ram")))
    bad =
        refuse (r, name, "has no vcpus or no ram; `openstack flavor list --long -f json` has both");
  if (r->images) {
    const json_t *format = member (item, "disk_format"), *status = member (item, "status");

    if (json_is_string (format))
      json_object_set (part, "disk_format", (json_t *)format);
    if (json_is_string (status))
      json_object_set (part, "status", (json_t *)status);
  }
  result = put_properties (part, r->images ? "properties" : "extra_specs", item);
  if (result < 0)
    bad = refuse (r, name, "its properties are neither an object nor KEY='VALUE', ...");
  r->list->no_properties |= result == 1;
  if (! bad) {
    VL_GROW (r->list->items, r->list->n, r->list->size);
    r->list->items[r->list->n++] = (struct audit_item) { name, json_dumps (part, JSON_COMPACT) };
  }
  json_decref (part);
  return bad;
}

/* A list, an object with a list, or one item. */
static int
read_value (const struct reading *r, const json_t *value)
{
  const json_t *list = member (value, r->images ? "images" : "flavors");
  json_t *item;
  size_t i;
  int bad = 0;

  if (json_is_object (value) && ! json_is_array (list))
    return read_item (r, value);
  json_array_foreach (list ? list : value, i, item) if (json_is_object (item)) bad |=
      read_item (r, item);
  else bad = refuse (r, vl_printf (r->tool->call, "%zu", i + 1), "is no JSON object");
  return bad;
}

static int
read_catalogue (struct tool *tool, const char *path, struct audit_list *list, int images)
{
  const struct reading r = { tool, path, list, images };
  size_t length, at = 0, before = list->n;
  char *text = tool_read (tool, path, CATALOGUE_LIMIT, &length);
  json_error_t error;
  int bad = 0;

  if (text == NULL)
    return -1;
  while (! bad && text[at + strspn (text + at, " \t\r\n")]) {
    json_t *value = json_loadb (text + at, length - at, JSON_DISABLE_EOF_CHECK, &error);

    if (value == NULL)
      bad = vl_refuse (tool->call, VL_ERR_REQUEST, NULL, NULL, "'%s' is not JSON: %s (byte %zu)",
                       path, error.text, at + (size_t)(error.position < 0 ? 0 : error.position));
    else
      bad = read_value (&r, value);
    json_decref (value);
    at += (size_t)error.position;
  }
  free (text);
  if (! bad && list->n == before)
    bad = vl_refuse (tool->call, VL_ERR_REQUEST, NULL, NULL, "'%s' lists no %s", path,
                     images ? "images" : "flavors");
  return bad;
}

int
audit_read_flavors (struct tool *tool, const char *path, struct audit_list *list)
{
  return read_catalogue (tool, path, list, 0);
}

int
audit_read_images (struct tool *tool, const char *path, struct audit_list *list)
{
  return read_catalogue (tool, path, list, 1);
}

void
audit_list_free (struct audit_list *list)
{
  for (size_t i = 0; i < list->n; i++)
    free ((char *)list->items[i].part);
  free (list->items);
}
