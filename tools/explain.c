/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * virtloom explain: each element, attribute and value of a domain with who made
 * it and what for. */

#include <config.h>

#include "tool.h"

#include <stdlib.h>
#include <string.h>

/* The reasons below a row, each a little further in than its line. */
static void
print_chain (const char *chain)
{
  char *copy = vl_xstrdup (chain), *state = NULL;

  for (char *line = strtok_r (copy, "\n", &state); line; line = strtok_r (NULL, "\n", &state)) {
    char *clean = vl_text_clean (line);

    printf ("    %s\n", clean);
    free (clean);
  }
  free (copy);
}

static void
print_row (const struct vl_provenance *row, int with_chain)
{
  char *path = vl_text_clean (row->path), *value = row->value ? vl_text_clean (row->value) : NULL;
  char *cause = row->cause ? vl_text_clean (row->cause) : NULL;

  printf ("%s%s%s  <- %s%s%s\n", path, value ? " = " : "", value ? value : "", row->owners,
          cause ? ", " : "", cause ? cause : "");
  if (with_chain && row->chain)
    print_chain (row->chain);
  free (path);
  free (value);
  free (cause);
}

static int
explain_run (struct tool *tool)
{
  const char *server = tool->args->n_words ? tool->args->words[0] : NULL;
  int planned = args_has (tool->args, "flavor") || args_has (tool->args, "request");
  const struct vl_provenance *rows = NULL;
  struct vl_plan *plan = NULL;
  size_t n = 0;
  int result;

  if (server && ! planned) {
    result = vl_server_provenance (tool->app, server, &rows, &n);
  } else {
    result = plan_make (tool, server, &plan);
    rows = plan ? vl_plan_provenance (plan, 0) : NULL;
    n = plan ? vl_plan_n_provenance (plan) : 0;
  }
  if (tool->json)
    json_object_set_new (tool->data, "provenance", plan_provenance (rows, n));
  for (size_t i = 0; result == 0 && ! tool->json && i < n; i++)
    print_row (&rows[i], tool->verbose);
  vl_plan_free (plan);
  return result;
}

static const struct verb verbs[] = {
  { NULL, "[SERVER]", 0, 1, "flavor image network volume property config-drive request",
    "table json", "each part of a domain and the reason for it; -v: the chain of reasons",
    "virtloom explain --flavor m1.small --image debian -v", VERB_NO_DEBUG, explain_run },
  { .run = NULL },
};

const struct noun explain_noun = { "explain", "each part of a domain and the reason for it",
                                   verbs };
