/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Tables on a terminal and bare values, made of the same JSON objects that -o json prints, so
 * that all always say the same. */

#include <config.h>

#include "tool.h"

#include <virtloom/ascii.h>

#include <inttypes.h>
#include <libsmartcols/libsmartcols.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A cell of more bytes may be printed in several lines: names and uuids are not. */
#define LONG_CELL 40

/* A + BETWEEN + B; frees A and B. */
static char *
join (char *a, const char *between, char *b)
{
  char *all = a ? vl_xasprintf ("%s%s%s", a, between, b) : vl_xstrdup (b);

  free (a);
  free (b);
  return all;
}

static char *
list_cell (const json_t *list)
{
  char *all = NULL;

  for (size_t i = 0; i < json_array_size (list); i++)
    all = join (all, ", ", table_cell (json_array_get (list, i)));
  return all ? all : vl_xstrdup ("");
}

static char *
object_cell (const json_t *object)
{
  char *all = NULL;
  const char *key;
  json_t *value;

  json_object_foreach ((json_t *)object, key, value)
  {
    char *cell = table_cell (value), *clean = vl_text_clean (key);

    all = join (all, ", ", vl_xasprintf ("%s=%s", clean, cell));
    free (cell);
    free (clean);
  }
  return all ? all : vl_xstrdup ("");
}

char *
table_cell (const json_t *value)
{
  switch (value ? json_typeof (value) : JSON_NULL) {
  case JSON_STRING:
    return vl_text_clean (json_string_value (value));
  case JSON_INTEGER:
    return vl_xasprintf ("%" JSON_INTEGER_FORMAT, json_integer_value (value));
  case JSON_REAL:
    return vl_xasprintf ("%g", json_real_value (value));
  case JSON_TRUE:
    return vl_xstrdup ("yes");
  case JSON_FALSE:
    return vl_xstrdup ("no");
  case JSON_ARRAY:
    return list_cell (value);
  case JSON_OBJECT:
    return object_cell (value);
  case JSON_NULL:
    break;
  }
  return vl_xstrdup ("-");
}

/* ---- which columns ---- */

/* "name, uuid, status": what --column accepts. */
static char *
column_names (const struct column *columns)
{
  char *all = NULL;

  for (; columns->key; columns++)
    all = join (all, ", ", vl_xstrdup (columns->key));
  return all ? all : vl_xstrdup ("");
}

/* The column that NAME, a key or a title in any case, is of; NULL after a finding. */
static const struct column *
named_column (struct tool *tool, const struct column *columns, const char *name)
{
  struct vl_spell spelling = { .wanted = name };
  char *all;

  for (const struct column *column = columns; column->key; column++) {
    if (vl_ascii_casecmp (column->key, name) == 0 || vl_ascii_casecmp (column->title, name) == 0)
      return column;
    vl_spell_offer (&spelling, column->key);
  }
  all = column_names (columns);
  (void)vl_refuse (tool->call, VL_ERR_USAGE, NULL,
                   spelling.best ? vl_printf (tool->call, "did you mean '%s'?", spelling.best)
                                 : NULL,
                   "there is no column '%s'; accepted: %s", name, all);
  free (all);
  return NULL;
}

/* The columns that -c asks for, else those that always come; ends with a NULL key, the caller
 * frees.  NULL after a finding. */
static struct column *
chosen_columns (struct tool *tool, const struct column *columns)
{
  const char *const *lists = args_list (tool->args, "column");
  struct column *chosen = NULL;
  size_t n = 0;
  int bad = 0;

  for (size_t i = 0; *lists == NULL && columns[i].key; i++)
    if (! columns[i].extra) {
      chosen = vl_xrealloc (chosen, n + 1, sizeof *chosen);
      chosen[n++] = columns[i];
    }
  for (; *lists; lists++) {
    char *copy = vl_xstrdup (*lists), *state = NULL;

    for (char *name = strtok_r (copy, ",", &state); name; name = strtok_r (NULL, ",", &state)) {
      const struct column *column = named_column (tool, columns, name);

      bad |= column == NULL;
      if (column) {
        chosen = vl_xrealloc (chosen, n + 1, sizeof *chosen);
        chosen[n++] = *column;
      }
    }
    free (copy);
  }
  chosen = vl_xrealloc (chosen, n + 1, sizeof *chosen);
  chosen[n] = (struct column) { NULL, NULL, 0 };
  if (! bad)
    return chosen;
  free (chosen);
  return NULL;
}

/* OBJECT with the members of COLUMNS alone. */
static json_t *
narrowed (const json_t *object, const struct column *columns)
{
  json_t *narrow = json_object ();

  for (; columns->key; columns++) {
    json_t *value = json_object_get (object, columns->key);

    if (value)
      json_object_set (narrow, columns->key, value);
  }
  return narrow;
}

/* ---- printing ---- */

/* Does the answer have nothing but values? */
static int
bare (const struct tool *tool)
{
  return strcmp (tool->format, "value") == 0;
}

/* VALUE as -o value prints it: what is not there is empty. */
static char *
bare_cell (const json_t *value)
{
  return value && ! json_is_null (value) ? table_cell (value) : vl_xstrdup ("");
}

static void
print_bare (const json_t *list, const struct column *columns)
{
  size_t i;
  const json_t *object;

  json_array_foreach (list, i, object) for (const struct column *column = columns; column->key;
                                            column++)
  {
    char *cell = bare_cell (json_object_get (object, column->key));

    printf ("%s%c", cell, column[1].key ? '\t' : '\n');
    free (cell);
  }
}

/* A table that is as wide as the terminal, long cells and the last column in several lines where they must be; what
 * goes elsewhere is never cut or wrapped.  The texts are clean already. */
static struct libscols_table *
new_table (int headings)
{
  struct libscols_table *table = scols_new_table ();

  if (table == NULL)
    vl_oom ();
  scols_table_set_column_separator (table, "  ");
  scols_table_enable_noencoding (table, 1);
  scols_table_enable_noheadings (table, ! headings);
  if (! isatty (STDOUT_FILENO))
    scols_table_set_termforce (table, SCOLS_TERMFORCE_NEVER);
  return table;
}

static void
add_column (struct libscols_table *table, const char *title, int wraps)
{
  if (scols_table_new_column (table, title, 0, wraps ? SCOLS_FL_WRAP : 0) == NULL)
    vl_oom ();
}

/* TEXT (malloc, taken) as cell N of LINE. */
static void
set_cell (struct libscols_line *line, size_t n, char *text)
{
  if (line == NULL || scols_line_refer_data (line, n, text) < 0)
    vl_oom ();
}

/* Our texts are UTF-8 in every language; libsmartcols asks the locale how wide they are, and
 * does not come to an end with what that cannot read. */
static void
print_table (struct libscols_table *table)
{
  locale_t utf8 = newlocale (LC_CTYPE_MASK, "C.UTF-8", (locale_t)0), before = (locale_t)0;

  if (utf8)
    before = uselocale (utf8);
  else
    scols_table_enable_noencoding (table, 0);
  scols_print_table (table);
  scols_unref_table (table);
  if (utf8) {
    uselocale (before);
    freelocale (utf8);
  }
}

/* libsmartcols prints nothing of a table without lines. */
static void
print_headings (const struct column *columns)
{
  for (; columns->key; columns++)
    printf ("%s%s", columns->title, columns[1].key ? "  " : "\n");
}

/* Has one of LIST more to say in member KEY than fits beside others? */
static int
is_long (const json_t *list, const char *key)
{
  const json_t *object;
  size_t i;
  int found = 0;

  json_array_foreach (list, i, object)
  {
    char *cell = table_cell (json_object_get (object, key));

    found |= strlen (cell) > LONG_CELL;
    free (cell);
  }
  return found;
}

/* All of LIST in COLUMNS. */
static void
print_list (const json_t *list, const struct column *columns, int headings)
{
  struct libscols_table *table = new_table (headings);
  const json_t *object;
  size_t i;

  for (const struct column *column = columns; column->key; column++)
    add_column (table, column->title, column[1].key == NULL || is_long (list, column->key));
  json_array_foreach (list, i, object)
  {
    struct libscols_line *line = scols_table_new_line (table, NULL);

    for (size_t c = 0; columns[c].key; c++)
      set_cell (line, c, table_cell (json_object_get (object, columns[c].key)));
  }
  if (json_array_size (list) == 0 && headings)
    print_headings (columns);
  print_table (table);
}

void
table_list (struct tool *tool, const json_t *list, const struct column *columns)
{
  struct column *chosen = chosen_columns (tool, columns);

  if (chosen == NULL)
    return;
  if (bare (tool))
    print_bare (list, chosen);
  else
    print_list (list, chosen, ! args_has (tool->args, "no-headings"));
  free (chosen);
}

void
table_show (struct tool *tool, const json_t *object, const struct column *columns)
{
  struct column *chosen = chosen_columns (tool, columns);
  struct libscols_table *table = new_table (0);

  add_column (table, "", 0);
  add_column (table, "", 1);
  for (const struct column *column = chosen; column && column->key; column++) {
    json_t *value = json_object_get (object, column->key);
    struct libscols_line *line;

    if (value == NULL)
      continue;
    if (bare (tool)) {
      char *cell = bare_cell (value);

      puts (cell);
      free (cell);
      continue;
    }
    line = scols_table_new_line (table, NULL);
    set_cell (line, 0, vl_xstrdup (column->title));
    set_cell (line, 1, table_cell (value));
  }
  print_table (table);
  free (chosen);
}

json_t *
table_narrow (struct tool *tool, json_t *value, const struct column *columns)
{
  struct column *chosen = args_has (tool->args, "column") ? chosen_columns (tool, columns) : NULL;
  json_t *narrow = NULL;

  if (chosen && json_is_array (value)) {
    size_t i;
    const json_t *object;

    narrow = json_array ();
    json_array_foreach (value, i, object) json_array_append_new (narrow, narrowed (object, chosen));
  } else if (chosen)
    narrow = narrowed (value, chosen);
  free (chosen);
  if (narrow == NULL)
    return value;
  json_decref (value);
  return narrow;
}

int
table_is_plain (const struct tool *tool)
{
  return bare (tool) || args_has (tool->args, "column");
}
