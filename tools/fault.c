/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What becomes of a plugin's crash.  Where its code raises a fatal signal, or ends the
 * process, the command says whose code it was.  Commands that are there to look at
 * plugins go further: they run in a child, and start again without the one that the
 * child died of. */

#include <config.h>

#include "tool.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* To load one module; and for what is called afterwards, such as a probe of the
 * hypervisor on a busy machine. */
#define LOAD_SECONDS 20u
#define RUN_SECONDS 600u
#define MOST_MISHAPS 64

/* In memory that the child shares. */
static struct note {
  int finished;
  int takes_stops; /* a signal that stops it is an end like another, with a code of its own */
  char plugin[32];
  char what[512]; /* "was killed by SIGSEGV in load (FILE)"; "": not known */
} * note;

static struct mishap {
  char plugin[32];
  char *what;
} mishaps[MOST_MISHAPS];
static size_t n_mishaps;

static const int signals[] = { SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGALRM };
static const char *const names[] = { "killed by SIGSEGV", "killed by SIGBUS",
                                     "killed by SIGABRT", "killed by SIGFPE",
                                     "killed by SIGILL",  "stopped by a deadline" };
static pid_t own_pid;
/* What a child has for all but loading; 0: no end. */
static unsigned run_seconds = RUN_SECONDS;

/* Adds TEXT, a '?' for what is not ASCII, to what is in BUFFER, SIZE bytes; safe in a signal
 * handler. */
static void
add (char *buffer, size_t size, const char *text)
{
  size_t n = strnlen (buffer, size), more = strlen (text);

  if (n + 1 >= size)
    return;
  more = more < size - n - 1 ? more : size - n - 1;
  for (size_t i = 0; i < more; i++)
    buffer[n + i] = (text[i] >= ' ' && text[i] < 0x7f) || text[i] == '\n' ? text[i] : '?';
  buffer[n + more] = '\0';
}

/* Says that the plugin whose code runs was WHAT ("killed by SIGSEGV").  0 where the
 * code is not a plugin's. */
static int
tell (const char *what)
{
  char line[1024] = "", *text = note ? note->what : line;
  size_t size = note ? sizeof note->what : sizeof line;
  struct vl_fault fault;
  ssize_t ignored;

  if (! vl_app_fault (&fault))
    return 0;
  if (note) {
    note->plugin[0] = note->what[0] = '\0';
    add (note->plugin, sizeof note->plugin, fault.plugin);
  } else {
    add (text, size, "error PluginFault ");
    add (text, size, fault.plugin);
    add (text, size, ": ");
  }
  add (text, size, what);
  add (text, size, " in ");
  add (text, size, fault.phase);
  add (text, size, " (");
  add (text, size, fault.module);
  add (text, size, ")");
  if (note)
    return 1;
  add (text, size, "\n  'enabled = no' in plugins.d/");
  add (text, size, fault.plugin);
  add (text, size, ".conf turns it off\n");
  ignored = write (STDERR_FILENO, text, strlen (text));
  (void)ignored;
  return 1;
}

/* The signal takes its course, since what was under way is found by the next command. */
static void
on_signal (int number, siginfo_t *info, void *context)
{
  int saved = errno;

  (void)context;
  for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
    if (signals[i] == number)
      (void)tell (names[i]);
  errno = saved;
  /* What the processor raised comes again by itself, at the place of the fault. */
  if (info->si_code <= 0 || number == SIGALRM)
    (void)raise (number);
}

/* Leaving by exit() is no way out of a plugin, and a status of its own is no answer. */
static void
on_end (void)
{
  if (getpid () == own_pid && tell ("ended the process"))
    _exit (VL_ERR_FAILED);
}

void
fault_watch (void)
{
  static char stack[64 * 1024];
  stack_t other = { .ss_sp = stack, .ss_size = sizeof stack };
  struct sigaction action = { .sa_sigaction = on_signal,
                              .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESETHAND | SA_NODEFER };

  if (own_pid == 0)
    atexit (on_end);
  own_pid = getpid ();
  sigaltstack (&other, NULL);
  for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
    sigaction (signals[i], &action, NULL);
  /* A file that may not grow (ulimit -f) is an error to speak of, and to undo what was begun for. */
  signal (SIGXFSZ, SIG_IGN);
}

/* ---- in a child ---- */

void
fault_loading (void *opaque, const char *plugin)
{
  (void)opaque;
  /* A module may end the process without a handler's getting to know. */
  if (note) {
    note->plugin[0] = note->what[0] = '\0';
    if (plugin) {
      add (note->plugin, sizeof note->plugin, plugin);
      add (note->what, sizeof note->what, "ended the process in load");
    }
  }
  /* Without a note this is the command itself, which may take its time. */
  alarm (plugin ? LOAD_SECONDS : note ? run_seconds : 0);
}

void
fault_forget (void)
{
  if (note == NULL)
    note = mmap (NULL, sizeof *note, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (note == MAP_FAILED)
    note = NULL;
  if (note)
    memset (note, 0, sizeof *note);
}

const char *
fault_said (void)
{
  return note == NULL || *note->what == '\0'     ? ""
         : strncmp (note->what, "ended", 5) == 0 ? note->what
                                                 : vl_xasprintf ("was %s", note->what);
}

void
fault_refuse (struct vl_app *app)
{
  for (size_t i = 0; i < n_mishaps; i++)
    vl_plugins_refuse (app, mishaps[i].plugin, mishaps[i].what);
}

/* The child of PID is gone without having finished: notes of what.  0 where it was no
 * plugin, or always the same one. */
static int
take_mishap (void)
{
  struct mishap *mishap = &mishaps[n_mishaps];

  if (note->plugin[0] == '\0' || n_mishaps == MOST_MISHAPS)
    return 0;
  for (size_t i = 0; i < n_mishaps; i++)
    if (strcmp (mishaps[i].plugin, note->plugin) == 0)
      return 0;
  memcpy (mishap->plugin, note->plugin, sizeof mishap->plugin);
  mishap->what = vl_xasprintf ("its code %s%s", strncmp (note->what, "ended", 5) == 0 ? "" : "was ",
                               note->what);
  n_mishaps++;
  return 1;
}

/* Of an endless command: the child, which has something to put right before it ends, and the
 * signal that was to end both. */
static volatile sig_atomic_t child_of_ours, stopped_by;

static void
on_stop (int number)
{
  stopped_by = number;
  if (child_of_ours > 0)
    kill ((pid_t)child_of_ours, number);
}

void
fault_on_stops (void (*handler) (int), int flags, sigset_t *set)
{
  static const int stops[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM };
  struct sigaction action = { .sa_handler = handler, .sa_flags = flags };

  if (set)
    sigemptyset (set);
  for (size_t i = 0; i < sizeof stops / sizeof stops[0]; i++) {
    struct sigaction now;

    if (sigaction (stops[i], NULL, &now) < 0 || now.sa_handler == SIG_IGN)
      continue;
    sigaction (stops[i], &action, NULL);
    if (set)
      sigaddset (set, stops[i]);
  }
}

/* WATCHES: such signals are handed on to CHILD.  Else they do again what they do by themselves. */
static void
hand_on (pid_t child, int watches)
{
  child_of_ours = (sig_atomic_t)child;
  fault_on_stops (watches ? on_stop : SIG_DFL, SA_RESTART, NULL);
}

int
fault_fork (int *code, int endless)
{
  pid_t self = getpid ();

  run_seconds = endless ? 0 : RUN_SECONDS;
  for (;;) {
    pid_t child;
    int status = 0;

    fault_forget ();
    if (note == NULL)
      return 0;
    fflush (NULL);
    child = fork ();
    if (child == 0) {
      /* Who stops the command stops what it does. */
      prctl (PR_SET_PDEATHSIG, SIGTERM);
      if (getppid () != self)
        _exit (VL_ERR_FAILED);
    }
    if (child <= 0)
      return 0;
    if (endless)
      hand_on (child, 1);
    while (waitpid (child, &status, 0) < 0 && errno == EINTR)
      continue;
    if (endless)
      hand_on (-1, 0);
    if (stopped_by && ! note->takes_stops)
      raise (stopped_by);
    *code = WIFEXITED (status) ? WEXITSTATUS (status) : VL_ERR_FAILED;
    if (note->finished)
      return 1;
    if (! take_mishap ()) {
      fprintf (stderr, "error Failed core: the command ended without an answer%s%s\n",
               WIFSIGNALED (status) ? ": " : "",
               WIFSIGNALED (status) ? strsignal (WTERMSIG (status)) : "");
      *code = *code ? *code : VL_ERR_FAILED;
      return 1;
    }
  }
}

void
fault_takes_stops (void)
{
  if (note)
    note->takes_stops = 1;
}

void
fault_finished (void)
{
  if (note)
    note->finished = 1;
}
