/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * virtloom-rbd: what is done with an image.  Until it is whole an image has a name that nobody
 * else can have chosen; afterwards a token in its metadata says whose it is.  Nothing without
 * either is removed. */

#include <config.h>

#include "helpers/order.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TOKEN "virtloom.token"
#define SERVER "virtloom.server"
/* Snapshots of ours begin with it: one while the image is read, one while its server may become again
 * what it was. */
#define OWN "virtloom-"
#define EXPORT OWN "export"
#define CHECKPOINT OWN "resize"
#define MOST_SNAPS 512
#define MOST_WATCHERS 16

/* ---- looking ---- */

/* Does the open IMAGE have the order's token? */
static int
is_ours (const struct order *order, rbd_image_t image)
{
  char value[128] = "";
  size_t length = sizeof value - 1;

  return order->token && rbd_metadata_get (image, TOKEN, value, &length) >= 0
         && strcmp (value, order->token) == 0;
}

/* Opens image NAME without being a watcher of it: 1, 0 where there is none, -1. */
static int
look_at (struct order *order, const char *name, rbd_image_t *image)
{
  int error = rbd_open_read_only (order->io, name, image, NULL);

  if (error == -ENOENT)
    return 0;
  return error < 0 ? order_failed (order, "it cannot be opened", error) : 1;
}

static int
open_it (struct order *order, const char *name, rbd_image_t *image)
{
  int error = rbd_open (order->io, name, image, NULL);

  return error < 0 ? order_failed (order, "it cannot be opened", error) : 0;
}

/* Who has the open IMAGE in use, as a list of addresses in the answer. */
static void
tell_watchers (struct order *order, rbd_image_t image)
{
  rbd_image_watcher_t list[MOST_WATCHERS];
  size_t n = MOST_WATCHERS;
  json_t *names = json_array ();

  if (rbd_watchers_list (image, list, &n) == 0) {
    for (size_t i = 0; i < n; i++)
      json_array_append_new (names, json_string (list[i].addr));
    rbd_watchers_list_cleanup (list, n);
  }
  json_object_set_new (order->answer, "watchers", names);
}

int
order_look (struct order *order)
{
  const char *snap = order_text (order, "snap");
  rbd_image_t image;
  uint64_t size = 0;
  int there = look_at (order, order->image, &image), protected = 0, error;

  json_object_set_new (order->answer, "there", json_boolean (there > 0));
  if (there <= 0)
    return there;
  error = snap ? rbd_snap_set (image, snap) : 0;
  if (error == -ENOENT)
    return order_fail (order, "gone", "it has no snapshot '%s'", snap);
  if (error == 0 && snap)
    error = rbd_snap_is_protected (image, snap, &protected);
  if (error == 0)
    error = rbd_get_size (image, &size);
  if (error < 0)
    return order_failed (order, "it cannot be looked at", error);
  json_object_set_new (order->answer, "bytes", json_integer ((json_int_t)size));
  json_object_set_new (order->answer, "protected", json_boolean (protected));
  json_object_set_new (order->answer, "ours", json_boolean (is_ours (order, image)));
  tell_watchers (order, image);
  rbd_close (image);
  return 0;
}

/* ---- making ---- */

/* The image under the name that it has until it is whole: empty, or a clone. */
static int
begin (struct order *order)
{
  const char *pool = order_text (order, "parent_pool"), *snap = order_text (order, "parent_snap");
  const char *parent = order_text (order, "parent_image");
  rbd_image_options_t options;
  rados_ioctx_t io;
  int error;

  /* From here on there may be something to remove. */
  json_object_set_new (order->answer, "begun", json_true ());
  rbd_image_options_create (&options);
  if (parent == NULL)
    error = rbd_create4 (order->io, order->made_as, (uint64_t)order->bytes, options);
  else if (order_pool (order, pool, &io) < 0)
    error = -ENOENT;
  else {
    error = rbd_clone3 (io, parent, snap, order->io, order->made_as, options);
    rados_ioctx_destroy (io);
  }
  rbd_image_options_destroy (options);
  return error < 0
             ? order_failed (order, parent ? "it cannot be cloned" : "it cannot be made", error)
             : 0;
}

/* Its bytes, its size and whose it is. */
static int
complete (struct order *order)
{
  const char *server = order_text (order, "server");
  rbd_image_t image;
  uint64_t size = 0;
  int result = open_it (order, order->made_as, &image), error = 0;

  if (result < 0)
    return -1;
  if (order->data >= 0)
    result = order_put_bytes (order, image);
  if (result == 0)
    error = rbd_get_size (image, &size);
  if (result == 0 && error == 0 && size < (uint64_t)order->bytes)
    error = rbd_resize (image, (uint64_t)order->bytes);
  if (result == 0 && error == 0)
    error = rbd_metadata_set (image, TOKEN, order->token);
  if (result == 0 && error == 0 && server)
    error = rbd_metadata_set (image, SERVER, server);
  rbd_close (image);
  return error < 0 ? order_failed (order, "it cannot be made whole", error) : result;
}

/* 1: an image of ours has the name, 0: none has; -1 where it is another's. */
static int
is_made (struct order *order)
{
  rbd_image_t image;
  int there = look_at (order, order->image, &image), ours;

  if (there <= 0)
    return there;
  ours = is_ours (order, image);
  rbd_close (image);
  return ours ? 1 : order_fail (order, "foreign", "%s", order->image);
}

int
order_make (struct order *order)
{
  int made = is_made (order), error;

  if (made)
    return made < 0 ? -1 : 0;
  if (begin (order) == 0 && complete (order) == 0) {
    error = rbd_rename (order->io, order->made_as, order->image);
    if (error == 0)
      return 0;
    if (error == -EEXIST)
      order_fail (order, "foreign", "%s", order->image);
    else
      order_failed (order, "it cannot be given its name", error);
  }
  /* Where this fails as well, the order to remove it comes. */
  rbd_remove (order->io, order->made_as);
  return -1;
}

int
order_grow (struct order *order)
{
  rbd_image_t image;
  uint64_t size = 0;
  int error;

  if (open_it (order, order->image, &image) < 0)
    return -1;
  error = rbd_get_size (image, &size);
  if (error == 0 && size < (uint64_t)order->bytes)
    error = rbd_resize (image, (uint64_t)order->bytes);
  rbd_close (image);
  return error < 0 ? order_failed (order, "it cannot be grown", error) : 0;
}

/* ---- what it was ---- */

/* Opens the image, which is ours.  0 or -1. */
static int
open_ours (struct order *order, rbd_image_t *image)
{
  int there = look_at (order, order->image, image), ours;

  if (there <= 0)
    return there < 0 ? -1 : order_fail (order, "gone", "there is no image '%s'", order->image);
  ours = is_ours (order, *image);
  rbd_close (*image);
  return ours ? open_it (order, order->image, image)
              : order_fail (order, "foreign", "%s", order->image);
}

int
order_checkpoint (struct order *order)
{
  rbd_image_t image;
  int error;

  if (open_ours (order, &image) < 0)
    return -1;
  error = rbd_snap_create (image, CHECKPOINT);
  rbd_close (image);
  return error < 0 && error != -EEXIST ? order_failed (order, "it cannot be held still", error) : 0;
}

/* Until all of it is what it was the snapshot stays, for the next order to begin again. */
int
order_rollback (struct order *order)
{
  rbd_image_t image;
  int error;

  if (open_ours (order, &image) < 0)
    return -1;
  error = rbd_snap_rollback (image, CHECKPOINT);
  if (error == 0)
    error = rbd_snap_remove (image, CHECKPOINT);
  rbd_close (image);
  return error < 0 && error != -ENOENT ? order_failed (order, "it cannot be what it was", error)
                                       : 0;
}

int
order_commit (struct order *order)
{
  rbd_image_t image;
  int error;

  if (open_ours (order, &image) < 0)
    return -1;
  error = rbd_snap_remove (image, CHECKPOINT);
  rbd_close (image);
  return error < 0 && error != -ENOENT
             ? order_failed (order, "its snapshot cannot be removed", error)
             : 0;
}

/* ---- removing ---- */

/* Snapshots of ours on NAME, whose names begin with OURS, go.  How many others there are, as a list in
 * the answer; or -1. */
static int
drop_snaps (struct order *order, const char *name, const char *ours)
{
  rbd_snap_info_t list[MOST_SNAPS];
  int most = MOST_SNAPS, n, error = 0;
  json_t *others = json_array ();
  rbd_image_t image;

  json_object_set_new (order->answer, "snapshots", others);
  n = look_at (order, name, &image);
  if (n <= 0)
    return n;
  n = rbd_snap_list (image, list, &most);
  rbd_close (image);
  if (n <= 0)
    return n < 0 ? order_failed (order, "it cannot be looked at", n) : 0;
  for (int i = 0; i < n && error == 0; i++) {
    if (strncmp (list[i].name, ours, strlen (ours)) != 0) {
      json_array_append_new (others, json_string (list[i].name));
      continue;
    }
    error = open_it (order, name, &image);
    if (error == 0) {
      error = rbd_snap_remove (image, list[i].name);
      rbd_close (image);
      if (error < 0)
        order_failed (order, "a snapshot of it cannot be removed", error);
    }
  }
  rbd_snap_list_end (list);
  return error < 0 ? -1 : (int)json_array_size (others);
}

/* Whoever has image NAME open is let in no more, by Ceph itself: what they still have under way comes
 * to nothing, and their watches end now, not when Ceph misses them. */
static void
evict (struct order *order, const char *name)
{
  rbd_image_watcher_t list[MOST_WATCHERS];
  size_t n = MOST_WATCHERS;
  rbd_image_t image;

  if (look_at (order, name, &image) <= 0)
    return;
  if (rbd_watchers_list (image, list, &n) == 0) {
    for (size_t i = 0; i < n; i++)
      (void)rados_blocklist_add (order->cluster, list[i].addr, 0);
    rbd_watchers_list_cleanup (list, n);
  }
  rbd_close (image);
}

/* Image NAME, which is ours, goes; where it has snapshots of others, into the trash.  Where somebody
 * has it open that is tried again: QEMU's watch outlives QEMU for a while.  With DEAD it can only be
 * a program of ours that has ended.  What is there of an image that was cut off while it was made or
 * removed goes as well. */
static int
drop_image (struct order *order, const char *name, int dead)
{
  int64_t tries = order_number (order, "retries", 0);
  int snaps = drop_snaps (order, name, OWN), error;
  rbd_image_t image;

  if (snaps < 0)
    return -1;
  for (;; tries--) {
    /* Else librbd asks a dead one for half a minute to let go. */
    if (dead)
      evict (order, name);
    error = snaps > 0 ? rbd_trash_move (order->io, name, 0) : rbd_remove (order->io, name);
    if (error != -EBUSY || tries <= 0)
      break;
    sleep ((unsigned)order_number (order, "interval", 5));
  }
  json_object_set_new (order->answer, "trashed", json_boolean (error == 0 && snaps > 0));
  if (error == 0 || error == -ENOENT)
    return 0;
  if (error != -EBUSY)
    return order_failed (order, "it cannot be removed", error);
  if (look_at (order, name, &image) > 0) {
    tell_watchers (order, image);
    rbd_close (image);
  }
  return order_fail (order, "busy", "%s", name);
}

/* Nothing opens image NAME.  Is there one all the same, as a clone whose parent is gone, and not only
 * the name?  1, 0, -1. */
static int
has_header (struct order *order, const char *name)
{
  unsigned char id[4 + 128];
  char object[256];
  uint64_t size;
  time_t when;
  uint32_t length;
  int n;

  snprintf (object, sizeof object, "rbd_id.%s", name);
  n = rados_read (order->io, object, (char *)id, sizeof id, 0);
  if (n < 0 && n != -ENOENT)
    return order_failed (order, "it cannot be looked at", n);
  if (n < 4)
    return 0;
  length = id[0] | (uint32_t)id[1] << 8 | (uint32_t)id[2] << 16 | (uint32_t)id[3] << 24;
  if (length > (uint32_t)n - 4)
    return order_fail (order, "failed", "its id cannot be read");
  snprintf (object, sizeof object, "rbd_header.%.*s", (int)length, (const char *)id + 4);
  n = rados_stat (order->io, object, &size, &when);
  if (n < 0 && n != -ENOENT)
    return order_failed (order, "it cannot be looked at", n);
  return n == 0;
}

int
order_drop (struct order *order)
{
  rbd_image_t image;
  int there, ours = 1, hidden;

  if (drop_image (order, order->made_as, 1) < 0)
    return -1;
  there = look_at (order, order->image, &image);
  if (there > 0) {
    ours = is_ours (order, image);
    rbd_close (image);
  }
  if (! ours)
    return order_fail (order, "foreign", "%s", order->image);
  hidden = there == 0 ? has_header (order, order->image) : 0;
  if (hidden > 0)
    return order_fail (order, "failed",
                       "it cannot be opened, as one whose parent is gone, and so not be told from "
                       "somebody else's");
  return there < 0 || hidden < 0 ? -1 : drop_image (order, order->image, 0);
}

/* ---- its bytes; the pool ---- */

/* What a guest writes meanwhile is not in it: a snapshot stands still. */
int
order_export (struct order *order)
{
  const char *snap = order_text (order, "snap");
  rbd_image_t image;
  int own = snap == NULL, result, error;

  if (own && drop_snaps (order, order->image, EXPORT) < 0)
    return -1;
  if (own ? open_it (order, order->image, &image) < 0 : look_at (order, order->image, &image) <= 0)
    return order_fail (order, "gone", "there is no image '%s'", order->image);
  if (own)
    snap = EXPORT;
  error = own ? rbd_snap_create (image, snap) : 0;
  if (error == 0)
    error = rbd_snap_set (image, snap);
  result = error < 0 ? order_failed (order, "it cannot be held still", error)
                     : order_get_bytes (order, image);
  if (own) {
    rbd_snap_set (image, NULL);
    error = rbd_snap_remove (image, snap);
  }
  rbd_close (image);
  return result == 0 && own && error < 0
             ? order_failed (order, "its snapshot cannot be removed", error)
             : result;
}

int
order_use (struct order *order)
{
  static const char command[] = "{\"prefix\": \"df\", \"format\": \"json\"}";
  const char *commands[] = { command };
  json_t *said = NULL, *pools, *stats = NULL;
  char *out = NULL, *status = NULL;
  size_t n_out = 0, n_status = 0;
  int error =
      rados_mon_command (order->cluster, commands, 1, "", 0, &out, &n_out, &status, &n_status);

  if (error < 0)
    return order_failed (order, "the cluster does not say how full it is", error);
  said = json_loadb (out, n_out, 0, NULL);
  pools = json_object_get (said, "pools");
  for (size_t i = 0; i < json_array_size (pools) && stats == NULL; i++) {
    const char *name = json_string_value (json_object_get (json_array_get (pools, i), "name"));

    if (name && strcmp (name, order->pool) == 0)
      stats = json_object_get (json_array_get (pools, i), "stats");
  }
  if (! json_is_integer (json_object_get (stats, "max_avail"))
      || ! json_is_integer (json_object_get (stats, "stored")))
    return order_fail (order, "failed", "the cluster does not say how full it is");
  json_object_set (order->answer, "free", json_object_get (stats, "max_avail"));
  json_object_set (order->answer, "used", json_object_get (stats, "stored"));
  return 0;
}
