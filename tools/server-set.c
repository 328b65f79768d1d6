/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * virtloom server set, unset, lock, unlock: what is changed on a server's record. */

#include <config.h>

#include "server.h"

#include <stdlib.h>
#include <string.h>

/* Changes the server that is named, and shows it. */
static int
change (struct tool *tool, const struct vl_server_change *what)
{
  const char *server = tool->args->words[0];

  if (vl_server_change (tool->app, server, what) < 0)
    return -1;
  return server_show_one (tool, what->name ? what->name : server, 0);
}

int
server_set (struct tool *tool)
{
  struct vl_server_change what = { .name = args_value (tool->args, "name"),
                                   .description = args_value (tool->args, "description"),
                                   .status = args_value (tool->args, "status") };
  struct vl_property *properties;
  int bad = args_properties (tool, "property", &properties, &what.n_set);

  what.set = properties;
  if (! bad && ! what.name && ! what.description && ! what.status && what.n_set == 0)
    bad = vl_refuse (tool->call, VL_ERR_USAGE, NULL, NULL,
                     "'server set' needs --name, --description, --property or --status");
  if (! bad)
    bad = change (tool, &what);
  free (properties);
  return bad ? -1 : 0;
}

int
server_unset (struct tool *tool)
{
  const char *const *keys = args_list (tool->args, "property");
  struct vl_server_change what = { .unset = *keys ? keys : NULL,
                                   .choose_loader = args_has (tool->args, "firmware") };

  if (*keys == NULL && ! what.choose_loader)
    return vl_refuse (tool->call, VL_ERR_USAGE, NULL, NULL,
                      "'server unset' needs --property KEY or --firmware");
  return change (tool, &what);
}

int
server_lock (struct tool *tool)
{
  const char *const *names = server_names (tool);
  int bad = names == NULL;

  for (size_t i = 0; names && names[i]; i++)
    bad |= vl_server_lock (tool->app, names[i], args_value (tool->args, "reason"));
  free ((void *)names);
  return bad ? -1 : 0;
}

int
server_unlock (struct tool *tool)
{
  const char *const *names = server_names (tool);
  int bad = names == NULL;

  for (size_t i = 0; names && names[i]; i++)
    bad |= vl_server_unlock (tool->app, names[i]);
  free ((void *)names);
  return bad ? -1 : 0;
}
