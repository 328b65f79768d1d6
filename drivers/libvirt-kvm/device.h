/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Can QEMU use KVM on this machine? */

#ifndef VL_DRIVERS_KVM_DEVICE_H
#define VL_DRIVERS_KVM_DEVICE_H

#include "../libvirt/virt.h"

/* Why guests of the connection URI cannot use /dev/kvm, with the command that mends it: a
 * sentence that lives as long as CALL.  NULL: they can, as far as can be seen without
 * asking libvirt.  Of a daemon that listens at a socket of its own nothing is known: it
 * may be in a container with devices of its own. */
const char *kvm_problem (struct vl_call *call, const struct virt_uri *uri);

#endif
