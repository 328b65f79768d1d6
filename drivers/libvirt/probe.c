/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What libvirt says of its host, as facts.  The facts are made by the core, by
 * the same code that imports recorded answers, so that a recorded host decides
 * as the live one did. */

#include <config.h>

#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>

#include "virt.h"

/* Machine aliases whose domain capabilities are asked for, where an architecture
 * has them; any other guest's machine is canonical for one of these or unknown. */
static const char *const aliases[] = { "pc", "q35", "virt", "pseries", "s390-ccw-virtio", NULL };

static void
add_version (struct vl_call *call, const char *key, unsigned long version)
{
  vl_fact_set (
      call, key,
      vl_printf (call, "%lu.%lu.%lu", version / 1000000, version / 1000 % 1000, version % 1000));
}

/* One answer; a machine that libvirt cannot tell of is left out, and its facts
 * are then unknown. */
static int
add_machine (struct vl_call *call, struct vl_conn *conn, const char *arch, const char *machine)
{
  VIRT_AUTOTEXT char *xml =
      virConnectGetDomainCapabilities (conn->virt, NULL, arch, machine, conn->type, 0);

  if (xml)
    return vl_host_import_domcapabilities (call, xml);
  vl_debug (call, "no domain capabilities of %s %s: %s", arch, machine ? machine : "(default)",
            virGetLastErrorMessage ());
  virResetLastError ();
  return 0;
}

/* May a guest's memory be locked?  libvirt lifts the limit for it, from within this process
 * where its driver is embedded, and the kernel lets that be done with CAP_SYS_RESOURCE
 * alone. */
const char *
virt_memlock (struct vl_call *call)
{
  FILE *file = fopen ("/proc/self/status", "re");
  unsigned long long capabilities = 0;
  struct rlimit limit = { 0, 0 };
  char line[256];

  while (file && fgets (line, sizeof line, file))
    if (strncmp (line, "CapEff:", 7) == 0)
      capabilities = strtoull (line + 7, NULL, 16);
  if (file)
    fclose (file);
  getrlimit (RLIMIT_MEMLOCK, &limit);
  if (limit.rlim_max == RLIM_INFINITY || (capabilities >> CAP_SYS_RESOURCE & 1))
    return "unlimited";
  return vl_printf (call, "%llu", (unsigned long long)limit.rlim_max);
}

static int
has_domain_type (const struct vl_xml *arch, const char *type)
{
  const struct vl_xml *domain = vl_xml_child (arch, "domain");

  for (; domain; domain = vl_xml_next (domain, "domain")) {
    const char *text = vl_xml_attr (domain, "type");

    if (text && strcmp (text, type) == 0)
      return 1;
  }
  return 0;
}

static int
has_machine (const struct vl_xml *arch, const char *name)
{
  const struct vl_xml *machine = vl_xml_child (arch, "machine");

  for (; machine; machine = vl_xml_next (machine, "machine"))
    if (strcmp (vl_xml_text (machine), name) == 0)
      return 1;
  return 0;
}

static int
add_arch (struct vl_call *call, struct vl_conn *conn, const struct vl_xml *arch)
{
  const char *name = vl_xml_attr (arch, "name");
  size_t i, asked = 0;

  if (name == NULL || ! has_domain_type (arch, conn->type))
    return 0;
  for (i = 0; aliases[i]; i++) {
    if (! has_machine (arch, aliases[i]))
      continue;
    if (add_machine (call, conn, name, aliases[i]) < 0)
      return -1;
    asked++;
  }
  return asked ? 0 : add_machine (call, conn, name, NULL);
}

/* The host's own architecture first: where two say the same, it was asked
 * first. */
static int
add_arches (struct vl_call *call, struct vl_conn *conn, const struct vl_xml *capabilities)
{
  struct utsname self;
  int foreign;

  if (uname (&self) < 0)
    self.machine[0] = '\0';
  for (foreign = 0; foreign < 2; foreign++) {
    const struct vl_xml *guest = vl_xml_child (capabilities, "guest");

    for (; guest; guest = vl_xml_next (guest, "guest")) {
      const struct vl_xml *arch = vl_xml_child (guest, "arch");
      const char *name = arch ? vl_xml_attr (arch, "name") : NULL;

      if (name && (strcmp (name, self.machine) != 0) == foreign && add_arch (call, conn, arch) < 0)
        return -1;
    }
  }
  return 0;
}

static int
probe (struct vl_call *call, struct vl_conn *conn, const struct virt_job *job, FILE *answer)
{
  VIRT_AUTOTEXT char *xml = NULL;
  const struct vl_xml *root;
  unsigned long version;

  (void)job;
  (void)answer;
  xml = virConnectGetCapabilities (conn->virt);
  if (xml == NULL)
    return virt_error (call, "cannot read the capabilities of the host");
  if (vl_host_import_capabilities (call, xml) < 0)
    return -1;
  root = vl_xml_read (call, xml, strlen (xml));
  if (root == NULL || add_arches (call, conn, root) < 0)
    return -1;
  vl_fact_set (call, "libvirt.secrets", conn->embedded ? "false" : "true");
  if (conn->embedded)
    vl_fact_set (call, "limit.memlock", virt_memlock (call));
  if (virConnectGetLibVersion (conn->virt, &version) == 0)
    add_version (call, "libvirt.version", version);
  if (virConnectGetVersion (conn->virt, &version) == 0)
    add_version (call, "qemu.version", version);
  virResetLastError ();
  return 0;
}

int
virt_probe (struct vl_call *call, struct vl_conn *conn)
{
  struct virt_job job = { 0 };

  if (! conn->embedded)
    virt_log_judge_daemon (call, conn);
  return virt_do (call, conn, probe, &job);
}
