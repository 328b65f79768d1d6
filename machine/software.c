/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The software that guests need: emulator, libvirt's daemon, firmware; and what of the kernel
 * makes them faster or lets them have guests of their own. */

#include <config.h>

#include "look.h"

/* Debian's packages of each architecture that cpu.c names. */
static const struct arch {
  const char *name, *emulator, *firmware;
} arches[] = {
  { "x86_64", "qemu-system-x86", "ovmf" },
  { "i386", "qemu-system-x86", "ovmf-ia32" },
  { "aarch64", "qemu-system-arm", "qemu-efi-aarch64" },
  { "ppc64", "qemu-system-ppc", NULL },
  { "s390x", "qemu-system-s390x", NULL },
  { "riscv64", "qemu-system-misc", NULL },
};

static const struct arch *
arch_of (const struct machine *m)
{
  const struct arch *arch = arches;

  while (! VL_STREQ (arch->name, m->arch))
    arch++;
  return arch;
}

static const char *
first_of (struct machine *m, const char *const *paths, size_t n)
{
  struct stat st;

  for (size_t i = 0; i < n; i++)
    if (machine_stat (m, paths[i], &st) == 0 && S_ISREG (st.st_mode) && (st.st_mode & 0111))
      return paths[i];
  return NULL;
}

static const char *
emulator_name (struct machine *m)
{
  return vl_printf (m->call, "qemu-system-%s", m->arch);
}

static const char *
find_emulator (struct machine *m)
{
  const char *const paths[] = {
    vl_printf (m->call, "/usr/bin/%s", emulator_name (m)),
    vl_printf (m->call, "/usr/local/bin/%s", emulator_name (m)),
    "/usr/libexec/qemu-kvm",
  };

  return first_of (m, paths, sizeof paths / sizeof paths[0]);
}

static const char *
find_daemon (struct machine *m)
{
  static const char *const paths[] = { "/usr/sbin/virtqemud", "/usr/sbin/libvirtd" };

  return first_of (m, paths, sizeof paths / sizeof paths[0]);
}

/* Debian's "1:7.2+dfsg-7" is 7.2, "2022.11-6" is 2022.11, "0~20180205.c0d9813c-2" is 20180205. */
const char *
machine_package (struct machine *m, const char *package)
{
  const char *status = machine_read (m, "/var/lib/dpkg/status");
  const char *key = vl_printf (m->call, "\nPackage: %s\n", package), *version, *end, *epoch;
  const char *stanza = NULL;

  if (status && VL_STARTS (status, key + 1))
    stanza = status;
  else if (status)
    stanza = strstr (status, key);
  if (stanza == NULL)
    return NULL;
  end = strstr (stanza + 1, "\n\n");
  stanza = end ? vl_printf (m->call, "%.*s", (int)(end - stanza), stanza) : stanza;
  version = machine_line (m, stanza + 1, "Version");
  if (version == NULL || ! machine_line_has (stanza + 1, "Status", "installed"))
    return NULL;
  epoch = strchr (version, ':');
  version = epoch ? epoch + 1 : version;
  version += VL_STARTS (version, "0~") ? 2 : 0;
  end = version + strspn (version, "0123456789.");
  end -= end > version && end[-1] == '.';
  return vl_printf (m->call, "%.*s", (int)(end - version), version);
}

/* ---- rows ---- */

static const char *
with_version (struct machine *m, const char *package)
{
  const char *version = machine_package (m, package);

  return version ? vl_printf (m->call, ", version %s", version) : "";
}

static void
check_emulator (struct machine *m)
{
  const char *path = find_emulator (m), *package = arch_of (m)->emulator;

  if (path)
    machine_say (m, "emulator", MACHINE_PASS, NULL, "%s%s", path, with_version (m, package));
  else
    machine_say (m, "emulator", MACHINE_FAIL, vl_printf (m->call, "apt-get install %s", package),
                 "the program \"%s\" is not installed", emulator_name (m));
}

static void
check_daemon (struct machine *m)
{
  const char *path = find_daemon (m);

  if (path)
    machine_say (m, "libvirt daemon", MACHINE_PASS, NULL, "%s%s", path,
                 with_version (m, "libvirt-daemon"));
  else
    machine_say (m, "libvirt daemon", MACHINE_WARN, "apt-get install libvirt-daemon-system",
                 "neither virtqemud nor libvirtd is installed, without which there are no KVM "
                 "guests");
}

/* What older versions of libvirt say when they find no QEMU or no KVM. */
#define NO_HVM "\"no supported architecture for os type 'hvm'\""

static void
check_hvm (struct machine *m)
{
  static const char name[] = "os type hvm";

  if (find_daemon (m) == NULL)
    machine_say (m, name, MACHINE_SKIP, NULL, "takes a libvirt daemon");
  else if (find_emulator (m) == NULL)
    machine_say (
        m, name, MACHINE_FAIL,
        vl_printf (m->call, "apt-get install %s && systemctl restart libvirtd",
                   arch_of (m)->emulator),
        "libvirt finds no %s, and says \"could not find capabilities\", older ones " NO_HVM,
        emulator_name (m));
  else if (! m->has_kvm && (m->module == NULL || m->switched_off))
    machine_say (m, name, MACHINE_SKIP, NULL, "takes KVM");
  else if (! m->has_kvm)
    machine_say (m, name, MACHINE_WARN,
                 vl_printf (m->call, "modprobe %s && systemctl restart libvirtd", m->module),
                 "the kernel has no KVM, of which libvirt says \"could not find capabilities for "
                 "domaintype=kvm\", older ones " NO_HVM);
  else
    machine_say (m, name, MACHINE_PASS, NULL, "libvirt finds %s and KVM", emulator_name (m));
}

static const char *
find_firmware (struct machine *m, const char *feature)
{
  static const char *const folders[] = { "/etc/qemu/firmware", "/usr/share/qemu/firmware" };
  const char *arch = vl_printf (m->call, "\"%s\"", m->arch);

  for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
    VL_AUTOSTRV struct vl_strv names = { NULL, 0, 0 };

    machine_list (m, folders[i], ".json", &names);
    for (size_t k = 0; k < names.n; k++) {
      const char *path = vl_printf (m->call, "%s/%s", folders[i], names.items[k]);
      const char *text = machine_read (m, path);

      if (text && strstr (text, arch) && strstr (text, "\"uefi\"") && strstr (text, feature))
        return path;
    }
  }
  return NULL;
}

const char *
machine_firmware (struct machine *m, const char *feature)
{
  return find_firmware (m, vl_printf (m->call, "\"%s\"", feature));
}

static void
check_uefi (struct machine *m)
{
  const char *path = find_firmware (m, ""), *package = arch_of (m)->firmware;

  if (path)
    machine_say (m, "uefi firmware", MACHINE_PASS, NULL, "%s%s", path,
                 package ? with_version (m, package) : "");
  else if (package)
    machine_say (m, "uefi firmware", MACHINE_WARN,
                 vl_printf (m->call, "apt-get install %s", package),
                 "/usr/share/qemu/firmware describes none for %s, so guests have no UEFI", m->arch);
  else
    machine_say (m, "uefi firmware", MACHINE_SKIP, NULL, "guests of this platform have no UEFI");
}

static void
check_vhost (struct machine *m)
{
  static const char path[] = "/dev/vhost-net";

  if (machine_has (m, path))
    machine_say (m, "vhost_net", MACHINE_PASS, NULL,
                 "%s is there: virtio interfaces of KVM guests use vhost, those of emulated ones "
                 "never do",
                 path);
  else if (machine_is_loaded (m, "vhost_net"))
    machine_say (m, "vhost_net", MACHINE_WARN, "mknod -m 600 /dev/vhost-net c 10 238",
                 "vhost_net is loaded, and %s is not there: virtio interfaces do without vhost, "
                 "which is slower",
                 path);
  else
    machine_say (m, "vhost_net", MACHINE_WARN,
                 "modprobe vhost_net && echo vhost_net >> /etc/modules-load.d/vhost_net.conf",
                 "%s is not there: virtio interfaces do without vhost, which is slower", path);
}

static void
check_nested (struct machine *m)
{
  static const char name[] = "nested guests";
  const char *value = m->module ? machine_parameter (m, m->module, "nested") : NULL;

  if (value == NULL)
    machine_say (m, name, MACHINE_SKIP, NULL,
                 m->module && machine_is_loaded (m, m->module) ? "%s has no parameter for them"
                                                               : "shows once %s is loaded",
                 m->module ? m->module : "a KVM module");
  else if (strchr ("Yy1", *value))
    machine_say (m, name, MACHINE_PASS, NULL, "%s has nested on", m->module);
  else
    machine_say (m, name, MACHINE_WARN, machine_options (m, m->module, "nested"),
                 "%s has nested off (%s): guests cannot have KVM guests of their own", m->module,
                 value);
}

const char *
machine_options (struct machine *m, const char *module, const char *parameter)
{
  return vl_printf (m->call,
                    "echo options %s %s=1 > /etc/modprobe.d/%s-%s.conf && modprobe -r %s && "
                    "modprobe %s",
                    module, parameter, module, parameter, module, module);
}

void
machine_software (struct machine *m, machine_tell *tell, void *opaque)
{
  m->tell = tell;
  m->opaque = opaque;
  if (m->arch) {
    check_emulator (m);
    check_daemon (m);
    check_hvm (m);
    check_uefi (m);
  } else
    machine_say (m, "emulator", MACHINE_SKIP, NULL, "/proc/cpuinfo does not say which one it is");
  check_vhost (m);
  check_nested (m);
}
