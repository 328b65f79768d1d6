/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One stage of `plugin check`: a child that may crash, hang, leave something behind, or end
 * without having come to its end. */

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
#include <stdio.h>
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

int stage_written = -1;

/* ---- a terminal ---- */

/* The other end of the terminal that the children of a stage have, whose name is /dev/tty
 * to them: nothing of theirs goes to the user's own, and what is written there is seen.  -1
 * where there is none, which leaves them without. */
static int terminal = -1;

static void
make_terminal (void)
{
  terminal = posix_openpt (O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
  if (terminal >= 0 && (grantpt (terminal) < 0 || unlockpt (terminal) < 0)) {
    close (terminal);
    terminal = -1;
  }
}

/* For the child, which keeps it open to its end. */
static void
take_terminal (void)
{
  char name[64];

  setsid ();
  if (terminal < 0)
    return;
  /* The first terminal that the first process of a session opens is its own. */
  if (ptsname_r (terminal, name, sizeof name) == 0)
    (void)! open (name, O_RDWR | O_CLOEXEC);
  close (terminal);
}

/* What was written there, calloc; NULL: nothing. */
static char *
terminal_words (void)
{
  char text[64];
  ssize_t n = terminal < 0 ? -1 : read (terminal, text, sizeof text - 1);

  if (terminal >= 0)
    close (terminal);
  terminal = -1;
  if (n <= 0)
    return NULL;
  text[n] = '\0';
  text[strcspn (text, "\r\n")] = '\0';
  return vl_text_clean (text);
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

  take_terminal ();
  dup2 (nothing, STDIN_FILENO);
  dup2 (stage_written, STDOUT_FILENO);
  dup2 (stage_written, STDERR_FILENO);
  close (nothing);
  limit (RLIMIT_CORE, 0);
  /* A driver may work in processes of its own, which begin with all that libvirt maps. */
  if (HAS_MEMORY_LIMIT && c->note.kind != VL_KIND_DRIVER)
    limit (RLIMIT_AS, MEMORY_LIMIT);
  fault_watch ();
  if (c->note.kind != VL_KIND_DRIVER)
    pthread_atfork (NULL, NULL, end_copy);
  alarm (c->seconds);
}

/* The end of a child is that of any process: what the module put off until then is done. */
static void
end_child (struct checking *c)
{
  fflush (NULL);
  c->tap->at_end = lseek (stage_written, 0, SEEK_END);
  c->tap->finished = 1;
  if (HAS_PLAIN_END && ! c->tap->quick)
    exit (0);
  _exit (0);
}

/* Ends what the module left behind: processes without a parent become ours.  Answers how
 * many there were. */
static int
end_children (void)
{
  char *path = vl_xasprintf ("/proc/self/task/%d/children", (int)getpid ());
  FILE *file;
  int pid, n, all = 0;

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
    all += n;
  } while (n);
  free (path);
  return all;
}

/* Waits for CHILD, which has a little longer than its own deadline says.  0 where even
 * that was not enough; *LEFT: the processes that it left. */
static int
wait_for (pid_t child, unsigned seconds, int *status, int *left)
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
  *left = end_children ();
  return ended > 0;
}

/* How the child of a stage ended, in words, where that is no good end; else NULL. */
static char *
bad_end (const struct checking *c, int status, int in_time, int left)
{
  const char *fault = fault_said (), *when = c->tap->finished ? " as the process ended" : "";
  int number = WIFSIGNALED (status) ? WTERMSIG (status) : 0;
  VL_AUTOFREE char *shown = terminal_words ();
  char *words, *text = NULL;

  if (*fault)
    return vl_xasprintf ("it %s", fault);
  if (! in_time || number == SIGALRM)
    return vl_xasprintf ("it was stopped by a deadline of %u seconds%s", c->seconds, when);
  if (number)
    return vl_xasprintf ("it was killed by signal %d (%s)%s", number, strsignal (number), when);
  if (! c->tap->finished || WEXITSTATUS (status) != 0)
    return vl_xasprintf ("it ended the process, with status %d%s", WEXITSTATUS (status), when);
  if (lseek (stage_written, 0, SEEK_END) != c->tap->at_end) {
    words = stage_words (c->tap->at_end);
    text = vl_xasprintf ("it wrote '%s' as the process ended", words);
    free (words);
  } else if (left)
    text = vl_xasprintf ("it left processes behind: %d", left);
  else if (shown)
    text = vl_xasprintf ("it wrote '%s' to the terminal (/dev/tty)", shown);
  return text;
}

void
stage_run (struct checking *c, const char *what, void (*run) (struct checking *))
{
  char *line = vl_xasprintf ("%s comes to its end", what), *bad;
  int status = 0, in_time = 1, left = 0;
  pid_t child;

  c->tap->finished = 0;
  fault_forget ();
  fflush (NULL);
  /* What a feature leaves behind becomes ours, to be ended.  libvirt waits until a QEMU that it has
   * killed is gone, for which somebody else has to wait for it. */
  prctl (PR_SET_CHILD_SUBREAPER, c->note.kind != VL_KIND_DRIVER);
  stage_written = memfd_create ("written", MFD_CLOEXEC);
  make_terminal ();
  child = stage_written < 0 ? -1 : fork ();
  if (child == 0) {
    begin_child (c);
    run (c);
    end_child (c);
  }
  if (child > 0)
    in_time = wait_for (child, c->seconds, &status, &left);
  bad = child < 0 ? vl_xasprintf ("no child can be made: %m") : bad_end (c, status, in_time, left);
  tap_ok (c->tap, bad == NULL, line, "%s", bad ? bad : "");
  if (! c->tap->finished)
    c->tap->broken = 1;
  if (bad && strstr (bad, "deadline"))
    c->tap->late = 1;
  tap_flush (c->tap);
  close (stage_written);
  free (bad);
  free (line);
}

/* ---- another program ---- */

/* The same command with "--again FD" in it. */
static void
begin_again (const struct checking *c)
{
  char *const *words = c->tool->args->argv;
  char **argv, *fd = vl_xasprintf ("%d", c->tap_fd);
  size_t n = 0;

  while (words[n])
    n++;
  argv = vl_xcalloc (n + 3, sizeof *argv);
  argv[0] = vl_xasprintf ("plugin-check");
  argv[1] = vl_xasprintf ("--again");
  argv[2] = fd;
  memcpy (argv + 3, words + 1, (n - 1) * sizeof *argv);
  fcntl (c->tap_fd, F_SETFD, 0);
  execv ("/proc/self/exe", argv);
  _exit (127);
}

void
stage_again (struct checking *c, const char *what)
{
  int status = -1;
  pid_t child;

  fflush (NULL);
  child = fork ();
  if (child == 0)
    begin_again (c);
  while (child > 0 && waitpid (child, &status, 0) < 0 && errno == EINTR)
    continue;
  /* What comes of the stage it has told itself. */
  if (status != 0) {
    char *line = vl_xasprintf ("%s begins", what);

    tap_ok (c->tap, 0, line, "this program cannot be run again (%d)", status);
    tap_flush (c->tap);
    free (line);
  }
}
