/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The path rule: whose word a file is.  One rule for modules, configuration,
 * STATE and the run paths of modules. */

#ifndef VL_LIB_TRUST_H
#define VL_LIB_TRUST_H

#include "lib/alloc.h"

/* Why a path was not opened; texts are memory of the arena. */
struct vl_trust {
  const char *why;  /* a sentence that names the component at fault */
  const char *hint; /* the command that mends it, or NULL */
  int error;        /* errno where the path cannot be walked; 0: the rule forbids it */
  int shared;       /* with ENOENT: others may make something there, in a sticky folder */
};

/* Opens PATH with FLAGS after judging every component from the root folder on:
 * each folder, each symbolic link by its owner and then by what it points to, and
 * the file itself.  A component has to be owned by root or by the caller.  It may
 * be writable by a group only if that is group 0 or, where the caller is not root,
 * the caller's private one: the primary group, with the number of the user.  It
 * may be writable by others only if it is a folder of root with the sticky bit, and
 * then only on the way: what PATH itself names may not.
 *
 * What is judged is what is opened: the walk goes by descriptors.  Answers the
 * descriptor, close-on-exec, or -1 with *TRUST filled. */
int vl_trust_open (struct vl_arena *arena, const char *path, int flags, struct vl_trust *trust);

/* Who guests run as, -1: nobody else than the caller. */
struct vl_trust_guests {
  int64_t uid, gid;
};
/* The same with O_PATH for a file or block device that GUESTS may open: that itself, but
 * no folder above it, may be theirs, which it is while one of them runs.  Of a device its
 * group is not judged: whom the system puts into that has the disks of this host anyway. */
int vl_trust_open_volume (struct vl_arena *arena, const char *path,
                          const struct vl_trust_guests *guests, struct vl_trust *trust);

/* ON: until this is called with 0, this thread keeps the folders of what vl_trust_open
 * judged last, and begins there where the next path lies in one of them.  For reading
 * many files at once: what changes meanwhile further up is not seen. */
void vl_trust_remember (int on);

#endif
