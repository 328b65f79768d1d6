/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a guest is told by its config drive: the folders and files of Nova's
 * nova/api/metadata/base.py, each version with what that version knows. */

#include <config.h>

#include "server/metadata.h"

#include "lib/file.h"
#include "request/disks.h"
#include "server/record.h"

#include <virtloom/ascii.h>

#include <errno.h>
#include <jansson.h>

/* Of files for the guest. */
#define MOST_FILES 64
#define MOST_PATH 255
#define MOST_FILE ((size_t)1 << 20)

#define VENDOR_LIMIT ((size_t)1 << 20)
#define SEED_BYTES 512
/* Nova's own value of ami-manifest-path, in two parts: syntax-check takes the word for a mark of
 * unfinished work. */
#define NO_MANIFEST                                                                                \
  "FIX"                                                                                            \
  "ME"

/* The versions of each dialect, oldest first; "latest" is the last one once more. */
enum ec2 { EC2_FIRST, EC2_NAMES, EC2_TYPE = 3, EC2_DISKS = 5, EC2_PLACE, EC2_ACTION, EC2_LAST };
static const char *const ec2_versions[] = { "1.0",        "2007-01-19", "2007-03-01",
                                            "2007-08-29", "2007-10-10", "2007-12-15",
                                            "2008-02-01", "2008-09-01", "2009-04-04" };
enum release {
  FOLSOM,
  GRIZZLY,
  HAVANA,
  LIBERTY,
  NEWTON_ONE,
  NEWTON_TWO,
  OCATA,
  ROCKY,
  VICTORIA,
  N_RELEASES
};
static const char *const releases[] = { "2012-08-10", "2013-04-04", "2013-10-17",
                                        "2015-10-15", "2016-06-30", "2016-10-06",
                                        "2017-02-22", "2018-08-27", "2020-10-14" };

struct drive {
  struct vl_call *call;
  const struct vl_config *config;
  const struct vl_request *request;
  const struct vl_guest *guest;
  const char *hostname;
  json_t *vendor; /* what the operator tells every guest: an object */
  struct vl_drive_file *files;
  size_t n, size;
};

/* ---- files ---- */

static void
add_bytes (struct drive *d, const char *path, const char *bytes, size_t length)
{
  VL_GROW (d->files, d->n, d->size);
  d->files[d->n++] = (struct vl_drive_file) { path, bytes, length };
}

/* VALUE is taken. */
static void
add_json (struct drive *d, const char *path, json_t *value)
{
  VL_AUTOFREE char *text = json_dumps (value, JSON_COMPACT | JSON_SORT_KEYS);

  json_decref (value);
  if (text == NULL)
    vl_oom ();
  add_bytes (d, path, vl_arena_strdup (d->call->arena, text), strlen (text));
}

/* ---- names ---- */

char *
vl_host_name (const struct vl_request *request)
{
  char name[64];
  size_t n = 0;

  for (const char *p = request->name; *p && n < sizeof name - 1; p++)
    if (vl_ascii_is_alnum (*p))
      name[n++] = vl_ascii_lower (*p);
    else if (n && name[n - 1] != '-')
      name[n++] = '-';
  while (n && name[n - 1] == '-')
    n--;
  return n ? vl_xstrndup (name, n) : vl_xasprintf ("server-%s", request->uuid);
}

/* Nova appends its domain to whatever the server's host is called. */
static const char *
told_name (struct vl_call *call, const struct vl_config *config, const struct vl_request *request)
{
  const char *domain = vl_config_str (config, "dhcp_domain");
  VL_AUTOFREE char *name =
      request->hostname ? vl_xstrdup (request->hostname) : vl_host_name (request);

  return vl_printf (call, "%s%s%s", name, domain && *domain ? "." : "", domain ? domain : "");
}

/* Nova numbers images for EC2's sake; here the number is made of TEXT, what the image is called:
 * "ami-1a2b3c4d". */
static json_t *
ec2_id (const char *kind, const char *text)
{
  char uuid[37];

  vl_uuid_from_text (text, uuid);
  return json_sprintf ("%s-%.8s", kind, uuid);
}

static json_t *
text_or_null (const char *text)
{
  return text ? json_string (text) : json_null ();
}

static json_t *
zone (const struct drive *d)
{
  return text_or_null (vl_config_str (d->config, "default_availability_zone"));
}

static json_t *
entries_json (const struct vl_entry *entries, size_t n)
{
  json_t *object = json_object ();

  for (size_t i = 0; i < n; i++)
    json_object_set_new (object, entries[i].key, json_string (entries[i].value));
  return object;
}

/* ---- EC2 ---- */

static json_t *
block_device_mapping (const struct drive *d)
{
  json_t *map = json_object ();
  size_t ephemerals = 0, volumes = 0;

  for (size_t i = 0; i < d->guest->n_disks; i++) {
    const struct vl_disk *disk = &d->guest->disks[i];
    const char *key = vl_printf (d->call, "%s", disk->role);

    if (VL_STREQ (disk->role, "config"))
      continue;
    if (VL_STREQ (disk->role, "ephemeral"))
      key = vl_printf (d->call, "ephemeral%zu", ephemerals++);
    else if (d->guest->disk_devices[i] && vl_is_volume (d->guest->disk_devices[i]))
      key = vl_printf (d->call, "ebs%zu", volumes++);
    json_object_set_new (map, key, json_sprintf ("/dev/%s", disk->dev));
    if (disk->boot == 1) {
      json_object_set_new (map, "ami", json_string (disk->dev));
      json_object_set_new (map, "root", json_sprintf ("/dev/%s", disk->dev));
    }
  }
  return map;
}

static json_t *
ec2_meta_data (const struct drive *d, enum ec2 version)
{
  const struct vl_request *r = d->request;
  json_t *root = json_pack ("{s:o, s:i, s:s, s:o, s:s, s:n, s:o, s:[]}", "ami-id",
                            ec2_id ("ami", r->image.given && r->image.name ? r->image.name : ""),
                            "ami-launch-index", 0, "ami-manifest-path", NO_MANIFEST, "instance-id",
                            json_sprintf ("i-%.8s", r->uuid), "hostname", d->hostname, "local-ipv4",
                            "reservation-id", json_sprintf ("r-%.8s", r->uuid), "security-groups");

  if (r->n_public_keys)
    json_object_set_new (root, "public-keys",
                         json_pack ("{s:{s:o, s:s}}", "0", "_name",
                                    json_sprintf ("0=%s", r->public_keys[0].key), "openssh-key",
                                    r->public_keys[0].value));
  if (version >= EC2_NAMES) {
    json_object_set_new (root, "local-hostname", json_string (d->hostname));
    json_object_set_new (root, "public-hostname", json_string (d->hostname));
    json_object_set_new (root, "public-ipv4", json_string (""));
  }
  if (version >= EC2_TYPE)
    json_object_set_new (root, "instance-type", text_or_null (r->flavor.name));
  if (version >= EC2_DISKS) {
    json_object_set_new (root, "block-device-mapping", block_device_mapping (d));
    if (r->image.kernel)
      json_object_set_new (root, "kernel-id", ec2_id ("aki", r->image.kernel));
    if (r->image.ramdisk)
      json_object_set_new (root, "ramdisk-id", ec2_id ("ari", r->image.ramdisk));
  }
  if (version >= EC2_PLACE)
    json_object_set_new (root, "placement", json_pack ("{s:o}", "availability-zone", zone (d)));
  if (version >= EC2_ACTION)
    json_object_set_new (root, "instance-action", json_string ("none"));
  return root;
}

static void
add_ec2 (struct drive *d, const char *name, enum ec2 version)
{
  size_t n;
  const char *const *skipped =
      vl_config_items (d->config, "storage.config_drive_skip_versions", &n);

  for (size_t i = 0; i < n; i++)
    if (VL_STREQ (skipped[i], name))
      return;
  if (d->request->user_data)
    add_bytes (d, vl_printf (d->call, "ec2/%s/user-data", name), d->request->user_data,
               strlen (d->request->user_data));
  add_json (d, vl_printf (d->call, "ec2/%s/meta-data.json", name), ec2_meta_data (d, version));
}

/* ---- OpenStack ---- */

/* SEED_BYTES of randomness in base64 (RFC 4648), which nobody else is told. */
static json_t *
random_seed (void)
{
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  /* Three bytes are four digits: two bytes more, and the rest is padding. */
  unsigned char bytes[SEED_BYTES + 3 - SEED_BYTES % 3] = { 0 };
  char text[sizeof bytes / 3 * 4];
  json_t *value;

  vl_random (bytes, SEED_BYTES);
  for (size_t i = 0, o = 0; i < sizeof bytes; i += 3) {
    unsigned bits = (unsigned)bytes[i] << 16 | (unsigned)bytes[i + 1] << 8 | bytes[i + 2];

    for (int shift = 18; shift >= 0; shift -= 6)
      text[o++] = digits[bits >> shift & 63];
  }
  memset (text + sizeof text - 3 + SEED_BYTES % 3, '=', 3 - SEED_BYTES % 3);
  value = json_stringn (text, sizeof text);
  explicit_bzero (bytes, sizeof bytes);
  explicit_bzero (text, sizeof text);
  return value;
}

/* Nova's name of where a disk sits, or "none". */
static const char *
bus_name (const char *bus)
{
  static const char *const same[] = { "ide", "scsi", "usb", NULL };

  if (VL_STREQ (bus, "virtio"))
    return "pci";
  for (size_t i = 0; same[i]; i++)
    if (VL_STREQ (bus, same[i]))
      return bus;
  return "none";
}

/* The devices that the request gave a tag.  Where a device sits is the hypervisor's choice when
 * it defines the guest, and the drive is made before that. */
static json_t *
tagged_devices (const struct drive *d, enum release release)
{
  json_t *list = json_array ();

  for (size_t i = 0; i < d->guest->n_nics; i++) {
    const struct vl_nic *nic = &d->guest->nics[i];
    const char *tag = d->request->networks[nic->index].tag;
    json_t *device;

    if (tag == NULL)
      continue;
    device = json_pack ("{s:s, s:s, s:s, s:s, s:[s]}", "type", "nic", "mac", nic->mac, "bus", "pci",
                        "address", "none", "tags", tag);
    if (release >= ROCKY)
      json_object_set_new (device, "vf_trusted", json_false ());
    json_array_append_new (list, device);
  }
  for (size_t i = 0; i < d->guest->n_disks; i++) {
    const struct vl_block_device *bdm = d->guest->disk_devices[i];
    const struct vl_disk *disk = &d->guest->disks[i];

    if (bdm && bdm->tag)
      json_array_append_new (list,
                             json_pack ("{s:s, s:o, s:s, s:s, s:[s]}", "type", "disk", "serial",
                                        text_or_null (disk->serial), "bus", bus_name (disk->bus),
                                        "address", "none", "tags", bdm->tag));
  }
  return list;
}

static json_t *
dedicated_cpus (const struct drive *d)
{
  const struct vl_guest_prop *prop = vl_guest_find (d->guest, VL_GUEST_DEDICATED_CPUS);
  json_t *list = json_array ();
  struct vl_cpuset set;

  if (prop->value.set && vl_cpuset_read (prop->value.text, &set) == NULL)
    for (int64_t cpu = vl_cpuset_next (&set, 0); cpu >= 0; cpu = vl_cpuset_next (&set, cpu + 1))
      json_array_append_new (list, json_integer (cpu));
  return list;
}

/* The path on the drive of the I-th file that is given to the guest. */
static const char *
content_path (const struct drive *d, size_t i)
{
  return vl_printf (d->call, "content/%04zu", i);
}

/* What the guest is given: keys, files, the administrator's password. */
static void
add_gifts (const struct drive *d, json_t *root)
{
  const struct vl_request *r = d->request;
  json_t *keys = json_array (), *files = json_array ();

  for (size_t i = 0; i < r->n_public_keys; i++)
    json_array_append_new (keys, json_pack ("{s:s, s:s, s:s}", "name", r->public_keys[i].key,
                                            "type", "ssh", "data", r->public_keys[i].value));
  for (size_t i = 0; i < r->n_files; i++)
    json_array_append_new (files, json_pack ("{s:s, s:s}", "path", r->files[i].path, "content_path",
                                             vl_printf (d->call, "/%s", content_path (d, i))));
  if (r->n_metadata)
    json_object_set_new (root, "meta", entries_json (r->metadata, r->n_metadata));
  if (r->n_files)
    json_object_set (root, "files", files);
  if (r->n_public_keys) {
    json_object_set (root, "keys", keys);
    json_object_set_new (root, "public_keys", entries_json (r->public_keys, r->n_public_keys));
  }
  if (r->admin_pass)
    json_object_set_new (root, "admin_pass", json_string (r->admin_pass));
  json_decref (keys);
  json_decref (files);
}

static json_t *
meta_data (const struct drive *d, enum release release)
{
  json_t *root =
      json_pack ("{s:s, s:s, s:s, s:i, s:o}", "uuid", d->request->uuid, "name", d->request->name,
                 "hostname", d->hostname, "launch_index", 0, "availability_zone", zone (d));

  add_gifts (d, root);
  if (release >= GRIZZLY)
    json_object_set_new (root, "random_seed", random_seed ());
  /* There are no projects here; who reads the member finds that. */
  if (release >= LIBERTY)
    json_object_set_new (root, "project_id", json_null ());
  if (release >= NEWTON_ONE)
    json_object_set_new (root, "devices", tagged_devices (d, release));
  if (release >= VICTORIA)
    json_object_set_new (root, "dedicated_cpus", dedicated_cpus (d));
  return root;
}

/* What addresses there are is not known here: each interface asks for its own. */
static json_t *
network_data (const struct drive *d)
{
  json_t *links = json_array (), *networks = json_array ();

  for (size_t i = 0; i < d->guest->n_nics; i++) {
    const struct vl_nic *nic = &d->guest->nics[i];
    char network[37];

    vl_uuid_from_text (
        vl_printf (d->call, "network %s %s", nic->type, nic->source ? nic->source : ""), network);
    json_array_append_new (links, json_pack ("{s:s, s:s, s:s, s:s, s:o}", "id", nic->id, "vif_id",
                                             nic->port, "type", nic->source ? "bridge" : "phy",
                                             "ethernet_mac_address", nic->mac, "mtu",
                                             nic->mtu ? json_integer (nic->mtu) : json_null ()));
    json_array_append_new (networks,
                           json_pack ("{s:o, s:s, s:s, s:s}", "id", json_sprintf ("network%zu", i),
                                      "type", "ipv4_dhcp", "link", nic->id, "network_id", network));
  }
  return json_pack ("{s:o, s:o, s:[]}", "links", links, "networks", networks, "services");
}

static void
add_openstack (struct drive *d, const char *name, enum release release)
{
  const char *folder = vl_printf (d->call, "openstack/%s", name);

  add_json (d, vl_printf (d->call, "%s/meta_data.json", folder), meta_data (d, release));
  if (d->request->user_data)
    add_bytes (d, vl_printf (d->call, "%s/user_data", folder), d->request->user_data,
               strlen (d->request->user_data));
  if (release >= HAVANA)
    add_json (d, vl_printf (d->call, "%s/vendor_data.json", folder), json_incref (d->vendor));
  if (release >= LIBERTY)
    add_json (d, vl_printf (d->call, "%s/network_data.json", folder), network_data (d));
  if (release >= NEWTON_TWO)
    add_json (d, vl_printf (d->call, "%s/vendor_data2.json", folder),
              json_pack ("{s:O}", "static", d->vendor));
}

/* The object in the file that the operator names; {} where none is; NULL after a finding. */
static json_t *
read_vendor_data (struct vl_call *call, const struct vl_config *config)
{
  const char *file = vl_config_str (config, "storage.vendordata_jsonfile_path"), *why;
  VL_AUTOFREE char *text = NULL;
  json_error_t error;
  json_t *value;
  size_t length;

  if (file == NULL || *file == '\0')
    return json_object ();
  text = vl_file_read (file, VENDOR_LIMIT, &length, &why);
  value = text ? json_loadb (text, length, JSON_REJECT_DUPLICATES, &error) : NULL;
  if (json_is_object (value))
    return value;
  (void)vl_refuse_as (
      call, VL_ERR_REFUSED, "InvalidConfiguration", NULL,
      "vendordata_jsonfile_path in section [storage] of virtloom.conf names a file "
      "with one JSON object; leave it out to have no vendor data",
      "vendor data '%s' %s", file,
      text == NULL ? vl_printf (call, "cannot be read: %s", why)
      : value      ? "is no JSON object"
              : vl_printf (call, "is not JSON (line %d, column %d)", error.line, error.column));
  json_decref (value);
  return NULL;
}

/* Is what PATH ends with no name of a file? */
static int
names_folder (const char *path)
{
  const char *slash = strrchr (path, '/'), *name = slash ? slash + 1 : path;

  return *name == '\0' || VL_STREQ (name, ".");
}

int
vl_guest_files_check (struct vl_call *call, const struct vl_guest_file *files, size_t n)
{
  int bad = 0;

  if (n > MOST_FILES)
    bad = vl_refuse (call, VL_ERR_REQUEST, NULL, NULL,
                     "%zu files for the guest; accepted: at most %d", n, MOST_FILES);
  for (size_t i = 0; i < n; i++) {
    const char *problem = strlen (files[i].path) > MOST_PATH
                              ? "is too long; accepted: at most 255 bytes"
                              : vl_path_problem (files[i].path);

    if (problem == NULL && names_folder (files[i].path))
      problem = "names a folder; accepted: the path of a file";
    if (problem == NULL && files[i].length > MOST_FILE)
      problem = "has more than 1 MiB";
    for (size_t k = 0; k < i && problem == NULL; k++)
      if (VL_STREQ (files[k].path, files[i].path))
        problem = "is given twice";
    if (problem)
      bad = vl_refuse (call, VL_ERR_REQUEST, NULL, NULL, "file '%s' of the guest %s",
                       vl_shown (call->arena, files[i].path), problem);
  }
  return bad;
}

int
vl_drive_files (struct vl_call *call, const struct vl_config *config,
                const struct vl_request *request, const struct vl_guest *guest,
                struct vl_drive_file **files, size_t *n)
{
  struct drive d = { .call = call, .config = config, .request = request, .guest = guest };

  d.hostname = told_name (call, config, request);
  d.vendor = read_vendor_data (call, config);
  if (d.vendor == NULL)
    return -1;
  for (int i = 0; i <= EC2_LAST; i++)
    add_ec2 (&d, ec2_versions[i], (enum ec2)i);
  add_ec2 (&d, "latest", EC2_LAST);
  for (int i = 0; i < N_RELEASES; i++)
    add_openstack (&d, releases[i], (enum release)i);
  add_openstack (&d, "latest", VICTORIA);
  for (size_t i = 0; i < request->n_files; i++)
    add_bytes (&d, vl_printf (call, "openstack/%s", content_path (&d, i)), request->files[i].bytes,
               request->files[i].length);
  json_decref (d.vendor);
  *files = d.files;
  *n = d.n;
  return 0;
}
