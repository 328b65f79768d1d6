/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * When a hypervisor's rendering means the same as what was asked for. */

#ifndef VL_CORE_MEANING_H
#define VL_CORE_MEANING_H

#include "domain/node.h"

struct vl_reading {
  struct vl_call *call;
  const struct vl_doc *doc;
  const struct vl_host *host; /* or NULL */
  const struct vl_xml *domain;
  int live;
};

/* Is NAME (NULL: the text) of NODE, which was made WANT, there in ACTUAL? */
int vl_same_value (const struct vl_reading *r, const struct vl_element *node, const char *name,
                   const char *want, const struct vl_xml *actual);
/* Does the domain as a whole mean NODE although the element is not there? */
int vl_meant_anyway (const struct vl_reading *r, const struct vl_element *node);

#endif
