/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * virtloom-confine: runs one outside program for the core, which says what the program
 * may have.  It prepares that, has a keeper start the program, reads what the program
 * says, and ends it at its deadline, when it has said too much, and when nobody waits
 * for the answer any more.  One thread, no file but those it is handed. */

#include <config.h>

#include "confine/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NOBODY 65534u
/* How long a program that was killed may take to be gone, in seconds. */
#define GRACE 10

int confine_answer = 1;

/* ---- answering ---- */

int
confine_say (const struct vl_confine_end *end, const char *problem, const char *said,
             const char *out)
{
  struct iovec parts[] = { { (void *)end, sizeof *end },
                           { (void *)problem, end->problem },
                           { (void *)said, end->said },
                           { (void *)out, end->out } };

  for (size_t i = 0; i < 4;) {
    ssize_t put = writev (confine_answer, parts + i, (int)(4 - i));

    if (put < 0 && errno != EINTR)
      return -1;
    for (size_t left = put < 0 ? 0 : (size_t)put; i < 4;) {
      size_t n = left < parts[i].iov_len ? left : parts[i].iov_len;

      parts[i].iov_base = (char *)parts[i].iov_base + n;
      parts[i].iov_len -= n;
      left -= n;
      if (parts[i].iov_len)
        break;
      i++;
    }
  }
  return 0;
}

void
confine_fail (const char *fmt, ...)
{
  char problem[VL_CONFINE_PROBLEM];
  struct vl_confine_end end = { .end = VL_TOOL_NOT_STARTED, .status = -1 };
  va_list args;

  va_start (args, fmt);
  vsnprintf (problem, sizeof problem, fmt, args);
  va_end (args);
  end.problem = strlen (problem);
  confine_say (&end, problem, NULL, NULL);
  _exit (1);
}

int
confine_must (const char *step, long result)
{
  if (result < 0)
    confine_fail ("%s: %s", step, strerror (errno));
  return (int)result;
}

int
confine_has (const struct confine *c, int number)
{
  return (int)(c->job.capabilities >> number & 1);
}

/* ---- reading the job ---- */

/* What is left of a job's texts. */
struct texts {
  const char *at, *end;
};

static const char *
next_text (struct texts *texts)
{
  const char *text = texts->at, *end = memchr (text, '\0', (size_t)(texts->end - text));

  if (end == NULL)
    confine_fail ("its job ends inside a text");
  texts->at = end + 1;
  return text;
}

/* The next N texts, after FIRST where that is not NULL. */
static const char **
next_list (struct texts *texts, uint32_t n, const char *first)
{
  const char **list;
  size_t k = 0;

  if (n > (size_t)(texts->end - texts->at))
    confine_fail ("its job ends inside a text");
  list = calloc ((size_t)n + 2, sizeof *list);
  if (list == NULL)
    confine_fail ("there is no memory for its job");
  if (first)
    list[k++] = first;
  for (uint32_t i = 0; i < n; i++)
    list[k++] = next_text (texts);
  return list;
}

static void
read_job (struct confine *c)
{
  struct stat st;
  struct texts texts;
  size_t size;

  confine_must ("its job cannot be read", fstat (0, &st));
  size = (size_t)st.st_size;
  texts.at = mmap (NULL, size ? size : 1, PROT_READ, MAP_PRIVATE, 0, 0);
  if (texts.at == MAP_FAILED || size < sizeof c->job)
    confine_fail ("its job cannot be read");
  memcpy (&c->job, texts.at, sizeof c->job);
  texts.end = texts.at + size;
  texts.at += sizeof c->job;
  if (c->job.version != VL_CONFINE_VERSION)
    confine_fail ("virtloom-confine is of another version than virtloom");
  if (c->job.n_files > VL_TOOL_MOST_FILES || c->job.output < 0 || c->job.memory < 0)
    confine_fail ("its job has numbers that cannot be");
  c->program = next_text (&texts);
  c->user = next_text (&texts);
  for (uint32_t i = 0; i < c->job.n_files; i++) {
    c->names[i] = next_text (&texts);
    c->at[i] = next_text (&texts);
  }
  c->argv = next_list (&texts, c->job.n_args, c->program);
  c->paths = next_list (&texts, c->job.n_paths, NULL);
  c->devices = next_list (&texts, c->job.n_devices, NULL);
  c->input = texts.at;
  if (c->job.input != (uint64_t)(texts.end - texts.at))
    confine_fail ("its job has numbers that cannot be");
  if (c->job.deadline == 0)
    c->job.deadline = VL_CONFINE_DEADLINE;
  if (c->job.output == 0)
    c->job.output = VL_CONFINE_OUTPUT;
}

/* A file, not a pipe: nothing is written while the program may be gone. */
static int
make_input (const struct confine *c)
{
  size_t length = (size_t)c->job.input;
  int fd = length ? memfd_create ("input", MFD_CLOEXEC) : open ("/dev/null", O_RDONLY | O_CLOEXEC);

  confine_must ("its standard input", fd);
  if (length && pwrite (fd, c->input, length, 0) != (ssize_t)length)
    confine_must ("its standard input", -1);
  return fd;
}

/* ---- who it is ---- */

/* Has this process's user namespace user ID?  Groups are mapped as users are. */
static int
exists (unsigned id)
{
  FILE *map = fopen ("/proc/self/uid_map", "re");
  unsigned first, outside, n;
  int found = 0;

  while (map && ! found && fscanf (map, "%u %u %u", &first, &outside, &n) == 3)
    found = id >= first && id - first < n;
  if (map)
    fclose (map);
  return found;
}

static void
choose_user (struct confine *c)
{
  const struct passwd *entry = *c->user ? getpwnam (c->user) : NULL;
  unsigned own = CONFINE_OWN_USERS + (unsigned)getpid ();

  /* Root of a user namespace that has no other user is a user like any. */
  c->root = geteuid () == 0 && exists (NOBODY);
  c->uid = geteuid ();
  c->gid = getegid ();
  if (! c->root && (*c->user || c->job.capabilities))
    confine_fail ("its row asks for a user or capabilities, which only root can give");
  if (*c->user && entry == NULL)
    confine_fail ("there is no user \"%s\" on this host", c->user);
  if (entry) {
    c->uid = entry->pw_uid;
    c->gid = entry->pw_gid;
  } else if (c->root)
    c->uid = c->gid = exists (own) ? own : NOBODY;
}

static void
write_map (const char *path, const char *text)
{
  int fd = confine_must ("could not be given a user namespace", open (path, O_WRONLY | O_CLOEXEC));

  confine_must ("could not be given a user namespace", write (fd, text, strlen (text)));
  close (fd);
}

/* As many as may be had, which are all or none. */
static void
enter_namespaces (struct confine *c)
{
  char uid_map[32], gid_map[32];

  /* What may administer the system acts on the host's own mounts. */
  c->namespaces = (confine_has (c, CAP_SYS_ADMIN) ? 0 : CLONE_NEWNS | CLONE_NEWIPC) | CLONE_NEWPID
                  | (c->job.flags & VL_TOOL_CONNECT ? 0 : CLONE_NEWNET)
                  | (c->root ? 0 : CLONE_NEWUSER);
  snprintf (uid_map, sizeof uid_map, "%1$u %1$u 1", geteuid ());
  snprintf (gid_map, sizeof gid_map, "%1$u %1$u 1", getegid ());
  if (unshare ((int)c->namespaces) < 0)
    c->namespaces = 0;
  c->own_run = (c->namespaces & CLONE_NEWNS) && ! (c->job.flags & VL_TOOL_CONNECT);
  for (uint32_t i = 0; i < c->job.n_files; i++)
    if (*c->at[i] && ! c->own_run)
      confine_fail ("a file cannot be put below its /run: that takes a namespace of mounts, and a "
                    "row without VL_TOOL_CONNECT");
  if (c->namespaces & CLONE_NEWUSER) {
    write_map ("/proc/self/setgroups", "deny");
    write_map ("/proc/self/uid_map", uid_map);
    write_map ("/proc/self/gid_map", gid_map);
  }
}

/* ---- waiting ---- */

/* What comes out of a pipe; what is beyond MOST bytes is thrown away. */
struct stream {
  int fd;
  int loud; /* there was more */
  size_t most, length;
  char *bytes;
};

static void
drain (struct stream *stream)
{
  char piece[16384];
  ssize_t got = stream->fd < 0 ? 0 : read (stream->fd, piece, sizeof piece);
  size_t room = stream->most - stream->length;

  if (got < 0 && (errno == EINTR || errno == EAGAIN))
    return;
  if (got <= 0) {
    /* poll passes over it. */
    stream->fd = -1;
    return;
  }
  stream->loud |= (size_t)got > room;
  memcpy (stream->bytes + stream->length, piece, (size_t)got < room ? (size_t)got : room);
  stream->length += (size_t)got < room ? (size_t)got : room;
}

static int64_t
now_ms (void)
{
  struct timespec ts;

  clock_gettime (CLOCK_MONOTONIC, &ts);
  return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Ends the keeper and whatever is left of the program; answers how the keeper ended. */
static const char *
end_all (pid_t keeper)
{
  struct timespec grace = { GRACE, 0 };
  sigset_t child;
  int status;
  pid_t got;

  kill (-keeper, SIGKILL);
  kill (keeper, SIGKILL);
  sigemptyset (&child);
  sigaddset (&child, SIGCHLD);
  got = waitpid (keeper, &status, WNOHANG | __WALL);
  if (got == 0 && sigtimedwait (&child, NULL, &grace) > 0)
    got = waitpid (keeper, &status, WNOHANG | __WALL);
  return got != keeper        ? "its keeper does not end"
         : WIFEXITED (status) ? "its keeper ended"
                              : "its keeper was killed";
}

/* Reads until the keeper has answered, the deadline has passed, the program has said
 * too much, or nobody waits. */
static void
watch (const struct confine *c, struct stream *streams, pid_t keeper)
{
  int64_t deadline = now_ms () + c->job.deadline, left = 0;
  struct stream *answer = &streams[2];
  struct vl_confine_end end = { .status = -1 };
  char problem[VL_CONFINE_PROBLEM] = "";
  const char *fate;
  int alone = 0;

  while (! streams[0].loud && answer->length == 0 && answer->fd >= 0 && ! alone) {
    struct pollfd polls[4] = { [3] = { confine_answer, 0, 0 } };

    left = deadline - now_ms ();
    if (left <= 0)
      break;
    for (int i = 0; i < 3; i++)
      polls[i] = (struct pollfd) { streams[i].fd, POLLIN, 0 };
    if (poll (polls, 4, left < 60000 ? (int)left : 60000) <= 0)
      continue;
    for (int i = 0; i < 3; i++)
      if (polls[i].revents)
        drain (&streams[i]);
    alone = polls[3].revents != 0;
  }
  fate = end_all (keeper);
  /* No more than a pipe can hold: what could not be ended may go on writing. */
  for (int i = 0; i < 3; i++)
    for (int k = 0; k < 64 && streams[i].fd >= 0; k++)
      drain (&streams[i]);
  if (streams[0].loud) {
    end.end = VL_TOOL_TOO_LOUD;
    snprintf (problem, sizeof problem, "said more than %lld bytes", (long long)c->job.output);
  } else if (answer->length >= sizeof end) {
    memcpy (&end, answer->bytes, sizeof end);
    if (end.problem <= answer->length - sizeof end)
      snprintf (problem, sizeof problem, "%.*s", (int)end.problem, answer->bytes + sizeof end);
  } else if (left <= 0) {
    end.end = VL_TOOL_TOO_LONG;
    snprintf (problem, sizeof problem, "took longer than %g seconds", c->job.deadline / 1000.0);
  } else
    snprintf (problem, sizeof problem, "could not be waited for: %s", fate);
  end.problem = strlen (problem);
  end.out = streams[0].length;
  end.said = streams[1].length;
  confine_say (&end, problem, streams[1].bytes, streams[0].bytes);
}

static void
run (struct confine *c)
{
  struct stream streams[3] = { { .most = (size_t)c->job.output },
                               { .most = VL_CONFINE_SAID },
                               { .most = sizeof (struct vl_confine_end) + VL_CONFINE_PROBLEM } };
  int input = make_input (c), ends[3];
  sigset_t child;
  pid_t keeper;

  for (int i = 0; i < 3; i++) {
    int both[2];

    confine_must ("pipe", pipe2 (both, O_CLOEXEC));
    confine_must ("pipe", fcntl (both[0], F_SETFL, O_NONBLOCK));
    streams[i].fd = both[0];
    ends[i] = both[1];
    /* Of what is not used nothing becomes memory. */
    streams[i].bytes = calloc (1, streams[i].most);
    if (streams[i].bytes == NULL)
      confine_fail ("there is no memory for what it may say");
  }
  sigemptyset (&child);
  sigaddset (&child, SIGCHLD);
  sigprocmask (SIG_BLOCK, &child, NULL);
  enter_namespaces (c);
  keeper = confine_must ("could not be started", fork ());
  if (keeper == 0) {
    /* That nobody reads any more is seen where nobody else could. */
    for (int i = 0; i < 3; i++)
      close (streams[i].fd);
    confine_answer = ends[2];
    confine_keep (c, input, ends[0], ends[1]);
  }
  for (int i = 0; i < 3; i++)
    close (ends[i]);
  watch (c, streams, keeper);
}

/* Says what this machine lacks of what confines a program ("Landlock, namespaces"). */
static void
say_lacks (void)
{
  int landlock = confine_landlock () > 0;
  int spaces = unshare (CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWNET
                        | (geteuid () == 0 ? 0 : CLONE_NEWUSER))
               == 0;

  dprintf (confine_answer, "%s%s%s", landlock ? "" : "Landlock", landlock || spaces ? "" : ", ",
           spaces ? "" : "namespaces");
}

int
main (int argc, char **argv)
{
  static struct confine c;

  prctl (PR_SET_NAME, "virtloom-confine", 0, 0, 0);
  if (argc == 2 && strcmp (argv[1], "lacks") == 0) {
    say_lacks ();
    return 0;
  }
  read_job (&c);
  for (uint32_t i = 0; i < c.job.n_files; i++)
    confine_must ("its files", fcntl (VL_CONFINE_FILE_0 + (int)i, F_GETFD));
  confine_must ("its files", close_range (VL_CONFINE_FILE_0 + c.job.n_files, ~0u, 0));
  choose_user (&c);
  confine_lend (&c);
  run (&c);
  return 0;
}
