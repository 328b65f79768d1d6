/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * --help: of the command, of a noun, of a verb with one example.  All of it from
 * the tables that arguments are parsed by. */

#include <config.h>

#include "tool.h"

#include <stdlib.h>
#include <string.h>

static void
print_option (const struct option *option, FILE *file)
{
  char *left =
      vl_xasprintf ("%s%s%s--%s%s%s", option->letter ? "-" : "    ",
                    option->letter ? option->letter : "", option->letter ? ", " : "", option->name,
                    option->value ? " " : "", option->value ? option->value : "");

  fprintf (file, "  %-28s  %s\n", left, option->help);
  free (left);
}

static void
print_options (const struct noun *noun, const struct verb *verb, int general, FILE *file)
{
  const struct option *option;

  for (size_t i = 0; (option = args_option (i)); i++)
    if (option->name && option->help && args_takes (verb, option)
        && args_is_general (option) == general)
      print_option (args_meaning (noun, verb, option), file);
}

static void
help_verb (const struct noun *noun, const struct verb *verb, FILE *file)
{
  fprintf (file, "virtloom %s%s%s%s%s%s: %s\n", noun->name, verb->name ? " " : "",
           verb->name ? verb->name : "", verb->options ? " [OPTIONS]" : "", verb->words ? " " : "",
           verb->words ? verb->words : "", verb->help);
  if (verb->options) {
    fputs ("\nOptions:\n", file);
    print_options (noun, verb, 0, file);
  }
  fprintf (file, "\nOptions of every verb (-o takes: %s):\n", verb->formats);
  print_options (noun, verb, 1, file);
  fprintf (file, "\nExample:\n  %s\n", verb->example);
}

static void
help_noun (const struct noun *noun, FILE *file)
{
  int width = 0;

  for (const struct verb *verb = noun->verbs; verb->run; verb++)
    if ((int)strlen (verb->name) > width)
      width = (int)strlen (verb->name);
  fprintf (file, "virtloom %s VERB: %s\n\nVerbs:\n", noun->name, noun->help);
  for (const struct verb *verb = noun->verbs; verb->run; verb++)
    fprintf (file, "  %-*s  %s\n", width, verb->name, verb->help);
  fprintf (file, "\n`virtloom %s VERB --help` says more.\n", noun->name);
}

static void
help_all (FILE *file)
{
  fputs ("virtloom NOUN VERB [OPTIONS]: makes guests of flavors and images, configured by plugins\n"
         "\nNouns:\n",
         file);
  for (size_t i = 0; nouns[i]; i++)
    fprintf (file, "  %-12s  %s\n", nouns[i]->name, nouns[i]->help);
  fputs ("\nOptions, anywhere:\n", file);
  print_options (NULL, NULL, 1, file);
  fputs (
      "\nExit codes: 0 done, 1 failed while running, 2 usage, 3 request invalid, 4 valid but this\n"
      "host or driver cannot, 5 not found, 6 conflict, 7 plugin refused, 8 back end unreachable,\n"
      "9 not permitted.  `virtloom NOUN VERB --help` says more; virtloom(1) says all.\n",
      file);
}

void
args_help (const struct args *args, FILE *file)
{
  if (args->verb)
    help_verb (args->noun, args->verb, file);
  else if (args->noun)
    help_noun (args->noun, file);
  else
    help_all (file);
}
