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

/* Makes ROOT ready and takes it for this process, waiting up to TIMEOUT seconds
 * for another one that has it.  It stays taken until the process ends, as
 * libvirt's driver does.  *GUESTS becomes whom guests are to run as, where
 * that is not for libvirt to say: its qemu.conf is not the operator's, and this is root.
 * 0, or -1 after a finding. */
int embed_take (struct vl_call *call, const char *root, unsigned timeout,
                struct embed_user *guests);

/* What has to be in the environment before libvirt begins, so that its driver in this
 * process writes its messages below ROOT and not on stderr. */
const char *embed_environment (struct vl_call *call, const char *root);

/* Has libvirt asked this root's QEMU yet?  The first time takes some seconds. */
int embed_knows_qemu (struct vl_call *call);

/* The user that libvirt's driver must find when root opens it, or NULL where all
 * is well: the name that is missing. */
const char *embed_missing_user (void);

#endif
