/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A scan of the whole text first, which knows every line and refuses what inih
 * mistreats; then inih through a reader that counts lines.  inih alone splits
 * long lines into new keys, cuts section names, lets an indent replace a value,
 * and ends at a NUL, all without a word. */

#include <config.h>

#include "plugin/ini.h"

#include "lib/file.h"
#include "lib/text.h"
#include "lib/trust.h"

#include <errno.h>
#include <fcntl.h>
#include <ini.h>

/* inih keeps names in 50 bytes and cuts what is longer. */
#define LONGEST_NAME 48
#define MOST_KEYS 1000
#define MOST_FINDINGS 20

enum line_kind { LINE_BLANK, LINE_COMMENT, LINE_SECTION, LINE_KEY, LINE_MORE, LINE_BAD };

struct scan {
  struct vl_call *call;
  struct vl_arena *arena;
  const char *plugin, *path;
  const char *text;
  size_t length, at;     /* inih's reader is AT this byte */
  int line;              /* of the line last handed out, from 1 */
  const char *section;   /* the one the scan is in, or NULL */
  enum line_kind before; /* what the last line that was no comment was */
  int bad, returns;
  struct vl_ini *ini;
  size_t entries_size, sections_size;
};

int
vl_ini_error (struct vl_call *call, const char *plugin, const char *path, int line,
              const char *hint, const char *fmt, ...)
{
  struct vl_report report = { .severity = VL_SEV_ERROR, .err = VL_ERR_REFUSED, .hint = hint };
  VL_AUTOFREE char *message = NULL;
  va_list args;

  report.plugin = plugin ? plugin : "core";
  report.origin = line ? vl_printf (call, "%s:%d", path, line) : path;
  va_start (args, fmt);
  if (vasprintf (&message, fmt, args) < 0)
    vl_oom ();
  va_end (args);
  return vl_report (call, &report, "%s", message);
}

/* One finding about the line that SCAN is at.  A file of a million bad lines is
 * one bad file: it stops telling at some point. */
static enum line_kind VL_PRINTF (2, 3) refuse (struct scan *scan, const char *fmt, ...)
{
  VL_AUTOFREE char *message = NULL;
  va_list args;

  if (scan->bad++ >= MOST_FINDINGS)
    return LINE_BAD;
  va_start (args, fmt);
  if (vasprintf (&message, fmt, args) < 0)
    vl_oom ();
  va_end (args);
  vl_ini_error (scan->call, scan->plugin, scan->path, scan->line, NULL, "%s", message);
  return LINE_BAD;
}

/* ---- the scan ---- */

static int
is_blank (char c)
{
  return c == ' ' || c == '\t';
}

static size_t
skip_blanks (const char *line, size_t n, size_t at)
{
  while (at < n && is_blank (line[at]))
    at++;
  return at;
}

static int
is_name (const char *text, size_t n)
{
  for (size_t i = 0; i < n; i++)
    if (! ((text[i] >= 'a' && text[i] <= 'z') || (text[i] >= 'A' && text[i] <= 'Z')
           || (text[i] >= '0' && text[i] <= '9') || strchr ("_.-", text[i])))
      return 0;
  return n > 0;
}

static enum line_kind
scan_section (struct scan *scan, const char *line, size_t n)
{
  const char *close = memchr (line, ']', n);
  size_t length = close ? (size_t)(close - line) - 1 : 0, rest;
  struct vl_ini *ini = scan->ini;
  const char *name;

  /* What follows a bad section is not at fault for standing in none. */
  scan->section = "";
  if (close == NULL)
    return refuse (scan, "a section that ']' does not end; accepted: [name]");
  if (length > LONGEST_NAME)
    return refuse (scan, "a section name longer than %d bytes", LONGEST_NAME);
  if (! is_name (line + 1, length))
    return refuse (scan, "section name '%.*s'; accepted: letters, digits, '_', '.' and '-'",
                   (int)length, line + 1);
  rest = skip_blanks (line, n, length + 2);
  if (rest < n && line[rest] != ';' && line[rest] != '#')
    return refuse (scan, "'%.*s' after a section; accepted: nothing but a comment", (int)(n - rest),
                   line + rest);
  name = vl_arena_strndup (scan->arena, line + 1, length);
  scan->section = name;
  for (size_t i = 0; i < ini->n_sections; i++)
    if (VL_STREQ (ini->sections[i].name, name))
      return refuse (scan, "section [%s] a second time; the first is in line %d", name,
                     ini->sections[i].line);
  VL_GROW (ini->sections, ini->n_sections, scan->sections_size);
  ini->sections[ini->n_sections++] = (struct vl_ini_section) { name, scan->line };
  return LINE_SECTION;
}

static enum line_kind
scan_key (struct scan *scan, const char *line, size_t n)
{
  size_t end = 0, length;

  while (end < n && line[end] != '=' && line[end] != ':')
    end++;
  if (end == n)
    return refuse (scan, "'%.*s' is neither [section] nor key = value nor a comment", (int)n, line);
  if (line[end] == ':')
    return refuse (scan, "':' after '%.*s'; accepted: key = value", (int)end, line);
  for (length = end - (end && line[end - 1] == '+'); length && is_blank (line[length - 1]);)
    length--;
  if (length == 0)
    return refuse (scan, "'=' without a key before it; accepted: key = value");
  if (length > LONGEST_NAME || (end > LONGEST_NAME && line[end - 1] == '+'))
    return refuse (scan, "a key longer than %d bytes", LONGEST_NAME);
  if (! is_name (line, length))
    return refuse (scan, "key '%.*s'; accepted: letters, digits, '_', '.' and '-'", (int)length,
                   line);
  if (scan->section == NULL)
    return refuse (scan, "key '%.*s' stands before any [section]", (int)length, line);
  return LINE_KEY;
}

/* An indented line goes on with a list; whether the key is one is for those to
 * say who know its type. */
static enum line_kind
scan_indented (struct scan *scan, const char *line, size_t n)
{
  if (line[0] == '[')
    return refuse (scan, "an indented section; accepted: '[' at the beginning of the line");
  if (scan->before != LINE_KEY && scan->before != LINE_MORE)
    return refuse (scan,
                   "an indented line '%.*s' that follows no list; accepted: no blanks before a key",
                   (int)n, line);
  return LINE_MORE;
}

static enum line_kind
scan_line (struct scan *scan, const char *line, size_t n)
{
  size_t start = skip_blanks (line, n, 0);
  const char *problem;

  if (memchr (line, '\0', n))
    return refuse (scan, "a NUL byte");
  if (memchr (line, '\r', n)) {
    enum line_kind kind = scan->returns ? LINE_BAD
                                        : refuse (scan, "a carriage return; accepted: lines that "
                                                        "end with a line feed alone");
    /* A file from another system has one in every line: said once. */
    scan->returns = 1;
    return kind;
  }
  if (n > VL_INI_LONGEST_LINE)
    return refuse (scan,
                   "a line of %zu bytes; accepted: at most %d (a list may go on in indented "
                   "lines)",
                   n, VL_INI_LONGEST_LINE);
  for (const char *p = line, *tab; p < line + n; p = tab + 1) {
    tab = memchr (p, '\t', (size_t)(line + n - p));
    tab = tab ? tab : line + n;
    problem = vl_text_problem (p, (size_t)(tab - p));
    if (problem)
      return refuse (scan, "the line %s", problem);
  }
  if (start == n)
    return LINE_BLANK;
  if (line[start] == ';' || line[start] == '#')
    return LINE_COMMENT;
  if (start > 0)
    return scan_indented (scan, line + start, n - start);
  return line[0] == '[' ? scan_section (scan, line, n) : scan_key (scan, line, n);
}

static void
scan_text (struct scan *scan)
{
  const char *end = scan->text + scan->length, *next;

  scan->line = 1;
  if (scan->length >= 3 && memcmp (scan->text, "\xef\xbb\xbf", 3) == 0)
    refuse (scan, "a byte order mark; save the file as plain UTF-8");
  else
    for (const char *line = scan->text; line < end; line = next + 1, scan->line++) {
      enum line_kind kind;

      next = memchr (line, '\n', (size_t)(end - line));
      if (next == NULL)
        next = end;
      kind = scan_line (scan, line, (size_t)(next - line));
      if (kind != LINE_COMMENT)
        scan->before = kind;
    }
}

/* ---- inih ---- */

static char *
next_line (char *buffer, int size, void *opaque)
{
  struct scan *scan = opaque;
  size_t left = scan->length - scan->at, n;
  const char *line = scan->text + scan->at, *end;

  if (left == 0)
    return NULL;
  end = memchr (line, '\n', left);
  n = end ? (size_t)(end - line) + 1 : left;
  /* The scan has refused longer ones; never let inih split a line all the same. */
  if (n >= (size_t)size)
    return NULL;
  memcpy (buffer, line, n);
  buffer[n] = '\0';
  scan->at += n;
  scan->line++;
  return buffer;
}

/* The length of VALUE up to a comment; inih cuts comments off first lines only. */
static size_t
without_comment (const char *value)
{
  size_t n = 0;

  while (value[n] && ! (value[n] == ';' && n && is_blank (value[n - 1])))
    n++;
  while (n && is_blank (value[n - 1]))
    n--;
  return n;
}

static int
take_value (void *opaque, const char *section, const char *key, const char *value)
{
  struct scan *scan = opaque;
  struct vl_ini *ini = scan->ini;
  struct vl_ini_entry *entry;
  size_t length = strlen (key);
  int added = length && key[length - 1] == '+';

  /* inih takes the '+' of '+=' for the end of the key. */
  for (length -= (size_t)added; length && is_blank (key[length - 1]);)
    length--;
  key = vl_arena_strndup (scan->arena, key, length);
  for (size_t i = 0; i < ini->n; i++) {
    entry = &ini->entries[i];
    if (! VL_STREQ (entry->section, section) || ! VL_STREQ (entry->key, key))
      continue;
    /* inih calls again with the same key for an indented line. */
    if (i == ini->n - 1 && scan->before == LINE_MORE) {
      entry->value = vl_arena_printf (scan->arena, "%s\n%.*s", entry->value,
                                      (int)without_comment (value), value);
      if (entry->continued == 0)
        entry->continued = scan->line;
      return 1;
    }
    refuse (scan, "key '%s' a second time in [%s]; the first is in line %d", key, section,
            entry->line);
    return 1;
  }
  if (ini->n == MOST_KEYS) {
    refuse (scan, "more than %d keys", MOST_KEYS);
    return 1;
  }
  VL_GROW (ini->entries, ini->n, scan->entries_size);
  ini->entries[ini->n++] = (struct vl_ini_entry) {
    .section = vl_arena_strdup (scan->arena, section),
    .key = key,
    .value = vl_arena_strdup (scan->arena, value),
    .line = scan->line,
    .added = added ? scan->line : 0,
  };
  return 1;
}

/* The reader again, noting whether the line it hands out is indented. */
static char *
next_noted_line (char *buffer, int size, void *opaque)
{
  struct scan *scan = opaque;
  char *line = next_line (buffer, size, opaque);

  if (line)
    scan->before = is_blank (line[0]) ? LINE_MORE : LINE_KEY;
  return line;
}

/* Moves what grew on the heap into the arena. */
static void
settle (struct scan *scan)
{
  struct vl_ini *ini = scan->ini;
  struct vl_ini_entry *entries = ini->entries;
  struct vl_ini_section *sections = ini->sections;

  if (scan->bad)
    ini->n = ini->n_sections = 0;
  ini->entries = vl_arena_alloc (scan->arena, (ini->n + 1) * sizeof *entries);
  ini->sections = vl_arena_alloc (scan->arena, (ini->n_sections + 1) * sizeof *sections);
  if (ini->n)
    memcpy (ini->entries, entries, ini->n * sizeof *entries);
  if (ini->n_sections)
    memcpy (ini->sections, sections, ini->n_sections * sizeof *sections);
  free (entries);
  free (sections);
}

int
vl_ini_parse (struct vl_call *call, struct vl_arena *arena, const char *plugin, const char *path,
              const char *text, size_t length, struct vl_ini *ini)
{
  struct scan scan = { .call = call,
                       .arena = arena,
                       .plugin = plugin,
                       .path = path,
                       .text = text,
                       .length = length,
                       .ini = ini };
  int line;

  memset (ini, 0, sizeof *ini);
  scan.before = LINE_BLANK;
  if (length > VL_INI_MOST_BYTES)
    return vl_ini_error (call, plugin, path, 0, NULL, "is larger than %d bytes", VL_INI_MOST_BYTES);
  scan_text (&scan);
  if (! scan.bad) {
    scan.line = 0;
    line = ini_parse_stream (next_noted_line, &scan, take_value, &scan);
    scan.line = line;
    if (line != 0 || scan.at != length)
      refuse (&scan, "a line that cannot be read as INI");
  }
  settle (&scan);
  return scan.bad ? -1 : 0;
}

int
vl_ini_read (struct vl_call *call, struct vl_arena *arena, const char *plugin, const char *path,
             struct vl_ini *ini)
{
  struct vl_trust trust;
  /* O_NONBLOCK: a FIFO must not hang us before fstat can tell it apart. */
  VL_AUTOCLOSE int fd = vl_trust_open (arena, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, &trust);
  VL_AUTOFREE char *text = NULL;
  const char *why;
  size_t length;

  memset (ini, 0, sizeof *ini);
  if (fd < 0 && trust.error == ENOENT)
    return 1;
  if (fd < 0)
    return vl_ini_error (call, plugin, path, 0, trust.hint, "cannot be %s: %s",
                         trust.error ? "read" : "trusted", trust.why);
  text = vl_file_read_fd (fd, VL_INI_MOST_BYTES, &length, &why);
  if (text == NULL)
    return vl_ini_error (call, plugin, path, 0, NULL, "%s", why);
  return vl_ini_parse (call, arena, plugin, path, text, length, ini);
}
