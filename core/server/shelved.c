/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What is left of a shelved server: its disks go, but for the config drive; the image that its root disk
 * is goes with the server, or once that has its disk again. */

#include <config.h>

#include "server/keep.h"

#include "lib/file.h"
#include "lib/text.h"
#include "server/method.h"
#include "server/undo.h"
#include "storage/storage.h"

#include <errno.h>
#include <unistd.h>

/* ---- its disks ---- */

int
vl_shelved_disk_goes (const char *dir, const struct vl_disk *disk)
{
  return vl_keep_name (dir, disk) && ! VL_STREQ (disk->role, "config");
}

int
vl_shelved_disks_drop (struct vl_app *app, const char *uuid, const char *role)
{
  const char *dir = vl_server_dir (app, uuid);
  struct vl_recorded_device *list;
  size_t n;

  if (vl_stored_devices (app->store, uuid, role, &list, &n) < 0)
    return -1;
  for (size_t i = 0; i < n; i++)
    if (! list[i].is_nic && vl_shelved_disk_goes (dir, &list[i].disk)
        && unlink (list[i].disk.source) < 0 && errno != ENOENT)
      return vl_remove_failed (app->call, list[i].disk.source);
  /* Where somebody has removed the folder nothing is left to be dropped. */
  return vl_file_sync_folder (vl_printf (app->call, "%s/x", dir)) < 0 && errno != ENOENT
             ? vl_file_failed (app->call, "cannot write", dir, errno)
             : 0;
}

/* ---- its image ---- */

void
vl_shelved_image_name (struct vl_call *call, const char *name, struct vl_image_info *image)
{
  char uuid[37];

  image->name = vl_printf (call, "%s-shelved", name);
  vl_uuid_from_text (image->name, uuid);
  image->uuid = vl_arena_strdup (call->arena, uuid);
}

int
vl_shelved_image_judge (struct vl_call *call, const char *name, struct vl_image_info *image)
{
  const char *problem;

  vl_shelved_image_name (call, name, image);
  problem = vl_server_name_problem (image->name);
  if (problem == NULL)
    return 0;
  return vl_refuse_as (call, VL_ERR_REQUEST, "InvalidName", NULL,
                       vl_printf (call,
                                  "give the server a shorter name: virtloom server set --name NAME "
                                  "%s",
                                  vl_name_word (call->arena, name)),
                       "server \"%s\" is not shelved: its image would be called \"%s\", which %s",
                       name, image->name, problem);
}

int
vl_shelved_image_made (struct vl_store *store, const char *uuid, const struct vl_image_info *image)
{
  return vl_db_any (
      store,
      "SELECT 1 FROM image WHERE uuid = ?1 AND status = 'active' AND (EXISTS (SELECT 1 "
      "FROM server_image WHERE image = ?1 AND server = ?2) OR EXISTS (SELECT 1 FROM "
      "image_property WHERE image = ?1 AND key = 'instance_uuid' AND value = ?2))",
      "ss", image->uuid, uuid);
}

int
vl_shelved_image_find (struct vl_store *store, const struct vl_record *record, const char **image)
{
  struct vl_image_info shelved = { 0 };
  /* An image that is called so, of a server that is not shelved, is its user's. */
  int is = VL_STREQ (record->status, VL_STATUS_SHELVED)
               ? 1
               : vl_db_any (
                   store,
                   "SELECT 1 FROM operation WHERE object = ? AND kind = '" VL_OP_SERVER_SHELVE "'",
                   "s", record->uuid);

  *image = NULL;
  vl_shelved_image_name (store->call, record->name, &shelved);
  if (is == 1)
    is = vl_shelved_image_made (store, record->uuid, &shelved);
  if (is == 1)
    *image = shelved.uuid;
  return is < 0 ? -1 : 0;
}

int
vl_shelved_image_prove (struct vl_call *call, const struct vl_image_info *image)
{
  if (*image->checksum == '\0')
    return 0;
  return vl_image_prove (
      call, image->file, image->checksum,
      vl_printf (call,
                 "see dmesg; put the file back from a backup, or make an image of what is left: "
                 "virtloom image create NAME --disk-format %s --file %s",
                 image->disk_format, vl_shell_word (call->arena, image->file)));
}

int
vl_shelved_image_leave (struct vl_store *store, const char *server, const char *image,
                        const char **gone)
{
  int used = vl_db_any (store, "SELECT 1 FROM server_image WHERE image = ? AND server <> ?", "ss",
                        image, server);

  *gone = NULL;
  if (used != 0)
    return used < 0 ? -1 : 0;
  *gone = image;
  return vl_db_run (store, "DELETE FROM server_image WHERE image = ?", "s", image) < 0
                 || vl_db_run (store, "UPDATE image SET status = 'deleting' WHERE uuid = ?", "s",
                               image)
                        < 0
             ? -1
             : vl_undo_begin (store, image, VL_OP_IMAGE_DELETE, NULL);
}

int
vl_shelved_image_remove (struct vl_app *app, const char *gone)
{
  VL_AUTOLOCK struct vl_lock lock = VL_LOCK_NONE;
  int left;

  if (gone == NULL)
    return 0;
  if (vl_lock_take (app, "images", gone, VL_LOCK_OTHER, &lock) < 0)
    return -1;
  /* Another command may have finished that, and one more made another image of that name. */
  left = vl_db_any (app->store, "SELECT 1 FROM image WHERE uuid = ? AND status = 'deleting'", "s",
                    gone);
  return left == 1 ? vl_image_delete_rest (app, gone) : left;
}
