/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a driver says of guests, whether they are on record or not: Nova's list_instances,
 * instance_exists and get_info, for who runs many hosts and asks for no more. */

#include <config.h>

#include "server/method.h"
#include "server/record.h"

#include "lib/text.h"

#include <virtloom/virtloom.h>

int
vl_host_instances (struct vl_app *app, vl_instance_fn fn, void *opaque)
{
  struct vl_plugin *driver = vl_app_driver_plugin (app);

  return driver ? VL_CALL (app, driver, inventory, list_instances, fn, opaque) : -1;
}

/* Who drives INSTANCE, and its *UUID: a server's own driver; of a uuid on no record the
 * application's.  NULL after a finding. */
static struct vl_plugin *
driver_of (struct vl_app *app, const char *instance, const char **uuid)
{
  const struct vl_record *record;
  struct vl_store *store;

  *uuid = instance;
  if (vl_app_store_if_any (app, &store) < 0)
    return NULL;
  if (vl_is_uuid (instance) && ! (store && vl_server_name (app, instance)))
    return vl_app_driver_plugin (app);
  record = vl_record_find (app, instance);
  if (record == NULL)
    return NULL;
  *uuid = record->uuid;
  return vl_app_driver_named (app, record->driver);
}

int
vl_instance_exists (struct vl_app *app, const char *instance)
{
  const char *uuid;
  struct vl_plugin *driver = driver_of (app, instance, &uuid);

  return driver ? VL_CALL (app, driver, inventory, instance_exists, uuid) : -1;
}

int
vl_instance_info (struct vl_app *app, const char *instance, struct vl_info *info)
{
  const char *uuid;
  struct vl_plugin *driver = driver_of (app, instance, &uuid);

  return driver ? VL_CALL (app, driver, inventory, get_info, uuid, info) : -1;
}
