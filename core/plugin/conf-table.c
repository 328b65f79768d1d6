/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What virtloom.conf may say.  The names after the dot are nova.conf's where
 * nova.conf has the option. */

#include <config.h>

#include "plugin/conf.h"

static const char *const log_levels[] = { "error", "warning", "info", "debug", NULL };
static const char *const preallocations[] = { "none", "space", NULL };
static const char *const drive_buses[] = { "ide", "sata", "scsi", "usb", NULL };
/* What libvirt understands at the head of a disk's target. */
static const char *const disk_prefixes[] = { "fd", "hd", "sd", "ubd", "vd", "xvd", NULL };
static const char *const drive_formats[] = { "iso9660", "vfat", NULL };
static const char *const filesystems[] = { "ext2", "ext3", "ext4", "xfs", NULL };

/* A row: its name, type and default, the option of nova.conf that it stands for, what it
 * is, and then what its type needs. */
#define ROW(name, type_, value, option, ...)                                                       \
  {                                                                                                \
    .setting = name, .type = type_, .deflt = value, .nova = option, .since = "0.1",                \
    .help = __VA_ARGS__                                                                            \
  }
#define NAMES(name, text) ROW (name, VL_LIST, NULL, NULL, text, .flags = VL_EMPTY_OK | VL_WORDS)
#define RATIO(name, value, where, text)                                                            \
  ROW (name, VL_DECIMAL, value, "DEFAULT." name, text, .only = where)
#define RESERVE(name, value, what, text)                                                           \
  ROW (name, VL_INT, value, "DEFAULT." name, text, .max = INT32_MAX, .unit = what)

static const struct vl_prop table[] = {
  ROW ("driver", VL_STRING, "auto", NULL,
       "driver that new servers get; auto: the highest ranked one that can be used here"),
  ROW ("state_dir", VL_STRING, NULL, NULL, "folder for records, images and disks"),
  ROW ("host", VL_STRING, NULL, "DEFAULT.host",
       "what this host is called in records that other hosts read; its host name"),
  ROW ("records_dir", VL_STRING, NULL, NULL,
       "folder that hosts share, in which the record of each server lies as a file"),
  ROW ("migration_transport", VL_STRING, "ssh -T -- %h virtloom migration serve", NULL,
       "command that reaches 'virtloom migration serve' on host %h; no shell reads it"),
  NAMES ("ignored_properties", "globs of image properties that are known and passed over"),
  NAMES ("ignored_extra_specs", "globs of extra specs of flavors that are known and passed over"),
  NAMES ("traits", "traits that this host has (NAME) or has not (-NAME), whatever its facts say"),
  ROW ("log_level", VL_CHOICE, "info", NULL, "what commands say on stderr", .choices = log_levels),
  ROW ("resume_guests_state_on_host_boot", VL_BOOL, "no",
       "DEFAULT.resume_guests_state_on_host_boot",
       "'virtloom host resume' starts the guests that ran before the host's boot"),
  ROW ("reboot_timeout", VL_INT, "0", "DEFAULT.reboot_timeout",
       "'virtloom host tend' reboots hard what a reboot that was interrupted left off for so long; "
       "0: never",
       .max = 86400, .unit = "s"),
  ROW ("default_availability_zone", VL_STRING, "nova", "DEFAULT.default_availability_zone",
       "availability zone that config drives name"),
  ROW ("dhcp_domain", VL_STRING, NULL, "api.dhcp_domain",
       "domain that config drives append to the guest's host name"),
  RATIO ("initial_cpu_allocation_ratio", "4.0", "cpu_allocation_ratio=-|0|0.0",
         "CPUs for guests, for each of the host"),
  RATIO ("initial_ram_allocation_ratio", "1.0", "ram_allocation_ratio=-|0|0.0",
         "memory for guests, in parts of the host's"),
  RATIO ("initial_disk_allocation_ratio", "1.0", "disk_allocation_ratio=-|0|0.0",
         "disk space for guests, in parts of the host's"),
  RATIO ("cpu_allocation_ratio", NULL, NULL, "unless 0: instead of initial_cpu_allocation_ratio"),
  RATIO ("ram_allocation_ratio", NULL, NULL, "unless 0: instead of initial_ram_allocation_ratio"),
  RATIO ("disk_allocation_ratio", NULL, NULL, "unless 0: instead of initial_disk_allocation_ratio"),
  RESERVE ("reserved_host_cpus", "0", NULL, "CPUs of the host that no guest gets"),
  RESERVE ("reserved_host_memory_mb", "512", "MiB", "memory of the host that no guest gets"),
  RESERVE ("reserved_host_disk_mb", "0", "MiB", "disk space of the host that no guest gets"),
  ROW ("storage.images_type", VL_STRING, "default", "libvirt.images_type",
       "where disks are and how they are made: what a storage plugin answers for; default: by "
       "use_cow_images"),
  ROW ("storage.use_cow_images", VL_BOOL, "yes", "DEFAULT.use_cow_images",
       "images_type = default means qcow2 (yes) or flat (no)",
       .only = "storage.images_type=default"),
  ROW ("storage.force_raw_images", VL_BOOL, "yes", "DEFAULT.force_raw_images",
       "flat root disks are raw whatever the image's format",
       .only = "storage.images_type=flat|raw; storage.images_type=default "
               "storage.use_cow_images=false"),
  ROW ("storage.preallocate_images", VL_CHOICE, "none", "DEFAULT.preallocate_images",
       "space: a disk's blocks are allocated when it is made", .choices = preallocations),
  ROW ("storage.config_drive_format", VL_CHOICE, "iso9660", "DEFAULT.config_drive_format",
       "format of the config drive: a CD-ROM or a disk", .choices = drive_formats),
  ROW ("storage.config_drive_skip_versions", VL_LIST,
       "1.0 2007-01-19 2007-03-01 2007-08-29 2007-10-10 2007-12-15 2008-02-01 2008-09-01",
       "api.config_drive_skip_versions", "versions of EC2's folders that config drives lack",
       .flags = VL_EMPTY_OK | VL_WORDS),
  ROW ("storage.vendordata_jsonfile_path", VL_STRING, NULL, "api.vendordata_jsonfile_path",
       "file with a JSON object that config drives tell every guest (vendor_data.json)"),
  ROW ("storage.config_drive_bus", VL_CHOICE, NULL, NULL,
       "bus of config drives that are CD-ROMs, where the image names none", .choices = drive_buses,
       .only = "storage.config_drive_format=iso9660"),
  ROW ("storage.force_config_drive", VL_BOOL, "no", "DEFAULT.force_config_drive",
       "every server gets a config drive"),
  ROW ("storage.rescue_image_id", VL_STRING, NULL, "libvirt.rescue_image_id",
       "image that a server is rescued from where none is named; else its own"),
  ROW ("storage.default_ephemeral_format", VL_CHOICE, NULL, "DEFAULT.default_ephemeral_format",
       "file system of ephemeral disks", .choices = filesystems),
  ROW ("storage.max_disk_devices_to_attach", VL_INT, "-1", "compute.max_disk_devices_to_attach",
       "disks that a server may have; -1: no limit", .min = -1, .max = 1024),
  ROW ("storage.disk_prefix", VL_CHOICE, NULL, "libvirt.disk_prefix",
       "what names of disks begin with on every bus; unset: vd, sd, hd or fd, as the bus is",
       .choices = disk_prefixes),
  ROW ("storage.images_cpu_time_limit", VL_INT, "30", "libvirt.images_cpu_time_limit",
       "CPU time that inspecting an image may take", .min = 1, .max = 3600, .unit = "s"),
  ROW ("storage.images_address_space_limit", VL_INT, "2", "libvirt.images_address_space_limit",
       "address space that inspecting an image may take", .min = 1, .max = 1024, .unit = "GiB"),
  ROW ("storage.max_image_size", VL_SIZE, "1T", NULL,
       "size of the disk that an image may be, and of its file", .min = 1 << 20,
       .max = (int64_t)1 << 50),
  ROW ("storage.image_proxy", VL_STRING, NULL, NULL,
       "proxy that images are downloaded through: http://HOST:PORT"),
  ROW ("storage.image_ca_file", VL_STRING, NULL, NULL,
       "file with the certificates of who may vouch for servers of images; unset: the system's"),
  ROW ("storage.remove_unused_base_images", VL_BOOL, "yes", "image_cache.remove_unused_base_images",
       "images that no server uses, and that can be fetched again, leave STATE"),
  ROW ("storage.remove_unused_original_minimum_age_seconds", VL_INT, "86400",
       "image_cache.remove_unused_original_minimum_age_seconds",
       "how long no server must have used them", .max = INT32_MAX, .unit = "s",
       .only = "storage.remove_unused_base_images=true"),
};

const struct vl_prop *
vl_config_table (size_t *n)
{
  *n = sizeof table / sizeof table[0];
  return table;
}
