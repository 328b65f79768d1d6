/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * libvirt's QEMU driver in this process: its root folder. */

#ifndef VL_DRIVERS_EMBED_H
#define VL_DRIVERS_EMBED_H

#include <virtloom/driver.h>

#include <sys/types.h>

/* A user; uid 0: nobody in particular. */
struct embed_user {
  uid_t uid;
  gid_t gid;
};

/* What libvirt's driver is like in a root folder. */
struct embed {
  struct embed_user guests; /* whom guests run as, where that is not for libvirt to say: its
                               qemu.conf is not the operator's, and this is root */
  int plain_logs;           /* no virtlogd writes the logs */
};

/* Makes ROOT ready: the folder, the way to it, qemu.conf.  0, or -1 after a finding. */
int embed_prepare (struct vl_call *call, const char *root, struct embed *embed);

/* Takes ROOT, which is ready, waiting up to MS milliseconds for another process that has it:
 * a descriptor that holds it until all copies of it are closed; VIRT_BUSY, or -1 after a
 * finding. */
int embed_take (struct vl_call *call, const char *root, uint32_t ms);
/* The same for a process that has libvirt's driver itself, until it ends: the descriptor
 * is never closed, and there is one root for each process. */
int embed_stay (struct vl_call *call, const char *root, uint32_t ms);

/* What has to be in the environment before libvirt begins, so that its driver in this
 * process writes its messages below ROOT and not on stderr. */
const char *embed_environment (struct vl_call *call, const char *root);

/* scrub.c: mends what libvirt would believe of the guests in ROOT, which is taken.  0, or -1 after
 * a finding. */
int embed_scrub (struct vl_call *call, const char *root);

/* Has libvirt asked ROOT's QEMU yet?  The first time takes some seconds. */
int embed_knows_qemu (struct vl_call *call, const char *root);

/* The user that libvirt's driver must find when root opens it, or NULL where all
 * is well: the name that is missing. */
const char *embed_missing_user (void);

#endif
