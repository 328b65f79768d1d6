/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The core's own properties: what every guest has whatever is loaded.  Names
 * hold a dot already: no plugin's name does. */

#include <config.h>

#include "request/work.h"

#include "request/disks.h"

#define IMAGE_ARCH "guest.image-arch"
#define EMULATED_ARCH "guest.emulated-arch"
#define VM_MODE "guest.vm-mode"
#define HYPERVISOR_TYPE "guest.hypervisor-type"
#define CONFIG_DRIVE "guest.config-drive"
#define DEFAULT_STATE "/var/lib/virtloom"

static const char *const config_drives[] = { "mandatory", "optional", NULL };
static const char *const vm_modes[] = { "baremetal", "exe", "hv", "hvm", "pv", "uml", "xen", NULL };

#define ROW(full, kind)                                                                            \
  {                                                                                                \
    .name = (full), .type = (kind)                                                                 \
  }
#define SLOT(full, kind)                                                                           \
  {                                                                                                \
    .name = (full), .type = (kind), .fills = (full)                                                \
  }

static const struct vl_prop rows[] = {
  ROW (VL_DRIVER_NAME, VL_STRING),
  ROW (VL_DRIVER_SECRETS, VL_BOOL),
  ROW (VL_GUEST_ARCH, VL_STRING),
  ROW (VL_GUEST_BOOT_FROM_VOLUME, VL_BOOL),
  ROW (VL_GUEST_FLAVOR, VL_STRING),
  ROW (VL_GUEST_IMAGE, VL_STRING),
  { .name = VL_GUEST_KERNEL, .type = VL_STRING, .help = "kernel_id of the image" },
  ROW (VL_GUEST_MEMORY, VL_INT),
  ROW (VL_GUEST_NAME, VL_STRING),
  ROW (VL_GUEST_RAMDISK, VL_STRING),
  ROW (VL_GUEST_RUN_DIR, VL_STRING),
  ROW (VL_GUEST_UUID, VL_STRING),
  ROW (VL_GUEST_VCPUS, VL_INT),
  ROW (VL_GUEST_VIRT_TYPE, VL_STRING),
  ROW (VL_STORAGE_IMAGES_TYPE, VL_STRING),
  ROW (VL_STORAGE_CONFIG_DRIVE_BUS, VL_STRING),
  ROW (VL_STORAGE_COW, VL_BOOL),
  ROW (VL_STORAGE_PREALLOCATE, VL_STRING),
  ROW (VL_STORAGE_RAW, VL_BOOL),
  SLOT (VL_CDROM_BUS, VL_STRING),
  SLOT (VL_CLAIM_MEMORY, VL_INT),
  SLOT (VL_CLAIM_VCPUS, VL_INT),
  SLOT (VL_DISK_BUS, VL_STRING),
  SLOT (VL_GUEST_DEDICATED_CPUS, VL_CPUSET),
  SLOT (VL_GUEST_MACHINE, VL_STRING),
  SLOT (VL_HOST_MEMORY, VL_INT),
  SLOT (VL_HOST_VCPUS, VL_INT),
  SLOT (VL_NIC_MODEL, VL_STRING),
  SLOT (VL_SCSI_MODEL, VL_STRING),
  { .name = IMAGE_ARCH,
    .type = VL_STRING,
    .flags = VL_LOWER,
    .image_key = "hw_architecture",
    .invalid_code = "InvalidArchitectureName" },
  { .name = EMULATED_ARCH,
    .type = VL_STRING,
    .flags = VL_LOWER,
    .image_key = "hw_emulation_architecture",
    .invalid_code = "InvalidArchitectureName" },
  { .name = VM_MODE,
    .type = VL_CHOICE,
    .flags = VL_NOCASE,
    .choices = vm_modes,
    .image_key = "hw_vm_mode",
    .invalid_code = "InvalidVirtualMachineMode" },
  { .name = HYPERVISOR_TYPE,
    .type = VL_STRING,
    .flags = VL_LOWER,
    .image_key = "img_hv_type",
    .invalid_code = "InvalidHypervisorVirtType" },
  { .name = CONFIG_DRIVE,
    .type = VL_CHOICE,
    .choices = config_drives,
    .image_key = "img_config_drive",
    .invalid_code = "InvalidImageConfigDrive" },
};

const struct vl_prop *
vl_core_props (size_t *n)
{
  *n = sizeof rows / sizeof rows[0];
  return rows;
}

void
vl_guest_put (struct vl_guest *guest, const char *name, const char *text, const char *why,
              const char *reason)
{
  struct vl_guest_prop *prop = vl_guest_find (guest, name);
  struct vl_prop spec = { .flags = VL_EMPTY_OK };
  const char *wrong;

  if (prop == NULL || text == NULL)
    return;
  spec.type = prop->row->type;
  prop->why = why;
  prop->reason = reason;
  prop->origin = VL_LAYER_RESOLVED;
  if (vl_value_take (guest->call->arena, &spec, text, &prop->value, &wrong) == 0) {
    prop->state = VL_RESOLVED;
    return;
  }
  prop->state = VL_FAILED;
  vl_refuse (guest->call, VL_ERR_REQUEST, NULL, NULL, "'%s' as %s %s",
             vl_shown (guest->call->arena, text), name, wrong);
}

static struct vl_guest_prop *
fail (struct vl_guest *guest, const char *name)
{
  struct vl_guest_prop *prop = vl_guest_find (guest, name);

  prop->state = VL_FAILED;
  return prop;
}

/* An error about what the image says in core property NAME. */
static int
refuse (struct vl_guest *guest, const char *name, enum vl_err err, const char *code,
        const char *hint, const char *message)
{
  const struct vl_guest_prop *prop = fail (guest, name);
  struct vl_report report = {
    .severity = VL_SEV_ERROR, .err = err, .code = code, .property = name, .hint = hint
  };

  if (prop->raw[prop->origin])
    report.origin = vl_raw_origin (guest->call->arena, prop->raw[prop->origin], prop->origin);
  return vl_report (guest->call, &report, "%s", message);
}

static const char *
number (struct vl_guest *guest, int64_t n)
{
  char buffer[24];

  return vl_arena_strdup (guest->call->arena, vl_decimal (buffer, n));
}

/* ---- architecture ---- */

/* What architecture NAME is called here; NULL where it is none. */
static const char *
canonical_arch (const char *name)
{
  static const char known[] =
      "aarch64 alpha armv6 armv7b armv7l cris i686 ia64 lm32 loongarch64 m68k microblaze "
      "microblazeel mips mips64 mips64el mipsel openrisc parisc parisc64 ppc ppc64 ppc64le ppcemb "
      "ppcle riscv32 riscv64 s390 s390x sh4 sh4eb sparc sparc64 unicore32 x86_64 xtensa xtensaeb";

  if (vl_glob_any ("i386 i486 i586 x86_32 x86_32p", name))
    return "i686";
  if (VL_STREQ (name, "amd64"))
    return "x86_64";
  return vl_glob_any (known, name) ? name : NULL;
}

/* What follows "qemu-system-" in the name of the Debian package that emulates ARCH. */
static const char *
emulator_package (const char *arch)
{
  static const char *const packages[][2] = {
    { "x86_64 i686", "x86" }, { "aarch64 armv*", "arm" }, { "mips*", "mips" },
    { "ppc ppc64*", "ppc" },  { "sparc*", "sparc" },
  };

  for (size_t i = 0; i < sizeof packages / sizeof packages[0]; i++)
    if (vl_glob_any (packages[i][0], arch))
      return packages[i][1];
  return "misc";
}

/* A host that says of which architectures its guests are has no others. */
static int
check_emulator (struct vl_guest *guest, const char *arch, const char *source)
{
  struct vl_call *call = guest->call;
  VL_AUTOFREE char *prefix = vl_xasprintf ("guest.%s.", arch);
  VL_AUTOSTR struct vl_str all = { 0 };
  size_t first, n = guest->host ? vl_host_range (guest->host, "guest.", &first) : 0, at;

  if (n == 0 || vl_host_range (guest->host, prefix, &at) > 0)
    return 0;
  for (size_t i = first; i < first + n; i++) {
    const char *name = guest->host->facts[i].key + strlen ("guest.");
    int length = (int)strcspn (name, ".");

    if (all.length < (size_t)length
        || strncmp (all.text + all.length - length, name, (size_t)length) != 0)
      vl_str_printf (&all, " %.*s", length, name);
  }
  return refuse (
      guest, source, VL_ERR_UNSUPPORTED, "NoValidHost",
      vl_printf (call, "apt-get install qemu-system-%s, or take another image",
                 emulator_package (arch)),
      vl_printf (call, "this host has no emulator for '%s' guests; accepted:%s", arch, all.text));
}

static void
set_arch (struct vl_guest *guest)
{
  static const char *const sources[] = { EMULATED_ARCH, IMAGE_ARCH };
  const char *host = guest->host ? vl_host_str (guest->host, "host.arch") : NULL;
  int given = 0, bad = 0;

  for (size_t i = 0; i < 2; i++) {
    const struct vl_guest_prop *prop = vl_guest_find (guest, sources[i]);
    const char *arch = prop->value.set ? canonical_arch (prop->value.text) : NULL;

    bad |= prop->state == VL_FAILED || (prop->value.set && arch == NULL);
    if (prop->value.set && arch == NULL)
      refuse (guest, sources[i], VL_ERR_REQUEST, "InvalidArchitectureName", NULL,
              vl_printf (guest->call,
                         "'%s' is no architecture; accepted: names as 'x86_64', "
                         "'aarch64', 'ppc64le', 's390x', 'riscv64'",
                         vl_shown (guest->call->arena, prop->value.text)));
    else if (arch && ! given) {
      vl_guest_put (guest, VL_GUEST_ARCH, arch, sources[i], NULL);
      bad |= check_emulator (guest, arch, sources[i]) < 0;
      given = 1;
    }
  }
  if (bad)
    fail (guest, VL_GUEST_ARCH);
  else if (! given && host)
    vl_guest_put (guest, VL_GUEST_ARCH, host, "host.arch", NULL);
  else if (! given) {
    fail (guest, VL_GUEST_ARCH);
    vl_unsaid (guest->call, NULL, "host.arch");
  }
}

/* ---- virtualization type ---- */

static const char *
core_text (struct vl_guest *guest, const char *name)
{
  const struct vl_guest_prop *prop = vl_guest_find (guest, name);

  return prop->value.set && prop->state != VL_FAILED ? prop->value.text : NULL;
}

static int
is_qemu (const char *type)
{
  return VL_STREQ (type, "kvm") || VL_STREQ (type, "qemu");
}

/* QEMU runs what was made for KVM and the other way round; the hardware that the
 * guest sees is the same. */
static void
check_hypervisor (struct vl_guest *guest, const char *type)
{
  const char *wanted = core_text (guest, HYPERVISOR_TYPE), *mode = core_text (guest, VM_MODE);
  const char *ours = VL_STREQ (type, "lxc") ? "exe" : "hvm";

  if (wanted && ! VL_STREQ (wanted, type) && ! (is_qemu (wanted) && is_qemu (type))) {
    refuse (guest, HYPERVISOR_TYPE, VL_ERR_UNSUPPORTED, "NoValidHost",
            "choose a driver for such images with --driver, or another image",
            vl_printf (guest->call,
                       "the image is for hypervisor '%s', and driver '%s' makes '%s' "
                       "guests; accepted: %s",
                       vl_shown (guest->call->arena, wanted),
                       guest->driver ? guest->driver->name : "", type,
                       is_qemu (type) ? "kvm qemu" : type));
  }
  if (mode == NULL || VL_STREQ (mode, ours) || (ours[0] == 'h' && VL_STREQ (mode, "hv")))
    return;
  vl_warn (guest->call, VM_MODE, NULL, "mode '%s' has no effect: '%s' guests run in mode '%s'",
           mode, type, ours);
}

const char *
vl_driver_answer (struct vl_call *call, const struct vl_plugin *driver, const char *slot)
{
  struct vl_plugin *caller = call->plugin;
  const struct vl_driver *body = driver ? &driver->driver : NULL;
  const char *question = slot ? slot : VL_GUEST_VIRT_TYPE;
  struct vl_answer *answer;

  for (const struct vl_answer *told = call->told; told; told = told->next)
    if (VL_STREQ (told->question, question))
      return told->text;
  answer = vl_arena_alloc (call->arena, sizeof *answer);
  *answer = (struct vl_answer) { .question = question, .next = call->answers };
  vl_call_as (call, (struct vl_plugin *)driver);
  call->doing = slot ? "slot_default" : "virt_type";
  if (slot && body && body->slot_default)
    answer->text = body->slot_default (call, slot);
  else if (! slot && body && body->virt_type)
    answer->text = body->virt_type (call);
  vl_call_as (call, caller);
  call->answers = answer;
  return answer->text;
}

const char *
vl_driver_secrets (struct vl_call *call, const struct vl_plugin *driver)
{
  const char *text = vl_driver_answer (call, driver, VL_DRIVER_SECRETS);

  return text && VL_STREQ (text, "false") ? "false" : "true";
}

int
vl_need_secrets (struct vl_call *call, const char *prop, const char *what)
{
  if (what == NULL)
    return vl_fault (call, "vl_need_secrets: NULL where a sentence is needed");
  if (vl_bool (call, VL_DRIVER_SECRETS))
    return 0;
  return vl_refuse (call, VL_ERR_UNSUPPORTED, prop,
                    vl_printf (call, "set connection_uri = qemu:///system in plugins.d/%s.conf",
                               vl_str (call, VL_DRIVER_NAME)),
                    "%s, and libvirt's embedded driver starts no guest that needs one", what);
}

static void
set_virt_type (struct vl_guest *guest)
{
  struct vl_plugin *driver = guest->driver;
  const char *host = guest->host ? vl_host_str (guest->host, "host.arch") : NULL;
  const char *arch = core_text (guest, VL_GUEST_ARCH), *type;

  if (driver == NULL)
    return;
  vl_guest_put (guest, VL_DRIVER_NAME, driver->name,
                vl_printf (guest->call, "driver=%s", driver->name), "chosen");
  vl_guest_put (guest, VL_DRIVER_SECRETS, vl_driver_secrets (guest->call, driver), VL_DRIVER_NAME,
                vl_printf (guest->call, "what driver '%s' can do", driver->name));
  type = vl_driver_answer (guest->call, driver, NULL);
  if (type == NULL) {
    fail (guest, VL_GUEST_VIRT_TYPE);
    return;
  }
  if (VL_STREQ (type, "kvm") && arch && host && ! VL_STREQ (arch, host)) {
    const char *types = vl_printf (guest->call, "guest.%s.types", arch);
    int kvm = vl_host_offers (guest->host, types, type);

    vl_guest_put (
        guest, VL_GUEST_VIRT_TYPE, kvm == 1 ? type : "qemu", kvm == 1 ? types : VL_GUEST_ARCH,
        kvm == 1 ? "the host runs them with KVM"
                 : vl_printf (guest->call, "a '%s' host emulates other architectures", host));
    if (kvm != 1)
      vl_warn (guest->call, VL_GUEST_ARCH, "take a host of that architecture",
               "the guest is emulated, which is many times slower: this '%s' host has no KVM for "
               "'%s'",
               host, arch);
  } else
    vl_guest_put (guest, VL_GUEST_VIRT_TYPE, type, VL_DRIVER_NAME,
                  vl_printf (guest->call, "what driver '%s' makes", driver->name));
  check_hypervisor (guest, core_text (guest, VL_GUEST_VIRT_TYPE));
}

/* ---- what the request says ---- */

/* The copy in STATE of the image that REF names, or the path that it is. */
static const char *
image_path (struct vl_guest *guest, const char *ref)
{
  const char *state = guest->request->state_dir;
  char uuid[37];

  if (ref == NULL || ref[0] == '/')
    return ref;
  vl_uuid_from_text (ref, uuid);
  return vl_printf (guest->call, "%s/images/%s", state ? state : DEFAULT_STATE, uuid);
}

static void
put_given (struct vl_guest *guest, const char *name, const char *value, const char *member,
           const char *part)
{
  if (value)
    vl_guest_put (guest, name, value, vl_printf (guest->call, "%s=%s", member, value), part);
}

static void
set_request (struct vl_guest *guest)
{
  const struct vl_request *request = guest->request;
  const struct vl_block_device *root = vl_root_device (request);
  const char *state = request->state_dir ? request->state_dir : DEFAULT_STATE;
  const char *vcpus = number (guest, request->flavor.vcpus),
             *ram = number (guest, request->flavor.ram);

  put_given (guest, VL_GUEST_NAME, request->name, "name", "request");
  put_given (guest, VL_GUEST_UUID, request->uuid, "uuid", "request");
  put_given (guest, VL_GUEST_VCPUS, vcpus, "vcpus", "flavor");
  vl_guest_put (guest, VL_GUEST_MEMORY, number (guest, request->flavor.ram * 1024),
                vl_printf (guest->call, "ram=%s", ram), "flavor");
  put_given (guest, VL_GUEST_FLAVOR, request->flavor.name, "name", "flavor");
  if (request->image.given) {
    put_given (guest, VL_GUEST_IMAGE, request->image.name, "name", "image");
    put_given (guest, VL_GUEST_KERNEL, image_path (guest, request->image.kernel), "kernel",
               "image");
    put_given (guest, VL_GUEST_RAMDISK, image_path (guest, request->image.ramdisk), "ramdisk",
               "image");
  }
  vl_guest_put (guest, VL_GUEST_BOOT_FROM_VOLUME, root && vl_is_volume (root) ? "true" : "false",
                "block_devices", "request");
  vl_guest_put (guest, VL_GUEST_RUN_DIR,
                vl_printf (guest->call, "%s/servers/%s/run", state, request->uuid), VL_GUEST_UUID,
                "the server's folder");
}

/* Where KEY of section [storage] is set, or NULL. */
static const struct vl_conf_entry *
storage_entry (struct vl_guest *guest, const char *key)
{
  return guest->config ? vl_config_find (guest->config, "virtloom.conf", "storage", key) : NULL;
}

/* What NAME, "storage.KEY", is; OTHERWISE where there is no configuration. */
static const char *
storage_text (struct vl_guest *guest, const char *name, const char *otherwise)
{
  const char *text = vl_config_str (guest->config, name);

  return text ? text : otherwise;
}

/* Puts PROP, which is VALUE because key KEY of section [storage] is TEXT. */
static void
put_storage (struct vl_guest *guest, const char *prop, const char *value, const char *key,
             const char *text)
{
  const struct vl_conf_entry *entry = storage_entry (guest, key);

  vl_guest_put (guest, prop, value, vl_printf (guest->call, "storage.%s=%s", key, text),
                entry ? vl_printf (guest->call, "setting, %s:%d", entry->path, entry->line)
                      : "default");
}

/* The images_type of new disks, TEXT or what that stands for; NULL after a finding, which
 * has an origin if CONFIG says it. */
static const char *
images_type (struct vl_call *call, struct vl_registry *registry, const struct vl_config *config,
             const char *text)
{
  struct vl_report report = { .severity = VL_SEV_ERROR,
                              .err = VL_ERR_REFUSED,
                              .hint = vl_registry_nearest (
                                  call, registry, VL_ANSWER_IMAGES, text,
                                  "enable the storage plugin that answers for it") };
  const struct vl_conf_entry *entry =
      config ? vl_config_find (config, "virtloom.conf", "storage", "images_type") : NULL;
  struct vl_plugin *plugin;

  if (VL_STREQ (text, "default")) {
    plugin = vl_registry_default (call, registry);
    return plugin ? vl_plugin_answers (plugin, VL_ANSWER_IMAGES)[0] : NULL;
  }
  if (vl_registry_answer (registry, VL_ANSWER_IMAGES, text))
    return text;
  if (entry)
    report.origin = vl_printf (call, "%s:%d", entry->path, entry->line);
  plugin = vl_registry_answer (registry, VL_ANSWER_VOLUMES, text);
  if (plugin)
    report.hint = vl_printf (
        call, "plugin '%s' answers for volumes of this type, and makes no disks", plugin->name);
  vl_report (call, &report, "no loaded plugin answers for images_type '%s'; accepted: default%s",
             text, vl_registry_answers (registry, call->arena, VL_ANSWER_IMAGES));
  return NULL;
}

int
vl_core_ready (struct vl_call *call, struct vl_registry *registry, const struct vl_config *config)
{
  const char *said = vl_config_str (config, "storage.images_type");

  /* What "default" stands for is for a guest to say. */
  return said == NULL || VL_STREQ (said, "default") || images_type (call, registry, config, said)
             ? 0
             : -1;
}

/* What the image says of CD-ROM drives stands above the setting. */
static void
set_config_drive_bus (struct vl_guest *guest)
{
  const struct vl_guest_prop *slot = vl_guest_find (guest, VL_CDROM_BUS);
  const char *bus = vl_config_str (guest->config, "storage.config_drive_bus");

  if (bus && guest->request->config_drive
      && VL_STREQ (storage_text (guest, "storage.config_drive_format", ""), "iso9660")
      && ! (slot->filler && guest->props[slot->filler - 1].value.set))
    put_storage (guest, VL_STORAGE_CONFIG_DRIVE_BUS, bus, "config_drive_bus", bus);
}

static void
set_storage (struct vl_guest *guest)
{
  static const char *const plain[][3] = {
    { VL_STORAGE_COW, "storage.use_cow_images", "true" },
    { VL_STORAGE_RAW, "storage.force_raw_images", "true" },
    { VL_STORAGE_PREALLOCATE, "storage.preallocate_images", "none" },
  };
  const char *kind = guest->request->disk_kind;
  const char *said = storage_text (guest, "storage.images_type", "default"), *type;

  for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
    const char *text = storage_text (guest, plain[i][1], plain[i][2]);

    put_storage (guest, plain[i][0], text, plain[i][1] + strlen ("storage."), text);
  }
  type =
      images_type (guest->call, guest->registry, kind ? NULL : guest->config, kind ? kind : said);
  if (type == NULL)
    fail (guest, VL_STORAGE_IMAGES_TYPE);
  else if (kind)
    vl_guest_put (guest, VL_STORAGE_IMAGES_TYPE, type,
                  vl_printf (guest->call, "disk_kind=%s", kind), "request");
  else
    put_storage (guest, VL_STORAGE_IMAGES_TYPE, type, "images_type", said);
}

void
vl_core_set (struct vl_guest *guest)
{
  set_request (guest);
  set_storage (guest);
  set_config_drive_bus (guest);
  set_arch (guest);
  set_virt_type (guest);
}
