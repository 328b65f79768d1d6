/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * --network and --volume: "key=value,key=value", to the members of a request. */

#include <config.h>

#include "server/options.h"

#include "lib/text.h"
#include "plugin/registry.h"
#include "request/request.h"
#include "server/record.h"

#include <stdlib.h>

/* Numbers of requests are small and exact; what is no number goes in as text,
 * for the reader of requests to refuse in its own words. */
static json_t *
number_or_text (const char *text)
{
  char *end;
  long long number = strtoll (text, &end, 10);

  return *text && *end == '\0' ? json_integer (number) : json_string (text);
}

void
vl_put_text (json_t *object, const char *key, const char *text)
{
  if (text)
    json_object_set_new (object, key, json_string (text));
}

/* ---- "key=value,key=value" ---- */

struct option_key {
  const char *key, *member;
  int number;
};

/* What was meant: a key by another name, or else FIRST, which has none, as the first of KEYS. */
static const char *
hint_for (struct vl_call *call, const struct option_key *keys, const char *first,
          const struct vl_spell *spell)
{
  if (spell->best)
    return vl_printf (call, "did you mean \"%s=\"?", spell->best);
  return first ? vl_printf (call, "did you mean \"%s=%s\"?", keys[0].key, first) : NULL;
}

/* Puts each part of SPEC from byte AT on into OBJECT.  OPTION names it in findings. */
static int
read_parts (struct vl_call *call, const char *option, const char *spec, size_t at,
            const struct option_key *keys, size_t n_keys, json_t *object)
{
  VL_AUTOFREE char *copy = vl_xstrdup (spec + at);
  VL_AUTOSTR struct vl_str accepted = { NULL, 0, 0 };
  char *state = NULL;

  for (size_t i = 0; i < n_keys; i++)
    vl_str_printf (&accepted, "%s%s=", i ? ", " : "", keys[i].key);
  for (char *part = strtok_r (copy, ",", &state); part; part = strtok_r (NULL, ",", &state)) {
    char *equals = strchr (part, '=');
    const struct option_key *key = NULL;
    struct vl_spell spell = { .wanted = part };

    if (equals)
      *equals = '\0';
    for (size_t i = 0; equals && i < n_keys; i++) {
      vl_spell_offer (&spell, keys[i].key);
      if (VL_STREQ (keys[i].key, part))
        key = &keys[i];
    }
    if (key && equals[1] == '\0')
      return vl_refuse (call, VL_ERR_USAGE, NULL, "leave it out, or say what it is to be",
                        "\"%s=\" in %s \"%s\" has no value", part, option, spec);
    if (key == NULL)
      return vl_refuse (call, VL_ERR_USAGE, NULL,
                        hint_for (call, keys, part == copy && equals == NULL ? part : NULL, &spell),
                        "\"%s\" in %s \"%s\"; accepted: %s", part, option, spec, accepted.text);
    if (json_object_get (object, key->member))
      return vl_refuse (call, VL_ERR_USAGE, NULL, NULL, "\"%s\" is given twice in %s \"%s\"", part,
                        option, spec);
    if (json_object_set_new (object, key->member,
                             key->number ? number_or_text (equals + 1) : json_string (equals + 1))
        < 0)
      return vl_refuse (call, VL_ERR_USAGE, NULL, NULL, "\"%s\" in %s is not UTF-8", part, option);
  }
  return 0;
}

/* Moves what the N KEYS from AT on name from OBJECT to its details. */
static void
gather_details (json_t *object, const struct option_key *keys, size_t at, size_t n)
{
  json_t *details = json_object (), *value;

  for (; at < n; at++)
    if ((value = json_object_get (object, keys[at].member))) {
      json_object_set (details, keys[at].member, value);
      json_object_del (object, keys[at].member);
    }
  if (json_object_size (details))
    json_object_set (object, "details", details);
  json_decref (details);
}

/* SPEC is an item of MEMBER of a request file as it stands there, Nova's VIF objects too; what is
 * wrong in it the reader of requests says.  It may have what is secret, so it is not shown. */
static int
add_item (struct vl_app *app, json_t *list, const char *member, const char *option,
          const char *spec)
{
  json_t *item = json_loads (spec, JSON_REJECT_DUPLICATES, NULL), *request;
  VL_AUTOFREE char *text = NULL, *plain = NULL;

  if (item == NULL)
    return vl_refuse (app->call, VL_ERR_USAGE, NULL, NULL,
                      "%s begins as JSON and is none; accepted: an object as in '%s' of a request "
                      "file",
                      option, member);
  request = json_pack ("{s:[o]}", member, item);
  text = json_dumps (request, JSON_COMPACT);
  json_decref (request);
  plain = vl_request_plain (app->call, text, strlen (text));
  request = plain ? json_loads (plain, 0, NULL) : NULL;
  if (request == NULL)
    return -1;
  json_array_append (list, json_array_get (json_object_get (request, member), 0));
  json_decref (request);
  return 0;
}

int
vl_option_network (struct vl_app *app, json_t *list, const char *option, const char *spec)
{
  static const struct option_key own[] = {
    { "type", "type", 0 },   { "bridge", "bridge", 0 }, { "vnic_type", "vnic_type", 0 },
    { "model", "model", 0 }, { "mac", "address", 0 },   { "mtu", "mtu", 1 },
    { "tag", "tag", 0 },
  };
  enum { N_OWN = sizeof own / sizeof own[0] };
  struct vl_call *call = app->call;
  VL_AUTOFREE char *first = vl_xstrndup (spec, strcspn (spec, ","));
  const char *const *details = vl_registry_details (app->registry, call->arena);
  struct option_key *keys;
  size_t at = 0, n = N_OWN;
  json_t *object;

  if (spec[0] == '{')
    return add_item (app, list, "networks", option, spec);
  object = json_object ();
  while (details[n - N_OWN])
    n++;
  keys = vl_arena_alloc (call->arena, n * sizeof *keys);
  memcpy (keys, own, sizeof own);
  for (size_t i = N_OWN; i < n; i++)
    keys[i] = (struct option_key) { details[i - N_OWN], details[i - N_OWN], 0 };
  json_array_append_new (list, object);
  /* A first word that is no pair is the type. */
  if (strchr (first, '=') == NULL) {
    vl_put_text (object, "type", first);
    at = strlen (first) + (spec[strlen (first)] == ',');
  }
  if (read_parts (call, option, spec, at, keys, n, object) < 0)
    return -1;
  gather_details (object, keys, N_OWN, n);
  if (json_object_get (object, "bridge") || json_object_get (object, "type"))
    return 0;
  return vl_refuse (
      call, VL_ERR_USAGE, NULL, NULL,
      "network \"%s\"; accepted: bridge=NAME or a type, each with model=, mac=, mtu=, "
      "vnic_type=, tag=, and what its type has",
      spec);
}

static const struct option_key volume_keys[] = { { "path", "path", 0 },
                                                 { "format", "format", 0 },
                                                 { "bus", "disk_bus", 0 },
                                                 { "boot_index", "boot_index", 1 },
                                                 { "tag", "tag", 0 },
                                                 { "luks", "encryption_secret_uuid", 0 },
                                                 /* of volumes that are connected */
                                                 { "device", "device_type", 0 },
                                                 { "serial", "serial", 0 },
                                                 { "access_mode", "access_mode", 0 },
                                                 { "multiattach", "multiattach", 0 },
                                                 { "discard", "discard", 0 } };
#define N_PATH_KEYS 6
#define N_VOLUME_KEYS (sizeof volume_keys / sizeof volume_keys[0])

/* Moves member NAME of FROM to TO, where it is. */
static void
move_member (json_t *from, json_t *to, const char *name)
{
  json_t *value = json_object_get (from, name);

  if (value)
    json_object_set (to, name, value);
  json_object_del (from, name);
}

/* The same of one that is "yes" or "no", as what that means.  OPTION, which has SPEC, in findings. */
static int
move_switch (struct vl_call *call, json_t *from, json_t *to, const char *name, const char *option,
             const char *spec)
{
  const char *text = json_string_value (json_object_get (from, name));

  if (text && ! VL_STREQ (text, "yes") && ! VL_STREQ (text, "no"))
    return vl_refuse (call, VL_ERR_USAGE, NULL, NULL, "\"%s=%s\" in %s \"%s\"; accepted: yes, no",
                      name, text, option, spec);
  if (text)
    json_object_set_new (to, name, json_boolean (VL_STREQ (text, "yes")));
  json_object_del (from, name);
  return 0;
}

/* "TYPE:FIRST,KEY=VALUE": a volume that the plugin for TYPE reaches, which says what the keys are. */
static int
add_connected (struct vl_app *app, json_t *object, const char *option, const char *spec,
               const char *type)
{
  const struct vl_registry *registry = app->registry;
  struct vl_call *call = app->call;
  struct vl_plugin *plugin = vl_registry_answer (registry, VL_ANSWER_VOLUMES, type);
  const char *const *names = plugin ? VL_GROUP_FN (plugin, storage, volume_keys) : NULL;
  VL_AUTOFREE char *first =
      vl_xstrndup (spec + strlen (type) + 1, strcspn (spec + strlen (type) + 1, ","));
  struct option_key *keys;
  json_t *info, *data;
  size_t n = 0, at = strlen (type) + 1 + strlen (first);
  int bad;

  if (names == NULL)
    return vl_refuse_as (call, VL_ERR_UNSUPPORTED, "VolumeDriverNotFound", NULL,
                         plugin
                             ? vl_printf (call,
                                          "put its connection_info into a --request FILE; "
                                          "virtloom-feature-%s(7) has what it takes",
                                          plugin->name)
                             : vl_registry_nearest (call, registry, VL_ANSWER_VOLUMES, type, NULL),
                         "%s \"%s\": %s; accepted: path=FILE,format=FORMAT%s", option, spec,
                         plugin ? "volumes of that type are given in a request alone"
                                : "nobody answers for volumes of that type",
                         vl_registry_volume_forms (registry, call->arena));
  while (names[n])
    n++;
  keys = vl_arena_alloc (call->arena, (n + N_VOLUME_KEYS) * sizeof *keys);
  for (size_t i = 1; i < n; i++)
    keys[i - 1] = (struct option_key) { names[i], names[i], 0 };
  /* All but the first two, path and format. */
  memcpy (keys + n - 1, volume_keys + 2, (N_VOLUME_KEYS - 2) * sizeof *keys);
  info = json_object ();
  data = json_object ();
  json_object_set_new (info, "driver_volume_type", json_string (type));
  json_object_set_new (info, "data", data);
  json_object_set_new (data, names[0], json_string (first));
  bad = read_parts (call, option, spec, at + (spec[at] == ','), keys, n - 1 + N_VOLUME_KEYS - 2,
                    object);
  for (size_t i = 1; i < n; i++)
    move_member (object, data, names[i]);
  move_member (object, data, "access_mode");
  move_member (object, info, "serial");
  bad |= move_switch (call, object, data, "discard", option, spec);
  bad |= move_switch (call, object, info, "multiattach", option, spec);
  json_object_set_new (object, "connection_info", info);
  return bad;
}

int
vl_option_volume (struct vl_app *app, json_t *list, const char *option, const char *spec)
{
  size_t type = strcspn (spec, ":,=");
  struct vl_call *call = app->call;
  const char *path;
  json_t *object;

  if (spec[0] == '{')
    return add_item (app, list, "block_devices", option, spec);
  object = json_object ();
  json_array_append_new (list, object);
  vl_put_text (object, "source_type", "volume");
  vl_put_text (object, "destination_type", "volume");
  if (spec[type] == ':')
    return add_connected (app, object, option, spec, vl_printf (call, "%.*s", (int)type, spec));
  if (read_parts (call, option, spec, 0, volume_keys, N_PATH_KEYS, object) < 0)
    return -1;
  path = json_string_value (json_object_get (object, "path"));
  if (path == NULL || json_object_get (object, "format") == NULL)
    return vl_refuse (call, VL_ERR_USAGE, NULL, NULL,
                      "volume \"%s\" needs both path=FILE and format=FORMAT (raw or qcow2)", spec);
  if (path[0] != '/') {
    VL_AUTOFREE char *whole = canonicalize_file_name (path);

    if (whole == NULL)
      return vl_refuse (call, VL_ERR_NOT_FOUND, NULL, NULL, "volume file \"%s\": %m", path);
    vl_put_text (object, "path", whole);
  }
  return 0;
}
