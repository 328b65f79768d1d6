/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the steps are made with: files below the root, words in them, users, packages. */

#ifndef VL_MACHINE_LOOK_H
#define VL_MACHINE_LOOK_H

#include <sys/stat.h>
#include <sys/types.h>

#include "lib/alloc.h"

#include "machine.h"

enum platform {
  PLATFORM_UNKNOWN,
  PLATFORM_X86,
  PLATFORM_POWER,
  PLATFORM_ARM,
  PLATFORM_S390,
  PLATFORM_RISCV
};

struct machine {
  struct vl_call *call;
  int root;          /* the folder, or -1: this machine */
  const char *nodes; /* text of ROOT/nodes, or NULL */
  machine_tell *tell;
  void *opaque;

  /* Of the CPU, by cpu.c. */
  const char *cpu; /* /proc/cpuinfo; NULL: it cannot be read */
  enum platform platform;
  const char *arch;         /* of the emulator: "x86_64", or NULL */
  int virtual;              /* it runs under another hypervisor */
  const char *flag;         /* that says the CPU virtualizes: "vmx"; NULL: it does not say so */
  const char *module;       /* that takes: "kvm_intel"; NULL: not known, or part of the kernel */
  const char *technology;   /* its name in the firmware: "Intel VT-x" */
  const char *switched_off; /* what the kernel said of the firmware, or NULL */
  int has_kvm;              /* the kernel has KVM */
};

/* ---- cpu.c ---- */

void machine_look_at_cpu (struct machine *machine);

/* ---- root.c ---- */

/* The text of the file PATH, absolute; NULL, with errno, where it cannot be read. */
const char *machine_read (struct machine *machine, const char *path);
/* Like stat, and like ROOT/nodes. */
int machine_stat (struct machine *machine, const char *path, struct stat *st);
int machine_has (struct machine *machine, const char *path);
/* The names in the folder PATH that end with SUFFIX, in byte order; none where it is not there. */
void machine_list (struct machine *machine, const char *path, const char *suffix,
                   struct vl_strv *names);
/* What the kernel has told since it started, as dmesg prints it; "" where it may not be read. */
const char *machine_kernel_log (struct machine *machine);

/* Has TEXT a line that begins with KEY? */
int machine_has_line (const char *text, const char *key);
/* Is WORD, between blanks, in the first line of TEXT that begins with KEY? */
int machine_line_has (const char *text, const char *key, const char *word);
/* The text behind the blanks and the colon of the first line that begins with KEY, or NULL. */
const char *machine_line (struct machine *machine, const char *text, const char *key);
/* The value of a module's parameter: "Y", "0"; NULL where the module has none. */
const char *machine_parameter (struct machine *machine, const char *module, const char *parameter);
int machine_is_loaded (struct machine *machine, const char *module);

void machine_say (struct machine *machine, const char *name, enum machine_result result,
                  const char *mend, const char *fmt, ...) VL_PRINTF (5, 6);

/* ---- boot.c ---- */

/* What loads MODULE when the machine starts, the file *WHERE.  1; 0: nothing does; -1: line
 * *NUMBER of *WHERE, *LINE, keeps it from being loaded. */
int machine_loads_at_boot (struct machine *machine, const char *module, const char **where,
                           const char **line, size_t *number);
/* Does a file of modprobe's ask for PARAMETER of MODULE, as "options kvm_amd sev=1"? */
int machine_asks_for (struct machine *machine, const char *module, const char *parameter);

/* ---- users.c ---- */

/* A user.  Those of this machine are found by its name service, others in their /etc. */
struct machine_account {
  const char *name; /* NULL: there is none */
  uid_t uid;
  gid_t gid;
};
/* Whom libvirt's system daemon runs QEMU as: qemu.conf decides, else what distributions build in;
 * NAME is NULL where neither is there, and *WANTED what qemu.conf names. */
struct machine_account machine_qemu_user (struct machine *machine, const char **wanted);
const char *machine_user_name (struct machine *machine, uid_t uid);
const char *machine_group_name (struct machine *machine, gid_t gid);
int machine_is_in (struct machine *machine, const struct machine_account *user, gid_t group);
/* 0, or -1: there is no such group. */
int machine_find_group (struct machine *machine, const char *name, gid_t *group);

/* ---- software.c ---- */

/* The description of a UEFI firmware for this machine's guests that has FEATURE, or NULL. */
const char *machine_firmware (struct machine *machine, const char *feature);
/* The command that switches a module's parameter on. */
const char *machine_options (struct machine *machine, const char *module, const char *parameter);
/* The version of an installed Debian package as its maker numbers it ("7.2"), or NULL. */
const char *machine_package (struct machine *machine, const char *package);

#endif
