/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The lists of a request: networks, block devices, properties, metadata, MAC
 * addresses. */

#include <config.h>

#include "request/json-members.h"

#include "lib/text.h"
#include "request/name.h"

#include <inttypes.h>

#define N(array) (sizeof (array) / sizeof ((array)[0]))

/* More of them than any hypervisor takes, and few enough to name each fault. */
#define MOST_ITEMS 256
#define MOST_PROPERTIES 1024
#define MOST_KEY_BYTES 255

static const char *
lower (struct vl_reader *r, const char *text)
{
  char *copy = vl_arena_strdup (r->arena, text);

  for (char *p = copy; p && *p; p++)
    if (*p >= 'A' && *p <= 'Z')
      *p = (char)(*p - 'A' + 'a');
  return copy;
}

/* How many items VALUE at PATH has; 0 after an error too. */
static size_t
list_size (struct vl_reader *r, const json_t *value, const char *path)
{
  if (value == NULL || json_is_null (value))
    return 0;
  if (! json_is_array (value)) {
    vl_reader_refuse (r, NULL, path, NULL, "is %s; accepted: a list", vl_json_kind (value));
    return 0;
  }
  if (json_array_size (value) > MOST_ITEMS) {
    vl_reader_refuse (r, NULL, path, NULL, "has %zu items; accepted: at most %d",
                      json_array_size (value), MOST_ITEMS);
    return 0;
  }
  return json_array_size (value);
}

/* ---- text by key: properties and metadata ---- */

static int
check_key (struct vl_reader *r, const char *key, const char *path)
{
  const char *problem = vl_text_problem (key, strlen (key));

  if (*key == '\0')
    problem = "is empty; accepted: at least one byte";
  else if (strlen (key) > MOST_KEY_BYTES)
    problem = "is too long; accepted: at most 255 bytes";
  return problem ? vl_reader_refuse (r, NULL, path, NULL, "the key '%s' %s",
                                     vl_shown (r->arena, key), problem)
                 : 0;
}

static const char *
check_value (struct vl_reader *r, const json_t *value, const char *path)
{
  VL_AUTOFREE char *spelt = NULL;
  const char *problem;

  if (json_is_string (value)) {
    problem = vl_text_problem (json_string_value (value), json_string_length (value));
    if (problem == NULL)
      return vl_arena_strdup (r->arena, json_string_value (value));
    vl_reader_refuse (r, NULL, path, NULL, "'%s' %s",
                      vl_shown (r->arena, json_string_value (value)), problem);
    return NULL;
  }
  if (json_is_number (value) || json_is_boolean (value)) {
    spelt = json_dumps (value, JSON_ENCODE_ANY | JSON_REAL_PRECISION (15));
    vl_reader_refuse (r, NULL, path, vl_printf (r->call, "write \"%s\", with the quotes", spelt),
                      "is %s; accepted: text, \"%s\"", vl_json_kind (value), spelt);
    return NULL;
  }
  vl_reader_refuse (r, NULL, path,
                    json_is_null (value) ? "leave the key out to have it unset" : NULL,
                    "is %s; accepted: text", vl_json_kind (value));
  return NULL;
}

static int
compare_entries (const void *a, const void *b)
{
  return strcmp (((const struct vl_entry *)a)->key, ((const struct vl_entry *)b)->key);
}

/* What VALUE has, in byte order of the key; *N how many are good. */
static struct vl_entry *
read_texts (struct vl_reader *r, const json_t *value, const char *path, size_t *n)
{
  struct vl_entry *entries;
  const char *key;
  json_t *item;

  *n = 0;
  if (value == NULL || json_is_null (value))
    return NULL;
  if (! json_is_object (value)) {
    vl_reader_refuse (r, NULL, path, NULL, "is %s; accepted: an object", vl_json_kind (value));
    return NULL;
  }
  if (json_object_size (value) > MOST_PROPERTIES) {
    vl_reader_refuse (r, NULL, path, NULL, "has %zu members; accepted: at most %d",
                      json_object_size (value), MOST_PROPERTIES);
    return NULL;
  }
  entries = vl_arena_alloc (r->arena, (json_object_size (value) + 1) * sizeof *entries);
  json_object_foreach ((json_t *)value, key, item)
  {
    const char *where = vl_arena_printf (r->arena, "%s['%s']", path, vl_shown (r->arena, key));
    const char *text;

    if (check_key (r, key, where) < 0 || (text = check_value (r, item, where)) == NULL)
      continue;
    entries[*n].key = vl_arena_strdup (r->arena, key);
    entries[*n].value = text;
    entries[(*n)++].path = where;
  }
  if (*n > 1)
    qsort (entries, *n, sizeof *entries, compare_entries);
  return entries;
}

/* The member "properties" of OBJECT, a disk or an interface, at PATH. */
static void
read_properties (struct vl_reader *r, const json_t *object, const char *path,
                 const struct vl_entry **properties, size_t *n)
{
  struct vl_entry *entries = read_texts (r, json_object_get (object, "properties"), path, n);

  for (size_t i = 0; i < *n; i++) {
    entries[i].layer = VL_LAYER_REQUEST;
    entries[i].origin = "request";
  }
  *properties = entries;
}

json_t *
vl_entries_write (const struct vl_entry *entries, size_t n, enum vl_layer layer)
{
  json_t *object = NULL;

  for (size_t i = 0; i < n; i++)
    if (entries[i].layer == layer) {
      object = object ? object : json_object ();
      json_object_set_new (object, entries[i].key, json_string (entries[i].value));
    }
  return object;
}

/* ---- networks ---- */

static const struct vl_member network_members[] = {
  VL_TEXT_MEMBER (struct vl_network, id, vl_nic_id_problem),
  VL_TEXT_MEMBER (struct vl_network, type, vl_text_name_problem),
  VL_TEXT_MEMBER (struct vl_network, bridge, vl_interface_problem),
  { .name = "mtu",
    .kind = VL_MEMBER_NUMBER,
    .offset = offsetof (struct vl_network, mtu),
    .max = 65535 },
  VL_TEXT_MEMBER (struct vl_network, address, vl_mac_problem),
  VL_TEXT_MEMBER (struct vl_network, vnic_type, vl_text_name_problem),
  VL_TEXT_MEMBER (struct vl_network, model, vl_text_name_problem),
  { .name = "properties", .kind = VL_MEMBER_OTHER },
};

void
vl_networks_read (struct vl_reader *r, const json_t *value, struct vl_request *request)
{
  size_t n = list_size (r, value, "$.networks");

  request->networks = vl_arena_alloc (r->arena, (n + 1) * sizeof *request->networks);
  for (size_t i = 0; i < n; i++) {
    struct vl_network *network = &request->networks[i];

    vl_members_read (r, json_array_get (value, i), vl_arena_printf (r->arena, "$.networks[%zu]", i),
                     network_members, N (network_members), network);
    read_properties (r, json_array_get (value, i),
                     vl_arena_printf (r->arena, "$.networks[%zu].properties", i),
                     &network->properties, &network->n_properties);
    for (size_t k = 0; network->id && k < i; k++)
      if (request->networks[k].id && VL_STREQ (request->networks[k].id, network->id))
        vl_reader_refuse (r, NULL, vl_arena_printf (r->arena, "$.networks[%zu].id", i), NULL,
                          "'%s' is the id of $.networks[%zu] too", network->id, k);
    network->address = lower (r, network->address);
    for (size_t k = 0; network->address && k < i; k++)
      if (request->networks[k].address && VL_STREQ (request->networks[k].address, network->address))
        vl_reader_refuse (r, NULL, vl_arena_printf (r->arena, "$.networks[%zu].address", i), NULL,
                          "'%s' is the address of $.networks[%zu] too", network->address, k);
  }
  request->n_networks = n;
}

const char *
vl_network_member (struct vl_call *call, const struct vl_network *network, const char *name)
{
  for (size_t i = 0; i < N (network_members); i++) {
    const struct vl_member *member = &network_members[i];
    const char *at = (const char *)network + member->offset;

    if (! VL_STREQ (member->name, name))
      continue;
    if (member->kind == VL_MEMBER_TEXT)
      return *(const char *const *)at;
    return member->kind == VL_MEMBER_NUMBER && *(const int64_t *)at
               ? vl_printf (call, "%lld", (long long)*(const int64_t *)at)
               : NULL;
  }
  return NULL;
}

json_t *
vl_networks_write (const struct vl_request *request)
{
  json_t *list = request->n_networks ? json_array () : NULL;

  for (size_t i = 0; i < request->n_networks; i++) {
    const struct vl_network *network = &request->networks[i];
    json_t *object = vl_members_write (network_members, N (network_members), network);

    json_object_set_new (
        object, "properties",
        vl_entries_write (network->properties, network->n_properties, VL_LAYER_REQUEST));
    json_array_append_new (list, object);
  }
  return list;
}

/* Is the I-th of "macs" that of another network? */
static int
mac_taken (const struct vl_request *request, size_t i)
{
  for (size_t k = 0; request->macs[i] && k < request->n_networks; k++)
    if (k != i
        && ((k < i && request->macs[k] && VL_STREQ (request->macs[k], request->macs[i]))
            || (request->networks[k].address
                && VL_STREQ (request->networks[k].address, request->macs[i]))))
      return 1;
  return 0;
}

void
vl_macs_read (struct vl_reader *r, const json_t *value, struct vl_request *request)
{
  size_t n = list_size (r, value, "$.macs");

  if (n > request->n_networks) {
    vl_reader_refuse (r, NULL, "$.macs", NULL,
                      "has %zu addresses for %zu networks; accepted: at most one "
                      "for each",
                      n, request->n_networks);
    n = 0;
  }
  request->macs = vl_arena_alloc (r->arena, (request->n_networks + 1) * sizeof *request->macs);
  for (size_t i = 0; i < n; i++) {
    const char *path = vl_arena_printf (r->arena, "$.macs[%zu]", i);
    const char *mac = vl_text_read (r, json_array_get (value, i), path, vl_mac_problem, NULL);
    const char *other = request->networks[i].address;

    request->macs[i] = lower (r, mac);
    if (mac_taken (request, i))
      vl_reader_refuse (r, NULL, path, NULL, "'%s' is another network's address too", mac);
    if (mac && other && ! VL_STREQ (other, request->macs[i]))
      vl_reader_refuse (r, NULL, path, NULL, "'%s' is not the address of $.networks[%zu], '%s'",
                        mac, i, other);
  }
  request->n_macs = n;
}

/* ---- block devices ---- */

static const char *
one_of (const char *text, const char *const *words)
{
  for (; *words; words++)
    if (VL_STREQ (text, *words))
      return NULL;
  return "";
}

static const char *
source_problem (const char *text)
{
  static const char *const words[] = { "blank", "image", "snapshot", "volume", NULL };

  return one_of (text, words) ? "is no source; accepted: blank image snapshot volume" : NULL;
}

static const char *
destination_problem (const char *text)
{
  static const char *const words[] = { "local", "volume", NULL };

  return one_of (text, words) ? "is no destination; accepted: local volume" : NULL;
}

static const char *
device_type_problem (const char *text)
{
  static const char *const words[] = { "cdrom", "disk", "floppy", "lun", NULL };

  return one_of (text, words) ? "is no type of device; accepted: cdrom disk floppy lun" : NULL;
}

static const char *
volume_format_problem (const char *text)
{
  static const char *const words[] = { "qcow2", "raw", NULL };

  return one_of (text, words) ? "is no format of a volume; accepted: qcow2 raw" : NULL;
}

static const char *
device_name_problem (const char *text)
{
  const char *name = VL_STARTS (text, "/dev/") ? text + 5 : text;
  size_t n = strspn (name, "abcdefghijklmnopqrstuvwxyz0123456789");

  return n > 0 && n <= 32 && name[n] == '\0'
             ? NULL
             : "is no device name; accepted: names as 'vdb' or '/dev/vdb'";
}

/* A number, or Nova's other spellings of it: text, and null for none. */
static void
read_boot_index (struct vl_reader *r, const json_t *value, const char *path,
                 struct vl_block_device *device)
{
  const char *text = json_string_value (value);
  int64_t index = -1;

  device->boot_index = -1;
  if (value == NULL || json_is_null (value))
    return;
  if (text && *text && text[strspn (text, "-0123456789")] == '\0' && strlen (text) < 10)
    index = strtoll (text, NULL, 10);
  else if (json_is_integer (value))
    index = json_integer_value (value);
  else {
    vl_reader_refuse (r, "InvalidBDM", path, NULL,
                      "is no place in the boot order; accepted: 0 and up, -1 or null for none");
    return;
  }
  if (index > INT32_MAX) {
    vl_reader_refuse (r, "InvalidBDM", path, NULL,
                      "%" PRId64 " is out of range; accepted: -1 to %d", index, INT32_MAX);
    return;
  }
  device->boot_index = index < 0 ? -1 : index;
  device->boot_index_text = vl_arena_printf (r->arena, "%" PRId64, index);
}

static void
read_connection (struct vl_reader *r, const json_t *value, const char *path,
                 struct vl_block_device *device)
{
  VL_AUTOFREE char *text = NULL;

  if (value == NULL || json_is_null (value))
    return;
  if (! json_is_object (value)) {
    vl_reader_refuse (r, "InvalidBDM", path, NULL, "is %s; accepted: an object",
                      vl_json_kind (value));
    return;
  }
  text = json_dumps (value, JSON_COMPACT | JSON_SORT_KEYS);
  device->connection_info = vl_arena_strdup (r->arena, text);
}

#define DEVICE_TEXT(member, check)                                                                 \
  {                                                                                                \
    .name = #member, .kind = VL_MEMBER_TEXT, .offset = offsetof (struct vl_block_device, member),  \
    .problem = (check), .code = "InvalidBDM"                                                       \
  }

static const struct vl_member device_members[] = {
  DEVICE_TEXT (source_type, source_problem),
  DEVICE_TEXT (destination_type, destination_problem),
  { .name = "boot_index", .kind = VL_MEMBER_OTHER },
  DEVICE_TEXT (device_type, device_type_problem),
  DEVICE_TEXT (disk_bus, vl_text_name_problem),
  DEVICE_TEXT (device_name, device_name_problem),
  DEVICE_TEXT (guest_format, vl_text_name_problem),
  { .name = "volume_size",
    .kind = VL_MEMBER_NUMBER,
    .offset = offsetof (struct vl_block_device, volume_size),
    .max = INT32_MAX,
    .code = "InvalidBDM" },
  DEVICE_TEXT (uuid, vl_uuid_problem),
  { .name = "connection_info", .kind = VL_MEMBER_OTHER },
  DEVICE_TEXT (path, vl_path_problem),
  DEVICE_TEXT (format, volume_format_problem),
  { .name = "properties", .kind = VL_MEMBER_OTHER },
  { .name = "delete_on_termination", .kind = VL_MEMBER_IDLE },
  { .name = "tag", .kind = VL_MEMBER_IDLE },
  { .name = "volume_type", .kind = VL_MEMBER_IDLE },
};

void
vl_devices_read (struct vl_reader *r, const json_t *value, struct vl_request *request)
{
  size_t n = list_size (r, value, "$.block_devices");

  request->devices = vl_arena_alloc (r->arena, (n + 1) * sizeof *request->devices);
  for (size_t i = 0; i < n; i++) {
    const json_t *object = json_array_get (value, i);
    const char *path = vl_arena_printf (r->arena, "$.block_devices[%zu]", i);
    struct vl_block_device *device = &request->devices[i];

    vl_members_read (r, object, path, device_members, N (device_members), device);
    read_properties (r, object, vl_json_path (r, path, "properties"), &device->properties,
                     &device->n_properties);
    read_boot_index (r, json_object_get (object, "boot_index"),
                     vl_json_path (r, path, "boot_index"), device);
    read_connection (r, json_object_get (object, "connection_info"),
                     vl_json_path (r, path, "connection_info"), device);
    device->uuid = lower (r, device->uuid);
    /* null is not given; a text that was refused has its finding already. */
    if (json_is_object (object) && device->source_type == NULL && device->path == NULL
        && ! json_is_string (json_object_get (object, "source_type"))
        && ! json_is_string (json_object_get (object, "path")))
      vl_reader_refuse (r, "InvalidBDM", path, NULL,
                        "has no source_type; accepted: blank image snapshot "
                        "volume");
  }
  request->n_devices = n;
}

json_t *
vl_devices_write (const struct vl_request *request)
{
  json_t *list = request->n_devices ? json_array () : NULL;

  for (size_t i = 0; i < request->n_devices; i++) {
    const struct vl_block_device *device = &request->devices[i];
    json_t *object = vl_members_write (device_members, N (device_members), device);

    if (device->boot_index >= 0)
      json_object_set_new (object, "boot_index", json_integer (device->boot_index));
    if (device->connection_info)
      json_object_set_new (object, "connection_info",
                           json_loads (device->connection_info, 0, NULL));
    json_object_set_new (
        object, "properties",
        vl_entries_write (device->properties, device->n_properties, VL_LAYER_REQUEST));
    json_array_append_new (list, object);
  }
  return list;
}

/* ---- properties and metadata ---- */

void
vl_entries_read (struct vl_reader *r, const json_t *value, const char *path, enum vl_layer layer,
                 struct vl_request *request)
{
  static const char *const origins[VL_N_LAYERS] = {
    [VL_LAYER_FLAVOR] = "flavor", [VL_LAYER_IMAGE] = "image", [VL_LAYER_REQUEST] = "request"
  };
  struct vl_entry *fresh, *all;
  size_t n;

  fresh = read_texts (r, value, path, &n);
  if (n == 0)
    return;
  all = vl_arena_alloc (r->arena, (request->n_entries + n) * sizeof *all);
  if (request->n_entries)
    memcpy (all, request->entries, request->n_entries * sizeof *all);
  for (size_t i = 0; i < n; i++) {
    fresh[i].layer = layer;
    fresh[i].origin = origins[layer];
    all[request->n_entries + i] = fresh[i];
  }
  request->entries = all;
  request->n_entries += n;
  request->entries_size = request->n_entries;
}

void
vl_metadata_read (struct vl_reader *r, const json_t *value, struct vl_request *request)
{
  size_t n;
  struct vl_entry *entries = read_texts (r, value, "$.metadata", &n);
  struct vl_property *metadata = vl_arena_alloc (r->arena, (n + 1) * sizeof *metadata);

  for (size_t i = 0; i < n; i++)
    metadata[i] = (struct vl_property) { entries[i].key, entries[i].value };
  request->metadata = metadata;
  request->n_metadata = n;
}

json_t *
vl_metadata_write (const struct vl_request *request)
{
  json_t *object = request->n_metadata ? json_object () : NULL;

  for (size_t i = 0; i < request->n_metadata; i++)
    json_object_set_new (object, request->metadata[i].key,
                         json_string (request->metadata[i].value));
  return object;
}
