/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * From a stored flavor, a stored image and what the user gave, the request as
 * its JSON: from there on a server is made the way a request file is planned. */

#include <config.h>

#include "server/record.h"

#include "lib/file.h"
#include "lib/text.h"
#include "request/request.h"
#include "server/options.h"

#include <virtloom/ascii.h>

#include <errno.h>
#include <jansson.h>

/* As in a request file. */
#define USER_DATA_LIMIT ((size_t)65535)

static json_t *
flavor_json (const struct vl_flavor_info *flavor)
{
  json_t *specs = json_object ();

  for (size_t i = 0; i < flavor->n_properties; i++)
    vl_put_text (specs, flavor->properties[i].key, flavor->properties[i].value);
  return json_pack ("{s:s, s:I, s:I, s:I, s:I, s:I, s:o}", "name", flavor->name, "vcpus",
                    (json_int_t)flavor->vcpus, "ram", (json_int_t)flavor->ram, "disk",
                    (json_int_t)flavor->disk, "ephemeral", (json_int_t)flavor->ephemeral, "swap",
                    (json_int_t)flavor->swap, "extra_specs", specs);
}

/* kernel_id and ramdisk_id are Glance's: the names or uuids of other images.
 * The path of that image's copy, as MEMBER of OBJECT. */
static int
put_companion (struct vl_app *app, json_t *object, const struct vl_image_info *image,
               const char *key, const char *member)
{
  for (size_t i = 0; i < image->n_properties; i++)
    if (VL_STREQ (image->properties[i].key, key)) {
      const struct vl_image_info *other = vl_image_find (app, image->properties[i].value);

      if (other == NULL || vl_image_was_whole (app->call, other) < 0)
        return -1;
      vl_put_text (object, member, other->file);
    }
  return 0;
}

static json_t *
image_json (struct vl_app *app, const struct vl_image_info *image)
{
  /* One that was dropped from the cache is fetched before a server is made of it. */
  int comes = vl_image_comes (image);
  json_t *properties = json_object ();
  json_t *object =
      json_pack ("{s:s, s:s, s:s, s:I, s:I, s:I, s:o}", "name", image->name, "disk_format",
                 image->disk_format, "status", comes ? "active" : image->status, "size",
                 (json_int_t)image->size, "min_ram", (json_int_t)image->min_ram, "min_disk",
                 (json_int_t)image->min_disk, "properties", properties);

  for (size_t i = 0; i < image->n_properties; i++)
    if (! VL_STREQ (image->properties[i].key, "kernel_id")
        && ! VL_STREQ (image->properties[i].key, "ramdisk_id"))
      vl_put_text (properties, image->properties[i].key, image->properties[i].value);
  if (put_companion (app, object, image, "kernel_id", "kernel") < 0
      || put_companion (app, object, image, "ramdisk_id", "ramdisk") < 0) {
    json_decref (object);
    return NULL;
  }
  return object;
}

/* ---- options ---- */

static int
add_list (struct vl_app *app, json_t *request, const char *member, const char *option,
          const char *const *specs,
          int (*add) (struct vl_app *, json_t *, const char *, const char *))
{
  json_t *list;
  int bad = 0;

  if (specs == NULL || *specs == NULL)
    return 0;
  list = json_array ();
  json_object_set_new (request, member, list);
  for (; *specs; specs++)
    bad |= add (app, list, option, *specs);
  return bad;
}

/* Puts PAIRS, "K=V" each and called WORD in findings, into OBJECT. */
static int
read_pairs (struct vl_call *call, json_t *object, const char *word, const char *const *pairs)
{
  for (; *pairs; pairs++) {
    VL_AUTOFREE char *key = vl_xstrdup (*pairs);
    char *equals = strchr (key, '=');

    if (equals == NULL || equals == key)
      return vl_refuse (call, VL_ERR_USAGE, NULL, NULL, "%s \"%s\"; accepted: KEY=VALUE", word,
                        key);
    *equals = '\0';
    if (json_object_get (object, key))
      return vl_refuse (call, VL_ERR_USAGE, NULL, "give each key once",
                        "the %s key \"%s\" is given twice", word, key);
    if (json_object_set_new (object, key, json_string (equals + 1)) < 0)
      return vl_refuse (call, VL_ERR_USAGE, NULL, NULL, "a %s is not UTF-8", word);
  }
  return 0;
}

/* The same, above what member MEMBER of REQUEST has already. */
static int
add_pairs (struct vl_call *call, json_t *request, const char *member, const char *word,
           const char *const *pairs)
{
  json_t *object, *below = json_object_get (request, member);
  int result;

  if (pairs == NULL || *pairs == NULL)
    return 0;
  object = json_object ();
  result = read_pairs (call, object, word, pairs);
  if (below == NULL || json_is_null (below))
    json_object_set_new (request, member, object);
  else {
    /* What is no object is refused by the reader of requests. */
    json_object_update (below, object);
    json_decref (object);
  }
  return result;
}

static int
add_user_data (struct vl_call *call, json_t *request, const char *file)
{
  VL_AUTOFREE char *text = NULL;
  const char *why;
  size_t length;
  json_t *value;

  if (file == NULL)
    return 0;
  text = vl_file_read (file, USER_DATA_LIMIT, &length, &why);
  if (text == NULL)
    return vl_refuse (call, vl_read_err (errno), NULL, NULL, "user data \"%s\": %s", file, why);
  value = json_stringn (text, length);
  if (value == NULL || strlen (text) != length) {
    json_decref (value);
    return vl_refuse (call, VL_ERR_REQUEST, NULL, NULL,
                      "user data \"%s\" is not UTF-8 text without NUL bytes", file);
  }
  json_object_set_new (request, "user_data", value);
  return 0;
}

/* GIVEN, which is an object, becomes what STORED says; a member that says otherwise is refused. */
static int
agree (struct vl_app *app, json_t *given, json_t *stored, const char *name, const char *origin)
{
  const char *key;
  json_t *value, *mine;
  int bad = 0;

  json_object_foreach (stored, key, value)
  {
    mine = json_object_get (given, key);
    if (json_is_object (mine) && json_is_object (value))
      bad |= agree (app, mine, value, name, origin);
    else if (mine == NULL || json_is_null (mine)
             || (json_is_integer (mine) && ! json_integer_value (mine))) {
      json_object_set (given, key, value);
    } else if (! json_equal (mine, value)) {
      VL_AUTOFREE char *here = json_dumps (mine, JSON_ENCODE_ANY | JSON_COMPACT);
      VL_AUTOFREE char *there = json_dumps (value, JSON_ENCODE_ANY | JSON_COMPACT);

      bad = vl_refuse_as (app->call, VL_ERR_REQUEST, "ImageDiffers", NULL,
                          "leave it out of the request, or name the image that is meant",
                          "%s: image '%s' has '%s' %s in the request and %s in STATE", origin, name,
                          key, here, there);
    }
  }
  return bad;
}

/* The image that a request file describes is the one of that name in STATE: its bytes are used,
 * so they are taken for nothing else than what was inspected. */
static int
settle_image (struct vl_app *app, json_t *request, const char *origin)
{
  static const char *const companions[] = { "kernel", "ramdisk" };
  json_t *given = json_object_get (request, "image"), *stored;
  const char *name = json_string_value (json_object_get (given, "name"));
  const struct vl_image_info *image;
  int bad = 0;

  /* What has no name is refused by the reader of requests, or has no bytes. */
  if (name == NULL)
    return 0;
  image = vl_image_find (app, name);
  stored = image ? image_json (app, image) : NULL;
  if (stored == NULL)
    return -1;
  for (size_t i = 0; i < 2; i++)
    if (json_object_get (given, companions[i]) && json_object_get (stored, companions[i]) == NULL)
      bad = vl_refuse_as (app->call, VL_ERR_REQUEST, "ImageDiffers", NULL,
                          vl_printf (app->call, "virtloom image set --property %s_id=IMAGE %s",
                                     companions[i], vl_name_word (app->call->arena, name)),
                          "%s: image '%s' has a %s in the request and none in STATE", origin, name,
                          companions[i]);
  bad |= agree (app, given, stored, name, origin);
  json_decref (stored);
  return bad;
}

static int
fill (struct vl_app *app, const struct vl_create_options *options, json_t *request)
{
  const struct vl_flavor_info *flavor = NULL;
  const struct vl_image_info *image = NULL;
  json_t *object;
  int bad = 0;

  if (options->flavor == NULL && options->request == NULL)
    bad = vl_refuse (app->call, VL_ERR_USAGE, NULL, NULL, "a flavor is needed: --flavor NAME");
  if (options->flavor && (flavor = vl_flavor_find (app, options->flavor)) == NULL)
    bad = -1;
  if (flavor)
    json_object_set_new (request, "flavor", flavor_json (flavor));
  if (options->image && (image = vl_image_find (app, options->image)) == NULL)
    bad = -1;
  if (image) {
    object = image_json (app, image);
    bad |= object ? json_object_set_new (request, "image", object) : -1;
  } else if (options->image == NULL)
    bad |= settle_image (app, request, options->origin);
  bad |= add_list (app, request, "networks", "--network", options->networks, vl_option_network);
  bad |= add_list (app, request, "block_devices", "--volume", options->volumes, vl_option_volume);
  bad |= add_pairs (app->call, request, "properties", "property", options->properties);
  bad |= add_pairs (app->call, request, "metadata", "metadata", options->metadata);
  bad |= add_pairs (app->call, request, "public_keys", "public key", options->public_keys);
  bad |= add_user_data (app->call, request, options->user_data);
  vl_put_text (request, "hostname", options->hostname);
  bad |= vl_guest_files_check (app->call, options->files, options->n_files);
  if (options->config_drive || options->password || options->n_files
      || vl_config_bool (app->config, "storage.force_config_drive"))
    json_object_set_new (request, "config_drive", json_true ());
  return bad;
}

/* The request of OPTIONS, once the reader of requests takes it; NULL after findings. */
static json_t *
read_request (struct vl_call *call, const struct vl_create_options *options)
{
  struct vl_request *request =
      vl_request_read (call, options->request, options->length, options->origin);
  VL_AUTOFREE char *plain =
      request ? vl_request_plain (call, options->request, options->length) : NULL;

  vl_request_free (request);
  return plain ? json_loads (plain, 0, NULL) : NULL;
}

char *
vl_create_request (struct vl_app *app, const struct vl_create_options *options, const char *uuid)
{
  json_t *request = options->request ? read_request (app->call, options) : json_object ();
  char *text = NULL;

  if (request == NULL
      || (options->name && vl_name_check (app->call, &vl_noun_server, options->name) < 0)) {
    json_decref (request);
    return NULL;
  }
  vl_put_text (request, "name", options->name);
  if (json_object_get (request, "uuid") == NULL)
    vl_put_text (request, "uuid", uuid);
  if (fill (app, options, request) == 0)
    text = json_dumps (request, JSON_COMPACT | JSON_SORT_KEYS);
  json_decref (request);
  return text;
}

/* ---- one device more, or less ---- */

/* The list MEMBER of REQUEST, which is there from then on. */
static json_t *
list_of (json_t *request, const char *member)
{
  json_t *list = json_object_get (request, member);

  if (! json_is_array (list)) {
    list = json_array ();
    json_object_set_new (request, member, list);
  }
  return list;
}

/* "nicN", the first that no network of LIST has. */
static const char *
free_nic_id (struct vl_call *call, const json_t *list)
{
  for (size_t number = 0;; number++) {
    const char *id = vl_printf (call, "nic%zu", number);
    size_t i = 0, n = json_array_size (list);

    while (i < n
           && ! vl_text_same (json_string_value (json_object_get (json_array_get (list, i), "id")),
                              id))
      i++;
    if (i == n)
      return id;
  }
}

/* What tells the device apart does not follow from its place, which others had before it.  Whoever
 * has given it a name, as Nova does, finds it by that one. */
static const char *
name_device (struct vl_call *call, json_t *list, json_t *device, int nic)
{
  const char *given = json_string_value (json_object_get (device, nic ? "id" : "uuid"));
  const char *id = nic && given == NULL ? free_nic_id (call, list) : given;
  char uuid[37];

  vl_uuid_random (uuid);
  if (! nic) {
    char *own = vl_arena_strdup (call->arena, given ? given : uuid);

    for (char *p = own; *p; p++)
      *p = (char)vl_ascii_lower (*p);
    vl_put_text (device, "uuid", own);
    return vl_printf (call, "volume-%s", own);
  }
  id = vl_arena_strdup (call->arena, id);
  vl_put_text (device, "id", id);
  if (json_object_get (device, "address") == NULL)
    vl_put_text (device, "address",
                 vl_printf (call, "52:54:00:%.2s:%.2s:%.2s", uuid, uuid + 2, uuid + 4));
  return id;
}

/* Is there another volume of LIST that has the uuid of its last one? */
static int
is_there (struct vl_call *call, const json_t *list)
{
  size_t n = json_array_size (list) - 1;
  const char *uuid = json_string_value (json_object_get (json_array_get (list, n), "uuid"));

  for (size_t i = 0; uuid && i < n; i++)
    if (vl_text_same (json_string_value (json_object_get (json_array_get (list, i), "uuid")), uuid))
      return vl_refuse_as (call, VL_ERR_REQUEST, "InvalidVolume", NULL, "virtloom server show",
                           "the server has the volume %s already", uuid);
  return 0;
}

char *
vl_request_add (struct vl_app *app, const char *json, int nic, const char *spec, const char *name,
                const char **id)
{
  json_t *request = json_loads (json, 0, NULL), *device;
  json_t *list = list_of (request, nic ? "networks" : "block_devices");
  char *text = NULL;

  if ((nic ? vl_option_network (app, list, "network", spec)
           : vl_option_volume (app, list, "volume", spec))
      == 0) {
    device = json_array_get (list, json_array_size (list) - 1);
    vl_put_text (device, "device_name", name);
    *id = name_device (app->call, list, device, nic);
    if (nic || is_there (app->call, list) == 0)
      text = json_dumps (request, JSON_COMPACT | JSON_SORT_KEYS);
  }
  json_decref (request);
  return text;
}

char *
vl_request_drop (struct vl_call *call, const char *json, int nic, const char *id)
{
  json_t *request = json_loads (json, 0, NULL);
  json_t *list = list_of (request, nic ? "networks" : "block_devices");
  size_t at = 0, n = json_array_size (list);
  char *text = NULL;

  for (; at < n; at++) {
    const char *name =
        json_string_value (json_object_get (json_array_get (list, at), nic ? "id" : "uuid"));

    if (name && VL_STREQ (nic ? name : vl_printf (call, "volume-%s", name), id))
      break;
  }
  if (json_array_remove (list, at) == 0) {
    if (nic)
      json_array_remove (json_object_get (request, "macs"), at);
    text = json_dumps (request, JSON_COMPACT | JSON_SORT_KEYS);
  } else
    vl_refuse_as (call, VL_ERR_FAILED, "StoreDamaged", NULL, VL_HINT_STORE,
                  "the request on record does not have the device '%s'", id);
  json_decref (request);
  return text;
}

const char *
vl_request_other_file (struct vl_call *call, json_t *request, json_t *device,
                       const struct vl_disk *disk)
{
  VL_AUTOFREE char *text = NULL;

  /* What it is called was made of its file, where nobody had said it. */
  json_object_set_new (device, "uuid", json_string (disk->id + strlen ("volume-")));
  text = json_dumps (request, JSON_COMPACT | JSON_SORT_KEYS);
  return vl_arena_strdup (call->arena, text);
}

char *
vl_request_flavor (struct vl_app *app, const char *json, const char *flavor)
{
  const struct vl_flavor_info *info = vl_flavor_find (app, flavor);
  json_t *request = info ? json_loads (json, 0, NULL) : NULL;
  char *text = NULL;

  if (request && json_object_set_new (request, "flavor", flavor_json (info)) == 0)
    text = json_dumps (request, JSON_COMPACT | JSON_SORT_KEYS);
  json_decref (request);
  return text;
}

char *
vl_request_image (struct vl_app *app, const char *json, const char *image, int config_drive)
{
  const struct vl_image_info *info = image ? vl_image_find (app, image) : NULL;
  json_t *object = info ? image_json (app, info) : NULL;
  json_t *request = object || image == NULL ? json_loads (json, 0, NULL) : NULL;
  char *text = NULL;

  if (object)
    json_object_set_new (request, "image", object);
  if (config_drive)
    json_object_set_new (request, "config_drive", json_true ());
  if (request)
    text = json_dumps (request, JSON_COMPACT | JSON_SORT_KEYS);
  json_decref (request);
  return text;
}

char *
vl_request_rebuild (struct vl_app *app, const char *json, const struct vl_rebuild_options *options)
{
  json_t *request = json_loads (json, 0, NULL);
  char *text = NULL;
  int bad = 0;

  if (options->metadata && *options->metadata)
    json_object_del (request, "metadata");
  bad |= add_pairs (app->call, request, "properties", "property", options->properties);
  bad |= add_pairs (app->call, request, "metadata", "metadata", options->metadata);
  bad |= add_user_data (app->call, request, options->user_data);
  if (options->user_data && json_string_length (json_object_get (request, "user_data")) == 0)
    json_object_del (request, "user_data");
  if (bad == 0)
    text = json_dumps (request, JSON_COMPACT | JSON_SORT_KEYS);
  json_decref (request);
  return text;
}
