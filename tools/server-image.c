/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * virtloom server image create: an image of a server's root disk. */

#include <config.h>

#include "server.h"

#include <stdlib.h>

int
server_image_create (struct tool *tool)
{
  const char *server = tool->args->words[0];
  struct vl_image_info image = { .name = args_value (tool->args, "name") };
  struct vl_property *properties;
  int bad = args_properties (tool, "property", &properties, &image.n_properties);

  image.properties = properties;
  if (image.name == NULL)
    image.name = server;
  if (! bad && (bad = vl_server_snapshot (tool->app, server, &image)) == 0)
    bad = image_show_one (tool, image.name);
  free (properties);
  return bad ? -1 : 0;
}
