/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * virtloom server export and import: records of servers, from host to host. */

#include <config.h>

#include "server.h"

#include <stdlib.h>
#include <string.h>

/* One more than the library takes, so that it is the one that refuses. */
#define RECORD_LIMIT (((size_t)4 << 20) + 1)

int
server_export (struct tool *tool)
{
  const char *folder = args_value (tool->args, "out"), *text;
  const char *const *servers = server_names (tool);
  int bad = servers == NULL ? -1 : 0;

  if (servers && folder == NULL && (servers[0] == NULL || servers[1]))
    bad = vl_refuse (tool->call, VL_ERR_USAGE, NULL,
                     "a file for each server: virtloom server export --all --out DIR",
                     "'server export' prints the record of one server");
  else
    for (size_t i = 0; servers && servers[i]; i++)
      bad |= vl_server_export (tool->app, servers[i], folder, &text);
  free ((void *)servers);
  if (bad || folder)
    return bad;
  if (tool->json)
    json_object_set_new (tool->data, "record", json_loads (text, 0, NULL));
  else
    printf ("%s\n", text);
  return 0;
}

int
server_import (struct tool *tool)
{
  const char *path = tool->args->words[0];
  const struct vl_change *changes = NULL;
  size_t length, n = 0;
  char *text = tool_read (tool, path, RECORD_LIMIT, &length);
  unsigned flags = (args_has (tool->args, "dry-run") ? VL_IMPORT_DRY_RUN : 0)
                   | (args_has (tool->args, "replace") ? VL_IMPORT_REPLACE : 0)
                   | (args_has (tool->args, "fenced") ? VL_IMPORT_FENCED : 0);
  int result;

  if (text == NULL)
    return -1;
  result = vl_server_import (tool->app, text, length, strcmp (path, "-") ? path : "stdin", flags,
                             &changes, &n);
  free (text);
  server_show_changes (tool, changes, n);
  return result;
}
