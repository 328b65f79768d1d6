/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The page of a guest's display: Debian's websockify serves noVNC and hands its viewer on to a
 * UNIX socket of ours.  It speaks with whoever comes, so it is nobody's process: without groups,
 * capabilities or new privileges, and of all files that are open here it has three.
 *   0  the socket that it listens at, so that nobody takes its port in between
 *   2  what it says, a pipe
 *   3  the folder whose sockets' names are tokens; the folders above need not let it pass */

#include <config.h>

#include "server.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROGRAM "/usr/bin/websockify"
#define PAGES "/usr/share/novnc"
#define PAGE PAGES "/vnc.html"
#define FOLDER "/proc/self/fd/3"
#define FIRST_FREE 4
/* It makes a process for each connection; a browser has six at most. */
#define MOST_PROCESSES 32
#define ANY_PROCESSES (1u << 22)

int
vnc_page_need (struct tool *tool)
{
  const char *missing = access (PROGRAM, X_OK) < 0 ? "program \"" PROGRAM "\""
                        : access (PAGE, R_OK) < 0  ? "page \"" PAGE "\""
                                                   : NULL;

  if (missing == NULL)
    return 0;
  return vl_refuse_as (tool->call, VL_ERR_UNSUPPORTED, "ToolMissing", NULL,
                       "apt-get install novnc websockify", "the %s is not installed", missing);
}

/* ---- in the child ---- */

static void
must (const char *what, long result)
{
  if (result < 0) {
    dprintf (STDERR_FILENO, "%s: %m\n", what);
    _exit (127);
  }
}

/* Each descriptor at its place, whichever of them is at another's now. */
static void
place (int listening, int said, int folder)
{
  int nowhere = open ("/dev/null", O_RDWR | O_CLOEXEC);
  int fds[] = { listening, nowhere, said, folder };

  for (int i = 0; i < FIRST_FREE; i++)
    must ("its descriptors", fds[i] = fcntl (fds[i], F_DUPFD_CLOEXEC, FIRST_FREE));
  for (int i = 0; i < FIRST_FREE; i++)
    must ("its descriptors", dup2 (fds[i], i));
  must ("its descriptors", close_range (FIRST_FREE, ~0u, 0));
}

static void
drop_privileges (pid_t parent)
{
  struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
  struct __user_cap_data_struct none[2] = { 0 };

  if (geteuid () == 0) {
    must ("it cannot become nobody", setgroups (0, NULL));
    must ("it cannot become nobody", setresgid (VNC_PAGE_USER, VNC_PAGE_USER, VNC_PAGE_USER));
    must ("it cannot become nobody", setresuid (VNC_PAGE_USER, VNC_PAGE_USER, VNC_PAGE_USER));
  }
  must ("its capabilities", syscall (SYS_capset, &header, none));
  must ("its privileges", prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
  /* Asked for here, since a change of user forgets it; SIGTERM, at which it ends its own children,
   * too. */
  must ("its end", prctl (PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0));
  if (getppid () != parent)
    _exit (127);
}

/* May the user whom this is have one more process, where LIMIT is what it may have in all? */
static int
has_room (rlim_t most, rlim_t limit)
{
  pid_t child;

  must ("its limits", setrlimit (RLIMIT_NPROC, &(struct rlimit) { limit, most }));
  child = fork ();
  if (child == 0)
    _exit (0);
  while (child > 0 && waitpid (child, NULL, 0) < 0 && errno == EINTR)
    continue;
  return child > 0;
}

/* The kernel counts all processes of a user, of which not all need be seen from here: the least limit
 * that lets one more be made tells how many there are. */
static void
limit_processes (void)
{
  struct rlimit limit;
  rlim_t low = 0, high;

  must ("its limits", getrlimit (RLIMIT_NPROC, &limit));
  high = limit.rlim_cur < ANY_PROCESSES ? limit.rlim_cur : ANY_PROCESSES;
  while (high - low > 1) {
    rlim_t middle = low + (high - low) / 2;

    *(has_room (limit.rlim_max, middle) ? &high : &low) = middle;
  }
  high += MOST_PROCESSES - 1;
  if (high > limit.rlim_cur)
    high = limit.rlim_cur;
  must ("its limits", setrlimit (RLIMIT_NPROC, &(struct rlimit) { high, high }));
}

static _Noreturn void
become_page (int listening, int said, int folder, pid_t parent)
{
  static const char *const argv[] = {
    PROGRAM,          "--inetd", "--web", PAGES, "--token-plugin", "UnixDomainSocketDirectory",
    "--token-source", FOLDER,    NULL
  };
  static const char *const environment[] = { "PATH=/usr/bin:/bin", "LANG=C.UTF-8",
                                             "HOME=/nonexistent", "PYTHONDONTWRITEBYTECODE=1",
                                             NULL };
  sigset_t none;

  place (listening, said, folder);
  /* ^C is the command's, which then ends this. */
  must ("its group", setpgid (0, 0));
  for (int i = 1; i < NSIG; i++)
    (void)signal (i, SIG_DFL);
  sigemptyset (&none);
  must ("its signals", sigprocmask (SIG_SETMASK, &none, NULL));
  must ("its limits", setrlimit (RLIMIT_FSIZE, &(struct rlimit) { 0, 0 }));
  must ("its limits", setrlimit (RLIMIT_CORE, &(struct rlimit) { 0, 0 }));
  must ("the folder above all", chdir ("/"));
  drop_privileges (parent);
  limit_processes ();
  must ("it cannot be started", execve (PROGRAM, (char *const *)argv, (char *const *)environment));
  _exit (127);
}

/* ---- in the command ---- */

int
vnc_page_start (struct tool *tool, struct vnc_page *page, int listening, int folder)
{
  pid_t self = getpid ();
  int ends[2];

  if (pipe2 (ends, O_CLOEXEC) < 0)
    return vl_refuse (tool->call, VL_ERR_FAILED, NULL, NULL, "websockify cannot be started: %m");
  fflush (NULL);
  page->pid = fork ();
  if (page->pid == 0)
    become_page (listening, ends[1], folder, self);
  close (ends[1]);
  page->said_fd = ends[0];
  fcntl (page->said_fd, F_SETFL, O_NONBLOCK);
  if (page->pid < 0)
    return vl_refuse (tool->call, VL_ERR_FAILED, NULL, NULL, "websockify cannot be started: %m");
  /* The child does so, too: whoever is first. */
  (void)setpgid (page->pid, page->pid);
  page->pidfd = (int)syscall (SYS_pidfd_open, page->pid, 0);
  if (page->pidfd < 0)
    return vl_refuse (tool->call, VL_ERR_FAILED, NULL, NULL, "websockify cannot be watched: %m");
  return 0;
}

void
vnc_page_hear (struct vnc_page *page)
{
  char bytes[1024];
  ssize_t n = 0;

  while (page->said_fd >= 0 && (n = read (page->said_fd, bytes, sizeof bytes)) > 0)
    for (ssize_t i = 0; i < n; i++) {
      if (page->is_whole && bytes[i] != '\n')
        page->n_said = 0;
      page->is_whole = bytes[i] == '\n';
      if (! page->is_whole && page->n_said + 1 < sizeof page->said)
        page->said[page->n_said++] = bytes[i];
      page->said[page->n_said] = '\0';
    }
  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  if (page->said_fd >= 0)
    close (page->said_fd);
  page->said_fd = -1;
}

int
vnc_page_ended (struct tool *tool, struct vnc_page *page, const char *server)
{
  siginfo_t end = { .si_code = 0 };

  vnc_page_hear (page);
  if (waitid (P_PIDFD, (id_t)page->pidfd, &end, WEXITED | WNOHANG | WNOWAIT) == 0
      && end.si_code != CLD_EXITED)
    return vl_refuse (tool->call, VL_ERR_FAILED, NULL, NULL,
                      "websockify, which shows the page of server \"%s\", was ended by signal %d",
                      server, end.si_status);
  return vl_refuse (tool->call, VL_ERR_FAILED, NULL, NULL,
                    "websockify, which shows the page of server \"%s\", has ended%s%s", server,
                    *page->said ? ": " : "", page->said);
}

void
vnc_page_end (struct vnc_page *page)
{
  if (page->pid > 0) {
    /* It has nothing to put right.  Its number is its own until it is waited for. */
    kill (-page->pid, SIGKILL);
    kill (page->pid, SIGKILL);
    while (waitpid (page->pid, NULL, 0) < 0 && errno == EINTR)
      continue;
  }
  if (page->said_fd >= 0)
    close (page->said_fd);
  if (page->pidfd >= 0)
    close (page->pidfd);
}
