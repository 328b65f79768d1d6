/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * `plugin check` of a driver: the conformance suite that the shipped ones pass, a
 * script over this very program, with a STATE of its own. */

#include <config.h>

#include "plugin-check.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SUITE "driver-conformance.sh"

/* Runs the suite; its lines go on as a test within a test.  Its status. */
static int
run_suite (struct checking *c, const char *script)
{
  char line[4096];
  int ends[2], status = -1;
  pid_t child;
  FILE *lines;

  fflush (NULL);
  if (pipe (ends) < 0)
    return -1;
  child = fork ();
  if (child == 0) {
    dup2 (ends[1], STDOUT_FILENO);
    close (ends[0]);
    close (ends[1]);
    execlp ("bash", "bash", script, c->name, (char *)NULL);
    _exit (127);
  }
  close (ends[1]);
  lines = fdopen (ends[0], "r");
  while (lines && fgets (line, sizeof line, lines)) {
    line[strcspn (line, "\n")] = '\0';
    printf ("    %s\n", line);
    fflush (stdout);
  }
  if (lines)
    fclose (lines);
  if (child > 0)
    waitpid (child, &status, 0);
  return status;
}

void
check_driver (struct checking *c)
{
  const char *tree = c->tool->options.tree_dir;
  char *script = tree ? vl_xasprintf ("%s/tests/" SUITE, tree)
                      : vl_xasprintf ("%s", VL_DATADIR "/test/" SUITE);
  char self[4096];
  ssize_t n = readlink ("/proc/self/exe", self, sizeof self - 1);
  int status;

  self[n > 0 ? n : 0] = '\0';
  if (access (script, R_OK) < 0) {
    tap_ok (c->tap, 0, "it passes the conformance suite of drivers", "there is no '%s'", script);
    free (script);
    return;
  }
  setenv ("VL_PROGRAM", self, 1);
  setenv ("VL_PLUGIN", c->file, 1);
  if (tree)
    setenv ("VL_TREE", tree, 1);
  tap_flush (c->tap);
  status = run_suite (c, script);
  tap_ok (c->tap, status == 0, "it passes the conformance suite of drivers",
          WIFEXITED (status) ? "see above" : "it ended before its end");
  free (script);
}
