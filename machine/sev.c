/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What guests with memory encrypted by AMD SEV take of a machine. */

#include <config.h>

#include "look.h"

#include "lib/text.h"

/* Nova's "Requirements for SEV". */
#define KERNEL_SINCE "4.16"
#define QEMU_SINCE "2.12"
#define LIBVIRT_SINCE "4.5"
#define OVMF_SINCE "2018-07-06"
/* libvirt that asks the CPU how many guests it has room for. */
#define SLOTS_SINCE "8.0"

static int
is_on (const char *value)
{
  return value && strchr ("Yy1", *value) != NULL;
}

/* The kernel hides the flag where the firmware has memory encryption off. */
static int
check_cpu (struct machine *m)
{
  if (machine_line_has (m->cpu, "flags", "sev")) {
    machine_say (m, "sev cpu", MACHINE_PASS, NULL, "the CPU has sev%s%s",
                 machine_line_has (m->cpu, "flags", "sev_es") ? ", sev_es" : "",
                 machine_line_has (m->cpu, "flags", "sev_snp") ? ", sev_snp" : "");
    return 1;
  }
  machine_say (m, "sev cpu", MACHINE_WARN,
               "turn SMEE (secure memory encryption) on in the firmware; of CPUs, EPYC has it",
               "the CPU shows no sev");
  return 0;
}

static void
check_switch (struct machine *m, int on, int asked)
{
  static const char name[] = "sev firmware switch";

  if (on)
    machine_say (m, name, MACHINE_PASS, NULL, "memory encryption is on");
  else if (asked && machine_is_loaded (m, "kvm_amd"))
    machine_say (m, name, MACHINE_WARN,
                 "turn SMEE and SEV on in the firmware; dmesg | grep -iE 'sev|ccp' says what is "
                 "missing",
                 "kvm_amd was asked for sev=1, and has it off");
  else
    machine_say (m, name, MACHINE_SKIP, NULL, "shows once kvm_amd has sev on");
}

static void
check_parameter (struct machine *m, const char *name, const char *parameter)
{
  const char *value = machine_parameter (m, "kvm_amd", parameter);

  if (! machine_line_has (m->cpu, "flags", parameter))
    machine_say (m, name, MACHINE_SKIP, NULL, "the CPU shows no %s", parameter);
  else if (is_on (value))
    machine_say (m, name, MACHINE_PASS, NULL, "kvm_amd has %s on", parameter);
  else if (! machine_is_loaded (m, "kvm_amd"))
    machine_say (m, name, MACHINE_SKIP, NULL, "shows once kvm_amd is loaded");
  else if (value == NULL)
    machine_say (m, name, MACHINE_SKIP, NULL, "the kvm_amd of this kernel does not know %s",
                 parameter);
  else if (machine_asks_for (m, "kvm_amd", parameter))
    machine_say (m, name, MACHINE_SKIP, NULL, "kvm_amd was asked for %s=1, and has it off (%s)",
                 parameter, value);
  else
    machine_say (m, name, MACHINE_WARN, machine_options (m, "kvm_amd", parameter),
                 "kvm_amd has %s off (%s)", parameter, value);
}

static void
check_device (struct machine *m)
{
  struct stat st;

  if (machine_stat (m, "/dev/sev", &st) == 0 && S_ISCHR (st.st_mode))
    machine_say (m, "sev device", MACHINE_PASS, NULL, "/dev/sev is there");
  else
    machine_say (m, "sev device", MACHINE_WARN, "modprobe ccp",
                 "/dev/sev, by which QEMU speaks to the secure processor, is not there");
}

/* One of the versions that SEV takes at least. */
static void
check_version (struct machine *m, const char *name, const char *what, const char *version,
               const char *since, const char *mend)
{
  if (version == NULL)
    machine_say (m, name, MACHINE_SKIP, NULL,
                 "SEV takes %s %s or newer; which one is here is "
                 "not on record",
                 what, since);
  else if (vl_version_compare (version, since) >= 0)
    machine_say (m, name, MACHINE_PASS, NULL, "%s %s", what, version);
  else
    machine_say (m, name, MACHINE_WARN, mend, "%s %s; SEV takes %s or newer", what, version, since);
}

static void
check_ovmf (struct machine *m)
{
  const char *path = machine_firmware (m, "amd-sev"), *version = machine_package (m, "ovmf");

  if (path)
    machine_say (m, "sev ovmf", MACHINE_PASS, NULL, "%s has amd-sev", path);
  else
    machine_say (
        m, "sev ovmf", MACHINE_WARN, "apt-get install ovmf",
        "no firmware in /usr/share/qemu/firmware has amd-sev%s%s; SEV takes OVMF of " OVMF_SINCE
        " or newer",
        version ? ", ovmf is " : "", version ? version : "");
}

/* The number behind KEY in the kernel's account of encryption keys, "sev 410"; -1: none. */
static long
slots (struct machine *m, const char *file, const char *key)
{
  const char *value = machine_line (m, machine_read (m, file), vl_printf (m->call, "%s ", key));

  return value ? strtol (value, NULL, 10) : -1;
}

static void
check_slots (struct machine *m)
{
  static const char name[] = "sev slots", file[] = "/sys/fs/cgroup/misc.capacity";
  static const char limit[] = "set num_memory_encrypted_guests in plugins.d/sev.conf";
  long sev = slots (m, file, "sev"), es = slots (m, file, "sev_es");
  long used = slots (m, "/sys/fs/cgroup/misc.current", "sev");
  const char *libvirt = machine_package (m, "libvirt-daemon");

  if (sev > 0)
    machine_say (m, name, MACHINE_PASS, NULL, "%ld for SEV%s%s", sev,
                 used >= 0 ? vl_printf (m->call, ", %ld of them taken", used) : "",
                 es >= 0 ? vl_printf (m->call, "; %ld for SEV-ES and SEV-SNP", es) : "");
  else if (sev == 0)
    machine_say (m, name, MACHINE_WARN,
                 "lower 'Minimum SEV non-ES ASID' in the firmware, which divides them",
                 "0 for SEV%s",
                 es >= 0 ? vl_printf (m->call, "; %ld for SEV-ES and SEV-SNP", es) : "");
  else if (libvirt && vl_version_compare (libvirt, SLOTS_SINCE) >= 0)
    machine_say (m, name, MACHINE_PASS, NULL, "libvirt %s asks the CPU for their number", libvirt);
  else
    machine_say (m, name, MACHINE_WARN, limit,
                 "their number is not known: there is no %s (Linux 5.13, cgroup v2), and libvirt "
                 "tells it from " SLOTS_SINCE " on",
                 file);
}

void
machine_sev (struct machine *m, machine_tell *tell, void *opaque)
{
  const char *release = machine_read (m, "/proc/sys/kernel/osrelease");
  int on = is_on (machine_parameter (m, "kvm_amd", "sev"));

  m->tell = tell;
  m->opaque = opaque;
  if (! machine_line_has (m->cpu, "vendor_id", "AuthenticAMD")) {
    machine_say (m, "sev", MACHINE_SKIP, NULL, "the CPU is not of AMD");
    return;
  }
  if (m->virtual && ! on) {
    machine_say (m, "sev", MACHINE_SKIP, NULL, "a virtual machine has no SEV guests of its own");
    return;
  }
  if (! check_cpu (m))
    return;
  check_switch (m, on, machine_asks_for (m, "kvm_amd", "sev"));
  check_parameter (m, "sev parameter", "sev");
  check_parameter (m, "sev-es parameter", "sev_es");
  check_parameter (m, "sev-snp parameter", "sev_snp");
  check_device (m);
  check_version (m, "sev kernel", "Linux",
                 release ? vl_printf (m->call, "%.*s", (int)strcspn (release, "\n"), release)
                         : NULL,
                 KERNEL_SINCE, "apt-get install linux-image-amd64 && reboot");
  check_version (m, "sev qemu", "QEMU", machine_package (m, "qemu-system-x86"), QEMU_SINCE,
                 "apt-get install qemu-system-x86");
  check_version (m, "sev libvirt", "libvirt", machine_package (m, "libvirt-daemon"), LIBVIRT_SINCE,
                 "apt-get install libvirt-daemon");
  check_ovmf (m);
  check_slots (m);
}
