/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The requests of `plugin check`: one that asks for nothing, with one value of one row in
 * one layer, with all rows at once. */

#include <config.h>

#include "plugin-check.h"

#include <stdlib.h>
#include <string.h>

json_t *
plain_request (struct checking *c)
{
  if (c->request)
    return json_deep_copy (c->request);
  return json_pack ("{s:s, s:{s:s, s:i, s:i, s:i}, s:{s:s, s:s}}", "name", "check", "flavor",
                    "name", "check", "vcpus", 1, "ram", 512, "disk", 1, "image", "name", "check",
                    "disk_format", "qcow2");
}

void
make_rich (json_t *request)
{
  json_t *more =
      json_pack ("{s:[{s:s}, {s:s}], s:[{s:s, s:s, s:i}, {s:s, s:s, s:i, s:i}, {s:s, s:s, s:s, "
                 "s:i, s:i}], s:b, "
                 "s:{s:s}}",
                 "networks", "type", "user", "type", "user", "block_devices", "source_type",
                 "image", "destination_type", "local", "boot_index", 0, "source_type", "blank",
                 "destination_type", "local", "boot_index", -1, "volume_size", 1, "source_type",
                 "blank", "destination_type", "local", "guest_format", "swap", "boot_index", -1,
                 "volume_size", 1, "config_drive", 1, "metadata", "key", "value");
  json_t *flavor = json_object_get (request, "flavor");

  json_object_update (request, more);
  json_object_set_new (flavor, "vcpus", json_integer (4));
  json_object_set_new (flavor, "ram", json_integer (2048));
  json_object_set_new (flavor, "ephemeral", json_integer (1));
  json_object_set_new (flavor, "swap", json_integer (1024));
  json_decref (more);
}

static json_t *
object_at (json_t *parent, const char *name)
{
  json_t *child = json_object_get (parent, name);

  if (child == NULL)
    json_object_set_new (parent, name, child = json_object ());
  return child;
}

json_t *
require_trait (const json_t *request, const char *trait)
{
  json_t *copy = json_deep_copy (request);
  size_t n = strcspn (trait, "*");
  char *key = vl_xasprintf ("trait:%.*s%s", (int)n, trait, trait[n] ? "ANY" : "");

  json_object_set_new (object_at (object_at (copy, "flavor"), "extra_specs"), key,
                       json_string ("required"));
  json_object_set_new (object_at (object_at (copy, "image"), "properties"), key,
                       json_string ("required"));
  free (key);
  return copy;
}

/* The properties of a device that ROW is about, made in REQUEST. */
static json_t *
device_at (json_t *request, const struct vl_prop *row)
{
  json_t *nics = json_object_get (request, "networks"), *disks;

  if (strcmp (row->of, "nic") == 0) {
    if (nics == NULL)
      json_object_set_new (request, "networks", nics = json_pack ("[{s:s}]", "type", "user"));
    return object_at (json_array_get (nics, 0), "properties");
  }
  disks = json_object_get (request, "block_devices");
  if (disks == NULL)
    json_object_set_new (request, "block_devices",
                         disks = json_pack ("[{s:s, s:s, s:i}]", "source_type", "image",
                                            "destination_type", "local", "boot_index", 0));
  return object_at (json_array_get (disks, 0), "properties");
}

/* KEY with ".N" as ".NUMBER". */
static void
put (json_t *object, const char *key, int number, const char *value)
{
  size_t n = strlen (key);
  char *name = n > 2 && strcmp (key + n - 2, ".N") == 0
                   ? vl_xasprintf ("%.*s.%d", (int)n - 2, key, number)
                   : vl_xasprintf ("%s", key);

  json_object_set_new (object, name, json_string (value));
  free (name);
}

int
ask_for (json_t *request, const struct vl_prop *row, enum layer layer, int number,
         const char *value)
{
  int flavor = layer == FLAVOR || layer == BOTH;
  json_t *device;

  if ((flavor && row->flavor_key == NULL) || (layer != FLAVOR && row->image_key == NULL)
      || (layer == DEVICE && row->of == NULL))
    return 0;
  if (flavor)
    put (object_at (object_at (request, "flavor"), "extra_specs"), row->flavor_key, number, value);
  if (layer == IMAGE || layer == BOTH)
    put (object_at (object_at (request, "image"), "properties"), row->image_key, number, value);
  if (layer == SERVER)
    put (object_at (request, "properties"), row->image_key, number, value);
  if (layer == DEVICE) {
    device = device_at (request, row);
    if (device == NULL)
      return 0;
    put (device, row->image_key, number, value);
  }
  return 1;
}

/* Does REQUEST make a plan in which the module is active?  1, 0, or -1 where it does what no
 * plugin may. */
static int
makes_active (struct checking *c, struct vl_app *app, const json_t *request)
{
  struct vl_plan *plan;
  int made = make_plan (app, request, &plan) == 0 && is_active (plan, c->name);

  vl_plan_free (plan);
  return tap_faulty (app) ? -1 : made;
}

/* Adds ROW to *FULL, with the first of its values from the one with number TURN on that goes
 * together with what is there.  The answer is that of makes_active. */
static int
add_row (struct checking *c, struct vl_app *app, const struct vl_prop *row, size_t turn,
         json_t **full)
{
  struct values values;
  int answer = 0;

  values_of (row, &values);
  for (size_t v = 0; v < values.n && answer == 0; v++)
    for (int layer = FLAVOR; layer <= IMAGE && answer == 0; layer++) {
      const struct value *value = &values.list[(turn + v) % values.n];
      json_t *longer = json_deep_copy (*full);

      if (value->bad != 1 && ask_for (longer, row, (enum layer)layer, 0, value->text))
        answer = makes_active (c, app, longer);
      if (answer > 0) {
        json_decref (*full);
        *full = json_incref (longer);
      }
      json_decref (longer);
    }
  return answer;
}

json_t *
full_request (struct checking *c, struct vl_app *app, size_t turn, int *faulty)
{
  const struct vl_plugin_info *info = vl_plugins_find (app, c->name);
  json_t *full = plain_request (c);

  for (size_t i = 0; info && i < info->n_props; i++)
    if (add_row (c, app, &info->props[i], turn, &full) < 0 && faulty && (*faulty)++ == 0)
      tap_findings (c->tap, app);
  return full;
}
