/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Small judgements on text; the nearest spelling by optimal string alignment. */

#include <config.h>

#include "lib/text.h"

#include <virtloom/ascii.h>

#include <limits.h>
#include <string.h>

#define SHOWN_BYTES 64 /* of a value in a message */

size_t
vl_utf8_length (unsigned char first)
{
  return first < 0x80   ? 1
         : first < 0xc2 ? 0
         : first < 0xe0 ? 2
         : first < 0xf0 ? 3
         : first < 0xf5 ? 4
                        : 0;
}

size_t
vl_utf8_read (const char *text, size_t n, uint32_t *code)
{
  static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
  const unsigned char *p = (const unsigned char *)text;
  size_t length = vl_utf8_length (*p);

  *code = length < 2 ? *p : *p & (0x7fu >> length);
  if (length == 0 || length > n)
    return 0;
  for (size_t i = 1; i < length; i++) {
    if ((p[i] & 0xc0) != 0x80)
      return 0;
    *code = *code << 6 | (p[i] & 0x3fu);
  }
  if (*code < least[length] || *code > 0x10ffff || (*code >= 0xd800 && *code <= 0xdfff))
    return 0;
  return length;
}

/* C0, DEL, and the C1 set, which terminals obey too. */
static int
is_control (uint32_t code)
{
  return code < 0x20 || (code >= 0x7f && code < 0xa0);
}

/* What is not seen, or looks like something else.  Values may have what NAME marks, which is
 * good typography there; two names that differ by it look the same. */
static const struct {
  uint32_t first, last;
  enum { ANYWHERE, NAME, BLANK } where;
} hidden[] = {
  /* Unicode's categories Cf, Zl, Zp and Co, and what is no character. */
  { 0xad, 0xad, ANYWHERE },
  { 0x600, 0x605, NAME }, /* signs of Arabic and other scripts, which are seen */
  { 0x61c, 0x61c, ANYWHERE },
  { 0x6dd, 0x6dd, NAME },
  { 0x70f, 0x70f, NAME },
  { 0x890, 0x891, NAME },
  { 0x8e2, 0x8e2, NAME },
  { 0x180e, 0x180e, ANYWHERE },
  { 0x200b, 0x200f, ANYWHERE },
  { 0x2028, 0x202e, ANYWHERE },
  { 0x2060, 0x206f, ANYWHERE },
  { 0xe000, 0xf8ff, ANYWHERE },
  { 0xfdd0, 0xfdef, ANYWHERE },
  { 0xfeff, 0xfeff, ANYWHERE },
  { 0xfff9, 0xfffb, ANYWHERE },
  { 0x110bd, 0x110bd, NAME },
  { 0x110cd, 0x110cd, NAME },
  { 0x13430, 0x1343f, ANYWHERE },
  { 0x1bca0, 0x1bca3, ANYWHERE },
  { 0x1d173, 0x1d17a, ANYWHERE },
  { 0xe0000, 0xe007f, ANYWHERE },
  { 0xf0000, 0x10ffff, ANYWHERE },
  /* Its property Default_Ignorable_Code_Point: fillers, selectors of variants. */
  { 0x34f, 0x34f, NAME },
  { 0x115f, 0x1160, NAME },
  { 0x17b4, 0x17b5, NAME },
  { 0x180b, 0x180f, NAME },
  { 0x3164, 0x3164, NAME },
  { 0xfe00, 0xfe0f, NAME },
  { 0xffa0, 0xffa0, NAME },
  { 0xfff0, 0xfff8, NAME },
  { 0xe0080, 0xe0fff, NAME },
  /* Its category Zs but U+0020, and the pattern of Braille without a dot. */
  { 0xa0, 0xa0, BLANK },
  { 0x1680, 0x1680, BLANK },
  { 0x2000, 0x200a, BLANK },
  { 0x202f, 0x202f, BLANK },
  { 0x205f, 0x205f, BLANK },
  { 0x2800, 0x2800, BLANK },
  { 0x3000, 0x3000, BLANK },
};

/* Where CODE may not stand, as in the table; -1: it may anywhere. */
static int
hidden_where (uint32_t code)
{
  for (size_t i = 0; i < sizeof hidden / sizeof hidden[0]; i++)
    if (code >= hidden[i].first && code <= hidden[i].last)
      return hidden[i].where;
  return (code & 0xfffe) == 0xfffe ? ANYWHERE : -1;
}

static const char *
problem_of (const char *text, size_t length, int name)
{
  uint32_t code;
  int where;

  for (size_t i = 0, n; i < length; i += n) {
    n = 1;
    /* Nearly all that there is, told apart without reading it. */
    if (text[i] >= ' ' && text[i] < 0x7f)
      continue;
    n = vl_utf8_read (text + i, length - i, &code);
    if (n == 0)
      return "is not UTF-8 text";
    if (is_control (code))
      return "has a control character; accepted: printable text";
    where = hidden_where (code);
    if (where == ANYWHERE || (name && where == NAME))
      return "has a character that is not seen; accepted: printable text";
    if (name && where == BLANK)
      return "has a blank other than U+0020; accepted: printable text";
  }
  return NULL;
}

const char *
vl_text_problem (const char *text, size_t length)
{
  return problem_of (text, length, 0);
}

const char *
vl_name_problem (const char *text, size_t length)
{
  const char *problem = problem_of (text, length, 1);

  if (problem == NULL && length && (text[0] == ' ' || text[length - 1] == ' '))
    problem = "begins or ends with a blank; accepted: text without blanks around it";
  return problem;
}

/* How many bytes of TEXT, from its first on, are ASCII that is seen: most of what there is. */
static size_t
plain_run (const char *text, size_t length)
{
  size_t n = 0;

  while (n < length && text[n] >= ' ' && text[n] <= '~')
    n++;
  return n;
}

/* Each byte of what is not seen as "\x1b": with NAME also of what values may have. */
static char *
clean_of (const char *text, size_t length, int name)
{
  struct vl_str clean = { 0 };
  uint32_t code;

  vl_str_add (&clean, "");
  for (size_t i = 0, n, end; i < length; i = end) {
    n = plain_run (text + i, length - i);
    code = ' ';
    if (n == 0)
      n = vl_utf8_read (text + i, length - i, &code);
    end = i + (n ? n : 1);
    if (n && ! is_control (code)
        && (name ? hidden_where (code) < 0 : hidden_where (code) != ANYWHERE))
      vl_str_add_n (&clean, text + i, n);
    else
      for (size_t k = i; k < end; k++)
        vl_str_printf (&clean, "\\x%02x", (unsigned)(unsigned char)text[k]);
  }
  return clean.text;
}

#define INTERFACE_BYTES 15 /* IFNAMSIZ less the NUL */

const char *
vl_interface_problem (const char *name)
{
  size_t n = strlen (name);

  if (n == 0 || n > INTERFACE_BYTES)
    return "is no name of a network interface; accepted: 1 to 15 bytes";
  if (name[0] == '-' || VL_STREQ (name, ".") || VL_STREQ (name, ".."))
    return "is no name of a network interface; accepted: names as 'br0', without a leading '-'";
  for (; *name; name++)
    if ((unsigned char)*name <= ' ' || (unsigned char)*name >= 0x7f || *name == '/' || *name == ':')
      return "is no name of a network interface; accepted: printable ASCII without blank, '/' and "
             "':'";
  return NULL;
}

char *
vl_text_clean_n (const char *text, size_t length)
{
  return clean_of (text, length, 0);
}

char *
vl_text_clean (const char *text)
{
  return vl_text_clean_n (text, strlen (text));
}

const char *
vl_passwordless (struct vl_arena *arena, const char *text)
{
  const char *user = text ? strstr (text, "://") : NULL, *colon, *at;
  size_t length;

  if (user == NULL)
    return text;
  user += 3;
  length = strcspn (user, " \t\n");
  colon = memchr (user, ':', length);
  at = memrchr (user, '@', length);
  if (colon == NULL || at == NULL || at < colon)
    return vl_arena_printf (arena, "%.*s%s", (int)(user - text), text,
                            vl_passwordless (arena, user));
  return vl_arena_printf (arena, "%.*s***%s", (int)(colon + 1 - text), text,
                          vl_passwordless (arena, at));
}

const char *
vl_shown (struct vl_arena *arena, const char *whole)
{
  const char *text = vl_passwordless (arena, whole);
  size_t n = strlen (text), cut = n > SHOWN_BYTES ? SHOWN_BYTES : n;
  VL_AUTOFREE char *clean = NULL;

  /* Not in the middle of a character. */
  while (cut < n && cut > 0 && (text[cut] & 0xc0) == 0x80)
    cut--;
  clean = clean_of (text, cut, 1);
  return vl_arena_printf (arena, "%s%s", clean, cut < n ? "..." : "");
}

char *
vl_shell_quote (const char *text)
{
  static const char plain[] =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._+-:@%";
  int odd = vl_text_problem (text, strlen (text)) != NULL;
  struct vl_str word = { 0 };

  if (*text && text[strspn (text, plain)] == '\0')
    return vl_xstrdup (text);
  /* What is not printable stands as "\x1b" here, and means that to bash, zsh and ksh. */
  vl_str_add (&word, odd ? "$'" : "'");
  for (; *text; text++)
    if (*text == '\'')
      vl_str_add (&word, odd ? "\\'" : "'\\''");
    else if (odd && (*text == '\\' || *text < ' ' || *text == 0x7f))
      vl_str_printf (&word, "\\x%02x", (unsigned)(unsigned char)*text);
    else
      vl_str_add_n (&word, text, 1);
  vl_str_add (&word, "'");
  return word.text;
}

const char *
vl_shell_word (struct vl_arena *arena, const char *text)
{
  VL_AUTOFREE char *word = vl_shell_quote (text);

  return vl_arena_strdup (arena, word);
}

char *
vl_name_quote (const char *name)
{
  VL_AUTOFREE char *word = vl_shell_quote (name);

  return vl_xasprintf ("%s%s", *name == '-' ? "-- " : "", word);
}

const char *
vl_name_word (struct vl_arena *arena, const char *name)
{
  VL_AUTOFREE char *word = vl_name_quote (name);

  return vl_arena_strdup (arena, word);
}

int
vl_name_is_secret (const char *name)
{
  static const char *const words[] = { "password", "passwd", "secret", "token", "credential" };

  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
    if (strstr (name, words[i]))
      return 1;
  return VL_ENDS (name, "_key");
}

const char *
vl_text_time (char text[VL_TIME_BYTES], time_t time)
{
  struct tm tm;

  strftime (text, VL_TIME_BYTES, "%Y-%m-%dT%H:%M:%SZ", gmtime_r (&time, &tm));
  return text;
}

uint32_t
vl_hash (uint32_t hash, const void *bytes, size_t n)
{
  for (const unsigned char *b = bytes; n > 0; n--)
    hash = (hash ^ *b++) * 16777619u;
  return hash;
}

int
vl_text_same (const char *a, const char *b)
{
  return a == b || (a && b && strcmp (a, b) == 0);
}

int
vl_text_among (const char *text, const char *const *list)
{
  for (; text && *list; list++)
    if (strcmp (text, *list) == 0)
      return 1;
  return 0;
}

int
vl_text_is_version (const char *text)
{
  size_t n = strspn (text, "0123456789.");

  return n && text[n] == '\0' && text[0] != '.' && text[n - 1] != '.' && ! strstr (text, "..");
}

int
vl_text_in_folder (const char *path, const char *folder)
{
  size_t n = strlen (folder);
  const char *name = path + n + 1;

  if (strncmp (path, folder, n) != 0 || path[n] != '/' || *name == '\0' || *name == '.')
    return 0;
  while (vl_ascii_is_alnum (*name) || *name == '.' || *name == '_' || *name == '-')
    name++;
  return *name == '\0';
}

int
vl_plugin_name_ok (const char *name)
{
  size_t n = strlen (name);

  return n >= 1 && n <= 31 && name[0] >= 'a' && name[0] <= 'z'
         && strspn (name, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

int
vl_key_matches (const char *pattern, const char *key)
{
  size_t n = strlen (pattern);
  const char *digits;

  if (strcmp (pattern, key) == 0)
    return 1;
  if (n < 3 || strcmp (pattern + n - 2, ".N") != 0 || strncmp (pattern, key, n - 1) != 0)
    return 0;
  digits = key + n - 1;
  return *digits && digits[strspn (digits, "0123456789")] == '\0';
}

/* ---- spelling ---- */

#define LONGEST 128

static int
same (char a, char b)
{
  return vl_ascii_lower (a) == vl_ascii_lower (b);
}

/* Insertions, deletions, replacements and swaps of neighbours between A and B;
 * without case.  Texts over 128 bytes are as far apart as can be. */
static unsigned
distance_of (const char *a, const char *b)
{
  unsigned rows[3][LONGEST + 1];
  unsigned *before = rows[0], *last = rows[1], *now = rows[2];
  size_t n = strlen (a), m = strlen (b);

  if (n > LONGEST || m > LONGEST)
    return UINT_MAX;
  for (size_t j = 0; j <= m; j++)
    last[j] = (unsigned)j;
  for (size_t i = 1; i <= n; i++) {
    unsigned *spare;

    now[0] = (unsigned)i;
    for (size_t j = 1; j <= m; j++) {
      unsigned cost = ! same (a[i - 1], b[j - 1]);

      now[j] = (last[j] < now[j - 1] ? last[j] : now[j - 1]) + 1;
      if (last[j - 1] + cost < now[j])
        now[j] = last[j - 1] + cost;
      if (i > 1 && j > 1 && same (a[i - 1], b[j - 2]) && same (a[i - 2], b[j - 1])
          && before[j - 2] + 1 < now[j])
        now[j] = before[j - 2] + 1;
    }
    spare = before;
    before = last;
    last = now;
    now = spare;
  }
  return last[m];
}

void
vl_spell_offer (struct vl_spell *spell, const char *candidate)
{
  size_t length = strlen (spell->wanted);
  unsigned allowed = length < 4 ? 1 : length < 6 ? 2 : (unsigned)(length / 3);
  unsigned distance = distance_of (spell->wanted, candidate);

  if (distance > allowed || distance >= strlen (candidate))
    return;
  /* Of equally near ones the first in byte order, whatever the order of offers. */
  if (spell->best == NULL || distance < spell->distance
      || (distance == spell->distance && strcmp (candidate, spell->best) < 0)) {
    spell->best = candidate;
    spell->distance = distance;
  }
}

static const char *
next_number (const char *text, unsigned long long *number)
{
  char *end;

  *number = 0;
  if (! vl_ascii_is_digit (*text))
    return "";
  *number = strtoull (text, &end, 10);
  return *end == '.' ? end + 1 : "";
}

int
vl_version_compare (const char *a, const char *b)
{
  while (*a || *b) {
    unsigned long long x, y;

    a = next_number (a, &x);
    b = next_number (b, &y);
    if (x != y)
      return x < y ? -1 : 1;
  }
  return 0;
}
