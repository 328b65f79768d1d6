/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The part of `plugin check` that plans guests of one kind: with one sort of disk alone, on each
 * bus, without networks, and of each architecture. */

#include <config.h>

#include "plugin-check.h"

#include <stdlib.h>
#include <string.h>

/* ---- shapes ---- */

#define LOCAL "\"source_type\": \"image\", \"destination_type\": \"local\", \"boot_index\": 0"
#define VOLUME                                                                                     \
  "\"source_type\": \"volume\", \"destination_type\": \"volume\", \"format\": \"raw\", "           \
  "\"path\": \"@volume@\""
#define ON_BUS(bus)                                                                                \
  {                                                                                                \
    "a root disk on bus " bus, "image.properties.hw_disk_bus", "\"" bus "\""                       \
  }

/* Each takes the place of one member of the request, whose objects stand before it. */
static const struct {
  const char *what, *member, *value;
} shapes[] = {
  { "a volume alone", "block_devices", "[{" VOLUME ", \"boot_index\": 0}]" },
  { "a volume beside the root disk", "block_devices",
    "[{" LOCAL "}, {" VOLUME ", \"boot_index\": -1}]" },
  { "a volume as a lun", "block_devices",
    "[{" LOCAL "}, {" VOLUME ", \"device_type\": \"lun\", \"disk_bus\": \"scsi\", "
    "\"boot_index\": -1}]" },
  { "a blank disk", "block_devices",
    "[{" LOCAL "}, {\"source_type\": \"blank\", \"destination_type\": \"local\", "
    "\"volume_size\": 1, \"boot_index\": -1}]" },
  { "a swap disk", "flavor.swap", "1024" },
  { "an ephemeral disk", "flavor.ephemeral", "1" },
  { "a CD-ROM alone", "image.disk_format", "\"iso\"" },
  { "a floppy", "block_devices",
    "[{" LOCAL "}, {\"source_type\": \"blank\", \"destination_type\": \"local\", "
    "\"volume_size\": 1, \"device_type\": \"floppy\", \"boot_index\": -1}]" },
  { "a config drive", "config_drive", "true" },
  ON_BUS ("virtio"),
  ON_BUS ("scsi"),
  ON_BUS ("ide"),
  ON_BUS ("sata"),
  ON_BUS ("usb"),
  { "no network", "networks", "[]" },
  { "one network", "networks", "[{\"type\": \"user\"}]" },
  { "metadata", "metadata", "{\"key\": \"value\"}" },
  { "one VCPU", "flavor.vcpus", "1" },
  { "seven VCPUs", "flavor.vcpus", "7" },
  { "much memory", "flavor.ram", "1048576" },
};

/* For a machine of whatever CPU there are emulators; what the host of the trial says of its own
 * stays.  The machine is the usual one. */
static const struct {
  const char *arch, *machine;
} archs[] = {
  { "i686", NULL },
  { "x86_64", NULL },
  { "aarch64", "virt" },
  { "armv7l", "virt" },
  { "ppc64", "pseries" },
  { "ppc64le", "pseries" },
  { "s390x", "s390-ccw-virtio" },
  { "riscv64", "virt" },
};

struct shaping {
  struct checking *c;
  int bad;
};

/* Plans REQUEST, which is WHAT: a plan, or a refusal with a reason. */
static void
try_shape (struct shaping *s, struct vl_app *app, const json_t *request, const char *what)
{
  struct vl_plan *plan;
  int result = make_plan (app, request, &plan);
  int code = result < 0 ? vl_findings_exit_code (app) : 0;

  s->c->tap->active |= result == 0 && is_active (plan, s->c->name);
  vl_plan_free (plan);
  if (! tap_faulty (app)
      && (result == 0 || code == VL_ERR_REQUEST || code == VL_ERR_UNSUPPORTED
          || code == VL_ERR_CONFLICT))
    return;
  if (s->bad++ == 0) {
    tap_note (s->c->tap, "a guest with %s:", what);
    tap_findings (s->c->tap, app);
  }
}

/* FULL with the shape number I. */
static json_t *
with_shape (struct checking *c, const json_t *full, size_t i)
{
  json_t *copy = json_deep_copy (full), *at = copy;
  char *text = trial_text (c, shapes[i].value), *path = vl_xasprintf ("%s", shapes[i].member);
  char *name = path;

  for (char *dot = strchr (name, '.'); dot; dot = strchr (name, '.')) {
    *dot = '\0';
    if (json_object_get (at, name) == NULL)
      json_object_set_new (at, name, json_object ());
    at = json_object_get (at, name);
    name = dot + 1;
  }
  json_object_set_new (at, name, json_loads (text, JSON_DECODE_ANY, NULL));
  free (text);
  free (path);
  return copy;
}

static void
try_shapes (struct shaping *s, struct vl_app *app, const json_t *full)
{
  for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
    json_t *request = with_shape (s->c, full, i);

    try_shape (s, app, request, shapes[i].what);
    json_decref (request);
  }
}

/* ---- architectures ---- */

static void
add_fact (json_t *facts, const char *arch, const char *name, json_t *value)
{
  char *key = vl_xasprintf ("%s.%s.%s", *name == '.' ? "caps.qemu" : "guest", arch,
                            *name == '.' ? name + 1 : name);

  if (json_object_get (facts, key) == NULL)
    json_object_set (facts, key, value);
  json_decref (value);
  free (key);
}

/* The file of a host that is the one of APP and emulates every architecture, or NULL. */
static char *
make_host (struct checking *c, struct vl_app *app)
{
  const struct vl_host *host = vl_app_host (app);
  char *text = host ? vl_host_to_json (host) : NULL;
  json_t *file = text ? json_loads (text, 0, NULL) : NULL;
  json_t *facts = json_object_get (file, "facts");
  char *path = vl_xasprintf ("%s/emulators.json", c->folder), *all;
  int made;

  for (size_t i = 0; facts && i < sizeof archs / sizeof archs[0]; i++)
    if (archs[i].machine) {
      char *loader = vl_xasprintf (".%s.loader.type", archs[i].machine);

      add_fact (facts, archs[i].arch, "types", json_pack ("[s]", "qemu"));
      add_fact (facts, archs[i].arch, "machines", json_pack ("[s]", archs[i].machine));
      add_fact (facts, archs[i].arch, "emulator", json_string ("/usr/bin/qemu-system"));
      add_fact (facts, archs[i].arch, loader, json_pack ("[s, s]", "rom", "pflash"));
      free (loader);
    }
  free (text);
  all = facts ? json_dumps (file, JSON_COMPACT) : NULL;
  made = all && tool_write_new (c->tool, path, all) == 0;
  free (all);
  json_decref (file);
  if (made)
    return path;
  free (path);
  return NULL;
}

static void
try_archs (struct shaping *s, struct vl_app *app, const json_t *full)
{
  char *host = make_host (s->c, app);
  struct vl_app *other = host ? check_open (s->c, host, 1) : NULL;

  for (size_t i = 0; other && i < sizeof archs / sizeof archs[0]; i++) {
    json_t *request = json_deep_copy (full), *image = json_object_get (request, "image");
    json_t *properties = json_object_get (image, "properties");
    char *what = vl_xasprintf ("architecture %s", archs[i].arch);

    if (properties == NULL)
      json_object_set_new (image, "properties", properties = json_object ());
    json_object_set_new (properties, "hw_architecture", json_string (archs[i].arch));
    try_shape (s, other, request, what);
    json_decref (request);
    free (what);
  }
  vl_app_free (other);
  free (host);
}

void
check_shapes (struct checking *c)
{
  struct vl_app *app = check_open (c, NULL, 1);
  struct shaping s = { .c = c };
  json_t *full;

  if (app == NULL)
    return;
  full = full_request (c, app, 0, NULL);
  /* What a given request has of disks is what it is about. */
  if (c->request == NULL)
    try_shapes (&s, app, full);
  try_archs (&s, app, full);
  tap_ok (
      c->tap, s.bad == 0,
      "a guest with one kind of disk, or of another architecture, is planned, or refused with a "
      "reason",
      "the first of %d is above", s.bad);
  json_decref (full);
  vl_app_free (app);
}
