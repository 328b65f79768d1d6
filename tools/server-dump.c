/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * virtloom server dump create: an interrupt that has the guest write a crash dump, or its memory
 * in a file. */

#include <config.h>

#include "server.h"

int
server_dump_create (struct tool *tool)
{
  return vl_server_dump (tool->app, tool->args->words[0], args_value (tool->args, "file"));
}
