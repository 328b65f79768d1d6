/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * plan-pairs TREE STATE OUT: plans each pair of wishes for qemu-tcg on the live
 * host and writes the domains that are made to OUT/N.xml, one after another. */

#include <config.h>

#include <virtloom/virtloom.h>

#include "unit/wishes.h"

#include <string.h>

static int
write_plan (struct vl_app *app, const char *request, const char *out, int number)
{
  struct vl_plan *plan = NULL;
  char *path;
  FILE *file;
  int made = 0;

  vl_findings_clear (app);
  /* What is refused is none of this program's matter. */
  (void)! vl_plan_request (app, request, strlen (request), "request", &plan);
  if (plan && vl_plan_xml (plan)) {
    if (asprintf (&path, "%s/%d.xml", out, number) < 0)
      abort ();
    file = fopen (path, "w");
    if (file == NULL || fputs (vl_plan_xml (plan), file) < 0 || fclose (file)) {
      perror (path);
      exit (1);
    }
    free (path);
    made = 1;
  }
  vl_plan_free (plan);
  return made;
}

int
main (int argc, char **argv)
{
  struct vl_app_options options = { .driver = "qemu-tcg", .quiet = 1 };
  struct vl_app *app;
  int made = 0, asked = 0;

  if (argc != 4) {
    fprintf (stderr, "usage: plan-pairs TREE STATE OUT\n");
    return 2;
  }
  options.tree_dir = argv[1];
  options.state_dir = argv[2];
  app = vl_app_new (&options);
  if (vl_app_load (app) < 0)
    return 1;
  for (size_t i = 0; i < N_WISHES; i++)
    for (size_t j = i; j < N_WISHES; j++) {
      const struct wish *const list[] = { &wishes[i], &wishes[j] };
      char *request = wishes_request (list, i == j ? 1 : 2, "false", "[]");

      asked++;
      made += write_plan (app, request, argv[3], made + 1);
      free (request);
    }
  vl_app_free (app);
  printf ("%d of %d\n", made, asked);
  return made == 0;
}
