/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Server records: loading them, what they show together with the driver's
 * word. */

#include <config.h>

#include "server/record.h"

#include "lib/file.h"
#include "request/request.h"
#include "server/method.h"
#include "server/records.h"
#include "server/undo.h"

#include <errno.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

int
vl_domain_is_ours (const char *uuid, const char *domain)
{
  char name[16];

  vl_domain_name (uuid, name);
  return VL_STREQ (name, domain);
}

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
  return vl_db_row (
      store, record,
      "SELECT uuid, name, domain, status, flavor, image, image_uuid, driver, created, "
      "fault, request, coalesce ((SELECT xml FROM document WHERE server = uuid "
      "AND role = 'current'), xml), properties, locked, description, loader FROM server "
      "WHERE name = ?1 OR uuid = lower (?1) ORDER BY name = ?1 DESC",
      "s", server);
}

/* May the driver that was named act on what RECORD is of?  Else that is refused. */
static int
may_act (struct vl_app *app, const struct vl_record *record)
{
  const char *named = app->options.driver;

  if (named == NULL || VL_STREQ (named, "auto") || VL_STREQ (named, record->driver))
    return 1;
  vl_refuse_as (app->call, VL_ERR_REQUEST, "OtherDriver", NULL,
                "leave out --driver: each server keeps the driver that made it",
                "server \"%s\" is of driver %s, not of %s", record->name, record->driver, named);
  return 0;
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
  if (got == 1 && ! may_act (app, record))
    return NULL;
  return got == 1 ? record : NULL;
}

int
vl_record_accepts (struct vl_call *call, const struct vl_record *record, const char *status,
                   const char *word)
{
  const struct vl_operation *operation = vl_operation_find (word);

  if (operation == NULL)
    return vl_fault (call, "there is no operation \"%s\"", word);
  if (vl_operation_is_for (operation, status))
    return 0;
  return vl_refuse_as (call, VL_ERR_REQUEST, "InstanceInvalidState", NULL,
                       vl_status_way_out (call, status, vl_name_word (call->arena, record->name)),
                       "server \"%s\" is %s; %s is for servers that are %s", record->name, status,
                       vl_operation_verb (word), operation->from);
}

int
vl_server_take (struct vl_app *app, const char *server, unsigned wait, struct vl_record *record,
                struct vl_plugin **driver, struct vl_lock *lock)
{
  const struct vl_record *found = vl_record_find (app, server);
  int got;

  if (found == NULL)
    return -1;
  vl_recover (app, app->store);
  if (driver) {
    *driver = vl_app_driver_named (app, found->driver);
    if (*driver == NULL || vl_app_conn (app, *driver) == NULL)
      return -1;
  }
  got = vl_lock_take (app, "servers", found->uuid, wait, lock);
  /* Whoever had the lock before may have died meanwhile. */
  if (got != 0 || vl_undo_mend (app, app->store, found->uuid) < 0)
    return got > 0 ? 1 : -1;
  got = vl_record_load (app->store, found->uuid, record);
  if (got == 0)
    vl_refuse_as (app->call, VL_ERR_NOT_FOUND, "InstanceNotFound", NULL, "virtloom server list",
                  "server \"%s\" was deleted meanwhile", server);
  return got == 1 ? 0 : -1;
}

int
vl_server_look (struct vl_app *app, struct vl_plugin *driver, const char *uuid,
                struct vl_info *info)
{
  int known = VL_CALL (app, driver, inventory, instance_exists, uuid);

  *info = (struct vl_info) { .size = sizeof *info, .state = VL_STATE_NONE };
  if (known < 0 || (known && VL_CALL (app, driver, inventory, get_info, uuid, info) < 0))
    return -1;
  return 0;
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
vl_guest_reason (struct vl_app *app, const char *uuid, const struct vl_info *info)
{
  struct vl_call *call = app->call;
  const char *log = vl_printf (call, "%s/run/console.log", vl_server_dir (app, uuid));
  const char *how = info->state == VL_STATE_CRASHED ? "its process ended" : "by itself";
  struct stat st;

  if (info->reason)
    return info->reason;
  if (info->state != VL_STATE_CRASHED && info->state != VL_STATE_SHUTDOWN)
    return NULL;
  if (lstat (log, &st) < 0)
    return how;
  return vl_printf (call, "%s; it last wrote to its console at %s", how,
                    vl_time_text (call, st.st_mtime));
}

int
vl_record_spawn_off (struct vl_app *app, const struct vl_record *record, const struct vl_doc *doc,
                     struct vl_spawn *spawn)
{
  *spawn = (struct vl_spawn) { .size = sizeof *spawn,
                               .uuid = record->uuid,
                               .domain = record->domain,
                               .run_dir = vl_server_run_dir (app, record->uuid),
                               .doc = doc,
                               .loader = record->loader };
  return spawn->run_dir ? 0 : -1;
}

int
vl_record_spawn (struct vl_app *app, const struct vl_record *record, const struct vl_doc *doc,
                 struct vl_spawn *spawn)
{
  if (vl_records_judge_owner (app, record) < 0 || vl_record_spawn_off (app, record, doc, spawn) < 0)
    return -1;
  spawn->power_on = 1;
  return vl_server_files_judge (app, record, vl_doc_xml (doc), &spawn->files);
}

const char *
vl_record_given (struct vl_call *call, const char *password, const struct vl_guest_file *files,
                 size_t n)
{
  VL_AUTOSTR struct vl_str text = { 0 };

  if (password)
    vl_str_add (&text, VL_GIVEN_PASSWORD "\n");
  for (size_t i = 0; i < n; i++)
    vl_str_printf (&text, "%s\n", files[i].path);
  return text.length ? vl_arena_strdup (call->arena, text.text) : NULL;
}

int
vl_record_loader_judge (struct vl_call *call, const struct vl_record *record, int anew)
{
  static const char *const names[] = { "loader", "template" };
  const char *name = vl_name_word (call->arena, record->name);

  if (record->loader == NULL || vl_loader_is_left (record->loader))
    return 0;
  for (int i = 0; i <= (anew != 0); i++) {
    const char *path = vl_loader_value (call, record->loader, names[i]);

    if (path && access (path, F_OK) < 0 && errno == ENOENT)
      return vl_refuse_as (
          call, VL_ERR_FAILED, "FirmwareGone", NULL,
          vl_printf (call,
                     "install it again, or let other firmware be chosen at the next start: "
                     "virtloom server unset --firmware %s",
                     name),
          "the firmware's file \"%s\", which was chosen when server \"%s\" was started first, is "
          "not there any more",
          path, record->name);
  }
  return 0;
}

const char *
vl_time_text (struct vl_call *call, time_t t)
{
  char text[VL_TIME_BYTES];

  return vl_printf (call, "%s", vl_text_time (text, t));
}

const char *
vl_now_text (struct vl_call *call)
{
  return vl_time_text (call, time (NULL));
}
