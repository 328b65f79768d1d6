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
    .help = "cache modes by kind of disk",
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
    .help = "what becomes of discard requests to local disks",
    .since = "0.1.0" },
};

static const struct vl_setting settings[] = {
  { .name = "disk_cachemodes",
    .type = VL_LIST,
    .nova = "libvirt.disk_cachemodes",
    .help = "kind=mode items; kinds file block network mount, modes default none writethrough "
            "writeback directsync unsafe",
    .since = "0.1.0" },
  { .name = "hw_disk_discard",
    .type = VL_CHOICE,
    .choices = discards,
    .nova = "libvirt.hw_disk_discard",
    .help = "discard requests of guests to local disks; unset: libvirt's default",
    .since = "0.1.0" },
};

static const struct vl_write writes[] = { { "devices/disk/driver/@cache", NULL },
                                          { "devices/disk/driver/@discard", NULL },
                                          { "devices/disk/driver/@io", NULL } };

static const struct vl_name reads[] = { { VL_GUEST_DISK },
                                        { VL_GUEST_VIRT_TYPE },
                                        { VL_STORAGE_PREALLOCATE } };

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
mode_of_item (const struct vl_guest *guest, size_t i)
{
  const char *item = vl_guest_item (guest, "modes", i), *sign = strchr (item, '=');

  if (sign == NULL || ! is_one_of (item, (size_t)(sign - item), kinds)
      || ! is_one_of (sign + 1, strlen (sign + 1), caches))
    return NULL;
  return sign + 1;
}

static int
resolve (struct vl_call *call, struct vl_guest *guest, const struct vl_host *host)
{
  int direct = vl_host_flag (host, FACT_DIRECT_IO);

  if (direct < 0)
    return 0;
  return vl_guest_set (call, guest, "local", direct ? "none" : "writeback", FACT_DIRECT_IO,
                       direct ? "the disks' file system can do direct I/O"
                              : "the disks' file system can do no direct I/O");
}

static int
active (const struct vl_guest *guest)
{
  return ! vl_guest_is (guest, VL_GUEST_VIRT_TYPE, "lxc") && vl_guest_n_disks (guest) > 0;
}

/* The cache mode of DISK, and the property behind it; NULL where it depends on a
 * fact that is not known. */
static const char *
cache_of (const struct vl_guest *guest, const struct vl_disk *disk, const char **why)
{
  const char *mode = NULL;
  size_t length = strlen (disk->type);

  *why = "modes";
  if (disk->shareable) {
    *why = disk->why;
    return "none";
  }
  for (size_t i = 0; i < vl_guest_count (guest, "modes"); i++)
    if (mode_of_item (guest, i)
        && strncmp (vl_guest_item (guest, "modes", i), disk->type, length) == 0
        && vl_guest_item (guest, "modes", i)[length] == '=')
      mode = mode_of_item (guest, i);
  if (mode)
    return mode;
  *why = disk->serial ? disk->why : "local";
  return disk->serial ? "none" : vl_guest_str (guest, "local");
}

static int
validate (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  const char *why;

  (void)host;
  for (size_t i = 0; i < vl_guest_count (guest, "modes"); i++)
    if (mode_of_item (guest, i) == NULL)
      vl_warning (call, NULL, "modes",
                  "'%s' is passed over; accepted: kind=mode, kinds file block network mount, modes "
                  "default none writethrough writeback directsync unsafe",
                  vl_guest_item (guest, "modes", i));
  for (size_t i = 0; i < vl_guest_n_disks (guest); i++)
    if (cache_of (guest, vl_guest_disk (guest, i), &why) == NULL)
      return vl_host_unknown (call, NULL, FACT_DIRECT_IO);
  return 0;
}

/* QEMU's native I/O needs disks that are not cached. */
static const char *
io_of (const char *mode)
{
  return strcmp (mode, "none") == 0 || strcmp (mode, "directsync") == 0 ? "native" : "threads";
}

static int
tune_disk (struct vl_call *call, struct vl_node *node, void *opaque)
{
  const struct vl_guest *guest = opaque;
  const char *dev = vl_get (call, node, "target/@dev"), *why, *mode;
  struct vl_node *driver = vl_ensure (call, node, "driver", 0, NULL);

  for (size_t i = 0; dev && i < vl_guest_n_disks (guest); i++) {
    const struct vl_disk *disk = vl_guest_disk (guest, i);

    if (strcmp (disk->dev, dev) != 0)
      continue;
    mode = cache_of (guest, disk, &why);
    vl_set (call, driver, "cache", mode, why);
    if (disk->serial == NULL && vl_guest_is (guest, VL_STORAGE_PREALLOCATE, "space"))
      vl_set (call, driver, "io", io_of (mode), VL_STORAGE_PREALLOCATE);
    if (disk->serial == NULL && vl_guest_has (guest, "discard"))
      vl_set (call, driver, "discard", vl_guest_str (guest, "discard"), "discard");
  }
  return 0;
}

static int
adjust (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  (void)host;
  return vl_each (call, "devices/disk", tune_disk, (void *)guest);
}

VL_FEATURE (disk_cache, "disk-cache", .version = VL_VERSION,
            .summary = "cache mode and discard of disks", .props = VL_TABLE (props),
            .settings = VL_TABLE (settings), .writes = VL_TABLE (writes), .reads = VL_TABLE (reads),
            .resolve = resolve, .active = active, .validate = validate, .adjust = adjust);
