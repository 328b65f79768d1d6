/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Names and properties of flavors and images. */

#include <config.h>

#include "server/record.h"

#include "lib/text.h"
#include "request/guest.h"
#include "request/request.h"
#include "request/request.h"

#define KEY_LIMIT 255u
#define VALUE_LIMIT 4096u

const struct vl_noun vl_noun_flavor = { "flavor",          "flavor",         "name",
                                        "flavor_property", "FlavorNotFound", "FlavorExists" };
const struct vl_noun vl_noun_image = { "image",          "image",         "uuid",
                                       "image_property", "ImageNotFound", "ImageExists" };
const struct vl_noun vl_noun_server = { "server", "server",           "uuid",
                                        NULL,     "InstanceNotFound", "InstanceExists" };

int
vl_name_check (struct vl_call *call, const struct vl_noun *noun, const char *name)
{
  const char *problem = name ? vl_server_name_problem (name) : "is missing";

  /* Commands take a name or a uuid, so the name of one thing must not be the uuid of
   * another. */
  if (problem == NULL && vl_uuid_problem (name) == NULL)
    problem = "has the form of a uuid; accepted: any other printable text";
  if (problem == NULL)
    return 0;
  return vl_refuse_as (call, VL_ERR_REQUEST, "InvalidName", NULL, NULL, "the name of the %s %s",
                       noun->word, problem);
}

/* 0 where key and value can be kept, else -1 after a finding. */
static int
check_property (struct vl_call *call, const struct vl_property *property)
{
  size_t key = strlen (property->key), value = strlen (property->value);
  const char *problem = key == 0 || key > KEY_LIMIT || strchr (property->key, '=')
                            ? "cannot be kept; accepted: 1 to 255 bytes without '='"
                            : vl_name_problem (property->key, key);

  if (problem)
    return vl_refuse_as (call, VL_ERR_REQUEST, "InvalidProperty", NULL, NULL,
                         "the property key \"%s\" %s", vl_shown (call->arena, property->key),
                         problem);
  problem = value > VALUE_LIMIT ? "is too long; accepted: up to 4096 bytes"
                                : vl_text_problem (property->value, value);
  if (problem)
    return vl_refuse_as (call, VL_ERR_REQUEST, "InvalidProperty", NULL, NULL,
                         "the value of property \"%s\" %s", property->key, problem);
  return 0;
}

int
vl_properties_check (struct vl_app *app, const struct vl_noun *noun, const struct vl_property *list,
                     size_t n)
{
  struct vl_property *judged = vl_arena_alloc (app->call->arena, (n + 1) * sizeof *judged);
  int image = noun == &vl_noun_image, bad = 0;
  enum vl_layer layer = image                     ? VL_LAYER_IMAGE
                        : noun == &vl_noun_server ? VL_LAYER_REQUEST
                                                  : VL_LAYER_FLAVOR;
  size_t n_judged = 0;

  for (size_t i = 0; i < n; i++) {
    int bad_one = check_property (app->call, &list[i]);

    bad |= bad_one;
    for (size_t k = 0; k < i; k++)
      if (VL_STREQ (list[k].key, list[i].key))
        bad = vl_refuse (app->call, VL_ERR_USAGE, NULL, "give each key once",
                         "the property key \"%s\" is given twice",
                         vl_shown (app->call->arena, list[i].key));
    /* The other images that an image boots with, which a request names elsewhere. */
    if (bad_one == 0 && (! image || ! vl_glob_any ("kernel_id ramdisk_id", list[i].key)))
      judged[n_judged++] = list[i];
  }
  return bad ? -1 : vl_keys_judge (app->call, app->registry, app->config, layer, judged, n_judged);
}

int
vl_not_found (struct vl_call *call, struct vl_store *store, const struct vl_noun *noun,
              const char *name)
{
  struct vl_spell spell = { .wanted = name };
  const char **names;
  size_t n = 0;

  if (store)
    vl_db_rows (store, &names, &n,
                vl_printf (call, "SELECT name FROM %s ORDER BY name", noun->table), "");
  for (size_t i = 0; i < n; i++)
    vl_spell_offer (&spell, names[i]);
  return vl_refuse_as (
      call, VL_ERR_NOT_FOUND, noun->not_found, NULL,
      vl_did_you_mean (call, '"', spell.best, vl_printf (call, "virtloom %s list", noun->word)),
      "there is no %s \"%s\"", noun->word, name);
}

int
vl_exists (struct vl_call *call, const struct vl_noun *noun, const char *name)
{
  return vl_refuse_as (call, VL_ERR_REQUEST, noun->exists, NULL,
                       vl_printf (call,
                                  "take another name, or delete it first: virtloom %s delete %s",
                                  noun->word, vl_name_word (call->arena, name)),
                       "there is already a%s %s \"%s\"", strchr ("aeiou", noun->word[0]) ? "n" : "",
                       noun->word, name);
}

int
vl_range_check (struct vl_call *call, const char *what, const char *unit, int64_t number,
                int64_t min, int64_t max)
{
  if (number >= min && number <= max)
    return 0;
  return vl_refuse_as (call, VL_ERR_REQUEST, "Invalid", NULL, NULL,
                       "%s of %lld%s; accepted: %lld to %lld", what, (long long)number, unit,
                       (long long)min, (long long)max);
}

int
vl_properties_load (struct vl_store *store, const struct vl_noun *noun, const char *id,
                    const struct vl_property **list, size_t *n)
{
  return vl_db_rows (store, list, n,
                     vl_printf (store->call, "SELECT key, value FROM %s WHERE %s = ? ORDER BY key",
                                noun->property_table, noun->table),
                     "s", id);
}

int
vl_properties_store (struct vl_store *store, const struct vl_noun *noun, const char *id,
                     const struct vl_property *list, size_t n)
{
  const char *sql =
      vl_printf (store->call, "INSERT OR REPLACE INTO %s VALUES (?, ?, ?)", noun->property_table);

  for (size_t i = 0; i < n; i++)
    if (vl_db_run (store, sql, "sss", id, list[i].key, list[i].value) < 0)
      return -1;
  return 0;
}

static int
unset_one (struct vl_store *store, const struct vl_noun *noun, const char *id, const char *key)
{
  const struct vl_property *list;
  struct vl_spell spell = { .wanted = key };
  size_t n;

  if (vl_properties_load (store, noun, id, &list, &n) < 0)
    return -1;
  for (size_t i = 0; i < n; i++) {
    if (VL_STREQ (list[i].key, key))
      return vl_db_run (store,
                        vl_printf (store->call, "DELETE FROM %s WHERE %s = ? AND key = ?",
                                   noun->property_table, noun->table),
                        "ss", id, key);
    vl_spell_offer (&spell, list[i].key);
  }
  return vl_refuse_as (
      store->call, VL_ERR_NOT_FOUND, "PropertyNotFound", NULL,
      vl_did_you_mean (
          store->call, '"', spell.best,
          vl_printf (store->call, "'virtloom %s show' has its properties", noun->word)),
      "the %s has no property \"%s\"", noun->word, key);
}

int
vl_properties_change (struct vl_app *app, const struct vl_noun *noun, const char *id,
                      const struct vl_property *set, size_t n_set, const char *const *unset)
{
  struct vl_store *store = app->store;
  int result;

  if (vl_properties_check (app, noun, set, n_set) < 0 || vl_db_begin (store) < 0)
    return -1;
  result = vl_properties_store (store, noun, id, set, n_set);
  for (; unset && *unset && result == 0; unset++)
    result = unset_one (store, noun, id, *unset);
  return vl_db_finish (store, result);
}
