/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * virtloom server rescue, unrescue, rebuild, shelve, unshelve: a guest from a disk of another image,
 * for a while or for good. */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "server.h"

/* Has RUN do it with what the command line says. */
static int
with_options (struct tool *tool,
              int (*run) (struct vl_app *, const char *, const struct vl_rebuild_options *))
{
  struct vl_rebuild_options options = { .image = args_value (tool->args, "image"),
                                        .accept_loss = args_list (tool->args, "accept-loss"),
                                        .user_data = args_value (tool->args, "user-data"),
                                        .metadata = args_list (tool->args, "metadata"),
                                        .properties = args_list (tool->args, "property") };
  struct server_gifts gifts = { 0 };
  int result = -1;

  if (server_seconds (tool, DEFAULT_STOP, &options.timeout) == 0
      && server_gifts_read (tool, &gifts) == 0) {
    options.password = gifts.password;
    options.files = gifts.files;
    options.n_files = gifts.n;
    result = run (tool->app, tool->args->words[0], &options);
  }
  server_gifts_free (&gifts);
  return result;
}

int
server_rescue (struct tool *tool)
{
  return with_options (tool, vl_server_rescue);
}

int
server_unrescue (struct tool *tool)
{
  return vl_server_unrescue (tool->app, tool->args->words[0]);
}

int
server_shelve (struct tool *tool)
{
  uint32_t seconds;

  if (server_seconds (tool, DEFAULT_STOP, &seconds) < 0)
    return -1;
  return vl_server_shelve (tool->app, tool->args->words[0], seconds,
                           args_list (tool->args, "accept-loss"));
}

int
server_unshelve (struct tool *tool)
{
  return vl_server_unshelve (tool->app, tool->args->words[0],
                             args_list (tool->args, "accept-loss"));
}

int
server_rebuild (struct tool *tool)
{
  return with_options (tool, vl_server_rebuild);
}
