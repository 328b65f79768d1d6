/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Who answers for a request key.  Keys are claimed by configuration files, so
 * that a wish is never dropped because a plugin did not load.  What nobody claims is
 * an error, unless the operator has it passed over; only of images, which carry
 * anything, some of it is an advice. */

#include <config.h>

#include "request/work.h"

#include "lib/text.h"

#include <virtloom/ascii.h>

#include <fnmatch.h>

/* Keys are compared without what people get wrong in them. */
#define KEY_ROOM 256

static int
is_given (const struct vl_guest *guest, const char *key, enum vl_layer layer)
{
  for (size_t i = 0; i < guest->request->n_entries; i++)
    if (guest->request->entries[i].layer == layer && VL_STREQ (guest->request->entries[i].key, key))
      return 1;
  return 0;
}

static int
is_ignored (const struct vl_guest *guest, const char *key, int image)
{
  size_t n;
  const char *const *globs =
      vl_config_items (guest->config, image ? "ignored_properties" : "ignored_extra_specs", &n);

  for (size_t i = 0; i < n; i++)
    if (fnmatch (globs[i], key, 0) == 0)
      return 1;
  return 0;
}

int
vl_entry_is_secret (const struct vl_guest *guest, const struct vl_entry *entry)
{
  long number;
  const struct vl_key_slot *slot =
      guest->work && entry->layer != VL_LAYER_METADATA
          ? vl_index_key (guest->work->index, entry->key, entry->layer != VL_LAYER_FLAVOR, &number)
          : NULL;

  return slot && guest->props[slot->prop].row->flags & VL_SECRET;
}

/* ---- findings ---- */

int
vl_entry_say (struct vl_guest *guest, const struct vl_entry *entry, const struct vl_plugin *plugin,
              enum vl_err err, const char *code, const char *hint, const char *fmt, ...)
{
  struct vl_report report = { .severity = err ? VL_SEV_ERROR : VL_SEV_ADVICE,
                              .err = err,
                              .code = code,
                              .plugin = plugin ? plugin->name : NULL,
                              .origin = vl_entry_origin (guest->call->arena, entry),
                              .path = entry->path,
                              .hint = hint };
  va_list args;

  va_start (args, fmt);
  vl_vreport (guest->call, &report, fmt, args);
  va_end (args);
  return -1;
}

static const char *
shown (struct vl_guest *guest, const struct vl_entry *entry)
{
  return vl_shown (guest->call->arena, entry->key);
}

/* ---- spelling ---- */

/* The keys that there are: those of loaded features and of the core, those that other
 * plugins' confs claim and, of images, their old names.  NULL-terminated. */
static const char **
known_keys (struct vl_guest *guest, int image)
{
  const struct vl_prop_index *index = guest->work->index;
  const struct vl_registry *registry = guest->registry;
  const struct vl_ini *known = guest->config ? &guest->config->known : NULL;
  size_t n = index->n_keys + (known ? known->n : 0) + 1, found = 0;
  const char **keys;

  for (size_t i = 0; i < registry->n; i++)
    for (const char **claim = registry->plugins[i]->keys; *claim; claim++)
      n++;
  keys = vl_arena_alloc (guest->call->arena, n * sizeof *keys);
  for (size_t i = 0; i < index->n_keys; i++)
    if (index->keys[i].image == image)
      keys[found++] = index->keys[i].key;
  for (size_t i = 0; i < registry->n; i++)
    for (const char **claim = registry->plugins[i]->keys;
         registry->plugins[i]->state != VL_PLUGIN_LOADED && *claim; claim++)
      keys[found++] = *claim;
  for (size_t i = 0; known && image && i < known->n; i++)
    if (VL_STREQ (known->entries[i].section, "aliases"))
      keys[found++] = known->entries[i].key;
  return keys;
}

/* KEY in small letters, without blanks, '-' and ':' as '_', a number at its end as
 * 'n'. */
static void
plain (const char *key, char *out)
{
  size_t n = 0, digits;

  for (; *key && n + 1 < KEY_ROOM; key++)
    if (*key == '-' || *key == ':')
      out[n++] = '_';
    else if (*key != ' ' && *key != '\t')
      out[n++] = vl_ascii_lower (*key);
  for (digits = n; digits && out[digits - 1] >= '0' && out[digits - 1] <= '9';)
    digits--;
  if (digits < n && digits && out[digits - 1] == '.') {
    out[digits] = 'n';
    n = digits + 1;
  }
  out[n] = '\0';
}

/* What to write for KEY, which is one of the known keys but for its spelling: one of its
 * own layer or else of the other.  NULL where it is none. */
static const char *
meant (struct vl_guest *guest, const char *key, int image)
{
  char wanted[KEY_ROOM], found[KEY_ROOM];

  plain (key, wanted);
  for (int turn = 0; turn < 2; turn++)
    for (const char **name = known_keys (guest, turn ? ! image : image); *name; name++) {
      plain (*name, found);
      if (VL_STREQ (found, wanted))
        return vl_printf (guest->call,
                          turn == 0 ? "write '%s'"
                          : image   ? "set it in the flavor, where it is written '%s'"
                                    : "set it in the image, where it is written '%s'",
                          *name);
    }
  return NULL;
}

/* ---- keys that a plugin claims ---- */

int
vl_entry_unavailable (struct vl_guest *guest, const struct vl_entry *entry,
                      const struct vl_plugin *plugin, enum vl_err err)
{
  int off = plugin->state == VL_PLUGIN_DISABLED;
  int refused = plugin->state == VL_PLUGIN_REFUSED && err == VL_ERR_REFUSED;

  return vl_entry_say (guest, entry, plugin, refused ? err : VL_ERR_UNSUPPORTED,
                       refused ? "PluginRefused" : "FeatureUnavailable",
                       vl_printf (guest->call,
                                  off ? "virtloom feature enable %s"
                                      : "'virtloom feature show %s' tells what to mend",
                                  plugin->name),
                       "'%s' is for feature '%s' (%s), which is %s: %s", shown (guest, entry),
                       plugin->name, plugin->conf ? plugin->conf : "",
                       off                                  ? "turned off"
                       : plugin->state == VL_PLUGIN_REFUSED ? "refused"
                                                            : "not loaded",
                       plugin->reason ? plugin->reason : "no reason is known");
}

/* A key of a loaded plugin that is for the other layer, or whose number is none. */
static int
misplaced (struct vl_guest *guest, const struct vl_entry *entry, const struct vl_plugin *plugin)
{
  int image = entry->layer != VL_LAYER_FLAVOR;
  const struct vl_prop_index *index = guest->work->index;
  const struct vl_prop *row = NULL;
  const char *twin;

  for (size_t i = 0; i < index->n_keys; i++)
    if (index->keys[i].image != image && vl_key_matches (index->keys[i].key, entry->key))
      row = index->props[index->keys[i].prop].row;
  if (row == NULL)
    return vl_entry_say (guest, entry, plugin, VL_ERR_REQUEST, "ValidationError", NULL,
                         "'%s' is no key by itself; accepted: a number from 0 to 127 without "
                         "leading zeros at its end",
                         shown (guest, entry));
  twin = image ? row->image_key : row->flavor_key;
  return vl_entry_say (guest, entry, plugin, VL_ERR_REQUEST, "ValidationError",
                       twin    ? vl_printf (guest->call, "write '%s' here", twin)
                       : image ? "set it in the flavor"
                               : "set it in the image",
                       "'%s' is %s, not %s", entry->key,
                       image ? "an extra spec of flavors" : "a property of images",
                       entry->layer == VL_LAYER_FLAVOR  ? "an extra spec of flavors"
                       : entry->layer == VL_LAYER_IMAGE ? "a property of images"
                                                        : "a property that a server may be given");
}

/* ---- what nobody claims ---- */

static int
unknown (struct vl_guest *guest, const struct vl_entry *entry)
{
  int image = entry->layer != VL_LAYER_FLAVOR;
  struct vl_spell spell = { .wanted = entry->key };

  for (const char **name = known_keys (guest, image); *name; name++)
    vl_spell_offer (&spell, *name);
  return vl_entry_say (
      guest, entry, NULL, VL_ERR_REQUEST, "ValidationError",
      vl_did_you_mean (
          guest->call, '\'', spell.best,
          vl_printf (guest->call,
                     "'virtloom feature list --long' shows the keys that are known, and "
                     "ignored_%s of virtloom.conf names those to pass over",
                     image ? "properties" : "extra_specs")),
      "no plugin answers for %s '%s'", image ? "property" : "extra spec", shown (guest, entry));
}

/* The key of ENTRY is none, for its spelling alone where HINT tells the right one (NULL:
 * there is none). */
static int
misspelt (struct vl_guest *guest, const struct vl_entry *entry, const char *hint)
{
  return vl_entry_say (guest, entry, NULL, VL_ERR_REQUEST, "InvalidKey", hint, "'%s' is no key%s",
                       shown (guest, entry),
                       hint ? ": case, blanks, '-', '_' and ':' count"
                            : "; accepted: letters, digits, '_', '.', ':' and '-'");
}

/* Is ENTRY one of those that Nova knows and virtloom has not?  Then it says so. */
static int
unsupported (struct vl_guest *guest, const struct vl_entry *entry, const char *key)
{
  const char *why;
  int known = vl_known_unsupported (guest->config, key, entry->value, &why);

  if (known > 0)
    vl_entry_say (guest, entry, NULL, 0, NULL, NULL,
                  "'%s' is not supported, and '%s' asks for nothing: passed over", entry->key,
                  vl_shown (guest->call->arena, entry->value));
  else if (known < 0)
    vl_entry_say (guest, entry, NULL, VL_ERR_UNSUPPORTED, "NotSupported",
                  vl_printf (guest->call, "take it out of the %s", vl_layer_name (entry->layer)),
                  "'%s' is not supported: %s", entry->key, why);
  return known;
}

/* KEY is what ENTRY's is called today.  Keys of images may be anything, but what by its
 * name or its beginning asks something of a guest. */
static void
unclaimed (struct vl_guest *guest, const struct vl_entry *entry, const char *key)
{
  int image = entry->layer != VL_LAYER_FLAVOR;
  int good = *entry->key && entry->key[strspn (entry->key, VL_KEY_LETTERS)] == '\0', asks;
  struct vl_guest_work *work = guest->work;
  const char *known;
  char name[KEY_ROOM];

  if (good
      && (is_ignored (guest, entry->key, image) || is_ignored (guest, key, image)
          || unsupported (guest, entry, key)))
    return;
  known = meant (guest, entry->key, image);
  plain (entry->key, name);
  asks = entry->layer != VL_LAYER_IMAGE
         || vl_glob_any (good ? "hw_* os_* trait_* img_signature*" : "hw* os* trait*", name);
  if (known || (asks && ! good))
    misspelt (guest, entry, known);
  else if (asks)
    unknown (guest, entry);
  else if (! is_ignored (guest, entry->key, image)) {
    if (work->unanswered == NULL)
      work->unanswered =
          vl_arena_alloc (guest->call->arena, guest->request->n_entries * sizeof *work->unanswered);
    work->unanswered[work->n_unanswered++] = shown (guest, entry);
  }
}

void
vl_keys_advise (struct vl_guest *guest)
{
  const struct vl_guest_work *work = guest->work;
  struct vl_report report = {
    .severity = VL_SEV_ADVICE,
    .origin = "image",
    .hint = "name them in ignored_properties of virtloom.conf to have them passed over",
  };

  if (work->n_unanswered)
    vl_report (guest->call, &report,
               "no plugin answers for these properties of the image, which have no effect: %s",
               vl_join (guest->call, ", ", work->unanswered, work->n_unanswered));
}

/* ---- the look-up ---- */

const struct vl_key_slot *
vl_key_find (struct vl_guest *guest, const struct vl_entry *entry, long *number)
{
  int image = entry->layer != VL_LAYER_FLAVOR;
  const struct vl_prop_index *index = guest->work->index;
  const struct vl_key_slot *slot = vl_index_key (index, entry->key, image, number);
  const struct vl_plugin *plugin;
  const char *now;

  if (slot)
    return slot;
  now = image ? vl_known (guest->config, "aliases", entry->key) : NULL;
  if (now) {
    if (is_given (guest, now, entry->layer))
      return NULL;
    slot = vl_index_key (index, now, image, number);
    if (slot)
      return slot;
  }
  plugin = vl_registry_claim (guest->registry, entry->key);
  if (plugin == NULL && now)
    plugin = vl_registry_claim (guest->registry, now);
  if (plugin && plugin->state != VL_PLUGIN_LOADED)
    vl_entry_unavailable (guest, entry, plugin, VL_ERR_REFUSED);
  else if (plugin)
    misplaced (guest, entry, plugin);
  else
    unclaimed (guest, entry, now ? now : entry->key);
  return NULL;
}

int
vl_key_is_flavors (struct vl_registry *registry, const char *key)
{
  const struct vl_prop_index *index = vl_index_get (registry);
  long number;

  return vl_index_key (index, key, 0, &number) && vl_index_key (index, key, 1, &number) == NULL;
}
