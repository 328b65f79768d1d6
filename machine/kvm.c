/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The steps to KVM guests: the CPU and its switch in the firmware, the kernel's module now and
 * at boot, the device, and who may open it. */

#include <config.h>

#include "look.h"

#include <errno.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#define DEVICE "/dev/kvm"
#define KVM_MAJOR 10
#define KVM_MINOR 232

/* ---- the CPU ---- */

static void
check_x86 (struct machine *m)
{
  static const char name[] = "cpu virtualization";

  if (m->flag)
    machine_say (m, name, MACHINE_PASS, NULL, "the CPU has %s (%s)", m->flag, m->technology);
  else if (m->has_kvm)
    machine_say (m, name, MACHINE_PASS, NULL,
                 "the CPU shows neither vmx nor svm, and the kernel has KVM without them");
  else if (m->switched_off)
    machine_say (m, name, MACHINE_PASS, NULL, "the CPU has %s, which the firmware keeps off",
                 m->technology);
  else if (m->virtual)
    machine_say (m, name, MACHINE_FAIL,
                 "on its host: load kvm_intel or kvm_amd with nested=1, and give this machine a "
                 "CPU that has the flag (cpu_mode = host-passthrough)",
                 "the CPU shows neither vmx nor svm: this is a virtual machine, whose host does "
                 "not let it run guests of its own");
  else
    machine_say (m, name, MACHINE_FAIL,
                 "turn Intel VT-x or AMD-V (SVM) on in the firmware; on a CPU that has neither, "
                 "use driver qemu-tcg",
                 "the CPU shows neither vmx nor svm");
}

static void
check_cpu (struct machine *m)
{
  static const char name[] = "cpu virtualization";

  if (m->cpu == NULL)
    machine_say (m, name, MACHINE_FAIL,
                 m->root < 0 ? "mount -t proc proc /proc" : "copy the machine's /proc/cpuinfo",
                 "/proc/cpuinfo cannot be read");
  else if (m->platform == PLATFORM_X86)
    check_x86 (m);
  else if (m->platform == PLATFORM_POWER && m->flag)
    machine_say (m, name, MACHINE_PASS, NULL, "the platform is PowerNV");
  else if (m->has_kvm)
    machine_say (m, name, MACHINE_PASS, NULL, "the kernel has KVM for this CPU");
  else if (m->platform == PLATFORM_POWER)
    machine_say (m, name, MACHINE_FAIL,
                 "take a machine whose firmware starts Linux itself (PowerNV), or use driver "
                 "qemu-tcg",
                 "the platform is '%s': KVM takes PowerNV", machine_line (m, m->cpu, "platform"));
  else if (m->flag)
    machine_say (m, name, MACHINE_PASS, NULL, "the CPU has %s", m->flag);
  else if (m->platform == PLATFORM_ARM)
    machine_say (m, name, MACHINE_FAIL,
                 "dmesg | grep -i kvm; the firmware has to start the kernel at EL2",
                 "the kernel has no KVM for this CPU");
  else
    machine_say (m, name, MACHINE_FAIL, "dmesg | grep -i kvm",
                 "the kernel has no KVM for this CPU");
}

static void
check_firmware (struct machine *m)
{
  static const char name[] = "firmware switch";

  if (m->platform != PLATFORM_X86)
    machine_say (m, name, MACHINE_SKIP, NULL, "firmware of this kind has none for virtualization");
  else if (m->has_kvm)
    machine_say (m, name, MACHINE_PASS, NULL, "virtualization is on");
  else if (m->switched_off)
    machine_say (m, name, MACHINE_FAIL,
                 vl_printf (m->call, "turn %s on in the firmware, and switch the power off and on",
                            m->technology),
                 "virtualization is off, by the kernel's log: \"%s\"", m->switched_off);
  else if (m->flag)
    machine_say (m, name, MACHINE_SKIP, NULL, "shows once %s is loaded", m->module);
  else
    machine_say (m, name, MACHINE_SKIP, NULL, "shows once the CPU has vmx or svm");
}

/* ---- the module ---- */

static const char *
modprobe (struct machine *m)
{
  return m->technology ? vl_printf (m->call,
                                    "modprobe %s; where it says 'Operation not supported', turn %s "
                                    "on in the firmware",
                                    m->module, m->technology)
                       : vl_printf (m->call, "modprobe %s", m->module);
}

static void
check_module (struct machine *m)
{
  static const char name[] = "kvm module";

  if (m->has_kvm && (m->module == NULL || ! machine_is_loaded (m, m->module)))
    machine_say (m, name, MACHINE_PASS, NULL, "the kernel has KVM");
  else if (m->has_kvm)
    machine_say (m, name, MACHINE_PASS, NULL, "%s is loaded", m->module);
  else if (m->switched_off)
    machine_say (m, name, MACHINE_SKIP, NULL, "%s can be loaded once %s is on", m->module,
                 m->technology);
  else if (m->module == NULL)
    machine_say (m, name, MACHINE_SKIP, NULL, "takes a CPU that virtualizes");
  else if (machine_is_loaded (m, m->module))
    machine_say (m, name, MACHINE_FAIL,
                 vl_printf (m->call, "modprobe -r %s && modprobe %s", m->module, m->module),
                 "%s is loaded, and the kernel has no KVM", m->module);
  else
    machine_say (m, name, MACHINE_FAIL, modprobe (m), "%s is not loaded", m->module);
}

static void
check_boot (struct machine *m)
{
  static const char name[] = "kvm module at boot";
  const char *where, *line;
  size_t number;
  int loads;

  if (m->module == NULL) {
    machine_say (m, name, MACHINE_SKIP, NULL,
                 m->has_kvm ? "there is none to be loaded" : "takes a CPU that virtualizes");
    return;
  }
  loads = machine_loads_at_boot (m, m->module, &where, &line, &number);
  if (loads < 0)
    machine_say (m, name, MACHINE_WARN, vl_printf (m->call, "sed -i %zud %s", number, where),
                 "%s:%zu says \"%s\"", where, number, line);
  else if (loads)
    machine_say (m, name, MACHINE_PASS, NULL, "%s is loaded by %s", m->module, where);
  else if (m->has_kvm && ! machine_is_loaded (m, m->module))
    machine_say (m, name, MACHINE_SKIP, NULL, "the kernel has KVM without %s", m->module);
  else
    machine_say (
        m, name, MACHINE_WARN,
        vl_printf (m->call, "echo %s >> /etc/modules-load.d/kvm.conf", m->module),
        "nothing loads %s: no list of modules names it, and the kernel has no alias for it",
        m->module);
}

/* ---- the device ---- */

/* Answers whether it is there and KVM's. */
static int
check_device (struct machine *m, struct stat *st)
{
  static const char name[] = "kvm device";
  static const char mend[] =
      "rm -f " DEVICE " && mknod -m 660 " DEVICE " c 10 232 && chgrp kvm " DEVICE;

  if (machine_stat (m, DEVICE, st) < 0) {
    if (errno != ENOENT)
      machine_say (m, name, MACHINE_FAIL, mend, DEVICE ": %s", strerror (errno));
    else if (m->has_kvm)
      machine_say (m, name, MACHINE_FAIL, mend, DEVICE " is not there, though the kernel has KVM");
    else
      machine_say (m, name, MACHINE_SKIP, NULL, DEVICE " is there once the kernel has KVM");
    return 0;
  }
  if (! S_ISCHR (st->st_mode) || st->st_rdev != makedev (KVM_MAJOR, KVM_MINOR)) {
    machine_say (m, name, MACHINE_FAIL, mend, DEVICE " is not the character device 10:232");
    return 0;
  }
  if (m->has_kvm)
    machine_say (m, name, MACHINE_PASS, NULL, DEVICE " is there");
  else
    machine_say (m, name, MACHINE_SKIP, NULL, DEVICE " is a node, with nothing behind it yet");
  return 1;
}

/* May USER open it?  One that an access list of this machine's may let in is taken to be. */
static int
may_open (struct machine *m, enum machine_user who, const struct machine_account *user,
          const struct stat *st)
{
  mode_t bits = st->st_mode;

  if (who == MACHINE_CALLER && m->root < 0)
    return access (DEVICE, R_OK | W_OK) == 0;
  if (user->uid == 0)
    return 1;
  if (st->st_uid == user->uid)
    bits >>= 6;
  else if (machine_is_in (m, user, st->st_gid))
    bits >>= 3;
  return (bits & 6) == 6
         || (m->root < 0 && getxattr (DEVICE, "system.posix_acl_access", NULL, 0) > 0);
}

/* The group whose members may read and write, where it is not root's and has a name; or NULL. */
static const char *
group_of (struct machine *m, const struct stat *st)
{
  const char *name = machine_group_name (m, st->st_gid);

  return st->st_gid != 0 && (st->st_mode & 060) == 060 && (*name < '0' || *name > '9') ? name
                                                                                       : NULL;
}

static const char *
owner_and_mode (struct machine *m, const struct stat *st)
{
  return vl_printf (m->call, "%s:%s with mode %04o", machine_user_name (m, st->st_uid),
                    machine_group_name (m, st->st_gid), (unsigned)(st->st_mode & 07777));
}

/* CLOSED_TO is who should be able to open it and cannot, or NULL. */
static void
check_owner (struct machine *m, const struct stat *st, const char *closed_to)
{
  static const char name[] = "kvm device owner";
  const char *group = group_of (m, st), *mend;
  gid_t kvm;

  if (group && VL_STREQ (group, "kvm")) {
    machine_say (m, name, MACHINE_PASS, NULL, DEVICE " is %s", owner_and_mode (m, st));
    return;
  }
  if ((st->st_mode & 06) == 06) {
    machine_say (m, name, MACHINE_PASS, NULL, DEVICE " is %s: everyone may open it",
                 owner_and_mode (m, st));
    return;
  }
  mend = machine_find_group (m, "kvm", &kvm) < 0
             ? "groupadd --system kvm && udevadm trigger --name-match=kvm"
             : "udevadm trigger --name-match=kvm; without udev: chgrp kvm " DEVICE
               " && chmod 660 " DEVICE;
  if (closed_to && group == NULL)
    machine_say (m, name, MACHINE_FAIL, mend,
                 DEVICE " is %s, and %s may not open it; udev gives it to group kvm with mode 0660",
                 owner_and_mode (m, st), closed_to);
  else
    machine_say (m, name, MACHINE_WARN, mend,
                 DEVICE " is %s; udev gives it to group kvm with mode 0660",
                 owner_and_mode (m, st));
}

/* ---- who opens it ---- */

static struct machine_account
find_account (struct machine *m, enum machine_user who, const char **wanted)
{
  struct machine_account user = { .uid = geteuid (), .gid = getegid () };

  *wanted = NULL;
  if (who == MACHINE_QEMU)
    return machine_qemu_user (m, wanted);
  user.name = machine_user_name (m, user.uid);
  return user;
}

static void
check_user (struct machine *m, enum machine_user who, const struct machine_account *user,
            const struct stat *st)
{
  static const char name[] = "qemu user";
  const char *as = who == MACHINE_QEMU ? ", as whom libvirt runs QEMU," : "";
  const char *anew = who == MACHINE_QEMU ? " && systemctl restart libvirtd" : ", and log in anew";
  const char *group = group_of (m, st);
  const char *mend =
      vl_printf (m->call, "adduser %s %s%s", user->name, group ? group : "kvm", anew);
  gid_t kvm;

  if (may_open (m, who, user, st))
    machine_say (m, name, MACHINE_PASS, NULL, "%s%s may open " DEVICE, user->name, as);
  else if (group)
    machine_say (m, name, MACHINE_FAIL, mend, "%s%s may not open " DEVICE ", which is %s",
                 user->name, as, owner_and_mode (m, st));
  else if (machine_find_group (m, "kvm", &kvm) == 0 && machine_is_in (m, user, kvm))
    machine_say (m, name, MACHINE_SKIP, NULL,
                 "%s%s is in group kvm, to which " DEVICE " has to belong", user->name, as);
  else
    machine_say (m, name, MACHINE_FAIL, mend,
                 "%s%s is not in group kvm, to which " DEVICE " has to belong", user->name, as);
}

static void
check_access (struct machine *m, enum machine_user who)
{
  const char *wanted;
  struct machine_account user = find_account (m, who, &wanted);
  struct stat st;

  if (! check_device (m, &st)) {
    machine_say (m, "kvm device owner", MACHINE_SKIP, NULL, "takes the device");
    machine_say (m, "qemu user", MACHINE_SKIP, NULL, "takes the device");
    return;
  }
  check_owner (m, &st, user.name && ! may_open (m, who, &user, &st) ? user.name : NULL);
  if (user.name)
    check_user (m, who, &user, &st);
  else if (wanted)
    machine_say (m, "qemu user", MACHINE_FAIL,
                 vl_printf (m->call, "adduser --system %s, or set another user there", wanted),
                 "/etc/libvirt/qemu.conf has QEMU run as '%s', and there is no such user", wanted);
  else
    machine_say (m, "qemu user", MACHINE_SKIP, NULL,
                 "there is no user as whom libvirt runs QEMU (libvirt-qemu, qemu)");
}

void
machine_kvm (struct machine *m, enum machine_user user, machine_tell *tell, void *opaque)
{
  m->tell = tell;
  m->opaque = opaque;
  check_cpu (m);
  check_firmware (m);
  check_module (m);
  check_boot (m);
  check_access (m, user);
}
