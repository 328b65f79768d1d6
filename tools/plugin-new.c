/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * virtloom plugin new: a folder with a small plugin that builds and conforms, to be
 * changed into what is wanted.  In the templates, which are files in scaffold/, @name@ is
 * the plugin, @ident@ its name in C, @kind@ feature or driver. */

#include <config.h>

#include "tool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define LIMIT ((size_t)1 << 20)

/* What stands in a template for what; one that stands at the beginning of a line that
 * is for the other kind takes the line with it. */
struct marks {
  const char *name, *ident, *kind;
  int driver, group; /* a feature may have a group of calls: storage, network */
};

/* Adds N bytes of TEXT to OUT. */
static void
add (char **out, const char *text, size_t n)
{
  char *longer = vl_xasprintf ("%s%.*s", *out, (int)n, text);

  free (*out);
  *out = longer;
}

/* TEMPLATE with its marks filled in; the caller frees. */
static char *
fill (const char *template, const struct marks *marks)
{
  const struct {
    const char *mark, *word;
  } words[] = { { "@name@", marks->name },
                { "@ident@", marks->ident },
                { "@kind@", marks->driver ? "driver" : "feature" },
                { "@feature@", marks->driver ? NULL : "" },
                { "@group@", marks->group ? "" : NULL },
                { "@plain@", marks->group ? NULL : "" } };
  char *out = vl_xasprintf ("%s", "");

  while (*template) {
    size_t plain = strcspn (template, "@"), taken = plain + (template[plain] != '\0');
    const char *word = template[plain] ? "@" : "";

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
      if (strncmp (template + plain, words[i].mark, strlen (words[i].mark)) == 0) {
        word = words[i].word;
        taken = plain + strlen (words[i].mark);
      }
    add (&out, template, plain);
    if (word)
      add (&out, word, strlen (word));
    else
      taken += strcspn (template + taken, "\n") + 1;
    template += taken;
  }
  return out;
}

/* Writes PATH from the template FILE. */
static int
write_template (struct tool *tool, const char *file, const char *path, const struct marks *marks)
{
  const char *tree = tool->options.tree_dir;
  const char *from = tree ? vl_printf (tool->call, "%s/tools/scaffold/%s", tree, file)
                          : vl_printf (tool->call, VL_DATADIR "/scaffold/%s", file);
  size_t length;
  char *template = tool_read (tool, from, LIMIT, &length), *text;
  int result;

  if (template == NULL)
    return -1;
  text = fill (template, marks);
  result = tool_write_new (tool, path, text);
  free (text);
  free (template);
  return result;
}

static int
make_folder (struct tool *tool, const char *path)
{
  if (mkdir (path, 0755) == 0)
    return 0;
  return vl_refuse (tool->call, errno == EEXIST ? VL_ERR_CONFLICT : VL_ERR_FAILED, NULL,
                    errno == EEXIST ? "take another name, or move it away" : NULL,
                    "the folder '%s' cannot be made: %m", path);
}

/* The files of a plugin of KIND: the end of a template's name, and where it goes. */
static int
write_files (struct tool *tool, const struct marks *marks)
{
  const struct {
    const char *end, *path;
    int wanted;
  } files[] = {
    { "c.tmpl", vl_printf (tool->call, "%s.c", marks->name), 1 },
    { "conf", vl_printf (tool->call, "%s.conf", marks->name), 1 },
    { "pod", vl_printf (tool->call, "%s.pod", marks->name), 1 },
    { "json", "request.json", marks->group },
    { "case", vl_printf (tool->call, "tests/cases/%s/first.case", marks->name), ! marks->driver },
  };

  for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
    if (files[i].wanted
        && write_template (tool, vl_printf (tool->call, "%s.%s", marks->kind, files[i].end),
                           vl_printf (tool->call, "%s/%s", marks->name, files[i].path), marks)
               < 0)
      return -1;
  return write_template (tool, "Makefile.tmpl", vl_printf (tool->call, "%s/Makefile", marks->name),
                         marks);
}

/* What builds and checks the plugin NAME: with a tree that is not installed, by that tree. */
static int
tell_next (struct tool *tool, const char *name)
{
  const char *tree = tool->options.tree_dir;
  VL_AUTOFREE char *whole = tree ? realpath (tree, NULL) : NULL;
  VL_AUTOFREE char *word = whole ? vl_shell_quote (whole) : NULL;

  tool_done (tool, "%s: now `make -C %s%s%s check`", name, name, word ? " VIRTLOOM_TREE=" : "",
             word ? word : "");
  return 0;
}

int
plugin_new (struct tool *tool)
{
  static const char *const kinds[] = { "feature", "driver", "storage", "network" };
  const char *name = tool->args->words[0], *kind = args_value (tool->args, "kind");
  char ident[32] = "";
  struct marks marks = { .name = name, .ident = ident, .kind = kind ? kind : "feature" };
  size_t n = strlen (name), known = 0;

  while (known < sizeof kinds / sizeof kinds[0] && strcmp (kinds[known], marks.kind) != 0)
    known++;
  if (known == sizeof kinds / sizeof kinds[0])
    return vl_refuse (tool->call, VL_ERR_USAGE, NULL, NULL,
                      "there is no kind '%s' of plugins; accepted: feature, driver, storage, "
                      "network",
                      marks.kind);
  marks.driver = known == 1;
  marks.group = known >= 2;
  if (vl_plugins_check_name (tool->app, name) < 0)
    return -1;
  for (size_t i = 0; i < n; i++)
    ident[i] = name[i] == '-' ? '_' : name[i];
  if (make_folder (tool, name) < 0)
    return -1;
  if (! marks.driver
      && (make_folder (tool, vl_printf (tool->call, "%s/tests", name)) < 0
          || make_folder (tool, vl_printf (tool->call, "%s/tests/cases", name)) < 0
          || make_folder (tool, vl_printf (tool->call, "%s/tests/cases/%s", name, name)) < 0))
    return -1;
  if (write_files (tool, &marks) < 0)
    return -1;
  return tell_next (tool, name);
}
