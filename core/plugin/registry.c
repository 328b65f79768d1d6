/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One record for every plugin that a conf names; loading, and the rules between
 * plugins: a request key and a slot each belong to one. */

#include <config.h>

#include "plugin/registry.h"

#include "plugin/conf.h"
#include "plugin/load.h"
#include "plugin/loader.h"
#include "lib/text.h"

#define REFUSE(call, plugin, ...)                                                                  \
  vl_plugin_refuse ((call), (plugin), VL_ERR_REFUSED, NULL, NULL, __VA_ARGS__)

struct vl_registry *
vl_registry_new (void)
{
  struct vl_registry *registry = VL_NEW (struct vl_registry);

  registry->arena = vl_arena_new ();
  return registry;
}

void
vl_registry_free (struct vl_registry *registry)
{
  if (registry == NULL)
    return;
  free (registry->plugins);
  vl_arena_free (registry->arena);
  free (registry);
}

static int
compare_plugins (const void *a, const void *b)
{
  return strcmp ((*(struct vl_plugin *const *)a)->name, (*(struct vl_plugin *const *)b)->name);
}

static void
without_names (struct vl_plugin *plugin)
{
  static const char *none[] = { NULL };

  plugin->reads = plugin->wakes = plugin->needs = plugin->conflicts = plugin->traits = none;
}

struct vl_plugin *
vl_registry_add (struct vl_registry *registry, const char *name, enum vl_kind kind)
{
  static const char *none[] = { NULL };
  struct vl_plugin *plugin = vl_arena_alloc (registry->arena, sizeof *plugin);

  plugin->arena = registry->arena;
  plugin->name = vl_arena_strdup (registry->arena, name);
  plugin->kind = kind;
  plugin->state = VL_PLUGIN_UNUSED;
  plugin->enabled = 1;
  plugin->module = vl_arena_printf (registry->arena, "%s.so", name);
  plugin->keys = plugin->claims = none;
  without_names (plugin);
  VL_GROW (registry->plugins, registry->n, registry->size);
  registry->plugins[registry->n++] = plugin;
  qsort (registry->plugins, registry->n, sizeof *registry->plugins, compare_plugins);
  return plugin;
}

/* ---- what a conf says of its plugin ---- */

static const char *
conf_text (const struct vl_config *config, const char *file, const char *key)
{
  const struct vl_conf_entry *entry = vl_config_find (config, file, "plugin", key);

  return entry ? entry->value : NULL;
}

/* The words of list KEY, one blank, comma or line apart. */
static const char **
conf_words (struct vl_arena *arena, const struct vl_config *config, const char *file,
            const char *key)
{
  static const char between[] = " \t\n,";
  const char *text = conf_text (config, file, key);
  char *copy = vl_arena_strdup (arena, text ? text : ""), *state;
  const char **words = vl_arena_alloc (arena, (strlen (copy) / 2 + 2) * sizeof *words);
  size_t n = 0;

  for (char *word = strtok_r (copy, between, &state); word; word = strtok_r (NULL, between, &state))
    words[n++] = word;
  return words;
}

/* Is KEY turned on?  conf.c refused the file of any value that does not parse. */
static int
conf_bool (struct vl_arena *arena, const struct vl_config *config, const char *file,
           const char *key, int otherwise)
{
  const struct vl_prop spec = { .type = VL_BOOL };
  const char *text = conf_text (config, file, key), *why;
  struct vl_value value;

  return text && vl_value_parse (arena, &spec, text, &value, &why) == 0 ? value.number != 0
                                                                        : otherwise;
}

/* First parts of the names of the core's own properties, slots and facts: a plugin of
 * such a name would speak for the core. */
static const char *const reserved[] = {
  "caps",    "cdrom",   "cgroup", "claim", "core",     "device", "disk",
  "driver",  "flavor",  "guest",  "host",  "image",    "kernel", "libvirt",
  "module",  "network", "nic",    "qemu",  "request",  "scsi",   "server",
  "storage", "store",   "swtpm",  "trait", "virtloom", "volume", NULL,
};

int
vl_plugin_name_reserved (const char *name)
{
  return vl_text_among (name, reserved);
}

const char *
vl_plugin_name_problem (const char *name)
{
  return vl_plugin_name_reserved (name) ? "the core's own values begin with it"
         : VL_STARTS (name, "trait") || VL_STARTS (name, "resources")
             ? "so begin the keys with which flavors require traits and ask for resources"
             : NULL;
}

/* A hint where file NAME.conf, which says of no plugin what it is, is nearly called as one
 * that does; else NULL. */
static const char *
nearest_conf (struct vl_call *call, const struct vl_config *config, const char *name)
{
  struct vl_spell spell = { .wanted = name };

  for (size_t i = 0; i < config->n_files; i++)
    if (config->files[i].plugin && conf_text (config, config->files[i].file, "kind"))
      vl_spell_offer (&spell, config->files[i].plugin);
  return vl_did_you_mean (call, '\'', spell.best, NULL);
}

static void
read_record (struct vl_call *call, struct vl_registry *registry, const struct vl_config *config,
             const struct vl_conf_file *file)
{
  const char *kind = conf_text (config, file->file, "kind");
  const char *rank = conf_text (config, file->file, "auto");
  const struct vl_conf_entry *off = vl_config_find (config, file->file, "plugin", "enabled");
  struct vl_plugin *plugin = vl_registry_add (
      registry, file->plugin, kind && VL_STREQ (kind, "driver") ? VL_KIND_DRIVER : VL_KIND_FEATURE);

  plugin->conf = vl_arena_strdup (plugin->arena, file->path);
  plugin->enabled = conf_bool (plugin->arena, config, file->file, "enabled", 1);
  plugin->critical = conf_bool (plugin->arena, config, file->file, "critical", 0);
  plugin->keys = conf_words (plugin->arena, config, file->file, "keys");
  plugin->claims = conf_words (plugin->arena, config, file->file, "traits");
  plugin->auto_rank = rank && ! VL_STREQ (rank, "never") ? atoi (rank) : 0;
  if (file->why) {
    /* Its findings were recorded where the file was read. */
    plugin->state = VL_PLUGIN_REFUSED;
    plugin->reason = vl_arena_strdup (plugin->arena, file->why);
  } else if (vl_plugin_name_problem (plugin->name))
    REFUSE (call, plugin, "the name '%s' is reserved: %s", plugin->name,
            vl_plugin_name_problem (plugin->name));
  else if (kind == NULL)
    vl_plugin_refuse (
        call, plugin, VL_ERR_REFUSED, NULL, nearest_conf (call, config, file->plugin),
        "no configuration layer says what '%s' is; accepted: kind = feature or driver in "
        "[plugin]",
        plugin->name);
  else if (rank && plugin->kind != VL_KIND_DRIVER)
    REFUSE (call, plugin, "'auto' ranks drivers; '%s' is a feature", plugin->name);
  else if (! plugin->enabled) {
    plugin->state = VL_PLUGIN_DISABLED;
    plugin->reason =
        off->line == 0
            ? vl_arena_printf (plugin->arena, "masked: %s is a link to /dev/null", off->path)
            : vl_arena_printf (plugin->arena, "enabled = %s in %s:%d", off->value, off->path,
                               off->line);
  }
}

/* The record of the module in FILE, which is not installed: the one of its name, else a
 * new one that claims what its tables have. */
static int
read_module (struct vl_call *call, struct vl_registry *registry, const char *file)
{
  const char *name = vl_plugin_of_file (registry->arena, strrchr (file, '/') + 1, ".so");
  struct vl_plugin *plugin = name ? vl_registry_find (registry, name) : NULL;
  struct vl_module module = { .span = 0 };
  const char *why = NULL;
  int fd = -1;

  if (name == NULL)
    why = "is not a module's name; accepted: NAME.so";
  else if ((fd = vl_module_check (registry->arena, file, &module, &why)) >= 0)
    close (fd);
  if (why)
    return vl_report (call, &(struct vl_report) { VL_SEV_ERROR, VL_ERR_REFUSED, .plugin = "core" },
                      "module '%s' %s", file, why);
  if (plugin == NULL || plugin->conf == NULL) {
    plugin = plugin ? plugin : vl_registry_add (registry, name, (enum vl_kind)module.note.kind);
    plugin->conf = file;
    plugin->unclaimed = 1;
  }
  plugin->path = file;
  plugin->given = 1;
  if (plugin->state == VL_PLUGIN_DISABLED) {
    plugin->state = VL_PLUGIN_UNUSED;
    plugin->enabled = 1;
    plugin->reason = NULL;
  }
  return 0;
}

/* ---- claimed keys against tables ---- */

/* A request key of a feature's tables. */
struct key {
  const char *name;
  int image;
  struct vl_plugin *plugin;
};

struct keys {
  struct key *items;
  size_t n, size;
};

static void
add_key (struct keys *keys, struct vl_plugin *plugin, const char *name, int image)
{
  VL_GROW (keys->items, keys->n, keys->size);
  keys->items[keys->n++] = (struct key) { name, image, plugin };
}

static void
add_keys (struct keys *keys, struct vl_plugin *plugin)
{
  for (size_t i = 0; i < plugin->n_props; i++) {
    const struct vl_prop *row = &plugin->props[i];
    const struct vl_alias *aliases = row->aliases.rows;

    if (row->flavor_key)
      add_key (keys, plugin, row->flavor_key, 0);
    if (row->image_key)
      add_key (keys, plugin, row->image_key, 1);
    for (size_t j = 0; j < row->aliases.count; j++)
      add_key (keys, plugin, aliases[j].key, aliases[j].image != 0);
  }
}

/* What A has and B has not, "'x', 'y'"; the caller frees. */
static char *
missing (const struct vl_strv *a, const struct vl_strv *b)
{
  struct vl_str text = { 0 };

  vl_str_add (&text, "");
  for (size_t i = 0; i < a->n; i++)
    if (! vl_strv_has (b, a->items[i]))
      vl_str_printf (&text, "%s'%s'", text.length ? ", " : "", a->items[i]);
  return text.text;
}

/* Refuses PLUGIN where what LIST of its conf CLAIMS is not what its TABLES have. */
static int
check_list (struct vl_call *call, struct vl_plugin *plugin, const char *list, const char **claims,
            struct vl_strv *tables)
{
  VL_AUTOSTRV struct vl_strv claimed = { 0 };
  VL_AUTOFREE char *unclaimed = NULL, *idle = NULL, *all = NULL;

  for (; *claims; claims++)
    vl_strv_add (&claimed, *claims);
  vl_strv_sort (tables);
  vl_strv_sort (&claimed);
  unclaimed = missing (tables, &claimed);
  idle = missing (&claimed, tables);
  if (*unclaimed == '\0' && *idle == '\0')
    return 0;
  all = vl_strv_join (tables, " ");
  return vl_plugin_refuse (
      call, plugin, VL_ERR_REFUSED, NULL, vl_printf (call, "%s = %s", list, all),
      "the %s of its conf and of its tables differ:%s%s%s%s%s", list,
      *unclaimed ? " the conf does not claim " : "", unclaimed, *unclaimed && *idle ? ";" : "",
      *idle ? " the tables do not have " : "", idle);
}

static int
check_claims (struct vl_call *call, struct vl_plugin *plugin)
{
  VL_AUTOSTRV struct vl_strv names = { 0 }, traits = { 0 };
  struct keys keys = { 0 };

  add_keys (&keys, plugin);
  for (size_t i = 0; i < keys.n; i++) {
    const char *problem = vl_key_problem (keys.items[i].name, keys.items[i].image);

    if (problem)
      REFUSE (call, plugin, "it has the request key '%s', %s", keys.items[i].name, problem);
    if (! vl_strv_has (&names, keys.items[i].name))
      vl_strv_add (&names, keys.items[i].name);
  }
  free (keys.items);
  if (plugin->state == VL_PLUGIN_REFUSED)
    return -1;
  for (const char **trait = plugin->traits; *trait; trait++)
    vl_strv_add (&traits, *trait);
  if (plugin->unclaimed) {
    plugin->keys = vl_arena_alloc (plugin->arena, (names.n + 1) * sizeof *plugin->keys);
    for (size_t i = 0; i < names.n; i++)
      plugin->keys[i] = vl_arena_strdup (plugin->arena, names.items[i]);
    plugin->claims = plugin->traits;
    return 0;
  }
  if (check_list (call, plugin, "keys", plugin->keys, &names) < 0)
    return -1;
  return check_list (call, plugin, "traits", plugin->claims, &traits);
}

/* ---- rules between plugins ---- */

/* Of PLUGIN and OTHER, which both have WHAT: a plugin's own two rows are its own
 * fault alone. */
static void
refuse_pair (struct vl_call *call, struct vl_plugin *plugin, struct vl_plugin *other,
             const char *what, const char *name)
{
  if (plugin == other) {
    REFUSE (call, plugin, "two of its properties %s '%s'", what, name);
    return;
  }
  for (int turn = 0; turn < 2; turn++) {
    struct vl_plugin *one = turn ? other : plugin, *two = turn ? plugin : other;

    vl_plugin_refuse (call, one, VL_ERR_CONFLICT, NULL,
                      vl_printf (call, "turn one off: virtloom feature disable %s", one->name),
                      "plugins '%s' and '%s' both %s '%s', so both are refused", one->name,
                      two->name, what, name);
  }
}

static void
refuse_double_answers (struct vl_call *call, struct vl_plugin *one, struct vl_plugin *two)
{
  static const char *const whats[VL_N_ANSWERS] = { "answer for images_type",
                                                   "answer for volumes of type",
                                                   "answer for networks of type",
                                                   "answer for images of" };

  for (int what = 0; what < VL_N_ANSWERS; what++)
    for (const char *const *name = vl_plugin_answers (one, (enum vl_answers)what); *name; name++)
      if (vl_plugin_has_answer (two, (enum vl_answers)what, *name))
        refuse_pair (call, one, two, whats[what], *name);
}

static int
compare_keys (const void *a, const void *b)
{
  const struct key *x = a, *y = b;
  int order = strcmp (x->name, y->name);

  return order ? order : x->image - y->image;
}

static void
refuse_double_keys (struct vl_call *call, struct vl_registry *registry)
{
  struct keys keys = { 0 };

  for (size_t i = 0; i < registry->n; i++)
    if (registry->plugins[i]->state == VL_PLUGIN_LOADED
        && registry->plugins[i]->kind == VL_KIND_FEATURE)
      add_keys (&keys, registry->plugins[i]);
  if (keys.n > 1)
    qsort (keys.items, keys.n, sizeof *keys.items, compare_keys);
  for (size_t i = 1; i < keys.n; i++)
    if (compare_keys (&keys.items[i - 1], &keys.items[i]) == 0)
      refuse_pair (call, keys.items[i - 1].plugin, keys.items[i].plugin, "have request key",
                   keys.items[i].name);
  free (keys.items);
}

static void
refuse_double_slots (struct vl_call *call, struct vl_plugin *one, struct vl_plugin *two)
{
  for (size_t p = 0; p < two->n_props; p++)
    for (size_t q = 0; q < (one == two ? p : one->n_props); q++)
      if (two->props[p].fills && vl_text_same (two->props[p].fills, one->props[q].fills))
        refuse_pair (call, one, two, "fill slot", two->props[p].fills);
}

static void
refuse_doubles (struct vl_call *call, struct vl_registry *registry)
{
  for (size_t i = 0; i < registry->n; i++)
    for (size_t j = 0; j < i; j++)
      refuse_double_answers (call, registry->plugins[j], registry->plugins[i]);
  refuse_double_keys (call, registry);
  for (size_t i = 0; i < registry->n; i++)
    for (size_t j = 0; j <= i; j++)
      refuse_double_slots (call, registry->plugins[j], registry->plugins[i]);
}

/* A refused plugin keeps its name, conf and claims, nothing of its module. */
static void
forget_module (struct vl_plugin *plugin)
{
  size_t from = offsetof (struct vl_plugin, feature), to = offsetof (struct vl_plugin, info);

  memset ((char *)plugin + from, 0, to - from);
  without_names (plugin);
}

static int
load_module (struct vl_call *call, struct vl_registry *registry, struct vl_plugin *plugin,
             const struct vl_places *places)
{
  struct vl_module module = { 0 };
  struct vl_plugin *caller = call->plugin;
  const char *why;
  int bad;

  bad = plugin->given ? 0
                      : vl_module_find (registry->arena, places, plugin->name, plugin->module,
                                        &plugin->path, &why);
  /* From here on a crash is this plugin's. */
  vl_call_as (call, plugin);
  call->doing = "load";
  if (places->on_load)
    places->on_load (places->opaque, plugin->name);
  if (bad == 0)
    bad = vl_module_open (registry->arena, plugin->path, plugin->name, plugin->kind, &module, &why);
  if (places->on_load)
    places->on_load (places->opaque, NULL);
  if (bad) {
    vl_call_as (call, caller);
    return REFUSE (call, plugin, "%s", why);
  }
  plugin->built_for = vl_arena_strdup (registry->arena, module.note.built_for);
  bad = vl_plugin_adopt (call, plugin, &module);
  if (bad == 0)
    bad = vl_plugin_configure (call, plugin, registry->config);
  if (bad == 0 && plugin->kind == VL_KIND_FEATURE)
    bad = check_claims (call, plugin);
  vl_call_as (call, caller);
  if (bad)
    forget_module (plugin);
  else
    plugin->state = VL_PLUGIN_LOADED;
  return bad;
}

int
vl_registry_load (struct vl_call *call, struct vl_registry *registry, struct vl_plugin *plugin,
                  const struct vl_places *places)
{
  if (plugin->state == VL_PLUGIN_LOADED)
    return 0;
  if (plugin->state != VL_PLUGIN_UNUSED)
    return vl_report (
        call,
        &(struct vl_report) { .severity = VL_SEV_ERROR,
                              .err = plugin->state == VL_PLUGIN_REFUSED ? VL_ERR_REFUSED
                                                                        : VL_ERR_UNSUPPORTED,
                              .plugin = plugin->name,
                              .origin = plugin->conf },
        "%s '%s' is %s: %s", plugin->kind == VL_KIND_DRIVER ? "driver" : "feature", plugin->name,
        plugin->state == VL_PLUGIN_REFUSED ? "refused" : "turned off", plugin->reason);
  return load_module (call, registry, plugin, places);
}

/* ---- modules that are not installed ---- */

int
vl_registry_given (struct vl_call *call, struct vl_registry *registry,
                   const struct vl_places *places)
{
  int result = 0;

  for (size_t i = 0; places->modules && places->modules[i]; i++)
    result |= read_module (call, registry, places->modules[i]);
  return result;
}

int
vl_registry_given_loaded (struct vl_call *call, const struct vl_registry *registry)
{
  int result = 0;

  for (size_t i = 0; i < registry->n; i++)
    if (registry->plugins[i]->given && registry->plugins[i]->state == VL_PLUGIN_REFUSED)
      result =
          vl_report (call, &(struct vl_report) { VL_SEV_ERROR, VL_ERR_REFUSED, .plugin = "core" },
                     "'%s', which was asked for, was refused: %s", registry->plugins[i]->path,
                     registry->plugins[i]->reason);
  return result;
}

void
vl_registry_read (struct vl_call *call, struct vl_registry *registry,
                  const struct vl_config *config)
{
  registry->config = config;
  for (size_t i = 0; i < config->n_files; i++)
    if (config->files[i].plugin)
      read_record (call, registry, config, &config->files[i]);
}

void
vl_registry_load_all (struct vl_call *call, struct vl_registry *registry,
                      const struct vl_places *places)
{
  for (size_t i = 0; i < registry->n; i++)
    if (registry->plugins[i]->kind == VL_KIND_FEATURE
        && registry->plugins[i]->state == VL_PLUGIN_UNUSED)
      load_module (call, registry, registry->plugins[i], places);
  vl_registry_relate (call, registry);
  refuse_doubles (call, registry);
  for (size_t i = 0; i < registry->n; i++)
    if (registry->plugins[i]->state == VL_PLUGIN_REFUSED)
      forget_module (registry->plugins[i]);
}

/* ---- look-ups ---- */

struct vl_plugin *
vl_registry_find (const struct vl_registry *registry, const char *name)
{
  for (size_t i = 0; i < registry->n; i++)
    if (VL_STREQ (registry->plugins[i]->name, name))
      return registry->plugins[i];
  return NULL;
}

struct vl_plugin *
vl_registry_claim (const struct vl_registry *registry, const char *key)
{
  for (size_t i = 0; i < registry->n; i++)
    for (const char **claim = registry->plugins[i]->keys; *claim; claim++)
      if (vl_key_matches (*claim, key))
        return registry->plugins[i];
  return NULL;
}

/* Adds those of PLUGIN for SLOT to LIST; answers their number. */
static size_t
add_offers (const struct vl_plugin *plugin, const char *slot, const char *virt,
            const struct vl_offer **list)
{
  size_t n = 0;

  for (size_t i = 0; plugin->state == VL_PLUGIN_LOADED && i < plugin->n_offers; i++) {
    const struct vl_offer *offer = &plugin->offers[i];

    if (VL_STREQ (offer->slot, slot)
        && (offer->virt == NULL || (virt && vl_glob_any (offer->virt, virt))))
      list[n++] = offer;
  }
  return n;
}

const struct vl_offer **
vl_registry_offers (const struct vl_registry *registry, struct vl_arena *arena,
                    const struct vl_plugin *driver, const char *slot, const char *virt, size_t *n)
{
  size_t most = driver ? driver->n_offers + 1 : 1;
  const struct vl_offer **list;

  for (size_t p = 0; p < registry->n; p++)
    most += registry->plugins[p]->n_offers;
  list = vl_arena_alloc (arena, most * sizeof *list);
  *n = 0;
  for (size_t p = 0; p < registry->n; p++)
    if (registry->plugins[p]->n_offers && registry->plugins[p]->kind == VL_KIND_FEATURE)
      *n += add_offers (registry->plugins[p], slot, virt, list + *n);
  if (*n == 0 && driver)
    *n = add_offers (driver, slot, virt, list);
  return list;
}
