/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * machine-type: fills the slot guest.machine: what the image says, else what
 * the operator set for the guest's architecture, else that architecture's usual
 * one.  Only a type that the host offers is taken. */

#include <config.h>

#include <virtloom/feature.h>

#include <inttypes.h>
#include <string.h>

static const struct vl_prop props[] = {
  { .name = "type",
    .type = VL_STRING,
    .image_key = "hw_machine_type",
    .invalid_code = "InvalidMachineType",
    .fills = VL_GUEST_MACHINE,
    .help = "machine type of the guest: an alias or a versioned name that the host offers",
    .since = "0.1.0" },
  { .name = "defaults",
    .type = VL_LIST,
    .setting = "hw_machine_type",
    .nova = "libvirt.hw_machine_type",
    .help = "arch=type items: the machine type of guests of that architecture",
    .since = "0.1.0" },
};

static const struct vl_name reads[] = { { .name = VL_GUEST_ARCH },
                                        { .name = VL_GUEST_VCPUS },
                                        { .name = VL_GUEST_VIRT_TYPE } };

/* What an architecture's guests usually get; NULL: the driver's default. */
static const char *
usual_type (const char *arch)
{
  static const struct {
    const char *arch, *type;
  } usual[] = {
    { "aarch64", "virt" },    { "armv7l", "virt" },          { "i686", "pc" },
    { "ppc64le", "pseries" }, { "s390", "s390-ccw-virtio" }, { "s390x", "s390-ccw-virtio" },
    { "x86_64", "pc" },
  };

  for (size_t i = 0; i < sizeof usual / sizeof usual[0]; i++)
    if (strcmp (usual[i].arch, arch) == 0)
      return usual[i].type;
  return NULL;
}

/* Is the text of LENGTH an architecture that guests usually have, or that those of this
 * host can have? */
static int
is_arch (struct vl_call *c, const char *text, size_t length)
{
  const char *arch = vl_printf (c, "%.*s", (int)length, text);

  return usual_type (arch) || vl_fact_count (c, vl_printf (c, "guest.%s.machines", arch)) > 0;
}

/* The first item of the setting for ARCH, or NULL; warns of items that are not
 * arch=type. */
static const char *
configured_type (struct vl_call *c, const char *arch)
{
  const char *type = NULL;
  size_t length = strlen (arch);

  for (size_t i = 0; i < vl_count (c, "defaults"); i++) {
    const char *item = vl_item (c, "defaults", i), *sign = strchr (item, '=');

    if (sign == NULL || sign == item || sign[1] == '\0') {
      vl_warn (c, "defaults", NULL, "'%s' is passed over; accepted: arch=type, as in 'x86_64=q35'",
               item);
      continue;
    }
    if (! is_arch (c, item, (size_t)(sign - item)))
      vl_warn (c, "defaults", NULL,
               "'%s' is passed over: this host has no guests of architecture '%.*s'; accepted: "
               "arch=type, without blanks, as in 'x86_64=q35'",
               item, (int)(sign - item), item);
    if (type == NULL && strncmp (item, arch, length) == 0 && item[length] == '=')
      type = sign + 1;
  }
  return type;
}

static int
take_default (struct vl_call *c, const char *arch)
{
  const char *type = configured_type (c, arch);

  if (type)
    return vl_put (c, "type", type, "defaults",
                   vl_printf (c, "hw_machine_type names it for %s", arch));
  type = usual_type (arch);
  if (type)
    return vl_put (c, "type", type, VL_GUEST_ARCH, vl_printf (c, "the usual type for %s", arch));
  return 0;
}

/* How many characters A and B share at both ends. */
static size_t
likeness (const char *a, const char *b)
{
  size_t la = strlen (a), lb = strlen (b), least = la < lb ? la : lb, front = 0, back = 0;

  while (front < least && a[front] == b[front])
    front++;
  while (front + back < least && a[la - 1 - back] == b[lb - 1 - back])
    back++;
  return front + back;
}

/* Versioned names ("pc-q35-7.2") are many; the others are what people write. */
static int
refuse (struct vl_call *c, const char *key, const char *type)
{
  const char *few[6], *nearest = NULL;
  size_t n = vl_fact_count (c, key), shown = 0, best = 1;

  for (size_t i = 0; i < n; i++) {
    const char *name = vl_fact_item (c, key, i);
    size_t alike = likeness (type, name);

    if (alike > best) {
      best = alike;
      nearest = name;
    }
    if (shown < sizeof few / sizeof few[0] && strchr (name, '.') == NULL)
      few[shown++] = vl_printf (c, "'%s'", name);
  }
  return vl_refuse_as (
      c, VL_ERR_UNSUPPORTED, "InvalidMachineType", "type",
      vl_printf (c, "%sthe whole list is the host fact '%s'",
                 nearest ? vl_printf (c, "did you mean '%s'? ", nearest) : "", key),
      "machine type '%s' is not one of the %zu that this host offers: %s and versioned ones", type,
      n, vl_join (c, ", ", few, shown));
}

static const char *
machines_key (struct vl_call *c)
{
  return vl_printf (c, "guest.%s.machines", vl_str (c, VL_GUEST_ARCH));
}

static int
resolve (struct vl_call *c)
{
  const char *arch = vl_str (c, VL_GUEST_ARCH), *type, *key;

  if (arch == NULL || vl_is (c, VL_GUEST_VIRT_TYPE, "lxc"))
    return 0;
  if (! vl_has (c, "type") && take_default (c, arch) < 0)
    return -1;
  type = vl_str (c, "type");
  if (type == NULL)
    return 0;
  key = machines_key (c);
  return vl_fact_offers (c, key, type) == 0 ? refuse (c, key, type) : 0;
}

/* Machines without PCI, on which libvirt finds no place for any virtio device. */
static int
lacks_pci (const char *type)
{
  static const char *const types[] = { "isapc", "microvm", "none", "xenfv", "xenpv" };

  for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
    if (strcmp (types[i], type) == 0)
      return 1;
  return 0;
}

/* The most vCPUs that the machine and the hypervisor can have together; INT64_MAX where
 * the host says neither; -1 after a finding. */
static int64_t
most_vcpus (struct vl_call *c, const char *type)
{
  int64_t machine = INT64_MAX, hypervisor = INT64_MAX;

  if (vl_fact_int (c, vl_printf (c, "guest.%s.max-vcpus.%s", vl_str (c, VL_GUEST_ARCH), type), 1,
                   &machine)
          < 0
      || vl_fact_int (c, vl_cap_key (c, "max-vcpus"), 1, &hypervisor) < 0)
    return -1;
  return machine < hypervisor ? machine : hypervisor;
}

static int
check_vcpus (struct vl_call *c, const char *type)
{
  int64_t most = most_vcpus (c, type), vcpus = vl_int (c, VL_GUEST_VCPUS);

  if (most < 0 || vcpus <= most)
    return most < 0 ? -1 : 0;
  return vl_refuse_as (c, VL_ERR_UNSUPPORTED, "NoValidHost", VL_GUEST_VCPUS,
                       "take a flavor with fewer, or another hw_machine_type: 'virtloom host show' "
                       "lists what each can have (guest.ARCH.max-vcpus.TYPE)",
                       "the guest has %" PRId64 " vCPUs, and machine type '%s' of this host at "
                       "most %" PRId64,
                       vcpus, type, most);
}

/* Here rather than in resolve, so that all others can still say what is wrong. */
static int
validate (struct vl_call *c)
{
  const char *type = vl_str (c, "type"), *key = machines_key (c);

  if (type == NULL)
    return 0;
  if (lacks_pci (type))
    return vl_refuse_as (
        c, VL_ERR_UNSUPPORTED, "InvalidMachineType", "type", "'q35' and 'pc' have one",
        "machine type '%s' has no PCI bus, which the devices of every guest need", type);
  if (vl_fact_offers (c, key, type) < 0)
    return vl_unsaid (c, "type", key);
  return check_vcpus (c, type);
}

VL_FEATURE (machine_type, "machine-type", .version = VL_VERSION,
            .summary = "machine type, by image, architecture and what the host offers",
            .props = VL_TABLE (props), .reads = VL_TABLE (reads), .resolve = resolve,
            .validate = validate);
