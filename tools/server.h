/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the files of `virtloom server` share. */

#ifndef VL_TOOL_SERVER_H
#define VL_TOOL_SERVER_H

#include "tool.h"

/* server-create.c */
int server_create (struct tool *tool);

/* Shows SERVER, a name or uuid, whole: with its document for -o json. */
int server_show_one (struct tool *tool, const char *server, int whole);
/* server.c: what every list has of SERVER. */
json_t *server_json (const struct vl_server_info *server);
/* server-show.c */
int server_show (struct tool *tool);
int server_event_list (struct tool *tool);

#endif
