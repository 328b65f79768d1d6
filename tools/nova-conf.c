/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Reader of oslo.config's dialect of INI, which is Nova's: "key = value" or
 * "key: value", indented lines go on with the value, comments begin a line,
 * quotes around a whole value fall off, "$name" is another option's value, of a
 * repeated key the last one counts. */

#include <config.h>

#include "tool.h"

#include <virtloom/ascii.h>

#include <stdlib.h>
#include <string.h>

/* Of "$name" in the value of a "$name". */
#define MAX_DEPTH 4
#define MAX_VALUE 65536

struct reader {
  struct tool *tool;
  struct nova_conf *conf;
  const char *path;
  char *section;     /* NULL before the first */
  char *key, *value; /* of the assignment under way, KEY NULL: none */
  int line, first_line;
  int bad;
};

static void
refuse (struct reader *r, const char *what, const char *accepted)
{
  r->bad = vl_refuse (r->tool->call, VL_ERR_REQUEST, NULL, NULL, "%s; accepted: %s (%s:%d)", what,
                      accepted, r->path, r->line);
}

/* TEXT without blanks at either end, cut in place. */
static char *
trim (char *text)
{
  size_t length;

  text += strspn (text, " \t\r");
  length = strlen (text);
  while (length && strchr (" \t\r", text[length - 1]))
    text[--length] = '\0';
  return text;
}

static void
flush (struct reader *r)
{
  struct vl_nova_option *option;
  struct nova_conf *conf = r->conf;

  if (r->key == NULL)
    return;
  if (conf->n == conf->size) {
    conf->size = conf->size ? 2 * conf->size : 64;
    conf->options = vl_xrealloc (conf->options, conf->size, sizeof *conf->options);
  }
  option = &conf->options[conf->n++];
  option->name = vl_xasprintf ("%s.%s", r->section, r->key);
  option->value = r->value;
  option->origin = vl_xasprintf ("%s:%d", r->path, r->first_line);
  free (r->key);
  r->key = r->value = NULL;
}

/* Group names are compared without case, but for DEFAULT. */
static void
begin_section (struct reader *r, char *line)
{
  size_t length = strlen (line);

  if (length < 3 || line[length - 1] != ']') {
    refuse (r, "a section that does not end, or has no name", "[name]");
    return;
  }
  line[length - 1] = '\0';
  free (r->section);
  r->section = vl_xasprintf ("%s", trim (line + 1));
  if (strcmp (r->section, "DEFAULT") != 0)
    for (char *p = r->section; *p; p++)
      *p = vl_ascii_lower (*p);
}

static void
begin_assignment (struct reader *r, char *line)
{
  size_t length = strcspn (line, "=:");
  char *value;

  if (line[length] == '\0') {
    refuse (r, "a line that assigns nothing", "key = value, key: value, [section], # comment");
    return;
  }
  value = trim (line + length + 1);
  line[length] = '\0';
  line = trim (line);
  if (*line == '\0') {
    refuse (r, "an assignment without a key", "key = value");
    return;
  }
  if (r->section == NULL) {
    refuse (r, "an assignment before the first section", "[DEFAULT] above it");
    return;
  }
  length = strlen (value);
  if (length > 1 && value[0] == value[length - 1] && strchr ("\"'", value[0])) {
    value[length - 1] = '\0';
    value++;
  }
  r->key = vl_xstrdup (line);
  r->value = vl_xstrdup (value);
  r->first_line = r->line;
}

static void
continue_value (struct reader *r, char *line)
{
  char *longer;

  if (r->key == NULL) {
    refuse (r, "an indented line that goes on with nothing", "a line that begins at the margin");
    return;
  }
  line = trim (line);
  longer = vl_xasprintf ("%s%s%s", r->value, *r->value && *line ? " " : "", line);
  free (r->value);
  r->value = longer;
}

static void
read_line (struct reader *r, char *line)
{
  r->line++;
  if (*trim (line) == '\0') {
    flush (r);
    return;
  }
  if (line[0] == ' ' || line[0] == '\t') {
    continue_value (r, line);
    return;
  }
  flush (r);
  if (line[0] == '[')
    begin_section (r, trim (line));
  else if (line[0] != '#' && line[0] != ';')
    begin_assignment (r, line);
}

/* ---- order, and the last of each key ---- */

static int
compare_options (const void *a, const void *b)
{
  const struct vl_nova_option *x = a, *y = b;

  return strcmp (x->name, y->name);
}

static void
free_option (struct vl_nova_option *option)
{
  free ((char *)option->name);
  free ((char *)option->value);
  free ((char *)option->origin);
}

static int
line_of (const struct vl_nova_option *option)
{
  return atoi (strrchr (option->origin, ':') + 1);
}

static int
compare_lines (const void *a, const void *b)
{
  int order = compare_options (a, b);

  return order ? order : line_of (a) - line_of (b);
}

static void
sort_options (struct nova_conf *conf)
{
  size_t n = 0;

  if (conf->n)
    qsort (conf->options, conf->n, sizeof *conf->options, compare_lines);
  for (size_t i = 0; i < conf->n; i++)
    if (i + 1 < conf->n && compare_options (&conf->options[i], &conf->options[i + 1]) == 0)
      free_option (&conf->options[i]);
    else
      conf->options[n++] = conf->options[i];
  conf->n = n;
}

/* ---- "$name" ---- */

static const char *
value_of (const struct nova_conf *conf, const char *group, const char *name, size_t length)
{
  char *key = memchr (name, '.', length) ? vl_xstrndup (name, length)
                                         : vl_xasprintf ("%s.%.*s", group, (int)length, name);
  struct vl_nova_option wanted = { .name = key };
  const struct vl_nova_option *found = NULL;

  if (conf->n)
    found = bsearch (&wanted, conf->options, conf->n, sizeof wanted, compare_options);
  free (key);
  return found ? found->value : NULL;
}

struct growing {
  char *text;
  size_t length;
};

static void
append (struct growing *out, const char *text, size_t n)
{
  out->text = vl_xrealloc (out->text, out->length + n + 1, 1);
  memcpy (out->text + out->length, text, n);
  out->length += n;
  out->text[out->length] = '\0';
}

/* The name that TEXT, behind a '$', begins with: "name" or "{name}".  Answers how
 * many bytes that is, 0 where it is no name. */
static size_t
read_name (const char *text, const char **name, size_t *length)
{
  static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.";
  int braces = *text == '{';

  *name = text + braces;
  *length = strspn (*name, letters);
  if (*length == 0 || (braces && (*name)[*length] != '}'))
    return 0;
  return *length + 2 * (size_t)braces;
}

/* Adds VALUE to OUT with "$name" and "${name}" replaced and "$$" made "$".  A
 * name that the file does not have stays as it is: its default is not known
 * here. */
static void
substitute (const struct nova_conf *conf, const char *group, const char *value, int depth,
            struct growing *out)
{
  append (out, "", 0);
  while (*value && out->length < MAX_VALUE) {
    size_t plain = strcspn (value, "$"), length, n;
    const char *name, *found;

    append (out, value, plain);
    value += plain;
    if (*value == '\0')
      break;
    n = read_name (value + 1, &name, &length);
    found = n && depth < MAX_DEPTH ? value_of (conf, group, name, length) : NULL;
    if (found == NULL && n && depth < MAX_DEPTH)
      found = value_of (conf, "DEFAULT", name, length);
    if (found) {
      substitute (conf, group, found, depth + 1, out);
      value += 1 + n;
    } else {
      append (out, "$", 1);
      value += value[1] == '$' ? 2 : 1;
    }
  }
}

static void
substitute_all (struct nova_conf *conf)
{
  struct growing *values = vl_xcalloc (conf->n, sizeof *values);

  for (size_t i = 0; i < conf->n; i++) {
    const char *name = conf->options[i].name;
    char *group = vl_xasprintf ("%.*s", (int)strcspn (name, "."), name);

    substitute (conf, group, conf->options[i].value, 0, &values[i]);
    free (group);
  }
  for (size_t i = 0; i < conf->n; i++) {
    free ((char *)conf->options[i].value);
    conf->options[i].value = values[i].text;
  }
  free (values);
}

int
nova_conf_read (struct tool *tool, const char *path, const char *text, struct nova_conf *conf)
{
  struct reader r = { .tool = tool, .conf = conf, .path = path };
  char *copy = vl_xstrdup (text), *rest = copy, *line;

  while ((line = strsep (&rest, "\n")))
    read_line (&r, line);
  flush (&r);
  free (r.section);
  free (copy);
  sort_options (conf);
  substitute_all (conf);
  return r.bad ? -1 : 0;
}

void
nova_conf_free (struct nova_conf *conf)
{
  for (size_t i = 0; i < conf->n; i++)
    free_option (&conf->options[i]);
  free (conf->options);
  memset (conf, 0, sizeof *conf);
}
