/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Single callbacks of a feature, called for no purpose but to see what they do. */

#include <config.h>

#include "server/hooks.h"
#include "server/method.h"

#include "lib/text.h"

/* Of a server on record, as a command calls it; DEVICE: of one that it has. */
static int
try_hook (struct vl_app *app, struct vl_plugin *plugin, enum vl_phase phase, int which,
          const char *server, const char *device)
{
  const struct vl_record *record = vl_record_find (app, server);
  struct vl_hooks hooks;
  int result;

  if (record == NULL)
    return -1;
  result = vl_hooks_load (&hooks, app, record, VL_ROLE_CURRENT);
  app->call->op_device = device;
  if (result == 0)
    result = vl_hooks_call (&hooks, plugin, phase, which);
  app->call->op_device = NULL;
  vl_hooks_free (&hooks);
  return result;
}

static int
try_probe (struct vl_app *app, struct vl_plugin *plugin)
{
  struct vl_host *host = vl_host_new ();
  size_t errors = app->call->findings.n_errors;

  host->live = 1;
  vl_host_import_into (app->call, host, NULL);
  vl_host_probe_system (app->call, host);
  (void)VL_AS (app->call, plugin, "probe",
               vl_said (app->call, plugin->feature.probe (app->call), errors));
  vl_host_import_into (app->call, NULL, NULL);
  vl_host_free (host);
  return app->call->findings.n_errors > errors ? -1 : 0;
}

static int
try_image (struct vl_app *app, int which)
{
  const struct vl_image_info *image = vl_image_find (app, "check");

  return image ? vl_image_judge_use (app, image, which == 3 ? NULL : image->file, NULL, which == 1)
               : -1;
}

int
vl_plugins_try (struct vl_app *app, const char *name, enum vl_trial trial, int which,
                const char *server, const char *device)
{
  struct vl_plugin *plugin = vl_registry_find (app->registry, name);

  if (plugin == NULL || plugin->state != VL_PLUGIN_LOADED || plugin->kind != VL_KIND_FEATURE)
    return vl_refuse (app->call, VL_ERR_NOT_FOUND, NULL, NULL, "no feature '%s' is loaded", name);
  switch (trial) {
  case VL_TRY_PERMIT:
    return plugin->feature.permit ? try_hook (app, plugin, VL_PHASE_PERMIT, which, server, device)
                                  : 1;
  case VL_TRY_EVENT:
    return plugin->feature.event ? try_hook (app, plugin, VL_PHASE_EVENT, which, server, device)
                                 : 1;
  case VL_TRY_PREPARE:
    return plugin->feature.prepare ? try_hook (app, plugin, VL_PHASE_PREPARE, 0, server, NULL) : 1;
  case VL_TRY_RELEASE:
    return plugin->feature.release ? try_hook (app, plugin, VL_PHASE_RELEASE, 0, server, device)
                                   : 1;
  case VL_TRY_JUDGE_IMAGE:
    return plugin->feature.judge_image ? try_image (app, which) : 1;
  case VL_TRY_PROBE:
    return plugin->feature.probe ? try_probe (app, plugin) : 1;
  }
  return 1;
}
