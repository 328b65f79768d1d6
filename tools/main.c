/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The command: arguments, session, the verb, findings, exit code. */

#include <config.h>

#include "tool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

const struct noun *const nouns[] = {
  &flavor_noun, &image_noun,   &server_noun,    &plan_noun,   &explain_noun,
  &audit_noun,  &feature_noun, &driver_noun,    &plugin_noun, &config_noun,
  &host_noun,   &state_noun,   &migration_noun, NULL,
};

/* ---- the process, which is ours ---- */

/* libvirt's own driver runs threads until the process ends: some ends of many by exit ()
 * were crashes in libraries that tidied up under them. */
static int end_quickly;

static void
prepare_process (void *opaque, const struct vl_process *process)
{
  char *lines = process->environment ? strdup (process->environment) : NULL, *rest, *line, *value;

  (void)opaque;
  end_quickly |= process->quick_exit != 0;
  for (line = lines ? strtok_r (lines, "\n", &rest) : NULL; line;
       line = strtok_r (NULL, "\n", &rest))
    if ((value = strchr (line, '='))) {
      *value = '\0';
      setenv (line, value + 1, 0);
    }
  free (lines);
}

/* ---- one run ---- */

static const char *
format_of (const struct args *args)
{
  const char *format = args_value (args, "output");

  /* Mistakes of usage are answered in the form that was asked for, too. */
  if (format)
    return format;
  if (args->verb && (args->verb->flags & VERB_JSON))
    return "json";
  return args->verb && VL_STARTS (args->verb->formats, "xml") ? "xml" : "table";
}

static void
start (struct tool *tool, struct args *args)
{
  struct vl_app_options options = {
    .config_dir = args_value (args, "config"),
    .state_dir = args_value (args, "state"),
    .driver = args_value (args, "driver"),
    .host_file = args->verb && (args->verb->flags & VERB_MOVES) ? NULL : args_value (args, "host"),
    .tree_dir = args_value (args, "tree"),
    .modules = args_list (args, "plugin"),
    .quiet = args_has (args, "quiet"),
    .verbose = args_has (args, "verbose"),
    .timed = args_has (args, "timing"),
    .strict = args->verb && (args->verb->flags & VERB_STRICT),
    .wait = args_has (args, "wait"),
    .on_load = fault_loading,
  };

  tool->args = args;
  tool->format = format_of (args);
  tool->json = strcmp (tool->format, "json") == 0;
  tool->quiet = options.quiet;
  tool->verbose = options.verbose;
  if (args->verb && (args->verb->flags & VERB_NO_DEBUG))
    options.verbose = 0;
  tool->data = json_object ();
  tool->options = options;
  tool->app = vl_app_new (&options);
  tool->call = vl_app_call (tool->app);
  vl_app_on_process (tool->app, prepare_process, NULL);
  if (tool->json)
    output_json ();
  if (! tool->quiet && isatty (STDERR_FILENO))
    vl_app_on_progress (tool->app, output_progress, NULL);
  vl_app_on_wait (tool->app, output_wait, NULL);
}

/* Files that a command may have open: each module is one.  With fewer the one that cannot be
 * opened would look broken, whichever it is. */
#define LEAST_FILES 256

static int
allow_files (struct tool *tool)
{
  struct rlimit limit;

  if (getrlimit (RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= LEAST_FILES)
    return 0;
  limit.rlim_cur = limit.rlim_max < LEAST_FILES ? limit.rlim_max : LEAST_FILES;
  if (setrlimit (RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur == LEAST_FILES)
    return 0;
  return vl_refuse_as (tool->call, VL_ERR_FAILED, "HostLimit", NULL,
                       "allow a process more open files: ulimit -n",
                       "a process may open %llu files here; virtloom needs %d",
                       (unsigned long long)limit.rlim_cur, LEAST_FILES);
}

static int
load (struct tool *tool)
{
  unsigned flags = tool->args->verb->flags;
  int bad;

  if (flags & VERB_NO_LOAD)
    return 0;
  if (allow_files (tool) < 0)
    return -1;
  bad = vl_app_read (tool->app) < 0;
  /* A check tells all that is wrong, whichever file it is in. */
  if (bad && ! (flags & VERB_STRICT))
    return -1;
  fault_refuse (tool->app);
  return (flags & VERB_READ ? 0 : vl_app_load (tool->app)) < 0 || bad ? -1 : 0;
}

static int
run (struct tool *tool)
{
  int result, code;

  if (tool->args->bad) {
    (void)vl_refuse (tool->call, VL_ERR_USAGE, NULL, tool->args->hint, "%s", tool->args->message);
    return VL_ERR_USAGE;
  }
  result = args_check_files (tool);
  if (result == 0)
    result = load (tool);
  if (result == 0)
    result = tool->args->verb->run (tool);
  if (result > 0)
    return result;
  /* Success beside an error, and failure without one, are both no answer. */
  code = vl_findings_exit_code (tool->app);
  if (result < 0 && code == 0)
    code = -vl_refuse (tool->call, VL_ERR_FAILED, NULL, NULL,
                       "'%s%s%s' failed without saying why (a fault of virtloom)",
                       tool->args->noun->name, tool->args->verb->name ? " " : "",
                       tool->args->verb->name ? tool->args->verb->name : "");
  return code;
}

static int
finish (struct tool *tool, int code)
{
  int told = tool->json && ! tool->printed;

  output_wipe ();
  if (tool->json && ! tool->printed) {
    json_object_set_new (tool->data, "findings", json_findings (tool->app));
    json_print (tool->data, stdout);
  }
  /* A reader that has seen enough, such as head, is no failure. */
  if ((fflush (stdout) != 0 || ferror (stdout)) && errno != EPIPE) {
    (void)vl_refuse (tool->call, VL_ERR_FAILED, NULL, NULL, "%sthe answer cannot be written: %m",
                     code ? "" : "what was asked for was done, but ");
    code = code ? code : VL_ERR_FAILED;
    told = 0;
  }
  if (! told)
    findings_print (tool->app, stderr);
  json_decref (tool->data);
  vl_app_free (tool->app);
  return code;
}

int
main (int argc, char **argv)
{
  struct args args = { .noun = NULL };
  struct tool tool = { .app = NULL };
  int code = 0, waited = 0;

  environment_tame ();
  output_open ();
  args_parse (&args, argc, argv);
  if (args.help && ! args.bad) {
    args_help (&args, stdout);
  } else if (args.version && ! args.bad) {
    printf ("virtloom %s\n", VL_VERSION);
  } else if (args.bad || ! (args.verb->flags & VERB_WATCHED)
             || ! (waited = fault_fork (&code, args.verb->flags & VERB_ENDLESS))) {
    fault_watch ();
    start (&tool, &args);
    code = finish (&tool, run (&tool));
    fault_finished ();
  }
  args_free (&args);
  /* Handlers and destructors of modules have no say in what the answer was; and of what leaks, who
     worked for it tells. */
  if (end_quickly || waited || HAS_PLAIN_END) {
    fflush (NULL);
    _exit (code);
  }
  return code;
}
