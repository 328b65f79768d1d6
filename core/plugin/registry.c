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
  free (registry->keys);
  vl_arena_free (registry->arena);
  free (registry);
}

static int
compare_plugins (const void *a, const void *b)
{
  return strcmp ((*(struct vl_plugin *const *)a)->name, (*(struct vl_plugin *const *)b)->name);
}

struct vl_plugin *
vl_registry_add (struct vl_registry *registry, const char *name, enum vl_kind kind)
{
  static const char *none[] = { NULL };
  struct vl_plugin *plugin = vl_arena_alloc (registry->arena, sizeof *plugin);

  plugin->name = vl_arena_strdup (registry->arena, name);
  plugin->kind = kind;
  plugin->state = VL_PLUGIN_UNUSED;
  plugin->enabled = 1;
  plugin->module = vl_arena_printf (registry->arena, "%s.so", name);
  plugin->keys = plugin->claims = plugin->reads = plugin->wakes = plugin->needs =
      plugin->conflicts = plugin->traits = none;
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
  const char **keys = vl_arena_alloc (arena, (text ? strlen (text) / 2 + 2 : 1) * sizeof *keys);
  size_t n = 0;

  if (text == NULL)
    return keys;
  for (text += strspn (text, between); *text; text += strspn (text, between)) {
    size_t length = strcspn (text, between);

    keys[n++] = vl_arena_strndup (arena, text, length);
    text += length;
  }
  return keys;
}

static int
conf_bool (struct vl_call *call, const struct vl_config *config, const char *file, const char *key,
           int otherwise)
{
  struct vl_prop spec = { .type = VL_BOOL };
  const char *text = conf_text (config, file, key), *why;
  struct vl_value value;

  /* conf.c refused the file of any value that does not parse. */
  if (text == NULL || vl_value_parse (call->arena, &spec, text, &value, &why) < 0)
    return otherwise;
  return (int)value.number;
}

/* First parts of the names of the core's own properties, slots and facts: a plugin of
 * such a name would speak for the core. */
static const char *const reserved[] = {
  "caps",    "cdrom", "cgroup", "claim",   "core",    "device", "disk",    "driver",   "flavor",
  "guest",   "host",  "image",  "kernel",  "libvirt", "module", "network", "nic",      "qemu",
  "request", "scsi",  "server", "storage", "store",   "swtpm",  "trait",   "virtloom", "volume",
};

int
vl_plugin_name_reserved (const char *name)
{
  for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++)
    if (VL_STREQ (reserved[i], name))
      return 1;
  return 0;
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

  plugin->conf = vl_arena_strdup (registry->arena, file->path);
  plugin->enabled = conf_bool (call, config, file->file, "enabled", 1);
  plugin->critical = conf_bool (call, config, file->file, "critical", 0);
  plugin->keys = conf_words (registry->arena, config, file->file, "keys");
  plugin->claims = conf_words (registry->arena, config, file->file, "traits");
  if (file->why) {
    /* Its findings were recorded where the file was read. */
    plugin->state = VL_PLUGIN_REFUSED;
    plugin->reason = vl_arena_strdup (registry->arena, file->why);
  } else if (vl_plugin_name_reserved (plugin->name))
    vl_plugin_refuse (call, registry, plugin, VL_ERR_REFUSED, NULL, NULL,
                      "the name '%s' is reserved: the core's own values begin with it",
                      plugin->name);
  else if (kind == NULL)
    vl_plugin_refuse (call, registry, plugin, VL_ERR_REFUSED, NULL, NULL,
                      "no configuration layer says what '%s' is; accepted: kind = feature or "
                      "driver in [plugin]",
                      plugin->name);
  else if (rank && plugin->kind != VL_KIND_DRIVER)
    vl_plugin_refuse (call, registry, plugin, VL_ERR_REFUSED, NULL, NULL,
                      "'auto' ranks drivers; '%s' is a feature", plugin->name);
  else if (! plugin->enabled) {
    plugin->state = VL_PLUGIN_DISABLED;
    plugin->reason = vl_arena_printf (registry->arena, "enabled = %s in %s:%d", off->value,
                                      off->path, off->line);
  }
  plugin->auto_rank = rank && ! VL_STREQ (rank, "never") ? atoi (rank) : 0;
}

/* The record of the module in FILE, which is not installed: the one of its name, else a
 * new one that claims what its tables have. */
static int
read_module (struct vl_call *call, struct vl_registry *registry, const char *file)
{
  const char *base = strrchr (file, '/') + 1, *why = NULL;
  size_t n = strlen (base);
  const char *name = n > 3 && VL_STREQ (base + n - 3, ".so")
                         ? vl_arena_strndup (registry->arena, base, n - 3)
                         : "";
  struct vl_plugin *plugin = vl_registry_find (registry, name);
  struct vl_module module = { .span = 0 };
  int fd = -1;

  if (! vl_plugin_name_ok (name))
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

typedef int (*key_fn) (void *opaque, const char *key, int image, const struct vl_prop *row);

/* Calls FN for each request key of PLUGIN's tables. */
static void
each_key (const struct vl_plugin *plugin, key_fn fn, void *opaque)
{
  for (size_t i = 0; i < plugin->n_props; i++) {
    const struct vl_prop *row = &plugin->props[i];
    const struct vl_alias *aliases = row->aliases.rows;

    if (row->flavor_key)
      fn (opaque, row->flavor_key, 0, row);
    if (row->image_key)
      fn (opaque, row->image_key, 1, row);
    for (size_t j = 0; j < row->aliases.count; j++)
      fn (opaque, aliases[j].key, aliases[j].image != 0, row);
  }
}

static int
collect_key (void *opaque, const char *key, int image, const struct vl_prop *row)
{
  (void)image;
  (void)row;
  if (! vl_strv_has (opaque, key))
    vl_strv_add (opaque, key);
  return 0;
}

/* What A has and B has not, " 'x' 'y'"; the caller frees. */
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
check_list (struct vl_call *call, struct vl_registry *registry, struct vl_plugin *plugin,
            const char *list, const char **claims, struct vl_strv *tables)
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
      call, registry, plugin, VL_ERR_REFUSED, NULL, vl_printf (call, "%s = %s", list, all),
      "the %s of its conf and of its tables differ:%s%s%s%s%s", list,
      *unclaimed ? " the conf does not claim " : "", unclaimed, *unclaimed && *idle ? ";" : "",
      *idle ? " the tables do not have " : "", idle);
}

static int
check_claims (struct vl_call *call, struct vl_registry *registry, struct vl_plugin *plugin)
{
  VL_AUTOSTRV struct vl_strv keys = { 0 }, traits = { 0 };

  each_key (plugin, collect_key, &keys);
  for (const char **trait = plugin->traits; *trait; trait++)
    vl_strv_add (&traits, *trait);
  if (plugin->unclaimed) {
    plugin->keys = vl_arena_alloc (registry->arena, (keys.n + 1) * sizeof *plugin->keys);
    for (size_t i = 0; i < keys.n; i++)
      plugin->keys[i] = vl_arena_strdup (registry->arena, keys.items[i]);
    plugin->claims = plugin->traits;
    return 0;
  }
  if (check_list (call, registry, plugin, "keys", plugin->keys, &keys) < 0)
    return -1;
  return check_list (call, registry, plugin, "traits", plugin->claims, &traits);
}

/* ---- the index of request keys ---- */

struct indexing {
  struct vl_registry *registry;
  struct vl_plugin *plugin;
};

static int
index_key (void *opaque, const char *key, int image, const struct vl_prop *row)
{
  struct indexing *in = opaque;
  struct vl_registry *registry = in->registry;

  VL_GROW (registry->keys, registry->n_keys, registry->keys_size);
  registry->keys[registry->n_keys++] = (struct vl_key_ref) { key, image, in->plugin, row };
  return 0;
}

static int
compare_keys (const void *a, const void *b)
{
  const struct vl_key_ref *x = a, *y = b;
  int order = strcmp (x->key, y->key);

  return order ? order : x->image - y->image;
}

void
vl_registry_index (struct vl_registry *registry)
{
  registry->n_keys = 0;
  for (size_t i = 0; i < registry->n; i++) {
    struct indexing in = { registry, registry->plugins[i] };

    if (in.plugin->state == VL_PLUGIN_LOADED && in.plugin->kind == VL_KIND_FEATURE)
      each_key (in.plugin, index_key, &in);
  }
  if (registry->n_keys > 1)
    qsort (registry->keys, registry->n_keys, sizeof *registry->keys, compare_keys);
}

/* ---- rules between plugins ---- */

/* Of PLUGIN and OTHER, which both have WHAT: a plugin's own two rows are its own
 * fault alone. */
static void
refuse_pair (struct vl_call *call, struct vl_registry *registry, struct vl_plugin *plugin,
             struct vl_plugin *other, const char *what, const char *name)
{
  if (plugin == other) {
    vl_plugin_refuse (call, registry, plugin, VL_ERR_REFUSED, NULL, NULL,
                      "two of its properties %s '%s'", what, name);
    return;
  }
  for (int turn = 0; turn < 2; turn++) {
    struct vl_plugin *one = turn ? other : plugin, *two = turn ? plugin : other;

    vl_plugin_refuse (call, registry, one, VL_ERR_CONFLICT, NULL,
                      vl_printf (call, "turn one off: virtloom feature disable %s", one->name),
                      "plugins '%s' and '%s' both %s '%s', so both are refused", one->name,
                      two->name, what, name);
  }
}

static void
refuse_double_answers (struct vl_call *call, struct vl_registry *registry, struct vl_plugin *one,
                       struct vl_plugin *two)
{
  static const char *const whats[VL_N_ANSWERS] = { "answer for images_type",
                                                   "answer for volumes of type",
                                                   "answer for networks of type" };

  for (int what = 0; what < VL_N_ANSWERS; what++)
    for (const char *const *name = vl_plugin_answers (one, (enum vl_answers)what); *name; name++)
      if (vl_plugin_has_answer (two, (enum vl_answers)what, *name))
        refuse_pair (call, registry, one, two, whats[what], *name);
}

static void
refuse_doubles (struct vl_call *call, struct vl_registry *registry)
{
  for (size_t i = 0; i < registry->n; i++)
    for (size_t j = 0; j < i; j++)
      refuse_double_answers (call, registry, registry->plugins[j], registry->plugins[i]);
  vl_registry_index (registry);
  for (size_t i = 1; i < registry->n_keys; i++)
    if (compare_keys (&registry->keys[i - 1], &registry->keys[i]) == 0)
      refuse_pair (call, registry, registry->keys[i - 1].plugin, registry->keys[i].plugin,
                   "have request key", registry->keys[i].key);
  for (size_t i = 0; i < registry->n; i++)
    for (size_t p = 0; p < registry->plugins[i]->n_props; p++)
      for (size_t j = 0; j <= i; j++)
        for (size_t q = 0; q < (i == j ? p : registry->plugins[j]->n_props); q++) {
          const char *one = registry->plugins[i]->props[p].fills;
          const char *two = registry->plugins[j]->props[q].fills;

          if (one && two && VL_STREQ (one, two))
            refuse_pair (call, registry, registry->plugins[j], registry->plugins[i], "fill slot",
                         one);
        }
}

/* A refused plugin keeps its name, conf and claims, nothing of its module. */
static void
forget_module (struct vl_plugin *plugin)
{
  static const char *none[] = { NULL };

  memset (&plugin->feature, 0, sizeof plugin->feature);
  memset (&plugin->driver, 0, sizeof plugin->driver);
  plugin->props = NULL;
  plugin->base = NULL;
  plugin->writes = NULL;
  plugin->n_props = plugin->n_writes = 0;
  plugin->reads = plugin->wakes = plugin->needs = plugin->conflicts = plugin->traits = none;
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
    return vl_plugin_refuse (call, registry, plugin, VL_ERR_REFUSED, NULL, NULL, "%s", why);
  }
  plugin->built_for = vl_arena_strdup (registry->arena, module.note.built_for);
  bad = vl_plugin_adopt (call, registry, plugin, &module);
  if (bad == 0)
    bad = vl_plugin_configure (call, registry, plugin, registry->config);
  if (bad == 0 && plugin->kind == VL_KIND_FEATURE)
    bad = check_claims (call, registry, plugin);
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
  vl_registry_index (registry);
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

static struct vl_plugin *
find_key (const struct vl_registry *registry, const char *key, int image,
          const struct vl_prop **row)
{
  struct vl_key_ref wanted = { .key = key, .image = image };
  const struct vl_key_ref *ref =
      registry->n_keys
          ? bsearch (&wanted, registry->keys, registry->n_keys, sizeof wanted, compare_keys)
          : NULL;

  if (ref == NULL)
    return NULL;
  if (row)
    *row = ref->row;
  return ref->plugin;
}

struct vl_plugin *
vl_registry_key (const struct vl_registry *registry, const char *key, int image,
                 const struct vl_prop **row)
{
  struct vl_plugin *plugin = find_key (registry, key, image != 0, row);
  const char *dot = strrchr (key, '.');
  char pattern[256];

  if (plugin || dot == NULL || dot[1] == '\0' || dot[1 + strspn (dot + 1, "0123456789")]
      || (size_t)(dot - key) + 3 > sizeof pattern)
    return plugin;
  memcpy (pattern, key, (size_t)(dot - key) + 1);
  strcpy (pattern + (dot - key) + 1, "N");
  return find_key (registry, pattern, image != 0, row);
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

struct vl_plugin *
vl_registry_slot (const struct vl_registry *registry, const char *slot, const struct vl_prop **row)
{
  for (size_t i = 0; i < registry->n; i++)
    for (size_t p = 0; p < registry->plugins[i]->n_props; p++)
      if (registry->plugins[i]->state == VL_PLUGIN_LOADED && registry->plugins[i]->props[p].fills
          && VL_STREQ (registry->plugins[i]->props[p].fills, slot)) {
        if (row)
          *row = &registry->plugins[i]->props[p];
        return registry->plugins[i];
      }
  return NULL;
}

/* Is VIRT one of the words of TYPES, or TYPES NULL? */
static int
has_word (const char *types, const char *virt)
{
  size_t length = virt ? strlen (virt) : 0;

  for (const char *at = types; at && length; at = strchr (at + 1, ' '))
    if (strncmp (at + (*at == ' '), virt, length) == 0
        && strchr (" ", at[(*at == ' ') + length]) != NULL)
      return 1;
  return types == NULL;
}

/* Adds those of PLUGIN for SLOT to LIST, which may be NULL; answers their number. */
static size_t
add_offers (const struct vl_plugin *plugin, const char *slot, const char *virt,
            const struct vl_offer **list)
{
  size_t n = 0;

  for (size_t i = 0; plugin->state == VL_PLUGIN_LOADED && i < plugin->n_offers; i++)
    if (VL_STREQ (plugin->offers[i].slot, slot) && has_word (plugin->offers[i].virt, virt)) {
      if (list)
        list[n] = &plugin->offers[i];
      n++;
    }
  return n;
}

const struct vl_offer **
vl_registry_offers (const struct vl_registry *registry, struct vl_arena *arena,
                    const struct vl_plugin *driver, const char *slot, const char *virt, size_t *n)
{
  const struct vl_offer **list = NULL;

  /* First how many, then which. */
  for (int pass = 0; pass < 2; pass++) {
    if (pass)
      list = vl_arena_alloc (arena, (*n + 1) * sizeof *list);
    *n = 0;
    for (size_t p = 0; p < registry->n; p++)
      if (registry->plugins[p]->kind == VL_KIND_FEATURE)
        *n += add_offers (registry->plugins[p], slot, virt, list ? list + *n : NULL);
    if (*n == 0 && driver)
      *n = add_offers (driver, slot, virt, list);
  }
  return list;
}
