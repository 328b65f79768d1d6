/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * virtloom audit: flavors and images of a cloud, and what comes of each pair of them. */

#ifndef VL_TOOL_AUDIT_H
#define VL_TOOL_AUDIT_H

#include "tool.h"

/* A flavor or an image of a catalogue. */
struct audit_item {
  const char *name;
  const char *part; /* of a request: JSON text, malloc */
};

struct audit_list {
  struct audit_item *items;
  size_t n, size;
  int no_properties; /* some item has no member that could hold any */
};

/* audit-read.c: what file PATH lists is added to LIST.  It is JSON of `openstack flavor
 * list --long`, `openstack image list --long`, of either's `show`, of virtloom's own
 * `list` and `show`, or of the API; several texts one after another are fine.  0; -1 after
 * findings. */
int audit_read_flavors (struct tool *tool, const char *path, struct audit_list *list);
int audit_read_images (struct tool *tool, const char *path, struct audit_list *list);
void audit_list_free (struct audit_list *list);

/* One kind of finding, by its text without numbers, and the plans that it is about.  Texts
 * are memory of the session that found it first. */
struct audit_fault {
  struct vl_finding finding; /* the first one */
  char *form;                /* its message with '#' for each number; malloc */
  int varies;                /* there are others of that form */
  uint32_t *plans;           /* numbers of plans, each once */
  size_t n, size;
};

struct audit_faults {
  struct audit_fault *items;
  size_t n, size;
};

/* A host, its session, and what was found there. */
struct audit_host {
  const char *name; /* as --host says it, or "this host" */
  struct vl_app *app;
  struct audit_faults faults;
  size_t n_refused;
  int code; /* the exit code of all plans */
};

/* All of a run.  The plan of flavor F, image I and host H has number
 * (F * images.n + I) * n_hosts + H. */
struct audit {
  struct tool *tool;
  struct audit_list flavors, images;
  struct audit_host *hosts;
  size_t n_hosts;
  const char *driver;
  struct audit_faults faults; /* of all hosts, in the order of showing */
  unsigned char *refused;     /* a byte for each plan */
  size_t n_refused;
};
#define AUDIT_MOST_HOSTS 64
#define AUDIT_MOST_PLANS 1000000

/* audit-show.c: shows everything. */
void audit_show (struct audit *audit);

#endif
