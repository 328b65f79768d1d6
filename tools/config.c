/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * virtloom config: the merged configuration, and what is wrong with it. */

#include <config.h>

#include "tool.h"

#include <string.h>

static int
config_show (struct tool *tool)
{
  static const struct column columns[] = {
    { "file", "File" },   { "section", "Section" }, { "key", "Key" },
    { "value", "Value" }, { "origin", "Origin" },   { NULL, NULL },
  };
  json_t *list = json_array ();

  for (size_t i = 0; i < vl_config_count (tool->app); i++) {
    const struct vl_config_value *value = vl_config_get (tool->app, i);
    json_t *object = json_object ();

    json_put (object, "file", value->file_kind);
    json_put (object, "section", value->section);
    json_put (object, "key", value->key);
    json_put (object, "value", value->value);
    json_put (object, "origin", value->origin);
    json_array_append_new (list, object);
  }
  tool_list (tool, "values", list, columns);
  return 0;
}

/* A guest that asks for nothing, planned for DRIVER in a session of its own: what the
 * configuration does to every guest. */
static void
plan_nothing (struct vl_app *app, const struct vl_app_options *given, const char *driver)
{
  static const char request[] =
      "{\"name\": \"config-check\", \"flavor\": {\"name\": \"empty\", \"vcpus\": 1, "
      "\"ram\": 512, \"disk\": 1}, \"image\": {\"name\": \"empty\", "
      "\"disk_format\": \"qcow2\"}}";
  struct vl_app_options options = *given;
  struct vl_plan *plan = NULL;
  struct vl_app *other;

  options.driver = driver;
  options.strict = 0;
  other = vl_app_new (&options);
  if (vl_app_read (other) == 0)
    fault_refuse (other);
  if (vl_app_load (other) == 0)
    (void)vl_plan_request (other, request, strlen (request), "config check", &plan);
  findings_copy (app, other);
  vl_plan_free (plan);
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

struct config_judged
config_judge (struct vl_app *app, const struct vl_app_options *options, int for_auto)
{
  struct config_judged judged = { 0, 0, 0 };
  const char *wanted = driver_wanted (app, options), *why;

  for (size_t i = 0; i < vl_plugins_count (app); i++) {
    const struct vl_plugin_info *info = vl_plugins_get (app, i);

    if (info->state == VL_PLUGIN_UNUSED)
      (void)vl_plugins_load (app, info->name);
    info = vl_plugins_get (app, i);
    judged.loaded += info->state == VL_PLUGIN_LOADED;
    judged.disabled += info->state == VL_PLUGIN_DISABLED;
    if (info->kind != VL_KIND_DRIVER || info->state != VL_PLUGIN_LOADED
        || ! may_be_chosen (wanted, info) || (! for_auto && strcmp (wanted, "auto") == 0))
      continue;
    if (options->host_file == NULL && ! vl_plugins_usable (app, info->name, &why))
      continue;
    plan_nothing (app, options, info->name);
    judged.planned++;
  }
  /* Settings can be wrong by themselves, on whatever host. */
  if (judged.planned == 0)
    (void)vl_app_ready (app, NULL);
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
             "planned for %zu drivers",
             judged.loaded, judged.disabled, vl_config_count (tool->app), judged.planned);
  return 0;
}

static const struct verb verbs[] = {
  { "show", NULL, 0, 0, NULL, "table json", "shows each value with its file and line",
    "virtloom config show", VERB_READ, config_show },
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
