/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a machine says of itself, step by step: can it run KVM guests, what software has it
 * for them, can it run guests with encrypted memory (AMD SEV)?  It is asked by its files,
 * in /proc, /sys, /dev, /etc, /usr, /lib, /run and /var, so that one that was recorded is judged
 * as the live one.  Shared by the command and the driver libvirt-kvm.
 *
 * The steps are those of the chapters "Enable KVM", "AMD SEV", "KVM performance tweaks" and
 * "Troubleshoot KVM" of Nova's admin guide. */

#ifndef VL_MACHINE_H
#define VL_MACHINE_H

#include <virtloom/types.h>

enum machine_result { MACHINE_PASS, MACHINE_WARN, MACHINE_FAIL, MACHINE_SKIP };

/* One step.  Texts live as long as the call. */
struct machine_row {
  const char *name;
  enum machine_result result;
  const char *text; /* what is there or wrong, without a full stop */
  const char *mend; /* the command that mends it, or NULL */
};
typedef void machine_tell (void *opaque, const struct machine_row *row);

struct machine;

/* This machine, where ROOT is NULL; else the one whose files are below the folder ROOT, of
 * which nothing outside is read, whatever its links say.  Device nodes that could not be
 * copied are lines of the file ROOT/nodes, "nod /dev/kvm 0660 0 104 c 10 232": path, mode,
 * owner, group, type, major, minor, as in Linux's gen_init_cpio.  NULL: *WHY says why. */
struct machine *machine_new (struct vl_call *call, const char *root, const char **why);
void machine_free (struct machine *machine);

/* Whom QEMU runs as: the user of libvirt's system daemon, or the caller. */
enum machine_user { MACHINE_QEMU, MACHINE_CALLER };

/* The steps to KVM guests, in the order in which an operator goes: each that is not there
 * is MACHINE_FAIL; what depends on one that failed is MACHINE_SKIP. */
void machine_kvm (struct machine *machine, enum machine_user user, machine_tell *tell,
                  void *opaque);
/* Emulator, libvirt, firmware, and what guests are faster with. */
void machine_software (struct machine *machine, machine_tell *tell, void *opaque);
/* What SEV takes.  One MACHINE_SKIP where the CPU is not of AMD. */
void machine_sev (struct machine *machine, machine_tell *tell, void *opaque);

#endif
