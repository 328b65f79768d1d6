/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A request from its JSON.  The text is a stranger's: it is held to limits
 * before it is parsed, and every member is checked before it is kept. */

#include <config.h>

#include "request/json-members.h"

#include "lib/text.h"

#define MOST_BYTES ((size_t)1 << 20)
#define MOST_USER_DATA 65535

/* Keeps every amount in MiB or GiB well inside 63 bits of bytes. */
#define MOST_AMOUNT INT32_MAX

/* ---- members ---- */

#define MEMBER(type, json, what, member, ...)                                                      \
  {                                                                                                \
    .name = (json), .kind = VL_MEMBER_##what, .offset = offsetof (type, member), __VA_ARGS__       \
  }
#define OF_REQUEST(json, what, member, ...)                                                        \
  MEMBER (struct vl_request, json, what, member, __VA_ARGS__)
#define OF_NETWORK(member, what, ...) MEMBER (struct vl_network, #member, what, member, __VA_ARGS__)
#define OF_DEVICE(member, what, ...)                                                               \
  MEMBER (struct vl_block_device, #member, what, member, .code = "InvalidBDM", __VA_ARGS__)
#define OF_LIST(type, member) .count = offsetof (type, n_##member)
#define AMOUNT(least) .min = (least), .max = MOST_AMOUNT
#define NAME .problem = vl_server_name_problem, .code = "InvalidName"
#define ANY_TEXT .problem = vl_text_name_problem
#define ITEMS(rows, type, judge)                                                                   \
  {                                                                                                \
    (rows), sizeof (rows) / sizeof (rows)[0], sizeof (type), (judge)                               \
  }

static const struct vl_member flavor_rows[] = {
  OF_REQUEST ("name", TEXT, flavor.name, NAME),
  OF_REQUEST ("vcpus", NUMBER, flavor.vcpus, AMOUNT (1), .required = 1),
  OF_REQUEST ("ram", NUMBER, flavor.ram, AMOUNT (1), .required = 1),
  OF_REQUEST ("disk", NUMBER, flavor.disk, AMOUNT (0)),
  OF_REQUEST ("ephemeral", NUMBER, flavor.ephemeral, AMOUNT (0)),
  OF_REQUEST ("swap", NUMBER, flavor.swap, AMOUNT (0)),
  OF_REQUEST ("extra_specs", ENTRIES, entries, OF_LIST (struct vl_request, entries),
              .layer = VL_LAYER_FLAVOR),
};
static const struct vl_members flavor_members = ITEMS (flavor_rows, struct vl_request, NULL);

static const struct vl_member image_rows[] = {
  OF_REQUEST ("name", TEXT, image.name, NAME),
  OF_REQUEST ("disk_format", TEXT, image.disk_format, .code = "InvalidDiskFormat",
              .what = "disk format", .among = VL_DISK_FORMATS),
  OF_REQUEST ("size", NUMBER, image.size, .max = INT64_MAX),
  OF_REQUEST ("min_ram", NUMBER, image.min_ram, AMOUNT (0)),
  OF_REQUEST ("min_disk", NUMBER, image.min_disk, AMOUNT (0)),
  OF_REQUEST ("status", TEXT, image.status, ANY_TEXT),
  OF_REQUEST ("kernel", TEXT, image.kernel, .problem = vl_image_ref_problem),
  OF_REQUEST ("ramdisk", TEXT, image.ramdisk, .problem = vl_image_ref_problem),
  OF_REQUEST ("properties", ENTRIES, entries, OF_LIST (struct vl_request, entries),
              .layer = VL_LAYER_IMAGE),
};
static const struct vl_members image_members = ITEMS (image_rows, struct vl_request, NULL);

static const struct vl_member network_rows[] = {
  OF_NETWORK (id, TEXT, .problem = vl_nic_id_problem),
  OF_NETWORK (type, TEXT, ANY_TEXT),
  OF_NETWORK (bridge, TEXT, .problem = vl_interface_problem),
  OF_NETWORK (mtu, NUMBER, .max = VL_MOST_MTU),
  OF_NETWORK (address, TEXT, .problem = vl_mac_problem, .lower = 1),
  OF_NETWORK (vnic_type, TEXT, ANY_TEXT),
  OF_NETWORK (model, TEXT, ANY_TEXT),
  OF_NETWORK (tag, TEXT, .problem = vl_tag_problem),
  OF_NETWORK (details, JSON),
  OF_NETWORK (profile, JSON),
  OF_NETWORK (devname, TEXT, .problem = vl_interface_problem),
  OF_NETWORK (ovs_interfaceid, TEXT, .problem = vl_uuid_problem, .lower = 1),
  OF_NETWORK (properties, ENTRIES, OF_LIST (struct vl_network, properties),
              .layer = VL_LAYER_REQUEST),
};

/* No two networks have one id, address or tap device. */
static void
check_network (struct vl_reader *r, const json_t *object, const char *path, const void *list,
               size_t i)
{
  const struct vl_network *all = list, *own = &all[i];

  (void)object;
  for (size_t k = 0; k < i; k++) {
    if (own->id && vl_text_same (all[k].id, own->id))
      vl_reader_refuse (r, NULL, vl_arena_printf (r->arena, "%s.id", path), NULL,
                        "'%s' is the id of $.networks[%zu] too", own->id, k);
    if (own->address && vl_text_same (all[k].address, own->address))
      vl_reader_refuse (r, NULL, vl_arena_printf (r->arena, "%s.address", path),
                        "give another one, or none to have one made",
                        "'%s' is the address of $.networks[%zu] too", own->address, k);
    if (own->devname && vl_text_same (all[k].devname, own->devname))
      vl_reader_refuse (r, NULL, vl_arena_printf (r->arena, "%s.devname", path),
                        "give another one, or none to have one made",
                        "'%s' is the devname of $.networks[%zu] too", own->devname, k);
  }
}
static const struct vl_members network_members =
    ITEMS (network_rows, struct vl_network, check_network);

static const char *
device_name_problem (const char *text)
{
  const char *name = VL_STARTS (text, "/dev/") ? text + 5 : text;
  size_t n = strspn (name, "abcdefghijklmnopqrstuvwxyz0123456789");

  return n > 0 && n <= 32 && name[n] == '\0'
             ? NULL
             : "is no device name; accepted: names as 'vdb' or '/dev/vdb'";
}

#define SOURCES "blank image snapshot volume"

static const struct vl_member link_rows[] = {
  MEMBER (struct vl_link, "path", TEXT, path, .problem = vl_path_problem, .required = 1,
          .code = "InvalidBDM"),
  MEMBER (struct vl_link, "format", TEXT, format, .what = "format of a volume",
          .among = "qcow2 raw", .required = 1, .code = "InvalidBDM"),
};
static const struct vl_members link_members = ITEMS (link_rows, struct vl_link, NULL);

static const struct vl_member device_rows[] = {
  OF_DEVICE (source_type, TEXT, .what = "source", .among = SOURCES),
  OF_DEVICE (destination_type, TEXT, .what = "destination", .among = "local volume"),
  OF_DEVICE (boot_index, PLACE),
  OF_DEVICE (device_type, TEXT, .what = "type of device", .among = "cdrom disk floppy lun"),
  OF_DEVICE (disk_bus, TEXT, ANY_TEXT),
  OF_DEVICE (device_name, TEXT, .problem = device_name_problem),
  OF_DEVICE (guest_format, TEXT, ANY_TEXT),
  OF_DEVICE (volume_size, NUMBER, AMOUNT (0)),
  OF_DEVICE (uuid, TEXT, .problem = vl_uuid_problem, .lower = 1),
  OF_DEVICE (connection_info, JSON),
  OF_DEVICE (path, TEXT, .problem = vl_path_problem),
  OF_DEVICE (format, TEXT, .what = "format of a volume", .among = "qcow2 raw"),
  OF_DEVICE (backing, TEXT, .problem = vl_path_problem),
  OF_DEVICE (backing_format, TEXT, .what = "format of a volume", .among = "qcow2 raw"),
  MEMBER (struct vl_block_device, "backing_chain", LIST, chain,
          OF_LIST (struct vl_block_device, chain), .of = &link_members, .code = "InvalidBDM"),
  OF_DEVICE (properties, ENTRIES, OF_LIST (struct vl_block_device, properties),
             .layer = VL_LAYER_REQUEST),
  { .name = "delete_on_termination", .kind = VL_MEMBER_IDLE },
  OF_DEVICE (encrypted, BOOL),
  OF_DEVICE (encryption_format, TEXT, .what = "format of encryption", .among = "luks"),
  OF_DEVICE (encryption_secret_uuid, TEXT, .problem = vl_uuid_problem, .lower = 1),
  OF_DEVICE (tag, TEXT, .problem = vl_tag_problem),
  { .name = "volume_type", .kind = VL_MEMBER_IDLE },
};

/* What a volume lies over. */
static void
check_chain (struct vl_reader *r, const char *path, const struct vl_block_device *device)
{
  int raw = device->backing && ! vl_text_same (device->backing_format, "qcow2");

  if (device->n_chain && device->backing == NULL)
    vl_reader_refuse (r, "InvalidBDM", path, "give the file that is nearest as backing",
                      "has backing_chain, but no backing");
  if (device->n_chain + 2 > VL_CHAIN_MOST)
    vl_reader_refuse (r, "InvalidBDM", path, "merge some of them",
                      "is a volume of %zu files; accepted: at most %d", device->n_chain + 2,
                      VL_CHAIN_MOST);
  for (size_t i = 0; i + 1 < device->n_chain; i++)
    raw |= ! vl_text_same (device->chain[i].format, "qcow2");
  if (raw)
    vl_reader_refuse (r, "InvalidBDM", path, NULL,
                      "has a raw file that lies over another one; accepted: qcow2, and raw for the "
                      "last file alone");
}

/* null is not given; a text that was refused has its finding already. */
static void
check_device (struct vl_reader *r, const json_t *object, const char *path, const void *list,
              size_t i)
{
  const struct vl_block_device *device = (const struct vl_block_device *)list + i;

  if (json_is_object (object) && device->source_type == NULL && device->path == NULL
      && ! json_is_string (json_object_get (object, "source_type"))
      && ! json_is_string (json_object_get (object, "path")))
    vl_reader_refuse (r, "InvalidBDM", path, NULL, "has no source_type; accepted: " SOURCES);
  if ((device->backing || device->backing_format)
      && (device->path == NULL || device->backing == NULL || device->backing_format == NULL
          || ! vl_text_same (device->format, "qcow2")))
    vl_reader_refuse (r, "InvalidBDM", path,
                      "give path, format, backing and backing_format, or neither of the last two",
                      "lies over another file; accepted: a path of format qcow2, with backing and "
                      "backing_format");
  if (device->n_chain)
    check_chain (r, path, device);
}
static const struct vl_members device_members =
    ITEMS (device_rows, struct vl_block_device, check_device);

static const char *
user_data_problem (const char *text)
{
  return strlen (text) > MOST_USER_DATA ? "is too long; accepted: at most 65535 bytes" : NULL;
}

static const struct vl_member request_rows[] = {
  OF_REQUEST ("name", TEXT, name, NAME),
  OF_REQUEST ("uuid", TEXT, uuid, .problem = vl_uuid_problem, .code = "InvalidUUID", .lower = 1),
  { .name = "macs", .kind = VL_MEMBER_OTHER },
  { .name = "flavor", .kind = VL_MEMBER_OBJECT, .of = &flavor_members, .required = 1 },
  { .name = "image",
    .kind = VL_MEMBER_OBJECT,
    .of = &image_members,
    .count = offsetof (struct vl_request, image.given) },
  OF_REQUEST ("networks", LIST, networks, OF_LIST (struct vl_request, networks),
              .of = &network_members),
  OF_REQUEST ("block_devices", LIST, devices, OF_LIST (struct vl_request, devices),
              .of = &device_members),
  OF_REQUEST ("properties", ENTRIES, entries, OF_LIST (struct vl_request, entries),
              .layer = VL_LAYER_REQUEST),
  OF_REQUEST ("config_drive", BOOL, config_drive),
  OF_REQUEST ("metadata", ENTRIES, metadata, OF_LIST (struct vl_request, metadata),
              .layer = VL_LAYER_METADATA),
  OF_REQUEST ("user_data", TEXT, user_data, .problem = user_data_problem),
  OF_REQUEST ("hostname", TEXT, hostname, .problem = vl_hostname_problem),
  OF_REQUEST ("public_keys", ENTRIES, public_keys, OF_LIST (struct vl_request, public_keys),
              .layer = VL_LAYER_METADATA),
  OF_REQUEST ("disk_kind", TEXT, disk_kind, ANY_TEXT),
};
static const struct vl_members request_members = ITEMS (request_rows, struct vl_request, NULL);

/* ---- MAC addresses ---- */

/* Is MAC that of another network than I? */
static int
mac_taken (const struct vl_request *request, const char *mac, size_t i)
{
  for (size_t k = 0; k < request->n_networks; k++)
    if (k != i
        && (vl_text_same (request->networks[k].mac, mac)
            || vl_text_same (request->networks[k].address, mac)))
      return 1;
  return 0;
}

static void
read_macs (struct vl_reader *r, const json_t *value, struct vl_request *request)
{
  static const struct vl_member address = { .problem = vl_mac_problem, .lower = 1 };
  size_t n = vl_list_size (r, value, "$.macs");

  if (n > request->n_networks) {
    vl_reader_refuse (r, NULL, "$.macs", NULL,
                      "has %zu addresses for %zu networks; accepted: at most one for each", n,
                      request->n_networks);
    n = 0;
  }
  for (size_t i = 0; i < n; i++) {
    const json_t *item = json_array_get (value, i);
    const char *path = vl_arena_printf (r->arena, "$.macs[%zu]", i);
    const char *mac = vl_text_read (r, item, path, &address), *other = request->networks[i].address;

    request->networks[i].mac = mac;
    if (mac && mac_taken (request, mac, i))
      vl_reader_refuse (r, NULL, path, NULL, "'%s' is another network's address too",
                        json_string_value (item));
    if (mac && other && ! VL_STREQ (other, mac))
      vl_reader_refuse (r, NULL, path, NULL, "'%s' is not the address of $.networks[%zu], '%s'",
                        json_string_value (item), i, other);
  }
}

/* In QEMU's own range 52:54:00, the same for the same server and place. */
static const char *
derive_mac (const struct vl_request *request, size_t i)
{
  char uuid[37], *mac = NULL;

  for (unsigned attempt = 0; mac == NULL || mac_taken (request, mac, i); attempt++) {
    vl_uuid_from_text (vl_arena_printf (request->arena, "%s mac %zu %u", request->uuid, i, attempt),
                       uuid);
    mac = vl_arena_printf (request->arena, "52:54:00:%.2s:%.2s:%.2s", uuid, uuid + 2, uuid + 4);
  }
  return mac;
}

/* ---- the request ---- */

/* A guest is told such things by its config drive alone. */
static int
needs_config_drive (const struct vl_request *request)
{
  int tagged = 0;

  for (size_t i = 0; i < request->n_networks; i++)
    tagged |= request->networks[i].tag != NULL;
  for (size_t i = 0; i < request->n_devices; i++)
    tagged |= request->devices[i].tag != NULL;
  return tagged || request->user_data || request->hostname || request->n_public_keys;
}

/* What was not given. */
static void
complete (struct vl_request *request)
{
  VL_AUTOFREE char *canonical = NULL;
  char uuid[37];

  if (needs_config_drive (request))
    request->config_drive = 1;
  canonical = request->uuid ? NULL : vl_request_to_json (request);
  if (canonical) {
    vl_uuid_from_text (canonical, uuid);
    request->uuid = vl_arena_strdup (request->arena, uuid);
  }
  if (request->image.name) {
    vl_uuid_from_text (request->image.name, uuid);
    request->image.stored_as = vl_arena_strdup (request->arena, uuid);
  }
  for (size_t i = 0; i < request->n_networks; i++)
    if (request->networks[i].mac == NULL)
      request->networks[i].mac = request->networks[i].address;
  for (size_t i = 0; i < request->n_networks; i++)
    if (request->networks[i].mac == NULL)
      request->networks[i].mac = derive_mac (request, i);
}

char *
vl_request_to_json (const struct vl_request *request)
{
  json_t *root = vl_members_write (&request_members, request);
  json_t *macs = json_array ();
  char *text;

  for (size_t i = 0; i < request->n_networks; i++)
    if (request->networks[i].mac)
      json_array_append_new (macs, json_string (request->networks[i].mac));
  if (json_array_size (macs))
    json_object_set (root, "macs", macs);
  json_decref (macs);
  text = json_dumps (root, JSON_SORT_KEYS | JSON_COMPACT);
  json_decref (root);
  if (text == NULL)
    vl_oom ();
  return text;
}

char *
vl_request_plain (struct vl_call *call, const char *text, size_t length)
{
  struct vl_reader r = { .call = call, .arena = call->arena, .origin = "" };
  json_t *root = vl_reader_parse (&r, text, length, MOST_BYTES);
  char *plain;

  if (root == NULL)
    return NULL;
  vl_vifs_translate (&r, root);
  plain = json_dumps (root, JSON_COMPACT | JSON_SORT_KEYS);
  json_decref (root);
  return plain;
}

/* Before what is in the profile, not in the details. */
#define PROFILE "profile."

const char *
vl_network_member (struct vl_call *call, const struct vl_network *network, const char *name)
{
  for (size_t i = 0; i < network_members.n; i++) {
    const struct vl_member *member = &network_rows[i];
    const void *at = (const char *)network + member->offset;

    if (! VL_STREQ (member->name, name))
      continue;
    if (member->kind == VL_MEMBER_TEXT && *(const char *const *)at)
      return *(const char *const *)at;
    if (member->kind == VL_MEMBER_TEXT)
      break;
    return member->kind == VL_MEMBER_NUMBER && *(const int64_t *)at
               ? vl_printf (call, "%lld", (long long)*(const int64_t *)at)
               : NULL;
  }
  return VL_STARTS (name, PROFILE) ? vl_detail (call, network->profile, name + strlen (PROFILE))
                                   : vl_detail (call, network->details, name);
}

struct vl_request *
vl_request_read (struct vl_call *call, const char *text, size_t length, const char *origin)
{
  struct vl_reader r = { .call = call, .arena = vl_arena_new (), .origin = origin };
  struct vl_request *request = vl_arena_alloc (r.arena, sizeof *request);
  json_t *root = vl_reader_parse (&r, text, length, MOST_BYTES);

  request->arena = r.arena;
  if (root) {
    vl_vifs_translate (&r, root);
    vl_members_read (&r, root, "$", &request_members, request);
    read_macs (&r, json_object_get (root, "macs"), request);
  }
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
