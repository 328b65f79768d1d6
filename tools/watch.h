/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What `host watch` and `server event list --follow` share: listening to a hypervisor, for as long
 * as it takes. */

#ifndef VL_TOOL_WATCH_H
#define VL_TOOL_WATCH_H

#include "tool.h"

#include <virtloom/driver.h>

struct happened;

struct watch {
  struct tool *tool;
  const char *driver; /* NULL: as options and settings say */
  /* Called about once a second while somebody listens, this process or, with TAKEN, another; and
   * with LOST while the hypervisor cannot be reached.  0; what is over 0 ends it. */
  int (*tick) (struct watch *watch, int taken, int lost);
  void *opaque;
  /* The rest is watch.c's, zero at first. */
  struct happened *queue;
  size_t n, size;
  int looked; /* at all servers, since the hypervisor is listened to */
  int told;   /* that it is gone */
};

/* Listens and records until TICK ends it: what that answered, or -1 after findings of the tool. */
int watch_run (struct watch *watch);
/* Calls FN with an application of its own in a child process, so that nothing adds up here and
 * what plugins do ends nobody but the child.  1 where it came back, 0. */
int watch_apart (struct watch *watch, void (*fn) (struct vl_app *app, void *opaque), void *opaque);
/* Memory that such children share. */
void *watch_share (size_t size);
void watch_unshare (void *memory, size_t size);

/* host-watch.c */
int host_watch (struct tool *tool);
int host_tend (struct tool *tool);

#endif
