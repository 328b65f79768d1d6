/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * virtloom config: the merged configuration, and what is wrong with it. */

#include <config.h>

#include "tool.h"

#include <string.h>

/* The file that NAME stands for: a plugin, or "virtloom"; memory of the call.  NULL after a finding:
 * no layer has it. */
static const char *
named_file (struct tool *tool, const char *name)
{
  const char *file =
      strncmp (name, "virtloom", 8) == 0 && (name[8] == '\0' || strcmp (name + 8, ".conf") == 0)
          ? "virtloom.conf"
          : vl_printf (tool->call, "plugins.d/%s.conf", name);
  struct vl_spell spelling = { .wanted = name };

  if (strcmp (file, "virtloom.conf") == 0 || vl_plugins_find (tool->app, name))
    return file;
  vl_spell_offer (&spelling, "virtloom");
  for (size_t i = 0; i < vl_plugins_count (tool->app); i++)
    vl_spell_offer (&spelling, vl_plugins_get (tool->app, i)->name);
  (void)vl_refuse (
      tool->call, VL_ERR_NOT_FOUND, NULL,
      spelling.best ? vl_printf (tool->call, "did you mean '%s'?", spelling.best) : NULL,
      "there is no configuration of '%s'; accepted: the name of a plugin, or virtloom", name);
  return NULL;
}

/* Is FILE one of those that the command line names?  1 where it names none. */
static int
is_named (struct tool *tool, const char *file)
{
  for (size_t i = 0; i < tool->args->n_words; i++)
    if (strcmp (named_file (tool, tool->args->words[i]), file) == 0)
      return 1;
  return tool->args->n_words == 0;
}

static int
check_names (struct tool *tool)
{
  int bad = 0;

  for (size_t i = 0; i < tool->args->n_words; i++)
    bad |= named_file (tool, tool->args->words[i]) == NULL;
  return bad ? -1 : 0;
}

static json_t *
value_json (const struct vl_config_value *value)
{
  json_t *object = json_object ();

  json_put (object, "file", value->file_kind);
  json_put (object, "section", value->section);
  json_put (object, "key", value->key);
  json_put (object, "value", value->value);
  json_put (object, "origin", value->origin);
  return object;
}

static int
config_show (struct tool *tool)
{
  static const struct column columns[] = {
    { "file", "File" },   { "section", "Section" }, { "key", "Key" },
    { "value", "Value" }, { "origin", "Origin" },   { NULL, NULL },
  };
  json_t *list;

  if (check_names (tool) < 0)
    return -1;
  list = json_array ();
  for (size_t i = 0; i < vl_config_count (tool->app); i++)
    if (is_named (tool, vl_config_get (tool->app, i)->file_kind))
      json_array_append_new (list, value_json (vl_config_get (tool->app, i)));
  tool_list (tool, "values", list, columns);
  return 0;
}

/* What a value of an upper layer is to what is packaged. */
static const char *
change_of (const struct vl_config_value *value)
{
  if (strchr (value->origin, ':') == NULL)
    return "masked";
  if (value->packaged == NULL)
    return "set";
  return strcmp (value->packaged, value->value) == 0 ? "same" : "changed";
}

static int
config_delta (struct tool *tool)
{
  static const struct column columns[] = {
    { "change", "Change" },
    { "file", "File" },
    { "key", "Key" },
    { "packaged", "Packaged" },
    { "value", "Value" },
    { "origin", "Origin" },
    { "section", "Section", 1 },
    { "packaged_origin", "Packaged origin", 1 },
    { NULL, NULL },
  };
  json_t *list;

  if (check_names (tool) < 0)
    return -1;
  list = json_array ();
  for (size_t i = 0; i < vl_config_count (tool->app); i++) {
    const struct vl_config_value *value = vl_config_get (tool->app, i);
    json_t *object;

    if (value->layer == 0 || ! is_named (tool, value->file_kind))
      continue;
    object = value_json (value);
    json_put (object, "change", change_of (value));
    json_put (object, "packaged", value->packaged);
    json_put (object, "packaged_origin", value->packaged_origin);
    json_array_append_new (list, object);
  }
  tool_list (tool, "values", list, columns);
  return 0;
}

void
config_plan_nothing (struct vl_app *app)
{
  static const char request[] =
      "{\"name\": \"config-check\", \"flavor\": {\"name\": \"empty\", \"vcpus\": 1, "
      "\"ram\": 512, \"disk\": 1}, \"image\": {\"name\": \"empty\", "
      "\"disk_format\": \"qcow2\"}}";
  struct vl_plan *plan = NULL;

  if (vl_app_read (app) == 0)
    fault_refuse (app);
  if (vl_app_load (app) == 0)
    (void)vl_plan_request (app, request, strlen (request), "config check", &plan);
  vl_plan_free (plan);
}

/* A guest that asks for nothing, planned for DRIVER in a session of its own: what the
 * configuration does to every guest. */
static void
plan_nothing (struct vl_app *app, const struct vl_app_options *given, const char *driver)
{
  struct vl_app_options options = *given;
  struct vl_app *other;

  options.driver = driver;
  options.strict = 0;
  other = vl_app_new (&options);
  config_plan_nothing (other);
  findings_copy (app, other, VL_SEV_WARNING);
  vl_app_free (other);
}

static const char *
driver_wanted (const struct vl_app *app, const struct vl_app_options *options)
{
  const char *wanted = options->driver;

  for (size_t i = 0; wanted == NULL && i < vl_config_count (app); i++) {
    const struct vl_config_value *value = vl_config_get (app, i);

    if (strcmp (value->file_kind, "virtloom.conf") == 0 && strcmp (value->key, "driver") == 0)
      wanted = value->value;
  }
  return wanted ? wanted : "auto";
}

const char *
tool_driver_wanted (struct tool *tool)
{
  return driver_wanted (tool->app, &tool->options);
}

/* May new servers get driver INFO?  The one that is named, or with `auto` those that
 * have a rank. */
static int
may_be_chosen (const char *wanted, const struct vl_plugin_info *info)
{
  return strcmp (wanted, "auto") == 0 ? info->auto_rank > 0 : strcmp (wanted, info->name) == 0;
}

/* Where the setting that names driver WANTED is, or NULL. */
static const char *
driver_origin (const struct vl_app *app, const char *wanted)
{
  for (size_t i = 0; i < vl_config_count (app); i++) {
    const struct vl_config_value *value = vl_config_get (app, i);

    if (strcmp (value->file_kind, "virtloom.conf") == 0 && strcmp (value->key, "driver") == 0
        && strcmp (value->value, wanted) == 0)
      return value->origin;
  }
  return NULL;
}

/* New servers get driver WANTED, which cannot be used for the REASONS.  That is no mistake of the
 * configuration, but no server can be made with it here. */
static void
tell_unusable (struct vl_app *app, const char *wanted, const char *reasons)
{
  struct vl_finding finding = {
    .severity = VL_SEV_WARNING,
    .code = "DriverUnavailable",
    .plugin = "core",
    .origin = driver_origin (app, wanted),
    .hint = "settings were judged by themselves; 'virtloom config check --host NAME' judges them "
            "for a recorded host",
  };

  finding.message =
      strcmp (wanted, "auto")
          ? vl_printf (vl_app_call (app), "servers get driver '%s', which cannot be used here: %s",
                       wanted, reasons)
          : vl_printf (vl_app_call (app), "no driver can be used here to make servers: %s",
                       reasons);
  (void)vl_findings_add (vl_app_call (app), &finding);
}

struct config_judged
config_judge (struct vl_app *app, const struct vl_app_options *options, int for_auto)
{
  struct config_judged judged = { 0, 0, 0, "" };
  const char *wanted = driver_wanted (app, options), *why;
  int known = 0, automatic = strcmp (wanted, "auto") == 0;
  VL_AUTOSTR struct vl_str reasons = { NULL, 0, 0 };

  for (size_t i = 0; i < vl_plugins_count (app); i++) {
    const struct vl_plugin_info *info = vl_plugins_get (app, i);

    if (info->state == VL_PLUGIN_UNUSED)
      (void)vl_plugins_load (app, info->name);
    info = vl_plugins_get (app, i);
    known |= info->kind == VL_KIND_DRIVER && strcmp (info->name, wanted) == 0;
    judged.loaded += info->state == VL_PLUGIN_LOADED;
    judged.disabled += info->state == VL_PLUGIN_DISABLED;
    if (info->kind != VL_KIND_DRIVER || info->state != VL_PLUGIN_LOADED
        || ! may_be_chosen (wanted, info) || (! for_auto && automatic))
      continue;
    if (options->host_file == NULL && ! vl_plugins_usable (app, info->name, &why)) {
      vl_str_printf (&reasons, "%s%s%s%s", reasons.length ? "; " : "", automatic ? info->name : "",
                     automatic ? ": " : "", why);
      continue;
    }
    plan_nothing (app, options, info->name);
    judged.drivers = vl_printf (vl_app_call (app), "%s%s %s", judged.planned ? judged.drivers : "",
                                judged.planned ? "," : "", info->name);
    judged.planned++;
  }
  /* A driver that there is not is told by whoever looks for it. */
  if (! automatic && ! known)
    plan_nothing (app, options, options->driver);
  /* Settings can be wrong by themselves, on whatever host. */
  if (judged.planned == 0)
    (void)vl_app_ready (app, NULL);
  if (judged.planned == 0 && reasons.length)
    tell_unusable (app, wanted, reasons.text);
  return judged;
}

static int
config_check (struct tool *tool)
{
  struct config_judged judged = config_judge (tool->app, &tool->options, 1);

  if (vl_findings_exit_code (tool->app))
    return -1;
  tool_done (tool,
             "%zu plugins can be loaded, %zu are disabled, %zu values are set; a guest can be "
             "planned for %s%s",
             judged.loaded, judged.disabled, vl_config_count (tool->app),
             judged.planned == 0   ? "no driver"
             : judged.planned == 1 ? "driver"
                                   : "drivers",
             judged.drivers);
  return 0;
}

static const struct verb verbs[] = {
  { "show", "[NAME]...", 0, -1, TABLE_OPTIONS, TABLE_FORMATS,
    "shows each value with its file and line", "virtloom config show graphics", VERB_READ,
    config_show },
  { "delta", "[NAME]...", 0, -1, TABLE_OPTIONS, TABLE_FORMATS,
    "shows what differs from what is packaged", "virtloom config delta", VERB_READ, config_delta },
  { "check", NULL, 0, 0, NULL, "table json",
    "reads all files, loads all plugins, plans an empty guest",
    "virtloom --config ./conf config check", VERB_WATCHED | VERB_STRICT, config_check },
  { "import-nova", "FILE...", 1, -1, "out", "table json",
    "writes a configuration folder from Nova's files, and folders of them",
    "virtloom config import-nova /etc/nova/nova.conf /etc/nova/nova-compute.conf --out ./conf",
    VERB_NO_DEBUG, config_import_nova },
  { .run = NULL },
};

const struct noun config_noun = { "config", "the configuration", verbs };
