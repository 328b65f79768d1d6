/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Reading and writing JSON objects by tables, with the JSON path of whatever is wrong. */

#include <config.h>

#include "request/json-members.h"

#include "lib/text.h"
#include "plugin/conf.h"
#include "request/work.h"

#include <virtloom/ascii.h>

#include <inttypes.h>

/* More of them than any hypervisor takes, and few enough to name each fault. */
#define MOST_ITEMS 256
#define MOST_PROPERTIES 1024
#define MOST_KEY_BYTES 255
#define MOST_DEPTH 32

int
vl_reader_refuse (struct vl_reader *r, const char *code, const char *path, const char *hint,
                  const char *fmt, ...)
{
  struct vl_report report = { .severity = VL_SEV_ERROR,
                              .err = VL_ERR_REQUEST,
                              .code = code ? code : "InvalidRequest",
                              .origin = r->origin,
                              .path = path,
                              .hint = hint };
  va_list args;
  char *text;

  va_start (args, fmt);
  text = vl_arena_vprintf (r->call->arena, fmt, args);
  va_end (args);
  r->bad = 1;
  return vl_report (r->call, &report, "%s: %s", path, text);
}

/* ---- parsing ---- */

static int
is_deeper (const json_t *value, unsigned depth)
{
  const char *key;
  json_t *item;
  size_t i;

  if (! json_is_object (value) && ! json_is_array (value))
    return 0;
  if (depth == 0)
    return 1;
  json_object_foreach ((json_t *)value, key, item) if (is_deeper (item, depth - 1)) return 1;
  json_array_foreach (value, i, item) if (is_deeper (item, depth - 1)) return 1;
  return 0;
}

json_t *
vl_reader_parse (struct vl_reader *r, const char *text, size_t length, size_t most)
{
  json_error_t error;
  json_t *root;

  if (length > most) {
    vl_reader_refuse (r, NULL, "$", NULL, "has %zu bytes; accepted: at most %zu", length, most);
    return NULL;
  }
  root = json_loadb (text, length, JSON_REJECT_DUPLICATES, &error);
  if (root == NULL) {
    const char *what = error.text;

    if (json_error_code (&error) == json_error_null_character)
      what = "a text has a NUL";
    else if (vl_text_problem (what, strlen (what)))
      what = "unreadable bytes";
    vl_reader_refuse (
        r, NULL, "$",
        json_error_code (&error) == json_error_duplicate_key ? "each member may stand once" : NULL,
        "is not JSON: %s (line %d, column %d)", what, error.line, error.column);
    return NULL;
  }
  if (is_deeper (root, MOST_DEPTH)) {
    vl_reader_refuse (r, NULL, "$", NULL, "is nested more than %d deep", MOST_DEPTH);
    json_decref (root);
    return NULL;
  }
  return root;
}

/* PATH with ".NAME" or "['NAME']"; memory of the request. */
static const char *
path_of (struct vl_reader *r, const char *path, const char *name)
{
  const char *p = name;

  while (vl_ascii_is_alnum (*p) || *p == '_')
    p++;
  if (*p == '\0' && p > name)
    return vl_arena_printf (r->arena, "%s.%s", path, name);
  return vl_arena_printf (r->arena, "%s['%s']", path, vl_shown (r->arena, name));
}

/* "a number", "text" ...: what VALUE is. */
static const char *
kind_of (const json_t *value)
{
  static const char *const names[] = {
    [JSON_OBJECT] = "an object", [JSON_ARRAY] = "a list",  [JSON_STRING] = "text",
    [JSON_INTEGER] = "a number", [JSON_REAL] = "a number", [JSON_TRUE] = "a boolean",
    [JSON_FALSE] = "a boolean",  [JSON_NULL] = "null",
  };

  return names[json_typeof (value)];
}

static int
refuse_kind (struct vl_reader *r, const char *code, const char *path, const json_t *value,
             const char *accepted)
{
  return vl_reader_refuse (r, code, path, NULL, "is %s; accepted: %s", kind_of (value), accepted);
}

/* ---- texts and numbers ---- */

static const char *
problem_of (struct vl_reader *r, const struct vl_member *member, const char *text)
{
  if (member->among)
    return vl_glob_any (member->among, text)
               ? NULL
               : vl_printf (r->call, "is no %s; accepted: %s", member->what, member->among);
  return member->problem ? member->problem (text) : NULL;
}

const char *
vl_text_read (struct vl_reader *r, const json_t *value, const char *path,
              const struct vl_member *member)
{
  const char *text = json_string_value (value), *wrong;
  char *copy;

  if (value == NULL || json_is_null (value))
    return NULL;
  if (text == NULL) {
    refuse_kind (r, NULL, path, value, "text");
    return NULL;
  }
  wrong = problem_of (r, member, text);
  if (wrong) {
    vl_reader_refuse (r, member->code, path, NULL, "'%s' %s", vl_shown (r->arena, text), wrong);
    return NULL;
  }
  copy = vl_arena_strdup (r->arena, text);
  for (char *p = copy; member->lower && *p; p++)
    *p = vl_ascii_lower (*p);
  return copy;
}

static void
read_number (struct vl_reader *r, const json_t *value, const char *path,
             const struct vl_member *member, int64_t *number)
{
  const char *accepted = vl_arena_printf (r->arena, "a whole number from %" PRId64 " to %" PRId64,
                                          member->min, member->max);
  json_int_t n = json_integer_value (value);

  if (json_is_integer (value) && n >= member->min && n <= member->max)
    *number = n;
  else if (json_is_integer (value))
    vl_reader_refuse (r, member->code, path, NULL,
                      "%" JSON_INTEGER_FORMAT " is out of range; accepted: %s", n, accepted);
  else if (json_is_string (value))
    vl_reader_refuse (r, member->code, path, NULL, "is text; accepted: %s, without quotes",
                      accepted);
  else
    refuse_kind (r, NULL, path, value, accepted);
}

/* A number, or Nova's other spelling of it: text. */
static void
read_place (struct vl_reader *r, const json_t *value, const char *path,
            const struct vl_member *member, int64_t *place)
{
  const char *text = json_string_value (value);
  int64_t n = json_integer_value (value);

  if (text && *text && text[strspn (text, "-0123456789")] == '\0' && strlen (text) < 10)
    n = strtoll (text, NULL, 10);
  else if (! json_is_integer (value)) {
    vl_reader_refuse (r, member->code, path, NULL,
                      "is no place in the boot order; accepted: 0 and up, -1 or null for none");
    return;
  }
  if (n > INT32_MAX)
    vl_reader_refuse (r, member->code, path, NULL,
                      "%" PRId64 " is out of range; accepted: -1 to %d", n, INT32_MAX);
  *place = n < 0 ? -1 : n;
}

static void
read_json (struct vl_reader *r, const json_t *value, const char *path,
           const struct vl_member *member, const char **text)
{
  VL_AUTOFREE char *dump = json_dumps (value, JSON_COMPACT | JSON_SORT_KEYS);

  if (json_is_object (value))
    *text = vl_arena_strdup (r->arena, dump);
  else
    refuse_kind (r, member->code, path, value, "an object");
}

static void
read_member (struct vl_reader *r, const json_t *value, const char *path,
             const struct vl_member *member, void *field)
{
  struct vl_report idle = { .severity = VL_SEV_WARNING, .origin = r->origin, .path = path };

  if (json_is_null (value))
    return;
  if (member->kind == VL_MEMBER_TEXT)
    *(const char **)field = vl_text_read (r, value, path, member);
  else if (member->kind == VL_MEMBER_NUMBER)
    read_number (r, value, path, member, field);
  else if (member->kind == VL_MEMBER_INT) {
    int64_t number = *(int32_t *)field;

    read_number (r, value, path, member, &number);
    *(int32_t *)field = (int32_t)number;
  } else if (member->kind == VL_MEMBER_PLACE)
    read_place (r, value, path, member, field);
  else if (member->kind == VL_MEMBER_JSON)
    read_json (r, value, path, member, field);
  else if (member->kind == VL_MEMBER_IDLE)
    vl_report (r->call, &idle, "%s: has no effect on a guest and is passed over", path);
  else if (member->kind == VL_MEMBER_BOOL && json_is_boolean (value))
    *(int *)field = json_is_true (value);
  else if (member->kind == VL_MEMBER_BOOL)
    refuse_kind (r, NULL, path, value, "true or false, without quotes");
}

/* ---- entries ---- */

static int
check_key (struct vl_reader *r, const char *key, const char *path)
{
  const char *problem = vl_name_problem (key, strlen (key));

  if (*key == '\0')
    problem = "is empty; accepted: at least one byte";
  else if (strlen (key) > MOST_KEY_BYTES)
    problem = "is too long; accepted: at most 255 bytes";
  return problem ? vl_reader_refuse (r, NULL, path, NULL, "the key '%s' %s",
                                     vl_shown (r->arena, key), problem)
                 : 0;
}

static const char *
printable_problem (const char *text)
{
  return vl_text_problem (text, strlen (text));
}

static const char *
read_value (struct vl_reader *r, const json_t *value, const char *path)
{
  static const struct vl_member text = { .kind = VL_MEMBER_TEXT, .problem = printable_problem };
  VL_AUTOFREE char *spelt = NULL;

  if (json_is_string (value))
    return vl_text_read (r, value, path, &text);
  if (json_is_number (value) || json_is_boolean (value)) {
    spelt = json_dumps (value, JSON_ENCODE_ANY | JSON_REAL_PRECISION (15));
    vl_reader_refuse (r, NULL, path, vl_printf (r->call, "write \"%s\", with the quotes", spelt),
                      "is %s; accepted: text, \"%s\"", kind_of (value), spelt);
  } else
    vl_reader_refuse (r, NULL, path,
                      json_is_null (value) ? "leave the key out to have it unset" : NULL,
                      "is %s; accepted: text", kind_of (value));
  return NULL;
}

static int
compare_entries (const void *a, const void *b)
{
  return strcmp (((const struct vl_entry *)a)->key, ((const struct vl_entry *)b)->key);
}

static void
read_entries (struct vl_reader *r, const json_t *object, const char *path, enum vl_layer layer,
              struct vl_entry **list, size_t *n)
{
  size_t before = *n, more = json_object_size (object);
  struct vl_entry *entries;
  const char *key;
  json_t *item;

  if (! json_is_object (object))
    refuse_kind (r, NULL, path, object, "an object");
  if (more > MOST_PROPERTIES)
    vl_reader_refuse (r, NULL, path, NULL, "has %zu members; accepted: at most %d", more,
                      MOST_PROPERTIES);
  if (more == 0 || more > MOST_PROPERTIES)
    return;
  entries = vl_arena_alloc (r->arena, (before + more) * sizeof *entries);
  if (before)
    memcpy (entries, *list, before * sizeof *entries);
  json_object_foreach ((json_t *)object, key, item)
  {
    const char *where = vl_arena_printf (r->arena, "%s['%s']", path, vl_shown (r->arena, key));
    const char *text;

    if (check_key (r, key, where) == 0 && (text = read_value (r, item, where)))
      entries[(*n)++] = (struct vl_entry) { vl_arena_strdup (r->arena, key), text, layer,
                                            vl_layer_name (layer), where };
  }
  if (*n - before > 1)
    qsort (entries + before, *n - before, sizeof *entries, compare_entries);
  *list = entries;
}

static json_t *
write_entries (const struct vl_entry *entries, size_t n, enum vl_layer layer)
{
  json_t *object = NULL;

  for (size_t i = 0; i < n; i++)
    if (entries[i].layer == layer) {
      object = object ? object : json_object ();
      json_object_set_new (object, entries[i].key, json_string (entries[i].value));
    }
  return object;
}

/* ---- lists ---- */

/* At most MOST of them are taken. */
static size_t
size_of_list (struct vl_reader *r, const json_t *value, const char *path, size_t most)
{
  size_t n = json_array_size (value);

  if (value && ! json_is_null (value) && ! json_is_array (value))
    refuse_kind (r, NULL, path, value, "a list");
  if (n <= most)
    return n;
  vl_reader_refuse (r, NULL, path, NULL, "has %zu items; accepted: at most %zu", n, most);
  return 0;
}

size_t
vl_list_size (struct vl_reader *r, const json_t *value, const char *path)
{
  return size_of_list (r, value, path, MOST_ITEMS);
}

static void
read_list (struct vl_reader *r, const json_t *value, const char *path, const struct vl_members *of,
           void **list, size_t *n)
{
  *n = size_of_list (r, value, path, of->most ? of->most : MOST_ITEMS);
  *list = vl_arena_alloc (r->arena, (*n + 1) * of->size);
  for (size_t i = 0; i < *n; i++) {
    const char *where = vl_arena_printf (r->arena, "%s[%zu]", path, i);

    vl_members_read (r, json_array_get (value, i), where, of, (char *)*list + i * of->size);
    if (of->check)
      of->check (r, json_array_get (value, i), where, *list, i);
  }
}

static json_t *
write_list (const struct vl_members *of, const char *list, size_t n)
{
  json_t *array = n ? json_array () : NULL;

  for (size_t i = 0; i < n; i++)
    json_array_append_new (array, vl_members_write (of, list + i * of->size));
  return array;
}

/* ---- objects ---- */

static void
unknown_member (struct vl_reader *r, const char *path, const char *name,
                const struct vl_members *members)
{
  struct vl_spell spell = { .wanted = name };
  VL_AUTOSTR struct vl_str all = { 0 };

  for (size_t i = 0; i < members->n; i++) {
    vl_spell_offer (&spell, members->rows[i].name);
    vl_str_printf (&all, " %s", members->rows[i].name);
  }
  vl_reader_refuse (
      r, NULL, path_of (r, path, name),
      vl_did_you_mean (r->call, '\'', spell.best,
                       "members whose name begins with 'x-' are yours and are passed over"),
      "unknown member; accepted:%s", all.text);
}

/* What is made of other objects. */
static void
read_part (struct vl_reader *r, const json_t *value, const char *path,
           const struct vl_member *member, void *into)
{
  void *field = (char *)into + member->offset, *count = (char *)into + member->count;

  if (json_is_null (value) && ! member->required)
    return;
  if (member->kind == VL_MEMBER_ENTRIES)
    read_entries (r, value, path, member->layer, field, count);
  else if (member->kind == VL_MEMBER_LIST)
    read_list (r, value, path, member->of, field, count);
  else if (member->kind == VL_MEMBER_OBJECT) {
    vl_members_read (r, value, path, member->of, into);
    if (member->count)
      *(int *)count = 1;
  }
}

void
vl_members_read (struct vl_reader *r, const json_t *object, const char *path,
                 const struct vl_members *members, void *into)
{
  const char *name;
  json_t *value;

  if (! json_is_object (object)) {
    refuse_kind (r, NULL, path, object, "an object");
    return;
  }
  for (size_t i = 0; i < members->n; i++)
    if (members->rows[i].kind == VL_MEMBER_PLACE)
      *(int64_t *)((char *)into + members->rows[i].offset) = -1;
  json_object_foreach ((json_t *)object, name, value)
  {
    size_t i = 0;

    while (i < members->n && ! VL_STREQ (members->rows[i].name, name))
      i++;
    if (i < members->n)
      read_member (r, value, path_of (r, path, name), &members->rows[i],
                   (char *)into + members->rows[i].offset);
    else if (! VL_STARTS (name, "x-"))
      unknown_member (r, path, name, members);
  }
  for (size_t i = 0; i < members->n; i++) {
    const struct vl_member *member = &members->rows[i];
    const char *where = path_of (r, path, member->name);

    value = json_object_get (object, member->name);
    if (value)
      read_part (r, value, where, member, into);
    else if (member->required)
      vl_reader_refuse (r, NULL, where, NULL, "is missing");
  }
}

static json_t *
write_member (const struct vl_member *member, const void *from)
{
  const void *field = (const char *)from + member->offset;
  const void *count = (const char *)from + member->count;
  const char *text = NULL;
  int64_t number = 0;

  if (member->kind == VL_MEMBER_TEXT || member->kind == VL_MEMBER_JSON)
    text = *(const char *const *)field;
  if (member->kind == VL_MEMBER_NUMBER || member->kind == VL_MEMBER_PLACE)
    number = *(const int64_t *)field;
  if (member->kind == VL_MEMBER_INT)
    number = *(const int32_t *)field;
  switch (member->kind) {
  case VL_MEMBER_TEXT:
    return text ? json_string (text) : NULL;
  case VL_MEMBER_JSON:
    return text ? json_loads (text, 0, NULL) : NULL;
  case VL_MEMBER_NUMBER:
  case VL_MEMBER_INT:
    return number ? json_integer (number) : NULL;
  case VL_MEMBER_PLACE:
    return number >= 0 ? json_integer (number) : NULL;
  case VL_MEMBER_BOOL:
    return *(const int *)field ? json_true () : NULL;
  case VL_MEMBER_ENTRIES:
    return write_entries (*(struct vl_entry *const *)field, *(const size_t *)count, member->layer);
  case VL_MEMBER_LIST:
    return write_list (member->of, *(const char *const *)field, *(const size_t *)count);
  case VL_MEMBER_OBJECT:
    return member->count && ! *(const int *)count ? NULL : vl_members_write (member->of, from);
  default:
    return NULL;
  }
}

json_t *
vl_members_write (const struct vl_members *members, const void *from)
{
  json_t *object = json_object ();

  for (size_t i = 0; i < members->n; i++)
    json_object_set_new (object, members->rows[i].name, write_member (&members->rows[i], from));
  return object;
}
