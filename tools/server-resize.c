/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * virtloom server resize: another flavor for a guest, until it is confirmed or taken back. */

#include <config.h>

#include "server.h"

int
server_resize (struct tool *tool)
{
  const char *flavor = args_value (tool->args, "flavor");
  uint32_t seconds;

  if (flavor == NULL)
    return vl_refuse (tool->call, VL_ERR_USAGE, NULL,
                      "virtloom flavor list; a resize that is done is ended by 'server resize "
                      "confirm' or 'server resize revert'",
                      "'server resize' needs --flavor NAME");
  if (server_seconds (tool, DEFAULT_STOP, &seconds) < 0)
    return -1;
  return vl_server_resize (tool->app, tool->args->words[0], flavor, seconds,
                           args_list (tool->args, "accept-loss"));
}

int
server_resize_confirm (struct tool *tool)
{
  return vl_server_resize_end (tool->app, tool->args->words[0], 0, 0);
}

int
server_resize_revert (struct tool *tool)
{
  uint32_t seconds;

  if (server_seconds (tool, DEFAULT_STOP, &seconds) < 0)
    return -1;
  return vl_server_resize_end (tool->app, tool->args->words[0], 1, seconds);
}
