/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * virtloom config: the merged configuration, what is wrong with it, and one made
 * of a nova.conf. */

#include <config.h>

#include "tool.h"

#include <stdlib.h>
#include <string.h>

#define NOVA_CONF_LIMIT ((size_t)4 << 20)

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
plan_nothing (struct tool *tool, const char *driver)
{
  static const char request[] =
      "{\"name\": \"config-check\", \"flavor\": {\"name\": \"empty\", \"vcpus\": 1, "
      "\"ram\": 512, \"disk\": 1}, \"image\": {\"name\": \"empty\", "
      "\"disk_format\": \"qcow2\"}}";
  struct vl_app_options options = tool->options;
  struct vl_plan *plan = NULL;
  struct vl_app *app;

  options.driver = driver;
  options.strict = 0;
  app = vl_app_new (&options);
  if (vl_app_read (app) == 0)
    fault_refuse (app);
  if (vl_app_load (app) == 0)
    (void)vl_plan_request (app, request, strlen (request), "config check", &plan);
  findings_copy (tool, app);
  vl_plan_free (plan);
  vl_app_free (app);
}

/* May new servers get driver INFO?  The one that is named, or with `auto` those that
 * have a rank. */
static int
may_be_chosen (struct tool *tool, const struct vl_plugin_info *info)
{
  const char *wanted = tool->options.driver;

  for (size_t i = 0; wanted == NULL && i < vl_config_count (tool->app); i++) {
    const struct vl_config_value *value = vl_config_get (tool->app, i);

    if (strcmp (value->file_kind, "virtloom.conf") == 0 && strcmp (value->key, "driver") == 0)
      wanted = value->value;
  }
  return wanted == NULL || strcmp (wanted, "auto") == 0 ? info->auto_rank > 0
                                                        : strcmp (wanted, info->name) == 0;
}

/* Loading is what checks; drivers, too, are loaded here, though only one of them
 * would be used. */
static int
config_check (struct tool *tool)
{
  size_t loaded = 0, disabled = 0, planned = 0;

  for (size_t i = 0; i < vl_plugins_count (tool->app); i++) {
    const struct vl_plugin_info *info = vl_plugins_get (tool->app, i);
    const char *why;

    if (info->state == VL_PLUGIN_UNUSED)
      (void)vl_plugins_load (tool->app, info->name);
    info = vl_plugins_get (tool->app, i);
    loaded += info->state == VL_PLUGIN_LOADED;
    disabled += info->state == VL_PLUGIN_DISABLED;
    if (info->kind != VL_KIND_DRIVER || info->state != VL_PLUGIN_LOADED
        || ! may_be_chosen (tool, info) || ! vl_plugins_usable (tool->app, info->name, &why))
      continue;
    plan_nothing (tool, info->name);
    planned++;
  }
  if (vl_findings_exit_code (tool->app))
    return -1;
  tool_done (tool,
             "%zu plugins can be loaded, %zu are disabled, %zu values are set; a guest can be "
             "planned for %zu drivers",
             loaded, disabled, vl_config_count (tool->app), planned);
  return 0;
}

/* ---- import-nova ---- */

static const struct vl_nova_option *
option_named (const struct nova_conf *conf, const char *name)
{
  for (size_t i = 0; i < conf->n; i++)
    if (strcmp (conf->options[i].name, name) == 0)
      return &conf->options[i];
  return NULL;
}

static void
report_left_out (struct tool *tool, const struct nova_conf *conf, const char *const *left_out)
{
  json_t *list = json_array ();

  for (; *left_out; left_out++) {
    const struct vl_nova_option *option = option_named (conf, *left_out);

    vl_warn_as (tool->call, "OptionNotCarriedOver", NULL, NULL,
                "%s = '%s' has no counterpart here and is not carried over (%s)", *left_out,
                option ? option->value : "", option ? option->origin : "nova.conf");
    json_array_append_new (list, json_text (*left_out));
  }
  json_object_set_new (tool->data, "left_out", list);
}

static int
config_import_nova (struct tool *tool)
{
  const char *path = tool->args->words[0], *out = args_value (tool->args, "out");
  struct nova_conf conf = { .n = 0 };
  const char *const *left_out = NULL;
  size_t length;
  char *text;
  int result;

  if (out == NULL)
    return vl_refuse (tool->call, VL_ERR_USAGE, NULL, NULL, "'config import-nova' needs --out DIR");
  text = tool_read (tool, path, NOVA_CONF_LIMIT, &length);
  if (text == NULL)
    return -1;
  result = strlen (text) == length
               ? nova_conf_read (tool, path, text, &conf)
               : vl_refuse (tool->call, VL_ERR_REQUEST, NULL, NULL, "'%s' has a NUL byte", path);
  if (result == 0)
    result = vl_config_write_nova (tool->app, conf.options, conf.n, out, &left_out);
  if (left_out)
    report_left_out (tool, &conf, left_out);
  nova_conf_free (&conf);
  free (text);
  return result;
}

static const struct verb verbs[] = {
  { "show", NULL, 0, 0, NULL, "table json", "shows each value with its file and line",
    "virtloom config show", VERB_READ, config_show },
  { "check", NULL, 0, 0, NULL, "table json",
    "reads all files, loads all plugins, plans an empty guest",
    "virtloom --config ./conf config check", VERB_WATCHED | VERB_STRICT, config_check },
  { "import-nova", "FILE", 1, 1, "out", "table json",
    "writes a configuration folder from a nova.conf",
    "virtloom config import-nova /etc/nova/nova.conf --out ./conf", 0, config_import_nova },
  { .run = NULL },
};

const struct noun config_noun = { "config", "the configuration", verbs };
