/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * `plugin check` of a driver: the conformance suite that the shipped ones pass, a
 * script over this very program, with a STATE of its own. */

#include <config.h>

#include "plugin-check.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SUITE "driver-conformance.sh"
/* Address space of each process of the suite, its guests included. */
#define DRIVER_MEMORY ((rlim_t)64 << 30)

/* What became of the suite: its lines go on as a test within a test. */
struct suite {
  int status;        /* as of waitpid; -1: it did not run */
  int planned;       /* it came to its end, where it says how many tests there were */
  char skipped[256]; /* why it was left out; "": it was not */
};

static void
read_line (struct suite *suite, char *line)
{
  static const char plan[] = "1..", none[] = "1..0 # SKIP ";

  line[strcspn (line, "\n")] = '\0';
  suite->planned |= strncmp (line, plan, strlen (plan)) == 0;
  if (strncmp (line, none, strlen (none)) == 0)
    snprintf (suite->skipped, sizeof suite->skipped, "%.200s", line + strlen (none));
  printf ("    %s\n", line);
  fflush (stdout);
}

static void
run_suite (struct checking *c, const char *script, struct suite *suite)
{
  const struct rlimit memory = { DRIVER_MEMORY, DRIVER_MEMORY };
  char line[4096];
  int ends[2];
  pid_t child;
  FILE *lines;

  fflush (NULL);
  if (pipe (ends) < 0)
    return;
  child = fork ();
  if (child == 0) {
    dup2 (ends[1], STDOUT_FILENO);
    close (ends[0]);
    close (ends[1]);
    if (HAS_MEMORY_LIMIT)
      setrlimit (RLIMIT_AS, &memory);
    execlp ("bash", "bash", script, c->name, (char *)NULL);
    _exit (127);
  }
  close (ends[1]);
  lines = fdopen (ends[0], "r");
  while (lines && fgets (line, sizeof line, lines))
    read_line (suite, line);
  if (lines)
    fclose (lines);
  if (child > 0)
    waitpid (child, &suite->status, 0);
}

/* ---- what it says of itself ---- */

static const struct {
  enum vl_driver_claim claim;
  const char *line;
} claims[] = {
  { VL_CLAIM_GUESTS, "it knows which guests there are" },
  { VL_CLAIM_READS_BACK, "what it says that it reads back (reads_back) it reads back" },
  { VL_CLAIM_SEES_LOSS,
    "spawn refuses a guest of which the hypervisor lost something (reads_back)" },
  { VL_CLAIM_VALIDATES, "spawn refuses what libvirt's schema does not allow (validates)" },
  { VL_CLAIM_SECRETS, "a secret is kept, stays what it is, and is forgotten" },
  { VL_CLAIM_AGENT, "a guest without an agent does not do what only an agent does" },
  { VL_CLAIM_EVENTS, "it says when it hears events, and ends when it is told to" },
};

/* A claim that is tried spoils the plan that it is tried with. */
static void
try_claim (struct checking *c, struct vl_app *app, size_t i)
{
  json_t *request = plain_request (c);
  struct vl_plan *plan;
  const char *why = NULL;
  int said = make_plan (app, request, &plan);

  if (said == 0)
    said = vl_plan_try_driver (app, plan, claims[i].claim, &why);
  if (said != 1
      && ! tap_ok (c->tap, said == 0 && ! tap_faulty (app), claims[i].line, "%s",
                   why ? why : "it cannot be tried; the findings are below"))
    tap_findings (c->tap, app);
  vl_plan_free (plan);
  json_decref (request);
}

static void
check_claims (struct checking *c)
{
  struct vl_app *app;

  /* Guests may run as another user, who has to come to what is theirs. */
  if (chmod (c->folder, 0711) < 0)
    tap_note (c->tap, "'%s': %m", c->folder);
  c->tool->options.driver = c->name;
  app = check_open (c, NULL, 1);
  for (size_t i = 0; app && i < sizeof claims / sizeof claims[0]; i++)
    try_claim (c, app, i);
  vl_app_free (app);
}

void
check_driver (struct checking *c)
{
  static const char what[] = "it passes the conformance suite of drivers";
  const char *tree = c->tool->options.tree_dir;
  char *script = tree ? vl_xasprintf ("%s/tests/" SUITE, tree)
                      : vl_xasprintf ("%s", VL_DATADIR "/test/" SUITE);
  char *seconds = vl_xasprintf ("%u", c->seconds), self[4096];
  struct suite suite = { .status = -1 };
  ssize_t n = readlink ("/proc/self/exe", self, sizeof self - 1);

  self[n > 0 ? n : 0] = '\0';
  setenv ("VL_PROGRAM", self, 1);
  setenv ("VL_PLUGIN", c->file, 1);
  setenv ("VL_DEADLINE", seconds, 1);
  if (tree)
    setenv ("VL_TREE", tree, 1);
  tap_flush (c->tap);
  if (access (script, R_OK) == 0)
    run_suite (c, script, &suite);
  if (*suite.skipped)
    tap_skip (c->tap, what, suite.skipped);
  else
    tap_ok (c->tap, suite.status == 0 && suite.planned, what, "'%s': %s", script,
            access (script, R_OK) < 0 ? "it is not there"
            : suite.planned           ? "see above"
                                      : "it ended before its end");
  if (suite.status == 0 && *suite.skipped == '\0')
    stage_run (c, "a guest that is made and not started", check_claims);
  free (script);
  free (seconds);
}
