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
    .setting = "sysinfo_serial",
    .help = "where the serial number comes from",
    .since = "0.1.0" },
  { .name = "serial",
    .type = VL_STRING,
    .help = "the serial number that the guest reads",
    .since = "0.1.0" },
};

static const struct vl_setting settings[] = {
  { .name = "sysinfo_serial",
    .type = VL_CHOICE,
    .choices = sources,
    .deflt = "unique",
    .nova = "libvirt.sysinfo_serial",
    .help =
        "serial number: none, the host's machine-id (os), the host's uuid (hardware), the first "
        "of those two that there is (auto), the server's uuid (unique)",
    .since = "0.1.0" },
};

static const struct vl_write writes[] = { { "os/smbios", NULL }, { "sysinfo", NULL } };

static const struct vl_name reads[] = { { VL_GUEST_ARCH },
                                        { VL_GUEST_UUID },
                                        { VL_GUEST_VIRT_TYPE } };

static int
active (const struct vl_guest *guest)
{
  return ! vl_guest_is (guest, VL_GUEST_VIRT_TYPE, "lxc")
         && (vl_guest_is (guest, VL_GUEST_ARCH, "x86_64")
             || vl_guest_is (guest, VL_GUEST_ARCH, "i686"));
}

/* The host fact KEY as a uuid, dashes included, as libvirt and Nova show it. */
static int
serial_from_host (struct vl_call *call, struct vl_guest *guest, const struct vl_host *host,
                  const char *key)
{
  const char *id = vl_host_str (host, key);

  if (id == NULL)
    return vl_host_unknown (call, "serial-from", key);
  if (strlen (id) == 32)
    id = vl_printf (call, "%.8s-%.4s-%.4s-%.4s-%.12s", id, id + 8, id + 12, id + 16, id + 20);
  return vl_guest_set (call, guest, "serial", id, "serial-from",
                       vl_printf (call, "host fact %s", key));
}

static int
resolve (struct vl_call *call, struct vl_guest *guest, const struct vl_host *host)
{
  if (! active (guest) || vl_guest_is (guest, "serial-from", "none"))
    return 0;
  if (vl_guest_is (guest, "serial-from", "unique"))
    return vl_guest_set (call, guest, "serial", vl_guest_str (guest, VL_GUEST_UUID), "serial-from",
                         "the server's uuid");
  if (vl_guest_is (guest, "serial-from", "os")
      || (vl_guest_is (guest, "serial-from", "auto") && vl_host_str (host, FACT_MACHINE_ID)))
    return serial_from_host (call, guest, host, FACT_MACHINE_ID);
  return serial_from_host (call, guest, host, FACT_HOST_UUID);
}

static void
add_entry (struct vl_call *call, struct vl_node *system, const char *name, const char *text,
           const char *why)
{
  struct vl_node *entry =
      vl_ensure_keyed (call, system, "entry", vl_printf (call, "name=%s", name), 0, why);

  vl_text (call, entry, text, why);
}

static int
contribute (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  struct vl_node *sysinfo =
                     vl_ensure_keyed (call, NULL, "sysinfo", "type=smbios", 0, VL_GUEST_ARCH),
                 *system;

  (void)host;
  system = vl_ensure (call, sysinfo, "system", 0, VL_GUEST_ARCH);
  add_entry (call, system, "manufacturer", "virtloom", VL_GUEST_ARCH);
  add_entry (call, system, "product", "virtloom", VL_GUEST_ARCH);
  add_entry (call, system, "version", VL_VERSION, VL_GUEST_ARCH);
  if (vl_guest_has (guest, "serial"))
    add_entry (call, system, "serial", vl_guest_str (guest, "serial"), "serial");
  add_entry (call, system, "uuid", vl_guest_str (guest, VL_GUEST_UUID), VL_GUEST_UUID);
  add_entry (call, system, "family", "Virtual Machine", VL_GUEST_ARCH);
  vl_set (call, vl_ensure (call, NULL, "os/smbios", 0, VL_GUEST_ARCH), "mode", "sysinfo",
          VL_GUEST_ARCH);
  return 0;
}

static int
probe (struct vl_call *call, struct vl_host *host)
{
  char id[34] = "";
  FILE *file = fopen (MACHINE_ID, "re");

  if (file == NULL)
    return 0;
  if (fgets (id, sizeof id, file) && strspn (id, "0123456789abcdef") == 32)
    vl_host_set (host, FACT_MACHINE_ID, vl_printf (call, "%.32s", id));
  fclose (file);
  return 0;
}

VL_FEATURE (smbios, "smbios", .version = VL_VERSION,
            .summary = "system information table of x86 guests", .props = VL_TABLE (props),
            .settings = VL_TABLE (settings), .writes = VL_TABLE (writes), .reads = VL_TABLE (reads),
            .resolve = resolve, .active = active, .contribute = contribute, .probe = probe);
