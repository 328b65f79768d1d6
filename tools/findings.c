/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Findings for people: one line each, the hint on the next after two blanks. */

#include <config.h>

#include "tool.h"

#include <stdlib.h>
#include <string.h>

void
findings_print_one (const struct vl_finding *finding, FILE *file)
{
  static const char *const severities[] = { "", "error", "warning", "advice" };
  char *message = vl_text_clean (finding->message);
  char *origin = finding->origin ? vl_text_clean (finding->origin) : NULL;
  char *hint = finding->hint ? vl_text_clean (finding->hint) : NULL;

  fprintf (file, "%s %s %s: %s", severities[finding->severity], finding->code, finding->plugin,
           message);
  if (origin)
    fprintf (file, " (%s)", origin);
  fputc ('\n', file);
  if (hint)
    fprintf (file, "  %s\n", hint);
  free (message);
  free (origin);
  free (hint);
}

void
findings_print (const struct vl_app *app, FILE *file)
{
  for (size_t i = 0; i < vl_findings_count (app); i++)
    if (vl_findings_get (app, i)->severity <= vl_app_least_told (app))
      findings_print_one (vl_findings_get (app, i), file);
}

/* Has APP a finding that says what FINDING does, and as loudly? */
static int
is_told (const struct vl_app *app, const struct vl_finding *finding)
{
  for (size_t i = 0; i < vl_findings_count (app); i++) {
    const struct vl_finding *told = vl_findings_get (app, i);

    if (told->severity <= finding->severity && vl_text_same (told->plugin, finding->plugin)
        && vl_text_same (told->origin, finding->origin)
        && strcmp (told->message, finding->message) == 0)
      return 1;
  }
  return 0;
}

void
findings_copy (struct vl_app *to, const struct vl_app *from, enum vl_severity least)
{
  for (size_t i = 0; i < vl_findings_count (from); i++)
    if (vl_findings_get (from, i)->severity <= least && ! is_told (to, vl_findings_get (from, i)))
      (void)vl_findings_add (vl_app_call (to), vl_findings_get (from, i));
}
