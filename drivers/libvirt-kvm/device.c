/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Can QEMU use KVM on this machine?  The steps are those that an operator goes through: the
 * CPU and its switch in the firmware, the kernel's module, the device and who may open it. */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "lib/alloc.h"
#include "lib/file.h"

#include "device.h"

#define DEVICE "/dev/kvm"
#define FILE_BYTES ((size_t)16 * 1024 * 1024)
#define MAX_GROUPS 64

/* ---- the CPU and the module ---- */

/* Is WORD in the line of TEXT that begins with KEY? */
static int
line_has (const char *text, const char *key, const char *word)
{
  size_t length = strlen (word);
  const char *line = text, *end;

  while (*line && strncmp (line, key, strlen (key)) != 0) {
    line += strcspn (line, "\n");
    line += *line == '\n';
  }
  end = line + strcspn (line, "\n");
  for (const char *p = strstr (line, word); p && p < end; p = strstr (p + 1, word))
    if (p > line && strchr (" \t:", p[-1]) && strchr (" \n", p[length]))
      return 1;
  return 0;
}

static const char *
not_loaded (struct vl_call *call, const char *module, const char *may_fail)
{
  if (access (vl_printf (call, "/sys/module/%s", module), F_OK) == 0)
    return vl_printf (call,
                      "the module %s is loaded, but " DEVICE " cannot be used (modprobe -r %s && "
                      "modprobe %s; udevadm trigger --name-match=kvm)",
                      module, module, module);
  return vl_printf (call,
                    "the module %s is not loaded (modprobe %s; at each boot: echo %s > "
                    "/etc/modules-load.d/kvm.conf%s)",
                    module, module, module, may_fail);
}

/* Why there is no device: the CPU is asked first, since without it no module helps. */
static const char *
no_device (struct vl_call *call)
{
  const char *why, *answer;
  size_t length;
  VL_AUTOFREE char *cpu = vl_file_read ("/proc/cpuinfo", FILE_BYTES, &length, &why);

  if (cpu == NULL)
    answer = vl_printf (call, "/proc/cpuinfo cannot be read: %s", why);
  else if (line_has (cpu, "flags", "vmx"))
    answer = not_loaded (call, "kvm_intel",
                         "; where modprobe says 'Operation not supported', turn Intel VT-x on in "
                         "the firmware");
  else if (line_has (cpu, "flags", "svm"))
    answer = not_loaded (call, "kvm_amd",
                         "; where modprobe says 'Operation not supported', turn AMD-V (SVM) on in "
                         "the firmware");
  else if (line_has (cpu, "flags", "hypervisor"))
    answer = "the CPU shows neither vmx nor svm: this is a virtual machine, whose host has to let "
             "it run guests of its own (nested=1 of its kvm_intel or kvm_amd, and a CPU that has "
             "the flag)";
  else if (strncmp (cpu, "flags", 5) == 0 || strstr (cpu, "\nflags"))
    answer = "the CPU shows neither vmx nor svm: turn Intel VT-x or AMD-V (SVM) on in the firmware";
  else if (line_has (cpu, "platform", "PowerNV"))
    answer = not_loaded (call, "kvm_hv", "");
  else if (line_has (cpu, "platform", "pSeries"))
    answer = not_loaded (call, "kvm_pr", "");
  else
    answer = "the kernel offers no KVM on this CPU (see 'dmesg | grep -i kvm')";
  return answer;
}

/* ---- who may open the device ---- */

/* The value of KEY in libvirt's qemu.conf, or NULL: as `user = "libvirt-qemu"`. */
static const char *
configured (struct vl_call *call, const char *text, const char *key)
{
  const char *found = NULL;

  for (const char *line = text; line && *line; line = strchr (line, '\n')) {
    line += strspn (line, "\n \t");
    if (strncmp (line, key, strlen (key)) == 0) {
      const char *value = line + strlen (key);

      value += strspn (value, " \t");
      if (*value == '=') {
        value += 1 + strspn (value + 1, " \t\"");
        found = vl_printf (call, "%.*s", (int)strcspn (value, "\" \t\n#"), value);
      }
    }
  }
  return found;
}

/* As libvirt reads a user: a name, else a number, or with "+" a number alone.  NULL: none. */
static const struct passwd *
find_user (const char *name)
{
  const struct passwd *user = *name == '+' ? NULL : getpwnam (name);

  return user ? user : getpwuid ((uid_t)strtoul (name + (*name == '+'), NULL, 10));
}

static const struct group *
find_group (const char *name)
{
  const struct group *group = *name == '+' ? NULL : getgrnam (name);

  return group ? group : getgrgid ((gid_t)strtoul (name + (*name == '+'), NULL, 10));
}

/* Whom libvirt's system daemon runs QEMU as: qemu.conf decides, else what distributions build
 * in.  NULL: root, or it cannot be known. */
static const struct passwd *
qemu_user (struct vl_call *call, gid_t *group)
{
  static const char *const names[] = { "libvirt-qemu", "qemu" };
  const struct passwd *user = NULL;
  const struct group *own;
  const char *why, *name;
  size_t length;
  VL_AUTOFREE char *text = vl_file_read ("/etc/libvirt/qemu.conf", FILE_BYTES, &length, &why);

  name = configured (call, text, "user");
  if (name)
    user = find_user (name);
  for (size_t i = 0; name == NULL && user == NULL && i < sizeof names / sizeof names[0]; i++)
    user = getpwnam (names[i]);
  if (user == NULL || user->pw_uid == 0)
    return NULL;
  *group = user->pw_gid;
  name = configured (call, text, "group");
  own = name ? find_group (name) : NULL;
  if (own)
    *group = own->gr_gid;
  return user;
}

static int
is_in (const gid_t *groups, int n, gid_t group)
{
  for (int i = 0; i < n; i++)
    if (groups[i] == group)
      return 1;
  return 0;
}

/* May USER read and write what ST is of? */
static int
may_open (const struct passwd *user, gid_t group, const struct stat *st)
{
  gid_t groups[MAX_GROUPS];
  int n = MAX_GROUPS;
  mode_t bits = st->st_mode;

  if (getgrouplist (user->pw_name, group, groups, &n) < 0)
    n = MAX_GROUPS;
  if (st->st_uid == user->pw_uid)
    bits >>= 6;
  else if (is_in (groups, n, st->st_gid))
    bits >>= 3;
  return (bits & 6) == 6;
}

static const char *
name_or_number (struct vl_call *call, const char *name, unsigned number)
{
  return name ? vl_printf (call, "%s", name) : vl_printf (call, "%u", number);
}

static const char *
closed_to (struct vl_call *call, const char *user, const char *as, const struct stat *st)
{
  const struct passwd *owner = getpwuid (st->st_uid);
  const struct group *group = getgrgid (st->st_gid);
  const char *owner_name = name_or_number (call, owner ? owner->pw_name : NULL, st->st_uid);
  const char *group_name = name_or_number (call, group ? group->gr_name : NULL, st->st_gid);
  const char *mend;

  if (st->st_gid != 0 && (st->st_mode & 060) == 060)
    mend = vl_printf (call, "adduser %s %s, and start %s anew", user, group_name,
                      *as ? "libvirtd" : "the session");
  else
    mend =
        vl_printf (call,
                   "udevadm trigger --name-match=kvm gives it to group kvm where udev has its "
                   "rule; else: chgrp kvm " DEVICE " && chmod 660 " DEVICE "; then adduser %s kvm",
                   user);
  return vl_printf (call, "user %s%s may not open " DEVICE ", which is %s:%s with mode %04o (%s)",
                    user, as, owner_name, group_name, (unsigned)(st->st_mode & 07777), mend);
}

static const char *
closed (struct vl_call *call, enum virt_where where, const struct stat *st)
{
  const struct passwd *user;
  gid_t group;

  if (where == VIRT_SESSION) {
    if (access (DEVICE, R_OK | W_OK) == 0)
      return NULL;
    user = getpwuid (geteuid ());
    return closed_to (call, name_or_number (call, user ? user->pw_name : NULL, geteuid ()), "", st);
  }
  user = qemu_user (call, &group);
  /* An access list is taken to let it in. */
  if (user == NULL || may_open (user, group, st)
      || getxattr (DEVICE, "system.posix_acl_access", NULL, 0) > 0)
    return NULL;
  return closed_to (call, vl_printf (call, "%s", user->pw_name), ", as whom libvirt runs QEMU,",
                    st);
}

/* ---- both ---- */

const char *
kvm_problem (struct vl_call *call, const struct virt_uri *uri)
{
  const char *problem;
  struct stat st;
  int fd;

  if (uri->socket)
    return NULL;
  if (stat (DEVICE, &st) < 0 && errno == ENOENT)
    return vl_printf (call, DEVICE " is not there: %s", no_device (call));
  if (stat (DEVICE, &st) < 0)
    return vl_printf (call, DEVICE ": %s", strerror (errno));
  problem = closed (call, uri->where, &st);
  if (problem)
    return problem;
  /* The node may be there without the kernel's part of it. */
  fd = open (DEVICE, O_RDWR | O_CLOEXEC);
  if (fd < 0 && (errno == ENODEV || errno == ENXIO))
    return vl_printf (call, DEVICE " is a node without a device: %s", no_device (call));
  if (fd >= 0)
    close (fd);
  return NULL;
}
