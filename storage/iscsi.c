/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * iscsi: volumes of iSCSI targets, which QEMU opens itself by an initiator of its own; and
 * those that the host's initiator has made a block device of. */

#include <config.h>

#include "storage/net.h"

#include <virtloom/ascii.h>
#include <virtloom/tool.h>

#include <stdlib.h>
#include <string.h>

#define PORT "3260"
#define MOST_LUN 16383
#define LONGEST_NAME 223 /* of the protocol */

static const char *const volume_types[] = { "iscsi", NULL };
static const char *const volume_keys[] = { "target_portal", "target_iqn",  "target_lun",
                                           "auth_username", "secret_uuid", NULL };
static const struct vl_name reads[] = { { .name = VL_DRIVER_NAME }, { .name = VL_DRIVER_SECRETS } };
static const struct vl_tool_row tools[] = { NET_TOOL };

struct place {
  struct vl_endpoint portal;
  const char *iqn, *lun;
  const char *user, *secret; /* or NULL */
};

/* ---- connection_info ---- */

static int
is_iqn (const char *text)
{
  size_t length = strlen (text), i = 0;

  while (i < length
         && (vl_ascii_is_alnum (text[i]) || text[i] == '.' || text[i] == '-' || text[i] == ':'))
    i++;
  return i == length && length <= LONGEST_NAME
         && (strncmp (text, "iqn.", 4) == 0 || strncmp (text, "eui.", 4) == 0
             || strncmp (text, "naa.", 4) == 0);
}

static int
is_lun (const char *text)
{
  size_t length = strspn (text, "0123456789");

  return length > 0 && length <= 5 && text[length] == '\0' && strtol (text, NULL, 10) <= MOST_LUN;
}

/* User and secret are of one place, so that no user is given the secret of another. */
static int
read_auth (struct vl_call *c, const struct vl_volume *volume, struct place *place)
{
  const char *method = vl_info (c, volume, "data.auth_method");

  place->user = vl_info (c, volume, "data.auth_username");
  place->secret = vl_info (c, volume, "data.secret_uuid");
  if (method && *method && strcmp (method, "CHAP") != 0 && strcmp (method, "None") != 0)
    return net_refuse (c, volume, "data.auth_method", method, "CHAP, None");
  if (place->user == NULL && place->secret == NULL && (method == NULL || method[0] != 'C'))
    return 0;
  if (place->user == NULL || place->secret == NULL || *place->user == '\0')
    return vl_refuse_as (
        c, VL_ERR_REQUEST, "InvalidBDM", NULL,
        "give libvirt the password as a secret of usage 'iscsi' (virsh secret-define, virsh "
        "secret-set-value), and that one's uuid as data.secret_uuid",
        "%s: connection_info asks for CHAP, and has no %s", volume->where,
        place->secret ? "data.auth_username" : "data.secret_uuid");
  if (! vl_is_uuid (place->secret))
    return net_refuse (c, volume, "data.secret_uuid", place->secret, "the uuid of a secret");
  return vl_need_secrets (c, NULL, "the volume takes a secret of libvirt's (CHAP)");
}

static int
read_place (struct vl_call *c, const struct vl_volume *volume, struct place *place)
{
  /* Of several portals QEMU's initiator knows one. */
  const char *many = vl_info (c, volume, "data.target_portals.0") ? ".0" : NULL;
  const char *one = vl_info (c, volume, "data.target_portal");
  const char *prefix = one || many == NULL ? "" : "s", *suffix = *prefix ? many : "";
  const char *portal = vl_printf (c, "data.target_portal%s%s", prefix, suffix);
  const char *iqn = vl_printf (c, "data.target_iqn%s%s", prefix, suffix);
  const char *lun = vl_printf (c, "data.target_lun%s%s", prefix, suffix);
  const char *at = vl_need_info (c, volume, portal);

  place->iqn = at ? vl_need_info (c, volume, iqn) : NULL;
  place->lun = place->iqn ? vl_need_info (c, volume, lun) : NULL;
  if (place->lun == NULL || net_server (c, volume, portal, at, PORT, 0, &place->portal) < 0)
    return -1;
  if (! is_iqn (place->iqn))
    return net_refuse (c, volume, iqn, place->iqn,
                       "a name of the kind iqn., eui. or naa., of letters, digits, '.', '-' and "
                       "':'");
  if (! is_lun (place->lun))
    return net_refuse (c, volume, lun, place->lun, "0 to 16383");
  return read_auth (c, volume, place);
}

/* The block device that the host's own initiator has made of it, or NULL. */
static const char *
device_of (struct vl_call *c, const struct vl_volume *volume)
{
  return vl_info (c, volume, "data.device_path");
}

static int
locate (struct vl_call *c, const struct vl_volume *volume, struct vl_source *source)
{
  struct place place;

  source->path = device_of (c, volume);
  if (source->path) {
    source->type = "block";
    return 0;
  }
  if (read_place (c, volume, &place) < 0)
    return -1;
  source->type = "network";
  source->protocol = "iscsi";
  source->is_scsi = 1;
  source->name = vl_printf (c, "%s/%ld", place.iqn, strtol (place.lun, NULL, 10));
  source->auth_user = place.secret ? place.user : NULL;
  source->auth_type = place.secret ? "iscsi" : NULL;
  source->secret_uuid = place.secret;
  net_set_server (c, &place.portal, source);
  return 0;
}

/* ---- calls ---- */

/* The password is libvirt's to know: a target that asks for it is there. */
static int
connect_volume (struct vl_call *c, const struct vl_volume *volume, const struct vl_source *source)
{
  struct place place;

  (void)source;
  if (device_of (c, volume))
    return 0;
  if (read_place (c, volume, &place) < 0)
    return -1;
  return net_probe (c, vl_printf (c, "%s/%s", place.iqn, place.lun),
                    vl_printf (c,
                               "driver=raw,file.driver=iscsi,file.transport=tcp,file.timeout=10,"
                               "file.portal=%s,file.target=%s,file.lun=%s",
                               net_server_name (c, &place.portal), place.iqn, place.lun),
                    place.secret ? "uthenticat" : NULL);
}

static const struct vl_storage_calls calls = { .size = sizeof calls,
                                               .volume_types = volume_types,
                                               .volume_keys = volume_keys,
                                               .locate = locate,
                                               .connect = connect_volume };

VL_FEATURE (iscsi, "iscsi", .version = VL_VERSION, .summary = "volumes of iSCSI targets",
            .reads = VL_TABLE (reads), .tools = VL_TABLE (tools), .storage = &calls);
