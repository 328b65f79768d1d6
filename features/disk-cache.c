/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * disk-cache: how the host caches what guests read and write (by kind of disk),
 * how it does their I/O, and whether blocks that a guest frees are given back. */

#include <config.h>

#include <virtloom/feature.h>

#include <string.h>

#define FACT_DIRECT_IO "storage.direct_io"

static const char *const discards[] = { "ignore", "unmap", NULL };
static const char *const kinds[] = { "file", "block", "network", "mount", NULL };
static const char *const caches[] = { "default", "none", "writethrough", "writeback", "directsync",
                                      "unsafe",  NULL };

static const struct vl_prop props[] = {
  { .name = "modes",
    .type = VL_LIST,
    .setting = "disk_cachemodes",
    .nova = "libvirt.disk_cachemodes",
    .help = "cache modes of disks, as kind=mode items; kinds file block network mount, modes "
            "default none writethrough writeback directsync unsafe",
    .since = "0.1.0" },
  { .name = "local",
    .type = VL_CHOICE,
    .choices = caches,
    .help = "cache mode of local disks that 'modes' does not name",
    .since = "0.1.0" },
  { .name = "discard",
    .type = VL_CHOICE,
    .choices = discards,
    .setting = "hw_disk_discard",
    .nova = "libvirt.hw_disk_discard",
    .help = "what becomes of discard requests to local disks; unset: libvirt's default",
    .since = "0.1.0" },
};

static const struct vl_write writes[] = { { .path = "devices/disk/driver/@cache" },
                                          { .path = "devices/disk/driver/@discard" },
                                          { .path = "devices/disk/driver/@io" } };

static const struct vl_name reads[] = { { .name = VL_GUEST_DISK },
                                        { .name = VL_GUEST_VIRT_TYPE },
                                        { .name = VL_STORAGE_IMAGES_TYPE },
                                        { .name = VL_STORAGE_PREALLOCATE } };

static int
is_one_of (const char *text, size_t length, const char *const *list)
{
  for (; *list; list++)
    if (strncmp (*list, text, length) == 0 && (*list)[length] == '\0')
      return 1;
  return 0;
}

/* The mode that item I of `modes` gives; NULL where it is not kind=mode. */
static const char *
mode_of_item (struct vl_call *c, size_t i)
{
  const char *item = vl_item (c, "modes", i), *sign = strchr (item, '=');

  if (sign == NULL || ! is_one_of (item, (size_t)(sign - item), kinds)
      || ! is_one_of (sign + 1, strlen (sign + 1), caches))
    return NULL;
  return sign + 1;
}

static int
resolve (struct vl_call *c)
{
  int direct = vl_fact_flag (c, FACT_DIRECT_IO);

  if (direct < 0)
    return 0;
  return vl_put (c, "local", direct ? "none" : "writeback", NULL,
                 direct ? "the disks' file system can do direct I/O"
                        : "the disks' file system can do no direct I/O");
}

static int
active (struct vl_call *c)
{
  return ! vl_is (c, VL_GUEST_VIRT_TYPE, "lxc") && vl_n_disks (c) > 0;
}

/* The cache mode of DISK, and the property behind it; NULL where it depends on a
 * fact that is not known. */
static const char *
cache_of (struct vl_call *c, const struct vl_disk *disk, const char **why)
{
  const char *mode = NULL;
  size_t length = strlen (disk->type);

  *why = "modes";
  if (disk->shareable) {
    *why = disk->why;
    return "none";
  }
  for (size_t i = 0; i < vl_count (c, "modes"); i++)
    if (mode_of_item (c, i) && strncmp (vl_item (c, "modes", i), disk->type, length) == 0
        && vl_item (c, "modes", i)[length] == '=')
      mode = mode_of_item (c, i);
  if (mode)
    return mode;
  *why = disk->serial ? disk->why : "local";
  return disk->serial ? "none" : vl_str (c, "local");
}

static int
validate (struct vl_call *c)
{
  const char *why;

  for (size_t i = 0; i < vl_count (c, "modes"); i++)
    if (mode_of_item (c, i) == NULL)
      vl_warn (c, "modes", NULL,
               "'%s' is passed over; accepted: kind=mode, kinds file block network mount, modes "
               "default none writethrough writeback directsync unsafe",
               vl_item (c, "modes", i));
  for (size_t i = 0; i < vl_n_disks (c); i++)
    if (cache_of (c, vl_disk (c, i), &why) == NULL)
      return vl_need_flag (c, NULL, FACT_DIRECT_IO);
  return 0;
}

/* QEMU's native I/O needs disks that are not cached. */
static const char *
io_of (const char *mode)
{
  return strcmp (mode, "none") == 0 || strcmp (mode, "directsync") == 0 ? "native" : "threads";
}

static void
tune (struct vl_call *c, const struct vl_disk *disk, struct vl_node *driver)
{
  const char *why, *mode = cache_of (c, disk, &why);

  vl_set_why (driver, "cache", mode, why);
  if (disk->serial)
    return;
  if (disk->is_dense || vl_is (c, VL_STORAGE_PREALLOCATE, "space"))
    vl_set_why (driver, "io", io_of (mode),
                disk->is_dense ? VL_STORAGE_IMAGES_TYPE : VL_STORAGE_PREALLOCATE);
  if (vl_has (c, "discard"))
    vl_set_from (driver, "discard", "discard");
}

static int
tune_disk (struct vl_call *c, struct vl_node *node, void *opaque)
{
  const struct vl_disk *disk = vl_node_disk (node);

  (void)opaque;
  if (disk && ! disk->is_served)
    tune (c, disk, vl_ensure_in (node, "driver"));
  return 0;
}

static int
adjust (struct vl_call *c)
{
  return vl_each (c, "devices/disk", tune_disk, NULL);
}

VL_FEATURE (disk_cache, "disk-cache", .version = VL_VERSION,
            .summary = "cache mode and discard of disks", .props = VL_TABLE (props),
            .writes = VL_TABLE (writes), .reads = VL_TABLE (reads), .resolve = resolve,
            .active = active, .validate = validate, .adjust = adjust);
