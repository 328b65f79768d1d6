/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * virtloom flavor: sizes and extra specs under a name. */

#include <config.h>

#include "tool.h"

#include <stdlib.h>

static const struct column columns[] = {
  { "name", "Name" },
  { "vcpus", "VCPUs" },
  { "ram_mib", "RAM (MiB)" },
  { "disk_gib", "Disk (GiB)" },
  { "ephemeral_gib", "Ephemeral (GiB)" },
  { "swap_mib", "Swap (MiB)" },
  { "properties", "Properties" },
  { NULL, NULL },
};

static json_t *
flavor_json (const struct vl_flavor_info *flavor)
{
  json_t *object = json_object ();

  json_put (object, "name", flavor->name);
  json_put_int (object, "vcpus", flavor->vcpus);
  json_put_int (object, "ram_mib", flavor->ram);
  json_put_int (object, "disk_gib", flavor->disk);
  json_put_int (object, "ephemeral_gib", flavor->ephemeral);
  json_put_int (object, "swap_mib", flavor->swap);
  json_object_set_new (object, "properties",
                       json_properties (flavor->properties, flavor->n_properties));
  return object;
}

static int
show_flavor (struct tool *tool, const char *name)
{
  const struct vl_flavor_info *flavor = vl_flavor_find (tool->app, name);

  if (flavor == NULL)
    return -1;
  tool_show (tool, flavor_json (flavor), columns);
  return 0;
}

static int
flavor_create (struct tool *tool)
{
  struct vl_flavor_info flavor = { .name = tool->args->words[0] };
  struct vl_property *properties;
  int bad = args_number (tool, "vcpus", 1, &flavor.vcpus);

  bad |= args_number (tool, "ram", 256, &flavor.ram);
  bad |= args_number (tool, "disk", 0, &flavor.disk);
  bad |= args_number (tool, "ephemeral", 0, &flavor.ephemeral);
  bad |= args_number (tool, "swap", 0, &flavor.swap);
  bad |= args_properties (tool, "property", &properties, &flavor.n_properties);
  flavor.properties = properties;
  if (! bad)
    bad = vl_flavor_create (tool->app, &flavor);
  free (properties);
  return bad ? -1 : show_flavor (tool, flavor.name);
}

static int
flavor_set (struct tool *tool)
{
  struct vl_property *properties;
  size_t n;
  int bad = args_properties (tool, "property", &properties, &n);

  if (! bad && n == 0)
    bad =
        vl_refuse (tool->call, VL_ERR_USAGE, NULL, NULL, "'flavor set' needs --property KEY=VALUE");
  if (! bad)
    bad = vl_flavor_change (tool->app, tool->args->words[0], properties, n, NULL);
  free (properties);
  return bad ? -1 : show_flavor (tool, tool->args->words[0]);
}

static int
flavor_unset (struct tool *tool)
{
  const char *const *keys = args_list (tool->args, "property");

  if (*keys == NULL)
    return vl_refuse (tool->call, VL_ERR_USAGE, NULL, NULL, "'flavor unset' needs --property KEY");
  if (vl_flavor_change (tool->app, tool->args->words[0], NULL, 0, keys) < 0)
    return -1;
  return show_flavor (tool, tool->args->words[0]);
}

static int
add_flavor (void *opaque, const struct vl_flavor_info *flavor)
{
  return json_array_append_new (opaque, flavor_json (flavor));
}

static int
flavor_list (struct tool *tool)
{
  json_t *list = json_array ();

  if (vl_flavor_each (tool->app, add_flavor, list) < 0) {
    json_decref (list);
    return -1;
  }
  tool_list (tool, "flavors", list, columns);
  return 0;
}

static int
flavor_show (struct tool *tool)
{
  return show_flavor (tool, tool->args->words[0]);
}

static int
flavor_delete (struct tool *tool)
{
  int bad = 0;

  for (size_t i = 0; i < tool->args->n_words; i++)
    bad |= vl_flavor_delete (tool->app, tool->args->words[i]);
  return bad ? -1 : 0;
}

static const struct verb verbs[] = {
  { "create", "FLAVOR", 1, 1, "vcpus ram disk ephemeral swap property", "table json",
    "makes a flavor",
    "virtloom flavor create m1.small --vcpus 1 --ram 512 --disk 1 --property "
    "hw:watchdog_action=reset",
    0, flavor_create },
  { "set", "FLAVOR", 1, 1, "property", "table json", "sets extra specs",
    "virtloom flavor set m1.small --property hw:watchdog_action=pause", 0, flavor_set },
  { "unset", "FLAVOR", 1, 1, "property", "table json",
    "takes extra specs away; --property is the key alone",
    "virtloom flavor unset m1.small --property hw:watchdog_action", VERB_WATCHED, flavor_unset },
  { "list", NULL, 0, 0, TABLE_OPTIONS, TABLE_FORMATS, "lists all flavors",
    "virtloom flavor list -o json", VERB_READ, flavor_list },
  { "show", "FLAVOR", 1, 1, TABLE_OPTIONS, TABLE_FORMATS, "shows a flavor",
    "virtloom flavor show m1.small", VERB_READ, flavor_show },
  { "delete", "FLAVOR...", 1, -1, NULL, "table json",
    "forgets flavors; servers keep their own copy", "virtloom flavor delete m1.small", VERB_READ,
    flavor_delete },
  { .run = NULL },
};

const struct noun flavor_noun = { "flavor", "sizes and extra specs under a name", verbs };
