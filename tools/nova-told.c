/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What `virtloom config import-nova` says: what was written, by which old names, and what
 * it means that the rest was not. */

#include <config.h>

#include "nova-import.h"

/* The section of nova-options.conf that OPTION, which is not carried over, is a case of:
 * "guests.stores", "services.NAME"; *WHY says what that means. */
static const char *
kind_of (struct import *im, const struct nova_option *option, const char **why)
{
  const struct nova_option *rows = im->names.options;
  /* The value is looked at and not shown. */
  const char *value = option->value;

  *why = "";
  if (nova_find (&im->conf, option->name)->taken)
    return "overridden";
  for (size_t i = 0; i < im->names.n; i++) {
    const char *dot = strrchr (rows[i].said, '.'), *section;

    if (! VL_STREQ (dot, ".options") || ! import_among (rows[i].value, option->name))
      continue;
    section = vl_printf (im->tool->call, "%.*s", (int)(dot - rows[i].said), rows[i].said);
    *why = import_known (im, section, "why");
    return *value == '\0' || import_among (import_known (im, section, "nothing"), value)
               ? "services"
               : section;
  }
  return "services";
}

static void
tell_old (struct import *im, const struct nova_option *option)
{
  if (option->gone && VL_STREQ (option->said, option->name))
    import_tell (im, VL_SEV_WARNING, "OldOption", option,
                 "%s is taken as it is, though Nova 33 does not read it any more", option->said);
  else if (option->gone)
    import_tell (im, VL_SEV_WARNING, "OldOption", option,
                 "%s is taken as %s, though Nova 33 does not read the old name any more",
                 option->said, option->name);
  else if (option->age)
    import_tell (im, VL_SEV_ADVICE, "OldOption", option, "%s is the old name of %s", option->said,
                 option->name);
}

static json_t *
line_of (const struct nova_option *option)
{
  json_t *object = json_object ();

  json_put (object, "option", option->name);
  json_put (object, "said", option->said);
  json_put (object, "origin", option->origin);
  return object;
}

static void
tell_written (struct import *im)
{
  json_t *list = json_array ();

  for (size_t i = 0; i < im->n_written; i++) {
    const struct written *w = &im->written[i];
    json_t *object = line_of (w->option);

    tell_old (im, w->option);
    json_put (object, "file", w->path);
    json_put (object, "section", w->section);
    json_put (object, "key", w->key);
    json_put (object, "value", w->value);
    json_array_append_new (list, object);
  }
  json_object_set_new (im->tool->data, "written", list);
}

/* One line that became no setting.  FIRST says that what weakens security is told now,
 * else what changes guests. */
static void
tell_line (struct import *im, const struct nova_option *option, int first)
{
  const char *why, *kind = kind_of (im, option, &why);
  int security = VL_STARTS (kind, "security"), guests = VL_STARTS (kind, "guests");

  if (first ? ! security : ! guests)
    return;
  tell_old (im, option);
  import_tell (im, VL_SEV_WARNING,
               security ? "SecurityOptionNotCarriedOver" : "OptionNotCarriedOver", option,
               "%s is not carried over: %s", option->name, why);
}

/* Counts what says nothing of guests, as lines of LIST, which becomes "left_out". */
static void
tell_rest (struct import *im)
{
  struct tool *tool = im->tool;
  json_t *list = json_array ();
  size_t others = 0;

  for (size_t i = 0; i < im->conf.n; i++) {
    const struct nova_option *option = &im->conf.options[i];
    const char *why, *kind;
    json_t *object;

    if (option->taken)
      continue;
    kind = kind_of (im, option, &why);
    object = line_of (option);
    json_put (object, "kind", vl_printf (tool->call, "%.*s", (int)strcspn (kind, "."), kind));
    json_put (object, "why", *why ? why : NULL);
    json_array_append_new (list, object);
    if (VL_STARTS (kind, "guests") || VL_STARTS (kind, "security"))
      continue;
    others++;
    if (tool->verbose && ! tool->json) {
      VL_AUTOFREE char *said = vl_text_clean (option->said);
      VL_AUTOFREE char *origin = vl_text_clean (option->origin);

      printf ("left out: %s (%s)%s\n", said, origin,
              *kind == 'o' ? ", which another line overrides" : "");
    }
  }
  json_object_set_new (tool->data, "left_out", list);
  if (others && ! tool->json)
    printf ("%zu lines for other services, or without effect, are left out%s\n", others,
            tool->verbose ? "" : " (-v lists them)");
}

void
import_told_left (struct import *im)
{
  for (int first = 1; first >= 0; first--)
    for (size_t i = 0; i < im->conf.n; i++)
      if (! im->conf.options[i].taken)
        tell_line (im, &im->conf.options[i], first);
}

void
import_told (struct import *im)
{
  struct tool *tool = im->tool;

  tool_done (tool, "%s: %zu settings in %zu files, from %d of Nova's", im->out, im->n_written,
             im->n_files, im->conf.n_files);
  for (size_t i = 0; i < im->n_files && ! tool->json; i++)
    printf ("  %s: %zu\n", im->files[i].path, im->files[i].n_settings);
  if (im->driver && ! tool->json)
    printf ("servers get driver %s\n", im->driver);
  tell_written (im);
  import_told_left (im);
  tell_rest (im);
  if (! tool->json) {
    VL_AUTOFREE char *word = vl_shell_quote (im->out);

    printf ("judge and use it: virtloom --config %s config check\n", word);
  }
}
