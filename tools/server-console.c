/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * virtloom server console, url and screenshot: the guest's serial console on a terminal, where its
 * consoles are, and what is to be seen.  What is typed goes to the guest, what it writes to the terminal, byte by byte.
 * Only the console itself is held meanwhile, since two readers would each get half of it. */

#include <config.h>

#include "server.h"

#include "lib/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

/* ^], as telnet and virsh have it. */
#define ESCAPE 0x1d
/* What is typed is kept for a guest that does not read, and no more of it than this. */
#define TYPED_BYTES 4096

/* ---- the terminal ---- */

/* How the terminal was, for signal handlers. */
static struct termios before;
static volatile sig_atomic_t is_raw;

static void
restore (void)
{
  if (is_raw)
    (void)tcsetattr (STDIN_FILENO, TCSADRAIN, &before);
  is_raw = 0;
}

/* Whatever ends this process, the terminal is as it was. */
static void
on_end (int number)
{
  if (is_raw)
    (void)tcsetattr (STDIN_FILENO, TCSANOW, &before);
  (void)raise (number);
}

static int
make_raw (struct tool *tool)
{
  static const int ends[] = { SIGHUP,  SIGINT,  SIGQUIT, SIGILL,  SIGABRT, SIGBUS, SIGFPE,
                              SIGSEGV, SIGPIPE, SIGALRM, SIGTERM, SIGUSR1, SIGUSR2 };
  struct sigaction action = { .sa_handler = on_end, .sa_flags = SA_RESETHAND | SA_NODEFER };
  struct termios raw;

  if (tcgetattr (STDIN_FILENO, &before) < 0)
    return vl_refuse (tool->call, VL_ERR_FAILED, NULL, NULL, "the terminal cannot be asked: %m");
  for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
    sigaction (ends[i], &action, NULL);
  raw = before;
  cfmakeraw (&raw);
  is_raw = 1;
  if (tcsetattr (STDIN_FILENO, TCSADRAIN, &raw) == 0)
    return 0;
  is_raw = 0;
  return vl_refuse (tool->call, VL_ERR_FAILED, NULL, NULL, "the terminal cannot be set: %m");
}

/* ---- the guest's end ---- */

/* Of the guest's terminal nothing is read as if a person typed there. */
static int
open_tty (const char *path)
{
  int fd = open (path, O_RDWR | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  struct termios raw;

  if (fd < 0)
    return -1;
  if (tcgetattr (fd, &raw) == 0) {
    cfmakeraw (&raw);
    (void)tcsetattr (fd, TCSANOW, &raw);
    return fd;
  }
  close (fd);
  errno = ENOTTY;
  return -1;
}

static int
open_console (struct tool *tool, const char *server, const struct vl_console *console)
{
  int fd = console->tty ? open_tty (console->tty) : console_connect (tool, console);

  if (fd < 0)
    (void)vl_refuse_as (tool->call, VL_ERR_UNREACHABLE, "ConsoleNotAvailable", NULL, NULL,
                        "the serial console of server \"%s\" cannot be reached at %s: %m", server,
                        console_address (tool, console));
  return fd;
}

/* ---- the session ---- */

struct session {
  int fd;   /* the guest's end */
  int tty;  /* what is typed comes from a terminal: ^] leaves */
  int done; /* nothing more comes from stdin */
  char typed[TYPED_BYTES];
  size_t n; /* of them, not yet the guest's */
};

/* 1: the guest's end is closed. */
static int
from_guest (struct session *session)
{
  char buffer[4096];
  ssize_t n = read (session->fd, buffer, sizeof buffer);

  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return 0;
  return n <= 0 || vl_file_write_all (STDOUT_FILENO, buffer, (size_t)n) < 0;
}

static int
to_guest (struct session *session)
{
  ssize_t n = write (session->fd, session->typed, session->n);

  if (n < 0)
    return errno != EAGAIN && errno != EINTR;
  session->n -= (size_t)n;
  memmove (session->typed, session->typed + n, session->n);
  return 0;
}

/* 1: the escape was typed.  It is heard, too, where the guest takes nothing. */
static int
from_user (struct session *session)
{
  char buffer[TYPED_BYTES];
  size_t room = sizeof session->typed - session->n;
  ssize_t n =
      read (STDIN_FILENO, buffer, session->tty || room > sizeof buffer ? sizeof buffer : room);

  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return 0;
  if (n <= 0) {
    session->done = 1;
    return session->tty;
  }
  for (ssize_t i = 0; i < n; i++) {
    if (session->tty && buffer[i] == ESCAPE)
      return 1;
    if (session->n < sizeof session->typed)
      session->typed[session->n++] = buffer[i];
  }
  return 0;
}

/* 1 where the guest ended it, 0 where the user did. */
static int
talk (struct session *session)
{
  for (;;) {
    int reads = ! session->done && (session->tty || session->n < sizeof session->typed);
    struct pollfd polled[] = {
      { .fd = session->fd, .events = (short)(POLLIN | (session->n ? POLLOUT : 0)) },
      { .fd = reads ? STDIN_FILENO : -1, .events = POLLIN },
    };

    if (poll (polled, 2, -1) < 0) {
      if (errno == EINTR)
        continue;
      return 0;
    }
    if (polled[1].revents && from_user (session))
      return 0;
    if ((polled[0].revents & POLLOUT) && to_guest (session))
      return 1;
    if ((polled[0].revents & (POLLIN | POLLHUP | POLLERR)) && from_guest (session))
      return 1;
  }
}

static int
attach (struct tool *tool, const char *server)
{
  struct session session = { .tty = isatty (STDIN_FILENO) };
  struct vl_console console;
  int ended;

  if (vl_server_console (tool->app, server, "serial", &console) < 0
      || vl_server_console_hold (tool->app, server) < 0)
    return -1;
  session.fd = open_console (tool, server, &console);
  if (session.fd < 0)
    return -1;
  if (session.tty && ! tool->quiet)
    fprintf (stderr, "serial console of %s; ^] leaves it\n", server);
  fflush (NULL);
  if (session.tty && make_raw (tool) < 0) {
    close (session.fd);
    return -1;
  }
  ended = talk (&session);
  restore ();
  close (session.fd);
  if (session.tty && ! tool->quiet)
    fprintf (stderr, "\n%s\n", ended ? "the guest has closed its console" : "left the console");
  return 0;
}

void
server_let_go (struct tool *tool)
{
  vl_app_free (tool->app);
  tool->app = vl_app_new (&(struct vl_app_options) { .quiet = 1 });
  tool->call = vl_app_call (tool->app);
}

static int
show_file (struct tool *tool, const char *server, const char *run_dir)
{
  char *path = vl_xasprintf ("%s/console.log", run_dir);
  int result = 0;

  if (tool->json)
    json_put (tool->data, "file", path);
  else {
    server_let_go (tool);
    result = server_follow (tool, server, path);
  }
  free (path);
  return result;
}

int
server_console (struct tool *tool)
{
  const char *name = tool->args->words[0];
  int file = args_has (tool->args, "follow") || args_has (tool->args, "raw") || tool->json;
  const struct vl_server_info *server;

  if (file && args_has (tool->args, "attach"))
    return vl_refuse (tool->call, VL_ERR_USAGE, NULL, NULL,
                      "--attach is for the console itself; --follow, --raw and -o json are for "
                      "its file");
  if (args_has (tool->args, "attach")
      || (! file && isatty (STDIN_FILENO) && isatty (STDOUT_FILENO)))
    return attach (tool, name);
  server = vl_server_find (tool->app, name);
  return server ? show_file (tool, name, server->run_dir) : -1;
}

/* ---- url ---- */

int
server_url (struct tool *tool)
{
  static const struct column columns[] = {
    { "type", "Type" },
    { "address", "Address" },
    { "socket", "Socket", 1 },
    { "tty", "TTY", 1 },
    { "host", "Host", 1 },
    { "port", "Port", 1 },
    { "tls_port", "TLS port", 1 },
    { NULL, NULL },
  };
  const char *type = args_value (tool->args, "type");
  struct vl_console console;
  json_t *object;

  type = type ? type : "vnc";
  if (vl_server_console (tool->app, tool->args->words[0], type, &console) < 0)
    return -1;
  object = json_object ();
  json_put (object, "type", type);
  json_put (object, "address", console_address (tool, &console));
  json_put (object, "socket", console.socket);
  json_put (object, "tty", console.tty);
  json_put (object, "host", console.port || console.tls_port ? console.host : NULL);
  json_object_set_new (object, "port", console.port ? json_integer (console.port) : json_null ());
  json_object_set_new (object, "tls_port",
                       console.tls_port ? json_integer (console.tls_port) : json_null ());
  tool_show (tool, object, columns);
  return 0;
}

/* ---- screenshot ---- */

int
server_screenshot (struct tool *tool)
{
  const char *server = tool->args->words[0], *file = args_value (tool->args, "file");

  if (file && strcmp (file, "-") != 0) {
    if (vl_server_screenshot (tool->app, server, file, -1) < 0)
      return -1;
    tool_done (tool, "the display of \"%s\" is in \"%s\"", server, file);
    return 0;
  }
  if (tool->json || isatty (STDOUT_FILENO))
    return vl_refuse (tool->call, VL_ERR_USAGE, NULL, "give a file: --file FILE",
                      "the bytes of a picture go neither to a terminal nor into JSON");
  tool->printed = 1;
  return vl_server_screenshot (tool->app, server, NULL, STDOUT_FILENO);
}
