/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Each line is judged before inih gets it: inih alone splits long lines into new keys,
 * cuts section names, lets an indent replace a value, and ends at a NUL, all without a
 * word.  In place of a refused line it gets an empty one. */

#include <config.h>

#include "plugin/ini.h"

#include "lib/file.h"
#include "lib/text.h"
#include "lib/trust.h"

#include <errno.h>
#include <dirent.h>
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
  size_t length, at;     /* the next line begins AT this byte */
  int line;              /* of the line last handed out, from 1 */
  const char *section;   /* that it is in; "" after a refused one, NULL before any */
  enum line_kind before; /* what the last line that was no comment was */
  int bad, returns;
  struct vl_ini *ini;
};

static int VL_PRINTF (6, 0) report_at (struct vl_call *call, const char *plugin, const char *path,
                                       int line, const char *hint, const char *fmt, va_list args)
{
  struct vl_report report = { .severity = VL_SEV_ERROR, .err = VL_ERR_REFUSED, .hint = hint };

  report.plugin = plugin ? plugin : "core";
  report.origin = line ? vl_printf (call, "%s:%d", path, line) : path;
  return vl_vreport (call, &report, fmt, args);
}

int
vl_ini_error (struct vl_call *call, const char *plugin, const char *path, int line,
              const char *hint, const char *fmt, ...)
{
  va_list args;

  va_start (args, fmt);
  report_at (call, plugin, path, line, hint, fmt, args);
  va_end (args);
  return -1;
}

/* One finding about the line that SCAN is at.  A file of a million bad lines is one bad
 * file: it stops telling at some point. */
static enum line_kind VL_PRINTF (2, 3) refuse (struct scan *scan, const char *fmt, ...)
{
  va_list args;

  va_start (args, fmt);
  if (scan->bad++ < MOST_FINDINGS)
    report_at (scan->call, scan->plugin, scan->path, scan->line, NULL, fmt, args);
  va_end (args);
  return LINE_BAD;
}

/* ---- one line ---- */

#define BLANKS " \t"
#define NAME_BYTES "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"

static size_t
without_blanks (const char *line, size_t n)
{
  while (n && strchr (BLANKS, line[n - 1]))
    n--;
  return n;
}

static enum line_kind
judge_section (struct scan *scan, const char *line)
{
  size_t length = strcspn (line + 1, "]");
  const char *name = vl_arena_strndup (scan->arena, line + 1, length), *rest = line + 1 + length;
  struct vl_ini *ini = scan->ini;

  /* What follows a bad section is not at fault for standing in none. */
  scan->section = "";
  if (*rest == '\0')
    return refuse (scan, "a section that ']' does not end; accepted: [name]");
  if (length > LONGEST_NAME)
    return refuse (scan, "a section name longer than %d bytes", LONGEST_NAME);
  if (length == 0 || name[strspn (name, NAME_BYTES)])
    return refuse (scan, "section name '%s'; accepted: letters, digits, '_', '.' and '-'", name);
  rest += 1 + strspn (rest + 1, BLANKS);
  if (*rest && *rest != ';' && *rest != '#')
    return refuse (scan, "'%s' after a section; accepted: nothing but a comment", rest);
  for (size_t i = 0; i < ini->n_sections; i++)
    if (VL_STREQ (ini->sections[i].name, name))
      return refuse (scan, "section [%s] a second time; the first is in line %d", name,
                     ini->sections[i].line);
  scan->section = name;
  ini->sections[ini->n_sections++] = (struct vl_ini_section) { name, scan->line };
  return LINE_SECTION;
}

static enum line_kind
judge_key (struct scan *scan, const char *line)
{
  size_t end = strcspn (line, "=:"), added = end && line[end - 1] == '+';
  int length = (int)without_blanks (line, end - added);

  if (line[end] == '\0')
    return refuse (scan, "'%s' is neither [section] nor key = value nor a comment", line);
  if (line[end] == ':')
    return refuse (scan, "':' after '%.*s'; accepted: key = value", (int)end, line);
  if (length == 0)
    return refuse (scan, "'=' without a key before it; accepted: key = value");
  if (length > LONGEST_NAME || (end > LONGEST_NAME && added))
    return refuse (scan, "a key longer than %d bytes", LONGEST_NAME);
  if (strspn (line, NAME_BYTES) < (size_t)length)
    return refuse (scan, "key '%.*s'; accepted: letters, digits, '_', '.' and '-'", length, line);
  if (scan->section == NULL)
    return refuse (scan, "key '%.*s' stands before any [section]", length, line);
  return LINE_KEY;
}

/* An indented line goes on with a list; whether the key is one is for those to say who
 * know its type. */
static enum line_kind
judge_indented (struct scan *scan, const char *line)
{
  if (line[0] == '[')
    return refuse (scan, "an indented section; accepted: '[' at the beginning of the line");
  if (scan->before != LINE_KEY && scan->before != LINE_MORE)
    return refuse (
        scan, "an indented line '%s' that follows no list; accepted: no blanks before a key", line);
  return LINE_MORE;
}

/* The N bytes of a line as text that inih, which takes lines of MOST, may have. */
static enum line_kind
judge_bytes (struct scan *scan, const char *line, size_t n, size_t most)
{
  if (memchr (line, '\0', n))
    return refuse (scan, "a NUL byte");
  /* A file from another system has one in every line: said once. */
  if (memchr (line, '\r', n))
    return scan->returns++ ? LINE_BAD
                           : refuse (scan, "a carriage return; accepted: lines that end with a "
                                           "line feed alone");
  if (n > most)
    return refuse (scan,
                   "a line of %zu bytes; accepted: at most %zu (a list may go on in indented "
                   "lines)",
                   n, most);
  for (const char *p = line, *tab; p < line + n; p = tab + 1) {
    const char *problem;

    tab = memchr (p, '\t', (size_t)(line + n - p));
    tab = tab ? tab : line + n;
    problem = vl_text_problem (p, (size_t)(tab - p));
    if (problem)
      return refuse (scan, "the line %s", problem);
  }
  return LINE_BLANK;
}

static enum line_kind
judge_text (struct scan *scan, const char *line)
{
  size_t blanks = strspn (line, BLANKS);

  switch (line[blanks]) {
  case '\0':
    return LINE_BLANK;
  case ';':
  case '#':
    return LINE_COMMENT;
  default:
    return blanks           ? judge_indented (scan, line + blanks)
           : line[0] == '[' ? judge_section (scan, line)
                            : judge_key (scan, line);
  }
}

/* ---- inih ---- */

/* inih's reader: hands out a line, without what ends it. */
static char *
next_line (char *buffer, int size, void *opaque)
{
  struct scan *scan = opaque;
  size_t left = scan->length - scan->at, n;
  const char *line = scan->text + scan->at, *end;
  enum line_kind kind;

  if (left == 0)
    return NULL;
  end = memchr (line, '\n', left);
  n = end ? (size_t)(end - line) : left;
  scan->at += n + (end != NULL);
  scan->line++;
  kind = judge_bytes (scan, line, n, (size_t)size - 2);
  if (kind != LINE_BAD) {
    memcpy (buffer, line, n);
    buffer[n] = '\0';
    kind = judge_text (scan, buffer);
  }
  if (kind == LINE_BAD)
    *buffer = '\0';
  if (kind != LINE_COMMENT)
    scan->before = kind;
  return buffer;
}

/* The length of VALUE up to a comment; inih cuts comments off first lines only. */
static size_t
without_comment (const char *value)
{
  size_t n = strcspn (value, ";");

  while (value[n] && ! (n && strchr (BLANKS, value[n - 1])))
    n += 1 + strcspn (value + n + 1, ";");
  return without_blanks (value, n);
}

static int
take_value (void *opaque, const char *section, const char *key, const char *value)
{
  struct scan *scan = opaque;
  struct vl_ini *ini = scan->ini;
  size_t length = strlen (key), added = key[length - 1] == '+';

  (void)section;
  if (*scan->section == '\0')
    return 1;
  /* inih takes the '+' of '+=' for the end of the key. */
  key = vl_arena_strndup (scan->arena, key, without_blanks (key, length - added));
  for (size_t i = 0; i < ini->n; i++) {
    struct vl_ini_entry *entry = &ini->entries[i];

    if (! VL_STREQ (entry->section, scan->section) || ! VL_STREQ (entry->key, key))
      continue;
    /* inih calls again with the same key for an indented line. */
    if (i == ini->n - 1 && scan->before == LINE_MORE) {
      entry->value = vl_arena_printf (scan->arena, "%s\n%.*s", entry->value,
                                      (int)without_comment (value), value);
      if (entry->continued == 0)
        entry->continued = scan->line;
    } else
      refuse (scan, "key '%s' a second time in [%s]; the first is in line %d", key, scan->section,
              entry->line);
    return 1;
  }
  if (ini->n == MOST_KEYS) {
    refuse (scan, "more than %d keys", MOST_KEYS);
    return 1;
  }
  ini->entries[ini->n++] = (struct vl_ini_entry) {
    .section = scan->section,
    .key = key,
    .value = vl_arena_strdup (scan->arena, value),
    .line = scan->line,
    .added = added ? scan->line : 0,
  };
  return 1;
}

int
vl_ini_parse (struct vl_call *call, struct vl_arena *arena, const char *plugin, const char *path,
              const char *text, size_t length, struct vl_ini *ini)
{
  struct scan scan = { call, arena, plugin, path, text, length, .ini = ini };
  size_t lines = 1;

  memset (ini, 0, sizeof *ini);
  if (length > VL_INI_MOST_BYTES)
    return vl_ini_error (call, plugin, path, 0, NULL, "is larger than %d bytes", VL_INI_MOST_BYTES);
  if (length >= 3 && memcmp (text, "\xef\xbb\xbf", 3) == 0)
    return vl_ini_error (call, plugin, path, 1, NULL,
                         "a byte order mark; save the file as plain UTF-8");
  for (size_t i = 0; i < length; i++)
    lines += text[i] == '\n';
  ini->entries = vl_arena_alloc (arena, lines * sizeof *ini->entries);
  ini->sections = vl_arena_alloc (arena, lines * sizeof *ini->sections);
  if (ini_parse_stream (next_line, &scan, take_value, &scan) != 0)
    refuse (&scan, "a line that cannot be read as INI");
  if (scan.bad)
    ini->n = ini->n_sections = 0;
  return scan.bad ? -1 : 0;
}

/* As systemd has it, a link to /dev/null in place of a file takes away what lower layers have.
 * In a folder that others may write to it is none: anybody could make it. */
static int
is_mask (struct vl_arena *arena, const char *path)
{
  static const char null[] = "/dev/null";
  const char *slash = strrchr (path, '/');
  const char *folder = slash ? vl_arena_strndup (arena, path, (size_t)(slash - path) + 1) : ".";
  char target[sizeof null];
  struct vl_trust trust;
  VL_AUTOCLOSE int fd = -1;

  if (readlink (path, target, sizeof target) != sizeof null - 1
      || memcmp (target, null, sizeof null - 1) != 0)
    return 0;
  fd = vl_trust_open (arena, folder, O_RDONLY | O_DIRECTORY, &trust);
  return fd >= 0;
}

int
vl_ini_read (struct vl_call *call, struct vl_arena *arena, const char *plugin, const char *path,
             struct vl_ini *ini)
{
  struct vl_trust trust;
  /* O_NONBLOCK: a FIFO must not hang us before fstat can tell it apart. */
  VL_AUTOCLOSE int fd = vl_trust_open (arena, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, &trust);
  const char *why;
  size_t length;
  VL_AUTOFREE char *text = fd < 0 ? NULL : vl_file_read_fd (fd, VL_INI_MOST_BYTES, &length, &why);

  memset (ini, 0, sizeof *ini);
  if (text == NULL && is_mask (arena, path))
    return 2;
  if (fd < 0 && trust.error == ENOENT)
    return 1;
  if (fd < 0)
    return vl_ini_error (call, plugin, path, 0, trust.hint, "cannot be %s: %s",
                         trust.error ? "read" : "trusted", trust.why);
  if (text == NULL)
    return vl_ini_error (call, plugin, path, 0, NULL, "%s", why);
  return vl_ini_parse (call, arena, plugin, path, text, length, ini);
}

int
vl_ini_folder (struct vl_call *call, struct vl_arena *arena, const char *folder,
               struct vl_strv *names, const char **why)
{
  struct vl_trust trust;
  int fd = vl_trust_open (arena, folder, O_RDONLY | O_DIRECTORY, &trust);
  DIR *dir = fd < 0 && trust.error == 0 ? opendir (folder) : fdopendir (fd);
  int result = fd < 0 ? -1 : 0;

  *why = trust.why;
  if (fd < 0 && trust.error == ENOENT)
    return 1;
  if (fd < 0)
    vl_ini_error (call, NULL, folder, 0, trust.hint, "cannot be %s: %s",
                  trust.error ? "read" : "trusted", trust.why);
  if (dir == NULL)
    return -1;
  for (struct dirent *entry; (entry = readdir (dir));)
    if (! VL_STREQ (entry->d_name, ".") && ! VL_STREQ (entry->d_name, ".."))
      vl_strv_add (names, entry->d_name);
  closedir (dir);
  vl_strv_sort (names);
  return result;
}

void
vl_ini_tell_misspelt (struct vl_call *call, const char *folder)
{
  static const char *const names[] = { "virtloom.conf", "virtloom.conf.d", "plugins.d" };
  DIR *dir = opendir (folder);

  for (struct dirent *entry; dir && (entry = readdir (dir));) {
    struct vl_spell spell = { .wanted = entry->d_name };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
      vl_spell_offer (&spell, names[i]);
    if (spell.best && spell.distance > 0)
      vl_report (
          call,
          &(struct vl_report) { .severity = VL_SEV_WARNING,
                                .plugin = "core",
                                .origin = vl_printf (call, "%s/%s", folder, entry->d_name),
                                .hint = vl_printf (call, "did you mean '%s'?", spell.best) },
          "'%s' is not read; accepted in a configuration folder: %s and the folders %s and %s",
          entry->d_name, names[0], names[1], names[2]);
  }
  if (dir)
    closedir (dir);
}
