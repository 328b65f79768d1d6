/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A plugin's own settings, as its callbacks read them: those of the plugin that
 * the context says is running. */

#include <config.h>

#include "plugin/registry.h"

/* The value of setting NAME of the running plugin, NULL where it is unset.  A
 * name that the table has not is the plugin's fault and is said as such. */
static const struct vl_value *
find_value (struct vl_ctx *ctx, const char *name)
{
  const struct vl_plugin *plugin = ctx->plugin;

  for (size_t i = 0; plugin && i < plugin->n_settings; i++)
    if (VL_STREQ (plugin->settings[i].row->name, name))
      return plugin->settings[i].value.set ? &plugin->settings[i].value : NULL;
  vl_error (ctx, VL_ERR_FAILED, NULL, NULL, "asks for setting '%s', which its table has not", name);
  vl_hint (ctx, "this is a fault of the plugin");
  return NULL;
}

int
vl_setting_has (struct vl_ctx *ctx, const char *name)
{
  return find_value (ctx, name) != NULL;
}

int
vl_setting_bool (struct vl_ctx *ctx, const char *name)
{
  const struct vl_value *value = find_value (ctx, name);

  return value && value->number != 0;
}

int64_t
vl_setting_int (struct vl_ctx *ctx, const char *name)
{
  const struct vl_value *value = find_value (ctx, name);

  return value ? value->number : 0;
}

const char *
vl_setting_str (struct vl_ctx *ctx, const char *name)
{
  const struct vl_value *value = find_value (ctx, name);

  return value ? value->text : NULL;
}

size_t
vl_setting_count (struct vl_ctx *ctx, const char *name)
{
  const struct vl_value *value = find_value (ctx, name);

  return value ? value->n_items : 0;
}

const char *
vl_setting_item (struct vl_ctx *ctx, const char *name, size_t i)
{
  const struct vl_value *value = find_value (ctx, name);

  return value && i < value->n_items ? value->items[i] : NULL;
}
