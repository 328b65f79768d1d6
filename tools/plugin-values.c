/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The part of `plugin check` that knows which values a row accepts, with their
 * limits, and which it refuses. */

#include <config.h>

#include "plugin-check.h"

#include <string.h>

#define JUNK "~no-such-value~"

static void
add_value (struct values *values, const char *text, int bad)
{
  if (text && values->n < MOST_VALUES)
    values->list[values->n++] = (struct value) { text, bad };
}

static void
add_number (struct values *values, int64_t number, int bad)
{
  char *text = values->digits[values->n_digits++];

  snprintf (text, sizeof values->digits[0], "%lld", (long long)number);
  add_value (values, text, bad);
}

static void
number_values (const struct vl_prop *row, struct values *values)
{
  add_number (values, 0, -1);
  add_number (values, 1, -1);
  if (row->type == VL_SIZE)
    add_value (values, "1K", -1);
  if (row->max <= row->min) {
    add_number (values, INT64_MAX, -1);
    add_number (values, -1, -1);
    return;
  }
  add_number (values, row->min, 0);
  add_number (values, row->max, 0);
  if (row->min > INT64_MIN)
    add_number (values, row->min - 1, 1);
  if (row->max < INT64_MAX)
    add_number (values, row->max + 1, 1);
}

/* The longest text that is a value, and the one with most items. */
static void
long_values (const struct vl_prop *row, struct values *values)
{
  memset (values->longest, 'x', sizeof values->longest - 1);
  values->longest[sizeof values->longest - 1] = '\0';
  add_value (values, values->longest, -1);
  if (row->type != VL_LIST)
    return;
  for (size_t i = 0; i < sizeof values->most - 1; i++)
    values->most[i] = i % 2 ? ',' : 'x';
  values->most[sizeof values->most - 1] = '\0';
  add_value (values, values->most, -1);
}

void
values_of (const struct vl_prop *row, struct values *values)
{
  values->n = values->n_digits = 0;
  if (row->type != VL_STRING && row->type != VL_LIST)
    add_value (values, JUNK, 1);
  add_value (values, row->deflt, 0);
  switch (row->type) {
  case VL_BOOL:
  case VL_TRISTATE:
    add_value (values, "true", 0);
    add_value (values, "false", 0);
    break;
  case VL_INT:
  case VL_SIZE:
    number_values (row, values);
    break;
  case VL_CHOICE:
    for (size_t i = 0; row->choices && row->choices[i]; i++)
      add_value (values, row->choices[i], 0);
    break;
  case VL_DECIMAL:
    add_value (values, "0", -1);
    add_value (values, "1.5", 0);
    break;
  case VL_CPUSET:
    add_value (values, "0", 0);
    add_value (values, "0-1", 0);
    add_value (values, "0-4095", -1);
    break;
  case VL_LIST:
    add_value (values, "one,two", 0);
    /* Fall through. */
  case VL_STRING:
    add_value (values, "a", 0);
    add_value (values, "0", 0);
    add_value (values, "<&>\"' ]]>,=", -1);
    long_values (row, values);
    break;
  }
}
