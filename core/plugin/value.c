/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Text to typed value, one way for properties, settings and virtloom.conf.
 * What a row does not accept is never a default: the answer says what is
 * accepted.  All results are memory of the arena. */

#include <config.h>

#include "plugin/registry.h"

#include "lib/cpuset.h"
#include "lib/spell.h"
#include "lib/text.h"

#include <virtloom/ascii.h>

#include <errno.h>
#include <inttypes.h>

/* The longest text of a value; a kernel command line is the longest that is
 * of any use. */
#define LONGEST 4096

static const char *const yes_words[] = { "1", "t", "true", "on", "y", "yes", NULL };
static const char *const no_words[] = { "0", "f", "false", "off", "n", "no", NULL };

static int
is_one_of (const char *text, const char *const *words)
{
  for (; *words; words++)
    if (vl_ascii_casecmp (text, *words) == 0)
      return 1;
  return 0;
}

static int
parse_bool (struct vl_arena *arena, const char *text, struct vl_value *value, const char **why)
{
  int on = is_one_of (text, yes_words);

  if (! on && ! is_one_of (text, no_words)) {
    *why = vl_arena_strdup (
        arena, "is not a boolean; accepted: 1 t true on y yes / 0 f false off n no, in any case");
    return -1;
  }
  value->number = on;
  value->text = on ? "true" : "false";
  return 0;
}

/* "0 to 100 ms", "a whole number": what an int or size row takes. */
static const char *
accepted_range (struct vl_arena *arena, const struct vl_prop *row)
{
  const char *blank = row->unit ? " " : "", *unit = row->unit ? row->unit : "";

  if (row->max > row->min)
    return vl_arena_printf (arena, "%" PRId64 " to %" PRId64 "%s%s", row->min, row->max, blank,
                            unit);
  return vl_arena_printf (arena, "a decimal number%s%s", row->unit ? " of " : "", unit);
}

static int
in_range (struct vl_arena *arena, const struct vl_prop *row, int64_t number, const char **why)
{
  if (row->max > row->min && (number < row->min || number > row->max)) {
    *why = vl_arena_printf (arena, "is out of range; accepted: %s", accepted_range (arena, row));
    return 0;
  }
  return 1;
}

static int
parse_int (struct vl_arena *arena, const struct vl_prop *row, const char *text,
           struct vl_value *value, const char **why)
{
  const char *digits = text + (*text == '-');

  if (*digits == '\0' || digits[strspn (digits, "0123456789")]) {
    *why =
        vl_arena_printf (arena, "is not a whole number; accepted: %s", accepted_range (arena, row));
    return -1;
  }
  errno = 0;
  value->number = strtoll (text, NULL, 10);
  if (errno) {
    *why = vl_arena_printf (arena, "is out of range; accepted: %s", accepted_range (arena, row));
    return -1;
  }
  if (! in_range (arena, row, value->number, why))
    return -1;
  value->text = vl_arena_printf (arena, "%" PRId64, value->number);
  return 0;
}

/* How many bits the suffix of a size stands for; -1: no such suffix.  As in
 * oslo.utils' IEC reading, K and Ki are both 1024. */
static int
size_shift (const char *suffix)
{
  static const char letters[] = "KMGT";
  const char *letter;
  int shift = 0;

  if (*suffix && (letter = strchr (letters, vl_ascii_upper (*suffix)))) {
    shift = 10 * (int)(letter - letters + 1);
    suffix++;
    if (*suffix == 'i')
      suffix++;
  }
  if (*suffix == 'B')
    suffix++;
  return *suffix ? -1 : shift;
}

static int
parse_size (struct vl_arena *arena, const struct vl_prop *row, const char *text,
            struct vl_value *value, const char **why)
{
  size_t n = strspn (text, "0123456789");
  int shift = n ? size_shift (text + n) : -1;
  unsigned long long number;

  if (shift < 0) {
    *why = vl_arena_strdup (arena, "is not a size; accepted: a whole number of bytes, or one with "
                                   "a suffix K M G T (or KiB MiB GiB TiB)");
    return -1;
  }
  errno = 0;
  number = strtoull (text, NULL, 10);
  if (errno || number > (unsigned long long)INT64_MAX >> shift) {
    *why = vl_arena_strdup (arena, "is out of range; accepted: less than 8 EiB");
    return -1;
  }
  value->number = (int64_t)(number << shift);
  if (! in_range (arena, row, value->number, why))
    return -1;
  value->text = vl_arena_printf (arena, "%" PRId64, value->number);
  return 0;
}

/* Digits, and up to four more after a point: read without the locale. */
static int
parse_decimal (struct vl_arena *arena, const char *text, struct vl_value *value, const char **why)
{
  size_t whole = strspn (text, "0123456789"), rest = 0;
  const char *point = text + whole;

  if (*point == '.')
    rest = strspn (point + 1, "0123456789");
  if (whole == 0 || whole > 9 || rest > 4 || (*point == '.' && rest == 0)
      || point[rest ? rest + 1 : 0]) {
    *why = vl_arena_strdup (arena, "is not a decimal number; accepted: as in '4' or '1.25', with "
                                   "at most four digits after the point");
    return -1;
  }
  value->number = strtoll (text, NULL, 10);
  for (size_t i = 1; i <= 4; i++)
    value->number = value->number * 10 + (i <= rest ? point[i] - '0' : 0);
  value->text = vl_arena_strdup (arena, text);
  return 0;
}

static char *
kept_text (struct vl_arena *arena, const struct vl_prop *row, const char *text, size_t n)
{
  char *copy = vl_arena_strndup (arena, text, n);

  if (row->flags & VL_LOWER)
    for (char *p = copy; *p; p++)
      *p = vl_ascii_lower (*p);
  return copy;
}

/* The choice that TEXT stands for, as the row spells it; NULL with *WHY. */
static const char *
match_choice (struct vl_arena *arena, const struct vl_prop *row, const char *text, const char **why)
{
  struct vl_spell spell = { .wanted = text };
  VL_AUTOSTR struct vl_str all = { 0 };

  for (const char *const *choice = row->choices; *choice; choice++) {
    if (row->flags & (VL_NOCASE | VL_LOWER) ? vl_ascii_casecmp (text, *choice) == 0
                                            : VL_STREQ (text, *choice))
      return *choice;
    vl_spell_offer (&spell, *choice);
    vl_str_printf (&all, " %s", *choice);
  }
  *why = vl_arena_printf (arena, "is not among the choices; accepted:%s", all.text ? all.text : "");
  if (spell.best)
    *why = vl_arena_printf (arena, "%s; did you mean '%s'?", *why, spell.best);
  return NULL;
}

static int
parse_list (struct vl_arena *arena, const struct vl_prop *row, const char *text,
            struct vl_value *value, const char **why)
{
  VL_AUTOSTR struct vl_str joined = { 0 }, words = { 0 };
  size_t room = 1;

  if (row->flags & VL_WORDS) {
    for (const char *p = text; *(p += strspn (p, " \t,")); p += strcspn (p, " \t,"))
      vl_str_printf (&words, "%s%.*s", words.length ? "," : "", (int)strcspn (p, " \t,"), p);
    text = words.text ? words.text : "";
  }
  for (const char *p = text; *p; p++)
    room += *p == ',';
  value->items = vl_arena_alloc (arena, (room + 1) * sizeof *value->items);
  for (const char *p = text; *text; p++) {
    size_t n = strcspn (p, ",");
    const char *item = p + strspn (p, " \t");
    size_t length = item < p + n ? (size_t)(p + n - item) : 0;
    const char *kept;

    while (length && (item[length - 1] == ' ' || item[length - 1] == '\t'))
      length--;
    if (length == 0) {
      *why = vl_arena_strdup (arena, "has an empty item; accepted: items with a comma between");
      return -1;
    }
    kept = kept_text (arena, row, item, length);
    if (row->choices && (kept = match_choice (arena, row, kept, why)) == NULL) {
      *why = vl_arena_printf (arena, "has an item '%.*s' that %s",
                              (int)(row->flags & VL_SECRET ? strlen (VL_HIDDEN) : length),
                              row->flags & VL_SECRET ? VL_HIDDEN : item, *why);
      return -1;
    }
    value->items[value->n_items++] = kept;
    vl_str_printf (&joined, "%s%s", joined.length ? "," : "", kept);
    p += n;
    if (*p == '\0')
      break;
  }
  value->text = vl_arena_strdup (arena, joined.text ? joined.text : "");
  return 0;
}

static int
parse_typed (struct vl_arena *arena, const struct vl_prop *row, const char *text,
             struct vl_value *value, const char **why)
{
  switch (row->type) {
  case VL_BOOL:
  case VL_TRISTATE:
    return parse_bool (arena, text, value, why);
  case VL_INT:
    return parse_int (arena, row, text, value, why);
  case VL_SIZE:
    return parse_size (arena, row, text, value, why);
  case VL_STRING:
    value->text = kept_text (arena, row, text, strlen (text));
    return 0;
  case VL_CHOICE:
    value->text = match_choice (arena, row, text, why);
    return value->text ? 0 : -1;
  case VL_LIST:
    return parse_list (arena, row, text, value, why);
  case VL_CPUSET:
    value->text = vl_cpuset_canonical (arena, text, why);
    return value->text ? 0 : -1;
  case VL_DECIMAL:
    return parse_decimal (arena, text, value, why);
  }
  *why =
      vl_arena_printf (arena, "is of a type (%d) that this virtloom does not know", (int)row->type);
  return -1;
}

static int
parse_value (struct vl_arena *arena, const struct vl_prop *row, const char *text, size_t longest,
             struct vl_value *value, const char **why)
{
  const char *problem;

  memset (value, 0, sizeof *value);
  value->type = row->type;
  if (*text == '\0' && (row->flags & VL_EMPTY_UNSET))
    return 0;
  if (*text == '\0' && ! (row->flags & VL_EMPTY_OK)) {
    const char *accepted = NULL;

    /* The type's own parser knows best what would be accepted. */
    if (row->type == VL_STRING || row->type == VL_LIST || row->type == VL_CPUSET
        || parse_typed (arena, row, text, value, &accepted) == 0)
      accepted = NULL;
    accepted = accepted ? strstr (accepted, "; accepted") : NULL;
    *why = vl_arena_printf (arena, "is empty%s",
                            accepted ? accepted : "; leave the key out to have it unset");
    return -1;
  }
  if (strlen (text) > longest) {
    *why = vl_arena_printf (arena, "is longer than %zu bytes", longest);
    return -1;
  }
  problem = vl_text_problem (text, strlen (text));
  if (problem) {
    *why = vl_arena_strdup (arena, problem);
    return -1;
  }
  /* Empty where that is a value: of the textual types only. */
  if (*text == '\0' && row->type != VL_LIST) {
    value->text = "";
    value->set = 1;
    return 0;
  }
  if (parse_typed (arena, row, text, value, why) < 0)
    return -1;
  value->set = 1;
  return 0;
}

int
vl_value_parse (struct vl_arena *arena, const struct vl_prop *row, const char *text,
                struct vl_value *value, const char **why)
{
  return parse_value (arena, row, text, LONGEST, value, why);
}

int
vl_value_take (struct vl_arena *arena, const struct vl_prop *row, const char *text,
               struct vl_value *value, const char **why)
{
  return parse_value (arena, row, text, SIZE_MAX, value, why);
}
