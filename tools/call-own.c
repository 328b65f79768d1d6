/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Methods of Nova's ComputeDriver that no verb of the command is. */

#include <config.h>

#include "call.h"

#include <stdlib.h>
#include <string.h>

static const char *
text_of (const json_t *arguments, const char *name)
{
  return json_string_value (json_object_get (arguments, name));
}

int
call_nothing (struct tool *tool, const json_t *arguments, json_t **result)
{
  (void)tool;
  (void)arguments;
  (void)result;
  return 0;
}

int
call_no (struct tool *tool, const json_t *arguments, json_t **result)
{
  (void)tool;
  (void)arguments;
  *result = json_false ();
  return 0;
}

/* ---- guests, as the hypervisor has them ---- */

static int
add_instance (void *opaque, const char *uuid, const char *domain, enum vl_state state)
{
  json_t *object = json_object ();

  json_put (object, "uuid", uuid);
  json_put (object, "domain", domain);
  json_put_int (object, "state", state);
  json_array_append_new (opaque, object);
  return 0;
}

int
call_list_instances (struct tool *tool, const json_t *arguments, json_t **result)
{
  (void)arguments;
  *result = json_array ();
  return vl_host_instances (tool->app, add_instance, *result);
}

static int
add_uuid (void *opaque, const char *uuid, const char *domain, enum vl_state state)
{
  (void)domain;
  (void)state;
  json_array_append_new (opaque, json_text (uuid));
  return 0;
}

int
call_list_uuids (struct tool *tool, const json_t *arguments, json_t **result)
{
  (void)arguments;
  *result = json_array ();
  return vl_host_instances (tool->app, add_uuid, *result);
}

int
call_count_instances (struct tool *tool, const json_t *arguments, json_t **result)
{
  json_t *list = NULL;
  int code = call_list_uuids (tool, arguments, &list);

  *result = json_integer ((json_int_t)json_array_size (list));
  json_decref (list);
  return code;
}

/* The driver opens, which is all that a service has to begin with. */
int
call_init_host (struct tool *tool, const json_t *arguments, json_t **result)
{
  json_t *list = NULL;
  int code = call_list_uuids (tool, arguments, &list);

  json_decref (list);
  *result = json_object ();
  json_put (*result, "driver", code < 0 ? NULL : vl_app_driver (tool->app));
  return code;
}

int
call_instance_exists (struct tool *tool, const json_t *arguments, json_t **result)
{
  int there = vl_instance_exists (tool->app, text_of (arguments, "instance"));

  *result = json_boolean (there > 0);
  return there < 0 ? -1 : 0;
}

/* Are all of its disks on this host there?  What is elsewhere no file says. */
int
call_instance_on_disk (struct tool *tool, const json_t *arguments, json_t **result)
{
  struct vl_server_details details;
  int there = 1;

  if (vl_server_details (tool->app, text_of (arguments, "instance"), &details) < 0)
    return -1;
  for (size_t i = 0; i < details.n_devices; i++) {
    const struct vl_device_info *device = &details.devices[i];

    if (strcmp (device->kind, "disk") == 0 && device->type && strcmp (device->type, "file") == 0)
      there &= device->allocated != NULL;
  }
  *result = json_boolean (there);
  return 0;
}

int
call_get_info (struct tool *tool, const json_t *arguments, json_t **result)
{
  struct vl_info info = { .size = sizeof info, .id = -1 };

  if (vl_instance_info (tool->app, text_of (arguments, "instance"), &info) < 0)
    return -1;
  *result = json_object ();
  json_put_int (*result, "state", info.state);
  json_object_set_new (*result, "internal_id", info.id < 0 ? json_null () : json_integer (info.id));
  json_put_int (*result, "max_mem_kb", info.max_memory);
  json_put_int (*result, "mem_kb", info.memory);
  json_put_int (*result, "num_cpu", info.vcpus);
  json_put_int (*result, "cpu_time_ns", info.cpu_time);
  json_put (*result, "reason", info.reason);
  return 0;
}

/* ---- acts ---- */

int
call_boot_instance (struct tool *tool, const json_t *arguments, json_t **result)
{
  (void)result;
  return vl_server_act (tool->app, text_of (arguments, "instance"), VL_SERVER_BOOT, 0, 0);
}

int
call_reboot (struct tool *tool, const json_t *arguments, json_t **result)
{
  const char *type = text_of (arguments, "reboot_type");
  const json_t *timeout = json_object_get (arguments, "timeout");
  const char *options[] = { NULL, NULL }, *words[] = { text_of (arguments, "instance"), NULL };

  if (type && strcmp (type, "SOFT") != 0 && strcmp (type, "HARD") != 0)
    return vl_refuse_as (tool->call, VL_ERR_REQUEST, "InvalidInput", NULL, NULL,
                         "argument 'reboot_type' of 'reboot' is '%s'; accepted: SOFT, HARD", type);
  if (type && strcmp (type, "HARD") == 0)
    options[0] = "hard";
  else if (json_is_integer (timeout))
    options[0] = vl_printf (tool->call, "timeout=%lld", (long long)json_integer_value (timeout));
  return call_verb (tool, "server", "reboot", words, options, result);
}

/* ---- figures ---- */

/* [read requests, bytes, write requests, bytes, errors], as Nova's driver answers. */
int
call_block_stats (struct tool *tool, const json_t *arguments, json_t **result)
{
  static const char *const names[] = { "read_requests", "read_bytes", "write_requests",
                                       "write_bytes", "errors_count" };
  const char *words[] = { text_of (arguments, "instance"), NULL }, *wanted;
  const char *options[] = { "diagnostics", NULL };
  json_t *data = NULL, *list, *disk;
  int code = call_verb (tool, "server", "show", words, options, &data);
  size_t i;

  wanted = text_of (arguments, "disk_id");
  list = json_object_get (json_object_get (data, "diagnostics"), "disk_details");
  json_array_foreach (
      list, i,
      disk) if (*result == NULL
                && strcmp (json_string_value (json_object_get (disk, "target")), wanted) == 0)
  {
    *result = json_array ();
    for (size_t j = 0; j < sizeof names / sizeof names[0]; j++)
      json_array_append (*result, json_object_get (disk, names[j]));
  }
  if (code == 0 && *result == NULL)
    code = vl_refuse_as (tool->call, VL_ERR_NOT_FOUND, "DiskNotFound", NULL,
                         "'get_instance_diagnostics' names all, as the guest calls them",
                         "the guest of server '%s' has no disk '%s'", words[0], wanted);
  json_decref (data);
  return code;
}

/* The only node; NULL after a finding. */
static const char *
node (struct tool *tool)
{
  struct vl_usage usage;

  if (vl_host_usage (tool->app, &usage) < 0)
    return NULL;
  return usage.resources.hypervisor_hostname ? usage.resources.hypervisor_hostname : "";
}

int
call_nodes (struct tool *tool, const json_t *arguments, json_t **result)
{
  const char *name = node (tool);

  (void)arguments;
  *result = json_array ();
  if (name && *name)
    json_array_append_new (*result, json_text (name));
  return name ? 0 : -1;
}

int
call_node_is_there (struct tool *tool, const json_t *arguments, json_t **result)
{
  const char *name = node (tool);

  *result = json_boolean (name && strcmp (name, text_of (arguments, "nodename")) == 0);
  return name ? 0 : -1;
}

int
call_node_is_deleted (struct tool *tool, const json_t *arguments, json_t **result)
{
  json_t *there = NULL;
  int code = call_node_is_there (tool, arguments, &there);

  *result = json_boolean (! json_is_true (there));
  json_decref (there);
  return code;
}

/* ---- names of disks ---- */

int
call_root_device (struct tool *tool, const json_t *arguments, json_t **result)
{
  const struct call_method *method;
  json_t *disks = NULL, *first;
  int code = -1;

  for (size_t i = 0; (method = call_method_at (i)); i++)
    if (strcmp (method->name, "default_device_names_for_instance") == 0)
      code = call_do (tool, method, arguments, &disks);
  first = json_array_get (disks, 0);
  *result = json_incref (json_object_get (first, "target"));
  json_decref (disks);
  return code;
}
