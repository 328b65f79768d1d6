/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * watchdog: an i6300esb watchdog device.  When the guest stops feeding it, the
 * hypervisor does what the image, else the flavor, says. */

#include <config.h>

#include <virtloom/feature.h>

#include <string.h>

static const char *const actions[] = { "none", "pause", "poweroff", "reset", "disabled", NULL };

static const struct vl_prop props[] = {
  { .name = "action",
    .type = VL_CHOICE,
    .rule = VL_IMAGE_WINS,
    .flags = VL_EMPTY_UNSET,
    .deflt = "disabled",
    .choices = actions,
    .flavor_key = "hw:watchdog_action",
    .image_key = "hw_watchdog_action",
    .invalid_code = "InvalidWatchdogAction",
    .help = "what happens when the guest stops feeding the watchdog; 'disabled': no device",
    .since = "0.1.0" },
};

static const struct vl_write writes[] = { { .path = "devices/watchdog" } };

static const struct vl_name reads[] = { { .name = VL_GUEST_ARCH },
                                        { .name = VL_GUEST_MACHINE },
                                        { .name = VL_GUEST_VIRT_TYPE } };

/* Machines of other architectures, and other machines of these ones, have PCI.
 * Which have not is libvirt's own rule for devices on PCI. */
static int
has_pci (const char *arch, const char *machine)
{
  static const struct {
    const char *arch, *machine;
    int pci;
  } rules[] = {
    { "x86_64", "isapc", 0 }, { "x86_64", "microvm", 0 },
    { "i686", "isapc", 0 },   { "i686", "microvm", 0 },
    { "aarch64", "virt", 1 }, { "aarch64", "", 0 },
    { "armv7l", "virt", 1 },  { "armv7l", "versatilepb", 1 },
    { "armv7l", "", 0 },      { "armv6l", "versatilepb", 1 },
    { "armv6l", "", 0 },      { "riscv64", "virt", 1 },
    { "riscv64", "", 0 },     { "riscv32", "virt", 1 },
    { "riscv32", "", 0 },
  };

  if (arch == NULL || machine == NULL)
    return 1;
  if (strcmp (machine, "none") == 0)
    return 0;
  for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
    if (strcmp (arch, rules[i].arch) == 0
        && strncmp (machine, rules[i].machine, strlen (rules[i].machine)) == 0)
      return rules[i].pci;
  return 1;
}

static int
active (struct vl_call *c)
{
  return vl_has (c, "action") && ! vl_is (c, "action", "disabled");
}

static int
validate (struct vl_call *c)
{
  const char *machine = vl_str (c, VL_GUEST_MACHINE);

  if (vl_is (c, VL_GUEST_VIRT_TYPE, "lxc"))
    return vl_refuse (c, VL_ERR_UNSUPPORTED, "action",
                      "say 'disabled', or use a driver that runs virtual machines",
                      "a container cannot have a watchdog: the i6300esb is a PCI device");
  if (! has_pci (vl_str (c, VL_GUEST_ARCH), machine))
    return vl_refuse (c, VL_ERR_UNSUPPORTED, "action",
                      "say 'disabled', or take a machine type with PCI such as 'q35' or 'virt'",
                      "machine type '%s' has no PCI bus, which the i6300esb watchdog sits on",
                      machine);
  return 0;
}

static int
contribute (struct vl_call *c)
{
  struct vl_node *dog = vl_append (c, "devices/watchdog", "action");

  vl_set (dog, "model", "i6300esb");
  return vl_set_from (dog, "action", "action");
}

VL_FEATURE (watchdog, "watchdog", .version = VL_VERSION,
            .summary = "a watchdog device and what happens when it fires",
            .props = VL_TABLE (props), .writes = VL_TABLE (writes), .reads = VL_TABLE (reads),
            .active = active, .validate = validate, .contribute = contribute);
