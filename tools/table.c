/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Tables on a terminal, made of the same JSON objects that -o json prints, so
 * that both always say the same. */

#include <config.h>

#include "tool.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

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

/* Places on a terminal: UTF-8's following bytes take none. */
static int
width (const char *text)
{
  int n = 0;

  for (; *text; text++)
    n += ((unsigned char)*text & 0xc0) != 0x80;
  return n;
}

static void
print_cell (const char *text, int wide, int last)
{
  if (last)
    printf ("%s\n", text);
  else
    printf ("%s%*s", text, wide - width (text) + 2, "");
}

void
table_list (const json_t *list, const struct column *columns)
{
  size_t n = 0, rows = json_array_size (list);
  char **cells;
  int *wide;

  while (columns[n].key)
    n++;
  cells = vl_xcalloc (n * (rows + 1), sizeof *cells);
  wide = vl_xcalloc (n, sizeof *wide);
  for (size_t c = 0; c < n; c++)
    wide[c] = width (columns[c].title);
  for (size_t r = 0; r < rows; r++)
    for (size_t c = 0; c < n; c++) {
      cells[r * n + c] = table_cell (json_object_get (json_array_get (list, r), columns[c].key));
      if (width (cells[r * n + c]) > wide[c])
        wide[c] = width (cells[r * n + c]);
    }
  for (size_t c = 0; c < n; c++)
    print_cell (columns[c].title, wide[c], c + 1 == n);
  for (size_t i = 0; i < rows * n; i++) {
    print_cell (cells[i], wide[i % n], (i + 1) % n == 0);
    free (cells[i]);
  }
  free (cells);
  free (wide);
}

void
table_show (const json_t *object, const struct column *columns)
{
  int wide = 0;

  for (const struct column *column = columns; column->key; column++)
    if (json_object_get (object, column->key) && width (column->title) > wide)
      wide = width (column->title);
  for (const struct column *column = columns; column->key; column++) {
    const json_t *value = json_object_get (object, column->key);
    char *cell;

    if (value == NULL)
      continue;
    cell = table_cell (value);
    print_cell (column->title, wide, 0);
    print_cell (cell, 0, 1);
    free (cell);
  }
}
