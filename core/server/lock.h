/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One lock per server, per image and for what plugins share: a file STATE/KIND/NAME.lock
 * under flock, which the kernel lets go of when its holder dies.  Internal to core/server. */

#ifndef VL_CORE_LOCK_H
#define VL_CORE_LOCK_H

#include "server/session.h"

struct vl_lock {
  int fd; /* -1: not held */
  char *path;
};
#define VL_LOCK_NONE                                                                               \
  {                                                                                                \
    -1, NULL                                                                                       \
  }
#define VL_AUTOLOCK __attribute__ ((cleanup (vl_lock_drop)))

/* Takes the lock of object UUID under KIND ("servers", "images", "locks").  0: held.  1:
 * another command holds it (only where WAIT is 0).  -1 after a finding.
 *
 * A driver may let one process in at a time, and for as long as it lives: so the
 * driver is opened first (vl_app_conn), the lock taken second.  Whoever has the
 * lock of a server then needs nothing more that another could hold. */
int vl_lock_take (struct vl_app *app, const char *kind, const char *uuid, int wait,
                  struct vl_lock *lock);
/* Lets go and removes the file. */
void vl_lock_drop (struct vl_lock *lock);
/* Removes the files under KIND whose holder died before it wrote down what it
 * was about to do. */
void vl_lock_sweep (struct vl_app *app, const char *kind);

#endif
