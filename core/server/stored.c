/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Documents in and out of STATE: lists of rows, each list by the table of its
 * members. */

#include <config.h>

#include "server/stored-columns.h"
#include "server/stored.h"

#include "request/work.h"
#include "server/method.h"

#include <jansson.h>

/* ---- rows ---- */

/* The keys of ROW as text; malloc, NULL where it has none. */
static char *
pairs_text (const struct vl_provenance *row)
{
  json_t *object = row->n_keys ? vl_pairs_write (row) : NULL;
  char *text = object ? json_dumps (object, JSON_COMPACT) : NULL;

  json_decref (object);
  return text;
}

static void
read_pairs (struct vl_arena *arena, const char *text, struct vl_provenance *row)
{
  json_t *object = text ? json_loads (text, 0, NULL) : NULL;

  vl_pairs_read (arena, object, row);
  json_decref (object);
}

/* ", path, kind ..."; with MARKS a "?" for each. */
static const char *
column_list (struct vl_call *call, const struct vl_table_of *table, int marks)
{
  VL_AUTOSTR struct vl_str text = { 0 };

  for (size_t i = 0; i < table->n_columns; i++)
    vl_str_printf (&text, ", %s", marks ? "?" : table->columns[i].name);
  return vl_arena_strdup (call->arena, text.text);
}

static void
bind (sqlite3_stmt *stmt, int place, enum vl_column_type type, void *member)
{
  VL_AUTOFREE char *pairs = NULL;

  if (member == NULL)
    sqlite3_bind_null (stmt, place);
  else if (type == VL_COLUMN_INT)
    sqlite3_bind_int (stmt, place, *(int *)member);
  else if (type == VL_COLUMN_LONG)
    sqlite3_bind_int64 (stmt, place, *(int64_t *)member);
  else if (type == VL_COLUMN_TEXT)
    sqlite3_bind_text (stmt, place, *(const char **)member, -1, SQLITE_TRANSIENT);
  else {
    pairs = pairs_text (
        (struct vl_provenance *)((char *)member - offsetof (struct vl_provenance, keys)));
    sqlite3_bind_text (stmt, place, pairs, -1, SQLITE_TRANSIENT);
  }
}

static int
write_rows (struct vl_store *store, const char *server, const char *role,
            const struct vl_table_of *table, const void *list, size_t n)
{
  VL_AUTOQUERY sqlite3_stmt *stmt = vl_db_query (
      store,
      vl_printf (store->call, "INSERT INTO %s (server, role, n%s) VALUES (?, ?, ?%s)", table->name,
                 column_list (store->call, table, 0), column_list (store->call, table, 1)),
      "ss", server, role);

  for (size_t i = 0; i < n; i++) {
    void *row = (char *)list + i * table->size;

    if (stmt == NULL)
      return -1;
    sqlite3_bind_int64 (stmt, 3, (int64_t)i);
    for (size_t c = 0; c < table->n_columns; c++)
      bind (stmt, (int)c + 4, table->columns[c].type,
            vl_column_member (table, row, &table->columns[c]));
    if (vl_db_step (store, stmt) < 0)
      return -1;
    sqlite3_reset (stmt);
  }
  return 0;
}

/* *LIST gets *N rows; its first column counts them. */
static int
load_rows (struct vl_store *store, const char *server, const char *role,
           const struct vl_table_of *table, void *list, size_t *n)
{
  VL_AUTOQUERY sqlite3_stmt *stmt = vl_db_query (
      store,
      vl_printf (store->call,
                 "SELECT count (*) OVER ()%s FROM %s WHERE server = ? AND role = ? ORDER BY n",
                 column_list (store->call, table, 0), table->name),
      "ss", server, role);
  char *rows = NULL;
  int got;

  for (*n = 0; (got = vl_db_step (store, stmt)) == 1; ++*n) {
    void *row;

    if (rows == NULL)
      rows = vl_arena_alloc (store->call->arena, (size_t)vl_db_int (stmt, 0) * table->size);
    row = rows + *n * table->size;
    for (int c = 1; c <= (int)table->n_columns; c++) {
      const struct vl_column *column = &table->columns[c - 1];
      void *member = vl_column_member (table, row, column);

      if (member && column->type == VL_COLUMN_INT)
        *(int *)member = (int)vl_db_int (stmt, c);
      else if (member && column->type == VL_COLUMN_LONG)
        *(int64_t *)member = vl_db_int (stmt, c);
      else if (member && column->type == VL_COLUMN_TEXT)
        *(const char **)member = vl_db_keep (store, stmt, c);
      else if (member)
        read_pairs (store->call->arena, vl_db_text (stmt, c), row);
    }
  }
  *(void **)list = rows;
  return got;
}

/* ---- what a plan leaves on record ---- */

static void
add_property (struct vl_recorded *was, const struct vl_guest_prop *prop, const char *device,
              const struct vl_value *value, const char *cause)
{
  if (value && value->set && value->text && ! (prop->row->flags & VL_SECRET))
    was->props[was->n_props++] =
        (struct vl_recorded_prop) { prop->name, device, vl_row_type (prop->row), value->text,
                                    cause };
}

static void
list_properties (struct vl_arena *arena, const struct vl_guest *guest, struct vl_recorded *was)
{
  size_t n_devices = guest->n_disks + guest->n_nics, room = guest->n_props;

  for (size_t i = 0; i < guest->n_props; i++)
    room += guest->props[i].row->of ? n_devices : 0;
  was->props = vl_arena_alloc (arena, (room + 1) * sizeof *was->props);
  for (size_t i = 0; i < guest->n_props; i++) {
    const struct vl_guest_prop *prop = &guest->props[i];

    add_property (was, prop, "", &prop->value, vl_guest_cause (guest, prop->name, NULL));
    for (size_t k = 0; prop->row->of && k < n_devices; k++) {
      const char *id = k < guest->n_disks ? guest->disks[k].id : guest->nics[k - guest->n_disks].id;

      add_property (was, prop, id, vl_device_value (guest, prop, id),
                    vl_device_cause (guest, prop, id));
    }
  }
}

static void
list_features (struct vl_call *call, const struct vl_plan *plan, struct vl_recorded *was)
{
  const struct vl_registry *registry = plan->build.guest->registry;
  const char *name, *why;

  was->features = vl_arena_alloc (call->arena, (registry->n + 1) * sizeof *was->features);
  while ((name = vl_plan_active (plan, was->n_features, &why))) {
    const struct vl_plugin *plugin = vl_registry_find (registry, name);

    was->features[was->n_features++] =
        (struct vl_recorded_feature) { name, plugin->version ? plugin->version : "",
                                       vl_plugin_acts (call, plugin), why };
  }
}

/* Of a secret only that it was given. */
static void
list_keys (const struct vl_plan *plan, struct vl_recorded *was)
{
  size_t room = plan->request->n_entries + plan->request->n_metadata;
  struct vl_entry *entry = vl_arena_alloc (plan->call->arena, (room + 1) * sizeof *entry);

  for (was->keys = entry;
       vl_key (plan->call, was->n_keys, &entry->layer, &entry->key, &entry->value); entry++) {
    entry->origin = entry->layer == VL_LAYER_METADATA ? NULL : vl_layer_name (entry->layer);
    was->n_keys++;
  }
}

/* The value of the attribute of DEVICE whose path ends in END, or NULL. */
static const char *
value_at (const struct vl_provenance *rows, size_t n, const char *device, const char *end)
{
  size_t length = strlen (end);

  for (size_t i = 0; i < n; i++) {
    size_t path = strlen (rows[i].path);

    if (rows[i].device && VL_STREQ (rows[i].device, device) && path > length
        && VL_STREQ (rows[i].path + path - length, end))
      return rows[i].value;
  }
  return NULL;
}

static void
list_devices (struct vl_arena *arena, const struct vl_guest *guest,
              const struct vl_provenance *rows, size_t n, struct vl_recorded *was)
{
  was->n_devices = guest->n_disks + guest->n_nics;
  was->devices = vl_arena_alloc (arena, (was->n_devices + 1) * sizeof *was->devices);
  for (size_t i = 0; i < was->n_devices; i++) {
    struct vl_recorded_device *device = &was->devices[i];
    const struct vl_recorded_device *before;
    const char *id;

    device->is_nic = i >= guest->n_disks;
    if (device->is_nic)
      device->nic = guest->nics[i - guest->n_disks];
    else
      device->disk = guest->disks[i];
    id = device->is_nic ? device->nic.id : device->disk.id;
    before = vl_recorded_device (guest->was, id);
    device->unit = value_at (rows, n, id, "/address/@unit");
    device->address = before ? before->address : NULL;
  }
}

int
vl_stored_write (struct vl_store *store, const char *server, const char *role,
                 const struct vl_plan *plan)
{
  const struct vl_guest *guest = plan->build.guest;
  VL_AUTOFREE char *facts = vl_host_used_json (plan->build.host);
  struct vl_arena *arena = plan->call->arena;
  const struct vl_provenance *rows;
  struct vl_recorded was = { 0 };
  size_t n;

  rows = vl_doc_provenance (plan->call, plan->build.doc, guest->registry, guest, 1, &n);
  list_properties (arena, guest, &was);
  list_features (plan->call, plan, &was);
  list_keys (plan, &was);
  list_devices (arena, guest, rows, n, &was);
  if (vl_db_run (store, "DELETE FROM document WHERE server = ? AND role = ?", "ss", server, role)
          < 0
      || vl_db_run (store,
                    "INSERT INTO document (server, role, xml, facts, made) "
                    "VALUES (?, ?, ?, ?, ?)",
                    "sssss", server, role, vl_doc_xml (plan->build.doc), facts,
                    vl_now_text (store->call))
             < 0
      || write_rows (store, server, role, &vl_stored_parts, rows, n) < 0
      || write_rows (store, server, role, &vl_stored_properties, was.props, was.n_props) < 0
      || write_rows (store, server, role, &vl_stored_features, was.features, was.n_features) < 0
      || write_rows (store, server, role, &vl_stored_keys, was.keys, was.n_keys) < 0)
    return -1;
  return write_rows (store, server, role, &vl_stored_device_rows, was.devices, was.n_devices);
}

/* ---- and back ---- */

/* The values of a server of an earlier schema: {"PLUGIN.PROPERTY": {"value": TEXT,
 * "cause": TEXT}, ...}, and the keys of its request. */
static void
load_earlier (struct vl_app *app, const struct vl_record *record, struct vl_stored *stored)
{
  struct vl_recorded *was = &stored->was;
  struct vl_arena *arena = app->call->arena;
  json_t *all = json_loads (record->properties, 0, NULL), *one;
  size_t first = app->call->findings.n;
  struct vl_request *request =
      vl_request_read (app->call, record->request, strlen (record->request), record->name);
  const char *name;

  was->earlier = 1;
  was->n_keys = request ? request->n_entries : 0;
  was->keys = vl_arena_alloc (arena, (was->n_keys + 1) * sizeof *was->keys);
  for (size_t i = 0; i < was->n_keys; i++)
    was->keys[i] = (struct vl_entry) { .key = vl_arena_strdup (arena, request->entries[i].key),
                                       .value = vl_arena_strdup (arena, request->entries[i].value),
                                       .layer = request->entries[i].layer,
                                       .origin = vl_layer_name (request->entries[i].layer) };
  vl_request_free (request);
  was->props = vl_arena_alloc (arena, (json_object_size (all) + 1) * sizeof *was->props);
  json_object_foreach (all, name, one) was->props[was->n_props++] = (struct vl_recorded_prop) {
    .name = vl_arena_strdup (arena, name),
    .device = "",
    .value = vl_arena_strdup (arena, json_string_value (json_object_get (one, "value"))),
    .cause = vl_arena_strdup (arena, json_string_value (json_object_get (one, "cause"))),
  };
  json_decref (all);
  vl_soften (app->call, first);
}

static int
load_all (struct vl_app *app, const struct vl_record *record, struct vl_stored *stored)
{
  struct vl_recorded *was = &stored->was;
  const char *server = record->uuid, *role = stored->role;
  VL_AUTOQUERY sqlite3_stmt *stmt = vl_db_query (
      app->store, "SELECT xml FROM document WHERE server = ? AND role = ?", "ss", server, role);
  int got = vl_db_step (app->store, stmt);

  if (got < 0)
    return -1;
  if (got == 0 && VL_STREQ (role, VL_ROLE_CURRENT) && *record->xml) {
    stored->xml = record->xml;
    load_earlier (app, record, stored);
    return 0;
  }
  if (got == 0)
    return vl_refuse_as (app->call, VL_ERR_FAILED, "StoreDamaged", NULL, VL_HINT_DAMAGED,
                         "server \"%s\" has no %s document on record", record->name, role);
  stored->xml = vl_db_keep (app->store, stmt, 0);
  if (load_rows (app->store, server, role, &vl_stored_parts, &stored->rows, &stored->n_rows) < 0
      || load_rows (app->store, server, role, &vl_stored_properties, &was->props, &was->n_props) < 0
      || load_rows (app->store, server, role, &vl_stored_features, &was->features, &was->n_features)
             < 0
      || load_rows (app->store, server, role, &vl_stored_keys, &was->keys, &was->n_keys) < 0)
    return -1;
  return load_rows (app->store, server, role, &vl_stored_device_rows, &was->devices,
                    &was->n_devices);
}

int
vl_stored_devices (struct vl_store *store, const char *server, const char *role,
                   struct vl_recorded_device **list, size_t *n)
{
  return load_rows (store, server, role, &vl_stored_device_rows, list, n);
}

struct vl_stored *
vl_stored_load (struct vl_app *app, const struct vl_record *record, const char *role)
{
  struct vl_stored *stored = vl_arena_alloc (app->call->arena, sizeof *stored);

  stored->role = role;
  if (load_all (app, record, stored) < 0)
    return NULL;
  stored->doc = vl_doc_load (app->call, app->registry, stored->xml, stored->rows, stored->n_rows);
  return stored->doc ? stored : NULL;
}

void
vl_stored_free (struct vl_stored *stored)
{
  if (stored)
    vl_doc_free (stored->doc);
}

const struct vl_disk *
vl_stored_disk (const struct vl_stored *stored, const char *id)
{
  const struct vl_recorded_device *device = vl_recorded_device (&stored->was, id);

  return device && ! device->is_nic ? &device->disk : NULL;
}

const char *
vl_stored_path (const struct vl_stored *stored, const char *id)
{
  static const char top[] = "/domain/devices/";

  for (size_t i = 0; i < stored->n_rows; i++) {
    const struct vl_provenance *row = &stored->rows[i];

    if (row->part == VL_PART_ELEMENT && row->device && VL_STREQ (row->device, id)
        && VL_STARTS (row->path, top) && strchr (row->path + sizeof top - 1, '/') == NULL)
      return row->path;
  }
  return NULL;
}

int
vl_loader_look (struct vl_app *app, struct vl_plugin *driver, const struct vl_record *record,
                const char *role)
{
  struct vl_info info = { .size = sizeof info, .with_xml = 1 };
  struct vl_call *call = app->call;
  const char *was = record->loader;
  const struct vl_xml *domain;
  struct vl_stored *stored;
  int known;

  call->addresses = NULL;
  known = VL_CALL (app, driver, inventory, instance_exists, record->uuid);
  if (known <= 0)
    return known;
  if (VL_CALL (app, driver, inventory, get_info, record->uuid, &info) < 0)
    return -1;
  domain = info.xml ? vl_xml_read (call, info.xml, strlen (info.xml)) : NULL;
  if (domain == NULL || vl_xml_find (domain, "os/loader") == NULL)
    return 0;
  stored = vl_stored_load (app, record, role);
  if (stored == NULL)
    return -1;
  vl_loader_note (call, stored->doc, domain);
  /* One that is to be chosen anew may be that of before, since the guest was not started. */
  if (call->addresses && was && vl_loader_is_left (was)
      && VL_STREQ (was + strlen (VL_LOADER_LEFT), call->addresses->text))
    call->addresses = NULL;
  vl_stored_free (stored);
  return 0;
}

int
vl_addresses_write (struct vl_store *store, const char *server)
{
  struct vl_call *call = store->call;

  for (; call->addresses; call->addresses = call->addresses->next)
    if (VL_STREQ (call->addresses->device, VL_LOADER_DEVICE)
            ? vl_db_run (store, "UPDATE server SET loader = ? WHERE uuid = ?", "ss",
                         call->addresses->text, server)
                  < 0
            : vl_db_run (
                  store,
                  "UPDATE device SET address = ? WHERE server = ? AND role = 'current' AND id = ?",
                  "sss", call->addresses->text, server, call->addresses->device)
                  < 0)
      return -1;
  return 0;
}
