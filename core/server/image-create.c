/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Making images: of a file or of what a server of the web has, inspected, copied into STATE,
 * their format written down and never asked of the bytes again.
 *
 * A download is on record from its beginning.  Its operation outlives the command that is
 * killed, or whose connection is cut: the image is `queued` then, until it is asked for once
 * more, deleted, or given up by the image cache. */

#include <config.h>

#include "server/record.h"
#include "server/undo.h"

#include "lib/file.h"
#include "lib/text.h"
#include "request/request.h"
#include "server/session.h"
#include "storage/download.h"
#include "storage/storage.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <virtloom/virtloom.h>

/* As in a request file. */
#define MOST INT32_MAX

struct arrival {
  struct vl_app *app;
  struct vl_store *store;
  const struct vl_image_info *image; /* as asked for */
  const struct vl_image_source *source;
  const char *uuid;
  const char *format; /* in which it is kept */
  const char *folder, *copy, *target;
  const char *part;            /* what is downloaded, and by its name from where; or NULL */
  const char *checksum;        /* of the copy */
  vl_image_fill fill;          /* makes the copy, in place of SOURCE; or NULL */
  void *opaque;                /* FILL's */
  int again;                   /* it is on record, its bytes alone are not there any more */
  int resumed;                 /* the operation of an earlier command is gone on with */
  int goes_on;                 /* what was downloaded is kept for the next try */
  struct vl_image_facts facts; /* of the copy */
  struct stat st;              /* of the copy */
};

/* ---- what is asked for ---- */

/* 0 if TEXT (or NULL) is a checksum, else -1 after a finding. */
static int
check_checksum (struct vl_call *call, const char *text)
{
  size_t kind = text && VL_STARTS (text, "sha512:") ? 128 : 64;

  if (text == NULL
      || ((kind == 128 || VL_STARTS (text, "sha256:")) && strlen (text) == 7 + kind
          && strspn (text + 7, "0123456789abcdef") == kind))
    return 0;
  return vl_refuse (
      call, VL_ERR_USAGE, NULL, NULL,
      "checksum \"%s\"; accepted: sha256: with 64, or sha512: with 128, digits 0-9a-f",
      vl_shown (call->arena, text));
}

static int
check (struct vl_app *app, const struct vl_image_source *source, const struct vl_image_info *image)
{
  struct vl_call *call = app->call;
  int bad = vl_name_check (call, &vl_noun_image, image->name);

  if (image->disk_format == NULL) {
    bad = vl_refuse (call, VL_ERR_USAGE, NULL,
                     "say what it is, --disk-format qcow2 or raw; it is never guessed",
                     "the image's disk format is missing");
  }
  bad |= vl_range_check (call, "an image's min_ram", " MiB", image->min_ram, 0, MOST);
  bad |= vl_range_check (call, "an image's min_disk", " GiB", image->min_disk, 0, MOST);
  bad |= vl_properties_check (app, &vl_noun_image, image->properties, image->n_properties);
  bad |= check_checksum (call, source->checksum);
  if (source->url)
    bad |= vl_url_check (call, source->url);
  return bad;
}

/* In what format an image is kept: guests are given raw and qcow2 only, so that
 * QEMU never runs a parser of the others on behalf of a guest. */
static const char *
kept_format (const char *format)
{
  return VL_STREQ (vl_image_kept_format (format), "raw") ? format : "qcow2";
}

/* ---- the record and the undo log ---- */

int
vl_image_drop (struct vl_app *app, struct vl_store *store, const char *uuid)
{
  if (vl_undo_roll_back (app, store, uuid) < 0 || vl_db_begin (store) < 0)
    return -1;
  return vl_db_finish (
      store,
      vl_db_run (store,
                 "DELETE FROM image WHERE uuid = ? AND used IS NULL AND status IN ('saving', "
                 "'queued')",
                 "s", uuid)
                  < 0
              || vl_db_run (store,
                            "UPDATE image SET status = 'queued' WHERE uuid = ? AND status = "
                            "'saving'",
                            "s", uuid)
                     < 0
          ? -1
          : vl_undo_end (store, uuid));
}

int
vl_image_parked (struct vl_store *store, const char *uuid)
{
  return vl_db_any (store,
                    "SELECT 1 FROM image JOIN operation ON object = uuid WHERE uuid = ? AND kind "
                    "= '" VL_OP_IMAGE_DOWNLOAD "' AND status = 'queued'",
                    "s", uuid);
}

static int
park (struct vl_store *store, const char *uuid)
{
  return vl_db_run (store, "UPDATE image SET status = 'queued' WHERE uuid = ?", "s", uuid);
}

int
vl_image_download_mend (struct vl_app *app, struct vl_store *store, const char *uuid)
{
  /* What was on its way to its place already is whole or gone. */
  int waits = vl_db_any (store,
                         "SELECT 1 FROM image WHERE uuid = ?1 AND status IN ('saving', 'queued') "
                         "AND NOT EXISTS (SELECT 1 FROM undo WHERE object = ?1 AND identity = "
                         "'moves')",
                         "s", uuid);

  if (waits < 0)
    return -1;
  return waits && ! (app->accepted && VL_STREQ (app->accepted, uuid))
             ? park (store, uuid)
             : vl_image_drop (app, store, uuid);
}

/* What an earlier command left of this image is gone on with, or undone. */
static int
take_over (struct arrival *a)
{
  int parked =
      vl_undo_mend (a->app, a->store, a->uuid) < 0 ? -1 : vl_image_parked (a->store, a->uuid);

  /* One of a file that is not there yet is a name that is taken. */
  if (parked <= 0 || a->part == NULL)
    return parked < 0 ? -1 : 0;
  if (access (a->part, F_OK) < 0)
    return vl_image_drop (a->app, a->store, a->uuid);
  a->resumed = 1;
  if ((unlink (a->copy) < 0 && errno != ENOENT)
      || (unlink (vl_printf (a->app->call, "%s.as-given", a->copy)) < 0 && errno != ENOENT)
      || chmod (a->part, 0600) < 0)
    return vl_file_failed (a->app->call, "cannot go on with", a->folder, errno);
  return 0;
}

/* The record of a download, which has no bytes yet. */
static int
record (struct arrival *a)
{
  const struct vl_image_info *image = a->image;

  if (a->again)
    return vl_db_run (a->store, "UPDATE image SET status = 'saving' WHERE uuid = ?", "s", a->uuid);
  if (vl_db_run (a->store, "DELETE FROM image WHERE uuid = ?", "s", a->uuid) < 0
      || vl_db_run (a->store,
                    "INSERT INTO image (name, uuid, disk_format, status, checksum, size, "
                    "virtual_size, min_ram, min_disk) VALUES (?, ?, ?, 'saving', '', 0, 0, ?, ?)",
                    "sssii", image->name, a->uuid, a->format, image->min_ram, image->min_disk)
             < 0)
    return -1;
  return vl_properties_store (a->store, &vl_noun_image, a->uuid, image->properties,
                              image->n_properties);
}

static int
write_down (struct arrival *a)
{
  struct vl_store *store = a->store;
  int there = a->again ? 0
                       : vl_db_any (store,
                                    "SELECT 1 FROM image WHERE (name = ?1 OR uuid = ?2) AND NOT "
                                    "(?3 AND uuid = ?2 AND used IS NULL)",
                                    "ssi", a->image->name, a->uuid, (int64_t)a->resumed);

  if (there)
    return there < 0 ? -1 : vl_exists (store->call, &vl_noun_image, a->image->name);
  if (! a->resumed
      && (vl_undo_begin (store, a->uuid, a->part ? VL_OP_IMAGE_DOWNLOAD : VL_OP_IMAGE_CREATE, NULL)
              < 0
          || vl_undo_plan (store, a->uuid, VL_MADE_FOLDER, a->folder) < 0
          || vl_undo_plan (store, a->uuid, VL_MADE_FILE, a->target) < 0))
    return -1;
  return a->part ? record (a) : 0;
}

/* ---- the bytes ---- */

static int
download (struct arrival *a, const char *target)
{
  struct vl_config *config = a->app->config;
  const struct vl_download what = { .url = a->source->url,
                                    .path = a->part,
                                    .proxy = vl_config_str (config, "storage.image_proxy"),
                                    .ca_file = vl_config_str (config, "storage.image_ca_file"),
                                    .proven = a->source->checksum != NULL };

  if (vl_download (a->app->call, &what, &a->goes_on) < 0)
    return -1;
  a->goes_on = 0;
  /* Another name of it, so that a command that is killed from here on has not to download it
   * once more. */
  return link (a->part, target) == 0 ? 0 : vl_copy (a->app->call, a->part, target);
}

/* The file PATH must have the checksum that was given, if one was.  Where that is of the kind
 * that is kept, it becomes *CHECKSUM. */
static int
prove (struct arrival *a, const char *path, const char **checksum)
{
  struct vl_call *call = a->app->call;
  const char *given = a->source->checksum, *is;

  *checksum = NULL;
  if (given == NULL)
    return 0;
  is = vl_image_digest (call, path, vl_printf (call, "%.6s", given));
  if (is == NULL)
    return -1;
  if (! VL_STREQ (is, given))
    return vl_refuse_as (call, VL_ERR_REQUEST, "ChecksumMismatch", NULL,
                         "the file is not the one that was meant, or the checksum is of another",
                         "\"%s\" has the checksum %s instead of %s",
                         a->source->url ? vl_url_shown (call, a->source->url) : a->source->file, is,
                         given);
  if (VL_STARTS (is, "sha256"))
    *checksum = is;
  return 0;
}

/* Gets the copy here. */
static int
get (struct arrival *a)
{
  struct vl_call *call = a->app->call;
  const char *format = a->image->disk_format;
  const char *first =
      VL_STREQ (a->format, format) ? a->copy : vl_printf (call, "%s.as-given", a->copy);

  if (! a->resumed && vl_undo_mkdir (a->store, a->uuid, a->folder) < 0)
    return -1;
  if (a->fill)
    return a->fill (a->opaque, a->copy);
  if ((a->part ? download (a, first) : vl_copy (call, a->source->file, first)) < 0
      || prove (a, first, &a->checksum) < 0)
    return -1;
  if (! a->again
      && vl_image_judge_use (a->app, a->image, first, first == a->copy ? NULL : format, 1) < 0)
    return -1;
  if (first != a->copy) {
    a->checksum = NULL;
    if (vl_image_convert (call, first, format, a->format, a->copy) < 0)
      return -1;
  }
  return 0;
}

static int
fetch (struct arrival *a)
{
  struct vl_call *call = a->app->call;

  if (get (a) < 0)
    return -1;
  /* What counts is the copy: FILE may have changed since it was looked at. */
  if (vl_image_inspect (call, a->copy, a->format, &a->facts) < 0)
    return -1;
  if (a->checksum == NULL)
    a->checksum = vl_image_digest (call, a->copy, "sha256");
  if (a->checksum == NULL)
    return -1;
  if (chmod (a->copy, 0400) < 0 || stat (a->copy, &a->st) < 0)
    return vl_file_failed (call, "cannot look at", a->copy, errno);
  return 0;
}

static int
insert (struct arrival *a)
{
  const char *url = a->source->url, *now = vl_now_text (a->app->call);

  /* A download is on record, without its bytes. */
  if (a->part == NULL && record (a) < 0)
    return -1;
  if (vl_db_run (a->store,
                 "UPDATE image SET status = 'active', disk_format = ?, checksum = ?, size = ?, "
                 "virtual_size = ?, used = ? WHERE uuid = ?",
                 "ssiiss", a->format, a->checksum, (int64_t)a->st.st_size, a->facts.virtual_size,
                 now, a->uuid)
      < 0)
    return -1;
  /* No secret is kept: what takes one is not fetched again. */
  if (url && ! a->again
      && vl_db_run (a->store,
                    "UPDATE image SET url = ?, url_format = ?, url_checksum = ? WHERE uuid = ?",
                    "ssss", vl_url_is_secret (url) ? NULL : url, a->image->disk_format,
                    a->source->checksum, a->uuid)
             < 0)
    return -1;
  return vl_undo_moved (a->store, a->uuid);
}

/* Moves the copy to its place and makes the record.  RENAME_NOREPLACE: a file
 * that is there already is not ours to replace. */
static int
settle (struct arrival *a)
{
  if (vl_undo_moves (a->store, a->uuid) < 0)
    return -1;
  if (renameat2 (AT_FDCWD, a->copy, AT_FDCWD, a->target, RENAME_NOREPLACE) < 0)
    return errno == EEXIST
               ? vl_refuse_as (a->app->call, VL_ERR_FAILED, "StorageFailed", NULL, VL_HINT_STORE,
                               "\"%s\" is there already, but no image of that uuid is on record",
                               a->target)
               : vl_stuck (a->app->call, "cannot make", a->target);
  if (vl_file_sync_folder (a->target) < 0)
    return vl_file_failed (a->app->call, "cannot make", a->target, errno);
  return vl_db_begin (a->store) < 0 ? -1 : vl_db_finish (a->store, insert (a));
}

/* The image is made: what is left is the folder that it was made in. */
static void
tidy (struct arrival *a)
{
  size_t first = a->app->call->findings.n;

  if (vl_file_remove_tree (a->folder) < 0)
    vl_remove_failed (a->app->call, a->folder);
  else
    vl_undo_end (a->store, a->uuid);
  /* The next command goes on with it. */
  vl_soften (a->app->call, first);
}

static int
arrive (struct arrival *a)
{
  VL_AUTOLOCK struct vl_lock lock = VL_LOCK_NONE;
  struct vl_call *call = a->app->call;
  char key[37];

  a->format = kept_format (a->image->disk_format);
  a->target = vl_image_path (a->app, a->uuid);
  a->folder = vl_printf (call, "%s.new", a->target);
  a->copy = vl_printf (call, "%s/" VL_MADE_INSIDE, a->folder);
  if (a->source->url) {
    vl_uuid_from_text (a->source->url, key);
    a->part = vl_printf (call, "%s/part-%s", a->folder, key);
  }
  if (vl_lock_take (a->app, "images", a->uuid, VL_LOCK_OTHER, &lock) < 0 || take_over (a) < 0)
    return -1;
  /* Another command may have fetched it while we waited for it. */
  if (a->again
      && vl_db_any (a->store, "SELECT 1 FROM image WHERE uuid = ? AND status = 'queued'", "s",
                    a->uuid)
             != 1)
    return 0;
  if (vl_db_begin (a->store) < 0 || vl_db_finish (a->store, write_down (a)) < 0)
    return -1;
  if (fetch (a) == 0 && settle (a) == 0) {
    tidy (a);
    return 0;
  }
  if (a->goes_on)
    park (a->store, a->uuid);
  else
    vl_image_drop (a->app, a->store, a->uuid);
  return -1;
}

int
vl_image_create_from (struct vl_app *app, const struct vl_image_source *source,
                      const struct vl_image_info *image)
{
  struct arrival a = { .app = app, .image = image, .source = source, .facts.size = sizeof a.facts };
  char uuid[37];

  if (vl_image_store_of (app, source->url))
    return vl_image_register (app, source->url, image);
  if (check (app, source, image) < 0
      || (source->url ? vl_image_format_check (app->call, image->name, image->disk_format)
                      : vl_image_inspect (app->call, source->file, image->disk_format, &a.facts))
             < 0)
    return -1;
  a.store = vl_app_store (app);
  if (a.store == NULL)
    return -1;
  vl_recover (app, a.store);
  /* A plan that knows only the image's name comes to the same path. */
  vl_uuid_from_text (image->name, uuid);
  a.uuid = uuid;
  if (arrive (&a) < 0)
    return -1;
  if (! VL_STREQ (a.format, image->disk_format)) {
    vl_advise (app->call, NULL, NULL, "image \"%s\" was given as %s and is kept as %s", image->name,
               image->disk_format, a.format);
  }
  return 0;
}

int
vl_image_create (struct vl_app *app, const char *file, const struct vl_image_info *image)
{
  return vl_image_create_from (app, &(struct vl_image_source) { .file = file }, image);
}

int
vl_image_fill_in (struct vl_app *app, const struct vl_image_info *image, vl_image_fill fill,
                  void *opaque)
{
  static const struct vl_image_source none = { NULL, NULL, NULL };
  struct arrival a = { .app = app,
                       .store = app->store,
                       .image = image,
                       .source = &none,
                       .uuid = image->uuid,
                       .fill = fill,
                       .opaque = opaque,
                       .facts.size = sizeof a.facts };

  return arrive (&a);
}

int
vl_image_fill_again (struct vl_app *app, const struct vl_image_info *image, vl_image_fill fill,
                     void *opaque)
{
  static const struct vl_image_source none = { NULL, NULL, NULL };
  struct arrival a = { .app = app,
                       .store = vl_app_store (app),
                       .image = image,
                       .source = &none,
                       .uuid = image->uuid,
                       .fill = fill,
                       .opaque = opaque,
                       .again = 1,
                       .facts.size = sizeof a.facts };

  if (a.store == NULL)
    return -1;
  vl_recover (app, a.store);
  return arrive (&a);
}

int
vl_image_judge (struct vl_app *app, const struct vl_image_info *image)
{
  static const struct vl_image_source none = { NULL, NULL, NULL };

  return check (app, &none, image);
}

int
vl_image_fetch_again (struct vl_app *app, const struct vl_image_info *image)
{
  struct vl_image_info wanted = *image;
  const struct vl_image_source source = { .url = image->url, .checksum = image->url_checksum };
  struct arrival a = { .app = app,
                       .store = vl_app_store (app),
                       .image = &wanted,
                       .source = &source,
                       .uuid = image->uuid,
                       .again = 1,
                       .facts.size = sizeof a.facts };

  if (a.store == NULL)
    return -1;
  vl_recover (app, a.store);
  return vl_db_row (a.store, &wanted.disk_format, "SELECT url_format FROM image WHERE uuid = ?",
                    "s", image->uuid)
                 == 1
             ? arrive (&a)
             : -1;
}
