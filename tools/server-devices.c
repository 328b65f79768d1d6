/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * virtloom server add, extend, swap and remove: disks and interfaces of a guest that is there. */

#include <config.h>

#include "server.h"

/* Says what the new device is called. */
static int
add (struct tool *tool, enum vl_device_kind kind, const char *name)
{
  const char *const *words = tool->args->words;
  const char *id = NULL;

  if (vl_server_attach (tool->app, words[0], kind, words[1], name, &id) < 0)
    return -1;
  json_put (tool->data, "id", id);
  if (! tool->json)
    printf ("%s\n", id);
  return 0;
}

/* Says what it would be called. */
static int
tell_name (struct tool *tool)
{
  const char *const *words = tool->args->words;
  const char *device;

  if (vl_server_device_name (tool->app, words[0], words[1], args_value (tool->args, "device"),
                             &device)
      < 0)
    return -1;
  json_put (tool->data, "device", device);
  if (! tool->json)
    printf ("%s\n", device);
  return 0;
}

int
server_add_volume (struct tool *tool)
{
  if (args_has (tool->args, "dry-run"))
    return tell_name (tool);
  return add (tool, VL_DEVICE_VOLUME, args_value (tool->args, "device"));
}

int
server_add_network (struct tool *tool)
{
  return add (tool, VL_DEVICE_INTERFACE, NULL);
}

int
server_remove_volume (struct tool *tool)
{
  return vl_server_detach (tool->app, tool->args->words[0], VL_DEVICE_VOLUME, tool->args->words[1]);
}

int
server_extend_volume (struct tool *tool)
{
  const char *const *words = tool->args->words;
  int64_t gib, bytes;

  if (args_number (tool, "size", 0, &gib) < 0
      || vl_server_extend (tool->app, words[0], words[1], gib << 30, &bytes) < 0)
    return -1;
  json_object_set_new (tool->data, "bytes", json_integer (bytes));
  if (! tool->json)
    printf ("%lld\n", (long long)bytes);
  return 0;
}

int
server_swap_volume (struct tool *tool)
{
  const char *const *words = tool->args->words;

  return vl_server_swap (tool->app, words[0], words[1], words[2]);
}

int
server_snapshot_volume (struct tool *tool)
{
  const char *const *words = tool->args->words;

  return vl_server_volume_snapshot (tool->app, words[0], words[1], words[2]);
}

int
server_unsnapshot_volume (struct tool *tool)
{
  const char *server = tool->args->words[0], *volume = tool->args->words[1];
  const char *overlay = args_value (tool->args, "overlay"), *base = args_value (tool->args, "base");

  if (overlay && args_has (tool->args, "pull"))
    return vl_refuse (tool->call, VL_ERR_USAGE, NULL,
                      "--overlay: that one into the file below; --pull: the files below into the "
                      "first one",
                      "--overlay and --pull exclude each other");
  if (base && ! args_has (tool->args, "pull"))
    return vl_refuse (tool->call, VL_ERR_USAGE, NULL,
                      "--pull --base PATH copies what lies over that file", "--base is for --pull");
  return args_has (tool->args, "pull")
             ? vl_server_volume_pull (tool->app, server, volume, base)
             : vl_server_volume_unsnapshot (tool->app, server, volume, overlay);
}

int
server_remove_network (struct tool *tool)
{
  return vl_server_detach (tool->app, tool->args->words[0], VL_DEVICE_INTERFACE,
                           tool->args->words[1]);
}
