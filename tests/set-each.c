/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * set-each TREE CONFIG STATE SERVER: sets each property KEY=VALUE of standard input, a line each, on
 * SERVER of the fake driver, and unsets it.  What is taken must be what a plan takes; what is refused must
 * leave the server as it was.  Prints each that is not so, and then how many were taken and refused. */

#include <config.h>

#include <virtloom/virtloom.h>

#include <stdio.h>
#include <string.h>

static struct vl_app *app;
static const char *server;

/* What a plan of today would change; -1: there is none. */
static long
n_changes (void)
{
  const struct vl_change *changes;
  size_t n;

  return vl_server_diff (app, server, &changes, &n) < 0 ? -1 : (long)n;
}

static const char *
last_error (void)
{
  for (size_t i = vl_findings_count (app); i-- > 0;)
    if (vl_findings_get (app, i)->severity == VL_SEV_ERROR)
      return vl_findings_get (app, i)->message;
  return "no error";
}

/* Was KEY=VALUE taken?  -1: what is wrong was printed. */
static int
set (const char *key, const char *value)
{
  const struct vl_property property = { .key = key, .value = value };
  const char *const keys[] = { key, NULL };
  const struct vl_server_change one = { .set = &property, .n_set = 1 }, none = { .unset = keys };
  int taken = vl_server_change (app, server, &one) == 0;

  if (taken && n_changes () < 0) {
    printf ("%s=%s is taken, and no plan takes it: %s\n", key, value, last_error ());
    return -1;
  }
  /* What the server had already it does not have of its own. */
  if (taken)
    (void)! vl_server_change (app, server, &none);
  vl_findings_clear (app);
  if (n_changes () != 0) {
    printf ("after %s=%s the server is another: %s\n", key, value, last_error ());
    return -1;
  }
  return taken;
}

int
main (int argc, char **argv)
{
  struct vl_app_options options = { .driver = "fake", .quiet = 1 };
  int n[2] = { 0, 0 }, bad = 0;
  char line[8192];

  if (argc != 5) {
    fprintf (stderr, "usage: set-each TREE CONFIG STATE SERVER\n");
    return 2;
  }
  options.tree_dir = argv[1];
  options.config_dir = argv[2];
  options.state_dir = argv[3];
  server = argv[4];
  app = vl_app_new (&options);
  if (vl_app_load (app) < 0 || n_changes () != 0) {
    fprintf (stderr, "%s\n", last_error ());
    return 1;
  }
  while (fgets (line, sizeof line, stdin)) {
    char *value = strchr (line, '=');
    int taken;

    line[strcspn (line, "\n")] = '\0';
    if (value == NULL)
      continue;
    *value++ = '\0';
    vl_findings_clear (app);
    taken = set (line, value);
    if (taken < 0)
      bad = 1;
    else
      n[taken]++;
  }
  vl_app_free (app);
  printf ("%d taken, %d refused\n", n[1], n[0]);
  return bad;
}
