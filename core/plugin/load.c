/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Bodies and tables of a module, copied into memory of today's size.  A module
 * may be older than this core (its rows are shorter: the rest is zero) or newer
 * (its rows are longer: the rest has to be zero, since what is not known cannot be
 * carried out).  The texts stay the module's, which is never unloaded. */

#include <config.h>

#include "plugin/load.h"

#include "lib/text.h"
#include "plugin/idle.h"

#include <inttypes.h>
#include <linux/capability.h>

#define MOST_ROWS 1024
#define MOST_ROW_BYTES 4096
#define MOST_BODY_BYTES 4096

/* What the first version of this ABI had; nothing shorter was ever built. */
#define UP_TO(type, member) (offsetof (type, member) + sizeof (((type *)NULL)->member))

int
vl_plugin_refuse (struct vl_call *call, struct vl_plugin *plugin, enum vl_err err,
                  const char *origin, const char *hint, const char *fmt, ...)
{
  struct vl_report report = {
    .severity = VL_SEV_ERROR,
    .err = err,
    .code = err == VL_ERR_CONFLICT ? "PluginConflict" : NULL,
    .plugin = plugin->name,
    .origin = origin ? origin : plugin->conf,
    .hint = hint,
  };
  va_list args;
  char *message;

  va_start (args, fmt);
  message = vl_arena_vprintf (plugin->arena, fmt, args);
  va_end (args);
  if (plugin->state != VL_PLUGIN_REFUSED)
    plugin->reason = message;
  plugin->state = VL_PLUGIN_REFUSED;
  return vl_report (call, &report, "%s", message);
}

struct loading {
  struct vl_call *call;
  struct vl_plugin *plugin;
  const struct vl_module *module;
};

#define REFUSE(l, ...)                                                                             \
  vl_plugin_refuse ((l)->call, (l)->plugin, VL_ERR_REFUSED, NULL, NULL, __VA_ARGS__)

/* Are the N bytes at BYTES, which the module says are its own, in its memory? */
static int
holds (const struct loading *l, const char *bytes, size_t n)
{
  const struct vl_module *module = l->module;

  return bytes >= module->start && n <= module->span
         && (size_t)(bytes - module->start) <= module->span - n;
}

/* Is all zero from byte FROM of BYTES, N long?  What a later virtloom put there
 * means something else. */
static int
rest_is_zero (const char *bytes, size_t from, size_t n)
{
  while (from < n && bytes[from] == 0)
    from++;
  return from >= n;
}

static int
needs_later (struct loading *l, const char *what)
{
  return REFUSE (l, "it needs virtloom %s: %s something that virtloom %s does not know",
                 l->plugin->built_for, what, PACKAGE_VERSION);
}

/* The rows of TABLE in rows of SIZE bytes; *N how many.  NULL where there are
 * none, or where the table was refused. */
#define COPY_ROWS(l, table, what, type, last_of_first, n)                                          \
  copy_rows ((l), (table), (what), sizeof (type), UP_TO (type, last_of_first), (n))
static void *
copy_rows (struct loading *l, const struct vl_table *table, const char *what, size_t size,
           size_t least, size_t *n)
{
  size_t common = table->row_size < size ? table->row_size : size;
  char *rows;

  *n = 0;
  if (table->count == 0)
    return NULL;
  if (table->rows == NULL || table->count > MOST_ROWS || table->row_size < least
      || table->row_size > MOST_ROW_BYTES) {
    REFUSE (l,
            "its table of %s has %u rows of %u bytes; accepted: at most %d rows of %zu to %d "
            "bytes",
            what, table->count, table->row_size, MOST_ROWS, least, MOST_ROW_BYTES);
    return NULL;
  }
  if (! holds (l, table->rows, (size_t)table->count * table->row_size)) {
    REFUSE (l, "its table of %s lies outside of the module", what);
    return NULL;
  }
  rows = vl_arena_alloc (l->plugin->arena, table->count * size);
  for (size_t i = 0; i < table->count; i++) {
    const char *row = (const char *)table->rows + i * table->row_size;

    memcpy (rows + i * size, row, common);
    if (! rest_is_zero (row, common, table->row_size)) {
      needs_later (l, vl_arena_printf (l->plugin->arena, "row %zu of its %s says", i, what));
      return NULL;
    }
  }
  *n = table->count;
  return rows;
}

/* Bits that this core does not know ask for what it cannot carry out. */
static void
check_flags (struct loading *l, const char *what, const char *name, uint32_t flags, uint32_t known)
{
  if (flags & ~known)
    REFUSE (l, "its %s '%s' has flags 0x%x, which virtloom %s does not know", what, name,
            flags & ~known, PACKAGE_VERSION);
}

/* A number that says yes or no: another one means what a later virtloom made of it. */
static void
check_yes_or_no (struct loading *l, const char *what, uint32_t value)
{
  if (value > 1)
    REFUSE (l, "its %s is %u; accepted: 0, 1", what, value);
}

static const char **
copy_names (struct loading *l, const struct vl_table *table, const char *what)
{
  size_t n;
  const struct vl_name *rows = COPY_ROWS (l, table, what, struct vl_name, flags, &n);
  const char **names = vl_arena_alloc (l->plugin->arena, (n + 1) * sizeof *names);

  for (size_t i = 0; i < n; i++) {
    if (rows[i].name == NULL) {
      REFUSE (l, "its table of %s has a row without a name", what);
      break;
    }
    check_flags (l, what, rows[i].name, rows[i].flags, VL_OPTIONAL);
    names[i] = rows[i].name;
  }
  return names;
}

/* ---- checking rows ---- */

#define ROW_FLAGS                                                                                  \
  (VL_NOCASE | VL_LOWER | VL_EMPTY_OK | VL_EMPTY_UNSET | VL_INDEXED | VL_MASK | VL_PUBLIC          \
   | VL_SECRET)

/* What is wrong with the type, choices, limits or default of a row, or NULL. */
static const char *
row_problem (struct vl_arena *arena, const struct vl_prop *row)
{
  struct vl_value value;
  const char *why;

  if (row->type < VL_BOOL || row->type > VL_DECIMAL)
    return vl_arena_printf (arena, "is of type %d, which virtloom %s does not know", (int)row->type,
                            PACKAGE_VERSION);
  if (row->type == VL_CHOICE && (row->choices == NULL || row->choices[0] == NULL))
    return "is a choice without choices";
  if (row->max < row->min || (row->max == row->min && row->max))
    return vl_arena_printf (arena,
                            "has limits %" PRId64 " to %" PRId64 "; accepted: the least first",
                            row->min, row->max);
  if (row->deflt && vl_value_parse (arena, row, row->deflt, &value, &why) < 0)
    return vl_arena_printf (arena, "has default '%s', which %s", row->deflt, why);
  return NULL;
}

static int
name_ok (const char *name)
{
  return name && *name
         && name[strspn (name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")]
                == '\0';
}

static int
is_slot (const char *name)
{
  static const char *const slots[] = { VL_GUEST_MACHINE,        VL_DISK_BUS,   VL_CDROM_BUS,
                                       VL_SCSI_MODEL,           VL_NIC_MODEL,  VL_CLAIM_VCPUS,
                                       VL_CLAIM_MEMORY,         VL_HOST_VCPUS, VL_HOST_MEMORY,
                                       VL_GUEST_DEDICATED_CPUS, NULL };

  return vl_text_among (name, slots);
}

static const struct vl_prop *
row_of_setting (const struct vl_plugin *plugin, const char *name)
{
  for (size_t i = 0; i < plugin->n_props; i++)
    if (vl_text_same (plugin->props[i].setting, name))
      return &plugin->props[i];
  return NULL;
}

/* Which layers the keys of ROW are for, after refusing an alias without a key. */
static void
check_keys (struct loading *l, const struct vl_prop *row)
{
  const struct vl_alias *aliases = row->aliases.rows;
  int flavor = row->flavor_key != NULL, image = row->image_key != NULL;

  for (size_t i = 0; i < row->aliases.count; i++) {
    if (aliases[i].key == NULL)
      REFUSE (l, "its property '%s' has an alias without a key", row->name);
    check_yes_or_no (l, vl_arena_printf (l->plugin->arena, "image of an alias of '%s'", row->name),
                     aliases[i].image);
    check_yes_or_no (
        l, vl_arena_printf (l->plugin->arena, "deprecated of an alias of '%s'", row->name),
        aliases[i].deprecated);
    flavor |= ! aliases[i].image;
    image |= aliases[i].image != 0;
  }
  if (row->rule > VL_BY_FEATURE)
    REFUSE (l, "its property '%s' has rule %d, which virtloom %s does not know", row->name,
            (int)row->rule, PACKAGE_VERSION);
  else if (flavor && image && row->rule == VL_RULE_NONE)
    REFUSE (l, "its property '%s' has a flavor key and an image key, but no rule between them",
            row->name);
  if ((flavor || image) && l->plugin->kind == VL_KIND_DRIVER)
    REFUSE (l, "its property '%s' has a request key; accepted of drivers: settings", row->name);
}

/* What the row has an effect beside: rows of its plugin, or of others, that are there or not. */
static void
check_only (struct loading *l, const struct vl_prop *row)
{
  const char *rest = row->only, *words, *word;
  struct vl_only only;

  while (rest && (words = vl_only_next (l->call, &rest, 1)) != NULL)
    while ((word = vl_only_next (l->call, &words, 0)) != NULL)
      if (vl_only_read (l->call, word, &only) < 0
          || (strchr (only.name, '.') == NULL && vl_plugin_row (l->plugin, only.name) == NULL))
        REFUSE (l,
                "its property '%s' has an effect only where '%s'; accepted: NAME, NAME=VALUE or "
                "NAME!=VALUE, with the name of one of its rows or PLUGIN.NAME",
                row->name, word);
}

static void
check_prop (struct loading *l, const struct vl_prop *row)
{
  const char *problem = row_problem (l->plugin->arena, row);

  if (problem)
    REFUSE (l, "its property '%s' %s", row->name, problem);
  check_flags (l, "property", row->name, row->flags, ROW_FLAGS);
  check_keys (l, row);
  if (row->setting && ! name_ok (row->setting))
    REFUSE (l, "its property '%s' has setting '%s', which is no proper name", row->name,
            row->setting);
  if (row->of && ! VL_STREQ (row->of, "disk") && ! VL_STREQ (row->of, "nic"))
    REFUSE (l, "its property '%s' is of each '%s'; accepted: disk, nic", row->name, row->of);
  if (row->of && row->flags & VL_INDEXED)
    REFUSE (l, "its property '%s' is numbered, and of each %s; accepted: one of the two", row->name,
            row->of);
  if (row->fills && ! is_slot (row->fills))
    REFUSE (l, "its property '%s' fills '%s', which is no slot", row->name, row->fills);
  check_only (l, row);
}

static void
adopt_props (struct loading *l, const struct vl_table *table)
{
  struct vl_plugin *plugin = l->plugin;
  struct vl_prop *rows =
      COPY_ROWS (l, table, "properties", struct vl_prop, since, &plugin->n_props);

  plugin->props = rows;
  for (size_t i = 0; i < plugin->n_props; i++) {
    size_t n;

    rows[i].aliases.rows =
        COPY_ROWS (l, &rows[i].aliases, "aliases", struct vl_alias, value_map, &n);
    rows[i].aliases.count = (uint32_t)n;
    rows[i].aliases.row_size = sizeof (struct vl_alias);
    if (! name_ok (rows[i].name)) {
      REFUSE (l, "row %zu of its properties has no proper name", i);
      continue;
    }
    check_prop (l, &rows[i]);
    for (size_t j = 0; j < i; j++) {
      if (vl_text_same (rows[i].name, rows[j].name))
        REFUSE (l, "it has property '%s' twice", rows[i].name);
      if (rows[i].setting && vl_text_same (rows[i].setting, rows[j].setting))
        REFUSE (l, "it has setting '%s' twice", rows[i].setting);
    }
  }
}

static void
adopt_writes (struct loading *l, const struct vl_table *table, const char *what)
{
  struct vl_plugin *plugin = l->plugin;

  plugin->writes = COPY_ROWS (l, table, what, struct vl_write, flags, &plugin->n_writes);
  for (size_t i = 0; i < plugin->n_writes; i++) {
    const struct vl_write *row = &plugin->writes[i];

    if (row->path == NULL) {
      REFUSE (l, "its table of %s has a row without a path", what);
      continue;
    }
    check_flags (l, what, row->path, row->flags, VL_GUARDED);
    if (row->since && ! vl_text_is_version (row->since))
      REFUSE (l, "its %s '%s' are since libvirt '%s', which is no version; accepted: 10.4.0", what,
              row->path, row->since);
  }
}

static void
adopt_offers (struct loading *l, const struct vl_table *table)
{
  struct vl_plugin *plugin = l->plugin;

  plugin->offers = COPY_ROWS (l, table, "offers", struct vl_offer, virt, &plugin->n_offers);
  for (size_t i = 0; i < plugin->n_offers; i++)
    if (! is_slot (plugin->offers[i].slot) || plugin->offers[i].name == NULL)
      REFUSE (l, "row %zu of its offers has no slot, or no name", i);
}

#define KNOWN_FLAGS (VL_TOOL_TENANT | VL_TOOL_WRITES | VL_TOOL_CONNECT)

static int
relative_one (const char *const *list)
{
  while (list && *list && **list == '/')
    list++;
  return list && *list;
}

const char *
vl_tool_row_problem (struct vl_arena *arena, const struct vl_tool_row *row)
{
  if (row->program == NULL || *row->program == '\0'
      || (*row->program != '/' && strchr (row->program, '/')))
    return "names no program; accepted: the name of one in the system's folders, or an absolute "
           "path";
  if (row->flags & ~KNOWN_FLAGS)
    return vl_arena_printf (arena, "has flags 0x%x, which virtloom %s does not know",
                            row->flags & ~KNOWN_FLAGS, PACKAGE_VERSION);
  if (row->capabilities >> (CAP_LAST_CAP + 1))
    return vl_arena_printf (arena, "asks for capabilities 0x%llx, which virtloom %s does not know",
                            (unsigned long long)row->capabilities, PACKAGE_VERSION);
  if (relative_one (row->paths) || relative_one (row->devices))
    return "lists a path that is not absolute";
  if (row->memory < 0 || row->output < 0)
    return "has a limit below 0";
  if ((row->flags & VL_TOOL_TENANT)
      && ((row->flags & VL_TOOL_CONNECT) || row->capabilities || row->user || row->devices))
    return vl_arena_printf (arena,
                            "reads what tenants made, and asks for %s as well; accepted: "
                            "VL_TOOL_WRITES alone beside VL_TOOL_TENANT",
                            row->flags & VL_TOOL_CONNECT ? "the network"
                            : row->capabilities          ? "capabilities"
                            : row->user                  ? "a user"
                                                         : "devices");
  return NULL;
}

static void
adopt_tools (struct loading *l, const struct vl_table *table)
{
  struct vl_plugin *plugin = l->plugin;
  const struct vl_tool_row *rows =
      COPY_ROWS (l, table, "tools", struct vl_tool_row, output, &plugin->n_tools);

  plugin->tools = rows;
  for (size_t i = 0; i < plugin->n_tools; i++) {
    const char *problem = vl_tool_row_problem (l->plugin->arena, &rows[i]);

    if (! name_ok (rows[i].name))
      REFUSE (l, "row %zu of its tools has no proper name", i);
    else if (problem)
      REFUSE (l, "its tool '%s' %s", rows[i].name, problem);
    for (size_t j = 0; j < i; j++)
      if (rows[i].name && vl_text_same (rows[i].name, rows[j].name))
        REFUSE (l, "it has tool '%s' twice", rows[i].name);
  }
}

/* A group of calls in memory of TODAY bytes; NULL where there is none, or where it was
 * refused. */
static void *
copy_group (struct loading *l, const void *calls, const char *what, size_t today, size_t least)
{
  char *copy;
  uint32_t size;

  if (calls == NULL)
    return NULL;
  if (! holds (l, calls, sizeof size)) {
    REFUSE (l, "its group of %s calls lies outside of the module", what);
    return NULL;
  }
  memcpy (&size, calls, sizeof size);
  if (size < least || size > MOST_BODY_BYTES || ! holds (l, calls, size)) {
    REFUSE (l, "its group of %s calls has %u bytes; accepted: %zu to %d, within the module", what,
            size, least, MOST_BODY_BYTES);
    return NULL;
  }
  if (! rest_is_zero (calls, today, size))
    needs_later (l, vl_arena_printf (l->plugin->arena, "its %s calls say", what));
  copy = vl_arena_alloc (l->plugin->arena, today);
  memcpy (copy, calls, size < today ? size : today);
  return copy;
}

static void
adopt_groups (struct loading *l)
{
  struct vl_feature *feature = &l->plugin->feature;
  const struct vl_storage_calls *storage = feature->storage = copy_group (
      l, feature->storage, "storage", sizeof *storage, UP_TO (struct vl_storage_calls, extend));
  const struct vl_network_calls *network = feature->network = copy_group (
      l, feature->network, "network", sizeof *network, UP_TO (struct vl_network_calls, unplug));

  if (storage
      && (storage->locate == NULL
          || ! ((storage->image_types && storage->image_types[0])
                || (storage->volume_types && storage->volume_types[0]))))
    REFUSE (l, "its storage calls lack locate, or answer for no type of images or volumes");
  if (network && (network->describe == NULL || network->types == NULL || network->types[0] == NULL))
    REFUSE (l, "its network calls lack describe, or answer for no type");
}

static void
adopt_feature (struct loading *l)
{
  struct vl_plugin *plugin = l->plugin;
  const struct vl_feature *feature = &plugin->feature;

  plugin->version = feature->version;
  plugin->summary = feature->summary;
  adopt_props (l, &feature->props);
  adopt_writes (l, &feature->writes, "writes");
  adopt_offers (l, &feature->offers);
  plugin->reads = copy_names (l, &feature->reads, "reads");
  plugin->wakes = copy_names (l, &feature->wakes, "wakes");
  plugin->needs = copy_names (l, &feature->needs, "needs");
  plugin->conflicts = copy_names (l, &feature->conflicts, "conflicts");
  plugin->traits = copy_names (l, &feature->traits, "traits");
  check_yes_or_no (l, "policy", feature->policy);
  adopt_tools (l, &feature->tools);
  adopt_groups (l);
}

/* What it says that it changes of a guest that runs. */
static void
check_live (struct loading *l, const struct vl_driver *driver)
{
  static const char names[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:-/";

  if (driver->live && (driver->devices == NULL || driver->devices->change_live == NULL))
    REFUSE (l, "it lists what it changes of a guest that runs (live), and lacks change_live");
  for (const char *const *path = driver->live; path && *path; path++)
    if (**path == '\0' || (*path)[strspn (*path, names)] || **path == '/' || **path == '.')
      REFUSE (l, "its live path '%s' is no path; accepted: as 'devices/disk/iotune'", *path);
}

static void
adopt_driver (struct loading *l)
{
  struct vl_plugin *plugin = l->plugin;
  struct vl_driver *driver = &plugin->driver;

  plugin->version = plugin->driver.version;
  plugin->summary = plugin->driver.summary;
  adopt_props (l, &plugin->driver.props);
  adopt_writes (l, &plugin->driver.understands, "understands");
  adopt_offers (l, &plugin->driver.offers);
  adopt_tools (l, &plugin->driver.tools);
  if (plugin->driver.virt_type == NULL || plugin->driver.open == NULL
      || plugin->driver.close == NULL)
    REFUSE (l, "it lacks one of the calls virt_type, open and close, which every driver has");
#define ADOPT(group)                                                                               \
  driver->group = copy_group (l, driver->group, #group, sizeof *driver->group, sizeof (uint32_t))
  ADOPT (power);
  ADOPT (inventory);
  ADOPT (devices);
  ADOPT (images);
  ADOPT (migration);
  ADOPT (console);
  ADOPT (guest);
  ADOPT (events);
  ADOPT (secrets);
#undef ADOPT
  check_yes_or_no (l, "reads_back", driver->reads_back);
  check_yes_or_no (l, "validates", driver->validates);
  check_live (l, driver);
}

int
vl_plugin_adopt (struct vl_call *call, struct vl_plugin *plugin, const struct vl_module *module)
{
  struct loading l = { call, plugin, module };
  const char *body = module->body;
  int driver = plugin->kind == VL_KIND_DRIVER;
  size_t least = driver ? UP_TO (struct vl_driver, events) : UP_TO (struct vl_feature, network);
  size_t today = driver ? sizeof plugin->driver : sizeof plugin->feature;
  uint32_t size;

  if (! holds (&l, body, sizeof size))
    return REFUSE (&l, "its body lies outside of the module");
  memcpy (&size, body, sizeof size);
  if (size > MOST_BODY_BYTES || ! holds (&l, body, size))
    return REFUSE (&l, "its body has %u bytes; accepted: at most %d, within the module", size,
                   MOST_BODY_BYTES);
  if (size < least)
    return REFUSE (&l, "its body has %u bytes, the first version of ABI %u had %zu", size,
                   (unsigned)VL_ABI, least);
  memcpy (driver ? (void *)&plugin->driver : (void *)&plugin->feature, body,
          size < today ? size : today);
  if (! rest_is_zero (body, today, size))
    return needs_later (&l, "its body says");
  if (driver)
    adopt_driver (&l);
  else
    adopt_feature (&l);
  if (plugin->version == NULL)
    plugin->version = plugin->built_for;
  if (plugin->summary == NULL)
    REFUSE (&l, "it has no summary");
  return plugin->state == VL_PLUGIN_REFUSED ? -1 : 0;
}

/* ---- settings ---- */

static void
unknown_setting (struct vl_call *call, struct vl_plugin *plugin, const struct vl_conf_entry *entry)
{
  struct vl_spell spell = { .wanted = entry->key };
  VL_AUTOSTR struct vl_str all = { 0 };

  for (size_t i = 0; i < plugin->n_props; i++)
    if (plugin->props[i].setting) {
      vl_spell_offer (&spell, plugin->props[i].setting);
      vl_str_printf (&all, " %s", plugin->props[i].setting);
    }
  vl_plugin_refuse (
      call, plugin, VL_ERR_REFUSED, vl_printf (call, "%s:%d", entry->path, entry->line),
      vl_did_you_mean (call, '\'', spell.best, NULL), "unknown setting '%s'; accepted:%s",
      entry->key, all.text ? all.text : " none, this plugin has no settings");
}

int
vl_plugin_configure (struct vl_call *call, struct vl_plugin *plugin, const struct vl_config *config)
{
  const char *file = vl_printf (call, "plugins.d/%s.conf", plugin->name);

  plugin->base = vl_arena_alloc (plugin->arena, (plugin->n_props + 1) * sizeof *plugin->base);
  for (size_t i = 0; config && i < config->n; i++) {
    const struct vl_conf_entry *entry = &config->entries[i];

    if (VL_STREQ (entry->file, file) && VL_STREQ (entry->section, "settings")
        && row_of_setting (plugin, entry->key) == NULL)
      unknown_setting (call, plugin, entry);
  }
  for (size_t i = 0; i < plugin->n_props; i++) {
    const struct vl_prop *row = &plugin->props[i];
    const struct vl_conf_entry *entry =
        config && row->setting ? vl_config_find (config, file, "settings", row->setting) : NULL;
    const char *text, *why;

    if (vl_base_read (plugin->arena, row, entry, &plugin->base[i], &text, &why) < 0)
      vl_plugin_refuse (call, plugin, VL_ERR_REFUSED,
                        entry ? vl_printf (call, "%s:%d", entry->path, entry->line) : "default",
                        NULL, "setting '%s' = '%s' %s", row->setting, text, why);
  }
  return plugin->state == VL_PLUGIN_REFUSED ? -1 : 0;
}
