/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * virtloom-console BYTES: keeps the newest of what a guest writes on its console, where no
 * virtlogd does.  It ends with the guest.  QEMU writes into a pipe, so that nothing grows
 * where this program was killed, and the guest goes on.  Its descriptors:
 *   0  the pipe, for reading
 *   2  what went wrong is said here; closed when it is ready.  It exits at once, with a child
 *      that goes on
 *   3  the folder of the log, whose owner it runs as; it holds a lock on it (flock) as long as
 *      it lives
 *   4  ends when QEMU has the pipe open: then console.log becomes a file */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PIPE 0
#define FOLDER 3
#define STARTED 4
#define FIRST_FREE 5
#define NEWEST "console.log"
#define OLDER "console.log.0"
#define UNNAMED "console.log.new" /* until QEMU has opened the pipe, whose name is NEWEST */
#define PIPE_BYTES (1024 * 1024)
#define LEAST_BYTES 4096u

static struct {
  int folder, fd;
  size_t size, most;
} console = { .folder = -1, .fd = -1 };

static void
must (const char *what, long result)
{
  if (result >= 0)
    return;
  dprintf (STDERR_FILENO, "%s: %s", what, strerror (errno));
  _exit (1);
}

/* ---- what it gives up ---- */

static void
limit (int what, rlim_t most)
{
  must ("it cannot be limited", setrlimit (what, &(struct rlimit) { most, most }));
}

static void
drop_privileges (void)
{
  struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
  struct __user_cap_data_struct none[2] = { 0 };
  struct stat st;

  must ("its folder", fstat (FOLDER, &st));
  if (geteuid () == 0) {
    must ("it cannot become the folder's user", setgroups (0, NULL));
    must ("it cannot become the folder's user", setresgid (st.st_gid, st.st_gid, st.st_gid));
    must ("it cannot become the folder's user", setresuid (st.st_uid, st.st_uid, st.st_uid));
  }
  must ("its capabilities", syscall (SYS_capset, &header, none));
  must ("its privileges", prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
  must ("its memory", prctl (PR_SET_DUMPABLE, 0, 0, 0, 0));
}

/* All that it calls from here on; names are found in its folder alone. */
static void
confine_calls (void)
{
  static const char *const plain[] = { "read",       "write",        "close",          "exit",
                                       "exit_group", "rt_sigreturn", "restart_syscall" };
  static const char *const in_folder[] = { "openat", "unlinkat", "renameat", "renameat2" };
  scmp_filter_ctx filter = seccomp_init (SCMP_ACT_ERRNO (EPERM));
  int result = filter ? 0 : -ENOMEM;

  for (size_t i = 0; result == 0 && i < sizeof plain / sizeof plain[0]; i++)
    result = seccomp_rule_add (filter, SCMP_ACT_ALLOW, seccomp_syscall_resolve_name (plain[i]), 0);
  for (size_t i = 0; result == 0 && i < sizeof in_folder / sizeof in_folder[0]; i++)
    result = seccomp_rule_add (filter, SCMP_ACT_ALLOW, seccomp_syscall_resolve_name (in_folder[i]),
                               1, SCMP_A0 (SCMP_CMP_EQ, (scmp_datum_t)console.folder));
  if (result == 0)
    result = seccomp_load (filter);
  errno = -result;
  must ("its filter of system calls", result);
  seccomp_release (filter);
}

/* ---- the log ---- */

static int
begin (const char *name)
{
  console.size = 0;
  console.fd = openat (console.folder, name,
                       O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
  return console.fd;
}

static void
rotate (void)
{
  if (console.fd >= 0)
    close (console.fd);
  if (renameat (console.folder, NEWEST, console.folder, OLDER) < 0)
    unlinkat (console.folder, NEWEST, 0);
  begin (NEWEST);
}

/* What cannot be written is lost, so that the guest never waits for a disk that is full. */
static void
keep (const char *bytes, size_t n)
{
  while (n > 0) {
    size_t part;
    ssize_t wrote;

    if (console.fd < 0 || console.size >= console.most)
      rotate ();
    part = console.most - console.size < n ? console.most - console.size : n;
    wrote = write (console.fd, bytes, part);
    if (wrote < 0 && errno == EINTR)
      continue;
    if (wrote <= 0)
      return;
    console.size += (size_t)wrote;
    bytes += wrote;
    n -= (size_t)wrote;
  }
}

/* As read(2), but never EINTR. */
static ssize_t
get (int fd, char *bytes, size_t size)
{
  ssize_t got;

  while ((got = read (fd, bytes, size)) < 0 && errno == EINTR)
    ;
  return got;
}

static _Noreturn void
serve (void)
{
  static char bytes[65536];
  ssize_t got;

  while (get (STARTED, bytes, sizeof bytes) > 0)
    ;
  renameat (console.folder, UNNAMED, console.folder, NEWEST);
  while ((got = get (PIPE, bytes, sizeof bytes)) > 0)
    keep (bytes, (size_t)got);
  _exit (0);
}

static void
detach (void)
{
  int nowhere = open ("/dev/null", O_RDWR);
  pid_t pid;

  must ("/dev/null", nowhere);
  pid = fork ();
  must ("its process", pid);
  if (pid > 0)
    _exit (0);
  must ("its session", setsid ());
  dup2 (nowhere, STDOUT_FILENO);
  close (nowhere);
}

int
main (int argc, char **argv)
{
  unsigned long bytes = argc == 2 ? strtoul (argv[1], NULL, 10) : 0;

  detach ();
  signal (SIGXFSZ, SIG_IGN);
  errno = EINVAL;
  must ("how much it may keep", bytes >= LEAST_BYTES ? 0 : -1);
  console.most = bytes / 2;
  must ("its pipe", fcntl (PIPE, F_GETFL));
  must ("its descriptors", fcntl (STARTED, F_GETFL));
  must ("its descriptors", close_range (FIRST_FREE, ~0u, 0));
  must ("the folder above all", chdir ("/"));
  drop_privileges ();
  /* Its own, so that the lock is nobody else's; /proc/locks names who takes it. */
  console.folder = openat (FOLDER, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  must ("its folder", console.folder);
  must ("another one writes this log", flock (console.folder, LOCK_EX | LOCK_NB));
  close (FOLDER);
  /* It may be refused where many pipes are in use; less does, too. */
  fcntl (PIPE, F_SETPIPE_SZ, PIPE_BYTES);
  unlinkat (console.folder, OLDER, 0);
  unlinkat (console.folder, UNNAMED, 0);
  must ("its file", begin (UNNAMED));
  limit (RLIMIT_FSIZE, console.most);
  limit (RLIMIT_CORE, 0);
  limit (RLIMIT_NPROC, 0);
  confine_calls ();
  close (STDERR_FILENO);
  serve ();
}
