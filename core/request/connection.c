/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Reading connection_info.  Only what ends up in the guest is looked at; the
 * rest is between Cinder and the host's connectors. */

#include <config.h>

#include "request/connection.h"

#include <jansson.h>

/* Kinds of volume by what the guest opens. */
static const struct {
  const char *driver, *type;
} kinds[] = {
  { "fibre_channel", "block" }, { "file", "file" }, { "iscsi", "block" },  { "iser", "block" },
  { "local", "block" },         { "nfs", "file" },  { "nvmeof", "block" }, { "rbd", "network" },
};

static const struct vl_connection *
invalid (struct vl_call *call, const char *path, const char *what)
{
  struct vl_report report = {
    .severity = VL_SEV_ERROR, .err = VL_ERR_REQUEST, .code = "InvalidBDM", .path = path
  };

  vl_report (call, &report, "%s: connection_info %s", path, what);
  vl_hint (call,
           "give {\"driver_volume_type\": \"iscsi\", \"data\": {\"device_path\": \"/dev/...\"}}");
  return NULL;
}

static const char *
member (struct vl_call *call, const json_t *object, const char *name)
{
  const json_t *value = json_object_get (object, name);

  if (json_is_integer (value))
    return vl_arena_printf (call->arena, "%" JSON_INTEGER_FORMAT, json_integer_value (value));
  return json_is_string (value) ? vl_arena_strdup (call->arena, json_string_value (value)) : NULL;
}

static int
compare_limits (const void *a, const void *b)
{
  return strcmp (((const struct vl_property *)a)->key, ((const struct vl_property *)b)->key);
}

static void
read_limits (struct vl_call *call, json_t *specs, struct vl_connection *connection)
{
  struct vl_property *limits =
      vl_arena_alloc (call->arena, json_object_size (specs) * sizeof *limits);
  const char *key;
  json_t *value;

  json_object_foreach (specs, key, value)
  {
    limits[connection->n_limits].key = vl_arena_strdup (call->arena, key);
    limits[connection->n_limits].value = member (call, specs, key);
    connection->n_limits += limits[connection->n_limits].value != NULL;
  }
  if (connection->n_limits)
    qsort (limits, connection->n_limits, sizeof *limits, compare_limits);
  connection->limits = limits;
}

static void
read_hosts (struct vl_call *call, json_t *data, struct vl_connection *connection)
{
  json_t *hosts = json_object_get (data, "hosts"), *ports = json_object_get (data, "ports");
  size_t n = json_array_size (hosts);

  connection->protocol = connection->driver_type;
  connection->hosts = vl_arena_alloc (call->arena, (n + 1) * sizeof *connection->hosts);
  connection->ports = vl_arena_alloc (call->arena, (n + 1) * sizeof *connection->ports);
  for (size_t i = 0; i < n; i++) {
    const char *host = json_string_value (json_array_get (hosts, i));
    const json_t *port = json_array_get (ports, i);

    if (host == NULL)
      continue;
    connection->hosts[connection->n_hosts] = vl_arena_strdup (call->arena, host);
    connection->ports[connection->n_hosts++] =
        json_is_integer (port)
            ? vl_arena_printf (call->arena, "%" JSON_INTEGER_FORMAT, json_integer_value (port))
            : vl_arena_strdup (call->arena, json_string_value (port));
  }
  if (json_is_true (json_object_get (data, "auth_enabled"))) {
    connection->auth_user = member (call, data, "auth_username");
    connection->secret = member (call, data, "secret_uuid");
  }
}

static const struct vl_connection *
read_object (struct vl_call *call, json_t *root, const char *path)
{
  struct vl_connection *connection = vl_arena_alloc (call->arena, sizeof *connection);
  json_t *data = json_object_get (root, "data");
  const char *mode;

  connection->driver_type = member (call, root, "driver_volume_type");
  if (connection->driver_type == NULL || ! json_is_object (data))
    return invalid (call, path, "has no driver_volume_type or no data");
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
    if (VL_STREQ (kinds[i].driver, connection->driver_type))
      connection->type = kinds[i].type;
  if (connection->type == NULL) {
    vl_error (
        call, VL_ERR_UNSUPPORTED, "VolumeDriverNotFound", NULL,
        "%s: volumes of type '%s' cannot be attached; accepted: fibre_channel file iscsi iser "
        "local nfs nvmeof rbd",
        path, connection->driver_type);
    return NULL;
  }
  connection->source =
      member (call, data, VL_STREQ (connection->type, "network") ? "name" : "device_path");
  if (connection->source == NULL)
    return invalid (call, path,
                    VL_STREQ (connection->type, "network") ? "has no data.name"
                                                           : "has no data.device_path");
  if (VL_STREQ (connection->type, "network"))
    read_hosts (call, data, connection);
  connection->format = member (call, data, "format");
  if (connection->format == NULL)
    connection->format = "raw";
  connection->serial = member (call, root, "serial");
  mode = member (call, data, "access_mode");
  connection->readonly = mode && VL_STREQ (mode, "ro");
  connection->shareable = json_is_true (json_object_get (root, "multiattach"));
  if (json_is_object (json_object_get (data, "qos_specs")))
    read_limits (call, json_object_get (data, "qos_specs"), connection);
  return connection;
}

const struct vl_connection *
vl_connection_read (struct vl_call *call, const char *text, const char *path)
{
  json_t *root = json_loads (text, JSON_REJECT_DUPLICATES, NULL);
  const struct vl_connection *connection = json_is_object (root)
                                               ? read_object (call, root, path)
                                               : invalid (call, path, "is not a JSON object");

  json_decref (root);
  return connection;
}
