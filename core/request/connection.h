/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A volume's connection_info, as Cinder's drivers give it: where its bytes are
 * and how they may be used. */

#ifndef VL_CORE_CONNECTION_H
#define VL_CORE_CONNECTION_H

#include "request/request.h"

struct vl_connection {
  const char *driver_type;     /* driver_volume_type: "iscsi", "rbd" ... */
  const char *type;            /* file, block, network */
  const char *source;          /* path, or "pool/image" */
  const char *protocol;        /* of network sources */
  const char **hosts, **ports; /* of network sources */
  size_t n_hosts;
  const char *auth_user, *secret; /* of network sources, or NULL */
  const char *format;             /* raw where nothing else is said */
  const char *serial;             /* the volume's id, or NULL */
  int readonly, shareable;
  const struct vl_property *limits; /* qos_specs, in byte order of the key */
  size_t n_limits;
};

/* Reads TEXT (JSON).  NULL after a finding (exit 3, or 4 for a kind of volume
 * that cannot be attached) with JSON path PATH; all in the arena of CALL. */
const struct vl_connection *vl_connection_read (struct vl_call *call, const char *text,
                                                const char *path);

#endif
