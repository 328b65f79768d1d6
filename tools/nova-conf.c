/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Reader of oslo.config's dialect of INI, which is Nova's: "key = value" or
 * "key: value", indented lines go on with the value, comments begin a line,
 * quotes around a whole value fall off. */

#include <config.h>

#include "nova.h"

#include "lib/alloc.h"

#include <virtloom/ascii.h>

struct reader {
  struct nova_conf *conf;
  const char *path;
  const char *section; /* NULL before the first */
  const char *key;     /* of the assignment under way, NULL: none */
  struct vl_str value; /* its lines, with '\n' between */
  int line, first_line;
  int bad;
};

static void
refuse (struct reader *r, const char *what, const char *accepted)
{
  const struct vl_finding finding = {
    .severity = VL_SEV_ERROR,
    .err = VL_ERR_REQUEST,
    .origin = vl_printf (r->conf->call, "%s:%d", r->path, r->line),
    .message = vl_printf (r->conf->call, "%s; accepted: %s", what, accepted),
  };

  r->bad = vl_findings_add (r->conf->call, &finding);
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
  struct nova_conf *conf = r->conf;
  struct nova_option *option;

  if (r->key == NULL)
    return;
  VL_GROW (conf->options, conf->n, conf->size);
  option = &conf->options[conf->n++];
  *option = (struct nova_option) {
    .said = vl_printf (conf->call, "%s.%s", r->section, r->key),
    .value = vl_printf (conf->call, "%s", r->value.text),
    .origin = vl_printf (conf->call, "%s:%d", r->path, r->first_line),
    .file = conf->n_files,
    .line = r->first_line,
  };
  option->name = option->said;
  vl_str_free (&r->value);
  r->key = NULL;
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
  line = trim (line + 1);
  if (! VL_STREQ (line, "DEFAULT"))
    for (char *p = line; *p; p++)
      *p = vl_ascii_lower (*p);
  r->section = vl_printf (r->conf->call, "%s", line);
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
  r->key = vl_printf (r->conf->call, "%s", line);
  vl_str_add (&r->value, value);
  r->first_line = r->line;
}

static void
read_line (struct reader *r, char *line)
{
  r->line++;
  if (*trim (line) == '\0')
    flush (r);
  else if (line[0] != ' ' && line[0] != '\t') {
    flush (r);
    if (line[0] == '[')
      begin_section (r, trim (line));
    else if (line[0] != '#' && line[0] != ';')
      begin_assignment (r, line);
  } else if (r->key)
    vl_str_printf (&r->value, "\n%s", trim (line));
  else
    refuse (r, "an indented line that goes on with nothing", "a line that begins at the margin");
}

int
nova_read (struct nova_conf *conf, const char *path, const char *text)
{
  struct reader r = { .conf = conf, .path = path };
  char *copy = vl_xstrdup (text), *rest = copy, *line;

  conf->n_files++;
  if (VL_STARTS (text, "\xef\xbb\xbf")) {
    r.line = 1;
    refuse (&r, "a byte order mark at its beginning",
            "a file without one: sed -i '1s/^\\xEF\\xBB\\xBF//' FILE");
    r.line = 0;
    memmove (copy, copy + 3, strlen (copy) - 2);
  }
  while ((line = strsep (&rest, "\n")))
    read_line (&r, line);
  flush (&r);
  free (copy);
  return r.bad ? -1 : 0;
}

void
nova_free (struct nova_conf *conf)
{
  free (conf->options);
  conf->options = NULL;
  conf->n = conf->size = 0;
}
