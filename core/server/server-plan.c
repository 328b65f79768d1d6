/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Plans of what is stored: of a flavor and an image, of a server. */

#include <config.h>

#include "server/plan.h"
#include "server/record.h"

#include <virtloom/virtloom.h>

int
vl_plan_create (struct vl_app *app, const struct vl_create_options *options, struct vl_plan **plan)
{
  struct vl_plugin *driver = vl_app_driver_plugin (app);
  struct vl_host *host = driver ? vl_app_host_of (app, driver) : NULL;
  VL_AUTOFREE char *json = host ? vl_create_request (app, options, NULL) : NULL;
  struct vl_request *request = json ? vl_stored_request (app, json, "the command line") : NULL;

  if (request == NULL) {
    *plan = vl_plan_new (app);
    return -1;
  }
  *plan = vl_plan_build (app, request, driver, host, 1);
  return vl_plan_check_use (app, *plan);
}

struct vl_plan *
vl_record_plan (struct vl_app *app, const struct vl_record *record)
{
  struct vl_plugin *driver = vl_app_driver_named (app, record->driver);
  struct vl_host *host = driver ? vl_app_host_of (app, driver) : NULL;
  struct vl_request *request =
      host ? vl_stored_request (app, record->request,
                                vl_printf (app->call, "server \"%s\"", record->name))
           : NULL;

  return request ? vl_plan_build (app, request, driver, host, 1) : NULL;
}

int
vl_plan_server (struct vl_app *app, const char *server, struct vl_plan **plan)
{
  const struct vl_record *record = vl_record_find (app, server);

  *plan = record ? vl_record_plan (app, record) : NULL;
  if (*plan == NULL)
    *plan = vl_plan_new (app);
  return (*plan)->ok ? 0 : -1;
}
