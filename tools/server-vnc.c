/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * virtloom server vnc --web: a page on loopback that shows the guest's display to one viewer.
 * The token in its address is the name of a UNIX socket in a folder that nobody else can list;
 * the first who comes through it uses it up, and only then the guest's display is connected to.  So a
 * websockify that somebody has taken over has that one connection, and no way to the guest. */

#include <config.h>

#include "server.h"

#include "lib/clock.h"
#include "lib/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define TOKEN_BYTES 16
#define BACKLOG 64
#define FIRST_NAME "door"

static volatile sig_atomic_t stopped;

static void
on_stop (int number)
{
  stopped = number;
}

struct showing {
  struct tool *tool;
  const char *server;
  struct vl_console console; /* the guest's display, its texts malloc memory */
  char folder[PATH_MAX];     /* "": there is none */
  int folder_fd, door;       /* DOOR: the socket whose name is the token; -1 once that is used up */
  char token[2 * TOKEN_BYTES + 1];
  struct vnc_page page;
  sigset_t waiting; /* the signals that are let in while it waits */
  int64_t due;      /* in milliseconds: a viewer must have come; -1: no deadline */
};

static int
cannot (const struct showing *showing, const char *what)
{
  return vl_refuse (showing->tool->call, VL_ERR_FAILED, NULL, NULL,
                    "the page of server \"%s\" cannot be shown: %s: %m", showing->server, what);
}

/* ---- the display ---- */

static void
forget_display (struct showing *showing)
{
  free ((char *)showing->console.socket);
  free ((char *)showing->console.host);
  showing->console = (struct vl_console) { 0 };
}

/* Who looks on holds nobody up: the driver is let go. */
static int
find_display (struct showing *showing)
{
  struct tool *tool = showing->tool;
  struct vl_console found = { 0 };

  forget_display (showing);
  if (vl_server_console (tool->app, showing->server, "vnc", &found) < 0)
    return -1;
  showing->console = found;
  showing->console.tty = NULL;
  showing->console.socket = found.socket ? vl_xstrdup (found.socket) : NULL;
  showing->console.host = found.host ? vl_xstrdup (found.host) : NULL;
  findings_print (tool->app, stderr);
  server_let_go (tool);
  return 0;
}

/* Connects to it.  While nobody was there another guest may have got its port. */
static int
connect_display (struct showing *showing)
{
  struct tool *tool = showing->tool;
  int guest;

  if (showing->console.socket == NULL) {
    vl_app_free (tool->app);
    tool->app = vl_app_new (&tool->options);
    tool->call = vl_app_call (tool->app);
    if (vl_app_load (tool->app) < 0 || find_display (showing) < 0)
      return -1;
  }
  guest = console_connect (tool, &showing->console);
  if (guest < 0)
    return vl_refuse_as (tool->call, VL_ERR_UNREACHABLE, "ConsoleNotAvailable", NULL, NULL,
                         "the display of server \"%s\" cannot be reached at %s: %m",
                         showing->server, console_address (tool, &showing->console));
  return guest;
}

/* ---- the door ---- */

static int
make_token (struct showing *showing)
{
  unsigned char bytes[TOKEN_BYTES];

  if (getrandom (bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
    return cannot (showing, "a token");
  for (size_t i = 0; i < sizeof bytes; i++)
    snprintf (showing->token + 2 * i, 3, "%02x", (unsigned)bytes[i]);
  return 0;
}

/* Below the caller's own folder of this boot, or else where temporary files go. */
static int
make_folder (struct showing *showing)
{
  const char *base = geteuid () == 0 ? "/run/virtloom"
                                     : vl_printf (showing->tool->call, "/run/user/%u/virtloom",
                                                  (unsigned)geteuid ());

  if (vl_file_mkdirs (base, 0700) < 0 && geteuid () != 0)
    base = getenv ("TMPDIR") ? getenv ("TMPDIR") : "/tmp";
  snprintf (showing->folder, sizeof showing->folder, "%s/vnc-XXXXXX", base);
  if (mkdtemp (showing->folder) == NULL) {
    int result = cannot (showing, showing->folder);

    *showing->folder = '\0';
    return result;
  }
  /* Passed through by who knows a name in it, listed by nobody. */
  if (geteuid () == 0 && chmod (showing->folder, 0711) < 0)
    return cannot (showing, showing->folder);
  showing->folder_fd = open (showing->folder, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  return showing->folder_fd < 0 ? cannot (showing, showing->folder) : 0;
}

/* The token comes by renaming: the name that a socket got first is what /proc/net/unix shows to
 * everybody. */
static int
open_door (struct showing *showing)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  const struct sockaddr *at = (const struct sockaddr *)&address;
  mode_t mask;
  int bad;

  if (make_token (showing) < 0 || make_folder (showing) < 0)
    return -1;
  showing->door = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  snprintf (address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/" FIRST_NAME,
            showing->folder_fd);
  mask = umask (0177);
  bad = showing->door < 0 || bind (showing->door, at, sizeof address) < 0;
  umask (mask);
  if (bad || listen (showing->door, 1) < 0
      || (geteuid () == 0
          && fchownat (showing->folder_fd, FIRST_NAME, VNC_PAGE_USER, VNC_PAGE_USER,
                       AT_SYMLINK_NOFOLLOW)
                 < 0)
      || renameat (showing->folder_fd, FIRST_NAME, showing->folder_fd, showing->token) < 0)
    return cannot (showing, showing->folder);
  return 0;
}

static void
close_door (struct showing *showing)
{
  if (showing->folder_fd >= 0) {
    unlinkat (showing->folder_fd, FIRST_NAME, 0);
    unlinkat (showing->folder_fd, showing->token, 0);
  }
  if (showing->door >= 0)
    close (showing->door);
  showing->door = -1;
}

/* A socket on loopback that listens; *PORT is the kernel's choice. */
static int
listen_on_loopback (uint16_t *port)
{
  struct sockaddr_in address = { .sin_family = AF_INET,
                                 .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  socklen_t length = sizeof address;
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), error;

  if (fd >= 0 && bind (fd, (struct sockaddr *)&address, length) == 0 && listen (fd, BACKLOG) == 0
      && getsockname (fd, (struct sockaddr *)&address, &length) == 0) {
    *port = ntohs (address.sin_port);
    return fd;
  }
  error = errno;
  if (fd >= 0)
    close (fd);
  errno = error;
  return -1;
}

static int
open_page (struct showing *showing, uint16_t *port)
{
  VL_AUTOCLOSE int listening = listen_on_loopback (port);

  if (listening < 0)
    return cannot (showing, "127.0.0.1");
  if (open_door (showing) < 0)
    return -1;
  return vnc_page_start (showing->tool, &showing->page, listening, showing->folder_fd);
}

/* Of an address that nobody gets to know there is no viewer. */
static int
tell_address (const struct showing *showing, uint16_t port)
{
  int bad;

  json_t *object = json_object ();
  char *url = vl_xasprintf ("http://127.0.0.1:%u/vnc.html?autoconnect=1&path="
                            "websockify%%3Ftoken%%3D%s",
                            (unsigned)port, showing->token);

  showing->tool->printed = 1;
  if (showing->tool->json) {
    char *text;

    json_put (object, "url", url);
    text = json_dumps (object, JSON_COMPACT);
    puts (text);
    free (text);
  } else
    puts (url);
  if (! showing->tool->json && ! showing->tool->quiet && isatty (STDERR_FILENO))
    fprintf (stderr, "this address is for one viewer; ^C ends it\n");
  bad = fflush (stdout) != 0 || ferror (stdout);
  free (url);
  json_decref (object);
  if (! bad)
    return 0;
  (void)cannot (showing, "its address");
  clearerr (stdout);
  return -1;
}

/* ---- until somebody ends it ---- */

/* Waits for what the N of POLLED are about, which is at least the first two, ours: websockify's end
 * and what it says.  1; 0 where the user has stopped it; -1 after a finding. */
static int
wait_for (struct showing *showing, struct pollfd *polled, nfds_t n, int64_t due)
{
  struct timespec left = { 0, 0 };
  int got;

  polled[0] = (struct pollfd) { .fd = showing->page.pidfd, .events = POLLIN };
  polled[1] = (struct pollfd) { .fd = showing->page.said_fd, .events = POLLIN };
  if (due >= 0) {
    int64_t ms = due - vl_clock_ms ();

    ms = ms > 0 ? ms : 0;
    left = (struct timespec) { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
  }
  got = stopped ? 0 : ppoll (polled, n, due < 0 ? NULL : &left, &showing->waiting);
  if (stopped)
    return 0;
  if (got < 0)
    return cannot (showing, "its connections");
  if (polled[1].revents)
    vnc_page_hear (&showing->page);
  return polled[0].revents ? vnc_page_ended (showing->tool, &showing->page, showing->server) : 1;
}

/* The connection that uses up the token.  -1 where there is none: *RESULT says whether that is well. */
static int
take_viewer (struct showing *showing, int *result)
{
  for (;;) {
    struct pollfd polled[3] = { [2] = { .fd = showing->door, .events = POLLIN } };
    int viewer;

    *result = wait_for (showing, polled, 3, showing->due);
    if (*result <= 0)
      return -1;
    viewer = accept4 (showing->door, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (viewer >= 0) {
      close_door (showing);
      return viewer;
    }
    if (showing->due >= 0 && vl_clock_ms () >= showing->due) {
      *result = vl_refuse_as (
          showing->tool->call, VL_ERR_FAILED, "WaitTimeout", NULL,
          "say it again for a new address; without --timeout it waits until it is opened",
          "nobody has opened the page of server \"%s\" in time", showing->server);
      return -1;
    }
  }
}

/* One of both ways of a connection. */
struct way {
  int from, to;
  char bytes[65536];
  size_t at, n; /* those of them that are not yet written */
};

/* 1: one of its ends is closed. */
static int
move (struct way *way)
{
  ssize_t n;

  if (way->n == 0) {
    n = read (way->from, way->bytes, sizeof way->bytes);
    if (n <= 0)
      return n == 0 || (errno != EAGAIN && errno != EINTR);
    way->at = 0;
    way->n = (size_t)n;
  }
  n = send (way->to, way->bytes + way->at, way->n, MSG_NOSIGNAL);
  if (n < 0)
    return errno != EAGAIN && errno != EINTR;
  way->at += (size_t)n;
  way->n -= (size_t)n;
  return 0;
}

/* 0 where the viewer, the guest or the user ends it; -1 after a finding. */
static int
relay (struct showing *showing, int viewer, int guest)
{
  struct way *ways = vl_xcalloc (2, sizeof *ways), *in = &ways[0], *out = &ways[1];
  int result, ended = 0;

  *in = (struct way) { .from = viewer, .to = guest };
  *out = (struct way) { .from = guest, .to = viewer };
  do {
    struct pollfd polled[6] = {
      /* A viewer that goes is seen, too, while the guest takes nothing. */
      [2] = { .fd = viewer, .events = in->n ? 0 : POLLIN },
      [3] = { .fd = in->n ? guest : -1, .events = POLLOUT },
      [4] = { .fd = out->n ? -1 : guest, .events = POLLIN },
      [5] = { .fd = out->n ? viewer : -1, .events = POLLOUT },
    };

    result = wait_for (showing, polled, 6, -1);
    if (result <= 0)
      break;
    ended = in->n && (polled[2].revents & (POLLHUP | POLLERR));
    if (! ended && (polled[2].revents || polled[3].revents))
      ended = move (in);
    if (! ended && (polled[4].revents || polled[5].revents))
      ended = move (out);
  } while (! ended);
  free (ways);
  return result < 0 ? -1 : 0;
}

static int
show (struct showing *showing)
{
  VL_AUTOCLOSE int viewer = -1, guest = -1;
  uint16_t port = 0;
  int result;

  if (open_page (showing, &port) < 0 || tell_address (showing, port) < 0)
    return -1;
  viewer = take_viewer (showing, &result);
  if (viewer < 0)
    return result;
  guest = connect_display (showing);
  return guest < 0 ? -1 : relay (showing, viewer, guest);
}

/* ---- the verb ---- */

int
server_vnc (struct tool *tool)
{
  struct showing showing = { .tool = tool,
                             .server = tool->args->words[0],
                             .folder_fd = -1,
                             .door = -1,
                             .page = { .pid = -1, .pidfd = -1, .said_fd = -1 },
                             .due = -1 };
  uint32_t seconds;
  sigset_t stops;
  int result;

  if (! args_has (tool->args, "web"))
    return vl_refuse (tool->call, VL_ERR_USAGE, NULL,
                      "in a browser: --web; its address for a viewer of your own: virtloom server "
                      "url SERVER --type vnc",
                      "'server vnc' needs --web");
  if (server_seconds (tool, 0, &seconds) < 0 || find_display (&showing) < 0)
    return -1;
  if (vnc_page_need (tool) < 0) {
    forget_display (&showing);
    return -1;
  }
  if (args_has (tool->args, "timeout"))
    showing.due = vl_clock_ms () + (int64_t)seconds * 1000;
  /* It has a folder to remove, also where nobody reads what it says. */
  (void)signal (SIGPIPE, SIG_IGN);
  fault_takes_stops ();
  fault_on_stops (on_stop, 0, &stops);
  sigprocmask (SIG_BLOCK, &stops, &showing.waiting);
  result = show (&showing);
  vnc_page_end (&showing.page);
  close_door (&showing);
  if (showing.folder_fd >= 0)
    close (showing.folder_fd);
  if (*showing.folder)
    rmdir (showing.folder);
  forget_display (&showing);
  return result;
}
