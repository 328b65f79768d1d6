/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the nouns feature and driver share: lists, tables of one plugin, turning
 * it on and off. */

#include <config.h>

#include "tool.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char *
state_name (enum vl_plugin_state state)
{
  static const char *const names[] = { "", "loaded", "disabled", "refused", "unused" };

  return names[state];
}

/* Is it the one that new servers get?  What `auto` takes only shows when drivers are loaded. */
static const char *
driver_state (struct tool *tool, const struct vl_plugin_info *info)
{
  if (info->state != VL_PLUGIN_UNUSED && info->state != VL_PLUGIN_LOADED)
    return state_name (info->state);
  return strcmp (tool_driver_wanted (tool), info->name) == 0 ? "chosen" : "enabled";
}

static const char *
kind_name (enum vl_kind kind)
{
  return kind == VL_KIND_DRIVER ? "driver" : "feature";
}

/* ---- list ---- */

static json_t *
head_json (const struct vl_plugin_info *info)
{
  json_t *object = json_object ();

  json_put (object, "name", info->name);
  json_put (object, "state", state_name (info->state));
  json_put (object, "version", info->version);
  json_put (object, "summary", info->summary);
  json_put (object, "reason", info->reason);
  if (info->kind == VL_KIND_DRIVER)
    json_put_int (object, "auto", info->auto_rank);
  json_object_set_new (object, "keys", json_texts (info->keys));
  return object;
}

/* Loads the driver NAME, which alone knows its version and its summary.  Where it is refused its row says
 * so, and that is a warning, as of a feature. */
static void
load_driver (struct tool *tool, const char *name)
{
  size_t first = vl_findings_count (tool->app), n;
  struct vl_finding *told;

  (void)! vl_plugins_load (tool->app, name);
  n = vl_findings_count (tool->app) - first;
  told = vl_memory (tool->call, (n + 1) * sizeof *told);
  for (size_t i = 0; i < n; i++)
    told[i] = *vl_findings_get (tool->app, first + i);
  vl_findings_forget (tool->app, first);
  for (size_t i = 0; i < n; i++) {
    if (told[i].severity == VL_SEV_ERROR)
      told[i].severity = VL_SEV_WARNING;
    (void)vl_findings_add (tool->call, &told[i]);
  }
}

int
plugins_list (struct tool *tool, enum vl_kind kind)
{
  static const struct column features[] = {
    { "name", "Name" },       { "state", "State" },  { "version", "Version" },
    { "summary", "Summary" }, { "keys", "Keys", 1 }, { "reason", "Why not loaded", 1 },
    { NULL, NULL },
  };
  static const struct column drivers[] = {
    { "name", "Name" },
    { "state", "State" },
    { "auto", "Auto" },
    { "version", "Version" },
    { "summary", "Summary" },
    { "keys", "Keys", 1 },
    { "reason", "Why not loaded", 1 },
    { NULL, NULL },
  };
  static const struct column longer[] = {
    { "name", "Name" }, { "state", "State" }, { "keys", "Keys" }, { "reason", "Why not loaded" },
    { NULL, NULL },
  };
  json_t *list = json_array ();

  for (size_t i = 0; i < vl_plugins_count (tool->app); i++) {
    const struct vl_plugin_info *info = vl_plugins_get (tool->app, i);

    if (info->kind == kind) {
      json_t *object;

      if (info->state == VL_PLUGIN_UNUSED)
        load_driver (tool, info->name);
      object = head_json (vl_plugins_get (tool->app, i));

      if (kind == VL_KIND_DRIVER)
        json_put (object, "state", driver_state (tool, info));
      json_array_append_new (list, object);
    }
  }
  tool_list (tool, kind == VL_KIND_DRIVER ? "drivers" : "features", list,
             args_has (tool->args, "long") ? longer
             : kind == VL_KIND_DRIVER      ? drivers
                                           : features);
  return 0;
}

/* ---- show ---- */

static const char *
type_name (enum vl_type type)
{
  static const char *const names[] = { "",       "bool",   "tristate", "int",    "size",
                                       "string", "choice", "list",     "cpuset", "decimal" };

  return (size_t)type < sizeof names / sizeof names[0] ? names[type] : "?";
}

static const char *
rule_name (enum vl_rule rule)
{
  static const char *const names[] = { "-",      "image wins",    "flavor wins", "must agree",
                                       "either", "image narrows", "by feature" };

  return (size_t)rule < sizeof names / sizeof names[0] ? names[rule] : "?";
}

/* What a value may be: "a, b" of choices, "1 to 5 ms" of numbers. */
static const char *
accepted (struct tool *tool, enum vl_type type, const char *const *choices, int64_t min,
          int64_t max, const char *unit)
{
  const char *text = "";

  if (type == VL_CHOICE && choices)
    for (size_t i = 0; choices[i]; i++)
      text = vl_printf (tool->call, "%s%s%s", text, i ? ", " : "", choices[i]);
  else if ((type == VL_INT || type == VL_SIZE) && max > min)
    text = vl_printf (tool->call, "%" PRId64 " to %" PRId64 "%s%s", min, max, unit ? " " : "",
                      unit ? unit : "");
  return text;
}

static json_t *
props_json (struct tool *tool, const struct vl_plugin_info *info)
{
  json_t *list = json_array ();

  for (size_t i = 0; i < info->n_props; i++) {
    const struct vl_prop *row = &info->props[i];
    json_t *object = json_object ();

    json_put (object, "name", vl_printf (tool->call, "%s.%s", info->name, row->name));
    json_put (object, "type", type_name (row->type));
    json_put (object, "accepted",
              accepted (tool, row->type, row->choices, row->min, row->max, row->unit));
    json_put (object, "default", row->deflt);
    json_put (object, "flavor", row->flavor_key);
    json_put (object, "image", row->image_key);
    json_put (object, "setting", row->setting);
    json_put (object, "only", row->only);
    json_put (object, "value", row->setting ? info->values[i].text : NULL);
    json_put (object, "origin", row->setting ? info->values[i].origin : NULL);
    json_put (object, "nova", row->nova);
    json_put (object, "of", row->of);
    json_put (object, "rule", rule_name (row->rule));
    json_put (object, "fills", row->fills);
    json_put (object, "since", row->since);
    json_put (object, "help", row->help);
    json_array_append_new (list, object);
  }
  return list;
}

static json_t *
writes_json (const struct vl_plugin_info *info)
{
  json_t *list = json_array ();

  for (size_t i = 0; i < info->n_writes; i++) {
    json_t *object = json_object ();

    json_put (object, "path", info->writes[i].path);
    json_put (object, "since", info->writes[i].since);
    json_array_append_new (list, object);
  }
  return list;
}

static const char *
also (struct tool *tool, const char *text, const char *what, const char *which)
{
  return vl_printf (tool->call, "%s%s%s%s%s", text, *text ? ", " : "", what, which ? " " : "",
                    which ? which : "");
}

const char *
program_has (struct tool *tool, const struct vl_tool_row *row)
{
  static const char *const capabilities[] = { "chown",
                                              "dac_override",
                                              "dac_read_search",
                                              "fowner",
                                              "fsetid",
                                              "kill",
                                              "setgid",
                                              "setuid",
                                              "setpcap",
                                              "linux_immutable",
                                              "net_bind_service",
                                              "net_broadcast",
                                              "net_admin",
                                              "net_raw",
                                              "ipc_lock",
                                              "ipc_owner",
                                              "sys_module",
                                              "sys_rawio",
                                              "sys_chroot",
                                              "sys_ptrace",
                                              "sys_pacct",
                                              "sys_admin",
                                              "sys_boot",
                                              "sys_nice",
                                              "sys_resource",
                                              "sys_time",
                                              "sys_tty_config",
                                              "mknod",
                                              "lease",
                                              "audit_write",
                                              "audit_control",
                                              "setfcap",
                                              "mac_override",
                                              "mac_admin",
                                              "syslog",
                                              "wake_alarm",
                                              "block_suspend",
                                              "audit_read",
                                              "perfmon",
                                              "bpf",
                                              "checkpoint_restore" };
  const char *text = "";

  if (row->flags & VL_TOOL_TENANT)
    text = also (tool, text, "tenants' bytes", NULL);
  if (row->flags & VL_TOOL_WRITES)
    text = also (tool, text, "files to write", NULL);
  if (row->flags & VL_TOOL_CONNECT)
    text = also (tool, text, "network", NULL);
  if (row->user)
    text = also (tool, text, "user", row->user);
  for (size_t i = 0; i < sizeof capabilities / sizeof capabilities[0]; i++)
    if (row->capabilities >> i & 1)
      text = also (tool, text, "capability", capabilities[i]);
  for (const char *const *path = row->paths; path && *path; path++)
    text = also (tool, text, "path", *path);
  for (const char *const *device = row->devices; device && *device; device++)
    text = also (tool, text, "device", *device);
  return text;
}

/* The outside programs that it may run, and what each may have. */
static json_t *
programs_json (struct tool *tool, const struct vl_plugin_info *info)
{
  json_t *list = json_array ();

  for (size_t i = 0; i < info->n_tools; i++) {
    json_t *object = json_object ();

    json_put (object, "name", info->tools[i].name);
    json_put (object, "program", info->tools[i].program);
    json_put (object, "has", program_has (tool, &info->tools[i]));
    json_put (object, "help", info->tools[i].help);
    json_array_append_new (list, object);
  }
  return list;
}

static json_t *
plugin_json (struct tool *tool, const struct vl_plugin_info *info)
{
  json_t *object = head_json (info);

  json_put (object, "kind", kind_name (info->kind));
  json_put (object, "built_for", info->built_for);
  json_put (object, "module", info->module);
  json_put (object, "conf", info->conf);
  json_object_set_new (object, "enabled", json_boolean (info->enabled));
  json_object_set_new (object, "critical", json_boolean (info->critical));
  json_object_set_new (object, "reads", json_texts (info->reads));
  json_object_set_new (object, "wakes", json_texts (info->wakes));
  json_object_set_new (object, "needs", json_texts (info->needs));
  json_object_set_new (object, "conflicts", json_texts (info->conflicts));
  json_object_set_new (object, "traits", json_texts (info->traits));
  json_object_set_new (object, "properties", props_json (tool, info));
  json_object_set_new (object, "writes", writes_json (info));
  json_object_set_new (object, "programs", programs_json (tool, info));
  return object;
}

static void
show_section (struct tool *tool, const json_t *object, const char *name,
              const struct column *columns)
{
  const json_t *list = json_object_get (object, name);

  if (json_array_size (list) == 0)
    return;
  printf ("\n%c%s:\n", name[0] - 'a' + 'A', name + 1);
  table_list (tool, list, columns);
}

static void
show_tables (struct tool *tool, const json_t *object)
{
  static const struct column head[] = {
    { "name", "Name" },
    { "kind", "Kind" },
    { "state", "State" },
    { "reason", "Reason" },
    { "summary", "Summary" },
    { "version", "Version" },
    { "built_for", "Built for" },
    { "module", "Module" },
    { "conf", "Configuration" },
    { "enabled", "Enabled" },
    { "critical", "Critical" },
    { "auto", "Auto" },
    { "keys", "Keys" },
    { "reads", "Reads" },
    { "wakes", "Wakes" },
    { "needs", "Needs" },
    { "conflicts", "Conflicts" },
    { "traits", "Traits" },
    { NULL, NULL },
  };
  static const struct column props[] = {
    { "name", "Property" },   { "type", "Type" },         { "accepted", "Accepted" },
    { "default", "Default" }, { "flavor", "Flavor key" }, { "image", "Image key" },
    { "rule", "Rule" },       { "setting", "Setting" },   { "value", "Value" },
    { "origin", "Origin" },   { "help", "Help" },         { NULL, NULL },
  };
  static const struct column writes[] = {
    { "path", "Path" },
    { "since", "Since libvirt" },
    { NULL, NULL },
  };

  static const struct column programs[] = {
    { "name", "Tool" }, { "program", "Program" }, { "has", "Has" },
    { "help", "Help" }, { NULL, NULL },
  };

  table_show (tool, object, head);
  if (table_is_plain (tool))
    return;
  show_section (tool, object, "properties", props);
  show_section (tool, object, "writes", writes);
  show_section (tool, object, "programs", programs);
}

/* The plugin NAME, which the command line names; NULL after a finding. */
static const struct vl_plugin_info *
named (struct tool *tool, enum vl_kind kind, const char *name)
{
  const struct vl_plugin_info *info = vl_plugins_find (tool->app, name);
  struct vl_spell spelling = { .wanted = name };

  if (info && info->kind == kind)
    return info;
  for (size_t i = 0; i < vl_plugins_count (tool->app); i++)
    if (vl_plugins_get (tool->app, i)->kind == kind)
      vl_spell_offer (&spelling, vl_plugins_get (tool->app, i)->name);
  (void)vl_refuse (tool->call, VL_ERR_NOT_FOUND, NULL,
                   info
                       ? vl_printf (tool->call, "virtloom %s show %s", kind_name (info->kind), name)
                   : spelling.best ? vl_printf (tool->call, "did you mean '%s'?", spelling.best)
                                   : vl_printf (tool->call, "virtloom %s list", kind_name (kind)),
                   "there is no %s '%s'", kind_name (kind), name);
  return NULL;
}

int
plugins_show (struct tool *tool, enum vl_kind kind)
{
  const struct vl_plugin_info *info = named (tool, kind, tool->args->words[0]);
  json_t *object;

  if (info == NULL)
    return -1;
  /* The module of a driver that is not the chosen one was not needed so far. */
  if (info->state == VL_PLUGIN_UNUSED) {
    if (vl_plugins_load (tool->app, info->name) < 0)
      return -1;
    info = vl_plugins_find (tool->app, info->name);
  }
  object = plugin_json (tool, info);
  if (! tool->json)
    show_tables (tool, object);
  json_object_update (tool->data, object);
  json_decref (object);
  return 0;
}

/* ---- which ---- */

/* Is KEY NAME, or one of those that it stands for: a number in place of ".N", anything in place of
 * '*'? */
static int
is_key (const char *name, const char *key)
{
  size_t n = name ? strlen (name) : 0, digits;

  if (n == 0)
    return 0;
  if (name[n - 1] == '*')
    return strncmp (name, key, n - 1) == 0;
  if (n > 2 && strcmp (name + n - 2, ".N") == 0)
    n -= 2;
  if (strncmp (name, key, n) != 0)
    return 0;
  digits = key[n] == '.' ? strspn (key + n + 1, "0123456789") : 0;
  return key[n] == '\0' || (digits && key[n + 1 + digits] == '\0');
}

/* What KEY is of ROW of INFO, or NULL. */
static const char *
part_of (struct tool *tool, const struct vl_plugin_info *info, const struct vl_prop *row,
         const char *key)
{
  if (is_key (row->flavor_key, key))
    return "flavor key";
  if (is_key (row->image_key, key))
    return "image key";
  if (is_key (row->setting, key))
    return "setting";
  for (size_t i = 0; i < row->aliases.count; i++)
    if (is_key (((const struct vl_alias *)row->aliases.rows)[i].key, key))
      return "alias";
  if (is_key (row->nova, key))
    return "nova.conf";
  return strcmp (vl_printf (tool->call, "%s.%s", info->name, row->name), key) == 0 ? "property"
                                                                                   : NULL;
}

static void
add_which (json_t *list, const struct vl_plugin_info *info, const char *what, const char *property,
           const char *accepts, const struct vl_prop *row)
{
  json_t *object = json_object ();

  json_put (object, "plugin", info->name);
  json_put (object, "kind", kind_name (info->kind));
  json_put (object, "state", state_name (info->state));
  json_put (object, "is", what);
  json_put (object, "property", property);
  json_put (object, "type", row ? type_name (row->type) : NULL);
  json_put (object, "accepted", accepts);
  json_put (object, "default", row ? row->deflt : NULL);
  json_put (object, "help", row ? row->help : info->reason);
  json_array_append_new (list, object);
}

/* What INFO has of KEY goes into LIST; names that it might be go to SPELLING. */
static void
find_key (struct tool *tool, const struct vl_plugin_info *info, const char *key, json_t *list,
          struct vl_spell *spelling)
{
  size_t before = json_array_size (list);

  for (size_t i = 0; i < info->n_props; i++) {
    const struct vl_prop *row = &info->props[i];
    const char *what = part_of (tool, info, row, key);

    if (what)
      add_which (list, info, what, vl_printf (tool->call, "%s.%s", info->name, row->name),
                 accepted (tool, row->type, row->choices, row->min, row->max, row->unit), row);
    if (row->setting)
      vl_spell_offer (spelling, row->setting);
  }
  /* Of a plugin that is off or refused there are no rows, but it keeps its keys. */
  for (const char *const *claim = info->keys; claim && *claim; claim++) {
    if (json_array_size (list) == before && is_key (*claim, key))
      add_which (list, info, "key", NULL, NULL, NULL);
    vl_spell_offer (spelling, *claim);
  }
  for (const char *const *trait = info->traits; trait && *trait; trait++)
    if (is_key (*trait, key))
      add_which (list, info, "trait", NULL, NULL, NULL);
}

int
plugins_which (struct tool *tool)
{
  static const struct column columns[] = {
    { "plugin", "Plugin" },   { "state", "State" },
    { "is", "Is" },           { "property", "Property" },
    { "type", "Type" },       { "accepted", "Accepted" },
    { "default", "Default" }, { "help", "Help" },
    { "kind", "Kind", 1 },    { NULL, NULL },
  };
  const char *key = tool->args->words[0];
  struct vl_spell spelling = { .wanted = key };
  json_t *list = json_array ();

  for (size_t i = 0; i < vl_plugins_count (tool->app); i++) {
    const struct vl_plugin_info *info = vl_plugins_get (tool->app, i);

    if (info->state == VL_PLUGIN_UNUSED && vl_plugins_load (tool->app, info->name) == 0)
      info = vl_plugins_get (tool->app, i);
    find_key (tool, info, strncmp (key, "trait:", 6) ? key : key + 6, list, &spelling);
  }
  if (json_array_size (list)) {
    tool_list (tool, "plugins", list, columns);
    return 0;
  }
  json_decref (list);
  return vl_refuse_as (tool->call, VL_ERR_NOT_FOUND, "KeyNotFound", NULL,
                       spelling.best
                           ? vl_printf (tool->call, "did you mean '%s'?", spelling.best)
                           : "'virtloom feature list --long' shows the keys that are known",
                       "no plugin answers for '%s'", key);
}

/* ---- enable, disable ---- */

int
plugins_switch (struct tool *tool, enum vl_kind kind, int on)
{
  const struct args *args = tool->args;
  const char *file = NULL, *text = NULL;
  int result = 0;

  /* A name that is wrong changes nothing of the others. */
  for (size_t i = 0; i < args->n_words; i++)
    if (named (tool, kind, args->words[i]) == NULL)
      result = -1;
  for (size_t i = 0; result == 0 && i < args->n_words; i++) {
    const char *done;

    result = vl_plugins_enable (tool->app, args->words[i], on, &file);
    if (result < 0)
      break;
    done = vl_printf (tool->call, "%s %s is %s in %s", kind_name (kind), args->words[i],
                      on ? "enabled" : "disabled", file);
    tool_done (tool, "%s", done);
    text = text ? vl_printf (tool->call, "%s\n%s", text, done) : done;
  }
  json_put (tool->data, "done", text);
  return result;
}
