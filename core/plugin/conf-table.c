/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What virtloom.conf may say.  The names after the dot are nova.conf's where
 * nova.conf has the option. */

#include <config.h>

#include "plugin/conf.h"

static const char *const log_levels[] = { "error", "warning", "info", "debug", NULL };
static const char *const preallocations[] = { "none", "space", NULL };
static const char *const drive_formats[] = { "iso9660", "vfat", NULL };
static const char *const filesystems[] = { "ext2", "ext3", "ext4", "xfs", NULL };

#define RATIO(name, value, text)                                                                   \
  {                                                                                                \
    .setting = name, .type = VL_DECIMAL, .deflt = value, .nova = "DEFAULT." name, .help = text,    \
    .since = "0.1"                                                                                 \
  }
#define RESERVE(name, value, what, text)                                                           \
  {                                                                                                \
    .setting = name, .type = VL_INT, .deflt = value, .max = INT32_MAX, .unit = what,               \
    .nova = "DEFAULT." name, .help = text, .since = "0.1"                                          \
  }

static const struct vl_prop table[] = {
  { .setting = "driver",
    .type = VL_STRING,
    .deflt = "auto",
    .help = "driver that new servers get; auto: the highest ranked one that can be used here",
    .since = "0.1" },
  { .setting = "state_dir",
    .type = VL_STRING,
    .help = "folder for records, images and disks",
    .since = "0.1" },
  { .setting = "ignored_properties",
    .type = VL_LIST,
    .flags = VL_EMPTY_OK | VL_WORDS,
    .help = "globs of image properties that are known and passed over",
    .since = "0.1" },
  { .setting = "ignored_extra_specs",
    .type = VL_LIST,
    .flags = VL_EMPTY_OK | VL_WORDS,
    .help = "globs of extra specs of flavors that are known and passed over",
    .since = "0.1" },
  { .setting = "traits",
    .type = VL_LIST,
    .flags = VL_EMPTY_OK | VL_WORDS,
    .help = "traits that this host has (NAME) or has not (-NAME), whatever its facts say",
    .since = "0.1" },
  { .setting = "log_level",
    .type = VL_CHOICE,
    .deflt = "warning",
    .choices = log_levels,
    .help = "what is logged",
    .since = "0.1" },
  RATIO ("initial_cpu_allocation_ratio", "4.0", "CPUs for guests, for each of the host"),
  RATIO ("initial_ram_allocation_ratio", "1.0", "memory for guests, in parts of the host's"),
  RATIO ("initial_disk_allocation_ratio", "1.0", "disk space for guests, in parts of the host's"),
  RATIO ("cpu_allocation_ratio", NULL, "unless 0: instead of initial_cpu_allocation_ratio"),
  RATIO ("ram_allocation_ratio", NULL, "unless 0: instead of initial_ram_allocation_ratio"),
  RATIO ("disk_allocation_ratio", NULL, "unless 0: instead of initial_disk_allocation_ratio"),
  RESERVE ("reserved_host_cpus", "0", NULL, "CPUs of the host that no guest gets"),
  RESERVE ("reserved_host_memory_mb", "512", "MiB", "memory of the host that no guest gets"),
  RESERVE ("reserved_host_disk_mb", "0", "MiB", "disk space of the host that no guest gets"),
  { .setting = "storage.images_type",
    .type = VL_STRING,
    .deflt = "default",
    .nova = "libvirt.images_type",
    .help = "where disks are and how they are made: what a storage plugin answers for; default: by "
            "use_cow_images",
    .since = "0.1" },
  { .setting = "storage.use_cow_images",
    .type = VL_BOOL,
    .deflt = "yes",
    .nova = "DEFAULT.use_cow_images",
    .help = "images_type = default means qcow2 (yes) or flat (no)",
    .since = "0.1" },
  { .setting = "storage.force_raw_images",
    .type = VL_BOOL,
    .deflt = "yes",
    .nova = "DEFAULT.force_raw_images",
    .help = "flat root disks are raw whatever the image's format",
    .since = "0.1" },
  { .setting = "storage.preallocate_images",
    .type = VL_CHOICE,
    .deflt = "none",
    .choices = preallocations,
    .nova = "DEFAULT.preallocate_images",
    .help = "space: a disk's blocks are allocated when it is made",
    .since = "0.1" },
  { .setting = "storage.config_drive_format",
    .type = VL_CHOICE,
    .deflt = "iso9660",
    .choices = drive_formats,
    .nova = "DEFAULT.config_drive_format",
    .help = "format of the config drive: a CD-ROM or a disk",
    .since = "0.1" },
  { .setting = "storage.force_config_drive",
    .type = VL_BOOL,
    .deflt = "no",
    .nova = "DEFAULT.force_config_drive",
    .help = "every server gets a config drive",
    .since = "0.1" },
  { .setting = "storage.default_ephemeral_format",
    .type = VL_CHOICE,
    .choices = filesystems,
    .nova = "DEFAULT.default_ephemeral_format",
    .help = "file system of ephemeral disks",
    .since = "0.1" },
  { .setting = "storage.max_disk_devices_to_attach",
    .type = VL_INT,
    .deflt = "-1",
    .min = -1,
    .max = 1024,
    .nova = "compute.max_disk_devices_to_attach",
    .help = "disks that a server may have; -1: no limit",
    .since = "0.1" },
  { .setting = "storage.images_cpu_time_limit",
    .type = VL_INT,
    .deflt = "30",
    .min = 1,
    .max = 3600,
    .unit = "s",
    .nova = "libvirt.images_cpu_time_limit",
    .help = "CPU time that inspecting an image may take",
    .since = "0.1" },
  { .setting = "storage.images_address_space_limit",
    .type = VL_INT,
    .deflt = "2",
    .min = 1,
    .max = 1024,
    .unit = "GiB",
    .nova = "libvirt.images_address_space_limit",
    .help = "address space that inspecting an image may take",
    .since = "0.1" },
  { .setting = "storage.max_image_size",
    .type = VL_SIZE,
    .deflt = "1T",
    .min = 1 << 20,
    .max = (int64_t)1 << 50,
    .help = "size of the disk that an image may be, and of its file",
    .since = "0.1" },
};

const struct vl_prop *
vl_config_table (size_t *n)
{
  *n = sizeof table / sizeof table[0];
  return table;
}
