/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Plugins and configuration as an application sees them, and turning a plugin
 * on and off in the operator's own layer. */

#include <config.h>

#include "server/session.h"
#include "lib/file.h"
#include "lib/text.h"
#include "plugin/ini.h"
#include "plugin/load.h"

#include <errno.h>

size_t
vl_plugins_count (const struct vl_app *app)
{
  return app->registry ? app->registry->n : 0;
}

static void
fill_values (struct vl_registry *registry, struct vl_plugin *plugin)
{
  struct vl_row_value *values;

  if (plugin->info.props == plugin->props)
    return;
  values = vl_arena_alloc (registry->arena, (plugin->n_props + 1) * sizeof *values);
  for (size_t i = 0; i < plugin->n_props; i++) {
    const struct vl_raw *raw = vl_plugin_base (plugin, &plugin->props[i]);

    values[i].text = raw == NULL ? NULL
                     : plugin->props[i].flags & VL_SECRET
                         ? VL_HIDDEN
                         : vl_passwordless (registry->arena, raw->value.text);
    values[i].origin = raw && raw->origin ? raw->origin : "default";
  }
  plugin->info.values = values;
}

const struct vl_plugin_info *
vl_plugins_get (const struct vl_app *app, size_t i)
{
  struct vl_plugin *plugin;
  struct vl_plugin_info *info;

  if (i >= vl_plugins_count (app))
    return NULL;
  plugin = app->registry->plugins[i];
  info = &plugin->info;
  fill_values (app->registry, plugin);
  info->name = plugin->name;
  info->kind = plugin->kind;
  info->state = plugin->state;
  info->reason = plugin->reason;
  info->version = plugin->version;
  info->summary = plugin->summary;
  info->built_for = plugin->built_for;
  info->module = plugin->path ? plugin->path : plugin->module;
  info->conf = plugin->conf;
  info->enabled = plugin->enabled;
  info->critical = plugin->critical;
  info->auto_rank = plugin->auto_rank;
  info->keys = plugin->keys;
  info->props = plugin->props;
  info->n_props = plugin->n_props;
  info->writes = plugin->writes;
  info->n_writes = plugin->n_writes;
  info->offers = plugin->offers;
  info->n_offers = plugin->n_offers;
  info->reads = plugin->reads;
  info->wakes = plugin->wakes;
  info->needs = plugin->needs;
  info->conflicts = plugin->conflicts;
  info->traits = plugin->traits;
  info->tools = plugin->tools;
  info->n_tools = plugin->n_tools;
  return info;
}

const struct vl_plugin_info *
vl_plugins_find (const struct vl_app *app, const char *name)
{
  for (size_t i = 0; i < vl_plugins_count (app); i++)
    if (VL_STREQ (app->registry->plugins[i]->name, name))
      return vl_plugins_get (app, i);
  return NULL;
}

/* The record of plugin NAME; NULL after a finding with the nearest name. */
static struct vl_plugin *
known_plugin (struct vl_app *app, const char *name)
{
  struct vl_plugin *plugin = vl_registry_find (app->registry, name);
  struct vl_spell spell = { .wanted = name };

  if (plugin)
    return plugin;
  for (size_t i = 0; i < app->registry->n; i++)
    vl_spell_offer (&spell, app->registry->plugins[i]->name);
  vl_refuse (app->call, VL_ERR_NOT_FOUND, NULL, vl_did_you_mean (app->call, '\'', spell.best, NULL),
             "no plugin is named '%s'", name);
  return NULL;
}

int
vl_plugins_load (struct vl_app *app, const char *name)
{
  struct vl_plugin *plugin = known_plugin (app, name);

  return plugin ? vl_registry_load (app->call, app->registry, plugin, &app->places) : -1;
}

void
vl_plugins_refuse (struct vl_app *app, const char *name, const char *reason)
{
  struct vl_plugin *plugin = vl_registry_find (app->registry, name);
  size_t first = app->call->findings.n;

  if (plugin)
    vl_plugin_refuse (app->call, plugin, VL_ERR_REFUSED, NULL, NULL, "%s", reason);
  if (! app->options.strict)
    vl_soften (app->call, first);
}

int
vl_plugins_gate (struct vl_app *app, const char *file, struct vl_note_desc *note, const char **why)
{
  const char *path = vl_path_absolute (app->call->arena, file);
  struct vl_module module = { .span = 0 };
  VL_AUTOCLOSE int fd = vl_module_check (app->call->arena, path, &module, why);

  *note = module.note;
  return fd < 0 ? -1 : 0;
}

int
vl_plugins_check_name (struct vl_app *app, const char *name)
{
  const struct vl_plugin *other = vl_registry_find (app->registry, name);

  if (! vl_plugin_name_ok (name))
    return vl_refuse (app->call, VL_ERR_USAGE, NULL, NULL,
                      "'%s' cannot be a plugin's name; accepted: a small letter, then up to 30 of "
                      "small letters, digits and '-'",
                      name);
  if (vl_plugin_name_problem (name))
    return vl_refuse (app->call, VL_ERR_USAGE, NULL, "take another name",
                      "the name '%s' is reserved: %s", name, vl_plugin_name_problem (name));
  if (other)
    return vl_refuse (app->call, VL_ERR_CONFLICT, NULL, "take another name",
                      "there is a plugin '%s' (%s)", name, other->conf);
  return 0;
}

/* ---- turning on and off ---- */

/* Where the line that starts at P ends, its newline included. */
static const char *
line_end (const char *p)
{
  p += strcspn (p, "\n");
  return p + (*p == '\n');
}

/* TEXT, a file that was read without complaint, with `enabled = VALUE` in its
 * [plugin]: the line that says so replaced, else put first in the section, else
 * section and all at the end.  The caller frees. */
static char *
edit_enabled (const char *text, const struct vl_ini *ini, const char *value)
{
  struct vl_str edited = { 0 };
  int replace = 0, after = 0, line = 0;

  for (size_t i = 0; i < ini->n; i++)
    if (VL_STREQ (ini->entries[i].section, "plugin") && VL_STREQ (ini->entries[i].key, "enabled"))
      replace = ini->entries[i].line;
  for (size_t i = 0; i < ini->n_sections; i++)
    if (VL_STREQ (ini->sections[i].name, "plugin"))
      after = ini->sections[i].line;
  vl_str_add (&edited, "");
  for (const char *p = text; *p; p = line_end (p)) {
    line++;
    if (line != replace)
      vl_str_add_n (&edited, p, (size_t)(line_end (p) - p));
    if (line == replace || (! replace && line == after)) {
      if (edited.length && edited.text[edited.length - 1] != '\n')
        vl_str_add (&edited, "\n");
      vl_str_printf (&edited, "enabled = %s\n", value);
    }
  }
  if (edited.length && edited.text[edited.length - 1] != '\n')
    vl_str_add (&edited, "\n");
  if (! replace && ! after)
    vl_str_printf (&edited, "[plugin]\nenabled = %s\n", value);
  return edited.text;
}

static int
write_failed (struct vl_call *call, const char *path)
{
  enum vl_err err =
      errno == EACCES || errno == EPERM || errno == EROFS ? VL_ERR_NOT_PERMITTED : VL_ERR_FAILED;

  return vl_refuse (call, err, NULL, NULL, "'%s' cannot be written: %s", path, strerror (errno));
}

int
vl_plugins_enable (struct vl_app *app, const char *name, int on, const char **file)
{
  struct vl_call *call = app->call;
  const char *folder = app->places.config_dir, *path, *why = NULL;
  VL_AUTOFREE char *text = NULL, *edited = NULL;
  struct vl_ini ini;

  if (known_plugin (app, name) == NULL)
    return -1;
  if (folder == NULL && app->places.tree) {
    return vl_refuse (call, VL_ERR_USAGE, NULL, "name a folder of your own with --config DIR",
                      "the build tree's own configuration is not written to");
  }
  folder = vl_arena_printf (call->arena, "%s/plugins.d", folder ? folder : VL_SYSCONFDIR);
  path = vl_arena_printf (call->arena, "%s/%s.conf", folder, name);
  /* A file that would be refused is not made better by one more line. */
  switch (vl_ini_read (call, call->arena, name, path, &ini)) {
  case 0:
    text = vl_file_read (path, VL_INI_MOST_BYTES, NULL, &why);
    if (text == NULL)
      return vl_refuse (call, VL_ERR_FAILED, NULL, NULL, "'%s': %s", path, why);
    break;
  case 1:
    text = vl_xstrdup ("");
    if (vl_file_mkdirs (folder, 0755) < 0)
      return write_failed (call, folder);
    break;
  case 2:
    return vl_refuse (call, VL_ERR_FAILED, NULL,
                      vl_printf (call, "rm %s", vl_shell_word (call->arena, path)),
                      "plugin '%s' is masked: '%s' is a link to /dev/null", name, path);
  default:
    return -1;
  }
  edited = edit_enabled (text, &ini, on ? "yes" : "no");
  if (vl_file_write (path, edited, strlen (edited), 0644) < 0)
    return write_failed (call, path);
  *file = path;
  return 0;
}

/* ---- configuration ---- */

size_t
vl_config_count (const struct vl_app *app)
{
  return app->config ? app->config->n : 0;
}

/* Is ENTRY a setting of a secret row?  Of a plugin that is not loaded the name decides. */
static int
is_secret (const struct vl_registry *registry, const struct vl_conf_entry *entry)
{
  for (size_t i = 0; registry && VL_STREQ (entry->section, "settings") && i < registry->n; i++) {
    const struct vl_plugin *plugin = registry->plugins[i];
    VL_AUTOFREE char *file = vl_xasprintf ("plugins.d/%s.conf", plugin->name);

    for (size_t p = 0; VL_STREQ (file, entry->file) && p < plugin->n_props; p++)
      if (plugin->props[p].setting && VL_STREQ (plugin->props[p].setting, entry->key))
        return (plugin->props[p].flags & VL_SECRET) != 0;
  }
  return VL_STREQ (entry->section, "settings") && vl_name_is_secret (entry->key);
}

const struct vl_config_value *
vl_config_get (const struct vl_app *app, size_t i)
{
  struct vl_config *config = app->config;

  if (i >= vl_config_count (app))
    return NULL;
  if (config->public_values == NULL) {
    config->public_values = vl_xcalloc (config->n, sizeof *config->public_values);
    for (size_t j = 0; j < config->n; j++) {
      const struct vl_conf_entry *entry = &config->entries[j];
      int secret = is_secret (app->registry, entry);

      config->public_values[j] = (struct vl_config_value) {
        entry->file,
        entry->section,
        entry->key,
        secret ? VL_HIDDEN
               : vl_passwordless (config->arena, vl_conf_entry_text (config->arena, entry)),
        entry->line ? vl_arena_printf (config->arena, "%s:%d", entry->path, entry->line)
                    : entry->path,
        secret && entry->packaged ? VL_HIDDEN : vl_passwordless (config->arena, entry->packaged),
        entry->packaged_origin,
        entry->layer,
      };
    }
  }
  return &config->public_values[i];
}
