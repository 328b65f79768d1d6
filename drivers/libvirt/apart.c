/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Work that needs libvirt.  Each piece of it is done by a child process.  libvirt's
 * embedded driver has its root folder until its process ends, which so is before anything is
 * waited for.  A call to a daemon has no end where that hangs; a child's has. */

#include <config.h>

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <virtloom/storage.h>

#include "virt.h"

/* What a child has just seen of a guest is not asked again for so long. */
#define FRESH_MS 250
/* How long a daemon may take to let a child in, and to say that it is there. */
#define DAEMON_MS 30000u
/* It has not done so. */
#define NOT_LET_IN (-5)
/* A guest's QEMU has not answered in the time that it has before the work begins. */
#define NOT_HEARD (-6)
/* Who only looks waits for a daemon so long, as there is nothing else to look at. */
#define LOOK_MS 10000u
/* How long work waits for another command that can as well be done later. */
#define MOMENT_MS 3000u

/* The guest as it is now, after the work. */
static void
write_seen (struct vl_call *call, struct vl_conn *conn, const struct virt_job *job, FILE *answer)
{
  struct virt_seen seen = { 0 };

  if (job->uuid == NULL || job->blind || virt_see (call, conn, job->uuid, &seen) < 0)
    return;
  /* Where it cannot be found out, whoever needs it will be told. */
  if (job->user && virt_asks_first (conn))
    virt_find_user (call, conn);
  seen.user = conn->user;
  fwrite (&seen, sizeof seen, 1, answer);
}

int
virt_ping (struct vl_call *call, struct vl_conn *conn, const struct virt_job *job, FILE *answer)
{
  VIRT_AUTODOMAIN virDomainPtr domain = NULL;
  virDomainIOThreadInfoPtr *threads = NULL;
  int n;

  (void)answer;
  if (virt_look (call, conn, job->uuid, &domain) < 0)
    return -1;
  n = domain ? virDomainGetIOThreadInfo (domain, &threads, VIR_DOMAIN_AFFECT_LIVE) : 0;
  for (int i = 0; i < n; i++)
    virDomainIOThreadInfoFree (threads[i]);
  free (threads);
  virResetLastError ();
  return 0;
}

/* This process is killed by SIGVTALRM where QEMU does not answer in time: no call to a daemon can be
 * given up. */
static int
hear (struct vl_call *call, struct vl_conn *conn, const struct virt_job *job)
{
  const struct itimerspec ms = { .it_value = { .tv_sec = job->hear_ms / 1000,
                                               .tv_nsec = job->hear_ms % 1000 * 1000000L } };
  struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGVTALRM };
  sigset_t late;
  timer_t timer;
  int result;

  sigemptyset (&late);
  sigaddset (&late, SIGVTALRM);
  signal (SIGVTALRM, SIG_DFL);
  pthread_sigmask (SIG_UNBLOCK, &late, NULL);
  if (timer_create (CLOCK_MONOTONIC, &event, &timer) < 0)
    return vl_refuse (call, VL_ERR_FAILED, NULL, NULL, "cannot make a timer: %s", strerror (errno));
  timer_settime (timer, 0, &ms, NULL);
  result = virt_ping (call, conn, job, NULL);
  timer_delete (timer);
  return result;
}

/* Into FILE go the result, what was recorded, and the answer. */
static void
be_child (struct vl_call *call, struct vl_conn *conn, virt_fn fn, const struct virt_job *job,
          FILE *file)
{
  sigset_t alarm_alone;
  size_t first = vl_records_count (call), length = 0;
  char *text = NULL;
  FILE *answer = open_memstream (&text, &length);
  int result, code;

  sigemptyset (&alarm_alone);
  sigaddset (&alarm_alone, SIGALRM);
  signal (SIGALRM, SIG_DFL);
  pthread_sigmask (SIG_UNBLOCK, &alarm_alone, NULL);
  alarm (conn->embedded ? 0 : DAEMON_MS / 1000);
  result = answer ? virt_connect (call, conn) : -1;
  alarm (0);
  if (result == 0 && job->hear_ms)
    result = hear (call, conn, job);
  if (result == 0)
    result = fn (call, conn, job, answer);
  if (result == 0)
    write_seen (call, conn, job, answer);
  if (! job->last)
    virConnectClose (conn->virt);
  if (answer == NULL || fclose (answer) != 0)
    result = vl_refuse (call, VL_ERR_FAILED, NULL, NULL, "out of memory");
  fwrite (&result, sizeof result, 1, file);
  vl_records_write (call, first, file);
  fwrite (text, 1, length, file);
  code = fflush (file) == 0 ? 0 : VL_ERR_FAILED;
  if (job->last && conn->virt)
    job->last (conn, job);
  _exit (code);
}

static int
read_answer (struct vl_call *call, FILE *file, const char **answer, size_t *length)
{
  struct stat st;
  long begin;
  char *text;
  int result;

  rewind (file);
  if (fread (&result, sizeof result, 1, file) != 1)
    result = -1;
  if (vl_records_read (call, file) < 0 || (begin = ftell (file)) < 0
      || fstat (fileno (file), &st) < 0)
    return -1;
  text = vl_memory (call, (size_t)(st.st_size - begin) + 1);
  *length = fread (text, 1, (size_t)(st.st_size - begin), file);
  *answer = text;
  return result;
}

/* VIRT_LATE where the child has not ended within MS milliseconds: it is killed then, as one is
 * whose end cannot be seen. */
static int
be_parent (struct vl_call *call, pid_t child, int64_t ms, FILE *file, const char **answer,
           size_t *length)
{
  int fd = (int)syscall (SYS_pidfd_open, child, 0), error = errno, status, in_time = 0;
  int64_t deadline = vl_clock_ms () + ms, left;

  vl_spare (call);
  while (fd >= 0 && ! in_time && (left = deadline - vl_clock_ms ()) > 0) {
    struct pollfd event = { .fd = fd, .events = POLLIN };

    in_time = poll (&event, 1, left < INT_MAX ? (int)left : INT_MAX) == 1;
  }
  if (fd >= 0)
    close (fd);
  if (! in_time)
    kill (child, SIGKILL);
  while (waitpid (child, &status, 0) < 0)
    if (errno != EINTR)
      return vl_refuse (call, VL_ERR_FAILED, NULL,
                        "virtloom server list finds what became of the guest",
                        "what became of libvirt's process is not known: %s", strerror (errno));
  if (fd < 0)
    return vl_file_failed (call, "cannot watch libvirt's process",
                           vl_printf (call, "/proc/%ld", (long)child), error);
  if (! in_time)
    return VIRT_LATE;
  if (WIFSIGNALED (status) && WTERMSIG (status) == SIGALRM)
    return NOT_LET_IN;
  if (WIFSIGNALED (status) && WTERMSIG (status) == SIGVTALRM)
    return NOT_HEARD;
  if (WIFEXITED (status) && WEXITSTATUS (status) == 0)
    return read_answer (call, file, answer, length);
  return vl_refuse (
      call, VL_ERR_FAILED, NULL,
      "virtloom server list finds what became of the guest; of a crash the host's own log tells",
      "libvirt's process %s%s", WIFSIGNALED (status) ? "died: " : "did not end well",
      WIFSIGNALED (status) ? strsignal (WTERMSIG (status)) : "");
}

void
virt_no_process (struct vl_call *call)
{
  vl_refuse (call, VL_ERR_FAILED, NULL,
             "is there memory left, and may this user have more processes? (ulimit -u)",
             "cannot make a process for libvirt: %s", strerror (errno));
}

/* LOCK is the child's from then on: it goes when that ends, also where this process is stopped. */
static int
run_apart (struct vl_call *call, struct vl_conn *conn, int lock, int64_t ms, virt_fn fn,
           const struct virt_job *job, const char **answer, size_t *length)
{
  int fd = memfd_create ("virtloom", MFD_CLOEXEC), result = -1;
  FILE *file = fd < 0 ? NULL : fdopen (fd, "w+");
  pid_t parent = getpid (), child = -1;

  /* Each child would do it anew; a failure it will be told again. */
  if (virt_asks_first (conn) && virInitialize () < 0)
    virResetLastError ();
  if (file)
    child = fork ();
  if (child == 0) {
    prctl (PR_SET_PDEATHSIG, job->held ? 0 : SIGKILL);
    /* The terminal's ^Z is for the command: stopped, this would hold up all others. */
    setpgid (0, 0);
    conn->parent = parent;
    if (getppid () == parent)
      be_child (call, conn, fn, job, file);
    _exit (VL_ERR_FAILED);
  }
  if (lock >= 0)
    close (lock);
  if (child > 0)
    result = be_parent (call, child, ms, file, answer, length);
  else
    virt_no_process (call);
  if (file)
    fclose (file);
  else if (fd >= 0)
    close (fd);
  return result;
}

int
virt_is_left (const struct vl_conn *conn)
{
  return conn->apart && getppid () != conn->parent;
}

int
virt_hold (struct vl_conn *conn)
{
  if (conn->apart)
    prctl (PR_SET_PDEATHSIG, 0);
  return virt_is_left (conn) ? -1 : 0;
}

int
virt_let_go (struct vl_conn *conn)
{
  if (conn->apart)
    prctl (PR_SET_PDEATHSIG, SIGKILL);
  return virt_is_left (conn) ? -1 : 0;
}

static uint32_t
least (uint32_t one, uint32_t other)
{
  return one < other ? one : other;
}

int
virt_apart (struct vl_call *call, struct vl_conn *conn, virt_fn fn, const struct virt_job *job,
            const char **answer, size_t *length)
{
  uint32_t open_ms = vl_patience (call, conn->open_timeout * 1000);
  int lock, hasty = job->looks && virt_is_hasty (call);

  conn->given = job->work_ms ? job->work_ms : VIRT_WORK_MS;
  if (hasty && ! conn->embedded)
    conn->given = least (conn->given, LOOK_MS);
  if (! conn->embedded)
    return run_apart (call, conn, -1, conn->given, fn, job, answer, length);
  lock = conn->take (call, virt_root (call, conn),
                     job->open_ms ? least (job->open_ms, open_ms) : open_ms);
  if (lock < 0)
    return lock;
  if (hasty)
    conn->given = vl_patience (call, conn->given);
  conn->no_room = virt_take_room (call, conn);
  if (conn->no_room == 0)
    return run_apart (call, conn, lock, conn->given, fn, job, answer, length);
  close (lock);
  return virt_is_hasty (call) ? VIRT_BUSY : virt_no_room (call, conn, conn->no_room);
}

int
virt_deaf (struct vl_call *call, const char *uuid, uint32_t ms)
{
  return vl_refuse_as (call, VL_ERR_UNREACHABLE, "GuestNotResponding", NULL,
                       "try again; virtloom server stop --timeout=0 ends it as it is",
                       "QEMU of guest '%s' has not answered libvirt for %u s",
                       virt_name_of (call, uuid), ms / 1000);
}

int
virt_is_there (struct vl_call *call, struct vl_conn *conn, const struct virt_job *job, FILE *answer)
{
  unsigned long version;

  (void)job;
  (void)answer;
  return virConnectGetLibVersion (conn->virt, &version) < 0
             ? virt_error (call, "cannot ask libvirt for its version")
             : 0;
}

/* Whose fault is it that the work for guest UUID, or none, was not done within MS milliseconds:
 * the daemon's, or the guest's for which it waits? */
static int
late (struct vl_call *call, struct vl_conn *conn, const char *uuid, uint32_t ms)
{
  struct virt_job job = { .work_ms = DAEMON_MS };
  const char *answer;
  size_t length;
  int there = VIRT_LATE;

  if (uuid)
    there = conn->embedded ? 0 : virt_apart (call, conn, virt_is_there, &job, &answer, &length);
  if (there == 0)
    return virt_deaf (call, uuid, ms);
  return there == -1
             ? -1
             : vl_refuse_as (call, VL_ERR_UNREACHABLE, "HypervisorUnavailable", NULL, conn->hint,
                             "libvirt at '%s' has not answered for %u s", conn->uri, ms / 1000);
}

int
virt_busy (struct vl_call *call, struct vl_conn *conn, const struct virt_job *job, int result)
{
  const char *root = virt_root (call, conn);

  if (result == VIRT_LATE)
    return late (call, conn, job->uuid, conn->given);
  if (result == NOT_LET_IN)
    return late (call, conn, NULL, DAEMON_MS);
  if (result == NOT_HEARD)
    return late (call, conn, job->uuid, job->hear_ms);
  if (result != VIRT_BUSY)
    return result;
  return vl_refuse_as (call, VL_ERR_UNREACHABLE, "HypervisorBusy", NULL,
                       "try again, or raise open_timeout in plugins.d/qemu-tcg.conf",
                       "another process has used the guests of '%s' for more than %u s%s", root,
                       vl_patience (call, conn->open_timeout * 1000) / 1000,
                       vl_wait_holder (call, vl_printf (call, "%s/virtloom.lock", root)));
}

/* Does it, and keeps how the guest is afterwards. */
static int
do_apart (struct vl_call *call, struct vl_conn *conn, virt_fn fn, const struct virt_job *job)
{
  const char *answer = NULL;
  size_t length = 0;
  int result;

  conn->seen.uuid[0] = '\0';
  result = virt_apart (call, conn, fn, job, &answer, &length);
  if (result == 0 && length == sizeof conn->seen) {
    memcpy (&conn->seen, answer, sizeof conn->seen);
    conn->seen_at = vl_clock_ms ();
    if (conn->seen.user.found)
      conn->user = conn->seen.user;
  }
  return result;
}

int
virt_do (struct vl_call *call, struct vl_conn *conn, virt_fn fn, const struct virt_job *job)
{
  return conn->apart ? virt_busy (call, conn, job, do_apart (call, conn, fn, job))
                     : fn (call, conn, job, NULL);
}

int
virt_do_awake (struct vl_call *call, struct vl_conn *conn, const struct virt_job *job, virt_fn fn)
{
  struct virt_job heard = *job;

  if (virt_asks_first (conn))
    heard.hear_ms = VIRT_ACT_MS;
  return virt_do (call, conn, fn, &heard);
}

/* Of the moment that a command has for others' work, what it has waited already is gone. */
int
virt_try (struct vl_call *call, struct vl_conn *conn, virt_fn fn, const struct virt_job *job)
{
  struct virt_job soon = *job;
  int64_t begun = vl_clock_ms ();
  int result;

  if (! virt_has_processes (conn))
    return virt_do (call, conn, fn, job);
  soon.open_ms = conn->waited < MOMENT_MS ? MOMENT_MS - conn->waited : 1;
  result = do_apart (call, conn, fn, &soon);
  if (result == VIRT_BUSY)
    conn->waited += (uint32_t)(vl_clock_ms () - begun);
  return result == VIRT_BUSY ? result : virt_busy (call, conn, job, result);
}

int
virt_ask_bytes (struct vl_call *call, struct vl_conn *conn, virt_fn fn, const struct virt_job *job,
                const char **answer, size_t *length)
{
  VIRT_AUTOTEXT char *text = NULL;
  char *kept;
  FILE *file;
  int result;

  *length = 0;
  if (conn->apart)
    return virt_busy (call, conn, job, virt_apart (call, conn, fn, job, answer, length));
  file = open_memstream (&text, length);
  if (file == NULL)
    return vl_refuse (call, VL_ERR_FAILED, NULL, NULL, "out of memory");
  result = fn (call, conn, job, file);
  fclose (file);
  kept = vl_memory (call, *length + 1);
  if (text)
    memcpy (kept, text, *length);
  *answer = kept;
  return result;
}

int
virt_ask (struct vl_call *call, struct vl_conn *conn, virt_fn fn, const struct virt_job *job,
          const char **answer)
{
  size_t length;

  return virt_ask_bytes (call, conn, fn, job, answer, &length);
}

static int
nothing (struct vl_call *call, struct vl_conn *conn, const struct virt_job *job, FILE *answer)
{
  (void)call;
  (void)conn;
  (void)job;
  (void)answer;
  return 0;
}

int
virt_is_hasty (struct vl_call *call)
{
  return vl_patience (call, UINT32_MAX) < UINT32_MAX;
}

/* Who only wants to see, and in no time, is told what was seen last; so is who is to act on a
 * guest that runs, while libvirt works for another command. */
int
virt_look_at (struct vl_call *call, struct vl_conn *conn, const char *uuid, struct virt_seen *seen)
{
  struct virt_job job = {
    .uuid = uuid, .work_ms = VIRT_QUICK_MS, .looks = 1, .user = ! virt_is_hasty (call)
  };
  int result;

  if (! conn->apart)
    return virt_see (call, conn, uuid, seen);
  if (strcmp (conn->seen.uuid, uuid) == 0 && vl_clock_ms () - conn->seen_at < FRESH_MS) {
    *seen = conn->seen;
    return 0;
  }
  result = virt_is_hasty (call) ? do_apart (call, conn, nothing, &job)
                                : virt_try (call, conn, nothing, &job);
  if (virt_has_processes (conn) && virt_is_hasty (call)
      && (result == VIRT_BUSY || result == VIRT_LATE)) {
    virt_last_seen (call, conn, uuid, &conn->seen);
    conn->seen_at = vl_clock_ms ();
    result = 0;
  } else if (result == VIRT_BUSY) {
    virt_seen_last (call, conn, uuid, seen);
    if (seen->info.state == VL_STATE_RUNNING || seen->info.state == VL_STATE_PAUSED)
      return 0;
    result = virt_do (call, conn, nothing, &job);
  }
  if (virt_busy (call, conn, &job, result) < 0 || conn->seen.uuid[0] == '\0')
    return -1;
  *seen = conn->seen;
  return 0;
}
