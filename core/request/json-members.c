/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Reading JSON objects by tables, with the JSON path of whatever is wrong. */

#include <config.h>

#include "request/json-members.h"

#include "lib/spell.h"
#include "request/name.h"

#include <virtloom/ascii.h>

#include <inttypes.h>

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

const char *
vl_json_path (struct vl_reader *r, const char *path, const char *name)
{
  const char *p = name;

  while (vl_ascii_is_alnum (*p) || *p == '_')
    p++;
  if (*p == '\0' && p > name)
    return vl_arena_printf (r->arena, "%s.%s", path, name);
  return vl_arena_printf (r->arena, "%s['%s']", path, vl_shown (r->arena, name));
}

const char *
vl_json_kind (const json_t *value)
{
  switch (json_typeof (value)) {
  case JSON_OBJECT:
    return "an object";
  case JSON_ARRAY:
    return "a list";
  case JSON_STRING:
    return "text";
  case JSON_INTEGER:
  case JSON_REAL:
    return "a number";
  case JSON_TRUE:
  case JSON_FALSE:
    return "a boolean";
  default:
    return "null";
  }
}

static int
refuse_kind (struct vl_reader *r, const char *path, const json_t *value, const char *accepted)
{
  return vl_reader_refuse (r, NULL, path, NULL, "is %s; accepted: %s", vl_json_kind (value),
                           accepted);
}

const char *
vl_text_read (struct vl_reader *r, const json_t *value, const char *path,
              const char *(*problem) (const char *), const char *code)
{
  const char *text, *wrong;

  if (value == NULL || json_is_null (value))
    return NULL;
  if (! json_is_string (value)) {
    refuse_kind (r, path, value, "text");
    return NULL;
  }
  text = json_string_value (value);
  wrong = problem ? problem (text) : NULL;
  if (wrong) {
    vl_reader_refuse (r, code, path, NULL, "'%s' %s", vl_shown (r->arena, text), wrong);
    return NULL;
  }
  return vl_arena_strdup (r->arena, text);
}

static void
read_number (struct vl_reader *r, const json_t *value, const char *path,
             const struct vl_member *member, int64_t *number)
{
  const char *accepted = vl_arena_printf (r->arena, "a whole number from %" PRId64 " to %" PRId64,
                                          member->min, member->max);

  if (json_is_integer (value) && json_integer_value (value) >= member->min
      && json_integer_value (value) <= member->max) {
    *number = json_integer_value (value);
    return;
  }
  if (json_is_integer (value))
    vl_reader_refuse (r, member->code, path, NULL,
                      "%" JSON_INTEGER_FORMAT " is out of range; accepted: %s",
                      json_integer_value (value), accepted);
  else if (json_is_string (value))
    vl_reader_refuse (r, member->code, path, NULL, "is text; accepted: %s, without quotes",
                      accepted);
  else
    refuse_kind (r, path, value, accepted);
}

static void
read_bool (struct vl_reader *r, const json_t *value, const char *path, int *on)
{
  if (json_is_boolean (value))
    *on = json_is_true (value);
  else
    refuse_kind (r, path, value, "true or false, without quotes");
}

static void
read_member (struct vl_reader *r, const json_t *value, const char *path,
             const struct vl_member *member, void *into)
{
  char *field = (char *)into + member->offset;
  struct vl_report idle = { .severity = VL_SEV_WARNING, .origin = r->origin, .path = path };

  if (member->kind == VL_MEMBER_OTHER || json_is_null (value))
    return;
  if (member->kind == VL_MEMBER_TEXT)
    *(const char **)field = vl_text_read (r, value, path, member->problem, member->code);
  else if (member->kind == VL_MEMBER_NUMBER)
    read_number (r, value, path, member, (int64_t *)field);
  else if (member->kind == VL_MEMBER_BOOL)
    read_bool (r, value, path, (int *)field);
  else
    vl_report (r->call, &idle, "%s: has no effect on a guest and is passed over", path);
}

static void
unknown_member (struct vl_reader *r, const char *path, const char *name,
                const struct vl_member *members, size_t n)
{
  struct vl_spell spell = { .wanted = name };
  VL_AUTOSTR struct vl_str all = { 0 };

  for (size_t i = 0; i < n; i++) {
    vl_spell_offer (&spell, members[i].name);
    vl_str_printf (&all, " %s", members[i].name);
  }
  vl_reader_refuse (
      r, NULL, vl_json_path (r, path, name),
      vl_did_you_mean (r->call, '\'', spell.best,
                       "members whose name begins with 'x-' are yours and are passed over"),
      "unknown member; accepted:%s", all.text);
}

void
vl_members_read (struct vl_reader *r, const json_t *object, const char *path,
                 const struct vl_member *members, size_t n, void *into)
{
  const char *name;
  json_t *value;

  if (! json_is_object (object)) {
    refuse_kind (r, path, object, "an object");
    return;
  }
  json_object_foreach ((json_t *)object, name, value)
  {
    size_t i = 0;

    while (i < n && ! VL_STREQ (members[i].name, name))
      i++;
    if (i < n)
      read_member (r, value, vl_json_path (r, path, name), &members[i], into);
    else if (! VL_STARTS (name, "x-"))
      unknown_member (r, path, name, members, n);
  }
  for (size_t i = 0; i < n; i++)
    if (members[i].required && json_object_get (object, members[i].name) == NULL)
      vl_reader_refuse (r, NULL, vl_json_path (r, path, members[i].name), NULL, "is missing");
}

json_t *
vl_members_write (const struct vl_member *members, size_t n, const void *from)
{
  json_t *object = json_object ();

  for (size_t i = 0; i < n; i++) {
    const char *field = (const char *)from + members[i].offset;

    if (members[i].kind == VL_MEMBER_TEXT && *(const char *const *)field)
      json_object_set_new (object, members[i].name, json_string (*(const char *const *)field));
    else if (members[i].kind == VL_MEMBER_NUMBER && *(const int64_t *)field)
      json_object_set_new (object, members[i].name, json_integer (*(const int64_t *)field));
    else if (members[i].kind == VL_MEMBER_BOOL && *(const int *)field)
      json_object_set_new (object, members[i].name, json_true ());
  }
  return object;
}
