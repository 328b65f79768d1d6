/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Settings without effect.  A row says in `only` where it has any; a setting that is made
 * elsewhere, or for a plugin that does nothing here, is told with its file and line. */

#include <config.h>

#include "plugin/idle.h"

#include "lib/text.h"

#define BETWEEN " "
#define NEXT ";"

/* ---- conditions ---- */

/* Takes the next word of *TEXT, up to one of ENDS, without the blanks around it; NULL: there is
 * none.  Memory of CALL. */
static const char *
take (struct vl_call *call, const char **text, const char *ends)
{
  const char *start = *text + strspn (*text, " ");
  size_t n = strcspn (start, ends);

  *text = start + n + (start[n] != '\0');
  return n ? vl_printf (call, "%.*s", (int)n, start) : NULL;
}

int
vl_only_read (struct vl_call *call, const char *word, struct vl_only *only)
{
  size_t n = strcspn (word, "!=");

  only->name = vl_printf (call, "%.*s", (int)n, word);
  only->negated = word[n] == '!';
  only->values = word[n] == '\0' ? NULL : word + n + 1 + only->negated;
  return *only->name && (! only->negated || word[n + 1] == '=') ? 0 : -1;
}

const char *
vl_only_next (struct vl_call *call, const char **text, int alternative)
{
  return take (call, text, alternative ? NEXT : BETWEEN);
}

/* Is TEXT, NULL: unset, as ONLY wants it? */
static int
holds (struct vl_call *call, const struct vl_only *only, const char *text)
{
  const char *values = only->values, *value;
  int among = 0;

  if (values == NULL)
    return text && *text;
  while (! among && (value = take (call, &values, "|")) != NULL)
    among = VL_STREQ (value, "-") ? text == NULL : text && VL_STREQ (text, value);
  return among != only->negated;
}

int
vl_only_holds (struct vl_call *call, const char *text, vl_only_value *value, void *opaque,
               struct vl_only *failed)
{
  const char *words, *word;
  struct vl_only only;
  int first = 1, all = text == NULL;

  while (! all && (words = vl_only_next (call, &text, 1)) != NULL) {
    all = 1;
    while (all && (word = vl_only_next (call, &words, 0)) != NULL) {
      all = vl_only_read (call, word, &only) == 0
            && (only.text = value (opaque, only.name, &only.row), holds (call, &only, only.text));
      if (! all && first) {
        *failed = only;
        first = 0;
      }
    }
  }
  return all;
}

/* TEXT as somebody writes it who sets ROW. */
static const char *
written (const struct vl_prop *row, const char *text)
{
  if (row && row->type == VL_BOOL)
    return VL_STREQ (text, "true") ? "yes" : "no";
  return text;
}

const char *
vl_only_state (struct vl_call *call, const struct vl_only *failed, const char *shown)
{
  if (failed->row == NULL && strchr (failed->name, '.'))
    return vl_printf (call, "plugin '%.*s' is not loaded", (int)strcspn (failed->name, "."),
                      failed->name);
  return failed->text && *failed->text
             ? vl_printf (call, "%s is %s", shown, written (failed->row, failed->text))
             : vl_printf (call, "%s is not set", shown);
}

const char *
vl_only_remedy (struct vl_call *call, const struct vl_only *failed, const char *shown,
                const char *between)
{
  const char *values = failed->values, *value = values ? take (call, &values, "|") : NULL;

  if (failed->row == NULL && strchr (failed->name, '.'))
    return vl_printf (call, "enable it: virtloom feature enable %.*s",
                      (int)strcspn (failed->name, "."), failed->name);
  if (value == NULL || (failed->negated && VL_STREQ (value, "-")))
    return vl_printf (call, "set %s", shown);
  if (failed->negated)
    return vl_printf (call, "set another %s", shown);
  if (VL_STREQ (value, "-"))
    return vl_printf (call, "take %s out", shown);
  return vl_printf (call, "set %s%s%s", shown, between, written (failed->row, value));
}

/* ---- settings of loaded plugins ---- */

/* Where a condition of PLUGIN's rows is judged. */
struct place {
  const struct vl_registry *registry;
  const struct vl_plugin *plugin;
};

/* What the settings or defaults say of NAME, a row of the plugin or OTHER.ROW. */
static const char *
base_value (void *opaque, const char *name, const struct vl_prop **row)
{
  const struct place *place = opaque;
  const struct vl_plugin *plugin = place->plugin;
  const char *dot = strchr (name, '.');
  const struct vl_raw *raw;

  *row = NULL;
  for (size_t i = 0; dot && i < place->registry->n; i++)
    if (VL_STARTS (name, place->registry->plugins[i]->name)
        && strlen (place->registry->plugins[i]->name) == (size_t)(dot - name))
      plugin = place->registry->plugins[i];
  *row = vl_plugin_row (plugin, name);
  raw = *row && plugin->state == VL_PLUGIN_LOADED ? vl_plugin_base (plugin, *row) : NULL;
  return raw ? raw->value.text : NULL;
}

static void
tell (struct vl_call *call, const char *plugin, const char *origin, const char *hint,
      const char *setting, const char *why)
{
  struct vl_report report = { .severity = VL_SEV_WARNING,
                              .code = VL_NO_EFFECT,
                              .plugin = plugin,
                              .origin = origin,
                              .hint = hint };

  vl_report (call, &report, "%s has no effect: %s", setting, why);
}

static void
tell_row (struct vl_call *call, const char *plugin, const struct vl_raw *raw,
          const struct vl_prop *row, const struct vl_only *failed)
{
  const char *shown = failed->row && failed->row->setting ? failed->row->setting : failed->name;

  tell (call, plugin, vl_printf (call, "%s=%s, setting, %s", row->setting, raw->text, raw->origin),
        vl_printf (call, "take it out, or %s", vl_only_remedy (call, failed, shown, " = ")),
        row->setting, vl_only_state (call, failed, shown));
}

void
vl_idle_rows (struct vl_call *call, const struct vl_registry *registry,
              const struct vl_plugin *plugin)
{
  struct place place = { registry, plugin };
  struct vl_only failed;

  for (size_t i = 0; i < plugin->n_props; i++)
    if (plugin->props[i].setting && plugin->base[i].setting
        && ! vl_only_holds (call, plugin->props[i].only, base_value, &place, &failed))
      tell_row (call, plugin->name, plugin->base[i].setting, &plugin->props[i], &failed);
}

/* ---- what the files say ---- */

static const char *
main_value (void *opaque, const char *name, const struct vl_prop **row)
{
  const struct vl_config *config = opaque;
  size_t n;
  const struct vl_prop *rows = vl_config_table (&n);

  *row = NULL;
  for (size_t i = 0; i < n; i++)
    if (VL_STREQ (rows[i].setting, name))
      *row = &rows[i];
  return vl_config_str (config, name);
}

/* Does an operator, not the package, say ROW of virtloom.conf? */
static int
is_operators (struct vl_call *call, const struct vl_config *config, const struct vl_prop *row)
{
  const char *dot = strchr (row->setting, '.');
  const struct vl_conf_entry *entry = vl_config_find (
      config, "virtloom.conf",
      dot ? vl_printf (call, "%.*s", (int)(dot - row->setting), row->setting) : "virtloom",
      dot ? dot + 1 : row->setting);

  return entry && entry->layer > 0;
}

static void
tell_main (struct vl_call *call, const struct vl_config *config)
{
  size_t n;
  const struct vl_prop *rows = vl_config_table (&n);
  struct vl_only failed;

  for (size_t i = 0; i < n; i++)
    if (config->base[i].setting && is_operators (call, config, &rows[i])
        && ! vl_only_holds (call, rows[i].only, main_value, (void *)config, &failed))
      tell_row (call, "core", config->base[i].setting, &rows[i], &failed);
}

/* Why no new server has driver PLUGIN where they get WANTED, or NULL. */
static const char *
not_chosen (struct vl_call *call, const struct vl_config *config, const struct vl_plugin *plugin,
            const char *wanted)
{
  const struct vl_conf_entry *driver =
      vl_config_find (config, "virtloom.conf", "virtloom", "driver");

  if (plugin->kind != VL_KIND_DRIVER || VL_STREQ (wanted, plugin->name))
    return NULL;
  if (VL_STREQ (wanted, "auto"))
    return plugin->auto_rank
               ? NULL
               : vl_printf (call, "servers get driver '%s' only with --driver %s: it has no rank",
                            plugin->name, plugin->name);
  return driver && VL_STREQ (driver->value, wanted)
             ? vl_printf (call, "new servers get driver '%s' (driver = %s in %s:%d)", wanted,
                          wanted, driver->path, driver->line)
             : vl_printf (call, "new servers get driver '%s'", wanted);
}

/* ENTRY of the file of PLUGIN, which an operator wrote. */
static void
tell_entry (struct vl_call *call, const struct vl_config *config, const struct vl_plugin *plugin,
            const struct vl_conf_entry *entry, const char *wanted)
{
  int setting = VL_STREQ (entry->section, "settings");
  const char *hint, *why = NULL;

  if (plugin->state == VL_PLUGIN_DISABLED
      && (setting || VL_STREQ (entry->key, "critical") || VL_STREQ (entry->key, "auto"))) {
    why = vl_printf (call, "plugin '%s' is off (%s)", plugin->name, plugin->reason);
    hint = vl_printf (call, "take it out, or: virtloom %s enable %s",
                      plugin->kind == VL_KIND_DRIVER ? "driver" : "feature", plugin->name);
  } else if (plugin->state != VL_PLUGIN_REFUSED && (setting || VL_STREQ (entry->key, "auto"))) {
    why = not_chosen (call, config, plugin, wanted);
    hint = vl_printf (call, "take it out, or set driver = %s in virtloom.conf", plugin->name);
  }
  if (why)
    tell (call, plugin->name, vl_printf (call, "%s:%d", entry->path, entry->line), hint, entry->key,
          why);
}

void
vl_idle_files (struct vl_call *call, const struct vl_registry *registry,
               const struct vl_config *config, const char *wanted)
{
  for (size_t i = 0; i < config->n_files; i++) {
    const struct vl_conf_file *file = &config->files[i];
    const struct vl_plugin *plugin =
        file->plugin ? vl_registry_find (registry, file->plugin) : NULL;

    for (size_t k = 0; plugin && k < config->n; k++)
      if (config->entries[k].file == file->file && config->entries[k].layer > 0)
        tell_entry (call, config, plugin, &config->entries[k], wanted);
  }
  if (config->base)
    tell_main (call, config);
}
