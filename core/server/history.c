/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What was done to servers and what happened to them: one row for each, written in the
 * transaction that writes the act itself down, and ended in the one that ends it.  It stays
 * when the server is gone. */

#include <config.h>

#include "lib/file.h"
#include "server/states.h"
#include "server/undo.h"

#include <virtloom/virtloom.h>

#include <pwd.h>

/* Rows that are kept of a server, of what was done to it and of what it did by itself, which
 * cannot push the former out; of all servers together that are gone. */
#define KEPT "100"
#define KEPT_GONE "10000"

static const char *
name_of (struct vl_call *call, uid_t uid)
{
  struct passwd entry, *found = NULL;
  char buffer[4096];

  return getpwuid_r (uid, &entry, buffer, sizeof buffer, &found) == 0 && found
             ? vl_printf (call, "%s", entry.pw_name)
             : vl_printf (call, "uid %u", (unsigned)uid);
}

/* The user that this process runs as, and who logged in, as the kernel knows it: the
 * environment may say anything. */
static const char *
user_name (struct vl_call *call)
{
  const char *why;
  VL_AUTOFREE char *text = vl_file_read ("/proc/self/loginuid", 32, NULL, &why);
  unsigned long login = text ? strtoul (text, NULL, 10) : (uid_t)-1;
  const char *name = name_of (call, geteuid ());

  return login == (uid_t)-1 || login == geteuid ()
             ? name
             : vl_printf (call, "%s (logged in as %s)", name, name_of (call, (uid_t)login));
}

/* Makes room for one more row of SERVER, which SEEN says was not done by anybody. */
static int
trim (struct vl_store *store, const char *server, int seen)
{
  return vl_db_run (store,
                    "DELETE FROM action WHERE server = ?1 AND (user IS NULL) = ?2 AND n <= (SELECT "
                    "n FROM action WHERE server = ?1 AND (user IS NULL) = ?2 ORDER BY n DESC "
                    "LIMIT 1 OFFSET " KEPT " - 1)",
                    "si", server, (int64_t)seen)
                     < 0
                 || vl_db_run (store,
                               "DELETE FROM action WHERE n <= (SELECT max (n) FROM action) "
                               "- " KEPT_GONE " AND server NOT IN (SELECT uuid FROM server)",
                               "")
                        < 0
             ? -1
             : 0;
}

static int
add (struct vl_store *store, const char *server, const char *action, const char *user,
     const char *result, const char *reason)
{
  const char *now = vl_now_text (store->call);

  return trim (store, server, user == NULL) < 0
             ? -1
             : vl_db_run (store,
                          "INSERT INTO action (server, name, action, user, at, ended, result, "
                          "reason) SELECT uuid, name, ?2, ?3, ?4, ?5, ?6, ?7 FROM server "
                          "WHERE uuid = ?1",
                          "sssssss", server, action, user, now, user ? NULL : now, result, reason);
}

int
vl_history_begin (struct vl_store *store, const char *server, const char *action)
{
  return add (store, server, action, user_name (store->call), "running", NULL);
}

int
vl_history_happened (struct vl_store *store, const char *server, const char *what,
                     const char *reason)
{
  return add (store, server, what, NULL, "seen", reason);
}

int
vl_history_end (struct vl_store *store, const char *server, const char *result, const char *reason)
{
  return vl_db_run (store,
                    "UPDATE action SET result = ?2, reason = ?3, ended = ?4 "
                    "WHERE server = ?1 AND result = 'running'",
                    "ssss", server, result, reason, vl_now_text (store->call));
}

int
vl_server_history (struct vl_app *app, const char *server, const struct vl_action_info **list,
                   size_t *n)
{
  struct vl_action_info *actions = NULL;
  struct vl_store *store;

  *list = NULL;
  *n = 0;
  if (vl_app_store_if_any (app, &store) < 0)
    return -1;
  if (store)
    vl_recover (app, store);
  if (store
      && vl_db_rows (store, &actions, n,
                     "SELECT at, ended, action, user, result, reason, n FROM action WHERE server = "
                     "coalesce ((SELECT uuid FROM server WHERE name = ?1 OR uuid = lower (?1)), "
                     "(SELECT server FROM action WHERE name = ?1 OR server = lower (?1) "
                     "ORDER BY n DESC LIMIT 1)) ORDER BY n DESC",
                     "s", server)
             < 0)
    return -1;
  for (size_t i = 0; i < *n; i++)
    if (actions[i].user)
      actions[i].action = vl_operation_verb (actions[i].action);
  *list = actions;
  /* A server of an earlier schema has none. */
  return *n || vl_record_find (app, server) ? 0 : -1;
}
