/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Which connections of libvirt a driver may use: QEMU's, on this machine, since disks
 * are made and images are judged here. */

#include <config.h>

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "virt.h"

#define SCHEME_END "://"
#define SOCKET_KEY "?socket="
/* Characters that mean the same in a URI and in a path. */
#define PLAIN "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/-._~"

static const struct {
  const char *path;
  enum virt_where where;
} paths[] = {
  { "/embed", VIRT_EMBED },
  { "/system", VIRT_SYSTEM },
  { "/session", VIRT_SESSION },
};

/* What follows the path: nothing, or the socket of a daemon of this machine. */
static const char *
read_query (struct vl_call *call, const char *query, int local, struct virt_uri *uri)
{
  const char *path = query + strlen (SOCKET_KEY);

  if (*query == '\0')
    return NULL;
  if (! local || strncmp (query, SOCKET_KEY, strlen (SOCKET_KEY)) != 0)
    return vl_printf (call, "ends with '%s', which is not accepted", query);
  if (*path != '/' || path[strspn (path, PLAIN)] != '\0')
    return vl_printf (call,
                      "names the socket '%s', which is not an absolute path of letters, digits and "
                      "/-._~",
                      path);
  if (strlen (path) >= sizeof ((struct sockaddr_un *)0)->sun_path)
    return vl_printf (call, "names a socket of %zu bytes; a UNIX socket has at most %zu",
                      strlen (path), sizeof ((struct sockaddr_un *)0)->sun_path - 1);
  uri->socket = path;
  return NULL;
}

/* The part behind "qemu://" or "qemu+unix://", LOCAL for the second. */
static const char *
read_rest (struct vl_call *call, const char *rest, int local, int embeds, struct virt_uri *uri)
{
  size_t host = strcspn (rest, "/?"), length;
  const char *at = memrchr (rest, '@', host);

  if (at) {
    host -= (size_t)(at + 1 - rest);
    rest = at + 1;
  }
  if (host > 0 || at)
    return vl_printf (call, "is of another machine ('%.*s'); disks are made and judged on this one",
                      (int)host, rest);
  length = strcspn (rest, "?");
  for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
    if (strlen (paths[i].path) != length || strncmp (paths[i].path, rest, length) != 0
        || (local && paths[i].where == VIRT_EMBED))
      continue;
    if (paths[i].where == VIRT_EMBED && ! embeds)
      return "is libvirt's driver in the process, which driver qemu-tcg alone uses";
    uri->where = paths[i].where;
    return read_query (call, rest + length, local, uri);
  }
  return vl_printf (call, "has the path '%.*s', which QEMU's driver does not have", (int)length,
                    rest);
}

static const char *
read_uri (struct vl_call *call, const char *text, int embeds, struct virt_uri *uri)
{
  const char *end = strstr (text, SCHEME_END);
  int length = end ? (int)(end - text) : 0, driver = (int)strcspn (text, "+:");
  const char *transport = driver < length ? text + driver + 1 : NULL;

  if (end == NULL)
    return "is no URI of libvirt's";
  if (driver != 4 || strncmp (text, "qemu", 4) != 0)
    return vl_printf (call, "is of libvirt's driver '%.*s'; this one runs QEMU", driver, text);
  if (transport && (length - driver - 1 != 4 || strncmp (transport, "unix", 4) != 0))
    return vl_printf (call,
                      "is reached through '%.*s', as other machines are; disks are made and "
                      "judged on this one",
                      length - driver - 1, transport);
  return read_rest (call, end + strlen (SCHEME_END), transport != NULL, embeds, uri);
}

int
virt_uri_read (struct vl_call *call, const struct virt_driver *driver, struct virt_uri *uri,
               const char **why)
{
  const char *text = vl_str (call, "connection-uri"), *fault;

  *uri = (struct virt_uri) { .text = text };
  fault = read_uri (call, text, driver->embeds, uri);
  if (fault == NULL)
    return 0;
  *why = vl_printf (call, "connection_uri '%s' %s", text, fault);
  return -1;
}

/* Does somebody listen?  *CLOSED becomes a socket that does not let this user in. */
static int
answers (const char *path, const char **closed)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd, answer;

  if (strlen (path) >= sizeof address.sun_path)
    return 0;
  memcpy (address.sun_path, path, strlen (path) + 1);
  fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return 0;
  answer = connect (fd, (struct sockaddr *)&address, sizeof address) == 0;
  if (! answer && (errno == EACCES || errno == EPERM))
    *closed = path;
  close (fd);
  return answer;
}

/* The modular daemon's socket, then the old one's, as libvirt looks for them. */
static int
daemon_answers (const struct virt_uri *uri, const char **socket, const char **closed)
{
  static const char *const sockets[] = { "/run/libvirt/virtqemud-sock",
                                         "/run/libvirt/libvirt-sock" };

  *socket = uri->socket;
  if (uri->socket)
    return answers (uri->socket, closed);
  /* libvirt starts the daemon of a session itself; the embedded driver has none. */
  if (uri->where != VIRT_SYSTEM)
    return 1;
  for (size_t i = 0; i < sizeof sockets / sizeof sockets[0]; i++) {
    *socket = sockets[i];
    if (answers (sockets[i], closed))
      return 1;
  }
  return 0;
}

int
virt_uri_answers (struct vl_call *call, const struct virt_uri *uri, const char **why)
{
  const char *socket = NULL, *closed = NULL;

  if (daemon_answers (uri, &socket, &closed))
    return 1;
  if (closed)
    *why = vl_printf (call,
                      "'%s', where libvirt listens for connection_uri '%s', does not let user %u "
                      "in (adduser USER libvirt, and log in anew)",
                      closed, uri->text, (unsigned)geteuid ());
  else
    *why = vl_printf (
        call, "no libvirt daemon listens at '%s' for connection_uri '%s' (" VIRT_DAEMON_HINT ")",
        socket, uri->text);
  return 0;
}
