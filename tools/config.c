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

/* Loading is what checks; drivers, too, are loaded here, though only one of them
 * would be used. */
static int
config_check (struct tool *tool)
{
  size_t loaded = 0, disabled = 0;
  int bad = 0;

  for (size_t i = 0; i < vl_plugins_count (tool->app); i++) {
    const struct vl_plugin_info *info = vl_plugins_get (tool->app, i);

    if (info->state == VL_PLUGIN_UNUSED && vl_plugins_load (tool->app, info->name) < 0)
      bad = -1;
    info = vl_plugins_get (tool->app, i);
    loaded += info->state == VL_PLUGIN_LOADED;
    disabled += info->state == VL_PLUGIN_DISABLED;
  }
  if (bad || vl_findings_exit_code (tool->app))
    return -1;
  tool_done (tool, "%zu plugins can be loaded, %zu are disabled, %zu values are set", loaded,
             disabled, vl_config_count (tool->app));
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

    vl_warning (tool->call, "OptionNotCarriedOver", NULL,
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
    return vl_error (tool->call, VL_ERR_USAGE, NULL, NULL, "'config import-nova' needs --out DIR");
  text = tool_read (tool, path, NOVA_CONF_LIMIT, &length);
  if (text == NULL)
    return -1;
  result = strlen (text) == length
               ? nova_conf_read (tool, path, text, &conf)
               : vl_error (tool->call, VL_ERR_REQUEST, NULL, NULL, "'%s' has a NUL byte", path);
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
    "virtloom config show", 0, config_show },
  { "check", NULL, 0, 0, NULL, "table json", "reads all files and loads all plugins",
    "virtloom --config ./conf config check", 0, config_check },
  { "import-nova", "FILE", 1, 1, "out", "table json",
    "writes a configuration folder from a nova.conf",
    "virtloom config import-nova /etc/nova/nova.conf --out ./conf", 0, config_import_nova },
  { .run = NULL },
};

const struct noun config_noun = { "config", "the configuration", verbs };
