/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * JSON: what -o json prints, findings included. */

#include <config.h>

#include "tool.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Bytes from outside (a console, a file name) need not be UTF-8. */
static json_t *
repaired (const char *text)
{
  char *copy = vl_xstrdup (text);
  json_t *value;

  for (char *p = copy; *p; p++)
    if ((unsigned char)*p >= 0x80)
      *p = '?';
  value = json_string (copy);
  free (copy);
  return value;
}

json_t *
json_text (const char *text)
{
  json_t *value = text ? json_string (text) : json_null ();

  return value ? value : repaired (text);
}

json_t *
json_texts (const char *const *list)
{
  json_t *array = json_array ();

  for (; list && *list; list++)
    json_array_append_new (array, json_text (*list));
  return array;
}

void
json_put (json_t *object, const char *key, const char *text)
{
  json_object_set_new (object, key, json_text (text));
}

void
json_put_int (json_t *object, const char *key, int64_t number)
{
  json_object_set_new (object, key, json_integer (number));
}

json_t *
json_properties (const struct vl_property *list, size_t n)
{
  json_t *object = json_object ();

  for (size_t i = 0; i < n; i++)
    json_put (object, list[i].key, list[i].value);
  return object;
}

json_t *
json_findings (const struct vl_app *app)
{
  static const char *const severities[] = { "", "error", "warning", "advice" };
  json_t *array = json_array ();

  for (size_t i = 0; i < vl_findings_count (app); i++) {
    const struct vl_finding *finding = vl_findings_get (app, i);
    json_t *object = json_object ();

    json_put (object, "severity", severities[finding->severity]);
    json_put (object, "code", finding->code);
    json_put (object, "plugin", finding->plugin);
    json_put (object, "property", finding->property);
    json_put (object, "origin", finding->origin);
    json_put (object, "path", finding->path);
    json_put (object, "message", finding->message);
    json_put (object, "hint", finding->hint);
    json_array_append_new (array, object);
  }
  return array;
}

void
json_print (const json_t *value, FILE *file)
{
  json_dumpf (value, file, JSON_INDENT (2));
  fputc ('\n', file);
}

/* ---- what a verb shows ---- */

/* What is kept in STATE, and not there because STATE is not, is told: its name may be
 * misspelt. */
static void
tell_no_state (struct tool *tool, const char *name)
{
  static const char *const kept[] = { "flavors", "images", "servers" };
  const char *state = NULL;

  for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++)
    if (strcmp (name, kept[i]) == 0)
      state = vl_app_state_dir (tool->app);
  if (state && access (state, F_OK) < 0)
    vl_advise (tool->call, NULL,
               "see whether --state, or state_dir in virtloom.conf, is spelt as it was",
               "the STATE folder \"%s\" is not there: nothing is on record in it", state);
}

void
tool_list (struct tool *tool, const char *name, json_t *list, const struct column *columns)
{
  if (json_array_size (list) == 0)
    tell_no_state (tool, name);
  if (! tool->json)
    table_list (tool, list, columns);
  else
    list = table_narrow (tool, list, columns);
  json_object_set_new (tool->data, name, list);
}

void
tool_show (struct tool *tool, json_t *object, const struct column *columns)
{
  if (! tool->json)
    table_show (tool, object, columns);
  else
    object = table_narrow (tool, object, columns);
  json_object_update (tool->data, object);
  json_decref (object);
}

void
tool_done (struct tool *tool, const char *fmt, ...)
{
  va_list args;
  char *text, *clean;

  va_start (args, fmt);
  text = vl_xvasprintf (fmt, args);
  va_end (args);
  clean = vl_text_clean (text);
  if (! tool->json)
    puts (clean);
  json_put (tool->data, "done", text);
  free (clean);
  free (text);
}
