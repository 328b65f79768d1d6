/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The guest's end of a console: how it is called, and the way there. */

#include <config.h>

#include "server.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

const char *
console_address (struct tool *tool, const struct vl_console *console)
{
  const char *host = console->host ? console->host : "127.0.0.1";

  if (console->tty)
    return console->tty;
  if (console->socket)
    return vl_printf (tool->call, "unix:%s", console->socket);
  return vl_printf (tool->call, strchr (host, ':') ? "[%s]:%d" : "%s:%d", host,
                    (int)(console->port ? console->port : console->tls_port));
}

/* The folder belongs to the user that QEMU runs as: a link in it is not followed. */
static int
connect_socket (const char *path)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int named = open (path, O_PATH | O_NOFOLLOW | O_CLOEXEC), fd = -1, error = errno;
  struct stat st;

  if (named >= 0 && fstat (named, &st) == 0 && ! S_ISSOCK (st.st_mode))
    error = ENOTSOCK;
  else if (named >= 0) {
    fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    snprintf (address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d", named);
    if (fd >= 0 && connect (fd, (struct sockaddr *)&address, sizeof address) < 0) {
      error = errno;
      close (fd);
      fd = -1;
    }
  }
  if (named >= 0)
    close (named);
  errno = error;
  return fd;
}

static int
connect_port (struct tool *tool, const struct vl_console *console)
{
  const struct addrinfo wanted = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
  const char *port = vl_printf (tool->call, "%d", (int)console->port);
  struct addrinfo *list = NULL, *at;
  int fd = -1, error = EADDRNOTAVAIL;

  if (getaddrinfo (console->host ? console->host : "127.0.0.1", port, &wanted, &list) == 0)
    for (at = list; at && fd < 0; at = at->ai_next) {
      fd = socket (at->ai_family, at->ai_socktype | SOCK_CLOEXEC, at->ai_protocol);
      if (fd >= 0 && connect (fd, at->ai_addr, at->ai_addrlen) < 0) {
        error = errno;
        close (fd);
        fd = -1;
      }
    }
  if (list)
    freeaddrinfo (list);
  if (fd >= 0)
    fcntl (fd, F_SETFL, O_NONBLOCK);
  errno = error;
  return fd;
}

int
console_connect (struct tool *tool, const struct vl_console *console)
{
  return console->socket ? connect_socket (console->socket) : connect_port (tool, console);
}
