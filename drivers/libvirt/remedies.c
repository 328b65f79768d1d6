/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What libvirt and QEMU say of a host that cannot run a guest although it offered to, where
 * it is known what mends that.  QEMU's own words are kept where they tell an operator
 * something; of a failed assertion the meaning is told instead. */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "virt.h"

#define MSR "failed to set MSR "
/* IA32_ARCH_CAPABILITIES */
#define MSR_ARCH_CAPABILITIES 0x10a

static const struct {
  const char *says, *mend;
} remedies[] = {
  { "no supported architecture for os type", VIRT_QEMU_HINT },
  { "could not find capabilities for domaintype=kvm", "virtloom host check" },
  { "Could not access KVM kernel module: Permission denied",
    "let the user that QEMU runs as open /dev/kvm: udevadm trigger --name-match=kvm; adduser "
    "libvirt-qemu kvm; systemctl restart libvirtd" },
  { "Could not access KVM kernel module",
    "modprobe kvm_intel || modprobe kvm_amd; systemctl restart libvirtd" },
};

const char *
virt_remedy (struct vl_call *call, const char *message, const char **meaning)
{
  const char *msr = strstr (message, MSR);
  unsigned long number = msr ? strtoul (msr + strlen (MSR), NULL, 16) : 0;

  *meaning = NULL;
  if (number) {
    *meaning = vl_printf (call,
                          "KVM on this host does not let guests have register 0x%lx (MSR), though "
                          "a flag of their CPU promises it",
                          number);
    if (number == MSR_ARCH_CAPABILITIES)
      return "set cpu_model_extra_flags = -arch-capabilities in plugins.d/cpu-model.conf";
    return "take the flag away with cpu_model_extra_flags in plugins.d/cpu-model.conf, or set "
           "cpu_mode = none there";
  }
  for (size_t i = 0; i < sizeof remedies / sizeof remedies[0]; i++)
    if (strstr (message, remedies[i].says))
      return remedies[i].mend;
  return NULL;
}
