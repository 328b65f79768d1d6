/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One stage of `plugin check`: a child that may crash, hang, or end without having
 * come to its end, and what of its process is not as it was. */

#include <config.h>

#include "plugin-check.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <locale.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define MEMORY_LIMIT ((rlim_t)4 << 30)
#define MOST_DESCRIPTORS 1024
#define MOST_SIGNALS 65

extern char **environ;

/* What the module wrote to stdout and stderr. */
static int written = -1;

struct process_state {
  char *descriptors[MOST_DESCRIPTORS]; /* what each one is, NULL: closed */
  int threads;
  void (*handlers[MOST_SIGNALS]) (int);
  sigset_t blocked;
  char *locale, *folder, *environment;
  mode_t umask;
  uid_t user, effective;
  struct rlimit limits[RLIM_NLIMITS];
  off_t written;
  long faults; /* of children that were waited for: some, if there was one */
};

/* ---- what a process is ---- */

static int
entries (const char *path)
{
  DIR *dir = opendir (path);
  int n = 0;

  for (struct dirent *entry; dir && (entry = readdir (dir));)
    n += entry->d_name[0] != '.';
  if (dir)
    closedir (dir);
  return n;
}

/* What each open descriptor is, but for the one with which the folder is read. */
static void
look_at_descriptors (char **descriptors)
{
  DIR *dir = opendir ("/proc/self/fd");
  char target[PATH_MAX];

  for (struct dirent *entry; dir && (entry = readdir (dir));) {
    int fd = atoi (entry->d_name);
    ssize_t n;

    if (entry->d_name[0] == '.' || fd == dirfd (dir) || fd >= MOST_DESCRIPTORS)
      continue;
    n = readlinkat (dirfd (dir), entry->d_name, target, sizeof target - 1);
    if (n < 0)
      continue;
    target[n] = '\0';
    descriptors[fd] = vl_xasprintf ("%s", target);
  }
  if (dir)
    closedir (dir);
}

static char *
whole_environment (void)
{
  struct vl_str all = { 0 };

  for (char **line = environ; line && *line; line++)
    vl_str_printf (&all, "%s\n", *line);
  return all.text;
}

struct process_state *
stage_look (void)
{
  struct process_state *state = vl_xcalloc (1, sizeof *state);
  struct rusage children;

  fflush (NULL);
  look_at_descriptors (state->descriptors);
  state->threads = entries ("/proc/self/task");
  for (int n = 1; n < MOST_SIGNALS; n++) {
    struct sigaction action;

    if (sigaction (n, NULL, &action) == 0)
      state->handlers[n] = action.sa_handler;
  }
  sigprocmask (SIG_BLOCK, NULL, &state->blocked);
  state->locale = vl_xasprintf ("%s", setlocale (LC_ALL, NULL));
  state->folder = getcwd (NULL, 0);
  state->environment = whole_environment ();
  state->umask = umask (0);
  umask (state->umask);
  state->user = getuid ();
  state->effective = geteuid ();
  for (int i = 0; i < RLIM_NLIMITS; i++)
    getrlimit ((__rlimit_resource_t)i, &state->limits[i]);
  if (getrusage (RUSAGE_CHILDREN, &children) == 0)
    state->faults = children.ru_minflt + children.ru_majflt;
  state->written = lseek (written, 0, SEEK_END);
  return state;
}

static void
free_state (struct process_state *state)
{
  for (int fd = 0; fd < MOST_DESCRIPTORS; fd++)
    free (state->descriptors[fd]);
  free (state->locale);
  free (state->folder);
  free (state->environment);
  free (state);
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

/* What the module has written since WHERE, its first line. */
static char *
first_words (off_t where)
{
  char text[81];
  ssize_t n = pread (written, text, sizeof text - 1, where);

  text[n > 0 ? n : 0] = '\0';
  text[strcspn (text, "\n")] = '\0';
  return vl_text_clean (text);
}

static void
compare_descriptors (const struct process_state *was, const struct process_state *is,
                     struct vl_str *all)
{
  for (int fd = 0; fd < MOST_DESCRIPTORS; fd++) {
    const char *a = was->descriptors[fd], *b = is->descriptors[fd];
    size_t n = b ? strlen (b) : 0;

    /* The loader keeps modules open. */
    if (vl_text_same (a, b) || (a == NULL && n > 3 && strcmp (b + n - 3, ".so") == 0))
      continue;
    if (a == NULL)
      differ (all, "descriptor %d is open (%s)", fd, b);
    else
      differ (all, "descriptor %d is %s (it was %s)", fd, b ? b : "closed", a);
  }
}

static void
compare_signals (const struct process_state *was, const struct process_state *is,
                 struct vl_str *all)
{
  for (int n = 1; n < MOST_SIGNALS; n++) {
    if (was->handlers[n] != is->handlers[n])
      differ (all, "signal %d (%s) has another handler", n, strsignal (n));
    if (sigismember (&was->blocked, n) != sigismember (&is->blocked, n))
      differ (all, "signal %d (%s) is %s", n, strsignal (n),
              sigismember (&is->blocked, n) ? "blocked" : "no longer blocked");
  }
}

/* In words; NULL: none. */
static char *
differences (const struct process_state *was, const struct process_state *is, int programs)
{
  struct vl_str all = { 0 };

  compare_descriptors (was, is, &all);
  compare_signals (was, is, &all);
  if (is->written != was->written) {
    char *words = first_words (was->written);

    differ (&all, "it wrote '%s'", words);
    free (words);
  }
  if (is->threads != was->threads)
    differ (&all, "it has %d threads (it had %d)", is->threads, was->threads);
  if (! vl_text_same (was->locale, is->locale))
    differ (&all, "the locale is '%s' (it was '%s')", is->locale, was->locale);
  if (! vl_text_same (was->folder, is->folder))
    differ (&all, "the working folder is '%s' (it was '%s')", is->folder ? is->folder : "gone",
            was->folder ? was->folder : "gone");
  if (! vl_text_same (was->environment, is->environment))
    differ (&all, "the environment is another one");
  if (was->umask != is->umask)
    differ (&all, "the umask is %03o (it was %03o)", (unsigned)is->umask, (unsigned)was->umask);
  if (was->user != is->user || was->effective != is->effective)
    differ (&all, "the user is another one");
  for (int i = 0; i < RLIM_NLIMITS; i++)
    if (memcmp (&was->limits[i], &is->limits[i], sizeof was->limits[i]) != 0)
      differ (&all, "limit %d of the process is another one", i);
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

/* ---- a child ---- */

static void
limit (__rlimit_resource_t what, rlim_t value)
{
  struct rlimit limit;

  if (getrlimit (what, &limit) < 0)
    return;
  limit.rlim_cur = value < limit.rlim_max ? value : limit.rlim_max;
  setrlimit (what, &limit);
}

/* A module that forks and goes on would double what is left to do each time. */
static void
end_copy (void)
{
  _exit (0);
}

static void
begin_child (struct checking *c)
{
  int nothing = open ("/dev/null", O_RDONLY | O_CLOEXEC);

  setpgid (0, 0);
  written = memfd_create ("written", MFD_CLOEXEC);
  dup2 (nothing, STDIN_FILENO);
  dup2 (written, STDOUT_FILENO);
  dup2 (written, STDERR_FILENO);
  close (nothing);
  limit (RLIMIT_CORE, 0);
  if (HAS_MEMORY_LIMIT)
    limit (RLIMIT_AS, MEMORY_LIMIT);
  fault_watch ();
  pthread_atfork (NULL, NULL, end_copy);
  alarm (c->seconds);
}

/* Ends what the module left behind: processes without a parent become ours. */
static void
end_children (void)
{
  char *path = vl_xasprintf ("/proc/self/task/%d/children", (int)getpid ());
  FILE *file;
  int pid, n;

  do {
    n = 0;
    file = fopen (path, "re");
    while (file && fscanf (file, "%d", &pid) == 1) {
      n++;
      kill (pid, SIGKILL);
      waitpid (pid, NULL, 0);
    }
    if (file)
      fclose (file);
  } while (n);
  free (path);
}

/* Waits for CHILD, which has a little longer than its own deadline says.  0 where even
 * that was not enough. */
static int
wait_for (pid_t child, unsigned seconds, int *status)
{
  int fd = (int)syscall (SYS_pidfd_open, child, 0);
  struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
  int ended = 1;

  if (fd >= 0) {
    while ((ended = poll (&poll_fd, 1, (int)(seconds + 5) * 1000)) < 0 && errno == EINTR)
      continue;
    close (fd);
  }
  kill (-child, SIGKILL);
  kill (child, SIGKILL);
  while (waitpid (child, status, 0) < 0 && errno == EINTR)
    continue;
  end_children ();
  return ended > 0;
}

void
stage_run (struct checking *c, const char *what, void (*run) (struct checking *))
{
  char *line = vl_xasprintf ("%s comes to its end", what);
  int status = 0, in_time = 1;
  const char *fault;
  pid_t child;

  c->tap->finished = 0;
  fault_forget ();
  fflush (NULL);
  prctl (PR_SET_CHILD_SUBREAPER, 1);
  child = fork ();
  if (child == 0) {
    begin_child (c);
    run (c);
    c->tap->finished = 1;
    _exit (0);
  }
  if (child > 0)
    in_time = wait_for (child, c->seconds, &status);
  fault = fault_said ();
  if (child < 0)
    tap_ok (c->tap, 0, line, "no child can be made: %m");
  else if (*fault)
    tap_ok (c->tap, 0, line, "it %s", fault);
  else if (! in_time)
    tap_ok (c->tap, 0, line, "it was stopped by a deadline of %u seconds", c->seconds);
  else if (WIFSIGNALED (status))
    tap_ok (c->tap, 0, line, "it was killed by signal %d (%s)", WTERMSIG (status),
            strsignal (WTERMSIG (status)));
  else
    tap_ok (c->tap, c->tap->finished, line, "it ended the process, with status %d",
            WEXITSTATUS (status));
  if (! c->tap->finished)
    c->tap->broken = 1;
  if (! in_time || strstr (fault, "deadline"))
    c->tap->late = 1;
  tap_flush (c->tap);
  free (line);
}
