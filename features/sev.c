/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * sev: memory encrypted by the CPU: AMD SEV, SEV-ES or SEV-SNP.  A guest that
 * asks for it gets it or is refused; it is never made without. */

#include <config.h>

#include <virtloom/feature.h>

#include <inttypes.h>
#include <string.h>

#define LIMIT "num-memory-encrypted-guests"

static const char *const models[] = { "amd-sev", "amd-sev-es", "amd-sev-snp", NULL };

static const struct vl_prop props[] = {
  { .name = "encryption",
    .type = VL_TRISTATE,
    .rule = VL_MUST_AGREE,
    .flavor_key = "hw:mem_encryption",
    .image_key = "hw_mem_encryption",
    .help = "is the guest's memory encrypted",
    .since = "0.1.0" },
  { .name = "model",
    .type = VL_CHOICE,
    .rule = VL_MUST_AGREE,
    .choices = models,
    .flavor_key = "hw:mem_encryption_model",
    .image_key = "hw_mem_encryption_model",
    .only = "encryption=true; kind",
    .help = "how, where memory is encrypted; unset: amd-sev, or what a required trait says",
    .since = "0.1.0" },
  { .name = "kind",
    .type = VL_CHOICE,
    .choices = models,
    .help = "how the guest's memory is encrypted; unset: it is not",
    .since = "0.1.0" },
  { .name = LIMIT,
    .type = VL_INT,
    .min = 0,
    .max = INT32_MAX,
    .setting = "num_memory_encrypted_guests",
    .nova = "libvirt.num_memory_encrypted_guests",
    .help = "most encrypted guests of each model; unset: as many as the host has slots",
    .since = "0.1.0" },
};

/* libvirt that knows sev-snp; the other kinds are older than any that is
 * supported. */
#define SNP_SINCE "10.5.0"

static const struct vl_write writes[] = {
  { .path = "launchSecurity", .flags = VL_GUARDED },
  { .path = "launchSecurity[type=sev-snp]", .since = SNP_SINCE },
  { .path = "memoryBacking/locked", .flags = VL_GUARDED },
  { .path = "features/vmcoreinfo" },
};

static const struct vl_name reads[] = {
  { .name = VL_GUEST_ARCH },
  { .name = VL_GUEST_VIRT_TYPE },
  { .name = VL_GUEST_MACHINE },
  { .name = VL_GUEST_KERNEL },
  { .name = VL_GUEST_DISK },
  { .name = VL_SCSI_MODEL },
  { .name = "firmware.type", .flags = VL_OPTIONAL },
  { .name = "firmware.stateless", .flags = VL_OPTIONAL },
  { .name = "locked-memory.locked", .flags = VL_OPTIONAL },
};

/* Weakest first. */
enum { SEV, ES, SNP, N_KINDS };

/* The required traits that ask for encryption, then the class that it takes. */
static const struct vl_name traits[] = {
  [SEV] = { .name = "HW_CPU_X86_AMD_SEV" },
  [ES] = { .name = "HW_CPU_X86_AMD_SEV_ES" },
  [SNP] = { .name = "HW_CPU_X86_AMD_SEV_SNP" },
  [N_KINDS] = { .name = "MEM_ENCRYPTION_CONTEXT" },
};

static const struct {
  const char *policy, *slots;
} kinds[N_KINDS] = {
  [SEV] = { "0x0033", "sev.max-guests" },
  [ES] = { "0x0037", "sev.max-es-guests" },
  [SNP] = { "0x00030000", "sev.max-es-guests" },
};

/* QEMU that can run SEV-ES guests. */
#define ES_SINCE "8.0.0"

static int
kind_of (struct vl_call *c, const char *prop)
{
  for (int i = 0; i < N_KINDS; i++)
    if (vl_is (c, prop, models[i]))
      return i;
  return -1;
}

/* The strongest kind that a required trait of flavor or image asks for, or -1. */
static int
kind_of_traits (struct vl_call *c)
{
  for (int i = N_KINDS - 1; i >= 0; i--)
    if (vl_trait (c, traits[i].name, 1u << VL_LAYER_FLAVOR | 1u << VL_LAYER_IMAGE))
      return i;
  return -1;
}

/* What is asked for, by key or by trait.  Two wishes that cannot both be met are
 * refused rather than one of them dropped. */
static int
resolve (struct vl_call *c)
{
  int model = kind_of (c, "model"), trait = kind_of_traits (c);

  if (trait >= 0 && vl_has (c, "encryption") && ! vl_bool (c, "encryption"))
    return vl_refuse_as (
        c, VL_ERR_REQUEST, "FlavorImageConflict", "encryption", "take out one of the two",
        "memory encryption is declined, and trait:%s=required asks for it", traits[trait].name);
  if (! vl_bool (c, "encryption") && trait < 0)
    return 0;
  if (model >= 0 && trait > model)
    return vl_refuse_as (c, VL_ERR_REQUEST, "FlavorImageConflict", "model",
                         "take out one of the two",
                         "the model is '%s', and trait:%s=required asks for '%s'", models[model],
                         traits[trait].name, models[trait]);
  if (model >= 0)
    return vl_put (c, "kind", models[model], "model", "as asked for");
  if (trait >= 0)
    return vl_put (c, "kind", models[trait], NULL,
                   vl_printf (c, "trait:%s=required asks for it", traits[trait].name));
  return vl_put (c, "kind", models[SEV], "encryption", "the usual model");
}

static int
active (struct vl_call *c)
{
  return vl_has (c, "kind");
}

/* The property to name in a finding about the guest: what asked for encryption. */
static const char *
asked (struct vl_call *c)
{
  return vl_bool (c, "encryption") ? "encryption" : "kind";
}

/* Who asked, as Nova says it. */
static const char *
requesters (struct vl_call *c)
{
  const char *who[2];
  size_t n = 0;

  if (vl_layer_bool (c, "encryption", VL_LAYER_FLAVOR))
    who[n++] = "hw:mem_encryption of the flavor";
  if (vl_layer_bool (c, "encryption", VL_LAYER_IMAGE))
    who[n++] = "hw_mem_encryption of the image";
  return n ? vl_join (c, " and ", who, n)
           : vl_printf (c, "trait:%s=required", traits[kind_of_traits (c)].name);
}

/* What the guest must be, in Nova's order. */
static int
check_guest (struct vl_call *c, int kind)
{
  const char *machine = vl_str (c, VL_GUEST_MACHINE);
  int result = 0;

  if (! vl_is (c, "firmware.type", "uefi"))
    result = vl_refuse_as (c, VL_ERR_REQUEST, "FlavorImageConflict", asked (c),
                           "add hw_firmware_type=uefi to the image",
                           "memory encryption requested by %s takes UEFI, and the image does not "
                           "have hw_firmware_type=uefi",
                           requesters (c));
  if (machine == NULL || strstr (machine, "q35") == NULL)
    result = vl_refuse_as (c, VL_ERR_REQUEST, "InvalidMachineType", asked (c),
                           "add hw_machine_type=q35 to the image, or set hw_machine_type = "
                           "x86_64=q35 in machine-type.conf",
                           "machine type '%s' cannot have encrypted memory; accepted: q35",
                           machine ? machine : "");
  if (kind == SNP && ! vl_bool (c, "firmware.stateless"))
    result = vl_refuse_as (c, VL_ERR_REQUEST, "StatelessFirmwareRequired", "kind",
                           "add hw_firmware_stateless=true to the image",
                           "'amd-sev-snp' takes firmware without a variable store");
  return result;
}

/* Nothing that reads the guest's memory without going through its encryption. */
static int
check_disks (struct vl_call *c)
{
  const char *scsi = vl_str (c, VL_SCSI_MODEL);
  int result = 0;

  for (size_t i = 0; i < vl_n_disks (c); i++) {
    const struct vl_disk *disk = vl_disk (c, i);
    int boots = disk->boot == 1 || strcmp (disk->role, "root") == 0;
    int scsi_ok = strcmp (disk->bus, "scsi") == 0 && scsi && strcmp (scsi, "virtio-scsi") == 0;

    if (strcmp (disk->bus, "ide") == 0)
      result = vl_refuse_as (
          c, VL_ERR_REQUEST, "UnsupportedHardware", asked (c), "take hw_disk_bus=virtio",
          "disk '%s' (%s) is on bus 'ide', which a guest with encrypted memory cannot have",
          disk->dev, disk->role);
    else if (boots && strcmp (disk->device, "disk") == 0 && strcmp (disk->bus, "virtio")
             && strcmp (disk->bus, "sata") && ! scsi_ok)
      result = vl_refuse_as (
          c, VL_ERR_REQUEST, "UnsupportedHardware", asked (c), "take hw_disk_bus=virtio",
          "boot disk '%s' is on bus '%s'%s; accepted for encrypted memory: virtio, sata, scsi "
          "with hw_scsi_model=virtio-scsi",
          disk->dev, disk->bus, scsi ? vl_printf (c, " (%s)", scsi) : "");
  }
  return result;
}

struct list {
  const char *items[12];
  size_t n;
};

static void
add (struct list *list, int lacks, const char *what)
{
  if (lacks)
    list->items[list->n++] = what;
}

/* All that the host lacks for KIND, as text; "" if nothing. */
static const char *
lacking (struct vl_call *c, int kind)
{
  const char *arch = vl_fact_str (c, "host.arch"), *vendor = vl_fact_str (c, "host.cpu.vendor");
  struct list list = { .n = 0 };

  add (&list, ! vl_is (c, VL_GUEST_VIRT_TYPE, "kvm"), "a driver that runs KVM guests");
  if ((arch && strcmp (arch, "x86_64")) || ! vl_is (c, VL_GUEST_ARCH, "x86_64")) {
    add (&list, 1, "an x86_64 CPU");
    return vl_join (c, "; ", list.items, list.n);
  }
  if (vendor)
    add (&list, strcmp (vendor, "AMD"), vl_printf (c, "an AMD CPU (this one is '%s')", vendor));
  add (&list, vl_fact_flag (c, "module.kvm_amd.sev") != 1,
       "kernel parameter kvm_amd.sev=1 (fact module.kvm_amd.sev)");
  add (&list, vl_cap_any (c, "feature.sev", "true") != 1,
       "a QEMU and a libvirt that offer SEV (domain capabilities, feature sev)");
  add (&list, vl_cap_any (c, "loader.type", "pflash") != 1, "UEFI firmware (OVMF)");
  if (kind == ES) {
    add (&list, vl_fact_flag (c, "module.kvm_amd.sev_es") != 1,
         "kernel parameter kvm_amd.sev_es=1 (fact module.kvm_amd.sev_es)");
    add (&list, vl_fact_at_least (c, "qemu.version", ES_SINCE) != 1,
         "QEMU " ES_SINCE " for SEV-ES");
    add (&list, vl_fact_flag (c, "module.kvm_amd.sev_snp") == 1,
         "SEV-SNP switched off (kvm_amd.sev_snp=0): with it SEV-ES is unsafe, CVE-2025-48514");
  }
  if (kind == SNP) {
    add (&list, vl_fact_flag (c, "module.kvm_amd.sev_snp") != 1,
         "kernel parameter kvm_amd.sev_snp=1 (fact module.kvm_amd.sev_snp)");
    add (&list, vl_cap_any (c, "launch-security", "sev-snp") != 1,
         "a QEMU and a libvirt that offer SEV-SNP (launchSecurity sev-snp)");
  }
  return vl_join (c, "; ", list.items, list.n);
}

/* How many guests of KIND the host has room for, in *N: its own slots or the
 * operator's limit, whichever is lower; INT64_MAX where neither is known.  0 or -1. */
static int
slots (struct vl_call *c, int kind, int64_t *n)
{
  const char *key = vl_cap_key (c, kinds[kind].slots);

  *n = INT64_MAX;
  if (key && vl_fact_int (c, key, 0, n) < 0)
    return -1;
  if (vl_has (c, LIMIT) && vl_int (c, LIMIT) < *n)
    *n = vl_int (c, LIMIT);
  return 0;
}

static int
check_host (struct vl_call *c, int kind)
{
  const char *lacks = lacking (c, kind);
  int64_t n;

  if (lacks[0])
    return vl_refuse_as (c, VL_ERR_UNSUPPORTED, "MemoryEncryptionNotSupported", "kind",
                         "take a host that has it; the guest is never made without encryption",
                         "this host cannot run '%s' guests; it lacks: %s", models[kind], lacks);
  if (slots (c, kind, &n) < 0)
    return -1;
  if (n == 0)
    return vl_refuse_as (
        c, VL_ERR_UNSUPPORTED, "MemoryEncryptionNotSupported", "kind",
        vl_printf (
            c,
            "the slots are fact %s, and num_memory_encrypted_guests of sev.conf if that is lower",
            kinds[kind].slots),
        "this host has no slot for '%s' guests", models[kind]);
  return 0;
}

static int
validate (struct vl_call *c)
{
  int kind = kind_of (c, "kind"), result = check_guest (c, kind);

  result |= check_disks (c);
  result |= check_host (c, kind);
  if (kind != SNP && vl_has (c, "locked-memory.locked") && ! vl_bool (c, "locked-memory.locked"))
    vl_advise (c, "kind", NULL, "'%s' locks the guest's memory although locked memory is declined",
               models[kind]);
  return result;
}

/* One pool per model, as Nova's resource providers. */
static int
claim (struct vl_call *c)
{
  int kind = kind_of (c, "kind");
  int64_t n;

  if (slots (c, kind, &n) < 0)
    return -1;
  return vl_claim (c, vl_printf (c, "MEM_ENCRYPTION_CONTEXT:%s", models[kind]), 1, n, "kind");
}

static int
contribute (struct vl_call *c)
{
  struct vl_node *security = vl_because (vl_ensure (c, "launchSecurity", asked (c)), "kind");
  int kind = kind_of (c, "kind"), kernel = vl_has (c, VL_GUEST_KERNEL);

  vl_set (security, "type", kind == SNP ? "sev-snp" : "sev");
  vl_text (vl_ensure_in (security, "policy"), kinds[kind].policy);
  if (kind == SNP) {
    vl_set (security, "authorKey", "no");
    vl_set (security, "vcek", "yes");
    vl_set_why (security, "kernelHashes", kernel ? "yes" : "no", kernel ? VL_GUEST_KERNEL : "kind");
  } else
    vl_ensure (c, "memoryBacking/locked", asked (c));
  return vl_forbid (c, "features/vmcoreinfo", asked (c));
}

static int
refuse_device (struct vl_call *c, struct vl_node *node, void *opaque)
{
  const char *type = vl_get (node, "@type");

  (void)opaque;
  if (strcmp (vl_node_name (node), "hostdev") && (type == NULL || strcmp (type, "hostdev")))
    return 0;
  return vl_refuse (c, VL_ERR_CONFLICT, "kind",
                    "take the device out of the request, or memory encryption",
                    "a guest with encrypted memory cannot have a device of the host");
}

/* Host devices write to memory past the encryption. */
static int
check (struct vl_call *c)
{
  return vl_each (c, "devices/hostdev", refuse_device, NULL) < 0
                 || vl_each (c, "devices/interface", refuse_device, NULL) < 0
             ? -1
             : 0;
}

/* The encrypted memory can be neither saved nor sent. */
static int
permit (struct vl_call *c, enum vl_op op)
{
  if (op != VL_OP_SUSPEND && op != VL_OP_LIVE_MIGRATE)
    return 0;
  return vl_refuse_as (c, VL_ERR_UNSUPPORTED, "OperationNotSupportedForSEV", "kind",
                       "stop it instead; pause, and migration of a stopped guest, work",
                       "a guest with '%s' memory cannot be %s", vl_str (c, "kind"),
                       op == VL_OP_SUSPEND ? "suspended" : "migrated live");
}

static int
ready (struct vl_call *c)
{
  if (vl_has (c, LIMIT) && vl_fact_flag (c, "module.kvm_amd.sev") == 0)
    vl_advise (c, NULL, NULL,
               "num_memory_encrypted_guests is %" PRId64 ", and SEV is off on this host "
               "(fact module.kvm_amd.sev)",
               vl_int (c, LIMIT));
  return 0;
}

VL_FEATURE (sev, "sev", .version = VL_VERSION,
            .summary = "memory encrypted by the CPU: AMD SEV, SEV-ES, SEV-SNP",
            .props = VL_TABLE (props), .writes = VL_TABLE (writes), .reads = VL_TABLE (reads),
            .traits = VL_TABLE (traits), .resolve = resolve, .active = active, .validate = validate,
            .claim = claim, .contribute = contribute, .check = check, .permit = permit,
            .ready = ready);
