/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * nbd: volumes that a server of the Network Block Device protocol has, which QEMU opens
 * itself. */

#include <config.h>

#include "storage/net.h"

#include <virtloom/tool.h>

#include <string.h>

#define PORT "10809"
#define LONGEST_EXPORT 4096 /* of the protocol */

static const char *const volume_types[] = { "nbd", NULL };
static const char *const volume_keys[] = { "server", "export", "tls", "tls_hostname", NULL };
static const struct vl_name reads[] = { { .name = VL_DRIVER_NAME } };
static const struct vl_tool_row tools[] = { NET_TOOL };

struct place {
  struct vl_endpoint server;
  const char *export; /* NULL: the server's default */
};

static int
read_place (struct vl_call *c, const struct vl_volume *volume, struct place *place)
{
  const char *server = vl_need_info (c, volume, "data.server");

  place->export = vl_info (c, volume, "data.export");
  if (server == NULL || net_server (c, volume, "data.server", server, PORT, 1, &place->server) < 0)
    return -1;
  if (place->export && *place->export == '\0')
    place->export = NULL;
  if (place->export && strlen (place->export) > LONGEST_EXPORT)
    return net_refuse (c, volume, "data.export", vl_printf (c, "%.20s...", place->export),
                       "a name of at most 4096 bytes");
  return 0;
}

/* TLS is of TCP, as of QEMU's own client. */
static int
read_tls (struct vl_call *c, const struct vl_volume *volume, const struct place *place,
          struct vl_source *source)
{
  const char *tls = vl_info (c, volume, "data.tls");
  const char *host = vl_info (c, volume, "data.tls_hostname");
  int on = tls && (strcmp (tls, "true") == 0 || strcmp (tls, "yes") == 0);

  if (tls && ! on && strcmp (tls, "false") != 0 && strcmp (tls, "no") != 0)
    return net_refuse (c, volume, "data.tls", tls, "true, false");
  if (host && ! on)
    return net_refuse (c, volume, "data.tls_hostname", host, "a name where data.tls is true");
  if (on && place->server.socket)
    return net_refuse (c, volume, "data.tls", tls, "false where data.server is a UNIX socket");
  if (on)
    source->tls_host = host ? host : "";
  return 0;
}

static int
locate (struct vl_call *c, const struct vl_volume *volume, struct vl_source *source)
{
  struct place place;

  if (read_place (c, volume, &place) < 0 || read_tls (c, volume, &place, source) < 0)
    return -1;
  source->type = "network";
  source->protocol = "nbd";
  source->name = place.export;
  source->identity = vl_printf (c, place.export ? "%s/%s" : "%s",
                                net_server_name (c, &place.server), place.export);
  net_set_server (c, &place.server, source);
  return 0;
}

/* The user that runs programs here may come to no socket that guests come to, and has no
 * certificates of theirs: who wants TLS says so to anybody, and is not told what for. */
static int
connect_volume (struct vl_call *c, const struct vl_volume *volume, const struct vl_source *source)
{
  struct vl_source tls = { .size = sizeof tls };
  struct place place;
  const char *export;

  (void)source;
  if (read_place (c, volume, &place) < 0 || read_tls (c, volume, &place, &tls) < 0)
    return -1;
  if (place.server.socket)
    return net_probe_socket (c, place.server.socket);
  export = tls.tls_host ? NULL : place.export;
  return net_probe (c, net_server_name (c, &place.server),
                    vl_printf (c,
                               "driver=raw,file.driver=nbd,file.server.type=inet,file.server.host="
                               "%s,file.server.port=%s%s%s",
                               place.server.name, place.server.port, export ? ",file.export=" : "",
                               export ? net_option (c, export) : ""),
                    tls.tls_host ? "TLS" : NULL);
}

static const struct vl_storage_calls calls = { .size = sizeof calls,
                                               .volume_types = volume_types,
                                               .volume_keys = volume_keys,
                                               .locate = locate,
                                               .connect = connect_volume };

VL_FEATURE (nbd, "nbd", .version = VL_VERSION, .summary = "volumes of NBD servers",
            .reads = VL_TABLE (reads), .tools = VL_TABLE (tools), .storage = &calls);
