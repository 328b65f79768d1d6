/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The methods of Nova's ComputeDriver: a row for each of docs/compute-driver.list, which
 * test-driver-call.sh holds against this table. */

#include <config.h>

#include "call.h"

#define ARGUMENTS(...)                                                                             \
  (const struct call_argument[])                                                                   \
  {                                                                                                \
    __VA_ARGS__,                                                                                   \
    {                                                                                              \
      .name = NULL                                                                                 \
    }                                                                                              \
  }
#define WORD(label)                                                                                \
  {                                                                                                \
    label, CALL_TEXT, CALL_WORD | CALL_NEEDED, NULL                                                \
  }
#define ITEM(label)                                                                                \
  {                                                                                                \
    label, CALL_ITEM, CALL_WORD | CALL_NEEDED, NULL                                                \
  }
#define TEXT(label)                                                                                \
  {                                                                                                \
    label, CALL_TEXT, 0, NULL                                                                      \
  }
#define TEXT_AS(label, option)                                                                     \
  {                                                                                                \
    label, CALL_TEXT, 0, option                                                                    \
  }
#define TEXTS(label, option)                                                                       \
  {                                                                                                \
    label, CALL_TEXTS, 0, option                                                                   \
  }
#define PAIRS(label, option)                                                                       \
  {                                                                                                \
    label, CALL_PAIRS, 0, option                                                                   \
  }
#define NUMBER(label)                                                                              \
  {                                                                                                \
    label, CALL_NUMBER, 0, NULL                                                                    \
  }
#define BOOL(label)                                                                                \
  {                                                                                                \
    label, CALL_BOOL, 0, NULL                                                                      \
  }
#define INSTANCE WORD ("instance")
#define TIMEOUT NUMBER ("timeout")
#define FILENAME                                                                                   \
  {                                                                                                \
    "filename", CALL_TEXT, CALL_NEEDED, NULL                                                       \
  }
#define DATA                                                                                       \
  {                                                                                                \
    "migrate_data", CALL_OBJECT, CALL_NEEDED, NULL                                                 \
  }
#define REQUEST                                                                                    \
  {                                                                                                \
    "request", CALL_OBJECT, CALL_NEEDED, NULL                                                      \
  }

/* What Nova's own libvirt driver does not have either. */
#define NOT_IN_NOVA(label)                                                                         \
  {                                                                                                \
    .name = label, .code = "NotImplemented", .why = "is not in Nova's libvirt driver either"       \
  }
/* What is done, and not by itself. */
#define PART_OF(label, others)                                                                     \
  {                                                                                                \
    .name = label, .code = "NotSupported", .why = "is no call of its own: it is a part of " others \
  }
#define LATER(label)                                                                               \
  {                                                                                                \
    .name = label, .code = "NotImplemented", .why = "is not in this version"                       \
  }
#define NOTHING(label)                                                                             \
  {                                                                                                \
    .name = label, .own = call_nothing                                                             \
  }

static const struct call_method methods[] = {
  /* ---- create, destroy ---- */
  { "spawn", NULL,
    ARGUMENTS (INSTANCE, { "request", CALL_OBJECT, 0, NULL }, TEXT ("flavor"), TEXT ("image"),
               TEXTS ("networks", "network"), TEXTS ("volumes", "volume"),
               PAIRS ("properties", "property"), PAIRS ("metadata", "metadata"), TEXT ("hostname"),
               { "user_data", CALL_SECRET, 0, "user-data" },
               { "admin_password", CALL_SECRET, 0, "password" },
               { "config_drive", CALL_BOOL, 0, "config-drive" }),
    "server", "create" },
  { "destroy", NULL, ARGUMENTS (INSTANCE, BOOL ("force"), TEXTS ("abandon", "abandon")), "server",
    "delete" },
  { "cleanup", NULL, ARGUMENTS (INSTANCE, BOOL ("force"), TEXTS ("abandon", "abandon")), "server",
    "delete" },
  { "rebuild", NULL,
    ARGUMENTS (INSTANCE, TEXT ("image"), { "admin_password", CALL_SECRET, 0, "password" },
               { "user_data", CALL_SECRET, 0, "user-data" }, PAIRS ("metadata", "metadata"),
               PAIRS ("properties", "property"), TEXTS ("accept_loss", "accept-loss"), TIMEOUT),
    "server", "rebuild" },
  PART_OF ("delete_instance_files", "'destroy'"),
  { "instance_on_disk", NULL, ARGUMENTS (INSTANCE), .own = call_instance_on_disk },
  PART_OF ("prepare_for_spawn", "'spawn'"),
  PART_OF ("failed_spawn_cleanup", "'spawn'"),
  NOT_IN_NOVA ("soft_delete"),
  NOT_IN_NOVA ("restore"),

  /* ---- power ---- */
  { "reboot", NULL, ARGUMENTS (INSTANCE, TEXT ("reboot_type"), TIMEOUT), .own = call_reboot },
  { "pause", NULL, ARGUMENTS (INSTANCE), "server", "pause" },
  { "unpause", NULL, ARGUMENTS (INSTANCE), "server", "unpause" },
  { "suspend", NULL, ARGUMENTS (INSTANCE), "server", "suspend" },
  { "resume", NULL, ARGUMENTS (INSTANCE), "server", "resume" },
  { "power_off", NULL, ARGUMENTS (INSTANCE, TIMEOUT, BOOL ("force")), "server", "stop" },
  { "power_on", NULL, ARGUMENTS (INSTANCE), "server", "start" },
  { "shut_down", NULL,
    ARGUMENTS ({ "instances", CALL_TEXTS, CALL_WORD | CALL_NEEDED, NULL }, TIMEOUT), "server",
    "stop" },
  { "rescue", NULL,
    ARGUMENTS (INSTANCE, TEXT ("image"), { "rescue_password", CALL_SECRET, 0, "password" },
               TIMEOUT),
    "server", "rescue" },
  { "unrescue", NULL, ARGUMENTS (INSTANCE), "server", "unrescue" },
  { "resume_state_on_host_boot", NULL, ARGUMENTS (INSTANCE), .own = call_boot_instance },
  { "poll_rebooting_instances", NULL, NULL, "host", "tend" },
  { "trigger_crash_dump", NULL, ARGUMENTS (INSTANCE), "server", "dump create" },
  { "dump_memory", NULL, ARGUMENTS (INSTANCE, { "file", CALL_TEXT, CALL_NEEDED, NULL }), "server",
    "dump create" },
  NOT_IN_NOVA ("host_power_action"),
  NOT_IN_NOVA ("host_maintenance_mode"),
  NOT_IN_NOVA ("set_host_enabled"),
  NOT_IN_NOVA ("power_update_event"),

  /* ---- consoles and statistics ---- */
  { "get_console_output", NULL, ARGUMENTS (INSTANCE, NUMBER ("lines")), "server", "log", NULL,
    "log" },
  { "get_vnc_console", NULL, ARGUMENTS (INSTANCE), "server", "url", "type=vnc" },
  { "get_spice_console", NULL, ARGUMENTS (INSTANCE), "server", "url", "type=spice" },
  { "get_serial_console", NULL, ARGUMENTS (INSTANCE), "server", "url", "type=serial" },
  { "screenshot", NULL, ARGUMENTS (INSTANCE, { "file", CALL_TEXT, CALL_NEEDED, NULL }), "server",
    "screenshot" },
  NOT_IN_NOVA ("get_mks_console"),
  { "get_diagnostics", NULL, ARGUMENTS (INSTANCE), "server", "show", "diagnostics",
    "diagnostics/flat" },
  { "get_instance_diagnostics", NULL, ARGUMENTS (INSTANCE), "server", "show", "diagnostics",
    "diagnostics" },
  { "block_stats", NULL, ARGUMENTS (INSTANCE, { "disk_id", CALL_TEXT, CALL_NEEDED, NULL }),
    .own = call_block_stats },
  { "get_all_volume_usage", NULL, NULL, "host", "usage", "volumes", "volumes" },
  { "get_host_cpu_stats", NULL, NULL, "host", "usage", NULL, "cpu_stats" },
  { "get_host_uptime", NULL, NULL, "host", "usage", NULL, "uptime" },
  LATER ("get_host_ip_addr"),

  /* ---- volumes ---- */
  { "attach_volume", NULL, ARGUMENTS (INSTANCE, ITEM ("volume"), TEXT_AS ("mountpoint", "device")),
    "server", "add volume" },
  { "detach_volume", NULL, ARGUMENTS (INSTANCE, WORD ("volume")), "server", "remove volume" },
  { "swap_volume", NULL, ARGUMENTS (INSTANCE, WORD ("old_volume"), WORD ("new_volume")), "server",
    "swap volume" },
  { "extend_volume", NULL, ARGUMENTS (INSTANCE, WORD ("volume"), NUMBER ("size")), "server",
    "extend volume", NULL, "bytes" },
  { "volume_snapshot_create", NULL, ARGUMENTS (INSTANCE, WORD ("volume"), WORD ("new_file")),
    "server", "snapshot volume" },
  { "volume_snapshot_delete", NULL,
    ARGUMENTS (INSTANCE, WORD ("volume"), TEXT ("overlay"), BOOL ("pull"), TEXT ("base")), "server",
    "unsnapshot volume" },
  { "change_live", NULL,
    ARGUMENTS (INSTANCE, { "properties", CALL_PAIRS, CALL_NEEDED, "property" }), "server", "set" },
  { .name = "get_volume_connector",
    .code = "NotSupported",
    .why = "has nothing to answer: volumes are files, block devices and what storage plugins "
           "reach" },
  { "default_root_device_name", NULL, ARGUMENTS (REQUEST), .own = call_root_device },
  { "default_device_names_for_instance", NULL, ARGUMENTS (REQUEST), "plan", NULL, NULL, "disks" },
  { "get_device_name_for_instance", NULL,
    ARGUMENTS (INSTANCE, ITEM ("volume"), TEXT_AS ("mountpoint", "device")), "server", "add volume",
    "dry-run", "device" },
  { .name = "is_supported_fs_format",
    .code = "NotSupported",
    .why = "has nothing to answer: what file systems there can be is said of the setting "
           "default_ephemeral_format" },
  LATER ("mount_share"),
  LATER ("umount_share"),

  /* ---- network interfaces ---- */
  { "attach_interface", NULL, ARGUMENTS (INSTANCE, ITEM ("vif")), "server", "add network" },
  { "detach_interface", NULL, ARGUMENTS (INSTANCE, WORD ("vif")), "server", "remove network" },
  PART_OF ("plug_vifs", "'spawn', 'power_on' and 'attach_interface'"),
  PART_OF ("unplug_vifs", "'destroy' and 'detach_interface'"),
  NOTHING ("prepare_networks_before_block_device_mapping"),
  NOTHING ("clean_networks_preparation"),
  NOTHING ("inject_network_info"),
  NOTHING ("ensure_filtering_rules_for_instance"),
  NOTHING ("unfilter_instance"),

  /* ---- images, snapshots, the guest agent ---- */
  { "snapshot", NULL,
    ARGUMENTS (INSTANCE, TEXT_AS ("image", "name"), PAIRS ("properties", "property")), "server",
    "image create" },
  PART_OF ("snapshot_end", "'snapshot', and of the command after one that died"),
  { "manage_image_cache", NULL, NULL, "image", "cache manage", NULL, "images" },
  { "cache_image", NULL, ARGUMENTS (WORD ("image")), "image", "cache fetch" },
  PART_OF ("quiesce", "'snapshot' and 'volume_snapshot_create'"),
  PART_OF ("unquiesce", "'snapshot' and 'volume_snapshot_create'"),
  { "shelve", NULL, ARGUMENTS (INSTANCE, TIMEOUT, TEXTS ("accept_loss", "accept-loss")), "server",
    "shelve" },
  { "unshelve", NULL, ARGUMENTS (INSTANCE, TEXTS ("accept_loss", "accept-loss")), "server",
    "unshelve" },
  { "set_admin_password", NULL,
    ARGUMENTS (INSTANCE, { "new_pass", CALL_SECRET, CALL_NEEDED, "password" }), "server",
    "password set" },

  /* ---- migration ---- */
  PART_OF ("migrate_disk_and_power_off", "'finish_migration' on this host"),
  { "finish_migration", NULL,
    ARGUMENTS (INSTANCE, { "flavor", CALL_TEXT, CALL_NEEDED, NULL }, TIMEOUT,
               TEXTS ("accept_loss", "accept-loss")),
    "server", "resize" },
  { "confirm_migration", NULL, ARGUMENTS (INSTANCE), "server", "resize confirm" },
  { "finish_revert_migration", NULL, ARGUMENTS (INSTANCE, TIMEOUT), "server", "resize revert" },
  { "check_instance_shared_storage_local", NULL, ARGUMENTS (INSTANCE), .own = call_shared_local },
  { "check_instance_shared_storage_remote", NULL, ARGUMENTS (FILENAME), .own = call_shared_remote },
  { "check_instance_shared_storage_cleanup", NULL, ARGUMENTS (FILENAME),
    .own = call_shared_cleanup },
  { "check_can_live_migrate_destination", NULL,
    ARGUMENTS (INSTANCE, BOOL ("block_migration"), BOOL ("disk_over_commit"), TEXT ("cpu"),
               { "migrate_data", CALL_OBJECT, 0, NULL }),
    .own = call_check_destination },
  { "cleanup_live_migration_destination_check", "check_can_live_migrate_destination_cleanup",
    ARGUMENTS (DATA), .own = call_cleanup_destination },
  { "check_can_live_migrate_source", NULL, ARGUMENTS (INSTANCE, DATA), .own = call_check_source },
  { .name = "check_source_migrate_data_at_dest",
    .code = "NotSupported",
    .why = "has nothing to do: no guest here has a mediated device" },
  { .name = "post_claim_migrate_data",
    .code = "NotSupported",
    .why = "has nothing to do: pins of the destination are in its own document, `xml` of "
           "migrate_data" },
  { "pre_live_migration", NULL, ARGUMENTS (INSTANCE, DATA), .own = call_pre_live },
  { "live_migration", NULL, ARGUMENTS (INSTANCE, { "dest", CALL_TEXT, CALL_NEEDED, NULL }, DATA),
    .own = call_live_migration },
  { "live_migration_force_complete", NULL, ARGUMENTS (INSTANCE), .own = call_live_force },
  { "live_migration_abort", NULL, ARGUMENTS (INSTANCE), .own = call_live_abort },
  { "post_live_migration", NULL, ARGUMENTS (INSTANCE), .own = call_post_live },
  { "post_live_migration_at_source", NULL, ARGUMENTS (INSTANCE), .own = call_post_source },
  { "post_live_migration_at_destination", NULL, ARGUMENTS (INSTANCE, DATA),
    .own = call_post_destination },
  { "rollback_live_migration_at_source", NULL, ARGUMENTS (INSTANCE), .own = call_rollback_source },
  { "rollback_live_migration_at_destination", NULL, ARGUMENTS (INSTANCE, DATA),
    .own = call_rollback_destination },
  { "get_instance_disk_info", NULL, ARGUMENTS (INSTANCE), "server", "show", NULL, "disks" },

  /* ---- inventory and the service ---- */
  { "list_instances", NULL, NULL, .own = call_list_instances },
  { "list_instance_uuids", NULL, NULL, .own = call_list_uuids },
  { "get_num_instances", NULL, NULL, .own = call_count_instances },
  { "instance_exists", NULL, ARGUMENTS (INSTANCE), .own = call_instance_exists },
  { "get_info", NULL, ARGUMENTS (INSTANCE), .own = call_get_info },
  PART_OF ("get_guest_owner", "'spawn'"),
  { "get_available_resource", NULL, NULL, "host", "usage" },
  { .name = "update_provider_tree",
    .code = "NotSupported",
    .why = "is no call: there is no placement service here; 'get_available_resource' and "
           "'capabilities_as_traits' answer what there is" },
  { "capabilities_as_traits", NULL, NULL, "host", "usage", NULL, "traits" },
  { "init_host", NULL, NULL, .own = call_init_host },
  NOTHING ("cleanup_host"),
  { "process_instances_at_startup", NULL, NULL, "state", "check" },
  { "get_available_nodes", NULL, NULL, .own = call_nodes },
  { .name = "get_nodenames_by_uuid",
    .code = "NotSupported",
    .why = "has nothing to answer: a host has one node, which 'get_available_nodes' names" },
  { "node_is_available", NULL, ARGUMENTS (WORD ("nodename")), .own = call_node_is_there },
  { "is_node_deleted", NULL, ARGUMENTS (WORD ("nodename")), .own = call_node_is_deleted },
  PART_OF ("get_instance_driver_metadata", "'spawn', which writes a domain's metadata"),
  { .name = "register_event_listener",
    .code = "NotSupported",
    .why = "is no call that ends: virtloom host watch follows events" },
  { .name = "listen",
    .code = "NotSupported",
    .why = "is no call that ends: virtloom host watch follows events" },
  PART_OF ("emit_event", "every call that something happens in, which features are told"),
  { .name = "network_binding_host_id",
    .code = "NotSupported",
    .why = "has nothing to answer: it is about ports of Neutron's" },
  { "manages_network_binding_host_id", NULL, NULL, .own = call_no },
  NOTHING ("patch_tpool_proxy"),

  /* ---- secrets of the hypervisor ---- */
  PART_OF ("put", "'spawn', where a guest needs a secret"),
  PART_OF ("has", "'spawn', where a guest needs a secret"),
  PART_OF ("drop", "'destroy'"),
};

const struct call_method *
call_method_at (size_t i)
{
  return i < sizeof methods / sizeof methods[0] ? &methods[i] : NULL;
}
