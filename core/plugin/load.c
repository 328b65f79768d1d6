/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Bodies and tables of a module, copied into memory of today's size.  A module
 * may be older than this core (its rows are shorter: the rest is zero) or newer
 * (its rows are longer: the rest is not read).  The texts stay the module's,
 * which is never unloaded. */

#include <config.h>

#include "plugin/load.h"

#include "lib/spell.h"
#include "lib/text.h"

#include <linux/capability.h>

#define MOST_ROWS 1024
#define MOST_ROW_BYTES 4096

/* What the first version of this ABI had; nothing shorter was ever built. */
#define UP_TO(type, member) (offsetof (type, member) + sizeof (((type *)NULL)->member))
#define LEAST_FEATURE UP_TO (struct vl_feature, event)
#define LEAST_DRIVER UP_TO (struct vl_driver, events)
#define LEAST_PROP UP_TO (struct vl_prop, since)
#define LEAST_SETTING UP_TO (struct vl_setting, since)
#define LEAST_WRITE UP_TO (struct vl_write, since)
#define LEAST_TOOL UP_TO (struct vl_tool_row, output)
#define LEAST_NAME UP_TO (struct vl_name, name)
#define LEAST_ALIAS UP_TO (struct vl_alias, value_map)

int
vl_plugin_refuse (struct vl_call *call, struct vl_registry *registry, struct vl_plugin *plugin,
                  enum vl_err err, const char *origin, const char *fmt, ...)
{
  struct vl_report report = {
    .severity = VL_SEV_ERROR,
    .err = err,
    .code = err == VL_ERR_CONFLICT ? "PluginConflict" : NULL,
    .plugin = plugin->name,
    .origin = origin ? origin : plugin->conf,
  };
  va_list args;
  char *message;

  va_start (args, fmt);
  message = vl_arena_vprintf (registry->arena, fmt, args);
  va_end (args);
  if (plugin->state != VL_PLUGIN_REFUSED)
    plugin->reason = message;
  plugin->state = VL_PLUGIN_REFUSED;
  if (plugin->critical)
    call->critical_refused = 1;
  return vl_report (call, &report, "%s", message);
}

const char *
vl_plugin_file (struct vl_registry *registry, const struct vl_plugin *plugin)
{
  return vl_arena_printf (registry->arena, "plugins.d/%s.conf", plugin->name);
}

struct loading {
  struct vl_call *call;
  struct vl_registry *registry;
  struct vl_plugin *plugin;
  int bad;
};

#define REFUSE(l, ...)                                                                             \
  ((l)->bad = vl_plugin_refuse ((l)->call, (l)->registry, (l)->plugin, VL_ERR_REFUSED, NULL,       \
                                __VA_ARGS__))

/* The rows of TABLE in rows of SIZE bytes; *N how many.  NULL where there are
 * none, or where the table was refused. */
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
  rows = vl_arena_alloc (l->registry->arena, table->count * size);
  for (size_t i = 0; i < table->count; i++)
    memcpy (rows + i * size, (const char *)table->rows + i * table->row_size, common);
  *n = table->count;
  return rows;
}

static const char **
copy_names (struct loading *l, const struct vl_table *table, const char *what)
{
  size_t n;
  const struct vl_name *rows = copy_rows (l, table, what, sizeof *rows, LEAST_NAME, &n);
  const char **names = vl_arena_alloc (l->registry->arena, (n + 1) * sizeof *names);

  for (size_t i = 0; i < n; i++) {
    if (rows[i].name == NULL) {
      REFUSE (l, "its table of %s has a row without a name", what);
      break;
    }
    names[i] = rows[i].name;
  }
  return names;
}

/* ---- checking rows ---- */

static struct vl_type_spec
setting_spec (const struct vl_setting *row)
{
  return (
      struct vl_type_spec) { row->type, row->flags, row->choices, row->min, row->max, row->unit };
}

/* What is wrong with the type, choices or default of a row, or NULL. */
static const char *
row_problem (struct vl_arena *arena, const struct vl_type_spec *spec, const char *deflt)
{
  struct vl_value value;
  const char *why;

  if (spec->type < VL_BOOL || spec->type > VL_CPUSET)
    return vl_arena_printf (arena, "is of type %d, which virtloom %s does not know",
                            (int)spec->type, PACKAGE_VERSION);
  if (spec->type == VL_CHOICE && (spec->choices == NULL || spec->choices[0] == NULL))
    return "is a choice without choices";
  if (deflt && vl_value_parse (arena, spec, deflt, &value, &why) < 0)
    return vl_arena_printf (arena, "has default '%s', which %s", deflt, why);
  return NULL;
}

static int
name_ok (const char *name)
{
  return name && *name
         && name[strspn (name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")]
                == '\0';
}

static void
check_settings (struct loading *l, const struct vl_setting *rows, size_t n)
{
  for (size_t i = 0; i < n; i++) {
    struct vl_type_spec spec = setting_spec (&rows[i]);
    const char *problem;

    if (! name_ok (rows[i].name)) {
      REFUSE (l, "row %zu of its settings has no proper name", i);
      continue;
    }
    problem = row_problem (l->registry->arena, &spec, rows[i].deflt);
    if (problem)
      REFUSE (l, "its setting '%s' %s", rows[i].name, problem);
    for (size_t j = 0; j < i; j++)
      if (rows[j].name && VL_STREQ (rows[i].name, rows[j].name))
        REFUSE (l, "it has setting '%s' twice", rows[i].name);
  }
}

static int
is_slot (const char *name)
{
  static const char *const slots[] = { VL_GUEST_MACHINE, VL_DISK_BUS, VL_CDROM_BUS, VL_SCSI_MODEL,
                                       VL_NIC_MODEL };

  for (size_t i = 0; i < sizeof slots / sizeof slots[0]; i++)
    if (VL_STREQ (slots[i], name))
      return 1;
  return 0;
}

static int
has_setting (const struct vl_plugin *plugin, const char *name)
{
  for (size_t i = 0; i < plugin->n_settings; i++)
    if (VL_STREQ (plugin->settings[i].row->name, name))
      return 1;
  return 0;
}

static void
check_prop (struct loading *l, const struct vl_prop *row)
{
  struct vl_type_spec spec = { row->type, row->flags, row->choices, row->min, row->max, row->unit };
  const struct vl_alias *aliases = row->aliases.rows;
  int flavor = row->flavor_key != NULL, image = row->image_key != NULL;
  const char *problem = row_problem (l->registry->arena, &spec, row->deflt);

  if (problem)
    REFUSE (l, "its property '%s' %s", row->name, problem);
  for (size_t i = 0; i < row->aliases.count; i++) {
    if (aliases[i].key == NULL)
      REFUSE (l, "its property '%s' has an alias without a key", row->name);
    flavor |= ! aliases[i].image;
    image |= aliases[i].image != 0;
  }
  if (row->rule > VL_BY_FEATURE)
    REFUSE (l, "its property '%s' has rule %d, which virtloom %s does not know", row->name,
            (int)row->rule, PACKAGE_VERSION);
  else if (flavor && image && row->rule == VL_RULE_NONE)
    REFUSE (l, "its property '%s' has a flavor key and an image key, but no rule between them",
            row->name);
  if (row->setting && ! has_setting (l->plugin, row->setting))
    REFUSE (l, "its property '%s' begins with setting '%s', which its settings have not", row->name,
            row->setting);
  if (row->fills && ! is_slot (row->fills))
    REFUSE (l, "its property '%s' fills '%s', which is no slot", row->name, row->fills);
}

static void
adopt_props (struct loading *l, const struct vl_table *table)
{
  struct vl_plugin *plugin = l->plugin;
  struct vl_prop *rows =
      copy_rows (l, table, "properties", sizeof *rows, LEAST_PROP, &plugin->n_props);

  plugin->props = rows;
  for (size_t i = 0; i < plugin->n_props; i++) {
    size_t n;

    rows[i].aliases.rows =
        copy_rows (l, &rows[i].aliases, "aliases", sizeof (struct vl_alias), LEAST_ALIAS, &n);
    rows[i].aliases.count = (uint32_t)n;
    rows[i].aliases.row_size = sizeof (struct vl_alias);
    if (! name_ok (rows[i].name)) {
      REFUSE (l, "row %zu of its properties has no proper name", i);
      continue;
    }
    check_prop (l, &rows[i]);
    for (size_t j = 0; j < i; j++)
      if (rows[j].name && VL_STREQ (rows[i].name, rows[j].name))
        REFUSE (l, "it has property '%s' twice", rows[i].name);
  }
}

static void
adopt_settings (struct loading *l, const struct vl_table *table)
{
  struct vl_plugin *plugin = l->plugin;
  const struct vl_setting *rows =
      copy_rows (l, table, "settings", sizeof *rows, LEAST_SETTING, &plugin->n_settings);

  check_settings (l, rows, plugin->n_settings);
  plugin->settings =
      vl_arena_alloc (l->registry->arena, (plugin->n_settings + 1) * sizeof *plugin->settings);
  for (size_t i = 0; i < plugin->n_settings; i++)
    plugin->settings[i].row = &rows[i];
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
      copy_rows (l, table, "tools", sizeof *rows, LEAST_TOOL, &plugin->n_tools);

  plugin->tools = rows;
  for (size_t i = 0; i < plugin->n_tools; i++) {
    const char *problem = vl_tool_row_problem (l->registry->arena, &rows[i]);

    if (! name_ok (rows[i].name))
      REFUSE (l, "row %zu of its tools has no proper name", i);
    else if (problem)
      REFUSE (l, "its tool '%s' %s", rows[i].name, problem);
    for (size_t j = 0; j < i; j++)
      if (rows[i].name && rows[j].name && VL_STREQ (rows[i].name, rows[j].name))
        REFUSE (l, "it has tool '%s' twice", rows[i].name);
  }
}

static void
adopt_feature (struct loading *l)
{
  struct vl_plugin *plugin = l->plugin;
  const struct vl_feature *feature = &plugin->feature;

  plugin->version = feature->version;
  plugin->summary = feature->summary;
  adopt_settings (l, &feature->settings);
  if (l->bad == 0)
    adopt_props (l, &feature->props);
  plugin->writes = copy_rows (l, &feature->writes, "writes", sizeof (struct vl_write), LEAST_WRITE,
                              &plugin->n_writes);
  for (size_t i = 0; i < plugin->n_writes; i++)
    if (plugin->writes[i].path == NULL)
      REFUSE (l, "its table of writes has a row without a path");
  plugin->reads = copy_names (l, &feature->reads, "reads");
  plugin->wakes = copy_names (l, &feature->wakes, "wakes");
  plugin->needs = copy_names (l, &feature->needs, "needs");
  plugin->conflicts = copy_names (l, &feature->conflicts, "conflicts");
  plugin->traits = copy_names (l, &feature->traits, "traits");
  adopt_tools (l, &feature->tools);
}

static void
adopt_driver (struct loading *l)
{
  struct vl_plugin *plugin = l->plugin;

  plugin->version = plugin->driver.version;
  plugin->summary = plugin->driver.summary;
  adopt_settings (l, &plugin->driver.settings);
  adopt_tools (l, &plugin->driver.tools);
  if (plugin->driver.virt_type == NULL || plugin->driver.open == NULL
      || plugin->driver.close == NULL)
    REFUSE (l, "it lacks one of the calls virt_type, open and close, which every driver has");
}

int
vl_plugin_adopt (struct vl_call *call, struct vl_registry *registry, struct vl_plugin *plugin,
                 const void *body)
{
  struct loading l = { call, registry, plugin, 0 };
  int driver = plugin->kind == VL_KIND_DRIVER;
  size_t least = driver ? LEAST_DRIVER : LEAST_FEATURE;
  size_t today = driver ? sizeof plugin->driver : sizeof plugin->feature;
  uint32_t size;

  memcpy (&size, body, sizeof size);
  if (size < least)
    return REFUSE (&l, "its body has %u bytes, the first version of ABI %u had %zu", size,
                   (unsigned)VL_ABI, least);
  memcpy (driver ? (void *)&plugin->driver : (void *)&plugin->feature, body,
          size < today ? size : today);
  if (driver)
    adopt_driver (&l);
  else
    adopt_feature (&l);
  if (plugin->version == NULL)
    plugin->version = plugin->built_for;
  if (plugin->summary == NULL)
    REFUSE (&l, "it has no summary");
  return l.bad;
}

/* ---- settings ---- */

static void
unknown_setting (struct loading *l, const struct vl_conf_entry *entry)
{
  struct vl_plugin *plugin = l->plugin;
  struct vl_spell spell = { .wanted = entry->key };
  VL_AUTOSTR struct vl_str all = { 0 };

  for (size_t i = 0; i < plugin->n_settings; i++) {
    vl_spell_offer (&spell, plugin->settings[i].row->name);
    vl_str_printf (&all, " %s", plugin->settings[i].row->name);
  }
  l->bad =
      vl_plugin_refuse (l->call, l->registry, plugin, VL_ERR_REFUSED,
                        vl_arena_printf (l->registry->arena, "%s:%d", entry->path, entry->line),
                        "unknown setting '%s'; accepted:%s", entry->key,
                        all.text ? all.text : " none, this plugin has no settings");
  if (spell.best)
    vl_hint (l->call, "did you mean '%s'?", spell.best);
}

static void
type_setting (struct loading *l, struct vl_setting_slot *slot, const struct vl_conf_entry *entry)
{
  struct vl_arena *arena = l->registry->arena;
  struct vl_type_spec spec = setting_spec (slot->row);
  const char *text, *why = NULL;

  memset (&slot->value, 0, sizeof slot->value);
  slot->value.type = slot->row->type;
  slot->origin = entry ? vl_arena_printf (arena, "%s:%d", entry->path, entry->line) : "default";
  text = entry ? vl_conf_entry_text (arena, entry, spec.type, &why) : slot->row->deflt;
  if (entry == NULL && text == NULL)
    return;
  if (text && vl_value_parse (arena, &spec, text, &slot->value, &why) == 0) {
    struct vl_report report = { .severity = VL_SEV_WARNING, .origin = slot->origin };

    report.plugin = l->plugin->name;
    if (entry && (slot->row->flags & VL_DEPRECATED))
      vl_report (l->call, &report, "setting '%s' is deprecated", slot->row->name);
    return;
  }
  l->bad =
      vl_plugin_refuse (l->call, l->registry, l->plugin, VL_ERR_REFUSED, slot->origin,
                        "setting '%s' = '%s' %s", slot->row->name, text ? text : entry->key, why);
}

int
vl_plugin_configure (struct vl_call *call, struct vl_registry *registry, struct vl_plugin *plugin,
                     const struct vl_config *config)
{
  struct loading l = { call, registry, plugin, 0 };
  const char *file = vl_plugin_file (registry, plugin);

  for (size_t i = 0; config && i < config->n; i++) {
    const struct vl_conf_entry *entry = &config->entries[i];

    if (VL_STREQ (entry->file, file) && VL_STREQ (entry->section, "settings")
        && ! has_setting (plugin, entry->key))
      unknown_setting (&l, entry);
  }
  for (size_t i = 0; i < plugin->n_settings; i++)
    type_setting (&l, &plugin->settings[i],
                  config ? vl_config_find (config, file, "settings", plugin->settings[i].row->name)
                         : NULL);
  return l.bad;
}
