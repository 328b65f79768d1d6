/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Methods of Nova's ComputeDriver about a guest that goes to another host while it runs.  What the
 * hosts know of it, migrate_data, is an object that one call answers and the next one takes. */

#include <config.h>

#include "call.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* Its members, each one of struct vl_migrate_data. */
enum kind { A_TEXT, A_FLAG, A_SIZE, A_LIST };
static const struct member {
  const char *name;
  enum kind kind;
  size_t at;
} members[] = {
#define MEMBER(kind_, name_)                                                                       \
  {                                                                                                \
#name_, kind_, offsetof(struct vl_migrate_data, name_)                                         \
  }
  MEMBER (A_TEXT, uuid),
  MEMBER (A_TEXT, domain),
  MEMBER (A_TEXT, filename),
  MEMBER (A_TEXT, cpu),
  MEMBER (A_TEXT, inbound_addr),
  MEMBER (A_TEXT, xml),
  MEMBER (A_FLAG, block_migration),
  MEMBER (A_FLAG, disk_over_commit),
  MEMBER (A_FLAG, is_shared_instance_path),
  MEMBER (A_FLAG, is_shared_block_storage),
  MEMBER (A_SIZE, disk_available_mb),
  MEMBER (A_LIST, migrate_disks),
};
#define N_MEMBERS (sizeof members / sizeof members[0])
#define AT(data, member, type) ((type *)(void *)((char *)(data) + (member)->at))

static const char *const accepted[] = {
  [A_TEXT] = "a text",
  [A_FLAG] = "true or false",
  [A_SIZE] = "a whole number",
  [A_LIST] = "an array of texts",
};

/* ---- from JSON ---- */

static int
is_list (const json_t *value)
{
  const json_t *item;
  size_t i;

  json_array_foreach (value, i, item) if (! json_is_string (item)) return 0;
  return json_is_array (value);
}

static int
is_kind (const json_t *value, enum kind kind)
{
  return kind == A_TEXT   ? json_is_string (value)
         : kind == A_FLAG ? json_is_boolean (value)
         : kind == A_SIZE ? json_is_integer (value)
                          : is_list (value);
}

static void
put_member (struct tool *tool, struct vl_migrate_data *data, const struct member *member,
            const json_t *value)
{
  size_t n = json_array_size (value);
  const char **list;

  switch (member->kind) {
  case A_TEXT:
    *AT (data, member, const char *) = json_string_value (value);
    break;
  case A_FLAG:
    *AT (data, member, int32_t) = json_is_true (value);
    break;
  case A_SIZE:
    *AT (data, member, int64_t) = json_integer_value (value);
    break;
  case A_LIST:
    list = vl_memory (tool->call, (n + 1) * sizeof *list);
    for (size_t i = 0; i < n; i++)
      list[i] = json_string_value (json_array_get (value, i));
    list[n] = NULL;
    *AT (data, member, const char *const *) = list;
  }
}

static int
take_member (struct tool *tool, struct vl_migrate_data *data, const char *key, const json_t *value)
{
  struct vl_spell spelling = { .wanted = key };

  if (VL_STARTS (key, "x-") || json_is_null (value))
    return 0;
  for (size_t i = 0; i < N_MEMBERS; i++) {
    vl_spell_offer (&spelling, members[i].name);
    if (strcmp (members[i].name, key) != 0)
      continue;
    if (! is_kind (value, members[i].kind))
      return vl_refuse_as (tool->call, VL_ERR_REQUEST, "InvalidInput", NULL, NULL,
                           "member '%s' of migrate_data is not what it must be; accepted: %s", key,
                           accepted[members[i].kind]);
    put_member (tool, data, &members[i], value);
    return 0;
  }
  return vl_refuse_as (
      tool->call, VL_ERR_REQUEST, "InvalidInput", NULL,
      spelling.best ? vl_printf (tool->call, "did you mean '%s'?", spelling.best)
                    : "give back what check_can_live_migrate_destination or _source has answered",
      "migrate_data has no member '%s'", key);
}

static int
read_data (struct tool *tool, const json_t *arguments, struct vl_migrate_data *data)
{
  const char *key;
  json_t *value;
  int bad = 0;

  *data = (struct vl_migrate_data) { .size = sizeof *data,
                                     .block_migration = -1,
                                     .is_shared_instance_path = -1,
                                     .is_shared_block_storage = -1,
                                     .disk_available_mb = -1 };
  json_object_foreach (json_object_get (arguments, "migrate_data"), key, value) bad |=
      take_member (tool, data, key, value);
  return bad;
}

/* The uuid is who the call is about, at the destination. */
static int
read_coming (struct tool *tool, const json_t *arguments, struct vl_migrate_data *data)
{
  int bad = read_data (tool, arguments, data);

  data->uuid = json_string_value (json_object_get (arguments, "instance"));
  return bad;
}

/* ---- to JSON ---- */

static json_t *
data_json (const struct vl_migrate_data *data)
{
  json_t *object = json_object ();

  for (size_t i = 0; i < N_MEMBERS; i++) {
    const struct member *m = &members[i];
    int64_t number = m->kind == A_FLAG   ? *AT (data, m, int32_t)
                     : m->kind == A_SIZE ? *AT (data, m, int64_t)
                                         : -1;

    if (m->kind == A_TEXT)
      json_put (object, m->name, *AT (data, m, const char *));
    else if (m->kind == A_LIST)
      json_object_set_new (object, m->name, json_texts (*AT (data, m, const char *const *)));
    else
      json_object_set_new (object, m->name,
                           number < 0          ? json_null ()
                           : m->kind == A_FLAG ? json_boolean (number)
                                               : json_integer (number));
  }
  return object;
}

/* ---- shared storage ---- */

static const char *
text_of (const json_t *arguments, const char *name)
{
  return json_string_value (json_object_get (arguments, name));
}

int
call_shared_local (struct tool *tool, const json_t *arguments, json_t **result)
{
  const char *name;

  if (vl_check_instance_shared_storage_local (tool->app, text_of (arguments, "instance"), &name)
      < 0)
    return -1;
  *result = json_object ();
  json_put (*result, "filename", name);
  return 0;
}

int
call_shared_remote (struct tool *tool, const json_t *arguments, json_t **result)
{
  int there = vl_check_instance_shared_storage_remote (tool->app, text_of (arguments, "filename"));

  *result = json_boolean (there > 0);
  return there < 0 ? -1 : 0;
}

int
call_shared_cleanup (struct tool *tool, const json_t *arguments, json_t **result)
{
  (void)result;
  return vl_check_instance_shared_storage_cleanup (tool->app, text_of (arguments, "filename"));
}

/* ---- the calls ---- */

int
call_check_destination (struct tool *tool, const json_t *arguments, json_t **result)
{
  const json_t *block = json_object_get (arguments, "block_migration");
  struct vl_migrate_data data;

  if (read_coming (tool, arguments, &data) < 0)
    return -1;
  if (json_is_boolean (block))
    data.block_migration = json_is_true (block);
  if (json_is_true (json_object_get (arguments, "disk_over_commit")))
    data.disk_over_commit = 1;
  if (text_of (arguments, "cpu"))
    data.cpu = text_of (arguments, "cpu");
  if (vl_check_can_live_migrate_destination (tool->app, &data) < 0)
    return -1;
  *result = data_json (&data);
  return 0;
}

int
call_cleanup_destination (struct tool *tool, const json_t *arguments, json_t **result)
{
  struct vl_migrate_data data;

  (void)result;
  return read_data (tool, arguments, &data) < 0
             ? -1
             : vl_cleanup_live_migration_destination_check (tool->app, &data);
}

int
call_check_source (struct tool *tool, const json_t *arguments, json_t **result)
{
  struct vl_migrate_data data;

  if (read_data (tool, arguments, &data) < 0
      || vl_check_can_live_migrate_source (tool->app, text_of (arguments, "instance"), &data) < 0)
    return -1;
  *result = data_json (&data);
  return 0;
}

int
call_pre_live (struct tool *tool, const json_t *arguments, json_t **result)
{
  struct vl_migrate_data data;

  if (read_coming (tool, arguments, &data) < 0 || vl_pre_live_migration (tool->app, &data) < 0)
    return -1;
  *result = data_json (&data);
  return 0;
}

/* Who looks at a terminal sees how far it is. */
static int
show_progress (void *opaque, const struct vl_migration_progress *progress)
{
  struct tool *tool = opaque;

  vl_progress (tool->call, "%lld of %lld MiB of memory are left",
               (long long)progress->memory_remaining >> 20,
               (long long)progress->memory_total >> 20);
  return VL_MIGRATION_GOES_ON;
}

int
call_live_migration (struct tool *tool, const json_t *arguments, json_t **result)
{
  struct vl_migrate_data data;

  (void)result;
  return read_data (tool, arguments, &data) < 0
             ? -1
             : vl_live_migration (tool->app, text_of (arguments, "instance"), &data,
                                  text_of (arguments, "dest"), show_progress, tool);
}

#define OF_SERVER(name, function)                                                                  \
  int name (struct tool *tool, const json_t *arguments, json_t **result)                           \
  {                                                                                                \
    (void)result;                                                                                  \
    return function (tool->app, text_of (arguments, "instance"));                                  \
  }
OF_SERVER (call_live_abort, vl_live_migration_abort)
OF_SERVER (call_live_force, vl_live_migration_force_complete)
OF_SERVER (call_post_live, vl_post_live_migration)
OF_SERVER (call_post_source, vl_post_live_migration_at_source)
OF_SERVER (call_rollback_source, vl_rollback_live_migration_at_source)

#define OF_COMING(name, function)                                                                  \
  int name (struct tool *tool, const json_t *arguments, json_t **result)                           \
  {                                                                                                \
    struct vl_migrate_data data;                                                                   \
                                                                                                   \
    (void)result;                                                                                  \
    return read_coming (tool, arguments, &data) < 0 ? -1 : function (tool->app, &data);            \
  }
OF_COMING (call_post_destination, vl_post_live_migration_at_destination)
OF_COMING (call_rollback_destination, vl_rollback_live_migration_at_destination)
