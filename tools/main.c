/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The command: arguments, session, the verb, findings, exit code. */

#include <config.h>

#include "tool.h"

#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const struct noun *const nouns[] = {
  &flavor_noun, &image_noun,  &server_noun, &plan_noun, &explain_noun, &feature_noun,
  &driver_noun, &plugin_noun, &config_noun, &host_noun, NULL,
};

/* ---- progress: one line of a terminal, written over and wiped at the end ---- */

static int progress_shown;

static void
show_progress (void *opaque, const char *text)
{
  char *clean = vl_text_clean (text);

  (void)opaque;
  fprintf (stderr, "\r\033[K%s ...", clean);
  fflush (stderr);
  progress_shown = 1;
  free (clean);
}

static void
wipe_progress (void)
{
  if (progress_shown)
    fputs ("\r\033[K", stderr);
  progress_shown = 0;
}

/* ---- one run ---- */

static const char *
format_of (const struct args *args)
{
  const char *format = args_value (args, "output");

  /* Mistakes of usage are answered in the form that was asked for, too. */
  if (format)
    return format;
  return args->verb && strncmp (args->verb->formats, "xml", 3) == 0 ? "xml" : "table";
}

static void
start (struct tool *tool, struct args *args)
{
  struct vl_app_options options = {
    .config_dir = args_value (args, "config"),
    .state_dir = args_value (args, "state"),
    .driver = args_value (args, "driver"),
    .host_file = args_value (args, "host"),
    .tree_dir = args_value (args, "tree"),
    .quiet = args_has (args, "quiet"),
    .verbose = args_has (args, "verbose"),
  };

  tool->args = args;
  tool->format = format_of (args);
  tool->json = strcmp (tool->format, "json") == 0;
  tool->quiet = options.quiet;
  tool->verbose = options.verbose;
  if (args->verb && (args->verb->flags & VERB_NO_DEBUG))
    options.verbose = 0;
  tool->data = json_object ();
  tool->app = vl_app_new (&options);
  tool->call = vl_app_call (tool->app);
  if (! tool->quiet && isatty (STDERR_FILENO))
    vl_app_on_progress (tool->app, show_progress, NULL);
}

/* The exit code of the findings from number FIRST on: a plugin that was refused
 * at the start is no reason why a server is not found. */
static int
exit_code (const struct tool *tool, size_t first)
{
  static const enum vl_err weight[] = { VL_ERR_REQUEST, VL_ERR_CONFLICT, VL_ERR_UNSUPPORTED };
  size_t best = sizeof weight / sizeof weight[0];
  int code = 0;

  for (size_t i = first; i < vl_findings_count (tool->app); i++) {
    const struct vl_finding *finding = vl_findings_get (tool->app, i);

    if (finding->severity != VL_SEV_ERROR)
      continue;
    if (code == 0)
      code = (int)finding->err;
    for (size_t w = 0; w < best; w++)
      if (finding->err == weight[w]) {
        code = (int)weight[w];
        best = w;
      }
  }
  return code;
}

static int
run (struct tool *tool)
{
  const struct verb *verb = tool->args->verb;
  size_t first = 0;
  int result;

  if (tool->args->bad) {
    (void)vl_error (tool->call, VL_ERR_USAGE, NULL, NULL, "%s", tool->args->message);
    if (tool->args->hint)
      vl_hint (tool->call, "%s", tool->args->hint);
    return VL_ERR_USAGE;
  }
  if (! (verb->flags & VERB_NO_LOAD) && vl_app_load (tool->app) < 0) {
    result = -1;
  } else {
    first = vl_findings_count (tool->app);
    result = verb->run (tool);
  }
  if (result >= 0)
    return result;
  result = first ? exit_code (tool, first) : 0;
  if (result == 0)
    result = vl_findings_exit_code (tool->app);
  return result ? result : VL_ERR_FAILED;
}

static int
finish (struct tool *tool, int code)
{
  wipe_progress ();
  if (tool->json && ! tool->printed) {
    json_object_set_new (tool->data, "findings", json_findings (tool->app));
    json_print (tool->data, stdout);
  }
  /* A reader that has seen enough, such as head, is no failure. */
  if ((fflush (stdout) != 0 || ferror (stdout)) && errno != EPIPE) {
    (void)vl_error (tool->call, VL_ERR_FAILED, NULL, NULL, "the answer cannot be written: %m");
    code = code ? code : VL_ERR_FAILED;
  }
  if (! tool->json || tool->printed)
    findings_print (tool->app, 0, stderr);
  json_decref (tool->data);
  vl_app_free (tool->app);
  return code;
}

int
main (int argc, char **argv)
{
  struct args args = { .noun = NULL };
  struct tool tool = { .app = NULL };
  int code = 0;

  setlocale (LC_CTYPE, "");
  args_parse (&args, argc, argv);
  if (args.help && ! args.bad) {
    args_help (&args, stdout);
  } else if (args.version && ! args.bad) {
    printf ("virtloom %s\n", VL_VERSION);
  } else {
    start (&tool, &args);
    code = finish (&tool, run (&tool));
  }
  args_free (&args);
  return code;
}
