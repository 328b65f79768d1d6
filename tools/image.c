/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * virtloom image: what guests boot from, inspected and copied into STATE. */

#include <config.h>

#include "tool.h"

#include <stdlib.h>
#include <string.h>

static const struct column list_columns[] = {
  { "name", "Name" },     { "uuid", "UUID" },     { "disk_format", "Format" },
  { "status", "Status" }, { "size", "Size (B)" }, { "virtual_size", "Virtual size (B)" },
  { NULL, NULL },
};

static const struct column columns[] = {
  { "name", "Name" },
  { "uuid", "UUID" },
  { "disk_format", "Format" },
  { "status", "Status" },
  { "size", "Size (B)" },
  { "virtual_size", "Virtual size (B)" },
  { "min_ram_mib", "Min RAM (MiB)" },
  { "min_disk_gib", "Min disk (GiB)" },
  { "file", "File" },
  { "checksum", "Checksum" },
  { "properties", "Properties" },
  { NULL, NULL },
};

static json_t *
image_json (const struct vl_image_info *image)
{
  json_t *object = json_object ();

  json_put (object, "name", image->name);
  json_put (object, "uuid", image->uuid);
  json_put (object, "disk_format", image->disk_format);
  json_put (object, "status", image->status);
  json_put_int (object, "size", image->size);
  json_put_int (object, "virtual_size", image->virtual_size);
  json_put_int (object, "min_ram_mib", image->min_ram);
  json_put_int (object, "min_disk_gib", image->min_disk);
  json_put (object, "file", image->file);
  json_put (object, "checksum", image->checksum);
  json_object_set_new (object, "properties",
                       json_properties (image->properties, image->n_properties));
  return object;
}

static int
show_image (struct tool *tool, const char *name)
{
  const struct vl_image_info *image = vl_image_find (tool->app, name);

  if (image == NULL)
    return -1;
  tool_show (tool, image_json (image), columns);
  return 0;
}

static int
image_create (struct tool *tool)
{
  struct vl_image_info image = { .name = tool->args->words[0] };
  const char *file = args_value (tool->args, "file");
  struct vl_property *properties;
  int bad = args_number (tool, "min-ram", 0, &image.min_ram);

  bad |= args_number (tool, "min-disk", 0, &image.min_disk);
  bad |= args_properties (tool, "property", &properties, &image.n_properties);
  image.properties = properties;
  image.disk_format = args_value (tool->args, "disk-format");
  if (file == NULL || image.disk_format == NULL)
    bad = vl_refuse (tool->call, VL_ERR_USAGE, NULL,
                     file ? "the format is never guessed from what is in the file" : NULL,
                     "'image create' needs --%s", file ? "disk-format FORMAT" : "file FILE");
  if (! bad)
    bad = vl_image_create (tool->app, file, &image);
  free (properties);
  return bad ? -1 : show_image (tool, image.name);
}

static int
image_set (struct tool *tool)
{
  struct vl_property *properties;
  size_t n;
  int bad = args_properties (tool, "property", &properties, &n);

  if (! bad && n == 0)
    bad =
        vl_refuse (tool->call, VL_ERR_USAGE, NULL, NULL, "'image set' needs --property KEY=VALUE");
  if (! bad)
    bad = vl_image_change (tool->app, tool->args->words[0], properties, n, NULL);
  free (properties);
  return bad ? -1 : show_image (tool, tool->args->words[0]);
}

static int
image_unset (struct tool *tool)
{
  const char *const *keys = args_list (tool->args, "property");

  if (*keys == NULL)
    return vl_refuse (tool->call, VL_ERR_USAGE, NULL, NULL, "'image unset' needs --property KEY");
  if (vl_image_change (tool->app, tool->args->words[0], NULL, 0, keys) < 0)
    return -1;
  return show_image (tool, tool->args->words[0]);
}

static int
add_image (void *opaque, const struct vl_image_info *image)
{
  return json_array_append_new (opaque, image_json (image));
}

static int
image_list (struct tool *tool)
{
  json_t *list = json_array ();
  int result = vl_image_each (tool->app, add_image, list);

  if (result < 0 && json_array_size (list) == 0)
    json_decref (list);
  else
    tool_list (tool, "images", list, list_columns);
  return result;
}

static int
image_show (struct tool *tool)
{
  return show_image (tool, tool->args->words[0]);
}

static int
image_delete (struct tool *tool)
{
  int bad = 0;

  for (size_t i = 0; i < tool->args->n_words; i++)
    bad |= vl_image_delete (tool->app, tool->args->words[i]);
  return bad ? -1 : 0;
}

static const struct verb verbs[] = {
  { "create", "IMAGE", 1, 1, "file disk-format min-ram min-disk property", "table json",
    "inspects a file and copies it into STATE",
    "virtloom image create debian --file debian.qcow2 --disk-format qcow2", 0, image_create },
  { "set", "IMAGE", 1, 1, "property", "table json", "sets properties",
    "virtloom image set debian --property hw_rng_model=virtio", 0, image_set },
  { "unset", "IMAGE", 1, 1, "property", "table json",
    "takes properties away; --property is the key alone",
    "virtloom image unset debian --property hw_rng_model", VERB_WATCHED, image_unset },
  { "list", NULL, 0, 0, TABLE_OPTIONS, TABLE_FORMATS, "lists all images", "virtloom image list",
    VERB_READ, image_list },
  { "show", "IMAGE", 1, 1, TABLE_OPTIONS, TABLE_FORMATS, "shows an image",
    "virtloom image show debian", VERB_READ, image_show },
  { "delete", "IMAGE...", 1, -1, NULL, "table json", "deletes images that no server uses",
    "virtloom image delete debian", VERB_READ, image_delete },
  { .run = NULL },
};

const struct noun image_noun = { "image", "what guests boot from", verbs };
