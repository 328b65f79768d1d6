/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * sev: memory encrypted by the CPU: AMD SEV, SEV-ES or SEV-SNP.  A guest that
 * asks for it gets it or is refused; it is never made without. */

#include <config.h>

#include <virtloom/feature.h>

#include <inttypes.h>
#include <string.h>

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
    .help = "how, where memory is encrypted; unset: amd-sev, or what a required trait says",
    .since = "0.1.0" },
  { .name = "kind",
    .type = VL_CHOICE,
    .choices = models,
    .help = "how the guest's memory is encrypted; unset: it is not",
    .since = "0.1.0" },
};

static const struct vl_setting settings[] = {
  { .name = "num_memory_encrypted_guests",
    .type = VL_INT,
    .min = 0,
    .max = INT32_MAX,
    .nova = "libvirt.num_memory_encrypted_guests",
    .help = "most encrypted guests of each model; unset: as many as the host has slots",
    .since = "0.1.0" },
};

/* libvirt that knows sev-snp; the other kinds are older than any that is
 * supported. */
#define SNP_SINCE "10.5.0"

static const struct vl_write writes[] = {
  { "launchSecurity", SNP_SINCE },
  { "memoryBacking/locked", NULL },
  { "features/vmcoreinfo", NULL },
};

static const struct vl_name reads[] = {
  { VL_GUEST_ARCH },   { VL_GUEST_VIRT_TYPE },   { VL_GUEST_MACHINE },
  { VL_GUEST_KERNEL }, { VL_GUEST_DISK },        { VL_SCSI_MODEL },
  { "firmware.type" }, { "firmware.stateless" }, { "locked-memory.locked" },
};

/* The required traits that ask for encryption, weakest first. */
static const struct kind {
  const char *trait, *model, *policy, *slots;
} kinds[] = {
  { "HW_CPU_X86_AMD_SEV", "amd-sev", "0x0033", "sev.max-guests" },
  { "HW_CPU_X86_AMD_SEV_ES", "amd-sev-es", "0x0037", "sev.max-es-guests" },
  { "HW_CPU_X86_AMD_SEV_SNP", "amd-sev-snp", "0x00030000", "sev.max-es-guests" },
};

#define N_KINDS ((int)(sizeof kinds / sizeof kinds[0]))
#define SNP (N_KINDS - 1)

/* QEMU that can run SEV-ES guests. */
#define ES_SINCE "8.0.0"

static int
kind_of (const struct vl_guest *guest, const char *prop)
{
  for (int i = 0; i < N_KINDS; i++)
    if (vl_guest_is (guest, prop, kinds[i].model))
      return i;
  return -1;
}

/* The strongest kind that a required trait of flavor or image asks for, or -1. */
static int
kind_of_traits (const struct vl_guest *guest)
{
  for (int i = N_KINDS - 1; i >= 0; i--)
    if (vl_guest_trait (guest, kinds[i].trait, 1u << VL_LAYER_FLAVOR | 1u << VL_LAYER_IMAGE))
      return i;
  return -1;
}

/* What is asked for, by key or by trait.  Two wishes that cannot both be met are
 * refused rather than one of them dropped. */
static int
resolve (struct vl_call *call, struct vl_guest *guest, const struct vl_host *host)
{
  int model = kind_of (guest, "model"), trait = kind_of_traits (guest);

  (void)host;
  if (trait >= 0 && vl_guest_has (guest, "encryption") && ! vl_guest_bool (guest, "encryption")) {
    vl_error (call, VL_ERR_REQUEST, "FlavorImageConflict", "encryption",
              "memory encryption is declined, and trait:%s=required asks for it",
              kinds[trait].trait);
    vl_hint (call, "take out one of the two");
    return -1;
  }
  if (! vl_guest_bool (guest, "encryption") && trait < 0) {
    if (model >= 0) {
      vl_advice (call, NULL, "model", "the memory is not encrypted, so the model has no effect");
      vl_hint (call, "add hw:mem_encryption=true to the flavor");
    }
    return 0;
  }
  if (model >= 0 && trait > model) {
    vl_error (call, VL_ERR_REQUEST, "FlavorImageConflict", "model",
              "the model is '%s', and trait:%s=required asks for '%s'", kinds[model].model,
              kinds[trait].trait, kinds[trait].model);
    vl_hint (call, "take out one of the two");
    return -1;
  }
  if (model >= 0)
    return vl_guest_set (call, guest, "kind", kinds[model].model, "model", "as asked for");
  if (trait >= 0)
    return vl_guest_set (call, guest, "kind", kinds[trait].model, NULL,
                         vl_printf (call, "trait:%s=required asks for it", kinds[trait].trait));
  return vl_guest_set (call, guest, "kind", kinds[0].model, "encryption", "the usual model");
}

static int
active (const struct vl_guest *guest)
{
  return vl_guest_has (guest, "kind");
}

/* The property to name in a finding about the guest: what asked for encryption. */
static const char *
asked (const struct vl_guest *guest)
{
  return vl_guest_bool (guest, "encryption") ? "encryption" : "kind";
}

/* Who asked, as Nova says it. */
static const char *
requesters (struct vl_call *call, const struct vl_guest *guest)
{
  int flavor = vl_guest_layer_has (guest, "encryption", VL_LAYER_FLAVOR)
               && vl_guest_layer_bool (guest, "encryption", VL_LAYER_FLAVOR);
  int image = vl_guest_layer_has (guest, "encryption", VL_LAYER_IMAGE)
              && vl_guest_layer_bool (guest, "encryption", VL_LAYER_IMAGE);

  if (flavor || image)
    return vl_printf (call, "%s%s%s", flavor ? "hw:mem_encryption of the flavor" : "",
                      flavor && image ? " and " : "",
                      image ? "hw_mem_encryption of the image" : "");
  return vl_printf (call, "trait:%s=required", kinds[kind_of_traits (guest)].trait);
}

/* What the guest must be, in Nova's order. */
static int
check_guest (struct vl_call *call, const struct vl_guest *guest, int kind)
{
  const char *machine = vl_guest_str (guest, VL_GUEST_MACHINE);
  int result = 0;

  if (! vl_guest_is (guest, "firmware.type", "uefi")) {
    result = vl_error (call, VL_ERR_REQUEST, "FlavorImageConflict", asked (guest),
                       "memory encryption requested by %s takes UEFI, and the image does not have "
                       "hw_firmware_type=uefi",
                       requesters (call, guest));
    vl_hint (call, "add hw_firmware_type=uefi to the image");
  }
  if (machine == NULL || strstr (machine, "q35") == NULL) {
    result = vl_error (call, VL_ERR_REQUEST, "InvalidMachineType", asked (guest),
                       "machine type '%s' cannot have encrypted memory; accepted: q35",
                       machine ? machine : "");
    vl_hint (call, "add hw_machine_type=q35 to the image, or set hw_machine_type = x86_64=q35 in "
                   "machine-type.conf");
  }
  if (kind == SNP && ! vl_guest_bool (guest, "firmware.stateless")) {
    result = vl_error (call, VL_ERR_REQUEST, "StatelessFirmwareRequired", "kind",
                       "'amd-sev-snp' takes firmware without a variable store");
    vl_hint (call, "add hw_firmware_stateless=true to the image");
  }
  return result;
}

/* Nothing that reads the guest's memory without going through its encryption. */
static int
check_disks (struct vl_call *call, const struct vl_guest *guest)
{
  const char *scsi = vl_guest_str (guest, VL_SCSI_MODEL);
  int result = 0;

  for (size_t i = 0; i < vl_guest_n_disks (guest); i++) {
    const struct vl_disk *disk = vl_guest_disk (guest, i);
    int boots = disk->boot == 1 || strcmp (disk->role, "root") == 0;
    int scsi_ok = strcmp (disk->bus, "scsi") == 0 && scsi && strcmp (scsi, "virtio-scsi") == 0;

    if (strcmp (disk->bus, "ide") == 0) {
      result =
          vl_error (call, VL_ERR_REQUEST, "UnsupportedHardware", asked (guest),
                    "disk '%s' (%s) is on bus 'ide', which a guest with encrypted memory cannot "
                    "have",
                    disk->dev, disk->role);
      vl_hint (call, "take hw_disk_bus=virtio");
    } else if (boots && strcmp (disk->device, "disk") == 0 && strcmp (disk->bus, "virtio")
               && strcmp (disk->bus, "sata") && ! scsi_ok) {
      result =
          vl_error (call, VL_ERR_REQUEST, "UnsupportedHardware", asked (guest),
                    "boot disk '%s' is on bus '%s'%s%s%s; accepted for encrypted memory: virtio, "
                    "sata, scsi with hw_scsi_model=virtio-scsi",
                    disk->dev, disk->bus, scsi ? " (" : "", scsi ? scsi : "", scsi ? ")" : "");
      vl_hint (call, "take hw_disk_bus=virtio");
    }
  }
  return result;
}

static const char *
also (struct vl_call *call, const char *list, const char *more)
{
  return vl_printf (call, "%s%s%s", list, list[0] ? "; " : "", more);
}

/* All that the host lacks for KIND, as text; "" if nothing. */
static const char *
lacking (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host, int kind)
{
  const char *arch = vl_host_str (host, "host.arch"),
             *vendor = vl_host_str (host, "host.cpu.vendor");
  const char *list = "";

  if (! vl_guest_is (guest, VL_GUEST_VIRT_TYPE, "kvm"))
    list = also (call, list, "a driver that runs KVM guests");
  if ((arch && strcmp (arch, "x86_64")) || ! vl_guest_is (guest, VL_GUEST_ARCH, "x86_64"))
    return also (call, list, "an x86_64 CPU");
  if (vendor && strcmp (vendor, "AMD"))
    list = also (call, list, vl_printf (call, "an AMD CPU (this one is '%s')", vendor));
  if (vl_host_flag (host, "module.kvm_amd.sev") != 1)
    list = also (call, list, "kernel parameter kvm_amd.sev=1 (fact module.kvm_amd.sev)");
  if (vl_host_cap_any (guest, host, "feature.sev", "true") != 1)
    list =
        also (call, list, "a QEMU and a libvirt that offer SEV (domain capabilities, feature sev)");
  if (vl_host_cap_any (guest, host, "loader.type", "pflash") != 1)
    list = also (call, list, "UEFI firmware (OVMF)");
  if (kind == 1 && vl_host_flag (host, "module.kvm_amd.sev_es") != 1)
    list = also (call, list, "kernel parameter kvm_amd.sev_es=1 (fact module.kvm_amd.sev_es)");
  if (kind == 1 && vl_host_at_least (host, "qemu.version", ES_SINCE) != 1)
    list = also (call, list, "QEMU " ES_SINCE " for SEV-ES");
  if (kind == 1 && vl_host_flag (host, "module.kvm_amd.sev_snp") == 1)
    list = also (call, list,
                 "SEV-SNP switched off (kvm_amd.sev_snp=0): with it SEV-ES is unsafe, "
                 "CVE-2025-48514");
  if (kind == SNP && vl_host_flag (host, "module.kvm_amd.sev_snp") != 1)
    list = also (call, list, "kernel parameter kvm_amd.sev_snp=1 (fact module.kvm_amd.sev_snp)");
  if (kind == SNP && vl_host_cap_any (guest, host, "launch-security", "sev-snp") != 1)
    list = also (call, list, "a QEMU and a libvirt that offer SEV-SNP (launchSecurity sev-snp)");
  return list;
}

/* How many guests of KIND the host has room for: its own slots or the
 * operator's limit, whichever is lower; INT64_MAX where neither is known. */
static int64_t
slots (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host, int kind)
{
  const char *key = vl_host_cap_key (guest, host, kinds[kind].slots);
  int64_t n = key ? vl_host_int (host, key, INT64_MAX) : INT64_MAX;

  if (vl_setting_has (call, "num_memory_encrypted_guests")
      && vl_setting_int (call, "num_memory_encrypted_guests") < n)
    n = vl_setting_int (call, "num_memory_encrypted_guests");
  return n;
}

static int
validate (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  int kind = kind_of (guest, "kind"), result = check_guest (call, guest, kind);
  const char *lacks = lacking (call, guest, host, kind);

  result |= check_disks (call, guest);
  if (lacks[0]) {
    result = vl_error (call, VL_ERR_UNSUPPORTED, "MemoryEncryptionNotSupported", "kind",
                       "this host cannot run '%s' guests; it lacks: %s", kinds[kind].model, lacks);
    vl_hint (call, "take a host that has it; the guest is never made without encryption");
  } else if (slots (call, guest, host, kind) == 0) {
    result = vl_error (call, VL_ERR_UNSUPPORTED, "MemoryEncryptionNotSupported", "kind",
                       "this host has no slot for '%s' guests", kinds[kind].model);
    vl_hint (call,
             "the slots are fact %s, and num_memory_encrypted_guests of sev.conf if that is lower",
             kinds[kind].slots);
  }
  if (kind != SNP && vl_guest_has (guest, "locked-memory.locked")
      && ! vl_guest_bool (guest, "locked-memory.locked"))
    vl_advice (call, NULL, "kind",
               "'%s' locks the guest's memory although locked memory is declined",
               kinds[kind].model);
  return result;
}

/* One pool per model, as Nova's resource providers. */
static int
claim (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  int kind = kind_of (guest, "kind");

  return vl_claim (call, vl_printf (call, "MEM_ENCRYPTION_CONTEXT:%s", kinds[kind].model), 1,
                   slots (call, guest, host, kind), "kind");
}

static int
contribute (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  struct vl_node *node = vl_ensure (call, NULL, "launchSecurity", 0, asked (guest));
  int kind = kind_of (guest, "kind");

  (void)host;
  vl_set (call, node, "type", kind == SNP ? "sev-snp" : "sev", "kind");
  vl_text (call, vl_ensure (call, node, "policy", 0, "kind"), kinds[kind].policy, "kind");
  if (kind == SNP) {
    int kernel = vl_guest_has (guest, VL_GUEST_KERNEL);

    vl_set (call, node, "authorKey", "no", "kind");
    vl_set (call, node, "vcek", "yes", "kind");
    vl_set (call, node, "kernelHashes", kernel ? "yes" : "no", kernel ? VL_GUEST_KERNEL : "kind");
  } else
    vl_ensure (call, NULL, "memoryBacking/locked", 0, asked (guest));
  return vl_forbid (call, "features/vmcoreinfo", asked (guest));
}

static int
refuse_device (struct vl_call *call, struct vl_node *node, void *opaque)
{
  const char *type = vl_get (call, node, "@type");

  (void)opaque;
  if (strcmp (vl_node_name (node), "hostdev") && (type == NULL || strcmp (type, "hostdev")))
    return 0;
  vl_error (call, VL_ERR_CONFLICT, NULL, "kind",
            "a guest with encrypted memory cannot have a device of the host");
  vl_hint (call, "take the device out of the request, or memory encryption");
  return -1;
}

/* Host devices write to memory past the encryption. */
static int
check (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  (void)guest;
  (void)host;
  return vl_each (call, "devices/hostdev", refuse_device, NULL) < 0
                 || vl_each (call, "devices/interface", refuse_device, NULL) < 0
             ? -1
             : 0;
}

/* The encrypted memory can be neither saved nor sent. */
static int
permit (struct vl_call *call, const struct vl_guest *guest, enum vl_op op)
{
  const char *what = op == VL_OP_SUSPEND        ? "suspended"
                     : op == VL_OP_LIVE_MIGRATE ? "migrated live"
                                                : NULL;

  if (what == NULL)
    return 0;
  vl_error (call, VL_ERR_UNSUPPORTED, "OperationNotSupportedForSEV", "kind",
            "a guest with '%s' memory cannot be %s", vl_guest_str (guest, "kind"), what);
  vl_hint (call, "stop it instead; pause, and migration of a stopped guest, work");
  return -1;
}

static int
ready (struct vl_call *call, const struct vl_host *host)
{
  if (vl_setting_has (call, "num_memory_encrypted_guests")
      && vl_host_flag (host, "module.kvm_amd.sev") == 0)
    vl_advice (call, NULL, NULL,
               "num_memory_encrypted_guests is %" PRId64 ", and SEV is off on this host "
               "(fact module.kvm_amd.sev)",
               vl_setting_int (call, "num_memory_encrypted_guests"));
  return 0;
}

VL_FEATURE (sev, "sev", .version = VL_VERSION,
            .summary = "memory encrypted by the CPU: AMD SEV, SEV-ES, SEV-SNP",
            .props = VL_TABLE (props), .settings = VL_TABLE (settings), .writes = VL_TABLE (writes),
            .reads = VL_TABLE (reads), .traits = VL_TABLE (kinds), .resolve = resolve,
            .active = active, .validate = validate, .claim = claim, .contribute = contribute,
            .check = check, .permit = permit, .ready = ready);
