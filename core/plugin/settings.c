/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A plugin's own settings, as its callbacks read them: those of the plugin that
 * the context says is running. */

#include <config.h>

#include "plugin/registry.h"

/* The value of setting NAME of the running plugin, NULL where it is unset.  A
 * name that the table has not is the plugin's fault and is said as such. */
static const struct vl_value *
find_value (struct vl_call *call, const char *name)
{
  const struct vl_plugin *plugin = call->plugin;

  for (size_t i = 0; plugin && i < plugin->n_settings; i++)
    if (VL_STREQ (plugin->settings[i].row->name, name))
      return plugin->settings[i].value.set ? &plugin->settings[i].value : NULL;
  vl_error (call, VL_ERR_FAILED, NULL, NULL, "asks for setting '%s', which its table has not",
            name);
  vl_hint (call, "this is a fault of the plugin");
  return NULL;
}

int
vl_setting_has (struct vl_call *call, const char *name)
{
  return find_value (call, name) != NULL;
}

int
vl_setting_bool (struct vl_call *call, const char *name)
{
  const struct vl_value *value = find_value (call, name);

  return value && value->number != 0;
}

int64_t
vl_setting_int (struct vl_call *call, const char *name)
{
  const struct vl_value *value = find_value (call, name);

  return value ? value->number : 0;
}

const char *
vl_setting_str (struct vl_call *call, const char *name)
{
  const struct vl_value *value = find_value (call, name);

  return value ? value->text : NULL;
}

size_t
vl_setting_count (struct vl_call *call, const char *name)
{
  const struct vl_value *value = find_value (call, name);

  return value ? value->n_items : 0;
}

const char *
vl_setting_item (struct vl_call *call, const char *name, size_t i)
{
  const struct vl_value *value = find_value (call, name);

  return value && i < value->n_items ? value->items[i] : NULL;
}
