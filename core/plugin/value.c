/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Text to typed value, one way for properties, settings and virtloom.conf.
 * What a row does not accept is never a default: the answer says what is
 * accepted.  All results are memory of the arena. */

#include <config.h>

#include "plugin/registry.h"

#include "lib/cpuset.h"
#include "lib/text.h"

#include <virtloom/ascii.h>

#include <errno.h>
#include <inttypes.h>

/* The longest text of a value; a kernel command line is the longest that is
 * of any use. */
#define LONGEST 4096
#define DIGITS "0123456789"

/* Each parser answers with what is wrong, a phrase whose subject is the value, or with
 * NULL and *VALUE. */

static int
is_one_of (const char *text, const char *const *words)
{
  while (*words && vl_ascii_casecmp (text, *words) != 0)
    words++;
  return *words != NULL;
}

static const char *
parse_bool (const char *text, struct vl_value *value)
{
  static const char *const yes[] = { "1", "t", "true", "on", "y", "yes", NULL };
  static const char *const no[] = { "0", "f", "false", "off", "n", "no", NULL };

  value->number = is_one_of (text, yes);
  value->text = value->number ? "true" : "false";
  return value->number || is_one_of (text, no)
             ? NULL
             : "is not a boolean; accepted: 1 t true on y yes / 0 f false off n no, in any case";
}

/* "0 to 100 ms", "a decimal number": after PROBLEM, what an int or size row takes. */
static const char *
not_in_range (struct vl_arena *arena, const struct vl_prop *row, const char *problem)
{
  const char *unit = row->unit ? row->unit : "";

  if (row->max > row->min)
    return vl_arena_printf (arena, "%s; accepted: %" PRId64 " to %" PRId64 "%s%s", problem,
                            row->min, row->max, row->unit ? " " : "", unit);
  return vl_arena_printf (arena, "%s; accepted: a decimal number%s%s", problem,
                          row->unit ? " of " : "", unit);
}

/* TEXT is NUMBER as it was written. */
static const char *
take_number (struct vl_arena *arena, const struct vl_prop *row, const char *text, int64_t number,
             struct vl_value *value)
{
  if (row->max > row->min && (number < row->min || number > row->max))
    return not_in_range (arena, row, "is out of range");
  value->number = number;
  /* Most are written as we would write them. */
  value->text = *text >= '1' && *text <= '9' && text[strspn (text, DIGITS)] == '\0'
                    ? vl_arena_strdup (arena, text)
                    : vl_arena_printf (arena, "%" PRId64, number);
  return NULL;
}

static const char *
parse_int (struct vl_arena *arena, const struct vl_prop *row, const char *text,
           struct vl_value *value)
{
  const char *digits = text + (*text == '-');
  int64_t number;

  if (*digits == '\0' || digits[strspn (digits, DIGITS)])
    return not_in_range (arena, row, "is not a whole number");
  errno = 0;
  number = strtoll (text, NULL, 10);
  return errno ? not_in_range (arena, row, "is out of range")
               : take_number (arena, row, text, number, value);
}

/* How many bits the suffix of a size stands for; -1: no such suffix.  As in
 * oslo.utils' IEC reading, K and Ki are both 1024. */
static int
size_shift (const char *suffix)
{
  static const char letters[] = "KMGT";
  const char *letter = *suffix ? strchr (letters, vl_ascii_upper (*suffix)) : NULL;

  if (letter) {
    suffix++;
    suffix += *suffix == 'i';
  }
  suffix += *suffix == 'B';
  return *suffix ? -1 : letter ? 10 * (int)(letter - letters + 1) : 0;
}

static const char *
parse_size (struct vl_arena *arena, const struct vl_prop *row, const char *text,
            struct vl_value *value)
{
  size_t n = strspn (text, DIGITS);
  int shift = n ? size_shift (text + n) : -1;
  unsigned long long number;

  if (shift < 0)
    return "is not a size; accepted: a whole number of bytes, or one with a suffix K M G T (or KiB "
           "MiB GiB TiB)";
  errno = 0;
  number = strtoull (text, NULL, 10);
  if (errno || number > (unsigned long long)INT64_MAX >> shift)
    return "is out of range; accepted: less than 8 EiB";
  return take_number (arena, row, text, (int64_t)(number << shift), value);
}

/* Digits, and up to four more after a point: read without the locale. */
static const char *
parse_decimal (struct vl_arena *arena, const char *text, struct vl_value *value)
{
  size_t whole = strspn (text, DIGITS);
  const char *point = text + whole;
  size_t rest = *point == '.' ? strspn (point + 1, DIGITS) : 0;

  if (whole == 0 || whole > 9 || rest > 4 || (*point == '.' && rest == 0)
      || point[rest ? rest + 1 : 0])
    return "is not a decimal number; accepted: as in '4' or '1.25', with at most four digits after "
           "the point";
  value->number = strtoll (text, NULL, 10);
  for (size_t i = 1; i <= 4; i++)
    value->number = value->number * 10 + (i <= rest ? point[i] - '0' : 0);
  value->text = vl_arena_strdup (arena, text);
  return NULL;
}

static const char *
kept_text (struct vl_arena *arena, const struct vl_prop *row, const char *text, size_t n)
{
  char *copy = vl_arena_strndup (arena, text, n);

  for (char *p = copy; (row->flags & VL_LOWER) && *p; p++)
    *p = vl_ascii_lower (*p);
  return copy;
}

/* *TEXT as the row spells the choice that it stands for. */
static const char *
match_choice (struct vl_arena *arena, const struct vl_prop *row, const char **text)
{
  struct vl_spell spell = { .wanted = *text };
  VL_AUTOSTR struct vl_str all = { 0 };

  for (const char *const *choice = row->choices; *choice; choice++)
    if (row->flags & (VL_NOCASE | VL_LOWER) ? vl_ascii_casecmp (*text, *choice) == 0
                                            : VL_STREQ (*text, *choice)) {
      *text = *choice;
      return NULL;
    }
  for (const char *const *choice = row->choices; *choice; choice++) {
    vl_spell_offer (&spell, *choice);
    vl_str_printf (&all, " %s", *choice);
  }
  return vl_arena_printf (arena, "is not among the choices; accepted:%s%s%s%s",
                          all.text ? all.text : "", spell.best ? "; did you mean '" : "",
                          spell.best ? spell.best : "", spell.best ? "'?" : "");
}

/* The first of what stands between SEPARATORS in *TEXT, which moves on behind it, without
 * blanks around it and *LENGTH long. */
static const char *
next_item (const char **text, const char *separators, size_t *length)
{
  const char *item = *text + strspn (*text, " \t");

  *text += strcspn (*text, separators);
  *length = item < *text ? (size_t)(*text - item) : 0;
  while (*length && strchr (" \t", item[*length - 1]))
    --*length;
  return item;
}

static const char *
parse_list (struct vl_arena *arena, const struct vl_prop *row, const char *text,
            struct vl_value *value)
{
  VL_AUTOSTR struct vl_str joined = { 0 };
  const char *separators = row->flags & VL_WORDS ? " \t," : ",";
  size_t room = 1;

  for (const char *p = text; *p; p++)
    room += strchr (separators, *p) != NULL;
  value->items = vl_arena_alloc (arena, (room + 1) * sizeof *value->items);
  for (const char *p = text; *text; p++) {
    size_t length;
    const char *item, *kept, *why;

    if (row->flags & VL_WORDS && *(p += strspn (p, separators)) == '\0')
      break;
    item = next_item (&p, separators, &length);
    if (length == 0)
      return "has an empty item; accepted: items with a comma between";
    kept = kept_text (arena, row, item, length);
    why = row->choices ? match_choice (arena, row, &kept) : NULL;
    if (why)
      return vl_arena_printf (
          arena, "has an item '%s' that %s",
          row->flags & VL_SECRET ? VL_HIDDEN : vl_arena_strndup (arena, item, length), why);
    value->items[value->n_items++] = kept;
    vl_str_printf (&joined, "%s%s", joined.length ? "," : "", kept);
    if (*p == '\0')
      break;
  }
  value->text = vl_arena_strdup (arena, joined.text ? joined.text : "");
  return NULL;
}

/* What is wrong with the mask *TEXT, which loses its leading blanks; NULL: nothing.  Only
 * its guest knows what "all" is: here it is every CPU that there may be. */
static const char *
mask_problem (struct vl_arena *arena, const char **text)
{
  const char *why;

  *text += strspn (*text, " \t");
  vl_cpuset_canonical (
      arena, **text == '^' ? vl_arena_printf (arena, "0-%d,%s", VL_CPUSET_MAX - 1, *text) : *text,
      &why);
  return why;
}

static const char *
parse_typed (struct vl_arena *arena, const struct vl_prop *row, const char *text,
             struct vl_value *value)
{
  const char *why = NULL;

  switch (row->type) {
  case VL_BOOL:
  case VL_TRISTATE:
    return parse_bool (text, value);
  case VL_INT:
    return parse_int (arena, row, text, value);
  case VL_SIZE:
    return parse_size (arena, row, text, value);
  case VL_STRING:
    value->text = kept_text (arena, row, text, strlen (text));
    return row->flags & VL_MASK ? mask_problem (arena, &value->text) : NULL;
  case VL_CHOICE:
    value->text = text;
    return match_choice (arena, row, &value->text);
  case VL_LIST:
    return parse_list (arena, row, text, value);
  case VL_CPUSET:
    value->text = vl_cpuset_canonical (arena, text, &why);
    return value->text ? NULL : why;
  case VL_DECIMAL:
    return parse_decimal (arena, text, value);
  }
  return vl_arena_printf (arena, "is of a type (%d) that this virtloom does not know",
                          (int)row->type);
}

/* Empty TEXT, where that is neither a value nor unset: the type's own parser knows best
 * what would be accepted. */
static const char *
empty_problem (struct vl_arena *arena, const struct vl_prop *row)
{
  struct vl_value value = { 0 };
  const char *why = row->type == VL_STRING || row->type == VL_LIST || row->type == VL_CPUSET
                        ? NULL
                        : parse_typed (arena, row, "", &value);
  const char *accepted = why ? strstr (why, "; accepted") : NULL;

  return vl_arena_printf (arena, "is empty%s",
                          accepted ? accepted : "; leave the key out to have it unset");
}

static const char *
parse_value (struct vl_arena *arena, const struct vl_prop *row, const char *text, size_t longest,
             struct vl_value *value)
{
  const char *why = NULL;

  memset (value, 0, sizeof *value);
  value->type = row->type;
  if (*text == '\0' && (row->flags & VL_EMPTY_UNSET))
    return NULL;
  if (*text == '\0' && ! (row->flags & VL_EMPTY_OK))
    return empty_problem (arena, row);
  if (strlen (text) > longest)
    return vl_arena_printf (arena, "is longer than %zu bytes", longest);
  why = vl_text_problem (text, strlen (text));
  if (why)
    return why;
  /* Empty where that is a value: of the textual types only. */
  value->text = "";
  if (*text || row->type == VL_LIST)
    why = parse_typed (arena, row, text, value);
  value->set = why == NULL;
  return why;
}

int
vl_value_parse (struct vl_arena *arena, const struct vl_prop *row, const char *text,
                struct vl_value *value, const char **why)
{
  *why = parse_value (arena, row, text, LONGEST, value);
  return *why ? -1 : 0;
}

int
vl_value_take (struct vl_arena *arena, const struct vl_prop *row, const char *text,
               struct vl_value *value, const char **why)
{
  *why = parse_value (arena, row, text, SIZE_MAX, value);
  return *why ? -1 : 0;
}
