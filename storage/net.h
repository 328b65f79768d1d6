/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Servers of volumes: what the plugins that reach one over the network share. */

#ifndef VL_STORAGE_NET_H
#define VL_STORAGE_NET_H

#include <virtloom/storage.h>

#define NET_TOOL                                                                                   \
  {                                                                                                \
    .name = "qemu-img", .program = "qemu-img", .package = "qemu-utils",                            \
    .help = "whether a server of volumes answers, before a guest is given one",                    \
    .flags = VL_TOOL_CONNECT                                                                       \
  }

/* Refuses: connection_info has VALUE as MEMBER; ACCEPTED.  Answers -1. */
int net_refuse (struct vl_call *c, const struct vl_volume *volume, const char *member,
                const char *value, const char *accepted);

/* Reads TEXT, which is MEMBER of connection_info: HOST, HOST:PORT, [ADDRESS], [ADDRESS]:PORT, or with
 * SOCKETS the absolute path of a UNIX socket.  0, or -1 after a refusal. */
int net_server (struct vl_call *c, const struct vl_volume *volume, const char *member,
                const char *text, const char *port, int sockets, struct vl_endpoint *server);
/* "host:port", "[address]:port", "unix:/path". */
const char *net_server_name (struct vl_call *c, const struct vl_endpoint *server);
/* SOURCE is reached at SERVER alone. */
void net_set_server (struct vl_call *c, const struct vl_endpoint *server, struct vl_source *source);

/* TEXT as a value of QEMU's options. */
const char *net_option (struct vl_call *c, const char *text);
/* Does the server of VOLUME, WHERE in findings, answer to who opens OPTIONS, as QEMU writes them?  A
 * hypervisor that opens what nobody serves may wait for ever, and its guest with it.  0, or -1 after
 * a refusal.  An answer that has LIVES in it is one. */
int net_probe (struct vl_call *c, const char *where, const char *options, const char *lives);
/* Is PATH the socket of a server?  0, or -1 after a refusal. */
int net_probe_socket (struct vl_call *c, const char *path);

#endif
