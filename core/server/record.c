/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Server records: loading them, what they show together with the driver's
 * word. */

#include <config.h>

#include "server/record.h"

#include "lib/file.h"
#include "server/method.h"
#include "server/properties.h"

#include <errno.h>
#include <sys/stat.h>
#include <time.h>

const char *
vl_server_dir (struct vl_app *app, const char *uuid)
{
  const char *state = vl_app_state_dir (app);

  return state ? vl_printf (app->call, "%s/servers/%s", state, uuid) : NULL;
}

const char *
vl_server_run_dir (struct vl_app *app, const char *uuid)
{
  const char *folder = vl_printf (app->call, "%s/run", vl_server_dir (app, uuid));

  if (mkdir (folder, 0700) == 0 || errno == EEXIST)
    return folder;
  vl_file_failed (app->call, "cannot make", folder, errno);
  return NULL;
}

int
vl_record_load (struct vl_store *store, const char *server, struct vl_record *record)
{
  VL_AUTOQUERY sqlite3_stmt *stmt =
      vl_db_query (store,
                   "SELECT uuid, name, domain, status, flavor, image, image_uuid, driver, created, "
                   "fault, request, coalesce ((SELECT xml FROM document WHERE server = uuid "
                   "AND role = 'current'), xml), properties FROM server "
                   "WHERE name = ?1 OR uuid = lower (?1) ORDER BY name = ?1 DESC",
                   "s", server);
  const char **members[] = { &record->uuid,       &record->name,    &record->domain,
                             &record->status,     &record->flavor,  &record->image,
                             &record->image_uuid, &record->driver,  &record->created,
                             &record->fault,      &record->request, &record->xml,
                             &record->properties };
  int got = vl_db_step (store, stmt);

  for (size_t i = 0; got == 1 && i < sizeof members / sizeof members[0]; i++)
    *members[i] = vl_db_keep (store, stmt, (int)i);
  return got;
}

const struct vl_record *
vl_record_find (struct vl_app *app, const char *server)
{
  struct vl_record *record = vl_arena_alloc (app->call->arena, sizeof *record);
  struct vl_store *store;
  int got = 0;

  if (vl_app_store_if_any (app, &store) < 0)
    return NULL;
  if (store)
    got = vl_record_load (store, server, record);
  if (got == 0)
    vl_not_found (app->call, store, &vl_noun_server, server);
  return got == 1 ? record : NULL;
}

int
vl_record_set_status (struct vl_store *store, const char *uuid, const char *status,
                      const char *fault)
{
  return vl_db_run (store, "UPDATE server SET status = ?, fault = ? WHERE uuid = ?", "sss", status,
                    fault, uuid);
}

const char *
vl_fault_text (struct vl_call *call, size_t first)
{
  VL_AUTOSTR struct vl_str text = { NULL, 0, 0 };

  for (size_t i = first; i < call->findings.n; i++)
    if (call->findings.items[i].severity == VL_SEV_ERROR)
      vl_str_printf (&text, "%s%s: %s", text.length ? "; " : "", call->findings.items[i].code,
                     call->findings.items[i].message);
  return vl_arena_strdup (call->arena, text.text);
}

const char *
vl_status_of (const char *recorded, enum vl_state state, int known)
{
  static const char *const passing[] = { "BUILD", "DELETING", "ERROR" };

  for (size_t i = 0; i < sizeof passing / sizeof passing[0]; i++)
    if (VL_STREQ (recorded, passing[i]))
      return recorded;
  if (! known)
    return recorded;
  switch (state) {
  case VL_STATE_RUNNING:
    return "ACTIVE";
  case VL_STATE_PAUSED:
    return "PAUSED";
  case VL_STATE_SUSPENDED:
    return "SUSPENDED";
  case VL_STATE_SHUTDOWN:
  case VL_STATE_CRASHED:
    /* To the hypervisor, a guest that was saved to disk is off. */
    return VL_STREQ (recorded, "SUSPENDED") ? recorded : "SHUTOFF";
  case VL_STATE_NONE:
    break;
  }
  return "ERROR";
}

const char *
vl_power_state_name (enum vl_state state)
{
  switch (state) {
  case VL_STATE_RUNNING:
    return "RUNNING";
  case VL_STATE_PAUSED:
    return "PAUSED";
  case VL_STATE_SHUTDOWN:
    return "SHUTDOWN";
  case VL_STATE_CRASHED:
    return "CRASHED";
  case VL_STATE_SUSPENDED:
    return "SUSPENDED";
  case VL_STATE_NONE:
    break;
  }
  return "NOSTATE";
}

const char *
vl_now_text (struct vl_call *call)
{
  char now[32];
  time_t t = time (NULL);
  struct tm tm;

  strftime (now, sizeof now, "%Y-%m-%dT%H:%M:%SZ", gmtime_r (&t, &tm));
  return vl_printf (call, "%s", now);
}
