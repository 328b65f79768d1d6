/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Features are asked whether an image may be used. */

#include <config.h>

#include "server/hooks.h"
#include "server/record.h"

#include "server/session.h"

#include <virtloom/feature.h>

#include <sys/stat.h>

static int
judge (struct vl_call *call, struct vl_plugin *plugin, void *image)
{
  return plugin->feature.judge_image (call, image);
}

int
vl_image_judge_use (struct vl_app *app, const struct vl_image_info *info, const char *path,
                    const char *given_as, int comes)
{
  struct vl_image image = { .size = sizeof image,
                            .comes = (uint32_t)comes,
                            .name = info->name,
                            .path = path,
                            .given_as = given_as,
                            .n_properties = info->n_properties };
  struct vl_image_property *properties =
      vl_arena_alloc (app->call->arena, (info->n_properties + 1) * sizeof *properties);
  struct stat st;
  int bad = 0;

  for (size_t i = 0; i < info->n_properties; i++)
    properties[i] =
        (struct vl_image_property) { info->properties[i].key, info->properties[i].value };
  image.properties = properties;
  if (path && stat (path, &st) == 0)
    image.bytes = st.st_size;
  for (size_t i = 0; i < app->registry->n; i++) {
    struct vl_plugin *plugin = app->registry->plugins[i];

    if (plugin->state == VL_PLUGIN_LOADED && plugin->kind == VL_KIND_FEATURE
        && plugin->feature.judge_image)
      bad |= vl_group_run (app, plugin, "judge_image", judge, &image);
  }
  return bad;
}
