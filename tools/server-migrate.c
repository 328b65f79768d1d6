/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * virtloom server migrate, server migration, and migration serve, which the other host runs. */

#include <config.h>

#include "server.h"

#include <signal.h>
#include <unistd.h>

static const struct column columns[] = {
  { "server", "Server" }, { "uuid", "UUID" },   { "kind", "Kind" },   { "host", "To host" },
  { "status", "Status" }, { "begun", "Begun" }, { "fault", "Fault" }, { NULL, NULL },
};

int
server_migrate (struct tool *tool)
{
  const char *host = args_value (tool->args, "host");
  const struct vl_change *changes = NULL;
  uint32_t seconds;
  size_t n = 0;
  int result;

  if (host == NULL)
    return vl_refuse (tool->call, VL_ERR_USAGE, NULL,
                      "it is what migration_transport in virtloom.conf reaches it by",
                      "'server migrate' needs --host NAME");
  if (server_seconds (tool, DEFAULT_STOP, &seconds) < 0)
    return -1;
  result = vl_server_migrate (tool->app, tool->args->words[0], host,
                              args_has (tool->args, "dry-run") ? VL_MIGRATE_DRY_RUN : 0, seconds,
                              &changes, &n);
  server_show_changes (tool, changes, n);
  return result;
}

static int
add (void *opaque, const struct vl_migration_info *migration)
{
  json_t *object = json_object ();

  json_put (object, "server", migration->server);
  json_put (object, "uuid", migration->uuid);
  json_put (object, "kind", migration->kind);
  json_put (object, "host", migration->host);
  json_put (object, "status", migration->status);
  json_put (object, "begun", migration->begun);
  json_put (object, "fault", migration->fault);
  json_array_append_new (opaque, object);
  return 0;
}

int
server_migration_list (struct tool *tool)
{
  json_t *list = json_array ();

  if (vl_migration_each (tool->app, add, list) < 0) {
    json_decref (list);
    return -1;
  }
  tool_list (tool, "migrations", list, columns);
  return 0;
}

int
server_migration_abort (struct tool *tool)
{
  return vl_live_migration_abort (tool->app, tool->args->words[0]);
}

int
server_migration_force_complete (struct tool *tool)
{
  return vl_live_migration_force_complete (tool->app, tool->args->words[0]);
}

/* What is said goes to the other host, which tells it. */
static int
migration_serve (struct tool *tool)
{
  signal (SIGPIPE, SIG_IGN);
  tool->printed = 1;
  return vl_migration_serve (tool->app, STDIN_FILENO, STDOUT_FILENO);
}

static const struct verb verbs[] = {
  { "serve", NULL, 0, 0, NULL, "table",
    "answers another host on stdin and stdout, of which servers move to this one",
    "virtloom migration serve", VERB_ENDLESS, migration_serve },
  { .run = NULL },
};

const struct noun migration_noun = { "migration", "the other end of 'server migrate'", verbs };
