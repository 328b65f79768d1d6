/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A request from its JSON.  The text is a stranger's: it is held to limits
 * before it is parsed, and every member is checked before it is kept. */

#include <config.h>

#include "request/json-members.h"

#include "lib/text.h"
#include "request/name.h"
#include "request/disks.h"

#define N(array) (sizeof (array) / sizeof ((array)[0]))

#define MOST_BYTES ((size_t)1 << 20)
#define MOST_DEPTH 32
#define MOST_USER_DATA 65535

/* Keeps every amount in MiB or GiB well inside 63 bits of bytes. */
#define MOST_AMOUNT INT32_MAX

/* ---- parsing ---- */

static int
is_deeper (const json_t *value, unsigned depth)
{
  const char *key;
  json_t *item;
  size_t i;

  if (! json_is_object (value) && ! json_is_array (value))
    return 0;
  if (depth == 0)
    return 1;
  json_object_foreach ((json_t *)value, key, item) if (is_deeper (item, depth - 1)) return 1;
  json_array_foreach (value, i, item) if (is_deeper (item, depth - 1)) return 1;
  return 0;
}

static json_t *
parse (struct vl_reader *r, const char *text, size_t length)
{
  json_error_t error;
  json_t *root;

  if (length > MOST_BYTES) {
    vl_reader_refuse (r, NULL, "$", NULL, "has %zu bytes; accepted: at most %zu", length,
                      MOST_BYTES);
    return NULL;
  }
  root = json_loadb (text, length, JSON_REJECT_DUPLICATES, &error);
  if (root == NULL) {
    const char *what = error.text;

    if (json_error_code (&error) == json_error_null_character)
      what = "a text has a NUL";
    else if (vl_text_problem (what, strlen (what)))
      what = "unreadable bytes";
    vl_reader_refuse (
        r, NULL, "$",
        json_error_code (&error) == json_error_duplicate_key ? "each member may stand once" : NULL,
        "is not JSON: %s (line %d, column %d)", what, error.line, error.column);
    return NULL;
  }
  if (is_deeper (root, MOST_DEPTH)) {
    vl_reader_refuse (r, NULL, "$", NULL, "is nested more than %d deep", MOST_DEPTH);
    json_decref (root);
    return NULL;
  }
  return root;
}

/* ---- flavor and image ---- */

#define AMOUNT(part, member, least)                                                                \
  {                                                                                                \
    .name = #member, .kind = VL_MEMBER_NUMBER,                                                     \
    .offset = offsetof (struct vl_request, part.member), .min = (least), .max = MOST_AMOUNT        \
  }
#define NEEDED(part, member)                                                                       \
  {                                                                                                \
    .name = #member, .kind = VL_MEMBER_NUMBER, .required = 1,                                      \
    .offset = offsetof (struct vl_request, part.member), .min = 1, .max = MOST_AMOUNT              \
  }

static const struct vl_member flavor_members[] = {
  { .name = "name",
    .kind = VL_MEMBER_TEXT,
    .offset = offsetof (struct vl_request, flavor.name),
    .problem = vl_server_name_problem,
    .code = "InvalidName" },
  NEEDED (flavor, vcpus),
  NEEDED (flavor, ram),
  AMOUNT (flavor, disk, 0),
  AMOUNT (flavor, ephemeral, 0),
  AMOUNT (flavor, swap, 0),
  { .name = "extra_specs", .kind = VL_MEMBER_OTHER },
};

static void
read_flavor (struct vl_reader *r, const json_t *flavor, struct vl_request *request)
{
  if (flavor == NULL)
    return;
  vl_members_read (r, flavor, "$.flavor", flavor_members, N (flavor_members), request);
  vl_entries_read (r, json_object_get (flavor, "extra_specs"), "$.flavor.extra_specs",
                   VL_LAYER_FLAVOR, request);
}

static const char *
disk_format_problem (const char *text)
{
  static const char *const known[] = { "aki", "ami", "ari", "iso",  "ploop", "qcow2",
                                       "raw", "vdi", "vhd", "vhdx", "vmdk" };

  for (size_t i = 0; i < N (known); i++)
    if (VL_STREQ (text, known[i]))
      return NULL;
  return "is no disk format; accepted: aki ami ari iso ploop qcow2 raw vdi vhd vhdx vmdk";
}

static const struct vl_member image_members[] = {
  { .name = "name",
    .kind = VL_MEMBER_TEXT,
    .offset = offsetof (struct vl_request, image.name),
    .problem = vl_server_name_problem,
    .code = "InvalidName" },
  { .name = "disk_format",
    .kind = VL_MEMBER_TEXT,
    .offset = offsetof (struct vl_request, image.disk_format),
    .problem = disk_format_problem,
    .code = "InvalidDiskFormat" },
  { .name = "size",
    .kind = VL_MEMBER_NUMBER,
    .offset = offsetof (struct vl_request, image.size),
    .max = INT64_MAX },
  AMOUNT (image, min_ram, 0),
  AMOUNT (image, min_disk, 0),
  { .name = "status",
    .kind = VL_MEMBER_TEXT,
    .offset = offsetof (struct vl_request, image.status),
    .problem = vl_text_name_problem },
  { .name = "kernel",
    .kind = VL_MEMBER_TEXT,
    .offset = offsetof (struct vl_request, image.kernel),
    .problem = vl_image_ref_problem },
  { .name = "ramdisk",
    .kind = VL_MEMBER_TEXT,
    .offset = offsetof (struct vl_request, image.ramdisk),
    .problem = vl_image_ref_problem },
  { .name = "properties", .kind = VL_MEMBER_OTHER },
};

static void
read_image (struct vl_reader *r, const json_t *image, struct vl_request *request)
{
  if (image == NULL || json_is_null (image))
    return;
  request->image.given = 1;
  vl_members_read (r, image, "$.image", image_members, N (image_members), request);
  vl_entries_read (r, json_object_get (image, "properties"), "$.image.properties", VL_LAYER_IMAGE,
                   request);
}

/* ---- the request ---- */

static const char *
user_data_problem (const char *text)
{
  return strlen (text) > MOST_USER_DATA ? "is too long; accepted: at most 65535 bytes" : NULL;
}

static const struct vl_member request_members[] = {
  { .name = "name",
    .kind = VL_MEMBER_TEXT,
    .offset = offsetof (struct vl_request, name),
    .problem = vl_server_name_problem,
    .code = "InvalidName" },
  { .name = "uuid",
    .kind = VL_MEMBER_TEXT,
    .offset = offsetof (struct vl_request, uuid),
    .problem = vl_uuid_problem,
    .code = "InvalidUUID" },
  { .name = "macs", .kind = VL_MEMBER_OTHER },
  { .name = "flavor", .kind = VL_MEMBER_OTHER, .required = 1 },
  { .name = "image", .kind = VL_MEMBER_OTHER },
  { .name = "networks", .kind = VL_MEMBER_OTHER },
  { .name = "block_devices", .kind = VL_MEMBER_OTHER },
  { .name = "properties", .kind = VL_MEMBER_OTHER },
  { .name = "config_drive",
    .kind = VL_MEMBER_BOOL,
    .offset = offsetof (struct vl_request, config_drive) },
  { .name = "metadata", .kind = VL_MEMBER_OTHER },
  { .name = "user_data",
    .kind = VL_MEMBER_TEXT,
    .offset = offsetof (struct vl_request, user_data),
    .problem = user_data_problem },
  { .name = "disk_kind",
    .kind = VL_MEMBER_TEXT,
    .offset = offsetof (struct vl_request, disk_kind),
    .problem = vl_text_name_problem },
};

static void
read_request (struct vl_reader *r, const json_t *root, struct vl_request *request)
{
  vl_members_read (r, root, "$", request_members, N (request_members), request);
  if (! json_is_object (root))
    return;
  read_flavor (r, json_object_get (root, "flavor"), request);
  read_image (r, json_object_get (root, "image"), request);
  vl_entries_read (r, json_object_get (root, "properties"), "$.properties", VL_LAYER_REQUEST,
                   request);
  vl_networks_read (r, json_object_get (root, "networks"), request);
  vl_macs_read (r, json_object_get (root, "macs"), request);
  vl_devices_read (r, json_object_get (root, "block_devices"), request);
  vl_metadata_read (r, json_object_get (root, "metadata"), request);
}

/* ---- writing ---- */

/* The canonical JSON: members sorted, no blanks, what has its default left out, so
 * that two ways to write one request are one text.  The caller frees. */
static char *
write_request (const struct vl_request *request, int with_uuid, int with_macs)
{
  json_t *root = vl_members_write (request_members, N (request_members), request);
  json_t *flavor = vl_members_write (flavor_members, N (flavor_members), request), *image, *macs;
  char *text;

  if (! with_uuid)
    json_object_del (root, "uuid");
  json_object_set_new (flavor, "extra_specs",
                       vl_entries_write (request->entries, request->n_entries, VL_LAYER_FLAVOR));
  json_object_set_new (root, "flavor", flavor);
  if (request->image.given) {
    image = vl_members_write (image_members, N (image_members), request);
    json_object_set_new (image, "properties",
                         vl_entries_write (request->entries, request->n_entries, VL_LAYER_IMAGE));
    json_object_set_new (root, "image", image);
  }
  json_object_set_new (root, "properties",
                       vl_entries_write (request->entries, request->n_entries, VL_LAYER_REQUEST));
  json_object_set_new (root, "networks", vl_networks_write (request));
  json_object_set_new (root, "block_devices", vl_devices_write (request));
  json_object_set_new (root, "metadata", vl_metadata_write (request));
  if (with_macs && request->n_macs) {
    macs = json_array ();
    for (size_t i = 0; i < request->n_macs; i++)
      json_array_append_new (macs, json_string (request->macs[i]));
    json_object_set_new (root, "macs", macs);
  }
  text = json_dumps (root, JSON_SORT_KEYS | JSON_COMPACT);
  json_decref (root);
  if (text == NULL)
    vl_oom ();
  return text;
}

char *
vl_request_to_json (const struct vl_request *request)
{
  return write_request (request, 1, 1);
}

/* ---- what was not given ---- */

static void
derive_uuid (struct vl_request *request)
{
  VL_AUTOFREE char *canonical = write_request (request, 0, request->n_macs > 0);
  char uuid[37];

  vl_uuid_from_text (canonical, uuid);
  request->uuid = vl_arena_strdup (request->arena, uuid);
}

static int
mac_taken (const struct vl_request *request, const char *mac)
{
  for (size_t i = 0; i < request->n_networks; i++)
    if ((request->macs[i] && VL_STREQ (request->macs[i], mac))
        || (request->networks[i].address && VL_STREQ (request->networks[i].address, mac)))
      return 1;
  return 0;
}

/* In QEMU's own range 52:54:00, the same for the same server and place. */
static const char *
derive_mac (const struct vl_request *request, size_t i)
{
  char uuid[37], *mac = NULL;

  for (unsigned attempt = 0; mac == NULL || mac_taken (request, mac); attempt++) {
    vl_uuid_from_text (vl_arena_printf (request->arena, "%s mac %zu %u", request->uuid, i, attempt),
                       uuid);
    mac = vl_arena_printf (request->arena, "52:54:00:%.2s:%.2s:%.2s", uuid, uuid + 2, uuid + 4);
  }
  return mac;
}

static void
derive_macs (struct vl_request *request)
{
  for (size_t i = 0; i < request->n_networks; i++)
    if (request->macs[i] == NULL)
      request->macs[i] = request->networks[i].address;
  for (size_t i = 0; i < request->n_networks; i++) {
    if (request->macs[i] == NULL)
      request->macs[i] = derive_mac (request, i);
    request->networks[i].mac = request->macs[i];
  }
  request->n_macs = request->n_networks;
}

static void
complete (struct vl_request *request)
{
  char *uuid;

  if (request->uuid == NULL)
    derive_uuid (request);
  uuid = vl_arena_strdup (request->arena, request->uuid);
  for (char *p = uuid; *p; p++)
    if (*p >= 'A' && *p <= 'F')
      *p = (char)(*p - 'A' + 'a');
  request->uuid = uuid;
  derive_macs (request);
}

struct vl_request *
vl_request_read (struct vl_call *call, const char *text, size_t length, const char *origin)
{
  struct vl_reader r = { .call = call, .arena = vl_arena_new (), .origin = origin };
  struct vl_request *request = vl_arena_alloc (r.arena, sizeof *request);
  json_t *root = parse (&r, text, length);

  request->arena = r.arena;
  if (root)
    read_request (&r, root, request);
  json_decref (root);
  if (r.bad) {
    vl_request_free (request);
    return NULL;
  }
  complete (request);
  return request;
}

void
vl_request_free (struct vl_request *request)
{
  if (request)
    vl_arena_free (request->arena);
}
