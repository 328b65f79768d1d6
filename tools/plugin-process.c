/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a process is, as the kernel and the C library know it, in rows of name and value:
 * what a module changed of it is what is another row afterwards. */

#include <config.h>

#include "plugin-check.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <locale.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST_SIGNALS 65
/* Of a value, in a message. */
#define SHOWN 80

extern char **environ;

struct state_row {
  char *name, *value;
};

struct process_state {
  struct state_row *rows;
  size_t n, size;
  off_t written;
  long faults; /* of children that were waited for: some, if there was one */
};

static void VL_PRINTF (3, 4) add_row (struct process_state *state, char *name, const char *fmt, ...)
{
  va_list args;

  VL_GROW (state->rows, state->n, state->size);
  va_start (args, fmt);
  state->rows[state->n] = (struct state_row) { name, vl_xvasprintf (fmt, args) };
  va_end (args);
  /* Some are lines, or columns. */
  for (char *p = state->rows[state->n++].value; (p = strpbrk (p, "\t\n"));)
    *p = ' ';
}

/* ---- what the kernel says ---- */

/* Lines of /proc/self/status, as a reader of a message would call them. */
static const struct {
  const char *line, *name;
} status_lines[] = {
  { "Name", "the name of the process" },
  { "Umask", "the umask" },
  { "Uid", "the user" },
  { "Gid", "the group" },
  { "Groups", "the list of groups" },
  { "NSpgid", "the process group" },
  { "NSsid", "the session" },
  { "VmLck", "the locked memory" },
  { "Threads", "the number of threads" },
  { "SigPnd", "the set of signals that wait for the thread" },
  { "ShdPnd", "the set of signals that wait" },
  { "CapInh", "the inheritable capabilities" },
  { "CapPrm", "the permitted capabilities" },
  { "CapEff", "the effective capabilities" },
  { "CapBnd", "the bounding capabilities" },
  { "CapAmb", "the ambient capabilities" },
  { "NoNewPrivs", "no_new_privs" },
  { "Seccomp", "the seccomp mode" },
  { "Seccomp_filters", "the number of seccomp filters" },
  { "THP_enabled", "the use of huge pages" },
  { "Cpus_allowed_list", "the list of CPUs to run on" },
  { "Mems_allowed_list", "the list of cells to have memory of" },
};

static void
look_at_status (struct process_state *state)
{
  FILE *file = fopen ("/proc/self/status", "re");
  char line[1024];

  while (file && fgets (line, sizeof line, file)) {
    char *colon = strchr (line, ':');

    if (colon)
      *colon++ = '\0';
    for (size_t i = 0; colon && i < sizeof status_lines / sizeof status_lines[0]; i++)
      if (strcmp (line, status_lines[i].line) == 0)
        add_row (state, vl_xasprintf ("%s", status_lines[i].name), "%.*s",
                 (int)strcspn (colon + strspn (colon, " \t"), "\n"), colon + strspn (colon, " \t"));
  }
  if (file)
    fclose (file);
}

static void
look_at_files (struct process_state *state)
{
  static const struct {
    const char *path, *name;
  } files[] = {
    { "/proc/self/oom_score_adj", "oom_score_adj" },
    { "/proc/self/coredump_filter", "coredump_filter" },
    { "/proc/self/personality", "the personality" },
    { "/proc/self/timers", "the list of timers" },
  };
  char text[1024];

  for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
    FILE *file = fopen (files[i].path, "re");
    size_t n = file ? fread (text, 1, sizeof text - 1, file) : 0;

    while (n && text[n - 1] == '\n')
      n--;
    if (file)
      add_row (state, vl_xasprintf ("%s", files[i].name), "%.*s", (int)n, text);
    if (file)
      fclose (file);
  }
}

/* Where the links in FOLDER lead; the name of each is PREFIX and its own. */
static void
look_at_links (struct process_state *state, const char *folder, const char *prefix)
{
  DIR *dir = opendir (folder);
  char target[PATH_MAX];

  for (struct dirent *entry; dir && (entry = readdir (dir));) {
    ssize_t n = readlinkat (dirfd (dir), entry->d_name, target, sizeof target - 1);

    if (n > 0)
      add_row (state, vl_xasprintf ("%s %s", prefix, entry->d_name), "%.*s", (int)n, target);
  }
  if (dir)
    closedir (dir);
}

/* What each open descriptor is, but for the one with which the folder is read. */
static void
look_at_descriptors (struct process_state *state)
{
  DIR *dir = opendir ("/proc/self/fd");
  char target[PATH_MAX];

  for (struct dirent *entry; dir && (entry = readdir (dir));) {
    int fd = atoi (entry->d_name);
    ssize_t n = entry->d_name[0] == '.' || fd == dirfd (dir)
                    ? -1
                    : readlinkat (dirfd (dir), entry->d_name, target, sizeof target - 1);

    if (n >= 0)
      add_row (state, vl_xasprintf ("descriptor %d", fd), "%.*s%s%s%s", (int)n, target,
               fcntl (fd, F_GETFL) & O_NONBLOCK ? ", not blocking" : "",
               fcntl (fd, F_GETFL) & O_APPEND ? ", appending" : "",
               fcntl (fd, F_GETFD) & FD_CLOEXEC ? "" : ", inherited by programs");
  }
  if (dir)
    closedir (dir);
}

static void
look_at_signals (struct process_state *state)
{
  sigset_t blocked;
  stack_t stack;

  sigemptyset (&blocked);
  sigprocmask (SIG_BLOCK, NULL, &blocked);
  for (int n = 1; n < MOST_SIGNALS; n++) {
    struct sigaction action;
    const char *is = sigismember (&blocked, n) == 1 ? ", blocked" : "";

    if (sigaction (n, NULL, &action) < 0)
      continue;
    if (action.sa_handler == SIG_DFL || action.sa_handler == SIG_IGN)
      add_row (state, vl_xasprintf ("signal %d (%s)", n, strsignal (n)), "%s%s",
               action.sa_handler == SIG_DFL ? "not handled" : "ignored", is);
    else
      add_row (state, vl_xasprintf ("signal %d (%s)", n, strsignal (n)),
               "handled at %p with flags %#x%s", (void *)action.sa_sigaction,
               (unsigned)action.sa_flags, is);
  }
  if (sigaltstack (NULL, &stack) == 0)
    add_row (state, vl_xasprintf ("the stack of signal handlers"), "%s",
             stack.ss_flags & SS_DISABLE ? "none" : "there");
}

static void
look_at_numbers (struct process_state *state)
{
  static const struct {
    int option;
    const char *name;
  } options[] = {
    { PR_GET_DUMPABLE, "the dumpable attribute" },
    { PR_GET_KEEPCAPS, "keep_caps" },
    { PR_GET_SECUREBITS, "the securebits" },
    { PR_GET_TIMERSLACK, "the timer slack" },
  };
  static const __itimer_which_t timers[] = { ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF };
  int number = 0;

  for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
    add_row (state, vl_xasprintf ("%s", options[i].name), "%d",
             prctl (options[i].option, 0, 0, 0, 0));
  (void)prctl (PR_GET_PDEATHSIG, &number, 0, 0, 0);
  add_row (state, vl_xasprintf ("the signal at the death of its parent"), "%d", number);
  number = 0;
  (void)prctl (PR_GET_CHILD_SUBREAPER, &number, 0, 0, 0);
  add_row (state, vl_xasprintf ("child_subreaper"), "%d", number);
  add_row (state, vl_xasprintf ("the priority"), "%d", getpriority (PRIO_PROCESS, 0));
  add_row (state, vl_xasprintf ("the scheduling policy"), "%d", sched_getscheduler (0));
  add_row (state, vl_xasprintf ("the priority of its I/O"), "%ld", syscall (SYS_ioprio_get, 1, 0));
  for (size_t i = 0; i < sizeof timers / sizeof timers[0]; i++) {
    struct itimerval timer = { .it_value = { 0, 0 } };

    getitimer (timers[i], &timer);
    add_row (state, vl_xasprintf ("interval timer %d", (int)timers[i]), "%s",
             timer.it_value.tv_sec || timer.it_value.tv_usec ? "set" : "not set");
  }
  for (int i = 0; i < RLIM_NLIMITS; i++) {
    struct rlimit limit = { 0, 0 };

    getrlimit ((__rlimit_resource_t)i, &limit);
    add_row (state, vl_xasprintf ("limit %d of the process", i), "%llu, at most %llu",
             (unsigned long long)limit.rlim_cur, (unsigned long long)limit.rlim_max);
  }
}

/* ---- what the C library knows ---- */

/* How 1 and half of the least that is more are added up. */
static const char *
rounding (void)
{
  volatile double one = 1, minus = -1, half = 0x1p-53;
  int up = one + half > 1, down = minus - half < -1;

  return up && down           ? "odd"
         : up                 ? "upward"
         : down               ? "downward"
         : one - half / 2 < 1 ? "to zero"
                              : "to the nearest";
}

static void
look_at_library (struct process_state *state)
{
  static FILE *known[3];
  FILE *streams[] = { stdin, stdout, stderr };
  static const char *const names[] = { "stdin", "stdout", "stderr" };
  int cancel = 0, ignored;
  char *folder = getcwd (NULL, 0);

  add_row (state, vl_xasprintf ("the working folder"), "%s", folder ? folder : "gone");
  free (folder);
  add_row (state, vl_xasprintf ("the locale"), "%s", setlocale (LC_ALL, NULL));
  add_row (state, vl_xasprintf ("the locale of the thread"), "%s",
           uselocale ((locale_t)0) == LC_GLOBAL_LOCALE ? "that of the process" : "its own");
  for (char **line = environ; line && *line; line++) {
    size_t n = strcspn (*line, "=");

    add_row (state, vl_xasprintf ("the variable %.*s of the environment", (int)n, *line), "%s",
             *line + n + ((*line)[n] == '='));
  }
  for (size_t i = 0; i < sizeof streams / sizeof streams[0]; i++) {
    known[i] = known[i] ? known[i] : streams[i];
    add_row (state, vl_xasprintf ("%s of the C library", names[i]), "%s%s",
             streams[i] == known[i] ? "its own" : "another stream",
             i < 2 && __fbufsize (streams[i]) == 1 ? ", without a buffer" : "");
  }
  pthread_setcancelstate (PTHREAD_CANCEL_ENABLE, &cancel);
  pthread_setcancelstate (cancel, &ignored);
  add_row (state, vl_xasprintf ("the cancellation of the thread"), "%s",
           cancel == PTHREAD_CANCEL_ENABLE ? "enabled" : "disabled");
  add_row (state, vl_xasprintf ("the rounding of numbers"), "%s", rounding ());
}

struct process_state *
stage_look (void)
{
  struct process_state *state = vl_xcalloc (1, sizeof *state);
  struct rusage children;

  fflush (NULL);
  look_at_descriptors (state);
  look_at_status (state);
  look_at_files (state);
  look_at_links (state, "/proc/self/ns", "the namespace");
  look_at_signals (state);
  look_at_numbers (state);
  look_at_library (state);
  if (getrusage (RUSAGE_CHILDREN, &children) == 0)
    state->faults = children.ru_minflt + children.ru_majflt;
  state->written = lseek (stage_written, 0, SEEK_END);
  return state;
}

static void
free_state (struct process_state *state)
{
  for (size_t i = 0; i < state->n; i++) {
    free (state->rows[i].name);
    free (state->rows[i].value);
  }
  free (state->rows);
  free (state);
}

/* ---- what is not as it was ---- */

static const char *
value_of (const struct process_state *state, const char *name)
{
  for (size_t i = 0; i < state->n; i++)
    if (strcmp (state->rows[i].name, name) == 0)
      return state->rows[i].value;
  return NULL;
}

static void VL_PRINTF (2, 3) differ (struct vl_str *all, const char *fmt, ...)
{
  va_list args;
  char *text;

  va_start (args, fmt);
  text = vl_xvasprintf (fmt, args);
  va_end (args);
  vl_str_printf (all, "%s%s", all->length ? "; " : "", text);
  free (text);
}

/* Where row NAME has another value IS than it WAS; NULL: it is not there. */
static void
compare_row (const char *name, const char *was, const char *is, struct vl_str *all)
{
  int descriptor = strncmp (name, "descriptor ", 11) == 0;
  const char *none = descriptor ? "closed" : "not set";
  const char *module = descriptor && was == NULL ? strstr (is, ".so") : NULL;

  /* The loader keeps modules open. */
  if (vl_text_same (was, is) || (module && (module[3] == '\0' || module[3] == ',')))
    return;
  differ (all, "%s is %.*s (it was %.*s)", name, SHOWN, is ? is : none, SHOWN, was ? was : none);
}

char *
stage_words (off_t where)
{
  char text[SHOWN + 1];
  ssize_t n = pread (stage_written, text, sizeof text - 1, where);

  text[n > 0 ? n : 0] = '\0';
  text[strcspn (text, "\n")] = '\0';
  return vl_text_clean (text);
}

/* In words; NULL: none. */
static char *
differences (const struct process_state *was, const struct process_state *is, int programs)
{
  struct vl_str all = { 0 };

  for (size_t i = 0; i < is->n; i++)
    compare_row (is->rows[i].name, value_of (was, is->rows[i].name), is->rows[i].value, &all);
  for (size_t i = 0; i < was->n; i++)
    if (value_of (is, was->rows[i].name) == NULL)
      compare_row (was->rows[i].name, was->rows[i].value, NULL, &all);
  if (is->written != was->written) {
    char *words = stage_words (was->written);

    differ (&all, "it wrote '%s'", words);
    free (words);
  }
  if (waitpid (-1, NULL, WNOHANG) >= 0 || errno != ECHILD
      || (! programs && is->faults != was->faults))
    differ (&all, "it made another process");
  return all.text;
}

void
stage_compare (struct checking *c, const char *what, struct process_state *before, int programs)
{
  struct process_state *after = stage_look ();
  char *text = differences (before, after, programs);
  char *line = vl_xasprintf ("%s leaves the process as it was", what);

  tap_ok (c->tap, text == NULL, line, "%s", text ? text : "");
  free (line);
  free (text);
  free_state (before);
  free_state (after);
}
