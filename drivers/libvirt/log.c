/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The console's log of a guest of the embedded driver where no virtlogd writes it.  QEMU
 * would append to it for ever, so that a guest fills the disk.  libvirt opens for it a pipe
 * of that name instead, which virtloom-console reads and keeps the newest of. */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/alloc.h"
#include "lib/file.h"

#include "virt.h"

#define PROGRAM "virtloom-console"
#define NAME "console.log"
#define CONF_BYTES ((size_t)1024 * 1024)
/* The descriptors of virtloom-console. */
enum { PIPE = 0, SAYS = 2, FOLDER = 3, STARTED = 4, N_FDS };
/* Above all of them. */
#define HIGH_FD 10
/* How long one may take to write what was left in the pipe when its guest ended. */
#define END_MS 10000
/* The longest sentence about what is wrong. */
#define SAID 256

/* ---- is there one? ---- */

/* The folder of the log of this domain, NULL where it is not one that can be replaced. */
static const char *
folder_of (struct vl_call *call, const char *xml)
{
  const struct vl_xml *root = xml ? vl_xml_read (call, xml, strlen (xml)) : NULL;
  const char *path = root ? virt_log_path (root) : NULL;
  const char *slash = path ? strrchr (path, '/') : NULL;

  return slash && strcmp (slash + 1, NAME) == 0
             ? vl_printf (call, "%.*s", (int)(slash - path), path)
             : NULL;
}

/* It keeps a lock on its folder as long as it lives. */
static int
is_held (int folder)
{
  if (flock (folder, LOCK_SH | LOCK_NB) < 0)
    return errno == EWOULDBLOCK;
  flock (folder, LOCK_UN);
  return 0;
}

static int
open_folder (const char *path)
{
  return open (path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

void
virt_log_judge (struct vl_call *call, const struct vl_conn *conn, const char *uuid)
{
  VIRT_AUTOTEXT char *xml = conn->log_bytes > 0 ? virt_definition_read (call, conn, uuid) : NULL;
  const char *place;
  VL_AUTOCLOSE int folder = (place = folder_of (call, xml)) ? open_folder (place) : -1;

  if (folder >= 0 && ! is_held (folder))
    vl_warn_as (call, "ConsoleLogEnded", NULL,
                vl_printf (call, "virtloom server reboot --hard %s begins a new one", uuid),
                "the console log of guest '%s' has ended: the process " PROGRAM
                ", which writes it, is gone",
                virt_name_of (call, uuid));
}

static void
wait_for (struct vl_call *call, int folder, const char *guest)
{
  struct vl_wait wait = { .what =
                              vl_printf (call, "the end of the console log of guest '%s'", guest),
                          .ms = END_MS };

  while (folder >= 0 && is_held (folder) && vl_wait_more (call, &wait, -1))
    ;
}

void
virt_log_wait (struct vl_call *call, virDomainPtr domain)
{
  VIRT_AUTOTEXT char *xml = virDomainGetXMLDesc (domain, 0);
  const char *place = folder_of (call, xml);
  VL_AUTOCLOSE int folder = place ? open_folder (place) : -1;

  virResetLastError ();
  wait_for (call, folder, virDomainGetName (domain));
}

/* ---- starting one ---- */

/* A pipe with the log's name in FOLDER, open for reading, or -1 with errno. */
static int
make_pipe (int folder)
{
  struct stat st;
  int fd;

  if ((unlinkat (folder, NAME, 0) < 0 && errno != ENOENT) || mkfifoat (folder, NAME, 0600) < 0)
    return -1;
  fd = openat (folder, NAME, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0)
    return -1;
  errno = EEXIST;
  if (fstat (fd, &st) == 0 && S_ISFIFO (st.st_mode) && st.st_uid == geteuid ()
      && fcntl (fd, F_SETFL, 0) == 0)
    return fd;
  close (fd);
  return -1;
}

/* Starts PROGRAM and waits until it is ready.  0, or -1 with what went wrong in SAID. */
static int
run (int program, const int fds[N_FDS], const char *bytes, int listen, char said[SAID])
{
  char path[64], *const argv[] = { (char *)PROGRAM, (char *)bytes, NULL };
  char *const environment[] = { NULL };
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  sigset_t all, none;
  size_t n = 0;
  ssize_t got;
  pid_t pid;
  int error;

  snprintf (path, sizeof path, "/proc/self/fd/%d", program);
  sigfillset (&all);
  sigemptyset (&none);
  posix_spawnattr_init (&attributes);
  posix_spawnattr_setflags (&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  posix_spawnattr_setsigdefault (&attributes, &all);
  posix_spawnattr_setsigmask (&attributes, &none);
  posix_spawn_file_actions_init (&actions);
  posix_spawn_file_actions_addopen (&actions, STDOUT_FILENO, "/dev/null", O_RDWR, 0);
  for (int i = 0; i < N_FDS; i++)
    if (i != STDOUT_FILENO)
      posix_spawn_file_actions_adddup2 (&actions, fds[i], i);
  error = posix_spawn (&pid, path, &actions, &attributes, argv, environment);
  posix_spawn_file_actions_destroy (&actions);
  posix_spawnattr_destroy (&attributes);
  close (fds[SAYS]);
  if (error) {
    snprintf (said, SAID, "%s", strerror (error));
    return -1;
  }
  while (n < SAID - 1 && ((got = read (listen, said + n, SAID - 1 - n)) > 0 || errno == EINTR))
    n += got > 0 ? (size_t)got : 0;
  said[n] = '\0';
  while (waitpid (pid, &error, 0) < 0 && errno == EINTR)
    ;
  return n == 0 ? 0 : -1;
}

static int
high (int fd)
{
  VL_AUTOCLOSE int low = fd;

  return low < 0 ? -1 : fcntl (low, F_DUPFD_CLOEXEC, HIGH_FD);
}

static int
start (struct vl_call *call, const struct vl_conn *conn, int folder, char said[SAID])
{
  int fds[N_FDS] = { -1, -1, -1, -1, -1 }, says[2] = { -1, -1 }, started[2] = { -1, -1 };
  VL_AUTOCLOSE int program = high (vl_program_open (call, PROGRAM));
  int result = -1;

  said[0] = '\0';
  if (program < 0)
    return -1;
  if (pipe2 (says, O_CLOEXEC) == 0 && pipe2 (started, O_CLOEXEC) == 0) {
    fds[PIPE] = high (make_pipe (folder));
    fds[SAYS] = high (says[1]);
    fds[FOLDER] = high (fcntl (folder, F_DUPFD_CLOEXEC, HIGH_FD));
    fds[STARTED] = high (started[0]);
    says[1] = started[0] = -1;
  }
  if (fds[PIPE] < 0 || fds[SAYS] < 0 || fds[FOLDER] < 0 || fds[STARTED] < 0)
    snprintf (said, SAID, "%s", strerror (errno));
  else {
    result = run (program, fds, vl_printf (call, "%" PRId64, conn->log_bytes), says[0], said);
    fds[SAYS] = -1;
  }
  for (int i = 0; i < N_FDS; i++)
    if (fds[i] >= 0)
      close (fds[i]);
  if (says[0] >= 0)
    close (says[0]);
  if (result == 0)
    return started[1];
  if (started[1] >= 0)
    close (started[1]);
  return -1;
}

int
virt_log_begin (struct vl_call *call, const struct vl_conn *conn, const struct vl_spawn *spawn,
                int *started)
{
  const char *place = conn->log_bytes > 0 ? folder_of (call, vl_doc_xml (spawn->doc)) : NULL;
  VL_AUTOCLOSE int folder = -1;
  char said[SAID];

  *started = -1;
  if (place == NULL || strcmp (place, spawn->run_dir) != 0)
    return 0;
  folder = open_folder (place);
  if (folder < 0)
    return vl_refuse (call, VL_ERR_FAILED, NULL, NULL, "cannot open folder '%s': %s", place,
                      strerror (errno));
  /* That of the guest whose memory has just been saved may not have ended yet. */
  wait_for (call, folder, spawn->domain);
  *started = start (call, conn, folder, said);
  if (*started >= 0)
    return 0;
  unlinkat (folder, NAME, 0);
  /* Where the program is not there that has been said. */
  if (said[0] == '\0')
    return -1;
  return vl_refuse (call, VL_ERR_FAILED, NULL, NULL,
                    "guest '%s' is not started, since nothing would bound its console log '%s/" NAME
                    "': " PROGRAM " does not start: %s",
                    spawn->domain, place, said);
}

/* ---- the daemon's ---- */

int
virt_log_is_plain (const char *conf)
{
  int plain = 0;

  for (const char *line = conf; line; line = (line = strchr (line, '\n')) ? line + 1 : NULL) {
    const char *at = line + strspn (line, " \t");

    if (strncmp (at, "stdio_handler", 13) != 0)
      continue;
    at += 13 + strspn (at + 13, " \t");
    if (*at == '=')
      plain = strncmp (at + 1 + strspn (at + 1, " \t"), "\"file\"", 6) == 0;
  }
  return plain;
}

/* Of a daemon that listens elsewhere it is not known which file it read. */
static const char *
daemon_conf (struct vl_call *call, const struct vl_conn *conn)
{
  const char *why, *home = getenv ("HOME"), *config = getenv ("XDG_CONFIG_HOME");
  struct virt_uri uri;

  if (virt_uri_read (call, conn->driver, &uri, &why) < 0 || uri.socket)
    return NULL;
  if (uri.where == VIRT_SYSTEM)
    return "/etc/libvirt/qemu.conf";
  if (config && *config)
    return vl_printf (call, "%s/libvirt/qemu.conf", config);
  return home && *home ? vl_printf (call, "%s/.config/libvirt/qemu.conf", home) : NULL;
}

void
virt_log_judge_daemon (struct vl_call *call, const struct vl_conn *conn)
{
  const char *why, *path = daemon_conf (call, conn);
  size_t length;
  VIRT_AUTOTEXT char *conf = path ? vl_file_read (path, CONF_BYTES, &length, &why) : NULL;

  if (conf && virt_log_is_plain (conf))
    vl_warn_as (call, "ConsoleLogUnbounded", NULL,
                "set stdio_handler = \"logd\" there, and restart the daemon",
                "'%s' has stdio_handler = \"file\": nothing bounds the console logs of guests, "
                "and each can fill this disk",
                path);
}
