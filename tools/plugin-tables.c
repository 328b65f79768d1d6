/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The part of `plugin check` that judges what the module's tables say, beyond what it is
 * loaded for: rows that would never do what they say, text that nobody could read; and what
 * stands beside the module. */

#include <config.h>

#include "plugin-check.h"

#include "lib/text.h"

#include <virtloom/ascii.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAGE_LIMIT ((size_t)4 << 20)
#define LONGEST_NAME 64

/* ---- odd rows ---- */

/* Rows that are odd are told as they are found. */
struct judging {
  struct tap *tap;
  const struct vl_plugin_info *info;
  int odd;
};

static void VL_PRINTF (4, 5)
    say_odd (struct judging *j, const char *what, const char *name, const char *fmt, ...)
{
  va_list args;
  char *text;

  va_start (args, fmt);
  text = vl_xvasprintf (fmt, args);
  va_end (args);
  tap_note (j->tap, "%s '%.*s' %s", what, LONGEST_NAME, name, text);
  j->odd++;
  free (text);
}

static void
judge_text (struct judging *j, const char *what, const char *name, const char *member,
            const char *text)
{
  const char *problem = text ? vl_text_problem (text, strlen (text)) : NULL;

  if (problem)
    say_odd (j, what, name, "has %s that %s", member, problem);
}

/* Is TEXT made of letters, digits and OTHERS alone? */
static int
is_word (const char *text, const char *others)
{
  if (*text == '\0')
    return 0;
  for (; *text; text++)
    if (! vl_ascii_is_alnum (*text) && strchr (others, *text) == NULL)
      return 0;
  return 1;
}

/* What a flag or rule of a row is for. */
#define OF(type_) (1u << (type_))
static const struct {
  uint32_t flag;
  unsigned types;
  const char *name, *accepted;
} flags[] = {
  { VL_NOCASE, OF (VL_CHOICE) | OF (VL_LIST), "VL_NOCASE", "choices and lists" },
  { VL_LOWER, OF (VL_STRING) | OF (VL_CHOICE) | OF (VL_LIST), "VL_LOWER",
    "strings, choices and lists" },
  { VL_MASK, OF (VL_STRING), "VL_MASK", "strings" },
};

static const struct {
  enum vl_rule rule;
  unsigned types;
  const char *name, *accepted;
} rules[] = {
  { VL_EITHER, OF (VL_BOOL) | OF (VL_TRISTATE), "VL_EITHER", "booleans" },
  { VL_IMAGE_NARROWS, OF (VL_INT) | OF (VL_SIZE) | OF (VL_DECIMAL), "VL_IMAGE_NARROWS", "numbers" },
};

static void
judge_choices (struct judging *j, const struct vl_prop *row)
{
  int nocase = (row->flags & (VL_NOCASE | VL_LOWER)) != 0;

  if (row->choices && row->type != VL_CHOICE && row->type != VL_LIST)
    say_odd (j, "property", row->name, "has choices; accepted: of choices and lists");
  for (size_t i = 0; row->choices && row->choices[i]; i++) {
    const char *choice = row->choices[i];

    if (*choice == '\0')
      say_odd (j, "property", row->name, "has an empty choice");
    judge_text (j, "property", row->name, "a choice", choice);
    for (size_t k = 0; k < i; k++)
      if (nocase ? vl_ascii_casecmp (choice, row->choices[k]) == 0
                 : strcmp (choice, row->choices[k]) == 0)
        say_odd (j, "property", row->name, "has the choice '%s' twice", choice);
  }
}

static void
judge_type (struct judging *j, const struct vl_prop *row)
{
  for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
    if (row->flags & flags[i].flag && ! (flags[i].types & OF (row->type)))
      say_odd (j, "property", row->name, "has flag %s; accepted: of %s", flags[i].name,
               flags[i].accepted);
  for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
    if (row->rule == rules[i].rule && ! (rules[i].types & OF (row->type)))
      say_odd (j, "property", row->name, "has rule %s; accepted: of %s", rules[i].name,
               rules[i].accepted);
  if (row->max > row->min && row->type != VL_INT && row->type != VL_SIZE)
    say_odd (j, "property", row->name, "has limits; accepted: of numbers and sizes");
  judge_choices (j, row);
}

/* ".N" at the end of a key says that the row is indexed. */
static void
judge_key (struct judging *j, const struct vl_prop *row, const char *key)
{
  size_t n = key ? strlen (key) : 0;
  int indexed = n > 2 && strcmp (key + n - 2, ".N") == 0;

  if (key && indexed != ((row->flags & VL_INDEXED) != 0))
    say_odd (j, "property", row->name,
             indexed ? "has key '%s', and no VL_INDEXED"
                     : "is VL_INDEXED, and its key '%s' has no .N",
             key);
}

static void
judge_prop (struct judging *j, const struct vl_prop *row)
{
  const char *dot = row->nova ? strchr (row->nova, '.') : NULL;
  const char *codes[] = { row->invalid_code, row->conflict_code };

  if (! vl_ascii_is_alnum (row->name[0]) || strlen (row->name) > LONGEST_NAME)
    say_odd (j, "property", row->name,
             "is no name; accepted: a letter or digit first, at most %d bytes", LONGEST_NAME);
  judge_text (j, "property", row->name, "help", row->help);
  judge_text (j, "property", row->name, "a unit", row->unit);
  if (row->since && ! vl_text_is_version (row->since))
    say_odd (j, "property", row->name, "is there since '%s'; accepted: as '0.1'", row->since);
  if (row->nova && (dot == NULL || strchr (dot + 1, '.') || ! is_word (row->nova, "._")))
    say_odd (j, "property", row->name, "stands for '%s'; accepted: SECTION.OPTION", row->nova);
  for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
    if (codes[i] && ! is_word (codes[i], ""))
      say_odd (j, "property", row->name, "has code '%s'; accepted: letters and digits", codes[i]);
  judge_type (j, row);
  judge_key (j, row, row->flavor_key);
  judge_key (j, row, row->image_key);
}

/* Why PATH is none of a document's, or NULL. */
static const char *
path_problem (const char *path)
{
  static const char name[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:-";

  if (strlen (path) > 512)
    return "is longer than 512 bytes";
  if (*path == '*' || strncmp (path, "[*]", 3) == 0)
    return "begins with any element: name it";
  for (const char *part = path;; part++) {
    size_t n = *part == '*' ? 1 : strncmp (part, "[*]", 3) == 0 ? 3 : 0;

    n = n ? n : (*part == '@') + strspn (part + (*part == '@'), name);
    if (n == 0 || (*part == '@' && (n == 1 || part[n])) || *part == '.')
      return "is no path; accepted: as 'a/b', 'a/b/@x', 'a/[*]/b', 'a/b[key=value]'";
    part += n;
    if (*part == '[')
      part += strcspn (part, "]") + (strchr (part, ']') != NULL);
    if (*part == '\0')
      return NULL;
    if (*part != '/')
      return "is no path; accepted: as 'a/b', 'a/b/@x', 'a/[*]/b', 'a/b[key=value]'";
  }
}

static void
judge_writes (struct judging *j)
{
  const struct vl_write *rows = j->info->writes;

  for (size_t i = 0; i < j->info->n_writes; i++) {
    const char *problem = path_problem (rows[i].path);

    if (problem)
      say_odd (j, "path", rows[i].path, "%s", problem);
    for (size_t k = 0; k < i; k++)
      if (strcmp (rows[i].path, rows[k].path) == 0)
        say_odd (j, "path", rows[i].path, "is there twice");
  }
}

static int
fills (const struct vl_plugin_info *info, const char *slot)
{
  for (size_t i = 0; i < info->n_props; i++)
    if (vl_text_same (info->props[i].fills, slot))
      return 1;
  return 0;
}

static void
judge_offers (struct judging *j)
{
  const struct vl_offer *rows = j->info->offers;

  for (size_t i = 0; i < j->info->n_offers; i++) {
    if (! is_word (rows[i].name, "_.-"))
      say_odd (j, "offer", rows[i].name, "is no word");
    if (rows[i].prefix && ! is_word (rows[i].prefix, ""))
      say_odd (j, "offer", rows[i].name, "has prefix '%s'; accepted: letters", rows[i].prefix);
    if (rows[i].virt && ! is_word (rows[i].virt, " "))
      say_odd (j, "offer", rows[i].name, "is for '%s'; accepted: domain types, as 'kvm qemu'",
               rows[i].virt);
    if (j->info->kind == VL_KIND_FEATURE && ! fills (j->info, rows[i].slot))
      say_odd (j, "offer", rows[i].name, "is for the slot %s, which no property fills",
               rows[i].slot);
    for (size_t k = 0; k < i; k++)
      if (strcmp (rows[i].slot, rows[k].slot) == 0 && strcmp (rows[i].name, rows[k].name) == 0)
        say_odd (j, "offer", rows[i].name, "is there twice");
  }
}

static void
judge_names (struct judging *j, const char *what, const char *const *names)
{
  for (size_t i = 0; names[i]; i++)
    for (size_t k = 0; k < i; k++)
      if (strcmp (names[i], names[k]) == 0)
        say_odd (j, what, names[i], "is there twice");
}

static void
judge_rows (struct checking *c, const struct vl_plugin_info *info)
{
  struct judging j = { .tap = c->tap, .info = info };

  judge_text (&j, "plugin", info->name, "a summary", info->summary);
  judge_text (&j, "plugin", info->name, "a version", info->version);
  for (size_t i = 0; i < info->n_props; i++)
    judge_prop (&j, &info->props[i]);
  judge_writes (&j);
  judge_offers (&j);
  judge_names (&j, "what it reads", info->reads);
  judge_names (&j, "what it wakes", info->wakes);
  judge_names (&j, "what it needs", info->needs);
  judge_names (&j, "what it conflicts with", info->conflicts);
  judge_names (&j, "trait", info->traits);
  tap_ok (c->tap, j.odd == 0, "its tables have no row that could not do what it says",
          "%d are above", j.odd);
}

/* ---- tables ---- */

/* Adds 'WORD' to LIST. */
static void
add_word (char **list, const char *word)
{
  char *longer = vl_xasprintf ("%s%s'%s'", *list ? *list : "", *list ? ", " : "", word);

  free (*list);
  *list = longer;
}

void
check_tables (struct checking *c, const struct vl_plugin_info *info)
{
  char *helpless = NULL, *undated = NULL;

  for (size_t i = 0; i < info->n_props; i++) {
    if (info->props[i].help == NULL || *info->props[i].help == '\0')
      add_word (&helpless, info->props[i].name);
    if (info->props[i].since == NULL)
      add_word (&undated, info->props[i].name);
  }
  tap_ok (c->tap, helpless == NULL, "each row has a line of help", "not %s", helpless);
  tap_ok (c->tap, undated == NULL, "each row says since when", "not %s", undated);
  tap_ok (c->tap, info->summary && *info->summary, "it has a summary", "there is none");
  judge_rows (c, info);
  for (size_t i = 0; i < info->n_tools; i++)
    tap_note (c->tap, "it runs the program %s, which has: %s", info->tools[i].program,
              program_has (c->tool, &info->tools[i]));
  free (helpless);
  free (undated);
}

/* ---- what goes with it ---- */

/* The text of the page that stands beside the module, or in a build tree one folder
 * above it; NULL: none. */
static char *
read_page (struct checking *c)
{
  const char *kind = c->note.kind == VL_KIND_DRIVER ? "driver" : "feature";
  const char *slash = strrchr (c->file, '/');
  size_t n = (size_t)(slash - c->file);
  int libtool = n > 6 && strncmp (slash - 6, "/.libs", 6) == 0;
  char *text = NULL;

  for (int i = 0; i < 6 && text == NULL; i++) {
    static const char *const forms[] = { "%.*s/%s%s.pod", "%.*s/virtloom-%s-%s.pod",
                                         "%.*s/virtloom-%s-%s.7" };
    char *path;
    size_t length;

    if (i >= 3 && ! libtool)
      break;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    path =
        vl_xasprintf (forms[i % 3], (int)(i < 3 ? n : n - 6), c->file, i % 3 ? kind : "", c->name);
#pragma GCC diagnostic pop
    if (access (path, R_OK) == 0)
      text = tool_read (c->tool, path, PAGE_LIMIT, &length);
    free (path);
  }
  return text;
}

void
check_page (struct checking *c, const struct vl_plugin_info *info)
{
  char *page = read_page (c), *missing = NULL, *to = page;

  if (! tap_ok (c->tap, page != NULL, "its manual page stands beside it",
                "accepted: %s.pod, virtloom-%s-%s.pod or .7", c->name,
                info->kind == VL_KIND_DRIVER ? "driver" : "feature", c->name))
    return;
  /* roff writes '\-' for '-'. */
  for (const char *from = page; *from; from++)
    if (*from != '\\')
      *to++ = *from;
  *to = '\0';
  for (size_t i = 0; i < info->n_props; i++) {
    const char *keys[] = { info->props[i].flavor_key, info->props[i].image_key,
                           info->props[i].setting };

    for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++)
      if (keys[k] && strstr (page, keys[k]) == NULL)
        add_word (&missing, keys[k]);
  }
  tap_ok (c->tap, missing == NULL, "its manual page has all of its keys and settings", "not %s",
          missing);
  free (missing);
  free (page);
}
