/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * virtloom image: what guests boot from, inspected and copied into STATE. */

#include <config.h>

#include "server.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
  { "url", "URL" },
  { "url_checksum", "Checksum there" },
  { "used", "Last used" },
  { "properties", "Properties" },
  { "servers", "Used by servers" },
  { "images", "Used by images" },
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
  json_put (object, "url", image->url);
  json_put (object, "url_checksum", image->url_checksum);
  json_put (object, "used", image->used);
  json_object_set_new (object, "properties",
                       json_properties (image->properties, image->n_properties));
  return object;
}

int
image_show_one (struct tool *tool, const char *name)
{
  const struct vl_image_info *image = vl_image_find (tool->app, name);
  const char *const *servers, *const *images;
  json_t *object;

  if (image == NULL || vl_image_users (tool->app, name, &servers, &images) < 0)
    return -1;
  object = image_json (image);
  json_object_set_new (object, "servers", json_texts (servers));
  json_object_set_new (object, "images", json_texts (images));
  tool_show (tool, object, columns);
  return 0;
}

static int
image_create (struct tool *tool)
{
  struct vl_image_info image = { .name = tool->args->words[0] };
  const char *rbd = args_value (tool->args, "rbd");
  const char *url = rbd ? vl_printf (tool->call, "rbd:%s", rbd) : args_value (tool->args, "url");
  const struct vl_image_source source = { .file = args_value (tool->args, "file"),
                                          .url = url,
                                          .checksum = args_value (tool->args, "checksum") };
  struct vl_property *properties;
  int bad = args_number (tool, "min-ram", 0, &image.min_ram);

  bad |= args_number (tool, "min-disk", 0, &image.min_disk);
  bad |= args_properties (tool, "property", &properties, &image.n_properties);
  image.properties = properties;
  image.disk_format = args_value (tool->args, "disk-format");
  /* What lies in Ceph can be nothing else. */
  if (rbd && image.disk_format == NULL)
    image.disk_format = "raw";
  if ((source.file != NULL) + (args_value (tool->args, "url") != NULL) + (rbd != NULL) > 1)
    bad = vl_refuse (tool->call, VL_ERR_USAGE, NULL, NULL,
                     "'image create' takes one of --file FILE, --url URL and --rbd "
                     "POOL/IMAGE@SNAPSHOT");
  else if ((source.file == NULL && source.url == NULL) || image.disk_format == NULL)
    bad = vl_refuse (tool->call, VL_ERR_USAGE, NULL,
                     image.disk_format ? NULL
                                       : "the format is never guessed from what is in the file",
                     "'image create' needs --%s",
                     source.file || source.url ? "disk-format FORMAT" : "file FILE, or --url URL");
  if (! bad)
    bad = vl_image_create_from (tool->app, &source, &image);
  free (properties);
  return bad ? -1 : image_show_one (tool, image.name);
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
  return bad ? -1 : image_show_one (tool, tool->args->words[0]);
}

static int
image_unset (struct tool *tool)
{
  const char *const *keys = args_list (tool->args, "property");

  if (*keys == NULL)
    return vl_refuse (tool->call, VL_ERR_USAGE, NULL, NULL, "'image unset' needs --property KEY");
  if (vl_image_change (tool->app, tool->args->words[0], NULL, 0, keys) < 0)
    return -1;
  return image_show_one (tool, tool->args->words[0]);
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
  return image_show_one (tool, tool->args->words[0]);
}

static int
image_delete (struct tool *tool)
{
  int bad = 0;

  for (size_t i = 0; i < tool->args->n_words; i++)
    bad |= vl_image_delete (tool->app, tool->args->words[i]);
  return bad ? -1 : 0;
}

static int
image_save (struct tool *tool)
{
  const char *name = tool->args->words[0], *file = args_value (tool->args, "file");

  if (file == NULL)
    return vl_refuse (tool->call, VL_ERR_USAGE, NULL, NULL,
                      "'image save' needs --file FILE, or --file - for stdout");
  if (strcmp (file, "-") != 0) {
    if (vl_image_save (tool->app, name, file, -1) < 0)
      return -1;
    tool_done (tool, "image \"%s\" is in \"%s\"", name, file);
    return 0;
  }
  if (tool->json || isatty (STDOUT_FILENO))
    return vl_refuse (tool->call, VL_ERR_USAGE, NULL, "give a file: --file FILE",
                      "the bytes of an image go neither to a terminal nor into JSON");
  tool->printed = 1;
  return vl_image_save (tool->app, name, NULL, STDOUT_FILENO);
}

/* ---- the cache ---- */

static const struct column cache_columns[] = {
  { "name", "Name" },       { "status", "Status" },  { "size", "Size here (B)" },
  { "servers", "Servers" }, { "used", "Last used" }, { "what", "What" },
  { "why", "Why" },         { NULL, NULL },
};

static int
add_entry (void *opaque, const struct vl_cache_entry *entry)
{
  json_t *object = json_object ();

  json_put (object, "name", entry->name);
  json_put (object, "uuid", entry->uuid);
  json_put (object, "status", entry->status);
  json_put_int (object, "size", entry->size);
  json_put_int (object, "servers", entry->servers);
  json_put (object, "used", entry->used);
  json_put (object, "what", entry->what);
  json_put (object, "why", entry->why);
  return json_array_append_new (opaque, object);
}

static int
manage_cache (struct tool *tool, int dry_run)
{
  json_t *list = json_array ();
  int result = vl_image_cache_manage (tool->app, dry_run, add_entry, list);

  tool_list (tool, "images", list, cache_columns);
  return result;
}

static int
cache_show (struct tool *tool)
{
  return manage_cache (tool, 1);
}

static int
cache_manage (struct tool *tool)
{
  return manage_cache (tool, 0);
}

static int
cache_fetch (struct tool *tool)
{
  int bad = 0;

  for (size_t i = 0; i < tool->args->n_words; i++) {
    int result = vl_image_cache (tool->app, tool->args->words[i]);

    bad |= result < 0;
    if (result >= 0)
      tool_done (tool, result ? "image \"%s\" was fetched" : "image \"%s\" is here",
                 tool->args->words[i]);
  }
  return bad ? -1 : 0;
}

static const struct verb verbs[] = {
  { "create", "IMAGE", 1, 1, "file url rbd checksum disk-format min-ram min-disk property",
    "table json", "inspects a file, or what it downloads, and copies it into STATE",
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
  { "save", "IMAGE", 1, 1, "file", "table json", "writes an image to a new file",
    "virtloom image save debian --file copy.qcow2", VERB_READ, image_save },
  { "cache show", NULL, 0, 0, TABLE_OPTIONS, TABLE_FORMATS,
    "lists what images are here, and why they stay", "virtloom image cache show", VERB_READ,
    cache_show },
  { "cache manage", NULL, 0, 0, TABLE_OPTIONS, TABLE_FORMATS,
    "removes images that no server uses and that can be fetched again",
    "virtloom image cache manage", VERB_READ, cache_manage },
  { "cache fetch", "IMAGE...", 1, -1, NULL, "table json",
    "fetches images that servers are going to need", "virtloom image cache fetch debian", VERB_READ,
    cache_fetch },
  { "delete", "IMAGE...", 1, -1, NULL, "table json", "deletes images that no server uses",
    "virtloom image delete debian", VERB_READ, image_delete },
  { .run = NULL },
};

const struct noun image_noun = { "image", "what guests boot from", verbs };
