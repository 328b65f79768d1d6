/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Reading a volume's connection_info, as Cinder's drivers give it.  What its members
 * mean is for the plugin that answers for such volumes. */

#include <config.h>

#include "request/disks.h"

#include <jansson.h>

static int
refuse (struct vl_call *call, const struct vl_volume *volume, const char *what)
{
  struct vl_report report = {
    .severity = VL_SEV_ERROR,
    .err = VL_ERR_REQUEST,
    .code = "InvalidBDM",
    .path = volume->where,
    .hint = "give {\"driver_volume_type\": \"iscsi\", \"data\": {\"device_path\": \"/dev/...\"}}"
  };

  return vl_report (call, &report, "%s: connection_info %s", volume->where, what);
}

/* The member or item of VALUE that the first LENGTH bytes of PATH name. */
static const json_t *
step (const json_t *value, const char *path, size_t length)
{
  VL_AUTOFREE char *name = vl_xstrndup (path, length);

  return json_is_array (value) ? json_array_get (value, strtoul (name, NULL, 10))
                               : json_object_get (value, name);
}

const char *
vl_info (struct vl_call *call, const struct vl_volume *volume, const char *path)
{
  json_t *root =
      volume->connection ? json_loads (volume->connection, JSON_REJECT_DUPLICATES, NULL) : NULL;
  const json_t *value = root;
  const char *text = NULL;

  if (path == NULL)
    vl_fault (call, "vl_info is called with NULL where a path is needed");
  for (const char *at = path; at && value; at += strcspn (at, ".") + 1) {
    value = step (value, at, strcspn (at, "."));
    if (strchr (at, '.') == NULL)
      break;
  }
  if (json_is_string (value))
    text = vl_arena_strdup (call->arena, json_string_value (value));
  else if (json_is_integer (value))
    text = vl_arena_printf (call->arena, "%" JSON_INTEGER_FORMAT, json_integer_value (value));
  else if (json_is_boolean (value))
    text = json_is_true (value) ? "true" : "false";
  json_decref (root);
  return text;
}

const char *
vl_need_info (struct vl_call *call, const struct vl_volume *volume, const char *path)
{
  const char *text = vl_info (call, volume, path);

  if (text == NULL && path)
    refuse (call, volume, vl_printf (call, "has no %s", path));
  return text;
}

int
vl_connection_check (struct vl_call *call, const struct vl_volume *volume)
{
  json_t *root = json_loads (volume->connection, JSON_REJECT_DUPLICATES, NULL);
  int result = 0;

  if (! json_is_object (root))
    result = refuse (call, volume, "is not a JSON object");
  else if (! json_is_object (json_object_get (root, "data"))
           || vl_info (call, volume, "driver_volume_type") == NULL)
    result = refuse (call, volume, "has no driver_volume_type or no data");
  json_decref (root);
  return result;
}
