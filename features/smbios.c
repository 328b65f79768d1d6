/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * smbios: what an x86 guest reads from its system information table: who made
 * the "machine" and its serial number.  Owns <sysinfo> and os/smbios. */

#include <config.h>

#include <virtloom/feature.h>

#include <stdio.h>
#include <string.h>

#define MACHINE_ID "/etc/machine-id"
#define FACT_MACHINE_ID "smbios.machine-id"
#define FACT_HOST_UUID "host.uuid"

static const char *const sources[] = { "none", "os", "hardware", "auto", "unique", NULL };

static const struct vl_prop props[] = {
  { .name = "serial-from",
    .type = VL_CHOICE,
    .choices = sources,
    .deflt = "unique",
    .setting = "sysinfo_serial",
    .nova = "libvirt.sysinfo_serial",
    .help =
        "serial number: none, the host's machine-id (os), the host's uuid (hardware), the first "
        "of those two that there is (auto), the server's uuid (unique)",
    .since = "0.1.0" },
  { .name = "serial",
    .type = VL_STRING,
    .help = "the serial number that the guest reads",
    .since = "0.1.0" },
};

static const struct vl_write writes[] = { { .path = "os/smbios" }, { .path = "sysinfo" } };

static const struct vl_name reads[] = { { .name = VL_GUEST_ARCH },
                                        { .name = VL_GUEST_UUID },
                                        { .name = VL_GUEST_VIRT_TYPE } };

static int
active (struct vl_call *c)
{
  return ! vl_is (c, VL_GUEST_VIRT_TYPE, "lxc")
         && (vl_is (c, VL_GUEST_ARCH, "x86_64") || vl_is (c, VL_GUEST_ARCH, "i686"));
}

/* The host fact KEY as a uuid, dashes included, as libvirt and Nova show it. */
static int
serial_from_host (struct vl_call *c, const char *key)
{
  const char *id = vl_fact_str (c, key);

  if (id == NULL)
    return vl_unsaid (c, "serial-from", key);
  if (strlen (id) == 32)
    id = vl_printf (c, "%.8s-%.4s-%.4s-%.4s-%.12s", id, id + 8, id + 12, id + 16, id + 20);
  return vl_put (c, "serial", id, "serial-from", vl_printf (c, "host fact %s", key));
}

static int
resolve (struct vl_call *c)
{
  if (! active (c) || vl_is (c, "serial-from", "none"))
    return 0;
  if (vl_is (c, "serial-from", "unique"))
    return vl_put (c, "serial", vl_str (c, VL_GUEST_UUID), "serial-from", "the server's uuid");
  if (vl_is (c, "serial-from", "os")
      || (vl_is (c, "serial-from", "auto") && vl_fact_str (c, FACT_MACHINE_ID)))
    return serial_from_host (c, FACT_MACHINE_ID);
  return serial_from_host (c, FACT_HOST_UUID);
}

static void
add_entry (struct vl_node *system, const char *name, const char *text)
{
  vl_text (vl_keyed_in (system, "entry", "name", name, NULL), text);
}

static int
contribute (struct vl_call *c)
{
  struct vl_node *system =
      vl_ensure_in (vl_keyed (c, "sysinfo", VL_GUEST_ARCH, "type", "smbios", NULL), "system");

  add_entry (system, "manufacturer", "virtloom");
  add_entry (system, "product", "virtloom");
  add_entry (system, "version", VL_VERSION);
  if (vl_has (c, "serial"))
    add_entry (vl_because (system, "serial"), "serial", vl_str (c, "serial"));
  add_entry (vl_because (system, VL_GUEST_UUID), "uuid", vl_str (c, VL_GUEST_UUID));
  add_entry (system, "family", "Virtual Machine");
  return vl_set (vl_ensure (c, "os/smbios", VL_GUEST_ARCH), "mode", "sysinfo");
}

static int
probe (struct vl_call *c)
{
  char id[34] = "";
  FILE *file = fopen (MACHINE_ID, "re");

  if (file == NULL)
    return 0;
  if (fgets (id, sizeof id, file) && strspn (id, "0123456789abcdef") == 32)
    vl_fact_set (c, FACT_MACHINE_ID, vl_printf (c, "%.32s", id));
  fclose (file);
  return 0;
}

VL_FEATURE (smbios, "smbios", .version = VL_VERSION,
            .summary = "system information table of x86 guests", .props = VL_TABLE (props),
            .writes = VL_TABLE (writes), .reads = VL_TABLE (reads), .resolve = resolve,
            .active = active, .contribute = contribute, .probe = probe);
