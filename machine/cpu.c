/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The CPU: what it is, whether it virtualizes, and whether the kernel has KVM for it. */

#include <config.h>

#include "look.h"

static const struct {
  const char *key, *flag, *module, *technology;
} flags[] = {
  { "flags", "vmx", "kvm_intel", "Intel VT-x" },
  { "flags", "svm", "kvm_amd", "AMD-V (SVM)" },
  { "platform", "PowerNV", "kvm_hv", NULL },
  { "features", "sie", "kvm", NULL },
};

static void
find_platform (struct machine *machine)
{
  const char *cpu = machine->cpu;

  if (machine_has_line (cpu, "flags")) {
    machine->platform = PLATFORM_X86;
    machine->arch = machine_line_has (cpu, "flags", "lm") ? "x86_64" : "i386";
    machine->virtual = machine_line_has (cpu, "flags", "hypervisor");
  } else if (machine_has_line (cpu, "platform")) {
    machine->platform = PLATFORM_POWER;
    machine->arch = "ppc64";
    machine->virtual = ! machine_line_has (cpu, "platform", "PowerNV");
  } else if (machine_has_line (cpu, "CPU implementer")) {
    machine->platform = PLATFORM_ARM;
    machine->arch = "aarch64";
  } else if (machine_line_has (cpu, "vendor_id", "IBM/S390")) {
    machine->platform = PLATFORM_S390;
    machine->arch = "s390x";
  } else if (machine_has_line (cpu, "isa")) {
    machine->platform = PLATFORM_RISCV;
    machine->arch = "riscv64";
  }
}

/* What the kernel says when it finds virtualization switched off: "x86/cpu: VMX (outside TXT)
 * disabled by BIOS", "kvm: disabled by bios", "kvm_amd: SVM disabled (by BIOS) in MSR_VM_CR on
 * CPU 0", "kvm_intel: VMX not enabled (by BIOS) in MSR_IA32_FEAT_CTL on CPU 0". */
static const char *
firmware_message (struct machine *machine)
{
  const char *line = machine_kernel_log (machine);

  for (; *line; line += strcspn (line, "\n"), line += *line == '\n') {
    const char *text = vl_printf (machine->call, "%.*s", (int)strcspn (line, "\n"), line);

    if ((strstr (text, "VMX") || strstr (text, "SVM") || strstr (text, "kvm"))
        && (strstr (text, "by BIOS") || strstr (text, "by bios")))
      return text;
  }
  return NULL;
}

/* The kernel has KVM once a module has registered its device, 10:232. */
static int
kernel_has_kvm (struct machine *machine)
{
  const char *misc = machine_read (machine, "/proc/misc");

  if (misc == NULL)
    return machine->module && machine_is_loaded (machine, machine->module);
  return machine_line_has (misc, "232", "kvm");
}

void
machine_look_at_cpu (struct machine *machine)
{
  machine->cpu = machine_read (machine, "/proc/cpuinfo");
  if (machine->cpu == NULL)
    return;
  find_platform (machine);
  for (size_t i = 0; machine->flag == NULL && i < sizeof flags / sizeof flags[0]; i++)
    if (machine_line_has (machine->cpu, flags[i].key, flags[i].flag)) {
      machine->flag = flags[i].flag;
      machine->module = flags[i].module;
      machine->technology = flags[i].technology;
    }
  machine->has_kvm = kernel_has_kvm (machine);
  if (! machine->has_kvm && machine->platform == PLATFORM_X86 && ! machine->virtual)
    machine->switched_off = firmware_message (machine);
  /* The kernel takes the flag away with the switch. */
  if (machine->switched_off && machine->flag == NULL) {
    size_t i = machine_line_has (machine->cpu, "vendor_id", "GenuineIntel") ? 0 : 1;

    machine->module = flags[i].module;
    machine->technology = flags[i].technology;
  }
}
