/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * From the disks that a plan lays out to files.  The layout and the list of
 * wanted disks go in step: the same request, the same order. */

#include <config.h>

#include "server/server-disks.h"

#include "request/disks.h"
#include "storage/disk.h"
#include "storage/inspect.h"

#include <virtloom/ascii.h>

#include <jansson.h>

#define GIB ((int64_t)1 << 30)
#define MIB ((int64_t)1 << 20)

struct disk_work {
  struct vl_app *app;
  const struct vl_request *request;
  const struct vl_disk *disk;
  const struct vl_wanted_disk *want;
  const char *kind; /* vl_guest_disk_kind */
};

static int
is_volume (const struct vl_wanted_disk *want)
{
  return want->bdm && vl_is_volume (want->bdm);
}

/* The root disk made of the image; a root disk may also be blank. */
static int
is_image_root (const struct disk_work *w)
{
  const char *source = w->want->bdm ? w->want->bdm->source_type : NULL;

  return VL_STREQ (w->disk->role, "root") && (source == NULL || ! VL_STREQ (source, "blank"));
}

/* ---- making ---- */

static int
make_root (const struct disk_work *w)
{
  const struct vl_request *request = w->request;

  if (request->image.file == NULL)
    return vl_error (w->app->call, VL_ERR_NOT_FOUND, "ImageNotFound", NULL,
                     "image \"%s\" is not in STATE",
                     request->image.name ? request->image.name : "");
  return vl_disk_create (w->app->call, w->app->config, request->image.file,
                         request->image.disk_format, w->disk->source, request->flavor.disk * GIB);
}

static int
make_empty (const struct disk_work *w)
{
  int swap = VL_STREQ (w->disk->role, "swap");
  int64_t size = w->want->bdm ? w->want->bdm->volume_size * GIB
                 : swap       ? w->request->flavor.swap * MIB
                              : w->request->flavor.ephemeral * GIB;

  if (size <= 0)
    return vl_error (w->app->call, VL_ERR_REQUEST, "InvalidBDM", NULL,
                     "%s is a disk without a volume_size", w->disk->why);
  if (swap)
    return vl_disk_create_swap (w->app->call, w->app->config, w->disk->source, w->disk->format,
                                size);
  if (VL_STREQ (w->disk->role, "ephemeral"))
    return vl_disk_create_ephemeral (w->app->call, w->app->config, w->disk->source, w->disk->format,
                                     size, w->want->number);
  return vl_disk_create_empty (w->app->call, w->app->config, w->disk->source, w->disk->format,
                               size);
}

/* A host name as RFC 1123 has it, of what the server is called. */
static char *
host_name (const struct vl_request *request)
{
  char *name = vl_xcalloc (1, 64);
  size_t n = 0;

  for (const char *p = request->name; *p && n < 63; p++)
    if (vl_ascii_is_alnum (*p))
      name[n++] = vl_ascii_lower (*p);
    else if (n && name[n - 1] != '-')
      name[n++] = '-';
  while (n && name[n - 1] == '-')
    name[--n] = '\0';
  if (n == 0)
    snprintf (name, 64, "server-%s", request->uuid);
  return name;
}

static int
make_config (const struct disk_work *w)
{
  const struct vl_request *request = w->request;
  json_t *root = json_object (), *meta = json_object ();
  VL_AUTOFREE char *host = host_name (request);
  VL_AUTOFREE char *text = NULL;

  json_object_set_new (root, "uuid", json_string (request->uuid));
  json_object_set_new (root, "name", json_string (request->name));
  json_object_set_new (root, "hostname", json_string (host));
  json_object_set_new (root, "launch_index", json_integer (0));
  for (size_t i = 0; i < request->n_metadata; i++)
    json_object_set_new (meta, request->metadata[i].key, json_string (request->metadata[i].value));
  json_object_set_new (root, "meta", meta);
  text = json_dumps (root, JSON_COMPACT | JSON_SORT_KEYS);
  json_decref (root);
  return vl_disk_create_config (w->app->call, w->app->config, w->disk->source, text,
                                request->user_data);
}

/* A volume is not ours: it is looked at, never made and never removed. */
static int
look_at_volume (const struct disk_work *w)
{
  const struct vl_block_device *bdm = w->want->bdm;
  struct vl_call *call = w->app->call;

  if (bdm->path == NULL && bdm->connection_info == NULL) {
    vl_error (call, VL_ERR_REQUEST, "InvalidBDM", NULL, "%s does not say where the volume is",
              w->disk->why);
    vl_hint (call, "give its connection_info, or a file with --volume path=FILE,format=raw");
    return -1;
  }
  if (! VL_STREQ (w->disk->type, "file"))
    return 0;
  if (VL_STREQ (w->disk->format, "raw") || VL_STREQ (w->disk->format, "qcow2"))
    return vl_disk_verify (call, w->disk->source, w->disk->format, NULL, NULL);
  return vl_error (call, VL_ERR_REQUEST, "InvalidBDM", NULL,
                   "%s is a file of format \"%s\"; accepted: raw, qcow2", w->disk->why,
                   w->disk->format);
}

static int
make_disk (const struct disk_work *w)
{
  if (is_volume (w->want))
    return look_at_volume (w);
  if (is_image_root (w))
    return make_root (w);
  return VL_STREQ (w->disk->role, "config") ? make_config (w) : make_empty (w);
}

/* ---- verifying ---- */

static int
verify_disk (const struct disk_work *w)
{
  const struct vl_request *request = w->request;
  struct vl_image_header header;
  struct vl_call *call = w->app->call;

  if (is_volume (w->want))
    return look_at_volume (w);
  if (! is_image_root (w) || ! vl_disk_is_overlay (w->kind) || request->image.file == NULL)
    return vl_disk_verify (call, w->disk->source, w->disk->format, NULL, NULL);
  if (vl_image_check_path (call, request->image.file, request->image.disk_format, &header) < 0)
    return -1;
  return vl_disk_verify (call, w->disk->source, w->disk->format, request->image.file,
                         vl_image_qemu_format (request->image.disk_format));
}

/* ---- both ---- */

static int
each_disk (struct vl_app *app, const struct vl_plan *plan, int (*fn) (const struct disk_work *))
{
  const struct vl_guest *guest = plan->build.guest;
  VL_AUTOWANTED struct vl_wanted_disks wanted = { 0 };
  struct disk_work work = { .app = app,
                            .request = plan->request,
                            .kind = vl_guest_disk_kind (guest) };

  vl_wanted_disks_list (plan->request, &wanted);
  for (size_t i = 0; i < guest->n_disks && i < wanted.n; i++) {
    work.disk = &guest->disks[i];
    work.want = &wanted.items[i];
    if (fn (&work) < 0)
      return -1;
  }
  return 0;
}

int
vl_server_disks_make (struct vl_app *app, const struct vl_plan *plan)
{
  return each_disk (app, plan, make_disk);
}

int
vl_server_disks_verify (struct vl_app *app, const struct vl_plan *plan)
{
  return each_disk (app, plan, verify_disk);
}
