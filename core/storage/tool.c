/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The one place that starts programs.  A tool gets no terminal, no open file
 * but the one handed to it, no environment of ours, and limits; it dies with
 * us, so that nothing goes on writing after an operation was rolled back. */

#include <config.h>

#include "storage/tool.h"

#include "storage/storage.h"

#include <virtloom/ascii.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#define OUT_LIMIT ((size_t)1 << 20)
#define ERR_LIMIT ((size_t)4096)
#define ADDRESS_SPACE ((rlim_t)2 << 30)
#define OPEN_FILES ((rlim_t)64)

/* nova.conf's limits and defaults. */
static struct {
  unsigned seconds, gib;
} inspection = { 30, 2 };

static const char *const folders[] = { "/usr/bin", "/usr/sbin",      "/bin",
                                       "/sbin",    "/usr/local/bin", "/usr/local/sbin" };

const char *
vl_tool_find (struct vl_call *call, const char *name)
{
  for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
    const char *path = vl_arena_printf (call->arena, "%s/%s", folders[i], name);

    if (access (path, X_OK) == 0)
      return path;
  }
  return NULL;
}

const char *
vl_tool_need (struct vl_call *call, const char *name, const char *package)
{
  const char *path = vl_tool_find (call, name);

  if (path == NULL) {
    vl_error (call, VL_ERR_UNSUPPORTED, "ToolMissing", NULL, "the program \"%s\" is not installed",
              name);
    vl_hint (call, "apt-get install %s", package);
  }
  return path;
}

void
vl_tool_set_limits (unsigned seconds, unsigned gib)
{
  if (seconds)
    inspection.seconds = seconds;
  if (gib)
    inspection.gib = gib;
}

unsigned
vl_tool_inspect_time (void)
{
  return inspection.seconds;
}

unsigned
vl_tool_time_for (int64_t bytes)
{
  /* 20 MB/s is slower than any disk that can hold a guest. */
  return 60 + (unsigned)(bytes / 20000000);
}

static void
limit (int what, rlim_t value)
{
  struct rlimit old;

  /* A lower hard limit of ours stays; it cannot be raised. */
  if (getrlimit (what, &old) == 0 && old.rlim_max < value)
    value = old.rlim_max;
  setrlimit (what, &(struct rlimit) { value, value });
}

static void
close_above (int last)
{
  if (close_range ((unsigned)last + 1, ~0U, 0) == 0)
    return;
  for (int fd = last + 1, end = (int)sysconf (_SC_OPEN_MAX); fd < end; fd++)
    close (fd);
}

/* In the child: only calls that are safe after fork in a process with threads. */
static void __attribute__ ((noreturn))
become_tool (const struct vl_tool *tool, int out, int err, pid_t parent)
{
  static const char *const environment[] = { "LC_ALL=C", "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
                                             "MTOOLS_SKIP_CHECK=1", NULL };
  int null = open ("/dev/null", O_RDWR);
  int from[4] = { null, out, err, tool->fd };
  sigset_t none;

  prctl (PR_SET_PDEATHSIG, SIGKILL);
  if (getppid () != parent)
    _exit (127);
  setpgid (0, 0);
  sigemptyset (&none);
  sigprocmask (SIG_SETMASK, &none, NULL);
  signal (SIGPIPE, SIG_DFL);
  /* Out of the way first: a source may sit where a target belongs. */
  for (int i = 0; i < 4; i++)
    if (from[i] >= 0)
      from[i] = fcntl (from[i], F_DUPFD, 10);
  for (int i = 0; i < 4; i++)
    if (from[i] >= 0)
      dup2 (from[i], i);
  close_above (tool->fd >= 0 ? 3 : 2);
  limit (RLIMIT_CPU, tool->deadline);
  limit (RLIMIT_AS, (rlim_t)inspection.gib << 30);
  limit (RLIMIT_NOFILE, OPEN_FILES);
  limit (RLIMIT_CORE, 0);
  execve (tool->argv[0], (char *const *)tool->argv, (char *const *)environment);
  _exit (127);
}

struct stream {
  int fd;
  struct vl_str text;
  size_t limit;
  int over;
};

static void
drain (struct stream *stream)
{
  char piece[16384];
  ssize_t got = read (stream->fd, piece, sizeof piece);
  size_t room = stream->limit - stream->text.length;

  if (got < 0 && (errno == EINTR || errno == EAGAIN))
    return;
  if (got <= 0) {
    close (stream->fd);
    stream->fd = -1;
    return;
  }
  if ((size_t)got > room)
    stream->over = 1;
  vl_str_add_n (&stream->text, piece, (size_t)got < room ? (size_t)got : room);
}

static int64_t
now_ms (void)
{
  struct timespec ts;

  clock_gettime (CLOCK_MONOTONIC, &ts);
  return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Reads both streams to their end and waits for PID.  0, or 1 if the deadline
 * or the limit of the output was passed and the tool was killed. */
static int
collect (pid_t pid, struct stream streams[2], int64_t deadline, int *status)
{
  int killed = 0;

  while (streams[0].fd >= 0 || streams[1].fd >= 0) {
    struct pollfd polls[2] = { { streams[0].fd, POLLIN, 0 }, { streams[1].fd, POLLIN, 0 } };
    int64_t left = deadline - now_ms ();

    if (left <= 0 || streams[0].over)
      break;
    if (poll (polls, 2, (int)left) < 0 && errno != EINTR)
      break;
    for (int i = 0; i < 2; i++)
      if (polls[i].fd >= 0 && polls[i].revents)
        drain (&streams[i]);
  }
  for (;;) {
    pid_t got = waitpid (pid, status, killed ? 0 : WNOHANG);

    if (got == pid || (got < 0 && errno != EINTR))
      return killed;
    if (! killed && (streams[0].over || now_ms () >= deadline)) {
      kill (-pid, SIGKILL);
      kill (pid, SIGKILL);
      killed = 1;
    } else
      nanosleep (&(struct timespec) { 0, 500000 }, NULL);
  }
}

static const char *
first_line (struct vl_call *call, const char *text)
{
  char *line;

  while (text && *text && vl_ascii_is_space (*text))
    text++;
  if (text == NULL || *text == '\0')
    return NULL;
  line = vl_arena_strndup (call->arena, text, strcspn (text, "\n"));
  for (char *p = line; *p; p++)
    if ((unsigned char)*p < ' ' || *p == 0x7f)
      *p = ' ';
  if (strlen (line) > 400)
    strcpy (line + 397, "...");
  return line;
}

static const char *
judge (struct vl_call *call, const struct vl_tool *tool, int status, int killed,
       const struct stream streams[2])
{
  const char *said = first_line (call, streams[1].text.text);

  if (streams[0].over)
    return vl_arena_printf (call->arena, "said more than %zu bytes", OUT_LIMIT);
  if (killed)
    return vl_arena_printf (call->arena, "took longer than %u seconds", tool->deadline);
  if (WIFEXITED (status) && WEXITSTATUS (status) == 0)
    return NULL;
  if (WIFSIGNALED (status))
    return vl_arena_printf (call->arena, "was ended by signal %d (%s)%s%s", WTERMSIG (status),
                            strsignal (WTERMSIG (status)), said ? ": " : "", said ? said : "");
  return said ? said : vl_arena_printf (call->arena, "exited with %d", WEXITSTATUS (status));
}

static int
start (const struct vl_tool *tool, struct stream streams[2], pid_t *pid)
{
  int pipes[2][2] = { { -1, -1 }, { -1, -1 } };
  pid_t parent = getpid ();
  int saved;

  if (pipe2 (pipes[0], O_CLOEXEC) == 0 && pipe2 (pipes[1], O_CLOEXEC) == 0
      && (*pid = fork ()) >= 0) {
    if (*pid == 0)
      become_tool (tool, pipes[0][1], pipes[1][1], parent);
    for (int i = 0; i < 2; i++) {
      close (pipes[i][1]);
      streams[i].fd = pipes[i][0];
    }
    return 0;
  }
  saved = errno;
  for (int i = 0; i < 4; i++)
    if (pipes[i / 2][i % 2] >= 0)
      close (pipes[i / 2][i % 2]);
  errno = saved;
  return -1;
}

int
vl_tool_try (struct vl_call *call, const struct vl_tool *tool, struct vl_tool_answer *answer)
{
  struct stream streams[2] = { { .fd = -1, .limit = OUT_LIMIT }, { .fd = -1, .limit = ERR_LIMIT } };
  int64_t deadline = now_ms () + (int64_t)tool->deadline * 1000;
  int status = 0, killed;
  pid_t pid;

  *answer = (struct vl_tool_answer) { .out = "" };
  if (start (tool, streams, &pid) < 0) {
    answer->problem = vl_arena_printf (call->arena, "could not be started: %s", strerror (errno));
    return -1;
  }
  killed = collect (pid, streams, deadline, &status);
  answer->problem = judge (call, tool, status, killed, streams);
  if (streams[0].text.text)
    answer->out = vl_arena_strdup (call->arena, streams[0].text.text);
  answer->no_space = answer->problem && streams[1].text.text
                     && (strstr (streams[1].text.text, "No space left on device")
                         || strstr (streams[1].text.text, "Disk quota exceeded"));
  for (int i = 0; i < 2; i++) {
    if (streams[i].fd >= 0)
      close (streams[i].fd);
    vl_str_free (&streams[i].text);
  }
  return answer->problem ? -1 : 0;
}

int
vl_tool_run_on (struct vl_call *call, const char *const *argv, unsigned deadline, int fd,
                const char **out)
{
  struct vl_tool tool = { argv, deadline, fd };
  struct vl_tool_answer answer;
  const char *name = strrchr (argv[0], '/');

  if (vl_tool_try (call, &tool, &answer) == 0) {
    if (out)
      *out = answer.out;
    return 0;
  }
  vl_error (call, VL_ERR_FAILED, answer.no_space ? "DiskFull" : "ToolFailed", NULL,
            "the program \"%s\" failed: %s", name ? name + 1 : argv[0], answer.problem);
  if (answer.no_space)
    vl_hint (call, "make room on the disk that holds the STATE folder, then try again");
  return -1;
}

int
vl_tool_run (struct vl_call *call, const char *const *argv, unsigned deadline, const char **out)
{
  return vl_tool_run_on (call, argv, deadline, -1, out);
}
