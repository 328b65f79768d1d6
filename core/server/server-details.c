/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What is on record of a server beside what every list shows, and what its guest wrote. */

#include <config.h>

#include "server/method.h"
#include "server/stored.h"

#include <virtloom/virtloom.h>

/* Of the current document. */
#define OF_CURRENT "server = ? AND role = 'current' ORDER BY "

int
vl_server_details (struct vl_app *app, const char *server, struct vl_server_details *d)
{
  const struct vl_record *record = vl_record_find (app, server);
  struct vl_store *store = app->store;

  *d = (struct vl_server_details) { 0 };
  if (record == NULL)
    return -1;
  d->request = record->request;
  if (vl_db_rows (store, &d->devices, &d->n_devices,
                  "SELECT id, iif (is_nic, 'nic', 'disk'), type, source, format, bus, target, "
                  "iif (is_nic, NULL, nullif (size, 0)), model, mac, nullif (mtu, 0), tap, address,"
                  " plugin FROM device WHERE " OF_CURRENT "n",
                  "s", record->uuid)
          < 0
      || vl_db_rows (store, &d->features, &d->n_features,
                     "SELECT plugin, version, cause FROM document_feature WHERE " OF_CURRENT "n",
                     "s", record->uuid)
             < 0
      || vl_db_rows (store, &d->values, &d->n_values,
                     "SELECT name, nullif (device, ''), value, cause FROM document_property "
                     "WHERE " OF_CURRENT "n",
                     "s", record->uuid)
             < 0)
    return -1;
  return vl_db_rows (store, &d->claims, &d->n_claims,
                     "SELECT resource, plugin, nullif (amount, 0), nullif (holder, ''), member "
                     "FROM claim WHERE " OF_CURRENT "resource, plugin, holder",
                     "s", record->uuid);
}

int
vl_server_log (struct vl_app *app, const char *server, const char **text, size_t *length)
{
  const struct vl_record *record = vl_record_find (app, server);
  struct vl_plugin *driver = record ? vl_app_driver_named (app, record->driver) : NULL;

  if (driver == NULL)
    return -1;
  return VL_CALL (app, driver, console, get_console_output, record->uuid, text, length);
}
