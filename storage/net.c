/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Servers of volumes: what the plugins that reach one over the network share. */

#include <config.h>

#include "storage/net.h"

#include <virtloom/ascii.h>
#include <virtloom/tool.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* So long a server may take to answer. */
#define ANSWER_MS 20000

int
net_refuse (struct vl_call *c, const struct vl_volume *volume, const char *member,
            const char *value, const char *accepted)
{
  return vl_refuse_as (c, VL_ERR_REQUEST, "InvalidBDM", NULL, NULL,
                       "%s: connection_info has '%s' as %s; accepted: %s", volume->where, value,
                       member, accepted);
}

/* ---- servers ---- */

/* Are the LENGTH bytes at TEXT a host's name or address? */
static int
is_host (const char *text, size_t length, int bracketed)
{
  size_t i = 0;

  while (i < length
         && (bracketed ? vl_ascii_is_xdigit (text[i]) || text[i] == ':' || text[i] == '.'
                       : vl_ascii_is_alnum (text[i]) || text[i] == '.' || text[i] == '-'
                             || text[i] == '_'))
    i++;
  return length > 0 && length <= 253 && i == length && text[0] != '-';
}

static int
is_port (const char *text)
{
  size_t length = strspn (text, "0123456789");

  return length > 0 && length <= 5 && text[length] == '\0' && strtol (text, NULL, 10) > 0
         && strtol (text, NULL, 10) <= 65535;
}

int
net_server (struct vl_call *c, const struct vl_volume *volume, const char *member, const char *text,
            const char *port, int sockets, struct vl_endpoint *server)
{
  int bracketed = text[0] == '[';
  const char *host = text + bracketed;
  size_t length = strcspn (host, bracketed ? "]" : ":");
  const char *end = host + length + (bracketed && host[length] == ']');

  *server = (struct vl_endpoint) { 0 };
  if (sockets && text[0] == '/') {
    server->transport = "unix";
    server->socket = text;
    return 0;
  }
  if ((bracketed && host[length] != ']') || ! is_host (host, length, bracketed)
      || (*end && (*end != ':' || ! is_port (end + 1))))
    return net_refuse (c, volume, member, text,
                       sockets ? "HOST, HOST:PORT, [ADDRESS]:PORT, or the path of a UNIX socket"
                               : "HOST, HOST:PORT, [ADDRESS]:PORT");
  server->name = vl_printf (c, "%.*s", (int)length, host);
  server->port = *end ? end + 1 : port;
  return 0;
}

const char *
net_server_name (struct vl_call *c, const struct vl_endpoint *server)
{
  if (server->socket)
    return vl_printf (c, "unix:%s", server->socket);
  return vl_printf (c, strchr (server->name, ':') ? "[%s]:%s" : "%s:%s", server->name,
                    server->port);
}

void
net_set_server (struct vl_call *c, const struct vl_endpoint *server, struct vl_source *source)
{
  struct vl_endpoint *row = vl_memory (c, sizeof *row);

  *row = *server;
  source->hosts = (struct vl_table) { row, 1, sizeof *row };
}

/* ---- does it answer? ---- */

const char *
net_option (struct vl_call *c, const char *text)
{
  const char *all = "";

  for (size_t n; *text; text += n + (text[n] == ',')) {
    n = strcspn (text, ",");
    all = vl_printf (c, "%s%.*s%s", all, (int)n, text, text[n] == ',' ? ",," : "");
  }
  return all;
}

/* What to do where QEMU SAID that. */
static const char *
hint_of (const char *said)
{
  return strstr (said, "TLS negotiation required")
             ? "say that it speaks TLS: data.tls true, or --volume nbd:...,tls=true"
             : "see whether it is at work there, and has the volume by this name";
}

int
net_probe (struct vl_call *c, const char *where, const char *options, const char *lives)
{
  const char *const args[] = { "info", "--image-opts", options, NULL };
  const struct vl_tool tool = {
    .size = sizeof tool, .name = "qemu-img", .deadline = ANSWER_MS, .args = args, .quiet = 1
  };
  struct vl_tool_result result = { .size = sizeof result };
  const char *said;

  if (vl_tool_run (c, &tool, &result) == 0 || result.end == VL_TOOL_NOT_STARTED
      || result.end == VL_TOOL_UNKNOWN)
    return result.problem == NULL ? 0 : -1;
  if (result.end == VL_TOOL_TOO_LONG)
    return vl_refuse_as (c, VL_ERR_FAILED, "VolumeUnreachable", NULL,
                         "see whether it is at work there, and whether a firewall is between",
                         "the server of volume \"%s\" does not answer within %d seconds", where,
                         ANSWER_MS / 1000);
  if (lives && strstr (result.said, lives))
    return 0;
  /* Behind what it names is all that QEMU was told. */
  said = strstr (result.said, "': ");
  said = said ? said + strlen ("': ") : result.said;
  said = vl_printf (c, "%.*s", (int)strcspn (said, "\n"), said);
  return vl_refuse_as (c, VL_ERR_FAILED, "VolumeUnreachable", NULL, hint_of (said),
                       "the server of volume \"%s\" does not serve it: %s", where, said);
}

int
net_probe_socket (struct vl_call *c, const char *path)
{
  struct stat st;
  const char *problem = stat (path, &st) < 0      ? strerror (errno)
                        : ! S_ISSOCK (st.st_mode) ? "no UNIX socket"
                                                  : NULL;

  if (problem == NULL)
    return 0;
  return vl_refuse_as (c, VL_ERR_FAILED, "VolumeUnreachable", NULL,
                       "start what serves the volume, or give the path at which it listens",
                       "no server of a volume listens at \"%s\": %s", path, problem);
}
