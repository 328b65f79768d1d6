/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Records as JSON, written and read by the same tables.  The text is a stranger's: it is held to limits,
 * and every member is judged before anything is made of it. */

#include <config.h>

#include "server/exported.h"

#include "lib/text.h"
#include "request/json-members.h"
#include "server/stored-columns.h"
#include "storage/storage.h"

#include <virtloom/ascii.h>

#define MOST_PARTS 16384
#define MOST_ROWS 8192
#define MOST_PATH 1024
#define AGAIN "export the server again; a record is not edited"
/* Servers of these can be known to another host; all others are under way. */
#define STATUSES "ACTIVE SHUTOFF PAUSED SUSPENDED VERIFY_RESIZE RESCUE SHELVED_OFFLOADED ERROR"

/* ---- what is wrong with a text ---- */

static const char *
plain_problem (const char *text)
{
  const char *problem = vl_text_problem (text, strlen (text));

  return problem               ? problem
         : strlen (text) > 255 ? "is too long; accepted: at most 255 bytes"
                               : NULL;
}

static const char *
word_problem (const char *text)
{
  for (const char *p = text; *p; p++)
    if (! vl_ascii_is_lower (*p) && (p == text || (! vl_ascii_is_digit (*p) && *p != '-')))
      return "is no name of a plugin";
  return *text && strlen (text) < 32 ? NULL : "is no name of a plugin";
}

static const char *
checksum_problem (const char *text)
{
  return VL_STARTS (text, "sha256:") && strlen (text) == 71
                 && strspn (text + 7, "0123456789abcdef") == 64
             ? NULL
             : "is no checksum; accepted: sha256: with 64 digits 0-9a-f";
}

static const char *
path_problem (const char *text)
{
  return VL_STARTS (text, "/domain") && (text[7] == '/' || text[7] == '\0')
                 && strlen (text) <= MOST_PATH
             ? NULL
             : "is no path of a document";
}

/* ---- rows, by their columns ---- */

/* What no row of a table may lack. */
static const char *
required_of (const struct vl_table_of *table)
{
  return table == &vl_stored_parts        ? "path kind owner"
         : table == &vl_stored_properties ? "name type value"
         : table == &vl_stored_features   ? "plugin version acts"
         : table == &vl_stored_keys       ? "key value"
                                          : "id";
}

static int64_t
least_of (const char *column)
{
  return VL_STREQ (column, "kind") ? VL_PART_ELEMENT : 0;
}

static int64_t
most_of (const struct vl_column *column)
{
  return VL_STREQ (column->name, "kind")                            ? VL_PART_TEXT
         : VL_STREQ (column->name, "layer")                         ? VL_LAYER_METADATA
         : VL_STREQ (column->name, "place")                         ? 255
         : vl_glob_any ("guarded readonly shareable", column->name) ? 1
         : column->type == VL_COLUMN_LONG                           ? INT64_MAX
                                                                    : INT32_MAX;
}

static const enum vl_member_kind kinds[] = { [VL_COLUMN_TEXT] = VL_MEMBER_TEXT,
                                             [VL_COLUMN_INT] = VL_MEMBER_INT,
                                             [VL_COLUMN_LONG] = VL_MEMBER_NUMBER,
                                             [VL_COLUMN_PAIRS] = VL_MEMBER_OTHER };

/* The members that a row of TABLE, with NIC a NIC, has as an object. */
static struct vl_members *
members_of (struct vl_arena *arena, const struct vl_table_of *table, int nic)
{
  struct vl_members *members = vl_arena_alloc (arena, sizeof *members);
  struct vl_member *rows = vl_arena_alloc (arena, table->n_columns * sizeof *rows);

  for (size_t i = 0; i < table->n_columns; i++) {
    const struct vl_column *column = &table->columns[i];
    size_t at = nic ? column->nic : column->at;

    if (at == VL_NOWHERE || VL_STREQ (column->name, "is_nic"))
      continue;
    rows[members->n++] =
        (struct vl_member) { .name = column->name,
                             .kind = kinds[column->type],
                             .required = vl_glob_any (required_of (table), column->name),
                             .offset = at,
                             .min = least_of (column->name),
                             .max = most_of (column),
                             .problem = table == &vl_stored_parts
                                                && at == offsetof (struct vl_provenance, path)
                                            ? path_problem
                                            : NULL };
  }
  members->rows = rows;
  members->size = table->size;
  members->most = table == &vl_stored_parts ? MOST_PARTS : MOST_ROWS;
  return members;
}

/* The keys of part I of LIST; and an attribute or a text follows the element that has it, as it does where
 * parts are written, so that a part is found from its element. */
static void
check_part (struct vl_reader *r, const json_t *object, const char *path, const void *list, size_t i)
{
  struct vl_provenance *parts = (struct vl_provenance *)list, *part = &parts[i];
  const json_t *keys = json_object_get (object, "keys");
  size_t element = i, length;
  const char *name;
  json_t *value;

  json_object_foreach ((json_t *)keys, name, value) if (! json_is_string (value))
      vl_reader_refuse (r, NULL, path, NULL, "has a key that is no text; accepted: texts");
  if (keys && (! json_is_object (keys) || json_object_size (keys) > 8))
    vl_reader_refuse (r, NULL, path, NULL,
                      "has keys that are no object; accepted: an object of at most 8 texts");
  if (r->bad || part->path == NULL)
    return;
  vl_pairs_read (r->arena, keys, part);
  while (element > 0 && parts[element].part != VL_PART_ELEMENT)
    element--;
  length = strlen (parts[element].path);
  if (part->part == VL_PART_ELEMENT ? (i == 0) != VL_STREQ (part->path, "/domain")
      : part->part == VL_PART_TEXT
          ? i != element + 1 || ! VL_STREQ (part->path, parts[element].path)
          : strncmp (part->path, parts[element].path, length) != 0
                || ! VL_STARTS (part->path + length, "/@"))
    vl_reader_refuse (r, NULL, path, AGAIN, "stands at no place where a document has it");
  else if (part->part != VL_PART_ELEMENT && part->value == NULL)
    vl_reader_refuse (r, NULL, path, AGAIN, "has no value");
}

/* ---- the whole ---- */

#define OF(json, what, member, ...)                                                                \
  {                                                                                                \
    .name = (json), .kind = VL_MEMBER_##what, .offset = offsetof (struct vl_exported, member),     \
    __VA_ARGS__                                                                                    \
  }
#define LIST(json, member, number)                                                                 \
  OF (json, LIST, member, .count = offsetof (struct vl_exported, number))
#define MUST .required = 1
#define PLAIN .problem = plain_problem

static const struct vl_member image_rows[] = {
  { .name = "uuid",
    .kind = VL_MEMBER_TEXT,
    MUST,
    .offset = offsetof (struct vl_exported_image, uuid),
    .problem = vl_uuid_problem },
  { .name = "name",
    .kind = VL_MEMBER_TEXT,
    .offset = offsetof (struct vl_exported_image, name),
    PLAIN },
  { .name = "checksum",
    .kind = VL_MEMBER_TEXT,
    .offset = offsetof (struct vl_exported_image, checksum),
    PLAIN },
};
static const struct vl_member kept_rows[] = {
  { .name = "plugin",
    .kind = VL_MEMBER_TEXT,
    MUST,
    .offset = offsetof (struct vl_exported_kept, plugin),
    .problem = word_problem },
  { .name = "key",
    .kind = VL_MEMBER_TEXT,
    MUST,
    .offset = offsetof (struct vl_exported_kept, key),
    PLAIN },
};
#define MEMBERS(rows, type)                                                                        \
  {                                                                                                \
    (rows), sizeof (rows) / sizeof (rows)[0], sizeof (type), NULL, 0                               \
  }
static const struct vl_members image_members = MEMBERS (image_rows, struct vl_exported_image);
static const struct vl_members kept_members = MEMBERS (kept_rows, struct vl_exported_kept);

static const struct vl_member document_rows[] = {
  OF ("xml", TEXT, stored.xml, MUST),
  OF ("made", TEXT, made, MUST, PLAIN),
  LIST ("parts", stored.rows, stored.n_rows),
  LIST ("properties", stored.was.props, stored.was.n_props),
  LIST ("features", stored.was.features, stored.was.n_features),
  LIST ("keys", stored.was.keys, stored.was.n_keys),
  LIST ("disks", disks, n_disks),
  LIST ("nics", nics, n_nics),
};
#define N_DOCUMENT (sizeof document_rows / sizeof document_rows[0])
static const struct vl_table_of *const tables[N_DOCUMENT] = {
  NULL,
  NULL,
  &vl_stored_parts,
  &vl_stored_properties,
  &vl_stored_features,
  &vl_stored_keys,
  &vl_stored_device_rows,
  &vl_stored_device_rows,
};

static const struct vl_member exported_rows[] = {
  OF ("virtloom_record", NUMBER, version, MUST, .min = 1, .max = VL_EXPORTED_VERSION),
  OF ("checksum", TEXT, checksum, MUST, .problem = checksum_problem),
  OF ("host", TEXT, host, MUST, PLAIN),
  /* As large as what reads JSON as floating point can tell. */
  OF ("generation", NUMBER, generation, MUST, .min = 1, .max = (int64_t)1 << 53),
  OF ("uuid", TEXT, record.uuid, MUST, .problem = vl_uuid_problem, .lower = 1),
  OF ("name", TEXT, record.name, MUST, .problem = vl_server_name_problem),
  OF ("status", TEXT, record.status, MUST, .what = "status", .among = STATUSES),
  OF ("driver", TEXT, record.driver, MUST, .problem = word_problem),
  OF ("created", TEXT, record.created, MUST, PLAIN),
  OF ("flavor", TEXT, record.flavor, MUST, PLAIN),
  OF ("image", TEXT, record.image, PLAIN),
  OF ("image_uuid", TEXT, record.image_uuid, .problem = vl_uuid_problem),
  OF ("locked", TEXT, record.locked, .problem = NULL),
  OF ("description", TEXT, record.description, .problem = NULL),
  OF ("loader", TEXT, record.loader, .problem = NULL),
  OF ("given", TEXT, given, .problem = NULL),
  OF ("request", JSON, record.request, MUST),
  OF ("document", OBJECT, version, MUST),
  LIST ("images", images, n_images),
  LIST ("kept", kept, n_kept),
};
#define N_EXPORTED (sizeof exported_rows / sizeof exported_rows[0])

/* All tables put together, which know each other. */
static struct vl_members *
exported_members (struct vl_arena *arena)
{
  struct vl_member *document = vl_arena_alloc (arena, sizeof document_rows);
  struct vl_member *rows = vl_arena_alloc (arena, sizeof exported_rows);
  struct vl_members *of = vl_arena_alloc (arena, 2 * sizeof *of);

  memcpy (document, document_rows, sizeof document_rows);
  memcpy (rows, exported_rows, sizeof exported_rows);
  for (size_t i = 0; i < N_DOCUMENT; i++)
    if (tables[i]) {
      struct vl_members *items = members_of (arena, tables[i], VL_STREQ (document[i].name, "nics"));

      items->check = tables[i] == &vl_stored_parts ? check_part : NULL;
      document[i].of = items;
    }
  of[0] = (struct vl_members) { rows, N_EXPORTED, sizeof (struct vl_exported), NULL, 0 };
  of[1] = (struct vl_members) { document, N_DOCUMENT, sizeof (struct vl_exported), NULL, 0 };
  for (size_t i = 0; i < N_EXPORTED; i++)
    rows[i].of = rows[i].kind == VL_MEMBER_OBJECT    ? &of[1]
                 : VL_STREQ (rows[i].name, "images") ? &image_members
                 : VL_STREQ (rows[i].name, "kept")   ? &kept_members
                                                     : NULL;
  return of;
}

/* ---- reading ---- */

/* The disks and the NICs as they are on record, in one list. */
static void
join_devices (struct vl_arena *arena, struct vl_exported *exported)
{
  struct vl_recorded *was = &exported->stored.was;

  was->n_devices = exported->n_disks + exported->n_nics;
  was->devices = vl_arena_alloc (arena, (was->n_devices + 1) * sizeof *was->devices);
  for (size_t i = 0; i < exported->n_disks; i++)
    was->devices[i] = exported->disks[i];
  for (size_t i = 0; i < exported->n_nics; i++) {
    was->devices[exported->n_disks + i] = exported->nics[i];
    was->devices[exported->n_disks + i].is_nic = 1;
  }
  for (size_t i = 0; i < was->n_props; i++)
    if (was->props[i].device == NULL)
      was->props[i].device = "";
}

int
vl_exported_read (struct vl_call *call, const char *text, size_t length, const char *origin,
                  struct vl_exported *exported)
{
  struct vl_reader r = { .call = call, .arena = call->arena, .origin = origin };
  json_t *root = vl_reader_parse (&r, text, length, VL_EXPORTED_BYTES);
  json_int_t version = json_integer_value (json_object_get (root, "virtloom_record"));

  *exported = (struct vl_exported) { 0 };
  if (root && version > VL_EXPORTED_VERSION)
    vl_reader_refuse (&r, "RecordTooNew", "$.virtloom_record", "use that virtloom",
                      "was written by a later virtloom (form %" JSON_INTEGER_FORMAT
                      "; this one knows %d)",
                      version, VL_EXPORTED_VERSION);
  else if (root)
    vl_members_read (&r, root, "$", exported_members (r.arena), exported);
  json_decref (root);
  if (! r.bad && exported->stored.n_rows == 0)
    vl_reader_refuse (&r, NULL, "$.document.parts", AGAIN, "is missing");
  if (r.bad)
    return -1;
  exported->stored.role = VL_ROLE_CURRENT;
  exported->record.xml = exported->stored.xml;
  exported->record.properties = "";
  join_devices (r.arena, exported);
  return 0;
}

/* ---- checksums ---- */

/* The checksum of ROOT, without the one that it has; NULL after a finding. */
static const char *
checksum_of (struct vl_call *call, json_t *root)
{
  VL_AUTOFREE char *plain = NULL;

  json_object_del (root, "checksum");
  plain = json_dumps (root, JSON_SORT_KEYS | JSON_COMPACT);
  if (plain == NULL)
    vl_oom ();
  return vl_text_digest (call, plain, strlen (plain));
}

int
vl_exported_prove (struct vl_call *call, const char *text, size_t length, const char *origin,
                   const struct vl_exported *exported)
{
  json_t *root = json_loadb (text, length, 0, NULL);
  const char *is = root ? checksum_of (call, root) : NULL;
  struct vl_report report = { .severity = VL_SEV_ERROR,
                              .err = VL_ERR_REQUEST,
                              .code = "RecordDamaged",
                              .origin = origin,
                              .path = "$.checksum",
                              .hint = AGAIN };

  json_decref (root);
  if (is == NULL || VL_STREQ (is, exported->checksum))
    return is ? 0 : -1;
  return vl_report (call, &report,
                    "$.checksum: the record was changed after it was written: its checksum is %s "
                    "instead of %s",
                    is, exported->checksum);
}

/* ---- writing ---- */

char *
vl_exported_write (struct vl_call *call, struct vl_exported *exported)
{
  json_t *root = vl_members_write (exported_members (call->arena), exported);
  const json_t *parts = json_object_get (json_object_get (root, "document"), "parts");
  char *text = NULL;
  json_t *part;
  size_t i;

  json_array_foreach (parts, i, part) if (exported->stored.rows[i].n_keys)
      json_object_set_new (part, "keys", vl_pairs_write (&exported->stored.rows[i]));
  exported->checksum = checksum_of (call, root);
  if (exported->checksum) {
    json_object_set_new (root, "checksum", json_string (exported->checksum));
    text = json_dumps (root, JSON_SORT_KEYS | JSON_INDENT (1));
    if (text == NULL)
      vl_oom ();
  }
  json_decref (root);
  return text;
}
