/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Names and properties of flavors and images. */

#include <config.h>

#include "server/properties.h"

#include "lib/spell.h"
#include "lib/text.h"
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

  if (problem == NULL)
    return 0;
  return vl_error (call, VL_ERR_REQUEST, "InvalidName", NULL, "the name of the %s %s", noun->word,
                   problem);
}

static int
is_unprintable (const char *text)
{
  return vl_text_problem (text, strlen (text)) != NULL;
}

int
vl_property_check (struct vl_call *call, const struct vl_property *property)
{
  size_t key = strlen (property->key), value = strlen (property->value);

  if (key == 0 || key > KEY_LIMIT || is_unprintable (property->key) || strchr (property->key, '='))
    return vl_error (call, VL_ERR_REQUEST, "InvalidProperty", NULL,
                     "the property key \"%s\" cannot be kept; accepted: 1 to %u bytes of UTF-8 "
                     "without '=' and control characters",
                     vl_shown (call->arena, property->key), KEY_LIMIT);
  if (value > VALUE_LIMIT || is_unprintable (property->value))
    return vl_error (
        call, VL_ERR_REQUEST, "InvalidProperty", NULL,
        "the value of property \"%s\" cannot be kept; accepted: up to %u bytes of UTF-8 "
        "without control characters",
        property->key, VALUE_LIMIT);
  return 0;
}

int
vl_not_found (struct vl_call *call, struct vl_store *store, const struct vl_noun *noun,
              const char *name)
{
  VL_AUTOQUERY sqlite3_stmt *stmt = NULL;
  struct vl_spell spell = { .wanted = name };

  if (store)
    stmt =
        vl_db_query (store, vl_printf (call, "SELECT name FROM %s ORDER BY name", noun->table), "");
  while (stmt && vl_db_step (store, stmt) == 1)
    vl_spell_offer (&spell, vl_db_keep (store, stmt, 0));
  vl_error (call, VL_ERR_NOT_FOUND, noun->not_found, NULL, "there is no %s \"%s\"", noun->word,
            name);
  if (spell.best)
    vl_hint (call, "did you mean \"%s\"?", spell.best);
  else
    vl_hint (call, "virtloom %s list", noun->word);
  return -1;
}

int
vl_exists (struct vl_call *call, const struct vl_noun *noun, const char *name)
{
  vl_error (call, VL_ERR_REQUEST, noun->exists, NULL, "there is already a %s \"%s\"", noun->word,
            name);
  vl_hint (call, "take another name, or delete it first: virtloom %s delete \"%s\"", noun->word,
           name);
  return -1;
}

int
vl_range_check (struct vl_call *call, const char *what, const char *unit, int64_t number,
                int64_t min, int64_t max)
{
  if (number >= min && number <= max)
    return 0;
  return vl_error (call, VL_ERR_REQUEST, "Invalid", NULL, "%s of %lld%s; accepted: %lld to %lld",
                   what, (long long)number, unit, (long long)min, (long long)max);
}

int
vl_properties_load (struct vl_store *store, const struct vl_noun *noun, const char *id,
                    const struct vl_property **list, size_t *n)
{
  struct vl_arena *arena = store->call->arena;
  VL_AUTOQUERY sqlite3_stmt *stmt = NULL;
  VL_AUTOFREE struct vl_property *found = NULL;
  struct vl_property *kept;
  size_t size = 0;
  int got;

  *n = 0;
  stmt = vl_db_query (store,
                      vl_printf (store->call, "SELECT key, value FROM %s WHERE %s = ? ORDER BY key",
                                 noun->property_table, noun->table),
                      "s", id);
  while ((got = vl_db_step (store, stmt)) == 1) {
    VL_GROW (found, *n, size);
    found[(*n)++] =
        (struct vl_property) { vl_db_keep (store, stmt, 0), vl_db_keep (store, stmt, 1) };
  }
  kept = vl_arena_alloc (arena, (*n + 1) * sizeof *kept);
  if (*n)
    memcpy (kept, found, *n * sizeof *kept);
  *list = kept;
  return got;
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
  vl_error (store->call, VL_ERR_NOT_FOUND, "PropertyNotFound", NULL,
            "the %s has no property \"%s\"", noun->word, key);
  if (spell.best)
    vl_hint (store->call, "did you mean \"%s\"?", spell.best);
  return -1;
}

int
vl_properties_change (struct vl_store *store, const struct vl_noun *noun, const char *id,
                      const struct vl_property *set, size_t n_set, const char *const *unset)
{
  int result;

  for (size_t i = 0; i < n_set; i++)
    if (vl_property_check (store->call, &set[i]) < 0)
      return -1;
  if (vl_db_begin (store) < 0)
    return -1;
  result = vl_properties_store (store, noun, id, set, n_set);
  for (; unset && *unset && result == 0; unset++)
    result = unset_one (store, noun, id, *unset);
  return vl_db_finish (store, result);
}
