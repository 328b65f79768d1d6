/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * rbd: disks and volumes in a Ceph cluster, which QEMU opens itself.  This says where they
 * are, of any host; what is done with them a program of ours does (rbd-acts.c). */

#include <config.h>

#include "storage/rbd.h"

#include "storage/local.h"

#include <string.h>

#define HEX "0123456789abcdefABCDEF"

static const char *const types[] = { "rbd", NULL };
static const struct vl_name reads[] = { { .name = VL_DRIVER_NAME }, { .name = VL_DRIVER_SECRETS } };
static const struct vl_tool_row tools[] = { LOCAL_TOOLS,
                                            { .name = RBD_TOOL,
                                              .program = VL_LIBEXECDIR "/virtloom-rbd",
                                              .package = "librbd1",
                                              .help = "disks in Ceph are made, grown and removed",
                                              .flags = VL_TOOL_WRITES | VL_TOOL_CONNECT,
                                              .memory = (int64_t)8 << 30 } };

#define ROW(name_, key_, help_, ...) ROW_OF (name_, key_, "libvirt." key_, help_, __VA_ARGS__)
#define ROW_OF(name_, key_, nova_, help_, ...)                                                     \
  {                                                                                                \
    .name = (name_), .setting = (key_), .nova = (nova_), .help = (help_), .since = "0.1.0",        \
    __VA_ARGS__                                                                                    \
  }
static const struct vl_prop props[] = {
  ROW ("pool", "images_rbd_pool", "the pool that servers' disks are made in", .type = VL_STRING,
       .deflt = "rbd"),
  ROW ("conf", "images_rbd_ceph_conf", "the cluster's ceph.conf; unset: " RBD_CONF,
       .type = VL_STRING, .flags = VL_EMPTY_UNSET),
  ROW ("user", "rbd_user", "Ceph's user for servers' disks, client.NAME; unset: admin",
       .type = VL_STRING, .flags = VL_EMPTY_UNSET),
  ROW ("secret", "rbd_secret_uuid", "libvirt's secret with the key of that user", .type = VL_STRING,
       .flags = VL_EMPTY_UNSET),
  ROW ("connect-timeout", "rbd_connect_timeout", "how long the cluster's monitors are waited for",
       .type = VL_INT, .deflt = "5", .min = 1, .max = 3600, .unit = "s"),
  ROW ("retries", "rbd_destroy_volume_retries", "how often a disk in use is tried to be removed",
       .type = VL_INT, .deflt = "12", .max = 1000),
  ROW ("retry-interval", "rbd_destroy_volume_retry_interval",
       "how long is waited between two tries", .type = VL_INT, .deflt = "5", .max = 3600,
       .unit = "s"),
  ROW_OF ("download", "enable_rbd_download", "glance.enable_rbd_download",
          "may images that lie in Ceph be copied into STATE for other disks", .type = VL_BOOL,
          .deflt = "false"),
  ROW_OF ("download-conf", "download_rbd_ceph_conf", "glance.rbd_ceph_conf",
          "ceph.conf of the cluster that has them; unset: as of disks", .type = VL_STRING,
          .flags = VL_EMPTY_UNSET, .only = "download=true"),
  ROW_OF ("download-user", "download_rbd_user", "glance.rbd_user",
          "Ceph's user for them; unset: as of disks", .type = VL_STRING, .flags = VL_EMPTY_UNSET,
          .only = "download=true"),
  ROW_OF ("download-timeout", "download_rbd_connect_timeout", "glance.rbd_connect_timeout",
          "how long that cluster's monitors are waited for", .type = VL_INT, .deflt = "5", .min = 1,
          .max = 3600, .unit = "s", .only = "download=true"),
};

/* ---- names ---- */

int
rbd_is_name (const char *text)
{
  static const char bytes[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
  size_t length = strlen (text);

  return length > 0 && length <= 128 && strspn (text, bytes) == length;
}

const char *
rbd_conf (struct vl_call *c)
{
  const char *conf = vl_str (c, "conf");

  return conf ? conf : RBD_CONF;
}

const char *
rbd_user (struct vl_call *c)
{
  const char *user = vl_str (c, "user");

  return user ? user : "admin";
}

/* Is setting PROP fit for a name?  0, or -1 after a refusal. */
static int
check_name (struct vl_call *c, const char *prop, const char *what)
{
  const char *text = vl_str (c, prop);

  if (text == NULL || rbd_is_name (text))
    return 0;
  return vl_refuse_as (c, VL_ERR_UNSUPPORTED, "InvalidConfiguration", prop, NULL,
                       "'%s' is no name of %s; accepted: 1 to 128 of A-Z a-z 0-9 _ . -", text,
                       what);
}

/* As libvirt writes it. */
static int
check_secret (struct vl_call *c, const char *uuid)
{
  static const char like[] = "00000000-0000-0000-0000-000000000000";
  size_t i = 0;

  while (uuid[i] && like[i] && (like[i] == '-' ? uuid[i] == '-' : strchr (HEX, uuid[i]) != NULL))
    i++;
  return uuid[i] == '\0' && like[i] == '\0'
             ? 0
             : vl_refuse_as (c, VL_ERR_UNSUPPORTED, "InvalidConfiguration", "secret",
                             "virsh secret-list shows which there are",
                             "'%s' is no uuid of a secret", uuid);
}

/* ---- volumes ---- */

static int
add_hosts (struct vl_call *c, const struct vl_volume *volume, struct vl_source *source)
{
  struct vl_endpoint *hosts;
  size_t n = 0;

  while (vl_info (c, volume, vl_printf (c, "data.hosts.%zu", n)))
    n++;
  hosts = vl_memory (c, (n + 1) * sizeof *hosts);
  for (size_t i = 0; i < n; i++) {
    hosts[i].name = vl_info (c, volume, vl_printf (c, "data.hosts.%zu", i));
    hosts[i].port = vl_info (c, volume, vl_printf (c, "data.ports.%zu", i));
  }
  source->hosts = (struct vl_table) { hosts, (uint32_t)n, sizeof *hosts };
  return 0;
}

/* libvirt's secret UUID opens SOURCE for USER. */
static int
add_secret (struct vl_call *c, struct vl_source *source, const char *user, const char *uuid,
            const char *what)
{
  source->auth_user = user;
  source->auth_type = "ceph";
  source->secret_uuid = uuid;
  return vl_need_secrets (c, NULL, what);
}

static int
locate_volume (struct vl_call *c, const struct vl_volume *volume, struct vl_source *source)
{
  const char *auth = vl_info (c, volume, "data.auth_enabled");

  source->type = "network";
  source->protocol = "rbd";
  source->name = vl_need_info (c, volume, "data.name");
  if (source->name == NULL)
    return -1;
  if (auth && strcmp (auth, "true") == 0
      && add_secret (c, source, vl_info (c, volume, "data.auth_username"),
                     vl_info (c, volume, "data.secret_uuid"),
                     "the volume takes a secret of libvirt's (auth_enabled)")
             < 0)
    return -1;
  return add_hosts (c, volume, source);
}

/* ---- servers' disks ---- */

/* The disk of a rescue is a file: it is gone soon, and may be needed because Ceph is not there.  What
 * is on record stays where it is, whatever the pool is now. */
static int
locate (struct vl_call *c, const struct vl_volume *volume, struct vl_source *source)
{
  const char *secret, *conf;

  if (volume->connection)
    return locate_volume (c, volume, source);
  if (strcmp (volume->role, "rescue") == 0)
    return local_locate (c, volume, source, volume->was ? volume->was : "raw");
  if (check_name (c, "pool", "a pool") < 0 || check_name (c, "user", "a user of Ceph's") < 0)
    return -1;
  conf = vl_str (c, "conf");
  if (conf && *conf != '/')
    return vl_refuse_as (c, VL_ERR_UNSUPPORTED, "InvalidConfiguration", "conf", NULL,
                         "'%s' is no absolute path; accepted: one, as " RBD_CONF, conf);
  secret = vl_str (c, "secret");
  if (secret && check_secret (c, secret) < 0)
    return -1;
  source->type = "network";
  source->protocol = "rbd";
  source->format = "raw";
  source->conf = conf;
  source->name = local_place (
      c, volume, vl_printf (c, "%s/%s_%s", vl_str (c, "pool"), volume->server, volume->name));
  source->store = vl_printf (c, "rbd-%.*s", (int)strcspn (source->name, "/"), source->name);
  if (secret)
    return add_secret (c, source, rbd_user (c), secret,
                       "servers' disks take a secret of libvirt's (rbd_secret_uuid)");
  return vl_has (c, "user")
             ? vl_refuse_as (c, VL_ERR_UNSUPPORTED, "InvalidConfiguration", "user",
                             "set rbd_secret_uuid, too: virsh secret-list shows which there are",
                             "rbd_user takes the secret with its key, which QEMU logs in with")
             : 0;
}

static const struct vl_storage_calls calls = { .size = sizeof calls,
                                               .image_types = types,
                                               .volume_types = types,
                                               .locate = locate,
                                               .make = rbd_make,
                                               .resize = rbd_resize,
                                               .remove = rbd_remove,
                                               .snapshot = rbd_snapshot,
                                               .capacity = rbd_capacity,
                                               .image_schemes = types,
                                               .image_look = rbd_image_look,
                                               .image_clones = rbd_image_clones,
                                               .image_fetch = rbd_image_fetch,
                                               .checkpoint = rbd_checkpoint,
                                               .rollback = rbd_rollback,
                                               .commit = rbd_commit };

VL_FEATURE (rbd, "rbd", .version = VL_VERSION, .summary = "disks and volumes in a Ceph cluster",
            .props = VL_TABLE (props), .reads = VL_TABLE (reads), .tools = VL_TABLE (tools),
            .storage = &calls);
