/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A storage plugin whose store is a folder beside STATE.  It writes down each acting call,
 * and fails one as it is told.  HALF: another that answers for one name of it, and has no
 * `make`. */

#include <virtloom/storage.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct vl_prop props[] = {
  { .name = "store", .type = VL_STRING, .setting = "store", .help = "the folder", .since = "0.1" },
  { .name = "fails",
    .type = VL_STRING,
    .setting = "fails",
    .help = "the call that fails",
    .since = "0.1" },
};

static int
locate (struct vl_call *c, const struct vl_volume *volume, struct vl_source *source)
{
  source->type = "file";
  source->format = "raw";
  source->path = volume->connection
                     ? vl_need_info (c, volume, "data.lun.0.file")
                     : vl_printf (c, "%s/%s-%s", vl_str (c, "store"), volume->server, volume->id);
  return source->path ? 0 : -1;
}

#ifdef HALF

static const char *const image_types[] = { "half", "array", NULL };
static const struct vl_storage_calls calls = { .size = sizeof calls,
                                               .image_types = image_types,
                                               .locate = locate };

VL_FEATURE (half, "half", .summary = "half an array", .props = VL_TABLE (props), .storage = &calls);

#else

static const char *const image_types[] = { "array", NULL };
static const char *const volume_types[] = { "array", NULL };

/* Writes down that CALL was made for VOLUME; -1 where it is to fail. */
static int
note (struct vl_call *c, const char *call, const struct vl_volume *volume)
{
  FILE *trace = fopen (vl_printf (c, "%s/trace", vl_str (c, "store")), "a");

  if (trace == NULL)
    return vl_file_failed (c, "cannot write", "trace", errno);
  fprintf (trace, "%s %s %lld %s\n", call, volume->id, (long long)volume->bytes,
           volume->connection ? vl_info (c, volume, "data.id") : "-");
  fclose (trace);
  return vl_is (c, "fails", call)
             ? vl_refuse (c, VL_ERR_FAILED, "fails", NULL, "%s fails as it is told", call)
             : 0;
}

static int
make (struct vl_call *c, const struct vl_volume *volume, const struct vl_source *source)
{
  int fd = open (source->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

  if (fd < 0)
    return vl_file_failed (c, "cannot make", source->path, errno);
  if (ftruncate (fd, volume->bytes) < 0)
    vl_file_failed (c, "cannot size", source->path, errno);
  close (fd);
  return note (c, "make", volume);
}

static int
drop (struct vl_call *c, const struct vl_volume *volume, const struct vl_source *source)
{
  if (unlink (source->path) < 0 && errno != ENOENT)
    return vl_file_failed (c, "cannot remove", source->path, errno);
  return note (c, "remove", volume);
}

static int
connect (struct vl_call *c, const struct vl_volume *volume, const struct vl_source *source)
{
  (void)source;
  return note (c, "connect", volume);
}

static int
disconnect (struct vl_call *c, const struct vl_volume *volume, const struct vl_source *source)
{
  (void)source;
  return note (c, "disconnect", volume);
}

static int
made (struct vl_call *c, void (*fn) (void *, const char *, const char *), void *opaque)
{
  DIR *dir;

  if (vl_is (c, "fails", "made"))
    return vl_refuse (c, VL_ERR_FAILED, "fails", NULL, "made fails as it is told");
  dir = opendir (vl_str (c, "store"));
  if (dir == NULL)
    return vl_file_failed (c, "cannot open", "the store", errno);
  for (const struct dirent *entry; (entry = readdir (dir));)
    if (strlen (entry->d_name) > 36 && vl_is_uuid (vl_printf (c, "%.36s", entry->d_name)))
      fn (opaque, vl_printf (c, "%.36s", entry->d_name),
          vl_printf (c, "disk \"%s\" of the array", entry->d_name));
  closedir (dir);
  return 0;
}

static const struct vl_storage_calls calls = { .size = sizeof calls,
                                               .image_types = image_types,
                                               .volume_types = volume_types,
                                               .locate = locate,
                                               .made = made,
                                               .make = make,
                                               .remove = drop,
                                               .connect = connect,
                                               .disconnect = disconnect };

VL_FEATURE (array, "array", .summary = "an array", .props = VL_TABLE (props), .storage = &calls);

#endif
