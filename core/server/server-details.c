/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What is on record of a server beside what every list shows, and what its guest wrote. */

#include <config.h>

#include "server/chain.h"
#include "server/method.h"
#include "server/stored.h"

#include "storage/storage.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <virtloom/virtloom.h>

/* What the open disk FILE of FORMAT is: Nova's get_instance_disk_info.  Of a device nothing is
 * promised that it has not. */
static void
measure (struct vl_device_info *disk, struct vl_image_file *file, int64_t allocated)
{
  struct vl_call *call = file->call;
  int64_t over;

  file->virtual_size = file->size;
  if (VL_STREQ (disk->format, "qcow2")
      && (file->n_head < 4 || memcmp (file->head, "QFI\xfb", 4) != 0 || vl_qcow2_read (file) < 0))
    return;
  over = file->virtual_size > allocated ? file->virtual_size - allocated : 0;
  disk->virtual_size = vl_printf (call, "%lld", (long long)file->virtual_size);
  disk->allocated = vl_printf (call, "%lld", (long long)allocated);
  disk->over_committed = vl_printf (call, "%lld", (long long)over);
  disk->backing = file->backing;
}

/* A disk that cannot be looked at is shown without what would be seen of it. */
static void
look_at_disk (struct vl_call *call, struct vl_device_info *disk)
{
  VL_AUTOIMAGE struct vl_image_file file = { .fd = -1 };
  size_t first = call->findings.n;
  struct stat st;

  if (! VL_STREQ (disk->kind, "disk") || disk->source == NULL || disk->format == NULL
      || stat (disk->source, &st) < 0 || ! (S_ISREG (st.st_mode) || S_ISBLK (st.st_mode)))
    return;
  if (S_ISREG (st.st_mode)) {
    if (vl_image_open (call, disk->source, &file) == 0)
      measure (disk, &file, (int64_t)st.st_blocks * 512);
  } else if ((file.fd = open (disk->source, O_RDONLY | O_NONBLOCK | O_CLOEXEC)) >= 0
             && VL_STREQ (disk->format, "raw")) {
    file.call = call;
    file.size = lseek (file.fd, 0, SEEK_END);
    measure (disk, &file, file.size);
  }
  vl_findings_drop (call, first, call->findings.n);
}

/* What lies below DISK of RECORD's server. */
static void
tell_below (struct vl_call *call, const struct vl_record *record, struct vl_device_info *disk)
{
  struct vl_chain chain = vl_chain_read (call, record->request, disk->source);
  const char **below = vl_memory (call, (VL_CHAIN_MOST + 1) * sizeof *below);

  for (size_t i = 1; i < chain.n; i++)
    below[i - 1] = chain.of[i].path;
  if (chain.n < 2)
    below[0] = disk->backing;
  disk->below = below[0] ? below : NULL;
}

/* The devices of the document that the guest has, which of a server that is rescued is not the
 * current one; the server's own disks that it has not then come after those. */
static int
load_devices (struct vl_store *store, const struct vl_record *record, struct vl_server_details *d)
{
  const char *role = VL_STREQ (record->status, "RESCUE") ? VL_ROLE_RESCUE : VL_ROLE_CURRENT;

  return vl_db_rows (
      store, &d->devices, &d->n_devices,
      "SELECT id, iif (is_nic, 'nic', 'disk'), type, source, format, iif (role = ?2, bus, NULL), "
      "iif (role = ?2, target, NULL), iif (is_nic, NULL, nullif (size, 0)), model, mac, "
      "nullif (mtu, 0), tap, iif (role = ?2, address, NULL), plugin, NULL, NULL, NULL, NULL, NULL "
      "FROM device WHERE server = ?1 AND (role = ?2 OR (role = '" VL_ROLE_CURRENT
      "' AND NOT is_nic "
      "AND id NOT IN (SELECT id FROM device WHERE server = ?1 AND role = ?2))) "
      "ORDER BY is_nic, role = ?2 DESC, n",
      "ss", record->uuid, role);
}

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
  if (load_devices (store, record, d) < 0
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
  for (size_t i = 0; i < d->n_devices; i++) {
    struct vl_device_info *device = (struct vl_device_info *)&d->devices[i];

    look_at_disk (app->call, device);
    if (VL_STREQ (device->kind, "disk"))
      tell_below (app->call, record, device);
  }
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
